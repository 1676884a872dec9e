/* dom/intern.c - the qualified names of a document: numbers to names and back. */
#include "dom/document.h"
#include "store/store.h"

/* --- numbers to names ------------------------------------------------------------------ */

#define ENTRY_HEAD 4u

/* In views whose pages are copied: copies it once more, to where it is not overwritten by the next one. */
static int bytes_keep(struct copse_view *view, struct copse_bytes *bytes, unsigned level) {
  const uint8_t *from = bytes->data;
  size_t skip = (uintptr_t)from % 8;
  const void *copied;
  if (!view->pages.copy)
    return 0;
  int result = view->pages.copy(&view->pages, from - skip, bytes->size + skip, level, &copied);
  if (result == 0)
    bytes->data = (const uint8_t *)copied + skip;
  return result;
}

/* The local name of an entry that is too long for the heap. */
static int long_name(struct copse_view *view, const struct copse_document *document,
                     const uint8_t *entry, struct copse_bytes *local) {
  uint32_t size = dom_u32(entry + 4);
  int result = dom_big(view, document, dom_u32(entry), local);
  if (result == 0 && local->size != size)
    result =
        error_set(COPSE_E_CORRUPT, "a long name has %zu bytes instead of %u", local->size, size);
  return result ? result : bytes_keep(view, local, VIEW_COPY_KEPT + 1);
}

int dom_name_get(struct copse_view *view, const struct copse_document *document, uint32_t number,
                 struct dom_name *name) {
  const uint8_t *entry;
  uint32_t room;
  if (number < DOM_NAMES_OWN)
    return dom_known_name(number, name) == 0
               ? 0
               : error_set(COPSE_E_CORRUPT, "there is no name of number %u", number);
  int result = dom_heap(view, document, number - DOM_NAMES_OWN, &entry, &room);
  if (result)
    return result;
  uint32_t prefix = entry[1], size = entry[2] | (uint32_t)entry[3] << 8;
  int is_long = size == DOM_NAME_LONG;
  uint32_t whole = ENTRY_HEAD + prefix + (is_long ? 8 : size);
  if (whole > room || entry[0] > COPSE_NS_XMLNS || (!is_long && size > DOM_SMALL))
    return error_set(COPSE_E_CORRUPT, "name %u is damaged", number);
  struct copse_bytes kept = {entry, whole};
  result = bytes_keep(view, &kept, VIEW_COPY_KEPT);
  if (result)
    return result;
  entry = kept.data;
  *name = (struct dom_name){
      entry[0], {entry + ENTRY_HEAD, prefix}, {entry + ENTRY_HEAD + prefix, size}};
  return is_long ? long_name(view, document, entry + ENTRY_HEAD + prefix, &name->local) : 0;
}

/* --- names to numbers ------------------------------------------------------------------ */

static int number_of(const struct copse_bytes *value, uint32_t *number) {
  if (value->size != sizeof *number)
    return error_set(COPSE_E_CORRUPT, "a name's number has %zu bytes", value->size);
  memcpy(number, value->data, sizeof *number);
  return 0;
}

int dom_name_look(struct copse_view *view, const struct copse_document *document,
                  const struct dom_name *name, struct dom_name_key *key, uint32_t *number) {
  struct copse_bytes value;
  const struct copse_bytes *prefix = &name->prefix, *local = &name->local;
  if (prefix->size > DOM_PREFIX_MAX || (prefix->size && memchr(prefix->data, 0, prefix->size)) ||
      local->size == 0 || local->size > UINT32_MAX || name->space > COPSE_NS_XMLNS)
    return error_set(COPSE_E_ARGUMENT,
                     "this cannot be a qualified name: a namespace of number %d, a "
                     "prefix of %zu bytes and a name of %zu",
                     (int)name->space, prefix->size, local->size);
  uint8_t *at = key->bytes;
  *at++ = 'n';
  *at++ = (uint8_t)name->space;
  if (3 + prefix->size + local->size <= sizeof key->bytes) {
    if (prefix->size)
      memcpy(at, prefix->data, prefix->size);
    at += prefix->size;
    *at++ = 0;
    memcpy(at, local->data, local->size);
    key->size = (uint32_t)(at - key->bytes + local->size);
    int result = copse_get(view, document->names, key->bytes, key->size, &value);
    return result ? result : number_of(&value, number);
  }
  uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ name->space;
  for (size_t i = 0; i < prefix->size; i++)
    hash = (hash ^ ((const uint8_t *)prefix->data)[i]) * UINT64_C(0x100000001b3);
  for (size_t i = 0; i < local->size; i++)
    hash = (hash ^ ((const uint8_t *)local->data)[i]) * UINT64_C(0x100000001b3);
  key->bytes[0] = 'l';
  copse_key_u64(hash, key->bytes + 1);
  key->size = 13;
  for (uint32_t i = 0;; i++) {
    struct dom_name found;
    uint8_t be[8];
    copse_key_u64(i, be);
    memcpy(key->bytes + 9, be + 4, 4);
    int result = copse_get(view, document->names, key->bytes, key->size, &value);
    if (result == 0)
      result = number_of(&value, number);
    if (result == 0)
      result = dom_name_get(view, document, *number, &found);
    if (result)
      return result;
    if (found.space == name->space && found.prefix.size == prefix->size &&
        found.local.size == local->size &&
        memcmp(found.prefix.data, prefix->size ? prefix->data : "", prefix->size) == 0 &&
        memcmp(found.local.data, local->data, local->size) == 0)
      return 0;
  }
}

int dom_name_find(struct copse_view *view, const struct copse_document *document,
                  enum copse_namespace space, const void *prefix, size_t prefix_size,
                  const void *local, size_t size, uint32_t *number) {
  struct dom_name name = {space, {prefix, prefix_size}, {local, size}};
  struct dom_name_key key;
  uint32_t known = dom_known_number(space, prefix, prefix_size, local, size);
  if (known) {
    *number = known;
    return 0;
  }
  return dom_name_look(view, document, &name, &key, number);
}
