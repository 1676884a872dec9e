/* test_tree_edit.c - putting and deleting: keys that make nodes as full, as small or as unequal
 * as they get, each way to search a node, failures in the middle. */
#include <stdio.h>

#include "test_tree_fixture.h"

static const char *const searches[] = {"scalar", "avx2", "avx512", "neon"};

/* 1: this machine cannot search so. Where it must be able to, it is a failure. */
static int search_is_missing(const char *name) {
  if (heads_search_force(name) == 0)
    return 0;
  CHECK(strcmp(name, "scalar") != 0);
#ifdef __aarch64__
  CHECK(strcmp(name, "neon") != 0);
#else
  CHECK(strcmp(name, "avx2") != 0 || !__builtin_cpu_supports("avx2"));
  CHECK(strcmp(name, "avx512") != 0 || !__builtin_cpu_supports("avx512f"));
#endif
  test_note(__FILE__, __LINE__, "%s: not on this machine", name);
  return 1;
}

TEST(searches_agree) {
  struct test_random random = {test_seed()};
  for (unsigned s = 0; s < 4; s++) {
    if (search_is_missing(searches[s]))
      continue;
    for (int i = 0; i < 20000; i++) {
      uint32_t heads[TREE_ITEMS_MAX], n = (uint32_t)test_random_below(&random, TREE_ITEMS_MAX + 1);
      uint32_t spread = 1u << test_random_below(&random, 32), value = 0, low = 0, high = 0;
      if (test_random_one_in(&random, 2))
        value = UINT32_MAX - 40;
      for (uint32_t j = 0; j < n; j++) {
        uint32_t step =
            test_random_one_in(&random, 3) ? (uint32_t)test_random_below(&random, spread) : 0;
        value = value + step < value ? UINT32_MAX : value + step;
        heads[j] = value;
      }
      uint32_t wanted = n && test_random_one_in(&random, 2) ? heads[test_random_below(&random, n)]
                                                            : (uint32_t)test_random_next(&random);
      while (low < n && heads[low] < wanted)
        low++;
      for (high = low; high < n && heads[high] == wanted;)
        high++;
      CHECK_EQ(heads_search(heads, n, wanted), low | high << 16);
    }
  }
  CHECK_OK(heads_search_force(NULL));
}

/* --- keys -------------------------------------------------------------------------------- */

static uint32_t key_random(struct test_random *random, unsigned style, uint8_t *key) {
  uint32_t size = 0, n = (uint32_t)test_random_below(random, 600);
  switch (style) {
  case 0: return (uint32_t)sprintf((char *)key, "%06u", n);
  case 1: /* the same byte over and over */ memset(key, 0, n); return n;
  case 2: /* zeros around the four bytes that are compared first */
    for (size = 0; size < n % 8; size++)
      key[size] = test_random_one_in(random, 2) ? 0 : 0xff;
    return size;
  case 3: /* the longest keys, different at the end only */
    memset(key, 0xff, TREE_KEY_MAX);
    key[TREE_KEY_MAX - 1] = (uint8_t)n;
    key[TREE_KEY_MAX - 2] = (uint8_t)(n >> 8);
    return TREE_KEY_MAX - n % 3;
  case 4: /* long keys with nothing in common, and one that is empty */
    size = n ? TREE_KEY_MAX : 0;
    memset(key, (int)n, size);
    if (size)
      key[1] = (uint8_t)(n >> 8);
    return size;
  default: copse_key_u64(n, key); return 8;
  }
}

static void random_run(unsigned style, uint32_t value_size, uint64_t seed) {
  struct test_random random = {seed};
  struct tree_fixture t;
  tree_fixture_open(&t, value_size);
  for (int round = 0; round < 12; round++) {
    uint64_t deletes = test_random_below(&random, 10);
    for (int i = 0; i < 400; i++) {
      uint8_t key[TREE_KEY_MAX + 1];
      uint32_t size = key_random(&random, style, key);
      uint32_t any = (uint32_t)test_random_below(&random, test_random_one_in(&random, 20)  ? 20000
                                                          : test_random_one_in(&random, 4) ? 600
                                                                                           : 20);
      if (test_random_below(&random, 10) < deletes)
        t_delete(&t, key, size);
      else
        t_put(&t, key, size, value_size ? value_size : any, (uint32_t)i, 0);
    }
    tree_check(&t);
    tree_commit(&t);
  }
  while (t.rows.count) { /* all away again, in random order */
    const struct row *row = t.rows.rows[test_random_below(&random, t.rows.count)];
    uint8_t key[TREE_KEY_MAX];
    uint32_t size = row->key_size;
    memcpy(key, row->key, size);
    t_delete(&t, key, size);
    if (test_random_one_in(&random, 50))
      tree_commit(&t);
  }
  CHECK_EQ(t.tree.root, 0);
  tree_commit(&t);
  tree_fixture_close(&t);
}

