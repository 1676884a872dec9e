/* dom/data.h - what the nodes of a document hold, and its text heap.
 *
 * A document NAME is three containers:
 *   NAME          a tree arena whose payloads are struct dom_data; slot 0 is the document node
 *   NAME.text     the heap: an arena of units of 4 bytes, appended to and never changed. A string lies within one
 *                 leaf, so that its bytes are contiguous. The number of its first unit is its place; unit 0 is
 *                 a mark, so that no string has place 0
 *   NAME.names    a map of byte strings:
 *                   'n' space prefix NUL local            -> u32, the number of a qualified name
 *                   'l' u64 hash, u32 i (both big-endian) -> the same for one that is too long to be a key: the i-th
 *                                                            of those with the same hash
 *                   'b' u32 (big-endian)                  -> a string of more than DOM_SMALL bytes
 *
 * Numbers of qualified names: below DOM_NAMES_OWN those of the table in names.c, for ever the same; others are
 * DOM_NAMES_OWN + the place of { u8 space, u8 size of prefix, u16 size of local, prefix, local } in the heap. A local
 * name of more than DOM_SMALL bytes has the size DOM_NAME_LONG there, and behind the prefix u32 number, u32
 * size of a big string (not aligned).
 *
 * Reading needs the tree and the heap, and the map for big strings only. Units of the heap that strings and names
 * of live nodes take are counted in the document node; the others are garbage, until compaction writes the
 * heap anew. Names stay in use until then.
 *
 *   payload (16 bytes)
 *    0  1  kind             enum copse_node_kind
 *    1  1  flags            enum dom_flag
 *    2  2  zero
 *    4  4  name             element, instruction: number of its qualified name.  document: quirks
 *    8  4  data             place of a string (DOM_BIG: its number as a key); 0: it is empty.
 *                           element: of its attributes.  doctype: of its three strings.
 *                           fragment with DOM_HOST: link of its template.  document: number of the next big string
 *   12  4  more             text, comment, instruction: bytes.  element: filter.  document: units in use
 *
 *   attributes: u32 count, count x { u32 name, u32 size }, then the values, one behind the other.
 *     Not shown, and before the others: DOM_NAME_CONTENTS, whose size is the link of a template's contents, and
 *     has no value; then DOM_NAME_SOURCE, a struct copse_source.
 *   doctype:    u32 size of its name, of its public and of its system identifier; then the three
 *   filter:     bits for the id, each word of the class, and the name of each attribute: see dom_filter()
 */
#ifndef DOM_DATA_H
#define DOM_DATA_H

#include <string.h>

#include "dom/names.h"

#define DOM_UNIT 4u
#define DOM_SMALL 1024u /* bytes of the longest string in the heap */
#define DOM_NAME_LONG 0xffffu
#define DOM_PREFIX_MAX 255u
#define DOM_ENTRY_HEAD 4u /* of a name in the heap */
#define DOM_ENTRY_MAX                                                                              \
  ((DOM_ENTRY_HEAD + DOM_PREFIX_MAX + DOM_SMALL + DOM_UNIT) / DOM_UNIT * DOM_UNIT)
#define DOM_BIG_KEY 5u                        /* bytes */
#define DOM_COMPACT_BYTES (UINT64_C(1) << 20) /* a heap of so many is made small by itself */

enum dom_flag {
  DOM_BIG = 1,      /* data is the number of a big string */
  DOM_TEMPLATE = 2, /* element: it has contents */
  DOM_HOST = 4,     /* fragment: it is the contents of a template */
  DOM_ORDERED =
      8, /* document: its nodes follow its first child in document order without a gap, the contents of
                       templates behind their templates, each of generation 1, and none was placed or removed since */
};

struct dom_data {
  uint8_t kind, flags;
  uint16_t zero;
  uint32_t name, data, more;
};
_Static_assert(sizeof(struct dom_data) == 16, "payload");

static inline uint32_t dom_units(uint32_t bytes) {
  return bytes / DOM_UNIT + (bytes % DOM_UNIT != 0);
}

