/* dom/sink.c - building a document in a sink: nodes, their strings, the tree. */
#include "dom/sink.h"

#include <stdlib.h>

#define DOCUMENT 1u
#define ROOM_FIRST 256u

int copse_sink_new(struct copse_sink **out) {
  struct copse_sink *sink = calloc(1, sizeof *sink);
  if (sink)
    sink->nodes = malloc(ROOM_FIRST * sizeof *sink->nodes);
  if (!sink || !sink->nodes) {
    free(sink);
    return error_set(COPSE_E_MEMORY, "no memory for a sink");
  }
  sink->room = ROOM_FIRST;
  sink->name_text.end = 1;
  sink_empty(sink);
  *out = sink;
  return 0;
}

void sink_empty(struct copse_sink *sink) {
  memset(sink->nodes, 0, 2 * sizeof *sink->nodes);
  sink->nodes[DOCUMENT].data.kind = COPSE_NODE_DOCUMENT;
  sink->count = 2;
  sink->text.end = 1;
  sink->quirks = COPSE_NO_QUIRKS;
  if (sink->added)
    memset(sink->added, 0, sink->added_size * sizeof *sink->added);
  sink->added_count = 0;
  free(sink->sources);
  sink->sources = NULL;
  sink->source_room = 0;
}

void copse_sink_free(struct copse_sink *sink) {
  if (!sink)
    return;
  free(sink->nodes);
  free(sink->text.bytes);
  free(sink->name_text.bytes);
  free(sink->own);
  free(sink->index);
  free(sink->added);
  free(sink->sources);
  free(sink);
}

/* --- nodes ----------------------------------------------------------------------------- */

/* NULL: there is no such node. */
static inline struct sink_node *node_at(const struct copse_sink *sink, copse_sink_node node) {
  return node && node < sink->count ? &sink->nodes[node] : NULL;
}

static struct sink_node *element_at(const struct copse_sink *sink, copse_sink_node node) {
  struct sink_node *at = node_at(sink, node);
  return at && at->data.kind == COPSE_NODE_ELEMENT ? at : NULL;
}

static int can_have_children(const struct sink_node *node) {
  return node->data.kind == COPSE_NODE_ELEMENT || node->data.kind == COPSE_NODE_DOCUMENT ||
         node->data.kind == COPSE_NODE_FRAGMENT;
}

static int can_have_parent(const struct sink_node *node) {
  return node->data.kind != COPSE_NODE_DOCUMENT && node->data.kind != COPSE_NODE_FRAGMENT;
}

static __attribute__((noinline)) int nodes_grow(struct copse_sink *sink) {
  uint64_t room = sink->room * UINT64_C(2);
  struct sink_node *nodes =
      room < DOM_INDEX_END ? realloc(sink->nodes, room * sizeof *nodes) : NULL;
  if (!nodes) {
    sink->failed = 1;
    return -1;
  }
  sink->nodes = nodes;
  sink->room = (uint32_t)room;
  return 0;
}

static copse_sink_node node_new(struct copse_sink *sink, struct dom_data data) {
  if (sink->count == sink->room && nodes_grow(sink))
    return 0;
  sink->nodes[sink->count] = (struct sink_node){.data = data};
  return sink->count++;
}

/* Room for a string, or 0 and the sink has failed. */
static uint32_t text_take(struct copse_sink *sink, uint64_t size) {
  uint32_t place = size <= UINT32_MAX ? sink_text_take(&sink->text, size) : 0;
  if (place == 0)
    sink->failed = 1;
  return place;
}

/* A node of a string. */
static copse_sink_node string_new(struct copse_sink *sink, struct dom_data data, const char *text,
                                  size_t size) {
  if (size) {
    data.data = text_take(sink, size);
    if (data.data == 0)
      return 0;
    memcpy(sink_bytes(sink, data.data), text, size);
    data.more = (uint32_t)size;
  }
  return node_new(sink, data);
}

copse_sink_node copse_sink_document(struct copse_sink *sink) {
  (void)sink;
  return DOCUMENT;
}

copse_sink_node copse_sink_comment(struct copse_sink *sink, const char *text, size_t size) {
  return string_new(sink, (struct dom_data){.kind = COPSE_NODE_COMMENT}, text, size);
}

copse_sink_node copse_sink_instruction(struct copse_sink *sink, const char *target,
                                       size_t target_size, const char *text, size_t size) {
  uint32_t name = copse_sink_name(sink, COPSE_NS_NONE, NULL, 0, target, target_size);
  struct dom_data data = {.kind = COPSE_NODE_INSTRUCTION, .name = name};
  return name ? string_new(sink, data, text, size) : 0;
}

