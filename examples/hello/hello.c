/* examples/hello/hello.c - two processes share a store, without a server in between. */
#include <copse/copse.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int result, const char *what) {
  if (result == 0)
    return;
  fprintf(stderr, "%s: %s (%s)\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

/* Opens the store, creating it when there is none, and its map "hello". */
static struct copse_map *open_map(const char *path, struct copse_store **store) {
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_map *map;
  check(copse_store_open(path, &options, store), "open");
  check(copse_map_ensure(*store, "hello", NULL, -1, &map), "map");
  return map;
}

/* One write transaction: all of it or nothing. Returns the version it has made. */
static uint64_t put(struct copse_store *store, struct copse_map *map, const char *key,
                    const char *value) {
  struct copse_txn *txn;
  uint64_t version;
  check(copse_txn_begin(store, -1, &txn), "begin");
  check(copse_put(txn, map, key, strlen(key), value, strlen(value), 0), "put");
  check(copse_txn_commit(txn, &version), "commit");
  return version;
}

/* Reads from a snapshot: no lock, no copy; the value is lent until the snapshot ends. */
static void show(struct copse_store *store, struct copse_map *map, const char *key) {
  struct copse_snapshot *snapshot;
  struct copse_bytes value;
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  check(copse_get(copse_snapshot_view(snapshot), map, key, strlen(key), &value), "get");
  printf("process %d reads %s = %.*s, version %llu\n", getpid(), key, (int)value.size,
         (const char *)value.data, (unsigned long long)copse_snapshot_version(snapshot));
  fflush(stdout);
  copse_snapshot_close(snapshot);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "/dev/shm/copse-hello";
  struct copse_store *store;
  struct copse_map *map = open_map(path, &store);
  uint64_t version = put(store, map, "question", "who is there?");

  pid_t child = fork();
  if (child == 0) { /* the second process: any program that knows the path could do this */
    map = open_map(path, &store);
    show(store, map, "question");
    put(store, map, "answer", "a second process");
    _exit(0);
  }

  check(copse_wait(store, map, version, 10000000000, NULL), "wait"); /* 10 s at most */
  show(store, map, "answer");
  waitpid(child, NULL, 0);
  copse_map_close(map);
  check(copse_store_close(store), "close");
  check(copse_store_remove(path), "remove");
  return 0;
}
