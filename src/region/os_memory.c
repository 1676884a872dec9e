/* region/os_memory.c - mappings, futexes, and what the system knows of this process. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "region/os_hook.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* --- mappings ------------------------------------------------------------------------ */

static int map_failed(int errnum, const char *path, uint64_t size) {
  int code = COPSE_E_IO;
  if (errnum == ENOMEM || errnum == EOVERFLOW || errnum == EINVAL) /* the last is valgrind's word */
    code = COPSE_E_ADDRESS_SPACE;
  else if (errnum == EBADF)
    code = COPSE_E_DESCRIPTOR;
  else if (errnum == EACCES || errnum == EPERM)
    code = COPSE_E_PERMISSION;
  return error_errno(code, errnum, "cannot map %llu bytes of %s", (unsigned long long)size, path);
}

/* address NULL: anywhere. */
static int map_at(int fd, const char *path, uint64_t offset, uint64_t size, unsigned flags,
                  void **address) {
  int errnum = OS_HOOK(OS_CALL_MAP, path, 0, size);
  if (errnum)
    return map_failed(errnum, path, size);
  int protection = flags & OS_MAP_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
  void *map = mmap(*address, size, protection,
                   MAP_SHARED | MAP_NORESERVE | (*address ? MAP_FIXED : 0), fd, (off_t)offset);
  if (map == MAP_FAILED)
    return map_failed(errno, path, size);
  if ((flags & OS_MAP_NO_FORK && madvise(map, size, MADV_DONTFORK) < 0) ||
      (flags & OS_MAP_NO_DUMP && madvise(map, size, MADV_DONTDUMP) < 0)) {
    int code = map_failed(errno, path, size);
    if (!*address)
      munmap(map, size);
    return code;
  }
  *address = map;
  return 0;
}

int os_map(int fd, const char *path, uint64_t size, unsigned flags, void **address) {
  void *map = NULL;
  int code = map_at(fd, path, 0, size, flags, &map);
  if (code == 0)
    *address = map;
  return code;
}

int os_map_over(int fd, const char *path, uint64_t offset, uint64_t size, unsigned flags,
                void *address) {
  return map_at(fd, path, offset, size, flags, &address);
}

void os_unmap(void *address, uint64_t size) {
  int errnum = errno;
  munmap(address, size);
  errno = errnum;
}

int os_map_no_fork(void *address, uint64_t size) {
  if (madvise(address, size, MADV_DONTFORK) < 0)
    return error_errno(COPSE_E_IO, errno, "cannot keep a mapping out of forked children");
  return 0;
}

void os_populate(void *address, uint64_t size, int write) {
  int errnum = errno;
  /* A kernel before 5.14 does not know the advice; the pages are then populated by use. */
  madvise(address, size, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
  errno = errnum;
}

void os_no_read_ahead(void *address, uint64_t size) {
  int errnum = errno;
  madvise(address, size, MADV_RANDOM);
  errno = errnum;
}

/* --- futexes ------------------------------------------------------------------------- */

/* futex_waitv is preferred because it honours SA_RESTART also when it has a time limit, and
 * can watch a second word. FUTEX_WAIT with a time limit is ended by every handler. */
struct waitv {
  uint64_t value;
  uint64_t address;
  uint32_t flags;
  uint32_t zero;
};
#define WAITV_32 2u
#define WAITV_PRIVATE 128u

/* 1: the kernel (or a filter of system calls) refuses futex_waitv. */
static _Atomic int without_waitv;

static int wait_result(long result, int errnum) {
  if (result >= 0 || errnum == EAGAIN)
    return 0;
  if (errnum == ETIMEDOUT)
    return error_set(COPSE_E_TIMEOUT, "the time limit passed");
  if (errnum == EINTR)
    return error_set(COPSE_E_INTERRUPTED, "a signal interrupted the wait");
  return error_errno(COPSE_E_IO, errnum, "cannot wait on shared memory");
}

static struct timespec timespec_of(uint64_t ns) {
  return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                           .tv_nsec = (long)(ns % 1000000000u)};
}

