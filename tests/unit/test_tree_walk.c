/* test_tree_walk.c - cursors, ranges that are deleted, diffs, lookups of many keys and the
 * checker's walk, on trees without a store. */
#include <stdio.h>

#include "test_tree_fixture.h"
#include "tree/build.h"

static uint32_t number_key(uint32_t number, uint8_t *key) {
  return (uint32_t)sprintf((char *)key, "key %07u", number);
}

static void fill(struct tree_fixture *t, uint32_t count, uint32_t step) {
  for (uint32_t i = 0; i < count; i += step) {
    uint8_t key[32];
    uint32_t size = number_key(i, key);
    t_put(t, key, size, i % 37 == 0 ? 2000 : i % 60, i, 0);
  }
}

static void on_row(struct tree_fixture *t, struct tree_cursor *cursor, size_t at) {
  struct tree_key key;
  const struct row *row = t->rows.rows[at];
  CHECK_OK(cursor_record(cursor, &key, NULL));
  CHECK_BYTES(key.data, key.size, row->key, row->key_size);
}

TEST(cursor_of_an_empty_tree) {
  struct tree_fixture t;
  struct tree_cursor cursor;
  tree_fixture_open(&t, 0);
  cursor_init(&cursor, &t.f.pager.view, &t.tree);
  CHECK_RESULT(cursor_first(&cursor), COPSE_NONE);
  CHECK_RESULT(cursor_last(&cursor), COPSE_NONE);
  CHECK_RESULT(cursor_seek(&cursor, (const uint8_t *)"", 0, 0), COPSE_NONE);
  tree_fixture_close(&t);
}

TEST(cursor_seeks_every_place) {
  for (uint32_t count = 1; count < 6000; count = count * 3 + 1) {
    struct tree_fixture t;
    struct tree_cursor cursor;
    tree_fixture_open(&t, 0);
    fill(&t, count * 2, 2);
    cursor_init(&cursor, &t.f.pager.view, &t.tree);
    for (uint32_t i = 0; i <= count * 2; i++)
      for (int after = 0; after < 2; after++) {
        uint8_t key[32];
        uint32_t size = number_key(i, key);
        size_t at = (i + 1) / 2 + (after && i % 2 == 0 && i < count * 2);
        int result = cursor_seek(&cursor, key, size, after);
        CHECK_EQ(result, at < t.rows.count ? 0 : COPSE_NONE);
        if (result == 0)
          on_row(&t, &cursor, at);
        CHECK_EQ(cursor_prev(&cursor), at > 0 ? 0 : COPSE_NONE);
        if (at > 0)
          on_row(&t, &cursor, at - 1);
        CHECK_EQ(cursor_next(&cursor), at < t.rows.count ? 0 : COPSE_NONE);
        if (at < t.rows.count)
          on_row(&t, &cursor, at);
      }
    tree_fixture_close(&t);
  }
}

TEST(cursor_turns_at_both_ends) {
  struct tree_fixture t;
  struct tree_cursor cursor;
  tree_fixture_open(&t, 0);
  fill(&t, 500, 1);
  cursor_init(&cursor, &t.f.pager.view, &t.tree);
  CHECK_OK(cursor_first(&cursor));
  for (int i = 0; i < 3; i++)
    CHECK_RESULT(cursor_prev(&cursor), COPSE_NONE);
  CHECK_OK(cursor_next(&cursor));
  on_row(&t, &cursor, 0);
  CHECK_OK(cursor_last(&cursor));
  for (int i = 0; i < 3; i++)
    CHECK_RESULT(cursor_next(&cursor), COPSE_NONE);
  CHECK_OK(cursor_prev(&cursor));
  on_row(&t, &cursor, t.rows.count - 1);
  tree_fixture_close(&t);
}

/* Random steps: a scout runs ahead of the cursor, and must not lead it astray. */
TEST(cursor_walks_at_random) {
  struct tree_fixture t;
  struct tree_cursor cursor;
  struct test_random random = {test_seed()};
  tree_fixture_open(&t, 0);
  fill(&t, 20000, 1);
  cursor_init(&cursor, &t.f.pager.view, &t.tree);
  CHECK_OK(cursor_first(&cursor));
  int64_t at = 0, count = (int64_t)t.rows.count;
  for (int i = 0; i < 2000; i++) {
    int forward = test_random_one_in(&random, 2);
    for (uint64_t n = test_random_below(&random, 400); n; n--) {
      int64_t next = at + (forward ? 1 : -1);
      int result = forward ? cursor_next(&cursor) : cursor_prev(&cursor);
      at = next < -1 ? -1 : next > count ? count : next;
      CHECK_EQ(result, at >= 0 && at < count ? 0 : COPSE_NONE);
    }
    if (at >= 0 && at < count)
      on_row(&t, &cursor, (size_t)at);
  }
  tree_fixture_close(&t);
}

/* --- ranges ------------------------------------------------------------------------------ */

