/* workload_html.c - html: pages of Debian's documentation are parsed, walked, written out and dropped, by Copse into
 * documents of a store in shared memory, by peers into trees in memory of their own; rows html-large (of 1 MB and
 * more), html-medium and html-small. Then html-nodes: a million elements made, appended and detached. */
#include "bench.h"
#include "html.h"

#include <ftw.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX = 256, SET_BYTES = 20 << 20, NODES = 1000000, DEPTH = 24, ATTACHES = 9 };

/* Of the packages nodejs-doc, python3-doc and sqlite3-doc. */
static const char *const folders[] = {
    "/usr/share/doc/nodejs/api", "/usr/share/doc/python3-doc/html/.", "/usr/share/doc/sqlite3"};

struct set {
  const char *name;
  size_t least, most; /* bytes in a page */
  struct html_page *pages;
  size_t count, bytes, skip;
};
static struct set sets[] = {
    {.name = "html-large", .least = 1000000, .most = 16 << 20},
    {.name = "html-medium", .least = 100000, .most = 999999, .skip = 5},
    {.name = "html-small", .least = 1000, .most = 32768, .skip = 3},
};
enum { SETS = sizeof sets / sizeof sets[0] };

static const struct html_parser *const parsers[] = {
    &html_copse,
#ifdef BENCH_RCDOM
    &html_rcdom,
#endif
#ifdef BENCH_GUMBO
    &html_gumbo,
#endif
#ifdef BENCH_LIBXML2
    &html_libxml2,
#endif
};
enum { PARSERS = sizeof parsers / sizeof parsers[0] };

/* --- pages --------------------------------------------------------------------------------- */

static void page_read(struct html_page *page, const char *path, size_t size) {
  FILE *file = fopen(path, "re");
  snprintf(page->path, sizeof page->path, "%s", path);
  page->bytes = malloc(size);
  page->size = size;
  if (!file || !page->bytes || fread(page->bytes, 1, size, file) != size)
    die("html: cannot read %s", path);
  fclose(file);
}

/* Each set takes pages of its sizes, one of skip, as long as there is room. */
static int page_offer(const char *path, const struct stat *stat, int type, struct FTW *place) {
  static size_t seen[SETS];
  size_t size = (size_t)stat->st_size, length = strlen(path);
  if (type != FTW_F || length < 5 || strcmp(path + length - 5, ".html") != 0 || place->level > 9)
    return 0;
  for (size_t s = 0; s < SETS; s++) {
    struct set *set = &sets[s];
    if (size < set->least || size > set->most || set->count == PAGES_MAX ||
        set->bytes + size > SET_BYTES || (set->skip && seen[s]++ % set->skip != 0))
      continue;
    page_read(&set->pages[set->count++], path, size);
    set->bytes += size;
  }
  return 0;
}

static bool pages_find(struct report *report) {
  size_t count = 0;
  for (size_t s = 0; s < SETS; s++)
    if (!(sets[s].pages = calloc(PAGES_MAX, sizeof *sets[s].pages)))
      die("html: no memory");
  for (size_t f = 0; f < sizeof folders / sizeof folders[0]; f++)
    nftw(folders[f], page_offer, 16, FTW_PHYS);
  for (size_t s = 0; s < SETS; s++) {
    report_meta(report, sets[s].name, "%zu pages, %zu bytes", sets[s].count, sets[s].bytes);
    count += sets[s].count;
  }
  return count != 0;
}

static void pages_free(void) {
  for (size_t s = 0; s < SETS; s++) {
    for (size_t i = 0; i < sets[s].count; i++)
      free(sets[s].pages[i].bytes);
    free(sets[s].pages);
  }
}

/* --- one parser, one set ------------------------------------------------------------------- */

