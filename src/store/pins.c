/* store/pins.c - what holds freed pages back, and what to do about it.
 *
 * Gathers the announced versions and the leases for the pager, looks for dead readers when they hold pages, and
 * applies the store's policy for slow ones when the file would grow. */
#include "store/store.h"

#include "base/clock.h"
#include "base/grow.h"
#include "sync/observe.h"

#define RECLAIM_BYTES 524288u  /* the same in bytes */
#define RECLAIM_STEP 96u       /* freed pages that are worth a look at all readers */
#define BEGIN_BUDGET 128u      /* entries looked at in a step when a transaction begins */
#define BEGIN_STEPS 8u         /* at most so many steps */
#define TIGHT_STEPS 1024u      /* and so many when the store is full */
#define GROW_BUDGET 4096u      /* entries looked at before the file grows */
#define URGENT_BUDGET 1048576u /* when the write would fail otherwise */
#define PROBE_NS 20000000u     /* how often dead readers are looked for at most */

static int lease_note(void *context, uint64_t before, uint64_t after) {
  struct copse_store *store = context;
  return leased_change(&store->leased, before, after);
}

/* What holds pages back now: announced versions, and then leases. */
static int pins_gather(struct copse_store *store, size_t *count) {
  int result = slots_announced(&store->readers, store->writers.rw, &store->announced,
                               &store->announced_capacity, count);
  if (result)
    return result;
  /* Room for all, and for those of them that are firm. */
  if (base_grow(&store->pins, &store->pin_capacity, *count * 2, sizeof *store->pins))
    return error_set(COPSE_E_MEMORY, "no memory for %zu announced versions", *count);
  for (size_t i = 0; i < *count; i++)
    store->pins[i] = (struct pager_pin){store->announced[i].version, !!store->announced[i].pending};
  /* After the slots: a lease is entered while its snapshot is announced. */
  result = leases_look(&store->readers, &store->leases_seen, lease_note, store);
  store->leased.all = result == COPSE_NONE;
  return result == COPSE_NONE ? 0 : result;
}

void pins_forget(struct copse_store *store) {
  leases_forget(&store->leases_seen);
  leased_clear(&store->leased);
}

/* Frees the slots of readers that died, if pages wait and it was not done a moment ago. */
static int dead_reap(struct copse_store *store) {
  uint64_t now = clock_coarse_ns();
  if (now - store->probed_ns < PROBE_NS)
    return 0;
  store->probed_ns = now;
  uint32_t reaped = client_reap_all(&store->readers, store->client.index);
  /* relaxed: statistics */
  atomic_fetch_add_explicit(&store_words(store)->reaped, reaped, memory_order_relaxed);
  return reaped > 0;
}

static int reclaim(struct copse_store *store, size_t budget) {
  struct pager *pager = &store->pager;
  size_t count;
  uint64_t before = pager_pending(pager);
  int result = pins_gather(store, &count);
  if (result == 0)
    result = pager_reclaim(pager, store->pins, count, &store->leased, page_children, budget);
  uint64_t after = pager_pending(pager);
  /* Parked pages do not hold the queue up, but a dead reader must not keep them for ever. */
  int held = (after && after == before) || pager_parked_bytes(pager);
  if (result == 0 && held && dead_reap(store)) {
    result = pins_gather(store, &count);
    if (result == 0)
      result = pager_reclaim(pager, store->pins, count, &store->leased, page_children, budget);
    after = pager_pending(pager);
  }
  /* What is held up is not looked at again before as much has come on top. While parked or condemned
   * pages are left, every transaction does a little. */
  uint64_t more = pager_has_parked(pager) ? 1 : RECLAIM_STEP;
  store->reclaim_at = (after < before ? 0 : after) + more;
  store->reclaim_bytes_at = pager_pending_bytes(pager) + RECLAIM_BYTES;
  observe_raise(store->writers.rw, pager->released);
  return result;
}

int pins_reclaim(struct copse_store *store, size_t budget) {
  observers_look(store);
  return reclaim(store, budget);
}

