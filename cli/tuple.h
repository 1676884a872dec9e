/* cli/tuple.h - tuple keys as JSON arrays.
 *
 *   element            JSON
 *   null, bool         null, true, false
 *   integer            a whole number, of any size
 *   double             a number with a point or an exponent; {"double": "inf"}, "-inf", "nan"
 *   text               a string
 *   bytes              {"hex": "00ff"}
 *   UUID               {"uuid": "12345678-1234-5678-1234-567812345678"}
 *   instant            {"time": "2013-09-07T11:30:15.250000Z"}; outside of the years 1 to 9999, the
 *                      microseconds since 1970, a number
 *   nested tuple       an array
 *
 * A key that is no tuple, or has what this does not show (a float, a NaN of another kind), is
 * {"hex": ...} as a whole. */
#ifndef CLI_TUPLE_H
#define CLI_TUPLE_H

#include "json.h"
#include <copse/key.h>

void tuple_to_json(struct json_writer *w, const char *name, struct copse_bytes key);
/* Replaces what out holds. */
bool tuple_from_json(struct text *out, const struct json_value *v, struct problem *p);

#endif