TEST(delete_range_of_every_pair) {
  for (uint32_t from = 0; from <= 66; from++)
    for (uint32_t to = from; to <= 66; to += 1 + from % 11) {
      struct tree_fixture t;
      uint8_t a[32], b[32];
      struct tree_key low = {a, number_key(from, a)}, high = {b, number_key(to, b)};
      if (from == 65)
        low.data = NULL;
      if (to == 66)
        high.data = NULL;
      tree_fixture_open(&t, 0);
      fill(&t, 64, 1);
      tree_commit(&t);
      t_delete_range(&t, &low, &high);
      tree_check(&t);
      tree_commit(&t);
      tree_fixture_close(&t);
    }
}

TEST(delete_range_at_random) {
  struct test_random random = {test_seed()};
  static const uint32_t value_sizes[] = {0, 8, 600};
  for (int round = 0; round < 60; round++) {
    struct tree_fixture t;
    uint32_t value_size = value_sizes[round % 3];
    tree_fixture_open(&t, value_size);
    for (int step = 0; step < 8; step++) {
      for (int i = 0; i < 600; i++) {
        uint8_t key[32];
        uint32_t n = (uint32_t)test_random_below(&random, 3000), size = number_key(n, key);
        uint32_t any = test_random_one_in(&random, 8) ? 9000 : n % 50;
        t_put(&t, key, size, value_size ? value_size : any, n, 0);
      }
      if (test_random_one_in(&random, 2))
        tree_commit(&t);
      uint8_t a[32], b[32];
      struct tree_key low = {a, number_key((uint32_t)test_random_below(&random, 3000), a)};
      struct tree_key high = {b, number_key((uint32_t)test_random_below(&random, 3000), b)};
      if (test_random_one_in(&random, 4))
        low.size -= 2;
      if (test_random_one_in(&random, 5))
        low.data = NULL;
      if (test_random_one_in(&random, 5))
        high.data = NULL;
      if (low.data && high.data && bytes_compare(low.data, low.size, high.data, high.size) > 0)
        high = low;
      t_delete_range(&t, &low, &high);
      tree_check(&t);
      tree_commit(&t);
    }
    tree_fixture_close(&t);
  }
}

/* --- many keys at once ------------------------------------------------------------------- */

TEST(multiget) {
  struct tree_fixture t;
  struct test_random random = {test_seed()};
  tree_fixture_open(&t, 0);
  for (uint32_t count = 0; count < 4000; count = count * 2 + 2) {
    fill(&t, count, 2);
    for (int i = 0; i < 100; i++) {
      uint8_t keys[TREE_BATCH][32];
      struct tree_key wanted[TREE_BATCH];
      struct tree_value values[TREE_BATCH], alone;
      size_t n = test_random_below(&random, TREE_BATCH + 1);
      for (size_t j = 0; j < n; j++) {
        wanted[j].data = keys[j];
        wanted[j].size = number_key((uint32_t)test_random_below(&random, count + 2), keys[j]);
      }
      CHECK_OK(tree_multiget(&t.f.pager.view, &t.tree, n, wanted, values));
      for (size_t j = 0; j < n; j++) {
        int result = tree_get(&t.f.pager.view, &t.tree, keys[j], wanted[j].size, &alone);
        CHECK_EQ(values[j].data != NULL, result == 0);
        CHECK(result || (values[j].data == alone.data && values[j].size == alone.size));
      }
    }
  }
  tree_fixture_close(&t);
}

/* --- diff -------------------------------------------------------------------------------- */

/* How many nodes a diff looks at grows with the difference, not with the trees. */
TEST(diff_of_one_record_skips_the_rest) {
  struct tree_fixture t;
  struct tree_diff *diff = malloc(sizeof *diff);
  struct tree_key open = {0}, key;
  struct tree_value before, after;
  enum tree_change change;
  CHECK(diff != NULL);
  tree_fixture_open(&t, 0);
  fill(&t, 20000, 1);
  page_commit(&t.f);
  struct tree old = t.tree;
  page_begin(&t.f);
  t_put_text(&t, "key 0010000x");
  struct page_view *view = &t.f.pager.view;
  CHECK_OK(diff_init(diff, view, &old, view, &t.tree, &open, &open));
  CHECK_OK(diff_next(diff, &change, &key, &before, &after));
  CHECK_EQ(change, TREE_ADDED);
  CHECK_BYTES(key.data, key.size, "key 0010000x", 12);
  CHECK(before.data == NULL);
  CHECK_RESULT(diff_next(diff, &change, &key, &before, &after), COPSE_NONE);
  CHECK_RESULT(diff_next(diff, &change, &key, &before, &after), COPSE_NONE);
  CHECK_OK(diff_init(diff, view, &t.tree, view, &t.tree, &open, &open));
  CHECK_RESULT(diff_next(diff, &change, &key, &before, &after), COPSE_NONE);
  struct tree none = {.shape = t.tree.shape};
  CHECK_OK(diff_init(diff, view, &none, view, &old, &open, &open));
  uint64_t n = 0;
  while (diff_next(diff, &change, &key, &before, &after) == 0) {
    CHECK_EQ(change, TREE_ADDED);
    n++;
  }
  CHECK_EQ(n, old.count);
  free(diff);
  tree_fixture_close(&t);
}

