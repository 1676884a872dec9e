/* dom/change.h - changing documents from inside.
 *
 * A change first makes its own all that it will write, which may fail; then it writes. Strings are put into the
 * heap before it is known whether the change succeeds: what it did not count as in use is garbage. Changes
 * that cannot be ordered like that go in steps, after a savepoint. */
#ifndef DOM_CHANGE_H
#define DOM_CHANGE_H

#include "dom/document.h"

struct dom_change {
  struct copse_txn *txn;
  struct copse_document *document;
  uint32_t
      units; /* of the heap that have come into use; modulo 2^32: less those that are not any more */
  int in_steps;
  int grown; /* a leaf of the heap was begun */
};

int dom_change_begin(struct dom_change *change, struct copse_txn *txn,
                     struct copse_document *document, int in_steps);
/* Counts what was put in and taken out; or undoes the steps, if the change has failed. */
int dom_change_end(struct dom_change *change, int result);

/* --- strings --------------------------------------------------------------------------- */

/* Puts a string in, which data (and DOM_BIG of flags) then names. A big one: only in steps. */
int dom_string_add(struct dom_change *change, const void *bytes, size_t size,
                   struct dom_data *data);
/* Takes out what a node of any kind names. A big one: only in steps. */
int dom_string_drop(struct dom_change *change, const struct dom_data *data);
/* Bytes of it. */
int dom_string_size(struct copse_view *view, const struct copse_document *document,
                    const struct dom_data *data, uint32_t *size);

/* Memory to put a string together in. */
struct dom_buffer {
  uint8_t *bytes;
  uint8_t small[DOM_SMALL];
};
int dom_buffer_make(struct dom_buffer *buffer, uint64_t size);
void dom_buffer_free(struct dom_buffer *buffer);

/* --- nodes ----------------------------------------------------------------------------- */

/* Make nodes of what is known to be right. */
int dom_element_make(struct copse_txn *txn, struct copse_document *document, uint32_t name,
                     struct copse_handle *node);
int dom_text_make(struct copse_txn *txn, struct copse_document *document, enum copse_node_kind kind,
                  uint32_t name, const void *text, size_t size, struct copse_handle *node);
int dom_doctype_make(struct copse_txn *txn, struct copse_document *document,
                     const struct copse_bytes strings[3], struct copse_handle *node);
/* Puts another string in the place of a node's; more: what goes with it. */
int dom_string_replace(struct copse_txn *txn, struct copse_document *document,
                       const struct dom_item *item, const void *bytes, size_t size, uint32_t more);

/* Gives an element that has none these attributes. */
int dom_attributes_copy(struct copse_txn *txn, struct copse_document *document,
                        const struct dom_item *to, struct dom_attribute *attributes,
                        uint32_t count);

/* To be called before a node of the document is placed or taken away: from then on its nodes are not known to be in
 * document order (DOM_ORDERED). */
int dom_order_lose(struct copse_txn *txn, const struct copse_document *document);

/* Makes what a node holds the transaction's own, to be written once nothing can fail any more. */
int dom_data_own(struct copse_txn *txn, struct copse_document *document,
                 const struct copse_handle *node, struct dom_data **data);

/* Ends a node that has no parent, all that is below it, and contents of templates. Only in steps. */
int dom_subtree_end(struct dom_change *change, const struct dom_item *top);
/* The same for what is below it, of which it is told afterwards; not for its own contents. */
int dom_below_end(struct dom_change *change, const struct dom_item *top);

/* --- names (intern.c) ------------------------------------------------------------------ */

/* The number of a name, which the document has from now on. Not within a change. */
int dom_name_intern(struct copse_txn *txn, struct copse_document *document,
                    const struct dom_name *name, uint32_t *number);
/* An own name's entry in the heap; a new one. */
int dom_name_entry(struct copse_view *view, const struct copse_document *document, uint32_t number,
                   struct copse_bytes *entry);
int dom_name_entry_add(struct dom_change *change, const struct dom_name *name, uint32_t *number);

/* --- the heap (heap.c) ----------------------------------------------------------------- */

/* Puts whole units behind the heap's end, within a leaf. */
int dom_heap_add(struct dom_change *change, const void *bytes, uint32_t units, uint32_t *place);
int dom_big_add(struct dom_change *change, const void *bytes, size_t size, uint32_t *number);
int dom_big_drop(struct dom_change *change, uint32_t number);
/* Writes one that is there anew. */
int dom_big_put(struct copse_txn *txn, struct copse_document *document, uint32_t number,
                const void *bytes, size_t size);
/* Empties the heap. */
int dom_heap_clear(struct copse_txn *txn, struct copse_document *document);

#endif
