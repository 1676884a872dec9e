/* sync/wait.h - sleeping until a commit, with no system call on the commit side when nobody
 * sleeps.
 *
 *   waiter W:    W1 w = commit_wake   W2 waiting = 1   W3 published > after? done   W4 futex_wait(w)
 *   committer C: C1 publish           C2 waiting: 1 -> 0?  C3 commit_wake++         C4 futex_wake
 * W1 to W3 and C1 to C3 are sequentially consistent: if W3 misses C1, then W2 precedes C2 in
 * the total order. So C, or an earlier committer that took the flag back after W2, raises the word
 * after W1, and W4 returns at once or is woken. (W1 after W2 would lose: an earlier committer
 * takes the flag between the two, W sleeps on the raised word, C finds no flag.)
 *
 * In stores with durability sync it is the log-durable version that is waited for, and the leader of
 * a sync that does what C does here.
 *
 * The flag is taken back by the committer, so a waiter that dies costs one system call, once.
 * A committer that dies between C1 and C4 wakes nobody: whoever takes the lock over does, and
 * waiters look again every WAIT_RECHECK_NS in case nobody comes. */
#ifndef SYNC_WAIT_H
#define SYNC_WAIT_H

#include "region/region.h"
#include "sync/format.h"

#ifdef COPSE_TESTS
extern int64_t wait_recheck_ns; /* a test that makes it long hangs if a wake is lost */
#define WAIT_RECHECK_NS wait_recheck_ns
#else
#define WAIT_RECHECK_NS INT64_C(250000000)
#endif

/* C2 to C4; 1 when somebody was woken. */
int wait_wake(const struct region *readers, uint8_t *writers);

/* Waits until the version that snapshots show > after, `cancel` (may be NULL) is nonzero, or the time limit
 * (deadline by CLOCK_MONOTONIC, ns; 0: only look; UINT64_MAX: none). Spins a little first.
 * What is there already counts although the time is over, but not although it was cancelled.
 * *version receives the newest. Errors: TIMEOUT, INTERRUPTED, CANCELLED. */
int wait_published(const struct region *readers, const uint8_t *writers, uint64_t after,
                   uint64_t deadline_ns, const _Atomic int *cancel, uint64_t *version);

/* Sets the cancel word to 1 and wakes who waits with it: at once, where setting it alone
 * would be noticed within WAIT_RECHECK_NS. Safe in a signal handler. */
void wait_cancel(_Atomic int *cancel);

#endif
