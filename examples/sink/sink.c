/* sink.c - an example of memsink, as a Python extension: a source that reuses one piece of memory, and sinks
 * that rest on it as long as they can.
 *
 *     tape = sink.Tape([b"first", b"second"])
 *     for _ in tape:                     # each step overwrites what the last one read
 *         kept.append(tape.slice(0, 3))  # copies nothing
 *     bytes(kept[0])                     # b"fir": it was moved in time
 *
 * Build: cc -shared -fPIC $(python3-config --includes) -I$(python3 -c 'import memsink; print(memsink.get_include())')
 *        sink.c -o sink.so */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <memsink.h>
#include <stddef.h>

/* --- the source -------------------------------------------------------------------------- */

struct tape {
  PyObject_HEAD
  PyObject *sink_head; /* memsink's */
  PyObject *items;     /* an iterator */
  char *memory;        /* lent; NULL: none */
  Py_ssize_t size, exports;
};

static PyTypeObject *slice_type;

static PyObject *tape_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *items;
  if (kwargs || !PyArg_ParseTuple(args, "O", &items))
    return NULL;
  struct tape *self = (struct tape *)type->tp_alloc(type, 0);
  if (self && !(self->items = PyObject_GetIter(items)))
    Py_CLEAR(self);
  return (PyObject *)self;
}

/* The memory goes away: first who rests on it is told. */
static void tape_drop(struct tape *self) {
  ms_notify((PyObject *)self, &self->sink_head);
  if (self->memory)
    memset(self->memory, 0xdd, (size_t)self->size); /* so that nobody reads it unnoticed */
  PyMem_Free(self->memory);
  self->memory = NULL;
  self->size = 0;
}

