/* _codec.c - values and keys: from Python objects to bytes and back.
 *
 * A codec is made from a tuple that copse._types builds: (kind, size, field, dtype, format, encode,
 * decode, shape). Where the value has the right form already, its bytes are taken without a call
 * into Python; everything else goes through encode(), which converts or says what is wrong. */
#include "_copse.h"

#include <string.h>

/* --- arguments ----------------------------------------------------------------------- */

void argument_clear(struct argument *argument) {
  if (argument->buffer.obj)
    PyBuffer_Release(&argument->buffer);
  Py_CLEAR(argument->owner);
}

int argument_bytes(PyObject *object, struct argument *argument, const char *what) {
  memset(argument, 0, sizeof *argument);
  if (PyBytes_Check(object)) {
    argument->owner = Py_NewRef(object);
    argument->data = PyBytes_AsString(object);
    argument->size = (size_t)PyBytes_Size(object);
    return 0;
  }
  if (PyObject_GetBuffer(object, &argument->buffer, PyBUF_SIMPLE) == 0) {
    static const char nothing[1];
    argument->data = argument->buffer.buf ? argument->buffer.buf : nothing;
    argument->size = (size_t)argument->buffer.len;
    return 0;
  }
  argument->buffer.obj = NULL;
  if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_BufferError))
    return RAISED;
  PyErr_Clear();
  PyErr_Format(PyExc_TypeError, "%s is bytes (or a contiguous buffer) here, not %R%s", what,
               Py_TYPE(object), PyUnicode_Check(object) ? "; encode() the text" : "");
  return RAISED;
}

/* --- keys ---------------------------------------------------------------------------- */

static int encode_u64(PyObject *key, struct argument *argument) {
  memset(argument, 0, sizeof *argument);
  PyObject *number = PyLong_CheckExact(key) ? Py_NewRef(key) : PyNumber_Index(key);
  if (!number) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_Format(PyExc_TypeError, "the key is an integer here (uint64), not %R", Py_TYPE(key));
    return RAISED;
  }
  uint64_t value = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  if (value == UINT64_MAX && PyErr_Occurred()) {
    PyErr_Clear();
    PyErr_Format(PyExc_OverflowError, "the key is from 0 to 2**64 - 1 here, not %R", key);
    return RAISED;
  }
  copse_key_u64(value, argument->small.bytes);
  argument->data = argument->small.bytes;
  argument->size = 8;
  return 0;
}

int key_encode(const struct handle *handle, PyObject *key, struct argument *argument) {
  if (handle->keys == KEYS_BYTES)
    return argument_bytes(key, argument, "the key");
  if (handle->keys == KEYS_U64)
    return encode_u64(key, argument);
  memset(argument, 0, sizeof *argument);
  argument->owner = tuple_pack(handle->store->state, key, 0, &argument->size);
  if (!argument->owner)
    return RAISED;
  argument->data = PyBytes_AsString(argument->owner);
  return 0;
}

PyObject *key_copy(const struct handle *handle, struct copse_bytes key) {
  if (handle->keys == KEYS_U64 && key.size == 8)
    return PyLong_FromUnsignedLongLong(copse_key_to_u64(key.data));
  return PyBytes_FromStringAndSize(key.data, (Py_ssize_t)key.size);
}

PyObject *key_finish(const struct handle *handle, PyObject *copy) {
  if (!copy || handle->keys != KEYS_TUPLE)
    return copy;
  PyObject *tuple =
      tuple_unpack(handle->store->state, PyBytes_AsString(copy), (size_t)PyBytes_Size(copy));
  Py_DECREF(copy);
  return tuple;
}

/* --- scalars ------------------------------------------------------------------------- */

