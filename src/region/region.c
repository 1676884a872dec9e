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

static int is_ours(const struct region *region, int fd) {
  struct os_identity found;
  uint64_t size;
  return fd >= 0 && os_examine(fd, region->path, &found, &size) == 0 &&
         found.device == region->identity.device && found.inode == region->identity.inode;
}

void region_close(struct region *region) {
  if (region->ro && region->ro != region->rw)
    os_unmap((void *)(uintptr_t)region->ro, region->reserved);
  if (region->rw)
    os_unmap(region->rw, region->reserved);
  /* relaxed: closing excludes other use, the caller sees to it */
  int fd = atomic_load_explicit(&region->fd, memory_order_relaxed);
  if (is_ours(region, fd))
    os_close(fd);
  *region = (struct region){.fd = -1};
}

void region_forget(struct region *region) {
  /* relaxed: the child has one thread */
  int fd = atomic_load_explicit(&region->fd, memory_order_relaxed);
  if (region->ro && is_ours(region, fd))
    os_close(fd);
  *region = (struct region){.fd = -1};
}

/* --- the descriptor ------------------------------------------------------------------ */

static int open_by_path(const struct region *region, int *fd) {
  if (region->anonymous)
    return error_set(COPSE_E_DESCRIPTOR,
                     "the program closed the descriptor of %s, which no path leads to; exclude the "
                     "library's descriptors from close_range() and the like",
                     region->path);
  int new_fd = -1;
  int code = os_open(region->path, region->open_flags, 0, &new_fd);
  if (code == COPSE_E_NO_STORE || (!code && !is_ours(region, new_fd))) {
    if (!code)
      os_close(new_fd);
    return error_set(COPSE_E_DESCRIPTOR,
                     "the program closed the descriptor of %s, and the path no longer leads to "
                     "that file; close the store and open it again",
                     region->path);
  }
  if (code)
    return code;
  *fd = new_fd;
  return 0;
}

int region_descriptor(struct region *region, int *fd) {
  for (;;) {
    /* relaxed: a number; what it stands for is asked of the kernel */
    int old = atomic_load_explicit(&region->fd, memory_order_relaxed);
    if (is_ours(region, old)) {
      *fd = old;
      return 0;
    }
    int new_fd = -1;
    int code = open_by_path(region, &new_fd);
    if (code)
      return code;
    /* relaxed: as above, both when it is ours and when another thread was first */
    if (atomic_compare_exchange_strong_explicit(&region->fd, &old, new_fd, memory_order_relaxed,
                                                memory_order_relaxed)) {
      *fd = new_fd;
      return 0;
    }
    os_close(new_fd);
  }
}

int region_fresh_descriptor(struct region *region, int *fd) {
  int old, new_fd = -1;
  /* By path: /proc costs a new process ten times as much. By /proc when there is no path, or it
   * leads elsewhere by now, or we have lost the right to follow it. */
  if (!region->anonymous && open_by_path(region, fd) == 0)
    return 0;
  int code = region_descriptor(region, &old);
  if (!code)
    code = os_reopen(old, region->path, region->open_flags, &new_fd);
  if (code)
    return code;
  if (!is_ours(region, new_fd)) {
    os_close(new_fd);
    return error_set(COPSE_E_DESCRIPTOR,
                     "the program replaced the descriptor of %s while it was in use", region->path);
  }
  *fd = new_fd;
  return 0;
}

/* --- storage ------------------------------------------------------------------------- */

/* The file is at least size bytes long: remember it. */
static void note_size(struct region *region, uint64_t size) {
  /* relaxed: a lower bound that only ever rises; what it covers is the kernel's to order */
  uint64_t known = atomic_load_explicit(&region->size, memory_order_relaxed);
  while (known < size &&
         /* relaxed: likewise */
         !atomic_compare_exchange_weak_explicit(&region->size, &known, size, memory_order_relaxed,
                                                memory_order_relaxed))
    ;
}

int region_allocate(struct region *region, uint64_t offset, uint64_t size) {
  int fd;
  int code = region_descriptor(region, &fd);
  if (!code)
    code = os_allocate(fd, region->path, offset, size);
  if (!code)
    note_size(region, offset + size);
  return code;
}

int region_punch(struct region *region, uint64_t offset, uint64_t size) {
  int fd;
  int code = region_descriptor(region, &fd);
  return code ? code : os_punch(fd, region->path, offset, size);
}

int region_verify_size(struct region *region, uint64_t size) {
  int fd;
  uint64_t found;
  int code = region_descriptor(region, &fd);
  if (!code)
    code = os_size(fd, region->path, &found);
  if (!code && found < size)
    code = error_set(COPSE_E_TRUNCATED,
                     "%s is %llu bytes long, at least %llu are in use; restore a copy",
                     region->path, (unsigned long long)found, (unsigned long long)size);
  return code;
}

int region_reach(struct region *region, uint64_t end, uint64_t *reach) {
  if (end > region->reserved)
    end = region->reserved;
  /* relaxed: a lower bound, see note_size */
  uint64_t known = atomic_load_explicit(&region->size, memory_order_relaxed);
  if (end > known) {
    int fd;
    int code = region_descriptor(region, &fd);
    if (!code)
      code = os_size(fd, region->path, &known);
    if (code)
      return code;
    note_size(region, known);
  }
  *reach = end < known ? end : known;
  return 0;
}
