/* _arena.c - Arena: records in slots, named by index or by a handle (arena, index, generation). */
#include "_copse.h"

#include <string.h>

static PyObject *raise(struct map *self, int result) {
  return raise_result(self->handle->store->state, result);
}

/* Arena(store, name, record size or 0, layout as text or None, create, timeout) */
static PyObject *arena_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)kwargs;
  PyObject *store, *timeout;
  const char *layout;
  int create;
  struct opening opening = {.arena = true};
  if (!PyArg_ParseTuple(args, "OUIzpO", &store, &opening.name, &opening.records.record_size,
                        &layout, &create, &timeout))
    return NULL;
  if (!PyUnicode_AsUTF8AndSize(opening.name, NULL) || (opening.timeout = timeout_ns(timeout)) == -2)
    return NULL;
  opening.checked = opening.records.record_size != 0;
  opening.create = create && opening.checked;
  return container_open(type, store, &opening, layout);
}

/* --- where --------------------------------------------------------------------------- */

/* An index, or a handle: a tuple of three numbers. */
struct where {
  bool by_handle;
  struct copse_handle handle;
};

static int where_init(struct where *where, PyObject *object) {
  memset(where, 0, sizeof *where);
  where->by_handle = PyTuple_Check(object);
  if (where->by_handle) {
    unsigned long long arena, index;
    unsigned generation;
    if (!PyArg_ParseTuple(object, "KKI;a handle has three numbers", &arena, &index, &generation))
      return RAISED;
    where->handle = (struct copse_handle){arena, index, generation, 0};
    return 0;
  }
  PyObject *number = PyNumber_Index(object);
  if (!number) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_Format(PyExc_TypeError, "a slot is named by its index or by a handle, not by %R",
                   Py_TYPE(object));
    return RAISED;
  }
  where->handle.index = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  if (!PyErr_Occurred())
    return 0;
  PyErr_Clear();
  PyErr_Format(PyExc_IndexError, "a slot's index is from 0 to 2**48 - 1, not %R", object);
  return RAISED;
}

/* COPSE_NONE: the slot is empty. */
static int find(const struct map *self, struct access *access, struct where *where,
                struct copse_bytes *record) {
  struct copse_arena *arena = self->handle->arena;
  record->size = self->handle->codec.size;
  return where->by_handle ? copse_arena_get(access->reads, arena, &where->handle, &record->data)
                          : copse_arena_at(access->reads, arena, where->handle.index,
                                           &where->handle, &record->data);
}

static PyObject *empty(PyObject *where) {
  PyErr_Format(PyExc_IndexError, "slot %R is empty", where);
  return NULL;
}

static PyObject *handle_object(struct map *self, const struct copse_handle *handle) {
  return PyObject_CallFunction(self->handle->store->state->handle_type, "KKI",
                               (unsigned long long)handle->arena, (unsigned long long)handle->index,
                               (unsigned)handle->generation);
}

/* --- reading ------------------------------------------------------------------------- */

/* The record: a copy, or leased with the policy. */
static PyObject *look_up(struct map *self, PyObject *object, int policy, int *result) {
  struct where where;
  struct access access;
  struct copse_bytes record;
  PyObject *found = NULL;
  if ((*result = where_init(&where, object)) || (*result = access_read(self, &access)))
    return *result == RAISED ? NULL : raise(self, *result);
  *result = find(self, &access, &where, &record);
  if (!*result && policy < 0)
    found = value_copy(self->handle, record);
  else if (!*result)
    *result = value_lease(self->handle->store, access.reads, (uint32_t)policy, record, &found);
  *result = access_end(&access, *result);
  if (*result < 0) {
    Py_XDECREF(found);
    return raise(self, *result);
  }
  if (!found)
    return NULL;
  found = policy < 0 ? value_finish(self->handle, found) : value_export(self->handle, found, -1);
  if (found && lease_warn(self->handle->store))
    Py_CLEAR(found);
  return found;
}

static PyObject *arena_get(PyObject *object, PyObject *const *args, Py_ssize_t n) {
  int result;
  if (n < 1 || n > 2) {
    PyErr_SetString(PyExc_TypeError, "get(where, default=None)");
    return NULL;
  }
  PyObject *found = look_up((struct map *)object, args[0], -1, &result);
  return !found && result == COPSE_NONE ? Py_NewRef(n == 2 ? args[1] : Py_None) : found;
}

