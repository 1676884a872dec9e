/* page/reclaim.c - when a freed page may be reused.
 *
 * Owns: a page freed by d and born in b is released only when no pin lies in [b, d), and no lease
 * names it.
 *
 * Happy path: the pending queue is first in, first out; its entries are released in order onto
 * the hot stacks. An entry that a pin holds stops the queue while the queue is short (the
 * pin is most likely about to go); when it is long, the entry is parked in the bucket of the
 * oldest version that holds it, and looked at again when that version is gone: at most one
 * move for each version that ever held it.
 *
 * There are more held versions than buckets at times. Then the bucket of another version that
 * holds the page will do, and where none has one, the entry joins the crowd, a queue that goes
 * round: each reclaiming looks at some of its entries.
 *
 * A page that no version holds but a lease does waits in a bucket of its own, however long the
 * lease lasts: it is only looked at again when some lease has ended. Then the bucket is retagged, and
 * each reclaiming takes some pages out of it, which are free now, or go to a new bucket.
 *
 * A subtree (of a dropped map, of a deleted range) is condemned: each transaction takes a
 * little of it apart, into pages that go to the pending queue, each with its own birth and the
 * version that freed the whole. So a pin holds no more of it than what is as old as the pin. */
#include "page/books.h"

/* Beyond so many entries, or bytes, a held-up queue is parked rather than waited for. */
#define QUEUE_PATIENCE 4096u
#define QUEUE_PATIENCE_UNITS ((4u << 20) / FORMAT_UNIT)

struct reclaim {
  struct pager *pager;
  const struct pager_pin *pins;
  size_t count;
  const struct leased *leased;
  uint64_t open_from; /* everything from this version on is pinned; UINT64_MAX: nothing */
};

static struct reclaim reclaim_make(struct pager *pager, const struct pager_pin *pins, size_t count,
                                   const struct leased *leased) {
  static const struct leased none;
  struct reclaim reclaim = {pager, pins, count, leased ? leased : &none, UINT64_MAX};
  for (size_t i = 0; i < count; i++)
    if (pins[i].open_ended && pins[i].version < reclaim.open_from)
      reclaim.open_from = pins[i].version;
  return reclaim;
}

/* The oldest pin in [birth, freed), or UINT64_MAX. */
static uint64_t holder_find(const struct reclaim *reclaim, uint64_t birth, uint64_t freed) {
  size_t low = 0, high = reclaim->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (reclaim->pins[middle].version < birth)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < reclaim->count && reclaim->pins[low].version < freed)
    return reclaim->pins[low].version;
  return reclaim->open_from < freed ? reclaim->open_from : UINT64_MAX;
}

static int is_pinned(const struct reclaim *reclaim, uint64_t version) {
  return holder_find(reclaim, version, version + 1) == version;
}

static int is_leased(const struct reclaim *reclaim, const struct listed *listed) {
  return leased_has(reclaim->leased, page_ref_offset(listed->ref), listed->units);
}

/* The bucket of a page's oldest holder, an empty one for it, or that of another version which
 * holds the page; NULL when all are taken by others. */
static struct bucket *bucket_find(const struct reclaim *reclaim, uint64_t holder, uint64_t freed) {
  struct bucket *empty = NULL, *shared = NULL;
  for (unsigned i = 0; i < BUCKETS; i++) {
    struct bucket *bucket = &reclaim->pager->books->buckets[i];
    if (bucket->top == 0)
      empty = bucket;
    else if (bucket->tag == holder)
      return bucket;
    else if (bucket->tag > holder && bucket->tag < freed && is_pinned(reclaim, bucket->tag))
      shared = bucket;
  }
  return empty ? empty : shared;
}

static int bucket_park(struct pager *pager, struct bucket *bucket, uint64_t tag,
                       const struct listed *listed) {
  int result = stack_push(pager, &bucket->top, &bucket->pos, listed);
  if (result == 0)
    result = books_undo_room(pager, 4);
  if (result)
    return result;
  if (bucket->tag != tag)
    books_set(pager, &bucket->tag, tag);
  books_set(pager, &bucket->units, bucket->units + listed->units);
  books_add_word(pager, BOOK_PARKED_UNITS, listed->units);
  return 0;
}

static int crowd_join(struct pager *pager, const struct listed *listed) {
  int result = books_undo_room(pager, 16);
  if (result == 0)
    result = queue_append(pager, BOOK_CROWD, listed);
  if (result)
    return result;
  books_add_word(pager, BOOK_CROWD + QUEUE_COUNT, 1);
  books_add_word(pager, BOOK_PARKED_UNITS, listed->units);
  return 0;
}

