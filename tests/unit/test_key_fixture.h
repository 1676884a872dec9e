/* test_key_fixture.h - tuples as lists of elements, written, read and compared by simple means.
 *
 * An element is a struct copse_element whose data is the string itself, without escapes; nested tuples
 * are flat, between NESTED and END. The list ends with type 0. */
#ifndef UNIT_TEST_KEY_FIXTURE_H
#define UNIT_TEST_KEY_FIXTURE_H

#include <math.h>
#include <stdlib.h>

#include "copse/acid.h"
#include "test.h"

#define NUL                                                                                        \
  { .type = COPSE_ELEMENT_NULL }
#define INT(n)                                                                                     \
  { .type = COPSE_ELEMENT_INT, .i64 = (n) }
#define UINT(n)                                                                                    \
  { .type = COPSE_ELEMENT_UINT, .u64 = (n) }
#define BIG(s, bytes)                                                                              \
  { .type = COPSE_ELEMENT_BIGINT, .negative = (s), .data = (bytes), .size = sizeof(bytes) - 1 }
#define BOOL(b)                                                                                    \
  { .type = COPSE_ELEMENT_BOOL, .i64 = (b) }
#define DOUBLE(d)                                                                                  \
  { .type = COPSE_ELEMENT_DOUBLE, .f64 = (d) }
#define FLOAT(d)                                                                                   \
  { .type = COPSE_ELEMENT_FLOAT, .f64 = (d) }
#define BYTES(s)                                                                                   \
  { .type = COPSE_ELEMENT_BYTES, .data = (s), .size = sizeof(s) - 1 }
#define TEXT(s)                                                                                    \
  { .type = COPSE_ELEMENT_TEXT, .data = (s), .size = sizeof(s) - 1 }
#define UUID(s)                                                                                    \
  { .type = COPSE_ELEMENT_UUID, .data = (s), .size = 16 }
#define INSTANT(us)                                                                                \
  { .type = COPSE_ELEMENT_INSTANT, .i64 = (us) }
#define NESTED                                                                                     \
  { .type = COPSE_ELEMENT_NESTED }
#define END                                                                                        \
  { .type = COPSE_ELEMENT_END }

#define UUID_1234 "\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78"
#define TUPLE_MAX 1200

/* The bytes of hexadecimal digits; blanks are passed over. */
static inline size_t unhex(const char *digits, uint8_t *bytes) {
  size_t n = 0;
  for (; *digits; digits++) {
    if (*digits == ' ')
      continue;
    int digit = *digits <= '9' ? *digits - '0' : *digits - 'a' + 10;
    bytes[n / 2] = (uint8_t)(n % 2 ? bytes[n / 2] | digit : digit << 4);
    n++;
  }
  return n / 2;
}

/* A block of exactly size bytes, so that the address sanitizer sees a step beyond. */
static inline uint8_t *exact(const void *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  CHECK(copy != NULL);
  if (size)
    memcpy(copy, data, size);
  return copy;
}

static inline void put(struct copse_key_writer *w, const struct copse_element *e) {
  switch (e->type) {
  case COPSE_ELEMENT_NULL: copse_key_put_null(w); break;
  case COPSE_ELEMENT_BYTES: copse_key_put_bytes(w, e->data, e->size); break;
  case COPSE_ELEMENT_TEXT: copse_key_put_text(w, e->data, e->size); break;
  case COPSE_ELEMENT_NESTED: copse_key_begin_nested(w); break;
  case COPSE_ELEMENT_END: copse_key_end_nested(w); break;
  case COPSE_ELEMENT_INT: copse_key_put_i64(w, e->i64); break;
  case COPSE_ELEMENT_UINT: copse_key_put_u64(w, e->u64); break;
  case COPSE_ELEMENT_BIGINT: copse_key_put_bigint(w, (int)e->negative, e->data, e->size); break;
  case COPSE_ELEMENT_DOUBLE: copse_key_put_double(w, e->f64); break;
  case COPSE_ELEMENT_BOOL: copse_key_put_bool(w, (int)e->i64); break;
  case COPSE_ELEMENT_UUID: copse_key_put_uuid(w, e->data); break;
  case COPSE_ELEMENT_INSTANT: copse_key_put_instant(w, e->i64); break;
  default: CHECK_MSG(0, "type %u", e->type);
  }
}

static inline size_t encode(const struct copse_element *tuple, uint8_t *key, size_t room) {
  struct copse_key_writer w;
  size_t size = SIZE_MAX;
  copse_key_write(&w, key, room, COPSE_KEY_NAN);
  for (; tuple->type; tuple++)
    put(&w, tuple);
  CHECK_OK(copse_key_finish(&w, &size));
  return size;
}

