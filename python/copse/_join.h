/* _join.h - the parts of joins: sides (_join_side.c) and the table of a hash join (_join_table.c). */
#ifndef COPSE_PYTHON_JOIN_H
#define COPSE_PYTHON_JOIN_H

#include "_copse.h"

/* --- sides ----------------------------------------------------------------------------- */

struct side {
  struct user user; /* of the view */
  struct view *view;
  struct handle *handle;
  struct copse_cursor *cursor; /* NULL: the view has ended */
  uint64_t version;
  bool owned;
  PyObject *rows; /* a list; NULL: a map */
  Py_ssize_t row;
  bool by_value; /* joined by bytes from..to of the value; else by the key */
  bool turned;   /* the other side's keys are uint64, big-endian; the column's numbers are not */
  size_t from, to;
  struct copse_bytes key, value; /* of the present record; of rows the key alone */
};

/* other: the side that is there already, whose own snapshot may be shared. */
int side_init(struct state *state, struct side *side, PyObject *object, PyObject *column,
              const struct side *other);
void side_clear(struct side *side);
int side_enter(struct side *side); /* its view, which must be as it was */
/* The next record: 0, COPSE_NONE, an error. */
int side_next(struct side *side);
/* The column of a value, which has it. scratch: 8 bytes. */
struct copse_bytes column_of(const struct side *side, const void *value, uint8_t *scratch);
/* What the present record is joined by; false: its value is too short to have it. */
bool side_bytes(const struct side *side, struct copse_bytes *bytes, uint8_t *scratch);
PyObject *row_of(const struct side *side, size_t index, int which); /* 0: its key, 1: its value */

/* --- the table of the right side ------------------------------------------------------- */

#define NOBODY UINT32_MAX

struct entry {
  uint32_t next, last; /* of the same key */
  uint32_t hash, key_size;
  size_t key_at; /* in the keys' memory */
  const void *value;
  size_t value_size; /* of rows: the index */
};

struct place {
  uint32_t index, hash; /* of an entry; index NOBODY: none */
};

struct table {
  struct entry *entries;
  size_t count, room;
  uint8_t *keys;
  size_t keys_size, keys_room;
  struct place *places; /* NULL: not all entries are there yet */
  size_t placed;
  size_t mask;
  uint64_t seed;
};

void table_init(struct table *table);
void table_clear(struct table *table);
/* Reads up to so many records of the side and gives them their places: 0, COPSE_NONE when all is done, an
 * error. */
int table_build(struct table *table, struct side *side, int steps);
uint32_t table_hash(const struct table *table, struct copse_bytes bytes);
/* The first entry of these bytes, or NOBODY. */
uint32_t table_find(const struct table *table, const struct side *side, uint32_t hash,
                    struct copse_bytes bytes);
/* Ask for the memory that looking for a hash will touch: each for what the one before names. */
void table_expect_place(const struct table *table, uint32_t hash);
void table_expect_entry(const struct table *table, uint32_t hash);
void table_expect_record(const struct table *table, uint32_t hash);

#endif
