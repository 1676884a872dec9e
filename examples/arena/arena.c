/* examples/arena/arena.c - records in an arena: a handle made in one process, used in another. */
#include <copse/copse.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct point {
  double x, y;
};

static void check(int result, const char *what) {
  if (result == 0)
    return;
  fprintf(stderr, "%s: %s (%s)\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

/* Puts a thousand points behind the end, and one more by itself, in one transaction. */
static struct copse_handle fill(struct copse_store *store, struct copse_arena *arena) {
  struct point points[1000], middle = {0.5, 0.5};
  struct copse_handle handle;
  struct copse_txn *txn;
  uint64_t first;
  for (int i = 0; i < 1000; i++)
    points[i] = (struct point){i, 2 * i};
  check(copse_txn_begin(store, -1, &txn), "begin");
  check(copse_arena_append(txn, arena, 1000, points, &first), "append");
  check(copse_arena_insert(txn, arena, &middle, &handle, NULL), "insert");
  check(copse_txn_commit(txn, NULL), "commit");
  return handle;
}

/* All points, array by array. */
static double sum(struct copse_view *view, struct copse_arena *arena) {
  struct copse_chunk chunk;
  double sum = 0;
  for (uint64_t i = 0; copse_arena_chunk(view, arena, i, &chunk) == 0;
       i = chunk.first + chunk.count) {
    const struct point *points = chunk.records;
    for (uint64_t k = 0; k < chunk.count; k++)
      sum += points[k].x + points[k].y;
  }
  return sum;
}

/* The other process has the handle as bytes, through the pipe. */
static void other(const char *path, int pipe) {
  struct copse_handle handle;
  struct copse_store *store;
  struct copse_arena *arena;
  struct copse_txn *txn;
  const void *record;
  if (read(pipe, &handle, sizeof handle) != sizeof handle)
    exit(1);
  check(copse_store_open(path, NULL, &store), "open");
  check(copse_txn_begin(store, -1, &txn), "begin");
  check(copse_arena_open(copse_txn_view(txn), "points", NULL, &arena), "arena");
  check(copse_arena_get(copse_txn_view(txn), arena, &handle, &record), "get");
  printf("slot %" PRIu64 ", generation %u: %g\n", handle.index, handle.generation,
         ((const struct point *)record)->x);
  check(copse_arena_remove(txn, arena, &handle), "remove");
  check(copse_txn_commit(txn, NULL), "commit");
  copse_arena_close(arena);
  check(copse_store_close(store), "close");
  fflush(stdout);
  _exit(0);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "/dev/shm/copse-points";
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_arena_options points = {.record_size = sizeof(struct point)};
  struct copse_snapshot *before, *after;
  struct copse_store *store;
  struct copse_arena *arena;
  const void *record;
  int pipes[2];
  if (pipe(pipes) != 0)
    return 1;
  pid_t child = fork();
  if (child == 0)
    other(path, pipes[0]);

  check(copse_store_open(path, &options, &store), "open");
  check(copse_arena_ensure(store, "points", &points, -1, &arena), "arena");
  struct copse_handle handle = fill(store, arena);
  check(copse_snapshot_open(store, 0, &before), "snapshot");
  if (write(pipes[1], &handle, sizeof handle) != sizeof handle)
    return 1;
  int status;
  waitpid(child, &status, 0);

  check(copse_snapshot_open(store, 0, &after), "snapshot");
  printf("the sum was %.1f and is %.1f\n", sum(copse_snapshot_view(before), arena),
         sum(copse_snapshot_view(after), arena));
  int result = copse_arena_get(copse_snapshot_view(after), arena, &handle, &record);
  printf("the handle now: %s\n", copse_strerror(result)); /* STALE */

  copse_snapshot_close(before);
  copse_snapshot_close(after);
  copse_arena_close(arena);
  check(copse_store_close(store), "close");
  check(copse_store_remove(path), "remove");
  return status != 0;
}
