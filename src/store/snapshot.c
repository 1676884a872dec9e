/* store/snapshot.c - snapshots: opening, refreshing, closing.
 *
 * A closed handle stays in the store's cache with its slot, so that the next one costs no
 * search. The announcing itself is sync/slots.h. */
#include "store/store.h"

#include <stdlib.h>

/* Whether it shows durable versions only. */
static int is_logged(const struct copse_snapshot *snapshot) {
  return snapshot->view.store->header.durability == COPSE_DURABILITY_SYNC &&
         !(snapshot->flags & COPSE_SNAPSHOT_LATEST);
}

static int is_observer(const struct copse_snapshot *snapshot) {
  return (snapshot->view.store->flags & COPSE_OBSERVE) != 0;
}

/* Whether its pages are copied out. */
static int is_copied(const struct copse_snapshot *snapshot) {
  return is_observer(snapshot) || snapshot->flags & COPSE_SNAPSHOT_OUSTABLE;
}

static uint64_t newest_version(const struct copse_snapshot *snapshot) {
  const uint8_t *writers = snapshot->view.store->writers.ro;
  return is_logged(snapshot) ? root_visible(writers) : root_published(writers);
}

int store_reach(struct copse_store *store, const struct root *root) {
  uint64_t reach;
  if (root->limit > store->data.reserved)
    return error_set(COPSE_E_ADDRESS_SPACE,
                     "the store has grown to %llu bytes, beyond the %llu reserved here; open it "
                     "again with more reserve_bytes",
                     (unsigned long long)root->limit, (unsigned long long)store->data.reserved);
  int result = region_reach(&store->data, root->limit, &reach);
  if (result == 0 && reach < root->limit)
    result = error_set(COPSE_E_CORRUPT, "version %llu speaks of %llu bytes, the file has %llu",
                       (unsigned long long)root->version, (unsigned long long)root->limit,
                       (unsigned long long)reach);
  return result;
}

int snapshot_announce(struct copse_snapshot *snapshot) {
  struct copse_store *store = snapshot->view.store;
  struct root root;
  struct recent_map recent;
  struct reader_slot *slot = readers_slot(&store->readers, snapshot->slot);
  int result = is_logged(snapshot) ? slot_announce_logged(slot, store->writers.ro, &root, &recent)
                                   : slot_announce(slot, store->writers.ro, &root, &recent);
  if (result)
    return result;
  result = store_size_check(store, &root);
  if (result == 0)
    result = store_reach(store, &root);
  if (result) {
    slot_withdraw(slot);
    return result;
  }
  if (recent.count > root.limit / RECORD_BYTES_LEAST)
    recent.tag = 0; /* none: the map table tells */
  snapshot->view.root = root;
  snapshot->view.pages.limit = root.limit;
  snapshot->view.recent = recent;
  snapshot->view.last_tag = 0;
  return 0;
}

static int announce(struct copse_snapshot *snapshot) {
  return is_observer(snapshot) ? observe_announce(snapshot) : snapshot_announce(snapshot);
}

/* A handle from the cache, or a new one, with a slot. */
static int handle_take(struct copse_store *store, struct copse_snapshot **out) {
  pthread_mutex_lock(&store->mutex);
  struct copse_snapshot *snapshot = store->cache;
  if (snapshot)
    store->cache = snapshot->next;
  uint32_t hint = store->slot_hint;
  pthread_mutex_unlock(&store->mutex);
  if (snapshot) {
    *out = snapshot;
    return 0;
  }
  snapshot = calloc(1, sizeof *snapshot);
  if (!snapshot)
    return error_set(COPSE_E_MEMORY, "no memory for a snapshot handle");
  int result = slot_take(&store->client, hint, &snapshot->slot);
  if (result) {
    free(snapshot);
    return result;
  }
  snapshot->view.store = store;
  snapshot->view.arena = snapshot->view.arenas;
  snapshot->view.pages.base = store->data.ro;
  pthread_mutex_lock(&store->mutex);
  store->slot_hint = snapshot->slot + 1;
  pthread_mutex_unlock(&store->mutex);
  *out = snapshot;
  return 0;
}

