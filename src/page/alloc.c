/* page/alloc.c - taking pages: the transaction's own loose ones first, then the hot stack of
 * the class (the page freed last is the one still cached), then the free slots of a segment
 * of the class, lowest address first, then a fresh segment, then growth of the file. */
#include "page/books.h"

#include <string.h>

const uint8_t page_class_units[64] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                      14, 15, 16, 20, 24, 28, 32, 40, 48, 56, 64, /* all pages */
                                      1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                      14, 15, 16}; /* inner nodes */

const uint8_t page_units_class[65] = {
    0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, /* 0 to 16 */
    16, 16, 16, 16, 17, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 19,     /* to 32 */
    20, 20, 20, 20, 20, 20, 20, 20, 21, 21, 21, 21, 21, 21, 21, 21,     /* to 48 */
    22, 22, 22, 22, 22, 22, 22, 22, 23, 23, 23, 23, 23, 23, 23, 23};    /* to 64 */

/* How many free slots of a segment move to the hot stack at once. */
#define REFILL 32u
/* What the hot stack of a class holds at most: more of large pages would fill whole segments. */
#define HOT_BYTES (128u * 1024)
/* The hot stacks are emptied before there is a segment more, if they hold such a part of the store. */
#define HOT_SHARE 32u

static unsigned hot_depth(unsigned class) {
  unsigned pages = HOT_BYTES / FORMAT_UNIT / page_class_units[class];
  return pages < HOT_DEPTH ? pages : HOT_DEPTH;
}

static void list_unlink(struct pager *pager, uint64_t segment, unsigned class) {
  struct segment *s = books_segment(pager, segment);
  uint32_t next = (uint32_t)s->links, prev = (uint32_t)(s->links >> 32);
  if (prev) {
    struct segment *p = books_segment(pager, prev - 1);
    books_set(pager, &p->links, (p->links & ~UINT64_C(0xffffffff)) | next);
  } else {
    books_set(pager, &pager->books->partial[class], next);
  }
  if (next) {
    struct segment *n = books_segment(pager, next - 1);
    books_set(pager, &n->links, (n->links & 0xffffffff) | (uint64_t)prev << 32);
  }
}

static void list_link(struct pager *pager, uint64_t segment, unsigned class) {
  struct segment *s = books_segment(pager, segment);
  uint64_t head = pager->books->partial[class];
  books_set(pager, &s->links, head);
  if (head) {
    struct segment *n = books_segment(pager, head - 1);
    books_set(pager, &n->links, (n->links & 0xffffffff) | (segment + 1) << 32);
  }
  books_set(pager, &pager->books->partial[class], segment + 1);
}

/* Gives a fresh segment to a class and puts it at the head of the class's list. */
static int segment_dedicate(struct pager *pager, unsigned class) {
  uint64_t segment;
  int result = hot_thin(pager);
  if (result == 0 || result == COPSE_NONE)
    result = books_undo_room(pager, REFILL + 128);
  if (result == 0)
    result = segment_take(pager, &segment);
  if (result == COPSE_NONE) {
    result = segments_grow(pager, 1);
    if (result == 0)
      result = books_undo_room(pager, REFILL + 128); /* what growing reclaimed took some */
    if (result == 0)
      result = segment_take(pager, &segment);
  }
  if (result)
    return result;
  struct segment *s = books_segment(pager, segment);
  unsigned slots = class_slots(class);
  for (unsigned i = 0; i < 32; i++) {
    unsigned rest = slots > i * 64 ? slots - i * 64 : 0;
    uint64_t word = rest >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << rest) - 1;
    if (s->free[i] != word)
      books_set(pager, &s->free[i], word);
  }
  books_set(pager, &s->info, (class + 1) | (uint64_t)slots << 32);
  books_set(pager, books_blocks(pager, segment), ~UINT64_C(0));
  list_link(pager, segment, class);
  POINT(alloc_segment);
  return 0;
}

