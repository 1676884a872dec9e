/* cli/inspect.h - the numbers and the readers of a store, as stat, readers and top show them. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "json.h"
#include <copse/copse.h>

const char *durability_name(uint32_t durability);
/* Lines, or with --json the members of an object that is begun. */
void stat_to_text(struct text *out, struct json_writer *w, const struct copse_stat *st);

struct reader_list {
  struct copse_reader *readers; /* to be freed */
  size_t count, capacity;
  uint64_t own_namespace;
  bool with_self;
};
/* Replaces the list by the processes attached now, those that hold most first. */
int readers_read(struct reader_list *list, struct copse_store *store, const char *path,
                 bool with_self);
void readers_header(struct text *out);
void reader_to_line(struct text *out, const struct copse_reader *r);
void reader_to_json(struct json_writer *w, const char *name, const struct copse_reader *r);

#endif
