/* dom/document.h - documents from inside: what their nodes hold, their heap and names.
 *
 * All that is read is checked: kinds, places, sizes, numbers. What is wrong is CORRUPT.
 *
 * Bytes are lent as told in transaction.h. A view whose pages are copied (oustable snapshots, observers) lends
 * names until the next one is read, everything else until the next call. */
#ifndef DOM_DOCUMENT_H
#define DOM_DOCUMENT_H

#include "base/error.h"
#include "dom/data.h"
#include "dom/node.h"

struct copse_document {
  struct copse_tree *tree;
  struct copse_arena *text;
  struct copse_map *names;
};

/* A node with what it holds. */
struct dom_item {
  struct dom_node node;
  struct dom_data data;
};

/* --- reading (document.c) -------------------------------------------------------------- */

int dom_item_get(struct copse_view *view, const struct copse_document *document,
                 const struct copse_handle *handle, struct dom_item *item);
/* The item that another's link leads to, and that it leads back. COPSE_NONE: there is no such link. */
int dom_item_step(struct copse_view *view, const struct copse_document *document,
                  const struct dom_item *from, enum copse_tree_link which, struct dom_item *to);
/* The contents of a template (their fragment). COPSE_NONE: it is no template. */
int dom_item_contents(struct copse_view *view, const struct copse_document *document,
                      const struct dom_item *item, struct dom_item *fragment);
/* The template whose contents a fragment is. COPSE_NONE: it is no contents. */
int dom_item_host(struct copse_view *view, const struct copse_document *document,
                  const struct dom_item *fragment, struct dom_item *item);
/* The same as dom_item_get(), for an element; ARGUMENT: it is none. */
int dom_element_get(struct copse_view *view, const struct copse_document *document,
                    const struct copse_handle *handle, struct dom_item *item);
/* The document node. */
int dom_item_root(struct copse_view *view, const struct copse_document *document,
                  struct dom_item *item);

/* The string of a text, comment or instruction. */
int dom_text(struct copse_view *view, const struct copse_document *document,
             const struct dom_data *data, struct copse_bytes *text);
/* The attributes of an element, for dom_attributes_next(); none of what is no element. */
int dom_attributes(struct copse_view *view, const struct copse_document *document,
                   const struct dom_data *data, struct dom_attributes *walk);
/* The same for those that are shown: dom_attributes_next() gives no others from here on. */
int dom_attributes_shown(struct copse_view *view, const struct copse_document *document,
                         const struct dom_data *data, struct dom_attributes *walk);
/* The attribute of a number. COPSE_NONE: there is none. */
int dom_attribute_find(struct copse_view *view, const struct copse_document *document,
                       const struct dom_data *data, uint32_t name, struct dom_attribute *attribute);
/* The three strings of a doctype. */
int dom_doctype(struct copse_view *view, const struct copse_document *document,
                const struct dom_data *data, struct copse_bytes strings[3]);
int dom_attributes_damaged(void); /* what to return when dom_attributes_next() gives -1 */

/* A string of the heap: from its place to the end of what may be looked at. */
int dom_heap(struct copse_view *view, const struct copse_document *document, uint32_t place,
             const uint8_t **bytes, uint32_t *room);
/* A big string by its number. */
int dom_big(struct copse_view *view, const struct copse_document *document, uint32_t number,
            struct copse_bytes *bytes);

/* --- names (intern.c) ------------------------------------------------------------------ */

/* The name of a number. */
int dom_name_get(struct copse_view *view, const struct copse_document *document, uint32_t number,
                 struct dom_name *name);
/* The number of a name. COPSE_NONE: the document knows no such name. prefix may be NULL when its size is 0. */
int dom_name_find(struct copse_view *view, const struct copse_document *document,
                  enum copse_namespace space, const void *prefix, size_t prefix_size,
                  const void *local, size_t size, uint32_t *number);
/* The same for one that is not known; key receives under what it is to be put into the map. */
struct dom_name_key {
  uint32_t size;
  uint8_t bytes[COPSE_KEY_MAX];
};
int dom_name_look(struct copse_view *view, const struct copse_document *document,
                  const struct dom_name *name, struct dom_name_key *key, uint32_t *number);

#endif
