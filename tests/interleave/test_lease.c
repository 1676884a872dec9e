/* Leases against commits that reuse pages: L1 to L3 and B4 of sync/leases.h. A reader announces a version,
 * leases its page, ends the snapshot, and reads. */
#include "test.h"
#include "woven_store.h"

static uint32_t slots[WEAVE_ACTORS], chunks[WEAVE_ACTORS];
static struct root held;

static void begin_readers(int n) {
  store_begin(n);
  leasing = LEASES_LAST;
  for (int i = 1; i < n; i++)
    CHECK_EQ(slot_take(&clients[i], 0, &slots[i]), 0);
}
static void begin_one(void) {
  begin_readers(2);
  CHECK_EQ(lease_chunk_take(&clients[1], LEASE_CHUNK_NONE, &chunks[1]), 0);
}
static void begin_leases_first(void) {
  begin_one();
  leasing = LEASES_FIRST;
}
static void begin_without_chunk(void) { begin_readers(2); }
static void begin_two(void) { begin_readers(3); }

static void write_versions(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last && version_commit(version); version++)
    ;
}

/* L1 and L2, reading, L3. */
static void lease_and_read(uint32_t chunk, uint32_t place) {
  uint32_t slot = slots[weave_self()];
  struct root root;
  snapshot_open(slot, &root);
  lease_put(&readers, chunk, place, page_word(root.table));
  slot_withdraw(readers_slot(&readers, slot));
  page_read(&root);
  lease_put(&readers, chunk, place, 0);
}
static void lease_once(void *argument) {
  (void)argument;
  lease_and_read(chunks[weave_self()], 0);
}
static void lease_twice(void *argument) {
  (void)argument;
  lease_and_read(chunks[weave_self()], 0);
  lease_and_read(chunks[weave_self()], 1);
}
static void withdraw_first(void *argument) {
  (void)argument;
  struct root root;
  snapshot_open(slots[1], &root);
  slot_withdraw(readers_slot(&readers, slots[1]));
  lease_put(&readers, chunks[1], 0, page_word(root.table));
  page_read(&root);
}
/* A group: a chunk taken for it and given back with all that it names. */
static void lease_in_group(void *argument) {
  (void)argument;
  int self = weave_self();
  struct root root;
  WEAVE_CHECK(lease_chunk_take(&clients[self], LEASE_CHUNK_NONE, &chunks[self]) == 0, "no chunk");
  snapshot_open(slots[self], &root);
  lease_put(&readers, chunks[self], 0, page_word(root.table));
  slot_withdraw(readers_slot(&readers, slots[self]));
  page_read(&root);
  lease_chunk_give(&readers, chunks[self]);
}

static const struct weave_scenario one_lease = {
    .name = "one-lease",
    .begin = begin_one,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
               {.name = "reader", .run = lease_once}}};
static const struct weave_scenario two_leases = {
    .name = "two-leases",
    .begin = begin_one,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader", .run = lease_twice, .mortal = true}}};
static const struct weave_scenario one_group = {
    .name = "one-group",
    .begin = begin_without_chunk,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
               {.name = "reader", .run = lease_in_group}}};
static const struct weave_scenario two_groups = {
    .name = "two-groups",
    .begin = begin_two,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reader-a", .run = lease_in_group, .mortal = true},
               {.name = "reader-b", .run = lease_in_group}}};

TEST(a_leased_page_is_not_reused) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2};
  weave_expect_sound(&one_lease, bound, 5000 * (uint64_t)test_scale());
  weave_expect_sound(&one_group, bound, 5000 * (uint64_t)test_scale());
}

TEST(more_leases_and_readers) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .deaths = 1};
  weave_expect_sound(&two_leases, bound, 5000 * (uint64_t)test_scale());
  weave_expect_sound(&two_groups, bound, 5000 * (uint64_t)test_scale());
}

static const struct weave_bound bound = {.preemptions = 2, .stale = 2};

TEST(other_orders_would_not_do) {
  static const struct weave_scenario withdrawn_first = {
      .name = "lease-withdrawn-first",
      .begin = begin_one,
      .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
                 {.name = "reader", .run = withdraw_first}}};
  static const struct weave_scenario leases_first = {
      .name = "leases-first",
      .begin = begin_leases_first,
      .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
                 {.name = "reader", .run = lease_once}}};
  weave_expect_fault(&withdrawn_first, bound, WEAVE_AS_IT_IS);
  weave_expect_fault(&leases_first, bound, WEAVE_AS_IT_IS);
}

