/* _join.c - joins of two sides, each a map or a list of (bytes, value): copse.merge_join, copse.hash_join.
 *
 * A hash join keeps its right side in a table: one array of entries {hash, where the key lies, the value's
 * place in the snapshot}, one piece of memory with all keys (the library lends a key only until its cursor
 * moves), and one open-addressing array of indexes, made when all entries are there. So there is no allocation
 * per record, and no object before a pair is found. Records of one key hang on one another, in the order of the
 * side. What is looked for lies all over memory: some records are read ahead, and their places asked for.
 *
 * Both views are entered for a step, in the order of their addresses; two handles of one store share a
 * snapshot, which is the join's own. Between steps a view may end (then the side has ended too), or be
 * refreshed: then the values' places mean nothing any more, and the next step says so. */
#include "_copse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NOBODY UINT32_MAX
#define AHEAD 16
#define STEPS_WITH_GIL 64
#define STEPS_AT_ONCE 65536 /* then signals are looked for */

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

struct entry {
  uint32_t hash, next; /* the next one of the same key */
  uint32_t key_size, last;
  size_t key_at; /* in the keys' memory */
  const void *value;
  size_t value_size; /* of rows: the index */
};

struct table {
  struct entry *entries;
  size_t count, room;
  uint8_t *keys;
  size_t keys_size, keys_room;
  uint32_t *places; /* indexes of entries, or NOBODY; NULL: not all entries are there yet */
  size_t placed;
  size_t mask;
  uint64_t seed;
};

/* Records of the left side that were read ahead. */
struct ahead {
  struct copse_bytes value;
  size_t key_size;
  uint32_t hash;
  bool has; /* what it is joined by */
  uint8_t key[COPSE_KEY_MAX];
};

struct join {
  PyObject_HEAD
  struct state *state;
  struct side left, right;
  bool merge;
  struct table table;
  struct ahead *ahead;                     /* AHEAD of them: hash join of a map */
  int ahead_at, ahead_count, ahead_result; /* result: what ended the reading */
  uint32_t match;                          /* hash: the next entry of the left record's matches */
  bool left_has, right_has;                /* merge: the present record is still to be compared */
  bool inside, done;                       /* both views are entered; there is nothing more */
  atomic_bool busy; /* a thread, or what a signal of it called, is in a step */
};

/* --- sides ----------------------------------------------------------------------------- */

static void end_by_view(struct user *user) {
  struct side *side = CONTAINER(user, struct side, user);
  copse_cursor_close(side->cursor);
  side->cursor = NULL;
}

static void side_clear(struct side *side) {
  Py_CLEAR(side->rows);
  if (!side->view)
    return;
  int result = view_lock(side->view);
  if (result == 0) {
    if (side->cursor) {
      list_remove(&side->user.node);
      end_by_view(&side->user);
    }
    view_leave(side->view);
  } else if (result == CLOSED) {
    (void)store_enter_last(side->view->store, &side->user.node);
  } else {
    list_remove(&side->user.node);
  }
  handle_release(side->handle);
  Py_CLEAR(side->view);
}

static int column_init(struct side *side, PyObject *column) {
  Py_ssize_t from, to;
  if (column == Py_None)
    return 0;
  if (!PyArg_ParseTuple(column, "nn", &from, &to))
    return RAISED;
  side->by_value = true;
  side->from = (size_t)from;
  side->to = (size_t)to;
  return 0;
}

