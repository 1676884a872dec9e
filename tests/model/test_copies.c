/* test_copies.c - a store changes at random, and copies of it are brought up to date at random: each
 * from the version that it holds, over many commits or none, by one stream or several. Every
 * copy is compared with the snapshot that it was made from, record by record, and checked. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stream.h"

#define COPIES 4
#define MAPS 6 /* and an arena and a tree arena */

struct world {
  struct test_random random;
  const char *path;
  const char *copies[COPIES];
  struct copse_store *store;
  struct stream kept; /* a stream that was made a while ago */
  struct copse_position kept_since, kept_to;
  uint64_t commits, applied, records;
  uint8_t *value;
};

#define VALUE_MAX 400000u

static uint64_t below(struct world *world, uint64_t bound) {
  return test_random_below(&world->random, bound);
}

/* --- changes ------------------------------------------------------------------------------- */

static void record_change(struct world *world, struct copse_txn *txn, struct copse_map *map,
                          unsigned kind) {
  static const uint32_t sizes[] = {0, 8, 50, 500, 600, 5000, 9000, 60000, VALUE_MAX};
  uint8_t key[40];
  size_t size = 8;
  copse_key_u64(below(world, 2000), key);
  if (kind == 0) { /* byte strings of different lengths */
    size = 8 + below(world, sizeof key - 8);
    memset(key + 8, key[7], sizeof key - 8);
  }
  if (test_random_one_in(&world->random, 3)) {
    int result = copse_delete(txn, map, key, size);
    CHECK(result == 0 || result == COPSE_NONE);
    return;
  }
  uint64_t most = sizes[below(world, test_random_one_in(&world->random, 40) ? 9 : 5)];
  uint64_t value_size = kind == 2 ? 48 : below(world, most + 1);
  test_random_fill(&world->random, world->value, value_size < 100 ? value_size : 100);
  CHECK_OK(copse_put(txn, map, key, size, world->value, value_size, 0));
}

static void map_change(struct world *world, struct copse_txn *txn, uint64_t number) {
  char name[16];
  struct copse_map *map;
  unsigned kind = number % 3;
  struct copse_map_options options = {.key_kind = kind ? COPSE_KEY_U64 : COPSE_KEY_BYTES,
                                      .value_size = kind == 2 ? 48 : 0};
  snprintf(name, sizeof name, "map %llu", (unsigned long long)number);
  int result = copse_map_open(copse_txn_view(txn), name, NULL, &map);
  if (result == COPSE_E_NO_MAP)
    result = copse_map_create(txn, name, &options, &map);
  CHECK_OK(result);
  if (test_random_one_in(&world->random, 60)) {
    CHECK_OK(copse_map_drop(txn, map));
  } else if (test_random_one_in(&world->random, 60)) {
    uint8_t from[8], to[8];
    copse_key_u64(below(world, 2000), from);
    copse_key_u64(below(world, 2000), to);
    CHECK_OK(copse_delete_range(txn, map, &(struct copse_range){.from = {from, 8}, .to = {to, 8}},
                                NULL));
  } else {
    uint64_t many = test_random_one_in(&world->random, 20) ? 500 : 6;
    for (uint64_t n = 1 + below(world, many); n; n--)
      record_change(world, txn, map, kind);
  }
  copse_map_close(map);
}

static void arena_drop(struct copse_txn *txn, const char *name) {
  struct copse_arena *arena;
  int result = copse_arena_open(copse_txn_view(txn), name, NULL, &arena);
  if (result == COPSE_E_NO_MAP)
    return;
  CHECK_OK(result);
  CHECK_OK(copse_map_drop(txn, copse_arena_map(arena)));
  copse_arena_close(arena);
}

static void commit(struct world *world) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(world->store, -1, &txn));
  for (uint64_t n = 1 + below(world, 3); n; n--) {
    uint64_t number = below(world, MAPS + 2);
    if (number < MAPS)
      map_change(world, txn, number);
    else if (test_random_one_in(&world->random, 60))
      arena_drop(txn, number == MAPS ? "arena" : "tree");
    else
      (number == MAPS ? slots_change : tree_change)(&world->random, txn,
                                                    number == MAPS ? "arena" : "tree");
  }
  if (test_random_one_in(&world->random, 10))
    copse_txn_abort(txn);
  else
    CHECK_OK(copse_txn_commit(txn, NULL));
  world->commits++;
}

/* --- copies -------------------------------------------------------------------------------- */

