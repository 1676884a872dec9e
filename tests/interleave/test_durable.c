/* The two durable words: a sync carries its version over to them from a slot, and the version before from
 * one to the other, while a writer looks for reusable pages. */
#include "test.h"
#include "woven.h"
#include "woven_store.h"

static uint32_t slot;

/* Version 1 is durable, version 2 the newest. */
static void begin(void) {
  store_begin(2);
  CHECK_EQ(slot_take(&clients[1], 0, &slot), 0);
  CHECK(version_commit(2));
  atomic_store_explicit(&sync_commit(writers)->durable[0], 1, memory_order_relaxed);
}

/* The words as store/durable.c writes them once the root is on disk. */
static void sync_newest(void *argument) {
  (void)argument;
  struct commit_words *words = sync_commit(writers);
  struct root root;
  snapshot_open(slot, &root);
  uint64_t newest = atomic_load_explicit(&words->durable[0], memory_order_relaxed);
  if (newest < root.version) {
    atomic_store_explicit(&words->durable[1], newest, memory_order_release);
    atomic_store_explicit(&words->durable[0], root.version, memory_order_release);
  }
  slot_withdraw(readers_slot(&readers, slot));
}

static void write_versions(void *last) {
  for (uint64_t version = 3; version <= (uintptr_t)last && version_commit(version); version++)
    ;
}

/* Whichever of the two roots a power cut leaves, its pages are as they were. */
static void end(void) {
  for (int i = 0; i < 2; i++) {
    uint64_t version =
        atomic_load_explicit(&sync_commit(writers)->durable[i], memory_order_relaxed);
    struct root root;
    if (version && root_read(writers, version, &root, NULL) == 0)
      page_read(&root);
  }
}

static void begin_roomy(void) {
  begin();
  page_limit = 3;
}
static const struct weave_scenario once = {
    .name = "durable",
    .begin = begin,
    .end = end,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)3},
               {.name = "syncer", .run = sync_newest}}};
static const struct weave_scenario roomy = {
    .name = "durable-roomy",
    .begin = begin_roomy,
    .end = end,
    .actors = {{.name = "writer", .run = write_versions, .argument = (void *)5},
               {.name = "syncer", .run = sync_newest, .mortal = true}}};

TEST(durable_versions_are_kept) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 2, .deaths = 1};
  weave_expect_sound(&once, WEAVE_ALL, 0);
  weave_expect_sound(&roomy, bound, 10000 * (uint64_t)test_scale());
}

TEST(each_order_is_needed) {
  static const struct weave_mutation mutations[] = {
      {"list_durable", "commit->durable", WEAVE_RELAX, NULL, NULL},
      {"sync_newest", "words->durable[0]", WEAVE_RELAX, "release", NULL},
      {"sync_newest", "words->durable[1]", WEAVE_DELAY, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
    weave_expect_fault(&once, WEAVE_ALL, mutations[i]);
}
