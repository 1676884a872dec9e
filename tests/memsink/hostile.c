/* hostile.c - for check_memsink.py: sinks as the draft of memsink had them, which do in invalidate() all that
 * they should not; and memsink's functions as they are.
 *
 *     Old(source, size, action=None, fail=False, buffer=source)
 *         rests on the first bytes of a buffer of the source; when it is told, it calls action, then
 *         copies its bytes over its own node, as Acid's small keys did, or fails
 *     Txn(data)
 *         a source as py-lmdb has it: a static type, which ends whatever memsink says; get() gives a
 *         memoryview that does not say whose memory it shows */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <memsink.h>
#include <stddef.h>

struct old {
  PyObject_HEAD
  PyObject *source, *action;
  Py_ssize_t size;
  int fail;
  const char *data;
  union {
    struct ms_node node;
    char bytes[sizeof(struct ms_node)];
  };
};

static int invalidate(PyObject *source, PyObject *object) {
  struct old *self = (struct old *)object;
  PyObject *action = self->action;
  (void)source;
  self->action = NULL;
  if (action) {
    PyObject *result = PyObject_CallNoArgs(action);
    if (!result)
      PyErr_WriteUnraisable(action);
    Py_XDECREF(result);
    Py_DECREF(action);
  }
  char copy[sizeof self->bytes];
  memcpy(copy, self->data, (size_t)self->size);
  memcpy(self->bytes, copy, (size_t)self->size);
  self->data = self->fail ? NULL : self->bytes;
  Py_CLEAR(self->source);
  if (self->fail)
    PyErr_NoMemory();
  return self->fail ? -1 : 0;
}

static PyObject *old_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  PyObject *source, *action = NULL, *buffer = NULL;
  Py_ssize_t size;
  int fail = 0;
  Py_buffer view;
  (void)kwargs;
  if (!PyArg_ParseTuple(args, "On|OpO", &source, &size, &action, &fail, &buffer) ||
      PyObject_GetBuffer(buffer ? buffer : source, &view, PyBUF_SIMPLE))
    return NULL;
  const char *data = view.buf;
  int fits = size <= view.len && size <= (Py_ssize_t)sizeof(struct ms_node);
  PyBuffer_Release(&view);
  struct old *self = fits ? (struct old *)type->tp_alloc(type, 0) : NULL;
  if (!fits)
    PyErr_SetString(PyExc_ValueError, "size");
  if (self)
    memset(self->bytes, 0x5a, sizeof self->bytes); /* the draft did not ask for zeros */
  if (!self || ms_listen(source, (PyObject *)self)) {
    Py_XDECREF(self);
    return NULL;
  }
  self->source = Py_NewRef(source);
  self->action = action && action != Py_None ? Py_NewRef(action) : NULL;
  self->data = data;
  self->size = size;
  self->fail = fail;
  return (PyObject *)self;
}

static void old_dealloc(struct old *self) {
  PyTypeObject *type = Py_TYPE(self);
  if (self->source)
    ms_cancel(self->source, (PyObject *)self);
  Py_XDECREF(self->source);
  Py_XDECREF(self->action);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *old_bytes(struct old *self, PyObject *unused) {
  (void)unused;
  return self->data ? PyBytes_FromStringAndSize(self->data, self->size) : PyErr_NoMemory();
}

/* --- a source ---------------------------------------------------------------------------- */

struct txn {
  PyObject_HEAD
  PyObject *sink_head;
  char *memory;
  Py_ssize_t size;
};

static PyObject *txn_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  const char *data;
  Py_ssize_t size;
  (void)kwargs;
  if (!PyArg_ParseTuple(args, "y#", &data, &size))
    return NULL;
  struct txn *self = (struct txn *)type->tp_alloc(type, 0);
  if (self) {
    self->memory = memcpy(malloc((size_t)size + 1), data, (size_t)size);
    self->size = size;
  }
  return (PyObject *)self;
}

