/* test_store_model.c - random operations on a store and on the model of it, compared over and
 * over: in the transaction, by snapshots kept for long, by diffs, after savepoints, aborts
 * and reopening; then the checker, and the space that is left when all is deleted.
 *
 * Replay: --seed N; each test uses its own share of the seed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model.h"

struct row {
  uint64_t id;
  double price;
  char name[12];
  uint32_t size;
};
#define ROW_FIELDS(F) F(u64, id, 1) F(f64, price, 1) F(text, name, 12) F(u32, size, 1)
COPSE_RECORD(row, ROW_FIELDS)

#define SNAPSHOTS 6
struct held {
  struct copse_snapshot *snapshot;
  struct model_state state;
};

struct world {
  struct test_random random;
  const char *path; /* NULL: anonymous, not reopened */
  struct copse_store *store;
  struct copse_store_options options;
  uint64_t value_max; /* bytes of the largest values of new maps */
  struct model_state committed, now;
  struct model_state saves[8];
  unsigned save_count;
  struct copse_txn *txn;
  struct held held[SNAPSHOTS];
  uint64_t operations;
  void *buffer;
};

#define VALUE_MAX (3u << 20)

static uint64_t below(struct world *world, uint64_t bound) {
  return test_random_below(&world->random, bound);
}
static int one_in(struct world *world, uint64_t n) { return test_random_one_in(&world->random, n); }

/* --- maps -------------------------------------------------------------------------------- */

static struct copse_map_options options_of(const struct model_map *map) {
  struct copse_map_options options = {.key_kind = map->key_kind, .value_size = map->value_size};
  if (map->typed)
    options.layout = row_layout();
  return options;
}

static void map_create(struct world *world) {
  static const uint32_t sizes[] = {1, 3, 8, 20, 64, 100, 512, 513, 4096};
  static const uint32_t key_counts[] = {3, 30, 300, 3000};
  char name[32];
  if (world->now.count == MODEL_MAPS)
    return;
  snprintf(name, sizeof name, "map %llu", (unsigned long long)below(world, 40));
  if (state_find(&world->now, name) < MODEL_MAPS) {
    struct copse_map *handle;
    CHECK_RESULT(copse_map_create(world->txn, name, NULL, &handle), COPSE_E_MAP_EXISTS);
    return;
  }
  struct model_map *map = state_add(&world->now, name);
  map->key_kind = one_in(world, 4) ? COPSE_KEY_U64 : COPSE_KEY_BYTES;
  map->typed = one_in(world, 4);
  map->value_size = map->typed         ? sizeof(struct row)
                    : one_in(world, 3) ? sizes[below(world, sizeof sizes / sizeof *sizes)]
                                       : 0;
  map->style = (uint32_t)below(world, 600);
  map->key_count = key_counts[below(world, 4)];
  map->value_max = one_in(world, 3) ? world->value_max : 600;
  if (map->value_max > 100000 && map->key_count > 30)
    map->key_count = 30;
  else if (map->value_max > 600 && map->key_count > 300)
    map->key_count = 300;
  struct copse_map_options options = options_of(map);
  CHECK_OK(copse_map_create(world->txn, name, &options, &map->handle->map));
}

static void map_rename(struct world *world, unsigned index) {
  char name[32];
  snprintf(name, sizeof name, "map %llu", (unsigned long long)below(world, 40));
  const struct model_map *map = world->now.maps[index];
  if (state_find(&world->now, name) < MODEL_MAPS) {
    CHECK_RESULT(copse_map_rename(world->txn, map->handle->map, name), COPSE_E_MAP_EXISTS);
    return;
  }
  CHECK_OK(copse_map_rename(world->txn, map->handle->map, name));
  strcpy(state_own(&world->now, index)->name, name);
}

