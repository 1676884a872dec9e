/* test_store_lease_arena.c - leases on records of arenas: single ones, and slices of the long extents that bulk
 * lies in. All stores here poison pages as soon as they are reusable. */
#include <stdlib.h>

#include "test_store_fixture.h"

enum { SIZE = 96, COUNT = 9000, STEP = 37 };

static struct copse_store *poisoned_new(const char *path) {
  CHECK_SYS(setenv("COPSE_POISON", "1", 1));
  return store_new(path, 0);
}

static const uint8_t *record_of(uint64_t index, uint32_t round) {
  static uint8_t bytes[SIZE];
  memset(bytes, (int)(index * 31 + round * 7 + 1), SIZE);
  memcpy(bytes, &index, 8);
  memcpy(bytes + 8, &round, 4);
  return bytes;
}

static void records_are(const struct copse_bytes *value, uint64_t first, uint32_t round) {
  CHECK_EQ(value->size % SIZE, 0);
  for (uint64_t i = 0; i < value->size / SIZE; i++)
    CHECK_BYTES((const uint8_t *)value->data + i * SIZE, SIZE, record_of(first + i, round), SIZE);
}

static struct copse_arena *arena_new(struct copse_store *store) {
  struct copse_arena_options options = {.record_size = SIZE};
  struct copse_arena *arena;
  CHECK_OK(copse_arena_ensure(store, "a", &options, -1, &arena));
  return arena;
}

/* Records of round 1: as bulk, which lies in long extents, or one by one. */
static void arena_fill(struct copse_store *store, struct copse_arena *arena, int in_bulk) {
  uint8_t *records = malloc((size_t)COUNT * SIZE);
  CHECK(records);
  for (uint64_t i = 0; i < COUNT; i++)
    memcpy(records + i * SIZE, record_of(i, 1), SIZE);
  struct copse_txn *txn = begin(store);
  if (in_bulk)
    CHECK_OK(copse_arena_append(txn, arena, COUNT, records, NULL));
  for (uint64_t i = 0; i < COUNT && !in_bulk; i++)
    CHECK_OK(copse_arena_insert(txn, arena, records + i * SIZE, NULL, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  free(records);
}

/* Commits, each of which changes all records, or removes and inserts them, until what can be reused has been. */
static void turn_over(struct copse_store *store, struct copse_arena *arena, uint32_t *round) {
  for (int n = 0; n < 6; n++) {
    struct copse_txn *txn = begin(store);
    ++*round;
    for (uint64_t i = 0; i < COUNT; i++) {
      struct copse_handle handle;
      const void *record;
      CHECK_OK(copse_arena_at(copse_txn_view(txn), arena, i, &handle, &record));
      if (n % 2) {
        CHECK_OK(copse_arena_update(txn, arena, &handle, record_of(i, *round), NULL));
        continue;
      }
      CHECK_OK(copse_arena_remove(txn, arena, &handle));
      CHECK_OK(copse_arena_insert(txn, arena, record_of(i, *round), &handle, NULL));
      CHECK_EQ(handle.index, i);
    }
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
}

static void nothing_is_left(struct copse_store *store) {
  struct copse_lease_usage usage;
  struct copse_stat stat;
  copse_lease_usage(store, &usage);
  CHECK_EQ(usage.leases, 0);
  CHECK_EQ(usage.bytes, 0);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.leases, 0);
  CHECK_EQ(stat.pinned_bytes, 0);
  store_sound(store);
}

static struct copse_bytes value_at(struct copse_view *view, struct copse_arena *arena,
                                   uint64_t index) {
  const void *record;
  CHECK_OK(copse_arena_at(view, arena, index, NULL, &record));
  return (struct copse_bytes){record, SIZE};
}

/* count records in a row, which bulk has put into one extent. */
static struct copse_bytes slice_at(struct copse_view *view, struct copse_arena *arena,
                                   uint64_t first, uint64_t count) {
  struct copse_chunk chunk;
  CHECK_OK(copse_arena_chunk(view, arena, first, &chunk));
  CHECK_EQ(chunk.first, first);
  CHECK_GE(chunk.count, count);
  return (struct copse_bytes){chunk.records, count * SIZE};
}

TEST(what_is_not_leased_is_poisoned) {
  for (int in_bulk = 0; in_bulk < 2; in_bulk++) {
    struct copse_store *store = poisoned_new(NULL);
    struct copse_arena *arena = arena_new(store);
    uint32_t round = 1, seen;
    arena_fill(store, arena, in_bulk);
    struct copse_snapshot *snapshot = snapshot_new(store);
    struct copse_bytes value = value_at(copse_snapshot_view(snapshot), arena, 1234);
    turn_over(store, arena, &round);
    records_are(&value, 1234, 1);
    copse_snapshot_close(snapshot);
    turn_over(store, arena, &round);
    memcpy(&seen, (const uint8_t *)value.data + 8, 4);
    CHECK_NE(seen, 1);
    copse_arena_close(arena);
    CHECK_OK(copse_store_close(store));
  }
}

TEST(records_outlive_their_snapshot) {
  enum { N = COUNT / STEP };
  for (int in_bulk = 0; in_bulk < 2; in_bulk++) {
    struct copse_store *store = poisoned_new(NULL);
    struct copse_arena *arena = arena_new(store);
    struct copse_lease *leases[N];
    struct copse_bytes values[N];
    struct copse_stat stat;
    uint32_t round = 1;
    arena_fill(store, arena, in_bulk);
    struct copse_snapshot *snapshot = snapshot_new(store);
    struct copse_view *view = copse_snapshot_view(snapshot);
    for (uint64_t i = 0; i < N; i++) {
      values[i] = value_at(view, arena, i * STEP);
      const void *lent = values[i].data;
      CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &values[i], &leases[i]));
      CHECK(values[i].data == lent && !copse_lease_is_copy(leases[i]));
    }
    copse_snapshot_close(snapshot);
    turn_over(store, arena, &round);
    CHECK_OK(copse_stat(store, &stat));
    CHECK_EQ(stat.leases, N);
    CHECK_GT(stat.lease_held_bytes, 0);
    for (uint64_t i = 0; i < N; i++)
      records_are(&values[i], i * STEP, 1);
    /* The last lease in a long extent keeps it. */
    for (uint64_t i = 0; i < N - 1; i++)
      copse_lease_release(leases[i]);
    turn_over(store, arena, &round);
    records_are(&values[N - 1], (uint64_t)(N - 1) * STEP, 1);
    copse_lease_release(leases[N - 1]);
    turn_over(store, arena, &round);
    nothing_is_left(store);
    copse_arena_close(arena);
    CHECK_OK(copse_store_close(store));
  }
}

