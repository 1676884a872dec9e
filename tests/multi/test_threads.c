/* test_threads.c - the actors of the stress tests as threads: over one store handle, and over
 * several handles of one process, each mapped at an address of its own. What the thread
 * sanitizer sees is the first kind; the second shows that a reader's identity is neither its
 * process nor its thread. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "ledger.h"

enum { THREADS = 4 };

struct actor {
  struct copse_store *store;
  uint64_t seed;
  int writes;
  pthread_t thread;
  uint64_t commits, snapshots;
};

static _Atomic uint64_t written;

static void reader_step(struct ledger *ledger, struct actor *actor, uint64_t *newest) {
  struct copse_snapshot *snapshot;
  struct ledger_head head;
  uint32_t flags = test_random_one_in(&ledger->random, 3) ? COPSE_SNAPSHOT_OUSTABLE : 0;
  CHECK_OK(copse_snapshot_open(ledger->store, flags, &snapshot));
  for (int i = 0; i < 3; i++) {
    uint64_t version = copse_snapshot_version(snapshot);
    CHECK_GE(version, *newest);
    *newest = version;
    CHECK_OK(ledger_read(ledger, copse_snapshot_view(snapshot), &head));
    CHECK_EQ(head.version, version);
    CHECK(copse_snapshot_refresh(snapshot) >= 0);
    actor->snapshots++;
  }
  copse_snapshot_close(snapshot);
}

static void *act(void *context) {
  struct actor *actor = context;
  struct ledger ledger;
  uint64_t version, newest = 0;
  ledger_open(&ledger, actor->store, actor->seed);
  if (actor->writes) {
    for (int i = 0; i < actor->writes; i++) {
      CHECK_OK(ledger_change(&ledger, -1, &version));
      CHECK_GE(copse_store_version(actor->store), version);
    }
    actor->commits = ledger.commits;
    atomic_fetch_add(&written, 1);
  } else {
    while (atomic_load(&written) < THREADS / 2)
      reader_step(&ledger, actor, &newest);
  }
  ledger_close(&ledger);
  return NULL;
}

static void actors_run(struct actor actors[THREADS]) {
  uint64_t commits = 0, snapshots = 0;
  atomic_store(&written, 0);
  for (int i = 0; i < THREADS; i++) {
    actors[i].seed = test_seed() + (uint64_t)i;
    actors[i].writes = i < THREADS / 2 ? (TEST_TSAN ? 60 : 800) * test_scale() : 0;
    CHECK_EQ(pthread_create(&actors[i].thread, NULL, act, &actors[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(actors[i].thread, NULL);
    commits += actors[i].commits;
    snapshots += actors[i].snapshots;
  }
  test_note(__FILE__, __LINE__, "%llu commits, %llu snapshots read whole",
            (unsigned long long)commits, (unsigned long long)snapshots);
}

static struct copse_store *store_at(const char *path) {
  struct copse_store_options options = {.flags = COPSE_CREATE, .reserve_bytes = 1 << 30};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static void found(struct copse_store *store) {
  struct ledger ledger;
  ledger_open(&ledger, store, test_seed());
  ledger_close(&ledger);
}

TEST(one_handle) {
  struct actor actors[THREADS] = {{0}};
  struct ledger ledger;
  struct copse_store *store = store_at(test_shm_path("one"));
  found(store);
  for (int i = 0; i < THREADS; i++)
    actors[i].store = store;
  actors_run(actors);
  ledger_open(&ledger, store, test_seed());
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

TEST(a_handle_each) {
  struct actor actors[THREADS] = {{0}};
  struct ledger ledger;
  const char *path = test_shm_path("each");
  for (int i = 0; i < THREADS; i++)
    actors[i].store = store_at(path);
  found(actors[0].store);
  actors_run(actors);
  ledger_open(&ledger, actors[0].store, test_seed());
  ledger_verify(&ledger);
  ledger_check(actors[1].store);
  ledger_close(&ledger);
  for (int i = 0; i < THREADS; i++)
    CHECK_OK(copse_store_close(actors[i].store));
}

/* Threads that take one another's place in an anonymous store. */
TEST(anonymous) {
  struct actor actors[THREADS] = {{0}};
  struct copse_store *store;
  CHECK_OK(copse_store_open(NULL, NULL, &store));
  found(store);
  for (int i = 0; i < THREADS; i++)
    actors[i].store = store;
  actors_run(actors);
  ledger_check(store);
  CHECK_OK(copse_store_close(store));
}
