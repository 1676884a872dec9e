/* dom/walk.c - walks: along siblings and ancestors, and around subtrees.
 *
 * A walk keeps a copy of the links of the node that it is at. In a snapshot they stay; in a transaction the
 * node is looked up again before each step, so that changes of the tree are followed. No walk takes more steps
 * than the tree has edges: what is damaged, or changed all the time, ends in an error. */
#include <string.h>

#include "dom/node.h"
#include "store/store.h"

/* Rises with each change that the view shows. */
static uint64_t stamp_of(const struct copse_view *view) {
  return view->moves + (view->txn ? view->txn->puts + view->txn->deletes : 0);
}

static void links_keep(struct copse_tree_walk *walk, const struct dom_node *node) {
  walk->node = node->handle;
  memcpy(walk->links, &node->links, sizeof walk->links);
}

int copse_tree_walk_begin(struct copse_view *view, struct copse_tree *tree,
                          const struct copse_handle *handle, enum copse_tree_axis axis,
                          struct copse_tree_walk *walk) {
  struct dom_node node;
  uint64_t count;
  if (axis < COPSE_TREE_ANCESTORS || axis > COPSE_TREE_TRAVERSE_REVERSE)
    return error_set(COPSE_E_ARGUMENT, "there is no axis %d", (int)axis);
  int result = dom_get(view, tree, handle, &node);
  if (result == 0)
    result = copse_arena_count(view, tree->arena, &count);
  if (result)
    return result;
  *walk = (struct copse_tree_walk){.axis = axis,
                                   .view = view,
                                   .tree = tree,
                                   .top = handle->index,
                                   .count = count,
                                   .left = 2 * count,
                                   .stamp = stamp_of(view),
                                   .moves = view->moves};
  links_keep(walk, &node);
  return 0;
}

/* The node that the walk is at, as it is now. */
static int here(const struct copse_tree_walk *walk, struct dom_node *node) {
  struct copse_view *view = walk->view;
  if (view->txn || view->moves != walk->moves)
    return dom_get(view, walk->tree, &walk->node, node);
  node->handle = walk->node;
  memcpy(&node->links, walk->links, sizeof walk->links);
  return 0;
}

static int astray(const struct copse_tree_walk *walk) {
  if (stamp_of(walk->view) != walk->stamp)
    return error_set(COPSE_E_STATE,
                     "changes of the tree have led the walk astray at node %llu; "
                     "begin another",
                     (unsigned long long)walk->node.index);
  return error_set(COPSE_E_CORRUPT, "node %llu is linked to nodes in a circle, or of another tree",
                   (unsigned long long)walk->node.index);
}

static int follow(struct copse_tree_walk *walk, const struct dom_node *from,
                  enum copse_tree_link which, struct dom_node *to) {
  int result = dom_step(walk->view, walk->tree, from, which, to);
  if (result)
    return result;
  if (walk->left == 0) { /* there may be more nodes than when it began */
    uint64_t count;
    result = copse_arena_count(walk->view, walk->tree->arena, &count);
    if (result)
      return result;
    if (count <= walk->count)
      return astray(walk);
    walk->left = 2 * (count - walk->count);
    walk->count = count;
  }
  walk->left--;
  return 0;
}

/* The next edge around the subtree: into the first child, else out of the node; from there into the next
 * sibling, else out of the parent. Backwards, all of it is mirrored. */
static int edge_next(struct copse_tree_walk *walk, int forwards, struct dom_node *node,
                     uint32_t *edge) {
  uint32_t in = forwards ? COPSE_TREE_ENTER : COPSE_TREE_LEAVE;
  struct dom_node from = *node;
  if (*edge == in) {
    int result = follow(walk, &from, forwards ? COPSE_TREE_FIRST : COPSE_TREE_LAST, node);
    if (result != COPSE_NONE)
      return result;
    *node = from;
    *edge = !in;
    return 0;
  }
  if (from.handle.index == walk->top)
    return COPSE_NONE;
  int result = follow(walk, &from, forwards ? COPSE_TREE_NEXT : COPSE_TREE_PREVIOUS, node);
  *edge = result == 0 ? in : *edge;
  if (result != COPSE_NONE)
    return result;
  result = follow(walk, &from, COPSE_TREE_PARENT, node);
  if (result)
    return result == COPSE_NONE ? astray(walk) : result;
  if ((forwards ? node->links.last : node->links.first) != dom_link(&from))
    return dom_corrupt(&from, "is the end of its siblings, but not its parent's last or first");
  return 0;
}

static int subtree_next(struct copse_tree_walk *walk, struct dom_node *node) {
  int forwards = walk->axis != COPSE_TREE_TRAVERSE_REVERSE, result = 0;
  int is_all = walk->axis != COPSE_TREE_DESCENDANTS;
  uint32_t edge = walk->edge;
  if (!walk->begun && is_all) {
    walk->edge = forwards ? COPSE_TREE_ENTER : COPSE_TREE_LEAVE;
    return 0;
  }
  do
    result = edge_next(walk, forwards, node, &edge);
  while (result == 0 && !is_all && edge == COPSE_TREE_LEAVE);
  walk->edge = result == 0 ? edge : walk->edge;
  return result;
}

int copse_tree_walk_next(struct copse_tree_walk *walk, const void **payload) {
  struct dom_node from, node;
  int result = here(walk, &from);
  if (result)
    return result;
  switch (walk->axis) {
  case COPSE_TREE_ANCESTORS: result = follow(walk, &from, COPSE_TREE_PARENT, &node); break;
  case COPSE_TREE_PRECEDING: result = follow(walk, &from, COPSE_TREE_PREVIOUS, &node); break;
  case COPSE_TREE_FOLLOWING: result = follow(walk, &from, COPSE_TREE_NEXT, &node); break;
  case COPSE_TREE_CHILDREN:
    result = follow(walk, &from, walk->begun ? COPSE_TREE_NEXT : COPSE_TREE_FIRST, &node);
    break;
  case COPSE_TREE_CHILDREN_REVERSE:
    result = follow(walk, &from, walk->begun ? COPSE_TREE_PREVIOUS : COPSE_TREE_LAST, &node);
    break;
  default: node = from; result = subtree_next(walk, &node);
  }
  if (result)
    return result;
  const void *found;
  if (payload) {
    result = copse_tree_get(walk->view, walk->tree, &node.handle, &found);
    if (result)
      return result;
    *payload = found;
  }
  walk->begun = 1;
  links_keep(walk, &node);
  return 0;
}
