/* cli/value.c - see value.h. */
#include "value.h"

#include "tuple.h"

#include <inttypes.h>
#include <string.h>

enum form form_given(void) {
  if (form_options_given.hex)
    return FORM_HEX;
  return form_options_given.raw ? FORM_RAW : FORM_TEXT;
}

/* --- showing ------------------------------------------------------------------------- */

static void bytes_show(struct text *out, enum form form, struct copse_bytes bytes) {
  switch (form) {
  case FORM_TEXT: text_add_escaped(out, bytes.data, bytes.size); break;
  case FORM_HEX: text_add_hex(out, bytes.data, bytes.size); break;
  case FORM_RAW: text_add(out, bytes.data, bytes.size); break;
  }
}

/* A damaged store must not make the tool read beyond a key or a record. */
static bool is_number(const struct shape *shape, struct copse_bytes key) {
  return shape->key_kind != COPSE_KEY_BYTES && key.size == 8;
}

static bool is_record(const struct shape *shape, struct copse_bytes value) {
  return shape->layout != NULL && value.size == shape->layout->size;
}

void key_show(struct text *out, const struct shape *shape, enum form form, struct copse_bytes key) {
  struct json_writer w = {.out = out};

  if (is_number(shape, key))
    text_printf(out, "%" PRIu64, copse_key_to_u64(key.data));
  else if (form == FORM_TEXT && shape->key_encoding == COPSE_KEYS_TUPLE)
    tuple_to_json(&w, NULL, key);
  else
    bytes_show(out, form, key);
}

void value_show(struct text *out, const struct shape *shape, enum form form,
                struct copse_bytes value) {
  if (form == FORM_TEXT && is_record(shape, value)) {
    struct json_writer w = {.out = out};
    record_write(&w, NULL, shape->layout, value.data);
  } else {
    bytes_show(out, form, value);
  }
}

void key_to_json(struct json_writer *w, const char *name, const struct shape *shape,
                 struct copse_bytes key) {
  if (is_number(shape, key))
    json_u64(w, name, copse_key_to_u64(key.data));
  else if (shape->key_encoding == COPSE_KEYS_TUPLE)
    tuple_to_json(w, name, key);
  else
    json_bytes(w, name, key.data, key.size);
}

void value_to_json(struct json_writer *w, const char *name, const struct shape *shape,
                   struct copse_bytes value) {
  if (is_record(shape, value))
    record_write(w, name, shape->layout, value.data);
  else
    json_bytes(w, name, value.data, value.size);
}

/* --- reading ------------------------------------------------------------------------- */

static bool bytes_parse(struct text *out, enum form form, const char *text, size_t size,
                        struct problem *p) {
  text_clear(out);
  text_room(out, 0); /* so that no bytes are a pointer too */
  switch (form) {
  case FORM_TEXT: return text_unescape(out, text, size, p);
  case FORM_HEX: return text_unhex(out, text, size, p);
  case FORM_RAW: text_add(out, text, size);
  }
  return true;
}

static void set_u64(struct text *out, uint64_t key) {
  uint8_t bytes[8];

  copse_key_u64(key, bytes);
  text_set(out, bytes, sizeof bytes);
}

static bool key_fits(const struct text *key, struct problem *p) {
  if (key->size > COPSE_KEY_MAX)
    return problem(p, "a key of %zu bytes; the most is %d", key->size, COPSE_KEY_MAX);
  return true;
}

static bool value_fits(const struct text *value, const struct shape *shape, struct problem *p) {
  if (shape->value_size != 0 && value->size != shape->value_size)
    return problem(p, "a value of %zu bytes; the map's values have %u", value->size,
                   shape->value_size);
  return true;
}

bool key_parse(struct text *out, const struct shape *shape, enum form form, const char *text,
               size_t size, struct problem *p) {
  static struct json_document document;
  const struct json_value *v;
  uint64_t number;

  if (form == FORM_TEXT && shape->key_encoding == COPSE_KEYS_TUPLE)
    return json_read(&document, text, size, &v, p) && key_from_json(out, shape, v, p);
  if (shape->key_kind == COPSE_KEY_BYTES)
    return bytes_parse(out, form, text, size, p) && key_fits(out, p);
  if (!parse_u64(text, size, &number))
    return problem(p, "key '%.*s': the map's keys are whole numbers from 0 to %" PRIu64,
                   (int)(size < 64 ? size : 64), text, UINT64_MAX);
  set_u64(out, number);
  return true;
}