static void map_drop(struct world *world, unsigned index) {
  CHECK_OK(copse_map_drop(world->txn, world->now.maps[index]->handle->map));
  CHECK_RESULT(
      copse_exists(copse_txn_view(world->txn), world->now.maps[index]->handle->map, "12345678", 8),
      COPSE_E_NO_MAP);
  state_remove(&world->now, index);
}

/* --- records ----------------------------------------------------------------------------- */

static uint64_t value_size_random(struct world *world, const struct model_map *map) {
  static const uint32_t edges[] = {0, 1, 7, 8, 511, 512, 513, 1000, 4032, 4096, 8128, 8129, 12224};
  if (map->value_size)
    return map->value_size;
  uint64_t size = one_in(world, 8)   ? edges[below(world, sizeof edges / sizeof *edges)]
                  : one_in(world, 4) ? below(world, map->value_max + 1)
                                     : below(world, 60);
  return size > map->value_max ? map->value_max : size;
}

static int put_result(const struct model_map *map, const uint8_t *key, uint32_t size,
                      uint32_t flags) {
  int exact;
  size_t at = map_search(map, key, size, &exact);
  if (flags & COPSE_APPEND && (exact || at != map->count))
    return COPSE_E_ORDER;
  if (flags & COPSE_INSERT && exact)
    return COPSE_E_KEY_EXISTS;
  return flags & COPSE_REPLACE && !exact ? COPSE_NONE : 0;
}

static void record_put(struct world *world, unsigned index) {
  static const uint32_t choices[] = {
      0, 0, 0, 0, 0, COPSE_INSERT, COPSE_REPLACE, COPSE_APPEND, COPSE_APPEND | COPSE_INSERT};
  const struct model_map *map = world->now.maps[index];
  uint8_t key[COPSE_KEY_MAX];
  uint32_t size = key_make(map, (uint32_t)below(world, map->key_count), key);
  uint32_t flags = choices[below(world, sizeof choices / sizeof *choices)];
  uint64_t value_size = value_size_random(world, map), seed = test_random_next(&world->random);
  int expected = put_result(map, key, size, flags), result;
  if (map->value_size && one_in(world, 50)) {
    CHECK_RESULT(
        copse_put(world->txn, map->handle->map, key, size, world->buffer, value_size + 1, 0),
        COPSE_E_VALUE_SIZE);
    return;
  }
  if (one_in(world, 4)) {
    void *memory;
    result = copse_reserve(world->txn, map->handle->map, key, size, value_size, flags, &memory);
    if (result == 0)
      value_fill(seed, memory, value_size);
  } else {
    value_fill(seed, world->buffer, value_size);
    result = copse_put(world->txn, map->handle->map, key, size, value_size ? world->buffer : NULL,
                       value_size, flags);
  }
  CHECK_RESULT(result, expected);
  if (result == 0)
    map_put(state_own(&world->now, index), key, size, seed, value_size);
}

static void record_delete(struct world *world, unsigned index) {
  const struct model_map *map = world->now.maps[index];
  uint8_t key[COPSE_KEY_MAX];
  uint32_t size = key_make(map, (uint32_t)below(world, map->key_count), key);
  int exact;
  size_t at = map_search(map, key, size, &exact);
  CHECK_RESULT(copse_delete(world->txn, map->handle->map, key, size), exact ? 0 : COPSE_NONE);
  if (exact)
    map_remove(state_own(&world->now, index), at, at + 1);
}

