/* cli/value.h - keys and values as they are shown and typed, by a map's shape.
 *
 *            bytes                             u64 key, slot tuple key        typed record
 *   text     escaped (text.h)                  decimal       JSON (tuple.h)   JSON (record.h)
 *   hex      hexadecimal digits                decimal       hexadecimal      hexadecimal digits
 *   raw      as they are                       decimal       as it is         its bytes as they are
 *   JSON     string, or {"hex": ...}           number        array            object */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "record.h"
#include "session.h"

enum form { FORM_TEXT, FORM_HEX, FORM_RAW };
/* What --hex and --raw ask for. */
enum form form_given(void);

void key_show(struct text *out, const struct shape *shape, enum form form, struct copse_bytes key);
void value_show(struct text *out, const struct shape *shape, enum form form,
                struct copse_bytes value);
void key_to_json(struct json_writer *w, const char *name, const struct shape *shape,
                 struct copse_bytes key);
void value_to_json(struct json_writer *w, const char *name, const struct shape *shape,
                   struct copse_bytes value);

/* These replace what out holds. */
bool key_parse(struct text *out, const struct shape *shape, enum form form, const char *text,
               size_t size, struct problem *p);
bool value_parse(struct text *out, const struct shape *shape, enum form form, const char *text,
                 size_t size, struct problem *p);
bool key_from_json(struct text *out, const struct shape *shape, const struct json_value *v,
                   struct problem *p);
bool value_from_json(struct text *out, const struct shape *shape, const struct json_value *v,
                     struct problem *p);
/* A string or {"hex": ...}. */
bool bytes_from_json(struct text *out, const struct json_value *v, struct problem *p);

static inline struct copse_bytes bytes_of(const struct text *t) {
  return (struct copse_bytes){t->data != NULL ? t->data : "", t->size};
}

/* The range that the options --from, --to and --prefix give. The parsed keys belong to it. */
struct key_range {
  struct copse_range range;
  struct text from, to, prefix;
};
int key_range_given(struct key_range *r, const struct shape *shape);
void key_range_free(struct key_range *r);

#endif
