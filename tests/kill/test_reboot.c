/* test_reboot.c - what is left after the machine stopped, as far as the coordination files tell:
 * everybody is dead, and the files are gone or of another boot. What a disk had not yet
 * written is the matter of tests/power. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "kill.h"
#include "sync/format.h"

static struct board *board;

static struct copse_store *open_as(const char *path, uint32_t durability) {
  struct copse_store_options options = {.flags = COPSE_CREATE, .durability = durability};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static int open_again(const char *path, uint32_t flags, struct copse_store **store) {
  struct copse_store_options options = {.flags = flags};
  return copse_store_open(path, &options, store);
}

enum loss { LOSS_DELETED, LOSS_READERS, LOSS_WRITERS, LOSS_BOOT_ID, LOSSES };

static void file_lose(const char *path, const char *suffix, enum loss loss) {
  char name[512];
  snprintf(name, sizeof name, "%s%s", path, suffix);
  if (loss != LOSS_BOOT_ID) {
    CHECK_SYS(unlink(name));
    return;
  }
  uint8_t other[16] = "another boot id";
  int fd = CHECK_SYS(open(name, O_RDWR));
  CHECK_EQ(pwrite(fd, other, 16, offsetof(struct readers_header, boot_id)), 16);
  close(fd);
}

static void coordination_lose(const char *path, enum loss loss) {
  if (loss != LOSS_WRITERS)
    file_lose(path, "-readers", loss);
  if (loss != LOSS_READERS)
    file_lose(path, "-writers", loss);
}

/* A process that writes, syncs now and then, and dies at once, or closes when told to. */
static void writer_run(const char *path, uint32_t durability, uint64_t seed, int syncs, bool dies) {
  pid_t pid = test_fork();
  if (pid == 0) {
    struct ledger ledger;
    struct copse_store *store = open_as(path, durability);
    ledger_open(&ledger, store, seed);
    ledger.large = 15;
    for (int i = 0; i < syncs; i++) {
      for (uint64_t n = test_random_below(&ledger.random, 40); n > 0; n--)
        board_change(board, &ledger);
      uint64_t version;
      CHECK_OK(copse_store_sync(store, &version));
      CHECK_EQ(version, copse_store_version(store));
      board->intended = board->acked; /* what must be there afterwards, whatever follows */
    }
    if (!dies) {
      ledger_close(&ledger);
      CHECK_OK(copse_store_close(store));
      exit(0);
    }
    for (uint64_t n = test_random_below(&ledger.random, 80); n > 0; n--) {
      uint64_t version;
      CHECK_OK(ledger_change(&ledger, -1, &version));
    }
    raise(SIGKILL);
  }
  if (dies)
    CHECK_CHILD_KILLED(pid, SIGKILL);
  else
    CHECK_CHILD_OK(pid);
}

TEST(the_last_synced_state_is_there) {
  const char *path = test_disk_path("lazy");
  test_watchdog();
  for (int round = 0; round < 12 * test_scale(); round++) {
    board = board_new();
    writer_run(path, COPSE_DURABILITY_LAZY, test_seed() + (uint64_t)round, 1 + round % 4,
               round % 3 != 2);
    coordination_lose(path, (enum loss)(round % LOSSES));
    struct copse_store *store;
    CHECK_RESULT(open_again(path, COPSE_READ_ONLY, &store), COPSE_E_COORDINATION);
    store_survives(path, NULL, board->acked.version ? board : NULL);
    munmap(board, sizeof *board);
  }
  alarm(0);
}

/* Durability sync: the log brings back what the last root slot does not have, however long ago it was
 * written and whatever was begun. */
