/* store/maps.c - creating, opening, listing, renaming and dropping maps and arenas: the catalog. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "record/layout.h"

const struct copse_map catalog_map = {.id = CATALOG_ID, .tag = CATALOG_TAG};

static int name_check(const char *name) {
  size_t size = name ? strlen(name) : 0;
  if (size == 0 || size > COPSE_MAP_NAME_MAX)
    return error_set(COPSE_E_ARGUMENT, "a map's name has 1 to %d bytes; this one has %zu",
                     COPSE_MAP_NAME_MAX, size);
  return 0;
}

int catalog_parse(const struct tree_value *value, struct catalog_record *record) {
  if (value->size < sizeof record->entry)
    return error_set(COPSE_E_CORRUPT, "the catalog has a damaged entry");
  memcpy(&record->entry, value->data, sizeof record->entry);
  record->layout = value->data + sizeof record->entry;
  const struct catalog_entry *entry = &record->entry;
  int is_arena = entry->key_kind == COPSE_KEY_SLOT;
  if (entry->layout_size != value->size - sizeof *entry ||
      entry->value_size > (is_arena ? ARENA_SIZE_MAX : COPSE_RECORD_MAX) ||
      (is_arena && entry->value_size == 0) || entry->key_kind > COPSE_KEY_SLOT ||
      entry->key_encoding > COPSE_KEYS_TUPLE || entry->tag == 0)
    return error_set(COPSE_E_CORRUPT, "the catalog has a damaged entry");
  return 0;
}

int catalog_find(struct copse_view *view, const char *name, struct catalog_record *record) {
  struct tree tree;
  struct tree_value value;
  int result = view_tree_find(view, &catalog_map, &tree, NULL);
  if (result)
    return result;
  result = tree_get(&view->pages, &tree, (const uint8_t *)name, (uint32_t)strlen(name), &value);
  return result ? result : catalog_parse(&value, record);
}

struct copse_map map_of_entry(struct copse_store *store, const struct catalog_entry *entry) {
  uint32_t size = entry->value_size, stride = (size + 7) & ~7u;
  if (entry->key_kind == COPSE_KEY_SLOT)
    stride = size;
  else if (entry->layout_size > 0 || size > TREE_INLINE_MAX)
    stride = (size + 63) & ~63u;
  return (struct copse_map){.store = store,
                            .id = entry->id,
                            .key_kind = entry->key_kind,
                            .tag = entry->tag,
                            .value_size = size,
                            .shape = {size, stride}};
}

static int handle_make(struct copse_store *store, const struct catalog_entry *entry,
                       struct copse_map **out) {
  struct copse_map *map = malloc(sizeof *map);
  if (!map)
    return error_set(COPSE_E_MEMORY, "no memory for a map handle");
  *map = map_of_entry(store, entry);
  pthread_mutex_lock(&store->mutex);
  store->maps_open++;
  pthread_mutex_unlock(&store->mutex);
  *out = map;
  return 0;
}

void copse_map_close(struct copse_map *map) {
  if (!map)
    return;
  pthread_mutex_lock(&map->store->mutex);
  map->store->maps_open--;
  pthread_mutex_unlock(&map->store->mutex);
  free(map);
}

/* The transaction's catalog, for changing. */
static int catalog_for_write(struct copse_txn *txn, struct txn_map **catalog) {
  int result = txn_check(txn);
  if (result == 0)
    result = txn_map_find(txn, &catalog_map, catalog);
  if (result == COPSE_NONE) { /* a store's first map: the catalog begins with it */
    result = txn_map_make(txn, &catalog_map, catalog);
    if (result == 0)
      (*catalog)->tag = CATALOG_TAG;
  }
  return result;
}

static int catalog_put(struct copse_txn *txn, const char *name, const struct catalog_entry *entry,
                       const uint8_t *layout) {
  struct txn_map *catalog;
  int result = catalog_for_write(txn, &catalog);
  size_t size = sizeof *entry + entry->layout_size;
  uint8_t *place, *bytes = result ? NULL : malloc(size);
  if (!bytes)
    return result ? result : error_set(COPSE_E_MEMORY, "no memory for a catalog entry");
  memcpy(bytes, entry, sizeof *entry);
  if (entry->layout_size)
    memcpy(bytes + sizeof *entry, layout, entry->layout_size);
  struct tree_value value = {bytes, size};
  result = tree_put(&txn->view.store->pager, &catalog->tree, (const uint8_t *)name,
                    (uint32_t)strlen(name), &value, TREE_INSERT, &place);
  free(bytes);
  txn->view.pages.limit = txn->view.store->pager.view.limit;
  if (result == COPSE_E_KEY_EXISTS)
    return error_set(COPSE_E_MAP_EXISTS, "there is a map named '%s' already", name);
  if (result)
    return result;
  catalog->dirty = 1;
  txn->view.moves++;
  return 0;
}