/* Sends an entry on its way: released or parked. COPSE_NONE: it has to stay. */
static int entry_settle(const struct reclaim *reclaim, const struct listed *listed, int patient) {
  struct pager *pager = reclaim->pager;
  uint64_t holder = holder_find(reclaim, listed->birth, listed->freed);
  if (holder == UINT64_MAX) {
    if (!is_leased(reclaim, listed)) {
      if (listed->freed > pager->released)
        pager->released = listed->freed;
      return release_page(pager, listed->ref, listed->units);
    }
    holder = BUCKET_LEASED;
  } else if (patient || holder == reclaim->open_from) {
    return COPSE_NONE;
  }
  struct bucket *bucket = bucket_find(reclaim, holder, listed->freed);
  if (!bucket)
    return crowd_join(pager, listed);
  return bucket_park(pager, bucket, bucket->top ? bucket->tag : holder, listed);
}

static struct bucket *bucket_tagged(const struct pager *pager, uint64_t tag) {
  for (unsigned i = 0; i < BUCKETS; i++) {
    struct bucket *bucket = &pager->books->buckets[i];
    if (bucket->top && bucket->tag == tag)
      return bucket;
  }
  return NULL;
}

static int queue_head(const struct pager *pager, unsigned queue, struct listed *listed) {
  uint64_t head = books_word(pager, queue + QUEUE_HEAD_CHUNK);
  uint64_t pos = books_word(pager, queue + QUEUE_HEAD_POS);
  if (chunk_check(pager, head) || pos >= CHUNK_ENTRIES)
    return error_set(COPSE_E_CORRUPT, "a queue of freed pages is damaged");
  *listed = books_chunk(pager, head - 1)->entries[pos];
  return 0;
}

/* Moves the head of a queue on by one entry. */
static int queue_advance(struct pager *pager, unsigned queue) {
  uint64_t head = books_word(pager, queue + QUEUE_HEAD_CHUNK);
  uint64_t pos = books_word(pager, queue + QUEUE_HEAD_POS) + 1;
  int result = books_undo_room(pager, 16);
  if (result)
    return result;
  books_add_word(pager, queue + QUEUE_COUNT, (uint64_t)-1);
  if (pos < CHUNK_ENTRIES) {
    books_set_word(pager, queue + QUEUE_HEAD_POS, pos);
    return 0;
  }
  uint64_t next = books_chunk(pager, head - 1)->next;
  books_set_word(pager, queue + QUEUE_HEAD_CHUNK, next);
  books_set_word(pager, queue + QUEUE_HEAD_POS, 0);
  if (next == 0) {
    books_set_word(pager, queue + QUEUE_TAIL_CHUNK, 0);
    books_set_word(pager, queue + QUEUE_TAIL_POS, 0);
  }
  chunk_give(pager, head);
  POINT(reclaim_chunk);
  return 0;
}

static int queue_work(const struct reclaim *reclaim, size_t *budget) {
  struct pager *pager = reclaim->pager;
  /* What this transaction put there stays: see page_defer(). */
  while (*budget && books_word(pager, BOOK_PENDING_COUNT) > pager->deferred) {
    struct listed listed;
    int patient = !pager->impatient && books_word(pager, BOOK_PENDING_COUNT) < QUEUE_PATIENCE &&
                  books_word(pager, BOOK_PENDING_UNITS) < QUEUE_PATIENCE_UNITS;
    int result = queue_head(pager, BOOK_PENDING, &listed);
    if (result == 0)
      result = entry_settle(reclaim, &listed, patient);
    if (result == 0)
      result = queue_advance(pager, BOOK_PENDING);
    if (result)
      return result == COPSE_NONE ? 0 : result;
    books_add_word(pager, BOOK_PENDING_UNITS, 0 - listed.units);
    --*budget;
    POINT(reclaim_entry);
  }
  return 0;
}

/* Sends the entry that a bucket got last on its way. COPSE_NONE: it stays, under this tag: everything is
 * held, for a moment. */
static int bucket_entry(const struct reclaim *reclaim, struct bucket *bucket, uint64_t tag) {
  struct pager *pager = reclaim->pager;
  struct listed listed;
  int result = stack_pop(pager, &bucket->top, &bucket->pos, &listed);
  if (result == 0)
    result = books_undo_room(pager, 8);
  if (result)
    return result;
  books_set(pager, &bucket->units, bucket->units - listed.units);
  books_add_word(pager, BOOK_PARKED_UNITS, 0 - listed.units);
  result = entry_settle(reclaim, &listed, 0);
  if (result != COPSE_NONE)
    return result;
  result = bucket_park(pager, bucket, tag, &listed);
  return result ? result : COPSE_NONE;
}

