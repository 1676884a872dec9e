/* engine_sqlite.c - SQLite: SQL over a B-tree in one file, with a write-ahead log.
 *
 * Set up for a key-value table on tmpfs: WAL, no syncing, reads through the mapping, a page
 * cache that holds what a writer touches, prepared statements, a table without row ids (the
 * key is the tree's own). Write transactions begin IMMEDIATE, so that none has to be given up
 * for another's. Each reader and writer is a connection of its own. */
#include "engine.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static const int BUSY_TIMEOUT_MS = 60000;

struct sqlite_db {
  char path[512];
  sqlite3 *connection;     /* keeps the log and its index alive */
  bool read_only, durable; /* then the process's one reader uses the connection too */
};
struct sqlite_reader {
  sqlite3 *connection;
  sqlite3_stmt *begin, *end, *get, *scan;
  bool shared;  /* the connection is the db's */
  bool in_view; /* between BEGIN and COMMIT */
  bool row;     /* get stands on a row whose memory is lent */
};
struct sqlite_writer {
  sqlite3 *connection;
  sqlite3_stmt *begin, *commit, *put;
};

static void check(int result, sqlite3 *connection, const char *what) {
  if (result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW)
    die("sqlite: %s: %s", what, sqlite3_errmsg(connection));
}

static void run(sqlite3 *connection, const char *sql) {
  check(sqlite3_exec(connection, sql, NULL, NULL, NULL), connection, sql);
}

static sqlite3_stmt *prepare(sqlite3 *connection, const char *sql) {
  sqlite3_stmt *statement;
  check(sqlite3_prepare_v3(connection, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL),
        connection, sql);
  return statement;
}

