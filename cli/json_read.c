/* cli/json_read.c - the reading half of json.h: a strict recursive descent.
 *
 * Strings are decoded into one buffer, where none takes more room than in the text; a value
 * needs at least one of the characters , [ { or the start of the text. So both buffers have
 * their final size before reading begins, and pointers into them stay valid. */
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { DEPTH_MAX = 64 };

struct parser {
  const char *start, *at, *end;
  struct json_document *document;
  size_t used; /* values handed out */
  int depth;
  struct problem *problem;
};

static bool wrong(struct parser *r, const char *what) {
  return problem(r->problem, "JSON, position %zu: %s", (size_t)(r->at - r->start) + 1, what);
}

static void skip_space(struct parser *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
    r->at++;
}

static bool next_is(struct parser *r, char c) {
  skip_space(r);
  if (r->at == r->end || *r->at != c)
    return false;
  r->at++;
  return true;
}

/* --- strings ------------------------------------------------------------------------- */

static bool read_unit(struct parser *r, uint32_t *unit) {
  *unit = 0;
  if (r->end - r->at < 4)
    return wrong(r, "\\u must be followed by four hexadecimal digits");
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(r->at[i]);
    if (digit < 0)
      return wrong(r, "\\u must be followed by four hexadecimal digits");
    *unit = *unit << 4 | (uint32_t)digit;
  }
  r->at += 4;
  return true;
}

static void add_code(struct text *out, uint32_t code) {
  if (code < 0x80) {
    text_byte(out, (char)code);
  } else if (code < 0x800) {
    text_byte(out, (char)(0xc0 | code >> 6));
    text_byte(out, (char)(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    text_byte(out, (char)(0xe0 | code >> 12));
    text_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
    text_byte(out, (char)(0x80 | (code & 0x3f)));
  } else {
    text_byte(out, (char)(0xf0 | code >> 18));
    text_byte(out, (char)(0x80 | (code >> 12 & 0x3f)));
    text_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
    text_byte(out, (char)(0x80 | (code & 0x3f)));
  }
}

static bool read_escape(struct parser *r, struct text *out) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  uint32_t code, low;
  const char *letter;

  if (r->at == r->end)
    return wrong(r, "the string does not end");
  if (*r->at != 'u') {
    letter = memchr(letters, *r->at, sizeof letters - 1);
    if (letter == NULL)
      return wrong(r, "unknown escape");
    text_byte(out, meant[letter - letters]);
    r->at++;
    return true;
  }
  r->at++;
  if (!read_unit(r, &code))
    return false;
  if (code >= 0xd800 && code <= 0xdbff) {
    if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
      return wrong(r, "half of a surrogate pair");
    r->at += 2;
    if (!read_unit(r, &low))
      return false;
    if (low < 0xdc00 || low > 0xdfff)
      return wrong(r, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code <= 0xdfff) {
    return wrong(r, "half of a surrogate pair");
  }
  add_code(out, code);
  return true;
}

/* The opening quote has been read. */
static bool read_string(struct parser *r, const char **text, size_t *size) {
  struct text *out = &r->document->strings;
  size_t from = out->size;

  while (r->at < r->end && *r->at != '"') {
    if (*r->at == '\\') {
      r->at++;
      if (!read_escape(r, out))
        return false;
      continue;
    }
    size_t length = utf8_sequence(r->at, (size_t)(r->end - r->at), NULL);
    if (length == 0)
      return wrong(r, "not valid UTF-8");
    if ((uint8_t)*r->at < 0x20)
      return wrong(r, "a control character in a string must be escaped");
    text_add(out, r->at, length);
    r->at += length;
  }
  if (r->at == r->end)
    return wrong(r, "the string does not end");
  r->at++;
  *text = out->data + from;
  *size = out->size - from;
  return true;
}

/* --- values -------------------------------------------------------------------------- */

static bool read_value(struct parser *r, struct json_value **value);

static void skip_digits(struct parser *r) {
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
    r->at++;
}

static bool read_number(struct parser *r, struct json_value *v) {
  const char *digits;

  v->kind = JSON_NUMBER;
  v->text = r->at;
  if (*r->at == '-')
    r->at++;
  digits = r->at;
  skip_digits(r);
  if (r->at == digits)
    return wrong(r, "a value was expected");
  if (*digits == '0' && r->at - digits > 1)
    return wrong(r, "a number must not begin with 0");
  if (r->at < r->end && *r->at == '.') {
    digits = ++r->at;
    skip_digits(r);
    if (r->at == digits)
      return wrong(r, "a digit was expected");
  }
  if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
      r->at++;
    digits = r->at;
    skip_digits(r);
    if (r->at == digits)
      return wrong(r, "a digit was expected");
  }
  v->size = (size_t)(r->at - v->text);
  return true;
}

static bool read_word(struct parser *r, struct json_value *v) {
  static const struct {
    const char *word;
    enum json_kind kind;
  } words[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};

  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t size = strlen(words[i].word);
    if ((size_t)(r->end - r->at) >= size && memcmp(r->at, words[i].word, size) == 0) {
      v->kind = words[i].kind;
      r->at += size;
      return true;
    }
  }
  return wrong(r, "a value was expected");
}

