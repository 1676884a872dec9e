/* test_store_spread.c - stores whose data lies in several files. Deaths are in tests/kill/, power cuts in
 * tests/power/. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "region/os.h"
#include "test_store_fixture.h"

#define MIB (UINT64_C(1) << 20)
#define HEAD (2 * MIB) /* of a further file, before its data */
#define VALUE 60000    /* bytes of a value: an extent of its own */
#define SPREAD 80      /* so many of them do not fit into four files */
#define FILES_MOST 64u

static const char *file_name(const char *path, unsigned number) {
  static char names[2][800];
  static unsigned turn;
  char *name = names[turn++ % 2];
  snprintf(name, sizeof names[0], number ? "%s-data-%u" : "%s", path, number);
  return name;
}

static int is_there(const char *name) { return access(name, F_OK) == 0; }

static uint64_t length_of(const char *name) {
  struct stat st;
  CHECK_SYS(stat(name, &st));
  return (uint64_t)st.st_size;
}

static struct copse_store *open_with(const char *path, uint32_t flags, uint32_t durability,
                                     uint64_t file_bytes) {
  struct copse_store_options options = {
      .flags = flags, .durability = durability, .max_bytes = 64 * MIB, .file_bytes = file_bytes};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static struct copse_store *spread_new(const char *path) {
  return open_with(path, COPSE_CREATE | COPSE_EXCLUSIVE, 0, MIB);
}

/* One whose first file has room for a while. */
static struct copse_store *roomy_new(const char *path, uint32_t durability) {
  return open_with(path, COPSE_CREATE | COPSE_EXCLUSIVE | COPSE_NO_SYNC_THREAD, durability,
                   4 * MIB);
}

static void value_make(uint8_t *value, uint64_t number) {
  for (unsigned i = 0; i < VALUE; i++)
    value[i] = (uint8_t)(number * 31 + i * 7 + i / 251);
}

static void values_put(struct copse_store *store, uint64_t from, uint64_t to) {
  struct copse_map *map = map_new(store, "m");
  uint8_t key[8], *value = malloc(VALUE);
  CHECK(value);
  for (uint64_t i = from; i < to; i++) {
    struct copse_txn *txn = begin(store);
    value_make(value, i);
    copse_key_u64(i, key);
    CHECK_OK(copse_put(txn, map, key, 8, value, VALUE, 0));
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
  free(value);
  copse_map_close(map);
}

static void values_check(struct copse_store *store, uint64_t from, uint64_t to) {
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  struct copse_bytes found;
  struct copse_map *map;
  uint8_t key[8], *value = malloc(VALUE);
  CHECK(value);
  CHECK_OK(copse_map_open(view, "m", NULL, &map));
  for (uint64_t i = from; i < to; i++) {
    value_make(value, i);
    copse_key_u64(i, key);
    CHECK_OK(copse_get(view, map, key, 8, &found));
    CHECK_BYTES(found.data, found.size, value, VALUE);
  }
  free(value);
  copse_map_close(map);
  copse_snapshot_close(snapshot);
}

static struct copse_stat stat_of(struct copse_store *store) {
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  return stat;
}

/* A closed store of several files; returns how many. */
static unsigned spread_made(const char *path) {
  struct copse_store *store = spread_new(path);
  values_put(store, 0, SPREAD);
  unsigned files = stat_of(store).files;
  CHECK_GE(files, 5);
  CHECK_OK(copse_store_close(store));
  return files;
}

static void none_are_left(const char *path) {
  static const char *const names[] = {"", "-readers", "-writers", "-log"};
  char name[800];
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "%s%s", path, names[i]);
    CHECK(!is_there(name));
  }
  for (unsigned i = 1; i < FILES_MOST; i++)
    CHECK(!is_there(file_name(path, i)));
}

/* --- growing --------------------------------------------------------------------------------- */

