/* test_store_observe.c - observers: reading without write permission to any file, being passed by
 * writers, having a version kept, and what they can't do to anybody. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region/os.h"
#include "sync/format.h"
#include "test_store_fixture.h"

#define CHILD_SKIPPED 77
enum { RECORDS = 500 };

static const struct copse_store_options observing = {.flags = COPSE_OBSERVE};

static char *beside(const char *path, const char *suffix) {
  static char names[4][760];
  static int next;
  char *name = names[next++ % 4];
  snprintf(name, sizeof names[0], "%s%s", path, suffix);
  return name;
}

/* Every record has the round as its value. */
static void round_write(struct copse_store *store, struct copse_map *map, uint32_t round,
                        int records) {
  struct copse_txn *txn = begin(store);
  for (int i = 0; i < records; i++) {
    uint32_t value[100] = {round, (uint32_t)i};
    uint8_t key[8];
    copse_key_u64((uint64_t)i, key);
    CHECK_OK(copse_put(txn, map, key, 8, value, sizeof value, 0));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
}

/* Reads all; an error, or the round that all are of. */
static int round_read(struct copse_snapshot *snapshot, int records, uint32_t *round) {
  struct copse_view *view = copse_snapshot_view(snapshot);
  struct copse_map *map;
  struct copse_cursor *cursor = NULL;
  struct copse_bytes key, value;
  int count = 0, result = copse_map_open(view, "m", NULL, &map);
  if (result)
    return result;
  result = copse_cursor_open(view, map, NULL, &cursor);
  if (result == 0)
    result = copse_cursor_first(cursor, &key, &value);
  for (; result == 0; result = copse_cursor_next(cursor, &key, &value), count++) {
    uint32_t found[2];
    memcpy(found, value.data, sizeof found);
    if (count == 0)
      *round = found[0];
    CHECK_EQ(found[0], *round);
    CHECK_EQ(found[1], count);
  }
  copse_cursor_close(cursor);
  copse_map_close(map);
  if (result != COPSE_NONE)
    return result;
  CHECK_EQ(count, records);
  return 0;
}

static struct copse_store *observer_of(const char *path) {
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &observing, &store));
  return store;
}

static void shows(struct copse_store *store, uint32_t expected) {
  struct copse_snapshot *snapshot = snapshot_new(store);
  uint32_t round = 0;
  CHECK_OK(round_read(snapshot, RECORDS, &round));
  CHECK_EQ(round, expected);
  copse_snapshot_close(snapshot);
}

static struct copse_snapshot *kept_new(struct copse_store *store) {
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_KEPT, &snapshot));
  return snapshot;
}

/* --- who may only read ----------------------------------------------------------------------- */

static void permit(const char *path, mode_t mode) {
  char folder[700];
  CHECK_SYS(chmod(path, mode));
  CHECK_SYS(chmod(beside(path, "-writers"), mode));
  CHECK_SYS(chmod(beside(path, "-readers"), mode));
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = 0;
  CHECK_SYS(chmod(folder, 0755));
}

static void become_nobody(const char *path) {
  if (getuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
    _exit(CHILD_SKIPPED);
  if (open(path, O_RDONLY | O_CLOEXEC) < 0)
    _exit(CHILD_SKIPPED); /* a folder above is closed to others */
}

static void child_good(pid_t child) {
  int status;
  CHECK_SYS(waitpid(child, &status, 0));
  if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPPED)
    SKIP("this process cannot become another user, or mount");
  CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %x", (unsigned)status);
}

/* No mapping of the store's files is writable, and no descriptor. */
static void nothing_is_writable(const char *path) {
  char line[1024], link[64], target[700];
  FILE *maps = fopen("/proc/self/maps", "r");
  CHECK(maps != NULL);
  int found = 0;
  while (fgets(line, sizeof line, maps)) {
    found += strstr(line, path) != NULL;
    CHECK_MSG(!strstr(line, path) || strstr(line, " r--s "), "%s", line);
  }
  fclose(maps);
  CHECK_GE(found, 2);
  for (int fd = 0; fd < 64; fd++) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0 || strncmp(target, path, strlen(path)) != 0)
      continue;
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  }
}

static int entry_seen(void *context, const struct copse_reader *reader) {
  (void)context, (void)reader;
  return -1;
}

