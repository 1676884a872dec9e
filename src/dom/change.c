/* dom/change.c - making nodes, and changing what they hold: text, attributes, classes. */
#include "dom/change.h"

#include "store/store.h"

/* --- making ---------------------------------------------------------------------------- */

static int name_refuse(const char *what) {
  return error_set(COPSE_E_ARGUMENT, "%s has no name", what);
}

static int name_number(struct copse_txn *txn, struct copse_document *document,
                       enum copse_namespace space, const char *prefix, const char *local,
                       uint32_t *number) {
  struct dom_name name = {space, {prefix, prefix ? strlen(prefix) : 0}, {local, strlen(local)}};
  return dom_name_intern(txn, document, &name, number);
}

/* A template element and its contents, each of which names the other. */
static int template_new(struct dom_change *change, struct copse_handle *node) {
  struct dom_data element = {
      .kind = COPSE_NODE_ELEMENT, .flags = DOM_TEMPLATE, .name = DOM_HTML_TEMPLATE};
  struct dom_data fragment = {.kind = COPSE_NODE_FRAGMENT, .flags = DOM_HOST};
  struct copse_tree *tree = change->document->tree;
  struct copse_handle contents;
  int result = copse_tree_new(change->txn, tree, &element, node, NULL);
  if (result)
    return result;
  fragment.data = (uint32_t)node->index + 1;
  result = copse_tree_new(change->txn, tree, &fragment, &contents, NULL);
  if (result)
    return result;
  uint32_t block[3] = {1, DOM_NAME_CONTENTS, (uint32_t)contents.index + 1};
  result = dom_string_add(change, block, sizeof block, &element);
  return result ? result : copse_tree_update(change->txn, tree, node, &element, NULL);
}

int dom_element_make(struct copse_txn *txn, struct copse_document *document, uint32_t name,
                     struct copse_handle *node) {
  struct dom_data data = {.kind = COPSE_NODE_ELEMENT, .name = name};
  struct dom_change change;
  struct copse_handle made;
  if (name != DOM_HTML_TEMPLATE)
    return copse_tree_new(txn, document->tree, &data, node, NULL);
  int result = dom_change_begin(&change, txn, document, 1);
  if (result)
    return result;
  result = dom_change_end(&change, template_new(&change, &made));
  if (result == 0)
    *node = made;
  return result;
}

int copse_element_new(struct copse_txn *txn, struct copse_document *document,
                      enum copse_namespace space, const char *name, struct copse_handle *node) {
  uint32_t number;
  if (!name || !*name)
    return name_refuse("the element");
  int result = name_number(txn, document, space, NULL, name, &number);
  return result ? result : dom_element_make(txn, document, number, node);
}

/* A node of this kind and name with a string. */
static int string_node_new(struct copse_txn *txn, struct copse_document *document,
                           struct dom_data data, const void *bytes, size_t size,
                           struct copse_handle *node) {
  struct dom_change change;
  struct copse_handle made;
  int result = dom_change_begin(&change, txn, document, size > DOM_SMALL);
  if (result)
    return result;
  result = dom_string_add(&change, bytes, size, &data);
  if (result == 0)
    result = copse_tree_new(txn, document->tree, &data, &made, NULL);
  result = dom_change_end(&change, result);
  if (result == 0)
    *node = made;
  return result;
}

int dom_text_make(struct copse_txn *txn, struct copse_document *document, enum copse_node_kind kind,
                  uint32_t name, const void *text, size_t size, struct copse_handle *node) {
  struct dom_data data = {.kind = (uint8_t)kind, .name = name, .more = (uint32_t)size};
  return string_node_new(txn, document, data, text, size, node);
}

int copse_text_new(struct copse_txn *txn, struct copse_document *document, const void *text,
                   size_t size, struct copse_handle *node) {
  return dom_text_make(txn, document, COPSE_NODE_TEXT, 0, text, size, node);
}

int copse_comment_new(struct copse_txn *txn, struct copse_document *document, const void *text,
                      size_t size, struct copse_handle *node) {
  return dom_text_make(txn, document, COPSE_NODE_COMMENT, 0, text, size, node);
}

