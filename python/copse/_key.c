/* _key.c - copse.Key: an encoded tuple, an immutable sequence of its elements.
 *
 * The bytes lie in one of three places:
 *
 *     private   behind the object, in its own allocation
 *     shared    in the memory of a source of memsink, which the key listens to and keeps alive
 *     copied    in memory that memsink gave when the source took its own back; of a size that does not fit
 *               where the node was, else the key is private then
 *
 * so that a key takes one allocation. A key that exports a buffer copies its bytes before. Keys are not tracked
 * by the cycle collector: they refer to their source only.
 *
 * When there was no memory to move to, the bytes are lost: reading them raises MemoryError. */
#include "_copse.h"

#include <memsink.h>

#include <string.h>

enum mode { PRIVATE, SHARED, COPIED };

struct key {
  PyObject_VAR_HEAD uint32_t size;
  uint32_t mode;
  union { /* as large as the object was made */
    uint8_t bytes[1];
    struct {
      const uint8_t *data; /* COPIED: NULL: lost */
      PyObject *source;
      struct ms_node node;
    } lent;
    struct {
      uint8_t *data;
      struct ms_block *block; /* NULL: of PyMem_Malloc() */
    } own;
  };
};

#define KEY_SIZE_MAX 65535
#define SEPARATOR 0x66 /* between the keys of a list: no code of an element */

static const size_t lent_size = sizeof(((struct key *)0)->lent);

