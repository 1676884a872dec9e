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

static int handle_make(struct copse_store *store, const struct catalog_entry *entry,
                       struct copse_arena **out) {
  struct copse_arena *arena = malloc(sizeof *arena);
  if (!arena)
    return error_set(COPSE_E_MEMORY, "no memory for an arena handle");
  *arena = (struct copse_arena){map_of_entry(store, entry), arena_shape_make(entry->value_size)};
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

/* --- reading --------------------------------------------------------------------------- */

static int is_cached(const struct copse_view *view, const struct copse_arena *arena) {
  const struct arena_cache *cache = &view->arena;
  return __builtin_expect(cache->tag == arena->map.tag && cache->id == arena->map.id &&
                              cache->moves == view->moves && arena->map.store == view->store,
                          1);
}

/* The arena in a view, from the cache or into it. */
static int arena_view(struct copse_view *view, const struct copse_arena *arena, struct arena *out) {
  struct arena_cache *cache = &view->arena;
  struct tree tree;
  if (!is_cached(view, arena)) {
    int result = view_container(view, &arena->map, &tree);
    if (result)
      return result;
    *cache = (struct arena_cache){arena->map.tag, view->moves,   tree.root,
                                  tree.count,     arena->map.id, {0}};
  }
  *out = (struct arena){cache->root, cache->count, arena->shape};
  return 0;
}

/* Looks a slot up. COPSE_NONE: it is not live. */
static int slot_look(struct copse_view *view, const struct copse_arena *arena, uint64_t index,
                     struct arena_slot *slot) {
  struct arena_cache *cache = &view->arena;
  uint64_t leaf = arena_leaf(&arena->shape, index);
  if (__builtin_expect(is_cached(view, arena) && cache->spot.node &&
                           cache->spot.first_leaf == (leaf & ~(uint64_t)(ARENA_FANOUT - 1)) &&
                           index < ARENA_INDEX_END,
                       1))
    return arena_look_at(&view->pages, &arena->shape, &cache->spot, index, slot);
  struct arena found;
  struct arena_spot spot;
  *slot = (struct arena_slot){0};
  int result = arena_view(view, arena, &found);
  if (result == 0 && index >= ARENA_INDEX_END)
    return COPSE_NONE;
  if (result == 0)
    result = arena_descend(&view->pages, &found, leaf, &spot);
  if (result)
    return result;
  if (!view->pages.copy)
    cache->spot = spot;
  return arena_look_at(&view->pages, &arena->shape, &spot, index, slot);
}

/* Tells why a handle does not name what its slot holds. */
static int handle_refuse(const struct copse_view *view, const struct copse_handle *handle,
                         int result, const struct arena_slot *slot) {
  if (result < 0)
    return store_fault(view->store, result);
  if (slot->generation >= handle->generation)
    return error_set(COPSE_E_STALE, "slot %llu of generation %u was removed",
                     (unsigned long long)handle->index, handle->generation);
  return error_set(COPSE_E_NOT_YET, "slot %llu has had %u generations in this version, not %u yet",
                   (unsigned long long)handle->index, slot->generation, handle->generation);
}

static int foreign_refuse(const struct copse_arena *arena, const struct copse_handle *handle) {
  return error_set(COPSE_E_FOREIGN, "the handle belongs to arena %llx, and this one is %llx",
                   (unsigned long long)handle->arena, (unsigned long long)arena->map.tag);
}

int copse_arena_get(struct copse_view *view, struct copse_arena *arena,
                    const struct copse_handle *handle, const void **record) {
  struct arena_slot slot;
  int result = view_check(view);
  if (result)
    return result;
  if (__builtin_expect(handle->arena != arena->map.tag, 0))
    return foreign_refuse(arena, handle);
  view->copied_for = NULL;
  result = slot_look(view, arena, handle->index, &slot);
  if (__builtin_expect(result || slot.generation != handle->generation, 0))
    return handle_refuse(view, handle, result, &slot);
  *record = view_lend(view, slot.record);
  return 0;
}

int copse_arena_at(struct copse_view *view, struct copse_arena *arena, uint64_t index,
                   struct copse_handle *handle, const void **record) {
  struct arena_slot slot;
  int result = view_check(view);
  if (result)
    return result;
  view->copied_for = NULL;
  result = slot_look(view, arena, index, &slot);
  if (result)
    return store_fault(view->store, result);
  if (handle)
    *handle = (struct copse_handle){arena->map.tag, index, slot.generation, 0};
  *record = view_lend(view, slot.record);
  return 0;
}

int copse_arena_chunk(struct copse_view *view, struct copse_arena *arena, uint64_t from,
                      struct copse_chunk *chunk) {
  struct arena found;
  struct arena_chunk run;
  int result = view_check(view);
  if (result)
    return result;
  view->copied_for = NULL;
  result = arena_view(view, arena, &found);
  if (result == 0)
    result = arena_chunk(&view->pages, &found, from, &run);
  if (result)
    return store_fault(view->store, result);
  *chunk = (struct copse_chunk){view_lend(view, run.records), run.first, run.count};
  return 0;
}

int copse_arena_slots(struct copse_view *view, struct copse_arena *arena, uint64_t from,
                      struct copse_slots *slots) {
  struct arena found;
  struct arena_run run;
  int result = view_check(view);
  if (result)
    return result;
  view->copied_for = NULL;
  result = arena_view(view, arena, &found);
  if (result == 0)
    result = arena_run(&view->pages, &found, from, &run);
  if (result)
    return store_fault(view->store, result);
  const void *records = run.records ? view_lend(view, run.records) : NULL;
  *slots = (struct copse_slots){records, run.first, run.count, run.generation, 0};
  return 0;
}

int copse_arena_count(struct copse_view *view, struct copse_arena *arena, uint64_t *count) {
  struct arena found;
  int result = view_check(view);
  if (result == 0)
    result = arena_view(view, arena, &found);
  if (result == 0)
    *count = found.count;
  return result == 0 ? 0 : store_fault(view->store, result);
}

int copse_arena_info(struct copse_view *view, struct copse_arena *arena,
                     struct copse_arena_info *info) {
  struct copse_map_info map;
  struct arena found;
  uint64_t end;
  int result = copse_map_info(view, &arena->map, &map);
  if (result == 0)
    result = arena_view(view, arena, &found);
  if (result == 0)
    result = arena_end(&view->pages, &found, &end);
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
  if (result)
    return result;
  if (change->own->tree.shape.value_size != arena->shape.size)
    return error_set(COPSE_E_CORRUPT, "the catalog has two entries for one arena");
  change->arena = (struct arena){change->own->tree.root, change->own->tree.count, arena->shape};
  return 0;
}

int arena_change_end(struct arena_change *change, int result) {
  struct copse_txn *txn = change->txn;
  if (result == 0 || change->own->tree.root != change->arena.root)
    change->own->dirty = 1;
  change->own->tree.root = change->arena.root;
  change->own->tree.count = change->arena.count;
  txn->view.pages.limit = txn->view.store->pager.view.limit;
  txn->view.moves++;
  return store_fault(txn->view.store, result);
}

int arena_steps_end(struct copse_txn *txn, int result) {
  int undone = result ? copse_savepoint_rollback(txn) : 0;
  int released = copse_savepoint_release(txn);
  return undone ? undone : result ? result : released;
}

static int insert(struct copse_txn *txn, struct copse_arena *arena, uint64_t index,
                  const void *record, struct copse_handle *handle, void **memory) {
  struct arena_change change;
  uint32_t generation;
  uint64_t end;
  uint8_t *place;
  if (!record && !memory)
    return error_set(COPSE_E_ARGUMENT, "the record is NULL");
  int result = arena_change_begin(&change, txn, arena);
  if (result == 0)
    result = arena_end(&txn->view.store->pager.view, &change.arena, &end);
  int in_steps = result == 0 && index != ARENA_ANY && index > end;
  if (in_steps)
    result = txn_savepoint(txn);
  if (result)
    return store_fault(txn->view.store, result);
  result = arena_insert(&txn->view.store->pager, &change.arena, &index, &generation, &place);
  result = arena_change_end(&change, result);
  if (in_steps)
    result = arena_steps_end(txn, result);
  if (result)
    return result;
  if (record)
    memcpy(place, record, arena->shape.size);
  else
    *memory = place;
  if (handle)
    *handle = (struct copse_handle){arena->map.tag, index, generation, 0};
  txn->puts++;
  return 0;
}

int copse_arena_insert(struct copse_txn *txn, struct copse_arena *arena, const void *record,
                       struct copse_handle *handle, void **memory) {
  return insert(txn, arena, ARENA_ANY, record, handle, memory);
}

int copse_arena_insert_at(struct copse_txn *txn, struct copse_arena *arena, uint64_t index,
                          const void *record, struct copse_handle *handle, void **memory) {
  if (index >= ARENA_INDEX_END)
    return error_set(COPSE_E_ARGUMENT, "index %llu is beyond 2^48", (unsigned long long)index);
  return insert(txn, arena, index, record, handle, memory);
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

/* Begins a change of a live record. */
static int live_begin(struct arena_change *change, struct copse_txn *txn, struct copse_arena *arena,
                      const struct copse_handle *handle, uint8_t **place) {
  struct arena_slot slot;
  int result = arena_change_begin(change, txn, arena);
  if (result)
    return result;
  if (handle->arena != arena->map.tag)
    return foreign_refuse(arena, handle);
  result = slot_look(&txn->view, arena, handle->index, &slot);
  if (result || slot.generation != handle->generation)
    return handle_refuse(&txn->view, handle, result, &slot);
  *place = (uint8_t *)(uintptr_t)slot.record;
  return 0;
}

int copse_arena_update(struct copse_txn *txn, struct copse_arena *arena,
                       const struct copse_handle *handle, const void *record, void **memory) {
  struct arena_change change;
  uint8_t *place;
  if (!record && !memory)
    return error_set(COPSE_E_ARGUMENT, "the record is NULL");
  struct pager *pager = &txn->view.store->pager;
  int result = live_begin(&change, txn, arena, handle, &place);
  if (result)
    return result;
  if (!arena_is_own(pager, &arena->shape, &txn->view.arena.spot, handle->index)) {
    result = arena_edit(pager, &change.arena, handle->index, &place);
    result = arena_change_end(&change, result);
  }
  if (result)
    return result;
  if (record)
    memcpy(place, record, arena->shape.size);
  else
    *memory = place;
  txn->puts++;
  return 0;
}

int copse_arena_remove(struct copse_txn *txn, struct copse_arena *arena,
                       const struct copse_handle *handle) {
  struct arena_change change;
  uint8_t *place;
  int result = live_begin(&change, txn, arena, handle, &place);
  if (result)
    return result;
  result = arena_remove(&txn->view.store->pager, &change.arena, handle->index);
  result = arena_change_end(&change, result);
  if (result == 0)
    txn->deletes++;
  return result;
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
  txn->deletes++;
  return arena_change_end(&change, 0);
}
