/* store/batch.c - batches as programs see them: filling, committing, asking for outcomes.
 *
 * A batch is kept in the form in which it is left in a ring (sync/format.h). Committing:
 *   not waiting for it to be visible: the lock is free: applied at once, with all that others left;
 *   it is held: left in the ring, and whoever holds the lock applies it
 *   waiting until it is visible: the lock is waited for like for a transaction, since handing a batch over
 *   and hearing of it costs two switches of processes, a transaction one */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/grow.h"

#define NAME_MAX_BYTES 63u
#define BATCH_MAX_BYTES (UINT32_MAX - 8u)
#define LOOKS 200 /* at the ring, before the lock is waited for */

struct copse_batch {
  struct copse_store *store;
  uint8_t *bytes; /* struct ring_entry and what follows */
  size_t size, capacity;
};

static struct ring_entry *entry_of(struct copse_batch *batch) {
  return (struct ring_entry *)batch->bytes;
}

/* --- filling --------------------------------------------------------------------------- */

void copse_batch_clear(struct copse_batch *batch) {
  batch->size = sizeof(struct ring_entry);
  *entry_of(batch) = (struct ring_entry){.bytes = sizeof(struct ring_entry)};
}

int copse_batch_open(struct copse_store *store, struct copse_batch **out) {
  int result = writer_check(store);
  if (result)
    return result;
  struct copse_batch *batch = calloc(1, sizeof *batch);
  if (!batch || base_grow(&batch->bytes, &batch->capacity, 256, 1)) {
    free(batch);
    return error_set(COPSE_E_MEMORY, "no memory for a batch");
  }
  batch->store = store;
  copse_batch_clear(batch);
  *out = batch;
  return 0;
}

void copse_batch_close(struct copse_batch *batch) {
  if (!batch)
    return;
  free(batch->bytes);
  free(batch);
}

/* Makes the batch longer by size bytes, rounded up; *place is where, its last bytes zero. */
static int bytes_add(struct copse_batch *batch, uint64_t size, uint8_t **place) {
  size = (size + 7) & ~UINT64_C(7);
  if (batch->size + size > BATCH_MAX_BYTES)
    return error_set(COPSE_E_LIMIT, "a batch has at most 4 GiB; commit in parts");
  if (base_grow(&batch->bytes, &batch->capacity, batch->size + size, 1))
    return error_set(COPSE_E_MEMORY, "no memory for a batch of %zu bytes", batch->size + size);
  *place = batch->bytes + batch->size;
  if (size)
    memset(*place + size - 8, 0, 8);
  batch->size += size;
  entry_of(batch)->bytes = (uint32_t)batch->size;
  return 0;
}

static uint64_t size_of(const struct copse_bytes *bytes) { return bytes ? bytes->size : 0; }

static uint8_t *bytes_put(uint8_t *place, const void *data, uint64_t size) {
  if (size)
    memcpy(place, data, size);
  return place + size;
}

static int operation_add(struct copse_batch *batch, const struct copse_map *map, uint8_t kind,
                         const void *key, size_t key_size, const struct copse_bytes *value,
                         const struct copse_bytes *expected) {
  struct ring_operation head = {.kind = kind,
                                .key = (uint16_t)key_size,
                                .map = map->id,
                                .tag = map->tag,
                                .value = value ? (uint32_t)value->size : RING_NO_BYTES,
                                .expected = expected ? (uint32_t)expected->size : RING_NO_BYTES};
  uint8_t *place;
  if (map->store != batch->store)
    return error_set(COPSE_E_ARGUMENT, "the map belongs to another store");
  if (size_of(value) > BATCH_MAX_BYTES || size_of(expected) > BATCH_MAX_BYTES)
    return error_set(COPSE_E_LIMIT, "a batch has at most 4 GiB; commit in parts");
  int result =
      bytes_add(batch, sizeof head + key_size + size_of(value) + size_of(expected), &place);
  if (result)
    return result;
  place = bytes_put(place, &head, sizeof head);
  place = bytes_put(place, key, key_size);
  place = bytes_put(place, value ? value->data : NULL, size_of(value));
  bytes_put(place, expected ? expected->data : NULL, size_of(expected));
  entry_of(batch)->operations++;
  return 0;
}