TEST(each_order_is_needed) {
  static const struct weave_mutation mutations[] = {
      {"lease_put", "words", WEAVE_RELAX, NULL, NULL},
      {"changed", "changes", WEAVE_SKIP, NULL, NULL},
      {"changed", "changes", WEAVE_RELAX, NULL, NULL},
      {"look", "changes", WEAVE_RELAX, NULL, NULL},
      {"look", "words", WEAVE_RELAX, NULL, NULL},
      {"slot_withdraw", "slot->word", WEAVE_RELAX, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&one_lease, bound, mutations[i]);
}

TEST(each_order_of_groups_is_needed) {
  static const struct weave_mutation mutations[] = {
      {"lease_chunk_give", "owner", WEAVE_RELAX, NULL, NULL},
      {"look", "owner", WEAVE_RELAX, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&one_group, bound, mutations[i]);
}

/* A chunk that was given back, and may have another owner by now, was read under before. */
static void begin_given(void) {
  begin_two();
  CHECK_EQ(lease_chunk_take(&clients[1], LEASE_CHUNK_NONE, &chunks[1]), 0);
  snapshot_open(slots[1], &held);
  lease_put(&readers, chunks[1], 0, page_word(held.table));
  slot_withdraw(readers_slot(&readers, slots[1]));
}
static void give_chunk(void *argument) {
  (void)argument;
  page_read(&held);
  lease_chunk_give(&readers, chunks[1]);
}
static void take_chunk(void *argument) {
  (void)argument;
  WEAVE_CHECK(lease_chunk_take(&clients[2], LEASE_CHUNK_NONE, &chunks[2]) == 0, "no chunk");
}

TEST(owners_follow_one_another) {
  static const struct weave_scenario handed_on = {
      .name = "handed-on",
      .begin = begin_given,
      .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
                 {.name = "giver", .run = give_chunk, .mortal = true},
                 {.name = "taker", .run = take_chunk}}};
  static const struct weave_mutation mutations[] = {
      {"try_chunk", "words", WEAVE_RELAX, NULL, NULL},
      {"try_chunk", "owner", WEAVE_RELAX, "acquire", NULL},
  };
  struct weave_bound few = {.preemptions = 2, .stale = 2, .deaths = 1};
  weave_expect_sound(
      &handed_on,
      (struct weave_bound){.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .deaths = 1},
      5000 * (uint64_t)test_scale());
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&handed_on, few, mutations[i]);
}

/* --- carrying over, as a fork does ------------------------------------------------------- */

static uint32_t low, high;

static void begin_leased(void) {
  begin_readers(3);
  CHECK_EQ(lease_chunk_take(&clients[1], LEASE_CHUNK_NONE, &low), 0);
  snapshot_open(slots[1], &held);
}
static void begin_leased_low(void) {
  begin_leased();
  lease_put(&readers, low, 0, page_word(held.table));
  slot_withdraw(readers_slot(&readers, slots[1]));
}
/* Both chunks are there; the lease is in the higher one. */
static void begin_leased_high(void) {
  begin_leased();
  CHECK_EQ(lease_chunk_take(&clients[1], low, &high), 0);
  lease_put(&readers, high, 0, page_word(held.table));
  slot_withdraw(readers_slot(&readers, slots[1]));
}
/* The parent copies, forks, and ends its own; the child reads. */
static void carry_up(void *argument) {
  (void)argument;
  WEAVE_CHECK(lease_chunk_take(&clients[2], low, &high) == 0 && high > low, "no chunk above");
  lease_chunk_copy(&readers, low, high);
  lease_put(&readers, low, 0, 0);
  page_read(&held);
  lease_put(&readers, high, 0, 0);
}
static void carry_down(void *argument) {
  (void)argument;
  lease_chunk_copy(&readers, high, low);
  lease_put(&readers, high, 0, 0);
  page_read(&held);
  lease_put(&readers, low, 0, 0);
}

TEST(leases_are_carried_upwards) {
  static const struct weave_scenario upwards = {
      .name = "lease-up",
      .begin = begin_leased_low,
      .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
                 {.name = "forker", .run = carry_up}}};
  static const struct weave_scenario downwards = {
      .name = "lease-down",
      .begin = begin_leased_high,
      .actors = {{.name = "writer", .run = write_versions, .argument = (void *)4},
                 {.name = "forker", .run = carry_down}}};
  static const struct weave_mutation mutations[] = {
      {"changed", "changes", WEAVE_SKIP, NULL, NULL},
      {"lease_put", "words", WEAVE_RELAX, NULL, NULL},
      {"look", "words", WEAVE_RELAX, NULL, NULL},
  };
  weave_expect_sound(&upwards, bound, 5000 * (uint64_t)test_scale());
  weave_expect_fault(&downwards, bound, WEAVE_AS_IT_IS);
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&upwards, bound, mutations[i]);
}
