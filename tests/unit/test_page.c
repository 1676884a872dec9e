/* test_page.c - the allocator: size classes, runs, reclamation with versions held at every
 * place of a page's life, undoing, savepoints, rebuilding. */
#include "test_page_fixture.h"

static int no_children(struct page_view *view, uint64_t ref,
                       int (*visit)(void *context, uint64_t ref, int subtree), void *context) {
  (void)view, (void)ref, (void)visit, (void)context;
  return 0;
}

static uint64_t alloc(struct page_fixture *f, uint32_t size) {
  uint64_t ref;
  void *page;
  uint32_t actual;
  CHECK_OK(pager_alloc(&f->pager, size, 0, &ref, &page, &actual));
  CHECK_GE(actual, size);
  CHECK_EQ(actual, ((struct page_head *)page)->units * FORMAT_UNIT);
  CHECK_EQ(page_ref_offset(ref) % FORMAT_UNIT, 0);
  return ref;
}

static void audit_live(struct page_fixture *f, const uint64_t *refs, size_t count) {
  struct page_audit audit;
  uint64_t live = 0;
  audit_begin(&audit, &f->pager);
  for (size_t i = 0; i < count; i++) {
    audit_mark(&audit, refs[i], page_units(&f->pager, refs[i]));
    live += page_units(&f->pager, refs[i]);
  }
  audit_end(&audit, live);
}

TEST(classes_fit) {
  struct page_fixture f;
  page_fixture_open(&f, 64 << 20);
  page_begin(&f);
  struct page_audit audit;
  uint64_t live = 0, refs[128];
  for (uint32_t i = 0; i < 128; i++) {
    uint32_t size = (i + 1) * 128;
    refs[i] = alloc(&f, size);
    uint64_t actual;
    CHECK(page_locate(&f.pager.view, refs[i], &actual) != NULL);
    CHECK_LE(actual, size <= 8192 ? size + size / 3 + 128 : size + 4096);
    live += actual / FORMAT_UNIT;
  }
  uint64_t inner;
  void *page;
  uint32_t actual;
  CHECK_OK(pager_alloc(&f.pager, 2048, 1, &inner, &page, &actual));
  CHECK_GE(page_ref_class(inner), PAGE_CLASS_INNER);
  CHECK_EQ(actual, 2048);
  page_commit(&f);
  audit_begin(&audit, &f.pager);
  for (uint32_t i = 0; i < 128; i++)
    audit_mark(&audit, refs[i], page_units(&f.pager, refs[i]));
  audit_mark(&audit, inner, 16);
  audit_end(&audit, live + 16);
  page_fixture_close(&f);
}

TEST(neighbours_are_handed_out_in_order) {
  struct page_fixture f;
  page_fixture_open(&f, 4 << 20);
  page_begin(&f);
  uint64_t before = alloc(&f, 1024);
  for (int i = 0; i < 20; i++) {
    uint64_t ref = alloc(&f, 1024);
    CHECK_EQ(page_ref_offset(ref), page_ref_offset(before) + 1024);
    before = ref;
  }
  page_fixture_close(&f);
}

TEST(own_pages_are_reused_at_once) {
  struct page_fixture f;
  page_fixture_open(&f, 4 << 20);
  page_begin(&f);
  uint64_t ref = alloc(&f, 512);
  pager_drop(&f.pager, ref);
  CHECK_EQ(alloc(&f, 512), ref);
  struct pager_mark mark;
  pager_savepoint(&f.pager, &mark);
  pager_drop(&f.pager, ref); /* written before the savepoint: a rollback needs it */
  CHECK_NE(alloc(&f, 512), ref);
  pager_rollback_to(&f.pager, &mark);
  page_commit(&f);
  CHECK_EQ(pager_pending(&f.pager), 0);
  page_fixture_close(&f);
}

/* A page born in b and freed by d is reusable unless a held version lies in [b, d). */
TEST(held_versions) {
  enum { BORN = 4, FREED = 8 };
  for (uint64_t held = 1; held <= 12; held++)
    for (int open_ended = 0; open_ended < 2; open_ended++) {
      struct page_fixture f;
      uint64_t ref = 0;
      page_fixture_open(&f, 4 << 20);
      while (f.published < 10) {
        page_begin(&f);
        if (f.published + 1 == BORN)
          ref = alloc(&f, 3000);
        if (f.published + 1 == FREED)
          pager_drop(&f.pager, ref);
        page_commit(&f);
      }
      struct pager_pin pin = {held, open_ended};
      page_begin(&f);
      CHECK_OK(pager_reclaim(&f.pager, &pin, 1, NULL, no_children, 100));
      int keeps = open_ended ? held < FREED : held >= BORN && held < FREED;
      CHECK_MSG(pager_pending(&f.pager) == (uint64_t)keeps, "held %llu, open ended %d",
                (unsigned long long)held, open_ended);
      page_commit(&f);
      page_begin(&f);
      CHECK_OK(pager_reclaim(&f.pager, NULL, 0, NULL, no_children, 100));
      CHECK_EQ(pager_pending(&f.pager), 0);
      page_fixture_close(&f);
    }
}

