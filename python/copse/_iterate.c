/* _iterate.c - walking over a map in key order: what loops use. */
#include "_copse.h"

#include <string.h>

void cursor_end(struct node *node) {
  struct cursor *self = CONTAINER(node, struct cursor, node);
  copse_cursor_close(self->cursor);
  self->cursor = NULL;
}

/* Opens it in the map's view, or in a snapshot of its own. */
static PyObject *iterator_new(struct map *map, const struct copse_range *range, bool reverse,
                              bool keys, bool values) {
  struct handle *handle = map->handle;
  struct state *state = handle->store->state;
  struct view *view = map->view ? (struct view *)Py_NewRef(OBJECT(map->view))
                                : (struct view *)snapshot_new(handle->store, 0);
  PyTypeObject *type = (PyTypeObject *)state->iterator_type;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct cursor *self = view ? (struct cursor *)alloc(type, 0) : NULL;
  if (!self) {
    Py_XDECREF(OBJECT(view));
    return NULL;
  }
  self->view = view;
  self->handle = handle;
  atomic_fetch_add(&handle->references, 1);
  self->node.prev = self->node.next = &self->node;
  self->reverse = reverse;
  self->keys = keys;
  self->values = values;
  self->owned = !map->view;
  int result = view_enter(view);
  if (!result) {
    result = copse_cursor_open(view->view, handle->map, range, &self->cursor);
    if (!result)
      list_add(&view->cursors, &self->node);
    if (!result && reverse) {
      result = copse_cursor_last(self->cursor, NULL, NULL);
      if (result >= 0) { /* it shall stand behind the last one */
        int past = copse_cursor_next(self->cursor, NULL, NULL);
        result = past < 0 ? past : 0;
      }
    }
    view_leave(view);
  }
  if (!result)
    return (PyObject *)self;
  raise_result(state, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

static void close_cursor(struct cursor *self) {
  if (self->cursor) {
    list_remove(&self->node);
    cursor_end(&self->node);
  }
}

static void iterator_dealloc(PyObject *object) {
  struct cursor *self = (struct cursor *)object;
  if (self->view) {
    int result = view_lock(self->view);
    if (result == 0) {
      close_cursor(self);
      view_leave(self->view);
    } else if (result == CLOSED) {
      (void)store_enter_last(self->view->store, &self->node);
    } else {
      list_remove(&self->node); /* what the library has of it is lost with the view */
    }
    handle_release(self->handle);
    Py_DECREF(OBJECT(self->view));
  }
  free_object(self);
}

static PyObject *iterator_next(PyObject *object) {
  struct cursor *self = (struct cursor *)object;
  struct handle *handle = self->handle;
  struct state *state = handle->store->state;
  struct copse_bytes key, value;
  PyObject *k = NULL, *v = NULL;
  if (self->done)
    return NULL;
  int result = view_enter(self->view);
  if (result)
    return raise_result(state, result);
  bool direct = handle->codec.kind <= CODEC_ARRAY;
  result = self->reverse ? copse_cursor_prev(self->cursor, &key, &value)
                         : copse_cursor_next(self->cursor, &key, &value);
  if (result == 0 && self->keys)
    k = key_decode(handle->key_kind, key.data, key.size);
  if (result == 0 && self->values && direct)
    v = codec_decode(state, &handle->codec, value.data, value.size);
  else if (result == 0 && self->values)
    v = PyBytes_FromStringAndSize(value.data, (Py_ssize_t)value.size);
  if (result) {
    self->done = true;
    close_cursor(self);
    if (self->owned)
      (void)view_end(self->view, false, NULL);
  }
  view_leave(self->view);
  if (v && !direct) {
    PyObject *bytes = v;
    v = codec_decode(state, &handle->codec, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
    Py_DECREF(bytes);
  }
  if (result)
    return result < 0 ? raise_result(state, result) : NULL;
  if ((self->keys && !k) || (self->values && !v)) {
    Py_XDECREF(k);
    Py_XDECREF(v);
    return NULL;
  }
  if (!self->values)
    return k;
  if (!self->keys)
    return v;
  PyObject *pair = PyTuple_Pack(2, k, v);
  Py_DECREF(k);
  Py_DECREF(v);
  return pair;
}

/* _range(from, to, prefix, from exclusive, to inclusive, reverse, keys, values) */
PyObject *map_range(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *from, *to, *prefix;
  int from_exclusive, to_inclusive, reverse, keys, values;
  if (!PyArg_ParseTuple(args, "OOOppppp", &from, &to, &prefix, &from_exclusive, &to_inclusive,
                        &reverse, &keys, &values))
    return NULL;
  struct argument bounds[3];
  PyObject *objects[3] = {from, to, prefix};
  struct copse_range range = {.from_exclusive = (uint32_t)from_exclusive,
                              .to_inclusive = (uint32_t)to_inclusive};
  struct copse_bytes *places[3] = {&range.from, &range.to, &range.prefix};
  PyObject *iterator = NULL;
  int done = 0;
  for (; done < 3; done++) {
    memset(&bounds[done], 0, sizeof bounds[done]);
    if (objects[done] == Py_None)
      continue;
    if (done == 2 ? argument_bytes(prefix, &bounds[2], "the prefix")
                  : key_encode(self->handle->key_kind, objects[done], &bounds[done]))
      break;
    *places[done] = (struct copse_bytes){bounds[done].data, bounds[done].size};
  }
  if (done == 3)
    iterator = iterator_new(self, &range, reverse, keys, values);
  while (done-- > 0)
    argument_clear(&bounds[done]);
  return iterator;
}

PyObject *map_iterate(PyObject *self) {
  return iterator_new((struct map *)self, NULL, false, true, false);
}

static PyType_Slot slots[] = {
    {Py_tp_dealloc, iterator_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterator_next},
    {0, NULL},
};

static PyType_Spec spec = {"copse._copse.Iterator", sizeof(struct cursor), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int iterator_types(struct state *state, PyObject *module) {
  state->iterator_type = PyType_FromModuleAndSpec(module, &spec, NULL);
  return state->iterator_type ? 0 : -1;
}
