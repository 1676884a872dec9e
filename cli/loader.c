/* cli/loader.c - see loader.h. */
#include "loader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int commit(struct loader *l) {
  int status = session_commit(l->session, NULL);

  if (status == STATUS_OK)
    l->committed += l->pending;
  l->pending = 0;
  for (size_t i = 0; i < l->map_count; i++)
    l->maps[i]->appending = true;
  return status;
}

/* --- maps ---------------------------------------------------------------------------- */

/* The command line says what the map is: what is there must be that. */
static int check_wanted(struct loader *l, const struct open_map *map) {
  struct copse_map_options options = shape_options_of(l->wanted);
  struct copse_map *same;
  int result = copse_map_open(session_view(l->session), map->info.name, &options, &same);

  if (result != COPSE_OK)
    return fail(result, "map %s", map->info.name);
  copse_map_close(same);
  return STATUS_OK;
}

/* The input says which arena it is: handles of another one would name other records. */
static int check_arena(const struct open_map *map, const struct shape *defined) {
  if (defined == NULL)
    return STATUS_OK;
  if ((defined->key_kind == COPSE_KEY_SLOT) != (map->arena != NULL))
    return fail_with(STATUS_STORE, "'%s' is %s, and the input is for %s: give another name",
                     map->info.name, map->arena != NULL ? "an arena" : "a map",
                     map->arena != NULL ? "a map" : "an arena");
  if (defined->arena != 0 && defined->arena != map->shape.arena)
    return fail_with(STATUS_STORE,
                     "'%s' is arena %016" PRIx64 ", and the input's is %016" PRIx64
                     ", whose handles would name other records: load it into another store, or "
                     "remove the arena first ('copse rm')",
                     map->info.name, map->shape.arena, defined->arena);
  return STATUS_OK;
}

int loader_map(struct loader *l, const char *name, const struct shape *defined,
               struct loader_map **found) {
  static const struct shape plain;
  struct loader_map *map;
  int status = STATUS_OK;

  for (size_t i = 0; i < l->map_count; i++) {
    if (strcmp(l->maps[i]->name, name) == 0) {
      *found = l->maps[i];
      return STATUS_OK;
    }
  }
  if (l->session->txn == NULL && (status = session_begin(l->session)) != STATUS_OK)
    return status;
  map = allocate(sizeof *map);
  status = map_find(l->session, name, &map->open);
  if (status == STATUS_OK) {
    status = l->wanted != NULL ? check_wanted(l, &map->open) : check_arena(&map->open, defined);
    if (status != STATUS_OK)
      map_close(&map->open);
  } else if (status == STATUS_NOTHING) {
    if (l->wanted != NULL)
      defined = l->wanted;
    status = map_create(l->session, name, defined != NULL ? defined : &plain, &map->open);
  }
  if (status != STATUS_OK) {
    free(map);
    return status;
  }
  map->name = duplicate(name);
  map->appending = true;
  l->maps = reallocate(l->maps, (l->map_count + 1) * sizeof(struct loader_map *));
  l->maps[l->map_count++] = map;
  *found = map;
  return STATUS_OK;
}

/* --- records ------------------------------------------------------------------------- */

static bool is_greatest(const struct loader_map *map, struct copse_bytes key) {
  size_t common_size = key.size < map->greatest.size ? key.size : map->greatest.size;
  int order;

  if (!map->any)
    return true;
  order = common_size != 0 ? memcmp(key.data, map->greatest.data, common_size) : 0;
  return order != 0 ? order > 0 : key.size > map->greatest.size;
}

int loader_put(struct loader *l, struct loader_map *map, struct copse_bytes key,
               struct copse_bytes value) {
  uint32_t flags = l->keep ? COPSE_INSERT : 0;
  bool greatest = is_greatest(map, key);
  int result = COPSE_E_ORDER, status;

  if (map->open.arena != NULL)
    return fail_with(STATUS_STORE,
                     "'%s' is an arena, whose slots have generations: it is loaded from JSON Lines "
                     "('copse load --format jsonl')",
                     map->name);
  if (l->session->txn == NULL && (status = session_begin(l->session)) != STATUS_OK)
    return status;
  if (greatest && map->appending)
    result = copse_put(l->session->txn, map->open.map, key.data, key.size, value.data, value.size,
                       COPSE_APPEND);
  if (result == COPSE_E_ORDER) {
    map->appending = map->appending && !greatest;
    result = copse_put(l->session->txn, map->open.map, key.data, key.size, value.data, value.size,
                       flags);
  }
  if (result == COPSE_E_KEY_EXISTS && l->keep)
    l->kept++;
  else if (result != COPSE_OK)
    return fail(result, "map %s", map->name);
  if (greatest) {
    text_set(&map->greatest, key.data, key.size);
    map->any = true;
  }
  l->pending++;
  return l->batch != 0 && l->pending >= l->batch ? commit(l) : STATUS_OK;
}

int loader_append(struct loader *l, struct loader_map *map, const void *record) {
  int result, status = STATUS_OK;

  if (l->session->txn == NULL && (status = session_begin(l->session)) != STATUS_OK)
    return status;
  result = copse_arena_append(l->session->txn, map->open.arena, 1, record, NULL);
  if (result != COPSE_OK)
    return fail(result, "arena %s", map->name);
  l->pending++;
  return l->batch != 0 && l->pending >= l->batch ? commit(l) : STATUS_OK;
}

int loader_restore(struct loader *l, struct loader_map *map, const struct copse_slots *slots) {
  int result, status = STATUS_OK;

  if (l->session->txn == NULL && (status = session_begin(l->session)) != STATUS_OK)
    return status;
  result = copse_arena_restore(l->session->txn, map->open.arena, slots);
  if (result == COPSE_E_KEY_EXISTS && l->keep)
    l->kept += slots->count;
  else if (result != COPSE_OK)
    return fail(result, "arena %s", map->name);
  if (slots->records != NULL)
    l->pending += slots->count;
  return l->batch != 0 && l->pending >= l->batch ? commit(l) : STATUS_OK;
}

int loader_finish(struct loader *l, int status) {
  if (l->session->txn == NULL)
    return status;
  if (status == STATUS_OK)
    return commit(l);
  if (l->batch != 0) {
    commit(l);
  } else {
    session_abort(l->session);
    l->pending = 0;
    l->all_or_nothing_failed = true;
  }
  return status;
}

void loader_free(struct loader *l) {
  for (size_t i = 0; i < l->map_count; i++) {
    map_close(&l->maps[i]->open);
    text_free(&l->maps[i]->greatest);
    free(l->maps[i]->name);
    free(l->maps[i]);
  }
  free(l->maps);
  l->maps = NULL;
  l->map_count = 0;
}
