/* store/inspect.c - statistics of stores and maps, and who is attached. */
#include "store/store.h"

#include <string.h>

#include "base/clock.h"

/* relaxed: statistics, each right at some moment */
#define READ(word) atomic_load_explicit(&(word), memory_order_relaxed) /* relaxed: as above */

static void books_stat(const struct copse_store *store, struct copse_stat *stat) {
  const struct books *books = (const struct books *)(store->writers.ro + BOOKS_AT);
  const uint64_t *words = books->words;
  stat->file_bytes = books->segment_limit * FORMAT_SEGMENT;
  stat->high_water_bytes = words[BOOK_SEGMENT_USED] * FORMAT_SEGMENT;
  stat->pending_bytes = words[BOOK_PENDING_UNITS] * FORMAT_UNIT;
  stat->pinned_bytes = words[BOOK_PARKED_UNITS] * FORMAT_UNIT;
  stat->lease_held_bytes = pager_leased_bytes(books);
  stat->used_bytes = words[BOOK_USED_UNITS] * FORMAT_UNIT + FORMAT_FIRST_PAGE;
  stat->free_bytes =
      stat->high_water_bytes > stat->used_bytes ? stat->high_water_bytes - stat->used_bytes : 0;
}

static void words_stat(const struct copse_store *store, struct copse_stat *stat) {
  const struct commit_words *words = store_words_ro(store);
  stat->commits = READ(words->commits);
  stat->aborts = READ(words->aborts);
  stat->puts = READ(words->puts);
  stat->deletes = READ(words->deletes);
  stat->lock_waits = READ(words->lock_waits);
  stat->lock_wait_ns = READ(words->lock_wait_ns);
  stat->lock_wait_max_ns = READ(words->lock_wait_max_ns);
  stat->long_holds = READ(words->long_holds);
  stat->long_hold_ns = READ(words->long_hold_ns);
  stat->long_hold_pid = (uint32_t)READ(words->long_hold_pid);
  for (int i = 0; i < 2; i++) {
    uint64_t part = READ(words->long_hold_command[i]);
    memcpy(stat->long_hold_command + 8 * i, &part, 8);
  }
  stat->long_hold_command[15] = 0;
  stat->takeovers = READ(words->takeovers);
  stat->reaped = READ(words->reaped);
  stat->wakes = READ(words->wakes);
  stat->batches = READ(words->batches);
  stat->batches_refused = READ(words->batches_refused);
  stat->batch_rounds = READ(words->rounds);
  stat->refusals = READ(words->refusals);
  stat->syncs = READ(words->syncs);
  stat->recovered_version = READ(words->recovered);
  stat->log_records = READ(words->log_records);
  stat->log_bytes = READ(words->log_bytes);
  stat->durable_version = store->header.durability == COPSE_DURABILITY_SYNC
                              ? root_visible(store->writers.ro)
                              : READ(words->durable[0]);
}

/* How old a lease is that was taken at a time of the coarse clock; 0: there is none. */
static uint64_t lease_age(const struct reader_client *entry) {
  uint64_t since = READ(entry->lease_since_ns), now = clock_coarse_ns();
  return since && now > since ? now - since : 0;
}

/* What an attached process has leased. */
static void leases_add(const struct reader_client *entry, struct copse_stat *stat) {
  uint64_t age = lease_age(entry);
  stat->leases += READ(entry->lease_count);
  stat->lease_bytes += READ(entry->lease_bytes);
  stat->lease_copies += READ(entry->lease_copies);
  if (age > stat->lease_age_ns)
    stat->lease_age_ns = age;
}

/* Whom the lock word names; 0: nobody. */
static uint32_t lock_owner(const struct copse_store *store) {
  return LOCK_OWNER(READ(store_words_ro(store)->lock));
}

