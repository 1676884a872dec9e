/* sync/ring.c - leaving batches and taking them: the protocol is in ring.h.
 *
 * All that is read from a ring is untrusted: any process that writes can write there. Here only
 * counts are looked at; the entries are for who copies them out. */
#include "sync/ring.h"

#include <string.h>

#include "base/points.h"
#include "copse/error.h"

/* --- the owner's side ---------------------------------------------------------------- */

int ring_settled(const struct ring *ring, const uint8_t *writers, uint64_t *position) {
  /* S1, and F3: after F2 in the total order. pairs: root-publish, ring-room */
  uint64_t published =
      atomic_load_explicit(&sync_commit_ro(writers)->published, memory_order_seq_cst);
  /* S2. pairs: ring-consume */
  uint64_t mark = atomic_load_explicit(&ring->mark, memory_order_acquire);
  /* S3. pairs: ring-consume */
  uint64_t consumed = atomic_load_explicit(&ring->consumed, memory_order_acquire);
  /* S4. pairs: ring-consume */
  uint64_t version = atomic_load_explicit(&ring->consumed_version, memory_order_acquire);
  /* S5. pairs: ring-consume */
  uint64_t again = atomic_load_explicit(&ring->consumed, memory_order_acquire);
  /* S6. relaxed: the loads before it acquire, and keep it behind them */
  if (version > published || again != consumed ||
      atomic_load_explicit(&ring->mark, memory_order_relaxed) != mark)
    return 0;
  *position = consumed;
  return 1;
}

int ring_stage(struct ring *ring, uint8_t *writers, uint64_t tail, uint64_t settled,
               const void *entry, uint32_t bytes) {
  if (tail - settled + bytes > RING_DATA)
    return 0;
  uint32_t at = (uint32_t)(tail % RING_DATA);
  uint32_t first = bytes < RING_DATA - at ? bytes : RING_DATA - at;
  memcpy(ring->data + at, entry, first); /* P1 */
  POINT(ring_entry_written);
  memcpy(ring->data, (const uint8_t *)entry + first, bytes - first);
  /* P2. pairs: ring-staged */
  atomic_store_explicit(&ring->tail, tail + bytes, memory_order_seq_cst);
  POINT(ring_tail_raised);
  _Atomic uint32_t *staged = &sync_commit(writers)->staged;
  /* P3. pairs: ring-staged */
  if (!atomic_load_explicit(staged, memory_order_seq_cst))
    atomic_store_explicit(staged, 1, memory_order_seq_cst);
  POINT(ring_staged);
  return 1;
}

int ring_wait_for_room(struct ring *ring, int (*is_room)(void *context), void *context,
                       int64_t sleep_ns) {
  /* F1. pairs: ring-room */
  uint32_t wake = atomic_load_explicit(&ring->wake, memory_order_seq_cst);
  /* F2. pairs: ring-room */
  atomic_store_explicit(&ring->waiting, 1, memory_order_seq_cst);
  if (is_room(context)) /* F3 */
    return 0;
  return os_futex_wait(&ring->wake, wake, sleep_ns); /* F4 */
}

int ring_outcome_get(const struct ring *ring, uint64_t sequence, struct ring_result *result) {
  const struct ring_outcome *place = &ring->outcomes[sequence % RING_OUTCOMES];
  /* pairs: ring-outcome */
  if (atomic_load_explicit(&place->sequence, memory_order_acquire) != sequence)
    return COPSE_NONE;
  /* pairs: ring-outcome */
  uint64_t word = atomic_load_explicit(&place->result, memory_order_acquire);
  uint64_t first =
      atomic_load_explicit(&place->first, memory_order_acquire); /* pairs: ring-outcome */
  /* relaxed: the acquiring loads before it keep it behind them */
  if (atomic_load_explicit(&place->sequence, memory_order_relaxed) != sequence)
    return COPSE_NONE;
  *result = (struct ring_result){(int32_t)(uint32_t)word, (uint32_t)(word >> 32), first};
  return 0;
}

/* --- the holder's side --------------------------------------------------------------- */

int ring_is_staged(const uint8_t *writers) {
  /* H9. pairs: ring-staged */
  return atomic_load_explicit(&sync_commit_ro(writers)->staged, memory_order_seq_cst) != 0;
}

int ring_look(uint8_t *writers) {
  /* H1. pairs: ring-staged */
  return ring_is_staged(writers) &&
         atomic_exchange_explicit(&sync_commit(writers)->staged, 0, memory_order_seq_cst) != 0;
}

int ring_span(const struct ring *ring, uint64_t *from, uint64_t *to) {
  /* relaxed: the lock is held: only its holder changes it */
  *from = atomic_load_explicit(&ring->consumed, memory_order_relaxed);
  /* H2. pairs: ring-staged */
  *to = atomic_load_explicit(&ring->tail, memory_order_seq_cst);
  return *to - *from <= RING_DATA && *to % 8 == 0;
}

void ring_leave(uint8_t *writers) {
  /* pairs: ring-staged */
  atomic_store_explicit(&sync_commit(writers)->staged, 1, memory_order_seq_cst);
}

void ring_copy(const struct ring *ring, uint64_t from, void *to, uint64_t bytes) {
  uint64_t at = from % RING_DATA, first = bytes < RING_DATA - at ? bytes : RING_DATA - at;
  memcpy(to, ring->data + at, first);
  memcpy((uint8_t *)to + first, ring->data, bytes - first);
}

int ring_consume(struct ring *ring, uint64_t to, uint64_t version,
                 int (*log)(void *context, const uint64_t *word), void *context) {
  int result = log(context, (const uint64_t *)&ring->consumed_version);
  if (result == 0)
    result = log(context, (const uint64_t *)&ring->consumed);
  if (result)
    return result;
  /* H4. pairs: ring-consume */
  atomic_fetch_add_explicit(&ring->mark, 1, memory_order_release);
  POINT(ring_marked);
  /* H5. pairs: ring-consume */
  atomic_store_explicit(&ring->consumed_version, version, memory_order_release);
  POINT(ring_version_set);
  /* H6. pairs: ring-consume */
  atomic_store_explicit(&ring->consumed, to, memory_order_release);
  POINT(ring_consumed);
  return 0;
}

void ring_make_room_known(struct ring *ring) {
  /* F5, without taking the line when nobody waits. pairs: ring-room */
  if (!atomic_load_explicit(&ring->waiting, memory_order_seq_cst) ||
      !atomic_exchange_explicit(&ring->waiting, 0, memory_order_seq_cst))
    return;
  /* F6. pairs: ring-room */
  atomic_fetch_add_explicit(&ring->wake, 1, memory_order_seq_cst);
  os_futex_wake(&ring->wake, INT32_MAX); /* F7 */
}

void ring_outcome_put(struct ring *ring, uint64_t sequence, const struct ring_result *result) {
  struct ring_outcome *place = &ring->outcomes[sequence % RING_OUTCOMES];
  /* relaxed: the releasing stores after it keep it before them */
  atomic_store_explicit(&place->sequence, 0, memory_order_relaxed);
  /* pairs: ring-outcome */
  atomic_store_explicit(&place->result, (uint64_t)result->failed << 32 | (uint32_t)result->code,
                        memory_order_release);
  atomic_store_explicit(&place->first, result->first,
                        memory_order_release); /* pairs: ring-outcome */
  /* pairs: ring-outcome */
  atomic_store_explicit(&place->sequence, sequence, memory_order_release);
}
