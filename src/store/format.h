/* store/format.h - the map table and the catalog.
 *
 * The map table finds a map's tree by its id in constant time: a radix of pages (kind
 * PAGE_TABLE) of 16 places each, as deep as root.next_map asks for. Level 0 holds struct map_entry,
 * higher levels references (0: nothing below). The page of a table with one level is as
 * small as its entries allow.
 *
 * Map 0 is the catalog: name -> struct catalog_entry, then the record layout as encoded by
 * record/encode.c. It is an ordinary map, and not listed in itself.
 *
 * An id whose map's creation was undone is given out again, perhaps by another process: a handle names a
 * map by id and tag. */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include "page/format.h"

#define TABLE_FANOUT 16u
#define TABLE_LEVELS_MAX 8u /* 2^32 ids */

struct map_entry {
  uint64_t root;    /* of its tree; 0: empty */
  uint64_t count;   /* records */
  uint64_t changed; /* version that changed it last */
  uint64_t tag;     /* random, odd, the same as in the catalog; 0: no such map */
};

struct table_page {
  struct page_head head; /* level: 0 holds entries */
  union {
    struct map_entry entries[TABLE_FANOUT];
    uint64_t children[TABLE_FANOUT];
  };
};

struct catalog_entry {
  uint32_t id;
  uint32_t key_kind;
  uint32_t value_size;
  uint32_t layout_size; /* bytes of the encoded layout behind this; 0: plain values */
  uint64_t layout_hash;
  uint64_t created; /* version */
  uint64_t tag;     /* of map_entry */
};
_Static_assert(sizeof(struct catalog_entry) == 40, "catalog entry");

#define CATALOG_ID 0u
#define CATALOG_TAG 1u

#endif
