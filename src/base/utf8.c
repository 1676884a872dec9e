/* base/utf8.c - see utf8.h. */
#include "base/utf8.h"

#include "base/bytes.h"

size_t utf8_decode(const uint8_t *p, size_t size, uint32_t *character) {
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

size_t utf8_valid(const uint8_t *p, size_t size) {
  size_t at = 0;
  while (at < size) {
    if (p[at] < 0x80) {
      while (size - at >= 8 && !(bytes_load64(p + at) & UINT64_C(0x8080808080808080)))
        at += 8;
      while (at < size && p[at] < 0x80)
        at++;
      continue;
    }
    uint32_t character;
    size_t length = utf8_decode(p + at, size - at, &character);
    if (length == 0)
      return at;
    at += length;
  }
  return at;
}
