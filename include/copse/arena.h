/* copse/arena.h - arenas: fixed-size records in slots, named by handles that cannot dangle.
 *
 * An arena is a container of a store, beside its maps: transactional, seen by snapshots, with a name
 * of its own among theirs. Its records have one size (1 byte to COPSE_ARENA_RECORD_MAX) and lie in
 * numbered slots. Inserting gives a handle {arena, index, generation}; removing ends that generation, so
 * that the handle of a removed record is an error (STALE) for ever, even when its slot holds
 * another record. A handle is 24 bytes without pointers: it may be stored, and sent to other processes.
 *
 *   struct copse_handle handle;
 *   copse_arena_insert(txn, arena, &point, &handle);          in a write transaction
 *   copse_arena_get(view, arena, &handle, (const void **)&p); in any later view: 0, or STALE
 *
 * Finding a slot takes constant time. Records lie one after the other, without gaps, in leaves (of 4
 * KiB for small records) which begin at addresses divisible by 64; what copse_arena_append() and
 * reservations put in lies in pieces of up to 64 leaves. The records of a piece are an
 * array: copse_arena_chunk() hands such arrays out.
 *
 * Indexes go up to 2^48, and unused ranges of them cost nothing. Removed slots are used again, the
 * lowest first. After 2^31 - 1 generations a slot is used no more.
 *
 * Memory that is handed out, threads and errors: as told in transaction.h. */
#ifndef COPSE_ARENA_H
#define COPSE_ARENA_H

#include "transaction.h"

