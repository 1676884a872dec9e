/* test_faults.c - a script of operations in which every single call fails once.
 *
 * The script is run again and again; in run n the nth call on a file, or the nth allocation of
 * memory, fails (inject.h). The caller must be told, the store must be sound and hold a committed
 * state, the step must go well when it is repeated, and at the end nothing is left: no memory,
 * descriptor, mapping or file.
 *
 * Replay of one run: --filter TEST --seed N with COPSE_FAULT=n in the environment. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copse/copse.h"
#include "inject.h"
#include "slots.h"
#include "test.h"

#define KEYS 48
#define NUMBER "number"
#define VALUE_MAX 100000
#define STATES 32
#define SLOTS 150 /* snapshots at once: more than the reader slots at first */

/* A committed state, as the test knows it. */
struct content {
  int step;            /* of the script, that commits it */
  uint32_t size[KEYS]; /* of the value, + 1; 0: not there */
  uint32_t stamp[KEYS];
  uint32_t extra; /* records in the map "extra", + 1; 0: there is none */
  uint32_t turns; /* arenas: so often changed */
};

struct world {
  const char *path;
  struct copse_store_options options;
  struct copse_store *store;
  /* By number: 0 without a map, 1 with an empty one; each other one has its number in it. */
  struct content states[STATES];
  uint32_t acked, begun; /* committed for sure; perhaps */
  uint32_t durable;      /* what a failed sync may lead back to */
  bool lost;             /* it may have */
  unsigned told;         /* faults that a caller was told of */
  int step;
  struct test_random random;
};

static uint8_t buffer[VALUE_MAX];

/* --- content ----------------------------------------------------------------------------- */

static void key_of(uint32_t key, char text[8]) { snprintf(text, 8, "k%u", key % KEYS); }

static const uint8_t *value_of(uint32_t stamp, uint32_t size) {
  for (uint32_t i = 0; i < size; i++)
    buffer[i] = (uint8_t)(stamp + i * 7);
  return buffer;
}

static struct content *content_begin(struct world *world) {
  world->begun = world->acked + 1;
  CHECK_LT(world->begun, STATES);
  world->states[world->begun] = world->states[world->acked];
  world->states[world->begun].step = world->step;
  return &world->states[world->begun];
}

static void extra_check(struct copse_view *view, uint32_t extra) {
  struct copse_map *map;
  uint64_t count;
  CHECK_RESULT(copse_map_open(view, "extra", NULL, &map), extra ? 0 : COPSE_E_NO_MAP);
  if (!extra)
    return;
  CHECK_OK(copse_count(view, map, &count));
  CHECK_EQ(count, extra - 1);
  copse_map_close(map);
}

/* --- arenas ------------------------------------------------------------------------------ */

#define TURNS 4

/* Opens what the first turn makes. */
static int arenas_open(struct copse_txn *txn, struct copse_arena **arena,
                       struct copse_tree **tree) {
  struct copse_arena_options records = {.record_size = 64};
  struct copse_tree_options payloads = {.payload_size = 8};
  struct copse_view *view = copse_txn_view(txn);
  int result = copse_arena_open(view, "arena", &records, arena);
  if (result == COPSE_E_NO_MAP)
    result = copse_arena_create(txn, "arena", &records, arena);
  if (result)
    return result;
  result = copse_tree_open(view, "tree", &payloads, tree);
  if (result == COPSE_E_NO_MAP)
    result = copse_tree_create(txn, "tree", &payloads, tree);
  if (result)
    copse_arena_close(*arena);
  return result;
}

static int arena_change(struct copse_txn *txn, struct copse_arena *arena, uint32_t turn) {
  uint8_t records[300 * 64];
  struct copse_handle handle;
  const void *record;
  struct copse_slots slots = {records, UINT64_C(1) << (30 + turn), 100, turn, 0};
  memset(records, (int)turn, sizeof records);
  int result = copse_arena_append(txn, arena, 300, records, NULL);
  for (uint64_t i = turn; i < 250 && result == 0; i += 7) {
    result = copse_arena_at(copse_txn_view(txn), arena, i, &handle, &record);
    if (result == 0)
      result = i % 2 ? copse_arena_remove(txn, arena, &handle)
                     : copse_arena_update(txn, arena, &handle, records, NULL);
    else if (result == COPSE_NONE)
      result = 0;
  }
  for (int i = 0; i < 5 && result == 0; i++)
    result = copse_arena_insert(txn, arena, records, &handle, NULL);
  return result ? result : copse_arena_restore(txn, arena, &slots);
}

