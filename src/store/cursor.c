/* store/cursor.c - cursors of the public interface: a tree cursor within bounds, which finds its
 * place again when the transaction it belongs to has written since. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

enum cursor_place {
  PLACE_BEFORE, /* before the first record of the range */
  PLACE_ON,     /* on a record */
  PLACE_GAP,    /* between records, where a key would be: next is the first greater one */
  PLACE_BEHIND, /* behind the last record of the range */
};

struct copse_cursor {
  struct copse_view *view;
  struct copse_map *map;
  struct range range;
  enum cursor_place place;
  uint64_t moves; /* of the view when the tree cursor was positioned */
  uint32_t mark_size;
  uint8_t mark[TREE_KEY_MAX + 8]; /* the key it stands on (if by_mark()), or of the gap */
  struct tree_cursor tree;
};

int copse_cursor_open(struct copse_view *view, struct copse_map *map,
                      const struct copse_range *range, struct copse_cursor **out) {
  struct tree tree;
  int result = view_check(view);
  if (result == 0)
    result = view_tree(view, map, &tree);
  if (result)
    return store_fault(view->store, result);
  struct copse_cursor *cursor = malloc(sizeof *cursor);
  if (!cursor)
    return error_set(COPSE_E_MEMORY, "no memory for a cursor");
  result = range_make(map, range, &cursor->range);
  if (result) {
    free(cursor);
    return result;
  }
  cursor->view = view;
  cursor->map = map;
  cursor->place = PLACE_BEFORE;
  cursor->moves = view->moves;
  cursor->mark_size = 0;
  cursor_init(&cursor->tree, &view->pages, &tree);
  pthread_mutex_lock(&view->store->mutex);
  view->store->cursors_open++;
  pthread_mutex_unlock(&view->store->mutex);
  *out = cursor;
  return 0;
}

void copse_cursor_close(struct copse_cursor *cursor) {
  if (!cursor)
    return;
  pthread_mutex_lock(&cursor->map->store->mutex);
  cursor->map->store->cursors_open--;
  pthread_mutex_unlock(&cursor->map->store->mutex);
  range_free(&cursor->range);
  free(cursor);
}

/* Whether the tree cursor may lose its pages between two steps: to its transaction's writes, or,
 * where pages are copied out, to whoever else reads with the same snapshot. */
static int by_mark(const struct copse_cursor *cursor) {
  return cursor->view->txn || cursor->view->pages.copy;
}

/* Takes up the newest tree of the view: after a write of its transaction, or a refresh. */
static int tree_renew(struct copse_cursor *cursor) {
  struct tree tree;
  int result = view_tree(cursor->view, cursor->map, &tree);
  if (result)
    return result;
  cursor_init(&cursor->tree, &cursor->view->pages, &tree);
  cursor->moves = cursor->view->moves;
  return 0;
}

static int in_range(const struct copse_cursor *cursor, const struct tree_key *key, int forward) {
  const struct tree_key *bound = forward ? &cursor->range.to : &cursor->range.from;
  if (!bound->data)
    return 1;
  int order = bytes_compare(key->data, key->size, bound->data, bound->size);
  return forward ? order < 0 : order >= 0;
}

/* Hands out the record the tree cursor stands on, if it is in the range. */
static int record_give(struct copse_cursor *cursor, int forward, struct copse_bytes *key,
                       struct copse_bytes *value) {
  struct tree_key found;
  struct tree_value data;
  int bounded = (forward ? cursor->range.to.data : cursor->range.from.data) != NULL;
  int need_key = key || bounded || by_mark(cursor);
  int result = cursor_record(&cursor->tree, need_key ? &found : NULL, value ? &data : NULL);
  if (result)
    return result;
  if (bounded && !in_range(cursor, &found, forward))
    return COPSE_NONE;
  cursor->place = PLACE_ON;
  if (by_mark(cursor)) {
    cursor->view->copied_for = cursor;
    memcpy(cursor->mark, found.data, found.size);
    cursor->mark_size = found.size;
  }
  if (key)
    *key = (struct copse_bytes){found.data, found.size};
  if (value)
    *value = (struct copse_bytes){view_lend(cursor->view, data.data), data.size};
  return 0;
}

