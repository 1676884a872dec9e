/* test_store_misfortune.c - what befalls a store from outside: clocks that are set, files that are deleted
 * under its users, storage that runs out in each durability. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "region/os.h"
#include "test_store_fixture.h"

static char *beside(const char *path, const char *suffix) {
  static char names[4][760];
  static int next;
  char *name = names[next++ % 4];
  snprintf(name, sizeof names[0], "%s%s", path, suffix);
  return name;
}

static const enum copse_durability durabilities[] = {COPSE_DURABILITY_NONE, COPSE_DURABILITY_LAZY,
                                                     COPSE_DURABILITY_SYNC};
static const char *const names[] = {"none", "lazy", "sync"};

static struct copse_store *store_of(const char *path, enum copse_durability durability) {
  struct copse_store_options options = {.flags = COPSE_CREATE | COPSE_NO_SYNC_THREAD,
                                        .durability = durability,
                                        .sync_interval_ms = 5,
                                        .sync_bytes = 1 << 20};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

/* --- clocks --------------------------------------------------------------------------------- */

#if !TEST_TSAN && !TEST_ASAN /* which have a clock_gettime() of their own */

static _Atomic int64_t jump_s; /* what the wall clock is wrong by */

/* In the place of the C library's, for the library and the test. */
int clock_gettime(clockid_t clock, struct timespec *time) {
  long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    time->tv_sec += jump_s;
  return (int)result;
}

static _Atomic int jumping_ends;

static void *clock_jump(void *argument) {
  static const int64_t jumps[] = {0, 3600, -3600, 400000000, -1000000000, 1, -1};
  for (unsigned i = 0; !jumping_ends; i++) {
    jump_s = jumps[i % (sizeof jumps / sizeof *jumps)];
    nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
  }
  jump_s = 0;
  return argument;
}

static void work(const char *path, enum copse_durability durability) {
  struct copse_store *store = store_of(path, durability), *other;
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot = snapshot_new(store);
  uint64_t version;
  CHECK_OK(copse_store_open(path, NULL, &other));
  for (int i = 0; i < 40; i++) {
    struct copse_txn *txn = begin(store), *none;
    CHECK_OK(put_text(txn, map, "key", i % 2 ? "odd" : "even"));
    /* Half of the time limits pass, and the other half do not. */
    CHECK_RESULT(copse_txn_begin(other, 2000000, &none), COPSE_E_TIMEOUT);
    CHECK_OK(copse_txn_commit(txn, &version));
    CHECK_OK(copse_wait_durable(store, version, INT64_C(60000000000)));
    CHECK_OK(copse_snapshot_refresh(snapshot));
    CHECK_EQ(copse_snapshot_version(snapshot), version);
    text_is(copse_snapshot_view(snapshot), map, "key", i % 2 ? "odd" : "even");
  }
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(other));
  CHECK_OK(copse_store_close(store));
}

TEST(clocks_that_are_set) {
  pthread_t thread;
  const char *paths[3];
  for (int i = 0; i < 3; i++)
    paths[i] = i ? test_disk_path(names[i]) : test_shm_path(names[i]);
  jumping_ends = 0;
  CHECK_EQ(pthread_create(&thread, NULL, clock_jump, NULL), 0);
  for (int i = 0; i < 3; i++)
    work(paths[i], durabilities[i]);
  jumping_ends = 1;
  pthread_join(thread, NULL);
}

