/* store/txn.c - write transactions: begin, savepoints, commit, abort.
 *
 * Commit: the touched maps' trees go into the map table, freed pages into the pending queue, the
 * root record is written, and one store publishes all of it; then sleepers are woken and the
 * lock is released. A death before the publishing store leaves the undo log to the next
 * writer; after it, nothing is left to do. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/points.h"

int txn_refuse(const struct copse_txn *txn) {
  int result = fork_check();
  if (result)
    return result;
  return txn->forked
             ? error_set(COPSE_E_FORKED, "the write transaction belongs to the parent process")
             : error_set(COPSE_E_STATE, "the transaction has ended");
}

/* Where the transaction has the map of an id; NULL: nowhere yet. */
static struct txn_map *place_find(struct copse_txn *txn, uint32_t id) {
  for (uint32_t i = 0; i < txn->map_count; i++)
    if (txn->maps[i].id == id) {
      txn->last_map = i;
      return &txn->maps[i];
    }
  return NULL;
}

static int place_make(struct copse_txn *txn, struct txn_map **place) {
  if (base_grow(&txn->maps, &txn->map_capacity, txn->map_count + UINT64_C(1), sizeof *txn->maps))
    return error_set(COPSE_E_MEMORY, "no memory for a transaction over %u maps", txn->map_count);
  txn->last_map = txn->map_count++;
  *place = &txn->maps[txn->last_map];
  return 0;
}

int txn_map_look_up(struct copse_txn *txn, const struct copse_map *map, struct txn_map **own) {
  struct txn_map *place = place_find(txn, map->id);
  if (!place) {
    struct map_entry entry;
    int result = table_lookup(&txn->view.pages, &txn->view.root, map->id, &entry);
    if (result == 0 && entry.tag != map->tag)
      result = COPSE_NONE;
    if (result == 0)
      result = place_make(txn, &place);
    if (result)
      return result;
    *place =
        (struct txn_map){.id = map->id,
                         .tag = entry.tag,
                         .tree = {.root = entry.root, .count = entry.count, .shape = map->shape},
                         .changed = entry.changed};
  }
  *own = place;
  return place->tag == map->tag ? 0 : COPSE_NONE;
}

int txn_map_make(struct copse_txn *txn, const struct copse_map *map, struct txn_map **own) {
  struct txn_map *place = place_find(txn, map->id);
  int result = place ? 0 : place_make(txn, &place);
  if (result)
    return result;
  *place = (struct txn_map){.id = map->id, .tree = {.shape = map->shape}};
  *own = place;
  return 0;
}

/* --- begin ----------------------------------------------------------------------------- */

static uint64_t thread_self(void) { return (uint64_t)(uintptr_t)pthread_self(); }

/* With the lock held: a pager on the newest version, after what a dead writer left is undone. */
static int base_load(struct copse_store *store) {
  struct copse_txn *txn = &store->txn;
  uint64_t published = root_published(store->writers.rw);
  struct root root;
  int result = root_read(store->writers.rw, published, &root, NULL);
  if (result)
    return error_set(COPSE_E_CORRUPT, "the root record of version %llu is not readable",
                     (unsigned long long)published);
  result = store_size_check(store, &root);
  if (result)
    return result;
  if (root.limit > store->data.reserved)
    return error_set(COPSE_E_ADDRESS_SPACE, "the store is larger than what this process reserved");
  result = pager_check(&store->pager);
  if (result == 0 && store->header.durability != COPSE_DURABILITY_NONE)
    result = durable_failed(store);
  if (result == 0)
    result = durable_mark_unclean(store);
  if (result)
    return result;
  pager_begin(&store->pager, published + 1, published);
  txn->view.root = root;
  txn->view.pages = store->pager.view;
  txn->next_map = root.next_map;
  txn->map_count = txn->save_count = txn->last_map = 0;
  txn->puts = txn->deletes = 0;
  return 0;
}

static void saves_free(struct copse_txn *txn) {
  while (txn->save_count)
    free(txn->saves[--txn->save_count].maps);
}

void writer_end(struct copse_store *store) {
  /* relaxed: compared by the thread that set it only */
  atomic_store_explicit(&store->writer_thread, 0, memory_order_relaxed);
  lock_release(&store->client, store->writers.rw);
}

