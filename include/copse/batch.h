/* copse/batch.h - blind batches: writing without a transaction of one's own.
 *
 * A batch is a list of changes in any maps, made without reading. It is applied whole or not at
 * all, and once, whoever dies when. While another process writes, a batch is not kept waiting for the
 * lock: it is left in shared memory, and whoever writes applies it together with those of others.
 * With many writers that is several times faster than as many transactions.
 *
 * Batches of one process are applied in the order of their commits, and its transactions that begin
 * later see them. A batch that was accepted is applied also if its process dies at once.
 * A power cut takes accepted batches like commits: the newest ones may be lost, each whole. In a store of
 * durability sync a batch is durable when it is visible; who applies batches waits for the disk. */
#ifndef COPSE_BATCH_H
#define COPSE_BATCH_H

#include "transaction.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_batch;

/* What copse_batch_commit() waits for. */
enum copse_batch_wait {
  COPSE_BATCH_ACCEPTED = 0, /* returns at once; whoever writes next applies it. Only when this process's
                               room for batches is full (1/4 MiB) is it waited for */
  COPSE_BATCH_VISIBLE = 1,  /* until snapshots that are opened now show it */
  COPSE_BATCH_DURABLE = 2,  /* until it is durable */
};

/* Names a batch that was committed, for this process to ask for its outcome. */
struct copse_ticket {
  uint64_t owner, sequence, position;
};

struct copse_outcome {
  int result;      /* 0: applied; CONFLICT, KEY_SIZE, VALUE_SIZE, NO_MAP, MAP_KIND, LIMIT, NO_SPACE, PINNED:
                      applied not at all */
  uint32_t failed; /* which operation failed, from 0 on */
  uint64_t first;  /* key of the first record that copse_batch_append() added */
};

#define COPSE_OUTCOMES 1024 /* so many are kept for each process */

/* An empty batch; it may be used again after each commit. One thread at a time.
 * Errors: READ_ONLY, MEMORY, FORKED. */
COPSE_CHECKED int copse_batch_open(struct copse_store *store, struct copse_batch **batch);
/* Throws away what was not committed, and frees the handle. NULL is allowed. */
COPSE_API void copse_batch_close(struct copse_batch *batch);
/* Throws away what was not committed. */
COPSE_API void copse_batch_clear(struct copse_batch *batch);

/* Adds a change; keys and values are copied. Errors: KEY_SIZE, VALUE_SIZE, ARGUMENT, MEMORY. */
COPSE_CHECKED int copse_batch_put(struct copse_batch *batch, struct copse_map *map, const void *key,
                                  size_t key_size, const void *value, size_t value_size);
/* Deletes a key, if it is there. */
COPSE_CHECKED int copse_batch_delete(struct copse_batch *batch, struct copse_map *map,
                                     const void *key, size_t key_size);
/* The batch is applied only if the value is the expected one (expected NULL: the key is not there); then
 * sets it (value NULL: deletes it). */
COPSE_CHECKED int copse_batch_compare_and_set(struct copse_batch *batch, struct copse_map *map,
                                              const void *key, size_t key_size,
                                              const struct copse_bytes *expected,
                                              const struct copse_bytes *value);
/* Stores a value under the key after the greatest one in a map of uint64 keys (0 in an empty map), or
 * behind the end of an arena (copse_arena_map()). Errors: also MAP_KIND. */
COPSE_CHECKED int copse_batch_append(struct copse_batch *batch, struct copse_map *map,
                                     const void *value, size_t value_size);

/* Makes the next commit safe to be tried again after a crash of the machine, when it is not known
 * whether it took place. client: a name of 1 to 63 bytes that this writer keeps; number: greater with each
 * new batch of the name. A batch whose number is not greater than the last one applied is not
 * applied again; for the last number the outcome is that of then, for smaller ones CONFLICT. The
 * last number of each name is kept in the map "copse.clients". Errors: ARGUMENT, MEMORY. */
COPSE_CHECKED int copse_batch_token(struct copse_batch *batch, const char *client, uint64_t number);

/* Commits and empties the batch. timeout_ns as for copse_txn_begin(): how long to wait to be
 * accepted or to get the write lock; after TIMEOUT and INTERRUPTED the batch is not committed, and is as
 * it was. ticket (may be NULL) is for copse_batch_outcome(). With COPSE_BATCH_VISIBLE and _DURABLE the
 * result tells whether it was applied: 0, or the outcome's result. With COPSE_BATCH_ACCEPTED 0
 * says that it was accepted, even if it is found not to be applicable.
 * Errors: those of copse_txn_begin(), copse_txn_commit() and copse_store_sync(). */
COPSE_CHECKED int copse_batch_commit(struct copse_batch *batch, enum copse_batch_wait wait,
                                     int64_t timeout_ns, struct copse_ticket *ticket);

/* Waits (as for copse_txn_begin()) until a batch of this process is visible or durable, and tells what
 * became of it. COPSE_NONE: it was applied or refused, but which is forgotten, since more than
 * COPSE_OUTCOMES batches were committed after it. outcome may be NULL.
 * Errors: TIMEOUT, INTERRUPTED, ARGUMENT (the ticket is not of this process), and those of
 * copse_batch_commit(). */
COPSE_CHECKED int copse_batch_outcome(struct copse_store *store, const struct copse_ticket *ticket,
                                      enum copse_batch_wait wait, int64_t timeout_ns,
                                      struct copse_outcome *outcome);

/* Applies all batches that processes have left, those of dead ones too; if that takes longer than
 * budget_ns, only some. *applied (may be NULL) is how many. Waits for the write lock as
 * copse_txn_begin() does. For who goes on where a dead process was, and for processes that do only
 * this: see 'copse combine'. Errors: as copse_txn_begin(). */
COPSE_CHECKED int copse_combine(struct copse_store *store, int64_t timeout_ns, uint64_t budget_ns,
                                uint64_t *applied);

#ifdef __cplusplus
}
#endif
#endif
