/* page/pager.h - allocation and reclamation of pages, for the holder of the writer lock.
 *
 * The books (page/format.h) are changed in place, each word's old value first written to
 * the undo log (but for places that hold nothing in the state that undoing leads to), which
 * counts only while its version is unpublished: publishing a version commits the books with it,
 * and whoever finds an unpublished log (a death, an abort, a savepoint) puts the old values
 * back. Nothing else needs repair after a death.
 *
 *   begin -> alloc/free ... -> queue (freed pages join the pending queue) -> publish
 *         \-> rollback
 *
 * A page freed by version d and born in b may be reused when no announced version lies in
 * [b, d), and nobody has leased it. Both are arguments here: no reader is known to this layer. */
#ifndef PAGE_PAGER_H
#define PAGE_PAGER_H

#include "page/leased.h"
#include "page/page.h"
#include "region/region.h"

/* A version that somebody uses, as reclamation needs it. */
struct pager_pin {
  uint64_t version;
  int open_ended; /* 1: everything from version on */
};

struct freed_page {
  uint64_t ref;
  uint64_t birth;
};

struct ref_list {
  struct freed_page *items;
  size_t count, capacity;
};

struct pager {
  struct page_view view; /* reading through the writable mapping */
  uint8_t *data;         /* the data file, writable */
  struct region *data_region;
  uint8_t *writers; /* the writers' file, writable */
  struct region *writers_region;
  struct books *books;
  uint8_t *pieces[AREAS][AREA_PIECES]; /* where the books' areas lie, as far as limits_known */
  uint64_t limits_known[AREAS];
  uint64_t reach[AREAS]; /* elements that may be touched: what the books say is not trusted */
  uint64_t stored;       /* where the storage of the pieces that it knows ends */
  uint64_t stray[FORMAT_BLOCK / 8]; /* what stands in for an element beyond reach */
  uint64_t segments;     /* bound: max_bytes / 256 KiB, or what the address space allows */
  uint64_t max_segments; /* max_bytes / 256 KiB */
  uint64_t prefault_bytes;
  uint64_t released; /* the newest version that freed a page which is free again by our doing */
  /* Asked to reclaim pages when nothing free is left but growing. Errors end the allocation. */
  int (*reclaim)(void *context, int urgent); /* urgent: without it the allocation fails */
  /* Asked before the file grows: 0, or an error that refuses it. */
  int (*may_grow)(void *context);
  void *context; /* of both; both may be NULL */

  /* this transaction */
  uint64_t version;     /* that it would commit */
  uint32_t epoch;       /* rises with each savepoint */
  uint64_t taken_units; /* of the pages that it took */
  int failure;          /* what went wrong in a drop: the commit fails with it */
  uint64_t deferred;    /* entries at the end of the pending queue that it put there by itself */
  int impatient;        /* 1: what is held up in the pending queue is parked at once */
  uint64_t
      *sparse; /* segments to be emptied, a bit each: pages are taken from others. NULL: none */
  uint64_t sparse_count;             /* of how many it tells */
  uint64_t dense_hint[PAGE_CLASSES]; /* with it: where to look for free pages of a class */
  int tight;                         /* 1: the file could not grow when it was last asked to */
  uint64_t leases_looked;  /* one more than struct leased's `ended` when all that they keep was last
                             begun to be looked at again; 0: not known */
  int poison;              /* tests: pages are filled with a pattern as soon as they are reusable */
  uint64_t logged;         /* book words already in the undo log since the last savepoint */
  uint64_t tail, tail_pos; /* of the pending queue, to which undoing everything leads */
  int hot_lowered;         /* 1: a hot stack may be lower than undoing everything makes it */
  struct ref_list freed;   /* pages of older versions, or of this one before a savepoint */
  struct ref_list loose[PAGE_CLASSES]; /* its own pages that it dropped: free for itself */
  uint64_t loose_classes;              /* a bit for each class that has had some */
};

/* Where a savepoint stands. */
struct pager_mark {
  uint64_t undo_count;
  size_t freed_count;
  uint64_t deferred;
};

