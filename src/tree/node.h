/* tree/node.h - looking into nodes. Their content is untrusted: node_open() checks the head
 * once, entry functions check each entry's bounds. */
#ifndef TREE_NODE_H
#define TREE_NODE_H

#include "base/bytes.h"
#include "page/page.h"
#include "tree/format.h"

#include <endian.h>

/* What the values of a map look like. */
struct tree_shape {
  uint32_t value_size; /* fixed size; 0: any */
  uint32_t stride;     /* bytes from one fixed-size value to the next */
};

static inline uint32_t node_size(const struct node *node) {
  return (uint32_t)node->head.units * FORMAT_UNIT;
}
/* Where the arrays begin, behind a prefix of so many bytes. */
static inline uint32_t node_heads_at(uint32_t prefix) {
  return (uint32_t)sizeof(struct node) + ((prefix + 7) & ~7u);
}
static inline uint32_t *node_heads(const struct node *node) {
  return (uint32_t *)((uint8_t *)node + node_heads_at(node->prefix));
}
static inline uint8_t *node_prefix(const struct node *node) { return (uint8_t *)(node + 1); }

/* References of the short form: 34 bits of units, then 6 of the size class. */
#define SHORT_REF_BYTES 5u
#define SHORT_REF_SLACK 3u /* the last one is read as eight bytes, too */
#define SHORT_UNIT_BITS 34u
#define SHORT_UNIT_MASK ((UINT64_C(1) << SHORT_UNIT_BITS) - 1)
static inline int ref_is_short(uint64_t ref) {
  return (ref & PAGE_UNIT_MASK) <= SHORT_UNIT_MASK && ref >> 54 == 0;
}
static inline uint64_t ref_pack(uint64_t ref) {
  return (ref & SHORT_UNIT_MASK) | (uint64_t)page_ref_class(ref) << SHORT_UNIT_BITS;
}
static inline uint64_t ref_unpack(uint64_t packed) {
  return (packed & SHORT_UNIT_MASK) | (packed >> SHORT_UNIT_BITS & 63) << 48;
}

static inline uint32_t node_children_at(enum page_kind kind, uint32_t prefix, uint32_t cap) {
  uint32_t heads_end = node_heads_at(prefix) + 4 * cap;
  return kind == PAGE_SHORT ? heads_end : (heads_end + 7) & ~7u;
}
static inline uint32_t node_slots_at(enum page_kind kind, uint32_t prefix, uint32_t cap) {
  return kind == PAGE_LEAF ? node_heads_at(prefix) + 4 * cap
                           : node_children_at(kind, prefix, cap) + 8 * (cap + 1);
}
static inline uint16_t *node_slots(const struct node *node) {
  return (uint16_t *)((uint8_t *)node + node_slots_at(node->head.kind, node->prefix, node->cap));
}
static inline uint32_t node_arrays_end(enum page_kind kind, uint32_t prefix, uint32_t cap) {
  return kind == PAGE_SHORT
             ? node_children_at(kind, prefix, cap) + SHORT_REF_BYTES * (cap + 1) + SHORT_REF_SLACK
             : node_slots_at(kind, prefix, cap) + 2 * cap;
}
static inline uint8_t *node_child_at(const struct node *node, uint32_t i) {
  return (uint8_t *)node + node_children_at(node->head.kind, node->prefix, node->cap) +
         i * (node->head.kind == PAGE_SHORT ? SHORT_REF_BYTES : 8);
}
/* Child i of an inner node. */
static inline uint64_t node_child(const struct node *node, uint32_t i) {
  uint64_t word;
  memcpy(&word, node_child_at(node, i), 8);
  return node->head.kind == PAGE_SHORT ? ref_unpack(le64toh(word)) : word;
}
static inline void node_child_set(struct node *node, uint32_t i, uint64_t ref) {
  uint64_t word = node->head.kind == PAGE_SHORT ? htole64(ref_pack(ref)) : ref;
  memcpy(node_child_at(node, i), &word, node->head.kind == PAGE_SHORT ? SHORT_REF_BYTES : 8);
}

/* Sets the detail message for a reference that `what`; gives COPSE_E_CORRUPT. */
#define node_corrupt(ref, what)                                                                    \
  error_set(COPSE_E_CORRUPT, "reference %llx %s", (unsigned long long)(ref), (what))

/* A reference that leads to nothing: no fault where the view has lost its pages. */
static inline int node_missing(struct page_view *view, uint64_t ref, const char *what) {
  int lost = page_lost(view);
  return lost < 0 ? lost : node_corrupt(ref, what);
}

