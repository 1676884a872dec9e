/* test_batches.c - deaths at random instants of processes that leave batches and apply those of others.
 *
 * What was accepted is applied, once, also if its process dies at once; what was not is applied whole
 * or not at all. */
#include <sched.h>
#include <time.h>

#include "../multi/batches.h"
#include "kill.h"

#define ACTORS 4

static const struct copse_store_options creating = {.flags = COPSE_CREATE};

struct run {
  const char *path;
  struct tally *tally;
  pid_t actors[ACTORS];
  uint64_t spawned, kills;
  struct test_random random;
};

static _Noreturn void act(struct run *run, int actor, uint64_t id) {
  struct copse_store *store;
  struct batches batches;
  CHECK_OK(copse_store_open(run->path, &creating, &store));
  if (actor == 0) /* one that only applies */
    for (;;) {
      CHECK_OK(copse_combine(store, -1, 1000000, NULL));
      sched_yield();
    }
  batches_open(&batches, store, run->tally, id);
  for (;;)
    batches_step(&batches);
}

static void actor_start(struct run *run, int actor) {
  uint64_t id = run->spawned++ % BATCH_WRITERS_MAX;
  run->actors[actor] = test_fork();
  CHECK_SYS(run->actors[actor]);
  if (run->actors[actor] == 0)
    act(run, actor, id);
}

static void look(struct run *run, bool at_end) {
  struct copse_store *store;
  CHECK_OK(copse_store_open(run->path, &creating, &store));
  batches_check(store, run->tally, at_end);
  if (at_end || test_random_one_in(&run->random, 4))
    ledger_check(store);
  CHECK_OK(copse_store_close(store));
}

TEST(who_leaves_and_who_applies) {
  struct run run = {
      .path = test_shm_path("batches"), .tally = tally_new(), .random = {test_seed()}};
  uint64_t kills = 250 * (uint64_t)test_scale();
  test_watchdog();
  for (int i = 0; i < ACTORS; i++)
    actor_start(&run, i);
  for (; run.kills < kills && run.spawned < BATCH_WRITERS_MAX; run.kills++) {
    struct timespec time = {0, (long)test_random_below(&run.random, 3000000)};
    nanosleep(&time, NULL); /* only chooses the instant */
    int actor = (int)test_random_below(&run.random, ACTORS);
    child_end(run.actors[actor]);
    actor_start(&run, actor);
    if (run.kills % 25 == 0)
      look(&run, false);
  }
  for (int i = 0; i < ACTORS; i++)
    child_end(run.actors[i]);
  struct copse_store *store;
  CHECK_OK(copse_store_open(run.path, &creating, &store));
  CHECK_OK(copse_store_close(store)); /* the last to leave applies what the dead left */
  look(&run, true);
  uint64_t accepted = 0;
  for (int id = 0; id < BATCH_WRITERS_MAX; id++)
    accepted += run.tally->accepted[id];
  test_note(__FILE__, __LINE__, "%llu deaths, %llu batches and transactions, %llu snapshots",
            (unsigned long long)run.kills, (unsigned long long)accepted,
            (unsigned long long)run.tally->snapshots);
  CHECK_OK(copse_store_remove(run.path));
  alarm(0);
}
