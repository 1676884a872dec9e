/* base/grow.h - arrays that grow, and that a forked child goes on with.
 *
 * A fork copies the arrays of all threads, also of one that is moving its array just then:
 *   1. thread A: realloc() gives the old memory back
 *   2. thread B forks
 *   3. thread A: notes where the array is now
 * The child's A is no more, its array is the memory given back in 1. So 1 and 3 are done under a
 * lock that whoever forks holds meanwhile. */
#ifndef BASE_GROW_H
#define BASE_GROW_H

#include <stddef.h>

/* Makes room for `count` items, twice as many as there was room for at least. items: where the pointer
 * to the array is. 0, or COPSE_E_MEMORY without a message. */
int base_grow_move(void *items, size_t *capacity, size_t count, size_t item_size);
static inline int base_grow(void *items, size_t *capacity, size_t count, size_t item_size) {
  return count <= *capacity ? 0 : base_grow_move(items, capacity, count, item_size);
}

/* Held by whoever forks, and by whoever moves such memory by other means. */
void base_grow_lock(void);
void base_grow_unlock(void);

#endif
