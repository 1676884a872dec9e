/* examples/stream/latency.h - percentiles of times, in constant space. */
#ifndef EXAMPLES_STREAM_LATENCY_H
#define EXAMPLES_STREAM_LATENCY_H

#include <stdint.h>

#define LATENCY_BUCKETS (16 * 61) /* 16 in each power of two: 6 % apart */

struct latency {
  uint64_t count;
  uint64_t longest_ns;
  uint64_t bucket[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t ns);
/* The time that this part of all (0 to 1) did not exceed; 0 when there is none. */
uint64_t latency_percentile(const struct latency *latency, double part);

#endif
