/* engine_bdb.c - Berkeley DB 5.3, transactional data store: a B-tree in a page pool that all
 * processes share, with page locks and a log.
 *
 * Set up for a store on tmpfs without durability: the log is in memory and never synced, the
 * pool holds everything, deadlocks are resolved as they happen (the transaction is begun anew),
 * snapshots are DB_TXN_SNAPSHOT over a multiversion database, scans read in bulk. */
#include "engine.h"

#include <db.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const uint32_t LOG_BUFFER_BYTES = 32 << 20;
static const uint32_t BULK_BYTES = 1 << 20;

struct bdb_db {
  DB_ENV *env;
  DB *db;
};
struct bdb_reader {
  struct bdb_db *db;
  DB_TXN *txn;
  unsigned char value[VALUE_SIZE_MAX];
  void *bulk;
};
struct bdb_writer {
  struct bdb_db *db;
  DB_TXN *txn;
};

static void check(int result, const char *what) {
  if (result != 0)
    die("bdb: %s: %s", what, db_strerror(result));
}

static void describe(char *version, size_t version_size, char *settings, size_t settings_size) {
  snprintf(version, version_size, "%s", db_version(NULL, NULL, NULL));
  snprintf(settings, settings_size,
           "B-tree, transactions with TXN_NOSYNC and LOG_IN_MEMORY, pool larger than the data, "
           "snapshots by DB_TXN_SNAPSHOT, bulk scans; durable: the log is on the disk and synced");
}

static void *db_open(const struct engine_config *config) {
  struct bdb_db *db = calloc(1, sizeof *db);
  uint32_t flags = DB_INIT_MPOOL | DB_INIT_LOCK | DB_INIT_LOG | DB_INIT_TXN | DB_THREAD;
  check(db_env_create(&db->env, 0), "db_env_create");
  if (config->create) {
    uint64_t pool = config->records * (config->key_size + config->value_size) * 5 / 2 + (64 << 20);
    check(db->env->set_cachesize(db->env, (uint32_t)(pool >> 30),
                                 (uint32_t)(pool & ((1u << 30) - 1)), (int)(pool >> 30) / 2 + 1),
          "set_cachesize");
    check(db->env->set_lg_bsize(db->env, LOG_BUFFER_BYTES), "set_lg_bsize");
    check(db->env->set_lk_max_locks(db->env, 100000), "set_lk_max_locks");
    check(db->env->set_lk_max_objects(db->env, 100000), "set_lk_max_objects");
    check(db->env->set_lk_max_lockers(db->env, 1000), "set_lk_max_lockers");
    check(db->env->mutex_set_increment(db->env, (uint32_t)(pool / 4096 * 2) + 200000),
          "mutex_set_increment"); /* beyond its own guess: a latch per buffer, versions too */
    check(db->env->set_tx_max(db->env, 10000), "set_tx_max");
    if (!config->durable)
      check(db->env->log_set_config(db->env, DB_LOG_IN_MEMORY, 1), "log_set_config");
    flags |= DB_CREATE;
  }
  check(db->env->set_lk_detect(db->env, DB_LOCK_DEFAULT), "set_lk_detect");
  if (!config->durable)
    check(db->env->set_flags(db->env, DB_TXN_NOSYNC, 1), "set_flags");
  check(db->env->open(db->env, config->directory, flags, 0600), "DB_ENV->open");
  check(db_create(&db->db, db->env, 0), "db_create");
  uint32_t open_flags = DB_AUTO_COMMIT | DB_THREAD | DB_MULTIVERSION;
  check(db->db->open(db->db, NULL, "store.db", NULL, DB_BTREE,
                     open_flags | (config->create ? DB_CREATE : 0), 0600),
        "DB->open");
  return db;
}

static void db_close(void *handle) {
  struct bdb_db *db = handle;
  check(db->db->close(db->db, DB_NOSYNC), "DB->close");
  check(db->env->close(db->env, 0), "DB_ENV->close");
  free(db);
}

/* Pages in the file, whether they are in the pool or already written out. */
static uint64_t footprint(void *handle) {
  struct bdb_db *db = handle;
  DB_BTREE_STAT *stat;
  check(db->db->stat(db->db, NULL, &stat, DB_FAST_STAT), "DB->stat");
  uint64_t bytes = (uint64_t)stat->bt_pagecnt * stat->bt_pagesize;
  free(stat);
  return bytes;
}

/* --- reading ------------------------------------------------------------------------------ */