/* --- elements -------------------------------------------------------------------------- */

/* The attributes whose names there are, as a block with `head` bytes before it. 0: there are none, or no memory. */
static uint32_t block_new(struct copse_sink *sink, const struct copse_sink_attribute *attributes,
                          size_t n, uint32_t head, struct dom_data *data) {
  uint64_t size = head + DOM_BLOCK_HEAD;
  uint32_t count = 0;
  for (size_t i = 0; i < n; i++)
    if (sink_name_is(sink, attributes[i].name)) {
      size += DOM_BLOCK_ENTRY + (uint64_t)attributes[i].size;
      count++;
    }
  uint32_t place = count ? text_take(sink, size) : 0;
  if (place == 0)
    return 0;
  uint8_t *entry = sink_bytes(sink, place) + head, *value;
  memcpy(entry, &count, sizeof count);
  entry += DOM_BLOCK_HEAD;
  value = entry + (size_t)count * DOM_BLOCK_ENTRY;
  for (size_t i = 0; i < n; i++) {
    if (!sink_name_is(sink, attributes[i].name))
      continue;
    memcpy(entry, &attributes[i].name, 4);
    memcpy(entry + 4, &attributes[i].size, 4);
    entry += DOM_BLOCK_ENTRY;
    if (attributes[i].size)
      memcpy(value, attributes[i].value, attributes[i].size);
    struct dom_attribute attribute = {attributes[i].name, attributes[i].size, value};
    value += attributes[i].size;
    if (attribute.name >= DOM_NAMES_OWN)
      data->flags |= SINK_OWN;
    else
      data->more |= dom_filter(&attribute);
  }
  return place;
}

copse_sink_node copse_sink_element(struct copse_sink *sink, uint32_t name,
                                   const struct copse_sink_attribute *attributes, size_t n,
                                   uint32_t flags) {
  struct dom_data data = {.kind = COPSE_NODE_ELEMENT, .name = name};
  if (!sink_name_is(sink, name))
    return 0;
  if (flags & COPSE_SINK_MATHML_POINT)
    data.flags |= SINK_POINT;
  if (flags & COPSE_SINK_TEMPLATE)
    data.flags |= DOM_TEMPLATE;
  if (n)
    data.data = block_new(sink, attributes, n, 0, &data);
  copse_sink_node element = node_new(sink, data);
  if (element && flags & COPSE_SINK_TEMPLATE) {
    struct dom_data contents = {.kind = COPSE_NODE_FRAGMENT, .flags = DOM_HOST, .data = element};
    copse_sink_node fragment = node_new(sink, contents);
    sink->nodes[element].links.zero = fragment;
  }
  return element;
}

copse_sink_node copse_sink_contents(struct copse_sink *sink, copse_sink_node element) {
  const struct sink_node *node = element_at(sink, element);
  return node ? node->links.zero : 0;
}

uint32_t copse_sink_element_name(const struct copse_sink *sink, copse_sink_node element) {
  const struct sink_node *node = element_at(sink, element);
  return node ? node->data.name : 0;
}

uint32_t copse_sink_element_flags(const struct copse_sink *sink, copse_sink_node element) {
  const struct sink_node *node = element_at(sink, element);
  return node ? (node->data.flags & DOM_TEMPLATE ? (uint32_t)COPSE_SINK_TEMPLATE : 0) |
                    (node->data.flags & SINK_POINT ? (uint32_t)COPSE_SINK_MATHML_POINT : 0)
              : 0;
}

copse_sink_node copse_sink_parent(const struct copse_sink *sink, copse_sink_node node) {
  const struct sink_node *at = node_at(sink, node);
  return at ? at->links.parent : 0;
}

/* Makes a chain of an element's attributes, with what they were as its first block. */
static int chain_begin(struct copse_sink *sink, copse_sink_node element) {
  struct dom_data data = sink->nodes[element].data;
  uint32_t count = data.data ? dom_u32(sink_bytes(sink, data.data)) : 0, size = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *entry =
        sink_bytes(sink, data.data) + DOM_BLOCK_HEAD + (size_t)i * DOM_BLOCK_ENTRY;
    size += DOM_BLOCK_ENTRY + dom_u32(entry + 4);
    if (sink_added_note(sink, element, dom_u32(entry)) < 0)
      return -1;
  }
  struct sink_added head = {0};
  uint32_t place = text_take(sink, sizeof head + DOM_BLOCK_HEAD + (uint64_t)size);
  if (place == 0)
    return -1;
  uint8_t *to = sink_bytes(sink, place);
  memcpy(to, &head, sizeof head);
  memset(to + sizeof head, 0, DOM_BLOCK_HEAD);
  if (count)
    memcpy(to + sizeof head, sink_bytes(sink, data.data), DOM_BLOCK_HEAD + size);
  sink->nodes[element].data.data = place;
  sink->nodes[element].data.flags |= SINK_ADDED;
  return 0;
}

