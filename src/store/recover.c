/* store/recover.c - after a power cut: the allocator's books, rebuilt from the pages that a root reaches;
 * and the log of a store with durability sync, applied to that root.
 *
 * The records that continue the root are applied in one transaction, whose version is the last one's.
 * The root's own pages are not reused, so that a cut in the middle of it only means that it is
 * done again. */
#include "store/delta.h"
#include "store/log.h"

#include <stdlib.h>

static int page_mark(void *context, uint64_t ref) { return pager_books_mark(context, ref); }

int books_rebuild(struct copse_store *store, const struct root *root) {
  struct pager pager;
  uint64_t size;
  int result = region_reach(&store->data, root->limit, &size);
  if (result == 0)
    result = region_length(&store->data, &size);
  if (result)
    return result;
  uint64_t segments = size / FORMAT_SEGMENT;
  if (segments > store->segments)
    segments = store->segments;
  if (root->limit > segments * FORMAT_SEGMENT || segments == 0)
    return error_set(COPSE_E_TRUNCATED, "%s is %llu bytes long, its root needs %llu",
                     store->data.path, (unsigned long long)size, (unsigned long long)root->limit);
  pager_init(&pager, &store->data, &store->writers, store->segments);
  result = pager_books_create(&pager, segments);
  if (result)
    return result;
  struct page_view view = pager.view;
  view.limit = root->limit;
  result = pages_walk(&view, root, page_mark, &pager);
  if (result)
    return result;
  pager_books_finish(&pager);
  return 0;
}

/* --- the log --------------------------------------------------------------------------- */

/* Stands on a record of one half. */
struct half {
  const struct log_record *record; /* NULL: there are no more */
  uint64_t offset;                 /* behind it */
  uint64_t salt;
};

struct chain {
  const struct log_record **records;
  size_t count, capacity;
};

static void half_next(const struct log *log, unsigned index, uint64_t timeline, struct half *half) {
  const struct log_record *record = log_record_at(log, index, half->offset);
  if (record && half->offset == 0)
    half->salt = record->salt;
  if (record &&
      (record->timeline != timeline || record->salt != half->salt || record->to <= record->from))
    record = NULL;
  half->record = record;
  half->offset += record ? record->size : 0;
}

static int chain_append(struct chain *chain, const struct log_record *record) {
  if (chain->count == chain->capacity) {
    size_t capacity = chain->capacity ? 2 * chain->capacity : 64;
    const struct log_record **records = realloc((void *)chain->records, capacity * sizeof *records);
    if (!records)
      return error_set(COPSE_E_MEMORY, "no memory for %zu records of the log", capacity);
    chain->records = records;
    chain->capacity = capacity;
  }
  chain->records[chain->count++] = record;
  return 0;
}

/* Gathers the records that lead on from a version. Of two from the same one, the greater target
 * is the later: the leader that wrote the other died before anybody knew of it. */
static int chain_make(const struct log *log, uint64_t timeline, uint64_t version,
                      struct chain *chain) {
  struct half halves[2] = {{0}, {0}};
  for (unsigned i = 0; i < 2; i++)
    half_next(log, i, timeline, &halves[i]);
  for (;;) {
    const struct log_record *next = NULL;
    for (unsigned i = 0; i < 2; i++) {
      while (halves[i].record && halves[i].record->from < version)
        half_next(log, i, timeline, &halves[i]);
      const struct log_record *record = halves[i].record;
      if (record && record->from == version && (!next || record->to > next->to))
        next = record;
    }
    int result = next ? chain_append(chain, next) : 0;
    if (result || !next)
      return result;
    version = next->to;
  }
}

static int chain_apply(struct copse_store *store, const struct chain *chain, struct root *root) {
  struct copse_txn *txn = &store->txn;
  struct pager *pager = &store->pager;
  const struct log_record *last = chain->records[chain->count - 1];
  pager_init(pager, &store->data, &store->writers, store->segments);
  int result = pager_check(pager);
  if (result)
    return result;
  pager_begin(pager, last->to, root->version);
  txn->view = (struct copse_view){.store = store, .txn = txn, .root = *root, .pages = pager->view};
  txn->next_map = root->next_map;
  for (size_t i = 0; i < chain->count && result == 0; i++) {
    const struct log_record *record = chain->records[i];
    if (record->next_map < txn->next_map || record->next_map > (uint64_t)UINT32_MAX + 1)
      return error_set(COPSE_E_CORRUPT, "a record of the log counts maps that cannot be");
    txn->next_map = record->next_map;
    result = delta_apply(txn, (const uint8_t *)(record + 1), record->size - sizeof *record);
  }
  if (result == 0)
    result = table_write(pager, root, txn->maps, txn->map_count, txn->next_map);
  if (result == 0)
    result = pager_queue(pager);
  if (result)
    return result;
  root->version = last->to;
  root->limit = pager->view.limit;
  root->time_ns = last->time_ns;
  root_write(store->writers.rw, root, &(struct recent_map){0});
  root_publish(store->writers.rw, root->version);
  pager_free(pager);
  return 0;
}

int log_replay(struct copse_store *store, uint64_t timeline, struct root *root) {
  struct log log;
  struct chain chain = {0};
  int result = log_open(store, &log);
  if (result == COPSE_NONE)
    return error_set(
        COPSE_E_CORRUPT,
        "%s was in use when the machine stopped, and %s is missing or another store's: "
        "commits are in it that the store does not have; put it back, or restore a copy",
        store->data.path, store->log_path);
  if (result)
    return result;
  result = chain_make(&log, timeline, root->version, &chain);
  if (result == 0 && chain.count)
    result = chain_apply(store, &chain, root);
  if (result == 0)
    result = durable_root(store, root, 0);
  if (result == 0) {
    /* relaxed: nobody else is attached */
    atomic_store_explicit(&store_words(store)->recovered, root->version, memory_order_relaxed);
  }
  free((void *)chain.records);
  log_close(&log);
  return result;
}
