/* examples/stream/tables.h - the stream in its store: opening the maps, loading, saving. */
#ifndef EXAMPLES_STREAM_TABLES_H
#define EXAMPLES_STREAM_TABLES_H

#include "image.h"

struct stream_tables {
  struct copse_map *map[STREAM_MAPS];
};

/* Opens all maps; LAYOUT when this program and the store disagree about a record, NO_MAP when
 * no producer has created them yet. */
COPSE_CHECKED int tables_open(struct stream_tables *tables, struct copse_view *view);
/* Opens them, or creates all of them and the first state, in one transaction. */
COPSE_CHECKED int tables_create(struct stream_tables *tables, struct copse_store *store);
void tables_close(struct stream_tables *tables);

/* Copies a version into an image. */
COPSE_CHECKED int tables_load(const struct stream_tables *tables, struct copse_view *view,
                              struct stream_image *image);
/* Writes what differs between two images, the state last with the time set right then. */
COPSE_CHECKED int tables_save(const struct stream_tables *tables, struct copse_txn *txn,
                              const struct stream_image *before, struct stream_image *after);

/* One record, by the key that is in it. COPSE_NONE: it is not there. */
COPSE_CHECKED int tables_get(const struct stream_tables *tables, struct copse_view *view,
                             enum stream_map map, void *record);
COPSE_CHECKED int tables_put(const struct stream_tables *tables, struct copse_txn *txn,
                             enum stream_map map, const void *record);

/* Counts one event of a process: reads and writes three records in three maps. COPSE_NONE:
 * there is no such process; nothing was written. */
COPSE_CHECKED int tables_count_event(const struct stream_tables *tables, struct copse_txn *txn,
                                     uint64_t pid);

#endif
