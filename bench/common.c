/* common.c - see common.h. */
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "copse-bench: ");
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  _Exit(1);
}

void say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fflush(stderr);
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

void sort_numbers(uint64_t *numbers, size_t n) { qsort(numbers, n, sizeof *numbers, by_value); }

uint64_t checksum_expected(uint64_t n, size_t value_size) {
  static uint64_t known_n, known_sum;
  static size_t known_size;
  if (known_size == value_size && known_n == n)
    return known_sum;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t key[2], words = value_size / 8;
    key_make(i, key);
    sum += key[0] + key[1] + words * value_start(i) + words * (words - 1) / 2 * SPLITMIX_GAMMA;
  }
  known_n = n, known_size = value_size, known_sum = sum;
  return sum;
}
