/* dom/read.c - reading documents: nodes, text, attributes. */
#include "dom/document.h"
#include "store/store.h"

/* --- the document ---------------------------------------------------------------------- */

int copse_document_root(struct copse_view *view, struct copse_document *document,
                        struct copse_handle *root) {
  struct dom_item item;
  int result = dom_item_root(view, document, &item);
  if (result == 0)
    *root = item.node.handle;
  return result;
}

int copse_document_element(struct copse_view *view, struct copse_document *document,
                           struct copse_handle *element) {
  struct dom_item item, from;
  uint64_t left;
  int result = dom_item_root(view, document, &from);
  if (result == 0)
    result = copse_tree_count(view, document->tree, &left);
  if (result == 0)
    result = dom_item_step(view, document, &from, COPSE_TREE_FIRST, &item);
  while (result == 0 && item.data.kind != COPSE_NODE_ELEMENT) {
    if (left-- == 0)
      return dom_corrupt(&item.node, "has siblings in a circle");
    from = item;
    result = dom_item_step(view, document, &from, COPSE_TREE_NEXT, &item);
  }
  if (result == 0)
    *element = item.node.handle;
  return result;
}

int copse_document_quirks(struct copse_view *view, struct copse_document *document,
                          enum copse_quirks *quirks) {
  struct dom_item root;
  int result = dom_item_root(view, document, &root);
  if (result)
    return result;
  if (root.data.name > COPSE_QUIRKS)
    return dom_corrupt(&root.node, "is in a mode that there is not");
  *quirks = (enum copse_quirks)root.data.name;
  return 0;
}

/* Names and big strings: how many, and their bytes. */
static int names_count(struct copse_view *view, struct copse_document *document, uint64_t *names,
                       uint64_t *bytes) {
  struct copse_bytes key, value;
  struct copse_cursor *cursor;
  int result = copse_cursor_open(view, document->names, NULL, &cursor);
  if (result)
    return result;
  while ((result = copse_cursor_next(cursor, &key, &value)) == 0) {
    if (key.size && *(const uint8_t *)key.data == 'b')
      *bytes += value.size;
    else
      ++*names;
  }
  copse_cursor_close(cursor);
  return result == COPSE_NONE ? 0 : result;
}

int copse_document_info(struct copse_view *view, struct copse_document *document,
                        struct copse_document_info *info) {
  struct dom_item root;
  uint64_t nodes, units, names = 0, big = 0;
  int result = dom_item_root(view, document, &root);
  if (result == 0)
    result = copse_tree_count(view, document->tree, &nodes);
  if (result == 0)
    result = copse_arena_count(view, document->text, &units);
  if (result == 0)
    result = names_count(view, document, &names, &big);
  if (result == 0)
    *info = (struct copse_document_info){nodes, names, (uint64_t)root.data.more * DOM_UNIT + big,
                                         units * DOM_UNIT + big};
  return result;
}

/* --- nodes ----------------------------------------------------------------------------- */

int copse_node_get(struct copse_view *view, struct copse_document *document,
                   const struct copse_handle *node, struct copse_node *out) {
  struct dom_item item;
  struct dom_name name;
  struct copse_bytes strings[3];
  int result = dom_item_get(view, document, node, &item);
  if (result)
    return result;
  struct copse_node found = {.kind = (enum copse_node_kind)item.data.kind};
  switch (item.data.kind) {
  case COPSE_NODE_ELEMENT:
  case COPSE_NODE_INSTRUCTION:
    result = dom_name_get(view, document, item.data.name, &name);
    if (result)
      return result;
    found.space = name.space;
    found.prefix = name.prefix;
    found.name = name.local;
    if (item.data.kind == COPSE_NODE_INSTRUCTION)
      result = dom_text(view, document, &item.data, &found.text);
    break;
  case COPSE_NODE_TEXT:
  case COPSE_NODE_COMMENT: result = dom_text(view, document, &item.data, &found.text); break;
  case COPSE_NODE_DOCTYPE:
    result = dom_doctype(view, document, &item.data, strings);
    if (result == 0) {
      found.name = strings[0];
      found.public_id = strings[1];
      found.system_id = strings[2];
    }
    break;
  default: break;
  }
  if (result == 0)
    *out = found;
  return result;
}

int copse_template_contents(struct copse_view *view, struct copse_document *document,
                            const struct copse_handle *node, struct copse_handle *fragment) {
  struct dom_item item, contents;
  int result = dom_item_get(view, document, node, &item);
  if (result == 0)
    result = dom_item_contents(view, document, &item, &contents);
  if (result == 0)
    *fragment = contents.node.handle;
  return result;
}

/* Adds a node's text to what was collected. */
static int text_add(struct copse_view *view, struct copse_document *document,
                    const struct dom_data *data, uint8_t *memory, size_t room, size_t *size) {
  struct copse_bytes text;
  int result = dom_text(view, document, data, &text);
  if (result)
    return result;
  size_t part = *size < room ? room - *size : 0;
  part = part < text.size ? part : text.size;
  if (part)
    memcpy(memory + *size, text.data, part);
  *size += text.size;
  return 0;
}