static void record_compare_and_set(struct world *world, unsigned index) {
  const struct model_map *map = world->now.maps[index];
  uint8_t key[COPSE_KEY_MAX];
  uint32_t size = key_make(map, (uint32_t)below(world, map->key_count), key);
  int exact, wrong = one_in(world, 3), remove = one_in(world, 3);
  size_t at = map_search(map, key, size, &exact);
  uint64_t seed = test_random_next(&world->random), value_size = value_size_random(world, map);
  struct copse_bytes expected = {NULL, 0}, value = {world->buffer, value_size};
  if (exact) {
    CHECK_OK(copse_get(copse_txn_view(world->txn), map->handle->map, key, size, &expected));
    void *copy = memcpy((uint8_t *)world->buffer + VALUE_MAX, expected.data, expected.size);
    expected.data = copy;
    if (wrong)
      expected.size += 1;
  }
  value_fill(seed, world->buffer, value_size);
  int give = exact != wrong || (exact && wrong);
  int result = copse_compare_and_set(world->txn, map->handle->map, key, size,
                                     give ? &expected : NULL, remove ? NULL : &value);
  CHECK_RESULT(result, wrong ? COPSE_E_CONFLICT : 0);
  if (result || (remove && !exact))
    return;
  if (remove)
    map_remove(state_own(&world->now, index), at, at + 1);
  else
    map_put(state_own(&world->now, index), key, size, seed, value_size);
}

static void range_delete(struct world *world, unsigned index) {
  const struct model_map *map = world->now.maps[index];
  struct model_range range;
  size_t low = 0, high = map->count;
  uint64_t deleted;
  int all = one_in(world, 10);
  if (!all) {
    range_random(&world->random, map, &range);
    range_find(map, &range.range, &low, &high);
  }
  CHECK_OK(copse_delete_range(world->txn, map->handle->map, all ? NULL : &range.range, &deleted));
  CHECK_EQ(deleted, high - low);
  if (high > low)
    map_remove(state_own(&world->now, index), low, high);
}

/* Many records behind the last one. */
static void records_append(struct world *world, unsigned index) {
  struct model_map *map = state_own(&world->now, index);
  if (map->key_kind != COPSE_KEY_U64 || map->style % 2 == 0 || map->value_max > 600)
    return;
  uint64_t last = map->count ? copse_key_to_u64(map->records[map->count - 1]->key) : 0;
  for (uint64_t n = below(world, 200); n && last < 5000; n--) {
    uint8_t key[8];
    copse_key_u64(++last, key);
    uint64_t size = value_size_random(world, map), seed = test_random_next(&world->random);
    value_fill(seed, world->buffer, size);
    CHECK_OK(copse_put(world->txn, map->handle->map, key, 8, world->buffer, size, COPSE_APPEND));
    map_put(map, key, 8, seed, size);
    world->operations++;
  }
}

/* --- savepoints -------------------------------------------------------------------------- */

static void savepoint(struct world *world) {
  unsigned top = world->save_count;
  uint64_t what = below(world, 3);
  if (what == 0 && top < 8) {
    CHECK_OK(copse_savepoint(world->txn));
    state_copy(&world->saves[world->save_count++], &world->now);
  } else if (what == 1) {
    CHECK_RESULT(copse_savepoint_rollback(world->txn), top ? 0 : COPSE_E_STATE);
    if (top) {
      state_free(&world->now);
      state_copy(&world->now, &world->saves[top - 1]);
    }
  } else {
    CHECK_RESULT(copse_savepoint_release(world->txn), top ? 0 : COPSE_E_STATE);
    if (top)
      state_free(&world->saves[--world->save_count]);
  }
}

/* --- transactions ------------------------------------------------------------------------ */

static void operation(struct world *world) {
  uint64_t what = below(world, 1000);
  world->operations++;
  if (world->now.count == 0 || what < 8) {
    map_create(world);
    return;
  }
  unsigned index = (unsigned)below(world, world->now.count);
  const struct model_map *map = world->now.maps[index];
  if (what < 10)
    map_drop(world, index);
  else if (what < 14)
    map_rename(world, index);
  else if (what < 24)
    savepoint(world);
  else if (what < 34)
    range_delete(world, index);
  else if (what < 44)
    records_append(world, index);
  else if (what < 80)
    record_compare_and_set(world, index);
  else if (what < 300)
    record_delete(world, index);
  else if (what < 310)
    compare_map(&world->random, copse_txn_view(world->txn), map);
  else if (what < 312)
    compare_catalog(copse_txn_view(world->txn), &world->now);
  else
    record_put(world, index);
}

