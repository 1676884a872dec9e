/* support/random.h - numbers that a seed determines, the same on every machine. */
#ifndef SUPPORT_RANDOM_H
#define SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014): any state is a good one. One per thread or process,
 * seeded with test_seed() + its number. */
struct test_random {
  uint64_t state;
};

static inline uint64_t test_random_next(struct test_random *random) {
  uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* 0 .. bound-1; bound > 0. */
static inline uint64_t test_random_below(struct test_random *random, uint64_t bound) {
  return (uint64_t)((unsigned __int128)test_random_next(random) * bound >> 64);
}

/* low .. high, both included. */
static inline uint64_t test_random_range(struct test_random *random, uint64_t low, uint64_t high) {
  return low + (high - low == UINT64_MAX ? test_random_next(random)
                                         : test_random_below(random, high - low + 1));
}

/* True once in n times. */
static inline int test_random_one_in(struct test_random *random, uint64_t n) {
  return test_random_below(random, n) == 0;
}

static inline void test_random_fill(struct test_random *random, void *data, size_t size) {
  unsigned char *bytes = data;
  for (size_t i = 0; i < size; i++)
    bytes[i] = (unsigned char)(test_random_next(random) >> 56);
}

#endif
