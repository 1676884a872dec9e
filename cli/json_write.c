/* cli/json_write.c - the writing half of json.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* What could play tricks on a terminal is escaped beyond what JSON asks for. Values are valid
 * UTF-8; in a name, which comes from elsewhere, a byte that is not becomes U+FFFD. */
static void add_string(struct text *out, const char *data, size_t size) {
  const char *end = data + size;

  text_byte(out, '"');
  while (data < end) {
    const char *plain = data;
    while (plain < end && *plain >= 0x20 && *plain < 0x7f && *plain != '"' && *plain != '\\')
      plain++;
    text_add(out, data, (size_t)(plain - data));
    data = plain;
    if (data == end)
      break;
    uint32_t code = 0;
    size_t length = utf8_sequence(data, (size_t)(end - data), &code);
    if (length == 0) {
      text_string(out, "\\ufffd");
      data++;
      continue;
    }
    switch (code) {
    case '"': text_string(out, "\\\""); break;
    case '\\': text_string(out, "\\\\"); break;
    case '\n': text_string(out, "\\n"); break;
    case '\r': text_string(out, "\\r"); break;
    case '\t': text_string(out, "\\t"); break;
    default:
      if (utf8_harmless(code))
        text_add(out, data, length);
      else
        text_printf(out, "\\u%04x", (unsigned)code);
    }
    data += length;
  }
  text_byte(out, '"');
}

/* What stands before a value: a comma, and its name. */
static void begin(struct json_writer *w, const char *name) {
  if (w->comma)
    text_byte(w->out, ',');
  if (name != NULL) {
    add_string(w->out, name, strlen(name));
    text_byte(w->out, ':');
  }
  w->comma = true;
}

void json_name(struct json_writer *w, const char *name) {
  begin(w, name);
  w->comma = false;
}

void json_object(struct json_writer *w, const char *name) {
  begin(w, name);
  text_byte(w->out, '{');
  w->comma = false;
}

void json_object_end(struct json_writer *w) {
  text_byte(w->out, '}');
  w->comma = true;
}

void json_array(struct json_writer *w, const char *name) {
  begin(w, name);
  text_byte(w->out, '[');
  w->comma = false;
}

void json_array_end(struct json_writer *w) {
  text_byte(w->out, ']');
  w->comma = true;
}

void json_bytes(struct json_writer *w, const char *name, const void *data, size_t size) {
  if (utf8_valid(data, size)) {
    begin(w, name);
    add_string(w->out, data, size);
    return;
  }
  json_object(w, name);
  json_hex(w, "hex", data, size);
  json_object_end(w);
}

void json_string(struct json_writer *w, const char *name, const char *string) {
  json_bytes(w, name, string, strlen(string));
}

void json_hex(struct json_writer *w, const char *name, const void *data, size_t size) {
  begin(w, name);
  text_byte(w->out, '"');
  text_add_hex(w->out, data, size);
  text_byte(w->out, '"');
}

void json_u64(struct json_writer *w, const char *name, uint64_t value) {
  begin(w, name);
  text_printf(w->out, "%" PRIu64, value);
}

void json_number_hex(struct json_writer *w, const char *name, uint64_t value) {
  char digits[17];

  snprintf(digits, sizeof digits, "%016" PRIx64, value);
  json_string(w, name, digits);
}

void json_i64(struct json_writer *w, const char *name, int64_t value) {
  begin(w, name);
  text_printf(w->out, "%" PRId64, value);
}

static const char *not_finite(double value) {
  if (isnan(value))
    return "nan";
  return value > 0 ? "inf" : "-inf";
}

void json_double(struct json_writer *w, const char *name, double value) {
  char digits[40];

  if (!isfinite(value)) {
    json_string(w, name, not_finite(value));
    return;
  }
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value)
      break;
  }
  begin(w, name);
  text_string(w->out, digits);
}

void json_float(struct json_writer *w, const char *name, float value) {
  char digits[40];

  if (!isfinite(value)) {
    json_string(w, name, not_finite(value));
    return;
  }
  for (int precision = 6; precision <= 9; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
    if (strtof(digits, NULL) == value)
      break;
  }
  begin(w, name);
  text_string(w->out, digits);
}

void json_bool(struct json_writer *w, const char *name, bool value) {
  begin(w, name);
  text_string(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w, const char *name) {
  begin(w, name);
  text_string(w->out, "null");
}

void json_ready(struct json_writer *w, const char *name, const struct text *value) {
  begin(w, name);
  text_add(w->out, value->data, value->size);
}

void json_line_end(struct json_writer *w) {
  text_byte(w->out, '\n');
  w->comma = false;
}
