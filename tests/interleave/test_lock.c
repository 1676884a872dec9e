/* The writer lock: one holder at a time, no lost wake, taking over from the dead. */
#include "test.h"
#include "woven_store.h"

/* Odd while a holder is at work: who finds it odd must know that it took over from somebody dead. */
static struct weave_cell work = {.name = "the holder's work"};

static void begin_two(void) { store_begin(2); }
static void begin_three(void) { store_begin(3); }

static void hold_once(void *argument) {
  (void)argument;
  struct client *client = &clients[weave_self()];
  struct lock_result result;
  int code = lock_acquire(client, writers, -1, &result);
  WEAVE_CHECK(code == 0, "the lock was refused: %d", code);
  uint64_t found = weave_cell_read(&work);
  WEAVE_CHECK(found % 2 == 0 || result.taken_over, "nobody said that the former holder died");
  WEAVE_CHECK(found % 2 == 0 || !os_model_lives((uint32_t)(found / 2)),
              "the lock was taken over from a living holder");
  weave_cell_write(&work, 2 * client->index + 1);
  lock_must_be_held();
  weave_cell_write(&work, 0);
  lock_release(client, writers);
}
static void hold_twice(void *argument) {
  hold_once(argument);
  hold_once(argument);
}

static void hold_often(void *argument) {
  hold_twice(argument);
  hold_twice(argument);
}

static const struct weave_scenario two = {
    .name = "lock",
    .begin = begin_two,
    .actors = {{.name = "a", .run = hold_once}, {.name = "b", .run = hold_once}}};
static const struct weave_scenario again = {
    .name = "lock-again",
    .begin = begin_two,
    .actors = {{.name = "a", .run = hold_twice}, {.name = "b", .run = hold_once}}};
static const struct weave_scenario three = {.name = "lock-three",
                                            .begin = begin_three,
                                            .actors = {{.name = "a", .run = hold_once},
                                                       {.name = "b", .run = hold_once},
                                                       {.name = "c", .run = hold_once}}};
static const struct weave_scenario deaths = {
    .name = "lock-deaths",
    .begin = begin_three,
    .actors = {{.name = "a", .run = hold_once, .mortal = true},
               {.name = "b", .run = hold_once, .mortal = true},
               {.name = "c", .run = hold_once}}};

/* In a turn without an end, a keeps the lock as often as it comes back; a sleeper that a has left it to
 * notices when its sleep ends. */
static void begin_kept(void) {
  store_begin(2);
  lock_keep(0);
  lock_turn_ns = INT64_MAX;
}
static const struct weave_scenario kept = {
    .name = "lock-kept",
    .begin = begin_kept,
    .sleeps_may_run_out = true,
    .actors = {{.name = "a", .run = hold_often}, {.name = "b", .run = hold_once}}};
static const struct weave_scenario kept_asleep = {
    .name = "lock-kept-asleep",
    .begin = begin_kept,
    .actors = {{.name = "a", .run = hold_often}, {.name = "b", .run = hold_once}}};
static const struct weave_scenario kept_deaths = {
    .name = "lock-kept-deaths",
    .begin = begin_kept,
    .sleeps_may_run_out = true,
    .actors = {{.name = "a", .run = hold_often, .mortal = true}, {.name = "b", .run = hold_twice}}};

TEST(no_wake_is_lost) {
  weave_expect_sound(&two, WEAVE_ALL, 0);
  struct weave_bound bound = {.preemptions = 3, .stale = 3};
  weave_expect_sound(&again, test_scale() > 8 ? WEAVE_ALL : bound, 0);
}

TEST(three_writers) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2};
  weave_expect_sound(&three, bound, 20000 * (uint64_t)test_scale());
}

TEST(holders_and_waiters_die) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .deaths = 2};
  weave_expect_sound(&deaths, bound, 20000 * (uint64_t)test_scale());
}

TEST(sleeps_run_out_early) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .timeouts = 1};
  weave_expect_sound(&three, bound, 20000 * (uint64_t)test_scale());
}

TEST(the_lock_is_kept) {
  int64_t turn_ns = lock_turn_ns;
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2};
  weave_expect_sound(&kept, bound, 20000 * (uint64_t)test_scale());
  weave_expect_fault(&kept_asleep, bound, WEAVE_AS_IT_IS); /* nobody else would wake b */
  bound = (struct weave_bound){.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .deaths = 1};
  weave_expect_sound(&kept_deaths, bound, 20000 * (uint64_t)test_scale());
  lock_turn_ns = turn_ns;
}

TEST(each_step_is_needed) {
  static const struct weave_mutation mutations[] = {
      {"swap_in", "commit->lock", WEAVE_RELAX, "acquire", NULL},
      {"lock_release", "commit->lock", WEAVE_RELAX, NULL, NULL},
      {"flag_waiting", "commit->lock", WEAVE_SKIP, NULL, NULL}, /* S2 */
      {"wait_round", "lock_wake", WEAVE_RELAX, NULL, NULL},     /* S1 */
      {"wake_first", "lock_wake", WEAVE_RELAX, NULL, NULL},     /* R2 */
      {"wake_first", "lock_wake", WEAVE_SKIP, NULL, NULL},      /* R2 */
  };
  struct weave_bound bound = {.preemptions = 3, .stale = 3};
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&three, bound, mutations[i]);
}
