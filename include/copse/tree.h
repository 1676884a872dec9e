/* copse/tree.h - tree arenas: nodes with payloads of one size, in trees that cannot come apart.
 *
 * A tree arena is an arena (arena.h) each of whose records is a node: links to its parent, siblings and
 * first and last child, then the payload. Links are 24 bytes. Nodes are named by the handles of arenas: that of a
 * removed node is an error (STALE) for ever. A node without a parent is a root; an arena has any number
 * of them, each with its tree.
 *
 *   copse_tree_new(txn, tree, &payload, &node, NULL);         in a write transaction: a root
 *   copse_tree_append(txn, tree, &parent, &node);             and now the last child of another node
 *   copse_tree_walk_begin(view, tree, &parent, COPSE_TREE_CHILDREN, &walk);     in any view
 *   while (copse_tree_walk_next(&walk, &payload) == 0) ...    walk.node is its handle
 *
 * Whatever is asked for, a tree stays a tree: a call that would make a cycle is an error. A call that
 * fails has changed nothing. Time and memory do not depend on a tree's depth, but for the
 * placing of a node that has children, which looks at all ancestors of its new place.
 *
 * Nodes are numbered below 2^32 - 1. Payloads whose size is divisible by 8 are aligned to 8.
 *
 * The arena can be opened by copse_arena_open(), which shows records whole; who changes links with functions
 * of arena.h gets CORRUPT from those here, but no endless loop.
 *
 * Memory that is handed out, threads and errors: as told in transaction.h. */
#ifndef COPSE_TREE_H
#define COPSE_TREE_H

#include "arena.h"

