/* workload_size.c - what a lookup costs as stores grow: curve (10,000 to 100 million keys of 16
 * bytes with 8-byte values, after a sorted load) and get20m (20 million records as elsewhere,
 * after a random load). Stores stand side by side as far as memory goes; an engine whose store
 * doesn't fit any more is left out, with a message. */
#include "bench.h"
#include "sorted.h"

static void one_size(struct bench *bench, const char *name, uint64_t records, uint32_t value_size,
                     enum load_order order, const char *metric) {
  const struct settings *settings = bench->settings;
  struct store stores[ENGINES_MAX] = {0};
  bool curve = records != 0 && strcmp(metric, "get_ns") == 0;
  for (size_t e = 0; e < settings->engine_count; e++)
    (void)store_load(bench, &stores[e], settings->engines[e], records, value_size, order);
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      if (stores[e].db == NULL)
        continue;
      double rate = measure_gets(&stores[e], 0, settings->seconds);
      struct row_key key = {name,  settings->engines[e]->name, metric, 1,
                            false, curve ? records : 0};
      report_sample(bench->report, &key, curve ? 1e9 / rate : rate);
    }
  for (size_t e = 0; e < settings->engine_count; e++)
    store_remove(&stores[e]);
  (void)sorted_records(0);
}

void workload_curve(struct bench *bench, const char *name) {
  bench_drop_stores(bench, LOAD_RANDOM); /* room */
  for (uint64_t records = 10000; records <= 100000000; records *= 10) {
    say("  %llu keys\n", (unsigned long long)records);
    one_size(bench, name, records, 8, LOAD_SORTED, "get_ns");
  }
}

void workload_get20m(struct bench *bench, const char *name) {
  bench_drop_stores(bench, LOAD_RANDOM);
  one_size(bench, name, 20000000, VALUE_SIZE_MAX, LOAD_RANDOM, "ops_s");
}
