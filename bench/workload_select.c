/* workload_select.c - select: twenty queries of a page of about 2,500 elements, us a query: a selector that was compiled
 * before, all that it matches handed out. Copse's page is in shared memory, put there by a sink. Peer: libxml2,
 * XPath compiled before, of the same page from its HTML parser. Both must find as many elements. */
#include "bench.h"

#include <copse/copse.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef BENCH_LIBXML2
#include <libxml/HTMLparser.h>
#include <libxml/xpath.h>
#endif

enum { SECTIONS = 84, TIMED_NS = 3000000, PAGE_BYTES = 1 << 18, ATTRIBUTES = 4, DEPTH = 32 };

#define HAS(word) "contains(concat(' ', normalize-space(@class), ' '), ' " word " ')"
static const struct {
  const char *css, *xpath;
} queries[] = {
    {"div", "//div"},
    {"p", "//p"},
    {".note", "//*[" HAS("note") "]"},
    {"#s7", "//*[@id='s7']"},
    {"div p", "//div//p"},
    {"section > p", "//section/p"},
    {"a[href^=http]", "//a[starts-with(@href, 'http')]"},
    {"li:last-child", "//li[not(following-sibling::*)]"},
    {"tr:nth-child(2n+1) td", "//tr[count(preceding-sibling::*) mod 2 = 0]//td"},
    {".section .cell", "//*[" HAS("section") "]//*[" HAS("cell") "]"},
    {"h2 + p", "//h2/following-sibling::*[1][self::p]"},
    {"h2 ~ p", "//h2/following-sibling::p"},
    {"[title]", "//*[@title]"},
    {"p:not(.note)", "//p[not(" HAS("note") ")]"},
    {"section:has(table)", "//section[.//table]"},
    {"h1, h2, h3", "//h1 | //h2 | //h3"},
    {"section p a[href*=page]", "//section//p//a[contains(@href, 'page')]"},
    {"ul > li.last", "//ul/li[" HAS("last") "]"},
    {"td:nth-child(2)", "//td[count(preceding-sibling::*) = 1]"},
    {"input:checked", "//input[@checked]"},
};
enum { QUERIES = sizeof queries / sizeof queries[0] };

static void check(int result, const char *what) {
  if (result != 0)
    die("select: %s: %s (%s)", what, copse_strerror(result), copse_error_detail());
}

/* --- the page ------------------------------------------------------------------------------ */

/* Takes a page both ways: as text, and as calls of a sink. */
struct page {
  char *html;
  size_t size;
  struct copse_sink *sink;
  copse_sink_node open[DEPTH];
  unsigned depth;
};

static void html_add(struct page *page, const char *text) {
  size_t size = strlen(text);
  if (page->size + size >= PAGE_BYTES)
    die("select: the page is too large");
  memcpy(page->html + page->size, text, size + 1);
  page->size += size;
}

static uint32_t name_of(struct page *page, enum copse_namespace space, const char *name) {
  return copse_sink_name(page->sink, space, NULL, 0, name, strlen(name));
}

/* attributes: name, value, ..., NULL. */
static void element_begin(struct page *page, const char *name, const char *const *attributes) {
  struct copse_sink_attribute given[ATTRIBUTES];
  size_t n = 0;
  html_add(page, "<");
  html_add(page, name);
  for (; attributes && attributes[2 * n]; n++) {
    const char *value = attributes[2 * n + 1];
    html_add(page, " ");
    html_add(page, attributes[2 * n]);
    html_add(page, "=\"");
    html_add(page, value);
    html_add(page, "\"");
    given[n] = (struct copse_sink_attribute){name_of(page, COPSE_NS_NONE, attributes[2 * n]),
                                             (uint32_t)strlen(value), value};
  }
  html_add(page, ">");
  copse_sink_node node =
      copse_sink_element(page->sink, name_of(page, COPSE_NS_HTML, name), given, n, 0);
  copse_sink_append(page->sink, page->open[page->depth], node);
  page->open[++page->depth] = node;
}

static void element_end(struct page *page, const char *name) {
  if (name) { /* NULL: it has no end tag */
    html_add(page, "</");
    html_add(page, name);
    html_add(page, ">");
  }
  page->depth--;
}

static void text_add(struct page *page, const char *text) {
  html_add(page, text);
  copse_sink_text_append(page->sink, page->open[page->depth], text, strlen(text));
}

#define BEGIN(page, name, ...) element_begin(page, name, (const char *const[]){__VA_ARGS__, NULL})
#define TEXT(page, name, text, ...)                                                                \
  (BEGIN(page, name, __VA_ARGS__), text_add(page, text), element_end(page, name))

