/* Oustable snapshots: what was copied, and then found not to be ousted, is of the right version. */
#include "test.h"
#include "woven.h"
#include "woven_store.h"

static uint32_t slot_index;

static void begin(void) {
  store_begin(2);
  ousting = true;
  CHECK_EQ(slot_take(&clients[1], 0, &slot_index), 0);
  struct reader_slot *slot = readers_slot(&readers, slot_index);
  atomic_store_explicit(&slot->oustable, 1, memory_order_relaxed);
}

static void write_versions(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last && version_commit(version); version++)
    ;
}

static void copy_pages(void *times) {
  struct reader_slot *slot = readers_slot(&readers, slot_index);
  for (uintptr_t i = 0; i < (uintptr_t)times; i++) {
    struct root root;
    snapshot_open(slot_index, &root);
    (void)page_copy(&root, slot);
    slot_withdraw(slot);
  }
}

/* The next snapshot of the slot, of the same version perhaps, may not be ousted. */
static void copy_then_read(void *argument) {
  (void)argument;
  copy_pages((void *)1);
  struct reader_slot *slot = readers_slot(&readers, slot_index);
  atomic_store_explicit(&slot->oustable, 0, memory_order_relaxed);
  struct root root;
  snapshot_open(slot_index, &root);
  page_read(&root);
  slot_withdraw(slot);
}

static const struct weave_scenario once = {
    .name = "oust",
    .begin = begin,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader", .run = copy_pages, .argument = (void *)1}}};
static const struct weave_scenario twice = {
    .name = "oust-twice",
    .begin = begin,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
               {.name = "reader", .run = copy_pages, .argument = (void *)2, .mortal = true}}};
static const struct weave_scenario then_read = {
    .name = "oust-then-read",
    .begin = begin,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
               {.name = "reader", .run = copy_then_read}}};

TEST(a_validated_copy_is_of_its_version) { weave_expect_sound(&once, WEAVE_ALL, 0); }

TEST(slots_are_used_again) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 2, .deaths = 1};
  uint64_t walks = 10000 * (uint64_t)test_scale();
  weave_expect_sound(&twice, bound, walks);
  weave_expect_sound(&then_read, bound, walks);
}

TEST(each_order_is_needed) {
  static const struct weave_mutation mutations[] = {
      {"slot_ousted", "slot->word", WEAVE_RELAX, NULL, NULL},
      {"announce", "slot->word", WEAVE_ACQ_REL, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&once, WEAVE_ALL, mutations[i]);
}
