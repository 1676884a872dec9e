/* store/delta.c - deltas: see delta.h. */
#include "store/delta.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "tree/diff.h"

#define SHAPES_MAX 65536u /* kept in memory; maps beyond are looked up each time */

struct maker {
  struct copse_view before, after; /* not announced by themselves: only what reading needs */
  struct delta_shapes *shapes;
  delta_write *write;
  void *context;
};

/* --- shapes ---------------------------------------------------------------------------- */

void delta_shapes_free(struct delta_shapes *shapes) {
  free(shapes->items);
  *shapes = (struct delta_shapes){0};
}

static int shapes_reserve(struct delta_shapes *shapes, uint32_t id) {
  if (id < shapes->count || id >= SHAPES_MAX)
    return 0;
  if (base_grow(&shapes->items, &shapes->capacity, id + UINT64_C(1), sizeof *shapes->items))
    return error_set(COPSE_E_MEMORY, "no memory for the shapes of %u maps", id);
  memset(shapes->items + shapes->count, 0, (id + 1 - shapes->count) * sizeof *shapes->items);
  shapes->count = id + UINT64_C(1);
  return 0;
}

/* Reads the whole catalog, and keeps what it says. */
static int shape_search(struct maker *maker, uint32_t id, uint64_t tag, struct tree_shape *shape) {
  struct delta_shapes *shapes = maker->shapes;
  struct tree tree;
  struct tree_cursor cursor;
  int found = 0, result = view_tree_find(&maker->after, &catalog_map, &tree, NULL);
  cursor_init(&cursor, &maker->after.pages, &tree);
  uint64_t left = result ? 0 : tree.count; /* a damaged file may have a tree without end */
  if (result == 0)
    result = cursor_first(&cursor);
  for (; result == 0 && left; left--) {
    struct tree_value value;
    struct catalog_record record;
    result = cursor_record(&cursor, NULL, &value);
    if (result == 0)
      result = catalog_parse(&value, &record);
    if (result)
      return result;
    struct delta_shape each = {record.entry.tag,
                               map_of_entry(maker->after.store, &record.entry).shape};
    if (record.entry.key_kind == COPSE_KEY_SLOT)
      each.shape.stride = 0; /* no map has such a shape */
    if (record.entry.id < shapes->count)
      shapes->items[record.entry.id] = each;
    if (record.entry.id == id && each.tag == tag) {
      *shape = each.shape;
      found = 1;
    }
    result = cursor_next(&cursor);
  }
  if (result < 0)
    return result;
  return found
             ? 0
             : error_set(COPSE_E_CORRUPT, "map %u is in the map table and not in the catalog", id);
}

static int shape_of(struct maker *maker, uint32_t id, uint64_t tag, struct tree_shape *shape) {
  struct delta_shapes *shapes = maker->shapes;
  if (id == CATALOG_ID) {
    *shape = catalog_map.shape;
    return 0;
  }
  int result = shapes_reserve(shapes, id);
  if (result)
    return result;
  if (id < shapes->count && shapes->items[id].tag == tag) {
    *shape = shapes->items[id].shape;
    return 0;
  }
  return shape_search(maker, id, tag, shape);
}

/* --- making ---------------------------------------------------------------------------- */

static int record_write(struct maker *maker, enum delta_record_kind kind,
                        const struct tree_key *key, const struct tree_value *value) {
  struct delta_record record = {.kind = (uint16_t)kind, .key_size = (uint16_t)key->size};
  if (kind == DELTA_PUT)
    record.value_size = value->size;
  int result = maker->write(maker->context, &record, sizeof record);
  if (result == 0 && key->size)
    result = maker->write(maker->context, key->data, key->size);
  if (result == 0 && record.value_size)
    result = maker->write(maker->context, value->data, record.value_size);
  return result;
}

/* The records that two trees of one map differ in. */
static int records_write(struct maker *maker, const struct tree *before, const struct tree *after) {
  static const struct tree_key open_end;
  struct tree_diff diff;
  int result = diff_init(&diff, &maker->before.pages, before, &maker->after.pages, after, &open_end,
                         &open_end);
  while (result == 0) {
    enum tree_change change;
    struct tree_key key;
    struct tree_value old, new;
    result = diff_next(&diff, &change, &key, &old, &new);
    if (result == 0)
      result = record_write(maker, change == TREE_REMOVED ? DELTA_DELETE : DELTA_PUT, &key, &new);
  }
  if (result != COPSE_NONE)
    return result;
  struct delta_record end = {.kind = DELTA_END};
  return maker->write(maker->context, &end, sizeof end);
}

