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
  bool names;              /* of arrays: the files' names are keys */
  struct loader_map *into; /* of files; NULL: not known yet */
  struct text key, value;
};

/* Tells of a record that cannot be stored. STATUS_OK when such are to be passed over. */
int import_bad(struct import_job *job, const char *message, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts the job's key and value; into an arena the value. */
int import_put(struct import_job *job, struct loader_map *map);

int import_sqlite(struct import_job *job, const char *file, const char *table,
                  const char *key_column);
int import_directory(struct import_job *job, const char *directory);
int import_arrays(struct import_job *job, const char *directory);

/* Calls each with the path of each plain file below a directory, in the order of names, and what of it is below. */
int import_walk(struct import_job *job, const char *directory,
                int (*each)(struct import_job *job, const char *path, const char *name));
/* The content of a file. */
int import_read(const char *path, struct text *out);

#endif
