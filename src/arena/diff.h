/* arena/diff.h - comparing two versions of an arena, in time proportional to the difference. */
#ifndef ARENA_DIFF_H
#define ARENA_DIFF_H

#include "arena/arena.h"

enum arena_change { ARENA_ADDED = 1, ARENA_REMOVED = 2, ARENA_CHANGED = 3 };

struct arena_diff {
  struct page_view *views[2]; /* before, after */
  struct arena arenas[2];
  uint64_t next, to; /* slots in [next, to) are still to be compared */
  uint64_t left;     /* leaves that may still be found to differ */
  int is_open;       /* next lies in a leaf that differs: */
  uint64_t leaf;
  struct arena_leaf leaves[2];
  uint64_t ends[2];
};

/* Begins a comparison of the slots in [from, to); either arena may be empty. Not for views that copy. */
void arena_diff_init(struct arena_diff *diff, struct page_view *before_view,
                     const struct arena *before, struct page_view *after_view,
                     const struct arena *after, uint64_t from, uint64_t to);
/* The next slot that holds another record, or one with another content. COPSE_NONE at the end. A
 * slot's record is NULL on the side where it is not live. */
int arena_diff_next(struct arena_diff *diff, enum arena_change *change, uint64_t *index,
                    struct arena_slot *before, struct arena_slot *after);

#endif
