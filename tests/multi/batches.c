/* multi/batches.c - see batches.h. */
#include "batches.h"

#include <stdlib.h>
#include <sys/mman.h>

struct tally *tally_new(void) {
  void *p =
      mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  return p;
}

void batches_open(struct batches *batches, struct copse_store *store, struct tally *tally,
                  uint64_t id) {
  static const struct copse_map_options numbers = {.key_kind = COPSE_KEY_U64, .value_size = 8};
  static const struct copse_map_options pairs = {.value_size = 8};
  static const struct copse_map_options rows = {.key_kind = COPSE_KEY_U64, .value_size = 16};
  CHECK_LT(id, BATCH_WRITERS_MAX);
  *batches =
      (struct batches){.store = store, .tally = tally, .id = id, .random = {test_seed() + id}};
  CHECK_OK(copse_map_ensure(store, "newest", &numbers, -1, &batches->newest));
  CHECK_OK(copse_map_ensure(store, "plain", &pairs, -1, &batches->plain));
  CHECK_OK(copse_map_ensure(store, "rows", &rows, -1, &batches->rows));
  CHECK_OK(copse_batch_open(store, &batches->batch));
}

void batches_close(struct batches *batches) {
  copse_batch_close(batches->batch);
  copse_map_close(batches->newest);
  copse_map_close(batches->plain);
  copse_map_close(batches->rows);
}

/* --- writing ----------------------------------------------------------------------------- */

static void transaction(struct batches *b, uint64_t n) {
  struct copse_txn *txn;
  struct copse_bytes value;
  struct copse_cursor *cursor;
  struct copse_bytes last;
  uint64_t row[2] = {b->id, n}, at = 0, before = 0;
  uint8_t key[8];
  CHECK_OK(copse_txn_begin(b->store, -1, &txn));
  copse_key_u64(b->id, key);
  int result = copse_get(copse_txn_view(txn), b->newest, key, 8, &value);
  if (result == 0)
    memcpy(&before, value.data, 8);
  CHECK(result == 0 || result == COPSE_NONE);
  CHECK_EQ(before, n - 1); /* what was left before is seen */
  CHECK_OK(copse_put(txn, b->newest, key, 8, &n, 8, 0));
  CHECK_OK(copse_cursor_open(copse_txn_view(txn), b->rows, NULL, &cursor));
  result = copse_cursor_last(cursor, &last, &value);
  if (result == 0)
    at = copse_key_to_u64(last.data) + 1;
  copse_cursor_close(cursor);
  copse_key_u64(at, key);
  CHECK_OK(copse_put(txn, b->rows, key, 8, row, sizeof row, COPSE_INSERT));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void fill(struct batches *b, uint64_t n, bool plain) {
  uint64_t row[2] = {b->id, n}, before = n - 1;
  struct copse_bytes expected = {&before, 8}, value = {&n, 8};
  uint8_t key[16];
  copse_key_u64(b->id, key);
  copse_key_u64(n, key + 8);
  if (plain) {
    CHECK_OK(copse_batch_put(b->batch, b->newest, key, 8, &n, 8));
    CHECK_OK(copse_batch_put(b->batch, b->plain, key, 16, &n, 8));
  } else {
    CHECK_OK(
        copse_batch_compare_and_set(b->batch, b->newest, key, 8, n > 1 ? &expected : NULL, &value));
    CHECK_OK(copse_batch_append(b->batch, b->rows, row, sizeof row));
  }
}

void batches_step(struct batches *b) {
  uint64_t n = ++b->number, kind = test_random_below(&b->random, 40);
  bool waits = test_random_one_in(&b->random, 30);
  struct copse_ticket ticket;
  struct copse_outcome outcome;
  atomic_store(&b->tally->begun[b->id], n);
  if (kind == 0) {
    transaction(b, n);
    waits = true;
  } else {
    fill(b, n, kind % 4 != 0);
    CHECK_OK(copse_batch_commit(b->batch, waits ? COPSE_BATCH_VISIBLE : COPSE_BATCH_ACCEPTED, -1,
                                &ticket));
  }
  atomic_store(&b->tally->accepted[b->id], n);
  if (kind && test_random_one_in(&b->random, 50)) {
    int result = copse_batch_outcome(b->store, &ticket, COPSE_BATCH_VISIBLE, -1, &outcome);
    CHECK_MSG(result == 0 || result == COPSE_NONE, "%s",
              copse_error_name(result)); /* threads may outrun us */
    if (result == 0)
      CHECK_EQ(outcome.result, 0);
    waits = true;
  }
  if (waits)
    atomic_store(&b->tally->visible[b->id], n);
}

void batches_leave(struct batches *b) {
  uint64_t n = ++b->number;
  atomic_store(&b->tally->begun[b->id], n);
  fill(b, n, test_random_one_in(&b->random, 2));
  CHECK_OK(copse_batch_commit(b->batch, COPSE_BATCH_ACCEPTED, -1, NULL));
  atomic_store(&b->tally->accepted[b->id], n);
}

/* --- checking ---------------------------------------------------------------------------- */

struct seen {
  uint64_t newest[BATCH_WRITERS_MAX], count[BATCH_WRITERS_MAX], last_plain[BATCH_WRITERS_MAX],
      last_row[BATCH_WRITERS_MAX];
};

static void newest_read(struct copse_view *view, struct copse_map *map, struct seen *seen) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  CHECK_OK(copse_cursor_open(view, map, NULL, &cursor));
  while (copse_cursor_next(cursor, &key, &value) == 0)
    memcpy(&seen->newest[copse_key_to_u64(key.data)], value.data, 8);
  copse_cursor_close(cursor);
}

