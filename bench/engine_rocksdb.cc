/* engine_rocksdb.cc - RocksDB: a log-structured merge tree.
 *
 * Set up for a store on tmpfs without durability: no write-ahead log, no compression, files
 * read through mappings (the block cache would only copy), Bloom filters, hash index inside
 * blocks, large memtables. After a load it is flushed and compacted. One process at a time
 * can write it: the rows of several writers and readers are of threads. */
#include "engine.h"

#include <cstdio>
#include <memory>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>
#include <vector>

namespace {

using rocksdb::Slice;
using rocksdb::Status;

struct Reader {
  rocksdb::DB *db;
  rocksdb::ReadOptions options;
  rocksdb::PinnableSlice value;
  std::vector<Slice> keys;
  std::vector<rocksdb::PinnableSlice> values;
  std::vector<Status> statuses;
};

struct Writer {
  rocksdb::DB *db;
  rocksdb::WriteOptions options;
  rocksdb::WriteBatch batch;
};

bool durable; /* the stores of this process */

void check(const Status &status, const char *what) {
  if (!status.ok())
    die("rocksdb: %s: %s", what, status.ToString().c_str());
}

void describe(char *version, size_t version_size, char *settings, size_t settings_size) {
  snprintf(version, version_size, "%d.%d.%d", ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH);
  snprintf(settings, settings_size,
           "WAL disabled, no compression, mmap reads without block cache, Bloom filter 10 bits, "
           "hash index in blocks, memtables 4 x 128 MiB; flushed and compacted after a load; "
           "threads of one process only; durable: WAL, synced");
}

void *db_open(const engine_config *config) {
  durable = config->durable;
  rocksdb::Options options;
  options.create_if_missing = config->create;
  options.IncreaseParallelism(2);
  options.compression = rocksdb::kNoCompression;
  options.allow_mmap_reads = true;
  options.max_open_files = -1;
  options.write_buffer_size = 128 << 20;
  options.max_write_buffer_number = 4;
  options.target_file_size_base = 256 << 20;
  options.max_bytes_for_level_base = 1 << 30;
  options.stats_dump_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::FATAL_LEVEL;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  table.block_size = 4096;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB *db;
  check(rocksdb::DB::Open(options, config->directory, &db), "open");
  return db;
}

void db_close(void *handle) {
  auto *db = static_cast<rocksdb::DB *>(handle);
  check(db->Close(), "close");
  delete db;
}

void settle(void *handle) {
  auto *db = static_cast<rocksdb::DB *>(handle);
  check(db->Flush(rocksdb::FlushOptions()), "flush");
  check(db->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr), "compact");
}

uint64_t footprint(void *handle) {
  auto *db = static_cast<rocksdb::DB *>(handle);
  uint64_t bytes = 0;
  db->GetIntProperty("rocksdb.total-sst-files-size", &bytes);
  return bytes;
}

/* --- reading ------------------------------------------------------------------------------ */

void *reader_open(void *db) {
  auto *reader = new Reader{};
  reader->db = static_cast<rocksdb::DB *>(db);
  reader->options.verify_checksums = false;
  return reader;
}

void reader_close(void *handle) { delete static_cast<Reader *>(handle); }

/* A single get is a snapshot of its own. */
void view_begin(void *handle, bool one_get) {
  auto *reader = static_cast<Reader *>(handle);
  if (!one_get)
    reader->options.snapshot = reader->db->GetSnapshot();
}

void view_end(void *handle) {
  auto *reader = static_cast<Reader *>(handle);
  reader->value.Reset();
  if (reader->options.snapshot != nullptr)
    reader->db->ReleaseSnapshot(reader->options.snapshot);
  reader->options.snapshot = nullptr;
}

int get(void *handle, const void *key, size_t key_size, engine_bytes *value) {
  auto *reader = static_cast<Reader *>(handle);
  reader->value.Reset();
  Status status = reader->db->Get(reader->options, reader->db->DefaultColumnFamily(),
                                  Slice(static_cast<const char *>(key), key_size), &reader->value);
  if (status.IsNotFound())
    return ENGINE_NONE;
  check(status, "get");
  *value = engine_bytes{reader->value.data(), reader->value.size()};
  return ENGINE_DONE;
}

size_t multiget(void *handle, size_t n, const engine_bytes *keys, engine_bytes *values) {
  auto *reader = static_cast<Reader *>(handle);
  if (reader->keys.size() < n) {
    reader->keys.resize(n);
    reader->values = std::vector<rocksdb::PinnableSlice>(n);
    reader->statuses.resize(n);
  }
  for (size_t i = 0; i < n; i++) {
    reader->keys[i] = Slice(static_cast<const char *>(keys[i].data), keys[i].size);
    reader->values[i].Reset();
  }
  reader->db->MultiGet(reader->options, reader->db->DefaultColumnFamily(), n, reader->keys.data(),
                       reader->values.data(), reader->statuses.data());
  size_t found = 0;
  for (size_t i = 0; i < n; i++) {
    bool none = reader->statuses[i].IsNotFound();
    if (!none)
      check(reader->statuses[i], "multiget");
    values[i] = none ? engine_bytes{nullptr, 0}
                     : engine_bytes{reader->values[i].data(), reader->values[i].size()};
    found += !none;
  }
  return found;
}

void scan(void *handle, checksum *sum) {
  auto *reader = static_cast<Reader *>(handle);
  std::unique_ptr<rocksdb::Iterator> at(reader->db->NewIterator(reader->options));
  for (at->SeekToFirst(); at->Valid(); at->Next())
    checksum_record(sum, at->key().data(), at->key().size(), at->value().data(),
                    at->value().size());
  check(at->status(), "iterate");
}

/* --- writing ------------------------------------------------------------------------------ */

void *writer_open(void *db) {
  auto *writer = new Writer{};
  writer->db = static_cast<rocksdb::DB *>(db);
  writer->options.disableWAL = !durable;
  writer->options.sync = durable;
  return writer;
}

void writer_close(void *handle) { delete static_cast<Writer *>(handle); }

int txn_begin(void *handle) {
  static_cast<Writer *>(handle)->batch.Clear();
  return ENGINE_DONE;
}

int put(void *handle, const void *key, size_t key_size, const void *value, size_t value_size,
        bool) {
  check(
      static_cast<Writer *>(handle)->batch.Put(Slice(static_cast<const char *>(key), key_size),
                                               Slice(static_cast<const char *>(value), value_size)),
      "put");
  return ENGINE_DONE;
}

int txn_commit(void *handle) {
  auto *writer = static_cast<Writer *>(handle);
  check(writer->db->Write(writer->options, &writer->batch), "write");
  return ENGINE_DONE;
}

engine make() {
  engine e = {};
  e.name = "rocksdb";
  e.traits = ENGINE_DURABLE;
  e.size_factor = 2.5;
  e.size_extra = 20;
  e.describe = describe;
  e.open = db_open;
  e.close = db_close;
  e.settle = settle;
  e.footprint = footprint;
  e.reader_open = reader_open;
  e.reader_close = reader_close;
  e.view_begin = view_begin;
  e.view_end = view_end;
  e.get = get;
  e.multiget = multiget;
  e.scan = scan;
  e.writer_open = writer_open;
  e.writer_close = writer_close;
  e.txn_begin = txn_begin;
  e.put = put;
  e.txn_commit = txn_commit;
  return e;
}

} // namespace

extern "C" const engine engine_rocksdb = make();
