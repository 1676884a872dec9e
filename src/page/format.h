/* page/format.h - pages, references to them, and the allocator's books in the writers' file.
 *
 * Every page begins with struct page_head. A page is immutable once the version that wrote
 * it is committed. Pages come in size classes carved out of segments of 256 KiB that belong
 * to one class while occupied, or as runs of 4 KiB blocks when larger than 8 KiB.
 *
 * A reference is a u64: bits 0-47 the page's offset in the data file in units of 128 bytes
 * (0: none), bits 48-53 its size class (PAGE_RUN: a run, whose size stands in its head). Inner
 * nodes and map tables have classes of their own up to 2 KiB, so that the pages of every
 * lookup's first steps lie close together and share entries of the TLB.
 *
 * Books (all words u64, written only under the writer lock, each change through the undo
 * log; offsets in the writers' file):
 *      24576                struct books
 *      64 KiB   40 x 256 x 8  hot stacks: free pages ready for use, by class
 *       1 MiB   ...         pieces of the areas that grow, in the order of their making
 *
 * An area is an array in pieces, the first of 2^shift elements, each other one of twice as many as
 * the one before; where they lie stands in books->pieces. So a small store has small files.
 *   segments  per segment a word of the block map (one bit per 4 KiB block, 1: in use; all ones: a
 *             segment of small pages) and a struct segment; in a piece, the words come first
 *   chunks    struct chunk: pages of lists (pending, parked, condemned)
 *   undo      struct undo_entry: the undo log
 *   rings     struct ring (sync/format.h): batches that processes left to be applied
 */
#ifndef PAGE_FORMAT_H
#define PAGE_FORMAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "region/format.h"

enum page_kind {
  PAGE_LEAF = 1,
  PAGE_INNER = 2,
  PAGE_TABLE = 3,
  PAGE_EXTENT = 4,
  PAGE_SHORT = 5,
  PAGE_ARENA = 6,
  PAGE_SLOTS = 7
};

struct page_head {
  uint64_t birth; /* version that wrote it */
  uint32_t
      epoch;    /* which of its savepoints wrote it, while its transaction lasts; afterwards a place
                     for the checksum: store/checksum.c */
  uint8_t kind; /* enum page_kind */
  uint8_t level;  /* height above the leaves of its tree or table */
  uint16_t units; /* size in units of 128 bytes; 0: see struct extent_head */
};
_Static_assert(sizeof(struct page_head) == 16, "page head");

/* A value of its own: bytes follow the head, aligned to 64. */
struct extent_head {
  struct page_head head;
  uint64_t blocks;     /* size in 4 KiB blocks when it is a run, else 0 */
  uint64_t value_size; /* bytes */
  uint64_t zero[4];
};
_Static_assert(sizeof(struct extent_head) == 64, "values of extents are aligned to 64");

#define PAGE_CLASSES 40u     /* 24 for all pages, 16 for inner nodes of up to 2 KiB */
#define PAGE_CLASS_INNER 24u /* the first of those */
#define PAGE_POISON 0xdb     /* what free pages are filled with where COPSE_POISON asks for it */
#define PAGE_RUN 63u
#define PAGE_UNIT_MASK ((UINT64_C(1) << 48) - 1)
#define PAGE_NODE_MAX 16384u /* bytes in the largest node */
#define PAGE_SMALL_MAX 8192u /* bytes in the largest size class */

#define BLOCKS_PER_SEGMENT (FORMAT_SEGMENT / FORMAT_BLOCK)
_Static_assert(BLOCKS_PER_SEGMENT == 64, "a segment's blocks are one word");

#define HOT_DEPTH 256u
#define BUCKETS 64u

/* The words of a queue of listed pages: a list of chunks, filled at its tail. */
enum queue_word {
  QUEUE_TAIL_CHUNK, /* index + 1 */
  QUEUE_TAIL_POS,   /* entries in it */
  QUEUE_HEAD_CHUNK,
  QUEUE_HEAD_POS, /* entries already taken from it */
  QUEUE_COUNT,
  QUEUE_WORDS,
};

/* Words that change in most transactions: logged once per transaction and savepoint. */
enum book_word {
  BOOK_HOT_TOP = 0,            /* 40 words: how many pages each hot stack holds */
  BOOK_PENDING = PAGE_CLASSES, /* a queue */
  BOOK_PENDING_COUNT = BOOK_PENDING + QUEUE_COUNT,
  BOOK_PENDING_UNITS,
  BOOK_PARKED_UNITS,
  BOOK_USED_UNITS,    /* units of all pages not free: live, pending or parked */
  BOOK_CHUNK_FREE,    /* head of the list of free chunks, index + 1 */
  BOOK_CHUNK_USED,    /* chunks ever used */
  BOOK_SEGMENT_USED,  /* segments ever used: the high-water mark */
  BOOK_FREE_SEGMENTS, /* of those, how many are wholly free */
  BOOK_SEGMENT_HINT,  /* no wholly free segment below */
  BOOK_RUN_HINT,      /* no free block below this segment */
  BOOK_FREE_BLOCKS,   /* free blocks in segments used for runs */
  BOOK_CONDEMNED_CHUNK,
  BOOK_CONDEMNED_POS,
  BOOK_CROWD, /* a queue: pages that are held, and have no bucket */
  BOOK_RESERVED_CHUNK = BOOK_CROWD + QUEUE_WORDS, /* a stack: pages that processes fill */
  BOOK_RESERVED_POS,
  BOOK_WORDS = 64,
};

