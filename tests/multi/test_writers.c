/* test_writers.c - 32 processes that write at once, by transactions and by batches, for a while: none is
 * refused, none is left out, and what they wrote is there. A minute in a full test. */
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "copse/copse.h"
#include "test.h"

enum { WRITERS = 32 };

struct tally {
  _Atomic uint64_t written[WRITERS];
};

static double now_s(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void transaction_write(struct copse_store *store, struct copse_map *map, uint64_t id,
                              uint64_t number) {
  struct copse_txn *txn;
  struct copse_bytes value;
  uint64_t before = 0;
  uint8_t key[8];
  copse_key_u64(id, key);
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  int result = copse_get(copse_txn_view(txn), map, key, 8, &value);
  CHECK(result == 0 || result == COPSE_NONE);
  if (result == 0)
    memcpy(&before, value.data, 8);
  CHECK_EQ(before, number - 1);
  CHECK_OK(copse_put(txn, map, key, 8, &number, 8, 0));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

/* Every fourth process leaves batches, and waits until each is visible. */
static _Noreturn void numbers_write(const char *path, struct tally *tally, uint64_t id,
                                    double end_s) {
  struct copse_store *store;
  struct copse_map *map;
  struct copse_batch *batch;
  CHECK_OK(copse_store_open(path, NULL, &store));
  CHECK_OK(copse_map_ensure(store, "m", NULL, -1, &map));
  CHECK_OK(copse_batch_open(store, &batch));
  for (uint64_t number = 1; now_s() < end_s || number <= 3; number++) {
    if (id % 4) {
      transaction_write(store, map, id, number);
    } else {
      uint8_t key[8];
      copse_key_u64(id, key);
      CHECK_OK(copse_batch_put(batch, map, key, 8, &number, 8));
      CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
    }
    tally->written[id] = number;
  }
  copse_batch_close(batch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  _exit(0);
}

static void numbers_compare(struct copse_store *store, const struct tally *tally) {
  struct copse_snapshot *snapshot;
  struct copse_map *map;
  uint64_t sums[2] = {0, 0}, least[2] = {UINT64_MAX, UINT64_MAX}; /* of those that leave batches */
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_map_open(view, "m", NULL, &map));
  for (uint64_t id = 0; id < WRITERS; id++) {
    struct copse_bytes value;
    uint64_t found;
    uint8_t key[8];
    copse_key_u64(id, key);
    CHECK_OK(copse_get(view, map, key, 8, &value));
    memcpy(&found, value.data, 8);
    CHECK_EQ(found, tally->written[id]);
    sums[id % 4 == 0] += found;
    if (found < least[id % 4 == 0])
      least[id % 4 == 0] = found;
  }
  test_note(__FILE__, __LINE__,
            "%llu transactions, %.2f of its share for the least-served; %llu batches, %.2f",
            (unsigned long long)sums[0], (double)least[0] * WRITERS * 3 / 4 / (double)sums[0],
            (unsigned long long)sums[1], (double)least[1] * WRITERS / 4 / (double)sums[1]);
  copse_map_close(map);
  copse_snapshot_close(snapshot);
}

static void many_write(const char *path, struct copse_store_options options, double seconds) {
  struct tally *tally =
      mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct copse_store *store;
  struct copse_check check;
  pid_t pids[WRITERS];
  CHECK(tally != MAP_FAILED);
  options.flags |= COPSE_CREATE;
  CHECK_OK(copse_store_open(path, &options, &store));
  double end_s = now_s() + seconds;
  for (uint64_t id = 0; id < WRITERS; id++) {
    pids[id] = test_fork();
    if (pids[id] == 0)
      numbers_write(path, tally, id, end_s);
  }
  for (int id = 0; id < WRITERS; id++)
    CHECK_CHILD_OK(pids[id]);
  numbers_compare(store, tally);
  CHECK_OK(copse_check_store(store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  CHECK_OK(copse_store_close(store));
  munmap(tally, sizeof *tally);
}

static double seconds(void) { return test_scale() > 8 ? 60 : test_seconds(2); }

TEST(thirty_two_writers) {
  many_write(test_shm_path("store"), (struct copse_store_options){0}, seconds());
}

TEST(thirty_two_durable_writers) {
  many_write(test_disk_path("store"),
             (struct copse_store_options){.durability = COPSE_DURABILITY_SYNC}, seconds() / 2);
}
