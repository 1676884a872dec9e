/* pages.c - see pages.h. */
#include "pages.h"

#include <string.h>

#include "copse/inspect.h"
#include "test.h"

struct page page_parse(const void *bytes, size_t size, size_t step,
                       const struct copse_html_options *options) {
  struct page page;
  struct copse_html_parser *parser;
  struct copse_sink *sink;
  CHECK_OK(copse_html_begin(options, &parser));
  for (size_t at = 0; at < size; at += step)
    CHECK_OK(
        copse_html_feed(parser, (const char *)bytes + at, size - at < step ? size - at : step));
  CHECK_OK(copse_html_end(parser, &sink));
  CHECK_OK(copse_store_open(NULL, NULL, &page.store));
  CHECK_OK(copse_document_ensure(page.store, "page", -1, &page.document));
  CHECK_OK(copse_txn_begin(page.store, -1, &page.txn));
  page.view = copse_txn_view(page.txn);
  CHECK_OK(copse_sink_put(page.txn, page.document, sink));
  CHECK_OK(copse_document_root(page.view, page.document, &page.root));
  copse_sink_free(sink);
  return page;
}

void page_end(struct page *page) {
  CHECK_OK(copse_txn_commit(page->txn, NULL));
  copse_document_close(page->document);
  struct copse_check check;
  CHECK_OK(copse_check_store(page->store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  CHECK_OK(copse_store_close(page->store));
}

char *page_string(struct page *page, uint32_t form, size_t *size) {
  char *string;
  CHECK_OK(copse_markup_string(page->view, page->document, &page->root, form, &string, size));
  return string;
}

void page_is(struct page *page, uint32_t form, const char *expected) {
  size_t size;
  char *string = page_string(page, form, &size);
  CHECK_BYTES(string, size, expected, strlen(expected));
  copse_markup_free(string);
}
