/* key/format.h - the codes of ctuple/1. The first byte of an element says what follows:
 *
 *     00     null; inside of a nested tuple 00 ff
 *     01     bytes: as they are, each 00 followed by ff; 00 ends them
 *     02     text: UTF-8, likewise
 *     05     nested tuple: its elements, then 00
 *     0b     integer < 0 of more than 8 bytes: their number, complemented; the magnitude, big-endian,
 *            complemented
 *     0c-13  integer < 0, of 8 to 1 bytes: the magnitude, big-endian, complemented
 *     14     0
 *     15-1c  integer > 0, of 1 to 8 bytes: big-endian
 *     1d     integer > 0 of more than 8 bytes: their number; big-endian
 *     20     float, 21 double: IEEE 754, big-endian; negative ones complemented, of others the sign's bit is set
 *     26     false, 27 true
 *     30     UUID: 16 bytes
 *     40     instant: microseconds since 1970 UTC, as int64 with the sign's bit complemented, big-endian
 *
 * All others are refused. Integers have as few bytes as they need, at most 255; text is well-formed. 20 is
 * read and never written.
 * No element begins with ff: so a 00 that ff follows is never the end of a string or of a nested tuple, and a
 * string that goes on after a NUL is behind all tuples in which it ends there. */
#ifndef KEY_FORMAT_H
#define KEY_FORMAT_H

#include "copse/key.h"

enum {
  CODE_NULL = 0x00,
  CODE_BYTES = 0x01,
  CODE_TEXT = 0x02,
  CODE_NESTED = 0x05,
  CODE_NEGATIVE = 0x0b,
  CODE_ZERO = 0x14,
  CODE_POSITIVE = 0x1d,
  CODE_FLOAT = 0x20,
  CODE_DOUBLE = 0x21,
  CODE_FALSE = 0x26,
  CODE_TRUE = 0x27,
  CODE_UUID = 0x30,
  CODE_INSTANT = 0x40,
  ESCAPE = 0xff, /* behind a 00 that ends nothing */
};

#define KEY_SIGN (UINT64_C(1) << 63)

#endif
