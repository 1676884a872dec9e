/* examples/stream/auditor.c - checks every snapshot it can get hold of.
 *
 * Now and then it loads a snapshot twice, the second time after the audit of the first, while
 * the producer commits on: both must be the same to the last byte. Latency counts from the
 * producer's clock right before its commit to this program's clock when it has the record in its
 * hands, and only for commits that came while it waited: else it would measure its own audit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "invariants.h"
#include "latency.h"
#include "program.h"

static const char usage[] =
    "usage: stream-auditor [--store PATH] [--seconds N] [--once] [--quiet]\n"
    "Audits the stream: sums, histograms, top lists, fingerprints, the order of versions.\n"
    "  --store PATH  the store (" STREAM_DEFAULT_STORE "); waits until it is there\n"
    "  --seconds N   ends after N seconds; otherwise on Ctrl-C\n"
    "  --once        audits one snapshot and ends\n"
    "  --quiet       no line each second\n"
    "Ends with status 1 when anything was inconsistent.\n";

#define LOAD_TWICE_EVERY 8 /* snapshots */

static void note_latency(const struct reader *reader, struct latency *latency) {
  struct stream_state state = {0};
  if (tables_get(&reader->tables, copse_snapshot_view(reader->snapshot), STREAM_STATE, &state) != 0)
    return;
  uint64_t now_ns = clock_ns();
  if (state.commit_ns > reader->waited_since_ns && now_ns >= state.commit_ns)
    latency_add(latency, now_ns - state.commit_ns);
}

static int same_images(const struct stream_image *a, const struct stream_image *b) {
  for (int map = 0; map < STREAM_MAPS; map++) {
    const struct stream_list *x = &a->list[map], *y = &b->list[map];
    size_t bytes = x->count * stream_map_form((enum stream_map)map)->record_bytes;
    if (x->count != y->count || (bytes && memcmp(x->records, y->records, bytes) != 0))
      return 0;
  }
  return 1;
}

static int audit_snapshot(struct reader *reader, struct audit *audit, struct stream_image *image) {
  struct copse_view *view = copse_snapshot_view(reader->snapshot);
  uint64_t version = copse_snapshot_version(reader->snapshot);
  int result = tables_load(&reader->tables, view, image);
  if (result != 0)
    return result;
  audit_image(audit, version, image);
  if (audit->snapshots % LOAD_TWICE_EVERY != 0)
    return 0;
  result = tables_load(&reader->tables, view, image);
  if (result == 0 && !same_images(image, &audit->last))
    audit_fault(audit, "version %" PRIu64 " changed while its snapshot was open", version);
  return result;
}

static void report(const struct audit *audit, const struct latency *latency) {
  const struct stream_state *state = image_state(&audit->last);
  program_say("%" PRIu64 " snapshots audited, %" PRIu64 " inconsistencies, version %" PRIu64
              ", sample %" PRIu64 ", latency p50 %.1f us, p99 %.1f us",
              audit->snapshots, audit->faults, audit->last_version, state ? state->samples : 0,
              (double)latency_percentile(latency, 0.5) / 1e3,
              (double)latency_percentile(latency, 0.99) / 1e3);
}

/* One "name value" a line, for people and for scripts. */
static void conclude(const struct reader *reader, const struct audit *audit,
                     const struct latency *latency) {
  const struct stream_state *state = image_state(&audit->last);
  struct copse_stat stat = {0};
  if (copse_stat(reader->store, &stat) != 0)
    fprintf(stderr, "auditor: no statistics: %s\n", copse_error_detail());
  printf("snapshots_audited %" PRIu64 "\n", audit->snapshots);
  printf("inconsistencies %" PRIu64 "\n", audit->faults);
  printf("first_version %" PRIu64 "\nlast_version %" PRIu64 "\n", audit->first_version,
         audit->last_version);
  printf("commits_of_others %" PRIu64 "\n", audit->others);
  if (state)
    printf("revision %" PRIu64 "\nsamples %" PRIu64 "\nevents %" PRIu64 "\nstarts %" PRIu64 "\n",
           state->revision, state->samples, state->events, state->starts);
  printf("takeovers %" PRIu64 "\n", stat.takeovers);
  printf("latency_count %" PRIu64 "\nlatency_p50_ns %" PRIu64 "\nlatency_p99_ns %" PRIu64 "\n",
         latency->count, latency_percentile(latency, 0.5), latency_percentile(latency, 0.99));
}

static int audit_all(struct reader *reader, const struct program_options *options,
                     struct audit *audit, struct latency *latency) {
  struct stream_image image = {0};
  uint64_t last_report_ns = clock_ns();
  int result;
  while ((result = audit_snapshot(reader, audit, &image)) == 0 && !options->once) {
    result = reader_wait(reader, 0);
    if (result != 0)
      break;
    note_latency(reader, latency);
    if (!options->quiet && clock_ns() - last_report_ns >= NS_PER_SECOND) {
      report(audit, latency);
      last_report_ns = clock_ns();
    }
  }
  image_free(&image);
  return result == COPSE_NONE ? 0 : result;
}

int main(int argc, char **argv) {
  static struct latency latency;
  struct program_options options;
  struct reader reader;
  struct audit audit = {0};
  program_begin(argc, argv, "oq", usage, &options);
  int result = reader_open(&reader, options.store);
  if (result == COPSE_NONE)
    return 0;
  if (result != 0)
    return program_fail("cannot open the stream", result);
  result = audit_all(&reader, &options, &audit, &latency);
  if (result != 0)
    program_fail("cannot read the stream", result);
  conclude(&reader, &audit, &latency);
  image_free(&audit.last);
  reader_close(&reader);
  return result != 0 || audit.faults > 0;
}
