/* test_diff.c - diffs of the public interface: kinds, ranges, maps that are not always there.
 * Random pairs of versions are compared in tests/model/. */
#include "test_store_fixture.h"

static void change_is(struct copse_diff *diff, int kind, const char *key, const char *before,
                      const char *after) {
  struct copse_change change;
  CHECK_OK(copse_diff_next(diff, &change));
  CHECK_EQ((int)change.kind, kind);
  CHECK_BYTES(change.key.data, change.key.size, key, strlen(key));
  CHECK_EQ(change.before.data != NULL, before != NULL);
  CHECK_EQ(change.after.data != NULL, after != NULL);
  if (before)
    CHECK_BYTES(change.before.data, change.before.size, before, strlen(before));
  if (after)
    CHECK_BYTES(change.after.data, change.after.size, after, strlen(after));
}

static void ends(struct copse_diff *diff) {
  struct copse_change change;
  CHECK_RESULT(copse_diff_next(diff, &change), COPSE_NONE);
  CHECK_RESULT(copse_diff_next(diff, &change), COPSE_NONE);
  copse_diff_close(diff);
}

TEST(each_kind_of_change) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_map *map = map_new(store, "m");
  set_text(store, map, "changed", "1");
  set_text(store, map, "equal", "1");
  set_text(store, map, "removed", "1");
  struct copse_snapshot *old = snapshot_new(store);
  set_text(store, map, "changed", "2");
  set_text(store, map, "equal", "1");
  set_text(store, map, "added", "");
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_delete(txn, map, "removed", 7));
  struct copse_diff *diff;
  struct copse_view *before = copse_snapshot_view(old), *now = copse_txn_view(txn);
  CHECK_OK(copse_diff_open(before, now, map, NULL, &diff)); /* a transaction is a view, too */
  change_is(diff, COPSE_ADDED, "added", NULL, "");
  change_is(diff, COPSE_CHANGED, "changed", "1", "2");
  change_is(diff, COPSE_REMOVED, "removed", "1", NULL);
  ends(diff);
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *new = snapshot_new(store);
  CHECK_OK(copse_diff_open(copse_snapshot_view(new), before, map, NULL, &diff)); /* backwards */
  change_is(diff, COPSE_REMOVED, "added", "", NULL);
  change_is(diff, COPSE_CHANGED, "changed", "2", "1");
  change_is(diff, COPSE_ADDED, "removed", NULL, "1");
  ends(diff);
  struct copse_range range = {.from = {"b", 1}, .to = {"equal", 5}, .to_inclusive = 1};
  CHECK_OK(copse_diff_open(before, copse_snapshot_view(new), map, &range, &diff));
  change_is(diff, COPSE_CHANGED, "changed", "1", "2");
  ends(diff);
  CHECK_OK(copse_diff_open(before, before, map, NULL, &diff));
  ends(diff);
  copse_snapshot_close(old);
  copse_snapshot_close(new);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(map_in_one_of_them_only) {
  struct copse_store *store = store_new(NULL, 0), *other = store_new(NULL, 0);
  struct copse_snapshot *without = snapshot_new(store);
  struct copse_map *map = map_new(store, "m"), *foreign = map_new(other, "m");
  set_text(store, map, "a", "1");
  struct copse_snapshot *with = snapshot_new(store), *far = snapshot_new(other);
  struct copse_view *none = copse_snapshot_view(without), *one = copse_snapshot_view(with);
  struct copse_diff *diff;
  CHECK_OK(copse_diff_open(none, one, map, NULL, &diff));
  change_is(diff, COPSE_ADDED, "a", NULL, "1");
  FAILS(copse_store_close(store), COPSE_E_STATE, "close");
  ends(diff);
  FAILS(copse_diff_open(none, none, map, NULL, &diff), COPSE_E_NO_MAP, "neither");
  FAILS(copse_diff_open(one, copse_snapshot_view(far), map, NULL, &diff), COPSE_E_ARGUMENT,
        "different stores");
  FAILS(copse_diff_open(one, one, foreign, NULL, &diff), COPSE_E_ARGUMENT, "different stores");
  char bytes[COPSE_KEY_MAX + 1] = {0};
  struct copse_range range = {.to = {bytes, sizeof bytes}};
  FAILS(copse_diff_open(none, one, map, &range, &diff), COPSE_E_KEY_SIZE, "bound");
  copse_snapshot_close(without);
  copse_snapshot_close(with);
  copse_snapshot_close(far);
  copse_map_close(map);
  copse_map_close(foreign);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_close(other));
}