static void transaction(struct world *world) {
  CHECK_OK(copse_txn_begin(world->store, -1, &world->txn));
  state_copy(&world->now, &world->committed);
  for (uint64_t n = one_in(world, 10) ? 0 : below(world, one_in(world, 10) ? 600 : 40); n; n--)
    operation(world);
  while (world->save_count)
    state_free(&world->saves[--world->save_count]);
  if (one_in(world, 8)) {
    copse_txn_abort(world->txn);
    state_free(&world->now);
  } else {
    uint64_t before = copse_store_version(world->store);
    CHECK_OK(copse_txn_commit(world->txn, &world->now.version));
    CHECK_LE(world->now.version, before + 1);
    CHECK_EQ(copse_store_version(world->store), world->now.version);
    state_free(&world->committed);
    world->committed = world->now;
    world->now.count = 0;
  }
  world->txn = NULL;
}

/* --- batches ----------------------------------------------------------------------------- */

/* Adds an operation to a batch, and does it to the model's state. 0, or why the batch will be refused. */
static int batch_operation(struct world *world, struct copse_batch *batch) {
  unsigned index = (unsigned)below(world, world->now.count);
  const struct model_map *map = world->now.maps[index];
  struct copse_map *handle = map->handle->map;
  uint8_t key[COPSE_KEY_MAX];
  uint32_t size = key_make(map, (uint32_t)below(world, map->key_count), key);
  uint64_t what = below(world, 20), value_size = value_size_random(world, map);
  uint64_t seed = test_random_next(&world->random);
  int exact;
  size_t at = map_search(map, key, size, &exact);
  world->operations++;
  value_fill(seed, world->buffer, value_size);
  if (what < 4) {
    CHECK_OK(copse_batch_delete(batch, handle, key, size));
    if (exact)
      map_remove(state_own(&world->now, index), at, at + 1);
    return 0;
  }
  if (what == 4 && map->key_kind == COPSE_KEY_U64 && map->style % 2 && map->value_max <= 600) {
    uint64_t last = map->count ? copse_key_to_u64(map->records[map->count - 1]->key) + 1 : 0;
    CHECK_OK(copse_batch_append(batch, handle, world->buffer, value_size));
    if (map->count && last == 0)
      return COPSE_E_ORDER; /* there is no greater key */
    copse_key_u64(last, key);
    map_put(state_own(&world->now, index), key, 8, seed, value_size);
    return 0;
  }
  if (what == 5) {
    int wrong = one_in(world, 3), remove = one_in(world, 3);
    struct copse_bytes value = {world->buffer, value_size};
    struct copse_bytes expected = {(uint8_t *)world->buffer + VALUE_MAX, 1};
    if (exact) {
      expected.size = map->records[at]->value_size;
      value_fill(map->records[at]->value_seed, (uint8_t *)world->buffer + VALUE_MAX, expected.size);
      expected.size += (uint64_t)wrong;
    }
    CHECK_OK(copse_batch_compare_and_set(
        batch, handle, key, size, exact || wrong ? &expected : NULL, remove ? NULL : &value));
    if (wrong)
      return COPSE_E_CONFLICT;
    if (remove && exact)
      map_remove(state_own(&world->now, index), at, at + 1);
    if (remove)
      return 0;
  } else {
    CHECK_OK(copse_batch_put(batch, handle, key, size, world->buffer, value_size));
  }
  map_put(state_own(&world->now, index), key, size, seed, value_size);
  return 0;
}

