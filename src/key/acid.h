/* key/acid.h - the codes of Acid's keys, as found in its own encoders.
 *
 *     0f  null                          28  bytes, packed
 *     14  integer < 0: complemented     32  text, packed UTF-8
 *         varint of the magnitude       5a  UUID: 16 bytes
 *     15  integer >= 0: varint          5b  time < 0: complemented varint of the magnitude
 *     1e  bool: varint 0 or 1           5c  time >= 0: varint
 *                                       66  another tuple of the list follows
 *
 * varint, of SQLite 4, most significant bytes first: a first byte up to f0 is the number; f1 to f8 and one
 * more: 240 + 256 x (first - f1) + it; f9 and two: 2288 + they; fa to ff: 3 to 8 bytes follow.
 *
 * packed: the bits of the string, most significant first, seven in each byte, of which the first bit is
 * set; the last byte is filled up with zeros. No code has that bit, so strings end by themselves.
 *
 * A time is milliseconds since 1970 UTC x 128 + 64 + the offset in quarters of an hour. */
#ifndef KEY_ACID_H
#define KEY_ACID_H

#include "copse/acid.h"

enum {
  ACID_NULL = 0x0f,
  ACID_NEGATIVE = 0x14,
  ACID_INTEGER = 0x15,
  ACID_BOOL = 0x1e,
  ACID_BYTES = 0x28,
  ACID_TEXT = 0x32,
  ACID_UUID = 0x5a,
  ACID_NEGATIVE_TIME = 0x5b,
  ACID_TIME = 0x5c,
  ACID_NEXT = 0x66,
  ACID_QUARTER_S = 900,
};

#endif
