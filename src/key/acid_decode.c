/* key/acid_decode.c - reading keys of Acid: see acid.h. As strict as decode.c; Acid itself took packed
 * strings of impossible sizes and varints that are longer than needed, and never wrote them. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "key/acid.h"
#include "key/writer.h"

/* A varint, each byte of which is first combined with flip; *took: its size. */
static int read_varint(const struct copse_key_reader *reader, uint8_t flip, uint64_t *number,
                       size_t *took) {
  const uint8_t *p = (const uint8_t *)reader->data + reader->at + 1;
  size_t left = reader->size - reader->at - 1;
  unsigned first = left ? p[0] ^ flip : 0;
  size_t size = first <= 0xf0 ? 1 : first <= 0xf8 ? 2 : first == 0xf9 ? 3 : first - 0xfa + 4;
  uint64_t rest = 0, least = 0;
  if (size > left)
    return key_fault(reader->at, "the key ends inside of a number");
  for (size_t i = 1; i < size; i++)
    rest = rest << 8 | (p[i] ^ flip);
  if (first <= 0xf0) {
    rest = first;
  } else if (first <= 0xf8) {
    rest += 240 + 256 * (uint64_t)(first - 0xf1);
    least = 241;
  } else if (first == 0xf9) {
    rest += 2288;
  } else {
    least = first == 0xfa ? 67824 : UINT64_C(1) << (8 * (size - 2));
  }
  if (rest < least)
    return key_fault(reader->at, "a number that is longer than needed");
  *number = rest;
  *took = size;
  return 0;
}

static int read_integer(const struct copse_key_reader *reader, struct copse_element *element,
                        size_t *took) {
  const uint8_t *code = (const uint8_t *)reader->data + reader->at;
  int negative = *code == ACID_NEGATIVE;
  uint64_t number;
  int result = read_varint(reader, negative ? 0xff : 0, &number, took);
  if (result)
    return result;
  if (negative && number == 0)
    return key_fault(reader->at, "0 with a sign");
  element->type = COPSE_ELEMENT_INT;
  if (negative && number > UINT64_C(1) << 63) { /* all of its eight bytes are the magnitude */
    element->type = COPSE_ELEMENT_BIGINT;
    element->negative = 1;
    element->data = code + 2;
    element->size = 8;
  } else if (negative) {
    element->i64 = (int64_t)(0 - number);
  } else if (number > INT64_MAX) {
    element->type = COPSE_ELEMENT_UINT;
    element->u64 = number;
  } else {
    element->i64 = (int64_t)number;
  }
  return 0;
}

static int read_time(const struct copse_key_reader *reader, struct copse_element *element,
                     size_t *took, int32_t *zone_s) {
  int negative = ((const uint8_t *)reader->data)[reader->at] == ACID_NEGATIVE_TIME;
  uint64_t number;
  int result = read_varint(reader, negative ? 0xff : 0, &number, took);
  if (result)
    return result;
  if (negative && number == 0)
    return key_fault(reader->at, "0 with a sign");
  if (number > INT64_MAX / 1000 * 128)
    return key_fault(reader->at, "a time beyond what an instant can be");
  int64_t word = negative ? -(int64_t)number : (int64_t)number;
  int64_t zone = word & 127; /* the remainder of rounding down, for negative words too */
  element->type = COPSE_ELEMENT_INSTANT;
  element->i64 = (word - zone) / 128 * 1000;
  if (zone_s)
    *zone_s = (int32_t)(zone - 64) * ACID_QUARTER_S;
  return 0;
}

static int read_packed(const struct copse_key_reader *reader, struct copse_element *element,
                       size_t *took) {
  const uint8_t *p = (const uint8_t *)reader->data + reader->at + 1;
  size_t left = reader->size - reader->at - 1, size = 0;
  while (size < left && p[size] & 0x80)
    size++;
  size_t bits = 7 * size % 8; /* that fill up the last byte */
  if (bits == 7)
    return key_fault(reader->at, "a string with a byte more than needed");
  if (size && p[size - 1] & ((1u << bits) - 1))
    return key_fault(reader->at + size, "a string that does not end with zero bits");
  element->type = p[-1] == ACID_TEXT ? COPSE_ELEMENT_TEXT : COPSE_ELEMENT_BYTES;
  element->escaped = size > 0;
  element->data = p;
  element->size = size;
  *took = size;
  return 0;
}

