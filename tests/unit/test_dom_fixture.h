/* test_dom_fixture.h - a document in a transaction, and a short form in which trees are compared: <p a="b">, 'text',
 * <!--comment-->, <!doctype>, <?target text?>, { contents of a template }. */
#ifndef TEST_DOM_FIXTURE_H
#define TEST_DOM_FIXTURE_H

#include <stdio.h>

#include "test_store_fixture.h"

#define BYTES(bytes, text) CHECK_BYTES((bytes).data, (bytes).size, (text), strlen(text))

struct page {
  struct copse_store *store;
  struct copse_document *document;
  struct copse_txn *txn;
  struct copse_view *view;
};

__attribute__((unused)) static struct page page_new(void) {
  struct page page = {.store = store_new(NULL, 0)};
  CHECK_OK(copse_document_ensure(page.store, "page", -1, &page.document));
  page.txn = begin(page.store);
  page.view = copse_txn_view(page.txn);
  return page;
}

__attribute__((unused)) static void page_end(struct page *page) {
  copse_document_close(page->document);
  CHECK_OK(copse_txn_commit(page->txn, NULL));
  store_sound(page->store);
  CHECK_OK(copse_store_close(page->store));
}

__attribute__((unused)) static struct copse_handle element_of(struct page *page, const char *name) {
  struct copse_handle node;
  CHECK_OK(copse_element_new(page->txn, page->document, COPSE_NS_HTML, name, &node));
  return node;
}

__attribute__((unused)) static struct copse_handle text_of(struct page *page, const char *text) {
  struct copse_handle node;
  CHECK_OK(copse_text_new(page->txn, page->document, text, strlen(text), &node));
  return node;
}

__attribute__((unused)) static void document_sound(struct copse_view *view,
                                                   struct copse_document *document) {
  uint64_t faults;
  CHECK_OK(copse_document_check(view, document, fault_print, NULL, &faults));
  CHECK_EQ(faults, 0);
}

/* --- the short form -------------------------------------------------------------------- */

struct form {
  char text[4096];
  size_t size;
};

__attribute__((unused)) static void form_bytes(struct form *form, const char *before,
                                               struct copse_bytes bytes, const char *after) {
  form->size +=
      (size_t)snprintf(form->text + form->size, sizeof form->text - form->size, "%s%.*s%s", before,
                       (int)bytes.size, (const char *)bytes.data, after);
  CHECK_LT(form->size, sizeof form->text);
}

/* Trees of tests are shallow: this goes down by calling itself. */
__attribute__((unused)) static void form_node(struct form *form, struct copse_view *view,
                                              struct copse_document *document,
                                              const struct copse_handle *handle) {
  struct copse_tree_walk walk;
  struct copse_attribute attribute;
  struct copse_handle contents;
  struct copse_node node;
  struct copse_bytes none = {"", 0};
  CHECK_OK(copse_node_get(view, document, handle, &node));
  switch (node.kind) {
  case COPSE_NODE_TEXT: form_bytes(form, "'", node.text, "'"); return;
  case COPSE_NODE_COMMENT: form_bytes(form, "<!--", node.text, "-->"); return;
  case COPSE_NODE_DOCTYPE: form_bytes(form, "<!", node.name, ">"); return;
  case COPSE_NODE_INSTRUCTION:
    form_bytes(form, "<?", node.name, " ");
    form_bytes(form, "", node.text, "?>");
    return;
  case COPSE_NODE_ELEMENT:
    form_bytes(form, "<", node.name, "");
    for (uint32_t i = 0; copse_attribute_at(view, document, handle, i, &attribute) == 0; i++) {
      form_bytes(form, " ", attribute.name, "=\"");
      form_bytes(form, "", attribute.value, "\"");
    }
    form_bytes(form, "", none, ">");
    break;
  default: break;
  }
  if (copse_template_contents(view, document, handle, &contents) == 0) {
    form_bytes(form, "{", none, "");
    form_node(form, view, document, &contents);
    form_bytes(form, "}", none, "");
  }
  CHECK_OK(copse_tree_walk_begin(view, copse_document_tree(document), handle, COPSE_TREE_CHILDREN,
                                 &walk));
  while (copse_tree_walk_next(&walk, NULL) == 0)
    form_node(form, view, document, &walk.node);
  if (node.kind == COPSE_NODE_ELEMENT) {
    CHECK_OK(copse_node_get(view, document, handle, &node));
    form_bytes(form, "</", node.name, ">");
  }
}

#define MARKUP(page, node, expected)                                                               \
  do {                                                                                             \
    struct form form_ = {.size = 0};                                                               \
    form_node(&form_, (page)->view, (page)->document, &(node));                                    \
    CHECK_STR(form_.text, (expected));                                                             \
  } while (0)

#endif
