/* _tuple.c - Python tuples as keys, in the encoding of copse/key.h, and back.
 *
 *     None, bool, int, float, bytes, str, uuid.UUID, datetime (with a time zone), nested tuple
 *
 * An instant comes back as a datetime in UTC. */
#include "_copse.h"

#include <string.h>

static PyObject *attribute(const char *module, const char *name) {
  PyObject *m = PyImport_ImportModule(module);
  PyObject *found = m ? PyObject_GetAttrString(m, name) : NULL;
  Py_XDECREF(m);
  return found;
}

/* --- writing ------------------------------------------------------------------------- */

static int put_integer(struct copse_key_writer *w, PyObject *number) {
  int overflow;
  long long small = PyLong_AsLongLongAndOverflow(number, &overflow);
  if (!overflow) {
    copse_key_put_i64(w, small);
    return small == -1 && PyErr_Occurred() ? RAISED : 0;
  }
  PyObject *magnitude = PyNumber_Absolute(number);
  PyObject *bits = magnitude ? PyObject_CallMethod(magnitude, "bit_length", NULL) : NULL;
  Py_ssize_t size = bits ? (PyLong_AsSsize_t(bits) + 7) / 8 : -1;
  PyObject *bytes = NULL;
  if (size > COPSE_TUPLE_BIGINT_MAX)
    PyErr_Format(PyExc_OverflowError, "an integer in a key has at most %d bytes",
                 COPSE_TUPLE_BIGINT_MAX);
  else if (size >= 0)
    bytes = PyObject_CallMethod(magnitude, "to_bytes", "ns", size, "big");
  if (bytes)
    copse_key_put_bigint(w, overflow < 0, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
  Py_XDECREF(magnitude);
  Py_XDECREF(bits);
  int result = bytes ? 0 : RAISED;
  Py_XDECREF(bytes);
  return result;
}

/* (value - 1970) // 1 microsecond, exactly. */
static int put_instant(struct state *state, struct copse_key_writer *w, PyObject *value) {
  PyObject *zone = PyObject_GetAttrString(value, "tzinfo");
  if (zone == Py_None)
    PyErr_SetString(PyExc_ValueError, "a datetime in a key needs a time zone: "
                                      "replace(tzinfo=timezone.utc)");
  PyObject *since = zone && zone != Py_None ? PyNumber_Subtract(value, state->epoch) : NULL;
  PyObject *number = since ? PyNumber_FloorDivide(since, state->microsecond) : NULL;
  int64_t us = number ? PyLong_AsLongLong(number) : -1;
  Py_XDECREF(zone);
  Py_XDECREF(since);
  Py_XDECREF(number);
  if (us == -1 && PyErr_Occurred())
    return RAISED;
  copse_key_put_instant(w, us);
  return 0;
}

static int put_elements(struct state *state, struct copse_key_writer *w, PyObject *tuple,
                        int depth);

static int put(struct state *state, struct copse_key_writer *w, PyObject *value, int depth) {
  if (value == Py_None) {
    copse_key_put_null(w);
  } else if (PyBool_Check(value)) {
    copse_key_put_bool(w, value == Py_True);
  } else if (PyLong_Check(value)) {
    return put_integer(w, value);
  } else if (PyUnicode_Check(value)) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(value, &size);
    if (!text)
      return RAISED;
    copse_key_put_text(w, text, (size_t)size);
  } else if (PyBytes_Check(value)) {
    copse_key_put_bytes(w, PyBytes_AsString(value), (size_t)PyBytes_Size(value));
  } else if (PyFloat_Check(value)) {
    copse_key_put_double(w, PyFloat_AsDouble(value));
  } else if (PyTuple_Check(value)) {
    copse_key_begin_nested(w);
    int result = put_elements(state, w, value, depth + 1);
    copse_key_end_nested(w);
    return result;
  } else if (PyIndex_Check(value)) { /* numpy's integers */
    PyObject *number = PyNumber_Index(value);
    int result = number ? put_integer(w, number) : RAISED;
    Py_XDECREF(number);
    return result;
  } else {
    int known = PyObject_IsInstance(value, state->uuid_type);
    if (known == 1) {
      PyObject *bytes = PyObject_GetAttrString(value, "bytes");
      if (bytes && PyBytes_Size(bytes) == 16)
        copse_key_put_uuid(w, (const uint8_t *)PyBytes_AsString(bytes));
      Py_XDECREF(bytes);
      return PyErr_Occurred() ? RAISED : 0;
    }
    if (known == 0)
      known = PyObject_IsInstance(value, state->datetime_type);
    if (known == 1)
      return put_instant(state, w, value);
    if (known == 0)
      PyErr_Format(PyExc_TypeError,
                   "%R cannot be part of a key; what can: None, bool, int, float, "
                   "bytes, str, UUID, datetime with a time zone, tuple",
                   Py_TYPE(value));
    return RAISED;
  }
  return 0;
}

