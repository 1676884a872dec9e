/* record/encode.c - layouts as they are kept in the store, and their hash.
 *
 *     offset  size
 *          0     1  version of this form: 1
 *          1     1  n: bytes of the record's name
 *          2     n  the record's name, UTF-8, without NUL
 *        2+n     2  bytes in a record, little-endian
 *        4+n     2  number of fields, little-endian
 *        6+n        the fields, one after the other:
 *                      0  1  kind (enum copse_field_kind)
 *                      1  2  count, little-endian
 *                      3  1  m: bytes of the field's name
 *                      4  m  the field's name, UTF-8, without NUL
 *
 * Nothing follows. Offsets are not kept: fields lie without gaps, so each offset is the sum
 * of the sizes before it. At most 68,677 bytes.
 *
 * The hash tells whether two programs mean the same bytes, so it leaves out what does not
 * matter for that: the record's name and the names of pad fields. With H = base_hash64 (FNV-1a):
 *
 *     h = H(version, record size, number of fields: 1 + 2 + 2 bytes as above)
 *     h = H(h as 8 bytes little-endian, the field as above; m = 0 for a pad field)   per field
 *     0 becomes 1, since 0 stands for "no layout"
 *
 * Chained, since a whole layout is too much for the stack of a small thread and completing one
 * must not fail for want of memory. Stores keep hashes: a change of any of this is a new version
 * of the form.
 *
 * Decoding trusts nothing: sizes are checked before each read, and the result has to pass
 * record_layout_check() like a layout from anywhere else. */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "record/layout.h"

enum { FORM_VERSION = 1, HEAD_BYTES = 6, FIELD_BYTES = 4 };

_Static_assert(COPSE_LAYOUT_SIZE_MAX <= UINT16_MAX, "sizes and counts have 16 bits");
_Static_assert(COPSE_LAYOUT_FIELDS_MAX <= UINT16_MAX, "so has the number of fields");
_Static_assert(COPSE_FIELD_NAME_MAX <= UINT8_MAX, "and name lengths have 8");

/* --- writing --------------------------------------------------------------------------- */

static uint8_t *put_u16(uint8_t *p, uint32_t x) {
  p[0] = (uint8_t)x;
  p[1] = (uint8_t)(x >> 8);
  return p + 2;
}

static uint8_t *put_name(uint8_t *p, const char *name) {
  size_t size = strlen(name);
  *p++ = (uint8_t)size;
  memcpy(p, name, size);
  return p + size;
}

static uint8_t *put_field(uint8_t *p, const struct copse_field *field, const char *name) {
  *p++ = (uint8_t)field->kind;
  p = put_u16(p, field->count);
  return put_name(p, name);
}

int record_layout_encode(const struct copse_layout *layout, void *buffer, size_t size,
                         size_t *needed) {
  int result = record_layout_check(layout, COPSE_E_ARGUMENT);
  if (result != 0)
    return result;
  size_t total = HEAD_BYTES + strlen(layout->name);
  for (uint32_t i = 0; i < layout->field_count; i++)
    total += FIELD_BYTES + strlen(layout->fields[i].name);
  *needed = total;
  if (total > size)
    return 0;
  uint8_t *p = buffer;
  *p++ = FORM_VERSION;
  p = put_name(p, layout->name);
  p = put_u16(p, layout->size);
  p = put_u16(p, layout->field_count);
  for (uint32_t i = 0; i < layout->field_count; i++)
    p = put_field(p, &layout->fields[i], layout->fields[i].name);
  return 0;
}

uint64_t record_layout_hash(const struct copse_layout *layout) {
  uint8_t buffer[8 + FIELD_BYTES + COPSE_FIELD_NAME_MAX];
  buffer[0] = FORM_VERSION;
  put_u16(put_u16(buffer + 1, layout->size), layout->field_count);
  uint64_t hash = base_hash64(buffer, 5);
  for (uint32_t i = 0; i < layout->field_count; i++) {
    const struct copse_field *field = &layout->fields[i];
    for (int byte = 0; byte < 8; byte++)
      buffer[byte] = (uint8_t)(hash >> (8 * byte));
    const char *name = field->kind == COPSE_FIELD_pad ? "" : field->name;
    const uint8_t *end = put_field(buffer + 8, field, name);
    hash = base_hash64(buffer, (size_t)(end - buffer));
  }
  return hash != 0 ? hash : 1;
}

