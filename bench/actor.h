/* actor.h - processes (or threads) that work on one store at the same time.
 *
 * A stage is shared memory with the tasks and results of up to ACTORS_MAX actors. An actor
 * process is this program again, started by fork and exec, which opens the store itself, says
 * over a pipe that it is ready, and begins when it is told to. Engines that know only one
 * process get threads that share its handle. Nothing sleeps: pipes wait, the timed parts poll. */
#ifndef BENCH_ACTOR_H
#define BENCH_ACTOR_H

#include "engine.h"
#include "histogram.h"

#include <stdatomic.h>

enum { ACTORS_MAX = 16, SIGHTINGS_MAX = 1 << 17 };

enum actor_role {
  ACTOR_WRITER,        /* transactions of `batch` puts of random existing keys */
  ACTOR_READER,        /* random gets, a snapshot each */
  ACTOR_SHOWER,        /* visibility: commits a new value, waits until it was seen */
  ACTOR_WATCHER,       /* visibility: polls until it gets the new value */
  ACTOR_MAKER,         /* transactions of `batch` new matrices of worker `seed` (matrix.h) */
  ACTOR_FINDER,        /* random gets of matrices that 4 workers made, in one snapshot */
  ACTOR_ATTACH,        /* opens the store, gets one record: how long? */
  ACTOR_ATTACH_MEMORY, /* opens the store, gets one record: how much memory of its own? */
};

struct actor_task {
  uint32_t role;  /* of enum actor_role */
  uint32_t batch; /* 0: single puts that are not waited for, where the engine has them */
  uint32_t value_size;
  uint64_t records;
  uint64_t seed;
  uint32_t durable;      /* as the store was made */
  uint64_t memory_bytes; /* likewise */
  uint32_t dry;          /* ACTOR_MAKER: stores nothing, there is no store */
  uint32_t rows;         /* ACTOR_MAKER: as records without keys, if the engine has them */
  char engine[16];
  char directory[256];
};

struct actor_result {
  uint64_t ops;             /* puts or gets that were done before the deadline */
  uint64_t commits;         /* the same for transactions */
  uint64_t retries;         /* transactions given up for another's */
  uint64_t measured;        /* ACTOR_ATTACH: ns; ACTOR_ATTACH_MEMORY: bytes; ACTOR_MAKER: rows */
  struct histogram latency; /* of whole transactions, from before begin to after commit */
};

struct actor {
  _Alignas(64) struct actor_task task;
  _Alignas(64) struct actor_result result;
};

struct stage {
  _Alignas(64) _Atomic uint64_t deadline_ns; /* written before the actors are told to begin */
  _Alignas(64) _Atomic uint64_t seen;        /* sightings so far: written by the watcher */
  _Alignas(64) _Atomic uint32_t over;        /* the shower has ended: the watcher ends too */
  uint64_t begun_ns[SIGHTINGS_MAX];          /* the shower's clock before each transaction */
  uint64_t sent_ns[SIGHTINGS_MAX];           /* and before its commit */
  uint64_t seen_ns[SIGHTINGS_MAX];           /* the watcher's after each sighting */
  struct actor actors[ACTORS_MAX];
};

/* Makes the stage of this process; there is one. */
struct stage *stage_new(void);

/* Sets actor i's task up from the beginning. */
struct actor_task *stage_task(struct stage *stage, unsigned i, const struct engine *engine,
                              const char *directory, enum actor_role role);

/* Lets actors 0 to n - 1 work on the store for some seconds, as processes, or as threads with
 * this process's db. Returns when all are done, with their results in the stage. */
void stage_play(struct stage *stage, unsigned n, double seconds, bool threads, void *db);

/* What main() does when it was started as an actor: --actor STAGE INDEX READY GO. */
int actor_main(char **numbers);

/* One transaction of n puts of random existing keys, begun anew until it goes through. Gives
 * how often it had to be. */
uint64_t write_random(const struct engine *engine, void *writer, struct random *random,
                      uint64_t records, size_t value_size, unsigned n);

#endif