int pins_reclaim_first(struct copse_store *store) {
  struct pager *pager = &store->pager;
  for (unsigned steps = pager->tight ? TIGHT_STEPS : BEGIN_STEPS; steps; steps--) {
    uint64_t before = pager_pending(pager);
    int condemned = pager_has_condemned(pager);
    if (!condemned && before < (pager->tight ? 1 : store->reclaim_at) &&
        pager_pending_bytes(pager) < store->reclaim_bytes_at)
      return 0;
    int result = pins_reclaim(store, BEGIN_BUDGET);
    if (result == COPSE_E_NO_SPACE || result == COPSE_E_LIMIT || result == COPSE_E_ADDRESS_SPACE) {
      pager_rollback(pager); /* no room for a list: what the program deletes may make it */
      return 0;
    }
    if (result)
      return result;
    pager_settle(pager);
    if (!condemned && pager_pending(pager) == before)
      return 0; /* held up */
  }
  return 0;
}

int pins_reclaim_hook(void *context, int urgent) {
  struct copse_store *store = context;
  uint64_t pending = pager_pending(&store->pager);
  if (urgent) {
    observers_drop(store);
    return reclaim(store, URGENT_BUDGET);
  }
  if (pending < store->reclaim_at && !pager_has_parked(&store->pager) &&
      !pager_leased_bytes(store->pager.books) &&
      pager_pending_bytes(&store->pager) < store->reclaim_bytes_at)
    return 0;
  return pins_reclaim(store, GROW_BUDGET);
}

static void refusal_count(struct copse_store *store) {
  /* relaxed: statistics */
  atomic_fetch_add_explicit(&store_words(store)->refusals, 1, memory_order_relaxed);
}

/* Ousts the oldest snapshots that keep something which no others but oustable ones keep: 1 when there
 * were such. None if ousting all that may be ousted would leave more than `bound` bytes held: who
 * is ousted then would lose its snapshot, and nobody win. */
static int holder_oust(struct copse_store *store, uint64_t bound) {
  size_t count, firm_count = 0;
  uint64_t bytes, version;
  if (pins_gather(store, &count))
    return 0;
  struct pager_pin *firm = store->pins + count;
  for (size_t i = 0; i < count; i++)
    if (!(store->announced[i].word & SLOT_OUSTABLE) || store->announced[i].pending)
      firm[firm_count++] = store->pins[i];
  if (pager_yield(&store->pager, store->pins, count, firm, firm_count, &store->leased, &bytes,
                  &version) ||
      pager_parked_bytes(&store->pager) > bound + bytes)
    return 0;
  /* One that changed since it was listed is left alone: it holds something else by now. */
  for (size_t i = 0; i < count; i++) {
    const struct announced *announced = &store->announced[i];
    if (announced->version == version &&
        slot_oust(readers_slot(&store->readers, announced->slot), announced->word))
      refusal_count(store);
  }
  return 1;
}

static int held_park(struct copse_store *store) {
  store->pager.impatient = 1;
  int result = reclaim(store, GROW_BUDGET * 16);
  store->pager.impatient = 0;
  return result;
}

int pins_may_grow(void *context) {
  struct copse_store *store = context;
  uint64_t bound = store->header.slow_reader_bytes;
  if (bound == 0 || store->header.slow_reader == COPSE_SLOW_WARN)
    return 0;
  if (pager_waiting_bytes(&store->pager) <= bound)
    return 0;
  /* The queue waits behind its first entry that is held: what is held itself is known by parking. */
  int result = held_park(store);
  if (result == 0 && pager_parked_bytes(&store->pager) > bound) {
    observers_drop(store);
    result = held_park(store);
  }
  while (result == 0 && pager_parked_bytes(&store->pager) > bound) {
    if (dead_reap(store) == 0) {
      if (store->header.slow_reader != COPSE_SLOW_OUST || !holder_oust(store, bound))
        break;
    }
    result = held_park(store);
  }
  uint64_t held = pager_parked_bytes(&store->pager);
  if (result || held <= bound)
    return result;
  refusal_count(store);
  return error_set(
      COPSE_E_PINNED,
      "snapshots and leases keep %llu bytes from reuse, more than slow_reader_bytes (%llu); "
      "'copse readers' names them",
      (unsigned long long)held, (unsigned long long)bound);
}