static void plain_read(struct copse_view *view, struct copse_map *map, struct seen *seen) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  CHECK_OK(copse_cursor_open(view, map, NULL, &cursor));
  while (copse_cursor_next(cursor, &key, &value) == 0) {
    uint64_t id = copse_key_to_u64(key.data), n = copse_key_to_u64((const uint8_t *)key.data + 8);
    CHECK_LE(n, seen->newest[id]);
    seen->count[id]++; /* keys differ, so each is counted once */
  }
  copse_cursor_close(cursor);
}

static void rows_read(struct copse_view *view, struct copse_map *map, struct seen *seen) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint64_t row[2], at = 0;
  CHECK_OK(copse_cursor_open(view, map, NULL, &cursor));
  while (copse_cursor_next(cursor, &key, &value) == 0) {
    memcpy(row, value.data, sizeof row);
    CHECK_EQ(copse_key_to_u64(key.data), at++);
    CHECK_GT(row[1], seen->last_row[row[0]]); /* in the order of their numbers */
    CHECK_LE(row[1], seen->newest[row[0]]);
    seen->last_row[row[0]] = row[1];
    seen->count[row[0]]++;
  }
  copse_cursor_close(cursor);
}

void batches_check(struct copse_store *store, struct tally *tally, bool at_end) {
  struct seen *seen = calloc(1, sizeof *seen);
  struct batches b;
  uint64_t *least = calloc(BATCH_WRITERS_MAX, sizeof *least);
  struct copse_snapshot *snapshot;
  CHECK(seen && least);
  batches_open(&b, store, tally, 0);
  for (int id = 0; id < BATCH_WRITERS_MAX; id++)
    least[id] = at_end ? tally->accepted[id] : tally->visible[id];
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  newest_read(view, b.newest, seen);
  plain_read(view, b.plain, seen);
  rows_read(view, b.rows, seen);
  for (int id = 0; id < BATCH_WRITERS_MAX; id++) {
    CHECK_MSG(seen->count[id] == seen->newest[id], "writer %d: %llu of %llu are there", id,
              (unsigned long long)seen->count[id], (unsigned long long)seen->newest[id]);
    CHECK_MSG(seen->newest[id] >= least[id], "writer %d: %llu was %s, the newest is %llu", id,
              (unsigned long long)least[id], at_end ? "accepted" : "visible",
              (unsigned long long)seen->newest[id]);
    CHECK_LE(seen->newest[id], tally->begun[id]);
  }
  copse_snapshot_close(snapshot);
  batches_close(&b);
  tally->snapshots++;
  free(seen);
  free(least);
}