/* --- the checker's walk ------------------------------------------------------------------ */

static uint64_t faults;
static void fault_count(void *context, const char *sentence) {
  (void)context;
  CHECK(*sentence != 0);
  faults++;
}

/* Any byte of a page may be any other: what comes of it is a fault, an error or nothing, and
 * never a crash or an endless loop. */
/* Inner nodes above one leaf, each of whose children are one and the same node. */
static uint64_t tower_build(struct tree_fixture *t, uint64_t leaf) {
  static struct items items;
  uint8_t keys[40][32];
  uint64_t ref = leaf;
  items.count = 40;
  for (uint32_t i = 0; i < 40; i++)
    item_from_key(&items.items[i], keys[i], number_key(i, keys[i]));
  for (unsigned level = 1; level < 12; level++) {
    struct node *node;
    for (uint32_t i = 0; i < 40; i++)
      items.items[i].child = ref;
    items.first_child = ref;
    CHECK_OK(node_build(&t->f.pager, &items, 0, 40, ref, level, NULL, 0, &ref, &node));
  }
  return ref;
}

/* Without an end in sight: 41 to the 11th leaves. */
TEST(nodes_referred_to_many_times) {
  struct tree_fixture t;
  struct tree_cursor cursor;
  static struct tree_diff diff;
  struct tree_key key, none = {NULL, 0}, from = {(const uint8_t *)"a", 1};
  struct tree_value before, after;
  enum tree_change change;
  uint64_t deleted;
  int result, steps = 0;
  tree_fixture_open(&t, 0);
  fill(&t, 9, 1);
  struct tree tower = t.tree, other = t.tree;
  tower.root = tower_build(&t, t.tree.root);
  other.root = tower_build(&t, t.tree.root);
  struct page_view *view = &t.f.pager.view;
  cursor_init(&cursor, view, &tower);
  for (result = cursor_first(&cursor); result == 0 && steps < 1000; steps++)
    result = cursor_next(&cursor);
  CHECK_EQ(result, COPSE_E_CORRUPT);
  for (result = cursor_last(&cursor), steps = 0; result == 0 && steps < 1000; steps++)
    result = cursor_prev(&cursor);
  CHECK_EQ(result, COPSE_E_CORRUPT);
  CHECK_OK(diff_init(&diff, view, &tower, view, &other, &none, &none));
  CHECK_EQ(diff_next(&diff, &change, &key, &before, &after), COPSE_E_CORRUPT);
  CHECK_EQ(tree_delete_range(&t.f.pager, &tower, &from, &none, &deleted), COPSE_E_CORRUPT);
  tree_fixture_close(&t);
}

TEST(damaged_pages) {
  struct tree_fixture t;
  struct test_random random = {test_seed()};
  static const uint32_t value_sizes[] = {0, 8};
  uint64_t found = 0;
  for (int v = 0; v < 2; v++) {
    tree_fixture_open(&t, value_sizes[v]);
    for (uint32_t i = 0; i < 800; i++) {
      uint8_t key[32];
      uint32_t size = number_key(i, key);
      t_put(&t, key, size, v ? 8 : i % 50 == 0 ? 1000 : 9, i, 0);
    }
    uint64_t end = books_word(&t.f.pager, BOOK_SEGMENT_USED) * FORMAT_SEGMENT;
    for (int i = 0; i < 4000; i++) {
      uint64_t at = FORMAT_FIRST_PAGE + test_random_below(&random, end - FORMAT_FIRST_PAGE);
      uint8_t old = t.f.pager.data[at];
      t.f.pager.data[at] = (uint8_t)test_random_next(&random);
      struct tree_pages pages = {{0}, 0, 0, 0};
      struct tree_walk walk = {.page = tree_page, .fault = fault_count, .context = &pages};
      faults = 0;
      CHECK_OK(tree_walk(&t.f.pager.view, &t.tree, &walk));
      found += faults > 0;
      struct tree_cursor cursor;
      uint64_t steps = 0;
      cursor_init(&cursor, &t.f.pager.view, &t.tree);
      for (int r = cursor_first(&cursor); r == 0 && steps < 100000; r = cursor_next(&cursor)) {
        struct tree_value value;
        steps++;
        (void)cursor_record(&cursor, NULL, &value);
      }
      CHECK_LT(steps, 100000);
      const struct row *row = t.rows.rows[test_random_below(&random, t.rows.count)];
      struct tree_value value;
      (void)tree_get(&t.f.pager.view, &t.tree, row->key, row->key_size, &value);
      t.f.pager.data[at] = old;
    }
    tree_check(&t);
    tree_fixture_close(&t);
  }
  CHECK_GT(found, 0);
}
