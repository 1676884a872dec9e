/* dom/edit.c - changing trees: nodes made, placed, detached, removed.
 *
 * A change of links is worked out on copies of the few nodes it concerns, each compared with those that
 * must agree with it. Then all that are to change are made the transaction's own, which may fail; then
 * they are written, which cannot. Removing what has descendants goes in steps after a savepoint. */
#include <string.h>

#include "dom/node.h"
#include "store/store.h"

/* --- a change of links ----------------------------------------------------------------- */

/* A node, and the parent and siblings of its old and its new place. */
enum { NODES_MAX = 7 };

struct edit {
  struct copse_txn *txn;
  struct copse_tree *tree;
  struct dom_node nodes[NODES_MAX];
  uint8_t *places[NODES_MAX];
  uint8_t changes[NODES_MAX];
  unsigned count;
};

static struct copse_view *view_of(const struct edit *edit) { return &edit->txn->view; }

static void change_note(struct edit *edit, const struct dom_node *node) {
  edit->changes[node - edit->nodes] = 1;
}

/* Takes in a node that a handle names. */
static int named(struct edit *edit, const struct copse_handle *handle, struct dom_node **out) {
  struct dom_node *node = &edit->nodes[edit->count];
  int result = dom_get(view_of(edit), edit->tree, handle, node);
  if (result)
    return result;
  edit->count++;
  *out = node;
  return 0;
}

/* The same for one that another is linked to, once for all. */
static int linked(struct edit *edit, const struct dom_node *from, uint32_t link,
                  struct dom_node **out) {
  for (unsigned i = 0; i < edit->count; i++)
    if (dom_link(&edit->nodes[i]) == link) {
      *out = &edit->nodes[i];
      return 0;
    }
  struct dom_node *node = &edit->nodes[edit->count];
  int result = dom_at(view_of(edit), edit->tree, from, link, node);
  if (result)
    return result;
  edit->count++;
  *out = node;
  return 0;
}

/* What lies on both sides of a place among siblings. A sibling that is not there leaves the parent's
 * first or last child to be changed; a parent that is not there has nothing. */
struct gap {
  struct dom_node *parent, *previous, *next; /* the parent: only where it is needed */
  uint32_t parent_link;
};

/* Reads the gap between two siblings; their links to each other are to be `before` and `after`. */
static int gap_read(struct edit *edit, const struct dom_node *from, uint32_t parent,
                    uint32_t previous, uint32_t next, uint32_t before, uint32_t after,
                    struct gap *gap) {
  int result = 0;
  *gap = (struct gap){.parent_link = parent};
  if (previous)
    result = linked(edit, from, previous, &gap->previous);
  if (result == 0 && next)
    result = linked(edit, from, next, &gap->next);
  if (result == 0 && (!previous || !next))
    result = linked(edit, from, parent, &gap->parent);
  if (result)
    return result;
  const struct dom_links *left = gap->previous ? &gap->previous->links : NULL;
  const struct dom_links *right = gap->next ? &gap->next->links : NULL;
  int agrees =
      left ? left->next == after && left->parent == parent : gap->parent->links.first == after;
  agrees &= right ? right->previous == before && right->parent == parent
                  : gap->parent->links.last == before;
  return agrees ? 0 : dom_corrupt(from, "has siblings or a parent that are not linked back");
}

/* What follows the gap's left side from now on, and what precedes its right side. */
static void gap_write(struct edit *edit, const struct gap *gap, uint32_t after, uint32_t before) {
  if (gap->previous) {
    gap->previous->links.next = after;
    change_note(edit, gap->previous);
  } else {
    gap->parent->links.first = after;
    change_note(edit, gap->parent);
  }
  if (gap->next) {
    gap->next->links.previous = before;
    change_note(edit, gap->next);
  } else {
    gap->parent->links.last = before;
    change_note(edit, gap->parent);
  }
}

/* The gap that a node fills; it has a parent. */
static int own_gap(struct edit *edit, const struct dom_node *node, struct gap *gap) {
  const struct dom_links *links = &node->links;
  uint32_t me = dom_link(node);
  return gap_read(edit, node, links->parent, links->previous, links->next, me, me, gap);
}

