/* select/parse.c - selectors: lists, combinators, compounds, attributes. */
#include "select/parse.h"

/* --- simple selectors ------------------------------------------------------------------ */

struct select_simple *select_simple_new(struct select_parser *parser, enum select_op op) {
  struct select_simple *simple = select_push(&parser->open_simples, sizeof *simple);
  if (simple)
    *simple = (struct select_simple){.op = (uint8_t)op};
  return simple;
}

static int named(struct select_parser *parser, enum select_op op, const char *expected) {
  struct select_text text;
  parser->at++;
  int result = select_ident(parser, expected, &text);
  struct select_simple *simple = result == 0 ? select_simple_new(parser, op) : NULL;
  if (simple)
    simple->value = text;
  return result || simple ? result : select_memory();
}

/* A name that may have a namespace before it: "*|", "|" or none. *space: 0 nothing, '|' none, '*' any. *is_star: "*". */
static int qualified(struct select_parser *parser, const char *expected, int *space, int *is_star,
                     struct select_text *name) {
  int c = select_peek(parser, 0), bar = select_peek(parser, c == '*');
  *space = 0;
  *is_star = 0;
  if (bar == '|' && select_peek(parser, (c == '*') + 1) != '=') {
    *space = c == '*' ? '*' : '|';
    parser->at += *space == '*' ? 2 : 1;
    c = select_peek(parser, 0);
  }
  if (c == '*') {
    *is_star = 1;
    parser->at++;
    return 0;
  }
  size_t begin = parser->at;
  int result = select_ident(parser, expected, name);
  if (result == 0 && *space == 0 && select_peek(parser, 0) == '|' &&
      select_peek(parser, 1) != '=' && select_peek(parser, 1) != '|')
    return select_fail_at(parser, begin, "no namespace prefix, since none is declared");
  return result;
}

/* Attributes of HTML whose values are compared without case (HTML 4.16.2). */
static const char *const folded[] = {
    "accept",     "accept-charset", "align",     "alink",    "axis",     "bgcolor", "charset",
    "checked",    "clear",          "codetype",  "color",    "compact",  "declare", "defer",
    "dir",        "direction",      "disabled",  "enctype",  "face",     "frame",   "hreflang",
    "http-equiv", "lang",           "language",  "link",     "media",    "method",  "multiple",
    "nohref",     "noresize",       "noshade",   "nowrap",   "readonly", "rel",     "rev",
    "rules",      "scope",          "scrolling", "selected", "shape",    "target",  "text",
    "type",       "valign",         "valuetype", "vlink"};

static int is_folded(const struct select_parser *parser, struct select_text name) {
  for (size_t i = 0; i < sizeof folded / sizeof folded[0]; i++)
    if (select_text_is(parser, name, folded[i]))
      return 1;
  return 0;
}

/* "=", "~=", ...; 0: none of them. */
static int comparison(struct select_parser *parser, uint8_t *kind) {
  static const char signs[] = {[SELECT_WORD] = '~',
                               [SELECT_DASH] = '|',
                               [SELECT_PREFIX] = '^',
                               [SELECT_SUFFIX] = '$',
                               [SELECT_PART] = '*'};
  int c = select_peek(parser, 0);
  if (c == '=') {
    *kind = SELECT_EQUAL;
    parser->at++;
    return 1;
  }
  for (unsigned i = SELECT_WORD; i <= SELECT_PART; i++)
    if (c == signs[i] && select_peek(parser, 1) == '=') {
      *kind = (uint8_t)i;
      parser->at += 2;
      return 1;
    }
  return 0;
}

static int closed(struct select_parser *parser, int bracket, const char *expected) {
  select_skip_spaces(parser);
  if (parser->at == parser->size)
    return 0;
  if (parser->text[parser->at] != bracket)
    return select_fail(parser, expected);
  parser->at++;
  return 0;
}

/* What follows a comparison: a value, and i or s. */
static int compared(struct select_parser *parser, struct select_simple *simple) {
  struct select_text flag;
  select_skip_spaces(parser);
  int result = select_value(parser, "a value: an identifier or a string", &simple->value);
  if (result)
    return result;
  select_skip_spaces(parser);
  size_t begin = parser->at;
  if (!select_at_ident(parser, 0)) {
    simple->flags |= is_folded(parser, simple->lower) ? SELECT_FOLD_HTML : 0;
    return 0;
  }
  result = select_ident(parser, "a flag", &flag);
  if (result)
    return result;
  if (select_text_is(parser, flag, "i"))
    simple->flags |= SELECT_FOLD;
  else if (!select_text_is(parser, flag, "s"))
    return select_fail_at(parser, begin, "']', i or s");
  return 0;
}

static uint32_t number_of(const struct select_parser *parser, enum copse_namespace space,
                          struct select_text name) {
  return dom_known_number(space, NULL, 0, select_chars(parser, name), name.size);
}

