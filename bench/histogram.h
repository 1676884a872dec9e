/* histogram.h - latencies in logarithmic buckets: 64 per power of two, so that a quantile is
 * right to 1.6 %. Fixed size, no pointers: it may lie in shared memory. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = HISTOGRAM_SUB * 36 };

struct histogram {
  uint64_t count, max;
  uint32_t buckets[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t ns) {
  if (ns < HISTOGRAM_SUB)
    return (uint32_t)ns;
  uint32_t power = 63 - (uint32_t)__builtin_clzll(ns); /* at least 6 */
  uint32_t bucket = (power - 5) * HISTOGRAM_SUB + (uint32_t)((ns >> (power - 6)) - HISTOGRAM_SUB);
  return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t ns) {
  h->count++;
  h->buckets[histogram_bucket(ns)]++;
  if (ns > h->max)
    h->max = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that a share q of all (0 to 1) does not exceed: its bucket's middle. 0 when empty. */
double histogram_quantile(const struct histogram *h, double q);

#endif
