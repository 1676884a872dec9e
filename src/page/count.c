/* page/count.c - what the books count, compared with what there is. For the checker: wrong counts
 * do no harm at once, but space is looked for by them. */
#include "page/books.h"

static int units_add(void *context, const struct listed *listed) {
  *(uint64_t *)context += listed->units;
  return 0;
}

struct found {
  uint64_t free_segments, free_blocks;
  uint64_t first_segment; /* that is wholly free */
  uint64_t first_block;   /* the segment of the first free block */
};

static uint64_t slots_free(const struct segment *s) {
  uint64_t free = 0;
  for (unsigned i = 0; i < 32; i++)
    free += (unsigned)__builtin_popcountll(s->free[i]);
  return free;
}

static void segments_count(struct pager *pager, struct found *found, pager_miscount *report,
                           void *context) {
  uint64_t used = books_segments_used(pager);
  *found = (struct found){.first_segment = used, .first_block = used};
  for (uint64_t i = used; i-- > 0;) {
    const struct segment *s = books_segment(pager, i);
    uint64_t word = *books_blocks(pager, i);
    if (s->info && slots_free(s) != SEGMENT_FREE(s->info))
      report(context, "free pages of a segment", SEGMENT_FREE(s->info), slots_free(s));
    if (!segment_is_free(pager, i) && s->links == SEGMENT_HOLE)
      report(context, "segments in use that have no storage", 0, 1);
    if (~word)
      found->first_block = i;
    if (word == 0) {
      found->free_segments++;
      found->first_segment = i;
    } else if (s->info == 0) {
      found->free_blocks += 64 - (unsigned)__builtin_popcountll(word);
    }
  }
}

int pager_count(struct pager *pager, uint64_t used_units, pager_miscount *report, void *context) {
  struct found found;
  uint64_t parked = 0, pending = 0;
  int result = parked_each(pager, units_add, &parked);
  if (result == 0)
    result = queue_each(pager, BOOK_PENDING, units_add, &pending);
  if (result)
    return result;
  segments_count(pager, &found, report, context);
  const struct {
    const char *what;
    enum book_word word;
    uint64_t found;
  } counts[] = {{"units in use", BOOK_USED_UNITS, used_units},
                {"units in the pending queue", BOOK_PENDING_UNITS, pending},
                {"parked units", BOOK_PARKED_UNITS, parked},
                {"free segments", BOOK_FREE_SEGMENTS, found.free_segments},
                {"free blocks", BOOK_FREE_BLOCKS, found.free_blocks}};
  for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
    if (books_word(pager, counts[i].word) != counts[i].found)
      report(context, counts[i].what, books_word(pager, counts[i].word), counts[i].found);
  if (found.free_segments && books_word(pager, BOOK_SEGMENT_HINT) > found.first_segment)
    report(context, "segments before the first free one", books_word(pager, BOOK_SEGMENT_HINT),
           found.first_segment);
  if (books_word(pager, BOOK_RUN_HINT) > found.first_block)
    report(context, "segments before the first free block", books_word(pager, BOOK_RUN_HINT),
           found.first_block);
  return 0;
}
