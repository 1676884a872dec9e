/* sync/format.h - the readers' file, and the head of the writers' file.
 *
 * Readers' file (every attached process writes it):
 *   offset      size            what
 *        0      4096            struct readers_header
 *     4096      128 x 16384     struct reader_client, by client index
 *  2101248      16 x 65536      struct lease_head, by chunk of leases
 *  3149824      4096 x 255      chunks of leases: the first of them
 *  4194304      64 x 4194304    struct reader_slot, by slot index
 *  272629760    4096 x 65281    the other chunks of leases
 * Storage is allocated from each table's front as indexes come into use; the rest is a hole.
 * Locked bytes (open file description locks): CLIENT_BYTE + client index, held by the
 * process while its mapping lives.
 *
 * Writers' file (only writers write it; readers map it read-only):
 *        0      4096            struct writers_header
 *     4096      4096            struct commit_words
 *     8192      64 x 256        struct root_record, by version modulo 256
 *    24576      ...             the allocator's books: page/format.h */
#ifndef SYNC_FORMAT_H
#define SYNC_FORMAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "region/format.h"

#define SYNC_LINE 64

#define CLIENT_MAX 16384u
#define CLIENT_BYTE (UINT64_C(1) << 40) /* offset of client 0's liveness byte */
#define SLOT_MAX 4194304u

struct readers_header {
  uint64_t magic;   /* FORMAT_MAGIC_READERS */
  uint32_t version; /* FORMAT_VERSION */
  uint32_t zero0;
  uint64_t nonce;      /* of data_header */
  uint8_t boot_id[16]; /* of the kernel that ran when the file was made; zero on tmpfs */
  uint64_t compat;     /* features of this file, as in data_header */
  uint64_t read_compat;
  uint64_t incompat;
  /* 64: set to 1 by a process about to sleep for a commit, taken back to 0 by the committer
   * that then wakes all sleepers. tag: commit-wait */
  _Atomic uint32_t waiting;
  uint32_t zero2[15];
  /* 128: how many client entries and slots were ever in use: rises only; written by
   * attachers. Storage of the file reaches at least that far. tag: table-grow */
  _Atomic uint32_t client_count;
  _Atomic uint32_t slot_count;
  _Atomic uint32_t lease_count; /* chunks of leases */
  uint32_t zero3[13];
};
_Static_assert(offsetof(struct readers_header, waiting) == 64, "own line");
_Static_assert(offsetof(struct readers_header, client_count) == 128, "own line");

enum client_state { CLIENT_FREE = 0, CLIENT_USED = 1 };

/* One attached process (or one logical client of a process). Written by its owner, who holds
 * the liveness byte, or by whoever holds that byte after the owner's death. */
struct reader_client {
  _Atomic uint32_t state;         /* enum client_state; tag: client-entry */
  _Atomic uint32_t generation;    /* rises each time the entry is given out; under the byte */
  uint32_t pid;                   /* for people; in its own namespace */
  _Atomic uint32_t read_only;     /* 1: it never writes: whoever leaves last of the others marks the
                                  file clean. Written by the owner while it attaches */
  _Atomic uint64_t pid_namespace; /* inode of /proc/self/ns/pid; 0: not told yet. For people */
  uint64_t attached_ns;           /* CLOCK_MONOTONIC */
  char command[16];
  /* 48: its leases, for people; by the owner */
  _Atomic uint64_t lease_count;    /* how many */
  _Atomic uint64_t lease_bytes;    /* bytes of pages that they name */
  _Atomic uint64_t lease_since_ns; /* CLOCK_MONOTONIC_COARSE when the oldest was taken */
  _Atomic uint64_t lease_copies; /* leases that became copies since it attached: bounds, no space */
  uint64_t zero1[6];
};
_Static_assert(sizeof(struct reader_client) == 128, "two lines");
_Static_assert(offsetof(struct reader_client, lease_count) == 48, "offset");

