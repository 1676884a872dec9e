/* test_store_errors.c - calls that are wrong: each gets its code and a message that says what is
 * wrong, and the store is as sound as before. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "test_store_fixture.h"

struct point {
  int32_t x, y;
};
#define POINT_FIELDS(F) F(i32, x, 1) F(i32, y, 1)
COPSE_RECORD(point, POINT_FIELDS)

struct colour {
  int32_t x;
  uint32_t rgb;
};
#define COLOUR_FIELDS(F) F(i32, x, 1) F(u32, rgb, 1)
COPSE_RECORD(colour, COLOUR_FIELDS)

static uint8_t long_key[COPSE_KEY_MAX + 1];

TEST(keys_and_values_of_wrong_size) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map_options u64 = {.key_kind = COPSE_KEY_U64, .value_size = 16};
  struct copse_map *bytes = map_new(store, "bytes"), *numbers;
  CHECK_OK(copse_map_ensure(store, "numbers", &u64, -1, &numbers));
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  struct copse_cursor *cursor;
  struct copse_bytes value, key = {long_key, sizeof long_key};
  struct copse_range range = {.prefix = key};
  size_t found;
  void *memory;
  FAILS(copse_put(txn, bytes, long_key, sizeof long_key, "", 0, 0), COPSE_E_KEY_SIZE, "1025");
  FAILS(copse_reserve(txn, bytes, long_key, 5000, 0, 0, &memory), COPSE_E_KEY_SIZE, "5000");
  FAILS(copse_delete(txn, bytes, long_key, sizeof long_key), COPSE_E_KEY_SIZE, "1025");
  FAILS(copse_get(view, bytes, long_key, sizeof long_key, &value), COPSE_E_KEY_SIZE, "1025");
  FAILS(copse_exists(view, bytes, long_key, sizeof long_key), COPSE_E_KEY_SIZE, "1025");
  FAILS(copse_multiget(view, bytes, 1, &key, &value, &found), COPSE_E_KEY_SIZE, "1025");
  FAILS(copse_compare_and_set(txn, bytes, long_key, sizeof long_key, NULL, NULL), COPSE_E_KEY_SIZE,
        "1025");
  FAILS(copse_delete_range(txn, bytes, &range, NULL), COPSE_E_KEY_SIZE, "bound");
  FAILS(copse_cursor_open(view, bytes, &range, &cursor), COPSE_E_KEY_SIZE, "bound");
  CHECK_OK(copse_cursor_open(view, bytes, NULL, &cursor));
  FAILS(copse_cursor_seek(cursor, COPSE_SEEK_GE, long_key, sizeof long_key, NULL, NULL),
        COPSE_E_KEY_SIZE, "1025");
  FAILS(copse_cursor_seek(cursor, (enum copse_seek)77, "a", 1, NULL, NULL), COPSE_E_ARGUMENT, "77");
  copse_cursor_close(cursor);
  FAILS(copse_put(txn, numbers, "1234567", 7, long_key, 16, 0), COPSE_E_KEY_SIZE, "7 bytes");
  FAILS(copse_put(txn, numbers, "12345678", 8, long_key, 15, 0), COPSE_E_VALUE_SIZE, "15 bytes");
  FAILS(copse_reserve(txn, numbers, "12345678", 8, 17, 0, &memory), COPSE_E_VALUE_SIZE, "17");
  FAILS(copse_put(txn, bytes, NULL, 3, "", 0, 0), COPSE_E_ARGUMENT, "key is NULL");
  FAILS(copse_put(txn, bytes, "a", 1, NULL, 3, 0), COPSE_E_ARGUMENT, "value is NULL");
  FAILS(copse_put(txn, bytes, "a", 1, "", 0, 8), COPSE_E_ARGUMENT, "flags");
  CHECK_OK(copse_put(txn, bytes, long_key, COPSE_KEY_MAX, NULL, 0, 0)); /* the longest, the least */
  CHECK_OK(copse_put(txn, bytes, NULL, 0, NULL, 0, 0));
  CHECK_OK(copse_get(view, bytes, NULL, 0, &value));
  CHECK(value.size == 0 && value.data != NULL);
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_map_close(bytes);
  copse_map_close(numbers);
  CHECK_OK(copse_store_close(store));
}

