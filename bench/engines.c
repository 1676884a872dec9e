/* engines.c - the table of engines that are compiled in. */
#include "engine.h"

#define ENGINE_DECLARE(name) extern const struct engine engine_##name;
ENGINE_DECLARE(copse)
ENGINE_DECLARE(lmdb)
ENGINE_DECLARE(sqlite)
ENGINE_DECLARE(boost)
ENGINE_DECLARE(rocksdb)
ENGINE_DECLARE(bdb)
ENGINE_DECLARE(concread)

const struct engine *const engines[] = {
#ifdef BENCH_COPSE
    &engine_copse,
#endif
#ifdef BENCH_LMDB
    &engine_lmdb,
#endif
#ifdef BENCH_SQLITE
    &engine_sqlite,
#endif
#ifdef BENCH_BOOST
    &engine_boost,
#endif
#ifdef BENCH_ROCKSDB
    &engine_rocksdb,
#endif
#ifdef BENCH_BDB
    &engine_bdb,
#endif
#ifdef BENCH_CONCREAD
    &engine_concread,
#endif
};
const size_t engine_count = sizeof engines / sizeof engines[0];

const struct engine *engine_find(const char *name) {
  for (size_t i = 0; i < engine_count; i++)
    if (strcmp(engines[i]->name, name) == 0)
      return engines[i];
  return NULL;
}
