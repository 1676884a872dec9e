/* select/pseudo.c - pseudo-classes and pseudo-elements: their names and arguments. */
#include "select/parse.h"

enum argument {
  ARGUMENT_NONE,
  ARGUMENT_LIST,
  ARGUMENT_FORGIVING,
  ARGUMENT_RELATIVE,
  ARGUMENT_NTH,
  ARGUMENT_LANG,
  ARGUMENT_DIR,
  ARGUMENT_TEXTS,
  ARGUMENT_ANY, /* something that is of no meaning here */
};

struct pseudo {
  char name[22];
  uint8_t op, kind, argument;
};

static const struct pseudo pseudo_classes[] = {
    {"is", SELECT_IS, 0, ARGUMENT_FORGIVING},
    {"where", SELECT_IS, 0, ARGUMENT_FORGIVING},
    {"matches", SELECT_IS, 0, ARGUMENT_FORGIVING},
    {"not", SELECT_NOT, 0, ARGUMENT_LIST},
    {"has", SELECT_HAS, 0, ARGUMENT_RELATIVE},
    {"nth-child", SELECT_NTH, SELECT_CHILD, ARGUMENT_NTH},
    {"nth-last-child", SELECT_NTH, SELECT_LAST_CHILD, ARGUMENT_NTH},
    {"nth-of-type", SELECT_NTH, SELECT_OF_TYPE, ARGUMENT_NTH},
    {"nth-last-of-type", SELECT_NTH, SELECT_LAST_OF_TYPE, ARGUMENT_NTH},
    {"first-child", SELECT_NTH, SELECT_CHILD, 0},
    {"last-child", SELECT_NTH, SELECT_LAST_CHILD, 0},
    {"first-of-type", SELECT_NTH, SELECT_OF_TYPE, 0},
    {"last-of-type", SELECT_NTH, SELECT_LAST_OF_TYPE, 0},
    {"only-child", SELECT_NTH, SELECT_CHILD, 0},
    {"only-of-type", SELECT_NTH, SELECT_OF_TYPE, 0},
    {"empty", SELECT_EMPTY, 0, 0},
    {"root", SELECT_ROOT, 0, 0},
    {"scope", SELECT_SCOPE, 0, 0},
    {"lang", SELECT_LANG, 0, ARGUMENT_LANG},
    {"dir", SELECT_DIR, 0, ARGUMENT_DIR},
    {"link", SELECT_LINK, 0, 0},
    {"any-link", SELECT_LINK, 0, 0},
    {"contains", SELECT_CONTAINS, 0, ARGUMENT_TEXTS},
    {"-soup-contains", SELECT_CONTAINS, 0, ARGUMENT_TEXTS},
    {"-soup-contains-own", SELECT_CONTAINS, 1, ARGUMENT_TEXTS},
    {"checked", SELECT_STATE, SELECT_CHECKED, 0},
    {"disabled", SELECT_STATE, SELECT_DISABLED, 0},
    {"enabled", SELECT_STATE, SELECT_ENABLED, 0},
    {"required", SELECT_STATE, SELECT_REQUIRED, 0},
    {"optional", SELECT_STATE, SELECT_OPTIONAL, 0},
    {"read-only", SELECT_STATE, SELECT_READ_ONLY, 0},
    {"read-write", SELECT_STATE, SELECT_READ_WRITE, 0},
    {"default", SELECT_STATE, SELECT_DEFAULT, 0},
    {"indeterminate", SELECT_STATE, SELECT_INDETERMINATE, 0},
    {"placeholder-shown", SELECT_STATE, SELECT_PLACEHOLDER_SHOWN, 0},
    {"in-range", SELECT_STATE, SELECT_IN_RANGE, 0},
    {"out-of-range", SELECT_STATE, SELECT_OUT_OF_RANGE, 0},
    {"defined", SELECT_STATE, SELECT_DEFINED, 0},
    {"muted", SELECT_STATE, SELECT_MUTED, 0},
    {"open", SELECT_STATE, SELECT_OPEN, 0},
    {"current", SELECT_NEVER, 0, 0},
    {"current", SELECT_NEVER, 0, ARGUMENT_FORGIVING},
    {"host", SELECT_NEVER, 0, 0},
    {"host", SELECT_NEVER, 0, ARGUMENT_LIST},
    {"host-context", SELECT_NEVER, 0, ARGUMENT_LIST},
    {"state", SELECT_NEVER, 0, ARGUMENT_ANY},
};

