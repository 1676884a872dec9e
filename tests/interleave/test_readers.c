/* Snapshots against commits that reuse pages: A1 to A3 against B1 and B2 of sync/slots.h. */
#include "test.h"
#include "woven_store.h"

static uint32_t slots[WEAVE_ACTORS];

static void begin_readers(int n) {
  store_begin(n);
  for (int i = 1; i < n; i++) {
    int code = slot_take(&clients[i], 0, &slots[i]);
    CHECK_EQ(code, 0);
  }
}
static void begin_one(void) { begin_readers(2); }
static void begin_two(void) { begin_readers(3); }

static void write_versions(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last && version_commit(version); version++)
    ;
}

static void read_once(void *argument) {
  (void)argument;
  struct reader_slot *slot = readers_slot(&readers, slots[weave_self()]);
  struct root root;
  snapshot_open(slots[weave_self()], &root);
  page_read(&root);
  slot_withdraw(slot);
}
static void read_twice(void *argument) {
  read_once(argument);
  read_once(argument);
}

static const struct weave_scenario one_reader = {
    .name = "one-reader",
    .begin = begin_one,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader", .run = read_once}}};
static const struct weave_scenario reads_again = {
    .name = "reads-again",
    .begin = begin_one,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
               {.name = "reader", .run = read_twice, .mortal = true}}};
static const struct weave_scenario two_readers = {
    .name = "two-readers",
    .begin = begin_two,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader-a", .run = read_once},
               {.name = "reader-b", .run = read_once}}};

TEST(a_page_in_use_is_not_reused) { weave_expect_sound(&one_reader, WEAVE_ALL, 0); }

TEST(more_readers_and_versions) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2, .deaths = 1};
  uint64_t walks = 20000 * (uint64_t)test_scale();
  weave_expect_sound(&reads_again, bound, walks);
  weave_expect_sound(&two_readers, bound, walks);
}

/* B1 orders the publication before B2. That store is sequentially consistent by itself, for the sake
 * of those who wait for commits: either of the two is enough. */
static const struct weave_mutation publish_released = {"root_publish", "published", WEAVE_ACQ_REL,
                                                       NULL, NULL};

TEST(one_of_two_orders_the_publication) {
  static const struct weave_mutation no_b1 = {"slots_announced", "commit->published", WEAVE_SKIP,
                                              NULL, NULL};
  CHECK(!weave_explore(&one_reader, WEAVE_ALL, &publish_released).faulty);
  CHECK(!weave_explore(&one_reader, WEAVE_ALL, &no_b1).faulty);
}

TEST(each_order_is_needed) {
  static const struct weave_mutation mutations[] = {
      {"announce", "slot->word", WEAVE_SKIP, "seq_cst", NULL},                       /* A1 */
      {"announce", "slot->word", WEAVE_RELAX, "seq_cst", NULL},                      /* A1 */
      {"announce", "slot->word", WEAVE_ACQ_REL, NULL, NULL},                         /* A1 */
      {"newest_read", "->published", WEAVE_ACQ_REL, NULL, NULL},                     /* A2 */
      {"slots_announced", "commit->published", WEAVE_SKIP, NULL, &publish_released}, /* B1 */
      {"slots_announced", "commit->published", WEAVE_ACQ_REL, NULL, &publish_released},
      {"list_slots", "slot->word", WEAVE_ACQ_REL, NULL, NULL}, /* B2 */
      {"list_slots", "slot->word", WEAVE_RELAX, NULL, NULL},   /* B2 */
      {"slot_withdraw", "slot->word", WEAVE_RELAX, NULL, NULL},
      {"root_publish", "published", WEAVE_RELAX, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&one_reader, WEAVE_ALL, mutations[i]);
}
