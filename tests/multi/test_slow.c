/* test_slow.c - slow readers: what the policies do about them, and that whatever happens to a
 * reader, it never sees wrong data. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger.h"

static struct copse_store *store_new(const char *path, enum copse_slow_reader policy) {
  struct copse_store *store;
  struct copse_store_options options = {
      .flags = COPSE_CREATE, .slow_reader = policy, .slow_reader_bytes = 8 << 10};
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static bool grow; /* there are ever more records: only a store that grows asks about readers */

/* A change that also adds a record that stays. */
static int change_growing(struct ledger *ledger) {
  static const char value[100000];
  struct copse_map *map;
  struct copse_txn *txn;
  uint8_t key[8];
  int result = copse_txn_begin(ledger->store, -1, &txn);
  if (result)
    return result;
  copse_key_u64(copse_store_version(ledger->store), key);
  result = copse_map_open(copse_txn_view(txn), "fill", NULL, &map);
  if (result == COPSE_E_NO_MAP)
    result = copse_map_create(txn, "fill", NULL, &map);
  if (result == 0) {
    result = copse_put(txn, map, key, 8, value, sizeof value, 0);
    copse_map_close(map);
  }
  if (result == 0)
    result = ledger_change_in(ledger, txn, 4);
  if (result == 0)
    return copse_txn_commit(txn, NULL);
  copse_txn_abort(txn);
  return result;
}

/* Changes until the store refuses or `most` are done; how many were done. */
static int change_much(struct ledger *ledger, int most, int allowed) {
  uint64_t version;
  for (int i = 0; i < most; i++) {
    int result = grow ? change_growing(ledger) : ledger_change(ledger, -1, &version);
    CHECK_MSG(result == 0 || result == allowed, "%s: %s", copse_error_name(result),
              copse_error_detail());
    if (result)
      return i;
  }
  return most;
}

TEST(warn_goes_on) {
  struct ledger ledger;
  struct copse_snapshot *snapshot;
  struct copse_stat stat;
  struct ledger_head head;
  struct copse_store *store = store_new(test_shm_path("warn"), COPSE_SLOW_WARN);
  ledger_open(&ledger, store, test_seed());
  ledger.large = 5;
  change_much(&ledger, 300, 0);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  uint64_t version = copse_snapshot_version(snapshot);
  change_much(&ledger, 1500, 0);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_GT(stat.pinned_bytes + stat.pending_bytes, 8 << 10);
  CHECK_EQ(stat.refusals, 0);
  CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
  CHECK_EQ(head.version, version);
  ledger_check(store);
  copse_snapshot_close(snapshot);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* An old snapshot holds what it shows. What was made and dropped since comes back. */
TEST(an_old_snapshot_does_not_hold_younger_maps) {
  static const char value[50000];
  struct copse_store *store = store_new(test_shm_path("young"), COPSE_SLOW_WARN);
  struct copse_snapshot *snapshot;
  struct copse_stat stat;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  for (int i = 0; i < 600; i++) {
    struct copse_txn *txn;
    struct copse_map *map;
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    if (i % 2 == 0) {
      CHECK_OK(copse_map_create(txn, "young", NULL, &map));
      for (char key = 0; key < 20; key++)
        CHECK_OK(copse_put(txn, map, &key, 1, value, sizeof value, 0));
    } else {
      CHECK_OK(copse_map_open(copse_txn_view(txn), "young", NULL, &map));
      CHECK_OK(copse_map_drop(txn, map));
    }
    CHECK_OK(copse_txn_commit(txn, NULL));
    copse_map_close(map);
  }
  CHECK_OK(copse_stat(store, &stat));
  CHECK_LT(stat.high_water_bytes, 20 << 20); /* of the 300 MB that were written */
  ledger_check(store);
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(store));
}

