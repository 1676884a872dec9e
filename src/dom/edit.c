/* dom/edit.c - changing trees: nodes made, placed, detached, removed.
 *
 * A change of links first finds the few nodes it concerns and compares each with those that must agree with
 * it. Then all that are to change are made the transaction's own, which may fail; then they are
 * written where they lie, which cannot. Removing what has descendants goes in steps after a savepoint. */
#include "dom/place.h"

/* --- a change of links ----------------------------------------------------------------- */

#define INLINE static inline __attribute__((always_inline))

/* What follows is handed about by value, so that it stays in registers. */
struct edit {
  struct copse_txn *txn;
  struct copse_tree *tree;
  struct arena_cache *cache;
  int result; /* of beginning it */
};

/* A node where it lies. Its links may be written once it is the transaction's own. */
struct spot {
  struct dom_place_links *links;
  uint64_t own;
  uint32_t link;
  int result; /* of looking for it */
};

INLINE struct edit edit_begin(struct copse_txn *txn, struct copse_tree *tree) {
  struct arena_cache *cache = NULL;
  int result = arena_begin(txn, tree->arena, &cache);
  return (struct edit){txn, tree, cache, result};
}

INLINE struct spot spot_make(struct arena_found found, uint32_t link) {
  return (struct spot){(struct dom_place_links *)(uintptr_t)found.record, found.own, link,
                       found.result};
}

/* The node that a handle names. */
INLINE struct spot named(struct edit edit, const struct copse_handle *handle) {
  return spot_make(dom_resolve(&edit.txn->view, edit.cache, handle), (uint32_t)handle->index + 1);
}

/* The node that another one's link leads to. */
INLINE struct spot linked(struct edit edit, uint32_t from, uint32_t link) {
  return spot_make(dom_locate(&edit.txn->view, edit.cache, from, link), link);
}

/* Makes a node the transaction's own. It stays where it is then, whatever else is made its own; others that
 * are not yet may move. */
static int own(struct edit edit, struct spot *spot) {
  uint8_t *record;
  if (spot->own)
    return 0;
  int result = arena_touch_long(edit.txn, edit.tree->arena, (uint64_t)spot->link - 1, &record);
  if (result)
    return result;
  spot->links = (struct dom_place_links *)record;
  spot->own = 1;
  return 0;
}

/* What lies on both sides of a place among siblings: the siblings, and for one that is not there the
 * parent, whose first or last child is to be changed then. */
struct gap {
  struct spot left, right;
  uint32_t previous, next; /* links to the siblings; 0: there is none */
  int result;              /* COPSE_NONE: there is no gap */
};

static int gap_refuse(uint32_t from) {
  return dom_link_corrupt(from, "has siblings or a parent that are not linked back");
}

/* Reads the gap between two siblings; their links to each other are to be `before` and `after`. known: maybe
 * the parent. */
INLINE struct gap gap_read(struct edit edit, uint32_t from, uint32_t parent, uint32_t previous,
                           uint32_t next, uint32_t before, uint32_t after, struct spot known) {
  struct gap gap = {.previous = previous, .next = next};
  if (!previous || !next) {
    gap.left = gap.right = known.link == parent ? known : linked(edit, from, parent);
    gap.result = gap.left.result;
  }
  if (previous)
    gap.left = linked(edit, from, previous);
  if (next)
    gap.right = linked(edit, from, next);
  gap.result = gap.left.result ? gap.left.result : gap.right.result;
  if (__builtin_expect(gap.result, 0))
    return gap;
  const struct dom_place_links *left = gap.left.links, *right = gap.right.links;
  int agrees = previous ? left->next == after && left->parent == parent : left->first == after;
  agrees &= next ? right->previous == before && right->parent == parent : right->last == before;
  if (__builtin_expect(!agrees, 0))
    gap.result = gap_refuse(from);
  return gap;
}

static int gap_own(struct edit edit, struct gap *gap) {
  int result = own(edit, &gap->left);
  return result ? result : own(edit, &gap->right);
}

/* What follows the gap's left side from now on, and what precedes its right side. */
INLINE void gap_write(struct gap gap, uint32_t after, uint32_t before) {
  if (gap.previous)
    gap.left.links->next = after;
  else
    gap.left.links->first = after;
  if (gap.next)
    gap.right.links->previous = before;
  else
    gap.right.links->last = before;
}

static int root_check(struct spot node) {
  return node.links->previous || node.links->next
             ? dom_link_corrupt(node.link, "is a root with siblings")
             : COPSE_NONE;
}

/* The gap that a node fills; none when it is a root. */
INLINE struct gap own_gap(struct edit edit, struct spot node) {
  const struct dom_place_links *links = node.links;
  if (links->parent == 0)
    return (struct gap){.result = root_check(node)};
  return gap_read(edit, node.link, links->parent, links->previous, links->next, node.link,
                  node.link, (struct spot){0});
}