static struct key *key_alloc(PyTypeObject *type, size_t size, size_t room) {
  if (size > KEY_SIZE_MAX) {
    PyErr_Format(PyExc_ValueError, "a key of %zu bytes; the most is %d", size, KEY_SIZE_MAX);
    return NULL;
  }
  struct key *self = (struct key *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(
      type, (Py_ssize_t)(room > sizeof self->own ? room : sizeof self->own));
  if (self)
    self->size = (uint32_t)size;
  return self;
}

static PyObject *key_private(PyTypeObject *type, const void *data, size_t size) {
  struct key *self = key_alloc(type, size, size);
  if (self && size)
    memcpy(self->bytes, data, size);
  return (PyObject *)self;
}

static PyObject *key_shared(PyTypeObject *type, PyObject *source, const void *data, size_t size) {
  struct key *self = key_alloc(type, size, lent_size);
  if (self && ms_listen(source, (PyObject *)self))
    Py_CLEAR(self);
  if (self) {
    self->mode = SHARED;
    self->lent.data = data;
    self->lent.source = Py_NewRef(source);
  }
  return (PyObject *)self;
}

/* Its bytes; RAISED when they are lost. */
static int key_bytes(const struct key *self, struct copse_bytes *bytes) {
  const void *data = self->mode == PRIVATE ? self->bytes : self->lent.data;
  *bytes = (struct copse_bytes){data, self->size};
  if (!data) {
    PyErr_SetString(PyExc_MemoryError,
                    "the key's bytes were lost: there was no memory when their source ended");
    return RAISED;
  }
  return 0;
}

/* --- memsink --------------------------------------------------------------------------- */

/* What fits where data, source and node are needs no memory. */
static size_t sink_size(PyObject *object) {
  const struct key *self = (struct key *)object;
  return self->size <= lent_size ? 0 : self->size;
}

static void sink_move(PyObject *source, PyObject *object, void *memory, struct ms_block *block) {
  struct key *self = (struct key *)object;
  const uint8_t *data = self->lent.data;
  PyObject *held = self->lent.source;
  (void)source;
  if (self->size <= lent_size) {
    memcpy(self->bytes, data, self->size);
    self->mode = PRIVATE;
  } else {
    if (memory)
      memcpy(memory, data, self->size);
    self->own.data = memory;
    self->own.block = block;
    self->mode = COPIED;
  }
  Py_DECREF(held);
}

/* Before its buffer is exported. */
static int key_own(struct key *self) {
  if (self->mode != SHARED)
    return 0;
  void *memory = self->size <= lent_size ? NULL : PyMem_Malloc(self->size);
  if (self->size > lent_size && !memory) {
    PyErr_NoMemory();
    return RAISED;
  }
  ms_cancel(self->lent.source, (PyObject *)self);
  sink_move(NULL, (PyObject *)self, memory, NULL);
  return 0;
}

static void key_dealloc(PyObject *object) {
  struct key *self = (struct key *)object;
  if (self->mode == SHARED) {
    ms_cancel(self->lent.source, object);
    Py_DECREF(self->lent.source);
  } else if (self->mode == COPIED && self->own.block) {
    ms_release(self->own.block);
  } else if (self->mode == COPIED) {
    PyMem_Free(self->own.data);
  }
  free_object(self);
}

/* A Value lends what its lease keeps, for as long as it lives: sinks hold it, so they are never told. */
static int value_owns(PyObject *source, const void *data, Py_ssize_t size) {
  const struct value *value = (struct value *)source;
  uintptr_t begin = (uintptr_t)value->data, at = (uintptr_t)data;
  return copse_lease_check(value->lease) == 0 && at >= begin && at - begin <= value->size &&
         (size_t)size <= value->size - (at - begin);
}

/* 1: the source can lend to keys. memsink is asked for when there is somebody to listen to. */
static int is_source(PyTypeObject *type, PyObject *source) {
  if (source == Py_None)
    return 0;
  if (!ms_api_) {
    MemSink_IMPORT;
    if (!ms_api_) {
      if (!PyErr_ExceptionMatches(PyExc_ModuleNotFoundError))
        return RAISED;
      PyErr_Clear(); /* so there are no sources either */
      return 0;
    }
  }
  struct state *state = PyType_GetModuleState(type);
  if (!state->keys_are_sinks) {
    PyTypeObject *value = (PyTypeObject *)state->value_type;
    if (ms_init_mover(type, offsetof(struct key, lent.node), sink_size, sink_move) ||
        ms_init_source(value, offsetof(struct value, sink_head)) ||
        ms_init_owner(value, value_owns))
      return RAISED;
    state->keys_are_sinks = true;
  }
  return ms_is_source(source);
}

/* --- from bytes ------------------------------------------------------------------------ */

/* Bytes that a key is made of, and who lends them: NULL if they are to be copied. */
struct raw {
  Py_buffer buffer;
  const uint8_t *data;
  size_t size;
  PyObject *lender;
};

/* A buffer belongs to the source if the source exports it, or if it does not say who does, as those of py-lmdb.
 * That of another object may go away while the source stays. */
static int is_of(PyObject *buffer, PyObject *source) {
  if (buffer == source)
    return 1;
  if (!PyMemoryView_Check(buffer))
    return 0;
  PyObject *owner = PyObject_GetAttrString(buffer, "obj");
  int result = !owner ? RAISED : owner == Py_None || owner == source;
  Py_XDECREF(owner);
  return result;
}

/* 0; COPSE_NONE: it does not begin with the prefix; RAISED. */
static int raw_init(struct raw *self, PyTypeObject *type, PyObject *object, PyObject *prefix,
                    PyObject *source) {
  struct argument first = {0};
  self->lender = NULL;
  if (PyObject_GetBuffer(object, &self->buffer, PyBUF_SIMPLE))
    return RAISED;
  self->data = self->buffer.buf;
  self->size = (size_t)self->buffer.len;
  int result = is_source(type, source);
  if (result == 1)
    result = is_of(object, source);
  if (result == 1) {
    self->lender = source;
    if (self->size && !ms_owns(source, self->data, (Py_ssize_t)self->size)) {
      PyErr_SetString(PyExc_ValueError, "the buffer is not in memory that the source lends now");
      result = RAISED;
    }
  }
  if (result >= 0 && prefix != Py_None)
    result = argument_bytes(prefix, &first, "the prefix");
  if (result >= 0) {
    result = self->size < first.size || (first.size && memcmp(self->data, first.data, first.size))
                 ? COPSE_NONE
                 : 0;
    if (result == 0 && first.size) {
      self->data += first.size;
      self->size -= first.size;
    }
  }
  argument_clear(&first);
  if (result)
    PyBuffer_Release(&self->buffer);
  return result;
}

/* A part of it, which is looked through. */
static PyObject *raw_key(const struct raw *self, PyTypeObject *type, const uint8_t *data,
                         size_t size) {
  int result = copse_key_check(data, size);
  if (result)
    return raise_result(PyType_GetModuleState(type), result);
  return self->lender ? key_shared(type, self->lender, data, size) : key_private(type, data, size);
}

static PyObject *key_from_raw(PyObject *type, PyObject *args, PyObject *kwargs) {
  static const char *const names[] = {"raw", "prefix", "source", NULL};
  PyObject *object, *prefix = Py_None, *source = Py_None;
  struct raw raw;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO", NAMES(names), &object, &prefix, &source))
    return NULL;
  int result = raw_init(&raw, (PyTypeObject *)type, object, prefix, source);
  if (result == COPSE_NONE)
    Py_RETURN_NONE;
  if (result)
    return NULL;
  PyObject *key = raw_key(&raw, (PyTypeObject *)type, raw.data, raw.size);
  PyBuffer_Release(&raw.buffer);
  return key;
}

/* Behind the elements of a list's next key: where its separator is, or the end. */
static size_t part_size(const uint8_t *data, size_t size) {
  struct copse_key_reader reader = {.data = data, .size = size};
  while (reader.at < size && data[reader.at] != SEPARATOR && copse_key_skip(&reader) == 0)
    ;
  return reader.at < size && data[reader.at] == SEPARATOR ? reader.at : size;
}

/* _list_from_raw(prefix, raw, source): a list of keys, or None */
static PyObject *key_list_from_raw(PyObject *type, PyObject *args) {
  PyObject *object, *prefix, *source;
  struct raw raw;
  if (!PyArg_ParseTuple(args, "OOO", &prefix, &object, &source))
    return NULL;
  int result = raw_init(&raw, (PyTypeObject *)type, object, prefix, source);
  if (result == COPSE_NONE)
    Py_RETURN_NONE;
  PyObject *list = result ? NULL : PyList_New(0);
  for (size_t at = 0; list && at <= raw.size; at++) {
    size_t size = part_size(raw.data + at, raw.size - at);
    PyObject *key = raw_key(&raw, (PyTypeObject *)type, raw.data + at, size);
    if (!key || PyList_Append(list, key))
      Py_CLEAR(list);
    Py_XDECREF(key);
    at += size;
  }
  if (!result)
    PyBuffer_Release(&raw.buffer);
  return list;
}

static PyObject *key_from_hex(PyObject *type, PyObject *digits) {
  PyObject *bytes = PyObject_CallMethod((PyObject *)&PyBytes_Type, "fromhex", "O", digits);
  PyObject *key = bytes ? PyObject_CallMethod(type, "from_raw", "O", bytes) : NULL;
  Py_XDECREF(bytes);
  return key;
}

/* --- from elements --------------------------------------------------------------------- */

/* A tuple's encoding. */
static PyObject *key_pack(PyTypeObject *type, PyObject *tuple) {
  size_t size;
  PyObject *packed = tuple_pack(PyType_GetModuleState(type), tuple, 0, &size);
  PyObject *key = packed ? key_private(type, PyBytes_AsString(packed), size) : NULL;
  Py_XDECREF(packed);
  return key;
}

static PyObject *key_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *first = PyTuple_Size(args) == 1 ? PyTuple_GetItem(args, 0) : NULL;
  if (kwargs && PyDict_Size(kwargs)) {
    PyErr_SetString(PyExc_TypeError, "Key() takes elements, not names");
    return NULL;
  }
  if (first && Py_TYPE(first) == type)
    return Py_NewRef(first);
  return key_pack(type, first && PyTuple_Check(first) ? first : args);
}

