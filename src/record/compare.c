/* record/compare.c - whether two layouts mean the same bytes, and if not, where they part.
 *
 * Two layouts are equal when the same fields (name, kind, count) lie at the same offsets in
 * records of the same size. The record's name and the names of pad fields do not count: the
 * hash leaves out the same things (encode.c), so that both always agree.
 *
 * Walking both from the start finds the first difference. When the names there differ, a name
 * that the other side lacks was added or removed; if both have both, one has moved. */
#include <string.h>

#include "base/error.h"
#include "record/layout.h"

static bool is_pad(const struct copse_field *field) { return field->kind == COPSE_FIELD_pad; }

static int field_missing(const struct copse_layout *stored, const struct copse_field *field) {
  return error_set(COPSE_E_LAYOUT,
                   "record '%s', field '%s' (%s[%u] at offset %u): the program has it, the stored "
                   "layout has not",
                   stored->name, field->name, copse_field_kind_name(field->kind), field->count,
                   field->offset);
}

static int field_extra(const struct copse_layout *stored, const struct copse_field *field) {
  return error_set(COPSE_E_LAYOUT,
                   "record '%s', field '%s' (%s[%u] at offset %u): the stored layout has it, the "
                   "program has not",
                   stored->name, field->name, copse_field_kind_name(field->kind), field->count,
                   field->offset);
}

static int field_moved(const struct copse_layout *stored, const char *name, uint32_t there,
                       uint32_t here) {
  return error_set(COPSE_E_LAYOUT,
                   "record '%s', field '%s': at offset %u in the store, at offset %u in the "
                   "program",
                   stored->name, name, there, here);
}

/* Two fields of one name (or two pads) at the same place in the list. */
static int compare_fields(const struct copse_layout *stored, const struct copse_field *a,
                          const struct copse_field *b) {
  if (a->kind != b->kind)
    return error_set(
        COPSE_E_LAYOUT, "record '%s', field '%s': its kind is %s in the store, %s in the program",
        stored->name, a->name, copse_field_kind_name(a->kind), copse_field_kind_name(b->kind));
  if (a->count != b->count)
    return error_set(COPSE_E_LAYOUT,
                     "record '%s', field '%s': its count is %u in the store, %u in the program",
                     stored->name, a->name, a->count, b->count);
  if (a->offset != b->offset)
    return field_moved(stored, a->name, a->offset, b->offset);
  return 0;
}

/* a of the stored and b of the expected layout stand at the same place under other names. */
static int names_differ(const struct copse_layout *stored, const struct copse_layout *expected,
                        const struct copse_field *a, const struct copse_field *b) {
  const struct copse_field *b_stored = is_pad(b) ? NULL : record_layout_find(stored, b->name);
  const struct copse_field *a_expected = is_pad(a) ? NULL : record_layout_find(expected, a->name);
  if (!is_pad(b) && b_stored == NULL)
    return field_missing(stored, b);
  if (!is_pad(a) && a_expected == NULL)
    return field_extra(stored, a);
  return b_stored != NULL ? field_moved(stored, b->name, b_stored->offset, b->offset)
                          : field_moved(stored, a->name, a->offset, a_expected->offset);
}

int copse_layout_compare(const struct copse_layout *stored, const struct copse_layout *expected) {
  for (uint32_t i = 0; i < stored->field_count && i < expected->field_count; i++) {
    const struct copse_field *a = &stored->fields[i], *b = &expected->fields[i];
    bool same = (is_pad(a) && is_pad(b)) || strcmp(a->name, b->name) == 0;
    int result = same ? compare_fields(stored, a, b) : names_differ(stored, expected, a, b);
    if (result != 0)
      return result;
  }
  if (stored->field_count > expected->field_count)
    return field_extra(stored, &stored->fields[expected->field_count]);
  if (stored->field_count < expected->field_count)
    return field_missing(stored, &expected->fields[stored->field_count]);
  if (stored->size != expected->size)
    return error_set(COPSE_E_LAYOUT, "record '%s': it has %u bytes in the store, %u in the program",
                     stored->name, stored->size, expected->size);
  return 0;
}