/* --- nodes ----------------------------------------------------------------------------- */

static inline void payload_copy(uint8_t *place, const void *payload, uint32_t size) {
  if (size == 8) /* the compiler knows how */
    memcpy(place, payload, 8);
  else if (size)
    memcpy(place, payload, size);
}

int copse_tree_new(struct copse_txn *txn, struct copse_tree *tree, const void *payload,
                   struct copse_handle *node, void **memory) {
  uint32_t generation;
  uint64_t index;
  uint8_t *record;
  if (!payload && !memory && tree->payload_size)
    return error_set(COPSE_E_ARGUMENT, "the payload is NULL");
  struct edit edit = edit_begin(txn, tree);
  if (edit.result)
    return edit.result;
  int result = arena_take(txn, tree->arena, edit.cache, &index, &generation, &record);
  if (result)
    return result;
  if (__builtin_expect(index >= DOM_INDEX_END, 0)) {
    result = arena_end_live(txn, tree->arena, index);
    return result ? result : error_set(COPSE_E_TOO_MANY, "a tree arena has 2^32 - 1 nodes at most");
  }
  memset(record, 0, COPSE_TREE_LINKS);
  if (payload)
    payload_copy(record + COPSE_TREE_LINKS, payload, tree->payload_size);
  else if (memory)
    *memory = record + COPSE_TREE_LINKS;
  *node = (struct copse_handle){edit.cache->tag, index, generation, 0};
  return 0;
}

int copse_tree_update(struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *node, const void *payload, void **memory) {
  if (!payload && !memory)
    return error_set(COPSE_E_ARGUMENT, "the payload is NULL");
  struct edit edit = edit_begin(txn, tree);
  if (edit.result)
    return edit.result;
  struct spot spot = named(edit, node);
  int result = spot.result ? spot.result : own(edit, &spot);
  if (result)
    return result;
  txn->puts++;
  uint8_t *place = (uint8_t *)(spot.links + 1);
  if (payload)
    payload_copy(place, payload, tree->payload_size);
  else
    *memory = place;
  return 0;
}

/* --- places ---------------------------------------------------------------------------- */

static int cycle_refuse(uint32_t node, uint32_t at) {
  return error_set(COPSE_E_CYCLE, "node %llu cannot be put at node %llu, which is %s",
                   (unsigned long long)node - 1, (unsigned long long)at - 1,
                   node == at ? "itself" : "below it");
}

/* CYCLE when a node that has children is `at`, or above it. */
static int above_check_long(struct edit edit, struct spot node, struct spot at) {
  uint64_t left = edit.cache->arena.count;
  struct spot from = at;
  while (from.links->parent) {
    struct spot up = linked(edit, from.link, from.links->parent);
    if (up.result)
      return up.result;
    if (!up.links->first || !up.links->last)
      return dom_stray(from.link);
    if (up.link == node.link)
      return cycle_refuse(node.link, at.link);
    if (left-- == 0)
      return dom_link_corrupt(at.link, "has ancestors in a circle");
    from = up;
  }
  return 0;
}

INLINE int above_check(struct edit edit, struct spot node, struct spot at) {
  if (node.link == at.link)
    return cycle_refuse(node.link, at.link);
  return node.links->first ? above_check_long(edit, node, at) : 0;
}

/* Where a node is to be. */
struct target {
  uint32_t parent, previous, next;
};

INLINE void put_write(struct spot node, struct gap from, struct gap to, struct target target) {
  struct dom_place_links *links = node.links;
  if (from.result == 0)
    gap_write(from, links->next, links->previous);
  gap_write(to, node.link, node.link);
  links->parent = target.parent;
  links->previous = target.previous;
  links->next = target.next;
}

/* Of nodes that are not all the transaction's own. */
static __attribute__((noinline)) int put_long(struct edit edit, struct spot node, struct gap from,
                                              struct gap to, struct target target) {
  int result = own(edit, &node);
  if (result == 0 && from.result == 0)
    result = gap_own(edit, &from);
  if (result == 0)
    result = gap_own(edit, &to);
  if (result == 0)
    put_write(node, from, to, target);
  return result;
}

/* Of a node that is one of the siblings between which it is to be put. */
static int put_stays(struct spot node, struct target target) {
  const struct dom_place_links *links = node.links;
  int agrees = links->parent == target.parent &&
               (target.previous == node.link ? links->next == target.next
                                             : links->previous == target.previous);
  return agrees ? 0 : gap_refuse(node.link);
}

