/* arena/edit.c - changing an arena: nodes on the way to a slot are made this transaction's own first,
 * top down, each linked at once into the one above; then what the leaf needs; the change itself
 * comes last and cannot fail. So a failure leaves copies that say what the originals did, and nodes
 * without anything in them. */
#include "arena/edit.h"

#include <string.h>

#include "arena/table.h"

/* --- pages of one's own ---------------------------------------------------------------- */

/* Bytes of a node with room for so many places: in few sizes, so that a small store has few size classes, and
 * a node that fills up is not copied each time. */
static uint32_t node_bytes(unsigned places, uint32_t unit) {
  uint32_t bytes = FORMAT_UNIT, most = ARENA_NODE_HEAD + ARENA_FANOUT * unit;
  while (bytes < ARENA_NODE_HEAD + places * unit)
    bytes *= 2;
  return bytes < most ? bytes : most;
}

/* Makes the node that *ref names (0: a new, empty one) this transaction's, with that many places. */
static int node_own(struct pager *pager, uint64_t *ref, unsigned level, unsigned places,
                    struct arena_node **out) {
  const struct arena_node *old = NULL;
  unsigned had = 0;
  uint64_t made;
  uint32_t actual, unit = level == 1 ? sizeof(struct arena_leaf) : sizeof(uint64_t);
  void *page;
  if (*ref) {
    int result = arena_node_open(&pager->view, *ref, level, &old, &had);
    if (result)
      return result;
    if (had >= places && pager_is_dirty(pager, &old->head)) {
      *out = (struct arena_node *)(uintptr_t)old;
      return 0;
    }
  }
  places = places > had ? places : had;
  int result = pager_alloc(pager, node_bytes(places, unit), 1, &made, &page, &actual);
  if (result)
    return result;
  struct arena_node *node = page;
  uint32_t used = (old ? ARENA_NODE_HEAD + had * unit : ARENA_NODE_HEAD) - sizeof node->head;
  node->head.kind = PAGE_ARENA;
  node->head.level = (uint8_t)level;
  if (old)
    memcpy(&node->live, &old->live, used);
  else
    memset(&node->live, 0, used);
  memset((uint8_t *)&node->live + used, 0, actual - sizeof node->head - used);
  if (old)
    pager_drop(pager, *ref);
  *ref = made;
  *out = node;
  return 0;
}

void arena_leaf_moved(const struct arena_path *path, unsigned behind) {
  if (path->table && path->number + behind < path->table->room)
    path->table->places[path->number + behind].stamp = 0;
}

/* Gives a leaf's records up; the extent itself when no other leaf of the node is in it. */
static void data_release(struct pager *pager, const struct arena_node *node, unsigned places,
                         uint64_t data) {
  if (data & ARENA_SHARED)
    for (unsigned i = 0; i < places; i++)
      if ((node->leaves[i].data ^ data) << (64 - ARENA_PLACE_SHIFT) == 0)
        return;
  pager_drop(pager, data & ARENA_REF_MASK);
}

/* The page that holds a leaf's records; NULL: there is none. */
static const struct extent_head *data_page(const struct pager *pager,
                                           const struct arena_shape *shape, uint64_t data) {
  uint64_t size, place = data >> ARENA_PLACE_SHIFT & (ARENA_FANOUT - 1);
  const struct extent_head *page = page_locate(&pager->view, data & ARENA_REF_MASK, &size);
  return page && page->head.kind == PAGE_EXTENT &&
                 size >= sizeof *page + (place + 1) * shape->leaf_bytes
             ? page
             : NULL;
}

