/* arena/edit.h - inside of this layer: making a slot's pages the transaction's own. */
#ifndef ARENA_EDIT_H
#define ARENA_EDIT_H

#include "arena/arena.h"

/* The way to a leaf, all of it the transaction's own. */
struct arena_path {
  struct arena_node *nodes[ARENA_LEVELS_MAX + 1]; /* by level, from 1 */
  unsigned at[ARENA_LEVELS_MAX + 1];
  unsigned height, places; /* places: of the lowest node */
  struct arena_node *top;
  uint64_t number; /* of the leaf */
  struct arena_leaf *leaf;
  struct arena_table *table; /* of the arena; NULL: none */
};

/* To be called where a leaf's references are changed; it is so many leaves behind the path's. */
void arena_leaf_moved(const struct arena_path *path, unsigned behind);

/* leaves: so many from that one on have places in the lowest node. */
int arena_path_own(struct pager *pager, struct arena *arena, uint64_t leaf, unsigned leaves,
                   struct arena_path *path);
/* Takes what the lowest node says of its slots to those above. */
void arena_path_settle(const struct arena_path *path);
/* The same, and first what the leaf's slot words say to the lowest node. */
void arena_leaf_settle(const struct arena_path *path, const struct arena_slots *slots);
/* The leaf's records, made if there are none. */
int arena_data_own(struct pager *pager, const struct arena_shape *shape,
                   const struct arena_path *path, uint8_t **records);
/* The leaf's slot words likewise. */
int arena_slots_own(struct pager *pager, const struct arena_shape *shape,
                    const struct arena_path *path, struct arena_slots **out);
/* Moves the end up: the indexes that it passes become free. */
int arena_skip(struct pager *pager, struct arena *arena, uint64_t to);
/* Hangs an extent on leaves that have nothing. */
void arena_leaves_link(const struct arena_path *path, unsigned leaves, uint64_t ref);

#endif