static PyObject *txn_commit(struct txn *self, PyObject *unused) {
  (void)unused;
  ms_notify((PyObject *)self, &self->sink_head);
  if (!self->memory)
    Py_RETURN_NONE;
  memset(self->memory, 0xdd, (size_t)self->size);
  free(self->memory);
  self->memory = NULL;
  self->size = 0;
  Py_RETURN_NONE;
}

static void txn_dealloc(struct txn *self) {
  if (self->memory)
    Py_DECREF(txn_commit(self, NULL));
  PyObject_Free(self);
}

static PyObject *txn_get(struct txn *self, PyObject *unused) {
  (void)unused;
  return PyMemoryView_FromMemory(self->memory, self->size, PyBUF_READ);
}

static PyMethodDef txn_methods[] = {
    {"get", (PyCFunction)txn_get, METH_NOARGS, NULL},
    {"commit", (PyCFunction)txn_commit, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyTypeObject txn_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hostile.Txn",
    .tp_basicsize = sizeof(struct txn),
    .tp_dealloc = (destructor)txn_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = txn_methods,
    .tp_new = txn_new,
};

/* --- the functions ----------------------------------------------------------------------- */

static PyObject *listen(PyObject *module, PyObject *args) {
  PyObject *source, *sink;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO", &source, &sink) || ms_listen(source, sink))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *cancel(PyObject *module, PyObject *args) {
  PyObject *source, *sink;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO", &source, &sink) || ms_cancel(source, sink))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *is_source(PyObject *module, PyObject *object) {
  (void)module;
  return PyBool_FromLong(ms_is_source(object));
}

/* owns(source, offset, size): of the memory that it exports, from an offset on */
static PyObject *owns(PyObject *module, PyObject *args) {
  PyObject *source;
  Py_ssize_t offset, size;
  Py_buffer view;
  (void)module;
  if (!PyArg_ParseTuple(args, "Onn", &source, &offset, &size) ||
      PyObject_GetBuffer(source, &view, PyBUF_SIMPLE))
    return NULL;
  const char *data = view.buf;
  PyBuffer_Release(&view);
  return PyBool_FromLong(ms_owns(source, data + offset, size));
}

/* A node outside of the type's objects. */
static PyObject *misuse(PyObject *module, PyObject *type) {
  (void)module;
  if (ms_init_sink((PyTypeObject *)type, 1 << 20, invalidate) == 0)
    Py_RETURN_NONE;
  return NULL;
}

static PyMethodDef old_methods[] = {
    {"__bytes__", (PyCFunction)old_bytes, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot old_slots[] = {
    {Py_tp_new, old_new},
    {Py_tp_dealloc, old_dealloc},
    {Py_tp_methods, old_methods},
    {0, NULL},
};
static PyType_Spec old_spec = {"hostile.Old", sizeof(struct old), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, old_slots};

static PyMethodDef methods[] = {
    {"listen", listen, METH_VARARGS, NULL}, {"cancel", cancel, METH_VARARGS, NULL},
    {"is_source", is_source, METH_O, NULL}, {"owns", owns, METH_VARARGS, NULL},
    {"misuse", misuse, METH_O, NULL},       {NULL, NULL, 0, NULL},
};

PyMODINIT_FUNC PyInit_hostile(void);
PyMODINIT_FUNC PyInit_hostile(void) {
  static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "hostile", .m_size = -1,
                                          .m_methods = methods};
  PyObject *module = PyModule_Create(&definition), *old = PyType_FromSpec(&old_spec);
  if (PyType_Ready(&txn_type))
    return NULL;
  MemSink_IMPORT;
  if (!module || !old || ms_init_source(&txn_type, offsetof(struct txn, sink_head)) ||
      PyModule_AddType(module, &txn_type) ||
      ms_init_sink((PyTypeObject *)old, offsetof(struct old, node), invalidate) ||
      PyModule_AddType(module, (PyTypeObject *)old))
    Py_CLEAR(module);
  Py_XDECREF(old);
  return module;
}