TEST(conditions_not_met) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_txn *txn = begin(store);
  struct copse_bytes a = {"a", 1}, wrong = {"b", 1}, empty = {NULL, 0}, value;
  CHECK_OK(put_text(txn, map, "k", "a"));
  FAILS(copse_put(txn, map, "k", 1, "b", 1, COPSE_INSERT), COPSE_E_KEY_EXISTS, "already");
  FAILS(copse_put(txn, map, "j", 1, "b", 1, COPSE_APPEND), COPSE_E_ORDER, "greatest");
  CHECK_RESULT(copse_put(txn, map, "l", 1, "b", 1, COPSE_REPLACE), COPSE_NONE);
  CHECK_RESULT(copse_delete(txn, map, "l", 1), COPSE_NONE);
  FAILS(copse_compare_and_set(txn, map, "k", 1, &wrong, &a), COPSE_E_CONFLICT, "differs");
  FAILS(copse_compare_and_set(txn, map, "k", 1, NULL, &a), COPSE_E_CONFLICT, "is there");
  FAILS(copse_compare_and_set(txn, map, "l", 1, &a, &a), COPSE_E_CONFLICT, "not there");
  FAILS(copse_compare_and_set(txn, map, "k", 1, &empty, NULL), COPSE_E_CONFLICT, "differs");
  CHECK_OK(copse_compare_and_set(txn, map, "k", 1, &a, &empty));
  CHECK_OK(copse_compare_and_set(txn, map, "k", 1, &empty, &a));
  CHECK_OK(copse_compare_and_set(txn, map, "l", 1, NULL, NULL));
  CHECK_OK(copse_get(copse_txn_view(txn), map, "k", 1, &value)); /* its own value once more */
  CHECK_OK(copse_put(txn, map, "k", 1, value.data, value.size, 0));
  text_is(copse_txn_view(txn), map, "k", "a");
  text_is(copse_txn_view(txn), map, "l", NULL);
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(maps_asked_for_wrongly) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map_options points = {.layout = point_layout()}, sized = {.value_size = 8},
                           u64 = {.key_kind = COPSE_KEY_U64}, odd = {.key_kind = 7},
                           huge = {.value_size = COPSE_RECORD_MAX + 1},
                           colours = {.layout = colour_layout()},
                           tuples = {.key_encoding = COPSE_KEYS_TUPLE},
                           unknown = {.key_encoding = 2},
                           tuple_u64 = {.key_kind = COPSE_KEY_U64,
                                        .key_encoding = COPSE_KEYS_TUPLE},
                           both = {.value_size = 9, .layout = point_layout()};
  struct copse_layout raw = *point_layout();
  struct copse_map_options incomplete = {.layout = &raw};
  struct copse_map *map, *plain = map_new(store, "plain"), *typed, *keyed;
  struct copse_map_info info;
  char name[COPSE_MAP_NAME_MAX + 2];
  raw.hash = 0;
  memset(name, 'n', sizeof name);
  name[COPSE_MAP_NAME_MAX + 1] = 0;
  CHECK_OK(copse_map_ensure(store, "points", &points, -1, &typed));
  CHECK_OK(copse_map_ensure(store, "tuples", &tuples, -1, &keyed));
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  FAILS(copse_map_create(txn, "plain", NULL, &map), COPSE_E_MAP_EXISTS, "plain");
  FAILS(copse_map_create(txn, "", NULL, &map), COPSE_E_ARGUMENT, "name");
  FAILS(copse_map_create(txn, NULL, NULL, &map), COPSE_E_ARGUMENT, "name");
  FAILS(copse_map_create(txn, name, NULL, &map), COPSE_E_ARGUMENT, "256");
  FAILS(copse_map_create(txn, "x", &odd, &map), COPSE_E_ARGUMENT, "kind 7");
  FAILS(copse_map_create(txn, "x", &unknown, &map), COPSE_E_ARGUMENT, "encoding 2");
  FAILS(copse_map_create(txn, "x", &tuple_u64, &map), COPSE_E_ARGUMENT, "byte-string");
  FAILS(copse_map_create(txn, "x", &huge, &map), COPSE_E_ARGUMENT, "4097");
  FAILS(copse_map_create(txn, "x", &both, &map), COPSE_E_ARGUMENT, "9");
  FAILS(copse_map_create(txn, "x", &incomplete, &map), COPSE_E_ARGUMENT, "copse_layout_init");
  FAILS(copse_map_open(view, "none", NULL, &map), COPSE_E_NO_MAP, "none");
  FAILS(copse_map_open(view, "plain", &u64, &map), COPSE_E_MAP_KIND, "uint64");
  FAILS(copse_map_open(view, "plain", &sized, &map), COPSE_E_MAP_KIND, "8");
  FAILS(copse_map_open(view, "plain", &points, &map), COPSE_E_MAP_KIND, "plain bytes");
  FAILS(copse_map_open(view, "plain", &tuples, &map), COPSE_E_MAP_KIND, "tuple (ctuple/1) keys");
  FAILS(copse_map_open(view, "tuples", &(struct copse_map_options){0}, &map), COPSE_E_MAP_KIND,
        "'tuples' has tuple (ctuple/1) keys; byte-string");
  FAILS(copse_map_open(view, "points", &colours, &map), COPSE_E_LAYOUT, "y");
  CHECK_OK(copse_map_rename(txn, keyed, "renamed"));
  CHECK_OK(copse_map_open(view, "renamed", &tuples, &map));
  CHECK_OK(copse_map_info(view, map, &info));
  CHECK_EQ(info.key_encoding, COPSE_KEYS_TUPLE);
  copse_map_close(map);
  FAILS(copse_map_rename(txn, plain, "points"), COPSE_E_MAP_EXISTS, "points");
  FAILS(copse_map_rename(txn, plain, ""), COPSE_E_ARGUMENT, "name");
  CHECK_OK(put_text(txn, plain, "still", "here"));
  name[COPSE_MAP_NAME_MAX] = 0;
  CHECK_OK(copse_map_rename(txn, plain, name));
  FAILS(copse_map_open(view, "plain", NULL, &map), COPSE_E_NO_MAP, "plain");
  text_is(view, plain, "still", "here");
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_map_close(plain);
  copse_map_close(typed);
  copse_map_close(keyed);
  CHECK_OK(copse_store_close(store));
}

