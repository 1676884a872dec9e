/* test_store_durable.c - durability sync: what snapshots show, what a commit waits for, the log's file,
 * writes that fail, forks. That nothing acknowledged is lost is shown in tests/kill and tests/power. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region/os.h"
#include "store/store.h"
#include "test_store_fixture.h"

static struct copse_store *store_open(const char *path, uint64_t log_bytes) {
  struct copse_store_options options = {
      .flags = COPSE_CREATE, .durability = COPSE_DURABILITY_SYNC, .sync_bytes = log_bytes};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static void value_is(struct copse_store *store, struct copse_map *map, uint32_t flags,
                     const char *expected) {
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_snapshot_open(store, flags, &snapshot));
  text_is(copse_snapshot_view(snapshot), map, "a", expected);
  copse_snapshot_close(snapshot);
}

static struct copse_stat stat_of(struct copse_store *store) {
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  return stat;
}

static void file_lose(const char *path, const char *suffix) {
  char name[512];
  snprintf(name, sizeof name, "%s%s", path, suffix);
  CHECK_SYS(unlink(name));
}

/* Ends a child in the middle of its use of the store, as a power cut would but for the disk. */
static void crash(const char *path, const char *value) {
  pid_t pid = test_fork();
  if (pid == 0) {
    struct copse_store *store = store_open(path, 0);
    set_text(store, map_new(store, "m"), "a", value);
    _exit(0);
  }
  CHECK_CHILD_OK(pid);
  file_lose(path, "-readers");
  file_lose(path, "-writers");
}

