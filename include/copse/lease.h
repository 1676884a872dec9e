/* copse/lease.h - leases: what a snapshot has lent stays valid after the snapshot has ended.
 *
 * A value that copse_get(), copse_multiget() or a cursor has lent by a snapshot's view is kept by a
 * lease: it stays where it is, unchanged, until the lease is released, whatever becomes of the snapshot, and
 * whatever is committed meanwhile. A lease holds the page that the value lies in, and nothing else of
 * its version: it keeps that page's space from reuse. All leases on values of the same page share one hold, so
 * that a lease on one more value of it takes no memory and some nanoseconds.
 *
 * Where a value cannot be pinned, it is copied: *value then names the copy. That is so for what a write transaction has
 * lent (which the lease thus never sees change), and for snapshots that are oustable.
 *
 * Leases belong to the process. When it dies, they end. A forked child has leases of its own on all that the
 * parent had leased: each releases its own. (A child made by a bare clone() has none, and what is
 * leased is not protected in it; its calls do nothing.) copse_store_close() does not end leases: until the
 * last one is released, the process stays attached as one that only reads, and 'copse readers' shows it. Leases
 * are never ousted, and what they keep counts towards slow_reader_bytes.
 *
 * A process that has COPSE_POISON=1 in its environment when it opens a store fills each page that it makes reusable
 * with the byte db, so that tests see at once what was read without a snapshot or lease.
 *
 * Functions may be called by any thread; a group is used by one at a time, as a snapshot is. */
#ifndef COPSE_LEASE_H
#define COPSE_LEASE_H

#include "transaction.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_lease;
struct copse_lease_group;

enum copse_lease_policy {
  COPSE_LEASE_PIN = 0,   /* pins; copies what is small, and, after a warning, what would go beyond the
                            bounds or for which there is no room in the table of leases */
  COPSE_LEASE_COPY = 1,  /* copies */
  COPSE_LEASE_ERROR = 2, /* pins, or fails */
};

/* Takes a lease. value: lent by the view (see above), or a part of such a value; receives where the bytes
 * are from now on. Lent keys are not to be leased: they lie in the cursor.
 * Errors: ARGUMENT (the bytes were not lent by this view), STATE, FORKED, MEMORY, OUSTED; with policy
 * ERROR also LEASE (the bounds), NO_SPACE, TOO_MANY, DESCRIPTOR, and STATE for what cannot be pinned. */
COPSE_CHECKED int copse_lease_take(struct copse_view *view, uint32_t policy,
                                   struct copse_bytes *value, struct copse_lease **lease);
/* Counts one more holder of it. */
COPSE_API void copse_lease_retain(struct copse_lease *lease);
/* Ends it, for one holder. NULL is allowed. */
COPSE_API void copse_lease_release(struct copse_lease *lease);

/* 1: the bytes are a copy, 0: they lie in the store. */
COPSE_API int copse_lease_is_copy(const struct copse_lease *lease);
/* 0; FORKED in a child for which no room was to be had when it was forked: what is pinned is not protected
 * there. */
COPSE_CHECKED int copse_lease_check(const struct copse_lease *lease);

/* --- groups -------------------------------------------------------------------------- */

/* Leases that end together, in a time that does not depend on how many there are: those of all values that were
 * taken from a snapshot, say. */
COPSE_CHECKED int copse_lease_group_open(struct copse_store *store,
                                         struct copse_lease_group **group);
/* Leases a value as copse_lease_take() does, until the group is closed. */
COPSE_CHECKED int copse_lease_group_take(struct copse_lease_group *group, struct copse_view *view,
                                         uint32_t policy, struct copse_bytes *value);
COPSE_CHECKED int copse_lease_group_check(const struct copse_lease_group *group);
/* Ends all of them. NULL is allowed. */
COPSE_API void copse_lease_group_close(struct copse_lease_group *group);

/* --- bounds -------------------------------------------------------------------------- */

/* What this process's leases in a store hold. */
struct copse_lease_usage {
  uint64_t leases; /* pinned: with copse_lease_take() each, in groups each value */
  uint64_t bytes;  /* of the pages' parts that they name */
  uint64_t age_ns; /* of the oldest */
  uint64_t copies; /* that were made because of the bounds, or for lack of room, since the store was opened */
};

/* Bounds on leases of this process; all zero is what holds if nothing was set. Beyond them warn (may be
 * NULL) is called, and COPSE_LEASE_PIN copies. */
struct copse_lease_bounds {
  uint64_t max_bytes;   /* 0: 1 GiB; UINT64_MAX: none */
  uint64_t max_age_ns;  /* while the oldest lease is older, nothing more is pinned; 0: none */
  uint32_t small_bytes; /* what COPSE_LEASE_PIN copies in any case; 0: up to 32 bytes; UINT32_MAX: nothing */
  void (*warn)(void *context, const struct copse_lease_usage *usage);
  void *context;
};
COPSE_API void copse_lease_bound(struct copse_store *store,
                                 const struct copse_lease_bounds *bounds);
COPSE_API void copse_lease_usage(struct copse_store *store, struct copse_lease_usage *usage);

#ifdef __cplusplus
}
#endif
#endif