/* Some batches: applied at once, or left while we have the lock ourselves and then applied as one. */
static void batches(struct world *world) {
  struct copse_batch *batch;
  struct copse_ticket tickets[30];
  struct copse_outcome outcome;
  int refused[30], count = (int)test_random_range(&world->random, 1, 30), leave = one_in(world, 2);
  if (world->committed.count == 0)
    return;
  CHECK_OK(copse_batch_open(world->store, &batch));
  if (leave)
    CHECK_OK(copse_txn_begin(world->store, -1, &world->txn));
  for (int i = 0; i < count; i++) {
    refused[i] = 0;
    state_copy(&world->now, &world->committed);
    for (uint64_t n = test_random_range(&world->random, 1, 6); n; n--) {
      int refusal = batch_operation(world, batch);
      refused[i] = refused[i] ? refused[i] : refusal;
    }
    int result = copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &tickets[i]);
    if (leave && (result == COPSE_E_DEADLOCK)) { /* too large for the ring */
      state_free(&world->now);
      count = i;
      break;
    }
    CHECK_OK(result);
    state_free(refused[i] ? &world->now : &world->committed);
    if (!refused[i])
      world->committed = world->now;
    world->now.count = 0;
  }
  if (leave)
    copse_txn_abort(world->txn);
  world->txn = NULL;
  for (int i = 0; i < count; i++) {
    CHECK_OK(copse_batch_outcome(world->store, &tickets[i], COPSE_BATCH_VISIBLE, -1, &outcome));
    CHECK_EQ(outcome.result, refused[i]);
  }
  world->committed.version = copse_store_version(world->store);
  copse_batch_close(batch);
}

/* --- snapshots --------------------------------------------------------------------------- */

static void held_close(struct held *held) {
  copse_snapshot_close(held->snapshot);
  held->snapshot = NULL;
  state_free(&held->state);
}

static void held_compare(struct world *world, struct held *held) {
  struct copse_view *view = copse_snapshot_view(held->snapshot);
  CHECK_EQ(copse_snapshot_version(held->snapshot), held->state.version);
  if (one_in(world, 20))
    compare_catalog(view, &held->state);
  if (held->state.count)
    compare_map(&world->random, view, held->state.maps[below(world, held->state.count)]);
}

static void held_diff(struct world *world, struct held *before, struct held *after) {
  const struct model_state *either = before->state.count ? &before->state : &after->state;
  if (either->count == 0)
    return;
  const struct model_handle *handle = either->maps[below(world, either->count)]->handle;
  compare_diff(&world->random, copse_snapshot_view(before->snapshot),
               state_by_handle(&before->state, handle), copse_snapshot_view(after->snapshot),
               state_by_handle(&after->state, handle));
}

static void snapshots(struct world *world) {
  struct held *held = &world->held[below(world, SNAPSHOTS)];
  struct held *other = &world->held[below(world, SNAPSHOTS)];
  if (!held->snapshot) {
    CHECK_OK(copse_snapshot_open(world->store, 0, &held->snapshot));
    state_copy(&held->state, &world->committed);
  } else if (one_in(world, 8)) {
    held_close(held);
    return;
  } else if (one_in(world, 8)) {
    int newer = held->state.version != world->committed.version;
    CHECK_RESULT(copse_snapshot_refresh(held->snapshot), newer ? 0 : COPSE_NONE);
    state_free(&held->state);
    state_copy(&held->state, &world->committed);
  }
  held_compare(world, held);
  if (other->snapshot)
    held_diff(world, held, other);
}

/* --- opening and closing ------------------------------------------------------------------- */

static void world_open(struct world *world) {
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_store_open(world->path, &world->options, &world->store));
  CHECK_OK(copse_snapshot_open(world->store, 0, &snapshot));
  for (unsigned i = 0; i < world->committed.count; i++) {
    const struct model_map *map = world->committed.maps[i];
    struct copse_map_options options = options_of(map);
    CHECK_OK(copse_map_open(copse_snapshot_view(snapshot), map->name,
                            one_in(world, 2) ? &options : NULL, &map->handle->map));
    compare_scan(copse_snapshot_view(snapshot), map);
  }
  CHECK_EQ(copse_snapshot_version(snapshot), world->committed.version);
  compare_catalog(copse_snapshot_view(snapshot), &world->committed);
  copse_snapshot_close(snapshot);
}

