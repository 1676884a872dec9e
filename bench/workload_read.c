/* workload_read.c - get, get-snapshot, multiget and the scans, by one process. What was read is
 * summed up in the timed part and checked after it, by making the same records again. */
#include "bench.h"

#include <inttypes.h>

enum { MULTIGET_BATCH = 64, CHECK_CLOCK_EVERY = 256 };

/* --- gets --------------------------------------------------------------------------------- */

struct tally {
  uint64_t found, sum;
};

static inline void tally_add(struct tally *tally, const struct engine_bytes *value) {
  tally->found++;
  tally->sum += value_ends(value->data, value->size);
}

/* CHECK_CLOCK_EVERY gets in the view that is open, or each in one of its own. */
static void get_some(const struct store *store, void *reader, bool view_each, struct random *random,
                     struct tally *tally) {
  const struct engine *engine = store->engine;
  for (int k = 0; k < CHECK_CLOCK_EVERY; k++) {
    uint64_t key[KEY_SIZE / 8];
    struct engine_bytes value;
    key_make(random_below(random, store->records), key);
    if (view_each)
      engine->view_begin(reader, true);
    if (engine->get(reader, key, KEY_SIZE, &value) == ENGINE_DONE)
      tally_add(tally, &value);
    if (view_each)
      engine->view_end(reader);
  }
}

static void multiget_some(const struct store *store, void *reader, unsigned batch,
                          struct random *random, struct tally *tally) {
  uint64_t words[MULTIGET_BATCH][KEY_SIZE / 8];
  struct engine_bytes keys[MULTIGET_BATCH], values[MULTIGET_BATCH];
  for (unsigned done = 0; done < CHECK_CLOCK_EVERY; done += batch) {
    for (unsigned k = 0; k < batch; k++) {
      key_make(random_below(random, store->records), words[k]);
      keys[k] = (struct engine_bytes){words[k], KEY_SIZE};
    }
    if (store->engine->multiget(reader, batch, keys, values) != batch)
      return; /* seen by the count */
    for (unsigned k = 0; k < batch; k++)
      tally_add(tally, &values[k]);
  }
}

static void check_gets(const struct store *store, uint64_t seed, uint64_t gets,
                       const struct tally *tally) {
  struct random random = {seed};
  uint64_t sum = 0;
  for (uint64_t k = 0; k < gets; k++)
    sum += value_ends_expected(random_below(&random, store->records), store->value_size);
  if (tally->found != gets || tally->sum != sum)
    die("%s: %" PRIu64 " of %" PRIu64 " gets found their record, checksum %s", store->engine->name,
        tally->found, gets, tally->sum == sum ? "right" : "wrong");
}

double measure_gets(const struct store *store, unsigned batch, double seconds) {
  const struct engine *engine = store->engine;
  bool view_each = batch == 1, multi = batch > 1 && engine->multiget != NULL;
  uint64_t seed = now_ns(), gets = 0, after;
  struct random random = {seed};
  struct tally tally = {0, 0};
  void *reader = engine->reader_open(store->db);
  uint64_t before = now_ns(), end = before + (uint64_t)(seconds * 1e9);
  if (!view_each)
    engine->view_begin(reader, false);
  do {
    if (multi)
      multiget_some(store, reader, batch, &random, &tally);
    else
      get_some(store, reader, view_each, &random, &tally);
    gets += CHECK_CLOCK_EVERY;
    after = now_ns();
  } while (after < end);
  if (!view_each)
    engine->view_end(reader);
  engine->reader_close(reader);
  check_gets(store, seed, gets, &tally);
  return (double)gets / ((double)(after - before) / 1e9);
}

void workload_get(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  unsigned batch = strcmp(name, "multiget") == 0       ? MULTIGET_BATCH
                   : strcmp(name, "get-snapshot") == 0 ? 1
                                                       : 0;
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct store *store = bench_store(bench, e, LOAD_RANDOM);
      if (store != NULL)
        bench_sample(bench, name, store->engine, "ops_s", 1,
                     measure_gets(store, batch, settings->seconds));
    }
}

/* --- scans -------------------------------------------------------------------------------- */

/* Whole scans, one snapshot each, until the time is over: at least one. */
static double measure_scans(const struct store *store, double seconds) {
  const struct engine *engine = store->engine;
  void *reader = engine->reader_open(store->db);
  uint64_t before = now_ns(), end = before + (uint64_t)(seconds * 1e9), scans = 0, after;
  struct checksum sum = {0};
  do {
    engine->view_begin(reader, false);
    engine->scan(reader, &sum);
    engine->view_end(reader);
    scans++;
    after = now_ns();
  } while (after < end);
  engine->reader_close(reader);
  uint64_t one = checksum_expected(store->records, store->value_size);
  if (sum.count != scans * store->records || sum.sum != scans * one)
    die("%s: a scan gave wrong records", engine->name);
  return (double)sum.count / ((double)(after - before) / 1e9);
}

void workload_scan(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  enum load_order order = strcmp(name, "scan-sorted") == 0 ? LOAD_SORTED : LOAD_RANDOM;
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      const struct store *store = bench_store(bench, e, order);
      if (store != NULL)
        bench_sample(bench, name, store->engine, "records_s", 1,
                     measure_scans(store, settings->seconds));
    }
  if (order == LOAD_SORTED)
    bench_drop_stores(bench, order); /* nothing else uses them */
}
