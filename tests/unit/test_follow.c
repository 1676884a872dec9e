/* test_follow.c - waits and watches of the public interface end when they are to, also in a store
 * that is never quiet. That they miss nothing is shown in tests/multi/. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/points.h"
#include "test_store_fixture.h"

#define MOMENT INT64_C(2000000) /* ns */

static struct copse_store *busy_store;
static struct copse_map *busy_map;
static uint64_t busy_commits;

/* A commit each time that a snapshot has been announced: whoever looks finds, when he has looked,
 * that there is something newer. */
static void commit_after_each_look(enum point point) {
  static int inside;
  if (point != POINT_slot_exact || inside)
    return;
  inside = 1;
  char value[32];
  sprintf(value, "%llu", (unsigned long long)++busy_commits);
  set_text(busy_store, busy_map, "k", value);
  inside = 0;
}

static void busy_begin(struct copse_store *store, struct copse_map *map) {
  busy_store = store;
  busy_map = map;
  busy_commits = 0;
  alarm(20); /* what does not end fails */
  points_hook = commit_after_each_look;
}

static void busy_end(void) {
  points_hook = NULL;
  alarm(0);
}

TEST(time_limits_hold_in_a_busy_store) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *quiet = map_new(store, "quiet"), *busy = map_new(store, "busy");
  struct copse_watch *watch;
  struct copse_watch_event event;
  uint64_t version = copse_store_version(store);
  CHECK_OK(copse_watch_open(store, quiet, NULL, &watch));
  set_text(store, busy, "k", "0");
  busy_begin(store, busy);
  FAILS(copse_watch_next(watch, 0, &event), COPSE_E_TIMEOUT, "time limit");
  FAILS(copse_watch_next(watch, MOMENT, &event), COPSE_E_TIMEOUT, "time limit");
  FAILS(copse_wait(store, quiet, version, 0, NULL), COPSE_E_TIMEOUT, "time limit");
  FAILS(copse_wait(store, quiet, version, MOMENT, NULL), COPSE_E_TIMEOUT, "time limit");
  CHECK_OK(copse_wait(store, busy, version, 0, &version));
  busy_end();
  CHECK_GT(busy_commits, 4);
  copse_watch_close(watch);
  copse_map_close(quiet);
  copse_map_close(busy);
  CHECK_OK(copse_store_close(store));
}

TEST(a_cancelled_watch_ends_in_a_busy_store) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "busy");
  struct copse_watch *watch;
  struct copse_watch_event event;
  CHECK_OK(copse_watch_open(store, map, NULL, &watch));
  set_text(store, map, "k", "0");
  busy_begin(store, map);
  CHECK_OK(copse_watch_next(watch, -1, &event));
  copse_watch_cancel(watch);
  FAILS(copse_watch_next(watch, -1, &event), COPSE_E_CANCELLED, "cancelled");
  FAILS(copse_watch_next(watch, 0, &event), COPSE_E_CANCELLED, "cancelled");
  busy_end();
  copse_watch_close(watch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

static void *cancel(void *watch) {
  copse_watch_cancel(watch);
  return NULL;
}

TEST(a_waiting_watch_is_cancelled_by_another_thread) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  for (int i = 0; i < 20 * test_scale(); i++) {
    struct copse_watch *watch;
    struct copse_watch_event event;
    pthread_t thread;
    CHECK_OK(copse_watch_open(store, map, NULL, &watch));
    CHECK_EQ(pthread_create(&thread, NULL, cancel, watch), 0);
    FAILS(copse_watch_next(watch, -1, &event), COPSE_E_CANCELLED, "cancelled");
    pthread_join(thread, NULL);
    copse_watch_close(watch);
  }
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(following_a_map_that_is_dropped) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_watch *watch;
  struct copse_watch_event event;
  uint64_t version = copse_store_version(store);
  CHECK_OK(copse_watch_open(store, map, NULL, &watch));
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_map_drop(txn, map));
  CHECK_OK(copse_txn_commit(txn, NULL));
  FAILS(copse_watch_next(watch, -1, &event), COPSE_E_NO_MAP, "");
  FAILS(copse_wait(store, map, version, -1, NULL), COPSE_E_NO_MAP, "map");
  copse_watch_close(watch);
  FAILS(copse_watch_open(store, map, NULL, &watch), COPSE_E_NO_MAP, "");
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}