/* Kind, level and units of a node at once. */
static inline uint32_t node_tag(const struct node *node) {
  uint32_t tag;
  memcpy(&tag, &node->head.kind, sizeof tag);
  return tag;
}
static inline uint32_t page_tag(enum page_kind kind, unsigned level, uint64_t bytes) {
  return (uint32_t)kind | level << 8 | (uint32_t)(bytes / FORMAT_UNIT) << 16;
}

/* Opens the node that ref names, of the given level (-1: any, for a root). */
static inline int node_open(struct page_view *view, uint64_t ref, int level,
                            const struct node **out) {
  uint64_t size;
  const struct node *node = page_locate(view, ref, &size);
  if (__builtin_expect(!node || size > PAGE_NODE_MAX, 0))
    return node_missing(view, ref, "points to no node");
  if (__builtin_expect(view->copy != NULL, 0)) {
    const void *copied;
    int result =
        view->copy(view, node, size, level < 0 ? TREE_DEPTH_MAX : (unsigned)level, &copied);
    if (result)
      return result;
    node = copied;
  }
  uint32_t inner = node->head.level > 0;
  uint32_t kind =
      node_tag(node) ^ page_tag(0, level < 0 ? node->head.level : (unsigned)level, size);
  if (__builtin_expect(inner ? kind != PAGE_SHORT && kind != PAGE_INNER : kind != PAGE_LEAF, 0) ||
      __builtin_expect(node->count > node->cap || node->count + inner == 0 ||
                           node->cap > TREE_ITEMS_MAX ||
                           node_arrays_end(kind, node->prefix, node->cap) > node->heap ||
                           node->heap > node->heap_end || node->heap_end > size ||
                           node->prefix > TREE_KEY_MAX || node->head.level >= TREE_DEPTH_MAX,
                       0))
    return node_corrupt(ref, "leads to a damaged node");
  *out = node;
  return 0;
}

/* An entry: its key's bytes after the prefix and the head, and how many bytes follow the prefix. */
struct entry {
  const uint8_t *rest;
  uint32_t size; /* of the key after the prefix */
  uint32_t info; /* leaves */
  uint32_t at;   /* offset in the node */
};

static inline uint32_t entry_rest(uint32_t size) { return size > 4 ? size - 4 : 0; }

/* Reads entry i; 0, or COPSE_E_CORRUPT when it reaches outside of the heap. */
static inline int entry_read(const struct node *node, const uint16_t *slots, int inner, uint32_t i,
                             struct entry *entry) {
  uint32_t at = slots[i], head = inner ? 2 : 4;
  if (__builtin_expect(at + head > node->heap_end, 0))
    return COPSE_E_CORRUPT;
  uint16_t first, second = 0; /* of fixed sizes: no loop */
  memcpy(&first, (const uint8_t *)node + at, sizeof first);
  if (!inner)
    memcpy(&second, (const uint8_t *)node + at + sizeof first, sizeof second);
  entry->size = first;
  entry->info = second;
  entry->rest = (const uint8_t *)node + at + head;
  entry->at = at;
  return __builtin_expect(at + head + entry_rest(entry->size) > node->heap_end, 0) ? COPSE_E_CORRUPT
                                                                                   : 0;
}

/* A separator of the short form as an entry: its size is told by the head. */
static inline struct entry short_entry(const struct node *node, uint32_t i) {
  uint32_t head = node_heads(node)[i];
  return (struct entry){.rest = (const uint8_t *)node,
                        .size = head ? 4 - (uint32_t)__builtin_ctz(head) / 8 : 0};
}

/* Where the value of a leaf entry lies inside of the node: any-size (or extent place). */
static inline uint32_t entry_value_at(const struct entry *entry) {
  return (entry->at + 4 + entry_rest(entry->size) + 7) & ~7u;
}
static inline uint32_t entry_value_size(const struct entry *entry) {
  return entry->info == ENTRY_EXTENT ? (uint32_t)sizeof(struct extent_place) : entry->info;
}

/* A value as the tree hands it out. */
struct tree_value {
  const uint8_t *data;
  uint64_t size;
};

/* The value of entry i of a leaf; follows an extent. */
int entry_value(struct page_view *view, const struct node *node, const struct entry *entry,
                const struct tree_shape *shape, struct tree_value *value);
/* Checks an extent and gives the value in it. */
int extent_open(struct page_view *view, const struct extent_place *place, struct tree_value *value);

