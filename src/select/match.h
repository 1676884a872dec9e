/* select/match.h - one call of matching: a view, a document, a compiled selector, and what is remembered meanwhile.
 *
 * Tests give 1 (it matches), 0 or an error. Nodes are named by links (index + 1; 0: none) and copied when they are
 * looked at. Links are followed without a look at the links that lead back, but no way is longer than there are
 * nodes: what is damaged gives a wrong answer or CORRUPT, and ends. */
#ifndef SELECT_MATCH_H
#define SELECT_MATCH_H

#include "arena/arena.h"
#include "dom/document.h"
#include "select/program.h"
#include "store/store.h"

/* --- reading arenas by leaves (reader.c) ----------------------------------------------- */

#define SELECT_LEAVES 64u /* that are remembered */
#define SELECT_COPIES 4u  /* of a view that copies its pages */

struct select_reader {
  struct copse_view *view;
  struct copse_arena *arena;
  uint8_t *copies; /* SELECT_COPIES leaves; NULL: memory is lent for the whole call */
  uint32_t mask;
  struct {
    uint64_t number; /* + 1; 0: none */
    const uint8_t *records;
  } leaves[SELECT_LEAVES];
};

int select_reader_begin(struct select_reader *reader, struct copse_view *view,
                        struct copse_arena *arena);
void select_reader_end(struct select_reader *reader);
int select_leaf_load(struct select_reader *reader, uint64_t number, uint64_t index,
                     const uint8_t **records);

/* The records of an index's leaf; *in_leaf: which of them it is. */
static inline int select_leaf(struct select_reader *reader, uint64_t index, const uint8_t **records,
                              uint32_t *in_leaf) {
  uint64_t number = arena_leaf(&reader->arena->shape, index);
  *in_leaf = (uint32_t)(index - number * reader->arena->shape.slots);
  if (__builtin_expect(reader->leaves[number & reader->mask].number == number + 1, 1)) {
    *records = reader->leaves[number & reader->mask].records;
    return 0;
  }
  return select_leaf_load(reader, number, index, records);
}

/* --- matching -------------------------------------------------------------------------- */

struct select_record {
  struct dom_links links;
  struct dom_data data;
} __attribute__((packed, aligned(4), may_alias));
struct select_node {
  struct select_record record;
  uint32_t link;
};

/* How many of its kind there are up to an element among its siblings. */
struct select_counted {
  uint32_t simple, name; /* simple: number + 1; 0: nothing */
  uint32_t parent, element;
  uint32_t number;
};
/* Whether a compound (number + 1) and those to its left match an ancestor of a node or the node itself. */
struct select_above {
  uint32_t compound, node, is;
};
/* The control of a group that decides for the others. */
struct select_chosen {
  uint32_t group, control; /* links; group 0: nothing */
};

#define SELECT_COUNTED 32u
#define SELECT_ABOVE 64u

struct select_match {
  struct copse_view *view;
  struct copse_document *document;
  const struct copse_selector *selector;
  struct select_reader nodes, heap;
  uint64_t ways;   /* twice the number of nodes: no way is longer */
  uint32_t scope;  /* link */
  uint32_t anchor; /* of :has(); 0: none */
  uint8_t scope_kind, is_quirky;
  uint32_t *own; /* numbers of names that belong to the document: two for each simple selector */
  uint32_t needs[SELECT_ALTERNATIVES]; /* the selector's, and bits of such names */
  struct select_counted counted[SELECT_COUNTED];
  struct select_above above[SELECT_ABOVE];
  struct select_chosen option, button;
  char *language; /* of the document; NULL: not looked up yet */
  size_t language_size;
  int has_language;
  char *text; /* gathered */
  size_t text_size, text_room;
};

int select_match_begin(struct select_match *match, struct copse_view *view,
                       struct copse_document *document, const struct copse_selector *selector,
                       const struct copse_handle *scope);
void select_match_end(struct select_match *match);

/* Whether one of a list's complex selectors matches; only one of them. */
int select_list_test(struct select_match *match, uint32_t list, const struct select_node *node);
int select_complex_test(struct select_match *match, uint32_t complex,
                        const struct select_node *node);
int select_simple_test(struct select_match *match, uint32_t number, const struct select_node *node);

/* --- nodes (reader.c) ------------------------------------------------------------------ */

/* Where a node lies, until the next one is looked at. */
static inline int select_record_of(struct select_match *match, uint32_t link,
                                   const struct select_record **record) {
  const uint8_t *records = NULL;
  uint32_t in_leaf;
  int result = select_leaf(&match->nodes, (uint64_t)link - 1, &records, &in_leaf);
  *record = (const struct select_record *)records + in_leaf;
  return result;
}
static inline int select_node_load(struct select_match *match, uint32_t link,
                                   struct select_node *node) {
  const struct select_record *record;
  int result = select_record_of(match, link, &record);
  if (result)
    return result;
  node->record = *record;
  node->link = link;
  return 0;
}
/* The next element in a direction among its siblings, its parent element. COPSE_NONE: there is none. */
int select_previous(struct select_match *match, const struct select_node *from,
                    struct select_node *to);
int select_next(struct select_match *match, const struct select_node *from, struct select_node *to);
int select_parent(struct select_match *match, const struct select_node *from,
                  struct select_node *to);