/* Far more versions are held than there are buckets, each the only holder of some pages: those that
 * nobody holds come back all the time, and every held one when its version goes. */
TEST(many_held_versions) {
  enum { HELD = 500, PAGES = 10 };
  static struct pager_pin pins[HELD];
  struct page_fixture f;
  struct test_random random = {test_seed()};
  uint64_t refs[PAGES], held = 0, high = 0;
  page_fixture_open(&f, 64 << 20);
  for (int i = 0; i < 4 * HELD; i++) {
    page_begin(&f);
    CHECK_OK(pager_reclaim(&f.pager, pins, held, NULL, no_children, 64));
    for (int j = 0; j < PAGES; j++) {
      if (i)
        pager_drop(&f.pager, refs[j]);
      refs[j] = alloc(&f, 1000);
    }
    page_commit(&f);
    if (held < HELD)
      pins[held++].version = f.published;
    if (i == HELD + 100)
      high = books_word(&f.pager, BOOK_USED_UNITS);
  }
  CHECK_LT(books_word(&f.pager, BOOK_USED_UNITS), high + high / 4);
  CHECK_GE(pager_waiting_bytes(&f.pager), UINT64_C(1024) * HELD * PAGES);
  page_begin(&f); /* what none of them holds waits no longer than the queue is patient */
  f.pager.impatient = 1;
  CHECK_OK(pager_reclaim(&f.pager, pins, held, NULL, no_children, 100000));
  CHECK_EQ(pager_pending(&f.pager), 0);
  CHECK_EQ(pager_parked_bytes(&f.pager), UINT64_C(1024) * HELD * PAGES);
  page_commit(&f);
  while (held) {
    uint64_t gone = test_random_below(&random, held);
    memmove(&pins[gone], &pins[gone + 1], (--held - gone) * sizeof *pins);
    page_begin(&f);
    CHECK_OK(pager_reclaim(&f.pager, pins, held, NULL, no_children, 100000));
    CHECK_EQ(pager_parked_bytes(&f.pager), 1024 * held * PAGES);
    page_commit(&f);
  }
  audit_live(&f, refs, PAGES);
  page_fixture_close(&f);
}

TEST(large_runs_are_found_again) {
  struct page_fixture f;
  page_fixture_open(&f, 64 << 20);
  static const uint64_t sizes[] = {8129, 100000, 262000, 262144, 262145, 600000, 5000000, 1 << 24};
  uint64_t refs[8], high = 0;
  for (int round = 0; round < 50; round++) {
    page_begin(&f);
    CHECK_OK(pager_reclaim(&f.pager, NULL, 0, NULL, no_children, 1000));
    for (int i = 0; i < 8; i++) {
      struct extent_head *extent;
      if (round)
        pager_drop(&f.pager, refs[i]);
      CHECK_OK(pager_alloc_extent(&f.pager, sizes[(i + round) % 8], &refs[i], &extent));
      memset(extent + 1, round, sizes[(i + round) % 8]);
    }
    page_commit(&f);
    if (round == 9)
      high = books_word(&f.pager, BOOK_SEGMENT_USED);
  }
  CHECK_LE(books_word(&f.pager, BOOK_SEGMENT_USED), high + high / 4);
  page_fixture_close(&f);
}

TEST(full_store_says_so_and_goes_on) {
  struct page_fixture f;
  uint64_t refs[4096], n = 0, ref;
  void *page;
  uint32_t actual;
  int result;
  page_fixture_open(&f, 1 << 20);
  page_begin(&f);
  while ((result = pager_alloc(&f.pager, 1024, 0, &ref, &page, &actual)) == 0)
    refs[n++] = ref;
  CHECK_EQ(result, COPSE_E_LIMIT);
  CHECK_GT(n, 700);
  CHECK(strstr(copse_error_detail(), "max_bytes") != NULL);
  page_commit(&f);
  page_begin(&f);
  for (uint64_t i = 0; i < n; i++)
    pager_drop(&f.pager, refs[i]);
  page_commit(&f);
  page_begin(&f);
  CHECK_OK(pager_reclaim(&f.pager, NULL, 0, NULL, no_children, 10000));
  struct extent_head *extent; /* the pages' segments are given back to become a run */
  CHECK_OK(pager_alloc_extent(&f.pager, 500000, &ref, &extent));
  page_commit(&f);
  page_fixture_close(&f);
}

/* --- a subtree that is given up ------------------------------------------------------------ */

