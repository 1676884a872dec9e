/* dom/intern.c - the qualified names of a document: numbers to names and back. */
#include "dom/change.h"
#include "store/store.h"

/* --- numbers to names ------------------------------------------------------------------ */

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

int dom_name_entry(struct copse_view *view, const struct copse_document *document, uint32_t number,
                   struct copse_bytes *entry) {
  const uint8_t *bytes;
  uint32_t room;
  int result = dom_heap(view, document, number - DOM_NAMES_OWN, &bytes, &room);
  if (result)
    return result;
  uint32_t prefix = bytes[1], size = bytes[2] | (uint32_t)bytes[3] << 8;
  uint32_t whole = DOM_ENTRY_HEAD + prefix + (size == DOM_NAME_LONG ? 8 : size);
  if (whole > room || bytes[0] > COPSE_NS_XMLNS || (size > DOM_SMALL && size != DOM_NAME_LONG))
    return error_set(COPSE_E_CORRUPT, "name %u is damaged", number);
  *entry = (struct copse_bytes){bytes, whole};
  return 0;
}

int dom_name_get(struct copse_view *view, const struct copse_document *document, uint32_t number,
                 struct dom_name *name) {
  struct copse_bytes entry;
  if (number < DOM_NAMES_OWN)
    return dom_known_name(number, name) == 0
               ? 0
               : error_set(COPSE_E_CORRUPT, "there is no name of number %u", number);
  int result = dom_name_entry(view, document, number, &entry);
  if (result == 0)
    result = bytes_keep(view, &entry, VIEW_COPY_KEPT);
  if (result)
    return result;
  const uint8_t *bytes = entry.data;
  size_t prefix = bytes[1], size = entry.size - DOM_ENTRY_HEAD - prefix;
  const uint8_t *local = bytes + DOM_ENTRY_HEAD + prefix;
  *name = (struct dom_name){bytes[0], {bytes + DOM_ENTRY_HEAD, prefix}, {local, size}};
  int is_long = bytes[2] == 0xff && bytes[3] == 0xff;
  return is_long ? long_name(view, document, local, &name->local) : 0;
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

/* --- new names ------------------------------------------------------------------------- */

int dom_name_entry_add(struct dom_change *change, const struct dom_name *name, uint32_t *number) {
  uint8_t entry[DOM_ENTRY_MAX] = {(uint8_t)name->space, (uint8_t)name->prefix.size};
  size_t size = name->local.size;
  int is_long = size > DOM_SMALL, result = 0;
  uint16_t told = is_long ? DOM_NAME_LONG : (uint16_t)size;
  memcpy(entry + 2, &told, sizeof told);
  uint8_t *at = entry + DOM_ENTRY_HEAD;
  if (name->prefix.size)
    memcpy(at, name->prefix.data, name->prefix.size);
  at += name->prefix.size;
  if (is_long) {
    uint32_t big[2] = {0, (uint32_t)size};
    result = dom_big_add(change, name->local.data, size, &big[0]);
    memcpy(at, big, sizeof big);
    at += sizeof big;
  } else {
    memcpy(at, name->local.data, size);
    at += size;
  }
  uint32_t place;
  if (result == 0)
    result = dom_heap_add(change, entry, dom_units((uint32_t)(at - entry)), &place);
  if (result == 0)
    *number = DOM_NAMES_OWN + place;
  return result;
}

int dom_name_intern(struct copse_txn *txn, struct copse_document *document,
                    const struct dom_name *name, uint32_t *number) {
  struct dom_name_key key;
  struct dom_change change;
  uint32_t made = dom_known_number(name->space, name->prefix.data, name->prefix.size,
                                   name->local.data, name->local.size);
  int result = made ? 0 : dom_name_look(copse_txn_view(txn), document, name, &key, &made);
  if (result == 0)
    *number = made;
  if (result != COPSE_NONE)
    return result;
  result = dom_change_begin(&change, txn, document, name->local.size > DOM_SMALL);
  if (result)
    return result;
  result = dom_name_entry_add(&change, name, &made);
  if (result == 0)
    result = copse_put(txn, document->names, key.bytes, key.size, &made, sizeof made, 0);
  change.grown = 0; /* numbers of names are to stay until the caller has used them */
  result = dom_change_end(&change, result);
  if (result == 0)
    *number = made;
  return result;
}
