/* arena/diff.c - what differs between two versions of an arena: subtrees and leaves that both share are
 * stepped over, the slots of others compared. */
#include "arena/diff.h"

#include <string.h>

void arena_diff_init(struct arena_diff *diff, struct page_view *before_view,
                     const struct arena *before, struct page_view *after_view,
                     const struct arena *after, uint64_t from, uint64_t to) {
  *diff = (struct arena_diff){.views = {before_view, after_view}, .next = from, .to = to};
  diff->arenas[0] = *before;
  diff->arenas[1] = *after;
  uint64_t limit = before_view->limit > after_view->limit ? before_view->limit : after_view->limit;
  diff->left = 2 * limit / FORMAT_UNIT; /* more leaves than pages cannot differ */
}

/* One side of a pair of nodes. */
struct side {
  uint64_t ref;    /* 0: nothing is there */
  unsigned height; /* of what ref names; it may be less than the level that is looked at */
  const struct arena_node *node; /* NULL: nothing, or lower than the level */
  unsigned places;
};

static uint64_t child_of(const struct side *side, unsigned level, unsigned at) {
  if (!side->node) /* what is lower stands for the first child */
    return side->height < level && at == 0 ? side->ref : 0;
  return at < side->places ? side->node->children[at] : 0;
}

static struct arena_leaf leaf_of(const struct side *side, unsigned at) {
  return side->node && at < side->places ? side->node->leaves[at] : (struct arena_leaf){0, 0};
}

static int side_open(struct page_view *view, struct side *side, unsigned level) {
  side->node = NULL;
  if (side->ref == 0 || side->height < level)
    return 0;
  return arena_node_open(view, side->ref, level, &side->node, &side->places);
}

/* The first leaf that differs below a pair of nodes, counted from theirs, from one of them on. */
static int leaf_find(struct arena_diff *diff, struct side sides[2], unsigned level, uint64_t from,
                     uint64_t *budget, uint64_t *leaf) {
  unsigned shift = ARENA_FANOUT_SHIFT * (level - 1);
  uint64_t start = from >> shift;
  int result = 0;
  if ((sides[0].ref == sides[1].ref && sides[0].height == sides[1].height) || start >= ARENA_FANOUT)
    return COPSE_NONE;
  if ((*budget)-- == 0)
    return arena_corrupt(diff->arenas[1].root, "leads to an arena without end");
  for (int i = 0; i < 2 && result == 0; i++)
    result = side_open(diff->views[i], &sides[i], level);
  for (unsigned at = (unsigned)start; at < ARENA_FANOUT && result == 0; at++) {
    uint64_t inside = at == start ? from & ((UINT64_C(1) << shift) - 1) : 0;
    if (level == 1) {
      struct arena_leaf before = leaf_of(&sides[0], at), after = leaf_of(&sides[1], at);
      if (before.data == after.data && before.slots == after.slots)
        continue;
      diff->leaves[0] = before;
      diff->leaves[1] = after;
      *leaf = at;
      return 0;
    }
    struct side below[2];
    for (int i = 0; i < 2; i++) {
      unsigned lower = sides[i].node ? level - 1 : sides[i].height;
      below[i] = (struct side){.ref = child_of(&sides[i], level, at), .height = lower};
      if (below[i].ref == 0)
        below[i].height = level - 1;
    }
    result = leaf_find(diff, below, level - 1, inside, budget, leaf);
    if (result == 0)
      *leaf += (uint64_t)at << shift;
    if (result != COPSE_NONE)
      return result;
    result = 0;
  }
  return result ? result : COPSE_NONE;
}

/* Finds the next leaf that differs, from that of diff->next on. */
static int leaf_next(struct arena_diff *diff) {
  struct side sides[2];
  unsigned height = 1;
  uint64_t budget = diff->left, leaf = arena_leaf(&diff->arenas[1].shape, diff->next), found;
  if (diff->next >= diff->to || diff->next >= ARENA_INDEX_END)
    return COPSE_NONE;
  if (diff->left-- == 0)
    return arena_corrupt(diff->arenas[1].root, "leads to an arena without end");
  for (int i = 0; i < 2; i++) {
    const struct arena_node *top;
    unsigned places;
    sides[i] = (struct side){.ref = diff->arenas[i].root, .height = 1};
    diff->ends[i] = 0;
    if (sides[i].ref == 0)
      continue;
    int result = arena_node_open(diff->views[i], sides[i].ref, 0, &top, &places);
    if (result)
      return result;
    sides[i].height = top->head.level;
    diff->ends[i] = top->end;
    height = height > top->head.level ? height : top->head.level;
  }
  for (int i = 0; i < 2; i++)
    if (sides[i].ref == 0)
      sides[i].height = height;
  int result = leaf_find(diff, sides, height, leaf, &budget, &found);
  if (result)
    return result;
  diff->leaf = found;
  diff->is_open = 1;
  uint64_t first = found * diff->arenas[1].shape.slots;
  diff->next = diff->next > first ? diff->next : first;
  return 0;
}

/* A slot of the leaf on one side. */
static int slot_open(const struct arena_diff *diff, int side, uint64_t index,
                     struct arena_slot *slot) {
  const struct arena_shape *shape = &diff->arenas[side].shape;
  const struct arena_leaf *leaf = &diff->leaves[side];
  const struct arena_slots *slots;
  uint32_t at = (uint32_t)(index - diff->leaf * shape->slots);
  *slot = (struct arena_slot){0};
  if (leaf->slots) {
    int result = arena_slots_open(diff->views[side], shape, leaf->slots, &slots);
    if (result)
      return result;
    if (!(slots->words[at] & 1))
      return COPSE_NONE;
    slot->generation = (uint32_t)(((uint64_t)slots->words[at] + 1) / 2);
  } else if (leaf->data && index < diff->ends[side]) {
    slot->generation = 1;
  } else {
    return COPSE_NONE;
  }
  const uint8_t *records = leaf->data ? arena_data(diff->views[side], shape, leaf->data) : NULL;
  if (!records)
    return arena_corrupt(leaf->data, "points to no records");
  slot->record = records + (size_t)at * shape->size;
  return 0;
}

int arena_diff_next(struct arena_diff *diff, enum arena_change *change, uint64_t *index,
                    struct arena_slot *before, struct arena_slot *after) {
  const struct arena_shape *shape = &diff->arenas[1].shape;
  for (;;) {
    uint64_t end = (diff->leaf + 1) * shape->slots;
    if (!diff->is_open || diff->next >= end) {
      diff->is_open = 0;
      int result = leaf_next(diff);
      if (result)
        return result;
      end = (diff->leaf + 1) * shape->slots;
    }
    for (; diff->next < end && diff->next < diff->to;) {
      uint64_t at = diff->next++;
      int old = slot_open(diff, 0, at, before), new = slot_open(diff, 1, at, after);
      if (old < 0 || new < 0)
        return old < 0 ? old : new;
      if (old && new)
        continue;
      if (!old && !new && before->generation == after->generation &&
          memcmp(before->record, after->record, shape->size) == 0)
        continue;
      *index = at;
      *change = old ? ARENA_ADDED : new ? ARENA_REMOVED : ARENA_CHANGED;
      return 0;
    }
    if (diff->next >= diff->to)
      return COPSE_NONE;
  }
}