/* Takes a node out of its place. */
static int unlink_node(struct edit *edit, struct dom_node *node) {
  struct dom_links *links = &node->links;
  struct gap gap;
  if (links->parent == 0)
    return links->previous || links->next ? dom_corrupt(node, "is a root with siblings") : 0;
  int result = own_gap(edit, node, &gap);
  if (result)
    return result;
  gap_write(edit, &gap, links->next, links->previous);
  links->parent = links->previous = links->next = 0;
  change_note(edit, node);
  return 0;
}

static int link_node(struct edit *edit, struct dom_node *node, const struct dom_node *from,
                     uint32_t parent, uint32_t previous, uint32_t next) {
  struct gap gap;
  int result = gap_read(edit, from, parent, previous, next, previous, next, &gap);
  if (result)
    return result;
  gap_write(edit, &gap, dom_link(node), dom_link(node));
  node->links.parent = parent;
  node->links.previous = previous;
  node->links.next = next;
  change_note(edit, node);
  return 0;
}

/* Makes the nodes that change the transaction's own. Their places stay, whatever else is made
 * its own afterwards. */
static int edit_touch(struct edit *edit) {
  for (unsigned i = 0; i < edit->count; i++)
    if (edit->changes[i]) {
      void *place;
      int result =
          copse_arena_update(edit->txn, edit->tree->arena, &edit->nodes[i].handle, NULL, &place);
      if (result)
        return result;
      edit->places[i] = place;
    }
  return 0;
}

static void edit_write(const struct edit *edit) {
  for (unsigned i = 0; i < edit->count; i++)
    if (edit->changes[i])
      memcpy(edit->places[i], &edit->nodes[i].links, sizeof edit->nodes[i].links);
}

static int edit_apply(struct edit *edit) {
  int result = edit_touch(edit);
  if (result == 0)
    edit_write(edit);
  return result;
}

static int edit_begin(struct edit *edit, struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *handle, struct dom_node **node) {
  int result = txn_check(txn);
  if (result)
    return result;
  edit->txn = txn;
  edit->tree = tree;
  edit->count = 0;
  memset(edit->changes, 0, sizeof edit->changes);
  return named(edit, handle, node);
}

/* --- nodes ----------------------------------------------------------------------------- */

int copse_tree_new(struct copse_txn *txn, struct copse_tree *tree, const void *payload,
                   struct copse_handle *node, void **memory) {
  struct copse_handle made;
  void *record;
  if (!payload && !memory && tree->payload_size)
    return error_set(COPSE_E_ARGUMENT, "the payload is NULL");
  int result = copse_arena_insert(txn, tree->arena, NULL, &made, &record);
  if (result)
    return result;
  if (made.index >= DOM_INDEX_END) {
    result = copse_arena_remove(txn, tree->arena, &made);
    return result ? result : error_set(COPSE_E_TOO_MANY, "a tree arena has 2^32 - 1 nodes at most");
  }
  memset(record, 0, COPSE_TREE_LINKS);
  uint8_t *place = (uint8_t *)record + COPSE_TREE_LINKS;
  if (payload)
    memcpy(place, payload, tree->payload_size);
  else if (memory)
    *memory = place;
  *node = made;
  return 0;
}

int copse_tree_update(struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *node, const void *payload, void **memory) {
  void *record;
  if (!payload && !memory)
    return error_set(COPSE_E_ARGUMENT, "the payload is NULL");
  int result = copse_arena_update(txn, tree->arena, node, NULL, &record);
  if (result)
    return result;
  uint8_t *place = (uint8_t *)record + COPSE_TREE_LINKS;
  if (payload)
    memcpy(place, payload, tree->payload_size);
  else
    *memory = place;
  return 0;
}

/* --- places ---------------------------------------------------------------------------- */

static int cycle_refuse(const struct dom_node *node, const struct dom_node *at) {
  return error_set(COPSE_E_CYCLE, "node %llu cannot be put at node %llu, which is %s",
                   (unsigned long long)node->handle.index, (unsigned long long)at->handle.index,
                   dom_link(node) == dom_link(at) ? "itself" : "below it");
}