void copse_sink_attributes_add(struct copse_sink *sink, copse_sink_node element,
                               const struct copse_sink_attribute *attributes, size_t n) {
  struct sink_node *node = element_at(sink, element);
  if (!node || n == 0)
    return;
  struct copse_sink_attribute *fresh = malloc(n * sizeof *fresh);
  size_t count = 0;
  if (!fresh || (!(node->data.flags & SINK_ADDED) && chain_begin(sink, element))) {
    sink->failed = 1;
    free(fresh);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    int noted = sink_name_is(sink, attributes[i].name)
                    ? sink_added_note(sink, element, attributes[i].name)
                    : 0;
    if (noted > 0)
      fresh[count++] = attributes[i];
    else if (noted < 0)
      sink->failed = 1;
  }
  struct sink_added head = {node->data.data};
  uint32_t place = block_new(sink, fresh, count, sizeof head, &node->data);
  if (place) {
    memcpy(sink_bytes(sink, place), &head, sizeof head);
    node->data.data = place;
  }
  free(fresh);
}

/* --- the tree -------------------------------------------------------------------------- */

static void unlink_node(struct copse_sink *sink, struct sink_node *node) {
  struct dom_links *links = &node->links;
  if (links->parent == 0)
    return;
  struct dom_links *parent = &sink->nodes[links->parent].links;
  *(links->previous ? &sink->nodes[links->previous].links.next : &parent->first) = links->next;
  *(links->next ? &sink->nodes[links->next].links.previous : &parent->last) = links->previous;
  links->parent = links->previous = links->next = 0;
}

/* Puts a node that has no parent before `next`, a child of parent; 0: as the last child. */
static inline void link_node(struct copse_sink *sink, copse_sink_node parent, copse_sink_node next,
                             copse_sink_node number) {
  struct dom_links *links = &sink->nodes[number].links, *above = &sink->nodes[parent].links;
  uint32_t *back = next ? &sink->nodes[next].links.previous : &above->last;
  links->parent = parent;
  links->next = next;
  links->previous = *back;
  *(*back ? &sink->nodes[*back].links.next : &above->first) = number;
  *back = number;
}

void copse_sink_append(struct copse_sink *sink, copse_sink_node parent, copse_sink_node node) {
  struct sink_node *above = node_at(sink, parent), *child = node_at(sink, node);
  if (!above || !child || parent == node || !can_have_children(above) || !can_have_parent(child))
    return;
  unlink_node(sink, child);
  link_node(sink, parent, 0, node);
}

void copse_sink_before(struct copse_sink *sink, copse_sink_node sibling, copse_sink_node node) {
  struct sink_node *next = node_at(sink, sibling), *child = node_at(sink, node);
  if (!next || !child || sibling == node || next->links.parent == 0 || next->links.parent == node ||
      !can_have_parent(child))
    return;
  unlink_node(sink, child);
  link_node(sink, next->links.parent, sibling, node);
}

void copse_sink_detach(struct copse_sink *sink, copse_sink_node node) {
  struct sink_node *child = node_at(sink, node);
  if (child)
    unlink_node(sink, child);
}

void copse_sink_reparent(struct copse_sink *sink, copse_sink_node node, copse_sink_node parent) {
  struct sink_node *from = node_at(sink, node), *to = node_at(sink, parent);
  if (!from || !to || from == to || !can_have_children(to) || from->links.first == 0)
    return;
  for (uint32_t child = from->links.first; child; child = sink->nodes[child].links.next)
    sink->nodes[child].links.parent = parent;
  uint32_t first = from->links.first, last = to->links.last;
  to->links.last = from->links.last;
  from->links.first = from->links.last = 0;
  sink->nodes[first].links.previous = last;
  *(last ? &sink->nodes[last].links.next : &to->links.first) = first;
}

/* --- text ------------------------------------------------------------------------------ */

static uint32_t power_of_two(uint32_t units) {
  uint32_t power = 1;
  while (power < units && power < UINT32_C(1) << 31)
    power *= 2;
  return power;
}

/* Moves a text to where there is room for as much again. */
static int text_move(struct copse_sink *sink, struct dom_data *data, uint32_t size) {
  uint32_t units = power_of_two(dom_units(size));
  uint32_t place = text_take(sink, (uint64_t)units * DOM_UNIT);
  if (place == 0)
    return -1;
  memcpy(sink_bytes(sink, place), sink_bytes(sink, data->data), data->more);
  data->data = place;
  data->flags |= SINK_GROWN;
  return 0;
}