static void observe_without_permission(const char *path, int ready, int go) {
  static const struct copse_store_options reading = {.flags = COPSE_READ_ONLY};
  struct copse_store *store;
  struct copse_txn *txn;
  struct copse_stat stat;
  char c;
  uint32_t round = 0;
  CHECK_EQ(read(go, &c, 1), 1); /* the store is there */
  become_nobody(path);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_PERMISSION, path);
  FAILS(copse_store_open(path, &reading, &store), COPSE_E_PERMISSION, "-readers");
  store = observer_of(path);
  shows(store, 1);
  nothing_is_writable(path);
  struct copse_snapshot *snapshot = kept_new(store);
  nothing_is_writable(path);
  CHECK_EQ(write(ready, "", 1), 1);
  CHECK_EQ(read(go, &c, 1), 1); /* rounds 2 to 200 are there */
  CHECK_OK(round_read(snapshot, RECORDS, &round));
  CHECK_EQ(round, 1);
  CHECK_OK(copse_snapshot_refresh(snapshot));
  CHECK_OK(round_read(snapshot, RECORDS, &round));
  CHECK_EQ(round, 200);
  CHECK_EQ(copse_snapshot_refresh(snapshot), COPSE_NONE);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.version, copse_store_version(store));
  CHECK_EQ(stat.maps, 1);
  FAILS(copse_readers(store, entry_seen, NULL), COPSE_E_PERMISSION, "observer");
  CHECK_RESULT(copse_txn_begin(store, -1, &txn), COPSE_E_READ_ONLY);
  CHECK_RESULT(copse_store_sync(store, NULL), COPSE_E_READ_ONLY);
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(store));
  _exit(0);
}

