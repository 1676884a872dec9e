/* The explorer itself: of small programs, exactly the outcomes that the memory model allows are seen. */
#include <stdio.h>

#include "test.h"
#include "weave.h"
#include "woven.h"

static _Atomic uint32_t x, y, z;
static struct weave_cell data = {.name = "data"};
static int r[8];
static uint64_t outcomes; /* bits: which were seen */

#define LOAD(word, order) (int)atomic_load_explicit(&(word), memory_order_##order)
#define STORE(word, value, order) atomic_store_explicit(&(word), value, memory_order_##order)
#define ACTOR(name) static void name(__attribute__((unused)) void *argument)

static void begin(void) { memset(r, 0xff, sizeof r); }

/* An outcome is the first four results as digits of base 3. */
#define OUTCOME(a, b, c, d) (UINT64_C(1) << ((a) + 3 * (b) + 9 * (c) + 27 * (d)))
static void end(void) {
  int digits[4];
  for (int i = 0; i < 4; i++)
    digits[i] = r[i] < 0 ? 0 : r[i];
  outcomes |= OUTCOME(digits[0], digits[1], digits[2] % 3, digits[3] % 2);
}

static struct weave_result litmus(const char *name, void (*a)(void *), void (*b)(void *),
                                  void (*c)(void *), void (*d)(void *)) {
  struct weave_scenario scenario = {.name = name,
                                    .begin = begin,
                                    .end = end,
                                    .actors = {{.name = "a", .run = a}, {.name = "b", .run = b}}};
  if (c)
    scenario.actors[2] = (struct weave_actor){.name = "c", .run = c};
  if (d)
    scenario.actors[3] = (struct weave_actor){.name = "d", .run = d};
  outcomes = 0;
  struct weave_result searched = weave_explore(&scenario, WEAVE_ALL, NULL);
  uint64_t found = outcomes;
  CHECK(searched.complete);
  /* Leaving redundant executions out loses no outcome. */
  outcomes = 0;
  struct weave_bound all = {.preemptions = 100, .stale = 100};
  struct weave_result full = weave_explore(&scenario, all, NULL);
  CHECK(full.complete);
  CHECK_EQ(found, outcomes);
  CHECK_EQ(full.redundant, 0);
  CHECK_LE(searched.executions, full.executions);
  printf("     %s: %llu of %llu executions are not redundant\n", name,
         (unsigned long long)searched.executions, (unsigned long long)full.executions);
  return full;
}

/* --- store buffering ------------------------------------------------------------------- */

#define STORE_BUFFER(order_store, order_load)                                                      \
  ACTOR(sb_a_##order_store##order_load) {                                                          \
    STORE(x, 1, order_store);                                                                      \
    r[0] = LOAD(y, order_load);                                                                    \
  }                                                                                                \
  ACTOR(sb_b_##order_store##order_load) {                                                          \
    STORE(y, 1, order_store);                                                                      \
    r[1] = LOAD(x, order_load);                                                                    \
  }
STORE_BUFFER(release, acquire)
STORE_BUFFER(seq_cst, seq_cst)
STORE_BUFFER(seq_cst, acquire)

TEST(store_buffering) {
  const uint64_t one_sees = OUTCOME(0, 1, 0, 0) | OUTCOME(1, 0, 0, 0) | OUTCOME(1, 1, 0, 0);
  litmus("sb-acquire", sb_a_releaseacquire, sb_b_releaseacquire, NULL, NULL);
  CHECK_EQ(outcomes, one_sees | OUTCOME(0, 0, 0, 0));
  litmus("sb-seq-cst", sb_a_seq_cstseq_cst, sb_b_seq_cstseq_cst, NULL, NULL);
  CHECK_EQ(outcomes, one_sees);
  litmus("sb-half", sb_a_seq_cstacquire, sb_b_seq_cstacquire, NULL, NULL);
  CHECK_EQ(outcomes, one_sees | OUTCOME(0, 0, 0, 0));
}