/* What depends on who looks at the document, and when. */
static const char *const nobody[] = {"hover",
                                     "active",
                                     "focus",
                                     "focus-visible",
                                     "focus-within",
                                     "visited",
                                     "target",
                                     "target-within",
                                     "local-link",
                                     "past",
                                     "future",
                                     "playing",
                                     "paused",
                                     "seeking",
                                     "buffering",
                                     "stalled",
                                     "volume-locked",
                                     "user-valid",
                                     "user-invalid",
                                     "valid",
                                     "invalid",
                                     "blank",
                                     "autofill",
                                     "fullscreen",
                                     "modal",
                                     "popover-open",
                                     "picture-in-picture",
                                     "active-view-transition"};

static const char *const pseudo_elements[] = {"before",
                                              "after",
                                              "first-line",
                                              "first-letter", /* these may have one colon */
                                              "marker",
                                              "placeholder",
                                              "selection",
                                              "target-text",
                                              "spelling-error",
                                              "grammar-error",
                                              "backdrop",
                                              "cue",
                                              "file-selector-button",
                                              "details-content",
                                              "view-transition",
                                              "search-text",
                                              "scroll-marker",
                                              "scroll-marker-group",
                                              "column",
                                              "checkmark",
                                              "picker-icon"};
#define OLD_ELEMENTS 4u
static const char *const pseudo_functions[] = {"slotted",
                                               "part",
                                               "highlight",
                                               "cue",
                                               "picker",
                                               "view-transition-group",
                                               "view-transition-image-pair",
                                               "view-transition-old",
                                               "view-transition-new"};

static int is_among(const struct select_parser *parser, struct select_text name,
                    const char *const *words, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (select_text_is(parser, name, words[i]))
      return 1;
  return 0;
}
#define IS_AMONG(parser, name, words)                                                              \
  is_among(parser, name, words, sizeof(words) / sizeof(words)[0])

/* --- An+B (CSS Syntax 6) --------------------------------------------------------------- */

#define NUMBER_MAX 1000000000

/* Digits; -1: there are none. */
static int32_t digits(struct select_parser *parser) {
  int32_t value = -1;
  while (select_is_digit(select_peek(parser, 0))) {
    int digit = parser->text[parser->at++] - '0';
    value = value < 0 ? digit : value < NUMBER_MAX / 10 ? value * 10 + digit : NUMBER_MAX;
  }
  return value;
}

static int sign(struct select_parser *parser) {
  int c = select_peek(parser, 0);
  parser->at += c == '+' || c == '-';
  return c == '-' ? -1 : c == '+' ? 1 : 0;
}

static const char nth_expected[] = "even, odd or a formula like 2n+1";

static int nth_formula(struct select_parser *parser, struct select_simple *simple) {
  int first = sign(parser);
  int32_t value = digits(parser);
  int c = select_peek(parser, 0);
  if (c != 'n' && c != 'N') {
    if (value < 0)
      return select_fail(parser, nth_expected);
    simple->b = first < 0 ? -value : value;
    return 0;
  }
  parser->at++;
  simple->a = (value < 0 ? 1 : value) * (first < 0 ? -1 : 1);
  size_t behind = parser->at;
  select_skip_spaces(parser);
  int second = sign(parser);
  if (second == 0) {
    parser->at = behind;
    return 0;
  }
  select_skip_spaces(parser);
  value = digits(parser);
  if (value < 0)
    return select_fail(parser, "a number");
  simple->b = second * value;
  return 0;
}