TEST(slices_of_long_extents) {
  static const struct {
    uint64_t first, count;
  } slices[] = {
      {0, 1}, {1, 2500}, {41, 3}, {100, 700}, {1500, 1}, {2000, 600}, {2600, 1}, {COUNT - 1, 1},
  };
  enum { N = sizeof slices / sizeof *slices };
  struct copse_store *store = poisoned_new(NULL);
  struct copse_arena *arena = arena_new(store);
  struct copse_lease_group *group;
  struct copse_lease *leases[N], *part;
  struct copse_bytes values[N], grouped[N], bytes;
  uint32_t round = 1;
  arena_fill(store, arena, 1);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_lease_group_open(store, &group));
  for (int i = 0; i < N; i++) {
    values[i] = grouped[i] = slice_at(view, arena, slices[i].first, slices[i].count);
    CHECK_OK(copse_lease_take(view, COPSE_LEASE_ERROR, &values[i], &leases[i]));
    if (i == 5 || i == 7)
      CHECK_OK(copse_lease_group_take(group, view, COPSE_LEASE_PIN, &grouped[i]));
  }
  /* Bytes in the middle of a record, and beyond one. */
  bytes = slice_at(view, arena, 5000, 3);
  bytes = (struct copse_bytes){(const uint8_t *)bytes.data + 40, 2 * SIZE};
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &bytes, &part));
  copse_snapshot_close(snapshot);
  /* Each by itself keeps what it lies in, to its end. */
  for (int i = 0; i < N; i++) {
    turn_over(store, arena, &round);
    for (int k = i; k < N; k++)
      records_are(&values[k], slices[k].first, 1);
    copse_lease_release(leases[i]);
  }
  turn_over(store, arena, &round);
  for (int i = 5; i < N; i += 2)
    records_are(&grouped[i], slices[i].first, 1);
  copse_lease_group_close(group);
  turn_over(store, arena, &round);
  CHECK_BYTES(bytes.data, SIZE - 40, record_of(5000, 1) + 40, SIZE - 40);
  CHECK_BYTES((const uint8_t *)bytes.data + SIZE - 40, SIZE, record_of(5001, 1), SIZE);
  copse_lease_release(part);
  turn_over(store, arena, &round);
  nothing_is_left(store);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

/* What is leased stays when the arena is dropped, and its pages are those of other records. */
TEST(of_an_arena_that_is_gone) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_arena *arena = arena_new(store), *other;
  struct copse_lease *leases[2];
  struct copse_bytes values[2];
  uint32_t round = 1;
  arena_fill(store, arena, 1);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  values[0] = value_at(view, arena, 4000);
  values[1] = slice_at(view, arena, 5000, 200);
  for (int i = 0; i < 2; i++)
    CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &values[i], &leases[i]));
  copse_snapshot_close(snapshot);
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_map_drop(txn, copse_arena_map(arena)));
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_arena_close(arena);
  other = arena_new(store);
  arena_fill(store, other, 1);
  turn_over(store, other, &round);
  records_are(&values[0], 4000, 1);
  records_are(&values[1], 5000, 1);
  copse_lease_release(leases[0]);
  turn_over(store, other, &round);
  records_are(&values[1], 5000, 1);
  copse_lease_release(leases[1]);
  turn_over(store, other, &round);
  nothing_is_left(store);
  copse_arena_close(other);
  CHECK_OK(copse_store_close(store));
}

