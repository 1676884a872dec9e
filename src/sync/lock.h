/* sync/lock.h - the store's one writer lock: a word, compare-and-swap, a short spin, then a
 * futex with a timeout; on timeout the owner's liveness is probed. Who comes by may overtake
 * sleepers, but not for long: lock.c.
 *
 *   take over:  prove the owner dead (its byte is ours) -> the word still names it?
 *               -> swap in ourselves -> reap it -> release the byte
 * A stopped owner is never robbed, only named. */
#ifndef SYNC_LOCK_H
#define SYNC_LOCK_H

#include "sync/client.h"

struct lock_result {
  int taken_over;     /* 1: from a dead owner: roll back what it left */
  uint64_t waited_ns; /* 0 when the lock was free */
};

/* timeout_ns as for copse_txn_begin(); a dead owner is found also when it is 0. Errors: TIMEOUT
 * (detail names the holder), INTERRUPTED, CORRUPT (the word names nobody), IO, DESCRIPTOR. */
int lock_acquire(struct client *client, uint8_t *writers, int64_t timeout_ns,
                 struct lock_result *result);
/* 1 when the lock was free and is ours now; no system call. A dead owner is not found. */
int lock_try(struct client *client, uint8_t *writers);
void lock_release(struct client *client, uint8_t *writers);

#ifdef COPSE_TESTS
extern int64_t lock_sleep_ns;    /* a waiter's first sleep: a test that makes it long hangs if a
                                 wake is lost */
extern int64_t lock_turn_ns;     /* 0: each release hands over to a sleeper */
extern int64_t lock_reserved_ns; /* how long a reservation holds others off */
extern uint64_t lock_return_ns;  /* who comes back within it keeps the lock; 0: nobody does */
#endif

#endif
