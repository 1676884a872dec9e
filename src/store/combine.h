/* store/combine.h - between combine.c, which takes batches from rings and publishes them, and
 * apply.c, which does what they ask for. */
#ifndef STORE_COMBINE_H
#define STORE_COMBINE_H

#include "store/store.h"

/* A batch of the round. */
struct part {
  struct ring *ring; /* NULL: it was not left, but is the caller's own */
  size_t at;         /* of its copy in combine->bytes; NO_ENTRY: what stands there is none */
  uint64_t end;      /* where it ends in the ring */
  int plain;         /* only puts and deletes, no token: cannot fail but for want of something */
  struct ring_result result;
};

#define NO_ENTRY SIZE_MAX

/* An operation of a plain batch. */
struct step {
  uint64_t prefix; /* the key's first eight bytes, as a number in the order of keys */
  const uint8_t *key, *value;
  uint32_t key_size, value_size;
  uint32_t map; /* index in combine->maps */
  uint32_t kind;
};

struct combine {
  uint8_t *bytes; /* copies of entries: nothing is looked at before it is copied */
  size_t size, capacity;
  struct part *parts;
  size_t part_count, part_capacity;
  struct step *steps,
      *sorted; /* of plain batches, not yet applied; the second is room to sort in */
  size_t step_count, step_capacity, sorted_capacity;
  struct copse_map *maps; /* met lately: what a map is never changes */
  size_t map_capacity;
  uint32_t map_count, last_map;
};

/* A batch as it was copied: what of it may be trusted. */
static inline struct ring_entry *part_entry(const struct combine *combine,
                                            const struct part *part) {
  return (struct ring_entry *)(combine->bytes + part->at);
}

/* Does in the open transaction what the parts ask for. The outcome of a part that was refused is in its
 * result. An error: nothing of the transaction is of use. */
int parts_apply(struct copse_store *store, struct part *parts, size_t count);

#endif
