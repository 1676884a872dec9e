/* engine_concread.c - concread: a copy-on-write B+tree on the heap of one process (Rust).
 *
 * Its readers and writers are threads: the rows of several actors say so. The Rust half,
 * concread/src/lib.rs, does the work; storage is counted as growth of the heap. */
#include "engine.h"
#include "files.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

struct bench_concread;
struct bench_concread *bench_concread_open(size_t value_size);
void bench_concread_close(struct bench_concread *db);
void *bench_concread_reader(struct bench_concread *db);
void bench_concread_reader_close(void *reader);
void bench_concread_begin(void *reader);
void bench_concread_end(void *reader);
const void *bench_concread_get(void *reader, const void *key);
void bench_concread_scan(void *reader, struct checksum *sum);
void *bench_concread_writer(struct bench_concread *db);
void bench_concread_writer_close(void *writer);
void bench_concread_txn_begin(void *writer);
void bench_concread_put(void *writer, const void *key, const void *value, size_t value_size);
void bench_concread_txn_commit(void *writer);

struct concread_db {
  struct bench_concread *map;
  size_t value_size;
  uint64_t resident_before;
};
struct concread_reader {
  void *reader;
  size_t value_size;
};

static uint64_t resident(void) { return files_proc_bytes("/proc/self/status", "RssAnon"); }

static void describe(char *version, size_t version_size, char *settings, size_t settings_size) {
  snprintf(version, version_size, "0.4.1");
  snprintf(settings, settings_size, "BptreeMap<u128, [u8; 64]>, heap of one process; threads only");
}

static void *db_open(const struct engine_config *config) {
  struct concread_db *db = calloc(1, sizeof *db);
  db->value_size = config->value_size;
  malloc_trim(0); /* what an earlier round freed is not to be reused unseen */
  db->resident_before = resident();
  db->map = bench_concread_open(config->value_size);
  if (db->map == NULL)
    die("concread: values of %u bytes are not compiled in", config->value_size);
  return db;
}

static void db_close(void *handle) {
  struct concread_db *db = handle;
  bench_concread_close(db->map);
  free(db);
}

static uint64_t footprint(void *handle) {
  struct concread_db *db = handle;
  uint64_t now = resident();
  return now > db->resident_before ? now - db->resident_before : 0;
}

static void *reader_open(void *handle) {
  struct concread_db *db = handle;
  struct concread_reader *reader = calloc(1, sizeof *reader);
  reader->reader = bench_concread_reader(db->map);
  reader->value_size = db->value_size;
  return reader;
}

static void reader_close(void *handle) {
  struct concread_reader *reader = handle;
  bench_concread_reader_close(reader->reader);
  free(reader);
}

static void view_begin(void *handle, bool one_get) {
  (void)one_get;
  struct concread_reader *reader = handle;
  bench_concread_begin(reader->reader);
}

static void view_end(void *handle) {
  struct concread_reader *reader = handle;
  bench_concread_end(reader->reader);
}

static int get(void *handle, const void *key, size_t key_size, struct engine_bytes *value) {
  (void)key_size;
  struct concread_reader *reader = handle;
  const void *found = bench_concread_get(reader->reader, key);
  if (found == NULL)
    return ENGINE_NONE;
  *value = (struct engine_bytes){found, reader->value_size};
  return ENGINE_DONE;
}

static void scan(void *handle, struct checksum *sum) {
  struct concread_reader *reader = handle;
  bench_concread_scan(reader->reader, sum);
}

static void *writer_open(void *handle) {
  struct concread_db *db = handle;
  return bench_concread_writer(db->map);
}

static void writer_close(void *writer) { bench_concread_writer_close(writer); }

static int txn_begin(void *writer) {
  bench_concread_txn_begin(writer);
  return ENGINE_DONE;
}

static int put(void *writer, const void *key, size_t key_size, const void *value, size_t value_size,
               bool append) {
  (void)key_size, (void)append;
  bench_concread_put(writer, key, value, value_size);
  return ENGINE_DONE;
}

static int txn_commit(void *writer) {
  bench_concread_txn_commit(writer);
  return ENGINE_DONE;
}

const struct engine engine_concread = {
    .name = "concread",
    .traits = ENGINE_KEY_SIZE,
    .size_factor = 3.5,
    .size_extra = 100,
    ENGINE_CALLS,
};
