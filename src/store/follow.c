/* store/follow.c - waiting for commits. */
#include "store/store.h"

#include "base/clock.h"

uint64_t deadline_from(int64_t timeout_ns) {
  if (timeout_ns < 0)
    return UINT64_MAX;
  return timeout_ns == 0 ? 0 : clock_now_ns() + (uint64_t)timeout_ns;
}

int deadline_check(uint64_t deadline) {
  if (deadline == UINT64_MAX || (deadline && clock_now_ns() < deadline))
    return 0;
  return error_set(COPSE_E_TIMEOUT, "no such change was committed within the time limit");
}

/* The version that changed a map last, looked up in the newest root. */
static int map_changed(struct copse_store *store, const struct copse_map *map, uint64_t *version,
                       uint64_t *changed) {
  struct copse_snapshot *snapshot;
  struct tree tree;
  int result = copse_snapshot_open(store, 0, &snapshot);
  if (result)
    return result;
  *version = snapshot->view.root.version;
  result = view_tree_find(&snapshot->view, map, &tree, changed);
  copse_snapshot_close(snapshot);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_NO_MAP, "the map is not there any more");
  return result;
}

int copse_wait(struct copse_store *store, struct copse_map *map, uint64_t after, int64_t timeout_ns,
               uint64_t *version) {
  uint64_t deadline = deadline_from(timeout_ns), seen = after, found;
  int result = fork_check();
  if (result == 0 && map && map->store != store)
    result = error_set(COPSE_E_ARGUMENT, "the map belongs to another store");
  while (result == 0) {
    if (map) {
      uint64_t changed;
      result = map_changed(store, map, &seen, &changed);
      if (result)
        return result;
      if (changed > after) {
        found = changed;
        break;
      }
      result = deadline_check(deadline);
      if (result)
        return result;
    }
    result = wait_published(&store->readers, store->writers.ro, seen, deadline, NULL, &found);
    if (result == 0 && !map)
      break;
  }
  if (result == 0 && version)
    *version = found;
  return result;
}
