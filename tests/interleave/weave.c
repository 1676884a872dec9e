/* weave.c - the explorer: actors as coroutines, the choices of an execution, and the search
 * through them. weave.h says what it is for. */
#include "weave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/assert.h"
#include "base/points.h"
#include "test.h"
#include "weave_engine.h"
#include "weave_os.h"
#if TEST_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define STACK_BYTES (256u * 1024)
#define TRAIL_MOST 8192
#define STEPS_MOST 4000 /* in one execution: more is an endless loop */
#define SELF_NONE (-1)

enum actor_state { ACTOR_READY, ACTOR_ASLEEP, ACTOR_ENDED };

struct actor {
  ucontext_t context;
  jmp_buf base; /* where a death, or the end of an execution, leads out of all calls */
  void *stack;
  enum actor_state state;
  struct step step;         /* what it stands before, when ready */
  const void *word, *other; /* that it sleeps on */
  bool can_run_out;         /* its sleep */
  int sleep_result;
  bool dying, dead;
};

enum mode { MODE_SEARCH, MODE_WALK };

static struct actor actors[WEAVE_ACTORS];
static ucontext_t main_context;

/* The exploration. */
static struct {
  const struct weave_scenario *scenario;
  const struct weave_mutation *mutation;
  struct weave_bound bound;
  enum mode mode;
  struct test_random random;
  int actor_count;
  bool recording;
} job;

/* The execution. */
static struct {
  uint64_t number; /* never the same for two */
  int self;
  bool driven, starting, over, redundant;
  unsigned asleep_set; /* sleep set: bits of actors whose step need not be explored here */
  int preemptions, stale, deaths, timeouts;
  unsigned steps;
  char fault[sizeof((struct weave_result *)0)->fault];
} run;

static struct {
  struct choice_made {
    uint8_t chosen, count;
  } choices[TRAIL_MOST];
  unsigned length; /* that are given */
  unsigned at;
} trail;

int weave_self(void) { return run.driven ? run.self : SELF_NONE; }
bool engine_driven(void) { return run.driven; }
int engine_thread(void) { return run.driven ? run.self + 1 : 0; }
uint64_t engine_execution(void) { return run.number; }
bool engine_recording(void) { return job.recording; }

static bool within(int done, int most) { return most < 0 || done < most; }
bool engine_may_be_stale(void) { return within(run.stale, job.bound.stale); }

const struct weave_mutation *engine_mutation(void) { return job.mutation; }

/* --- the printed trail ----------------------------------------------------------------- */

static const char *self_name(void) {
  return run.self < 0 ? "-" : job.scenario->actors[run.self].name;
}

void engine_record(const struct weave_site *site, const char *format, ...) {
  if (!job.recording || !run.driven)
    return;
  char text[256];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  printf("     %4u %-10s %s", run.steps, self_name(), text);
  if (site && *site->function) {
    const char *slash = strrchr(site->file, '/');
    printf("   %s:%d %s", slash ? slash + 1 : site->file, site->line, site->function);
  }
  printf("\n");
}

static void point_record(enum point point) {
  engine_record(NULL, "at the point %s", points_names[point]);
}

/* --- choices --------------------------------------------------------------------------- */

static unsigned choose_by_chance(enum choice kind, unsigned count) {
  static const unsigned ordinary_of_16[] = {
      [CHOICE_ACTOR] = 8, [CHOICE_DEATH] = 15, [CHOICE_VALUE] = 10, [CHOICE_WAITER] = 0};
  if (test_random_below(&job.random, 16) < ordinary_of_16[kind])
    return 0;
  return (unsigned)test_random_below(&job.random, count);
}

unsigned engine_choose(enum choice kind, unsigned count) {
  unsigned chosen = 0;
  if (count > 1) {
    BASE_ASSERT(trail.at < TRAIL_MOST && count < 36);
    struct choice_made *made = &trail.choices[trail.at];
    if (trail.at == trail.length) {
      *made = (struct choice_made){0, (uint8_t)count};
      if (job.mode == MODE_WALK && !job.recording)
        made->chosen = (uint8_t)choose_by_chance(kind, count);
      trail.length++;
    }
    trail.at++;
    made->count = (uint8_t)count;
    chosen = made->chosen;
    BASE_ASSERT(chosen < count);
  }
  if (kind == CHOICE_VALUE && chosen)
    run.stale++;
  return chosen;
}

