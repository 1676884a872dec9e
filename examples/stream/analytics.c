/* examples/stream/analytics.c - rates, moving averages, histograms, top lists, totals.
 *
 * Loads are whole numbers (millionths of a CPU) so that their sums come out the same in
 * whatever order they are added: a check for equality needs no tolerance.
 *
 * The kernel's counters may step back (a disk that was unplugged, idle time of a CPU, a
 * machine that was started anew under a store on disk): a difference is never negative, and a
 * gap too long to say anything about counts as no time at all. */
#include "analytics.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define AVERAGE_SECONDS 1.0       /* time constant of the moving averages */
#define LONGEST_GAP_SECONDS 600.0 /* between two samples, to compute a rate over it */
#define LOAD_FLOOR_PPM 50         /* less is none, so that a sleeper's record comes to rest */

/* What all steps need to know of the time since the last sample. */
struct interval {
  double seconds; /* 0: unknown; averages keep their value then */
  double weight;  /* of the new value in a moving average */
  uint64_t sample;
};

static uint64_t rise(uint64_t before, uint64_t now) { return now > before ? now - before : 0; }

static double average(double before, double value, const struct interval *interval) {
  return interval->seconds > 0 ? before + (value - before) * interval->weight : before;
}

/* --- processes and programs ---------------------------------------------------------- */

static void apply_process(const struct stream_process *old, struct stream_process *process,
                          const struct sample_facts *sample, const struct interval *interval) {
  int known = old && old->start_ticks == process->start_ticks;
  process->peak_rss_kib = process->rss_kib;
  if (known) {
    if (old->peak_rss_kib > process->peak_rss_kib)
      process->peak_rss_kib = old->peak_rss_kib;
    process->events = old->events;
    process->event_revision = old->event_revision;
    process->sample = old->sample;
    process->load_ppm = old->load_ppm;
    if (interval->seconds > 0) {
      double ticks = (double)rise(old->cpu_ticks, process->cpu_ticks);
      double rate = ticks / (double)sample->ticks_per_second / interval->seconds;
      double load = average((double)old->load_ppm, rate * 1e6, interval);
      process->load_ppm = load < LOAD_FLOOR_PPM ? 0 : (uint64_t)load;
    }
  }
  if (!known || memcmp(old, process, sizeof(*process)) != 0)
    process->sample = interval->sample;
}

static void apply_processes(const struct stream_image *before, struct stream_image *fresh,
                            const struct sample_facts *sample, const struct interval *interval,
                            struct stream_totals *totals) {
  for (size_t i = 0; i < fresh->list[STREAM_PROCESS].count; i++) {
    struct stream_process *process = image_process(fresh, i);
    apply_process(image_find(before, STREAM_PROCESS, process), process, sample, interval);
  }
  /* An old record whose process is gone, or whose pid means another one now, has ended. */
  for (size_t i = 0; i < before->list[STREAM_PROCESS].count; i++) {
    const struct stream_process *old = image_process(before, i);
    const struct stream_process *now = image_find(fresh, STREAM_PROCESS, old);
    if (!now || now->start_ticks != old->start_ticks) {
      totals->ended_processes++;
      totals->ended_events += old->events;
    }
  }
}

/* One record for each process, sorted by name, neighbours of one name folded into one. */
static void apply_programs(struct stream_image *fresh) {
  for (size_t i = 0; i < fresh->list[STREAM_PROCESS].count; i++) {
    struct stream_program *program = image_add(fresh, STREAM_PROGRAM);
    const struct stream_process *process = image_process(fresh, i);
    memcpy(program->name, process->name, sizeof(program->name));
    program->processes = 1;
    program->threads = process->threads;
    program->cpu_ticks = process->cpu_ticks;
    program->rss_kib = process->rss_kib;
    program->load_ppm = process->load_ppm;
  }
  image_sort(fresh, STREAM_PROGRAM);
  size_t kept = 0;
  for (size_t i = 0; i < fresh->list[STREAM_PROGRAM].count; i++) {
    const struct stream_program *program = image_program(fresh, i);
    struct stream_program *last = kept ? image_program(fresh, kept - 1) : NULL;
    if (!last || strncmp(last->name, program->name, sizeof(last->name)) != 0) {
      memmove(image_program(fresh, kept++), program, sizeof(*program));
      continue;
    }
    last->processes++;
    last->threads += program->threads;
    last->cpu_ticks += program->cpu_ticks;
    last->rss_kib += program->rss_kib;
    last->load_ppm += program->load_ppm;
  }
  fresh->list[STREAM_PROGRAM].count = kept;
}

