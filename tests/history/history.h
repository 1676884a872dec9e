/* history/history.h - what concurrent transactions did, and whether one order explains it.
 *
 * Each process writes down what it calls, before the call, and what comes of it, after. The
 * store's versions give the order, so that nothing has to be searched: the check replays all
 * commits in the order of their versions and compares
 *
 *   - each read of a transaction with the state of the version it began at and its own writes;
 *   - each read of a snapshot with the state of its version: a prefix of the commits;
 *   - the order with real time: what returned before another was called comes before it, or
 *     shows the same version. A refresh is a call of its own, so that it never goes back.
 *
 * Batches say in which order they were applied: each appends its event's number to a map, of which every
 * other event notes how much it saw. A version that no transaction committed applied some of them.
 * One that was only accepted takes effect at any time after its call.
 *
 * A process that died in a commit may have committed or not: the next version's writer read
 * whose it was. */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HISTORY_MAPS 3
#define HISTORY_KEYS 12
#define HISTORY_OPERATIONS 16
#define HISTORY_TURN                                                                               \
  0 /* in map 0: the key that each committing transaction reads first and writes */

enum operation_kind {
  OPERATION_READ,      /* gave value; 0: not there */
  OPERATION_WRITE,     /* value; 0: deleted */
  OPERATION_SCAN,      /* of a map: gave the hash of all */
  OPERATION_SAVE,      /* a savepoint */
  OPERATION_ROLL_BACK, /* to it */
};

struct operation {
  uint8_t kind, map, key;
  uint64_t value;
};

enum event_state {
  EVENT_FREE,
  EVENT_OPEN,     /* begun, the version not yet known */
  EVENT_BATCH,    /* a batch; returned: when it was visible, or 0 */
  EVENT_SNAPSHOT, /* a snapshot, or a transaction that ended without changes: version is what it saw */
  EVENT_RUNNING,    /* a transaction on top of version; of the dead, or aborted */
  EVENT_COMMITTING, /* the same, in commit; of the dead */
  EVENT_COMMITTED   /* as version + 1 */
};

struct event {
  _Atomic uint32_t state; /* of enum event_state; what belongs to it is written before */
  uint32_t count;         /* of operations */
  uint64_t called;        /* ticks of the history's clock */
  uint64_t returned;      /* 0: never */
  uint64_t version;
  uint64_t batches; /* how many were applied up to it */
  struct operation operations[HISTORY_OPERATIONS];
};

/* In memory shared by all processes. */
struct history {
  _Atomic uint64_t clock; /* rises with each look at it */
  _Atomic uint32_t used;
  uint32_t size;
  uint64_t first; /* the version in which all maps are empty */
  struct event events[];
};

struct history *history_new(uint32_t size);
void history_free(struct history *history);

/* A new event, called now; NULL when there is no room. */
struct event *event_new(struct history *history);
/* Notes an operation: a write before it is done, a read when its value is known. */
void event_note(struct event *event, enum operation_kind kind, unsigned map, unsigned key,
                uint64_t value);
/* The version is known. */
void event_at(struct event *event, enum event_state state, uint64_t version);
/* The call has returned. */
void event_end(struct history *history, struct event *event, enum event_state state);

/* A number of its own for each write. */
uint64_t event_value(const struct history *history, const struct event *event);

/* The hash that a scan notes: starts at 0, goes on with each key that is there, in order. */
uint64_t scan_hash(uint64_t hash, unsigned key, uint64_t value);

struct history_counts {
  uint64_t commits, snapshots, unfinished, reads, batches, rounds;
};

/* The events of batches in the order in which they were applied, by number. */
struct history_batches {
  const uint64_t *events;
  uint64_t count;
};

/* Checks all up to the store's last version. NULL: there is one order; else what contradicts it
 * (static storage). */
const char *history_check(const struct history *history, uint64_t last,
                          struct history_batches batches, struct history_counts *counts);

#endif
