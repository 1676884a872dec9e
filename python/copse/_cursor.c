/* _cursor.c - walking over a map in key order: Cursor, which loops use too. */
#include "_copse.h"

#include <string.h>

/* What a loop over a snapshot has read ahead: entering the view costs more than a step does. */
enum { AHEAD_ITEMS = 64, AHEAD_BYTES = 65536 };
struct ahead {
  unsigned count, at, next; /* next: how many to read the next time */
  PyObject *keys[AHEAD_ITEMS], *values[AHEAD_ITEMS];
};

struct cursor {
  PyObject_HEAD
  struct user user; /* of the view */
  struct view *view;
  struct handle *handle;
  struct copse_cursor *cursor; /* NULL: ended */
  bool reverse, keys, values;
  bool owned; /* the view is the cursor's own */
  bool once;  /* ends when it comes to the end */
  bool done;
  struct ahead *ahead; /* NULL: none yet */
};

/* --- values and bounds --------------------------------------------------------------- */

PyObject *value_copy(const struct handle *handle, struct copse_bytes value) {
  return handle->codec.kind <= CODEC_ARRAY
             ? codec_decode(handle->store->state, &handle->codec, value.data, value.size)
             : PyBytes_FromStringAndSize(value.data, (Py_ssize_t)value.size);
}

PyObject *value_finish(const struct handle *handle, PyObject *copy) {
  if (!copy || handle->codec.kind <= CODEC_ARRAY)
    return copy;
  PyObject *value = codec_decode(handle->store->state, &handle->codec, PyBytes_AsString(copy),
                                 (size_t)PyBytes_Size(copy));
  Py_DECREF(copy);
  return value;
}

/* All tuples that begin with this one, and it itself. */
static int tuple_prefix(struct bounds *bounds, const struct map *map, PyObject *prefix) {
  struct argument *argument = &bounds->arguments[2];
  if (bounds->range.from.data || bounds->range.to.data) {
    PyErr_SetString(PyExc_ValueError, "a prefix of tuples stands alone, without start and stop");
    return RAISED;
  }
  argument->owner = tuple_pack(map->handle->store->state, prefix, 1, &argument->size);
  if (!argument->owner)
    return RAISED;
  copse_key_range(PyBytes_AsString(argument->owner), argument->size, 1, &bounds->range);
  return 0;
}

int bounds_init(struct bounds *bounds, const struct map *map, PyObject *start, PyObject *stop,
                PyObject *prefix, int start_open, int stop_closed) {
  memset(bounds, 0, sizeof *bounds);
  struct copse_range *range = &bounds->range;
  range->from_exclusive = (uint32_t)start_open;
  range->to_inclusive = (uint32_t)stop_closed;
  PyObject *objects[3] = {start, stop, prefix};
  struct copse_bytes *places[3] = {&range->from, &range->to, &range->prefix};
  for (int i = 0; i < 3; i++) {
    struct argument *argument = &bounds->arguments[i];
    bool tuples = i == 2 && map->handle->keys == KEYS_TUPLE;
    if (objects[i] == Py_None)
      continue;
    if (tuples   ? tuple_prefix(bounds, map, prefix)
        : i == 2 ? argument_bytes(prefix, argument, "the prefix")
                 : key_encode(map->handle, objects[i], argument)) {
      memset(argument, 0, sizeof *argument);
      bounds_clear(bounds);
      return RAISED;
    }
    if (!tuples)
      *places[i] = (struct copse_bytes){argument->data, argument->size};
  }
  return 0;
}

void bounds_clear(struct bounds *bounds) {
  for (int i = 0; i < 3; i++)
    argument_clear(&bounds->arguments[i]);
}

/* --- life ---------------------------------------------------------------------------- */

static void end_by_view(struct user *user) {
  struct cursor *self = CONTAINER(user, struct cursor, user);
  copse_cursor_close(self->cursor);
  self->cursor = NULL;
}

/* Under the view's mutex. */
static void close_cursor(struct cursor *self) {
  self->done = true;
  if (self->cursor) {
    list_remove(&self->user.node);
    end_by_view(&self->user);
  }
  if (self->owned)
    (void)view_end(self->view, false, NULL);
}

