/* test_store_fixture.h - a store for one test, and failures that must say what is wrong. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include "copse/copse.h"
#include "test.h"

/* A call that must fail with the code, and a detail message with the word in it. */
#define FAILS(call, code, word)                                                                    \
  do {                                                                                             \
    CHECK_RESULT(call, code);                                                                      \
    CHECK_MSG(strstr(copse_error_detail(), (word)) != NULL, "the detail is \"%s\"",                \
              copse_error_detail());                                                               \
  } while (0)

__attribute__((unused)) static void fault_print(void *context, const char *sentence) {
  (void)context;
  test_note(__FILE__, __LINE__, "%s", sentence);
}

__attribute__((unused)) static void store_sound(struct copse_store *store) {
  struct copse_check check;
  CHECK_OK(copse_check_store(store, -1, fault_print, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
}

__attribute__((unused)) static struct copse_store *store_new(const char *path, uint64_t max_bytes) {
  struct copse_store_options options = {.flags = path ? COPSE_CREATE | COPSE_EXCLUSIVE : 0,
                                        .max_bytes = max_bytes};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

__attribute__((unused)) static struct copse_txn *begin(struct copse_store *store) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  return txn;
}

__attribute__((unused)) static struct copse_map *map_new(struct copse_store *store,
                                                         const char *name) {
  struct copse_map *map;
  CHECK_OK(copse_map_ensure(store, name, NULL, -1, &map));
  return map;
}

__attribute__((unused)) static int put_text(struct copse_txn *txn, struct copse_map *map,
                                            const char *key, const char *value) {
  return copse_put(txn, map, key, strlen(key), value, strlen(value), 0);
}

/* One put in a transaction of its own. */
__attribute__((unused)) static void set_text(struct copse_store *store, struct copse_map *map,
                                             const char *key, const char *value) {
  struct copse_txn *txn = begin(store);
  CHECK_OK(put_text(txn, map, key, value));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

__attribute__((unused)) static void text_is(struct copse_view *view, struct copse_map *map,
                                            const char *key, const char *expected) {
  struct copse_bytes value;
  CHECK_RESULT(copse_get(view, map, key, strlen(key), &value), expected ? 0 : COPSE_NONE);
  if (expected)
    CHECK_BYTES(value.data, value.size, expected, strlen(expected));
}

__attribute__((unused)) static struct copse_snapshot *snapshot_new(struct copse_store *store) {
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  return snapshot;
}

#endif
