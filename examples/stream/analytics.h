/* examples/stream/analytics.h - from the last version and a sample to the next version. */
#ifndef EXAMPLES_STREAM_ANALYTICS_H
#define EXAMPLES_STREAM_ANALYTICS_H

#include "sample.h"

/* What the producer tells of itself. */
struct producer_facts {
  uint32_t pid;
  uint64_t last_commit_ns; /* how long the last sample's transaction took; 0: it was none */
  int first;               /* 1: the first sample since this producer began */
};

/* Completes fresh, which sample_take() filled, to the image that follows before. Pure: it
 * reads no clock and no store, so the state is all in before, and a producer that begins
 * anew goes on as if it had never been away. */
void analytics_apply(const struct stream_image *before, struct stream_image *fresh,
                     const struct sample_facts *sample, const struct producer_facts *producer);

#endif
