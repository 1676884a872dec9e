/* dom/heap.c - strings come into the heap, and leave it. */
#include <stdlib.h>

#include "dom/change.h"
#include "store/arena.h"
#include "store/store.h"

/* --- changes --------------------------------------------------------------------------- */

/* Makes the document node the transaction's own. */
static int root_own(struct dom_change *change, struct dom_data **data) {
  struct copse_handle root = {change->document->tree->arena->map.tag, 0, 1, 0};
  int result = dom_data_own(change->txn, change->document, &root, data);
  if (result == COPSE_E_STALE || result == COPSE_E_NOT_YET ||
      (result == 0 && (*data)->kind != COPSE_NODE_DOCUMENT))
    return error_set(COPSE_E_CORRUPT, "the document has no document node");
  return result;
}

int dom_change_begin(struct dom_change *change, struct copse_txn *txn,
                     struct copse_document *document, int in_steps) {
  struct dom_data *root;
  int result = txn_check(txn);
  if (result)
    return result;
  *change = (struct dom_change){.txn = txn, .document = document, .in_steps = in_steps};
  if (in_steps)
    result = txn_savepoint(txn);
  if (result)
    return result;
  result = root_own(change, &root);
  if (result && in_steps)
    result = arena_steps_end(txn, result);
  return result;
}

/* Only a heap that has grown by a leaf is looked at: were there no space to make it smaller, each call would try. */
static int compact_if_due(struct dom_change *change, uint32_t in_use) {
  uint64_t units;
  int result = copse_arena_count(&change->txn->view, change->document->text, &units);
  if (result || units * DOM_UNIT < DOM_COMPACT_BYTES || in_use > units / 2)
    return result;
  result = copse_document_compact(change->txn, change->document);
  return result == COPSE_E_CORRUPT || result == COPSE_E_STATE ? result : 0;
}

int dom_change_end(struct dom_change *change, int result) {
  struct dom_data *root;
  uint32_t in_use = 0;
  if (result == 0)
    result = root_own(change, &root);
  if (result == 0)
    in_use = root->more += change->units;
  if (change->in_steps)
    result = arena_steps_end(change->txn, result);
  if (result == 0 && change->grown)
    result = compact_if_due(change, in_use);
  return result;
}

int dom_data_own(struct copse_txn *txn, struct copse_document *document,
                 const struct copse_handle *node, struct dom_data **data) {
  void *memory;
  int result = copse_tree_update(txn, document->tree, node, NULL, &memory);
  if (result == 0)
    *data = memory;
  return result;
}

/* --- the heap -------------------------------------------------------------------------- */

#define PLACES_END (UINT32_MAX - DOM_NAMES_OWN)

int dom_heap_add(struct dom_change *change, const void *bytes, uint32_t units, uint32_t *place) {
  static const uint32_t zeros[DOM_ENTRY_MAX / DOM_UNIT];
  struct copse_arena *text = change->document->text;
  uint32_t slots = text->shape.slots;
  uint64_t end, first;
  int result = copse_arena_count(&change->txn->view, text, &end);
  if (result)
    return result;
  if (end + slots >= PLACES_END)
    return error_set(COPSE_E_TOO_MANY, "the document's text has grown to 16 GiB");
  uint32_t left = slots - (uint32_t)(end % slots);
  change->grown |= units >= left;
  if (units > left)
    result = copse_arena_append(change->txn, text, left, zeros, NULL);
  if (result)
    return result;
  result = copse_arena_append(change->txn, text, units, bytes, &first);
  if (result)
    return result;
  if (first == 0 || first > PLACES_END || first % slots + units > slots)
    return error_set(COPSE_E_CORRUPT, "the document's text has gaps");
  change->units += units;
  *place = (uint32_t)first;
  return 0;
}

int dom_heap_clear(struct copse_txn *txn, struct copse_document *document) {
  uint32_t mark = 0;
  int result = arena_clear(txn, document->text);
  return result ? result : copse_arena_append(txn, document->text, 1, &mark, NULL);
}

/* --- big strings ----------------------------------------------------------------------- */

static void big_key(uint32_t number, uint8_t key[DOM_BIG_KEY]) {
  key[0] = 'b';
  for (int i = 0; i < 4; i++)
    key[1 + i] = (uint8_t)(number >> (24 - 8 * i));
}

