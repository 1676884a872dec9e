/* The set of leased units, and what the reclaimer does with pages in it. */
#include "test_page_fixture.h"

static int no_children(struct page_view *view, uint64_t ref,
                       int (*visit)(void *context, uint64_t ref, int subtree), void *context) {
  (void)view, (void)ref, (void)visit, (void)context;
  return 0;
}

#define UNITS 4096 /* that the model has */

static uint64_t word_of(uint64_t block, uint64_t units) { return block << 16 | units; }

TEST(words_against_a_model) {
  struct test_random random = {test_seed()};
  struct leased leased = {0};
  uint64_t words[40] = {0};
  for (int i = 0; i < 20000; i++) {
    size_t n = test_random_below(&random, 40);
    uint64_t after =
        test_random_one_in(&random, 2)
            ? word_of(1 + test_random_below(&random, 200), 1 + test_random_below(&random, 0xffff))
            : 0;
    CHECK_OK(leased_change(&leased, words[n], after));
    words[n] = after;
    uint64_t from = 16 + test_random_below(&random, UNITS - 16);
    uint64_t units = 1 + test_random_below(&random, i % 10 ? 40 : UNITS - from);
    int exact = 0, coarse = 0; /* of a block, units may be known longer than their word is there */
    for (size_t w = 0; w < 40; w++)
      for (uint64_t bit = 0; bit < 16 && words[w]; bit++) {
        uint64_t unit = (words[w] >> 16) * 16 + bit;
        int inside = unit >= from && unit < from + units;
        coarse |= inside;
        exact |= inside && words[w] >> bit & 1;
      }
    int has = leased_has(&leased, from * FORMAT_UNIT, units);
    CHECK_GE(has, exact);
    CHECK_LE(has, coarse);
  }
  for (size_t n = 0; n < 40; n++)
    CHECK_OK(leased_change(&leased, words[n], 0));
  CHECK_EQ(leased.blocks.count, 0);
  CHECK(!leased_has(&leased, 4096, UNITS));
  leased.all = 1;
  CHECK(leased_has(&leased, 4096, 1));
  leased_free(&leased);
}

/* What any process may have written to the table of leases. */
TEST(words_that_make_no_sense) {
  struct leased leased = {0};
  CHECK_OK(leased_change(&leased, 0, 0xffff));
  CHECK_OK(leased_change(&leased, 0xffff, UINT64_MAX));
  CHECK(!leased_has(&leased, 0, 16));
  CHECK_OK(leased_change(&leased, UINT64_MAX, word_of(5, 0)));
  CHECK(!leased_has(&leased, 5 * 2048, 16));
  CHECK_OK(leased_change(&leased, word_of(5, 0), 0));
  CHECK_OK(leased_change(&leased, word_of(9, 1), 0)); /* one that never came */
  CHECK_EQ(leased.blocks.count, 0);
  leased_free(&leased);
}

/* One unit of it keeps a page, whatever its size; no other page. */
TEST(one_unit_keeps_a_page) {
  static const uint32_t sizes[] = {128, 1000, 3000, 8000, 16384, 300000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int last = 0; last < 2; last++) {
      struct page_fixture f;
      struct leased leased = {0};
      struct extent_head *extent;
      uint64_t ref, other;
      page_fixture_open(&f, 4 << 20);
      page_begin(&f);
      CHECK_OK(pager_alloc_extent(&f.pager, sizes[i] - 64, &ref, &extent));
      CHECK_OK(pager_alloc_extent(&f.pager, sizes[i] - 64, &other, &extent));
      page_commit(&f);
      uint64_t units = page_units(&f.pager, ref);
      uint64_t unit = page_ref_offset(ref) / FORMAT_UNIT + (last ? units - 1 : 0);
      uint64_t word = word_of(unit / 16, UINT64_C(1) << unit % 16);
      page_begin(&f);
      pager_drop(&f.pager, ref);
      pager_drop(&f.pager, other);
      page_commit(&f);
      uint64_t used = books_word(&f.pager, BOOK_USED_UNITS);
      CHECK_OK(leased_change(&leased, 0, word));
      page_begin(&f);
      CHECK_OK(pager_reclaim(&f.pager, NULL, 0, &leased, no_children, 100));
      CHECK_EQ(books_word(&f.pager, BOOK_USED_UNITS), used - units);
      CHECK_EQ(pager_leased_bytes(f.pager.books), units * FORMAT_UNIT);
      CHECK_EQ(pager_parked_bytes(&f.pager), units * FORMAT_UNIT);
      CHECK(!pager_has_parked(&f.pager));
      page_commit(&f);
      CHECK_OK(leased_change(&leased, word, 0));
      page_begin(&f);
      CHECK_OK(pager_reclaim(&f.pager, NULL, 0, &leased, no_children, 100));
      CHECK_EQ(books_word(&f.pager, BOOK_USED_UNITS), used - 2 * units);
      CHECK_EQ(pager_leased_bytes(f.pager.books), 0);
      page_commit(&f);
      leased_free(&leased);
      page_fixture_close(&f);
    }
}