static int nth(struct select_parser *parser, struct select_simple *simple) {
  struct select_text word;
  int result;
  select_skip_spaces(parser);
  int c = select_peek(parser, 0);
  size_t begin = parser->at;
  if (c == 'e' || c == 'E' || c == 'o' || c == 'O' || c == '\\') {
    result = select_ident(parser, nth_expected, &word);
    if (result)
      return result;
    int is_odd = select_text_is(parser, word, "odd");
    if (!is_odd && !select_text_is(parser, word, "even"))
      return select_fail_at(parser, begin, nth_expected);
    simple->a = 2;
    simple->b = is_odd;
  } else {
    result = nth_formula(parser, simple);
    if (result)
      return result;
    c = select_peek(parser, 0);
    if (c >= 0 && (select_is_name(c) || c == '\\'))
      return select_fail(parser, "')' or of");
  }
  select_skip_spaces(parser);
  if (simple->kind > SELECT_LAST_CHILD || !select_at_ident(parser, 0))
    return 0;
  begin = parser->at;
  result = select_ident(parser, "of", &word);
  if (result == 0 && !select_text_is(parser, word, "of"))
    result = select_fail_at(parser, begin, "')' or of");
  if (result == 0)
    result = select_parse_list(parser, SELECT_PLAIN, &simple->list);
  simple->list += result == 0;
  return result;
}

/* --- arguments ------------------------------------------------------------------------- */

/* Values with ',' between them, in one piece of the pool, each with a NUL behind it. */
static int texts(struct select_parser *parser, struct select_simple *simple, const char *expected) {
  struct select_text text;
  simple->value.at = parser->pool.count;
  for (;;) {
    select_skip_spaces(parser);
    int result = select_value(parser, expected, &text);
    if (result)
      return result;
    select_skip_spaces(parser);
    if (select_peek(parser, 0) != ',')
      break;
    parser->at++;
  }
  simple->value.size = parser->pool.count - simple->value.at;
  return 0;
}

static int direction(struct select_parser *parser, struct select_simple *simple) {
  struct select_text word;
  select_skip_spaces(parser);
  int result = select_ident(parser, "ltr or rtl", &word);
  if (result == 0)
    simple->kind = select_text_is(parser, word, "ltr")   ? 0
                   : select_text_is(parser, word, "rtl") ? 1
                                                         : 2;
  return result;
}

static int skip_all(struct select_parser *parser) {
  int result, begun = 0;
  do {
    size_t begin = parser->at += (size_t)begun;
    result = select_skip(parser);
    if (result == 0 && parser->at == begin)
      result = select_fail(parser, "an argument");
    begun = 1;
  } while (result == 0 && select_peek(parser, 0) == ',');
  return result;
}

static int list(struct select_parser *parser, struct select_simple *simple,
                enum select_list_kind kind) {
  int result = select_parse_list(parser, kind, &simple->list);
  simple->list += result == 0;
  return result;
}

static int has(struct select_parser *parser, struct select_simple *simple) {
  if (parser->in_has)
    return select_fail(parser, "no :has() within :has()");
  parser->in_has = 1;
  int result = list(parser, simple, SELECT_RELATIVE);
  parser->in_has = 0;
  return result;
}

static int argument_parse(struct select_parser *parser, enum argument argument,
                          struct select_simple *simple) {
  switch (argument) {
  case ARGUMENT_LIST: return list(parser, simple, SELECT_PLAIN);
  case ARGUMENT_FORGIVING: return list(parser, simple, SELECT_FORGIVING);
  case ARGUMENT_RELATIVE: return has(parser, simple);
  case ARGUMENT_NTH: return nth(parser, simple);
  case ARGUMENT_LANG: return texts(parser, simple, "a language: an identifier or a string");
  case ARGUMENT_TEXTS: return texts(parser, simple, "a text: an identifier or a string");
  case ARGUMENT_DIR: return direction(parser, simple);
  default: return skip_all(parser);
  }
}

