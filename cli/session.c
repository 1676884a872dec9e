/* cli/session.c - see session.h. */
#include "session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- stores -------------------------------------------------------------------------- */

int session_creation_options(struct copse_store_options *options) {
  static const uint32_t slow_readers[] = {COPSE_SLOW_WARN, COPSE_SLOW_WARN, COPSE_SLOW_REFUSE,
                                          COPSE_SLOW_OUST};
  static const uint32_t durabilities[] = {COPSE_DURABILITY_DEFAULT, COPSE_DURABILITY_NONE,
                                          COPSE_DURABILITY_LAZY, COPSE_DURABILITY_SYNC};
  uint32_t mode = 0;

  for (const char *digit = creation_given.mode; digit != NULL && *digit != 0; digit++) {
    if (*digit < '0' || *digit > '7' || mode > 07777 / 8)
      return fail_usage("--mode takes octal permission bits such as 660, not '%s'",
                        creation_given.mode);
    mode = mode * 8 + (uint32_t)(*digit - '0');
  }
  if (creation_given.sync_interval_ms > UINT32_MAX)
    return fail_usage("--sync-interval takes at most %u milliseconds", UINT32_MAX);
  *options = (struct copse_store_options){
      .max_bytes = creation_given.max_bytes,
      .file_bytes = creation_given.file_bytes,
      .durability = durabilities[creation_given.durability],
      .sync_bytes = creation_given.sync_bytes,
      .sync_interval_ms = (uint32_t)creation_given.sync_interval_ms,
      .slow_reader = slow_readers[creation_given.slow_reader],
      .slow_reader_bytes = creation_given.slow_reader_bytes,
      .mode = mode,
  };
  return STATUS_OK;
}

int session_open(struct session *s, const char *path, enum access access) {
  struct copse_store_options options = {0};
  int status = STATUS_OK;

  *s = (struct session){.path = path};
  if (access == ACCESS_CREATE || access == ACCESS_NEW)
    status = session_creation_options(&options);
  if (status == STATUS_OK)
    status = session_open_with(s, path, access, &options);
  return status;
}

int session_open_with(struct session *s, const char *path, enum access access,
                      const struct copse_store_options *wanted) {
  struct copse_store_options options = *wanted;
  int result;

  *s = (struct session){.path = path};
  options.flags = COPSE_SIGBUS_GUARD;
  if (access == ACCESS_READ)
    options.flags |= COPSE_READ_ONLY;
  if (access == ACCESS_NEW)
    options.flags |= COPSE_CREATE | COPSE_EXCLUSIVE;
  result = copse_store_open(path, &options, &s->store);
  if (access == ACCESS_READ && (result == COPSE_E_READ_ONLY || result == COPSE_E_COORDINATION)) {
    /* The first to open a store after a restart of the machine has coordination files to
     * make, which takes write permission. */
    options.flags &= ~(uint32_t)COPSE_READ_ONLY;
    result = copse_store_open(path, &options, &s->store);
  }
  if (access == ACCESS_READ && (result == COPSE_E_READ_ONLY || result == COPSE_E_PERMISSION)) {
    options.flags = COPSE_SIGBUS_GUARD | COPSE_OBSERVE;
    result = copse_store_open(path, &options, &s->store);
  }
  if (access == ACCESS_CHECK && (result == COPSE_E_READ_ONLY || result == COPSE_E_PERMISSION)) {
    options.flags |= COPSE_READ_ONLY;
    result = copse_store_open(path, &options, &s->store);
  }
  if (access == ACCESS_CREATE && result == COPSE_E_NO_STORE) {
    options.flags |= COPSE_CREATE;
    result = copse_store_open(path, &options, &s->store);
  }
  if (result != COPSE_OK)
    return fail(result, "%s", path);
  return STATUS_OK;
}

int session_close(struct session *s, int status) {
  int result;

  session_abort(s);
  if (s->snapshot != NULL)
    copse_snapshot_close(s->snapshot);
  s->snapshot = NULL;
  if (s->store == NULL)
    return status;
  result = copse_store_close(s->store);
  s->store = NULL;
  if (result != COPSE_OK && status == STATUS_OK)
    return fail(result, "closing %s", s->path);
  return status;
}

