/* workload_write.c - put1: random puts of existing keys, one per commit, by one process; and
 * writers1, writers100: the same by 1, 2, 4 and 8 writer processes, 1 or 100 puts per commit;
 * writers1-async: single puts that are not waited for, where the engine has them, else commits; and
 * durable: by 1 and 4, on a disk, each commit surviving a power cut.
 * Latencies are of whole transactions, from before begin until the commit has returned. */
#include "bench.h"

/* --- one writer, in this process ---------------------------------------------------------- */

static void put_for(const struct store *store, double seconds, struct histogram *latency,
                    double *rate) {
  const struct engine *engine = store->engine;
  struct random random = {now_ns()};
  void *writer = engine->writer_open(store->db);
  uint64_t puts = 0, first = now_ns(), before = first, end = first + (uint64_t)(seconds * 1e9);
  do {
    write_random(engine, writer, &random, store->records, store->value_size, 1);
    uint64_t after = now_ns();
    histogram_add(latency, after - before);
    before = after;
    puts++;
  } while (before < end);
  *rate = (double)puts / ((double)(before - first) / 1e9);
  engine->writer_close(writer);
}

void workload_put1(struct bench *bench, const char *name) {
  static struct histogram latency;
  const struct settings *settings = bench->settings;
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct store *store = bench_store(bench, e, LOAD_RANDOM);
      if (store == NULL)
        continue;
      double rate;
      latency = (struct histogram){0};
      put_for(store, settings->seconds, &latency, &rate);
      bench_sample(bench, name, store->engine, "ops_s", 1, rate);
      bench_sample(bench, name, store->engine, "p50_ns", 1, histogram_quantile(&latency, 0.5));
      bench_sample(bench, name, store->engine, "p99_ns", 1, histogram_quantile(&latency, 0.99));
      bench_sample(bench, name, store->engine, "p999_ns", 1, histogram_quantile(&latency, 0.999));
      bench_sample(bench, name, store->engine, "worst_ns", 1, (double)latency.max);
    }
  for (size_t e = 0; e < settings->engine_count; e++)
    if (bench->stores[LOAD_RANDOM][e].db != NULL)
      store_verify(&bench->stores[LOAD_RANDOM][e]);
}

/* --- several writers ---------------------------------------------------------------------- */

static void one_round(struct bench *bench, const char *name, const struct store *store,
                      unsigned batch, unsigned writers, bool durable) {
  static struct histogram latency;
  const struct engine *engine = store->engine;
  for (unsigned w = 0; w < writers; w++) {
    struct actor_task *task = stage_task(bench->stage, w, engine, store->directory, ACTOR_WRITER);
    task->batch = batch;
    task->records = store->records;
    task->value_size = store->value_size;
    task->seed = mix64(now_ns() + w);
    task->durable = durable;
  }
  double seconds = bench->settings->seconds;
  stage_play(bench->stage, writers, seconds, !(engine->traits & ENGINE_PROCESSES), store->db);
  uint64_t puts = 0, least = UINT64_MAX, retries = 0;
  latency = (struct histogram){0};
  for (unsigned w = 0; w < writers; w++) {
    const struct actor_result *result = &bench->stage->actors[w].result;
    puts += result->ops;
    retries += result->retries;
    least = result->ops < least ? result->ops : least;
    histogram_merge(&latency, &result->latency);
  }
  bench_sample(bench, name, engine, "puts_s", writers, (double)puts / seconds);
  bench_sample(bench, name, engine, "p999_ns", writers, histogram_quantile(&latency, 0.999));
  bench_sample(bench, name, engine, "worst_ns", writers, (double)latency.max);
  if (retries > 0)
    bench_sample(bench, name, engine, "retries_s", writers, (double)retries / seconds);
  if (writers > 1 && puts > 0)
    bench_sample(bench, name, engine, "least_share", writers,
                 (double)least * writers / (double)puts);
}

void workload_writers(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  unsigned batch = strcmp(name, "writers100") == 0 ? 100 : strcmp(name, "writers1") == 0;
  for (unsigned round = 0; bench_round(bench, round, settings->writer_rounds); round++)
    for (unsigned writers = 1; writers <= 8; writers *= 2)
      for (size_t e = 0; e < settings->engine_count; e++) {
        const struct store *store = bench_store(bench, e, LOAD_RANDOM);
        if (store != NULL)
          one_round(bench, name, store, batch, writers, false);
      }
  for (size_t e = 0; e < settings->engine_count; e++)
    if (bench->stores[LOAD_RANDOM][e].db != NULL)
      store_verify(&bench->stores[LOAD_RANDOM][e]);
}

/* The stores are removed at once: no other workload is for a disk. */
void workload_durable(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  for (unsigned round = 0; bench_round(bench, round, settings->writer_rounds); round++)
    for (unsigned writers = 1; writers <= 4; writers *= 4)
      for (size_t e = 0; e < settings->engine_count; e++) {
        bool can = settings->engines[e]->traits & ENGINE_DURABLE;
        const struct store *store = can ? bench_store(bench, e, LOAD_DURABLE) : NULL;
        if (store != NULL)
          one_round(bench, name, store, 1, writers, true);
      }
  for (size_t e = 0; e < settings->engine_count; e++)
    if (bench->stores[LOAD_DURABLE][e].db != NULL)
      store_verify(&bench->stores[LOAD_DURABLE][e]);
  bench_drop_stores(bench, LOAD_DURABLE);
}
