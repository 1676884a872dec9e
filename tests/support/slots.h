/* support/slots.h - arenas and tree arenas in tests: changed at random, compared, and told by one number. */
#ifndef SUPPORT_SLOTS_H
#define SUPPORT_SLOTS_H

#include "copse/copse.h"
#include "test.h"

#define SLOTS_RECORD 40u

/* Some changes of an arena, which is made when it is not there: at its end, in holes, far away. */
__attribute__((unused)) static void slots_change(struct test_random *random, struct copse_txn *txn,
                                                 const char *name) {
  uint8_t records[300 * SLOTS_RECORD] = {0};
  struct copse_arena_options options = {.record_size = SLOTS_RECORD};
  struct copse_view *view = copse_txn_view(txn);
  struct copse_arena_info info;
  struct copse_arena *arena;
  int result = copse_arena_open(view, name, &options, &arena);
  if (result == COPSE_E_NO_MAP)
    result = copse_arena_create(txn, name, &options, &arena);
  CHECK_OK(result);
  for (uint64_t n = 1 + test_random_below(random, 30); n; n--) {
    struct copse_handle handle;
    const void *record;
    CHECK_OK(copse_arena_info(view, arena, &info));
    uint64_t index = test_random_below(random, 2000);
    test_random_fill(random, records, 100);
    if (test_random_one_in(random, 20)) {
      index = test_random_next(random) >> (16 + test_random_below(random, 30));
      result = copse_arena_insert_at(txn, arena, index, records, NULL, NULL);
      CHECK(result == 0 || result == COPSE_E_KEY_EXISTS);
    } else if (info.end < 20000 && test_random_one_in(random, 10)) {
      CHECK_OK(copse_arena_append(txn, arena, test_random_below(random, 300), records, NULL));
    } else if (copse_arena_at(view, arena, index, &handle, &record)) {
      CHECK_OK(copse_arena_insert(txn, arena, records, NULL, NULL));
    } else if (test_random_one_in(random, 2)) {
      CHECK_OK(copse_arena_update(txn, arena, &handle, records, NULL));
    } else {
      CHECK_OK(copse_arena_remove(txn, arena, &handle));
    }
  }
  copse_arena_close(arena);
}

/* Some changes of a tree arena likewise: nodes are made, put elsewhere, and removed. */
__attribute__((unused)) static void tree_change(struct test_random *random, struct copse_txn *txn,
                                                const char *name) {
  struct copse_tree_options options = {.payload_size = 8};
  struct copse_view *view = copse_txn_view(txn);
  struct copse_tree *tree;
  int result = copse_tree_open(view, name, &options, &tree);
  if (result == COPSE_E_NO_MAP)
    result = copse_tree_create(txn, name, &options, &tree);
  CHECK_OK(result);
  for (uint64_t n = 1 + test_random_below(random, 20); n; n--) {
    struct copse_handle node, other;
    const void *payload;
    uint64_t value = test_random_next(random);
    if (copse_tree_at(view, tree, test_random_below(random, 100), &node, &payload))
      CHECK_OK(copse_tree_new(txn, tree, &value, &node, NULL));
    if (copse_tree_at(view, tree, test_random_below(random, 100), &other, &payload) == 0 &&
        other.index != node.index) {
      result = copse_tree_append(txn, tree, &other, &node);
      CHECK(result == 0 || result == COPSE_E_CYCLE);
    } else if (test_random_one_in(random, 2)) {
      CHECK_OK(copse_tree_update(txn, tree, &node, &value, NULL));
    } else {
      CHECK_OK(copse_tree_remove(txn, tree, &node));
    }
  }
  copse_tree_close(tree);
}

/* Its number in handles. */
__attribute__((unused)) static uint64_t slots_number(struct copse_view *view, const char *name) {
  struct copse_arena_info info;
  struct copse_arena *arena;
  CHECK_OK(copse_arena_open(view, name, NULL, &arena));
  CHECK_OK(copse_arena_info(view, arena, &info));
  copse_arena_close(arena);
  return info.arena;
}

static uint64_t slots_mix(uint64_t hash, const void *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/* Of all that an arena is in a view, but for its number: where it ends, slots with generations, records. live
 * (may be NULL) receives how many records. */
__attribute__((unused)) static uint64_t slots_hash(struct copse_view *view, const char *name,
                                                   uint64_t *live) {
  struct copse_arena_info info;
  struct copse_arena *arena;
  struct copse_slots slots = {0};
  uint64_t count = 0;
  int result;
  CHECK_OK(copse_arena_open(view, name, NULL, &arena));
  CHECK_OK(copse_arena_info(view, arena, &info));
  uint64_t numbers[3] = {info.end, info.layout_hash, info.record_size};
  uint64_t hash = slots_mix(1, numbers, sizeof numbers);
  while ((result = copse_arena_slots(view, arena, slots.first + slots.count, &slots)) == 0) {
    for (uint64_t i = 0; i < slots.count; i++) {
      uint64_t slot[2] = {slots.first + i, slots.generation};
      hash = slots_mix(hash, slot, sizeof slot);
      if (slots.records)
        hash = slots_mix(hash, (const uint8_t *)slots.records + i * info.record_size,
                         info.record_size);
    }
    count += slots.records ? slots.count : 0;
  }
  CHECK_EQ(result, COPSE_NONE);
  CHECK_EQ(count, info.count);
  copse_arena_close(arena);
  if (live)
    *live = count;
  return hash;
}

#endif
