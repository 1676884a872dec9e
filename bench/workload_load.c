/* workload_load.c - load-random and load-sorted: 1,000 puts per commit into a new store, whose
 * storage is populated before. The last round's stores stay for the workloads that follow. */
#include "bench.h"

void workload_load(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  enum load_order order = strcmp(name, "load-sorted") == 0 ? LOAD_SORTED : LOAD_RANDOM;
  for (unsigned round = 0; bench_round(bench, round, settings->load_rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct engine *engine = settings->engines[e];
      store_remove(&bench->stores[order][e]);
      const struct store *store = bench_store(bench, e, order);
      if (store == NULL)
        continue;
      double records = (double)store->records;
      bench_sample(bench, name, engine, "puts_s", 1, records / store->load_seconds);
      bench_sample(bench, name, engine, "bytes_per_record", 1,
                   (double)engine->footprint(store->db) / records);
    }
}
