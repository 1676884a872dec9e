/* store/write.c - putting and deleting in a write transaction. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* The transaction's own copy of a map, for changing. */
static int map_for_write(struct copse_txn *txn, struct copse_map *map, struct txn_map **own) {
  int result = txn_check(txn);
  if (result)
    return result;
  if (map->store != txn->view.store)
    return error_set(COPSE_E_ARGUMENT, "the map belongs to another store");
  result = txn_map_find(txn, map, own);
  if (result == COPSE_NONE)
    result = error_set(COPSE_E_NO_MAP, "the map is not there any more");
  else if (result == 0 && __builtin_expect((*own)->tree.shape.stride != map->shape.stride ||
                                               (*own)->tree.shape.value_size != map->value_size,
                                           0))
    result = error_set(COPSE_E_CORRUPT, "the catalog has two entries for one map");
  return result;
}

int value_size_check(const struct copse_map *map, size_t size) {
  if (map->value_size && size != map->value_size)
    return error_set(COPSE_E_VALUE_SIZE, "the value has %zu bytes; this map's values have %u", size,
                     map->value_size);
  return 0;
}

static int put(struct copse_txn *txn, struct copse_map *map, const void *key, size_t key_size,
               const struct tree_value *value, uint32_t flags, uint8_t **place) {
  struct txn_map *own;
  int result = key_check(map, key, key_size);
  if (result == 0)
    result = value_size_check(map, value->size);
  if (result == 0 && flags & ~(uint32_t)(COPSE_INSERT | COPSE_REPLACE | COPSE_APPEND))
    result = error_set(COPSE_E_ARGUMENT, "flags %x are not known", flags);
  if (result == 0)
    result = map_for_write(txn, map, &own);
  if (result)
    return result;
  result = tree_put(&txn->view.store->pager, &own->tree, key_size ? key : "", (uint32_t)key_size,
                    value, flags, place);
  txn->view.pages.limit = txn->view.store->pager.view.limit;
  if (result)
    return store_fault(txn->view.store, result);
  own->dirty = 1;
  txn->puts++;
  txn->view.moves++;
  return 0;
}

int copse_put(struct copse_txn *txn, struct copse_map *map, const void *key, size_t key_size,
              const void *value, size_t value_size, uint32_t flags) {
  struct tree_value given = {value_size ? value : "", value_size};
  uint8_t *place;
  if (!value && value_size)
    return error_set(COPSE_E_ARGUMENT, "the value is NULL");
  return put(txn, map, key, key_size, &given, flags, &place);
}

int copse_reserve(struct copse_txn *txn, struct copse_map *map, const void *key, size_t key_size,
                  size_t value_size, uint32_t flags, void **memory) {
  struct tree_value given = {NULL, value_size};
  uint8_t *place;
  int result = put(txn, map, key, key_size, &given, flags, &place);
  if (result == 0)
    *memory = place;
  return result;
}

int copse_delete(struct copse_txn *txn, struct copse_map *map, const void *key, size_t key_size) {
  struct txn_map *own;
  int result = key_check(map, key, key_size);
  if (result == 0)
    result = map_for_write(txn, map, &own);
  if (result)
    return result;
  result =
      tree_delete(&txn->view.store->pager, &own->tree, key_size ? key : "", (uint32_t)key_size);
  txn->view.pages.limit = txn->view.store->pager.view.limit;
  if (result)
    return store_fault(txn->view.store, result);
  own->dirty = 1;
  txn->deletes++;
  txn->view.moves++;
  return 0;
}

int copse_compare_and_set(struct copse_txn *txn, struct copse_map *map, const void *key,
                          size_t key_size, const struct copse_bytes *expected,
                          const struct copse_bytes *value) {
  struct copse_bytes now;
  int result = txn_check(txn);
  if (result == 0)
    result = copse_get(&txn->view, map, key, key_size, &now);
  if (result < 0)
    return result;
  if (result == COPSE_NONE && expected)
    return error_set(COPSE_E_CONFLICT, "the key is not there; a value of %zu bytes was expected",
                     expected->size);
  if (result == 0 && !expected)
    return error_set(COPSE_E_CONFLICT, "the key is there, with a value of %zu bytes", now.size);
  if (expected &&
      (now.size != expected->size || (now.size && memcmp(now.data, expected->data, now.size) != 0)))
    return error_set(COPSE_E_CONFLICT, "the value (%zu bytes) differs from the expected one (%zu)",
                     now.size, expected->size);
  if (value)
    return copse_put(txn, map, key, key_size, value->data, value->size, 0);
  return expected ? copse_delete(txn, map, key, key_size) : 0;
}

int copse_delete_range(struct copse_txn *txn, struct copse_map *map,
                       const struct copse_range *asked, uint64_t *deleted) {
  struct txn_map *own;
  struct range range;
  uint64_t count = 0;
  int result = map->key_kind == COPSE_KEY_SLOT ? arena_refuse() : map_for_write(txn, map, &own);
  if (result)
    return result;
  result = range_make(map, asked, &range);
  if (result)
    return result;
  /* Its parts free pages as they go: a failure needs a point to return to. */
  result = txn_savepoint(txn);
  if (result == 0) {
    result = tree_delete_range(&txn->view.store->pager, &own->tree, &range.from, &range.to, &count);
    txn->view.pages.limit = txn->view.store->pager.view.limit;
    if (result) {
      int undone = copse_savepoint_rollback(txn);
      result = undone ? undone : store_fault(txn->view.store, result);
    }
    int released = copse_savepoint_release(txn);
    result = result ? result : released;
  }
  range_free(&range);
  if (result)
    return result;
  if (count) {
    own->dirty = 1;
    txn->deletes += count;
    txn->view.moves++;
  }
  if (deleted)
    *deleted = count;
  return 0;
}
