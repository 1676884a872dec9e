/* arena/arena.h - arenas over immutable pages: slots by index, change by copy-on-write.
 *
 * No atomics here: an arena is read through a view that nobody changes, or changed by the one holder
 * of the writer lock through its pager. What fails (no space) leaves an arena that shows what it
 * showed before, but for calls that say otherwise. Content of pages is untrusted. */
#ifndef ARENA_ARENA_H
#define ARENA_ARENA_H

#include "arena/format.h"
#include "page/pager.h"

/* What follows from the size of a record. */
struct arena_shape {
  uint32_t size;       /* bytes in a record */
  uint32_t slots;      /* in a leaf */
  uint32_t leaf_bytes; /* size x slots */
  uint64_t magic;      /* divides by slots */
};
struct arena_shape arena_shape_make(uint32_t size);

struct arena_table;

struct arena {
  uint64_t root;  /* 0: nothing was ever put in */
  uint64_t count; /* live slots */
  struct arena_shape shape;
  struct arena_table *table; /* of its leaves, which changes keep true; NULL: there is none */
};

/* The leaf of an index below ARENA_INDEX_END. */
static inline uint64_t arena_leaf(const struct arena_shape *shape, uint64_t index) {
  return (uint64_t)((unsigned __int128)(2 * index) * shape->magic >> 64);
}

/* Sets the detail message for a reference that `what`; gives COPSE_E_CORRUPT. */
#define arena_corrupt(ref, what)                                                                   \
  error_set(COPSE_E_CORRUPT, "reference %llx %s", (unsigned long long)(ref), (what))

/* --- reading --------------------------------------------------------------------------- */

/* The node over the leaf of an index. */
struct arena_spot {
  const struct arena_node *node;
  uint64_t first_leaf; /* of the node */
  uint64_t end;        /* of the arena */
  unsigned places;
};

/* COPSE_NONE: there is none; spot->end is set all the same. Errors: CORRUPT, OUSTED. */
int arena_descend(struct page_view *view, const struct arena *arena, uint64_t leaf,
                  struct arena_spot *spot);

struct arena_slot {
  const uint8_t *record;
  uint32_t
      generation; /* of the record; of a slot that is not live: of the last one; 0: never used */
};

/* One slot, when spot is where it lies. COPSE_NONE: it is not live. */
int arena_look_at(struct page_view *view, const struct arena_shape *shape,
                  const struct arena_spot *spot, uint64_t index, struct arena_slot *slot);
int arena_look(struct page_view *view, const struct arena *arena, uint64_t index,
               struct arena_slot *slot);
/* One more than the greatest index ever used. */
int arena_end(struct page_view *view, const struct arena *arena, uint64_t *end);

/* Live records that lie one after the other in memory. */
struct arena_chunk {
  const uint8_t *records;
  uint64_t first, count;
};
/* The first ones from an index on. COPSE_NONE: there are no more. */
int arena_chunk(struct page_view *view, const struct arena *arena, uint64_t from,
                struct arena_chunk *chunk);

/* --- changing -------------------------------------------------------------------------- */

#define ARENA_ANY UINT64_MAX
/* Makes a slot live: *index, or the lowest free one, or the next beyond the end (ARENA_ANY). *place
 * receives its memory, to be filled. An index beyond the end makes those before it free, also if it then
 * fails. Errors: KEY_EXISTS (live), TOO_MANY (retired; no index is left), and those of
 * pager_alloc(). */
int arena_insert(struct pager *pager, struct arena *arena, uint64_t *index, uint32_t *generation,
                 uint8_t **place);
/* A live slot's memory for changing, as it is. */
int arena_edit(struct pager *pager, struct arena *arena, uint64_t index, uint8_t **place);
/* Whether the memory of a live slot, which lies at spot, may be changed as it is. */
int arena_is_own(const struct pager *pager, const struct arena_shape *shape,
                 const struct arena_spot *spot, uint64_t index);
