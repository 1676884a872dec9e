/* store/shrink.c - gives storage back while programs use the store.
 *
 * Everything is done in steps, each a write transaction of its own that does a bounded part; whoever
 * waits for the lock gets it in between.
 *   1  durable roots are written, so that older ones keep nothing, and freed pages looked at
 *   2  free pages on stacks go back to their segments
 *   3  pages in segments of which little is in use are written anew in others (tree/move.c); then 1 and 2
 *      again. Records of arenas stay where they are
 *   4  the storage of segments that are wholly free is given back: the file keeps its length, with
 *      holes. A segment gets storage again before it is used (page/holes.c)
 * What older snapshots and leases keep stays where it is, and what is written meanwhile lies where there
 * is room: it is done as well as may be. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#define RECLAIM_BUDGET 4096u /* freed pages looked at in a step */
#define RECLAIM_STEPS 4096u  /* at most; more would wait for what programs free meanwhile */
#define PUNCH_BUDGET 64u     /* segments given back in a step: 16 MiB */
#define MOVE_BUDGET (UINT64_C(1) << 20) /* bytes written anew in a step */
#define MOVE_PASSES 4u                  /* as long as there is no room for what is to be moved */

static int storage_look(struct copse_store *store, uint64_t *bytes) {
  return region_storage(&store->data, bytes);
}

/* One version more, so that the durable root before loses its protection. */
static int version_add(struct copse_store *store) {
  struct copse_txn *txn;
  uint64_t version;
  int result = copse_txn_begin(store, -1, &txn);
  if (result)
    return result;
  result = txn_finish(txn, 1, &version);
  writer_end(store);
  combine_left(store);
  return result;
}

/* Both durable roots are of versions that have nothing of what was given up before. */
static int roots_renew(struct copse_store *store) {
  uint64_t version;
  int result = 0;
  if (store->header.durability == COPSE_DURABILITY_NONE)
    return 0;
  for (int i = 0; i < 2 && result == 0; i++) {
    result = version_add(store);
    if (result == 0)
      result = durable_checkpoint(store, &version);
  }
  return result;
}

static int reclaim_step(struct copse_store *store, int *more) {
  struct pager *pager = &store->pager;
  struct copse_txn *txn;
  int result = copse_txn_begin(store, -1, &txn);
  if (result)
    return result;
  uint64_t before = pager_waiting_bytes(pager);
  int condemned = pager_has_condemned(pager);
  pager->impatient = 1;
  result = pins_reclaim(store, RECLAIM_BUDGET);
  pager->impatient = 0;
  if (result == 0)
    pager_settle(pager);
  *more = condemned || pager_waiting_bytes(pager) != before;
  copse_txn_abort(txn);
  return result;
}

static int drain_step(struct copse_store *store) {
  struct copse_txn *txn;
  int result = copse_txn_begin(store, -1, &txn);
  if (result)
    return result;
  result = pager_drain(&store->pager);
  if (result == 0)
    pager_settle(&store->pager);
  copse_txn_abort(txn);
  return result;
}

static int punch_step(struct copse_store *store, uint64_t *segment) {
  struct copse_txn *txn;
  int result = copse_txn_begin(store, -1, &txn);
  if (result)
    return result;
  pager_rollback(&store->pager); /* the books as they were committed */
  result = pager_punch(&store->pager, segment, PUNCH_BUDGET);
  copse_txn_abort(txn);
  return result;
}

/* Releases what nobody keeps. */
static int space_free(struct copse_store *store) {
  int more = 1, result = roots_renew(store);
  for (unsigned steps = 0; result == 0 && more && steps < RECLAIM_STEPS; steps++)
    result = reclaim_step(store, &more);
  return result == 0 ? drain_step(store) : result;
}

static int space_give_back(struct copse_store *store) {
  uint64_t segment = 0;
  int result = space_free(store);
  while (result == 0)
    result = punch_step(store, &segment);
  return result == COPSE_NONE ? 0 : result;
}

/* --- moving -------------------------------------------------------------------------------- */

/* The segments that are being emptied. */
struct sparse {
  uint64_t *bits, count;
  struct tree_move move;
};

