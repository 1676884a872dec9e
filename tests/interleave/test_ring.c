/* Batches left in a ring and applied by who holds the lock: P1 to P4, H1 to H9, S1 to S6 and F1 to F7 of
 * sync/ring.h. Nothing is left behind, each entry is applied once, whoever dies when, and none is
 * written over that somebody may yet have to read.
 *
 * What store/combine.c and the undo log do is repeated here: a version's state is how far the ring was
 * applied; who takes the lock after a death puts the ring's words back, newest first. */
#include "sync/ring.h"
#include "test.h"
#include "woven.h"
#include "woven_store.h"

enum { ENTRY = RING_DATA / 2, ENTRIES = 2, VERSIONS = 16 };

static struct ring ring;
static uint8_t entry[ENTRY]; /* its content is a cell, for the explorer to see races */
static struct weave_cell cells[ENTRIES] = {{.name = "entry 0"}, {.name = "entry 1"}};
static uint64_t applied[VERSIONS]; /* by the transaction of each version */
static uint64_t left;              /* by the producer */
static uint64_t tail, settled;     /* the producer's own */

static struct {
  uint64_t version;
  int count;
  struct {
    _Atomic uint64_t *word;
    uint64_t old;
  } entries[4];
} undo;

static void begin(void) {
  store_begin(3);
  atomic_store_explicit(&ring.tail, 0, memory_order_relaxed);
  atomic_store_explicit(&ring.mark, 0, memory_order_relaxed);
  atomic_store_explicit(&ring.consumed_version, 0, memory_order_relaxed);
  atomic_store_explicit(&ring.consumed, 0, memory_order_relaxed);
  atomic_store_explicit(&ring.waiting, 0, memory_order_relaxed);
  atomic_store_explicit(&ring.wake, 0, memory_order_relaxed);
  atomic_store_explicit(&sync_commit(writers)->staged, 0, memory_order_relaxed);
  memset(applied, 0, sizeof applied);
  undo.version = 0;
  undo.count = 0;
  left = tail = settled = 0;
}

/* No room is left. */
static void begin_full(void) {
  begin();
  for (int i = 0; i < ENTRIES; i++)
    weave_cell_write(&cells[i], (uint64_t)i + 1);
  left = tail = RING_DATA;
  atomic_store_explicit(&ring.tail, tail, memory_order_relaxed);
  atomic_store_explicit(&sync_commit(writers)->staged, 1, memory_order_relaxed);
}

/* --- the holder of the lock ---------------------------------------------------------------- */

static int word_log(void *context, const uint64_t *word) {
  (void)context;
  _Atomic uint64_t *logged = (_Atomic uint64_t *)(uintptr_t)word;
  undo.entries[undo.count].old = atomic_load_explicit(logged, memory_order_relaxed);
  undo.entries[undo.count++].word = logged;
  return 0;
}

static void words_undo(void) {
  while (undo.count > 0) {
    undo.count--;
    atomic_store_explicit(undo.entries[undo.count].word, undo.entries[undo.count].old,
                          memory_order_release);
  }
}

/* What is in the ring, as one version. */
static void ring_apply(void) {
  uint64_t from, to, published = root_published(writers);
  if (undo.version > published)
    words_undo();
  undo.count = 0;
  undo.version = published + 1;
  WEAVE_CHECK(published + 1 < VERSIONS, "no end");
  WEAVE_CHECK(ring_span(&ring, &from, &to), "the ring's counts make no sense");
  WEAVE_CHECK(from == applied[published], "%llu were applied, the ring says %llu",
              (unsigned long long)(applied[published] / ENTRY), (unsigned long long)(from / ENTRY));
  if (from == to)
    return;
  for (uint64_t at = from; at < to; at += ENTRY) {
    uint64_t found = weave_cell_read(&cells[at / ENTRY % ENTRIES]);
    WEAVE_CHECK(found == at / ENTRY + 1, "entry %llu is %llu", (unsigned long long)(at / ENTRY + 1),
                (unsigned long long)found);
  }
  int code = ring_consume(&ring, to, published + 1, word_log, NULL);
  WEAVE_CHECK(code == 0, "nothing refuses");
  applied[published + 1] = to;
  root_publish(writers, published + 1);
  ring_make_room_known(&ring);
}

