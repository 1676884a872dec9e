/* store/check.c - the checker: every page is counted exactly once, and every tree is sound.
 *
 * With the writer lock held, so that the books stand still: marks the pages that the newest
 * version reaches, then those that the books list as free or waiting (freed pages, and what
 * condemned subtrees reach), each in a bitmap of 128-byte units; a unit marked twice is a
 * fault. Then every place of the used segments must be marked: what is not is lost. And what the
 * books count must be as many as were found.
 * Invariants are numbered in docs/CONCURRENCY.md. */
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_STEP 64u /* pages looked at between two calls of progress */

struct checker {
  struct copse_store *store;
  struct pager *pager; /* NULL: a sealed copy, which has no books */
  struct page_view view;
  struct copse_check found;
  void (*report)(void *context, const char *sentence);
  int (*progress)(void *context, uint64_t done, uint64_t all);
  void *context;
  uint64_t steps;
  int stopped;         /* what progress returned to end it */
  uint64_t used_units; /* as counted while the store was written */
  uint64_t *units;     /* one bit per 128 bytes */
  uint64_t unit_count;
  uint64_t units_taken; /* units of pages that are not free */
  struct copse_view *catalog;
  uint64_t durable; /* the newest durable root; 0: the store has none */
};

static void fault(struct checker *checker, const char *format, ...) COPSE_PRINTF(2, 3);
static void fault(struct checker *checker, const char *format, ...) {
  char sentence[256];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  checker->found.errors++;
  if (checker->report)
    checker->report(checker->context, sentence);
}

static void fault_tree(void *context, const char *sentence) { fault(context, "%s", sentence); }

/* Before each page that is looked at. CANCELLED: progress asked for the end. */
static int step(struct checker *checker) {
  if (checker->progress && checker->steps++ % PROGRESS_STEP == 0)
    checker->stopped = checker->progress(checker->context, checker->found.page_bytes,
                                         checker->used_units * FORMAT_UNIT);
  return checker->stopped ? COPSE_E_CANCELLED : 0;
}

/* Marks a page's units; 0 when all were unmarked. */
static int units_mark(struct checker *checker, uint64_t ref, uint64_t units, const char *as) {
  uint64_t first = page_ref_offset(ref) / FORMAT_UNIT;
  if (units == 0 || units > checker->unit_count || first > checker->unit_count - units) {
    fault(checker, "%s page %llx lies outside of the store", as, (unsigned long long)ref);
    return 1;
  }
  int twice = 0;
  for (uint64_t unit = first; unit < first + units; unit++) {
    twice |= checker->units[unit / 64] >> unit % 64 & 1;
    checker->units[unit / 64] |= UINT64_C(1) << unit % 64;
  }
  if (twice)
    fault(checker, "%s page %llx (%llu bytes) is counted twice", as, (unsigned long long)ref,
          (unsigned long long)(units * FORMAT_UNIT));
  return twice;
}

/* The same for a page that is in use, whose size is what its head says. */
static int page_mark(struct checker *checker, uint64_t ref, const char *as) {
  uint64_t size;
  uint64_t units = page_locate(&checker->view, ref, &size) ? size / FORMAT_UNIT : 0;
  checker->units_taken += units;
  return units_mark(checker, ref, units, as);
}

/* Pages that a durable root has have a checksum. */
static void sum_check(struct checker *checker, uint64_t ref) {
  uint64_t size;
  const struct page_head *head = page_locate(&checker->view, ref, &size);
  if (head && head->birth <= checker->durable && head->epoch != page_checksum(head, size))
    fault(checker, "page %llx (%llu bytes) differs from its checksum: its content was damaged",
          (unsigned long long)ref, (unsigned long long)size);
}

