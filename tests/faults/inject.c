/* faults/inject.c - see inject.h. */
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "region/os.h"

const char *const fault_names[FAULT_KINDS] = {"call",     "calls", "memory",
                                              "memories", "short", "short-failed"};

static enum fault_kind kind;
static uint64_t nth, count;
static bool armed, came, halved;
static char what[800];
static _Atomic int64_t live;

/* Whether this call is to fail. */
static bool due(bool matches, bool lasts) {
  if (!armed || !matches)
    return false;
  count++;
  if (nth == 0 || (lasts && came ? count < nth : count != nth))
    return false;
  came = true;
  return true;
}

static int hook(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  if (!due(kind == FAULT_CALL || kind == FAULT_CALLS, kind == FAULT_CALLS))
    return 0;
  snprintf(what, sizeof what, "os_call %d (%s, %llu bytes at %llu)", call, path,
           (unsigned long long)size, (unsigned long long)offset);
  return call == OS_CALL_ALLOCATE ? ENOSPC : call == OS_CALL_MAP ? ENOMEM : EIO;
}

void fault_set(enum fault_kind new_kind, uint64_t new_nth) {
  kind = new_kind;
  nth = new_nth;
  count = 0;
  armed = came = halved = false;
  os_hook = hook;
}

void fault_arm(void) {
  came = halved = false;
  armed = true;
}

bool fault_disarm(void) {
  armed = false;
  return came;
}

uint64_t fault_calls(void) { return count; }
const char *fault_what(void) { return what; }
int64_t memory_live(void) { return atomic_load(&live); }

/* --- memory ------------------------------------------------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);

static bool memory_fails(size_t size) {
  if (!due(kind == FAULT_MEMORY || kind == FAULT_MEMORIES, kind == FAULT_MEMORIES))
    return false;
  snprintf(what, sizeof what, "an allocation of %zu bytes", size);
  errno = ENOMEM;
  return true;
}

static void *counted(void *memory) {
  atomic_fetch_add(&live, memory != NULL);
  return memory;
}

void *__wrap_malloc(size_t size) {
  return memory_fails(size) ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size) {
  return memory_fails(n * size) ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size) {
  if (memory_fails(size))
    return NULL;
  void *memory = __real_realloc(old, size);
  return old ? memory : counted(memory);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return memory_fails(size) ? NULL : counted(__real_aligned_alloc(alignment, size));
}

char *__wrap_strdup(const char *text) {
  return memory_fails(strlen(text) + 1) ? NULL : counted(__real_strdup(text));
}

void __wrap_free(void *memory) {
  atomic_fetch_sub(&live, memory != NULL);
  __real_free(memory);
}

/* --- half of what is asked for ----------------------------------------------------------- */

ssize_t __real_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __real_pwrite64(int fd, const void *data, size_t size, off_t offset);
ssize_t __real_pwritev64v2(int fd, const struct iovec *pieces, int n, off_t offset, int flags);
int __real_fallocate64(int fd, int mode, off_t offset, off_t size);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *pieces, int n, off_t offset, int flags);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t size);

/* After half of a call that has to fail, the next one does. */
static bool rest_fails(void) {
  bool fails = armed && halved;
  halved = false;
  return fails;
}

static bool is_halved(const char *name, uint64_t size, off_t offset) {
  if (!due(size > 1 && (kind == FAULT_SHORT || kind == FAULT_SHORT_FAILED), false))
    return false;
  snprintf(what, sizeof what, "half of %s of %llu bytes at %lld", name, (unsigned long long)size,
           (long long)offset);
  halved = kind == FAULT_SHORT_FAILED;
  return true;
}

ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset) {
  if (rest_fails())
    return 0;
  return __real_pread64(fd, data, is_halved("pread", size, offset) ? size / 2 : size, offset);
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset) {
  if (rest_fails()) {
    errno = ENOSPC;
    return -1;
  }
  return __real_pwrite64(fd, data, is_halved("pwrite", size, offset) ? size / 2 : size, offset);
}

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *pieces, int n, off_t offset, int flags) {
  if (rest_fails()) {
    errno = ENOSPC;
    return -1;
  }
  struct iovec half = pieces[0];
  if (!is_halved("pwrite", half.iov_len, offset))
    return __real_pwritev64v2(fd, pieces, n, offset, flags);
  half.iov_len /= 2;
  return __real_pwritev64v2(fd, &half, 1, offset, flags);
}

/* The system call has no short result: half is allocated when it fails. */
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t size) {
  if (kind == FAULT_SHORT || !is_halved("fallocate", (uint64_t)size, offset))
    return __real_fallocate64(fd, mode, offset, size);
  halved = false;
  if (__real_fallocate64(fd, mode, offset, size / 2) == 0)
    errno = ENOSPC;
  return -1;
}