/* With the lock, which is given back. */
static void hold(void) {
  struct client *client = &clients[weave_self()];
  do {
    while (ring_look(writers))
      ring_apply();
    lock_release(client, writers);
  } while (ring_is_staged(writers) && lock_try(client, writers));
}

static void hold_once(void *argument) {
  (void)argument;
  if (!lock_try(&clients[weave_self()], writers))
    return;
  ring_apply();
  hold();
}

/* --- the producer -------------------------------------------------------------------------- */

static int is_room(void *context) {
  (void)context;
  uint64_t position;
  if (tail - settled + ENTRY > RING_DATA && ring_settled(&ring, writers, &position))
    settled = position;
  return tail - settled + ENTRY <= RING_DATA;
}

/* Takes the lock as who finds that its holder is dead, and applies what there is. */
static void take_over(void) {
  struct lock_result result;
  int code = lock_acquire(&clients[weave_self()], writers, -1, &result);
  WEAVE_CHECK(code == 0, "the lock was refused: %d", code);
  ring_apply();
  hold();
}

static void leave(void *count) {
  for (uintptr_t i = 0; i < (uintptr_t)count; i++) {
    while (!is_room(NULL))
      if (ring_wait_for_room(&ring, is_room, NULL, 5000000))
        take_over(); /* nobody makes room: the holder may be dead */
    weave_cell_write(&cells[tail / ENTRY % ENTRIES], tail / ENTRY + 1);
    WEAVE_CHECK(ring_stage(&ring, writers, tail, settled, entry, ENTRY), "there is room");
    tail += ENTRY;
    if (lock_try(&clients[weave_self()], writers)) /* P4 */
      hold();
    left = tail;
  }
}

/* Who closes a store applies what its ring has. */
static void leave_and_close(void *count) {
  leave(count);
  take_over();
}

static void all_is_applied(void) {
  uint64_t version = root_published(writers);
  WEAVE_CHECK(applied[version] == left, "%llu of %llu entries were applied",
              (unsigned long long)(applied[version] / ENTRY), (unsigned long long)(left / ENTRY));
}

/* --- scenarios ----------------------------------------------------------------------------- */

static const struct weave_scenario left_behind = {
    .name = "ring",
    .begin = begin,
    .actors = {{.name = "producer", .run = leave, .argument = (void *)1},
               {.name = "holder", .run = hold_once}},
    .end = all_is_applied};
static const struct weave_scenario two = {
    .name = "ring-two",
    .begin = begin,
    .actors = {{.name = "producer", .run = leave, .argument = (void *)2},
               {.name = "holder", .run = hold_once}},
    .end = all_is_applied};
static const struct weave_scenario full = {
    .name = "ring-full",
    .begin = begin,
    .actors = {{.name = "producer", .run = leave, .argument = (void *)3},
               {.name = "holder", .run = hold_once}},
    .end = all_is_applied};
static const struct weave_scenario deaths = {
    .name = "ring-deaths",
    .begin = begin,
    .actors = {{.name = "producer", .run = leave_and_close, .argument = (void *)3},
               {.name = "holder", .run = hold_once, .mortal = true}},
    .end = all_is_applied};

/* Who dies in the midst of it is undone by an heir, while the producer looks for room. */
static void inherit(void *argument) {
  (void)argument;
  take_over();
}
static const struct weave_scenario undone = {
    .name = "ring-undone",
    .begin = begin_full,
    .actors = {{.name = "producer", .run = leave_and_close, .argument = (void *)1},
               {.name = "holder", .run = hold_once, .mortal = true},
               {.name = "heir", .run = inherit}},
    .end = all_is_applied};