/* Moves free slots of one segment of the class to the empty hot stack. */
static int hot_refill(struct pager *pager, unsigned class) {
  int result = books_undo_room(pager, REFILL + 128);
  if (result)
    return result;
  if (pager->books->partial[class] == 0) {
    result = segment_dedicate(pager, class);
    if (result)
      return result;
    if (books_word(pager, BOOK_HOT_TOP + class))
      return 0; /* reclaiming before growth has put pages there */
  }
  uint64_t segment = pager->books->partial[class] - 1;
  if (segment >= pager->books->segment_limit)
    return error_set(COPSE_E_CORRUPT, "the writers' file lists segment %llu",
                     (unsigned long long)segment);
  struct segment *s = books_segment(pager, segment);
  uint64_t refs[REFILL];
  unsigned n = 0, most = hot_depth(class) < REFILL ? hot_depth(class) : REFILL;
  for (unsigned i = 0; i < 32 && n < most; i++) {
    uint64_t word = s->free[i];
    while (word && n < most) {
      unsigned slot = i * 64 + (unsigned)__builtin_ctzll(word);
      word &= word - 1;
      uint64_t offset = (uint64_t)slot * page_class_units[class] * FORMAT_UNIT;
      refs[n++] = page_ref_make(segment * FORMAT_SEGMENT + offset, class);
    }
    if (word != s->free[i])
      books_set(pager, &s->free[i], word);
  }
  if (n == 0 || n > SEGMENT_FREE(s->info))
    return error_set(COPSE_E_CORRUPT, "segment %llu is listed with free pages and has none",
                     (unsigned long long)segment);
  uint64_t left = SEGMENT_FREE(s->info) - n;
  books_set(pager, &s->info, (class + 1) | left << 32);
  if (left == 0)
    list_unlink(pager, segment, class);
  uint64_t *hot = books_hot(pager, class);
  for (unsigned i = 0; i < n; i++) /* lowest address on top: neighbours are handed out in order */
    books_set(pager, &hot[i], refs[n - 1 - i]);
  books_set_word(pager, BOOK_HOT_TOP + class, n);
  return 0;
}

/* The last resort of a store that is full: reclaims what can be, and gives the free pages on hot
 * stacks, among which other classes may hold whole segments, back to their segments. */
static int room_make(struct pager *pager) {
  int result = pager->reclaim ? pager->reclaim(pager->context, 1) : 0;
  return result ? result : hot_drain(pager);
}

/* Whether there was no room, which reclaiming may make. */
static int is_full(int result) {
  return result == COPSE_E_NO_SPACE || result == COPSE_E_LIMIT || result == COPSE_E_ADDRESS_SPACE ||
         result == COPSE_E_PINNED;
}

/* A page that lies in no segment to be emptied: the lowest that is free in a segment of the class, or one of
 * a fresh segment. */
static int dense_take(struct pager *pager, unsigned class, uint64_t *ref) {
  uint64_t *at = &pager->dense_hint[class], used = books_segments_used(pager);
  int result = 0;
  while (*at < used && (SEGMENT_CLASS(books_segment(pager, *at)->info) != class + 1 ||
                        SEGMENT_FREE(books_segment(pager, *at)->info) == 0 ||
                        pager_is_sparse(pager, *at * FORMAT_SEGMENT)))
    ++*at;
  if (*at >= used) {
    result = segment_dedicate(pager, class);
    if (result)
      return result;
    *at = pager->books->partial[class] - 1;
    if (pager_is_sparse(pager, *at * FORMAT_SEGMENT)) /* emptied, and taken again */
      pager->sparse[*at / 64] &= ~(UINT64_C(1) << *at % 64);
  }
  result = books_undo_room(pager, 16);
  if (result)
    return result;
  struct segment *s = books_segment(pager, *at);
  unsigned word = 0;
  while (word < 31 && s->free[word] == 0)
    word++;
  if (s->free[word] == 0)
    return error_set(COPSE_E_CORRUPT, "segment %llu counts free pages and has none",
                     (unsigned long long)*at);
  uint64_t slot = word * 64 + (unsigned)__builtin_ctzll(s->free[word]);
  uint64_t left = SEGMENT_FREE(s->info) - 1;
  books_set(pager, &s->free[word], s->free[word] & (s->free[word] - 1));
  books_set(pager, &s->info, (class + 1) | left << 32);
  if (left == 0)
    list_unlink(pager, *at, class);
  books_add_word(pager, BOOK_USED_UNITS, page_class_units[class]);
  *ref = page_ref_make(*at * FORMAT_SEGMENT + slot * page_class_units[class] * FORMAT_UNIT, class);
  return 0;
}