/* CYCLE when a node is `at`, or above it. */
static int above_check(struct edit *edit, const struct dom_node *node, const struct dom_node *at) {
  struct dom_node from = *at, up;
  uint64_t left;
  int result = 0;
  if (dom_link(node) == dom_link(at))
    return cycle_refuse(node, at);
  if (node->links.first == 0) /* nothing is below it */
    return 0;
  result = copse_arena_count(view_of(edit), edit->tree->arena, &left);
  while (result == 0 &&
         (result = dom_step(view_of(edit), edit->tree, &from, COPSE_TREE_PARENT, &up)) == 0) {
    if (dom_link(&up) == dom_link(node))
      return cycle_refuse(node, at);
    if (left-- == 0)
      return dom_corrupt(at, "has ancestors in a circle");
    from = up;
  }
  return result == COPSE_NONE ? 0 : result;
}

static int put_child(struct copse_txn *txn, struct copse_tree *tree,
                     const struct copse_handle *above, const struct copse_handle *handle,
                     int at_end) {
  struct dom_node *node, *parent;
  struct edit edit;
  int result = edit_begin(&edit, txn, tree, handle, &node);
  if (result)
    return result;
  if (above->arena == handle->arena && above->index == handle->index &&
      above->generation == handle->generation)
    return cycle_refuse(node, node);
  result = named(&edit, above, &parent);
  if (result == 0)
    result = above_check(&edit, node, parent);
  if (result == 0)
    result = unlink_node(&edit, node);
  if (result)
    return result;
  const struct dom_links *links = &parent->links;
  result = link_node(&edit, node, parent, dom_link(parent), at_end ? links->last : 0,
                     at_end ? 0 : links->first);
  return result ? result : edit_apply(&edit);
}

