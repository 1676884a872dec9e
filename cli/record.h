/* cli/record.h - typed records to JSON and back, by the layout that the store keeps.
 *
 *   field                        JSON
 *   integers                     a number
 *   f32, f64                     a number; "nan", "inf", "-inf", and "nan:BITS" for another NaN
 *   c32, c64                     [real, imaginary]
 *   text                         a string; {"hex": ...} when it is not UTF-8 or something
 *                                stands behind its end
 *   bytes                        a string of hexadecimal digits
 *   pad                          left out; zero when read
 *   any other of count > 1       an array of these
 *
 * Every field must be given, once, and fit: nothing is cut or rounded in silence, except
 * that a decimal number becomes the nearest float. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include "json.h"
#include <copse/record.h>

void record_write(struct json_writer *w, const char *name, const struct copse_layout *layout,
                  const void *record);
/* record: layout->size bytes. */
bool record_read(const struct json_value *object, const struct copse_layout *layout, void *record,
                 struct problem *p);
/* One field of it. */
bool record_read_field(const struct json_value *value, const struct copse_field *field,
                       void *record, struct problem *p);

/* A field by name; NULL if there is none. */
const struct copse_field *record_field(const struct copse_layout *layout, const char *name,
                                       size_t name_size);

#endif
