/* dom/place.c - where nodes may be put, and putting them there.
 *
 * What the DOM standard calls pre-insertion validity: which kinds may be whose children, at most one element and one
 * doctype in a document, the doctype before the element; and no node into itself, not even through the contents of a
 * template, which belong to the template. Trees alone are guarded by tree arenas once more. */
#include "dom/change.h"

#include "store/arena.h"
#include "store/store.h"

/* A place: before a sibling, or (is_last) behind the last child. */
struct place {
  struct copse_view *view;
  const struct copse_document *document;
  struct dom_item parent, before;
  int is_last;
};

static int is_same(const struct dom_item *a, const struct dom_item *b) {
  return a->node.handle.index == b->node.handle.index;
}

static int refuse(const struct dom_item *node, const struct place *place, const char *why) {
  return error_set(COPSE_E_HIERARCHY, "node %llu cannot be put into node %llu: %s",
                   (unsigned long long)node->node.handle.index,
                   (unsigned long long)place->parent.node.handle.index, why);
}

/* --- what may be where ----------------------------------------------------------------- */

/* CYCLE when a node is the place's parent or above it, contents of a template being below the template. */
static int above_check(const struct place *place, const struct dom_item *node) {
  struct dom_item at = place->parent, up;
  uint64_t left;
  if (node->node.links.first == 0 && !(node->data.flags & DOM_TEMPLATE) && !is_same(&at, node))
    return 0;
  int result = copse_tree_count(place->view, place->document->tree, &left);
  while (result == 0) {
    if (is_same(&at, node))
      return error_set(COPSE_E_CYCLE, "node %llu cannot be put into node %llu, which is below it",
                       (unsigned long long)node->node.handle.index,
                       (unsigned long long)place->parent.node.handle.index);
    if (left-- == 0)
      return dom_corrupt(&at.node, "has ancestors in a circle");
    result = dom_item_step(place->view, place->document, &at, COPSE_TREE_PARENT, &up);
    if (result == COPSE_NONE)
      result = dom_item_host(place->view, place->document, &at, &up);
    at = up;
  }
  return result == COPSE_NONE ? 0 : result;
}

/* What a document's children have been so far, in their order. */
struct order {
  int has_element, has_doctype;
};

static const char *order_add(struct order *order, uint8_t kind) {
  switch (kind) {
  case COPSE_NODE_TEXT: return "a document holds no text";
  case COPSE_NODE_ELEMENT:
    if (order->has_element)
      return "a document has one element";
    order->has_element = 1;
    break;
  case COPSE_NODE_DOCTYPE:
    if (order->has_doctype)
      return "a document has one doctype";
    if (order->has_element)
      return "a doctype comes before the element";
    order->has_doctype = 1;
    break;
  default: break;
  }
  return NULL;
}

/* Adds a node, or a fragment's children, where there is no document: doctypes are refused. */
static int order_put(const struct place *place, struct order *order, const struct dom_item *node) {
  int in_document = place->parent.data.kind == COPSE_NODE_DOCUMENT;
  struct dom_item child = *node, from;
  int is_fragment = node->data.kind == COPSE_NODE_FRAGMENT, result = 0;
  if (is_fragment)
    result = dom_item_step(place->view, place->document, node, COPSE_TREE_FIRST, &child);
  while (result == 0) {
    const char *why = in_document                             ? order_add(order, child.data.kind)
                      : child.data.kind == COPSE_NODE_DOCTYPE ? "a doctype belongs to a document"
                                                              : NULL;
    if (why)
      return refuse(node, place, why);
    if (!is_fragment)
      return 0;
    from = child;
    result = dom_item_step(place->view, place->document, &from, COPSE_TREE_NEXT, &child);
  }
  return result == COPSE_NONE ? 0 : result;
}

