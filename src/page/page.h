/* page/page.h - references, size classes, and reading pages of a view.
 *
 * Whatever is read here is untrusted: a reference that points outside of the view, or a page
 * whose head does not fit it, gives NULL, and the caller reports COPSE_E_CORRUPT. */
#ifndef PAGE_PAGE_H
#define PAGE_PAGE_H

#include "base/error.h"
#include "page/format.h"

/* Units of 128 bytes in each size class; 0: no such class. */
extern const uint8_t page_class_units[64];
/* The smallest class that holds 1 to 64 units. */
extern const uint8_t page_units_class[65];

static inline uint64_t page_ref_offset(uint64_t ref) {
  return (ref & PAGE_UNIT_MASK) * FORMAT_UNIT;
}
static inline unsigned page_ref_class(uint64_t ref) { return (unsigned)(ref >> 48) & 63; }
static inline uint64_t page_ref_make(uint64_t offset, unsigned class) {
  return offset / FORMAT_UNIT | (uint64_t) class << 48;
}

/* What is needed to read a version: where the data file is mapped, how far references may
 * point, and, for snapshots that may lose their pages, how to copy them out. */
struct page_view {
  const uint8_t *base;
  uint64_t limit; /* bytes */
  /* NULL, or: copies the page's bytes to memory of the view's own for this level and makes sure
   * that the page was still protected afterwards. Of size 0: only that. For page_locate() there is a level of its
   * own. Errors:
   * OUSTED, OVERRUN, COORDINATION, MEMORY. */
  int (*copy)(struct page_view *view, const void *page, uint64_t size, unsigned level,
              const void **copied);
};

#define PAGE_COPY_HEAD UINT32_MAX

/* The page's memory and its size in bytes, or NULL when the reference is not valid. */
static inline const void *page_locate(const struct page_view *view, uint64_t ref, uint64_t *size) {
  uint64_t offset = page_ref_offset(ref), units = page_class_units[page_ref_class(ref)];
  if (__builtin_expect(page_ref_class(ref) == PAGE_RUN, 0)) {
    if (offset < FORMAT_FIRST_PAGE || offset + FORMAT_BLOCK > view->limit || offset % FORMAT_BLOCK)
      return NULL;
    const void *extent_at = view->base + offset;
    if (view->copy && view->copy((struct page_view *)(uintptr_t)view, extent_at,
                                 sizeof(struct extent_head), PAGE_COPY_HEAD, &extent_at))
      return NULL;
    const struct extent_head *extent = extent_at;
    units = extent->head.units;
    if (extent->head.kind == PAGE_EXTENT) {
      if (extent->blocks > view->limit / FORMAT_BLOCK)
        return NULL;
      units = extent->blocks * (FORMAT_BLOCK / FORMAT_UNIT);
    }
  }
  *size = units * FORMAT_UNIT;
  if (__builtin_expect(
          offset < FORMAT_FIRST_PAGE || units == 0 || offset + *size > view->limit || ref >> 54, 0))
    return NULL;
  return view->base + offset;
}

/* Why a page that makes no sense is no fault: the view has lost its pages, and this one is in use
 * anew. 0: it has not. */
static inline int page_lost(struct page_view *view) {
  const void *copied;
  return view->copy ? view->copy(view, view->base, 0, 0, &copied) : 0;
}

/* Brings the beginning of a page towards the cache. A constant number of lines: reaching beyond a
 * small page costs less than asking for its size. */
#define PREFETCH_LINES 12
static inline void page_prefetch(const struct page_view *view, uint64_t ref) {
  const uint8_t *at = view->base + page_ref_offset(ref);
#pragma GCC unroll 16
  for (int i = 0; i < PREFETCH_LINES; i++)
    __builtin_prefetch(at + 64 * i);
}
/* The whole page, for walks. */
static inline void page_prefetch_whole(const struct page_view *view, uint64_t ref) {
  const uint8_t *at = view->base + page_ref_offset(ref);
  unsigned units = page_class_units[page_ref_class(ref)];
  for (const uint8_t *end = at + units * FORMAT_UNIT; at < end; at += FORMAT_UNIT) {
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
    __asm__ volatile("" : "+r"(at)); /* gcc removes a loop that only prefetches */
  }
}

#endif
