/* test_dom_sink.c - tree sinks as a parser uses them, and as none would. */
#include <stdio.h>
#include <stdlib.h>

#include "copse/markup.h"
#include "copse/sink.h"
#include "test_store_fixture.h"

struct page {
  struct copse_store *store;
  struct copse_document *document;
  struct copse_sink *sink;
};

static struct page page_new(void) {
  struct page page = {.store = store_new(NULL, 0)};
  CHECK_OK(copse_document_ensure(page.store, "page", -1, &page.document));
  CHECK_OK(copse_sink_new(&page.sink));
  return page;
}

static void page_end(struct page *page) {
  copse_sink_free(page->sink);
  copse_document_close(page->document);
  store_sound(page->store);
  CHECK_OK(copse_store_close(page->store));
}

static void page_put(struct page *page) {
  struct copse_txn *txn = begin(page->store);
  CHECK_OK(copse_sink_put(txn, page->document, page->sink));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void markup_is(struct copse_view *view, struct copse_document *document,
                      const struct copse_handle *node, uint32_t form, const char *expected) {
  char *string;
  size_t size;
  CHECK_OK(copse_markup_string(view, document, node, form, &string, &size));
  CHECK_STR(string, expected);
  copse_markup_free(string);
}

static void page_is(struct page *page, const char *expected) {
  struct copse_snapshot *snapshot;
  struct copse_handle root;
  CHECK_OK(copse_snapshot_open(page->store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_document_root(view, page->document, &root));
  markup_is(view, page->document, &root, COPSE_MARKUP_TREE, expected);
  copse_snapshot_close(snapshot);
}

static uint32_t html_name(struct page *page, const char *local) {
  return copse_sink_name(page->sink, COPSE_NS_HTML, NULL, 0, local, strlen(local));
}
static copse_sink_node element(struct page *page, const char *local) {
  return copse_sink_element(page->sink, html_name(page, local), NULL, 0, 0);
}
static copse_sink_node child(struct page *page, copse_sink_node parent, const char *local) {
  copse_sink_node node = element(page, local);
  copse_sink_append(page->sink, parent, node);
  return node;
}
static void text(struct page *page, copse_sink_node parent, const char *string) {
  copse_sink_text_append(page->sink, parent, string, strlen(string));
}
static struct copse_sink_attribute attribute(struct page *page, const char *local,
                                             const char *value) {
  return (struct copse_sink_attribute){
      copse_sink_name(page->sink, COPSE_NS_NONE, NULL, 0, local, strlen(local)),
      (uint32_t)strlen(value), value};
}

TEST(a_sink_becomes_a_document) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  struct copse_sink_attribute attributes[] = {attribute(&page, "id", "x"),
                                              attribute(&page, "x-own", "\"")};
  copse_sink_doctype(sink, "html", 4, "p", 1, "", 0);
  copse_sink_node html = child(&page, copse_sink_document(sink), "html");
  copse_sink_node own = copse_sink_element(sink, html_name(&page, "x-own"), attributes, 2, 0);
  copse_sink_append(sink, html, own);
  text(&page, own, "good ");
  text(&page, own, "morning");
  copse_sink_append(sink, own, copse_sink_comment(sink, "c", 1));
  copse_sink_append(sink, own, copse_sink_instruction(sink, "pi", 2, "d", 1));
  copse_sink_quirks(sink, COPSE_LIMITED_QUIRKS);
  CHECK_EQ(html_name(&page, "x-own"), copse_sink_element_name(sink, own));
  CHECK_NE(html_name(&page, "x-own"), attributes[1].name);
  CHECK_EQ(copse_sink_parent(sink, own), html);
  page_put(&page);
  page_is(&page, "| <!DOCTYPE html \"p\" \"\">\n| <html>\n|   <x-own>\n|     id=\"x\"\n"
                 "|     x-own=\"\"\"\n|     \"good morning\"\n|     <!-- c -->\n|     <?pi d>\n");
  /* It is empty now, and makes another one. */
  CHECK_EQ(copse_sink_parent(sink, own), 0);
  child(&page, copse_sink_document(sink), "x-own");
  page_put(&page);
  page_is(&page, "| <x-own>\n");
  page_put(&page);
  page_is(&page, "");
  page_end(&page);
}

TEST(nodes_move_and_text_joins) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  copse_sink_node top = child(&page, copse_sink_document(sink), "div");
  copse_sink_node b = child(&page, top, "b"), i = child(&page, top, "i");
  text(&page, b, "1");
  copse_sink_text_before(sink, i, "2", 1);
  copse_sink_text_before(sink, i, "3", 1);
  copse_sink_text_before(sink, b, "0", 1);
  copse_sink_node u = element(&page, "u");
  copse_sink_before(sink, i, u);
  copse_sink_before(sink, b, i);     /* from behind */
  copse_sink_reparent(sink, top, u); /* with itself below: a circle that nobody reaches */
  copse_sink_append(sink, copse_sink_document(sink), child(&page, top, "p"));
  copse_sink_detach(sink, b);
  page_put(&page);
  page_is(&page, "| <div>\n| <p>\n");
  top = child(&page, copse_sink_document(sink), "div");
  b = child(&page, top, "b");
  i = child(&page, top, "i");
  text(&page, b, "x");
  text(&page, i, "y");
  copse_sink_reparent(sink, b, i);
  copse_sink_append(sink, top, b);
  text(&page, top, "z");
  copse_sink_detach(sink, 77);
  page_put(&page);
  page_is(&page, "| <div>\n|   <i>\n|     \"y\"\n|     \"x\"\n|   <b>\n|   \"z\"\n");
  page_end(&page);
}

