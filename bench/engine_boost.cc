/* engine_boost.cc - Boost.Interprocess: a red-black tree in a mapped file, under a lock.
 *
 * Set up as for many processes: nodes from a private pool (no lock per allocation), keys
 * compared as two big-endian words, a sharable mutex beside the map. There are no snapshots
 * and no roll-back: a view is a shared lock, a transaction an exclusive one. The file's size is
 * fixed when it is made. */
#include "engine.h"
#include "files.h"

#include <array>
#include <boost/interprocess/allocators/private_node_allocator.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/managed_mapped_file.hpp>
#include <boost/interprocess/sync/interprocess_sharable_mutex.hpp>
#include <boost/version.hpp>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace bip = boost::interprocess;

namespace {

/* A key as two numbers that compare like its bytes. */
struct Key {
  uint64_t high, low;
  explicit Key(const void *bytes) {
    uint64_t words[2];
    memcpy(words, bytes, sizeof words);
    high = __builtin_bswap64(words[0]);
    low = __builtin_bswap64(words[1]);
  }
  bool operator<(const Key &other) const {
    return high != other.high ? high < other.high : low < other.low;
  }
  void write(uint64_t words[2]) const {
    words[0] = __builtin_bswap64(high);
    words[1] = __builtin_bswap64(low);
  }
};

template <size_t N> struct Value { std::array<unsigned char, N> bytes; };

using Segment = bip::managed_mapped_file;

/* One store, for one size of value. */
struct Store {
  Segment segment;
  bip::interprocess_sharable_mutex *mutex = nullptr;

  explicit Store(Segment &&s) : segment(std::move(s)) {
    mutex = segment.find_or_construct<bip::interprocess_sharable_mutex>("mutex")();
  }
  virtual ~Store() = default;
  virtual bool find(const Key &key, engine_bytes *value) = 0;
  virtual void put(const Key &key, const void *value, bool append) = 0;
  virtual void scan(checksum *sum) = 0;
};

template <size_t N> struct StoreOf final : Store {
  using Pair = std::pair<const Key, Value<N>>;
  using Allocator = bip::private_node_allocator<Pair, Segment::segment_manager, 4096>;
  using Map = bip::map<Key, Value<N>, std::less<Key>, Allocator>;
  Map *map;

  explicit StoreOf(Segment &&s) : Store(std::move(s)) {
    map = segment.find_or_construct<Map>("map")(std::less<Key>(),
                                                Allocator(segment.get_segment_manager()));
  }
  bool find(const Key &key, engine_bytes *value) override {
    auto at = map->find(key);
    if (at == map->end())
      return false;
    *value = engine_bytes{at->second.bytes.data(), N};
    return true;
  }
  void put(const Key &key, const void *value, bool append) override {
    auto at = append ? map->end() : map->lower_bound(key);
    if (at == map->end() || key < at->first)
      at = map->try_emplace(at, key);
    memcpy(at->second.bytes.data(), value, N);
  }
  void scan(checksum *sum) override {
    for (const Pair &pair : *map) {
      uint64_t key[2];
      pair.first.write(key);
      checksum_record(sum, key, sizeof key, pair.second.bytes.data(), N);
    }
  }
};

void describe(char *version, size_t version_size, char *settings, size_t settings_size) {
  snprintf(version, version_size, "%d.%d", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000);
  snprintf(settings, settings_size,
           "managed_mapped_file, map with private_node_allocator, interprocess_sharable_mutex: "
           "no snapshots, no roll-back; file populated before the load");
}

void *db_open(const engine_config *config) {
  std::string path = std::string(config->directory) + "/store.boost";
  try {
    uint64_t bytes = config->records * (config->key_size + config->value_size + 64) + (64 << 20);
    Segment segment = config->create ? Segment(bip::create_only, path.c_str(), bytes)
                                     : Segment(bip::open_only, path.c_str());
    if (config->create && config->populate_bytes > 0) {
      int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
      files_populate(fd, bytes);
      close(fd);
    }
    if (config->value_size == 64)
      return static_cast<Store *>(new StoreOf<64>(std::move(segment)));
    if (config->value_size == 8)
      return static_cast<Store *>(new StoreOf<8>(std::move(segment)));
  } catch (const std::exception &error) {
    die("boost: %s: %s", path.c_str(), error.what());
  }
  die("boost: values of %u bytes are not compiled in", config->value_size);
}

void db_close(void *db) { delete static_cast<Store *>(db); }

uint64_t footprint(void *db) {
  Segment &segment = static_cast<Store *>(db)->segment;
  return segment.get_size() - segment.get_free_memory();
}

/* --- reading: the reader is the store itself ---------------------------------------------- */

void *reader_open(void *db) { return db; }
void reader_close(void *) {}
void view_begin(void *reader, bool) { static_cast<Store *>(reader)->mutex->lock_sharable(); }
void view_end(void *reader) { static_cast<Store *>(reader)->mutex->unlock_sharable(); }

int get(void *reader, const void *key, size_t, engine_bytes *value) {
  return static_cast<Store *>(reader)->find(Key(key), value) ? ENGINE_DONE : ENGINE_NONE;
}

void scan(void *reader, checksum *sum) { static_cast<Store *>(reader)->scan(sum); }

/* --- writing ------------------------------------------------------------------------------ */

void *writer_open(void *db) { return db; }
void writer_close(void *) {}

int txn_begin(void *writer) {
  static_cast<Store *>(writer)->mutex->lock();
  return ENGINE_DONE;
}

int put(void *writer, const void *key, size_t, const void *value, size_t, bool append) {
  try {
    static_cast<Store *>(writer)->put(Key(key), value, append);
  } catch (const std::exception &error) {
    die("boost: put: %s", error.what());
  }
  return ENGINE_DONE;
}

int txn_commit(void *writer) {
  static_cast<Store *>(writer)->mutex->unlock();
  return ENGINE_DONE;
}

engine make() {
  engine e = {};
  e.name = "boost";
  e.traits = ENGINE_PROCESSES | ENGINE_KEY_SIZE;
  e.size_factor = 1;
  e.size_extra = 64;
  e.describe = describe;
  e.open = db_open;
  e.close = db_close;
  e.footprint = footprint;
  e.reader_open = reader_open;
  e.reader_close = reader_close;
  e.view_begin = view_begin;
  e.view_end = view_end;
  e.get = get;
  e.scan = scan;
  e.writer_open = writer_open;
  e.writer_close = writer_close;
  e.txn_begin = txn_begin;
  e.put = put;
  e.txn_commit = txn_commit;
  return e;
}

} // namespace

extern "C" const engine engine_boost = make();
