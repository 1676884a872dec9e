/* engine.h - the one interface behind which every engine stands.
 *
 * An adapter (engine_NAME.c or .cc) sets its engine up as its experts would, for a store on
 * tmpfs without durability (or, where it is asked to, on a disk and durable), and does nothing that a plain user of the engine couldn't. Errors
 * are fatal (die()); only a lost race of two writers, where an engine has such a thing, is
 * reported, by ENGINE_RETRY.
 *
 * A db may be used by all threads of a process; a reader and a writer by one thread each. */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include "common.h"

#ifdef __cplusplus
extern "C" {
#endif

struct engine_bytes {
  const void *data;
  size_t size;
};

struct engine_config {
  const char *directory;   /* exists and belongs to this store alone */
  uint64_t records;        /* not more than these will be stored */
  uint64_t populate_bytes; /* for a new store: allocate and map this much before the load */
  uint32_t key_size;       /* KEY_SIZE */
  uint32_t value_size;
  uint64_t memory_bytes; /* on a disk, larger than this memory; 0: it fits */
  bool create;           /* else: attach to a store that another process may have open */
  bool read_only;        /* this process opens readers only */
  bool durable;          /* on a disk: a commit that returned survives a power cut */
};

enum engine_trait {
  ENGINE_PROCESSES = 1, /* several processes can have one store open; else threads only */
  ENGINE_DURABLE = 2,   /* heeds engine_config.durable */
  ENGINE_KEY_SIZE = 4,  /* its keys have KEY_SIZE bytes */
};

enum engine_result {
  ENGINE_DONE = 0,
  ENGINE_NONE = 1,  /* no such key */
  ENGINE_RETRY = 2, /* the transaction was given up for another writer's: begin anew */
};

struct engine {
  const char *name;
  uint32_t traits; /* of enum engine_trait */
  /* What a store will take at most, roughly, to tell whether it fits: per record, factor *
   * (key + value) + extra. */
  double size_factor, size_extra;

  /* For the report: version and settings, in one line each. */
  void (*describe)(char *version, size_t version_size, char *settings, size_t settings_size);

  void *(*open)(const struct engine_config *config);
  void (*close)(void *db);
  /* After a load, untimed: what experts do before they read (flush, compact, checkpoint).
   * NULL: nothing. */
  void (*settle)(void *db);
  /* The high-water mark of the storage that the records took. */
  uint64_t (*footprint)(void *db);

  /* A view is one consistent state (a snapshot, or a shared lock where there is no such
   * thing). begin gives the newest; between begin and end it stays the same. one_get says that
   * a single get follows, for engines where that alone is a snapshot. Memory lent by get is
   * valid until the reader's next call. */
  void *(*reader_open)(void *db);
  void (*reader_close)(void *reader);
  void (*view_begin)(void *reader, bool one_get);
  void (*view_end)(void *reader);
  int (*get)(void *reader, const void *key, size_t key_size, struct engine_bytes *value);
  /* Lends all values at once; NULL where the engine has no such call. Gives how many are there. */
  size_t (*multiget)(void *reader, size_t n, const struct engine_bytes *keys,
                     struct engine_bytes *values);
  /* All records in key order, each through checksum_record(). */
  void (*scan)(void *reader, struct checksum *sum);

  /* A write transaction. append: the key is greater than all others. put and commit may give
   * ENGINE_RETRY: the transaction is gone then. commit returns when other processes see it. */
  void *(*writer_open)(void *db);
  void (*writer_close)(void *writer);
  int (*txn_begin)(void *writer);
  int (*put)(void *writer, const void *key, size_t key_size, const void *value, size_t value_size,
             bool append);
  int (*txn_commit)(void *writer);
  /* A put that other processes see soon, without waiting for it; what was put so is seen when
   * put_settle returns. NULL, both: the engine has no such thing. */
  void (*put_later)(void *writer, const void *key, size_t key_size, const void *value,
                    size_t value_size);
  void (*put_settle)(void *writer);
  /* Records without keys, side by side: room for n, which the caller fills; then one commit. NULL, all
   * of them: the engine has no such thing. rows_scan: through checksum_record(), without keys. */
  void (*rows_begin)(void *writer, uint64_t n, uint32_t value_size);
  void *(*rows_piece)(void *writer, uint64_t from, uint64_t *count);
  void (*rows_commit)(void *writer, uint64_t n);
  void (*rows_scan)(void *reader, struct checksum *sum);
};

/* What every adapter has, by the names that adapters in C give these functions. */
#define ENGINE_CALLS                                                                               \
  .describe = describe, .open = db_open, .close = db_close, .footprint = footprint,                \
  .reader_open = reader_open, .reader_close = reader_close, .view_begin = view_begin,              \
  .view_end = view_end, .get = get, .scan = scan, .writer_open = writer_open,                      \
  .writer_close = writer_close, .txn_begin = txn_begin, .put = put, .txn_commit = txn_commit

/* Those compiled in, in order of appearance; engine_find gives NULL for an unknown name. */
enum { ENGINES_MAX = 8 };
extern const struct engine *const engines[];
extern const size_t engine_count;
const struct engine *engine_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
