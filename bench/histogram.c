/* histogram.c - see histogram.h. */
#include "histogram.h"

#include <math.h>

void histogram_merge(struct histogram *into, const struct histogram *from) {
  into->count += from->count;
  if (from->max > into->max)
    into->max = from->max;
  for (int b = 0; b < HISTOGRAM_BUCKETS; b++)
    into->buckets[b] += from->buckets[b];
}

static double bucket_middle(uint32_t bucket) {
  if (bucket < HISTOGRAM_SUB)
    return bucket;
  uint32_t power = bucket / HISTOGRAM_SUB + 5, sub = bucket % HISTOGRAM_SUB;
  double width = ldexp(1, (int)power - 6);
  return (HISTOGRAM_SUB + sub + 0.5) * width;
}

double histogram_quantile(const struct histogram *h, double q) {
  uint64_t rank = (uint64_t)ceil(q * (double)h->count), seen = 0;
  for (uint32_t b = 0; b < HISTOGRAM_BUCKETS && h->count > 0; b++) {
    seen += h->buckets[b];
    if (seen >= rank && seen > 0) {
      double middle = bucket_middle(b);
      return middle < (double)h->max ? middle : (double)h->max;
    }
  }
  return 0;
}
