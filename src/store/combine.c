/* store/combine.c - takes what was left in rings, applies it, and publishes it: many batches, one
 * version.
 *
 * A round: look which rings hold entries; copy some of each; apply them (apply.c); write outcomes;
 * note in the rings how far they were applied, through the undo log; publish. A death anywhere
 * before the publishing undoes all of it, and the entries are still there; after it, all is done.
 * So each batch is applied exactly once.
 *
 * If the transaction as a whole cannot be had (no space for it, a limit), the round is undone and
 * each of its batches is tried by itself: who asks for what there is no room for is refused, the
 * others go through. What only this process lacks (memory, addresses, descriptors) is no reason to
 * refuse what another one left: that stays in its ring. */
#include "store/combine.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/points.h"

#define PASS_NS 100000     /* for one of the others to be woken, which waits for room */
#define SHARE_BYTES 16384u /* of each ring in a round: bounds how long a round takes */

static int bytes_room(struct combine *combine, size_t more) {
  if (base_grow(&combine->bytes, &combine->capacity, combine->size + more, 1))
    return error_set(COPSE_E_MEMORY, "no memory for batches of %zu bytes", combine->size + more);
  return 0;
}

static int part_add(struct combine *combine, const struct part *part) {
  if (base_grow(&combine->parts, &combine->part_capacity, combine->part_count + 1, sizeof *part))
    return error_set(COPSE_E_MEMORY, "no memory for %zu batches", combine->part_count + 1);
  combine->parts[combine->part_count++] = *part;
  return 0;
}

/* --- collecting ------------------------------------------------------------------------ */

/* Copies one entry. 0: what stands there is none. */
static int entry_take(struct combine *combine, struct ring *ring, uint64_t at, uint64_t waiting,
                      uint32_t *bytes) {
  struct ring_entry head;
  if (waiting < sizeof head)
    return 0;
  ring_copy(ring, at, &head, sizeof head);
  if (head.bytes < sizeof head || head.bytes % 8 || head.bytes > waiting)
    return 0;
  int result = bytes_room(combine, head.bytes);
  if (result)
    return result;
  ring_copy(ring, at, combine->bytes + combine->size, head.bytes);
  /* It may have changed: what counts is what was looked at. */
  memcpy(combine->bytes + combine->size, &head, sizeof head);
  *bytes = head.bytes;
  return 1;
}

/* Copies entries of a ring, up to about `most` bytes. What makes no sense is skipped, with all behind it: only
 * somebody hostile can have put it there. */
static int ring_collect(struct copse_store *store, struct ring *ring, uint64_t most) {
  struct combine *combine = store->combine;
  uint64_t at, end;
  int sound = ring_span(ring, &at, &end);
  for (uint64_t stop = at + most; at != end;) {
    struct part part = {.ring = ring, .at = combine->size, .end = end};
    uint32_t bytes = 0;
    int result = sound ? entry_take(combine, ring, at, end - at, &bytes) : 0;
    if (result < 0)
      return result;
    if (result == 0)
      part.at = NO_ENTRY;
    else
      part.end = at + bytes;
    result = part_add(combine, &part);
    if (result)
      return result;
    combine->size += bytes;
    at = part.end;
    if (at >= stop && at != end) {
      ring_leave(store->writers.rw);
      break;
    }
  }
  return 0;
}

static int own_collect(struct copse_store *store, const struct own_batch *own) {
  struct combine *combine = store->combine;
  int result = bytes_room(combine, own->bytes);
  if (result)
    return result;
  memcpy(combine->bytes + combine->size, own->entry, own->bytes);
  result = part_add(combine, &(struct part){.at = combine->size});
  combine->size += own->bytes;
  return result;
}

/* All of our own ring, of which the caller's batch is to come behind, and some of the others. */
static int collect(struct copse_store *store, const struct own_batch *own) {
  struct ring *ours = leaver_ring(store);
  struct combine *combine = store->combine;
  combine->size = combine->part_count = 0;
  int result = 0;
  if (ring_look(store->writers.rw))
    for (uint64_t i = 0; i < pager_rings(&store->pager) && result == 0; i++) {
      struct ring *ring = pager_ring(&store->pager, i);
      if (ring != ours)
        result = ring_collect(store, ring, SHARE_BYTES);
    }
  if (ours && result == 0)
    result = ring_collect(store, ours, own ? RING_DATA : SHARE_BYTES);
  if (own && result == 0)
    result = own_collect(store, own);
  POINT(combine_collected);
  return result;
}