TEST(every_acknowledged_commit_is_there) {
  static const enum point points[] = {POINT_log_switched,        POINT_log_written,
                                      POINT_log_root_written,    POINT_log_root_newest,
                                      POINT_durable_data_synced, POINT_durable_root_written,
                                      POINT_durable_root_synced, POINT_commit_published};
  const int count = sizeof points / sizeof *points;
  test_watchdog();
  for (int round = 0; round < count * test_scale(); round++) {
    char name[32];
    snprintf(name, sizeof name, "sync%d", round);
    const char *path = test_disk_path(name);
    board = board_new();
    pid_t pid = test_fork();
    if (pid == 0) {
      struct copse_store_options options = {.flags = COPSE_CREATE |
                                                     (round % 3 ? COPSE_NO_SYNC_THREAD : 0),
                                            .durability = COPSE_DURABILITY_SYNC,
                                            .sync_bytes = round % 5 ? 128 << 10 : 0};
      struct copse_store *store;
      struct ledger ledger;
      CHECK_OK(copse_store_open(path, &options, &store));
      ledger_open(&ledger, store, test_seed() + (uint64_t)round);
      ledger.large = round % 2 ? 15 : 0;
      if (round % 5)
        points_die(points[round % count], 1 + test_random_below(&ledger.random, 4));
      for (int i = 0; i < 300; i++)
        board_change(board, &ledger);
      raise(SIGKILL);
    }
    CHECK_CHILD_KILLED(pid, SIGKILL);
    coordination_lose(path, (enum loss)(round % LOSSES));
    store_survives(path, NULL, board->acked.version ? board : NULL);
    munmap(board, sizeof *board);
  }
  alarm(0);
}

/* Killed at a point of a sync, then the machine stops: the state is one of the two. */
TEST(a_sync_that_was_cut_leaves_one_of_two_states) {
  static const enum point points[] = {POINT_durable_data_synced, POINT_durable_root_written,
                                      POINT_durable_root_synced};
  test_watchdog();
  for (int round = 0; round < 6 * test_scale(); round++) {
    char name[32];
    snprintf(name, sizeof name, "cut%d", round);
    const char *path = test_disk_path(name);
    board = board_new();
    pid_t pid = test_fork();
    if (pid == 0) {
      struct ledger ledger;
      struct copse_store *store = open_as(path, COPSE_DURABILITY_LAZY);
      ledger_open(&ledger, store, test_seed() + (uint64_t)round);
      for (int i = 0; i < 20; i++)
        board_change(board, &ledger);
      CHECK_OK(copse_store_sync(store, NULL));
      struct ledger_head synced = board->acked;
      for (int i = 0; i < 20; i++)
        board_change(board, &ledger);
      board->intended = board->acked;
      board->acked = synced;
      points_die(points[round % 3], 1);
      CHECK_OK(copse_store_sync(store, NULL));
      exit(0);
    }
    CHECK_CHILD_KILLED(pid, SIGKILL);
    coordination_lose(path, LOSS_DELETED);
    store_survives(path, NULL, board);
    munmap(board, sizeof *board);
  }
  alarm(0);
}

TEST(without_durability_it_says_so) {
  struct copse_store *store;
  for (int i = 0; i < 2; i++) {
    const char *path = i ? test_disk_path("none") : test_shm_path("none");
    board = board_new();
    writer_run(path, COPSE_DURABILITY_NONE, test_seed(), 2, true);
    store_survives(path, NULL, NULL); /* nothing is lost yet */
    writer_run(path, COPSE_DURABILITY_NONE, test_seed() + 1, 1, true);
    coordination_lose(path, LOSS_DELETED);
    CHECK_RESULT(open_again(path, 0, &store), i ? COPSE_E_UNCLEAN : COPSE_E_COORDINATION);
    CHECK_RESULT(open_again(path, COPSE_READ_ONLY, &store), COPSE_E_COORDINATION);
    CHECK_OK(copse_store_remove(path));
    munmap(board, sizeof *board);
  }
}

/* After a clean close the data file alone is the whole store. */
TEST(a_clean_close_needs_no_coordination_files) {
  for (int i = 0; i < 2; i++) {
    const char *path = i ? test_disk_path("clean") : test_shm_path("clean");
    for (int round = 0; round < 4; round++) {
      board = board_new();
      writer_run(path, i ? COPSE_DURABILITY_DEFAULT : COPSE_DURABILITY_NONE,
                 test_seed() + (uint64_t)round, 1, false);
      coordination_lose(path, round % 2 ? LOSS_READERS : LOSS_DELETED);
      store_survives(path, NULL, board->acked.version ? board : NULL);
      munmap(board, sizeof *board);
    }
  }
}

/* Readers that stay, or leave last, take nothing away from that: the file is complete when the last
 * writer has closed it. */