static int tree_change_in(struct copse_txn *txn, struct copse_tree *tree, uint32_t turn) {
  struct copse_handle parent, node;
  const void *payload;
  uint64_t value = turn;
  int result = copse_tree_new(txn, tree, &value, &parent, NULL);
  for (int i = 0; i < 120 && result == 0; i++) {
    value = value * 3 + 1;
    result = copse_tree_new(txn, tree, &value, &node, NULL);
    if (result == 0)
      result = copse_tree_prepend(txn, tree, &parent, &node);
    parent = i % 5 ? parent : node;
  }
  if (result == 0)
    result = copse_tree_at(copse_txn_view(txn), tree, 40, &node, &payload);
  if (result == 0)
    result = copse_tree_detach(txn, tree, &node);
  return result ? result : copse_tree_remove_subtree(txn, tree, &parent, NULL);
}

/* One turn of changes in a transaction; what is left of a reservation is published (NULL: there is none). */
static int arenas_change(struct copse_txn *txn, uint32_t turn,
                         struct copse_reservation *reservation) {
  struct copse_arena *arena;
  struct copse_tree *tree;
  int result = arenas_open(txn, &arena, &tree);
  if (result)
    return result;
  result = arena_change(txn, arena, turn);
  if (result == 0 && reservation)
    result = copse_reservation_publish(txn, reservation, 700, NULL);
  if (result == 0)
    result = tree_change_in(txn, tree, turn);
  copse_tree_close(tree);
  copse_arena_close(arena);
  return result;
}

/* Room for records in the arena, filled. *reservation NULL: there is no arena yet. */
static int arena_reserve(struct copse_store *store, uint32_t turn, struct copse_arena **arena,
                         struct copse_reservation **reservation) {
  struct copse_arena_options records = {.record_size = 64};
  uint64_t count;
  void *piece;
  *reservation = NULL;
  *arena = NULL;
  if (turn == 1)
    return 0;
  int result = copse_arena_ensure(store, "arena", &records, -1, arena);
  if (result)
    return result;
  result = copse_arena_reserve(*arena, 1000, -1, reservation);
  for (uint64_t i = 0; result == 0 && i < 1000; i += count) {
    CHECK_OK(copse_reservation_piece(*reservation, i, &piece, &count));
    memset(piece, (int)turn + 100, count * 64);
  }
  return result;
}

/* What the arenas are after so many turns: as in a store where nothing fails. */
static const uint64_t *arenas_expected(uint32_t turns) {
  static uint64_t hashes[TURNS + 1][2];
  struct copse_store *store;
  CHECK_LE(turns, TURNS);
  if (hashes[turns][0])
    return hashes[turns];
  CHECK_OK(copse_store_open(NULL, NULL, &store));
  for (uint32_t turn = 1; turn <= turns; turn++) {
    struct copse_reservation *reservation;
    struct copse_arena *arena;
    struct copse_txn *txn;
    CHECK_OK(arena_reserve(store, turn, &arena, &reservation));
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    CHECK_OK(arenas_change(txn, turn, reservation));
    hashes[turn][0] = slots_hash(copse_txn_view(txn), "arena", NULL);
    hashes[turn][1] = slots_hash(copse_txn_view(txn), "tree", NULL);
    CHECK_OK(copse_txn_commit(txn, NULL));
    copse_reservation_close(reservation);
    copse_arena_close(arena);
  }
  CHECK_OK(copse_store_close(store));
  return hashes[turns];
}

static void arenas_check(struct copse_view *view, uint32_t turns) {
  struct copse_arena *arena;
  if (turns == 0) {
    CHECK_RESULT(copse_arena_open(view, "arena", NULL, &arena), COPSE_E_NO_MAP);
    CHECK_RESULT(copse_arena_open(view, "tree", NULL, &arena), COPSE_E_NO_MAP);
    return;
  }
  CHECK_EQ(slots_hash(view, "arena", NULL), arenas_expected(turns)[0]);
  CHECK_EQ(slots_hash(view, "tree", NULL), arenas_expected(turns)[1]);
}

