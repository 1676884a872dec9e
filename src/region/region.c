/* region/region.c - mapping a file, and keeping hold of it.
 *
 * The descriptor is a number that the program can close or give to another file (close_range,
 * a daemonising library). So before each use the number is compared with the file's identity.
 * One that is ours no longer is left alone, and the file is opened again: by its path. The
 * window between the comparison and the use stays: nothing in the system closes it. */
#include "region/region.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"

#if defined(__SANITIZE_THREAD__)
#define SANITIZE_THREAD 1
#define SANITIZE 1
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZE_THREAD 1
#define SANITIZE 1
#elif __has_feature(address_sanitizer)
#define SANITIZE 1
#endif
#endif
#ifndef SANITIZE_THREAD
#define SANITIZE_THREAD 0
#endif
#ifndef SANITIZE
#define SANITIZE 0
#endif

#define MAP_STEP UINT64_C(65536)              /* a multiple of every page size */
#define SANITIZE_RESERVE (UINT64_C(64) << 30) /* beyond, their shadow runs out of addresses */

/* --- mapping ------------------------------------------------------------------------- */

/* Under RLIMIT_AS a mapping takes at most a quarter of the limit: what fits is not what the
 * program can spare. */
static uint64_t limited_reserve(uint64_t reserve, uint64_t minimum) {
  uint64_t most = UINT64_MAX;
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    most = limit.rlim_cur / 4;
  if (SANITIZE && most > SANITIZE_RESERVE)
    most = SANITIZE_RESERVE;
  if (reserve > most)
    reserve = most;
  return reserve < minimum ? minimum : reserve;
}

static int map_both(struct region *region, int fd, unsigned flags, uint64_t size) {
  void *ro = NULL, *rw = NULL;
  /* The thread sanitizer takes two mappings for two memories: it gets one. */
  if (SANITIZE_THREAD && flags & REGION_RW)
    flags = REGION_RW;
  if (flags & REGION_RO) {
    int code = os_map(fd, region->path, size, OS_MAP_NO_DUMP, &ro);
    if (code)
      return code;
  }
  if (flags & REGION_RW) {
    int code = os_map(fd, region->path, size, OS_MAP_WRITE | OS_MAP_NO_DUMP, &rw);
    if (code) {
      if (ro)
        os_unmap(ro, size);
      return code;
    }
  }
  region->ro = ro ? ro : rw;
  region->rw = rw;
  region->reserved = size;
  return 0;
}

static uint64_t half_of(uint64_t size, uint64_t minimum) {
  return size / 2 > minimum ? (size / 2) & ~(MAP_STEP - 1) : minimum;
}

/* Maps as much as fits. When that is less than asked for, half of it is given back: what fits is
 * all that there is, and the store's other files come later. */
static int map_what_fits(struct region *region, int fd, unsigned flags, uint64_t size,
                         uint64_t minimum) {
  int code = map_both(region, fd, flags, size), fits = !code;
  while (code == COPSE_E_ADDRESS_SPACE && size > minimum) {
    size = half_of(size, minimum);
    code = map_both(region, fd, flags, size);
  }
  uint64_t kept = half_of(size, minimum);
  if (code || fits || kept == size)
    return code;
  os_unmap((void *)(uintptr_t)(region->ro + kept), size - kept);
  if (region->rw && region->rw != region->ro)
    os_unmap(region->rw + kept, size - kept);
  region->reserved = kept;
  return 0;
}

int region_open(struct region *region, int fd, const char *path, int anonymous, unsigned flags,
                uint64_t reserve, uint64_t minimum) {
  *region = (struct region){
      .path = path, .anonymous = anonymous, .open_flags = flags & REGION_RW ? OS_WRITE : 0};
  uint64_t file_size = 0;
  int code = os_examine(fd, path, &region->identity, &file_size);
  if (flags & REGION_WHOLE && minimum < file_size)
    minimum = file_size;
  minimum = minimum < MAP_STEP ? MAP_STEP : (minimum + MAP_STEP - 1) & ~(MAP_STEP - 1);
  uint64_t size = limited_reserve(reserve, minimum) & ~(MAP_STEP - 1);
  if (!code)
    code = map_what_fits(region, fd, flags, size, minimum);
  if (code) {
    os_close(fd);
    *region = (struct region){.fd = -1};
    return code;
  }
  /* relaxed: nobody else knows the region yet */
  atomic_store_explicit(&region->fd, fd, memory_order_relaxed);
  atomic_store_explicit(&region->size, file_size, memory_order_relaxed); /* relaxed: likewise */
  return 0;
}