/* Puts a node between two siblings. at: the parent or one of the siblings. */
INLINE int put(struct edit edit, struct spot node, struct spot at, struct target target) {
  struct gap from = own_gap(edit, node);
  if (__builtin_expect(from.result < 0, 0))
    return from.result;
  if (target.previous == node.link || target.next == node.link)
    return put_stays(node, target);
  struct gap to = gap_read(edit, at.link, target.parent, target.previous, target.next,
                           target.previous, target.next, at);
  if (__builtin_expect(to.result, 0))
    return to.result;
  edit.txn->puts++;
  uint64_t all_own = node.own & to.left.own & to.right.own;
  if (from.result == 0)
    all_own &= from.left.own & from.right.own;
  if (__builtin_expect(!all_own, 0))
    return put_long(edit, node, from, to, target);
  put_write(node, from, to, target);
  return 0;
}

INLINE int put_child(struct copse_txn *txn, struct copse_tree *tree,
                     const struct copse_handle *above, const struct copse_handle *handle,
                     int at_end) {
  struct edit edit = edit_begin(txn, tree);
  if (edit.result)
    return edit.result;
  struct spot node = named(edit, handle);
  if (node.result)
    return node.result;
  struct spot parent = named(edit, above);
  int result = parent.result ? parent.result : above_check(edit, node, parent);
  if (result)
    return result;
  struct target target = {.parent = parent.link,
                          .previous = at_end ? parent.links->last : 0,
                          .next = at_end ? 0 : parent.links->first};
  return put(edit, node, parent, target);
}

static int put_sibling(struct copse_txn *txn, struct copse_tree *tree,
                       const struct copse_handle *beside, const struct copse_handle *handle,
                       int after) {
  struct edit edit = edit_begin(txn, tree);
  if (edit.result)
    return edit.result;
  struct spot node = named(edit, handle);
  if (node.result)
    return node.result;
  struct spot sibling = named(edit, beside);
  if (sibling.result)
    return sibling.result;
  if (node.link == sibling.link)
    return cycle_refuse(node.link, node.link);
  const struct dom_place_links *links = sibling.links;
  if (links->parent == 0)
    return error_set(COPSE_E_ROOT, "node %llu is a root: node %llu cannot be its sibling",
                     (unsigned long long)beside->index, (unsigned long long)handle->index);
  int result = above_check(edit, node, sibling);
  if (result)
    return result;
  struct target target = {.parent = links->parent,
                          .previous = after ? sibling.link : links->previous,
                          .next = after ? links->next : sibling.link};
  return put(edit, node, sibling, target);
}

int copse_tree_append(struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *parent, const struct copse_handle *node) {
  return put_child(txn, tree, parent, node, 1);
}

int copse_tree_prepend(struct copse_txn *txn, struct copse_tree *tree,
                       const struct copse_handle *parent, const struct copse_handle *node) {
  return put_child(txn, tree, parent, node, 0);
}

int copse_tree_insert_before(struct copse_txn *txn, struct copse_tree *tree,
                             const struct copse_handle *sibling, const struct copse_handle *node) {
  return put_sibling(txn, tree, sibling, node, 0);
}

int copse_tree_insert_after(struct copse_txn *txn, struct copse_tree *tree,
                            const struct copse_handle *sibling, const struct copse_handle *node) {
  return put_sibling(txn, tree, sibling, node, 1);
}

INLINE void detach_write(struct spot node, struct gap gap) {
  struct dom_place_links *links = node.links;
  gap_write(gap, links->next, links->previous);
  links->parent = links->previous = links->next = 0;
}

static __attribute__((noinline)) int detach_long(struct edit edit, struct spot node,
                                                 struct gap gap) {
  int result = own(edit, &node);
  if (result == 0)
    result = gap_own(edit, &gap);
  if (result == 0)
    detach_write(node, gap);
  return result;
}

int copse_tree_detach(struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *handle) {
  struct edit edit = edit_begin(txn, tree);
  if (edit.result)
    return edit.result;
  struct spot node = named(edit, handle);
  if (node.result)
    return node.result;
  struct gap gap = own_gap(edit, node);
  if (__builtin_expect(gap.result, 0))
    return gap.result == COPSE_NONE ? 0 : gap.result;
  txn->puts++;
  if (__builtin_expect(!(node.own & gap.left.own & gap.right.own), 0))
    return detach_long(edit, node, gap);
  detach_write(node, gap);
  return 0;
}

/* --- removing -------------------------------------------------------------------------- */

/* Makes all children of a node the transaction's own. */
static int children_own(struct edit edit, uint32_t parent, const struct dom_place_links *links) {
  uint64_t left = edit.cache->arena.count;
  uint32_t previous = 0;
  for (uint32_t link = links->first; link;) {
    struct spot child = linked(edit, previous ? previous : parent, link);
    if (child.result)
      return child.result;
    if (child.links->parent != parent || child.links->previous != previous)
      return dom_stray(previous ? previous : parent);
    if (left-- == 0)
      return dom_link_corrupt(parent, "has children in a circle");
    int result = own(edit, &child);
    if (result)
      return result;
    previous = link;
    link = child.links->next;
  }
  return links->last == previous
             ? 0
             : dom_link_corrupt(parent, "has another last child than its children say");
}