/* Returns the state's number, all of which must be there and nothing else. */
static uint32_t content_check(struct world *world, struct copse_view *view) {
  struct copse_map *map;
  struct copse_bytes value;
  uint32_t number = 1;
  uint64_t count, expected = 0;
  char key[8];
  if (copse_map_open(view, "m", NULL, &map) == COPSE_E_NO_MAP) {
    extra_check(view, 0);
    arenas_check(view, 0);
    return 0;
  }
  int result = copse_get(view, map, NUMBER, strlen(NUMBER), &value);
  if (result != COPSE_NONE) {
    CHECK_OK(result);
    CHECK_EQ(value.size, sizeof number);
    memcpy(&number, value.data, sizeof number);
    expected++;
  }
  CHECK_LT(number, STATES);
  const struct content *content = &world->states[number];
  for (uint32_t i = 0; i < KEYS; i++) {
    key_of(i, key);
    CHECK_RESULT(copse_get(view, map, key, strlen(key), &value), content->size[i] ? 0 : COPSE_NONE);
    if (!content->size[i])
      continue;
    expected++;
    CHECK_BYTES(value.data, value.size, value_of(content->stamp[i], content->size[i] - 1),
                content->size[i] - 1);
  }
  CHECK_OK(copse_count(view, map, &count));
  CHECK_EQ(count, expected);
  extra_check(view, content->extra);
  arenas_check(view, content->turns);
  copse_map_close(map);
  return number;
}

/* --- steps ------------------------------------------------------------------------------- */

static int store_open(struct world *world) {
  return copse_store_open(world->path, &world->options, &world->store);
}

static int map_make(struct world *world) {
  struct copse_map *map;
  world->begun = 1;
  world->states[1].step = world->step;
  int result = copse_map_ensure(world->store, "m", NULL, -1, &map);
  if (result == 0) {
    world->acked = 1;
    copse_map_close(map);
  }
  return result;
}

static int value_put(struct copse_txn *txn, struct copse_map *map, struct content *content,
                     uint32_t key, uint32_t size, uint32_t stamp) {
  char text[8];
  key %= KEYS;
  key_of(key, text);
  int result = copse_put(txn, map, text, strlen(text), value_of(stamp, size), size, 0);
  if (result == 0) {
    content->size[key] = size + 1;
    content->stamp[key] = stamp;
  }
  return result;
}

/* Puts a few values; what has no room is put again, and the transaction goes on. */
static int values_put(struct world *world, struct copse_txn *txn, struct copse_map *map,
                      struct content *content, uint32_t count, uint32_t most) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t key = (uint32_t)test_random_below(&world->random, KEYS);
    uint32_t size = (uint32_t)test_random_below(&world->random, most);
    uint32_t stamp = (uint32_t)test_random_next(&world->random);
    int result = value_put(txn, map, content, key, size, stamp);
    if (result == COPSE_E_NO_SPACE && stamp % 2)
      result = value_put(txn, map, content, key, size, stamp);
    if (result)
      return result;
  }
  return 0;
}

/* Begins a transaction with the map, and ends it; the content is what it commits. */
static int txn_begin(struct world *world, struct copse_txn **txn, struct copse_map **map) {
  int result = copse_txn_begin(world->store, -1, txn);
  if (result)
    return result;
  result = copse_map_open(copse_txn_view(*txn), "m", NULL, map);
  if (result)
    copse_txn_abort(*txn);
  return result;
}

static int txn_end(struct world *world, struct copse_txn *txn, struct copse_map *map, int result) {
  uint32_t number = world->begun;
  if (result == 0)
    result = copse_put(txn, map, NUMBER, strlen(NUMBER), &number, sizeof number, 0);
  copse_map_close(map);
  if (result) {
    copse_txn_abort(txn);
    return result;
  }
  result = copse_txn_commit(txn, NULL);
  if (result == 0)
    world->acked = number;
  return result;
}

static int puts_of(struct world *world, uint32_t count, uint32_t most) {
  struct copse_txn *txn;
  struct copse_map *map;
  struct content *content = content_begin(world);
  int result = txn_begin(world, &txn, &map);
  if (result)
    return result;
  return txn_end(world, txn, map, values_put(world, txn, map, content, count, most));
}

