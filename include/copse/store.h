/* copse/store.h - a store: create, open, close, remove, make durable.
 *
 * A store is one data file plus two coordination files beside it: PATH,
 * PATH-readers and PATH-writers. It may lie in shared memory (/dev/shm, any
 * tmpfs), on a disk (ext4, xfs), or be anonymous (path NULL: memory that only
 * this process and its forked children see). There is no server: each process
 * that opens it maps it. A store handle may be used by all threads of a process.
 *
 * A process that writes to a lazy store has one thread for making commits durable (see
 * COPSE_NO_SYNC_THREAD), from its first commit until copse_store_close(). It blocks all
 * signals. exit() needs no care for it.
 *
 * After fork() the child may go on using its inherited store handle and
 * snapshots; write transactions and the thread stay with the parent. A child made by a
 * bare clone() that copies the memory can use no handle that it inherited: every call that
 * has errors gives FORKED, and closing does nothing. What snapshots lent is not protected in
 * it. */
#ifndef COPSE_STORE_H
#define COPSE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_store;

enum copse_open_flag {
  COPSE_CREATE = 1,    /* create the store when there is none */
  COPSE_EXCLUSIVE = 2, /* with COPSE_CREATE: fail with STORE_EXISTS if there is one */
  COPSE_READ_ONLY = 4, /* never write: transactions are refused, the writers' file and the
                          data are opened and mapped without write permission. The readers'
                          file must still be writable. */
  COPSE_SIGBUS_GUARD = 8, /* turn a fault inside the library on a file that an outsider
                             truncated into COPSE_E_TRUNCATED; chains to the former handler */
  COPSE_NO_SYNC_THREAD = 16, /* no thread in this process that keeps sync_interval_ms and
                                sync_bytes: commits look at both, and wait for the disk when one
                                has passed; nobody looks while nobody commits */
  COPSE_NO_READ_AHEAD = 64, /* on a disk, what is not in memory is read page by page, without what lies
                               behind it: for random reads of a store larger than memory. Done by
                               itself when that is larger than half of the machine's when it is opened */
  COPSE_OBSERVE = 32, /* as COPSE_READ_ONLY, and without write permission to any file, the readers' file
                         too: see below */
};

enum copse_durability {
  COPSE_DURABILITY_DEFAULT = 0, /* none on tmpfs and anonymous memory, lazy elsewhere */
  COPSE_DURABILITY_NONE = 1,    /* survives every process; after a power cut of a store that
                                   was in use it must be created anew (COPSE_E_UNCLEAN) */
  COPSE_DURABILITY_LAZY = 2,    /* survives power cuts too, at a committed state: commits become
                                   durable within sync_interval_ms and sync_bytes, by
                                   copse_store_sync() and by a clean close */
  COPSE_DURABILITY_SYNC = 3,    /* survives power cuts with every commit that returned. A fourth file,
                                   PATH-log; commits of several writers share one write */
};

/* What a write does when slow readers keep more than slow_reader_bytes from reuse. */
enum copse_slow_reader {
  COPSE_SLOW_WARN = 0,   /* go on and grow; visible in copse_readers() */
  COPSE_SLOW_REFUSE = 1, /* fail writes that would grow the store: COPSE_E_PINNED */
  COPSE_SLOW_OUST = 2,   /* end the oldest snapshots opened with COPSE_SNAPSHOT_OUSTABLE */
};

/* Options for opening; all zero is a sane choice. durability, max_bytes, mode, the sync
 * and the slow reader settings are fixed at creation and ignored when an existing store is opened. */
struct copse_store_options {
  uint32_t flags;             /* of enum copse_open_flag */
  uint32_t durability;        /* of enum copse_durability */
  uint64_t max_bytes;         /* the data never grows beyond; 0: 1 TiB (named), 64 GiB (anonymous) */
  uint64_t reserve_bytes;     /* address space reserved in this process; 0: max_bytes. When less
                                 is available, as much as there is. */
  uint32_t mode;              /* permission bits of the data file, before umask; 0: 0666. The
                                 other files get those that the data file has */
  uint32_t slow_reader;       /* of enum copse_slow_reader */
  uint64_t slow_reader_bytes; /* 0: no bound */
  uint64_t prefault_bytes;    /* keep this much of the data file allocated and mapped ahead of
                                 need, beyond the chunks by which it grows; 0: none */
  uint64_t sync_bytes;        /* lazy: bytes of pages that commits write between two syncs; at twice
                                 as many commits wait for the disk; 0: 256 MiB
                                 sync: size of the log, at least 128 KiB; 0: 32 MiB */
  uint32_t sync_interval_ms;  /* lazy: time between two syncs; 0: one second */
  uint64_t long_hold_ns;      /* who holds a write transaction for longer while this process waits for
                                 it is named in copse_stat(); 0: one second */
  uint64_t file_bytes;        /* bytes of data in a file: what is more lies in further files PATH-data-1,
                                 PATH-data-2 and so on, made as the store grows, 1023 at most. Not less than 1 MiB; 0: all
                                 is in one file */
};

