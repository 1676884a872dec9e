/* store/arena.c - arenas in views and transactions: handles, reading, writing. */
#include "store/arena.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct copse_handle) == 24, "handles are sent to other processes");
_Static_assert(COPSE_ARENA_RECORD_MAX == ARENA_SIZE_MAX, "as in the header");
_Static_assert(COPSE_ARENA_INDEX_END == ARENA_INDEX_END, "as in the header");

/* --- arenas ---------------------------------------------------------------------------- */

static struct copse_map_options options_of(const struct copse_arena_options *options) {
  return (struct copse_map_options){
      .key_kind = COPSE_KEY_SLOT, .value_size = options->record_size, .layout = options->layout};
}

static int options_missing(const struct copse_arena_options *options) {
  return options ? 0 : error_set(COPSE_E_ARGUMENT, "an arena needs options: the records' size");
}

static int identity_check(const struct copse_arena_options *options,
                          const struct catalog_entry *entry) {
  return options->arena && options->arena != entry->tag
             ? error_set(COPSE_E_FOREIGN, "arena %llx was asked for; what is there is %llx",
                         (unsigned long long)options->arena, (unsigned long long)entry->tag)
             : 0;
}

static _Atomic uint64_t handles; /* that were made */

static int handle_make(struct copse_store *store, const struct catalog_entry *entry,
                       struct copse_arena **out) {
  struct copse_arena *arena = malloc(sizeof *arena);
  if (!arena)
    return error_set(COPSE_E_MEMORY, "no memory for an arena handle");
  /* relaxed: only that no two are the same */
  uint64_t number = 1 + atomic_fetch_add_explicit(&handles, 1, memory_order_relaxed);
  *arena =
      (struct copse_arena){map_of_entry(store, entry), arena_shape_make(entry->value_size), number};
  pthread_mutex_lock(&store->mutex);
  store->maps_open++;
  pthread_mutex_unlock(&store->mutex);
  *out = arena;
  return 0;
}

int copse_arena_create(struct copse_txn *txn, const char *name,
                       const struct copse_arena_options *options, struct copse_arena **arena) {
  struct catalog_entry entry;
  int result = options_missing(options);
  if (result)
    return result;
  struct copse_map_options asked = options_of(options);
  result = catalog_create(txn, name, &asked, options->arena, &entry);
  return result ? result : handle_make(txn->view.store, &entry, arena);
}

int copse_arena_open(struct copse_view *view, const char *name,
                     const struct copse_arena_options *options, struct copse_arena **arena) {
  struct catalog_entry entry;
  struct copse_map_options expected;
  if (options)
    expected = options_of(options);
  int result = catalog_open(view, name, 1, options ? &expected : NULL, &entry);
  if (result == 0 && options)
    result = identity_check(options, &entry);
  return result ? result : handle_make(view->store, &entry, arena);
}

int copse_arena_ensure(struct copse_store *store, const char *name,
                       const struct copse_arena_options *options, int64_t timeout_ns,
                       struct copse_arena **arena) {
  struct catalog_entry entry;
  int result = options_missing(options);
  if (result)
    return result;
  struct copse_map_options asked = options_of(options);
  result = catalog_ensure(store, name, 1, &asked, options->arena, timeout_ns, &entry);
  if (result == 0)
    result = identity_check(options, &entry);
  return result ? result : handle_make(store, &entry, arena);
}

void copse_arena_close(struct copse_arena *arena) {
  if (!arena)
    return;
  struct copse_store *store = arena->map.store;
  pthread_mutex_lock(&store->mutex);
  store->maps_open--;
  pthread_mutex_unlock(&store->mutex);
  free(arena);
}

struct copse_map *copse_arena_map(struct copse_arena *arena) {
  return &arena->map;
}

/* --- views ----------------------------------------------------------------------------- */

/* Takes over what an arena is now. */
static void cache_set(struct copse_view *view, struct arena_cache *cache,
                      const struct arena *arena) {
  cache->arena = *arena;
  cache->arena.table = &cache->table;
  cache->spot.node = NULL;
  cache->end = 0;
  if (!view->pages.copy && arena_end(&view->pages, arena, &cache->end))
    cache->end = 0; /* whoever needs it will see why */
}

