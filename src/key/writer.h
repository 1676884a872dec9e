/* key/writer.h - what the codecs of this folder share. */
#ifndef KEY_WRITER_H
#define KEY_WRITER_H

#include "base/error.h"
#include "copse/key.h"

/* Add bytes as far as there is room for them, and count them. */
void key_add(struct copse_key_writer *w, const void *data, size_t size);
void key_add_byte(struct copse_key_writer *w, unsigned byte);

/* The number in `size` bytes, big-endian. */
static inline uint64_t key_number(const uint8_t *p, size_t size) {
  uint64_t number = 0;
  for (size_t i = 0; i < size; i++)
    number = number << 8 | p[i];
  return number;
}

/* key_fault(at, format, ...): KEY_FORM, and what is wrong at which byte. */
#define key_fault(at, format, ...)                                                                 \
  error_set(COPSE_E_KEY_FORM, "byte %zu: " format, (size_t)(at), ##__VA_ARGS__)

#endif
