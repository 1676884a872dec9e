/* tree/cursor.c - walking a tree in both directions.
 *
 * A cursor keeps the node and the place at each level. Walking forward, a scout runs some leaves
 * ahead through the inner nodes and asks for those leaves, so that each is in the cache when
 * the cursor crosses to it: a leaf that is not costs as much as reading some fifty records.
 *
 * In a hostile file nodes may be referred to many times, so that a walk would not end in any
 * reasonable time: it is over when it has left more records behind than the tree counts. */
#include "tree/tree.h"

#define LEAD_MAX 4u /* leaves that the scout is ahead at most */

void cursor_init(struct tree_cursor *cursor, struct page_view *view, const struct tree *tree) {
  cursor->view = view;
  cursor->root = tree->root;
  cursor->count = tree->count;
  cursor->shape = tree->shape;
  cursor->depth = 0;
  cursor->key_node = NULL;
}

/* Opens the root; COPSE_NONE for an empty tree. */
static int root_open(struct tree_cursor *cursor) {
  cursor->depth = cursor->lead = 0;
  cursor->crossed = 0;
  cursor->key_node = NULL;
  if (cursor->root == 0)
    return COPSE_NONE;
  const struct node *node;
  int result = node_open(cursor->view, cursor->root, -1, &node);
  if (result)
    return result;
  cursor->levels[node->head.level] = (struct tree_level){node, 0};
  cursor->depth = node->head.level + 1u;
  return 0;
}

/* Opens the child that levels[level] stands on as levels[level - 1]. */
static int child_open(struct tree_cursor *cursor, unsigned level) {
  const struct tree_level *parent = &cursor->levels[level];
  struct tree_level *child = &cursor->levels[level - 1];
  child->index = 0;
  return node_open(cursor->view, node_child(parent->node, parent->index), (int)level - 1,
                   &child->node);
}

/* Descends from `level` to the first (last) record below. */
static int edge_descend(struct tree_cursor *cursor, unsigned level, int last) {
  for (; level > 0; level--) {
    int result = child_open(cursor, level);
    if (result)
      return result;
    struct tree_level *child = &cursor->levels[level - 1];
    if (last)
      child->index = level > 1 ? child->node->count : child->node->count - 1u;
  }
  return 0;
}

/* Moves the scout to the next leaf and asks for it. 0 when there is none. */
static int scout_step(struct tree_cursor *cursor) {
  unsigned level = 1;
  while (level < cursor->depth && cursor->scout[level].index >= cursor->scout[level].node->count)
    level++;
  if (level >= cursor->depth)
    return 0;
  cursor->scout[level].index++;
  for (; level > 1; level--) {
    const struct tree_level *at = &cursor->scout[level];
    const struct node *node;
    if (node_open(cursor->view, node_child(at->node, at->index), (int)level - 1, &node))
      return 0;
    cursor->scout[level - 1] = (struct tree_level){node, 0};
  }
  const struct tree_level *parent = &cursor->scout[1];
  page_prefetch_whole(cursor->view, node_child(parent->node, parent->index));
  if (parent->index + LEAD_MAX / 2 == parent->node->count && cursor->depth > 2) {
    const struct tree_level *above = &cursor->scout[2];
    if (above->index < above->node->count)
      page_prefetch_whole(cursor->view, node_child(above->node, above->index + 1));
  }
  return 1;
}

/* After a step to the next leaf: keeps the scout ahead, further the longer the walk goes on. */
static void scout_lead(struct tree_cursor *cursor) {
  if (cursor->depth < 2 || cursor->view->copy)
    return;
  if (cursor->lead == 0)
    for (unsigned level = 1; level < cursor->depth; level++)
      cursor->scout[level] = cursor->levels[level];
  else
    cursor->lead--;
  for (int i = 0; i < 2 && cursor->lead < LEAD_MAX && scout_step(cursor); i++)
    cursor->lead++;
}

/* Moves to the next (step 1) or previous (step -1) leaf. */
static int leaf_cross(struct tree_cursor *cursor, int step) {
  unsigned level = 1;
  while (level < cursor->depth &&
         (step > 0 ? cursor->levels[level].index >= cursor->levels[level].node->count
                   : cursor->levels[level].index == 0))
    level++;
  if (level >= cursor->depth)
    return COPSE_NONE;
  cursor->crossed += step > 0 ? cursor->levels[0].node->count : 0;
  cursor->levels[level].index += (uint32_t)step;
  int result = edge_descend(cursor, level, step < 0);
  if (result)
    return result;
  cursor->crossed -= step < 0 ? cursor->levels[0].node->count : 0;
  if ((uint64_t)(cursor->crossed < 0 ? -cursor->crossed : cursor->crossed) > cursor->count)
    return node_corrupt(cursor->root, "leads to more records than its map counts");
  if (step > 0)
    scout_lead(cursor);
  else
    cursor->lead = 0;
  return 0;
}

