/* cli/npy.c - see npy.h. */
#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"

/* numpy's letter and size for each kind of number. */
static const struct {
  uint32_t kind;
  char letter;
  char size[3];
} types[] = {
    {COPSE_FIELD_u8, 'u', "1"},  {COPSE_FIELD_i8, 'i', "1"},  {COPSE_FIELD_u16, 'u', "2"},
    {COPSE_FIELD_i16, 'i', "2"}, {COPSE_FIELD_u32, 'u', "4"}, {COPSE_FIELD_i32, 'i', "4"},
    {COPSE_FIELD_u64, 'u', "8"}, {COPSE_FIELD_i64, 'i', "8"}, {COPSE_FIELD_f32, 'f', "4"},
    {COPSE_FIELD_f64, 'f', "8"}, {COPSE_FIELD_c32, 'c', "8"}, {COPSE_FIELD_c64, 'c', "16"},
    {COPSE_FIELD_u8, 'b', "1"},
};
enum { TYPES = sizeof types / sizeof *types };

/* --- heads of files ------------------------------------------------------------------ */

static void add_type(struct text *out, uint32_t kind, uint32_t count) {
  for (int i = 0; i < TYPES; i++) {
    if (types[i].kind == kind) {
      text_printf(out, "%c%c%s", copse_field_kind_size(kind) == 1 ? '|' : '<', types[i].letter,
                  types[i].size);
      return;
    }
  }
  text_printf(out, "|%c%" PRIu32, kind == COPSE_FIELD_text ? 'S' : 'V', count);
}

static bool is_number(uint32_t kind) {
  return kind != COPSE_FIELD_text && kind != COPSE_FIELD_bytes && kind != COPSE_FIELD_pad;
}

/* The dimensions that the name "array_2x2" tells, if they make up count numbers. */
static bool name_shape(const char *name, uint32_t count, struct text *out) {
  uint64_t numbers = 1;
  size_t begun = out->size;

  if (strncmp(name, "array_", 6) != 0)
    return false;
  for (name += 6;; name++) {
    uint64_t dimension;
    size_t digits = strspn(name, "0123456789");
    if (!parse_u64(name, digits, &dimension) || dimension > count)
      break;
    numbers *= dimension;
    text_printf(out, "%" PRIu64 ", ", dimension);
    name += digits;
    if (*name == 0 && numbers == count)
      return true;
    if (*name != 'x' || numbers > count)
      break;
  }
  out->size = begun;
  return false;
}

static void add_fields(struct text *out, const struct copse_layout *layout) {
  text_byte(out, '[');
  for (uint32_t i = 0; i < layout->field_count; i++) {
    const struct copse_field *f = &layout->fields[i];
    text_printf(out, "%s('%s', '", i != 0 ? ", " : "", f->kind != COPSE_FIELD_pad ? f->name : "");
    add_type(out, f->kind, f->count);
    text_byte(out, '\'');
    if (is_number(f->kind) && f->count != 1)
      text_printf(out, ", (%" PRIu32 ",)", f->count);
    text_byte(out, ')');
  }
  text_byte(out, ']');
}

/* The type of a record, quoted if it has no fields, and the dimensions that it adds to those of the file. */
static void describe(const struct shape *shape, struct text *type, struct text *dimensions) {
  const struct copse_layout *layout = shape->layout;
  const struct copse_field *only = layout != NULL ? &layout->fields[0] : NULL;

  if (only != NULL &&
      (layout->field_count != 1 || strcmp(only->name, "value") != 0 || !is_number(only->kind) ||
       (only->count != 1 && !name_shape(layout->name, only->count, dimensions)))) {
    add_fields(type, layout);
    return;
  }
  text_byte(type, '\'');
  add_type(type, only != NULL ? only->kind : COPSE_FIELD_bytes, shape->value_size);
  text_byte(type, '\'');
}

