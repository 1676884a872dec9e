/* record/layout.c - layouts in memory: checking, completing, freeing.
 *
 * Invariant of a checked layout: walking the fields adds up sizes to exactly each next offset
 * and finally to the record's size, all within the limits of copse/record.h. The other files
 * of this folder rely on it. */
#include "record/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int check_head(const struct copse_layout *layout, int code) {
  if (layout == NULL || layout->name == NULL || layout->fields == NULL)
    return error_set(code, "a record layout, its name or its fields are NULL");
  if (!record_name_valid(layout->name, strnlen(layout->name, COPSE_FIELD_NAME_MAX + 1), false))
    return error_set(code, "a record's name must be an identifier of at most %d bytes",
                     COPSE_FIELD_NAME_MAX);
  if (layout->size == 0 || layout->size > COPSE_LAYOUT_SIZE_MAX)
    return error_set(code, "record '%s' has %u bytes; it must have 1 to %d", layout->name,
                     layout->size, COPSE_LAYOUT_SIZE_MAX);
  if (layout->field_count == 0 || layout->field_count > COPSE_LAYOUT_FIELDS_MAX)
    return error_set(code, "record '%s' has %u fields; it must have 1 to %d", layout->name,
                     layout->field_count, COPSE_LAYOUT_FIELDS_MAX);
  return 0;
}

/* described: the bytes that the fields before this one take. */
static int check_field(const struct copse_layout *layout, uint32_t index, uint32_t described,
                       int code) {
  const struct copse_field *field = &layout->fields[index];
  const char *record = layout->name;
  if (field->name == NULL ||
      !record_name_valid(field->name, strnlen(field->name, COPSE_FIELD_NAME_MAX + 1), true))
    return error_set(code,
                     "record '%s', field number %u: its name must be an identifier of at most %d "
                     "bytes",
                     record, index + 1, COPSE_FIELD_NAME_MAX);
  uint32_t size = copse_field_kind_size(field->kind);
  if (size == 0)
    return error_set(code, "record '%s', field '%s': there is no kind %u", record, field->name,
                     field->kind);
  if (field->count == 0 || field->count > COPSE_LAYOUT_SIZE_MAX / size)
    return error_set(code, "record '%s', field '%s': its count is %u; it must be 1 to %u", record,
                     field->name, field->count, COPSE_LAYOUT_SIZE_MAX / size);
  if (field->offset > described)
    return error_set(code,
                     "record '%s' has %u bytes that no field describes before field '%s': add a "
                     "pad field",
                     record, field->offset - described, field->name);
  if (field->offset < described)
    return error_set(code, "record '%s', field '%s': it overlaps the field before it", record,
                     field->name);
  if (field->count * size > layout->size - described)
    return error_set(code, "record '%s', field '%s': it goes beyond the record's %u bytes", record,
                     field->name, layout->size);
  for (uint32_t i = 0; i < index; i++)
    if (strcmp(layout->fields[i].name, field->name) == 0)
      return error_set(code, "record '%s' has two fields '%s'", record, field->name);
  return 0;
}

int record_layout_check(const struct copse_layout *layout, int code) {
  int result = check_head(layout, code);
  if (result != 0)
    return result;
  uint32_t described = 0;
  for (uint32_t i = 0; i < layout->field_count; i++) {
    result = check_field(layout, i, described, code);
    if (result != 0)
      return result;
    described += layout->fields[i].count * copse_field_kind_size(layout->fields[i].kind);
  }
  if (described != layout->size)
    return error_set(code,
                     "record '%s' has %u bytes that no field describes at its end: add a pad field",
                     layout->name, layout->size - described);
  return 0;
}

int copse_layout_init(struct copse_layout *layout) {
  int result = record_layout_check(layout, COPSE_E_ARGUMENT);
  if (result != 0)
    return result;
  /* Several threads may complete a static layout at once: the first one writes, and nobody writes
   * again over what another thread may be reading. A layout that was changed is completed anew.
   * pairs: layout-hash (the acquiring load in COPSE_RECORD) */
  uint64_t hash = record_layout_hash(layout), seen;
  /* pairs: layout-hash */
  while ((seen = __atomic_load_n(&layout->hash, __ATOMIC_ACQUIRE)) != hash)
    /* pairs: layout-hash */
    __atomic_compare_exchange_n(&layout->hash, &seen, hash, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return 0;
}

struct copse_layout *record_layout_alloc(uint32_t field_count, size_t name_bytes,
                                         struct copse_field **fields, char **names) {
  size_t field_bytes = field_count * sizeof(struct copse_field);
  struct copse_layout *layout = malloc(sizeof *layout + field_bytes + name_bytes);
  if (layout == NULL)
    return NULL;
  *fields = (struct copse_field *)(layout + 1);
  *names = (char *)*fields + field_bytes;
  *layout = (struct copse_layout){.field_count = field_count, .fields = *fields};
  return layout;
}

void copse_layout_free(struct copse_layout *layout) {
  free(layout); /* one block: see record_layout_alloc() */
}

const struct copse_field *record_layout_find(const struct copse_layout *layout, const char *name) {
  for (uint32_t i = 0; i < layout->field_count; i++)
    if (strcmp(layout->fields[i].name, name) == 0)
      return &layout->fields[i];
  return NULL;
}