/* An observer (COPSE_OBSERVE) is seen by nobody and holds nobody up. It needs read permission for the data
 * and the writers' file only, also on a read-only mount. Its snapshots copy pages out: lent memory is
 * valid until the next call with the same snapshot. Writers may use pages of its version again: then
 * reading gives OVERRUN, and refreshing the snapshot goes on with a newer version. With
 * COPSE_SNAPSHOT_KEPT writers keep the version for it as long as that costs no more than half of the
 * store or 16 MiB, whichever is more (less with slow_reader_bytes), and at most 16 such versions. It can
 * neither multiget, diff, watch nor seal, and does not see who is attached. A store that was not open since the machine was started
 * shows its newest durable state; once somebody then opens it for writing, the observer has to open
 * it anew (COORDINATION). */

/* Opens the store at path (NULL: creates an anonymous one). options may be NULL.
 * With COPSE_CREATE a symbolic link is not followed (NOT_A_STORE), and in a folder where everybody may
 * put files (sticky: /tmp, /dev/shm) another user's store is refused (PERMISSION).
 * A further data file may lie on another disk: while nobody has the store open it may be moved there, and
 * before it is made an empty file be put there, with a symbolic link PATH-data-N that leads to it.
 * The handle belongs to the caller: copse_store_close().
 * Errors: FILES, ARGUMENT, MEMORY, NO_STORE, STORE_EXISTS, NOT_A_STORE, VERSION, CORRUPT,
 * FILE_SYSTEM, READ_ONLY, PERMISSION, COORDINATION, UNCLEAN, NO_SPACE, ADDRESS_SPACE,
 * TOO_MANY, IO. */
COPSE_CHECKED int copse_store_open(const char *path, const struct copse_store_options *options,
                                   struct copse_store **store);

/* Ends the process's use of the store. Its snapshots, cursors, watches, reservations, maps and arenas must be
 * closed and its transaction ended before (else STATE, and the store stays open). When the
 * last process that may write closes it, the file is complete and cleanly marked, also while others
 * have it open read-only. Errors: STATE, IO, SYNC_FAILED
 * (the handle is freed all the same after IO and SYNC_FAILED). */
COPSE_API int copse_store_close(struct copse_store *store);

/* Removes the files of a store that nobody has open. Of a removal that was cut short by a death, what
 * is left is no store any more: removing it again ends it, and so does creating one there. Errors: NO_STORE, NOT_A_STORE,
 * STATE (in use by some process), PERMISSION, IO. */
COPSE_CHECKED int copse_store_remove(const char *path);

/* Gives storage back that the store does not need, while programs use it. Of the file's segments of
 * 256 KiB those of which little is in use are emptied, by writing their pages anew elsewhere; then the storage of
 * those that are wholly free goes back to the file system. The file keeps its length, with holes, which get storage again before they are
 * used: NO_SPACE comes where it would without. Done in many short write transactions, so that
 * other writers wait for a few milliseconds at most. What older
 * snapshots and leases need stays. shrunk (may be NULL) receives what came of it.
 * Errors: READ_ONLY, FORKED, DEADLOCK, and those of copse_txn_begin(), copse_txn_commit() and copse_store_sync(). */
struct copse_shrunk {
  uint64_t before_bytes, after_bytes; /* storage of the data file */
  uint64_t moved_bytes;               /* of pages that were written anew */
  uint64_t held_bytes;                /* freed, but kept by snapshots, leases, or durable roots */
};
COPSE_CHECKED int copse_store_shrink(struct copse_store *store, struct copse_shrunk *shrunk);

/* Makes everything committed so far durable (file-backed stores; nothing to do in memory).
 * version (may be NULL) receives the version that is durable. Waits for the disk.
 * Errors: READ_ONLY, IO, SYNC_FAILED, DESCRIPTOR, and those of copse_snapshot_open(). */
COPSE_CHECKED int copse_store_sync(struct copse_store *store, uint64_t *version);

/* Waits until a committed version is durable, and sees to it. Nothing to do in a store without
 * durability. timeout_ns: < 0 waits as long as it takes; in lazy stores 0 only looks, and what is
 * begun is not given up. Errors: TIMEOUT, ARGUMENT, and those of copse_store_sync(). */
COPSE_CHECKED int copse_wait_durable(struct copse_store *store, uint64_t version,
                                     int64_t timeout_ns);

/* The path it was opened by; NULL for an anonymous store. Lent until close. */
COPSE_API const char *copse_store_path(const struct copse_store *store);

/* The newest committed version: starts at 1 and rises by one with each commit. Any thread;
 * no system call. */
COPSE_API uint64_t copse_store_version(const struct copse_store *store);

#ifdef __cplusplus
}
#endif
#endif