static void *reader_open(void *handle) {
  struct bdb_reader *reader = calloc(1, sizeof *reader);
  reader->db = handle;
  return reader;
}

static void reader_close(void *handle) {
  struct bdb_reader *reader = handle;
  free(reader->bulk);
  free(reader);
}

static void view_begin(void *handle, bool one_get) {
  struct bdb_reader *reader = handle;
  if (!one_get)
    check(reader->db->env->txn_begin(reader->db->env, NULL, &reader->txn, DB_TXN_SNAPSHOT),
          "txn_begin");
}

static void view_end(void *handle) {
  struct bdb_reader *reader = handle;
  if (reader->txn != NULL)
    check(reader->txn->commit(reader->txn, 0), "DB_TXN->commit");
  reader->txn = NULL;
}

/* A get outside of a transaction locks one page; its deadlock is its own to resolve. */
static int get(void *handle, const void *key, size_t key_size, struct engine_bytes *value) {
  struct bdb_reader *reader = handle;
  DBT k = {.data = (void *)(uintptr_t)key, .size = (uint32_t)key_size};
  DBT v = {.data = reader->value, .ulen = sizeof reader->value, .flags = DB_DBT_USERMEM};
  int result;
  do
    result = reader->db->db->get(reader->db->db, reader->txn, &k, &v, 0);
  while (result == DB_LOCK_DEADLOCK && reader->txn == NULL);
  if (result == DB_NOTFOUND)
    return ENGINE_NONE;
  check(result, "DB->get");
  *value = (struct engine_bytes){v.data, v.size};
  return ENGINE_DONE;
}

static void scan(void *handle, struct checksum *sum) {
  struct bdb_reader *reader = handle;
  DBC *cursor;
  if (reader->bulk == NULL && (reader->bulk = malloc(BULK_BYTES)) == NULL)
    die("bdb: no memory");
  check(reader->db->db->cursor(reader->db->db, reader->txn, &cursor, DB_CURSOR_BULK), "DB->cursor");
  DBT k = {0}, v = {.data = reader->bulk, .ulen = BULK_BYTES, .flags = DB_DBT_USERMEM};
  int result;
  while ((result = cursor->get(cursor, &k, &v, DB_MULTIPLE_KEY | DB_NEXT)) == 0) {
    void *at, *key, *value;
    size_t key_size, value_size;
    DB_MULTIPLE_INIT(at, &v);
    for (;;) {
      DB_MULTIPLE_KEY_NEXT(at, &v, key, key_size, value, value_size);
      if (at == NULL)
        break;
      checksum_record(sum, key, key_size, value, value_size);
    }
  }
  if (result != DB_NOTFOUND)
    check(result, "DBC->get");
  check(cursor->close(cursor), "DBC->close");
}

/* --- writing ------------------------------------------------------------------------------ */

static void *writer_open(void *handle) {
  struct bdb_writer *writer = calloc(1, sizeof *writer);
  writer->db = handle;
  return writer;
}

static void writer_close(void *writer) { free(writer); }

static int txn_begin(void *handle) {
  struct bdb_writer *writer = handle;
  check(writer->db->env->txn_begin(writer->db->env, NULL, &writer->txn, 0), "txn_begin");
  return ENGINE_DONE;
}

/* Another transaction holds the page and waits for ours: ours has to go. */
static int lost(struct bdb_writer *writer, int result, const char *what) {
  if (result != DB_LOCK_DEADLOCK && result != DB_LOCK_NOTGRANTED)
    check(result, what);
  check(writer->txn->abort(writer->txn), "DB_TXN->abort");
  return ENGINE_RETRY;
}

static int put(void *handle, const void *key, size_t key_size, const void *value, size_t value_size,
               bool append) {
  (void)append;
  struct bdb_writer *writer = handle;
  DBT k = {.data = (void *)(uintptr_t)key, .size = (uint32_t)key_size};
  DBT v = {.data = (void *)(uintptr_t)value, .size = (uint32_t)value_size};
  int result = writer->db->db->put(writer->db->db, writer->txn, &k, &v, 0);
  return result == 0 ? ENGINE_DONE : lost(writer, result, "DB->put");
}

static int txn_commit(void *handle) {
  struct bdb_writer *writer = handle;
  check(writer->txn->commit(writer->txn, 0), "DB_TXN->commit");
  return ENGINE_DONE;
}

const struct engine engine_bdb = {
    .name = "bdb",
    .traits = ENGINE_PROCESSES | ENGINE_DURABLE,
    .size_factor = 3,
    .size_extra = 20,
    ENGINE_CALLS,
};
