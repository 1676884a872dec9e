/* _many.c - many keys and values at once, without the GIL.
 *
 * Keys and values come as columns: rows of one size in a buffer, or sequences of objects, whose bytes
 * are packed into memory of our own first. */
#include "_copse.h"

#include <string.h>

struct column {
  Py_ssize_t count;
  size_t stride; /* bytes of a row; 0: packed, see ends */
  const uint8_t *data;
  Py_buffer buffer;
  uint8_t *packed;
  size_t used, room;
  size_t *ends; /* row i is from ends[i - 1] to ends[i] */
};

enum { ROWS_BETWEEN_SIGNALS = 1 << 15 };

static void column_clear(struct column *column) {
  if (column->buffer.obj)
    PyBuffer_Release(&column->buffer);
  PyMem_Free(column->packed);
  PyMem_Free(column->ends);
}

static struct copse_bytes row(const struct column *column, Py_ssize_t i) {
  if (column->stride)
    return (struct copse_bytes){column->data + (size_t)i * column->stride, column->stride};
  size_t begin = i ? column->ends[i - 1] : 0;
  return (struct copse_bytes){column->packed + begin, column->ends[i] - begin};
}

static int append(struct column *column, Py_ssize_t i, const struct argument *argument) {
  if (argument->size > column->room - column->used) {
    size_t room = (column->room + argument->size) * 2;
    uint8_t *packed = PyMem_Realloc(column->packed, room);
    if (!packed) {
      PyErr_NoMemory();
      return RAISED;
    }
    column->packed = packed;
    column->room = room;
  }
  if (argument->size)
    memcpy(column->packed + column->used, argument->data, argument->size);
  column->used += argument->size;
  column->ends[i] = column->used;
  return 0;
}

/* rows: (buffer, bytes of a row), or a sequence of which each item is encoded: as a key when map is
 * given, else as a value. */
static int column_init(struct column *column, PyObject *rows, const struct handle *handle,
                       bool keys) {
  memset(column, 0, sizeof *column);
  PyObject *buffer;
  Py_ssize_t stride;
  if (PyTuple_Check(rows) && PyArg_ParseTuple(rows, "On", &buffer, &stride) && stride > 0) {
    if (PyObject_GetBuffer(buffer, &column->buffer, PyBUF_C_CONTIGUOUS)) {
      column->buffer.obj = NULL;
      return RAISED;
    }
    column->data = column->buffer.buf;
    column->stride = (size_t)stride;
    column->count = column->buffer.len / stride;
    return 0;
  }
  if (!PyList_Check(rows)) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_TypeError, "a list is expected, or (buffer, bytes of a row)");
    return RAISED;
  }
  column->count = PyList_Size(rows);
  column->room = 64;
  column->packed = PyMem_Malloc(column->room);
  column->ends = PyMem_Malloc(((size_t)column->count + 1) * sizeof *column->ends);
  if (!column->packed || !column->ends) {
    PyErr_NoMemory();
    column_clear(column);
    return RAISED;
  }
  for (Py_ssize_t i = 0; i < column->count; i++) {
    struct argument argument;
    PyObject *item = PyList_GetItem(rows, i); /* foreign code may have made it shorter */
    int result = !item  ? RAISED
                 : keys ? key_encode(handle, item, &argument)
                        : codec_encode(&handle->codec, item, &argument);
    if (!result) {
      result = append(column, i, &argument);
      argument_clear(&argument);
    }
    if (result) {
      column_clear(column);
      return RAISED;
    }
  }
  return 0;
}

/* --- writing ------------------------------------------------------------------------- */

static int put_rows(struct map *self, struct access *access, const struct column *keys,
                    const struct column *values, uint32_t flags) {
  int result = 0;
  for (Py_ssize_t i = 0; i < keys->count && result >= 0;) {
    Py_ssize_t end = i + ROWS_BETWEEN_SIGNALS;
    if (end > keys->count)
      end = keys->count;
    Py_BEGIN_ALLOW_THREADS
    for (; i < end && result >= 0; i++) {
      struct copse_bytes key = row(keys, i), value = row(values, i);
      result = copse_put(access->txn, self->handle->map, key.data, key.size, value.data, value.size,
                         flags);
    }
    Py_END_ALLOW_THREADS
    if (result >= 0 && PyErr_CheckSignals())
      result = RAISED;
  }
  return result > 0 ? 0 : result;
}

/* _put_many(keys, values, flags): all of them or, when something is wrong, none. */
PyObject *map_put_many(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct handle *handle = self->handle;
  struct column keys, values;
  struct access access;
  PyObject *k, *v;
  unsigned flags;
  if (!PyArg_ParseTuple(args, "OOI", &k, &v, &flags) || column_init(&keys, k, handle, true))
    return NULL;
  if (column_init(&values, v, handle, false)) {
    column_clear(&keys);
    return NULL;
  }
  int result = RAISED;
  if (keys.count != values.count) {
    PyErr_Format(PyExc_ValueError, "there are %zd keys and %zd values", keys.count, values.count);
  } else if (!(result = access_write(self, &access))) {
    bool marked = access.view != NULL;
    result = marked ? copse_savepoint(access.txn) : 0;
    if (!result) {
      result = put_rows(self, &access, &keys, &values, flags);
      int other = 0;
      if (marked && result)
        other = copse_savepoint_rollback(access.txn);
      if (marked && !other)
        other = copse_savepoint_release(access.txn);
      result = result ? result : other;
    }
    result = access_end(&access, result);
  }
  column_clear(&keys);
  column_clear(&values);
  return result ? raise_result(handle->store->state, result) : Py_NewRef(Py_None);
}