/* other: the side that is there already, whose own snapshot may be shared. */
static int side_init(struct state *state, struct side *side, PyObject *object, PyObject *column,
                     const struct side *other) {
  side->user.node.prev = side->user.node.next = &side->user.node;
  side->user.end = end_by_view;
  if (column_init(side, column))
    return RAISED;
  int is_map = PyObject_IsInstance(object, state->map_type);
  if (is_map < 0)
    return RAISED;
  if (!is_map && side->by_value) {
    PyErr_SetString(PyExc_ValueError, "only a map is joined by a column");
    return RAISED;
  }
  if (!is_map) {
    side->rows = PySequence_List(object);
    return side->rows ? 0 : RAISED;
  }
  struct map *map = (struct map *)object;
  struct view *view = map->view;
  side->owned = !view;
  if (!view && other && other->owned && other->view->store == map->handle->store)
    view = other->view;
  side->view = view ? (struct view *)Py_NewRef(OBJECT(view))
                    : (struct view *)snapshot_new(map->handle->store, 0);
  if (!side->view)
    return RAISED;
  if (side->view->oustable) {
    Py_CLEAR(side->view);
    PyErr_SetString(PyExc_ValueError, "an oustable snapshot lends nothing for longer than a call; "
                                      "join maps of another one");
    return RAISED;
  }
  side->handle = map->handle;
  atomic_fetch_add(&side->handle->references, 1);
  int result = view_enter(side->view);
  if (result)
    return result;
  result = copse_cursor_open(side->view->view, side->handle->map, NULL, &side->cursor);
  if (result == 0) {
    list_add(&side->view->cursors, &side->user.node);
    side->version = side->view->snapshot ? copse_snapshot_version(side->view->snapshot) : 0;
  }
  view_leave(side->view);
  return result;
}

/* The next record: 0, COPSE_NONE, an error. */
static int side_next(struct side *side) {
  if (!side->rows)
    return copse_cursor_next(side->cursor, &side->key, &side->value);
  if (side->row >= PyList_Size(side->rows))
    return COPSE_NONE;
  PyObject *row = PyList_GetItem(side->rows, side->row);
  PyObject *key =
      row && PyTuple_Check(row) && PyTuple_Size(row) == 2 ? PyTuple_GetItem(row, 0) : NULL;
  if (!key || !PyBytes_Check(key)) {
    PyErr_Format(PyExc_TypeError, "item %zd is not a tuple (bytes, value)", side->row);
    return RAISED;
  }
  side->key = (struct copse_bytes){PyBytes_AsString(key), (size_t)PyBytes_Size(key)};
  side->row++;
  return 0;
}

/* The column of a value, which has it. scratch: 8 bytes. */
static struct copse_bytes column_of(const struct side *side, const void *value, uint8_t *scratch) {
  const uint8_t *data = (const uint8_t *)value + side->from;
  size_t size = side->to - side->from;
  if (!side->turned)
    return (struct copse_bytes){data, size};
  for (int i = 0; i < 8; i++)
    scratch[i] = data[7 - i];
  return (struct copse_bytes){scratch, 8};
}

/* What the present record is joined by; false: its value is too short to have it. */
static bool side_bytes(const struct side *side, struct copse_bytes *bytes, uint8_t *scratch) {
  *bytes = side->key;
  if (!side->by_value)
    return true;
  if (side->to > side->value.size)
    return false;
  *bytes = column_of(side, side->value.data, scratch);
  return true;
}

static PyObject *row_of(const struct side *side, size_t index, int which) {
  PyObject *row = PyList_GetItem(side->rows, (Py_ssize_t)index);
  return row ? Py_NewRef(PyTuple_GetItem(row, which)) : NULL;
}

/* --- entering both ----------------------------------------------------------------------- */

static int enter_one(struct side *side) {
  int result = view_enter(side->view);
  if (result)
    return result;
  if (side->cursor &&
      (!side->view->snapshot || copse_snapshot_version(side->view->snapshot) == side->version))
    return 0;
  view_leave(side->view);
  PyErr_SetString(side->handle->store->state->error_type,
                  "the snapshot that is joined was refreshed or closed; begin a new join");
  return RAISED;
}

/* In the order of addresses, a view of both once. */
static void views_of(struct join *self, struct side *sides[2]) {
  sides[0] = self->left.view ? &self->left : NULL;
  sides[1] = self->right.view && self->right.view != self->left.view ? &self->right : NULL;
  if (sides[0] && sides[1] && (uintptr_t)sides[1]->view < (uintptr_t)sides[0]->view) {
    sides[0] = &self->right;
    sides[1] = &self->left;
  }
}

