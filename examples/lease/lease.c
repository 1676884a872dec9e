/* examples/lease/lease.c - objects whose memory is the store's, and which nobody has to copy in time.
 *
 * An index of articles: each entry points to a title in the store. The snapshot that the titles came
 * from has long ended, another process keeps rewriting the articles, and the store is even closed: the
 * entries stay what they were, until the index lets go of them. */
#include <copse/copse.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARTICLES 1000

struct entry {
  struct copse_bytes title; /* lies in the store */
  struct copse_lease *lease;
};

static void check(int result, const char *what) {
  if (result == 0)
    return;
  fprintf(stderr, "%s: %s (%s)\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

static struct copse_map *open_map(const char *path, struct copse_store **store) {
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_map *map;
  check(copse_store_open(path, &options, store), "open");
  check(copse_map_ensure(*store, "articles", NULL, -1, &map), "map");
  return map;
}

static void write_edition(struct copse_store *store, struct copse_map *map, unsigned edition) {
  struct copse_txn *txn;
  char key[16], title[100];
  check(copse_txn_begin(store, -1, &txn), "begin");
  for (int i = 0; i < ARTICLES; i++) {
    snprintf(key, sizeof key, "%04d", i);
    snprintf(title, sizeof title, "edition %u of article %d, which is about itself", edition, i);
    check(copse_put(txn, map, key, strlen(key), title, strlen(title), 0), "put");
  }
  check(copse_txn_commit(txn, NULL), "commit");
}

/* Every value that is taken is leased; the snapshot ends before the index is used. */
static void build_index(struct copse_store *store, struct copse_map *map, struct entry *index) {
  struct copse_snapshot *snapshot;
  struct copse_cursor *cursor;
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  check(copse_cursor_open(copse_snapshot_view(snapshot), map, NULL, &cursor), "cursor");
  for (int i = 0; i < ARTICLES; i++) {
    check(copse_cursor_next(cursor, NULL, &index[i].title), "next");
    check(copse_lease_take(copse_snapshot_view(snapshot), COPSE_LEASE_PIN, &index[i].title,
                           &index[i].lease),
          "lease");
  }
  copse_cursor_close(cursor);
  copse_snapshot_close(snapshot);
}

/* How many entries are still of the first edition: all, or something dangles. */
static int count_first(const struct entry *index) {
  int count = 0;
  for (int i = 0; i < ARTICLES; i++)
    count += memcmp(index[i].title.data, "edition 1 ", 10) == 0;
  return count;
}

static void show(struct copse_store *store, const char *when) {
  struct copse_stat stat;
  check(copse_stat(store, &stat), "stat");
  printf("%s: %llu leases on %llu KiB\n", when, (unsigned long long)stat.leases,
         (unsigned long long)stat.lease_bytes / 1024);
  fflush(stdout);
}

int main(int argc, char **argv) {
  static struct entry index[ARTICLES];
  const char *path = argc > 1 ? argv[1] : "/dev/shm/copse-lease";
  struct copse_store *store;
  struct copse_map *map = open_map(path, &store);
  write_edition(store, map, 1);
  build_index(store, map, index);
  show(store, "index built, snapshot ended");

  pid_t child = fork();
  if (child == 0) { /* another process goes on writing */
    map = open_map(path, &store);
    for (unsigned edition = 2; edition <= 20; edition++)
      write_edition(store, map, edition);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  printf("after 19 more editions: %d of %d titles are as they were\n", count_first(index),
         ARTICLES);

  copse_map_close(map);
  check(copse_store_close(store), "close"); /* stays for its leases */
  printf("store closed: %d of %d titles are as they were\n", count_first(index), ARTICLES);

  for (int i = 0; i < ARTICLES; i++)
    copse_lease_release(index[i].lease);
  map = open_map(path, &store);
  show(store, "index gone");
  copse_map_close(map);
  check(copse_store_close(store), "close");
  check(copse_store_remove(path), "remove");
  return 0;
}