/* Binds a pager to mapped files. */
void pager_init(struct pager *pager, struct region *data, struct region *writers,
                uint64_t max_segments);
/* In a forked child: forgets what another thread of the parent may have been about. */
void pager_adopt(struct pager *pager);
void pager_free(struct pager *pager);

/* Starts books for a data file whose storage is segment_limit segments, all free but the
 * file's first blocks. Errors: NO_SPACE. */
int pager_books_create(struct pager *pager, uint64_t segment_limit);
/* Rebuilding after the books were lost: mark each reachable page (COPSE_E_CORRUPT when it overlaps
 * another), then finish. */
int pager_books_mark(struct pager *pager, uint64_t ref);
void pager_books_finish(struct pager *pager);

/* Whether this process has mapped all that the books speak of: to be asked before pager_begin().
 * Errors: ADDRESS_SPACE, CORRUPT. */
int pager_check(struct pager *pager);
/* Begins the transaction that would commit version, undoing first what a dead one left. */
void pager_begin(struct pager *pager, uint64_t version, uint64_t published);
/* Undoes all changes of the books since begin, and forgets freed and loose pages. */
void pager_rollback(struct pager *pager);
/* Makes what was reclaimed since begin last, whatever becomes of the transaction. Only while nothing
 * was taken or given up. */
void pager_settle(struct pager *pager);
void pager_savepoint(struct pager *pager, struct pager_mark *mark);
void pager_rollback_to(struct pager *pager, const struct pager_mark *mark);
/* Moves freed and loose pages to the pending queue; the last step before publishing.
 * Errors: NO_SPACE. */
int pager_queue(struct pager *pager);

/* A page of at least size bytes (at most PAGE_NODE_MAX), its head filled but for kind and
 * level. inner: for an inner node or a map table, which lie apart. *actual receives its real size. Errors: NO_SPACE, LIMIT, PINNED, CORRUPT, MEMORY. */
int pager_alloc(struct pager *pager, uint32_t size, int inner, uint64_t *ref, void **page,
                uint32_t *actual);
/* An extent for a value of size bytes, its head filled. */
int pager_alloc_extent(struct pager *pager, uint64_t size, uint64_t *ref,
                       struct extent_head **extent);
/* Brings the page of this class that would be taken next towards the cache, for writing. */
void pager_expect(const struct pager *pager, unsigned class);
/* Gives a page up. What goes wrong here (no memory, a damaged reference) is kept and fails the commit. */
void pager_drop(struct pager *pager, uint64_t ref);
/* Gives a whole subtree up: it is taken apart by later transactions, a bounded part in each. */
void pager_drop_subtree(struct pager *pager, uint64_t ref);

/* 1 if this transaction may change the page in place. */
static inline int pager_is_dirty(const struct pager *pager, const struct page_head *head) {
  return head->birth == pager->version && head->epoch == pager->epoch;
}
static inline void *pager_page(const struct pager *pager, uint64_t ref) {
  return pager->data + page_ref_offset(ref);
}

/* --- reserved pages: taken by one transaction, filled by their owner without the lock, and linked
 * into a version by another. owner and number are the caller's. */
int pager_reserve(struct pager *pager, uint64_t owner, uint64_t number, uint64_t ref);
int pager_has_reserved(const struct pager *pager);
/* Asks about each of them: to be left, to be made free again, or only to be taken off the list. */
enum pager_sift { PAGER_LEAVE, PAGER_RELEASE, PAGER_TAKE };
int pager_reserved_sift(struct pager *pager,
                        enum pager_sift (*ask)(void *context, uint64_t owner, uint64_t number,
                                               uint64_t ref),
                        void *context);

/* What a page refers to, for taking subtrees apart: calls visit for each child page or extent, with
 * subtree 1 if it has children of its own. Provided by the layers above. */
typedef int pager_children(struct page_view *view, uint64_t ref,
                           int (*visit)(void *context, uint64_t ref, int subtree), void *context);

/* Moves freed pages that no pin and no lease holds back to the free ones, looking at no more than about
 * `budget` of them. pins are sorted by version; leased NULL: nothing is. Errors: NO_SPACE (for lists), CORRUPT, MEMORY. */
