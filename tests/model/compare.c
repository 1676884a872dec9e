/* compare.c - a view of the store against the state of the model that it should show. */
#include <stdlib.h>

#include "model.h"

static void record_check(const struct model_map *map, const struct model_record *record,
                         const struct copse_bytes *value) {
  uintptr_t alignment = map->typed || record->value_size > 512 ? 64 : 8;
  value_check(record->value_seed, record->value_size, value->data, value->size);
  CHECK_EQ((uintptr_t)value->data % alignment, 0);
}

static void get_check(struct copse_view *view, const struct model_map *map, uint32_t number) {
  uint8_t key[COPSE_KEY_MAX];
  uint32_t size = key_make(map, number, key);
  struct copse_bytes value;
  int exact;
  size_t at = map_search(map, key, size, &exact);
  CHECK_RESULT(copse_get(view, map->handle->map, key, size, &value), exact ? 0 : COPSE_NONE);
  if (exact)
    record_check(map, map->records[at], &value);
  CHECK_RESULT(copse_exists(view, map->handle->map, key, size), exact ? 0 : COPSE_NONE);
}

#define KEYS_MAX 40
static void multiget_check(struct test_random *random, struct copse_view *view,
                           const struct model_map *map) {
  static uint8_t bytes[KEYS_MAX][COPSE_KEY_MAX];
  struct copse_bytes keys[KEYS_MAX] = {{NULL, 0}}, values[KEYS_MAX];
  size_t n = test_random_below(random, KEYS_MAX), found = 99, expected = 0;
  for (size_t i = 0; i < n; i++) {
    keys[i].data = bytes[i];
    keys[i].size = key_make(map, (uint32_t)test_random_below(random, map->key_count), bytes[i]);
  }
  CHECK_OK(copse_multiget(view, map->handle->map, n, keys, values, &found));
  for (size_t i = 0; i < n; i++) {
    int exact;
    size_t at = map_search(map, keys[i].data, keys[i].size, &exact);
    expected += (size_t)exact;
    CHECK_EQ(values[i].data != NULL, exact);
    if (exact)
      record_check(map, map->records[at], &values[i]);
  }
  CHECK_EQ(found, expected);
}

static void count_check(struct copse_view *view, const struct model_map *map) {
  uint64_t count;
  CHECK_OK(copse_count(view, map->handle->map, &count));
  CHECK_EQ(count, map->count);
}

void compare_map(struct test_random *random, struct copse_view *view, const struct model_map *map) {
  count_check(view, map);
  for (int i = 0; i < 8; i++)
    get_check(view, map, (uint32_t)test_random_below(random, map->key_count));
  if (test_random_one_in(random, 4))
    multiget_check(random, view, map);
  if (test_random_one_in(random, 4))
    compare_cursor(random, view, map);
  if (test_random_one_in(random, 30))
    compare_scan(view, map);
}

/* --- cursors ----------------------------------------------------------------------------- */

static void on_record(const struct model_map *map, size_t at, const struct copse_bytes *key,
                      const struct copse_bytes *value) {
  const struct model_record *record = map->records[at];
  CHECK_BYTES(key->data, key->size, record->key, record->key_size);
  record_check(map, record, value);
}

void compare_scan(struct copse_view *view, const struct model_map *map) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  CHECK_OK(copse_cursor_open(view, map->handle->map, NULL, &cursor));
  for (size_t i = 0; i < map->count; i++) {
    CHECK_OK(copse_cursor_next(cursor, &key, &value));
    on_record(map, i, &key, &value);
  }
  CHECK_RESULT(copse_cursor_next(cursor, &key, &value), COPSE_NONE);
  for (size_t i = map->count; i-- > 0;) {
    CHECK_OK(copse_cursor_prev(cursor, &key, NULL));
    const struct model_record *record = map->records[i];
    CHECK_BYTES(key.data, key.size, record->key, record->key_size);
  }
  CHECK_RESULT(copse_cursor_prev(cursor, NULL, NULL), COPSE_NONE);
  copse_cursor_close(cursor);
}

