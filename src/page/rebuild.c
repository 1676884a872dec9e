/* page/rebuild.c - books made new: for a new store, and from the pages in use when the
 * books were lost; and the walks that the checker compares with the pages in use. */
#include "page/books.h"

#include <string.h>

#define CHUNKS_FIRST 16u
#define UNDO_FIRST 4096u

void pager_init(struct pager *pager, struct region *data, struct region *writers,
                uint64_t max_segments) {
  memset(pager, 0, sizeof *pager);
  pager->data = data->rw;
  pager->data_region = data;
  pager->view.base = data->rw;
  pager->writers = writers->rw;
  pager->writers_region = writers;
  pager->books = (struct books *)(writers->rw + BOOKS_AT);
  pager->max_segments = max_segments;
  pager->segments = data->reserved / FORMAT_SEGMENT;
  if (pager->segments > max_segments)
    pager->segments = max_segments;
  pager->view.limit = pager->books->segment_limit * FORMAT_SEGMENT;
  if (pager->view.limit > data->reserved)
    pager->view.limit = data->reserved / FORMAT_SEGMENT * FORMAT_SEGMENT;
}

void pager_adopt(struct pager *pager) {
  memset(pager->limits_known, 0, sizeof pager->limits_known);
  pager->impatient = 0;
}

int pager_books_create(struct pager *pager, uint64_t segment_limit) {
  struct books *books = pager->books;
  memset(books, 0, sizeof *books);
  memset(pager->limits_known, 0,
         sizeof pager->limits_known); /* of the books that were here before */
  memset(pager->reach, 0, sizeof pager->reach);
  pager->stored = 0;
  int result = area_grow(pager, AREA_SEGMENTS, segment_limit);
  if (result)
    return result;
  books->segment_limit = segment_limit;
  /* Lists and log for small transactions: a store that is full can still delete and commit. */
  result = area_grow(pager, AREA_CHUNKS, CHUNKS_FIRST);
  if (result)
    return result;
  books->chunk_limit = CHUNKS_FIRST;
  result = area_grow(pager, AREA_UNDO, UNDO_FIRST);
  if (result)
    return result;
  books->undo_limit = UNDO_FIRST;
  *books_blocks(pager, 0) = (UINT64_C(1) << FORMAT_FIRST_PAGE / FORMAT_BLOCK) - 1;
  books->words[BOOK_SEGMENT_USED] = 1;
  books->words[BOOK_FREE_BLOCKS] = BLOCKS_PER_SEGMENT - FORMAT_FIRST_PAGE / FORMAT_BLOCK;
  pager->view.limit = segment_limit * FORMAT_SEGMENT;
  return 0;
}

static int mark_overlap(uint64_t ref) {
  return error_set(COPSE_E_CORRUPT, "page %llx is in use twice", (unsigned long long)ref);
}

/* Until pager_books_finish(), free slots are marked as ones in use. */
static int mark_small(struct pager *pager, uint64_t ref, unsigned class) {
  uint64_t segment = page_ref_offset(ref) / FORMAT_SEGMENT;
  uint64_t inside = page_ref_offset(ref) % FORMAT_SEGMENT,
           size = page_class_units[class] * FORMAT_UNIT;
  unsigned slot = (unsigned)(inside / size);
  struct segment *s = books_segment(pager, segment);
  if (inside % size || slot >= class_slots(class))
    return error_set(COPSE_E_CORRUPT, "page %llx is not where its class may be",
                     (unsigned long long)ref);
  if (s->info == 0) {
    if (*books_blocks(pager, segment))
      return mark_overlap(ref);
    *books_blocks(pager, segment) = ~UINT64_C(0);
    s->info = class + 1;
  }
  if (SEGMENT_CLASS(s->info) != class + 1 || s->free[slot / 64] >> slot % 64 & 1)
    return mark_overlap(ref);
  s->free[slot / 64] |= UINT64_C(1) << slot % 64;
  return 0;
}