TEST(readers_may_leave_last) {
  for (int i = 0; i < 2; i++) {
    const char *path = i ? test_disk_path("last") : test_shm_path("last");
    for (int round = 0; round < 3; round++) {
      struct copse_store *reader;
      board = board_new();
      copse_store_close(open_as(path, COPSE_DURABILITY_NONE));
      CHECK_OK(open_again(path, COPSE_READ_ONLY, &reader));
      writer_run(path, 0, test_seed() + (uint64_t)round, 1, false);
      pid_t child =
          test_fork(); /* it goes on with the reader's handle, and does not write either */
      if (child == 0) {
        CHECK_OK(copse_store_close(reader));
        _exit(0);
      }
      CHECK_CHILD_OK(child);
      if (round == 2)
        writer_run(path, 0, test_seed() + 9, 1, false);
      CHECK_OK(copse_store_close(reader));
      coordination_lose(path, LOSS_DELETED);
      store_survives(path, NULL, board->acked.version ? board : NULL);
      munmap(board, sizeof *board);
    }
    CHECK_OK(copse_store_remove(path));
  }
}

/* A writer that closes while another is there does not: that one may write yet, and die. */
TEST(the_last_writer_counts) {
  struct copse_store *first, *late;
  const char *path = test_shm_path("two");
  board = board_new();
  first = open_as(path, COPSE_DURABILITY_NONE);
  int start[2];
  char c = 0;
  CHECK_SYS(pipe(start));
  pid_t child = test_fork();
  if (child == 0) {
    struct ledger ledger;
    uint64_t version;
    struct copse_store *store = open_as(path, 0);
    ledger_open(&ledger, store, test_seed());
    CHECK_OK(ledger_change(&ledger, -1, &version));
    CHECK_EQ(write(start[1], &c, 1), 1);
    pause();
  }
  CHECK_EQ(read(start[0], &c, 1), 1);
  CHECK_OK(copse_store_close(first));
  child_end(child);
  coordination_lose(path, LOSS_DELETED);
  CHECK_RESULT(open_again(path, 0, &late), COPSE_E_COORDINATION);
  CHECK_OK(copse_store_remove(path));
  munmap(board, sizeof *board);
}

/* Deleted under those who are attached: newcomers are told, the others go on. */
TEST(coordination_deleted_while_in_use) {
  for (enum loss loss = LOSS_DELETED; loss <= LOSS_WRITERS; loss++) {
    struct copse_store *store, *late;
    struct ledger ledger;
    uint64_t version;
    char name[32];
    snprintf(name, sizeof name, "used%d", (int)loss);
    const char *path = test_shm_path(name);
    store = open_as(path, 0);
    ledger_open(&ledger, store, test_seed());
    coordination_lose(path, loss);
    CHECK_RESULT(open_again(path, 0, &late), COPSE_E_COORDINATION);
    CHECK_RESULT(open_again(path, COPSE_READ_ONLY, &late), COPSE_E_COORDINATION);
    for (int i = 0; i < 300; i++)
      CHECK_OK(ledger_change(&ledger, -1, &version));
    ledger_verify(&ledger);
    ledger_check(store);
    CHECK_RESULT(open_again(path, 0, &late), COPSE_E_COORDINATION);
    ledger_close(&ledger);
    CHECK_OK(copse_store_close(store));
    store_survives(path, NULL, NULL);
  }
}

/* A file of another store in the place of one's own. */
TEST(coordination_of_another_store) {
  struct copse_store *store, *other, *late;
  char from[512], to[512];
  const char *path = test_shm_path("mine"), *foreign = test_shm_path("foreign");
  store = open_as(path, 0);
  other = open_as(foreign, 0);
  snprintf(from, sizeof from, "%s-writers", foreign);
  snprintf(to, sizeof to, "%s-writers", path);
  CHECK_SYS(unlink(to));
  CHECK_SYS(link(from, to));
  CHECK_RESULT(open_again(path, 0, &late), COPSE_E_COORDINATION);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(open_again(path, 0, &store)); /* alone: made anew, and the foreign file is left alone */
  struct ledger ledger;
  ledger_open(&ledger, other, test_seed());
  ledger_check(other);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_close(other));
}