/* What a slot announces: low two bits say how to read the version above them. */
#define SLOT_IDLE UINT64_C(0)    /* nothing announced */
#define SLOT_EXACT UINT64_C(1)   /* exactly this version is in use */
#define SLOT_PENDING UINT64_C(2) /* some version from this one on is in use */
#define SLOT_OUSTED UINT64_C(3)  /* a writer has ended this snapshot: nothing is protected */
#define SLOT_KIND(word) ((word)&3)
/* The top bit says that a writer may end the snapshot. It is part of the word so that the
 * compare-and-swap that ousts cannot meet another snapshot, of the same version in the same slot,
 * that may not be ousted. */
#define SLOT_OUSTABLE (UINT64_C(1) << 63)
#define SLOT_VERSION(word) (((word) & ~SLOT_OUSTABLE) >> 2)
#define SLOT_WORD(version, kind) ((uint64_t)(version) << 2 | (kind))

struct reader_slot {
  _Atomic uint64_t word;     /* written by the snapshot's thread (and by an ousting writer, by
                                compare-and-swap); read by reclaimers. tag: announce */
  _Atomic uint64_t owner;    /* client index + 1 in the low half, its generation above; 0: free.
                                tag: slot-owner */
  _Atomic uint64_t since_ns; /* CLOCK_MONOTONIC_COARSE at the announcement; for people */
  _Atomic uint32_t oustable; /* 1: announce with SLOT_OUSTABLE; set by the owner before */
  uint32_t zero0;
  uint64_t zero1[4];
};
_Static_assert(sizeof(struct reader_slot) == SYNC_LINE, "one line");

/* Pages that somebody has leased are named in chunks of words, each written by the chunk's owner:
 * a block of 2 KiB of the data file (its number from bit 16 on), and a bit for each of its units of which
 * the page is not to be reused. 0: no lease. */
struct lease_head {
  _Atomic uint64_t
      owner; /* as in a slot; 0: the chunk is free, its words mean nothing. tag: lease-owner */
  _Atomic uint64_t
      changes; /* rises after each change of a word or of the owner. tag: lease-enter */
};
_Static_assert(sizeof(struct lease_head) == 16, "lease head");
#define LEASE_CHUNK 4096u
#define LEASE_WORDS (LEASE_CHUNK / 8)
#define LEASE_CHUNK_MAX 65536u
#define LEASE_BLOCK 2048u
#define LEASE_WORD(block, units) ((uint64_t)(block) << 16 | (units))
_Static_assert(LEASE_BLOCK / FORMAT_UNIT == 16, "a bit for each unit");

#define READERS_CLIENTS 4096u
#define READERS_LEASE_HEADS (READERS_CLIENTS + CLIENT_MAX * (uint32_t)sizeof(struct reader_client))
#define READERS_LEASES (READERS_LEASE_HEADS + LEASE_CHUNK_MAX * (uint32_t)sizeof(struct lease_head))
#define READERS_SLOTS 4194304u
#define LEASE_CHUNKS_FIRST ((READERS_SLOTS - READERS_LEASES) / LEASE_CHUNK)
#define READERS_MORE_LEASES (READERS_SLOTS + (uint64_t)SLOT_MAX * sizeof(struct reader_slot))
#define READERS_BYTES                                                                              \
  (READERS_MORE_LEASES + (uint64_t)(LEASE_CHUNK_MAX - LEASE_CHUNKS_FIRST) * LEASE_CHUNK)
_Static_assert(READERS_LEASE_HEADS == 2101248 && READERS_LEASES == 3149824, "offsets");
_Static_assert(LEASE_CHUNKS_FIRST == 255 && READERS_MORE_LEASES == 272629760, "offsets");

struct writers_header {
  uint64_t magic;   /* FORMAT_MAGIC_WRITERS */
  uint32_t version; /* FORMAT_VERSION */
  uint32_t zero0;
  uint64_t nonce; /* of data_header */
  uint8_t boot_id[16];
  uint64_t compat; /* features of this file, as in data_header */
  uint64_t read_compat;
  uint64_t incompat;
  uint64_t zero1[504];
};
_Static_assert(sizeof(struct writers_header) == 4096, "one page");

