/* store/lease_table.c - this process's part of the table of leases: places for words, what others see of
 * it, what becomes of it when the store is closed or the process forks. */
#include "store/store.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/grow.h"

/* --- places ------------------------------------------------------------------------------ */

int lease_place_take(struct copse_store *store, struct lease_places *places, uint32_t *place) {
  if (places->spare_count) {
    *place = places->spare[--places->spare_count];
    return 0;
  }
  if (places->used == places->count * LEASE_WORDS) {
    uint32_t chunk;
    if (base_grow(&places->chunks, &places->capacity, places->count + 1, sizeof *places->chunks) ||
        base_grow(&places->spare, &places->spare_capacity, (places->count + 1) * LEASE_WORDS,
                  sizeof *places->spare))
      return error_set(COPSE_E_MEMORY, "no memory for a list of %zu chunks of leases",
                       places->count);
    int result = lease_chunk_take(&store->client, LEASE_CHUNK_NONE, &chunk);
    if (result)
      return result;
    places->chunks[places->count++] = (struct lease_chunk){chunk, LEASE_CHUNK_NONE};
  }
  *place = places->used++;
  return 0;
}

void lease_place_put(const struct copse_store *store, const struct lease_places *places,
                     uint32_t place, uint64_t word) {
  lease_put(&store->readers, places->chunks[place / LEASE_WORDS].chunk, place % LEASE_WORDS, word);
}

void lease_place_give(const struct copse_store *store, struct lease_places *places,
                      uint32_t place) {
  places->spare[places->spare_count++] = place;
  if (places->spare_count < places->used)
    return;
  /* All are: one chunk is kept, for the next lease. */
  while (places->count > 1)
    lease_chunk_give(&store->readers, places->chunks[--places->count].chunk);
  places->used = 0;
  places->spare_count = 0;
}

void lease_places_give(const struct copse_store *store, struct lease_places *places) {
  while (places->count)
    lease_chunk_give(&store->readers, places->chunks[--places->count].chunk);
}

void lease_places_free(struct lease_places *places) {
  free(places->chunks);
  free(places->spare);
  *places = (struct lease_places){0};
}

/* --- statistics -------------------------------------------------------------------------- */

uint64_t leases_since(const struct leases *leases) {
  uint64_t since = leases->oldest ? leases->oldest->since_ns : UINT64_MAX;
  if (leases->first && leases->first->since_ns < since)
    since = leases->first->since_ns;
  return since == UINT64_MAX ? 0 : since;
}

/* Tells other processes what there is. */
static void tell_as(const struct leases *leases, const struct client *client) {
  if (!client->live_page)
    return;
  struct reader_client *entry = readers_client(client->readers, client->index);
  /* relaxed: for people */
  atomic_store_explicit(&entry->lease_count, leases->count, memory_order_relaxed);
  atomic_store_explicit(&entry->lease_bytes, leases->bytes, memory_order_relaxed); /* relaxed: so */
  atomic_store_explicit(&entry->lease_copies, leases->copies,
                        memory_order_relaxed); /* relaxed: so */
  /* relaxed: likewise */
  atomic_store_explicit(&entry->lease_since_ns, leases_since(leases), memory_order_relaxed);
}

void leases_tell(struct copse_store *store) { tell_as(&store->leases, &store->client); }

/* --- the store's life -------------------------------------------------------------------- */

void leases_init(struct copse_store *store) { pthread_mutex_init(&store->leases.mutex, NULL); }

void leases_end(struct copse_store *store) {
  lease_places_free(&store->leases.places);
  lookup_free(&store->leases.blocks);
  pthread_mutex_destroy(&store->leases.mutex);
}

int leases_are_any(const struct leases *leases) { return leases->oldest || leases->groups; }

int leases_leave(struct copse_store *store) {
  struct leases *leases = &store->leases;
  pthread_mutex_lock(&leases->mutex);
  int stay = leases_are_any(leases);
  pthread_mutex_unlock(&leases->mutex);
  return stay;
}

int leases_stay(struct copse_store *store) {
  struct leases *leases = &store->leases;
  pthread_mutex_lock(&leases->mutex);
  leases->left = leases_are_any(leases);
  int stay = leases->left;
  pthread_mutex_unlock(&leases->mutex);
  return stay;
}

/* --- forking ----------------------------------------------------------------------------- */

typedef int places_visit(struct copse_store *store, struct lease_places *places, void *context);

/* Calls visit for the places of single leases and for those of each group, until it returns something. */
static int places_each(struct copse_store *store, places_visit *visit, void *context) {
  int result = visit(store, &store->leases.places, context);
  for (struct copse_lease_group *group = store->leases.first; group && !result; group = group->next)
    if (group->epoch == store->leases.epoch)
      result = visit(store, &group->places, context);
  return result;
}

static int highest_find(struct copse_store *store, struct lease_places *places, void *highest) {
  (void)store;
  for (size_t i = 0; i < places->count; i++) {
    places->chunks[i].child = LEASE_CHUNK_NONE;
    if (*(int64_t *)highest < places->chunks[i].chunk)
      *(int64_t *)highest = places->chunks[i].chunk;
  }
  return 0;
}

/* Chunks for the child, all of greater indexes than those that they copy. */
static int places_copy(struct copse_store *store, struct lease_places *places, void *highest) {
  for (size_t i = 0; i < places->count; i++) {
    struct lease_chunk *chunk = &places->chunks[i];
    if (lease_chunk_take(&store->passage.client, (uint32_t) * (int64_t *)highest, &chunk->child))
      return COPSE_E_TOO_MANY;
    lease_chunk_copy(&store->readers, chunk->chunk, chunk->child);
    *(int64_t *)highest = chunk->child;
  }
  return 0;
}

static int copies_give(struct copse_store *store, struct lease_places *places, void *context) {
  (void)context;
  for (size_t i = 0; i < places->count; i++) {
    if (places->chunks[i].child != LEASE_CHUNK_NONE)
      lease_chunk_give(&store->readers, places->chunks[i].child);
    places->chunks[i].child = LEASE_CHUNK_NONE;
  }
  return 0;
}

static int copies_adopt(struct copse_store *store, struct lease_places *places, void *context) {
  (void)store;
  (void)context;
  for (size_t i = 0; i < places->count; i++)
    places->chunks[i].chunk = places->chunks[i].child;
  return 0;
}

static int places_forget(struct copse_store *store, struct lease_places *places, void *context) {
  (void)store;
  (void)context;
  places->count = places->used = places->spare_count = 0;
  return 0;
}

void leases_duplicate(struct copse_store *store) {
  struct leases *leases = &store->leases;
  int64_t highest = -1;
  (void)places_each(store, highest_find, &highest);
  leases->lost = highest >= 0;
  if (highest < 0 || store->passage.fd < 0)
    return;
  leases->lost = places_each(store, places_copy, &highest) != 0;
  if (leases->lost)
    (void)places_each(store, copies_give, NULL);
  else
    tell_as(leases, &store->passage.client);
}

void leases_adopt(struct copse_store *store) {
  struct leases *leases = &store->leases;
  if (!leases->lost) {
    (void)places_each(store, copies_adopt, NULL);
    return;
  }
  (void)places_each(store, places_forget, NULL);
  lookup_clear(&leases->blocks);
  leases->epoch++;
  leases->count = leases->bytes = 0;
}