static void world_close(struct world *world) {
  for (unsigned i = 0; i < SNAPSHOTS; i++)
    if (world->held[i].snapshot)
      held_close(&world->held[i]);
  for (unsigned i = 0; i < world->committed.count; i++) {
    copse_map_close(world->committed.maps[i]->handle->map);
    world->committed.maps[i]->handle->map = NULL;
  }
  CHECK_OK(copse_store_close(world->store));
}

static void world_begin(struct world *world, const char *path, uint64_t value_max,
                        uint64_t number) {
  *world = (struct world){.random = {test_seed() + number}, .path = path, .value_max = value_max};
  world->options.flags = COPSE_CREATE;
  world->options.max_bytes = UINT64_C(4) << 30;
  world->buffer = malloc(2 * VALUE_MAX + 16);
  world->committed.version = 1;
  CHECK(world->buffer != NULL);
  world_open(world);
}

/* Deletes everything by a few commits, and looks at what is still in use. */
static void world_empty(struct world *world) {
  struct copse_stat stat;
  for (unsigned i = 0; i < SNAPSHOTS; i++)
    if (world->held[i].snapshot)
      held_close(&world->held[i]);
  CHECK_OK(copse_txn_begin(world->store, -1, &world->txn));
  while (world->committed.count) {
    CHECK_OK(copse_map_drop(world->txn, world->committed.maps[0]->handle->map));
    state_remove(&world->committed, 0);
  }
  CHECK_OK(copse_txn_commit(world->txn, &world->committed.version));
  for (int i = 0; i < 400; i++) {
    struct copse_map *map;
    CHECK_OK(copse_map_ensure(world->store, "for the space of a commit", NULL, -1, &map));
    CHECK_OK(copse_txn_begin(world->store, -1, &world->txn));
    CHECK_OK(copse_put(world->txn, map, NULL, 0, &i, sizeof i, 0));
    if (i == 399)
      CHECK_OK(copse_map_drop(world->txn, map));
    CHECK_OK(copse_txn_commit(world->txn, &world->committed.version));
    copse_map_close(map);
    if (i % 50 == 0) /* what is durable keeps its pages, and what was so before */
      CHECK_OK(copse_store_sync(world->store, NULL));
  }
  CHECK_OK(copse_stat(world->store, &stat));
  CHECK_EQ(stat.maps, 0);
  CHECK_LT(stat.used_bytes, 256 << 10);
  CHECK_EQ(stat.pinned_bytes, 0);
  check_sound(world->store, &world->committed);
}

static void world_run(struct world *world, double seconds) {
  struct timespec begin, now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    for (int i = 0; i < 60; i++) {
      transaction(world);
      snapshots(world);
      if (one_in(world, 4)) {
        batches(world);
        snapshots(world);
      }
      if (one_in(world, 20)) {
        CHECK_OK(copse_store_shrink(world->store, NULL));
        world->committed.version = copse_store_version(world->store);
      }
    }
    check_sound(world->store, &world->committed);
    if (world->path && one_in(world, 3)) {
      world_close(world);
      world_open(world);
    }
    if (one_in(world, 10))
      world_empty(world);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec) <
           seconds);
  world_empty(world);
  world_close(world);
  free(world->buffer);
  test_note(__FILE__, __LINE__, "%llu operations", (unsigned long long)world->operations);
}

TEST(small_values) {
  struct world world;
  world_begin(&world, test_shm_path("store"), 600, 0);
  world_run(&world, test_seconds(2));
}

TEST(values_of_some_pages) {
  struct world world;
  world_begin(&world, test_shm_path("store"), 40000, 1);
  world_run(&world, test_seconds(1.5));
}

TEST(large_values) {
  struct world world;
  world_begin(&world, NULL, VALUE_MAX, 2);
  world_run(&world, test_seconds(2));
}

TEST(on_disk) {
  struct world world;
  world_begin(&world, test_disk_path("store"), 20000, 3);
  world_run(&world, test_seconds(1));
}