/* --- reading ------------------------------------------------------------------------- */

/* found[i].data is NULL where keys[i] is not there. */
static int look_up(struct map *self, struct access *access, const struct column *keys,
                   struct copse_bytes *found) {
  struct copse_bytes *wanted = PyMem_Malloc(((size_t)keys->count + 1) * sizeof *wanted);
  if (!wanted) {
    PyErr_NoMemory();
    return RAISED;
  }
  int result;
  Py_BEGIN_ALLOW_THREADS
  for (Py_ssize_t i = 0; i < keys->count; i++)
    wanted[i] = row(keys, i);
  result =
      copse_multiget(access->reads, self->handle->map, (size_t)keys->count, wanted, found, NULL);
  Py_END_ALLOW_THREADS
  PyMem_Free(wanted);
  return result;
}

/* A tuple of the values' copies; missing ones are the given object. */
static PyObject *copies(struct handle *handle, const struct copse_bytes *found, Py_ssize_t count,
                        PyObject *missing) {
  PyObject **items = PyMem_Malloc(((size_t)count + 1) * sizeof *items);
  if (!items)
    return PyErr_NoMemory();
  Py_ssize_t i = 0;
  for (; i < count; i++) {
    items[i] = found[i].data ? value_copy(handle, found[i]) : Py_NewRef(missing);
    if (!items[i])
      break;
  }
  PyObject *list = NULL;
  if (i == count) {
    list = PyTuple_New(count);
    for (Py_ssize_t j = 0; list && j < count; j++)
      PyTuple_SetItem(list, j, Py_NewRef(items[j]));
  }
  while (i-- > 0)
    Py_DECREF(items[i]);
  PyMem_Free(items);
  return list;
}

/* _multiget(keys, default) */
PyObject *map_multiget(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct handle *handle = self->handle;
  struct column keys;
  struct access access;
  PyObject *k, *missing, *values = NULL;
  if (!PyArg_ParseTuple(args, "OO", &k, &missing) || column_init(&keys, k, handle, true))
    return NULL;
  struct copse_bytes *found = PyMem_Malloc(((size_t)keys.count + 1) * sizeof *found);
  int result = RAISED;
  if (!found)
    PyErr_NoMemory();
  else if (!(result = access_read(self, &access))) {
    result = look_up(self, &access, &keys, found);
    if (!result)
      values = copies(handle, found, keys.count, missing);
    result = access_end(&access, result);
  }
  if (result) {
    Py_CLEAR(values);
    raise_result(handle->store->state, result);
  }
  bool finish = values && handle->codec.kind > CODEC_ARRAY;
  for (Py_ssize_t i = 0; finish && i < keys.count; i++)
    if (found[i].data) {
      PyObject *value = value_finish(handle, Py_NewRef(PyTuple_GetItem(values, i)));
      if (!value || PyTuple_SetItem(values, i, value)) {
        Py_CLEAR(values);
        break;
      }
    }
  PyMem_Free(found);
  column_clear(&keys);
  return values;
}

/* _gather(keys, out): the values beside one another in a buffer. Returns the number of the first
 * key that is not there, or -1. */
PyObject *map_gather(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct handle *handle = self->handle;
  struct column keys;
  struct access access;
  Py_buffer out;
  PyObject *k, *o;
  if (!PyArg_ParseTuple(args, "OO", &k, &o) || column_init(&keys, k, handle, true))
    return NULL;
  if (PyObject_GetBuffer(o, &out, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)) {
    column_clear(&keys);
    return NULL;
  }
  size_t size = handle->codec.size;
  Py_ssize_t missing = -1;
  struct copse_bytes *found = PyMem_Malloc(((size_t)keys.count + 1) * sizeof *found);
  int result = RAISED;
  if (!found)
    PyErr_NoMemory();
  else if (!size || (size_t)out.len < size * (size_t)keys.count)
    PyErr_Format(PyExc_ValueError, "out is too small: %zd bytes for %zd values of %zu", out.len,
                 keys.count, size);
  else if (!(result = access_read(self, &access))) {
    result = look_up(self, &access, &keys, found);
    if (!result) {
      Py_BEGIN_ALLOW_THREADS
      for (Py_ssize_t i = 0; i < keys.count && missing < 0; i++) {
        if (!found[i].data || found[i].size != size)
          missing = i;
        else
          memcpy((uint8_t *)out.buf + (size_t)i * size, found[i].data, size);
      }
      Py_END_ALLOW_THREADS
    }
    result = access_end(&access, result);
  }
  PyMem_Free(found);
  PyBuffer_Release(&out);
  column_clear(&keys);
  return result ? raise_result(handle->store->state, result) : PyLong_FromSsize_t(missing);
}
