/* Carrying a version over to another slot, as a fork does, while a writer looks for reusable pages:
 * upwards, to slots that are there and to new ones beyond the table's end. */
#include "test.h"
#include "woven.h"
#include "woven_store.h"

static uint32_t low, high;
static struct root held; /* announced in begin() */

static void begin(void) {
  store_begin(3);
  CHECK_EQ(slot_take(&clients[1], 0, &low), 0);
}
static void begin_held(void) {
  begin();
  snapshot_open(low, &held);
}
static void begin_oustable(void) {
  begin();
  ousting = true;
  struct reader_slot *from = readers_slot(&readers, low);
  atomic_store_explicit(&from->oustable, 1, memory_order_relaxed);
  snapshot_open(low, &held);
}
/* Both slots are there; the version is held at the higher one. */
static void begin_high(void) {
  begin();
  CHECK_EQ(slot_take_above(&clients[1], low, &high), 0);
  snapshot_open(high, &held);
}

static void write_versions(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last && version_commit(version); version++)
    ;
}

static void carry(uint32_t from, uint32_t to) {
  (void)slot_carry_over(readers_slot(&readers, from), readers_slot(&readers, to), held.version);
  slot_withdraw(readers_slot(&readers, from));
}

static void carry_up(void *argument) {
  (void)argument;
  WEAVE_CHECK(slot_take_above(&clients[1], low, &high) == 0 && high > low, "no slot above");
  carry(low, high);
  page_read(&held);
  slot_withdraw(readers_slot(&readers, high));
}
static void carry_down(void *argument) {
  (void)argument;
  carry(high, low);
  page_read(&held);
  slot_withdraw(readers_slot(&readers, low));
}
static void withdraw_first(void *argument) {
  (void)argument;
  WEAVE_CHECK(slot_take_above(&clients[1], low, &high) == 0, "no slot above");
  slot_withdraw(readers_slot(&readers, low));
  slot_announce_exact(readers_slot(&readers, high), held.version);
  page_read(&held);
}
static void carry_oustable(void *argument) {
  (void)argument;
  WEAVE_CHECK(slot_take_above(&clients[1], low, &high) == 0, "no slot above");
  carry(low, high);
  (void)page_copy(&held, readers_slot(&readers, high));
  slot_withdraw(readers_slot(&readers, high));
}

static const struct weave_scenario upwards = {
    .name = "carry-up",
    .begin = begin_held,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader", .run = carry_up}}};
static const struct weave_scenario downwards = {
    .name = "carry-down",
    .begin = begin_high,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader", .run = carry_down}}};
static const struct weave_scenario withdrawn_first = {
    .name = "carry-withdrawn-first",
    .begin = begin_held,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader", .run = withdraw_first}}};
static const struct weave_scenario oustable = {
    .name = "carry-oustable",
    .begin = begin_oustable,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
               {.name = "reader", .run = carry_oustable}}};

TEST(upwards_nothing_is_missed) { weave_expect_sound(&upwards, WEAVE_ALL, 0); }

TEST(other_ways_would_be) {
  weave_expect_fault(&downwards, WEAVE_ALL, WEAVE_AS_IT_IS);
  weave_expect_fault(&withdrawn_first, WEAVE_ALL, WEAVE_AS_IT_IS);
}

TEST(oustable_snapshots_are_carried_over) {
  struct weave_bound bound = {.preemptions = 2, .stale = 2};
  weave_expect_sound(&oustable, test_scale() > 8 ? WEAVE_ALL : bound, 0);
}

TEST(each_step_is_needed) {
  static const struct weave_mutation mutations[] = {
      {"slot_withdraw", "slot->word", WEAVE_RELAX, NULL, NULL},
      {"list_slots", "slot->word", WEAVE_RELAX, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&upwards, WEAVE_ALL, mutations[i]);
}

/* --- beside a refresh ------------------------------------------------------------------ */

static void begin_refresh(void) {
  begin_held();
  CHECK_EQ(slot_take_above(&clients[2], low, &high), 0);
}
/* What a thread does while another forks. */
static void refresh(void *argument) {
  (void)argument;
  struct root root;
  snapshot_open(low, &root);
  page_read(&root);
}
static void fork_off(void *argument) {
  (void)argument;
  struct reader_slot *from = readers_slot(&readers, low), *to = readers_slot(&readers, high);
  if (slot_carry_over(from, to, held.version))
    page_read(&held);
  slot_give(&clients[2], high);
}
static const struct weave_scenario refreshed = {
    .name = "carry-refreshed",
    .begin = begin_refresh,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "refresher", .run = refresh},
               {.name = "forker", .run = fork_off}}};

TEST(a_fork_beside_a_refresh) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2};
  weave_expect_sound(&refreshed, bound, 10000 * (uint64_t)test_scale());
  static const struct weave_mutation mutations[] = {
      {"slot_carry_over", "from->word", WEAVE_SKIP, NULL, NULL},
      {"slot_carry_over", "from->word", WEAVE_ACQ_REL, NULL, NULL},
      {"slot_announce_exact", "slot->word", WEAVE_ACQ_REL, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&refreshed, bound, mutations[i]);
}

/* --- new slots ------------------------------------------------------------------------- */

static uint32_t taken[WEAVE_ACTORS];
static void begin_empty(void) { store_begin(3); }

static void open_in_new_slot(void *argument) {
  (void)argument;
  int self = weave_self();
  struct root root;
  WEAVE_CHECK(slot_take(&clients[self], 0, &taken[self]) == 0, "no slot");
  snapshot_open(taken[self], &root);
  page_read(&root);
  slot_give(&clients[self], taken[self]);
}
static const struct weave_scenario grown = {
    .name = "grown",
    .begin = begin_empty,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader-a", .run = open_in_new_slot}}};
static const struct weave_scenario grown_by_two = {
    .name = "grown-by-two",
    .begin = begin_empty,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader-a", .run = open_in_new_slot},
               {.name = "reader-b", .run = open_in_new_slot}}};

TEST(a_new_slot_is_seen) {
  struct weave_bound bound = {.preemptions = 2, .stale = test_scale() > 8 ? 2 : 1};
  weave_expect_sound(&grown, WEAVE_ALL, 0);
  weave_expect_sound(&grown_by_two, bound, 10000 * (uint64_t)test_scale());
}

/* A slot that was given back, and may have another owner by now, was read through before. */
TEST(owners_follow_one_another) {
  struct weave_bound bound = {.preemptions = 2, .stale = 1};
  weave_expect_fault(&grown, WEAVE_ALL,
                     (struct weave_mutation){"list_slots", "slot->owner", WEAVE_RELAX, NULL, NULL});
  weave_expect_fault(&grown_by_two, bound,
                     (struct weave_mutation){"try_slot", "slot->word", WEAVE_RELAX, NULL, NULL});
}

TEST(the_count_is_ordered) {
  static const struct weave_mutation mutations[] = {
      {"readers_slot_count", "slot_count", WEAVE_ACQ_REL, NULL, NULL},
      {"take_new", "count", WEAVE_ACQ_REL, NULL, NULL},
      {"take_new", "count", WEAVE_SKIP, "seq_cst", NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&grown, WEAVE_ALL, mutations[i]);
}
