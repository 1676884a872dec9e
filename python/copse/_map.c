/* _map.c - Map: a handle, bound to a snapshot or a transaction or to neither; get, put, delete.
 *
 * A map that is bound to nothing reads in a momentary snapshot, and writes in a transaction of its
 * own per call. */
#include "_copse.h"

#include <string.h>

/* --- handles ------------------------------------------------------------------------- */

void handle_release(struct handle *handle) {
  if (atomic_fetch_sub(&handle->references, 1) > 1)
    return;
  struct store *store = handle->store;
  if (store_enter_last(store, &handle->node)) {
    copse_map_close(handle->map);
    store_leave(store);
  }
  codec_clear(&handle->codec);
  Py_XDECREF(handle->about);
  PyMem_Free(handle);
  Py_DECREF(OBJECT(store));
}

static int open_handle(struct handle *handle, const char *name,
                       const struct copse_map_options *options, bool create, int64_t timeout) {
  struct copse_store *store = handle->store->store;
  struct copse_snapshot *snapshot = NULL;
  struct copse_map_info info;
  int result = copse_snapshot_open(store, 0, &snapshot);
  if (result)
    return result;
  result = copse_map_open(copse_snapshot_view(snapshot), name, options, &handle->map);
  if (result == COPSE_E_NO_MAP && create) {
    Py_BEGIN_ALLOW_THREADS result = copse_map_ensure(store, name, options, timeout, &handle->map);
    Py_END_ALLOW_THREADS if (!result) result =
        copse_snapshot_refresh(snapshot) < 0 ? COPSE_E_STATE : 0;
  }
  if (!result)
    result = copse_map_info(copse_snapshot_view(snapshot), handle->map, &info);
  copse_snapshot_close(snapshot);
  if (!result)
    handle->keys = info.key_encoding == COPSE_KEYS_TUPLE ? KEYS_TUPLE
                   : info.key_kind == COPSE_KEY_U64      ? KEYS_U64
                                                         : KEYS_BYTES;
  return result;
}