/* Thousands of leased pages are not looked at again and again, but when a lease has ended; and then
 * a part of them each time. */
TEST(leased_pages_wait_for_the_end_of_a_lease) {
  enum { PAGES = 3000 };
  static uint64_t refs[PAGES];
  struct page_fixture f;
  struct leased leased = {0};
  struct pager_pin pin = {1, 0};
  page_fixture_open(&f, 64 << 20);
  page_begin(&f);
  uint32_t actual;
  void *page;
  for (int i = 0; i < PAGES; i++)
    CHECK_OK(pager_alloc(&f.pager, 2048, 0, &refs[i], &page, &actual));
  page_commit(&f);
  page_begin(&f);
  for (int i = 0; i < PAGES; i++) {
    CHECK_OK(leased_change(&leased, 0, word_of(page_ref_offset(refs[i]) / 2048, 1)));
    pager_drop(&f.pager, refs[i]);
  }
  page_commit(&f);
  page_begin(&f);
  CHECK_OK(pager_reclaim(&f.pager, &pin, 1, &leased, no_children, PAGES));
  CHECK_EQ(pager_leased_bytes(f.pager.books), PAGES * UINT64_C(2048));
  CHECK_OK(pager_reclaim(&f.pager, &pin, 1, &leased, no_children, PAGES * 4));
  uint64_t undone = f.pager.books->undo_count;
  CHECK_OK(pager_reclaim(&f.pager, &pin, 1, &leased, no_children, PAGES * 4));
  CHECK_EQ(f.pager.books->undo_count, undone); /* nothing was moved */
  page_commit(&f);
  for (int i = 0; i < PAGES; i += 2)
    CHECK_OK(leased_change(&leased, word_of(page_ref_offset(refs[i]) / 2048, 1), 0));
  page_begin(&f);
  undone = f.pager.books->undo_count;
  CHECK_OK(pager_reclaim(&f.pager, &pin, 1, &leased, no_children, 100));
  CHECK_GT(pager_leased_bytes(f.pager.books), (PAGES - 100) * UINT64_C(2048));
  CHECK_LT(pager_leased_bytes(f.pager.books), PAGES * UINT64_C(2048));
  pager_rollback(&f.pager); /* it has to be begun anew */
  for (int i = 0; i < PAGES / 50; i++) {
    page_begin(&f);
    CHECK_OK(pager_reclaim(&f.pager, &pin, 1, &leased, no_children, 100));
    page_commit(&f);
  }
  CHECK_EQ(pager_leased_bytes(f.pager.books), PAGES / 2 * UINT64_C(2048));
  for (int i = 1; i < PAGES; i += 2)
    CHECK_OK(leased_change(&leased, word_of(page_ref_offset(refs[i]) / 2048, 1), 0));
  page_begin(&f);
  CHECK_OK(pager_reclaim(&f.pager, &pin, 1, &leased, no_children, PAGES * 4));
  CHECK_EQ(pager_waiting_bytes(&f.pager), 0);
  page_commit(&f);
  leased_free(&leased);
  page_fixture_close(&f);
}
