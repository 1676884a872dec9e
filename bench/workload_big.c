/* workload_big.c - big: a store of 8 times the memory that its processes may use (limit.h), on a disk. Four
 * workers append matrices under ids of their own, 1,000 per commit: how fast, until that is on the disk
 * too, and how long a commit was held up at worst. Then 1 and 4 processes get random ones of them. What
 * the disk writes in one sequence stands beside it (disk_bytes_s). */
#include "bench.h"
#include "files.h"
#include "limit.h"
#include "matrix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 4, BATCH = 1000, TIMES = 8 };

static const double SECONDS_MOST = 3600;

static void disk_alone(struct bench *bench, const char *name) {
  enum { PIECE = 1 << 20 };
  char path[256], *piece = malloc(PIECE);
  snprintf(path, sizeof path, "%s/sequence", bench->disk);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (piece == NULL || fd < 0)
    die("cannot make %s", path);
  memset(piece, 7, PIECE);
  uint64_t before = now_ns();
  uint64_t bytes = bench->settings->memory_bytes;
  for (uint64_t at = 0; at < bytes; at += PIECE)
    if (write(fd, piece, PIECE) != PIECE)
      die("cannot write to %s", path);
  if (fdatasync(fd) != 0)
    die("cannot sync %s", path);
  double seconds = (double)(now_ns() - before) / 1e9;
  close(fd);
  unlink(path);
  free(piece);
  bench_sample(bench, name, bench->settings->engines[0], "disk_bytes_s", 1,
               (double)bytes / seconds);
}

static void tasks_make(struct bench *bench, const struct engine *engine, const char *directory,
                       enum actor_role role, unsigned n, uint64_t rows) {
  for (unsigned w = 0; w < n; w++) {
    struct actor_task *task = stage_task(bench->stage, w, engine, directory, role);
    task->batch = BATCH;
    task->records = rows;
    task->value_size = MATRIX_SIZE;
    task->memory_bytes = bench->settings->memory_bytes;
    task->seed = role == ACTOR_MAKER ? w : mix64(now_ns() + w);
  }
}

static void latencies(struct bench *bench, const char *name, const struct engine *engine,
                      const char *const metrics[3], unsigned n) {
  static struct histogram latency;
  latency = (struct histogram){0};
  for (unsigned w = 0; w < n; w++)
    histogram_merge(&latency, &bench->stage->actors[w].result.latency);
  bench_sample(bench, name, engine, metrics[0], n, histogram_quantile(&latency, 0.5));
  bench_sample(bench, name, engine, metrics[1], n, histogram_quantile(&latency, 0.999));
  bench_sample(bench, name, engine, metrics[2], n, (double)latency.max);
}

static void append(struct bench *bench, const char *name, const struct engine *engine,
                   const char *directory, void *db, uint64_t rows) {
  static const char *const metrics[] = {"append_p50_ns", "append_p999_ns", "append_worst_ns"};
  tasks_make(bench, engine, directory, ACTOR_MAKER, WORKERS, rows);
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  uint64_t before = now_ns();
  stage_play(bench->stage, WORKERS, SECONDS_MOST, false, db);
  uint64_t appended = now_ns();
  if (fd < 0 || syncfs(fd) != 0)
    die("cannot sync %s", directory);
  uint64_t synced = now_ns();
  close(fd);
  for (unsigned w = 0; w < WORKERS; w++)
    if (bench->stage->actors[w].result.measured < rows / WORKERS)
      die("%s: a worker appended too little", engine->name);
  bench_sample(bench, name, engine, "append_s", WORKERS,
               (double)rows / ((double)(appended - before) / 1e9));
  bench_sample(bench, name, engine, "synced_s", WORKERS,
               (double)rows / ((double)(synced - before) / 1e9));
  latencies(bench, name, engine, metrics, WORKERS);
  bench_sample(bench, name, engine, "bytes_per_record", 1,
               (double)engine->footprint(db) / (double)rows);
}

static void find(struct bench *bench, const char *name, const struct engine *engine,
                 const char *directory, void *db, uint64_t rows) {
  static const char *const metrics[] = {"get_p50_ns", "get_p999_ns", "get_worst_ns"};
  double seconds = 10 * bench->settings->seconds;
  for (unsigned n = 1; n <= WORKERS; n *= WORKERS) {
    tasks_make(bench, engine, directory, ACTOR_FINDER, n, rows);
    stage_play(bench->stage, n, seconds, false, db);
    uint64_t gets = 0;
    for (unsigned w = 0; w < n; w++)
      gets += bench->stage->actors[w].result.ops;
    bench_sample(bench, name, engine, "gets_s", n, (double)gets / seconds);
    latencies(bench, name, engine, metrics, n);
  }
}

static void one_engine(struct bench *bench, const char *name, const struct engine *engine) {
  uint64_t rows = TIMES * bench->settings->memory_bytes / MATRIX_SIZE;
  char directory[256];
  snprintf(directory, sizeof directory, "%s/%s-big", bench->disk, engine->name);
  files_make_directory(directory);
  struct engine_config config = {.directory = directory,
                                 .records = rows,
                                 .key_size = MATRIX_ID_SIZE,
                                 .value_size = MATRIX_SIZE,
                                 .memory_bytes = bench->settings->memory_bytes,
                                 .create = true};
  void *db = engine->open(&config);
  append(bench, name, engine, directory, db, rows);
  say(" %s appended", engine->name);
  find(bench, name, engine, directory, db, rows);
  engine->close(db);
  files_remove_tree(directory);
}

void workload_big(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  disk_alone(bench, name);
  for (size_t e = 0; e < settings->engine_count; e++) {
    bool fits = settings->engines[e]->traits & ENGINE_PROCESSES &&
                !(settings->engines[e]->traits & ENGINE_KEY_SIZE);
    if (!fits || !limit_begin(settings->memory_bytes))
      continue;
    one_engine(bench, name, settings->engines[e]);
    limit_end();
  }
}