/* Goes on to the next trail in depth-first order; false when there is none. */
static bool trail_advance(void) {
  unsigned length = trail.at;
  while (length && trail.choices[length - 1].chosen + 1 == trail.choices[length - 1].count)
    length--;
  if (!length)
    return false;
  trail.choices[length - 1].chosen++;
  trail.length = length;
  return true;
}

/* "scenario:e:01(12)2": one character per choice, (n) for n times the first alternative. */
static void trail_print(void) {
  unsigned end = trail.length;
  while (end && trail.choices[end - 1].chosen == 0)
    end--;
  printf("     replay with COPSE_WEAVE='%s:%c:", job.scenario->name,
         job.mode == MODE_WALK ? 'w' : 'e');
  for (unsigned i = 0; i < end; i++) {
    unsigned zeros = 0;
    while (trail.choices[i + zeros].chosen == 0)
      zeros++;
    if (zeros > 3) {
      printf("(%u)", zeros);
      i += zeros - 1;
    } else {
      printf("%c", "0123456789abcdefghijklmnopqrstuvwxyz"[trail.choices[i].chosen]);
    }
  }
  printf("'\n");
}

/* Reads such a string. 1: it is for this exploration; 0: there is one, for another; negative: none. */
static int trail_read(void) {
  const char *text = getenv("COPSE_WEAVE");
  if (!text)
    return -1;
  size_t name = strlen(job.scenario->name);
  if (strncmp(text, job.scenario->name, name) || text[name] != ':' || job.mutation ||
      text[name + 1] != (job.mode == MODE_WALK ? 'w' : 'e') || text[name + 2] != ':')
    return 0;
  trail.length = 0;
  for (text += name + 3; *text && trail.length < TRAIL_MOST; text++) {
    if (*text == '(') {
      char *end;
      for (unsigned long n = strtoul(text + 1, &end, 10); n && trail.length < TRAIL_MOST; n--)
        trail.choices[trail.length++].chosen = 0;
      text = end;
    } else {
      int digit = *text >= 'a' ? *text - 'a' + 10 : *text - '0';
      trail.choices[trail.length++].chosen = (uint8_t)digit;
    }
  }
  return 1;
}

/* --- coroutines ------------------------------------------------------------------------ */

/* Leaves the running coroutine for another, or for the main one. */
static void switch_to(int next) {
  int from = run.self;
  if (next == from)
    return;
  run.self = next;
  swapcontext(from < 0 ? &main_context : &actors[from].context,
              next < 0 ? &main_context : &actors[next].context);
}

static int schedule(void);

/* After longjmp(): the address sanitizer clears what it noted of frames only on a thread's own stack. */
static void frames_forget(struct actor *actor) {
#if TEST_ASAN
  __asan_unpoison_memory_region(actor->stack, STACK_BYTES);
#else
  (void)actor;
#endif
}

static void actor_main(int index) {
  struct actor *self = &actors[index];
  for (;;) {
    if (setjmp(self->base) != 0) {
      frames_forget(self);
    } else {
      job.scenario->actors[index].run(job.scenario->actors[index].argument);
      memory_delayed_store();
    }
    self->state = ACTOR_ENDED;
    self->dead = self->dying;
    switch_to(run.starting || run.over ? SELF_NONE : schedule());
  }
}

static void actor_create(int index) {
  struct actor *actor = &actors[index];
  if (actor->stack)
    return;
  actor->stack =
      mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  BASE_ASSERT(actor->stack != MAP_FAILED);
  getcontext(&actor->context);
  actor->context.uc_stack.ss_sp = actor->stack;
  actor->context.uc_stack.ss_size = STACK_BYTES;
  makecontext(&actor->context, (void (*)(void))actor_main, 1, index);
}