/* Ends a live slot. */
int arena_remove(struct pager *pager, struct arena *arena, uint64_t index);
/* Puts n records behind the end. A failure may leave some of them. */
int arena_append(struct pager *pager, struct arena *arena, uint64_t n, const uint8_t *records);

/* Puts n records behind the end that lie in extents of ARENA_FANOUT leaves each, the last one of as many as are
 * left: at the next leaf from which on they have consecutive indexes. *first receives the first one. A
 * failure may leave some of them. */
int arena_link(struct pager *pager, struct arena *arena, uint64_t n, const uint64_t *refs,
               uint64_t *first);

/* --- copies ---------------------------------------------------------------------------- */

/* Slots one after the other of one generation: live ones, whose records lie so too, or free ones. */
struct arena_run {
  const uint8_t *records; /* NULL: they are free */
  uint64_t first, count;
  uint32_t generation; /* of free ones: the last one, not 0 */
};
/* The first ones from an index on that were ever used. COPSE_NONE: there are no more. */
int arena_run(struct page_view *view, const struct arena *arena, uint64_t from,
              struct arena_run *run);
/* Makes slots what a run says, which were never used. A failure may leave some of them, when they are in
 * several leaves or behind the end. Errors: KEY_EXISTS, and those of pager_alloc(). */
int arena_restore(struct pager *pager, struct arena *arena, const struct arena_run *run);

/* --- whole arenas ---------------------------------------------------------------------- */

/* What hangs on a node, for taking arenas apart: see pager_children. */
int arena_children(struct page_view *view, uint64_t ref,
                   int (*visit)(void *context, uint64_t ref, int subtree), void *context);

struct arena_walk {
  /* As in struct tree_walk. level: of a node, 0 for slot words, -1 for an extent. */
  int (*page)(void *context, uint64_t ref, int level, uint64_t bytes);
  void (*fault)(void *context, const char *sentence);
  void *context;
  uint64_t records;
};
/* Walks all pages, checks bits and counts. 0, or what page() returned. */
int arena_walk(struct page_view *view, const struct arena *arena, struct arena_walk *walk);

/* --- inside of this layer -------------------------------------------------------------- */

/* level 0: any, for a root. */
int arena_node_open(struct page_view *view, uint64_t ref, unsigned level,
                    const struct arena_node **out, unsigned *places);
int arena_slots_open(struct page_view *view, const struct arena_shape *shape, uint64_t ref,
                     const struct arena_slots **out);
/* Where a leaf's records lie; NULL: nowhere in the store. */
static inline const uint8_t *arena_data(const struct page_view *view,
                                        const struct arena_shape *shape, uint64_t data) {
  uint64_t offset = page_ref_offset(data) + sizeof(struct extent_head) +
                    (data >> ARENA_PLACE_SHIFT & (ARENA_FANOUT - 1)) * shape->leaf_bytes;
  int inside = offset > FORMAT_FIRST_PAGE && offset + shape->leaf_bytes <= view->limit;
  return __builtin_expect(inside, 1) ? view->base + offset : NULL;
}
/* How many slots of a leaf are below the end. */
static inline uint32_t arena_below(const struct arena_shape *shape, uint64_t leaf, uint64_t end) {
  uint64_t first = leaf * shape->slots, below = end > first ? end - first : 0;
  return below < shape->slots ? (uint32_t)below : shape->slots;
}
/* Children of a node that have slots below the end: a bit for each. */
static inline uint64_t arena_reached(const struct arena_shape *shape, unsigned level,
                                     uint64_t first_leaf, uint64_t end) {
  uint64_t leaves = end ? arena_leaf(shape, end - 1) + 1 : 0;
  uint64_t rest = leaves > first_leaf ? leaves - first_leaf : 0;
  uint64_t span = UINT64_C(1) << ARENA_FANOUT_SHIFT * (level - 1);
  uint64_t n = (rest + span - 1) / span;
  return n >= ARENA_FANOUT ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

#endif
