/* arena/get.c - reading: one slot, and runs of live ones. */
#include "arena/arena.h"

#include <string.h>

/* Where pages of snapshots that may be ousted are copied to: nodes by their level. */
#define COPY_DATA 0u
#define COPY_SLOTS (ARENA_LEVELS_MAX + 1)
#define COPY_ROOT (ARENA_LEVELS_MAX + 2)

/* The smallest leaf that wastes little when it is alone. Part of the format. */
struct arena_shape arena_shape_make(uint32_t size) {
  uint32_t head = sizeof(struct extent_head), best = 1, best_waste = UINT32_MAX;
  uint32_t from = (FORMAT_BLOCK - head) / size > ARENA_SLOTS_MAX ? FORMAT_BLOCK / 2 : FORMAT_BLOCK;
  for (uint32_t bytes = from; bytes <= 18 * FORMAT_BLOCK; bytes += FORMAT_BLOCK) {
    uint32_t slots = (bytes - head) / size;
    if (slots == 0 || slots > ARENA_SLOTS_MAX)
      continue;
    uint32_t used = slots * size, waste = (uint32_t)((uint64_t)(bytes - used) * 1000 / used);
    if (waste < best_waste) {
      best = slots;
      best_waste = waste;
    }
    if (waste <= (bytes <= PAGE_SMALL_MAX ? 40 : 70))
      break;
  }
  return (struct arena_shape){size, best, best * size, (UINT64_C(1) << 63) / best + 1};
}

/* A reference that leads to nothing: no fault where the view has lost its pages. */
static int arena_missing(struct page_view *view, uint64_t ref, const char *what) {
  int lost = page_lost(view);
  return lost < 0 ? lost : arena_corrupt(ref, what);
}

int arena_node_open(struct page_view *view, uint64_t ref, unsigned level,
                    const struct arena_node **out, unsigned *places) {
  uint64_t size;
  const struct arena_node *node = page_locate(view, ref, &size);
  if (__builtin_expect(!node || size > PAGE_NODE_MAX, 0))
    return arena_missing(view, ref, "points to no node of an arena");
  if (__builtin_expect(view->copy != NULL, 0)) {
    const void *copied;
    int result = view->copy(view, node, size, level ? level : COPY_ROOT, &copied);
    if (result)
      return result;
    node = copied;
  }
  unsigned height = node->head.level;
  if (__builtin_expect(node->head.kind != PAGE_ARENA ||
                           (uint64_t)node->head.units * FORMAT_UNIT != size ||
                           (level ? height != level : height - 1 >= ARENA_LEVELS_MAX),
                       0))
    return arena_corrupt(ref, "leads to a damaged node of an arena");
  uint64_t n = (size - ARENA_NODE_HEAD) /
               (height == 1 ? sizeof(struct arena_leaf) : sizeof(node->children[0]));
  *places = n < ARENA_FANOUT ? (unsigned)n : ARENA_FANOUT;
  *out = node;
  return 0;
}

int arena_slots_open(struct page_view *view, const struct arena_shape *shape, uint64_t ref,
                     const struct arena_slots **out) {
  uint64_t size;
  const struct arena_slots *slots = page_locate(view, ref, &size);
  if (__builtin_expect(!slots || size > PAGE_NODE_MAX, 0))
    return arena_missing(view, ref, "points to no slot words");
  if (__builtin_expect(view->copy != NULL, 0)) {
    const void *copied;
    int result = view->copy(view, slots, size, COPY_SLOTS, &copied);
    if (result)
      return result;
    slots = copied;
  }
  if (__builtin_expect(slots->head.kind != PAGE_SLOTS || size < sizeof *slots + 4 * shape->slots,
                       0))
    return arena_corrupt(ref, "leads to damaged slot words");
  *out = slots;
  return 0;
}