static int buckets_work(const struct reclaim *reclaim, size_t *budget) {
  for (unsigned i = 0; i < BUCKETS && *budget; i++) {
    struct bucket *bucket = &reclaim->pager->books->buckets[i];
    int result = 0;
    if (bucket->top == 0 || bucket->tag >= BUCKET_LOOKED)
      continue;
    /* Emptied, it may become the bucket of the next version that holds what was in it. */
    while (result == 0 && *budget && bucket->top && !is_pinned(reclaim, bucket->tag)) {
      result = bucket_entry(reclaim, bucket, bucket->tag);
      *budget -= result == 0;
    }
    if (result < 0)
      return result;
  }
  return 0;
}

/* A bucket whose pages are to be looked at again, or NULL. */
static struct bucket *looked_find(const struct reclaim *reclaim) {
  struct pager *pager = reclaim->pager;
  struct bucket *bucket = bucket_tagged(pager, BUCKET_LOOKED);
  if (bucket || pager->leases_looked == reclaim->leased->ended + 1)
    return bucket;
  bucket = bucket_tagged(pager, BUCKET_LEASED);
  if (bucket && books_undo_room(pager, 1))
    return NULL;
  pager->leases_looked = reclaim->leased->ended + 1;
  if (bucket)
    books_set(pager, &bucket->tag, BUCKET_LOOKED);
  return bucket;
}

static int leased_work(const struct reclaim *reclaim, struct bucket *bucket, size_t *budget) {
  int result = 0;
  /* Emptied, it may become the bucket of those that stay. */
  while (result == 0 && bucket && *budget && bucket->top && bucket->tag == BUCKET_LOOKED) {
    result = bucket_entry(reclaim, bucket, BUCKET_LOOKED);
    *budget -= result == 0;
  }
  return result < 0 ? result : 0;
}

/* Once round at most. */
static int crowd_work(const struct reclaim *reclaim, size_t *budget) {
  struct pager *pager = reclaim->pager;
  for (uint64_t left = books_word(pager, BOOK_CROWD + QUEUE_COUNT); left && *budget; left--) {
    struct listed listed;
    int result = queue_head(pager, BOOK_CROWD, &listed);
    if (result == 0)
      result = queue_advance(pager, BOOK_CROWD);
    if (result)
      return result;
    books_add_word(pager, BOOK_PARKED_UNITS, 0 - listed.units);
    result = entry_settle(reclaim, &listed, 0);
    if (result == COPSE_NONE)
      result = crowd_join(pager, &listed);
    if (result)
      return result;
    --*budget;
  }
  return 0;
}

/* A page that is being taken apart. */
struct condemned {
  struct pager *pager;
  uint64_t freed; /* with the whole subtree */
};

static int condemn_child(void *context, uint64_t ref, int subtree) {
  struct condemned *parent = context;
  struct pager *pager = parent->pager;
  struct listed listed = {subtree ? ref | LISTED_SUBTREE : ref, 0, parent->freed,
                          page_units(pager, ref)};
  return stack_push(pager, &pager->books->words[BOOK_CONDEMNED_CHUNK],
                    &pager->books->words[BOOK_CONDEMNED_POS], &listed);
}

/* A page of a subtree that was taken apart, or a value of it, goes to the pending queue, for
 * later transactions: when this one is undone, all of it is condemned again, and what it
 * holds is found by reading it. So nobody may write over it before this one is committed. */
static int page_defer(struct pager *pager, uint64_t ref, uint64_t freed) {
  uint64_t size;
  const struct page_head *head = page_locate(&pager->view, ref, &size);
  if (!head)
    return error_set(COPSE_E_CORRUPT, "a freed subtree names %llx", (unsigned long long)ref);
  struct listed listed = {ref, head->birth, freed, size / FORMAT_UNIT};
  int result = books_undo_room(pager, 16);
  if (result == 0)
    result = queue_append(pager, BOOK_PENDING, &listed);
  if (result)
    return result;
  books_add_word(pager, BOOK_PENDING_COUNT, 1);
  books_add_word(pager, BOOK_PENDING_UNITS, listed.units);
  pager->deferred++;
  return 0;
}

