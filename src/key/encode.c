/* key/encode.c - writing tuples: see format.h for what is written.
 *
 * A writer goes on counting when its memory is full, so that the caller learns how much is needed; the
 * first other fault stops it. */
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/utf8.h"
#include "key/format.h"
#include "key/writer.h"

void key_add(struct copse_key_writer *w, const void *data, size_t size) {
  if (w->size <= w->capacity && size <= w->capacity - w->size && size)
    bytes_copy(w->data + w->size, data, size);
  w->size += size;
}

void key_add_byte(struct copse_key_writer *w, unsigned byte) {
  uint8_t b = (uint8_t)byte;
  key_add(w, &b, 1);
}

/* A code and the last `size` bytes of a number, big-endian. */
static void add_number(struct copse_key_writer *w, unsigned code, uint64_t number, size_t size) {
  uint8_t bytes[9] = {(uint8_t)code};
  for (size_t i = 0; i < size; i++)
    bytes[1 + i] = (uint8_t)(number >> (8 * (size - 1 - i)));
  key_add(w, bytes, 1 + size);
}

static size_t bytes_needed(uint64_t number) {
  return number ? (size_t)(71 - __builtin_clzll(number)) / 8 : 0;
}

static void put_magnitude(struct copse_key_writer *w, int negative, uint64_t magnitude) {
  size_t n = bytes_needed(magnitude);
  add_number(w, negative ? CODE_ZERO - (unsigned)n : CODE_ZERO + (unsigned)n,
             negative ? ~magnitude : magnitude, n);
}

void copse_key_write(struct copse_key_writer *w, void *memory, size_t capacity, uint32_t flags) {
  *w = (struct copse_key_writer){.data = memory, .capacity = capacity, .flags = flags};
}

void copse_key_put_null(struct copse_key_writer *w) {
  if (w->result)
    return;
  key_add_byte(w, CODE_NULL);
  if (w->depth)
    key_add_byte(w, ESCAPE);
}

void copse_key_put_bool(struct copse_key_writer *w, int value) {
  if (w->result == 0)
    key_add_byte(w, value ? CODE_TRUE : CODE_FALSE);
}

void copse_key_put_i64(struct copse_key_writer *w, int64_t value) {
  if (w->result == 0)
    put_magnitude(w, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void copse_key_put_u64(struct copse_key_writer *w, uint64_t value) {
  if (w->result == 0)
    put_magnitude(w, 0, value);
}

void copse_key_put_bigint(struct copse_key_writer *w, int negative, const void *magnitude,
                          size_t size) {
  const uint8_t *bytes = magnitude;
  if (w->result)
    return;
  while (size && bytes[0] == 0) {
    bytes++;
    size--;
  }
  if (size <= 8) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
      number = number << 8 | bytes[i];
    put_magnitude(w, negative, number);
    return;
  }
  if (size > COPSE_TUPLE_BIGINT_MAX) {
    w->result = error_set(COPSE_E_ARGUMENT, "an integer of %zu bytes; a key takes %d at most", size,
                          COPSE_TUPLE_BIGINT_MAX);
    return;
  }
  uint8_t flip = negative ? 0xff : 0;
  key_add_byte(w, negative ? CODE_NEGATIVE : CODE_POSITIVE);
  key_add_byte(w, (uint8_t)size ^ flip);
  for (size_t i = 0; i < size; i++)
    key_add_byte(w, bytes[i] ^ flip);
}

void copse_key_put_double(struct copse_key_writer *w, double value) {
  uint64_t bits;
  if (w->result)
    return;
  if (isnan(value) && !(w->flags & COPSE_KEY_NAN)) {
    w->result = error_set(COPSE_E_ARGUMENT, "NaN has no place in an order of keys");
    return;
  }
  if (value == 0 && w->flags & COPSE_KEY_ONE_ZERO)
    value = 0;
  memcpy(&bits, &value, sizeof bits);
  add_number(w, CODE_DOUBLE, bits & KEY_SIGN ? ~bits : bits | KEY_SIGN, 8);
}

static void put_string(struct copse_key_writer *w, unsigned code, const uint8_t *data,
                       size_t size) {
  key_add_byte(w, code);
  while (size) {
    const uint8_t *zero = memchr(data, 0, size);
    size_t n = zero ? (size_t)(zero - data) + 1 : size;
    key_add(w, data, n);
    if (zero)
      key_add_byte(w, ESCAPE);
    data += n;
    size -= n;
  }
  key_add_byte(w, 0);
}

void copse_key_put_bytes(struct copse_key_writer *w, const void *data, size_t size) {
  if (w->result == 0)
    put_string(w, CODE_BYTES, data, size);
}

void copse_key_put_text(struct copse_key_writer *w, const void *utf8, size_t size) {
  if (w->result)
    return;
  size_t valid = utf8_valid(utf8, size);
  if (valid < size)
    w->result = error_set(COPSE_E_ARGUMENT, "text that is not UTF-8, at its byte %zu", valid);
  else
    put_string(w, CODE_TEXT, utf8, size);
}

void copse_key_put_uuid(struct copse_key_writer *w, const uint8_t uuid[16]) {
  if (w->result)
    return;
  key_add_byte(w, CODE_UUID);
  key_add(w, uuid, 16);
}

void copse_key_put_instant(struct copse_key_writer *w, int64_t microseconds) {
  if (w->result == 0)
    add_number(w, CODE_INSTANT, (uint64_t)microseconds ^ KEY_SIGN, 8);
}

void copse_key_begin_nested(struct copse_key_writer *w) {
  if (w->result)
    return;
  if (w->depth == COPSE_TUPLE_DEPTH_MAX) {
    w->result =
        error_set(COPSE_E_ARGUMENT, "tuples in tuples, more than %d deep", COPSE_TUPLE_DEPTH_MAX);
    return;
  }
  w->depth++;
  key_add_byte(w, CODE_NESTED);
}

void copse_key_end_nested(struct copse_key_writer *w) {
  if (w->result)
    return;
  if (w->depth == 0) {
    w->result = error_set(COPSE_E_ARGUMENT, "a nested tuple ends that was not begun");
    return;
  }
  w->depth--;
  key_add_byte(w, 0);
}

int copse_key_finish(struct copse_key_writer *w, size_t *size) {
  if (w->result == 0 && w->depth)
    w->result = error_set(COPSE_E_ARGUMENT, "%u nested tuples were begun and not ended", w->depth);
  if (w->result == 0 && w->size > w->capacity)
    w->result = error_set(COPSE_E_KEY_SIZE, "the tuple takes %zu bytes; there is room for %zu",
                          w->size, w->capacity);
  if (w->result == 0)
    *size = w->size;
  return w->result;
}
