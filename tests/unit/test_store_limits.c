/* test_store_limits.c - full stores, full file systems, processes with small limits: an error, no
 * signal; the transaction is as it was before the call, and deleting makes room again. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region/os.h"
#include "test_store_fixture.h"

/* A map of numbers, each put with a value of its size, and what is there by the test's count. */
#define NUMBERS 20000u
struct filled {
  struct copse_store *store;
  struct copse_map *map;
  uint32_t sizes[NUMBERS]; /* size + 1; 0: not there */
};

static int number_put(struct copse_txn *txn, struct filled *filled, uint32_t number,
                      uint32_t size) {
  uint8_t key[8];
  void *memory;
  copse_key_u64(number, key);
  int result = copse_reserve(txn, filled->map, key, 8, size, 0, &memory);
  if (result == 0) {
    memset(memory, (int)(number + size), size);
    filled->sizes[number] = size + 1;
  }
  return result;
}

static void filled_check(struct filled *filled, struct copse_view *view) {
  uint64_t expected = 0, count;
  for (uint32_t i = 0; i < NUMBERS; i++) {
    uint8_t key[8];
    struct copse_bytes value;
    copse_key_u64(i, key);
    CHECK_RESULT(copse_get(view, filled->map, key, 8, &value), filled->sizes[i] ? 0 : COPSE_NONE);
    if (!filled->sizes[i])
      continue;
    expected++;
    CHECK_EQ(value.size, filled->sizes[i] - 1);
    for (size_t j = 0; j < value.size; j += 97)
      CHECK_EQ(((const uint8_t *)value.data)[j], (uint8_t)(i + value.size));
  }
  CHECK_OK(copse_count(view, filled->map, &count));
  CHECK_EQ(count, expected);
}

static int is_full(int result) { return result == COPSE_E_LIMIT || result == COPSE_E_NO_SPACE; }

/* Puts until there is no room, and a hundred times more; then commits what there is. Fails in
 * the commit, too: then all of the transaction is gone. */
static int fill_up(struct filled *filled, struct test_random *random, uint32_t most) {
  static uint32_t before[NUMBERS];
  struct copse_txn *txn;
  memcpy(before, filled->sizes, sizeof before);
  int result = copse_txn_begin(filled->store, -1, &txn), refused = 0;
  if (result) {
    CHECK(is_full(result));
    return 1;
  }
  for (uint32_t i = 0; i < 30000 && refused < 100; i++) {
    result = number_put(txn, filled, (uint32_t)test_random_below(random, NUMBERS),
                        (uint32_t)test_random_below(random, most));
    CHECK_MSG(result == 0 || is_full(result), "%s: %s", copse_error_name(result),
              copse_error_detail());
    refused += result != 0;
  }
  filled_check(filled, copse_txn_view(txn));
  result = copse_txn_commit(txn, NULL);
  CHECK(result == 0 || is_full(result));
  if (result)
    memcpy(filled->sizes, before, sizeof before);
  return refused;
}