int arena_descend(struct page_view *view, const struct arena *arena, uint64_t leaf,
                  struct arena_spot *spot) {
  const struct arena_node *node;
  unsigned places;
  *spot = (struct arena_spot){0};
  if (arena->root == 0)
    return COPSE_NONE;
  int result = arena_node_open(view, arena->root, 0, &node, &places);
  if (result)
    return result;
  unsigned level = node->head.level;
  spot->end = node->end;
  if (leaf >> ARENA_FANOUT_SHIFT * level)
    return COPSE_NONE;
  for (; level > 1; level--) {
    unsigned at = leaf >> ARENA_FANOUT_SHIFT * (level - 1) & (ARENA_FANOUT - 1);
    uint64_t child = at < places ? node->children[at] : 0;
    if (child == 0)
      return COPSE_NONE;
    result = arena_node_open(view, child, level - 1, &node, &places);
    if (result)
      return result;
  }
  spot->node = node;
  spot->places = places;
  spot->first_leaf = leaf & ~(uint64_t)(ARENA_FANOUT - 1);
  return 0;
}

/* A leaf's records for reading. */
static int data_open(struct page_view *view, const struct arena_shape *shape, uint64_t data,
                     const uint8_t **out) {
  const uint8_t *records = arena_data(view, shape, data);
  if (__builtin_expect(!data || !records, 0))
    return arena_missing(view, data, "points to no records");
  if (__builtin_expect(view->copy != NULL, 0)) {
    /* Records begin where words do: extents are aligned, but leaves in shared ones need not be. */
    uint64_t skip = (uintptr_t)records % 8;
    const void *copied;
    int result = view->copy(view, records - skip, shape->leaf_bytes + skip, COPY_DATA, &copied);
    if (result)
      return result;
    records = (const uint8_t *)copied + skip;
  }
  *out = records;
  return 0;
}

int arena_look_at(struct page_view *view, const struct arena_shape *shape,
                  const struct arena_spot *spot, uint64_t index, struct arena_slot *slot) {
  uint64_t leaf = arena_leaf(shape, index);
  unsigned at = leaf & (ARENA_FANOUT - 1);
  uint32_t in_leaf = (uint32_t)(index - leaf * shape->slots);
  *slot = (struct arena_slot){0};
  if (at >= spot->places)
    return COPSE_NONE;
  const struct arena_leaf *place = &spot->node->leaves[at];
  int live = spot->node->live >> at & 1;
  if (place->slots) {
    const struct arena_slots *slots;
    int result = arena_slots_open(view, shape, place->slots, &slots);
    if (result)
      return result;
    uint32_t word = slots->words[in_leaf];
    slot->generation = (uint32_t)(((uint64_t)word + 1) / 2);
    live &= word & 1;
  } else {
    live &= index < spot->end;
    slot->generation = (uint32_t)live;
  }
  if (!live)
    return COPSE_NONE;
  const uint8_t *records;
  int result = data_open(view, shape, place->data, &records);
  if (result == 0)
    slot->record = records + (size_t)in_leaf * shape->size;
  return result;
}

int arena_look(struct page_view *view, const struct arena *arena, uint64_t index,
               struct arena_slot *slot) {
  struct arena_spot spot;
  *slot = (struct arena_slot){0};
  if (index >= ARENA_INDEX_END)
    return COPSE_NONE;
  int result = arena_descend(view, arena, arena_leaf(&arena->shape, index), &spot);
  return result ? result : arena_look_at(view, &arena->shape, &spot, index, slot);
}

int arena_end(struct page_view *view, const struct arena *arena, uint64_t *end) {
  struct arena_spot spot;
  int result = arena_descend(view, arena, 0, &spot);
  *end = spot.end;
  return result == COPSE_NONE ? 0 : result;
}

/* --- runs ------------------------------------------------------------------------------ */

/* The first leaf with live slots below a node, from one of its leaves on (counted from its first).
 * A child said to have some must have them: else a damaged arena would be searched for ever. */
