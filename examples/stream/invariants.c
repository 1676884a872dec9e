/* examples/stream/invariants.c - the audit.
 *
 * It computes anew whatever the producer computed from the same version. A store that let a
 * reader see half of a commit, or that lost one when its writer was killed, fails at least
 * one of these checks: the fingerprints cover every byte of every record, and the revision
 * counts commits. */
#include "invariants.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FAULTS_PRINTED 20 /* more of them say nothing new */

void audit_fault(struct audit *audit, const char *format, ...) {
  if (audit->faults++ >= FAULTS_PRINTED)
    return;
  va_list arguments;
  va_start(arguments, format);
  fputs("INCONSISTENT: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

static void expect_equal(struct audit *audit, uint64_t version, const char *what, uint64_t have,
                         uint64_t want) {
  if (have != want)
    audit_fault(audit, "version %" PRIu64 ": %s is %" PRIu64 ", expected %" PRIu64, version, what,
                have, want);
}

/* --- within one version -------------------------------------------------------------- */

static void audit_processes(struct audit *audit, uint64_t version,
                            const struct stream_image *image) {
  const struct stream_totals *totals = image_totals(image);
  const struct stream_state *state = image_state(image);
  struct stream_totals sum = {0};
  for (size_t i = 0; i < image->list[STREAM_PROCESS].count; i++) {
    const struct stream_process *process = image_process(image, i);
    sum.processes++;
    sum.threads += process->threads;
    sum.cpu_ticks += process->cpu_ticks;
    sum.rss_kib += process->rss_kib;
    sum.load_ppm += process->load_ppm;
    sum.events += process->events;
    if (process->sample > state->samples || process->event_revision > state->revision)
      audit_fault(audit, "version %" PRIu64 ": process %" PRIu64 " is from the future", version,
                  process->pid);
  }
  expect_equal(audit, version, "the number of processes", sum.processes, totals->processes);
  expect_equal(audit, version, "the sum of threads", sum.threads, totals->threads);
  expect_equal(audit, version, "the sum of cpu ticks", sum.cpu_ticks, totals->cpu_ticks);
  expect_equal(audit, version, "the sum of memory", sum.rss_kib, totals->rss_kib);
  expect_equal(audit, version, "the sum of loads", sum.load_ppm, totals->load_ppm);
  expect_equal(audit, version, "the sum of events", sum.events, totals->events);
  expect_equal(audit, version, "events of living and ended processes",
               totals->events + totals->ended_events, state->events);
  if (state->event_pid) {
    struct stream_process like = {.pid = state->event_pid};
    const struct stream_process *process = image_find(image, STREAM_PROCESS, &like);
    expect_equal(audit, version, "the revision of the last event",
                 process ? process->event_revision : 0, state->revision);
  }
}

static void audit_programs(struct audit *audit, uint64_t version,
                           const struct stream_image *image) {
  const struct stream_totals *totals = image_totals(image);
  struct stream_totals sum = {0};
  for (size_t i = 0; i < image->list[STREAM_PROGRAM].count; i++) {
    const struct stream_program *program = image_program(image, i);
    sum.programs++;
    sum.processes += program->processes;
    sum.threads += program->threads;
    sum.cpu_ticks += program->cpu_ticks;
    sum.rss_kib += program->rss_kib;
    sum.load_ppm += program->load_ppm;
  }
  expect_equal(audit, version, "the number of programs", sum.programs, totals->programs);
  expect_equal(audit, version, "processes by program", sum.processes, totals->processes);
  expect_equal(audit, version, "threads by program", sum.threads, totals->threads);
  expect_equal(audit, version, "cpu ticks by program", sum.cpu_ticks, totals->cpu_ticks);
  expect_equal(audit, version, "memory by program", sum.rss_kib, totals->rss_kib);
  expect_equal(audit, version, "load by program", sum.load_ppm, totals->load_ppm);
}

/* Every byte of every record, whether or not another check knows what it means. */
static void audit_fingerprints(struct audit *audit, uint64_t version,
                               const struct stream_image *image) {
  const struct stream_totals *totals = image_totals(image);
  uint64_t others = 0;
  for (int map = STREAM_PROCESS + 1; map < STREAM_TOTALS; map++)
    others += image_fingerprint(image, (enum stream_map)map);
  expect_equal(audit, version, "the fingerprint of the processes",
               image_fingerprint(image, STREAM_PROCESS), totals->process_fingerprint);
  expect_equal(audit, version, "the fingerprint of the other records", others,
               totals->other_fingerprint);
  expect_equal(audit, version, "the fingerprint of state and totals",
               stream_seal(image_state(image), totals), image_state(image)->fingerprint);
}

static void audit_machine(struct audit *audit, uint64_t version, const struct stream_image *image) {
  const struct stream_totals *totals = image_totals(image);
  uint64_t samples = image_state(image)->samples, busy_ticks = 0, disk_bytes = 0, network_bytes = 0;
  for (size_t i = 0; i < image->list[STREAM_CPU].count; i++) {
    const struct stream_cpu *cpu = image_at(image, STREAM_CPU, i);
    busy_ticks += cpu->busy_ticks;
    expect_equal(audit, version, "the sample of a cpu", cpu->sample, samples);
  }
  for (size_t i = 0; i < image->list[STREAM_DISK].count; i++) {
    const struct stream_flow *disk = image_at(image, STREAM_DISK, i);
    disk_bytes += disk->in_bytes + disk->out_bytes;
    expect_equal(audit, version, "the sample of a disk", disk->sample, samples);
  }
  for (size_t i = 0; i < image->list[STREAM_NETWORK].count; i++) {
    const struct stream_flow *network = image_at(image, STREAM_NETWORK, i);
    network_bytes += network->in_bytes + network->out_bytes;
    expect_equal(audit, version, "the sample of a network", network->sample, samples);
  }
  expect_equal(audit, version, "the sum of busy ticks", busy_ticks, totals->cpu_busy_ticks);
  expect_equal(audit, version, "the sum of disk bytes", disk_bytes, totals->disk_bytes);
  expect_equal(audit, version, "the sum of network bytes", network_bytes, totals->network_bytes);
  expect_equal(audit, version, "the sample of the memory", image_memory(image)->sample, samples);
}

static void audit_histograms(struct audit *audit, uint64_t version,
                             const struct stream_image *image) {
  uint64_t samples = image_state(image)->samples;
  for (size_t i = 0; i < image->list[STREAM_HISTOGRAM].count; i++) {
    const struct stream_histogram *histogram = image_at(image, STREAM_HISTOGRAM, i);
    uint64_t values = 0;
    for (int bucket = 0; bucket < STREAM_BUCKETS; bucket++)
      values += histogram->bucket[bucket];
    expect_equal(audit, version, "the sum of a histogram's buckets", values, samples);
    expect_equal(audit, version, "the number of a histogram's values", histogram->values, samples);
    expect_equal(audit, version, "the sample of a histogram", histogram->sample, samples);
  }
}

/* Is x before y in this list? Equals stand by pid. */
static int stands_before(enum stream_map map, const struct stream_process *x,
                         const struct stream_top *y) {
  uint64_t x_value = map == STREAM_TOP_CPU ? x->load_ppm : x->rss_kib;
  uint64_t y_value = map == STREAM_TOP_CPU ? y->load_ppm : y->rss_kib;
  return x_value != y_value ? x_value > y_value : x->pid < y->pid;
}

static void audit_top(struct audit *audit, uint64_t version, const struct stream_image *image,
                      enum stream_map map) {
  size_t processes = image->list[STREAM_PROCESS].count, count = image->list[map].count;
  const struct stream_top *last = NULL;
  expect_equal(audit, version, "the length of a top list", count,
               processes < STREAM_TOP ? processes : STREAM_TOP);
  for (size_t i = 0; i < count; i++) {
    const struct stream_top *top = image_at(image, map, i);
    struct stream_process like = {.pid = top->pid};
    const struct stream_process *process = image_find(image, STREAM_PROCESS, &like);
    expect_equal(audit, version, "a rank", top->rank, i + 1);
    expect_equal(audit, version, "the sample of a rank", top->sample, image_state(image)->samples);
    if (!process || process->load_ppm != top->load_ppm || process->rss_kib != top->rss_kib ||
        memcmp(process->name, top->name, sizeof(top->name)) != 0)
      audit_fault(audit, "version %" PRIu64 ": rank %zu differs from process %" PRIu64, version,
                  i + 1, top->pid);
    else if (last && stands_before(map, process, last))
      audit_fault(audit, "version %" PRIu64 ": rank %zu is out of order", version, i + 1);
    last = top;
  }
  /* Nobody outside of the list belongs into it: exactly count processes reach its last rank. */
  size_t reaching = 0;
  for (size_t i = 0; last && i < processes; i++) {
    const struct stream_process *process = image_process(image, i);
    reaching += process->pid == last->pid || stands_before(map, process, last);
  }
  expect_equal(audit, version, "the processes that reach the last rank", reaching, count);
}

/* --- from one version to a later one ------------------------------------------------- */

static void expect_rise(struct audit *audit, uint64_t version, const char *what, uint64_t before,
                        uint64_t now) {
  if (now < before)
    audit_fault(audit, "version %" PRIu64 ": %s went back from %" PRIu64 " to %" PRIu64, version,
                what, before, now);
}

static void audit_since(struct audit *audit, uint64_t version, const struct stream_image *image) {
  const struct stream_state *old = image_state(&audit->last), *state = image_state(image);
  expect_rise(audit, version, "the version", audit->last_version, version);
  expect_rise(audit, version, "the revision", old->revision, state->revision);
  expect_rise(audit, version, "the number of samples", old->samples, state->samples);
  expect_rise(audit, version, "the number of events", old->events, state->events);
  expect_rise(audit, version, "the number of starts", old->starts, state->starts);
  expect_rise(audit, version, "the time of the commit", old->commit_ns, state->commit_ns);
  expect_rise(audit, version, "the number of ended processes",
              image_totals(&audit->last)->ended_processes, image_totals(image)->ended_processes);
  for (size_t i = 0; i < audit->last.list[STREAM_HISTOGRAM].count; i++) {
    const struct stream_histogram *before = image_at(&audit->last, STREAM_HISTOGRAM, i);
    const struct stream_histogram *now = image_find(image, STREAM_HISTOGRAM, before);
    for (int bucket = 0; bucket < STREAM_BUCKETS; bucket++)
      expect_rise(audit, version, "a histogram's bucket", before->bucket[bucket],
                  now ? now->bucket[bucket] : 0);
  }
  /* Each commit of the stream is one revision and one version: more versions than revisions
   * are commits of somebody else, more revisions than versions are impossible. */
  uint64_t versions = version - audit->last_version, revisions = state->revision - old->revision;
  if (revisions > versions)
    audit_fault(audit, "version %" PRIu64 ": %" PRIu64 " revisions in %" PRIu64 " commits", version,
                revisions, versions);
  else
    audit->others += versions - revisions;
}

uint64_t audit_image(struct audit *audit, uint64_t version, struct stream_image *image) {
  uint64_t faults = audit->faults;
  const struct stream_state *state = image_state(image);
  const struct stream_totals *totals = image_totals(image);
  if (!state || !totals || !image_memory(image)) {
    audit_fault(audit, "version %" PRIu64 ": a map of one record is empty", version);
    return audit->faults - faults;
  }
  expect_equal(audit, version, "the revision", state->revision, 1 + state->samples + state->events);
  expect_equal(audit, version, "the revision of the totals", totals->revision, state->revision);
  expect_equal(audit, version, "the sample of the totals", totals->sample, state->samples);
  audit_fingerprints(audit, version, image);
  audit_processes(audit, version, image);
  audit_programs(audit, version, image);
  audit_machine(audit, version, image);
  audit_histograms(audit, version, image);
  audit_top(audit, version, image, STREAM_TOP_CPU);
  audit_top(audit, version, image, STREAM_TOP_MEMORY);
  if (audit->snapshots++ == 0) {
    audit->first_version = version;
    audit->first_revision = state->revision;
  } else {
    audit_since(audit, version, image);
  }
  audit->last_version = version;
  struct stream_image former = audit->last;
  audit->last = *image;
  *image = former;
  return audit->faults - faults;
}