static void all_delete(struct filled *filled) {
  struct copse_txn *txn = begin(filled->store);
  CHECK_OK(copse_delete_range(txn, filled->map, NULL, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  memset(filled->sizes, 0, sizeof filled->sizes);
}

/* Fills, deletes, and fills again: as often, as much fits. */
static void fill_and_delete(struct filled *filled, int rounds) {
  static const uint32_t most[] = {100, 3000, 60000, 400000};
  struct test_random random = {test_seed()};
  for (int round = 0; round < rounds; round++) {
    int refused = 0;
    for (int i = 0; i < 30 && !refused; i++)
      refused = fill_up(filled, &random, most[round % 4]);
    struct copse_snapshot *snapshot = snapshot_new(filled->store);
    filled_check(filled, copse_snapshot_view(snapshot));
    copse_snapshot_close(snapshot);
    store_sound(filled->store);
    all_delete(filled);
    for (uint32_t i = 0; i < 60; i++) { /* space comes back a little with each commit */
      struct copse_txn *txn = begin(filled->store);
      CHECK_OK(number_put(txn, filled, i, 10));
      CHECK_OK(copse_txn_commit(txn, NULL));
    }
    store_sound(filled->store);
  }
}

TEST(max_bytes_reached) {
  static const uint64_t bounds[] = {1 << 20, 3 << 20, 8 << 20};
  for (int i = 0; i < 3; i++) {
    struct filled *filled = calloc(1, sizeof *filled);
    CHECK(filled != NULL);
    filled->store = store_new(NULL, bounds[i]);
    filled->map = map_new(filled->store, "m");
    fill_and_delete(filled, 4);
    copse_map_close(filled->map);
    CHECK_OK(copse_store_close(filled->store));
    free(filled);
  }
}

TEST(value_larger_than_the_store) {
  struct copse_store *store = store_new(NULL, 4 << 20);
  struct copse_map *map = map_new(store, "m");
  struct copse_txn *txn = begin(store);
  void *memory;
  CHECK_OK(put_text(txn, map, "a", "1"));
  FAILS(copse_reserve(txn, map, "b", 1, 5 << 20, 0, &memory), COPSE_E_LIMIT, "value");
  FAILS(copse_reserve(txn, map, "b", 1, 4 << 20, 0, &memory), COPSE_E_LIMIT, "max_bytes");
  FAILS(copse_reserve(txn, map, "b", 1, SIZE_MAX, 0, &memory), COPSE_E_LIMIT, "value");
  FAILS(copse_reserve(txn, map, "b", 1, SIZE_MAX - 63, 0, &memory), COPSE_E_LIMIT, "value");
  CHECK_OK(copse_txn_commit(txn, NULL));
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* --- every single allocation failing ------------------------------------------------------- */

static int64_t allocations_left;
static int allocation_fails(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return call == OS_CALL_ALLOCATE && allocations_left-- <= 0 ? ENOSPC : 0;
}

TEST(no_space_at_each_allocation) {
  struct test_random random = {test_seed()};
  int64_t left = 0;
  for (allocations_left = 0; allocations_left <= 0; left++) { /* until none was left to fail */
    struct filled *filled = calloc(1, sizeof *filled);
    CHECK(filled != NULL);
    filled->store = store_new(NULL, 16 << 20);
    filled->map = map_new(filled->store, "m");
    allocations_left = left;
    os_hook = allocation_fails;
    for (int i = 0; i < 8; i++) {
      (void)fill_up(filled, &random, i % 2 ? 20000 : 300);
      if (i == 5)
        os_hook = NULL;
    }
    store_sound(filled->store);
    all_delete(filled);
    store_sound(filled->store);
    copse_map_close(filled->map);
    CHECK_OK(copse_store_close(filled->store));
    free(filled);
  }
  CHECK_GT(left, 5);
}

/* --- a small tmpfs ------------------------------------------------------------------------- */

/* Mounts a tmpfs of its own; 0 when this process may not. */
static int small_tmpfs(const char *folder, const char *options) {
  uid_t user = getuid();
  char map[32];
  if (mkdir(folder, 0700) && errno != EEXIST)
    return 0;
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
      return 0;
    int fd = open("/proc/self/uid_map", O_WRONLY);
    snprintf(map, sizeof map, "0 %u 1", user);
    if (fd < 0 || write(fd, map, strlen(map)) < 0)
      return 0;
    close(fd);
  }
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

#define CHILD_SKIPPED 77

TEST(full_tmpfs) {
  static const char *const sizes[] = {"size=3m", "size=5m", "size=20m"};
  for (int i = 0; i < 3; i++) {
    const char *folder = test_shm_path("small");
    char path[600];
    int status;
    snprintf(path, sizeof path, "%s/store", folder);
    pid_t child = test_fork();
    if (child == 0) {
      struct filled *filled = calloc(1, sizeof *filled);
      if (!filled || !small_tmpfs(folder, sizes[i]))
        _exit(CHILD_SKIPPED);
      filled->store = store_new(path, 0);
      filled->map = map_new(filled->store, "m");
      fill_and_delete(filled, 6);
      copse_map_close(filled->map);
      CHECK_OK(copse_store_close(filled->store));
      CHECK_OK(copse_store_open(path, NULL, &filled->store));
      store_sound(filled->store);
      CHECK_OK(copse_store_close(filled->store));
      _exit(0);
    }
    CHECK_SYS(waitpid(child, &status, 0));
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPPED)
      SKIP("this process may not mount a tmpfs");
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x", sizes[i], status);
  }
}

/* --- limits of the process ----------------------------------------------------------------- */

TEST(file_size_limit) {
  const char *path = test_shm_path("store");
  pid_t child = test_fork();
  if (child == 0) {
    struct filled *filled = calloc(1, sizeof *filled);
    CHECK(filled != NULL);
    filled->store = store_new(path, 16 << 20);
    filled->map = map_new(filled->store, "m");
    struct rlimit limit = {6 << 20, 6 << 20};
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit)); /* and SIGXFSZ as it is: it must not come */
    struct test_random random = {test_seed()};
    for (int i = 0; i < 8; i++)
      CHECK_GT(fill_up(filled, &random, 10000), 0);
    CHECK(strstr(copse_error_detail(), "RLIMIT_FSIZE") != NULL);
    store_sound(filled->store);
    copse_map_close(filled->map);
    CHECK_OK(copse_store_close(filled->store));
    _exit(0);
  }
  CHECK_CHILD_OK(child);
}

