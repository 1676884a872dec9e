/* weave_memory.c - which values the memory model lets a load return.
 *
 * The model is that of C11 with the repairs of C++20 that Lahav and others ("Repairing sequential
 * consistency in C/C++11", 2017) give reasons for, in its operational form:
 *
 * - A location has all its stores, in modification order. A thread may not load (nor store
 *   before) what is older than a store that it knows to be seen: by itself, or by a thread at a
 *   moment that happens before now. Everything else is a choice. A store too may take a place
 *   before others that it knows nothing of.
 * - Happens-before is kept as vector clocks. A release store carries its thread's clock; an acquire
 *   load that reads it, or a read-modify-write that follows it in an unbroken row, joins that clock.
 *   (C11 also lets later relaxed stores of the same thread carry on a release sequence, which C++20 took
 *   back. Not counting on that explores more.)
 * - Sequentially consistent accesses must fit into one total order that agrees with
 *   happens-before and with the order of values at each location. That order need not be the one
 *   in which they are run here: a graph holds what must come before what, and a value is not offered
 *   if it would close a circle.
 *
 * Left out: values out of the future. A load here reads from a store that has been run, so that
 * executions are not explored in which each of two loads reads what is stored after the other: that
 * takes a relaxed load and a relaxed store that change places. */
#include "weave_engine.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define LOCATIONS 512u /* a power of two */
#define LOCATION_STORES 96
#define STORES 4096
#define ORDERED 256 /* sequentially consistent accesses in one execution */

struct stored {
  uint64_t value;
  struct clock message;   /* what who acquires it comes to know */
  uint32_t seen[THREADS]; /* a thread's tick when it first stored or loaded this; 0: never */
  int place;              /* in the modification order */
  bool followed;          /* a read-modify-write has read it: nothing may come between */
};

struct location {
  const volatile void *address;
  uint64_t execution; /* else: not yet used in this one */
  int count;
  uint16_t order[LOCATION_STORES]; /* indexes of struct stored */
};

/* A sequentially consistent access. */
struct ordered {
  struct location *location;
  struct stored *stored;
  bool reads; /* else: it wrote `stored` */
  int thread;
  uint32_t tick;
};

static struct location locations[LOCATIONS];
static struct stored stores[STORES];
static unsigned store_count;
static struct clock clocks[THREADS];
static struct ordered ordered[ORDERED];
static uint64_t follows[ORDERED][ORDERED / 64]; /* by index: what must come after it */
static unsigned ordered_count;

static struct {
  struct weave_site site; /* a copy: the one given lies in its function's frame */
  volatile void *address;
  uint64_t value;
  int order;
} delayed[THREADS]; /* a delaying mutation's store */

struct clock *memory_clock(int thread) {
  return &clocks[thread];
}

void memory_reset(void) {
  store_count = ordered_count = 0;
  memset(clocks, 0, sizeof clocks);
  memset(delayed, 0, sizeof delayed);
  clocks[0].tick[0] = 1;
}

void memory_start(void) {
  for (int i = 1; i < THREADS; i++)
    clocks[i] = clocks[0];
}

/* --- locations ------------------------------------------------------------------------- */

static struct stored *stored_at(const struct location *location, int place) {
  return &stores[location->order[place]];
}

static struct stored *insert(struct location *location, int place, uint64_t value) {
  if (location->count == LOCATION_STORES)
    weave_fault("no end after %d stores to one word: an endless loop", LOCATION_STORES);
  BASE_ASSERT(store_count < STORES);
  for (int i = location->count; i > place; i--) {
    location->order[i] = location->order[i - 1];
    stored_at(location, i)->place = i;
  }
  location->count++;
  location->order[place] = (uint16_t)store_count;
  struct stored *stored = &stores[store_count++];
  *stored = (struct stored){.value = value, .place = place};
  return stored;
}

