/* dom/sink_put.c - a sink's nodes into a document: in document order, in bulk.
 *
 *   1. Walk the sink's tree, the contents of a template behind it, and number what is met. What the parser has
 *      dropped is not met.
 *   2. Intern the sink's own names.
 *   3. In that order, write each node's string to a page of heap and its record to a page of nodes, with
 *      links, names and places translated. Full pages are appended to the arenas.
 *
 * Numbers of new nodes follow those that the arena ever had. */
#include <stdlib.h>

#include "dom/change.h"
#include "dom/sink.h"
#include "store/arena.h"
#include "store/store.h"

#define NODES_AT_ONCE 1024u
#define HEAP_AT_ONCE 16384u /* units */

struct put {
  struct copse_txn *txn;
  struct copse_document *document;
  const struct copse_sink *sink;
  uint32_t *order;    /* the sink's nodes as they are met: order[0] is the top */
  uint32_t *position; /* in order, by the sink's number */
  uint32_t count;
  uint32_t top_link;       /* what the top is in the document */
  uint32_t base;           /* the link of a node whose position is 0, were it new */
  uint32_t *names;         /* numbers of the sink's own names */
  uint32_t next_big;       /* number of the next big string */
  uint64_t units;          /* that strings take in the heap */
  struct sink_node *nodes; /* a page */
  uint32_t node_count;
  uint8_t *heap; /* a page */
  uint32_t heap_first, heap_used,
      leaf;       /* units: where it belongs, what is in it, how many a leaf has */
  uint8_t *block; /* room for the largest block */
  size_t block_room;
};

/* --- order ----------------------------------------------------------------------------- */

/* The node that follows in document order below the top; 0: none does. */
static uint32_t following(const struct sink_node *nodes, uint32_t top, uint32_t at) {
  if (nodes[at].links.zero)
    return nodes[at].links.zero;
  if (nodes[at].links.first)
    return nodes[at].links.first;
  while (at && at != top) {
    if (nodes[at].links.next)
      return nodes[at].links.next;
    if (nodes[at].data.flags & DOM_HOST) {
      at = nodes[at].data.data; /* its template, whose children are next */
      if (nodes[at].links.first)
        return nodes[at].links.first;
      if (nodes[at].links.next)
        return nodes[at].links.next;
    }
    at = nodes[at].links.parent;
  }
  return 0;
}

static int order_make(struct put *put, uint32_t top) {
  const struct copse_sink *sink = put->sink;
  put->order = malloc(sink->count * sizeof *put->order);
  put->position = malloc(sink->count * sizeof *put->position);
  if (!put->order || !put->position)
    return error_set(COPSE_E_MEMORY, "no memory for the order of %u nodes", sink->count);
  put->order[put->count++] = top;
  put->position[top] = 0;
  for (uint32_t at = sink->nodes[top].links.first; at; at = following(sink->nodes, top, at)) {
    if (put->count == sink->count)
      return error_set(COPSE_E_ARGUMENT, "nodes below node %u of the sink are their own ancestors",
                       top);
    put->position[at] = put->count;
    put->order[put->count++] = at;
  }
  return 0;
}

static uint32_t link_of(const struct put *put, uint32_t node) {
  if (node == 0)
    return 0;
  return put->position[node] ? put->base + put->position[node] : put->top_link;
}

/* --- names ----------------------------------------------------------------------------- */

static int names_intern(struct put *put) {
  const struct copse_sink *sink = put->sink;
  if (sink->own_count == 0)
    return 0;
  put->names = malloc(sink->own_count * sizeof *put->names);
  if (!put->names)
    return error_set(COPSE_E_MEMORY, "no memory for the numbers of %u names", sink->own_count);
  for (uint32_t i = 0; i < sink->own_count; i++) {
    const struct sink_own *own = &sink->own[i];
    const uint8_t *bytes = sink->name_text.bytes + (size_t)own->place * DOM_UNIT;
    struct dom_name name = {
        own->space, {bytes, own->prefix_size}, {bytes + own->prefix_size, own->size}};
    int result = dom_name_intern(put->txn, put->document, &name, &put->names[i]);
    if (result)
      return result;
  }
  return 0;
}

static uint32_t name_of(const struct put *put, uint32_t name) {
  return name < DOM_NAMES_OWN ? name : put->names[name - DOM_NAMES_OWN];
}

/* --- strings --------------------------------------------------------------------------- */

static int heap_flush(struct put *put) {
  uint64_t first;
  if (put->heap_used == 0)
    return 0;
  int result = copse_arena_append(put->txn, put->document->text, put->heap_used, put->heap, &first);
  put->heap_first += put->heap_used;
  put->heap_used = 0;
  return result;
}

