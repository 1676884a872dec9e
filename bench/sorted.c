/* sorted.c - see sorted.h. Keys are random, so a bucket sort by their first bits leaves some
 * sixteen records per bucket; only the record numbers are kept, 4 bytes each. */
#include "sorted.h"

#include "common.h"

#include <stdlib.h>

static uint64_t key_prefix(uint32_t i) {
  uint64_t key[KEY_SIZE / 8];
  key_make(i, key);
  return __builtin_bswap64(key[0]);
}

static bool key_less(uint32_t a, uint32_t b, uint64_t prefix_a, uint64_t prefix_b) {
  if (prefix_a != prefix_b)
    return prefix_a < prefix_b;
  uint64_t key_a[KEY_SIZE / 8], key_b[KEY_SIZE / 8];
  key_make(a, key_a);
  key_make(b, key_b);
  return memcmp(key_a, key_b, KEY_SIZE) < 0;
}

static void sort_bucket(uint32_t *records, uint64_t n) {
  for (uint64_t k = 1; k < n; k++) {
    uint32_t record = records[k];
    uint64_t prefix = key_prefix(record), at = k;
    while (at > 0 && key_less(record, records[at - 1], prefix, key_prefix(records[at - 1]))) {
      records[at] = records[at - 1];
      at--;
    }
    records[at] = record;
  }
}

const uint32_t *sorted_records(uint64_t n) {
  static uint32_t *records;
  static uint64_t known;
  if (records != NULL && known == n)
    return records;
  free(records);
  records = NULL;
  if (n == 0)
    return NULL;
  if (n > UINT32_MAX)
    die("more records than a sorted load can have");
  unsigned bits = 1;
  while (bits < 24 && (n >> bits) > 16)
    bits++;
  uint64_t buckets = (uint64_t)1 << bits;
  uint64_t *starts = calloc(buckets + 1, sizeof *starts);
  records = malloc(n * sizeof *records);
  if (starts == NULL || records == NULL)
    die("out of memory for the order of %llu keys", (unsigned long long)n);
  for (uint64_t i = 0; i < n; i++)
    starts[(key_prefix((uint32_t)i) >> (64 - bits)) + 1]++;
  for (uint64_t b = 0; b < buckets; b++)
    starts[b + 1] += starts[b];
  for (uint64_t i = 0; i < n; i++) /* starts[b] moves to the bucket's end */
    records[starts[key_prefix((uint32_t)i) >> (64 - bits)]++] = (uint32_t)i;
  for (uint64_t b = 0; b < buckets; b++) {
    uint64_t from = b == 0 ? 0 : starts[b - 1];
    sort_bucket(records + from, starts[b] - from);
  }
  free(starts);
  known = n;
  return records;
}