static int class_take(struct pager *pager, unsigned class, uint64_t *ref) {
  struct ref_list *loose = &pager->loose[class];
  if (loose->count) {
    *ref = loose->items[--loose->count].ref;
    return 0;
  }
  if (pager->sparse)
    return dense_take(pager, class, ref);
  int result = 0;
  uint64_t top = books_word(pager, BOOK_HOT_TOP + class);
  if (top == 0 && pager->books->partial[class] == 0 && pager->reclaim) {
    result = pager->reclaim(pager->context, 0);
    top = books_word(pager, BOOK_HOT_TOP + class);
  }
  if (result == 0)
    result = books_undo_room(pager, 4);
  if (result)
    return result;
  if (top == 0) {
    result = hot_refill(pager, class);
    if (is_full(result)) {
      int made_room = room_make(pager);
      if (made_room)
        return made_room;
      result = books_word(pager, BOOK_HOT_TOP + class) ? 0 : hot_refill(pager, class);
    }
    if (result)
      return result;
    top = books_word(pager, BOOK_HOT_TOP + class);
  }
  if (top > HOT_DEPTH)
    return error_set(COPSE_E_CORRUPT, "a free list in the writers' file is damaged");
  *ref = books_hot(pager, class)[top - 1];
  pager->hot_lowered = 1;
  books_set_word(pager, BOOK_HOT_TOP + class, top - 1);
  books_add_word(pager, BOOK_USED_UNITS, page_class_units[class]);
  POINT(alloc_popped);
  return 0;
}

static int head_fill(struct pager *pager, uint64_t ref, uint64_t units, void **page) {
  if (page_ref_offset(ref) < FORMAT_FIRST_PAGE ||
      page_ref_offset(ref) + units * FORMAT_UNIT > pager->view.limit)
    return error_set(COPSE_E_CORRUPT, "the writers' file lists a page outside of the store");
  struct page_head *head = pager_page(pager, ref);
  pager->taken_units += units;
  *head =
      (struct page_head){.birth = pager->version, .epoch = pager->epoch, .units = (uint16_t)units};
  *page = head;
  return 0;
}

static int run_alloc(struct pager *pager, uint64_t blocks, uint64_t *ref) {
  uint64_t offset;
  int result = run_take(pager, blocks, &offset);
  if (is_full(result)) {
    int made_room = room_make(pager);
    if (made_room)
      return made_room;
    result = run_take(pager, blocks, &offset);
  }
  if (result)
    return result;
  books_add_word(pager, BOOK_USED_UNITS, blocks * (FORMAT_BLOCK / FORMAT_UNIT));
  *ref = page_ref_make(offset, PAGE_RUN);
  return 0;
}

/* A page of the class, or, when the store is full, of a larger class that has one, or blocks of
 * a run. What inner nodes and map tables have left stays theirs: a commit needs some. *units
 * receives the page's size. */
static int small_take(struct pager *pager, unsigned class, uint64_t *ref, uint32_t *units) {
  int result = class_take(pager, class, ref), refused = result;
  uint32_t wanted = page_class_units[class];
  unsigned end = class < PAGE_CLASS_INNER ? PAGE_CLASS_INNER : PAGE_CLASSES;
  *units = wanted;
  if (!is_full(result))
    return result;
  for (unsigned other = 0; other < end; other++) {
    *units = page_class_units[other];
    if (*units > wanted && (books_word(pager, BOOK_HOT_TOP + other) ||
                            pager->books->partial[other] || pager->loose[other].count))
      return class_take(pager, other, ref);
  }
  uint64_t blocks = (wanted * FORMAT_UNIT + FORMAT_BLOCK - 1) / FORMAT_BLOCK;
  *units = (uint32_t)(blocks * (FORMAT_BLOCK / FORMAT_UNIT));
  if (books_word(pager, BOOK_FREE_BLOCKS) < blocks)
    return refused;
  return run_alloc(pager, blocks, ref);
}