/* Where a cursor stands: on record `at`, or before it. */
struct place {
  size_t low, high, at;
  int on;
};

static int step_next(struct place *place) {
  if (place->on)
    place->at++;
  place->on = place->at < place->high;
  return place->on ? 0 : COPSE_NONE;
}

static int step_prev(struct place *place) {
  place->on = place->at > place->low;
  place->at -= place->on ? 1 : 0;
  return place->on ? 0 : COPSE_NONE;
}

static int seek(const struct model_map *map, struct place *place, enum copse_seek how,
                const uint8_t *key, size_t size) {
  int exact;
  size_t at = map_search(map, key, size, &exact);
  if (how == COPSE_SEEK_GT || how == COPSE_SEEK_LE)
    at += (size_t)exact;
  at = at < place->low ? place->low : at > place->high ? place->high : at;
  place->at = at;
  if (how == COPSE_SEEK_LE || how == COPSE_SEEK_LT) {
    place->on = at > place->low;
    place->at = place->on ? at - 1 : place->low;
  } else {
    place->on = at < place->high;
  }
  if (how == COPSE_SEEK_EQ && place->on)
    place->on =
        exact && key_compare(map->records[at]->key, map->records[at]->key_size, key, size) == 0;
  return place->on ? 0 : COPSE_NONE;
}

static int cursor_move(struct test_random *random, const struct model_map *map,
                       struct copse_cursor *cursor, struct place *place, struct copse_bytes *key,
                       struct copse_bytes *value) {
  uint8_t wanted[COPSE_KEY_MAX];
  uint64_t what = test_random_below(random, 20);
  if (what < 8) {
    CHECK_RESULT(copse_cursor_next(cursor, key, value), step_next(place));
  } else if (what < 16) {
    CHECK_RESULT(copse_cursor_prev(cursor, key, value), step_prev(place));
  } else if (what == 16) {
    *place = (struct place){place->low, place->high, place->low, place->high > place->low};
    CHECK_RESULT(copse_cursor_first(cursor, key, value), place->on ? 0 : COPSE_NONE);
  } else if (what == 17) {
    place->on = place->high > place->low;
    place->at = place->on ? place->high - 1 : place->low;
    CHECK_RESULT(copse_cursor_last(cursor, key, value), place->on ? 0 : COPSE_NONE);
  } else {
    enum copse_seek how = (enum copse_seek)test_random_below(random, 5);
    uint32_t size = key_make(map, (uint32_t)test_random_below(random, map->key_count + 1), wanted);
    int expected = seek(map, place, how, wanted, size);
    CHECK_RESULT(copse_cursor_seek(cursor, how, wanted, size, key, value), expected);
  }
  return place->on;
}

void compare_cursor(struct test_random *random, struct copse_view *view,
                    const struct model_map *map) {
  struct model_range range;
  struct copse_cursor *cursor;
  struct place place = {.high = map->count};
  int bounded = test_random_one_in(random, 2);
  if (bounded) {
    range_random(random, map, &range);
    range_find(map, &range.range, &place.low, &place.high);
  }
  place.at = place.low;
  CHECK_OK(copse_cursor_open(view, map->handle->map, bounded ? &range.range : NULL, &cursor));
  for (uint64_t n = test_random_below(random, 40); n; n--) {
    struct copse_bytes key, value;
    if (cursor_move(random, map, cursor, &place, &key, &value))
      on_record(map, place.at, &key, &value);
  }
  copse_cursor_close(cursor);
}

/* --- catalog and checker ------------------------------------------------------------------- */

