/* copse/cursor.h - walking a map in key order, in both directions.
 *
 * A cursor belongs to a view and is used by one thread at a time. Keys and values that it
 * hands out are lent: the value as told in transaction.h, the key until the cursor moves or
 * is closed. In a write transaction a cursor stays valid across the transaction's own
 * writes: the next step goes on from the key it stood on, whether that is still there or not. */
#ifndef COPSE_CURSOR_H
#define COPSE_CURSOR_H

#include "transaction.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_cursor;

enum copse_seek {
  COPSE_SEEK_GE, /* the first record >= key */
  COPSE_SEEK_GT, /* the first record > key */
  COPSE_SEEK_LE, /* the last record <= key */
  COPSE_SEEK_LT, /* the last record < key */
  COPSE_SEEK_EQ, /* the record with this key */
};

/* Opens a cursor over the records of a map in a range (NULL: all; bounds are copied). It
 * stands before the first record. Errors: NO_MAP, ARGUMENT, MEMORY, CORRUPT, STATE. */
COPSE_CHECKED int copse_cursor_open(struct copse_view *view, struct copse_map *map,
                                    const struct copse_range *range,
                                    struct copse_cursor **cursor);
COPSE_API void copse_cursor_close(struct copse_cursor *cursor);

/* Steps. key and value may be NULL. COPSE_NONE past the end (or start) of the range; the
 * cursor then stands there, and a step back returns to the last (or first) record.
 * Errors: CORRUPT, TRUNCATED, OUSTED, STATE (the snapshot was refreshed: seek first). */
COPSE_CHECKED int copse_cursor_next(struct copse_cursor *cursor, struct copse_bytes *key,
                                    struct copse_bytes *value);
COPSE_CHECKED int copse_cursor_prev(struct copse_cursor *cursor, struct copse_bytes *key,
                                    struct copse_bytes *value);

/* Jumps. COPSE_NONE when there is no such record in the range; the cursor then stands where the record would be
 * for GE, GT and EQ (next gives the first greater one), or before the range for LE and LT. */
COPSE_CHECKED int copse_cursor_first(struct copse_cursor *cursor, struct copse_bytes *key,
                                     struct copse_bytes *value);
COPSE_CHECKED int copse_cursor_last(struct copse_cursor *cursor, struct copse_bytes *key,
                                    struct copse_bytes *value);
COPSE_CHECKED int copse_cursor_seek(struct copse_cursor *cursor, enum copse_seek how,
                                    const void *key, size_t key_size, struct copse_bytes *found_key,
                                    struct copse_bytes *value);

#ifdef __cplusplus
}
#endif
#endif
