/* page/holes.c - free segments without storage.
 *
 * Owns: a segment that is in use, or may be taken without asking, has storage. A wholly free one may
 * have none: then its `links`, of no other use while it is free, say HOLE. They are written without
 * the undo log, in this order:
 *   giving back   says HOLE, then the storage goes
 *   taking        storage is reserved (no space is an error code here), then HOLE goes
 * A death in between leaves a segment that has storage and is said to have none, which does no harm: reserving
 * is asked for once more. So does an undo: no entry of the log has HOLE in it, since words are
 * changed through the log only after it went. After a power cut, or where somebody copied the file, nothing
 * is known of free segments: they all say HOLE. */
#include "page/books.h"

#define PUNCH_MOST 64u /* segments in one system call */

int segment_store(struct pager *pager, uint64_t segment) {
  struct segment *s = books_segment(pager, segment);
  if (s->links != SEGMENT_HOLE)
    return 0;
  int result = region_allocate(pager->data_region, segment * FORMAT_SEGMENT, FORMAT_SEGMENT);
  POINT(hole_stored);
  if (result == 0)
    s->links = 0;
  return result;
}

int segment_is_free(const struct pager *pager, uint64_t segment) {
  return *books_blocks(pager, segment) == 0 && books_segment(pager, segment)->info == 0;
}

/* What the sparse segments of a class hold, or of runs, and what they would gain. */
struct fill {
  uint64_t sparse, used, room; /* segments; places in use in them; free ones in the others */
};

static uint64_t segment_places(const struct pager *pager, uint64_t segment, unsigned *class,
                               uint64_t *used) {
  const struct segment *s = books_segment(pager, segment);
  *class = s->info ? SEGMENT_CLASS(s->info) - 1 : PAGE_CLASSES;
  if (s->info == 0)
    *used = (unsigned)__builtin_popcountll(*books_blocks(pager, segment));
  if (s->info == 0 || *class >= PAGE_CLASSES)
    return BLOCKS_PER_SEGMENT;
  *used = class_slots(*class) - SEGMENT_FREE(s->info);
  return class_slots(*class);
}

uint64_t pager_sparse_find(const struct pager *pager, uint64_t *sparse, uint64_t count) {
  struct fill fills[PAGE_CLASSES + 1] = {{0}};
  uint64_t places[PAGE_CLASSES + 1] = {0}, end = books_segments_used(pager), found = 0, used = 0;
  unsigned class;
  end = end < count ? end : count;
  for (uint64_t i = 1; i < end; i++) {
    uint64_t all = segment_places(pager, i, &class, &used);
    if (class > PAGE_CLASSES || used == 0)
      continue;
    places[class] = all;
    if (used * 2 > all) {
      fills[class].room += class < PAGE_CLASSES ? all - used : 0; /* runs may not fit */
      continue;
    }
    fills[class].sparse++;
    fills[class].used += used;
    sparse[i / 64] |= UINT64_C(1) << i % 64;
  }
  for (uint64_t i = 1; i < end; i++) {
    if (!(sparse[i / 64] >> i % 64 & 1))
      continue;
    (void)segment_places(pager, i, &class, &used);
    const struct fill *fill = &fills[class];
    uint64_t more = fill->used > fill->room ? fill->used - fill->room : 0;
    if ((more + places[class] - 1) / places[class] + 1 >= fill->sparse)
      sparse[i / 64] &= ~(UINT64_C(1) << i % 64);
    else
      found++;
  }
  return found;
}

int pager_punch(struct pager *pager, uint64_t *segment, unsigned budget) {
  uint64_t limit = pager->view.limit / FORMAT_SEGMENT, at = *segment;
  for (unsigned looked = 0; at < limit && budget && looked < 4096; looked++) {
    uint64_t first = at;
    while (at < limit && budget && at - first < PUNCH_MOST && segment_is_free(pager, at)) {
      books_segment(pager, at++)->links = SEGMENT_HOLE;
      budget--;
    }
    books_order();
    POINT(hole_said);
    int result = at == first ? 0
                             : region_punch(pager->data_region, first * FORMAT_SEGMENT,
                                            (at - first) * FORMAT_SEGMENT);
    if (result)
      return result;
    at += at == first;
  }
  *segment = at;
  return at < limit ? 0 : COPSE_NONE;
}
