/* dom/sink.h - what a tree sink holds: a document in the process's own memory.
 *
 * Nodes have the stored form (node.h, data.h) already; what differs until they are put into a document:
 *   links     numbers of the sink's nodes
 *   names     those below DOM_NAMES_OWN as stored; others DOM_NAMES_OWN + an index of own
 *   data      a place in text, in units, whatever the string's size; with SINK_ADDED of the last of its blocks
 *   more      of an element, a filter without the names that are the sink's own
 *   zero      of a template, the number of its contents; of other elements nothing
 *
 * Node 0 is none, node 1 the document. A string that grows lies at the end of text, or in room that doubles
 * (SINK_GROWN), so that building it takes time in proportion to its size. */
#ifndef DOM_SINK_H
#define DOM_SINK_H

#include "copse/sink.h"
#include "dom/data.h"
#include "dom/node.h"

enum sink_flag { /* beside enum dom_flag, in a node's flags */
                 SINK_POINT = 16,
                 SINK_GROWN = 32, /* text: has room for a power of two of units */
                 SINK_ADDED =
                     64, /* element: its attributes are a chain of blocks, struct sink_added */
                 SINK_OWN = 128, /* element: it has attributes whose names are the sink's own */
};
#define SINK_STORED (DOM_TEMPLATE | DOM_HOST)

struct sink_node {
  struct dom_links links;
  struct dom_data data;
};
_Static_assert(sizeof(struct sink_node) == 40, "a record of a document's tree arena");

/* Memory that grows, counted in units, from unit 1 on. */
struct sink_text {
  uint8_t *bytes;
  uint32_t end, room;
};

/* Attributes that were added to an element: what stands before their block. */
struct sink_added {
  uint32_t before; /* place of the one before; 0: the first */
};

struct sink_own {
  enum copse_namespace space;
  uint32_t prefix_size, size;
  uint32_t place; /* of prefix and local name, in name_text */
};

struct copse_sink {
  struct sink_node *nodes;
  uint32_t count, room;
  enum copse_quirks quirks;
  int failed; /* memory ran out */
  struct sink_text text;
  struct sink_own *own;
  struct sink_text name_text;
  uint32_t own_count, own_room;
  uint32_t *index; /* of own, by hash: an index of it and 1; a power of two */
  uint32_t index_size;
  uint64_t *added; /* node << 32 | name, of elements with SINK_ADDED; by hash; a power of two */
  uint32_t added_count, added_size;
  struct copse_source *sources; /* of nodes by their number; NULL: none are kept */
  uint32_t source_room;
};

static inline uint8_t *sink_bytes(const struct copse_sink *sink, uint32_t place) {
  return sink->text.bytes + (size_t)place * DOM_UNIT;
}

/* As a new one, but for its names. */
void sink_empty(struct copse_sink *sink);

/* --- sink_names.c ---------------------------------------------------------------------- */

/* Takes size bytes at the end, in whole units. 0: there is no memory. */
uint32_t sink_text_take(struct sink_text *text, uint64_t size);
static inline int sink_name_is(const struct copse_sink *sink, uint32_t name) {
  return (name > DOM_NAME_FIRST && name < DOM_NAMES_KNOWN) ||
         (name >= DOM_NAMES_OWN && name - DOM_NAMES_OWN < sink->own_count);
}
/* Notes that an element has an attribute. 0: it had it before; -1: there is no memory. */
int sink_added_note(struct copse_sink *sink, uint32_t node, uint32_t name);

#endif