static int page_visit(void *context, uint64_t ref, int level, uint64_t bytes) {
  struct checker *checker = context;
  (void)level;
  if (step(checker))
    return COPSE_E_CANCELLED;
  checker->found.pages++;
  checker->found.page_bytes += bytes;
  int twice = page_mark(checker, ref, "used");
  sum_check(checker, ref);
  if (checker->pager && !pager_is_booked(checker->pager, ref))
    fault(checker, "page %llx is in use, and the books have its place as free",
          (unsigned long long)ref);
  /* Pages that refer to one another would keep the walk busy for ever. */
  return twice ? COPSE_NONE : 0;
}

static int table_visit(void *context, uint64_t ref) {
  struct checker *checker = context;
  uint64_t size = 0;
  (void)page_locate(&checker->view, ref, &size);
  return page_visit(checker, ref, 0, size);
}

/* What a map is stands in the catalog: searched by id. */
static int map_find(struct checker *checker, uint32_t id, uint64_t tag, struct copse_map *map) {
  struct tree tree;
  struct tree_cursor cursor;
  if (id == CATALOG_ID) {
    *map = catalog_map;
    return 0;
  }
  if (view_tree_find(checker->catalog, &catalog_map, &tree, NULL))
    return COPSE_NONE;
  cursor_init(&cursor, &checker->view, &tree);
  for (int result = cursor_first(&cursor); result == 0; result = cursor_next(&cursor)) {
    struct tree_value value;
    struct catalog_record record;
    if (cursor_record(&cursor, NULL, &value) || catalog_parse(&value, &record))
      break;
    if (record.entry.id == id && record.entry.tag == tag) {
      *map = map_of_entry(checker->store, &record.entry);
      return 0;
    }
  }
  return COPSE_NONE;
}

static int arena_visit(struct checker *checker, const struct copse_map *map,
                       const struct map_entry *entry) {
  struct arena arena = {entry->root, entry->count, arena_shape_make(map->value_size), NULL};
  struct arena_walk walk = {.page = page_visit, .fault = fault_tree, .context = checker};
  int result = arena_walk(&checker->view, &arena, &walk);
  checker->found.records += walk.records;
  return result;
}

static int entry_visit(void *context, uint32_t id, const struct map_entry *entry) {
  struct checker *checker = context;
  struct tree_walk walk = {.page = page_visit, .fault = fault_tree, .context = checker};
  struct copse_map map;
  if (map_find(checker, id, entry->tag, &map)) {
    fault(checker, "map %u is in the map table and not in the catalog", id);
    return 0;
  }
  checker->found.maps += id != CATALOG_ID;
  if (map.key_kind == COPSE_KEY_SLOT)
    return arena_visit(checker, &map, entry);
  struct tree tree = {.root = entry->root, .count = entry->count, .shape = map.shape};
  int result = tree_walk(&checker->view, &tree, &walk);
  checker->found.records += id == CATALOG_ID ? 0 : walk.records;
  return result;
}

static int condemned_visit(void *context, uint64_t ref, int subtree) {
  struct checker *checker = context;
  if (step(checker))
    return COPSE_E_CANCELLED;
  checker->found.pending_pages++;
  if (page_mark(checker, ref, "condemned") || !subtree)
    return 0;
  int result = page_children(&checker->view, ref, condemned_visit, checker);
  if (result == COPSE_E_CANCELLED)
    return result;
  if (result)
    fault(checker, "condemned page %llx: %s", (unsigned long long)ref, copse_error_detail());
  return 0;
}

static int listed_visit(void *context, enum pager_listed_kind kind, uint64_t ref, uint64_t units) {
  struct checker *checker = context;
  if (ref & LISTED_SUBTREE)
    return condemned_visit(checker, ref & ~LISTED_SUBTREE, 1);
  if (step(checker))
    return COPSE_E_CANCELLED;
  static const char *const names[] = {"free", "waiting", "reserved"};
  uint64_t *counts[] = {&checker->found.free_pages, &checker->found.pending_pages,
                        &checker->found.reserved_pages};
  ++*counts[kind];
  checker->units_taken += kind == PAGER_FREE ? 0 : units;
  units_mark(checker, ref, units, names[kind]);
  return 0;
}