int copse_node_text(struct copse_view *view, struct copse_document *document,
                    const struct copse_handle *node, void *memory, size_t room, size_t *size) {
  struct copse_tree_walk walk;
  struct dom_item item;
  const void *payload;
  size_t whole = 0;
  if (!memory && room)
    return error_set(COPSE_E_ARGUMENT, "the memory is NULL");
  int result = dom_item_get(view, document, node, &item);
  if (result)
    return result;
  switch (item.data.kind) {
  case COPSE_NODE_TEXT:
  case COPSE_NODE_COMMENT:
  case COPSE_NODE_INSTRUCTION:
    result = text_add(view, document, &item.data, memory, room, &whole);
    break;
  case COPSE_NODE_DOCTYPE: break;
  default:
    result = copse_tree_walk_begin(view, document->tree, node, COPSE_TREE_DESCENDANTS, &walk);
    while (result == 0 && (result = copse_tree_walk_next(&walk, &payload)) == 0) {
      struct dom_data data;
      memcpy(&data, payload, sizeof data);
      if (data.kind == COPSE_NODE_TEXT)
        result = text_add(view, document, &data, memory, room, &whole);
    }
    result = result == COPSE_NONE ? 0 : result;
  }
  if (result == 0)
    *size = whole;
  return result;
}

/* --- attributes ------------------------------------------------------------------------ */

int dom_element_get(struct copse_view *view, const struct copse_document *document,
                    const struct copse_handle *element, struct dom_item *item) {
  int result = dom_item_get(view, document, element, item);
  if (result)
    return result;
  return item->data.kind == COPSE_NODE_ELEMENT
             ? 0
             : error_set(COPSE_E_ARGUMENT, "node %llu is no element",
                         (unsigned long long)element->index);
}

static int name_missing(const char *name) {
  return name && *name ? 0 : error_set(COPSE_E_ARGUMENT, "the attribute has no name");
}

int copse_attribute_get(struct copse_view *view, struct copse_document *document,
                        const struct copse_handle *element, const char *name,
                        struct copse_bytes *value) {
  struct dom_attribute attribute;
  struct dom_item item;
  uint32_t number;
  int result = name_missing(name);
  if (result == 0)
    result = dom_element_get(view, document, element, &item);
  if (result == 0)
    result = dom_name_find(view, document, COPSE_NS_NONE, NULL, 0, name, strlen(name), &number);
  if (result == 0 && !(item.data.more & dom_filter_attribute(number)))
    return COPSE_NONE;
  if (result == 0)
    result = dom_attribute_find(view, document, &item.data, number, &attribute);
  if (result == 0)
    *value = (struct copse_bytes){attribute.value, attribute.size};
  return result;
}

static int attribute_number(struct copse_view *view, const struct copse_document *document,
                            const struct dom_data *data, uint32_t i,
                            struct dom_attribute *attribute) {
  struct dom_attributes walk;
  int result = dom_attributes_shown(view, document, data, &walk);
  if (result)
    return result;
  do
    result = dom_attributes_next(&walk, attribute);
  while (result == 0 && i--);
  return result < 0 ? dom_attributes_damaged() : result;
}

int copse_attribute_at(struct copse_view *view, struct copse_document *document,
                       const struct copse_handle *element, uint32_t i,
                       struct copse_attribute *out) {
  struct dom_attribute attribute;
  struct dom_item item;
  struct dom_name name;
  int result = dom_element_get(view, document, element, &item);
  if (result == 0)
    result = attribute_number(view, document, &item.data, i, &attribute);
  if (result == 0)
    result = dom_name_get(view, document, attribute.name, &name);
  if (result == 0 && view->pages.copy) /* the name was copied to where the value was */
    result = attribute_number(view, document, &item.data, i, &attribute);
  if (result == 0)
    *out = (struct copse_attribute){
        name.local, name.prefix, {attribute.value, attribute.size}, name.space};
  return result;
}

int copse_class_has(struct copse_view *view, struct copse_document *document,
                    const struct copse_handle *element, const char *word) {
  struct dom_attribute attribute;
  struct dom_item item;
  size_t size = word ? strlen(word) : 0;
  if (size == 0)
    return error_set(COPSE_E_ARGUMENT, "the word is empty");
  int result = dom_element_get(view, document, element, &item);
  if (result == 0 && !(item.data.more & dom_filter_class(word, size)))
    return COPSE_NONE;
  if (result == 0)
    result = dom_attribute_find(view, document, &item.data, DOM_NONE_CLASS, &attribute);
  if (result)
    return result;
  struct copse_bytes rest = {attribute.value, attribute.size};
  for (struct copse_bytes found; (found = dom_word_next(&rest)).size;)
    if (found.size == size && memcmp(found.data, word, size) == 0)
      return 0;
  return COPSE_NONE;
}

int copse_element_source(struct copse_view *view, struct copse_document *document,
                         const struct copse_handle *element, struct copse_source *source) {
  struct dom_attribute attribute;
  struct dom_item item;
  int result = dom_element_get(view, document, element, &item);
  if (result == 0)
    result = dom_attribute_find(view, document, &item.data, DOM_NAME_SOURCE, &attribute);
  if (result == 0 && attribute.size != sizeof *source)
    return dom_corrupt(&item.node, "has a place in its source that is damaged");
  if (result == 0)
    memcpy(source, attribute.value, sizeof *source);
  return result;
}
