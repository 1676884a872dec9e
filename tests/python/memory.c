/* memory.c - loaded before libc by check_memory.py: lets one allocation of the calling thread fail. */
#include <errno.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void memory_fail(long nth); /* 0: none any more */
int memory_failed(void);    /* whether it came to that */

static __thread long left;
static __thread int failed;

void memory_fail(long nth) {
  left = nth;
  failed = nth ? 0 : failed;
}

int memory_failed(void) { return failed; }

static int due(void) {
  if (left == 0 || --left > 0)
    return 0;
  failed = 1;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) { return due() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return due() ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return due() ? NULL : __libc_realloc(memory, size); }