int session_snapshot(struct session *s) {
  int result = copse_snapshot_open(s->store, COPSE_SNAPSHOT_KEPT, &s->snapshot);

  return result == COPSE_OK ? STATUS_OK : fail(result, "%s", s->path);
}

int session_begin(struct session *s) {
  int result = copse_txn_begin(s->store, lock_wait_ns, &s->txn);

  return result == COPSE_OK ? STATUS_OK : fail(result, "%s", s->path);
}

int session_commit(struct session *s, uint64_t *version) {
  int result = copse_txn_commit(s->txn, version);

  s->txn = NULL;
  return result == COPSE_OK ? STATUS_OK : fail(result, "%s", s->path);
}

void session_abort(struct session *s) {
  copse_txn_abort(s->txn);
  s->txn = NULL;
}

struct copse_view *session_view(const struct session *s) {
  return s->txn != NULL ? copse_txn_view(s->txn) : copse_snapshot_view(s->snapshot);
}

/* --- shapes -------------------------------------------------------------------------- */

void shape_free(struct shape *shape) {
  if (shape->layout != NULL)
    copse_layout_free(shape->layout);
  *shape = (struct shape){0};
}

int shape_from_options(struct shape *shape, bool *given) {
  *shape = (struct shape){
      .key_kind = shape_given.key == 2 ? COPSE_KEY_U64 : COPSE_KEY_BYTES,
      .key_encoding = shape_given.key == 3 ? COPSE_KEYS_TUPLE : COPSE_KEYS_RAW,
  };
  *given = shape_given.key != 0 || shape_given.value_size != 0 || shape_given.layout != NULL;
  if (shape_given.value_size != 0 && shape_given.layout != NULL)
    return fail_usage("--layout gives the size of values already: leave --value-size out");
  if (shape_given.value_size > COPSE_RECORD_MAX)
    return fail_usage("--value-size takes 1 to %d bytes", COPSE_RECORD_MAX);
  shape->value_size = (uint32_t)shape_given.value_size;
  if (shape_given.layout != NULL) {
    int result = copse_layout_parse(shape_given.layout, &shape->layout);
    if (result != COPSE_OK)
      return fail(result, "--layout");
    shape->value_size = shape->layout->size;
  }
  return STATUS_OK;
}

struct copse_map_options shape_options_of(const struct shape *shape) {
  return (struct copse_map_options){
      .key_kind = shape->key_kind,
      .key_encoding = shape->key_encoding,
      .value_size = shape->value_size,
      .layout = shape->layout,
  };
}

const char *shape_key_name(const struct shape *shape) {
  if (shape->key_encoding == COPSE_KEYS_TUPLE)
    return "tuple";
  if (shape->key_kind == COPSE_KEY_SLOT) /* an arena */
    return "slot";
  return shape->key_kind == COPSE_KEY_U64 ? "u64" : "bytes";
}

bool shape_key_set(struct shape *shape, const char *name, size_t size) {
  static const struct shape kinds[] = {
      {.key_kind = COPSE_KEY_BYTES},
      {.key_kind = COPSE_KEY_U64},
      {.key_encoding = COPSE_KEYS_TUPLE},
  };

  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const char *known = shape_key_name(&kinds[i]);
    if (strlen(known) == size && memcmp(known, name, size) == 0) {
      shape->key_kind = kinds[i].key_kind;
      shape->key_encoding = kinds[i].key_encoding;
      return true;
    }
  }
  return false;
}

bool shape_equal(const struct shape *a, const struct shape *b) {
  if (a->key_kind != b->key_kind || a->key_encoding != b->key_encoding ||
      a->value_size != b->value_size)
    return false;
  if (a->layout == NULL || b->layout == NULL)
    return a->layout == b->layout;
  return copse_layout_compare(a->layout, b->layout) == COPSE_OK;
}

void shape_layout_text(const struct shape *shape, struct text *out) {
  size_t needed;

  if (shape->layout == NULL)
    return;
  needed = copse_layout_format(shape->layout, NULL, 0);
  copse_layout_format(shape->layout, text_room(out, needed), needed + 1);
  out->size += needed;
}

/* --- maps ---------------------------------------------------------------------------- */