static int condemned_work(struct pager *pager, pager_children *children, size_t *budget) {
  while (*budget) {
    struct listed listed;
    int result = stack_pop(pager, &pager->books->words[BOOK_CONDEMNED_CHUNK],
                           &pager->books->words[BOOK_CONDEMNED_POS], &listed);
    if (result)
      return result == COPSE_NONE ? 0 : result;
    uint64_t ref = listed.ref & ~LISTED_SUBTREE;
    struct condemned parent = {pager, listed.freed};
    if (listed.ref & LISTED_SUBTREE)
      result = children(&pager->view, ref, condemn_child, &parent);
    if (result == 0)
      result = page_defer(pager, ref, listed.freed);
    if (result)
      return result;
    --*budget;
  }
  return 0;
}

int pager_reclaim(struct pager *pager, const struct pager_pin *pins, size_t count,
                  const struct leased *leased, pager_children *children, size_t budget) {
  struct reclaim reclaim = reclaim_make(pager, pins, count, leased);
  uint64_t undo_count = pager->books->undo_count, deferred = pager->deferred;
  /* A part of its own for the crowd, no more: it is never done with. */
  size_t crowd = books_word(pager, BOOK_CROWD + QUEUE_COUNT);
  size_t for_crowd = crowd < budget / 4 ? crowd : budget / 4;
  pager->logged = 0; /* so that what follows can be undone by itself */
  struct bucket *looked = looked_find(&reclaim);
  size_t for_leased = looked ? budget / 4 : 0;
  budget -= for_crowd + for_leased;
  int result = queue_work(&reclaim, &budget);
  if (result == 0)
    result = buckets_work(&reclaim, &budget);
  budget += for_leased;
  if (result == 0)
    result = leased_work(&reclaim, looked, &budget);
  if (result == 0)
    result = condemned_work(pager, children, &budget);
  budget += for_crowd;
  if (result == 0)
    result = crowd_work(&reclaim, &budget);
  if (result) { /* half of a move is in the books, and the transaction may yet be committed */
    books_undo_to(pager, undo_count);
    pager->deferred = deferred;
    pager->leases_looked = 0;
    pager->logged = 0;
  }
  return result;
}

struct yield {
  struct reclaim all, firm;
  uint64_t units, oldest;
};

static int yield_add(void *context, const struct listed *listed) {
  struct yield *yield = context;
  if (holder_find(&yield->firm, listed->birth, listed->freed) != UINT64_MAX ||
      is_leased(&yield->firm, listed))
    return 0;
  uint64_t holder = holder_find(&yield->all, listed->birth, listed->freed);
  yield->units += listed->units;
  if (holder < yield->oldest)
    yield->oldest = holder;
  return 0;
}

int pager_yield(struct pager *pager, const struct pager_pin *pins, size_t count,
                const struct pager_pin *firm, size_t firm_count, const struct leased *leased,
                uint64_t *bytes, uint64_t *oldest) {
  struct yield yield = {.all = reclaim_make(pager, pins, count, leased),
                        .firm = reclaim_make(pager, firm, firm_count, leased),
                        .oldest = UINT64_MAX};
  int result = parked_each(pager, yield_add, &yield);
  if (result)
    return result;
  *bytes = yield.units * FORMAT_UNIT;
  *oldest = yield.oldest;
  return yield.oldest == UINT64_MAX ? COPSE_NONE : 0;
}

uint64_t pager_pending(const struct pager *pager) { return books_word(pager, BOOK_PENDING_COUNT); }

int pager_has_condemned(const struct pager *pager) {
  return books_word(pager, BOOK_CONDEMNED_CHUNK) != 0;
}

int pager_has_parked(const struct pager *pager) {
  return pager_has_condemned(pager) || pager_parked_bytes(pager) > pager_leased_bytes(pager->books);
}

uint64_t pager_parked_bytes(const struct pager *pager) {
  return books_word(pager, BOOK_PARKED_UNITS) * FORMAT_UNIT;
}

uint64_t pager_pending_bytes(const struct pager *pager) {
  return books_word(pager, BOOK_PENDING_UNITS) * FORMAT_UNIT;
}

uint64_t pager_waiting_bytes(const struct pager *pager) {
  return pager_parked_bytes(pager) + pager_pending_bytes(pager);
}

uint64_t pager_held_bytes(const struct books *books, uint64_t version) {
  for (unsigned i = 0; i < BUCKETS; i++)
    if (books->buckets[i].top && books->buckets[i].tag == version)
      return books->buckets[i].units * FORMAT_UNIT;
  return 0;
}

uint64_t pager_leased_bytes(const struct books *books) {
  return pager_held_bytes(books, BUCKET_LEASED) + pager_held_bytes(books, BUCKET_LOOKED);
}