/* Whether a document's children are still in order with the node among them. */
static int document_check(const struct place *place, const struct dom_item *node) {
  struct order order = {0};
  struct dom_item child, from;
  uint64_t left;
  int result = copse_tree_count(place->view, place->document->tree, &left);
  if (result == 0)
    result = dom_item_step(place->view, place->document, &place->parent, COPSE_TREE_FIRST, &child);
  while (result == 0) {
    if (!place->is_last && is_same(&child, &place->before))
      result = order_put(place, &order, node);
    if (result)
      return result;
    const char *why = order_add(&order, child.data.kind);
    if (why)
      return refuse(node, place, why);
    if (left-- == 0)
      return dom_corrupt(&child.node, "has siblings in a circle");
    from = child;
    result = dom_item_step(place->view, place->document, &from, COPSE_TREE_NEXT, &child);
  }
  if (result != COPSE_NONE)
    return result;
  return place->is_last ? order_put(place, &order, node) : 0;
}

static int place_check(const struct place *place, const struct dom_item *node) {
  uint8_t kind = place->parent.data.kind;
  struct order none = {0};
  if (kind != COPSE_NODE_DOCUMENT && kind != COPSE_NODE_ELEMENT && kind != COPSE_NODE_FRAGMENT)
    return refuse(node, place, "it is of a kind that has no children");
  if (node->data.kind == COPSE_NODE_DOCUMENT)
    return refuse(node, place, "a document is in no other node");
  int result = above_check(place, node);
  if (result)
    return result;
  if (kind == COPSE_NODE_DOCUMENT)
    return document_check(place, node);
  return node->data.kind == COPSE_NODE_DOCTYPE || node->data.kind == COPSE_NODE_FRAGMENT
             ? order_put(place, &none, node)
             : 0;
}

/* --- putting --------------------------------------------------------------------------- */

static int put_one(struct copse_txn *txn, const struct place *place,
                   const struct copse_handle *node) {
  struct copse_tree *tree = place->document->tree;
  return place->is_last ? copse_tree_append(txn, tree, &place->parent.node.handle, node)
                        : copse_tree_insert_before(txn, tree, &place->before.node.handle, node);
}

int dom_order_lose(struct copse_txn *txn, const struct copse_document *document) {
  struct copse_handle root;
  struct dom_data data;
  const void *payload;
  int result = copse_tree_at(copse_txn_view(txn), document->tree, 0, &root, &payload);
  if (result)
    return result == COPSE_NONE ? error_set(COPSE_E_CORRUPT, "the document has no document node")
                                : result;
  memcpy(&data, payload, sizeof data);
  if (!(data.flags & DOM_ORDERED))
    return 0;
  data.flags &= (uint8_t)~DOM_ORDERED;
  return copse_tree_update(txn, document->tree, &root, &data, NULL);
}

/* The children of a fragment. */
static int put_children(struct copse_txn *txn, const struct place *place,
                        const struct dom_item *fragment) {
  struct dom_item above, child;
  int result = txn_savepoint(txn);
  if (result)
    return result;
  do {
    result = dom_item_get(place->view, place->document, &fragment->node.handle, &above);
    if (result == 0)
      result = dom_item_step(place->view, place->document, &above, COPSE_TREE_FIRST, &child);
    if (result == 0)
      result = put_one(txn, place, &child.node.handle);
  } while (result == 0);
  return arena_steps_end(txn, result == COPSE_NONE ? 0 : result);
}

static int put(struct copse_txn *txn, struct place *place, const struct copse_handle *handle) {
  struct dom_item node, next;
  int result = dom_item_get(place->view, place->document, handle, &node);
  if (result == 0)
    result = place_check(place, &node);
  if (result == 0)
    result = dom_order_lose(txn, place->document);
  if (result)
    return result;
  if (node.data.kind == COPSE_NODE_FRAGMENT)
    return node.node.links.first ? put_children(txn, place, &node) : 0;
  if (!place->is_last &&
      is_same(&place->before, &node)) { /* before itself: before what follows it */
    result = dom_item_step(place->view, place->document, &node, COPSE_TREE_NEXT, &next);
    if (result < 0)
      return result;
    place->is_last = result == COPSE_NONE;
    place->before = next;
  }
  return put_one(txn, place, handle);
}

static int place_begin(struct place *place, struct copse_txn *txn,
                       const struct copse_document *document) {
  *place = (struct place){.view = copse_txn_view(txn), .document = document};
  return txn_check(txn);
}

