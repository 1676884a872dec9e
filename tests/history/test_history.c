/* test_history.c - concurrent transactions and snapshots of many processes are recorded and must be
 * strictly serialisable, in the order of the versions; also when processes are killed at random.
 *
 * The delays before a death only choose its instant. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "copse/copse.h"
#include "history.h"
#include "test.h"

#define ACTORS 5
#define EVENTS 6000u /* in a round */

struct run {
  const char *path;
  struct copse_store_options options;
  struct history *history;
  struct test_random random;
  uint64_t kills, spawned;
  bool leaves;     /* batches, too */
  uint64_t *order; /* of those, in the end */
  uint64_t applied;
};

struct actor {
  struct run *run;
  struct copse_store *store;
  struct copse_map *maps[HISTORY_MAPS], *order;
  struct copse_batch *batch;
  struct test_random random;
};

static uint64_t below(struct actor *actor, uint64_t bound) {
  return test_random_below(&actor->random, bound);
}

/* --- one process ------------------------------------------------------------------------- */

static void actor_open(struct actor *actor, struct run *run, uint64_t seed) {
  char name[8];
  actor->run = run;
  actor->random.state = seed;
  CHECK_OK(copse_store_open(run->path, &run->options, &actor->store));
  for (unsigned i = 0; i < HISTORY_MAPS; i++) {
    snprintf(name, sizeof name, "%u", i);
    CHECK_OK(copse_map_ensure(actor->store, name, NULL, -1, &actor->maps[i]));
  }
  struct copse_map_options numbers = {.key_kind = COPSE_KEY_U64, .value_size = 8};
  CHECK_OK(copse_map_ensure(actor->store, "order", &numbers, -1, &actor->order));
  CHECK_OK(copse_batch_open(actor->store, &actor->batch));
}

static void actor_close(struct actor *actor) {
  copse_batch_close(actor->batch);
  copse_map_close(actor->order);
  for (unsigned i = 0; i < HISTORY_MAPS; i++)
    copse_map_close(actor->maps[i]);
  CHECK_OK(copse_store_close(actor->store));
}

static uint64_t value_of(struct copse_bytes value) {
  uint64_t number;
  CHECK(value.size >= sizeof number);
  memcpy(&number, value.data, sizeof number);
  return number;
}

static void key_read(struct actor *actor, struct event *event, struct copse_view *view,
                     unsigned map, uint8_t key) {
  struct copse_bytes value;
  int result = copse_get(view, actor->maps[map], &key, 1, &value);
  CHECK(result == 0 || result == COPSE_NONE);
  event_note(event, OPERATION_READ, map, key, result ? 0 : value_of(value));
}

/* How many batches the view has. */
static void batches_note(struct actor *actor, struct event *event, struct copse_view *view) {
  struct copse_cursor *cursor;
  struct copse_bytes key;
  CHECK_OK(copse_cursor_open(view, actor->order, NULL, &cursor));
  int result = copse_cursor_last(cursor, &key, NULL);
  CHECK(result == 0 || result == COPSE_NONE);
  event->batches = result ? 0 : copse_key_to_u64(key.data) + 1;
  copse_cursor_close(cursor);
}

static void map_scan(struct actor *actor, struct event *event, struct copse_view *view,
                     unsigned map) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint64_t hash = 0;
  int result;
  CHECK_OK(copse_cursor_open(view, actor->maps[map], NULL, &cursor));
  while ((result = copse_cursor_next(cursor, &key, &value)) == 0)
    hash = scan_hash(hash, *(const uint8_t *)key.data, value_of(value));
  CHECK_RESULT(result, COPSE_NONE);
  copse_cursor_close(cursor);
  event_note(event, OPERATION_SCAN, map, 0, hash);
}

/* Values of many sizes: the number, again and again. */
static void key_write(struct actor *actor, struct event *event, struct copse_txn *txn, unsigned map,
                      uint8_t key) {
  uint64_t number = event_value(actor->run->history, event), *memory;
  void *place;
  size_t words = below(actor, 10) ? 1 : 1 + below(actor, 2000);
  event_note(event, OPERATION_WRITE, map, key, number);
  CHECK_OK(copse_reserve(txn, actor->maps[map], &key, 1, words * sizeof number, 0, &place));
  memory = place;
  for (size_t i = 0; i < words; i++)
    memory[i] = number;
}

