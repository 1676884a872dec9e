/* test_store_batch.c - batches of one process and of a few: what they do, in what order, what becomes of
 * them, and what is left in rings by hostile or dead hands. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "test_store_fixture.h"

static struct copse_store *store_at(const char *path) {
  static const struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static struct copse_map *map_at(struct copse_store *store, const char *name, uint32_t key_kind) {
  const struct copse_map_options options = {.key_kind = key_kind};
  struct copse_map *map;
  CHECK_OK(copse_map_ensure(store, name, &options, -1, &map));
  return map;
}

/* The value under a key as a string of at most 63 bytes; NULL: the key is not there. */
static const char *value_of(struct copse_store *store, struct copse_map *map, const char *key) {
  static char text[64];
  struct copse_snapshot *snapshot;
  struct copse_bytes value;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  int result = copse_get(copse_snapshot_view(snapshot), map, key, strlen(key), &value);
  if (result == 0) {
    CHECK_LT(value.size, sizeof text);
    memcpy(text, value.data, value.size);
    text[value.size] = 0;
  }
  copse_snapshot_close(snapshot);
  CHECK(result == 0 || result == COPSE_NONE);
  return result ? NULL : text;
}

static void put(struct copse_batch *batch, struct copse_map *map, const char *key,
                const char *value) {
  CHECK_OK(copse_batch_put(batch, map, key, strlen(key), value, strlen(value)));
}

static void compare(struct copse_batch *batch, struct copse_map *map, const char *key,
                    const char *expected, const char *value) {
  struct copse_bytes bytes[2] = {{expected, expected ? strlen(expected) : 0},
                                 {value, value ? strlen(value) : 0}};
  CHECK_OK(copse_batch_compare_and_set(batch, map, key, strlen(key), expected ? &bytes[0] : NULL,
                                       value ? &bytes[1] : NULL));
}

static uint64_t count_of(struct copse_store *store, struct copse_map *map) {
  struct copse_snapshot *snapshot;
  uint64_t count;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  CHECK_OK(copse_count(copse_snapshot_view(snapshot), map, &count));
  copse_snapshot_close(snapshot);
  return count;
}

static void check_sound(struct copse_store *store) {
  struct copse_check check;
  CHECK_OK(copse_check_store(store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
}

TEST(a_batch_is_applied_whole) {
  struct copse_store *store = store_at(test_shm_path("store"));
  struct copse_map *a = map_at(store, "a", COPSE_KEY_BYTES),
                   *b = map_at(store, "b", COPSE_KEY_BYTES);
  struct copse_batch *batch;
  struct copse_ticket ticket;
  struct copse_outcome outcome;
  CHECK_OK(copse_batch_open(store, &batch));
  put(batch, a, "x", "1");
  put(batch, b, "x", "2");
  put(batch, a, "y", "3");
  put(batch, a, "x", "4");
  CHECK_OK(copse_batch_delete(batch, a, "y", 1));
  CHECK_OK(copse_batch_delete(batch, a, "not there", 9));
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &ticket));
  CHECK_STR(value_of(store, a, "x"), "4");
  CHECK_STR(value_of(store, b, "x"), "2");
  CHECK(value_of(store, a, "y") == NULL);
  CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, 0, &outcome));
  CHECK_EQ(outcome.result, 0);
  put(batch, a, "x", "5");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, NULL));
  CHECK_STR(value_of(store, a, "x"), "5"); /* the lock was free */
  put(batch, a, "x", "6");
  copse_batch_clear(batch);
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL)); /* an empty one */
  CHECK_STR(value_of(store, a, "x"), "5");
  check_sound(store);
  copse_batch_close(batch);
  copse_map_close(a);
  copse_map_close(b);
  CHECK_OK(copse_store_close(store));
}

