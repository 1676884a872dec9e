/* cli/record.c - see record.h. */
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- writing ------------------------------------------------------------------------- */

/* The quiet NaN that programs make; another one carries bits that must not get lost. */
static const uint32_t plain_nan32 = 0x7fc00000;
static const uint64_t plain_nan64 = UINT64_C(0x7ff8000000000000);

static void write_f32(struct json_writer *w, const uint8_t *at) {
  float value;
  uint32_t bits;
  char special[16];

  memcpy(&value, at, sizeof value);
  memcpy(&bits, at, sizeof bits);
  if (!isnan(value) || bits == plain_nan32) {
    json_float(w, NULL, value);
    return;
  }
  snprintf(special, sizeof special, "nan:%08" PRIx32, bits);
  json_string(w, NULL, special);
}

static void write_f64(struct json_writer *w, const uint8_t *at) {
  double value;
  uint64_t bits;
  char special[24];

  memcpy(&value, at, sizeof value);
  memcpy(&bits, at, sizeof bits);
  if (!isnan(value) || bits == plain_nan64) {
    json_double(w, NULL, value);
    return;
  }
  snprintf(special, sizeof special, "nan:%016" PRIx64, bits);
  json_string(w, NULL, special);
}

static void write_element(struct json_writer *w, uint32_t kind, const uint8_t *at) {
  switch (kind) {
#define WRITE_INTEGER(KIND, TYPE, WRITE)                                                           \
  case COPSE_FIELD_##KIND: {                                                                       \
    TYPE value;                                                                                    \
    memcpy(&value, at, sizeof value);                                                              \
    WRITE(w, NULL, value);                                                                         \
    break;                                                                                         \
  }
    WRITE_INTEGER(u8, uint8_t, json_u64)
    WRITE_INTEGER(i8, int8_t, json_i64)
    WRITE_INTEGER(u16, uint16_t, json_u64)
    WRITE_INTEGER(i16, int16_t, json_i64)
    WRITE_INTEGER(u32, uint32_t, json_u64)
    WRITE_INTEGER(i32, int32_t, json_i64)
    WRITE_INTEGER(u64, uint64_t, json_u64)
    WRITE_INTEGER(i64, int64_t, json_i64)
#undef WRITE_INTEGER
  case COPSE_FIELD_f32: write_f32(w, at); break;
  case COPSE_FIELD_f64: write_f64(w, at); break;
  case COPSE_FIELD_c32:
    json_array(w, NULL);
    write_f32(w, at);
    write_f32(w, at + 4);
    json_array_end(w);
    break;
  case COPSE_FIELD_c64:
    json_array(w, NULL);
    write_f64(w, at);
    write_f64(w, at + 8);
    json_array_end(w);
    break;
  default: json_null(w, NULL); /* a kind of a later version of the format */
  }
}

static void write_text(struct json_writer *w, const char *name, const char *data, size_t size) {
  size_t length = strnlen(data, size);
  bool ends = true;

  for (size_t i = length; i < size; i++)
    ends = ends && data[i] == 0;
  if (ends && utf8_valid(data, length)) {
    json_bytes(w, name, data, length);
    return;
  }
  json_object(w, name);
  json_hex(w, "hex", data, size);
  json_object_end(w);
}

static void write_field(struct json_writer *w, const struct copse_field *f, const uint8_t *at) {
  uint32_t size = copse_field_kind_size(f->kind);

  if (f->kind == COPSE_FIELD_text) {
    write_text(w, f->name, (const char *)at, f->count);
  } else if (f->kind == COPSE_FIELD_bytes) {
    json_hex(w, f->name, at, f->count);
  } else if (f->count != 1) {
    json_array(w, f->name);
    for (uint32_t i = 0; i < f->count; i++)
      write_element(w, f->kind, at + (size_t)i * size);
    json_array_end(w);
  } else {
    json_name(w, f->name);
    write_element(w, f->kind, at);
  }
}

void record_write(struct json_writer *w, const char *name, const struct copse_layout *layout,
                  const void *record) {
  json_object(w, name);
  for (uint32_t i = 0; i < layout->field_count; i++) {
    const struct copse_field *f = &layout->fields[i];
    if (f->kind != COPSE_FIELD_pad)
      write_field(w, f, (const uint8_t *)record + f->offset);
  }
  json_object_end(w);
}

/* --- reading ------------------------------------------------------------------------- */