TEST(data_goes_on_in_further_files) {
  const char *path = test_shm_path("store");
  struct copse_store *store = spread_new(path);
  CHECK_EQ(stat_of(store).files, 1);
  CHECK(!is_there(file_name(path, 1)));
  values_put(store, 0, SPREAD);
  struct copse_stat stat = stat_of(store);
  CHECK_EQ(stat.file_max_bytes, MIB);
  CHECK_EQ(stat.files, (stat.file_bytes + MIB - 1) / MIB);
  CHECK_GE(stat.files, 5);
  CHECK_GE(stat.storage_bytes, stat.used_bytes);
  CHECK_LE(stat.storage_bytes, stat.file_bytes + FILES_MOST * 4096);
  CHECK_EQ(length_of(path), MIB);
  for (unsigned i = 1; i + 1 < stat.files; i++)
    CHECK_EQ(length_of(file_name(path, i)), HEAD + MIB);
  CHECK(!is_there(file_name(path, stat.files)));
  values_check(store, 0, SPREAD);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
  store = open_with(path, 0, 0, 0);
  values_check(store, 0, SPREAD);
  store_sound(store);
  values_put(store, SPREAD, 2 * SPREAD);
  values_check(store, 0, 2 * SPREAD);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  none_are_left(path);
}

/* They were attached when there was one file. */
TEST(who_is_attached_sees_files_that_others_made) {
  const char *path = test_shm_path("store");
  struct copse_store *store = spread_new(path);
  values_put(store, 0, 1);
  struct copse_store *reader = open_with(path, COPSE_READ_ONLY, 0, 0);
  struct copse_store *observer = open_with(path, COPSE_OBSERVE, 0, 0);
  struct copse_store *writer = open_with(path, 0, 0, 0);
  struct copse_snapshot *old = snapshot_new(reader);
  int go[2];
  char byte = 0;
  CHECK_SYS(pipe(go));
  pid_t pid = test_fork();
  CHECK_SYS(pid);
  if (pid == 0) { /* the parent's mappings, in which none of the later files is */
    CHECK_EQ(read(go[0], &byte, 1), 1);
    values_check(reader, 0, SPREAD);
    values_put(writer, SPREAD, SPREAD + 20);
    _exit(0);
  }
  values_put(store, 1, SPREAD);
  CHECK_GE(stat_of(store).files, 5);
  values_check(reader, 0, SPREAD);
  values_check(observer, 0, SPREAD);
  CHECK_EQ(write(go[1], &byte, 1), 1);
  CHECK_CHILD_OK(pid);
  values_put(writer, SPREAD + 20, SPREAD + 40);
  values_check(store, 0, SPREAD + 40);
  CHECK_OK(copse_snapshot_refresh(old));
  copse_snapshot_close(old);
  store_sound(writer);
  CHECK_OK(copse_store_close(observer));
  CHECK_OK(copse_store_close(reader));
  CHECK_OK(copse_store_close(writer));
  CHECK_OK(copse_store_close(store));
  close(go[0]);
  close(go[1]);
}

/* Also one whose blocks were reserved and filled without the lock. */
TEST(an_arena_over_two_files) {
  enum { SIZE = 64, N = 24000 };
  const char *path = test_shm_path("store");
  struct copse_store *store = spread_new(path);
  struct copse_arena_options options = {.record_size = SIZE};
  struct copse_arena *arena;
  struct copse_chunk chunk;
  uint64_t(*records)[SIZE / 8] = calloc(N, SIZE), first, seen = 0;
  CHECK(records);
  for (uint64_t i = 0; i < N; i++)
    records[i][0] = i, records[i][7] = ~i;
  CHECK_OK(copse_arena_ensure(store, "a", &options, -1, &arena));
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_arena_append(txn, arena, N, records, &first));
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_GE(stat_of(store).files, 2);
  struct copse_snapshot *snapshot = snapshot_new(store);
  while (copse_arena_chunk(copse_snapshot_view(snapshot), arena, seen, &chunk) == 0) {
    CHECK_EQ(chunk.first, seen);
    CHECK_BYTES(chunk.records, chunk.count * SIZE, records[seen], chunk.count * SIZE);
    seen += chunk.count;
  }
  CHECK_EQ(seen, N);
  copse_snapshot_close(snapshot);
  copse_arena_close(arena);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
  free(records);
}