static PyObject *arena_subscript(PyObject *object, PyObject *where) {
  int result;
  PyObject *found = look_up((struct map *)object, where, COPSE_LEASE_PIN, &result);
  return !found && result == COPSE_NONE ? empty(where) : found;
}

/* _view(where, policy) */
static PyObject *arena_view(PyObject *object, PyObject *args) {
  PyObject *where;
  int policy, result;
  if (!PyArg_ParseTuple(args, "Oi", &where, &policy))
    return NULL;
  PyObject *found = look_up((struct map *)object, where, policy, &result);
  return !found && result == COPSE_NONE ? empty(where) : found;
}

/* Which record it is, without reading it. */
static int locate(struct map *self, PyObject *object, struct where *where) {
  struct access access;
  struct copse_bytes record;
  int result = where_init(where, object);
  if (!result && !(result = access_read(self, &access)))
    result = access_end(&access, find(self, &access, where, &record));
  return result;
}

static PyObject *arena_handle(PyObject *object, PyObject *index) {
  struct map *self = (struct map *)object;
  struct where where;
  int result = locate(self, index, &where);
  if (result == COPSE_NONE)
    return empty(index);
  return result ? raise(self, result) : handle_object(self, &where.handle);
}

static int arena_contains(PyObject *object, PyObject *index) {
  struct map *self = (struct map *)object;
  struct where where;
  int result = locate(self, index, &where);
  if (result == COPSE_E_STALE || result == COPSE_E_NOT_YET)
    return 0;
  if (result < 0) {
    raise(self, result);
    return -1;
  }
  return result == 0;
}

static Py_ssize_t arena_length(PyObject *object) {
  struct map *self = (struct map *)object;
  struct access access;
  uint64_t count = 0;
  int result = access_read(self, &access);
  if (!result)
    result = access_end(&access, copse_arena_count(access.reads, self->handle->arena, &count));
  if (!result)
    return (Py_ssize_t)count;
  raise(self, result);
  return -1;
}

/* _arena_info(): (number in handles, end, leaf slots) */
static PyObject *arena_info(PyObject *object, PyObject *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  struct access access;
  struct copse_arena_info info;
  int result = access_read(self, &access);
  if (!result)
    result = access_end(&access, copse_arena_info(access.reads, self->handle->arena, &info));
  if (result)
    return raise(self, result);
  return Py_BuildValue("KKIIi", (unsigned long long)info.arena, (unsigned long long)info.end,
                       info.leaf_slots, info.record_size, (int)info.has_layout);
}

/* _chunk(from, end, policy): (first, count, array or Value), or None */
static PyObject *arena_chunk(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct handle *handle = self->handle;
  unsigned long long from, end;
  int policy;
  struct access access;
  struct copse_chunk chunk = {0};
  PyObject *value = NULL;
  if (!PyArg_ParseTuple(args, "KKi", &from, &end, &policy))
    return NULL;
  int result = access_read(self, &access);
  if (!result) {
    result = copse_arena_chunk(access.reads, handle->arena, from, &chunk);
    if (!result && chunk.first >= end)
      result = COPSE_NONE;
    if (!result && chunk.count > end - chunk.first)
      chunk.count = end - chunk.first;
    struct copse_bytes bytes = {chunk.records, (size_t)chunk.count * handle->codec.size};
    if (!result)
      result = value_lease(handle->store, access.reads, (uint32_t)policy, bytes, &value);
    result = access_end(&access, result);
  }
  if (result == COPSE_NONE)
    Py_RETURN_NONE;
  if (result) {
    Py_XDECREF(value);
    return raise(self, result);
  }
  value = value_export(handle, value, (Py_ssize_t)chunk.count);
  if (value && lease_warn(handle->store))
    Py_CLEAR(value);
  return value ? Py_BuildValue("KKN", (unsigned long long)chunk.first,
                               (unsigned long long)chunk.count, value)
               : NULL;
}

