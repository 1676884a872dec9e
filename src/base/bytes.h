/* base/bytes.h - loads, stores, rounding and checksums of plain memory. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bytes_load_be32(const void *p) {
  uint32_t x;
  memcpy(&x, p, 4);
  return __builtin_bswap32(x);
}

static inline void bytes_store_be32(void *p, uint32_t x) {
  x = __builtin_bswap32(x);
  memcpy(p, &x, 4);
}

static inline uint64_t bytes_load64(const void *p) {
  uint64_t x;
  memcpy(&x, p, 8);
  return x;
}

/* memcpy() without a call for what is short as a rule. */
static inline void bytes_copy(void *to, const void *from, size_t n) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if (n > 16) {
    memcpy(t, f, n);
  } else if (n >= 8) { /* both halves, which overlap */
    uint64_t low = bytes_load64(f), high = bytes_load64(f + n - 8);
    memcpy(t, &low, 8);
    memcpy(t + n - 8, &high, 8);
  } else {
    for (size_t i = 0; i < n; i++)
      t[i] = f[i];
  }
}

static inline size_t bytes_min(size_t a, size_t b) { return a < b ? a : b; }

/* Order of byte strings as by memcmp, a proper prefix first: < 0, 0, > 0. */
static inline int bytes_compare(const void *a, size_t a_size, const void *b, size_t b_size) {
  size_t n = bytes_min(a_size, b_size);
  int order = n ? memcmp(a, b, n) : 0;
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* How many leading bytes two strings share. */
static inline size_t bytes_common(const void *a, size_t a_size, const void *b, size_t b_size) {
  const uint8_t *x = a, *y = b;
  size_t n = bytes_min(a_size, b_size), i = 0;
  while (i < n && x[i] == y[i])
    i++;
  return i;
}

/* 64-bit FNV-1a (Fowler, Noll, Vo: public domain). For identities, not for damage. */
uint64_t base_hash64(const void *data, size_t size);

/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as in RFC 3720. For damage. */
uint32_t base_crc32c(const void *data, size_t size);

#endif