/* The head of a key after its prefix: four bytes, padded with zeros. */
static inline uint32_t key_head(const uint8_t *suffix, uint32_t size) {
  if (size >= 4)
    return bytes_load_be32(suffix);
  uint32_t head = 0;
  for (uint32_t i = 0; i < size; i++)
    head |= (uint32_t)suffix[i] << (24 - 8 * i);
  return head;
}

/* 1 when the key does not begin with the prefix. Prefixes are short as a rule, and lie in room of a
 * multiple of 8 bytes: one comparison without a branch on their length. */
static inline int prefix_differs(const uint8_t *common, uint32_t prefix, const uint8_t *key,
                                 uint32_t size) {
  if (__builtin_expect(prefix <= 8 && size >= 8, 1)) {
    uint64_t differ = bytes_load64(common) ^ bytes_load64(key);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return differ << (64 - 8 * prefix) != 0;
#else
    return differ >> (64 - 8 * prefix) != 0;
#endif
  }
  return size < prefix || memcmp(key, common, prefix) != 0;
}

/* Search of sorted heads. heads_search: low half of the result: how many are < head; high half:
 * <= head. heads_rank: how many are <= head. */
typedef uint32_t heads_function(const uint32_t *heads, uint32_t n, uint32_t head);
extern heads_function *heads_search, *heads_rank;
/* Forces a search by name ("scalar", "avx2", "avx512", "neon"; NULL: the best there is), as does
 * the environment variable COPSE_SEARCH at start. COPSE_NONE: this machine has it not. */
int heads_search_force(const char *name);

/* Finds key in a node: *index of the first key that is not less; returns 1 when it is equal, 0 when not,
 * negative when an entry is damaged. */
int node_search(const struct node *node, const uint8_t *key, uint32_t size, uint32_t *index);
/* node_choose() in an inner node of the short form. */
uint32_t node_choose_short(const struct node *node, const uint8_t *key, uint32_t size);

/* Which child to descend to for key. */
static inline int node_choose(const struct node *node, const uint8_t *key, uint32_t size,
                              uint32_t *child) {
  uint32_t index;
  if (__builtin_expect(node->head.kind == PAGE_SHORT, 1)) {
    *child = node_choose_short(node, key, size);
    return 0;
  }
  int exact = node_search(node, key, size, &index);
  if (exact < 0)
    return exact;
  *child = index + (uint32_t)exact;
  return 0;
}

/* The level of a root, which node_step() or node_open() then checks. */
static inline int node_height(struct page_view *view, uint64_t ref, unsigned *level) {
  uint64_t size;
  const struct node *node = page_locate(view, ref, &size);
  if (__builtin_expect(!node || view->copy != NULL, 0)) {
    int result = node_open(view, ref, -1, &node);
    if (result)
      return result;
  }
  *level = node->head.level;
  return 0;
}

/* One step down: opens the inner node `ref` of this level, chooses the child for key and asks for
 * it. What node_open(), node_choose() and node_child() do, with fewer instructions in the case of nearly
 * all nodes: while a lookup waits for a leaf, the processor can begin the next one only if little
 * stands between them. */
static inline int node_step(struct page_view *view, uint64_t ref, unsigned level,
                            const uint8_t *key, uint32_t size, const struct node **out,
                            uint32_t *index, uint64_t *child) {
  uint64_t bytes;
  const struct node *node = page_locate(view, ref, &bytes);
  if (__builtin_expect(node && !view->copy && node_tag(node) == page_tag(PAGE_SHORT, level, bytes),
                       1)) {
    uint32_t children = node_children_at(PAGE_SHORT, node->prefix, node->cap);
    if (__builtin_expect(node->count > node->cap ||
                             children + SHORT_REF_BYTES * (node->cap + 1u) + SHORT_REF_SLACK >
                                 bytes,
                         0))
      return node_corrupt(ref, "leads to a damaged node");
    uint64_t word;
    uint32_t at = node_choose_short(node, key, size);
    memcpy(&word, (const uint8_t *)node + children + SHORT_REF_BYTES * at, 8);
    *index = at;
    *child = ref_unpack(le64toh(word));
  } else {
    int result = node_open(view, ref, (int)level, &node);
    if (result == 0)
      result = node_choose(node, key, size, index);
    if (result)
      return result;
    *child = node_child(node, *index);
  }
  *out = node;
  page_prefetch(view, *child);
  return 0;
}

/* Writes the whole key of entry i to buffer (TREE_KEY_MAX bytes). */
int node_key(const struct node *node, uint32_t i, uint8_t *buffer, uint32_t *size);

#endif