static void key_delete(struct actor *actor, struct event *event, struct copse_txn *txn,
                       unsigned map, uint8_t key) {
  event_note(event, OPERATION_WRITE, map, key, 0);
  CHECK(copse_delete(txn, actor->maps[map], &key, 1) >= 0);
}

static void operation_do(struct actor *actor, struct event *event, struct copse_txn *txn,
                         bool *saved, bool *wrote) {
  unsigned map = (unsigned)below(actor, HISTORY_MAPS);
  uint8_t key = (uint8_t)(1 + below(actor, HISTORY_KEYS - 1)); /* not the turn */
  uint64_t choice = below(actor, 12);
  if (choice < 4) {
    key_read(actor, event, copse_txn_view(txn), map, key);
  } else if (choice == 4) {
    map_scan(actor, event, copse_txn_view(txn), map);
  } else if (choice == 5 && *saved) {
    event_note(event, OPERATION_ROLL_BACK, 0, 0, 0);
    CHECK_OK(copse_savepoint_rollback(txn));
  } else if (choice == 5) {
    event_note(event, OPERATION_SAVE, 0, 0, 0);
    CHECK_OK(copse_savepoint(txn));
    *saved = true;
  } else if (choice == 6) {
    key_delete(actor, event, txn, map, key);
    *wrote = true;
  } else {
    key_write(actor, event, txn, map, key);
    *wrote = true;
  }
}

static bool transact(struct actor *actor) {
  struct history *history = actor->run->history;
  struct event *event = event_new(history);
  struct copse_txn *txn;
  uint64_t version = 0;
  bool saved = false, wrote = false;
  if (!event)
    return false;
  CHECK_OK(copse_txn_begin(actor->store, -1, &txn));
  uint64_t base = copse_store_version(actor->store);
  batches_note(actor, event, copse_txn_view(txn));
  event_at(event, EVENT_RUNNING, base);
  key_read(actor, event, copse_txn_view(txn), 0, HISTORY_TURN);
  for (uint64_t n = below(actor, HISTORY_OPERATIONS - 2); n > 0; n--)
    operation_do(actor, event, txn, &saved, &wrote);
  for (uint64_t n = actor->run->leaves ? below(actor, 4) : 0; n > 0; n--)
    sched_yield(); /* others leave something meanwhile */
  if (below(actor, 6) == 0) {
    copse_txn_abort(txn);
    /* Durability sync: it has seen what is not durable yet, and tells nobody. */
    if (actor->run->options.durability != COPSE_DURABILITY_SYNC)
      event_end(history, event, EVENT_RUNNING);
    return true;
  }
  if (wrote) {
    key_write(actor, event, txn, 0, HISTORY_TURN);
    event_at(event, EVENT_COMMITTING, base);
  }
  CHECK_OK(copse_txn_commit(txn, &version));
  CHECK_EQ(version, base + wrote);
  event_end(history, event, wrote ? EVENT_COMMITTED : EVENT_SNAPSHOT);
  return true;
}

/* Puts and deletions, left or applied at once. The turn is the transactions'. */
static bool leave(struct actor *actor) {
  struct history *history = actor->run->history;
  struct event *event = event_new(history);
  if (!event)
    return false;
  uint64_t number = (uint64_t)(event - history->events);
  bool visible = below(actor, 3) == 0;
  for (uint64_t n = 1 + below(actor, 6); n > 0; n--) {
    struct copse_map *map;
    unsigned index = (unsigned)below(actor, HISTORY_MAPS);
    uint8_t key = (uint8_t)(1 + below(actor, HISTORY_KEYS - 1));
    uint64_t value = below(actor, 4) ? event_value(history, event) : 0, words[64];
    map = actor->maps[index];
    event_note(event, OPERATION_WRITE, index, key, value);
    for (int i = 0; i < 64; i++)
      words[i] = value;
    if (value)
      CHECK_OK(copse_batch_put(actor->batch, map, &key, 1, words, 8 * (1 + below(actor, 64))));
    else
      CHECK_OK(copse_batch_delete(actor->batch, map, &key, 1));
  }
  CHECK_OK(copse_batch_append(actor->batch, actor->order, &number, sizeof number));
  atomic_store(&event->state, EVENT_BATCH);
  CHECK_OK(copse_batch_commit(actor->batch, visible ? COPSE_BATCH_VISIBLE : COPSE_BATCH_ACCEPTED,
                              -1, NULL));
  if (visible)
    event_end(history, event, EVENT_BATCH);
  return true;
}

