/* examples/stream/stream.h - the records of the stream example: all that its programs share.
 *
 * The producer samples the machine many times a second and keeps its analytics in the maps
 * below; every sample is one transaction over all of them. The readers are programs of their
 * own. They know the producer only by this header, and a reader built from another version
 * of it is refused when it opens the map, with the name of the field that differs.
 *
 * Two kinds of commit change the stream:
 *   a sample  rewrites what has changed on the machine, in all maps at once;
 *   an event  (burst mode) counts one event of one process: three small writes in three maps.
 *
 * What holds in every snapshot, whoever was killed when (invariants.c checks it):
 *   - state.revision == 1 + state.samples + state.events: each commit is counted once;
 *   - every record of the maps marked * carries sample == state.samples;
 *   - the totals are the sums over the process, program, cpu, disk and network records of the
 *     same version;
 *   - the fingerprints in totals and state cover every byte of every record;
 *   - the buckets of each histogram add up to the number of samples;
 *   - the top lists are what sorting the process map gives. */
#ifndef EXAMPLES_STREAM_H
#define EXAMPLES_STREAM_H

#include <copse/copse.h>

#define STREAM_DEFAULT_STORE "/dev/shm/copse-stream"
#define STREAM_NAME_BYTES 32
#define STREAM_TOP 10     /* records in a top list */
#define STREAM_BUCKETS 32 /* of a histogram: bucket i counts the values of i significant bits */

enum stream_map {
  STREAM_PROCESS,    /* by pid: stream_process; written only where something changed */
  STREAM_PROGRAM,    /* by name: stream_program, the processes of that name together */
  STREAM_CPU,        /* by number: stream_cpu * */
  STREAM_DISK,       /* by name: stream_flow * */
  STREAM_NETWORK,    /* by name: stream_flow * */
  STREAM_MEMORY,     /* one record: stream_memory * */
  STREAM_HISTOGRAM,  /* by name: stream_histogram * */
  STREAM_TOP_CPU,    /* by rank from 1: stream_top * */
  STREAM_TOP_MEMORY, /* by rank from 1: stream_top * */
  STREAM_TOTALS,     /* one record: stream_totals * */
  STREAM_STATE,      /* one record: stream_state; written last, since it carries the time */
  STREAM_MAPS
};

struct stream_process {
  uint64_t pid;
  uint64_t sample;      /* the sample that changed this record last */
  uint64_t start_ticks; /* since boot: tells a pid used again from the old process */
  uint64_t cpu_ticks;   /* user and system time so far */
  uint64_t rss_kib;
  uint64_t peak_rss_kib;   /* the most any sample has seen */
  uint64_t load_ppm;       /* moving average; 1000000: one CPU kept busy */
  uint64_t events;         /* counted in burst mode */
  uint64_t event_revision; /* the commit that counted the last one */
  uint32_t parent;
  uint32_t threads;
  char name[STREAM_NAME_BYTES];
  char run_state[1]; /* R, S, D, Z, ... */
  uint8_t padding[7];
};
#define STREAM_PROCESS_FIELDS(F)                                                                   \
  F(u64, pid, 1)                                                                                   \
  F(u64, sample, 1)                                                                                \
  F(u64, start_ticks, 1)                                                                           \
  F(u64, cpu_ticks, 1)                                                                             \
  F(u64, rss_kib, 1)                                                                               \
  F(u64, peak_rss_kib, 1)                                                                          \
  F(u64, load_ppm, 1)                                                                              \
  F(u64, events, 1)                                                                                \
  F(u64, event_revision, 1)                                                                        \
  F(u32, parent, 1)                                                                                \
  F(u32, threads, 1)                                                                               \
  F(text, name, STREAM_NAME_BYTES)                                                                 \
  F(text, run_state, 1)                                                                            \
  F(pad, padding, 7)
COPSE_RECORD(stream_process, STREAM_PROCESS_FIELDS)

struct stream_program {
  char name[STREAM_NAME_BYTES];
  uint64_t processes;
  uint64_t threads;
  uint64_t cpu_ticks;
  uint64_t rss_kib;
  uint64_t load_ppm;
};
#define STREAM_PROGRAM_FIELDS(F)                                                                   \
  F(text, name, STREAM_NAME_BYTES)                                                                 \
  F(u64, processes, 1)                                                                             \
  F(u64, threads, 1)                                                                               \
  F(u64, cpu_ticks, 1)                                                                             \
  F(u64, rss_kib, 1)                                                                               \
  F(u64, load_ppm, 1)
COPSE_RECORD(stream_program, STREAM_PROGRAM_FIELDS)

struct stream_cpu {
  uint64_t number;
  uint64_t sample;
  uint64_t busy_ticks;
  uint64_t idle_ticks;
  double load; /* moving average, 0 to 1 */
};
#define STREAM_CPU_FIELDS(F)                                                                       \
  F(u64, number, 1)                                                                                \
  F(u64, sample, 1)                                                                                \
  F(u64, busy_ticks, 1)                                                                            \
  F(u64, idle_ticks, 1)                                                                            \
  F(f64, load, 1)
COPSE_RECORD(stream_cpu, STREAM_CPU_FIELDS)

/* A disk (in: read, out: written) or a network interface (in: received, out: sent). */
struct stream_flow {
  char name[STREAM_NAME_BYTES];
  uint64_t sample;
  uint64_t in_bytes;
  uint64_t out_bytes;
  double in_rate; /* bytes per second, moving averages */
  double out_rate;
};
#define STREAM_FLOW_FIELDS(F)                                                                      \
  F(text, name, STREAM_NAME_BYTES)                                                                 \
  F(u64, sample, 1)                                                                                \
  F(u64, in_bytes, 1)                                                                              \
  F(u64, out_bytes, 1)                                                                             \
  F(f64, in_rate, 1)                                                                               \
  F(f64, out_rate, 1)