/* --- the sequence ---------------------------------------------------------------------- */

static Py_ssize_t key_length(PyObject *self) {
  struct copse_bytes bytes;
  if (key_bytes((struct key *)self, &bytes))
    return -1;
  struct copse_key_reader reader = {.data = bytes.data, .size = bytes.size};
  Py_ssize_t count = 0;
  while (copse_key_skip(&reader) == 0)
    count++;
  return count;
}

/* Where elements from..to of `count` lie. The key was looked through when it was made. */
static struct copse_bytes part(struct copse_bytes bytes, Py_ssize_t from, Py_ssize_t to) {
  struct copse_key_reader reader = {.data = bytes.data, .size = bytes.size};
  size_t start = 0;
  for (Py_ssize_t i = 0; i < to; i++) {
    if (i == from)
      start = reader.at;
    if (copse_key_skip(&reader))
      break;
  }
  if (from >= to)
    start = reader.at;
  return (struct copse_bytes){(const uint8_t *)bytes.data + start, reader.at - start};
}

static PyObject *key_unpack(PyObject *self, struct copse_bytes bytes) {
  return tuple_unpack(PyType_GetModuleState(Py_TYPE(self)), bytes.data, bytes.size);
}

static PyObject *key_item(PyObject *self, Py_ssize_t index) {
  struct copse_bytes bytes;
  if (key_bytes((struct key *)self, &bytes))
    return NULL;
  if (index < 0 || index >= key_length(self)) {
    PyErr_SetString(PyExc_IndexError, "the key has no such element");
    return NULL;
  }
  PyObject *tuple = key_unpack(self, part(bytes, index, index + 1));
  PyObject *value = tuple ? Py_NewRef(PyTuple_GetItem(tuple, 0)) : NULL;
  Py_XDECREF(tuple);
  return value;
}