int arena_data_own(struct pager *pager, const struct arena_shape *shape,
                   const struct arena_path *path, uint8_t **records) {
  struct arena_leaf *leaf = path->leaf;
  const struct extent_head *old = NULL;
  struct extent_head *extent;
  uint64_t made, data = leaf->data;
  const uint8_t *old_records = NULL;
  if (data) {
    old = data_page(pager, shape, data);
    old_records = arena_data(&pager->view, shape, data);
    if (!old || !old_records)
      return arena_corrupt(data, "points to no records");
    if (pager_is_dirty(pager, &old->head)) {
      *records = (uint8_t *)(uintptr_t)old_records;
      return 0;
    }
  }
  int result = pager_alloc_extent(pager, shape->leaf_bytes, &made, &extent);
  if (result)
    return result;
  *records = (uint8_t *)(extent + 1);
  leaf->data = made;
  arena_leaf_moved(path, 0);
  if (data) {
    memcpy(*records, old_records, shape->leaf_bytes);
    data_release(pager, path->nodes[1], path->places, data);
  }
  return 0;
}

/* What a leaf without slot words says, in words. */
static void slots_fill(struct arena_slots *slots, const struct arena_shape *shape, uint32_t below,
                       int live) {
  slots->live = live ? below : 0;
  slots->free = live ? 0 : below;
  slots->hint = slots->zero = 0;
  for (uint32_t i = 0; i < shape->slots; i++)
    slots->words[i] = live && i < below;
}

int arena_slots_own(struct pager *pager, const struct arena_shape *shape,
                    const struct arena_path *path, struct arena_slots **out) {
  struct arena_leaf *leaf = path->leaf;
  const struct arena_slots *old = NULL;
  uint64_t made;
  uint32_t actual, size = (uint32_t)sizeof **out + 4 * shape->slots;
  void *page;
  if (leaf->slots) {
    int result = arena_slots_open(&pager->view, shape, leaf->slots, &old);
    if (result)
      return result;
    if (pager_is_dirty(pager, &old->head)) {
      *out = (struct arena_slots *)(uintptr_t)old;
      return 0;
    }
  }
  int result = pager_alloc(pager, size, 0, &made, &page, &actual);
  if (result)
    return result;
  struct arena_slots *slots = page;
  slots->head.kind = PAGE_SLOTS;
  if (old) {
    memcpy(&slots->live, &old->live, size - sizeof slots->head);
    pager_drop(pager, leaf->slots);
  } else {
    slots_fill(slots, shape, arena_below(shape, path->number, path->top->end), leaf->data != 0);
  }
  memset((uint8_t *)slots + size, 0, actual - size);
  leaf->slots = made;
  arena_leaf_moved(path, 0);
  *out = slots;
  return 0;
}

/* --- the way to a leaf ----------------------------------------------------------------- */

static unsigned height_for(uint64_t leaf) {
  unsigned height = 1;
  while (leaf >> ARENA_FANOUT_SHIFT * height)
    height++;
  return height;
}

/* The node at the top, this transaction's own, of a height that reaches the leaf. */
static int top_own(struct pager *pager, struct arena *arena, uint64_t leaf, unsigned *height,
                   struct arena_node **out) {
  const struct arena_node *old;
  unsigned places, level = height_for(leaf);
  struct arena_node *top = NULL, *below;
  if (arena->table)
    arena->table->fill.records = NULL;
  if (arena->root) {
    int result = arena_node_open(&pager->view, arena->root, 0, &old, &places);
    if (result)
      return result;
    level = old->head.level;
  }
  int result = node_own(pager, &arena->root, level, 1, &top);
  while (result == 0 && leaf >> ARENA_FANOUT_SHIFT * level) {
    uint64_t above = 0;
    below = top;
    result = node_own(pager, &above, ++level, 2, &top);
    if (result)
      break;
    top->children[0] = arena->root;
    top->live = below->live != 0;
    top->free = below->free != 0;
    top->end = below->end;
    below->end = 0;
    arena->root = above;
  }
  *height = level;
  *out = top;
  return result;
}

