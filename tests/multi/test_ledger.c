/* test_ledger.c - one process alone: commits, aborts, savepoints, dropped maps and slow
 * snapshots; after each step every page is counted exactly once. And the work of giving much up. */
#include <stdlib.h>

#include "base/points.h"
#include "ledger.h"

static struct copse_store *store_new(const char *name, struct copse_store_options options) {
  struct copse_store *store;
  options.flags |= COPSE_CREATE;
  CHECK_OK(copse_store_open(test_shm_path(name), &options, &store));
  return store;
}

TEST(changes_alone) {
  struct ledger ledger;
  uint64_t version;
  struct copse_store *store = store_new("alone", (struct copse_store_options){0});
  ledger_open(&ledger, store, test_seed());
  for (int i = 0; i < 600 * test_scale(); i++) {
    CHECK_OK(ledger_change(&ledger, -1, &version));
    if (i % 10 == 0) {
      ledger_verify(&ledger);
      ledger_check(store);
    }
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* An aborted transaction has written over pages that it took from the lists of freed ones. */
TEST(aborts_after_a_large_map_was_dropped) {
  struct ledger ledger;
  struct copse_txn *txn;
  uint64_t version;
  struct copse_store *store = store_new("aborts", (struct copse_store_options){0});
  ledger_open(&ledger, store, test_seed());
  ledger.large = 10;
  for (int i = 0; i < 60 * test_scale(); i++) {
    CHECK_OK(ledger_change(&ledger, -1, &version));
    for (int n = 0; n < 4; n++) {
      CHECK_OK(copse_txn_begin(store, -1, &txn));
      CHECK_OK(ledger_change_in(&ledger, txn, 60));
      copse_txn_abort(txn);
      ledger_check(store);
    }
    ledger_verify(&ledger);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* Many snapshots of many ages, closed in random order. */
TEST(snapshots_of_many_ages) {
  enum { HELD = 90 };
  struct ledger ledger;
  struct copse_snapshot *held[HELD] = {NULL};
  struct ledger_head head;
  uint64_t version;
  struct copse_store *store = store_new("ages", (struct copse_store_options){0});
  ledger_open(&ledger, store, test_seed());
  for (int i = 0; i < 800 * test_scale(); i++) {
    CHECK_OK(ledger_change(&ledger, -1, &version));
    unsigned at = (unsigned)test_random_below(&ledger.random, HELD);
    if (held[at]) {
      version = copse_snapshot_version(held[at]);
      CHECK_OK(ledger_read(&ledger, copse_snapshot_view(held[at]), &head));
      CHECK_EQ(head.version, version);
      copse_snapshot_close(held[at]);
      held[at] = NULL;
    } else {
      CHECK_OK(copse_snapshot_open(store, 0, &held[at]));
    }
    if (i % 20 == 0)
      ledger_check(store);
  }
  for (int i = 0; i < HELD; i++)
    copse_snapshot_close(held[i]);
  struct copse_stat stat;
  for (int i = 0; i < 3000; i++) {
    CHECK_OK(ledger_change(&ledger, -1, &version));
    CHECK_OK(copse_stat(store, &stat));
    if (stat.pinned_bytes == 0)
      break;
  }
  CHECK_EQ(stat.pinned_bytes, 0);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* A store that cannot grow: refusals leave everything as it was. */
TEST(a_full_store) {
  struct ledger ledger;
  uint64_t version;
  struct copse_store *store = store_new("full", (struct copse_store_options){.max_bytes = 3 << 20});
  ledger_open(&ledger, store, test_seed());
  ledger.keys = 2000;
  for (int i = 0; i < 400 * test_scale(); i++) {
    int result = ledger_change(&ledger, -1, &version);
    CHECK_MSG(result == 0 || result == COPSE_E_LIMIT, "%s: %s", copse_error_name(result),
              copse_error_detail());
    if (i % 10 == 0) {
      ledger_verify(&ledger);
      ledger_check(store);
    }
  }
  CHECK_GT(ledger.refused, 0);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- giving much up at once ------------------------------------------------------------------ */

/* Work is counted in changes of the books: a page that is taken apart costs some fifteen. */
static uint64_t changes;
static void change_count(enum point point) { changes += point == POINT_undo_logged; }

enum { CHANGES_MOST = 30000 };

static void much_put(struct copse_store *store, struct copse_map *map, uint64_t records) {
  static const char value[600]; /* a page of its own */
  struct copse_txn *txn;
  uint8_t key[8];
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  for (uint64_t i = 0; i < records; i++) {
    copse_key_u64(i, key);
    CHECK_OK(copse_put(txn, map, key, 8, value, sizeof value, COPSE_APPEND));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
}

enum { DROP, DELETE_ALL, DELETE_RANGE, WAYS };

static void give_up(struct copse_txn *txn, struct copse_map *map, int way, uint64_t records) {
  uint8_t from[8], to[8];
  copse_key_u64(1, from);
  copse_key_u64(records - 1, to);
  struct copse_range range = {.from = {from, 8}, .to = {to, 8}};
  if (way == DROP)
    CHECK_OK(copse_map_drop(txn, map));
  else
    CHECK_OK(copse_delete_range(txn, map, way == DELETE_RANGE ? &range : NULL, NULL));
}

/* However many pages are given up at once, no transaction does more than its share: neither the one
 * that gives them up nor those after it, until all have come back. */
TEST(much_given_up_at_once) {
  uint64_t records = 50000 * (uint64_t)(test_scale() < 40 ? test_scale() : 40);
  struct copse_store *store = store_new("large", (struct copse_store_options){0});
  for (int way = 0; way < WAYS; way++) {
    struct copse_txn *txn;
    struct copse_map *map, *other;
    struct copse_stat stat;
    uint64_t most = 0, commits = 0;
    CHECK_OK(copse_map_ensure(store, "large", NULL, -1, &map));
    CHECK_OK(copse_map_ensure(store, "other", NULL, -1, &other));
    much_put(store, map, records);
    CHECK_OK(copse_stat(store, &stat));
    CHECK_GT(stat.used_bytes, records * 640);
    points_hook = change_count;
    for (; stat.used_bytes > 1 << 20; commits++) {
      CHECK_LT(commits, records);
      changes = 0;
      CHECK_OK(copse_txn_begin(store, -1, &txn));
      if (commits == 0)
        give_up(txn, map, way, records);
      CHECK_OK(copse_put(txn, other, "k", 1, &commits, sizeof commits, 0));
      CHECK_OK(copse_txn_commit(txn, NULL));
      most = changes > most ? changes : most;
      CHECK_OK(copse_stat(store, &stat));
    }
    points_hook = NULL;
    CHECK_LT(most, CHANGES_MOST);
    test_note(__FILE__, __LINE__, "%llu commits, %llu changes at most", (unsigned long long)commits,
              (unsigned long long)most);
    copse_map_close(map);
    copse_map_close(other);
    ledger_check(store);
  }
  CHECK_OK(copse_store_close(store));
}
