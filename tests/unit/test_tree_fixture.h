/* test_tree_fixture.h - trees on an allocator without a store, compared with sorted arrays. */
#ifndef TEST_TREE_FIXTURE_H
#define TEST_TREE_FIXTURE_H

#include "copse/map.h"
#include "test_page_fixture.h"
#include "tree/diff.h"
#include "tree/tree.h"

/* What a tree should hold. Values are told by a number and a size. */
struct row {
  uint32_t key_size, value_size, value;
  uint8_t key[TREE_KEY_MAX];
};

struct rows {
  size_t count, capacity;
  struct row **rows;
};

struct tree_fixture {
  struct page_fixture f;
  struct tree tree;
  struct rows rows;
};

__attribute__((unused)) static void tree_fixture_open(struct tree_fixture *t, uint32_t value_size) {
  memset(t, 0, sizeof *t);
  page_fixture_open(&t->f, UINT64_C(1) << 30);
  t->tree.shape.value_size = value_size;
  t->tree.shape.stride = (value_size + 7) & ~7u;
  page_begin(&t->f);
}

__attribute__((unused)) static void tree_fixture_close(struct tree_fixture *t) {
  for (size_t i = 0; i < t->rows.count; i++)
    free(t->rows.rows[i]);
  free(t->rows.rows);
  page_fixture_close(&t->f);
}

