/* html.h - what the parts of the workload html share: pages, and those who parse them. */
#ifndef BENCH_HTML_H
#define BENCH_HTML_H

#include "engine.h"

struct html_page {
  char path[512];
  char *bytes;
  size_t size;
};

/* A parser and its trees. Functions that it has not are NULL. */
struct html_parser {
  struct engine engine;                 /* its name, for rows */
  void (*begin)(const char *directory); /* of a round */
  void (*end)(void);
  void *(*parse)(const struct html_page *page);
  uint64_t (*bytes)(void *tree); /* that the tree takes; NULL: what malloc() has given meanwhile */
  uint64_t (*walk)(void *tree);  /* looks at the kind of each node: how many there are */
  size_t (*write)(void *tree);   /* as HTML: how many bytes */
  void (*drop)(void *tree);      /* where bytes is given, it stays in its store */
  /* Makes n elements, number i the last child of number parents[i] < i; then detaches them in the same order. ns: of
   * both. directory: for a store. */
  void (*nodes)(const char *directory, const uint32_t *parents, uint32_t n, uint64_t ns[2]);
};

extern const struct html_parser html_copse, html_gumbo, html_libxml2, html_rcdom;
uint64_t html_copse_put_ns(void); /* part of the last parse: transaction, put and commit */
size_t html_rcdom_null(const struct html_page *page); /* into no tree */

/* A process of its own attaches to the last page, which is still there, and asks for its first link, then for all of them;
 * then it walks over all nodes. */
struct html_attached {
  uint64_t first_ns, again_ns, walk_ns, nodes;
};
void html_copse_attach(struct html_attached *attached);
/* Moves of one element, a transaction each: ns of one. */
double html_copse_moves(void *tree);

#endif