static bool look(struct actor *actor) {
  struct history *history = actor->run->history;
  struct copse_snapshot *snapshot = NULL;
  for (uint64_t n = 1 + below(actor, 4); n > 0; n--) {
    struct event *event = event_new(history);
    if (!event)
      break;
    if (snapshot)
      CHECK(copse_snapshot_refresh(snapshot) >= 0);
    else
      CHECK_OK(copse_snapshot_open(actor->store, 0, &snapshot));
    struct copse_view *view = copse_snapshot_view(snapshot);
    batches_note(actor, event, view);
    event_at(event, EVENT_SNAPSHOT, copse_snapshot_version(snapshot));
    key_read(actor, event, view, 0, HISTORY_TURN);
    for (uint64_t i = below(actor, HISTORY_OPERATIONS - 1); i > 0; i--) {
      unsigned map = (unsigned)below(actor, HISTORY_MAPS);
      if (below(actor, 4))
        key_read(actor, event, view, map, (uint8_t)below(actor, HISTORY_KEYS));
      else
        map_scan(actor, event, view, map);
    }
    event_end(history, event, EVENT_SNAPSHOT);
  }
  copse_snapshot_close(snapshot);
  return snapshot != NULL;
}

static void act(struct run *run, uint64_t seed) {
  struct actor actor;
  bool room = true;
  actor_open(&actor, run, seed);
  while (room) {
    if (run->leaves && below(&actor, 2))
      room = leave(&actor);
    else
      room = below(&actor, 3) ? transact(&actor) : look(&actor);
    if (below(&actor, 100) == 0) {
      actor_close(&actor);
      actor_open(&actor, run, test_random_next(&actor.random));
    }
  }
  actor_close(&actor);
}

/* --- all of them -------------------------------------------------------------------------- */

static pid_t actor_start(struct run *run) {
  uint64_t seed = test_seed() + ++run->spawned;
  pid_t pid = test_fork();
  CHECK_SYS(pid);
  if (pid == 0) {
    act(run, seed);
    exit(0);
  }
  return pid;
}

/* Kills and replaces actors until the history is full. Something must have been done since the last
 * death: where starting takes longer than living, the end would not come. */
static void actors_kill(struct run *run, pid_t *pids) {
  uint64_t awaited = 0;
  while (atomic_load(&run->history->used) < run->history->size) {
    struct timespec time = {0, (long)test_random_below(&run->random, 1000000)};
    nanosleep(&time, NULL);
    if (atomic_load(&run->history->used) < awaited)
      continue;
    awaited = atomic_load(&run->history->used) + test_random_below(&run->random, 10);
    pid_t *pid = &pids[test_random_below(&run->random, ACTORS)];
    int status;
    CHECK_SYS(kill(*pid, SIGKILL));
    CHECK_EQ(waitpid(*pid, &status, 0), *pid);
    CHECK_MSG(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0,
              "an actor ended by itself: status %x", (unsigned)status);
    run->kills++;
    *pid = actor_start(run);
  }
}

static void order_read(struct actor *actor, struct copse_view *view) {
  struct run *run = actor->run;
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  run->order = calloc(run->history->size, sizeof *run->order);
  CHECK(run->order != NULL);
  run->applied = 0;
  CHECK_OK(copse_cursor_open(view, actor->order, NULL, &cursor));
  while (copse_cursor_next(cursor, &key, &value) == 0) {
    CHECK_EQ(copse_key_to_u64(key.data), run->applied);
    CHECK_LT(run->applied, run->history->size);
    run->order[run->applied++] = value_of(value);
  }
  copse_cursor_close(cursor);
}