TEST(maps_that_are_gone) {
  struct copse_store *store = store_new(NULL, 0), *other = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m"), *foreign = map_new(other, "m");
  set_text(store, map, "a", "1");
  struct copse_snapshot *old = snapshot_new(store);
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  struct copse_cursor *cursor, *late;
  struct copse_map_info info;
  struct copse_layout *layout;
  struct copse_map_stat stat;
  uint64_t count;
  CHECK_OK(copse_cursor_open(view, map, NULL, &cursor));
  CHECK_OK(copse_cursor_next(cursor, NULL, NULL));
  CHECK_OK(copse_map_drop(txn, map));
  FAILS(copse_cursor_next(cursor, NULL, NULL), COPSE_E_NO_MAP, "not there");
  copse_cursor_close(cursor);
  FAILS(copse_cursor_open(view, map, NULL, &late), COPSE_E_NO_MAP, "not there");
  FAILS(copse_exists(view, map, "a", 1), COPSE_E_NO_MAP, "not there");
  FAILS(copse_count(view, map, &count), COPSE_E_NO_MAP, "not there");
  FAILS(put_text(txn, map, "a", "2"), COPSE_E_NO_MAP, "not there");
  FAILS(copse_delete(txn, map, "a", 1), COPSE_E_NO_MAP, "not there");
  FAILS(copse_delete_range(txn, map, NULL, NULL), COPSE_E_NO_MAP, "not there");
  FAILS(copse_map_drop(txn, map), COPSE_E_NO_MAP, "not there");
  FAILS(copse_map_rename(txn, map, "x"), COPSE_E_NO_MAP, "not there");
  FAILS(copse_map_info(view, map, &info), COPSE_E_NO_MAP, "not there");
  FAILS(copse_map_layout(view, map, &layout), COPSE_E_NO_MAP, "not there");
  FAILS(copse_map_stat(view, map, &stat), COPSE_E_NO_MAP, "not there");
  FAILS(put_text(txn, foreign, "a", "2"), COPSE_E_ARGUMENT, "another store");
  FAILS(copse_exists(view, foreign, "a", 1), COPSE_E_ARGUMENT, "another store");
  FAILS(copse_map_info(view, foreign, &info), COPSE_E_ARGUMENT, "another store");
  FAILS(copse_map_drop(txn, foreign), COPSE_E_ARGUMENT, "another store");
  FAILS(copse_map_rename(txn, foreign, "x"), COPSE_E_ARGUMENT, "another store");
  CHECK_OK(copse_txn_commit(txn, NULL));
  text_is(copse_snapshot_view(old), map, "a", "1"); /* the old version has it */
  CHECK_RESULT(copse_map_layout(copse_snapshot_view(old), map, &layout), COPSE_NONE);
  copse_snapshot_close(old);
  store_sound(store);
  copse_map_close(map);
  copse_map_close(foreign);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_close(other));
}

