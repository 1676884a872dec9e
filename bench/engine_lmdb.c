/* engine_lmdb.c - LMDB: a copy-on-write B+tree in a mapped file; one writer, many readers.
 *
 * Set up for a store on tmpfs: no syncing, written through the mapping, no read-ahead, reader
 * slots tied to transactions instead of threads, renewed instead of begun. */
#include "engine.h"
#include "files.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t MAP_SIZE = 64ull << 30; /* sparse: a bound, no cost */

struct lmdb_db {
  MDB_env *env;
  MDB_dbi dbi;
};
struct lmdb_reader {
  MDB_txn *txn;
  MDB_dbi dbi;
};
struct lmdb_writer {
  struct lmdb_db *db;
  MDB_txn *txn;
};

static void check(int result, const char *what) {
  if (result != 0)
    die("lmdb: %s: %s", what, mdb_strerror(result));
}

static void describe(char *version, size_t version_size, char *settings, size_t settings_size) {
  snprintf(version, version_size, "%s", mdb_version(NULL, NULL, NULL));
  snprintf(
      settings, settings_size,
      "NOSYNC WRITEMAP NORDAHEAD NOTLS NOMEMINIT, file populated before the load, "
      "read transactions renewed, sorted load by MDB_APPEND; durable: neither NOSYNC nor WRITEMAP");
}

static void *db_open(const struct engine_config *config) {
  struct lmdb_db *db = calloc(1, sizeof *db);
  unsigned flags = MDB_NORDAHEAD | MDB_NOTLS | MDB_NOMEMINIT;
  if (!config->durable)
    flags |= MDB_NOSYNC | MDB_WRITEMAP;
  if (config->read_only)
    flags |= MDB_RDONLY;
  check(mdb_env_create(&db->env), "mdb_env_create");
  check(mdb_env_set_mapsize(db->env, MAP_SIZE), "mdb_env_set_mapsize");
  check(mdb_env_open(db->env, config->directory, flags, 0600), "mdb_env_open");
  if (config->create && config->populate_bytes > 0 && !config->durable) {
    int fd;
    check(mdb_env_get_fd(db->env, &fd), "mdb_env_get_fd");
    files_populate(fd, config->populate_bytes);
  }
  MDB_txn *txn;
  check(mdb_txn_begin(db->env, NULL, config->create ? 0 : MDB_RDONLY, &txn), "mdb_txn_begin");
  check(mdb_dbi_open(txn, NULL, 0, &db->dbi), "mdb_dbi_open");
  check(mdb_txn_commit(txn), "mdb_txn_commit");
  return db;
}

static void db_close(void *handle) {
  struct lmdb_db *db = handle;
  mdb_env_close(db->env);
  free(db);
}

static uint64_t footprint(void *handle) {
  struct lmdb_db *db = handle;
  MDB_envinfo info;
  MDB_stat stat;
  check(mdb_env_info(db->env, &info), "mdb_env_info");
  check(mdb_env_stat(db->env, &stat), "mdb_env_stat");
  return (info.me_last_pgno + 1) * stat.ms_psize;
}

static void *reader_open(void *handle) {
  struct lmdb_db *db = handle;
  struct lmdb_reader *reader = calloc(1, sizeof *reader);
  reader->dbi = db->dbi;
  check(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &reader->txn), "mdb_txn_begin");
  mdb_txn_reset(reader->txn);
  return reader;
}

static void reader_close(void *handle) {
  struct lmdb_reader *reader = handle;
  mdb_txn_abort(reader->txn);
  free(reader);
}

static void view_begin(void *handle, bool one_get) {
  (void)one_get;
  struct lmdb_reader *reader = handle;
  check(mdb_txn_renew(reader->txn), "mdb_txn_renew");
}

static void view_end(void *handle) {
  struct lmdb_reader *reader = handle;
  mdb_txn_reset(reader->txn);
}

static int get(void *handle, const void *key, size_t key_size, struct engine_bytes *value) {
  struct lmdb_reader *reader = handle;
  MDB_val k = {.mv_size = key_size, .mv_data = (void *)(uintptr_t)key}, v;
  int result = mdb_get(reader->txn, reader->dbi, &k, &v);
  if (result == MDB_NOTFOUND)
    return ENGINE_NONE;
  check(result, "mdb_get");
  *value = (struct engine_bytes){v.mv_data, v.mv_size};
  return ENGINE_DONE;
}

static void scan(void *handle, struct checksum *sum) {
  struct lmdb_reader *reader = handle;
  MDB_cursor *cursor;
  MDB_val k, v;
  check(mdb_cursor_open(reader->txn, reader->dbi, &cursor), "mdb_cursor_open");
  int result = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
  while (result == 0) {
    checksum_record(sum, k.mv_data, k.mv_size, v.mv_data, v.mv_size);
    result = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
  }
  if (result != MDB_NOTFOUND)
    check(result, "mdb_cursor_get");
  mdb_cursor_close(cursor);
}

static void *writer_open(void *handle) {
  struct lmdb_writer *writer = calloc(1, sizeof *writer);
  writer->db = handle;
  return writer;
}

static void writer_close(void *writer) { free(writer); }

static int txn_begin(void *handle) {
  struct lmdb_writer *writer = handle;
  check(mdb_txn_begin(writer->db->env, NULL, 0, &writer->txn), "mdb_txn_begin");
  return ENGINE_DONE;
}

static int put(void *handle, const void *key, size_t key_size, const void *value, size_t value_size,
               bool append) {
  struct lmdb_writer *writer = handle;
  MDB_val k = {.mv_size = key_size, .mv_data = (void *)(uintptr_t)key};
  MDB_val v = {.mv_size = value_size, .mv_data = (void *)(uintptr_t)value};
  check(mdb_put(writer->txn, writer->db->dbi, &k, &v, append ? MDB_APPEND : 0), "mdb_put");
  return ENGINE_DONE;
}

static int txn_commit(void *handle) {
  struct lmdb_writer *writer = handle;
  check(mdb_txn_commit(writer->txn), "mdb_txn_commit");
  return ENGINE_DONE;
}

const struct engine engine_lmdb = {
    .name = "lmdb",
    .traits = ENGINE_PROCESSES | ENGINE_DURABLE,
    .size_factor = 2,
    .size_extra = 0,
    ENGINE_CALLS,
};
