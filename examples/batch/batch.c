/* examples/batch/batch.c - many processes add rows to one data set and count them, without waiting for
 * one another.
 *
 * Each worker computes rows and leaves each in a batch: the row, under the next number of the map "rows",
 * and the worker's progress. It goes on computing at once: whoever writes at that moment applies
 * the batch. Some workers are killed on the way. Their progress tells the parent from where another
 * has to go on, and since row and progress are of one batch, no row is lost and none is there twice.
 *
 * Ends with status 1 unless each row is there once. */
#include <copse/copse.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define ROWS 20000 /* of each worker */

struct row {
  uint32_t worker, number;
  double value;
};

static int check(int result, const char *what) {
  if (result >= 0)
    return result; /* 0, or COPSE_NONE: nothing there */
  fprintf(stderr, "%s: %s (%s)\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

static struct copse_store *store;
static struct copse_map *rows, *progress;

static void open_all(const char *path) {
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_map_options row_options = {.key_kind = COPSE_KEY_U64,
                                          .value_size = sizeof(struct row)};
  struct copse_map_options progress_options = {.key_kind = COPSE_KEY_U64, .value_size = 4};
  check(copse_store_open(path, &options, &store), "open");
  check(copse_map_ensure(store, "rows", &row_options, -1, &rows), "rows");
  check(copse_map_ensure(store, "progress", &progress_options, -1, &progress), "progress");
}

static void close_all(void) {
  copse_map_close(rows);
  copse_map_close(progress);
  check(copse_store_close(store), "close");
}

/* How many rows of a worker are there, after what a dead one left was applied. */
static uint32_t rows_done(uint32_t worker) {
  struct copse_snapshot *snapshot;
  struct copse_bytes value;
  uint32_t done = 0;
  uint8_t key[8];
  copse_key_u64(worker, key);
  check(copse_combine(store, -1, UINT64_MAX, NULL), "combine");
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  if (check(copse_get(copse_snapshot_view(snapshot), progress, key, 8, &value), "get") == 0)
    memcpy(&done, value.data, sizeof done);
  copse_snapshot_close(snapshot);
  return done;
}

static void work(uint32_t worker, uint32_t dies_at) {
  struct copse_batch *batch;
  struct copse_ticket last;
  struct copse_outcome outcome;
  uint8_t key[8];
  copse_key_u64(worker, key);
  check(copse_batch_open(store, &batch), "batch");
  for (uint32_t n = rows_done(worker); n < ROWS; n++) {
    uint32_t done = n + 1;
    struct row row = {worker, n, 1.0 / (n + 1)};
    check(copse_batch_append(batch, rows, &row, sizeof row), "append");
    check(copse_batch_put(batch, progress, key, 8, &done, sizeof done), "put");
    check(copse_batch_commit(batch, COPSE_BATCH_ACCEPTED, -1, &last), "commit");
    if (done == dies_at)
      raise(SIGKILL);
  }
  if (check(copse_batch_outcome(store, &last, COPSE_BATCH_VISIBLE, -1, &outcome), "outcome") == 0)
    check(outcome.result, "the last batch");
  copse_batch_close(batch);
}

static pid_t start(const char *path, uint32_t worker, uint32_t dies_at) {
  pid_t pid = fork();
  if (pid == 0) {
    open_all(path);
    work(worker, dies_at);
    close_all();
    exit(0);
  }
  return pid;
}

/* Counts the rows of each worker, in the order of their numbers. */
static int verify(void) {
  struct copse_snapshot *snapshot;
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint32_t next[WORKERS] = {0};
  int wrong = 0;
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  check(copse_cursor_open(copse_snapshot_view(snapshot), rows, NULL, &cursor), "cursor");
  while (check(copse_cursor_next(cursor, &key, &value), "next") == 0) {
    struct row row;
    memcpy(&row, value.data, sizeof row);
    wrong += row.number != next[row.worker]++;
  }
  copse_cursor_close(cursor);
  copse_snapshot_close(snapshot);
  for (int i = 0; i < WORKERS; i++)
    wrong += next[i] != ROWS;
  return wrong;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "/dev/shm/copse-example-batch";
  pid_t pids[WORKERS];
  for (uint32_t i = 0; i < WORKERS; i++) /* every second one is killed half-way */
    pids[i] = start(path, i, i % 2 ? ROWS / 2 : 0);
  for (uint32_t i = 0; i < WORKERS; i++) {
    int status;
    waitpid(pids[i], &status, 0);
    if (WIFSIGNALED(status)) {
      printf("worker %u was killed; another goes on\n", i);
      fflush(stdout); /* before the next fork */
      waitpid(start(path, i, 0), &status, 0);
    }
  }
  open_all(path);
  int wrong = verify();
  struct copse_stat stat;
  check(copse_stat(store, &stat), "stat");
  printf("%d rows of %d workers, %llu commits: %s\n", WORKERS * ROWS, WORKERS,
         (unsigned long long)stat.commits, wrong ? "WRONG" : "each is there once");
  close_all();
  check(copse_store_remove(path), "remove");
  return wrong != 0;
}