static int place_visit(void *context, uint64_t offset, uint32_t size) {
  struct checker *checker = context;
  uint64_t unit = offset / FORMAT_UNIT;
  if (step(checker))
    return COPSE_E_CANCELLED;
  if (unit + size / FORMAT_UNIT > checker->unit_count)
    fault(checker, "a segment at %llu lies outside of the store", (unsigned long long)offset);
  else if (!(checker->units[unit / 64] >> unit % 64 & 1))
    fault(checker, "the page of %u bytes at %llu is lost: neither used nor free", size,
          (unsigned long long)offset);
  return 0;
}

static void miscounted(void *context, const char *what, uint64_t books, uint64_t found) {
  fault(context, "the books count %llu %s, and there are %llu", (unsigned long long)books, what,
        (unsigned long long)found);
}

static int run(struct checker *checker, const struct root *root) {
  int result = table_walk(&checker->view, root, table_visit, entry_visit, checker);
  if (result == COPSE_E_CORRUPT) {
    fault(checker, "%s", copse_error_detail());
    result = 0;
  }
  if (result == 0 && checker->pager)
    result = pager_each_listed(checker->pager, listed_visit, checker);
  if (result == 0 && checker->pager)
    result = pager_each_place(checker->pager, place_visit, checker);
  if (result == 0 && checker->pager)
    result = pager_count(checker->pager, checker->units_taken, miscounted, checker);
  uint64_t sealed = checker->store->header.sealed_units; /* 0: not counted */
  if (result == 0 && !checker->pager && sealed && checker->units_taken != sealed)
    miscounted(checker, "units of pages", sealed, checker->units_taken);
  if (result == COPSE_E_CORRUPT) {
    fault(checker, "%s", copse_error_detail());
    result = 0;
  }
  return result;
}

/* Fills in what is common, and runs. */
static int check(struct checker *checker, struct copse_view *view, struct copse_check *found) {
  checker->catalog = view;
  checker->unit_count = checker->view.limit / FORMAT_UNIT;
  const struct books *books = (const struct books *)(checker->store->writers.ro + BOOKS_AT);
  checker->used_units = books->words[BOOK_USED_UNITS];
  /* relaxed: a version that only rises */
  checker->durable =
      atomic_load_explicit(&store_words_ro(checker->store)->durable[0], memory_order_relaxed);
  checker->units = calloc(checker->unit_count / 64 + 1, sizeof *checker->units);
  if (!checker->units)
    return error_set(COPSE_E_MEMORY, "no memory for a map of %llu pages",
                     (unsigned long long)checker->unit_count);
  int result = run(checker, &view->root);
  free(checker->units);
  if (result == 0)
    *found = checker->found;
  return checker->stopped ? checker->stopped : result;
}

static int check_sealed(struct checker *checker, struct copse_check *found) {
  struct copse_snapshot *snapshot;
  int result = copse_snapshot_open(checker->store, 0, &snapshot);
  if (result)
    return result;
  checker->view = snapshot->view.pages;
  result = check(checker, &snapshot->view, found);
  copse_snapshot_close(snapshot);
  return result;
}

int copse_check_store(struct copse_store *store, int64_t timeout_ns,
                      void (*report)(void *context, const char *sentence),
                      int (*progress)(void *context, uint64_t done, uint64_t all), void *context,
                      struct copse_check *found) {
  struct checker checker = {
      .store = store, .report = report, .progress = progress, .context = context};
  struct copse_txn *txn;
  if (store_is_sealed(store))
    return check_sealed(&checker, found);
  int result = copse_txn_begin(store, timeout_ns, &txn);
  if (result)
    return result;
  pager_rollback(&store->pager); /* what begin reclaimed: the books as they were committed */
  checker.pager = &store->pager;
  checker.view = store->pager.view;
  result = check(&checker, &txn->view, found);
  copse_txn_abort(txn);
  return result;
}
