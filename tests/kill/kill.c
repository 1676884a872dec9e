/* kill/kill.c - see kill.h. */
#include "kill.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>

struct board *board_new(void) {
  void *p =
      mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  return p;
}

static struct board *counted_on;
static enum point fatal_point;
static uint64_t fatal_nth;

static void count_point(enum point point) { counted_on->reached[point]++; }

static void die_at_point(enum point point) {
  if (point == fatal_point && --fatal_nth == 0)
    raise(SIGKILL);
}

void points_count(struct board *board) {
  counted_on = board;
  points_hook = count_point;
}

void points_die(enum point point, uint64_t nth) {
  fatal_point = point;
  fatal_nth = nth;
  points_hook = die_at_point;
}

void board_change(struct board *board, struct ledger *ledger) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(ledger->store, -1, &txn));
  board->inside = ledger->writer;
  if (board->intended.version == copse_store_version(ledger->store))
    board->acked = board->intended; /* its writer died before it could say so */
  unsigned operations = test_random_one_in(&ledger->random, 30)
                            ? 100
                            : (unsigned)test_random_range(&ledger->random, 1, 6);
  CHECK_OK(ledger_change_in(ledger, txn, operations));
  CHECK_EQ(board->inside, ledger->writer);
  if (test_random_one_in(&ledger->random, 8)) {
    copse_txn_abort(txn);
    return;
  }
  board->intended = ledger->last;
  CHECK_OK(copse_txn_commit(txn, NULL));
  if (board->intended.version ==
      ledger->last.version) /* else the next writer has noted it, and more */
    board->acked = ledger->last;
  board->commits++;
}

static void state_check(struct copse_store *store, struct ledger *ledger,
                        const struct board *board) {
  struct copse_snapshot *snapshot;
  struct ledger_head head;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  CHECK_OK(ledger_read(ledger, copse_snapshot_view(snapshot), &head));
  CHECK_EQ(head.version, copse_snapshot_version(snapshot));
  if (board && board->acked.version)
    CHECK_MSG(memcmp(&head, &board->acked, sizeof head) == 0 ||
                  memcmp(&head, &board->intended, sizeof head) == 0,
              "version %llu found, %llu acknowledged, %llu begun", (unsigned long long)head.version,
              (unsigned long long)board->acked.version,
              (unsigned long long)board->intended.version);
  copse_snapshot_close(snapshot);
}

void store_survives(const char *path, const struct copse_store_options *options,
                    const struct board *board) {
  struct copse_store *store;
  struct ledger ledger;
  uint64_t version;
  CHECK_OK(copse_store_open(path, options, &store));
  ledger_open(&ledger, store, test_seed());
  state_check(store, &ledger, board);
  ledger_check(store);
  state_check(store, &ledger, board);
  for (int i = 0; i < 4; i++)
    CHECK_OK(ledger_change(&ledger, -1, &version));
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

void child_end(pid_t pid) {
  CHECK_SYS(kill(pid, SIGKILL));
  CHECK_CHILD_KILLED(pid, SIGKILL);
}

pid_t fork_in_namespace(pid_t *pid) {
  int pipes[2];
  CHECK_SYS(pipe(pipes));
  pid_t between = test_fork();
  CHECK_SYS(between);
  if (between == 0) {
    bool apart = unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
    pid_t child = apart ? fork() : -1;
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(pipes[0]);
      close(pipes[1]);
      return 0;
    }
    if (write(pipes[1], &child, sizeof child) != sizeof child || child < 0)
      _exit(1);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
      ;
    _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 1);
  }
  close(pipes[1]);
  ssize_t n = read(pipes[0], pid, sizeof *pid);
  close(pipes[0]);
  if (n == sizeof *pid && *pid > 0)
    return between;
  waitpid(between, NULL, 0);
  return -1;
}
