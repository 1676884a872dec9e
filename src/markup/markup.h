/* markup/markup.h - writing out: what the forms share, a buffered output and a walk around a subtree.
 *
 * The walk enters and leaves each node, contents of templates too: behind the start tag of their element and before
 * its children. It needs no memory for the depth, and takes no more steps than there are nodes. */
#ifndef MARKUP_MARKUP_H
#define MARKUP_MARKUP_H

#include "base/bytes.h"
#include "copse/markup.h"
#include "dom/document.h"
#include "store/store.h"

struct markup_out {
  int (*write)(void *context, const void *bytes, size_t size);
  void *context;
  size_t size;
  char buffer[8192];
};

int markup_flush(struct markup_out *out);
int markup_bytes_long(struct markup_out *out, const void *bytes, size_t size);
static inline int markup_bytes(struct markup_out *out, const void *bytes, size_t size) {
  if (size > sizeof out->buffer - out->size)
    return markup_bytes_long(out, bytes, size);
  bytes_copy(out->buffer + out->size, bytes, size);
  out->size += size;
  return 0;
}
static inline int markup_text(struct markup_out *out, const char *text) {
  return markup_bytes(out, text, strlen(text));
}
/* As text or (is_value) an attribute's value is written: & < > no-break spaces, and " in values. */
int markup_escaped(struct markup_out *out, const struct copse_bytes *bytes, int is_value);
int markup_indent(struct markup_out *out, uint64_t depth);

struct markup_walk {
  struct copse_view *view;
  struct copse_document *document;
  struct dom_item *item; /* where it is: one of those two */
  struct dom_item items[2];
  uint32_t edge;  /* enum copse_tree_edge */
  uint64_t depth; /* below the top */
  uint64_t top, left;
};

int markup_walk_begin(struct markup_walk *walk, struct copse_view *view,
                      struct copse_document *document, const struct dom_item *top);
/* On to the next edge; is_skipped: without what is below the node that was entered. COPSE_NONE: it was the last. */
int markup_walk_next(struct markup_walk *walk, int is_skipped);

/* The forms: each writes all below top, and top itself where is_outer is set. */
int markup_html(struct markup_walk *walk, struct markup_out *out, int is_outer, int is_scripting,
                int is_pretty);
int markup_tree(struct markup_walk *walk, struct markup_out *out);

#endif