/* A big string, under a number of its own. */
static int big_put(struct put *put, struct dom_data *data, const uint8_t *bytes, uint32_t size) {
  int result;
  do {
    uint32_t number = put->next_big++;
    uint8_t key[5] = {'b', (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                      (uint8_t)number};
    data->data = number;
    result = copse_put(put->txn, put->document->names, key, sizeof key, bytes, size, COPSE_INSERT);
  } while (result == COPSE_E_KEY_EXISTS); /* numbers have begun anew */
  data->flags |= DOM_BIG;
  return result;
}

/* Puts a string into the heap: within one leaf, as contiguous bytes. */
static int string_put(struct put *put, struct dom_data *data, const uint8_t *bytes, uint32_t size) {
  if (size > DOM_SMALL)
    return big_put(put, data, bytes, size);
  uint32_t units = dom_units(size), used = put->heap_used;
  uint32_t left = put->leaf - (put->heap_first + used) % put->leaf;
  if (units > left) {
    memset(put->heap + (size_t)used * DOM_UNIT, 0, (size_t)left * DOM_UNIT);
    used += left;
  }
  if (used + units + put->leaf > HEAP_AT_ONCE) {
    put->heap_used = used;
    int result = heap_flush(put);
    if (result)
      return result;
    if (put->heap_first > UINT32_MAX - 2 * HEAP_AT_ONCE)
      return error_set(COPSE_E_TOO_MANY, "the document's text is full");
    used = 0;
  }
  uint8_t *at = put->heap + (size_t)used * DOM_UNIT;
  memset(at + (size_t)(units - 1) * DOM_UNIT, 0, DOM_UNIT);
  memcpy(at, bytes, size);
  data->data = put->heap_first + used;
  put->heap_used = used + units;
  put->units += units;
  return 0;
}

/* --- attributes ------------------------------------------------------------------------ */

/* A block of the sink's: how many attributes, and bytes of values. */
struct span {
  const uint8_t *entries;
  uint32_t count;
  uint64_t values;
};

static struct span span_of(const uint8_t *block) {
  struct span span = {block + DOM_BLOCK_HEAD, dom_u32(block), 0};
  for (uint32_t i = 0; i < span.count; i++)
    span.values += dom_u32(span.entries + (size_t)i * DOM_BLOCK_ENTRY + 4);
  return span;
}

/* The blocks of an element, the last one first. *place: 0 at the end. */
static struct span span_next(const struct copse_sink *sink, const struct dom_data *data,
                             uint32_t *place) {
  const uint8_t *at = sink_bytes(sink, *place);
  if (!(data->flags & SINK_ADDED)) {
    *place = 0;
    return span_of(at);
  }
  *place = dom_u32(at);
  return span_of(at + sizeof(struct sink_added));
}

/* What is not shown: a template's contents, where the element was in the source. */
static uint32_t hidden_make(const struct put *put, uint32_t node, uint32_t names[2],
                            uint32_t sizes[2]) {
  const struct copse_sink *sink = put->sink;
  uint32_t count = 0;
  if (sink->nodes[node].links.zero) {
    names[count] = DOM_NAME_CONTENTS;
    sizes[count++] = link_of(put, sink->nodes[node].links.zero);
  }
  if (node < sink->source_room && sink->sources[node].tag_end) {
    names[count] = DOM_NAME_SOURCE;
    sizes[count++] = sizeof(struct copse_source);
  }
  return count;
}

static int block_room(struct put *put, uint64_t size) {
  uint8_t *block = put->block;
  if (size > UINT32_MAX)
    return error_set(COPSE_E_VALUE_SIZE, "the attributes of an element have %llu bytes",
                     (unsigned long long)size);
  if (size > put->block_room) {
    block = realloc(block, size * 2);
    if (!block)
      return error_set(COPSE_E_MEMORY, "no memory for %llu bytes of attributes",
                       (unsigned long long)size);
    put->block = block;
    put->block_room = size * 2;
  }
  return 0;
}

/* Writes a block anew: with hidden entries, all that was added, and names of the document. */
static int block_write(struct put *put, uint32_t node, struct dom_data *data, uint32_t *size) {
  uint32_t names[2], sizes[2], hidden = hidden_make(put, node, names, sizes);
  uint64_t count = hidden, values = 0;
  for (uint32_t place = data->data; place;) {
    struct span span = span_next(put->sink, data, &place);
    count += span.count;
    values += span.values;
  }
  int source = hidden && names[hidden - 1] == DOM_NAME_SOURCE;
  values += source ? sizeof(struct copse_source) : 0;
  uint64_t whole = DOM_BLOCK_HEAD + count * DOM_BLOCK_ENTRY + values;
  *size = (uint32_t)whole;
  int result = count ? block_room(put, whole) : 0;
  if (result || count == 0) {
    *size = 0;
    return result;
  }
  uint8_t *entry = put->block + DOM_BLOCK_HEAD, *value = entry + count * DOM_BLOCK_ENTRY;
  memcpy(put->block, &(uint32_t){(uint32_t)count}, 4);
  for (uint32_t i = 0; i < hidden; i++) {
    memcpy(entry + (size_t)i * DOM_BLOCK_ENTRY, &names[i], 4);
    memcpy(entry + (size_t)i * DOM_BLOCK_ENTRY + 4, &sizes[i], 4);
  }
  if (source)
    memcpy(value, &put->sink->sources[node], sizeof(struct copse_source));
  /* From the last to the first. */
  entry += count * DOM_BLOCK_ENTRY;
  value = put->block + whole;
  data->more = 0;
  for (uint32_t place = data->data; place;) {
    struct span span = span_next(put->sink, data, &place);
    entry -= (size_t)span.count * DOM_BLOCK_ENTRY;
    value -= span.values;
    memcpy(value, span.entries + (size_t)span.count * DOM_BLOCK_ENTRY, span.values);
    const uint8_t *bytes = value;
    for (uint32_t i = 0; i < span.count; i++) {
      const uint8_t *from = span.entries + (size_t)i * DOM_BLOCK_ENTRY;
      struct dom_attribute attribute = {name_of(put, dom_u32(from)), dom_u32(from + 4), bytes};
      memcpy(entry + (size_t)i * DOM_BLOCK_ENTRY, &attribute.name, 4);
      memcpy(entry + (size_t)i * DOM_BLOCK_ENTRY + 4, &attribute.size, 4);
      data->more |= dom_filter(&attribute);
      bytes += attribute.size;
    }
  }
  return 0;
}

/* --- nodes ----------------------------------------------------------------------------- */

static int nodes_flush(struct put *put) {
  int result = 0;
  if (put->node_count)
    result =
        copse_arena_append(put->txn, put->document->tree->arena, put->node_count, put->nodes, NULL);
  put->node_count = 0;
  return result;
}

/* The string or block of a node, from the sink to the document. */
static int content_put(struct put *put, uint32_t node, struct dom_data *data) {
  const struct copse_sink *sink = put->sink;
  uint8_t *block = data->data ? sink_bytes(sink, data->data) : NULL;
  uint32_t size = 0;
  if (data->kind == COPSE_NODE_ELEMENT) {
    data->name = name_of(put, data->name);
    if (data->flags & (SINK_ADDED | SINK_OWN | DOM_TEMPLATE) || sink->sources) {
      int result = block_write(put, node, data, &size);
      if (result)
        return result;
      block = put->block;
    } else if (block) {
      struct span span = span_of(block);
      size = DOM_BLOCK_HEAD + span.count * DOM_BLOCK_ENTRY + (uint32_t)span.values;
    }
  } else if (data->kind == COPSE_NODE_DOCTYPE) {
    size = DOM_DOCTYPE_HEAD;
    for (uint32_t i = 0; i < 3; i++)
      size += dom_u32(block + 4 * (size_t)i);
  } else if (data->kind == COPSE_NODE_FRAGMENT) {
    data->data = link_of(put, data->data);
    return 0;
  } else {
    size = data->more;
    if (data->kind == COPSE_NODE_INSTRUCTION)
      data->name = name_of(put, data->name);
  }
  data->data = 0;
  return size ? string_put(put, data, block, size) : 0;
}

static int node_put(struct put *put, uint32_t node) {
  struct sink_node *to = &put->nodes[put->node_count];
  *to = put->sink->nodes[node];
  struct dom_links *links = &to->links;
  links->parent = link_of(put, links->parent);
  links->previous = link_of(put, links->previous);
  links->next = link_of(put, links->next);
  links->first = link_of(put, links->first);
  links->last = link_of(put, links->last);
  int result = content_put(put, node, &to->data);
  links->zero = 0;
  to->data.flags &= SINK_STORED | DOM_BIG;
  if (result == 0 && ++put->node_count == NODES_AT_ONCE)
    result = nodes_flush(put);
  return result;
}

/* --- into the document ----------------------------------------------------------------- */

static int put_begin(struct put *put, uint32_t top) {
  struct copse_view *view = copse_txn_view(put->txn);
  struct copse_arena_info tree, text;
  struct dom_item root;
  int result = order_make(put, top);
  if (result == 0)
    result = names_intern(put);
  if (result == 0)
    result = copse_arena_info(view, put->document->tree->arena, &tree);
  if (result == 0)
    result = copse_arena_info(view, put->document->text, &text);
  if (result == 0)
    result = dom_item_root(view, put->document, &root);
  if (result)
    return result;
  if (tree.end + put->count + 1 >= DOM_INDEX_END || text.end > UINT32_MAX - 2 * HEAP_AT_ONCE)
    return error_set(COPSE_E_TOO_MANY, "the document has had too many nodes, or too much text");
  put->next_big = root.data.data;
  put->heap_first = (uint32_t)text.end;
  put->leaf = text.leaf_slots;
  put->base = (uint32_t)tree.end;
  put->top_link = dom_link(&root.node);
  put->nodes = malloc(NODES_AT_ONCE * sizeof *put->nodes);
  put->heap = malloc((size_t)HEAP_AT_ONCE * DOM_UNIT);
  return put->nodes && put->heap ? 0
                                 : error_set(COPSE_E_MEMORY, "no memory for pages of a document");
}

static int nodes_put(struct put *put) {
  int result = 0;
  for (uint32_t i = 1; result == 0 && i < put->count; i++)
    result = node_put(put, put->order[i]);
  if (result == 0)
    result = nodes_flush(put);
  return result ? result : heap_flush(put);
}

/* Tells the document node what was put; top: that it is above it. */
static int root_update(struct put *put, int top) {
  struct dom_item root;
  void *memory;
  int result = dom_item_root(copse_txn_view(put->txn), put->document, &root);
  if (result == 0)
    result =
        copse_arena_update(put->txn, put->document->tree->arena, &root.node.handle, NULL, &memory);
  if (result)
    return result;
  struct sink_node *record = memory;
  record->data.data = put->next_big;
  record->data.more = put->units < UINT32_MAX - record->data.more
                          ? record->data.more + (uint32_t)put->units
                          : UINT32_MAX;
  if (top) {
    const struct dom_links *links = &put->sink->nodes[put->order[0]].links;
    record->data.name = put->sink->quirks;
    record->data.flags |= DOM_ORDERED;
    record->links.first = link_of(put, links->first);
    record->links.last = link_of(put, links->last);
  }
  return 0;
}

static void put_end(struct put *put) {
  free(put->order);
  free(put->position);
  free(put->names);
  free(put->nodes);
  free(put->heap);
  free(put->block);
}

static int sink_check(const struct copse_sink *sink) {
  return sink->failed ? error_set(COPSE_E_MEMORY, "memory ran out while the sink was filled") : 0;
}

int copse_sink_put(struct copse_txn *txn, struct copse_document *document,
                   struct copse_sink *sink) {
  struct put put = {.txn = txn, .document = document, .sink = sink};
  int result = sink_check(sink);
  if (result == 0)
    result = txn_check(txn);
  if (result == 0)
    result = txn_savepoint(txn);
  if (result)
    return result;
  result = copse_document_clear(txn, document);
  if (result == 0)
    result = put_begin(&put, copse_sink_document(sink));
  if (result == 0)
    result = nodes_put(&put);
  if (result == 0)
    result = root_update(&put, 1);
  put_end(&put);
  result = arena_steps_end(txn, result);
  if (result == 0)
    sink_empty(sink);
  return result;
}

int copse_sink_put_fragment(struct copse_txn *txn, struct copse_document *document,
                            struct copse_sink *sink, copse_sink_node node,
                            struct copse_handle *fragment) {
  struct put put = {.txn = txn, .document = document, .sink = sink};
  int result = sink_check(sink);
  node = node ? node : copse_sink_document(sink);
  if (result == 0 && node >= sink->count)
    result = error_set(COPSE_E_ARGUMENT, "the sink has no node of number %u", node);
  if (result == 0)
    result = txn_check(txn);
  if (result == 0)
    result = txn_savepoint(txn);
  if (result)
    return result;
  result = put_begin(&put, node);
  if (result == 0) {
    struct dom_data data = {.kind = COPSE_NODE_FRAGMENT};
    put.top_link = ++put.base;
    put.nodes[put.node_count++] =
        (struct sink_node){{.first = link_of(&put, sink->nodes[node].links.first),
                            .last = link_of(&put, sink->nodes[node].links.last)},
                           data};
    result = nodes_put(&put);
  }
  if (result == 0)
    result = root_update(&put, 0);
  struct copse_handle made;
  const void *payload;
  if (result == 0)
    result = copse_tree_at(copse_txn_view(txn), document->tree, put.top_link - 1, &made, &payload);
  put_end(&put);
  result = arena_steps_end(txn, result);
  if (result == 0)
    *fragment = made;
  return result;
}
