/* weave.h - a schedule explorer: runs a few actors through all interleavings of their atomic
 * accesses, where each load may return every value that the memory model of C11 allows.
 *
 * The sources under test are the real ones, compiled once more with woven.h in front, which puts
 * the explorer in the place of the C11 atomics, the clock and the pauses; weave_os.c puts a
 * model in the place of byte locks, futexes and files. An actor stands for a process (or a
 * thread: to the protocols it is the same). It is a coroutine that stops before each access; the
 * explorer then chooses who goes on, which of the allowed values a load gets, whether an actor
 * that may die dies here, and whether a sleep runs out. The list of choices is the trail of an
 * execution: the next one changes the last choice that has an alternative left (depth first), or
 * all are made by chance. A fault prints its trail as steps, and as a string that replays it:
 *
 *   COPSE_WEAVE=STRING build/tests/interleave-NAME --filter TEST
 *
 * Without a bound on preemptions, executions that differ only in the order of independent
 * accesses are run once (sleep sets: Godefroid, "Partial-Order Methods", 1996). With a bound all
 * are run: what a sleep set leaves out could be the one that keeps within the bound. */
#ifndef INTERLEAVE_WEAVE_H
#define INTERLEAVE_WEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "copse/error.h"

#define WEAVE_ACTORS 4

struct weave_actor {
  const char *name;
  void (*run)(void *argument);
  void *argument;
  bool mortal; /* may die before any of its accesses, and while it sleeps */
};

struct weave_scenario {
  const char *name;
  void (*begin)(void); /* sets the shared memory up; what it writes is seen by all */
  struct weave_actor actors[WEAVE_ACTORS]; /* up to the first without a name */
  void (*end)(void);       /* looks at the newest values when all actors have ended; may be NULL */
  bool sleeps_may_run_out; /* else: when all sleep and nobody has died, that is a fault */
};

/* What bounds the executions; -1: nothing. */
struct weave_bound {
  int preemptions; /* switches away from an actor that could go on */
  int stale;       /* loads (and places of stores) that are not the newest */
  int deaths;
  int timeouts;        /* sleeps that run out while others could go on */
  uint64_t executions; /* as many at most; 0: all there are */
};

#define WEAVE_ALL ((struct weave_bound){.preemptions = -1, .stale = -1})

/* A fault put into the sources, to show that a scenario would find it: changes the accesses to
 * `object` (part of its text in the source) in `function`. */
struct weave_mutation {
  const char *function, *object;
  enum weave_change {
    WEAVE_RELAX,   /* the order becomes relaxed */
    WEAVE_ACQ_REL, /* sequentially consistent becomes acquire and release */
    WEAVE_SKIP,    /* left out: a load gives 0, a read-modify-write becomes a relaxed load, a
                      compare-and-swap pretends to have swapped */
    WEAVE_DELAY,   /* a store is made after the access that follows it */
  } change;
  const char *order;                 /* only accesses of this order, "relaxed"; NULL: any */
  const struct weave_mutation *also; /* another one in addition */
};

/* For scenarios that show how a protocol would be broken. */
#define WEAVE_AS_IT_IS ((struct weave_mutation){"", "", WEAVE_SKIP, NULL, NULL})

struct weave_result {
  uint64_t executions; /* run to their end */
  uint64_t redundant;  /* left when all that could go on had been explored */
  uint64_t steps;      /* accesses in all of them */
  bool complete;       /* all executions within the bound were run */
  bool faulty;
  char fault[256];
};

/* Explores; on a fault stops and, when `mutation` is NULL, prints its trail. */
struct weave_result weave_explore(const struct weave_scenario *scenario, struct weave_bound bound,
                                  const struct weave_mutation *mutation);
/* Random executions, bounded by deaths, timeouts and number only. */
struct weave_result weave_walk(const struct weave_scenario *scenario, struct weave_bound bound,
                               uint64_t seed, const struct weave_mutation *mutation);

/* The same as tests: explores (as far as `bound`, then by `walks` random executions), prints what was
 * explored and fails the test on a fault; or fails it unless the mutation leads to a fault. */
void weave_expect_sound(const struct weave_scenario *scenario, struct weave_bound bound,
                        uint64_t walks);
void weave_expect_fault(const struct weave_scenario *scenario, struct weave_bound bound,
                        struct weave_mutation mutation);

/* --- for scenarios --------------------------------------------------------------------- */

/* Ends the execution as faulty unless the condition holds. */
#define WEAVE_CHECK(condition, ...)                                                                \
  do {                                                                                             \
    if (!(condition))                                                                              \
      weave_fault(__VA_ARGS__);                                                                    \
  } while (0)
void weave_fault(const char *format, ...) COPSE_PRINTF(1, 2);

/* The actor that runs, from 0; -1 in begin() and end(). */
int weave_self(void);

/* Memory without atomics that a protocol protects: an access that no happens-before orders after a
 * conflicting one is a fault. Cells of static storage begin each execution at 0. */
struct weave_cell {
  const char *name;
  uint64_t value, execution;
  uint32_t written, writer;
  uint32_t read[WEAVE_ACTORS + 1];
  uint32_t peek[WEAVE_ACTORS + 1];
  uint32_t peek_raced; /* bits */
};
uint64_t weave_cell_read(struct weave_cell *cell);
void weave_cell_write(struct weave_cell *cell, uint64_t value);
/* Reading first and finding out afterwards whether that was allowed: a race is a fault only if the peek
 * is confirmed. One at a time for each actor. */
uint64_t weave_cell_peek(struct weave_cell *cell);
void weave_cell_confirm(struct weave_cell *cell);

#endif
