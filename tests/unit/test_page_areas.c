/* test_page_areas.c - the parts of the books that grow: two processes take turns at it, and die in
 * the midst of it; what is in the areas stays, and the file is no longer than it need be. */
#include "test_page_fixture.h"

static void other_attach(struct page_fixture *f, struct pager *other) {
  pager_init(other, &f->data, &f->writers, f->pager.max_segments);
}

/* What element i of an area holds; a thing of its own for each. */
static void element_write(struct pager *pager, enum area area, uint64_t i) {
  if (area == AREA_SEGMENTS) {
    CHECK_EQ(*books_blocks(pager, i), 0);
    CHECK_EQ(books_segment(pager, i)->info, 0);
    CHECK_EQ(books_segment(pager, i)->free[31], 0);
    *books_blocks(pager, i) = i * 3;
    *books_segment(pager, i) = (struct segment){.info = i * 5, .free = {[31] = i * 7}};
  } else if (area == AREA_CHUNKS) {
    books_chunk(pager, i)->next = i * 11;
    books_chunk(pager, i)->entries[CHUNK_ENTRIES - 1].units = i * 13;
  } else if (area == AREA_UNDO) {
    *books_undo(pager, i) = (struct undo_entry){i * 17, i * 19};
  } else {
    *(uint64_t *)pager_ring(pager, i) = i * 23;
  }
}

static void element_check(const struct pager *pager, enum area area, uint64_t i) {
  if (area == AREA_SEGMENTS) {
    CHECK_EQ(*books_blocks(pager, i), i * 3);
    CHECK_EQ(books_segment(pager, i)->info, i * 5);
    CHECK_EQ(books_segment(pager, i)->free[31], i * 7);
  } else if (area == AREA_CHUNKS) {
    CHECK_EQ(books_chunk(pager, i)->next, i * 11);
    CHECK_EQ(books_chunk(pager, i)->entries[CHUNK_ENTRIES - 1].units, i * 13);
  } else if (area == AREA_UNDO) {
    CHECK_EQ(books_undo(pager, i)->offset, i * 17);
    CHECK_EQ(books_undo(pager, i)->old, i * 19);
  } else {
    CHECK_EQ(*(uint64_t *)pager_ring(pager, i), i * 23);
  }
}

TEST(areas_grow_in_turn) {
  static const uint64_t steps[AREAS] = {400, 60, 9000, 2};
  struct test_random random = {test_seed()};
  struct page_fixture f;
  struct pager other;
  page_fixture_open(&f, UINT64_C(4) << 30);
  other_attach(&f, &other);
  struct pager *pagers[2] = {&f.pager, &other};
  uint64_t *limits = f.pager.books->limits;
  *books_blocks(&f.pager, 0) = 0;
  for (enum area area = 0; area < AREAS; area++)
    for (uint64_t i = 0; i < limits[area]; i++)
      element_write(&f.pager, area, i);
  for (int i = 0; i < 300; i++) {
    struct pager *pager = pagers[test_random_below(&random, 2)];
    enum area area = (enum area)test_random_below(&random, AREAS);
    uint64_t before = limits[area], to = before + 1 + test_random_below(&random, steps[area]);
    CHECK_OK(areas_check(pager));
    CHECK_OK(area_grow(pager, area, to));
    if (test_random_one_in(&random, 3))
      continue; /* died before the limit was raised */
    limits[area] = to;
    for (; before < to; before++)
      element_write(pager, area, before);
  }
  for (int p = 0; p < 2; p++) {
    CHECK_OK(areas_check(pagers[p]));
    for (enum area area = 0; area < AREAS; area++)
      for (uint64_t i = 0; i < limits[area]; i++)
        element_check(pagers[p], area, i);
  }
  uint64_t in_use = limits[AREA_SEGMENTS] * (sizeof(struct segment) + 8) +
                    limits[AREA_CHUNKS] * sizeof(struct chunk) +
                    limits[AREA_UNDO] * sizeof(struct undo_entry) + limits[AREA_RINGS] * RING_BYTES;
  CHECK_LT(f.pager.stored, BOOKS_PIECES + 3 * in_use);
  page_fixture_close(&f);
}

/* What a damaged file says of them is not followed. */
TEST(areas_that_lie_nowhere) {
  static const uint64_t nowhere[] = {0, 4096, BOOKS_PIECES + 1, UINT64_C(1) << 62,
                                     UINT64_MAX - 4095};
  struct page_fixture f;
  page_fixture_open(&f, 64 << 20);
  CHECK_OK(pager_ring_make(&f.pager));
  for (enum area area = 0; area < AREAS; area++) {
    uint64_t *piece = &f.pager.books->pieces[area][0], *limit = &f.pager.books->limits[area];
    uint64_t good = *piece, good_limit = *limit;
    for (unsigned i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
      struct pager pager;
      other_attach(&f, &pager);
      *piece = nowhere[i];
      int result = areas_check(&pager);
      CHECK(result == COPSE_E_CORRUPT || result == COPSE_E_ADDRESS_SPACE);
      *piece = good;
      *limit = nowhere[i] | UINT64_C(1) << 32;
      result = areas_check(&pager);
      CHECK(result == COPSE_E_CORRUPT || result == COPSE_E_ADDRESS_SPACE);
      *limit = good_limit;
      CHECK_OK(areas_check(&pager));
    }
  }
  page_fixture_close(&f);
}

/* What damaged books name beyond their areas leads to no memory but the pager's own, and the
 * transaction cannot be committed. */
TEST(elements_without_storage) {
  struct page_fixture f;
  page_fixture_open(&f, 64 << 20);
  for (unsigned bits = 20; bits < 64; bits++) {
    uint64_t element = UINT64_MAX >> (63 - bits);
    uint8_t *stray = (uint8_t *)f.pager.stray, *end = stray + sizeof f.pager.stray;
    uint8_t *at[] = {
        (uint8_t *)books_segment(&f.pager, element), (uint8_t *)books_blocks(&f.pager, element),
        (uint8_t *)books_chunk(&f.pager, element), (uint8_t *)books_undo(&f.pager, element)};
    for (unsigned i = 0; i < 4; i++)
      CHECK(at[i] >= stray && at[i] + (i == 2 ? sizeof(struct chunk) : 8) <= end);
  }
  page_begin(&f);
  CHECK_OK(pager_queue(&f.pager));
  (void)books_segment(&f.pager, UINT32_MAX);
  CHECK_EQ(pager_queue(&f.pager), COPSE_E_CORRUPT);
  page_fixture_close(&f);
}
