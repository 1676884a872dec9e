/* markup/tree.c - the format in which the html5lib tests tell trees: a line for each node and attribute, "| " and
 * two spaces for each level before it. */
#include <stdlib.h>

#include "markup/markup.h"

static int line(struct markup_out *out, uint64_t depth) {
  int result = markup_bytes(out, "| ", 2);
  return result ? result : markup_indent(out, depth);
}

/* --- attributes ------------------------------------------------------------------------ */

/* One attribute: where its name begins among the names, where its value begins in the block. */
struct shown {
  const uint8_t *name; /* first: its offset, as the names move while they are gathered */
  size_t name_size;
  uint32_t value, value_size;
};
struct entries {
  struct shown *items;
  uint8_t *names;
  size_t count, names_size, names_room;
};

/* UTF-16 has the characters from U+10000 on before those from U+E000 on. */
static unsigned lead_order(uint8_t byte) {
  return byte < 0xee ? byte : byte < 0xf0 ? byte + 16u : byte - 2u;
}

static int entry_order(const void *a, const void *b) {
  const struct shown *x = a, *y = b;
  size_t same = bytes_common(x->name, x->name_size, y->name, y->name_size);
  if (same == x->name_size || same == y->name_size)
    return (x->name_size > y->name_size) - (x->name_size < y->name_size);
  unsigned i = lead_order(x->name[same]), j = lead_order(y->name[same]);
  return (i > j) - (i < j);
}

static int names_add(struct entries *entries, const void *bytes, size_t size) {
  if (size > entries->names_room - entries->names_size) {
    size_t room = 2 * entries->names_room + size + 256;
    uint8_t *moved = realloc(entries->names, room);
    if (!moved)
      return error_set(COPSE_E_MEMORY, "no memory for the names of attributes");
    entries->names = moved;
    entries->names_room = room;
  }
  if (size)
    memcpy(entries->names + entries->names_size, bytes, size);
  entries->names_size += size;
  return 0;
}

static int entries_gather(struct markup_walk *walk, struct entries *entries) {
  static const char *const spaces[] = {
      [COPSE_NS_XLINK] = "xlink ", [COPSE_NS_XML] = "xml ", [COPSE_NS_XMLNS] = "xmlns "};
  struct dom_attributes all;
  struct dom_attribute attribute;
  int next, result = dom_attributes_shown(walk->view, walk->document, &walk->item->data, &all);
  if (result == 0 && all.count > all.next) {
    entries->items = malloc((all.count - all.next) * sizeof *entries->items);
    if (!entries->items)
      return error_set(COPSE_E_MEMORY, "no memory for %u attributes", all.count);
  }
  while (result == 0 && (next = dom_attributes_next(&all, &attribute)) != COPSE_NONE) {
    struct dom_name name;
    if (next < 0)
      return dom_attributes_damaged();
    struct shown *entry = &entries->items[entries->count++];
    *entry = (struct shown){.value = (uint32_t)(attribute.value - all.block),
                            .value_size = attribute.size};
    size_t at = entries->names_size;
    result = dom_name_get(walk->view, walk->document, attribute.name, &name);
    if (result == 0 && name.space >= COPSE_NS_XLINK)
      result = names_add(entries, spaces[name.space], strlen(spaces[name.space]));
    if (result == 0)
      result = names_add(entries, name.local.data, name.local.size);
    entry->name_size = entries->names_size - at;
    if (result == 0 && walk->view->pages.copy) {
      struct dom_attributes again;
      result = dom_attributes(walk->view, walk->document, &walk->item->data, &again);
      all.block = again.block;
    }
  }
  size_t at = 0;
  for (size_t i = 0; i < entries->count && result == 0; i++) {
    entries->items[i].name = entries->names + at;
    at += entries->items[i].name_size;
  }
  return result;
}

