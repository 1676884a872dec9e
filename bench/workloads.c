/* workloads.c - the table of workloads, in the order they run: reads before writes, since both
 * use the stores of load-random. */
#include "bench.h"

const struct workload workloads[] = {
    {"load-random", "1,000 puts per commit, random order", true, 13, workload_load},
    {"get", "random gets in one snapshot", true, 2.4, workload_get},
    {"multiget", "the same, 64 at once (peers without it: single gets)", true, 2.4, workload_get},
    {"get-snapshot", "random gets, a snapshot each", true, 2.4, workload_get},
    {"scan-random", "ordered scan after a random load", true, 2.6, workload_scan},
    {"load-sorted", "1,000 puts per commit, ascending, appended", true, 4, workload_load},
    {"scan-sorted", "ordered scan after a sorted load", true, 2.4, workload_scan},
    {"attach", "a new process, from open to its first get", true, 3, workload_attach},
    {"attach-memory", "private memory of a process that attached", false, 0.5,
     workload_attach_memory},
    {"put1", "random puts of existing keys, one per commit", true, 2.4, workload_put1},
    {"visibility", "from before commit until another process has the value", true, 2.4,
     workload_visibility},
    {"mixed", "a writer (single puts) and a reader (a snapshot per get) at once", true, 2.4,
     workload_mixed},
    {"writers1", "1, 2, 4, 8 writer processes, one put per commit", true, 5.5, workload_writers},
    {"writers1-async", "the same, not waiting (peers without it: waiting)", true, 5.5,
     workload_writers},
    {"writers100", "the same, 100 puts per commit", true, 5.5, workload_writers},
    {"matrices1", "4 workers store new matrices under ids of their own, one per commit", false, 4,
     workload_matrices},
    {"matrices1-async", "the same, not waiting (peers without it: waiting)", false, 4,
     workload_matrices},
    {"matrices1000", "the same, 1,000 per commit", false, 4, workload_matrices},
    {"matrices-arena", "the same into an arena, which gives the ids (peers: as before)", false, 4,
     workload_matrices},
    {"durable", "1 and 4 writer processes on a disk, one put per commit, each synced", false, 3,
     workload_durable},
    {"readers", "1, 2, 4, 8 readers beside a writer, as processes and as threads", false, 8,
     workload_readers},
    {"get20m", "random gets in one snapshot of 20 million records", false, 12, workload_get20m},
    {"curve", "ns per get for 10^4 to 10^8 keys, 8-byte values", false, 20, workload_curve},
};
const size_t workload_count = sizeof workloads / sizeof workloads[0];
