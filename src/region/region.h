/* region/region.h - one mapped file of a store: a large reserved range of addresses whose file
 * grows underneath, in all processes at once. The data may lie in several files, one behind the other (files.c).
 *
 * Invariants: the file reaches beyond whatever is touched, and storage exists for what is
 * written, before it is; the file is never shortened while mapped. The descriptor is verified before each use, because the program
 * may have closed it behind our back (then it is opened again by path). */
#ifndef REGION_REGION_H
#define REGION_REGION_H

#include <stdatomic.h>

#include "region/os.h"

struct region_files; /* files.c */

struct region {
  const char *path;    /* for messages and reopening; "(anonymous)" */
  int anonymous;       /* no path to open again */
  _Atomic int fd;      /* our descriptor, verified by identity before each use */
  unsigned open_flags; /* OS_WRITE or 0 */
  struct os_identity identity;
  struct region_files *files; /* NULL: there is but the one file */
  int no_read_ahead;
  uint64_t reserved;     /* bytes of address space */
  _Atomic uint64_t size; /* the file is known to be at least that long, and mapped so far */
  const uint8_t *ro;     /* read-only mapping; lent pointers come from here. With REGION_RW
                              alone: the same as rw */
  uint8_t *rw;           /* writable mapping; NULL when opened without write access */
};

enum region_flag {
  REGION_RO = 1,    /* map read-only */
  REGION_RW = 2,    /* map writable (both may be given: two mappings, but one under the thread
                    sanitizer, which does not see that they are the same memory) */
  REGION_WHOLE = 4, /* at least as much as the file has now */
};

/* Takes over fd (closed by region_close, or on failure) and maps it. reserve is reduced by halves, not
 * below minimum, when the address space is limited, and once more, so that room is left for other
 * mappings; all mappings of the region get the same size. */
int region_open(struct region *region, int fd, const char *path, int anonymous, unsigned flags,
                uint64_t reserve, uint64_t minimum);
void region_close(struct region *region);
/* In a forked child: lets go of a region whose mapping was kept out of it. */
void region_forget(struct region *region);

/* From now on, in this process, what is not in memory is read page by page. */
void region_no_read_ahead(struct region *region);

/* A verified descriptor: the kept one, or opened again by path when the program closed it.
 * DESCRIPTOR when it cannot be had. The region keeps it. */
int region_descriptor(struct region *region, int *fd);

/* A fresh open file description of the region's file; the caller closes it. */
int region_fresh_descriptor(struct region *region, int *fd);

/* For files.c: the same for any file of the region; closes a descriptor, unless it is the program's by now. */
int region_held_descriptor(const struct region *region, const char *path,
                           const struct os_identity *identity, _Atomic int *held, int *fd);
void region_held_close(const char *path, const struct os_identity *identity, int fd);

/* --- files.c: storage, and regions in several files ------------------------------------------- */

/* Tells an open region, whose first file has `file_bytes` of it at most, where the rest is: in PATH-data-1 and
 * so on, each with a header that says so. They are mapped when region_reach() is asked for them. memory: as
 * os_check_file_system() says of the first. */
int region_spread(struct region *region, uint64_t file_bytes, const uint64_t store_id[2],
                  int memory);
void region_files_close(struct region *region); /* part of region_close() */
/* Around a fork: no thread is about to map a file. */
void region_fork_lock(struct region *region);
void region_fork_unlock(struct region *region);

/* Makes sure that storage exists for [offset, offset + size); idempotent. Further files are made, with the
 * permissions of the first: by one process at a time. */
int region_allocate(struct region *region, uint64_t offset, uint64_t size);

/* Gives the storage of [offset, offset + size) back: nobody may touch it before it has storage again.
 * COPSE_NONE: the file system cannot. */
int region_punch(struct region *region, uint64_t offset, uint64_t size);

/* Reads a range that is mapped by the system, not through the mapping: a hole is zeros, and stays one. */
int region_read(struct region *region, uint64_t offset, void *data, uint64_t size);

/* Has the changed pages of a range written; makes all that lies below `end` durable. */
int region_write_back(struct region *region, uint64_t offset, uint64_t size);
int region_sync(struct region *region, uint64_t end);

/* TRUNCATED when a file is now shorter than the first size bytes of the region ask for. One system call each. */
int region_verify_size(struct region *region, uint64_t size);

/* How many of the bytes up to end can be touched: min(end, what the files have, what is mapped). System calls
 * only when the files were not yet known to reach that far. A further file that has to be there, and is
 * missing or another one: FILES. */
int region_reach(struct region *region, uint64_t end, uint64_t *reach);

/* How long the region is, and the storage that it takes, by its files. */
int region_length(struct region *region, uint64_t *bytes);
int region_storage(struct region *region, uint64_t *bytes);

/* Removes the further files of a store that nobody has open, at most `count`, the last one first; where their names are symbolic
 * links, what those lead to. Other stores' files stay. *removed: how many. */
int region_files_remove(const char *path, uint32_t count, const uint64_t store_id[2],
                        uint32_t *removed);
/* FILES when something is where the first further file would be. */
int region_files_none(const char *path);

#endif