int copse_instruction_new(struct copse_txn *txn, struct copse_document *document,
                          const char *target, const void *text, size_t size,
                          struct copse_handle *node) {
  uint32_t number;
  if (!target || !*target)
    return name_refuse("the instruction");
  int result = name_number(txn, document, COPSE_NS_NONE, NULL, target, &number);
  return result ? result
                : dom_text_make(txn, document, COPSE_NODE_INSTRUCTION, number, text, size, node);
}

int dom_doctype_make(struct copse_txn *txn, struct copse_document *document,
                     const struct copse_bytes strings[3], struct copse_handle *node) {
  struct dom_data data = {.kind = COPSE_NODE_DOCTYPE};
  struct dom_buffer buffer;
  uint64_t size = DOM_DOCTYPE_HEAD;
  for (unsigned i = 0; i < 3; i++)
    size += strings[i].size;
  int result = dom_buffer_make(&buffer, size);
  if (result)
    return result;
  uint8_t *at = buffer.bytes + DOM_DOCTYPE_HEAD;
  for (unsigned i = 0; i < 3; i++) {
    uint32_t part = (uint32_t)strings[i].size;
    memcpy(buffer.bytes + 4 * i, &part, sizeof part);
    if (part)
      memcpy(at, strings[i].data, part);
    at += part;
  }
  result = string_node_new(txn, document, data, buffer.bytes, size, node);
  dom_buffer_free(&buffer);
  return result;
}

int copse_doctype_new(struct copse_txn *txn, struct copse_document *document, const char *name,
                      const char *public_id, const char *system_id, struct copse_handle *node) {
  struct copse_bytes strings[3] = {{name, name ? strlen(name) : 0},
                                   {public_id, public_id ? strlen(public_id) : 0},
                                   {system_id, system_id ? strlen(system_id) : 0}};
  return dom_doctype_make(txn, document, strings, node);
}

int copse_fragment_new(struct copse_txn *txn, struct copse_document *document,
                       struct copse_handle *node) {
  struct dom_data data = {.kind = COPSE_NODE_FRAGMENT};
  return copse_tree_new(txn, document->tree, &data, node, NULL);
}

int copse_document_quirks_set(struct copse_txn *txn, struct copse_document *document,
                              enum copse_quirks quirks) {
  struct copse_handle root;
  struct dom_data *data;
  if (quirks < COPSE_NO_QUIRKS || quirks > COPSE_QUIRKS)
    return error_set(COPSE_E_ARGUMENT, "there is no mode %d", (int)quirks);
  int result = copse_document_root(copse_txn_view(txn), document, &root);
  if (result == 0)
    result = dom_data_own(txn, document, &root, &data);
  if (result == 0)
    data->name = (uint32_t)quirks;
  return result;
}

/* --- strings of nodes ------------------------------------------------------------------ */

int dom_string_replace(struct copse_txn *txn, struct copse_document *document,
                       const struct dom_item *item, const void *bytes, size_t size, uint32_t more) {
  struct dom_data data = item->data, *place;
  struct dom_change change;
  int result = dom_change_begin(&change, txn, document, data.flags & DOM_BIG || size > DOM_SMALL);
  if (result)
    return result;
  result = dom_string_add(&change, bytes, size, &data);
  if (result == 0)
    result = dom_string_drop(&change, &item->data);
  if (result == 0)
    result = dom_data_own(txn, document, &item->node.handle, &place);
  data.more = more;
  if (result == 0)
    *place = data;
  return dom_change_end(&change, result);
}

int copse_text_set(struct copse_txn *txn, struct copse_document *document,
                   const struct copse_handle *node, const void *text, size_t size) {
  struct dom_item item;
  int result = dom_item_get(copse_txn_view(txn), document, node, &item);
  if (result)
    return result;
  if (item.data.kind < COPSE_NODE_TEXT || item.data.kind > COPSE_NODE_INSTRUCTION)
    return error_set(COPSE_E_ARGUMENT, "node %llu holds no text", (unsigned long long)node->index);
  return dom_string_replace(txn, document, &item, text, size, (uint32_t)size);
}