static void handle_cache(struct copse_snapshot *snapshot) {
  struct copse_store *store = snapshot->view.store;
  pthread_mutex_lock(&store->mutex);
  snapshot->next = store->cache;
  store->cache = snapshot;
  pthread_mutex_unlock(&store->mutex);
}

int copse_snapshot_open(struct copse_store *store, uint32_t flags, struct copse_snapshot **out) {
  struct copse_snapshot *snapshot;
  int result = fork_check();
  if (result == 0 && !store->client.live_page)
    result = error_set(COPSE_E_FORKED, "this child could not attach when it was forked; open the "
                                       "store anew");
  if (result == 0)
    result = handle_take(store, &snapshot);
  if (result)
    return result;
  struct reader_slot *slot = readers_slot(&store->readers, snapshot->slot);
  /* relaxed: the announcement publishes it */
  atomic_store_explicit(&slot->oustable, flags & COPSE_SNAPSHOT_OUSTABLE, memory_order_relaxed);
  snapshot->flags = flags;
  snapshot->view.pages.copy = NULL;
  result = announce(snapshot);
  if (result == 0 && is_copied(snapshot)) {
    result = oust_attach(snapshot);
    if (result) {
      observe_release(snapshot);
      slot_withdraw(slot);
    }
  }
  if (result) {
    handle_cache(snapshot);
    return result;
  }
  view_open_set(&snapshot->view, 1);
  snapshot->view.moves++;
  snapshot->view.turn++;
  pthread_mutex_lock(&store->mutex);
  snapshot->previous = NULL;
  snapshot->next = store->snapshots;
  if (store->snapshots)
    store->snapshots->previous = snapshot;
  store->snapshots = snapshot;
  pthread_mutex_unlock(&store->mutex);
  *out = snapshot;
  return 0;
}

int copse_snapshot_refresh(struct copse_snapshot *snapshot) {
  int result = fork_check();
  if (result)
    return result;
  store_tell(snapshot->view.store);
  if (snapshot->slot == SLOT_NONE)
    return error_set(COPSE_E_FORKED, "the snapshot could not be kept when the process was forked");
  uint64_t before = snapshot->view.root.version;
  int was_open = view_is_open(&snapshot->view);
  if (was_open && newest_version(snapshot) == before &&
      (!is_copied(snapshot) || oust_check(snapshot) == 0))
    return COPSE_NONE;
  view_open_set(&snapshot->view, 0); /* a fork in the middle of it must not take it for announced */
  result = announce(snapshot);
  view_open_set(&snapshot->view, result == 0);
  snapshot->view.moves++;
  snapshot->view.turn++;
  if (result)
    return result;
  return was_open && snapshot->view.root.version == before ? COPSE_NONE : 0;
}

void copse_snapshot_close(struct copse_snapshot *snapshot) {
  if (!snapshot || fork_is_raw_clone()) /* the slot is the parent's */
    return;
  struct copse_store *store = snapshot->view.store;
  store_tell(store);
  int keep = snapshot->slot != SLOT_NONE;
  if (keep)
    slot_withdraw(readers_slot(&store->readers, snapshot->slot));
  observe_release(snapshot);
  view_open_set(&snapshot->view, 0);
  pthread_mutex_lock(&store->mutex);
  if (snapshot->previous)
    snapshot->previous->next = snapshot->next;
  else
    store->snapshots = snapshot->next;
  if (snapshot->next)
    snapshot->next->previous = snapshot->previous;
  arena_caches_trim(&snapshot->view, keep ? ARENA_LEAVES_KEPT : 0);
  if (keep) {
    snapshot->next = store->cache;
    store->cache = snapshot;
  }
  pthread_mutex_unlock(&store->mutex);
  if (!keep) {
    oust_free(snapshot);
    free(snapshot);
  }
}

uint64_t copse_snapshot_version(const struct copse_snapshot *snapshot) {
  return snapshot->view.root.version;
}

uint64_t copse_snapshot_time_ns(const struct copse_snapshot *snapshot) {
  return snapshot->view.root.time_ns;
}

struct copse_view *copse_snapshot_view(struct copse_snapshot *snapshot) {
  return &snapshot->view;
}
