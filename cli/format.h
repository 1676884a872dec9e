/* cli/format.h - the text formats that load and dump speak.
 *
 *   tsv    "key TAB value" in the escaped form, records as JSON; with several maps
 *          "map TAB key TAB value"
 *   jsonl  {"map": ..., "key": ..., "value": ...}; before the records of each map what it is:
 *          {"map": ..., "define": {"key": "u64", "value_size": 48, "layout": "..."}}
 *          For an arena "key" is "slot" there, and "arena" its number in handles; a record has
 *          "generation" if that is not 1, and a free slot that had records has no value.
 *   mdb    the portable format of mdb_dump and mdb_load, also of Berkeley DB's db_dump */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include <stdio.h>

#include "loader.h"
#include "rows.h"
#include "value.h"

/* --- loading ------------------------------------------------------------------------- */

struct load_job {
  struct loader loader;
  FILE *input;
  const char *input_name;
  uint64_t input_bytes; /* all of the input, 0: not known */
  uint64_t bytes;       /* read so far */
  uint64_t line;        /* number of the line read last */
  char *buffer;         /* of getline() */
  size_t buffer_bytes;
  const char *map; /* where records go; NULL: the input names the maps */
  enum form form;
  bool skip_bad;
  uint64_t bad; /* lines passed over */
  struct json_document document;
  struct text key, value, name;
};

/* The next line without its newline; *line NULL at the end. It is lent until the next call. */
int job_line(struct load_job *job, char **line, size_t *size);
/* Tells of a bad line. STATUS_OK when bad lines are to be passed over. */
int job_bad(struct load_job *job, const char *message, ...) __attribute__((format(printf, 2, 3)));
/* The map that a line names (or the job's), by loader_map(). A name that cannot be is bad:
 * *map is NULL then. */
int job_map(struct load_job *job, const char *name, size_t name_size, const struct shape *defined,
            struct loader_map **map);
/* Puts the job's key and value. */
int job_put(struct load_job *job, struct loader_map *map);
/* Puts slots into an arena. */
int job_restore(struct load_job *job, struct loader_map *map, const struct copse_slots *slots);

/* --- dumping ------------------------------------------------------------------------- */

struct dump_job {
  struct session *session;
  struct text out;
  enum form form;
  bool named;       /* each line names its map */
  bool print;       /* mdb: printable bytes as they are */
  bool main;        /* mdb: the nameless main database */
  uint64_t mapsize; /* mdb: room that LMDB needs for all */
  uint64_t records;
  uint64_t unfit; /* mdb: keys that LMDB does not take */
};

struct format {
  const char *name;
  int (*load)(struct load_job *job);
  int (*dump_begin)(struct dump_job *job, struct open_map *map);
  void (*dump_record)(struct dump_job *job, struct open_map *map, const struct row *row);
  void (*dump_end)(struct dump_job *job, struct open_map *map);
};

extern const struct format format_tsv, format_jsonl, format_mdb;

#endif
