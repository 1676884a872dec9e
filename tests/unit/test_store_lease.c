/* Leases: what is lent stays as it was, through everything that comes after the snapshot's end. All stores here
 * poison pages as soon as they are reusable. */
#include <stdlib.h>

#include "test_store_fixture.h"

#define KEYS 400

static struct copse_store *poisoned_new(const char *path) {
  CHECK_SYS(setenv("COPSE_POISON", "1", 1));
  return store_new(path, 0);
}

static size_t value_make(uint32_t key, uint32_t round, uint8_t *bytes) {
  size_t size = key % 7 == 0 ? 3000 + key * 40 : key % 11 + 40;
  memset(bytes, (int)(key * 31 + round * 7 + 1), size);
  memcpy(bytes, &key, 4);
  memcpy(bytes + 4, &round, 4);
  return size;
}

static void values_put(struct copse_store *store, struct copse_map *map, uint32_t keys,
                       uint32_t round) {
  static uint8_t bytes[65536];
  struct copse_txn *txn = begin(store);
  for (uint32_t i = 0; i < keys; i++) {
    size_t size = value_make(i, round, bytes);
    CHECK_OK(copse_put(txn, map, &i, sizeof i, bytes, size, 0));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void value_is(const struct copse_bytes *value, uint32_t key, uint32_t round) {
  static uint8_t bytes[65536];
  size_t size = value_make(key, round, bytes);
  CHECK_BYTES(value->data, value->size, bytes, size);
}

static void value_get(struct copse_view *view, struct copse_map *map, uint32_t key,
                      struct copse_bytes *value) {
  CHECK_OK(copse_get(view, map, &key, sizeof key, value));
}

/* Commits until what can be reused has been. */
static void turn_over(struct copse_store *store, struct copse_map *map, uint32_t *round) {
  for (int i = 0; i < 12; i++)
    values_put(store, map, KEYS, ++*round);
}

static uint64_t pinned_bytes(struct copse_store *store) {
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  return stat.pinned_bytes;
}

static void nothing_is_leased(struct copse_store *store) {
  struct copse_lease_usage usage;
  struct copse_stat stat;
  copse_lease_usage(store, &usage);
  CHECK_EQ(usage.leases, 0);
  CHECK_EQ(usage.bytes, 0);
  CHECK_EQ(usage.age_ns, 0);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.leases, 0);
  CHECK_EQ(stat.lease_bytes, 0);
  CHECK_EQ(stat.lease_age_ns, 0);
}

TEST(what_is_not_leased_is_poisoned) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot = snapshot_new(store);
  uint32_t round = 1;
  struct copse_bytes value;
  values_put(store, map, KEYS, round);
  CHECK_OK(copse_snapshot_refresh(snapshot));
  value_get(copse_snapshot_view(snapshot), map, 70, &value);
  turn_over(store, map, &round);
  value_is(&value, 70, 1);
  copse_snapshot_close(snapshot);
  turn_over(store, map, &round);
  uint32_t seen;
  memcpy(&seen, (const uint8_t *)value.data + 4, 4);
  CHECK_NE(seen, 1);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(leases_outlive_their_snapshot) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_lease *leases[KEYS];
  struct copse_bytes values[KEYS];
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  struct copse_snapshot *snapshot = snapshot_new(store);
  for (uint32_t i = 0; i < KEYS; i++) {
    value_get(copse_snapshot_view(snapshot), map, i, &values[i]);
    const void *lent = values[i].data;
    CHECK_OK(
        copse_lease_take(copse_snapshot_view(snapshot), COPSE_LEASE_PIN, &values[i], &leases[i]));
    CHECK(values[i].data == lent);
    CHECK(!copse_lease_is_copy(leases[i]));
    CHECK_OK(copse_lease_check(leases[i]));
  }
  copse_snapshot_close(snapshot);
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.leases, KEYS);
  CHECK_GE(stat.lease_bytes, stat.leases * 40);
  turn_over(store, map, &round);
  CHECK_GT(pinned_bytes(store), 0);
  for (uint32_t i = 0; i < KEYS; i++)
    value_is(&values[i], i, 1);
  store_sound(store);
  for (uint32_t i = 0; i < KEYS; i += 2)
    copse_lease_release(leases[i]);
  turn_over(store, map, &round);
  for (uint32_t i = 1; i < KEYS; i += 2)
    value_is(&values[i], i, 1);
  for (uint32_t i = 1; i < KEYS; i += 2)
    copse_lease_release(leases[i]);
  nothing_is_leased(store);
  turn_over(store, map, &round);
  CHECK_EQ(pinned_bytes(store), 0);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(a_lease_has_holders) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_lease *lease, *again;
  struct copse_bytes value, part;
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  struct copse_snapshot *snapshot = snapshot_new(store);
  value_get(copse_snapshot_view(snapshot), map, 7, &value);
  part = (struct copse_bytes){(const uint8_t *)value.data + 100, 50};
  CHECK_OK(copse_lease_take(copse_snapshot_view(snapshot), COPSE_LEASE_PIN, &part, &again));
  CHECK_OK(copse_lease_take(copse_snapshot_view(snapshot), COPSE_LEASE_PIN, &value, &lease));
  copse_snapshot_close(snapshot);
  copse_lease_retain(lease);
  copse_lease_release(again);
  copse_lease_release(lease);
  turn_over(store, map, &round);
  value_is(&value, 7, 1);
  copse_lease_release(lease);
  nothing_is_leased(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(groups_end_at_once) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_lease_group *group, *other;
  struct copse_bytes values[KEYS], tiny;
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  set_text(store, map, "tiny", "twenty bytes of text");
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_lease_group_open(store, &group));
  CHECK_OK(copse_lease_group_open(store, &other));
  for (uint32_t i = 0; i < KEYS; i++) {
    value_get(view, map, i, &values[i]);
    CHECK_OK(copse_lease_group_take(i % 3 ? group : other, view,
                                    i % 5 ? COPSE_LEASE_PIN : COPSE_LEASE_COPY, &values[i]));
  }
  CHECK_OK(copse_get(view, map, "tiny", 4, &tiny));
  CHECK_OK(copse_lease_group_take(group, view, COPSE_LEASE_PIN, &tiny));
  copse_snapshot_close(snapshot);
  turn_over(store, map, &round);
  set_text(store, map, "tiny", "other");
  copse_lease_group_close(other);
  turn_over(store, map, &round);
  for (uint32_t i = 0; i < KEYS; i++)
    if (i % 3)
      value_is(&values[i], i, 1);
  CHECK_BYTES(tiny.data, tiny.size, "twenty bytes of text", 20);
  CHECK_OK(copse_lease_group_check(group));
  copse_lease_group_close(group);
  copse_lease_group_close(NULL);
  nothing_is_leased(store);
  turn_over(store, map, &round);
  CHECK_EQ(pinned_bytes(store), 0);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(policies) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_lease *lease;
  struct copse_bytes value;
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  set_text(store, map, "tiny", "tiny");
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_get(view, map, "tiny", 4, &value));
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &value, &lease));
  CHECK(copse_lease_is_copy(lease));
  CHECK_BYTES(value.data, value.size, "tiny", 4);
  copse_lease_release(lease);
  CHECK_OK(copse_get(view, map, "tiny", 4, &value));
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_ERROR, &value, &lease));
  CHECK(!copse_lease_is_copy(lease));
  copse_lease_release(lease);
  value_get(view, map, 7, &value);
  CHECK_OK(copse_lease_take(view, COPSE_LEASE_COPY, &value, &lease));
  CHECK(copse_lease_is_copy(lease));
  CHECK_EQ((uintptr_t)value.data % 64, 0);
  copse_snapshot_close(snapshot);
  turn_over(store, map, &round);
  value_is(&value, 7, 1);
  copse_lease_retain(lease);
  copse_lease_release(lease);
  value_is(&value, 7, 1);
  copse_lease_release(lease);
  copse_lease_release(NULL);
  nothing_is_leased(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(a_transaction_lends_copies) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_lease *leases[2];
  struct copse_lease_group *group;
  struct copse_bytes values[3];
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  struct copse_txn *txn = begin(store);
  uint32_t key = 7;
  for (int i = 0; i < 2; i++) {
    CHECK_OK(copse_put(txn, map, &key, sizeof key, i ? "two" : "one", 3, 0));
    value_get(copse_txn_view(txn), map, key, &values[i]);
    CHECK_OK(copse_lease_take(copse_txn_view(txn), COPSE_LEASE_PIN, &values[i], &leases[i]));
    CHECK(copse_lease_is_copy(leases[i]));
  }
  CHECK_OK(copse_lease_group_open(store, &group));
  value_get(copse_txn_view(txn), map, 14, &values[2]);
  CHECK_OK(copse_lease_group_take(group, copse_txn_view(txn), COPSE_LEASE_PIN, &values[2]));
  struct copse_lease *none;
  struct copse_bytes value;
  value_get(copse_txn_view(txn), map, 14, &value);
  FAILS(copse_lease_take(copse_txn_view(txn), COPSE_LEASE_ERROR, &value, &none), COPSE_E_STATE,
        "pinned");
  copse_txn_abort(txn);
  turn_over(store, map, &round);
  CHECK_BYTES(values[0].data, values[0].size, "one", 3);
  CHECK_BYTES(values[1].data, values[1].size, "two", 3);
  value_is(&values[2], 14, 1);
  copse_lease_release(leases[0]);
  copse_lease_release(leases[1]);
  copse_lease_group_close(group);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(oustable_snapshots_lend_copies) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot;
  struct copse_lease *lease;
  struct copse_bytes value;
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &snapshot));
  value_get(copse_snapshot_view(snapshot), map, 7, &value);
  CHECK_OK(copse_lease_take(copse_snapshot_view(snapshot), COPSE_LEASE_PIN, &value, &lease));
  CHECK(copse_lease_is_copy(lease));
  copse_snapshot_close(snapshot);
  turn_over(store, map, &round);
  value_is(&value, 7, 1);
  copse_lease_release(lease);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(what_was_not_lent_is_refused) {
  struct copse_store *store = poisoned_new(NULL), *second = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_lease *lease;
  struct copse_lease_group *group;
  uint8_t own[100];
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  struct copse_bytes value = {own, sizeof own}, lent, nothing = {NULL, 5};
  for (uint32_t policy = 0; policy < 3; policy++)
    FAILS(copse_lease_take(view, policy, &value, &lease), COPSE_E_ARGUMENT, "lent");
  FAILS(copse_lease_take(view, 0, &nothing, &lease), COPSE_E_ARGUMENT, "no bytes");
  value_get(view, map, 7, &lent);
  FAILS(copse_lease_take(view, 3, &lent, &lease), COPSE_E_ARGUMENT, "policy");
  value = (struct copse_bytes){lent.data, SIZE_MAX / 2};
  FAILS(copse_lease_take(view, 0, &value, &lease), COPSE_E_ARGUMENT, "lent");
  CHECK_OK(copse_lease_group_open(second, &group));
  FAILS(copse_lease_group_take(group, view, 0, &lent), COPSE_E_ARGUMENT, "another store");
  copse_lease_group_close(group);
  value = (struct copse_bytes){lent.data, 0};
  CHECK_OK(copse_lease_take(view, 0, &value, &lease));
  copse_lease_release(lease);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_close(second));
}