/* --- applying and publishing ----------------------------------------------------------- */

static int word_log(void *context, const uint64_t *word) { return pager_log(context, word); }

static void outcomes_write(struct copse_store *store, const struct part *parts, size_t count) {
  struct combine *combine = store->combine;
  struct ring *ours = leaver_ring(store);
  for (size_t i = 0; i < count; i++) {
    struct ring *ring = parts[i].ring ? parts[i].ring : ours;
    if (parts[i].at != NO_ENTRY)
      ring_outcome_put(ring, part_entry(combine, &parts[i])->sequence, &parts[i].result);
  }
  POINT(combine_outcomes);
}

/* Is it the last part of its ring among them? They stand together. */
static int is_last(const struct part *parts, size_t count, size_t i) {
  return parts[i].ring && (i + 1 == count || parts[i + 1].ring != parts[i].ring);
}

static void count_add(_Atomic uint64_t *counter, uint64_t n) {
  /* relaxed: statistics, written under the lock: no read-modify-write is needed */
  uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
  atomic_store_explicit(counter, before + n, memory_order_relaxed); /* relaxed: as above */
}

static void batches_count(struct copse_store *store, const struct part *parts, size_t count) {
  struct commit_words *words = store_words(store);
  uint64_t refused = 0;
  for (size_t i = 0; i < count; i++)
    refused += parts[i].result.code != 0;
  count_add(&words->batches, count);
  count_add(&words->rounds, 1);
  if (refused)
    count_add(&words->batches_refused, refused);
}

/* The transaction holds what the parts ask for: the rings are told, and it is published. */
static int parts_publish(struct copse_store *store, const struct part *parts, size_t count) {
  uint64_t version;
  int result = 0, from_rings = 0;
  POINT(combine_applied);
  outcomes_write(store, parts, count);
  for (size_t i = 0; i < count && result == 0; i++)
    if (is_last(parts, count, i)) {
      from_rings = 1;
      result =
          ring_consume(parts[i].ring, parts[i].end, store->pager.version, word_log, &store->pager);
    }
  if (result)
    txn_undo(&store->txn);
  else
    result = txn_finish(&store->txn, from_rings, &version);
  if (result)
    return result;
  POINT(combine_published);
  for (size_t i = 0; i < count; i++)
    if (is_last(parts, count, i))
      ring_make_room_known(parts[i].ring);
  batches_count(store, parts, count);
  return 0;
}

/* In the open transaction. */
static int parts_try(struct copse_store *store, struct part *parts, size_t count) {
  int result = parts_apply(store, parts, count);
  if (result == 0)
    return parts_publish(store, parts, count);
  txn_undo(&store->txn);
  return result;
}

/* Another process may have what this one lacks. */
static int is_own_lack(int code) {
  return code == COPSE_E_MEMORY || code == COPSE_E_ADDRESS_SPACE || code == COPSE_E_DESCRIPTOR;
}

/* Each by itself: what cannot be done is refused, or left. *done: how many were not left. An error when all
 * were. */
static int parts_try_singly(struct copse_store *store, struct part *parts, size_t count,
                            size_t *done) {
  const struct ring *ours = leaver_ring(store), *left = NULL;
  int lack = 0;
  *done = 0;
  for (size_t i = 0; i < count; i++) {
    if (left && parts[i].ring == left)
      continue; /* in their order */
    int result = txn_open(store);
    if (result)
      return result;
    int code = parts_try(store, &parts[i], 1);
    if (is_own_lack(code) && parts[i].ring && parts[i].ring != ours) {
      left = parts[i].ring;
      lack = code;
      continue;
    }
    ++*done;
    if (code == 0)
      continue;
    result = txn_open(store);
    if (result)
      return result;
    parts[i].result = (struct ring_result){code, 0, 0};
    result = parts_publish(store, &parts[i], 1);
    if (result)
      return result;
  }
  if (lack)
    ring_leave(store->writers.rw);
  return *done ? 0 : lack;
}