static int puts_small(struct world *world) { return puts_of(world, 30, 600); }
static int puts_large(struct world *world) { return puts_of(world, 30, VALUE_MAX); }

static int savepoints(struct world *world) {
  struct copse_txn *txn;
  struct copse_map *map;
  struct content *content = content_begin(world);
  int result = txn_begin(world, &txn, &map);
  if (result)
    return result;
  result = values_put(world, txn, map, content, 5, 600);
  struct content undone = *content;
  if (result == 0)
    result = copse_savepoint(txn);
  if (result == 0) {
    result = values_put(world, txn, map, &undone, 10, 20000);
    /* Undone whatever came of it: the transaction goes on as it was at the savepoint. */
    int rolled = copse_savepoint_rollback(txn);
    result = rolled ? rolled : result;
  }
  if (result == 0)
    result = values_put(world, txn, map, content, 5, 600);
  return txn_end(world, txn, map, result);
}

static int abort_after(struct world *world) {
  struct copse_txn *txn;
  struct copse_map *map;
  struct content undone = world->states[world->acked];
  int result = txn_begin(world, &txn, &map);
  if (result)
    return result;
  result = values_put(world, txn, map, &undone, 10, VALUE_MAX);
  copse_map_close(map);
  copse_txn_abort(txn);
  return result;
}

static int extra_create(struct world *world) {
  struct copse_txn *txn;
  struct copse_map *map, *extra;
  struct content *content = content_begin(world);
  int result = txn_begin(world, &txn, &map);
  if (result)
    return result;
  result = copse_map_create(txn, "extra", &(struct copse_map_options){.value_size = 100}, &extra);
  if (result == 0) {
    for (uint32_t i = 0; i < 500 && result == 0; i++) {
      uint8_t key[4] = {(uint8_t)(i >> 8), (uint8_t)i};
      result = copse_put(txn, extra, key, sizeof key, value_of(i, 100), 100, COPSE_APPEND);
    }
    copse_map_close(extra);
  }
  content->extra = 501;
  return txn_end(world, txn, map, result);
}

static int extra_drop(struct world *world) {
  struct copse_txn *txn;
  struct copse_map *map, *extra;
  struct content *content = content_begin(world);
  int result = txn_begin(world, &txn, &map);
  if (result)
    return result;
  result = copse_map_open(copse_txn_view(txn), "extra", NULL, &extra);
  if (result == 0) {
    result = copse_map_drop(txn, extra);
    copse_map_close(extra);
  }
  content->extra = 0;
  return txn_end(world, txn, map, result);
}

static int arenas(struct world *world) {
  struct copse_txn *txn;
  struct copse_map *map;
  struct copse_arena *arena;
  struct copse_reservation *reservation;
  struct content *content = content_begin(world);
  int result = arena_reserve(world->store, ++content->turns, &arena, &reservation);
  if (result == 0)
    result = txn_begin(world, &txn, &map);
  if (result == 0)
    result = txn_end(world, txn, map, arenas_change(txn, content->turns, reservation));
  copse_reservation_close(reservation);
  copse_arena_close(arena);
  return result;
}

static int all_delete(struct world *world) {
  struct copse_txn *txn;
  struct copse_map *map;
  struct content *content = content_begin(world);
  int result = txn_begin(world, &txn, &map);
  if (result)
    return result;
  result = copse_delete_range(txn, map, NULL, NULL);
  memset(content->size, 0, sizeof content->size);
  return txn_end(world, txn, map, result);
}

static int batch_fill(struct copse_batch *batch, struct copse_map *map, struct world *world,
                      struct content *content) {
  int result = 0;
  char text[8];
  for (uint32_t key = 0; key < 10 && result == 0; key++) {
    uint32_t size = 100 + key * 300, stamp = (uint32_t)test_random_next(&world->random);
    key_of(key, text);
    result = copse_batch_put(batch, map, text, strlen(text), value_of(stamp, size), size);
    content->size[key] = size + 1;
    content->stamp[key] = stamp;
  }
  return result ? result
                : copse_batch_put(batch, map, NUMBER, strlen(NUMBER), &world->begun,
                                  sizeof world->begun);
}