static bool read_integer(const struct json_value *v, bool is_signed, unsigned bits, uint64_t *value,
                         struct problem *p) {
  bool negative = v->kind == JSON_NUMBER && v->text[0] == '-';
  uint64_t most = UINT64_MAX >> (64 - bits + (is_signed ? 1 : 0));

  if (v->kind != JSON_NUMBER)
    return problem(p, "a whole number was expected, not %s", json_kind_name(v->kind));
  if (!parse_u64(v->text + negative, v->size - negative, value)) {
    if (memchr(v->text, '.', v->size) || memchr(v->text, 'e', v->size) ||
        memchr(v->text, 'E', v->size))
      return problem(p, "%.*s is not a whole number", (int)v->size, v->text);
    *value = UINT64_MAX;
    most = 0;
  }
  if (*value > most + (negative && is_signed) || (negative && !is_signed && *value != 0))
    return problem(p, "%.*s does not fit into %c%u", (int)v->size, v->text, is_signed ? 'i' : 'u',
                   bits);
  if (negative)
    *value = 0 - *value;
  return true;
}

/* The strings that stand for what JSON has no numbers for. bits: of the type, 32 or 64. */
static bool read_special(const struct json_value *v, unsigned bits, void *out, struct problem *p) {
  uint64_t pattern = 0;

  if (v->size == 3 && memcmp(v->text, "nan", 3) == 0) {
    pattern = bits == 32 ? plain_nan32 : plain_nan64;
  } else if (v->size == 3 && memcmp(v->text, "inf", 3) == 0) {
    pattern = bits == 32 ? 0x7f800000 : UINT64_C(0x7ff0000000000000);
  } else if (v->size == 4 && memcmp(v->text, "-inf", 4) == 0) {
    pattern = bits == 32 ? 0xff800000 : UINT64_C(0xfff0000000000000);
  } else if (v->size == 4 + bits / 4 && memcmp(v->text, "nan:", 4) == 0) {
    for (size_t i = 4; i < v->size; i++) {
      if (hex_digit(v->text[i]) < 0)
        return problem(p, "'%.*s' is not a number", (int)v->size, v->text);
      pattern = pattern << 4 | (uint64_t)hex_digit(v->text[i]);
    }
  } else {
    return problem(p, "a number was expected, or \"nan\", \"inf\", \"-inf\"");
  }
  memcpy(out, &pattern, bits / 8); /* little-endian, as the format is */
  return true;
}

static bool read_float(const struct json_value *v, unsigned bits, void *out, struct problem *p) {
  char digits[1100]; /* JSON sets no bound; a double's exact decimal form needs 1,075 */
  double f64;
  float f32;
  bool finite;

  if (v->kind == JSON_STRING)
    return read_special(v, bits, out, p);
  if (v->kind != JSON_NUMBER)
    return problem(p, "a number was expected, not %s", json_kind_name(v->kind));
  if (v->size >= sizeof digits)
    return problem(p, "a number of %zu digits", v->size);
  memcpy(digits, v->text, v->size);
  digits[v->size] = 0;
  /* Each type is read from the digits themselves: going through double would round twice. */
  if (bits == 32) {
    f32 = strtof(digits, NULL);
    finite = isfinite(f32);
    memcpy(out, &f32, sizeof f32);
  } else {
    f64 = strtod(digits, NULL);
    finite = isfinite(f64);
    memcpy(out, &f64, sizeof f64);
  }
  if (!finite)
    return problem(p, "%.40s does not fit into f%u", digits, bits);
  return true;
}

static bool read_complex(const struct json_value *v, unsigned bits, uint8_t *out,
                         struct problem *p) {
  const struct json_value *real = v->kind == JSON_ARRAY ? v->first : NULL;

  if (real == NULL || real->next == NULL || real->next->next != NULL)
    return problem(p, "[real, imaginary] was expected");
  return read_float(real, bits, out, p) && read_float(real->next, bits, out + bits / 8, p);
}

static bool read_element(const struct json_value *v, uint32_t kind, uint8_t *out,
                         struct problem *p) {
  unsigned bits = 8 * copse_field_kind_size(kind);
  uint64_t integer = 0;

  switch (kind) {
  case COPSE_FIELD_u8:
  case COPSE_FIELD_u16:
  case COPSE_FIELD_u32:
  case COPSE_FIELD_u64:
  case COPSE_FIELD_i8:
  case COPSE_FIELD_i16:
  case COPSE_FIELD_i32:
  case COPSE_FIELD_i64:
    if (!read_integer(v, kind % 2 == 0, bits, &integer, p))
      return false;
    memcpy(out, &integer, bits / 8);
    return true;
  case COPSE_FIELD_f32: return read_float(v, 32, out, p);
  case COPSE_FIELD_f64: return read_float(v, 64, out, p);
  case COPSE_FIELD_c32: return read_complex(v, 32, out, p);
  case COPSE_FIELD_c64: return read_complex(v, 64, out, p);
  default: return problem(p, "a kind of field that this version does not know");
  }
}
_Static_assert(COPSE_FIELD_u8 % 2 == 1 && COPSE_FIELD_i8 % 2 == 0 && COPSE_FIELD_u64 % 2 == 1 &&
                   COPSE_FIELD_i64 % 2 == 0,
               "signed kinds have even codes");