int combine_round(struct copse_store *store, struct own_batch *own, uint64_t *applied) {
  *applied = 0;
  if (!store->combine)
    store->combine = calloc(1, sizeof *store->combine);
  struct combine *combine = store->combine;
  if (!combine)
    return error_set(COPSE_E_MEMORY, "no memory to apply batches");
  int result = txn_open(store);
  if (result)
    return result;
  result = collect(store, own);
  if (result || combine->part_count == 0) {
    txn_undo(&store->txn);
    if (result)
      ring_leave(store->writers.rw);
    return result;
  }
  size_t done = combine->part_count;
  result = parts_try(store, combine->parts, combine->part_count);
  if (result)
    result = parts_try_singly(store, combine->parts, combine->part_count, &done);
  if (result) {
    ring_leave(store->writers.rw);
    return result;
  }
  if (own)
    own->result = combine->parts[combine->part_count - 1].result;
  *applied = done;
  return 0;
}

int combine_rounds(struct copse_store *store, uint64_t budget_ns, uint64_t *applied) {
  uint64_t end = 0, count;
  *applied = 0;
  while (ring_is_staged(store->writers.rw)) {
    int result = combine_round(store, NULL, &count);
    *applied += count;
    if (result)
      return result;
    /* relaxed: a late look only makes it one round more */
    if (atomic_load_explicit(&store_words(store)->lock, memory_order_relaxed) & LOCK_WAITERS)
      break;
    uint64_t now = clock_now_ns();
    end = end ? end : budget_ns < UINT64_MAX - now ? now + budget_ns : UINT64_MAX;
    if (now >= end)
      break;
  }
  return 0;
}

int combine_own(struct copse_store *store) {
  struct ring *ours = leaver_ring(store);
  uint64_t settled, applied;
  if (!ours)
    return 0;
  /* relaxed: this process's own; what another of its threads leaves just now is not meant */
  uint64_t tail = atomic_load_explicit(&ours->tail, memory_order_relaxed);
  while (!ring_settled(ours, store->writers.rw, &settled) || settled < tail) {
    int result = combine_round(store, NULL, &applied);
    if (result || applied == 0)
      return result;
  }
  return 0;
}

void combine_pass(struct copse_store *store) {
  const _Atomic uint64_t *lock = &store_words(store)->lock;
  uint64_t end = clock_now_ns() + PASS_NS;
  /* relaxed: a guess */
  while (ring_is_staged(store->writers.rw) &&
         lock_is_free(atomic_load_explicit(lock, memory_order_relaxed)) && clock_now_ns() < end)
    sched_yield();
}

/* Who leaves something while we hold the lock relies on us: so the lock is not left alone before
 * nothing is left, or somebody else has it, who then is relied on. */
void combine_left(struct copse_store *store) {
  uint64_t applied = 0;
  while (ring_is_staged(store->writers.rw) && writer_try(store)) {
    int result = combine_rounds(store, COMBINE_NS, &applied);
    writer_end(store);
    if (applied && result == 0)
      result = writer_settle(store, root_published(store->writers.ro));
    if (result) /* what is left stays in the rings; the next one meets the same error, or not */
      return;
    combine_pass(store);
  }
}

int copse_combine(struct copse_store *store, int64_t timeout_ns, uint64_t budget_ns,
                  uint64_t *applied) {
  uint64_t count = 0, all = 0, begun = clock_now_ns();
  int result = writer_check(store);
  if (result == 0 && store->pager.books->ring_limit) /* also what nobody was told of */
    ring_leave(store->writers.rw);
  while (result == 0 && ring_is_staged(store->writers.rw)) {
    uint64_t spent = clock_now_ns() - begun;
    if (all && spent >= budget_ns)
      break;
    result = writer_take(store, timeout_ns);
    if (result)
      break;
    result = combine_rounds(store, budget_ns > spent ? budget_ns - spent : 0, &count);
    all += count;
    writer_end(store);
  }
  combine_left(store);
  if (result == 0 && all)
    result = writer_settle(store, root_published(store->writers.ro));
  if (result == 0 && applied)
    *applied = all;
  return result;
}

void combine_free(struct copse_store *store) {
  if (!store->combine)
    return;
  free(store->combine->bytes);
  free(store->combine->parts);
  free(store->combine->steps);
  free(store->combine->sorted);
  free(store->combine->maps);
  free(store->combine);
}