/* Copies: asked for, small, and of what views lend that cannot be pinned. */
TEST(copies) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_arena *arena = arena_new(store);
  struct copse_lease *leases[5], *none;
  struct copse_bytes values[5], value;
  struct copse_snapshot *snapshot, *oustable;
  struct copse_handle handle;
  const void *record;
  uint32_t round = 1;
  arena_fill(store, arena, 1);
  snapshot = snapshot_new(store);
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &oustable));
  struct copse_view *view = copse_snapshot_view(snapshot);
  values[0] = slice_at(view, arena, 700, 30);
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_COPY, &values[0], &leases[0]));
  CHECK_EQ((uintptr_t)values[0].data % 64, 0);
  values[1] = (struct copse_bytes){value_at(view, arena, 8).data, 32};
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &values[1], &leases[1]));
  values[2] = value_at(copse_snapshot_view(oustable), arena, 4321);
  CHECK_OK(
      copse_lease_take(copse_snapshot_view(oustable), COPSE_LEASE_PIN, &values[2], &leases[2]));
  copse_snapshot_close(snapshot);
  copse_snapshot_close(oustable);
  struct copse_txn *txn = begin(store);
  view = copse_txn_view(txn);
  CHECK_OK(copse_arena_at(view, arena, 99, &handle, &record));
  CHECK_OK(copse_arena_update(txn, arena, &handle, record_of(99, 77), NULL));
  values[3] = value_at(view, arena, 99);
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &values[3], &leases[3]));
  values[4] = slice_at(view, arena, 6000, 1);
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &values[4], &leases[4]));
  value = value_at(view, arena, 99);
  FAILS(copse_lease_take(view, COPSE_LEASE_ERROR, &value, &none), COPSE_E_STATE, "pinned");
  copse_txn_abort(txn);
  for (int i = 0; i < 5; i++)
    CHECK(copse_lease_is_copy(leases[i]));
  turn_over(store, arena, &round);
  records_are(&values[0], 700, 1);
  CHECK_BYTES(values[1].data, 32, record_of(8, 1), 32);
  records_are(&values[2], 4321, 1);
  records_are(&values[3], 99, 77);
  records_are(&values[4], 6000, 1);
  for (int i = 0; i < 5; i++)
    copse_lease_release(leases[i]);
  turn_over(store, arena, &round);
  nothing_is_left(store);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

TEST(a_closed_store_stays_for_them) {
  const char *path = test_shm_path("lease-arena");
  struct copse_store *store = poisoned_new(path), *second;
  struct copse_arena *arena = arena_new(store);
  struct copse_lease *leases[2];
  struct copse_bytes values[2];
  uint32_t round = 1;
  arena_fill(store, arena, 1);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  values[0] = value_at(view, arena, 17);
  values[1] = slice_at(view, arena, 3000, 900);
  for (int i = 0; i < 2; i++)
    CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &values[i], &leases[i]));
  copse_snapshot_close(snapshot);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_open(path, NULL, &second));
  arena = arena_new(second);
  turn_over(second, arena, &round);
  records_are(&values[0], 17, 1);
  copse_lease_release(leases[0]);
  turn_over(second, arena, &round);
  records_are(&values[1], 3000, 1);
  copse_lease_release(leases[1]);
  turn_over(second, arena, &round);
  nothing_is_left(second);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(second));
}

/* Room that was reserved, and published, by this process. */
TEST(published_blocks) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_arena *arena = arena_new(store);
  struct copse_reservation *reservation;
  struct copse_lease *lease;
  uint64_t count, first;
  uint32_t round = 1;
  void *records;
  CHECK_OK(copse_arena_reserve(arena, COUNT, -1, &reservation));
  for (uint64_t i = 0; i < COUNT; i += count) {
    CHECK_OK(copse_reservation_piece(reservation, i, &records, &count));
    for (uint64_t k = 0; k < count; k++)
      memcpy((uint8_t *)records + k * SIZE, record_of(i + k, 1), SIZE);
  }
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_reservation_publish(txn, reservation, COUNT, &first));
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_reservation_close(reservation);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_bytes value = slice_at(copse_snapshot_view(snapshot), arena, 2000, 500);
  CHECK_OK(copse_lease_take(copse_snapshot_view(snapshot), COPSE_LEASE_ERROR, &value, &lease));
  copse_snapshot_close(snapshot);
  turn_over(store, arena, &round);
  records_are(&value, 2000, 1);
  copse_lease_release(lease);
  turn_over(store, arena, &round);
  nothing_is_left(store);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}
