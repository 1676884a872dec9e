/* examples/stream/program.c - see program.h. */
#include "program.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define RETRY_NS 20000000 /* between two looks for a store: there is nothing yet to wait on */

static volatile sig_atomic_t signalled;
static uint64_t end_ns; /* 0: no end */
static const char *name = "";

static void note_signal(int number) {
  (void)number;
  signalled = 1;
}

static double positive_number(const char *text, const char *option) {
  char *end;
  double number = strtod(text, &end);
  if (end == text || *end || !(number > 0 && number < 1e9)) {
    fprintf(stderr, "%s: --%s needs a positive number, not '%s'\n", name, option, text);
    exit(2);
  }
  return number;
}

static void parse_options(int argc, char **argv, const char *accepts, const char *usage,
                          struct program_options *options) {
  static const struct option table[] = {
      {"store", required_argument, NULL, 'S'},
      {"seconds", required_argument, NULL, 's'},
      {"rate", required_argument, NULL, 'r'},
      {"burst", no_argument, NULL, 'b'},
      {"once", no_argument, NULL, 'o'},
      {"quiet", no_argument, NULL, 'q'},
      {"program", required_argument, NULL, 'p'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0},
  };
  *options = (struct program_options){.store = STREAM_DEFAULT_STORE, .rate_hz = 50};
  int letter;
  while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
    if (letter == 'h') {
      printf("%s", usage);
      exit(0);
    }
    if (letter == '?' || (letter != 'S' && letter != 's' && !strchr(accepts, letter))) {
      fprintf(stderr, "%s", usage);
      exit(2);
    }
    switch (letter) {
    case 'S': options->store = optarg; break;
    case 's': options->seconds = positive_number(optarg, "seconds"); break;
    case 'r': options->rate_hz = positive_number(optarg, "rate"); break;
    case 'b': options->burst = 1; break;
    case 'o': options->once = 1; break;
    case 'q': options->quiet = 1; break;
    default: options->program = optarg; break;
    }
  }
  options->arguments = argv + optind;
  options->argument_count = argc - optind;
}

void program_begin(int argc, char **argv, const char *accepts, const char *usage,
                   struct program_options *options) {
  const char *slash = strrchr(argv[0], '/');
  name = slash ? slash + 1 : argv[0];
  if (strncmp(name, "stream-", 7) == 0)
    name += 7;
  parse_options(argc, argv, accepts, usage, options);
  if (options->seconds > 0)
    end_ns = clock_ns() + (uint64_t)(options->seconds * NS_PER_SECOND);
  /* No SA_RESTART: a signal shall end a wait. */
  struct sigaction action = {.sa_handler = note_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

int program_stopped(void) { return signalled || (end_ns && clock_ns() >= end_ns); }

int program_fail(const char *what, int result) {
  const char *detail = copse_error_detail();
  fprintf(stderr, "%s: %s: %s%s%s%s (%s)\n", name, what, copse_strerror(result),
          *detail ? " [" : "", detail, *detail ? "]" : "", copse_error_name(result));
  return 1;
}

void program_say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("%s: ", name);
  vprintf(format, arguments);
  putchar('\n');
  fflush(stdout);
  va_end(arguments);
}

/* --- readers ------------------------------------------------------------------------- */

static int open_store(struct reader *reader, const char *path) {
  struct copse_store_options options = {.flags = COPSE_READ_ONLY};
  int result, told = 0;
  while ((result = copse_store_open(path, &options, &reader->store)) == COPSE_E_NO_STORE) {
    if (program_stopped())
      return COPSE_NONE;
    if (!told++)
      program_say("waiting for a producer to create %s", path);
    struct timespec pause = {.tv_nsec = RETRY_NS};
    nanosleep(&pause, NULL);
  }
  return result;
}

/* The store may be there and still be empty: its producer is about to create the maps. */
static int open_tables(struct reader *reader) {
  int result, told = 0;
  while ((result = tables_open(&reader->tables, copse_snapshot_view(reader->snapshot))) ==
         COPSE_E_NO_MAP) {
    if (!told++)
      program_say("waiting for a producer to create its maps");
    result = reader_wait(reader, 0);
    if (result != 0)
      return result;
  }
  return result;
}

int reader_open(struct reader *reader, const char *path) {
  memset(reader, 0, sizeof(*reader));
  int result = open_store(reader, path);
  if (result != 0)
    return result;
  result = copse_snapshot_open(reader->store, 0, &reader->snapshot);
  if (result == 0)
    result = open_tables(reader);
  if (result != 0)
    reader_close(reader);
  return result;
}

void reader_close(struct reader *reader) {
  tables_close(&reader->tables);
  if (reader->snapshot)
    copse_snapshot_close(reader->snapshot);
  if (reader->store && copse_store_close(reader->store) != 0)
    fprintf(stderr, "%s: the store did not close: %s\n", name, copse_error_detail());
  memset(reader, 0, sizeof(*reader));
}

int reader_wait(struct reader *reader, uint64_t idle_ns) {
  uint64_t version = copse_snapshot_version(reader->snapshot);
  reader->waited_since_ns = clock_ns();
  for (;;) {
    if (program_stopped())
      return COPSE_NONE;
    int64_t limit_ns = PROGRAM_WAIT_NS;
    if (idle_ns && (int64_t)idle_ns < limit_ns)
      limit_ns = (int64_t)idle_ns;
    int result = copse_wait(reader->store, NULL, version, limit_ns, NULL);
    if (result == 0)
      result = copse_snapshot_refresh(reader->snapshot);
    if (result == 0)
      return 0;
    if (result < 0 && result != COPSE_E_TIMEOUT && result != COPSE_E_INTERRUPTED)
      return result;
    if (idle_ns && clock_ns() - reader->waited_since_ns >= idle_ns)
      return COPSE_NONE;
  }
}