static PyObject *key_subscript(PyObject *self, PyObject *index) {
  struct copse_bytes bytes;
  Py_ssize_t start, stop, step, count = key_length(self);
  if (count < 0 || key_bytes((struct key *)self, &bytes))
    return NULL;
  if (!PySlice_Check(index)) {
    Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred())
      return NULL;
    return key_item(self, i < 0 ? i + count : i);
  }
  if (PySlice_Unpack(index, &start, &stop, &step))
    return NULL;
  PySlice_AdjustIndices(count, &start, &stop, step);
  if (step == 1) {
    struct copse_bytes some = part(bytes, start, stop);
    return key_private(Py_TYPE(self), some.data, some.size);
  }
  PyObject *tuple = key_unpack(self, bytes);
  PyObject *some = tuple ? PyObject_GetItem(tuple, index) : NULL;
  PyObject *key = some ? key_pack(Py_TYPE(self), some) : NULL;
  Py_XDECREF(tuple);
  Py_XDECREF(some);
  return key;
}

static PyObject *key_iter(PyObject *self) {
  struct copse_bytes bytes;
  PyObject *tuple = key_bytes((struct key *)self, &bytes) ? NULL : key_unpack(self, bytes);
  PyObject *iterator = tuple ? PyObject_GetIter(tuple) : NULL;
  Py_XDECREF(tuple);
  return iterator;
}

/* Another key or a tuple, as a key; NULL without an exception: neither. */
static struct key *operand(PyTypeObject *type, PyObject *object) {
  if (Py_TYPE(object) == type)
    return (struct key *)Py_NewRef(object);
  return PyTuple_Check(object) ? (struct key *)key_pack(type, object) : NULL;
}

static PyObject *key_concat(PyObject *self, PyObject *object) {
  PyTypeObject *type = Py_TYPE(self);
  struct copse_bytes a, b;
  struct key *other = operand(type, object), *sum = NULL;
  if (!other && !PyErr_Occurred())
    PyErr_Format(PyExc_TypeError, "a key can be added to a key or a tuple, not to %R",
                 Py_TYPE(object));
  if (other && key_bytes((struct key *)self, &a) == 0 && key_bytes(other, &b) == 0)
    sum = key_alloc(type, a.size + b.size, a.size + b.size);
  if (sum) {
    memcpy(sum->bytes, a.data, a.size);
    memcpy(sum->bytes + a.size, b.data, b.size);
  }
  Py_XDECREF((PyObject *)other);
  return (PyObject *)sum;
}

