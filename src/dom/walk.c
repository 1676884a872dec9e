/* dom/walk.c - walks: along siblings and ancestors, and around subtrees.
 *
 * A walk keeps a copy of the links of the node that it is at. In a snapshot they stay; in a transaction the
 * node is looked up again before each step, so that changes of the tree are followed. No walk takes more steps
 * than the tree has edges: what is damaged, or changed all the time, ends in an error. */
#include <string.h>

#include "dom/place.h"

/* Rises with each change that the view shows. */
static uint64_t stamp_of(const struct copse_view *view) {
  return view->moves + (view->txn ? view->txn->puts + view->txn->deletes : 0);
}

static void node_keep(struct copse_tree_walk *walk, const struct dom_place *node) {
  walk->node.index = node->index;
  walk->node.generation = node->generation;
  memcpy(walk->links, node->links, sizeof walk->links);
}

int copse_tree_walk_begin(struct copse_view *view, struct copse_tree *tree,
                          const struct copse_handle *handle, enum copse_tree_axis axis,
                          struct copse_tree_walk *walk) {
  struct arena_cache *cache;
  struct dom_place node;
  if (axis < COPSE_TREE_ANCESTORS || axis > COPSE_TREE_TRAVERSE_REVERSE)
    return error_set(COPSE_E_ARGUMENT, "there is no axis %d", (int)axis);
  int result = view_check(view);
  if (result == 0)
    result = arena_open(view, tree->arena, &cache);
  if (result == 0)
    result = dom_place_get(view, cache, handle, &node);
  if (result)
    return store_fault(view->store, result);
  *walk = (struct copse_tree_walk){.node = *handle,
                                   .axis = axis,
                                   .view = view,
                                   .tree = tree,
                                   .top = handle->index,
                                   .count = cache->arena.count,
                                   .left = 2 * cache->arena.count,
                                   .stamp = stamp_of(view),
                                   .moves = view->moves};
  node_keep(walk, &node);
  return 0;
}

/* The node that the walk is at, as it is now. */
static inline int here(const struct copse_tree_walk *walk, struct arena_cache *cache,
                       struct dom_place *node) {
  struct copse_view *view = walk->view;
  if (view->txn || view->moves != walk->moves)
    return dom_place_get(view, cache, &walk->node, node);
  node->index = (uint32_t)walk->node.index;
  node->generation = walk->node.generation;
  node->links = (const struct dom_place_links *)walk->links;
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

/* There may be more nodes than when it began. */
static int steps_renew(struct copse_tree_walk *walk, const struct arena_cache *cache) {
  uint64_t count = cache->arena.count;
  if (count <= walk->count)
    return astray(walk);
  walk->left = 2 * (count - walk->count);
  walk->count = count;
  return 0;
}

static inline int follow(struct copse_tree_walk *walk, struct arena_cache *cache,
                         const struct dom_place *from, enum copse_tree_link which,
                         struct dom_place *to) {
  int result = dom_place_step(walk->view, cache, from, which, to);
  if (result)
    return result;
  if (__builtin_expect(walk->left == 0, 0)) {
    result = steps_renew(walk, cache);
    if (result)
      return result;
  }
  walk->left--;
  return 0;
}

/* Out of a node into its parent, of which it is the last child, or, backwards, the first. */
static inline int climb(struct copse_tree_walk *walk, struct arena_cache *cache, int forwards,
                        struct dom_place *node) {
  uint32_t link = dom_place_link(node);
  int result = follow(walk, cache, node, COPSE_TREE_PARENT, node);
  if (result)
    return result == COPSE_NONE ? astray(walk) : result;
  return (forwards ? node->links->last : node->links->first) == link
             ? 0
             : dom_link_corrupt(link,
                                "is the end of its siblings, but not its parent's last or first");
}

static inline int descend_next(struct copse_tree_walk *walk, struct arena_cache *cache,
                               struct dom_place *node) {
  int result = follow(walk, cache, node, COPSE_TREE_FIRST, node);
  while (result == COPSE_NONE) {
    if (node->index == walk->top)
      return COPSE_NONE;
    result = follow(walk, cache, node, COPSE_TREE_NEXT, node);
    if (result == COPSE_NONE) {
      result = climb(walk, cache, 1, node);
      result = result == 0 ? COPSE_NONE : result;
    }
  }
  return result;
}

/* The next edge around the subtree: into the first child, else out of the node; from there into the next
 * sibling, else out of the parent. Backwards, all of it is mirrored. */
static inline int traverse_next(struct copse_tree_walk *walk, struct arena_cache *cache,
                                int forwards, struct dom_place *node) {
  uint32_t in = forwards ? COPSE_TREE_ENTER : COPSE_TREE_LEAVE, edge = walk->edge;
  int result;
  if (!walk->begun) {
    walk->edge = in;
    return 0;
  }
  if (edge == in) {
    result = follow(walk, cache, node, forwards ? COPSE_TREE_FIRST : COPSE_TREE_LAST, node);
    edge = result == COPSE_NONE ? !in : in;
    result = result == COPSE_NONE ? 0 : result;
  } else if (node->index == walk->top) {
    return COPSE_NONE;
  } else {
    result = follow(walk, cache, node, forwards ? COPSE_TREE_NEXT : COPSE_TREE_PREVIOUS, node);
    edge = result == COPSE_NONE ? edge : in;
    result = result == COPSE_NONE ? climb(walk, cache, forwards, node) : result;
  }
  if (result == 0)
    walk->edge = edge;
  return result;
}

static int line_next(struct copse_tree_walk *walk, struct arena_cache *cache,
                     struct dom_place *node) {
  enum copse_tree_link which = COPSE_TREE_PARENT;
  switch (walk->axis) {
  case COPSE_TREE_PRECEDING: which = COPSE_TREE_PREVIOUS; break;
  case COPSE_TREE_FOLLOWING: which = COPSE_TREE_NEXT; break;
  case COPSE_TREE_CHILDREN: which = walk->begun ? COPSE_TREE_NEXT : COPSE_TREE_FIRST; break;
  case COPSE_TREE_CHILDREN_REVERSE:
    which = walk->begun ? COPSE_TREE_PREVIOUS : COPSE_TREE_LAST;
    break;
  }
  return follow(walk, cache, node, which, node);
}

static inline int axis_next(struct copse_tree_walk *walk, struct arena_cache *cache,
                            struct dom_place *node) {
  switch (walk->axis) {
  case COPSE_TREE_DESCENDANTS: return descend_next(walk, cache, node);
  case COPSE_TREE_TRAVERSE: return traverse_next(walk, cache, 1, node);
  case COPSE_TREE_TRAVERSE_REVERSE: return traverse_next(walk, cache, 0, node);
  default: return line_next(walk, cache, node);
  }
}

int copse_tree_walk_next(struct copse_tree_walk *walk, const void **payload) {
  struct copse_view *view = walk->view;
  struct arena_cache *cache;
  struct dom_place node;
  int result = view_check(view);
  if (result == 0)
    result = arena_open(view, walk->tree->arena, &cache);
  if (result == 0)
    result = here(walk, cache, &node);
  if (result == 0)
    result = axis_next(walk, cache, &node);
  if (result == 0 && payload && node.links == (const struct dom_place_links *)walk->links)
    result = dom_place_get(view, cache, &walk->node, &node);
  if (result)
    return store_fault(view->store, result);
  if (payload)
    *payload = view_lend(view, (const uint8_t *)(node.links + 1));
  walk->begun = 1;
  if (node.links != (const struct dom_place_links *)walk->links)
    node_keep(walk, &node);
  return 0;
}
