/* record/text.c - layouts as text: what tools print and people write.
 *
 *     layout = name "{" field { field } "}"
 *     field  = kind name [ "[" count "]" ] ";"
 *
 * Blanks and line ends may stand between all of these. A count of 1 is not written. Names are
 * told in name.c, kinds in copse/record.h. Offsets follow from the fields before. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "record/layout.h"

/* --- printing -------------------------------------------------------------------------- */

struct writer {
  char *text;
  size_t size;   /* room at text */
  size_t needed; /* bytes so far, whether there was room or not */
};

static void put(struct writer *writer, const char *s) {
  size_t n = strlen(s);
  if (writer->needed < writer->size) {
    size_t room = writer->size - writer->needed;
    memcpy(writer->text + writer->needed, s, n < room ? n : room);
  }
  writer->needed += n;
}

size_t copse_layout_format(const struct copse_layout *layout, char *text, size_t size) {
  struct writer writer = {text, size, 0};
  put(&writer, layout->name);
  put(&writer, " {");
  for (uint32_t i = 0; i < layout->field_count; i++) {
    const struct copse_field *field = &layout->fields[i];
    put(&writer, " ");
    put(&writer, copse_field_kind_name(field->kind));
    put(&writer, " ");
    put(&writer, field->name);
    if (field->count != 1) {
      char count[16];
      snprintf(count, sizeof count, "[%u]", field->count);
      put(&writer, count);
    }
    put(&writer, ";");
  }
  put(&writer, " }");
  if (size > 0)
    text[writer.needed < size ? writer.needed : size - 1] = 0;
  return writer.needed;
}

/* --- parsing --------------------------------------------------------------------------- */

struct parser {
  const char *start, *at;
};

struct token {
  const char *text;
  size_t size;
};

static int parse_error(const struct parser *parser, const char *place, const char *wanted) {
  int line = 1;
  const char *line_start = parser->start;
  for (const char *p = parser->start; p < place; p++)
    if (*p == '\n') {
      line++;
      line_start = p + 1;
    }
  return error_set(COPSE_E_ARGUMENT, "record layout, line %d, column %d: expected %s", line,
                   (int)(place - line_start) + 1, wanted);
}

static void skip_blanks(struct parser *parser) {
  while (*parser->at == ' ' || *parser->at == '\t' || *parser->at == '\n' || *parser->at == '\r')
    parser->at++;
}

/* A run of bytes that could belong to a name. */
static struct token take_word(struct parser *parser) {
  skip_blanks(parser);
  struct token token = {parser->at, strcspn(parser->at, " \t\r\n{}[];")};
  parser->at += token.size;
  return token;
}

static bool take_mark(struct parser *parser, char mark) {
  skip_blanks(parser);
  if (*parser->at != mark)
    return false;
  parser->at++;
  return true;
}

static int take_name(struct parser *parser, bool dots, char **names, const char **name) {
  struct token token = take_word(parser);
  if (!record_name_valid(token.text, token.size, dots))
    return parse_error(parser, token.text, "a name");
  memcpy(*names, token.text, token.size);
  (*names)[token.size] = 0;
  *name = *names;
  *names += token.size + 1;
  return 0;
}

static int take_count(struct parser *parser, uint32_t *count) {
  *count = 1;
  if (!take_mark(parser, '['))
    return 0;
  struct token token = take_word(parser);
  uint32_t n = 0;
  for (size_t i = 0; i < token.size; i++) {
    if (token.text[i] < '0' || token.text[i] > '9' || n > COPSE_LAYOUT_SIZE_MAX)
      return parse_error(parser, token.text, "a count");
    n = n * 10 + (uint32_t)(token.text[i] - '0');
  }
  if (n == 0 || n > COPSE_LAYOUT_SIZE_MAX)
    return parse_error(parser, token.text, "a count of 1 or more that fits into a record");
  if (!take_mark(parser, ']'))
    return parse_error(parser, parser->at, "']'");
  *count = n;
  return 0;
}

static int take_field(struct parser *parser, char **names, struct copse_field *field) {
  struct token kind = take_word(parser);
  field->kind = record_kind_find(kind.text, kind.size);
  if (field->kind == 0)
    return parse_error(parser, kind.text, "a kind of field, such as u64 or text, or '}'");
  int result = take_name(parser, true, names, &field->name);
  if (result == 0)
    result = take_count(parser, &field->count);
  if (result == 0 && !take_mark(parser, ';'))
    result = parse_error(parser, parser->at, field->count == 1 ? "'[' or ';'" : "';'");
  return result;
}

/* field_count is the number of ';' in the text: if it parses, that many fields are there. */
static int parse(struct parser *parser, struct copse_layout *layout, struct copse_field *fields,
                 char *names) {
  int result = take_name(parser, false, &names, &layout->name);
  if (result != 0)
    return result;
  if (!take_mark(parser, '{'))
    return parse_error(parser, parser->at, "'{'");
  uint32_t n = 0;
  while (!take_mark(parser, '}')) {
    if (n == layout->field_count)
      return parse_error(parser, parser->at, *parser->at == 0 ? "'}'" : "';' after the field");
    result = take_field(parser, &names, &fields[n]);
    if (result != 0)
      return result;
    fields[n].offset = layout->size;
    layout->size += fields[n].count * copse_field_kind_size(fields[n].kind);
    n++;
  }
  skip_blanks(parser);
  if (*parser->at != 0)
    return parse_error(parser, parser->at, "nothing after '}'");
  return copse_layout_init(layout);
}

int copse_layout_parse(const char *text, struct copse_layout **out) {
  struct parser parser = {text, text};
  uint32_t field_count = 0;
  size_t size = 0;
  for (; text[size] != 0; size++)
    if (text[size] == ';' && ++field_count > COPSE_LAYOUT_FIELDS_MAX)
      return parse_error(&parser, text + size, "at most 1024 fields");
  struct copse_field *fields;
  char *names;
  /* A name is followed by at least one byte that is no part of it: room for its NUL. */
  struct copse_layout *layout = record_layout_alloc(field_count, size + 1, &fields, &names);
  if (layout == NULL)
    return error_set(COPSE_E_MEMORY, "no memory for a record layout of %u fields", field_count);
  int result = parse(&parser, layout, fields, names);
  if (result != 0) {
    copse_layout_free(layout);
    return result;
  }
  *out = layout;
  return 0;
}
