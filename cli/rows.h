/* cli/rows.h - the records of a map or of an arena, one after the other. An arena's keys are the indexes of
 * its slots, in the form of u64 keys. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "session.h"

struct row {
  struct copse_bytes key, value;
  uint32_t generation; /* of an arena's record; else 0 */
};

struct rows {
  struct copse_view *view;
  const struct open_map *map;
  struct copse_cursor *cursor; /* of a map */
  bool free;                   /* slots too that are free now: their value is NULL */
  bool begun;                  /* backwards */
  uint64_t end;                /* of the slots that are asked for */
  struct copse_slots slots;    /* the run of them that this is in */
  uint64_t at;                 /* how many of them were told */
  uint8_t index[8];
  struct span *spans; /* backwards: runs of live slots that are still to come */
  size_t span_count;
};

/* Begins in a view; range NULL: all. A status. */
int rows_open(struct rows *rows, struct copse_view *view, const struct open_map *map,
              const struct copse_range *range);
/* The next record, lent as by the view. COPSE_NONE: there are no more. */
int rows_next(struct rows *rows, struct row *row);
/* From the last record to the first. */
int rows_back(struct rows *rows, struct row *row);
void rows_close(struct rows *rows);

#endif