static int root_stat(struct copse_store *store, struct copse_stat *stat) {
  struct copse_snapshot *snapshot;
  struct map_entry catalog;
  int result = copse_snapshot_open(store, COPSE_SNAPSHOT_LATEST, &snapshot);
  if (result)
    return result;
  stat->version = snapshot->view.root.version;
  stat->timeline = snapshot->view.root.timeline;
  result = table_lookup(&snapshot->view.pages, &snapshot->view.root, CATALOG_ID, &catalog);
  stat->maps = catalog.count;
  copse_snapshot_close(snapshot);
  return result;
}

int copse_stat(struct copse_store *store, struct copse_stat *out) {
  struct copse_stat stat = {0};
  uint32_t clients, slots, owner;
  int result = fork_check();
  if (result == 0)
    result = readers_client_count(&store->readers, &clients);
  if (result == 0)
    result = readers_slot_count(&store->readers, &slots);
  for (uint32_t i = 0; result == 0 && i < slots; i++)
    stat.snapshots += SLOT_KIND(READ(readers_slot(&store->readers, i)->word)) != SLOT_IDLE;
  for (uint32_t i = 0; result == 0 && i < clients; i++) {
    const struct reader_client *entry = readers_client(&store->readers, i);
    if (READ(entry->state) != CLIENT_USED)
      continue;
    stat.processes++;
    leases_add(entry, &stat);
  }
  if (result == 0)
    result = root_stat(store, &stat);
  if (result)
    return store_fault(store, result);
  books_stat(store, &stat);
  words_stat(store, &stat);
  stat.file_max_bytes = store->header.file_bytes;
  stat.files = 1;
  if (stat.file_max_bytes)
    stat.files = (uint32_t)((stat.file_bytes - 1) / stat.file_max_bytes + 1);
  if (region_storage(&store->data, &stat.storage_bytes))
    stat.storage_bytes = stat.file_bytes; /* no descriptor is to be had */
  stat.max_bytes = store->header.max_bytes;
  stat.durability = store->header.durability;
  owner = lock_owner(store);
  if (owner && owner <= clients) {
    uint64_t since = READ(store_words_ro(store)->lock_since_ns), now = clock_coarse_ns();
    stat.writer_pid = readers_client(&store->readers, owner - 1)->pid;
    stat.writer_held_ns = now > since ? now - since : 0;
  }
  if (store->flags & COPSE_OBSERVE) /* what was counted are our own */
    stat.processes = stat.snapshots = stat.writer_pid = 0;
  *out = stat;
  return 0;
}

/* --- readers --------------------------------------------------------------------------- */

/* Whether the client's byte is held: by asking for it. */
static int client_alive(struct copse_store *store, uint32_t index) {
  int proof;
  if (index == store->client.index || client_prove_dead(&store->readers, index, &proof) <= 0)
    return 1;
  client_proof_release(proof);
  return 0;
}

static void slots_note(struct copse_store *store, uint32_t index, uint32_t slots, uint64_t newest,
                       struct copse_reader *reader) {
  uint64_t now = clock_coarse_ns();
  for (uint32_t i = 0; i < slots; i++) {
    const struct reader_slot *slot = readers_slot(&store->readers, i);
    uint64_t word = READ(slot->word), since = READ(slot->since_ns);
    if ((uint32_t)READ(slot->owner) != index + 1 || SLOT_KIND(word) == SLOT_IDLE ||
        SLOT_KIND(word) == SLOT_OUSTED)
      continue;
    uint64_t version = SLOT_VERSION(word);
    reader->snapshots++;
    if (reader->version && reader->version <= version)
      continue;
    reader->version = version;
    reader->lag = newest > version ? newest - version : 0;
    reader->age_ns = now > since ? now - since : 0;
  }
  if (reader->version)
    reader->held_bytes =
        pager_held_bytes((const struct books *)(store->writers.ro + BOOKS_AT), reader->version);
}

