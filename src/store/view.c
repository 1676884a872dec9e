/* store/view.c - reading: from a view and a map to records. */
#include "store/store.h"

int view_refuse(const struct copse_view *view) {
  int result = fork_check();
  if (result)
    return result;
  return view->txn && view->txn->forked
             ? error_set(COPSE_E_FORKED, "the write transaction belongs to the parent process")
             : error_set(COPSE_E_STATE, "the snapshot or transaction has ended");
}

int store_fault(const struct copse_store *store, int result) {
  /* relaxed: set by a handler on the thread that met the fault, or earlier */
  if (result == COPSE_E_CORRUPT && atomic_load_explicit(&store->truncated, memory_order_relaxed))
    return error_set(COPSE_E_TRUNCATED, "somebody shortened the store's file; restore a copy");
  return result;
}

int view_tree_find(struct copse_view *view, const struct copse_map *map, struct tree *tree,
                   uint64_t *changed) {
  view->copied_for = NULL;
  if (view->txn) {
    struct txn_map *own;
    int result = txn_map_find(view->txn, map, &own);
    if (result)
      return result;
    *tree = own->tree;
    if (changed)
      *changed = own->changed;
    return 0;
  }
  if (view->recent.tag == map->tag) { /* never 0 */
    *tree = (struct tree){view->recent.tree, view->recent.count, map->shape, NULL};
    if (changed)
      *changed = view->root.version;
    return 0;
  }
  struct map_entry entry;
  int result = table_lookup(&view->pages, &view->root, map->id, &entry);
  if (result)
    return result;
  *tree = (struct tree){.root = entry.root, .count = entry.count, .shape = map->shape};
  if (changed)
    *changed = entry.changed;
  return entry.tag == map->tag ? 0 : COPSE_NONE;
}

static int map_gone(int result) {
  return result == COPSE_NONE
             ? error_set(COPSE_E_NO_MAP, "the map is not there in this version of the store")
             : result;
}

int view_container(struct copse_view *view, const struct copse_map *map, struct tree *tree) {
  if (map->store != view->store)
    return error_set(COPSE_E_ARGUMENT, "the map belongs to another store");
  return map_gone(view_tree_find(view, map, tree, NULL));
}

int view_tree_look_up(struct copse_view *view, const struct copse_map *map, struct tree *tree) {
  if (map->key_kind == COPSE_KEY_SLOT)
    return arena_refuse();
  if (map->store != view->store)
    return error_set(COPSE_E_ARGUMENT, "the map belongs to another store");
  int result = view_tree_find(view, map, tree, NULL);
  if (result == 0 && !view->txn) {
    view->last_id = map->id;
    view->last_tag = map->tag;
    view->last_tree = *tree;
  }
  return map_gone(result);
}

int arena_refuse(void) {
  return error_set(COPSE_E_MAP_KIND, "this is an arena, which maps' functions do not work on");
}

int key_refuse(const struct copse_map *map, size_t size) {
  if (map->key_kind == COPSE_KEY_SLOT)
    return arena_refuse();
  if (size > COPSE_KEY_MAX)
    return error_set(COPSE_E_KEY_SIZE, "the key has %zu bytes; at most %d are allowed", size,
                     COPSE_KEY_MAX);
  if (map->key_kind == COPSE_KEY_U64 && size != 8)
    return error_set(COPSE_E_KEY_SIZE, "the key has %zu bytes; this map's keys have 8", size);
  return error_set(COPSE_E_ARGUMENT, "the key is NULL");
}

int copse_get(struct copse_view *view, struct copse_map *map, const void *key, size_t key_size,
              struct copse_bytes *value) {
  struct tree tree;
  struct tree_value found;
  int result = view_check(view);
  if (result == 0)
    result = key_check(map, key, key_size);
  if (result == 0)
    result = view_tree(view, map, &tree);
  if (result == 0)
    result = tree_get(&view->pages, &tree, key_size ? key : "", (uint32_t)key_size, &found);
  if (result)
    return store_fault(view->store, result);
  value->data = view_lend(view, found.data);
  value->size = found.size;
  return 0;
}

int copse_exists(struct copse_view *view, struct copse_map *map, const void *key, size_t key_size) {
  struct copse_bytes value;
  return copse_get(view, map, key, key_size, &value);
}

int copse_count(struct copse_view *view, struct copse_map *map, uint64_t *count) {
  struct tree tree;
  int result = view_check(view);
  if (result == 0)
    result = view_tree(view, map, &tree);
  if (result == 0)
    *count = tree.count;
  return store_fault(view->store, result);
}

static int multiget_batch(struct copse_view *view, struct copse_map *map, const struct tree *tree,
                          size_t n, const struct copse_bytes *keys, struct copse_bytes *values,
                          size_t *found) {
  struct tree_key batch[TREE_BATCH];
  struct tree_value results[TREE_BATCH];
  for (size_t i = 0; i < n; i++) {
    int result = key_check(map, keys[i].data, keys[i].size);
    if (result)
      return result;
    batch[i].data = keys[i].size ? keys[i].data : (const uint8_t *)"";
    batch[i].size = (uint32_t)keys[i].size;
  }
  int result = tree_multiget(&view->pages, tree, n, batch, results);
  for (size_t i = 0; i < n && result == 0; i++) {
    values[i].data = results[i].data ? view_lend(view, results[i].data) : NULL;
    values[i].size = results[i].size;
    *found += results[i].data != NULL;
  }
  return result;
}

/* Snapshots that copy pages out hand out memory until the next call only: one get at a time cannot serve many. */
static int multiget_copied(const struct copse_view *view) {
  return view->pages.copy
             ? error_set(COPSE_E_STATE,
                         "multiget needs a snapshot that is not oustable, and no observer's")
             : 0;
}

int copse_multiget(struct copse_view *view, struct copse_map *map, size_t n,
                   const struct copse_bytes *keys, struct copse_bytes *values, size_t *found) {
  struct tree tree;
  size_t total = 0;
  int result = view_check(view);
  if (result == 0)
    result = multiget_copied(view);
  if (result == 0)
    result = view_tree(view, map, &tree);
  for (size_t i = 0; i < n && result == 0; i += TREE_BATCH) {
    size_t batch = n - i < TREE_BATCH ? n - i : TREE_BATCH;
    result = multiget_batch(view, map, &tree, batch, keys + i, values + i, &total);
  }
  if (result)
    return store_fault(view->store, result);
  if (found)
    *found = total;
  return 0;
}
