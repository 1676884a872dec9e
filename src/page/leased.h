/* page/leased.h - the pages that are leased, as reclamation needs to know them.
 *
 * A set of units of 128 bytes, by blocks of 2 KiB. Words are those of sync/format.h: a block's number from bit
 * 16 on, a bit for each unit. Whoever fills the set says what was taken out of it and what came in. */
#ifndef PAGE_LEASED_H
#define PAGE_LEASED_H

#include "base/lookup.h"

struct leased {
  struct lookup blocks; /* how many words name the block, from bit 16 on; units that they name */
  uint64_t ended;       /* rises when a word goes: pages that were held may be free */
  int all;              /* 1: nothing is known, every page is to be taken for leased */
};

/* A word took the place of another; 0: none. Errors: MEMORY. */
int leased_change(struct leased *leased, uint64_t before, uint64_t after);
/* 1 if some of the units from offset on are named. Of a block that several words name, units are
 * let go when the last one goes. */
int leased_has(const struct leased *leased, uint64_t offset, uint64_t units);
/* Nothing is leased. */
void leased_clear(struct leased *leased);
void leased_free(struct leased *leased);

#endif
