/* test_store_arena.c - arenas through the public interface: handles, indexes, bulk, snapshots, what
 * maps' functions say. Random operations are in tests/model/. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test_store_fixture.h"

static struct copse_arena *arena_new(struct copse_store *store, const char *name, uint32_t size) {
  struct copse_arena_options options = {.record_size = size};
  struct copse_arena *arena;
  CHECK_OK(copse_arena_ensure(store, name, &options, -1, &arena));
  return arena;
}

static struct copse_handle insert(struct copse_txn *txn, struct copse_arena *arena,
                                  uint64_t value) {
  struct copse_handle handle;
  uint64_t record[8] = {value}; /* of 64 bytes at most */
  CHECK_OK(copse_arena_insert(txn, arena, record, &handle, NULL));
  return handle;
}

static uint64_t get(struct copse_view *view, struct copse_arena *arena,
                    const struct copse_handle *handle) {
  const void *record;
  uint64_t value;
  CHECK_OK(copse_arena_get(view, arena, handle, &record));
  memcpy(&value, record, 8);
  return value;
}

static uint64_t count_of(struct copse_view *view, struct copse_arena *arena) {
  uint64_t count;
  CHECK_OK(copse_arena_count(view, arena, &count));
  return count;
}

/* Live records counted by chunks. */
static uint64_t walk(struct copse_view *view, struct copse_arena *arena, uint64_t *chunks) {
  struct copse_chunk chunk;
  uint64_t n = 0, from = 0;
  int result;
  *chunks = 0;
  while ((result = copse_arena_chunk(view, arena, from, &chunk)) == 0) {
    CHECK_GE(chunk.first, from);
    CHECK_GT(chunk.count, 0);
    n += chunk.count;
    from = chunk.first + chunk.count;
    ++*chunks;
  }
  CHECK_EQ(result, COPSE_NONE);
  return n;
}

