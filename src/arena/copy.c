/* arena/copy.c - what an arena is, run by run, and an arena made of that: in the copy each slot has
 * the record that it has here, and the generation, also if it is free. */
#include "arena/edit.h"

#include <string.h>

/* --- reading --------------------------------------------------------------------------- */

struct search {
  struct page_view *view;
  const struct arena *arena;
  uint64_t end;
  uint64_t left; /* nodes that the store has room for: a damaged one may be met many times */
  struct arena_run *run;
};

/* Slots of a leaf that has slot words, from one of them on. */
static int words_look(struct search *search, const struct arena_leaf *leaf, uint64_t number,
                      uint32_t slot) {
  const struct arena_shape *shape = &search->arena->shape;
  const struct arena_slots *slots;
  int result = arena_slots_open(search->view, shape, leaf->slots, &slots);
  if (result)
    return result;
  uint32_t below = arena_below(shape, number, search->end), at = slot;
  while (at < below && slots->words[at] == 0)
    at++;
  if (at >= below)
    return COPSE_NONE;
  uint32_t first = at, word = slots->words[at];
  while (at < below && slots->words[at] == word)
    at++;
  *search->run = (struct arena_run){.first = number * shape->slots + first,
                                    .count = at - first,
                                    .generation = (uint32_t)(((uint64_t)word + 1) / 2)};
  if (word & 1) {
    struct arena_slot live;
    result = arena_look(search->view, search->arena, search->run->first, &live);
    if (result == COPSE_NONE)
      return arena_corrupt(leaf->slots, "calls slots live that have no records");
    search->run->records = live.record;
  }
  return result;
}

/* Live slots of generation 1: an array, as far as it goes. */
static int chunk_look(struct search *search, uint64_t index) {
  struct arena_chunk chunk;
  int result = arena_chunk(search->view, search->arena, index, &chunk);
  if (result == COPSE_NONE || (result == 0 && chunk.first != index))
    return arena_corrupt(search->arena->root, "leads to a leaf whose records are not live");
  if (result == 0)
    *search->run = (struct arena_run){chunk.records, chunk.first, chunk.count, 1};
  return result;
}

/* The first used slots below a node, from an index on. */
static int node_look(struct search *search, uint64_t ref, unsigned level, uint64_t first_leaf,
                     uint64_t from) {
  const struct arena_shape *shape = &search->arena->shape;
  const struct arena_node *node;
  unsigned places, shift = ARENA_FANOUT_SHIFT * (level - 1);
  if (search->left-- == 0)
    return arena_corrupt(ref, "is met in an arena many times");
  int result = arena_node_open(search->view, ref, level, &node, &places);
  uint64_t leaf = arena_leaf(shape, from);
  unsigned at = leaf > first_leaf ? (unsigned)((leaf - first_leaf) >> shift) : 0;
  for (result = result ? result : COPSE_NONE; result == COPSE_NONE && at < places; at++) {
    uint64_t number = first_leaf + ((uint64_t)at << shift), first = number * shape->slots;
    uint32_t slot = from > first ? (uint32_t)(from - first) : 0;
    if (first >= search->end)
      break;
    if (level > 1)
      result = node->children[at] ? node_look(search, node->children[at], level - 1, number, from)
                                  : COPSE_NONE;
    else if (node->leaves[at].slots)
      result = words_look(search, &node->leaves[at], number, slot);
    else if (node->leaves[at].data && slot < arena_below(shape, number, search->end))
      result = chunk_look(search, first + slot);
  }
  return result;
}

int arena_run(struct page_view *view, const struct arena *arena, uint64_t from,
              struct arena_run *run) {
  struct search search = {
      .view = view, .arena = arena, .left = view->limit / FORMAT_UNIT, .run = run};
  const struct arena_node *top;
  unsigned places;
  if (arena->root == 0)
    return COPSE_NONE;
  int result = arena_node_open(view, arena->root, 0, &top, &places);
  if (result)
    return result;
  search.end = top->end < ARENA_INDEX_END ? top->end : ARENA_INDEX_END;
  if (from >= search.end || arena_leaf(&arena->shape, from) >> ARENA_FANOUT_SHIFT * top->head.level)
    return COPSE_NONE;
  return node_look(&search, arena->root, top->head.level, 0, from);
}

/* --- restoring ------------------------------------------------------------------------- */

/* The part of a run that lies in one leaf, at the end or before it. */
static int part_restore(struct pager *pager, struct arena *arena, const struct arena_run *part) {
  const struct arena_shape *shape = &arena->shape;
  struct arena_path path;
  struct arena_slots *slots;
  uint8_t *records;
  uint64_t leaf = arena_leaf(shape, part->first), end;
  uint32_t from = (uint32_t)(part->first - leaf * shape->slots);
  uint32_t to = from + (uint32_t)part->count;
  int result = arena_path_own(pager, arena, leaf, 1, &path);
  if (result == 0)
    result = arena_slots_own(pager, shape, &path, &slots);
  for (uint32_t i = from; i < to && result == 0; i++)
    if (slots->words[i])
      result = error_set(COPSE_E_KEY_EXISTS, "slot %llu has had records already",
                         (unsigned long long)(leaf * shape->slots + i));
  if (result == 0 && part->records)
    result = arena_data_own(pager, shape, &path, &records);
  if (result)
    return result;
  uint32_t word = 2 * part->generation - (part->records != NULL);
  uint32_t below = arena_below(shape, leaf, path.top->end);
  for (uint32_t i = from; i < to; i++)
    slots->words[i] = word;
  slots->free -= below < to ? below > from ? below - from : 0 : to - from;
  if (part->records) {
    memcpy(records + (size_t)from * shape->size, part->records, part->count * shape->size);
    slots->live += to - from;
    arena->count += part->count;
  } else if (word < ARENA_RETIRED) {
    slots->free += to - from;
    slots->hint = from < slots->hint ? from : slots->hint;
  }
  end = part->first + part->count;
  path.top->end = end > path.top->end ? end : path.top->end;
  arena_leaf_settle(&path, slots);
  return 0;
}

int arena_restore(struct pager *pager, struct arena *arena, const struct arena_run *run) {
  const struct arena_shape *shape = &arena->shape;
  struct arena_run part = *run;
  uint64_t end, left = run->count;
  int result = arena_end(&pager->view, arena, &end);
  if (result == 0 && run->first > end)
    result = arena_skip(pager, arena, run->first);
  if (result == 0 && run->first >= end && run->records && run->generation == 1)
    return arena_append(pager, arena, run->count, run->records);
  while (left && result == 0) {
    uint64_t room = shape->slots - part.first % shape->slots;
    part.count = left < room ? left : room;
    result = part_restore(pager, arena, &part);
    left -= part.count;
    part.first += part.count;
    part.records = run->records ? part.records + part.count * shape->size : NULL;
  }
  return result;
}