int dom_big_add(struct dom_change *change, const void *bytes, size_t size, uint32_t *number) {
  struct dom_data *root;
  uint8_t key[DOM_BIG_KEY];
  int result = root_own(change, &root);
  if (result)
    return result;
  do {
    *number = root->data++;
    big_key(*number, key);
    result =
        copse_put(change->txn, change->document->names, key, sizeof key, bytes, size, COPSE_INSERT);
  } while (result == COPSE_E_KEY_EXISTS); /* numbers have begun anew */
  return result;
}

int dom_big_put(struct copse_txn *txn, struct copse_document *document, uint32_t number,
                const void *bytes, size_t size) {
  uint8_t key[DOM_BIG_KEY];
  big_key(number, key);
  return copse_put(txn, document->names, key, sizeof key, bytes, size, 0);
}

int dom_big_drop(struct dom_change *change, uint32_t number) {
  uint8_t key[DOM_BIG_KEY];
  big_key(number, key);
  int result = copse_delete(change->txn, change->document->names, key, sizeof key);
  return result == COPSE_NONE
             ? error_set(COPSE_E_CORRUPT, "big string %u is not in the document", number)
             : result;
}

int dom_big(struct copse_view *view, const struct copse_document *document, uint32_t number,
            struct copse_bytes *bytes) {
  uint8_t key[DOM_BIG_KEY];
  big_key(number, key);
  int result = copse_get(view, document->names, key, sizeof key, bytes);
  return result == COPSE_NONE
             ? error_set(COPSE_E_CORRUPT, "big string %u is not in the document", number)
             : result;
}

/* --- strings --------------------------------------------------------------------------- */

int dom_string_add(struct dom_change *change, const void *bytes, size_t size,
                   struct dom_data *data) {
  uint32_t units[DOM_SMALL / DOM_UNIT];
  data->flags &= (uint8_t)~DOM_BIG;
  data->data = 0;
  if (size == 0)
    return 0;
  if (!bytes || size > UINT32_MAX)
    return error_set(bytes ? COPSE_E_VALUE_SIZE : COPSE_E_ARGUMENT,
                     "a string of %zu bytes, and at most 2^32 - 1 are allowed", size);
  if (size > DOM_SMALL) {
    int result = dom_big_add(change, bytes, size, &data->data);
    data->flags |= DOM_BIG;
    return result;
  }
  uint32_t count = dom_units((uint32_t)size);
  units[count - 1] = 0;
  memcpy(units, bytes, size);
  return dom_heap_add(change, units, count, &data->data);
}

int dom_string_size(struct copse_view *view, const struct copse_document *document,
                    const struct dom_data *data, uint32_t *size) {
  struct dom_attributes walk;
  struct dom_attribute attribute;
  struct copse_bytes strings[3];
  int result = 0;
  *size = 0;
  switch (data->kind) {
  case COPSE_NODE_DOCUMENT:
  case COPSE_NODE_FRAGMENT: break;
  case COPSE_NODE_ELEMENT:
    result = dom_attributes(view, document, data, &walk);
    if (result)
      return result;
    while ((result = dom_attributes_next(&walk, &attribute)) == 0)
      ;
    if (result < 0)
      return dom_attributes_damaged();
    *size = walk.offset;
    return 0;
  case COPSE_NODE_DOCTYPE:
    result = dom_doctype(view, document, data, strings);
    if (result == 0)
      *size = DOM_DOCTYPE_HEAD + (uint32_t)(strings[0].size + strings[1].size + strings[2].size);
    break;
  default: *size = data->more;
  }
  return result;
}

int dom_string_drop(struct dom_change *change, const struct dom_data *data) {
  uint32_t size;
  int result = dom_string_size(&change->txn->view, change->document, data, &size);
  if (result)
    return result;
  if (data->flags & DOM_BIG)
    return dom_big_drop(change, data->data);
  change->units -= dom_units(size);
  return 0;
}

int dom_buffer_make(struct dom_buffer *buffer, uint64_t size) {
  buffer->bytes = buffer->small;
  if (size > UINT32_MAX)
    return error_set(COPSE_E_VALUE_SIZE, "a string of %llu bytes, and at most 2^32 - 1 are allowed",
                     (unsigned long long)size);
  if (size > sizeof buffer->small)
    buffer->bytes = malloc(size);
  return buffer->bytes ? 0 : error_set(COPSE_E_MEMORY, "no memory for a string");
}

void dom_buffer_free(struct dom_buffer *buffer) {
  if (buffer->bytes != buffer->small)
    free(buffer->bytes);
}