TEST(nothing_is_left_behind) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 4 : 3, .stale = 2};
  weave_expect_sound(&left_behind, bound, 500 * (uint64_t)test_scale());
  bound.preemptions--;
  weave_expect_sound(&two, bound, 500 * (uint64_t)test_scale());
}

TEST(a_ring_that_is_full) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 3 : 2, .stale = 1};
  weave_expect_sound(&full, bound, 500 * (uint64_t)test_scale());
}

TEST(entries_are_applied_once) {
  struct weave_bound bound = {.preemptions = test_scale() > 8 ? 2 : 1, .stale = 1, .deaths = 1};
  weave_expect_sound(&deaths, bound, 1000 * (uint64_t)test_scale());
  bound.preemptions--;
  weave_expect_sound(&undone, bound, 2000 * (uint64_t)test_scale());
}

TEST(each_order_is_needed) {
  static const struct {
    const struct weave_scenario *scenario;
    struct weave_mutation mutation;
  } needed[] = {
      {&left_behind, {"ring_stage", "tail", WEAVE_RELAX, NULL, NULL}},         /* P1 before P2 */
      {&two, {"ring_stage", "tail", WEAVE_ACQ_REL, NULL, NULL}},               /* P2 */
      {&two, {"ring_stage", "tail", WEAVE_DELAY, NULL, NULL}},                 /* P2 before P3 */
      {&left_behind, {"ring_stage", "staged", WEAVE_SKIP, NULL, NULL}},        /* P3 */
      {&left_behind, {"ring_stage", "staged", WEAVE_ACQ_REL, NULL, NULL}},     /* P3 */
      {&left_behind, {"ring_stage", "staged", WEAVE_DELAY, NULL, NULL}},       /* P3 before P4 */
      {&left_behind, {"lock_try", "lock", WEAVE_ACQ_REL, NULL, NULL}},         /* P4 */
      {&two, {"ring_look", "staged", WEAVE_ACQ_REL, NULL, NULL}},              /* H1 */
      {&two, {"ring_span", "tail", WEAVE_ACQ_REL, NULL, NULL}},                /* H2 */
      {&left_behind, {"lock_release", "lock", WEAVE_ACQ_REL, NULL, NULL}},     /* H8 */
      {&left_behind, {"ring_is_staged", "staged", WEAVE_ACQ_REL, NULL, NULL}}, /* H9 */
      {&full, {"ring_wait_for_room", "waiting", WEAVE_SKIP, NULL, NULL}},      /* F2 */
      {&full, {"ring_wait_for_room", "waiting", WEAVE_DELAY, NULL, NULL}},     /* F2 before F3 */
      {&full, {"ring_settled", "published", WEAVE_RELAX, NULL, NULL}},         /* F3 */
      {&full, {"ring_make_room_known", "waiting", WEAVE_ACQ_REL, NULL, NULL}}, /* F5 */
      {&full, {"ring_make_room_known", "wake", WEAVE_SKIP, NULL, NULL}},       /* F6 */
      {&full, {"ring_settled", "ring->consumed", WEAVE_RELAX, NULL, NULL}},    /* S3, S5 */
  };
  struct weave_bound bound = {.preemptions = 2, .stale = 2};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    weave_expect_fault(needed[i].scenario, bound, needed[i].mutation);
}

TEST(what_was_consumed_by_the_dead_does_not_count) {
  static const struct weave_mutation mutations[] = {
      {"words_undo", "word", WEAVE_SKIP, NULL, NULL},
      {"ring_consume", "consumed_version", WEAVE_SKIP, NULL, NULL},  /* H5 */
      {"ring_consume", "consumed_version", WEAVE_DELAY, NULL, NULL}, /* H5 before H6 */
      {"ring_settled", "consumed_version", WEAVE_SKIP, NULL, NULL},  /* S4 */
  };
  size_t count = test_scale() > 1 ? sizeof mutations / sizeof *mutations : 2;
  struct weave_bound bound = {.preemptions = 1, .stale = 1, .deaths = 1};
  for (size_t i = 0; i < count; i++)
    weave_expect_fault(&undone, bound, mutations[i]);
}
