/* history/history.c - see history.h. */
#include "history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* --- recording --------------------------------------------------------------------------- */

static size_t history_bytes(uint32_t size) {
  return sizeof(struct history) + size * sizeof(struct event);
}

struct history *history_new(uint32_t size) {
  struct history *history =
      mmap(NULL, history_bytes(size), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (history == MAP_FAILED)
    return NULL;
  history->size = size;
  return history;
}

void history_free(struct history *history) { munmap(history, history_bytes(history->size)); }

static uint64_t tick(struct history *history) { return atomic_fetch_add(&history->clock, 1) + 1; }

struct event *event_new(struct history *history) {
  if (atomic_load(&history->used) >= history->size)
    return NULL;
  uint32_t index = atomic_fetch_add(&history->used, 1);
  if (index >= history->size)
    return NULL;
  struct event *event = &history->events[index];
  event->called = tick(history);
  atomic_store(&event->state, EVENT_OPEN);
  return event;
}

void event_note(struct event *event, enum operation_kind kind, unsigned map, unsigned key,
                uint64_t value) {
  event->operations[event->count] =
      (struct operation){(uint8_t)kind, (uint8_t)map, (uint8_t)key, value};
  /* The dead are looked at only when they are dead: the order of the program is enough. */
  atomic_signal_fence(memory_order_seq_cst);
  event->count++;
}

void event_at(struct event *event, enum event_state state, uint64_t version) {
  event->version = version;
  atomic_store(&event->state, state);
}

void event_end(struct history *history, struct event *event, enum event_state state) {
  event->returned = tick(history);
  atomic_store(&event->state, state);
}

uint64_t event_value(const struct history *history, const struct event *event) {
  return (uint64_t)(event - history->events + 1) << 8 | event->count;
}

uint64_t scan_hash(uint64_t hash, unsigned key, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) + key;
  return hash ^ hash >> 29;
}

/* --- the check --------------------------------------------------------------------------- */

struct state {
  uint64_t values[HISTORY_MAPS][HISTORY_KEYS];
};

struct checker {
  const struct history *history;
  const struct event **events; /* in the order of their places */
  uint32_t count;
  struct state state;
  struct history_counts *counts;
  struct history_batches batches;
  uint64_t applied; /* of them */
  uint64_t rounds;  /* versions since then that no transaction committed */
  const struct event **order;
  uint32_t ordered;
};

static char fault_text[300];

__attribute__((format(printf, 1, 2))) static const char *fault(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(fault_text, sizeof fault_text, format, arguments);
  va_end(arguments);
  return fault_text;
}

static unsigned long long number_of(const struct history *history, const struct event *event) {
  return (unsigned long long)(event - history->events);
}

/* Where it stands in the order: a commit between what shows the version before and what shows
 * its own. */
static uint64_t place(const struct event *event) {
  return event->version * 2 + (event->state >= EVENT_COMMITTING);
}

/* Neither comes before the other. */
static bool same_place(const struct event *a, const struct event *b) {
  return place(a) == place(b) && a->state != EVENT_BATCH && b->state != EVENT_BATCH;
}

static int by_place(const void *a, const void *b) {
  uint64_t left = place(*(const struct event *const *)a),
           right = place(*(const struct event *const *)b);
  return left < right ? -1 : left > right;
}

static uint64_t scanned(const struct state *state, unsigned map) {
  uint64_t hash = 0;
  for (unsigned key = 0; key < HISTORY_KEYS; key++)
    if (state->values[map][key])
      hash = scan_hash(hash, key, state->values[map][key]);
  return hash;
}

/* Does the operations of an event on the state, and compares what it read. */
static const char *replay(const struct checker *checker, const struct event *event,
                          struct state *state) {
  struct state save = *state;
  for (uint32_t i = 0; i < event->count; i++) {
    const struct operation *operation = &event->operations[i];
    uint64_t *value = &state->values[operation->map][operation->key], expected = *value;
    switch (operation->kind) {
    case OPERATION_WRITE: *value = operation->value; continue;
    case OPERATION_SAVE: save = *state; continue;
    case OPERATION_ROLL_BACK: *state = save; continue;
    case OPERATION_SCAN: expected = scanned(state, operation->map); break;
    default: break;
    }
    checker->counts->reads++;
    if (operation->value != expected)
      return fault(
          "event %llu at version %llu: operation %u read %llx of key %u in map %u, not %llx",
          number_of(checker->history, event), (unsigned long long)event->version, i,
          (unsigned long long)operation->value, operation->key, operation->map,
          (unsigned long long)expected);
  }
  return NULL;
}

