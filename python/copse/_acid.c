/* _acid.c - keys of Acid (copse/acid.h) for copse.compat.acid: lists of tuples of None, bool, int, bytes, str
 * and UUID. A point in time is a tuple (microseconds since 1970 UTC, offset from UTC in seconds). */
#include "_copse.h"

#include <stdlib.h>

/* --- writing ------------------------------------------------------------------------- */

static int put_int(struct copse_key_writer *w, PyObject *value) {
  PyObject *zero = PyLong_FromLong(0);
  int negative = zero ? PyObject_RichCompareBool(value, zero, Py_LT) : -1;
  PyObject *magnitude = negative >= 0 ? PyNumber_Absolute(value) : NULL;
  uint64_t number = magnitude ? PyLong_AsUnsignedLongLong(magnitude) : UINT64_MAX;
  Py_XDECREF(zero);
  Py_XDECREF(magnitude);
  if (number == UINT64_MAX && PyErr_Occurred())
    return RAISED;
  copse_acid_put_int(w, negative, number);
  return 0;
}

static int put_time(struct copse_key_writer *w, PyObject *value) {
  long long us;
  int zone_s;
  if (!PyArg_ParseTuple(value, "Li", &us, &zone_s))
    return RAISED;
  copse_acid_put_time(w, us, zone_s);
  return 0;
}

/* Exactly these types, as Acid has it. */
static int put(struct state *state, struct copse_key_writer *w, PyObject *value) {
  if (value == Py_None) {
    copse_acid_put_null(w);
  } else if (PyBool_Check(value)) {
    copse_acid_put_bool(w, value == Py_True);
  } else if (PyLong_CheckExact(value)) {
    return put_int(w, value);
  } else if (PyBytes_CheckExact(value)) {
    copse_acid_put_bytes(w, PyBytes_AsString(value), (size_t)PyBytes_Size(value));
  } else if (PyUnicode_CheckExact(value)) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(value, &size);
    if (!text)
      return RAISED;
    copse_acid_put_text(w, text, (size_t)size);
  } else if (PyTuple_CheckExact(value)) {
    return put_time(w, value);
  } else if ((PyObject *)Py_TYPE(value) == state->uuid_type) {
    PyObject *bytes = PyObject_GetAttrString(value, "bytes");
    if (bytes && PyBytes_Size(bytes) == 16)
      copse_acid_put_uuid(w, (const uint8_t *)PyBytes_AsString(bytes));
    Py_XDECREF(bytes);
    return PyErr_Occurred() ? RAISED : 0;
  } else {
    PyErr_Format(PyExc_TypeError, "%R cannot be part of a key of Acid", Py_TYPE(value));
    return RAISED;
  }
  return 0;
}

static int put_list(struct state *state, struct copse_key_writer *w, PyObject *list) {
  int result = 0;
  for (Py_ssize_t i = 0; i < PyList_Size(list) && !result; i++) {
    PyObject *tuple = PyList_GetItem(list, i);
    if (i > 0)
      copse_acid_next_tuple(w);
    if (!PyTuple_Check(tuple)) {
      PyErr_SetString(PyExc_TypeError, "a list of tuples was expected");
      return RAISED;
    }
    for (Py_ssize_t k = 0; k < PyTuple_Size(tuple) && !result; k++)
      result = put(state, w, PyTuple_GetItem(tuple, k));
  }
  return result;
}

PyObject *module_acid_pack(PyObject *module, PyObject *list) {
  struct state *state = PyModule_GetState(module);
  struct copse_key_writer w;
  size_t size;
  if (!PyList_Check(list) || PyList_Size(list) == 0) {
    PyErr_SetString(PyExc_TypeError, "a list of at least one tuple was expected");
    return NULL;
  }
  copse_key_write(&w, NULL, 0, 0); /* how large is it? */
  if (put_list(state, &w, list))
    return NULL;
  if (w.result) /* what is wrong was told then; the detail is still there */
    return raise_result(state, w.result);
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)w.size);
  if (!bytes)
    return NULL;
  copse_key_write(&w, PyBytes_AsString(bytes), w.size, 0);
  int result = put_list(state, &w, list);
  if (!result)
    result = copse_key_finish(&w, &size);
  if (result) {
    Py_DECREF(bytes);
    return raise_result(state, result);
  }
  return bytes;
}

/* --- reading ------------------------------------------------------------------------- */

static PyObject *string(struct state *state, const struct copse_element *e) {
  size_t size;
  PyObject *value = NULL;
  char *memory = malloc(e->size + 1);
  if (!memory)
    return PyErr_NoMemory();
  int result = copse_acid_bytes(e, memory, &size);
  if (result)
    raise_result(state, result);
  else if (e->type == COPSE_ELEMENT_TEXT)
    value = PyUnicode_DecodeUTF8(memory, (Py_ssize_t)size, NULL);
  else
    value = PyBytes_FromStringAndSize(memory, (Py_ssize_t)size);
  free(memory);
  return value;
}

static PyObject *element(struct state *state, const struct copse_element *e, int32_t zone_s) {
  uint8_t magnitude[8];
  switch (e->type) {
  case COPSE_ELEMENT_NULL: return Py_NewRef(Py_None);
  case COPSE_ELEMENT_BOOL: return PyBool_FromLong((long)e->i64);
  case COPSE_ELEMENT_INT: return PyLong_FromLongLong(e->i64);
  case COPSE_ELEMENT_UINT: return PyLong_FromUnsignedLongLong(e->u64);
  case COPSE_ELEMENT_BIGINT: {
    copse_element_bytes(e, magnitude);
    PyObject *number = PyLong_FromUnsignedLongLong(copse_key_to_u64(magnitude));
    PyObject *negative = number ? PyNumber_Negative(number) : NULL;
    Py_XDECREF(number);
    return negative;
  }
  case COPSE_ELEMENT_UUID:
    return PyObject_CallFunction(state->uuid_type, "Oy#", Py_None, e->data, (Py_ssize_t)16);
  case COPSE_ELEMENT_INSTANT: return Py_BuildValue("Li", (long long)e->i64, (int)zone_s);
  default: return string(state, e);
  }
}

/* The elements of the next tuple; *more: another one follows. */
static PyObject *read_tuple(struct state *state, struct copse_key_reader *reader, bool *more) {
  struct copse_element e;
  int32_t zone_s = 0;
  PyObject *elements = PyList_New(0), *tuple;
  int result = 0;
  *more = false;
  while (elements && (result = copse_acid_next(reader, &e, &zone_s)) == 0 &&
         !(*more = e.type == COPSE_ELEMENT_END)) {
    PyObject *value = element(state, &e, zone_s);
    if (!value || PyList_Append(elements, value))
      Py_CLEAR(elements);
    Py_XDECREF(value);
  }
  if (elements && result < 0) {
    raise_result(state, result);
    Py_CLEAR(elements);
  }
  tuple = elements ? PyList_AsTuple(elements) : NULL;
  Py_XDECREF(elements);
  return tuple;
}

PyObject *module_acid_unpack(PyObject *module, PyObject *object) {
  struct state *state = PyModule_GetState(module);
  struct argument argument;
  if (argument_bytes(object, &argument, "an encoded key"))
    return NULL;
  struct copse_key_reader reader = {.data = argument.data, .size = argument.size};
  PyObject *list = PyList_New(0);
  for (bool more = true; list && more;) {
    PyObject *tuple = read_tuple(state, &reader, &more);
    if (!tuple || PyList_Append(list, tuple))
      Py_CLEAR(list);
    Py_XDECREF(tuple);
  }
  argument_clear(&argument);
  return list;
}
