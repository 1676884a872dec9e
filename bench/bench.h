/* bench.h - what the workloads share: the run's settings, its stores, its report. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "actor.h"
#include "engine.h"
#include "report.h"

struct settings {
  const struct engine *engines[ENGINES_MAX];
  size_t engine_count;
  char workloads[512]; /* names, each with a comma before and behind it */
  uint64_t records;
  unsigned rounds;      /* of each workload: every engine once per round */
  unsigned load_rounds; /* the same for loads, which take their time */
  unsigned writer_rounds;
  unsigned attaches;     /* processes per round */
  double seconds;        /* of each timed part */
  double budget_seconds; /* for the whole run; 0: none */
  const char *directory; /* where the run's own directory is made */
  const char *disk;      /* the same for stores that are durable */
  uint64_t memory_bytes; /* of the processes that use a store larger than that */
  const char *json;      /* NULL: none is written */
  const char *commit;    /* of the library, for the report; NULL: ask git */
  char program_folder[4096];
  bool quick;
};

enum load_order { LOAD_RANDOM, LOAD_SORTED, LOAD_DURABLE /* random, on a disk */, LOAD_ORDERS };

/* A store with all its records, open in this process. */
struct store {
  const struct engine *engine;
  void *db; /* NULL: not there */
  uint64_t records;
  uint32_t value_size;
  double load_seconds;
  char directory[256];
};

struct bench {
  const struct settings *settings;
  char directory[200];
  char disk[200]; /* "": no workload wants it */
  struct report *report;
  struct stage *stage;
  struct store stores[LOAD_ORDERS][ENGINES_MAX]; /* kept between workloads */
  uint64_t began_ns, round_began_ns;
  uint64_t allowed_ns; /* no further round of this workload that would end later; 0: no bound */
};

struct workload {
  const char *name;
  const char *what; /* for --help */
  bool quick;       /* part of --quick */
  double share;     /* of the run's budget, in parts of the sum of those chosen */
  void (*run)(struct bench *bench, const char *name);
};
extern const struct workload workloads[];
extern const size_t workload_count;

/* --- rounds ------------------------------------------------------------------------------- */

/* Whether round (from 0) is to begin: the first always is, others if they are likely to end
 * within the workload's share of the budget. */
bool bench_round(struct bench *bench, unsigned round, unsigned rounds);

/* Adds a sample for an engine. */
void bench_sample(struct bench *bench, const char *workload, const struct engine *engine,
                  const char *metric, unsigned processes, double value);

/* Whether a workload was chosen. */
bool bench_wanted(const struct settings *settings, const char *workload);

/* --- stores ------------------------------------------------------------------------------- */

/* Makes a store and loads it, timed, 1,000 puts per commit; lets the engine settle and maps its
 * pages; checks that a scan gives all records in order. False, with a message, when there is
 * not enough room. */
bool store_load(struct bench *bench, struct store *store, const struct engine *engine,
                uint64_t records, uint32_t value_size, enum load_order order);
void store_remove(struct store *store);

/* Scans a store and dies if records, their order or their sum are not as they must be. */
void store_verify(const struct store *store);

/* The run's store of an engine, loaded when it is first asked for. NULL when it doesn't fit. */
struct store *bench_store(struct bench *bench, size_t engine_index, enum load_order order);
void bench_drop_stores(struct bench *bench, enum load_order order);

/* --- the workloads: workload_*.c ----------------------------------------------------------- */

void workload_load(struct bench *bench, const char *name);
void workload_get(struct bench *bench, const char *name);
void workload_scan(struct bench *bench, const char *name);
void workload_put1(struct bench *bench, const char *name);
void workload_writers(struct bench *bench, const char *name);
void workload_matrices(struct bench *bench, const char *name);
void workload_durable(struct bench *bench, const char *name);
void workload_mixed(struct bench *bench, const char *name);
void workload_readers(struct bench *bench, const char *name);
void workload_visibility(struct bench *bench, const char *name);
void workload_attach(struct bench *bench, const char *name);
void workload_attach_memory(struct bench *bench, const char *name);
void workload_lease(struct bench *bench, const char *name);
void workload_tree(struct bench *bench, const char *name);
void workload_curve(struct bench *bench, const char *name);
void workload_big(struct bench *bench, const char *name);
void workload_get20m(struct bench *bench, const char *name);
void workload_select(struct bench *bench, const char *name);
void workload_html(struct bench *bench, const char *name);

/* Random gets (batch 0: one view and single gets; 1: a view each; else multiget, or single
 * gets where there is none) for some seconds; gives gets per second. */
double measure_gets(const struct store *store, unsigned batch, double seconds);

#endif