static struct location *find(const volatile void *address) {
  uint64_t execution = engine_execution();
  unsigned at = (unsigned)((uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15) >> 32);
  for (unsigned i = 0; i < LOCATIONS; i++) {
    struct location *location = &locations[(at + i) & (LOCATIONS - 1)];
    if (location->execution == execution && location->address != address)
      continue;
    if (location->execution != execution) {
      location->address = address;
      location->execution = execution;
      location->count = 0;
      insert(location, 0, 0)->seen[0] = 1; /* all shared memory begins as zero */
    }
    return location;
  }
  BASE_ASSERT(!"too many locations");
  return NULL;
}

/* The oldest place that who knows `known` may load from. */
static int oldest(const struct location *location, const struct clock *known) {
  for (int place = location->count - 1; place > 0; place--) {
    const struct stored *stored = stored_at(location, place);
    for (int i = 0; i < THREADS; i++)
      if (stored->seen[i] && stored->seen[i] <= known->tick[i])
        return place;
  }
  return 0;
}

static void see(struct stored *stored, int thread) {
  if (!stored->seen[thread])
    stored->seen[thread] = clocks[thread].tick[thread];
}

/* --- the total order ------------------------------------------------------------------- */

/* Whether an access that is not yet in the graph precedes (< 0) or follows (> 0) `other`. It loads from
 * `place`, or stores so that it comes before what is at `place` now. */
static int relation(const struct location *location, int place, bool reads, int thread,
                    const struct ordered *other) {
  if (other->location == location) {
    int there = other->stored->place;
    if (reads && (there > place))
      return -1;
    if (reads && (there < place || !other->reads))
      return 1;
    if (!reads)
      return there < place ? 1 : -1;
  }
  return clocks[thread].tick[other->thread] >= other->tick ? 1 : 0;
}

static bool comes_after(unsigned later, unsigned earlier) {
  return follows[earlier][later / 64] >> later % 64 & 1;
}

/* Whether such an access fits into a total order. */
static bool fits(const struct location *location, int place, bool reads, int thread) {
  for (unsigned after = 0; after < ordered_count; after++) {
    if (relation(location, place, reads, thread, &ordered[after]) >= 0)
      continue;
    if (clocks[thread].tick[ordered[after].thread] >= ordered[after].tick)
      return false;
    for (unsigned before = 0; before < ordered_count; before++)
      if (comes_after(before, after) &&
          relation(location, place, reads, thread, &ordered[before]) > 0)
        return false;
  }
  return true;
}

/* Enters an access into the graph. For a store `place` is its own: what is there was moved up. */
static void enter(struct location *location, int place, bool reads, int thread) {
  BASE_ASSERT(ordered_count < ORDERED);
  unsigned self = ordered_count;
  uint64_t before[ORDERED / 64] = {0}, after[ORDERED / 64] = {0};
  for (unsigned i = 0; i < self; i++) {
    int relative = relation(location, place, reads, thread, &ordered[i]);
    if (relative > 0)
      before[i / 64] |= UINT64_C(1) << i % 64;
    if (relative < 0) {
      after[i / 64] |= UINT64_C(1) << i % 64;
      for (unsigned w = 0; w < ORDERED / 64; w++)
        after[w] |= follows[i][w];
    }
  }
  memcpy(follows[self], after, sizeof after);
  after[self / 64] |= UINT64_C(1) << self % 64;
  for (unsigned i = 0; i < self; i++) {
    bool precedes = before[i / 64] >> i % 64 & 1;
    for (unsigned w = 0; w < ORDERED / 64 && !precedes; w++)
      precedes = (follows[i][w] & before[w]) != 0;
    for (unsigned w = 0; w < ORDERED / 64 && precedes; w++)
      follows[i][w] |= after[w];
  }
  ordered[ordered_count++] = (struct ordered){.location = location,
                                              .stored = stored_at(location, place),
                                              .reads = reads,
                                              .thread = thread,
                                              .tick = clocks[thread].tick[thread]};
}

/* --- orders ---------------------------------------------------------------------------- */

static bool acquires(int order) {
  return order == memory_order_acquire || order == memory_order_acq_rel ||
         order == memory_order_seq_cst;
}
static bool releases(int order) {
  return order == memory_order_release || order == memory_order_acq_rel ||
         order == memory_order_seq_cst;
}