/* --- reading --------------------------------------------------------------------------- */

struct reader {
  const uint8_t *at, *end;
};

/* The next n bytes, or NULL if there are not so many. */
static const uint8_t *take(struct reader *reader, size_t n) {
  if ((size_t)(reader->end - reader->at) < n)
    return NULL;
  const uint8_t *p = reader->at;
  reader->at += n;
  return p;
}

static bool take_u8(struct reader *reader, uint32_t *x) {
  const uint8_t *p = take(reader, 1);
  if (p != NULL)
    *x = p[0];
  return p != NULL;
}

static bool take_u16(struct reader *reader, uint32_t *x) {
  const uint8_t *p = take(reader, 2);
  if (p != NULL)
    *x = p[0] | (uint32_t)p[1] << 8;
  return p != NULL;
}

/* Copies a name with a final NUL to *names, which has room for it: see decode. A NUL inside
 * would cut it short, so that it is refused here; the rest is record_layout_check()'s. */
static bool take_name(struct reader *reader, char **names, const char **name) {
  uint32_t size;
  const uint8_t *p;
  if (!take_u8(reader, &size) || (p = take(reader, size)) == NULL)
    return false;
  memcpy(*names, p, size);
  (*names)[size] = 0;
  *name = *names;
  *names += size + 1;
  return strlen(*name) == size;
}

static bool take_field(struct reader *reader, char **names, struct copse_field *field) {
  return take_u8(reader, &field->kind) && take_u16(reader, &field->count) &&
         take_name(reader, names, &field->name);
}

static int decode_damaged(void) {
  return error_set(COPSE_E_CORRUPT, "a record layout in the store is damaged");
}

static int decode_fields(struct reader *reader, struct copse_layout *layout,
                         struct copse_field *fields, char *names) {
  uint32_t offset = 0;
  for (uint32_t i = 0; i < layout->field_count; i++) {
    struct copse_field *field = &fields[i];
    if (!take_field(reader, &names, field))
      return decode_damaged();
    field->offset = offset;
    /* At most 1024 * 65535 * 16, which 32 bits hold. */
    offset += field->count * copse_field_kind_size(field->kind);
  }
  if (reader->at != reader->end)
    return decode_damaged();
  int result = record_layout_check(layout, COPSE_E_CORRUPT);
  if (result == 0)
    layout->hash = record_layout_hash(layout);
  return result;
}

int record_layout_decode(const void *data, size_t size, struct copse_layout **out) {
  /* Nothing may be added to NULL, not even 0. */
  struct reader reader = {data, size > 0 ? (const uint8_t *)data + size : data};
  uint32_t version, record_size, field_count;
  char record_name[UINT8_MAX + 1], *end = record_name;
  const char *name;
  if (!take_u8(&reader, &version))
    return decode_damaged();
  if (version != FORM_VERSION)
    return error_set(COPSE_E_CORRUPT, "a record layout in the store has the unknown form %u",
                     version);
  if (!take_name(&reader, &end, &name) || !take_u16(&reader, &record_size) ||
      !take_u16(&reader, &field_count) || field_count > COPSE_LAYOUT_FIELDS_MAX)
    return decode_damaged();
  size_t rest = (size_t)(reader.end - reader.at);
  if (rest > field_count * (size_t)(FIELD_BYTES + COPSE_FIELD_NAME_MAX) ||
      rest < field_count * (size_t)FIELD_BYTES)
    return decode_damaged();
  struct copse_field *fields;
  char *names;
  /* Each name comes with a length byte, which makes room for its NUL. */
  size_t name_bytes = (size_t)(end - record_name) + rest;
  struct copse_layout *layout = record_layout_alloc(field_count, name_bytes, &fields, &names);
  if (layout == NULL)
    return error_set(COPSE_E_MEMORY, "no memory for a record layout of %u fields", field_count);
  memcpy(names, record_name, (size_t)(end - record_name));
  layout->name = names;
  layout->size = record_size;
  int result = decode_fields(&reader, layout, fields, names + (end - record_name));
  if (result != 0) {
    copse_layout_free(layout);
    return result;
  }
  *out = layout;
  return 0;
}
