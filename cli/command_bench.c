/* cli/command_bench.c - bench: how fast the library is on this machine, in some seconds.
 *
 * A quick look for users, in one process. The comparison with other engines, with medians
 * and spread, is a program of its own (bench/ in the source). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "session.h"
#include "units.h"
#include "work.h"

static struct {
  uint64_t records, value_bytes;
  const char *directory;
} bench_given = {.records = 1000000, .value_bytes = 64, .directory = "/dev/shm"};

static const struct option bench_options[] = {
    {"records", 'n', "N", "records to load (default 1000000)", .number = &bench_given.records},
    {"value-bytes", 0, "BYTES", "bytes in a value (default 64)", .bytes = &bench_given.value_bytes},
    {"directory", 'd', "DIRECTORY", "where the store is made (default /dev/shm)",
     .text = &bench_given.directory},
    {0},
};

enum { KEY_BYTES = 16, BATCH = 1000, MULTIGET = 64 };
static const double seconds_of_lookups = 1.0;

struct bench {
  struct session session;
  struct copse_map *sorted, *random;
  uint8_t *value;
  uint64_t state; /* of the generator */
  struct text out;
};

static uint64_t next_random(uint64_t *state) {
  /* splitmix64, by Sebastiano Vigna (https://prng.di.unimi.it/splitmix64.c), public domain */
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* The n-th of the sorted keys, and the n-th of the random ones. */
static void sorted_key(uint64_t n, uint8_t key[KEY_BYTES]) {
  copse_key_u64(0, key);
  copse_key_u64(n, key + 8);
}

static void random_key(uint64_t n, uint8_t key[KEY_BYTES]) {
  uint64_t state = n;

  copse_key_u64(next_random(&state), key);
  copse_key_u64(next_random(&state), key + 8);
}

static void report(struct bench *b, const char *name, uint64_t work, double seconds) {
  double per_second = seconds > 0 ? (double)work / seconds : 0;

  if (common.json) {
    struct json_writer w = {.out = &b->out};
    json_object(&w, NULL);
    json_string(&w, "work", name);
    json_u64(&w, "count", work);
    json_double(&w, "seconds", seconds);
    json_double(&w, "per_second", per_second);
    json_object_end(&w);
    json_line_end(&w);
  } else {
    text_printf(&b->out, "%-34s ", name);
    units_rate(&b->out, per_second);
    text_printf(&b->out, "%*s%.0f ns each\n", 4, "", work != 0 ? seconds * 1e9 / (double)work : 0);
  }
  progress_clear();
  text_output(&b->out);
  output_flush();
}

static int load(struct bench *b, struct copse_map *map, const char *name,
                void (*make_key)(uint64_t, uint8_t[KEY_BYTES]), uint32_t flags) {
  double began = work_seconds();
  uint8_t key[KEY_BYTES];
  int result, status;

  for (uint64_t n = 0; n < bench_given.records; n++) {
    if (n % BATCH == 0) {
      if (work_interrupted())
        return STATUS_INTERRUPTED;
      if (n != 0 && (status = session_commit(&b->session, NULL)) != STATUS_OK)
        return status;
      if ((status = session_begin(&b->session)) != STATUS_OK)
        return status;
    }
    make_key(n, key);
    memcpy(b->value, &n, sizeof n);
    result =
        copse_put(b->session.txn, map, key, sizeof key, b->value, bench_given.value_bytes, flags);
    if (result != COPSE_OK)
      return fail(result, "%s", name);
    if (!common.quiet)
      progress_show(name, "records", n, bench_given.records);
  }
  status = session_commit(&b->session, NULL);
  if (status == STATUS_OK)
    report(b, name, bench_given.records, work_seconds() - began);
  return status;
}

static int get(struct bench *b) {
  double began = work_seconds();
  uint8_t key[KEY_BYTES];
  struct copse_bytes value;
  uint64_t n = 0;

  do {
    for (uint64_t end = n + BATCH; n < end; n++) {
      random_key(next_random(&b->state) % bench_given.records, key);
      int result = copse_get(session_view(&b->session), b->random, key, sizeof key, &value);
      if (result != COPSE_OK)
        return fail(result, "get");
    }
    if (work_interrupted())
      return STATUS_INTERRUPTED;
  } while (work_seconds() - began < seconds_of_lookups);
  report(b, "get, random", n, work_seconds() - began);
  return STATUS_OK;
}

static int multiget(struct bench *b) {
  double began = work_seconds();
  uint8_t keys[MULTIGET][KEY_BYTES];
  struct copse_bytes wanted[MULTIGET], values[MULTIGET];
  uint64_t n = 0;
  size_t found;

  do {
    for (int i = 0; i < MULTIGET; i++) {
      random_key(next_random(&b->state) % bench_given.records, keys[i]);
      wanted[i] = (struct copse_bytes){keys[i], KEY_BYTES};
    }
    int result =
        copse_multiget(session_view(&b->session), b->random, MULTIGET, wanted, values, &found);
    if (result < 0)
      return fail(result, "multiget");
    n += MULTIGET;
    if (work_interrupted())
      return STATUS_INTERRUPTED;
  } while (work_seconds() - began < seconds_of_lookups);
  report(b, "get, random, 64 at once", n, work_seconds() - began);
  return STATUS_OK;
}

static int scan(struct bench *b, struct copse_map *map, const char *name) {
  double began = work_seconds();
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint64_t n = 0;
  int result = copse_cursor_open(session_view(&b->session), map, NULL, &cursor);

  if (result != COPSE_OK)
    return fail(result, "%s", name);
  while ((result = copse_cursor_next(cursor, &key, &value)) == COPSE_OK)
    n++;
  copse_cursor_close(cursor);
  if (result < 0)
    return fail(result, "%s", name);
  report(b, name, n, work_seconds() - began);
  return work_interrupted() ? STATUS_INTERRUPTED : STATUS_OK;
}

static int put_one(struct bench *b) {
  double began = work_seconds();
  uint8_t key[KEY_BYTES];
  uint64_t n = 0;
  int status;

  do {
    for (uint64_t end = n + BATCH / 10; n < end; n++) {
      random_key(next_random(&b->state) % bench_given.records, key);
      if ((status = session_begin(&b->session)) != STATUS_OK)
        return status;
      int result = copse_put(b->session.txn, b->random, key, sizeof key, b->value,
                             bench_given.value_bytes, 0);
      if (result != COPSE_OK)
        return fail(result, "put");
      if ((status = session_commit(&b->session, NULL)) != STATUS_OK)
        return status;
    }
    if (work_interrupted())
      return STATUS_INTERRUPTED;
  } while (work_seconds() - began < seconds_of_lookups);
  report(b, "put, random, one in a commit", n, work_seconds() - began);
  return STATUS_OK;
}

static int measure(struct bench *b) {
  int result = copse_map_ensure(b->session.store, "sorted", NULL, -1, &b->sorted), status;

  if (result == COPSE_OK)
    result = copse_map_ensure(b->session.store, "random", NULL, -1, &b->random);
  if (result != COPSE_OK)
    return fail(result, "%s", b->session.path);
  status = load(b, b->sorted, "load, sorted, 1000 in a commit", sorted_key, COPSE_APPEND);
  if (status == STATUS_OK)
    status = load(b, b->random, "load, random, 1000 in a commit", random_key, 0);
  if (status == STATUS_OK)
    status = session_snapshot(&b->session);
  if (status == STATUS_OK)
    status = get(b);
  if (status == STATUS_OK)
    status = multiget(b);
  if (status == STATUS_OK)
    status = scan(b, b->sorted, "scan after the sorted load");
  if (status == STATUS_OK)
    status = scan(b, b->random, "scan after the random load");
  if (b->session.snapshot != NULL) {
    copse_snapshot_close(b->session.snapshot);
    b->session.snapshot = NULL;
  }
  if (status == STATUS_OK)
    status = put_one(b);
  return status;
}

static int run_bench(char **operands, size_t count) {
  struct bench b = {0};
  struct text path = {0};
  int status;

  if (bench_given.records == 0 || bench_given.value_bytes < 8 ||
      bench_given.value_bytes > UINT64_C(1) << 20)
    return fail_usage("--records takes 1 and more, --value-bytes 8 to 1M");
  if (count == 1)
    text_string(&path, operands[0]);
  else
    text_printf(&path, "%s/copse-bench-%d", bench_given.directory, (int)getpid());
  b.value = allocate(bench_given.value_bytes);
  status = session_open(&b.session, path.data, ACCESS_NEW);
  if (status == STATUS_OK) {
    status = measure(&b);
    session_abort(&b.session);
    if (b.sorted != NULL)
      copse_map_close(b.sorted);
    if (b.random != NULL)
      copse_map_close(b.random);
    progress_clear();
    status = session_close(&b.session, status);
    int result = copse_store_remove(path.data);
    if (result != COPSE_OK && status == STATUS_OK)
      status = fail(result, "removing %s", path.data);
  }
  free(b.value);
  text_free(&b.out);
  text_free(&path);
  return status;
}

const struct command command_bench = {
    .name = "bench",
    .operands = "[STORE]",
    .summary = "Measure this machine, with a temporary store",
    .text = "16-byte keys; one process. The store is made anew, at STORE or in --directory,\n"
            "and removed at the end.\n",
    .examples = "  copse bench\n"
                "  copse bench --records 5000000 --directory /var/tmp --json\n",
    .groups = {bench_options, creation_options, json_options, quiet_options, common_options},
    .run = run_bench,
};
