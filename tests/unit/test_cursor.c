/* test_cursor.c - cursors of the public interface: ranges, and transactions that write around
 * their own cursors. Walks of unchanging maps are in tests/model/. */
#include <stdio.h>

#include "test_store_fixture.h"

/* A cursor in a transaction, against a plain array of what is there. */
#define NUMBERS 400u
struct written {
  struct copse_txn *txn;
  struct copse_map *map;
  struct copse_cursor *cursor;
  uint8_t there[NUMBERS];
  int at;  /* number that the cursor stood on or would stand at; -1: before, NUMBERS: behind all */
  int gap; /* 1: a step forward may stay at `at` */
};

static void number_key(unsigned number, uint8_t key[8]) { copse_key_u64(number * 3, key); }

static int next_number(const struct written *w, int from) {
  int n = from;
  while (n < (int)NUMBERS && !w->there[n])
    n++;
  return n;
}

static int previous_number(const struct written *w, int from) {
  int n = from;
  while (n >= 0 && !w->there[n])
    n--;
  return n;
}

static void expect(struct written *w, int result, int number, const struct copse_bytes *key,
                   const struct copse_bytes *value) {
  int there = number >= 0 && number < (int)NUMBERS;
  CHECK_EQ(result, there ? 0 : COPSE_NONE);
  w->at = number;
  w->gap = 0;
  if (!there)
    return;
  uint8_t wanted[8];
  number_key((unsigned)number, wanted);
  CHECK_BYTES(key->data, key->size, wanted, 8);
  CHECK_EQ(((const uint8_t *)value->data)[0], w->there[number]);
}

static void write_around(struct written *w, struct test_random *random) {
  for (uint64_t n = test_random_below(random, 12); n; n--) {
    unsigned number = (unsigned)test_random_below(random, NUMBERS);
    if (test_random_one_in(random, 3) && w->at >= 0 && w->at < (int)NUMBERS)
      number = (unsigned)w->at; /* the very record that it stands on */
    uint8_t key[8], value[600] = {(uint8_t)(1 + test_random_below(random, 255))};
    number_key(number, key);
    if (test_random_one_in(random, 2)) {
      CHECK_OK(copse_put(w->txn, w->map, key, 8, value, 1 + test_random_below(random, 599), 0));
      w->there[number] = value[0];
    } else {
      CHECK_RESULT(copse_delete(w->txn, w->map, key, 8), w->there[number] ? 0 : COPSE_NONE);
      w->there[number] = 0;
    }
  }
}

static void move(struct written *w, struct test_random *random) {
  struct copse_bytes key, value;
  uint8_t wanted[8];
  uint64_t what = test_random_below(random, 12);
  if (what < 5) {
    int result = copse_cursor_next(w->cursor, &key, &value);
    int from = w->at == (int)NUMBERS ? w->at : w->gap ? w->at : w->at + 1;
    expect(w, result, next_number(w, from), &key, &value);
  } else if (what < 10) {
    int result = copse_cursor_prev(w->cursor, &key, &value);
    expect(w, result, previous_number(w, w->at < 0 ? -1 : w->at - 1), &key, &value);
  } else {
    unsigned number = (unsigned)test_random_below(random, NUMBERS);
    number_key(number, wanted);
    if (what == 10) {
      int result = copse_cursor_seek(w->cursor, COPSE_SEEK_EQ, wanted, 8, &key, &value);
      CHECK_EQ(result, w->there[number] ? 0 : COPSE_NONE);
      w->at = (int)number;
      w->gap = result != 0;
    } else {
      int result = copse_cursor_seek(w->cursor, COPSE_SEEK_LE, wanted, 8, &key, &value);
      expect(w, result, previous_number(w, (int)number), &key, &value);
    }
  }
}

