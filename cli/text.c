/* cli/text.c - see text.h. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory -------------------------------------------------------------------------- */

static void *must(void *memory) {
  if (memory == NULL)
    exit(fail_with(STATUS_STORE, "out of memory"));
  return memory;
}

void *allocate(size_t size) { return must(calloc(1, size != 0 ? size : 1)); }

void *reallocate(void *old, size_t size) { return must(realloc(old, size != 0 ? size : 1)); }

char *duplicate(const char *string) { return must(strdup(string)); }

/* --- growing text -------------------------------------------------------------------- */

void text_free(struct text *t) {
  free(t->data);
  *t = (struct text){0};
}

char *text_room(struct text *t, size_t size) {
  size_t needed;

  if (__builtin_add_overflow(t->size, size, &needed) || needed > SIZE_MAX / 2 - 1)
    exit(fail_with(STATUS_STORE, "out of memory"));
  if (t->data == NULL || needed + 1 > t->capacity) {
    size_t capacity = t->capacity < 64 ? 64 : t->capacity;
    while (capacity < needed + 1)
      capacity *= 2;
    t->data = reallocate(t->data, capacity);
    t->capacity = capacity;
  }
  t->data[needed] = 0;
  return t->data + t->size;
}

void text_add(struct text *t, const void *data, size_t size) {
  char *room = text_room(t, size);

  if (size != 0)
    memcpy(room, data, size);
  t->size += size;
}

void text_byte(struct text *t, char byte) { text_add(t, &byte, 1); }

void text_string(struct text *t, const char *string) { text_add(t, string, strlen(string)); }

void text_set(struct text *t, const void *data, size_t size) {
  text_clear(t);
  text_add(t, data, size);
}

void text_printf(struct text *t, const char *format, ...) {
  va_list arguments;
  int needed;

  va_start(arguments, format);
  needed = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (needed <= 0)
    return;
  va_start(arguments, format);
  vsnprintf(text_room(t, (size_t)needed), (size_t)needed + 1, format, arguments);
  va_end(arguments);
  t->size += (size_t)needed;
}

void text_output(struct text *t) {
  output(t->data, t->size);
  text_clear(t);
}

/* --- UTF-8 --------------------------------------------------------------------------- */

size_t utf8_sequence(const void *data, size_t size, uint32_t *code) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  const uint8_t *b = data;
  size_t length;
  uint32_t point;

  if (size == 0)
    return 0;
  if (b[0] < 0x80)
    length = 1, point = b[0];
  else if ((b[0] & 0xe0) == 0xc0)
    length = 2, point = b[0] & 0x1f;
  else if ((b[0] & 0xf0) == 0xe0)
    length = 3, point = b[0] & 0x0f;
  else if ((b[0] & 0xf8) == 0xf0)
    length = 4, point = b[0] & 0x07;
  else
    return 0;
  if (length > size)
    return 0;
  for (size_t i = 1; i < length; i++) {
    if ((b[i] & 0xc0) != 0x80)
      return 0;
    point = point << 6 | (b[i] & 0x3f);
  }
  if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
    return 0;
  if (code != NULL)
    *code = point;
  return length;
}

bool utf8_valid(const void *data, size_t size) {
  const char *at = data, *end = at + size;

  while (at < end) {
    size_t length = utf8_sequence(at, (size_t)(end - at), NULL);
    if (length == 0)
      return false;
    at += length;
  }
  return true;
}

bool utf8_harmless(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
    return false;
  return !(code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff);
}

/* --- escaped and hexadecimal --------------------------------------------------------- */

static const char hex_digits[] = "0123456789abcdef";

static void add_escape(struct text *t, uint8_t byte) {
  char escape[4] = {'\\', 0, 0, 0};
  size_t size = 2;

  switch (byte) {
  case '\\': escape[1] = '\\'; break;
  case '\t': escape[1] = 't'; break;
  case '\n': escape[1] = 'n'; break;
  case '\r': escape[1] = 'r'; break;
  default:
    escape[1] = 'x';
    escape[2] = hex_digits[byte >> 4];
    escape[3] = hex_digits[byte & 15];
    size = 4;
  }
  text_add(t, escape, size);
}

void text_add_escaped(struct text *t, const void *data, size_t size) {
  const char *at = data, *end = at + size;

  while (at < end) {
    uint32_t code = 0;
    size_t length = utf8_sequence(at, (size_t)(end - at), &code);
    if (length != 0 && code != '\\' && utf8_harmless(code)) {
      text_add(t, at, length);
      at += length;
      continue;
    }
    for (size_t i = 0; i < (length != 0 ? length : 1); i++)
      add_escape(t, (uint8_t)*at++);
  }
}

void text_add_hex(struct text *t, const void *data, size_t size) {
  const uint8_t *b = data;
  char *room = text_room(t, 2 * size);

  for (size_t i = 0; i < size; i++) {
    *room++ = hex_digits[b[i] >> 4];
    *room++ = hex_digits[b[i] & 15];
  }
  t->size += 2 * size;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool text_unescape(struct text *t, const char *form, size_t size, struct problem *p) {
  const char *at = form, *end = form + size;

  while (at < end) {
    const char *backslash = memchr(at, '\\', (size_t)(end - at));
    size_t plain = (size_t)((backslash != NULL ? backslash : end) - at);
    text_add(t, at, plain);
    at += plain;
    if (at == end)
      break;
    if (end - at < 2)
      return problem(p, "a backslash at the end (write \\\\ for a backslash)");
    switch (at[1]) {
    case '\\': text_byte(t, '\\'); break;
    case 't': text_byte(t, '\t'); break;
    case 'n': text_byte(t, '\n'); break;
    case 'r': text_byte(t, '\r'); break;
    case 'x':
      if (end - at < 4 || hex_digit(at[2]) < 0 || hex_digit(at[3]) < 0)
        return problem(p, "\\x must be followed by two hexadecimal digits");
      text_byte(t, (char)(hex_digit(at[2]) << 4 | hex_digit(at[3])));
      at += 2;
      break;
    default: return problem(p, "unknown escape \\%c (write \\\\ for a backslash)", at[1]);
    }
    at += 2;
  }
  return true;
}

bool text_unhex(struct text *t, const char *form, size_t size, struct problem *p) {
  char *room;

  if (size % 2 != 0)
    return problem(p, "an odd number of hexadecimal digits");
  room = text_room(t, size / 2);
  for (size_t i = 0; i < size; i += 2) {
    int high = hex_digit(form[i]), low = hex_digit(form[i + 1]);
    if (high < 0 || low < 0)
      return problem(p, "not a hexadecimal digit at position %zu", i + 1);
    *room++ = (char)(high << 4 | low);
  }
  t->size += size / 2;
  return true;
}

bool parse_u64(const char *digits, size_t size, uint64_t *value) {
  uint64_t sum = 0;

  if (size == 0)
    return false;
  for (size_t i = 0; i < size; i++) {
    if (digits[i] < '0' || digits[i] > '9')
      return false;
    if (__builtin_mul_overflow(sum, 10u, &sum) ||
        __builtin_add_overflow(sum, (uint64_t)(digits[i] - '0'), &sum))
      return false;
  }
  *value = sum;
  return true;
}
