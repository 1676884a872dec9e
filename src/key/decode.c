/* key/decode.c - reading tuples in place: see format.h for the codes.
 *
 * Strict: whatever is accepted is what a writer would have written for the same elements, but for floats
 * and NaNs, which writers do not make or not by default. Nothing is read that was not compared with the
 * end before, and each step moves on by a byte at least. */
#include <string.h>

#include "base/utf8.h"
#include "key/format.h"
#include "key/writer.h"

/* The functions below read what follows a code at p, of which `left` bytes are there, and return how many
 * they took in *took. `at` is where p is in the key. */

static int read_string(const uint8_t *p, size_t left, size_t at, struct copse_element *element,
                       size_t *took) {
  size_t size = 0;
  for (;;) {
    const uint8_t *zero = size < left ? memchr(p + size, 0, left - size) : NULL;
    if (!zero)
      return key_fault(element->at, "a string that does not end");
    size_t part = (size_t)(zero - p) - size;
    if (element->type == COPSE_ELEMENT_TEXT) {
      size_t valid = utf8_valid(p + size, part);
      if (valid < part)
        return key_fault(at + size + valid, "text that is not UTF-8");
    }
    size += part;
    if (size + 1 == left || zero[1] != ESCAPE)
      break;
    element->escaped = 1;
    size += 2;
  }
  element->data = p;
  element->size = size;
  *took = size + 1;
  return 0;
}

static int read_bigint(const uint8_t *p, size_t left, struct copse_element *element, size_t *took) {
  uint8_t flip = element->negative ? 0xff : 0;
  size_t size = left ? p[0] ^ flip : 0;
  if (left == 0 || size > left - 1)
    return key_fault(element->at, "the key ends inside of an integer");
  if (size <= 8)
    return key_fault(element->at, "an integer of %zu bytes, written as one of more than 8", size);
  if ((p[1] ^ flip) == 0)
    return key_fault(element->at, "an integer that begins with a zero byte");
  element->type = COPSE_ELEMENT_BIGINT;
  element->data = p + 1;
  element->size = size;
  *took = 1 + size;
  return 0;
}

static int read_integer(const uint8_t *p, size_t left, unsigned code, struct copse_element *element,
                        size_t *took) {
  element->negative = code < CODE_ZERO;
  if (code == CODE_NEGATIVE || code == CODE_POSITIVE)
    return read_bigint(p, left, element, took);
  size_t size = element->negative ? CODE_ZERO - code : code - CODE_ZERO;
  if (size > left)
    return key_fault(element->at, "the key ends inside of an integer");
  uint64_t number = key_number(p, size);
  if (element->negative)
    number = ~number & UINT64_MAX >> (64 - 8 * size);
  if (size && number >> (8 * (size - 1)) == 0)
    return key_fault(element->at, "an integer that begins with a zero byte");
  *took = size;
  if (element->negative && number > KEY_SIGN) {
    element->type = COPSE_ELEMENT_BIGINT;
    element->data = p;
    element->size = size;
  } else if (!element->negative && number > INT64_MAX) {
    element->type = COPSE_ELEMENT_UINT;
    element->u64 = number;
  } else {
    element->type = COPSE_ELEMENT_INT;
    element->i64 = element->negative ? (int64_t)(0 - number) : (int64_t)number;
    element->negative = 0;
  }
  return 0;
}

/* Doubles, floats, UUIDs and instants. */
static int read_fixed(const uint8_t *p, size_t left, unsigned code, struct copse_element *element,
                      size_t *took) {
  size_t size = code == CODE_UUID ? 16 : code == CODE_FLOAT ? 4 : 8;
  if (size > left)
    return key_fault(element->at, "the key ends inside of %s",
                     code == CODE_UUID      ? "a UUID"
                     : code == CODE_INSTANT ? "an instant"
                     : code == CODE_FLOAT   ? "a float"
                                            : "a double");
  *took = size;
  if (code == CODE_UUID) {
    element->type = COPSE_ELEMENT_UUID;
    element->data = p;
    element->size = size;
    return 0;
  }
  uint64_t bits = key_number(p, size) << (64 - 8 * size);
  if (code == CODE_INSTANT) {
    element->type = COPSE_ELEMENT_INSTANT;
    bits ^= KEY_SIGN;
    memcpy(&element->i64, &bits, sizeof bits);
    return 0;
  }
  bits = bits & KEY_SIGN ? bits ^ KEY_SIGN : ~bits;
  element->type = code == CODE_FLOAT ? COPSE_ELEMENT_FLOAT : COPSE_ELEMENT_DOUBLE;
  if (code == CODE_FLOAT) {
    uint32_t half = (uint32_t)(bits >> 32);
    float value;
    memcpy(&value, &half, sizeof value);
    element->f64 = (double)value;
  } else {
    memcpy(&element->f64, &bits, sizeof bits);
  }
  return 0;
}