TEST(storage_is_given_back_in_all_files) {
  const char *path = test_shm_path("store");
  struct copse_store *store = spread_new(path);
  struct copse_shrunk shrunk;
  values_put(store, 0, SPREAD);
  struct copse_map *map = map_new(store, "m");
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_map_drop(txn, map));
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_map_close(map);
  CHECK_OK(copse_store_shrink(store, &shrunk));
  CHECK_GE(shrunk.before_bytes, 4 * MIB);
  CHECK_LE(shrunk.after_bytes, MIB);
  values_put(store, 0, SPREAD);
  values_check(store, 0, SPREAD);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* What bounds a file does not bound a store of several. */
TEST(beyond_the_limit_of_a_file) {
  const char *path = test_shm_path("store");
  pid_t pid = test_fork();
  CHECK_SYS(pid);
  if (pid == 0) {
    struct rlimit limit = {5 * MIB, RLIM_INFINITY};
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit));
    struct copse_store *store = open_with(path, COPSE_CREATE, 0, 2 * MIB);
    values_put(store, 0, 2 * SPREAD);
    CHECK_GT(stat_of(store).file_bytes, limit.rlim_cur);
    CHECK_OK(copse_store_close(store));
    exit(0);
  }
  CHECK_CHILD_OK(pid);
}

TEST(what_may_be_asked_for) {
  const char *path = test_shm_path("store");
  struct copse_store_options options = {.flags = COPSE_CREATE, .file_bytes = MIB - 1};
  struct copse_store *store;
  FAILS(copse_store_open(path, &options, &store), COPSE_E_ARGUMENT, "file_bytes is 1048575");
  options.file_bytes = MIB; /* a mebi of files */
  FAILS(copse_store_open(path, &options, &store), COPSE_E_ARGUMENT, "max_bytes / 1024");
  options.max_bytes = 1023 * MIB + MIB / 2;
  CHECK_OK(copse_store_open(path, &options, &store));
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  options.file_bytes = 1024 * MIB; /* that is one */
  CHECK_OK(copse_store_open(path, &options, &store));
  CHECK_EQ(stat_of(store).file_max_bytes, 0);
  CHECK_OK(copse_store_close(store));
  options.flags = 0;
  FAILS(copse_store_open(NULL, &options, &store), COPSE_E_ARGUMENT, "no files");
}

/* --- files that are not as they should be ---------------------------------------------------- */

static void open_fails(const char *path, int code, const char *name) {
  struct copse_store *store;
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY},
                             observing = {.flags = COPSE_OBSERVE};
  FAILS(copse_store_open(path, NULL, &store), code, name);
  FAILS(copse_store_open(path, &read_only, &store), code, name);
  struct copse_snapshot *snapshot;
  int result = copse_store_open(path, &observing, &store);
  if (result == 0) {
    FAILS(copse_snapshot_open(store, 0, &snapshot), code, name);
    CHECK_OK(copse_store_close(store));
  } else {
    FAILS(result, code, name);
  }
}

/* With coordination files and without, as after a restart of the machine. */
static void open_fails_twice(const char *path, int code, const char *name) {
  char writers[800], kept[810];
  snprintf(writers, sizeof writers, "%s-writers", path);
  snprintf(kept, sizeof kept, "%s-kept", writers);
  open_fails(path, code, name);
  CHECK_SYS(rename(writers, kept));
  struct copse_store *store;
  FAILS(copse_store_open(path, NULL, &store), code, name);
  unlink(writers);
  CHECK_SYS(rename(kept, writers));
}