static void other_user(const char *path) {
  int ready[2], go[2];
  char c;
  CHECK_SYS(pipe(ready));
  CHECK_SYS(pipe(go));
  pid_t child = test_fork(); /* before, so that it inherits nothing */
  if (child == 0)
    observe_without_permission(path, ready[1], go[0]);
  struct copse_store *store = store_new(path, 0);
  struct copse_map *map = map_new(store, "m");
  round_write(store, map, 1, RECORDS);
  permit(path, 0444);
  CHECK_EQ(write(go[1], "", 1), 1);
  close(ready[1]);
  if (read(ready[0], &c, 1) == 1) {
    for (uint32_t round = 2; round <= 200; round++)
      round_write(store, map, round, RECORDS);
    CHECK_EQ(write(go[1], "", 1), 1);
  }
  child_good(child);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(without_write_permission) { other_user(test_shm_path("store")); }

TEST(without_write_permission_on_a_disk) { other_user(test_disk_path("store")); }

/* Mounts the folder over itself, read-only. */
static int mount_read_only(const char *folder) {
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount(folder, folder, NULL, MS_BIND, NULL) == 0 &&
         mount(NULL, folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
}

static void store_make(const char *path) {
  struct copse_store *store = store_new(path, 0);
  struct copse_map *map = map_new(store, "m");
  round_write(store, map, 1, RECORDS);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

static void read_only_mount(const char *path, int stale) {
  struct copse_store *store;
  char folder[700];
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = 0;
  store_make(path);
  if (stale) {
    CHECK_SYS(unlink(beside(path, "-writers")));
    CHECK_SYS(unlink(beside(path, "-readers")));
  }
  pid_t child = test_fork();
  if (child == 0) {
    if (!mount_read_only(folder))
      _exit(CHILD_SKIPPED);
    CHECK_RESULT(copse_store_open(path, NULL, &store), COPSE_E_READ_ONLY);
    store = observer_of(path);
    shows(store, 1);
    CHECK_OK(copse_store_close(store));
    _exit(0);
  }
  child_good(child);
}

TEST(on_a_read_only_mount) {
  for (int stale = 0; stale < 2; stale++) {
    read_only_mount(test_shm_path(stale ? "stale" : "store"), stale);
    read_only_mount(test_disk_path(stale ? "stale" : "store"), stale);
  }
}

/* Beside a writer that sees the files through another mount. */
TEST(a_writer_on_the_other_side_of_the_mount) {
  int ready[2], go[2];
  char c, folder[700];
  const char *path = test_shm_path("store");
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = 0;
  CHECK_SYS(pipe(ready));
  CHECK_SYS(pipe(go));
  struct copse_store *store = store_new(path, 0);
  struct copse_map *map = map_new(store, "m");
  round_write(store, map, 1, RECORDS);
  pid_t child = test_fork();
  if (child == 0) {
    uint32_t round = 0;
    if (!mount_read_only(folder))
      _exit(CHILD_SKIPPED);
    struct copse_store *observer = observer_of(path);
    struct copse_snapshot *snapshot = kept_new(observer);
    CHECK_EQ(write(ready[1], "", 1), 1);
    CHECK_EQ(read(go[0], &c, 1), 1);
    CHECK_OK(round_read(snapshot, RECORDS, &round));
    CHECK_EQ(round, 1);
    shows(observer, 100);
    _exit(0);
  }
  close(ready[1]);
  if (read(ready[0], &c, 1) == 1) {
    for (uint32_t round = 2; round <= 100; round++)
      round_write(store, map, round, RECORDS);
    CHECK_EQ(write(go[1], "", 1), 1);
  }
  child_good(child);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* --- being passed, and not ------------------------------------------------------------------- */

TEST(writers_go_past_an_observer) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 0), *observer;
  struct copse_map *map = map_new(store, "m");
  uint32_t round = 1, seen = 0;
  int result = 0;
  round_write(store, map, round, RECORDS);
  observer = observer_of(path);
  struct copse_snapshot *snapshot = snapshot_new(observer);
  for (; round < 1000 && result == 0; round++) {
    round_write(store, map, round + 1, RECORDS);
    result = round_read(snapshot, RECORDS, &seen);
  }
  CHECK_EQ(result, COPSE_E_OVERRUN);
  CHECK_LT(round, 20); /* pages are used again as soon as ever */
  FAILS(round_read(snapshot, RECORDS, &seen), COPSE_E_OVERRUN, "refresh");
  CHECK_OK(copse_snapshot_refresh(snapshot));
  CHECK_OK(round_read(snapshot, RECORDS, &seen));
  CHECK_EQ(seen, round);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(store));
}

/* Among small commits, each of which reuses pages that others gave up: several versions at once. */
TEST(versions_are_kept) {
  enum { KEPT = 5 };
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 0), *observer;
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshots[KEPT];
  uint32_t seen = 0;
  observer = observer_of(path);
  for (uint32_t i = 0; i < KEPT; i++) {
    for (uint32_t n = 0; n < 50; n++)
      round_write(store, map, i * 100 + n, RECORDS);
    snapshots[i] = kept_new(observer);
  }
  for (uint32_t n = 0; n < 100; n++)
    round_write(store, map, 10000 + n, RECORDS);
  for (uint32_t i = 0; i < KEPT; i++) {
    CHECK_OK(round_read(snapshots[i], RECORDS, &seen));
    CHECK_EQ(seen, i * 100 + 49);
  }
  struct copse_stat stat, after;
  CHECK_OK(copse_stat(store, &stat));
  for (uint32_t i = 0; i < KEPT; i++)
    copse_snapshot_close(snapshots[i]);
  for (int n = 0; n < 10000; n++) { /* until a probe finds that nobody wants them any more */
    round_write(store, map, 20000, RECORDS);
    CHECK_OK(copse_stat(store, &after));
    if (after.pinned_bytes == 0)
      break;
  }
  CHECK_EQ(after.pinned_bytes, 0);
  CHECK_LE(after.high_water_bytes, stat.high_water_bytes + (1 << 20));
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(store));
}

/* Not beyond the bound. */
TEST(too_much_is_not_kept) {
  enum { MANY = 100000 };
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 0), *observer;
  struct copse_map *map = map_new(store, "m");
  struct copse_stat stat, after;
  uint32_t seen = 0;
  round_write(store, map, 1, MANY);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_GT(stat.used_bytes, 40 << 20);
  observer = observer_of(path);
  struct copse_snapshot *snapshot = kept_new(observer);
  int result = 0;
  for (uint32_t round = 2; round < 6 && result == 0; round++)
    for (int part = 0; part < 10 && result == 0; part++) {
      struct copse_txn *txn = begin(store);
      for (int i = part * MANY / 10; i < (part + 1) * MANY / 10; i++) {
        uint32_t value[100] = {round, (uint32_t)i};
        uint8_t key[8];
        copse_key_u64((uint64_t)i, key);
        CHECK_OK(copse_put(txn, map, key, 8, value, sizeof value, 0));
      }
      CHECK_OK(copse_txn_commit(txn, NULL));
      result = round_read(snapshot, MANY, &seen);
      CHECK(result || seen == 1);
    }
  CHECK_EQ(result, COPSE_E_OVERRUN);
  CHECK_OK(copse_stat(store, &after));
  CHECK_LT(after.pinned_bytes, stat.used_bytes);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(store));
}