static void warning_count(void *context, const struct copse_lease_usage *usage) {
  CHECK_GT(usage->leases, 0);
  ++*(int *)context;
}

TEST(bounds_lead_to_copies) {
  struct copse_store *store = poisoned_new(NULL);
  struct copse_map *map = map_new(store, "m");
  struct copse_lease *leases[KEYS];
  struct copse_bytes values[KEYS];
  int warnings = 0, copies = 0;
  struct copse_lease_bounds bounds = {
      .max_bytes = 4096, .small_bytes = UINT32_MAX, .warn = warning_count, .context = &warnings};
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  copse_lease_bound(store, &bounds);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  for (uint32_t i = 0; i < KEYS; i++) {
    value_get(view, map, i, &values[i]);
    CHECK_OK(copse_lease_take(view, COPSE_LEASE_PIN, &values[i], &leases[i]));
    copies += copse_lease_is_copy(leases[i]);
  }
  struct copse_lease_usage usage;
  copse_lease_usage(store, &usage);
  CHECK_GT(usage.leases, 0);
  CHECK_LE(usage.bytes, 4096);
  CHECK_GT(copies, 0);
  CHECK_EQ(usage.copies, copies);
  CHECK_EQ(warnings, copies);
  CHECK_EQ(usage.leases, KEYS - copies);
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.lease_copies, copies);
  struct copse_lease *refused;
  struct copse_bytes value;
  value_get(view, map, 70, &value);
  FAILS(copse_lease_take(view, COPSE_LEASE_ERROR, &value, &refused), COPSE_E_LEASE, "allowed");
  bounds.max_bytes = UINT64_MAX;
  bounds.max_age_ns = 1;
  copse_lease_bound(store, &bounds);
  do
    copse_lease_usage(store, &usage);
  while (usage.age_ns <= bounds.max_age_ns);
  FAILS(copse_lease_take(view, COPSE_LEASE_ERROR, &value, &refused), COPSE_E_LEASE, "oldest");
  copse_snapshot_close(snapshot);
  turn_over(store, map, &round);
  for (uint32_t i = 0; i < KEYS; i++) {
    value_is(&values[i], i, 1);
    copse_lease_release(leases[i]);
  }
  nothing_is_leased(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* A closed store that stays, and one that is opened after it, are two clients of this process. */
static int readers_add(void *context, const struct copse_reader *reader) {
  struct copse_reader *sum = context;
  sum->leases += reader->leases;
  sum->lease_bytes += reader->lease_bytes;
  sum->alive += reader->alive;
  return 0;
}

TEST(a_closed_store_stays_for_its_leases) {
  const char *path = test_shm_path("lease-close");
  struct copse_store *store = poisoned_new(path), *second;
  struct copse_map *map = map_new(store, "m");
  struct copse_lease *lease;
  struct copse_lease_group *group;
  struct copse_bytes value, other;
  uint32_t round = 1;
  values_put(store, map, KEYS, round);
  struct copse_snapshot *snapshot = snapshot_new(store);
  value_get(copse_snapshot_view(snapshot), map, 7, &value);
  value_get(copse_snapshot_view(snapshot), map, 8, &other);
  CHECK_OK(copse_lease_take(copse_snapshot_view(snapshot), COPSE_LEASE_PIN, &value, &lease));
  CHECK_OK(copse_lease_group_open(store, &group));
  CHECK_OK(copse_lease_group_take(group, copse_snapshot_view(snapshot), COPSE_LEASE_PIN, &other));
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  CHECK_RESULT(copse_store_remove(path), COPSE_E_STATE);
  CHECK_OK(copse_store_open(path, NULL, &second));
  map = map_new(second, "m");
  turn_over(second, map, &round);
  value_is(&value, 7, 1);
  value_is(&other, 8, 1);
  struct copse_reader reader = {0};
  CHECK_OK(copse_readers(second, readers_add, &reader));
  CHECK_EQ(reader.alive, 2);
  CHECK_EQ(reader.leases, 2);
  CHECK_GT(reader.lease_bytes, 3000);
  copse_lease_release(lease);
  turn_over(second, map, &round);
  value_is(&other, 8, 1);
  copse_lease_group_close(group);
  struct copse_stat stat;
  CHECK_OK(copse_stat(second, &stat));
  CHECK_EQ(stat.processes, 1);
  CHECK_EQ(stat.leases, 0);
  turn_over(second, map, &round);
  CHECK_EQ(pinned_bytes(second), 0);
  store_sound(second);
  copse_map_close(map);
  CHECK_OK(copse_store_close(second));
  CHECK_OK(copse_store_remove(path));
}