void npy_head(struct text *out, const struct shape *shape, uint64_t count, struct text *what) {
  struct text head = {0}, type = {0}, dimensions = {0};
  size_t length, padding;
  bool plain = true;
  int version;

  text_room(&dimensions, 0)[0] = 0;
  describe(shape, &type, &dimensions);
  text_printf(&head, "{'descr': %s, 'fortran_order': False, 'shape': (%" PRIu64 ", %s), }",
              type.data, count, dimensions.size != 0 ? dimensions.data : "");
  for (size_t i = 0; i < head.size; i++)
    plain = plain && (unsigned char)head.data[i] < 0x80;
  version = !plain ? 3 : head.size + 80 > UINT16_MAX ? 2 : 1;
  length = head.size + 1 + (version == 1 ? 10 : 12);
  padding = (64 - length % 64) % 64;
  length = head.size + 1 + padding; /* little-endian, as the format is */
  text_printf(out, MAGIC "%c%c", version, 0);
  text_add(out, &length, version == 1 ? 2 : 4);
  text_add(out, head.data, head.size);
  while (padding-- > 0)
    text_byte(out, ' ');
  text_byte(out, '\n');
  text_printf(what, "(%" PRIu64 ", %s) %s", count, dimensions.data, type.data);
  text_free(&head);
  text_free(&type);
  text_free(&dimensions);
}

/* Behind 'NAME': and blanks; NULL if it is not there. */
static const char *head_value(const char *head, const char *name) {
  const char *at = strstr(head, name);

  if (at == NULL)
    return NULL;
  at += strlen(name);
  at += strspn(at, " ");
  if (*at != ':')
    return NULL;
  return at + 1 + strspn(at + 1, " ");
}

static bool read_type(struct array *array, const char *at, struct problem *p) {
  size_t size;

  if (at == NULL || *at != '\'')
    return problem(p, "%s",
                   at != NULL && *at == '[' ? "its elements are records; arrays of numbers "
                                              "can be imported"
                                            : "its head does not tell a type");
  size = strcspn(++at, "'");
  for (int i = 0; i < TYPES; i++) {
    if (size == 2 + strlen(types[i].size) && at[1] == types[i].letter &&
        strncmp(at + 2, types[i].size, size - 2) == 0) {
      array->kind = types[i].kind;
      if (*at == '>')
        return problem(p, "its numbers are big-endian; convert it with "
                          "a.astype(a.dtype.newbyteorder('<'))");
      return true;
    }
  }
  return problem(p,
                 "elements of type '%.*s'; integers, floats and complex numbers of up to 64 bits "
                 "can be imported",
                 (int)(size < 20 ? size : 20), at);
}

static bool read_shape(struct array *array, const char *at, struct problem *p) {
  array->dimensions = 0;
  array->size = copse_field_kind_size(array->kind);
  if (at == NULL || *at++ != '(')
    return problem(p, "its head does not tell a shape");
  for (;; at += strspn(at, " ,")) {
    size_t digits = strspn(at, "0123456789");
    uint64_t *dimension = &array->shape[array->dimensions];
    if (*at == ')')
      return true;
    if (array->dimensions == ARRAY_DIMENSIONS_MAX || !parse_u64(at, digits, dimension))
      return problem(p, "its head tells no shape");
    if (*dimension == 0)
      return problem(p, "an array without elements");
    if (*dimension > COPSE_RECORD_MAX / array->size)
      return problem(p, "an array of more than %d bytes, the most for a record", COPSE_RECORD_MAX);
    array->size *= *dimension;
    array->dimensions++;
    at += digits;
  }
}

/* From Fortran's order: the first index runs fastest there. */
static void transpose(struct array *array, struct text *numbers) {
  uint64_t at[ARRAY_DIMENSIONS_MAX] = {0};
  size_t element = copse_field_kind_size(array->kind);

  text_clear(numbers);
  while (numbers->size < array->size) {
    uint64_t from = 0, step = 1;
    for (uint32_t i = 0; i < array->dimensions; i++) {
      from += at[i] * step;
      step *= array->shape[i];
    }
    text_add(numbers, array->data + from * element, element);
    for (uint32_t i = array->dimensions; i-- > 0 && ++at[i] == array->shape[i];)
      at[i] = 0;
  }
  array->data = numbers->data;
}

bool array_from_npy(struct array *array, const struct text *content, struct text *numbers,
                    struct problem *p) {
  const unsigned char *bytes = (const unsigned char *)content->data;
  size_t begin, length;
  const char *order;
  struct text head = {0};
  bool good;

  if (content->size < 12 || memcmp(bytes, MAGIC, 6) != 0 || bytes[6] < 1 || bytes[6] > 3)
    return problem(p, "this is no .npy file");
  begin = bytes[6] == 1 ? 10 : 12;
  length = bytes[8] | (size_t)bytes[9] << 8;
  if (bytes[6] > 1)
    length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  if (length > content->size - begin)
    return problem(p, "the file is cut short");
  text_room(&head, 0)[0] = 0;
  text_add(&head, content->data + begin, length);
  order = head_value(head.data, "'fortran_order'");
  good = read_type(array, head_value(head.data, "'descr'"), p) &&
         read_shape(array, head_value(head.data, "'shape'"), p);
  if (good && content->size - begin - length != array->size)
    good = problem(p, "%zu bytes of numbers where the head tells %zu",
                   content->size - begin - length, array->size);
  if (good) {
    array->data = content->data + begin + length;
    if (order != NULL && *order == 'T')
      transpose(array, numbers);
  }
  text_free(&head);
  return good;
}

