/* cli/conversion.h - a record of one layout made from a record of another, by field name.
 *
 * A field's value is copied where kind and count agree, and widened where every value of the
 * old kind has exactly that value in the new one: integers to larger integers or to floats
 * that hold them, floats to doubles, text to longer text. Anything else would lose values in
 * silence and is refused, unless a default is given for the field. */
#ifndef CLI_CONVERSION_H
#define CLI_CONVERSION_H

#include "json.h"
#include "options.h"
#include "record.h"

struct field_step {
  const struct copse_field *from; /* NULL: the field keeps its default, or zero */
  const struct copse_field *to;
  bool has_default;
};

struct conversion {
  const struct copse_layout *from; /* NULL: plain bytes of the new layout's size */
  const struct copse_layout *to;
  struct field_step *steps; /* one for each field of to */
  uint8_t *initial;         /* a record that holds the defaults */
};

/* defaults: "FIELD=VALUE", VALUE as JSON or plain; renames: "OLD=NEW". Returns a status. */
int conversion_plan(struct conversion *c, const struct copse_layout *from,
                    const struct copse_layout *to, const struct option_list *defaults,
                    const struct option_list *renames);
void conversion_free(struct conversion *c);

/* out: to->size bytes; in: from->size. */
void conversion_apply(const struct conversion *c, const void *in, void *out);

/* What it does, as lines or as members of an object. */
void conversion_describe(const struct conversion *c, struct text *out);
void conversion_to_json(const struct conversion *c, struct json_writer *w);

#endif