/* Opens it in the map's view, or in a snapshot of its own. */
static PyObject *cursor_new(struct map *map, const struct copse_range *range, bool reverse,
                            bool keys, bool values, bool once) {
  struct handle *handle = map->handle;
  struct state *state = handle->store->state;
  struct view *view = map->view ? (struct view *)Py_NewRef(OBJECT(map->view))
                                : (struct view *)snapshot_new(handle->store, 0);
  PyTypeObject *type = (PyTypeObject *)state->cursor_type;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct cursor *self = view ? (struct cursor *)alloc(type, 0) : NULL;
  if (!self) {
    Py_XDECREF(OBJECT(view));
    return NULL;
  }
  self->view = view;
  self->handle = handle;
  atomic_fetch_add(&handle->references, 1);
  self->user.node.prev = self->user.node.next = &self->user.node;
  self->user.end = end_by_view;
  self->reverse = reverse;
  self->keys = keys;
  self->values = values;
  self->owned = !map->view;
  self->once = once;
  int result = view_enter(view);
  if (!result) {
    result = copse_cursor_open(view->view, handle->map, range, &self->cursor);
    if (!result)
      list_add(&view->cursors, &self->user.node);
    if (!result && reverse) { /* it shall stand behind the last one */
      result = copse_cursor_last(self->cursor, NULL, NULL);
      if (result == 0)
        result = copse_cursor_next(self->cursor, NULL, NULL);
      result = result > 0 ? 0 : result;
    }
    view_leave(view);
  }
  if (!result)
    return (PyObject *)self;
  raise_result(state, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

static void ahead_clear(struct cursor *self) {
  struct ahead *ahead = self->ahead;
  for (; ahead && ahead->at < ahead->count; ahead->at++) {
    Py_XDECREF(ahead->keys[ahead->at]);
    Py_XDECREF(ahead->values[ahead->at]);
  }
}

static void cursor_dealloc(PyObject *object) {
  struct cursor *self = (struct cursor *)object;
  ahead_clear(self);
  PyMem_Free(self->ahead);
  if (self->view) {
    int result = view_lock(self->view);
    if (result == 0) {
      close_cursor(self);
      view_leave(self->view);
    } else if (result == CLOSED) {
      (void)store_enter_last(self->view->store, &self->user.node);
    } else {
      list_remove(&self->user.node); /* what the library has of it is lost with the view */
    }
    handle_release(self->handle);
    Py_DECREF(OBJECT(self->view));
  }
  free_object(self);
}

/* --- steps --------------------------------------------------------------------------- */

enum step { NEXT, PREVIOUS, FIRST, LAST, SEEK };

static int step(struct cursor *self, enum step what, int how, const struct argument *where,
                struct copse_bytes *key, struct copse_bytes *value) {
  switch (what) {
  case NEXT: return copse_cursor_next(self->cursor, key, value);
  case PREVIOUS: return copse_cursor_prev(self->cursor, key, value);
  case FIRST: return copse_cursor_first(self->cursor, key, value);
  case LAST: return copse_cursor_last(self->cursor, key, value);
  default:
    return copse_cursor_seek(self->cursor, (enum copse_seek)how, where->data, where->size, key,
                             value);
  }
}

/* What a program sees of a copied key and value; takes the references. */
static PyObject *pair_finish(struct cursor *self, PyObject *k, PyObject *v) {
  k = key_finish(self->handle, k);
  v = value_finish(self->handle, v);
  if ((self->keys && !k) || (self->values && !v)) {
    Py_XDECREF(k);
    Py_XDECREF(v);
    return NULL;
  }
  if (!self->values || !self->keys)
    return self->keys ? k : v;
  PyObject *pair = PyTuple_Pack(2, k, v);
  Py_DECREF(k);
  Py_DECREF(v);
  return pair;
}

/* A new reference, or NULL: an exception, or nothing there. */
static PyObject *move(struct cursor *self, enum step what, int how, const struct argument *where) {
  const struct handle *handle = self->handle;
  struct copse_bytes key, value;
  PyObject *k = NULL, *v = NULL;
  if (self->done && self->once)
    return NULL;
  int result = view_enter(self->view);
  if (result)
    return raise_result(handle->store->state, result);
  result = self->cursor ? step(self, what, how, where, &key, &value) : CLOSED;
  if (result == 0 && self->keys)
    k = key_copy(handle, key);
  if (result == 0 && self->values)
    v = value_copy(handle, value);
  if (result == COPSE_NONE && self->once)
    close_cursor(self);
  view_leave(self->view);
  if (result) {
    if (result == CLOSED)
      PyErr_SetString(handle->store->state->closed_type, "the cursor was closed; open a new one");
    else if (result < 0)
      raise_result(handle->store->state, result);
    return NULL;
  }
  return pair_finish(self, k, v);
}

/* Reads some records ahead: few at first, since many loops end soon. 0, or what ended it. */
static int read_ahead(struct cursor *self, struct ahead *ahead) {
  const struct handle *handle = self->handle;
  struct copse_bytes key, value;
  size_t bytes = 0;
  int result = view_enter(self->view);
  if (result)
    return result;
  ahead->count = ahead->at = 0;
  if (!self->cursor)
    result = CLOSED;
  while (!result && ahead->count < ahead->next && bytes < AHEAD_BYTES) {
    PyObject **k = &ahead->keys[ahead->count], **v = &ahead->values[ahead->count];
    *k = *v = NULL;
    result = step(self, self->reverse ? PREVIOUS : NEXT, 0, NULL, &key, &value);
    if (result)
      break;
    if (self->keys)
      *k = key_copy(handle, key);
    if (self->values)
      *v = value_copy(handle, value);
    if ((self->keys && !*k) || (self->values && !*v)) {
      Py_XDECREF(*k);
      Py_XDECREF(*v);
      result = RAISED;
      break;
    }
    bytes += key.size + value.size;
    ahead->count++;
  }
  if (result == COPSE_NONE)
    close_cursor(self);
  view_leave(self->view);
  ahead->next = ahead->next * 2 < AHEAD_ITEMS ? ahead->next * 2 : AHEAD_ITEMS;
  return result == COPSE_NONE && ahead->count ? 0 : result;
}

/* A loop over a snapshot reads ahead; one over a transaction sees what the loop writes. */
static PyObject *iterate(PyObject *object) {
  struct cursor *self = (struct cursor *)object;
  struct state *state = self->handle->store->state;
  if (!self->once || self->view->writes)
    return move(self, self->reverse ? PREVIOUS : NEXT, 0, NULL);
  if (!self->ahead && !(self->ahead = PyMem_Calloc(1, sizeof *self->ahead)))
    return PyErr_NoMemory();
  struct ahead *ahead = self->ahead;
  if (atomic_load(&self->view->store->closing) || (!self->done && !self->view->view))
    ahead_clear(self);
  if (ahead->at == ahead->count) {
    if (self->done)
      return NULL;
    if (!ahead->next)
      ahead->next = 1;
    int result = read_ahead(self, ahead);
    if (result == COPSE_NONE)
      return NULL;
    if (result) {
      ahead_clear(self);
      return raise_result(state, result);
    }
  }
  unsigned at = ahead->at++;
  return pair_finish(self, ahead->keys[at], ahead->values[at]);
}

static PyObject *or_none(PyObject *found) {
  return found || PyErr_Occurred() ? found : Py_NewRef(Py_None);
}

static PyObject *cursor_next(PyObject *self, PyObject *unused) {
  (void)unused;
  return or_none(move((struct cursor *)self, NEXT, 0, NULL));
}

static PyObject *cursor_previous(PyObject *self, PyObject *unused) {
  (void)unused;
  return or_none(move((struct cursor *)self, PREVIOUS, 0, NULL));
}

static PyObject *cursor_first(PyObject *self, PyObject *unused) {
  (void)unused;
  return or_none(move((struct cursor *)self, FIRST, 0, NULL));
}

static PyObject *cursor_last(PyObject *self, PyObject *unused) {
  (void)unused;
  return or_none(move((struct cursor *)self, LAST, 0, NULL));
}

static PyObject *cursor_seek(PyObject *object, PyObject *args, PyObject *kwargs) {
  static const char *const names[] = {"key", "how", NULL};
  static const char *const hows[] = {">=", ">", "<=", "<", "=="};
  struct cursor *self = (struct cursor *)object;
  PyObject *key;
  const char *how = ">=";
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|s", NAMES(names), &key, &how))
    return NULL;
  for (int i = 0; i < 5; i++) {
    struct argument argument;
    if (strcmp(how, hows[i]) != 0)
      continue;
    if (key_encode(self->handle, key, &argument))
      return NULL;
    PyObject *found = or_none(move(self, SEEK, i, &argument));
    argument_clear(&argument);
    return found;
  }
  PyErr_Format(PyExc_ValueError, "how is '>=', '>', '<=', '<' or '==', not '%s'", how);
  return NULL;
}

static PyObject *cursor_close(PyObject *object, PyObject *args) {
  (void)args;
  struct cursor *self = (struct cursor *)object;
  if (view_lock(self->view) == 0) {
    close_cursor(self);
    view_leave(self->view);
  }
  Py_RETURN_NONE;
}

static PyObject *cursor_enter(PyObject *self, PyObject *unused) {
  (void)unused;
  return Py_NewRef(self);
}

/* --- making them --------------------------------------------------------------------- */

/* _cursor(start, stop, prefix, start open, stop closed, reverse, keys, values, once) */
PyObject *map_cursor(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *start, *stop, *prefix;
  int start_open, stop_closed, reverse, keys, values, once;
  struct bounds bounds;
  if (!PyArg_ParseTuple(args, "OOOpppppp", &start, &stop, &prefix, &start_open, &stop_closed,
                        &reverse, &keys, &values, &once) ||
      bounds_init(&bounds, self, start, stop, prefix, start_open, stop_closed))
    return NULL;
  PyObject *cursor = cursor_new(self, &bounds.range, reverse, keys, values, once);
  bounds_clear(&bounds);
  return cursor;
}

PyObject *map_iterate(PyObject *self) {
  return cursor_new((struct map *)self, NULL, false, true, false, true);
}

static PyMethodDef methods[] = {
    {"next", cursor_next, METH_NOARGS,
     "next()\n--\n\nThe next (key, value), or None past the end, where it then stands."},
    {"prev", cursor_previous, METH_NOARGS,
     "prev()\n--\n\nThe one before, or None before the first one, where it then stands."},
    {"first", cursor_first, METH_NOARGS, "first()\n--\n\nJumps to the first (key, value)."},
    {"last", cursor_last, METH_NOARGS, "last()\n--\n\nJumps to the last (key, value)."},
    {"seek", (PyCFunction)(void (*)(void))cursor_seek, METH_VARARGS | METH_KEYWORDS,
     "seek(key, how='>=')\n--\n\nJumps to the first (key, value) that is >= or > the key, the "
     "last\n"
     "that is <= or < it, or the one that is ==; None when there is none."},
    {"close", cursor_close, METH_NOARGS, "close()\n--\n\nEnds it. Twice is allowed."},
    {"__enter__", cursor_enter, METH_NOARGS, NULL},
    {"__exit__", cursor_close, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static char documentation[] =
    "A place in a map, which moves in key order; made by map.cursor() and the like.\n"
    "It goes on across writes of its transaction. One thread at a time moves it.";

static PyType_Slot slots[] = {
    {Py_tp_doc, documentation}, {Py_tp_dealloc, cursor_dealloc}, {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterate},  {Py_tp_methods, methods},        {0, NULL},
};

static PyType_Spec spec = {"copse._copse.Cursor", sizeof(struct cursor), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int cursor_types(struct state *state, PyObject *module) {
  state->cursor_type = PyType_FromModuleAndSpec(module, &spec, NULL);
  return state->cursor_type ? PyModule_AddType(module, (PyTypeObject *)state->cursor_type) : -1;
}
