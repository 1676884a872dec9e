/* cli/text.h - growing byte strings, and the forms in which bytes are shown and typed.
 *
 * The escaped form is what the tool prints for plain bytes, and it can always be read back:
 * printable ASCII and valid UTF-8 stand for themselves, a backslash is \\, tab, newline and
 * carriage return are \t \n \r, and every other byte is \xHH. Control characters, line
 * separators and marks that turn the direction of writing are escaped too, so that what is
 * in a store cannot play tricks on a terminal. The form never changes between versions.
 *
 * Running out of memory ends the process (with STATUS_STORE): the store does not mind. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct text {
  char *data; /* NULL, or size bytes and a final NUL */
  size_t size, capacity;
};

void *allocate(size_t size); /* zeroed */
void *reallocate(void *old, size_t size);
char *duplicate(const char *string);

void text_free(struct text *t);
static inline void text_clear(struct text *t) { t->size = 0; }
/* Room for size more bytes, at the end of what is there. */
char *text_room(struct text *t, size_t size);
void text_add(struct text *t, const void *data, size_t size);
void text_byte(struct text *t, char byte);
void text_string(struct text *t, const char *string);
void text_set(struct text *t, const void *data, size_t size);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the text to standard output and empties it. */
void text_output(struct text *t);

void text_add_escaped(struct text *t, const void *data, size_t size);
void text_add_hex(struct text *t, const void *data, size_t size);
/* Appends the bytes that the escaped or the hexadecimal form stands for. */
bool text_unescape(struct text *t, const char *form, size_t size, struct problem *p);
bool text_unhex(struct text *t, const char *form, size_t size, struct problem *p);

/* The value of a hexadecimal digit, -1 if it is none. */
int hex_digit(char c);

/* The bytes of the valid UTF-8 sequence that begins at data; 0 if there is none. *code (may
 * be NULL) receives its code point. */
size_t utf8_sequence(const void *data, size_t size, uint32_t *code);
bool utf8_valid(const void *data, size_t size);
/* False for code points that change how a terminal shows the text around them. */
bool utf8_harmless(uint32_t code);

/* Whole decimal numbers: digits only, and in range. */
bool parse_u64(const char *digits, size_t size, uint64_t *value);

#endif
