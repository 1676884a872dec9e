/* tree/build.h - nodes taken apart into items, and items laid out as nodes. */
#ifndef TREE_BUILD_H
#define TREE_BUILD_H

#include "tree/tree.h"

/* One record of a leaf, or one separator of an inner node with the child to its right. Its
 * key is `pre` (bytes of the old node's prefix) and then the suffix given by head and rest. */
struct item {
  const uint8_t *whole; /* the key in one piece, or NULL */
  const uint8_t *pre;
  const uint8_t *rest;  /* the suffix from its fifth byte on */
  const uint8_t *value; /* leaves; NULL: left for the caller to write */
  uint64_t child;       /* inner nodes */
  uint32_t head;
  uint16_t pre_size;
  uint16_t size; /* of the suffix */
  uint16_t value_size;
  uint16_t is_extent;
};

/* A node being rewritten. */
struct items {
  uint64_t first_child; /* inner nodes */
  uint32_t count;
  uint32_t prefix_hint;  /* the prefix of a node that is built of one item alone */
  uint32_t average_hint; /* bytes that further items will take each; 0: as those that are there */
  struct item items[TREE_ITEMS_MAX + 2];
};

void item_from_key(struct item *item, const uint8_t *key, uint32_t size);
/* Writes the item's whole key; returns its size. */
uint32_t item_key(const struct item *item, uint8_t *buffer);

/* Takes a node apart; items point into it. */
int items_from_node(struct items *items, const struct node *node, const struct tree_shape *shape);
/* One item; the array is large, so that it is not to be cleared as a whole. */
void items_begin(struct items *items, const struct item *item);
void items_insert(struct items *items, uint32_t at, const struct item *item);
void items_remove(struct items *items, uint32_t at);

/* Bytes that items [from, to) need as one node, of the kind that it gets: of a leaf when first_child
 * is 0. */
uint32_t items_bytes(const struct items *items, uint32_t from, uint32_t to, uint64_t first_child,
                     const struct tree_shape *shape, uint32_t *prefix, enum page_kind *kind);

/* Lays items [from, to) out in a new node of at least `want` bytes. shape: NULL for inner
 * nodes, whose leftmost child is first_child. */
int node_build(struct pager *pager, const struct items *items, uint32_t from, uint32_t to,
               uint64_t first_child, unsigned level, const struct tree_shape *shape, uint32_t want,
               uint64_t *ref, struct node **out);

/* Builds a leaf that is `old` with an item inserted: what node_build() would give, by copying blocks.
 * COPSE_NONE when it is not that simple: another prefix, garbage, more than `most` bytes. The
 * page has at least `want` bytes. */
int node_build_inserted(struct pager *pager, const struct node *old, uint32_t at,
                        const struct item *item, const struct tree_shape *shape, uint32_t most,
                        uint32_t want, uint64_t *ref, struct node **out);

/* The same for an inner node of the short form. */
int short_build_inserted(struct pager *pager, const struct node *old, uint32_t at,
                         const struct item *item, uint32_t most, uint32_t want, uint64_t *ref,
                         struct node **out);

/* 1 when the node has a place for an item with such a key (whatever its prefix). */
int node_has_room(const struct node *node, const struct item *item, const struct tree_shape *shape);

/* Inserts an item in place, if the node has the room and the prefix for it: gives where its value
 * is (inner nodes: its entry); else NULL. */
uint8_t *node_insert(struct node *node, uint32_t at, const struct item *item,
                     const struct tree_shape *shape);
/* Removes record `at` of a leaf in place. */
void node_remove(struct node *node, uint32_t at, const struct tree_shape *shape);

#endif
