/* test_store_sync.c - durability that nobody asks for: bounds of bytes and time, with and without the
 * thread; and syncs that fail. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region/os.h"
#include "test_store_fixture.h"

#define HOUR_MS 3600000u

static struct copse_store *store_with(const char *path, uint64_t bytes, uint32_t interval_ms,
                                      uint32_t flags) {
  struct copse_store_options options = {.flags = COPSE_CREATE | flags,
                                        .durability = COPSE_DURABILITY_LAZY,
                                        .sync_bytes = bytes,
                                        .sync_interval_ms = interval_ms};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static uint64_t durable_version(struct copse_store *store) {
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  return stat.durable_version;
}

/* Ends the program by SIGALRM if it never comes. */
static void durable_wait(struct copse_store *store, uint64_t version) {
  alarm(300);
  while (durable_version(store) < version)
    sched_yield();
  alarm(0);
}

static int thread_count(void) {
  DIR *tasks = opendir("/proc/self/task");
  int count = 0;
  CHECK(tasks != NULL);
  for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
    count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

/* The thread sanitizer has threads of its own. */
static void threads_are(int expected) {
  if (!TEST_TSAN)
    CHECK_EQ(thread_count(), expected);
}

TEST(bytes_without_a_thread) {
  struct copse_store *store =
      store_with(test_disk_path("store"), 20000, HOUR_MS, COPSE_NO_SYNC_THREAD);
  int threads = thread_count();
  struct copse_map *map = map_new(store, "m");
  char value[400] = "";
  uint64_t behind = 0;
  for (int i = 0; i < 200; i++) {
    struct copse_txn *txn = begin(store);
    CHECK_OK(copse_put(txn, map, "key", 3, value, sizeof value, 0));
    CHECK_OK(copse_txn_commit(txn, NULL));
    uint64_t lag = copse_store_version(store) - durable_version(store);
    CHECK_MSG(lag <= 40, "%d commits of 512 bytes and more are not durable", (int)lag);
    behind += lag;
  }
  CHECK_GT(behind, 100); /* and not each by itself */
  threads_are(threads);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(time_without_a_thread) {
  struct copse_store *store = store_with(test_disk_path("store"), 0, 1, COPSE_NO_SYNC_THREAD);
  struct copse_map *map = map_new(store, "m");
  uint64_t first = durable_version(store);
  alarm(300);
  while (durable_version(store) == first)
    set_text(store, map, "a", "1");
  alarm(0);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(the_thread_keeps_the_time) {
  struct copse_store *store = store_with(test_disk_path("store"), 0, 1, 0);
  int threads = thread_count();
  struct copse_map *map = map_new(store, "m");
  threads_are(threads + 1);
  for (int i = 0; i < 5; i++) { /* idle after each commit */
    set_text(store, map, "a", "1");
    durable_wait(store, copse_store_version(store));
  }
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  threads_are(threads);
}

TEST(the_thread_keeps_the_bytes) {
  struct copse_store *store = store_with(test_disk_path("store"), 1 << 20, HOUR_MS, 0);
  struct copse_map *map = map_new(store, "m");
  uint64_t first = durable_version(store);
  char value[400] = "";
  for (int i = 0; i < 2200; i++) {
    struct copse_txn *txn = begin(store);
    CHECK_OK(copse_put(txn, map, &i, sizeof i, value, sizeof value, 0));
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
  durable_wait(store, first + 1);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* A child has a thread of its own, also when the parent's was busy. */
TEST(the_thread_after_a_fork) {
  if (test_is_emulated())
    SKIP("the emulator ends a child that was forked beside a thread");
  struct copse_store *store = store_with(test_disk_path("store"), 0, 1, 0);
  struct copse_map *map = map_new(store, "m");
  for (int i = 0; i < 10; i++) {
    set_text(store, map, "a", "parent");
    pid_t pid = test_fork();
    if (pid == 0) {
      threads_are(1);
      set_text(store, map, "a", "child");
      threads_are(2);
      durable_wait(store, copse_store_version(store));
      copse_map_close(map);
      CHECK_OK(copse_store_close(store));
      exit(0);
    }
    CHECK_CHILD_OK(pid);
  }
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* --- checksums ------------------------------------------------------------------------- */

static uint64_t faults_of(struct copse_store *store) {
  struct copse_check check;
  CHECK_OK(copse_check_store(store, -1, NULL, NULL, NULL, &check));
  return check.errors;
}

/* Flips a bit of a value in the closed file, wherever it stands. */
static void value_damage(const char *path, const char *value) {
  static uint8_t bytes[1 << 20];
  int fd = CHECK_SYS(open(path, O_RDWR));
  ssize_t n = CHECK_SYS(pread(fd, bytes, sizeof bytes, 0));
  uint8_t *at = memmem(bytes, (size_t)n, value, strlen(value));
  CHECK(at != NULL);
  for (; at; at = memmem(at, (size_t)(bytes + n - at), value, strlen(value)))
    *at ^= 1;
  CHECK_EQ(pwrite(fd, bytes, (size_t)n, 0), n);
  close(fd);
}

/* Of pages that a sync, or a clean close, made durable; what was written since has none yet. */
TEST(damage_of_durable_pages_is_noticed) {
  const char *path = test_disk_path("store"), *value = "a value that stands alone in the file";
  for (int i = 0; i < 2; i++) {
    struct copse_store *store = store_with(path, 0, HOUR_MS, COPSE_NO_SYNC_THREAD);
    struct copse_map *map = map_new(store, "m");
    set_text(store, map, "a", value);
    CHECK_OK(copse_store_sync(store, NULL));
    if (i == 0) { /* a later version's page, which has no checksum before the store is closed */
      set_text(store, map, "b", "b");
      CHECK_EQ(faults_of(store), 0);
    }
    copse_map_close(map);
    CHECK_OK(copse_store_close(store));
    store = store_with(path, 0, HOUR_MS, COPSE_NO_SYNC_THREAD);
    CHECK_EQ(faults_of(store), 0);
    CHECK_OK(copse_store_close(store));
    value_damage(path, value);
    store = store_with(path, 0, HOUR_MS, COPSE_NO_SYNC_THREAD);
    CHECK_GE(faults_of(store), 1);
    CHECK_OK(copse_store_close(store));
    CHECK_OK(copse_store_remove(path));
  }
}

/* --- failures -------------------------------------------------------------------------- */

static enum os_call failing;

static int call_fails(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return call == failing ? EIO : 0;
}

/* Nothing is said to be durable any more, until who is alone begins anew at what was. */
TEST(failed_sync_is_not_forgotten) {
  static const enum os_call calls[] = {OS_CALL_SYNC, OS_CALL_WRITE_BACK};
  for (int i = 0; i < 2; i++) {
    const char *path = test_disk_path(i ? "two" : "one");
    struct copse_store *store = store_with(path, 0, HOUR_MS, COPSE_NO_SYNC_THREAD);
    struct copse_map *map = map_new(store, "m");
    struct copse_txn *txn;
    struct copse_stat before, after;
    uint64_t version;
    set_text(store, map, "a", "durable");
    CHECK_OK(copse_store_sync(store, &version));
    CHECK_OK(copse_stat(store, &before));
    set_text(store, map, "a", "lost");
    failing = calls[i];
    os_hook = call_fails;
    FAILS(copse_store_sync(store, &version), COPSE_E_IO, path);
    os_hook = NULL;
    FAILS(copse_store_sync(store, &version), COPSE_E_SYNC_FAILED, "failed earlier");
    FAILS(copse_txn_begin(store, -1, &txn), COPSE_E_SYNC_FAILED, "failed earlier");
    copse_map_close(map);
    CHECK_RESULT(copse_store_close(store), COPSE_E_SYNC_FAILED);

    store = store_with(path, 0, HOUR_MS, COPSE_NO_SYNC_THREAD);
    map = map_new(store, "m");
    struct copse_snapshot *snapshot = snapshot_new(store);
    text_is(copse_snapshot_view(snapshot), map, "a", "durable");
    CHECK_OK(copse_stat(store, &after));
    CHECK_EQ(after.version, before.version);
    CHECK_EQ(after.recovered_version, before.version);
    CHECK_NE(after.timeline, before.timeline);
    copse_snapshot_close(snapshot);
    set_text(store, map, "a", "again");
    store_sound(store);
    copse_map_close(map);
    CHECK_OK(copse_store_close(store));
  }
}
