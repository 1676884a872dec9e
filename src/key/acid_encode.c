/* key/acid_encode.c - writing keys of Acid: see acid.h. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "key/acid.h"
#include "key/writer.h"

/* A code and a varint; negative: all but the code complemented. */
static void put_varint(struct copse_key_writer *w, unsigned code, int negative, uint64_t number) {
  uint8_t bytes[9] = {(uint8_t)number};
  size_t more = 0; /* bytes that follow the first one */
  uint64_t rest = number;
  if (number > 67823) {
    for (more = 3; more < 8 && number >> (8 * more);)
      more++;
    bytes[0] = (uint8_t)(0xf7 + more);
  } else if (number > 2287) {
    more = 2;
    rest = number - 2288;
    bytes[0] = 0xf9;
  } else if (number > 240) {
    more = 1;
    rest = number - 240;
    bytes[0] = (uint8_t)(241 + rest / 256);
  }
  for (size_t i = 0; i < more; i++)
    bytes[1 + i] = (uint8_t)(rest >> (8 * (more - 1 - i)));
  key_add_byte(w, code);
  for (size_t i = 0; i <= more; i++)
    key_add_byte(w, negative ? bytes[i] ^ 0xff : bytes[i]);
}

void copse_acid_put_null(struct copse_key_writer *w) {
  if (w->result == 0)
    key_add_byte(w, ACID_NULL);
}

void copse_acid_put_bool(struct copse_key_writer *w, int value) {
  if (w->result == 0)
    put_varint(w, ACID_BOOL, 0, value != 0);
}

void copse_acid_put_int(struct copse_key_writer *w, int negative, uint64_t magnitude) {
  negative = negative && magnitude;
  if (w->result == 0)
    put_varint(w, negative ? ACID_NEGATIVE : ACID_INTEGER, negative, magnitude);
}

static void put_packed(struct copse_key_writer *w, unsigned code, const uint8_t *data,
                       size_t size) {
  unsigned bits = 0, waiting = 0; /* the last `waiting` bits of `bits` are to be written */
  key_add_byte(w, code);
  for (size_t i = 0; i < size; i++) {
    bits = bits << 8 | data[i];
    for (waiting += 8; waiting >= 7; waiting -= 7)
      key_add_byte(w, 0x80 | (bits >> (waiting - 7) & 0x7f));
    bits &= (1u << waiting) - 1;
  }
  if (waiting)
    key_add_byte(w, 0x80 | (bits << (7 - waiting) & 0x7f));
}

void copse_acid_put_bytes(struct copse_key_writer *w, const void *data, size_t size) {
  if (w->result == 0)
    put_packed(w, ACID_BYTES, data, size);
}

void copse_acid_put_text(struct copse_key_writer *w, const void *utf8, size_t size) {
  if (w->result)
    return;
  size_t valid = utf8_valid(utf8, size);
  if (valid < size)
    w->result = error_set(COPSE_E_ARGUMENT, "text that is not UTF-8, at its byte %zu", valid);
  else
    put_packed(w, ACID_TEXT, utf8, size);
}

void copse_acid_put_uuid(struct copse_key_writer *w, const uint8_t uuid[16]) {
  if (w->result)
    return;
  key_add_byte(w, ACID_UUID);
  key_add(w, uuid, 16);
}

void copse_acid_put_time(struct copse_key_writer *w, int64_t microseconds, int32_t zone_s) {
  if (w->result)
    return;
  if (zone_s % ACID_QUARTER_S || zone_s / ACID_QUARTER_S < -64 || zone_s / ACID_QUARTER_S > 63) {
    w->result = error_set(COPSE_E_ARGUMENT,
                          "an offset of %d s from UTC; it must be quarters of an hour, and less "
                          "than 16 hours",
                          zone_s);
    return;
  }
  int64_t rest = microseconds % 1000; /* rounded down, also before 1970 */
  int64_t milliseconds = microseconds / 1000 - (rest < 0);
  int64_t word = milliseconds * 128 + 64 + zone_s / ACID_QUARTER_S;
  put_varint(w, word < 0 ? ACID_NEGATIVE_TIME : ACID_TIME, word < 0,
             word < 0 ? 0 - (uint64_t)word : (uint64_t)word);
}

void copse_acid_next_tuple(struct copse_key_writer *w) {
  if (w->result == 0)
    key_add_byte(w, ACID_NEXT);
}

/* --- the end of a prefix ------------------------------------------------------------- */

/* Raises the last character of UTF-8 that is not the greatest one; the text ends with it. Returns its size; 0:
 * there is none. It may become a byte longer. */
static size_t raise_text(uint8_t *text, size_t size) {
  while (size) {
    size_t start = size - 1;
    uint32_t c = text[start];
    while (start && (text[start] & 0xc0) == 0x80)
      start--;
    if (text[start] >= 0x80)
      utf8_decode(text + start, size - start, &c);
    size = start;
    if (c == 0x10ffff)
      continue;
    c = c == 0xd7ff ? 0xe000 : c + 1; /* between these are surrogates, which text has not */
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--, c >>= 6)
      text[start + i] = (uint8_t)(0x80 | (c & 0x3f));
    text[start] = (uint8_t)(first[length] | c);
    return start + length;
  }
  return 0;
}

static size_t raise_bytes(uint8_t *bytes, size_t size) {
  return copse_key_end(bytes, &size) == 0 ? size : 0;
}

/* An element that is no string: of its bytes, as they are encoded; the code is never ff. */
static void put_raised(struct copse_key_writer *w, const uint8_t *element, size_t size) {
  while (element[size - 1] == 0xff)
    size--;
  key_add(w, element, size - 1);
  key_add_byte(w, element[size - 1] + 1u);
}

/* COPSE_NONE when the element has no end, so that the one before it is to be raised. */
static int put_element_end(struct copse_key_writer *w, const struct copse_element *element,
                           const uint8_t *raw, size_t raw_size) {
  if (element->type != COPSE_ELEMENT_BYTES && element->type != COPSE_ELEMENT_TEXT) {
    put_raised(w, raw, raw_size);
    return 0;
  }
  uint8_t *string = malloc(element->size + 1);
  if (!string)
    return error_set(COPSE_E_MEMORY, "no memory for a string of %zu bytes", element->size);
  size_t size;
  int text = element->type == COPSE_ELEMENT_TEXT;
  int result = copse_acid_bytes(element, string, &size);
  if (result == 0 && (size = text ? raise_text(string, size) : raise_bytes(string, size)) == 0)
    result = COPSE_NONE;
  if (result == 0)
    put_packed(w, text ? ACID_TEXT : ACID_BYTES, string, size);
  free(string);
  return result;
}

int copse_acid_prefix_end(const void *key, size_t size, struct copse_key_writer *w) {
  const uint8_t *bytes = key;
  for (;;) {
    struct copse_key_reader reader = {.data = key, .size = size};
    struct copse_element element = {0};
    int result;
    while ((result = copse_acid_next(&reader, &element, NULL)) == 0)
      ;
    if (result != COPSE_NONE || size == 0)
      return result;
    size_t before = w->size;
    key_add(w, bytes, element.at);
    result = put_element_end(w, &element, bytes + element.at, size - element.at);
    if (result != COPSE_NONE)
      return result;
    w->size = before;
    size = element.at;
  }
}