int arena_cache_bind(struct copse_view *view, const struct copse_arena *arena,
                     struct arena_cache **out) {
  struct arena_cache *cache = NULL;
  struct tree tree;
  if (arena->map.store == view->store)
    for (unsigned i = 0; i < ARENAS_KEPT && !cache; i++)
      if (view->arenas[i].tag == arena->map.tag && view->arenas[i].id == arena->map.id)
        cache = &view->arenas[i];
  if (!cache || cache->turn != view->turn) {
    int result = view_container(view, &arena->map, &tree);
    if (result)
      return result;
    if (!cache)
      cache = &view->arenas[view->arena_victim++ % ARENAS_KEPT];
    struct arena found = {tree.root, tree.count, arena->shape, NULL};
    cache->tag = arena->map.tag;
    cache->id = arena->map.id;
    cache->turn = view->turn;
    arena_table_forget(&cache->table);
    cache_set(view, cache, &found);
    cache->map = view->txn ? view->txn->last_map : 0;
  }
  if (cache->arena.shape.size != arena->shape.size)
    return error_set(COPSE_E_CORRUPT, "the catalog has two entries for one arena");
  cache->handle = arena->number ? arena->number : UINT64_MAX;
  *out = view->arena = cache;
  return 0;
}

void arena_caches_trim(struct copse_view *view, uint64_t leaves) {
  for (unsigned i = 0; i < ARENAS_KEPT; i++)
    arena_table_trim(&view->arenas[i].table, leaves);
  view->turn++;
}

struct arena_found arena_find_long(struct copse_view *view, struct arena_cache *cache,
                                   uint64_t index) {
  const struct arena_shape *shape = &cache->arena.shape;
  uint64_t leaf = arena_leaf(shape, index);
  struct arena_spot spot = cache->spot;
  struct arena_slot slot = {0};
  int result = 0, own = 0;
  view->copied_for = NULL;
  if (!spot.node || spot.first_leaf != (leaf & ~(uint64_t)(ARENA_FANOUT - 1))) {
    result = arena_descend(&view->pages, &cache->arena, leaf, &spot);
    if (result == 0 && !view->pages.copy)
      cache->spot = spot;
  } else {
    spot.end = cache->end;
  }
  if (result == 0)
    result = arena_look_at(&view->pages, shape, &spot, index, &slot);
  if (result == 0) {
    own = view->txn && arena_is_own(&view->store->pager, shape, &spot, index);
    arena_table_note(&cache->table, &view->pages, shape, &spot, index, own);
  }
  return (struct arena_found){slot.record, (uint64_t)own, slot.generation, result};
}

int arena_refuse_handle(const struct copse_view *view, const struct arena_cache *cache,
                        const struct copse_handle *handle, int result, uint32_t generation) {
  if (handle->arena != cache->tag)
    return error_set(COPSE_E_FOREIGN, "the handle belongs to arena %llx, and this one is %llx",
                     (unsigned long long)handle->arena, (unsigned long long)cache->tag);
  if (result < 0)
    return store_fault(view->store, result);
  if (generation >= handle->generation)
    return error_set(COPSE_E_STALE, "slot %llu of generation %u was removed",
                     (unsigned long long)handle->index, handle->generation);
  return error_set(COPSE_E_NOT_YET, "slot %llu has had %u generations in this version, not %u yet",
                   (unsigned long long)handle->index, generation, handle->generation);
}

/* --- reading --------------------------------------------------------------------------- */

int copse_arena_get(struct copse_view *view, struct copse_arena *arena,
                    const struct copse_handle *handle, const void **record) {
  struct arena_cache *cache;
  int result = view_check(view);
  if (result == 0)
    result = arena_open(view, arena, &cache);
  if (__builtin_expect(result, 0))
    return store_fault(view->store, result);
  struct arena_found found = arena_resolve(view, cache, handle);
  if (found.result == 0)
    *record = view_lend(view, found.record);
  return found.result;
}