int arena_path_own(struct pager *pager, struct arena *arena, uint64_t leaf, unsigned leaves,
                   struct arena_path *path) {
  struct arena_node *top;
  unsigned height;
  int result = top_own(pager, arena, leaf, &height, &top);
  if (result)
    return result;
  uint64_t *ref = &arena->root, end = top->end;
  for (unsigned level = height; level > 0; level--) {
    unsigned shift = ARENA_FANOUT_SHIFT * (level - 1);
    unsigned at = leaf >> shift & (ARENA_FANOUT - 1);
    int is_new = *ref == 0;
    struct arena_node *node;
    result = node_own(pager, ref, level, at + (level == 1 ? leaves : 1), &node);
    if (result)
      return result;
    if (is_new)
      node->free =
          arena_reached(&arena->shape, level,
                        leaf >> (shift + ARENA_FANOUT_SHIFT) << (shift + ARENA_FANOUT_SHIFT), end);
    path->nodes[level] = node;
    path->at[level] = at;
    if (level > 1)
      ref = &node->children[at];
  }
  const struct arena_node *node;
  path->table = arena->table;
  path->height = height;
  path->top = path->nodes[height];
  path->number = leaf;
  path->leaf = &path->nodes[1]->leaves[path->at[1]];
  return arena_node_open(&pager->view, *ref, 1, &node, &path->places);
}

static void bit_set(uint64_t *bits, unsigned bit, int value) {
  uint64_t mask = UINT64_C(1) << bit;
  *bits = value ? *bits | mask : *bits & ~mask;
}

void arena_path_settle(const struct arena_path *path) {
  for (unsigned level = 2; level <= path->height; level++) {
    bit_set(&path->nodes[level]->live, path->at[level], path->nodes[level - 1]->live != 0);
    bit_set(&path->nodes[level]->free, path->at[level], path->nodes[level - 1]->free != 0);
  }
}

void arena_leaf_settle(const struct arena_path *path, const struct arena_slots *slots) {
  bit_set(&path->nodes[1]->live, path->at[1], slots->live != 0);
  bit_set(&path->nodes[1]->free, path->at[1], slots->free != 0);
  arena_path_settle(path);
}

/* --- moving the end -------------------------------------------------------------------- */

int arena_skip(struct pager *pager, struct arena *arena, uint64_t to) {
  const struct arena_shape *shape = &arena->shape;
  struct arena_path path;
  struct arena_node *top;
  unsigned height;
  /* An index of the arena's new height, so that what follows finds the nodes that hold the old end. */
  int result = top_own(pager, arena, arena_leaf(shape, to - 1), &height, &top);
  if (result)
    return result;
  uint64_t from = top->end, leaf = arena_leaf(shape, from);
  if (to <= from)
    return 0;
  result = arena_path_own(pager, arena, leaf, 1, &path);
  if (result)
    return result;
  uint32_t before = arena_below(shape, leaf, from), after = arena_below(shape, leaf, to);
  if (path.leaf->data || path.leaf->slots) {
    struct arena_slots *slots;
    result = before < shape->slots ? arena_slots_own(pager, shape, &path, &slots) : 0;
    if (result)
      return result;
    if (before < shape->slots)
      slots->free += after - before;
  }
  bit_set(&path.nodes[1]->free, path.at[1],
          path.nodes[1]->free >> path.at[1] & 1 || after > before);
  for (unsigned level = 1; level <= path.height; level++) {
    unsigned shift = ARENA_FANOUT_SHIFT * level;
    uint64_t beyond = path.at[level] == ARENA_FANOUT - 1 ? 0 : ~UINT64_C(1) << path.at[level];
    path.nodes[level]->free |= arena_reached(shape, level, leaf >> shift << shift, to) & beyond;
  }
  arena_path_settle(&path);
  path.top->end = to;
  return 0;
}

/* --- one slot -------------------------------------------------------------------------- */

static uint32_t slot_find(const struct arena_slots *slots, const struct arena_shape *shape,
                          uint32_t below) {
  uint32_t at = slots->hint < shape->slots ? slots->hint : 0;
  while (at < below && (slots->words[at] & 1 || slots->words[at] >= ARENA_RETIRED))
    at++;
  return at;
}

