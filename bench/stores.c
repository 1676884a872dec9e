/* stores.c - making, loading, checking and keeping the stores of a run: see bench.h. */
#include "bench.h"
#include "files.h"
#include "sorted.h"

#include <inttypes.h>
#include <stdio.h>

enum { PUTS_PER_COMMIT = 1000, DURABLE_RECORDS = 200000 };

bool bench_wanted(const struct settings *settings, const char *workload) {
  char name[64];
  snprintf(name, sizeof name, ",%s,", workload);
  return strstr(settings->workloads, name) != NULL;
}

bool bench_round(struct bench *bench, unsigned round, unsigned rounds) {
  uint64_t now = now_ns(), last = now - bench->round_began_ns;
  bench->round_began_ns = now;
  bool late = bench->allowed_ns > 0 && now + last > bench->allowed_ns;
  return round < rounds && (round == 0 || !late);
}

void bench_sample(struct bench *bench, const char *workload, const struct engine *engine,
                  const char *metric, unsigned processes, double value) {
  bool threads = processes > 1 && !(engine->traits & ENGINE_PROCESSES);
  struct row_key key = {workload, engine->name, metric, processes, threads, 0};
  report_sample(bench->report, &key, value);
}

/* All records through transactions of PUTS_PER_COMMIT. */
static double load(const struct store *store, enum load_order order) {
  const struct engine *engine = store->engine;
  const uint32_t *sorted = order == LOAD_SORTED ? sorted_records(store->records) : NULL;
  void *writer = engine->writer_open(store->db);
  uint64_t before = now_ns();
  for (uint64_t at = 0; at < store->records;) {
    uint64_t end = at + PUTS_PER_COMMIT < store->records ? at + PUTS_PER_COMMIT : store->records;
    int result = engine->txn_begin(writer);
    for (; at < end && result == ENGINE_DONE; at++) {
      uint64_t key[KEY_SIZE / 8], value[VALUE_SIZE_MAX / 8], i = sorted ? sorted[at] : at;
      key_make(i, key);
      value_make(i, 0, value, store->value_size);
      result = engine->put(writer, key, KEY_SIZE, value, store->value_size, sorted != NULL);
    }
    if (result != ENGINE_DONE || engine->txn_commit(writer) != ENGINE_DONE)
      die("%s: a transaction was given up without another writer", engine->name);
  }
  double seconds = (double)(now_ns() - before) / 1e9;
  engine->writer_close(writer);
  return seconds;
}

void store_verify(const struct store *store) {
  const struct engine *engine = store->engine;
  struct checksum sum = {.check_order = true};
  void *reader = engine->reader_open(store->db);
  engine->view_begin(reader, false);
  engine->scan(reader, &sum);
  engine->view_end(reader);
  engine->reader_close(reader);
  if (sum.count != store->records)
    die("%s: a scan gave %" PRIu64 " records instead of %" PRIu64, engine->name, sum.count,
        store->records);
  if (sum.disordered)
    die("%s: a scan gave keys out of order", engine->name);
  if (sum.sum != checksum_expected(store->records, store->value_size))
    die("%s: a scan gave wrong records: the checksum differs", engine->name);
}

bool store_load(struct bench *bench, struct store *store, const struct engine *engine,
                uint64_t records, uint32_t value_size, enum load_order order) {
  uint64_t record_bytes = KEY_SIZE + value_size;
  double need = (engine->size_factor * (double)record_bytes + engine->size_extra) * (double)records;
  const char *directory = order == LOAD_DURABLE ? bench->disk : bench->directory;
  if (need * 1.1 > (double)files_room(directory)) {
    say(" (%s doesn't fit into memory: left out)", engine->name);
    return false;
  }
  *store = (struct store){.engine = engine, .records = records, .value_size = value_size};
  snprintf(store->directory, sizeof store->directory, "%s/%s-%d-%" PRIu64, directory, engine->name,
           order, records);
  files_make_directory(store->directory);
  struct engine_config config = {.directory = store->directory,
                                 .records = records,
                                 .populate_bytes =
                                     (records * record_bytes * 2 + (16 << 20)) & ~(uint64_t)0xfffff,
                                 .key_size = KEY_SIZE,
                                 .value_size = value_size,
                                 .create = true,
                                 .durable = order == LOAD_DURABLE};
  store->db = engine->open(&config);
  files_map_pages(store->directory);
  if (order == LOAD_SORTED)
    (void)sorted_records(records); /* not part of the load */
  store->load_seconds = load(store, order);
  say(" %s %.1f s", engine->name, store->load_seconds);
  if (engine->settle != NULL)
    engine->settle(store->db);
  files_map_pages(store->directory);
  store_verify(store);
  return true;
}

void store_remove(struct store *store) {
  if (store->db == NULL)
    return;
  store->engine->close(store->db);
  files_remove_tree(store->directory);
  store->db = NULL;
}

struct store *bench_store(struct bench *bench, size_t engine_index, enum load_order order) {
  struct store *store = &bench->stores[order][engine_index];
  if (store->db != NULL)
    return store;
  const struct engine *engine = bench->settings->engines[engine_index];
  uint64_t records = bench->settings->records;
  if (order == LOAD_DURABLE && records > DURABLE_RECORDS)
    records = DURABLE_RECORDS;
  bool loaded = store_load(bench, store, engine, records, VALUE_SIZE_MAX, order);
  return loaded ? store : NULL;
}

void bench_drop_stores(struct bench *bench, enum load_order order) {
  for (size_t e = 0; e < bench->settings->engine_count; e++)
    store_remove(&bench->stores[order][e]);
}
