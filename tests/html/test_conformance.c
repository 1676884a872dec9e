/* test_conformance.c - the html5lib tests for tree construction, through html5ever into documents. What is to come
 * out is what html5ever gives its own tree in the same run, whether the suite expects it or not; so a document loses
 * nothing that the parser gets right. Fed whole, byte by byte, and by character with errors and positions. */
#include <stdio.h>
#include <stdlib.h>

#include "copse/html.h"
#include "copse/markup.h"
#include "copse/store.h"
#include "oracle.h"
#include "suite.h"
#include "test.h"

struct run {
  const struct suite_case *test;
  int scripting;
  char *tree; /* as the oracle has it */
  size_t size;
};

static void oracle_run(struct run *run) {
  const struct suite_case *test = run->test;
  const char *context = test->context;
  int space = COPSE_NS_HTML;
  if (context && strncmp(context, "svg ", 4) == 0) {
    space = COPSE_NS_SVG;
    context += 4;
  } else if (context && strncmp(context, "math ", 5) == 0) {
    space = COPSE_NS_MATHML;
    context += 5;
  }
  void *dom = oracle_parse(test->data, test->size, context, context ? strlen(context) : 0, space,
                           run->scripting);
  run->tree = oracle_tree(dom, context != NULL, &run->size);
  oracle_free(dom);
}

/* Whether the suite expects the oracle's tree, which ends with a line end. */
static int is_expected(const struct run *run) {
  size_t size = run->size;
  while (size && run->tree[size - 1] == '\n')
    size--;
  return size == run->test->tree_size && memcmp(run->tree, run->test->tree, size) == 0;
}

/* All runs of all files: each case with scripting on, off or both, as it says. */
static struct run *runs_make(struct suite_file *files, size_t n, size_t *count) {
  size_t cases = 0;
  for (size_t i = 0; i < n; i++) {
    suite_read(&files[i]);
    cases += files[i].count;
  }
  struct run *runs = calloc(2 * cases, sizeof *runs);
  CHECK(runs != NULL);
  *count = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < files[i].count; j++)
      for (int scripting = 0; scripting < 2; scripting++)
        if (files[i].cases[j].scripts & (scripting ? 1 : 2)) {
          struct run *run = &runs[(*count)++];
          *run = (struct run){.test = &files[i].cases[j], .scripting = scripting};
          oracle_run(run);
        }
  return runs;
}

enum how { WHOLE, BYTES, POSITIONS };

static void on_error(void *context, const struct copse_html_error *error) {
  const struct suite_case *test = context;
  CHECK_LE(error->offset, test->size);
  CHECK_GT(error->line, 0);
}

static struct copse_sink *parse(const struct run *run, enum how how) {
  const struct suite_case *test = run->test;
  struct copse_html_options options = {.scripting = run->scripting,
                                       .encoding = "utf-8",
                                       .context = test->context,
                                       .offsets = how == POSITIONS,
                                       .error = how == POSITIONS ? on_error : NULL,
                                       .error_context = (void *)test};
  struct copse_html_parser *parser;
  struct copse_sink *sink;
  size_t step = how == BYTES ? 1 : test->size;
  CHECK_OK(copse_html_begin(&options, &parser));
  for (size_t at = 0; at < test->size; at += step)
    CHECK_OK(copse_html_feed(parser, test->data + at, step));
  CHECK_OK(copse_html_end(parser, &sink));
  return sink;
}

static void tree_check(struct copse_view *view, struct copse_document *document,
                       const struct run *run) {
  struct copse_handle root;
  char *tree;
  size_t size;
  CHECK_OK(copse_document_root(view, document, &root));
  CHECK_OK(copse_markup_string(view, document, &root, COPSE_MARKUP_TREE, &tree, &size));
  int is_same = size == run->size && memcmp(tree, run->tree, size) == 0;
  CHECK_MSG(is_same, "scripting %d, %s of\n%.*s\ngives\n%s\nand not\n%.*s", run->scripting,
            run->test->context ? run->test->context : "document", (int)run->test->size,
            run->test->data, tree, (int)run->size, run->tree);
  copse_markup_free(tree);
}

/* Puts a run's tree into a document; reading is checked in the transaction. */
static void document_check(struct copse_store *store, struct copse_document *document,
                           const struct run *run, enum how how) {
  struct copse_sink *sink = parse(run, how);
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(copse_sink_put(txn, document, sink));
  tree_check(copse_txn_view(txn), document, run);
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_sink_free(sink);
}

static void suite_end(struct suite_file *files, size_t n, struct run *runs, size_t count) {
  for (size_t i = 0; i < count; i++)
    oracle_tree_free(runs[i].tree, runs[i].size);
  free(runs);
  suite_free(files, n);
}

static struct run *suite_begin(struct suite_file **files, size_t *n, size_t *count) {
  *files = suite_files("html/tree-construction", n);
  if (*n == 0)
    SKIP("there are no html5lib tests in $COPSE_TEST_DATA/html/tree-construction");
  return runs_make(*files, *n, count);
}

TEST(documents_are_what_html5ever_makes_of_bytes) {
  struct suite_file *files;
  struct copse_store *store;
  struct copse_document *document;
  size_t n, count, expected = 0;
  struct run *runs = suite_begin(&files, &n, &count);
  CHECK_OK(copse_store_open(NULL, NULL, &store));
  CHECK_OK(copse_document_ensure(store, "page", -1, &document));
  for (size_t i = 0; i < count; i++) {
    document_check(store, document, &runs[i], WHOLE);
    document_check(store, document, &runs[i], BYTES);
    document_check(store, document, &runs[i], POSITIONS);
    expected += is_expected(&runs[i]);
  }
  printf("     %zu files, %zu runs; %zu trees are as expected, with html5ever's own tree %zu\n", n,
         count, expected, expected);
  CHECK_GT(expected * 100, count * 90);
  copse_document_close(document);
  CHECK_OK(copse_store_close(store));
  suite_end(files, n, runs, count);
}

TEST(another_process_reads_the_same) {
  struct suite_file *files;
  struct copse_store *store;
  struct copse_document *document;
  size_t n, count;
  char name[32];
  struct run *runs = suite_begin(&files, &n, &count);
  const char *path = test_shm_path("pages");
  struct copse_store_options options = {.flags = COPSE_CREATE | COPSE_EXCLUSIVE};
  CHECK_OK(copse_store_open(path, &options, &store));
  for (size_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "page %zu", i);
    CHECK_OK(copse_document_ensure(store, name, -1, &document));
    document_check(store, document, &runs[i], WHOLE);
    copse_document_close(document);
  }
  pid_t reader = test_fork();
  if (reader == 0) {
    struct copse_store *other;
    struct copse_snapshot *snapshot;
    CHECK_OK(copse_store_open(path, NULL, &other));
    CHECK_OK(copse_snapshot_open(other, 0, &snapshot));
    for (size_t i = 0; i < count; i++) {
      snprintf(name, sizeof name, "page %zu", i);
      CHECK_OK(copse_document_open(copse_snapshot_view(snapshot), name, &document));
      tree_check(copse_snapshot_view(snapshot), document, &runs[i]);
      copse_document_close(document);
    }
    copse_snapshot_close(snapshot);
    CHECK_OK(copse_store_close(other));
    return;
  }
  CHECK_CHILD_OK(reader);
  CHECK_OK(copse_store_close(store));
  suite_end(files, n, runs, count);
}
