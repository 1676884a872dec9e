/* support/counted.h - a store whose whole content follows from one number, the count of its changes: for tests
 * in which versions come from elsewhere too, so that a version does not say what it holds. */
#ifndef SUPPORT_COUNTED_H
#define SUPPORT_COUNTED_H

#include <stdio.h>
#include <stdlib.h>

#include "copse/copse.h"
#include "test.h"

#define COUNTED_KEYS 97u

/* How large the value of change n is; 0: it deletes. */
static inline uint64_t counted_size(uint64_t n) {
  static const uint32_t sizes[] = {0, 20, 300, 700, 5000, 20000, 90000};
  return n % 7 == 0 ? 0 : sizes[n * n % 7] + n % 13 + 1;
}

__attribute__((unused)) static struct copse_map *counted_map(struct copse_store *store) {
  struct copse_map *map;
  CHECK_OK(copse_map_ensure(store, "counted", NULL, -1, &map));
  return map;
}

/* Change n; the changes before it were made. */
__attribute__((unused)) static int counted_change(struct copse_store *store, uint64_t n) {
  struct copse_map *map = counted_map(store);
  struct copse_txn *txn;
  uint8_t key[8];
  void *memory;
  uint64_t size = counted_size(n);
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  copse_key_u64(n % COUNTED_KEYS, key);
  int result =
      size ? copse_reserve(txn, map, key, 8, size, 0, &memory) : copse_delete(txn, map, key, 8);
  if (result == 0 && size)
    memset(memory, (int)n, size);
  if (result >= 0)
    result = copse_put(txn, map, "number", 6, &n, sizeof n, 0);
  copse_map_close(map);
  if (result == 0)
    return copse_txn_commit(txn, NULL);
  copse_txn_abort(txn);
  return result;
}

/* The number of changes that the newest version holds, which must be all of their content. */
__attribute__((unused)) static uint64_t counted_check(struct copse_store *store) {
  struct copse_map *map = counted_map(store);
  struct copse_snapshot *snapshot;
  struct copse_bytes value;
  uint64_t last = 0;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  int result = copse_get(view, map, "number", 6, &value);
  CHECK(result == 0 || result == COPSE_NONE);
  if (result == 0)
    memcpy(&last, value.data, sizeof last);
  for (uint64_t n = last; n && n + COUNTED_KEYS > last; n--) {
    uint8_t key[8];
    uint64_t size = counted_size(n);
    copse_key_u64(n % COUNTED_KEYS, key);
    CHECK_RESULT(copse_get(view, map, key, 8, &value), size ? 0 : COPSE_NONE);
    for (uint64_t i = 0; size && i < size; i++)
      CHECK_MSG(value.size == size && ((const uint8_t *)value.data)[i] == (uint8_t)n,
                "change %llu is not what it should be", (unsigned long long)n);
  }
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  return last;
}

#endif
