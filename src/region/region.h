/* region/region.h - one mapped file of a store: a large reserved range of addresses whose file
 * grows underneath, in all processes at once.
 *
 * Invariants: the file reaches beyond whatever is touched, and storage exists for what is
 * written, before it is; the file is never shortened while mapped. The descriptor is verified before each use, because the program
 * may have closed it behind our back (then it is opened again by path). */
#ifndef REGION_REGION_H
#define REGION_REGION_H

#include <stdatomic.h>

#include "region/os.h"

struct region {
  const char *path;    /* for messages and reopening; "(anonymous)" */
  int anonymous;       /* no path to open again */
  _Atomic int fd;      /* our descriptor, verified by identity before each use */
  unsigned open_flags; /* OS_WRITE or 0 */
  struct os_identity identity;
  uint64_t reserved;     /* bytes of address space */
  _Atomic uint64_t size; /* the file is known to be at least that long */
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

/* A verified descriptor: the kept one, or opened again by path when the program closed it.
 * DESCRIPTOR when it cannot be had. The region keeps it. */
int region_descriptor(struct region *region, int *fd);

/* A fresh open file description of the region's file; the caller closes it. */
int region_fresh_descriptor(struct region *region, int *fd);

/* Makes sure that storage exists for [offset, offset + size); idempotent. */
int region_allocate(struct region *region, uint64_t offset, uint64_t size);

/* Gives the storage of [offset, offset + size) back: nobody may touch it before it has storage again.
 * COPSE_NONE: the file system cannot. */
int region_punch(struct region *region, uint64_t offset, uint64_t size);

/* TRUNCATED when the file is now shorter than size bytes. One system call. */
int region_verify_size(struct region *region, uint64_t size);

/* How many of the bytes up to end can be touched: min(end, the file's size, what is mapped). A
 * system call only when the file was not yet known to reach that far. */
int region_reach(struct region *region, uint64_t end, uint64_t *reach);

#endif
