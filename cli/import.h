/* cli/import.h - what import's sources share. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "loader.h"
#include "value.h"

struct import_job {
  struct loader loader;
  const char *map;
  uint64_t all;      /* records that are to come, 0: not known */
  uint64_t left_out; /* of the source, each told of */
  bool skip_bad;
  struct text key, value;
};

/* Tells of a record that cannot be stored. STATUS_OK when such are to be passed over. */
int import_bad(struct import_job *job, const char *message, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts the job's key and value. */
int import_put(struct import_job *job, struct loader_map *map);

int import_sqlite(struct import_job *job, const char *file, const char *table,
                  const char *key_column);
int import_directory(struct import_job *job, const char *directory);

#endif