/* The writer lock: 0 free, else the owner's client index + 1 in the low 24 bits and a
 * generation above, so that two owners never look alike. Bit 63: somebody may be asleep. */
#define LOCK_WAITERS (UINT64_C(1) << 63)
#define LOCK_OWNER(word) ((uint32_t)((word)&0xffffff))
#define LOCK_FREE UINT64_C(0)
/* In the owner's place, with a generation and LOCK_WAITERS: free, but for the sleeper just woken. */
#define LOCK_RESERVED 0xffffffu
/* The same, but kept for the last holder, whose generation it is: others take it when it stays so for a
 * microsecond. */
#define LOCK_KEPT 0xfffffeu
static inline int lock_is_free(uint64_t word) {
  return word == LOCK_FREE || LOCK_OWNER(word) == LOCK_KEPT;
}

/* A root that the log has made durable, and where the log goes on: in a half (the top bit), at an
 * offset in it. A record is complete when its mark is 2 x its number; it is written anew
 * after three more. tag: logged-root */
#define LOGGED_RING 4u
struct logged_root {
  _Atomic uint64_t mark;
  _Atomic uint64_t words[7]; /* version, then as in struct root_record; the last: the place */
};
#define LOG_PLACE_HALF (UINT64_C(1) << 63)

/* Locked bytes of the writers' file, by observers, shared. */
#define OBSERVE_JOIN (UINT64_C(1) << 61)    /* is about to choose a version */
#define OBSERVE_VERSION (UINT64_C(1) << 62) /* plus a version: wants it kept */
#define OBSERVED_MAX 16u