int write_permitted(const struct copse_store *store) {
  int result = fork_check();
  if (result)
    return result;
  if (store->flags & COPSE_READ_ONLY)
    return error_set(COPSE_E_READ_ONLY, "the store was opened read-only");
  if (!store->client.live_page)
    return error_set(COPSE_E_FORKED, "this child could not attach when it was forked");
  return 0;
}

int writer_check(struct copse_store *store) {
  int result = write_permitted(store);
  if (result == 0)
    store_tell(store);
  return result;
}

int writer_is_self(const struct copse_store *store) {
  /* relaxed: only this thread itself can have set its own name */
  return atomic_load_explicit(&store->writer_thread, memory_order_relaxed) == thread_self();
}

static void writer_note(struct copse_store *store) {
  /* relaxed: see above */
  atomic_store_explicit(&store->writer_thread, thread_self(), memory_order_relaxed);
}

int writer_try(struct copse_store *store) {
  if (!lock_try(&store->client, store->writers.rw))
    return 0;
  writer_note(store);
  return 1;
}

int writer_take(struct copse_store *store, int64_t timeout_ns) {
  if (writer_is_self(store))
    return error_set(COPSE_E_DEADLOCK, "this thread has a write transaction open on %s",
                     store->path ? store->path : "(anonymous)");
  struct lock_result lock;
  int result = lock_acquire(&store->client, store->writers.rw, timeout_ns, &lock);
  if (result)
    return result;
  writer_note(store);
  return 0;
}

int txn_open(struct copse_store *store) {
  struct copse_txn *txn = &store->txn;
  int result = base_load(store);
  if (result) /* nothing was begun: the undo log is still that of the last commit */
    return result;
  result = reservations_reap(store);
  if (result == 0)
    result = pins_reclaim_first(store);
  if (result) {
    pager_rollback(&store->pager);
    return result;
  }
  txn->view.store = store;
  txn->view.arena = txn->view.arenas;
  txn->view.txn = txn;
  txn->active = 1;
  view_open_set(&txn->view, 1);
  txn->forked = 0; /* a forked child's own one takes the place of the parent's */
  txn->view.moves++;
  txn->view.turn++;
  return 0;
}

static void txn_close(struct copse_txn *txn) {
  txn->active = 0;
  view_open_set(&txn->view, 0);
}

void txn_undo(struct copse_txn *txn) {
  saves_free(txn);
  pager_rollback(&txn->view.store->pager);
  txn_close(txn);
}

int copse_txn_begin(struct copse_store *store, int64_t timeout_ns, struct copse_txn **out) {
  int result = writer_check(store);
  if (result == 0)
    result = writer_take(store, timeout_ns);
  if (result)
    return result;
  result = combine_own(store);
  if (result == 0)
    result = txn_open(store);
  if (result) {
    writer_end(store);
    return result;
  }
  *out = &store->txn;
  return 0;
}

struct copse_view *copse_txn_view(struct copse_txn *txn) {
  return &txn->view;
}

/* --- savepoints ------------------------------------------------------------------------ */

int copse_savepoint(struct copse_txn *txn) {
  int result = txn_check(txn);
  if (result == 0 && txn->save_count == SAVEPOINTS_MAX)
    result = error_set(COPSE_E_STATE, "savepoints are nested %u deep already", SAVEPOINTS_MAX);
  return result ? result : txn_savepoint(txn);
}

int txn_savepoint(struct copse_txn *txn) {
  struct txn_save *save = &txn->saves[txn->save_count];
  save->maps = malloc((txn->map_count + 1) * sizeof *save->maps);
  if (!save->maps)
    return error_set(COPSE_E_MEMORY, "no memory for a savepoint");
  if (txn->map_count)
    memcpy(save->maps, txn->maps, txn->map_count * sizeof *save->maps);
  save->map_count = txn->map_count;
  pager_savepoint(&txn->view.store->pager, &save->mark);
  txn->save_count++;
  txn->view.turn++; /* its pages are not to be changed in place any more */
  return 0;
}

int copse_savepoint_rollback(struct copse_txn *txn) {
  int result = txn_check(txn);
  if (result)
    return result;
  if (txn->save_count == 0)
    return error_set(COPSE_E_STATE, "there is no savepoint");
  struct txn_save *save = &txn->saves[txn->save_count - 1];
  if (save->map_count)
    memcpy(txn->maps, save->maps, save->map_count * sizeof *save->maps);
  txn->map_count = save->map_count;
  txn->last_map = 0;
  pager_rollback_to(&txn->view.store->pager, &save->mark);
  txn->view.moves++;
  txn->view.turn++;
  return 0;
}