/* Map(store, name, key kind or None, value size, layout as text or None, create, timeout) */
static PyObject *map_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)kwargs;
  struct store *store;
  PyObject *store_object, *name, *key, *timeout;
  const char *layout;
  unsigned size;
  int create;
  if (!PyArg_ParseTuple(args, "OUOIzpO", &store_object, &name, &key, &size, &layout, &create,
                        &timeout))
    return NULL;
  store = (struct store *)store_object;
  int64_t ns = timeout_ns(timeout);
  const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
  if (ns == -2 || !text)
    return NULL;
  struct copse_map_options options = {0};
  options.value_size = size;
  unsigned long keys = key == Py_None ? 0 : PyLong_AsUnsignedLong(key);
  if (PyErr_Occurred())
    return NULL;
  options.key_kind = keys == KEYS_U64 ? COPSE_KEY_U64 : COPSE_KEY_BYTES;
  options.key_encoding = keys == KEYS_TUPLE ? COPSE_KEYS_TUPLE : COPSE_KEYS_RAW;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct map *self = (struct map *)alloc(type, 0);
  struct handle *handle = self ? PyMem_Calloc(1, sizeof *handle) : NULL;
  if (!handle) {
    Py_XDECREF(OBJECT(self));
    return self ? PyErr_NoMemory() : NULL;
  }
  self->handle = handle;
  self->name = Py_NewRef(name);
  atomic_init(&handle->references, 1);
  Py_INCREF(OBJECT(store));
  handle->store = store;
  list_add(&store->maps, &handle->node);
  struct copse_layout *parsed = NULL;
  int result = store_enter(store);
  if (!result) {
    result = layout ? copse_layout_parse(layout, &parsed) : 0;
    options.layout = parsed;
    if (!result)
      result = open_handle(handle, text, key == Py_None ? NULL : &options, create, ns);
    copse_layout_free(parsed);
    store_leave(store);
  }
  if (!result)
    return (PyObject *)self;
  raise_result(store->state, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

static void map_dealloc(PyObject *object) {
  struct map *self = (struct map *)object;
  if (self->handle)
    handle_release(self->handle);
  Py_XDECREF(OBJECT(self->view));
  Py_XDECREF(self->name);
  free_object(self);
}

PyObject *map_bind(struct state *state, PyObject *object, struct view *view) {
  int is_map = PyObject_IsInstance(object, state->map_type);
  if (is_map < 0)
    return NULL;
  struct map *map = (struct map *)object;
  if (!is_map || map->handle->store != view->store) {
    PyErr_SetString(PyExc_TypeError, is_map ? "the map is of another store (or of another handle)"
                                            : "a map is expected");
    return NULL;
  }
  PyTypeObject *type = Py_TYPE(object);
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct map *self = (struct map *)alloc(type, 0);
  if (!self)
    return NULL;
  atomic_fetch_add(&map->handle->references, 1);
  self->handle = map->handle;
  self->name = Py_NewRef(map->name);
  self->view = (struct view *)Py_NewRef(OBJECT(view));
  return (PyObject *)self;
}

/* --- access -------------------------------------------------------------------------- */

int access_read(struct map *map, struct access *access) {
  memset(access, 0, sizeof *access);
  if (map->view) {
    int result = view_enter(map->view);
    if (!result) {
      access->view = map->view;
      access->reads = map->view->view;
    }
    return result;
  }
  int result = store_enter(map->handle->store);
  if (result)
    return result;
  access->store = map->handle->store;
  result = copse_snapshot_open(access->store->store, 0, &access->snapshot);
  if (result)
    store_leave(access->store);
  else
    access->reads = copse_snapshot_view(access->snapshot);
  return result;
}

int access_write(struct map *map, struct access *access) {
  memset(access, 0, sizeof *access);
  if (map->view && !map->view->writes) {
    PyErr_SetString(PyExc_TypeError, "a snapshot is read-only; write in a transaction "
                                     "(store.write()) or to the map itself");
    return RAISED;
  }
  if (map->view) {
    int result = access_read(map, access);
    if (!result)
      access->txn = map->view->txn;
    return result;
  }
  int result = store_enter(map->handle->store);
  if (result)
    return result;
  access->store = map->handle->store;
  result = txn_begin(access->store, -1, &access->txn);
  if (result)
    store_leave(access->store);
  else
    access->reads = copse_txn_view(access->txn);
  return result;
}

int access_end(struct access *access, int result) {
  if (access->view) {
    view_leave(access->view);
    return result;
  }
  if (access->snapshot) {
    copse_snapshot_close(access->snapshot);
  } else if (result == 0) {
    Py_BEGIN_ALLOW_THREADS result = copse_txn_commit(access->txn, NULL);
    Py_END_ALLOW_THREADS
  } else {
    copse_txn_abort(access->txn);
  }
  store_leave(access->store);
  return result;
}

static PyObject *raise(struct map *self, int result) {
  return raise_result(self->handle->store->state, result);
}

/* --- reading ------------------------------------------------------------------------- */

/* The value, or NULL: an exception, or (result COPSE_NONE) nothing there. */
static PyObject *look_up(struct map *self, PyObject *key, int *result) {
  struct argument k;
  struct access access;
  struct copse_bytes value;
  PyObject *found = NULL;
  if ((*result = key_encode(self->handle, key, &k)))
    return NULL;
  if (!(*result = access_read(self, &access))) {
    *result = copse_get(access.reads, self->handle->map, k.data, k.size, &value);
    if (!*result)
      found = value_copy(self->handle, value);
    *result = access_end(&access, *result);
    found = value_finish(self->handle, found);
  }
  argument_clear(&k);
  if (*result < 0)
    raise(self, *result);
  return found;
}

static PyObject *map_subscript(PyObject *object, PyObject *key) {
  int result;
  PyObject *value = look_up((struct map *)object, key, &result);
  if (!value && result == COPSE_NONE)
    PyErr_SetObject(PyExc_KeyError, key);
  return value;
}

static PyObject *map_get(PyObject *object, PyObject *const *args, Py_ssize_t n) {
  if (n < 1 || n > 2) {
    PyErr_SetString(PyExc_TypeError, "get(key, default=None)");
    return NULL;
  }
  int result;
  PyObject *value = look_up((struct map *)object, args[0], &result);
  if (!value && result == COPSE_NONE)
    return Py_NewRef(n == 2 ? args[1] : Py_None);
  return value;
}

static int map_contains(PyObject *object, PyObject *key) {
  struct map *self = (struct map *)object;
  struct argument k;
  struct access access;
  int result = key_encode(self->handle, key, &k);
  if (result)
    return -1;
  if (!(result = access_read(self, &access)))
    result = access_end(&access, copse_exists(access.reads, self->handle->map, k.data, k.size));
  argument_clear(&k);
  if (result >= 0)
    return result == 0;
  raise(self, result);
  return -1;
}

static Py_ssize_t map_length(PyObject *object) {
  struct map *self = (struct map *)object;
  struct access access;
  uint64_t count = 0;
  int result = access_read(self, &access);
  if (!result)
    result = access_end(&access, copse_count(access.reads, self->handle->map, &count));
  if (!result)
    return (Py_ssize_t)count;
  raise(self, result);
  return -1;
}

/* --- writing ------------------------------------------------------------------------- */

/* 0, COPSE_NONE (REPLACE, and the key is not there), RAISED. */
static int put(struct map *self, PyObject *key, PyObject *value, uint32_t flags) {
  struct argument k, v;
  struct access access;
  int result = key_encode(self->handle, key, &k);
  if (result)
    return RAISED;
  result = codec_encode(&self->handle->codec, value, &v);
  if (!result) {
    if (!(result = access_write(self, &access)))
      result = access_end(
          &access, copse_put(access.txn, self->handle->map, k.data, k.size, v.data, v.size, flags));
    argument_clear(&v);
  }
  argument_clear(&k);
  if (result < 0) {
    raise(self, result);
    result = RAISED;
  }
  return result;
}

/* _put_parts(key, bytes, bytes): a value made of two parts, each copied once */
static PyObject *map_put_parts(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *key, *objects[2];
  struct argument k, parts[2];
  struct access access;
  void *memory;
  if (!PyArg_ParseTuple(args, "OOO", &key, &objects[0], &objects[1]) ||
      key_encode(self->handle, key, &k))
    return NULL;
  int result = argument_bytes(objects[0], &parts[0], "the first part");
  if (!result && (result = argument_bytes(objects[1], &parts[1], "the second part")))
    argument_clear(&parts[0]);
  if (!result) {
    if (!(result = access_write(self, &access))) {
      Py_BEGIN_ALLOW_THREADS result = copse_reserve(access.txn, self->handle->map, k.data, k.size,
                                                    parts[0].size + parts[1].size, 0, &memory);
      if (!result) {
        memcpy(memory, parts[0].data, parts[0].size);
        memcpy((uint8_t *)memory + parts[0].size, parts[1].data, parts[1].size);
      }
      Py_END_ALLOW_THREADS result = access_end(&access, result);
    }
    argument_clear(&parts[0]);
    argument_clear(&parts[1]);
  }
  argument_clear(&k);
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

static int drop(struct map *self, PyObject *key) {
  struct argument k;
  struct access access;
  int result = key_encode(self->handle, key, &k);
  if (result)
    return RAISED;
  if (!(result = access_write(self, &access)))
    result = access_end(&access, copse_delete(access.txn, self->handle->map, k.data, k.size));
  argument_clear(&k);
  if (result < 0) {
    raise(self, result);
    result = RAISED;
  }
  return result;
}

static int map_assign(PyObject *object, PyObject *key, PyObject *value) {
  struct map *self = (struct map *)object;
  int result = value ? put(self, key, value, 0) : drop(self, key);
  if (result == COPSE_NONE)
    PyErr_SetObject(PyExc_KeyError, key);
  return result ? -1 : 0;
}

static PyObject *map_put(PyObject *object, PyObject *args, PyObject *kwargs) {
  static const char *const names[] = {"key", "value", "flags", NULL};
  PyObject *key, *value;
  unsigned flags = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|I", NAMES(names), &key, &value, &flags))
    return NULL;
  int result = put((struct map *)object, key, value, flags);
  return result < 0 ? NULL : PyBool_FromLong(result == 0);
}

static PyObject *map_discard(PyObject *object, PyObject *key) {
  int result = drop((struct map *)object, key);
  return result < 0 ? NULL : PyBool_FromLong(result == 0);
}

static PyObject *map_compare_and_set(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *key, *objects[2];
  struct argument k, values[2];
  struct copse_bytes bytes[2];
  struct access access;
  if (!PyArg_ParseTuple(args, "OOO", &key, &objects[0], &objects[1]) ||
      key_encode(self->handle, key, &k))
    return NULL;
  memset(values, 0, sizeof values);
  int result = 0;
  for (int i = 0; i < 2 && !result; i++) {
    if (objects[i] != Py_None)
      result = codec_encode(&self->handle->codec, objects[i], &values[i]);
    if (result)
      memset(&values[i], 0, sizeof values[i]);
    bytes[i] = (struct copse_bytes){values[i].data, values[i].size};
  }
  if (!result && !(result = access_write(self, &access)))
    result =
        access_end(&access, copse_compare_and_set(access.txn, self->handle->map, k.data, k.size,
                                                  objects[0] == Py_None ? NULL : &bytes[0],
                                                  objects[1] == Py_None ? NULL : &bytes[1]));
  for (int i = 0; i < 2; i++)
    argument_clear(&values[i]);
  argument_clear(&k);
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

/* _delete_range(start, stop, prefix, start open, stop closed): how many */
static PyObject *map_delete_range(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *start, *stop, *prefix;
  int start_open, stop_closed;
  struct bounds bounds;
  struct access access;
  uint64_t deleted = 0;
  if (!PyArg_ParseTuple(args, "OOOpp", &start, &stop, &prefix, &start_open, &stop_closed) ||
      bounds_init(&bounds, self, start, stop, prefix, start_open, stop_closed))
    return NULL;
  int result = access_write(self, &access);
  if (!result) {
    Py_BEGIN_ALLOW_THREADS result =
        copse_delete_range(access.txn, self->handle->map, &bounds.range, &deleted);
    Py_END_ALLOW_THREADS result = access_end(&access, result);
  }
  bounds_clear(&bounds);
  return result ? raise(self, result) : PyLong_FromUnsignedLongLong(deleted);
}

/* _alter(new name or None): renames or drops it */
static PyObject *map_alter(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct access access;
  const char *name;
  if (!PyArg_ParseTuple(args, "z", &name))
    return NULL;
  int result = access_write(self, &access);
  if (!result)
    result = access_end(&access, name ? copse_map_rename(access.txn, self->handle->map, name)
                                      : copse_map_drop(access.txn, self->handle->map));
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

/* --- what it is ---------------------------------------------------------------------- */

/* Once, before the map is given to anybody. about: what the package wants to remember. */
static PyObject *map_set_codec(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *spec, *about;
  if (!PyArg_ParseTuple(args, "OO", &spec, &about) || codec_init(&self->handle->codec, spec))
    return NULL;
  self->handle->about = Py_NewRef(about);
  Py_RETURN_NONE;
}

static PyObject *map_about(PyObject *object, void *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  return Py_NewRef(self->handle->about ? self->handle->about : Py_None);
}

/* (id, key kind, value size, layout as text or None, count, changed) */
static PyObject *map_info(PyObject *object, PyObject *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  struct access access;
  struct copse_map_info info;
  struct copse_layout *layout = NULL;
  char *text = NULL;
  int result = access_read(self, &access);
  if (!result) {
    result = copse_map_info(access.reads, self->handle->map, &info);
    if (!result && info.has_layout)
      result = copse_map_layout(access.reads, self->handle->map, &layout);
    result = access_end(&access, result);
  }
  if (result)
    return raise(self, result);
  if (layout) {
    size_t size = copse_layout_format(layout, NULL, 0) + 1;
    text = PyMem_Malloc(size);
    if (text)
      copse_layout_format(layout, text, size);
    copse_layout_free(layout);
    if (!text)
      return PyErr_NoMemory();
  }
  PyObject *tuple =
      Py_BuildValue("IIIzKK", info.id, (unsigned)self->handle->keys, info.value_size, text,
                    (unsigned long long)info.count, (unsigned long long)info.changed);
  PyMem_Free(text);
  return tuple;
}

static PyObject *map_view(PyObject *object, void *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  return Py_NewRef(self->view ? (PyObject *)self->view : Py_None);
}

static PyObject *map_store(PyObject *object, void *unused) {
  (void)unused;
  return Py_NewRef(OBJECT(((struct map *)object)->handle->store));
}

static PyMethodDef methods[] = {
    {"get", (PyCFunction)(void (*)(void))map_get, METH_FASTCALL,
     "get(key, default=None)\n--\n\nThe value as a copy: bytes, or a number, array or record in a\n"
     "typed map; default when the key is not there."},
    {"_put", (PyCFunction)(void (*)(void))map_put, METH_VARARGS | METH_KEYWORDS, NULL},
    {"discard", map_discard, METH_O,
     "discard(key)\n--\n\nDeletes a key; False when it was not there."},
    {"_put_parts", map_put_parts, METH_VARARGS, NULL},
    {"_cursor", map_cursor, METH_VARARGS, NULL},
    {"_put_many", map_put_many, METH_VARARGS, NULL},
    {"_multiget", map_multiget, METH_VARARGS, NULL},
    {"_gather", map_gather, METH_VARARGS, NULL},
    {"_diff", map_diff, METH_VARARGS, NULL},
    {"_watch", map_watch, METH_VARARGS, NULL},
    {"_delete_range", map_delete_range, METH_VARARGS, NULL},
    {"_alter", map_alter, METH_VARARGS, NULL},
    {"compare_and_set", map_compare_and_set, METH_VARARGS,
     "compare_and_set(key, expected, value)\n--\n\nSets the value (None: deletes the key) only if "
     "it\n"
     "is the expected one (None: the key is not there); else raises Conflict."},
    {"_set_codec", map_set_codec, METH_VARARGS, NULL},
    {"_info", map_info, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"name", T_OBJECT, offsetof(struct map, name), READONLY, "The name in the store."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"_about", map_about, NULL, NULL, NULL},
    {"view", map_view, NULL, "The snapshot or transaction that it is bound to, or None.", NULL},
    {"store", map_store, NULL, "The store.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, map_new},
    {Py_tp_dealloc, map_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getset},
    {Py_tp_iter, map_iterate},
    {Py_mp_subscript, map_subscript},
    {Py_mp_ass_subscript, map_assign},
    {Py_mp_length, map_length},
    {Py_sq_contains, map_contains},
    {0, NULL},
};

static PyType_Spec spec = {"copse._copse.Map", sizeof(struct map), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

int map_types(struct state *state, PyObject *module) {
  (void)state;
  return type_add(module, &spec);
}