COPSE_RECORD(stream_flow, STREAM_FLOW_FIELDS)

struct stream_memory {
  uint64_t sample;
  uint64_t total_kib;
  uint64_t available_kib;
  uint64_t cached_kib;
  uint64_t swap_total_kib;
  uint64_t swap_free_kib;
  uint64_t peak_used_kib; /* total - available, the most any sample has seen */
  double used;            /* moving average of the part in use, 0 to 1 */
};
#define STREAM_MEMORY_FIELDS(F)                                                                    \
  F(u64, sample, 1)                                                                                \
  F(u64, total_kib, 1)                                                                             \
  F(u64, available_kib, 1)                                                                         \
  F(u64, cached_kib, 1)                                                                            \
  F(u64, swap_total_kib, 1)                                                                        \
  F(u64, swap_free_kib, 1)                                                                         \
  F(u64, peak_used_kib, 1)                                                                         \
  F(f64, used, 1)
COPSE_RECORD(stream_memory, STREAM_MEMORY_FIELDS)

struct stream_histogram {
  char name[STREAM_NAME_BYTES];
  uint64_t sample;
  uint64_t values; /* one for each sample */
  uint64_t sum;
  uint64_t least;
  uint64_t most;
  uint64_t bucket[STREAM_BUCKETS];
};
#define STREAM_HISTOGRAM_FIELDS(F)                                                                 \
  F(text, name, STREAM_NAME_BYTES)                                                                 \
  F(u64, sample, 1)                                                                                \
  F(u64, values, 1)                                                                                \
  F(u64, sum, 1)                                                                                   \
  F(u64, least, 1)                                                                                 \
  F(u64, most, 1)                                                                                  \
  F(u64, bucket, STREAM_BUCKETS)
COPSE_RECORD(stream_histogram, STREAM_HISTOGRAM_FIELDS)

struct stream_top {
  uint64_t rank;
  uint64_t sample;
  uint64_t pid;
  uint64_t load_ppm;
  uint64_t rss_kib;
  char name[STREAM_NAME_BYTES];
};
#define STREAM_TOP_FIELDS(F)                                                                       \
  F(u64, rank, 1)                                                                                  \
  F(u64, sample, 1)                                                                                \
  F(u64, pid, 1)                                                                                   \
  F(u64, load_ppm, 1)                                                                              \
  F(u64, rss_kib, 1)                                                                               \
  F(text, name, STREAM_NAME_BYTES)
COPSE_RECORD(stream_top, STREAM_TOP_FIELDS)

struct stream_totals {
  uint64_t sample;
  uint64_t revision;
  /* sums over the process map */
  uint64_t processes;
  uint64_t threads;
  uint64_t cpu_ticks;
  uint64_t rss_kib;
  uint64_t load_ppm;
  uint64_t events;
  uint64_t process_fingerprint;
  /* sums over the others */
  uint64_t other_fingerprint; /* all maps but process, totals and state */
  uint64_t programs;
  uint64_t cpu_busy_ticks;
  uint64_t disk_bytes;
  uint64_t network_bytes;
  /* what has left the process map: its events were counted all the same */
  uint64_t ended_processes;
  uint64_t ended_events;
};
#define STREAM_TOTALS_FIELDS(F)                                                                    \
  F(u64, sample, 1)                                                                                \
  F(u64, revision, 1)                                                                              \
  F(u64, processes, 1)                                                                             \
  F(u64, threads, 1)                                                                               \
  F(u64, cpu_ticks, 1)                                                                             \
  F(u64, rss_kib, 1)                                                                               \
  F(u64, load_ppm, 1)                                                                              \
  F(u64, events, 1)                                                                                \
  F(u64, process_fingerprint, 1)                                                                   \
  F(u64, other_fingerprint, 1)                                                                     \
  F(u64, programs, 1)                                                                              \
  F(u64, cpu_busy_ticks, 1)                                                                        \
  F(u64, disk_bytes, 1)                                                                            \
  F(u64, network_bytes, 1)                                                                         \
  F(u64, ended_processes, 1)                                                                       \
  F(u64, ended_events, 1)
COPSE_RECORD(stream_totals, STREAM_TOTALS_FIELDS)

struct stream_state {
  uint64_t revision; /* commits of the stream: 1 + samples + events */
  uint64_t samples;
  uint64_t events;
  uint64_t starts;      /* producers that have committed a sample */
  uint64_t event_pid;   /* whose event the newest commit counted; 0: it was a sample */
  uint64_t sample_ns;   /* CLOCK_MONOTONIC when the last sample was taken */
  uint64_t commit_ns;   /* CLOCK_MONOTONIC right before the commit: what latency counts from */
  uint64_t fingerprint; /* of this record with 0 here, and of the totals */
  uint32_t producer_pid;
  uint8_t padding[4];
};
#define STREAM_STATE_FIELDS(F)                                                                     \
  F(u64, revision, 1)                                                                              \
  F(u64, samples, 1)                                                                               \
  F(u64, events, 1)                                                                                \
  F(u64, starts, 1)                                                                                \
  F(u64, event_pid, 1)                                                                             \
  F(u64, sample_ns, 1)                                                                             \
  F(u64, commit_ns, 1)                                                                             \
  F(u64, fingerprint, 1)                                                                           \
  F(u32, producer_pid, 1)                                                                          \
  F(pad, padding, 4)
COPSE_RECORD(stream_state, STREAM_STATE_FIELDS)

#endif