static PyObject *key_compare(PyObject *self, PyObject *object, int how) {
  struct copse_bytes a, b;
  struct key *other = operand(Py_TYPE(self), object);
  if (!other) {
    if (PyErr_Occurred() && (how != Py_EQ && how != Py_NE))
      return NULL;
    PyErr_Clear(); /* a tuple that is no key is equal to none */
    Py_RETURN_NOTIMPLEMENTED;
  }
  int order = 0, failed = key_bytes((struct key *)self, &a) || key_bytes(other, &b);
  if (!failed)
    order = copse_key_compare(a.data, a.size, b.data, b.size);
  Py_DECREF((PyObject *)other);
  if (failed)
    return NULL;
  Py_RETURN_RICHCOMPARE(order, 0, how);
}

/* --- its bytes ------------------------------------------------------------------------- */

static PyObject *key_to_bytes(PyObject *self, PyObject *unused) {
  struct copse_bytes bytes;
  (void)unused;
  return key_bytes((struct key *)self, &bytes)
             ? NULL
             : PyBytes_FromStringAndSize(bytes.data, (Py_ssize_t)bytes.size);
}

static Py_hash_t key_hash(PyObject *self) {
  PyObject *bytes = key_to_bytes(self, NULL);
  Py_hash_t hash = bytes ? PyObject_Hash(bytes) : -1;
  Py_XDECREF(bytes);
  return hash;
}

static PyObject *key_to_raw(PyObject *self, PyObject *args, PyObject *kwargs) {
  static const char *const names[] = {"prefix", NULL};
  const char *prefix = "";
  Py_ssize_t size = 0;
  struct copse_bytes bytes;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|y#", NAMES(names), &prefix, &size) ||
      key_bytes((struct key *)self, &bytes))
    return NULL;
  PyObject *raw = PyBytes_FromStringAndSize(NULL, size + (Py_ssize_t)bytes.size);
  if (raw) {
    memcpy(PyBytes_AsString(raw), prefix, (size_t)size);
    memcpy(PyBytes_AsString(raw) + size, bytes.data, bytes.size);
  }
  return raw;
}

static PyObject *key_to_hex(PyObject *self, PyObject *unused) {
  PyObject *bytes = key_to_bytes(self, unused);
  PyObject *digits = bytes ? PyObject_CallMethod(bytes, "hex", NULL) : NULL;
  Py_XDECREF(bytes);
  return digits;
}

static PyObject *key_prefix_bound(PyObject *self, PyObject *unused) {
  struct copse_bytes bytes;
  struct copse_range range;
  (void)unused;
  if (key_bytes((struct key *)self, &bytes))
    return NULL;
  PyObject *bound = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes.size + 1);
  if (!bound)
    return NULL;
  char *copy = PyBytes_AsString(bound);
  memcpy(copy, bytes.data, bytes.size);
  size_t size = bytes.size + 1;
  if (copse_key_string_range(copy, bytes.size, &range) == 0) {
    size = range.prefix.size; /* never of bytes ff only: it begins with a code */
    (void)!copse_key_end(copy, &size);
  } else {
    copse_key_range(copy, bytes.size, 0, &range);
  }
  PyObject *result = PyBytes_FromStringAndSize(copy, (Py_ssize_t)size);
  Py_DECREF(bound);
  return result;
}

static PyObject *key_repr(PyObject *self) {
  struct copse_bytes bytes;
  PyObject *tuple = key_bytes((struct key *)self, &bytes) ? NULL : key_unpack(self, bytes);
  bool one = tuple && PyTuple_Size(tuple) == 1 && PyTuple_Check(PyTuple_GetItem(tuple, 0));
  PyObject *text =
      tuple ? PyUnicode_FromFormat(one ? "copse.Key(%R)" : "copse.Key%R", tuple) : NULL;
  Py_XDECREF(tuple);
  return text;
}

