/* test_page_fixture.h - an allocator on anonymous files, without a store around it. */
#ifndef TEST_PAGE_FIXTURE_H
#define TEST_PAGE_FIXTURE_H

#include <stdlib.h>

#include "page/books.h"
#include "test.h"

struct page_fixture {
  struct region data, writers;
  struct pager pager;
  uint64_t published;
};

__attribute__((unused)) static void page_fixture_open(struct page_fixture *f, uint64_t max_bytes) {
  int fd;
  uint64_t segments = max_bytes / FORMAT_SEGMENT;
  memset(f, 0, sizeof *f);
  CHECK_OK(os_memfd("data", &fd));
  CHECK_OK(os_allocate(fd, "data", 0, FORMAT_SEGMENT));
  CHECK_OK(region_open(&f->data, fd, "data", 1, REGION_RO | REGION_RW, max_bytes, max_bytes));
  CHECK_OK(os_memfd("writers", &fd));
  CHECK_OK(os_allocate(fd, "writers", 0, BOOKS_HOT + PAGE_CLASSES * HOT_DEPTH * 8));
  CHECK_OK(region_open(&f->writers, fd, "writers", 1, REGION_RW, books_bytes(segments),
                       books_bytes_least(segments)));
  pager_init(&f->pager, &f->data, &f->writers, segments);
  CHECK_OK(pager_books_create(&f->pager, 1));
  f->published = 1;
}

__attribute__((unused)) static void page_fixture_close(struct page_fixture *f) {
  pager_free(&f->pager);
  region_close(&f->data);
  region_close(&f->writers);
}

__attribute__((unused)) static void page_begin(struct page_fixture *f) {
  pager_begin(&f->pager, f->published + 1, f->published);
}

__attribute__((unused)) static void page_commit(struct page_fixture *f) {
  CHECK_OK(pager_queue(&f->pager));
  f->published++;
}

/* --- auditing the books ------------------------------------------------------------------ */

/* A bit for each unit of the used segments: set by what is live, free or waiting. */
struct page_audit {
  struct pager *pager;
  uint8_t *units;
  uint64_t count, waiting_units, waiting;
};

__attribute__((unused)) static void audit_mark(struct page_audit *audit, uint64_t ref,
                                               uint64_t units) {
  uint64_t first = page_ref_offset(ref) / FORMAT_UNIT;
  CHECK_LE(first + units, audit->count);
  for (uint64_t i = first; i < first + units; i++) {
    CHECK_MSG(!audit->units[i], "page %llx", (unsigned long long)ref);
    audit->units[i] = 1;
  }
}

__attribute__((unused)) static int audit_listed(void *context, enum pager_listed_kind kind,
                                                uint64_t ref, uint64_t units) {
  struct page_audit *audit = context;
  audit_mark(audit, ref & ~LISTED_SUBTREE, units);
  audit->waiting_units += kind == PAGER_PENDING ? units : 0;
  audit->waiting += kind == PAGER_PENDING;
  return 0;
}

/* Begins an audit: mark what is live, then end it. */
__attribute__((unused)) static void audit_begin(struct page_audit *audit, struct pager *pager) {
  uint64_t count = books_word(pager, BOOK_SEGMENT_USED) * (FORMAT_SEGMENT / FORMAT_UNIT);
  *audit = (struct page_audit){.pager = pager, .count = count, .units = calloc(count, 1)};
  CHECK(audit->units != NULL);
}

