/* examples/stream/watcher.c - sleeps until one of the keys it asked for changes.
 *
 * Commits that leave these keys alone do not end its wait. A watcher that is slower than the
 * producer is not run over: it gets the changes of many commits merged into one event. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "latency.h"
#include "program.h"

static const char usage[] =
    "usage: stream-watcher [--store PATH] [--seconds N] [--once] [--quiet] [PID | FROM-TO]\n"
    "       stream-watcher [...] --program NAME\n"
    "Prints the processes that change: all of them, one, those of a range of pids, or the sum\n"
    "over the processes of one name.\n"
    "  --store PATH    the store (" STREAM_DEFAULT_STORE "); waits until it is there\n"
    "  --program NAME  watches the program of this name\n"
    "  --seconds N     ends after N seconds; otherwise on Ctrl-C\n"
    "  --once          ends after the first change\n"
    "  --quiet         only the sums at the end\n";

#define LINES_PER_EVENT 6   /* changes printed of one event; the rest is counted */
#define EVENTS_PER_SECOND 5 /* printed; the others are counted */

struct watcher {
  enum stream_map map;
  uint8_t from[8], to[8]; /* the range's bounds, when they are pids */
  uint64_t events, commits, changes;
  uint64_t second_ns, printed, hidden; /* for EVENTS_PER_SECOND */
  struct latency latency;
};

/* Turns the arguments into a range of keys; everything when there are none. */
static int choose_range(struct watcher *watcher, const struct program_options *options,
                        struct copse_range *range) {
  memset(range, 0, sizeof(*range));
  range->to_inclusive = 1;
  watcher->map = STREAM_PROCESS;
  if (options->program) {
    watcher->map = STREAM_PROGRAM;
    range->from = (struct copse_bytes){options->program, strlen(options->program)};
    range->to = range->from;
    return options->argument_count == 0 ? 0 : -1;
  }
  if (options->argument_count == 0)
    return 0;
  char *end;
  uint64_t from = strtoull(options->arguments[0], &end, 10), to = from;
  if (*end == '-' && end != options->arguments[0])
    to = strtoull(end + 1, &end, 10);
  if (*end || end == options->arguments[0] || to < from || options->argument_count > 1)
    return -1;
  copse_key_u64(from, watcher->from);
  copse_key_u64(to, watcher->to);
  range->from = (struct copse_bytes){watcher->from, 8};
  range->to = (struct copse_bytes){watcher->to, 8};
  return 0;
}

static void print_change(const struct watcher *watcher, const struct copse_change *change) {
  static const char *const verbs[] = {"", "new", "gone", ""};
  const char *verb = change->kind <= COPSE_CHANGED ? verbs[change->kind] : "?";
  const void *record = change->kind == COPSE_REMOVED ? change->before.data : change->after.data;
  if (watcher->map == STREAM_PROGRAM) {
    const struct stream_program *program = record;
    printf("  %-16.16s %4" PRIu64 " processes  cpu %5.1f %%  memory %9" PRIu64 " KiB  %s\n",
           program->name, program->processes, (double)program->load_ppm / 1e4, program->rss_kib,
           verb);
    return;
  }
  const struct stream_process *process = record;
  printf("  %7" PRIu64 " %-16.16s cpu %5.1f %%  memory %9" PRIu64 " KiB  events %" PRIu64 "  %s\n",
         process->pid, process->name, (double)process->load_ppm / 1e4, process->rss_kib,
         process->events, verb);
}

/* Is it the turn of this event to be printed? A terminal shows a few in a second. */
static int shall_print(struct watcher *watcher, uint64_t now_ns) {
  if (now_ns - watcher->second_ns >= NS_PER_SECOND) {
    if (watcher->hidden)
      printf("  ... and %" PRIu64 " more events in this second\n", watcher->hidden);
    watcher->second_ns = now_ns;
    watcher->printed = watcher->hidden = 0;
  }
  if (watcher->printed < EVENTS_PER_SECOND) {
    watcher->printed++;
    return 1;
  }
  watcher->hidden++;
  return 0;
}

