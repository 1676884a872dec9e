/* examples/stream/sample.h - one look at the live machine, through /proc. */
#ifndef EXAMPLES_STREAM_SAMPLE_H
#define EXAMPLES_STREAM_SAMPLE_H

#include "image.h"

struct sample_facts {
  uint64_t taken_ns; /* CLOCK_MONOTONIC when the look began */
  uint64_t cost_ns;  /* how long it took */
  uint64_t running;  /* threads running or ready to */
  uint64_t ticks_per_second;
};

/* Fills the lists process, cpu, disk, network and memory with what the kernel counts: all else
 * in these records stays zero. In key order. What cannot be read (a process that ended just
 * now, a file this kernel has not) is left out. */
void sample_take(struct stream_image *image, struct sample_facts *facts);

#endif