/* --- states ------------------------------------------------------------------------------ */

struct waiter {
  struct copse_store *store;
  int result;
  char detail[256];
};

static void *begin_elsewhere(void *argument) {
  struct waiter *waiter = argument;
  struct copse_txn *txn;
  waiter->result = copse_txn_begin(waiter->store, 0, &txn);
  snprintf(waiter->detail, sizeof waiter->detail, "%s", copse_error_detail());
  return NULL;
}

TEST(transactions_that_ended) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_txn *txn = begin(store), *second;
  struct waiter waiter = {.store = store};
  pthread_t thread;
  void *memory;
  FAILS(copse_txn_begin(store, -1, &second), COPSE_E_DEADLOCK, "this thread");
  CHECK_EQ(pthread_create(&thread, NULL, begin_elsewhere, &waiter), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_EQ(waiter.result, COPSE_E_TIMEOUT);
  CHECK(waiter.detail[0] != 0);
  copse_map_close(map);
  FAILS(copse_store_close(store), COPSE_E_STATE, "transaction");
  CHECK_OK(copse_map_open(copse_txn_view(txn), "m", NULL, &map));
  FAILS(copse_savepoint_rollback(txn), COPSE_E_STATE, "no savepoint");
  FAILS(copse_savepoint_release(txn), COPSE_E_STATE, "no savepoint");
  for (int i = 0; i < 64; i++)
    CHECK_OK(copse_savepoint(txn));
  FAILS(copse_savepoint(txn), COPSE_E_STATE, "64");
  CHECK_OK(put_text(txn, map, "a", "1"));
  CHECK_OK(copse_delete_range(txn, map, NULL, NULL)); /* needs no savepoint of the program's */
  CHECK_OK(copse_map_rename(txn, map, "n"));
  copse_txn_abort(txn);
  copse_txn_abort(NULL);
  FAILS(copse_txn_commit(txn, NULL), COPSE_E_STATE, "ended");
  FAILS(put_text(txn, map, "a", "1"), COPSE_E_STATE, "ended");
  FAILS(copse_delete(txn, map, "a", 1), COPSE_E_STATE, "ended");
  FAILS(copse_delete_range(txn, map, NULL, NULL), COPSE_E_STATE, "ended");
  FAILS(copse_reserve(txn, map, "a", 1, 1, 0, &memory), COPSE_E_STATE, "ended");
  FAILS(copse_compare_and_set(txn, map, "a", 1, NULL, NULL), COPSE_E_STATE, "ended");
  FAILS(copse_savepoint(txn), COPSE_E_STATE, "ended");
  FAILS(copse_map_drop(txn, map), COPSE_E_STATE, "ended");
  FAILS(copse_map_rename(txn, map, "x"), COPSE_E_STATE, "ended");
  FAILS(copse_exists(copse_txn_view(txn), map, "a", 1), COPSE_E_STATE, "ended");
  FAILS(copse_store_close(store), COPSE_E_STATE, "map");
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* Ids of maps whose creation was undone are given out again; an old handle does not become
 * one of the new map. */
TEST(handle_of_a_map_never_committed) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *lost, *map;
  struct copse_map_options sized = {.value_size = 100};
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_map_create(txn, "lost", NULL, &lost));
  copse_txn_abort(txn);
  txn = begin(store);
  FAILS(put_text(txn, lost, "k", "v"), COPSE_E_NO_MAP, "not there");
  CHECK_OK(copse_map_create(txn, "other", &sized, &map));
  FAILS(put_text(txn, lost, "k", "v"), COPSE_E_NO_MAP, "not there");
  copse_txn_abort(txn);
  copse_map_close(lost);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* The id goes to a map of another process, with values of another shape. */