static int put_child(struct copse_txn *txn, struct copse_document *document,
                     const struct copse_handle *parent, const struct copse_handle *node,
                     int at_end) {
  struct place place;
  int result = place_begin(&place, txn, document);
  if (result == 0)
    result = dom_item_get(place.view, document, parent, &place.parent);
  if (result)
    return result;
  if (!at_end)
    result = dom_item_step(place.view, document, &place.parent, COPSE_TREE_FIRST, &place.before);
  place.is_last = at_end || result == COPSE_NONE;
  return result < 0 ? result : put(txn, &place, node);
}

static int put_sibling(struct copse_txn *txn, struct copse_document *document,
                       const struct copse_handle *sibling, const struct copse_handle *node,
                       int after) {
  struct place place;
  struct dom_item beside;
  int result = place_begin(&place, txn, document);
  if (result == 0)
    result = dom_item_get(place.view, document, sibling, &beside);
  if (result == 0)
    result = dom_item_step(place.view, document, &beside, COPSE_TREE_PARENT, &place.parent);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_ROOT, "node %llu is a root: it has no siblings",
                     (unsigned long long)sibling->index);
  if (result)
    return result;
  place.before = beside;
  if (after)
    result = dom_item_step(place.view, document, &beside, COPSE_TREE_NEXT, &place.before);
  place.is_last = result == COPSE_NONE;
  return result < 0 ? result : put(txn, &place, node);
}

int copse_node_append(struct copse_txn *txn, struct copse_document *document,
                      const struct copse_handle *parent, const struct copse_handle *node) {
  return put_child(txn, document, parent, node, 1);
}

int copse_node_prepend(struct copse_txn *txn, struct copse_document *document,
                       const struct copse_handle *parent, const struct copse_handle *node) {
  return put_child(txn, document, parent, node, 0);
}

int copse_node_insert_before(struct copse_txn *txn, struct copse_document *document,
                             const struct copse_handle *sibling, const struct copse_handle *node) {
  return put_sibling(txn, document, sibling, node, 0);
}

int copse_node_insert_after(struct copse_txn *txn, struct copse_document *document,
                            const struct copse_handle *sibling, const struct copse_handle *node) {
  return put_sibling(txn, document, sibling, node, 1);
}

int copse_node_detach(struct copse_txn *txn, struct copse_document *document,
                      const struct copse_handle *node) {
  int result = txn_check(txn);
  if (result == 0)
    result = dom_order_lose(txn, document);
  return result ? result : copse_tree_detach(txn, document->tree, node);
}

/* --- unwrapping ------------------------------------------------------------------------ */

/* Whether a document's children are still in order when those of one of them take its place. */
static int unwrap_check(struct copse_view *view, const struct copse_document *document,
                        const struct dom_item *node) {
  struct place place = {.view = view, .document = document};
  struct dom_item fragment = *node;
  int result = dom_item_step(view, document, node, COPSE_TREE_PARENT, &place.parent);
  if (result == COPSE_NONE)
    return 0;
  if (result || place.parent.data.kind != COPSE_NODE_DOCUMENT)
    return result;
  /* The element goes, and a doctype cannot be in it: only its own children are to be looked at. */
  struct order order = {0};
  fragment.data.kind = COPSE_NODE_FRAGMENT;
  return order_put(&place, &order, &fragment);
}

int copse_node_unwrap(struct copse_txn *txn, struct copse_document *document,
                      const struct copse_handle *handle) {
  struct copse_view *view = copse_txn_view(txn);
  struct dom_change change;
  struct dom_item node, contents;
  int result = txn_check(txn);
  if (result == 0)
    result = dom_element_get(view, document, handle, &node);
  if (result == 0)
    result = unwrap_check(view, document, &node);
  if (result)
    return result;
  int has_contents = dom_item_contents(view, document, &node, &contents);
  if (has_contents < 0)
    return has_contents;
  result = dom_change_begin(&change, txn, document, has_contents == 0 || node.data.flags & DOM_BIG);
  if (result)
    return result;
  result = dom_order_lose(txn, document);
  if (result == 0 && has_contents == 0)
    result = dom_subtree_end(&change, &contents);
  if (result == 0)
    result = dom_string_drop(&change, &node.data);
  if (result == 0)
    result = copse_tree_remove(txn, document->tree, handle);
  return dom_change_end(&change, result);
}