struct commit_words {
  /* 0: the newest committed version. Written by the holder of the lock; read by all.
   * tag: root-publish. The word after it is kept for an entry log in front of the tree. */
  _Atomic uint64_t published;
  uint64_t zero0[7];
  /* 64: the writer lock. tag: writer-lock */
  _Atomic uint64_t lock;
  _Atomic uint32_t lock_wake; /* futex word: rises at each release that has to wake */
  uint32_t zero1;
  _Atomic uint64_t lock_generation; /* the last one used; by compare-and-swap winners only */
  _Atomic uint64_t lock_since_ns;   /* CLOCK_MONOTONIC_COARSE when it was taken or reserved */
  _Atomic uint64_t lock_turn_ns;    /* CLOCK_MONOTONIC when it was last reserved; by the holder */
  uint64_t zero2[3];
  /* 128: futex word that commits raise when somebody waits. tag: commit-wait */
  _Atomic uint32_t commit_wake;
  uint32_t zero3[15];
  /* 192: durable roots: the last two, newest first, count as announced versions. Written
   * by the holder of the lock; read by it and by statistics. */
  _Atomic uint64_t durable[2];
  _Atomic uint64_t durable_sequence;
  _Atomic uint32_t sync_failed;  /* 1: a sync failed, no durable root may be written again */
  _Atomic uint32_t unclean;      /* 1: the file's last root slot is no longer marked clean */
  _Atomic uint64_t synced_units; /* `written_units` when the version durable[0] was chosen */
  _Atomic uint64_t synced_ns;    /* CLOCK_MONOTONIC_COARSE at that time */
  _Atomic uint64_t recovered;    /* version that these files began with, when the store had been in
                                    use; 0: it had been closed */
  uint64_t zero4;
  /* 256: counters for statistics; written by the holder of the lock unless said otherwise */
  _Atomic uint64_t commits, aborts, puts, deletes, takeovers, wakes, refusals;
  _Atomic uint64_t reaped; /* by any process with write access */
  _Atomic uint64_t lock_waits, lock_wait_ns, lock_wait_max_ns; /* by waiters */
  _Atomic uint64_t written_units; /* of pages taken by commits, in 128 bytes */
  _Atomic uint64_t syncs;         /* durable roots written; by the holder of SYNC_BYTE */
  uint64_t zero5[64 - 32 - 13];
  /* 512: transactions held for longer than a waiter found usual; the last one's lock word, length as
   * seen by waiters, process and command. Written by waiters. */
  _Atomic uint64_t long_holds, long_hold_word, long_hold_ns, long_hold_pid, long_hold_command[2];
  uint64_t zero6[2];
  /* 576: what stores with durability sync have made durable by their log. tag: logged-root
   * Written by the holder of LOG_BYTE, the salts and `log_last` too. */
  struct logged_root logged[LOGGED_RING];
  _Atomic uint64_t
      logged_count;          /* 832: record logged_count modulo 4 is the newest; 0: there is none */
  uint64_t log_salt[2];      /* 840: of each half of the log */
  uint64_t log_last[2];      /* 856: newest version in each half: free when a durable root has it */
  _Atomic uint32_t log_wake; /* 872: futex word: rises when somebody waits and LOG_BYTE is free
                                    again. tag: log-wait */
  _Atomic uint32_t log_waiting;            /* 876: set to 1 by who is about to sleep on it */
  _Atomic uint64_t log_records, log_bytes; /* 880: statistics */
  uint64_t log_group[2];                   /* 896: commits in the last two groups; under LOG_BYTE */
  uint64_t log_write_ns;                   /* 912: how long the last write took */
  uint64_t zero7[192 - 115];
  /* 1536: 1: some ring may hold batches that are not applied; set by who leaves one, taken back by
   * who then looks at all rings. tag: ring-staged */
  _Atomic uint32_t staged;
  uint32_t zero8[15];
  /* 1600: batches applied, those refused, and rounds that applied some; by the holder of the lock */
  _Atomic uint64_t batches, batches_refused, rounds;
  uint64_t zero9[5];
  /* 1664: for observers, by the holder of the lock. The newest version that freed a page which may
   * have been written again: versions before it are not whole any more, but for those in
   * `observed`. tag: observe */
  _Atomic uint64_t retained;
  _Atomic uint64_t probes;    /* looks at the observers' locks, times two; odd while one is made */
  _Atomic uint64_t probed_ns; /* CLOCK_MONOTONIC_COARSE at the last one */
  _Atomic uint64_t joining;   /* what versions from this one on see is kept until the next one; 0:
                                 nothing is */
  uint64_t zero10[4];
  _Atomic uint64_t observed[OBSERVED_MAX]; /* 1728: versions kept for observers; 0: none */
  uint64_t zero11[4096 / 8 - 216 - OBSERVED_MAX];
};
_Static_assert(offsetof(struct commit_words, lock) == 64, "own line");
_Static_assert(offsetof(struct commit_words, commit_wake) == 128, "own line");
_Static_assert(offsetof(struct commit_words, durable) == 192, "own line");
_Static_assert(offsetof(struct commit_words, commits) == 256, "own line");
_Static_assert(offsetof(struct commit_words, long_holds) == 512, "own line");
_Static_assert(offsetof(struct commit_words, logged) == 576, "own lines");
_Static_assert(offsetof(struct commit_words, logged_count) == 832, "own line");
_Static_assert(offsetof(struct commit_words, staged) == 1536, "own line");
_Static_assert(offsetof(struct commit_words, batches) == 1600, "own line");
_Static_assert(offsetof(struct commit_words, retained) == 1664, "own line");
_Static_assert(offsetof(struct commit_words, observed) == 1728, "own lines");
_Static_assert(sizeof(struct commit_words) == 4096, "one page");

/* A committed root. The writer marks it odd, writes the words, marks it even; a reader that
 * finds the mark odd or changed took too long: the ring has gone round, and it reads
 * `published` again. tag: root-record */