TEST(a_refused_batch_leaves_nothing) {
  struct copse_store *store = store_at(test_shm_path("store"));
  struct copse_map *map = map_at(store, "a", COPSE_KEY_BYTES);
  struct copse_batch *batch;
  struct copse_ticket ticket;
  struct copse_outcome outcome;
  CHECK_OK(copse_batch_open(store, &batch));
  put(batch, map, "k", "old");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
  put(batch, map, "other", "1");
  compare(batch, map, "k", "wrong", "new");
  put(batch, map, "third", "1");
  CHECK_RESULT(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &ticket), COPSE_E_CONFLICT);
  CHECK(value_of(store, map, "other") == NULL);
  CHECK_STR(value_of(store, map, "k"), "old");
  CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, 0, &outcome));
  CHECK_EQ(outcome.result, COPSE_E_CONFLICT);
  CHECK_EQ(outcome.failed, 1);
  compare(batch, map, "k", "old", "new");
  compare(batch, map, "n", NULL, "made");
  compare(batch, map, "k", "new", NULL); /* sees the batch's own */
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
  CHECK(value_of(store, map, "k") == NULL);
  CHECK_STR(value_of(store, map, "n"), "made");
  compare(batch, map, "n", NULL, "made");
  CHECK_OK(
      copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &ticket)); /* accepted, that is all */
  CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, -1, &outcome));
  CHECK_EQ(outcome.result, COPSE_E_CONFLICT);
  CHECK_EQ(outcome.failed, 0);
  copse_batch_close(batch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(records_are_appended) {
  struct copse_store *store = store_at(test_shm_path("store"));
  struct copse_map *map = map_at(store, "rows", COPSE_KEY_U64), *bytes = map_at(store, "b", 0);
  struct copse_batch *batch;
  struct copse_ticket ticket;
  struct copse_outcome outcome;
  CHECK_OK(copse_batch_open(store, &batch));
  for (uint64_t round = 0; round < 3; round++) {
    for (int i = 0; i < 5; i++)
      CHECK_OK(copse_batch_append(batch, map, &i, sizeof i));
    CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &ticket));
    CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, 0, &outcome));
    CHECK_EQ(outcome.first, round * 5);
  }
  CHECK_EQ(count_of(store, map), 15);
  CHECK_RESULT(copse_batch_append(batch, bytes, "x", 1), COPSE_E_MAP_KIND);
  uint8_t last[8];
  copse_key_u64(UINT64_MAX, last);
  CHECK_OK(copse_batch_put(batch, map, last, 8, "x", 1));
  CHECK_OK(copse_batch_append(batch, map, "y", 1));
  CHECK_RESULT(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &ticket), COPSE_E_ORDER);
  CHECK_EQ(count_of(store, map), 15);
  copse_batch_close(batch);
  copse_map_close(map);
  copse_map_close(bytes);
  CHECK_OK(copse_store_close(store));
}

/* While the lock is held: batches are left, and applied when it is given back; a transaction that
 * begins later sees them. */
