/* select/attribute.c - attributes of elements: ids, classes, values. */
#include "select/match.h"

int select_bytes_same(const void *a, const void *b, size_t size, int is_folded) {
  const uint8_t *x = a, *y = b;
  if (!is_folded)
    return size == 0 || memcmp(a, b, size) == 0;
  for (size_t i = 0; i < size; i++) {
    uint8_t p = x[i] >= 'A' && x[i] <= 'Z' ? x[i] | 32 : x[i];
    uint8_t q = y[i] >= 'A' && y[i] <= 'Z' ? y[i] | 32 : y[i];
    if (p != q)
      return 0;
  }
  return 1;
}

/* --- blocks ---------------------------------------------------------------------------- */

/* A string of the heap that is not big, and what may be looked at behind it. */
static int heap_of(struct select_match *match, const struct dom_data *data, const uint8_t **bytes,
                   uint32_t *room) {
  const struct arena_shape *shape = &match->heap.arena->shape;
  const uint8_t *records;
  uint32_t in_leaf;
  int result = select_leaf(&match->heap, data->data, &records, &in_leaf);
  if (result)
    return result;
  *bytes = records + (size_t)in_leaf * DOM_UNIT;
  *room = (shape->slots - in_leaf) * DOM_UNIT;
  return 0;
}

static int is_elsewhere(const struct select_match *match, const struct dom_data *data) {
  return data->data == 0 || data->flags & DOM_BIG || match->heap.copies;
}

static int attributes_begin(struct select_match *match, const struct select_node *node,
                            struct dom_attributes *walk) {
  const struct dom_data *data = &node->record.data;
  const uint8_t *block;
  uint32_t room;
  if (is_elsewhere(match, data))
    return dom_attributes(match->view, match->document, data, walk);
  int result = heap_of(match, data, &block, &room);
  if (result == 0 && dom_attributes_begin(walk, block, room))
    result = dom_attributes_damaged();
  return result;
}

int select_string_of(struct select_match *match, const struct select_node *node,
                     struct copse_bytes *text) {
  const struct dom_data *data = &node->record.data;
  const uint8_t *bytes;
  uint32_t room;
  if (!is_elsewhere(match, data)) {
    int result = heap_of(match, data, &bytes, &room);
    if (result)
      return result;
    if (data->more <= room) {
      *text = (struct copse_bytes){bytes, data->more};
      return 0;
    }
  }
  return dom_text(match->view, match->document, data, text);
}

/* The attribute of a number. COPSE_NONE: there is none. */
static int find(struct select_match *match, const struct select_node *node, uint32_t name,
                struct copse_bytes *value) {
  struct dom_attributes walk;
  struct dom_attribute attribute;
  *value = (struct copse_bytes){NULL, 0};
  if (!(node->record.data.more & dom_filter_attribute(name)))
    return COPSE_NONE;
  int result = attributes_begin(match, node, &walk);
  if (result)
    return result;
  while ((result = dom_attributes_next(&walk, &attribute)) == 0)
    if (attribute.name == name) {
      *value = (struct copse_bytes){attribute.value, attribute.size};
      return 0;
    }
  return result < 0 ? dom_attributes_damaged() : COPSE_NONE;
}

int select_value_of(struct select_match *match, const struct select_node *node, uint32_t name,
                    struct copse_bytes *value) {
  return find(match, node, name, value);
}

int select_has(struct select_match *match, const struct select_node *node, uint32_t name) {
  struct copse_bytes value;
  int result = find(match, node, name, &value);
  return result == 0 ? 1 : result == COPSE_NONE ? 0 : result;
}

int select_html_test(struct select_match *match, const struct select_node *node) {
  struct dom_name name;
  if (node->record.data.name < DOM_NAMES_OWN)
    return select_is_html(node->record.data.name);
  int result = dom_name_get(match->view, match->document, node->record.data.name, &name);
  return result ? result : name.space == COPSE_NS_HTML;
}

/* --- ids and classes ------------------------------------------------------------------- */

int select_id_test(struct select_match *match, const struct select_simple *simple,
                   const struct select_node *node) {
  struct copse_bytes value;
  int result = find(match, node, DOM_NONE_ID, &value);
  if (result)
    return result == COPSE_NONE ? 0 : result;
  return value.size == simple->value.size &&
         select_bytes_same(value.data, select_text(match->selector, simple->value), value.size,
                           match->is_quirky);
}

static int has_word(const struct copse_bytes *value, const char *word, size_t size, int is_folded) {
  struct copse_bytes rest = *value;
  for (struct copse_bytes next; (next = dom_word_next(&rest)).size;)
    if (next.size == size && select_bytes_same(next.data, word, size, is_folded))
      return 1;
  return 0;
}

