/* base/assert.c - the end of a program that found a bug of ours. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void base_assert_failed(const char *condition, const char *file, int line) {
  fprintf(stderr, "copse: internal error: %s at %s:%d\n", condition, file, line);
  abort();
}
