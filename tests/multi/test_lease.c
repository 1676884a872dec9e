/* test_lease.c - tenants: processes and threads that lease values and records of arenas, let go of them in any order, pass them on,
 * fork, close their stores and die, beside writers. All pages are poisoned as soon as they are reusable, and no
 * leased value ever changes. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger.h"
#include "slots.h"

#define HELD 150
#define GROUPS 3

struct value {
  struct copse_bytes bytes;
  uint64_t hash;
};

struct held {
  struct value value;
  struct copse_lease *lease; /* NULL: none */
};

struct group {
  struct copse_lease_group *group; /* NULL: none */
  struct value values[60];
  uint32_t count;
};

struct tenant {
  struct ledger ledger;
  const char *path; /* NULL: never reopened */
  struct copse_snapshot *snapshot;
  struct held held[HELD];
  struct group groups[GROUPS];
  struct test_random random;
  uint64_t takes, copies;
};

static uint64_t below(struct tenant *tenant, uint64_t bound) {
  return test_random_below(&tenant->random, bound);
}

static uint64_t hash_of(const struct copse_bytes *bytes) {
  uint64_t hash = bytes->size;
  const uint8_t *at = bytes->data;
  for (size_t i = 0; i < bytes->size; i++)
    hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static void value_check(const struct value *value) {
  CHECK_EQ(hash_of(&value->bytes), value->hash);
}

/* --- taking and letting go --------------------------------------------------------------- */

/* Some records of the arena, or a part of them: 0, or COPSE_NONE. */
static int slots_find(struct tenant *tenant, struct copse_view *view, struct value *value) {
  struct copse_arena *arena;
  struct copse_chunk chunk;
  int result = copse_arena_open(view, "arena", NULL, &arena);
  if (result == COPSE_E_NO_MAP)
    return COPSE_NONE;
  CHECK_OK(result);
  result = copse_arena_chunk(view, arena, below(tenant, 3000), &chunk);
  CHECK(result >= 0);
  copse_arena_close(arena);
  if (result)
    return result;
  uint64_t all = chunk.count * SLOTS_RECORD, from = below(tenant, all);
  uint64_t most = below(tenant, 8) ? 600 : all;
  from = below(tenant, 2) ? from / SLOTS_RECORD * SLOTS_RECORD : from;
  value->bytes = (struct copse_bytes){(const uint8_t *)chunk.records + from,
                                      1 + below(tenant, most < all - from ? most : all - from)};
  value->hash = hash_of(&value->bytes);
  return 0;
}

/* The value at some key or behind it, or of the arena: 0, or COPSE_NONE. */
static int value_find(struct tenant *tenant, struct copse_view *view, struct value *value) {
  if (below(tenant, 3) == 0)
    return slots_find(tenant, view, value);
  uint8_t key[8];
  struct copse_cursor *cursor;
  struct copse_map *map = below(tenant, 3) ? tenant->ledger.a : tenant->ledger.b;
  test_random_fill(&tenant->random, key, sizeof key);
  if (map == tenant->ledger.b)
    copse_key_u64(below(tenant, tenant->ledger.keys), key);
  CHECK_OK(copse_cursor_open(view, map, NULL, &cursor));
  int result = copse_cursor_seek(cursor, below(tenant, 2) ? COPSE_SEEK_GE : COPSE_SEEK_LE, key,
                                 sizeof key, NULL, &value->bytes);
  copse_cursor_close(cursor);
  CHECK(result >= 0);
  if (result == 0)
    value->hash = hash_of(&value->bytes);
  return result;
}

static void let_go(struct held *held) {
  if (!held->lease)
    return;
  value_check(&held->value);
  copse_lease_release(held->lease);
  held->lease = NULL;
}

static void take(struct tenant *tenant, struct copse_view *view) {
  struct held *held = &tenant->held[below(tenant, HELD)];
  let_go(held);
  if (value_find(tenant, view, &held->value))
    return;
  uint32_t policy = below(tenant, 8) ? COPSE_LEASE_PIN : COPSE_LEASE_COPY;
  CHECK_OK(copse_lease_take(view, policy, &held->value.bytes, &held->lease));
  tenant->takes++;
  tenant->copies += (uint64_t)copse_lease_is_copy(held->lease);
  value_check(&held->value);
}

static void group_end(struct group *group) {
  for (uint32_t i = 0; i < group->count; i++)
    value_check(&group->values[i]);
  copse_lease_group_close(group->group);
  group->group = NULL;
  group->count = 0;
}

static void group_fill(struct tenant *tenant, struct copse_view *view) {
  struct group *group = &tenant->groups[below(tenant, GROUPS)];
  if (group->group && below(tenant, 3) == 0)
    group_end(group);
  if (!group->group)
    CHECK_OK(copse_lease_group_open(tenant->ledger.store, &group->group));
  for (int i = 0; i < 20 && group->count < 60; i++) {
    struct value *value = &group->values[group->count];
    if (value_find(tenant, view, value))
      continue;
    CHECK_OK(copse_lease_group_take(group->group, view, COPSE_LEASE_PIN, &value->bytes));
    tenant->takes++;
    group->count++;
  }
}

/* Some threads pass leases on to others. */
static pthread_mutex_t counter_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct held on_the_counter[8];

static void pass_on(struct tenant *tenant) {
  struct held *held = &tenant->held[below(tenant, HELD)];
  struct held *place = &on_the_counter[below(tenant, 8)], former;
  pthread_mutex_lock(&counter_mutex);
  former = *place;
  *place = *held;
  *held = former;
  pthread_mutex_unlock(&counter_mutex);
}

static void counter_clear(void) {
  for (int i = 0; i < 8; i++)
    let_go(&on_the_counter[i]);
}

static void all_check(const struct tenant *tenant) {
  for (int i = 0; i < HELD; i++)
    if (tenant->held[i].lease)
      value_check(&tenant->held[i].value);
  for (int i = 0; i < GROUPS; i++)
    for (uint32_t n = 0; n < tenant->groups[i].count; n++)
      value_check(&tenant->groups[i].values[n]);
}

static void all_end(struct tenant *tenant) {
  for (int i = 0; i < HELD; i++)
    let_go(&tenant->held[i]);
  for (int i = 0; i < GROUPS; i++)
    group_end(&tenant->groups[i]);
}

/* --- tenants ----------------------------------------------------------------------------- */

static const struct copse_lease_bounds bounds = {.small_bytes = UINT32_MAX};

static void tenant_open(struct tenant *tenant, struct copse_store *store, uint64_t seed) {
  tenant->random.state = seed;
  copse_lease_bound(store, &bounds);
  ledger_open(&tenant->ledger, store, seed);
  tenant->ledger.large = 20;
}

static void snapshot_end(struct tenant *tenant) {
  copse_snapshot_close(tenant->snapshot);
  tenant->snapshot = NULL;
}

static void child_act(struct tenant *tenant) {
  all_check(tenant);
  for (int i = 0; i < HELD; i += 2)
    let_go(&tenant->held[i]);
  for (int i = 0; i < 10; i++)
    if (tenant->snapshot)
      take(tenant, copse_snapshot_view(tenant->snapshot));
  all_check(tenant);
  if (below(tenant, 2))
    all_end(tenant);
  _exit(0);
}

/* One transaction of changes, of the arena too; now and then aborted. */
static void change(struct tenant *tenant) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(tenant->ledger.store, -1, &txn));
  CHECK_OK(ledger_change_in(&tenant->ledger, txn, 1 + (unsigned)below(tenant, 6)));
  slots_change(&tenant->random, txn, "arena");
  if (below(tenant, 10) == 0)
    copse_txn_abort(txn);
  else
    CHECK_OK(copse_txn_commit(txn, NULL));
}