static int is_ours(const char *path, const struct os_identity *identity, int fd) {
  struct os_identity found;
  uint64_t size;
  return fd >= 0 && os_examine(fd, path, &found, &size) == 0 && found.device == identity->device &&
         found.inode == identity->inode;
}

void region_close(struct region *region) {
  region_files_close(region);
  if (region->ro && region->ro != region->rw)
    os_unmap((void *)(uintptr_t)region->ro, region->reserved);
  if (region->rw)
    os_unmap(region->rw, region->reserved);
  /* relaxed: closing excludes other use, the caller sees to it */
  int fd = atomic_load_explicit(&region->fd, memory_order_relaxed);
  if (is_ours(region->path, &region->identity, fd))
    os_close(fd);
  *region = (struct region){.fd = -1};
}

void region_no_read_ahead(struct region *region) {
  region->no_read_ahead = 1;
  os_no_read_ahead((void *)(uintptr_t)region->ro, region->reserved);
  if (region->rw && region->rw != region->ro)
    os_no_read_ahead(region->rw, region->reserved);
}

void region_forget(struct region *region) {
  region_files_close(region);
  /* relaxed: the child has one thread */
  int fd = atomic_load_explicit(&region->fd, memory_order_relaxed);
  if (region->ro && is_ours(region->path, &region->identity, fd))
    os_close(fd);
  *region = (struct region){.fd = -1};
}

/* --- the descriptor ------------------------------------------------------------------ */

static int open_by_path(const struct region *region, const char *path,
                        const struct os_identity *identity, int *fd) {
  if (region->anonymous)
    return error_set(COPSE_E_DESCRIPTOR,
                     "the program closed the descriptor of %s, which no path leads to; exclude the "
                     "library's descriptors from close_range() and the like",
                     path);
  int new_fd = -1;
  int code = os_open(path, region->open_flags, 0, &new_fd);
  if (code == COPSE_E_NO_STORE || (!code && !is_ours(path, identity, new_fd))) {
    if (!code)
      os_close(new_fd);
    return error_set(COPSE_E_DESCRIPTOR,
                     "the program closed the descriptor of %s, and the path no longer leads to "
                     "that file; close the store and open it again",
                     path);
  }
  if (code)
    return code;
  *fd = new_fd;
  return 0;
}

int region_held_descriptor(const struct region *region, const char *path,
                           const struct os_identity *identity, _Atomic int *held, int *fd) {
  for (;;) {
    /* relaxed: a number; what it stands for is asked of the kernel */
    int old = atomic_load_explicit(held, memory_order_relaxed);
    if (is_ours(path, identity, old)) {
      *fd = old;
      return 0;
    }
    int new_fd = -1;
    int code = open_by_path(region, path, identity, &new_fd);
    if (code)
      return code;
    /* relaxed: as above, both when it is ours and when another thread was first */
    if (atomic_compare_exchange_strong_explicit(held, &old, new_fd, memory_order_relaxed,
                                                memory_order_relaxed)) {
      *fd = new_fd;
      return 0;
    }
    os_close(new_fd);
  }
}

int region_descriptor(struct region *region, int *fd) {
  return region_held_descriptor(region, region->path, &region->identity, &region->fd, fd);
}

void region_held_close(const char *path, const struct os_identity *identity, int fd) {
  if (is_ours(path, identity, fd))
    os_close(fd);
}

int region_fresh_descriptor(struct region *region, int *fd) {
  int old, new_fd = -1;
  /* By path: /proc costs a new process ten times as much. By /proc when there is no path, or it
   * leads elsewhere by now, or we have lost the right to follow it. */
  if (!region->anonymous && open_by_path(region, region->path, &region->identity, fd) == 0)
    return 0;
  int code = region_descriptor(region, &old);
  if (!code)
    code = os_reopen(old, region->path, region->open_flags, &new_fd);
  if (code)
    return code;
  if (!is_ours(region->path, &region->identity, new_fd)) {
    os_close(new_fd);
    return error_set(COPSE_E_DESCRIPTOR,
                     "the program replaced the descriptor of %s while it was in use", region->path);
  }
  *fd = new_fd;
  return 0;
}
