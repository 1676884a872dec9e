/* tree/tree.h - B+trees over immutable pages: lookup, change by copy-on-write, cursors, diff.
 *
 * No atomics here: a tree is read through a view that nobody changes, or changed by the one
 * holder of the writer lock through its pager. Changes build new nodes on the way up and
 * change nodes of the same transaction in place only as the last step, so that a failure
 * (no space) leaves the tree as it was. */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include "page/pager.h"
#include "tree/node.h"

struct tree {
  uint64_t root;  /* 0: empty */
  uint64_t count; /* records */
  struct tree_shape shape;
  struct node *tail; /* while a transaction appends: the last leaf, if it is its own; else NULL */
};

/* --- reading --------------------------------------------------------------------------- */

/* 0: found; COPSE_NONE; CORRUPT, OUSTED. */
int tree_get(struct page_view *view, const struct tree *tree, const uint8_t *key, uint32_t size,
             struct tree_value *value);

struct tree_key {
  const uint8_t *data;
  uint32_t size;
};

/* Up to TREE_BATCH keys at once, level by level, so that the misses overlap. values[i].data
 * is NULL where there is none. */
#define TREE_BATCH 16u
int tree_multiget(struct page_view *view, const struct tree *tree, size_t n,
                  const struct tree_key *keys, struct tree_value *values);

/* --- changing ---------------------------------------------------------------------------- */

enum tree_put_flag { TREE_INSERT = 1, TREE_REPLACE = 2, TREE_APPEND = 4 };

/* Stores a value; data NULL reserves it. *place receives where the value is, in the writable
 * mapping. COPSE_NONE with TREE_REPLACE and no such key. Errors: KEY_EXISTS, ORDER, and
 * those of pager_alloc(). */
int tree_put(struct pager *pager, struct tree *tree, const uint8_t *key, uint32_t size,
             const struct tree_value *value, unsigned flags, uint8_t **place);
/* COPSE_NONE when it is not there. */
int tree_delete(struct pager *pager, struct tree *tree, const uint8_t *key, uint32_t size);
/* Deletes keys in [from, to); a NULL data is an open end. */
int tree_delete_range(struct pager *pager, struct tree *tree, const struct tree_key *from,
                      const struct tree_key *to, uint64_t *deleted);

/* Emptying segments: how far it has come. */
struct tree_move {
  uint64_t moved_units; /* of pages that were written */
  int begun;            /* 1: all up to key was seen */
  uint32_t key_size;
  uint8_t key[TREE_KEY_MAX + 8];
  uint8_t value[PAGE_NODE_MAX];
};
/* Writes pages that lie in segments to be emptied, and what leads to them, anew elsewhere; of about so many
 * bytes. COPSE_NONE: the tree's end was reached. Errors: those of tree_put(), after some were written. */
int tree_move(struct pager *pager, struct tree *tree, struct tree_move *move, uint64_t budget);

/* --- cursors ----------------------------------------------------------------------------- */

struct tree_level {
  const struct node *node;
  uint32_t index; /* of the child, or of the record */
};

struct tree_cursor {
  struct page_view *view;
  uint64_t root, count; /* of the tree */
  struct tree_shape shape;
  int64_t crossed; /* records of the leaves between the first one and this */
  uint32_t depth;  /* levels in use; 0: not positioned */
  struct tree_level levels[TREE_DEPTH_MAX]; /* [0] is the leaf */
  unsigned lead;                            /* leaves that the scout is ahead; 0: it has no place */
  struct tree_level scout[TREE_DEPTH_MAX];  /* inner levels of the leaf to be asked for next */
  const struct node *key_node; /* whose prefix is in the buffer, and whose arrays these are */
  const uint32_t *heads;
  const uint16_t *slots;
  uint8_t
      key[TREE_KEY_MAX + 24]; /* assembled key: a prefix of all of it, a head, 16 bytes of rest */
};

void cursor_init(struct tree_cursor *cursor, struct page_view *view, const struct tree *tree);
/* Stands on the first record that is not less than key (after it: greater than). 0, or
 * COPSE_NONE when there is none: the cursor then stands behind the last. */
int cursor_seek(struct tree_cursor *cursor, const uint8_t *key, uint32_t size, int after);
int cursor_first(struct tree_cursor *cursor);
int cursor_last(struct tree_cursor *cursor);
/* Steps to the next (previous) record; COPSE_NONE beyond the end: the cursor then stands behind the
 * last record (before the first), and a step back returns to it. */
int cursor_next(struct tree_cursor *cursor);
int cursor_prev(struct tree_cursor *cursor);
/* The record it stands on. The key lies in the cursor's buffer. */
int cursor_record(struct tree_cursor *cursor, struct tree_key *key, struct tree_value *value);

/* --- whole trees ------------------------------------------------------------------------- */

/* What hangs on a node, for taking subtrees apart: see pager_children. */
int tree_children(struct page_view *view, uint64_t ref,
                  int (*visit)(void *context, uint64_t ref, int subtree), void *context);

struct tree_walk {
  /* Called for each page, extents included. COPSE_NONE: it was met before, what hangs on it is left out; an error ends the walk. level: of the node, -1 for an extent. */
  int (*page)(void *context, uint64_t ref, int level, uint64_t bytes);
  /* Called for each fault found; the walk goes on. */
  void (*fault)(void *context, const char *sentence);
  void *context;
  uint64_t records, key_bytes, value_bytes;
};
/* Walks all pages, checks order, bounds and levels, and counts. 0, or what page() returned. */
int tree_walk(struct page_view *view, const struct tree *tree, struct tree_walk *walk);

#endif
