/* cli/rows.c - see rows.h. */
#include "rows.h"

#include <stdlib.h>

struct span {
  uint64_t first, count;
};

static uint64_t bound_index(struct copse_bytes bound, uint64_t missing, bool behind) {
  uint64_t index;

  if (bound.data == NULL)
    return missing;
  index = copse_key_to_u64(bound.data);
  return behind && index < UINT64_MAX ? index + 1 : index;
}

int rows_open(struct rows *rows, struct copse_view *view, const struct open_map *map,
              const struct copse_range *range) {
  static const struct copse_range all;
  int result = COPSE_OK;

  *rows = (struct rows){.view = view, .map = map};
  range = range != NULL ? range : &all;
  rows->slots.first = bound_index(range->from, 0, range->from_exclusive);
  rows->end = UINT64_MAX;
  if (map->arena != NULL)
    rows->end = bound_index(range->to, UINT64_MAX, range->to_inclusive);
  else
    result = copse_cursor_open(view, map->map, range, &rows->cursor);
  return result == COPSE_OK ? STATUS_OK : fail(result, "map %s", map->info.name);
}

/* The next run of slots that are asked for. */
static int slots_next(struct rows *rows) {
  int result;

  do {
    result = copse_arena_slots(rows->view, rows->map->arena, rows->slots.first + rows->slots.count,
                               &rows->slots);
    if (result == COPSE_OK && rows->slots.first >= rows->end)
      result = COPSE_NONE;
  } while (result == COPSE_OK && rows->slots.records == NULL && !rows->free);
  rows->at = 0;
  if (result == COPSE_OK && rows->slots.count > rows->end - rows->slots.first)
    rows->slots.count = rows->end - rows->slots.first;
  return result;
}

static void set_key(struct rows *rows, struct row *row, uint64_t index) {
  copse_key_u64(index, rows->index);
  row->key = (struct copse_bytes){rows->index, sizeof rows->index};
}

int rows_next(struct rows *rows, struct row *row) {
  size_t size = rows->map->info.value_size;

  *row = (struct row){.generation = 0};
  if (rows->cursor != NULL)
    return copse_cursor_next(rows->cursor, &row->key, &row->value);
  if (rows->at == rows->slots.count) {
    int result = slots_next(rows);
    if (result != COPSE_OK)
      return result;
  }
  set_key(rows, row, rows->slots.first + rows->at);
  row->generation = rows->slots.generation;
  if (rows->slots.records != NULL)
    row->value = (struct copse_bytes){(const char *)rows->slots.records + rows->at * size, size};
  rows->at++;
  return COPSE_OK;
}

/* An arena tells its slots forwards only: so first where all of them are. */
static int spans_collect(struct rows *rows) {
  int result;

  while ((result = slots_next(rows)) == COPSE_OK) {
    if ((rows->span_count & (rows->span_count - 1)) == 0)
      rows->spans = reallocate(rows->spans, (2 * rows->span_count + 1) * sizeof *rows->spans);
    rows->spans[rows->span_count++] = (struct span){rows->slots.first, rows->slots.count};
  }
  return result;
}

int rows_back(struct rows *rows, struct row *row) {
  struct copse_handle handle;
  const void *record;
  struct span *last;
  bool begun = rows->begun;
  int result = COPSE_NONE;

  *row = (struct row){.generation = 0};
  rows->begun = true;
  if (rows->cursor != NULL)
    return begun ? copse_cursor_prev(rows->cursor, &row->key, &row->value)
                 : copse_cursor_last(rows->cursor, &row->key, &row->value);
  if (!begun && (result = spans_collect(rows)) != COPSE_NONE)
    return result;
  if (rows->span_count == 0)
    return COPSE_NONE;
  last = &rows->spans[rows->span_count - 1];
  result =
      copse_arena_at(rows->view, rows->map->arena, last->first + --last->count, &handle, &record);
  if (last->count == 0)
    rows->span_count--;
  if (result != COPSE_OK)
    return result;
  set_key(rows, row, handle.index);
  row->generation = handle.generation;
  row->value = (struct copse_bytes){record, rows->map->info.value_size};
  return COPSE_OK;
}

void rows_close(struct rows *rows) {
  if (rows->cursor != NULL)
    copse_cursor_close(rows->cursor);
  free(rows->spans);
  *rows = (struct rows){0};
}