/* Everything is live, free or waiting, once; and the counts are right. */
__attribute__((unused)) static void audit_end(struct page_audit *audit, uint64_t live_units) {
  struct pager *pager = audit->pager;
  uint64_t free_segments = 0, free_blocks = 0;
  CHECK_OK(pager_each_listed(pager, audit_listed, audit));
  for (uint64_t i = 0; i < books_word(pager, BOOK_SEGMENT_USED); i++) {
    const struct segment *s = books_segment(pager, i);
    uint64_t word = *books_blocks(pager, i), unit = i * (FORMAT_SEGMENT / FORMAT_UNIT);
    free_segments += word == 0 && s->info == 0;
    free_blocks += word && !s->info ? 64u - (unsigned)__builtin_popcountll(word) : 0;
    CHECK(word != 0 || s->info == 0);
    CHECK(s->info == 0 || word == ~UINT64_C(0));
    unsigned size = s->info ? page_class_units[SEGMENT_CLASS(s->info) - 1] : 32;
    unsigned places = FORMAT_SEGMENT / FORMAT_UNIT / size;
    for (unsigned place = 0; place < places; place++)
      for (unsigned j = 0; j < size; j++) {
        int used = s->info || (word >> place & 1);
        int head = i == 0 && place < FORMAT_FIRST_PAGE / FORMAT_BLOCK;
        CHECK_MSG(audit->units[unit + place * size + j] == (used && !head),
                  "segment %llu, class %u, place %u", (unsigned long long)i, SEGMENT_CLASS(s->info),
                  place);
      }
  }
  CHECK_EQ(books_word(pager, BOOK_FREE_SEGMENTS), free_segments);
  CHECK_EQ(books_word(pager, BOOK_FREE_BLOCKS), free_blocks);
  CHECK_EQ(books_word(pager, BOOK_USED_UNITS), live_units + audit->waiting_units);
  CHECK_EQ(pager_waiting_bytes(pager), audit->waiting_units * FORMAT_UNIT);
  for (uint64_t i = 0; i < books_word(pager, BOOK_SEGMENT_HINT); i++)
    CHECK(*books_blocks(pager, i) != 0 || i >= books_word(pager, BOOK_SEGMENT_USED));
  free(audit->units);
}

/* --- images of the books ----------------------------------------------------------------- */

struct books_image {
  uint64_t segments, chunks;
  struct books books;
  uint64_t hot[PAGE_CLASSES * HOT_DEPTH];
  uint64_t *blocks;
  struct segment *table;
  struct chunk *lists;
};

__attribute__((unused)) static void books_image_take(struct books_image *image,
                                                     const struct pager *pager) {
  image->segments = pager->books->segment_limit;
  image->chunks = pager->books->chunk_limit;
  image->books = *pager->books;
  memcpy(image->hot, books_hot(pager, 0), sizeof image->hot);
  image->blocks = calloc(image->segments, sizeof *image->blocks);
  image->table = calloc(image->segments, sizeof *image->table);
  image->lists = calloc(image->chunks, sizeof *image->lists);
  CHECK(image->blocks != NULL && image->table != NULL && image->lists != NULL);
  for (uint64_t i = 0; i < image->segments; i++) {
    image->blocks[i] = *books_blocks(pager, i);
    image->table[i] = *books_segment(pager, i);
  }
  for (uint64_t i = 0; i < image->chunks; i++)
    image->lists[i] = *books_chunk(pager, i);
}

/* The books are what they were; storage may have come on top, and what lies above the tops of the hot
 * stacks and behind the end of the pending queue has no meaning. Frees the image. */
__attribute__((unused)) static void books_image_check(struct books_image *image,
                                                      const struct pager *pager) {
  CHECK(memcmp(image->books.words, pager->books->words, sizeof image->books.words) == 0);
  CHECK(memcmp(image->books.partial, pager->books->partial, sizeof image->books.partial) == 0);
  CHECK(memcmp(image->books.buckets, pager->books->buckets, sizeof image->books.buckets) == 0);
  for (unsigned class = 0; class < PAGE_CLASSES; class ++)
    CHECK(memcmp(image->hot + class * HOT_DEPTH, books_hot(pager, class),
                 books_word(pager, BOOK_HOT_TOP + class) * sizeof *image->hot) == 0);
  for (uint64_t i = 0; i < image->segments; i++) {
    CHECK_EQ(image->blocks[i], *books_blocks(pager, i));
    if (image->table[i].links == SEGMENT_HOLE && books_segment(pager, i)->links == 0)
      image->table[i].links = 0; /* it has storage by now */
    CHECK(memcmp(&image->table[i], books_segment(pager, i), sizeof *image->table) == 0);
  }
  for (uint64_t i = 0; i < image->chunks; i++) {
    int last = i + 1 == books_word(pager, BOOK_PENDING + QUEUE_TAIL_CHUNK);
    uint64_t entries = last ? books_word(pager, BOOK_PENDING + QUEUE_TAIL_POS) : CHUNK_ENTRIES;
    CHECK(memcmp(&image->lists[i], books_chunk(pager, i),
                 offsetof(struct chunk, entries) + entries * sizeof(struct listed)) == 0);
  }
  free(image->blocks);
  free(image->table);
  free(image->lists);
}

#endif
