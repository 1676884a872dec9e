/* copse/transaction.h - snapshots, write transactions, get and put.
 *
 * A view is anything that can be read: a snapshot (one committed version, unchanged while
 * it is open) or a write transaction (its own writes on top of the newest version). Reading
 * functions take a view; copse_snapshot_view() and copse_txn_view() give it.
 *
 * Memory lent by a snapshot's view is read-only and stays valid until the snapshot is
 * closed or refreshed. Memory lent by a transaction's view stays valid until the
 * transaction's next write or end.
 *
 * A snapshot or transaction may move between threads but is used by one at a time. */
#ifndef COPSE_TRANSACTION_H
#define COPSE_TRANSACTION_H

#include "map.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_snapshot;

/* --- snapshots ----------------------------------------------------------------------- */

enum copse_snapshot_flag {
  COPSE_SNAPSHOT_OUSTABLE = 1, /* a writer may end it when it holds too much: calls then fail
                                  with OUSTED. Reads copy out: lent memory is valid until the
                                  next call with this snapshot. */
  COPSE_SNAPSHOT_LATEST = 2,   /* durability sync: shows the newest version, whether it is durable
                                  yet or not; a power cut may take it back */
  COPSE_SNAPSHOT_KEPT = 4,     /* of an observer (else without effect): writers are asked to keep the
                                  version. Opening and refreshing wait for a writer that is at work to
                                  notice: some milliseconds, 50 at most */
};

/* Opens a snapshot of the newest version (durability sync: of the newest durable one, unless
 * COPSE_SNAPSHOT_LATEST is given). Takes no lock and never waits for anybody.
 * Errors: MEMORY, TOO_MANY, TRUNCATED, FORKED, NO_SPACE (for a further reader slot), DESCRIPTOR,
 * ADDRESS_SPACE (the store has outgrown what this process reserved), CORRUPT. */
COPSE_CHECKED int copse_snapshot_open(struct copse_store *store, uint32_t flags,
                                      struct copse_snapshot **snapshot);

/* Moves the snapshot to the newest version: some nanoseconds, no allocation. Cursors of the
 * snapshot must be positioned anew. 0: moved; COPSE_NONE: nothing newer.
 * Errors: FORKED, TRUNCATED, ADDRESS_SPACE, CORRUPT: the snapshot then shows nothing until a
 * refresh succeeds. */
COPSE_CHECKED int copse_snapshot_refresh(struct copse_snapshot *snapshot);

/* Ends it. Its cursors must be closed before. */
COPSE_API void copse_snapshot_close(struct copse_snapshot *snapshot);

/* The version it shows; the wall-clock time of its commit (nanoseconds since 1970). */
COPSE_API uint64_t copse_snapshot_version(const struct copse_snapshot *snapshot);
COPSE_API uint64_t copse_snapshot_time_ns(const struct copse_snapshot *snapshot);

COPSE_API struct copse_view *copse_snapshot_view(struct copse_snapshot *snapshot);

/* --- reading ------------------------------------------------------------------------- */

/* Looks a key up; COPSE_NONE when it is not there. value is lent (see above).
 * Errors: NO_MAP, KEY_SIZE, CORRUPT, TRUNCATED, OUSTED, STATE. */
COPSE_CHECKED int copse_get(struct copse_view *view, struct copse_map *map, const void *key,
                            size_t key_size, struct copse_bytes *value);

/* Looks up n keys at once, which hides memory latency: several times faster than n gets.
 * values[i].data is NULL where keys[i] is not there. found (may be NULL): how many are.
 * Errors: as copse_get(). */
COPSE_CHECKED int copse_multiget(struct copse_view *view, struct copse_map *map, size_t n,
                                 const struct copse_bytes *keys, struct copse_bytes *values,
                                 size_t *found);

/* 0 when the key is there, COPSE_NONE when not. */
COPSE_CHECKED int copse_exists(struct copse_view *view, struct copse_map *map, const void *key,
                               size_t key_size);

/* The number of records in the map; constant time. Errors: NO_MAP, CORRUPT. */
COPSE_CHECKED int copse_count(struct copse_view *view, struct copse_map *map, uint64_t *count);

/* --- write transactions -------------------------------------------------------------- */

/* Begins the store's one write transaction; others wait, and who waits longest has its turn within
 * about a millisecond of transactions for each that waits. timeout_ns: < 0 waits as long as it
 * takes, 0 only tries, > 0 waits that long. A signal handled without SA_RESTART ends the wait.
 * A writer that died is taken over from; one that merely stopped is waited for and named in
 * the detail message of TIMEOUT.
 * Errors: TIMEOUT, INTERRUPTED, DEADLOCK, READ_ONLY, FORKED, CORRUPT, TRUNCATED, MEMORY,
 * NO_SPACE, SYNC_FAILED. */
