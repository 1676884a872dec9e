/* store/reserve.c - reservations: pages that a process fills without the lock, and links then.
 *
 * 1. A transaction of its own takes extents and books them under the process's name (page/reserved.c).
 * 2. The process writes the records; nobody else knows the pages.
 * 3. A transaction links them into an arena and takes them off the books.
 * An abort of the latter, or a death in it, undoes both. What was not linked goes back: when its owner has closed
 * the reservation, by the owner's next transaction; when it is dead, by anybody's. Whether an
 * owner is dead is told by its byte alone (sync/client.h); a later owner of the same entry knows
 * by itself that the former one is gone. */
#include "store/arena.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/points.h"

#define PROBE_NS 20000000u /* how often dead owners are looked for at most */

struct copse_reservation {
  struct copse_arena *arena;
  uint64_t owner, number;
  uint64_t count;                            /* records */
  int published;                             /* by a transaction, which may yet be undone */
  struct copse_reservation *previous, *next; /* in the store's list */
  uint64_t pieces;
  uint64_t refs[]; /* extents of ARENA_FANOUT leaves, the last one of as many as are left */
};

static uint64_t piece_slots(const struct copse_arena *arena) {
  return (uint64_t)ARENA_FANOUT * arena->shape.slots;
}

/* --- what nobody will link any more ---------------------------------------------------- */

struct reaper {
  struct copse_store *store;
  uint64_t self;
  uint64_t known; /* an owner that was asked for, and whether it is dead */
  int dead;
};

static int is_open(struct copse_store *store, uint64_t number) {
  int found = 0;
  pthread_mutex_lock(&store->mutex);
  for (const struct copse_reservation *r = store->reservations; r && !found; r = r->next)
    found = r->number == number;
  pthread_mutex_unlock(&store->mutex);
  return found;
}

static enum pager_sift reap_ask(void *context, uint64_t owner, uint64_t number, uint64_t ref) {
  struct reaper *reaper = context;
  struct copse_store *store = reaper->store;
  uint32_t index = (uint32_t)owner - 1;
  int proof;
  (void)ref;
  if (owner == reaper->self)
    return is_open(store, number) ? PAGER_LEAVE : PAGER_RELEASE;
  if (index == store->client.index)
    return PAGER_RELEASE; /* our entry's former owner */
  if (owner != reaper->known) {
    reaper->known = owner;
    reaper->dead = client_prove_dead(&store->readers, index, &proof) > 0;
    if (reaper->dead)
      client_proof_release(proof);
  }
  return reaper->dead ? PAGER_RELEASE : PAGER_LEAVE;
}

int reservations_reap(struct copse_store *store) {
  struct pager *pager = &store->pager;
  uint64_t now;
  if (!pager_has_reserved(pager))
    return 0;
  now = clock_coarse_ns();
  /* relaxed: set by this thread before its transaction, or by one that does not care when */
  if (!atomic_load_explicit(&store->reservations_closed, memory_order_relaxed) &&
      now - store->reserved_probed_ns < PROBE_NS)
    return 0;
  store->reserved_probed_ns = now;
  /* relaxed: likewise */
  atomic_store_explicit(&store->reservations_closed, 0, memory_order_relaxed);
  struct reaper reaper = {.store = store, .self = client_owner_word(&store->client)};
  int result = pager_reserved_sift(pager, reap_ask, &reaper);
  if (result)
    return result;
  pager_settle(pager);
  return 0;
}

/* --- reserving ------------------------------------------------------------------------- */

static void list_join(struct copse_store *store, struct copse_reservation *reservation) {
  pthread_mutex_lock(&store->mutex);
  reservation->number = ++store->reservation_number;
  reservation->next = store->reservations;
  if (store->reservations)
    store->reservations->previous = reservation;
  store->reservations = reservation;
  pthread_mutex_unlock(&store->mutex);
}

static void list_leave(struct copse_store *store, struct copse_reservation *reservation) {
  pthread_mutex_lock(&store->mutex);
  if (reservation->previous)
    reservation->previous->next = reservation->next;
  else
    store->reservations = reservation->next;
  if (reservation->next)
    reservation->next->previous = reservation->previous;
  pthread_mutex_unlock(&store->mutex);
}

static int pieces_take(struct copse_store *store, struct copse_reservation *reservation) {
  struct pager *pager = &store->pager;
  const struct arena_shape *shape = &reservation->arena->shape;
  uint64_t left = reservation->count;
  int result = 0;
  for (uint64_t i = 0; i < reservation->pieces && result == 0; i++) {
    uint64_t part = piece_slots(reservation->arena);
    struct extent_head *extent;
    part = left < part ? left : part;
    left -= part;
    uint64_t leaves = (part + shape->slots - 1) / shape->slots;
    result = pager_alloc_extent(pager, leaves * shape->leaf_bytes, &reservation->refs[i], &extent);
    if (result == 0)
      result = pager_reserve(pager, reservation->owner, reservation->number, reservation->refs[i]);
  }
  POINT(reserve_booked);
  return result;
}

