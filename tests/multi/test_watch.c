/* test_watch.c - watching misses nothing: each commit writes one key whose value is its version,
 * so that an event from version S to V must tell of exactly the keys written in between. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copse/copse.h"
#include "test.h"

#define KEYS 50u
#define SECONDS INT64_C(1000000000)

static _Atomic uint64_t *words; /* [0]: watchers that are ready; [1]: the last version */

static struct copse_store *store_at(const char *path) {
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static struct copse_map *map_of(struct copse_store *store) {
  struct copse_map_options kind = {.key_kind = COPSE_KEY_U64, .value_size = 8};
  struct copse_map *map;
  CHECK_OK(copse_map_ensure(store, "keys", &kind, -1, &map));
  return map;
}

/* The last version up to `version` that wrote the key. */
static uint64_t last_write(uint64_t version, uint64_t key) {
  return version - (version + KEYS - key) % KEYS;
}

/* Checks the changes of one event; returns its version. */
static uint64_t event_check(struct copse_watch *watch, const struct copse_watch_event *event,
                            uint64_t expected_since) {
  struct copse_change change;
  uint64_t changes = 0, merged = event->version - event->since;
  int result;
  CHECK_EQ(event->since, expected_since);
  CHECK_GT(event->version, event->since);
  CHECK_EQ(event->commits, merged);
  while ((result = copse_watch_change(watch, &change)) == 0) {
    uint64_t key = copse_key_to_u64(change.key.data), value;
    CHECK(change.after.data);
    memcpy(&value, change.after.data, 8);
    CHECK_EQ(value, last_write(event->version, key));
    CHECK_GT(value, event->since);
    changes++;
  }
  CHECK_EQ(result, COPSE_NONE);
  CHECK_EQ(changes, merged < KEYS ? merged : KEYS);
  return event->version;
}

static void watcher(const char *path, bool polls) {
  struct copse_store *store = store_at(path);
  struct copse_map *map = map_of(store);
  struct copse_watch *watch;
  struct copse_watch_event event;
  uint64_t events = 0;
  CHECK_OK(copse_watch_open(store, map, NULL, &watch));
  uint64_t seen = copse_store_version(store); /* nobody writes yet */
  int fd = -1;
  if (polls)
    CHECK_OK(copse_watch_descriptor(watch, &fd));
  atomic_fetch_add(&words[0], 1);
  while (seen < atomic_load(&words[1])) {
    if (polls) {
      struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
      CHECK_EQ(poll(&poll_fd, 1, 60000), 1);
      int result = copse_watch_next(watch, 0, &event);
      if (result == COPSE_E_TIMEOUT)
        continue;
      CHECK_OK(result);
    } else {
      CHECK_OK(copse_watch_next(watch, 60 * SECONDS, &event));
    }
    seen = event_check(watch, &event, seen);
    events++;
  }
  CHECK_RESULT(copse_watch_next(watch, 0, &event), COPSE_E_TIMEOUT);
  test_note(__FILE__, __LINE__, "%llu events%s", (unsigned long long)events,
            polls ? " by poll" : "");
  copse_watch_close(watch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

static void commit_key(struct copse_store *store, struct copse_map *map) {
  struct copse_txn *txn;
  uint8_t key[8];
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  uint64_t version = copse_store_version(store) + 1;
  copse_key_u64(version % KEYS, key);
  CHECK_OK(copse_put(txn, map, key, 8, &version, 8, 0));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void writer(const char *path, uint64_t seed, bool dies) {
  struct test_random random = {seed};
  struct copse_store *store = store_at(path);
  struct copse_map *map = map_of(store);
  while (copse_store_version(store) < atomic_load(&words[1])) {
    struct copse_txn *txn;
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    uint64_t version = copse_store_version(store) + 1;
    uint8_t key[8];
    copse_key_u64(version % KEYS, key);
    CHECK_OK(copse_put(txn, map, key, 8, &version, 8, 0));
    if (version > atomic_load(&words[1]) || test_random_one_in(&random, 10)) {
      copse_txn_abort(txn);
      continue;
    }
    CHECK_OK(copse_txn_commit(txn, NULL));
    if (test_random_one_in(&random, 3)) /* lets a waiter go to sleep, or not */
      for (uint64_t n = test_random_below(&random, 60); n > 0; n--)
        sched_yield();
    if (dies && test_random_one_in(&random, 50))
      raise(SIGKILL);
  }
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

static void watch_run(const char *path, bool dies) {
  enum { WATCHERS = 3, WRITERS = 2 };
  pid_t watchers[WATCHERS], writers[WRITERS];
  int status;
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  words = p;
  words[1] = 1200 * (uint64_t)test_scale();
  pid_t founder = test_fork();
  if (founder == 0) {
    struct copse_store *store = store_at(path);
    struct copse_map *map = map_of(store);
    for (unsigned i = 0; i < KEYS; i++)
      commit_key(store, map);
    copse_map_close(map);
    CHECK_OK(copse_store_close(store));
    exit(0);
  }
  CHECK_CHILD_OK(founder);
  for (int i = 0; i < WATCHERS; i++)
    if ((watchers[i] = test_fork()) == 0) {
      watcher(path, i == 0);
      exit(0);
    }
  while (atomic_load(&words[0]) < WATCHERS)
    sched_yield();
  for (int i = 0; i < WRITERS; i++) {
    do {
      writers[i] = test_fork();
      if (writers[i] == 0) {
        writer(path, test_seed() + (uint64_t)getpid(), dies);
        exit(0);
      }
      status = 0;
      if (dies) /* one after the other, each taking over from the dead */
        CHECK_EQ(waitpid(writers[i], &status, 0), writers[i]);
    } while (WIFSIGNALED(status));
  }
  for (int i = 0; i < WRITERS && !dies; i++)
    CHECK_CHILD_OK(writers[i]);
  for (int i = 0; i < WATCHERS; i++)
    CHECK_CHILD_OK(watchers[i]);
}

TEST(watchers_miss_nothing) { watch_run(test_shm_path("watch"), false); }
TEST(watchers_miss_nothing_when_writers_die) { watch_run(test_shm_path("deaths"), true); }
