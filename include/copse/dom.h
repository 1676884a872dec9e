/* copse/dom.h - documents: HTML, SVG and MathML trees that many processes read and change.
 *
 * A document has a name among a store's maps and arenas. Its nodes are a tree arena (tree.h), named by handles:
 * that of a removed node is an error (STALE) for ever. What is changed in a write transaction is seen by
 * others when it commits, all or nothing; a snapshot shows one committed state of the document.
 *
 *   copse_document_ensure(store, "page", -1, &page);
 *   copse_element_new(txn, page, COPSE_NS_HTML, "p", &p);
 *   copse_node_append(txn, page, &body, &p);
 *   copse_text_append(txn, page, &p, "Good morning", 12);
 *   copse_attribute_set(txn, page, &p, "class", "note", 4);
 *
 *   copse_document_root(view, page, &root);                             in any view
 *   copse_node_get(view, page, &root, &node);                           node.kind, node.name, node.text
 *   copse_tree_walk_begin(view, copse_document_tree(page), &root, COPSE_TREE_DESCENDANTS, &walk);
 *
 * Parsing is in sink.h and html.h, selecting in selector.h, writing out in markup.h.
 *
 * Strings are UTF-8 with a size, may contain NULs, and need no NUL at their end, where a size is given.
 * Names of HTML elements and attributes are used as they are given: in lower case, the way a parser gives them.
 * What is lent by a view (names, text, attribute values) is valid as told in transaction.h. A handle of a
 * document (struct copse_document) is used by any number of threads, each with a view of its own.
 * Oustable snapshots and observers read documents too.
 * A call that fails has changed nothing. */
#ifndef COPSE_DOM_H
#define COPSE_DOM_H

#include "tree.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_document;

enum copse_node_kind {
  COPSE_NODE_DOCUMENT = 1,
  COPSE_NODE_DOCTYPE = 2,
  COPSE_NODE_ELEMENT = 3,
  COPSE_NODE_TEXT = 4,
  COPSE_NODE_COMMENT = 5,
  COPSE_NODE_INSTRUCTION = 6, /* a processing instruction */
  COPSE_NODE_FRAGMENT = 7,    /* also the contents of a template */
};

enum copse_namespace {
  COPSE_NS_NONE = 0, /* of most attributes */
  COPSE_NS_HTML = 1,
  COPSE_NS_SVG = 2,
  COPSE_NS_MATHML = 3,
  COPSE_NS_XLINK = 4, /* of attributes */
  COPSE_NS_XML = 5,
  COPSE_NS_XMLNS = 6,
};

enum copse_quirks { COPSE_NO_QUIRKS = 0, COPSE_LIMITED_QUIRKS = 1, COPSE_QUIRKS = 2 };

/* --- documents ------------------------------------------------------------------------- */

/* Makes an empty document: a node of kind DOCUMENT. Takes three names among the store's maps and arenas: the
 * document's, and that with ".text" and ".names" behind it. Errors: as copse_tree_create(). */
COPSE_CHECKED int copse_document_create(struct copse_txn *txn, const char *name,
                                        struct copse_document **document);
/* Errors: as copse_tree_open(); MAP_KIND also for a tree arena that is no document. */
COPSE_CHECKED int copse_document_open(struct copse_view *view, const char *name,
                                      struct copse_document **document);
/* Opens it, or makes it in a transaction of its own. */
COPSE_CHECKED int copse_document_ensure(struct copse_store *store, const char *name,
                                        int64_t timeout_ns, struct copse_document **document);
COPSE_API void copse_document_close(struct copse_document *document);
/* Removes it from the store; handles of it give NO_MAP from then on. */
COPSE_CHECKED int copse_document_drop(struct copse_txn *txn, struct copse_document *document);
/* Empties it: as after copse_document_create(), but for handles of its nodes, which are STALE. */
COPSE_CHECKED int copse_document_clear(struct copse_txn *txn, struct copse_document *document);

/* Its nodes, lent until it is closed: for steps and walks (tree.h), and, as an arena and a map, for diffs
 * and watches. Payloads are the document's own; functions of tree.h that write are not to be used. */
COPSE_API struct copse_tree *copse_document_tree(struct copse_document *document);

/* The node of kind DOCUMENT. */
COPSE_CHECKED int copse_document_root(struct copse_view *view, struct copse_document *document,
                                      struct copse_handle *root);
/* The document's first element child; COPSE_NONE: it has none. */
COPSE_CHECKED int copse_document_element(struct copse_view *view, struct copse_document *document,
                                         struct copse_handle *element);
COPSE_CHECKED int copse_document_quirks(struct copse_view *view, struct copse_document *document,
                                        enum copse_quirks *quirks);
COPSE_CHECKED int copse_document_quirks_set(struct copse_txn *txn, struct copse_document *document,
                                            enum copse_quirks quirks);