static int options_check(const struct copse_map_options *options) {
  int is_arena = options->key_kind == COPSE_KEY_SLOT;
  if (options->key_encoding > COPSE_KEYS_TUPLE)
    return error_set(COPSE_E_ARGUMENT, "key encoding %u is not known", options->key_encoding);
  if (options->key_encoding && options->key_kind != COPSE_KEY_BYTES)
    return error_set(COPSE_E_ARGUMENT, "only byte-string keys can be tuples");
  uint32_t most = is_arena ? COPSE_ARENA_RECORD_MAX : COPSE_RECORD_MAX;
  uint32_t size = options->layout ? options->layout->size : options->value_size;
  if (size > most)
    return error_set(COPSE_E_ARGUMENT, "records of %u bytes; at most %u are allowed", size, most);
  if (is_arena && size == 0)
    return error_set(COPSE_E_ARGUMENT, "an arena's records have at least one byte");
  if (options->layout && options->value_size && options->value_size != size)
    return error_set(COPSE_E_ARGUMENT, "value_size is %u, the layout's %u", options->value_size,
                     size);
  return options->layout && record_layout_known_hash(options->layout) == 0
             ? error_set(COPSE_E_ARGUMENT, "the layout was not completed by copse_layout_init()")
             : 0;
}

/* A name that is none, or not after the one asked for, would lead whoever lists the maps in circles. */
static int name_follows(const struct tree_key *name, const char *after) {
  return name->size > 0 && name->size <= COPSE_MAP_NAME_MAX && !memchr(name->data, 0, name->size) &&
         (!after || bytes_compare(name->data, name->size, after, strlen(after)) > 0);
}

/* Calls visit with each catalog record after a name until it returns non-zero. COPSE_NONE at the end. */
static int catalog_scan(struct copse_view *view, const char *after,
                        int (*visit)(void *context, const struct tree_key *name,
                                     const struct catalog_record *record),
                        void *context) {
  struct tree tree;
  struct tree_cursor cursor;
  int result = view_tree_find(view, &catalog_map, &tree, NULL);
  if (result)
    return result;
  cursor_init(&cursor, &view->pages, &tree);
  result = after ? cursor_seek(&cursor, (const uint8_t *)after, (uint32_t)strlen(after), 1)
                 : cursor_first(&cursor);
  while (result == 0) {
    struct tree_key name;
    struct tree_value value;
    struct catalog_record record;
    result = cursor_record(&cursor, &name, &value);
    if (result == 0 && !name_follows(&name, after))
      result = error_set(COPSE_E_CORRUPT, "the catalog has a damaged name");
    if (result == 0)
      result = catalog_parse(&value, &record);
    if (result)
      return result;
    result = visit(context, &name, &record);
    if (result)
      return result;
    result = cursor_next(&cursor);
  }
  return result;
}

/* 2 when the tag is that of the record. */
static int tag_find(void *context, const struct tree_key *name,
                    const struct catalog_record *record) {
  const uint64_t *tag = context;
  (void)name;
  return record->entry.tag == *tag ? 2 : 0;
}

/* A tag that was given out elsewhere must not be in this store already. */
static int tag_check(struct copse_txn *txn, uint64_t tag) {
  if (tag % 2 == 0 || tag == CATALOG_TAG)
    return error_set(COPSE_E_ARGUMENT, "%llx is no arena's number", (unsigned long long)tag);
  int result = catalog_scan(&txn->view, NULL, tag_find, &tag);
  if (result == 2)
    return error_set(COPSE_E_MAP_EXISTS, "arena %llx is in this store already",
                     (unsigned long long)tag);
  return result == COPSE_NONE ? 0 : result;
}