static inline uint32_t dom_u32(const uint8_t *bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

/* --- attribute blocks ------------------------------------------------------------------ */

#define DOM_BLOCK_HEAD 4u  /* bytes */
#define DOM_BLOCK_ENTRY 8u /* for each attribute */
#define DOM_DOCTYPE_HEAD 12u

/* A walk over the attributes of a block, those that are not shown among them. */
struct dom_attributes {
  const uint8_t *block;
  uint32_t room;   /* bytes from there on that may be looked at */
  uint32_t count;  /* attributes in it */
  uint32_t next;   /* number of the next one */
  uint32_t offset; /* of its value */
};
struct dom_attribute {
  uint32_t name;
  uint32_t size; /* of the value; of DOM_NAME_CONTENTS: the link */
  const uint8_t *value;
};

/* room 0: there are none. -1: it is damaged. */
static inline int dom_attributes_begin(struct dom_attributes *walk, const uint8_t *block,
                                       uint32_t room) {
  *walk = (struct dom_attributes){.block = block, .room = room};
  if (room == 0)
    return 0;
  if (room < DOM_BLOCK_HEAD ||
      (walk->count = dom_u32(block)) > (room - DOM_BLOCK_HEAD) / DOM_BLOCK_ENTRY)
    return -1;
  walk->offset = DOM_BLOCK_HEAD + walk->count * DOM_BLOCK_ENTRY;
  return 0;
}

/* 0: *attribute is the next; COPSE_NONE: there are no more, and offset is the block's size; -1: damaged. */
static inline int dom_attributes_next(struct dom_attributes *walk,
                                      struct dom_attribute *attribute) {
  if (walk->next >= walk->count)
    return COPSE_NONE;
  const uint8_t *entry = walk->block + DOM_BLOCK_HEAD + (size_t)walk->next * DOM_BLOCK_ENTRY;
  attribute->name = dom_u32(entry);
  attribute->size = dom_u32(entry + 4);
  attribute->value = walk->block + walk->offset;
  uint32_t size = attribute->name == DOM_NAME_CONTENTS ? 0 : attribute->size;
  if (size > walk->room - walk->offset)
    return -1;
  walk->offset += size;
  walk->next++;
  return 0;
}

/* --- filters --------------------------------------------------------------------------- */

static inline int dom_is_space(uint8_t byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r';
}

/* The next word of a list like that of class; *rest is what follows it. size 0: there is none. */
static inline struct copse_bytes dom_word_next(struct copse_bytes *rest) {
  const uint8_t *bytes = rest->data;
  size_t at = 0, begin;
  while (at < rest->size && dom_is_space(bytes[at]))
    at++;
  for (begin = at; at < rest->size && !dom_is_space(bytes[at]);)
    at++;
  struct copse_bytes word = {bytes ? bytes + begin : NULL, at - begin};
  *rest = (struct copse_bytes){bytes ? bytes + at : NULL, rest->size - at};
  return word;
}

/* Bits are the same for letters of both cases: documents in quirks mode do not tell them apart. */
static inline uint32_t dom_filter_bit(uint32_t hash, const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] | 32 : bytes[i])) * 16777619u;
  return UINT32_C(1) << (hash * 2654435769u >> 27);
}
static inline uint32_t dom_filter_id(const void *bytes, size_t size) {
  return dom_filter_bit(0x1d, bytes, size);
}
static inline uint32_t dom_filter_class(const void *bytes, size_t size) {
  return dom_filter_bit(0xc1, bytes, size);
}
static inline uint32_t dom_filter_attribute(uint32_t name) {
  return UINT32_C(1) << (name * 2654435769u >> 27);
}

/* What an attribute sets in its element's filter. An element that has not all bits of what is looked for
 * does not have it. */
static inline uint32_t dom_filter(const struct dom_attribute *attribute) {
  uint32_t filter = dom_filter_attribute(attribute->name);
  if (attribute->name == DOM_NONE_ID)
    filter |= dom_filter_id(attribute->value, attribute->size);
  struct copse_bytes rest = {attribute->value,
                             attribute->name == DOM_NONE_CLASS ? attribute->size : 0};
  for (struct copse_bytes word; (word = dom_word_next(&rest)).size;)
    filter |= dom_filter_class(word.data, word.size);
  return attribute->name < DOM_NAME_FIRST ? 0 : filter;
}

#endif