#ifdef __cplusplus
extern "C" {
#endif

#define COPSE_ARENA_RECORD_MAX 65536                 /* bytes in a record */
#define COPSE_ARENA_INDEX_END (UINT64_C(1) << 48)    /* indexes are less than this */

struct copse_arena;

/* Names one record for as long as the store exists. All zero: nothing. */
struct copse_handle {
  uint64_t arena;      /* which arena: never 0, not shared by any two */
  uint64_t index;      /* which slot */
  uint32_t generation; /* which of the records that the slot has had, from 1 on */
  uint32_t zero;
};

/* What an arena is, given at creation. */
struct copse_arena_options {
  uint32_t record_size;              /* bytes in a record, 1 to COPSE_ARENA_RECORD_MAX */
  const struct copse_layout *layout; /* records are of this layout (record.h), whose size counts.
                                        NULL: plain bytes */
  uint64_t arena; /* 0; or the arena's number in handles: what is created is a copy of that arena,
                     and what is opened must be it or one */
};

struct copse_arena_info {
  char name[COPSE_MAP_NAME_MAX + 1];
  uint32_t id;          /* among maps and arenas; never used again in this store */
  uint32_t record_size;
  uint32_t leaf_slots;  /* records in a leaf */
  uint32_t has_layout;  /* 1: records are typed */
  uint64_t layout_hash; /* 0 without a layout */
  uint64_t arena;       /* as in handles */
  uint64_t count;       /* live records */
  uint64_t end;         /* one more than the greatest index ever used */
  uint64_t changed;     /* the version whose commit last changed it */
};

/* --- arenas ---------------------------------------------------------------------------- */

/* These do what their namesakes in map.h do for maps. Errors: as there; FOREIGN (what is there is another arena
 * than options->arena), MAP_EXISTS (options->arena is in this store under another name). */
COPSE_CHECKED int copse_arena_create(struct copse_txn *txn, const char *name,
                                     const struct copse_arena_options *options,
                                     struct copse_arena **arena);
COPSE_CHECKED int copse_arena_open(struct copse_view *view, const char *name,
                                   const struct copse_arena_options *options,
                                   struct copse_arena **arena);
COPSE_CHECKED int copse_arena_ensure(struct copse_store *store, const char *name,
                                     const struct copse_arena_options *options, int64_t timeout_ns,
                                     struct copse_arena **arena);
COPSE_API void copse_arena_close(struct copse_arena *arena);
COPSE_CHECKED int copse_arena_info(struct copse_view *view, struct copse_arena *arena,
                                   struct copse_arena_info *info);

/* The arena as a map handle, lent until the arena is closed. It serves for copse_map_rename(),
 * copse_map_drop(), copse_map_info(), copse_map_layout(), copse_map_stat(), copse_wait(),
 * copse_diff_open() and copse_watch_open() (a slot's index is the key, in the byte form of
 * copse_key_u64(); a slot that holds another record than before has changed), and
 * copse_batch_append(), which puts a record behind the end. Every other function for maps gives MAP_KIND.
 * copse_map_next() lists arenas too: key_kind is COPSE_KEY_SLOT. */
COPSE_API struct copse_map *copse_arena_map(struct copse_arena *arena);

/* --- reading --------------------------------------------------------------------------- */

/* The record that a handle names; lent. Errors: STALE (it was removed), NOT_YET (the view is older than the
 * record), FOREIGN (the handle is of another arena), NO_MAP, CORRUPT, TRUNCATED, OUSTED, STATE. */
COPSE_CHECKED int copse_arena_get(struct copse_view *view, struct copse_arena *arena,
                                  const struct copse_handle *handle, const void **record);

/* The record in a slot, whichever it is; COPSE_NONE when the slot is empty. handle (may be NULL)
 * receives the record's. Errors: as copse_arena_get(), but for those of handles. */
COPSE_CHECKED int copse_arena_at(struct copse_view *view, struct copse_arena *arena, uint64_t index,
                                 struct copse_handle *handle, const void **record);

/* Records that lie one after the other in memory: an array. */
struct copse_chunk {
  const void *records;
  uint64_t first; /* index of the first one's slot */
  uint64_t count;
};
/* The first records whose index is not less than from. All live records of an arena in order:
 *   for (uint64_t i = 0; copse_arena_chunk(view, arena, i, &chunk) == 0;
 *        i = chunk.first + chunk.count) ...
 * COPSE_NONE: there are no more. Errors: as copse_arena_at(). */
COPSE_CHECKED int copse_arena_chunk(struct copse_view *view, struct copse_arena *arena,
                                    uint64_t from, struct copse_chunk *chunk);

/* How many records are live; constant time. */
COPSE_CHECKED int copse_arena_count(struct copse_view *view, struct copse_arena *arena,
                                    uint64_t *count);

/* --- writing --------------------------------------------------------------------------- */

/* Puts a record into the lowest free slot. record is copied; NULL: *memory (which may be NULL
 * otherwise) receives where to write it before the transaction's next call. handle may be NULL.
 * Errors: TOO_MANY (no index is left), and as copse_put(). */
COPSE_CHECKED int copse_arena_insert(struct copse_txn *txn, struct copse_arena *arena,
                                     const void *record, struct copse_handle *handle, void **memory);

/* The same for the slot of this index, anywhere below COPSE_ARENA_INDEX_END.
 * Errors: also KEY_EXISTS (the slot is not free); TOO_MANY (it had all its generations). */
COPSE_CHECKED int copse_arena_insert_at(struct copse_txn *txn, struct copse_arena *arena,
                                        uint64_t index, const void *record,
                                        struct copse_handle *handle, void **memory);

/* Puts n records behind the greatest index ever used: their indexes are *first (may be NULL) and
 * those that follow, their generations 1. The fastest way to store many. */
COPSE_CHECKED int copse_arena_append(struct copse_txn *txn, struct copse_arena *arena, uint64_t n,
                                     const void *records, uint64_t *first);

/* Replaces a record; NULL: *memory receives where it lies, to be changed before the
 * transaction's next call. The handle stays valid. Errors: those of handles, and as copse_put(). */
COPSE_CHECKED int copse_arena_update(struct copse_txn *txn, struct copse_arena *arena,
                                     const struct copse_handle *handle, const void *record,
                                     void **memory);

/* Removes a record and ends its handle. Errors: those of handles, and as copse_put(). */
COPSE_CHECKED int copse_arena_remove(struct copse_txn *txn, struct copse_arena *arena,
                                     const struct copse_handle *handle);

/* --- parallel bulk --------------------------------------------------------------------- */

/* Room for records that several processes fill at once, each its own, with no lock held: reserve,
 * fill, publish. Only the first and the last take the lock, for a moment.
 *
 *   copse_arena_reserve(arena, 10000, -1, &reservation);
 *   while (copse_reservation_piece(reservation, done, &records, &count) == 0) ... done += count;
 *   copse_txn_begin(...); copse_reservation_publish(txn, reservation, 10000, &first); copse_txn_commit(...);
 *   copse_reservation_close(reservation);
 *
 * A reservation belongs to the process. When it dies, or closes the reservation, what was not published
 * becomes free again. */
struct copse_reservation;

/* Takes room for n records, in a transaction of its own: this thread has none open. timeout_ns as for
 * copse_txn_begin(). The arena's handle is not to be closed before the reservation.
 * Errors: ARGUMENT, and those of copse_txn_begin() and copse_txn_commit(). */
COPSE_CHECKED int copse_arena_reserve(struct copse_arena *arena, uint64_t n, int64_t timeout_ns,
                                      struct copse_reservation **reservation);

/* Where the records from number from on are to be written: *count of them, one after the other. Their
 * content is not defined before. Threads may write at once. COPSE_NONE: from is not less than n. */
COPSE_CHECKED int copse_reservation_piece(struct copse_reservation *reservation, uint64_t from,
                                          void **records, uint64_t *count);

/* Makes the first n of the records part of the arena; nothing may be written to them any more. Their
 * indexes are *first (may be NULL) and those that follow, their generations 1; they begin at a leaf, and the
 * slots that were left out are free. If the transaction is aborted, the reservation is as it was before.
 * Errors: ARGUMENT, STATE (it was published before), FORKED, NO_MAP, TOO_MANY, and as copse_put(). */
COPSE_CHECKED int copse_reservation_publish(struct copse_txn *txn,
                                            struct copse_reservation *reservation, uint64_t n,
                                            uint64_t *first);

/* Ends it; what was not published goes back now, or with this process's next transaction. NULL is
 * allowed. */
COPSE_API void copse_reservation_close(struct copse_reservation *reservation);

/* --- copies ---------------------------------------------------------------------------- */

/* Slots one after the other that have all had the same number of records: what a copy needs, in which all
 * handles mean what they mean here. So goes all of an arena into one in another store, made with options->arena:
 *   for (uint64_t i = 0; copse_arena_slots(view, arena, i, &slots) == 0; i = slots.first + slots.count)
 *     copse_arena_restore(txn, copy, &slots) ... */
struct copse_slots {
  const void *records; /* one after the other; NULL: the slots are free */
  uint64_t first;      /* index of the first one */
  uint64_t count;
  uint32_t generation; /* of the records; of free slots: of the last ones that they had */
  uint32_t zero;
};

/* The first slots whose index is not less than from that ever had a record. COPSE_NONE: there are no
 * more. Errors: as copse_arena_at(). */
COPSE_CHECKED int copse_arena_slots(struct copse_view *view, struct copse_arena *arena,
                                    uint64_t from, struct copse_slots *slots);

/* Makes slots what they are elsewhere. They have had no record here, neither now nor before.
 * Errors: KEY_EXISTS (one has had a record), ARGUMENT, and as copse_put(). */
COPSE_CHECKED int copse_arena_restore(struct copse_txn *txn, struct copse_arena *arena,
                                      const struct copse_slots *slots);

#ifdef __cplusplus
}
#endif
#endif