/* What a commit says of its time follows the clock, whichever way it was set. */
TEST(commits_tell_what_the_clock_says) {
  struct copse_store *store = store_new(test_shm_path("store"), 0);
  struct copse_map *map = map_new(store, "m");
  static const int64_t jumps[] = {0, 100000000, -100000000};
  for (int i = 0; i < 3; i++) {
    jump_s = jumps[i];
    set_text(store, map, "key", "value");
    struct copse_snapshot *snapshot = snapshot_new(store);
    int64_t seconds = (int64_t)(copse_snapshot_time_ns(snapshot) / 1000000000),
            now = (int64_t)time(NULL) + jumps[i]; /* time() is the system's */
    CHECK_LT(seconds - now, 1000);
    CHECK_LT(now - seconds, 1000);
    copse_snapshot_close(snapshot);
  }
  jump_s = 0;
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

#endif

/* --- files deleted under their users ---------------------------------------------------------- */

static void files_delete(const char *path) {
  static const char *const ends[] = {"", "-readers", "-writers", "-log"};
  for (int i = 0; i < 4; i++)
    CHECK(unlink(beside(path, ends[i])) == 0 || errno == ENOENT);
}

/* Who has it open goes on; who comes then finds nothing, or a store of its own. */
static void delete_under_users(const char *path, enum copse_durability durability) {
  struct copse_store *stores[2] = {store_of(path, durability), store_of(path, durability)}, *fresh;
  struct copse_map *maps[2] = {map_new(stores[0], "m"), map_new(stores[1], "m")}, *map;
  set_text(stores[0], maps[0], "key", "before");
  struct copse_snapshot *snapshot = snapshot_new(stores[1]);
  files_delete(path);
  CHECK_RESULT(copse_store_open(path, NULL, &fresh), COPSE_E_NO_STORE);
  text_is(copse_snapshot_view(snapshot), maps[1], "key", "before");
  fresh = store_of(path, durability);
  map = map_new(fresh, "m");
  set_text(fresh, map, "key", "another store");
  for (int i = 0; i < 300; i++)
    set_text(stores[i % 2], maps[i % 2], "key", i == 299 ? "after" : "in between");
  CHECK_OK(copse_snapshot_refresh(snapshot));
  text_is(copse_snapshot_view(snapshot), maps[1], "key", "after");
  copse_snapshot_close(snapshot);
  for (int i = 0; i < 2; i++) {
    store_sound(stores[i]);
    copse_map_close(maps[i]);
    CHECK_OK(copse_store_close(stores[i]));
  }
  snapshot = snapshot_new(fresh);
  text_is(copse_snapshot_view(snapshot), map, "key", "another store");
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  store_sound(fresh);
  CHECK_OK(copse_store_close(fresh));
  CHECK_OK(copse_store_open(path, NULL, &fresh)); /* it was closed as it should be */
  store_sound(fresh);
  CHECK_OK(copse_store_close(fresh));
}

TEST(files_deleted_under_their_users) {
  for (int i = 0; i < 3; i++)
    delete_under_users(i ? test_disk_path(names[i]) : test_shm_path(names[i]), durabilities[i]);
}

/* --- storage that runs out ---------------------------------------------------------------------- */

static int allocations, failing; /* which one fails, and those after it; 0: none */

static int allocation_fails(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return call == OS_CALL_ALLOCATE && ++allocations >= failing && failing ? ENOSPC : 0;
}

/* Values that fill the store until there is no more storage; 1: it ran out. */
static int fill(struct copse_store *store, struct copse_map *map, uint64_t *records) {
  static const char value[60000];
  for (int i = 0; i < 100; i++) {
    struct copse_txn *txn;
    char key[16];
    sprintf(key, "%08llu", (unsigned long long)*records);
    int result = copse_txn_begin(store, -1, &txn);
    if (result == 0) {
      result = copse_put(txn, map, key, 8, value, sizeof value, 0);
      if (result)
        copse_txn_abort(txn);
      else
        result = copse_txn_commit(txn, NULL);
    }
    CHECK_MSG(result == 0 || result == COPSE_E_NO_SPACE, "%s: %s", copse_error_name(result),
              copse_error_detail());
    if (result)
      return 1;
    ++*records;
  }
  return 0;
}

/* The nth time that the store grows there is no storage, and then there is again. */
static void run_out(const char *path, enum copse_durability durability, int nth) {
  uint64_t records = 0, count;
  struct copse_store *store = store_of(path, durability);
  struct copse_map *map = map_new(store, "m");
  allocations = 0;
  failing = nth;
  os_hook = allocation_fails;
  int ran_out = fill(store, map, &records);
  os_hook = NULL;
  CHECK_EQ(ran_out, 1);
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_OK(copse_count(copse_snapshot_view(snapshot), map, &count));
  CHECK_EQ(count, records);
  copse_snapshot_close(snapshot);
  CHECK_EQ(fill(store, map, &records), 0);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_open(path, NULL, &store));
  store_sound(store);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
}

TEST(storage_that_runs_out) {
  for (int i = 0; i < 3; i++)
    for (int nth = 1; nth <= 3; nth++)
      run_out(i ? test_disk_path(names[i]) : test_shm_path(names[i]), durabilities[i], nth);
}