int select_class_test(struct select_match *match, const struct select_simple *simple,
                      const struct select_node *node) {
  struct copse_bytes value;
  int result = find(match, node, DOM_NONE_CLASS, &value);
  if (result)
    return result == COPSE_NONE ? 0 : result;
  return has_word(&value, select_text(match->selector, simple->value), simple->value.size,
                  match->is_quirky);
}

/* --- attribute selectors --------------------------------------------------------------- */

static int has_part(const struct copse_bytes *value, const char *part, size_t size, int is_folded) {
  const uint8_t *bytes = value->data;
  if (!is_folded)
    return memmem(bytes, value->size, part, size) != NULL;
  for (size_t at = 0; at + size <= value->size; at++)
    if (select_bytes_same(bytes + at, part, size, 1))
      return 1;
  return 0;
}

static int is_spaced(const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (dom_is_space((uint8_t)bytes[i]))
      return 1;
  return 0;
}

static int value_test(enum select_compare kind, const struct copse_bytes *value, const char *wanted,
                      size_t size, int is_folded) {
  const uint8_t *bytes = value->data;
  int is_long = value->size >= size;
  switch (kind) {
  case SELECT_PRESENT: return 1;
  case SELECT_EQUAL:
    return value->size == size && select_bytes_same(bytes, wanted, size, is_folded);
  case SELECT_WORD:
    return size && !is_spaced(wanted, size) && has_word(value, wanted, size, is_folded);
  case SELECT_DASH:
    return is_long && (value->size == size || bytes[size] == '-') &&
           select_bytes_same(bytes, wanted, size, is_folded);
  case SELECT_PREFIX: return size && is_long && select_bytes_same(bytes, wanted, size, is_folded);
  case SELECT_SUFFIX:
    return size && is_long &&
           select_bytes_same(bytes + value->size - size, wanted, size, is_folded);
  default: return size && has_part(value, wanted, size, is_folded);
  }
}

/* An attribute of that local name in any namespace. */
static int any_space_test(struct select_match *match, const struct select_simple *simple,
                          const struct select_node *node, int is_html, int is_folded) {
  struct select_text local = is_html ? simple->lower : simple->name;
  struct dom_attributes walk, again;
  struct dom_attribute attribute;
  int result = attributes_begin(match, node, &walk), next;
  while (result == 0 && (next = dom_attributes_next(&walk, &attribute)) != COPSE_NONE) {
    struct dom_name name;
    if (next < 0)
      return dom_attributes_damaged();
    if (attribute.name < DOM_NAME_FIRST)
      continue;
    uint32_t at = (uint32_t)(attribute.value - walk.block);
    result = dom_name_get(match->view, match->document, attribute.name, &name);
    if (result)
      return result;
    int is_same = name.local.size == local.size &&
                  memcmp(name.local.data, select_text(match->selector, local), local.size) == 0;
    if (match->heap.copies) { /* the name's page lies where the block's did */
      result = dom_attributes(match->view, match->document, &node->record.data, &again);
      walk.block = again.block;
    }
    struct copse_bytes value = {walk.block + at, attribute.size};
    if (result == 0 && is_same &&
        value_test(simple->kind, &value, select_text(match->selector, simple->value),
                   simple->value.size, is_folded))
      return 1;
  }
  return result;
}

int select_attribute_test(struct select_match *match, uint32_t number,
                          const struct select_node *node) {
  const struct select_simple *simple = &match->selector->simples[number];
  uint32_t lower = simple->number, exact = simple->exact;
  if (match->own) {
    lower = lower ? lower : match->own[2 * number];
    exact = exact ? exact : match->own[2 * number + 1];
  }
  int is_html = 1,
      needs_html = lower != exact || simple->flags & (SELECT_FOLD_HTML | SELECT_ANY_SPACE);
  if (needs_html) {
    is_html = select_html_test(match, node);
    if (is_html < 0)
      return is_html;
  }
  int is_folded = simple->flags & SELECT_FOLD || (simple->flags & SELECT_FOLD_HTML && is_html);
  if (simple->flags & SELECT_ANY_SPACE)
    return any_space_test(match, simple, node, is_html, is_folded);
  uint32_t name = is_html ? lower : exact;
  struct copse_bytes value;
  int result = name ? find(match, node, name, &value) : COPSE_NONE;
  if (result)
    return result == COPSE_NONE ? 0 : result;
  return value_test(simple->kind, &value, select_text(match->selector, simple->value),
                    simple->value.size, is_folded);
}
