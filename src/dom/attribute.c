/* dom/attribute.c - setting and removing attributes: an element's block is written anew. */
#include "dom/change.h"

#include "store/store.h"

/* A block that is being written: entries are counted and measured before, in the same order. */
struct block {
  struct dom_buffer buffer;
  uint32_t size, count, value; /* bytes; entries so far; where the next value goes */
  uint32_t filter;
};

static int block_begin(struct block *block, uint32_t count, uint64_t values) {
  uint64_t size = count ? DOM_BLOCK_HEAD + (uint64_t)count * DOM_BLOCK_ENTRY + values : 0;
  int result = dom_buffer_make(&block->buffer, size);
  if (result)
    return result;
  block->size = (uint32_t)size;
  block->count = block->filter = 0;
  block->value = DOM_BLOCK_HEAD + count * DOM_BLOCK_ENTRY;
  if (count)
    memcpy(block->buffer.bytes, &count, sizeof count);
  return 0;
}

static void block_add(struct block *block, const struct dom_attribute *attribute) {
  uint8_t *entry = block->buffer.bytes + DOM_BLOCK_HEAD + (size_t)block->count++ * DOM_BLOCK_ENTRY;
  uint32_t size = attribute->name == DOM_NAME_CONTENTS ? 0 : attribute->size;
  memcpy(entry, &attribute->name, 4);
  memcpy(entry + 4, &attribute->size, 4);
  if (size)
    memcpy(block->buffer.bytes + block->value, attribute->value, size);
  block->value += size;
  block->filter |= dom_filter(attribute);
}

/* --- changing -------------------------------------------------------------------------- */

/* Whether an attribute is the one that is meant: of the same namespace and local name, whatever the prefix. */
static int is_same(struct copse_view *view, const struct copse_document *document, uint32_t number,
                   uint32_t other, const struct dom_name *name) {
  struct dom_name found;
  if (number == other || name->space == COPSE_NS_NONE || number <= DOM_NAME_FIRST)
    return number == other;
  int result = dom_name_get(view, document, number, &found);
  if (result)
    return result;
  return found.space == name->space && found.local.size == name->local.size &&
         memcmp(found.local.data, name->local.data, name->local.size) == 0;
}

/* Finds it in a block: its number, or that behind the last one. *values: bytes of all the others. */
static int find(struct copse_view *view, const struct copse_document *document,
                const struct dom_item *item, uint32_t number, const struct dom_name *name,
                uint32_t *at, uint64_t *values) {
  struct dom_attributes walk;
  struct dom_attribute attribute;
  int result = dom_attributes(view, document, &item->data, &walk);
  if (result)
    return result;
  *at = walk.count;
  uint32_t begin = walk.offset;
  while ((result = dom_attributes_next(&walk, &attribute)) == 0) {
    int same = *at == walk.count ? is_same(view, document, attribute.name, number, name) : 0;
    if (same < 0)
      return same;
    if (same) {
      *at = walk.next - 1;
      begin += attribute.size;
    }
  }
  *values = walk.offset - begin;
  return result < 0 ? dom_attributes_damaged() : 0;
}

/* Writes a block without the attribute of number `at`, or with another value for it (attribute, not NULL). */
static int rewrite(struct copse_txn *txn, struct copse_document *document,
                   const struct dom_item *item, uint32_t at, uint64_t values,
                   const struct dom_attribute *attribute) {
  struct dom_attributes walk;
  struct dom_attribute old;
  struct block block;
  int result = dom_attributes(copse_txn_view(txn), document, &item->data, &walk);
  if (result)
    return result;
  uint32_t count = walk.count + (attribute && at == walk.count) - (!attribute);
  result = block_begin(&block, count, values + (attribute ? attribute->size : 0));
  if (result)
    return result;
  while ((result = dom_attributes_next(&walk, &old)) == 0)
    if (walk.next - 1 != at) {
      block_add(&block, &old);
    } else if (attribute) {
      struct dom_attribute kept = {old.name, attribute->size, attribute->value};
      block_add(&block, &kept);
    }
  if (attribute && at == walk.count)
    block_add(&block, attribute);
  result = result < 0 ? dom_attributes_damaged()
                      : dom_string_replace(txn, document, item, block.buffer.bytes, block.size,
                                           block.filter);
  dom_buffer_free(&block.buffer);
  return result;
}

int copse_attribute_set_ns(struct copse_txn *txn, struct copse_document *document,
                           const struct copse_handle *element, enum copse_namespace space,
                           const char *prefix, const char *name, const void *value, size_t size) {
  struct copse_view *view = copse_txn_view(txn);
  struct dom_item item;
  uint32_t number = 0, at;
  uint64_t values;
  if (!name || !*name)
    return error_set(COPSE_E_ARGUMENT, "the attribute has no name");
  if ((!value && size) || size > UINT32_MAX)
    return error_set(value ? COPSE_E_VALUE_SIZE : COPSE_E_ARGUMENT, "a value of %zu bytes", size);
  struct dom_name asked = {space, {prefix, prefix ? strlen(prefix) : 0}, {name, strlen(name)}};
  int result = dom_element_get(view, document, element, &item);
  if (result == 0)
    result = dom_name_intern(txn, document, &asked, &number);
  if (result == 0)
    result = find(view, document, &item, number, &asked, &at, &values);
  struct dom_attribute attribute = {number, (uint32_t)size, value};
  return result ? result : rewrite(txn, document, &item, at, values, &attribute);
}