int copse_arena_at(struct copse_view *view, struct copse_arena *arena, uint64_t index,
                   struct copse_handle *handle, const void **record) {
  struct arena_found found = {.result = COPSE_NONE};
  struct arena_cache *cache;
  int result = view_check(view);
  if (result == 0)
    result = arena_open(view, arena, &cache);
  if (result == 0) {
    if (index < ARENA_INDEX_END)
      found = arena_find(view, cache, index);
    result = found.result;
  }
  if (result)
    return store_fault(view->store, result);
  if (handle)
    *handle = (struct copse_handle){arena->map.tag, index, found.generation, 0};
  *record = view_lend(view, found.record);
  return 0;
}

/* For what goes through the pages rather than the table of leaves. */
static int pages_begin(struct copse_view *view, const struct copse_arena *arena,
                       struct arena_cache **cache) {
  int result = view_check(view);
  if (result)
    return result;
  view->copied_for = NULL;
  return arena_open(view, arena, cache);
}

int copse_arena_chunk(struct copse_view *view, struct copse_arena *arena, uint64_t from,
                      struct copse_chunk *chunk) {
  struct arena_cache *cache;
  struct arena_chunk run;
  int result = pages_begin(view, arena, &cache);
  if (result == 0)
    result = arena_chunk(&view->pages, &cache->arena, from, &run);
  if (result)
    return store_fault(view->store, result);
  *chunk = (struct copse_chunk){view_lend(view, run.records), run.first, run.count};
  return 0;
}

int copse_arena_slots(struct copse_view *view, struct copse_arena *arena, uint64_t from,
                      struct copse_slots *slots) {
  struct arena_cache *cache;
  struct arena_run run;
  int result = pages_begin(view, arena, &cache);
  if (result == 0)
    result = arena_run(&view->pages, &cache->arena, from, &run);
  if (result)
    return store_fault(view->store, result);
  const void *records = run.records ? view_lend(view, run.records) : NULL;
  *slots = (struct copse_slots){records, run.first, run.count, run.generation, 0};
  return 0;
}

int copse_arena_count(struct copse_view *view, struct copse_arena *arena, uint64_t *count) {
  struct arena_cache *cache;
  int result = view_check(view);
  if (result == 0)
    result = arena_open(view, arena, &cache);
  if (result == 0)
    *count = cache->arena.count;
  return result == 0 ? 0 : store_fault(view->store, result);
}

int copse_arena_info(struct copse_view *view, struct copse_arena *arena,
                     struct copse_arena_info *info) {
  struct copse_map_info map;
  struct arena_cache *cache;
  uint64_t end;
  int result = copse_map_info(view, &arena->map, &map);
  if (result == 0)
    result = arena_open(view, arena, &cache);
  if (result == 0)
    result = arena_end(&view->pages, &cache->arena, &end);
  if (result)
    return store_fault(view->store, result);
  *info = (struct copse_arena_info){.id = map.id,
                                    .record_size = map.value_size,
                                    .leaf_slots = arena->shape.slots,
                                    .has_layout = map.has_layout,
                                    .layout_hash = map.layout_hash,
                                    .arena = arena->map.tag,
                                    .count = map.count,
                                    .end = end,
                                    .changed = map.changed};
  memcpy(info->name, map.name, sizeof info->name);
  return 0;
}

/* --- writing --------------------------------------------------------------------------- */

int arena_change_begin(struct arena_change *change, struct copse_txn *txn,
                       struct copse_arena *arena) {
  int result = txn_check(txn);
  if (result)
    return result;
  if (arena->map.store != txn->view.store)
    return error_set(COPSE_E_ARGUMENT, "the arena belongs to another store");
  change->txn = txn;
  result = txn_map_find(txn, &arena->map, &change->own);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_NO_MAP, "the arena is not there any more");
  if (result == 0 && change->own->tree.shape.value_size != arena->shape.size)
    return error_set(COPSE_E_CORRUPT, "the catalog has two entries for one arena");
  if (result == 0)
    result = arena_open(&txn->view, arena, &change->cache);
  if (result)
    return result;
  change->arena = change->cache->arena;
  return 0;
}

