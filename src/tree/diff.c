/* tree/diff.c - a merge of two trees in key order that enters only what both do not share.
 *
 * Each side stands on a subtree with a lower bound for its keys, or on a record. Equal
 * references are equal subtrees (a page in use by both versions cannot have been reused), so
 * both sides step over them. Else the side that is behind, or the higher subtree, is entered. */
#include "tree/diff.h"

#include "base/assert.h"

static uint64_t item_ref(const struct diff_side *side) {
  const struct tree_level *parent = &side->levels[side->level];
  return side->level == side->depth ? side->root : node_child(parent->node, parent->index);
}

/* Height of the subtree that a side stands on, counted from the leaves (1: a leaf). */
static unsigned item_height(const struct diff_side *side) { return side->level; }

/* Takes the separator before the item's child as its lower bound; the first child keeps the parent's. */
static int low_from_separator(struct diff_side *side) {
  const struct tree_level *parent = &side->levels[side->level];
  return parent->index ? node_key(parent->node, parent->index - 1, side->low, &side->low_size) : 0;
}

static int record_key(struct diff_side *side) {
  side->at = DIFF_RECORD;
  return node_key(side->levels[0].node, side->levels[0].index, side->low, &side->low_size);
}

/* Moves to the item behind the one in levels[level]. */
static int step(struct diff_side *side) {
  for (; side->level < side->depth; side->level++) {
    struct tree_level *at = &side->levels[side->level];
    uint32_t items = at->node->count + (side->level > 0);
    if (++at->index < items) {
      if (side->level == 0)
        return record_key(side);
      side->at = DIFF_SUBTREE;
      return low_from_separator(side);
    }
  }
  side->at = DIFF_END;
  return 0;
}

/* Enters the subtree that the side stands on. */
static int enter(struct diff_side *side) {
  const struct node *node;
  unsigned level = side->level - 1;
  BASE_ASSERT(level < TREE_DEPTH_MAX);
  if (side->left-- == 0)
    return node_corrupt(side->root, "leads to more nodes than its map has records");
  int result = node_open(side->view, item_ref(side), (int)level, &node);
  if (result)
    return result;
  side->levels[level] = (struct tree_level){node, 0};
  side->level = level;
  return level > 0 ? 0 /* the first child: the same lower bound */ : record_key(side);
}

static int side_init(struct diff_side *side, struct page_view *view, const struct tree *tree) {
  side->view = view;
  side->shape = tree->shape;
  side->root = tree->root;
  side->low_size = 0;
  side->at = tree->root ? DIFF_SUBTREE : DIFF_END;
  side->level = side->depth = 0;
  if (!tree->root)
    return 0;
  const struct node *node;
  int result = node_open(view, tree->root, -1, &node);
  if (result)
    return result;
  side->level = side->depth = node->head.level + 1u;
  side->left = tree->count * side->depth;
  return 0;
}

/* Moves to the first item that can hold `from`: like a lookup, skipping what lies before. */
static int side_seek(struct diff_side *side, const struct tree_key *from) {
  while (side->at == DIFF_SUBTREE) {
    int result = enter(side);
    if (result || side->at == DIFF_END)
      return result;
    struct tree_level *at = &side->levels[side->level];
    uint32_t index;
    if (side->level > 0) {
      result = node_choose(at->node, from->data, from->size, &index);
      if (result)
        return result;
      at->index = index;
      result = low_from_separator(side);
      if (result)
        return result;
      continue;
    }
    result = node_search(at->node, from->data, from->size, &index);
    if (result < 0)
      return result;
    at->index = index;
    if (index < at->node->count)
      return record_key(side);
    at->index = index - 1;
    return step(side);
  }
  return 0;
}

int diff_init(struct tree_diff *diff, struct page_view *before_view, const struct tree *before,
              struct page_view *after_view, const struct tree *after, const struct tree_key *from,
              const struct tree_key *to) {
  diff->to = *to;
  diff->reported = 0;
  int result = side_init(&diff->before, before_view, before);
  if (result == 0)
    result = side_init(&diff->after, after_view, after);
  if (result == 0 && before->root == after->root && before_view->base == after_view->base)
    diff->before.at = diff->after.at = DIFF_END;
  if (result == 0 && from->data) {
    result = side_seek(&diff->before, from);
    if (result == 0)
      result = side_seek(&diff->after, from);
  }
  return result;
}

static int low_compare(const struct diff_side *a, const struct diff_side *b) {
  return bytes_compare(a->low, a->low_size, b->low, b->low_size);
}