/* Elements of an array, or members of an object; the opening bracket has been read. */
static bool read_children(struct parser *r, struct json_value *parent) {
  const char close = parent->kind == JSON_ARRAY ? ']' : '}';
  struct json_value **link = &parent->first;

  if (next_is(r, close))
    return true;
  if (++r->depth > DEPTH_MAX)
    return wrong(r, "nested too deeply");
  do {
    const char *name = NULL;
    size_t name_size = 0;
    if (parent->kind == JSON_OBJECT) {
      if (!next_is(r, '"'))
        return wrong(r, "a name in quotes was expected");
      if (!read_string(r, &name, &name_size))
        return false;
      if (!next_is(r, ':'))
        return wrong(r, "a colon was expected");
    }
    if (!read_value(r, link))
      return false;
    (*link)->name = name;
    (*link)->name_size = name_size;
    link = &(*link)->next;
  } while (next_is(r, ','));
  if (!next_is(r, close))
    return wrong(r, close == ']' ? "a comma or ] was expected" : "a comma or } was expected");
  r->depth--;
  return true;
}

static bool read_value(struct parser *r, struct json_value **value) {
  struct json_value *v = &r->document->values[r->used++];

  *v = (struct json_value){0};
  *value = v;
  skip_space(r);
  if (r->at == r->end)
    return wrong(r, "a value was expected");
  switch (*r->at) {
  case '"':
    r->at++;
    v->kind = JSON_STRING;
    return read_string(r, &v->text, &v->size);
  case '{':
  case '[': v->kind = *r->at++ == '{' ? JSON_OBJECT : JSON_ARRAY; return read_children(r, v);
  case 'n':
  case 't':
  case 'f': return read_word(r, v);
  default: return read_number(r, v);
  }
}

bool json_read(struct json_document *document, const char *text, size_t size,
               const struct json_value **value, struct problem *p) {
  struct parser r = {
      .start = text, .at = text, .end = text + size, .document = document, .problem = p};
  struct json_value *root;
  size_t values = 1;

  for (size_t i = 0; i < size; i++)
    values += text[i] == ',' || text[i] == '[' || text[i] == '{';
  if (values > document->capacity) {
    document->values = reallocate(document->values, values * sizeof *document->values);
    document->capacity = values;
  }
  text_clear(&document->strings);
  text_room(&document->strings, size);
  if (!read_value(&r, &root))
    return false;
  skip_space(&r);
  if (r.at != r.end)
    return wrong(&r, "something stands after the value");
  *value = root;
  return true;
}

void json_document_free(struct json_document *document) {
  text_free(&document->strings);
  free(document->values);
  *document = (struct json_document){0};
}

const struct json_value *json_member(const struct json_value *object, const char *name) {
  size_t size = strlen(name);

  for (const struct json_value *m = object->first; m != NULL; m = m->next)
    if (m->name_size == size && memcmp(m->name, name, size) == 0)
      return m;
  return NULL;
}

const char *json_kind_name(enum json_kind kind) {
  static const char *const names[] = {
      [JSON_NULL] = "null",        [JSON_FALSE] = "false",     [JSON_TRUE] = "true",
      [JSON_NUMBER] = "a number",  [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
      [JSON_OBJECT] = "an object",
  };
  return names[kind];
}
