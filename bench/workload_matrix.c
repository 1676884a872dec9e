/* workload_matrix.c - matrices1, matrices1-async, matrices1000: four workers compute matrices and store
 * each under an id of its own in one new store, one or 1,000 per commit; see matrix.h. The rate of the
 * same workers that compute and store nothing stands beside it (computed_s). */
#include "bench.h"
#include "files.h"
#include "matrix.h"

#include <inttypes.h>
#include <stdio.h>

enum { WORKERS = 4, ROWS_MOST = 1 << 24 };

/* The rows of all workers, scanned, are those that they said they stored. */
static void verify(const struct bench *bench, const struct engine *engine, void *db) {
  struct checksum sum = {.check_order = true};
  void *reader = engine->reader_open(db);
  engine->view_begin(reader, false);
  engine->scan(reader, &sum);
  engine->view_end(reader);
  engine->reader_close(reader);
  uint64_t rows = 0, expected = 0;
  for (unsigned w = 0; w < WORKERS; w++) {
    uint64_t stored = bench->stage->actors[w].result.measured;
    rows += stored;
    expected += matrix_sum(w, stored);
  }
  if (sum.count != rows || sum.sum != expected || sum.disordered)
    die("%s: %" PRIu64 " matrices were stored, a scan gave %" PRIu64 "%s", engine->name, rows,
        sum.count, sum.count == rows ? ", and they differ" : "");
}

static void play(struct bench *bench, const char *name, const struct engine *engine,
                 const char *directory, void *db, unsigned batch) {
  static struct histogram latency;
  double seconds = bench->settings->seconds;
  for (unsigned w = 0; w < WORKERS; w++) {
    struct actor_task *task = stage_task(bench->stage, w, engine, directory, ACTOR_MAKER);
    task->batch = batch;
    task->records = ROWS_MOST;
    task->value_size = MATRIX_SIZE;
    task->seed = w;
    task->dry = db == NULL;
  }
  stage_play(bench->stage, WORKERS, seconds, !(engine->traits & ENGINE_PROCESSES), db);
  uint64_t rows = 0;
  latency = (struct histogram){0};
  for (unsigned w = 0; w < WORKERS; w++) {
    rows += bench->stage->actors[w].result.ops;
    histogram_merge(&latency, &bench->stage->actors[w].result.latency);
  }
  if (db == NULL) {
    bench_sample(bench, name, engine, "computed_s", WORKERS, (double)rows / seconds);
    return;
  }
  bench_sample(bench, name, engine, "puts_s", WORKERS, (double)rows / seconds);
  bench_sample(bench, name, engine, "p999_ns", WORKERS, histogram_quantile(&latency, 0.999));
  bench_sample(bench, name, engine, "worst_ns", WORKERS, (double)latency.max);
}

static void one_round(struct bench *bench, const char *name, const struct engine *engine,
                      unsigned batch) {
  char directory[256];
  snprintf(directory, sizeof directory, "%s/%s-matrices", bench->directory, engine->name);
  files_make_directory(directory);
  struct engine_config config = {.directory = directory,
                                 .records = ROWS_MOST,
                                 .populate_bytes = (uint64_t)512 << 20,
                                 .key_size = MATRIX_ID_SIZE,
                                 .value_size = MATRIX_SIZE,
                                 .create = true};
  void *db = engine->open(&config);
  files_map_pages(directory);
  play(bench, name, engine, directory, db, batch);
  verify(bench, engine, db);
  engine->close(db);
  files_remove_tree(directory);
}

void workload_matrices(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  unsigned batch = strcmp(name, "matrices1000") == 0 ? 1000 : strcmp(name, "matrices1") == 0;
  for (unsigned round = 0; bench_round(bench, round, settings->writer_rounds); round++) {
    for (size_t e = 0; e < settings->engine_count; e++)
      if (!(settings->engines[e]->traits & ENGINE_KEY_SIZE))
        one_round(bench, name, settings->engines[e], batch);
    play(bench, name, settings->engines[0], bench->directory, NULL, batch);
  }
}