TEST(what_was_left_is_applied_by_who_holds_the_lock) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_at(path), *other = store_at(path);
  struct copse_map *map = map_at(store, "a", COPSE_KEY_BYTES),
                   *same = map_at(other, "a", COPSE_KEY_BYTES);
  struct copse_batch *batch;
  struct copse_txn *txn;
  struct copse_ticket ticket;
  struct copse_bytes value;
  char text[16];
  CHECK_OK(copse_batch_open(other, &batch));
  put(batch, same, "k", "0");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL)); /* now it has a ring */
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(copse_put(txn, map, "k", 1, "txn", 3, 0));
  for (int i = 1; i <= 100; i++) {
    snprintf(text, sizeof text, "%d", i);
    put(batch, same, "k", text);
    compare(batch, same, "c", i > 1 ? "it" : NULL, "it");
    CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, &ticket));
  }
  CHECK_STR(value_of(store, map, "k"), "0");
  CHECK_RESULT(copse_batch_outcome(other, &ticket, COPSE_BATCH_VISIBLE, 0, NULL), COPSE_E_TIMEOUT);
  uint64_t version = copse_store_version(store);
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_batch_outcome(other, &ticket, COPSE_BATCH_VISIBLE, 0, NULL));
  CHECK_STR(value_of(store, map, "k"), "100");
  CHECK_STR(value_of(store, map, "c"), "it");
  CHECK_EQ(copse_store_version(store), version + 2);
  /* the lock is held by a third party; then our own transaction */
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  put(batch, same, "k", "mine");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, NULL));
  atomic_store(&store_words(store)->staged, 0); /* who left it died before it could say so */
  copse_txn_abort(txn);
  CHECK_STR(value_of(store, map, "k"), "100");
  CHECK_OK(copse_txn_begin(other, -1, &txn));
  CHECK_OK(copse_get(copse_txn_view(txn), same, "k", 1, &value));
  CHECK_BYTES(value.data, value.size, "mine", 4);
  copse_txn_abort(txn);
  check_sound(store);
  copse_batch_close(batch);
  copse_map_close(map);
  copse_map_close(same);
  CHECK_OK(copse_store_close(other));
  CHECK_OK(copse_store_close(store));
}

TEST(a_full_ring_is_waited_for) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_at(path), *other = store_at(path);
  struct copse_map *map = map_at(other, "a", COPSE_KEY_BYTES);
  struct copse_batch *batch;
  struct copse_txn *txn;
  static char large[RING_DATA], value[1000];
  CHECK_OK(copse_batch_open(other, &batch));
  put(batch, map, "k", "0");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  int n = 0, result = 0;
  while (result == 0) {
    CHECK_OK(copse_batch_put(batch, map, &n, sizeof n, value, sizeof value));
    result = copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, NULL);
    n += result == 0;
    if (result)
      CHECK_RESULT(result, COPSE_E_TIMEOUT);
  }
  CHECK_GT(n, 200);
  CHECK_RESULT(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 7000000, NULL), COPSE_E_TIMEOUT);
  copse_txn_abort(txn);
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, NULL)); /* it was kept */
  CHECK_EQ(count_of(other, map), (uint64_t)n + 2);
  /* one that no ring holds */
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(copse_batch_put(batch, map, "large", 5, large, sizeof large));
  CHECK_RESULT(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, NULL), COPSE_E_TIMEOUT);
  copse_txn_abort(txn);
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, NULL));
  CHECK_EQ(count_of(other, map), (uint64_t)n + 3);
  check_sound(store);
  copse_batch_close(batch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(other));
  CHECK_OK(copse_store_close(store));
}