int copse_batch_put(struct copse_batch *batch, struct copse_map *map, const void *key,
                    size_t key_size, const void *value, size_t value_size) {
  struct copse_bytes bytes = {value, value_size};
  int result = key_check(map, key, key_size);
  if (result == 0)
    result = value_size_check(map, value_size);
  if (result == 0 && !value && value_size)
    result = error_set(COPSE_E_ARGUMENT, "the value is NULL");
  return result ? result : operation_add(batch, map, RING_PUT, key, key_size, &bytes, NULL);
}

int copse_batch_delete(struct copse_batch *batch, struct copse_map *map, const void *key,
                       size_t key_size) {
  int result = key_check(map, key, key_size);
  return result ? result : operation_add(batch, map, RING_DELETE, key, key_size, NULL, NULL);
}

int copse_batch_compare_and_set(struct copse_batch *batch, struct copse_map *map, const void *key,
                                size_t key_size, const struct copse_bytes *expected,
                                const struct copse_bytes *value) {
  int result = key_check(map, key, key_size);
  if (result == 0 && value)
    result = value_size_check(map, value->size);
  return result ? result : operation_add(batch, map, RING_COMPARE, key, key_size, value, expected);
}

int copse_batch_append(struct copse_batch *batch, struct copse_map *map, const void *value,
                       size_t value_size) {
  struct copse_bytes bytes = {value, value_size};
  if (map->key_kind == COPSE_KEY_BYTES)
    return error_set(COPSE_E_MAP_KIND,
                     "records are appended to arenas and maps of uint64 keys only");
  int result = value_size_check(map, value_size);
  if (result == 0 && !value && value_size)
    result = error_set(COPSE_E_ARGUMENT, "the value is NULL");
  return result ? result : operation_add(batch, map, RING_APPEND, NULL, 0, &bytes, NULL);
}

int copse_batch_token(struct copse_batch *batch, const char *client, uint64_t number) {
  size_t size = client ? strlen(client) : 0, padded = (size + 7) & ~(size_t)7;
  struct ring_entry *entry = entry_of(batch);
  size_t former = (entry->name + 7u) & ~7u, head = sizeof *entry;
  uint8_t *place;
  if (size == 0 || size > NAME_MAX_BYTES)
    return error_set(COPSE_E_ARGUMENT, "a client's name has 1 to %u bytes; this one has %zu",
                     NAME_MAX_BYTES, size);
  int result = padded > former ? bytes_add(batch, padded - former, &place) : 0;
  if (result)
    return result;
  size_t rest = batch->size - head - (padded > former ? padded : former);
  memmove(batch->bytes + head + padded, batch->bytes + head + former, rest);
  memset(batch->bytes + head, 0, padded);
  memcpy(batch->bytes + head, client, size);
  batch->size = head + padded + rest;
  entry = entry_of(batch);
  entry->bytes = (uint32_t)batch->size;
  entry->name = (uint32_t)size;
  entry->number = number;
  return 0;
}

/* --- committing ------------------------------------------------------------------------ */

/* With the lock, which it gives back: applies the batch and what was left, as far as there is time for it. */
static int apply_now(struct copse_batch *batch, struct ring_result *outcome,
                     struct copse_ticket *ticket) {
  struct copse_store *store = batch->store;
  uint64_t applied = 0, more = 0;
  int result = leaver_claim(store);
  if (result == 0) {
    entry_of(batch)->sequence = leaver_number(store);
    struct own_batch own = {.entry = batch->bytes, .bytes = batch->size};
    result = combine_round(store, &own, &applied);
    *outcome = own.result;
    *ticket =
        (struct copse_ticket){client_owner_word(&store->client), entry_of(batch)->sequence, 0};
  }
  if (result == 0)
    (void)!combine_rounds(store, COMBINE_NS, &more); /* what others left; theirs are the errors */
  writer_end(store);
  if (more)
    combine_pass(store);
  combine_left(store);
  return result ? result : writer_settle(store, root_published(store->writers.ro));
}