/* The value of the key that each writer reads first. */
static bool wrote_turn(const struct event *event, uint64_t value) {
  for (uint32_t i = event->count; i-- > 0;) {
    const struct operation *operation = &event->operations[i];
    if (operation->kind == OPERATION_WRITE && operation->map == 0 && operation->key == HISTORY_TURN)
      return operation->value == value;
  }
  return false;
}

/* What the events from at on saw as the turn at this version: all of them agree, or replay() says
 * so. 0 when nobody looked. */
static uint64_t turn_seen(const struct checker *checker, uint32_t at, uint64_t version) {
  for (; at < checker->count && checker->events[at]->version <= version; at++) {
    const struct event *event = checker->events[at];
    const struct operation *first = event->operations;
    if (event->version == version && event->count && first->kind == OPERATION_READ &&
        first->map == 0 && first->key == HISTORY_TURN)
      return first->value;
  }
  return 0;
}

/* Which of the events that stand at this place is version + 1: the one that says so, or of those
 * that died in commit the one whose turn was seen. */
static const char *commit_find(const struct checker *checker, uint32_t from, uint32_t to,
                               uint64_t version, const struct event **commit) {
  const struct event *died = NULL;
  uint64_t turn = turn_seen(checker, to, version + 1);
  *commit = NULL;
  for (uint32_t i = from; i < to; i++) {
    const struct event *event = checker->events[i];
    if (event->state == EVENT_COMMITTED && *commit)
      return fault("events %llu and %llu both committed version %llu",
                   number_of(checker->history, *commit), number_of(checker->history, event),
                   (unsigned long long)version + 1);
    if (event->state == EVENT_COMMITTED)
      *commit = event;
    else if (wrote_turn(event, turn) || to - from == 1)
      died = event;
  }
  if (!*commit)
    *commit = died;
  if (!*commit && checker->batches.count == 0)
    return fault("nobody committed version %llu", (unsigned long long)version + 1);
  return NULL;
}

/* Applies the batches that the events from `from` to `to`, of one version, had seen: each version since
 * the last such look that no transaction committed applied at least one. */
static const char *batches_apply(struct checker *checker, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    const struct event *event = checker->events[i];
    if (event->batches < checker->applied + checker->rounds ||
        event->batches > checker->batches.count ||
        (checker->rounds == 0 && event->batches != checker->applied))
      return fault("event %llu at version %llu saw %llu batches; %llu and those of %llu versions "
                   "were applied",
                   number_of(checker->history, event), (unsigned long long)event->version,
                   (unsigned long long)event->batches, (unsigned long long)checker->applied,
                   (unsigned long long)checker->rounds);
    checker->counts->rounds += checker->rounds;
    checker->rounds = 0;
    while (checker->applied < event->batches) {
      uint64_t number = checker->batches.events[checker->applied++];
      const struct event *batch = &checker->history->events[number];
      if (number >= checker->history->size || batch->state != EVENT_BATCH)
        return fault("event %llu was applied, and is no batch", (unsigned long long)number);
      const char *why = replay(checker, batch, &checker->state);
      if (why)
        return why;
      checker->order[checker->ordered++] = batch;
      checker->counts->batches++;
    }
  }
  return NULL;
}

/* Each batch was applied once. */
static const char *batches_count(const struct checker *checker) {
  const struct history *history = checker->history;
  uint64_t batches = 0;
  uint8_t *seen = calloc(history->size, 1);
  const char *why = seen ? NULL : "no memory for the check";
  for (uint32_t i = 0; i < history->size; i++)
    batches += history->events[i].state == EVENT_BATCH;
  for (uint64_t i = 0; i < checker->batches.count && !why; i++)
    if (checker->batches.events[i] >= history->size || seen[checker->batches.events[i]]++)
      why = fault("batch %llu was applied twice", (unsigned long long)checker->batches.events[i]);
  free(seen);
  if (!why && batches != checker->batches.count)
    why = fault("%llu batches were accepted, %llu applied", (unsigned long long)batches,
                (unsigned long long)checker->batches.count);
  return why;
}

