/* multi/batches.h - what the tests of batches keep in a store, so that a batch that is lost, applied
 * twice, in part or out of order shows.
 *
 * A writer has an id of its own and numbers what it does from 1 on. Number n is
 *   a plain batch:       puts "newest"[id] = n and "plain"[id, n] = n
 *   a conditional batch: compares "newest"[id] with n - 1, sets it to n, appends {id, n} to "rows"
 *   a transaction:       finds "newest"[id] = n - 1, sets it to n, adds {id, n} to "rows"
 * So "newest" tells how far the writer's work went, and each number below must be there once. */
#ifndef MULTI_BATCHES_H
#define MULTI_BATCHES_H

#include <stdatomic.h>

#include "copse/copse.h"
#include "test.h"

#define BATCH_WRITERS_MAX 4096

/* Shared by all processes of a test. */
struct tally {
  _Atomic uint64_t begun[BATCH_WRITERS_MAX];    /* by id: the last number that was begun */
  _Atomic uint64_t accepted[BATCH_WRITERS_MAX]; /* the last one that the store took */
  _Atomic uint64_t
      visible[BATCH_WRITERS_MAX]; /* the last one of which it was said that it is visible */
  _Atomic uint64_t snapshots;
};

struct batches {
  struct copse_store *store;
  struct copse_map *newest, *plain, *rows;
  struct copse_batch *batch;
  struct tally *tally;
  struct test_random random;
  uint64_t id, number;
};

struct tally *tally_new(void);

void batches_open(struct batches *batches, struct copse_store *store, struct tally *tally,
                  uint64_t id);
void batches_close(struct batches *batches);
/* The writer's next number, in one of the three ways. */
void batches_step(struct batches *batches);
/* The same, as a batch that is not waited for: also within a transaction that does nothing else. */
void batches_leave(struct batches *batches);

/* Checks a snapshot: all numbers up to the newest are there once, no other; and no writer's
 * newest is less than what was visible when it was opened. at_end: what was accepted counts as visible. */
void batches_check(struct copse_store *store, struct tally *tally, bool at_end);

#endif
