/* html_rcdom.c - html5ever into its own rcdom; a library of its own, for Rust's run-time library is in other engines,
 * too. */
#include "html.h"

void *oracle_parse(const char *bytes, size_t size, const char *context, size_t context_size,
                   int space, int scripting);
void oracle_free(void *dom);
uint64_t oracle_walk(void *dom);
size_t oracle_null(const char *bytes, size_t size);
size_t oracle_write(void *dom);
void oracle_nodes(const uint32_t *parents, size_t n, uint64_t *ns);

static void *parse(const struct html_page *page) {
  return oracle_parse(page->bytes, page->size, NULL, 0, 0, 0);
}

static void nodes(const char *directory, const uint32_t *parents, uint32_t n, uint64_t ns[2]) {
  (void)directory;
  oracle_nodes(parents, n, ns);
}

size_t html_rcdom_null(const struct html_page *page) {
  return oracle_null(page->bytes, page->size);
}

const struct html_parser html_rcdom = {
    .engine = {.name = "rcdom"},
    .parse = parse,
    .walk = oracle_walk,
    .write = oracle_write,
    .drop = oracle_free,
    .nodes = nodes,
};
