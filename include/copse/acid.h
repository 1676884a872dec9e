/* copse/acid.h - keys of Acid, an older store, for whoever converts its data.
 *
 * A key of Acid is a list of tuples. Elements are null, integers of up to 64 bits and a sign, bool, bytes,
 * text, UUIDs and points in time with an offset from UTC. They are read as the elements of key.h, which says
 * what is not said here, and written by the same writer. */
#ifndef COPSE_ACID_H
#define COPSE_ACID_H

#include "key.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- reading ------------------------------------------------------------------------- */

/* The next element, in place; END: the list's next tuple begins. zone_s (may be NULL): of an instant, the offset
 * from UTC in seconds. Strings are packed: use copse_acid_bytes(). Errors: KEY_FORM. */
COPSE_CHECKED int copse_acid_next(struct copse_key_reader *reader, struct copse_element *element,
                                  int32_t *zone_s);
/* Copies the string of bytes or text to memory that has room for element->size bytes; *size is how many
 * there are. Errors: KEY_FORM (text that is not UTF-8). */
COPSE_CHECKED int copse_acid_bytes(const struct copse_element *element, void *memory, size_t *size);

/* Puts the elements of the next tuple of a list as ones of ctuple/1, where instants have no offset. 0: there was a
 * tuple, and reader->at is behind it; an empty list has one empty tuple. COPSE_NONE: there are no more.
 * Errors: KEY_FORM, MEMORY. */
COPSE_CHECKED int copse_acid_to_tuple(struct copse_key_reader *reader, struct copse_key_writer *w);

/* --- writing: between copse_key_write() and copse_key_finish() --------------------------- */

COPSE_API void copse_acid_put_null(struct copse_key_writer *w);
COPSE_API void copse_acid_put_bool(struct copse_key_writer *w, int value);
COPSE_API void copse_acid_put_int(struct copse_key_writer *w, int negative, uint64_t magnitude);
COPSE_API void copse_acid_put_bytes(struct copse_key_writer *w, const void *data, size_t size);
COPSE_API void copse_acid_put_text(struct copse_key_writer *w, const void *utf8, size_t size);
COPSE_API void copse_acid_put_uuid(struct copse_key_writer *w, const uint8_t uuid[16]);
/* Microseconds since 1970 UTC, of which milliseconds are kept; zone_s: offset from UTC, in quarters of an hour. */
COPSE_API void copse_acid_put_time(struct copse_key_writer *w, int64_t microseconds, int32_t zone_s);
/* What follows belongs to the list's next tuple. */
COPSE_API void copse_acid_next_tuple(struct copse_key_writer *w);

/* Writes the least key that is greater than all that begin with this one; if its last element is a string, than
 * all where a longer string stands in its place. COPSE_NONE: there is none. Errors: KEY_FORM, MEMORY. */
COPSE_CHECKED int copse_acid_prefix_end(const void *key, size_t size, struct copse_key_writer *w);

#ifdef __cplusplus
}
#endif
#endif