void pager_expect(const struct pager *pager, unsigned class) {
  uint64_t top = class < PAGE_CLASSES ? books_word(pager, BOOK_HOT_TOP + class) : 0;
  if (top == 0 || top > HOT_DEPTH)
    return;
  const uint8_t *page = pager->data + page_ref_offset(books_hot(pager, class)[top - 1]);
  for (unsigned i = 0; i < page_class_units[class]; i++) {
    __builtin_prefetch(page + i * FORMAT_UNIT, 1);
    __builtin_prefetch(page + i * FORMAT_UNIT + 64, 1);
    __asm__ volatile("" : "+r"(page));
  }
}

int pager_alloc(struct pager *pager, uint32_t size, int inner, uint64_t *ref, void **page,
                uint32_t *actual) {
  uint32_t units = (size + FORMAT_UNIT - 1) / FORMAT_UNIT;
  uint64_t taken;
  int result;
  if (size <= PAGE_SMALL_MAX) {
    unsigned class = inner && units <= 16 ? PAGE_CLASS_INNER + units - 1 : page_units_class[units];
    result = small_take(pager, class, &taken, &units);
  } else {
    uint64_t blocks = (size + FORMAT_BLOCK - 1) / FORMAT_BLOCK;
    units = (uint32_t)(blocks * (FORMAT_BLOCK / FORMAT_UNIT));
    result = run_alloc(pager, blocks, &taken);
  }
  if (result == 0)
    result = head_fill(pager, taken, units, page);
  if (result)
    return result;
  *ref = taken;
  *actual = units * FORMAT_UNIT;
  return 0;
}

int pager_alloc_extent(struct pager *pager, uint64_t size, uint64_t *ref,
                       struct extent_head **extent) {
  uint64_t bytes = size + sizeof(struct extent_head), blocks = 0;
  uint64_t taken;
  void *page = NULL;
  int result;
  if (size > pager->max_segments * FORMAT_SEGMENT)
    return error_set(COPSE_E_LIMIT, "a value of %llu bytes is larger than the store may be",
                     (unsigned long long)size);
  if (bytes <= PAGE_SMALL_MAX) {
    unsigned class = page_units_class[(bytes + FORMAT_UNIT - 1) / FORMAT_UNIT];
    uint32_t units;
    result = small_take(pager, class, &taken, &units);
    if (result == 0 && page_ref_class(taken) == PAGE_RUN)
      blocks = units / (FORMAT_BLOCK / FORMAT_UNIT);
    if (result == 0)
      result = head_fill(pager, taken, blocks ? 0 : units, &page);
  } else {
    blocks = (bytes + FORMAT_BLOCK - 1) / FORMAT_BLOCK;
    result = run_alloc(pager, blocks, &taken);
    if (result == 0)
      result = head_fill(pager, taken, 0, &page);
  }
  if (result)
    return result;
  *extent = page;
  (*extent)->head.kind = PAGE_EXTENT;
  (*extent)->blocks = blocks;
  (*extent)->value_size = size;
  memset((*extent)->zero, 0, sizeof(*extent)->zero);
  *ref = taken;
  return 0;
}

