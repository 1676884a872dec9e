/* select/reader.c - leaves of arenas, nodes, and the ways between them. */
#include <stdlib.h>

#include "select/match.h"

int select_reader_begin(struct select_reader *reader, struct copse_view *view,
                        struct copse_arena *arena) {
  memset(reader, 0, sizeof *reader);
  reader->view = view;
  reader->arena = arena;
  reader->mask = SELECT_LEAVES - 1;
  if (!view->pages.copy)
    return 0;
  reader->mask = SELECT_COPIES - 1;
  reader->copies = malloc((size_t)SELECT_COPIES * arena->shape.leaf_bytes);
  return reader->copies ? 0 : error_set(COPSE_E_MEMORY, "no memory for copies of pages");
}

void select_reader_end(struct select_reader *reader) { free(reader->copies); }

int select_leaf_load(struct select_reader *reader, uint64_t number, uint64_t index,
                     const uint8_t **records) {
  const struct arena_shape *shape = &reader->arena->shape;
  const void *record;
  int result = copse_arena_at(reader->view, reader->arena, index, NULL, &record);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_CORRUPT, "a link or place leads to slot %llu, which is empty",
                     (unsigned long long)index);
  if (result)
    return result;
  const uint8_t *leaf =
      (const uint8_t *)record - (size_t)(index - number * shape->slots) * shape->size;
  uint32_t at = (uint32_t)number & reader->mask;
  if (reader->copies) {
    uint8_t *copy = reader->copies + (size_t)at * shape->leaf_bytes;
    memcpy(copy, leaf, shape->leaf_bytes);
    leaf = copy;
  }
  reader->leaves[at].number = number + 1;
  reader->leaves[at].records = leaf;
  *records = leaf;
  return 0;
}

/* --- nodes ----------------------------------------------------------------------------- */

int select_circle(uint32_t link) {
  return error_set(COPSE_E_CORRUPT, "node %u is linked to nodes in a circle", link - 1);
}

int select_previous(struct select_match *match, const struct select_node *from,
                    struct select_node *to) {
  uint64_t left = match->ways;
  for (uint32_t link = from->record.links.previous; link; link = to->record.links.previous) {
    int result = select_node_load(match, link, to);
    if (result || select_is_element(to))
      return result;
    if (left-- == 0)
      return select_circle(to->link);
  }
  return COPSE_NONE;
}

int select_next(struct select_match *match, const struct select_node *from,
                struct select_node *to) {
  uint64_t left = match->ways;
  for (uint32_t link = from->record.links.next; link; link = to->record.links.next) {
    int result = select_node_load(match, link, to);
    if (result || select_is_element(to))
      return result;
    if (left-- == 0)
      return select_circle(to->link);
  }
  return COPSE_NONE;
}

int select_parent(struct select_match *match, const struct select_node *from,
                  struct select_node *to) {
  if (from->record.links.parent == 0)
    return COPSE_NONE;
  int result = select_node_load(match, from->record.links.parent, to);
  return result || select_is_element(to) ? result : COPSE_NONE;
}

int select_walk(struct select_match *match, uint32_t top, uint64_t *left,
                struct select_node *node) {
  uint32_t link = node->record.links.first;
  while (link == 0) {
    if (node->link == top)
      return COPSE_NONE;
    link = node->record.links.next;
    if (link)
      break;
    if (node->record.links.parent == top || node->record.links.parent == 0)
      return COPSE_NONE;
    int result = select_node_load(match, node->record.links.parent, node);
    if (result)
      return result;
    if ((*left)-- == 0)
      return select_circle(node->link);
  }
  if ((*left)-- == 0)
    return select_circle(node->link);
  return select_node_load(match, link, node);
}