/* The lowest free index; the end if there is none. */
static int free_find(struct page_view *view, const struct arena *arena, uint64_t *index) {
  const struct arena_shape *shape = &arena->shape;
  const struct arena_node *node;
  const struct arena_slots *slots;
  unsigned places;
  uint64_t ref = arena->root, leaf = 0, end = 0;
  int result = ref ? arena_node_open(view, ref, 0, &node, &places) : COPSE_NONE;
  if (result == 0 && node->free == 0) {
    end = node->end;
    result = COPSE_NONE;
  }
  if (result) {
    *index = end;
    return result == COPSE_NONE ? 0 : result;
  }
  end = node->end;
  for (unsigned level = node->head.level;; level--) {
    unsigned at = (unsigned)__builtin_ctzll(node->free);
    leaf |= (uint64_t)at << ARENA_FANOUT_SHIFT * (level - 1);
    *index = leaf * shape->slots;
    if (at >= places)
      return 0;
    if (level == 1) {
      ref = node->leaves[at].slots;
      break;
    }
    ref = node->children[at];
    if (ref == 0)
      return 0;
    result = arena_node_open(view, ref, level - 1, &node, &places);
    if (result == 0 && node->free == 0)
      result = arena_corrupt(ref, "leads to a node with free slots that are not there");
    if (result)
      return result;
  }
  if (ref == 0)
    return 0;
  uint32_t below = arena_below(shape, leaf, end);
  result = arena_slots_open(view, shape, ref, &slots);
  if (result)
    return result;
  uint32_t slot = slot_find(slots, shape, below);
  *index += slot;
  return slot < below ? 0 : arena_corrupt(ref, "leads to slot words that have no free one");
}

/* The word of a slot that is to become live. */
static int word_check(const struct arena_slots *slots, uint32_t slot, uint64_t index) {
  if (slots->words[slot] & 1)
    return error_set(COPSE_E_KEY_EXISTS, "slot %llu is live", (unsigned long long)index);
  if (slots->words[slot] >= ARENA_RETIRED)
    return error_set(COPSE_E_TOO_MANY, "slot %llu has had all its generations",
                     (unsigned long long)index);
  return 0;
}

/* Where the slots that are taken next will be, if it is this leaf. */
static void fill_begin(struct arena *arena, const struct arena_path *path,
                       struct arena_slots *slots, uint32_t next, uint8_t *records) {
  const struct arena_shape *shape = &arena->shape;
  uint64_t end = slots ? path->top->end : ARENA_INDEX_END;
  arena->table->fill = (struct arena_fill){.records = records,
                                           .slots = slots,
                                           .top = path->top,
                                           .first = path->number * shape->slots,
                                           .next = slots ? slots->hint : next,
                                           .below = arena_below(shape, path->number, end)};
}

int arena_insert(struct pager *pager, struct arena *arena, uint64_t *asked, uint32_t *generation,
                 uint8_t **place) {
  const struct arena_shape *shape = &arena->shape;
  struct arena_slots *slots = NULL;
  struct arena_path path;
  uint64_t index = *asked;
  uint8_t *records;
  int result = index == ARENA_ANY ? free_find(&pager->view, arena, &index) : 0;
  if (result == 0 && index >= ARENA_INDEX_END)
    result = error_set(COPSE_E_TOO_MANY, "slot %llu is beyond what an arena may have",
                       (unsigned long long)index);
  if (result == 0 && *asked != ARENA_ANY && index > 0)
    result = arena_skip(pager, arena, index);
  if (result)
    return result;
  uint64_t leaf = arena_leaf(shape, index);
  uint32_t slot = (uint32_t)(index - leaf * shape->slots);
  result = arena_path_own(pager, arena, leaf, 1, &path);
  if (result)
    return result;
  uint64_t end = path.top->end;
  int at_end = index == end;
  if (path.leaf->slots || !at_end || (slot && !path.leaf->data)) {
    result = arena_slots_own(pager, shape, &path, &slots);
    if (result == 0)
      result = word_check(slots, slot, index);
  }
  if (result == 0)
    result = arena_data_own(pager, shape, &path, &records);
  if (result)
    return result;
  *generation = 1;
  if (slots) {
    *generation = (slots->words[slot]++ + 2) / 2;
    slots->live++;
    slots->free -= !at_end;
    slots->hint = at_end ? slots->hint : slots->hint == slot ? slot + 1 : slots->hint;
    bit_set(&path.nodes[1]->free, path.at[1], slots->free != 0);
  }
  bit_set(&path.nodes[1]->live, path.at[1], 1);
  path.top->end += at_end;
  arena_path_settle(&path);
  arena->count++;
  if (arena->table && *asked == ARENA_ANY)
    fill_begin(arena, &path, slots, slot + 1, records);
  *asked = index;
  *place = records + (size_t)slot * shape->size;
  return 0;
}

