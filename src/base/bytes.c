/* base/bytes.c - checksums. */
#include "base/bytes.h"

#include "base/cpu.h"

uint64_t base_hash64(const void *data, size_t size) {
  const uint8_t *p = data;
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ p[i]) * 0x100000001b3u;
  return hash;
}

static uint32_t crc_bytes(uint32_t crc, const uint8_t *p, size_t size) {
  for (size_t i = 0; i < size; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_words(uint32_t crc, const uint8_t *p,
                                                            size_t size) {
  uint64_t state = crc;
  for (size_t i = 0; i + 8 <= size; i += 8) {
    uint64_t word;
    memcpy(&word, p + i, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  return crc_bytes((uint32_t)state, p + size / 8 * 8, size % 8);
}
#endif

uint32_t base_crc32c(const void *data, size_t size) {
#if defined(__x86_64__)
  if (cpu_has_crc32())
    return ~crc_words(~0u, data, size);
#endif
  return ~crc_bytes(~0u, data, size);
}
