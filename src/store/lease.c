/* store/lease.c - leases: pinning what a snapshot has lent, or copying it.
 *
 * Happy path: the view's snapshot is announced; the block's word is put in the readers' file; from
 * then on the page is kept, and the snapshot may end (docs/CONCURRENCY.md, "Leases"). A value lies in one page,
 * and pages are freed whole: the units of the value's first block are enough to keep all of it.
 *
 * A write transaction's values are copied: it may change them, and its pages end with it. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BYTES_MAX (UINT64_C(1) << 30)
#define SMALL_BYTES 32u
#define COPY_ALIGN 64u      /* as records and large values have it */
#define COPIES_BLOCK 65536u /* memory for small copies of a group */

/* What a value is to be kept by. */
struct wanted {
  uint64_t block;
  uint32_t units;
  uint64_t past;
};

static uint64_t units_bytes(uint32_t units) {
  return (uint64_t)__builtin_popcount(units) * FORMAT_UNIT;
}

/* What a block's word names in addition. One lease names its units; a second one elsewhere in the
 * block, all of it: who leases many values changes the word twice, and not for each. */
static uint32_t units_more(uint32_t wanted, uint32_t had) {
  uint32_t more = wanted & ~had;
  return more && had ? 0xffff & ~had : more;
}

/* --- what to do with a value ----------------------------------------------------------- */

/* Errors: ARGUMENT when the bytes are not the view's. */
static int wanted_make(const struct copse_view *view, const struct copse_bytes *value,
                       struct wanted *wanted) {
  uint64_t offset = (uint64_t)((uintptr_t)value->data - (uintptr_t)view->store->data.ro);
  uint64_t limit = view->pages.limit;
  if (offset < FORMAT_FIRST_PAGE || offset > limit || value->size > limit - offset)
    return error_set(COPSE_E_ARGUMENT, "the bytes were not lent by this snapshot or transaction");
  uint64_t first = offset / FORMAT_UNIT % 16, end = offset % LEASE_BLOCK + value->size;
  uint64_t units = end < LEASE_BLOCK ? (end + FORMAT_UNIT - 1) / FORMAT_UNIT : 16;
  *wanted = (struct wanted){.block = offset / LEASE_BLOCK,
                            .units = (uint32_t)((1u << units) - (1u << first)),
                            .past = end > LEASE_BLOCK ? end - LEASE_BLOCK : 0};
  return 0;
}

/* Whether the view's memory can be pinned: else it has to be copied. */
static int can_pin(const struct copse_view *view) { return !view->txn && !view->pages.copy; }

/* LEASE when so many bytes more are beyond the bounds, or the oldest lease is. With the mutex. */
static int bounds_check(const struct leases *leases, uint64_t more) {
  const struct copse_lease_bounds *bounds = &leases->bounds;
  uint64_t most = bounds->max_bytes ? bounds->max_bytes : BYTES_MAX;
  uint64_t since = bounds->max_age_ns ? leases_since(leases) : 0;
  if (leases->bytes + more > most)
    return error_set(COPSE_E_LEASE, "%llu leases of this process keep %llu bytes, %llu are allowed",
                     (unsigned long long)leases->count, (unsigned long long)leases->bytes,
                     (unsigned long long)most);
  if (since && clock_coarse_ns() > since + bounds->max_age_ns)
    return error_set(
        COPSE_E_LEASE, "the oldest of %llu leases of this process is older than %llu ms",
        (unsigned long long)leases->count, (unsigned long long)bounds->max_age_ns / 1000000);
  return 0;
}

static void usage_get(const struct leases *leases, struct copse_lease_usage *usage) {
  uint64_t since = leases_since(leases), now = clock_coarse_ns();
  *usage = (struct copse_lease_usage){.leases = leases->count,
                                      .bytes = leases->bytes,
                                      .age_ns = since && now > since ? now - since : 0,
                                      .copies = leases->copies};
}

/* Nothing is pinned: counted, and the program is told. Takes the mutex. */
static void copy_note(struct copse_store *store) {
  struct leases *leases = &store->leases;
  struct copse_lease_usage usage;
  pthread_mutex_lock(&leases->mutex);
  leases->copies++;
  leases_tell(store);
  struct copse_lease_bounds bounds = leases->bounds;
  usage_get(leases, &usage);
  pthread_mutex_unlock(&leases->mutex);
  if (bounds.warn)
    bounds.warn(bounds.context, &usage);
}

