/* The ring of root records: a reader that is held up while the ring goes round to the record that it
 * copies takes neither a mixture of two roots nor for ever. */
#include "test.h"
#include "woven_store.h"

static uint32_t slot;

static void begin(void) {
  store_begin(2);
  CHECK_EQ(slot_take(&clients[1], 0, &slot), 0);
}

/* Versions that are a ring's length apart share a record: 1 with 257, 513, ... The versions before
 * those stand for all that lie between: a record is written over when another has been published. */
static void go_round(void *rounds) {
  for (uint64_t i = 1; i <= (uintptr_t)rounds; i++) {
    version_publish(i * ROOT_RING, 1);
    version_publish(i * ROOT_RING + 1, 2);
  }
}

static void announce(void *argument) {
  (void)argument;
  struct root root;
  snapshot_open(slot, &root);
  uint64_t table = root.version == 1 ? 0 : root.version % ROOT_RING == 0 ? 1 : 2;
  WEAVE_CHECK(root.table == table, "version %llu has a torn root",
              (unsigned long long)root.version);
}

static const struct weave_scenario once = {
    .name = "ring",
    .begin = begin,
    .actors = {{.name = "writer", .run = go_round, .argument = (void *)1},
               {.name = "reader", .run = announce}}};
static const struct weave_scenario twice = {
    .name = "ring-twice",
    .begin = begin,
    .actors = {{.name = "writer", .run = go_round, .argument = (void *)2, .mortal = true},
               {.name = "reader", .run = announce}}};

TEST(a_root_is_copied_whole) {
  struct weave_bound bound = {.preemptions = 3, .stale = 3};
  weave_expect_sound(&once, bound, 0);
}

TEST(the_ring_goes_round_twice) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2, .deaths = 1};
  weave_expect_sound(&twice, bound, 20000 * (uint64_t)test_scale());
}

TEST(marks_and_orders_are_needed) {
  struct weave_bound bound = {.preemptions = 3, .stale = 3};
  static const struct weave_mutation mutations[] = {
      {"root_write", "record->mark", WEAVE_SKIP, "relaxed", NULL},  /* not marked odd */
      {"root_write", "record->mark", WEAVE_DELAY, "relaxed", NULL}, /* after the first word */
      {"root_write", "record->words", WEAVE_RELAX, NULL, NULL},
      {"root_read", "record->words", WEAVE_RELAX, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&once, bound, mutations[i]);
}
