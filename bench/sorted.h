/* sorted.h - the order of the keys, for sorted loads. */
#ifndef BENCH_SORTED_H
#define BENCH_SORTED_H

#include <stdint.h>

/* The numbers of records 0 to n - 1 in the order of their keys. Kept until another n is asked
 * for; n = 0 frees it. */
const uint32_t *sorted_records(uint64_t n);

#endif