/* The files of a small store are small, its books' too, however large it may become. */
TEST(small_store_under_a_file_size_limit) {
  const char *path = test_shm_path("store");
  pid_t child = test_fork();
  if (child == 0) {
    struct rlimit limit = {64 << 20, 64 << 20};
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit));
    struct copse_store *store = store_new(path, 0);
    struct copse_map *map = map_new(store, "m");
    uint64_t stored = 0;
    int result = 0;
    for (uint32_t i = 0; result == 0; i++) {
      struct copse_txn *txn = begin(store);
      for (uint32_t j = 0; j < 100 && result == 0; j++) {
        uint8_t key[8];
        void *memory;
        copse_key_u64(i * 100 + j, key);
        result = copse_reserve(txn, map, key, 8, 10 + j * 30, 0, &memory);
        stored += result ? 0 : 10 + j * 30;
      }
      if (result == 0)
        result = copse_txn_commit(txn, NULL);
      else
        copse_txn_abort(txn);
    }
    CHECK_RESULT(result, COPSE_E_NO_SPACE);
    CHECK(strstr(copse_error_detail(), "RLIMIT_FSIZE") != NULL);
    CHECK_GT(stored, 30 << 20);
    store_sound(store);
    struct copse_txn *txn = begin(store);
    CHECK_OK(copse_delete_range(txn, map, NULL, NULL));
    CHECK_OK(copse_txn_commit(txn, NULL));
    set_text(store, map, "a", "1");
    copse_map_close(map);
    CHECK_OK(copse_store_close(store));
    char writers[600];
    struct stat file;
    snprintf(writers, sizeof writers, "%s-writers", path);
    CHECK_SYS(stat(writers, &file));
    CHECK_LT(file.st_size, 8 << 20);
    CHECK_OK(copse_store_open(path, NULL, &store));
    store_sound(store);
    CHECK_OK(copse_store_close(store));
    _exit(0);
  }
  CHECK_CHILD_OK(child);
}

static rlim_t bytes_mapped(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file && fscanf(file, "%lu", &pages) == 1);
  fclose(file);
  return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

TEST(address_space_limit) {
  const char *path = test_shm_path("store");
  if (TEST_ASAN || TEST_TSAN)
    SKIP("sanitizers need all of the address space");
  if (test_is_emulated())
    SKIP("the emulator knows no limit");
  struct copse_store *store = store_new(path, 0);
  struct copse_map *map = map_new(store, "m");
  set_text(store, map, "a", "1");
  copse_map_close(map);
  CHECK_OK(copse_store_close(store)); /* what it maps would count in the child */
  pid_t child = test_fork();
  if (child == 0) {
    struct rlimit limit = {(rlim_t)3 << 30, (rlim_t)3 << 30};
    CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
    struct copse_store *tight;
    CHECK_OK(copse_store_open(path, NULL, &tight));
    struct copse_map *same = map_new(tight, "m");
    struct copse_snapshot *snapshot = snapshot_new(tight);
    text_is(copse_snapshot_view(snapshot), same, "a", "1");
    copse_snapshot_close(snapshot);
    set_text(tight, same, "a", "2");
    store_sound(tight);
    copse_map_close(same);
    CHECK_OK(copse_store_close(tight));
    limit.rlim_cur = bytes_mapped() + (1 << 20);
    CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
    FAILS(copse_store_open(path, NULL, &tight), COPSE_E_ADDRESS_SPACE, "map");
    _exit(0);
  }
  CHECK_CHILD_OK(child);
}

/* --- slow readers -------------------------------------------------------------------------- */

static struct copse_store *slow_store(uint32_t what) {
  struct copse_store_options options = {
      .max_bytes = 256 << 20, .slow_reader = what, .slow_reader_bytes = 1 << 20};
  struct copse_store *store;
  CHECK_OK(copse_store_open(NULL, &options, &store));
  return store;
}

