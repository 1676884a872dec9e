/* base/utf8.h - well-formed UTF-8 (RFC 3629): no surrogates, nothing longer than needed. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decodes one character of two to four bytes; returns its size, or 0 if it is malformed. size > 0. */
size_t utf8_decode(const uint8_t *p, size_t size, uint32_t *character);

/* How many bytes at the beginning are well-formed: size if all are. */
size_t utf8_valid(const uint8_t *p, size_t size);

#endif