TEST(old_outcomes_are_forgotten) {
  struct copse_store *store = store_at(test_shm_path("store"));
  struct copse_map *map = map_at(store, "a", COPSE_KEY_BYTES);
  struct copse_batch *batch;
  struct copse_ticket first, next, foreign = {1, 1, 0};
  struct copse_outcome outcome;
  CHECK_OK(copse_batch_open(store, &batch));
  CHECK_RESULT(copse_batch_outcome(store, &foreign, COPSE_BATCH_VISIBLE, 0, NULL),
               COPSE_E_ARGUMENT);
  compare(batch, map, "k", "no", "1");
  CHECK_RESULT(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &first), COPSE_E_CONFLICT);
  for (int i = 0; i < COPSE_OUTCOMES - 1; i++) {
    put(batch, map, "k", "1");
    CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &next));
  }
  CHECK_OK(copse_batch_outcome(store, &first, COPSE_BATCH_VISIBLE, 0, &outcome));
  CHECK_EQ(outcome.result, COPSE_E_CONFLICT);
  put(batch, map, "k", "1");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &next));
  CHECK_RESULT(copse_batch_outcome(store, &first, COPSE_BATCH_VISIBLE, 0, &outcome), COPSE_NONE);
  CHECK_OK(copse_batch_outcome(store, &next, COPSE_BATCH_VISIBLE, 0, &outcome));
  CHECK_EQ(outcome.result, 0);
  CHECK_RESULT(copse_batch_outcome(store, &foreign, COPSE_BATCH_VISIBLE, 0, NULL),
               COPSE_E_ARGUMENT);
  copse_batch_close(batch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(a_token_makes_a_retry_harmless) {
  struct copse_store *store = store_at(test_shm_path("store"));
  struct copse_map *map = map_at(store, "rows", COPSE_KEY_U64), *keys = map_at(store, "keys", 0);
  struct copse_batch *batch;
  struct copse_ticket ticket;
  struct copse_outcome outcome;
  CHECK_OK(copse_batch_open(store, &batch));
  for (int retry = 0; retry < 3; retry++) {
    CHECK_OK(copse_batch_append(batch, map, "row", 3));
    CHECK_OK(copse_batch_token(batch, "a rather long name", 3));
    CHECK_OK(copse_batch_token(batch, "worker 7", 7)); /* another length: the operation moves */
    CHECK_OK(copse_batch_append(batch, map, "row", 3));
    CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &ticket));
    CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, 0, &outcome));
    CHECK_EQ(outcome.first, 0);
    CHECK_EQ(count_of(store, map), 2);
  }
  for (int retry = 0; retry < 2; retry++) {
    CHECK_OK(copse_batch_token(batch, "worker 7", 8));
    CHECK_OK(copse_batch_append(batch, map, "row", 3));
    compare(batch, keys, "k", retry ? NULL : "x",
            "y"); /* would be refused at first, and not then */
    CHECK_RESULT(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &ticket), COPSE_E_CONFLICT);
    CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, 0, &outcome));
    CHECK_EQ(outcome.failed, 1);
  }
  CHECK_OK(copse_batch_token(batch, "worker 7", 7));
  CHECK_OK(copse_batch_append(batch, map, "row", 3));
  CHECK_RESULT(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL), COPSE_E_CONFLICT);
  CHECK_EQ(count_of(store, map), 2);
  CHECK_RESULT(copse_batch_token(batch, "", 7), COPSE_E_ARGUMENT);
  copse_batch_close(batch);
  copse_map_close(map);
  copse_map_close(keys);
  CHECK_OK(copse_store_close(store));
}

/* --- no space ---------------------------------------------------------------------------- */

/* Who asks for too much is refused; the others of the same round go through. */
TEST(one_that_does_not_fit_is_refused_alone) {
  struct copse_store_options options = {.flags = COPSE_CREATE, .max_bytes = 3 << 20};
  const char *path = test_shm_path("store");
  struct copse_store *store, *other;
  static char large[100000];
  struct copse_batch *batch;
  struct copse_txn *txn;
  struct copse_ticket small, huge, last;
  struct copse_outcome outcome;
  CHECK_OK(copse_store_open(path, &options, &store));
  CHECK_OK(copse_store_open(path, &options, &other));
  struct copse_map *map = map_at(other, "a", COPSE_KEY_BYTES);
  CHECK_OK(copse_batch_open(other, &batch));
  put(batch, map, "k", "0");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
  for (int i = 0;; i++) { /* until only little fits */
    CHECK_OK(copse_batch_put(batch, map, &i, sizeof i, large, sizeof large));
    int result = copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL);
    if (result) {
      CHECK_RESULT(result, COPSE_E_LIMIT);
      break;
    }
  }
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  put(batch, map, "small", "1");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, &small));
  CHECK_OK(copse_batch_put(batch, map, "huge", 4, large, sizeof large));
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, &huge));
  put(batch, map, "last", "1");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, &last));
  copse_txn_abort(txn);
  CHECK_OK(copse_batch_outcome(other, &small, COPSE_BATCH_VISIBLE, -1, &outcome));
  CHECK_EQ(outcome.result, 0);
  CHECK_OK(copse_batch_outcome(other, &huge, COPSE_BATCH_VISIBLE, -1, &outcome));
  CHECK_EQ(outcome.result, COPSE_E_LIMIT);
  CHECK_OK(copse_batch_outcome(other, &last, COPSE_BATCH_VISIBLE, -1, &outcome));
  CHECK_EQ(outcome.result, 0);
  CHECK_STR(value_of(other, map, "small"), "1");
  CHECK_STR(value_of(other, map, "last"), "1");
  CHECK(value_of(other, map, "huge") == NULL);
  check_sound(store);
  copse_batch_close(batch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(other));
  CHECK_OK(copse_store_close(store));
}