static int finish(struct copse_cursor *cursor, int result, int forward, struct copse_bytes *key,
                  struct copse_bytes *value) {
  if (result == 0)
    result = record_give(cursor, forward, key, value);
  if (result == COPSE_NONE)
    cursor->place = forward ? PLACE_BEHIND : PLACE_BEFORE;
  else if (result < 0)
    cursor->place = PLACE_BEFORE; /* the tree cursor may stand nowhere */
  return store_fault(cursor->view->store, result);
}

/* Positions on the first record >= (after: >) key. */
static int position(struct copse_cursor *cursor, const struct tree_key *key, int after) {
  if (!key->data)
    return cursor_first(&cursor->tree);
  return cursor_seek(&cursor->tree, key->data, key->size, after);
}

/* Positions on the last record < (or_equal: <=) key. */
static int position_below(struct copse_cursor *cursor, const struct tree_key *key, int or_equal) {
  int result = key->data ? cursor_seek(&cursor->tree, key->data, key->size, or_equal)
                         : cursor_last(&cursor->tree);
  if (!key->data || result < 0)
    return result;
  return cursor->tree.depth ? cursor_prev(&cursor->tree) : COPSE_NONE;
}

static int enter(struct copse_cursor *cursor) {
  int result = view_check(cursor->view);
  return result ? result : tree_renew(cursor);
}

int copse_cursor_first(struct copse_cursor *cursor, struct copse_bytes *key,
                       struct copse_bytes *value) {
  int result = enter(cursor);
  if (result == 0)
    result = position(cursor, &cursor->range.from, 0);
  return finish(cursor, result, 1, key, value);
}

int copse_cursor_last(struct copse_cursor *cursor, struct copse_bytes *key,
                      struct copse_bytes *value) {
  int result = enter(cursor);
  if (result == 0)
    result = position_below(cursor, &cursor->range.to, 0);
  return finish(cursor, result, 0, key, value);
}

/* The view has moved since the cursor was positioned. */
static int moved(const struct copse_cursor *cursor) {
  return __builtin_expect(cursor->moves != cursor->view->moves, 0);
}

/* The tree cursor has lost its place: it is found again by the mark. */
static int lost(const struct copse_cursor *cursor) {
  return moved(cursor) || cursor->place == PLACE_GAP ||
         __builtin_expect(cursor->view->pages.copy && cursor->view->copied_for != cursor, 0);
}

/* A snapshot's cursor cannot go on by itself after a refresh. */
static int step_check(const struct copse_cursor *cursor) {
  int result = view_check(cursor->view);
  if (result)
    return result;
  if (moved(cursor) && !cursor->view->txn)
    return error_set(COPSE_E_STATE, "the snapshot was refreshed: position the cursor anew");
  return 0;
}

int copse_cursor_next(struct copse_cursor *cursor, struct copse_bytes *key,
                      struct copse_bytes *value) {
  int result = step_check(cursor);
  if (result)
    return result;
  if (cursor->place == PLACE_ON && !cursor->range.to.data && !by_mark(cursor) && key && value) {
    struct tree_key found; /* the plain walk of a snapshot: nothing else to look at */
    struct tree_value data;
    result = cursor_next(&cursor->tree);
    if (result == 0)
      result = cursor_record(&cursor->tree, &found, &data);
    if (result)
      return finish(cursor, result, 1, key, value);
    *key = (struct copse_bytes){found.data, found.size};
    *value = (struct copse_bytes){data.data, data.size};
    return 0;
  }
  if (cursor->place == PLACE_BEFORE)
    return copse_cursor_first(cursor, key, value);
  if (cursor->place == PLACE_BEHIND)
    return COPSE_NONE;
  if (lost(cursor)) {
    struct tree_key mark = {cursor->mark, cursor->mark_size};
    result = tree_renew(cursor);
    if (result == 0)
      result = position(cursor, &mark, cursor->place == PLACE_ON);
  } else {
    result = cursor_next(&cursor->tree);
  }
  return finish(cursor, result, 1, key, value);
}