int copse_attribute_set(struct copse_txn *txn, struct copse_document *document,
                        const struct copse_handle *element, const char *name, const void *value,
                        size_t size) {
  return copse_attribute_set_ns(txn, document, element, COPSE_NS_NONE, NULL, name, value, size);
}

int copse_attribute_remove(struct copse_txn *txn, struct copse_document *document,
                           const struct copse_handle *element, const char *name) {
  struct copse_view *view = copse_txn_view(txn);
  struct dom_attribute attribute;
  struct dom_item item;
  uint32_t number, at;
  uint64_t values;
  if (!name || !*name)
    return error_set(COPSE_E_ARGUMENT, "the attribute has no name");
  struct dom_name asked = {COPSE_NS_NONE, {NULL, 0}, {name, strlen(name)}};
  int result = txn_check(txn);
  if (result == 0)
    result = dom_element_get(view, document, element, &item);
  if (result == 0)
    result = dom_name_find(view, document, COPSE_NS_NONE, NULL, 0, name, strlen(name), &number);
  if (result == 0)
    result = dom_attribute_find(view, document, &item.data, number, &attribute);
  if (result == 0)
    result = find(view, document, &item, number, &asked, &at, &values);
  return result ? result : rewrite(txn, document, &item, at, values, NULL);
}

int dom_attributes_copy(struct copse_txn *txn, struct copse_document *document,
                        const struct dom_item *to, struct dom_attribute *attributes,
                        uint32_t count) {
  struct copse_view *view = copse_txn_view(txn);
  struct dom_attribute contents = {0};
  struct block block;
  uint64_t values = 0;
  int result = 0, is_template = to->data.flags & DOM_TEMPLATE;
  if (is_template)
    result = dom_attribute_find(view, document, &to->data, DOM_NAME_CONTENTS, &contents);
  for (uint32_t i = 0; i < count; i++)
    values += attributes[i].size;
  if (result == 0)
    result = block_begin(&block, count + (is_template != 0), values);
  if (result)
    return result;
  if (is_template)
    block_add(&block, &contents);
  for (uint32_t i = 0; i < count; i++)
    block_add(&block, &attributes[i]);
  result = dom_string_replace(txn, document, to, block.buffer.bytes, block.size, block.filter);
  dom_buffer_free(&block.buffer);
  return result;
}

/* --- classes --------------------------------------------------------------------------- */

static int word_check(const char *word) {
  if (!word || !*word)
    return error_set(COPSE_E_ARGUMENT, "the word is empty");
  for (const char *at = word; *at; at++)
    if (dom_is_space((uint8_t)*at))
      return error_set(COPSE_E_ARGUMENT, "\"%s\" is more than one word", word);
  return 0;
}

static int is_word(const struct copse_bytes *found, const char *word) {
  return found->size == strlen(word) && memcmp(found->data, word, found->size) == 0;
}

/* The value of class, without a word, with one more; COPSE_NONE: it is as it is to be. */
static int class_change(struct copse_txn *txn, struct copse_document *document,
                        const struct copse_handle *element, const char *word, int add) {
  struct dom_attribute attribute = {0};
  struct dom_item item;
  struct dom_buffer buffer;
  int has = 0, result = word_check(word);
  if (result == 0)
    result = txn_check(txn);
  if (result == 0)
    result = dom_element_get(copse_txn_view(txn), document, element, &item);
  if (result == 0)
    result =
        dom_attribute_find(copse_txn_view(txn), document, &item.data, DOM_NONE_CLASS, &attribute);
  if (result < 0)
    return result;
  struct copse_bytes rest = {attribute.value, attribute.size}, found;
  if (result == COPSE_NONE)
    rest = (struct copse_bytes){"", 0};
  struct copse_bytes all = rest;
  while (!has && (found = dom_word_next(&rest)).size)
    has = is_word(&found, word);
  if (has == add)
    return COPSE_NONE;
  result = dom_buffer_make(&buffer, (uint64_t)all.size + strlen(word) + 1);
  if (result)
    return result;
  size_t size = 0;
  for (rest = all; (found = dom_word_next(&rest)).size;)
    if (!is_word(&found, word)) {
      if (size)
        buffer.bytes[size++] = ' ';
      memcpy(buffer.bytes + size, found.data, found.size);
      size += found.size;
    }
  if (add) {
    if (size)
      buffer.bytes[size++] = ' ';
    memcpy(buffer.bytes + size, word, strlen(word));
    size += strlen(word);
  }
  result = copse_attribute_set(txn, document, element, "class", buffer.bytes, size);
  dom_buffer_free(&buffer);
  return result;
}

int copse_class_add(struct copse_txn *txn, struct copse_document *document,
                    const struct copse_handle *element, const char *word) {
  return class_change(txn, document, element, word, 1);
}

int copse_class_remove(struct copse_txn *txn, struct copse_document *document,
                       const struct copse_handle *element, const char *word) {
  return class_change(txn, document, element, word, 0);
}
