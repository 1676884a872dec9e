/* page/areas.c - the parts of the books that grow: segments, chunks, and the undo log.
 *
 * Owns: an element below an area's limit has storage, in the piece that books->pieces names; pieces
 * in use do not overlap. A piece is in use when its first element is below the limit.
 *
 * Growing: a new piece is put behind all that are in use, named in books->pieces, and gets storage;
 * then the caller raises the limit. A death before that leaves a piece that is not in use: whoever
 * grows next, the same area or another, may put one in its place. So no order between areas is to
 * be kept, and nothing is lost. Nobody moves a piece that is in use: other processes go on. */
#include "page/books.h"

#include <string.h>

static const struct {
  unsigned shift; /* piece k has 1 << (shift + k) elements */
  uint32_t size;  /* of an element, in bytes */
} areas[AREAS] = {
    [AREA_SEGMENTS] = {AREA_SEGMENTS_SHIFT, sizeof(uint64_t) + sizeof(struct segment)},
    [AREA_CHUNKS] = {AREA_CHUNKS_SHIFT, sizeof(struct chunk)},
    [AREA_UNDO] = {AREA_UNDO_SHIFT, sizeof(struct undo_entry)},
    [AREA_RINGS] = {AREA_RINGS_SHIFT, RING_BYTES},
};

static uint64_t piece_count(enum area area, unsigned piece) {
  return UINT64_C(1) << (areas[area].shift + piece);
}
static uint64_t piece_start(enum area area, unsigned piece) {
  return piece_count(area, piece) - piece_count(area, 0);
}

/* How many pieces it takes for so many elements. */
static unsigned pieces_for(enum area area, uint64_t elements) {
  unsigned pieces = 0;
  while (pieces < AREA_PIECES && piece_start(area, pieces) < elements)
    pieces++;
  return pieces;
}

/* Where storage ends in a piece of which the first `elements` have it. */
static uint64_t storage_end(enum area area, unsigned piece, uint64_t elements) {
  if (area == AREA_SEGMENTS) /* the words of the block map come before */
    return piece_count(area, piece) * sizeof(uint64_t) + elements * sizeof(struct segment);
  return elements * areas[area].size;
}

/* Where the pieces in use end; of `area`, only the first `pieces` are looked at. */
static uint64_t pieces_end(const struct books *books, enum area area, unsigned pieces) {
  uint64_t end = BOOKS_PIECES;
  for (enum area a = 0; a < AREAS; a++) {
    unsigned used = a == area ? pieces : pieces_for(a, books->limits[a]);
    for (unsigned i = 0; i < used; i++) {
      uint64_t piece_end = books->pieces[a][i] + piece_count(a, i) * areas[a].size;
      end = piece_end > end ? piece_end : end;
    }
  }
  return end;
}

struct place area_stray(const struct pager *pager) {
  struct pager *own = (struct pager *)(uintptr_t)pager;
  own->failure =
      error_set(COPSE_E_CORRUPT, "the books in the writers' file name what is not there");
  return (struct place){(uint8_t *)own->stray, 0, 0};
}

/* Storage for the elements from `from` to `to`, counted within a piece. */
static int piece_fill(struct pager *pager, enum area area, unsigned piece, uint64_t from,
                      uint64_t to) {
  struct region *writers = pager->writers_region;
  uint64_t at = (uint64_t)(pager->pieces[area][piece] - pager->writers);
  uint64_t size = areas[area].size, n = to - from, end = at + storage_end(area, piece, to);
  if (end > writers->reserved)
    return error_set(COPSE_E_ADDRESS_SPACE,
                     "the books outgrow the address space that this process reserved for them");
  if (pager->stored < end)
    pager->stored = end;
  if (area != AREA_SEGMENTS)
    return region_allocate(writers, at + from * size, n * size);
  uint64_t words = at + from * sizeof(uint64_t);
  uint64_t segments = at + storage_end(area, piece, from);
  int result = region_allocate(writers, words, n * sizeof(uint64_t));
  if (result == 0)
    result = region_allocate(writers, segments, n * sizeof(struct segment));
  if (result)
    return result;
  memset(pager->writers + words, 0, n * sizeof(uint64_t));
  memset(pager->writers + segments, 0, n * sizeof(struct segment));
  return 0;
}

