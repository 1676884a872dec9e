/* _join.c - joins of two sides, each a map or a list of (bytes, value): copse.merge_join, copse.hash_join.
 *
 * A hash join keeps its right side in a table (_join_table.c). What is looked for lies all over memory: some
 * records of the left side are read ahead, and their places asked for. No object exists before a pair is found.
 *
 * Both views are entered for a step, in the order of their addresses; two handles of one store share a
 * snapshot, which is the join's own. A step finds some pairs more than the one that is asked for, few at first, since
 * many loops end soon; of lists, and of a transaction, whose loop may write, one. Between steps a view may end
 * (then the side has ended too), or be refreshed: then the values' places mean nothing any more, and the next
 * step says so. */
#include "_join.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD 32
#define PAIRS 32
#define STEPS_WITH_GIL 64
#define STEPS_AT_ONCE 65536 /* then signals are looked for */

/* Records of the left side that were read ahead. */
struct ahead {
  struct copse_bytes value;
  size_t key_size;
  uint32_t hash;
  bool has; /* what it is joined by */
  uint8_t key[COPSE_KEY_MAX];
};

/* Left key, left value, right key (hash), right value. */
struct pair {
  PyObject *parts[4];
};

struct join {
  PyObject_HEAD
  struct state *state;
  struct side left, right;
  bool merge;
  bool same_keys; /* hash: what agrees is the keys, which look alike: one object serves for both */
  struct table table;
  struct ahead *ahead;                     /* AHEAD of them: hash join of a map */
  int ahead_at, ahead_count, ahead_result; /* result: what ended the reading */
  uint32_t match;                          /* hash: the next entry of the left record's matches */
  struct pair pairs[PAIRS];                /* found, and not handed out: from pair_at on */
  int pair_at, pair_count, pair_next;      /* next: how many to find the next time */
  bool left_has, right_has;                /* merge: the present record is still to be compared */
  bool inside, done;                       /* both views are entered; there is nothing more */
  atomic_bool busy; /* a thread, or what a signal of it called, is in a step */
};

