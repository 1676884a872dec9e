/* select/type.c - names of elements. Those of the table are told by their numbers, others by what they are. */
#include "select/match.h"

static int bytes_are(const struct copse_bytes *bytes, const char *text, size_t size) {
  return bytes->size == size && memcmp(bytes->data, text, size) == 0;
}

int select_type_test(struct select_match *match, const struct select_compound *compound,
                     const struct select_node *node) {
  const struct copse_selector *selector = match->selector;
  uint32_t name = node->record.data.name;
  if (compound->space == SELECT_SPACE_ANY) {
    if (!compound->is_typed)
      return 1;
    if (name < DOM_NAMES_OWN)
      return select_is_known(compound, name);
  }
  struct dom_name is;
  int result = dom_name_get(match->view, match->document, name, &is);
  if (result)
    return result;
  if (compound->space == SELECT_SPACE_NONE && is.space != COPSE_NS_NONE)
    return 0;
  if (!compound->is_typed)
    return 1;
  struct select_text text = is.space == COPSE_NS_HTML ? compound->lower : compound->name;
  return bytes_are(&is.local, select_text(selector, text), text.size);
}

/* Names of one namespace that differ in their prefix only are the same type. */
int select_same_type(struct select_match *match, uint32_t a, uint32_t b) {
  struct dom_name one, other;
  uint8_t local[DOM_SMALL];
  if (a == b || (a < DOM_NAMES_OWN && b < DOM_NAMES_OWN))
    return a == b;
  int result = dom_name_get(match->view, match->document, a, &one);
  if (result || one.local.size > sizeof local)
    return result;
  enum copse_namespace space = one.space;
  size_t prefix = one.prefix.size, size = one.local.size;
  memcpy(local, one.local.data, size); /* names are lent until the next is read */
  result = dom_name_get(match->view, match->document, b, &other);
  if (result || (prefix == 0 && other.prefix.size == 0))
    return result;
  return space == other.space && bytes_are(&other.local, (const char *)local, size);
}
