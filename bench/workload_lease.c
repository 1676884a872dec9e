/* workload_lease.c - lease: a million values of one snapshot are leased, in a group or each by itself; then the
 * snapshot ends, then the leases. Beside it puts, one per commit, with the leases and without any. Of
 * Copse alone: no peer has leases. */
#include "bench.h"

#include <copse/copse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEASES = 1000000, PUTS = 5000, PUT_STEP = 97 };

static void check(int result, const char *what) {
  if (result != 0)
    die("lease: %s: %s (%s)", what, copse_strerror(result), copse_error_detail());
}

struct tenants {
  struct copse_store *store;
  struct copse_map *map;
  struct copse_lease_group *group;
  struct copse_lease **leases; /* of single ones; NULL for a group */
  struct copse_bytes *values;
  uint64_t count, sum;
};

static uint64_t first_byte(const struct copse_bytes *value) {
  return value->size ? *(const uint8_t *)value->data : 0;
}

/* Gives how long it took to walk and to lease, and to end the snapshot. */
static void lease_all(struct tenants *tenants, uint64_t *take_ns, uint64_t *end_ns) {
  struct copse_snapshot *snapshot;
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  check(copse_snapshot_open(tenants->store, 0, &snapshot), "snapshot");
  struct copse_view *view = copse_snapshot_view(snapshot);
  check(copse_cursor_open(view, tenants->map, NULL, &cursor), "cursor");
  tenants->count = tenants->sum = 0;
  uint64_t began = now_ns();
  while (tenants->count < LEASES && copse_cursor_next(cursor, &key, &value) == 0) {
    if (tenants->leases)
      check(copse_lease_take(view, COPSE_LEASE_ERROR, &value, &tenants->leases[tenants->count]),
            "take");
    else
      check(copse_lease_group_take(tenants->group, view, COPSE_LEASE_ERROR, &value), "take");
    tenants->values[tenants->count++] = value;
    tenants->sum += first_byte(&value);
  }
  *take_ns = now_ns() - began;
  copse_cursor_close(cursor);
  began = now_ns();
  copse_snapshot_close(snapshot);
  *end_ns = now_ns() - began;
}

/* Puts existing values anew, under keys in steps; gives the mean time of a commit. */
static double put_some(struct tenants *tenants) {
  struct copse_snapshot *snapshot;
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint8_t copy[4096];
  uint64_t ns = 0, puts = 0;
  check(copse_snapshot_open(tenants->store, 0, &snapshot), "snapshot");
  check(copse_cursor_open(copse_snapshot_view(snapshot), tenants->map, NULL, &cursor), "cursor");
  for (uint64_t i = 0; puts < PUTS && copse_cursor_next(cursor, &key, &value) == 0; i++) {
    struct copse_txn *txn;
    if (i % PUT_STEP || value.size > sizeof copy)
      continue;
    memcpy(copy, value.data, value.size);
    uint64_t began = now_ns();
    check(copse_txn_begin(tenants->store, -1, &txn), "begin");
    check(copse_put(txn, tenants->map, key.data, key.size, copy, value.size, 0), "put");
    check(copse_txn_commit(txn, NULL), "commit");
    ns += now_ns() - began;
    puts++;
    if (puts % 64 == 0) { /* no old snapshot in the way */
      copy[0] = key.size < sizeof copy ? (uint8_t)key.size : 0;
      memcpy(copy + 1, key.data, copy[0]);
      check(copse_snapshot_refresh(snapshot) < 0, "refresh");
      check(copse_cursor_seek(cursor, COPSE_SEEK_GE, copy + 1, copy[0], &key, &value), "seek");
    }
  }
  copse_cursor_close(cursor);
  copse_snapshot_close(snapshot);
  return puts ? (double)ns / (double)puts : 0;
}

/* What was leased is still what it was. */
static void verify(const struct tenants *tenants) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < tenants->count; i++)
    sum += first_byte(&tenants->values[i]);
  if (sum != tenants->sum)
    die("lease: leased values have changed");
}

static void one_round(struct bench *bench, const char *name, const struct engine *engine,
                      struct tenants *tenants, bool single) {
  uint64_t take_ns, end_ns, began;
  tenants->leases = NULL;
  if (single && !(tenants->leases = calloc(LEASES, sizeof *tenants->leases)))
    die("lease: no memory");
  check(copse_lease_group_open(tenants->store, &tenants->group), "group");
  lease_all(tenants, &take_ns, &end_ns);
  double put_ns = put_some(tenants);
  verify(tenants);
  began = now_ns();
  for (uint64_t i = 0; single && i < tenants->count; i++)
    copse_lease_release(tenants->leases[i]);
  copse_lease_group_close(tenants->group);
  double release_ns = (double)(now_ns() - began), count = (double)tenants->count;
  free(tenants->leases);
  bench_sample(bench, name, engine, single ? "single_take_ns" : "take_ns", 1,
               (double)take_ns / count);
  bench_sample(bench, name, engine, single ? "single_release_ns" : "end_group_ns", 1,
               single ? release_ns / count : release_ns);
  bench_sample(bench, name, engine, single ? "single_end_snapshot_ns" : "end_snapshot_ns", 1,
               (double)end_ns);
  bench_sample(bench, name, engine, single ? "single_put_ns" : "put_ns", 1, put_ns);
}

void workload_lease(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  struct tenants tenants = {.values = calloc(LEASES, sizeof *tenants.values)};
  struct copse_lease_bounds bounds = {.max_bytes = UINT64_MAX};
  if (!tenants.values)
    die("lease: no memory");
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct engine *engine = settings->engines[e];
      const struct store *store =
          strcmp(engine->name, "copse") == 0 ? bench_store(bench, e, LOAD_RANDOM) : NULL;
      char path[512];
      if (store == NULL)
        continue;
      snprintf(path, sizeof path, "%s/store", store->directory);
      check(copse_store_open(path, NULL, &tenants.store), "open");
      check(copse_map_ensure(tenants.store, "bench", NULL, -1, &tenants.map), "map");
      copse_lease_bound(tenants.store, &bounds);
      bench_sample(bench, name, engine, "put_alone_ns", 1, put_some(&tenants));
      one_round(bench, name, engine, &tenants, false);
      one_round(bench, name, engine, &tenants, true);
      copse_map_close(tenants.map);
      check(copse_store_close(tenants.store), "close");
    }
  free(tenants.values);
}