int catalog_create(struct copse_txn *txn, const char *name, const struct copse_map_options *options,
                   uint64_t tag, struct catalog_entry *made) {
  int result = txn_check(txn);
  if (result == 0)
    result = name_check(name);
  if (result == 0)
    result = options_check(options);
  if (result == 0)
    result = tag ? tag_check(txn, tag) : os_random(&tag, sizeof tag);
  if (result)
    return result;
  struct catalog_entry entry = {.id = (uint32_t)txn->next_map,
                                .key_kind = (uint16_t)options->key_kind,
                                .key_encoding = (uint16_t)options->key_encoding,
                                .value_size =
                                    options->layout ? options->layout->size : options->value_size,
                                .created = txn->view.store->pager.version,
                                .tag = tag | 1};
  if (txn->next_map > UINT32_MAX)
    return error_set(COPSE_E_TOO_MANY, "the store has given out all ids of maps");
  uint8_t *layout = NULL;
  if (options->layout) {
    size_t needed = 0;
    result = record_layout_encode(options->layout, NULL, 0, &needed);
    layout = result ? NULL : malloc(needed);
    if (result == 0 && !layout)
      result = error_set(COPSE_E_MEMORY, "no memory for a record layout");
    if (result == 0)
      result = record_layout_encode(options->layout, layout, needed, &needed);
    entry.layout_size = (uint32_t)needed;
    entry.layout_hash = record_layout_known_hash(options->layout);
  }
  struct copse_map map = map_of_entry(txn->view.store, &entry);
  struct txn_map *own; /* its place first: what comes after the catalog's entry must not fail */
  if (result == 0)
    result = txn_map_make(txn, &map, &own);
  if (result == 0)
    result = catalog_put(txn, name, &entry, layout);
  free(layout);
  if (result == 0)
    result = txn_map_make(txn, &map, &own); /* the catalog's may have moved it */
  if (result)
    return result;
  own->tag = entry.tag;
  own->dirty = 1;
  txn->next_map++;
  *made = entry;
  return 0;
}

/* Arenas have functions of their own. */
static int key_kind_check(const struct copse_map_options *options) {
  if (options && options->key_kind > COPSE_KEY_U64)
    return error_set(COPSE_E_ARGUMENT, "key kind %u is not known", options->key_kind);
  return 0;
}

int copse_map_create(struct copse_txn *txn, const char *name, const struct copse_map_options *asked,
                     struct copse_map **map) {
  static const struct copse_map_options defaults;
  struct catalog_entry entry;
  int result = key_kind_check(asked);
  if (result == 0)
    result = catalog_create(txn, name, asked ? asked : &defaults, 0, &entry);
  return result ? result : handle_make(txn->view.store, &entry, map);
}

static int layout_compare(const struct catalog_record *record,
                          const struct copse_layout *expected) {
  struct copse_layout *stored;
  int result = record_layout_decode(record->layout, record->entry.layout_size, &stored);
  if (result)
    return result;
  result = copse_layout_compare(stored, expected);
  copse_layout_free(stored);
  return result;
}

static const char *keys_name(uint32_t kind, uint32_t encoding) {
  if (encoding == COPSE_KEYS_TUPLE)
    return "tuple (ctuple/1)";
  return kind == COPSE_KEY_U64 ? "uint64" : "byte-string";
}

/* Compares what is there with what the program expects. */
static int kinds_compare(const char *name, const struct catalog_record *record,
                         const struct copse_map_options *expected) {
  const struct catalog_entry *entry = &record->entry;
  if (entry->key_kind != expected->key_kind || entry->key_encoding != expected->key_encoding)
    return error_set(COPSE_E_MAP_KIND, "map '%s' has %s keys; %s keys were asked for", name,
                     keys_name(entry->key_kind, entry->key_encoding),
                     keys_name(expected->key_kind, expected->key_encoding));
  if (expected->layout) {
    if (entry->layout_size == 0)
      return error_set(COPSE_E_MAP_KIND, "'%s' holds plain bytes; records were asked for", name);
    return layout_compare(record, expected->layout);
  }
  if (entry->value_size != expected->value_size)
    return error_set(COPSE_E_MAP_KIND,
                     "'%s' has values of %u bytes (0: any size); %u were "
                     "asked for",
                     name, entry->value_size, expected->value_size);
  return 0;
}

int catalog_open(struct copse_view *view, const char *name, int is_arena,
                 const struct copse_map_options *options, struct catalog_entry *entry) {
  struct catalog_record record;
  int result = view_check(view);
  if (result == 0)
    result = name_check(name);
  if (result == 0 && options)
    result = options_check(options);
  if (result == 0)
    result = catalog_find(view, name, &record);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_NO_MAP, "there is no %s named '%s'", is_arena ? "arena" : "map", name);
  if (result == 0 && (record.entry.key_kind == COPSE_KEY_SLOT) != is_arena)
    result = error_set(COPSE_E_MAP_KIND, "'%s' is %s", name, is_arena ? "a map" : "an arena");
  if (result == 0 && options)
    result = kinds_compare(name, &record, options);
  if (result)
    return store_fault(view->store, result);
  *entry = record.entry;
  return 0;
}