static int enter(struct join *self) {
  struct side *sides[2];
  views_of(self, sides);
  int result = sides[0] ? enter_one(sides[0]) : 0;
  if (result == 0 && sides[1] && (result = enter_one(sides[1])) != 0 && sides[0])
    view_leave(sides[0]->view);
  self->inside = result == 0;
  return result;
}

static void leave(struct join *self) {
  struct side *sides[2];
  views_of(self, sides);
  for (int i = 0; i < 2; i++)
    if (sides[i] && self->inside)
      view_leave(sides[i]->view);
  self->inside = false;
}

/* --- the table --------------------------------------------------------------------------- */

static uint64_t folded(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes at a time, multiplied and folded as wyhash does (Wang Yi: public domain); seeded, so that
 * nobody can choose keys that collide. */
static uint32_t hash_of(uint64_t seed, struct copse_bytes bytes) {
  const uint8_t *p = bytes.data;
  uint64_t h = seed ^ bytes.size;
  for (size_t n = bytes.size; n > 0;) {
    uint64_t word = 0;
    size_t some = n < 8 ? n : 8;
    memcpy(&word, p, some);
    h = folded(h ^ word, UINT64_C(0x9e3779b97f4a7c15));
    p += some;
    n -= some;
  }
  return (uint32_t)folded(h ^ seed, UINT64_C(0xd6e8feb86659fd93));
}

static struct copse_bytes entry_bytes(const struct join *self, const struct entry *entry,
                                      uint8_t *scratch) {
  if (self->right.by_value)
    return column_of(&self->right, entry->value, scratch);
  return (struct copse_bytes){self->table.keys + entry->key_at, entry->key_size};
}

/* The first entry of these bytes, or NOBODY and where it belongs. */
static uint32_t table_find(const struct join *self, uint32_t hash, struct copse_bytes bytes,
                           size_t *place) {
  const struct table *table = &self->table;
  uint8_t scratch[8];
  for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
    uint32_t index = table->places[at];
    *place = at;
    if (index == NOBODY)
      return NOBODY;
    if (table->entries[index].hash != hash)
      continue;
    struct copse_bytes other = entry_bytes(self, &table->entries[index], scratch);
    if (other.size == bytes.size &&
        (!bytes.size || memcmp(other.data, bytes.data, bytes.size) == 0))
      return index;
  }
}

static int room_for(void *items, size_t *room, size_t count, size_t size) {
  void **memory = items;
  if (count <= *room)
    return 0;
  size_t wanted = *room * 2 > count ? *room * 2 : count;
  void *larger = wanted > SIZE_MAX / size ? NULL : realloc(*memory, wanted * size);
  if (!larger)
    return COPSE_E_MEMORY;
  *memory = larger;
  *room = wanted;
  return 0;
}

/* Adds the right side's present record; it has no place yet. */
static int table_add(struct join *self) {
  struct table *table = &self->table;
  const struct side *side = &self->right;
  struct copse_bytes bytes;
  uint8_t scratch[8];
  if (!side_bytes(side, &bytes, scratch))
    return 0;
  if (table->count >= NOBODY / 2)
    return COPSE_E_TOO_MANY;
  if (room_for(&table->entries, &table->room, table->count + 1, sizeof *table->entries) ||
      room_for(&table->keys, &table->keys_room, table->keys_size + side->key.size, 1))
    return COPSE_E_MEMORY;
  uint32_t index = (uint32_t)table->count;
  table->entries[index] =
      (struct entry){.hash = hash_of(table->seed, bytes),
                     .next = NOBODY,
                     .last = index,
                     .key_size = (uint32_t)side->key.size,
                     .key_at = table->keys_size,
                     .value = side->rows ? NULL : side->value.data,
                     .value_size = side->rows ? (size_t)side->row - 1 : side->value.size};
  if (side->key.size)
    memcpy(table->keys + table->keys_size, side->key.data, side->key.size);
  table->keys_size += side->key.size;
  table->count++;
  return 0;
}