static int batch_commit(struct world *world) {
  struct copse_batch *batch;
  struct copse_map *map;
  struct content *content = content_begin(world);
  int result = copse_map_ensure(world->store, "m", NULL, -1, &map);
  if (result)
    return result;
  result = copse_batch_open(world->store, &batch);
  if (result == 0) {
    result = batch_fill(batch, map, world, content);
    if (result == 0)
      result = copse_batch_commit(batch, COPSE_BATCH_VISIBLE, -1, NULL);
    copse_batch_close(batch);
  }
  if (result == 0)
    world->acked = world->begun;
  copse_map_close(map);
  return result;
}

static int walk(struct world *world, struct copse_view *view, struct copse_map *map) {
  (void)world;
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  const struct copse_range range = {.from = {"k1", 2}};
  int result = copse_cursor_open(view, map, &range, &cursor);
  if (result)
    return result;
  while ((result = copse_cursor_next(cursor, &key, &value)) == 0)
    ;
  copse_cursor_close(cursor);
  return result == COPSE_NONE ? 0 : result;
}

static int follow(struct world *world, struct copse_view *view, struct copse_map *map) {
  struct copse_watch *watch;
  struct copse_diff *diff;
  struct copse_change change;
  int result = walk(world, view, map);
  if (result)
    return result;
  result = copse_watch_open(world->store, map, NULL, &watch);
  if (result)
    return result;
  copse_watch_close(watch);
  result = copse_diff_open(view, view, map, NULL, &diff);
  if (result)
    return result;
  result = copse_diff_next(diff, &change);
  copse_diff_close(diff);
  return result == COPSE_NONE ? 0 : result;
}

static int read_of(struct world *world, uint32_t flags,
                   int (*reads)(struct world *, struct copse_view *, struct copse_map *)) {
  struct copse_snapshot *snapshot;
  struct copse_map *map;
  int result = copse_snapshot_open(world->store, flags, &snapshot);
  if (result)
    return result;
  struct copse_view *view = copse_snapshot_view(snapshot);
  result = copse_map_open(view, "m", NULL, &map);
  if (result == 0) {
    result = reads(world, view, map);
    copse_map_close(map);
  }
  copse_snapshot_close(snapshot);
  return result;
}

static int read_oustable(struct world *world) {
  return read_of(world, COPSE_SNAPSHOT_OUSTABLE, walk);
}

static int read_and_follow(struct world *world) { return read_of(world, 0, follow); }

static int many_snapshots(struct world *world) {
  struct copse_snapshot *snapshots[SLOTS];
  int result = 0, count = 0;
  while (count < SLOTS && result == 0) {
    result = copse_snapshot_open(world->store, 0, &snapshots[count]);
    count += result == 0;
  }
  while (count > 0)
    copse_snapshot_close(snapshots[--count]);
  return result;
}

/* Leases on all values, by themselves and in a group; those that could be had are good after the snapshot. */
static int leases_take(struct world *world, struct copse_view *view, struct copse_map *map,
                       struct copse_lease_group *group) {
  struct copse_lease *leases[KEYS] = {NULL};
  struct copse_bytes values[KEYS][2];
  const struct content *content = &world->states[world->acked];
  int result = 0;
  char key[8];
  for (uint32_t i = 0; i < KEYS && result == 0; i++) {
    key_of(i, key);
    if (!content->size[i])
      continue;
    result = copse_get(view, map, key, strlen(key), &values[i][0]);
    values[i][1] = values[i][0];
    if (result == 0)
      result = copse_lease_group_take(group, view, COPSE_LEASE_PIN, &values[i][1]);
    if (result == 0)
      result = copse_lease_take(view, i % 7 ? COPSE_LEASE_PIN : COPSE_LEASE_COPY, &values[i][0],
                                &leases[i]);
  }
  for (uint32_t i = 0; i < KEYS; i++)
    for (int n = 0; n < 2 && leases[i]; n++)
      CHECK_BYTES(values[i][n].data, values[i][n].size,
                  value_of(content->stamp[i], content->size[i] - 1), content->size[i] - 1);
  for (uint32_t i = 0; i < KEYS; i++)
    copse_lease_release(leases[i]);
  return result;
}

