/* dom/clone.c - copies of nodes, within a document or from another one. */
#include "dom/change.h"

#include <stdlib.h>

#include "store/arena.h"
#include "store/store.h"

struct clone {
  struct copse_txn *txn;
  struct copse_document *to;
  struct copse_view *view; /* of what is copied */
  struct copse_document *from;
};

/* --- one node -------------------------------------------------------------------------- */

/* The number that a name has where the copy is. */
static int name_translate(struct clone *clone, uint32_t *number) {
  struct dom_name name;
  if (*number < DOM_NAMES_OWN)
    return 0;
  int result = dom_name_get(clone->view, clone->from, *number, &name);
  return result ? result : dom_name_intern(clone->txn, clone->to, &name, number);
}

/* The attributes of a block, which is no store's memory. */
static int attributes_list(struct dom_attributes *walk, struct dom_attribute **list,
                           uint32_t *count) {
  struct dom_attribute attribute;
  int result;
  *list = malloc(((size_t)walk->count + 1) * sizeof **list);
  *count = 0;
  if (!*list)
    return error_set(COPSE_E_MEMORY, "no memory for %u attributes", walk->count);
  while ((result = dom_attributes_next(walk, &attribute)) == 0)
    if (attribute.name > DOM_NAME_FIRST)
      (*list)[(*count)++] = attribute;
  if (result != COPSE_NONE)
    free(*list);
  return result == COPSE_NONE ? 0 : dom_attributes_damaged();
}

static int attributes_clone(struct clone *clone, const struct dom_item *item,
                            const struct copse_handle *copy) {
  struct dom_attributes walk;
  struct dom_attribute *list;
  struct dom_buffer block;
  struct dom_item to;
  uint32_t count, size;
  int result = dom_string_size(clone->view, clone->from, &item->data, &size);
  if (result == 0)
    result = dom_attributes(clone->view, clone->from, &item->data, &walk);
  if (result || size == 0)
    return result;
  result = dom_buffer_make(&block, size);
  if (result)
    return result;
  memcpy(block.bytes, walk.block, size);
  result = dom_attributes_begin(&walk, block.bytes, size) ? dom_attributes_damaged() : 0;
  if (result == 0)
    result = attributes_list(&walk, &list, &count);
  if (result == 0) {
    for (uint32_t i = 0; i < count && result == 0; i++)
      result = name_translate(clone, &list[i].name);
    if (result == 0)
      result = dom_item_get(copse_txn_view(clone->txn), clone->to, copy, &to);
    if (result == 0 && count)
      result = dom_attributes_copy(clone->txn, clone->to, &to, list, count);
    free(list);
  }
  dom_buffer_free(&block);
  return result;
}

static int element_clone(struct clone *clone, struct dom_item *item, struct copse_handle *copy) {
  uint32_t name = item->data.name;
  int result = name_translate(clone, &name);
  if (result == 0)
    result = dom_element_make(clone->txn, clone->to, name, copy);
  if (result == 0) /* its place in the heap may be another one now */
    result = dom_item_get(clone->view, clone->from, &item->node.handle, item);
  return result ? result : attributes_clone(clone, item, copy);
}

static int node_clone(struct clone *clone, const struct copse_handle *node, struct dom_item *item,
                      struct copse_handle *copy) {
  struct copse_bytes strings[3];
  int result = dom_item_get(clone->view, clone->from, node, item);
  if (result)
    return result;
  uint32_t name = 0;
  switch (item->data.kind) {
  case COPSE_NODE_ELEMENT: return element_clone(clone, item, copy);
  case COPSE_NODE_DOCTYPE:
    result = dom_doctype(clone->view, clone->from, &item->data, strings);
    return result ? result : dom_doctype_make(clone->txn, clone->to, strings, copy);
  case COPSE_NODE_DOCUMENT:
  case COPSE_NODE_FRAGMENT: return copse_fragment_new(clone->txn, clone->to, copy);
  case COPSE_NODE_INSTRUCTION:
    name = item->data.name;
    result = name_translate(clone, &name);
    break;
  default: break;
  }
  if (result == 0)
    result = dom_text(clone->view, clone->from, &item->data, &strings[0]);
  return result ? result
                : dom_text_make(clone->txn, clone->to, (enum copse_node_kind)item->data.kind, name,
                                strings[0].data, strings[0].size, copy);
}

/* --- what is below it ------------------------------------------------------------------ */

/* Where the walk is, and where its copy is: just come to a node, done with its children, with its contents too. */
enum phase { ENTERED, BELOW_DONE, ALL_DONE };

