/* pages.h - documents for tests: parsed bytes in an anonymous store. */
#ifndef HTML_PAGES_H
#define HTML_PAGES_H

#include "copse/html.h"
#include "copse/markup.h"
#include "copse/store.h"

struct page {
  struct copse_store *store;
  struct copse_document *document;
  struct copse_txn *txn;
  struct copse_view *view; /* of the transaction */
  struct copse_handle root;
};

/* Parses bytes fed in pieces of `step`, into a document of a transaction that is open. options may be NULL. */
struct page page_parse(const void *bytes, size_t size, size_t step,
                       const struct copse_html_options *options);
/* Commits, lets the store be checked, and ends it. */
void page_end(struct page *page);
/* Of the document node; to be ended by copse_markup_free(). */
char *page_string(struct page *page, uint32_t form, size_t *size);
void page_is(struct page *page, uint32_t form, const char *expected);

#endif
