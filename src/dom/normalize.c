/* dom/normalize.c - merging text below a node. */
#include "dom/change.h"

#include "store/store.h"

/* The node that follows in document order, below top. */
static int following(struct copse_view *view, const struct copse_document *document,
                     const struct dom_item *top, const struct dom_item *node,
                     struct dom_item *next) {
  struct dom_item at = *node;
  int result = dom_item_step(view, document, &at, COPSE_TREE_FIRST, next);
  while (result == COPSE_NONE) {
    if (at.node.handle.index == top->node.handle.index)
      return COPSE_NONE;
    result = dom_item_step(view, document, &at, COPSE_TREE_NEXT, next);
    if (result == COPSE_NONE) {
      result = dom_item_step(view, document, &at, COPSE_TREE_PARENT, next);
      if (result)
        return result == COPSE_NONE ? dom_corrupt(&at.node, "has lost its parent") : result;
      at = *next;
      result = COPSE_NONE;
    }
  }
  return result;
}

/* How many bytes the text siblings behind a text node have. COPSE_NONE: there are none. */
static int run_measure(struct copse_view *view, const struct copse_document *document,
                       const struct dom_item *first, uint64_t *size) {
  struct dom_item at = *first, next;
  int result, many = 0;
  *size = first->data.more;
  while ((result = dom_item_step(view, document, &at, COPSE_TREE_NEXT, &next)) == 0 &&
         next.data.kind == COPSE_NODE_TEXT) {
    *size += next.data.more;
    many = 1;
    at = next;
  }
  return result < 0 ? result : many ? 0 : COPSE_NONE;
}

static int text_take(struct dom_change *change, const struct dom_item *text, uint8_t *to,
                     uint64_t room) {
  struct copse_bytes bytes;
  int result = dom_text(&change->txn->view, change->document, &text->data, &bytes);
  if (result == 0 && bytes.size > room)
    return dom_corrupt(&text->node, "has changed while it was read");
  if (result == 0 && bytes.size)
    memcpy(to, bytes.data, bytes.size);
  return result;
}

/* Ends a text node. */
static int text_end(struct dom_change *change, const struct dom_item *text) {
  int result = dom_order_lose(change->txn, change->document);
  if (result == 0)
    result = dom_string_drop(change, &text->data);
  return result ? result
                : copse_tree_remove(change->txn, change->document->tree, &text->node.handle);
}

/* Puts the text of all that follow a text node into it. */
static int run_merge(struct dom_change *change, const struct dom_item *first, uint64_t size) {
  struct copse_view *view = &change->txn->view;
  struct dom_data data = first->data, *place;
  struct dom_item at = *first, next;
  struct dom_buffer buffer;
  int result = dom_buffer_make(&buffer, size);
  if (result)
    return result;
  uint64_t used = first->data.more;
  result = text_take(change, first, buffer.bytes, size);
  while (result == 0 &&
         (result = dom_item_step(view, change->document, &at, COPSE_TREE_NEXT, &next)) == 0 &&
         next.data.kind == COPSE_NODE_TEXT) {
    result = text_take(change, &next, buffer.bytes + used, size - used);
    used += next.data.more;
    if (result == 0)
      result = text_end(change, &next);
    if (result == 0)
      result = dom_item_get(view, change->document, &first->node.handle, &at);
  }
  result = result == COPSE_NONE ? 0 : result;
  if (result == 0)
    result = dom_string_add(change, buffer.bytes, used, &data);
  if (result == 0)
    result = dom_string_drop(change, &first->data);
  if (result == 0)
    result = dom_data_own(change->txn, change->document, &first->node.handle, &place);
  data.more = (uint32_t)used;
  if (result == 0)
    *place = data;
  dom_buffer_free(&buffer);
  return result;
}

static int normalize(struct dom_change *change, const struct dom_item *top) {
  struct copse_view *view = &change->txn->view;
  struct copse_document *document = change->document;
  struct dom_item node = *top, next;
  uint64_t size, left;
  int result = copse_tree_count(view, document->tree, &left);
  if (result == 0)
    result = following(view, document, top, top, &next);
  while (result == 0) {
    if (left-- == 0)
      return dom_corrupt(&next.node, "is below itself");
    node = next;
    if (node.data.kind == COPSE_NODE_TEXT && node.data.more) {
      int run = run_measure(view, document, &node, &size);
      if (run == 0)
        run = run_merge(change, &node, size);
      if (run == 0)
        run = dom_item_get(view, document, &node.node.handle, &node);
      if (run < 0)
        return run;
    }
    result = following(view, document, top, &node, &next);
    if (node.data.kind == COPSE_NODE_TEXT && node.data.more == 0 && result >= 0) {
      int ended = text_end(change, &node);
      if (ended == 0 && result == 0)
        ended = dom_item_get(view, document, &next.node.handle, &next);
      if (ended)
        return ended;
    }
  }
  return result == COPSE_NONE ? 0 : result;
}

int copse_node_normalize(struct copse_txn *txn, struct copse_document *document,
                         const struct copse_handle *handle) {
  struct dom_change change;
  struct dom_item node;
  int result = txn_check(txn);
  if (result == 0)
    result = dom_item_get(copse_txn_view(txn), document, handle, &node);
  if (result)
    return result;
  result = dom_change_begin(&change, txn, document, 1);
  return result ? result : dom_change_end(&change, normalize(&change, &node));
}