struct copse_document_info {
  uint64_t nodes;      /* live, the document node among them */
  uint64_t names;      /* interned */
  uint64_t text_bytes; /* of text, attributes and names that are in use */
  uint64_t heap_bytes; /* of the heap that they lie in, garbage among them */
};
COPSE_CHECKED int copse_document_info(struct copse_view *view, struct copse_document *document,
                                      struct copse_document_info *info);

/* Makes the text heap as small as what is in use; changes no handle. It also happens by itself, when more than
 * half of a heap of a megabyte and more is out of use. */
COPSE_CHECKED int copse_document_compact(struct copse_txn *txn, struct copse_document *document);

/* Looks through all of it: that each live node is in the tree of one root, and where its kind may be; that
 * templates and their contents, strings, names and what is counted agree. fault (may be NULL) is called with a sentence
 * for each fault; *faults: how many. Errors: those that hinder it from looking; damage is a fault. */
COPSE_CHECKED int copse_document_check(struct copse_view *view, struct copse_document *document,
                                       void (*fault)(void *context, const char *sentence),
                                       void *context, uint64_t *faults);

/* --- reading --------------------------------------------------------------------------- */

struct copse_node {
  enum copse_node_kind kind;
  enum copse_namespace space;  /* of an element */
  struct copse_bytes name;     /* element: local name; instruction: target; doctype: name */
  struct copse_bytes prefix;   /* of an element; mostly empty */
  struct copse_bytes text;     /* of text, comments, instructions */
  struct copse_bytes public_id, system_id; /* doctype */
};
/* Errors: those of handles, as copse_arena_get(). */
COPSE_CHECKED int copse_node_get(struct copse_view *view, struct copse_document *document,
                                 const struct copse_handle *node, struct copse_node *out);

/* The contents of a template element: a fragment, which is not among its children. COPSE_NONE: it is no
 * template element of HTML. */
COPSE_CHECKED int copse_template_contents(struct copse_view *view, struct copse_document *document,
                                          const struct copse_handle *node,
                                          struct copse_handle *fragment);

/* The text of all text nodes below a node (or of the node itself, if it is text, a comment or an
 * instruction) into memory of the caller, as many bytes as there is room for; *size: how many there are in all. */
COPSE_CHECKED int copse_node_text(struct copse_view *view, struct copse_document *document,
                                  const struct copse_handle *node, void *memory, size_t room,
                                  size_t *size);

struct copse_attribute {
  struct copse_bytes name; /* local */
  struct copse_bytes prefix;
  struct copse_bytes value;
  enum copse_namespace space;
};
/* An attribute without namespace, by name. COPSE_NONE: there is none. Errors: those of handles, ARGUMENT (no
 * element). */
COPSE_CHECKED int copse_attribute_get(struct copse_view *view, struct copse_document *document,
                                      const struct copse_handle *element, const char *name,
                                      struct copse_bytes *value);
/* The attributes in their order: the one of number i, counted from 0. COPSE_NONE: there are no more. */
COPSE_CHECKED int copse_attribute_at(struct copse_view *view, struct copse_document *document,
                                     const struct copse_handle *element, uint32_t i,
                                     struct copse_attribute *out);
/* Whether it is among the words of the attribute class: 0; COPSE_NONE: no. */
COPSE_CHECKED int copse_class_has(struct copse_view *view, struct copse_document *document,
                                  const struct copse_handle *element, const char *word);

/* Where in the source that it was parsed from an element lies, in bytes. */
struct copse_source {
  uint64_t begin, tag_end; /* of its start tag */
  uint64_t end;            /* behind its end tag; 0: it had none */
};
/* COPSE_NONE: it is not known (parsers keep it on demand only). */
COPSE_CHECKED int copse_element_source(struct copse_view *view, struct copse_document *document,
                                       const struct copse_handle *element,
                                       struct copse_source *source);

/* --- making nodes ---------------------------------------------------------------------- */

/* Each makes a node without a parent. Errors: as copse_tree_new(), ARGUMENT. */
COPSE_CHECKED int copse_element_new(struct copse_txn *txn, struct copse_document *document,
                                    enum copse_namespace space, const char *name,
                                    struct copse_handle *node);
COPSE_CHECKED int copse_text_new(struct copse_txn *txn, struct copse_document *document,
                                 const void *text, size_t size, struct copse_handle *node);
COPSE_CHECKED int copse_comment_new(struct copse_txn *txn, struct copse_document *document,
                                    const void *text, size_t size, struct copse_handle *node);
COPSE_CHECKED int copse_instruction_new(struct copse_txn *txn, struct copse_document *document,
                                        const char *target, const void *text, size_t size,
                                        struct copse_handle *node);
COPSE_CHECKED int copse_doctype_new(struct copse_txn *txn, struct copse_document *document,
                                    const char *name, const char *public_id, const char *system_id,
                                    struct copse_handle *node);