/* Stops until the actor is chosen. */
static void stop(void) {
  struct actor *self = &actors[run.self];
  switch_to(run.starting ? SELF_NONE : schedule());
  if (run.over || self->dying)
    longjmp(self->base, 1);
}

void engine_step(struct step step) {
  if (run.steps++ == STEPS_MOST)
    weave_fault("no end after %d accesses: an endless loop", STEPS_MOST);
  actors[run.self].step = step;
  stop();
}

int engine_sleep(const void *word, const void *other, bool can_run_out) {
  struct actor *self = &actors[run.self];
  memory_delayed_store();
  self->state = ACTOR_ASLEEP;
  self->word = word;
  self->other = other;
  self->can_run_out = can_run_out;
  stop();
  return self->sleep_result;
}

int engine_wake(const void *word, int count) {
  int woken = 0;
  for (; woken < count; woken++) {
    int sleepers[WEAVE_ACTORS], n = 0;
    for (int i = 0; i < job.actor_count; i++)
      if (actors[i].state == ACTOR_ASLEEP && (actors[i].word == word || actors[i].other == word))
        sleepers[n++] = i;
    if (!n)
      break;
    /* When all are woken it does not matter in which order. */
    int chosen = sleepers[count < n ? engine_choose(CHOICE_WAITER, (unsigned)n) : 0];
    actors[chosen].state = ACTOR_READY;
    actors[chosen].step = (struct step){.kind = STEP_RESUME};
    actors[chosen].sleep_result = 0;
  }
  return woken;
}

void weave_fault(const char *format, ...) {
  if (!*run.fault) {
    va_list args;
    va_start(args, format);
    vsnprintf(run.fault, sizeof run.fault, format, args);
    va_end(args);
  }
  run.over = true;
  if (run.driven)
    longjmp(actors[run.self].base, 1);
}

/* --- who goes on ----------------------------------------------------------------------- */

struct alternative {
  enum { GO_ON, RUN_OUT, DIE_ASLEEP } what;
  int actor;
};

static bool may_die(int actor) {
  return job.scenario->actors[actor].mortal && within(run.deaths, job.bound.deaths);
}

static bool touches(const volatile void *place, const struct step *step) {
  return place && (place == step->place || place == step->other);
}

/* Whether the order of two steps of different actors matters. */
static bool dependent(int actor, const struct step *executed) {
  const struct step *pending = &actors[actor].step;
  if (executed->kind == STEP_LOCK && (pending->kind == STEP_LOCK || may_die(actor)))
    return true;
  if (pending->kind == STEP_READ && executed->kind == STEP_READ)
    return false;
  return touches(pending->place, executed) || touches(pending->other, executed);
}

static bool uses_sleep_sets(void) {
  return job.mode == MODE_SEARCH && job.bound.preemptions < 0 && job.bound.stale < 0;
}

/* The alternatives; the ordinary one, that the actor goes on which ran, first. */
static int alternatives_find(struct alternative *list) {
  int n = 0, ready = 0;
  bool self_ready = run.self >= 0 && actors[run.self].state == ACTOR_READY;
  for (int k = 0; k < job.actor_count; k++) {
    int i = run.self < 0 ? k : (run.self + k) % job.actor_count;
    if (actors[i].state != ACTOR_READY)
      continue;
    ready++;
    if (k && self_ready && !within(run.preemptions, job.bound.preemptions))
      continue;
    if (!(run.asleep_set >> i & 1))
      list[n++] = (struct alternative){GO_ON, i};
  }
  bool idle_ok = job.scenario->sleeps_may_run_out || run.deaths;
  bool run_out = false;
  for (int i = 0; i < job.actor_count; i++) {
    if (actors[i].state != ACTOR_ASLEEP)
      continue;
    if (actors[i].can_run_out && (ready ? within(run.timeouts, job.bound.timeouts) : idle_ok)) {
      list[n++] = (struct alternative){RUN_OUT, i};
      run_out = true;
    }
  }
  if (!ready && !run_out)
    return 0;
  for (int i = 0; i < job.actor_count; i++)
    if (actors[i].state == ACTOR_ASLEEP && may_die(i))
      list[n++] = (struct alternative){DIE_ASLEEP, i};
  if (!n)
    run.redundant = true;
  return n;
}

