/* html_copse.c - libcopse-html: pages into documents of a store in shared memory. */
#include "html.h"

#include "common.h"
#include <copse/copse.h>
#include <copse/html.h>
#include <copse/markup.h>
#include <copse/selector.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOVES = 20000, PARENTS = 1000 };

static struct {
  struct copse_store *store;
  unsigned documents;
  uint64_t put_ns, used_bytes;
  char path[256], last[32];
} home;

struct tree {
  struct copse_document *document;
  struct copse_snapshot *snapshot;
  struct copse_view *view;
  struct copse_handle root;
};

static void check(int result, const char *what) {
  if (result != 0)
    die("html: %s: %s (%s)", what, copse_strerror(result), copse_error_detail());
}

static uint64_t used_bytes(void) {
  struct copse_stat stat;
  check(copse_stat(home.store, &stat), "stat");
  return stat.used_bytes;
}

static void begin(const char *directory) {
  struct copse_store_options options = {
      .flags = COPSE_CREATE, .max_bytes = UINT64_C(2) << 30, .prefault_bytes = UINT64_C(192) << 20};
  snprintf(home.path, sizeof home.path, "%s/html", directory);
  check(copse_store_open(home.path, &options, &home.store), "open");
  struct copse_document *first; /* the first one to write maps prefault_bytes */
  struct copse_txn *txn;
  check(copse_txn_begin(home.store, -1, &txn), "begin");
  check(copse_document_create(txn, "first", &first), "document");
  check(copse_txn_commit(txn, NULL), "commit");
  copse_document_close(first);
  home.used_bytes = used_bytes();
}

static void end(void) {
  check(copse_store_close(home.store), "close");
  check(copse_store_remove(home.path), "remove");
}

static void *parse(const struct html_page *page) {
  struct copse_html_options options = {.encoding = "utf-8"};
  struct tree *tree = calloc(1, sizeof *tree);
  struct copse_sink *sink;
  struct copse_txn *txn;
  if (!tree)
    die("html: no memory");
  check(copse_html_parse(page->bytes, page->size, &options, &sink), "parse");
  uint64_t began = now_ns();
  snprintf(home.last, sizeof home.last, "page%u", home.documents++);
  check(copse_txn_begin(home.store, -1, &txn), "begin");
  check(copse_document_create(txn, home.last, &tree->document), "document");
  check(copse_sink_put(txn, tree->document, sink), "put");
  check(copse_txn_commit(txn, NULL), "commit");
  home.put_ns = now_ns() - began;
  copse_sink_free(sink);
  check(copse_snapshot_open(home.store, 0, &tree->snapshot), "snapshot");
  tree->view = copse_snapshot_view(tree->snapshot);
  check(copse_document_root(tree->view, tree->document, &tree->root), "root");
  return tree;
}

uint64_t html_copse_put_ns(void) { return home.put_ns; }

/* Documents stay until the store ends, so that nothing is freed. */
static uint64_t bytes(void *tree) {
  uint64_t before = home.used_bytes;
  (void)tree;
  home.used_bytes = used_bytes();
  return home.used_bytes - before;
}

static uint64_t walk_over(struct copse_view *view, struct copse_document *document,
                          const struct copse_handle *root) {
  struct copse_tree_walk walk;
  const void *payload;
  uint64_t count = 1, seen = 0;
  check(copse_tree_walk_begin(view, copse_document_tree(document), root, COPSE_TREE_DESCENDANTS,
                              &walk),
        "walk");
  while (copse_tree_walk_next(&walk, &payload) == 0) {
    seen |= *(const uint8_t *)payload;
    count++;
  }
  return seen ? count : 0;
}

static uint64_t walk(void *of) {
  struct tree *tree = of;
  return walk_over(tree->view, tree->document, &tree->root);
}

static int size_add(void *context, const void *written, size_t size) {
  (void)written;
  *(size_t *)context += size;
  return 0;
}

static size_t write_out(void *of) {
  struct tree *tree = of;
  size_t size = 0;
  check(copse_markup_write(tree->view, tree->document, &tree->root, COPSE_MARKUP_INNER, size_add,
                           &size),
        "write");
  return size;
}

static void drop(void *of) {
  struct tree *tree = of;
  copse_snapshot_close(tree->snapshot);
  copse_document_close(tree->document);
  free(tree);
}

