/* examples/stream/invariants.h - what must hold in each version of the stream, and from one
 * version to any later one. */
#ifndef EXAMPLES_STREAM_INVARIANTS_H
#define EXAMPLES_STREAM_INVARIANTS_H

#include "image.h"

struct audit {
  uint64_t snapshots;     /* audited */
  uint64_t faults;        /* sentences printed, and those kept back after the first ones */
  uint64_t first_version; /* of the snapshots audited */
  uint64_t last_version;
  uint64_t others;         /* commits that were not the stream's: somebody else wrote */
  uint64_t first_revision; /* of the first snapshot, to count what was seen go by */
  struct stream_image last;
};

/* Audits an image that was loaded from a snapshot of this version; then keeps it as the one to
 * compare the next with, and leaves the former one's memory in image. Returns the number of
 * faults, each of which it prints to standard error. */
uint64_t audit_image(struct audit *audit, uint64_t version, struct stream_image *image);

/* Prints a fault that only the caller can see, and counts it. */
void audit_fault(struct audit *audit, const char *format, ...) COPSE_PRINTF(2, 3);

#endif
