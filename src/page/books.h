/* page/books.h - inside this layer: changing the books through the undo log, the lists of
 * chunks, and the parts of the allocator that each other file needs. */
#ifndef PAGE_BOOKS_H
#define PAGE_BOOKS_H

#include "base/points.h"
#include "page/pager.h"

/* Orders our own stores as another process sees them after our death: a death does not reorder
 * stores, so that the compiler is all there is to hold back. */
static inline void books_order(void) { __asm__ volatile("" ::: "memory"); }

/* Where an element of an area lies. One beyond what has storage, which only damaged books name, is
 * somewhere harmless, and fails the commit. */
struct place {
  uint8_t *piece;
  uint64_t index, count; /* in the piece; how many elements it has */
};
struct place area_stray(const struct pager *pager);
static inline struct place area_place(const struct pager *pager, enum area area, unsigned shift,
                                      uint64_t element) {
  if (__builtin_expect(element >= pager->reach[area], 0))
    return area_stray(pager);
  uint64_t from_first = element + (UINT64_C(1) << shift);
  unsigned top = 63 - (unsigned)__builtin_clzll(from_first);
  uint64_t count = UINT64_C(1) << top;
  return (struct place){pager->pieces[area][top - shift], from_first - count, count};
}
static inline struct undo_entry *books_undo(const struct pager *pager, uint64_t entry) {
  if (__builtin_expect(entry < UINT64_C(1) << AREA_UNDO_SHIFT, 1)) /* most logs: for each change */
    return (struct undo_entry *)pager->pieces[AREA_UNDO][0] + entry;
  struct place place = area_place(pager, AREA_UNDO, AREA_UNDO_SHIFT, entry);
  return (struct undo_entry *)place.piece + place.index;
}
/* Makes storage for elements up to `to`; the caller then raises the limit. Segments are filled with
 * zeros. Errors: NO_SPACE, ADDRESS_SPACE, DESCRIPTOR. */
int area_grow(struct pager *pager, enum area area, uint64_t to);
/* Finds out where the pieces lie that came on top since it was called last. Errors: CORRUPT,
 * ADDRESS_SPACE. */
int areas_check(struct pager *pager);

/* Makes room for `entries` more undo entries, so that books_set cannot fail until then. */
int books_undo_extend(struct pager *pager, uint64_t entries);
static inline int books_undo_room(struct pager *pager, uint64_t entries) {
  int fits = pager->books->undo_count + entries <= pager->reach[AREA_UNDO];
  return __builtin_expect(fits, 1) ? 0 : books_undo_extend(pager, entries);
}

/* Puts old values back, newest first, down to `keep` entries. */
void books_undo_to(struct pager *pager, uint64_t keep);

/* Notes a word of the writers' file, which may then be changed and is put back by undoing. Room must
 * have been made. */
static inline void books_log(struct pager *pager, const uint64_t *word) {
  struct books *books = pager->books;
  struct undo_entry *entry = books_undo(pager, books->undo_count);
  entry->offset = (uint64_t)((const uint8_t *)word - pager->writers);
  entry->old = *word;
  books_order();
  books->undo_count++;
  books_order();
  POINT(undo_logged);
}

/* Changes a word so that it can be undone. */
static inline void books_set(struct pager *pager, uint64_t *word, uint64_t value) {
  books_log(pager, word);
  *word = value;
}

/* The same for the words that most transactions change: logged once. */
static inline void books_set_word(struct pager *pager, unsigned word, uint64_t value) {
  uint64_t bit = UINT64_C(1) << word;
  if (pager->logged & bit) {
    pager->books->words[word] = value;
  } else {
    books_set(pager, &pager->books->words[word], value);
    pager->logged |= bit;
  }
}
/* Read once: what was checked is what is used, whoever writes to the file meanwhile. */
static inline uint64_t books_word(const struct pager *pager, unsigned word) {
  return *(const volatile uint64_t *)&pager->books->words[word];
}
/* How many segments were ever used. */
static inline uint64_t books_segments_used(const struct pager *pager) {
  uint64_t used = books_word(pager, BOOK_SEGMENT_USED);
  return used < pager->reach[AREA_SEGMENTS] ? used : pager->reach[AREA_SEGMENTS];
}
static inline void books_add_word(struct pager *pager, unsigned word, uint64_t delta) {
  books_set_word(pager, word, pager->books->words[word] + delta);
}