static void die(int actor) {
  run.deaths++;
  run.asleep_set = 0;
  actors[actor].dying = true;
  if (job.recording)
    printf("          %-10s dies\n", job.scenario->actors[actor].name);
  os_model_died(actor);
}

static void go_on(int actor) {
  if (run.self >= 0 && actors[run.self].state == ACTOR_READY && actor != run.self)
    run.preemptions++;
  const struct step executed = actors[actor].step;
  if (executed.kind != STEP_RESUME && may_die(actor) && engine_choose(CHOICE_DEATH, 2)) {
    die(actor);
    return;
  }
  for (int i = 0; i < job.actor_count; i++)
    if (run.asleep_set >> i & 1 && dependent(i, &executed))
      run.asleep_set &= ~(1u << i);
}

/* The actor that goes on; SELF_NONE when the execution is over. */
static int schedule(void) {
  struct alternative list[3 * WEAVE_ACTORS];
  int n = alternatives_find(list);
  if (n == 0) {
    run.over = true;
    for (int i = 0; i < job.actor_count && !run.redundant; i++)
      if (actors[i].state == ACTOR_ASLEEP && !*run.fault)
        snprintf(run.fault, sizeof run.fault, "%s sleeps for ever: a wake was lost",
                 job.scenario->actors[i].name);
    return SELF_NONE;
  }
  unsigned chosen = engine_choose(CHOICE_ACTOR, (unsigned)n);
  if (uses_sleep_sets())
    for (unsigned i = 0; i < chosen; i++)
      if (list[i].what == GO_ON)
        run.asleep_set |= 1u << list[i].actor;
  struct actor *actor = &actors[list[chosen].actor];
  switch (list[chosen].what) {
  case GO_ON: go_on(list[chosen].actor); break;
  case DIE_ASLEEP: die(list[chosen].actor); break;
  case RUN_OUT:
    run.timeouts++;
    run.asleep_set = 0;
    actor->state = ACTOR_READY;
    actor->sleep_result = COPSE_E_TIMEOUT;
    os_model_time_passes(list[chosen].actor);
    break;
  }
  return list[chosen].actor;
}

/* --- executions ------------------------------------------------------------------------ */

static void execution_begin(void) {
  uint64_t number = run.number + 1;
  memset(&run, 0, sizeof run);
  run.number = number;
  run.self = SELF_NONE;
  trail.at = 0;
  memory_reset();
  os_model_reset();
  job.scenario->begin();
  memory_start();
}

static void execution_run(void) {
  execution_begin();
  run.driven = run.starting = true;
  for (int i = 0; i < job.actor_count; i++) {
    actors[i].state = ACTOR_READY;
    actors[i].dying = actors[i].dead = false;
    actor_create(i);
    switch_to(i);
  }
  run.starting = false;
  if (!run.over)
    switch_to(schedule());
  run.over = true;
  for (int i = 0; i < job.actor_count; i++)
    if (actors[i].state != ACTOR_ENDED)
      switch_to(i);
  run.driven = false;
  if (!*run.fault && !run.redundant && job.scenario->end)
    job.scenario->end();
}

static void fault_print(void) {
  char fault[sizeof run.fault];
  memcpy(fault, run.fault, sizeof fault);
  printf("     scenario %s: %s\n", job.scenario->name, fault);
  job.recording = true;
  points_hook = point_record;
  execution_run();
  points_hook = NULL;
  job.recording = false;
  printf("     then: %s\n", *run.fault ? run.fault : "no fault: it is not determined by the trail");
  trail_print();
  fflush(stdout);
}