static int read_element(const struct copse_key_reader *reader, struct copse_element *element,
                        size_t *took, int32_t *zone_s) {
  const uint8_t *p = (const uint8_t *)reader->data + reader->at;
  uint64_t number;
  int result;
  *took = 0;
  switch (*p) {
  case ACID_NULL: element->type = COPSE_ELEMENT_NULL; return 0;
  case ACID_NEXT: element->type = COPSE_ELEMENT_END; return 0;
  case ACID_NEGATIVE:
  case ACID_INTEGER: return read_integer(reader, element, took);
  case ACID_NEGATIVE_TIME:
  case ACID_TIME: return read_time(reader, element, took, zone_s);
  case ACID_BYTES:
  case ACID_TEXT: return read_packed(reader, element, took);
  case ACID_BOOL:
    result = read_varint(reader, 0, &number, took);
    if (result == 0 && number > 1)
      result = key_fault(reader->at, "a bool that is neither 0 nor 1");
    element->type = COPSE_ELEMENT_BOOL;
    element->i64 = result ? 0 : (int64_t)number;
    return result;
  case ACID_UUID:
    if (reader->size - reader->at < 17)
      return key_fault(reader->at, "the key ends inside of a UUID");
    element->type = COPSE_ELEMENT_UUID;
    element->data = p + 1;
    element->size = *took = 16;
    return 0;
  default: return key_fault(reader->at, "%02x is not the code of an element", *p);
  }
}

int copse_acid_next(struct copse_key_reader *reader, struct copse_element *out, int32_t *zone_s) {
  struct copse_element element = {.at = reader->at};
  size_t took;
  if (reader->at >= reader->size)
    return COPSE_NONE;
  int result = read_element(reader, &element, &took, zone_s);
  if (result)
    return result;
  reader->at += 1 + took;
  *out = element;
  return 0;
}

int copse_acid_bytes(const struct copse_element *element, void *memory, size_t *out) {
  const uint8_t *from = element->data;
  uint8_t *to = memory;
  size_t size = element->size * 7 / 8;
  for (size_t i = 0, bit = 0; i < size; i++, bit += 8) { /* byte i: bits of two packed ones */
    unsigned pair = (from[bit / 7] & 0x7fu) << 7 | (from[bit / 7 + 1] & 0x7fu);
    to[i] = (uint8_t)(pair >> (6 - bit % 7));
  }
  if (element->type == COPSE_ELEMENT_TEXT) {
    size_t valid = utf8_valid(to, size);
    if (valid < size)
      return key_fault(element->at, "text that is not UTF-8, at its byte %zu", valid);
  }
  *out = size;
  return 0;
}

static int put_string(const struct copse_element *element, struct copse_key_writer *w) {
  size_t size;
  uint8_t *memory = malloc(element->size + 1);
  if (!memory)
    return error_set(COPSE_E_MEMORY, "no memory for a string of %zu bytes", element->size);
  int result = copse_acid_bytes(element, memory, &size);
  if (result == 0 && element->type == COPSE_ELEMENT_TEXT)
    copse_key_put_text(w, memory, size);
  else if (result == 0)
    copse_key_put_bytes(w, memory, size);
  free(memory);
  return result;
}

static int put_element(const struct copse_element *element, struct copse_key_writer *w) {
  uint8_t magnitude[8];
  switch (element->type) {
  case COPSE_ELEMENT_NULL: copse_key_put_null(w); return 0;
  case COPSE_ELEMENT_INT: copse_key_put_i64(w, element->i64); return 0;
  case COPSE_ELEMENT_UINT: copse_key_put_u64(w, element->u64); return 0;
  case COPSE_ELEMENT_BIGINT:
    copse_key_put_bigint(w, 1, magnitude, copse_element_bytes(element, magnitude));
    return 0;
  case COPSE_ELEMENT_BOOL: copse_key_put_bool(w, (int)element->i64); return 0;
  case COPSE_ELEMENT_UUID: copse_key_put_uuid(w, element->data); return 0;
  case COPSE_ELEMENT_INSTANT: copse_key_put_instant(w, element->i64); return 0;
  default: return put_string(element, w);
  }
}

/* reader->depth 1: the list's last tuple was read. */
int copse_acid_to_tuple(struct copse_key_reader *reader, struct copse_key_writer *w) {
  struct copse_element element;
  int result = 0;
  if (reader->depth)
    return COPSE_NONE;
  while (result == 0 && (result = copse_acid_next(reader, &element, NULL)) == 0) {
    if (element.type == COPSE_ELEMENT_END)
      return 0;
    result = put_element(&element, w);
  }
  reader->depth = result == COPSE_NONE;
  return result == COPSE_NONE ? 0 : result;
}
