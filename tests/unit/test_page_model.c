/* test_page_model.c - random transactions on the allocator, against the lists of pages that each
 * version has: what a held version has, or somebody has leased, is never written to; what is undone leaves
 * the books as they were; nothing is lost; and rebuilt books are the books. */
#include "test_page_fixture.h"

#define PAGES_MAX 4000
#define HELD_MAX 100 /* more than there are buckets */
#define LEASES_MAX 60

struct live {
  uint64_t ref, stamp;
};

struct list {
  size_t count;
  struct live pages[PAGES_MAX];
};

struct world {
  struct page_fixture f;
  struct test_random random;
  struct list now, committed;
  size_t held_count;
  struct {
    uint64_t version;
    struct list *list;
  } held[HELD_MAX];
  struct leased leased;
  struct list leases;
  uint64_t words[LEASES_MAX]; /* of each lease: what it told the pager */
};

static int no_children(struct page_view *view, uint64_t ref,
                       int (*visit)(void *context, uint64_t ref, int subtree), void *context) {
  (void)view, (void)ref, (void)visit, (void)context;
  return 0;
}

static uint64_t below(struct world *world, uint64_t bound) {
  return test_random_below(&world->random, bound);
}

/* The body of a page says whose it is, at its beginning and end. */
static void stamp_write(struct world *world, const struct live *live) {
  uint8_t *page = pager_page(&world->f.pager, live->ref);
  uint64_t size = page_units(&world->f.pager, live->ref) * FORMAT_UNIT;
  memcpy(page + 64, &live->stamp, 8);
  memcpy(page + size - 8, &live->stamp, 8);
}

static void stamps_check(struct world *world, const struct list *list) {
  for (size_t i = 0; i < list->count; i++) {
    const struct live *live = &list->pages[i];
    const uint8_t *page = pager_page(&world->f.pager, live->ref);
    uint64_t size = page_units(&world->f.pager, live->ref) * FORMAT_UNIT;
    CHECK_GE(size, 128);
    CHECK(memcmp(page + 64, &live->stamp, 8) == 0);
    CHECK(memcmp(page + size - 8, &live->stamp, 8) == 0);
  }
}

static void page_make(struct world *world) {
  struct live live = {0, test_random_next(&world->random)};
  void *page;
  uint32_t actual;
  struct extent_head *extent;
  if (world->now.count == PAGES_MAX)
    return;
  if (below(world, 4) == 0)
    CHECK_OK(pager_alloc_extent(&world->f.pager, 100 + below(world, 1u << below(world, 21)),
                                &live.ref, &extent));
  else
    CHECK_OK(pager_alloc(&world->f.pager, 128 + (uint32_t)below(world, 1u << below(world, 14)),
                         below(world, 4) == 0, &live.ref, &page, &actual));
  stamp_write(world, &live);
  world->now.pages[world->now.count++] = live;
}

static void page_give_up(struct world *world) {
  if (world->now.count == 0)
    return;
  size_t at = below(world, world->now.count);
  pager_drop(&world->f.pager, world->now.pages[at].ref);
  world->now.pages[at] = world->now.pages[--world->now.count];
}

static void reclaim(struct world *world, size_t budget) {
  struct pager_pin pins[HELD_MAX];
  for (size_t i = 0; i < world->held_count; i++)
    pins[i] = (struct pager_pin){world->held[i].version, 0};
  if (world->held_count && below(world, 20) == 0)
    pins[below(world, world->held_count)].open_ended = 1;
  world->f.pager.impatient = below(world, 2) == 0;
  CHECK_OK(
      pager_reclaim(&world->f.pager, pins, world->held_count, &world->leased, no_children, budget));
}

static void operations(struct world *world, uint64_t n) {
  for (; n; n--) {
    uint64_t shrink = world->now.count > PAGES_MAX / 2 ? 60 : 45, what = below(world, 100);
    if (what < shrink)
      page_give_up(world);
    else if (what < 99)
      page_make(world);
    else
      reclaim(world, below(world, 200));
  }
}

static void image_free(struct books_image *image) {
  free(image->blocks);
  free(image->table);
  free(image->lists);
}

/* Savepoints inside of savepoints, each rolled back (perhaps twice) or kept. */
static void savepoints(struct world *world, int depth) {
  struct list *saved = malloc(sizeof *saved);
  struct books_image *image = malloc(sizeof *image);
  struct pager_mark mark;
  CHECK(saved != NULL && image != NULL);
  *saved = world->now;
  pager_savepoint(&world->f.pager, &mark);
  for (int again = 2; again--;) {
    books_image_take(image, &world->f.pager);
    operations(world, below(world, 30));
    if (depth < 4 && below(world, 2))
      savepoints(world, depth + 1);
    stamps_check(world, &world->now);
    if (below(world, 2)) {
      image_free(image);
      break;
    }
    pager_rollback_to(&world->f.pager, &mark);
    books_image_check(image, &world->f.pager);
    world->now = *saved;
    stamps_check(world, &world->now);
  }
  free(saved);
  free(image);
}

