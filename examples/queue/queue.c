/* examples/queue/queue.c - a job queue that several processes work off, without a server.
 *
 * Three maps: "todo" (by number, so the oldest job comes first), "running" (by number: who has
 * it) and "done" (by number: the result). A job changes maps in one transaction, so it is in
 * exactly one of them, whoever is killed when. The work itself is done between transactions:
 * others must not wait for it.
 *
 * To show it, one worker is killed while it has a job; the parent, which hears of the death,
 * puts that job back. Ends with status 1 unless each job was done, and once. */
#include <copse/copse.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define JOBS 1000

enum { WAITING, RUNNING, DONE, MAPS };

struct queue {
  struct copse_store *store;
  struct copse_map *map[MAPS];
};

static int check(int result, const char *what) {
  if (result >= 0)
    return result; /* 0, or COPSE_NONE: nothing there */
  fprintf(stderr, "%s: %s (%s)\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

static void queue_open(struct queue *queue, const char *path) {
  static const char *const names[MAPS] = {"todo", "running", "done"};
  struct copse_store_options store_options = {.flags = COPSE_CREATE};
  struct copse_map_options map_options = {.key_kind = COPSE_KEY_U64, .value_size = 8};
  check(copse_store_open(path, &store_options, &queue->store), "open");
  for (int i = 0; i < MAPS; i++)
    check(copse_map_ensure(queue->store, names[i], &map_options, -1, &queue->map[i]), "map");
}

static void queue_close(struct queue *queue) {
  for (int i = 0; i < MAPS; i++)
    copse_map_close(queue->map[i]);
  check(copse_store_close(queue->store), "close");
}

static struct copse_txn *begin(struct queue *queue) {
  struct copse_txn *txn;
  check(copse_txn_begin(queue->store, -1, &txn), "begin");
  return txn;
}

/* Moves a job from one map to another within a transaction. COPSE_NONE: it was not there. */
static int move(struct queue *queue, struct copse_txn *txn, const uint8_t job[8], int from, int to,
                uint64_t value) {
  int result = check(copse_delete(txn, queue->map[from], job, 8), "delete");
  if (result == 0)
    check(copse_put(txn, queue->map[to], job, 8, &value, 8, COPSE_INSERT), "put");
  return result;
}

/* The first job of a map whose value is wanted (any: 0). COPSE_NONE: there is none. */
static int first(struct queue *queue, struct copse_view *view, int map, uint64_t wanted,
                 uint8_t job[8]) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint64_t number = 0;
  int result;
  check(copse_cursor_open(view, queue->map[map], NULL, &cursor), "cursor");
  while ((result = check(copse_cursor_next(cursor, &key, &value), "next")) == 0) {
    memcpy(&number, value.data, 8);
    if (wanted && number != wanted)
      continue;
    memcpy(job, key.data, 8);
    break;
  }
  copse_cursor_close(cursor);
  return result;
}

static uint64_t work(uint64_t job) {
  uint64_t result = job;
  for (int i = 0; i < 10000; i++)
    result = result * 6364136223846793005u + 1442695040888963407u;
  return result;
}

static void worker(const char *path, uint64_t dies_after) {
  struct queue queue;
  uint8_t job[8];
  queue_open(&queue, path);
  for (uint64_t taken = 1;; taken++) {
    struct copse_txn *txn = begin(&queue);
    if (first(&queue, copse_txn_view(txn), WAITING, 0, job) == COPSE_NONE) {
      copse_txn_abort(txn);
      break;
    }
    move(&queue, txn, job, WAITING, RUNNING, (uint64_t)getpid());
    check(copse_txn_commit(txn, NULL), "commit");
    uint64_t result = work(copse_key_to_u64(job));
    if (taken == dies_after)
      kill(getpid(), SIGKILL);
    txn = begin(&queue);
    move(&queue, txn, job, RUNNING, DONE, result);
    check(copse_txn_commit(txn, NULL), "commit");
  }
  queue_close(&queue);
  _exit(0);
}

static pid_t start_worker(const char *path, uint64_t dies_after) {
  pid_t pid = fork();
  if (pid == 0)
    worker(path, dies_after);
  return pid;
}

/* What a dead worker had goes back to the others. */
static uint64_t put_back(struct queue *queue, pid_t pid) {
  uint8_t job[8];
  uint64_t jobs = 0;
  struct copse_txn *txn = begin(queue);
  for (; first(queue, copse_txn_view(txn), RUNNING, (uint64_t)pid, job) == 0; jobs++)
    move(queue, txn, job, RUNNING, WAITING, 0);
  check(copse_txn_commit(txn, NULL), "commit");
  return jobs;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "/dev/shm/copse-queue";
  struct queue queue;
  queue_open(&queue, path);
  struct copse_txn *txn = begin(&queue);
  for (uint64_t i = 0; i < JOBS; i++) {
    uint8_t job[8];
    uint64_t nothing = 0;
    copse_key_u64(i, job);
    check(copse_put(txn, queue.map[WAITING], job, 8, &nothing, 8, 0), "put");
  }
  check(copse_txn_commit(txn, NULL), "commit");

  for (int i = 0; i < WORKERS; i++)
    start_worker(path, i == 0 ? 10 : 0); /* the first one dies with its tenth job */
  int status;
  for (pid_t pid; (pid = wait(&status)) > 0;)
    if (WIFSIGNALED(status)) {
      printf("worker %d was killed, %llu job back in the queue\n", pid,
             (unsigned long long)put_back(&queue, pid));
      start_worker(path, 0);
    }

  uint64_t left[MAPS];
  struct copse_snapshot *snapshot;
  check(copse_snapshot_open(queue.store, 0, &snapshot), "snapshot");
  for (int i = 0; i < MAPS; i++)
    check(copse_count(copse_snapshot_view(snapshot), queue.map[i], &left[i]), "count");
  copse_snapshot_close(snapshot);
  printf("todo %llu, running %llu, done %llu of %d\n", (unsigned long long)left[WAITING],
         (unsigned long long)left[RUNNING], (unsigned long long)left[DONE], JOBS);
  queue_close(&queue);
  check(copse_store_remove(path), "remove");
  return left[WAITING] + left[RUNNING] == 0 && left[DONE] == JOBS ? 0 : 1;
}