static int put_elements(struct state *state, struct copse_key_writer *w, PyObject *tuple,
                        int depth) {
  if (depth > COPSE_TUPLE_DEPTH_MAX)
    return 0; /* the writer says so */
  Py_ssize_t count = PyTuple_Size(tuple);
  int result = 0;
  for (Py_ssize_t i = 0; i < count && !result; i++)
    result = put(state, w, PyTuple_GetItem(tuple, i), depth);
  return result;
}

/* A bytes object with `extra` bytes behind the key. */
PyObject *tuple_pack(struct state *state, PyObject *tuple, size_t extra, size_t *size) {
  uint8_t memory[COPSE_KEY_MAX];
  struct copse_key_writer w;
  PyObject *packed = NULL;
  if (!PyTuple_Check(tuple)) {
    PyObject *raw = PyObject_CallMethod(tuple, "to_raw", NULL);
    if (raw && PyBytes_Check(raw) && extra == 0) {
      *size = (size_t)PyBytes_Size(raw);
      return raw;
    }
    if (raw && PyBytes_Check(raw)) {
      *size = (size_t)PyBytes_Size(raw);
      packed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(*size + extra));
      if (packed)
        memcpy(PyBytes_AsString(packed), PyBytes_AsString(raw), *size);
    } else if (raw || PyErr_ExceptionMatches(PyExc_AttributeError)) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError, "the key is a tuple here, not %R; one element: (x,)",
                   Py_TYPE(tuple));
    }
    Py_XDECREF(raw);
    return packed;
  }
  copse_key_write(&w, memory, sizeof memory, 0);
  int result = put_elements(state, &w, tuple, 0);
  if (!result)
    result = copse_key_finish(&w, size);
  if (result)
    return raise_result(state, result);
  packed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(*size + extra));
  if (packed)
    memcpy(PyBytes_AsString(packed), memory, *size);
  return packed;
}

/* --- reading ------------------------------------------------------------------------- */

static PyObject *instant(struct state *state, int64_t us) {
  PyObject *number = PyLong_FromLongLong(us);
  PyObject *since = number ? PyNumber_Multiply(state->microsecond, number) : NULL;
  PyObject *value = since ? PyNumber_Add(state->epoch, since) : NULL;
  Py_XDECREF(number);
  Py_XDECREF(since);
  return value;
}

static PyObject *string(const struct copse_element *e) {
  PyObject *bytes = PyBytes_FromStringAndSize(e->escaped ? NULL : e->data, (Py_ssize_t)e->size);
  if (bytes && e->escaped) {
    size_t size = copse_element_bytes(e, PyBytes_AsString(bytes));
    PyObject *whole = PyBytes_FromStringAndSize(PyBytes_AsString(bytes), (Py_ssize_t)size);
    Py_DECREF(bytes);
    bytes = whole;
  }
  return bytes;
}