/* --- message passing ------------------------------------------------------------------- */

#define MESSAGE(order_store, order_load)                                                           \
  ACTOR(mp_a_##order_store##order_load) {                                                          \
    STORE(x, 1, relaxed);                                                                          \
    STORE(y, 1, order_store);                                                                      \
  }                                                                                                \
  ACTOR(mp_b_##order_store##order_load) {                                                          \
    r[0] = LOAD(y, order_load);                                                                    \
    r[1] = LOAD(x, relaxed);                                                                       \
  }
MESSAGE(release, acquire)
MESSAGE(relaxed, acquire)
MESSAGE(release, relaxed)
MESSAGE(seq_cst, seq_cst)

TEST(message_passing) {
  const uint64_t sound = OUTCOME(0, 0, 0, 0) | OUTCOME(0, 1, 0, 0) | OUTCOME(1, 1, 0, 0);
  litmus("mp", mp_a_releaseacquire, mp_b_releaseacquire, NULL, NULL);
  CHECK_EQ(outcomes, sound);
  litmus("mp-seq-cst", mp_a_seq_cstseq_cst, mp_b_seq_cstseq_cst, NULL, NULL);
  CHECK_EQ(outcomes, sound);
  litmus("mp-store-relaxed", mp_a_relaxedacquire, mp_b_relaxedacquire, NULL, NULL);
  CHECK_EQ(outcomes, sound | OUTCOME(1, 0, 0, 0));
  litmus("mp-load-relaxed", mp_a_releaserelaxed, mp_b_releaserelaxed, NULL, NULL);
  CHECK_EQ(outcomes, sound | OUTCOME(1, 0, 0, 0));
}

/* A sequentially consistent store does not keep a later relaxed one behind it for those who see that
 * one alone: the total order is not the order of time. */
ACTOR(sc_relaxed_a) {
  STORE(x, 1, seq_cst);
  STORE(y, 1, relaxed);
}
ACTOR(sc_relaxed_b) {
  r[0] = LOAD(y, relaxed);
  r[1] = LOAD(x, seq_cst);
}
TEST(total_order_is_not_time) {
  litmus("sc-relaxed", sc_relaxed_a, sc_relaxed_b, NULL, NULL);
  CHECK_EQ(outcomes,
           OUTCOME(0, 0, 0, 0) | OUTCOME(0, 1, 0, 0) | OUTCOME(1, 1, 0, 0) | OUTCOME(1, 0, 0, 0));
}

/* --- two readers of two independent writers ---------------------------------------------- */