/* A store that can't grow takes back what it keeps before it refuses a write. */
static void full_store(const struct copse_store_options *options) {
  const char *path = test_shm_path(options->slow_reader ? "refusing" : "full");
  struct copse_store *store, *observer;
  struct copse_snapshot *snapshot;
  uint32_t seen = 0;
  CHECK_OK(copse_store_open(path, options, &store));
  struct copse_map *map = map_new(store, "m");
  round_write(store, map, 1, RECORDS);
  observer = observer_of(path);
  CHECK_OK(copse_snapshot_open(observer, COPSE_SNAPSHOT_KEPT, &snapshot));
  for (uint32_t round = 2; round < 300; round++) {
    round_write(store, map, round, RECORDS);
    int result = round_read(snapshot, RECORDS, &seen);
    CHECK_MSG(result == 0 || result == COPSE_E_OVERRUN, "%s", copse_error_detail());
    if (result)
      CHECK(copse_snapshot_refresh(snapshot) >= 0);
  }
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(store));
}

TEST(a_full_store_keeps_nothing) {
  static const struct copse_store_options full = {.flags = COPSE_CREATE, .max_bytes = 3 << 20},
                                          refusing = {.flags = COPSE_CREATE,
                                                      .slow_reader = COPSE_SLOW_REFUSE,
                                                      .slow_reader_bytes = 1 << 20};
  full_store(&full);
  full_store(&refusing);
}

/* --- who means ill --------------------------------------------------------------------------- */

static void range_lock(int fd, uint64_t from, uint64_t size) {
  struct flock lock = {
      .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)from, .l_len = (off_t)size};
  CHECK_SYS(fcntl(fd, F_OFD_SETLK, &lock));
}

/* Locks of all kinds on the writers' file, held for good: writers go on, in bounded space. */
TEST(locks_that_are_never_given_back) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 0), *observer = NULL;
  struct copse_map *map = map_new(store, "m");
  struct copse_stat stat, before;
  for (uint32_t round = 1; round < 100; round++)
    round_write(store, map, round, RECORDS);
  CHECK_OK(copse_stat(store, &before));
  for (int kind = 0; kind < 5; kind++) {
    int fd = CHECK_SYS(open(beside(path, "-writers"), O_RDONLY | O_CLOEXEC));
    uint64_t newest = copse_store_version(store);
    if (kind == 0)
      range_lock(fd, OBSERVE_JOIN, 1);
    for (uint64_t i = 0; kind == 1 && i < 100; i++)
      range_lock(fd, OBSERVE_VERSION + newest - i % 50 + 7 * i, 1);
    if (kind == 2)
      range_lock(fd, OBSERVE_VERSION, 0); /* without an end */
    if (kind == 3)
      range_lock(fd, 0, 0);
    if (kind == 4)
      range_lock(fd, OBSERVE_VERSION + newest, UINT64_C(1) << 40);
    observer = observer_of(path);
    for (uint32_t round = 100; round < 1000; round++)
      round_write(store, map, round, RECORDS);
    shows(observer, 999);
    CHECK_OK(copse_store_close(observer));
    CHECK_OK(copse_stat(store, &stat));
    CHECK_LE(stat.high_water_bytes, before.high_water_bytes + (48 << 20));
    close(fd);
  }
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* --- coordination files that come and go ------------------------------------------------------- */