/* Gives the children of a node, which are the transaction's own, a new parent (0: each is a root), between
 * two siblings. Only what others do to the store meanwhile can make it fail. */
static int children_move(struct edit edit, uint32_t parent, const struct dom_place_links *before) {
  uint32_t above = before->parent, link = before->first;
  while (link) {
    struct spot child = linked(edit, parent, link);
    int result = child.result ? child.result : own(edit, &child);
    if (result)
      return result;
    struct dom_place_links *links = child.links;
    if (links->parent != parent)
      return dom_link_corrupt(parent, "has children of others");
    link = links->next;
    if (above == 0)
      links->previous = links->next = 0;
    else if (links->previous == 0)
      links->previous = before->previous;
    if (above && link == 0)
      links->next = before->next;
    links->parent = above;
  }
  return 0;
}

int copse_tree_remove(struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *handle) {
  struct edit edit = edit_begin(txn, tree);
  if (edit.result)
    return edit.result;
  struct spot node = named(edit, handle);
  if (node.result)
    return node.result;
  const struct dom_place_links before = *node.links;
  struct gap gap = own_gap(edit, node);
  int is_root = gap.result == COPSE_NONE, result = is_root ? 0 : gap.result;
  if (result == 0)
    result = children_own(edit, node.link, &before);
  if (result == 0 && !is_root) { /* anew: children that were made its own may have moved others */
    gap = own_gap(edit, node);
    result = gap.result ? gap.result : gap_own(edit, &gap);
  }
  if (result == 0)
    result = arena_end_live(txn, tree->arena, handle->index);
  if (result)
    return result;
  txn->puts++;
  if (!is_root)
    gap_write(gap, before.first ? before.first : before.next,
              before.first ? before.last : before.previous);
  return children_move(edit, node.link, &before);
}

/* Removes a root and what is below it, children before their parents. */
static int below_remove(struct copse_txn *txn, struct copse_tree *tree,
                        const struct copse_handle *root, uint64_t *removed) {
  struct copse_view *view = &txn->view;
  struct arena_cache *cache;
  struct dom_place node, next;
  uint32_t first = 0;
  int result = arena_begin(txn, tree->arena, &cache);
  if (result == 0)
    result = dom_place_get(view, cache, root, &node);
  uint64_t left = result ? 0 : cache->arena.count;
  first = result ? 0 : node.links->first;
  while (result == 0) {
    while (first) {
      result = dom_place_step(view, cache, &node, COPSE_TREE_FIRST, &next);
      if (result)
        return result;
      if (left-- == 0)
        return dom_link_corrupt(dom_place_link(&node), "is below itself");
      node = next;
      first = node.links->first;
    }
    int is_last = node.index == root->index;
    if (!is_last) {
      result = dom_place_step(view, cache, &node, COPSE_TREE_NEXT, &next);
      first = result ? 0 : next.links->first; /* all children of the parent are gone */
      if (result == COPSE_NONE) {
        result = dom_place_step(view, cache, &node, COPSE_TREE_PARENT, &next);
        if (result == 0 && next.links->last != dom_place_link(&node))
          result = dom_link_corrupt(dom_place_link(&node),
                                    "is the end of its siblings, but not its parent's last");
      }
      if (result)
        return result == COPSE_NONE ? dom_link_corrupt(dom_place_link(&node), "has lost its parent")
                                    : result;
    }
    result = arena_end_live(txn, tree->arena, node.index);
    if (result == 0)
      ++*removed;
    if (is_last)
      break;
    node = next;
  }
  return result;
}

int copse_tree_remove_subtree(struct copse_txn *txn, struct copse_tree *tree,
                              const struct copse_handle *handle, uint64_t *removed) {
  struct edit edit = edit_begin(txn, tree);
  uint64_t count = 1;
  int result;
  if (edit.result)
    return edit.result;
  struct spot node = named(edit, handle);
  if (node.result)
    return node.result;
  if (node.links->first == 0) {
    result = copse_tree_remove(txn, tree, handle);
  } else {
    count = 0;
    result = txn_savepoint(txn);
    if (result)
      return result;
    result = copse_tree_detach(txn, tree, handle);
    if (result == 0)
      result = below_remove(txn, tree, handle, &count);
    int undone = result ? copse_savepoint_rollback(txn) : 0;
    int released = copse_savepoint_release(txn);
    result = undone ? undone : result ? result : released;
  }
  if (result == 0 && removed)
    *removed = count;
  return result;
}