static int encode_integer(const struct codec *self, PyObject *value, struct argument *argument) {
  unsigned bits = self->size * 8;
  bool is_signed = self->field % 2 == 0; /* u8 is 1, i8 is 2, and so on */
  PyObject *number = PyNumber_Index(value);
  if (!number) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_Format(PyExc_TypeError, "the value is an integer here (%s), not %R",
                   copse_field_kind_name(self->field), Py_TYPE(value));
    return RAISED;
  }
  uint64_t word;
  bool fits;
  if (is_signed) {
    int64_t v = PyLong_AsLongLong(number);
    fits = !(v == -1 && PyErr_Occurred()) &&
           (bits == 64 || (v >= -(INT64_C(1) << (bits - 1)) && v < INT64_C(1) << (bits - 1)));
    word = (uint64_t)v;
  } else {
    word = PyLong_AsUnsignedLongLong(number);
    fits = !(word == UINT64_MAX && PyErr_Occurred()) && (bits == 64 || word >> bits == 0);
  }
  Py_DECREF(number);
  if (!fits) {
    PyErr_Clear();
    PyErr_Format(PyExc_OverflowError, "the value %R does not fit into %s", value,
                 copse_field_kind_name(self->field));
    return RAISED;
  }
  argument->small.u64 = word; /* little-endian: the low bytes are the narrow number */
  return 0;
}

static int encode_number(const struct codec *self, PyObject *value, struct argument *argument) {
  double real, imaginary = 0;
  bool complex = self->field == COPSE_FIELD_c32 || self->field == COPSE_FIELD_c64;
  if (complex) {
    real = PyComplex_RealAsDouble(value);
    if (PyComplex_Check(value))
      imaginary = PyComplex_ImagAsDouble(value);
    else if (!PyFloat_Check(value) && !PyLong_Check(value)) {
      PyErr_Clear();
      PyObject *converted = PyObject_CallFunction((PyObject *)&PyComplex_Type, "O", value);
      if (!converted)
        return RAISED;
      real = PyComplex_RealAsDouble(converted);
      imaginary = PyComplex_ImagAsDouble(converted);
      Py_DECREF(converted);
    }
  } else {
    real = PyFloat_AsDouble(value);
  }
  if (real == -1.0 && PyErr_Occurred()) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError, "the value is a number here (%s), not %R",
                   copse_field_kind_name(self->field), Py_TYPE(value));
    }
    return RAISED;
  }
  if (self->field == COPSE_FIELD_f64 || self->field == COPSE_FIELD_c64) {
    argument->small.f64[0] = real;
    argument->small.f64[1] = imaginary;
  } else {
    float parts[2] = {(float)real, (float)imaginary};
    memcpy(argument->small.bytes, parts, sizeof parts);
  }
  return 0;
}

static PyObject *decode_scalar(uint32_t field, const void *data) {
#define DECODE(kind, type, make)                                                                   \
  case COPSE_FIELD_##kind: {                                                                       \
    type v;                                                                                        \
    memcpy(&v, data, sizeof v);                                                                    \
    return make;                                                                                   \
  }
  switch (field) {
    DECODE(u8, uint8_t, PyLong_FromLong(v))
    DECODE(i8, int8_t, PyLong_FromLong(v))
    DECODE(u16, uint16_t, PyLong_FromLong(v))
    DECODE(i16, int16_t, PyLong_FromLong(v))
    DECODE(u32, uint32_t, PyLong_FromUnsignedLong(v))
    DECODE(i32, int32_t, PyLong_FromLong(v))
    DECODE(u64, uint64_t, PyLong_FromUnsignedLongLong(v))
    DECODE(i64, int64_t, PyLong_FromLongLong(v))
    DECODE(f32, float, PyFloat_FromDouble((double)v))
    DECODE(f64, double, PyFloat_FromDouble(v))
  case COPSE_FIELD_c64: {
    double part[2];
    memcpy(part, data, sizeof part);
    return PyComplex_FromDoubles(part[0], part[1]);
  }
  default: {
    float part[2]; /* c32 */
    memcpy(part, data, sizeof part);
    return PyComplex_FromDoubles((double)part[0], (double)part[1]);
  }
  }
#undef DECODE
}

/* --- arrays -------------------------------------------------------------------------- */

/* An array of the right type and shape is taken as it is. 1: it was. */
static int encode_exact(const struct codec *self, PyObject *value, struct argument *argument) {
  if ((argument->data = numpy_data(self, value)) != NULL) {
    argument->size = self->size;
    argument->owner = Py_NewRef(value);
    return 1;
  }
  if (!PyObject_CheckBuffer(value))
    return 0;
  if (PyObject_GetBuffer(value, &argument->buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)) {
    argument->buffer.obj = NULL;
    PyErr_Clear();
    return 0;
  }
  const Py_buffer *b = &argument->buffer;
  bool same = b->format && (size_t)b->len == self->size && b->ndim == self->dimensions &&
              strcmp(b->format, PyBytes_AsString(self->format)) == 0;
  for (int i = 0; same && i < b->ndim; i++)
    same = b->shape[i] == self->shape[i];
  if (!same) {
    PyBuffer_Release(&argument->buffer);
    argument->buffer.obj = NULL;
    return 0;
  }
  argument->data = b->buf;
  argument->size = self->size;
  return 1;
}

