/* record/projection.c - reading some fields of stored records into a struct of one's own.
 *
 * Opening works the fields out once into a list of steps: copy these bytes from there to here,
 * or zero them (pad fields of the wanted struct: it may be stored again, and what lay in the
 * memory must not go with it). Steps that meet in both structs are joined, so that a run of
 * fields in the same order is one copy.
 *
 * Invariant: every step lies within both records, which record_layout_check() vouches for;
 * reading therefore needs no checks and cannot fail. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "record/layout.h"

#define STEP_ZERO UINT32_MAX

struct step {
  uint32_t from; /* offset in the stored record, or STEP_ZERO */
  uint32_t to;   /* offset in the wanted struct */
  uint32_t size;
};

struct copse_projection {
  uint32_t count;
  struct step steps[];
};

/* Fields of wanted come by rising offset without gaps, so that `to` always meets. */
static void add_step(struct copse_projection *projection, struct step step) {
  if (projection->count > 0) {
    struct step *last = &projection->steps[projection->count - 1];
    bool joins = step.from == STEP_ZERO || last->from == STEP_ZERO
                     ? step.from == last->from
                     : step.from == last->from + last->size;
    if (joins) {
      last->size += step.size;
      return;
    }
  }
  projection->steps[projection->count++] = step;
}

static int find_step(const struct copse_layout *stored, const struct copse_field *field,
                     struct step *step) {
  *step =
      (struct step){STEP_ZERO, field->offset, field->count * copse_field_kind_size(field->kind)};
  if (field->kind == COPSE_FIELD_pad)
    return 0;
  const struct copse_field *source = record_layout_find(stored, field->name);
  if (source == NULL)
    return error_set(COPSE_E_LAYOUT, "record '%s' has no field '%s' in the store", stored->name,
                     field->name);
  if (source->kind != field->kind || source->count != field->count)
    return error_set(COPSE_E_LAYOUT,
                     "record '%s', field '%s': it is %s[%u] in the store, %s[%u] in the program",
                     stored->name, field->name, copse_field_kind_name(source->kind), source->count,
                     copse_field_kind_name(field->kind), field->count);
  step->from = source->offset;
  return 0;
}

int copse_projection_open(const struct copse_layout *stored, const struct copse_layout *wanted,
                          struct copse_projection **out) {
  int result = record_layout_check(stored, COPSE_E_ARGUMENT);
  if (result == 0)
    result = record_layout_check(wanted, COPSE_E_ARGUMENT);
  if (result != 0)
    return result;
  struct copse_projection *projection =
      malloc(sizeof *projection + wanted->field_count * sizeof(struct step));
  if (projection == NULL)
    return error_set(COPSE_E_MEMORY, "no memory for a projection of %u fields",
                     wanted->field_count);
  projection->count = 0;
  for (uint32_t i = 0; i < wanted->field_count; i++) {
    struct step step;
    result = find_step(stored, &wanted->fields[i], &step);
    if (result != 0) {
      free(projection);
      return result;
    }
    add_step(projection, step);
  }
  *out = projection;
  return 0;
}

void copse_projection_read(const struct copse_projection *projection, const void *stored_record,
                           void *record) {
  const char *from = stored_record;
  char *to = record;
  for (uint32_t i = 0; i < projection->count; i++) {
    const struct step *step = &projection->steps[i];
    if (step->from == STEP_ZERO)
      memset(to + step->to, 0, step->size);
    else if (step->size == 8) /* by far the commonest size: no call */
      memcpy(to + step->to, from + step->from, 8);
    else
      memcpy(to + step->to, from + step->from, step->size);
  }
}

void copse_projection_close(struct copse_projection *projection) { free(projection); }