TEST(snapshots_show_what_is_durable) {
  struct copse_store *store = store_open(test_shm_path("store"), 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot;
  uint64_t version, seen;
  set_text(store, map, "a", "1");
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  struct copse_txn *txn = begin(store);
  CHECK_OK(put_text(txn, map, "a", "2"));
  CHECK_OK(txn_publish(txn, &version)); /* as a commit that is not yet on the disk */
  value_is(store, map, 0, "1");
  value_is(store, map, COPSE_SNAPSHOT_OUSTABLE, "1");
  value_is(store, map, COPSE_SNAPSHOT_LATEST, "2");
  CHECK_EQ(copse_snapshot_refresh(snapshot), COPSE_NONE);
  CHECK_RESULT(copse_wait(store, NULL, version - 1, 0, &seen), COPSE_E_TIMEOUT);
  CHECK_EQ(stat_of(store).durable_version, version - 1);
  CHECK_OK(copse_wait_durable(store, version, -1));
  CHECK_EQ(stat_of(store).durable_version, version);
  CHECK_OK(copse_wait(store, NULL, version - 1, 0, &seen));
  CHECK_EQ(seen, version);
  CHECK_OK(copse_snapshot_refresh(snapshot));
  text_is(copse_snapshot_view(snapshot), map, "a", "2");
  copse_snapshot_close(snapshot);
  FAILS(copse_wait_durable(store, version + 1, -1), COPSE_E_ARGUMENT, "not committed");
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* Old pages are kept for the durable version while newer ones come and go. */
TEST(the_durable_version_keeps_its_pages) {
  struct copse_store *store = store_open(test_shm_path("store"), 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot;
  char key[16], value[300];
  uint64_t version;
  memset(value, 'o', sizeof value);
  struct copse_txn *txn = begin(store);
  for (int i = 0; i < 500; i++) {
    sprintf(key, "%d", i);
    CHECK_OK(copse_put(txn, map, key, strlen(key), value, sizeof value, 0));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  memset(value, 'n', sizeof value);
  for (int i = 0; i < 3000; i++) {
    txn = begin(store);
    sprintf(key, "%d", i % 500);
    CHECK_OK(copse_put(txn, map, key, strlen(key), value, sizeof value, 0));
    CHECK_OK(txn_publish(txn, &version));
  }
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  memset(value, 'o', sizeof value);
  for (int i = 0; i < 500; i++) {
    struct copse_bytes found;
    sprintf(key, "%d", i);
    CHECK_OK(copse_get(copse_snapshot_view(snapshot), map, key, strlen(key), &found));
    CHECK_BYTES(found.data, found.size, value, sizeof value);
  }
  copse_snapshot_close(snapshot);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(the_log_is_part_of_a_store_in_use) {
  const char *path = test_disk_path("store"), *other = test_disk_path("other");
  struct copse_store *store = store_open(path, 0), *late;
  struct copse_map *map = map_new(store, "m");
  set_text(store, map, "a", "1");
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  file_lose(path, "-log"); /* closed: it is made anew */
  file_lose(path, "-writers");
  store = store_open(path, 0);
  map = map_new(store, "m");
  value_is(store, map, 0, "1");
  file_lose(path, "-log");
  FAILS(copse_store_open(path, NULL, &late), COPSE_E_COORDINATION, "-log");
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  file_lose(path, "-writers");
  crash(path, "2");
  file_lose(path, "-log");
  FAILS(copse_store_open(path, NULL, &late), COPSE_E_CORRUPT, "-log");
  store = store_open(other, 0);
  CHECK_OK(copse_store_close(store));
  char from[512], to[512];
  snprintf(from, sizeof from, "%s-log", other);
  snprintf(to, sizeof to, "%s-log", path);
  CHECK_SYS(link(from, to));
  FAILS(copse_store_open(path, NULL, &late), COPSE_E_CORRUPT, "another store");
  CHECK_OK(copse_store_remove(path));
  CHECK_EQ(access(to, F_OK), -1);
}

TEST(recovery_is_told) {
  const char *path = test_disk_path("store");
  struct copse_store *store = store_open(path, 0);
  CHECK_EQ(stat_of(store).recovered_version, 0);
  uint64_t timeline = stat_of(store).timeline;
  CHECK_OK(copse_store_close(store));
  for (int i = 0; i < 3; i++) {
    crash(path, "1");
    store = store_open(path, 0);
    struct copse_stat stat = stat_of(store);
    CHECK_EQ(stat.recovered_version, stat.version);
    CHECK_EQ(stat.durable_version, stat.version);
    CHECK_NE(stat.timeline, timeline);
    timeline = stat.timeline;
    store_sound(store);
    CHECK_OK(copse_store_close(store));
  }
}

static int writes_fail(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return call == OS_CALL_WRITE_SYNC ? EIO : 0;
}

TEST(a_log_that_cannot_be_written) {
  const char *path = test_disk_path("store");
  struct copse_store *store = store_open(path, 0);
  struct copse_map *map = map_new(store, "m");
  uint64_t before, version;
  set_text(store, map, "a", "1");
  before = copse_store_version(store);
  struct copse_txn *txn = begin(store);
  CHECK_OK(put_text(txn, map, "a", "2"));
  os_hook = writes_fail;
  int result = copse_txn_commit(txn, &version);
  os_hook = NULL;
  CHECK_EQ(result, COPSE_E_IO);
  CHECK_EQ(version, before + 1);
  value_is(store, map, 0, "1");
  value_is(store, map, COPSE_SNAPSHOT_LATEST, "2");
  FAILS(copse_txn_begin(store, -1, &txn), COPSE_E_SYNC_FAILED, "failed earlier");
  FAILS(copse_wait_durable(store, version, -1), COPSE_E_SYNC_FAILED, "failed earlier");
  CHECK_OK(copse_wait_durable(store, before, -1));
  copse_map_close(map);
  CHECK_RESULT(copse_store_close(store), COPSE_E_SYNC_FAILED);
  store = store_open(path, 0);
  map = map_new(store, "m");
  value_is(store, map, 0, "1");
  set_text(store, map, "a", "3");
  value_is(store, map, 0, "3");
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

static int log_syncs;

static int no_write_that_syncs(enum os_call call, const char *path, uint64_t offset,
                               uint64_t size) {
  (void)offset, (void)size;
  size_t length = strlen(path);
  log_syncs += call == OS_CALL_SYNC && length > 4 && strcmp(path + length - 4, "-log") == 0;
  return call == OS_CALL_WRITE_SYNC ? EOPNOTSUPP : 0;
}

/* Some file systems, and kernels before 4.7, do not know RWF_DSYNC. */
TEST(a_write_and_a_sync_serve_as_well) {
  const char *path = test_disk_path("store");
  struct copse_store *store = store_open(path, 0);
  struct copse_map *map = map_new(store, "m");
  log_syncs = 0;
  os_hook = no_write_that_syncs;
  set_text(store, map, "a", "1");
  set_text(store, map, "a", "2");
  os_hook = NULL;
  CHECK_EQ(log_syncs, 2);
  value_is(store, map, 0, "2");
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* Larger than the log, dropped and created maps, and more of them than one page of the table has. */
TEST(whatever_changes_comes_back) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_open(path, 0);
  CHECK_OK(copse_store_close(store));
  pid_t pid = test_fork();
  if (pid == 0) {
    struct copse_map *map;
    struct copse_txn *txn;
    char name[32];
    store = store_open(path, 0);
    for (int i = 0; i < 40; i++) {
      struct copse_map_options options = {.key_kind = i % 2 ? COPSE_KEY_U64 : COPSE_KEY_BYTES,
                                          .value_size = i % 3 ? 0 : 16 + (uint32_t)i * 17};
      char value[1000] = "value";
      uint64_t key = (uint64_t)i;
      sprintf(name, "map%d", i);
      CHECK_OK(copse_map_ensure(store, name, &options, -1, &map));
      txn = begin(store);
      size_t size = options.value_size ? options.value_size : 700;
      CHECK_OK(copse_put(txn, map, &key, 8, value, size, 0));
      CHECK_OK(copse_txn_commit(txn, NULL));
      txn = begin(store);
      if (i % 5 == 0)
        CHECK_OK(copse_map_drop(txn, map));
      else if (i % 5 == 1)
        CHECK_OK(copse_map_rename(txn, map, "renamed"));
      else if (i % 5 == 2)
        CHECK_OK(copse_delete(txn, map, &key, 8));
      CHECK_OK(copse_txn_commit(txn, NULL));
      if (i % 5 == 1) {
        txn = begin(store);
        CHECK_OK(copse_map_rename(txn, map, name));
        CHECK_OK(copse_txn_commit(txn, NULL));
      }
      copse_map_close(map);
    }
    _exit(0);
  }
  CHECK_CHILD_OK(pid);
  file_lose(path, "-writers");
  store = store_open(path, 0);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  for (int i = 0; i < 40; i++) {
    struct copse_map *map;
    struct copse_bytes value;
    char name[32];
    uint64_t key = (uint64_t)i;
    sprintf(name, "map%d", i);
    int result = copse_map_open(view, name, NULL, &map);
    CHECK_EQ(result, i % 5 == 0 ? COPSE_E_NO_MAP : 0);
    if (result)
      continue;
    CHECK_EQ(copse_get(view, map, &key, 8, &value), i % 5 == 2 ? COPSE_NONE : 0);
    CHECK(i % 5 == 2 || memcmp(value.data, "value", 5) == 0);
    copse_map_close(map);
  }
  copse_snapshot_close(snapshot);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* Parent and children commit through the handle that they share; a small log goes round often. */
TEST(commits_of_forked_children) {
  struct copse_store *store = store_open(test_shm_path("store"), 1);
  struct copse_map *map = map_new(store, "m");
  uint64_t first = copse_store_version(store);
  pid_t pids[4];
  for (int i = 0; i < 4; i++) {
    pids[i] = test_fork();
    if (pids[i] == 0) {
      for (int j = 0; j < 300; j++)
        set_text(store, map, "a", "a value that is a little longer than it needs to be");
      copse_map_close(map);
      CHECK_OK(copse_store_close(store));
      exit(0);
    }
  }
  for (int j = 0; j < 300; j++)
    set_text(store, map, "b", "b");
  for (int i = 0; i < 4; i++)
    CHECK_CHILD_OK(pids[i]);
  CHECK_EQ(stat_of(store).durable_version, first + 1500);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

static void *commits_make(void *context) {
  struct copse_store *store = context;
  struct copse_map *map = map_new(store, "m");
  for (int i = 0; i < 200; i++) {
    set_text(store, map, "a", "a value that is a little longer than it needs to be");
    value_is(store, map, 0, "a value that is a little longer than it needs to be");
  }
  copse_map_close(map);
  return NULL;
}

/* Of one handle; the thread of the library makes durable roots meanwhile. */
TEST(commits_of_threads) {
  struct copse_store *store = store_open(test_disk_path("store"), 1);
  uint64_t first = copse_store_version(store);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, commits_make, store), 0);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  CHECK_EQ(stat_of(store).durable_version, first + 1 + 600);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(not_for_anonymous_stores) {
  struct copse_store_options options = {.durability = COPSE_DURABILITY_SYNC};
  struct copse_store *store;
  FAILS(copse_store_open(NULL, &options, &store), COPSE_E_ARGUMENT, "anonymous");
}