void compare_catalog(struct copse_view *view, const struct model_state *state) {
  struct copse_map_info info, again;
  char after[COPSE_MAP_NAME_MAX + 1];
  unsigned n = 0;
  int result;
  for (const char *name = NULL; (result = copse_map_next(view, name, &info)) == 0; n++) {
    CHECK(!name || strcmp(info.name, name) > 0);
    unsigned at = state_find(state, info.name);
    CHECK_MSG(at < MODEL_MAPS, "map %s is listed", info.name);
    const struct model_map *map = state->maps[at];
    CHECK_EQ(info.key_kind, map->key_kind);
    CHECK_EQ(info.value_size, map->value_size);
    CHECK_EQ(info.has_layout, map->typed);
    CHECK_EQ(info.count, map->count);
    CHECK_OK(copse_map_info(view, map->handle->map, &again));
    CHECK_EQ(again.id, info.id);
    strcpy(after, info.name);
    name = after;
  }
  CHECK_RESULT(result, COPSE_NONE);
  CHECK_EQ(n, state->count);
}

static void fault_print(void *context, const char *sentence) {
  (void)context;
  test_note(__FILE__, __LINE__, "%s", sentence);
}

void check_sound(struct copse_store *store, const struct model_state *state) {
  struct copse_check check;
  uint64_t records = 0;
  CHECK_OK(copse_check_store(store, -1, fault_print, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  if (!state)
    return;
  for (unsigned i = 0; i < state->count; i++)
    records += state->maps[i]->count;
  CHECK_EQ(check.maps, state->count);
  CHECK_EQ(check.records, records);
}

/* --- diff -------------------------------------------------------------------------------- */

static const struct model_record *record_at(const struct model_map *map, size_t at, size_t end) {
  return map && at < end ? map->records[at] : NULL;
}

static int values_equal(const struct model_record *a, const struct model_record *b) {
  uint64_t mask = a->value_size < 8 ? (UINT64_C(1) << 8 * a->value_size) - 1 : ~UINT64_C(0);
  return a->value_size == b->value_size && (a->value_seed & mask) == (b->value_seed & mask);
}

static void change_check(const struct model_map *map, const struct copse_change *change,
                         const struct model_record *before, const struct model_record *after) {
  const struct model_record *either = before ? before : after;
  CHECK_EQ(change->kind, !before ? COPSE_ADDED : !after ? COPSE_REMOVED : COPSE_CHANGED);
  CHECK_BYTES(change->key.data, change->key.size, either->key, either->key_size);
  CHECK_EQ(change->before.data != NULL, before != NULL);
  CHECK_EQ(change->after.data != NULL, after != NULL);
  if (before)
    record_check(map, before, &change->before);
  if (after)
    record_check(map, after, &change->after);
}

void compare_diff(struct test_random *random, struct copse_view *before,
                  const struct model_map *old, struct copse_view *after,
                  const struct model_map *new) {
  const struct model_map *map = new ? new : old;
  struct model_range range;
  struct copse_diff *diff;
  struct copse_change change;
  size_t a = 0, b = 0, a_end = old ? old->count : 0, b_end = new ? new->count : 0;
  int bounded = test_random_one_in(random, 2);
  if (bounded) {
    range_random(random, map, &range);
    if (old)
      range_find(old, &range.range, &a, &a_end);
    if (new)
      range_find(new, &range.range, &b, &b_end);
  }
  CHECK_OK(copse_diff_open(before, after, map->handle->map, bounded ? &range.range : NULL, &diff));
  while (a < a_end || b < b_end) {
    const struct model_record *x = record_at(old, a, a_end), *y = record_at(new, b, b_end);
    int order = !x ? 1 : !y ? -1 : key_compare(x->key, x->key_size, y->key, y->key_size);
    a += order <= 0;
    b += order >= 0;
    if (order == 0 && values_equal(x, y))
      continue;
    CHECK_OK(copse_diff_next(diff, &change));
    change_check(map, &change, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
  }
  CHECK_RESULT(copse_diff_next(diff, &change), COPSE_NONE);
  copse_diff_close(diff);
}
