/* page/blocks.c - segments and runs of 4 KiB blocks: the block map, growth of the file.
 *
 * The block map has one word per segment, one bit per block. A segment of small pages is all
 * ones. Runs lie anywhere among the other segments, across their bounds too. */
#include "page/books.h"

#define CHUNK_MIN 4u   /* segments by which the file grows at first: 1 MiB */
#define CHUNK_MAX 256u /* and at most: 64 MiB */

int segments_grow(struct pager *pager, uint64_t segments) {
  struct books *books = pager->books;
  uint64_t limit = pager->view.limit / FORMAT_SEGMENT; /* of the books, as it was checked */
  pager->tight = 1;
  if (segments > pager->max_segments - limit)
    return error_set(COPSE_E_LIMIT, "the store is full: max_bytes is %llu",
                     (unsigned long long)(pager->max_segments * FORMAT_SEGMENT));
  if (segments > pager->segments - limit)
    return error_set(
        COPSE_E_ADDRESS_SPACE,
        "this process has reserved %llu bytes for the store, which is about to outgrow "
        "them; open it again with more reserve_bytes",
        (unsigned long long)(pager->segments * FORMAT_SEGMENT));
  int result = pager->may_grow ? pager->may_grow(pager->context) : 0;
  if (result)
    return result;
  uint64_t step = limit < CHUNK_MIN ? CHUNK_MIN : limit > CHUNK_MAX ? CHUNK_MAX : limit;
  uint64_t ahead = pager->prefault_bytes / FORMAT_SEGMENT;
  if (limit < ahead && step < ahead - limit)
    step = ahead - limit;
  if (step < segments)
    step = segments;
  if (step > pager->segments - limit)
    step = pager->segments - limit;
  POINT(grow_begin);
  for (;; step = step / 2 < segments ? segments : step / 2) {
    uint64_t after = limit + step;
    result = area_grow(pager, AREA_SEGMENTS, after);
    if (result == 0)
      result = region_allocate(pager->data_region, limit * FORMAT_SEGMENT, step * FORMAT_SEGMENT);
    if (result == 0) {
      POINT(grow_done);
      os_populate(pager->data + limit * FORMAT_SEGMENT, step * FORMAT_SEGMENT, 1);
      books->segment_limit = after;
      pager->tight = 0;
      pager->view.limit = after * FORMAT_SEGMENT;
      return 0;
    }
    if (result != COPSE_E_NO_SPACE || step == segments)
      return result;
  }
}

/* Finds a free segment among the used ones that has storage, or gets it. The first that does not get it
 * speaks for all the others that have none. */
static int free_find(struct pager *pager, uint64_t used, uint64_t *segment) {
  uint64_t first = UINT64_MAX; /* free */
  int refused = 0;
  for (uint64_t i = books_word(pager, BOOK_SEGMENT_HINT); i < used; i++) {
    if (*books_blocks(pager, i) || (refused && books_segment(pager, i)->links == SEGMENT_HOLE))
      continue;
    first = first < i ? first : i;
    int result = segment_store(pager, i);
    if (result && result != COPSE_E_NO_SPACE)
      return result;
    refused = result ? result : refused;
    if (result)
      continue;
    if (i == first)
      books_set_word(pager, BOOK_SEGMENT_HINT, i + 1);
    *segment = i;
    return 0;
  }
  return refused ? refused
                 : error_set(COPSE_E_CORRUPT,
                             "the writers' file counts free segments that are not there");
}

int segment_take(struct pager *pager, uint64_t *segment) {
  uint64_t used = books_segments_used(pager);
  if (books_word(pager, BOOK_FREE_SEGMENTS)) {
    int result = free_find(pager, used, segment);
    if (result == 0)
      books_add_word(pager, BOOK_FREE_SEGMENTS, (uint64_t)-1);
    return result;
  }
  if (used >= pager->books->segment_limit)
    return COPSE_NONE;
  int result = segment_store(pager, used);
  if (result)
    return result;
  books_set_word(pager, BOOK_SEGMENT_USED, used + 1);
  *segment = used;
  return 0;
}

/* Position of the first n zero bits in a row in word, or 64. */
static unsigned zeros_find(uint64_t word, unsigned n) {
  uint64_t free = ~word;
  for (unsigned have = 1; have < n && free;) { /* bit i stays set if `have` zeros begin there */
    unsigned step = have < n - have ? have : n - have;
    free &= free >> step;
    have += step;
  }
  return free ? (unsigned)__builtin_ctzll(free) : 64;
}

static uint64_t ones(uint64_t n) { return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1; }

/* Marks blocks of one segment used or free, keeping the counts of free segments and blocks.
 * Free blocks count only in segments that are in use. */
static void blocks_change(struct pager *pager, uint64_t segment, uint64_t mask, int use) {
  uint64_t *word = books_blocks(pager, segment), before = *word;
  uint64_t after = use ? before | mask : before & ~mask;
  uint64_t free_before = before ? 64 - (unsigned)__builtin_popcountll(before) : 0;
  uint64_t free_after = after ? 64 - (unsigned)__builtin_popcountll(after) : 0;
  books_set(pager, word, after);
  books_add_word(pager, BOOK_FREE_BLOCKS, free_after - free_before);
  if (before == 0)
    books_add_word(pager, BOOK_FREE_SEGMENTS, (uint64_t)-1);
  if (!use && segment < books_word(pager, BOOK_RUN_HINT))
    books_set_word(pager, BOOK_RUN_HINT, segment);
  if (after == 0) {
    books_add_word(pager, BOOK_FREE_SEGMENTS, 1);
    if (segment < books_word(pager, BOOK_SEGMENT_HINT))
      books_set_word(pager, BOOK_SEGMENT_HINT, segment);
  }
}