/* 0: pin; COPSE_NONE: copy. */
static int decide(struct copse_view *view, uint32_t policy, const struct copse_bytes *value,
                  struct wanted *wanted) {
  int result = view_check(view);
  if (result == 0 && policy > COPSE_LEASE_ERROR)
    result = error_set(COPSE_E_ARGUMENT, "lease policy %u is not known", policy);
  if (result == 0 && !value->data && value->size)
    result = error_set(COPSE_E_ARGUMENT, "there are no bytes to lease");
  if (result || value->size == 0)
    return result ? result : COPSE_NONE;
  if (!view->pages.copy)
    result = wanted_make(view, value, wanted);
  if (result)
    return result;
  if (!can_pin(view))
    return policy == COPSE_LEASE_ERROR
               ? error_set(COPSE_E_STATE, "what a write transaction or an oustable snapshot has "
                                          "lent cannot be pinned")
               : COPSE_NONE;
  /* relaxed: nothing else depends on it */
  uint32_t small = atomic_load_explicit(&view->store->leases.small_bytes, memory_order_relaxed);
  small = small == 0 ? SMALL_BYTES : small == UINT32_MAX ? 0 : small;
  return policy == COPSE_LEASE_COPY || (policy == COPSE_LEASE_PIN && value->size <= small)
             ? COPSE_NONE
             : 0;
}

/* What pinning came to: 0, an error, or COPSE_NONE: copy, after it was noted. */
static int pinned(struct copse_store *store, uint32_t policy, int result) {
  int room = result == COPSE_E_LEASE || result == COPSE_E_NO_SPACE || result == COPSE_E_TOO_MANY ||
             result == COPSE_E_DESCRIPTOR;
  if (policy != COPSE_LEASE_PIN || !room)
    return result;
  copy_note(store);
  return COPSE_NONE;
}

/* --- single leases ----------------------------------------------------------------------- */

static int copy_make(struct copse_bytes *value, struct copse_lease **out) {
  size_t head = (sizeof(struct copse_lease) + COPY_ALIGN - 1) / COPY_ALIGN * COPY_ALIGN;
  struct copse_lease *lease = NULL;
  if (value->size <= SIZE_MAX / 2)
    lease =
        aligned_alloc(COPY_ALIGN, head + (value->size + COPY_ALIGN - 1) / COPY_ALIGN * COPY_ALIGN);
  if (!lease)
    return error_set(COPSE_E_MEMORY, "no memory for a copy of %zu bytes", value->size);
  memset(lease, 0, sizeof *lease);
  atomic_init(&lease->holders, 1);
  if (value->size)
    memcpy((uint8_t *)lease + head, value->data, value->size);
  value->data = (uint8_t *)lease + head;
  *out = lease;
  return 0;
}

static int hold_make(struct copse_store *store, const struct wanted *wanted,
                     struct copse_lease **out) {
  struct leases *leases = &store->leases;
  struct copse_lease *lease = calloc(1, sizeof *lease);
  uint64_t *word = lease ? lookup_add(&leases->blocks, wanted->block) : NULL;
  if (!word) {
    free(lease);
    return error_set(COPSE_E_MEMORY, "no memory for a lease");
  }
  int result = lease_place_take(store, &leases->places, &lease->place);
  if (result) {
    lookup_remove(&leases->blocks, word);
    free(lease);
    return result;
  }
  *word = (uint64_t)(uintptr_t)lease;
  lease->store = store;
  lease->block = wanted->block;
  lease->epoch = leases->epoch;
  lease->since_ns = clock_coarse_ns();
  lease->older = leases->newest;
  *(leases->newest ? &leases->newest->newer : &leases->oldest) = lease;
  leases->newest = lease;
  *out = lease;
  return 0;
}

/* Has the block's hold keep the value too. With the mutex. */
static int pin(struct copse_store *store, const struct wanted *wanted, struct copse_lease **out) {
  struct leases *leases = &store->leases;
  const uint64_t *word = lookup_find(&leases->blocks, wanted->block);
  struct copse_lease *lease = word ? (struct copse_lease *)(uintptr_t)*word : NULL;
  uint32_t more = units_more(wanted->units, lease ? lease->units : 0);
  uint64_t past = lease ? lease->past : 0;
  uint64_t bytes = units_bytes(more) + (wanted->past > past ? wanted->past - past : 0);
  int result = bounds_check(leases, bytes);
  if (result == 0 && !lease)
    result = hold_make(store, wanted, &lease);
  if (result)
    return result;
  if (more) {
    lease->units |= more;
    lease_place_put(store, &leases->places, lease->place, LEASE_WORD(lease->block, lease->units));
  }
  if (wanted->past > past)
    lease->past = wanted->past;
  /* relaxed: under the mutex, where it falls to 0 only */
  atomic_fetch_add_explicit(&lease->holders, 1, memory_order_relaxed);
  leases->bytes += bytes;
  leases->count++;
  leases_tell(store);
  *out = lease;
  return 0;
}

