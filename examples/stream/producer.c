/* examples/stream/producer.c - samples the machine and keeps its analytics in the store.
 *
 * All state is in the store: a producer that was killed, at whatever instruction, is simply
 * started again and goes on from its last commit. It never waits for a reader and does not know
 * of any. Running out of space is not the end either: the sample is dropped with a warning and
 * the next one tried. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "analytics.h"
#include "clock.h"
#include "program.h"

static const char usage[] =
    "usage: stream-producer [--store PATH] [--rate HZ] [--seconds N] [--burst] [--quiet]\n"
    "Samples this machine into a store, HZ times a second (50), each sample one commit.\n"
    "  --store PATH  the store (" STREAM_DEFAULT_STORE "); created when there is none\n"
    "  --seconds N   ends after N seconds; otherwise on Ctrl-C\n"
    "  --burst       between samples, commits single events as fast as it can\n"
    "  --quiet       no line each second\n";

struct producer {
  struct copse_store *store;
  struct stream_tables tables;
  struct stream_image before, fresh;
  struct producer_facts facts;
  uint64_t last_sampling_ns;
  size_t next_event;        /* index of the process that gets the next event */
  uint64_t samples, events; /* committed by this process */
  uint64_t refused;         /* commits given up for want of space */
};

/* Is this an error that a 24/7 producer outlives? */
static int passes_by(int result) {
  return result == COPSE_E_NO_SPACE || result == COPSE_E_LIMIT || result == COPSE_E_PINNED;
}

static int commit_sample(struct producer *producer, const struct sample_facts *sample) {
  struct copse_txn *txn;
  int result = copse_txn_begin(producer->store, -1, &txn);
  if (result != 0)
    return result;
  result = tables_load(&producer->tables, copse_txn_view(txn), &producer->before);
  if (result == 0) {
    analytics_apply(&producer->before, &producer->fresh, sample, &producer->facts);
    result = tables_save(&producer->tables, txn, &producer->before, &producer->fresh);
  }
  if (result == 0)
    return copse_txn_commit(txn, NULL);
  copse_txn_abort(txn);
  return result;
}

static int produce_sample(struct producer *producer) {
  struct sample_facts sample;
  sample_take(&producer->fresh, &sample);
  producer->last_sampling_ns = sample.cost_ns;
  uint64_t begun_ns = clock_ns();
  int result = commit_sample(producer, &sample);
  if (result != 0)
    return result;
  producer->facts.last_commit_ns = clock_ns() - begun_ns;
  producer->samples++;
  const struct stream_state *state = image_state(&producer->fresh);
  if (producer->facts.first)
    program_say("pid %d %s at sample %" PRIu64 ", event %" PRIu64 " (start %" PRIu64 ")", getpid(),
                state->samples > 1 ? "goes on" : "begins", state->samples, state->events,
                state->starts);
  producer->facts.first = 0;
  return 0;
}

static int commit_event(struct producer *producer, uint64_t pid) {
  struct copse_txn *txn;
  int result = copse_txn_begin(producer->store, -1, &txn);
  if (result != 0)
    return result;
  result = tables_count_event(&producer->tables, txn, pid);
  if (result == 0)
    return copse_txn_commit(txn, NULL);
  copse_txn_abort(txn);
  return result;
}

/* One event for the next process in turn. */
static int produce_event(struct producer *producer) {
  size_t processes = producer->fresh.list[STREAM_PROCESS].count;
  if (processes == 0)
    return 0;
  producer->next_event = (producer->next_event + 1) % processes;
  int result = commit_event(producer, image_process(&producer->fresh, producer->next_event)->pid);
  if (result == 0)
    producer->events++;
  /* NONE: another producer's sample has just removed the process. */
  return result == COPSE_NONE ? 0 : result;
}

static void pause_until(uint64_t time_ns) {
  struct timespec time = {.tv_sec = (time_t)(time_ns / NS_PER_SECOND),
                          .tv_nsec = (long)(time_ns % NS_PER_SECOND)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static int note_result(struct producer *producer, int result) {
  if (passes_by(result)) {
    if (producer->refused++ == 0)
      program_fail("a commit was refused, going on", result);
    return 0;
  }
  return result == COPSE_E_INTERRUPTED ? 0 : result;
}

static void report(const struct producer *producer, uint64_t *last_commits, uint64_t *last_ns) {
  uint64_t now_ns = clock_ns(), commits = producer->samples + producer->events;
  double seconds = (double)(now_ns - *last_ns) / NS_PER_SECOND;
  program_say("sample %" PRIu64 ", %.0f commits/s, %zu processes, sampling %" PRIu64
              " us, commit %" PRIu64 " us",
              image_state(&producer->fresh) ? image_state(&producer->fresh)->samples : 0,
              (double)(commits - *last_commits) / seconds,
              producer->fresh.list[STREAM_PROCESS].count, producer->last_sampling_ns / 1000,
              producer->facts.last_commit_ns / 1000);
  *last_commits = commits;
  *last_ns = now_ns;
}

static int produce(struct producer *producer, const struct program_options *options) {
  uint64_t step_ns = (uint64_t)(NS_PER_SECOND / options->rate_hz);
  uint64_t next_ns = clock_ns(), last_report_ns = next_ns, last_commits = 0;
  int result = 0;
  while (result == 0 && !program_stopped()) {
    uint64_t now_ns = clock_ns();
    if (now_ns >= next_ns) {
      result = note_result(producer, produce_sample(producer));
      /* A machine that cannot keep up skips samples; it does not run after them. */
      next_ns += step_ns;
      if (next_ns < now_ns)
        next_ns = now_ns + step_ns;
    } else if (options->burst) {
      result = note_result(producer, produce_event(producer));
    } else {
      pause_until(next_ns);
    }
    if (!options->quiet && now_ns - last_report_ns >= NS_PER_SECOND)
      report(producer, &last_commits, &last_report_ns);
  }
  return result;
}

int main(int argc, char **argv) {
  struct program_options options;
  program_begin(argc, argv, "rbq", usage, &options);
  struct producer producer = {.facts = {.pid = (uint32_t)getpid(), .first = 1}};
  struct copse_store_options store_options = {.flags = COPSE_CREATE};
  int result = copse_store_open(options.store, &store_options, &producer.store);
  if (result != 0)
    return program_fail("cannot open the store", result);
  do
    result = tables_create(&producer.tables, producer.store);
  while (result == COPSE_E_INTERRUPTED && !program_stopped());
  if (result != 0) {
    int status = result == COPSE_E_INTERRUPTED ? 0 : program_fail("cannot open the maps", result);
    copse_store_close(producer.store);
    return status;
  }

  uint64_t begun_ns = clock_ns();
  result = produce(&producer, &options);
  double seconds = (double)(clock_ns() - begun_ns) / NS_PER_SECOND;
  int status = result == 0 ? 0 : program_fail("cannot go on", result);
  uint64_t commits = producer.samples + producer.events;
  if (producer.refused)
    program_say("%" PRIu64 " commits were refused for want of space", producer.refused);
  program_say("%" PRIu64 " commits (%" PRIu64 " samples, %" PRIu64
              " events) in %.2f s: %.0f commits/s",
              commits, producer.samples, producer.events, seconds, (double)commits / seconds);

  tables_close(&producer.tables);
  result = copse_store_close(producer.store);
  image_free(&producer.before);
  image_free(&producer.fresh);
  return result == 0 ? status : program_fail("the store did not close", result);
}