static inline uint64_t *books_hot(const struct pager *pager, unsigned class) {
  return (uint64_t *)(pager->writers + BOOKS_HOT) + (uint64_t) class * HOT_DEPTH;
}
static inline uint64_t *books_blocks(const struct pager *pager, uint64_t segment) {
  struct place place = area_place(pager, AREA_SEGMENTS, AREA_SEGMENTS_SHIFT, segment);
  return (uint64_t *)place.piece + place.index;
}
static inline struct segment *books_segment(const struct pager *pager, uint64_t segment) {
  struct place place = area_place(pager, AREA_SEGMENTS, AREA_SEGMENTS_SHIFT, segment);
  return (struct segment *)(place.piece + place.count * sizeof(uint64_t)) + place.index;
}
static inline struct chunk *books_chunk(const struct pager *pager, uint64_t index) {
  struct place place = area_place(pager, AREA_CHUNKS, AREA_CHUNKS_SHIFT, index);
  return (struct chunk *)place.piece + place.index;
}

#define SEGMENT_CLASS(info) ((unsigned)((info)&0xff)) /* class + 1 */
#define SEGMENT_FREE(info) ((info) >> 32)
static inline unsigned class_slots(unsigned class) {
  return FORMAT_SEGMENT / FORMAT_UNIT / page_class_units[class];
}

/* A free chunk, or one from the end; *index is its index + 1. Errors: NO_SPACE, CORRUPT. */
int chunk_take(struct pager *pager, uint64_t *index);
void chunk_give(struct pager *pager, uint64_t index);
/* 0 if index + 1 names a chunk that has storage. */
int chunk_check(const struct pager *pager, uint64_t index);

/* Stacks of listed pages made of chunks: {top chunk + 1, entries in it}. */
int stack_push(struct pager *pager, uint64_t *top, uint64_t *pos, const struct listed *listed);
int stack_pop(struct pager *pager, uint64_t *top, uint64_t *pos, struct listed *listed);

/* Calls visit for every entry of a queue; for every one that is parked: in the buckets and in the
 * crowd. */
typedef int entry_visit(void *context, const struct listed *listed);
int stack_each(struct pager *pager, uint64_t top, uint64_t pos, entry_visit *visit, void *context);
int queue_each(struct pager *pager, unsigned queue, entry_visit *visit, void *context);
int parked_each(struct pager *pager, entry_visit *visit, void *context);

/* Puts a page back among the free ones of its class, or its blocks among the free blocks. */
int release_page(struct pager *pager, uint64_t ref, uint64_t units);
/* Appends one entry to a queue, whose count and size the caller raises. Room for six undo entries
 * must have been made. */
int queue_append(struct pager *pager, unsigned queue, const struct listed *listed);
int release_run(struct pager *pager, uint64_t offset, uint64_t blocks);
/* Sees to it that a segment which is to be taken has storage. Errors: NO_SPACE, DESCRIPTOR. */
int segment_store(struct pager *pager, uint64_t segment);
int segment_is_free(const struct pager *pager, uint64_t segment);
/* Takes a wholly free segment. COPSE_NONE when there is none without growing. */
int segment_take(struct pager *pager, uint64_t *segment);
/* Makes the file longer by at least `segments`. Errors: NO_SPACE, LIMIT, PINNED. */
int segments_grow(struct pager *pager, uint64_t segments);
/* Takes a run of blocks. Errors: as segments_grow(). */
int run_take(struct pager *pager, uint64_t blocks, uint64_t *offset);
/* Empties the hot stacks into the segments, so that empty segments become free. */
int hot_drain(struct pager *pager);
/* The same in a store without a free segment, if the stacks hold a part of it that counts: pages on
 * them may be all that keeps segments from being free, one of each class. COPSE_NONE: no segment
 * became free. */
int hot_thin(struct pager *pager);
/* Size of a page in units, from its reference and (for runs) its head; 0: not a valid page. Only
 * for pages that nothing has been able to overwrite since they were in use. */
uint64_t page_units(const struct pager *pager, uint64_t ref);

#endif
