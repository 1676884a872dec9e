/* limit.h - less memory for this process and those that it starts: a memory cgroup (version 1 or 2) of its own. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Enters a new group, the page cache of which counts too. False, with a message: there is no such thing here,
 * or we may not. */
bool limit_begin(uint64_t bytes);
/* Leaves it, and removes it with the page cache that belongs to it. */
void limit_end(void);

#endif
