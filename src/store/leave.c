/* store/leave.c - this process's ring: taking one, leaving batches in it, giving it back.
 *
 * A ring belongs to a client. Its owner alone counts what was left; threads share it under a
 * mutex. A forked child takes a ring of its own when it needs one. A dead client's ring keeps
 * what was left in it, and goes to the next client that needs one once it is empty. */
#include "store/store.h"

#include "base/clock.h"
#include "base/points.h"

#define ROOM_SLEEP_NS 5000000
#define OLD_NS 5000000

void leaver_init(struct copse_store *store) {
  pthread_mutex_init(&store->leaver.mutex, NULL);
  /* pairs: ring-owner */
  atomic_store_explicit(&store->leaver.ring, NULL, memory_order_release);
}

void leaver_forget(struct copse_store *store) {
  leaver_init(store); /* another thread of the parent may have held the mutex */
}

/* --- a ring of one's own ----------------------------------------------------------------- */

/* Whether nobody is going to leave anything in it any more. */
static int is_orphan(struct copse_store *store, const struct ring *ring) {
  /* pairs: ring-owner */
  uint64_t owner = atomic_load_explicit(&ring->owner, memory_order_acquire);
  uint32_t index = (uint32_t)owner - 1, count;
  if (owner == 0)
    return 1;
  if (readers_client_count(&store->readers, &count) || index >= count)
    return 0;
  const struct reader_client *entry = readers_client(&store->readers, index);
  /* pairs: client-entry */
  return atomic_load_explicit(&entry->state, memory_order_acquire) == CLIENT_FREE ||
         /* relaxed: written before the state that was acquired */
         atomic_load_explicit(&entry->generation, memory_order_relaxed) != owner >> 32;
}

static struct ring *orphan_find(struct copse_store *store) {
  for (uint64_t i = 0; i < pager_rings(&store->pager); i++) {
    struct ring *ring = pager_ring(&store->pager, i);
    uint64_t from, to;
    if (ring_span(ring, &from, &to) && from == to && ring_settled(ring, store->writers.rw, &from) &&
        is_orphan(store, ring))
      return ring;
  }
  return NULL;
}

int leaver_claim(struct copse_store *store) {
  struct leaver *leaver = &store->leaver;
  if (leaver_ring(store))
    return 0;
  int result = pager_check(&store->pager);
  if (result)
    return result;
  struct ring *ring = orphan_find(store);
  if (!ring) {
    result = pager_ring_make(&store->pager);
    if (result)
      return result;
    ring = pager_ring(&store->pager, pager_rings(&store->pager) - 1);
  }
  /* relaxed: its former owner is gone, and the lock is held */
  leaver->tail = leaver->settled = atomic_load_explicit(&ring->tail, memory_order_relaxed);
  /* pairs: ring-owner */
  atomic_store_explicit(&ring->owner, client_owner_word(&store->client), memory_order_release);
  POINT(ring_claimed);
  /* pairs: ring-owner */
  atomic_store_explicit(&leaver->ring, ring, memory_order_release);
  return 0;
}

/* --- leaving --------------------------------------------------------------------------- */

static uint64_t number_next(struct ring *ring) {
  /* relaxed: under the mutex; another process reads it after we are gone */
  uint64_t number = atomic_load_explicit(&ring->sequence, memory_order_relaxed) + 1;
  atomic_store_explicit(&ring->sequence, number, memory_order_relaxed); /* relaxed: likewise */
  return number;
}

uint64_t leaver_number(struct copse_store *store) {
  pthread_mutex_lock(&store->leaver.mutex);
  uint64_t number = number_next(leaver_ring(store));
  pthread_mutex_unlock(&store->leaver.mutex);
  return number;
}

static void settled_renew(struct copse_store *store) {
  uint64_t settled;
  if (ring_settled(leaver_ring(store), store->writers.rw, &settled))
    store->leaver.settled = settled;
}

