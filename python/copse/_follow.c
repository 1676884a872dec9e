/* _follow.c - what changed: diffs of two views, and watches. */
#include "_copse.h"

#include <string.h>

/* A tuple (kind, key, before, after); of the values only bytes yet when they need Python. */
static PyObject *change_copy(const struct handle *handle, const struct copse_change *change) {
  PyObject *key = key_copy(handle, change->key);
  PyObject *before = change->before.data ? value_copy(handle, change->before) : Py_NewRef(Py_None);
  PyObject *after = change->after.data ? value_copy(handle, change->after) : Py_NewRef(Py_None);
  PyObject *kind = PyLong_FromLong((long)change->kind);
  PyObject *tuple =
      key && before && after && kind ? PyTuple_Pack(4, kind, key, before, after) : NULL;
  Py_XDECREF(kind);
  Py_XDECREF(key);
  Py_XDECREF(before);
  Py_XDECREF(after);
  return tuple;
}

static PyObject *change_finish(const struct handle *handle, PyObject *copy) {
  if (!copy || (handle->codec.kind <= CODEC_ARRAY && handle->keys != KEYS_TUPLE))
    return copy;
  PyObject *parts[4];
  for (int i = 0; i < 4; i++)
    parts[i] = Py_NewRef(PyTuple_GetItem(copy, i));
  parts[1] = key_finish(handle, parts[1]);
  for (int i = 2; i < 4; i++)
    if (parts[i] != Py_None)
      parts[i] = value_finish(handle, parts[i]);
  PyObject *tuple = parts[1] && parts[2] && parts[3]
                        ? PyTuple_Pack(4, parts[0], parts[1], parts[2], parts[3])
                        : NULL;
  for (int i = 0; i < 4; i++)
    Py_XDECREF(parts[i]);
  Py_DECREF(copy);
  return tuple;
}

/* --- diffs --------------------------------------------------------------------------- */

/* All of it is read at once: two views at a time are held for that long only. */
static PyObject *collect(struct handle *handle, struct view *before, struct view *after,
                         const struct copse_range *range) {
  struct copse_diff *diff;
  struct copse_change change;
  PyObject *list = PyList_New(0);
  int result =
      list ? copse_diff_open(before->view, after->view, handle->map, range, &diff) : RAISED;
  if (!result) {
    while ((result = copse_diff_next(diff, &change)) == 0) {
      PyObject *copy = change_copy(handle, &change);
      if (!copy || PyList_Append(list, copy))
        result = RAISED;
      Py_XDECREF(copy);
      if (result)
        break;
    }
    copse_diff_close(diff);
  }
  if (result == COPSE_NONE)
    return list;
  Py_XDECREF(list);
  return raise_result(handle->store->state, result);
}

/* map._diff(before, after, start, stop, prefix, start open, stop closed): a list. The views are
 * those of two maps bound to them, which are of one handle. */
PyObject *map_diff(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object, *other;
  PyObject *other_object, *start, *stop, *prefix, *list = NULL;
  int start_open, stop_closed;
  struct bounds bounds;
  if (!PyArg_ParseTuple(args, "OOOOpp", &other_object, &start, &stop, &prefix, &start_open,
                        &stop_closed))
    return NULL;
  struct state *state = self->handle->store->state;
  other = container_check(self->handle->store, other_object);
  if (!other)
    return NULL;
  if (!self->view || !other->view || other->handle != self->handle || other->view == self->view) {
    PyErr_SetString(PyExc_TypeError, "two different snapshots of one store are expected");
    return NULL;
  }
  if (bounds_init(&bounds, self, start, stop, prefix, start_open, stop_closed))
    return NULL;
  /* Always in the same order, so that two threads do not wait for one another. */
  struct view *first = self->view < other->view ? self->view : other->view;
  struct view *second = first == self->view ? other->view : self->view;
  int result = view_enter(first);
  if (!result) {
    result = view_enter(second);
    if (!result) {
      list = collect(self->handle, self->view, other->view, &bounds.range);
      result = list ? 0 : RAISED;
      view_leave(second);
    }
    view_leave(first);
  }
  bounds_clear(&bounds);
  if (result)
    return raise_result(state, result);
  Py_ssize_t count = PyList_Size(list);
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *change = change_finish(self->handle, Py_NewRef(PyList_GetItem(list, i)));
    if (!change || PyList_SetItem(list, i, change)) {
      Py_DECREF(list);
      return NULL;
    }
  }
  return list;
}

/* --- watches ------------------------------------------------------------------------- */

struct watch {
  REST_HEAD /* one thread at a time waits or reads */
      struct copse_watch *watch;
};