/* 00: null, or the end of a nested tuple. */
static void read_null(struct copse_key_reader *reader, size_t left, const uint8_t *p,
                      struct copse_element *element, size_t *took) {
  *took = 0;
  element->type = COPSE_ELEMENT_NULL;
  if (reader->depth && left && p[0] == ESCAPE) {
    *took = 1;
  } else if (reader->depth) {
    element->type = COPSE_ELEMENT_END;
    reader->depth--;
  }
}

static int read_element(struct copse_key_reader *reader, struct copse_element *element,
                        size_t *took) {
  const uint8_t *p = (const uint8_t *)reader->data + reader->at + 1;
  size_t left = reader->size - reader->at - 1;
  unsigned code = p[-1];
  *took = 0;
  switch (code) {
  case CODE_NULL: read_null(reader, left, p, element, took); return 0;
  case CODE_BYTES:
  case CODE_TEXT:
    element->type = code == CODE_BYTES ? COPSE_ELEMENT_BYTES : COPSE_ELEMENT_TEXT;
    return read_string(p, left, reader->at + 1, element, took);
  case CODE_NESTED:
    if (reader->depth == COPSE_TUPLE_DEPTH_MAX)
      return key_fault(element->at, "tuples in tuples, more than %d deep", COPSE_TUPLE_DEPTH_MAX);
    element->type = COPSE_ELEMENT_NESTED;
    reader->depth++;
    return 0;
  case CODE_FALSE:
  case CODE_TRUE:
    element->type = COPSE_ELEMENT_BOOL;
    element->i64 = code == CODE_TRUE;
    return 0;
  case CODE_FLOAT:
  case CODE_DOUBLE:
  case CODE_UUID:
  case CODE_INSTANT: return read_fixed(p, left, code, element, took);
  default:
    if (code >= CODE_NEGATIVE && code <= CODE_POSITIVE)
      return read_integer(p, left, code, element, took);
    return key_fault(element->at, "%02x is not the code of an element", code);
  }
}

int copse_key_next(struct copse_key_reader *reader, struct copse_element *out) {
  if (reader->at >= reader->size)
    return reader->depth ? key_fault(reader->at, "the key ends inside of a nested tuple")
                         : COPSE_NONE;
  struct copse_element element = {.at = reader->at};
  size_t took;
  int result = read_element(reader, &element, &took);
  if (result)
    return result;
  reader->at += 1 + took;
  *out = element;
  return 0;
}

int copse_key_skip(struct copse_key_reader *reader) {
  struct copse_element element;
  uint32_t depth = reader->depth;
  int result = copse_key_next(reader, &element);
  while (result == 0 && reader->depth > depth)
    result = copse_key_next(reader, &element);
  return result;
}

size_t copse_element_bytes(const struct copse_element *element, void *memory) {
  const uint8_t *from = element->data, *end = from + element->size;
  uint8_t *to = memory;
  if (!element->escaped) {
    uint8_t flip = element->type == COPSE_ELEMENT_BIGINT && element->negative ? 0xff : 0;
    for (size_t i = 0; i < element->size; i++)
      to[i] = from[i] ^ flip;
    return element->size;
  }
  while (from < end) {
    const uint8_t *zero = memchr(from, 0, (size_t)(end - from));
    size_t n = (size_t)((zero ? zero + 1 : end) - from);
    memcpy(to, from, n);
    to += n;
    from += n + (zero != NULL); /* the escape */
  }
  return (size_t)(to - (uint8_t *)memory);
}

int copse_key_check(const void *key, size_t size) {
  struct copse_key_reader reader = {.data = key, .size = size};
  struct copse_element element;
  int result;
  while ((result = copse_key_next(&reader, &element)) == 0)
    ;
  return result == COPSE_NONE ? 0 : result;
}