int pager_reclaim(struct pager *pager, const struct pager_pin *pins, size_t count,
                  const struct leased *leased, pager_children *children, size_t budget);
/* What would come back of the parked pages if only the pins in `firm`, some of `pins`, and the leases were
 * left: how many bytes, and the oldest version that keeps any of them. COPSE_NONE: nothing. */
int pager_yield(struct pager *pager, const struct pager_pin *pins, size_t count,
                const struct pager_pin *firm, size_t firm_count, const struct leased *leased,
                uint64_t *bytes, uint64_t *oldest);
/* Whether a place in the file is to be emptied. */
static inline int pager_is_sparse(const struct pager *pager, uint64_t offset) {
  uint64_t segment = offset / FORMAT_SEGMENT;
  return segment < pager->sparse_count && pager->sparse[segment / 64] >> segment % 64 & 1;
}
/* Marks the segments, of the first `count`, of which half or more is free, where emptying them would gain
 * some; returns how many. */
uint64_t pager_sparse_find(const struct pager *pager, uint64_t *sparse, uint64_t count);
/* Gives the storage of wholly free segments back, of at most `budget` of them, from *segment on, which is
 * moved on. COPSE_NONE: that was the last, or the file system cannot. Nothing may have been changed
 * since the last commit. Errors: IO, DESCRIPTOR, PERMISSION. */
int pager_punch(struct pager *pager, uint64_t *segment, unsigned budget);
/* Gives the free pages on hot stacks back to their segments, some of which become free. Errors: CORRUPT. */
int pager_drain(struct pager *pager);
/* How many freed pages wait in the pending queue, and whether any are parked (for versions, not for
 * leases) or condemned. */
uint64_t pager_pending(const struct pager *pager);
int pager_has_parked(const struct pager *pager);
int pager_has_condemned(const struct pager *pager);
/* Bytes that wait for older versions: parked ones, and together with the pending queue. */
uint64_t pager_parked_bytes(const struct pager *pager);
uint64_t pager_pending_bytes(const struct pager *pager);
uint64_t pager_waiting_bytes(const struct pager *pager);
/* Bytes kept from reuse whose oldest holder is this version. */
uint64_t pager_held_bytes(const struct books *books, uint64_t version);
/* Bytes that only leases keep from reuse. */
uint64_t pager_leased_bytes(const struct books *books);

/* Calls visit for every page that the books list as not in use, with its size: the page itself
 * may have been written over. Kinds: free, pending (freed and waiting, ref may carry
 * LISTED_SUBTREE), or reserved. For the checker. */
enum pager_listed_kind { PAGER_FREE, PAGER_PENDING, PAGER_RESERVED };
int pager_each_listed(struct pager *pager,
                      int (*visit)(void *context, enum pager_listed_kind kind, uint64_t ref,
                                   uint64_t units),
                      void *context);
/* Compares what the books count with what is there; report for each count that is wrong. used_units: of
 * all pages that are not free. Errors: CORRUPT. */
typedef void pager_miscount(void *context, const char *what, uint64_t books, uint64_t found);
int pager_count(struct pager *pager, uint64_t used_units, pager_miscount *report, void *context);
/* 1 when the books have the page's place as in use: its segment is of its class, its blocks are taken. */
int pager_is_booked(const struct pager *pager, uint64_t ref);
/* Calls visit for every page-sized place of the used segments: for small pages each slot
 * (size of the class), for run segments each block in use. */
int pager_each_place(struct pager *pager,
                     int (*visit)(void *context, uint64_t offset, uint32_t size), void *context);

/* Rings of batches: how many there are, as far as pager_check() or pager_ring_make() saw; one of them;
 * one more, all zero. Errors: NO_SPACE, ADDRESS_SPACE, TOO_MANY. */
uint64_t pager_rings(const struct pager *pager);
void *pager_ring(const struct pager *pager, uint64_t index);
int pager_ring_make(struct pager *pager);
/* Notes a word of a ring before it is changed: the transaction's end decides over it. Errors: LIMIT, NO_SPACE. */
int pager_log(struct pager *pager, const uint64_t *word);

#endif