static struct copse_snapshot *snapshot_new(struct world *world) {
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_snapshot_open(world->store, 0, &snapshot));
  return snapshot;
}

static void copy_make(struct world *world, const char *path) {
  struct copse_snapshot *snapshot = snapshot_new(world);
  int removed = copse_store_remove(path);
  CHECK(removed == 0 || removed == COPSE_E_NO_STORE);
  if (test_random_one_in(&world->random, 2)) {
    CHECK_OK(copse_snapshot_seal(snapshot, path, 0));
  } else {
    struct stream stream = stream_make(world->store, NULL);
    CHECK_OK(stream_apply(&stream, path, NULL));
    stream_free(&stream);
  }
  world->records += same_content(snapshot, path);
  copse_snapshot_close(snapshot);
}

/* Commits may come between the snapshot and the stream's end: it is the snapshot's all the same. */
static int write_beside_commits(void *context, const void *data, size_t size) {
  struct world *world = context;
  if (test_random_one_in(&world->random, 2))
    commit(world);
  return stream_write(&world->kept, data, size);
}

static void copy_update(struct world *world, const char *path) {
  struct copse_snapshot *snapshot = snapshot_new(world);
  struct copse_position to;
  stream_free(&world->kept);
  CHECK_OK(copse_copy_position(path, &world->kept_since));
  copse_snapshot_position(snapshot, &world->kept_to);
  CHECK_OK(copse_snapshot_changes(snapshot, &world->kept_since, write_beside_commits, world));
  CHECK_OK(stream_apply(&world->kept, path, &to));
  CHECK(memcmp(&to, &world->kept_to, sizeof to) == 0);
  world->records += same_content(snapshot, path);
  copse_snapshot_close(snapshot);
  world->applied++;
}

/* The stream made last fits the copies that are where it leads from, and those that are where it leads to. */
static void copy_try_kept(struct world *world, const char *path) {
  struct copse_position at, then;
  if (!world->kept.size)
    return;
  CHECK_OK(copse_copy_position(path, &at));
  int fits = at.version == world->kept_since.version || at.version == world->kept_to.version;
  CHECK_RESULT(stream_apply(&world->kept, path, NULL), fits ? 0 : COPSE_E_CHANGES);
  CHECK_OK(copse_copy_position(path, &then));
  CHECK_EQ(then.version, fits ? world->kept_to.version : at.version);
}

static void file_copy(const char *from, const char *to) {
  struct stream stream = stream_kept(from);
  stream_keep(&stream, to);
  stream_free(&stream);
}

static void step(struct world *world) {
  const char *path = world->copies[below(world, COPIES)],
             *other = world->copies[below(world, COPIES)];
  uint64_t what = below(world, 100);
  if (what < 70) {
    commit(world);
  } else if (what < 72) {
    copy_make(world, path);
  } else if (what < 90) {
    copy_update(world, path);
  } else if (what < 93) {
    copy_try_kept(world, path);
  } else if (what < 95 && path != other) {
    file_copy(path, other); /* as any file: it goes on from there */
  } else if (what == 95) {
    CHECK_OK(copse_store_close(world->store));
    CHECK_OK(copse_store_open(world->path, NULL, &world->store));
  }
}

static void copies_run(const char *path, int steps) {
  static const char *const names[COPIES] = {"copy 1", "copy 2", "copy 3", "copy 4"};
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct world world = {.random = {test_seed()}, .path = path, .value = calloc(1, VALUE_MAX)};
  CHECK(world.value != NULL);
  CHECK_OK(copse_store_open(path, &options, &world.store));
  commit(&world);
  for (int i = 0; i < COPIES; i++) {
    world.copies[i] = test_shm_path(names[i]);
    copy_make(&world, world.copies[i]);
  }
  for (int i = 0; i < steps; i++)
    step(&world);
  for (int i = 0; i < COPIES; i++)
    copy_update(&world, world.copies[i]);
  CHECK_OK(copse_store_close(world.store));
  stream_free(&world.kept);
  free(world.value);
  test_note(__FILE__, __LINE__, "%llu commits, %llu streams applied, %llu records compared",
            (unsigned long long)world.commits, (unsigned long long)world.applied,
            (unsigned long long)world.records);
}

TEST(copies_follow) { copies_run(test_shm_path("store"), 400 * test_scale()); }
TEST(copies_follow_on_disk) { copies_run(test_disk_path("store"), 100 * test_scale()); }