/* Learns the rest about a map that has just been opened. */
static int complete_map(struct session *s, const char *name, struct open_map *map) {
  struct copse_view *view = session_view(s);
  int result = copse_map_info(view, map->map, &map->info);

  if (result == COPSE_OK && map->info.has_layout)
    result = copse_map_layout(view, map->map, &map->shape.layout);
  if (result != COPSE_OK) {
    int status = fail(result, "map %s", name);
    map_close(map);
    return status;
  }
  map->shape.key_kind = map->info.key_kind;
  map->shape.key_encoding = map->info.key_encoding;
  map->shape.value_size = map->info.value_size;
  return STATUS_OK;
}

static int arena_open(struct session *s, const char *name, struct open_map *map) {
  struct copse_arena_info info;
  int result = copse_arena_open(session_view(s), name, NULL, &map->arena);

  if (result != COPSE_OK)
    return result;
  map->map = copse_arena_map(map->arena);
  result = copse_arena_info(session_view(s), map->arena, &info);
  if (result == COPSE_OK)
    map->shape.arena = info.arena;
  else
    map_close(map);
  return result;
}

int map_find(struct session *s, const char *name, struct open_map *map) {
  int result;

  *map = (struct open_map){0};
  result = copse_map_open(session_view(s), name, NULL, &map->map);
  if (result == COPSE_E_MAP_KIND)
    result = arena_open(s, name, map);
  if (result == COPSE_E_NO_MAP)
    return STATUS_NOTHING;
  if (result != COPSE_OK)
    return fail(result, "map %s", name);
  return complete_map(s, name, map);
}

int map_open(struct session *s, const char *name, struct open_map *map) {
  int status = map_find(s, name, map);

  if (status == STATUS_NOTHING)
    return fail_with(STATUS_STORE, "%s: there is no map '%s'; see 'copse maps'", s->path, name);
  return status;
}

int map_create(struct session *s, const char *name, const struct shape *shape,
               struct open_map *map) {
  struct copse_map_options options = shape_options_of(shape);
  int result;

  *map = (struct open_map){0};
  if (shape->key_kind == COPSE_KEY_SLOT) {
    struct copse_arena_options records = {
        .record_size = shape->value_size, .layout = shape->layout, .arena = shape->arena};
    result = copse_arena_create(s->txn, name, &records, &map->arena);
    if (result == COPSE_E_MAP_EXISTS && shape->arena != 0)
      return fail_with(STATUS_STORE,
                       "arena %016" PRIx64 " is in %s already, and is one in a store; for another "
                       "arena of the same records leave \"arena\" out of its \"define\"",
                       shape->arena, s->path);
    if (result == COPSE_OK)
      map->map = copse_arena_map(map->arena);
  } else {
    result = copse_map_create(s->txn, name, &options, &map->map);
  }
  if (result != COPSE_OK)
    return fail(result, "map %s", name);
  return complete_map(s, name, map);
}

void map_close(struct open_map *map) {
  shape_free(&map->shape);
  if (map->arena != NULL)
    copse_arena_close(map->arena);
  else if (map->map != NULL)
    copse_map_close(map->map);
  *map = (struct open_map){0};
}

static int visit_map(struct session *s, const char *name,
                     int (*visit)(void *context, struct open_map *map), void *context) {
  struct open_map map;
  int status = map_open(s, name, &map);

  if (status == STATUS_OK) {
    status = visit(context, &map);
    map_close(&map);
  }
  return status;
}

int maps_each(struct session *s, char *const *names, size_t count,
              int (*visit)(void *context, struct open_map *map), void *context) {
  struct copse_map_info info;
  char after[COPSE_MAP_NAME_MAX + 1] = "";
  int status = STATUS_OK;

  for (size_t i = 0; i < count && status == STATUS_OK; i++)
    status = visit_map(s, names[i], visit, context);
  while (count == 0 && status == STATUS_OK) {
    int result = copse_map_next(session_view(s), *after != 0 ? after : NULL, &info);
    if (result == COPSE_NONE)
      break;
    if (result != COPSE_OK)
      return fail(result, "%s", s->path);
    memcpy(after, info.name, sizeof after);
    status = visit_map(s, info.name, visit, context);
  }
  return status;
}