static int wait_old(const void *word, uint32_t expected, const void *own, int64_t timeout_ns) {
  int poll = own && (timeout_ns < 0 || timeout_ns > OS_FUTEX_POLL_NS);
  struct timespec limit = timespec_of(poll ? OS_FUTEX_POLL_NS : (uint64_t)timeout_ns);
  long result =
      syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout_ns < 0 && !poll ? NULL : &limit);
  if (result < 0 && errno == ETIMEDOUT && poll)
    return 0;
  return wait_result(result, errno);
}

int os_futex_wait_either(const void *word, uint32_t expected, const void *own, int64_t timeout_ns) {
  /* relaxed: a hint that every thread may find out by itself */
  if (atomic_load_explicit(&without_waitv, memory_order_relaxed))
    return wait_old(word, expected, own, timeout_ns);
  struct waitv waits[2] = {
      {.value = expected, .address = (uintptr_t)word, .flags = WAITV_32},
      {.value = 0, .address = (uintptr_t)own, .flags = WAITV_32 | WAITV_PRIVATE},
  };
  struct timespec deadline;
  if (timeout_ns >= 0)
    deadline = timespec_of(clock_now_ns() + (uint64_t)timeout_ns);
  long result = syscall(SYS_futex_waitv, waits, own ? 2u : 1u, 0u,
                        timeout_ns < 0 ? NULL : &deadline, CLOCK_MONOTONIC);
  if (result < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL)) {
    /* relaxed: see above */
    atomic_store_explicit(&without_waitv, 1, memory_order_relaxed);
    return wait_old(word, expected, own, timeout_ns);
  }
  return wait_result(result, errno);
}

int os_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns) {
  return os_futex_wait_either(word, expected, NULL, timeout_ns);
}

int os_futex_wake(void *word, int count) {
  int errnum = errno;
  long woken = syscall(SYS_futex, word, FUTEX_WAKE, count);
  errno = errnum;
  return woken > 0 ? (int)woken : 0;
}

void os_futex_wake_own(void *word) {
  int errnum = errno;
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX);
  errno = errnum;
}

/* --- this process and machine -------------------------------------------------------- */

int os_random(void *data, size_t size) {
  uint8_t *to = data;
  while (size) {
    ssize_t n = getrandom(to, size, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return error_errno(COPSE_E_IO, errno, "the system gave no random numbers");
    to += n;
    size -= (size_t)n;
  }
  return 0;
}

/* The beginning of a small file in /proc; -1 when it cannot be read. */
static ssize_t read_small(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t n;
  do
    n = read(fd, text, size);
  while (n < 0 && errno == EINTR);
  close(fd);
  return n;
}

#ifdef COPSE_TESTS
int os_boot_unknown;
uint64_t os_memory_size;
#else
enum { os_boot_unknown, os_memory_size = 0 };
#endif

uint64_t os_memory_bytes(void) {
  return os_memory_size ? os_memory_size
                        : (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void os_boot_id(uint8_t id[16]) {
  char text[40];
  memset(id, 0, 16);
  if (os_boot_unknown)
    return;
  ssize_t n = read_small("/proc/sys/kernel/random/boot_id", text, sizeof text);
  int digits = 0;
  uint8_t value[16] = {0};
  for (ssize_t i = 0; i < n && digits < 32; i++) {
    int c = text[i], digit;
    if (c >= '0' && c <= '9')
      digit = c - '0';
    else if (c >= 'a' && c <= 'f')
      digit = c - 'a' + 10;
    else
      continue;
    value[digits / 2] = (uint8_t)(value[digits / 2] << 4 | digit);
    digits++;
  }
  if (digits == 32)
    memcpy(id, value, 16);
}

uint64_t os_pid_namespace(void) {
  struct stat st;
  return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

void os_command_name(char name[16]) {
  /* The C library knows it; /proc/self/comm would cost a new process half of what attaching takes. */
  snprintf(name, 16, "%s", program_invocation_short_name);
}