int copse_readers(struct copse_store *store,
                  int (*visit)(void *context, const struct copse_reader *reader), void *context) {
  uint32_t clients, slots;
  int result = fork_check();
  if (result == 0 && store->flags & COPSE_OBSERVE)
    result = error_set(COPSE_E_PERMISSION, "an observer does not see who is attached: that takes "
                                           "write permission to the readers' file");
  if (result == 0)
    store_tell(store);
  if (result == 0)
    result = readers_client_count(&store->readers, &clients);
  if (result == 0)
    result = readers_slot_count(&store->readers, &slots);
  uint64_t newest = copse_store_version(store);
  for (uint32_t i = 0; result == 0 && i < clients; i++) {
    const struct reader_client *entry = readers_client(&store->readers, i);
    if (READ(entry->state) != CLIENT_USED)
      continue;
    struct copse_reader reader = {.pid = entry->pid,
                                  .pid_namespace = READ(entry->pid_namespace),
                                  .leases = READ(entry->lease_count),
                                  .lease_bytes = READ(entry->lease_bytes),
                                  .lease_age_ns = lease_age(entry)};
    memcpy(reader.command, entry->command, sizeof reader.command);
    reader.command[sizeof reader.command - 1] = 0;
    reader.alive = (uint32_t)client_alive(store, i);
    reader.writing = lock_owner(store) == i + 1;
    slots_note(store, i, slots, newest, &reader);
    result = visit(context, &reader);
  }
  return result;
}

/* --- one map --------------------------------------------------------------------------- */

struct stat_walk {
  struct copse_map_stat stat;
  uint64_t limit; /* bytes of the store: a walk that meets more goes round */
  int damaged;
};

static int page_count(void *context, uint64_t ref, int level, uint64_t bytes) {
  struct stat_walk *walk = context;
  struct copse_map_stat *stat = &walk->stat;
  if (stat->extent_bytes + stat->leaf_bytes + stat->inner_bytes + bytes > walk->limit) {
    if (!walk->damaged++)
      error_detail_set("page %llx and others are in use twice", (unsigned long long)ref);
    return COPSE_NONE;
  }
  if (level < 0) {
    stat->value_extents++;
    stat->extent_bytes += bytes;
  } else if (level == 0) {
    stat->leaf_pages++;
    stat->leaf_bytes += bytes;
  } else {
    stat->inner_pages++;
    stat->inner_bytes += bytes;
  }
  if (level >= 0 && (uint32_t)level + 1 > stat->depth)
    stat->depth = (uint32_t)level + 1;
  return 0;
}

static void fault_note(void *context, const char *sentence) {
  struct stat_walk *walk = context;
  if (!walk->damaged++)
    error_detail_set("%s", sentence);
}

static int tree_stat(struct copse_view *view, const struct tree *tree, struct stat_walk *walked) {
  struct tree_walk walk = {.page = page_count, .fault = fault_note, .context = walked};
  int result = tree_walk(&view->pages, tree, &walk);
  walked->stat.records = walk.records;
  walked->stat.key_bytes = walk.key_bytes;
  walked->stat.value_bytes = walk.value_bytes;
  return result;
}

static int arena_stat(struct copse_view *view, const struct arena *arena,
                      struct stat_walk *walked) {
  struct arena_walk walk = {.page = page_count, .fault = fault_note, .context = walked};
  int result = arena_walk(&view->pages, arena, &walk);
  walked->stat.records = walk.records;
  walked->stat.value_bytes = walk.records * arena->shape.size;
  return result;
}

int copse_map_stat(struct copse_view *view, struct copse_map *map, struct copse_map_stat *stat) {
  struct tree tree;
  struct stat_walk walked = {.limit = view->pages.limit};
  int result = view_check(view);
  if (result == 0)
    result = view_container(view, map, &tree);
  if (result == 0 && map->key_kind == COPSE_KEY_SLOT) {
    struct arena arena = {tree.root, tree.count, arena_shape_make(map->value_size), NULL};
    result = arena_stat(view, &arena, &walked);
  } else if (result == 0) {
    result = tree_stat(view, &tree, &walked);
  }
  if (result == 0 && walked.damaged)
    result = COPSE_E_CORRUPT;
  if (result)
    return store_fault(view->store, result);
  *stat = walked.stat;
  return 0;
}