/* --- hostile rings ----------------------------------------------------------------------- */

/* Random bytes and random changes of sound entries: refused or skipped; the store stays sound. */
/* A process that has reserved too few addresses leaves to others what it cannot apply. */
TEST(what_one_process_lacks_is_no_refusal) {
  const char *path = test_shm_path("store");
  const struct copse_store_options tight = {.reserve_bytes = 1 << 20};
  struct copse_store *wide = store_at(path), *narrow;
  struct copse_map *map = map_at(wide, "m", COPSE_KEY_BYTES);
  CHECK_OK(copse_store_open(path, &tight, &narrow));
  struct copse_map *same = map_at(narrow, "m", COPSE_KEY_BYTES);
  struct copse_batch *batch;
  struct copse_ticket ticket;
  struct copse_outcome outcome;
  static char value[100000];
  CHECK_OK(copse_batch_open(wide, &batch));
  put(batch, map, "a ring takes the lock", "once");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, NULL));
  struct copse_txn *txn = begin(narrow);
  int result = 0;
  for (uint64_t i = 0; i < 100 && result == 0; i++)
    result = copse_put(txn, same, &i, sizeof i, value, sizeof value, 0);
  CHECK_EQ(result, COPSE_E_ADDRESS_SPACE);
  CHECK_OK(copse_batch_put(batch, map, "large", 5, value, sizeof value));
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &ticket));
  CHECK_OK(copse_txn_commit(txn, NULL)); /* and looks at what was left */
  CHECK_RESULT(copse_combine(narrow, -1, UINT64_MAX, NULL), COPSE_E_ADDRESS_SPACE);
  CHECK_OK(copse_batch_outcome(wide, &ticket, COPSE_BATCH_VISIBLE, -1, &outcome));
  CHECK_EQ(outcome.result, 0);
  copse_batch_close(batch);
  copse_map_close(same);
  CHECK_OK(copse_store_close(narrow));
  store_sound(wide);
  copse_map_close(map);
  CHECK_OK(copse_store_close(wide));
}

TEST(nonsense_in_a_ring_does_no_harm) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_at(path), *other = store_at(path);
  struct copse_map *map = map_at(other, "a", COPSE_KEY_BYTES),
                   *rows = map_at(other, "rows", COPSE_KEY_U64);
  struct test_random random = {test_seed()};
  struct copse_batch *batch;
  struct copse_txn *txn;
  CHECK_OK(copse_batch_open(other, &batch));
  put(batch, map, "k", "0");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
  for (int i = 0; i < 400 * test_scale(); i++) {
    struct ring *ring = atomic_load(&other->leaver.ring);
    uint64_t start = other->leaver.tail;
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    for (int n = 0; n < 4; n++) {
      put(batch, map, "key", "value");
      compare(batch, map, "other", "value", "new");
      CHECK_OK(copse_batch_append(batch, rows, &n, sizeof n));
      if (n == 2)
        CHECK_OK(copse_batch_token(batch, "name", (uint64_t)i));
      CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, 0, NULL));
    }
    uint64_t left = other->leaver.tail - start;
    for (uint64_t n = test_random_range(&random, 1, 12); n > 0; n--) {
      uint8_t *byte = &ring->data[(start + test_random_below(&random, left)) % RING_DATA];
      *byte = test_random_one_in(&random, 2)
                  ? (uint8_t)test_random_next(&random)
                  : (uint8_t)(*byte ^ 1u << test_random_below(&random, 8));
    }
    if (test_random_one_in(&random, 10))
      atomic_store(&ring->tail, other->leaver.tail + test_random_next(&random));
    copse_txn_abort(txn);
    if (test_random_one_in(&random, 10)) /* its owner would have died of shame */
      atomic_store(&ring->tail, other->leaver.tail = other->leaver.settled =
                                    atomic_load(&ring->consumed) & ~UINT64_C(7));
    if (i % 50 == 0)
      check_sound(store);
  }
  struct ring *ring = atomic_load(&other->leaver.ring);
  atomic_store(&ring->tail, other->leaver.tail = other->leaver.settled =
                                atomic_load(&ring->consumed) & ~UINT64_C(7));
  atomic_store(&ring->consumed, other->leaver.tail);
  put(batch, map, "k", "after all");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
  CHECK_STR(value_of(other, map, "k"), "after all");
  check_sound(store);
  copse_batch_close(batch);
  copse_map_close(map);
  copse_map_close(rows);
  CHECK_OK(copse_store_close(other));
  CHECK_OK(copse_store_close(store));
}

