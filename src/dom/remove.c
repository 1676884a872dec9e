/* dom/remove.c - ending nodes, with what is below them, and whole documents. */
#include "dom/change.h"

#include "store/arena.h"
#include "store/store.h"

/* --- subtrees -------------------------------------------------------------------------- */

/* The parent of a last child, which has no children any more; or the template of contents, which has none either. */
static int up_from(struct dom_change *change, const struct dom_item *node, struct dom_item *up) {
  struct copse_view *view = &change->txn->view;
  int result = dom_item_step(view, change->document, node, COPSE_TREE_PARENT, up);
  if (result == COPSE_NONE) {
    result = dom_item_host(view, change->document, node, up);
    if (result == 0)
      up->data.flags &= (uint8_t)~DOM_TEMPLATE;
  }
  if (result == 0)
    up->node.links.first = 0;
  return result;
}

/* Ends all nodes below top, and top itself if asked for: each after what is below it and after its contents, if it is
 * a template. Links of those that stay until then are changed in copies only. */
static int nodes_end(struct dom_change *change, const struct dom_item *top, int with_top) {
  struct copse_view *view = &change->txn->view;
  struct copse_document *document = change->document;
  struct dom_item node = *top, next;
  uint64_t left;
  int result = copse_tree_count(view, document->tree, &left);
  if (!with_top)
    node.data.flags &= (uint8_t)~DOM_TEMPLATE;
  while (result == 0) {
    while ((result = node.node.links.first
                         ? dom_item_step(view, document, &node, COPSE_TREE_FIRST, &next)
                         : dom_item_contents(view, document, &node, &next)) == 0) {
      if (left-- == 0)
        return dom_corrupt(&node.node, "is below itself");
      node = next;
    }
    if (result != COPSE_NONE)
      return result;
    int is_top = node.node.handle.index == top->node.handle.index;
    if (is_top && !with_top)
      return 0;
    if (!is_top) {
      result = dom_item_step(view, document, &node, COPSE_TREE_NEXT, &next);
      if (result == COPSE_NONE)
        result = up_from(change, &node, &next);
      if (result)
        return result == COPSE_NONE ? dom_corrupt(&node.node, "has lost its parent") : result;
      if (!with_top && next.node.handle.index == top->node.handle.index)
        next.data.flags &= (uint8_t)~DOM_TEMPLATE;
    }
    result = dom_string_drop(change, &node.data);
    if (result == 0)
      result = copse_arena_remove(change->txn, document->tree->arena, &node.node.handle);
    if (is_top)
      break;
    node = next;
  }
  return result;
}

int dom_subtree_end(struct dom_change *change, const struct dom_item *top) {
  return nodes_end(change, top, 1);
}

int dom_below_end(struct dom_change *change, const struct dom_item *top) {
  void *record;
  int result = dom_order_lose(change->txn, change->document);
  if (result == 0)
    result = nodes_end(change, top, 0);
  if (result == 0)
    result = copse_arena_update(change->txn, change->document->tree->arena, &top->node.handle, NULL,
                                &record);
  if (result)
    return result;
  struct dom_links links;
  memcpy(&links, record, sizeof links);
  links.first = links.last = 0;
  memcpy(record, &links, sizeof links);
  return 0;
}

int copse_node_remove(struct copse_txn *txn, struct copse_document *document,
                      const struct copse_handle *handle) {
  struct copse_view *view = copse_txn_view(txn);
  struct dom_change change;
  struct dom_item node;
  int result = txn_check(txn);
  if (result == 0)
    result = dom_item_get(view, document, handle, &node);
  if (result)
    return result;
  if (node.data.kind == COPSE_NODE_DOCUMENT)
    return error_set(COPSE_E_ARGUMENT, "the document node cannot be removed");
  if (node.data.flags & DOM_HOST)
    return error_set(COPSE_E_ARGUMENT, "the contents of a template go with the template");
  int is_one = node.node.links.first == 0 && !(node.data.flags & (DOM_TEMPLATE | DOM_BIG));
  result = dom_change_begin(&change, txn, document, !is_one);
  if (result)
    return result;
  result = dom_order_lose(txn, document);
  if (result == 0 && is_one) {
    result = dom_string_drop(&change, &node.data);
    if (result == 0)
      result = copse_tree_remove(txn, document->tree, handle);
  } else if (result == 0) {
    result = copse_tree_detach(txn, document->tree, handle);
    if (result == 0)
      result = dom_subtree_end(&change, &node);
  }
  return dom_change_end(&change, result);
}

int copse_node_clear(struct copse_txn *txn, struct copse_document *document,
                     const struct copse_handle *handle) {
  struct dom_change change;
  struct dom_item node;
  int result = txn_check(txn);
  if (result == 0)
    result = dom_item_get(copse_txn_view(txn), document, handle, &node);
  if (result || node.node.links.first == 0)
    return result;
  result = dom_change_begin(&change, txn, document, 1);
  if (result)
    return result;
  return dom_change_end(&change, dom_below_end(&change, &node));
}

/* --- documents ------------------------------------------------------------------------- */

int copse_document_drop(struct copse_txn *txn, struct copse_document *document) {
  int result = txn_check(txn);
  if (result == 0)
    result = txn_savepoint(txn);
  if (result)
    return result;
  result = copse_map_drop(txn, copse_arena_map(document->tree->arena));
  if (result == 0)
    result = copse_map_drop(txn, copse_arena_map(document->text));
  if (result == 0)
    result = copse_map_drop(txn, document->names);
  return arena_steps_end(txn, result);
}

/* Ends every node but the document node. */
static int all_end(struct copse_txn *txn, struct copse_document *document) {
  struct copse_view *view = copse_txn_view(txn);
  struct copse_arena *arena = document->tree->arena;
  struct copse_chunk chunk;
  struct copse_handle handle;
  const void *record;
  int result;
  uint64_t from = 1;
  while ((result = copse_arena_chunk(view, arena, from, &chunk)) == 0) {
    from = chunk.first + chunk.count;
    for (uint64_t i = chunk.first; i < from && result == 0; i++) {
      result = copse_arena_at(view, arena, i, &handle, &record);
      if (result == 0)
        result = copse_arena_remove(txn, arena, &handle);
    }
    if (result)
      return result == COPSE_NONE ? error_set(COPSE_E_CORRUPT, "slots are live and are not")
                                  : result;
  }
  return result == COPSE_NONE ? 0 : result;
}

static int content_clear(struct copse_txn *txn, struct copse_document *document) {
  struct dom_data data = {.kind = COPSE_NODE_DOCUMENT, .data = 1};
  struct copse_handle root;
  void *record;
  int result = copse_document_root(copse_txn_view(txn), document, &root);
  if (result == 0)
    result = all_end(txn, document);
  if (result == 0)
    result = dom_heap_clear(txn, document);
  if (result == 0)
    result = copse_delete_range(txn, document->names, NULL, NULL);
  if (result == 0)
    result = copse_arena_update(txn, document->tree->arena, &root, NULL, &record);
  if (result == 0) {
    memset(record, 0, COPSE_TREE_LINKS);
    memcpy((uint8_t *)record + COPSE_TREE_LINKS, &data, sizeof data);
  }
  return result;
}

int copse_document_clear(struct copse_txn *txn, struct copse_document *document) {
  int result = txn_check(txn);
  if (result == 0)
    result = txn_savepoint(txn);
  return result ? result : arena_steps_end(txn, content_clear(txn, document));
}