TEST(nonsense_is_ignored) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  copse_sink_node document = copse_sink_document(sink), p = child(&page, document, "p");
  copse_sink_node q = child(&page, p, "q"), comment = copse_sink_comment(sink, "", 0);
  copse_sink_append(sink, p, p);
  copse_sink_append(sink, p, document);
  copse_sink_append(sink, comment, q);
  copse_sink_append(sink, 0, q);
  copse_sink_append(sink, p, 99);
  copse_sink_before(sink, q, q);
  copse_sink_before(sink, q, p);
  copse_sink_before(sink, document, q);
  copse_sink_before(sink, comment, q);
  copse_sink_reparent(sink, p, p);
  copse_sink_reparent(sink, p, comment);
  copse_sink_text_append(sink, comment, "x", 1);
  copse_sink_text_before(sink, comment, "x", 1);
  copse_sink_text_append(sink, p, "", 0);
  CHECK_EQ(copse_sink_element(sink, 0, NULL, 0, 0), 0);
  CHECK_EQ(copse_sink_element(sink, 4000, NULL, 0, 0), 0);
  CHECK_EQ(copse_sink_element(sink, 99999, NULL, 0, 0), 0);
  CHECK_EQ(copse_sink_contents(sink, p), 0);
  CHECK_EQ(copse_sink_element_name(sink, comment), 0);
  CHECK_EQ(copse_sink_element_flags(sink, 0), 0);
  CHECK_EQ(copse_sink_name(sink, COPSE_NS_HTML, NULL, 0, "", 0), 0);
  copse_sink_start_tag(sink, 99, 1, 2);
  struct copse_sink_attribute bad = {0, 3, "abc"};
  copse_sink_attributes_add(sink, p, &bad, 1);
  copse_sink_attributes_add(sink, comment, &bad, 1);
  page_put(&page);
  page_is(&page, "| <p>\n|   <q>\n");
  page_end(&page);
}

TEST(templates_have_their_contents_behind_them) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  copse_sink_node at = copse_sink_document(sink);
  for (int i = 0; i < 3; i++) {
    copse_sink_node template =
        copse_sink_element(sink, html_name(&page, "template"), NULL, 0, COPSE_SINK_TEMPLATE);
    copse_sink_append(sink, at, template);
    CHECK_EQ(copse_sink_element_flags(sink, template), COPSE_SINK_TEMPLATE);
    at = copse_sink_contents(sink, template);
    text(&page, at, "t");
    if (i == 1) {
      child(&page, template, "p"); /* as a script might */
      struct copse_sink_attribute id = attribute(&page, "id", "x");
      copse_sink_attributes_add(sink, template, &id, 1);
    }
  }
  page_put(&page);
  page_is(&page, "| <template>\n|   content\n|     \"t\"\n|     <template>\n|       id=\"x\"\n"
                 "|       content\n|         \"t\"\n|         <template>\n|           content\n"
                 "|             \"t\"\n|       <p>\n");
  page_end(&page);
}

TEST(attributes_are_added_once) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  struct copse_sink_attribute attributes[] = {attribute(&page, "id", "x"),
                                              attribute(&page, "title", "t")};
  copse_sink_node p = copse_sink_element(sink, html_name(&page, "p"), attributes, 2, 0);
  copse_sink_append(sink, copse_sink_document(sink), p);
  attributes[0].value = "y";
  for (int i = 0; i < 20000; i++) {
    char name[8];
    snprintf(name, sizeof name, "a%05d", i / 2);
    attributes[1] = attribute(&page, name, i % 2 ? "o" : "e");
    copse_sink_attributes_add(sink, p, attributes, 2);
  }
  page_put(&page);
  struct copse_snapshot *snapshot;
  struct copse_handle node;
  struct copse_bytes value;
  CHECK_OK(copse_snapshot_open(page.store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_document_element(view, page.document, &node));
  CHECK_OK(copse_attribute_get(view, page.document, &node, "id", &value));
  CHECK_BYTES(value.data, value.size, "x", 1);
  CHECK_OK(copse_attribute_get(view, page.document, &node, "a09999", &value));
  CHECK_BYTES(value.data, value.size, "e", 1);
  struct copse_attribute last;
  CHECK_OK(copse_attribute_at(view, page.document, &node, 10001, &last));
  CHECK_BYTES(last.name.data, last.name.size, "a09999", 6);
  CHECK_RESULT(copse_attribute_at(view, page.document, &node, 10002, &last), COPSE_NONE);
  copse_snapshot_close(snapshot);
  page_end(&page);
}