/* Writes the same records over and over: an old version keeps some 3 KB of each, and no more. */
static int churn(struct copse_store *store, struct copse_map *map, int records) {
  static char value[3000];
  for (int i = 0; i < 8000; i++) {
    struct copse_txn *txn;
    int result = copse_txn_begin(store, -1, &txn);
    char key[16];
    sprintf(key, "%d", i % records);
    if (result)
      return result;
    result = copse_put(txn, map, key, strlen(key), value, sizeof value - (size_t)(i % 900), 0);
    if (result) {
      copse_txn_abort(txn);
      return result;
    }
    result = copse_txn_commit(txn, NULL);
    if (result)
      return result;
  }
  return 0;
}

TEST(slow_reader_refused) {
  struct copse_store *store = slow_store(COPSE_SLOW_REFUSE);
  struct copse_map *map = map_new(store, "m");
  set_text(store, map, "a", "1");
  struct copse_snapshot *slow = snapshot_new(store);
  struct copse_stat stat;
  CHECK_OK(
      churn(store, map, 2000)); /* it holds what was there when it was opened: next to nothing */
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.refusals, 0);
  CHECK_OK(copse_snapshot_refresh(slow));
  FAILS(churn(store, map, 6000), COPSE_E_PINNED, "slow_reader_bytes");
  text_is(copse_snapshot_view(slow), map, "a", "1");
  CHECK_OK(copse_stat(store, &stat));
  CHECK_GT(stat.refusals, 0);
  CHECK_LT(stat.high_water_bytes, 64 << 20);
  copse_snapshot_close(slow);
  CHECK_OK(churn(store, map, 2000));
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* What a snapshot keeps that may not be ousted does not come back by ousting others. */
TEST(nobody_is_ousted_in_vain) {
  struct copse_store *store = slow_store(COPSE_SLOW_OUST);
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *before, *firm, *same, *after;
  struct copse_stat stat;
  set_text(store, map, "a", "1");
  CHECK_OK(churn(store, map, 2000));
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &before));
  set_text(store, map, "a", "2");
  firm = snapshot_new(store);
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &same));
  set_text(store, map, "a", "3");
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &after));
  FAILS(churn(store, map, 6000), COPSE_E_PINNED, "slow_reader_bytes");
  text_is(copse_snapshot_view(before), map, "a", "1");
  text_is(copse_snapshot_view(firm), map, "a", "2");
  text_is(copse_snapshot_view(same), map, "a", "2");
  text_is(copse_snapshot_view(after), map, "a", "3");
  copse_snapshot_close(firm);
  CHECK_OK(churn(store, map, 6000)); /* now it is they who keep it, and ousting helps */
  struct copse_bytes value;
  FAILS(copse_get(copse_snapshot_view(same), map, "a", 1, &value), COPSE_E_OUSTED, "version");
  CHECK_OK(copse_stat(store, &stat));
  CHECK_LT(stat.high_water_bytes, 64 << 20);
  copse_snapshot_close(before);
  copse_snapshot_close(same);
  copse_snapshot_close(after);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(slow_reader_ousted) {
  struct copse_store *store = slow_store(COPSE_SLOW_OUST);
  struct copse_map *map = map_new(store, "m");
  set_text(store, map, "a", "1");
  struct copse_snapshot *slow, *newer;
  struct copse_stat stat;
  struct copse_bytes value, key = {"a", 1};
  size_t found;
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &slow));
  text_is(copse_snapshot_view(slow), map, "a", "1");
  FAILS(copse_multiget(copse_snapshot_view(slow), map, 1, &key, &value, &found), COPSE_E_STATE,
        "oustable");
  CHECK_OK(churn(store, map, 2000));
  text_is(copse_snapshot_view(slow), map, "a", "1"); /* it holds next to nothing, and may go on */
  CHECK_OK(copse_snapshot_refresh(slow));
  CHECK_OK(churn(store, map, 6000));
  FAILS(copse_get(copse_snapshot_view(slow), map, "a", 1, &value), COPSE_E_OUSTED, "version");
  CHECK_OK(copse_stat(store, &stat));
  CHECK_LT(stat.high_water_bytes, 64 << 20);
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &newer));
  text_is(copse_snapshot_view(newer), map, "a", "1");
  copse_snapshot_close(slow);
  copse_snapshot_close(newer);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}
