/* store/lease.h - inside the store: this process's leases of one store.
 *
 * A hold is what several leases on values of one block of 2 KiB share; single leases count on their
 * block's hold (struct copse_lease), groups have their own, which end with the group. Each hold has a word in a
 * chunk of the readers' file (sync/leases.h), whose place it keeps as long as it lives. */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/lookup.h"
#include "copse/lease.h"
#include "sync/leases.h"

struct copse_store;

struct lease_chunk {
  uint32_t chunk;
  uint32_t child; /* while forking: the chunk that the child will own */
};

/* Places for words, in chunks of the readers' file. */
struct lease_places {
  struct lease_chunk *chunks;
  size_t count, capacity;
  uint32_t used;   /* places ever given out: the first ones */
  uint32_t *spare; /* those of them that came back; room for all is made with each chunk */
  size_t spare_count, spare_capacity;
};

struct copse_lease {
  struct copse_store *store; /* NULL: a copy */
  _Atomic uint64_t holders;  /* falls to 0 under the mutex, but for copies */
  uint64_t block;
  uint64_t past; /* bytes of values that begin in the block and end behind it */
  uint64_t since_ns;
  struct copse_lease *older, *newer;
  uint32_t place;
  uint32_t epoch;
  uint32_t units; /* a bit each */
};

struct group_copies {
  struct group_copies *next;
  size_t used, size;
};

struct copse_lease_group {
  struct copse_store *store;
  struct lease_places places;
  struct lookup blocks; /* block -> place from bit 16 on, units */
  struct group_copies *copies;
  uint64_t last_words[2]; /* of the two blocks that were looked up last: a page may lie in both */
  uint64_t count, told;   /* leases in it; of them, those that are in the statistics */
  uint64_t bytes;
  uint64_t since_ns;                         /* of the first; 0: there is none */
  struct copse_lease_group *previous, *next; /* from then on */
  uint32_t epoch;
};

struct leases {
  _Atomic uint32_t small_bytes; /* of the bounds, for those without the mutex */
  pthread_mutex_t mutex; /* protects all below; taken after the store's, before the fork lock */
  struct copse_lease_bounds bounds;
  struct lease_places places;
  struct lookup blocks; /* of single leases: block -> struct copse_lease */
  struct copse_lease *oldest, *newest;
  uint64_t groups;                        /* open */
  struct copse_lease_group *first, *last; /* those that have leases, the oldest first */
  uint64_t count, bytes, copies;
  uint32_t epoch; /* rises when a forked child has lost all leases */
  int lost;       /* while forking: the child gets none */
  int left;       /* 1: the store is closed, and stays for them */
};

void leases_init(struct copse_store *store);
void leases_end(struct copse_store *store);
/* Before a store is closed: 1 when there are leases, for which it has to stay. At the end of closing: 1 if
 * there still are; whoever ends the last one then ends the store. */
int leases_leave(struct copse_store *store);
int leases_stay(struct copse_store *store);
/* While forking: with the child's client attached, gives it words like ours. In the child: takes them over. */
void leases_duplicate(struct copse_store *store);
void leases_adopt(struct copse_store *store);

/* With the mutex. */
int leases_are_any(const struct leases *leases);
/* When the oldest was taken; 0: there is none. */
uint64_t leases_since(const struct leases *leases);
/* Shows other processes what there is. */
void leases_tell(struct copse_store *store);
/* A place for a word. Errors: MEMORY, NO_SPACE, TOO_MANY, DESCRIPTOR. */
int lease_place_take(struct copse_store *store, struct lease_places *places, uint32_t *place);
void lease_place_put(const struct copse_store *store, const struct lease_places *places,
                     uint32_t place, uint64_t word);
/* Gives one back, whose word is 0; gives all back, with their words. */
void lease_place_give(const struct copse_store *store, struct lease_places *places, uint32_t place);
void lease_places_give(const struct copse_store *store, struct lease_places *places);
void lease_places_free(struct lease_places *places);

#endif