/* --- another process ----------------------------------------------------------------------- */

static void attach(struct html_attached *attached) {
  struct copse_store *store;
  struct copse_document *document;
  struct copse_snapshot *snapshot;
  struct copse_handle root, found;
  struct copse_selector *selector;
  uint64_t began = now_ns();
  check(copse_store_open(home.path, NULL, &store), "attach");
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  struct copse_view *view = copse_snapshot_view(snapshot);
  check(copse_document_open(view, home.last, &document), "document");
  check(copse_document_root(view, document, &root), "root");
  check(copse_selector_compile("body a[href]", SIZE_MAX, &selector), "selector");
  check(copse_selector_first(view, document, &root, selector, &found), "first");
  attached->first_ns = now_ns() - began;
  began = now_ns();
  check(copse_selector_first(view, document, &root, selector, &found), "again");
  attached->again_ns = now_ns() - began;
  began = now_ns();
  attached->nodes = walk_over(view, document, &root);
  attached->walk_ns = now_ns() - began;
}

void html_copse_attach(struct html_attached *attached) {
  struct html_attached *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int status;
  pid_t child = shared == MAP_FAILED ? -1 : fork();
  if (child == 0) {
    attach(shared);
    _exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
    die("html: the attaching process failed");
  *attached = *shared;
  munmap(shared, sizeof *shared);
}

/* --- changes ------------------------------------------------------------------------------- */

static uint32_t select_some(struct tree *tree, const char *css, struct copse_handle *found,
                            uint32_t room) {
  struct copse_selector *selector;
  struct copse_query *query;
  uint32_t n = 0;
  check(copse_selector_compile(css, SIZE_MAX, &selector), css);
  check(copse_query_begin(tree->view, tree->document, &tree->root, selector, &query), css);
  while (n < room && copse_query_next(query, &found[n]) == 0)
    n++;
  copse_query_end(query);
  copse_selector_free(selector);
  return n;
}

/* Elements without elements in them go to the ends of paragraphs. */
double html_copse_moves(void *of) {
  static struct copse_handle moved[MOVES], parents[PARENTS];
  struct tree *tree = of;
  uint32_t n = select_some(tree, "body a:not(:has(*))", moved, MOVES);
  uint32_t m = select_some(tree, "body p", parents, PARENTS);
  struct random random = {1};
  if (n == 0 || m == 0)
    return 0;
  uint64_t began = now_ns();
  for (uint32_t i = 0; i < MOVES; i++) {
    struct copse_txn *txn;
    check(copse_txn_begin(home.store, -1, &txn), "begin");
    check(copse_node_append(txn, tree->document, &parents[random_below(&random, m)],
                            &moved[random_below(&random, n)]),
          "move");
    check(copse_txn_commit(txn, NULL), "commit");
  }
  return (double)(now_ns() - began) / MOVES;
}

static void nodes(const char *directory, const uint32_t *parents, uint32_t n, uint64_t ns[2]) {
  struct copse_handle *made = calloc(n, sizeof *made), top;
  struct copse_document *document;
  struct copse_txn *txn;
  if (!made)
    die("html: no memory");
  begin(directory);
  check(copse_txn_begin(home.store, -1, &txn), "begin");
  check(copse_document_create(txn, "nodes", &document), "document");
  check(copse_document_root(copse_txn_view(txn), document, &top), "root");
  uint64_t began = now_ns();
  for (uint32_t i = 0; i < n; i++) {
    check(copse_element_new(txn, document, COPSE_NS_HTML, "div", &made[i]), "new");
    check(copse_node_append(txn, document, i ? &made[parents[i]] : &top, &made[i]), "append");
  }
  ns[0] = now_ns() - began;
  began = now_ns();
  for (uint32_t i = 0; i < n; i++)
    check(copse_node_detach(txn, document, &made[i]), "detach");
  ns[1] = now_ns() - began;
  check(copse_txn_commit(txn, NULL), "commit");
  copse_document_close(document);
  end();
  free(made);
}

const struct html_parser html_copse = {
    .engine = {.name = "copse"},
    .begin = begin,
    .end = end,
    .parse = parse,
    .bytes = bytes,
    .walk = walk,
    .write = write_out,
    .drop = drop,
    .nodes = nodes,
};
