/* test_dom_document.c - documents: making, opening, what they are known by; names. Changes of what they hold are in
 * test_dom_change.c. */
#include <stdlib.h>

#include "dom/document.h"
#include "test_store_fixture.h"

static struct copse_document *document_new(struct copse_store *store, const char *name) {
  struct copse_document *document;
  CHECK_OK(copse_document_ensure(store, name, -1, &document));
  return document;
}

TEST(a_document_is_three_containers) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree_options plain = {.payload_size = 16};
  struct copse_document *page = document_new(store, "page"), *other;
  struct copse_handle root;
  struct copse_tree *tree;
  char name[COPSE_MAP_NAME_MAX];
  memset(name, 'x', sizeof name);
  name[250] = 0;
  FAILS(copse_document_ensure(store, name, -1, &other), COPSE_E_ARGUMENT, "at most 249");
  name[249] = 0;
  copse_document_close(document_new(store, name));
  copse_document_close(document_new(store, "page"));
  CHECK_OK(copse_tree_ensure(store, "tree", &plain, -1, &tree));
  copse_tree_close(tree);
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  CHECK_OK(copse_document_root(view, page, &root));
  CHECK_EQ(root.index, 0);
  CHECK_RESULT(copse_document_create(txn, "page", &other), COPSE_E_MAP_EXISTS);
  FAILS(copse_document_open(view, "tree", &other), COPSE_E_MAP_KIND, "no document");
  CHECK_RESULT(copse_document_open(view, "none", &other), COPSE_E_NO_MAP);
  /* One of its three names is taken: nothing is made. */
  struct copse_map *map;
  CHECK_OK(copse_map_create(txn, "half.names", NULL, &map));
  CHECK_RESULT(copse_document_create(txn, "half", &other), COPSE_E_MAP_EXISTS);
  CHECK_RESULT(copse_document_open(view, "half", &other), COPSE_E_NO_MAP);
  copse_map_close(map);
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_document_close(page);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(known_names_have_numbers) {
  struct dom_name name;
  CHECK_EQ(dom_known_number(COPSE_NS_HTML, NULL, 0, "html", 4), DOM_HTML_HTML);
  CHECK_EQ(DOM_HTML_HTML, 9); /* for ever */
  CHECK_EQ(dom_known_number(COPSE_NS_NONE, NULL, 0, "class", 5), DOM_NONE_CLASS);
  CHECK_EQ(dom_known_number(COPSE_NS_SVG, "", 0, "foreignObject", 13), DOM_SVG_FOREIGNOBJECT);
  CHECK_EQ(dom_known_number(COPSE_NS_XLINK, "xlink", 5, "href", 4), DOM_XLINK_HREF);
  CHECK_EQ(dom_known_number(COPSE_NS_XLINK, "x", 1, "href", 4), 0);
  CHECK_EQ(dom_known_number(COPSE_NS_XMLNS, NULL, 0, "xmlns", 5), DOM_XMLNS_XMLNS);
  CHECK_EQ(dom_known_number(COPSE_NS_XMLNS, "xmlns", 5, "xlink", 5), DOM_XMLNS_XLINK);
  CHECK_EQ(dom_known_number(COPSE_NS_HTML, NULL, 0, "htm", 3), 0);
  CHECK_EQ(dom_known_number(COPSE_NS_MATHML, NULL, 0, "html", 4), 0);
  CHECK_RESULT(dom_known_name(DOM_NAME_SOURCE, &name), COPSE_NONE);
  CHECK_RESULT(dom_known_name(DOM_NAMES_KNOWN, &name), COPSE_NONE);
  CHECK_RESULT(dom_known_name(UINT32_MAX, &name), COPSE_NONE);
  for (uint32_t i = DOM_NAME_FIRST + 1; i < DOM_NAMES_KNOWN; i++) {
    CHECK_OK(dom_known_name(i, &name));
    CHECK_EQ(dom_known_number(name.space, name.prefix.data, name.prefix.size, name.local.data,
                              name.local.size),
             i);
  }
}

TEST(words_of_a_list) {
  struct copse_bytes rest = {" a\t\nbc\f\r", 8};
  CHECK_EQ(dom_word_next(&rest).size, 1);
  struct copse_bytes word = dom_word_next(&rest);
  CHECK_BYTES(word.data, word.size, "bc", 2);
  CHECK_EQ(dom_word_next(&rest).size, 0);
  CHECK_EQ(dom_filter_class("Note", 4), dom_filter_class("note", 4));
}
