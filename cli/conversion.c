/* cli/conversion.c - see conversion.h. */
#include "conversion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- kinds --------------------------------------------------------------------------- */

enum class { UNSIGNED, SIGNED, FLOAT, COMPLEX, OTHER };

struct kind_facts {
  enum class class;
  unsigned bits; /* of one number */
};

static struct kind_facts facts_of(uint32_t kind) {
  unsigned bits = 8 * copse_field_kind_size(kind);

  switch (kind) {
  case COPSE_FIELD_u8:
  case COPSE_FIELD_u16:
  case COPSE_FIELD_u32:
  case COPSE_FIELD_u64: return (struct kind_facts){UNSIGNED, bits};
  case COPSE_FIELD_i8:
  case COPSE_FIELD_i16:
  case COPSE_FIELD_i32:
  case COPSE_FIELD_i64: return (struct kind_facts){SIGNED, bits};
  case COPSE_FIELD_f32:
  case COPSE_FIELD_f64: return (struct kind_facts){FLOAT, bits};
  case COPSE_FIELD_c32:
  case COPSE_FIELD_c64: return (struct kind_facts){COMPLEX, bits / 2};
  default: return (struct kind_facts){OTHER, bits};
  }
}

/* Whether each value of one kind is a value of the other. */
static bool widens(uint32_t from, uint32_t to) {
  struct kind_facts a = facts_of(from), b = facts_of(to);
  unsigned mantissa = b.bits == 32 ? 24 : 53;

  if (from == to)
    return true;
  if (a.class == OTHER || b.class == OTHER)
    return false;
  if (a.class == b.class)
    return a.bits < b.bits;
  if (a.class == UNSIGNED && b.class == SIGNED)
    return a.bits < b.bits;
  return (a.class == UNSIGNED || a.class == SIGNED) && b.class == FLOAT && a.bits <= mantissa;
}

static bool convertible(const struct copse_field *from, const struct copse_field *to) {
  if (from->kind == COPSE_FIELD_text && to->kind == COPSE_FIELD_text)
    return from->count <= to->count;
  return from->count == to->count && widens(from->kind, to->kind);
}

static void convert_number(struct kind_facts from, struct kind_facts to, const uint8_t *in,
                           uint8_t *out) {
  int64_t integer = 0;
  double number;
  float small;

  if (from.class == UNSIGNED || from.class == SIGNED) {
    memcpy(&integer, in, from.bits / 8); /* little-endian, as the format is */
    if (from.class == SIGNED && from.bits < 64 && (integer >> (from.bits - 1) & 1))
      integer -= INT64_C(1) << from.bits;
    if (to.class == UNSIGNED || to.class == SIGNED) {
      memcpy(out, &integer, to.bits / 8);
      return;
    }
    number = (double)integer; /* at most 32 bits wide: exact */
  } else {
    memcpy(&small, in, sizeof small);
    number = (double)small;
  }
  if (to.bits == 32) {
    small = (float)number;
    memcpy(out, &small, sizeof small);
  } else {
    memcpy(out, &number, sizeof number);
  }
}

static void convert_field(const struct copse_field *from, const struct copse_field *to,
                          const uint8_t *in, uint8_t *out) {
  struct kind_facts a = facts_of(from->kind), b = facts_of(to->kind);
  uint32_t numbers = a.class == COMPLEX ? 2 * from->count : from->count;

  if (from->kind == to->kind) {
    memcpy(out, in, (size_t)from->count * copse_field_kind_size(from->kind));
    return;
  }
  for (uint32_t i = 0; i < numbers; i++)
    convert_number(a, b, in + (size_t)i * a.bits / 8, out + (size_t)i * b.bits / 8);
}

/* --- planning ------------------------------------------------------------------------ */

static int set_default(struct conversion *c, const char *given) {
  size_t name_size = strcspn(given, "=");
  const struct copse_field *field = record_field(c->to, given, name_size);
  const char *value = given + name_size + 1;
  struct json_document document = {0};
  const struct json_value *json;
  struct json_value plain = {.kind = JSON_STRING};
  struct problem p, ignored;
  struct field_step *step;
  bool good;

  if (given[name_size] == 0)
    return fail_usage("--default takes FIELD=VALUE, not '%s'", given);
  if (field == NULL || field->kind == COPSE_FIELD_pad)
    return fail_usage("--default: the new layout has no field '%.*s'", (int)name_size, given);
  step = &c->steps[field - c->to->fields];
  if (step->from != NULL)
    return fail_usage("--default %s: the field has values already, and they are kept", field->name);
  plain.text = value;
  plain.size = strlen(value);
  good = json_read(&document, value, plain.size, &json, &p) &&
         record_read_field(json, field, c->initial, &p);
  /* So that text, digits of bytes and nan need no quotes inside of the shell's. */
  good = good || record_read_field(&plain, field, c->initial, &ignored);
  json_document_free(&document);
  if (!good)
    return fail_with(STATUS_USAGE, "--default %s: %s", field->name, p.text);
  step->has_default = true;
  return STATUS_OK;
}

/* The stored field that is to be known by a new name; NULL if there is none. */
static const struct copse_field *source_of(const struct conversion *c, const char *name,
                                           const struct option_list *renames) {
  for (size_t i = 0; i < renames->count; i++) {
    size_t size = strcspn(renames->values[i], "=");
    if (strcmp(renames->values[i] + size + 1, name) == 0)
      return record_field(c->from, renames->values[i], size);
    if (strlen(name) == size && memcmp(renames->values[i], name, size) == 0)
      return NULL; /* its values go to another field now */
  }
  return record_field(c->from, name, strlen(name));
}