int cursor_seek(struct tree_cursor *cursor, const uint8_t *key, uint32_t size, int after) {
  int result = root_open(cursor);
  if (result)
    return result;
  for (unsigned level = cursor->depth - 1; level > 0; level--) {
    struct tree_level *at = &cursor->levels[level];
    result = node_choose(at->node, key, size, &at->index);
    if (result)
      return result;
    page_prefetch(cursor->view, node_child(at->node, at->index));
    result = child_open(cursor, level);
    if (result)
      return result;
  }
  struct tree_level *leaf = &cursor->levels[0];
  int exact = node_search(leaf->node, key, size, &leaf->index);
  if (exact < 0)
    return exact;
  leaf->index += exact && after;
  if (leaf->index < leaf->node->count)
    return 0;
  leaf->index = leaf->node->count - 1u;
  result = leaf_cross(cursor, 1);
  if (result == COPSE_NONE)
    leaf->index = leaf->node->count;
  return result;
}

int cursor_first(struct tree_cursor *cursor) {
  int result = root_open(cursor);
  return result ? result : edge_descend(cursor, cursor->depth - 1, 0);
}

int cursor_last(struct tree_cursor *cursor) {
  int result = root_open(cursor);
  if (result)
    return result;
  struct tree_level *root = &cursor->levels[cursor->depth - 1];
  root->index = root->node->count - (cursor->depth == 1);
  return edge_descend(cursor, cursor->depth - 1, 1);
}

int cursor_next(struct tree_cursor *cursor) {
  struct tree_level *leaf = &cursor->levels[0];
  uint32_t next = leaf->index + 1; /* UINT32_MAX (before the first) wraps to 0 */
  if (__builtin_expect(next < leaf->node->count, 1)) {
    leaf->index = next;
    return 0;
  }
  int result = leaf->index == leaf->node->count ? COPSE_NONE : leaf_cross(cursor, 1);
  if (result == COPSE_NONE)
    leaf->index = leaf->node->count;
  return result;
}

int cursor_prev(struct tree_cursor *cursor) {
  struct tree_level *leaf = &cursor->levels[0];
  if (leaf->index == UINT32_MAX)
    return COPSE_NONE;
  if (leaf->index > 0) {
    leaf->index--;
    return 0;
  }
  int result = leaf_cross(cursor, -1);
  if (result == COPSE_NONE)
    leaf->index = UINT32_MAX;
  return result;
}

/* What all records of a leaf share: looked up once for each leaf. */
static void leaf_take(struct tree_cursor *cursor, const struct node *node) {
  memcpy(cursor->key, node_prefix(node), node->prefix);
  cursor->key_node = node;
  cursor->heads = node_heads(node);
  cursor->slots = node_slots(node);
}

int cursor_record(struct tree_cursor *cursor, struct tree_key *key, struct tree_value *value) {
  const struct tree_level *leaf = &cursor->levels[0];
  const struct node *node = leaf->node;
  struct entry entry;
  if (__builtin_expect(cursor->key_node != node || cursor->view->copy != NULL, 0))
    leaf_take(cursor, node);
  if (entry_read(node, cursor->slots, 0, leaf->index, &entry) ||
      node->prefix + entry.size > TREE_KEY_MAX)
    return node_corrupt(0, "an entry reaches outside of its node");
  if (key) {
    uint8_t *suffix = cursor->key + node->prefix;
    uint32_t rest = entry_rest(entry.size);
    bytes_store_be32(suffix, cursor->heads[leaf->index]);
    if (__builtin_expect(rest <= 16 && entry.at + 20u <= node_size(node), 1))
      memcpy(suffix + 4, entry.rest, 16); /* a fixed size is one instruction; the buffer has room */
    else
      memcpy(suffix + 4, entry.rest, rest);
    key->data = cursor->key;
    key->size = node->prefix + entry.size;
  }
  return value ? entry_value(cursor->view, node, &entry, &cursor->shape, value) : 0;
}