int copse_lease_take(struct copse_view *view, uint32_t policy, struct copse_bytes *value,
                     struct copse_lease **lease) {
  struct wanted wanted;
  int result = decide(view, policy, value, &wanted);
  if (result == 0) {
    pthread_mutex_lock(&view->store->leases.mutex);
    result = pin(view->store, &wanted, lease);
    pthread_mutex_unlock(&view->store->leases.mutex);
    result = pinned(view->store, policy, result);
  }
  return result == COPSE_NONE ? copy_make(value, lease) : result;
}

void copse_lease_retain(struct copse_lease *lease) {
  /* relaxed: whoever calls holds it */
  atomic_fetch_add_explicit(&lease->holders, 1, memory_order_relaxed);
  if (!lease->store)
    return;
  pthread_mutex_lock(&lease->store->leases.mutex);
  if (lease->epoch == lease->store->leases.epoch)
    lease->store->leases.count++;
  pthread_mutex_unlock(&lease->store->leases.mutex);
}

/* Nobody holds it any more. */
static void hold_end(struct copse_store *store, struct copse_lease *lease) {
  struct leases *leases = &store->leases;
  *(lease->older ? &lease->older->newer : &leases->oldest) = lease->newer;
  *(lease->newer ? &lease->newer->older : &leases->newest) = lease->older;
  if (lease->epoch == leases->epoch) {
    lookup_remove(&leases->blocks, lookup_find(&leases->blocks, lease->block));
    lease_place_put(store, &leases->places, lease->place, 0);
    lease_place_give(store, &leases->places, lease->place);
    leases->bytes -= units_bytes(lease->units) + lease->past;
  }
  free(lease);
}

/* With the mutex, which is given back: the store is freed when it had stayed for its leases. */
static void ended(struct copse_store *store) {
  struct leases *leases = &store->leases;
  int all = leases->left && !leases_are_any(leases);
  leases_tell(store);
  pthread_mutex_unlock(&leases->mutex);
  if (all)
    store_end(store);
}

void copse_lease_release(struct copse_lease *lease) {
  if (!lease || fork_is_raw_clone())
    return;
  struct copse_store *store = lease->store;
  if (!store) {
    /* pairs: lease-holders */
    if (atomic_fetch_sub_explicit(&lease->holders, 1, memory_order_acq_rel) == 1)
      free(lease);
    return;
  }
  pthread_mutex_lock(&store->leases.mutex);
  if (lease->epoch == store->leases.epoch)
    store->leases.count--;
  /* relaxed: under the mutex, but for more holders, whom there are only if there is one */
  if (atomic_fetch_sub_explicit(&lease->holders, 1, memory_order_relaxed) == 1)
    hold_end(store, lease);
  ended(store);
}

int copse_lease_is_copy(const struct copse_lease *lease) { return lease->store == NULL; }

static int kept(const struct copse_store *store, uint32_t epoch) {
  return fork_is_raw_clone() || (store && store->leases.epoch != epoch)
             ? error_set(COPSE_E_FORKED, "what is leased could not be kept in this child")
             : 0;
}

int copse_lease_check(const struct copse_lease *lease) { return kept(lease->store, lease->epoch); }

/* --- groups ------------------------------------------------------------------------------ */

int copse_lease_group_open(struct copse_store *store, struct copse_lease_group **out) {
  int result = fork_check();
  if (result)
    return result;
  struct copse_lease_group *group = calloc(1, sizeof *group);
  if (!group)
    return error_set(COPSE_E_MEMORY, "no memory for a group of leases");
  group->store = store;
  pthread_mutex_lock(&store->leases.mutex);
  group->epoch = store->leases.epoch;
  store->leases.groups++;
  pthread_mutex_unlock(&store->leases.mutex);
  *out = group;
  return 0;
}

static void group_enlist(struct copse_lease_group *group) {
  struct leases *leases = &group->store->leases;
  group->since_ns = clock_coarse_ns();
  group->previous = leases->last;
  *(leases->last ? &leases->last->next : &leases->first) = group;
  leases->last = group;
}

static void group_delist(struct copse_lease_group *group) {
  struct leases *leases = &group->store->leases;
  *(group->previous ? &group->previous->next : &leases->first) = group->next;
  *(group->next ? &group->next->previous : &leases->last) = group->previous;
}