static int reserve(struct copse_store *store, struct copse_reservation *reservation,
                   int64_t timeout_ns) {
  uint64_t version;
  int result = writer_check(store);
  if (result == 0)
    result = writer_take(store, timeout_ns);
  if (result)
    return result;
  result = txn_open(store);
  if (result == 0) {
    result = pieces_take(store, reservation);
    if (result)
      txn_undo(&store->txn);
    else
      result = txn_finish(&store->txn, 1, &version);
  }
  POINT(reserve_made);
  writer_end(store);
  combine_left(store);
  return result;
}

int copse_arena_reserve(struct copse_arena *arena, uint64_t n, int64_t timeout_ns,
                        struct copse_reservation **out) {
  struct copse_store *store = arena->map.store;
  if (n == 0 || n > ARENA_INDEX_END)
    return error_set(COPSE_E_ARGUMENT, "room for %llu records", (unsigned long long)n);
  uint64_t pieces = (n + piece_slots(arena) - 1) / piece_slots(arena);
  struct copse_reservation *reservation =
      calloc(1, sizeof *reservation + pieces * sizeof *reservation->refs);
  if (!reservation)
    return error_set(COPSE_E_MEMORY, "no memory for a reservation");
  reservation->arena = arena;
  reservation->owner = client_owner_word(&store->client);
  reservation->count = n;
  reservation->pieces = pieces;
  list_join(store, reservation);
  int result = reserve(store, reservation, timeout_ns);
  if (result) {
    list_leave(store, reservation);
    free(reservation);
    return result;
  }
  *out = reservation;
  return 0;
}

int copse_reservation_piece(struct copse_reservation *reservation, uint64_t from, void **records,
                            uint64_t *count) {
  const struct copse_arena *arena = reservation->arena;
  uint64_t slots = piece_slots(arena), piece = from / slots, inside = from % slots;
  if (from >= reservation->count)
    return COPSE_NONE;
  uint64_t rest = reservation->count - from;
  uint8_t *extent = arena->map.store->data.rw + page_ref_offset(reservation->refs[piece]);
  *records = extent + sizeof(struct extent_head) + inside * arena->shape.size;
  *count = rest < slots - inside ? rest : slots - inside;
  return 0;
}

void copse_reservation_close(struct copse_reservation *reservation) {
  if (!reservation || fork_is_raw_clone())
    return;
  struct copse_store *store = reservation->arena->map.store;
  int now = reservation->owner == client_owner_word(&store->client) && !reservation->published;
  list_leave(store, reservation);
  free(reservation);
  /* relaxed: read by this process's next transaction */
  atomic_store_explicit(&store->reservations_closed, 1, memory_order_relaxed);
  if (!now || writer_is_self(store) || !writer_try(store))
    return;
  if (txn_open(store) == 0)
    txn_undo(&store->txn);
  writer_end(store);
  combine_left(store);
}

/* --- publishing ------------------------------------------------------------------------ */

struct taker {
  const struct copse_reservation *reservation;
  uint64_t pieces, taken;
};

static enum pager_sift take_ask(void *context, uint64_t owner, uint64_t number, uint64_t ref) {
  struct taker *taker = context;
  const struct copse_reservation *reservation = taker->reservation;
  if (owner != reservation->owner || number != reservation->number)
    return PAGER_LEAVE;
  for (uint64_t i = taker->pieces; i-- > 0;)
    if (reservation->refs[i] == ref) {
      taker->taken++;
      return PAGER_TAKE;
    }
  return PAGER_LEAVE;
}

static int pieces_link(struct arena_change *change, const struct copse_reservation *reservation,
                       uint64_t n, uint64_t *first) {
  struct pager *pager = &change->txn->view.store->pager;
  uint64_t slots = piece_slots(reservation->arena);
  struct taker taker = {reservation, (n + slots - 1) / slots, 0};
  int result = pager_reserved_sift(pager, take_ask, &taker);
  if (result == 0 && taker.taken != taker.pieces)
    result = error_set(COPSE_E_STATE, "the reservation was published before");
  if (result == 0)
    result = arena_link(pager, &change->arena, n, reservation->refs, first);
  POINT(reserve_linked);
  return result;
}

int copse_reservation_publish(struct copse_txn *txn, struct copse_reservation *reservation,
                              uint64_t n, uint64_t *first) {
  struct arena_change change;
  uint64_t index;
  int result = arena_change_begin(&change, txn, reservation->arena);
  if (result == 0 && (n == 0 || n > reservation->count))
    result = error_set(COPSE_E_ARGUMENT, "%llu records of a reservation for %llu",
                       (unsigned long long)n, (unsigned long long)reservation->count);
  if (result == 0 && reservation->owner != client_owner_word(&txn->view.store->client))
    result = error_set(COPSE_E_FORKED, "the reservation belongs to the parent process");
  if (result == 0)
    result = txn_savepoint(txn);
  if (result)
    return result;
  result = pieces_link(&change, reservation, n, &index);
  result = arena_steps_end(txn, arena_change_end(&change, result));
  if (result)
    return result;
  reservation->published = 1;
  if (first)
    *first = index;
  txn->puts += n;
  return 0;
}
