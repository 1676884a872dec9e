/* store/diff.c - comparing a map, or an arena, in two views. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "arena/diff.h"
#include "tree/diff.h"

struct copse_diff {
  struct copse_view *before, *after;
  uint64_t moves[2]; /* of the views when it was opened */
  struct range range;
  uint32_t record_size; /* of an arena; 0: it is a map */
  struct arena_diff arena;
  uint8_t key[8]; /* of the last change */
  struct tree_diff tree;
};

_Static_assert((int)COPSE_ADDED == TREE_ADDED && (int)COPSE_REMOVED == TREE_REMOVED &&
                   (int)COPSE_CHANGED == TREE_CHANGED && (int)COPSE_ADDED == ARENA_ADDED &&
                   (int)COPSE_REMOVED == ARENA_REMOVED && (int)COPSE_CHANGED == ARENA_CHANGED,
               "kinds of change are passed on");

/* The map's tree in a view; empty where it does not exist. 1: it does not. */
static int tree_or_empty(struct copse_view *view, const struct copse_map *map, struct tree *tree) {
  int result = view_tree_find(view, map, tree, NULL);
  if (result == COPSE_NONE)
    *tree = (struct tree){.shape = map->shape};
  return result;
}

/* The first index whose key is not less than a bound; none: where it is open. */
static uint64_t bound_index(const struct tree_key *bound, uint64_t none) {
  uint8_t bytes[8] = {0};
  if (!bound->data)
    return none;
  memcpy(bytes, bound->data, bound->size < 8 ? bound->size : 8);
  uint64_t index = copse_key_to_u64(bytes);
  return bound->size > 8 && index < UINT64_MAX ? index + 1 : index;
}

static void arena_begin(struct copse_diff *diff, const struct copse_map *map,
                        const struct tree *before, const struct tree *after) {
  struct arena_shape shape = arena_shape_make(map->value_size);
  struct arena old = {before->root, before->count, shape, NULL};
  struct arena new = {after->root, after->count, shape, NULL};
  diff->record_size = map->value_size;
  arena_diff_init(&diff->arena, &diff->before->pages, &old, &diff->after->pages, &new,
                  bound_index(&diff->range.from, 0), bound_index(&diff->range.to, UINT64_MAX));
}

static int diff_begin(struct copse_diff *diff, struct copse_map *map,
                      const struct copse_range *asked) {
  struct tree before, after;
  int missing = tree_or_empty(diff->before, map, &before);
  if (missing < 0)
    return missing;
  int result = tree_or_empty(diff->after, map, &after);
  if (result < 0)
    return result;
  if (missing && result)
    return error_set(COPSE_E_NO_MAP, "the map is in neither of the two versions");
  result = range_make(map, asked, &diff->range);
  if (result == 0 && map->key_kind == COPSE_KEY_SLOT)
    arena_begin(diff, map, &before, &after);
  else if (result == 0)
    result = diff_init(&diff->tree, &diff->before->pages, &before, &diff->after->pages, &after,
                       &diff->range.from, &diff->range.to);
  return result;
}

int copse_diff_open(struct copse_view *before, struct copse_view *after, struct copse_map *map,
                    const struct copse_range *range, struct copse_diff **out) {
  int result = view_check(before);
  if (result == 0)
    result = view_check(after);
  if (result == 0 && (before->store != after->store || map->store != before->store))
    result = error_set(COPSE_E_ARGUMENT, "views and map belong to different stores");
  if (result == 0 && (before->pages.copy || after->pages.copy))
    result = error_set(COPSE_E_ARGUMENT,
                       "a diff needs snapshots that are not oustable, and no observer's");
  if (result)
    return result;
  struct copse_diff *diff = calloc(1, sizeof *diff);
  if (!diff)
    return error_set(COPSE_E_MEMORY, "no memory for a diff");
  diff->before = before;
  diff->after = after;
  diff->moves[0] = before->moves;
  diff->moves[1] = after->moves;
  result = diff_begin(diff, map, range);
  if (result) {
    range_free(&diff->range);
    free(diff);
    return store_fault(before->store, result);
  }
  pthread_mutex_lock(&before->store->mutex);
  before->store->cursors_open++;
  pthread_mutex_unlock(&before->store->mutex);
  *out = diff;
  return 0;
}

static struct copse_bytes bytes_lend(const struct copse_view *view,
                                     const struct tree_value *value) {
  struct copse_bytes bytes = {value->data ? view_lend(view, value->data) : NULL, value->size};
  return bytes;
}

static int slot_next(struct copse_diff *diff, struct copse_change *change) {
  struct arena_slot before, after;
  enum arena_change kind;
  uint64_t index;
  int result = arena_diff_next(&diff->arena, &kind, &index, &before, &after);
  if (result)
    return store_fault(diff->before->store, result);
  struct tree_value old = {before.record, before.record ? diff->record_size : 0};
  struct tree_value new = {after.record, after.record ? diff->record_size : 0};
  copse_key_u64(index, diff->key);
  change->kind = (enum copse_change_kind)kind;
  change->key = (struct copse_bytes){diff->key, sizeof diff->key};
  change->before = bytes_lend(diff->before, &old);
  change->after = bytes_lend(diff->after, &new);
  return 0;
}

int copse_diff_next(struct copse_diff *diff, struct copse_change *change) {
  enum tree_change kind;
  struct tree_key key;
  struct tree_value before, after;
  int result = view_check(diff->before);
  if (result == 0)
    result = view_check(diff->after);
  if (result == 0 &&
      (diff->moves[0] != diff->before->moves || diff->moves[1] != diff->after->moves))
    result =
        error_set(COPSE_E_STATE, "a view of the diff was refreshed or written to: open it anew");
  if (result)
    return result;
  if (diff->record_size)
    return slot_next(diff, change);
  result = diff_next(&diff->tree, &kind, &key, &before, &after);
  if (result)
    return store_fault(diff->before->store, result);
  change->kind = (enum copse_change_kind)kind;
  change->key = (struct copse_bytes){key.data, key.size};
  change->before = bytes_lend(diff->before, &before);
  change->after = bytes_lend(diff->after, &after);
  return 0;
}

void copse_diff_close(struct copse_diff *diff) {
  if (!diff)
    return;
  struct copse_store *store = diff->before->store;
  pthread_mutex_lock(&store->mutex);
  store->cursors_open--;
  pthread_mutex_unlock(&store->mutex);
  range_free(&diff->range);
  free(diff);
}
