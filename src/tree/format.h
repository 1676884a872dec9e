/* tree/format.h - nodes of a B+tree.
 *
 *   offset        size            what
 *        0        40              struct node
 *       40        prefix          the bytes that all keys of the node begin with
 * (at the next multiple of 8)
 *                 4 x cap         heads: the four bytes of each key after the common prefix, as a
 *                                 big-endian number, padded with zero bytes
 *   (PAGE_INNER, at the next multiple of 8)
 *                 8 x (cap + 1)   children: references
 *   (PAGE_SHORT, at once)
 *                 5 x (cap + 1) + 3  children: references, see ref_pack(); here the arrays end
 *                 2 x cap         slots: offset of each key's entry
 *                 ...             free
 *     heap        ...             entries, growing down from heap_end
 *   heap_end      ...             padding
 *                 stride x vcap   maps with fixed-size values: the values, last place first
 *   units x 128                   end
 *
 * Entry of a leaf:  u16 size of the key after the prefix; u16 info; those bytes from the
 *   fifth on. Any-size values: info is the value's size, or ENTRY_EXTENT; the value (or a
 *   struct extent_place) follows at the next multiple of 8, and entries begin at multiples
 *   of 8. Fixed-size values: info is the value's place, counted from the node's end.
 * Entry of an inner node:  u16 size; the bytes from the fifth on. Child i + 1 holds the keys
 *   that are not less than separator i; separators are the shortest that tell.
 * The short form of an inner node has neither slots nor heap: its separators are their heads. It
 *   is taken when none has more than four bytes after the prefix, none ends in a zero byte there
 *   (so that a head tells its size, and a key with the same head is not less), and all children lie
 *   within the first 2 TiB.
 *
 * Node sizes follow content: a node is written as large as it needs to be, in steps of its
 * size class. Leaves split beyond TREE_TARGET, inner nodes too if they have 16 separators. */
#ifndef TREE_FORMAT_H
#define TREE_FORMAT_H

#include "page/format.h"

struct node {
  struct page_head head;
  uint32_t zero0;
  uint16_t count;    /* keys */
  uint16_t cap;      /* room for keys */
  uint16_t heap;     /* where entries begin */
  uint16_t heap_end; /* where they end */
  uint16_t prefix;   /* bytes in it */
  uint16_t garbage;  /* bytes of the heap (and, fixed-size values, places) no longer in use */
  uint16_t vcap;     /* places for fixed-size values */
  uint16_t vused;    /* of those, how many were ever given out */
  uint16_t zero[2];
};
_Static_assert(sizeof(struct node) == 40, "node head");

#define ENTRY_EXTENT 0xffffu

struct extent_place {
  uint64_t ref;
  uint64_t size;
};

#define TREE_TARGET 1536u        /* bytes beyond which leaves split */
#define TREE_INNER_TARGET 1024u  /* bytes beyond which inner nodes split */
#define TREE_APPEND_TARGET 2048u /* the same for leaves filled by appending */
#define TREE_INLINE_MAX 512u     /* larger values become extents */
#define TREE_KEY_MAX 1024u
#define TREE_DEPTH_MAX 24u
#define TREE_ITEMS_MAX 256u /* keys in a node: a hostile one has no more either */
#define TREE_INNER_MIN 16u  /* separators below which an inner node never splits */

#endif
