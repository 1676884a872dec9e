/* test_store_outside.c - what comes from outside of the library, as its users meet it: files that somebody
 * shortens, descriptors that the program closes, addresses and handles that run short. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "test_store_fixture.h"

#define RECORDS 4000
#define SHORT (64 << 10) /* what is left of a file */

static struct copse_store *open_with(const char *path, uint32_t flags, uint64_t reserve) {
  struct copse_store_options options = {
      .flags = flags, .max_bytes = 1 << 30, .reserve_bytes = reserve};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

/* Several MiB. */
static void fill(struct copse_store *store, struct copse_map *map) {
  static char value[1000];
  struct copse_txn *txn = begin(store);
  for (uint64_t i = 0; i < RECORDS; i++)
    CHECK_OK(copse_put(txn, map, &i, sizeof i, value, sizeof value, 0));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

/* The first error in reading all records; 0: there is none. */
static int read_all(struct copse_view *view, struct copse_map *map, struct copse_bytes *last) {
  int result = 0;
  for (uint64_t i = 0; i < RECORDS && result == 0; i++)
    result = copse_get(view, map, &i, sizeof i, last);
  return result;
}

/* --- a file that somebody shortens ---------------------------------------------------------- */

TEST(truncation_is_told_at_the_next_beginning) {
  const char *path = test_shm_path("store");
  struct copse_store *store = open_with(path, COPSE_CREATE, 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot, *other;
  struct copse_txn *txn;
  fill(store, map);
  snapshot = snapshot_new(store);
  CHECK_SYS(truncate(path, SHORT));
  store->size_checked_ns = 0; /* the next look comes within 10 ms */
  FAILS(copse_snapshot_open(store, 0, &other), COPSE_E_TRUNCATED, path);
  CHECK_RESULT(copse_snapshot_refresh(snapshot),
               COPSE_NONE); /* nothing newer: what it has, it keeps */
  FAILS(copse_txn_begin(store, -1, &txn), COPSE_E_TRUNCATED, path);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  (void)!copse_store_close(store);
}

TEST(the_guard_turns_a_fault_into_an_error) {
  if (test_is_emulated())
    SKIP("the emulator's faults are not those of a processor");
  const char *path = test_shm_path("store");
  struct copse_store *store = open_with(path, COPSE_CREATE | COPSE_SIGBUS_GUARD, 0);
  struct copse_map *map = map_new(store, "m");
  struct copse_bytes lent;
  fill(store, map);
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_OK(read_all(copse_snapshot_view(snapshot), map, &lent));
  CHECK_SYS(truncate(path, SHORT));
  CHECK_RESULT(read_all(copse_snapshot_view(snapshot), map, &lent), COPSE_E_TRUNCATED);
  for (size_t i = 0; i < lent.size; i++)
    CHECK_EQ(((const char *)lent.data)[i], 0); /* lent before: no fault */
  struct copse_txn *txn;
  CHECK_RESULT(copse_txn_begin(store, -1, &txn), COPSE_E_TRUNCATED);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  (void)!copse_store_close(store);
}

static void end_with_5(int number) {
  (void)number;
  _exit(5);
}

/* The guard leaves faults elsewhere to who was asked before, or to the default. */
TEST(other_faults_are_passed_on) {
  for (int handled = 0; handled < 2; handled++) {
    pid_t pid = test_fork();
    if (pid == 0) {
      signal(SIGBUS, handled ? end_with_5 : SIG_DFL);
      struct copse_store *store = open_with(NULL, COPSE_SIGBUS_GUARD, 0);
      CHECK(store != NULL);
      int fd = CHECK_SYS(memfd_create("other", 0));
      volatile char *beyond = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
      CHECK(beyond != MAP_FAILED);
      _exit(*beyond);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(handled ? WIFEXITED(status) && WEXITSTATUS(status) == 5
                  : WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
  }
}

TEST(too_many_guarded_stores) {
  if (test_is_emulated())
    SKIP("the emulator has not the addresses");
  struct copse_store_options options = {.flags = COPSE_SIGBUS_GUARD, .max_bytes = 1 << 20};
  struct copse_store *stores[200];
  int n = 0, result = 0;
  while (n < 200 && (result = copse_store_open(NULL, &options, &stores[n])) == 0)
    n++;
  CHECK_EQ(n, 64);
  CHECK_EQ(result, COPSE_E_TOO_MANY);
  CHECK_MSG(strstr(copse_error_detail(), "guard"), "%s", copse_error_detail());
  CHECK_OK(copse_store_close(stores[0]));
  CHECK_OK(copse_store_open(NULL, &options, &stores[0])); /* one may come where one went */
  while (n)
    CHECK_OK(copse_store_close(stores[--n]));
}

/* --- descriptors that the program closes ---------------------------------------------------- */

static void close_all(void) { CHECK_SYS(syscall(SYS_close_range, 3u, ~0u, 0u)); }

/* A named file is opened again by its path, an anonymous one cannot be. */
TEST(closed_descriptors) {
  const char *path = test_shm_path("store");
  pid_t pid = test_fork();
  if (pid == 0) {
    struct copse_store *store = open_with(path, COPSE_CREATE, 0), *nameless = open_with(NULL, 0, 0);
    struct copse_map *map = map_new(store, "m"), *other = map_new(nameless, "m");
    set_text(nameless, other, "a", "1");
    close_all();
    fill(store, map); /* grows the file */
    copse_map_close(map);
    CHECK_OK(copse_store_close(store));
    static char value[4 << 20];
    struct copse_txn *txn = begin(nameless);
    FAILS(copse_put(txn, other, "b", 1, value, sizeof value, 0), COPSE_E_DESCRIPTOR, "close");
    CHECK_OK(put_text(txn, other, "b", "2")); /* what needs no growth goes on */
    CHECK_OK(copse_txn_commit(txn, NULL));
    struct copse_snapshot *snapshot = snapshot_new(nameless);
    text_is(copse_snapshot_view(snapshot), other, "a", "1");
    text_is(copse_snapshot_view(snapshot), other, "b", "2");
    copse_snapshot_close(snapshot);
    copse_map_close(other);
    CHECK_OK(copse_store_close(nameless));
    _exit(0);
  }
  CHECK_CHILD_OK(pid);
  struct copse_store *store = open_with(path, 0, 0);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* --- addresses ------------------------------------------------------------------------------- */

TEST(a_store_outgrows_what_a_process_reserved) {
  const char *path = test_shm_path("store");
  struct copse_store *store = open_with(path, COPSE_CREATE, 0),
                     *narrow = open_with(path, 0, 2 << 20);
  struct copse_map *map = map_new(store, "m"), *same = map_new(narrow, "m");
  struct copse_snapshot *snapshot = snapshot_new(narrow), *other;
  struct copse_txn *txn = begin(narrow);
  static char value[4 << 20];
  FAILS(copse_put(txn, same, "k", 1, value, sizeof value, 0), COPSE_E_ADDRESS_SPACE, "reserve");
  CHECK_OK(put_text(txn, same, "k", "1"));
  CHECK_OK(copse_txn_commit(txn, NULL));
  fill(store, map);
  FAILS(copse_snapshot_open(narrow, 0, &other), COPSE_E_ADDRESS_SPACE, "reserve_bytes");
  FAILS(copse_snapshot_refresh(snapshot), COPSE_E_ADDRESS_SPACE, "reserve_bytes");
  FAILS(copse_txn_begin(narrow, -1, &txn), COPSE_E_ADDRESS_SPACE, "reserve");
  copse_snapshot_close(snapshot);
  copse_map_close(same);
  CHECK_OK(copse_store_close(narrow));
  narrow = open_with(path, 0, 2 << 20); /* at least as much as the file has */
  same = map_new(narrow, "m");
  snapshot = snapshot_new(narrow);
  text_is(copse_snapshot_view(snapshot), same, "k", "1");
  copse_snapshot_close(snapshot);
  copse_map_close(same);
  CHECK_OK(copse_store_close(narrow));
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}