static void end_by_store(struct user *user) {
  struct watch *self = CONTAINER(user, struct watch, user);
  copse_watch_close(self->watch);
  self->watch = NULL;
}

static int watch_enter(struct watch *self) {
  int result = rest_enter(self, "another thread waits with this watch already");
  if (result || self->watch)
    return result;
  return rest_refuse(self, "the watch was closed; open a new one");
}

/* map._watch(start, stop, prefix, start open, stop closed) */
PyObject *map_watch(PyObject *object, PyObject *args) {
  struct map *map = (struct map *)object;
  struct store *store = map->handle->store;
  PyObject *start, *stop, *prefix;
  int start_open, stop_closed;
  struct bounds bounds;
  if (!PyArg_ParseTuple(args, "OOOpp", &start, &stop, &prefix, &start_open, &stop_closed) ||
      bounds_init(&bounds, map, start, stop, prefix, start_open, stop_closed))
    return NULL;
  struct watch *self = rest_new(store->state->watch_type, store, map->handle, end_by_store);
  if (!self) {
    bounds_clear(&bounds);
    return NULL;
  }
  int result = store_enter(store);
  if (!result) {
    result = copse_watch_open(store->store, map->handle->map, &bounds.range, &self->watch);
    store_leave(store);
  }
  bounds_clear(&bounds);
  return rest_finish(self, result);
}

/* _next(timeout): (version, since, commits) */
static PyObject *watch_next(PyObject *object, PyObject *timeout) {
  struct watch *self = (struct watch *)object;
  struct copse_watch_event event;
  int64_t ns = timeout_ns(timeout);
  if (ns == -2)
    return NULL;
  int result = watch_enter(self);
  if (!result) {
    struct waiting wait = waiting_begin(self->store, ns);
    do {
      Py_BEGIN_ALLOW_THREADS
      result = copse_watch_next(self->watch, wait.slice, &event);
      Py_END_ALLOW_THREADS
    } while (waiting_again(&wait, &result));
    rest_leave(self);
  }
  if (result)
    return raise_result(self->store->state, result);
  return Py_BuildValue("KKK", (unsigned long long)event.version, (unsigned long long)event.since,
                       (unsigned long long)event.commits);
}

/* _change(): (kind, key, before, after), or None at the end. */
static PyObject *watch_change(PyObject *object, PyObject *unused) {
  (void)unused;
  struct watch *self = (struct watch *)object;
  struct copse_change change;
  PyObject *copy = NULL;
  int result = watch_enter(self);
  if (!result) {
    result = copse_watch_change(self->watch, &change);
    if (!result) {
      copy = change_copy(self->handle, &change);
      result = copy ? 0 : RAISED;
    }
    rest_leave(self);
  }
  if (result == COPSE_NONE)
    Py_RETURN_NONE;
  return result ? raise_result(self->store->state, result) : change_finish(self->handle, copy);
}

static PyObject *watch_descriptor(PyObject *object, PyObject *unused) {
  (void)unused;
  struct watch *self = (struct watch *)object;
  int descriptor = -1, result = watch_enter(self);
  if (!result) {
    result = copse_watch_descriptor(self->watch, &descriptor);
    rest_leave(self);
  }
  return result ? raise_result(self->store->state, result) : PyLong_FromLong(descriptor);
}

static PyObject *watch_cancel(PyObject *object, PyObject *unused) {
  (void)unused;
  struct watch *self = (struct watch *)object;
  if (store_enter(self->store) == 0) {
    if (self->watch) /* it is closed by the store's close and by dealloc only */
      copse_watch_cancel(self->watch);
    store_leave(self->store);
  }
  Py_RETURN_NONE;
}

static PyMethodDef watch_methods[] = {
    {"_next", watch_next, METH_O, NULL},
    {"_change", watch_change, METH_NOARGS, NULL},
    {"fileno", watch_descriptor, METH_NOARGS,
     "fileno()\n--\n\nA descriptor that polls readable when a commit came after the last event;\n"
     "then next(timeout=0) tells whether it was of these keys. It costs a thread."},
    {"cancel", watch_cancel, METH_NOARGS,
     "cancel()\n--\n\nMakes a waiting next() raise Cancelled, and each later one; from any "
     "thread."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot watch_slots[] = {
    {Py_tp_dealloc, rest_dealloc},
    {Py_tp_methods, watch_methods},
    {0, NULL},
};

static PyType_Spec watch_spec = {
    "copse._copse.Watch", sizeof(struct watch), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, watch_slots};

int follow_types(struct state *state, PyObject *module) {
  (void)state;
  return type_add(module, &watch_spec);
}