int copse_map_open(struct copse_view *view, const char *name,
                   const struct copse_map_options *options, struct copse_map **map) {
  struct catalog_entry entry;
  int result = key_kind_check(options);
  if (result == 0)
    result = catalog_open(view, name, 0, options, &entry);
  return result ? result : handle_make(view->store, &entry, map);
}

int catalog_ensure(struct copse_store *store, const char *name, int is_arena,
                   const struct copse_map_options *options, uint64_t tag, int64_t timeout_ns,
                   struct catalog_entry *entry) {
  static const struct copse_map_options defaults;
  struct copse_snapshot *snapshot;
  struct copse_txn *txn;
  int result = copse_snapshot_open(store, 0, &snapshot);
  if (result)
    return result;
  result = catalog_open(&snapshot->view, name, is_arena, options, entry);
  copse_snapshot_close(snapshot);
  if (result != COPSE_E_NO_MAP || store->flags & COPSE_READ_ONLY)
    return result;
  result = copse_txn_begin(store, timeout_ns, &txn);
  if (result)
    return result;
  /* It may be there since the snapshot; or not durable yet, which the commit waits for. */
  result = catalog_open(&txn->view, name, is_arena, options, entry);
  if (result == COPSE_E_NO_MAP)
    result = catalog_create(txn, name, options ? options : &defaults, tag, entry);
  if (result) {
    copse_txn_abort(txn);
    return result;
  }
  return copse_txn_commit(txn, NULL);
}

int copse_map_ensure(struct copse_store *store, const char *name,
                     const struct copse_map_options *options, int64_t timeout_ns,
                     struct copse_map **map) {
  struct catalog_entry entry;
  int result = key_kind_check(options);
  if (result == 0)
    result = catalog_ensure(store, name, 0, options, 0, timeout_ns, &entry);
  return result ? result : handle_make(store, &entry, map);
}

/* --- listing --------------------------------------------------------------------------- */

/* Fills in what the catalog says, and what the map's tree does. */
static int info_fill(struct copse_view *view, const char *name, size_t name_size,
                     const struct catalog_entry *entry, struct copse_map_info *info) {
  struct tree tree;
  uint64_t changed;
  struct copse_map map = map_of_entry(view->store, entry);
  int result = view_tree_find(view, &map, &tree, &changed);
  if (result)
    return result == COPSE_NONE
               ? error_set(COPSE_E_CORRUPT, "the catalog names a map that is not there")
               : result;
  memset(info, 0, sizeof *info);
  memcpy(info->name, name, name_size < COPSE_MAP_NAME_MAX ? name_size : COPSE_MAP_NAME_MAX);
  info->id = entry->id;
  info->key_kind = entry->key_kind;
  info->key_encoding = entry->key_encoding;
  info->value_size = entry->value_size;
  info->has_layout = entry->layout_size > 0;
  info->layout_hash = entry->layout_hash;
  info->count = tree.count;
  info->changed = changed;
  return 0;
}

struct scan_target {
  struct copse_view *view;
  const struct copse_map *map;
  struct copse_map_info *info;
  struct catalog_record record;
};

/* Visitors return 2 when they have what was looked for. */
static int first_take(void *context, const struct tree_key *name,
                      const struct catalog_record *record) {
  struct scan_target *target = context;
  int result =
      info_fill(target->view, (const char *)name->data, name->size, &record->entry, target->info);
  return result ? result : 2;
}

static int map_take(void *context, const struct tree_key *name,
                    const struct catalog_record *record) {
  struct scan_target *target = context;
  if (record->entry.id != target->map->id || record->entry.tag != target->map->tag)
    return 0;
  target->record = *record;
  return target->info ? first_take(context, name, record) : 2;
}

int copse_map_next(struct copse_view *view, const char *after, struct copse_map_info *info) {
  struct scan_target target = {.view = view, .info = info};
  int result = view_check(view);
  if (result == 0)
    result = catalog_scan(view, after, first_take, &target);
  return result == 2 ? 0 : store_fault(view->store, result);
}

