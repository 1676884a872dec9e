/* test_apply.c - power cuts while a copy is brought up to date: cut at any moment, in any way (disk.h), the
 * next call that applies leaves the copy as it was or as it should become, and once the
 * first call has returned, as it should become. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../multi/ledger.h"
#include "base/points.h"
#include "disk.h"
#include "region/os.h"
#include "stream.h"

static struct disk *disk;
/* Of the versions before and after: */
static struct ledger_head heads[2];
static uint64_t arenas[2][2];
static struct stream changes;
static unsigned acknowledged; /* moment at which the call had returned */

static void look_at_points(enum point point) {
  (void)point;
  disk_look(disk);
}

static struct ledger_head head_now(struct copse_store *store) {
  struct copse_snapshot *snapshot;
  struct ledger ledger;
  struct ledger_head head;
  ledger_open(&ledger, store, 1);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
  copse_snapshot_close(snapshot);
  ledger_close(&ledger);
  return head;
}

static void arenas_now(struct copse_store *store, uint64_t hashes[2]) {
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  hashes[0] = slots_hash(copse_snapshot_view(snapshot), "arena", NULL);
  hashes[1] = slots_hash(copse_snapshot_view(snapshot), "tree", NULL);
  copse_snapshot_close(snapshot);
}

/* One transaction of changes to maps and arenas. */
static void change(struct ledger *ledger, struct test_random *random) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(ledger->store, -1, &txn));
  CHECK_OK(ledger_change_in(ledger, txn, (unsigned)test_random_range(random, 1, 6)));
  slots_change(random, txn, "arena");
  tree_change(random, txn, "tree");
  CHECK_OK(copse_txn_commit(txn, NULL));
}

/* A copy, and a stream that leads on from it. */
static void copy_prepare(const char *copy, struct test_random *random) {
  const char *path = test_shm_path("store");
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_position at;
  struct copse_store *store;
  struct ledger ledger;
  CHECK_OK(copse_store_open(path, &options, &store));
  ledger_open(&ledger, store, test_random_next(random));
  ledger.keys = 60;
  ledger.large = 0;
  for (int i = 0; i < 2; i++) {
    for (uint64_t n = test_random_range(random, 1, 20); n; n--)
      change(&ledger, random);
    changes = stream_make(store, i ? &at : NULL);
    if (i == 0) {
      CHECK_OK(stream_apply(&changes, copy, &at));
      stream_free(&changes);
    }
    heads[i] = head_now(store);
    arenas_now(store, arenas[i]);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
}

/* Which of the two the copy holds: wholly that one. */
static int copy_state(const char *copy) {
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store;
  CHECK_OK(copse_store_open(copy, &read_only, &store));
  ledger_check(store);
  struct ledger_head head = head_now(store);
  uint64_t hashes[2];
  arenas_now(store, hashes);
  CHECK_OK(copse_store_close(store));
  int after = memcmp(&head, &heads[1], sizeof head) == 0;
  CHECK(after || memcmp(&head, &heads[0], sizeof head) == 0);
  CHECK(memcmp(hashes, arenas[after], sizeof hashes) == 0);
  return after;
}

static void image_check(const char *copy, unsigned moment) {
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store;
  int result = copse_store_open(copy, &read_only, &store);
  if (result == 0)
    CHECK_OK(copse_store_close(store));
  else
    CHECK_RESULT(result, COPSE_E_STATE);
  CHECK_OK(copse_copy_apply(copy, 0, NULL, NULL, NULL));
  int after = copy_state(copy);
  if (moment >= acknowledged)
    CHECK(after);
  CHECK_OK(stream_apply(&changes, copy, NULL));
  CHECK(copy_state(copy));
}

static void cut_check(unsigned moment, enum disk_cut cut, uint64_t seed) {
  struct test_random random = {seed};
  const char *path = test_shm_path("cut"), *second = test_shm_path("second");
  CHECK_EQ(disk_cut(disk, moment, cut, &random, path), 0);
  if (test_random_below(&random, 3)) {
    image_check(path, moment);
    return;
  }
  /* What completes it is cut in turn. */
  struct disk *completing = disk_record(path);
  CHECK_OK(stream_apply(&changes, path, NULL));
  disk_stop(completing);
  unsigned later = 1 + (unsigned)test_random_below(&random, disk_moment(completing));
  CHECK_EQ(disk_cut(completing, later, (enum disk_cut)test_random_below(&random, DISK_CUTS),
                    &random, second),
           0);
  disk_free(completing);
  image_check(second, moment);
}

static void cut_in_child(unsigned moment, enum disk_cut cut, uint64_t seed) {
  pid_t pid = test_fork();
  int status;
  if (pid == 0) {
    cut_check(moment, cut, seed);
    exit(0);
  }
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_MSG(status == 0, "cut %d at moment %u of %u, seed %llu", cut, moment, disk_moment(disk),
            (unsigned long long)seed);
}

TEST(apply) {
  struct test_random random = {test_seed()};
  int rounds = 2 * test_scale(), cuts = test_scale() > 1 ? 50 : 25;
  const char *copy = test_shm_path("copy");
  alarm(3000);
  for (int round = 0; round < rounds; round++) {
    copy_prepare(copy, &random);
    disk = disk_record(copy);
    points_hook = look_at_points;
    CHECK_OK(stream_apply(&changes, copy, NULL));
    points_hook = NULL;
    acknowledged = disk_moment(disk);
    disk_stop(disk);
    for (int i = 0; i < cuts; i++) {
      unsigned moment = 1 + (unsigned)test_random_below(&random, disk_moment(disk));
      if (test_random_one_in(&random, 4)) /* where marks are written and the file goes */
        moment = disk_moment(disk) - (unsigned)test_random_below(&random, 12);
      cut_in_child(moment, (enum disk_cut)(i % DISK_CUTS), test_random_next(&random));
    }
    disk_free(disk);
    stream_free(&changes);
    CHECK_OK(copse_store_remove(copy));
  }
  test_note(__FILE__, __LINE__, "%d power cuts", rounds * cuts);
  alarm(0);
}