/* A part of a map. COPSE_NONE: all of it was seen, or it is gone. */
static int part_move(struct copse_store *store, const struct copse_map *map,
                     struct sparse *sparse) {
  struct copse_txn *txn;
  struct txn_map *own;
  int result = copse_txn_begin(store, -1, &txn);
  if (result)
    return result;
  struct tree_move *move = &sparse->move;
  uint64_t moved = move->moved_units;
  result = txn_map_find(txn, map, &own);
  if (result == 0) {
    store->pager.sparse = sparse->bits;
    store->pager.sparse_count = sparse->count;
    result = tree_move(&store->pager, &own->tree, move, MOVE_BUDGET);
    store->pager.sparse = NULL;
    store->pager.sparse_count = 0;
    own->dirty |= move->moved_units > moved;
  }
  if (result < 0 && result != COPSE_E_NO_SPACE) {
    copse_txn_abort(txn);
    return result;
  }
  int committed = copse_txn_commit(txn, NULL);
  return committed ? committed : result;
}

static int map_move(struct copse_store *store, const struct copse_map *map, struct sparse *sparse) {
  int result = 0;
  sparse->move.begun = 0;
  while (result == 0)
    result = part_move(store, map, sparse);
  return result == COPSE_NONE ? 0 : result;
}

/* The map behind the one of this name, whose place the name takes. COPSE_NONE: there is none. */
static int map_next(struct copse_store *store, char name[COPSE_MAP_NAME_MAX + 1],
                    struct copse_map *map) {
  struct copse_snapshot *snapshot;
  struct copse_map_info info;
  struct catalog_record record;
  int result = copse_snapshot_open(store, COPSE_SNAPSHOT_LATEST, &snapshot);
  if (result)
    return result;
  result = copse_map_next(&snapshot->view, *name ? name : NULL, &info);
  if (result == 0)
    result = catalog_find(&snapshot->view, info.name, &record);
  if (result == 0) {
    memcpy(name, info.name, sizeof info.name);
    *map = map_of_entry(store, &record.entry);
  }
  copse_snapshot_close(snapshot);
  return result;
}

static int maps_move(struct copse_store *store, struct sparse *sparse) {
  char name[COPSE_MAP_NAME_MAX + 1] = "";
  struct copse_map map = catalog_map;
  int result = 0;
  while (result == 0) {
    if (map.key_kind != COPSE_KEY_SLOT)
      result = map_move(store, &map, sparse);
    if (result == 0)
      result = map_next(store, name, &map);
  }
  return result == COPSE_NONE ? 0 : result;
}

/* Chooses segments. COPSE_NONE: there is nothing to gain. */
static int sparse_find(struct copse_store *store, struct sparse *sparse) {
  struct copse_txn *txn;
  int result = copse_txn_begin(store, -1, &txn);
  if (result)
    return result;
  free(sparse->bits);
  sparse->count = store->pager.view.limit / FORMAT_SEGMENT;
  sparse->bits = calloc(sparse->count / 64 + 1, sizeof *sparse->bits);
  if (!sparse->bits)
    result = error_set(COPSE_E_MEMORY, "no memory for a map of %llu segments",
                       (unsigned long long)sparse->count);
  else if (pager_sparse_find(&store->pager, sparse->bits, sparse->count) == 0)
    result = COPSE_NONE;
  memset(store->pager.dense_hint, 0, sizeof store->pager.dense_hint);
  copse_txn_abort(txn);
  return result;
}

/* Empties segments of which little is in use. Where there is no room for what is to be moved, what was moved
 * makes some. */
static int pages_move(struct copse_store *store, struct sparse *sparse) {
  int result = 0;
  for (unsigned pass = 0; result == 0 && pass < MOVE_PASSES; pass++) {
    result = sparse_find(store, sparse);
    if (result)
      return result == COPSE_NONE ? 0 : result;
    result = maps_move(store, sparse);
    int full = result == COPSE_E_NO_SPACE;
    if (result == 0 || full)
      result = space_free(store);
    if (!full)
      return result;
  }
  return result;
}

int copse_store_shrink(struct copse_store *store, struct copse_shrunk *out) {
  struct copse_shrunk shrunk = {0};
  struct sparse *sparse = calloc(1, sizeof *sparse);
  int result = sparse ? writer_check(store) : error_set(COPSE_E_MEMORY, "no memory to shrink");
  if (result == 0)
    result = storage_look(store, &shrunk.before_bytes);
  if (result == 0)
    result = space_free(store);
  if (result == 0)
    result = pages_move(store, sparse);
  if (result == 0)
    result = space_give_back(store);
  if (result == 0)
    result = storage_look(store, &shrunk.after_bytes);
  shrunk.moved_bytes = sparse ? sparse->move.moved_units * FORMAT_UNIT : 0;
  if (sparse)
    free(sparse->bits);
  free(sparse);
  if (result)
    return result;
  shrunk.held_bytes = pager_waiting_bytes(&store->pager);
  if (out)
    *out = shrunk;
  return 0;
}