/* Walks the changes of one event: all are counted, the first ones printed. */
static int take_changes(struct watcher *watcher, struct copse_watch *watch, int print) {
  struct copse_change change;
  uint64_t changes = 0;
  int result;
  while ((result = copse_watch_change(watch, &change)) == 0)
    if (++changes <= LINES_PER_EVENT && print)
      print_change(watcher, &change);
  if (changes > LINES_PER_EVENT && print)
    printf("  ... and %" PRIu64 " more\n", changes - LINES_PER_EVENT);
  watcher->changes += changes;
  return result == COPSE_NONE ? 0 : result;
}

static int take_event(struct watcher *watcher, const struct reader *reader,
                      struct copse_watch *watch, const struct copse_watch_event *event,
                      uint64_t waited_since_ns, int quiet) {
  /* The state as of the very version that the event reports carries the time of its commit. */
  struct stream_state state = {0};
  int result = tables_get(&reader->tables, copse_watch_view(watch), STREAM_STATE, &state);
  if (result != 0)
    return result;
  uint64_t now_ns = clock_ns();
  uint64_t latency_ns = now_ns > state.commit_ns ? now_ns - state.commit_ns : 0;
  if (state.commit_ns > waited_since_ns)
    latency_add(&watcher->latency, latency_ns);
  watcher->events++;
  watcher->commits += event->commits;
  int print = !quiet && shall_print(watcher, now_ns);
  if (print)
    printf("version %" PRIu64 ": %" PRIu64 " commit%s merged, %.1f us after the last one\n",
           event->version, event->commits, event->commits == 1 ? "" : "s",
           (double)latency_ns / 1e3);
  result = take_changes(watcher, watch, print);
  fflush(stdout);
  return result;
}

static int watch_all(struct watcher *watcher, const struct reader *reader,
                     struct copse_watch *watch, const struct program_options *options) {
  while (!program_stopped()) {
    struct copse_watch_event event;
    uint64_t waited_since_ns = clock_ns();
    int result = copse_watch_next(watch, PROGRAM_WAIT_NS, &event);
    if (result == COPSE_E_TIMEOUT || result == COPSE_E_INTERRUPTED)
      continue;
    if (result == 0)
      result = take_event(watcher, reader, watch, &event, waited_since_ns, options->quiet);
    if (result != 0)
      return result;
    if (options->once)
      return 0;
  }
  return 0;
}

int main(int argc, char **argv) {
  static struct watcher watcher;
  struct program_options options;
  struct copse_range range;
  struct reader reader;
  program_begin(argc, argv, "oqp", usage, &options);
  if (choose_range(&watcher, &options, &range) != 0) {
    fprintf(stderr, "%s", usage);
    return 2;
  }
  int result = reader_open(&reader, options.store);
  if (result == COPSE_NONE)
    return 0;
  if (result != 0)
    return program_fail("cannot open the stream", result);

  /* The watch brings a snapshot of its own; the reader's would only hold old pages. */
  copse_snapshot_close(reader.snapshot);
  reader.snapshot = NULL;
  struct copse_watch *watch;
  result = copse_watch_open(reader.store, reader.tables.map[watcher.map], &range, &watch);
  if (result == 0) {
    program_say("watching '%s'", stream_map_form(watcher.map)->name);
    result = watch_all(&watcher, &reader, watch, &options);
    copse_watch_close(watch);
  }
  int status = result == 0 ? 0 : program_fail("cannot watch the stream", result);
  printf("wake_ups %" PRIu64 "\nchanges %" PRIu64 "\ncommits_merged %" PRIu64 "\n", watcher.events,
         watcher.changes, watcher.commits);
  printf("latency_count %" PRIu64 "\nlatency_p50_ns %" PRIu64 "\nlatency_p99_ns %" PRIu64 "\n",
         watcher.latency.count, latency_percentile(&watcher.latency, 0.5),
         latency_percentile(&watcher.latency, 0.99));
  reader_close(&reader);
  return status;
}
