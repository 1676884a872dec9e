/* region/os_hook.h - how os*.c asks the tests' hook; nothing in other builds. */
#ifndef REGION_OS_HOOK_H
#define REGION_OS_HOOK_H

#include "region/os.h"

#ifdef COPSE_TESTS
/* A test may set its hook while another thread is at work: each is read once. */
static inline int OS_HOOK(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  int (*hook)(enum os_call, const char *, uint64_t, uint64_t) = os_hook;
  return hook ? hook(call, path, offset, size) : 0;
}
static inline void OS_DONE(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  void (*hook)(enum os_call, const char *, uint64_t, uint64_t) = os_done_hook;
  if (hook)
    hook(call, path, offset, size);
}
#else
#define OS_HOOK(call, path, offset, size) ((void)(path), 0)
#define OS_DONE(call, path, offset, size) ((void)0)
#endif

#endif