/* What _fill() writes to: records, and perhaps the indexes of their slots. */
struct target {
  uint8_t *out;
  uint64_t *indexes; /* may be NULL */
  uint64_t room;     /* records that out has room for */
  bool places;       /* each slot has its place, empty ones too */
};

/* Copies the records of slots start to end, in order. Without the GIL; out NULL: only counts. */
static int fill(struct handle *handle, struct access *access, const struct target *target,
                uint64_t start, uint64_t end, uint64_t *copied) {
  size_t size = handle->codec.size;
  struct copse_chunk chunk;
  uint64_t done = 0;
  int result;
  for (uint64_t at = start; at < end; at = chunk.first + chunk.count) {
    result = copse_arena_chunk(access->reads, handle->arena, at, &chunk);
    if (result < 0)
      return result;
    if (result == COPSE_NONE || chunk.first >= end)
      break;
    if (chunk.count > end - chunk.first)
      chunk.count = end - chunk.first;
    uint64_t place = target->places ? chunk.first - start : done;
    if (target->out && (place > target->room || chunk.count > target->room - place))
      return COPSE_E_VALUE_SIZE;
    if (target->out)
      memcpy(target->out + place * size, chunk.records, (size_t)chunk.count * size);
    for (uint64_t i = 0; target->indexes && i < chunk.count; i++)
      target->indexes[place + i] = chunk.first + i;
    done += chunk.count;
  }
  *copied = done;
  return 0;
}