/* Two texts grow by turns, so that neither can stay at the end of the sink's memory. */
TEST(long_texts_grow_in_pieces) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  copse_sink_node p = child(&page, copse_sink_document(sink), "p");
  copse_sink_node q = child(&page, copse_sink_document(sink), "q");
  char *expected = malloc(300000), piece[4];
  size_t size = 0;
  CHECK(expected != NULL);
  for (int i = 0; i < 100000; i++) {
    snprintf(piece, sizeof piece, "%x", i % 256);
    text(&page, p, piece);
    text(&page, q, piece);
    memcpy(expected + size, piece, strlen(piece));
    size += strlen(piece);
  }
  page_put(&page);
  struct copse_snapshot *snapshot;
  struct copse_handle node;
  CHECK_OK(copse_snapshot_open(page.store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_document_root(view, page.document, &node));
  char *string;
  size_t whole;
  CHECK_OK(copse_markup_string(view, page.document, &node, COPSE_MARKUP_TEXT, &string, &whole));
  CHECK_EQ(whole, 2 * size);
  CHECK(memcmp(string, expected, size) == 0 && memcmp(string + size, expected, size) == 0);
  copse_markup_free(string);
  copse_snapshot_close(snapshot);
  free(expected);
  page_end(&page);
}

TEST(where_elements_were_in_the_source) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  struct copse_sink_attribute own = attribute(&page, "x-own", "v");
  copse_sink_node p = copse_sink_element(sink, html_name(&page, "p"), &own, 1, 0);
  copse_sink_append(sink, copse_sink_document(sink), p);
  child(&page, p, "q");
  copse_sink_start_tag(sink, p, 3, 14);
  copse_sink_end_tag(sink, p, 99);
  page_put(&page);
  page_is(&page, "| <p>\n|   x-own=\"v\"\n|   <q>\n");
  struct copse_snapshot *snapshot;
  struct copse_handle node, below;
  struct copse_source source;
  CHECK_OK(copse_snapshot_open(page.store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_document_element(view, page.document, &node));
  CHECK_OK(copse_element_source(view, page.document, &node, &source));
  CHECK_EQ(source.begin, 3);
  CHECK_EQ(source.tag_end, 14);
  CHECK_EQ(source.end, 99);
  CHECK_OK(copse_tree_step(view, copse_document_tree(page.document), &node, COPSE_TREE_FIRST,
                           &below, NULL));
  CHECK_RESULT(copse_element_source(view, page.document, &below, &source), COPSE_NONE);
  copse_snapshot_close(snapshot);
  page_end(&page);
}

TEST(fragments_stand_beside_what_is_there) {
  struct page page = page_new();
  struct copse_sink *sink = page.sink;
  copse_sink_node p = child(&page, copse_sink_document(sink), "p");
  text(&page, p, "x");
  page_put(&page);
  p = child(&page, copse_sink_document(sink), "x-own");
  text(&page, p, "y");
  text(&page, copse_sink_document(sink), "z");
  struct copse_txn *txn = begin(page.store);
  struct copse_view *view = copse_txn_view(txn);
  struct copse_handle all, one;
  CHECK_OK(copse_sink_put_fragment(txn, page.document, sink, 0, &all));
  CHECK_OK(copse_sink_put_fragment(txn, page.document, sink, p, &one));
  markup_is(view, page.document, &all, COPSE_MARKUP_INNER, "<x-own>y</x-own>z");
  markup_is(view, page.document, &one, COPSE_MARKUP_INNER, "y");
  CHECK_RESULT(copse_sink_put_fragment(txn, page.document, sink, 99, &one), COPSE_E_ARGUMENT);
  copse_sink_append(sink, child(&page, p, "q"), p);
  CHECK_RESULT(copse_sink_put_fragment(txn, page.document, sink, p, &one), COPSE_E_ARGUMENT);
  CHECK_OK(copse_txn_commit(txn, NULL));
  page_is(&page, "| <p>\n|   \"x\"\n");
  page_end(&page);
}