TEST(nobody_has_made_coordination_files) {
  const char *path = test_shm_path("store");
  store_make(path);
  CHECK_SYS(unlink(beside(path, "-writers")));
  CHECK_SYS(unlink(beside(path, "-readers")));
  struct copse_store *observer = observer_of(path), *store;
  struct copse_snapshot *snapshot = kept_new(observer);
  uint32_t seen = 0;
  CHECK_OK(round_read(snapshot, RECORDS, &seen));
  CHECK_OK(copse_store_open(path, NULL, &store)); /* makes them */
  FAILS(round_read(snapshot, RECORDS, &seen), COPSE_E_COORDINATION, "open it again");
  FAILS(copse_snapshot_refresh(snapshot), COPSE_E_COORDINATION, "open it again");
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(observer));
  observer = observer_of(path);
  shows(observer, 1);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(store));
}

TEST(files_that_go_under_an_observer) {
  const char *path = test_shm_path("store");
  struct copse_store *observer, *store = store_new(path, 0);
  struct copse_map *map = map_new(store, "m");
  round_write(store, map, 1, RECORDS);
  CHECK_SYS(unlink(beside(path, "-writers")));
  FAILS(copse_store_open(path, &observing, &observer), COPSE_E_COORDINATION, "others have");
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  observer = observer_of(path);
  shows(observer, 1);
  struct copse_snapshot *snapshot = snapshot_new(observer);
  CHECK_OK(copse_store_remove(path)); /* an observer holds nobody up */
  uint32_t seen = 0;
  FAILS(round_read(snapshot, RECORDS, &seen), COPSE_E_COORDINATION, "removed");
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(observer));
  FAILS(copse_store_open(path, &observing, &observer), COPSE_E_NO_STORE, path);
}

/* Whether a store that was in use can be observed when its coordination files are gone. */
static int left_in_use(enum copse_durability durability, struct copse_store **observer) {
  static const char *const names[] = {"", "none", "lazy", "sync"};
  const char *path = test_disk_path(names[durability]);
  pid_t child = test_fork();
  if (child == 0) {
    struct copse_store *store;
    struct copse_store_options options = {.flags = COPSE_CREATE, .durability = durability};
    CHECK_OK(copse_store_open(path, &options, &store));
    struct copse_map *map = map_new(store, "m");
    round_write(store, map, 1, RECORDS);
    CHECK_OK(copse_store_sync(store, NULL));
    _exit(0);
  }
  CHECK_CHILD_OK(child);
  CHECK_SYS(unlink(beside(path, "-writers")));
  return copse_store_open(path, &observing, observer);
}

TEST(a_store_that_was_in_use) {
  struct copse_store *observer;
  FAILS(left_in_use(COPSE_DURABILITY_NONE, &observer), COPSE_E_UNCLEAN, "without durability");
  FAILS(left_in_use(COPSE_DURABILITY_SYNC, &observer), COPSE_E_COORDINATION, "for writing");
  CHECK_OK(left_in_use(COPSE_DURABILITY_LAZY, &observer));
  shows(observer, 1);
  CHECK_OK(copse_store_close(observer));
}

/* --- what is not for observers ------------------------------------------------------------------ */

TEST(what_observers_may_not) {
  static const struct copse_store_options create = {.flags = COPSE_CREATE | COPSE_OBSERVE};
  const char *path = test_shm_path("store");
  struct copse_store *store;
  struct copse_map *map;
  struct copse_diff *diff;
  struct copse_bytes key = {"12345678", 8}, value;
  CHECK_RESULT(copse_store_open(path, &create, &store), COPSE_E_ARGUMENT);
  store_make(path);
  store = observer_of(path);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_map_open(view, "m", NULL, &map));
  FAILS(copse_multiget(view, map, 1, &key, &value, NULL), COPSE_E_STATE, "observer");
  FAILS(copse_diff_open(view, view, map, NULL, &diff), COPSE_E_ARGUMENT, "observer");
  FAILS(copse_snapshot_seal(snapshot, test_shm_path("sealed"), 0), COPSE_E_STATE, "observer");
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* A sealed copy needs no observing; an anonymous store has no file to observe. */
TEST(observing_without_need) {
  const char *path = test_shm_path("store"), *sealed = test_shm_path("sealed");
  struct copse_store *store;
  store_make(path);
  CHECK_OK(copse_store_open(path, NULL, &store));
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_OK(copse_snapshot_seal(snapshot, sealed, 0));
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(store));
  store = observer_of(sealed);
  shows(store, 1);
  CHECK_OK(copse_store_close(store));
  FAILS(copse_store_open(NULL, &observing, &store), COPSE_E_ARGUMENT, "anonymous");
}