static int lease_all(struct world *world, struct copse_view *view, struct copse_map *map) {
  struct copse_lease_bounds bounds = {.small_bytes = UINT32_MAX};
  struct copse_lease_usage usage;
  struct copse_lease_group *group;
  copse_lease_bound(world->store, &bounds);
  int result = copse_lease_group_open(world->store, &group);
  if (result)
    return result;
  result = leases_take(world, view, map, group);
  copse_lease_group_close(group);
  copse_lease_usage(world->store, &usage);
  CHECK_EQ(usage.leases, 0);
  CHECK_EQ(usage.bytes, 0);
  return result;
}

static int lease(struct world *world) { return read_of(world, 0, lease_all); }

/* Records and long pieces of the arena; those that could be had are good after the snapshot. */
static int lease_slots(struct world *world, struct copse_view *view, struct copse_map *map) {
  struct copse_lease *leases[40] = {NULL};
  struct copse_bytes values[40];
  struct copse_chunk chunk = {0};
  struct copse_arena *arena;
  static uint8_t copies[40][64];
  (void)world, (void)map;
  int result = copse_arena_open(view, "arena", NULL, &arena);
  if (result)
    return result;
  for (int i = 0; i < 40 && result == 0; i++) {
    result = copse_arena_chunk(view, arena, chunk.first + chunk.count, &chunk);
    if (result)
      break;
    values[i] = (struct copse_bytes){chunk.records, chunk.count * 64};
    memcpy(copies[i], chunk.records, 64);
    result =
        copse_lease_take(view, i % 3 ? COPSE_LEASE_PIN : COPSE_LEASE_COPY, &values[i], &leases[i]);
  }
  copse_arena_close(arena);
  for (int i = 0; i < 40; i++)
    if (leases[i])
      CHECK_BYTES(values[i].data, 64, copies[i], 64);
  for (int i = 0; i < 40; i++)
    copse_lease_release(leases[i]);
  return result == COPSE_NONE ? 0 : result;
}

static int lease_arena(struct world *world) { return read_of(world, 0, lease_slots); }

static int check(struct world *world) {
  struct copse_check found;
  int result = copse_check_store(world->store, -1, NULL, NULL, NULL, &found);
  if (result == 0)
    CHECK_EQ(found.errors, 0);
  return result;
}

static int sync_now(struct world *world) {
  int result = copse_store_sync(world->store, NULL);
  if (result == 0)
    world->durable = world->acked;
  return result;
}

static int second_open(struct world *world) {
  struct copse_store_options options = {.flags = COPSE_READ_ONLY};
  struct copse_store *store;
  int result = copse_store_open(world->path, &options, &store);
  return result ? result : copse_store_close(store);
}

static int store_close(struct world *world) {
  int result = copse_store_close(world->store);
  world->store = NULL;
  if (result)
    world->lost = true;
  else
    world->durable = world->acked;
  return result;
}

static int store_remove(struct world *world) { return copse_store_remove(world->path); }

/* A process that commits, syncs, commits and is no more, and with it the machine. Armed is the open
 * that follows. */
static int die_and_recover(struct world *world) {
  char name[600];
  int pipes[2];
  if (!world->lost) {
    fault_disarm();
    CHECK_SYS(pipe(pipes));
    for (int i = 0; i < 2; i++) { /* the same numbers here and there */
      content_begin(world);
      world->acked = world->begun;
    }
    world->acked -= 2;
    pid_t pid = test_fork();
    if (pid == 0) {
      CHECK_OK(store_open(world));
      CHECK_OK(puts_of(world, 20, 5000));
      CHECK_OK(sync_now(world));
      CHECK_OK(puts_of(world, 20, 5000));
      CHECK_EQ(write(pipes[1], world->states, sizeof world->states), sizeof world->states);
      _exit(0);
    }
    CHECK_CHILD_OK(pid);
    CHECK_EQ(read(pipes[0], world->states, sizeof world->states), sizeof world->states);
    close(pipes[0]);
    close(pipes[1]);
    static const char *const suffixes[] = {"-readers", "-writers"};
    for (int i = 0; i < 2; i++) {
      snprintf(name, sizeof name, "%s%s", world->path, suffixes[i]);
      CHECK_SYS(unlink(name));
    }
    world->begun = world->acked + 2;
    world->durable =
        world->options.durability == COPSE_DURABILITY_SYNC ? world->begun : world->acked + 1;
    world->lost = true;
    fault_arm();
  }
  return store_open(world);
}

