/* dom/names.h - qualified names that have the same numbers in all documents: DOM_HTML_DIV, DOM_NONE_CLASS (an
 * attribute without namespace), DOM_SVG_G, ... */
#ifndef DOM_NAMES_H
#define DOM_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "copse/dom.h"
#include "dom/names_list.h"

enum dom_name_number {
  DOM_NAME_NONE = 0,
  DOM_NAME_CONTENTS = 1, /* in attribute blocks: see data.h */
  DOM_NAME_SOURCE = 2,
  DOM_NAME_FIRST = 8, /* one less than the first of the lists */
#define DOM_NAME_NUMBER(space, constant, local) DOM_##space##_##constant,
  DOM_NAMES(DOM_NAME_NUMBER)
#undef DOM_NAME_NUMBER
      DOM_NAMES_KNOWN /* one more than the greatest number there is */
};

#define DOM_NAMES_OWN 4096u /* numbers from here on belong to one document */
_Static_assert(DOM_NAMES_KNOWN <= DOM_NAMES_OWN, "numbers are for ever");

struct dom_name {
  enum copse_namespace space;
  struct copse_bytes prefix, local;
};

/* The name of a number. 0: done; COPSE_NONE: no known name has it. */
int dom_known_name(uint32_t number, struct dom_name *name);
/* The number of a known name; 0: it is none. */
uint32_t dom_known_number(enum copse_namespace space, const void *prefix, size_t prefix_size,
                          const void *local, size_t size);

#endif