static void sound_again(const char *path) {
  struct copse_store *store = open_with(path, 0, 0, 0);
  values_check(store, 0, SPREAD);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(a_missing_file_is_named) {
  const char *path = test_shm_path("store");
  spread_made(path);
  const char *name = file_name(path, 2);
  char kept[810];
  snprintf(kept, sizeof kept, "%s-kept", path);
  CHECK_SYS(rename(name, kept));
  open_fails_twice(path, COPSE_E_FILES, name);
  CHECK_SYS(rename(kept, name));
  sound_again(path);
}

TEST(an_empty_file_is_named) {
  const char *path = test_shm_path("store");
  spread_made(path);
  const char *name = file_name(path, 1);
  CHECK_SYS(truncate(name, 0));
  open_fails_twice(path, COPSE_E_FILES, name);
}

TEST(a_truncated_file_is_named) {
  const char *path = test_shm_path("store");
  unsigned files = spread_made(path);
  const char *name = file_name(path, files - 1);
  CHECK_SYS(truncate(name, HEAD));
  open_fails_twice(path, COPSE_E_TRUNCATED, name);
}

TEST(exchanged_files_are_named) {
  const char *path = test_shm_path("store");
  spread_made(path);
  char kept[810], first[800], second[800];
  snprintf(first, sizeof first, "%s", file_name(path, 1));
  snprintf(second, sizeof second, "%s", file_name(path, 2));
  snprintf(kept, sizeof kept, "%s-kept", path);
  CHECK_SYS(rename(first, kept));
  CHECK_SYS(rename(second, first));
  CHECK_SYS(rename(kept, second));
  open_fails_twice(path, COPSE_E_FILES, first);
  CHECK_MSG(strstr(copse_error_detail(), "data file 2") != NULL, "%s", copse_error_detail());
}

TEST(another_stores_file_is_named_and_stays) {
  const char *path = test_shm_path("store"), *other = test_shm_path("other");
  spread_made(path);
  spread_made(other);
  const char *name = file_name(path, 1);
  CHECK_SYS(rename(file_name(other, 1), name));
  open_fails_twice(path, COPSE_E_FILES, name);
  CHECK_OK(copse_store_remove(path));
  CHECK(is_there(name));
  CHECK(!is_there(file_name(path, 2)));
}

TEST(what_is_no_data_file_is_named) {
  const char *path = test_shm_path("store");
  struct copse_store *store = roomy_new(path, 0);
  char name[800];
  snprintf(name, sizeof name, "%s", file_name(path, 1));
  int fd = CHECK_SYS(open(name, O_WRONLY | O_CREAT, 0600));
  CHECK_EQ(write(fd, "somebody's letter", 17), 17);
  close(fd);
  struct copse_map *map = map_new(store, "m");
  uint8_t *value = calloc(1, 4 * MIB);
  CHECK(value);
  struct copse_txn *txn = begin(store);
  FAILS(copse_put(txn, map, "key", 3, value, 4 * MIB, 0), COPSE_E_FILES, name);
  copse_txn_abort(txn);
  CHECK_EQ(length_of(name), 17);
  CHECK_SYS(unlink(name));
  txn = begin(store);
  CHECK_OK(copse_put(txn, map, "key", 3, value, 4 * MIB, 0));
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  free(value);
}

TEST(a_new_store_does_not_take_files_of_an_old_one) {
  const char *path = test_shm_path("store");
  unsigned files = spread_made(path);
  struct copse_store_options options = {
      .flags = COPSE_CREATE, .max_bytes = 64 * MIB, .file_bytes = MIB};
  struct copse_store *store;
  CHECK_SYS(unlink(path));
  FAILS(copse_store_open(path, &options, &store), COPSE_E_FILES, file_name(path, 1));
  for (unsigned i = 1; i < files; i++)
    CHECK_SYS(unlink(file_name(path, i)));
  CHECK_OK(copse_store_open(path, &options, &store));
  CHECK_OK(copse_store_close(store));
}

/* Shortened while it is mapped. */
TEST(truncation_is_noticed_in_further_files) {
  const char *path = test_shm_path("store");
  struct copse_store *store = spread_new(path);
  struct copse_snapshot *snapshot;
  values_put(store, 0, SPREAD);
  CHECK_SYS(truncate(file_name(path, 2), HEAD + 4096));
  int result;
  while ((result = copse_snapshot_open(store, 0, &snapshot)) == 0) /* it looks now and then */
    copse_snapshot_close(snapshot);
  CHECK_EQ(result, COPSE_E_TRUNCATED);
  CHECK_MSG(strstr(copse_error_detail(), file_name(path, 2)) != NULL, "%s", copse_error_detail());
  int closed = copse_store_close(store);
  (void)closed;
}

/* --- elsewhere ------------------------------------------------------------------------------- */

TEST(a_file_may_lie_elsewhere) {
  const char *path = test_shm_path("store"), *folder = test_shm_path("elsewhere");
  char placed[800], moved[800];
  CHECK_SYS(mkdir(folder, 0700));
  snprintf(placed, sizeof placed, "%s/placed", folder);
  snprintf(moved, sizeof moved, "%s/moved", folder);
  struct copse_store *store = roomy_new(path, 0);
  CHECK_SYS(symlink(placed, file_name(path, 1)));
  struct copse_map *map = map_new(store, "m");
  uint8_t *value = calloc(1, 4 * MIB);
  CHECK(value);
  struct copse_txn *txn = begin(store);
  FAILS(copse_put(txn, map, "key", 3, value, 4 * MIB, 0), COPSE_E_FILES, "leads nowhere");
  copse_txn_abort(txn);
  free(value);
  copse_map_close(map);
  close(CHECK_SYS(open(placed, O_WRONLY | O_CREAT, 0600)));
  values_put(store, 0, 2 * SPREAD);
  CHECK_EQ(length_of(placed), HEAD + 4 * MIB);
  CHECK_OK(copse_store_close(store));
  CHECK_SYS(rename(file_name(path, 2), moved));
  CHECK_SYS(symlink(moved, file_name(path, 2)));
  sound_again(path);
  CHECK_OK(copse_store_remove(path));
  none_are_left(path);
  CHECK(!is_there(placed));
  CHECK(!is_there(moved));
  CHECK_SYS(rmdir(folder));
}

TEST(a_sealed_copy_is_one_file) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy");
  struct copse_store *store = spread_new(path);
  values_put(store, 0, SPREAD);
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_OK(copse_snapshot_seal(snapshot, copy, 0));
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  CHECK(!is_there(file_name(copy, 1)));
  store = open_with(copy, COPSE_READ_ONLY, 0, 0);
  values_check(store, 0, SPREAD);
  CHECK_OK(copse_store_close(store));
}

