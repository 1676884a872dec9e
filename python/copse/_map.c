/* _map.c - Map: get, put, delete, conditions. */
#include "_copse.h"

#include <string.h>

/* Map(store, name, keys or None, value size, layout as text or None, create, timeout) */
static PyObject *map_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)kwargs;
  PyObject *store, *keys, *timeout;
  const char *layout;
  unsigned size;
  int create;
  struct opening opening = {0};
  if (!PyArg_ParseTuple(args, "OUOIzpO", &store, &opening.name, &keys, &size, &layout, &create,
                        &timeout))
    return NULL;
  unsigned long kind = keys == Py_None ? 0 : PyLong_AsUnsignedLong(keys);
  if (PyErr_Occurred() || !PyUnicode_AsUTF8AndSize(opening.name, NULL) ||
      (opening.timeout = timeout_ns(timeout)) == -2)
    return NULL;
  opening.checked = keys != Py_None;
  opening.create = create;
  opening.map.value_size = size;
  opening.map.key_kind = kind == KEYS_U64 ? COPSE_KEY_U64 : COPSE_KEY_BYTES;
  opening.map.key_encoding = kind == KEYS_TUPLE ? COPSE_KEYS_TUPLE : COPSE_KEYS_RAW;
  return container_open(type, store, &opening, layout);
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

/* _view(key, policy): a Value or an array on one, or None */
static PyObject *map_view(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct store *store = self->handle->store;
  PyObject *key, *value = NULL;
  unsigned policy;
  struct argument k;
  struct access access;
  struct copse_bytes bytes;
  if (!PyArg_ParseTuple(args, "OI", &key, &policy) || key_encode(self->handle, key, &k))
    return NULL;
  int result = access_read(self, &access);
  if (!result) {
    result = copse_get(access.reads, self->handle->map, k.data, k.size, &bytes);
    if (!result)
      result = value_lease(store, access.reads, policy, bytes, &value);
    result = access_end(&access, result);
  }
  argument_clear(&k);
  if (result) {
    Py_XDECREF(value);
    return result == COPSE_NONE ? Py_NewRef(Py_None) : raise(self, result);
  }
  value = value_export(self->handle, value, -1);
  if (value && lease_warn(store))
    Py_CLEAR(value);
  return value;
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

/* value NULL: deletes. */
static int apply(struct copse_txn *txn, struct copse_map *map, const struct argument *key,
                 const struct argument *value, uint32_t flags) {
  return value ? copse_put(txn, map, key->data, key->size, value->data, value->size, flags)
               : copse_delete(txn, map, key->data, key->size);
}

/* In a transaction of its own, for which the GIL is given back once. */
static int change_alone(struct map *self, const struct argument *key, const struct argument *value,
                        uint32_t flags) {
  struct store *store = self->handle->store;
  struct copse_txn *txn = NULL;
  int result = store_enter(store);
  if (result)
    return result;
  struct waiting wait = waiting_begin(store, -1);
  do {
    Py_BEGIN_ALLOW_THREADS
    result = copse_txn_begin(store->store, wait.slice, &txn);
    if (!result) {
      result = apply(txn, self->handle->map, key, value, flags);
      if (result)
        copse_txn_abort(txn);
      else
        result = copse_txn_commit(txn, NULL);
    }
    Py_END_ALLOW_THREADS
  } while (!txn && waiting_again(&wait, &result));
  store_leave(store);
  return result;
}

/* value NULL: deletes. 0, COPSE_NONE (REPLACE or a deletion, and the key is not there), RAISED. */
static int change(struct map *self, PyObject *key, PyObject *value, uint32_t flags) {
  struct argument k, v = {0};
  struct access access;
  if (key_encode(self->handle, key, &k))
    return RAISED;
  int result = value ? codec_encode(&self->handle->codec, value, &v) : 0;
  if (!result) {
    const struct argument *given = value ? &v : NULL;
    if (!self->view)
      result = change_alone(self, &k, given, flags);
    else if (!(result = access_write(self, &access)))
      result = access_end(&access, apply(access.txn, self->handle->map, &k, given, flags));
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
      Py_BEGIN_ALLOW_THREADS
      result = copse_reserve(access.txn, self->handle->map, k.data, k.size,
                             parts[0].size + parts[1].size, 0, &memory);
      if (!result) {
        memcpy(memory, parts[0].data, parts[0].size);
        memcpy((uint8_t *)memory + parts[0].size, parts[1].data, parts[1].size);
      }
      Py_END_ALLOW_THREADS
      result = access_end(&access, result);
    }
    argument_clear(&parts[0]);
    argument_clear(&parts[1]);
  }
  argument_clear(&k);
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

static int map_assign(PyObject *object, PyObject *key, PyObject *value) {
  struct map *self = (struct map *)object;
  int result = change(self, key, value, 0);
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
  int result = change((struct map *)object, key, value, flags);
  return result < 0 ? NULL : PyBool_FromLong(result == 0);
}

static PyObject *map_discard(PyObject *object, PyObject *key) {
  int result = change((struct map *)object, key, NULL, 0);
  return result < 0 ? NULL : PyBool_FromLong(result == 0);
}

/* --- conditions ---------------------------------------------------------------------- */

void condition_clear(struct condition *self) {
  for (int i = 0; i < 2; i++)
    argument_clear(&self->values[i]);
  argument_clear(&self->key);
}

int condition_init(struct condition *self, const struct handle *handle,
                   PyObject *const objects[3]) {
  struct copse_bytes **places[2] = {&self->expected, &self->wanted};
  memset(self, 0, sizeof *self);
  if (key_encode(handle, objects[0], &self->key))
    return RAISED;
  for (int i = 0; i < 2; i++) {
    struct argument *value = &self->values[i];
    if (objects[i + 1] == Py_None)
      continue;
    if (codec_encode(&handle->codec, objects[i + 1], value)) {
      memset(value, 0, sizeof *value);
      condition_clear(self);
      return RAISED;
    }
    self->bytes[i] = (struct copse_bytes){value->data, value->size};
    *places[i] = &self->bytes[i];
  }
  return 0;
}

static PyObject *map_compare_and_set(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *objects[3];
  struct condition c;
  struct access access;
  if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2]) ||
      condition_init(&c, self->handle, objects))
    return NULL;
  int result = access_write(self, &access);
  if (!result)
    result = access_end(&access, copse_compare_and_set(access.txn, self->handle->map, c.key.data,
                                                       c.key.size, c.expected, c.wanted));
  condition_clear(&c);
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
    Py_BEGIN_ALLOW_THREADS
    result = copse_delete_range(access.txn, self->handle->map, &bounds.range, &deleted);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  bounds_clear(&bounds);
  return result ? raise(self, result) : PyLong_FromUnsignedLongLong(deleted);
}

static PyMethodDef methods[] = {
    {"get", (PyCFunction)(void (*)(void))map_get, METH_FASTCALL,
     "get(key, default=None)\n--\n\nThe value as a copy: bytes, or a number, array or record in a\n"
     "typed map; default when the key is not there."},
    {"_view", map_view, METH_VARARGS, NULL},
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
    {"_alter", container_alter, METH_VARARGS, NULL},
    {"compare_and_set", map_compare_and_set, METH_VARARGS,
     "compare_and_set(key, expected, value)\n--\n\nSets the value (None: deletes the key) only if "
     "it\n"
     "is the expected one (None: the key is not there); else raises Conflict."},
    {"_set_codec", container_set_codec, METH_VARARGS, NULL},
    {"_info", container_info, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, map_new},
    {Py_tp_dealloc, container_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_members, container_members},
    {Py_tp_getset, container_getset},
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
