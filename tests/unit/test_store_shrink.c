/* test_store_shrink.c - storage is given back while a store is used, and reserved again before it is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region/os.h"
#include "test_store_fixture.h"

#define LARGE 100000u

static uint64_t storage_of(const char *path) {
  struct stat stat_of;
  CHECK_SYS(stat(path, &stat_of));
  return (uint64_t)stat_of.st_blocks * 512;
}

static uint64_t length_of(const char *path) {
  struct stat stat_of;
  CHECK_SYS(stat(path, &stat_of));
  return (uint64_t)stat_of.st_size;
}

static int large_put(struct copse_txn *txn, struct copse_map *map, uint64_t number, int round) {
  uint8_t key[8];
  void *memory;
  copse_key_u64(number, key);
  int result = copse_reserve(txn, map, key, 8, LARGE, 0, &memory);
  if (result == 0)
    memset(memory, (int)number + round, LARGE);
  return result;
}

static void large_fill(struct copse_store *store, struct copse_map *map, uint64_t from,
                       uint64_t to) {
  struct copse_txn *txn = begin(store);
  for (uint64_t i = from; i < to; i++)
    CHECK_OK(large_put(txn, map, i, 0));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void large_delete(struct copse_store *store, struct copse_map *map, uint64_t from,
                         uint64_t to) {
  struct copse_txn *txn = begin(store);
  for (uint64_t i = from; i < to; i++) {
    uint8_t key[8];
    copse_key_u64(i, key);
    CHECK_OK(copse_delete(txn, map, key, 8));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void large_check(struct copse_view *view, struct copse_map *map, uint64_t from,
                        uint64_t to) {
  static uint8_t expected[LARGE];
  for (uint64_t i = from; i < to; i++) {
    struct copse_bytes value;
    uint8_t key[8];
    copse_key_u64(i, key);
    CHECK_OK(copse_get(view, map, key, 8, &value));
    memset(expected, (int)i, LARGE);
    CHECK_BYTES(value.data, value.size, expected, LARGE);
  }
}

static void large_is(struct copse_store *store, struct copse_map *map, uint64_t from, uint64_t to) {
  struct copse_snapshot *snapshot = snapshot_new(store);
  large_check(copse_snapshot_view(snapshot), map, from, to);
  copse_snapshot_close(snapshot);
}

static struct copse_shrunk shrink(struct copse_store *store) {
  struct copse_shrunk shrunk;
  CHECK_OK(copse_store_shrink(store, &shrunk));
  store_sound(store);
  return shrunk;
}

static void given_back_and_taken_again(const char *path) {
  struct copse_store *store = store_new(path, 256 << 20);
  struct copse_map *map = map_new(store, "m");
  struct copse_stat stat;
  for (int round = 0; round < 2; round++) {
    large_fill(store, map, 0, 200); /* 20 MB */
    uint64_t length = length_of(path);
    large_delete(store, map, 20, 200);
    struct copse_shrunk shrunk = shrink(store);
    CHECK_GT(shrunk.before_bytes, 20 << 20 >> 1);
    CHECK_LT(shrunk.after_bytes, 5 << 20);
    CHECK_EQ(length_of(path), length);
    CHECK_EQ(storage_of(path), shrunk.after_bytes);
    CHECK_OK(copse_stat(store, &stat));
    CHECK_EQ(stat.storage_bytes, shrunk.after_bytes);
    CHECK_EQ(stat.file_bytes, length);
    large_is(store, map, 0, 20);
  }
  large_fill(store, map, 20, 200);
  large_is(store, map, 0, 200);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(in_memory) { given_back_and_taken_again(test_shm_path("store")); }
TEST(on_disk) { given_back_and_taken_again(test_disk_path("store")); }