/* --- text ---------------------------------------------------------------------------- */

/* A number such as 1.5e+00 or (1.5e+00-2.0e+00j) at *at, which goes on behind it. */
static bool read_number(char **at, double parts[2], bool *is_complex) {
  bool bracket = **at == '(';
  char *begin = *at + bracket + (bracket ? strspn(*at + 1, " ") : 0), *end;

  parts[1] = 0;
  parts[0] = strtod(begin, &end);
  *is_complex = false;
  if (end == begin)
    return false;
  if (*end == 'j') {
    parts[1] = parts[0];
    parts[0] = 0;
    *is_complex = true;
  } else if (*end == '+' || *end == '-') {
    begin = end + (end[0] == '+' && end[1] == '-'); /* as older versions of numpy write it */
    parts[1] = strtod(begin, &end);
    *is_complex = true;
    if (end == begin || *end != 'j')
      return false;
  }
  end += *is_complex;
  if (bracket && *end++ != ')')
    return false;
  *at = end;
  return *end == 0 || strchr(" \t,;\r\n#", *end) != NULL;
}

/* The numbers of a line; count receives how many. */
static bool read_row(char *line, struct array *array, struct text *numbers, uint64_t *count,
                     struct problem *p) {
  double parts[2];
  bool is_complex;

  *count = 0;
  for (line += strspn(line, " \t,;\r"); *line != 0 && *line != '#';
       line += strspn(line, " \t,;\r")) {
    char *begin = line;
    if (!read_number(&line, parts, &is_complex))
      return problem(p, "'%.20s' is not a number", begin);
    if (array->kind == 0)
      array->kind = is_complex ? COPSE_FIELD_c64 : COPSE_FIELD_f64;
    if (is_complex != (array->kind == COPSE_FIELD_c64))
      return problem(p, "real and complex numbers in one array");
    text_add(numbers, parts, is_complex ? sizeof parts : sizeof parts[0]);
    *count += 1;
    if (numbers->size > COPSE_RECORD_MAX)
      return problem(p, "an array of more than %d bytes, the most for a record", COPSE_RECORD_MAX);
  }
  return true;
}

bool array_from_text(struct array *array, const struct text *content, struct text *numbers,
                     struct problem *p) {
  uint64_t rows = 0, columns = 0, count;
  struct text copy = {0};
  char *line, *rest;
  bool good = true;

  text_clear(numbers);
  *array = (struct array){.kind = 0};
  if (memchr(content->data, 0, content->size) != NULL)
    return problem(p, "this is no text");
  text_add(&copy, content->data, content->size);
  rest = copy.data;
  while (good && (line = strsep(&rest, "\n")) != NULL) {
    good = read_row(line, array, numbers, &count, p);
    if (good && count != 0 && rows++ != 0 && count != columns)
      good = problem(p, "row %" PRIu64 " has %" PRIu64 " numbers, those before it %" PRIu64, rows,
                     count, columns);
    columns = count != 0 ? count : columns;
  }
  text_free(&copy);
  if (good && rows == 0)
    return problem(p, "there are no numbers in it");
  if (rows != 1)
    array->shape[array->dimensions++] = rows;
  if (columns != 1)
    array->shape[array->dimensions++] = columns;
  array->data = numbers->data;
  array->size = numbers->size;
  return good;
}

/* --- layouts ------------------------------------------------------------------------- */

void array_layout(const struct array *array, struct text *out) {
  size_t count = array->size / copse_field_kind_size(array->kind);

  text_string(out, array->dimensions != 0 ? "array_" : "scalar");
  for (uint32_t i = 0; i < array->dimensions; i++)
    text_printf(out, "%s%" PRIu64, i != 0 ? "x" : "", array->shape[i]);
  text_printf(out, " { %s value", copse_field_kind_name(array->kind));
  if (count != 1)
    text_printf(out, "[%zu]", count);
  text_string(out, "; }");
}