int arena_is_own(const struct pager *pager, const struct arena_shape *shape,
                 const struct arena_spot *spot, uint64_t index) {
  uint64_t data = spot->node->leaves[arena_leaf(shape, index) & (ARENA_FANOUT - 1)].data;
  const struct extent_head *page = data_page(pager, shape, data);
  return page && pager_is_dirty(pager, &page->head);
}

int arena_edit(struct pager *pager, struct arena *arena, uint64_t index, uint8_t **place) {
  struct arena_path path;
  uint64_t leaf = arena_leaf(&arena->shape, index);
  uint8_t *records;
  int result = arena_path_own(pager, arena, leaf, 1, &path);
  if (result == 0)
    result = arena_data_own(pager, &arena->shape, &path, &records);
  if (result == 0)
    *place = records + (index - leaf * arena->shape.slots) * arena->shape.size;
  return result;
}

int arena_remove(struct pager *pager, struct arena *arena, uint64_t index) {
  const struct arena_shape *shape = &arena->shape;
  struct arena_path path;
  struct arena_slots *slots;
  uint64_t leaf = arena_leaf(shape, index);
  uint32_t slot = (uint32_t)(index - leaf * shape->slots);
  int result = arena_path_own(pager, arena, leaf, 1, &path);
  if (result == 0)
    result = arena_slots_own(pager, shape, &path, &slots);
  if (result)
    return result;
  if (++slots->words[slot] < ARENA_RETIRED) {
    slots->free++;
    slots->hint = slot < slots->hint ? slot : slots->hint;
  }
  if (--slots->live == 0) {
    uint64_t data = path.leaf->data;
    path.leaf->data = 0;
    arena_leaf_moved(&path, 0);
    data_release(pager, path.nodes[1], path.places, data);
  }
  arena_leaf_settle(&path, slots);
  arena->count--;
  return 0;
}

/* --- many ------------------------------------------------------------------------------ */

/* Puts records behind the end, in one leaf. */
static int tail_append(struct pager *pager, struct arena *arena, struct arena_path *path,
                       uint32_t n, const uint8_t *from) {
  const struct arena_shape *shape = &arena->shape;
  struct arena_slots *slots = NULL;
  uint8_t *records;
  uint32_t slot = (uint32_t)(path->top->end - path->number * shape->slots);
  int result = path->leaf->slots || (slot && !path->leaf->data)
                   ? arena_slots_own(pager, shape, path, &slots)
                   : 0;
  if (result == 0)
    result = arena_data_own(pager, shape, path, &records);
  if (result)
    return result;
  memcpy(records + (size_t)slot * shape->size, from, (size_t)n * shape->size);
  for (uint32_t i = slot; slots && i < slot + n; i++)
    slots->words[i] = 1;
  if (slots)
    slots->live += n;
  bit_set(&path->nodes[1]->live, path->at[1], 1);
  return 0;
}

/* Puts whole leaves of records behind the end, in one extent. */
static int leaves_append(struct pager *pager, struct arena *arena, struct arena_path *path,
                         unsigned leaves, const uint8_t *from) {
  struct extent_head *extent;
  uint64_t ref, bytes = (uint64_t)leaves * arena->shape.leaf_bytes;
  int result = pager_alloc_extent(pager, bytes, &ref, &extent);
  if (result)
    return result;
  memcpy(extent + 1, from, bytes);
  arena_leaves_link(path, leaves, ref);
  return 0;
}

void arena_leaves_link(const struct arena_path *path, unsigned leaves, uint64_t ref) {
  for (unsigned i = 0; i < leaves; i++) {
    path->leaf[i].data = leaves > 1 ? ref | (uint64_t)i << ARENA_PLACE_SHIFT | ARENA_SHARED : ref;
    arena_leaf_moved(path, i);
  }
  path->nodes[1]->live |= (leaves < 64 ? (UINT64_C(1) << leaves) - 1 : ~UINT64_C(0)) << path->at[1];
}