static int attribute(struct select_parser *parser) {
  struct select_simple simple = {.op = SELECT_ATTRIBUTE};
  int space, is_star;
  parser->at++;
  select_skip_spaces(parser);
  size_t begin = parser->at;
  int result = qualified(parser, "an attribute's name", &space, &is_star, &simple.name);
  if (result == 0 && is_star)
    result = select_fail_at(parser, begin, "an attribute's name");
  if (result == 0)
    result = select_text_lower(parser, simple.name, &simple.lower);
  if (result)
    return result;
  simple.flags = space == '*' ? SELECT_ANY_SPACE : 0;
  simple.number = number_of(parser, COPSE_NS_NONE, simple.lower);
  simple.exact = number_of(parser, COPSE_NS_NONE, simple.name);
  select_skip_spaces(parser);
  if (comparison(parser, &simple.kind))
    result = compared(parser, &simple);
  if (result == 0)
    result = closed(parser, ']', simple.kind ? "']'" : "']' or a comparison");
  if (result)
    return result;
  struct select_simple *place = select_simple_new(parser, SELECT_ATTRIBUTE);
  if (!place)
    return select_memory();
  *place = simple;
  return 0;
}

/* --- compounds ------------------------------------------------------------------------- */

static int type(struct select_parser *parser, struct select_compound *compound) {
  int space, is_star;
  int result = qualified(parser, "an element's name", &space, &is_star, &compound->name);
  compound->space = space == '|' ? SELECT_SPACE_NONE : SELECT_SPACE_ANY;
  compound->is_typed = !is_star;
  if (result || is_star)
    return result;
  result = select_text_lower(parser, compound->name, &compound->lower);
  if (compound->space == SELECT_SPACE_ANY && result == 0) {
    unsigned n = 0;
    compound->numbers[n] = number_of(parser, COPSE_NS_HTML, compound->lower);
    n += compound->numbers[n] != 0;
    compound->numbers[n] = number_of(parser, COPSE_NS_SVG, compound->name);
    n += compound->numbers[n] != 0;
    compound->numbers[n] = number_of(parser, COPSE_NS_MATHML, compound->name);
    n += compound->numbers[n] != 0;
    compound->numbers[n] = number_of(parser, COPSE_NS_NONE, compound->name);
  }
  return result;
}

/* One of the tests behind the type. COPSE_NONE: there are no more. */
static int subclass(struct select_parser *parser, int *is_element) {
  int c = select_peek(parser, 0);
  if (*is_element && (c == '#' || c == '.' || c == '['))
    return select_fail(parser, "nothing but pseudo-classes behind a pseudo-element");
  switch (c) {
  case '#': return named(parser, SELECT_ID, "an id: an identifier");
  case '.': return named(parser, SELECT_CLASS, "a class: an identifier");
  case '[': return attribute(parser);
  case ':': parser->at++; return select_parse_pseudo(parser, is_element);
  default: return COPSE_NONE;
  }
}

/* A compound; what it consists of comes behind the complete simple selectors. */
static int compound_parse(struct select_parser *parser, struct select_compound *compound) {
  uint32_t mark = parser->open_simples.count;
  int is_element = 0, result = 0;
  size_t begin = parser->at;
  *compound = (struct select_compound){0};
  int c = select_peek(parser, 0);
  if (c == '*' || c == '|' || select_at_ident(parser, 0))
    result = type(parser, compound);
  while (result == 0) {
    select_skip_comments(parser);
    result = subclass(parser, &is_element);
  }
  if (result != COPSE_NONE)
    return result;
  if (parser->at == begin)
    return select_fail(parser, "a selector");
  if (select_at_ident(parser, 0) || select_peek(parser, 0) == '*')
    return select_fail(parser, "an element's name in the first place only");
  compound->simple = parser->simples.count;
  compound->count = parser->open_simples.count - mark;
  const struct select_simple *simples = parser->open_simples.items;
  for (uint32_t i = 0; i < compound->count; i++) {
    struct select_simple *place = select_push(&parser->simples, sizeof *place);
    if (!place)
      return select_memory();
    *place = simples[mark + i];
  }
  parser->open_simples.count = mark;
  return 0;
}

/* --- complex selectors ----------------------------------------------------------------- */

/* The combinator that stands there; 0: none. *combinator of spaces is DESCENDANT. */
static int combinator(struct select_parser *parser, uint8_t *found) {
  int is_spaced = select_skip_spaces(parser), c = select_peek(parser, 0);
  *found = c == '>'   ? SELECT_CHILD_OF
           : c == '+' ? SELECT_NEXT
           : c == '~' ? SELECT_LATER
                      : SELECT_DESCENDANT;
  if (*found != SELECT_DESCENDANT) {
    parser->at++;
    select_skip_spaces(parser);
    return 1;
  }
  return is_spaced && c >= 0 && c != ',' && c != ')';
}

static struct select_compound *compound_add(struct select_parser *parser,
                                            const struct select_compound *compound) {
  struct select_compound *place = select_push(&parser->open_compounds, sizeof *place);
  if (place)
    *place = *compound;
  return place;
}

