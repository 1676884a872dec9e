/* workload_company.c - a writer and readers at once: mixed (one of each, as processes) and
 * readers (1 to 8 readers beside a writer, as processes and as threads). And visibility: how
 * long until another process has what was committed. */
#include "bench.h"

static void set_task(struct bench *bench, unsigned i, const struct store *store,
                     enum actor_role role) {
  struct actor_task *task = stage_task(bench->stage, i, store->engine, store->directory, role);
  task->batch = 1;
  task->records = store->records;
  task->value_size = store->value_size;
  task->seed = mix64(now_ns() + i);
}

/* --- mixed, readers ----------------------------------------------------------------------- */

/* Actor 0 writes single puts, the others read with a snapshot for each get. */
static void play_company(struct bench *bench, const struct store *store, const char *row,
                         unsigned readers, unsigned processes, bool threads) {
  double seconds = bench->settings->seconds;
  set_task(bench, 0, store, ACTOR_WRITER);
  for (unsigned r = 1; r <= readers; r++)
    set_task(bench, r, store, ACTOR_READER);
  stage_play(bench->stage, readers + 1, seconds, threads, store->db);
  uint64_t gets = 0;
  for (unsigned r = 1; r <= readers; r++)
    gets += bench->stage->actors[r].result.ops;
  double commits = (double)bench->stage->actors[0].result.commits;
  struct row_key key = {row, store->engine->name, "commits_s", processes, threads, 0};
  report_sample(bench->report, &key, commits / seconds);
  key.metric = "ops_s";
  report_sample(bench->report, &key, (double)gets / seconds);
}

void workload_mixed(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct store *store = bench_store(bench, e, LOAD_RANDOM);
      if (store != NULL)
        play_company(bench, store, name, 1, 2, !(store->engine->traits & ENGINE_PROCESSES));
    }
}

void workload_readers(struct bench *bench, const char *name) {
  (void)name;
  const struct settings *settings = bench->settings;
  for (unsigned round = 0; bench_round(bench, round, settings->writer_rounds); round++)
    for (unsigned readers = 1; readers <= 8; readers *= 2)
      for (size_t e = 0; e < settings->engine_count; e++) {
        const struct store *store = bench_store(bench, e, LOAD_RANDOM);
        if (store == NULL)
          continue;
        if (store->engine->traits & ENGINE_PROCESSES)
          play_company(bench, store, "readers-processes", readers, readers, false);
        play_company(bench, store, "readers-threads", readers, readers, true);
      }
}

/* --- visibility --------------------------------------------------------------------------- */

static void show(struct bench *bench, const char *name, const struct store *store) {
  struct stage *stage = bench->stage;
  set_task(bench, 0, store, ACTOR_SHOWER);
  set_task(bench, 1, store, ACTOR_WATCHER);
  stage->actors[1].task.seed = stage->actors[0].task.seed;
  stage_play(stage, 2, bench->settings->seconds, !(store->engine->traits & ENGINE_PROCESSES),
             store->db);
  uint64_t n = stage->actors[0].result.ops;
  if (n == 0)
    die("%s: no commit was seen", store->engine->name);
  for (uint64_t k = 0; k < n; k++) {
    stage->sent_ns[k] = stage->seen_ns[k] - stage->sent_ns[k];
    stage->begun_ns[k] = stage->seen_ns[k] - stage->begun_ns[k];
  }
  sort_numbers(stage->sent_ns, n);
  sort_numbers(stage->begun_ns, n);
  bench_sample(bench, name, store->engine, "p50_ns", 2, (double)stage->sent_ns[n / 2]);
  bench_sample(bench, name, store->engine, "p99_ns", 2, (double)stage->sent_ns[n * 99 / 100]);
  bench_sample(bench, name, store->engine, "from_begin_p50_ns", 2, (double)stage->begun_ns[n / 2]);
}

void workload_visibility(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct store *store = bench_store(bench, e, LOAD_RANDOM);
      if (store != NULL)
        show(bench, name, store);
    }
}