/* Records whose pages are all that keeps segments from being free. */
static void scattered(const char *path, size_t value_size, uint64_t records) {
  struct copse_store *store = store_new(path, 1 << 30);
  struct copse_map *map = map_new(store, "m");
  struct test_random random = {test_seed()};
  uint8_t *value = malloc(value_size), key[8];
  struct copse_bytes found;
  struct copse_txn *txn = begin(store);
  for (uint64_t i = 0; i < records; i++) {
    copse_key_u64(i * 7919 % records, key);
    memset(value, (int)(i * 7919 % records), value_size);
    CHECK_OK(copse_put(txn, map, key, 8, value, value_size, 0));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  uint8_t *kept = calloc(1, records);
  txn = begin(store);
  for (uint64_t i = 0; i < records; i++) {
    kept[i] = i / 64 % 8 == 3 && !test_random_one_in(&random, 10);
    copse_key_u64(i, key);
    if (!kept[i])
      CHECK_OK(copse_delete(txn, map, key, 8));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *snapshot = snapshot_new(store);
  uint64_t version = copse_snapshot_version(snapshot);
  copse_snapshot_close(snapshot);
  struct copse_shrunk shrunk = shrink(store);
  CHECK_GT(shrunk.moved_bytes, 0);
  CHECK_LT(shrunk.after_bytes, shrunk.before_bytes / 3);
  CHECK_GT(copse_store_version(store), version);
  snapshot = snapshot_new(store);
  for (uint64_t i = 0; i < records; i++) {
    copse_key_u64(i, key);
    memset(value, (int)i, value_size);
    CHECK_RESULT(copse_get(copse_snapshot_view(snapshot), map, key, 8, &found),
                 kept[i] ? 0 : COPSE_NONE);
    if (kept[i])
      CHECK_BYTES(found.data, found.size, value, value_size);
  }
  copse_snapshot_close(snapshot);
  shrunk = shrink(store); /* again: there is little left to do */
  CHECK_LT(shrunk.moved_bytes, shrunk.after_bytes / 2);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  free(value);
  free(kept);
}

TEST(scattered_small_records) { scattered(test_shm_path("store"), 100, 120000); }
TEST(scattered_values_of_a_page) { scattered(test_shm_path("store"), 3000, 6000); }
TEST(scattered_runs) { scattered(test_shm_path("store"), 20000, 2000); }
TEST(scattered_on_disk) { scattered(test_disk_path("store"), 700, 20000); }

/* --- no storage when it is needed again ------------------------------------------------------ */

static int disk_full(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return call == OS_CALL_ALLOCATE ? ENOSPC : 0;
}

/* With free pages in holes only, a full disk is an error of the put, and passes. */
static void full_then_not(struct copse_store *store, struct copse_map *map) {
  struct copse_txn *txn = begin(store);
  uint64_t storage = storage_of(copse_store_path(store));
  int result = 0;
  os_hook = disk_full;
  for (uint64_t i = 1000; i < 1200 && result == 0; i++)
    result = large_put(txn, map, i, 0);
  CHECK_RESULT(result, COPSE_E_NO_SPACE);
  result = 0;
  for (uint64_t i = 0; i < 100000 && result == 0; i++) {
    uint8_t key[8];
    copse_key_u64(5000 + i, key);
    result = copse_put(txn, map, key, 8, "a small record, many of which need pages", 40, 0);
  }
  CHECK_RESULT(result, COPSE_E_NO_SPACE);
  os_hook = NULL;
  CHECK_EQ(storage_of(copse_store_path(store)), storage); /* nothing without storage was touched */
  copse_txn_abort(txn);
  store_sound(store);
  large_is(store, map, 0, 20);
  large_fill(store, map, 1000, 1100);
  large_is(store, map, 1000, 1100);
  store_sound(store);
}

TEST(full_when_it_is_needed_again) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 256 << 20);
  struct copse_map *map = map_new(store, "m");
  large_fill(store, map, 0, 200);
  large_delete(store, map, 20, 200);
  shrink(store);
  full_then_not(store, map);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* The books are made anew, as after a restart of the machine: nothing is known of free segments. */
TEST(full_after_the_books_were_lost) {
  const char *path = test_shm_path("store");
  char name[760];
  struct copse_store *store = store_new(path, 256 << 20);
  struct copse_map *map = map_new(store, "m");
  large_fill(store, map, 0, 200);
  large_delete(store, map, 20, 200);
  shrink(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  snprintf(name, sizeof name, "%s-writers", path);
  CHECK_SYS(unlink(name));
  CHECK_OK(copse_store_open(path, NULL, &store));
  map = map_new(store, "m");
  store_sound(store);
  full_then_not(store, map);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* --- beside others --------------------------------------------------------------------------- */

TEST(a_snapshot_keeps_what_it_shows) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 256 << 20);
  struct copse_map *map = map_new(store, "m");
  large_fill(store, map, 0, 200);
  struct copse_snapshot *snapshot = snapshot_new(store);
  large_delete(store, map, 20, 200);
  struct copse_shrunk shrunk = shrink(store);
  CHECK_GT(shrunk.held_bytes, 150 * LARGE);
  CHECK_GT(shrunk.after_bytes, 150 * LARGE);
  large_check(copse_snapshot_view(snapshot), map, 0, 200);
  copse_snapshot_close(snapshot);
  shrunk = shrink(store);
  CHECK_LT(shrunk.held_bytes, 10 * LARGE);
  CHECK_LT(shrunk.after_bytes, 5 << 20);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* Another process writes and reads while this one shrinks again and again. */
TEST(beside_a_writer) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 256 << 20);
  struct copse_map *map = map_new(store, "m");
  int go[2], status;
  char byte;
  CHECK_SYS(pipe(go));
  pid_t pid = test_fork();
  if (pid == 0) {
    struct test_random random = {test_seed()};
    struct copse_store *own;
    CHECK_OK(copse_store_open(path, NULL, &own));
    map = map_new(own, "m");
    for (int i = 0; i < 300 * test_scale(); i++) {
      uint64_t from = test_random_below(&random, 100);
      large_fill(own, map, from, from + 20);
      large_is(own, map, from, from + 20);
      if (i == 2)
        CHECK_EQ(write(go[1], "", 1), 1);
      large_delete(own, map, from, from + 20);
    }
    copse_map_close(map);
    CHECK_OK(copse_store_close(own));
    _exit(0);
  }
  close(go[1]);
  CHECK_EQ(read(go[0], &byte, 1), 1);
  int rounds = 0;
  do {
    CHECK_OK(copse_store_shrink(store, NULL));
    rounds++;
  } while (waitpid(pid, &status, WNOHANG) == 0);
  CHECK_EQ(status, 0);
  shrink(store);
  test_note(__FILE__, __LINE__, "%d times beside the writer", rounds);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(who_may_shrink) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store = store_new(path, 64 << 20), *other;
  struct copse_map *map = map_new(store, "m");
  CHECK_OK(copse_store_open(path, &read_only, &other));
  CHECK_RESULT(copse_store_shrink(other, NULL), COPSE_E_READ_ONLY);
  CHECK_OK(copse_store_close(other));
  struct copse_txn *txn = begin(store);
  CHECK_RESULT(copse_store_shrink(store, NULL), COPSE_E_DEADLOCK);
  copse_txn_abort(txn);
  CHECK_OK(copse_store_shrink(store, NULL));
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_OK(copse_snapshot_seal(snapshot, copy, 0));
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_open(copy, &read_only, &other));
  CHECK_RESULT(copse_store_shrink(other, NULL), COPSE_E_READ_ONLY);
  CHECK_OK(copse_store_close(other));
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}
