/* sync/wait.h - sleeping until a commit, with no system call on the commit side when nobody
 * sleeps.
 *
 *   waiter W:    W1 waiting = 1   W2 w = commit_wake   W3 published > after? done   W4 futex_wait(w)
 *   committer C: C1 publish       C2 waiting: 1 -> 0?  C3 commit_wake++             C4 futex_wake
 * W1, W3, C1 and C2 are sequentially consistent: if W3 misses C1, then W1 precedes C2 in the
 * total order, so that C raises the word after W2, and W4 returns at once or is woken. The
 * flag is taken back by the committer, so a waiter that dies costs one system call, once. */
#ifndef SYNC_WAIT_H
#define SYNC_WAIT_H

#include "region/region.h"
#include "sync/format.h"

/* C2 to C4; 1 when somebody was woken. */
int wait_wake(const struct region *readers, uint8_t *writers);

/* Waits until published > after, `cancel` (may be NULL) is nonzero, or the time limit (deadline by CLOCK_MONOTONIC, ns;
 * 0: only look; UINT64_MAX: none). Spins a little first. *version receives the newest. Errors: TIMEOUT, INTERRUPTED, CANCELLED. */
int wait_published(const struct region *readers, const uint8_t *writers, uint64_t after,
                   uint64_t deadline_ns, const _Atomic int *cancel, uint64_t *version);

#endif