static const struct step {
  int (*run)(struct world *world);
  bool closed;  /* begins with the store closed */
  bool on_disk; /* only in stores that survive a power cut */
} script[] = {
    {store_open, true, false},       {map_make, false, false},       {puts_small, false, false},
    {puts_large, false, false},      {second_open, false, false},    {savepoints, false, false},
    {extra_create, false, false},    {sync_now, false, false},       {read_oustable, false, false},
    {read_and_follow, false, false}, {many_snapshots, false, false}, {lease, false, false},
    {arenas, false, false},          {arenas, false, false},         {lease_arena, false, false},
    {abort_after, false, false},     {extra_drop, false, false},     {check, false, false},
    {puts_small, false, false},      {batch_commit, false, false},   {all_delete, false, false},
    {arenas, false, false},          {check, false, false},          {puts_large, false, false},
    {store_close, false, false},     {die_and_recover, true, true},  {puts_small, false, false},
    {store_close, false, false},     {store_open, true, false},      {puts_small, false, false},
    {store_close, false, false},     {store_remove, true, false},
};
#define STEPS ((int)(sizeof script / sizeof *script))

/* --- what must be true after a fault ------------------------------------------------------ */

static void report(void *context, const char *sentence) {
  (void)context;
  test_note(__FILE__, __LINE__, "checker: %s", sentence);
}

/* Sound, in a committed state, from which the script goes on. */
static void store_survives(struct world *world) {
  struct copse_txn *txn;
  struct copse_snapshot *snapshot;
  struct copse_check found;
  if (!world->store)
    CHECK_OK(store_open(world));
  int result = copse_txn_begin(world->store, -1, &txn);
  if (result ==
      COPSE_E_SYNC_FAILED) { /* then all must close it; 0 when nothing was written since */
    result = store_close(world);
    CHECK(result == 0 || result == COPSE_E_SYNC_FAILED);
    CHECK_OK(store_open(world));
  } else {
    CHECK_OK(result);
    copse_txn_abort(txn);
  }
  CHECK_OK(copse_check_store(world->store, -1, report, NULL, NULL, &found));
  CHECK_EQ(found.errors, 0);
  CHECK_OK(copse_snapshot_open(world->store, COPSE_SNAPSHOT_LATEST, &snapshot));
  uint32_t number = content_check(world, copse_snapshot_view(snapshot));
  copse_snapshot_close(snapshot);
  uint32_t floor =
      !world->lost ? world->acked
      : world->options.durability == COPSE_DURABILITY_SYNC && world->acked > world->durable
          ? world->acked
          : world->durable;
  CHECK_MSG(number >= floor && number <= world->begun, "state %u; from %u to %u were possible",
            number, floor, world->begun);
  if (number != world->acked)
    world->step = world->states[number].step + 1;
  world->acked = world->begun = number;
  world->lost = false;
}

static bool says_so(enum fault_kind kind, int result) {
  switch (kind) {
  case FAULT_CALL:
  case FAULT_CALLS:
    return result == COPSE_E_IO || result == COPSE_E_NO_SPACE || result == COPSE_E_ADDRESS_SPACE ||
           result == COPSE_E_SYNC_FAILED;
  case FAULT_MEMORY:
  case FAULT_MEMORIES: return result == COPSE_E_MEMORY;
  case FAULT_SHORT_FAILED:
    return result == COPSE_E_NO_SPACE || result == COPSE_E_TRUNCATED ||
           result == COPSE_E_COORDINATION; /* what is said of half a coordination file */
  default: return false;                   /* half is no failure */
  }
}

/* --- the runs ------------------------------------------------------------------------------ */