/* With the mutex. */
static int group_extend(struct copse_lease_group *group, const struct wanted *wanted) {
  struct copse_store *store = group->store;
  struct leases *leases = &store->leases;
  uint64_t *word = lookup_find(&group->blocks, wanted->block);
  uint32_t place, had = word ? *word & 0xffff : 0, more = units_more(wanted->units, had);
  uint64_t bytes = more ? units_bytes(more) + wanted->past : 0;
  int result = bounds_check(leases, bytes);
  if (result == 0 && !word) {
    word = lookup_add(&group->blocks, wanted->block);
    result = word ? lease_place_take(store, &group->places, &place)
                  : error_set(COPSE_E_MEMORY, "no memory for a group of leases");
    if (word && result)
      lookup_remove(&group->blocks, word);
    else if (word)
      *word = (uint64_t)place << 16;
  }
  if (result)
    return result;
  if (!group->since_ns)
    group_enlist(group);
  *word |= more;
  if (group->last_words[0] >> 16 != wanted->block)
    group->last_words[1] = group->last_words[0];
  group->last_words[0] = LEASE_WORD(wanted->block, had | more);
  if (more)
    lease_place_put(store, &group->places, (uint32_t)(*word >> 16), group->last_words[0]);
  group->bytes += bytes;
  leases->bytes += bytes;
  leases->count += group->count + 1 - group->told;
  group->told = group->count + 1;
  leases_tell(store);
  return 0;
}

static int is_named(const struct wanted *wanted, uint64_t word) {
  return word >> 16 == wanted->block && !(wanted->units & ~word);
}

static int group_pin(struct copse_lease_group *group, const struct wanted *wanted) {
  int result = 0;
  if (!is_named(wanted, group->last_words[0]) && !is_named(wanted, group->last_words[1])) {
    pthread_mutex_lock(&group->store->leases.mutex);
    result = group_extend(group, wanted);
    pthread_mutex_unlock(&group->store->leases.mutex);
  }
  if (result == 0)
    group->count++;
  return result;
}

/* Small copies lie one behind the other. */
static int group_copy(struct copse_lease_group *group, struct copse_bytes *value) {
  size_t align = value->size > SMALL_BYTES ? COPY_ALIGN : 16;
  struct group_copies *copies = group->copies;
  size_t at = copies ? (copies->used + align - 1) & ~(align - 1) : 0;
  if (!copies || at > copies->size || value->size > copies->size - at) {
    size_t size = value->size > COPIES_BLOCK / 4 ? value->size : COPIES_BLOCK;
    copies = value->size <= SIZE_MAX / 2
                 ? aligned_alloc(COPY_ALIGN,
                                 COPY_ALIGN + (size + COPY_ALIGN - 1) / COPY_ALIGN * COPY_ALIGN)
                 : NULL;
    if (!copies)
      return error_set(COPSE_E_MEMORY, "no memory for copies in a group of leases");
    *copies = (struct group_copies){.next = group->copies, .size = size};
    group->copies = copies;
    at = 0;
  }
  uint8_t *copy = (uint8_t *)copies + COPY_ALIGN + at;
  memcpy(copy, value->data, value->size);
  value->data = copy;
  copies->used = at + value->size;
  return 0;
}

int copse_lease_group_take(struct copse_lease_group *group, struct copse_view *view,
                           uint32_t policy, struct copse_bytes *value) {
  struct wanted wanted;
  int result = view->store == group->store
                   ? kept(group->store, group->epoch)
                   : error_set(COPSE_E_ARGUMENT, "the group belongs to another store");
  if (result == 0)
    result = decide(view, policy, value, &wanted);
  if (result == 0)
    result = pinned(view->store, policy, group_pin(group, &wanted));
  if (result != COPSE_NONE)
    return result;
  return value->size ? group_copy(group, value) : 0;
}

int copse_lease_group_check(const struct copse_lease_group *group) {
  return kept(group->store, group->epoch);
}

void copse_lease_group_close(struct copse_lease_group *group) {
  if (!group || fork_is_raw_clone())
    return;
  struct copse_store *store = group->store;
  struct leases *leases = &store->leases;
  pthread_mutex_lock(&leases->mutex);
  leases->groups--;
  if (group->since_ns)
    group_delist(group);
  if (group->epoch == leases->epoch) {
    leases->count -= group->told;
    leases->bytes -= group->bytes;
    lease_places_give(store, &group->places);
  }
  ended(store);
  lease_places_free(&group->places);
  lookup_free(&group->blocks);
  for (struct group_copies *copies = group->copies, *next; copies; copies = next) {
    next = copies->next;
    free(copies);
  }
  free(group);
}

/* --- bounds ------------------------------------------------------------------------------ */

void copse_lease_bound(struct copse_store *store, const struct copse_lease_bounds *bounds) {
  pthread_mutex_lock(&store->leases.mutex);
  store->leases.bounds = *bounds;
  /* relaxed: nothing else depends on it */
  atomic_store_explicit(&store->leases.small_bytes, bounds->small_bytes, memory_order_relaxed);
  pthread_mutex_unlock(&store->leases.mutex);
}

void copse_lease_usage(struct copse_store *store, struct copse_lease_usage *usage) {
  pthread_mutex_lock(&store->leases.mutex);
  usage_get(&store->leases, usage);
  pthread_mutex_unlock(&store->leases.mutex);
}
