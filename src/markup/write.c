/* markup/write.c - the public functions, the buffer, the walk. */
#include <stdlib.h>

#include "markup/markup.h"

/* --- output ---------------------------------------------------------------------------- */

int markup_flush(struct markup_out *out) {
  size_t size = out->size;
  out->size = 0;
  return size ? out->write(out->context, out->buffer, size) : 0;
}

int markup_bytes_long(struct markup_out *out, const void *bytes, size_t size) {
  const char *from = bytes;
  while (size > sizeof out->buffer - out->size) {
    size_t part = sizeof out->buffer - out->size;
    memcpy(out->buffer + out->size, from, part);
    out->size += part;
    from += part;
    size -= part;
    int result = markup_flush(out);
    if (result)
      return result;
  }
  memcpy(out->buffer + out->size, from, size);
  out->size += size;
  return 0;
}

/* 1: written otherwise in text and values; 2: in values; 4: perhaps the first byte of a no-break space. */
static const uint8_t special[256] = {['&'] = 1, ['<'] = 1, ['>'] = 1, ['"'] = 2, [0xc2] = 4};

int markup_escaped(struct markup_out *out, const struct copse_bytes *bytes, int is_value) {
  const uint8_t *p = bytes->data;
  size_t size = bytes->size, from = 0, at = 0;
  unsigned mask = is_value ? 7 : 5;
  int result = 0;
  while (result == 0) {
    while (at < size && !(special[p[at]] & mask))
      at++;
    if (at == size)
      break;
    if (p[at] == 0xc2 && (at + 1 == size || p[at + 1] != 0xa0)) {
      at++;
      continue;
    }
    const char *name = p[at] == '&'   ? "&amp;"
                       : p[at] == '<' ? "&lt;"
                       : p[at] == '>' ? "&gt;"
                       : p[at] == '"' ? "&quot;"
                                      : "&nbsp;";
    result = markup_bytes(out, p + from, at - from);
    if (result == 0)
      result = markup_text(out, name);
    from = at += p[at] == 0xc2 ? 2 : 1;
  }
  return result ? result : markup_bytes(out, p + from, size - from);
}

int markup_indent(struct markup_out *out, uint64_t depth) {
  int result = 0;
  for (uint64_t i = 0; i < depth && result == 0; i++)
    result = markup_bytes(out, "  ", 2);
  return result;
}

/* --- the walk -------------------------------------------------------------------------- */

int markup_walk_begin(struct markup_walk *walk, struct copse_view *view,
                      struct copse_document *document, const struct dom_item *top) {
  uint64_t count;
  int result = copse_tree_count(view, document->tree, &count);
  if (result == 0)
    *walk = (struct markup_walk){.view = view,
                                 .document = document,
                                 .item = &walk->items[0],
                                 .items[0] = *top,
                                 .edge = COPSE_TREE_ENTER,
                                 .top = top->node.handle.index,
                                 .left = 2 * count};
  return result;
}

static int is_contents(const struct dom_item *item) {
  return item->data.kind == COPSE_NODE_FRAGMENT && item->data.flags & DOM_HOST;
}

/* Where a node goes up to: its parent, or the template whose contents it is. */
static int up(const struct markup_walk *walk, const struct dom_item *from, struct dom_item *to) {
  struct dom_item contents;
  if (!is_contents(from))
    return dom_item_step(walk->view, walk->document, from, COPSE_TREE_PARENT, to);
  int result = dom_item_host(walk->view, walk->document, from, to);
  if (result == 0)
    result = dom_item_contents(walk->view, walk->document, to, &contents);
  if (result == COPSE_NONE ||
      (result == 0 && contents.node.handle.index != from->node.handle.index))
    result = dom_corrupt(&from->node, "is the contents of a template that has others");
  return result;
}

/* Out of a node that has no next sibling, or whose siblings are not shown. */
static int leave(struct markup_walk *walk, const struct dom_item *from, struct dom_item *to) {
  int result = up(walk, from, to);
  if (result == COPSE_NONE)
    return dom_corrupt(&from->node, "has lost its parent");
  if (result == 0 && is_contents(from)) { /* now into the template's children */
    struct dom_item template = *to;
    result = dom_item_step(walk->view, walk->document, &template, COPSE_TREE_FIRST, to);
    if (result != COPSE_NONE)
      return result;
    *to = template;
    result = 0;
  }
  walk->edge = COPSE_TREE_LEAVE;
  walk->depth--;
  return result;
}

