/* select/has.c - :has(): whether a relative selector matches something around an element. */
#include "select/match.h"

/* Whether a relative selector matches the node or, if it is deep, something below it. */
static int below(struct select_match *match, uint32_t complex, const struct select_node *top,
                 int is_deep, int is_itself) {
  struct select_node node = *top;
  uint64_t left = match->ways;
  int result = is_itself ? select_complex_test(match, complex, &node) : 0;
  while (result == 0 && is_deep) {
    result = select_walk(match, top->link, &left, &node);
    if (result == COPSE_NONE)
      return 0;
    if (result == 0 && select_is_element(&node))
      result = select_complex_test(match, complex, &node);
  }
  return result;
}

static int children(struct select_match *match, uint32_t complex, const struct select_node *node) {
  struct select_node child;
  uint64_t left = match->ways;
  int result = 0;
  for (uint32_t link = node->record.links.first; link && result == 0;
       link = child.record.links.next) {
    result = select_node_load(match, link, &child);
    if (result == 0 && select_is_element(&child))
      result = select_complex_test(match, complex, &child);
    if (left-- == 0)
      return select_circle(&child);
  }
  return result;
}

static int siblings(struct select_match *match, uint32_t complex, const struct select_node *node,
                    int is_deep) {
  struct select_node at = *node, next;
  uint64_t left = match->ways;
  for (;;) {
    int result = select_next(match, &at, &next);
    if (result)
      return result == COPSE_NONE ? 0 : result;
    result = below(match, complex, &next, is_deep, 1);
    if (result)
      return result;
    at = next;
    if (left-- == 0)
      return select_circle(&at);
  }
}

int select_has_test(struct select_match *match, const struct select_simple *simple,
                    const struct select_node *node) {
  const struct select_list *list = &match->selector->lists[simple->list - 1];
  uint32_t outer = match->anchor;
  int result = 0;
  match->anchor = node->link;
  for (uint32_t i = 0; i < list->count && result == 0; i++) {
    uint32_t number = list->complex + i;
    const struct select_complex *complex = &match->selector->complexes[number];
    int is_simple = complex->count == 2;
    if (complex->leading == SELECT_NEXT || complex->leading == SELECT_LATER)
      result = siblings(match, number, node, !is_simple);
    else if (complex->leading == SELECT_CHILD_OF && is_simple)
      result = children(match, number, node);
    else
      result = below(match, number, node, 1, 0);
  }
  match->anchor = outer;
  return result;
}
