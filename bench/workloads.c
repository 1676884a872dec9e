/* workloads.c - the table of workloads, in the order they run: reads before writes, since both
 * use the stores of load-random. */
#include "bench.h"

const struct workload workloads[] = {
    {"load-random", "1,000 puts per commit, random order", true, workload_load},
    {"get", "random gets in one snapshot", true, workload_get},
    {"multiget", "the same, 64 at once (peers without it: single gets)", true, workload_get},
    {"get-snapshot", "random gets, a snapshot each", true, workload_get},
    {"scan-random", "ordered scan after a random load", true, workload_scan},
    {"load-sorted", "1,000 puts per commit, ascending, appended", true, workload_load},
    {"scan-sorted", "ordered scan after a sorted load", true, workload_scan},
    {"attach", "a new process, from open to its first get", true, workload_attach},
    {"attach-memory", "private memory of a process that attached", false, workload_attach_memory},
    {"put1", "random puts of existing keys, one per commit", true, workload_put1},
    {"visibility", "from before commit until another process has the value", true,
     workload_visibility},
    {"mixed", "a writer (single puts) and a reader (a snapshot per get) at once", true,
     workload_mixed},
    {"writers1", "1, 2, 4, 8 writer processes, one put per commit", true, workload_writers},
    {"writers100", "the same, 100 puts per commit", true, workload_writers},
    {"readers", "1, 2, 4, 8 readers beside a writer, as processes and as threads", false,
     workload_readers},
    {"get20m", "random gets in one snapshot of 20 million records", false, workload_get20m},
    {"curve", "ns per get for 10^4 to 10^8 keys, 8-byte values", false, workload_curve},
};
const size_t workload_count = sizeof workloads / sizeof workloads[0];