static bool read_hex(const struct json_value *v, uint32_t count, void *out, struct problem *p) {
  struct text bytes = {0};
  bool good;

  if (v == NULL || v->kind != JSON_STRING)
    return problem(p, "a string of %u hexadecimal digits was expected", 2 * count);
  good = text_unhex(&bytes, v->text, v->size, p);
  if (good && bytes.size != count)
    good = problem(p, "%zu bytes where the layout has %u", bytes.size, count);
  if (good)
    memcpy(out, bytes.data, bytes.size);
  text_free(&bytes);
  return good;
}

static bool read_text(const struct json_value *v, uint32_t count, void *out, struct problem *p) {
  if (v->kind == JSON_OBJECT)
    return read_hex(json_member(v, "hex"), count, out, p);
  if (v->kind != JSON_STRING)
    return problem(p, "a string was expected, not %s", json_kind_name(v->kind));
  if (v->size > count)
    return problem(p, "%zu bytes where the layout has room for %u", v->size, count);
  if (v->size != 0 && memchr(v->text, 0, v->size) != NULL)
    return problem(p, "text ends at the first NUL, so it cannot hold one");
  memcpy(out, v->text, v->size);
  return true;
}

static bool read_array(const struct json_value *v, const struct copse_field *f, uint8_t *out,
                       struct problem *p) {
  uint32_t size = copse_field_kind_size(f->kind), count = 0;

  if (v->kind != JSON_ARRAY)
    return problem(p, "an array of %u was expected, not %s", f->count, json_kind_name(v->kind));
  for (const struct json_value *e = v->first; e != NULL; e = e->next, count++) {
    if (count < f->count && !read_element(e, f->kind, out + (size_t)count * size, p))
      return false;
  }
  if (count != f->count)
    return problem(p, "%u elements where the layout has %u", count, f->count);
  return true;
}

bool record_read_field(const struct json_value *value, const struct copse_field *f, void *record,
                       struct problem *p) {
  uint8_t *out = (uint8_t *)record + f->offset;
  struct problem inner;
  bool good;

  memset(out, 0, (size_t)f->count * copse_field_kind_size(f->kind));
  if (f->kind == COPSE_FIELD_text)
    good = read_text(value, f->count, out, &inner);
  else if (f->kind == COPSE_FIELD_bytes)
    good = read_hex(value, f->count, out, &inner);
  else if (f->count != 1)
    good = read_array(value, f, out, &inner);
  else
    good = read_element(value, f->kind, out, &inner);
  return good || problem(p, "field %s: %.180s", f->name, inner.text);
}

const struct copse_field *record_field(const struct copse_layout *layout, const char *name,
                                       size_t name_size) {
  for (uint32_t i = 0; i < layout->field_count; i++) {
    const struct copse_field *f = &layout->fields[i];
    if (strlen(f->name) == name_size && memcmp(f->name, name, name_size) == 0)
      return f;
  }
  return NULL;
}

bool record_read(const struct json_value *object, const struct copse_layout *layout, void *record,
                 struct problem *p) {
  uint8_t seen[COPSE_LAYOUT_FIELDS_MAX] = {0};

  if (object->kind != JSON_OBJECT)
    return problem(p, "the map holds records: an object such as {\"%s\": ...} was expected, not %s",
                   layout->fields[0].name, json_kind_name(object->kind));
  memset(record, 0, layout->size);
  for (const struct json_value *m = object->first; m != NULL; m = m->next) {
    const struct copse_field *f = record_field(layout, m->name, m->name_size);
    if (f == NULL || f->kind == COPSE_FIELD_pad)
      return problem(p, "%s has no field '%.*s'", layout->name,
                     (int)(m->name_size < 64 ? m->name_size : 64), m->name);
    if (seen[f - layout->fields]++)
      return problem(p, "field %s is given twice", f->name);
    if (!record_read_field(m, f, record, p))
      return false;
  }
  for (uint32_t i = 0; i < layout->field_count; i++)
    if (!seen[i] && layout->fields[i].kind != COPSE_FIELD_pad)
      return problem(p, "field %s is missing", layout->fields[i].name);
  return true;
}