/* _fill(out or None, indexes or None, start, end, places): how many records there are */
static PyObject *arena_fill(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *objects[2];
  unsigned long long start, end;
  int places, got = 0, result = 0;
  Py_buffer buffers[2] = {{0}};
  struct access access;
  uint64_t copied = 0;
  if (!PyArg_ParseTuple(args, "OOKKp", &objects[0], &objects[1], &start, &end, &places))
    return NULL;
  for (; got < 2 && !result; got++)
    if (objects[got] != Py_None)
      result = PyObject_GetBuffer(objects[got], &buffers[got], PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
  size_t size = self->handle->codec.size;
  struct target target = {buffers[0].buf, buffers[1].buf, (uint64_t)buffers[0].len / size, places};
  if (result)
    result = RAISED;
  else if (target.indexes && (uint64_t)buffers[1].len / sizeof *target.indexes < target.room) {
    PyErr_SetString(PyExc_ValueError, "indexes are too few");
    result = RAISED;
  } else if (!(result = access_read(self, &access))) {
    Py_BEGIN_ALLOW_THREADS
    result = fill(self->handle, &access, &target, start, end, &copied);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
    if (result == COPSE_E_VALUE_SIZE) {
      PyErr_SetString(PyExc_ValueError, "out has too few rows");
      result = RAISED;
    }
  }
  for (int i = 0; i < 2; i++)
    if (buffers[i].obj)
      PyBuffer_Release(&buffers[i]);
  return result ? raise(self, result) : PyLong_FromUnsignedLongLong(copied);
}

/* --- writing ------------------------------------------------------------------------- */

/* insert(record): a handle; _insert(record, index) */
static PyObject *insert(struct map *self, PyObject *record, PyObject *index) {
  struct where where;
  struct argument bytes;
  struct access access;
  struct copse_handle handle = {0};
  if ((index && where_init(&where, index)) || codec_encode(&self->handle->codec, record, &bytes))
    return NULL;
  int result = access_write(self, &access);
  if (!result) {
    if (bytes.size != self->handle->codec.size)
      result = COPSE_E_VALUE_SIZE;
    else
      result = index
                   ? copse_arena_insert_at(access.txn, self->handle->arena, where.handle.index,
                                           bytes.data, &handle, NULL)
                   : copse_arena_insert(access.txn, self->handle->arena, bytes.data, &handle, NULL);
    result = access_end(&access, result);
  }
  argument_clear(&bytes);
  return result ? raise(self, result) : handle_object(self, &handle);
}

static PyObject *arena_insert(PyObject *self, PyObject *args) {
  PyObject *record, *index = NULL;
  if (!PyArg_ParseTuple(args, "O|O", &record, &index))
    return NULL;
  return insert((struct map *)self, record, index == Py_None ? NULL : index);
}

static int resolve(struct map *self, struct access *access, struct where *where) {
  struct copse_bytes record;
  return where->by_handle ? 0 : find(self, access, where, &record);
}

/* record NULL: removes it. */
static int change(struct map *self, PyObject *object, PyObject *record) {
  struct where where;
  struct argument bytes = {0};
  struct access access;
  struct copse_arena *arena = self->handle->arena;
  if (where_init(&where, object) || (record && codec_encode(&self->handle->codec, record, &bytes)))
    return -1;
  int result = access_write(self, &access);
  if (!result) {
    result = resolve(self, &access, &where);
    if (!result && record && bytes.size != self->handle->codec.size)
      result = COPSE_E_VALUE_SIZE;
    else if (!result)
      result = record ? copse_arena_update(access.txn, arena, &where.handle, bytes.data, NULL)
                      : copse_arena_remove(access.txn, arena, &where.handle);
    result = access_end(&access, result);
  }
  if (record)
    argument_clear(&bytes);
  if (result == COPSE_NONE)
    empty(object);
  else if (result)
    raise(self, result);
  return result ? -1 : 0;
}

static int arena_assign(PyObject *self, PyObject *where, PyObject *record) {
  return change((struct map *)self, where, record);
}

/* _append(buffer or None, n): the first index. None: n records of zeros, to be written */
static PyObject *arena_append(PyObject *object, PyObject *rows) {
  struct map *self = (struct map *)object;
  struct access access;
  Py_buffer buffer;
  uint64_t first = 0;
  size_t size = self->handle->codec.size;
  if (PyObject_GetBuffer(rows, &buffer, PyBUF_C_CONTIGUOUS))
    return NULL;
  int result = RAISED;
  if ((size_t)buffer.len % size)
    PyErr_Format(PyExc_ValueError, "%zd bytes are not a whole number of records of %zu", buffer.len,
                 size);
  else if (!(result = access_write(self, &access))) {
    Py_BEGIN_ALLOW_THREADS
    result = copse_arena_append(access.txn, self->handle->arena, (size_t)buffer.len / size,
                                buffer.buf, &first);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  PyBuffer_Release(&buffer);
  return result ? raise(self, result) : PyLong_FromUnsignedLongLong(first);
}

/* --- the type ------------------------------------------------------------------------ */

static PyMethodDef methods[] = {
    {"get", (PyCFunction)(void (*)(void))arena_get, METH_FASTCALL,
     "get(where, default=None)\n--\n\nA copy of the record that an index or a handle names; "
     "default\n"
     "when the slot of an index is empty. Raises Stale, NotYet, Foreign for handles."},
    {"_view", arena_view, METH_VARARGS, NULL},
    {"handle", arena_handle, METH_O,
     "handle(index)\n--\n\nThe Handle of the record in a slot; IndexError when it is empty."},
    {"insert", arena_insert, METH_VARARGS,
     "insert(record, index=None)\n--\n\nPuts a record into the lowest free slot, or into the slot "
     "of\n"
     "this index (KeyExists when it is taken); returns its Handle."},
    {"_append", arena_append, METH_O, NULL},
    {"_chunk", arena_chunk, METH_VARARGS, NULL},
    {"_reserve", arena_reserve, METH_VARARGS, NULL},
    {"_fill", arena_fill, METH_VARARGS, NULL},
    {"_diff", map_diff, METH_VARARGS, NULL},
    {"_watch", map_watch, METH_VARARGS, NULL},
    {"_alter", container_alter, METH_VARARGS, NULL},
    {"_set_codec", container_set_codec, METH_VARARGS, NULL},
    {"_info", container_info, METH_NOARGS, NULL},
    {"_arena_info", arena_info, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, arena_new},
    {Py_tp_dealloc, container_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_members, container_members},
    {Py_tp_getset, container_getset},
    {Py_mp_subscript, arena_subscript},
    {Py_mp_ass_subscript, arena_assign},
    {Py_mp_length, arena_length},
    {Py_sq_contains, arena_contains},
    {0, NULL},
};

static PyType_Spec spec = {"copse._copse.Arena", sizeof(struct map), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

int arena_types(struct state *state, PyObject *module) {
  (void)state;
  return type_add(module, &spec);
}