enum area { AREA_SEGMENTS, AREA_CHUNKS, AREA_UNDO, AREA_RINGS, AREAS };
#define AREA_SEGMENTS_SHIFT 9u /* 140 KiB: for 128 MiB of data */
#define AREA_CHUNKS_SHIFT 4u   /* 64 KiB */
#define AREA_UNDO_SHIFT 12u    /* 64 KiB */
#define AREA_RINGS_SHIFT 0u
#define AREA_PIECES 32u

/* A ring of batches; what is in it is sync/format.h. */
#define RING_BYTES 299008u
#define RINGS_MAX 16384u

/* Freed pages that one old version keeps from reuse. */
struct bucket {
  uint64_t tag;   /* that version, or a tag below; meaningful while top is not 0 */
  uint64_t top;   /* chunk index + 1 of a list of chunks, 0: empty */
  uint64_t pos;   /* entries in the top chunk */
  uint64_t units; /* of all pages in it */
};

/* Pages that leases keep have a bucket as well, and when some lease has ended, a second one for those
 * that are to be looked at again. */
#define BUCKET_LEASED UINT64_MAX
#define BUCKET_LOOKED (UINT64_MAX - 1)

struct books {
  uint64_t undo_version;    /*   0 version that the log's transaction would commit */
  uint64_t undo_count;      /*   8 entries to undo when undo_version was never published */
  union {                   /* how many have storage; they only rise, and are not undone */
    uint64_t limits[AREAS]; /* 16 enum area */
    struct {
      uint64_t segment_limit, chunk_limit, undo_limit, ring_limit;
    };
  };
  uint64_t zero[2];
  uint64_t words[BOOK_WORDS]; /* 64 enum book_word */
  uint64_t partial[64];       /* per class: a segment + 1 that has free pages, 0: none */
  struct bucket buckets[BUCKETS];
  uint64_t pieces[AREAS][AREA_PIECES]; /* 3136 offsets in this file; not undone */
};
_Static_assert(offsetof(struct books, words) == 64, "offset");
_Static_assert(offsetof(struct books, pieces) == 3136, "offset");
_Static_assert(BOOK_RESERVED_POS < BOOK_WORDS, "a bit for each word");

struct undo_entry {
  uint64_t offset; /* of the word in the writers' file */
  uint64_t old;
};

/* A segment of small pages: which of its slots are free and not on the hot stack. */
#define SEGMENT_HOLE                                                                               \
  UINT64_MAX /* `links` of a wholly free segment that has no storage, as far as is known */
struct segment {
  uint64_t
      info; /* class + 1 in bits 0-7 (0: not a segment of small pages), free slots above bit 32 */
  uint64_t
      links; /* list of the class's segments with free slots: next + 1 low, previous + 1 high half */
  uint64_t free[32];
};
_Static_assert(sizeof(struct segment) == 272, "segment");

/* A page in some list of the books. */
struct listed {
  uint64_t ref;   /* bit 63: a whole subtree, to be taken apart (its pages' births stand in them) */
  uint64_t birth; /* of reserved pages: who fills them */
  uint64_t freed; /* versions from this one on do not hold it. Of reserved pages: the number of the
                     reservation */
  uint64_t units; /* its size. Not to be asked of the page again: a transaction that was undone
                     may have taken the page and written over it */
};
#define LISTED_SUBTREE (UINT64_C(1) << 63)

#define CHUNK_ENTRIES 127u
struct chunk {
  uint64_t next; /* chunk index + 1 */
  uint64_t zero[3];
  struct listed entries[CHUNK_ENTRIES];
};
_Static_assert(sizeof(struct chunk) == 4096, "chunk");

#define BOOKS_AT 24576u
#define BOOKS_HOT (64u * 1024)
#define BOOKS_PIECES (1024u * 1024)
#define UNDO_ENTRIES_MAX (UINT64_C(1) << 26)
_Static_assert(BOOKS_AT + sizeof(struct books) <= BOOKS_HOT, "books fit");
_Static_assert(BOOKS_HOT + PAGE_CLASSES * HOT_DEPTH * 8 <= BOOKS_PIECES, "hot stacks fit");

/* How long the writers' file of so many segments is at first, at most. */
static inline uint64_t books_bytes_least(uint64_t segments) {
  return BOOKS_PIECES + (2 * segments + 1024) * (sizeof(struct segment) + 8) + (1u << 20);
}
/* Address space that it wants: lists for every 512 bytes of data, and room for the undo log. */
static inline uint64_t books_bytes(uint64_t segments) {
  return books_bytes_least(segments) + segments * (FORMAT_SEGMENT / 16) +
         2 * UNDO_ENTRIES_MAX * sizeof(struct undo_entry) + (uint64_t)RINGS_MAX * 2 * RING_BYTES;
}

#endif