TEST(writes_around_a_cursor) {
  struct test_random random = {test_seed()};
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  for (int round = 0; round < 40 * test_scale(); round++) {
    struct written w = {.txn = begin(store), .map = map, .at = -1};
    CHECK_OK(copse_delete_range(w.txn, map, NULL, NULL));
    CHECK_OK(copse_cursor_open(copse_txn_view(w.txn), map, NULL, &w.cursor));
    for (int i = 0; i < 300; i++) {
      write_around(&w, &random);
      for (uint64_t n = test_random_below(&random, 4); n; n--)
        move(&w, &random);
    }
    copse_cursor_close(w.cursor);
    CHECK_OK(copse_txn_commit(w.txn, NULL));
  }
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(deleting_all_that_it_meets) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_txn *txn = begin(store);
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint64_t n = 0, count;
  for (int i = 0; i < 3000; i++) {
    char text[16];
    sprintf(text, "%05d", i);
    CHECK_OK(put_text(txn, map, text, i % 10 ? "short" : "a somewhat longer value than before"));
  }
  CHECK_OK(copse_cursor_open(copse_txn_view(txn), map, NULL, &cursor));
  while (copse_cursor_next(cursor, &key, &value) == 0) {
    CHECK_OK(copse_delete(txn, map, key.data, key.size)); /* the key that was lent itself */
    n++;
  }
  CHECK_EQ(n, 3000);
  CHECK_OK(copse_count(copse_txn_view(txn), map, &count));
  CHECK_EQ(count, 0);
  copse_cursor_close(cursor);
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(range_is_not_left_by_any_step) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  for (const char *key = "abcdefgh"; *key; key++) {
    char text[2] = {*key, 0};
    set_text(store, map, text, text);
  }
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_range range = {.from = {"c", 1}, .to = {"f", 1}};
  struct copse_cursor *cursor;
  struct copse_bytes key;
  CHECK_OK(copse_cursor_open(copse_snapshot_view(snapshot), map, &range, &cursor));
  static const char *const outside[] = {"a", "b", "bb", "f", "ff", "h", "z"};
  for (unsigned i = 0; i < sizeof outside / sizeof *outside; i++)
    for (int how = COPSE_SEEK_GE; how <= COPSE_SEEK_EQ; how++)
      for (int forward = 0; forward < 2; forward++) {
        int result = copse_cursor_seek(cursor, (enum copse_seek)how, outside[i], strlen(outside[i]),
                                       &key, NULL);
        for (int step = 0; step < 5; step++) {
          if (result == 0)
            CHECK(*(const char *)key.data >= 'c' && *(const char *)key.data < 'f');
          result = forward ? copse_cursor_next(cursor, &key, NULL)
                           : copse_cursor_prev(cursor, &key, NULL);
        }
      }
  copse_cursor_close(cursor);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(refreshed_snapshot_wants_a_seek) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  set_text(store, map, "a", "1");
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_cursor *cursor;
  struct copse_bytes key;
  CHECK_OK(copse_cursor_open(copse_snapshot_view(snapshot), map, NULL, &cursor));
  CHECK_OK(copse_cursor_next(cursor, &key, NULL));
  set_text(store, map, "b", "2");
  CHECK_OK(copse_snapshot_refresh(snapshot));
  FAILS(copse_cursor_next(cursor, &key, NULL), COPSE_E_STATE, "refreshed");
  FAILS(copse_cursor_prev(cursor, &key, NULL), COPSE_E_STATE, "refreshed");
  CHECK_OK(copse_cursor_last(cursor, &key, NULL));
  CHECK_BYTES(key.data, key.size, "b", 1);
  copse_cursor_close(cursor);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(a_seek_behind_the_end_meets_what_is_put_there_later) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_txn *txn = begin(store);
  struct copse_cursor *cursor;
  struct copse_bytes key;
  CHECK_OK(copse_put(txn, map, "a", 1, "1", 1, 0));
  CHECK_OK(copse_cursor_open(copse_txn_view(txn), map, NULL, &cursor));
  CHECK_EQ(copse_cursor_seek(cursor, COPSE_SEEK_GE, "b", 1, &key, NULL), COPSE_NONE);
  CHECK_OK(copse_put(txn, map, "c", 1, "3", 1, 0));
  CHECK_OK(copse_cursor_next(cursor, &key, NULL));
  CHECK_BYTES(key.data, key.size, "c", 1);
  CHECK_EQ(copse_cursor_seek(cursor, COPSE_SEEK_GT, "c", 1, &key, NULL), COPSE_NONE);
  CHECK_EQ(copse_cursor_next(cursor, &key, NULL), COPSE_NONE);
  CHECK_OK(copse_cursor_prev(cursor, &key, NULL));
  CHECK_BYTES(key.data, key.size, "c", 1);
  copse_cursor_close(cursor);
  copse_txn_abort(txn);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}
