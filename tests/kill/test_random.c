/* test_random.c - deaths at random instants: writers, readers and those that come and go are
 * killed and replaced, and others are looked at all the while.
 *
 * The delays before a death only choose its instant; nothing waits for time to pass. */
#include <sched.h>
#include <time.h>

#include "kill.h"

#define ACTORS_MAX 8

enum role { ROLE_WRITER, ROLE_READER, ROLE_VISITOR, ROLE_AUDITOR, ROLE_OBSERVER, ROLES };

struct actor {
  enum role role;
  pid_t pid;    /* whom to kill */
  pid_t parent; /* whom to wait for: itself, or who stands between in a PID namespace */
};

struct run {
  const char *path;
  struct copse_store_options options;
  struct board *board;
  struct actor actors[ACTORS_MAX];
  unsigned count;
  bool namespaces;
  uint64_t kills, spawned;
  struct test_random random;
};

/* --- actors, each a process -------------------------------------------------------------- */

static void snapshots_read(struct run *run, struct ledger *ledger, uint64_t *newest) {
  struct copse_snapshot *snapshot;
  struct ledger_head head;
  CHECK_OK(copse_snapshot_open(ledger->store, 0, &snapshot));
  for (int i = 0; i < 5; i++) {
    uint64_t version = copse_snapshot_version(snapshot);
    CHECK_GE(version, *newest);
    *newest = version;
    CHECK_OK(ledger_read(ledger, copse_snapshot_view(snapshot), &head));
    CHECK_EQ(head.version, version);
    run->board->snapshots++;
    if (test_random_one_in(&ledger->random, 2))
      CHECK(copse_snapshot_refresh(snapshot) >= 0);
  }
  copse_snapshot_close(snapshot);
}

/* Who is passed by writers goes on with a newer version; kept or not, never with a mixture. */
static void versions_observe(struct run *run, struct ledger *ledger, uint64_t *newest) {
  struct copse_snapshot *snapshot;
  struct ledger_head head;
  CHECK_OK(copse_snapshot_open(
      ledger->store, test_random_one_in(&ledger->random, 2) ? COPSE_SNAPSHOT_KEPT : 0, &snapshot));
  for (int i = 0; i < 5; i++) {
    uint64_t version = copse_snapshot_version(snapshot);
    CHECK_GE(version, *newest);
    *newest = version;
    int result = ledger_read(ledger, copse_snapshot_view(snapshot), &head);
    CHECK_MSG(result == 0 || result == COPSE_E_OVERRUN, "%s", copse_error_detail());
    if (result == 0)
      CHECK_EQ(head.version, version);
    run->board->snapshots += result == 0;
    CHECK(copse_snapshot_refresh(snapshot) >= 0);
  }
  copse_snapshot_close(snapshot);
}

static _Noreturn void act(struct run *run, enum role role, uint64_t seed) {
  struct ledger ledger;
  struct copse_store *store = NULL;
  uint64_t newest = 0;
  for (;;) {
    if (!store) {
      static const struct copse_store_options observing = {.flags = COPSE_OBSERVE};
      CHECK_OK(
          copse_store_open(run->path, role == ROLE_OBSERVER ? &observing : &run->options, &store));
      ledger_open(&ledger, store, seed);
    }
    switch (role) {
    case ROLE_WRITER: board_change(run->board, &ledger); break;
    case ROLE_READER: snapshots_read(run, &ledger, &newest); break;
    case ROLE_AUDITOR: ledger_check(store); break;
    case ROLE_OBSERVER: versions_observe(run, &ledger, &newest); break;
    default: board_change(run->board, &ledger); snapshots_read(run, &ledger, &newest);
    }
    if (role == ROLE_VISITOR || test_random_one_in(&ledger.random, 200)) {
      ledger_close(&ledger);
      CHECK_OK(copse_store_close(store));
      store = NULL;
      seed += 1000000;
    }
  }
}

/* --- the killer -------------------------------------------------------------------------- */

static void actor_start(struct run *run, struct actor *actor) {
  uint64_t seed = test_seed() + ++run->spawned;
  if (run->namespaces && test_random_one_in(&run->random, 2)) {
    actor->parent = fork_in_namespace(&actor->pid);
    CHECK_NE(actor->parent, -1);
  } else {
    actor->pid = actor->parent = test_fork();
    CHECK_SYS(actor->pid);
  }
  if (actor->parent == 0)
    act(run, actor->role, seed);
}

