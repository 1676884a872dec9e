/* store/delta.h - what changed between two versions, as bytes: written from the diff of all maps, and
 * applied to a transaction.
 *
 * A delta is a list of sections, the catalog's first:
 *   struct delta_section, then records (struct delta_record, key, value), the last of kind END; a
 *   section of a dropped map has none
 * All integers little-endian; nothing is aligned; up to seven bytes may follow. */
#ifndef STORE_DELTA_H
#define STORE_DELTA_H

#include "store/store.h"

enum delta_section_kind { DELTA_MAP = 1, DELTA_DROPPED = 2 };
struct delta_section {
  uint32_t kind;       /*  0 enum delta_section_kind */
  uint32_t id;         /*  4 of the map; 0: the catalog */
  uint32_t value_size; /*  8 fixed size of its values; 0: any */
  uint32_t stride;     /* 12 from one value to the next in its leaves */
  uint64_t tag;        /* 16 of the map */
};
_Static_assert(sizeof(struct delta_section) == 24, "section");

enum delta_record_kind { DELTA_END = 0, DELTA_PUT = 1, DELTA_DELETE = 2 };
struct delta_record {
  uint16_t kind;       /*  0 enum delta_record_kind */
  uint16_t key_size;   /*  2 */
  uint32_t zero;       /*  4 */
  uint64_t value_size; /*  8 */
};
_Static_assert(sizeof(struct delta_record) == 16, "record");

/* Of what is larger than a half of the log, or is not written as a delta at all: changes of arenas. A root
 * slot is written instead. */
#define DELTA_TOO_LARGE 2

/* Takes bytes; a result other than 0, which is not COPSE_NONE, ends the writing and is returned. */
typedef int delta_write(void *context, const void *data, size_t size);

/* Shapes of maps, by id, as far as they were looked up: they never change. */
struct delta_shape {
  uint64_t tag; /* 0: not known */
  struct tree_shape shape;
};
struct delta_shapes {
  struct delta_shape *items;
  size_t count, capacity;
};
void delta_shapes_free(struct delta_shapes *shapes);

/* Writes what leads from one version to another; both must be announced. Errors: CORRUPT, MEMORY,
 * and those of write. DELTA_TOO_LARGE. */
int delta_make(struct copse_store *store, struct delta_shapes *shapes, const struct root *before,
               const struct root *after, delta_write *write, void *context);

/* Applies a delta to a transaction on the version it starts from. What does not make sense is CORRUPT;
 * the transaction is to be given up after any error. */
int delta_apply(struct copse_txn *txn, const uint8_t *data, size_t size);

#endif