__attribute__((unused)) static size_t rows_search(const struct rows *rows, const uint8_t *key,
                                                  uint32_t size, int *exact) {
  size_t low = 0, high = rows->count;
  *exact = 0;
  while (low < high) {
    size_t middle = (low + high) / 2;
    const struct row *row = rows->rows[middle];
    int order = bytes_compare(row->key, row->key_size, key, size);
    *exact |= order == 0;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

__attribute__((unused)) static void row_value(const struct row *row, uint8_t *value) {
  for (uint32_t i = 0; i < row->value_size; i++)
    value[i] = (uint8_t)(row->value >> i % 4 * 8);
}

__attribute__((unused)) static void tree_check_row(struct tree_fixture *t, const struct row *row) {
  static uint8_t expected[70000];
  struct tree_value value;
  CHECK_OK(tree_get(&t->f.pager.view, &t->tree, row->key, row->key_size, &value));
  row_value(row, expected);
  CHECK_BYTES(value.data, value.size, expected, row->value_size);
}

__attribute__((unused)) static void rows_put(struct rows *rows, const uint8_t *key, uint32_t size,
                                             uint32_t value_size, uint32_t number) {
  struct row *row = malloc(sizeof *row);
  CHECK(row != NULL);
  *row = (struct row){.key_size = size, .value_size = value_size, .value = number};
  memcpy(row->key, key, size);
  int exact;
  size_t at = rows_search(rows, key, size, &exact);
  if (exact) {
    free(rows->rows[at]);
    rows->rows[at] = row;
    return;
  }
  if (rows->count == rows->capacity) {
    rows->capacity = rows->capacity * 2 + 64;
    rows->rows = realloc(rows->rows, rows->capacity * sizeof *rows->rows);
    CHECK(rows->rows != NULL);
  }
  memmove(rows->rows + at + 1, rows->rows + at, (rows->count - at) * sizeof *rows->rows);
  rows->rows[at] = row;
  rows->count++;
}

__attribute__((unused)) static void t_put(struct tree_fixture *t, const uint8_t *key, uint32_t size,
                                          uint32_t value_size, uint32_t number, unsigned flags) {
  static uint8_t bytes[70000];
  struct row row = {.value_size = value_size, .value = number};
  row_value(&row, bytes);
  struct tree_value value = {bytes, value_size};
  uint8_t *place;
  CHECK_OK(tree_put(&t->f.pager, &t->tree, key, size, &value, flags, &place));
  CHECK(memcmp(place, bytes, value_size) == 0);
  rows_put(&t->rows, key, size, value_size, number);
}

__attribute__((unused)) static void t_put_text(struct tree_fixture *t, const char *key) {
  t_put(t, (const uint8_t *)key, (uint32_t)strlen(key),
        t->tree.shape.value_size ? t->tree.shape.value_size : 4, (uint32_t)strlen(key), 0);
}

__attribute__((unused)) static void rows_cut(struct rows *rows, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    free(rows->rows[i]);
  memmove(rows->rows + from, rows->rows + to, (rows->count - to) * sizeof *rows->rows);
  rows->count -= to - from;
}

__attribute__((unused)) static void t_delete(struct tree_fixture *t, const uint8_t *key,
                                             uint32_t size) {
  int exact;
  size_t at = rows_search(&t->rows, key, size, &exact);
  CHECK_RESULT(tree_delete(&t->f.pager, &t->tree, key, size), exact ? 0 : COPSE_NONE);
  if (exact)
    rows_cut(&t->rows, at, at + 1);
}

__attribute__((unused)) static void t_delete_range(struct tree_fixture *t,
                                                   const struct tree_key *from,
                                                   const struct tree_key *to) {
  int exact;
  size_t low = from->data ? rows_search(&t->rows, from->data, from->size, &exact) : 0;
  size_t high = to->data ? rows_search(&t->rows, to->data, to->size, &exact) : t->rows.count;
  uint64_t deleted;
  high = high < low ? low : high;
  CHECK_OK(tree_delete_range(&t->f.pager, &t->tree, from, to, &deleted));
  CHECK_EQ(deleted, high - low);
  rows_cut(&t->rows, low, high);
}

/* --- whole trees ------------------------------------------------------------------------- */

struct tree_pages {
  struct page_audit audit;
  uint64_t units, pages, bytes;
};

__attribute__((unused)) static int tree_page(void *context, uint64_t ref, int level,
                                             uint64_t bytes) {
  struct tree_pages *pages = context;
  (void)level;
  if (pages->audit.units)
    audit_mark(&pages->audit, ref, bytes / FORMAT_UNIT);
  pages->units += bytes / FORMAT_UNIT;
  pages->bytes += bytes;
  pages->pages++;
  return 0;
}

__attribute__((unused)) static void tree_fault(void *context, const char *sentence) {
  (void)context;
  test_fail(__FILE__, __LINE__, "%s", sentence);
}

/* The walk finds nothing wrong; forwards and backwards the cursor meets each row. */
__attribute__((unused)) static void tree_check(struct tree_fixture *t) {
  struct tree_pages pages = {{0}, 0, 0, 0};
  struct tree_walk walk = {.page = tree_page, .fault = tree_fault, .context = &pages};
  struct tree_cursor cursor;
  CHECK_OK(tree_walk(&t->f.pager.view, &t->tree, &walk));
  CHECK_EQ(t->tree.count, t->rows.count);
  cursor_init(&cursor, &t->f.pager.view, &t->tree);
  int result = cursor_first(&cursor);
  for (size_t i = 0; i < t->rows.count; i++) {
    const struct row *row = t->rows.rows[i];
    struct tree_key key;
    CHECK_OK(result);
    CHECK_OK(cursor_record(&cursor, &key, NULL));
    CHECK_BYTES(key.data, key.size, row->key, row->key_size);
    tree_check_row(t, row);
    result = cursor_next(&cursor);
  }
  CHECK_EQ(result, COPSE_NONE);
  result = cursor_last(&cursor);
  for (size_t i = t->rows.count; i-- > 0;) {
    const struct row *row = t->rows.rows[i];
    struct tree_key key;
    CHECK_OK(result);
    CHECK_OK(cursor_record(&cursor, &key, NULL));
    CHECK_BYTES(key.data, key.size, row->key, row->key_size);
    result = cursor_prev(&cursor);
  }
  CHECK_EQ(result, COPSE_NONE);
}

/* Commits; then the tree's pages, the free and the waiting ones are all there are. */
__attribute__((unused)) static void tree_commit(struct tree_fixture *t) {
  page_commit(&t->f);
  page_begin(&t->f);
  CHECK_OK(pager_reclaim(&t->f.pager, NULL, 0, NULL, tree_children, 1000000));
  page_commit(&t->f);
  page_begin(&t->f);
  CHECK_OK(pager_reclaim(&t->f.pager, NULL, 0, NULL, tree_children, 1000000));
  page_commit(&t->f);
  struct tree_pages pages = {{0}, 0, 0, 0};
  struct tree_walk walk = {.page = tree_page, .fault = tree_fault, .context = &pages};
  audit_begin(&pages.audit, &t->f.pager);
  CHECK_OK(tree_walk(&t->f.pager.view, &t->tree, &walk));
  audit_end(&pages.audit, pages.units);
  page_begin(&t->f);
}

#endif
