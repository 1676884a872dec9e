/* examples/stream/latency.c - buckets that are 6 % apart, from 1 ns to the end of time. */
#include "latency.h"

static unsigned bucket_of(uint64_t ns) {
  if (ns < 16)
    return (unsigned)ns;
  unsigned top = 63 - (unsigned)__builtin_clzll(ns);
  return (top - 3) * 16 + (unsigned)(ns >> (top - 4) & 15);
}

static uint64_t bucket_end(unsigned bucket) {
  if (bucket < 16)
    return bucket;
  unsigned shift = bucket / 16 - 1;
  return ((uint64_t)(16 + bucket % 16 + 1) << shift) - 1;
}

void latency_add(struct latency *latency, uint64_t ns) {
  latency->count++;
  latency->bucket[bucket_of(ns)]++;
  if (ns > latency->longest_ns)
    latency->longest_ns = ns;
}

uint64_t latency_percentile(const struct latency *latency, double part) {
  uint64_t wanted = (uint64_t)(part * (double)latency->count), seen = 0;
  for (unsigned bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
    seen += latency->bucket[bucket];
    if (seen > wanted || (seen > 0 && seen == latency->count)) {
      uint64_t end = bucket_end(bucket);
      return end < latency->longest_ns ? end : latency->longest_ns;
    }
  }
  return 0;
}