/* The child outlives what the parent lets go of. */
static void fork_off(struct tenant *tenant) {
  pid_t pid = test_fork();
  CHECK_SYS(pid);
  if (pid == 0)
    child_act(tenant);
  for (int i = 1; i < HELD; i += 2)
    let_go(&tenant->held[i]);
  for (int i = 0; i < 5; i++)
    change(tenant);
  CHECK_CHILD_OK(pid);
}

/* What is leased stays when the store is closed. */
static void reopen(struct tenant *tenant) {
  struct copse_store *store;
  if (tenant->snapshot)
    snapshot_end(tenant);
  for (int i = 0; i < GROUPS; i++) /* which belong to the handle */
    group_end(&tenant->groups[i]);
  store = tenant->ledger.store;
  ledger_close(&tenant->ledger);
  CHECK_OK(copse_store_close(store));
  all_check(tenant);
  CHECK_OK(copse_store_open(tenant->path, NULL, &store));
  tenant_open(tenant, store, test_random_next(&tenant->random));
}

static void in_transaction(struct tenant *tenant) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(tenant->ledger.store, -1, &txn));
  CHECK_OK(ledger_change_in(&tenant->ledger, txn, 20));
  slots_change(&tenant->random, txn, "arena");
  for (int i = 0; i < 5; i++)
    take(tenant, copse_txn_view(txn));
  CHECK_OK(copse_delete_range(txn, tenant->ledger.a, NULL, NULL));
  CHECK_OK(copse_delete_range(txn, tenant->ledger.b, NULL, NULL));
  copse_txn_abort(txn);
}