static int live_find(struct page_view *view, uint64_t ref, unsigned level, uint64_t from,
                     struct arena_spot *spot, unsigned *at) {
  const struct arena_node *node;
  unsigned places;
  int result = arena_node_open(view, ref, level, &node, &places);
  if (result)
    return result;
  unsigned shift = ARENA_FANOUT_SHIFT * (level - 1);
  unsigned start = (unsigned)(from >> shift);
  if (start >= ARENA_FANOUT)
    return COPSE_NONE;
  uint64_t rest = from & ((UINT64_C(1) << shift) - 1), first = spot->first_leaf;
  for (uint64_t live = node->live >> start << start; live; live &= live - 1) {
    unsigned child = (unsigned)__builtin_ctzll(live);
    if (child >= places)
      break;
    if (level == 1) {
      spot->node = node;
      spot->places = places;
      *at = child;
      return 0;
    }
    spot->first_leaf = first + ((uint64_t)child << shift);
    uint64_t inside = child == start ? rest : 0;
    result = live_find(view, node->children[child], level - 1, inside, spot, at);
    if (result != COPSE_NONE)
      return result;
    if (inside == 0)
      return arena_corrupt(ref, "leads to a node with live slots that are not there");
  }
  return COPSE_NONE;
}

/* The live slots of a leaf from one on: *count of them from *slot on. COPSE_NONE: none. */
static int run_find(struct page_view *view, const struct arena_shape *shape,
                    const struct arena_leaf *leaf, uint32_t below, uint32_t *slot,
                    uint32_t *count) {
  const struct arena_slots *slots;
  uint32_t at = *slot, end = shape->slots;
  if (!leaf->slots) {
    *count = below > at ? below - at : 0;
    return below > at ? 0 : COPSE_NONE;
  }
  int result = arena_slots_open(view, shape, leaf->slots, &slots);
  if (result)
    return result;
  while (at < end && !(slots->words[at] & 1))
    at++;
  *slot = at;
  while (at < end && slots->words[at] & 1)
    at++;
  *count = at - *slot;
  return at > *slot ? 0 : COPSE_NONE;
}

int arena_chunk(struct page_view *view, const struct arena *arena, uint64_t from,
                struct arena_chunk *chunk) {
  const struct arena_shape *shape = &arena->shape;
  struct arena_spot spot = {0};
  const struct arena_node *top;
  unsigned places, at;
  if (arena->root == 0 || from >= ARENA_INDEX_END)
    return COPSE_NONE;
  int result = arena_node_open(view, arena->root, 0, &top, &places);
  if (result)
    return result;
  spot.end = top->end;
  unsigned level = top->head.level;
  const uint64_t start = arena_leaf(shape, from);
  uint64_t leaf = start;
  uint32_t slot = (uint32_t)(from - leaf * shape->slots), count = 0;
  do {
    if (leaf >> ARENA_FANOUT_SHIFT * level)
      return COPSE_NONE;
    spot.first_leaf = 0;
    result = live_find(view, arena->root, level, leaf, &spot, &at);
    if (result)
      return result;
    leaf = spot.first_leaf + at;
    slot = leaf == start ? slot : 0;
    result = run_find(view, shape, &spot.node->leaves[at], arena_below(shape, leaf, spot.end),
                      &slot, &count);
  } while (result == COPSE_NONE && leaf++ == start);
  if (result)
    return result == COPSE_NONE
               ? arena_corrupt(arena->root, "leads to a leaf with live slots that are not there")
               : result;
  const struct arena_leaf *place = &spot.node->leaves[at];
  uint64_t data = place->data;
  result = data_open(view, shape, data, &chunk->records);
  if (result)
    return result;
  chunk->records += (size_t)slot * shape->size;
  chunk->first = leaf * shape->slots + slot;
  chunk->count = count;
  /* On through the leaves that share the extent. */
  while (slot + count == shape->slots && !view->copy && ++at < spot.places &&
         spot.node->live >> at & 1 && data & ARENA_SHARED) {
    const struct arena_leaf *next = &spot.node->leaves[at];
    if (next->slots || next->data != data + (UINT64_C(1) << ARENA_PLACE_SHIFT) ||
        !arena_data(view, shape, next->data))
      break;
    slot = 0;
    count = arena_below(shape, ++leaf, spot.end);
    chunk->count += count;
    data = next->data;
  }
  return 0;
}