static int has_room(struct copse_store *store, uint32_t bytes) {
  struct leaver *leaver = &store->leaver;
  if (leaver->tail - leaver->settled + bytes > RING_DATA)
    settled_renew(store);
  return leaver->tail - leaver->settled + bytes <= RING_DATA;
}

int leaver_leave(struct copse_store *store, struct ring_entry *entry, uint64_t *end) {
  struct leaver *leaver = &store->leaver;
  struct ring *ring = leaver_ring(store);
  int result = COPSE_NONE;
  pthread_mutex_lock(&leaver->mutex);
  if (has_room(store, entry->bytes)) {
    entry->sequence = number_next(ring);
    (void)ring_stage(ring, store->writers.rw, leaver->tail, leaver->settled, entry, entry->bytes);
    *end = leaver->tail += entry->bytes;
    result = 0;
  }
  pthread_mutex_unlock(&leaver->mutex);
  return result;
}

struct room_wait {
  struct copse_store *store;
  uint32_t bytes;
};

static int is_room(void *context) {
  struct room_wait *wait = context;
  pthread_mutex_lock(&wait->store->leaver.mutex);
  int room = has_room(wait->store, wait->bytes);
  pthread_mutex_unlock(&wait->store->leaver.mutex);
  return room;
}

int leaver_wait(struct copse_store *store, uint32_t bytes, uint64_t deadline_ns) {
  struct room_wait wait = {store, bytes};
  uint64_t now = clock_now_ns();
  if (now >= deadline_ns)
    return error_set(COPSE_E_TIMEOUT, "no room was made for the batch within the time limit");
  int64_t sleep_ns = ROOM_SLEEP_NS;
  if (deadline_ns - now < ROOM_SLEEP_NS)
    sleep_ns = (int64_t)(deadline_ns - now);
  return ring_wait_for_room(leaver_ring(store), is_room, &wait, sleep_ns);
}

int leaver_is_applied(struct copse_store *store, uint64_t end) {
  struct leaver *leaver = &store->leaver;
  pthread_mutex_lock(&leaver->mutex);
  if (leaver->settled < end)
    settled_renew(store);
  int applied = leaver->settled >= end;
  pthread_mutex_unlock(&leaver->mutex);
  return applied;
}

int leaver_holder_is_old(struct copse_store *store) {
  struct leaver *leaver = &store->leaver;
  /* relaxed: a guess */
  uint64_t word = atomic_load_explicit(&store_words(store)->lock, memory_order_relaxed);
  uint64_t now = clock_coarse_ns();
  pthread_mutex_lock(&leaver->mutex);
  int same = leaver->lock_word == word;
  int old = same && !lock_is_free(word) && now - leaver->lock_word_ns > OLD_NS;
  if (!same || old) {
    leaver->lock_word = word;
    leaver->lock_word_ns = now;
  }
  pthread_mutex_unlock(&leaver->mutex);
  return old;
}

/* --- giving it back ---------------------------------------------------------------------- */

/* What others left may have been left by a process that died before it could say so, or with the lock
 * of one that died: nobody but us will see to it. */
int leaver_last(struct copse_store *store) {
  uint64_t applied;
  if (!store->pager.books->ring_limit)
    return 0;
  ring_leave(store->writers.rw);
  int result = writer_take(store, -1);
  if (result)
    return result;
  while (result == 0 && ring_is_staged(store->writers.rw))
    result = combine_rounds(store, UINT64_MAX, &applied);
  writer_end(store);
  return result;
}

int leaver_close(struct copse_store *store) {
  struct ring *ring = leaver_ring(store);
  int result = 0;
  if (ring && !leaver_is_applied(store, store->leaver.tail)) {
    result = writer_take(store, -1);
    if (result == 0) {
      result = combine_own(store);
      writer_end(store);
    }
  }
  combine_left(store);
  if (ring) {
    /* pairs: ring-owner */
    atomic_store_explicit(&ring->owner, 0, memory_order_release);
  }
  pthread_mutex_destroy(&store->leaver.mutex);
  return result;
}
