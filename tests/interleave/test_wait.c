/* Waiting for a commit: no wake is lost; W1 to W4 against C1 to C4 of sync/wait.h. */
#include "test.h"
#include "woven_store.h"

static _Atomic int cancel;

static void begin(void) { store_begin(3); }

static void commit(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last; version++) {
    root_publish(writers, version);
    (void)wait_wake(&readers, writers);
  }
}

/* Where the log makes versions visible, its record takes the place of `published`. */
static void begin_logged(void) {
  begin();
  root_log(writers, &(struct root){.version = 1}, 0);
}
static void log_versions(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last; version++) {
    root_log(writers, &(struct root){.version = version}, 0);
    (void)wait_wake(&readers, writers);
  }
}

static void wait_until(void *last) {
  uint64_t version = 1;
  while (version < (uintptr_t)last) {
    uint64_t after = version;
    int code = wait_published(&readers, writers, after, UINT64_MAX, NULL, &version);
    WEAVE_CHECK(code == 0 && version > after, "a wait ended with %d", code);
  }
}

static void wait_or_be_cancelled(void *argument) {
  (void)argument;
  uint64_t version;
  int code = wait_published(&readers, writers, 9, UINT64_MAX, &cancel, &version);
  WEAVE_CHECK(code == COPSE_E_CANCELLED, "a wait ended with %d", code);
}
static void cancel_wait(void *argument) {
  (void)argument;
  wait_cancel(&cancel);
}

static const struct weave_scenario one = {
    .name = "wait",
    .begin = begin,
    .actors = {{.name = "committer", .run = commit, .argument = (void *)3},
               {.name = "waiter", .run = wait_until, .argument = (void *)3}}};
static const struct weave_scenario logged = {
    .name = "wait-logged",
    .begin = begin_logged,
    .actors = {{.name = "leader", .run = log_versions, .argument = (void *)3},
               {.name = "waiter", .run = wait_until, .argument = (void *)3}}};
static const struct weave_scenario two = {
    .name = "wait-two",
    .begin = begin,
    .actors = {{.name = "committer", .run = commit, .argument = (void *)3},
               {.name = "waiter-a", .run = wait_until, .argument = (void *)3},
               {.name = "waiter-b", .run = wait_until, .argument = (void *)3}}};
static const struct weave_scenario mortal = {
    .name = "wait-deaths",
    .begin = begin,
    .actors = {{.name = "committer", .run = commit, .argument = (void *)2},
               {.name = "waiter-a", .run = wait_until, .argument = (void *)2, .mortal = true},
               {.name = "waiter-b", .run = wait_until, .argument = (void *)2}}};
static const struct weave_scenario cancelled = {
    .name = "wait-cancelled",
    .begin = begin,
    .actors = {{.name = "committer", .run = commit, .argument = (void *)2},
               {.name = "waiter", .run = wait_or_be_cancelled},
               {.name = "canceller", .run = cancel_wait}}};

TEST(no_wake_is_lost) { weave_expect_sound(&one, WEAVE_ALL, 0); }

TEST(no_wake_of_a_leader_is_lost) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2};
  weave_expect_sound(&logged, bound, 10000 * (uint64_t)test_scale());
}

TEST(two_waiters) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2};
  weave_expect_sound(&two, bound, 20000 * (uint64_t)test_scale());
}

TEST(waiters_die) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2, .deaths = 1};
  weave_expect_sound(&mortal, bound, 20000 * (uint64_t)test_scale());
}

TEST(waits_are_cancelled) { weave_expect_sound(&cancelled, WEAVE_ALL, 0); }

TEST(each_order_is_needed) {
  if (TEST_ASAN)
    SKIP("a waker that comes too late looks at the stack of one who has gone");
  static const struct weave_mutation mutations[] = {
      {"wait_published", "->waiting", WEAVE_SKIP, NULL, NULL},      /* W2 */
      {"wait_published", "->waiting", WEAVE_ACQ_REL, NULL, NULL},   /* W2 */
      {"root_visible", "->published", WEAVE_ACQ_REL, NULL, NULL},   /* W3 */
      {"root_publish", "published", WEAVE_ACQ_REL, NULL, NULL},     /* C1 */
      {"wait_wake", "->waiting", WEAVE_ACQ_REL, NULL, NULL},        /* C2 */
      {"wait_wake", "commit->commit_wake", WEAVE_SKIP, NULL, NULL}, /* C3 */
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&one, WEAVE_ALL, mutations[i]);
  struct weave_bound bound = {.preemptions = 2, .stale = 2};
  static const struct weave_mutation of_the_log[] = {
      {"wait_published", "->waiting", WEAVE_DELAY, NULL, NULL},   /* W2 after W3 */
      {"root_logged", "logged_count", WEAVE_ACQ_REL, NULL, NULL}, /* W3 */
      {"root_log", "logged_count", WEAVE_ACQ_REL, NULL, NULL},    /* C1 */
  };
  for (size_t i = 0; i < sizeof of_the_log / sizeof *of_the_log; i++)
    weave_expect_fault(&logged, bound, of_the_log[i]);
  weave_expect_fault(&cancelled, WEAVE_ALL,
                     (struct weave_mutation){"wait_cancel", "cancel", WEAVE_SKIP, NULL, NULL});
}
