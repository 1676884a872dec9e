/* weave_engine.h - between the parts of the explorer: weave.c (who runs, which choices),
 * weave_memory.c (what a load may return), weave_os.c (byte locks, futexes, clock). */
#ifndef INTERLEAVE_WEAVE_ENGINE_H
#define INTERLEAVE_WEAVE_ENGINE_H

#include "weave.h"
#include "woven.h"

/* Threads of the memory model: 0 is begin() and end(), actor i is i + 1. */
#define THREADS (WEAVE_ACTORS + 1)

/* How much of each thread's past one knows: the happens-before relation. */
struct clock {
  uint32_t tick[THREADS];
};
static inline void clock_join(struct clock *to, const struct clock *from) {
  for (int i = 0; i < THREADS; i++)
    if (to->tick[i] < from->tick[i])
      to->tick[i] = from->tick[i];
}

/* --- weave.c ----------------------------------------------------------------------------- */

/* What an actor is about to do, for finding out what it is independent of. */
enum step_kind { STEP_READ, STEP_WRITE, STEP_LOCK, STEP_RESUME };
struct step {
  enum step_kind kind;
  const volatile void *place, *other; /* a futex call may look at two words */
};

/* Stops before an access until the explorer lets the actor go on. Does not return when it dies. */
void engine_step(struct step step);
/* Chooses one of count alternatives, the first being the ordinary one. */
enum choice { CHOICE_ACTOR, CHOICE_DEATH, CHOICE_VALUE, CHOICE_WAITER };
unsigned engine_choose(enum choice kind, unsigned count);
/* Whether a load may be offered other values than the newest now. */
bool engine_may_be_stale(void);
/* Whether the memory is driven: false in begin() and end(), where all is in order. */
bool engine_driven(void);
int engine_thread(void); /* of the memory model */
uint64_t engine_execution(void);
/* Puts the actor to sleep on a word, or on two. 0: woken, or COPSE_E_TIMEOUT. */
int engine_sleep(const void *word, const void *other, bool can_run_out);
/* Wakes up to count sleepers of a word; how many there were. */
int engine_wake(const void *word, int count);
/* A line of the printed trail. */
bool engine_recording(void);
void engine_record(const struct weave_site *site, const char *format, ...) COPSE_PRINTF(2, 3);
const struct weave_mutation *engine_mutation(void);

/* --- weave_memory.c ---------------------------------------------------------------------- */

void memory_reset(void);
void memory_start(void);         /* all that was written so far is known to all actors */
void memory_delayed_store(void); /* a delaying mutation's store, before the actor sleeps or ends */
struct clock *memory_clock(int thread);
/* A load by the kernel: relaxed, but not older than what `known` has seen. */
uint64_t memory_kernel_load(const void *word, int size, const struct clock *known);

/* --- weave_os.c -------------------------------------------------------------------------- */

void os_model_reset(void);
void os_model_time_passes(int actor); /* the actor's sleep ran out */

#endif
