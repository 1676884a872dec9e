/* copse/inspect.h - knowing what a store does: statistics, readers, the checker. */
#ifndef COPSE_INSPECT_H
#define COPSE_INSPECT_H

#include "transaction.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_stat {
  uint64_t version;          /* newest committed version */
  uint64_t maps;             /* number of maps */
  uint64_t file_bytes;       /* length of the data file; of all, where there are several */
  uint64_t file_max_bytes;   /* how many of them lie in each file but the last; 0: there is one */
  uint32_t files;            /* data files */
  uint64_t storage_bytes;    /* that it takes on the disk or in memory: less when copse_store_shrink() has
                                given storage back */
  uint64_t high_water_bytes; /* the part of it ever used */
  uint64_t used_bytes;       /* in pages and values that the newest version or a pending free holds */
  uint64_t free_bytes;       /* ready for reuse */
  uint64_t pending_bytes;    /* freed, not yet looked at for reuse */
  uint64_t pinned_bytes;     /* freed, kept for older snapshots or the durable version */
  uint64_t max_bytes;        /* the store's bound */
  uint64_t durable_version;  /* survives a power cut; 0 without durability */
  uint64_t timeline;         /* another number after each recovery: versions of two timelines may
                                be equal and differ in content */
  uint64_t recovered_version; /* the version that a recovery led to when the coordination files
                                were created; 0: the store had been closed cleanly */
  uint32_t durability;       /* of enum copse_durability */
  uint32_t processes;        /* attached now */
  uint32_t snapshots;        /* open now, in all processes */
  uint64_t leases;           /* held now, in all processes */
  uint64_t lease_bytes;      /* that they name */
  uint64_t lease_age_ns;     /* of the oldest */
  uint64_t lease_held_bytes; /* part of pinned_bytes: freed pages that only leases keep from reuse */
  uint64_t lease_copies;     /* leases that attached processes made copies of, because of bounds or room */
  uint32_t writer_pid;       /* holder of the write lock, 0 if none; in its own PID namespace */
  uint64_t writer_held_ns;   /* for how long */
  /* since the coordination files were created: */
  uint64_t commits, aborts, puts, deletes;
  uint64_t lock_waits;       /* times a writer had to wait */
  uint64_t lock_wait_ns;     /* in all */
  uint64_t lock_wait_max_ns; /* the longest */
  uint64_t long_holds;       /* transactions that a waiter found held for longer than its long_hold_ns */
  uint64_t long_hold_ns;     /* the last of them: for how long, as far as waiters saw */
  uint32_t long_hold_pid;    /* and by whom, in its own PID namespace; 0: there was none */
  char long_hold_command[16];
  uint64_t takeovers;        /* write locks taken from dead processes */
  uint64_t reaped;           /* dead processes cleaned up after */
  uint64_t batches;          /* that were applied or refused */
  uint64_t batches_refused;
  uint64_t batch_rounds;     /* transactions that did it: each applies all that it finds */
  uint64_t wakes;            /* commits that had to wake a waiter */
  uint64_t syncs;            /* times that a root slot was written */
  uint64_t log_records;      /* durability sync: groups of commits made durable by the log */
  uint64_t log_bytes;        /* in all */
  uint64_t refusals;         /* writes refused and snapshots ousted because of slow readers */
};

/* Numbers of the whole store, read without a lock: each is right at some moment of the call.
 * Errors: CORRUPT, FORKED. */
COPSE_CHECKED int copse_stat(struct copse_store *store, struct copse_stat *stat);

struct copse_map_stat {
  uint64_t records, leaf_pages, inner_pages, value_extents;
  uint64_t leaf_bytes, inner_bytes, extent_bytes; /* storage of those pages */
  uint64_t key_bytes, value_bytes;                /* payload */
  uint32_t depth;                                 /* levels of pages; 0 when empty */
};

/* Walks the whole map. Errors: NO_MAP, CORRUPT. */
COPSE_CHECKED int copse_map_stat(struct copse_view *view, struct copse_map *map,
                                 struct copse_map_stat *stat);

struct copse_reader {
  uint32_t pid;           /* in its own PID namespace */
  uint64_t pid_namespace; /* inode of that namespace: /proc/PID/ns/pid; 0: not told yet, which
                             a process does when it closes or refreshes a snapshot or writes */
  char command[16];
  uint32_t snapshots;     /* open in that process */
  uint64_t version;       /* the oldest of them; 0: none open */
  uint64_t lag;           /* commits since that version */
  uint64_t age_ns;        /* since that snapshot was opened or refreshed */
  uint64_t held_bytes;    /* freed pages that wait for that version */
  uint64_t leases;        /* held by that process: see lease.h */
  uint64_t lease_bytes;   /* that they name */
  uint64_t lease_age_ns;  /* of the oldest */
  uint32_t writing;       /* 1: holds the write lock */
  uint32_t alive;         /* 0: dead, about to be cleaned up after */
};

/* Calls visit for each attached process; a nonzero result ends the walk and is returned.
 * Errors: FORKED, IO. */
COPSE_CHECKED int copse_readers(struct copse_store *store,
                                int (*visit)(void *context, const struct copse_reader *reader),
                                void *context);

/* What the checker found. It takes the write lock while it compares the allocator's books with
 * the pages in use. */
struct copse_check {
  uint64_t maps, records, pages, page_bytes;
  uint64_t free_pages, pending_pages; /* of the allocator, pages of every size */
  uint64_t reserved_pages;            /* being filled by some process: see arena.h */
  uint64_t errors;                    /* 0: sound */
};

/* Walks everything: each page is counted once, keys are in order and inside their bounds,
 * counts agree, no page is both used and free, none is lost. report (may be NULL) is called
 * with a sentence for each fault; progress (may be NULL) now and then with the bytes done
 * and an estimate of all: a nonzero result ends the check and is returned. Returns 0 also when faults were found: see check->errors.
 * Errors: TIMEOUT (lock), READ_ONLY, FORKED, MEMORY, IO. */
COPSE_CHECKED int copse_check_store(struct copse_store *store, int64_t timeout_ns,
                                    void (*report)(void *context, const char *sentence),
                                    int (*progress)(void *context, uint64_t done, uint64_t all),
                                    void *context, struct copse_check *check);

#ifdef __cplusplus
}
#endif
#endif