int copse_savepoint_release(struct copse_txn *txn) {
  int result = txn_check(txn);
  if (result)
    return result;
  if (txn->save_count == 0)
    return error_set(COPSE_E_STATE, "there is no savepoint");
  free(txn->saves[--txn->save_count].maps);
  return 0;
}

/* --- commit and abort ------------------------------------------------------------------ */

static void counters_add(struct commit_words *words, const struct copse_txn *txn) {
  /* relaxed: statistics, written under the lock: no read-modify-write is needed */
#define COUNT(word, n)                                                                             \
  atomic_store_explicit(&words->word,                                                              \
                        atomic_load_explicit(&words->word, memory_order_relaxed) + (n),            \
                        memory_order_relaxed) /* relaxed: likewise */
  COUNT(commits, 1);
  if (txn->puts)
    COUNT(puts, txn->puts);
  if (txn->deletes)
    COUNT(deletes, txn->deletes);
  COUNT(written_units, txn->view.store->pager.taken_units);
#undef COUNT
}

/* The first map that the transaction has changed, or NULL. */
static const struct txn_map *changed_map(const struct copse_txn *txn) {
  for (uint32_t i = 0; i < txn->map_count; i++)
    if (txn->maps[i].dirty)
      return &txn->maps[i];
  return NULL;
}

/* Publishes; the lock stays ours. first: a map that has changed; NULL: only rings have. */
static int publish(struct copse_txn *txn, const struct txn_map *first, uint64_t *version) {
  struct copse_store *store = txn->view.store;
  struct pager *pager = &store->pager;
  struct root root = txn->view.root;
  int result = first ? table_write(pager, &root, txn->maps, txn->map_count, txn->next_map) : 0;
  if (result == 0)
    result = pager_queue(pager);
  if (result)
    return result;
  root.version = pager->version;
  root.limit = pager->view.limit;
  root.time_ns = clock_wall_ns();
  struct recent_map recent = {0};
  if (first)
    recent = (struct recent_map){first->tag, first->tree.root, first->tree.count};
  root_write(store->writers.rw, &root, &recent);
  root_publish(store->writers.rw, root.version);
  POINT(commit_published);
  if (store->header.durability != COPSE_DURABILITY_SYNC) /* else when it is durable: group.c */
    (void)wait_wake(&store->readers, store->writers.rw);
  POINT(commit_woken);
  counters_add(store_words(store), txn);
  *version = root.version;
  return 0;
}

int txn_finish(struct copse_txn *txn, int unchanged_too, uint64_t *version) {
  int result = 0;
  saves_free(txn);
  POINT(commit_begin);
  *version = txn->view.root.version;
  const struct txn_map *first = changed_map(txn);
  if (first || unchanged_too)
    result = publish(txn, first, version);
  if (result || !(first || unchanged_too))
    pager_rollback(&txn->view.store->pager);
  txn_close(txn);
  return result;
}

int txn_publish(struct copse_txn *txn, uint64_t *version) {
  int result = txn_check(txn);
  if (result)
    return result;
  struct copse_store *store = txn->view.store;
  result = txn_finish(txn, 0, version);
  writer_end(store);
  return result;
}

int writer_settle(struct copse_store *store, uint64_t version) {
  if (store->header.durability == COPSE_DURABILITY_LAZY)
    syncer_committed(store);
  return store->group ? group_wait(store, version, UINT64_MAX) : 0;
}

int copse_txn_commit(struct copse_txn *txn, uint64_t *version) {
  uint64_t committed;
  int result = txn_check(txn);
  if (result)
    return result;
  struct copse_store *store = txn->view.store;
  result = txn_publish(txn, &committed);
  combine_left(store);
  if (result)
    return result;
  if (version)
    *version = committed;
  return writer_settle(store, committed);
}

void copse_txn_abort(struct copse_txn *txn) {
  if (!txn || txn->forked || !txn->active || fork_is_raw_clone())
    return;
  struct copse_store *store = txn->view.store;
  txn_undo(txn);
  /* relaxed: statistics */
  atomic_fetch_add_explicit(&store_words(store)->aborts, 1, memory_order_relaxed);
  writer_end(store);
  combine_left(store);
}
