/* faults/inject.h - makes the nth call of this program's library fail, of those made while armed.
 *
 * Calls on a store's files fail in the hook of the one seam (region/os.h); allocations of memory, and
 * reads and writes that are cut short, in functions that the linker puts around those of the C
 * library (--wrap, see tests/meson.build). */
#ifndef FAULTS_INJECT_H
#define FAULTS_INJECT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
  FAULT_CALL,         /* a call on a file fails, nothing of it is done */
  FAULT_CALLS,        /* and all after it, until the step ends */
  FAULT_MEMORY,       /* an allocation */
  FAULT_MEMORIES,     /* and all after it */
  FAULT_SHORT,        /* a read or write does half; the rest goes well */
  FAULT_SHORT_FAILED, /* the rest fails: end of the file, disk full; allocations of storage too */
  FAULT_KINDS
};

extern const char *const fault_names[FAULT_KINDS];

/* From now on the nth call of this kind fails, counted over all that is armed. 0: only counts. */
void fault_set(enum fault_kind kind, uint64_t nth);
void fault_arm(void);
/* True when the fault came since fault_arm(). */
bool fault_disarm(void);
uint64_t fault_calls(void); /* of the kind, counted since fault_set() */

/* What failed last, for messages: "os_call 7 (path)". */
const char *fault_what(void);

/* Allocations that are not freed. */
int64_t memory_live(void);

#endif
