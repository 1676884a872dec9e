/* inner.c - inner and outer HTML set: parsed as a fragment, put into the document, and then into place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parser.h"

/* The element whose inner HTML is parsed, as the parser wants to know it. */
struct context {
  struct html_place place;
  char *name; /* "div", "svg path"; to be freed */
};

static int is_name(const struct copse_bytes *bytes, const char *name) {
  return bytes->size == strlen(name) && memcmp(bytes->data, name, bytes->size) == 0;
}

/* Whether it is a MathML annotation-xml whose content is HTML. */
static int point_find(struct copse_view *view, struct copse_document *document,
                      const struct copse_handle *element, bool *point) {
  static const char *const encodings[] = {"text/html", "application/xhtml+xml"};
  struct copse_bytes value;
  int result = copse_attribute_get(view, document, element, "encoding", &value);
  for (int i = 0; i < 2 && result == 0; i++)
    *point |= value.size == strlen(encodings[i]) &&
              strncasecmp(value.data, encodings[i], value.size) == 0;
  return result < 0 ? result : 0;
}

/* Whether it is a form, or in one. */
static int form_find(struct copse_view *view, struct copse_document *document,
                     const struct copse_handle *element, bool *form) {
  struct copse_tree_walk walk;
  struct copse_node node;
  int result = copse_node_get(view, document, element, &node);
  if (result == 0)
    result = copse_tree_walk_begin(view, copse_document_tree(document), element,
                                   COPSE_TREE_ANCESTORS, &walk);
  while (result == 0) {
    if (node.kind == COPSE_NODE_ELEMENT && node.space == COPSE_NS_HTML &&
        is_name(&node.name, "form")) {
      *form = true;
      return 0;
    }
    result = copse_tree_walk_next(&walk, NULL);
    if (result == 0)
      result = copse_node_get(view, document, &walk.node, &node);
  }
  return result < 0 ? result : 0;
}

static int context_make(struct copse_view *view, struct copse_document *document,
                        const struct copse_handle *element, struct context *context) {
  struct copse_node node;
  enum copse_quirks quirks = COPSE_NO_QUIRKS;
  int result = copse_node_get(view, document, element, &node);
  if (result == 0 && node.kind != COPSE_NODE_ELEMENT && node.kind != COPSE_NODE_FRAGMENT)
    result = copse_error_set(COPSE_E_ARGUMENT,
                             "node %llu is no element or fragment: it has no inner HTML",
                             (unsigned long long)element->index);
  if (result)
    return result;
  *context = (struct context){0};
  const char *space = node.space == COPSE_NS_SVG      ? "svg "
                      : node.space == COPSE_NS_MATHML ? "math "
                                                      : "";
  if (node.kind == COPSE_NODE_FRAGMENT)
    node.name = (struct copse_bytes){"body", 4};
  context->name = malloc(strlen(space) + node.name.size + 1);
  if (!context->name)
    return copse_error_set(COPSE_E_MEMORY, "no memory for the name of an element");
  sprintf(context->name, "%s%.*s", space, (int)node.name.size, (const char *)node.name.data);
  result = copse_document_quirks(view, document, &quirks);
  context->place.quirks = quirks == COPSE_QUIRKS;
  if (result == 0)
    result = form_find(view, document, element, &context->place.form);
  if (result == 0 && node.space == COPSE_NS_MATHML && is_name(&node.name, "annotation-xml"))
    result = point_find(view, document, element, &context->place.point);
  if (result)
    free(context->name);
  return result;
}

/* Parses as what is in an element, into a fragment of the document. */
static int fragment_parse(struct copse_txn *txn, struct copse_document *document,
                          const struct copse_handle *element, const void *bytes, size_t size,
                          struct copse_handle *fragment) {
  struct context context;
  struct copse_html_parser *parser;
  struct copse_sink *sink;
  int result = context_make(copse_txn_view(txn), document, element, &context);
  if (result)
    return result;
  struct copse_html_options options = {.encoding = "utf-8", .context = context.name};
  result = html_begin(&options, &context.place, &parser);
  free(context.name);
  if (result)
    return result;
  (void)!copse_html_feed(parser, bytes, size); /* the end tells, too */
  result = copse_html_end(parser, &sink);
  if (result)
    return result;
  result = copse_sink_put_fragment(txn, document, sink, 0, fragment);
  copse_sink_free(sink);
  return result;
}

static int inner_set(struct copse_txn *txn, struct copse_document *document,
                     const struct copse_handle *element, const void *bytes, size_t size) {
  struct copse_handle fragment, contents, parent = *element;
  int result = fragment_parse(txn, document, element, bytes, size, &fragment);
  if (result)
    return result;
  result = copse_template_contents(copse_txn_view(txn), document, element, &contents);
  if (result == 0)
    parent = contents;
  if (result >= 0)
    result = copse_node_clear(txn, document, &parent);
  if (result == 0)
    result = copse_node_append(txn, document, &parent, &fragment);
  return result ? result : copse_node_remove(txn, document, &fragment);
}

static int outer_set(struct copse_txn *txn, struct copse_document *document,
                     const struct copse_handle *element, const void *bytes, size_t size) {
  struct copse_view *view = copse_txn_view(txn);
  struct copse_handle fragment, parent;
  struct copse_node above;
  int result = copse_tree_step(view, copse_document_tree(document), element, COPSE_TREE_PARENT,
                               &parent, NULL);
  if (result)
    return result == COPSE_NONE
               ? copse_error_set(COPSE_E_ROOT,
                                 "node %llu has no parent: HTML cannot take its place",
                                 (unsigned long long)element->index)
               : result;
  result = copse_node_get(view, document, &parent, &above);
  if (result)
    return result;
  if (above.kind == COPSE_NODE_DOCUMENT)
    return copse_error_set(COPSE_E_HIERARCHY,
                           "the document's element cannot be replaced by HTML: set its inner HTML");
  result = fragment_parse(txn, document, &parent, bytes, size, &fragment);
  if (result == 0)
    result = copse_node_insert_before(txn, document, element, &fragment);
  if (result == 0)
    result = copse_node_remove(txn, document, element);
  return result ? result : copse_node_remove(txn, document, &fragment);
}

/* In a savepoint, so that what fails has changed nothing. */
static int set(struct copse_txn *txn, struct copse_document *document,
               const struct copse_handle *element, const void *bytes, size_t size,
               int (*change)(struct copse_txn *txn, struct copse_document *document,
                             const struct copse_handle *element, const void *bytes, size_t size)) {
  int result = copse_savepoint(txn);
  if (result)
    return result;
  result = change(txn, document, element, bytes, size);
  int ended = result ? copse_savepoint_rollback(txn) : copse_savepoint_release(txn);
  return result ? result : ended;
}

int copse_html_set_inner(struct copse_txn *txn, struct copse_document *document,
                         const struct copse_handle *element, const void *bytes, size_t size) {
  return set(txn, document, element, bytes, size, inner_set);
}

int copse_html_set_outer(struct copse_txn *txn, struct copse_document *document,
                         const struct copse_handle *element, const void *bytes, size_t size) {
  return set(txn, document, element, bytes, size, outer_set);
}