#define IRIW(order_store, order_load)                                                              \
  ACTOR(iriw_a_##order_store##order_load) { STORE(x, 1, order_store); }                            \
  ACTOR(iriw_b_##order_store##order_load) { STORE(y, 1, order_store); }                            \
  ACTOR(iriw_c_##order_store##order_load) {                                                        \
    r[0] = LOAD(x, order_load);                                                                    \
    r[1] = LOAD(y, order_load);                                                                    \
  }                                                                                                \
  ACTOR(iriw_d_##order_store##order_load) {                                                        \
    r[2] = LOAD(y, order_load);                                                                    \
    r[3] = LOAD(x, order_load);                                                                    \
  }
IRIW(release, acquire)
IRIW(seq_cst, seq_cst)

TEST(independent_reads_of_independent_writes) {
  uint64_t all = 0;
  for (int i = 0; i < 16; i++)
    all |= OUTCOME(i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1);
  litmus("iriw-acquire", iriw_a_releaseacquire, iriw_b_releaseacquire, iriw_c_releaseacquire,
         iriw_d_releaseacquire);
  CHECK_EQ(outcomes, all);
  litmus("iriw-seq-cst", iriw_a_seq_cstseq_cst, iriw_b_seq_cstseq_cst, iriw_c_seq_cstseq_cst,
         iriw_d_seq_cstseq_cst);
  CHECK_EQ(outcomes, all & ~OUTCOME(1, 0, 1, 0));
}

/* --- coherence --------------------------------------------------------------------------- */

ACTOR(coherence_a) {
  STORE(x, 1, relaxed);
  STORE(x, 2, relaxed);
}
ACTOR(coherence_b) {
  r[0] = LOAD(x, relaxed);
  r[1] = LOAD(x, relaxed);
}
TEST(coherence) {
  litmus("coherence", coherence_a, coherence_b, NULL, NULL);
  CHECK_EQ(outcomes, OUTCOME(0, 0, 0, 0) | OUTCOME(0, 1, 0, 0) | OUTCOME(0, 2, 0, 0) |
                         OUTCOME(1, 1, 0, 0) | OUTCOME(1, 2, 0, 0) | OUTCOME(2, 2, 0, 0));
}

/* 2+2W: two threads store to two words in opposite orders; the first store of each may end up
 * last, unless all are sequentially consistent. */
#define CROSSED(order)                                                                             \
  ACTOR(crossed_a_##order) {                                                                       \
    STORE(x, 1, order);                                                                            \
    STORE(y, 2, order);                                                                            \
  }                                                                                                \
  ACTOR(crossed_b_##order) {                                                                       \
    STORE(y, 1, order);                                                                            \
    STORE(x, 2, order);                                                                            \
  }
CROSSED(release)
CROSSED(seq_cst)
static void end_crossed(void) {
  r[0] = LOAD(x, relaxed);
  r[1] = LOAD(y, relaxed);
  end();
}
static void crossed(const char *name, void (*a)(void *), void (*b)(void *)) {
  struct weave_scenario scenario = {.name = name,
                                    .begin = begin,
                                    .end = end_crossed,
                                    .actors = {{.name = "a", .run = a}, {.name = "b", .run = b}}};
  outcomes = 0;
  CHECK(weave_explore(&scenario, WEAVE_ALL, NULL).complete);
}
TEST(crossed_stores) {
  const uint64_t sound = OUTCOME(1, 2, 0, 0) | OUTCOME(2, 1, 0, 0) | OUTCOME(2, 2, 0, 0);
  crossed("2+2w-release", crossed_a_release, crossed_b_release);
  CHECK_EQ(outcomes, sound | OUTCOME(1, 1, 0, 0));
  crossed("2+2w-seq-cst", crossed_a_seq_cst, crossed_b_seq_cst);
  CHECK_EQ(outcomes, sound);
}

/* --- release sequences, read-modify-writes ------------------------------------------------ */

ACTOR(sequence_a) {
  weave_cell_write(&data, 1);
  STORE(x, 1, release);
}
ACTOR(sequence_b) {
  uint32_t one = 1;
  atomic_compare_exchange_strong_explicit(&x, &one, 2, memory_order_relaxed, memory_order_relaxed);
}
ACTOR(sequence_c) {
  r[0] = LOAD(x, acquire);
  if (r[0] == 2)
    r[1] = (int)weave_cell_read(&data);
}
ACTOR(sequence_broken_b) {
  if (LOAD(x, relaxed) == 1)
    STORE(x, 2, relaxed);
}
TEST(release_sequence) {
  struct weave_scenario scenario = {.name = "sequence",
                                    .begin = begin,
                                    .end = end,
                                    .actors = {{.name = "a", .run = sequence_a},
                                               {.name = "b", .run = sequence_b},
                                               {.name = "c", .run = sequence_c}}};
  outcomes = 0;
  CHECK(weave_explore(&scenario, WEAVE_ALL, NULL).complete);
  CHECK_EQ(outcomes, OUTCOME(0, 0, 0, 0) | OUTCOME(1, 0, 0, 0) | OUTCOME(2, 1, 0, 0));
  scenario.actors[1].run = sequence_broken_b; /* a plain store of another thread ends it: a race */
  const struct weave_mutation none = {"", "", WEAVE_RELAX, NULL, NULL};
  CHECK(weave_explore(&scenario, WEAVE_ALL, &none).faulty);
}

ACTOR(count_twice) {
  atomic_fetch_add_explicit(&z, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&z, 1, memory_order_relaxed);
}
static void end_count(void) { WEAVE_CHECK(LOAD(z, relaxed) == 6, "a count was lost"); }
TEST(read_modify_writes_lose_nothing) {
  struct weave_scenario scenario = {.name = "count",
                                    .begin = begin,
                                    .end = end_count,
                                    .actors = {{.name = "a", .run = count_twice},
                                               {.name = "b", .run = count_twice},
                                               {.name = "c", .run = count_twice}}};
  struct weave_result found = weave_explore(&scenario, WEAVE_ALL, NULL);
  CHECK(found.complete);
  CHECK(!found.faulty);
}

/* --- the search --------------------------------------------------------------------------- */

ACTOR(three_steps) {
  STORE(x, 1, relaxed);
  STORE(x, 1, relaxed);
  STORE(x, 1, relaxed);
}
/* All interleavings of 3 and 3 steps are counted: 6 over 3; with at most one preemption, those of the form
 * a^i b^3 a^(3-i) and the same begun by b. */
TEST(all_interleavings_within_the_bound) {
  struct weave_scenario scenario = {
      .name = "steps",
      .begin = begin,
      .actors = {{.name = "a", .run = three_steps}, {.name = "b", .run = three_steps}}};
  struct weave_bound bound = {.preemptions = 100};
  CHECK_EQ(weave_explore(&scenario, bound, NULL).executions, 20);
  bound.preemptions = 0;
  CHECK_EQ(weave_explore(&scenario, bound, NULL).executions, 2);
  bound.preemptions = 1;
  CHECK_EQ(weave_explore(&scenario, bound, NULL).executions, 6);
}

ACTOR(store_both) {
  STORE(x, 1, relaxed);
  STORE(y, 1, relaxed);
}
static unsigned deaths_seen;
static void end_deaths(void) { deaths_seen |= 1u << (LOAD(x, relaxed) + 2 * LOAD(y, relaxed)); }
TEST(deaths_before_each_access) {
  struct weave_scenario scenario = {.name = "deaths",
                                    .begin = begin,
                                    .end = end_deaths,
                                    .actors = {{.name = "a", .run = store_both, .mortal = true}}};
  struct weave_bound bound = {.preemptions = -1, .stale = -1, .deaths = 1};
  deaths_seen = 0;
  CHECK_EQ(weave_explore(&scenario, bound, NULL).executions, 3);
  CHECK_EQ(deaths_seen, 1u << 0 | 1u << 1 | 1u << 3);
}

ACTOR(loop_for_ever) {
  while (LOAD(x, relaxed) == 0)
    ;
}
TEST(endless_loops_are_faults) {
  struct weave_scenario scenario = {
      .name = "loop", .begin = begin, .actors = {{.name = "a", .run = loop_for_ever}}};
  const struct weave_mutation none = {"", "", WEAVE_RELAX, NULL, NULL};
  CHECK(weave_explore(&scenario, WEAVE_ALL, &none).faulty);
}

/* A walk finds what the search finds, and the same seed walks the same way. */
TEST(walks_are_determined_by_the_seed) {
  struct weave_scenario scenario = {.name = "walk",
                                    .begin = begin,
                                    .end = end,
                                    .actors = {{.name = "a", .run = sb_a_releaseacquire},
                                               {.name = "b", .run = sb_b_releaseacquire}}};
  struct weave_bound bound = {.executions = 500};
  uint64_t seed = test_seed();
  outcomes = 0;
  struct weave_result first = weave_walk(&scenario, bound, seed, NULL);
  CHECK_EQ(outcomes,
           OUTCOME(0, 0, 0, 0) | OUTCOME(0, 1, 0, 0) | OUTCOME(1, 0, 0, 0) | OUTCOME(1, 1, 0, 0));
  CHECK_EQ(weave_walk(&scenario, bound, seed, NULL).steps, first.steps);
  CHECK_EQ(first.executions, 500);
}
