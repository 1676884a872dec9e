/* select/nth.c - :nth-child() and its like. How many siblings of the kind there are up to an element is remembered for
 * each parent, and counted on from there: going through all children of a node takes time in their number. */
#include "select/match.h"

#define NEAR 4 /* so few are counted without remembering */

/* Whether a sibling is among those that are counted. */
static int is_counted(struct select_match *match, const struct select_simple *simple,
                      const struct select_node *element, const struct select_node *sibling) {
  if (simple->kind >= SELECT_OF_TYPE)
    return select_same_type(match, element->record.data.name, sibling->record.data.name);
  return simple->list ? select_list_test(match, simple->list - 1, sibling) : 1;
}

static struct select_counted *counted_of(struct select_match *match, uint32_t number,
                                         const struct select_node *node) {
  uint32_t name =
      match->selector->simples[number].kind >= SELECT_OF_TYPE ? node->record.data.name : 0;
  uint32_t at = node->record.links.parent * 31 + number * 7 + name;
  struct select_counted *counted = &match->counted[at % SELECT_COUNTED];
  if (counted->simple != number + 1 || counted->parent != node->record.links.parent ||
      counted->name != name)
    *counted = (struct select_counted){
        .simple = number + 1, .name = name, .parent = node->record.links.parent};
  return counted;
}

/* Counts on from an element, in a direction, up to one (0: to the end) or until there are more than `most`. *found:
 * that one was met. */
static int count(struct select_match *match, const struct select_simple *simple,
                 const struct select_node *element, int is_back, uint32_t until, uint32_t most,
                 uint32_t *number, int *found) {
  struct select_node at = *element, next;
  uint64_t left = match->ways;
  *found = 0;
  while (*number <= most) {
    int result = is_back ? select_previous(match, &at, &next) : select_next(match, &at, &next);
    if (result)
      return result == COPSE_NONE ? 0 : result;
    if (next.link == until) {
      *found = 1;
      return 0;
    }
    result = is_counted(match, simple, element, &next);
    if (result < 0)
      return result;
    *number += (uint32_t)result;
    at = next;
    if (left-- == 0)
      return select_circle(at.link);
  }
  return 0;
}

/* Its number among the siblings of the kind, from 1 on; more than `most` stands for all that are greater. */
static int number_of(struct select_match *match, uint32_t simple_number,
                     const struct select_node *node, uint32_t *number) {
  const struct select_simple *simple = &match->selector->simples[simple_number];
  int is_last = simple->kind & 1, found;
  *number = 1;
  if (simple->a == 0 && simple->b <= NEAR)
    return count(match, simple, node, !is_last, 0, simple->b < 0 ? 0 : (uint32_t)simple->b, number,
                 &found);
  struct select_counted *counted = counted_of(match, simple_number, node);
  uint32_t before = counted->element, known = counted->number;
  int result;
  if (before == node->link) {
    *number = known;
    return 0;
  }
  if (!is_last || before) {
    result = count(match, simple, node, 1, before, UINT32_MAX - 1, number, &found);
    if (result)
      return result;
    if (found && is_last && known <= *number)
      found = 0; /* damaged, or it is not what was counted */
    if (found)
      *number = is_last ? known - *number : known + *number;
  }
  if (is_last && (!before || !found)) {
    *number = 1;
    result = count(match, simple, node, 0, 0, UINT32_MAX - 1, number, &found);
    if (result)
      return result;
  }
  counted = counted_of(match, simple_number, node); /* lists may have taken its place */
  counted->element = node->link;
  counted->number = *number;
  return 0;
}

int select_nth_test(struct select_match *match, uint32_t simple_number,
                    const struct select_node *node) {
  const struct select_simple *simple = &match->selector->simples[simple_number];
  uint32_t number;
  int result = simple->list ? select_list_test(match, simple->list - 1, node) : 1;
  if (result != 1)
    return result;
  result = number_of(match, simple_number, node, &number);
  if (result)
    return result;
  int64_t behind = (int64_t)number - simple->b;
  if (simple->a == 0)
    return behind == 0;
  return behind % simple->a == 0 && behind / simple->a >= 0;
}