static void tape_dealloc(struct tape *self) {
  PyTypeObject *type = Py_TYPE(self);
  tape_drop(self); /* sinks have references to their source: there are none by now */
  Py_XDECREF(self->items);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *tape_next(struct tape *self) {
  if (self->exports) {
    PyErr_SetString(PyExc_BufferError, "the tape cannot go on: its memory is in use");
    return NULL;
  }
  self->exports++; /* a sink that is told may call anything, this function too */
  tape_drop(self);
  self->exports--;
  PyObject *item = PyIter_Next(self->items);
  char *bytes;
  if (!item || PyBytes_AsStringAndSize(item, &bytes, &self->size) ||
      !(self->memory = PyMem_Malloc((size_t)self->size + 1))) {
    Py_XDECREF(item);
    self->size = 0;
    return NULL;
  }
  memcpy(self->memory, bytes, (size_t)self->size);
  Py_DECREF(item);
  return Py_NewRef((PyObject *)self);
}

static int tape_getbuffer(struct tape *self, Py_buffer *view, int flags) {
  int result = PyBuffer_FillInfo(view, (PyObject *)self, self->memory ? self->memory : "",
                                 self->size, 1, flags);
  self->exports += result == 0;
  return result;
}

static void tape_releasebuffer(struct tape *self, Py_buffer *view) {
  (void)view;
  self->exports--;
}

static int tape_owns(PyObject *source, const void *data, Py_ssize_t size) {
  struct tape *self = (struct tape *)source;
  const char *p = data;
  return self->memory && p >= self->memory && size <= self->size &&
         p - self->memory <= self->size - size;
}

/* --- the sink ---------------------------------------------------------------------------- */

struct slice {
  PyObject_HEAD
  struct ms_node node;    /* memsink's */
  PyObject *source;       /* NULL: the bytes are its own */
  const char *data;       /* NULL: they were lost */
  struct ms_block *block; /* what own bytes belong to */
  Py_ssize_t size;
};

static PyObject *tape_slice(struct tape *tape, PyObject *args) {
  Py_ssize_t start, stop;
  if (!PyArg_ParseTuple(args, "nn", &start, &stop))
    return NULL;
  if (start < 0 || stop < start || stop > tape->size) {
    PyErr_SetString(PyExc_IndexError, "the slice is not inside of what the tape lends");
    return NULL;
  }
  struct slice *self = (struct slice *)slice_type->tp_alloc(slice_type, 0);
  if (!self || ms_listen((PyObject *)tape, (PyObject *)self)) {
    Py_XDECREF(self);
    return NULL;
  }
  self->source = Py_NewRef((PyObject *)tape);
  self->data = tape->memory + start;
  self->size = stop - start;
  return (PyObject *)self;
}

static size_t slice_size(PyObject *self) { return (size_t)((struct slice *)self)->size; }

static void slice_move(PyObject *source, PyObject *object, void *memory, struct ms_block *block) {
  struct slice *self = (struct slice *)object;
  (void)source;
  if (memory)
    memcpy(memory, self->data, (size_t)self->size);
  self->data = self->size ? memory : "";
  self->block = block;
  Py_CLEAR(self->source);
}

static void slice_dealloc(struct slice *self) {
  PyTypeObject *type = Py_TYPE(self);
  if (self->source)
    ms_cancel(self->source, (PyObject *)self); /* before anything else */
  ms_release(self->block);
  Py_XDECREF(self->source);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *slice_bytes(struct slice *self, PyObject *unused) {
  (void)unused;
  if (!self->data) {
    PyErr_SetString(PyExc_MemoryError,
                    "the bytes were lost when there was no memory to move them to");
    return NULL;
  }
  return PyBytes_FromStringAndSize(self->data, self->size);
}

static PyObject *slice_shared(struct slice *self, void *unused) {
  (void)unused;
  return PyBool_FromLong(self->source != NULL);
}

/* --- the module -------------------------------------------------------------------------- */

static PyMethodDef tape_methods[] = {
    {"slice", (PyCFunction)tape_slice, METH_VARARGS,
     "slice(start, stop)\n--\n\nA part of what was read last."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot tape_slots[] = {
    {Py_tp_new, tape_new},
    {Py_tp_dealloc, tape_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, tape_next},
    {Py_bf_getbuffer, tape_getbuffer},
    {Py_bf_releasebuffer, tape_releasebuffer},
    {Py_tp_methods, tape_methods},
    {Py_tp_doc, "Tape(items)\n--\n\nReads bytes, one after the other, into the same memory."},
    {0, NULL},
};
static PyType_Spec tape_spec = {"sink.Tape", sizeof(struct tape), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, tape_slots};

static PyMethodDef slice_methods[] = {
    {"__bytes__", (PyCFunction)slice_bytes, METH_NOARGS, "The bytes, copied."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef slice_getters[] = {
    {"shared", (getter)slice_shared, NULL, "True: it rests on the tape's memory.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slice_slots[] = {
    {Py_tp_dealloc, slice_dealloc},
    {Py_tp_methods, slice_methods},
    {Py_tp_getset, slice_getters},
    {0, NULL},
};
static PyType_Spec slice_spec = {"sink.Slice", sizeof(struct slice), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                 slice_slots};

PyMODINIT_FUNC PyInit_sink(void) {
  static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "sink", .m_size = -1};
  PyObject *module = PyModule_Create(&definition);
  PyObject *tape = PyType_FromSpec(&tape_spec), *slice = PyType_FromSpec(&slice_spec);
  slice_type = (PyTypeObject *)slice;
  MemSink_IMPORT;
  if (!module || !tape || !slice ||
      ms_init_source((PyTypeObject *)tape, offsetof(struct tape, sink_head)) ||
      ms_init_owner((PyTypeObject *)tape, tape_owns) ||
      ms_init_mover((PyTypeObject *)slice, offsetof(struct slice, node), slice_size, slice_move) ||
      PyModule_AddType(module, (PyTypeObject *)tape) ||
      PyModule_AddType(module, (PyTypeObject *)slice))
    Py_CLEAR(module);
  Py_XDECREF(tape);
  return module;
}