#define FAN 5u
struct branch {
  struct page_head head;
  uint64_t children[FAN];
};

static int branch_children(struct page_view *view, uint64_t ref,
                           int (*visit)(void *context, uint64_t ref, int subtree), void *context) {
  uint64_t size;
  const struct branch *branch = page_locate(view, ref, &size);
  int result = branch ? 0 : COPSE_E_CORRUPT;
  for (unsigned i = 0; i < FAN && result == 0; i++)
    if (branch->children[i])
      result = visit(context, branch->children[i], branch->head.level > 1);
  return result;
}

static uint64_t branch_make(struct page_fixture *f, unsigned level) {
  uint64_t children[FAN] = {0}, ref;
  for (unsigned i = 0; i < FAN && level; i++)
    children[i] = branch_make(f, level - 1);
  ref = alloc(f, level ? 200 : 5000 * (1 + (uint32_t)(f->pager.books->words[BOOK_USED_UNITS] % 3)));
  struct branch *branch = pager_page(&f->pager, ref);
  branch->head.level = (uint8_t)level;
  if (level)
    memcpy(branch->children, children, sizeof children);
  return ref;
}

TEST(subtree_is_taken_apart_in_parts) {
  struct page_fixture f;
  struct test_random random = {test_seed()};
  page_fixture_open(&f, 64 << 20);
  page_begin(&f);
  uint64_t root = branch_make(&f, 4);
  page_commit(&f);
  page_begin(&f);
  pager_drop_subtree(&f.pager, root);
  page_commit(&f);
  struct pager_pin pin = {2, 0};
  for (int i = 0; i < 5; i++) { /* held: taken apart, but nothing is released */
    page_begin(&f);
    CHECK_OK(pager_reclaim(&f.pager, &pin, 1, NULL, branch_children, 100));
    page_commit(&f);
  }
  CHECK_EQ(pager_pending(&f.pager), 500);
  for (int i = 0; i < 2000; i++) { /* most are undone, and their pages were written to */
    page_begin(&f);
    CHECK_OK(
        pager_reclaim(&f.pager, NULL, 0, NULL, branch_children, test_random_below(&random, 30)));
    uint64_t mine[4];
    for (int j = 0; j < 4; j++) {
      mine[j] = alloc(&f, 4 << test_random_below(&random, 12));
      memset((struct page_head *)pager_page(&f.pager, mine[j]) + 1, 0xee,
             page_units(&f.pager, mine[j]) * FORMAT_UNIT - sizeof(struct page_head));
    }
    for (int j = 0; j < 4; j++)
      pager_drop(&f.pager, mine[j]);
    if (test_random_one_in(&random, 3))
      page_commit(&f);
    else if (test_random_one_in(&random, 2))
      pager_rollback(&f.pager);
  }
  for (int i = 0; i < 10; i++) {
    page_begin(&f);
    CHECK_OK(pager_reclaim(&f.pager, NULL, 0, NULL, branch_children, 100000));
    page_commit(&f);
  }
  CHECK_EQ(pager_pending(&f.pager), 0);
  CHECK(!pager_has_parked(&f.pager));
  audit_live(&f, NULL, 0);
  page_fixture_close(&f);
}

/* --- asking for more while the file grows -------------------------------------------------- */

static struct page_fixture *growing;
static int reclaim_while_growing(void *context) {
  (void)context;
  return pager_reclaim(&growing->pager, NULL, 0, NULL, no_children, 100000);
}

/* Pages that come back while the file is asked to grow are not lost. */
TEST(reclaiming_before_growth) {
  struct page_fixture f;
  uint64_t refs[1000];
  page_fixture_open(&f, 64 << 20);
  growing = &f;
  page_begin(&f);
  for (unsigned i = 0; i < 1000; i++)
    refs[i] = alloc(&f, 1000);
  page_commit(&f);
  page_begin(&f);
  for (unsigned i = 0; i < 1000; i++)
    pager_drop(&f.pager, refs[i]);
  page_commit(&f);
  page_begin(&f);
  f.pager.may_grow = reclaim_while_growing;
  uint64_t live = 0, made[8000], n = 0;
  while (pager_pending(&f.pager)) {
    CHECK_LT(n, 8000);
    made[n] = alloc(&f, 1000);
    live += page_units(&f.pager, made[n++]);
  }
  for (unsigned i = 0; i < 300; i++) {
    made[n] = alloc(&f, 1000);
    live += page_units(&f.pager, made[n++]);
  }
  page_commit(&f);
  struct page_audit audit;
  audit_begin(&audit, &f.pager);
  for (uint64_t i = 0; i < n; i++)
    audit_mark(&audit, made[i], 8);
  audit_end(&audit, live);
  page_fixture_close(&f);
}