COPSE_CHECKED int copse_fragment_new(struct copse_txn *txn, struct copse_document *document,
                                     struct copse_handle *node);

/* A copy of a node; deep: with all that is below it, and contents of templates. from may be another document of
 * the same view (from_view: the transaction's) or of another store. Of a document node and of the contents of a template
 * the copy is a fragment. */
COPSE_CHECKED int copse_node_clone(struct copse_txn *txn, struct copse_document *document,
                                   struct copse_view *from_view, struct copse_document *from,
                                   const struct copse_handle *node, int deep,
                                   struct copse_handle *copy);

/* --- changing -------------------------------------------------------------------------- */

/* Put a node with all that is below it in a new place, as the DOM standard's pre-insertion steps allow it. Of a
 * fragment its children are put there, and the fragment stays, empty.
 * Errors: HIERARCHY (a parent that has no children, text in a document, a second element in a document, a doctype
 * elsewhere than in a document before its element, ...), CYCLE, ROOT (the sibling is a root), those of handles, and as
 * copse_put(). */
COPSE_CHECKED int copse_node_append(struct copse_txn *txn, struct copse_document *document,
                                    const struct copse_handle *parent,
                                    const struct copse_handle *node);
COPSE_CHECKED int copse_node_prepend(struct copse_txn *txn, struct copse_document *document,
                                     const struct copse_handle *parent,
                                     const struct copse_handle *node);
COPSE_CHECKED int copse_node_insert_before(struct copse_txn *txn, struct copse_document *document,
                                           const struct copse_handle *sibling,
                                           const struct copse_handle *node);
COPSE_CHECKED int copse_node_insert_after(struct copse_txn *txn, struct copse_document *document,
                                          const struct copse_handle *sibling,
                                          const struct copse_handle *node);
/* Makes it a root; it stays in the document, with its handle. */
COPSE_CHECKED int copse_node_detach(struct copse_txn *txn, struct copse_document *document,
                                    const struct copse_handle *node);
/* Ends a node and all that is below it, contents of templates too: their handles are STALE. The document node
 * and the contents of a template alone cannot be removed (ARGUMENT). */
COPSE_CHECKED int copse_node_remove(struct copse_txn *txn, struct copse_document *document,
                                    const struct copse_handle *node);
/* Removes all that is below a node. */
COPSE_CHECKED int copse_node_clear(struct copse_txn *txn, struct copse_document *document,
                                   const struct copse_handle *node);
/* Removes an element; its children take its place. */
COPSE_CHECKED int copse_node_unwrap(struct copse_txn *txn, struct copse_document *document,
                                    const struct copse_handle *node);
/* Merges neighbouring text below a node, and removes text that is empty, as the DOM standard's normalize(). */
COPSE_CHECKED int copse_node_normalize(struct copse_txn *txn, struct copse_document *document,
                                       const struct copse_handle *node);

/* Replaces the text of a text, comment or instruction node. */
COPSE_CHECKED int copse_text_set(struct copse_txn *txn, struct copse_document *document,
                                 const struct copse_handle *node, const void *text, size_t size);
/* Puts text behind the last child of a parent: into it, if that is text, otherwise as a node of its own. The same
 * before a sibling: into the text before it, if there is one. This is how a parser inserts characters. */
COPSE_CHECKED int copse_text_append(struct copse_txn *txn, struct copse_document *document,
                                    const struct copse_handle *parent, const void *text,
                                    size_t size);
COPSE_CHECKED int copse_text_insert_before(struct copse_txn *txn, struct copse_document *document,
                                           const struct copse_handle *sibling, const void *text,
                                           size_t size);

/* Sets or adds an attribute without namespace. Errors: those of handles, ARGUMENT (no element; no name). */
COPSE_CHECKED int copse_attribute_set(struct copse_txn *txn, struct copse_document *document,
                                      const struct copse_handle *element, const char *name,
                                      const void *value, size_t size);
/* The same with a namespace. prefix may be NULL. */
COPSE_CHECKED int copse_attribute_set_ns(struct copse_txn *txn, struct copse_document *document,
                                         const struct copse_handle *element,
                                         enum copse_namespace space, const char *prefix,
                                         const char *name, const void *value, size_t size);
/* COPSE_NONE: there was none. */
COPSE_CHECKED int copse_attribute_remove(struct copse_txn *txn, struct copse_document *document,
                                         const struct copse_handle *element, const char *name);
/* Adds a word to the attribute class, or takes it away; COPSE_NONE: nothing was to be done. Other words stay, with one
 * space between them. Errors: as copse_attribute_set(), ARGUMENT (not one word). */
COPSE_CHECKED int copse_class_add(struct copse_txn *txn, struct copse_document *document,
                                  const struct copse_handle *element, const char *word);
COPSE_CHECKED int copse_class_remove(struct copse_txn *txn, struct copse_document *document,
                                     const struct copse_handle *element, const char *word);

#ifdef __cplusplus
}
#endif
#endif