struct at {
  struct dom_item item;
  struct copse_handle copy;
  enum phase phase;
};

static int copy_step(struct clone *clone, const struct copse_handle *copy,
                     int (*step)(struct copse_view *view, const struct copse_document *document,
                                 const struct dom_item *from, struct dom_item *to),
                     struct copse_handle *found) {
  struct dom_item from, to;
  struct copse_view *view = copse_txn_view(clone->txn);
  int result = dom_item_get(view, clone->to, copy, &from);
  if (result == 0)
    result = step(view, clone->to, &from, &to);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_CORRUPT, "a copy is not in its place");
  if (result == 0)
    *found = to.node.handle;
  return result;
}

static int parent_of(struct copse_view *view, const struct copse_document *document,
                     const struct dom_item *from, struct dom_item *to) {
  return dom_item_step(view, document, from, COPSE_TREE_PARENT, to);
}

/* Goes to a child of the node whose copy is `above`, and copies it. */
static int child_clone(struct clone *clone, struct at *at, const struct dom_item *child,
                       const struct copse_handle *above) {
  struct copse_handle copy;
  int result = node_clone(clone, &child->node.handle, &at->item, &copy);
  if (result == 0)
    result = copse_tree_append(clone->txn, clone->to->tree, above, &copy);
  at->copy = copy;
  at->phase = ENTERED;
  return result;
}

/* COPSE_NONE: all is copied. */
static int clone_step(struct clone *clone, struct at *at, uint64_t top) {
  struct copse_handle up;
  struct dom_item next;
  int result = COPSE_NONE;
  if (at->phase == ENTERED) {
    result = dom_item_step(clone->view, clone->from, &at->item, COPSE_TREE_FIRST, &next);
    at->phase = BELOW_DONE;
    return result == 0 ? child_clone(clone, at, &next, &at->copy) : result < 0 ? result : 0;
  }
  if (at->phase == BELOW_DONE) {
    result = dom_item_get(clone->view, clone->from, &at->item.node.handle, &at->item);
    if (result == 0)
      result = dom_item_contents(clone->view, clone->from, &at->item, &next);
    at->phase = result == 0 ? ENTERED : ALL_DONE;
    if (result)
      return result < 0 ? result : 0;
    at->item = next;
    return copy_step(clone, &at->copy, dom_item_contents, &at->copy);
  }
  if (at->item.node.handle.index == top)
    return COPSE_NONE;
  result = dom_item_step(clone->view, clone->from, &at->item, COPSE_TREE_NEXT, &next);
  if (result == 0) {
    result = copy_step(clone, &at->copy, parent_of, &up);
    return result ? result : child_clone(clone, at, &next, &up);
  }
  if (result == COPSE_NONE)
    result = dom_item_step(clone->view, clone->from, &at->item, COPSE_TREE_PARENT, &next);
  at->phase = BELOW_DONE;
  if (result == 0) {
    at->item = next;
    return copy_step(clone, &at->copy, parent_of, &at->copy);
  }
  if (result == COPSE_NONE)
    result = dom_item_host(clone->view, clone->from, &at->item, &next);
  if (result)
    return result == COPSE_NONE ? dom_corrupt(&at->item.node, "has lost its parent") : result;
  at->phase = ALL_DONE;
  at->item = next;
  return copy_step(clone, &at->copy, dom_item_host, &at->copy);
}

static int all_clone(struct clone *clone, const struct copse_handle *node, int deep,
                     struct copse_handle *copy) {
  uint64_t left;
  struct at at = {.phase = ENTERED};
  int result = copse_tree_count(clone->view, clone->from->tree, &left);
  if (result == 0)
    result = node_clone(clone, node, &at.item, copy);
  at.copy = *copy;
  left = 4 * left + 4;
  while (result == 0 && deep) {
    if (left-- == 0)
      return dom_corrupt(&at.item.node, "is below itself");
    result = clone_step(clone, &at, node->index);
  }
  return result == COPSE_NONE ? 0 : result;
}

int copse_node_clone(struct copse_txn *txn, struct copse_document *document,
                     struct copse_view *from_view, struct copse_document *from,
                     const struct copse_handle *node, int deep, struct copse_handle *copy) {
  struct clone clone = {txn, document, from_view, from};
  struct copse_handle made = {0};
  int result = txn_check(txn);
  if (result == 0)
    result = txn_savepoint(txn);
  if (result)
    return result;
  result = all_clone(&clone, node, deep, &made);
  result = arena_steps_end(txn, result);
  if (result == 0)
    *copy = made;
  return result;
}