/* Gives entries from *done on their places, so many at most. */
static int table_place_some(struct join *self, size_t *done) {
  struct table *table = &self->table;
  uint8_t scratch[8];
  size_t end = table->count - *done < STEPS_AT_ONCE ? table->count : *done + STEPS_AT_ONCE;
  for (; *done < end; ++*done) {
    struct entry *entry = &table->entries[*done];
    size_t place;
    if (*done + AHEAD < table->count)
      __builtin_prefetch(&table->places[table->entries[*done + AHEAD].hash & table->mask], 1);
    uint32_t first = table_find(self, entry->hash, entry_bytes(self, entry, scratch), &place);
    if (first == NOBODY) {
      table->places[place] = (uint32_t)*done;
    } else {
      table->entries[table->entries[first].last].next = (uint32_t)*done;
      table->entries[first].last = (uint32_t)*done;
    }
  }
  return *done < table->count ? 0 : COPSE_NONE;
}

/* At most half of the places are taken. */
static int table_places(struct table *table) {
  size_t count = 16;
  while (count < 2 * table->count)
    count *= 2;
  table->places = malloc(count * sizeof *table->places);
  if (!table->places)
    return COPSE_E_MEMORY;
  memset(table->places, 0xff, count * sizeof *table->places);
  table->mask = count - 1;
  return 0;
}

/* The right side up to its end, then places; COPSE_NONE when all is done. */
static int table_build_some(struct join *self, int steps) {
  struct table *table = &self->table;
  int result = 0;
  if (table->places)
    return table_place_some(self, &table->placed);
  for (; steps > 0 && result == 0; steps--) {
    result = side_next(&self->right);
    if (result == 0)
      result = table_add(self);
  }
  return result == COPSE_NONE ? table_places(table) : result;
}

/* --- steps: with both views ---------------------------------------------------------------- */

/* Reads ahead, computes what is to be looked for, and asks for its places, then for what these name. */
static void read_ahead(struct join *self) {
  const struct table *table = &self->table;
  struct side *left = &self->left;
  self->ahead_at = self->ahead_count = 0;
  while (self->ahead_count < AHEAD && self->ahead_result == 0) {
    struct ahead *ahead = &self->ahead[self->ahead_count];
    struct copse_bytes bytes;
    uint8_t scratch[8];
    self->ahead_result = side_next(left);
    if (self->ahead_result)
      break;
    ahead->value = left->value;
    ahead->key_size = left->key.size;
    if (left->key.size)
      memcpy(ahead->key, left->key.data, left->key.size);
    ahead->has = side_bytes(left, &bytes, scratch);
    ahead->hash = ahead->has ? hash_of(table->seed, bytes) : 0;
    __builtin_prefetch(&table->places[ahead->hash & table->mask]);
    self->ahead_count++;
  }
  for (int i = 0; i < self->ahead_count; i++) {
    uint32_t index = table->places[self->ahead[i].hash & table->mask];
    if (index != NOBODY)
      __builtin_prefetch(&table->entries[index]);
  }
}

/* The left side's next record: of a map, one that was read ahead. */
static int left_next(struct join *self, uint32_t *hash, bool *has) {
  struct side *left = &self->left;
  struct copse_bytes bytes;
  uint8_t scratch[8];
  if (left->rows) {
    int result = side_next(left);
    if (result == 0) {
      *has = side_bytes(left, &bytes, scratch);
      *hash = *has ? hash_of(self->table.seed, bytes) : 0;
    }
    return result;
  }
  if (self->ahead_at == self->ahead_count)
    read_ahead(self);
  if (self->ahead_count == 0)
    return self->ahead_result;
  struct ahead *ahead = &self->ahead[self->ahead_at++];
  left->key = (struct copse_bytes){ahead->key, ahead->key_size};
  left->value = ahead->value;
  *hash = ahead->hash;
  *has = ahead->has;
  return 0;
}

/* To the left side's next record that has matches: 0, COPSE_NONE at the end; CANCELLED: not yet. */
static int hash_seek(struct join *self, int steps) {
  struct copse_bytes bytes;
  uint8_t scratch[8];
  uint32_t hash = 0;
  bool has = false;
  size_t place;
  for (; steps > 0; steps--) {
    int result = left_next(self, &hash, &has);
    if (result)
      return result;
    if (!has || !side_bytes(&self->left, &bytes, scratch))
      continue;
    self->match = table_find(self, hash, bytes, &place);
    if (self->match != NOBODY)
      return 0;
  }
  return COPSE_E_CANCELLED;
}