/* The node after another one below top in document order, whatever its kind. COPSE_NONE: there is none. *left
 * bounds the walk: the number of nodes at its beginning. */
int select_walk(struct select_match *match, uint32_t top, uint64_t *left, struct select_node *node);
int select_circle(uint32_t link);
/* The same for those who look at most nodes only once: *at is where the walk is. */
static inline int select_way(struct select_match *match, uint32_t top, uint64_t *left, uint32_t *at,
                             const struct select_record **record) {
  int result = select_record_of(match, *at, record);
  if (result)
    return result;
  uint32_t to = (*record)->links.first;
  while (to == 0) {
    if (*at == top)
      return COPSE_NONE;
    to = (*record)->links.next;
    if (to)
      break;
    if ((*record)->links.parent == top || (*record)->links.parent == 0)
      return COPSE_NONE;
    *at = (*record)->links.parent;
    if ((*left)-- == 0)
      return select_circle(*at);
    result = select_record_of(match, *at, record);
    if (result)
      return result;
  }
  *at = to;
  if ((*left)-- == 0)
    return select_circle(*at);
  return select_record_of(match, to, record);
}
static inline int select_is_element(const struct select_node *node) {
  return node->record.data.kind == COPSE_NODE_ELEMENT;
}
static inline int select_is_known(const struct select_compound *compound, uint32_t name) {
  const uint32_t *numbers = compound->numbers;
  return name == numbers[0] || name == numbers[1] || name == numbers[2] || name == numbers[3];
}
static inline int select_is_html(uint32_t name) {
  return name > DOM_NAME_FIRST && name <= DOM_HTML_SVG;
}

/* --- attributes and text (attribute.c) ------------------------------------------------- */

/* The string of a text node. */
int select_string_of(struct select_match *match, const struct select_node *node,
                     struct copse_bytes *text);

/* The value of an attribute without namespace. COPSE_NONE: there is none. */
int select_value_of(struct select_match *match, const struct select_node *node, uint32_t name,
                    struct copse_bytes *value);
/* 1: it has the attribute; 0: no. */
int select_has(struct select_match *match, const struct select_node *node, uint32_t name);
int select_id_test(struct select_match *match, const struct select_simple *simple,
                   const struct select_node *node);
int select_class_test(struct select_match *match, const struct select_simple *simple,
                      const struct select_node *node);
int select_attribute_test(struct select_match *match, uint32_t number,
                          const struct select_node *node);
/* Whether an element is one of HTML. */
int select_html_test(struct select_match *match, const struct select_node *node);
int select_bytes_same(const void *a, const void *b, size_t size, int is_folded);
static inline int select_word_is(const struct copse_bytes *value, const char *word) {
  return value->size == strlen(word) && select_bytes_same(value->data, word, value->size, 1);
}

/* --- what else is tested --------------------------------------------------------------- */

int select_type_test(struct select_match *match, const struct select_compound *compound,
                     const struct select_node *node);                     /* type.c */
int select_same_type(struct select_match *match, uint32_t a, uint32_t b); /* type.c */
int select_nth_test(struct select_match *match, uint32_t number,
                    const struct select_node *node); /* nth.c */
int select_has_test(struct select_match *match, const struct select_simple *simple,
                    const struct select_node *node); /* has.c */
int select_contains_test(struct select_match *match, const struct select_simple *simple,
                         const struct select_node *node); /* text.c */
/* Gathers the text below a node. text.c */
int select_text_gather(struct select_match *match, const struct select_node *node);
int select_lang_test(struct select_match *match, const struct select_simple *simple,
                     const struct select_node *node); /* lang.c */
int select_dir_test(struct select_match *match, const struct select_simple *simple,
                    const struct select_node *node); /* dir.c */
int select_state_test(struct select_match *match, enum select_state state,
                      const struct select_node *node); /* state.c */
int select_range_test(struct select_match *match, const struct select_node *node,
                      int is_out);                                                   /* range.c */
int select_checked_test(struct select_match *match, const struct select_node *node); /* choice.c */
int select_default_test(struct select_match *match, const struct select_node *node);
int select_indeterminate_test(struct select_match *match, const struct select_node *node);

/* The types of input elements. state.c */
enum select_input {
  SELECT_INPUT_NONE, /* no input element */
  SELECT_INPUT_TEXT,
  SELECT_INPUT_SEARCH,
  SELECT_INPUT_URL,
  SELECT_INPUT_TEL,
  SELECT_INPUT_EMAIL,
  SELECT_INPUT_PASSWORD,
  SELECT_INPUT_DATE,
  SELECT_INPUT_MONTH,
  SELECT_INPUT_WEEK,
  SELECT_INPUT_TIME,
  SELECT_INPUT_LOCAL,
  SELECT_INPUT_NUMBER,
  SELECT_INPUT_CHECKBOX,
  SELECT_INPUT_RADIO,
  SELECT_INPUT_FILE,
  SELECT_INPUT_RANGE, /* from here on no value can be required */
  SELECT_INPUT_COLOR,
  SELECT_INPUT_HIDDEN,
  SELECT_INPUT_SUBMIT,
  SELECT_INPUT_IMAGE,
  SELECT_INPUT_RESET,
  SELECT_INPUT_BUTTON,
};
int select_input_of(struct select_match *match, const struct select_node *node);

#endif