static int check_renames(const struct conversion *c, const struct option_list *renames) {
  for (size_t i = 0; i < renames->count; i++) {
    const char *given = renames->values[i];
    size_t size = strcspn(given, "=");
    if (given[size] == 0 || c->from == NULL || record_field(c->from, given, size) == NULL ||
        record_field(c->to, given + size + 1, strlen(given + size + 1)) == NULL)
      return fail_usage("--rename takes OLD=NEW, fields of the stored and of the new layout, not "
                        "'%s'",
                        given);
  }
  return STATUS_OK;
}

static void describe_kind(const struct copse_field *f, char *out, size_t size) {
  if (f->count == 1)
    snprintf(out, size, "%s", copse_field_kind_name(f->kind));
  else
    snprintf(out, size, "%s[%u]", copse_field_kind_name(f->kind), f->count);
}

int conversion_plan(struct conversion *c, const struct copse_layout *from,
                    const struct copse_layout *to, const struct option_list *defaults,
                    const struct option_list *renames) {
  int status;

  *c = (struct conversion){.from = from, .to = to};
  c->steps = allocate(to->field_count * sizeof *c->steps);
  c->initial = allocate(to->size);
  status = check_renames(c, renames);
  for (uint32_t i = 0; i < to->field_count && status == STATUS_OK; i++) {
    const struct copse_field *field = &to->fields[i];
    const struct copse_field *source =
        from != NULL && field->kind != COPSE_FIELD_pad ? source_of(c, field->name, renames) : NULL;
    c->steps[i].to = field;
    if (source != NULL && source->kind != COPSE_FIELD_pad && convertible(source, field))
      c->steps[i].from = source;
  }
  for (size_t i = 0; i < defaults->count && status == STATUS_OK; i++)
    status = set_default(c, defaults->values[i]);
  for (uint32_t i = 0; i < to->field_count && from != NULL && status == STATUS_OK; i++) {
    const struct copse_field *field = &to->fields[i];
    const struct copse_field *source = source_of(c, field->name, renames);
    char old_kind[48], new_kind[48];
    if (field->kind == COPSE_FIELD_pad || source == NULL || source->kind == COPSE_FIELD_pad ||
        c->steps[i].from != NULL || c->steps[i].has_default)
      continue;
    describe_kind(source, old_kind, sizeof old_kind);
    describe_kind(field, new_kind, sizeof new_kind);
    status = fail_usage("field %s: %s cannot become %s without losing values; --default %s=VALUE "
                        "gives up what is stored",
                        field->name, old_kind, new_kind, field->name);
  }
  return status;
}

void conversion_free(struct conversion *c) {
  free(c->steps);
  free(c->initial);
  *c = (struct conversion){0};
}

void conversion_apply(const struct conversion *c, const void *in, void *out) {
  if (c->from == NULL) {
    memcpy(out, in, c->to->size);
    return;
  }
  memcpy(out, c->initial, c->to->size);
  for (uint32_t i = 0; i < c->to->field_count; i++) {
    const struct field_step *step = &c->steps[i];
    if (step->from != NULL)
      convert_field(step->from, step->to, (const uint8_t *)in + step->from->offset,
                    (uint8_t *)out + step->to->offset);
  }
}

/* --- telling ------------------------------------------------------------------------- */

static const char *what_happens(const struct field_step *step) {
  if (step->from == NULL)
    return step->has_default ? "default" : "zero";
  return step->from->kind == step->to->kind && step->from->count == step->to->count ? "kept"
                                                                                    : "widened";
}

static bool is_used(const struct conversion *c, const struct copse_field *stored) {
  for (uint32_t i = 0; i < c->to->field_count; i++)
    if (c->steps[i].from == stored)
      return true;
  return false;
}

void conversion_describe(const struct conversion *c, struct text *out) {
  for (uint32_t i = 0; c->from != NULL && i < c->to->field_count; i++) {
    const struct field_step *step = &c->steps[i];
    if (step->to->kind == COPSE_FIELD_pad)
      continue;
    text_printf(out, "  %-24s %s", step->to->name, what_happens(step));
    if (step->from != NULL && strcmp(step->from->name, step->to->name) != 0)
      text_printf(out, ", from %s", step->from->name);
    text_byte(out, '\n');
  }
  for (uint32_t i = 0; c->from != NULL && i < c->from->field_count; i++)
    if (c->from->fields[i].kind != COPSE_FIELD_pad && !is_used(c, &c->from->fields[i]))
      text_printf(out, "  %-24s dropped\n", c->from->fields[i].name);
}

void conversion_to_json(const struct conversion *c, struct json_writer *w) {
  json_array(w, "fields");
  for (uint32_t i = 0; c->from != NULL && i < c->to->field_count; i++) {
    const struct field_step *step = &c->steps[i];
    if (step->to->kind == COPSE_FIELD_pad)
      continue;
    json_object(w, NULL);
    json_string(w, "field", step->to->name);
    json_string(w, "how", what_happens(step));
    if (step->from != NULL)
      json_string(w, "from", step->from->name);
    json_object_end(w);
  }
  json_array_end(w);
  json_array(w, "dropped");
  for (uint32_t i = 0; c->from != NULL && i < c->from->field_count; i++)
    if (c->from->fields[i].kind != COPSE_FIELD_pad && !is_used(c, &c->from->fields[i]))
      json_string(w, NULL, c->from->fields[i].name);
  json_array_end(w);
}