static int by_load(const void *a, const void *b) {
  const struct stream_top *x = a, *y = b;
  if (x->load_ppm != y->load_ppm)
    return x->load_ppm < y->load_ppm ? 1 : -1;
  return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_memory(const void *a, const void *b) {
  const struct stream_top *x = a, *y = b;
  if (x->rss_kib != y->rss_kib)
    return x->rss_kib < y->rss_kib ? 1 : -1;
  return (x->pid > y->pid) - (x->pid < y->pid);
}

static void apply_top(struct stream_image *fresh, enum stream_map map,
                      int (*compare)(const void *, const void *), const struct interval *interval) {
  for (size_t i = 0; i < fresh->list[STREAM_PROCESS].count; i++) {
    struct stream_top *top = image_add(fresh, map);
    const struct stream_process *process = image_process(fresh, i);
    top->sample = interval->sample;
    top->pid = process->pid;
    top->load_ppm = process->load_ppm;
    top->rss_kib = process->rss_kib;
    memcpy(top->name, process->name, sizeof(top->name));
  }
  struct stream_list *list = &fresh->list[map];
  if (list->count > 1)
    qsort(list->records, list->count, sizeof(struct stream_top), compare);
  if (list->count > STREAM_TOP)
    list->count = STREAM_TOP;
  for (size_t i = 0; i < list->count; i++)
    ((struct stream_top *)image_at(fresh, map, i))->rank = i + 1;
}

/* --- the machine --------------------------------------------------------------------- */

/* Returns the part of all CPUs' time that was busy, in thousandths: a histogram's value. */
static uint64_t apply_cpus(const struct stream_image *before, struct stream_image *fresh,
                           const struct interval *interval) {
  uint64_t all_busy = 0, all_time = 0;
  for (size_t i = 0; i < fresh->list[STREAM_CPU].count; i++) {
    struct stream_cpu *cpu = image_at(fresh, STREAM_CPU, i);
    const struct stream_cpu *old = image_find(before, STREAM_CPU, cpu);
    cpu->sample = interval->sample;
    if (!old)
      continue;
    uint64_t busy = rise(old->busy_ticks, cpu->busy_ticks);
    uint64_t time = busy + rise(old->idle_ticks, cpu->idle_ticks);
    cpu->load = old->load;
    if (time > 0)
      cpu->load = average(old->load, (double)busy / (double)time, interval);
    all_busy += busy;
    all_time += time;
  }
  return all_time ? all_busy * 1000 / all_time : 0;
}

static void apply_flows(const struct stream_image *before, struct stream_image *fresh,
                        enum stream_map map, const struct interval *interval) {
  for (size_t i = 0; i < fresh->list[map].count; i++) {
    struct stream_flow *flow = image_at(fresh, map, i);
    const struct stream_flow *old = image_find(before, map, flow);
    flow->sample = interval->sample;
    if (!old || interval->seconds <= 0)
      continue;
    double in = (double)rise(old->in_bytes, flow->in_bytes) / interval->seconds;
    double out = (double)rise(old->out_bytes, flow->out_bytes) / interval->seconds;
    flow->in_rate = average(old->in_rate, in, interval);
    flow->out_rate = average(old->out_rate, out, interval);
  }
}

static void apply_memory(const struct stream_image *before, struct stream_image *fresh,
                         const struct interval *interval) {
  struct stream_memory *memory = image_memory(fresh);
  const struct stream_memory *old = image_memory(before);
  uint64_t used_kib = rise(memory->available_kib, memory->total_kib);
  double used = memory->total_kib ? (double)used_kib / (double)memory->total_kib : 0;
  memory->sample = interval->sample;
  memory->peak_used_kib = used_kib > old->peak_used_kib ? used_kib : old->peak_used_kib;
  memory->used = old->sample ? average(old->used, used, interval) : used;
}

/* --- histograms and totals ----------------------------------------------------------- */

static void count_value(const struct stream_image *before, struct stream_image *fresh,
                        const char *name, uint64_t value, const struct interval *interval) {
  struct stream_histogram *histogram = image_add(fresh, STREAM_HISTOGRAM);
  memcpy(histogram->name, name, strlen(name));
  const struct stream_histogram *old = image_find(before, STREAM_HISTOGRAM, histogram);
  if (old)
    *histogram = *old;
  int bucket = 0;
  for (uint64_t rest = value; rest > 0 && bucket < STREAM_BUCKETS - 1; rest >>= 1)
    bucket++;
  histogram->sample = interval->sample;
  histogram->bucket[bucket]++;
  histogram->sum += value;
  histogram->least = old && old->least < value ? old->least : value;
  histogram->most = old && old->most > value ? old->most : value;
  histogram->values++;
}

static void apply_totals(struct stream_image *fresh, struct stream_totals *totals) {
  for (size_t i = 0; i < fresh->list[STREAM_PROCESS].count; i++) {
    const struct stream_process *process = image_process(fresh, i);
    totals->threads += process->threads;
    totals->cpu_ticks += process->cpu_ticks;
    totals->rss_kib += process->rss_kib;
    totals->load_ppm += process->load_ppm;
    totals->events += process->events;
  }
  for (size_t i = 0; i < fresh->list[STREAM_CPU].count; i++)
    totals->cpu_busy_ticks += ((struct stream_cpu *)image_at(fresh, STREAM_CPU, i))->busy_ticks;
  for (size_t i = 0; i < fresh->list[STREAM_DISK].count; i++) {
    const struct stream_flow *disk = image_at(fresh, STREAM_DISK, i);
    totals->disk_bytes += disk->in_bytes + disk->out_bytes;
  }
  for (size_t i = 0; i < fresh->list[STREAM_NETWORK].count; i++) {
    const struct stream_flow *network = image_at(fresh, STREAM_NETWORK, i);
    totals->network_bytes += network->in_bytes + network->out_bytes;
  }
  totals->processes = fresh->list[STREAM_PROCESS].count;
  totals->programs = fresh->list[STREAM_PROGRAM].count;
  totals->process_fingerprint = image_fingerprint(fresh, STREAM_PROCESS);
  for (int map = STREAM_PROCESS + 1; map < STREAM_TOTALS; map++)
    totals->other_fingerprint += image_fingerprint(fresh, (enum stream_map)map);
}

static struct interval interval_since(const struct stream_state *old, uint64_t taken_ns) {
  struct interval interval = {.sample = old->samples + 1};
  double seconds = (double)rise(old->sample_ns, taken_ns) / NS_PER_SECOND;
  if (old->samples > 0 && seconds > 0 && seconds < LONGEST_GAP_SECONDS) {
    interval.seconds = seconds;
    interval.weight = seconds / (seconds + AVERAGE_SECONDS);
  }
  return interval;
}

void analytics_apply(const struct stream_image *before, struct stream_image *fresh,
                     const struct sample_facts *sample, const struct producer_facts *producer) {
  const struct stream_state *old_state = image_state(before);
  const struct stream_totals *old_totals = image_totals(before);
  struct interval interval = interval_since(old_state, sample->taken_ns);
  struct stream_totals *totals = image_add(fresh, STREAM_TOTALS);
  totals->sample = interval.sample;
  totals->revision = old_state->revision + 1;
  totals->ended_processes = old_totals->ended_processes;
  totals->ended_events = old_totals->ended_events;

  apply_processes(before, fresh, sample, &interval, totals);
  apply_programs(fresh);
  apply_top(fresh, STREAM_TOP_CPU, by_load, &interval);
  apply_top(fresh, STREAM_TOP_MEMORY, by_memory, &interval);
  uint64_t busy_permille = apply_cpus(before, fresh, &interval);
  apply_flows(before, fresh, STREAM_DISK, &interval);
  apply_flows(before, fresh, STREAM_NETWORK, &interval);
  apply_memory(before, fresh, &interval);

  count_value(before, fresh, "busy_permille", busy_permille, &interval);
  count_value(before, fresh, "running_threads", sample->running, &interval);
  count_value(before, fresh, "sample_us", sample->cost_ns / 1000, &interval);
  count_value(before, fresh, "commit_us", producer->last_commit_ns / 1000, &interval);
  count_value(before, fresh, "interval_us", (uint64_t)(interval.seconds * 1e6), &interval);
  image_sort(fresh, STREAM_HISTOGRAM);
  apply_totals(fresh, totals); /* of what the steps above have made */

  struct stream_state *state = image_add(fresh, STREAM_STATE);
  *state = *old_state;
  state->revision++;
  state->samples++;
  state->starts += producer->first ? 1 : 0;
  state->event_pid = 0;
  state->sample_ns = sample->taken_ns;
  state->producer_pid = producer->pid;
}