int area_grow(struct pager *pager, enum area area, uint64_t to) {
  struct books *books = pager->books;
  uint64_t from = books->limits[area], limit = from;
  if (from > pager->reach[area])
    return error_set(COPSE_E_CORRUPT, "the books in the writers' file make no sense");
  for (unsigned piece = 0; piece < AREA_PIECES && from < to; piece++) {
    uint64_t start = piece_start(area, piece), end = start + piece_count(area, piece);
    if (from >= end)
      continue;
    if (start >= limit) {
      uint64_t at = pieces_end(books, area, piece);
      if (at < BOOKS_PIECES || at > pager->writers_region->reserved)
        return error_set(COPSE_E_ADDRESS_SPACE,
                         "the books outgrow the address space that this process reserved for them");
      books->pieces[area][piece] = at;
      pager->pieces[area][piece] = pager->writers + at;
      POINT(area_placed);
    }
    uint64_t stop = to < end ? to : end;
    int result = piece_fill(pager, area, piece, from - start, stop - start);
    if (result)
      return result;
    from = stop;
  }
  pager->reach[area] = to > pager->reach[area] ? to : pager->reach[area];
  books_order();
  return 0;
}

/* What another process has added is looked at before it is touched. */
static int area_check(struct pager *pager, enum area area) {
  const struct books *books = pager->books;
  uint64_t limit = books->limits[area], reach;
  if (limit > piece_start(area, AREA_PIECES - 1))
    return error_set(COPSE_E_CORRUPT, "the books in the writers' file make no sense");
  for (unsigned i = 0; i < pieces_for(area, limit); i++) {
    uint64_t at = books->pieces[area][i], end = limit - piece_start(area, i);
    end = storage_end(area, i, end < piece_count(area, i) ? end : piece_count(area, i));
    if (at < BOOKS_PIECES || at % FORMAT_BLOCK || at > UINT64_MAX / 2)
      return error_set(COPSE_E_CORRUPT, "the books in the writers' file lie at %llx",
                       (unsigned long long)at);
    if (at + end > pager->writers_region->reserved)
      return error_set(COPSE_E_ADDRESS_SPACE,
                       "the books have grown beyond the address space that this process reserved");
    int result = region_reach(pager->writers_region, at + end, &reach);
    if (result == 0 && reach < at + end)
      result = error_set(COPSE_E_CORRUPT, "the books speak of %llu bytes of %s, which has %llu",
                         (unsigned long long)(at + end), pager->writers_region->path,
                         (unsigned long long)reach);
    if (result)
      return result;
    pager->pieces[area][i] = pager->writers + at;
    if (pager->stored < at + end)
      pager->stored = at + end;
  }
  pager->limits_known[area] = limit;
  return 0;
}

int areas_check(struct pager *pager) {
  for (enum area area = 0; area < AREAS; area++) {
    int result =
        pager->books->limits[area] == pager->limits_known[area] ? 0 : area_check(pager, area);
    if (result)
      return result;
    pager->reach[area] = pager->limits_known[area];
  }
  return 0;
}

/* --- rings --------------------------------------------------------------------------- */

uint64_t pager_rings(const struct pager *pager) { return pager->limits_known[AREA_RINGS]; }

void *pager_ring(const struct pager *pager, uint64_t index) {
  struct place place = area_place(pager, AREA_RINGS, AREA_RINGS_SHIFT, index);
  return place.piece + place.index * RING_BYTES;
}

int pager_ring_make(struct pager *pager) {
  uint64_t index = pager_rings(pager);
  if (index >= RINGS_MAX)
    return error_set(COPSE_E_TOO_MANY, "%u processes have room for batches already", RINGS_MAX);
  int result = area_grow(pager, AREA_RINGS, index + 1);
  if (result)
    return result;
  memset(pager_ring(pager, index), 0, RING_BYTES);
  books_order();
  pager->limits_known[AREA_RINGS] = pager->books->ring_limit = index + 1;
  return 0;
}

int pager_log(struct pager *pager, const uint64_t *word) {
  int result = books_undo_room(pager, 1);
  if (result == 0)
    books_log(pager, word);
  return result;
}
