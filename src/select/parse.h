/* select/parse.h - the text of a selector, read by the rules of CSS Syntax.
 *
 * A parser goes through the text once, without tokens of its own. What it reads is put on stacks (a compound's
 * tests, a complex selector's compounds, a list's complex selectors) and moved behind the arrays of the program when
 * it is complete, so that each is in one piece there whatever is nested in it. */
#ifndef SELECT_PARSE_H
#define SELECT_PARSE_H

#include "select/program.h"

struct select_stack {
  void *items;
  uint32_t count, capacity;
};

struct select_parser {
  const uint8_t *text;
  size_t size, at;
  struct copse_selector *program;
  struct select_stack simples, compounds, complexes, lists; /* complete */
  struct select_stack open_simples, open_compounds, open_complexes;
  struct select_stack pool;
  uint32_t depth;
  int in_has;
  int is_hard;     /* the error is none that a forgiving list forgives */
  size_t fault_at; /* of the error */
  char fault[96];
};

/* The whole text: the last list of the program. Errors: SELECTOR, with fault set, MEMORY. */
int select_parse(struct select_parser *parser);

/* --- inside: lists (parse.c) ----------------------------------------------------------- */

enum select_list_kind {
  SELECT_PLAIN,
  SELECT_FORGIVING = 1, /* what is not valid is left out */
  SELECT_RELATIVE = 2,  /* each may begin with a combinator */
};
/* A list up to ')' or the end; *list receives its number. */
int select_parse_list(struct select_parser *parser, enum select_list_kind kind, uint32_t *list);

/* Goes on to the ',' or ')' that belongs to no bracket which was opened on the way. */
int select_skip(struct select_parser *parser);
struct select_simple *select_simple_new(struct select_parser *parser, enum select_op op);

/* --- pseudo-classes (pseudo.c) --------------------------------------------------------- */

/* What follows ':'. *is_element: it was a pseudo-element. */
int select_parse_pseudo(struct select_parser *parser, int *is_element);

/* --- characters (scan.c) --------------------------------------------------------------- */

/* Fails with what was expected where the parser is, or at another place. */
int select_fail(struct select_parser *parser, const char *expected);
int select_fail_at(struct select_parser *parser, size_t at, const char *expected);

/* Room for one more item at the end of a stack: NULL: no memory. */
void *select_push(struct select_stack *stack, size_t item_size);
int select_memory(void);

/* The byte there; -1: the end. */
static inline int select_peek(const struct select_parser *parser, size_t ahead) {
  return parser->at + ahead < parser->size ? parser->text[parser->at + ahead] : -1;
}
static inline int select_is_space(int c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
static inline int select_is_digit(int c) { return c >= '0' && c <= '9'; }
static inline uint8_t select_lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c | 32 : c; }

/* Skip comments; comments and spaces: whether there were spaces. */
void select_skip_comments(struct select_parser *parser);
int select_skip_spaces(struct select_parser *parser);
int select_is_name(int c);
/* Whether an identifier begins so far ahead. */
int select_at_ident(const struct select_parser *parser, size_t ahead);
/* An identifier, a name (as behind '#'), a string, into the pool. */
int select_ident(struct select_parser *parser, const char *expected, struct select_text *text);
int select_string(struct select_parser *parser, struct select_text *text);
/* An identifier or a string. */
int select_value(struct select_parser *parser, const char *expected, struct select_text *text);
/* A copy in lower case; the text itself if it is that. */
int select_text_lower(struct select_parser *parser, struct select_text text,
                      struct select_text *lower);
int select_text_add(struct select_parser *parser, uint8_t byte);
static inline const char *select_chars(const struct select_parser *parser,
                                       struct select_text text) {
  return (const char *)parser->pool.items + text.at;
}
/* Whether a text is this word of lower-case letters, in whatever case. */
int select_text_is(const struct select_parser *parser, struct select_text text, const char *word);

#endif
