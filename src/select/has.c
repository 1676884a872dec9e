/* select/has.c - :has(): whether a relative selector matches something around an element. */
#include "select/match.h"

/* Whether a node may be a selector's subject, by what its record tells. */
static int is_subject(const struct select_match *match, uint32_t complex,
                      const struct select_record *record) {
  const struct copse_selector *selector = match->selector;
  const struct select_compound *compound =
      &selector->compounds[selector->complexes[complex].compound];
  uint32_t name = record->data.name;
  if (record->data.kind != COPSE_NODE_ELEMENT ||
      (record->data.more & compound->need) != compound->need)
    return 0;
  return compound->space || !compound->is_typed || name >= DOM_NAMES_OWN ||
         select_is_known(compound, name);
}

/* Whether a relative selector matches something below a node. */
static int below(struct select_match *match, uint32_t complex, uint32_t top) {
  const struct select_record *record;
  struct select_node node;
  uint64_t left = match->ways;
  int result;
  node.link = top;
  while ((result = select_way(match, top, &left, &node.link, &record)) == 0) {
    if (!is_subject(match, complex, record))
      continue;
    node.record = *record;
    result = select_complex_test(match, complex, &node);
    if (result)
      return result;
  }
  return result == COPSE_NONE ? 0 : result;
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
      return select_circle(child.link);
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
    result = select_complex_test(match, complex, &next);
    if (result == 0 && is_deep)
      result = below(match, complex, next.link);
    if (result)
      return result;
    at = next;
    if (left-- == 0)
      return select_circle(at.link);
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
      result = below(match, number, node->link);
  }
  match->anchor = outer;
  return result;
}