static void actor_kill(struct run *run, struct actor *actor) {
  int status;
  CHECK_SYS(kill(actor->pid, SIGKILL));
  CHECK_EQ(waitpid(actor->parent, &status, 0), actor->parent);
  bool killed = actor->pid == actor->parent ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                                            : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  CHECK_MSG(killed, "an actor (role %d) ended by itself: status %x", actor->role, (unsigned)status);
  run->kills++;
}

static void instant_choose(struct run *run) {
  struct timespec time = {0, (long)test_random_below(&run->random, 1500000)};
  if (test_random_one_in(&run->random, 3))
    sched_yield();
  else
    nanosleep(&time, NULL);
}

static void look(struct run *run) {
  struct copse_store *store;
  struct ledger ledger;
  CHECK_OK(copse_store_open(run->path, &run->options, &store));
  ledger_open(&ledger, store, test_seed());
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* The ledger's maps, which not every role can make. By a child: this process stays free of handles. */
static void found(struct run *run) {
  pid_t pid = test_fork();
  if (pid == 0) {
    look(run);
    exit(0);
  }
  CHECK_CHILD_OK(pid);
}

static void kill_for(struct run *run, const enum role *roles, unsigned count, uint64_t kills) {
  test_watchdog();
  run->board = board_new();
  run->random.state = test_seed();
  run->options.flags |= COPSE_CREATE;
  run->count = count;
  found(run);
  for (unsigned i = 0; i < count; i++) {
    run->actors[i].role = roles[i];
    actor_start(run, &run->actors[i]);
  }
  while (run->kills < kills) {
    instant_choose(run);
    struct actor *actor = &run->actors[test_random_below(&run->random, count)];
    actor_kill(run, actor);
    actor_start(run, actor);
    if (test_random_one_in(&run->random, 25))
      look(run);
  }
  for (unsigned i = 0; i < count; i++)
    actor_kill(run, &run->actors[i]);
  store_survives(run->path, &run->options, run->board);
  test_note(__FILE__, __LINE__, "%llu deaths, %llu commits, %llu snapshots read whole",
            (unsigned long long)run->kills, (unsigned long long)run->board->commits,
            (unsigned long long)run->board->snapshots);
  munmap(run->board, sizeof *run->board);
  CHECK_OK(copse_store_remove(run->path));
  alarm(0);
}

TEST(writers_and_readers) {
  static const enum role roles[] = {ROLE_WRITER, ROLE_WRITER, ROLE_READER, ROLE_READER};
  struct run run = {.path = test_shm_path("mixed")};
  kill_for(&run, roles, 4, 300 * (uint64_t)test_scale());
}

TEST(observers_beside_writers) {
  static const enum role roles[] = {ROLE_WRITER, ROLE_VISITOR, ROLE_OBSERVER, ROLE_OBSERVER};
  struct run run = {.path = test_shm_path("observed")};
  kill_for(&run, roles, 4, 150 * (uint64_t)test_scale());
}

TEST(who_comes_and_goes) {
  static const enum role roles[] = {ROLE_VISITOR, ROLE_VISITOR, ROLE_VISITOR, ROLE_AUDITOR};
  struct run run = {.path = test_shm_path("visitors")};
  kill_for(&run, roles, 4, 200 * (uint64_t)test_scale());
}

/* Asked before there are actors that a skipped test would leave behind. */
static bool namespaces_are_permitted(void) {
  pid_t pid, between = fork_in_namespace(&pid);
  if (between == 0)
    _exit(0);
  if (between > 0)
    waitpid(between, NULL, 0);
  return between > 0;
}

TEST(in_other_pid_namespaces) {
  if (!namespaces_are_permitted())
    SKIP("PID namespaces are not permitted here");
  static const enum role roles[] = {ROLE_WRITER, ROLE_WRITER, ROLE_READER, ROLE_VISITOR};
  struct run run = {.path = test_shm_path("namespaces"), .namespaces = true};
  kill_for(&run, roles, 4, 150 * (uint64_t)test_scale());
}

TEST(a_lazy_store_on_disk) {
  static const enum role roles[] = {ROLE_WRITER, ROLE_VISITOR, ROLE_READER};
  struct run run = {.path = test_disk_path("disk")};
  kill_for(&run, roles, 3, 40 * (uint64_t)test_scale());
}

TEST(a_store_of_several_files) {
  static const enum role roles[] = {ROLE_WRITER, ROLE_VISITOR, ROLE_READER, ROLE_OBSERVER};
  struct run run = {.path = test_shm_path("files"),
                    .options = {.max_bytes = 256 << 20, .file_bytes = 1 << 20}};
  kill_for(&run, roles, 4, 100 * (uint64_t)test_scale());
}