static int map_write(void *context, uint32_t id, const struct map_entry *before,
                     const struct map_entry *after) {
  struct maker *maker = context;
  struct delta_section section = {.kind = DELTA_DROPPED, .id = id, .tag = before->tag};
  struct tree_shape shape;
  if (!after->tag)
    return maker->write(maker->context, &section, sizeof section);
  if (before->tag && before->root == after->root)
    return 0;
  int result = shape_of(maker, id, after->tag, &shape);
  if (result)
    return result;
  if (shape.value_size && !shape.stride)
    return DELTA_TOO_LARGE;
  section = (struct delta_section){DELTA_MAP, id, shape.value_size, shape.stride, after->tag};
  struct tree old = {.root = before->root, .count = before->count, .shape = shape};
  struct tree new = {.root = after->root, .count = after->count, .shape = shape};
  result = maker->write(maker->context, &section, sizeof section);
  return result ? result : records_write(maker, &old, &new);
}

static void view_make(struct copse_view *view, struct copse_store *store, const struct root *root) {
  *view = (struct copse_view){.store = store, .root = *root};
  view->pages.base = store->data.ro;
  view->pages.limit = root->limit;
}

int delta_make(struct copse_store *store, struct delta_shapes *shapes, const struct root *before,
               const struct root *after, delta_write *write, void *context) {
  struct maker maker = {.shapes = shapes, .write = write, .context = context};
  int result = store_reach(store, before);
  if (result == 0)
    result = store_reach(store, after);
  if (result)
    return result;
  view_make(&maker.before, store, before);
  view_make(&maker.after, store, after);
  return table_diff(&maker.before.pages, before, &maker.after.pages, after, map_write, &maker);
}

/* --- applying -------------------------------------------------------------------------- */

struct reader {
  const uint8_t *at;
  size_t left;
};

/* 1: there is not as much left. */
static int take(struct reader *reader, void *to, size_t size) {
  if (reader->left < size)
    return 1;
  memcpy(to, reader->at, size);
  reader->at += size;
  reader->left -= size;
  return 0;
}

static int damaged(const char *what) {
  return error_set(COPSE_E_CORRUPT, "a delta is damaged: %s", what);
}

static int record_apply(struct copse_txn *txn, struct txn_map *map,
                        const struct delta_record *record, const uint8_t *key,
                        const uint8_t *data) {
  struct pager *pager = &txn->view.store->pager;
  if (record->kind == DELTA_DELETE) {
    int result = tree_delete(pager, &map->tree, key, record->key_size);
    return result == COPSE_NONE ? damaged("it deletes what is not there") : result;
  }
  struct tree_value value = {data, record->value_size};
  uint8_t *place;
  if (map->tree.shape.value_size && value.size != map->tree.shape.value_size)
    return damaged("a value has another size than its map's");
  return tree_put(pager, &map->tree, key, record->key_size, &value, 0, &place);
}

static int records_apply(struct copse_txn *txn, struct txn_map *map, struct reader *reader) {
  for (;;) {
    struct delta_record record;
    if (take(reader, &record, sizeof record))
      return damaged("a record ends early");
    if (record.kind == DELTA_END)
      return 0;
    if (record.kind > DELTA_DELETE || record.key_size > TREE_KEY_MAX ||
        reader->left < record.key_size || reader->left - record.key_size < record.value_size)
      return damaged("a record makes no sense");
    const uint8_t *key = reader->at, *data = key + record.key_size;
    reader->at += record.key_size + record.value_size;
    reader->left -= record.key_size + record.value_size;
    int result = record_apply(txn, map, &record, key, data);
    if (result)
      return result;
  }
}

static int section_apply(struct copse_txn *txn, const struct delta_section *section,
                         struct reader *reader) {
  const struct tree_shape shape = {section->value_size, section->stride};
  const struct copse_map handle = {.id = section->id, .tag = section->tag, .shape = shape};
  struct txn_map *map;
  if (section->kind < DELTA_MAP || section->kind > DELTA_DROPPED || section->id >= txn->next_map ||
      section->tag == 0 || shape.value_size > COPSE_RECORD_MAX || shape.stride < shape.value_size ||
      shape.stride >= shape.value_size + 64)
    return damaged("a section makes no sense");
  int result = txn_map_find(txn, &handle, &map);
  if (result == COPSE_NONE && section->kind == DELTA_DROPPED)
    return damaged("it drops a map that is not there");
  if (result == COPSE_NONE)
    result = txn_map_make(txn, &handle, &map);
  if (result)
    return result;
  map->dirty = 1;
  map->tag = section->kind == DELTA_MAP ? section->tag : 0;
  if (section->kind == DELTA_DROPPED) {
    if (map->tree.root)
      pager_drop_subtree(&txn->view.store->pager, map->tree.root);
    map->tree.root = map->tree.count = 0;
    return 0;
  }
  map->tree.shape = shape;
  return records_apply(txn, map, reader);
}

int delta_apply(struct copse_txn *txn, const uint8_t *data, size_t size) {
  struct reader reader = {data, size};
  int result = 0;
  while (result == 0 && reader.left >= 8) { /* less are there to fill up */
    struct delta_section section;
    if (take(&reader, &section, sizeof section))
      return damaged("a section ends early");
    result = section_apply(txn, &section, &reader);
  }
  txn->view.pages.limit = txn->view.store->pager.view.limit;
  txn->view.moves++;
  txn->view.turn++;
  return result;
}
