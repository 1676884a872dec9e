/* dom/check.c - whether a document is sound: nothing lost, nothing that belongs to two. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dom/change.h"
#include "store/store.h"

struct check {
  struct copse_view *view;
  struct copse_document *document;
  void (*fault)(void *context, const char *sentence);
  void *context;
  uint64_t faults;
  uint8_t *seen; /* a bit for each slot: the node was met in a tree */
  uint64_t slots, met;
  uint8_t *taken; /* a bit for each unit of the heap */
  uint64_t units, used;
  uint64_t big_users, bigs;
};

COPSE_PRINTF(2, 3) static void fault(struct check *check, const char *format, ...) {
  char sentence[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  check->faults++;
  if (check->fault)
    check->fault(check->context, sentence);
}

/* Damage is a fault, and what it hindered is left out. Other errors end the check. */
static int damage(struct check *check, int result) {
  if (result != COPSE_E_CORRUPT)
    return result;
  fault(check, "%s", copse_error_detail());
  return 0;
}

/* --- the heap -------------------------------------------------------------------------- */

static void units_take(struct check *check, uint32_t place, uint32_t size) {
  uint32_t units = dom_units(size);
  check->used += units;
  for (uint64_t i = place; i < (uint64_t)place + units; i++) {
    if (i >= check->units) {
      fault(check, "the string at %u ends behind the heap", place);
      return;
    }
    if (check->taken[i / 8] >> i % 8 & 1) {
      fault(check, "unit %llu belongs to two strings", (unsigned long long)i);
      return;
    }
    check->taken[i / 8] |= (uint8_t)(1 << i % 8);
  }
}

static int name_check(struct check *check, uint32_t number) {
  struct dom_name name;
  uint32_t found;
  int result = dom_name_get(check->view, check->document, number, &name);
  if (result || number < DOM_NAMES_OWN)
    return result;
  result = dom_name_find(check->view, check->document, name.space, name.prefix.data,
                         name.prefix.size, name.local.data, name.local.size, &found);
  if (result == COPSE_NONE || (result == 0 && found != number))
    return error_set(COPSE_E_CORRUPT, "name %u is not interned", number);
  return result;
}

static int names_check(struct check *check) {
  struct copse_bytes key, value, entry;
  struct copse_cursor *cursor;
  int result = copse_cursor_open(check->view, check->document->names, NULL, &cursor);
  if (result)
    return result;
  while ((result = copse_cursor_next(cursor, &key, &value)) == 0) {
    uint8_t kind = key.size ? *(const uint8_t *)key.data : 0;
    if (kind == 'b') {
      check->bigs++;
      continue;
    }
    uint32_t number = value.size == 4 ? dom_u32(value.data) : 0;
    if ((kind != 'n' && kind != 'l') || number < DOM_NAMES_OWN) {
      fault(check, "the map of names holds something else");
      continue;
    }
    result = name_check(check, number);
    if (result == 0)
      result = dom_name_entry(check->view, check->document, number, &entry);
    if (result == 0) {
      units_take(check, number - DOM_NAMES_OWN, (uint32_t)entry.size);
      check->big_users += kind == 'l' && ((const uint8_t *)entry.data)[2] == 0xff;
    }
    result = damage(check, result);
    if (result)
      break;
  }
  copse_cursor_close(cursor);
  return result == COPSE_NONE ? 0 : result;
}

/* --- nodes ----------------------------------------------------------------------------- */

static int element_check(struct check *check, const struct dom_item *item) {
  struct dom_attributes walk;
  struct dom_attribute attribute;
  struct dom_item contents;
  uint32_t filter = 0;
  int is_template = (item->data.flags & DOM_TEMPLATE) != 0;
  int result = name_check(check, item->data.name);
  if (result == 0)
    result = dom_attributes(check->view, check->document, &item->data, &walk);
  if (result)
    return result;
  while ((result = dom_attributes_next(&walk, &attribute)) == 0) {
    filter |= dom_filter(&attribute);
    if (attribute.name == DOM_NAME_CONTENTS && (!is_template || walk.next != 1))
      return dom_corrupt(&item->node, "has contents and is no template");
    if (attribute.name > DOM_NAME_FIRST && !check->view->pages.copy)
      result = name_check(check, attribute.name);
    if (result)
      return result;
  }
  if (result < 0)
    return dom_attributes_damaged();
  if (filter != item->data.more)
    return dom_corrupt(&item->node, "has a filter that does not follow from its attributes");
  if ((item->data.name == DOM_HTML_TEMPLATE) != is_template)
    return dom_corrupt(&item->node, "is a template without contents, or has some and is none");
  result = dom_item_contents(check->view, check->document, item, &contents);
  return result == COPSE_NONE ? 0 : result;
}

/* What a node holds. */
static int content_check(struct check *check, const struct dom_item *item) {
  struct dom_item host;
  struct copse_bytes text;
  uint32_t size;
  int result = 0;
  switch (item->data.kind) {
  case COPSE_NODE_ELEMENT: result = element_check(check, item); break;
  case COPSE_NODE_FRAGMENT:
    result = dom_item_host(check->view, check->document, item, &host);
    result = result == COPSE_NONE ? 0 : result;
    break;
  case COPSE_NODE_INSTRUCTION:
  case COPSE_NODE_TEXT:
  case COPSE_NODE_COMMENT:
    if (item->data.kind == COPSE_NODE_INSTRUCTION)
      result = name_check(check, item->data.name);
    if (result == 0)
      result = dom_text(check->view, check->document, &item->data, &text);
    break;
  default: break;
  }
  if (result == 0)
    result = dom_string_size(check->view, check->document, &item->data, &size);
  if (result)
    return result;
  if (item->data.flags & DOM_BIG)
    check->big_users++;
  else
    units_take(check, item->data.data, size);
  return 0;
}

static int may_hold(const struct dom_data *parent, const struct dom_data *child) {
  switch (parent->kind) {
  case COPSE_NODE_DOCUMENT:
    return child->kind != COPSE_NODE_TEXT && child->kind != COPSE_NODE_FRAGMENT &&
           child->kind != COPSE_NODE_DOCUMENT;
  case COPSE_NODE_ELEMENT:
  case COPSE_NODE_FRAGMENT: /* copies of documents are fragments, with a doctype */
    return (child->kind >= COPSE_NODE_ELEMENT && child->kind <= COPSE_NODE_INSTRUCTION) ||
           (child->kind == COPSE_NODE_DOCTYPE && parent->kind == COPSE_NODE_FRAGMENT);
  default: return 0;
  }
}

static void met(struct check *check, uint64_t index) {
  if (index >= check->slots || check->seen[index / 8] >> index % 8 & 1) {
    fault(check, "node %llu is in two trees", (unsigned long long)index);
    return;
  }
  check->seen[index / 8] |= (uint8_t)(1 << index % 8);
  check->met++;
}

/* All nodes below a root. */
static int tree_check(struct check *check, const struct dom_item *root) {
  struct copse_tree_walk walk;
  int result = copse_tree_walk_begin(check->view, check->document->tree, &root->node.handle,
                                     COPSE_TREE_DESCENDANTS, &walk);
  if (result)
    return result;
  met(check, root->node.handle.index);
  while ((result = copse_tree_walk_next(&walk, NULL)) == 0)
    met(check, walk.node.index);
  return result == COPSE_NONE ? 0 : result;
}

static int node_check(struct check *check, uint64_t index) {
  struct copse_handle handle;
  struct dom_item item, parent;
  const void *payload;
  int result = copse_tree_at(check->view, check->document->tree, index, &handle, &payload);
  if (result == 0)
    result = dom_item_get(check->view, check->document, &handle, &item);
  if (result == 0)
    result = content_check(check, &item);
  if (result)
    return result == COPSE_NONE ? 0 : result;
  if ((item.data.kind == COPSE_NODE_DOCUMENT) != (index == 0))
    return dom_corrupt(&item.node, "is a document where none is to be, or is none");
  result = dom_item_step(check->view, check->document, &item, COPSE_TREE_PARENT, &parent);
  if (result == COPSE_NONE)
    return tree_check(check, &item);
  if (result == 0 && !may_hold(&parent.data, &item.data))
    return dom_corrupt(&item.node, "has a parent that holds no such nodes");
  return result;
}

static int nodes_check(struct check *check) {
  struct copse_arena *arena = check->document->tree->arena;
  struct copse_chunk chunk;
  uint64_t from = 0, count;
  int result;
  while ((result = copse_arena_chunk(check->view, arena, from, &chunk)) == 0) {
    from = chunk.first + chunk.count;
    for (uint64_t i = chunk.first; i < from; i++) {
      result = damage(check, node_check(check, i));
      if (result)
        return result;
    }
  }
  if (result == COPSE_NONE)
    result = copse_arena_count(check->view, arena, &count);
  if (result == 0 && check->met != count)
    fault(check, "%llu nodes are live, and %llu are in trees", (unsigned long long)count,
          (unsigned long long)check->met);
  return result;
}

static int all_check(struct check *check) {
  struct dom_item root;
  int result = damage(check, names_check(check));
  if (result == 0)
    result = damage(check, nodes_check(check));
  if (result == 0)
    result = dom_item_root(check->view, check->document, &root);
  if (result)
    return damage(check, result);
  if (root.data.more != check->used)
    fault(check, "%u units of the heap are counted as in use, and %llu are", root.data.more,
          (unsigned long long)check->used);
  if (check->bigs != check->big_users)
    fault(check, "there are %llu big strings, and %llu in use", (unsigned long long)check->bigs,
          (unsigned long long)check->big_users);
  return 0;
}

int copse_document_check(struct copse_view *view, struct copse_document *document,
                         void (*report)(void *context, const char *sentence), void *context,
                         uint64_t *faults) {
  struct copse_arena_info tree, text;
  int result = copse_arena_info(view, document->tree->arena, &tree);
  if (result == 0)
    result = copse_arena_info(view, document->text, &text);
  if (result)
    return result;
  if (tree.end > DOM_INDEX_END || text.end > UINT32_MAX)
    return error_set(COPSE_E_CORRUPT, "the document is larger than documents can be");
  struct check check = {.view = view,
                        .document = document,
                        .fault = report,
                        .context = context,
                        .slots = tree.end,
                        .units = text.end};
  check.seen = calloc(1, tree.end / 8 + 1);
  check.taken = calloc(1, text.end / 8 + 1);
  result = check.seen && check.taken ? all_check(&check)
                                     : error_set(COPSE_E_MEMORY, "no memory to check a document");
  free(check.seen);
  free(check.taken);
  if (result == 0)
    *faults = check.faults;
  return result;
}
