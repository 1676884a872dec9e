/* base/clock.h - the clocks in use. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Monotonic, the same in all processes; exact. */
static inline uint64_t clock_now_ns(void) { return clock_read_ns(CLOCK_MONOTONIC); }

/* The same clock at the scheduler's tick (1 to 4 ms): some nanoseconds to read. */
static inline uint64_t clock_coarse_ns(void) { return clock_read_ns(CLOCK_MONOTONIC_COARSE); }

/* Wall clock, coarse. */
static inline uint64_t clock_wall_ns(void) { return clock_read_ns(CLOCK_REALTIME_COARSE); }

/* Processor time of this thread. */
static inline uint64_t clock_thread_ns(void) { return clock_read_ns(CLOCK_THREAD_CPUTIME_ID); }

#endif
