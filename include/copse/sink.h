/* copse/sink.h - tree sinks: how a parser of one's own makes a document.
 *
 * A sink takes what a parser of HTML gives - the calls of html5ever's TreeSink, which every parser that follows the
 * HTML standard can make - and keeps the tree in the process's own memory until it is put into a document, all at
 * once, in a write transaction. Parsing needs no transaction, and keeps nobody waiting.
 *
 *   copse_sink_new(&sink);
 *   name = copse_sink_name(sink, COPSE_NS_HTML, NULL, 0, "p", 1);
 *   p = copse_sink_element(sink, name, attributes, n, 0);
 *   copse_sink_append(sink, copse_sink_document(sink), p);
 *   copse_sink_text_append(sink, p, "Good morning", 12);
 *   copse_sink_put(txn, document, sink);               in place of what the document had
 *   copse_sink_free(sink);
 *
 * Nodes are numbers, valid as long as the sink; other numbers are ignored (0 among them, which stands for no
 * node). What the parser has taken out of the tree does not come into the document. When memory runs out, calls have no
 * effect, nodes and names are 0, and copse_sink_put() gives MEMORY.
 * A sink is used by one thread at a time. */
#ifndef COPSE_SINK_H
#define COPSE_SINK_H

#include "dom.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_sink;
typedef uint32_t copse_sink_node;

COPSE_CHECKED int copse_sink_new(struct copse_sink **sink);
COPSE_API void copse_sink_free(struct copse_sink *sink);

/* The number of a qualified name, the same for the same name. prefix may be NULL. */
COPSE_API uint32_t copse_sink_name(struct copse_sink *sink, enum copse_namespace space,
                                   const char *prefix, size_t prefix_size, const char *local,
                                   size_t local_size);

struct copse_sink_attribute {
  uint32_t name; /* of copse_sink_name(): most have COPSE_NS_NONE */
  uint32_t size;
  const char *value;
};

/* --- nodes ----------------------------------------------------------------------------- */

enum copse_sink_flag {
  COPSE_SINK_TEMPLATE = 1,     /* a template element: it gets contents */
  COPSE_SINK_MATHML_POINT = 2, /* a MathML annotation-xml integration point */
};

COPSE_API copse_sink_node copse_sink_document(struct copse_sink *sink);
COPSE_API copse_sink_node copse_sink_element(struct copse_sink *sink, uint32_t name,
                                             const struct copse_sink_attribute *attributes,
                                             size_t n, uint32_t flags);
COPSE_API copse_sink_node copse_sink_comment(struct copse_sink *sink, const char *text,
                                             size_t size);
COPSE_API copse_sink_node copse_sink_instruction(struct copse_sink *sink, const char *target,
                                                 size_t target_size, const char *text, size_t size);
/* The fragment that holds a template's contents. */
COPSE_API copse_sink_node copse_sink_contents(struct copse_sink *sink, copse_sink_node element);

/* What an element is. */
COPSE_API uint32_t copse_sink_element_name(const struct copse_sink *sink, copse_sink_node element);
COPSE_API uint32_t copse_sink_element_flags(const struct copse_sink *sink, copse_sink_node element);
COPSE_API copse_sink_node copse_sink_parent(const struct copse_sink *sink, copse_sink_node node);

/* --- the tree -------------------------------------------------------------------------- */

/* A node that has a parent is taken from there first. Text is added to text that it would be next to. */
COPSE_API void copse_sink_append(struct copse_sink *sink, copse_sink_node parent,
                                 copse_sink_node node);
COPSE_API void copse_sink_text_append(struct copse_sink *sink, copse_sink_node parent,
                                      const char *text, size_t size);
COPSE_API void copse_sink_before(struct copse_sink *sink, copse_sink_node sibling,
                                 copse_sink_node node);
COPSE_API void copse_sink_text_before(struct copse_sink *sink, copse_sink_node sibling,
                                      const char *text, size_t size);
COPSE_API void copse_sink_doctype(struct copse_sink *sink, const char *name, size_t name_size,
                                  const char *public_id, size_t public_size, const char *system_id,
                                  size_t system_size);
COPSE_API void copse_sink_quirks(struct copse_sink *sink, enum copse_quirks quirks);
/* Adds those that the element does not have. */
COPSE_API void copse_sink_attributes_add(struct copse_sink *sink, copse_sink_node element,
                                         const struct copse_sink_attribute *attributes, size_t n);
COPSE_API void copse_sink_detach(struct copse_sink *sink, copse_sink_node node);
/* Moves all children behind those of another node. */
COPSE_API void copse_sink_reparent(struct copse_sink *sink, copse_sink_node node,
                                   copse_sink_node parent);

/* --- what else a parser knows ---------------------------------------------------------- */

/* Where in the source an element's start tag begins and ends, and its end tag ends, in bytes. Kept only for sinks on
 * which this is called. */
COPSE_API void copse_sink_start_tag(struct copse_sink *sink, copse_sink_node element,
                                    uint64_t begin, uint64_t end);
COPSE_API void copse_sink_end_tag(struct copse_sink *sink, copse_sink_node element, uint64_t end);

/* --- into a document ------------------------------------------------------------------- */

/* Makes it the document's content, in place of what there was. The sink is empty afterwards. Errors: MEMORY, and as
 * copse_put(). */
COPSE_CHECKED int copse_sink_put(struct copse_txn *txn, struct copse_document *document,
                                 struct copse_sink *sink);
/* Puts the children of one of its nodes (0: of its document node) into a fragment of the document, which is made for
 * them; they are to be placed from there with copse_node_append(). */
COPSE_CHECKED int copse_sink_put_fragment(struct copse_txn *txn, struct copse_document *document,
                                          struct copse_sink *sink, copse_sink_node node,
                                          struct copse_handle *fragment);

#ifdef __cplusplus
}
#endif
#endif
