/* Observers: what was copied and then found to be whole is of its version; a version that was
 * locked while no probe was made stays whole. B1 to B3, A1 and A2, J2 of sync/observe.h.
 *
 * Pages are words here, written by a releasing store in the place of a fence and plain stores, and
 * the kernel's locks on versions are bits that are set and looked at under a lock of the kernel's. */
#include "sync/observe.h"
#include "test.h"
#include "woven.h"
#include "woven_store.h"

#define VERSIONS 5
static _Atomic uint64_t contents[3];
static _Atomic uint64_t kernel_locks; /* bit v: version v is locked */
static int page_of[VERSIONS + 1];

static void publish_with(uint64_t version, int page) {
  /* B3, the fence before it included */
  atomic_store_explicit(&contents[page], version, memory_order_release);
  page_of[version] = page;
  version_publish(version, (uint64_t)page);
}

static void begin(void) {
  store_begin(0);
  memset(page_of, 0, sizeof page_of);
  publish_with(1, 0);
}

/* --- passed, or not ------------------------------------------------------------------------ */

/* Two pages that take turns: the page of v was given up by v - 1. */
static void take_turns(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last; version++) {
    if (version > 2)
      observe_raise(writers, version - 1);
    publish_with(version, (int)(version + 1) % 2);
  }
}

/* A1 and A2; 1: it was whole. */
static int version_look(uint64_t version) {
  struct root root;
  if (root_read(writers, version, &root, NULL))
    return 0;
  uint64_t found = atomic_load_explicit(&contents[root.table], memory_order_acquire);
  if (!observe_is_whole(writers, version))
    return 0;
  WEAVE_CHECK(found == version, "an observer of version %llu found a page of version %llu",
              (unsigned long long)version, (unsigned long long)found);
  return 1;
}

static void look(void *times) {
  for (uintptr_t i = 0; i < (uintptr_t)times; i++)
    (void)version_look(root_published(writers));
}

static const struct weave_scenario once = {
    .name = "observe",
    .begin = begin,
    .actors = {{.name = "writer", .run = take_turns, .argument = (void *)4},
               {.name = "observer", .run = look, .argument = (void *)1}}};
static const struct weave_scenario twice = {
    .name = "observe-two",
    .begin = begin,
    .actors = {{.name = "writer", .run = take_turns, .argument = (void *)4, .mortal = true},
               {.name = "observer-a", .run = look, .argument = (void *)2},
               {.name = "observer-b", .run = look, .argument = (void *)1}}};

TEST(a_copy_that_is_whole_is_of_its_version) { weave_expect_sound(&once, WEAVE_ALL, 0); }

TEST(two_observers) {
  struct weave_bound bound = {.preemptions = test_scale() > 8, .stale = 1, .deaths = 1};
  weave_expect_sound(&twice, bound, 1000 * (uint64_t)test_scale());
}

/* --- given up ------------------------------------------------------------------------------ */

static void begin_kept(void) {
  struct observe_found found = {.versions = {1}, .count = 1};
  begin();
  observe_begin(writers);
  observe_end(writers, &found, 0);
  publish_with(2, 1);
  observe_raise(writers, 2); /* of other pages */
}

static void give_up(void *argument) {
  (void)argument;
  observe_drop(writers, 1);
  observe_raise(writers, 2);
  publish_with(3, 0);
}

static void look_at_first(void *argument) {
  (void)argument;
  (void)version_look(1);
}

static const struct weave_scenario given_up = {
    .name = "observe-given-up",
    .begin = begin_kept,
    .actors = {{.name = "writer", .run = give_up}, {.name = "observer", .run = look_at_first}}};

TEST(a_version_is_given_up) { weave_expect_sound(&given_up, WEAVE_ALL, 0); }

/* --- kept ---------------------------------------------------------------------------------- */

static void probe(void) {
  struct observe_found found = {0};
  observe_begin(writers);
  uint64_t locked = atomic_fetch_add_explicit(&kernel_locks, 0, memory_order_acq_rel);
  for (uint64_t version = 1; version <= VERSIONS; version++)
    if (locked >> version & 1)
      found.versions[found.count++] = version;
  observe_end(writers, &found, 0);
}

static bool is_kept(uint64_t version) {
  for (unsigned i = 0; i < OBSERVED_MAX; i++)
    if (atomic_load_explicit(&sync_commit(writers)->observed[i], memory_order_relaxed) == version)
      return true;
  return false;
}

/* Each reclaiming begins with a probe. One version at a time is kept, so three pages suffice. */
static void commit_beside(void *last) {
  for (uint64_t version = 2; version <= (uintptr_t)last; version++) {
    int page = 0;
    probe();
    while (page == page_of[version - 1] ||
           (version > 2 && page == page_of[version - 2] && is_kept(version - 2)) ||
           (version > 3 && page == page_of[version - 3] && is_kept(version - 3)))
      page++;
    if (version > 2)
      observe_raise(writers, version - 1);
    publish_with(version, page);
  }
}

/* J2, and then the version is read for as long as one likes. */
static void keep_and_look(void *argument) {
  (void)argument;
  uint64_t probes = observe_probes(writers), version = root_published(writers);
  atomic_fetch_or_explicit(&kernel_locks, UINT64_C(1) << version, memory_order_acq_rel);
  if (probes & 1 || observe_probes(writers) != probes)
    return;
  for (int i = 0; i < 2; i++)
    WEAVE_CHECK(version_look(version), "version %llu was not kept", (unsigned long long)version);
}

static void begin_to_keep(void) {
  begin();
  atomic_store_explicit(&kernel_locks, 0, memory_order_relaxed);
}

static const struct weave_scenario kept = {
    .name = "observe-kept",
    .begin = begin_to_keep,
    .actors = {{.name = "writer", .run = commit_beside, .argument = (void *)3},
               {.name = "observer", .run = keep_and_look}}};

static const struct weave_bound kept_bound = {.preemptions = 2, .stale = 1};

TEST(what_was_locked_without_a_probe_stays) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1};
  weave_expect_sound(&kept, bound, 1000 * (uint64_t)test_scale());
}

/* --- mutations ----------------------------------------------------------------------------- */

TEST(each_order_is_needed) {
  static const struct weave_mutation passed[] = {
      {"observe_raise", "retained", WEAVE_SKIP, NULL, NULL},    /* B2 */
      {"publish_with", "contents", WEAVE_RELAX, NULL, NULL},    /* its fence */
      {"version_look", "contents", WEAVE_RELAX, NULL, NULL},    /* A1 */
      {"observe_is_whole", "retained", WEAVE_SKIP, NULL, NULL}, /* A2 */
  };
  for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
    weave_expect_fault(&once, WEAVE_ALL, passed[i]);
  static const struct weave_mutation dropped[] = {
      {"observe_drop", "observed", WEAVE_SKIP, NULL, NULL},
      {"publish_with", "contents", WEAVE_RELAX, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
    weave_expect_fault(&given_up, WEAVE_ALL, dropped[i]);
  static const struct weave_mutation lost[] = {
      {"observe_raise", "retained", WEAVE_RELAX, "release", NULL},
      {"observe_begin", "probes", WEAVE_DELAY, NULL, NULL},
      {"observed_add", "observed", WEAVE_SKIP, NULL, NULL},
      {"keep_and_look", "kernel_locks", WEAVE_SKIP, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
    weave_expect_fault(&kept, kept_bound, lost[i]);
}