int arena_append(struct pager *pager, struct arena *arena, uint64_t n, const uint8_t *records) {
  const struct arena_shape *shape = &arena->shape;
  uint64_t end;
  int result = arena_end(&pager->view, arena, &end);
  if (result == 0 && n > ARENA_INDEX_END - end)
    result = error_set(COPSE_E_TOO_MANY, "an arena has no room for %llu records more",
                       (unsigned long long)n);
  while (n && result == 0) {
    struct arena_path path;
    uint64_t leaf = arena_leaf(shape, end), part;
    uint32_t slot = (uint32_t)(end - leaf * shape->slots);
    unsigned room = ARENA_FANOUT - (leaf & (ARENA_FANOUT - 1));
    unsigned leaves = n / shape->slots < room ? (unsigned)(n / shape->slots) : room;
    int whole = slot == 0 && leaves > 0;
    result = arena_path_own(pager, arena, leaf, whole ? leaves : 1, &path);
    if (result)
      return result;
    /* A leaf with slot words is one whose slots were skipped, and is filled by itself. */
    whole = whole && !path.leaf->slots && !path.leaf->data;
    part = whole                     ? (uint64_t)leaves * shape->slots
           : n < shape->slots - slot ? n
                                     : shape->slots - slot;
    result = whole ? leaves_append(pager, arena, &path, leaves, records)
                   : tail_append(pager, arena, &path, (uint32_t)part, records);
    if (result)
      return result;
    path.top->end = end += part;
    arena_path_settle(&path);
    arena->count += part;
    records += part * shape->size;
    n -= part;
  }
  return result;
}

/* Checks an extent that was filled elsewhere, and makes it one of this transaction. */
static int extent_adopt(struct pager *pager, uint64_t ref, uint64_t bytes) {
  uint64_t size;
  struct extent_head *extent =
      (struct extent_head *)(uintptr_t)page_locate(&pager->view, ref, &size);
  if (!extent || extent->head.kind != PAGE_EXTENT || size < sizeof *extent + bytes ||
      extent->value_size < bytes)
    return arena_corrupt(ref, "points to no extent that was reserved");
  extent->head.birth = pager->version;
  extent->head.epoch = pager->epoch;
  return 0;
}

int arena_link(struct pager *pager, struct arena *arena, uint64_t n, const uint64_t *refs,
               uint64_t *first) {
  const struct arena_shape *shape = &arena->shape;
  uint64_t end, piece = (uint64_t)ARENA_FANOUT * shape->slots;
  int result = arena_end(&pager->view, arena, &end);
  if (result)
    return result;
  uint64_t leaf = (end + shape->slots - 1) / shape->slots;
  uint64_t leaves = (n + shape->slots - 1) / shape->slots;
  if ((leaf & (ARENA_FANOUT - 1)) + leaves > ARENA_FANOUT)
    leaf = (leaf + ARENA_FANOUT - 1) & ~(uint64_t)(ARENA_FANOUT - 1);
  if (leaf * shape->slots > ARENA_INDEX_END || n > ARENA_INDEX_END - leaf * shape->slots)
    return error_set(COPSE_E_TOO_MANY, "an arena has no room for %llu records more",
                     (unsigned long long)n);
  end = *first = leaf * shape->slots;
  result = end ? arena_skip(pager, arena, end) : 0;
  for (; n && result == 0; refs++) {
    struct arena_path path;
    uint64_t part = n < piece ? n : piece;
    unsigned count = (unsigned)((part + shape->slots - 1) / shape->slots);
    result = extent_adopt(pager, *refs, (uint64_t)count * shape->leaf_bytes);
    if (result == 0)
      result = arena_path_own(pager, arena, leaf, count, &path);
    if (result)
      return result;
    arena_leaves_link(&path, count, *refs);
    path.top->end = end += part;
    arena_path_settle(&path);
    arena->count += part;
    leaf += count;
    n -= part;
  }
  return result;
}