/* Events that only look at the version. */
static const char *readers_check(const struct checker *checker, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    struct state state = checker->state;
    const char *why = replay(checker, checker->events[i], &state);
    if (why)
      return why;
    checker->counts->snapshots += checker->events[i]->state == EVENT_SNAPSHOT;
  }
  return NULL;
}

/* Nothing returns before what stands before it is called. An event that did not return, or of
 * which it is not known whether it took place, is before and after all. */
static const char *times_check(const struct checker *checker, const struct event *const *order,
                               uint32_t count) {
  const struct event *latest = NULL, *next = NULL;
  for (uint32_t i = 0; i < count; i++) {
    if (i && !same_place(order[i], order[i - 1]))
      latest = next;
    if (latest && order[i]->returned && order[i]->returned < latest->called)
      return fault(
          "event %llu at version %llu returned at %llu; event %llu at version %llu was called "
          "at %llu",
          number_of(checker->history, order[i]), (unsigned long long)order[i]->version,
          (unsigned long long)order[i]->returned, number_of(checker->history, latest),
          (unsigned long long)latest->version, (unsigned long long)latest->called);
    if (!next || order[i]->called > next->called)
      next = order[i];
  }
  return NULL;
}

static void order_add(struct checker *checker, const struct event *const *events, uint32_t count) {
  memcpy((void *)(checker->order + checker->ordered), (const void *)events, count * sizeof *events);
  checker->ordered += count;
}

static const char *versions_check(struct checker *checker, uint64_t last) {
  uint32_t at = 0;
  for (uint64_t version = checker->history->first; version <= last; version++) {
    const struct event *commit;
    uint32_t from = at, begun;
    while (at < checker->count && place(checker->events[at]) <= version * 2)
      at++;
    for (begun = at; begun < checker->count && place(checker->events[begun]) == version * 2 + 1;)
      begun++;
    const char *why = batches_apply(checker, from, begun);
    if (!why)
      why = readers_check(checker, from, at);
    order_add(checker, checker->events + from, at - from);
    from = at;
    at = begun;
    if (why || version == last) { /* who died in commit after the last version left no trace */
      if (!why && from < at && checker->events[at - 1]->state == EVENT_COMMITTED)
        why = fault("version %llu was committed and is not there", (unsigned long long)version + 1);
      if (why)
        return why;
      continue;
    }
    why = commit_find(checker, from, at, version, &commit);
    for (uint32_t i = from; i < at && !why; i++) {
      struct state state = checker->state;
      why = replay(checker, checker->events[i], &state);
    }
    if (!why && commit)
      why = replay(checker, commit, &checker->state);
    if (why)
      return why;
    if (!commit) {
      checker->rounds++;
      continue;
    }
    order_add(checker, &commit, 1);
    checker->counts->commits++;
    checker->counts->unfinished += (uint64_t)(at - from) - (commit->state == EVENT_COMMITTED);
  }
  if (at < checker->count)
    return fault("event %llu saw version %llu; the last is %llu",
                 number_of(checker->history, checker->events[at]),
                 (unsigned long long)checker->events[at]->version, (unsigned long long)last);
  return NULL;
}

const char *history_check(const struct history *history, uint64_t last,
                          struct history_batches batches, struct history_counts *counts) {
  uint32_t used = history->used < history->size ? history->used : history->size;
  struct checker checker = {.history = history, .counts = counts, .batches = batches};
  checker.order = calloc(used + 1, sizeof *checker.order);
  checker.events = calloc(used + 1, sizeof *checker.events);
  const char *why = checker.order && checker.events ? NULL : "no memory for the check";
  if (!why)
    why = batches_count(&checker);
  for (uint32_t i = 0; i < used && !why; i++)
    if (history->events[i].state >= EVENT_SNAPSHOT)
      checker.events[checker.count++] = &history->events[i];
  if (!why) {
    qsort((void *)checker.events, checker.count, sizeof *checker.events, by_place);
    why = versions_check(&checker, last);
  }
  if (!why)
    why = times_check(&checker, checker.order, checker.ordered);
  free((void *)checker.events);
  free((void *)checker.order);
  return why;
}