TEST(handles_of_removed_records_are_stale_for_ever) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena *arena = arena_new(store, "a", 8), *other = arena_new(store, "b", 8);
  const void *record;
  struct copse_txn *txn = begin(store);
  struct copse_handle first = insert(txn, arena, 1), second = insert(txn, arena, 2);
  CHECK_EQ(first.index, 0);
  CHECK_EQ(second.index, 1);
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *old = snapshot_new(store);
  txn = begin(store);
  CHECK_OK(copse_arena_remove(txn, arena, &first));
  FAILS(copse_arena_remove(txn, arena, &first), COPSE_E_STALE, "removed");
  struct copse_handle again = insert(txn, arena, 3);
  CHECK_EQ(again.index, 0);
  CHECK_EQ(again.generation, 2);
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *now = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(now), *before = copse_snapshot_view(old);
  CHECK_EQ(get(before, arena, &first), 1);
  FAILS(copse_arena_get(before, arena, &again, &record), COPSE_E_NOT_YET, "not 2 yet");
  FAILS(copse_arena_get(view, arena, &first, &record), COPSE_E_STALE, "removed");
  FAILS(copse_arena_get(view, other, &first, &record), COPSE_E_FOREIGN, "belongs to");
  CHECK_EQ(get(view, arena, &again), 3);
  CHECK_EQ(get(view, arena, &second), 2);
  CHECK_EQ(count_of(view, arena), 2);
  copse_snapshot_close(old);
  copse_snapshot_close(now);
  copse_arena_close(arena);
  copse_arena_close(other);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(bulk_lies_in_one_piece) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena *arena = arena_new(store, "a", 64);
  enum { N = 10000 };
  uint64_t(*records)[8] = malloc(N * 64), first, chunks;
  CHECK(records);
  for (uint64_t i = 0; i < N; i++)
    for (int k = 0; k < 8; k++)
      records[i][k] = i * 8 + k;
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_arena_append(txn, arena, N, records, &first));
  CHECK_EQ(first, 0);
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_EQ(walk(view, arena, &chunks), N);
  CHECK_LE(chunks, N / 4000 + 2);
  struct copse_handle handle;
  const void *record;
  for (uint64_t i = 0; i < N; i++) {
    CHECK_OK(copse_arena_at(view, arena, i, &handle, &record));
    CHECK_BYTES(record, 64, records[i], 64);
    CHECK_EQ(handle.generation, 1);
  }
  CHECK_RESULT(copse_arena_at(view, arena, N, &handle, &record), COPSE_NONE);
  struct copse_map_stat stat;
  CHECK_OK(copse_map_stat(view, copse_arena_map(arena), &stat));
  CHECK_EQ(stat.records, N);
  CHECK_LE(stat.extent_bytes + stat.inner_bytes + stat.leaf_bytes, N * 64 * 1.05);
  /* A change of one record copies its leaf, and no more. */
  CHECK_OK(copse_arena_at(view, arena, 5000, &handle, &record));
  txn = begin(store);
  memset(records[5000], 7, 64);
  CHECK_OK(copse_arena_update(txn, arena, &handle, records[5000], NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  CHECK_OK(copse_snapshot_refresh(snapshot));
  for (uint64_t i = 0; i < N; i++) {
    CHECK_OK(copse_arena_at(view, arena, i, NULL, &record));
    CHECK_BYTES(record, 64, records[i], 64);
  }
  copse_snapshot_close(snapshot);
  /* All removed: only the generations are left. */
  txn = begin(store);
  for (handle.index = 0; handle.index < N; handle.index++)
    CHECK_OK(copse_arena_remove(txn, arena, &handle));
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  snapshot = snapshot_new(store);
  CHECK_OK(copse_map_stat(copse_snapshot_view(snapshot), copse_arena_map(arena), &stat));
  CHECK_EQ(stat.extent_bytes, 0);
  CHECK_EQ(walk(copse_snapshot_view(snapshot), arena, &chunks), 0);
  copse_snapshot_close(snapshot);
  free(records);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

TEST(slots_far_apart) {
  static const uint64_t indexes[] = {0,
                                     5,
                                     1000,
                                     70000,
                                     UINT64_C(1) << 32,
                                     (UINT64_C(1) << 32) + 1,
                                     UINT64_C(1) << 38,
                                     UINT64_C(0xABCDEF012345),
                                     COPSE_ARENA_INDEX_END - 1};
  enum { N = sizeof indexes / sizeof *indexes };
  static const uint32_t sizes[] = {1, 3, 8, 64, 100, 1000, 4096, 65536};
  for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    struct copse_store *store = store_new(NULL, 0);
    struct copse_arena *arena = arena_new(store, "a", sizes[s]);
    struct copse_handle handles[N], handle;
    struct copse_chunk chunk;
    uint64_t chunks;
    const void *record;
    void *memory;
    struct copse_txn *txn = begin(store);
    for (unsigned i = 0; i < N; i++) {
      unsigned at = s & 1 ? N - 1 - i : i; /* up, and down */
      CHECK_OK(copse_arena_insert_at(txn, arena, indexes[at], NULL, &handles[at], &memory));
      memset(memory, (int)at, sizes[s]);
    }
    CHECK_RESULT(copse_arena_insert_at(txn, arena, 1000, "", NULL, NULL), COPSE_E_KEY_EXISTS);
    CHECK_OK(copse_arena_insert(txn, arena, NULL, &handle, &memory)); /* the lowest free one */
    CHECK_EQ(handle.index, 1);
    CHECK_OK(copse_arena_remove(txn, arena, &handle));
    CHECK_OK(copse_txn_commit(txn, NULL));
    store_sound(store);
    struct copse_snapshot *snapshot = snapshot_new(store);
    struct copse_view *view = copse_snapshot_view(snapshot);
    for (unsigned i = 0; i < N; i++) {
      CHECK_OK(copse_arena_get(view, arena, &handles[i], &record));
      CHECK_EQ(((const uint8_t *)record)[sizes[s] - 1], i);
      CHECK_OK(copse_arena_chunk(view, arena, i ? indexes[i - 1] + 1 : 0, &chunk));
      CHECK_EQ(chunk.first, indexes[i]);
    }
    CHECK_EQ(walk(view, arena, &chunks), N);
    CHECK_EQ(count_of(view, arena), N);
    copse_snapshot_close(snapshot);
    copse_arena_close(arena);
    CHECK_OK(copse_store_close(store));
  }
}

TEST(arenas_and_maps_are_told_apart) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena *arena = arena_new(store, "a", 8), *wrong;
  struct copse_map *map = map_new(store, "m"), *as_map = copse_arena_map(arena);
  struct copse_arena_options nine = {.record_size = 9}, none = {0};
  struct copse_bytes value;
  struct copse_cursor *cursor;
  struct copse_map_info info;
  uint64_t count;
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  insert(txn, arena, 1);
  CHECK_EQ(count_of(view, arena), 1);
  FAILS(copse_map_open(view, "a", NULL, &map), COPSE_E_MAP_KIND, "an arena");
  FAILS(copse_arena_open(view, "m", NULL, &wrong), COPSE_E_MAP_KIND, "a map");
  FAILS(copse_arena_open(view, "a", &nine, &wrong), COPSE_E_MAP_KIND, "9 were asked for");
  FAILS(copse_arena_open(view, "x", NULL, &wrong), COPSE_E_NO_MAP, "no arena");
  FAILS(copse_arena_create(txn, "z", &none, &wrong), COPSE_E_ARGUMENT, "one byte");
  FAILS(copse_get(view, as_map, "12345678", 8, &value), COPSE_E_MAP_KIND, "arena");
  FAILS(copse_count(view, as_map, &count), COPSE_E_MAP_KIND, "arena");
  FAILS(put_text(txn, as_map, "12345678", "12345678"), COPSE_E_MAP_KIND, "arena");
  FAILS(copse_delete_range(txn, as_map, NULL, NULL), COPSE_E_MAP_KIND, "arena");
  FAILS(copse_cursor_open(view, as_map, NULL, &cursor), COPSE_E_MAP_KIND, "arena");
  CHECK_OK(copse_map_next(view, NULL, &info));
  CHECK_STR(info.name, "a");
  CHECK_EQ(info.key_kind, COPSE_KEY_SLOT);
  CHECK_EQ(info.count, 1);
  CHECK_OK(copse_map_rename(txn, as_map, "b"));
  CHECK_OK(copse_arena_open(view, "b", NULL, &wrong));
  copse_arena_close(wrong);
  CHECK_OK(copse_map_drop(txn, as_map));
  FAILS(copse_arena_count(view, arena, &count), COPSE_E_NO_MAP, "not there");
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_arena_close(arena);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(an_abort_and_a_savepoint_take_back) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena *arena = arena_new(store, "a", 8);
  struct copse_txn *txn = begin(store);
  uint64_t records[500] = {0};
  struct copse_handle one = insert(txn, arena, 1);
  CHECK_OK(copse_txn_commit(txn, NULL));
  txn = begin(store);
  struct copse_handle two = insert(txn, arena, 2);
  CHECK_OK(copse_savepoint(txn));
  CHECK_OK(copse_arena_remove(txn, arena, &one));
  CHECK_OK(copse_arena_append(txn, arena, 500, records, NULL));
  CHECK_EQ(count_of(copse_txn_view(txn), arena), 501);
  CHECK_OK(copse_savepoint_rollback(txn));
  CHECK_EQ(get(copse_txn_view(txn), arena, &one), 1);
  CHECK_EQ(get(copse_txn_view(txn), arena, &two), 2);
  CHECK_EQ(count_of(copse_txn_view(txn), arena), 2);
  copse_txn_abort(txn);
  txn = begin(store);
  CHECK_EQ(get(copse_txn_view(txn), arena, &one), 1);
  CHECK_EQ(count_of(copse_txn_view(txn), arena), 1);
  copse_txn_abort(txn);
  copse_arena_close(arena);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(a_batch_appends) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena *arena = arena_new(store, "a", 8);
  struct copse_batch *batch;
  struct copse_ticket ticket;
  struct copse_outcome outcome;
  CHECK_OK(copse_batch_open(store, &batch));
  for (uint64_t i = 0; i < 100; i++) {
    CHECK_OK(copse_batch_append(batch, copse_arena_map(arena), &i, 8));
    CHECK_OK(copse_batch_append(batch, copse_arena_map(arena), &i, 8));
    CHECK_OK(copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, &ticket));
    CHECK_OK(copse_batch_outcome(store, &ticket, COPSE_BATCH_VISIBLE, -1, &outcome));
    CHECK_EQ(outcome.first, 2 * i);
  }
  FAILS(copse_batch_append(batch, copse_arena_map(arena), "", 7), COPSE_E_VALUE_SIZE, "7 bytes");
  copse_batch_close(batch);
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_EQ(count_of(copse_snapshot_view(snapshot), arena), 200);
  copse_snapshot_close(snapshot);
  copse_arena_close(arena);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(a_full_store_keeps_what_it_has) {
  struct copse_store *store = store_new(NULL, UINT64_C(16) << 20);
  struct copse_arena *arena = arena_new(store, "a", 64);
  static uint8_t records[1000 * 64];
  struct copse_txn *txn = begin(store);
  uint64_t done = 0;
  int result;
  while ((result = copse_arena_append(txn, arena, 1000, records, NULL)) == 0)
    done += 1000;
  CHECK_EQ(result, COPSE_E_LIMIT);
  CHECK_EQ(count_of(copse_txn_view(txn), arena), done);
  while ((result = copse_arena_insert(txn, arena, records, NULL, NULL)) == 0)
    done++;
  CHECK_EQ(result, COPSE_E_LIMIT);
  CHECK_EQ(count_of(copse_txn_view(txn), arena), done);
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  struct copse_snapshot *snapshot = snapshot_new(store);
  uint64_t chunks;
  CHECK_EQ(walk(copse_snapshot_view(snapshot), arena, &chunks), done);
  CHECK_GE(done, 180000);
  copse_snapshot_close(snapshot);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

/* --- reservations ---------------------------------------------------------------------- */

static struct copse_reservation *reserve(struct copse_arena *arena, uint64_t n) {
  struct copse_reservation *reservation;
  CHECK_OK(copse_arena_reserve(arena, n, -1, &reservation));
  return reservation;
}

/* Fills it with numbers from value on. */
static void fill(struct copse_reservation *reservation, uint64_t value) {
  void *records;
  uint64_t done = 0, count;
  int result;
  while ((result = copse_reservation_piece(reservation, done, &records, &count)) == 0) {
    for (uint64_t i = 0; i < count; i++)
      memcpy((uint8_t *)records + 64 * i, &(uint64_t){value + done + i}, 8);
    done += count;
  }
  CHECK_EQ(result, COPSE_NONE);
}

static void filled(struct copse_view *view, struct copse_arena *arena, uint64_t first, uint64_t n,
                   uint64_t value) {
  for (uint64_t i = 0; i < n; i++) {
    const void *record;
    CHECK_OK(copse_arena_at(view, arena, first + i, NULL, &record));
    CHECK_BYTES(record, 8, &(uint64_t){value + i}, 8);
  }
}

static uint64_t reserved_pages(struct copse_store *store) {
  struct copse_check check;
  CHECK_OK(copse_check_store(store, -1, fault_print, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  return check.reserved_pages;
}

TEST(reserved_filled_published) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena *arena = arena_new(store, "a", 64);
  struct copse_reservation *one = reserve(arena, 1000), *two = reserve(arena, 10000);
  CHECK_EQ(reserved_pages(store), 4);
  fill(two, 50000);
  fill(one, 10);
  struct copse_txn *txn = begin(store);
  uint64_t first[3], chunks;
  insert(txn, arena, 1);
  CHECK_OK(copse_reservation_publish(txn, one, 1000, &first[0]));
  CHECK_OK(copse_reservation_publish(txn, two, 9000, &first[1]));
  FAILS(copse_reservation_publish(txn, one, 1000, NULL), COPSE_E_STATE, "before");
  CHECK_EQ(count_of(copse_txn_view(txn), arena), 10001);
  copse_txn_abort(txn); /* both are as they were */
  CHECK_EQ(reserved_pages(store), 4);
  txn = begin(store);
  struct copse_handle single = insert(txn, arena, 1), free_one;
  CHECK_OK(copse_reservation_publish(txn, one, 1000, &first[0]));
  CHECK_OK(copse_reservation_publish(txn, two, 9000, &first[1]));
  free_one = insert(txn, arena, 2); /* among those that were stepped over */
  CHECK_LT(free_one.index, first[0]);
  CHECK_EQ(get(copse_txn_view(txn), arena, &single), 1);
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_reservation_close(one);
  copse_reservation_close(two);
  struct copse_snapshot *snapshot = snapshot_new(store);
  filled(copse_snapshot_view(snapshot), arena, first[0], 1000, 10);
  filled(copse_snapshot_view(snapshot), arena, first[1], 9000, 50000);
  CHECK_EQ(walk(copse_snapshot_view(snapshot), arena, &chunks), 10002);
  CHECK_EQ(reserved_pages(store), 0);
  copse_snapshot_close(snapshot);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

TEST(what_is_not_published_goes_back) {
  struct copse_store *store = store_new(NULL, UINT64_C(16) << 20);
  struct copse_arena *arena = arena_new(store, "a", 64);
  struct copse_reservation *reservation, *again;
  for (int i = 0; i < 100; i++) { /* 300 MB in all */
    reservation = reserve(arena, 50000);
    fill(reservation, 1);
    copse_reservation_close(reservation);
    CHECK_EQ(reserved_pages(store), 0);
  }
  reservation = reserve(arena, 100000);
  FAILS(copse_store_close(store), COPSE_E_STATE, "a reservation");
  CHECK_RESULT(copse_arena_reserve(arena, 300000, -1, &again), COPSE_E_LIMIT);
  FAILS(copse_arena_reserve(arena, 0, -1, &again), COPSE_E_ARGUMENT, "0 records");
  struct copse_txn *txn = begin(store);
  FAILS(copse_arena_reserve(arena, 10, -1, &again), COPSE_E_DEADLOCK, "transaction");
  FAILS(copse_reservation_publish(txn, reservation, 100001, NULL), COPSE_E_ARGUMENT, "100001");
  CHECK_OK(copse_reservation_publish(txn, reservation, 100000, NULL));
  copse_reservation_close(reservation); /* before the transaction is undone */
  copse_txn_abort(txn);
  CHECK_EQ(reserved_pages(store), 0);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

TEST(a_watch_tells_of_slots) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena *arena = arena_new(store, "a", 8);
  struct copse_watch *watch;
  struct copse_watch_event event;
  struct copse_change change;
  uint8_t key[8];
  copse_key_u64(1, key);
  struct copse_range range = {.from = {key, 8}}; /* from slot 1 on */
  CHECK_OK(copse_watch_open(store, copse_arena_map(arena), &range, &watch));
  struct copse_txn *txn = begin(store);
  insert(txn, arena, 1);
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_RESULT(copse_watch_next(watch, 0, &event), COPSE_E_TIMEOUT);
  txn = begin(store);
  struct copse_handle handle = insert(txn, arena, 2);
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_watch_next(watch, 0, &event));
  CHECK_OK(copse_watch_change(watch, &change));
  CHECK_EQ((int)change.kind, COPSE_ADDED);
  CHECK_EQ(copse_key_to_u64(change.key.data), 1);
  CHECK_BYTES(change.after.data, change.after.size, &(uint64_t){2}, 8);
  CHECK_RESULT(copse_watch_change(watch, &change), COPSE_NONE);
  txn = begin(store);
  CHECK_OK(copse_arena_remove(txn, arena, &handle));
  insert(txn, arena, 2); /* the same bytes, another record */
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_watch_next(watch, 0, &event));
  CHECK_OK(copse_watch_change(watch, &change));
  CHECK_EQ((int)change.kind, COPSE_CHANGED);
  copse_watch_close(watch);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

/* --- power cuts ------------------------------------------------------------------------ */

static void coordination_remove(const char *path) {
  static const char *const names[] = {"-readers", "-writers"};
  for (int i = 0; i < 2; i++) {
    char name[500];
    snprintf(name, sizeof name, "%s%s", path, names[i]);
    CHECK_SYS(unlink(name));
  }
}

/* A child writes, and dies; then its machine does, as far as the store can tell. */
static void cut(const char *path, uint32_t durability) {
  struct copse_store_options options = {.flags = COPSE_CREATE, .durability = durability};
  struct copse_store *store;
  pid_t pid = test_fork();
  if (pid == 0) {
    static uint64_t records[3000];
    struct copse_reservation *reservation;
    CHECK_OK(copse_store_open(path, &options, &store));
    struct copse_arena *arena = arena_new(store, "a", 8), *gone = arena_new(store, "gone", 8);
    struct copse_map *map = map_new(store, "m");
    CHECK_OK(copse_arena_reserve(arena, 5000, -1, &reservation));
    for (uint64_t round = 0; round < 5; round++) {
      struct copse_txn *txn = begin(store);
      for (uint64_t i = 0; i < 3000; i++)
        records[i] = 3000 * round + i;
      CHECK_OK(copse_arena_append(txn, arena, 3000, records, NULL));
      insert(txn, gone, 1);
      CHECK_OK(put_text(txn, map, "key", "value"));
      CHECK_OK(copse_txn_commit(txn, NULL));
    }
    struct copse_txn *txn = begin(store);
    CHECK_OK(copse_map_drop(txn, copse_arena_map(gone)));
    CHECK_OK(put_text(txn, map, "other", "value"));
    CHECK_OK(copse_txn_commit(txn, NULL));
    CHECK_OK(copse_store_sync(store, NULL));
    raise(SIGKILL);
  }
  CHECK_CHILD_KILLED(pid, SIGKILL);
  coordination_remove(path);
  CHECK_OK(copse_store_open(path, &options, &store));
  CHECK_EQ(reserved_pages(store), 0);
  struct copse_arena *arena = arena_new(store, "a", 8);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_EQ(count_of(view, arena), 15000);
  for (uint64_t i = 0; i < 15000; i++) {
    const void *record;
    CHECK_OK(copse_arena_at(view, arena, i, NULL, &record));
    CHECK_BYTES(record, 8, &i, 8);
  }
  copse_snapshot_close(snapshot);
  struct copse_map *map = map_new(store, "m");
  snapshot = snapshot_new(store);
  text_is(copse_snapshot_view(snapshot), map, "other", "value");
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  copse_arena_close(arena);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(after_a_power_cut) { cut(test_disk_path("lazy"), COPSE_DURABILITY_LAZY); }

TEST(after_a_power_cut_with_a_log) { cut(test_disk_path("sync"), COPSE_DURABILITY_SYNC); }

/* --- damage ---------------------------------------------------------------------------- */

/* Offsets of pages of arenas in the file: nodes and slot words. */
static size_t pages_find(int fd, uint64_t *offsets, size_t most) {
  uint8_t head[16];
  size_t n = 0;
  for (uint64_t at = 12288; n < most && pread(fd, head, sizeof head, (off_t)at) == sizeof head;
       at += 128)
    if ((head[12] == 6 || head[12] == 7) && head[13] <= 8 && head[14] && head[15] == 0)
      offsets[n++] = at;
  return n;
}

static uint64_t hostile_word(struct test_random *random, uint64_t word, const uint64_t *pages,
                             size_t n) {
  switch (test_random_below(random, 6)) {
  case 0: return 0;
  case 1: return ~UINT64_C(0);
  case 2: return test_random_next(random);
  case 3: return pages[test_random_below(random, n)] / 128 | UINT64_C(28) << 48; /* an inner page */
  case 4: return word ^ UINT64_C(1) << test_random_below(random, 64);
  default: return word + test_random_below(random, 16) - 8;
  }
}

/* Everything that reads or writes; nothing is expected but an end. */
static void use(struct copse_store *store, struct copse_arena *arena, struct copse_view *old,
                struct test_random *random) {
  struct copse_check check;
  struct copse_chunk chunk;
  struct copse_diff *diff;
  struct copse_change change;
  struct copse_map_stat stat;
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  struct copse_txn *txn;
  uint64_t from = 0, sum = 0;
  const void *record;
  static uint8_t records[200 * 64];
  int result = copse_check_store(store, -1, NULL, NULL, NULL, &check);
  for (int i = 0; i < 1000 && copse_arena_chunk(view, arena, from, &chunk) == 0; i++) {
    CHECK_GE(chunk.first, from);
    sum += ((const uint8_t *)chunk.records)[0] +
           ((const uint8_t *)chunk.records)[chunk.count * 64 - 1];
    from = chunk.first + chunk.count;
  }
  struct copse_slots slots = {0};
  for (int i = 0;
       i < 1000 && copse_arena_slots(view, arena, slots.first + slots.count, &slots) == 0; i++)
    sum += slots.records ? ((const uint8_t *)slots.records)[slots.count * 64 - 1] : 0;
  result |= copse_map_stat(view, copse_arena_map(arena), &stat);
  if (copse_diff_open(old, view, copse_arena_map(arena), NULL, &diff) == 0) {
    for (int i = 0; i < 1000 && copse_diff_next(diff, &change) == 0; i++)
      sum += change.after.data ? *(const uint8_t *)change.after.data : 0;
    copse_diff_close(diff);
  }
  copse_snapshot_close(snapshot);
  if (copse_txn_begin(store, -1, &txn))
    return;
  for (int i = 0; i < 20; i++) {
    struct copse_handle handle;
    uint64_t index = test_random_below(random, 9000);
    result |= copse_arena_insert(txn, arena, records, &handle, NULL);
    result |= copse_arena_insert_at(txn, arena, index * 977, records, &handle, NULL);
    slots = (struct copse_slots){i % 2 ? records : NULL, index * 31, 1 + index % 200, 3, 0};
    result |= copse_arena_restore(txn, arena, &slots);
    if (copse_arena_at(copse_txn_view(txn), arena, index, &handle, &record) == 0) {
      sum += *(const uint8_t *)record;
      result |= copse_arena_update(txn, arena, &handle, records, NULL);
      result |= copse_arena_remove(txn, arena, &handle);
    }
  }
  result |= copse_arena_append(txn, arena, 200, records, NULL);
  copse_txn_abort(txn);
  CHECK(result <= 0 || sum < UINT64_MAX);
}

TEST(damaged_pages_do_no_harm) {
  const char *path = test_shm_path("damaged");
  struct copse_store *store = store_new(path, UINT64_C(64) << 20);
  struct copse_arena *arena = arena_new(store, "a", 64);
  struct test_random random = {test_seed()};
  static uint8_t records[8000 * 64];
  uint64_t pages[500];
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_arena_append(txn, arena, 8000, records, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *old = snapshot_new(store);
  txn = begin(store);
  for (uint64_t i = 0; i < 300; i++) {
    struct copse_handle handle = {0};
    const void *record;
    CHECK_OK(copse_arena_insert_at(txn, arena, (i * i) << 20 | 8000, records, &handle, NULL));
    CHECK_OK(copse_arena_at(copse_txn_view(txn), arena, i * 23, &handle, &record));
    CHECK_OK(copse_arena_remove(txn, arena, &handle));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  int fd = CHECK_SYS(open(path, O_RDWR));
  size_t n = pages_find(fd, pages, sizeof pages / sizeof *pages);
  CHECK_GT(n, 50);
  for (int round = 0; round < 400 * test_scale(); round++) {
    off_t at[3];
    uint64_t before[3];
    for (int i = 0; i < 3; i++) {
      uint64_t reach = test_random_one_in(&random, 3) ? 128 : 8;
      at[i] = (off_t)(pages[test_random_below(&random, n)] + 8 * test_random_below(&random, reach));
      CHECK_EQ(pread(fd, &before[i], 8, at[i]), 8);
      uint64_t word = hostile_word(&random, before[i], pages, n);
      CHECK_EQ(pwrite(fd, &word, 8, at[i]), 8);
    }
    use(store, arena, copse_snapshot_view(old), &random);
    for (int i = 3; i-- > 0;)
      CHECK_EQ(pwrite(fd, &before[i], 8, at[i]), 8);
  }
  close(fd);
  copse_snapshot_close(old);
  store_sound(store);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}
