/* tree/diff.h - comparing two trees that share pages, in time proportional to the difference. */
#ifndef TREE_DIFF_H
#define TREE_DIFF_H

#include "tree/tree.h"

/* What a side stands on: a subtree not yet entered, a record, or its end. */
enum diff_at { DIFF_SUBTREE, DIFF_RECORD, DIFF_END };

struct diff_side {
  struct page_view *view;
  struct tree_shape shape;
  enum diff_at at;
  unsigned level; /* levels[level] is the node that holds the item; depth for the root itself */
  unsigned depth;
  uint64_t root;
  uint64_t left; /* nodes that may still be entered: on a level there are no more than records */
  struct tree_level levels[TREE_DEPTH_MAX];
  uint8_t low[TREE_KEY_MAX + 8]; /* DIFF_RECORD: its key; DIFF_SUBTREE: no key in it is less */
  uint32_t low_size;
};

enum tree_change { TREE_ADDED = 1, TREE_REMOVED = 2, TREE_CHANGED = 3 };

struct tree_diff {
  struct diff_side before, after;
  unsigned reported;  /* enum tree_change of the last difference: to be stepped over; 0: none */
  struct tree_key to; /* records from here on are not looked at; data NULL: open */
};

/* Begins a comparison of two trees, either may be empty, over keys in [from, to). */
int diff_init(struct tree_diff *diff, struct page_view *before_view, const struct tree *before,
              struct page_view *after_view, const struct tree *after, const struct tree_key *from,
              const struct tree_key *to);
/* The next difference; COPSE_NONE at the end. The key lies in the diff until the next call. */
int diff_next(struct tree_diff *diff, enum tree_change *change, struct tree_key *key,
              struct tree_value *before, struct tree_value *after);

#endif