/* Descriptors that the program closed are opened again; another file at the path is not taken. */
TEST(closed_descriptors_are_opened_again) {
  const char *path = test_shm_path("store");
  pid_t pid = test_fork();
  CHECK_SYS(pid);
  if (pid == 0) {
    struct copse_store *store = spread_new(path);
    values_put(store, 0, SPREAD / 2);
    for (int fd = 3; fd < 200; fd++)
      close(fd);
    values_put(store, SPREAD / 2, SPREAD);
    values_check(store, 0, SPREAD);
    struct copse_shrunk shrunk;
    CHECK_OK(copse_store_shrink(store, &shrunk));
    store_sound(store);
    CHECK_OK(copse_store_close(store));
    _exit(0);
  }
  CHECK_CHILD_OK(pid);
}

/* --- durability ------------------------------------------------------------------------------ */

static char synced[FILES_MOST][800];
static unsigned synced_count;

static int sync_note(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)offset, (void)size;
  if (call == OS_CALL_SYNC && synced_count < FILES_MOST)
    snprintf(synced[synced_count++], sizeof synced[0], "%s", path);
  return 0;
}

static unsigned syncs_of(const char *name) {
  unsigned count = 0;
  for (unsigned i = 0; i < synced_count; i++)
    count += strcmp(synced[i], name) == 0;
  return count;
}

TEST(every_file_is_synced_before_a_root_slot) {
  const char *path = test_disk_path("store");
  struct copse_store *store =
      open_with(path, COPSE_CREATE | COPSE_NO_SYNC_THREAD, COPSE_DURABILITY_LAZY, MIB);
  values_put(store, 0, SPREAD);
  unsigned files = stat_of(store).files;
  CHECK_GE(files, 5);
  synced_count = 0;
  os_hook = sync_note;
  CHECK_OK(copse_store_sync(store, NULL));
  os_hook = NULL;
  CHECK_EQ(synced_count, files + 1);
  CHECK_STR(synced[synced_count - 1], path); /* that of the slot */
  CHECK_EQ(syncs_of(path), 2);
  for (unsigned i = 1; i < files; i++)
    CHECK_EQ(syncs_of(file_name(path, i)), 1);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
}

