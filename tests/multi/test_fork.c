/* test_fork.c - forked children with what they inherit, raw clones that must not use it, and
 * descriptors closed behind the library's back. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/points.h"
#include "ledger.h"

#define SECONDS INT64_C(1000000000)

static _Atomic uint64_t *words;

static _Atomic uint64_t *words_new(void) {
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  return p;
}

static void wait_for(_Atomic uint64_t *word, uint64_t least) {
  while (atomic_load(word) < least)
    sched_yield();
}

static struct copse_store *store_at(const char *path) {
  static const struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static void change(struct ledger *ledger, int times) {
  uint64_t version;
  for (int i = 0; i < times; i++)
    CHECK_OK(ledger_change(ledger, -1, &version));
}

TEST(a_transaction_stays_with_the_parent) {
  struct ledger ledger;
  struct copse_txn *txn;
  struct copse_store *store = store_at(test_shm_path("txn"));
  words = words_new();
  ledger_open(&ledger, store, test_seed());
  change(&ledger, 50);
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(ledger_change_in(&ledger, txn, 20));
  pid_t pid = test_fork();
  if (pid == 0) {
    struct copse_txn *own;
    struct copse_bytes value;
    CHECK_RESULT(copse_put(txn, ledger.head, "x", 1, "y", 1, 0), COPSE_E_FORKED);
    CHECK_RESULT(copse_get(copse_txn_view(txn), ledger.head, "x", 1, &value), COPSE_E_FORKED);
    CHECK_RESULT(copse_txn_commit(txn, NULL), COPSE_E_FORKED);
    copse_txn_abort(txn);
    CHECK_RESULT(copse_txn_begin(store, 0, &own), COPSE_E_TIMEOUT);
    words[0] = 1;
    change(&ledger, 100);
    ledger_verify(&ledger);
    ledger_check(store);
    ledger_close(&ledger);
    CHECK_OK(copse_store_close(store));
    exit(0);
  }
  wait_for(&words[0], 1);
  CHECK_OK(copse_txn_commit(txn, NULL));
  change(&ledger, 100);
  CHECK_CHILD_OK(pid);
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* The child's snapshots are its own: the parent closes its, and pages are reused. */
TEST(snapshots_are_inherited) {
  struct ledger ledger;
  struct ledger_head head;
  struct copse_snapshot *snapshot;
  struct copse_store *store = store_at(test_shm_path("inherited"));
  words = words_new();
  ledger_open(&ledger, store, test_seed());
  for (int round = 0; round < 4 * test_scale(); round++) {
    change(&ledger, 100);
    words[0] = 0;
    CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
    uint64_t version = copse_snapshot_version(snapshot);
    pid_t pid = test_fork();
    if (pid == 0) {
      pid_t grandchild = round % 2 ? test_fork() : -1;
      for (int i = 0; i < 10 || words[0] == 0; i++) {
        CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
        CHECK_EQ(head.version, version);
      }
      CHECK(copse_snapshot_refresh(snapshot) >= 0);
      CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
      CHECK_GT(head.version, version);
      copse_snapshot_close(snapshot);
      if (grandchild > 0)
        CHECK_CHILD_OK(grandchild);
      change(&ledger, 10);
      exit(0);
    }
    copse_snapshot_close(snapshot);
    change(&ledger, 150);
    words[0] = 1;
    change(&ledger, 150);
    CHECK_CHILD_OK(pid);
    ledger_verify(&ledger);
    ledger_check(store);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- beside a thread that writes ------------------------------------------------------------- */

enum { MOVES_MAX = 20, WRITES = 3000, BLOCKS = 400 };

static _Atomic int moving, stopping; /* arrays moved; the writing thread is to end */
static void *in_the_way[64];

/* Stays for a while where an array is nowhere: whoever forks meanwhile must not get it so. */
static void linger(enum point point) {
  if (point != POINT_array_moved)
    return;
  in_the_way[atomic_fetch_add(&moving, 1) % 64] = malloc(16); /* the next move is not in place */
  for (int i = 0; i < 2000; i++)
    sched_yield();
}

static void many_put(struct copse_store *store, struct copse_map *map, uint64_t seed) {
  struct copse_txn *txn;
  uint8_t key[8];
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  for (uint64_t i = 0; i < WRITES; i++) {
    copse_key_u64((i * 7919 + seed) % 100000, key);
    CHECK_OK(copse_put(txn, map, key, 8, &i, sizeof i, 0));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
}

/* In the child: memory that the parent's thread gave back, if it is still in use, is now ours. */
static void child_writes(struct copse_store *store, struct copse_map *map) {
  static uint8_t *blocks[BLOCKS];
  points_hook = NULL;
  for (size_t i = 0; i < BLOCKS; i++) {
    CHECK((blocks[i] = malloc(512 << i % 8)) != NULL);
    memset(blocks[i], 0x55, 512 << i % 8);
  }
  many_put(store, map, 1);
  for (size_t i = 0; i < BLOCKS; i++) {
    for (size_t j = 0; j < 512u << i % 8; j++)
      CHECK_EQ(blocks[i][j], 0x55);
    free(blocks[i]);
  }
  many_put(store, map, 2);
  ledger_check(store);
}

struct beside {
  struct copse_store *store;
  struct copse_map *map;
};

static void *write_beside(void *context) {
  struct beside *beside = context;
  for (uint64_t i = 0; i < 2 || !atomic_load(&stopping); i++)
    many_put(beside->store, beside->map, i);
  return NULL;
}

/* A child made at any moment of a write transaction of another thread writes itself. */
TEST(forks_beside_a_writing_thread) {
  const char *path = test_shm_path("beside");
  struct copse_store *first = store_at(path);
  mallopt(M_ARENA_MAX, 1); /* what one thread gives back, another gets */
  for (int round = 0; round < 3 * test_scale(); round++) {
    struct beside beside = {.store = store_at(path)};
    pid_t pids[MOVES_MAX];
    pthread_t thread;
    CHECK_OK(copse_map_ensure(beside.store, "m", NULL, -1, &beside.map));
    many_put(beside.store, beside.map, 0);
    copse_map_close(beside.map);
    CHECK_OK(copse_store_close(beside.store));
    beside.store = store_at(path); /* its arrays are still to grow */
    CHECK_OK(copse_map_ensure(beside.store, "m", NULL, -1, &beside.map));
    atomic_store(&moving, 0);
    atomic_store(&stopping, 0);
    points_hook = linger;
    CHECK_EQ(pthread_create(&thread, NULL, write_beside, &beside), 0);
    int n = 0;
    for (; n < MOVES_MAX; n++) {
      if (n < 6) /* by then they have grown */
        while (atomic_load(&moving) <= n)
          sched_yield();
      pids[n] = test_fork();
      if (pids[n] == 0) {
        child_writes(beside.store, beside.map);
        exit(0);
      }
    }
    atomic_store(&stopping, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    points_hook = NULL;
    for (int i = 0; i < 64; i++) {
      free(in_the_way[i]);
      in_the_way[i] = NULL;
    }
    for (int i = 0; i < n; i++)
      CHECK_CHILD_OK(pids[i]);
    copse_map_close(beside.map);
    ledger_check(beside.store);
    CHECK_OK(copse_store_close(beside.store));
  }
  CHECK_OK(copse_store_close(first));
}

/* --- raw clones ------------------------------------------------------------------------------ */

/* Handlers of fork() do not run for a raw clone: every door is closed to it, also that of views and of
 * a transaction that were open; what it closes stays the parent's. */
TEST(a_raw_clone_is_told) {
  if (test_is_emulated())
    SKIP("the emulator keeps no page from children");
  struct ledger ledger;
  struct copse_snapshot *snapshot, *held;
  struct copse_cursor *cursor;
  struct copse_txn *open;
  struct copse_bytes value;
  const char *path = test_shm_path("clone");
  struct copse_store *store = store_at(path);
  ledger_open(&ledger, store, test_seed());
  change(&ledger, 50);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  CHECK_OK(copse_snapshot_open(store, 0, &held));
  CHECK_OK(copse_cursor_open(copse_snapshot_view(snapshot), ledger.head, NULL, &cursor));
  CHECK_OK(copse_cursor_first(cursor, NULL, NULL));
  CHECK_OK(copse_txn_begin(store, -1, &open));
  CHECK_OK(copse_put(open, ledger.head, "parent's", 8, "1", 1, 0));
  pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  CHECK_SYS(pid);
  if (pid == 0) {
    struct copse_snapshot *other;
    struct copse_txn *txn;
    struct copse_store *second;
    struct copse_stat stat;
    int ok = copse_snapshot_open(store, 0, &other) == COPSE_E_FORKED &&
             copse_snapshot_refresh(snapshot) == COPSE_E_FORKED &&
             copse_txn_begin(store, 0, &txn) == COPSE_E_FORKED &&
             copse_store_open(path, NULL, &second) == COPSE_E_FORKED &&
             copse_stat(store, &stat) == COPSE_E_FORKED &&
             copse_store_sync(store, NULL) == COPSE_E_FORKED &&
             copse_wait(store, NULL, 0, 0, NULL) == COPSE_E_FORKED &&
             copse_exists(copse_snapshot_view(snapshot), ledger.head, "x", 1) == COPSE_E_FORKED &&
             copse_cursor_next(cursor, NULL, NULL) == COPSE_E_FORKED &&
             copse_exists(copse_txn_view(open), ledger.head, "x", 1) == COPSE_E_FORKED &&
             copse_put(open, ledger.head, "x", 1, "y", 1, 0) == COPSE_E_FORKED &&
             copse_txn_commit(open, NULL) == COPSE_E_FORKED &&
             copse_store_close(store) == COPSE_E_FORKED;
    copse_txn_abort(open);
    copse_snapshot_close(held);
    _exit(ok ? 0 : 1);
  }
  int status;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.snapshots, 2); /* announced still */
  CHECK_RESULT(copse_get(copse_txn_view(open), ledger.head, "parent's", 8, &value), 0);
  copse_txn_abort(open);
  copse_cursor_close(cursor);
  change(&ledger, 50);
  copse_snapshot_close(snapshot);
  copse_snapshot_close(held);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* Who holds the writer lock dies and leaves a child: the child does not keep it alive. */
TEST(a_child_does_not_keep_its_dead_parent_alive) {
  if (test_is_emulated())
    SKIP("the emulator keeps no page from children");
  const char *path = test_shm_path("orphan");
  struct ledger ledger;
  struct copse_txn *txn;
  words = words_new();
  struct copse_store *store = store_at(path);
  ledger_open(&ledger, store, test_seed());
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  for (int round = 0; round < 6; round++) {
    words[0] = words[1] = words[2] = 0;
    pid_t pid = test_fork();
    if (pid == 0) {
      struct copse_snapshot *snapshot;
      store = store_at(path);
      ledger_open(&ledger, store, test_seed() + 1);
      if (round & 1)
        CHECK_SYS((int)close_range(3, ~0u, 0)); /* behind the library's back */
      CHECK_OK(copse_txn_begin(store, -1, &txn));
      CHECK_OK(ledger_change_in(&ledger, txn, 20));
      if (round & 2)
        CHECK_SYS((int)close_range(3, ~0u, 0));
      CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
      pid_t child = fork(); /* not bound to its parent's life */
      if (child == 0) {
        struct ledger_head head;
        if (round & 4)
          CHECK_SYS((int)close_range(3, ~0u, 0));
        words[1] = (uint64_t)getpid();
        while (words[2] == 0) {
          CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
          CHECK_EQ(head.version, copse_snapshot_version(snapshot));
        }
        change(&ledger, 10);
        words[3]++;
        _exit(0);
      }
      words[0] = 1;
      for (;;)
        pause();
    }
    wait_for(&words[0], 1);
    wait_for(&words[1], 1);
    CHECK_SYS(kill(pid, SIGKILL));
    CHECK_CHILD_KILLED(pid, SIGKILL);
    test_watchdog();
    store = store_at(path);
    ledger_open(&ledger, store, test_seed() + 2);
    change(&ledger, 50);
    ledger_verify(&ledger);
    ledger_check(store);
    words[2] = 1;
    wait_for(&words[3], (uint64_t)round + 1);
    alarm(0);
    change(&ledger, 20);
    ledger_check(store);
    ledger_close(&ledger);
    CHECK_OK(copse_store_close(store));
  }
}

/* All descriptors closed, in a process that goes on with everything while a child lives. */
TEST(descriptors_closed_behind_the_library) {
  const char *path = test_shm_path("closed");
  words = words_new();
  pid_t pid = test_fork();
  if (pid == 0) {
    struct ledger ledger;
    struct copse_snapshot *snapshot;
    struct copse_store *store = store_at(path);
    ledger_open(&ledger, store, test_seed());
    change(&ledger, 50);
    CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
    pid_t child = test_fork();
    if (child == 0) {
      struct ledger_head head;
      for (int i = 0; i < 20; i++) {
        CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
        CHECK_OK(copse_snapshot_refresh(snapshot) < 0);
        change(&ledger, 5);
      }
      exit(0);
    }
    CHECK_SYS((int)close_range(3, ~0u, 0));
    ledger.large = 5;
    change(&ledger, 300); /* with growth */
    ledger_verify(&ledger);
    ledger_check(store);
    CHECK_CHILD_OK(child);
    copse_snapshot_close(snapshot);
    ledger_check(store);
    ledger_close(&ledger);
    CHECK_OK(copse_store_close(store));
    exit(0);
  }
  CHECK_CHILD_OK(pid);
  struct ledger ledger;
  struct copse_store *store = store_at(path);
  ledger_open(&ledger, store, test_seed());
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}
