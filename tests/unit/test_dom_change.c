/* test_dom_change.c - documents: nodes made, read, placed, changed, removed, copied; what is refused. Random
 * changes are in tests/model/test_dom_model.c. */
#include <stdlib.h>

#include "test_dom_fixture.h"

/* --- reading what was made ------------------------------------------------------------- */

TEST(every_kind_is_made_and_read) {
  struct page page = page_new();
  struct copse_node node;
  struct copse_handle made;
  CHECK_OK(copse_element_new(page.txn, page.document, COPSE_NS_SVG, "foreignObject", &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  CHECK_EQ(node.kind, COPSE_NODE_ELEMENT);
  CHECK_EQ(node.space, COPSE_NS_SVG);
  BYTES(node.name, "foreignObject");
  BYTES(node.prefix, "");
  CHECK_OK(copse_element_new(page.txn, page.document, COPSE_NS_HTML, "my-own", &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  BYTES(node.name, "my-own");
  CHECK_OK(copse_text_new(page.txn, page.document, "a\0b", 3, &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  CHECK_EQ(node.kind, COPSE_NODE_TEXT);
  CHECK_BYTES(node.text.data, node.text.size, "a\0b", 3);
  CHECK_OK(copse_comment_new(page.txn, page.document, NULL, 0, &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  CHECK_EQ(node.kind, COPSE_NODE_COMMENT);
  CHECK_EQ(node.text.size, 0);
  CHECK_OK(copse_instruction_new(page.txn, page.document, "php", "echo", 4, &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  CHECK_EQ(node.kind, COPSE_NODE_INSTRUCTION);
  BYTES(node.name, "php");
  BYTES(node.text, "echo");
  CHECK_OK(copse_doctype_new(page.txn, page.document, "html", "-//W3C", NULL, &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  CHECK_EQ(node.kind, COPSE_NODE_DOCTYPE);
  BYTES(node.name, "html");
  BYTES(node.public_id, "-//W3C");
  BYTES(node.system_id, "");
  CHECK_OK(copse_fragment_new(page.txn, page.document, &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  CHECK_EQ(node.kind, COPSE_NODE_FRAGMENT);
  CHECK_OK(copse_document_root(page.view, page.document, &made));
  CHECK_OK(copse_node_get(page.view, page.document, &made, &node));
  CHECK_EQ(node.kind, COPSE_NODE_DOCUMENT);
  FAILS(copse_element_new(page.txn, page.document, COPSE_NS_HTML, "", &made), COPSE_E_ARGUMENT,
        "no name");
  FAILS(copse_element_new(page.txn, page.document, (enum copse_namespace)7, "x-y", &made),
        COPSE_E_ARGUMENT, "namespace");
  FAILS(copse_instruction_new(page.txn, page.document, NULL, "", 0, &made), COPSE_E_ARGUMENT,
        "no name");
  CHECK_RESULT(copse_text_new(page.txn, page.document, NULL, 1, &made), COPSE_E_ARGUMENT);
  page_end(&page);
}

TEST(strings_of_all_sizes) {
  struct page page = page_new();
  static const size_t sizes[] = {0, 1, 3, 4, 5, 1023, 1024, 1025, 4032, 5000, 300000};
  enum { N = sizeof sizes / sizeof sizes[0] };
  struct copse_handle texts[N], element = element_of(&page, "p");
  struct copse_bytes value;
  struct copse_node node;
  char *bytes = malloc(300000);
  for (size_t i = 0; i < 300000; i++)
    bytes[i] = (char)('a' + i % 23);
  for (unsigned i = 0; i < N; i++)
    CHECK_OK(copse_text_new(page.txn, page.document, bytes + i, sizes[i] - (sizes[i] > 10 ? i : 0),
                            &texts[i]));
  for (unsigned i = 0; i < N; i++) {
    size_t size = sizes[i] - (sizes[i] > 10 ? i : 0);
    CHECK_OK(copse_node_get(page.view, page.document, &texts[i], &node));
    CHECK_BYTES(node.text.data, node.text.size, bytes + i, size);
  }
  for (unsigned i = 0; i < N; i++) {
    size_t size = sizes[i] - (sizes[i] > 10 ? i : 0);
    CHECK_OK(copse_attribute_set(page.txn, page.document, &element, "title", bytes + i, size));
    CHECK_OK(copse_attribute_get(page.view, page.document, &element, "title", &value));
    CHECK_BYTES(value.data, value.size, bytes + i, size);
    CHECK_OK(copse_text_set(page.txn, page.document, &texts[0], bytes + i, size));
    CHECK_OK(copse_text_set(page.txn, page.document, &texts[N - 1 - i], "short", 5));
    document_sound(page.view, page.document);
  }
  CHECK_OK(copse_attribute_remove(page.txn, page.document, &element, "title"));
  for (unsigned i = 0; i < N; i++)
    CHECK_OK(copse_node_remove(page.txn, page.document, &texts[i]));
  document_sound(page.view, page.document);
  free(bytes);
  page_end(&page);
}

TEST(names_of_all_sizes) {
  struct page page = page_new();
  struct copse_handle first, second;
  struct copse_node node;
  struct copse_document_info info;
  static const size_t sizes[] = {1, 40, 1018, 1021, 1022, 1024, 1025, 5000, 100000};
  char *name = malloc(100001);
  memset(name, 'x', 100000);
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    memset(name, 'x', 100000);
    name[sizes[i]] = 0;
    CHECK_OK(copse_element_new(page.txn, page.document, COPSE_NS_HTML, name, &first));
    CHECK_OK(copse_element_new(page.txn, page.document, COPSE_NS_HTML, name, &second));
    CHECK_OK(copse_node_get(page.view, page.document, &second, &node));
    CHECK_BYTES(node.name.data, node.name.size, name, sizes[i]);
    CHECK_OK(copse_document_info(page.view, page.document, &info));
    CHECK_EQ(info.names, i + 1);
  }
  document_sound(page.view, page.document);
  CHECK_OK(copse_document_compact(page.txn, page.document));
  document_sound(page.view, page.document);
  CHECK_OK(copse_node_get(page.view, page.document, &first, &node));
  CHECK_BYTES(node.name.data, node.name.size, name, 100000);
  free(name);
  page_end(&page);
}

TEST(attributes) {
  struct page page = page_new();
  struct copse_handle p = element_of(&page, "p"), text = text_of(&page, "x");
  struct copse_attribute attribute;
  struct copse_bytes value;
  CHECK_RESULT(copse_attribute_at(page.view, page.document, &p, 0, &attribute), COPSE_NONE);
  CHECK_OK(copse_attribute_set(page.txn, page.document, &p, "id", "one", 3));
  CHECK_OK(copse_attribute_set(page.txn, page.document, &p, "data-mine", "two", 3));
  CHECK_OK(copse_attribute_set_ns(page.txn, page.document, &p, COPSE_NS_XLINK, "xlink", "href",
                                  "#three", 6));
  CHECK_OK(copse_attribute_set(page.txn, page.document, &p, "href", "four", 4));
  CHECK_OK(copse_attribute_set(page.txn, page.document, &p, "id", "a longer one", 12));
  CHECK_OK(copse_attribute_set_ns(page.txn, page.document, &p, COPSE_NS_XLINK, "other", "href",
                                  "#five", 5)); /* the prefix tells no attributes apart */
  CHECK_OK(copse_attribute_at(page.view, page.document, &p, 0, &attribute));
  BYTES(attribute.name, "id");
  BYTES(attribute.value, "a longer one");
  CHECK_OK(copse_attribute_at(page.view, page.document, &p, 2, &attribute));
  BYTES(attribute.name, "href");
  BYTES(attribute.prefix, "xlink");
  CHECK_EQ(attribute.space, COPSE_NS_XLINK);
  BYTES(attribute.value, "#five");
  CHECK_RESULT(copse_attribute_at(page.view, page.document, &p, 4, &attribute), COPSE_NONE);
  CHECK_OK(copse_attribute_get(page.view, page.document, &p, "href", &value));
  BYTES(value, "four");
  CHECK_RESULT(copse_attribute_get(page.view, page.document, &p, "class", &value), COPSE_NONE);
  CHECK_RESULT(copse_attribute_get(page.view, page.document, &p, "unheard-of", &value), COPSE_NONE);
  CHECK_RESULT(copse_attribute_remove(page.txn, page.document, &p, "class"), COPSE_NONE);
  CHECK_OK(copse_attribute_remove(page.txn, page.document, &p, "data-mine"));
  CHECK_RESULT(copse_attribute_remove(page.txn, page.document, &p, "data-mine"), COPSE_NONE);
  CHECK_OK(copse_attribute_at(page.view, page.document, &p, 1, &attribute));
  BYTES(attribute.value, "#five");
  FAILS(copse_attribute_set(page.txn, page.document, &text, "id", "", 0), COPSE_E_ARGUMENT,
        "no element");
  FAILS(copse_attribute_set(page.txn, page.document, &p, "", "", 0), COPSE_E_ARGUMENT, "no name");
  FAILS(copse_attribute_get(page.view, page.document, &text, "id", &value), COPSE_E_ARGUMENT,
        "no element");
  document_sound(page.view, page.document);
  page_end(&page);
}

TEST(classes) {
  struct page page = page_new();
  struct copse_handle p = element_of(&page, "p");
  struct copse_bytes value;
  CHECK_RESULT(copse_class_remove(page.txn, page.document, &p, "a"), COPSE_NONE);
  CHECK_OK(copse_class_add(page.txn, page.document, &p, "a"));
  CHECK_RESULT(copse_class_add(page.txn, page.document, &p, "a"), COPSE_NONE);
  CHECK_OK(copse_attribute_set(page.txn, page.document, &p, "class", "\ta  bb\nccc ", 10));
  CHECK_OK(copse_class_add(page.txn, page.document, &p, "d"));
  CHECK_OK(copse_attribute_get(page.view, page.document, &p, "class", &value));
  BYTES(value, "a bb ccc d");
  CHECK_OK(copse_class_remove(page.txn, page.document, &p, "bb"));
  CHECK_OK(copse_attribute_get(page.view, page.document, &p, "class", &value));
  BYTES(value, "a ccc d");
  CHECK_OK(copse_class_has(page.view, page.document, &p, "ccc"));
  CHECK_RESULT(copse_class_has(page.view, page.document, &p, "cc"), COPSE_NONE);
  CHECK_RESULT(copse_class_has(page.view, page.document, &p, "bb"), COPSE_NONE);
  FAILS(copse_class_add(page.txn, page.document, &p, "a b"), COPSE_E_ARGUMENT, "one word");
  FAILS(copse_class_add(page.txn, page.document, &p, ""), COPSE_E_ARGUMENT, "empty");
  CHECK_RESULT(copse_class_has(page.view, page.document, &p, ""), COPSE_E_ARGUMENT);
  page_end(&page);
}

/* --- places ---------------------------------------------------------------------------- */

TEST(what_may_be_where) {
  struct page page = page_new();
  struct copse_handle root, html = element_of(&page, "html"), p = element_of(&page, "p");
  struct copse_handle text = text_of(&page, "x"), doctype, again, fragment, comment;
  CHECK_OK(copse_document_root(page.view, page.document, &root));
  CHECK_OK(copse_doctype_new(page.txn, page.document, "html", NULL, NULL, &doctype));
  CHECK_OK(copse_doctype_new(page.txn, page.document, "html", NULL, NULL, &again));
  CHECK_OK(copse_fragment_new(page.txn, page.document, &fragment));
  CHECK_OK(copse_comment_new(page.txn, page.document, "c", 1, &comment));
  CHECK_RESULT(copse_document_element(page.view, page.document, &again), COPSE_NONE);
  FAILS(copse_node_append(page.txn, page.document, &root, &text), COPSE_E_HIERARCHY, "no text");
  CHECK_OK(copse_node_append(page.txn, page.document, &root, &html));
  FAILS(copse_node_append(page.txn, page.document, &root, &p), COPSE_E_HIERARCHY, "one element");
  FAILS(copse_node_append(page.txn, page.document, &root, &doctype), COPSE_E_HIERARCHY, "before");
  CHECK_OK(copse_node_prepend(page.txn, page.document, &root, &doctype));
  FAILS(copse_node_prepend(page.txn, page.document, &root, &again), COPSE_E_HIERARCHY,
        "one doctype");
  CHECK_OK(copse_node_insert_after(page.txn, page.document, &html, &comment));
  FAILS(copse_node_append(page.txn, page.document, &p, &again), COPSE_E_HIERARCHY,
        "belongs to a document");
  FAILS(copse_node_append(page.txn, page.document, &text, &p), COPSE_E_HIERARCHY, "no children");
  FAILS(copse_node_append(page.txn, page.document, &p, &root), COPSE_E_HIERARCHY, "no other node");
  FAILS(copse_node_insert_before(page.txn, page.document, &p, &text), COPSE_E_ROOT, "no siblings");
  FAILS(copse_text_insert_before(page.txn, page.document, &p, "x", 1), COPSE_E_ROOT, "sibling");
  FAILS(copse_text_append(page.txn, page.document, &root, "x", 1), COPSE_E_HIERARCHY, "text");
  CHECK_RESULT(copse_node_append(page.txn, page.document, &p, &p), COPSE_E_CYCLE);
  CHECK_OK(copse_node_append(page.txn, page.document, &html, &p));
  CHECK_RESULT(copse_node_append(page.txn, page.document, &p, &html), COPSE_E_CYCLE);
  /* A fragment is put in by its children, all or none. */
  CHECK_OK(copse_node_append(page.txn, page.document, &fragment, &text));
  FAILS(copse_node_append(page.txn, page.document, &root, &fragment), COPSE_E_HIERARCHY, "no text");
  CHECK_OK(copse_node_insert_before(page.txn, page.document, &p, &fragment));
  CHECK_OK(copse_node_insert_before(page.txn, page.document, &p, &fragment)); /* of nothing */
  CHECK_OK(copse_node_insert_before(page.txn, page.document, &p, &p));
  CHECK_OK(copse_node_insert_after(page.txn, page.document, &p, &p));
  MARKUP(&page, root, "<!html><html>'x'<p></p></html><!--c-->");
  CHECK_OK(copse_document_element(page.view, page.document, &again));
  CHECK_EQ(again.index, html.index);
  document_sound(page.view, page.document);
  page_end(&page);
}

TEST(templates_have_contents) {
  struct page page = page_new();
  struct copse_handle template = element_of(&page, "template"), p = element_of(&page, "p");
  struct copse_handle contents, inner = element_of(&page, "template"), copy, none, body;
  CHECK_RESULT(copse_template_contents(page.view, page.document, &p, &none), COPSE_NONE);
  CHECK_OK(copse_template_contents(page.view, page.document, &template, &contents));
  CHECK_OK(copse_node_append(page.txn, page.document, &contents, &p));
  CHECK_OK(copse_node_append(page.txn, page.document, &contents, &inner));
  CHECK_OK(copse_attribute_set(page.txn, page.document, &template, "id", "t", 1));
  CHECK_RESULT(copse_node_append(page.txn, page.document, &p, &template), COPSE_E_CYCLE);
  CHECK_OK(copse_template_contents(page.view, page.document, &inner, &body));
  CHECK_RESULT(copse_node_append(page.txn, page.document, &body, &template), COPSE_E_CYCLE);
  CHECK_OK(copse_text_append(page.txn, page.document, &body, "deep", 4));
  CHECK_RESULT(copse_node_remove(page.txn, page.document, &contents), COPSE_E_ARGUMENT);
  document_sound(page.view, page.document);
  MARKUP(&page, template, "<template id=\"t\">{<p></p><template>{'deep'}</template>}</template>");
  CHECK_OK(
      copse_node_clone(page.txn, page.document, page.view, page.document, &template, 1, &copy));
  MARKUP(&page, copy, "<template id=\"t\">{<p></p><template>{'deep'}</template>}</template>");
  CHECK_OK(
      copse_node_clone(page.txn, page.document, page.view, page.document, &template, 0, &copy));
  MARKUP(&page, copy, "<template id=\"t\">{}</template>");
  CHECK_OK(copse_node_unwrap(page.txn, page.document, &inner));
  CHECK_RESULT(copse_node_detach(page.txn, page.document, &body), COPSE_E_STALE);
  CHECK_OK(copse_node_remove(page.txn, page.document, &template));
  CHECK_RESULT(copse_node_detach(page.txn, page.document, &p), COPSE_E_STALE);
  CHECK_RESULT(copse_node_detach(page.txn, page.document, &contents), COPSE_E_STALE);
  document_sound(page.view, page.document);
  page_end(&page);
}

/* --- text ------------------------------------------------------------------------------ */

TEST(text_is_put_into_neighbouring_text) {
  struct page page = page_new();
  struct copse_handle p = element_of(&page, "p"), b = element_of(&page, "b"), t;
  char text[16];
  size_t size;
  CHECK_OK(copse_text_append(page.txn, page.document, &p, "", 0));
  MARKUP(&page, p, "<p></p>");
  CHECK_OK(copse_text_append(page.txn, page.document, &p, "one", 3));
  CHECK_OK(copse_text_append(page.txn, page.document, &p, " two", 4));
  CHECK_OK(copse_node_append(page.txn, page.document, &p, &b));
  CHECK_OK(copse_text_append(page.txn, page.document, &p, "three", 5));
  CHECK_OK(copse_text_insert_before(page.txn, page.document, &b, "!", 1));
  CHECK_OK(copse_text_append(page.txn, page.document, &b, "in", 2));
  MARKUP(&page, p, "<p>'one two!'<b>'in'</b>'three'</p>");
  CHECK_OK(copse_node_detach(page.txn, page.document, &b));
  MARKUP(&page, p, "<p>'one two!''three'</p>");
  CHECK_OK(copse_node_text(page.view, page.document, &p, text, sizeof text, &size));
  CHECK_BYTES(text, size, "one two!three", 13);
  CHECK_OK(copse_node_text(page.view, page.document, &p, text, 5, &size));
  CHECK_EQ(size, 13);
  t = text_of(&page, "");
  CHECK_OK(copse_node_prepend(page.txn, page.document, &p, &t));
  CHECK_OK(copse_node_append(page.txn, page.document, &p, &b));
  CHECK_OK(copse_node_normalize(page.txn, page.document, &p));
  MARKUP(&page, p, "<p>'one two!three'<b>'in'</b></p>");
  CHECK_RESULT(copse_node_detach(page.txn, page.document, &t), COPSE_E_STALE);
  FAILS(copse_text_set(page.txn, page.document, &b, "x", 1), COPSE_E_ARGUMENT, "no text");
  FAILS(copse_text_append(page.txn, page.document, &b, NULL, 1), COPSE_E_ARGUMENT, "NULL");
  document_sound(page.view, page.document);
  page_end(&page);
}

/* --- removing, unwrapping, clearing ---------------------------------------------------- */

TEST(removing_and_unwrapping) {
  struct page page = page_new();
  struct copse_handle root, html = element_of(&page, "html"), p = element_of(&page, "p");
  struct copse_handle b = element_of(&page, "b"), t;
  CHECK_OK(copse_document_root(page.view, page.document, &root));
  CHECK_OK(copse_node_append(page.txn, page.document, &root, &html));
  CHECK_OK(copse_node_append(page.txn, page.document, &html, &p));
  CHECK_OK(copse_node_append(page.txn, page.document, &p, &b));
  CHECK_OK(copse_text_append(page.txn, page.document, &p, "x", 1));
  t = text_of(&page, "y");
  FAILS(copse_node_remove(page.txn, page.document, &root), COPSE_E_ARGUMENT, "document node");
  FAILS(copse_node_unwrap(page.txn, page.document, &t), COPSE_E_ARGUMENT, "no element");
  CHECK_OK(copse_node_append(page.txn, page.document, &html, &t));
  FAILS(copse_node_unwrap(page.txn, page.document, &html), COPSE_E_HIERARCHY, "no text");
  CHECK_OK(copse_node_remove(page.txn, page.document, &t));
  CHECK_OK(copse_node_unwrap(page.txn, page.document, &html));
  MARKUP(&page, root, "<p><b></b>'x'</p>");
  CHECK_OK(copse_node_clear(page.txn, page.document, &p));
  MARKUP(&page, root, "<p></p>");
  CHECK_RESULT(copse_node_detach(page.txn, page.document, &b), COPSE_E_STALE);
  CHECK_OK(copse_document_quirks_set(page.txn, page.document, COPSE_QUIRKS));
  enum copse_quirks quirks;
  CHECK_OK(copse_document_quirks(page.view, page.document, &quirks));
  CHECK_EQ(quirks, COPSE_QUIRKS);
  CHECK_RESULT(copse_document_quirks_set(page.txn, page.document, (enum copse_quirks)3),
               COPSE_E_ARGUMENT);
  CHECK_OK(copse_document_clear(page.txn, page.document));
  CHECK_RESULT(copse_node_detach(page.txn, page.document, &p), COPSE_E_STALE);
  CHECK_OK(copse_document_quirks(page.view, page.document, &quirks));
  CHECK_EQ(quirks, COPSE_NO_QUIRKS);
  struct copse_document_info info;
  CHECK_OK(copse_document_info(page.view, page.document, &info));
  CHECK_EQ(info.nodes, 1);
  CHECK_EQ(info.text_bytes, 0);
  document_sound(page.view, page.document);
  CHECK_RESULT(copse_node_append(page.txn, page.document, &root, &(struct copse_handle){0}),
               COPSE_E_FOREIGN);
  CHECK_OK(copse_document_drop(page.txn, page.document));
  CHECK_RESULT(copse_document_root(page.view, page.document, &root), COPSE_E_NO_MAP);
  copse_document_close(page.document);
  CHECK_OK(copse_txn_commit(page.txn, NULL));
  store_sound(page.store);
  CHECK_OK(copse_store_close(page.store));
}

/* --- copies ---------------------------------------------------------------------------- */

TEST(copies_in_another_store) {
  struct page page = page_new(), other = page_new();
  struct copse_handle root, html = element_of(&page, "html"), own = element_of(&page, "my-own");
  struct copse_handle doctype, copy, there;
  CHECK_OK(copse_document_root(page.view, page.document, &root));
  CHECK_OK(copse_doctype_new(page.txn, page.document, "html", "p", "s", &doctype));
  CHECK_OK(copse_node_append(page.txn, page.document, &root, &doctype));
  CHECK_OK(copse_node_append(page.txn, page.document, &root, &html));
  CHECK_OK(copse_node_append(page.txn, page.document, &html, &own));
  CHECK_OK(copse_attribute_set(page.txn, page.document, &own, "data-x", "1", 1));
  CHECK_OK(copse_text_append(page.txn, page.document, &own, "text", 4));
  element_of(&other, "another-own"); /* so that numbers differ */
  CHECK_OK(copse_node_clone(other.txn, other.document, page.view, page.document, &root, 1, &copy));
  CHECK_OK(copse_document_root(other.view, other.document, &there));
  CHECK_OK(copse_node_append(other.txn, other.document, &there, &copy));
  MARKUP(&other, there, "<!html><html><my-own data-x=\"1\">'text'</my-own></html>");
  CHECK_OK(copse_node_append(other.txn, other.document, &there, &copy)); /* it is empty now */
  document_sound(other.view, other.document);
  page_end(&other);
  page_end(&page);
}

/* --- the heap -------------------------------------------------------------------------- */

TEST(the_heap_is_made_small_by_itself) {
  struct page page = page_new();
  struct copse_handle own = element_of(&page, "my-own"), t = text_of(&page, "");
  struct copse_document_info info;
  struct copse_bytes value;
  char text[1000];
  CHECK_OK(copse_attribute_set(page.txn, page.document, &own, "data-own", "kept", 4));
  for (int i = 0; i < 5000; i++) {
    memset(text, 'a' + i % 26, sizeof text);
    CHECK_OK(copse_text_set(page.txn, page.document, &t, text, sizeof text));
    CHECK_OK(copse_document_info(page.view, page.document, &info));
    CHECK_LE(info.heap_bytes, (1 << 20) + 8192);
  }
  CHECK_OK(copse_document_compact(page.txn, page.document));
  CHECK_OK(copse_document_info(page.view, page.document, &info));
  CHECK_LE(info.heap_bytes, 2000);
  CHECK_OK(copse_attribute_get(page.view, page.document, &own, "data-own", &value));
  BYTES(value, "kept");
  CHECK_OK(copse_node_remove(page.txn, page.document, &own));
  CHECK_OK(copse_document_compact(page.txn, page.document));
  CHECK_OK(copse_document_info(page.view, page.document, &info));
  CHECK_EQ(info.names, 0);
  CHECK_OK(copse_node_get(page.view, page.document, &t, &(struct copse_node){0}));
  document_sound(page.view, page.document);
  page_end(&page);
}

/* --- full stores ----------------------------------------------------------------------- */

static int any_change(struct page *page, struct test_random *random, struct copse_handle *nodes,
                      unsigned *count) {
  static char bytes[6000];
  struct copse_handle *a = &nodes[test_random_below(random, *count)], *place = &nodes[*count % 200];
  size_t size = test_random_below(random, 4) ? 900 : sizeof bytes;
  int result;
  switch (test_random_below(random, 8)) {
  case 0: result = copse_text_new(page->txn, page->document, bytes, size, place); break;
  case 1:
    result = copse_element_new(page->txn, page->document, COPSE_NS_HTML, "template", place);
    break;
  case 2: return copse_text_append(page->txn, page->document, a, bytes, size);
  case 3: return copse_attribute_set(page->txn, page->document, a, "title", bytes, size);
  case 4: return copse_node_append(page->txn, page->document, a, &nodes[*count / 2]);
  case 5: return copse_node_unwrap(page->txn, page->document, a);
  case 6: return copse_document_compact(page->txn, page->document);
  default:
    result = copse_node_clone(page->txn, page->document, page->view, page->document, a, 1, place);
  }
  *count += result == 0 && *count < 199;
  return result;
}

TEST(a_full_store_fails_whole_calls) {
  struct test_random random = {test_seed()};
  struct copse_document_info before, after;
  struct page page = {.store = store_new(NULL, 6 << 20)};
  struct copse_handle nodes[200];
  unsigned count = 1, failed = 0;
  memset(nodes, 0, sizeof nodes);
  CHECK_OK(copse_document_ensure(page.store, "page", -1, &page.document));
  page.txn = begin(page.store);
  page.view = copse_txn_view(page.txn);
  CHECK_OK(copse_document_root(page.view, page.document, &nodes[0]));
  while (failed < 300) {
    CHECK_OK(copse_document_info(page.view, page.document, &before));
    int result = any_change(&page, &random, nodes, &count);
    if (result != COPSE_E_LIMIT && result != COPSE_E_NO_SPACE)
      continue;
    failed++;
    CHECK_OK(copse_document_info(page.view, page.document, &after));
    CHECK_EQ(after.nodes, before.nodes);
    CHECK_EQ(after.text_bytes, before.text_bytes);
    if (failed % 20 == 0)
      document_sound(page.view, page.document);
  }
  document_sound(page.view, page.document);
  copse_txn_abort(page.txn);
  page.txn = begin(page.store);
  document_sound(copse_txn_view(page.txn), page.document);
  page_end(&page);
}

TEST(calls_in_steps_beside_all_savepoints) {
  struct page page = page_new();
  struct copse_handle template = element_of(&page, "template"), copy;
  int points = 0;
  while (copse_savepoint(page.txn) == 0)
    points++;
  CHECK_OK(
      copse_node_clone(page.txn, page.document, page.view, page.document, &template, 1, &copy));
  CHECK_OK(copse_node_remove(page.txn, page.document, &template));
  CHECK_OK(copse_document_compact(page.txn, page.document));
  CHECK_OK(copse_document_clear(page.txn, page.document));
  for (; points; points--)
    CHECK_OK(copse_savepoint_release(page.txn));
  document_sound(page.view, page.document);
  page_end(&page);
}

/* --- oustable snapshots ---------------------------------------------------------------- */

TEST(views_that_copy_pages_read_all) {
  struct page page = page_new();
  struct copse_handle i, e;
  struct copse_node node;
  struct copse_attribute attribute;
  struct copse_snapshot *snapshot;
  char big[3000], name[3000];
  memset(big, 'b', sizeof big);
  memset(name, 'n', sizeof name);
  name[2999] = 0;
  CHECK_OK(copse_instruction_new(page.txn, page.document, name, big, sizeof big, &i));
  e = element_of(&page, "my-own");
  CHECK_OK(copse_attribute_set(page.txn, page.document, &e, "data-own", big, 900));
  CHECK_OK(copse_txn_commit(page.txn, NULL));
  CHECK_OK(copse_snapshot_open(page.store, COPSE_SNAPSHOT_OUSTABLE, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_node_get(view, page.document, &i, &node));
  CHECK_BYTES(node.name.data, node.name.size, name, 2999);
  CHECK_BYTES(node.text.data, node.text.size, big, sizeof big);
  CHECK_OK(copse_attribute_at(view, page.document, &e, 0, &attribute));
  BYTES(attribute.name, "data-own");
  CHECK_BYTES(attribute.value.data, attribute.value.size, big, 900);
  document_sound(view, page.document);
  copse_snapshot_close(snapshot);
  page.txn = begin(page.store);
  page_end(&page);
}
