/* fuzz_html.c - any bytes are HTML: parsing ends, and pieces, positions and errors do not change the tree. The first
 * two bytes choose the options. */
#include <stdlib.h>

#include "copse/html.h"
#include "copse/markup.h"
#include "copse/store.h"
#include "fuzz.h"

static const char *const contexts[] = {NULL,       "body",     "table",    "tr",
                                       "select",   "template", "textarea", "script",
                                       "svg path", "svg desc", "math mi",  "frameset"};
static const char *const labels[] = {NULL, "utf-8", "utf-16le", "shift_jis"};

static void on_error(void *context, const struct copse_html_error *error) {
  CHECK(error->message != NULL);
  (*(size_t *)context)++;
}

static char *tree_of(struct copse_store *store, const uint8_t *data, size_t size, size_t step,
                     const struct copse_html_options *options, size_t *length) {
  struct copse_html_parser *parser;
  struct copse_sink *sink;
  struct copse_document *document;
  struct copse_txn *txn;
  struct copse_handle root;
  char *tree;
  CHECK_OK(copse_html_begin(options, &parser));
  for (size_t at = 0; at < size; at += step)
    CHECK_OK(copse_html_feed(parser, data + at, size - at < step ? size - at : step));
  CHECK_OK(copse_html_end(parser, &sink));
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(copse_document_create(txn, "page", &document));
  CHECK_OK(copse_sink_put(txn, document, sink));
  CHECK_OK(copse_document_root(copse_txn_view(txn), document, &root));
  CHECK_OK(
      copse_markup_string(copse_txn_view(txn), document, &root, COPSE_MARKUP_TREE, &tree, length));
  copse_txn_abort(txn);
  copse_document_close(document);
  copse_sink_free(sink);
  return tree;
}

FUZZ(html) {
  static struct copse_store *store;
  if (size < 2)
    return;
  if (!store)
    CHECK_OK(copse_store_open(NULL, NULL, &store));
  struct copse_html_options options = {.context = contexts[data[0] % 12],
                                       .encoding = labels[data[1] % 4],
                                       .scripting = data[1] >> 2 & 1};
  size_t whole, pieces, errors = 0;
  char *tree = tree_of(store, data + 2, size - 2, size, &options, &whole);
  options.offsets = 1;
  if (data[1] & 8) {
    options.error = on_error;
    options.error_context = &errors;
  }
  char *same = tree_of(store, data + 2, size - 2, 1 + (data[0] >> 4), &options, &pieces);
  CHECK_BYTES(tree, whole, same, pieces);
  copse_markup_free(tree);
  copse_markup_free(same);
}
