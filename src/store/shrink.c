/* store/shrink.c - gives storage back while programs use the store.
 *
 * Everything is done in steps, each a write transaction of its own that does a bounded part; whoever
 * waits for the lock gets it in between.
 *   1  durable roots are written, so that older ones keep nothing, and freed pages looked at
 *   2  free pages on stacks go back to their segments
 *   3  the storage of segments that are wholly free is given back: the file keeps its length, with
 *      holes. A segment gets storage again before it is used (page/holes.c)
 * What older snapshots and leases keep stays where it is. */
#include "store/store.h"

#define RECLAIM_BUDGET 4096u /* freed pages looked at in a step */
#define RECLAIM_STEPS 4096u  /* at most; more would wait for what programs free meanwhile */
#define PUNCH_BUDGET 64u     /* segments given back in a step: 16 MiB */

static int storage_look(struct copse_store *store, uint64_t *bytes) {
  int fd, result = region_descriptor(&store->data, &fd);
  return result ? result : os_storage(fd, store->data.path, bytes);
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

static int space_give_back(struct copse_store *store) {
  uint64_t segment = 0;
  int more = 1, result = roots_renew(store);
  for (unsigned steps = 0; result == 0 && more && steps < RECLAIM_STEPS; steps++)
    result = reclaim_step(store, &more);
  if (result == 0)
    result = drain_step(store);
  while (result == 0)
    result = punch_step(store, &segment);
  return result == COPSE_NONE ? 0 : result;
}

int copse_store_shrink(struct copse_store *store, struct copse_shrunk *out) {
  struct copse_shrunk shrunk = {0};
  int result = writer_check(store);
  if (result == 0)
    result = storage_look(store, &shrunk.before_bytes);
  if (result == 0)
    result = space_give_back(store);
  if (result == 0)
    result = storage_look(store, &shrunk.after_bytes);
  if (result)
    return result;
  shrunk.held_bytes = pager_waiting_bytes(&store->pager);
  if (out)
    *out = shrunk;
  return 0;
}