TEST(extreme_keys_by_each_search) {
  static const uint32_t value_sizes[] = {0, 1, 8, 100, 512, 4096};
  for (unsigned s = 0; s < 4; s++) {
    if (search_is_missing(searches[s]))
      continue;
    for (unsigned style = 0; style < 6; style++)
      for (unsigned v = 0; v < 6; v++)
        if (v == 0 || (style + v + s) % 3 == 0)
          random_run(style, value_sizes[v], test_seed() + style);
  }
  CHECK_OK(heads_search_force(NULL));
}

/* A leaf full of keys whose long beginning it keeps once; then a key without that beginning. */
TEST(stranger_among_long_prefixes) {
  for (uint32_t prefix = 0; prefix <= 1020; prefix += 60)
    for (int where = 0; where < 4; where++)
      for (unsigned flags = 0; flags <= TREE_APPEND; flags += TREE_APPEND) {
        struct tree_fixture t;
        uint8_t key[TREE_KEY_MAX];
        tree_fixture_open(&t, 0);
        memset(key, 'm', sizeof key);
        for (uint32_t i = 0; i < 200; i++) {
          bytes_store_be32(key + prefix, i);
          t_put(&t, key, prefix + 4, 0, i, flags);
          if (i == 70 && where >= 2) {
            tree_commit(&t);
            t_put_text(&t, where == 2 ? "a" : "z");
            flags = 0;
          }
        }
        t_put_text(&t, where % 2 ? "z" : "a");
        t_put_text(&t, "");
        tree_check(&t);
        tree_commit(&t);
        tree_fixture_close(&t);
        flags = flags ? flags : where >= 2 ? TREE_APPEND : 0;
      }
}

TEST(flags) {
  struct tree_fixture t;
  struct tree_value value = {(const uint8_t *)"v", 1};
  const uint8_t *b = (const uint8_t *)"b", *c = (const uint8_t *)"c";
  uint8_t *place;
  tree_fixture_open(&t, 0);
  CHECK_RESULT(tree_put(&t.f.pager, &t.tree, b, 1, &value, TREE_REPLACE, &place), COPSE_NONE);
  CHECK_OK(tree_put(&t.f.pager, &t.tree, b, 1, &value, TREE_INSERT | TREE_APPEND, &place));
  CHECK_RESULT(tree_put(&t.f.pager, &t.tree, b, 1, &value, TREE_INSERT, &place),
               COPSE_E_KEY_EXISTS);
  CHECK_RESULT(tree_put(&t.f.pager, &t.tree, b, 1, &value, TREE_APPEND, &place), COPSE_E_ORDER);
  CHECK_RESULT(tree_put(&t.f.pager, &t.tree, b, 0, &value, TREE_APPEND, &place), COPSE_E_ORDER);
  CHECK_OK(tree_put(&t.f.pager, &t.tree, b, 1, &value, TREE_REPLACE, &place));
  CHECK_OK(tree_put(&t.f.pager, &t.tree, c, 1, &value, TREE_APPEND, &place));
  CHECK_EQ(t.tree.count, 2);
  tree_fixture_close(&t);
}

/* What was appended takes little more than its bytes. */
TEST(appending_fills_nodes) {
  struct tree_fixture t;
  struct tree_pages pages = {{0}, 0, 0, 0};
  struct tree_walk walk = {.page = tree_page, .fault = tree_fault, .context = &pages};
  tree_fixture_open(&t, 8);
  for (uint32_t i = 0; i < 20000; i++) {
    uint8_t key[8];
    copse_key_u64(i, key);
    t_put(&t, key, 8, 8, i, TREE_APPEND);
  }
  tree_check(&t);
  CHECK_OK(tree_walk(&t.f.pager.view, &t.tree, &walk));
  CHECK_LT(pages.bytes, 20000 * 16 * 2);
  tree_fixture_close(&t);
}

/* When the store is full in the middle of a change, the tree is as it was. */
TEST(full_store) {
  struct test_random random = {test_seed()};
  for (int round = 0; round < 30; round++) {
    struct tree_fixture t;
    int full = 0;
    tree_fixture_open(&t, 0);
    t.f.pager.segments = 4 + test_random_below(&random, 4);
    for (uint32_t i = 0; i < 200000 && full < 200; i++) {
      uint8_t key[TREE_KEY_MAX + 1], *place;
      uint32_t size = key_random(&random, test_random_below(&random, 2) ? 4 : 0, key);
      uint32_t bytes = (uint32_t)test_random_below(&random, 2) * 300 +
                       (uint32_t)test_random_below(&random, 6000);
      struct tree_value value = {NULL, bytes};
      struct tree before = t.tree;
      int result = tree_put(&t.f.pager, &t.tree, key, size, &value, 0, &place);
      if (result == 0) {
        struct row row = {.value_size = bytes, .value = i};
        row_value(&row, place);
        rows_put(&t.rows, key, size, bytes, i);
        continue;
      }
      CHECK_MSG(result == COPSE_E_LIMIT || result == COPSE_E_ADDRESS_SPACE, "%s",
                copse_error_detail());
      CHECK(memcmp(&before, &t.tree, sizeof before) == 0);
      if (full++ % 40 == 0)
        tree_check(&t);
    }
    CHECK_GT(full, 0);
    tree_check(&t);
    tree_fixture_close(&t);
  }
}