TEST(refuse_and_go_on_when_the_reader_has_gone) {
  struct ledger ledger;
  struct copse_snapshot *snapshot;
  struct copse_stat stat;
  struct ledger_head head;
  struct copse_store *store = store_new(test_shm_path("refuse"), COPSE_SLOW_REFUSE);
  ledger_open(&ledger, store, test_seed());
  ledger.large = 5;
  for (int round = 0; round < 3 * test_scale(); round++) {
    ledger.large = round % 2 ? 0 : 5; /* the bound is in bytes: a few large pages do */
    change_much(&ledger, 200, 0);
    CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
    uint64_t version = copse_snapshot_version(snapshot);
    grow = true;
    CHECK_LT(change_much(&ledger, 3000, COPSE_E_PINNED), 3000);
    grow = false;
    ledger_verify(&ledger);
    ledger_check(store);
    CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
    CHECK_EQ(head.version, version);
    CHECK_OK(copse_stat(store, &stat));
    CHECK_GT(stat.refusals, 0);
    copse_snapshot_close(snapshot);
  }
  change_much(&ledger, 200, 0);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- ousting ----------------------------------------------------------------------------- */

struct counts {
  _Atomic uint64_t ousted, whole, ready, stop;
};

static struct counts *counts_new(void) {
  struct counts *counts =
      mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(counts != MAP_FAILED);
  return counts;
}

static void wait_for(_Atomic uint64_t *word, uint64_t least) {
  while (atomic_load(word) < least)
    sched_yield();
}

/* Reads one snapshot after another, each for as long as it is let. */
static void oustable_reader(const char *path, struct counts *counts, uint64_t seed) {
  struct ledger ledger;
  struct ledger_head head;
  struct copse_snapshot *snapshot;
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, NULL, &store));
  ledger_open(&ledger, store, seed);
  atomic_fetch_add(&counts->ready, 1);
  while (!atomic_load(&counts->stop)) {
    int result = copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &snapshot);
    CHECK_OK(result);
    uint64_t version = copse_snapshot_version(snapshot);
    while (result == 0 && !atomic_load(&counts->stop)) {
      result = ledger_read(&ledger, copse_snapshot_view(snapshot), &head);
      CHECK_MSG(result == 0 || result == COPSE_E_OUSTED, "%s: %s", copse_error_name(result),
                copse_error_detail());
      if (result == 0)
        CHECK_EQ(head.version, version);
      atomic_fetch_add(result ? &counts->ousted : &counts->whole, 1);
    }
    copse_snapshot_close(snapshot);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

TEST(oust_readers_in_other_processes) {
  enum { READERS = 3 };
  pid_t pids[READERS];
  struct ledger ledger;
  struct counts *counts = counts_new();
  const char *path = test_shm_path("oust");
  CHECK_OK(copse_store_close(store_new(path, COPSE_SLOW_OUST)));
  for (uint64_t i = 0; i < READERS; i++) {
    pids[i] = test_fork();
    if (pids[i] == 0) {
      oustable_reader(path, counts, test_seed() + i);
      exit(0);
    }
  }
  struct copse_store *store = store_new(path, COPSE_SLOW_OUST);
  ledger_open(&ledger, store, test_seed() + 100);
  ledger.large = 5;
  change_much(&ledger, 300, 0);
  wait_for(&counts->ready, READERS);
  grow = true;
  for (int i = 0; i < 15 * test_scale(); i++) {
    change_much(&ledger, 50, 0);
    ledger_check(store);
  }
  atomic_store(&counts->stop, 1);
  for (int i = 0; i < READERS; i++)
    CHECK_CHILD_OK(pids[i]);
  ledger_verify(&ledger);
  ledger_check(store);
  test_note(__FILE__, __LINE__, "%llu snapshots ousted, %llu read whole",
            (unsigned long long)counts->ousted, (unsigned long long)counts->whole);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* Snapshots of this process, so that a seed replays it. */
TEST(oust_own_snapshots) {
  enum { HELD = 12 };
  struct ledger ledger;
  struct copse_snapshot *held[HELD];
  struct copse_store *store = store_new(test_shm_path("own"), COPSE_SLOW_OUST);
  uint64_t ousted = 0;
  ledger_open(&ledger, store, test_seed());
  ledger.large = 5;
  grow = true;
  for (int i = 0; i < HELD; i++)
    CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &held[i]));
  for (int i = 0; i < 400 * test_scale(); i++) {
    struct ledger_head head;
    change_much(&ledger, 4, 0);
    struct copse_snapshot *snapshot = held[test_random_below(&ledger.random, HELD)];
    int result = ledger_read(&ledger, copse_snapshot_view(snapshot), &head);
    CHECK_MSG(result == 0 || result == COPSE_E_OUSTED, "%s: %s", copse_error_name(result),
              copse_error_detail());
    ousted += result != 0;
    CHECK(copse_snapshot_refresh(snapshot) >= 0);
    ledger_check(store);
  }
  test_note(__FILE__, __LINE__, "%llu snapshots ousted", (unsigned long long)ousted);
  for (int i = 0; i < HELD; i++)
    copse_snapshot_close(held[i]);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* Whatever is asked of an ousted snapshot, the answer is OUSTED, also in a forked child. */