#ifdef __cplusplus
extern "C" {
#endif

#define COPSE_TREE_LINKS 24 /* bytes in a record before the payload */
#define COPSE_TREE_PAYLOAD_MAX (COPSE_RECORD_MAX - COPSE_TREE_LINKS)

struct copse_tree;

/* What a tree arena is, given at creation. */
struct copse_tree_options {
  uint32_t payload_size;             /* bytes in a payload, 0 to COPSE_TREE_PAYLOAD_MAX */
  const struct copse_layout *layout; /* payloads are of this layout (record.h), whose size counts.
                                        NULL: plain bytes */
};

/* These do what their namesakes in arena.h do. Errors: as there; LAYOUT and MAP_KIND also when the arena
 * of that name is no tree arena, MEMORY. */
COPSE_CHECKED int copse_tree_create(struct copse_txn *txn, const char *name,
                                    const struct copse_tree_options *options,
                                    struct copse_tree **tree);
COPSE_CHECKED int copse_tree_open(struct copse_view *view, const char *name,
                                  const struct copse_tree_options *options,
                                  struct copse_tree **tree);
COPSE_CHECKED int copse_tree_ensure(struct copse_store *store, const char *name,
                                    const struct copse_tree_options *options, int64_t timeout_ns,
                                    struct copse_tree **tree);
COPSE_API void copse_tree_close(struct copse_tree *tree);

/* The tree arena as an arena, lent until it is closed: for what copse_arena_info() and
 * copse_arena_map() serve for (renaming, dropping, diffs and watches). */
COPSE_API struct copse_arena *copse_tree_arena(struct copse_tree *tree);

/* Bytes in a payload. */
COPSE_API uint32_t copse_tree_payload_size(const struct copse_tree *tree);

/* --- reading --------------------------------------------------------------------------- */

/* As copse_arena_get(), copse_arena_at() and copse_arena_count(), with payloads for records. */
COPSE_CHECKED int copse_tree_get(struct copse_view *view, struct copse_tree *tree,
                                 const struct copse_handle *node, const void **payload);
COPSE_CHECKED int copse_tree_at(struct copse_view *view, struct copse_tree *tree, uint64_t index,
                                struct copse_handle *node, const void **payload);
COPSE_CHECKED int copse_tree_count(struct copse_view *view, struct copse_tree *tree,
                                   uint64_t *count);

enum copse_tree_link {
  COPSE_TREE_PARENT = 1,
  COPSE_TREE_PREVIOUS = 2, /* sibling */
  COPSE_TREE_NEXT = 3,     /* sibling */
  COPSE_TREE_FIRST = 4,    /* child */
  COPSE_TREE_LAST = 5,     /* child */
};

/* The node that another one is linked to; COPSE_NONE: it has no such. payload may be NULL.
 * Errors: as copse_arena_get(), ARGUMENT. */
COPSE_CHECKED int copse_tree_step(struct copse_view *view, struct copse_tree *tree,
                                  const struct copse_handle *node, enum copse_tree_link link,
                                  struct copse_handle *found, const void **payload);

enum copse_tree_axis { /* from a node, which only the last two hand out itself */
  COPSE_TREE_ANCESTORS = 1,
  COPSE_TREE_PRECEDING = 2, /* siblings, the nearest first */
  COPSE_TREE_FOLLOWING = 3, /* siblings */
  COPSE_TREE_CHILDREN = 4,
  COPSE_TREE_CHILDREN_REVERSE = 5,
  COPSE_TREE_DESCENDANTS = 6,      /* parents before their children */
  COPSE_TREE_TRAVERSE = 7,         /* each node twice: before its children and after them */
  COPSE_TREE_TRAVERSE_REVERSE = 8, /* the same backwards */
};

enum copse_tree_edge { COPSE_TREE_ENTER = 0, COPSE_TREE_LEAVE = 1 };

/* A walk: the caller's memory, with nothing to free. Others than the first two members are
 * not for use. */
struct copse_tree_walk {
  struct copse_handle node; /* handed out last */
  uint32_t edge;            /* of a traversal: whether it was entered or left (enum copse_tree_edge) */
  uint32_t axis;
  struct copse_view *view;
  struct copse_tree *tree;
  uint64_t top, count, left, stamp, moves;
  uint32_t links[6];
  uint32_t begun, zero;
};

/* Begins a walk. Errors: as copse_arena_get(), ARGUMENT. */
COPSE_CHECKED int copse_tree_walk_begin(struct copse_view *view, struct copse_tree *tree,
                                        const struct copse_handle *node, enum copse_tree_axis axis,
                                        struct copse_tree_walk *walk);

/* Goes on to the next node, and keeps it in walk->node; COPSE_NONE: there is none. payload may be NULL.
 * What was handed out last may have been changed or moved since, and the walk goes on from where it is now.
 * Errors: STALE (it was removed), STATE (changes have led the walk out of its tree, or round it),
 * CORRUPT, and as copse_arena_get(). */
COPSE_CHECKED int copse_tree_walk_next(struct copse_tree_walk *walk, const void **payload);

/* --- writing --------------------------------------------------------------------------- */

/* Makes a node: a root without children. payload is copied; NULL: *memory (which may be NULL otherwise)
 * receives where to write it before the transaction's next call. Errors: as copse_arena_insert(). */
COPSE_CHECKED int copse_tree_new(struct copse_txn *txn, struct copse_tree *tree,
                                 const void *payload, struct copse_handle *node, void **memory);

/* Replaces a payload; NULL: *memory receives where it lies, as copse_arena_update() does. */
COPSE_CHECKED int copse_tree_update(struct copse_txn *txn, struct copse_tree *tree,
                                    const struct copse_handle *node, const void *payload,
                                    void **memory);

/* Puts a node, with all that is below it, in a new place: last or first among the children of
 * another node; before or after a sibling. It is taken from its old place first.
 * Errors: CYCLE (that place is the node itself or below it), ROOT (the sibling is a root), those of handles,
 * and as copse_put(). */
COPSE_CHECKED int copse_tree_append(struct copse_txn *txn, struct copse_tree *tree,
                                    const struct copse_handle *parent,
                                    const struct copse_handle *node);
COPSE_CHECKED int copse_tree_prepend(struct copse_txn *txn, struct copse_tree *tree,
                                     const struct copse_handle *parent,
                                     const struct copse_handle *node);
COPSE_CHECKED int copse_tree_insert_before(struct copse_txn *txn, struct copse_tree *tree,
                                           const struct copse_handle *sibling,
                                           const struct copse_handle *node);
COPSE_CHECKED int copse_tree_insert_after(struct copse_txn *txn, struct copse_tree *tree,
                                          const struct copse_handle *sibling,
                                          const struct copse_handle *node);

/* Makes a node a root, with all that is below it. Errors: those of handles, and as copse_put(). */
COPSE_CHECKED int copse_tree_detach(struct copse_txn *txn, struct copse_tree *tree,
                                    const struct copse_handle *node);

/* Removes a node; its children take its place in their order. Those of a root become roots.
 * Errors: those of handles, and as copse_put(). */
COPSE_CHECKED int copse_tree_remove(struct copse_txn *txn, struct copse_tree *tree,
                                    const struct copse_handle *node);

/* Removes a node and all that is below it. removed (may be NULL) receives how many.
 * Errors: those of handles, and as copse_put(). */
COPSE_CHECKED int copse_tree_remove_subtree(struct copse_txn *txn, struct copse_tree *tree,
                                            const struct copse_handle *node, uint64_t *removed);

#ifdef __cplusplus
}
#endif
#endif