TEST(handle_of_a_map_whose_id_another_process_got) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 0);
  struct copse_map *lost;
  struct copse_map_options sized = {.value_size = 100};
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_map_create(txn, "lost", NULL, &lost));
  copse_txn_abort(txn);
  pid_t child = test_fork();
  if (child == 0) {
    struct copse_store *own;
    struct copse_map *map;
    char value[100] = "a value";
    CHECK_OK(copse_store_open(path, NULL, &own));
    txn = begin(own);
    CHECK_OK(copse_map_create(txn, "other", &sized, &map));
    CHECK_OK(copse_put(txn, map, "k", 1, value, sizeof value, 0));
    CHECK_OK(copse_txn_commit(txn, NULL));
    _exit(0);
  }
  CHECK_CHILD_OK(child);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  struct copse_map *map;
  struct copse_map_info info;
  struct copse_cursor *cursor;
  struct copse_watch *watch;
  struct copse_bytes value;
  struct copse_diff *diff;
  uint64_t version;
  CHECK_OK(copse_map_open(view, "other", &sized, &map));
  CHECK_OK(copse_map_info(view, map, &info));
  CHECK_EQ(info.id, 1); /* the id of the lost one */
  FAILS(copse_get(view, lost, "k", 1, &value), COPSE_E_NO_MAP, "not there");
  FAILS(copse_map_info(view, lost, &info), COPSE_E_NO_MAP, "not there");
  FAILS(copse_cursor_open(view, lost, NULL, &cursor), COPSE_E_NO_MAP, "not there");
  FAILS(copse_diff_open(view, view, lost, NULL, &diff), COPSE_E_NO_MAP, "neither");
  FAILS(copse_watch_open(store, lost, NULL, &watch), COPSE_E_NO_MAP, "not there");
  FAILS(copse_wait(store, lost, 0, 0, &version), COPSE_E_NO_MAP, "not there");
  for (int first = 0; first < 2; first++) { /* before the right handle is used, and after */
    txn = begin(store);
    if (first)
      CHECK_OK(copse_get(copse_txn_view(txn), map, "k", 1, &value));
    FAILS(copse_get(copse_txn_view(txn), lost, "k", 1, &value), COPSE_E_NO_MAP, "not there");
    FAILS(put_text(txn, lost, "k", "v"), COPSE_E_NO_MAP, "not there");
    FAILS(copse_map_rename(txn, lost, "x"), COPSE_E_NO_MAP, "not there");
    FAILS(copse_map_drop(txn, lost), COPSE_E_NO_MAP, "not there");
    CHECK_OK(copse_get(copse_txn_view(txn), map, "k", 1, &value));
    CHECK(value.size == 100 && strcmp(value.data, "a value") == 0);
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
  copse_snapshot_close(snapshot);
  copse_map_close(lost);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(read_only) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 0), *reader;
  struct copse_map *map = map_new(store, "m"), *seen;
  struct copse_store_options options = {.flags = COPSE_READ_ONLY},
                             both = {.flags = COPSE_READ_ONLY | COPSE_CREATE};
  struct copse_txn *txn;
  struct copse_check check;
  set_text(store, map, "a", "1");
  FAILS(copse_store_open(path, &both, &reader), COPSE_E_ARGUMENT, "read-only");
  CHECK_OK(copse_store_open(path, &options, &reader));
  FAILS(copse_txn_begin(reader, -1, &txn), COPSE_E_READ_ONLY, "read-only");
  FAILS(copse_store_sync(reader, NULL), COPSE_E_READ_ONLY, "read-only");
  FAILS(copse_check_store(reader, -1, NULL, NULL, NULL, &check), COPSE_E_READ_ONLY, "read-only");
  FAILS(copse_map_ensure(reader, "new", NULL, -1, &seen), COPSE_E_NO_MAP, "new");
  CHECK_OK(copse_map_ensure(reader, "m", NULL, -1, &seen));
  struct copse_snapshot *snapshot = snapshot_new(reader);
  text_is(copse_snapshot_view(snapshot), seen, "a", "1");
  FAILS(copse_store_close(reader), COPSE_E_STATE, "snapshot");
  copse_snapshot_close(snapshot);
  copse_map_close(seen);
  CHECK_OK(copse_store_close(reader));
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