TEST(an_ousted_snapshot_stays_ousted) {
  struct ledger ledger;
  struct ledger_head head;
  struct copse_snapshot *snapshot, *quick;
  struct copse_store *store = store_new(test_shm_path("ousted"), COPSE_SLOW_OUST);
  ledger_open(&ledger, store, test_seed());
  ledger.large = 5;
  change_much(&ledger, 300, 0);
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &snapshot));
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &quick));
  int result;
  grow = true;
  for (int i = 0; (result = ledger_sample(&ledger, copse_snapshot_view(snapshot), 1)) == 0; i++) {
    CHECK_LT(i, 10000);
    change_much(&ledger, 10, 0);
    CHECK(copse_snapshot_refresh(quick) >= 0);
  }
  CHECK_RESULT(result, COPSE_E_OUSTED);
  for (int i = 0; i < 50; i++) {
    CHECK_RESULT(ledger_read(&ledger, copse_snapshot_view(snapshot), &head), COPSE_E_OUSTED);
    change_much(&ledger, 5, 0);
  }
  CHECK(copse_snapshot_refresh(quick) >= 0);
  pid_t pid = test_fork();
  if (pid == 0) {
    CHECK_RESULT(ledger_read(&ledger, copse_snapshot_view(snapshot), &head), COPSE_E_OUSTED);
    CHECK_OK(ledger_read(&ledger, copse_snapshot_view(quick), &head));
    CHECK_OK(copse_snapshot_refresh(snapshot));
    CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
    exit(0);
  }
  CHECK_CHILD_OK(pid);
  CHECK_OK(copse_snapshot_refresh(snapshot));
  CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
  copse_snapshot_close(snapshot);
  copse_snapshot_close(quick);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* Several cursors and lookups of one oustable snapshot share the memory that pages are copied
 * to: each must find its own. */
TEST(cursors_of_an_oustable_snapshot_do_not_mix) {
  struct copse_store *store = store_new(test_shm_path("cursors"), COPSE_SLOW_OUST);
  struct copse_map *maps[2];
  struct copse_cursor *cursors[2];
  struct copse_txn *txn;
  struct copse_snapshot *snapshot;
  struct copse_bytes key, value;
  uint8_t number[8];
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  for (uint64_t m = 0; m < 2; m++) {
    CHECK_OK(copse_map_create(txn, m ? "y" : "x", NULL, &maps[m]));
    for (uint64_t i = 0; i < 2000; i++) {
      uint64_t content = i * 2 + m;
      copse_key_u64(i * (m + 1), number);
      CHECK_OK(copse_put(txn, maps[m], number, 8, &content, 8, 0));
    }
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  for (int m = 0; m < 2; m++)
    CHECK_OK(copse_cursor_open(view, maps[m], NULL, &cursors[m]));
  for (uint64_t i = 0; i < 2000; i++) {
    for (uint64_t m = 0; m < 2; m++) {
      CHECK_OK(copse_cursor_next(cursors[m], &key, &value));
      CHECK_EQ(copse_key_to_u64(key.data), i * (m + 1));
      uint64_t content;
      memcpy(&content, value.data, 8);
      CHECK_EQ(content, i * 2 + m);
    }
    copse_key_u64(1999 - i, number);
    CHECK_OK(copse_get(view, maps[0], number, 8, &value));
  }
  for (int m = 0; m < 2; m++) {
    copse_cursor_close(cursors[m]);
    copse_map_close(maps[m]);
  }
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(store));
}

/* --- very many --------------------------------------------------------------------------- */

enum { CROWD_PROCESSES = 3, CROWD_THREADS = 2, CROWD_EACH = 80 };

struct crowd {
  struct copse_store *store;
  struct counts *counts;
  uint64_t seed;
};

/* Opens snapshots, each at a version that this thread did not have, holds all of them while the writer
 * goes on, and looks at what they show. */