int copse_cursor_prev(struct copse_cursor *cursor, struct copse_bytes *key,
                      struct copse_bytes *value) {
  int result = step_check(cursor);
  if (result)
    return result;
  if (cursor->place == PLACE_BEHIND)
    return copse_cursor_last(cursor, key, value);
  if (cursor->place == PLACE_BEFORE)
    return COPSE_NONE;
  if (lost(cursor)) {
    struct tree_key mark = {cursor->mark, cursor->mark_size};
    result = tree_renew(cursor);
    if (result == 0)
      result = position_below(cursor, &mark, 0);
  } else {
    result = cursor_prev(&cursor->tree);
  }
  return finish(cursor, result, 0, key, value);
}

/* Remembers a key that is not there as the cursor's place. */
static void gap_mark(struct copse_cursor *cursor, const struct tree_key *key) {
  memcpy(cursor->mark, key->data, key->size);
  cursor->mark_size = key->size;
  cursor->place = PLACE_GAP;
}

static int seek_up(struct copse_cursor *cursor, enum copse_seek how, const struct tree_key *wanted,
                   struct copse_bytes *key, struct copse_bytes *value) {
  const struct tree_key *from = &cursor->range.from;
  int result,
      below = from->data && bytes_compare(wanted->data, wanted->size, from->data, from->size) < 0;
  if (below && how == COPSE_SEEK_EQ) {
    cursor->place = PLACE_BEFORE;
    return COPSE_NONE;
  }
  const struct tree_key *to = &cursor->range.to;
  if (how == COPSE_SEEK_EQ && to->data &&
      bytes_compare(wanted->data, wanted->size, to->data, to->size) >= 0) {
    cursor->place = PLACE_BEHIND; /* no gap there: what is below it may be outside, too */
    return COPSE_NONE;
  }
  result = below ? position(cursor, from, 0) : position(cursor, wanted, how == COPSE_SEEK_GT);
  if (how == COPSE_SEEK_EQ && result == 0) {
    struct tree_key found;
    result = cursor_record(&cursor->tree, &found, NULL);
    if (result == 0 && bytes_compare(found.data, found.size, wanted->data, wanted->size) != 0) {
      gap_mark(cursor, wanted);
      return COPSE_NONE;
    }
  }
  result = finish(cursor, result, 1, key, value);
  if (result == COPSE_NONE && !below &&
      (!to->data || bytes_compare(wanted->data, wanted->size, to->data, to->size) < 0)) {
    gap_mark(cursor, wanted);
    if (how == COPSE_SEEK_GT) /* the gap begins right behind the key */
      cursor->mark[cursor->mark_size++] = 0;
  }
  return result;
}

static int seek_down(struct copse_cursor *cursor, enum copse_seek how,
                     const struct tree_key *wanted, struct copse_bytes *key,
                     struct copse_bytes *value) {
  const struct tree_key *to = &cursor->range.to;
  int above = to->data && bytes_compare(wanted->data, wanted->size, to->data, to->size) >= 0;
  int result =
      above ? position_below(cursor, to, 0) : position_below(cursor, wanted, how == COPSE_SEEK_LE);
  return finish(cursor, result, 0, key, value);
}

int copse_cursor_seek(struct copse_cursor *cursor, enum copse_seek how, const void *key,
                      size_t key_size, struct copse_bytes *found_key, struct copse_bytes *value) {
  int result = key_check(cursor->map, key, key_size);
  if (result == 0)
    result = enter(cursor);
  if (result)
    return store_fault(cursor->view->store, result);
  struct tree_key wanted = {key_size ? key : (const uint8_t *)"", (uint32_t)key_size};
  if (how > COPSE_SEEK_EQ)
    return error_set(COPSE_E_ARGUMENT, "seek %d is not known", (int)how);
  if (how == COPSE_SEEK_LE || how == COPSE_SEEK_LT)
    return seek_down(cursor, how, &wanted, found_key, value);
  return seek_up(cursor, how, &wanted, found_key, value);
}