static int encode_by_call(const struct codec *self, PyObject *value, struct argument *argument) {
  PyObject *record = PyObject_CallFunctionObjArgs(self->encode, value, NULL);
  if (!record)
    return RAISED;
  int result = argument_bytes(record, argument, "the record");
  Py_DECREF(record);
  if (!result && argument->size != self->size) {
    PyErr_Format(PyExc_ValueError, "the record has %zu bytes, and the map's have %u",
                 argument->size, (unsigned)self->size);
    argument_clear(argument);
    result = RAISED;
  }
  return result;
}

int codec_encode(const struct codec *self, PyObject *value, struct argument *argument) {
  if (self->kind == CODEC_BYTES)
    return argument_bytes(value, argument, "the value");
  memset(argument, 0, sizeof *argument);
  if (self->kind == CODEC_SCALAR) {
    argument->data = argument->small.bytes;
    argument->size = self->size;
    return self->field <= COPSE_FIELD_i64 ? encode_integer(self, value, argument)
                                          : encode_number(self, value, argument);
  }
  if (self->kind == CODEC_ARRAY && encode_exact(self, value, argument))
    return 0;
  return encode_by_call(self, value, argument);
}

PyObject *codec_decode(struct state *state, const struct codec *self, const void *data,
                       size_t size) {
  if (self->kind == CODEC_BYTES)
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
  if (size != self->size) /* the library has looked; never to be trusted all the same */
    return raise_result(state, COPSE_E_VALUE_SIZE);
  if (self->kind == CODEC_SCALAR)
    return decode_scalar(self->field, data);
  if (self->kind == CODEC_STRUCT) {
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    PyObject *value = bytes ? PyObject_CallFunctionObjArgs(self->decode, bytes, NULL) : NULL;
    Py_XDECREF(bytes);
    return value;
  }
  void *memory;
  PyObject *array = numpy_array(state, self->type, self->dimensions, self->shape, &memory);
  if (array)
    memcpy(memory, data, size);
  if (!array || self->kind == CODEC_ARRAY)
    return array;
  PyObject *record = PyObject_GetItem(array, state->empty_tuple);
  Py_DECREF(array);
  return record;
}

/* --- making them --------------------------------------------------------------------- */

void codec_clear(struct codec *self) {
  Py_CLEAR(self->type);
  Py_CLEAR(self->format);
  Py_CLEAR(self->encode);
  Py_CLEAR(self->decode);
}

int codec_init(struct state *state, struct codec *self, PyObject *spec) {
  int kind;
  unsigned size, field;
  PyObject *type, *format, *encode, *decode, *shape;
  if (!PyArg_ParseTuple(spec, "iIIOOOOO!", &kind, &size, &field, &type, &format, &encode, &decode,
                        &PyTuple_Type, &shape))
    return RAISED;
  Py_ssize_t dimensions = PyTuple_Size(shape);
  if (dimensions > CODEC_DIMENSIONS) {
    PyErr_Format(PyExc_ValueError, "an array in a record has at most %d dimensions",
                 CODEC_DIMENSIONS);
    return RAISED;
  }
  for (Py_ssize_t i = 0; i < dimensions; i++) {
    self->shape[i] = PyLong_AsSsize_t(PyTuple_GetItem(shape, i));
    if (PyErr_Occurred())
      return RAISED;
  }
  if (kind == CODEC_ARRAY && !(self->array_type = numpy_array_type(state)))
    return RAISED;
  self->dimensions = (int)dimensions;
  self->kind = (enum codec_kind)kind;
  self->size = size;
  self->field = field;
  self->type = Py_NewRef(type);
  self->format = Py_NewRef(format);
  self->encode = Py_NewRef(encode);
  self->decode = Py_NewRef(decode);
  return 0;
}