/* Rows must be in order, each key once; those of maps are. */
static int merge_next(struct side *side) {
  struct copse_bytes before = side->key;
  int result = side_next(side);
  if (result == 0 && side->rows && side->row > 1 &&
      copse_key_compare(before.data, before.size, side->key.data, side->key.size) >= 0) {
    PyErr_Format(PyExc_ValueError, "item %zd is not greater than the one before", side->row - 1);
    return RAISED;
  }
  return result;
}

static int merge_seek(struct join *self, int steps) {
  int result = 0;
  for (; steps > 0; steps--) {
    if (!self->left_has && (result = merge_next(&self->left)) != 0)
      return result;
    self->left_has = true;
    if (!self->right_has && (result = merge_next(&self->right)) != 0)
      return result;
    int order = copse_key_compare(self->left.key.data, self->left.key.size, self->right.key.data,
                                  self->right.key.size);
    self->left_has = order > 0;
    self->right_has = order < 0;
    if (order == 0)
      return 0;
  }
  return COPSE_E_CANCELLED;
}

/* --- life -------------------------------------------------------------------------------- */

static void join_dealloc(PyObject *object) {
  struct join *self = (struct join *)object;
  side_clear(&self->left);
  side_clear(&self->right);
  free(self->table.entries);
  free(self->table.keys);
  free(self->table.places);
  free(self->ahead);
  free_object(self);
}

/* Enters both views and calls some() until it gives something other than `again`, from the second time on
 * without the GIL. The views stay entered when self->inside says so. */
static int go_on(struct join *self, int (*some)(struct join *self, int steps), int again) {
  bool python = self->left.rows || self->right.rows;
  int result = enter(self);
  if (result == 0)
    result = some(self, STEPS_WITH_GIL);
  while (self->inside && result == again) {
    leave(self);
    if (PyErr_CheckSignals())
      return RAISED;
    result = enter(self);
    if (result)
      return result;
    if (python) {
      result = some(self, STEPS_AT_ONCE);
    } else {
      Py_BEGIN_ALLOW_THREADS
      result = some(self, STEPS_AT_ONCE);
      Py_END_ALLOW_THREADS
    }
  }
  return result;
}

static int table_init(struct join *self) {
  struct table *table = &self->table;
  if ((self->left.view && self->left.view->writes) ||
      (self->right.view && self->right.view->writes)) {
    PyErr_SetString(PyExc_ValueError, "a hash join reads maps of snapshots, or handles: what a "
                                      "transaction shows moves when it writes");
    return RAISED;
  }
  if (getrandom(&table->seed, sizeof table->seed, 0) != sizeof table->seed)
    table->seed = (uintptr_t)self;
  self->ahead = malloc(AHEAD * sizeof *self->ahead);
  int result = self->ahead ? go_on(self, table_build_some, 0) : COPSE_E_MEMORY;
  leave(self);
  return result == COPSE_NONE ? 0 : result;
}

static PyObject *raise_join(struct join *self, int result) {
  if (result == COPSE_E_MEMORY)
    return PyErr_NoMemory();
  return raise_result(self->state, result);
}

static bool is_number(const struct side *side) {
  return side->by_value && side->to - side->from == 8;
}

static bool is_u64(const struct side *side) {
  return !side->by_value && side->handle && side->handle->keys == KEYS_U64;
}