int arena_change_end(struct arena_change *change, int result) {
  struct copse_txn *txn = change->txn;
  if (result == 0 || change->own->tree.root != change->arena.root)
    change->own->dirty = 1;
  change->own->tree.root = change->arena.root;
  change->own->tree.count = change->arena.count;
  txn->view.pages.limit = txn->view.store->pager.view.limit;
  cache_set(&txn->view, change->cache, &change->arena);
  txn->view.moves++;
  return store_fault(txn->view.store, result);
}

int arena_steps_end(struct copse_txn *txn, int result) {
  int undone = result ? copse_savepoint_rollback(txn) : 0;
  int released = copse_savepoint_release(txn);
  return undone ? undone : result ? result : released;
}

static int take_at(struct copse_txn *txn, struct copse_arena *arena, uint64_t *index,
                   uint32_t *generation, uint8_t **record) {
  struct arena_change change;
  uint64_t end;
  int result = arena_change_begin(&change, txn, arena);
  if (result == 0)
    result = arena_end(&txn->view.store->pager.view, &change.arena, &end);
  int in_steps = result == 0 && *index != ARENA_ANY && *index > end;
  if (in_steps)
    result = txn_savepoint(txn);
  if (result)
    return store_fault(txn->view.store, result);
  result = arena_insert(&txn->view.store->pager, &change.arena, index, generation, record);
  result = arena_change_end(&change, result);
  if (in_steps)
    result = arena_steps_end(txn, result);
  if (result == 0)
    txn->puts++;
  return result;
}

int arena_take_long(struct copse_txn *txn, struct copse_arena *arena, uint64_t *index,
                    uint32_t *generation, uint8_t **record) {
  *index = ARENA_ANY;
  return take_at(txn, arena, index, generation, record);
}

/* Fills a new record, and tells of it. */
static void made(const struct copse_arena *arena, const void *record, uint8_t *place,
                 const struct copse_handle *made, struct copse_handle *handle, void **memory) {
  if (record)
    memcpy(place, record, arena->shape.size);
  else
    *memory = place;
  if (handle)
    *handle = *made;
}

static int record_missing(void) { return error_set(COPSE_E_ARGUMENT, "the record is NULL"); }

int copse_arena_insert(struct copse_txn *txn, struct copse_arena *arena, const void *record,
                       struct copse_handle *handle, void **memory) {
  struct copse_handle taken = {.arena = arena->map.tag};
  struct arena_cache *cache;
  uint8_t *place;
  if (!record && !memory)
    return record_missing();
  int result = arena_begin(txn, arena, &cache);
  if (result == 0)
    result = arena_take(txn, arena, cache, &taken.index, &taken.generation, &place);
  if (result == 0)
    made(arena, record, place, &taken, handle, memory);
  return result;
}

int copse_arena_insert_at(struct copse_txn *txn, struct copse_arena *arena, uint64_t index,
                          const void *record, struct copse_handle *handle, void **memory) {
  struct copse_handle taken = {arena->map.tag, index, 0, 0};
  uint8_t *place;
  if (index >= ARENA_INDEX_END)
    return error_set(COPSE_E_ARGUMENT, "index %llu is beyond 2^48", (unsigned long long)index);
  if (!record && !memory)
    return record_missing();
  int result = take_at(txn, arena, &index, &taken.generation, &place);
  if (result == 0)
    made(arena, record, place, &taken, handle, memory);
  return result;
}

int copse_arena_append(struct copse_txn *txn, struct copse_arena *arena, uint64_t n,
                       const void *records, uint64_t *first) {
  struct arena_change change;
  uint64_t end;
  if (!records && n)
    return error_set(COPSE_E_ARGUMENT, "the records are NULL");
  int result = arena_change_begin(&change, txn, arena);
  if (result == 0)
    result = arena_end(&txn->view.store->pager.view, &change.arena, &end);
  int in_steps = result == 0 && end % arena->shape.slots + n > arena->shape.slots;
  if (in_steps)
    result = txn_savepoint(txn);
  if (result)
    return store_fault(txn->view.store, result);
  result = arena_append(&txn->view.store->pager, &change.arena, n, records);
  result = arena_change_end(&change, result);
  if (in_steps)
    result = arena_steps_end(txn, result);
  if (result)
    return result;
  if (first)
    *first = end;
  txn->puts += n;
  return 0;
}