static void step_run(struct world *world, enum fault_kind kind) {
  const struct step *step = &script[world->step];
  int number = world->step;
  if (step->on_disk && world->options.durability == COPSE_DURABILITY_NONE) {
    world->step++;
    return;
  }
  if (step->closed && world->store)
    CHECK_OK(store_close(world));
  else if (!step->closed && !world->store)
    CHECK_OK(store_open(world));
  fault_arm();
  int result = step->run(world);
  if (!fault_disarm()) {
    CHECK_OK(result);
    world->step++;
    if (step->run == die_and_recover)
      store_survives(world);
    return;
  }
  /* 0: it did without (a smaller mapping, coordination files made anew), or the promise was kept and
   * the next call will say so; what was acknowledged must be there all the same. */
  world->told += result != 0;
  CHECK_MSG(result == 0 || says_so(kind, result), "step %d: %s: %s; %s failed", number,
            copse_error_name(result), copse_error_detail(), fault_what());
  if (getenv("COPSE_FAULT"))
    test_note(__FILE__, __LINE__, "step %d: %s failed: %s: %s", number, fault_what(),
              result ? copse_error_name(result) : "done", result ? copse_error_detail() : "");
  if (result == 0)
    world->step++;
  if (step->run != store_remove)
    store_survives(world);
  else if (result) {
    result = copse_store_remove(world->path);
    CHECK(result == 0 || result == COPSE_E_NO_STORE);
    world->step++;
  }
}

static unsigned count_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  unsigned count = 0;
  CHECK(folder != NULL);
  while (readdir(folder))
    count++;
  closedir(folder);
  return count;
}

/* Files beside the path, and mappings of them. */
static unsigned count_left(const char *path) {
  char line[1024];
  unsigned count = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  CHECK(maps != NULL);
  while (fgets(line, sizeof line, maps))
    count += strstr(line, path) != NULL;
  fclose(maps);
  static const char *const suffixes[] = {"", "-readers", "-writers", "-log"};
  for (int i = 0; i < 4; i++) {
    snprintf(line, sizeof line, "%s%s", path, suffixes[i]);
    count += access(line, F_OK) == 0;
  }
  return count;
}

/* Returns how many calls there were, of which the nth failed. */
static uint64_t script_run(const char *path, uint32_t durability, enum fault_kind kind,
                           uint64_t nth, unsigned *told) {
  struct world *world = calloc(1, sizeof *world);
  CHECK(world != NULL);
  *world = (struct world){
      .path = path,
      .random = {test_seed()},
      .options = {.flags = COPSE_CREATE | COPSE_NO_SYNC_THREAD,
                  .durability = durability,
                  .max_bytes = 256 << 20,
                  .sync_bytes = durability == COPSE_DURABILITY_SYNC ? 128 << 10 : 2 << 20,
                  .sync_interval_ms = 3600000}};
  int64_t live = memory_live();
  unsigned descriptors = count_descriptors();
  fault_set(kind, nth);
  while (world->step < STEPS)
    step_run(world, kind);
  uint64_t calls = fault_calls();
  *told += world->told;
  fault_set(kind, 0);
  CHECK_EQ(memory_live(), live);
  CHECK_EQ(count_descriptors(), descriptors);
  CHECK_EQ(count_left(path), 0);
  free(world);
  return calls;
}

/* Each call in turn; from a random one on in steps, where that takes too long. */
static void each_fails(const char *path, uint32_t durability, enum fault_kind kind) {
  const char *only = getenv("COPSE_FAULT");
  unsigned told = 0;
  if (only) {
    (void)script_run(path, durability, kind, strtoull(only, NULL, 0), &told);
    return;
  }
  uint64_t calls = script_run(path, durability, kind, 0, &told), runs = 0;
  CHECK_GT(calls, 0);
  uint64_t most = 3 * (uint64_t)test_scale(), stride = (calls + most - 1) / most;
  struct test_random random = {test_seed()};
  for (uint64_t n = 1 + test_random_below(&random, stride); n <= calls; n += stride, runs++) {
    printf("     COPSE_FAULT=%llu\r", (unsigned long long)n);
    (void)script_run(path, durability, kind, n, &told);
  }
  test_note(__FILE__, __LINE__, "%s: %llu faults in a script of %llu calls, %u told",
            fault_names[kind], (unsigned long long)runs, (unsigned long long)calls, told);
  CHECK(told > 0 || kind == FAULT_SHORT || runs < 20);
}

static void all_kinds(const char *path, uint32_t durability) {
  for (int kind = 0; kind < FAULT_KINDS; kind++)
    each_fails(path, durability, (enum fault_kind)kind);
}

TEST(in_memory) { all_kinds(test_shm_path("store"), COPSE_DURABILITY_NONE); }
TEST(lazy) { all_kinds(test_disk_path("store"), COPSE_DURABILITY_LAZY); }
TEST(sync) { all_kinds(test_disk_path("store"), COPSE_DURABILITY_SYNC); }
