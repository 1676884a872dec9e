/* store/arena.h - inside the store: looking into arenas, changing them, and reservations.
 *
 * For who reads and changes slots by the million, documents for one: an arena is opened in a view once
 * a call, then a slot costs a look at the table of leaves. What the table does not know goes the long way,
 * through the radix, and is in the table from then on. */
#ifndef STORE_ARENA_H
#define STORE_ARENA_H

#include "store/store.h"

/* --- looking --------------------------------------------------------------------------- */

int arena_cache_bind(struct copse_view *view, const struct copse_arena *arena,
                     struct arena_cache **cache);
/* The arena in a view. Errors: NO_MAP, ARGUMENT, and those of reading. */
static inline int arena_open(struct copse_view *view, const struct copse_arena *arena,
                             struct arena_cache **cache) {
  struct arena_cache *last = view->arena;
  if (__builtin_expect(last->handle != arena->number || last->turn != view->turn, 0))
    return arena_cache_bind(view, arena, cache);
  *cache = last;
  return 0;
}

/* A slot. It is handed about by value, so that it stays in registers. */
struct arena_found {
  const uint8_t *record;
  uint64_t own;        /* 1: the transaction's, the record may be changed as it lies */
  uint32_t generation; /* also when it is not live: of the last one */
  int result;          /* COPSE_NONE: it is not live. Errors: CORRUPT, OUSTED */
};
struct arena_found arena_find_long(struct copse_view *view, struct arena_cache *cache,
                                   uint64_t index);
/* The index is less than ARENA_INDEX_END. */
static inline __attribute__((always_inline)) struct arena_found arena_find(
    struct copse_view *view, struct arena_cache *cache, uint64_t index) {
  const struct arena_shape *shape = &cache->arena.shape;
  const struct arena_place *place = arena_place(&cache->table, arena_leaf(shape, index));
  if (__builtin_expect(place != NULL, 1)) {
    uint32_t word = index < cache->end;
    if (place->words)
      word = *(const uint32_t *)(place->words + index * sizeof word);
    if (__builtin_expect(word & 1, 1))
      return (struct arena_found){(const uint8_t *)(place->records + index * shape->size),
                                  place->own, word / 2 + 1, 0};
  }
  return arena_find_long(view, cache, index);
}

/* Tells why a handle is refused, for which arena_find() gave this. */
int arena_refuse_handle(const struct copse_view *view, const struct arena_cache *cache,
                        const struct copse_handle *handle, int result, uint32_t generation);
/* The record that a handle names. */
static inline __attribute__((always_inline)) struct arena_found arena_resolve(
    struct copse_view *view, struct arena_cache *cache, const struct copse_handle *handle) {
  struct arena_found found = {.result = COPSE_NONE};
  if (__builtin_expect(handle->arena == cache->tag && handle->index < ARENA_INDEX_END, 1))
    found = arena_find(view, cache, handle->index);
  if (__builtin_expect(found.result || found.generation != handle->generation, 0))
    found.result = arena_refuse_handle(view, cache, handle, found.result, found.generation);
  return found;
}

/* --- changing -------------------------------------------------------------------------- */

/* An arena while a call changes it. */
struct arena_change {
  struct copse_txn *txn;
  struct arena_cache *cache;
  struct txn_map *own;
  struct arena arena;
};
int arena_change_begin(struct arena_change *change, struct copse_txn *txn,
                       struct copse_arena *arena);
/* Takes over what has become of it, of a call that failed as well. */
int arena_change_end(struct arena_change *change, int result);
/* Of a call that goes in steps, after a savepoint: undoes what it has done, if it fails. */
int arena_steps_end(struct copse_txn *txn, int result);

/* Empties an arena, whose indexes and generations begin anew: for one of whose records nobody has handles. */
int arena_clear(struct copse_txn *txn, struct copse_arena *arena);

/* The arena in a transaction, for changing it. */
static inline int arena_begin(struct copse_txn *txn, const struct copse_arena *arena,
                              struct arena_cache **cache) {
  int result = txn_check(txn);
  return result ? result : arena_open(&txn->view, arena, cache);
}

int arena_touch_long(struct copse_txn *txn, struct copse_arena *arena, uint64_t index,
                     uint8_t **record);
/* A live slot's record for changing, as it is; found: it, since the last change of the arena. It stays
 * where it is then, until a savepoint or the transaction's end. */
static inline int arena_touch(struct copse_txn *txn, struct copse_arena *arena, uint64_t index,
                              const struct arena_found *found, uint8_t **record) {
  if (__builtin_expect(!found->own, 0))
    return arena_touch_long(txn, arena, index, record);
  *record = (uint8_t *)(uintptr_t)found->record;
  return 0;
}

/* Ends a live slot. */
int arena_end_live(struct copse_txn *txn, struct copse_arena *arena, uint64_t index);

int arena_take_long(struct copse_txn *txn, struct copse_arena *arena, uint64_t *index,
                    uint32_t *generation, uint8_t **record);
/* Makes the lowest free slot live; its record is to be filled. cache: of the arena in the transaction. */
static inline int arena_take(struct copse_txn *txn, struct copse_arena *arena,
                             struct arena_cache *cache, uint64_t *index, uint32_t *generation,
                             uint8_t **record) {
  if (__builtin_expect(arena_insert_quick(&cache->arena, index, generation, record), 0))
    return arena_take_long(txn, arena, index, generation, record);
  cache->end += *index == cache->end;
  txn->maps[cache->map].tree.count++;
  txn->view.moves++;
  txn->puts++;
  return 0;
}

#endif
