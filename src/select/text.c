/* select/text.c - the text of elements: gathered, and what it contains. */
#include <stdlib.h>

#include "select/match.h"

static int text_add(struct select_match *match, const struct select_node *node) {
  struct copse_bytes text;
  int result = select_string_of(match, node, &text);
  if (result)
    return result;
  if (text.size > match->text_room - match->text_size) {
    size_t room = 2 * match->text_room + text.size + 256;
    char *moved = realloc(match->text, room);
    if (!moved)
      return error_set(COPSE_E_MEMORY, "no memory for %zu bytes of text", room);
    match->text = moved;
    match->text_room = room;
  }
  if (text.size)
    memcpy(match->text + match->text_size, text.data, text.size);
  match->text_size += text.size;
  return 0;
}

int select_text_gather(struct select_match *match, const struct select_node *top) {
  struct select_node node = *top;
  uint64_t left = match->ways;
  int result;
  match->text_size = 0;
  while ((result = select_walk(match, top->link, &left, &node)) == 0) {
    if (node.record.data.kind == COPSE_NODE_TEXT)
      result = text_add(match, &node);
    if (result)
      return result;
  }
  return result == COPSE_NONE ? 0 : result;
}

/* Whether one of the texts is in what was gathered. */
static int is_among(const struct select_match *match, const struct select_simple *simple) {
  const char *text = select_text(match->selector, simple->value), *end = text + simple->value.size;
  for (; text < end; text += strlen(text) + 1) {
    size_t size = strlen(text);
    if (size == 0 || (match->text_size && memmem(match->text, match->text_size, text, size)))
      return 1;
  }
  return 0;
}

int select_contains_test(struct select_match *match, const struct select_simple *simple,
                         const struct select_node *node) {
  int result;
  if (!simple->kind) {
    result = select_text_gather(match, node);
    return result ? result : is_among(match, simple);
  }
  struct select_node child;
  uint64_t left = match->ways;
  for (uint32_t link = node->record.links.first; link; link = child.record.links.next) {
    result = select_node_load(match, link, &child);
    if (result)
      return result;
    if (child.record.data.kind == COPSE_NODE_TEXT) {
      match->text_size = 0;
      result = text_add(match, &child);
      if (result || is_among(match, simple))
        return result ? result : 1;
    }
    if (left-- == 0)
      return select_circle(child.link);
  }
  return 0;
}