static void table_make(struct page *page) {
  BEGIN(page, "table", "class", "grid");
  BEGIN(page, "tbody", NULL);
  for (int row = 0; row < 6; row++) {
    BEGIN(page, "tr", "class", row % 2 ? "odd" : "even");
    for (int column = 0; column < 5; column++) {
      BEGIN(page, "td", NULL);
      TEXT(page, "span", "1", "class", "cell");
      element_end(page, "td");
    }
    element_end(page, "tr");
    text_add(page, "\n");
  }
  element_end(page, "tbody");
  element_end(page, "table");
}

static void paragraph_make(struct page *page, unsigned i) {
  static const char *const classes[] = {"note", "text", "text small", "warn text"};
  static const char *const links[] = {"http://a.org/x", "https://b.org/y", "page.html#z", "i.png"};
  BEGIN(page, "p", "class", classes[i * 7 % 4]);
  text_add(page, "Some text in a ");
  TEXT(page, "b", "paragraph", NULL);
  text_add(page, " with ");
  TEXT(page, "a", "links", "href", links[i * 5 % 4], "title", "a link");
  text_add(page, " and ");
  TEXT(page, "code", "code", "class", "lit");
  text_add(page, ", and more.");
  element_end(page, "p");
  text_add(page, "\n");
}

static void section_make(struct page *page, unsigned i) {
  static const char *const classes[] = {"section level1", "section level2", "section level3"};
  char id[16];
  snprintf(id, sizeof id, "s%u", i);
  BEGIN(page, "section", "id", id, "class", classes[i % 3]);
  TEXT(page, "h2", "Heading", "class", "title");
  text_add(page, "\n");
  for (unsigned j = 0; j < 2 + i % 4; j++)
    paragraph_make(page, i + j);
  if (i % 6 == 0)
    table_make(page);
  if (i % 3 == 0) {
    BEGIN(page, "form", "action", "x");
    BEGIN(page, "input", "type", "checkbox", "checked", "");
    element_end(page, NULL);
    element_end(page, "form");
  }
  BEGIN(page, "div", "class", "box outer");
  BEGIN(page, "div", "class", "box inner");
  BEGIN(page, "ul", "class", "list");
  TEXT(page, "li", "one", NULL);
  TEXT(page, "li", "two", "class", "last");
  element_end(page, "ul");
  TEXT(page, "p", "end", "class", "text");
  element_end(page, "div");
  element_end(page, "div");
  element_end(page, "section");
  text_add(page, "\n");
}

static void page_make(struct page *page) {
  *page = (struct page){.html = malloc(PAGE_BYTES)};
  if (!page->html)
    die("select: no memory");
  check(copse_sink_new(&page->sink), "sink");
  page->open[0] = copse_sink_document(page->sink);
  BEGIN(page, "html", "lang", "en");
  BEGIN(page, "head", NULL);
  TEXT(page, "title", "A page", NULL);
  element_end(page, "head");
  BEGIN(page, "body", "class", "wide");
  for (unsigned i = 0; i < SECTIONS; i++)
    section_make(page, i);
  element_end(page, "body");
  element_end(page, "html");
}

/* --- measuring ----------------------------------------------------------------------------- */

/* The shortest of the runs within a while: what else runs on the machine is not of interest. */
struct clock {
  uint64_t began, last, best;
};

static struct clock clock_begin(void) {
  uint64_t now = now_ns();
  return (struct clock){now, now, UINT64_MAX};
}

/* Whether there is time for one run more. */
static bool clock_next(struct clock *clock) {
  uint64_t now = now_ns(), took = now - clock->last;
  clock->best = took < clock->best ? took : clock->best;
  clock->last = now_ns();
  return now - clock->began < TIMED_NS;
}

/* What each has found, and how long it took. */
struct figures {
  unsigned long found[QUERIES];
  double us[QUERIES];
};

static void figures_note(struct bench *bench, const char *name, const struct engine *engine,
                         const struct figures *figures) {
  double sum = 0, logs = 0, most = 0;
  for (int i = 0; i < QUERIES; i++) {
    sum += figures->us[i];
    logs += log(figures->us[i]);
    most = figures->us[i] > most ? figures->us[i] : most;
  }
  bench_sample(bench, name, engine, "mean_us", 1, sum / QUERIES);
  bench_sample(bench, name, engine, "geomean_us", 1, exp(logs / QUERIES));
  bench_sample(bench, name, engine, "slowest_us", 1, most);
}

