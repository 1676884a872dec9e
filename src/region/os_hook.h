/* region/os_hook.h - how os*.c asks the tests' hook; nothing in other builds. */
#ifndef REGION_OS_HOOK_H
#define REGION_OS_HOOK_H

#include "region/os.h"

#ifdef COPSE_TESTS
#define OS_HOOK(call, path, offset, size) (os_hook ? os_hook((call), (path), (offset), (size)) : 0)
#define OS_DONE(call, path, offset, size)                                                          \
  do {                                                                                             \
    if (os_done_hook)                                                                              \
      os_done_hook((call), (path), (offset), (size));                                              \
  } while (0)
#else
#define OS_HOOK(call, path, offset, size) ((void)(path), 0)
#define OS_DONE(call, path, offset, size) ((void)0)
#endif

#endif
