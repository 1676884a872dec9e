/* cli/json.h - JSON, written and read strictly (RFC 8259).
 *
 * Debian's libjansson was considered and not taken: it keeps integers as signed 64 bits, so
 * the upper half of a u64 field could not be read, and it gives no access to a number's own
 * text, so an f32 would be rounded twice. What a record needs is small: the two files behind
 * this header.
 *
 * Bytes that are not valid UTF-8 have no JSON string; they are written as {"hex": "00ff"}.
 * Numbers that JSON does not have are the strings "nan", "inf" and "-inf". */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "text.h"

/* --- writing ------------------------------------------------------------------------- */

/* Appends to a text; puts commas by itself. Each function with a name writes a member of an
 * object; name NULL: an element of an array, or the value itself. */
struct json_writer {
  struct text *out;
  bool comma; /* the next value is not the first one */
};

void json_object(struct json_writer *w, const char *name);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w, const char *name);
void json_array_end(struct json_writer *w);
/* Valid UTF-8 is a string, anything else {"hex": ...}. */
void json_bytes(struct json_writer *w, const char *name, const void *data, size_t size);
void json_string(struct json_writer *w, const char *name, const char *string);
void json_hex(struct json_writer *w, const char *name, const void *data, size_t size);
void json_u64(struct json_writer *w, const char *name, uint64_t value);
/* As 16 hexadecimal digits in a string: not every reader of JSON keeps large numbers. */
void json_number_hex(struct json_writer *w, const char *name, uint64_t value);
void json_i64(struct json_writer *w, const char *name, int64_t value);
/* The shortest decimal number that reads back as the same bits. */
void json_double(struct json_writer *w, const char *name, double value);
void json_float(struct json_writer *w, const char *name, float value);
void json_bool(struct json_writer *w, const char *name, bool value);
void json_null(struct json_writer *w, const char *name);
/* Only the name of a member: the value follows, with name NULL. */
void json_name(struct json_writer *w, const char *name);
/* A value that is JSON already. */
void json_ready(struct json_writer *w, const char *name, const struct text *value);
/* Ends a line of JSON Lines. */
void json_line_end(struct json_writer *w);

/* --- reading ------------------------------------------------------------------------- */

enum json_kind {
  JSON_NULL,
  JSON_FALSE,
  JSON_TRUE,
  JSON_NUMBER,
  JSON_STRING,
  JSON_ARRAY,
  JSON_OBJECT,
};

struct json_value {
  enum json_kind kind;
  const char *text; /* a string's bytes (no final NUL), a number as it was written */
  size_t size;
  const char *name; /* of a member of an object, else NULL */
  size_t name_size;
  struct json_value *first, *next; /* elements and members, in the order of the text */
};

/* Memory that readings share; values stay valid until the next reading. */
struct json_document {
  struct text strings;
  struct json_value *values;
  size_t capacity;
};

/* Reads one value that fills the whole text. */
bool json_read(struct json_document *document, const char *text, size_t size,
               const struct json_value **value, struct problem *p);
void json_document_free(struct json_document *document);

/* A member by name; NULL if there is none. */
const struct json_value *json_member(const struct json_value *object, const char *name);
/* What a reader of messages calls a kind: "a number". */
const char *json_kind_name(enum json_kind kind);

#endif