static unsigned long copse_query(struct copse_view *view, struct copse_document *page,
                                 const struct copse_handle *root,
                                 const struct copse_selector *selector) {
  struct copse_query *query;
  struct copse_handle found;
  unsigned long n = 0;
  check(copse_query_begin(view, page, root, selector, &query), "query");
  while (copse_query_next(query, &found) == 0)
    n++;
  copse_query_end(query);
  return n;
}

static void copse_round(struct bench *bench, struct copse_sink *sink, struct figures *figures) {
  struct copse_store *store;
  struct copse_document *page;
  struct copse_snapshot *snapshot;
  struct copse_handle root;
  struct copse_txn *txn;
  char path[256];
  snprintf(path, sizeof path, "%s/select", bench->directory);
  struct copse_store_options options = {.flags = COPSE_CREATE};
  check(copse_store_open(path, &options, &store), "open");
  check(copse_document_ensure(store, "page", -1, &page), "document");
  check(copse_txn_begin(store, -1, &txn), "begin");
  check(copse_sink_put(txn, page, sink), "put");
  check(copse_txn_commit(txn, NULL), "commit");
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  struct copse_view *view = copse_snapshot_view(snapshot);
  check(copse_document_root(view, page, &root), "root");
  for (int i = 0; i < QUERIES; i++) {
    struct copse_selector *selector;
    check(copse_selector_compile(queries[i].css, SIZE_MAX, &selector), queries[i].css);
    figures->found[i] = copse_query(view, page, &root, selector);
    struct clock clock = clock_begin();
    do
      copse_query(view, page, &root, selector);
    while (clock_next(&clock));
    figures->us[i] = (double)clock.best / 1e3;
    copse_selector_free(selector);
  }
  copse_snapshot_close(snapshot);
  copse_document_close(page);
  check(copse_store_close(store), "close");
  check(copse_store_remove(path), "remove");
}

#ifdef BENCH_LIBXML2
static const struct engine peer_libxml2 = {.name = "libxml2"};

static void xml_round(const struct page *page, struct figures *figures) {
  htmlDocPtr document = htmlReadMemory(page->html, (int)page->size, NULL, "utf-8",
                                       HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING);
  xmlXPathContextPtr context = document ? xmlXPathNewContext(document) : NULL;
  if (!context)
    die("select: libxml2 has no memory");
  for (int i = 0; i < QUERIES; i++) {
    xmlXPathCompExprPtr xpath = xmlXPathCompile((const xmlChar *)queries[i].xpath);
    if (!xpath)
      die("select: libxml2 refuses %s", queries[i].xpath);
    struct clock clock = clock_begin();
    do {
      xmlXPathObjectPtr found = xmlXPathCompiledEval(xpath, context);
      unsigned long count =
          found && found->nodesetval ? (unsigned long)found->nodesetval->nodeNr : 0;
      if (count != figures->found[i])
        die("select: libxml2 finds %lu elements by %s, copse %lu", count, queries[i].xpath,
            figures->found[i]);
      xmlXPathFreeObject(found);
    } while (clock_next(&clock));
    figures->us[i] = (double)clock.best / 1e3;
    xmlXPathFreeCompExpr(xpath);
  }
  xmlXPathFreeContext(context);
  xmlFreeDoc(document);
}

/* By how much libxml2 takes longer, in the geometric mean and where that is least. */
static void ratios_note(struct bench *bench, const char *name, const struct figures *copse,
                        const struct figures *peer) {
  double logs = 0, least = 1e9;
  for (int i = 0; i < QUERIES; i++) {
    double ratio = peer->us[i] / copse->us[i];
    logs += log(ratio);
    least = ratio < least ? ratio : least;
  }
  bench_sample(bench, name, &peer_libxml2, "geomean_ratio", 1, exp(logs / QUERIES));
  bench_sample(bench, name, &peer_libxml2, "least_ratio", 1, least);
}
#endif

void workload_select(struct bench *bench, const char *name) {
  for (unsigned round = 0; bench_round(bench, round, bench->settings->rounds); round++)
    for (size_t e = 0; e < bench->settings->engine_count; e++) {
      struct figures figures;
      struct page page;
      if (strcmp(bench->settings->engines[e]->name, "copse") != 0)
        continue;
      page_make(&page);
      copse_round(bench, page.sink, &figures);
      figures_note(bench, name, bench->settings->engines[e], &figures);
#ifdef BENCH_LIBXML2
      struct figures peer = figures;
      xml_round(&page, &peer);
      figures_note(bench, name, &peer_libxml2, &peer);
      ratios_note(bench, name, &figures, &peer);
#endif
      copse_sink_free(page.sink);
      free(page.html);
    }
}