/* It and its name are on the disk before anything of it is used. */
TEST(a_further_file_is_durable_first) {
  const char *path = test_disk_path("store");
  struct copse_store *store = roomy_new(path, COPSE_DURABILITY_NONE);
  struct copse_map *map = map_new(store, "m");
  uint8_t *value = calloc(1, 4 * MIB);
  char folder[800];
  CHECK(value);
  snprintf(folder, sizeof folder, "%s", path);
  strrchr(folder, '/')[1] = 0;
  struct copse_txn *txn = begin(store);
  synced_count = 0;
  os_hook = sync_note;
  CHECK_OK(copse_put(txn, map, "key", 3, value, 4 * MIB, 0));
  os_hook = NULL;
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_GE(syncs_of(file_name(path, 1)), 1);
  CHECK_EQ(syncs_of(folder), syncs_of(file_name(path, 1)));
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  free(value);
}

/* Files on disks beside one in memory would not be synced, or for nothing. */
TEST(all_files_are_of_one_kind) {
  const char *path = test_disk_path("store"), *elsewhere = test_shm_path("elsewhere");
  struct copse_store *store = roomy_new(path, 0);
  struct copse_map *map = map_new(store, "m");
  uint8_t *value = calloc(1, 4 * MIB);
  CHECK(value);
  close(CHECK_SYS(open(elsewhere, O_WRONLY | O_CREAT, 0600)));
  CHECK_SYS(symlink(elsewhere, file_name(path, 1)));
  struct copse_txn *txn = begin(store);
  FAILS(copse_put(txn, map, "key", 3, value, 4 * MIB, 0), COPSE_E_FILE_SYSTEM, "in memory");
  copse_txn_abort(txn);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  CHECK(!is_there(file_name(path, 1)));
  free(value);
}

/* --- larger than memory ---------------------------------------------------------------------- */

/* Mappings of a file that are marked for random access, and all that there are. */
static unsigned random_mappings(const char *name, unsigned *all) {
  char line[1024];
  unsigned marked = 0;
  int inside = 0;
  FILE *smaps = fopen("/proc/self/smaps", "re");
  CHECK(smaps);
  *all = 0;
  while (fgets(line, sizeof line, smaps)) {
    size_t length = strcspn(line, "\n");
    line[length] = 0;
    if (strchr(line, '-') && strchr(line, '/')) {
      inside = length > strlen(name) && strcmp(line + length - strlen(name), name) == 0;
      *all += (unsigned)inside;
    }
    if (inside && strncmp(line, "VmFlags:", 8) == 0)
      marked += strstr(line, " rr") != NULL;
  }
  fclose(smaps);
  return marked;
}

static void reads_ahead(const char *path, uint32_t flags, int expected) {
  struct copse_store *store = open_with(path, flags | COPSE_NO_SYNC_THREAD, 0, 0);
  unsigned all;
  values_check(store, 0, SPREAD);
  for (unsigned i = 0; i < 3; i++) {
    unsigned marked = random_mappings(file_name(path, i), &all);
    CHECK_GE(all, 1);
    CHECK_EQ(marked, expected ? 0 : all);
  }
  CHECK_OK(copse_store_close(store));
}

TEST(what_does_not_fit_into_memory_is_not_read_ahead) {
  const char *path = test_disk_path("store");
  spread_made(path);
  reads_ahead(path, 0, 1);
  reads_ahead(path, COPSE_NO_READ_AHEAD, 0);
  os_memory_size = 4 * MIB;
  reads_ahead(path, 0, 0);
  reads_ahead(path, COPSE_OBSERVE, 0);
  os_memory_size = 0;
  CHECK_OK(copse_store_remove(path));
}

/* --- removal that was cut short ---------------------------------------------------------------- */

TEST(a_removal_that_was_cut_short_is_ended) {
  const char *path = test_shm_path("store");
  spread_made(path);
  /* As it is left by a death in the midst of the further files. */
  int fd = CHECK_SYS(open(path, O_WRONLY));
  uint64_t removed = UINT64_MAX;
  CHECK_EQ(pwrite(fd, &removed, 8, 64), 8);
  close(fd);
  CHECK_SYS(unlink(file_name(path, 4)));
  struct copse_store *store = spread_new(path);
  for (unsigned i = 1; i < FILES_MOST; i++)
    CHECK(!is_there(file_name(path, i)));
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  none_are_left(path);
}
