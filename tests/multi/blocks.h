/* multi/blocks.h - what the tests of bulk keep in an arena, so that a block which is not whole shows.
 *
 * A block is 1 to BLOCK_MAX records of 64 bytes with consecutive indexes, reserved, filled and published by one
 * writer. Each record says which block it belongs to, its place in it, and how many there are. */
#ifndef MULTI_BLOCKS_H
#define MULTI_BLOCKS_H

#include "copse/copse.h"
#include "test.h"

#define BLOCK_MAX 6000

struct blocks {
  struct copse_store *store;
  struct copse_arena *arena;
  struct test_random random;
  uint64_t writer, number;
};

void blocks_open(struct blocks *blocks, struct copse_store *store, uint64_t writer);
void blocks_close(struct blocks *blocks);
/* Reserves a block, fills it, and publishes it, or gives it up, or does so half way. */
void blocks_step(struct blocks *blocks);
/* Every block that is there is there whole. */
void blocks_check(struct copse_store *store);
/* The same, and the store is sound, and nothing is reserved (any more: who is dead is found out in time). */
void blocks_end(struct copse_store *store);

#endif