static PyObject *key_reduce(PyObject *self, PyObject *unused) {
  (void)unused;
  PyObject *bytes = key_to_bytes(self, NULL);
  PyObject *make = bytes ? PyObject_GetAttrString((PyObject *)Py_TYPE(self), "from_raw") : NULL;
  PyObject *result = make ? Py_BuildValue("O(O)", make, bytes) : NULL;
  Py_XDECREF(bytes);
  Py_XDECREF(make);
  return result;
}

static int key_getbuffer(PyObject *self, Py_buffer *view, int flags) {
  struct copse_bytes bytes;
  if (key_own((struct key *)self) || key_bytes((struct key *)self, &bytes)) {
    view->obj = NULL;
    return -1;
  }
  return PyBuffer_FillInfo(view, self, (void *)(uintptr_t)bytes.data, (Py_ssize_t)bytes.size, 1,
                           flags);
}

static PyObject *key_mode(PyObject *self, void *unused) {
  static const char *const names[] = {"private", "shared", "copied"};
  (void)unused;
  return PyUnicode_FromString(names[((struct key *)self)->mode]);
}

static PyMethodDef methods[] = {
    {"from_raw", (PyCFunction)(void (*)(void))key_from_raw,
     METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "from_raw(raw, prefix=None, source=None)\n--\n\n"
     "The key that the bytes encode, or None if they do not begin with prefix (which is left\n"
     "out). source: who lends raw, an object that is a source of memsink: the key then rests on\n"
     "its memory, and moves when that goes away."},
    {"_list_from_raw", key_list_from_raw, METH_VARARGS | METH_CLASS, NULL},
    {"from_hex", key_from_hex, METH_O | METH_CLASS,
     "from_hex(digits)\n--\n\nThe key that hexadecimal digits stand for."},
    {"to_raw", (PyCFunction)(void (*)(void))key_to_raw, METH_VARARGS | METH_KEYWORDS,
     "to_raw(prefix=b'')\n--\n\nThe encoded key, behind a prefix."},
    {"to_hex", key_to_hex, METH_NOARGS, "to_hex()\n--\n\nThe encoded key in hexadecimal digits."},
    {"prefix_bound", key_prefix_bound, METH_NOARGS,
     "prefix_bound()\n--\n\nThe end, as bytes, of the range of keys that begin with this one; if "
     "its last "
     "element\nis bytes or text, of those where a longer string stands in its place."},
    {"__bytes__", key_to_bytes, METH_NOARGS, "The encoded key."},
    {"__reduce__", key_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"mode", key_mode, NULL,
     "Where the bytes lie: \"shared\" with a source, \"copied\" when that ended, \"private\".",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static char doc[] =
    "Key(*elements)\n--\n\n"
    "A tuple, encoded as it is a key: immutable, ordered as its bytes are. Elements are\n"
    "None, bool, int, float, bytes, str, UUID, datetime with a time zone, tuples of such.\n"
    "Key(tuple) is the same as Key(*tuple). Equal to a tuple that has the same encoding;\n"
    "hash(key) is not that of the tuple.";

static PyType_Slot slots[] = {
    {Py_tp_new, key_new},
    {Py_tp_dealloc, key_dealloc},
    {Py_tp_hash, key_hash},
    {Py_tp_richcompare, key_compare},
    {Py_tp_repr, key_repr},
    {Py_tp_iter, key_iter},
    {Py_sq_length, key_length},
    {Py_sq_item, key_item},
    {Py_sq_concat, key_concat},
    {Py_mp_length, key_length},
    {Py_mp_subscript, key_subscript},
    {Py_bf_getbuffer, key_getbuffer},
    {Py_tp_methods, methods},
    {Py_tp_getset, getters},
    {Py_tp_doc, doc},
    {0, NULL},
};

static PyType_Spec spec = {"copse.Key", offsetof(struct key, bytes), 1, Py_TPFLAGS_DEFAULT, slots};

int key_types(PyObject *module) { return type_add(module, &spec); }
