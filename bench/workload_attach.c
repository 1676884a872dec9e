/* workload_attach.c - attach: a new process, from before it opens the store until it has got
 * one record; attach-memory: the memory of its own that this costs it. This process has the
 * store open meanwhile. Only for engines that several processes can open. */
#include "bench.h"

enum { ATTACHES_MAX = 4096 };

static uint64_t attach(struct bench *bench, const struct store *store, enum actor_role role) {
  struct actor_task *task = stage_task(bench->stage, 0, store->engine, store->directory, role);
  task->records = store->records;
  task->value_size = store->value_size;
  task->seed = now_ns();
  stage_play(bench->stage, 1, 0, false, NULL);
  return bench->stage->actors[0].result.measured;
}

void workload_attach(struct bench *bench, const char *name) {
  static uint64_t ns[ATTACHES_MAX];
  const struct settings *settings = bench->settings;
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct store *store = bench_store(bench, e, LOAD_RANDOM);
      if (store == NULL || !(store->engine->traits & ENGINE_PROCESSES))
        continue;
      unsigned n = settings->attaches < ATTACHES_MAX ? settings->attaches : ATTACHES_MAX;
      for (unsigned k = 0; k < n; k++)
        ns[k] = attach(bench, store, ACTOR_ATTACH);
      sort_numbers(ns, n);
      bench_sample(bench, name, store->engine, "p50_ns", 1, (double)ns[n / 2]);
      bench_sample(bench, name, store->engine, "p99_ns", 1, (double)ns[n * 99 / 100]);
    }
}

void workload_attach_memory(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct store *store = bench_store(bench, e, LOAD_RANDOM);
      if (store != NULL && store->engine->traits & ENGINE_PROCESSES)
        bench_sample(bench, name, store->engine, "private_bytes", 1,
                     (double)attach(bench, store, ACTOR_ATTACH_MEMORY));
    }
}