static void step(struct tenant *tenant, int forks) {
  uint64_t what = below(tenant, 100);
  if (!tenant->snapshot)
    CHECK_OK(copse_snapshot_open(
        tenant->ledger.store, below(tenant, 5) ? 0 : COPSE_SNAPSHOT_OUSTABLE, &tenant->snapshot));
  struct copse_view *view = copse_snapshot_view(tenant->snapshot);
  if (what < 40) {
    take(tenant, view);
  } else if (what < 50) {
    group_fill(tenant, view);
  } else if (what < 60) {
    let_go(&tenant->held[below(tenant, HELD)]);
  } else if (what < 65) {
    struct held *held = &tenant->held[below(tenant, HELD)];
    if (held->lease) {
      copse_lease_retain(held->lease);
      let_go(&(struct held){held->value, held->lease});
    }
  } else if (what < 75) {
    CHECK(copse_snapshot_refresh(tenant->snapshot) >= 0);
  } else if (what < 82) {
    snapshot_end(tenant);
  } else if (what < 90) {
    change(tenant);
  } else if (what < 93) {
    in_transaction(tenant);
  } else if (what < 98) {
    all_check(tenant);
  } else if (what == 98 && forks && below(tenant, 4) == 0) {
    fork_off(tenant);
  } else if (what == 99 && tenant->path && below(tenant, 4) == 0) {
    reopen(tenant);
  }
}

static void tenant_close(struct tenant *tenant) {
  if (tenant->snapshot)
    snapshot_end(tenant);
  all_end(tenant);
  ledger_close(&tenant->ledger);
}

static struct copse_store *store_at(const char *path) {
  struct copse_store_options options = {.flags = COPSE_CREATE, .reserve_bytes = 1 << 30};
  struct copse_store *store;
  CHECK_SYS(setenv("COPSE_POISON", "1", 1));
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

/* When all is let go of, nothing is left: no lease, and no page that waits for one. */
static void all_is_given_back(const char *path) {
  struct copse_stat stat;
  struct ledger ledger;
  uint64_t version;
  struct copse_store *store = store_at(path);
  CHECK_OK(copse_store_close(store)); /* the last one looks for the dead */
  store = store_at(path);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.processes, 1);
  CHECK_EQ(stat.leases, 0);
  CHECK_EQ(stat.lease_bytes, 0);
  ledger_open(&ledger, store, test_seed());
  for (int i = 0; i < 300; i++)
    CHECK_OK(ledger_change(&ledger, -1, &version));
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.lease_held_bytes, 0);
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* Forked children that died with leases are not yet cleaned up after. */
static int living_add(void *context, const struct copse_reader *reader) {
  *(uint64_t *)context += reader->alive ? reader->leases : 0;
  return 0;
}

TEST(one_process) {
  static struct tenant tenant;
  const char *path = test_shm_path("one");
  struct copse_lease_usage usage;
  uint64_t version, held = 0, groups = 0;
  tenant.path = path;
  tenant_open(&tenant, store_at(path), test_seed());
  for (int i = 0; i < 60; i++)
    CHECK_OK(ledger_change(&tenant.ledger, -1, &version));
  for (int i = 0; i < 4000 * test_scale(); i++)
    step(&tenant, !TEST_TSAN);
  all_check(&tenant);
  uint64_t leases = 0;
  CHECK_OK(copse_readers(tenant.ledger.store, living_add, &leases));
  for (int i = 0; i < HELD; i++)
    held += tenant.held[i].lease && !copse_lease_is_copy(tenant.held[i].lease);
  for (int i = 0; i < GROUPS; i++)
    groups += tenant.groups[i].count;
  CHECK_GE(leases, held); /* those on closed stores too; of a group's not always the last ones */
  CHECK_LE(leases, held + groups);
  struct copse_store *store = tenant.ledger.store;
  tenant_close(&tenant);
  copse_lease_usage(store, &usage);
  CHECK_EQ(usage.leases, 0);
  CHECK_EQ(usage.bytes, 0);
  CHECK_EQ(usage.copies, 0);
  CHECK_OK(copse_store_close(store));
  all_is_given_back(path);
  test_note(__FILE__, __LINE__, "%llu leases, %llu of them copies",
            (unsigned long long)tenant.takes, (unsigned long long)tenant.copies);
}