/* Puts text behind that of a node. */
static int text_extend(struct copse_txn *txn, struct copse_document *document,
                       const struct dom_item *item, const void *text, size_t size) {
  struct copse_bytes old;
  struct dom_buffer buffer;
  int result = dom_text(copse_txn_view(txn), document, &item->data, &old);
  if (result == 0)
    result = dom_buffer_make(&buffer, (uint64_t)old.size + size);
  if (result)
    return result;
  if (old.size)
    memcpy(buffer.bytes, old.data, old.size);
  memcpy(buffer.bytes + old.size, text, size);
  size += old.size;
  result = dom_string_replace(txn, document, item, buffer.bytes, size, (uint32_t)size);
  dom_buffer_free(&buffer);
  return result;
}

/* Text as a node of its own: before a sibling, or (that is NULL) as its parent's last child. beside: what it will
 * follow, or NULL. What is written is made the transaction's own first, so that putting the node in cannot fail. */
static int text_place(struct copse_txn *txn, struct copse_document *document,
                      const struct dom_item *parent, const struct dom_item *beside,
                      const struct copse_handle *before, const void *text, size_t size) {
  struct dom_data data = {.kind = COPSE_NODE_TEXT, .more = (uint32_t)size}, *place;
  struct dom_change change;
  struct copse_handle made;
  int result = dom_change_begin(&change, txn, document, size > DOM_SMALL);
  if (result)
    return result;
  result = dom_order_lose(txn, document);
  if (result == 0)
    result = dom_data_own(txn, document, &parent->node.handle, &place);
  if (result == 0 && beside)
    result = dom_data_own(txn, document, &beside->node.handle, &place);
  if (result == 0 && before)
    result = dom_data_own(txn, document, before, &place);
  if (result == 0)
    result = dom_string_add(&change, text, size, &data);
  if (result == 0)
    result = copse_tree_new(txn, document->tree, &data, &made, NULL);
  if (result == 0)
    result = before ? copse_tree_insert_before(txn, document->tree, before, &made)
                    : copse_tree_append(txn, document->tree, &parent->node.handle, &made);
  return dom_change_end(&change, result);
}

static int text_parent_check(const struct dom_item *parent) {
  return parent->data.kind == COPSE_NODE_ELEMENT || parent->data.kind == COPSE_NODE_FRAGMENT
             ? 0
             : error_set(COPSE_E_HIERARCHY, "text cannot be a child of node %llu",
                         (unsigned long long)parent->node.handle.index);
}

static int text_check(const void *text, size_t size) {
  return text || !size ? 0 : error_set(COPSE_E_ARGUMENT, "the text is NULL");
}

int copse_text_append(struct copse_txn *txn, struct copse_document *document,
                      const struct copse_handle *parent, const void *text, size_t size) {
  struct copse_view *view = copse_txn_view(txn);
  struct dom_item above, last;
  int result = text_check(text, size);
  if (result == 0)
    result = dom_item_get(view, document, parent, &above);
  if (result == 0)
    result = text_parent_check(&above);
  if (result || size == 0)
    return result;
  result = dom_item_step(view, document, &above, COPSE_TREE_LAST, &last);
  int is_alone = result == COPSE_NONE;
  if (is_alone || (result == 0 && last.data.kind != COPSE_NODE_TEXT))
    return text_place(txn, document, &above, is_alone ? NULL : &last, NULL, text, size);
  return result ? result : text_extend(txn, document, &last, text, size);
}

int copse_text_insert_before(struct copse_txn *txn, struct copse_document *document,
                             const struct copse_handle *sibling, const void *text, size_t size) {
  struct copse_view *view = copse_txn_view(txn);
  struct dom_item next, above, previous;
  int result = text_check(text, size);
  if (result == 0)
    result = dom_item_get(view, document, sibling, &next);
  if (result == 0)
    result = dom_item_step(view, document, &next, COPSE_TREE_PARENT, &above);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_ROOT, "node %llu is a root: text cannot be its sibling",
                     (unsigned long long)sibling->index);
  if (result == 0)
    result = text_parent_check(&above);
  if (result || size == 0)
    return result;
  result = dom_item_step(view, document, &next, COPSE_TREE_PREVIOUS, &previous);
  int is_first = result == COPSE_NONE;
  if (is_first || (result == 0 && previous.data.kind != COPSE_NODE_TEXT))
    return text_place(txn, document, &above, is_first ? NULL : &previous, sibling, text, size);
  return result ? result : text_extend(txn, document, &previous, text, size);
}