/* What stands between parentheses, the first of which is behind the parser. */
static int arguments(struct select_parser *parser, enum argument argument,
                     struct select_simple *simple) {
  if (parser->depth == SELECT_DEPTH_MAX) {
    parser->is_hard = 1;
    return select_fail(parser, "fewer parentheses within parentheses");
  }
  parser->depth++;
  int result = argument_parse(parser, argument, simple);
  if (result)
    return result;
  parser->depth--;
  select_skip_spaces(parser);
  if (parser->at < parser->size && parser->text[parser->at] != ')')
    return select_fail(parser, "')'");
  parser->at += parser->at < parser->size;
  return 0;
}

static int simple_add(struct select_parser *parser, const struct select_simple *simple) {
  struct select_simple *place = select_simple_new(parser, simple->op);
  if (!place)
    return select_memory();
  *place = *simple;
  return 0;
}

/* --- names ----------------------------------------------------------------------------- */

static int is_vendor(const struct select_parser *parser, struct select_text name) {
  static const char prefix[] = "-webkit-";
  const char *chars = select_chars(parser, name);
  for (uint32_t i = 0; i < sizeof prefix - 1; i++)
    if (i == name.size || select_lower((uint8_t)chars[i]) != (uint8_t)prefix[i])
      return 0;
  return 1;
}

static int element(struct select_parser *parser, size_t begin, struct select_text name,
                   int is_function) {
  struct select_simple simple = {.op = SELECT_NEVER};
  int is_known = is_function ? IS_AMONG(parser, name, pseudo_functions)
                             : IS_AMONG(parser, name, pseudo_elements) || is_vendor(parser, name);
  if (!is_known)
    return select_fail_at(parser, begin, "a pseudo-element that is known");
  if (parser->depth)
    return select_fail_at(parser, begin, "no pseudo-element in a pseudo-class");
  int result = is_function ? arguments(parser, ARGUMENT_ANY, &simple) : 0;
  return result ? result : simple_add(parser, &simple);
}

/* The entry of a pseudo-class; NULL: there is none. */
static const struct pseudo *find(const struct select_parser *parser, struct select_text name,
                                 int is_function) {
  static const struct pseudo never = {"", SELECT_NEVER, 0, 0};
  for (size_t i = 0; i < sizeof pseudo_classes / sizeof pseudo_classes[0]; i++)
    if ((pseudo_classes[i].argument != ARGUMENT_NONE) == is_function &&
        select_text_is(parser, name, pseudo_classes[i].name))
      return &pseudo_classes[i];
  return !is_function && IS_AMONG(parser, name, nobody) ? &never : NULL;
}

int select_parse_pseudo(struct select_parser *parser, int *is_element) {
  struct select_text name;
  size_t begin = parser->at;
  int is_double = select_peek(parser, 0) == ':';
  parser->at += (size_t)is_double;
  int result = select_ident(
      parser, is_double ? "the name of a pseudo-element" : "the name of a pseudo-class", &name);
  if (result)
    return result;
  int is_function = select_peek(parser, 0) == '(';
  parser->at += (size_t)is_function;
  if (is_double || (!is_function && is_among(parser, name, pseudo_elements, OLD_ELEMENTS))) {
    *is_element = 1;
    return element(parser, begin, name, is_function);
  }
  const struct pseudo *pseudo = find(parser, name, is_function);
  if (!pseudo) {
    int exists = find(parser, name, !is_function) != NULL;
    return select_fail_at(parser, begin,
                          !exists       ? "a pseudo-class that is known"
                          : is_function ? "a pseudo-class without an argument"
                                        : "a pseudo-class with its argument");
  }
  struct select_simple simple = {.op = pseudo->op, .kind = pseudo->kind};
  if (pseudo->op == SELECT_NTH)
    simple.b = !is_function;
  if (is_function)
    result = arguments(parser, pseudo->argument, &simple);
  if (result == 0)
    result = simple_add(parser, &simple);
  if (result == 0 && (select_text_is(parser, name, "only-child") ||
                      select_text_is(parser, name, "only-of-type"))) {
    simple.kind++; /* the last one as well */
    result = simple_add(parser, &simple);
  }
  return result;
}