static PyObject *element(struct state *state, const struct copse_element *e) {
  PyObject *bytes, *value;
  switch (e->type) {
  case COPSE_ELEMENT_NULL: return Py_NewRef(Py_None);
  case COPSE_ELEMENT_BYTES: return string(e);
  case COPSE_ELEMENT_INT: return PyLong_FromLongLong(e->i64);
  case COPSE_ELEMENT_UINT: return PyLong_FromUnsignedLongLong(e->u64);
  case COPSE_ELEMENT_FLOAT:
  case COPSE_ELEMENT_DOUBLE: return PyFloat_FromDouble(e->f64);
  case COPSE_ELEMENT_BOOL: return PyBool_FromLong((long)e->i64);
  case COPSE_ELEMENT_INSTANT: return instant(state, e->i64);
  case COPSE_ELEMENT_TEXT:
    if (!e->escaped)
      return PyUnicode_DecodeUTF8(e->data, (Py_ssize_t)e->size, NULL);
    bytes = string(e);
    value = bytes ? PyUnicode_FromEncodedObject(bytes, "utf-8", NULL) : NULL;
    Py_XDECREF(bytes);
    return value;
  case COPSE_ELEMENT_UUID:
    return PyObject_CallFunction(state->uuid_type, "Oy#", Py_None, e->data, (Py_ssize_t)16);
  default: /* BIGINT */
    bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)e->size);
    if (!bytes)
      return NULL;
    copse_element_bytes(e, PyBytes_AsString(bytes));
    value = PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "Os", bytes, "big");
    Py_DECREF(bytes);
    if (value && e->negative) {
      PyObject *negative = PyNumber_Negative(value);
      Py_DECREF(value);
      value = negative;
    }
    return value;
  }
}

PyObject *tuple_unpack(struct state *state, const void *data, size_t size) {
  struct copse_key_reader reader = {.data = data, .size = size};
  struct copse_element e;
  PyObject *lists[COPSE_TUPLE_DEPTH_MAX + 2] = {PyList_New(0)};
  int depth = 0, result = 0;
  while (lists[depth] && (result = copse_key_next(&reader, &e)) == 0) {
    PyObject *value;
    if (e.type == COPSE_ELEMENT_NESTED) {
      lists[++depth] = PyList_New(0);
      continue;
    }
    if (e.type == COPSE_ELEMENT_END) {
      value = PyList_AsTuple(lists[depth]);
      Py_DECREF(lists[depth]);
      depth--;
    } else {
      value = element(state, &e);
    }
    if (!value || PyList_Append(lists[depth], value)) {
      Py_XDECREF(value);
      break;
    }
    Py_DECREF(value);
  }
  PyObject *tuple = NULL;
  if (result == COPSE_NONE)
    tuple = PyList_AsTuple(lists[0]);
  else if (result)
    raise_result(state, result);
  for (; depth >= 0; depth--)
    Py_XDECREF(lists[depth]);
  return tuple;
}

PyObject *module_pack(PyObject *module, PyObject *tuple) {
  size_t size;
  return tuple_pack(PyModule_GetState(module), tuple, 0, &size);
}

PyObject *module_unpack(PyObject *module, PyObject *object) {
  struct argument argument;
  if (argument_bytes(object, &argument, "an encoded key"))
    return NULL;
  PyObject *tuple = tuple_unpack(PyModule_GetState(module), argument.data, argument.size);
  argument_clear(&argument);
  return tuple;
}

int tuple_init(struct state *state) {
  PyObject *type = attribute("datetime", "datetime");
  PyObject *zone = attribute("datetime", "timezone");
  PyObject *delta = attribute("datetime", "timedelta");
  PyObject *utc = zone ? PyObject_GetAttrString(zone, "utc") : NULL;
  if (type && utc && delta) {
    state->epoch = PyObject_CallFunction(type, "iiiiiiiO", 1970, 1, 1, 0, 0, 0, 0, utc);
    state->microsecond = PyObject_CallFunction(delta, "iii", 0, 0, 1);
    state->datetime_type = Py_NewRef(type);
    state->uuid_type = attribute("uuid", "UUID");
  }
  Py_XDECREF(type);
  Py_XDECREF(zone);
  Py_XDECREF(delta);
  Py_XDECREF(utc);
  return state->epoch && state->microsecond && state->uuid_type ? 0 : -1;
}
