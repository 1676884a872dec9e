/* select/program.h - a compiled selector: flat arrays that nothing changes any more.
 *
 *   list       complex selectors of which one has to match
 *   complex    compounds from right to left, each with the combinator that leads to the next one (to its left)
 *   compound   a type, bits that the element's filter must have, and simple selectors of which all have to match
 *   simple     one test of an element; may lead to a list
 *
 * All of them are told by their numbers in the arrays; texts lie in a pool. The last list is the selector itself. */
#ifndef SELECT_PROGRAM_H
#define SELECT_PROGRAM_H

#include "base/error.h"
#include "copse/selector.h"
#include "dom/names.h"

#define SELECT_DEPTH_MAX 32u /* parentheses within parentheses: matching recurses no deeper */

struct select_text {
  uint32_t at, size;
};

enum select_op {
  SELECT_ID,
  SELECT_CLASS,
  SELECT_ATTRIBUTE, /* kind: enum select_compare; name, value */
  SELECT_IS,        /* list */
  SELECT_NOT,
  SELECT_HAS,
  SELECT_ANCHOR,   /* what :has() is asked of */
  SELECT_NTH,      /* kind: enum select_nth; a, b, list (0: all) */
  SELECT_LANG,     /* value: a list of texts, each with a NUL behind it */
  SELECT_DIR,      /* kind: 0 ltr, 1 rtl, 2 neither */
  SELECT_CONTAINS, /* value as of LANG; kind 1: in the element's own text */
  SELECT_NEVER,
  SELECT_EMPTY,
  SELECT_ROOT,
  SELECT_SCOPE,
  SELECT_LINK,
  SELECT_STATE, /* kind: enum select_state */
};

enum select_compare {
  SELECT_PRESENT,
  SELECT_EQUAL,  /* = */
  SELECT_WORD,   /* ~= */
  SELECT_DASH,   /* |= */
  SELECT_PREFIX, /* ^= */
  SELECT_SUFFIX, /* $= */
  SELECT_PART,   /* *= */
};

enum select_flag {
  SELECT_FOLD = 1, /* attribute: flag i */
  SELECT_FOLD_HTML =
      2, /* attribute: HTML compares its values without case; in elements of HTML only */
  SELECT_ANY_SPACE = 4, /* attribute: *|name */
};

enum select_nth { SELECT_CHILD, SELECT_LAST_CHILD, SELECT_OF_TYPE, SELECT_LAST_OF_TYPE };

enum select_state {
  SELECT_CHECKED,
  SELECT_DISABLED,
  SELECT_ENABLED,
  SELECT_REQUIRED,
  SELECT_OPTIONAL,
  SELECT_READ_ONLY,
  SELECT_READ_WRITE,
  SELECT_DEFAULT,
  SELECT_INDETERMINATE,
  SELECT_PLACEHOLDER_SHOWN,
  SELECT_IN_RANGE,
  SELECT_OUT_OF_RANGE,
  SELECT_DEFINED,
  SELECT_MUTED,
  SELECT_OPEN,
};

struct select_simple {
  uint8_t op, kind, flags, zero;
  uint32_t list;            /* its number + 1 */
  int32_t a, b;             /* of NTH */
  struct select_text name;  /* attribute: as it was written */
  struct select_text lower; /* attribute: in lower case */
  struct select_text value; /* id, class, attribute's value, texts */
  uint32_t number,
      exact; /* attribute: those of lower and name in the table of names; 0: not there */
};

enum select_combinator {
  SELECT_DESCENDANT,
  SELECT_CHILD_OF,
  SELECT_NEXT,  /* + */
  SELECT_LATER, /* ~ */
};

enum select_space { SELECT_SPACE_ANY, SELECT_SPACE_NONE };

#define SELECT_NUMBERS 4u /* HTML, SVG, MathML, no namespace */

struct select_compound {
  uint32_t simple, count;
  uint32_t need; /* filter bits */
  uint8_t combinator;
  uint8_t space;
  uint8_t is_typed;                 /* 0: any name */
  uint8_t is_scope;                 /* matches the scope itself whatever it is */
  uint32_t numbers[SELECT_NUMBERS]; /* those names of the table that it matches; 0: fewer */
  struct select_text name, lower;   /* the type as it was written, in lower case */
};

struct select_complex {
  uint32_t compound, count;
  uint8_t leading;     /* relative: the combinator that it begins with */
  uint8_t is_relative; /* its last compound is the anchor */
};

struct select_list {
  uint32_t complex, count;
};

/* Names of the table lead to the complex selectors of the last list whose subject may have them: a bit for each
 * of the first SELECT_ALTERNATIVES - 1, the last one for all others. */
#define SELECT_ALTERNATIVES 8u

struct copse_selector {
  struct select_simple *simples;
  struct select_compound *compounds;
  struct select_complex *complexes;
  struct select_list *lists;
  char *pool;
  uint32_t simple_count, compound_count, complex_count, list_count, pool_size;
  uint32_t needs[SELECT_ALTERNATIVES];
  uint8_t exact; /* of these alternatives: what has the name, if that is in the table, does match */
  uint8_t by_name[DOM_NAMES_OWN + 1]; /* the last one: of names that are not in the table */
};

static inline const char *select_text(const struct copse_selector *selector,
                                      struct select_text text) {
  return selector->pool + text.at;
}

#endif
