/* engine_copse.c - Copse, used through its public headers like by any program. */
#include "engine.h"

#include <copse/copse.h>
#include <stdio.h>
#include <stdlib.h>

struct copse_db {
  struct copse_store *store;
  struct copse_map *map;
  struct copse_snapshot *spare; /* opened to open the map; the process's reader takes it */
};
struct copse_reader_state {
  struct copse_snapshot *snapshot;
  struct copse_map *map;
};
struct copse_writer_state {
  struct copse_store *store;
  struct copse_map *map;
  struct copse_txn *txn;
  struct copse_batch *batch;
  struct copse_ticket last;
  struct copse_arena *arena; /* of rows; NULL: not used yet */
  struct copse_reservation *reservation;
};

_Static_assert(sizeof(struct engine_bytes) == sizeof(struct copse_bytes) &&
                   offsetof(struct engine_bytes, size) == offsetof(struct copse_bytes, size),
               "multiget hands the arrays through");

static void check(int result, const char *what) {
  if (result < 0)
    die("copse: %s: %s (%s)", what, copse_strerror(result), copse_error_detail());
}

static void describe(char *version, size_t version_size, char *settings, size_t settings_size) {
  snprintf(version, version_size, "%s", copse_version());
  snprintf(settings, settings_size,
           "defaults, map of byte strings, prefault_bytes before the load, snapshots refreshed, "
           "sorted load by COPSE_APPEND; durable: COPSE_DURABILITY_SYNC; big: "
           "COPSE_NO_READ_AHEAD, lazy, sync_bytes 1/16 of the memory");
}

static void *db_open(const struct engine_config *config) {
  struct copse_db *db = calloc(1, sizeof *db);
  char path[512];
  snprintf(path, sizeof path, "%s/store", config->directory);
  struct copse_store_options options = {
      .flags = (config->create ? COPSE_CREATE | COPSE_EXCLUSIVE : 0) |
               (config->read_only ? COPSE_READ_ONLY : 0) |
               (config->memory_bytes ? COPSE_NO_READ_AHEAD : 0),
      .sync_bytes = config->memory_bytes / 16,
      .prefault_bytes = config->populate_bytes,
      .durability = config->durable ? COPSE_DURABILITY_SYNC : COPSE_DURABILITY_DEFAULT,
  };
  check(copse_store_open(path, &options, &db->store), "copse_store_open");
  if (config->create) {
    check(copse_map_ensure(db->store, "bench", NULL, -1, &db->map), "copse_map_ensure");
    return db;
  }
  check(copse_snapshot_open(db->store, 0, &db->spare), "copse_snapshot_open");
  check(copse_map_open(copse_snapshot_view(db->spare), "bench", NULL, &db->map), "copse_map_open");
  if (!config->read_only) { /* a writer would be held back by its own snapshot */
    copse_snapshot_close(db->spare);
    db->spare = NULL;
  }
  return db;
}

static void db_close(void *handle) {
  struct copse_db *db = handle;
  if (db->spare != NULL)
    copse_snapshot_close(db->spare);
  copse_map_close(db->map);
  check(copse_store_close(db->store), "copse_store_close");
  free(db);
}

static uint64_t footprint(void *handle) {
  struct copse_db *db = handle;
  struct copse_stat stat;
  check(copse_stat(db->store, &stat), "copse_stat");
  return stat.high_water_bytes;
}

static void *reader_open(void *handle) {
  struct copse_db *db = handle;
  struct copse_reader_state *reader = calloc(1, sizeof *reader);
  reader->map = db->map;
  reader->snapshot = db->spare; /* only in processes with one reader: no race */
  db->spare = NULL;
  if (reader->snapshot == NULL)
    check(copse_snapshot_open(db->store, 0, &reader->snapshot), "copse_snapshot_open");
  return reader;
}

static void reader_close(void *handle) {
  struct copse_reader_state *reader = handle;
  copse_snapshot_close(reader->snapshot);
  free(reader);
}

static void view_begin(void *handle, bool one_get) {
  (void)one_get;
  struct copse_reader_state *reader = handle;
  check(copse_snapshot_refresh(reader->snapshot), "copse_snapshot_refresh");
}

static void view_end(void *handle) { (void)handle; }

static int get(void *handle, const void *key, size_t key_size, struct engine_bytes *value) {
  struct copse_reader_state *reader = handle;
  struct copse_bytes found;
  int result = copse_get(copse_snapshot_view(reader->snapshot), reader->map, key, key_size, &found);
  if (result == COPSE_NONE)
    return ENGINE_NONE;
  check(result, "copse_get");
  *value = (struct engine_bytes){found.data, found.size};
  return ENGINE_DONE;
}

static size_t multiget(void *handle, size_t n, const struct engine_bytes *keys,
                       struct engine_bytes *values) {
  struct copse_reader_state *reader = handle;
  size_t found;
  check(copse_multiget(copse_snapshot_view(reader->snapshot), reader->map, n,
                       (const struct copse_bytes *)keys, (struct copse_bytes *)values, &found),
        "copse_multiget");
  return found;
}

