/* select/scan.c - characters, identifiers and strings of CSS Syntax (4.3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select/parse.h"

int select_fail_at(struct select_parser *parser, size_t at, const char *expected) {
  parser->fault_at = at;
  snprintf(parser->fault, sizeof parser->fault, "%s", expected);
  return COPSE_E_SELECTOR;
}

int select_fail(struct select_parser *parser, const char *expected) {
  return select_fail_at(parser, parser->at, expected);
}

int select_memory(void) { return error_set(COPSE_E_MEMORY, "no memory for a selector"); }

void *select_push(struct select_stack *stack, size_t item_size) {
  if (stack->count == stack->capacity) {
    uint32_t capacity = stack->capacity ? 2 * stack->capacity : 16;
    void *moved = realloc(stack->items, capacity * item_size);
    if (!moved)
      return NULL;
    stack->items = moved;
    stack->capacity = capacity;
  }
  return (char *)stack->items + stack->count++ * item_size;
}

void select_skip_comments(struct select_parser *parser) {
  while (select_peek(parser, 0) == '/' && select_peek(parser, 1) == '*') {
    const uint8_t *text = parser->text;
    size_t at = parser->at + 2;
    while (at + 1 < parser->size && !(text[at] == '*' && text[at + 1] == '/'))
      at++;
    parser->at = at + 1 < parser->size ? at + 2 : parser->size;
  }
}

int select_skip_spaces(struct select_parser *parser) {
  int seen = 0;
  for (;;) {
    select_skip_comments(parser);
    if (!select_is_space(select_peek(parser, 0)))
      return seen;
    parser->at++;
    seen = 1;
  }
}

static int is_name_start(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80 || c == 0;
}

int select_is_name(int c) { return is_name_start(c) || select_is_digit(c) || c == '-'; }

static int at_escape(const struct select_parser *parser, size_t ahead) {
  int next = select_peek(parser, ahead + 1);
  return select_peek(parser, ahead) == '\\' && next != '\n' && next != '\r' && next != '\f';
}

int select_at_ident(const struct select_parser *parser, size_t ahead) {
  int c = select_peek(parser, ahead);
  if (c == '-') {
    ahead++;
    c = select_peek(parser, ahead);
    if (c == '-')
      return 1;
  }
  return is_name_start(c) || at_escape(parser, ahead);
}

/* --- texts ----------------------------------------------------------------------------- */

int select_text_add(struct select_parser *parser, uint8_t byte) {
  uint8_t *place = select_push(&parser->pool, 1);
  if (!place)
    return select_memory();
  *place = byte;
  return 0;
}

static int character_add(struct select_parser *parser, uint32_t c) {
  if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
    c = 0xfffd;
  if (c < 0x80)
    return select_text_add(parser, (uint8_t)c);
  unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
  int result = select_text_add(parser, (uint8_t)(leads[more] | c >> 6 * more));
  while (result == 0 && more--)
    result = select_text_add(parser, (uint8_t)(0x80 | (c >> 6 * more & 0x3f)));
  return result;
}

static int hex_digit(int c) {
  return select_is_digit(c)     ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* What follows a backslash, which the parser is behind. */
static int escape(struct select_parser *parser) {
  uint32_t c = 0;
  int digits = 0;
  if (parser->at == parser->size)
    return character_add(parser, 0);
  while (digits < 6 && hex_digit(select_peek(parser, 0)) >= 0) {
    c = c << 4 | (uint32_t)hex_digit(select_peek(parser, 0));
    parser->at++;
    digits++;
  }
  if (digits == 0) {
    uint8_t byte = parser->text[parser->at++];
    return byte ? select_text_add(parser, byte) : character_add(parser, 0);
  }
  if (select_peek(parser, 0) == '\r' && select_peek(parser, 1) == '\n')
    parser->at++;
  if (select_is_space(select_peek(parser, 0)))
    parser->at++;
  return character_add(parser, c);
}

static int text_end(struct select_parser *parser, struct select_text *text) {
  text->size = parser->pool.count - text->at;
  return select_text_add(parser, 0);
}

int select_ident(struct select_parser *parser, const char *expected, struct select_text *text) {
  if (!select_at_ident(parser, 0))
    return select_fail(parser, expected);
  text->at = parser->pool.count;
  int result = 0;
  while (result == 0) {
    int c = select_peek(parser, 0);
    if (at_escape(parser, 0)) {
      parser->at++;
      result = escape(parser);
    } else if (c >= 0 && select_is_name(c)) {
      parser->at++;
      result = c ? select_text_add(parser, (uint8_t)c) : character_add(parser, 0);
    } else {
      break;
    }
  }
  return result ? result : text_end(parser, text);
}

int select_string(struct select_parser *parser, struct select_text *text) {
  size_t begin = parser->at;
  int quote = select_peek(parser, 0), result = 0;
  parser->at++;
  text->at = parser->pool.count;
  while (result == 0 && parser->at < parser->size) {
    int c = parser->text[parser->at++];
    if (c == quote)
      break;
    if (c == '\n' || c == '\r' || c == '\f') {
      parser->is_hard = 1;
      return select_fail_at(parser, begin, "a string that ends on its line");
    }
    if (c != '\\') {
      result = c ? select_text_add(parser, (uint8_t)c) : character_add(parser, 0);
      continue;
    }
    int next = select_peek(parser, 0);
    if (next == '\r' && select_peek(parser, 1) == '\n')
      parser->at += 2;
    else if (next == '\n' || next == '\r' || next == '\f')
      parser->at++;
    else if (next >= 0)
      result = escape(parser);
  }
  return result ? result : text_end(parser, text);
}

int select_value(struct select_parser *parser, const char *expected, struct select_text *text) {
  int c = select_peek(parser, 0);
  return c == '"' || c == '\'' ? select_string(parser, text) : select_ident(parser, expected, text);
}

int select_text_lower(struct select_parser *parser, struct select_text text,
                      struct select_text *lower) {
  uint32_t at = parser->pool.count;
  int differs = 0, result = 0;
  for (uint32_t i = 0; i < text.size; i++) {
    uint8_t c = (uint8_t)select_chars(parser, text)[i];
    differs |= select_lower(c) != c;
  }
  *lower = text;
  if (!differs)
    return 0;
  *lower = (struct select_text){at, text.size};
  for (uint32_t i = 0; i < text.size && result == 0; i++)
    result = select_text_add(parser, select_lower((uint8_t)select_chars(parser, text)[i]));
  return result ? result : select_text_add(parser, 0);
}

int select_text_is(const struct select_parser *parser, struct select_text text, const char *word) {
  const char *chars = select_chars(parser, text);
  if (strlen(word) != text.size)
    return 0;
  for (uint32_t i = 0; i < text.size; i++)
    if (select_lower((uint8_t)chars[i]) != (uint8_t)word[i])
      return 0;
  return 1;
}
