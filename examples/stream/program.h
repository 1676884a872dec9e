/* examples/stream/program.h - what the four programs have in common: options, signals, errors,
 * and a reader's patience with a store that is not there yet. */
#ifndef EXAMPLES_STREAM_PROGRAM_H
#define EXAMPLES_STREAM_PROGRAM_H

#include "tables.h"

struct program_options {
  const char *store;
  double rate_hz;      /* --rate */
  double seconds;      /* --seconds; 0: until a signal */
  int burst;           /* --burst */
  int once;            /* --once */
  int quiet;           /* --quiet */
  const char *program; /* --program */
  char **arguments;    /* what is left */
  int argument_count;
};

/* Reads the options; accepts lists the first letters of those this program has beside
 * --store, --seconds and --help. Ends the program on a wrong one and on --help. Also makes SIGINT
 * and SIGTERM end the program's loop in good order. */
void program_begin(int argc, char **argv, const char *accepts, const char *usage,
                   struct program_options *options);

/* 1 when a signal came or --seconds have passed. */
int program_stopped(void);

/* How long a wait may take before it looks at program_stopped() again. */
#define PROGRAM_WAIT_NS 200000000

/* Says what failed and why, with the library's detail. Returns 1: the exit status. */
int program_fail(const char *what, int result);

/* Prints a line at once, with the program's name before it, also into a pipe. */
void program_say(const char *format, ...) COPSE_PRINTF(1, 2);

struct reader {
  struct copse_store *store;
  struct copse_snapshot *snapshot;
  struct stream_tables tables;
  uint64_t waited_since_ns; /* when the last reader_wait() began */
};

/* Opens the stream for reading, and waits for store and maps to be there. COPSE_NONE: the
 * program was stopped first. */
COPSE_CHECKED int reader_open(struct reader *reader, const char *path);
void reader_close(struct reader *reader);

/* Waits for a commit after the snapshot and moves the snapshot to the newest version.
 * COPSE_NONE: the program was stopped, or idle_ns passed without a commit. */
COPSE_CHECKED int reader_wait(struct reader *reader, uint64_t idle_ns);

#endif