static uint64_t allocated(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct sums {
  uint64_t parse_ns, put_ns, write_ns, drop_ns, written, bytes, nodes;
  double walk_logs; /* of ns per node of each page */
};

static void page_measure(const struct html_parser *parser, const struct html_page *page,
                         struct sums *sums) {
  uint64_t before = allocated(), began = now_ns();
  void *tree = parser->parse(page);
  sums->parse_ns += now_ns() - began;
  sums->put_ns += parser == &html_copse ? html_copse_put_ns() : 0;
  sums->bytes += parser->bytes ? parser->bytes(tree) : allocated() - before;
  uint64_t nodes = parser->walk(tree);
  sums->nodes += nodes;
  began = now_ns();
  if (parser->walk(tree) != nodes)
    die("html: %s finds another number of nodes in %s", parser->engine.name, page->path);
  sums->walk_logs += log((double)(now_ns() - began) / (double)nodes);
  if (parser->write) {
    began = now_ns();
    sums->written += parser->write(tree);
    sums->write_ns += now_ns() - began;
  }
  began = now_ns();
  parser->drop(tree);
  sums->drop_ns += now_ns() - began;
}

/* Gives ns per node of parsing. */
static double set_measure(struct bench *bench, const struct set *set,
                          const struct html_parser *parser) {
  const struct engine *engine = &parser->engine;
  struct sums sums = {0};
  if (parser->begin)
    parser->begin(bench->directory);
  for (size_t i = 0; i < set->count; i++)
    page_measure(parser, &set->pages[i], &sums);
  if (parser->end)
    parser->end();
  malloc_trim(0);
  double nodes = (double)sums.nodes;
  bench_sample(bench, set->name, engine, "parse_bytes_s", 1,
               (double)set->bytes * 1e9 / (double)sums.parse_ns);
  bench_sample(bench, set->name, engine, "parse_ns", 1, (double)sums.parse_ns / nodes);
  if (sums.put_ns)
    bench_sample(bench, set->name, engine, "put_ns", 1, (double)sums.put_ns / nodes);
  if (!parser->bytes)
    bench_sample(bench, set->name, engine, "drop_ns", 1, (double)sums.drop_ns / nodes);
  bench_sample(bench, set->name, engine, "bytes_per_node", 1, (double)sums.bytes / nodes);
  bench_sample(bench, set->name, engine, "walk_ns", 1, exp(sums.walk_logs / (double)set->count));
  if (sums.written)
    bench_sample(bench, set->name, engine, "write_bytes_s", 1,
                 (double)sums.written * 1e9 / (double)sums.write_ns);
  return (double)sums.parse_ns / nodes;
}

/* The tree's share: what parsing takes beyond parsing into nothing. */
static void sinks_note(struct bench *bench, const struct set *set, const double *parse_ns,
                       uint64_t null_ns, double nodes) {
  static const struct engine null_engine = {.name = "no tree"};
  double parser_ns = (double)null_ns / nodes;
  bench_sample(bench, set->name, &null_engine, "parse_ns", 1, parser_ns);
  for (size_t p = 0; p < 2 && p < PARSERS; p++)
    bench_sample(bench, set->name, &parsers[p]->engine, "tree_ns", 1, parse_ns[p] - parser_ns);
}

#ifdef BENCH_RCDOM
static uint64_t null_measure(const struct set *set) {
  uint64_t began = now_ns();
  for (size_t i = 0; i < set->count; i++)
    html_rcdom_null(&set->pages[i]);
  return now_ns() - began;
}
#endif

static void set_round(struct bench *bench, const struct set *set) {
  double parse_ns[PARSERS];
  for (size_t p = 0; p < PARSERS; p++)
    parse_ns[p] = set_measure(bench, set, parsers[p]);
#ifdef BENCH_RCDOM
  uint64_t nodes = 0;
  for (size_t i = 0; i < set->count; i++) {
    void *tree = html_rcdom.parse(&set->pages[i]);
    nodes += html_rcdom.walk(tree);
    html_rcdom.drop(tree);
  }
  sinks_note(bench, set, parse_ns, null_measure(set), (double)nodes);
#endif
}

/* Another process, and moves, of the largest page. */
static void stored_round(struct bench *bench, const struct html_page *page) {
  static const char name[] = "html-stored";
  const struct engine *engine = &html_copse.engine;
  uint64_t first[ATTACHES], again[ATTACHES], walk[ATTACHES];
  struct html_attached attached;
  html_copse.begin(bench->directory);
  void *tree = html_copse.parse(page);
  for (int i = 0; i < ATTACHES; i++) {
    html_copse_attach(&attached);
    first[i] = attached.first_ns, again[i] = attached.again_ns, walk[i] = attached.walk_ns;
  }
  sort_numbers(first, ATTACHES);
  sort_numbers(again, ATTACHES);
  sort_numbers(walk, ATTACHES);
  bench_sample(bench, name, engine, "attach_query_ns", 1, (double)first[ATTACHES / 2]);
  bench_sample(bench, name, engine, "query_ns", 1, (double)again[ATTACHES / 2]);
  bench_sample(bench, name, engine, "attached_walk_ns", 1,
               (double)walk[ATTACHES / 2] / (double)attached.nodes);
  bench_sample(bench, name, engine, "move_ns", 1, html_copse_moves(tree));
  html_copse.drop(tree);
  html_copse.end();
}

/* --- nodes --------------------------------------------------------------------------------- */

static uint32_t *plan_make(void) {
  uint32_t *parents = calloc(NODES, sizeof *parents), open[DEPTH] = {0}, depth = 1;
  struct random random = {1};
  if (!parents)
    die("html: no memory");
  for (uint32_t i = 1; i < NODES; i++) {
    parents[i] = open[depth - 1];
    uint64_t roll = random_below(&random, 8);
    if (roll < 3 && depth < DEPTH)
      open[depth++] = i;
    else if (roll == 7 && depth > 1)
      depth -= (uint32_t)random_below(&random, depth);
  }
  return parents;
}

static void nodes_round(struct bench *bench, const uint32_t *parents) {
  for (size_t p = 0; p < PARSERS; p++) {
    uint64_t ns[2];
    if (!parsers[p]->nodes)
      continue;
    parsers[p]->nodes(bench->directory, parents, NODES, ns);
    malloc_trim(0);
    bench_sample(bench, "html-nodes", &parsers[p]->engine, "append_ns", 1, (double)ns[0] / NODES);
    bench_sample(bench, "html-nodes", &parsers[p]->engine, "detach_ns", 1, (double)ns[1] / NODES);
  }
}

void workload_html(struct bench *bench, const char *name) {
  (void)name;
  if (!pages_find(bench->report))
    say(" (no pages: install nodejs-doc, python3-doc, sqlite3-doc)");
  uint32_t *parents = plan_make();
  const struct html_page *largest = NULL;
  for (size_t i = 0; i < sets[0].count; i++)
    if (!largest || sets[0].pages[i].size > largest->size)
      largest = &sets[0].pages[i];
  for (unsigned round = 0; bench_round(bench, round, bench->settings->rounds); round++) {
    for (size_t s = 0; s < SETS; s++)
      if (sets[s].count)
        set_round(bench, &sets[s]);
    if (largest)
      stored_round(bench, largest);
    nodes_round(bench, parents);
  }
  free(parents);
  pages_free();
}
