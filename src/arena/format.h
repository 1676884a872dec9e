/* arena/format.h - the pages of an arena.
 *
 * An arena is a radix of nodes over leaves. A leaf is L slots, where L follows from the record's size
 * (arena_shape_make()): slot i is slot i mod L of leaf i / L. The records of a leaf lie one after the
 * other without gaps in an extent (page/format.h), which one leaf has for itself, or several leaves
 * of one node share. Beside it a leaf may have a page of slot words, one for each slot.
 *
 *   node (PAGE_ARENA)                             slots (PAGE_SLOTS)
 *    0   16   page head; level 1: over leaves      0   16   page head
 *   16    8   live: children with live slots      16    4   live: how many slots are
 *   24    8   free: children with free slots      20    4   free: how many slots are
 *   32    8   end: top node only                  24    4   hint: no free slot below
 *   40    8   zero                                28    4   zero
 *   48  n x 16   level 1: leaves                  32  L x 4   slot words
 *       n x 8    else: references to children
 *
 * A node has places for as many children as were ever needed, 64 at most; the others are not there. A child
 * that is not there (0) has no live slot, and all its slots below `end` are free.
 *
 * A slot word is odd while the slot is live; it rises by one with each insertion and removal. The
 * generation of a live slot of word w is (w + 1) / 2. ARENA_RETIRED is the end: such a slot is not used
 * again. A leaf with records and without slot words: all its slots below `end` are live, of generation 1.
 *
 * A leaf's reference to its records has in bits 54-59 its place in the extent and in bit 60 whether the
 * extent is shared. Leaves that share one are children of one node; the last one to leave drops it. */
#ifndef ARENA_FORMAT_H
#define ARENA_FORMAT_H

#include "page/format.h"

#define ARENA_FANOUT_SHIFT 6u
#define ARENA_FANOUT (1u << ARENA_FANOUT_SHIFT)
#define ARENA_LEVELS_MAX 8u
#define ARENA_INDEX_END (UINT64_C(1) << 48)
#define ARENA_SIZE_MAX 65536u /* bytes in a record */

struct arena_leaf {
  uint64_t data;  /* 0: no slot is live */
  uint64_t slots; /* 0: see above */
};

#define ARENA_REF_MASK ((UINT64_C(1) << 54) - 1)
#define ARENA_PLACE_SHIFT 54u
#define ARENA_SHARED (UINT64_C(1) << 60)

struct arena_node {
  struct page_head head;
  uint64_t live, free; /* a bit for each child */
  uint64_t end;        /* top node: one more than the greatest index ever used */
  uint64_t zero;
  union {
    struct arena_leaf leaves[ARENA_FANOUT];
    uint64_t children[ARENA_FANOUT];
  };
};
_Static_assert(offsetof(struct arena_node, end) == 32, "offset");
_Static_assert(offsetof(struct arena_node, leaves) == 48, "offset");
#define ARENA_NODE_HEAD 48u

#define ARENA_RETIRED UINT32_C(0xfffffffe)
#define ARENA_GENERATION_MAX (ARENA_RETIRED / 2)

struct arena_slots {
  struct page_head head;
  uint32_t live, free; /* slots; free ones are below `end` and not retired */
  uint32_t hint;
  uint32_t zero;
  uint32_t words[];
};
_Static_assert(sizeof(struct arena_slots) == 32, "head");
#define ARENA_SLOTS_MAX ((PAGE_SMALL_MAX - (uint32_t)sizeof(struct arena_slots)) / 4)

#endif