static int put_sibling(struct copse_txn *txn, struct copse_tree *tree,
                       const struct copse_handle *beside, const struct copse_handle *handle,
                       int after) {
  struct dom_node *node, *sibling;
  struct edit edit;
  int result = edit_begin(&edit, txn, tree, handle, &node);
  if (result)
    return result;
  if (beside->arena == handle->arena && beside->index == handle->index &&
      beside->generation == handle->generation)
    return cycle_refuse(node, node);
  result = named(&edit, beside, &sibling);
  if (result)
    return result;
  if (sibling->links.parent == 0)
    return error_set(COPSE_E_ROOT, "node %llu is a root: node %llu cannot be its sibling",
                     (unsigned long long)beside->index, (unsigned long long)handle->index);
  result = above_check(&edit, node, sibling);
  if (result == 0)
    result = unlink_node(&edit, node);
  if (result)
    return result;
  const struct dom_links *links = &sibling->links;
  result =
      link_node(&edit, node, sibling, links->parent, after ? dom_link(sibling) : links->previous,
                after ? links->next : dom_link(sibling));
  return result ? result : edit_apply(&edit);
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

int copse_tree_detach(struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *handle) {
  struct dom_node *node;
  struct edit edit;
  int result = edit_begin(&edit, txn, tree, handle, &node);
  if (result == 0)
    result = unlink_node(&edit, node);
  return result ? result : edit_apply(&edit);
}

/* --- removing -------------------------------------------------------------------------- */

/* Ends a node that the edit has taken out of its place. */
static int removed_apply(struct edit *edit, struct dom_node *node) {
  edit->changes[node - edit->nodes] = 0;
  int result = edit_touch(edit);
  if (result == 0)
    result = copse_arena_remove(edit->txn, edit->tree->arena, &node->handle);
  if (result == 0)
    edit_write(edit);
  return result;
}

/* Makes all children of a node the transaction's own. */
static int children_touch(struct edit *edit, const struct dom_node *parent) {
  struct dom_node from = *parent, child;
  enum copse_tree_link which = COPSE_TREE_FIRST;
  uint64_t left;
  void *place;
  int result = copse_arena_count(view_of(edit), edit->tree->arena, &left);
  while (result == 0 && (result = dom_step(view_of(edit), edit->tree, &from, which, &child)) == 0) {
    if (left-- == 0)
      return dom_corrupt(parent, "has children in a circle");
    result = copse_arena_update(edit->txn, edit->tree->arena, &child.handle, NULL, &place);
    which = COPSE_TREE_NEXT;
    from = child;
  }
  if (result != COPSE_NONE)
    return result;
  return parent->links.last == dom_link(&from)
             ? 0
             : dom_corrupt(parent, "has another last child than its children say");
}

/* Gives the children of a node, which are the transaction's own, a new parent (0: each is a root), between
 * two siblings. Only what others do to the store meanwhile can make it fail. */
static int children_move(struct edit *edit, const struct dom_node *parent, uint32_t above,
                         uint32_t previous, uint32_t next) {
  uint32_t link = parent->links.first;
  while (link) {
    struct dom_node child;
    void *place;
    int result = dom_at(view_of(edit), edit->tree, parent, link, &child);
    if (result == 0)
      result = copse_arena_update(edit->txn, edit->tree->arena, &child.handle, NULL, &place);
    if (result)
      return result;
    struct dom_links *links = &child.links;
    link = links->next;
    if (links->parent != dom_link(parent))
      return dom_corrupt(parent, "has children of others");
    if (above == 0)
      links->previous = links->next = 0;
    else if (links->previous == 0)
      links->previous = previous;
    if (above && link == 0)
      links->next = next;
    links->parent = above;
    memcpy(place, links, sizeof *links);
  }
  return 0;
}

int copse_tree_remove(struct copse_txn *txn, struct copse_tree *tree,
                      const struct copse_handle *handle) {
  struct dom_node *node;
  struct edit edit;
  int result = edit_begin(&edit, txn, tree, handle, &node);
  if (result)
    return result;
  struct dom_node before = *node;
  if (before.links.first)
    result = children_touch(&edit, &before);
  if (result == 0 && before.links.first && before.links.parent) {
    struct gap gap;
    result = own_gap(&edit, node, &gap);
    if (result == 0)
      gap_write(&edit, &gap, before.links.first, before.links.last);
  } else if (result == 0) {
    result = unlink_node(&edit, node);
  }
  if (result == 0)
    result = removed_apply(&edit, node);
  return result ? result
                : children_move(&edit, &before, before.links.parent, before.links.previous,
                                before.links.next);
}

/* Removes a root and what is below it, children before their parents. */
static int below_remove(struct copse_txn *txn, struct copse_tree *tree, const struct dom_node *root,
                        uint64_t *removed) {
  struct copse_view *view = &txn->view;
  struct dom_node node = *root, next;
  uint64_t left;
  int result = copse_arena_count(view, tree->arena, &left);
  while (result == 0) {
    while (node.links.first) {
      result = dom_step(view, tree, &node, COPSE_TREE_FIRST, &next);
      if (result)
        return result;
      if (left-- == 0)
        return dom_corrupt(&node, "is below itself");
      node = next;
    }
    int is_last = node.handle.index == root->handle.index;
    if (!is_last) {
      result = dom_step(view, tree, &node, COPSE_TREE_NEXT, &next);
      if (result == COPSE_NONE) {
        result = dom_step(view, tree, &node, COPSE_TREE_PARENT, &next);
        if (result == 0 && next.links.last != dom_link(&node))
          result = dom_corrupt(&node, "is the end of its siblings, but not its parent's last");
        next.links.first = 0;
      }
      if (result)
        return result == COPSE_NONE ? dom_corrupt(&node, "has lost its parent") : result;
    }
    result = copse_arena_remove(txn, tree->arena, &node.handle);
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
  struct dom_node *node;
  struct edit edit;
  uint64_t count = 0;
  int result = edit_begin(&edit, txn, tree, handle, &node);
  if (result == 0)
    result = unlink_node(&edit, node);
  if (result)
    return result;
  if (node->links.first == 0) {
    count = 1;
    result = removed_apply(&edit, node);
  } else {
    result = txn_savepoint(txn);
    if (result)
      return result;
    result = edit_apply(&edit);
    if (result == 0)
      result = below_remove(txn, tree, node, &count);
    int undone = result ? copse_savepoint_rollback(txn) : 0;
    int released = copse_savepoint_release(txn);
    result = undone ? undone : result ? result : released;
  }
  if (result == 0 && removed)
    *removed = count;
  return result;
}