/* Puts a slot of a segment of small pages among its free ones. */
static int slot_release(struct pager *pager, uint64_t ref) {
  uint64_t segment = page_ref_offset(ref) / FORMAT_SEGMENT;
  unsigned class = page_ref_class(ref);
  if (segment >= pager->books->segment_limit || class >= PAGE_CLASSES)
    return error_set(COPSE_E_CORRUPT, "page %llx is freed and is none", (unsigned long long)ref);
  struct segment *s = books_segment(pager, segment);
  uint64_t in_segment = page_ref_offset(ref) % FORMAT_SEGMENT;
  unsigned slot = (unsigned)(in_segment / (page_class_units[class] * FORMAT_UNIT));
  if (SEGMENT_CLASS(s->info) != class + 1 || slot >= class_slots(class) ||
      s->free[slot / 64] >> slot % 64 & 1)
    return error_set(COPSE_E_CORRUPT, "page %llx is freed and is not in use",
                     (unsigned long long)ref);
  uint64_t free_slots = SEGMENT_FREE(s->info) + 1;
  if (free_slots == class_slots(class)) {
    if (free_slots > 1)
      list_unlink(pager, segment, class);
    books_set(pager, &s->info, 0);
    books_set(pager, books_blocks(pager, segment), 0);
    books_add_word(pager, BOOK_FREE_SEGMENTS, 1);
    if (segment < books_word(pager, BOOK_SEGMENT_HINT))
      books_set_word(pager, BOOK_SEGMENT_HINT, segment);
    if (segment < books_word(pager, BOOK_RUN_HINT))
      books_set_word(pager, BOOK_RUN_HINT, segment);
    return 0;
  }
  books_set(pager, &s->free[slot / 64], s->free[slot / 64] | UINT64_C(1) << slot % 64);
  books_set(pager, &s->info, (class + 1) | free_slots << 32);
  if (free_slots == 1)
    list_link(pager, segment, class);
  return 0;
}

/* What a page holds that somebody still reads is gone at once: for tests. */
static void poison(const struct pager *pager, uint64_t ref, uint64_t units) {
  uint64_t offset = page_ref_offset(ref), size = units * FORMAT_UNIT;
  if (offset >= FORMAT_FIRST_PAGE && size <= pager->view.limit &&
      offset <= pager->view.limit - size)
    memset(pager->data + offset, PAGE_POISON, size);
}

int release_page(struct pager *pager, uint64_t ref, uint64_t units) {
  int result = books_undo_room(pager, 32);
  if (result)
    return result;
  unsigned class = page_ref_class(ref);
  if (units == 0 || (class >= PAGE_CLASSES && class != PAGE_RUN))
    return error_set(COPSE_E_CORRUPT, "a list of freed pages names %llx", (unsigned long long)ref);
  if (pager->poison)
    poison(pager, ref, units);
  books_add_word(pager, BOOK_USED_UNITS, 0 - units);
  if (class == PAGE_RUN)
    return release_run(pager, page_ref_offset(ref), units / (FORMAT_BLOCK / FORMAT_UNIT));
  uint64_t top = books_word(pager, BOOK_HOT_TOP + class);
  if (top >= HOT_DEPTH || (top + 1) * units * FORMAT_UNIT > HOT_BYTES)
    return slot_release(pager, ref);
  if (pager->hot_lowered)
    books_set(pager, &books_hot(pager, class)[top], ref);
  else /* above all that undoing needs */
    books_hot(pager, class)[top] = ref;
  books_set_word(pager, BOOK_HOT_TOP + class, top + 1);
  return 0;
}

/* Units of all pages on the hot stacks. */
static uint64_t hot_units(const struct pager *pager) {
  uint64_t units = 0;
  for (unsigned class = 0; class < PAGE_CLASSES; class ++)
    units += books_word(pager, BOOK_HOT_TOP + class) * page_class_units[class];
  return units;
}

int hot_thin(struct pager *pager) {
  uint64_t used = books_word(pager, BOOK_SEGMENT_USED) * (FORMAT_SEGMENT / FORMAT_UNIT);
  if (books_word(pager, BOOK_FREE_SEGMENTS) || hot_units(pager) < used / HOT_SHARE)
    return COPSE_NONE;
  int result = hot_drain(pager);
  return result || books_word(pager, BOOK_FREE_SEGMENTS) ? result : COPSE_NONE;
}

int pager_drain(struct pager *pager) { return hot_drain(pager); }

int hot_drain(struct pager *pager) {
  pager->hot_lowered = 1;
  for (unsigned class = 0; class < PAGE_CLASSES; class ++) {
    uint64_t top;
    while ((top = books_word(pager, BOOK_HOT_TOP + class)) > 0) {
      int result = top > HOT_DEPTH ? error_set(COPSE_E_CORRUPT, "a free list is damaged")
                                   : books_undo_room(pager, 32);
      if (result == 0)
        result = slot_release(pager, books_hot(pager, class)[top - 1]);
      if (result)
        return result;
      books_set_word(pager, BOOK_HOT_TOP + class, top - 1);
    }
  }
  return 0;
}