int pager_books_mark(struct pager *pager, uint64_t ref) {
  struct books *books = pager->books;
  uint64_t units = page_units(pager, ref), offset = page_ref_offset(ref);
  if (units == 0)
    return error_set(COPSE_E_CORRUPT, "reference %llx points nowhere", (unsigned long long)ref);
  if (page_ref_class(ref) != PAGE_RUN) {
    int result = mark_small(pager, ref, page_ref_class(ref));
    if (result)
      return result;
  } else {
    for (uint64_t block = offset / FORMAT_BLOCK, n = units * FORMAT_UNIT / FORMAT_BLOCK; n;
         n--, block++) {
      uint64_t *word = books_blocks(pager, block / 64), bit = UINT64_C(1) << block % 64;
      if (*word & bit)
        return mark_overlap(ref);
      *word |= bit;
    }
  }
  uint64_t last = (offset + units * FORMAT_UNIT - 1) / FORMAT_SEGMENT;
  if (last >= books->words[BOOK_SEGMENT_USED])
    books->words[BOOK_SEGMENT_USED] = last + 1;
  books->words[BOOK_USED_UNITS] += units;
  return 0;
}

void pager_books_finish(struct pager *pager) {
  struct books *books = pager->books;
  uint64_t used = books->words[BOOK_SEGMENT_USED], free_segments = 0, free_blocks = 0;
  books->words[BOOK_SEGMENT_HINT] = used;
  for (uint64_t i = used; i-- > 0;) {
    struct segment *s = books_segment(pager, i);
    uint64_t word = *books_blocks(pager, i);
    if (s->info == 0) {
      if (word == 0) {
        free_segments++;
        books->words[BOOK_SEGMENT_HINT] = i;
      } else {
        free_blocks += 64 - (unsigned)__builtin_popcountll(word);
      }
      continue;
    }
    unsigned class = SEGMENT_CLASS(s->info) - 1, slots = class_slots(class), free_slots = 0;
    for (unsigned slot = 0; slot < slots; slot++) {
      s->free[slot / 64] ^= UINT64_C(1) << slot % 64;
      free_slots += s->free[slot / 64] >> slot % 64 & 1;
    }
    s->info = (class + 1) | (uint64_t)free_slots << 32;
    s->links = 0;
    if (free_slots == 0)
      continue;
    s->links = books->partial[class];
    if (s->links)
      books_segment(pager, s->links - 1)->links |= (i + 1) << 32;
    books->partial[class] = i + 1;
  }
  books->words[BOOK_FREE_SEGMENTS] = free_segments;
  books->words[BOOK_FREE_BLOCKS] = free_blocks;
  for (uint64_t i = 0; i < books->segment_limit; i++)
    if (segment_is_free(pager, i))
      books_segment(pager, i)->links = SEGMENT_HOLE;
}

int stack_each(struct pager *pager, uint64_t top, uint64_t pos, entry_visit *visit, void *context) {
  uint64_t bound = pager->books->chunk_limit;
  while (top) {
    if (chunk_check(pager, top) || pos > CHUNK_ENTRIES || bound-- == 0)
      return error_set(COPSE_E_CORRUPT, "a list in the writers' file is damaged");
    const struct chunk *chunk = books_chunk(pager, top - 1);
    for (uint64_t i = 0; i < pos; i++) {
      int result = visit(context, &chunk->entries[i]);
      if (result)
        return result;
    }
    top = chunk->next;
    pos = CHUNK_ENTRIES;
  }
  return 0;
}

int queue_each(struct pager *pager, unsigned queue, entry_visit *visit, void *context) {
  uint64_t head = books_word(pager, queue + QUEUE_HEAD_CHUNK);
  uint64_t pos = books_word(pager, queue + QUEUE_HEAD_POS);
  for (uint64_t left = books_word(pager, queue + QUEUE_COUNT); left; left--) {
    if (chunk_check(pager, head) || pos >= CHUNK_ENTRIES)
      return error_set(COPSE_E_CORRUPT, "a queue of freed pages is damaged");
    const struct chunk *chunk = books_chunk(pager, head - 1);
    int result = visit(context, &chunk->entries[pos]);
    if (result)
      return result;
    if (++pos == CHUNK_ENTRIES) {
      head = chunk->next;
      pos = 0;
    }
  }
  return 0;
}

int parked_each(struct pager *pager, entry_visit *visit, void *context) {
  int result = queue_each(pager, BOOK_CROWD, visit, context);
  for (unsigned i = 0; i < BUCKETS && result == 0; i++)
    result = stack_each(pager, pager->books->buckets[i].top, pager->books->buckets[i].pos, visit,
                        context);
  return result;
}