static sqlite3 *connect_to(const char *path, int flags, bool durable) {
  sqlite3 *connection;
  int result = sqlite3_open_v2(path, &connection, flags | SQLITE_OPEN_NOMUTEX, NULL);
  check(result, connection, "sqlite3_open_v2");
  sqlite3_busy_timeout(connection, BUSY_TIMEOUT_MS);
  run(connection, "PRAGMA mmap_size=68719476736");
  if (flags & SQLITE_OPEN_READWRITE) {
    run(connection, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF");
    run(connection, "PRAGMA cache_size=-262144"); /* KiB, taken as needed */
    run(connection, "PRAGMA wal_autocheckpoint=4000");
  }
  return connection;
}

static void describe(char *version, size_t version_size, char *settings, size_t settings_size) {
  snprintf(version, version_size, "%s", sqlite3_libversion());
  snprintf(settings, settings_size,
           "WAL, synchronous=OFF, mmap_size 64 GiB, cache 256 MiB, checkpoint every 4000 pages, "
           "file grown by 64 MiB, WITHOUT ROWID, prepared statements, busy_timeout %d s; durable: "
           "synchronous=FULL",
           BUSY_TIMEOUT_MS / 1000);
}

static void *db_open(const struct engine_config *config) {
  struct sqlite_db *db = calloc(1, sizeof *db);
  snprintf(db->path, sizeof db->path, "%s/store.sqlite", config->directory);
  db->read_only = config->read_only;
  db->durable = config->durable;
  int flags = config->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  db->connection =
      connect_to(db->path, flags | (config->create ? SQLITE_OPEN_CREATE : 0), db->durable);
  if (config->create) {
    int chunk = 64 << 20;
    sqlite3_file_control(db->connection, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    run(db->connection, "PRAGMA journal_mode=WAL");
    run(db->connection, "CREATE TABLE t(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID");
  }
  return db;
}

static void db_close(void *handle) {
  struct sqlite_db *db = handle;
  check(sqlite3_close(db->connection), db->connection, "sqlite3_close");
  free(db);
}

static void settle(void *handle) {
  struct sqlite_db *db = handle;
  run(db->connection, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* What the database counts, not the file's size, which is a multiple of 64 MiB. */
static uint64_t footprint(void *handle) {
  struct sqlite_db *db = handle;
  sqlite3_stmt *s = prepare(
      db->connection, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
  check(sqlite3_step(s), db->connection, "page_count");
  uint64_t bytes = (uint64_t)sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return bytes;
}

/* --- reading ------------------------------------------------------------------------------ */

static void *reader_open(void *handle) {
  struct sqlite_db *db = handle;
  struct sqlite_reader *reader = calloc(1, sizeof *reader);
  reader->shared = db->read_only;
  reader->connection =
      db->read_only ? db->connection : connect_to(db->path, SQLITE_OPEN_READONLY, db->durable);
  reader->get = prepare(reader->connection, "SELECT v FROM t WHERE k=?");
  return reader;
}

/* A statement prepared when it is first wanted: an attach with one get wants only that. */
static sqlite3_stmt *wanted(sqlite3 *connection, sqlite3_stmt **statement, const char *sql) {
  if (*statement == NULL)
    *statement = prepare(connection, sql);
  return *statement;
}

static void step_once(sqlite3 *connection, sqlite3_stmt *statement, const char *what) {
  check(sqlite3_step(statement), connection, what);
  check(sqlite3_reset(statement), connection, what);
}

static void give_back(struct sqlite_reader *reader) {
  if (reader->row)
    sqlite3_reset(reader->get);
  reader->row = false;
}

static void reader_close(void *handle) {
  struct sqlite_reader *reader = handle;
  sqlite3_finalize(reader->begin);
  sqlite3_finalize(reader->end);
  sqlite3_finalize(reader->get);
  sqlite3_finalize(reader->scan);
  if (!reader->shared)
    check(sqlite3_close(reader->connection), reader->connection, "sqlite3_close");
  free(reader);
}

/* A SELECT outside of a transaction is a snapshot of its own until it is reset. */
static void view_begin(void *handle, bool one_get) {
  struct sqlite_reader *reader = handle;
  reader->in_view = !one_get;
  if (reader->in_view)
    step_once(reader->connection, wanted(reader->connection, &reader->begin, "BEGIN"), "BEGIN");
}

static void view_end(void *handle) {
  struct sqlite_reader *reader = handle;
  give_back(reader);
  if (reader->in_view)
    step_once(reader->connection, wanted(reader->connection, &reader->end, "COMMIT"), "COMMIT");
}

static int get(void *handle, const void *key, size_t key_size, struct engine_bytes *value) {
  struct sqlite_reader *reader = handle;
  give_back(reader);
  sqlite3_bind_blob(reader->get, 1, key, (int)key_size, SQLITE_STATIC);
  int result = sqlite3_step(reader->get);
  check(result, reader->connection, "SELECT");
  reader->row = true;
  if (result == SQLITE_DONE)
    return ENGINE_NONE;
  value->data = sqlite3_column_blob(reader->get, 0);
  value->size = (size_t)sqlite3_column_bytes(reader->get, 0);
  return ENGINE_DONE;
}

static void scan(void *handle, struct checksum *sum) {
  struct sqlite_reader *reader = handle;
  sqlite3_stmt *all = wanted(reader->connection, &reader->scan, "SELECT k, v FROM t ORDER BY k");
  int result;
  while ((result = sqlite3_step(all)) == SQLITE_ROW)
    checksum_record(sum, sqlite3_column_blob(all, 0), (size_t)sqlite3_column_bytes(all, 0),
                    sqlite3_column_blob(all, 1), (size_t)sqlite3_column_bytes(all, 1));
  check(result, reader->connection, "SELECT all");
  sqlite3_reset(all);
}

/* --- writing ------------------------------------------------------------------------------ */

static void *writer_open(void *handle) {
  struct sqlite_db *db = handle;
  struct sqlite_writer *writer = calloc(1, sizeof *writer);
  writer->connection = connect_to(db->path, SQLITE_OPEN_READWRITE, db->durable);
  writer->begin = prepare(writer->connection, "BEGIN IMMEDIATE");
  writer->commit = prepare(writer->connection, "COMMIT");
  writer->put = prepare(writer->connection, "REPLACE INTO t VALUES(?, ?)");
  return writer;
}

static void writer_close(void *handle) {
  struct sqlite_writer *writer = handle;
  sqlite3_finalize(writer->begin);
  sqlite3_finalize(writer->commit);
  sqlite3_finalize(writer->put);
  check(sqlite3_close(writer->connection), writer->connection, "sqlite3_close");
  free(writer);
}

/* SQLITE_BUSY after the whole timeout: refused, to be tried again. */
static int txn_begin(void *handle) {
  struct sqlite_writer *writer = handle;
  int result = sqlite3_step(writer->begin);
  sqlite3_reset(writer->begin);
  if ((result & 0xff) == SQLITE_BUSY)
    return ENGINE_RETRY;
  check(result, writer->connection, "BEGIN IMMEDIATE");
  return ENGINE_DONE;
}

static int put(void *handle, const void *key, size_t key_size, const void *value, size_t value_size,
               bool append) {
  (void)append;
  struct sqlite_writer *writer = handle;
  sqlite3_bind_blob(writer->put, 1, key, (int)key_size, SQLITE_STATIC);
  sqlite3_bind_blob(writer->put, 2, value, (int)value_size, SQLITE_STATIC);
  step_once(writer->connection, writer->put, "REPLACE");
  return ENGINE_DONE;
}

static int txn_commit(void *handle) {
  struct sqlite_writer *writer = handle;
  step_once(writer->connection, writer->commit, "COMMIT");
  return ENGINE_DONE;
}

const struct engine engine_sqlite = {
    .name = "sqlite",
    .traits = ENGINE_PROCESSES | ENGINE_DURABLE,
    .size_factor = 1.5,
    .size_extra = 10,
    ENGINE_CALLS,
    .settle = settle,
};
