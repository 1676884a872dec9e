/* test_store_arena_copy.c - arenas in copies: those that keep all pages, and those that are made anew. Random
 * ones are in tests/model/. */
#include <stdlib.h>

#include "stream.h"
#include "test_store_fixture.h"

enum { SIZE = 64 };

static uint64_t arena_number(struct copse_view *view, struct copse_arena *arena) {
  struct copse_arena_info info;
  CHECK_OK(copse_arena_info(view, arena, &info));
  return info.arena;
}

/* What the view shows of an arena, in another store. */
static struct copse_arena *arena_copy(struct copse_view *view, struct copse_arena *arena,
                                      struct copse_store *other, const char *name) {
  struct copse_arena_options options = {.record_size = SIZE, .arena = arena_number(view, arena)};
  struct copse_slots slots = {0};
  struct copse_arena *copy;
  CHECK_OK(copse_arena_ensure(other, name, &options, -1, &copy));
  struct copse_txn *txn = begin(other);
  while (copse_arena_slots(view, arena, slots.first + slots.count, &slots) == 0)
    CHECK_OK(copse_arena_restore(txn, copy, &slots));
  CHECK_OK(copse_txn_commit(txn, NULL));
  return copy;
}

/* An arena with a long array, holes, second generations, and slots far away; its handles. */
static struct copse_arena *arena_fill(struct copse_store *store, struct copse_handle *handles) {
  static const uint64_t far[] = {UINT64_C(1) << 32, (UINT64_C(1) << 38) + 7,
                                 COPSE_ARENA_INDEX_END - 1};
  struct copse_arena_options options = {.record_size = SIZE};
  struct copse_arena *arena;
  uint8_t *records = malloc(9000 * SIZE);
  CHECK(records);
  for (size_t i = 0; i < 9000 * SIZE; i++)
    records[i] = (uint8_t)(i / SIZE + i);
  CHECK_OK(copse_arena_ensure(store, "a", &options, -1, &arena));
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  CHECK_OK(copse_arena_append(txn, arena, 9000, records, NULL));
  for (uint64_t i = 500; i < 1000; i += 1 + i % 3) {
    const void *record;
    CHECK_OK(copse_arena_at(view, arena, i, &handles[0], &record));
    CHECK_OK(copse_arena_remove(txn, arena, &handles[0])); /* the last one stays stale */
  }
  CHECK_OK(copse_arena_insert(txn, arena, records, &handles[1], NULL));
  CHECK_EQ(handles[1].generation, 2);
  for (int i = 0; i < 3; i++)
    CHECK_OK(copse_arena_insert_at(txn, arena, far[i], records + i, &handles[2 + i], NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  free(records);
  return arena;
}

static void handles_same(struct copse_view *views[2], struct copse_arena *arenas[2],
                         const struct copse_handle *handles) {
  const void *records[2];
  for (int i = 0; i < 5; i++) {
    int result = i ? 0 : COPSE_E_STALE;
    for (int k = 0; k < 2; k++)
      CHECK_RESULT(copse_arena_get(views[k], arenas[k], &handles[i], &records[k]), result);
    if (result == 0)
      CHECK_BYTES(records[1], SIZE, records[0], SIZE);
  }
}

TEST(handles_are_valid_in_copies) {
  const char *sealed = test_shm_path("sealed"), *streamed = test_shm_path("streamed");
  struct copse_store *store = store_new(NULL, 0), *other = store_new(NULL, 0);
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_handle handles[5], next[2];
  struct copse_arena *arenas[2] = {arena_fill(store, handles)};
  struct copse_reservation *reservation;
  struct copse_snapshot *snapshots[2];
  CHECK_OK(copse_arena_reserve(arenas[0], 5000, -1, &reservation)); /* no part of any copy */
  snapshots[0] = snapshot_new(store);
  struct copse_view *views[2] = {copse_snapshot_view(snapshots[0])};
  CHECK_OK(copse_snapshot_seal(snapshots[0], sealed, 0));
  struct stream stream = stream_make(store, NULL);
  CHECK_OK(stream_apply(&stream, streamed, NULL));
  stream_free(&stream);
  const char *paths[] = {sealed, streamed};
  for (int i = 0; i < 2; i++) {
    struct copse_store *copy;
    CHECK_GT(same_content(snapshots[0], paths[i]), 8000);
    CHECK_OK(copse_store_open(paths[i], &read_only, &copy));
    snapshots[1] = snapshot_new(copy);
    views[1] = copse_snapshot_view(snapshots[1]);
    CHECK_OK(copse_arena_open(views[1], "a", NULL, &arenas[1]));
    handles_same(views, arenas, handles);
    copse_arena_close(arenas[1]);
    copse_snapshot_close(snapshots[1]);
    CHECK_OK(copse_store_close(copy));
  }
  arenas[1] = arena_copy(views[0], arenas[0], other, "a");
  snapshots[1] = snapshot_new(other);
  views[1] = copse_snapshot_view(snapshots[1]);
  handles_same(views, arenas, handles);
  CHECK_EQ(slots_hash(views[1], "a", NULL), slots_hash(views[0], "a", NULL));
  store_sound(other);
  /* Both go on alike. */
  for (int i = 0; i < 2; i++) {
    struct copse_txn *txn = begin(i ? other : store);
    static const uint8_t record[SIZE];
    CHECK_OK(copse_arena_insert(txn, arenas[i], record, &next[i], NULL));
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
  CHECK(memcmp(&next[0], &next[1], sizeof next[0]) == 0);
  for (int i = 0; i < 2; i++) {
    copse_snapshot_close(snapshots[i]);
    if (i == 0)
      copse_reservation_close(reservation);
    copse_arena_close(arenas[i]);
  }
  CHECK_OK(copse_store_close(other));
  CHECK_OK(copse_store_close(store));
}

TEST(long_arrays_are_copied_as_arrays) {
  struct copse_store *store = store_new(NULL, 0), *other = store_new(NULL, 0);
  struct copse_handle handles[5];
  struct copse_arena *arena = arena_fill(store, handles);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_arena *copy = arena_copy(copse_snapshot_view(snapshot), arena, other, "b");
  struct copse_snapshot *after = snapshot_new(other);
  struct copse_chunk chunk;
  CHECK_OK(copse_arena_chunk(copse_snapshot_view(after), copy, 1100, &chunk));
  CHECK_GT(chunk.count, 2900);
  copse_snapshot_close(after);
  copse_snapshot_close(snapshot);
  copse_arena_close(copy);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(other));
  CHECK_OK(copse_store_close(store));
}

TEST(an_arena_is_one_in_a_store) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_handle handles[5];
  struct copse_arena *arena = arena_fill(store, handles), *other;
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  struct copse_arena_options options = {.record_size = SIZE, .arena = arena_number(view, arena)};
  CHECK_OK(copse_arena_open(view, "a", &options, &other));
  copse_arena_close(other);
  FAILS(copse_arena_create(txn, "b", &options, &other), COPSE_E_MAP_EXISTS, "already");
  options.arena += 2;
  FAILS(copse_arena_open(view, "a", &options, &other), COPSE_E_FOREIGN, "asked for");
  CHECK_OK(copse_arena_create(txn, "b", &options, &other));
  CHECK_EQ(arena_number(view, other), options.arena);
  copse_arena_close(other);
  for (options.arena = 1; options.arena < 3; options.arena++)
    FAILS(copse_arena_create(txn, "c", &options, &other), COPSE_E_ARGUMENT, "no arena's");
  /* One that was dropped may come back, in the same transaction too. */
  options.arena = arena_number(view, arena);
  CHECK_OK(copse_map_drop(txn, copse_arena_map(arena)));
  CHECK_OK(copse_arena_create(txn, "again", &options, &other));
  struct copse_slots slots = {"12345678901234567890123456789012345678901234567890123456789012345",
                              handles[1].index, 1, handles[1].generation, 0};
  const void *record;
  CHECK_OK(copse_arena_restore(txn, other, &slots));
  CHECK_OK(copse_arena_get(view, other, &handles[1], &record));
  FAILS(copse_arena_get(view, arena, &handles[1], &record), COPSE_E_NO_MAP, "");
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_arena_close(other);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

TEST(slots_that_cannot_be_restored) {
  static const uint8_t records[3 * SIZE];
  struct copse_store *store = store_new(NULL, 0);
  struct copse_arena_options options = {.record_size = SIZE};
  struct copse_arena *arena;
  struct copse_handle handle;
  struct copse_slots slots, found;
  CHECK_OK(copse_arena_ensure(store, "a", &options, -1, &arena));
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  const struct copse_slots wrong[] = {
      {records, 0, 0, 1, 0},
      {records, 0, 1, 0, 0},
      {records, 0, 1, 0x80000000u, 0},
      {records, COPSE_ARENA_INDEX_END, 1, 1, 0},
      {records, COPSE_ARENA_INDEX_END - 1, 2, 1, 0},
      {records, 5, UINT64_MAX, 1, 0},
  };
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
    FAILS(copse_arena_restore(txn, arena, &wrong[i]), COPSE_E_ARGUMENT, "cannot be");
  CHECK_RESULT(copse_arena_slots(view, arena, 0, &found), COPSE_NONE);
  /* The last generation, in use and after it. */
  slots = (struct copse_slots){records, 10, 1, 0x7fffffff, 0};
  CHECK_OK(copse_arena_restore(txn, arena, &slots));
  slots = (struct copse_slots){NULL, 11, 2, 0x7fffffff, 0};
  CHECK_OK(copse_arena_restore(txn, arena, &slots));
  CHECK_OK(copse_arena_slots(view, arena, 11, &found));
  CHECK(found.first == 11 && found.count == 2 && !found.records && found.generation == 0x7fffffff);
  CHECK_RESULT(copse_arena_insert_at(txn, arena, 11, records, NULL, NULL), COPSE_E_TOO_MANY);
  for (int i = 0; i < 11; i++) { /* those before, then what is behind the retired ones */
    CHECK_OK(copse_arena_insert(txn, arena, records, &handle, NULL));
    CHECK_EQ(handle.index, i < 10 ? i : 13);
  }
  /* A run that meets a slot in use changes nothing, in whichever leaf that is. */
  CHECK_OK(copse_arena_insert_at(txn, arena, 500, records, NULL, NULL));
  for (int generation = 1; generation < 3; generation++) {
    slots = (struct copse_slots){NULL, 14, 487, (uint32_t)generation, 0};
    FAILS(copse_arena_restore(txn, arena, &slots), COPSE_E_KEY_EXISTS, "slot 500");
  }
  CHECK_OK(copse_arena_slots(view, arena, 14, &found));
  CHECK_EQ(found.first, 500);
  slots.count = 486;
  CHECK_OK(copse_arena_restore(txn, arena, &slots));
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}

TEST(a_full_store_restores_all_or_nothing) {
  struct copse_store *store = store_new(NULL, 1 << 20);
  struct copse_arena_options options = {.record_size = SIZE};
  struct copse_arena_info info;
  struct copse_arena *arena;
  struct copse_slots found;
  uint8_t *records = calloc(40000, SIZE);
  CHECK(records);
  CHECK_OK(copse_arena_ensure(store, "a", &options, -1, &arena));
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  for (uint32_t generation = 1; generation < 3; generation++) {
    struct copse_slots slots = {records, 100 * generation, 40000, generation, 0};
    CHECK_RESULT(copse_arena_restore(txn, arena, &slots), COPSE_E_LIMIT);
    CHECK_OK(copse_arena_info(view, arena, &info));
    CHECK_EQ(info.count + info.end, 0);
    CHECK_RESULT(copse_arena_slots(view, arena, 0, &found), COPSE_NONE);
  }
  struct copse_slots slots = {records, 100, 500, 2, 0};
  CHECK_OK(copse_arena_restore(txn, arena, &slots));
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  free(records);
  copse_arena_close(arena);
  CHECK_OK(copse_store_close(store));
}