static void text_extend(struct copse_sink *sink, struct dom_data *data, const char *text,
                        size_t size) {
  uint64_t whole = data->more + (uint64_t)size;
  if (whole > UINT32_MAX - DOM_UNIT || size > UINT32_MAX) {
    sink->failed = 1;
    return;
  }
  uint32_t units = dom_units(data->more), needed = dom_units((uint32_t)whole);
  uint32_t room = data->flags & SINK_GROWN ? power_of_two(units) : units;
  if (needed > room) {
    int at_end = !(data->flags & SINK_GROWN) && data->data + units == sink->text.end;
    if (at_end ? text_take(sink, (uint64_t)(needed - units) * DOM_UNIT) == 0
               : text_move(sink, data, (uint32_t)whole))
      return;
  }
  memcpy(sink_bytes(sink, data->data) + data->more, text, size);
  data->more = (uint32_t)whole;
}

/* Text between `previous` and `next`, children of parent, either of which may be 0. */
static void text_put(struct copse_sink *sink, copse_sink_node parent, copse_sink_node previous,
                     copse_sink_node next, const char *text, size_t size) {
  if (size == 0)
    return;
  if (previous && sink->nodes[previous].data.kind == COPSE_NODE_TEXT) {
    text_extend(sink, &sink->nodes[previous].data, text, size);
    return;
  }
  copse_sink_node node = string_new(sink, (struct dom_data){.kind = COPSE_NODE_TEXT}, text, size);
  if (node)
    link_node(sink, parent, next, node);
}

void copse_sink_text_append(struct copse_sink *sink, copse_sink_node parent, const char *text,
                            size_t size) {
  const struct sink_node *above = node_at(sink, parent);
  if (above && can_have_children(above))
    text_put(sink, parent, above->links.last, 0, text, size);
}

void copse_sink_text_before(struct copse_sink *sink, copse_sink_node sibling, const char *text,
                            size_t size) {
  const struct sink_node *next = node_at(sink, sibling);
  if (next && next->links.parent)
    text_put(sink, next->links.parent, next->links.previous, sibling, text, size);
}

/* --- what concerns the document -------------------------------------------------------- */

void copse_sink_doctype(struct copse_sink *sink, const char *name, size_t name_size,
                        const char *public_id, size_t public_size, const char *system_id,
                        size_t system_size) {
  struct dom_data data = {.kind = COPSE_NODE_DOCTYPE};
  const char *strings[] = {name, public_id, system_id};
  size_t sizes[] = {name_size, public_size, system_size}, whole = DOM_DOCTYPE_HEAD;
  for (int i = 0; i < 3; i++)
    whole = sizes[i] < UINT32_MAX && whole < UINT32_MAX ? whole + sizes[i] : SIZE_MAX;
  data.data = text_take(sink, whole);
  if (data.data == 0)
    return;
  uint8_t *at = sink_bytes(sink, data.data);
  for (int i = 0; i < 3; i++, at += 4)
    memcpy(at, &(uint32_t){(uint32_t)sizes[i]}, 4);
  for (int i = 0; i < 3; at += sizes[i], i++)
    if (sizes[i])
      memcpy(at, strings[i], sizes[i]);
  copse_sink_node node = node_new(sink, data);
  if (node)
    link_node(sink, DOCUMENT, 0, node);
}

void copse_sink_quirks(struct copse_sink *sink, enum copse_quirks quirks) { sink->quirks = quirks; }

/* --- sources --------------------------------------------------------------------------- */

static struct copse_source *source_at(struct copse_sink *sink, copse_sink_node element) {
  if (!element_at(sink, element))
    return NULL;
  if (element >= sink->source_room) {
    uint32_t room = sink->room;
    struct copse_source *sources = realloc(sink->sources, room * sizeof *sources);
    if (!sources) {
      sink->failed = 1;
      return NULL;
    }
    memset(sources + sink->source_room, 0, (room - sink->source_room) * sizeof *sources);
    sink->sources = sources;
    sink->source_room = room;
  }
  return &sink->sources[element];
}

void copse_sink_start_tag(struct copse_sink *sink, copse_sink_node element, uint64_t begin,
                          uint64_t end) {
  struct copse_source *source = source_at(sink, element);
  if (source) {
    source->begin = begin;
    source->tag_end = end;
  }
}

void copse_sink_end_tag(struct copse_sink *sink, copse_sink_node element, uint64_t end) {
  struct copse_source *source = source_at(sink, element);
  if (source)
    source->end = end;
}