#define ROOT_RING 256u
struct root_record {
  _Atomic uint64_t mark;     /* 2 x version when complete, 2 x version - 1 while being written */
  _Atomic uint64_t words[7]; /* of struct root: table, next_map with limit in segments above bit 32,
                                time, timeline; then struct recent_map */
};
_Static_assert(sizeof(struct root_record) == SYNC_LINE, "one line");

/* Batches that one client left to be applied, and what became of its last ones. Positions count bytes
 * ever left; entries follow one another in `data`, round and round. */
#define RING_OUTCOMES 1024u
#define RING_DATA 262144u
struct ring_outcome {
  _Atomic uint64_t sequence; /* of its batch; 0 while it is written. tag: ring-outcome */
  _Atomic uint64_t result;   /* the code in the low half, the failed operation above */
  _Atomic uint64_t first;    /* key of the first appended record */
  uint64_t zero;
};
struct ring {
  /* 0: client_owner_word() of whom it is for; 0: nobody. By the holder of the lock, and by the
   * owner giving it back. tag: ring-owner */
  _Atomic uint64_t owner;
  uint64_t zero0[7];
  /* 64: where entries end, and the number of the last batch; by the owner. tag: ring-staged */
  _Atomic uint64_t tail;
  _Atomic uint64_t sequence;
  uint64_t zero1[6];
  /* 128: how far they were applied, by the transaction of which version: through the undo log, by
   * the holder of the lock. `mark` rises before each change and is not undone. tag: ring-consume */
  _Atomic uint64_t mark;
  _Atomic uint64_t consumed_version;
  _Atomic uint64_t consumed;
  uint64_t zero2[5];
  /* 192: a full ring's owner sleeps on `wake` after setting `waiting`. tag: ring-room */
  _Atomic uint32_t waiting;
  _Atomic uint32_t wake;
  uint64_t zero3[7];
  uint64_t zero4[480];
  struct ring_outcome outcomes[RING_OUTCOMES]; /* by sequence modulo their number; not undone */
  uint8_t data[RING_DATA];
};
_Static_assert(offsetof(struct ring, tail) == 64, "own line");
_Static_assert(offsetof(struct ring, mark) == 128, "own line");
_Static_assert(offsetof(struct ring, waiting) == 192, "own line");
_Static_assert(offsetof(struct ring, outcomes) == 4096, "offset");

/* An entry of a ring: this head, the token's name padded to 8 bytes, then operations. Little of it may be
 * trusted: any writer can write to any ring. */
struct ring_entry {
  uint32_t bytes; /* of all of it, a multiple of 8 */
  uint32_t operations;
  uint64_t sequence; /* of the batch */
  uint64_t number;   /* of the token */
  uint32_t name;     /* bytes in the token's name; 0: no token */
  uint32_t zero;
};
_Static_assert(sizeof(struct ring_entry) == 32, "entry");

enum ring_kind { RING_PUT = 1, RING_DELETE = 2, RING_COMPARE = 3, RING_APPEND = 4 };
#define RING_NO_BYTES UINT32_MAX /* in the place of a size: there is no such value */

/* An operation: this head, then key, value and expected value, padded to 8 together. */
struct ring_operation {
  uint8_t kind; /* enum ring_kind */
  uint8_t zero;
  uint16_t key;
  uint32_t map; /* its id */
  uint64_t tag; /* of the map */
  uint32_t value, expected;
};
_Static_assert(sizeof(struct ring_operation) == 24, "operation");

#define WRITERS_COMMIT 4096u
#define WRITERS_ROOTS 8192u

static inline struct commit_words *sync_commit(uint8_t *writers) {
  return (struct commit_words *)(writers + WRITERS_COMMIT);
}
static inline const struct commit_words *sync_commit_ro(const uint8_t *writers) {
  return (const struct commit_words *)(writers + WRITERS_COMMIT);
}
#define WRITERS_BOOKS (WRITERS_ROOTS + ROOT_RING * (uint32_t)sizeof(struct root_record))

#endif
