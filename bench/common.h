/* common.h - what every part of the benchmark uses: dying, time, random numbers, and the
 * records with their checksums.
 *
 * Record i is a function of i, so that any process can make it again and nothing has to be
 * kept beside the store: the key is the i-th pair of numbers of a splitmix64 stream; the value
 * is an arithmetic sequence from a start that depends on i. Each write carries a generation,
 * which is added to the value's first word and subtracted from its last: all generations of a
 * record have the same sum. So every get can be checked exactly (first + last word), and every
 * scan (all words), also after and during random writes; a torn value is seen. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KEY_SIZE = 16, VALUE_SIZE_MAX = 64 };

/* Prints "copse-bench: MESSAGE" and ends the process; the supervisor removes the files. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* Progress for people, on stderr. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void sort_numbers(uint64_t *numbers, size_t n);

static inline void cpu_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* --- random numbers: splitmix64 (Steele, Lea, Flood 2014) --------------------------------- */

#define SPLITMIX_GAMMA 0x9e3779b97f4a7c15u

static inline uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

struct random {
  uint64_t state;
};

static inline uint64_t random_next(struct random *r) { return mix64(r->state += SPLITMIX_GAMMA); }

/* A number below n, without a division. */
static inline uint64_t random_below(struct random *r, uint64_t n) {
  return (uint64_t)(((unsigned __int128)random_next(r) * n) >> 64);
}

/* --- records ------------------------------------------------------------------------------ */

#define KEY_SEED 0x436f707365206b65u
#define VALUE_SEED 0x76616c7565730a01u

static inline void key_make(uint64_t i, void *key) {
  uint64_t words[2] = {mix64(KEY_SEED + (2 * i + 1) * SPLITMIX_GAMMA),
                       mix64(KEY_SEED + (2 * i + 2) * SPLITMIX_GAMMA)};
  memcpy(key, words, sizeof words);
}

static inline uint64_t value_start(uint64_t i) { return mix64(VALUE_SEED + i * SPLITMIX_GAMMA); }

/* size: a multiple of 8, at most VALUE_SIZE_MAX. With one word there is no room for a
 * generation: such stores are only loaded and read. */
static inline void value_make(uint64_t i, uint64_t generation, void *value, size_t size) {
  uint64_t words[VALUE_SIZE_MAX / 8], start = value_start(i);
  size_t n = size / 8;
  for (size_t k = 0; k < n; k++)
    words[k] = start + k * SPLITMIX_GAMMA;
  words[0] += generation;
  words[n - 1] -= generation;
  memcpy(value, words, size);
}

/* The generation that a value was written with. */
static inline uint64_t value_generation(uint64_t i, const void *value) {
  uint64_t first;
  memcpy(&first, value, 8);
  return first - value_start(i);
}

/* What a get adds to its checksum: the first and the last word of the value. */
static inline uint64_t value_ends(const void *value, size_t size) {
  uint64_t first, last;
  memcpy(&first, value, 8);
  memcpy(&last, (const char *)value + size - 8, 8);
  return first + last;
}
static inline uint64_t value_ends_expected(uint64_t i, size_t size) {
  return 2 * value_start(i) + (size / 8 - 1) * SPLITMIX_GAMMA;
}

/* --- the checksum of a scan --------------------------------------------------------------- */

struct checksum {
  uint64_t count, sum;
  uint64_t last_key; /* first 8 bytes as a big-endian number */
  bool check_order;  /* in the scan that warms up; the timed ones only sum */
  bool disordered;
};

static inline uint64_t words_sum(const void *data, size_t size) {
  uint64_t sum = 0, word;
  for (size_t k = 0; k + 8 <= size; k += 8) {
    memcpy(&word, (const char *)data + k, 8);
    sum += word;
  }
  return sum;
}

/* Adds one record: all words of key and value. Every engine's scan calls this. */
static inline void checksum_record(struct checksum *c, const void *key, size_t key_size,
                                   const void *value, size_t value_size) {
  c->count++;
  if (key_size == KEY_SIZE && value_size == VALUE_SIZE_MAX)
    c->sum += words_sum(key, KEY_SIZE) + words_sum(value, VALUE_SIZE_MAX);
  else
    c->sum += words_sum(key, key_size) + words_sum(value, value_size);
  if (__builtin_expect(c->check_order, 0)) {
    uint64_t first;
    memcpy(&first, key, 8);
    first = __builtin_bswap64(first);
    if (c->count > 1 && first < c->last_key)
      c->disordered = true;
    c->last_key = first;
  }
}

/* The sum that a scan over records 0 to n - 1 must give. */
uint64_t checksum_expected(uint64_t n, size_t value_size);

#ifdef __cplusplus
}
#endif
#endif