/* What was read is what was meant. */
static inline void check_element(const struct copse_element *read,
                                 const struct copse_element *meant) {
  CHECK_EQ(read->type, meant->type);
  if (meant->type == COPSE_ELEMENT_DOUBLE || meant->type == COPSE_ELEMENT_FLOAT) {
    CHECK(memcmp(&read->f64, &meant->f64, 8) == 0);
  } else if (meant->data) {
    uint8_t *string = malloc(read->size + 1);
    CHECK(string != NULL);
    size_t size = copse_element_bytes(read, string);
    CHECK_BYTES(string, size, meant->data, meant->size);
    CHECK_EQ(read->negative, meant->negative);
    CHECK(read->escaped || read->negative || memcmp(read->data, meant->data, meant->size) == 0);
    free(string);
  } else {
    CHECK_EQ(read->u64, meant->u64);
  }
}

static inline void check_decoded(const uint8_t *key, size_t size,
                                 const struct copse_element *tuple) {
  uint8_t *copy = exact(key, size);
  struct copse_key_reader reader = {.data = copy, .size = size};
  struct copse_element element;
  for (; tuple->type; tuple++) {
    CHECK_OK(copse_key_next(&reader, &element));
    check_element(&element, tuple);
  }
  CHECK_RESULT(copse_key_next(&reader, &element), COPSE_NONE);
  CHECK_OK(copse_key_check(copy, size));
  free(copy);
}

/* --- the order of tuples, from what they are ---------------------------------------------- */

static inline int sign_of(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* Place of a type in the order; -1: the tuple has ended. */
static inline int rank(const struct copse_element *e) {
  switch (e->type) {
  case 0:
  case COPSE_ELEMENT_END: return -1;
  case COPSE_ELEMENT_NULL: return 0;
  case COPSE_ELEMENT_BYTES: return 1;
  case COPSE_ELEMENT_TEXT: return 2;
  case COPSE_ELEMENT_NESTED: return 3;
  case COPSE_ELEMENT_INT:
  case COPSE_ELEMENT_UINT:
  case COPSE_ELEMENT_BIGINT: return 4;
  case COPSE_ELEMENT_DOUBLE: return 5;
  case COPSE_ELEMENT_BOOL: return 6;
  case COPSE_ELEMENT_UUID: return 7;
  default: return 8;
  }
}

/* Magnitudes without leading zeros; the sign apart. */
static inline int integer_compare(const struct copse_element *a, const struct copse_element *b) {
  uint8_t magnitude[2][256] = {{0}};
  int negative[2];
  const struct copse_element *both[2] = {a, b};
  for (int i = 0; i < 2; i++) {
    const struct copse_element *e = both[i];
    uint64_t n = e->type == COPSE_ELEMENT_INT && e->i64 < 0 ? 0 - (uint64_t)e->i64 : e->u64;
    negative[i] = e->type == COPSE_ELEMENT_BIGINT ? (int)e->negative
                                                  : e->type == COPSE_ELEMENT_INT && e->i64 < 0;
    if (e->type == COPSE_ELEMENT_BIGINT)
      memcpy(magnitude[i] + 256 - e->size, e->data, e->size);
    else
      for (int k = 0; k < 8; k++)
        magnitude[i][248 + k] = (uint8_t)(n >> (56 - 8 * k));
  }
  if (negative[0] != negative[1])
    return negative[0] ? -1 : 1;
  int order = memcmp(magnitude[0], magnitude[1], 256);
  return negative[0] ? -order : order;
}

static inline int element_compare(const struct copse_element *a, const struct copse_element *b) {
  if (rank(a) != rank(b))
    return sign_of(rank(a), rank(b));
  switch (rank(a)) {
  case 1:
  case 2:
  case 7: {
    size_t n = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->data, b->data, n);
    return order ? order : sign_of((int64_t)a->size, (int64_t)b->size);
  }
  case 4: return integer_compare(a, b);
  case 5:
    if (a->f64 != b->f64)
      return a->f64 < b->f64 ? -1 : 1;
    return !signbit(a->f64) - !signbit(b->f64);
  case 6:
  case 8: return sign_of(a->i64, b->i64);
  default: return 0;
  }
}

static inline int tuple_compare(const struct copse_element *a, const struct copse_element *b) {
  for (;; a++, b++) {
    int order = element_compare(a, b);
    if (order)
      return order < 0 ? -1 : 1;
    if (a->type == 0)
      return 0;
  }
}

#endif