/* join(left, right, left column, right column, merge) */
PyObject *module_join(PyObject *module, PyObject *args) {
  struct state *state = PyModule_GetState(module);
  PyObject *left, *right, *left_on, *right_on;
  int merge;
  if (!PyArg_ParseTuple(args, "OOOOp", &left, &right, &left_on, &right_on, &merge))
    return NULL;
  PyTypeObject *type = (PyTypeObject *)state->join_type;
  struct join *self = (struct join *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
  if (!self)
    return NULL;
  self->state = state;
  self->merge = merge;
  self->match = NOBODY;
  int result = side_init(state, &self->left, left, left_on, NULL);
  if (!result)
    result = side_init(state, &self->right, right, right_on, &self->left);
  self->left.turned = is_number(&self->left) && is_u64(&self->right);
  self->right.turned = is_number(&self->right) && is_u64(&self->left);
  if (!result && !merge)
    result = table_init(self);
  if (!result)
    return (PyObject *)self;
  raise_join(self, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

/* --- results ----------------------------------------------------------------------------- */

static PyObject *left_key(struct join *self) {
  return self->left.rows ? row_of(&self->left, (size_t)self->left.row - 1, 0)
                         : key_copy(self->left.handle, self->left.key);
}

static PyObject *left_value(struct join *self) {
  return self->left.rows ? row_of(&self->left, (size_t)self->left.row - 1, 1)
                         : value_copy(self->left.handle, self->left.value);
}

/* The present match, of which the next one is taken. */
static void match_take(struct join *self, PyObject **key, PyObject **value) {
  struct side *right = &self->right;
  if (self->merge) {
    *value = right->rows ? row_of(right, (size_t)right->row - 1, 1)
                         : value_copy(right->handle, right->value);
    return;
  }
  const struct entry *entry = &self->table.entries[self->match];
  self->match = entry->next;
  if (right->rows) {
    *key = row_of(right, entry->value_size, 0);
    *value = row_of(right, entry->value_size, 1);
  } else {
    struct copse_bytes bytes = {self->table.keys + entry->key_at, entry->key_size};
    *key = key_copy(right->handle, bytes);
    *value = value_copy(right->handle, (struct copse_bytes){entry->value, entry->value_size});
  }
}

/* What was copied under the views' mutexes becomes what programs see; of rows it is that already. */
static PyObject *finished(const struct side *side, bool is_key, PyObject *copy) {
  if (side->rows)
    return copy;
  return is_key ? key_finish(side->handle, copy) : value_finish(side->handle, copy);
}

static PyObject *step(struct join *self) {
  PyObject *found[4] = {NULL}; /* left key, left value, right key, right value */
  int result = self->match == NOBODY
                   ? go_on(self, self->merge ? merge_seek : hash_seek, COPSE_E_CANCELLED)
                   : enter(self);
  if (result == 0) {
    found[0] = left_key(self);
    found[1] = left_value(self);
    match_take(self, &found[2], &found[3]);
  }
  leave(self);
  if (result) {
    self->done = true;
    return result == COPSE_NONE ? NULL : raise_join(self, result);
  }
  found[0] = finished(&self->left, true, found[0]);
  found[1] = finished(&self->left, false, found[1]);
  found[2] = self->merge ? Py_NewRef(Py_None) : finished(&self->right, true, found[2]);
  found[3] = finished(&self->right, false, found[3]);
  PyObject *all = NULL;
  if (found[0] && found[1] && found[2] && found[3])
    all = self->merge ? PyTuple_Pack(3, found[0], found[1], found[3])
                      : PyTuple_Pack(4, found[0], found[1], found[2], found[3]);
  for (int i = 0; i < 4; i++)
    Py_XDECREF(found[i]);
  return all;
}

static PyObject *join_next(PyObject *object) {
  struct join *self = (struct join *)object;
  if (self->done)
    return NULL;
  if (atomic_exchange(&self->busy, true)) {
    PyErr_SetString(PyExc_ValueError, "the join is in a step already");
    return NULL;
  }
  PyObject *all = step(self);
  atomic_store(&self->busy, false);
  return all;
}

static PyType_Slot slots[] = {
    {Py_tp_dealloc, join_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, join_next},
    {0, NULL},
};

static PyType_Spec spec = {"copse._copse.Join", sizeof(struct join), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int join_types(struct state *state, PyObject *module) {
  state->join_type = PyType_FromModuleAndSpec(module, &spec, NULL);
  return state->join_type ? 0 : -1;
}
