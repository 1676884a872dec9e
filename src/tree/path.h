/* tree/path.h - a change of one leaf, and what follows from it up to the root.
 *
 * Happy path: descend to the leaf; who changed it tells by which references it is to be replaced;
 * that goes into each parent, in place when it is this transaction's own, else into a new node, up
 * to the first node that could be changed in place. A node that outgrows the target splits; one
 * that has become small joins a neighbour.
 *
 * Failure: new nodes are built first and dropped again when a later one cannot be had; what
 * they replace is dropped only at the end; changes in place come last and cannot fail. */
#ifndef TREE_PATH_H
#define TREE_PATH_H

#include "tree/build.h"

struct step {
  uint64_t ref;
  struct node *node;
  uint32_t index; /* child taken, or place in the leaf */
};

struct edit {
  struct pager *pager;
  struct tree *tree;
  unsigned depth;
  int rightmost; /* the path is the last child at every level */
  int ascending; /* the record comes next to the one that its leaf got before */
  struct step path[TREE_DEPTH_MAX];
  unsigned made_count, gone_count;
  uint64_t made[3 * TREE_DEPTH_MAX + 4]; /* pages built by this operation */
  uint64_t gone[3 * TREE_DEPTH_MAX + 4]; /* pages it replaces */
  uint8_t separator[TREE_KEY_MAX + 8];
};

/* What became of `old_count` neighbouring children of a parent, the first at path index. */
struct change {
  unsigned at, old_count, new_count;
  uint64_t ref[2];
  struct item separator; /* between ref[0] and ref[1] */
};

/* Follows the key (or the last children) down to its leaf, whose step has no index yet. */
int path_descend(struct edit *edit, const uint8_t *key, uint32_t size, int last);
/* Carries a change of the leaf's reference up to the root. */
int path_ascend(struct edit *edit, struct change *change);
/* Joins a node that became small (its items given) with a neighbour under the same parent, if both fit well
 * into one. COPSE_NONE: they do not. */
int path_join(struct edit *edit, unsigned level, struct items *items, struct change *change);
/* A root with one child gives way to it. Last of all. */
void path_collapse(struct edit *edit);

/* Drops what was replaced, or, when the change failed, what was built. */
void edit_finish(struct edit *edit, int failed);
/* node_build(), noted as made. */
int edit_build(struct edit *edit, const struct items *items, uint32_t from, uint32_t to,
               uint64_t first_child, unsigned level, uint32_t want, uint64_t *ref,
               struct node **node);
/* A copy of a whole page, for patching; noted as made, and the page as gone. */
int edit_copy(struct edit *edit, const struct step *step, uint64_t *ref, struct node **copy);

/* 1 when the node was written by this transaction, so that it may be changed in place. */
static inline int edit_is_dirty(const struct edit *edit, const struct node *node) {
  return pager_is_dirty(edit->pager, &node->head);
}

#endif