/* Moves the compounds above a mark behind the complete ones, from right to left; each with the combinator that stands
 * before it. */
static int complex_end(struct select_parser *parser, uint32_t mark,
                       struct select_complex *complex) {
  const struct select_compound *open = parser->open_compounds.items;
  complex->compound = parser->compounds.count;
  complex->count = parser->open_compounds.count - mark;
  for (uint32_t i = parser->open_compounds.count; i-- > mark;) {
    struct select_compound *place = select_push(&parser->compounds, sizeof *place);
    if (!place)
      return select_memory();
    *place = open[i];
  }
  parser->open_compounds.count = mark;
  return 0;
}

static int anchor_add(struct select_parser *parser) {
  struct select_compound anchor = {.simple = parser->simples.count, .count = 1};
  struct select_simple *simple = select_push(&parser->simples, sizeof *simple);
  if (!simple || !compound_add(parser, &anchor))
    return select_memory();
  *simple = (struct select_simple){.op = SELECT_ANCHOR};
  return 0;
}

static int complex_parse(struct select_parser *parser, int is_relative,
                         struct select_complex *complex) {
  struct select_compound compound;
  uint32_t mark = parser->open_compounds.count;
  uint8_t before = SELECT_DESCENDANT;
  int result = 0;
  *complex = (struct select_complex){.is_relative = (uint8_t)is_relative};
  select_skip_spaces(parser);
  if (is_relative) {
    combinator(parser, &before);
    complex->leading = before;
    result = anchor_add(parser);
  }
  while (result == 0) {
    result = compound_parse(parser, &compound);
    if (result)
      break;
    compound.combinator = before;
    if (!compound_add(parser, &compound))
      return select_memory();
    size_t behind = parser->at;
    if (!combinator(parser, &before)) {
      int c = select_peek(parser, 0);
      if (c >= 0 && c != ',' && c != ')')
        return select_fail_at(parser, behind, "a combinator, ',' or the end");
      break;
    }
  }
  return result ? result : complex_end(parser, mark, complex);
}

/* --- lists ----------------------------------------------------------------------------- */

int select_skip(struct select_parser *parser) {
  char open[SELECT_DEPTH_MAX];
  unsigned depth = 0;
  struct select_text text;
  while (parser->at < parser->size) {
    int c = parser->text[parser->at];
    if (depth == 0 && (c == ',' || c == ')'))
      return 0;
    if (c == '"' || c == '\'') {
      int result = select_string(parser, &text);
      if (result)
        return result;
      continue;
    }
    if (c == '(' || c == '[' || c == '{') {
      if (depth == SELECT_DEPTH_MAX)
        return select_fail(parser, "fewer brackets within brackets");
      open[depth++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (depth == 0 || open[--depth] != c)
        return select_fail(parser, "no bracket that was not opened");
    } else if (c == '\\' && parser->at + 1 < parser->size) {
      parser->at++;
    }
    parser->at++;
    select_skip_comments(parser);
  }
  return 0;
}

/* One complex selector of a list, onto the stack. */
static int item(struct select_parser *parser, enum select_list_kind kind) {
  struct select_complex complex;
  const struct select_parser before = *parser;
  int result = complex_parse(parser, kind & SELECT_RELATIVE, &complex);
  if (result == COPSE_E_SELECTOR && kind & SELECT_FORGIVING && !parser->is_hard) {
    parser->open_simples.count = before.open_simples.count;
    parser->open_compounds.count = before.open_compounds.count;
    parser->open_complexes.count = before.open_complexes.count;
    parser->depth = before.depth;
    parser->in_has = before.in_has;
    parser->at = before.at;
    result = select_skip(parser);
    parser->is_hard = result != 0;
    return result;
  }
  if (result)
    return result;
  struct select_complex *place = select_push(&parser->open_complexes, sizeof *place);
  if (!place)
    return select_memory();
  *place = complex;
  return 0;
}

int select_parse_list(struct select_parser *parser, enum select_list_kind kind, uint32_t *number) {
  uint32_t mark = parser->open_complexes.count;
  int result;
  for (;;) {
    result = item(parser, kind);
    if (result)
      return result;
    if (select_peek(parser, 0) != ',')
      break;
    parser->at++;
  }
  struct select_list *list = select_push(&parser->lists, sizeof *list);
  if (!list)
    return select_memory();
  *number = parser->lists.count - 1;
  *list = (struct select_list){parser->complexes.count, parser->open_complexes.count - mark};
  const struct select_complex *open = parser->open_complexes.items;
  for (uint32_t i = mark; i < parser->open_complexes.count; i++) {
    struct select_complex *place = select_push(&parser->complexes, sizeof *place);
    if (!place)
      return select_memory();
    *place = open[i];
  }
  parser->open_complexes.count = mark;
  return 0;
}

int select_parse(struct select_parser *parser) {
  uint32_t list;
  int result = select_parse_list(parser, SELECT_PLAIN, &list);
  if (result == 0 && parser->at < parser->size)
    result = select_fail(parser, "no ')' that was not opened");
  return result;
}
