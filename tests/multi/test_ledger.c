/* test_ledger.c - one process alone: commits, aborts, savepoints, dropped maps and slow
 * snapshots; after each step every page is counted exactly once. */
#include <stdlib.h>

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

/* A map of a great many pages is dropped at once, and comes back a bounded part at a time. */
TEST(a_large_map_is_taken_apart_in_steps) {
  enum { RECORDS = 40000, STEP_PAGES = 4096, PAGE_LARGEST = 16384 };
  static const char value[900];
  struct copse_store *store = store_new("large", (struct copse_store_options){0});
  struct copse_txn *txn;
  struct copse_map *map, *other;
  struct copse_stat stat;
  uint8_t key[8];
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(copse_map_create(txn, "large", NULL, &map));
  CHECK_OK(copse_map_create(txn, "other", NULL, &other));
  for (uint64_t i = 0; i < RECORDS; i++) {
    copse_key_u64(i, key);
    CHECK_OK(copse_put(txn, map, key, 8, value, sizeof value, COPSE_APPEND));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(copse_map_drop(txn, map));
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_stat(store, &stat));
  uint64_t used = stat.used_bytes, commits = 0;
  CHECK_GT(used, RECORDS * sizeof value);
  while (used > 1 << 20) {
    CHECK_LT(commits, 10000);
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    CHECK_OK(copse_put(txn, other, "k", 1, &commits, sizeof commits, 0));
    CHECK_OK(copse_txn_commit(txn, NULL));
    CHECK_OK(copse_stat(store, &stat));
    CHECK(stat.used_bytes >= used || used - stat.used_bytes <= STEP_PAGES * PAGE_LARGEST);
    used = stat.used_bytes;
    if (commits++ % 8 == 0)
      ledger_check(store);
  }
  CHECK_GT(commits, 4);
  CHECK_EQ(stat.pinned_bytes, 0);
  test_note(__FILE__, __LINE__, "it took %llu commits", (unsigned long long)commits);
  copse_map_close(map);
  copse_map_close(other);
  ledger_check(store);
  CHECK_OK(copse_store_close(store));
}