/* --- threads ------------------------------------------------------------------------------- */

enum { THREADS = 4 };

struct actor {
  struct tenant tenant;
  struct copse_store *store;
  uint64_t seed;
  pthread_t thread;
};

static void *act(void *context) {
  struct actor *actor = context;
  tenant_open(&actor->tenant, actor->store, actor->seed);
  for (int i = 0; i < (TEST_TSAN ? 300 : 1500) * test_scale(); i++) {
    step(&actor->tenant, 0);
    if (i % 3 == 0)
      pass_on(&actor->tenant);
  }
  tenant_close(&actor->tenant);
  return NULL;
}

static void actors_run(struct actor actors[THREADS]) {
  struct ledger ledger;
  uint64_t version;
  ledger_open(&ledger, actors[0].store, test_seed());
  for (int i = 0; i < 60; i++)
    CHECK_OK(ledger_change(&ledger, -1, &version));
  ledger_close(&ledger);
  for (int i = 0; i < THREADS; i++) {
    actors[i].seed = test_seed() + (uint64_t)i;
    CHECK_EQ(pthread_create(&actors[i].thread, NULL, act, &actors[i]), 0);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join(actors[i].thread, NULL);
}

TEST(threads_over_one_handle) {
  static struct actor actors[THREADS];
  const char *path = test_shm_path("threads");
  struct copse_store *store = store_at(path);
  for (int i = 0; i < THREADS; i++)
    actors[i].store = store;
  actors_run(actors);
  counter_clear();
  CHECK_OK(copse_store_close(store));
  all_is_given_back(path);
}

/* Some of the leases on the counter are the last that is left of a closed store. */
TEST(threads_with_a_handle_each) {
  static struct actor actors[THREADS];
  const char *path = test_shm_path("handles");
  for (int i = 0; i < THREADS; i++)
    actors[i].store = store_at(path);
  actors_run(actors);
  for (int i = 0; i < THREADS; i++)
    CHECK_OK(copse_store_close(actors[i].store));
  counter_clear();
  all_is_given_back(path);
}

/* --- processes ----------------------------------------------------------------------------- */

static pid_t tenant_start(const char *path, uint64_t seed) {
  pid_t pid = test_fork();
  CHECK_SYS(pid);
  if (pid)
    return pid;
  static struct tenant tenant;
  tenant.path = path;
  tenant_open(&tenant, store_at(path), seed);
  for (int i = 0; i < 1000 * test_scale(); i++)
    step(&tenant, 1);
  struct copse_store *store = tenant.ledger.store;
  tenant_close(&tenant);
  CHECK_OK(copse_store_close(store));
  exit(0);
}

TEST(processes_some_of_which_die) {
  enum { TENANTS = 4 };
  const char *path = test_shm_path("processes");
  struct test_random random = {test_seed()};
  pid_t pids[TENANTS];
  struct ledger ledger;
  uint64_t version, seed = test_seed();
  struct copse_store *store = store_at(path);
  ledger_open(&ledger, store, test_seed());
  for (int i = 0; i < 60; i++)
    CHECK_OK(ledger_change(&ledger, -1, &version));
  for (int i = 0; i < TENANTS; i++)
    pids[i] = tenant_start(path, ++seed);
  for (int i = 0; i < 6 * test_scale(); i++) {
    uint64_t victim = test_random_below(&random, TENANTS);
    for (uint64_t n = test_random_below(&random, 150); n; n--)
      CHECK_OK(ledger_change(&ledger, -1, &version));
    CHECK_SYS(kill(pids[victim], SIGKILL));
    CHECK_SYS(waitpid(pids[victim], NULL, 0));
    pids[victim] = tenant_start(path, ++seed);
  }
  for (int i = 0; i < TENANTS; i++)
    CHECK_CHILD_OK(pids[i]);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  all_is_given_back(path);
}
