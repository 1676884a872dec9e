/* Attaching while others reap the dead: an entry and its slots have one owner, who lives; and a
 * client's death leaves the lock to somebody. */
#include "test.h"
#include "woven.h"
#include "woven_store.h"

static struct client attached[WEAVE_ACTORS];
static struct client dead;
static uint32_t dead_slot;

/* Of three clients that were attached, number 2 died, holding a snapshot. */
static void begin_one_dead(void) {
  struct root root;
  store_begin(3);
  dead = clients[2];
  CHECK_EQ(slot_take(&dead, 0, &dead_slot), 0);
  snapshot_open(dead_slot, &root);
  os_model_died(2);
}
/* The same, and it held the writer lock. */
static void begin_holder_dead(void) {
  struct lock_result result;
  store_begin(3);
  dead = clients[2];
  CHECK_EQ(lock_acquire(&dead, writers, 0, &result), 0);
  os_model_died(2);
}

static uint64_t owner_of(uint32_t slot) {
  return atomic_load_explicit(&readers_slot(&readers, slot)->owner, memory_order_relaxed);
}

static struct client *attach(void) {
  int self = weave_self();
  struct client *client = &attached[self];
  WEAVE_CHECK(client_attach(&readers, writers, client) == 0, "attaching failed");
  WEAVE_CHECK(os_model_lives(client->index), "a client without its byte");
  for (int i = 0; i < WEAVE_ACTORS; i++)
    WEAVE_CHECK(i == self || !attached[i].live_page || attached[i].index != client->index,
                "two clients have the entry %u", client->index);
  return client;
}

static void attach_and_stay(void *argument) {
  (void)argument;
  (void)attach();
}

/* A new process: attaches, opens a snapshot, reads, leaves. */
static void attach_and_read(void *argument) {
  (void)argument;
  struct client *client = attach();
  struct root root;
  uint32_t slot;
  WEAVE_CHECK(slot_take(client, 0, &slot) == 0, "no slot");
  snapshot_open(slot, &root);
  page_read(&root);
  WEAVE_CHECK(owner_of(slot) == client_owner_word(client), "another took a living client's slot");
  slot_give(client, slot);
  client_detach(client);
}

static void reap(void *argument) {
  (void)argument;
  (void)client_reap_all(&readers, (uint32_t)weave_self());
}

/* Reaps, and then no longer finds the dead client's snapshot in its way. */
static void reap_and_write(void *argument) {
  (void)argument;
  WEAVE_CHECK(version_commit(2), "no page for the first commit");
  (void)client_reap_all(&readers, 0);
  (void)version_commit(3);
}

static void take_lock(void *argument) {
  (void)argument;
  struct client *client = &clients[weave_self()];
  struct lock_result result;
  WEAVE_CHECK(lock_acquire(client, writers, -1, &result) == 0, "the lock was refused");
  lock_must_be_held();
  lock_release(client, writers);
}

static void begin_attached(void) {
  memset(attached, 0, sizeof attached);
  begin_one_dead();
}
static void begin_locked(void) {
  memset(attached, 0, sizeof attached);
  begin_holder_dead();
}
static void end_reaped(void) {
  WEAVE_CHECK(!os_model_lives(dead.index) || owner_of(dead_slot) != client_owner_word(&dead),
              "a dead client's slot is left under a living client's entry");
}

static const struct weave_scenario attaching = {
    .name = "attach",
    .begin = begin_attached,
    .end = end_reaped,
    .actors = {{.name = "writer", .run = reap_and_write},
               {.name = "newcomer", .run = attach_and_read, .mortal = true}}};
static const struct weave_scenario together = {
    .name = "attach-together",
    .begin = begin_attached,
    .end = end_reaped,
    .actors = {{.name = "reaper", .run = reap, .mortal = true},
               {.name = "newcomer-a", .run = attach_and_read},
               {.name = "newcomer-b", .run = attach_and_read}}};
static const struct weave_scenario over_a_dead_holder = {
    .name = "attach-lock",
    .begin = begin_locked,
    .sleeps_may_run_out = true,
    .actors = {{.name = "taker", .run = take_lock},
               {.name = "reaper", .run = reap},
               {.name = "newcomer", .run = attach_and_stay}}};

TEST(newcomers_and_a_reaper) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .deaths = 1};
  weave_expect_sound(&attaching, bound, 5000 * (uint64_t)test_scale());
  bound.preemptions = 1;
  weave_expect_sound(&together, bound, 5000 * (uint64_t)test_scale());
}

/* An entry that the lock word names is not given out: a living client there would hide that the holder
 * is dead. */
TEST(the_lock_of_a_dead_client) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .timeouts = 1};
  weave_expect_sound(&over_a_dead_holder, bound, 5000 * (uint64_t)test_scale());
  weave_expect_fault(&over_a_dead_holder, bound,
                     (struct weave_mutation){"try_entry", "lock", WEAVE_SKIP, NULL, NULL});
}

/* --- readers that die ------------------------------------------------------------------ */

static uint32_t reading_slot;

static void begin_reading(void) {
  store_begin(3);
  CHECK_EQ(slot_take(&clients[2], 0, &reading_slot), 0);
}
static void read_and_die(void *argument) {
  (void)argument;
  struct reader_slot *slot = readers_slot(&readers, reading_slot);
  struct root root;
  snapshot_open(reading_slot, &root);
  page_read(&root);
  slot_withdraw(slot);
}
static void write_versions(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last && version_commit(version); version++)
    ;
}
static const struct weave_scenario reaped = {
    .name = "reaped",
    .begin = begin_reading,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "reaper", .run = reap},
               {.name = "reader", .run = read_and_die, .mortal = true}}};
/* What the dead have read is not written over before their reads are done. */
TEST(readers_are_reaped) {
  struct weave_bound bound = {.preemptions = 2, .stale = 1, .deaths = 1};
  weave_expect_sound(&reaped, bound, 5000 * (uint64_t)test_scale());
  weave_expect_fault(&reaped, bound,
                     (struct weave_mutation){"free_slots", "slot->word", WEAVE_RELAX, NULL, NULL});
}