/* Looks for a run among segments from `from` to `to` (exclusive): *block receives its first block,
 * counted from the file's start. Otherwise COPSE_NONE, and *row how many free blocks end it. */
static int run_search(struct pager *pager, uint64_t blocks, uint64_t from, uint64_t to,
                      uint64_t *block, uint64_t *row) {
  *row = 0;
  for (uint64_t i = from; i < to; i++) {
    uint64_t word =
        pager_is_sparse(pager, i * FORMAT_SEGMENT) ? ~UINT64_C(0) : *books_blocks(pager, i);
    uint64_t low = word ? (uint64_t)__builtin_ctzll(word) : 64;
    unsigned at = blocks <= 64 ? zeros_find(word, (unsigned)blocks) : 64;
    if (*row + low >= blocks) {
      *block = i * 64 - *row;
      return 0;
    }
    if (at < 64) {
      *block = i * 64 + at;
      return 0;
    }
    *row = word ? (uint64_t)__builtin_clzll(word) : *row + 64;
  }
  return COPSE_NONE;
}

/* Extends the used segments (they become free ones) so that `count` segments follow `from`. */
static int segments_extend(struct pager *pager, uint64_t count) {
  uint64_t used = books_segments_used(pager);
  uint64_t limit = pager->books->segment_limit;
  if (used + count > limit) {
    int result = segments_grow(pager, used + count - limit);
    if (result == 0) /* what growing reclaimed took some of what run_take() had made */
      result = books_undo_room(pager, count * 2 + 64);
    if (result)
      return result;
  }
  books_set_word(pager, BOOK_SEGMENT_USED, used + count);
  books_add_word(pager, BOOK_FREE_SEGMENTS, count);
  if (used < books_word(pager, BOOK_SEGMENT_HINT))
    books_set_word(pager, BOOK_SEGMENT_HINT, used);
  return 0;
}

/* Finds a run in the used segments. COPSE_NONE: none; *row receives how many free blocks end them. */
static int run_find(struct pager *pager, uint64_t blocks, uint64_t *block, uint64_t *row) {
  uint64_t used = books_segments_used(pager), hint = books_word(pager, BOOK_RUN_HINT);
  uint64_t room = books_word(pager, BOOK_FREE_BLOCKS) + books_word(pager, BOOK_FREE_SEGMENTS) * 64;
  *row = 0;
  while (hint < used && *books_blocks(pager, hint) == ~UINT64_C(0))
    hint++;
  books_set_word(pager, BOOK_RUN_HINT, hint);
  if (room < blocks)
    return COPSE_NONE;
  /* The first that fits: large runs are found again where they were. */
  return run_search(pager, blocks, hint, used, block, row);
}

/* Finds a run, extending the used segments when there is none. */
static int run_make(struct pager *pager, uint64_t blocks, uint64_t *block) {
  uint64_t row;
  int result = run_find(pager, blocks, block, &row);
  if (result == COPSE_NONE) {
    result = hot_thin(pager);
    if (result == 0)
      result = run_find(pager, blocks, block, &row);
  }
  if (result != COPSE_NONE)
    return result;
  uint64_t used = books_segments_used(pager);
  /* Free blocks at the end of the used segments count towards the run. Growing may reclaim, and
   * so make the row longer: it never becomes shorter. */
  result = segments_extend(pager, (blocks - row + 63) / 64);
  *block = used * 64 - row;
  return result;
}

int run_take(struct pager *pager, uint64_t blocks, uint64_t *offset) {
  uint64_t room = books_word(pager, BOOK_FREE_BLOCKS) + books_word(pager, BOOK_FREE_SEGMENTS) * 64;
  uint64_t block, log = (blocks / 64 + 2) * 2 + 64;
  int result = room < blocks && pager->reclaim ? pager->reclaim(pager->context, 0) : 0;
  if (result == 0)
    result = books_undo_room(pager, log);
  if (result == 0)
    result = run_make(pager, blocks, &block);
  if (result == 0)
    result = books_undo_room(pager, log);
  if (result)
    return result;
  for (uint64_t i = block / 64; i <= (block + blocks - 1) / 64; i++)
    if (*books_blocks(pager, i) == 0 && (result = segment_store(pager, i)) != 0)
      return result;
  *offset = block * FORMAT_BLOCK;
  while (blocks) {
    uint64_t first = block % 64, take = blocks < 64 - first ? blocks : 64 - first;
    blocks_change(pager, block / 64, ones(take) << first, 1);
    block += take;
    blocks -= take;
  }
  return 0;
}

int release_run(struct pager *pager, uint64_t offset, uint64_t blocks) {
  uint64_t segment = offset / FORMAT_SEGMENT;
  unsigned first = (unsigned)(offset % FORMAT_SEGMENT / FORMAT_BLOCK);
  int result = books_undo_room(pager, (blocks / 64 + 2) * 2 + 32);
  if (result)
    return result;
  while (blocks) {
    uint64_t take = blocks < 64 - first ? blocks : 64 - first;
    uint64_t mask = ones(take) << first;
    if (segment >= pager->books->segment_limit || (*books_blocks(pager, segment) & mask) != mask ||
        books_segment(pager, segment)->info != 0)
      return error_set(COPSE_E_CORRUPT, "blocks at %llu are freed and are not in use",
                       (unsigned long long)offset);
    blocks_change(pager, segment, mask, 0);
    blocks -= take;
    first = 0;
    segment++;
  }
  return 0;
}
