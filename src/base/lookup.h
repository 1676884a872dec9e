/* base/lookup.h - a hash table of this process, from keys to words.
 *
 * Open addressing with linear probing; 0 is no key. A table is used under a lock of its
 * owner's. It grows as base/grow.h has it, so that a forked child goes on with it. */
#ifndef BASE_LOOKUP_H
#define BASE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

struct lookup_item {
  uint64_t key; /* 0: a free place */
  uint64_t word;
};
struct lookup {
  struct lookup_item *items;
  size_t capacity, count; /* capacity: 0 or a power of 2 */
};

/* The key's word, or NULL. */
uint64_t *lookup_find(const struct lookup *lookup, uint64_t key);
/* The key's word, 0 if it was not there; it stays where it is until the next change. NULL: no memory. */
uint64_t *lookup_add(struct lookup *lookup, uint64_t key);
/* Takes out a key that is there; word is what lookup_find() gave. */
void lookup_remove(struct lookup *lookup, uint64_t *word);
void lookup_clear(struct lookup *lookup);
void lookup_free(struct lookup *lookup);

#endif
