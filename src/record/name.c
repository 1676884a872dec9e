/* record/name.c - which names records and fields may have.
 *
 * Names come out of stores that others wrote and go to terminals, logs and source code, so
 * they are held to what an identifier looks like: well-formed UTF-8 (RFC 3629), nothing that
 * is blank, invisible or turns the direction of writing. */
#include "base/utf8.h"
#include "record/layout.h"

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
      length = utf8_decode(p + i, size - i, &character);
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