typedef int listed_visit(void *context, enum pager_listed_kind kind, uint64_t ref, uint64_t units);

struct listing {
  listed_visit *visit;
  void *context;
};

static int reserved_visit(void *context, const struct listed *listed) {
  const struct listing *listing = context;
  return listing->visit(listing->context, PAGER_RESERVED, listed->ref, listed->units);
}

static int pending_visit(void *context, const struct listed *listed) {
  const struct listing *listing = context;
  return listing->visit(listing->context, PAGER_PENDING, listed->ref, listed->units);
}

static int each_free(struct pager *pager, listed_visit *visit, void *context) {
  for (unsigned class = 0; class < PAGE_CLASSES; class ++) {
    uint64_t top = books_word(pager, BOOK_HOT_TOP + class);
    for (uint64_t i = 0; i < top && i < HOT_DEPTH; i++) {
      int result = visit(context, PAGER_FREE, books_hot(pager, class)[i], page_class_units[class]);
      if (result)
        return result;
    }
  }
  for (uint64_t i = 0; i < books_segments_used(pager); i++) {
    const struct segment *s = books_segment(pager, i);
    unsigned class = SEGMENT_CLASS(s->info) - 1;
    for (unsigned slot = 0; s->info && class < PAGE_CLASSES && slot < class_slots(class); slot++) {
      if (!(s->free[slot / 64] >> slot % 64 & 1))
        continue;
      uint64_t at = i * FORMAT_SEGMENT + (uint64_t)slot * page_class_units[class] * FORMAT_UNIT;
      int result = visit(context, PAGER_FREE, page_ref_make(at, class), page_class_units[class]);
      if (result)
        return result;
    }
  }
  return 0;
}

int pager_each_listed(struct pager *pager, listed_visit *visit, void *context) {
  struct listing listing = {visit, context};
  int result = each_free(pager, visit, context);
  if (result == 0)
    result = queue_each(pager, BOOK_PENDING, pending_visit, &listing);
  if (result == 0)
    result = stack_each(pager, books_word(pager, BOOK_CONDEMNED_CHUNK),
                        books_word(pager, BOOK_CONDEMNED_POS), pending_visit, &listing);
  if (result == 0)
    result = parked_each(pager, pending_visit, &listing);
  if (result == 0)
    result = stack_each(pager, books_word(pager, BOOK_RESERVED_CHUNK),
                        books_word(pager, BOOK_RESERVED_POS), reserved_visit, &listing);
  return result;
}

int pager_is_booked(const struct pager *pager, uint64_t ref) {
  uint64_t offset = page_ref_offset(ref), units = page_units(pager, ref);
  uint64_t segment = offset / FORMAT_SEGMENT;
  if (units == 0 || segment >= pager->books->segment_limit)
    return 0;
  if (page_ref_class(ref) != PAGE_RUN)
    return SEGMENT_CLASS(books_segment(pager, segment)->info) == page_ref_class(ref) + 1;
  for (uint64_t block = offset / FORMAT_BLOCK;
       block < (offset + units * FORMAT_UNIT) / FORMAT_BLOCK; block++)
    if (!(*books_blocks(pager, block / 64) >> block % 64 & 1))
      return 0;
  return 1;
}

int pager_each_place(struct pager *pager,
                     int (*visit)(void *context, uint64_t offset, uint32_t size), void *context) {
  uint64_t used = books_segments_used(pager);
  if (used > pager->books->segment_limit)
    return error_set(COPSE_E_CORRUPT, "more segments are used than have storage");
  for (uint64_t i = 0; i < used; i++) {
    const struct segment *s = books_segment(pager, i);
    unsigned class = SEGMENT_CLASS(s->info) - 1;
    uint32_t size = s->info ? page_class_units[class & 63] * FORMAT_UNIT : FORMAT_BLOCK;
    unsigned places = s->info && size ? class_slots(class & 63) : BLOCKS_PER_SEGMENT;
    for (unsigned place = 0; place < places; place++) {
      uint64_t offset = i * FORMAT_SEGMENT + (uint64_t)place * size;
      if (!s->info && (offset < FORMAT_FIRST_PAGE || !(*books_blocks(pager, i) >> place & 1)))
        continue;
      int result = visit(context, offset, size);
      if (result)
        return result;
    }
  }
  return 0;
}