static int map_scan(struct scan_target *target) {
  struct copse_view *view = target->view;
  int result = view_check(view);
  if (result == 0 && target->map->store != view->store)
    result = error_set(COPSE_E_ARGUMENT, "the map belongs to another store");
  if (result == 0)
    result = catalog_scan(view, NULL, map_take, target);
  if (result == COPSE_NONE)
    result = error_set(COPSE_E_NO_MAP, "the map is not there in this version of the store");
  return result == 2 ? 0 : store_fault(view->store, result);
}

int map_by_id(struct copse_view *view, uint32_t id, uint64_t tag, struct copse_map *map) {
  const struct copse_map asked = {.store = view->store, .id = id, .tag = tag};
  struct scan_target target = {.view = view, .map = &asked};
  int result = map_scan(&target);
  if (result == 0)
    *map = map_of_entry(view->store, &target.record.entry);
  return result;
}

int copse_map_info(struct copse_view *view, struct copse_map *map, struct copse_map_info *info) {
  struct scan_target target = {.view = view, .map = map, .info = info};
  return map_scan(&target);
}

int copse_map_layout(struct copse_view *view, struct copse_map *map, struct copse_layout **layout) {
  struct scan_target target = {.view = view, .map = map};
  int result = map_scan(&target);
  if (result)
    return result;
  if (target.record.entry.layout_size == 0)
    return COPSE_NONE;
  return record_layout_decode(target.record.layout, target.record.entry.layout_size, layout);
}

/* --- renaming and dropping ------------------------------------------------------------- */

/* Takes a map's name out of the catalog; the record's layout is copied to *layout. */
static int catalog_take(struct copse_txn *txn, struct copse_map *map, struct catalog_entry *entry,
                        uint8_t **layout) {
  struct copse_map_info info;
  struct scan_target target = {.view = &txn->view, .map = map, .info = &info};
  struct txn_map *catalog;
  int result = txn_check(txn);
  if (result == 0)
    result = map_scan(&target);
  if (result == 0)
    result = catalog_for_write(txn, &catalog);
  if (result)
    return result;
  *entry = target.record.entry;
  *layout = malloc(entry->layout_size + 1u);
  if (!*layout)
    return error_set(COPSE_E_MEMORY, "no memory for a record layout");
  memcpy(*layout, target.record.layout, entry->layout_size);
  result = tree_delete(&txn->view.store->pager, &catalog->tree, (const uint8_t *)info.name,
                       (uint32_t)strlen(info.name));
  if (result) {
    free(*layout);
    return result == COPSE_NONE ? COPSE_E_CORRUPT : result;
  }
  catalog->dirty = 1;
  txn->view.pages.limit = txn->view.store->pager.view.limit;
  txn->view.moves++;
  return 0;
}

int copse_map_rename(struct copse_txn *txn, struct copse_map *map, const char *name) {
  struct catalog_entry entry;
  struct catalog_record other;
  uint8_t *layout;
  int result = name_check(name);
  if (result == 0)
    result = txn_check(txn);
  if (result == 0) {
    result = catalog_find(&txn->view, name, &other);
    if (result == 0)
      return error_set(COPSE_E_MAP_EXISTS, "there is a map named '%s' already", name);
    result = result == COPSE_NONE ? txn_savepoint(txn) : result;
  }
  if (result)
    return result;
  result = catalog_take(txn, map, &entry, &layout);
  if (result == 0) {
    result = catalog_put(txn, name, &entry, layout);
    free(layout);
  }
  if (result && copse_savepoint_rollback(txn))
    return COPSE_E_STATE;
  int released = copse_savepoint_release(txn);
  return result ? result : released;
}

int copse_map_drop(struct copse_txn *txn, struct copse_map *map) {
  struct catalog_entry entry;
  struct tree tree;
  struct txn_map *own;
  uint8_t *layout;
  int result = txn_check(txn);
  if (result == 0) /* its place first: what comes after the catalog's entry must not fail */
    result = view_container(&txn->view, map, &tree);
  if (result == 0)
    result = catalog_take(txn, map, &entry, &layout);
  if (result)
    return result;
  free(layout);
  result = txn_map_find(txn, map, &own);
  if (result)
    return result;
  if (own->tree.root)
    pager_drop_subtree(&txn->view.store->pager, own->tree.root);
  own->tree.root = own->tree.count = 0;
  own->tag = 0;
  own->dirty = 1;
  txn->view.turn++;
  return 0;
}
