/* record/name.c - which names records and fields may have.
 *
 * Names come out of stores that others wrote and go to terminals, logs and source code, so
 * they are held to what an identifier looks like: well-formed UTF-8 (RFC 3629), nothing that
 * is blank, invisible or turns the direction of writing. */
#include "record/layout.h"

/* Decodes one character of two to four bytes; returns its size, or 0 if it is malformed. */
static size_t decode_utf8(const unsigned char *p, size_t size, uint32_t *character) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
  if (p[0] < 0xc2 || p[0] > 0xf4 || length > size)
    return 0;
  uint32_t c = p[0] & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (p[i] & 0x3f);
  }
  if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
    return 0;
  *character = c;
  return length;
}

static bool is_visible(uint32_t c) {
  return c > 0xa0 && c != 0xad && c != 0x61c && c != 0x1680 && c != 0x180e && c != 0x3000 &&
         c != 0xfeff && !(c >= 0x2000 && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202f) &&
         !(c >= 0x205f && c <= 0x206f) && !(c >= 0xfff0 && c <= 0xfffb) && !(c >= 0xe0000);
}

static bool is_letter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool record_name_valid(const char *name, size_t size, bool dots) {
  const unsigned char *p = (const unsigned char *)name;
  if (size == 0 || size > COPSE_FIELD_NAME_MAX)
    return false;
  bool first = true; /* of a part */
  for (size_t i = 0; i < size;) {
    size_t length = 1;
    uint32_t character;
    if (p[i] >= 0x80) {
      length = decode_utf8(p + i, size - i, &character);
      if (length == 0 || !is_visible(character))
        return false;
    } else if (p[i] == '.') {
      if (!dots || first)
        return false;
    } else if (!is_letter(p[i]) && (first || p[i] < '0' || p[i] > '9')) {
      return false;
    }
    first = p[i] == '.';
    i += length;
  }
  return !first;
}