struct stopper {
  int calls, stop_at, answer;
};

static int stop(void *context, uint64_t done, uint64_t all) {
  struct stopper *stopper = context;
  (void)done;
  CHECK_GT(all, 0);
  return ++stopper->calls == stopper->stop_at ? stopper->answer : 0;
}

/* At each of its calls, so in each phase, and whatever the answer is. */
TEST(a_check_is_stopped_by_its_progress) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m"), *dropped = map_new(store, "dropped");
  struct copse_txn *txn = begin(store);
  char key[16], value[600] = "";
  for (int i = 0; i < 2000; i++) {
    snprintf(key, sizeof key, "%05d", i);
    CHECK_OK(copse_put(txn, map, key, 5, value, i % 600, 0));
    CHECK_OK(copse_put(txn, dropped, key, 5, value, i % 600, 0));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *snapshot = snapshot_new(store);
  txn = begin(store);
  CHECK_OK(copse_map_drop(txn, dropped));
  CHECK_OK(copse_delete_range(txn, map, &(struct copse_range){.to = {"00300", 5}}, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct stopper whole = {0};
  struct copse_check check;
  CHECK_OK(copse_check_store(store, -1, NULL, stop, &whole, &check));
  CHECK_EQ(check.errors, 0);
  CHECK_GT(whole.calls, 20);
  for (int i = 1; i <= whole.calls; i++) {
    struct stopper stopper = {.stop_at = i, .answer = i % 3 ? COPSE_E_INTERRUPTED : i};
    CHECK_EQ(copse_check_store(store, -1, NULL, stop, &stopper, &check), stopper.answer);
    CHECK_EQ(stopper.calls, i);
  }
  copse_snapshot_close(snapshot);
  set_text(store, map, "k", "v"); /* nothing is held any more */
  store_sound(store);
  copse_map_close(map);
  copse_map_close(dropped);
  CHECK_OK(copse_store_close(store));
}

TEST(options_of_open) {
  struct copse_store *store;
  struct copse_store_options small = {.max_bytes = 1000}, large = {.max_bytes = UINT64_MAX / 2},
                             durable = {.durability = 9}, slow = {.slow_reader = 9};
  FAILS(copse_store_open(NULL, &small, &store), COPSE_E_ARGUMENT, "max_bytes");
  FAILS(copse_store_open(NULL, &large, &store), COPSE_E_ARGUMENT, "max_bytes");
  FAILS(copse_store_open(NULL, &durable, &store), COPSE_E_ARGUMENT, "durability 9");
  FAILS(copse_store_open(NULL, &slow, &store), COPSE_E_ARGUMENT, "slow_reader 9");
}

TEST(every_code_has_its_words) {
#define WORDS(name, code, text)                                                                    \
  CHECK_STR(copse_strerror(code), text);                                                           \
  CHECK_STR(copse_error_name(code), "COPSE_E_" #name);
  COPSE_ERRORS(WORDS)
#undef WORDS
  CHECK(copse_strerror(-1000) != NULL && copse_error_name(1000) != NULL);
}