static void transaction(struct world *world, struct books_image *image) {
  page_begin(&world->f);
  books_image_take(image, &world->f.pager);
  reclaim(world, below(world, 3) ? below(world, 100) : 10000);
  operations(world, below(world, 60));
  if (below(world, 3) == 0)
    savepoints(world, 0);
  operations(world, below(world, 20));
  uint64_t how = below(world, 6);
  if (how < 4) {
    image_free(image);
    page_commit(&world->f);
    world->committed = world->now;
    return;
  }
  if (how == 4)
    pager_rollback(&world->f.pager);
  else if (below(world, 2)) /* died after freed pages were queued, before it was published */
    CHECK_OK(pager_queue(&world->f.pager));
  page_begin(&world->f); /* undoes what a dead one left */
  books_image_check(image, &world->f.pager);
  world->now = world->committed;
}

static void hold(struct world *world) {
  if (world->held_count < HELD_MAX && below(world, 2) == 0) {
    struct list *list = malloc(sizeof *list);
    CHECK(list != NULL);
    *list = world->committed;
    world->held[world->held_count].version = world->f.published;
    world->held[world->held_count++].list = list;
  } else if (world->held_count && below(world, 4) == 0) {
    size_t at = below(world, world->held_count);
    stamps_check(world, world->held[at].list);
    free(world->held[at].list);
    memmove(&world->held[at], &world->held[at + 1],
            (--world->held_count - at) * sizeof *world->held);
  }
}

/* A lease on some place of a page of the newest version, which some version holds when it begins. */
static void lease(struct world *world) {
  if (world->leases.count < LEASES_MAX && world->committed.count && below(world, 2) == 0) {
    const struct live *live = &world->committed.pages[below(world, world->committed.count)];
    uint64_t at = page_ref_offset(live->ref) / FORMAT_UNIT +
                  below(world, page_units(&world->f.pager, live->ref));
    uint64_t word = (at / 16) << 16 | UINT64_C(1) << at % 16;
    CHECK_OK(leased_change(&world->leased, 0, word));
    world->words[world->leases.count] = word;
    world->leases.pages[world->leases.count++] = *live;
  } else if (world->leases.count && below(world, 2) == 0) {
    size_t at = below(world, world->leases.count), last = --world->leases.count;
    CHECK_OK(leased_change(&world->leased, world->words[at], 0));
    world->leases.pages[at] = world->leases.pages[last];
    world->words[at] = world->words[last];
  }
}

static void audit(struct world *world) {
  struct page_audit pages;
  uint64_t live = 0;
  audit_begin(&pages, &world->f.pager);
  for (size_t i = 0; i < world->committed.count; i++) {
    uint64_t ref = world->committed.pages[i].ref, units = page_units(&world->f.pager, ref);
    audit_mark(&pages, ref, units);
    live += units;
  }
  audit_end(&pages, live);
}

/* Books made new from the pages in use say of every segment what the kept ones say. */
static void rebuild(struct world *world) {
  struct pager *pager = &world->f.pager;
  while (world->held_count)
    free(world->held[--world->held_count].list);
  while (world->leases.count)
    CHECK_OK(leased_change(&world->leased, world->words[--world->leases.count], 0));
  CHECK_EQ(world->leased.blocks.count, 0);
  for (int i = 0; i < 3 || pager_waiting_bytes(pager); i++) {
    page_begin(&world->f);
    reclaim(world, 1000000);
    page_commit(&world->f);
  }
  page_begin(&world->f);
  CHECK_OK(hot_drain(pager));
  page_commit(&world->f);
  struct books_image *image = malloc(sizeof *image);
  CHECK(image != NULL);
  books_image_take(image, pager);
  CHECK_OK(pager_books_create(pager, pager->books->segment_limit));
  for (size_t i = 0; i < world->committed.count; i++)
    CHECK_OK(pager_books_mark(pager, world->committed.pages[i].ref));
  if (world->committed.count) /* nothing may be there twice */
    CHECK_RESULT(pager_books_mark(pager, world->committed.pages[0].ref), COPSE_E_CORRUPT);
  pager_books_finish(pager);
  CHECK_EQ(books_word(pager, BOOK_USED_UNITS), image->books.words[BOOK_USED_UNITS]);
  CHECK_EQ(books_word(pager, BOOK_FREE_BLOCKS), image->books.words[BOOK_FREE_BLOCKS]);
  CHECK_LE(books_word(pager, BOOK_SEGMENT_USED), image->books.words[BOOK_SEGMENT_USED]);
  for (uint64_t i = 0; i < image->segments; i++) {
    const struct segment *s = books_segment(pager, i);
    CHECK_EQ(*books_blocks(pager, i), image->blocks[i]);
    CHECK_EQ(s->info, image->table[i].info);
    CHECK(s->info == 0 || memcmp(s->free, image->table[i].free, sizeof s->free) == 0);
  }
  image_free(image);
  free(image);
  audit(world);
}

static void run(struct world *world, int transactions) {
  struct books_image *image = malloc(sizeof *image);
  CHECK(image != NULL);
  for (int i = 0; i < transactions; i++) {
    transaction(world, image);
    hold(world);
    lease(world);
    if (i % 16 == 0) {
      stamps_check(world, &world->committed);
      stamps_check(world, &world->leases);
      for (size_t j = 0; j < world->held_count; j++)
        stamps_check(world, world->held[j].list);
      audit(world);
    }
    if (i % 500 == 499)
      rebuild(world);
  }
  rebuild(world);
  free(image);
}

TEST(transactions) {
  struct world *world = calloc(1, sizeof *world);
  CHECK(world != NULL);
  world->random.state = test_seed();
  page_fixture_open(&world->f, UINT64_C(1) << 30);
  run(world, 1500 * test_scale());
  page_fixture_close(&world->f);
  leased_free(&world->leased);
  free(world);
}