int arena_touch_long(struct copse_txn *txn, struct copse_arena *arena, uint64_t index,
                     uint8_t **record) {
  struct arena_change change;
  int result = arena_change_begin(&change, txn, arena);
  if (result)
    return result;
  result = arena_edit(&txn->view.store->pager, &change.arena, index, record);
  return arena_change_end(&change, result);
}

int copse_arena_update(struct copse_txn *txn, struct copse_arena *arena,
                       const struct copse_handle *handle, const void *record, void **memory) {
  struct arena_cache *cache;
  uint8_t *place;
  if (!record && !memory)
    return record_missing();
  int result = arena_begin(txn, arena, &cache);
  if (result)
    return result;
  struct arena_found found = arena_resolve(&txn->view, cache, handle);
  result = found.result ? found.result : arena_touch(txn, arena, handle->index, &found, &place);
  if (result)
    return result;
  if (record)
    memcpy(place, record, arena->shape.size);
  else
    *memory = place;
  txn->puts++;
  return 0;
}

int arena_end_live(struct copse_txn *txn, struct copse_arena *arena, uint64_t index) {
  struct arena_change change;
  int result = arena_change_begin(&change, txn, arena);
  if (result)
    return result;
  result = arena_remove(&txn->view.store->pager, &change.arena, index);
  result = arena_change_end(&change, result);
  if (result == 0)
    txn->deletes++;
  return result;
}

int copse_arena_remove(struct copse_txn *txn, struct copse_arena *arena,
                       const struct copse_handle *handle) {
  struct arena_cache *cache;
  int result = arena_begin(txn, arena, &cache);
  if (result == 0)
    result = arena_resolve(&txn->view, cache, handle).result;
  return result ? result : arena_end_live(txn, arena, handle->index);
}

int copse_arena_restore(struct copse_txn *txn, struct copse_arena *arena,
                        const struct copse_slots *slots) {
  struct arena_change change;
  const struct arena_run run = {slots->records, slots->first, slots->count, slots->generation};
  uint64_t last = run.first + run.count - 1, end;
  if (run.count == 0 || run.generation == 0 || run.generation > ARENA_GENERATION_MAX ||
      run.first >= ARENA_INDEX_END || run.count > ARENA_INDEX_END - run.first)
    return error_set(COPSE_E_ARGUMENT, "slots %llu to %llu of generation %u cannot be",
                     (unsigned long long)run.first, (unsigned long long)last, run.generation);
  int result = arena_change_begin(&change, txn, arena);
  if (result == 0)
    result = arena_end(&txn->view.store->pager.view, &change.arena, &end);
  int in_steps = result == 0 && (run.first > end || arena_leaf(&arena->shape, run.first) !=
                                                        arena_leaf(&arena->shape, last));
  if (in_steps)
    result = txn_savepoint(txn);
  if (result)
    return store_fault(txn->view.store, result);
  result = arena_restore(&txn->view.store->pager, &change.arena, &run);
  result = arena_change_end(&change, result);
  if (in_steps)
    result = arena_steps_end(txn, result);
  if (result == 0)
    txn->puts += run.records ? run.count : 0;
  return result;
}

int arena_clear(struct copse_txn *txn, struct copse_arena *arena) {
  struct arena_change change;
  int result = arena_change_begin(&change, txn, arena);
  if (result)
    return result;
  if (change.arena.root)
    pager_drop_subtree(&txn->view.store->pager, change.arena.root);
  change.arena.root = change.arena.count = 0;
  txn->view.turn++;
  txn->deletes++;
  return arena_change_end(&change, 0);
}