bool value_parse(struct text *out, const struct shape *shape, enum form form, const char *text,
                 size_t size, struct problem *p) {
  static struct json_document document;
  const struct json_value *v;

  if (shape->layout == NULL || form != FORM_TEXT)
    return bytes_parse(out, form, text, size, p) && value_fits(out, shape, p);
  return json_read(&document, text, size, &v, p) && value_from_json(out, shape, v, p);
}

bool bytes_from_json(struct text *out, const struct json_value *v, struct problem *p) {
  const struct json_value *hex;

  text_clear(out);
  text_room(out, 0);
  if (v->kind == JSON_STRING) {
    text_add(out, v->text, v->size);
    return true;
  }
  hex = v->kind == JSON_OBJECT ? json_member(v, "hex") : NULL;
  if (hex == NULL || hex->kind != JSON_STRING || v->first->next != NULL)
    return problem(p, "a string or {\"hex\": \"00ff\"} was expected, not %s",
                   v->kind == JSON_OBJECT ? "another object" : json_kind_name(v->kind));
  return text_unhex(out, hex->text, hex->size, p);
}

bool key_from_json(struct text *out, const struct shape *shape, const struct json_value *v,
                   struct problem *p) {
  uint64_t number;

  if (shape->key_encoding == COPSE_KEYS_TUPLE)
    return tuple_from_json(out, v, p) && key_fits(out, p);
  if (shape->key_kind == COPSE_KEY_BYTES)
    return bytes_from_json(out, v, p) && key_fits(out, p);
  if ((v->kind != JSON_NUMBER && v->kind != JSON_STRING) || !parse_u64(v->text, v->size, &number))
    return problem(p, "key: the map's keys are whole numbers from 0 to %" PRIu64, UINT64_MAX);
  set_u64(out, number);
  return true;
}

bool value_from_json(struct text *out, const struct shape *shape, const struct json_value *v,
                     struct problem *p) {
  if (shape->layout == NULL)
    return bytes_from_json(out, v, p) && value_fits(out, shape, p);
  text_clear(out);
  if (!record_read(v, shape->layout, text_room(out, shape->layout->size), p))
    return false;
  out->size = shape->layout->size;
  return true;
}

/* --- ranges -------------------------------------------------------------------------- */

static int parse_bound(struct text *out, struct copse_bytes *bound, const char *option,
                       const char *given, const struct shape *shape) {
  struct problem p;

  if (given == NULL)
    return STATUS_OK;
  if (!key_parse(out, shape, form_given(), given, strlen(given), &p))
    return fail_with(STATUS_USAGE, "%s: %s", option, p.text);
  *bound = bytes_of(out);
  return STATUS_OK;
}

/* The range of a tuple ends before the longer strings that begin like its last element. */
static void tuple_prefix(struct key_range *r) {
  struct copse_range tuples;
  size_t size = r->prefix.size;

  text_room(&r->prefix, 1);
  copse_key_range(r->prefix.data, size, 1, &tuples);
  r->range.prefix = tuples.from;
  if (r->range.to.data == NULL ||
      copse_key_compare(tuples.to.data, tuples.to.size, r->range.to.data, r->range.to.size) < 0) {
    r->range.to = tuples.to;
    r->range.to_inclusive = 0;
  }
}

int key_range_given(struct key_range *r, const struct shape *shape) {
  int status;

  *r = (struct key_range){.range.to_inclusive = range_given.to_inclusive};
  if (range_given.prefix != NULL && shape->key_kind != COPSE_KEY_BYTES)
    return fail_usage("--prefix is for byte keys; the map's keys are numbers: use --from and --to");
  status = parse_bound(&r->from, &r->range.from, "--from", range_given.from, shape);
  if (status == STATUS_OK)
    status = parse_bound(&r->to, &r->range.to, "--to", range_given.to, shape);
  if (status == STATUS_OK)
    status = parse_bound(&r->prefix, &r->range.prefix, "--prefix", range_given.prefix, shape);
  if (status == STATUS_OK && range_given.prefix != NULL && shape->key_encoding == COPSE_KEYS_TUPLE)
    tuple_prefix(r);
  return status;
}

void key_range_free(struct key_range *r) {
  text_free(&r->from);
  text_free(&r->to);
  text_free(&r->prefix);
}