static int attributes(struct markup_walk *walk, struct markup_out *out) {
  struct entries entries = {0};
  struct dom_attributes all;
  int result = entries_gather(walk, &entries);
  if (entries.count && result == 0) {
    qsort(entries.items, entries.count, sizeof entries.items[0], entry_order);
    result = dom_attributes(walk->view, walk->document, &walk->item->data, &all);
  }
  for (size_t i = 0; i < entries.count && result == 0; i++) {
    const struct shown *entry = &entries.items[i];
    result = line(out, walk->depth + 1);
    if (result == 0)
      result = markup_bytes(out, entry->name, entry->name_size);
    if (result == 0)
      result = markup_bytes(out, "=\"", 2);
    if (result == 0)
      result = markup_bytes(out, all.block + entry->value, entry->value_size);
    if (result == 0)
      result = markup_bytes(out, "\"\n", 2);
  }
  free(entries.items);
  free(entries.names);
  return result;
}

/* --- nodes ----------------------------------------------------------------------------- */

static int text(struct markup_walk *walk, struct markup_out *out, const char *before,
                const char *after) {
  struct copse_bytes bytes;
  int result = markup_text(out, before);
  if (result == 0)
    result = dom_text(walk->view, walk->document, &walk->item->data, &bytes);
  if (result == 0)
    result = markup_bytes(out, bytes.data, bytes.size);
  return result ? result : markup_text(out, after);
}

static int name_write(struct markup_walk *walk, struct markup_out *out, int is_element) {
  struct dom_name name;
  int result = dom_name_get(walk->view, walk->document, walk->item->data.name, &name);
  if (result == 0 && is_element && name.space == COPSE_NS_SVG)
    result = markup_text(out, "svg ");
  if (result == 0 && is_element && name.space == COPSE_NS_MATHML)
    result = markup_text(out, "math ");
  return result ? result : markup_bytes(out, name.local.data, name.local.size);
}

static int element(struct markup_walk *walk, struct markup_out *out) {
  int result = markup_text(out, "<");
  if (result == 0)
    result = name_write(walk, out, 1);
  if (result == 0)
    result = markup_text(out, ">\n");
  return result || !walk->item->data.data ? result : attributes(walk, out);
}

static int doctype(struct markup_walk *walk, struct markup_out *out) {
  struct copse_bytes strings[3];
  int result = dom_doctype(walk->view, walk->document, &walk->item->data, strings);
  if (result == 0)
    result = markup_text(out, "<!DOCTYPE ");
  if (result == 0)
    result = markup_bytes(out, strings[0].data, strings[0].size);
  for (unsigned i = 1; i < 3 && strings[1].size + strings[2].size && result == 0; i++) {
    result = markup_text(out, " \"");
    if (result == 0)
      result = markup_bytes(out, strings[i].data, strings[i].size);
    if (result == 0)
      result = markup_text(out, "\"");
  }
  return result ? result : markup_text(out, ">\n");
}

static int node(struct markup_walk *walk, struct markup_out *out) {
  int result;
  switch (walk->item->data.kind) {
  case COPSE_NODE_ELEMENT: return element(walk, out);
  case COPSE_NODE_TEXT: return text(walk, out, "\"", "\"\n");
  case COPSE_NODE_COMMENT: return text(walk, out, "<!-- ", " -->\n");
  case COPSE_NODE_INSTRUCTION:
    result = markup_text(out, "<?");
    if (result == 0)
      result = name_write(walk, out, 0);
    return result ? result : text(walk, out, " ", ">\n");
  case COPSE_NODE_DOCTYPE: return doctype(walk, out);
  default: return markup_text(out, "content\n");
  }
}

/* A document, and a fragment that is the top, have no line: what is below them begins at the margin. */
int markup_tree(struct markup_walk *walk, struct markup_out *out) {
  uint8_t kind = walk->item->data.kind;
  int is_shown = kind != COPSE_NODE_DOCUMENT && kind != COPSE_NODE_FRAGMENT, result = 0;
  walk->depth = is_shown ? 1 : 0;
  while (result == 0) {
    if (walk->edge == COPSE_TREE_ENTER && walk->depth) {
      walk->depth--;
      result = line(out, walk->depth);
      if (result == 0)
        result = node(walk, out);
      walk->depth++;
    }
    if (result == 0)
      result = markup_walk_next(walk, 0);
  }
  return result == COPSE_NONE ? 0 : result;
}