/* What is there in the end is an event of the history, too; the last place in it is for that. */
static uint64_t last_look(struct run *run) {
  struct actor actor;
  struct copse_snapshot *snapshot;
  struct copse_check found;
  actor_open(&actor, run, 1);
  run->history->used = run->history->size++;
  struct event *event = event_new(run->history);
  CHECK(event != NULL);
  CHECK_OK(copse_combine(actor.store, -1, UINT64_MAX, NULL));
  CHECK_OK(copse_snapshot_open(actor.store, 0, &snapshot));
  uint64_t last = copse_snapshot_version(snapshot);
  order_read(&actor, copse_snapshot_view(snapshot));
  batches_note(&actor, event, copse_snapshot_view(snapshot));
  event_at(event, EVENT_SNAPSHOT, last);
  key_read(&actor, event, copse_snapshot_view(snapshot), 0, HISTORY_TURN);
  for (unsigned map = 0; map < HISTORY_MAPS; map++)
    map_scan(&actor, event, copse_snapshot_view(snapshot), map);
  event_end(run->history, event, EVENT_SNAPSHOT);
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_check_store(actor.store, -1, NULL, NULL, NULL, &found));
  CHECK_EQ(found.errors, 0);
  actor_close(&actor);
  return last;
}

/* Returns the last version; the history is the caller's. */
static uint64_t history_make(struct run *run, uint32_t events, bool kills) {
  pid_t pids[ACTORS];
  struct actor actor;
  test_watchdog();
  run->options.flags |= COPSE_CREATE;
  /* The thread may follow commits of its own process through one of another in between, whose order
   * the sanitizer does not see. */
  if (TEST_TSAN)
    run->options.flags |= COPSE_NO_SYNC_THREAD;
  run->history = history_new(events + 1);
  CHECK(run->history != NULL);
  run->history->size = events;
  actor_open(&actor, run, 0);
  run->history->first = copse_store_version(actor.store);
  actor_close(&actor);
  for (unsigned i = 0; i < ACTORS; i++)
    pids[i] = actor_start(run);
  if (kills)
    actors_kill(run, pids);
  for (unsigned i = 0; i < ACTORS; i++)
    CHECK_CHILD_OK(pids[i]);
  uint64_t last = last_look(run);
  CHECK_OK(copse_store_remove(run->path));
  alarm(0);
  return last;
}

static struct history_batches batches_of(const struct run *run) {
  return (struct history_batches){run->order, run->applied};
}

static void histories_hold(struct run *run, int rounds, uint32_t events, bool kills) {
  struct history_counts counts = {0};
  for (int round = 0; round < rounds * test_scale(); round++) {
    uint64_t last = history_make(run, events, kills), before = counts.commits + counts.rounds;
    const char *why = history_check(run->history, last, batches_of(run), &counts);
    CHECK_MSG(why == NULL, "round %d: %s", round, why);
    CHECK_EQ(counts.commits + counts.rounds - before, last - run->history->first);
    history_free(run->history);
    free(run->order);
  }
  test_note(
      __FILE__, __LINE__,
      "%llu deaths, %llu commits, %llu batches in %llu rounds, %llu snapshots checked, %llu reads",
      (unsigned long long)run->kills, (unsigned long long)counts.commits,
      (unsigned long long)counts.batches, (unsigned long long)counts.rounds,
      (unsigned long long)counts.snapshots, (unsigned long long)counts.reads);
}

TEST(in_memory) {
  struct run run = {.path = test_shm_path("store"), .random = {test_seed()}};
  histories_hold(&run, 4, EVENTS, false);
}

TEST(in_memory_with_deaths) {
  struct run run = {.path = test_shm_path("store"), .random = {test_seed()}};
  histories_hold(&run, 12, EVENTS, true);
}

TEST(batches_in_memory) {
  struct run run = {.path = test_shm_path("store"), .random = {test_seed()}, .leaves = true};
  histories_hold(&run, 4, EVENTS, false);
}

TEST(batches_made_durable) {
  struct run run = {.path = test_disk_path("store"),
                    .random = {test_seed()},
                    .leaves = true,
                    .options = {.durability = COPSE_DURABILITY_SYNC, .sync_bytes = 128 << 10}};
  histories_hold(&run, 2, EVENTS / 6, false);
}

TEST(lazy_with_deaths) {
  struct run run = {.path = test_disk_path("store"),
                    .random = {test_seed()},
                    .options = {.durability = COPSE_DURABILITY_LAZY, .sync_interval_ms = 20}};
  histories_hold(&run, 5, EVENTS / 6, true);
}

