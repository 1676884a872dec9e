/* report.h - rows of results: samples come in round by round, medians with spread go out, as
 * JSON for programs and as a table for people. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "engine.h"

#include <stdio.h>

/* What a row is about. Two samples with equal keys are rounds of one row. */
struct row_key {
  const char *workload; /* these three: static storage */
  const char *engine;
  const char *metric; /* its unit is its ending: _s per second, _ns, bytes..., share */
  unsigned processes; /* that take part */
  bool threads;       /* they are threads of one process */
  uint64_t records;   /* 0: as many as the run's settings say */
};

struct report;

struct report *report_new(void);
void report_free(struct report *report);

/* Only rows of these workloads and metrics ("get ops_s", ends with NULL) are kept. */
void report_keep_only(struct report *report, const char *const *rows);

/* Adds what one round measured. */
void report_sample(struct report *report, const struct row_key *key, double value);

/* A setting or circumstance of the run, for the head of the JSON. */
__attribute__((format(printf, 3, 4))) void report_meta(struct report *report, const char *name,
                                                       const char *format, ...);

/* Writes {"meta": {...}, "rows": [...]}, replacing the file at once. */
void report_write_json(const struct report *report, const char *path);

/* A table: a line for each row, a column for each engine, and copse over lmdb. */
void report_print_table(const struct report *report, FILE *out);

#endif