/* A child that inherits an observer's snapshot reads it as before. */
TEST(forks_of_an_observer) {
  const char *path = test_shm_path("store");
  struct copse_store *store = store_new(path, 0), *observer;
  struct copse_map *map = map_new(store, "m");
  uint32_t seen = 0;
  round_write(store, map, 1, RECORDS);
  observer = observer_of(path);
  struct copse_snapshot *snapshot = kept_new(observer);
  pid_t child = test_fork();
  if (child == 0) {
    for (uint32_t round = 2; round < 200; round++)
      round_write(store, map, round, RECORDS);
    CHECK_OK(round_read(snapshot, RECORDS, &seen));
    CHECK_EQ(seen, 1);
    CHECK_OK(copse_snapshot_refresh(snapshot));
    CHECK_OK(round_read(snapshot, RECORDS, &seen));
    CHECK_EQ(seen, 199);
    _exit(0);
  }
  CHECK_CHILD_OK(child);
  CHECK_OK(round_read(snapshot, RECORDS, &seen));
  CHECK_EQ(seen, 1);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(store));
}

/* --- holes ----------------------------------------------------------------------------------- */

/* Values in leaves, and in extents that are runs, the heads of which tell their size. */
static void values_put(struct copse_store *store, struct copse_map *map, uint64_t count,
                       size_t size) {
  static uint8_t value[20000];
  struct copse_txn *txn = begin(store);
  for (uint64_t i = 0; i < count; i++) {
    uint8_t key[8];
    copse_key_u64(i, key);
    CHECK_OK(copse_put(txn, map, key, 8, value, size, 0));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void fill_up(const char *path) {
  static const uint8_t zeros[4096];
  int fd = CHECK_SYS(open(path, O_WRONLY | O_CREAT, 0600));
  while (write(fd, zeros, sizeof zeros) > 0)
    ;
  CHECK_EQ(errno, ENOSPC);
  close(fd);
}

/* A cursor stands on a leaf; where the next one was, or its value, is a hole by then. */
static void holes_on_a_full_tmpfs(const char *folder, uint64_t count, size_t size) {
  char path[600], filler[600];
  snprintf(path, sizeof path, "%s/store-%zu", folder, size);
  snprintf(filler, sizeof filler, "%s/filler", folder);
  struct copse_store *store = store_new(path, 0), *observer;
  struct copse_map *map = map_new(store, "m"), *seen;
  struct copse_snapshot *snapshot;
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  struct copse_shrunk shrunk;
  values_put(store, map, count, size);
  CHECK_OK(copse_store_open(path, &observing, &observer));
  CHECK_OK(copse_snapshot_open(observer, 0, &snapshot));
  CHECK_OK(copse_map_open(copse_snapshot_view(snapshot), "m", NULL, &seen));
  CHECK_OK(copse_cursor_open(copse_snapshot_view(snapshot), seen, NULL, &cursor));
  CHECK_OK(copse_cursor_first(cursor, &key, &value));
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_map_drop(txn, map));
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_store_shrink(store, &shrunk));
  CHECK_LE(shrunk.after_bytes, shrunk.before_bytes / 2);
  fill_up(filler);
  uint64_t seen_count = 1;
  int result;
  while ((result = copse_cursor_next(cursor, &key, &value)) == 0)
    seen_count++;
  CHECK_EQ(result, COPSE_E_OVERRUN);
  CHECK_LT(seen_count, count);
  CHECK_SYS(unlink(filler));
  copse_cursor_close(cursor);
  copse_snapshot_close(snapshot);
  copse_map_close(seen);
  copse_map_close(map);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(store));
}

TEST(a_hole_is_no_fault) {
  const char *folder = test_shm_path("small");
  int status;
  pid_t pid = test_fork();
  if (pid == 0) {
    if (mkdir(folder, 0700) || unshare(CLONE_NEWNS) ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", folder, "tmpfs", 0, "size=24m"))
      _exit(CHILD_SKIPPED);
    holes_on_a_full_tmpfs(folder, 10000, 400);
    holes_on_a_full_tmpfs(folder, 300, 20000);
    exit(0);
  }
  CHECK_SYS(waitpid(pid, &status, 0));
  if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPPED)
    SKIP("this process may not mount a tmpfs");
  CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}