COPSE_CHECKED int copse_txn_begin(struct copse_store *store, int64_t timeout_ns,
                                  struct copse_txn **txn);

/* Commits: every change in every map becomes visible at once, as version *version (may be
 * NULL). On an error nothing is changed and the transaction is ended all the same.
 * With durability sync it returns when the version is durable, together with what others commit
 * meanwhile; a transaction that changed nothing, when what it has read is. When that fails (IO, SYNC_FAILED, ...), *version is set, the version is committed and not
 * durable: nobody sees it without COPSE_SNAPSHOT_LATEST, and it may come to be durable later.
 * Errors: NO_SPACE, LIMIT, ADDRESS_SPACE, PINNED, STATE, FORKED, IO, SYNC_FAILED. */
COPSE_CHECKED int copse_txn_commit(struct copse_txn *txn, uint64_t *version);

/* Ends the transaction without a trace. NULL is allowed. */
COPSE_API void copse_txn_abort(struct copse_txn *txn);

COPSE_API struct copse_view *copse_txn_view(struct copse_txn *txn);

/* Marks a point to return to; they nest, the newest is always meant. Rolling back undoes all
 * since the point and keeps the point; releasing forgets the point and keeps the changes.
 * Errors: STATE (no savepoint; or more than 64), MEMORY. */
COPSE_CHECKED int copse_savepoint(struct copse_txn *txn);
COPSE_CHECKED int copse_savepoint_rollback(struct copse_txn *txn);
COPSE_CHECKED int copse_savepoint_release(struct copse_txn *txn);

enum copse_put_flag {
  COPSE_INSERT = 1,  /* only if the key is not there: else KEY_EXISTS */
  COPSE_REPLACE = 2, /* only if the key is there: else COPSE_NONE, nothing written */
  COPSE_APPEND = 4,  /* the key is greater than all in the map: fast loading; else ORDER */
};

/* Stores a value under a key. key and value are copied.
 * Errors: KEY_SIZE, VALUE_SIZE, KEY_EXISTS, ORDER, NO_MAP, NO_SPACE, LIMIT, ADDRESS_SPACE (this process
 * has reserved too little for the store to grow), PINNED, CORRUPT, ARGUMENT, STATE. After NO_SPACE, LIMIT,
 * ADDRESS_SPACE and PINNED the transaction is as it was before the call and may be committed or aborted. */
COPSE_CHECKED int copse_put(struct copse_txn *txn, struct copse_map *map, const void *key,
                            size_t key_size, const void *value, size_t value_size,
                            uint32_t flags);

/* Like copse_put(), but the value is written in place by the caller: *memory points to
 * value_size bytes (aligned to 8, records and values over 512 bytes to 64) that are to be filled before the
 * transaction's next call; their content is not defined before. */
COPSE_CHECKED int copse_reserve(struct copse_txn *txn, struct copse_map *map, const void *key,
                                size_t key_size, size_t value_size, uint32_t flags,
                                void **memory);

/* Replaces the value only if it is the expected one (expected NULL: only if the key is not
 * there; value NULL: deletes it): else CONFLICT. Errors: as copse_put(). */
COPSE_CHECKED int copse_compare_and_set(struct copse_txn *txn, struct copse_map *map,
                                        const void *key, size_t key_size,
                                        const struct copse_bytes *expected,
                                        const struct copse_bytes *value);

/* Deletes a key; COPSE_NONE when it is not there. Errors: as copse_put(). */
COPSE_CHECKED int copse_delete(struct copse_txn *txn, struct copse_map *map, const void *key,
                               size_t key_size);

/* A range of keys. An all-zero range is everything. prefix, when set (data not NULL), stands
 * beside from and to. */
struct copse_range {
  struct copse_bytes from;   /* data NULL: from the first key */
  struct copse_bytes to;     /* data NULL: to the last key */
  struct copse_bytes prefix; /* only keys that begin with it */
  uint32_t from_exclusive;   /* 1: from itself is outside */
  uint32_t to_inclusive;     /* 1: to itself is inside */
};

/* Deletes a range of keys (NULL: all); whole subtrees go at once and their space is taken back by
 * later commits. deleted (may be NULL) receives how many. Errors: as copse_put(). */
COPSE_CHECKED int copse_delete_range(struct copse_txn *txn, struct copse_map *map,
                                     const struct copse_range *range, uint64_t *deleted);

#ifdef __cplusplus
}
#endif
#endif