static void scan(void *handle, struct checksum *sum) {
  struct copse_reader_state *reader = handle;
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  int result;
  check(copse_cursor_open(copse_snapshot_view(reader->snapshot), reader->map, NULL, &cursor),
        "copse_cursor_open");
  while ((result = copse_cursor_next(cursor, &key, &value)) == COPSE_OK)
    checksum_record(sum, key.data, key.size, value.data, value.size);
  check(result, "copse_cursor_next");
  copse_cursor_close(cursor);
}

static void *writer_open(void *handle) {
  struct copse_db *db = handle;
  struct copse_writer_state *writer = calloc(1, sizeof *writer);
  writer->store = db->store;
  writer->map = db->map;
  check(copse_batch_open(db->store, &writer->batch), "copse_batch_open");
  return writer;
}

static void writer_close(void *handle) {
  struct copse_writer_state *writer = handle;
  copse_batch_close(writer->batch);
  copse_arena_close(writer->arena);
  free(writer);
}

static int txn_begin(void *handle) {
  struct copse_writer_state *writer = handle;
  check(copse_txn_begin(writer->store, -1, &writer->txn), "copse_txn_begin");
  return ENGINE_DONE;
}

static int put(void *handle, const void *key, size_t key_size, const void *value, size_t value_size,
               bool append) {
  struct copse_writer_state *writer = handle;
  check(copse_put(writer->txn, writer->map, key, key_size, value, value_size,
                  append ? COPSE_APPEND : 0),
        "copse_put");
  return ENGINE_DONE;
}

static int txn_commit(void *handle) {
  struct copse_writer_state *writer = handle;
  check(copse_txn_commit(writer->txn, NULL), "copse_txn_commit");
  return ENGINE_DONE;
}

static void put_later(void *handle, const void *key, size_t key_size, const void *value,
                      size_t value_size) {
  struct copse_writer_state *writer = handle;
  check(copse_batch_put(writer->batch, writer->map, key, key_size, value, value_size),
        "copse_batch_put");
  check(copse_batch_commit(writer->batch, COPSE_BATCH_ACCEPTED, -1, &writer->last),
        "copse_batch_commit");
}

static void put_settle(void *handle) {
  struct copse_writer_state *writer = handle;
  struct copse_outcome outcome;
  check(copse_batch_outcome(writer->store, &writer->last, COPSE_BATCH_VISIBLE, -1, &outcome),
        "copse_batch_outcome");
  check(outcome.result, "a batch");
}

static void rows_begin(void *handle, uint64_t n, uint32_t value_size) {
  struct copse_writer_state *writer = handle;
  struct copse_arena_options options = {.record_size = value_size};
  if (writer->arena == NULL)
    check(copse_arena_ensure(writer->store, "rows", &options, -1, &writer->arena),
          "copse_arena_ensure");
  check(copse_arena_reserve(writer->arena, n, -1, &writer->reservation), "copse_arena_reserve");
}

static void *rows_piece(void *handle, uint64_t from, uint64_t *count) {
  struct copse_writer_state *writer = handle;
  void *records;
  int result = copse_reservation_piece(writer->reservation, from, &records, count);
  check(result, "copse_reservation_piece");
  return result == COPSE_NONE ? NULL : records;
}

static void rows_commit(void *handle, uint64_t n) {
  struct copse_writer_state *writer = handle;
  check(copse_txn_begin(writer->store, -1, &writer->txn), "copse_txn_begin");
  check(copse_reservation_publish(writer->txn, writer->reservation, n, NULL),
        "copse_reservation_publish");
  check(copse_txn_commit(writer->txn, NULL), "copse_txn_commit");
  copse_reservation_close(writer->reservation);
}

static void rows_scan(void *handle, struct checksum *sum) {
  struct copse_reader_state *reader = handle;
  struct copse_view *view = copse_snapshot_view(reader->snapshot);
  struct copse_arena *arena;
  struct copse_chunk chunk;
  struct checksum local = *sum; /* in registers, as over any array */
  int result;
  check(copse_arena_open(view, "rows", NULL, &arena), "copse_arena_open");
  for (uint64_t i = 0; (result = copse_arena_chunk(view, arena, i, &chunk)) == COPSE_OK;
       i = chunk.first + chunk.count)
    for (uint64_t k = 0; k < chunk.count; k++)
      checksum_record(&local, NULL, 0, (const char *)chunk.records + k * VALUE_SIZE_MAX,
                      VALUE_SIZE_MAX);
  check(result, "copse_arena_chunk");
  *sum = local;
  copse_arena_close(arena);
}

const struct engine engine_copse = {
    .name = "copse",
    .traits = ENGINE_PROCESSES | ENGINE_DURABLE,
    .size_factor = 2,
    .size_extra = 0,
    ENGINE_CALLS,
    .multiget = multiget,
    .put_later = put_later,
    .put_settle = put_settle,
    .rows_begin = rows_begin,
    .rows_piece = rows_piece,
    .rows_commit = rows_commit,
    .rows_scan = rows_scan,
};
