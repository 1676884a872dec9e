/* base/bytes.c - checksums. */
#include "base/bytes.h"

uint64_t base_hash64(const void *data, size_t size) {
  const uint8_t *p = data;
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ p[i]) * 0x100000001b3u;
  return hash;
}

uint32_t base_crc32c(const void *data, size_t size) {
  const uint8_t *p = data;
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
  }
  return ~crc;
}