/* Leaves the batch in the ring, or applies it when the lock is free. */
static int hand_over(struct copse_batch *batch, uint64_t deadline_ns, struct ring_result *outcome,
                     struct copse_ticket *ticket) {
  struct copse_store *store = batch->store;
  for (;;) {
    uint64_t end;
    int result = 0, asked = 0;
    if (writer_try(store))
      return apply_now(batch, outcome, ticket);
    result = leaver_leave(store, entry_of(batch), &end);
    if (result == 0) {
      *ticket =
          (struct copse_ticket){client_owner_word(&store->client), entry_of(batch)->sequence, end};
      combine_left(store);
      asked = leaver_holder_is_old(store);
      if (asked && !writer_is_self(store) && writer_take(store, 0) == 0) {
        writer_end(store);
        combine_left(store);
      }
      return 0;
    }
    if (writer_is_self(store))
      return error_set(COPSE_E_DEADLOCK,
                       "this thread's write transaction keeps room for batches from "
                       "being made");
    result = leaver_wait(store, entry_of(batch)->bytes, deadline_ns);
    if (result == COPSE_E_TIMEOUT && clock_now_ns() < deadline_ns) {
      result = writer_take(store, 0); /* its holder may be dead */
      if (result == 0)
        return apply_now(batch, outcome, ticket);
      result = result == COPSE_E_TIMEOUT ? 0 : result;
    }
    if (result)
      return result;
  }
}

static int refused(const struct ring_result *outcome) {
  return error_set(outcome->code, "operation %u of the batch: %s", outcome->failed,
                   copse_strerror(outcome->code));
}

int copse_batch_commit(struct copse_batch *batch, enum copse_batch_wait wait, int64_t timeout_ns,
                       struct copse_ticket *ticket) {
  struct copse_store *store = batch->store;
  struct ring_result outcome = {0, 0, 0};
  struct copse_ticket own;
  int result = writer_check(store);
  if (result == 0 && wait == COPSE_BATCH_ACCEPTED && writer_is_self(store))
    result = leaver_claim(store); /* for what follows this thread's transaction */
  if (result)
    return result;
  if (wait == COPSE_BATCH_ACCEPTED && leaver_ring(store) && batch->size <= RING_DATA / 2) {
    result = hand_over(batch, deadline_from(timeout_ns), &outcome, &own);
  } else {
    result = writer_take(store, timeout_ns);
    if (result == 0)
      result = apply_now(batch, &outcome, &own);
  }
  if (result)
    return result;
  copse_batch_clear(batch);
  if (ticket)
    *ticket = own;
  if (wait == COPSE_BATCH_ACCEPTED)
    return 0;
  if (outcome.code)
    return refused(&outcome);
  return wait == COPSE_BATCH_DURABLE ? copse_store_sync(store, NULL) : 0;
}

/* --- outcomes -------------------------------------------------------------------------- */

/* Until the batch is applied. */
static int applied_wait(struct copse_store *store, uint64_t end, int64_t timeout_ns) {
  for (int i = 0; i < LOOKS; i++)
    if (leaver_is_applied(store, end))
      return 0;
  int result = writer_take(store, timeout_ns);
  if (result)
    return result == COPSE_E_TIMEOUT && leaver_is_applied(store, end) ? 0 : result;
  result = combine_own(store);
  writer_end(store);
  combine_left(store);
  return result;
}

/* Until what is published is visible: in a store of durability sync, when it is durable. */
static int visible_wait(struct copse_store *store, uint64_t end, int64_t timeout_ns) {
  int result = end ? applied_wait(store, end, timeout_ns) : 0;
  return result || !store->group ? result
                                 : group_wait(store, root_published(store->writers.ro), UINT64_MAX);
}

int copse_batch_outcome(struct copse_store *store, const struct copse_ticket *ticket,
                        enum copse_batch_wait wait, int64_t timeout_ns,
                        struct copse_outcome *outcome) {
  struct ring *ring = leaver_ring(store);
  struct ring_result found;
  int result = writer_check(store);
  if (result == 0 && (!ring || ticket->owner != client_owner_word(&store->client)))
    result = error_set(COPSE_E_ARGUMENT, "the ticket is not of a batch of this process");
  if (result == 0)
    result = visible_wait(store, ticket->position, timeout_ns);
  if (result == 0 && wait == COPSE_BATCH_DURABLE)
    result = copse_store_sync(store, NULL);
  if (result)
    return result;
  result = ring_outcome_get(ring, ticket->sequence, &found);
  if (result == 0 && outcome)
    *outcome = (struct copse_outcome){found.code, found.failed, found.first};
  return result;
}
