/* record/layout.h - what the library itself does with record layouts, beyond copse/record.h.
 *
 * A layout comes from four places: compiled by COPSE_RECORD, built by a program, parsed from
 * text, decoded from a store. record_layout_check() is the one judge of all of them. */
#ifndef RECORD_LAYOUT_H
#define RECORD_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "copse/record.h"

/* 0, or code with a detail that names what is wrong: names, kinds, counts, limits, fields
 * out of order, gaps, overlaps, names used twice. The hash is not looked at. */
int record_layout_check(const struct copse_layout *layout, int code);

/* A layout with room for its fields and for name_bytes of names, all in one block that
 * copse_layout_free() frees. *fields and *names are where to write them. NULL: no memory. */
struct copse_layout *record_layout_alloc(uint32_t field_count, size_t name_bytes,
                                         struct copse_field **fields, char **names);

/* The field of that name, or NULL. */
const struct copse_field *record_layout_find(const struct copse_layout *layout, const char *name);

/* Writes the layout in the form kept in the store (drawn in encode.c). *needed receives the
 * bytes it takes; when that is more than size, nothing is written. Errors: ARGUMENT. */
int record_layout_encode(const struct copse_layout *layout, void *buffer, size_t size,
                         size_t *needed);

/* Reads that form from exactly size bytes, which may hold anything, into a completed layout
 * that the caller frees with copse_layout_free(). Errors: CORRUPT, MEMORY. */
int record_layout_decode(const void *data, size_t size, struct copse_layout **layout);

/* The hash of a checked layout; never 0, which stands for "not completed". */
uint64_t record_layout_hash(const struct copse_layout *layout);

/* The hash that copse_layout_init() left in the layout, 0 before it. Atomic, since another thread
 * may just be completing a static layout too; relaxed, since it would write the same value. */
static inline uint64_t record_layout_known_hash(const struct copse_layout *layout) {
  /* relaxed: the value stands for itself, nothing is read through it */
  return __atomic_load_n(&layout->hash, __ATOMIC_RELAXED);
}

/* A name of a record or field is UTF-8 like an identifier: letters, digits, '_', anything
 * above U+00A0 that is not a blank or invisible, not a digit first; field names may join
 * such parts with '.'. 1 to COPSE_FIELD_NAME_MAX bytes. */
bool record_name_valid(const char *name, size_t size, bool dots);

/* The kind of that name; 0 if there is none. */
uint32_t record_kind_find(const char *name, size_t size);

#endif
