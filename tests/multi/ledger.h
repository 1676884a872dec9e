/* multi/ledger.h - what the stress and kill tests keep in a store, so that every state can be
 * told from a mixture of two: maps of random records, and one record that says what the
 * version holds.
 *
 *   "a"     byte strings to values of 8 bytes to 200 KiB
 *   "b"     uint64 to 48 bytes
 *   "c"     like "a", created, filled with many records and dropped again and again
 *   "head"  one record, struct ledger_head: version, counts, sums of all records' hashes, and a
 *           chain over all earlier heads
 *
 * Each value follows from its first eight bytes, so that a single page of another version or
 * half a value shows. A transaction changes some records and the head; aborts, savepoints
 * and range deletions are among what it does. */
#ifndef MULTI_LEDGER_H
#define MULTI_LEDGER_H

#include "copse/copse.h"
#include "test.h"

struct ledger_sum {
  uint64_t count, sum; /* records; their hashes added up */
};

struct ledger_head {
  uint64_t version;
  struct ledger_sum a, b, c;
  uint64_t chain; /* over the heads of all versions before */
  uint64_t writer;
  uint64_t check; /* over the fields before */
};

struct ledger {
  struct copse_store *store;
  struct copse_map *head, *a, *b;
  struct test_random random;
  uint64_t writer;                   /* who writes: any number */
  uint32_t keys;                     /* different keys in "a" and "b" */
  uint32_t large;                    /* one value in so many is an extent; 0: none */
  uint64_t commits, aborts, refused; /* done by this handle */
  struct ledger_head last;           /* the head committed last by this handle */
};

/* Makes maps and the first head in an empty store, or finds them. */
void ledger_open(struct ledger *ledger, struct copse_store *store, uint64_t seed);
void ledger_close(struct ledger *ledger);

/* One transaction of some random changes. 0: committed (or, one time in ten, aborted on
 * purpose: *version is 0 then); an error of the store: aborted. */
int ledger_change(struct ledger *ledger, int64_t timeout_ns, uint64_t *version);
/* The same in a transaction that the caller has begun, without ending it. */
int ledger_change_in(struct ledger *ledger, struct copse_txn *txn, unsigned operations);

/* Reads the whole view and checks it against its head. 0, or an error of the library; a wrong
 * content fails the test. */
int ledger_read(struct ledger *ledger, struct copse_view *view, struct ledger_head *head);
/* Only looks some records up: cheap, and still never wrong. */
int ledger_sample(struct ledger *ledger, struct copse_view *view, unsigned records);

/* The whole of a new snapshot; returns its version. */
uint64_t ledger_verify(struct ledger *ledger);

/* Runs the store's checker, which must find nothing. */
void ledger_check(struct copse_store *store);

#endif