static void *crowd_thread(void *context) {
  struct crowd *crowd = context;
  struct ledger ledger;
  struct ledger_head head;
  struct copse_snapshot *held[CROWD_EACH];
  uint64_t version = 0;
  ledger_open(&ledger, crowd->store, crowd->seed);
  for (int i = 0; i < CROWD_EACH; i++) {
    while (copse_store_version(crowd->store) <= version)
      sched_yield();
    CHECK_OK(copse_snapshot_open(crowd->store, 0, &held[i]));
    version = copse_snapshot_version(held[i]);
  }
  atomic_fetch_add(&crowd->counts->ready, 1);
  wait_for(&crowd->counts->stop, 1);
  for (int i = 0; i < CROWD_EACH; i++) {
    CHECK_OK(ledger_read(&ledger, copse_snapshot_view(held[i]), &head));
    CHECK_EQ(head.version, copse_snapshot_version(held[i]));
    copse_snapshot_close(held[i]);
  }
  ledger_close(&ledger);
  return NULL;
}

static void crowd_process(const char *path, struct counts *counts, uint64_t seed) {
  struct crowd crowds[CROWD_THREADS];
  pthread_t threads[CROWD_THREADS];
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, NULL, &store));
  for (uint64_t i = 0; i < CROWD_THREADS; i++) {
    crowds[i] = (struct crowd){store, counts, seed + i};
    CHECK_EQ(pthread_create(&threads[i], NULL, crowd_thread, &crowds[i]), 0);
  }
  for (int i = 0; i < CROWD_THREADS; i++)
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  CHECK_OK(copse_store_close(store));
}

/* Hundreds of snapshots of as many versions: what none of them holds comes back all the same. */
TEST(hundreds_of_snapshots) {
  struct ledger ledger;
  struct copse_stat held, stat;
  struct counts *counts = counts_new();
  pid_t pids[CROWD_PROCESSES];
  const char *path = test_shm_path("crowd");
  struct copse_store *store = store_new(path, COPSE_SLOW_WARN);
  grow = false;
  ledger_open(&ledger, store, test_seed());
  change_much(&ledger, 300, 0);
  for (uint64_t i = 0; i < CROWD_PROCESSES; i++) {
    pids[i] = test_fork();
    if (pids[i] == 0) {
      crowd_process(path, counts, test_seed() + 10 * i);
      exit(0);
    }
  }
  while (atomic_load(&counts->ready) < CROWD_PROCESSES * CROWD_THREADS)
    change_much(&ledger, 1, 0);
  change_much(&ledger, 3000, 0); /* until what they all have is theirs alone */
  CHECK_OK(copse_stat(store, &held));
  CHECK_GE(held.snapshots, CROWD_PROCESSES * CROWD_THREADS * CROWD_EACH);
  change_much(&ledger, 6000, 0);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_LT(stat.used_bytes, held.used_bytes + (8 << 20));
  CHECK_LT(stat.pending_bytes, 8 << 20);
  ledger_check(store);
  atomic_store(&counts->stop, 1);
  for (int i = 0; i < CROWD_PROCESSES; i++)
    CHECK_CHILD_OK(pids[i]);
  change_much(&ledger, 300, 0);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.pinned_bytes, 0);
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- the dead ---------------------------------------------------------------------------- */

/* What a reader held that has died comes back, also while writing never pauses. */
TEST(a_dead_reader_holds_nothing) {
  grow = false;
  struct ledger ledger;
  struct copse_stat stat;
  struct counts *counts = counts_new();
  const char *path = test_shm_path("dead");
  struct copse_store *store = store_new(path, COPSE_SLOW_WARN);
  ledger_open(&ledger, store, test_seed());
  change_much(&ledger, 500, 0);
  pid_t pid = test_fork();
  if (pid == 0) {
    struct copse_store *own;
    struct copse_snapshot *snapshot;
    CHECK_OK(copse_store_open(path, NULL, &own));
    CHECK_OK(copse_snapshot_open(own, 0, &snapshot));
    counts->ready = 1;
    for (;;)
      pause();
  }
  wait_for(&counts->ready, 1);
  do {
    change_much(&ledger, 100, 0);
    CHECK_OK(copse_stat(store, &stat));
  } while (stat.pinned_bytes == 0);
  CHECK_SYS(kill(pid, SIGKILL));
  CHECK_CHILD_KILLED(pid, SIGKILL);
  test_watchdog(); /* it is a matter of the writer's next looks, not of time */
  do {
    change_much(&ledger, 10, 0);
    CHECK_OK(copse_stat(store, &stat));
  } while (stat.pinned_bytes > 0);
  alarm(0);
  CHECK_GT(stat.reaped, 0);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}