/* --- entering both ----------------------------------------------------------------------- */

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
  int result = sides[0] ? side_enter(sides[0]) : 0;
  if (result == 0 && sides[1] && (result = side_enter(sides[1])) != 0 && sides[0])
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
    ahead->hash = ahead->has ? table_hash(table, bytes) : 0;
    table_expect_place(table, ahead->hash);
    self->ahead_count++;
  }
  for (int i = 0; i < self->ahead_count; i++)
    table_expect_entry(table, self->ahead[i].hash);
  for (int i = 0; i < self->ahead_count; i++)
    table_expect_record(table, self->ahead[i].hash);
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
      *hash = *has ? table_hash(&self->table, bytes) : 0;
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
  for (; steps > 0; steps--) {
    int result = left_next(self, &hash, &has);
    if (result)
      return result;
    if (!has || !side_bytes(&self->left, &bytes, scratch))
      continue;
    self->match = table_find(&self->table, &self->right, hash, bytes);
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

static void pair_clear(struct pair *pair) {
  for (int i = 0; i < 4; i++)
    Py_CLEAR(pair->parts[i]);
}

static void pairs_clear(struct join *self) {
  while (self->pair_at < self->pair_count)
    pair_clear(&self->pairs[self->pair_at++]);
}

static void join_dealloc(PyObject *object) {
  struct join *self = (struct join *)object;
  side_clear(&self->left);
  side_clear(&self->right);
  pairs_clear(self);
  table_clear(&self->table);
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

static int build_some(struct join *self, int steps) {
  return table_build(&self->table, &self->right, steps);
}

static bool is_of_txn(const struct side *side) { return side->view && side->view->writes; }

static int build(struct join *self) {
  if (is_of_txn(&self->left) || is_of_txn(&self->right)) {
    PyErr_SetString(PyExc_ValueError, "a hash join reads maps of snapshots, or handles: what a "
                                      "transaction shows moves when it writes");
    return RAISED;
  }
  table_init(&self->table);
  self->ahead = malloc(AHEAD * sizeof *self->ahead);
  int result = self->ahead ? go_on(self, build_some, 0) : COPSE_E_MEMORY;
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

static bool has_keys(const struct side *side) { return side->handle && !side->by_value; }

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
  self->pair_next = 1;
  int result = side_init(state, &self->left, left, left_on, NULL);
  if (!result)
    result = side_init(state, &self->right, right, right_on, &self->left);
  self->left.turned = is_number(&self->left) && is_u64(&self->right);
  self->right.turned = is_number(&self->right) && is_u64(&self->left);
  if (!result && !merge)
    result = build(self);
  self->same_keys = !result && !merge && has_keys(&self->left) && has_keys(&self->right) &&
                    self->left.handle->keys == self->right.handle->keys;
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

/* The present pair; then the next one of the same left record is the present one, if there is one. */
static void pair_take(struct join *self, struct pair *pair) {
  struct side *right = &self->right;
  pair->parts[0] = left_key(self);
  pair->parts[1] = left_value(self);
  if (self->merge) {
    pair->parts[2] = Py_NewRef(Py_None);
    pair->parts[3] = right->rows ? row_of(right, (size_t)right->row - 1, 1)
                                 : value_copy(right->handle, right->value);
    return;
  }
  const struct entry *entry = &self->table.entries[self->match];
  self->match = entry->next;
  if (self->same_keys) {
    pair->parts[2] = Py_XNewRef(pair->parts[0]);
    pair->parts[3] =
        value_copy(right->handle, (struct copse_bytes){entry->value, entry->value_size});
  } else if (right->rows) {
    pair->parts[2] = row_of(right, entry->value_size, 0);
    pair->parts[3] = row_of(right, entry->value_size, 1);
  } else {
    struct copse_bytes bytes = {self->table.keys + entry->key_at, entry->key_size};
    pair->parts[2] = key_copy(right->handle, bytes);
    pair->parts[3] =
        value_copy(right->handle, (struct copse_bytes){entry->value, entry->value_size});
  }
}

static int seek(struct join *self, int steps) {
  if (self->match != NOBODY)
    return 0;
  return self->merge ? merge_seek(self, steps) : hash_seek(self, steps);
}

/* Finds pairs. 0, or what ended it when there are none. */
static int fill(struct join *self) {
  bool single =
      self->left.rows || self->right.rows || is_of_txn(&self->left) || is_of_txn(&self->right);
  int most = single ? 1 : self->pair_next;
  self->pair_at = self->pair_count = 0;
  int result = go_on(self, seek, COPSE_E_CANCELLED);
  while (result == 0) {
    struct pair *pair = &self->pairs[self->pair_count++];
    pair_take(self, pair);
    for (int i = 0; i < 4; i++)
      if (!pair->parts[i])
        result = RAISED;
    if (result == 0 && self->pair_count == most)
      break;
    if (result == 0)
      result = seek(self, STEPS_WITH_GIL);
  }
  leave(self);
  self->pair_next = most * 2 < PAIRS ? most * 2 : PAIRS;
  if (result >= 0 || result == COPSE_E_CANCELLED)
    return self->pair_count ? 0 : result;
  pairs_clear(self);
  return result;
}

/* What was copied under the views' mutexes becomes what programs see; of rows it is that already. */
static void finish(const struct join *self, PyObject **p) {
  const struct handle *left = self->left.handle, *right = self->right.handle;
  if (self->same_keys)
    Py_CLEAR(p[2]);
  if (left) {
    p[0] = key_finish(left, p[0]);
    p[1] = value_finish(left, p[1]);
  }
  if (self->same_keys)
    p[2] = Py_XNewRef(p[0]);
  else if (right && !self->merge)
    p[2] = key_finish(right, p[2]);
  if (right)
    p[3] = value_finish(right, p[3]);
}

static bool has_ended(const struct side *side) {
  return side->view && (!side->view->view || atomic_load(&side->view->store->closing));
}

static PyObject *step(struct join *self) {
  if (has_ended(&self->left) || has_ended(&self->right))
    pairs_clear(self);
  if (self->pair_at == self->pair_count) {
    int result = fill(self);
    if (result) {
      self->done = true;
      return result == COPSE_NONE ? NULL : raise_join(self, result);
    }
  }
  struct pair *pair = &self->pairs[self->pair_at++];
  PyObject **p = pair->parts, *all = NULL;
  finish(self, p);
  if (p[0] && p[1] && p[2] && p[3])
    all = self->merge ? PyTuple_Pack(3, p[0], p[1], p[3]) : PyTuple_Pack(4, p[0], p[1], p[2], p[3]);
  pair_clear(pair);
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