static int value_of(struct diff_side *side, struct tree_value *value) {
  const struct tree_level *leaf = &side->levels[0];
  struct entry entry;
  if (entry_read(leaf->node, node_slots(leaf->node), 0, leaf->index, &entry))
    return node_corrupt(0, "an entry reaches outside of its node");
  return entry_value(side->view, leaf->node, &entry, &side->shape, value);
}

/* One side alone: enter its subtree, or report its record. 1: *found is set. */
static int alone(struct diff_side *side, struct tree_value *value) {
  if (side->at == DIFF_SUBTREE)
    return enter(side);
  int result = value_of(side, value);
  return result ? result : 1;
}

/* Both stand on a subtree that they share: moves both to the last one of those that follow in their nodes
 * and are shared too. Their bounds need not be known; who changed one key of many meets many. */
static void shared_pass(struct diff_side *a, struct diff_side *b) {
  struct tree_level *x = &a->levels[a->level], *y = &b->levels[b->level];
  if (a->level == a->depth || b->level == b->depth)
    return;
  while (x->index < x->node->count && y->index < y->node->count &&
         node_child(x->node, x->index + 1) == node_child(y->node, y->index + 1)) {
    x->index++;
    y->index++;
  }
}

/* Both stand on subtrees. */
static int subtrees(struct diff_side *a, struct diff_side *b) {
  if (item_ref(a) == item_ref(b)) {
    shared_pass(a, b);
    int result = step(a);
    return result ? result : step(b);
  }
  if (item_height(a) != item_height(b))
    return enter(item_height(a) > item_height(b) ? a : b);
  int order = low_compare(a, b);
  int result = order <= 0 ? enter(a) : 0;
  return result == 0 && order >= 0 ? enter(b) : result;
}

static int values_equal(const struct tree_value *a, const struct tree_value *b) {
  return a->size == b->size && (a->data == b->data || memcmp(a->data, b->data, a->size) == 0);
}

/* Moves on until a difference is found: 1; 0 when there is more to look at. */
static int advance(struct tree_diff *diff, enum tree_change *change, struct tree_value *before,
                   struct tree_value *after) {
  struct diff_side *a = &diff->before, *b = &diff->after;
  if (b->at == DIFF_END || (a->at == DIFF_RECORD && b->at != DIFF_END && low_compare(a, b) < 0)) {
    *change = TREE_REMOVED;
    return alone(a, before);
  }
  if (a->at == DIFF_END || (b->at == DIFF_RECORD && low_compare(b, a) < 0)) {
    *change = TREE_ADDED;
    return alone(b, after);
  }
  if (a->at == DIFF_SUBTREE && b->at == DIFF_SUBTREE)
    return subtrees(a, b);
  if (a->at == DIFF_SUBTREE)
    return enter(a);
  if (b->at == DIFF_SUBTREE)
    return enter(b);
  *change = TREE_CHANGED; /* two records with the same key */
  int result = value_of(a, before);
  if (result == 0)
    result = value_of(b, after);
  if (result)
    return result;
  if (!values_equal(before, after))
    return 1;
  result = step(a);
  return result ? result : step(b);
}

static int beyond(const struct tree_diff *diff, const struct diff_side *side) {
  return side->at == DIFF_END ||
         (diff->to.data &&
          bytes_compare(side->low, side->low_size, diff->to.data, diff->to.size) >= 0);
}

int diff_next(struct tree_diff *diff, enum tree_change *change, struct tree_key *key,
              struct tree_value *before, struct tree_value *after) {
  struct diff_side *a = &diff->before, *b = &diff->after;
  int stepped = diff->reported & TREE_REMOVED ? step(a) : 0;
  if (stepped == 0 && diff->reported & TREE_ADDED)
    stepped = step(b);
  diff->reported = 0;
  if (stepped)
    return stepped;
  for (;;) {
    if (beyond(diff, a) && beyond(diff, b))
      return COPSE_NONE;
    *before = *after = (struct tree_value){0}; /* equal records passed by leave theirs */
    int result = advance(diff, change, before, after);
    if (result < 0)
      return result;
    if (result == 1)
      break;
  }
  struct diff_side *holder = *change == TREE_ADDED ? b : a;
  if (beyond(diff, holder)) /* records follow that are outside of the range */
    return COPSE_NONE;
  key->data = holder->low;
  key->size = holder->low_size;
  diff->reported = *change;
  return 0;
}