static struct weave_result explore(const struct weave_scenario *scenario, struct weave_bound bound,
                                   const struct weave_mutation *mutation, enum mode mode) {
  struct weave_result result = {0};
  if (TEST_TSAN)
    test_skip("the thread sanitizer does not follow coroutines, and there are no threads here");
  job.scenario = scenario;
  job.bound = bound;
  job.mutation = mutation;
  job.mode = mode;
  for (job.actor_count = 0;
       job.actor_count < WEAVE_ACTORS && scenario->actors[job.actor_count].name;)
    job.actor_count++;
  trail.length = 0;
  int replay = trail_read();
  if (replay == 0)
    return result;
  do {
    if (mode == MODE_WALK && replay < 0)
      trail.length = 0;
    execution_run();
    result.steps += run.steps;
    *(run.redundant ? &result.redundant : &result.executions) += 1;
    if (*run.fault || replay > 0) {
      result.faulty = *run.fault != 0;
      memcpy(result.fault, run.fault, sizeof result.fault);
      if (!mutation)
        fault_print();
      return result;
    }
    if (mode == MODE_SEARCH && !trail_advance()) {
      result.complete = true;
      break;
    }
  } while (!bound.executions || result.executions + result.redundant < bound.executions);
  return result;
}

struct weave_result weave_explore(const struct weave_scenario *scenario, struct weave_bound bound,
                                  const struct weave_mutation *mutation) {
  return explore(scenario, bound, mutation, MODE_SEARCH);
}

struct weave_result weave_walk(const struct weave_scenario *scenario, struct weave_bound bound,
                               uint64_t seed, const struct weave_mutation *mutation) {
  job.random.state = seed;
  bound.preemptions = bound.stale = -1;
  return explore(scenario, bound, mutation, MODE_WALK);
}

/* --- as tests -------------------------------------------------------------------------- */

static const char *bound_text(int bound, char text[16]) {
  snprintf(text, 16, "%d", bound);
  return bound < 0 ? "any" : text;
}

void weave_expect_sound(const struct weave_scenario *scenario, struct weave_bound bound,
                        uint64_t walks) {
  char preemptions[16], stale[16];
  struct weave_result found = weave_explore(scenario, bound, NULL);
  printf("     %s: %s %llu executions, %llu accesses (%llu redundant); preemptions %s, old values "
         "%s, deaths %d, early time-outs %d\n",
         scenario->name, found.complete ? "all" : "the first", (unsigned long long)found.executions,
         (unsigned long long)found.steps, (unsigned long long)found.redundant,
         bound_text(bound.preemptions, preemptions), bound_text(bound.stale, stale), bound.deaths,
         bound.timeouts);
  if (found.faulty)
    test_fail(__FILE__, __LINE__, "%s", found.fault);
  if (!walks)
    return;
  bound.executions = walks;
  found = weave_walk(scenario, bound, test_seed(), NULL);
  if (found.faulty)
    test_fail(__FILE__, __LINE__, "%s", found.fault);
  printf("     %s: %llu random executions, %llu accesses\n", scenario->name,
         (unsigned long long)found.executions, (unsigned long long)found.steps);
}

static const char *mutation_text(const struct weave_mutation *mutation, char text[128]) {
  static const char *const changes[] = {
      [WEAVE_RELAX] = "relaxed",
      [WEAVE_ACQ_REL] = "acquire and release only",
      [WEAVE_SKIP] = "left out",
      [WEAVE_DELAY] = "one access too late",
  };
  snprintf(text, 128, "%s in %s() %s", mutation->object, mutation->function,
           changes[mutation->change]);
  return *mutation->function ? text : "as it is";
}

void weave_expect_fault(const struct weave_scenario *scenario, struct weave_bound bound,
                        struct weave_mutation mutation) {
  char text[128];
  struct weave_result found = weave_explore(scenario, bound, &mutation);
  if (getenv("COPSE_WEAVE"))
    return;
  if (!found.faulty)
    test_fail(__FILE__, __LINE__, "%s: %s: no fault in %llu executions", scenario->name,
              mutation_text(&mutation, text), (unsigned long long)found.executions);
  printf("     %s: %s: found after %llu executions: %s\n", scenario->name,
         mutation_text(&mutation, text), (unsigned long long)found.executions, found.fault);
}