static const char *order_name(int order) {
  static const char *const names[] = {"relaxed", "consume", "acquire",
                                      "release", "acq_rel", "seq_cst"};
  return names[order];
}

/* Whether a mutation changes this access in that way. */
static bool is_meant(const struct weave_site *site, int order, enum weave_change change) {
  for (const struct weave_mutation *m = engine_mutation(); m; m = m->also)
    if (m->change == change && strcmp(m->function, site->function) == 0 &&
        strstr(site->object, m->object) && (!m->order || strcmp(m->order, order_name(order)) == 0))
      return true;
  return false;
}

static int mutated(const struct weave_site *site, int order) {
  if (is_meant(site, order, WEAVE_RELAX))
    return memory_order_relaxed;
  if (is_meant(site, order, WEAVE_ACQ_REL) && order == memory_order_seq_cst)
    return memory_order_acq_rel;
  return order;
}

static uint64_t truncate(uint64_t value, int size) {
  return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

/* --- accesses -------------------------------------------------------------------------- */

/* Values that may be taken: places in the modification order, newest first. */
struct offer {
  int places[LOCATION_STORES];
  int count;
};

static void tell(const struct weave_site *site, int order, uint64_t value, const char *how,
                 const struct offer *offer, int taken) {
  if (!engine_recording())
    return;
  char choice[48] = "";
  if (offer->count > 1)
    snprintf(choice, sizeof choice, "  (%d-newest of %d)", taken + 1, offer->count);
  engine_record(site, "%-8s %-28s %s %s 0x%llx%s", site->name, site->object, order_name(order), how,
                (unsigned long long)value, choice);
}

/* Chooses among the offered; only the newest when no more old ones may be given. */
static int take(struct offer *offer) {
  BASE_ASSERT(offer->count > 0);
  if (!engine_may_be_stale())
    offer->count = 1;
  return (int)engine_choose(CHOICE_VALUE, (unsigned)offer->count);
}

static void load_from(struct location *location, int place, int order, int thread) {
  struct stored *stored = stored_at(location, place);
  see(stored, thread);
  if (acquires(order))
    clock_join(&clocks[thread], &stored->message);
  if (order == memory_order_seq_cst)
    enter(location, place, true, thread);
}

static struct stored *store_to(struct location *location, int place, uint64_t value, int order,
                               int thread) {
  struct stored *stored = insert(location, place, value);
  see(stored, thread);
  if (releases(order))
    stored->message = clocks[thread];
  if (order == memory_order_seq_cst)
    enter(location, place, false, thread);
  return stored;
}

/* Begins an access: the actor stops, then has a new moment. */
static struct location *begin(enum step_kind kind, const volatile void *address) {
  if (engine_driven())
    engine_step((struct step){.kind = kind, .place = address});
  clocks[engine_thread()].tick[engine_thread()]++;
  return find(address);
}

void memory_delayed_store(void) {
  int thread = engine_thread();
  if (!delayed[thread].address)
    return;
  volatile void *address = delayed[thread].address;
  delayed[thread].address = NULL;
  struct location *location = begin(STEP_WRITE, address);
  store_to(location, location->count, delayed[thread].value, delayed[thread].order, thread);
  engine_record(&delayed[thread].site, "store    %s, delayed", delayed[thread].site.object);
}

uint64_t weave_load(const struct weave_site *site, const volatile void *address, int order) {
  if (is_meant(site, order, WEAVE_SKIP))
    return 0;
  order = mutated(site, order);
  struct location *location = begin(STEP_READ, address);
  if (!engine_driven())
    return stored_at(location, location->count - 1)->value;
  int thread = engine_thread(), lowest = oldest(location, &clocks[thread]);
  struct offer offer = {.count = 0};
  for (int place = location->count - 1; place >= lowest; place--)
    if (order != memory_order_seq_cst || fits(location, place, true, thread))
      offer.places[offer.count++] = place;
  int taken = take(&offer), place = offer.places[taken];
  uint64_t value = stored_at(location, place)->value;
  load_from(location, place, order, thread);
  tell(site, order, value, "->", &offer, taken);
  memory_delayed_store();
  return value;
}

void weave_store(const struct weave_site *site, volatile void *address, uint64_t value, int order) {
  if (is_meant(site, order, WEAVE_SKIP))
    return;
  if (is_meant(site, order, WEAVE_DELAY) && !delayed[engine_thread()].address) {
    delayed[engine_thread()].site = *site;
    delayed[engine_thread()].address = address;
    delayed[engine_thread()].value = value;
    delayed[engine_thread()].order = order;
    return;
  }
  order = mutated(site, order);
  struct location *location = begin(STEP_WRITE, address);
  int thread = engine_thread();
  if (!engine_driven()) {
    stored_at(location, location->count - 1)->value = value;
    return;
  }
  int lowest = oldest(location, &clocks[thread]);
  struct offer offer = {.count = 0};
  for (int place = location->count; place > lowest; place--)
    if (!stored_at(location, place - 1)->followed &&
        (order != memory_order_seq_cst || fits(location, place, false, thread)))
      offer.places[offer.count++] = place;
  int taken = take(&offer);
  store_to(location, offer.places[taken], value, order, thread);
  tell(site, order, value, "=", &offer, taken);
  memory_delayed_store();
}

/* A read-modify-write of what is at `place`; the new value comes right behind it. */
static void modify_at(struct location *location, int place, uint64_t value, int order, int thread) {
  struct stored *old = stored_at(location, place);
  see(old, thread);
  if (acquires(order))
    clock_join(&clocks[thread], &old->message);
  old->followed = true;
  struct stored *new = store_to(location, place + 1, value, order, thread);
  clock_join(&new->message, &old->message); /* a release sequence goes on */
}

static uint64_t modified(uint64_t old, enum weave_rmw how, uint64_t operand, int size) {
  switch (how) {
  case WEAVE_EXCHANGE: return operand;
  case WEAVE_ADD: return truncate(old + operand, size);
  case WEAVE_OR: return old | operand;
  case WEAVE_AND: return old & operand;
  }
  return 0;
}

uint64_t weave_modify(const struct weave_site *site, volatile void *address, enum weave_rmw how,
                      uint64_t operand, int order) {
  if (is_meant(site, order, WEAVE_SKIP)) {
    struct weave_site look = *site;
    look.function = "";
    return weave_load(&look, address, memory_order_relaxed);
  }
  order = mutated(site, order);
  struct location *location = begin(STEP_WRITE, address);
  int thread = engine_thread();
  if (!engine_driven()) {
    struct stored *newest = stored_at(location, location->count - 1);
    uint64_t old = newest->value;
    newest->value = modified(old, how, operand, site->size);
    return old;
  }
  int lowest = oldest(location, &clocks[thread]);
  struct offer offer = {.count = 0};
  for (int place = location->count - 1; place >= lowest; place--)
    if (!stored_at(location, place)->followed &&
        (order != memory_order_seq_cst || fits(location, place + 1, false, thread)))
      offer.places[offer.count++] = place;
  int taken = take(&offer), place = offer.places[taken];
  uint64_t old = stored_at(location, place)->value;
  modify_at(location, place, modified(old, how, operand, site->size), order, thread);
  tell(site, order, modified(old, how, operand, site->size), "=", &offer, taken);
  memory_delayed_store();
  return old;
}

int weave_compare_exchange(const struct weave_site *site, volatile void *address,
                           uint64_t *expected, uint64_t desired, int success, int failure) {
  if (is_meant(site, success, WEAVE_SKIP))
    return 1;
  success = mutated(site, success);
  failure = mutated(site, failure);
  struct location *location = begin(STEP_WRITE, address);
  int thread = engine_thread();
  if (!engine_driven()) {
    struct stored *newest = stored_at(location, location->count - 1);
    int equal = newest->value == *expected;
    *expected = newest->value;
    if (equal)
      newest->value = desired;
    return equal;
  }
  int lowest = oldest(location, &clocks[thread]);
  struct offer offer = {.count = 0};
  for (int place = location->count - 1; place >= lowest; place--) {
    const struct stored *stored = stored_at(location, place);
    bool equal = stored->value == *expected;
    if (equal && stored->followed)
      continue;
    if ((equal ? success : failure) != memory_order_seq_cst ||
        fits(location, equal ? place + 1 : place, !equal, thread))
      offer.places[offer.count++] = place;
  }
  int taken = take(&offer), place = offer.places[taken];
  uint64_t found = stored_at(location, place)->value;
  int equal = found == *expected;
  if (equal)
    modify_at(location, place, desired, success, thread);
  else
    load_from(location, place, failure, thread);
  tell(site, equal ? success : failure, equal ? desired : found, equal ? "=" : "fails:", &offer,
       taken);
  memory_delayed_store();
  *expected = found;
  return equal;
}

uint64_t memory_kernel_load(const void *word, int size, const struct clock *known) {
  static const struct weave_site site = {
      .file = "kernel", .function = "futex", .object = "the futex word", .name = "load"};
  struct location *location = find(word);
  int thread = engine_thread(), lowest = oldest(location, &clocks[thread]);
  int lowest_known = oldest(location, known);
  struct offer offer = {.count = 0};
  clocks[thread].tick[thread]++;
  if (lowest < lowest_known)
    lowest = lowest_known;
  for (int place = location->count - 1; place >= lowest; place--)
    offer.places[offer.count++] = place;
  int taken = take(&offer), place = offer.places[taken];
  see(stored_at(location, place), thread);
  uint64_t value = truncate(stored_at(location, place)->value, size);
  tell(&site, memory_order_relaxed, value, "->", &offer, taken);
  return value;
}

/* --- cells ----------------------------------------------------------------------------- */

static void cell_begin(struct weave_cell *cell) {
  if (cell->execution != engine_execution())
    *cell = (struct weave_cell){.name = cell->name, .execution = engine_execution()};
}

/* A new moment of the actor, and its thread. */
static int cell_access(struct weave_cell *cell, const char *what, uint64_t value) {
  int thread = engine_thread();
  clocks[thread].tick[thread]++;
  engine_record(NULL, "%s %s: %llu", what, cell->name, (unsigned long long)value);
  return thread;
}

/* Whether the last write does not happen before now. */
static bool is_racing(const struct weave_cell *cell, int thread) {
  return cell->written > clocks[thread].tick[cell->writer];
}

static void race(const struct weave_cell *cell, const char *what, const char *other) {
  weave_fault("data race on %s: %s, while another's %s does not happen before it", cell->name, what,
              other);
}

uint64_t weave_cell_read(struct weave_cell *cell) {
  cell_begin(cell);
  if (engine_driven()) {
    int thread = cell_access(cell, "reads", cell->value);
    if (is_racing(cell, thread))
      race(cell, "read", "write");
    cell->read[thread] = clocks[thread].tick[thread];
  }
  return cell->value;
}

uint64_t weave_cell_peek(struct weave_cell *cell) {
  cell_begin(cell);
  int thread = cell_access(cell, "peeks at", cell->value);
  cell->peek[thread] = clocks[thread].tick[thread];
  cell->peek_raced &= ~(1u << thread);
  cell->peek_raced |= (uint32_t)is_racing(cell, thread) << thread;
  return cell->value;
}

void weave_cell_confirm(struct weave_cell *cell) {
  int thread = engine_thread();
  engine_record(NULL, "confirms what it saw of %s", cell->name);
  if (cell->peek_raced >> thread & 1)
    race(cell, "read", "write");
  cell->read[thread] = cell->peek[thread];
}

void weave_cell_write(struct weave_cell *cell, uint64_t value) {
  cell_begin(cell);
  if (engine_driven()) {
    int thread = cell_access(cell, "writes", value);
    if (is_racing(cell, thread))
      race(cell, "written", "write");
    for (int i = 0; i < THREADS; i++) {
      if (cell->read[i] > clocks[thread].tick[i])
        race(cell, "written", "read");
      if (cell->peek[i] > clocks[thread].tick[i])
        cell->peek_raced |= 1u << i;
    }
    cell->writer = (uint32_t)thread;
    cell->written = clocks[thread].tick[thread];
  }
  cell->value = value;
}