/* --- rings come and go ------------------------------------------------------------------- */

TEST(rings_are_used_again) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_at(path);
  struct copse_map *map = map_at(store, "a", COPSE_KEY_BYTES);
  for (int i = 0; i < 20; i++) {
    pid_t pid = test_fork();
    if (pid == 0) {
      struct copse_store *own = store_at(path);
      struct copse_map *same = map_at(own, "a", COPSE_KEY_BYTES);
      struct copse_batch *batch;
      CHECK_OK(copse_batch_open(own, &batch));
      CHECK_OK(copse_batch_put(batch, same, &i, sizeof i, "x", 1));
      CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL));
      if (i % 2)
        raise(SIGKILL);
      copse_batch_close(batch);
      copse_map_close(same);
      CHECK_OK(copse_store_close(own));
      return;
    }
    if (i % 2)
      CHECK_CHILD_KILLED(pid, SIGKILL);
    else
      CHECK_CHILD_OK(pid);
    client_reap_all(&store->readers, store->client.index);
  }
  CHECK_EQ(count_of(store, map), 20);
  CHECK_EQ(store->pager.books->ring_limit, 1);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* A child goes on with the handles of its parent, in a ring of its own. */
TEST(a_forked_child_has_its_own_ring) {
  struct copse_store *store = store_at(test_shm_path("store"));
  struct copse_map *map = map_at(store, "a", COPSE_KEY_BYTES);
  struct copse_batch *batch;
  struct copse_ticket ticket;
  CHECK_OK(copse_batch_open(store, &batch));
  put(batch, map, "parent", "1");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &ticket));
  pid_t pid = test_fork();
  if (pid == 0) {
    CHECK_RESULT(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, 0, NULL),
                 COPSE_E_ARGUMENT);
    put(batch, map, "child", "1");
    CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &ticket));
    CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, -1, NULL));
    _exit(0);
  }
  CHECK_CHILD_OK(pid);
  CHECK_EQ(store->pager.books->ring_limit, 2);
  CHECK_STR(value_of(store, map, "child"), "1");
  put(batch, map, "parent", "2");
  CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &ticket));
  CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, -1, NULL));
  copse_batch_close(batch);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(who_may_not_write_has_no_batches) {
  const char *path = test_shm_path("store");
  struct copse_store_options options = {.flags = COPSE_READ_ONLY};
  struct copse_store *store = store_at(path), *reader;
  struct copse_batch *batch;
  CHECK_OK(copse_store_open(path, &options, &reader));
  CHECK_RESULT(copse_batch_open(reader, &batch), COPSE_E_READ_ONLY);
  CHECK_OK(copse_store_close(reader));
  CHECK_OK(copse_store_close(store));
}