int markup_walk_next(struct markup_walk *walk, int is_skipped) {
  const struct dom_item *from = walk->item;
  struct dom_item *to = from == walk->items ? walk->items + 1 : walk->items;
  int result = COPSE_NONE;
  if (walk->left-- == 0)
    return dom_corrupt(&from->node, "is linked to nodes in a circle");
  if (walk->edge == COPSE_TREE_ENTER) {
    if (from->data.flags & DOM_TEMPLATE && !is_skipped)
      result = dom_item_contents(walk->view, walk->document, from, to);
    if (result == COPSE_NONE && from->node.links.first && !is_skipped)
      result = dom_item_step(walk->view, walk->document, from, COPSE_TREE_FIRST, to);
    if (result == COPSE_NONE) {
      walk->edge = COPSE_TREE_LEAVE;
      return 0;
    }
    walk->depth++;
  } else {
    if (from->node.handle.index == walk->top)
      return COPSE_NONE;
    walk->edge = COPSE_TREE_ENTER;
    if (from->node.links.next && !is_contents(from))
      result = dom_item_step(walk->view, walk->document, from, COPSE_TREE_NEXT, to);
    if (result == COPSE_NONE)
      result = leave(walk, from, to);
  }
  walk->item = to;
  return result;
}

/* --- the public functions -------------------------------------------------------------- */

static int text_all(struct markup_walk *walk, struct markup_out *out) {
  struct copse_bytes text;
  uint8_t kind = walk->item->data.kind;
  int result = 0;
  int is_alone = kind == COPSE_NODE_COMMENT || kind == COPSE_NODE_INSTRUCTION;
  while (result == 0) {
    int is_text =
        walk->edge == COPSE_TREE_ENTER && (walk->item->data.kind == COPSE_NODE_TEXT || is_alone);
    if (is_text)
      result = dom_text(walk->view, walk->document, &walk->item->data, &text);
    if (is_text && result == 0)
      result = markup_bytes(out, text.data, text.size);
    int is_hidden = is_contents(walk->item) && walk->item->node.handle.index != walk->top;
    if (result == 0)
      result = markup_walk_next(walk, is_hidden);
  }
  return result == COPSE_NONE ? 0 : result;
}

int copse_markup_write(struct copse_view *view, struct copse_document *document,
                       const struct copse_handle *node, uint32_t form,
                       int (*write)(void *context, const void *bytes, size_t size), void *context) {
  struct markup_out out;
  struct markup_walk walk;
  struct dom_item top, contents;
  uint32_t plain = form & ~(uint32_t)COPSE_MARKUP_SCRIPTING;
  int is_scripting = plain != form;
  if (plain < COPSE_MARKUP_OUTER || plain > COPSE_MARKUP_TREE)
    return error_set(COPSE_E_ARGUMENT, "there is no form %u of markup", plain);
  int result = dom_item_get(view, document, node, &top);
  if (result == 0 && plain == COPSE_MARKUP_INNER) {
    result = dom_item_contents(view, document, &top, &contents);
    top = result == 0 ? contents : top;
    result = result == COPSE_NONE ? 0 : result;
  }
  if (result == 0)
    result = markup_walk_begin(&walk, view, document, &top);
  if (result)
    return result;
  out.write = write;
  out.context = context;
  out.size = 0;
  if (plain == COPSE_MARKUP_TEXT)
    result = text_all(&walk, &out);
  else if (plain == COPSE_MARKUP_TREE)
    result = markup_tree(&walk, &out);
  else
    result = markup_html(&walk, &out, plain != COPSE_MARKUP_INNER, is_scripting,
                         plain == COPSE_MARKUP_PRETTY);
  return result ? result : markup_flush(&out);
}

struct string {
  char *bytes;
  size_t size, room;
};

static int string_add(void *context, const void *bytes, size_t size) {
  struct string *string = context;
  if (size >= string->room - string->size) {
    size_t room = 2 * string->room + size + 1;
    char *moved = realloc(string->bytes, room);
    if (!moved)
      return error_set(COPSE_E_MEMORY, "no memory for %zu bytes of markup", room);
    string->bytes = moved;
    string->room = room;
  }
  memcpy(string->bytes + string->size, bytes, size);
  string->size += size;
  return 0;
}

int copse_markup_string(struct copse_view *view, struct copse_document *document,
                        const struct copse_handle *node, uint32_t form, char **bytes,
                        size_t *size) {
  struct string string = {0};
  int result = copse_markup_write(view, document, node, form, string_add, &string);
  if (result == 0)
    result = string_add(&string, "", 0);
  if (result) {
    free(string.bytes);
    return result;
  }
  string.bytes[string.size] = 0;
  *bytes = string.bytes;
  *size = string.size;
  return 0;
}

void copse_markup_free(char *string) { free(string); }