TEST(sync_with_deaths) {
  struct run run = {.path = test_disk_path("store"),
                    .random = {test_seed()},
                    .options = {.durability = COPSE_DURABILITY_SYNC, .sync_bytes = 128 << 10}};
  histories_hold(&run, 5, EVENTS / 6, true);
}

/* --- a doctored history is found out --------------------------------------------------------- */

static struct event *event_choose(struct run *run, enum event_state state) {
  for (;;) {
    struct event *event =
        &run->history->events[test_random_below(&run->random, run->history->used)];
    if (event->state == state && event->version > run->history->first + 1)
      return event;
  }
}

static void must_be_found(struct run *run, uint64_t last, struct event *event, struct event former,
                          const char *what) {
  struct history_counts counts = {0};
  const char *why = history_check(run->history, last, batches_of(run), &counts);
  CHECK_MSG(why != NULL, "not found: %s of event %d", what, (int)(event - run->history->events));
  memcpy((void *)event, &former, sizeof former);
}

#define DOCTORED(state, change)                                                                    \
  do {                                                                                             \
    struct event *event = event_choose(&run, state), former;                                       \
    memcpy((void *)&former, event, sizeof former);                                                 \
    change;                                                                                        \
    must_be_found(&run, last, event, former, #change);                                             \
  } while (0)

TEST(what_did_not_happen_is_found_out) {
  struct run run = {.path = test_shm_path("store"), .random = {test_seed()}};
  struct history_counts counts = {0};
  uint64_t last = history_make(&run, 1000, false), end = run.history->clock;
  for (int i = 0; i < 10 * test_scale(); i++) {
    /* reads of another value */
    DOCTORED(EVENT_SNAPSHOT, event->operations[0].value ^= 1);
    DOCTORED(EVENT_COMMITTED, event->operations[0].value ^= 1);
    DOCTORED(EVENT_RUNNING, event->operations[0].value ^= 1);
    /* a commit lost, or done twice, or never done */
    DOCTORED(EVENT_COMMITTED, event->state = EVENT_RUNNING);
    DOCTORED(EVENT_COMMITTED, event->version++);
    DOCTORED(EVENT_RUNNING, event->state = EVENT_COMMITTED);
    DOCTORED(EVENT_COMMITTED, event->operations[event->count - 1].value ^= 1);
    /* versions that were not, or old ones for new */
    DOCTORED(EVENT_SNAPSHOT, event->version = last + 1);
    DOCTORED(EVENT_SNAPSHOT, event->version--);
    DOCTORED(EVENT_COMMITTED, (event->called = end + 1, event->returned = end + 2));
    DOCTORED(EVENT_COMMITTED, event->returned = 1);
  }
  const char *why = history_check(run.history, last, batches_of(&run), &counts);
  CHECK_MSG(why == NULL, "%s", why);
  history_free(run.history);
  free(run.order);
}

/* Batches that were lost, applied twice, in another order than real time has, or not whole. */
TEST(batches_that_were_not_so_are_found_out) {
  struct run run = {.path = test_shm_path("store"), .random = {test_seed()}, .leaves = true};
  struct history_counts counts = {0};
  uint64_t last = history_make(&run, 1000, false), end = run.history->clock, former;
  for (int i = 0; i < 10 * test_scale(); i++) {
    uint64_t at = test_random_below(&run.random, run.applied - 20);
    struct event *event = &run.history->events[run.order[at]];
    former = run.order[at];
    run.order[at] = run.order[at + 1]; /* one lost, the other twice */
    CHECK(history_check(run.history, last, batches_of(&run), &counts) != NULL);
    run.order[at] = former;
    former = event->called;
    event->called = end + 1;
    CHECK(history_check(run.history, last, batches_of(&run), &counts) != NULL);
    event->called = former;
    atomic_store(&event->state, EVENT_OPEN);
    CHECK(history_check(run.history, last, batches_of(&run), &counts) != NULL);
    atomic_store(&event->state, EVENT_BATCH);
  }
  run.applied--; /* the last one is not there */
  CHECK(history_check(run.history, last, batches_of(&run), &counts) != NULL);
  run.applied++;
  const char *why = history_check(run.history, last, batches_of(&run), &counts);
  CHECK_MSG(why == NULL, "%s", why);
  history_free(run.history);
  free(run.order);
}
