/* workload_matrix.c - matrices1, matrices1-async, matrices1000: four workers compute matrices and store
 * each under an id of its own in one new store, one or 1,000 per commit; see matrix.h. The rate of the
 * same workers that compute and store nothing stands beside it (computed_s).
 * matrices-arena: as matrices1000, but the store gives the ids (peers: as matrices1000). How long it takes
 * to sum the rows up stands beside the time for the same rows in an array (flat_records_s). */
#include "bench.h"
#include "files.h"
#include "matrix.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

enum { WORKERS = 4, ROWS_MOST = 1 << 24 };

struct run {
  const char *name;
  unsigned batch;
  bool rows; /* records without keys, where there are such */
};

static void sum_up(const struct run *run, const struct engine *engine, void *reader,
                   struct checksum *sum) {
  engine->view_begin(reader, false);
  if (run->rows && engine->rows_scan)
    engine->rows_scan(reader, sum);
  else
    engine->scan(reader, sum);
  engine->view_end(reader);
}

/* As many rows in one array, summed up: what a scan is compared with. In pages of the usual size, since
 * the stores have no others. */
static void flat_sum(struct bench *bench, const struct run *run, const struct engine *engine,
                     uint64_t rows) {
  double *flat =
      mmap(NULL, rows * MATRIX_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct checksum sum = {0};
  if (flat == MAP_FAILED || madvise(flat, rows * MATRIX_SIZE, MADV_NOHUGEPAGE) != 0)
    die("no memory for %" PRIu64 " matrices", rows);
  for (uint64_t i = 0; i < rows; i++)
    matrix_make(0, i, flat + 8 * i);
  uint64_t before = now_ns();
  for (uint64_t i = 0; i < rows; i++)
    checksum_record(&sum, NULL, 0, flat + 8 * i, MATRIX_SIZE);
  uint64_t after = now_ns();
  bench_sample(bench, run->name, engine, "flat_records_s", 1,
               (double)rows / ((double)(after - before) / 1e9));
  if (sum.sum == 1)
    say(" "); /* or it would not be computed */
  munmap(flat, rows * MATRIX_SIZE);
}

/* The rows of all workers, scanned, are those that they said they stored. */
static void verify(struct bench *bench, const struct run *run, const struct engine *engine,
                   void *db) {
  bool keyless = run->rows && engine->rows_scan;
  struct checksum sum = {.check_order = !keyless}, timed = {0};
  void *reader = engine->reader_open(db);
  sum_up(run, engine, reader, &sum);
  uint64_t before = now_ns();
  sum_up(run, engine, reader, &timed);
  uint64_t after = now_ns();
  engine->reader_close(reader);
  uint64_t rows = 0, expected = 0;
  for (unsigned w = 0; w < WORKERS; w++) {
    uint64_t stored = bench->stage->actors[w].result.measured;
    rows += stored;
    expected += matrix_sum(w, stored, !keyless);
  }
  if (run->rows) {
    bench_sample(bench, run->name, engine, "records_s", 1,
                 (double)rows / ((double)(after - before) / 1e9));
    bench_sample(bench, run->name, engine, "bytes_per_record", 1,
                 (double)engine->footprint(db) / (double)rows);
    if (keyless)
      flat_sum(bench, run, engine, rows);
  }
  if (sum.count != rows || sum.sum != expected || sum.disordered)
    die("%s: %" PRIu64 " matrices were stored, a scan gave %" PRIu64 "%s", engine->name, rows,
        sum.count, sum.count == rows ? ", and they differ" : "");
}

static void play(struct bench *bench, const struct run *run, const struct engine *engine,
                 const char *directory, void *db) {
  static struct histogram latency;
  double seconds = bench->settings->seconds;
  for (unsigned w = 0; w < WORKERS; w++) {
    struct actor_task *task = stage_task(bench->stage, w, engine, directory, ACTOR_MAKER);
    task->batch = run->batch;
    task->records = ROWS_MOST;
    task->value_size = MATRIX_SIZE;
    task->seed = w;
    task->dry = db == NULL;
    task->rows = run->rows;
  }
  stage_play(bench->stage, WORKERS, seconds, !(engine->traits & ENGINE_PROCESSES), db);
  uint64_t rows = 0;
  latency = (struct histogram){0};
  for (unsigned w = 0; w < WORKERS; w++) {
    rows += bench->stage->actors[w].result.ops;
    histogram_merge(&latency, &bench->stage->actors[w].result.latency);
  }
  if (db == NULL) {
    bench_sample(bench, run->name, engine, "computed_s", WORKERS, (double)rows / seconds);
    return;
  }
  bench_sample(bench, run->name, engine, "puts_s", WORKERS, (double)rows / seconds);
  bench_sample(bench, run->name, engine, "p999_ns", WORKERS, histogram_quantile(&latency, 0.999));
  bench_sample(bench, run->name, engine, "worst_ns", WORKERS, (double)latency.max);
}

static void one_round(struct bench *bench, const struct run *run, const struct engine *engine) {
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
  play(bench, run, engine, directory, db);
  verify(bench, run, engine, db);
  engine->close(db);
  files_remove_tree(directory);
}

void workload_matrices(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  struct run run = {.name = name, .rows = strcmp(name, "matrices-arena") == 0};
  if (run.rows || strcmp(name, "matrices1000") == 0)
    run.batch = 1000;
  else
    run.batch = strcmp(name, "matrices1") == 0;
  for (unsigned round = 0; bench_round(bench, round, settings->writer_rounds); round++) {
    for (size_t e = 0; e < settings->engine_count; e++)
      if (!(settings->engines[e]->traits & ENGINE_KEY_SIZE))
        one_round(bench, &run, settings->engines[e]);
    play(bench, &run, settings->engines[0], bench->directory, NULL);
  }
}
