/* _module.c - copse._copse: the module, its state, how results become exceptions. */
#include "_copse.h"

PyObject *raise_result(struct state *state, int result) {
  if (result == RAISED)
    return NULL;
  if (result == CLOSED) {
    PyErr_SetString(state->closed_type, "the store was closed; open it again");
    return NULL;
  }
  PyObject *code = PyLong_FromLong(result);
  if (!code)
    return NULL;
  PyObject *type = PyDict_GetItemWithError(state->by_code, code);
  if (!type && !PyErr_Occurred())
    type = state->error_type;
  PyObject *error = NULL;
  if (type)
    error = PyObject_CallFunction(type, "Oss", code, copse_strerror(result), copse_error_detail());
  if (error)
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
  Py_XDECREF(error);
  Py_DECREF(code);
  return NULL;
}

/* None is as long as it takes. */
int64_t timeout_ns(PyObject *seconds) {
  if (!seconds || seconds == Py_None)
    return -1;
  double value = PyFloat_AsDouble(seconds);
  if (value == -1.0 && PyErr_Occurred())
    return -2;
  if (!(value >= 0)) {
    PyErr_SetString(PyExc_ValueError, "timeout is a number of seconds, not negative, or None");
    return -2;
  }
  return value < 9e9 ? (int64_t)(value * 1e9) : -1;
}

int arguments(PyObject *const *args, Py_ssize_t n, PyObject *names, const char *const *known,
              PyObject **found) {
  Py_ssize_t named = names ? PyTuple_Size(names) : 0, count = 0;
  while (known[count])
    count++;
  if (n > count) {
    PyErr_Format(PyExc_TypeError, "at most %zd arguments are taken, not %zd", count, n);
    return RAISED;
  }
  for (Py_ssize_t i = 0; i < n; i++)
    found[i] = args[i];
  for (Py_ssize_t i = 0; i < named; i++) {
    PyObject *name = PyTuple_GetItem(names, i);
    Py_ssize_t place = 0;
    while (place < count && PyUnicode_CompareWithASCIIString(name, known[place]) != 0)
      place++;
    if (place < n || place == count) {
      PyErr_Format(PyExc_TypeError, "the argument %R is %s", name,
                   place == count ? "not known" : "there twice");
      return RAISED;
    }
    found[place] = args[n + i];
  }
  return 0;
}

int choice(PyObject *text, const char *what, const char *const *choices) {
  for (int i = 0; PyUnicode_Check(text) && choices[i]; i++)
    if (PyUnicode_CompareWithASCIIString(text, choices[i]) == 0)
      return i;
  PyErr_Format(PyExc_ValueError, "%s is one of '%s', '%s', '%s', not %R", what, choices[0],
               choices[1], choices[2], text);
  return RAISED;
}

int type_add(PyObject *module, PyType_Spec *spec) {
  PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
  int result = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
  Py_XDECREF(type);
  return result;
}

void free_object(void *self) {
  PyTypeObject *type = Py_TYPE((PyObject *)self);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

static PyObject *version(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyUnicode_FromString(copse_version());
}

static PyObject *remove_store(PyObject *module, PyObject *path) {
  PyObject *bytes = NULL;
  if (!PyUnicode_FSConverter(path, &bytes))
    return NULL;
  const char *text = PyBytes_AsString(bytes);
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = copse_store_remove(text);
  Py_END_ALLOW_THREADS
  Py_DECREF(bytes);
  if (result)
    return raise_result(PyModule_GetState(module), result);
  Py_RETURN_NONE;
}

/* The codes and names of all errors, from which the package makes its exceptions. */
static PyObject *errors(void) {
  PyObject *list = PyList_New(0);
#define ADD(name, code, text)                                                                      \
  if (list) {                                                                                      \
    PyObject *item = Py_BuildValue("is", code, #name);                                             \
    if (!item || PyList_Append(list, item))                                                        \
      Py_CLEAR(list);                                                                              \
    Py_XDECREF(item);                                                                              \
  }
  COPSE_ERRORS(ADD)
#undef ADD
  return list;
}

/* The package tells its classes: those that are made here, and the exceptions. */
static PyObject *register_types(PyObject *module, PyObject *args) {
  struct state *state = PyModule_GetState(module);
  PyObject *error, *closed, *by_code, *snapshot, *txn, *map, *arena, *handle, *batch, *outcome,
      *watch, *reservation;
  if (!PyArg_ParseTuple(args, "OOO!OOOOOOOOO", &error, &closed, &PyDict_Type, &by_code, &snapshot,
                        &txn, &map, &arena, &handle, &batch, &outcome, &watch, &reservation))
    return NULL;
  PyObject **places[] = {&state->error_type,    &state->closed_type, &state->by_code,
                         &state->snapshot_type, &state->txn_type,    &state->map_type,
                         &state->arena_type,    &state->handle_type, &state->batch_type,
                         &state->outcome_type,  &state->watch_type,  &state->reservation_type};
  PyObject *values[] = {error, closed, by_code, snapshot, txn,   map,
                        arena, handle, batch,   outcome,  watch, reservation};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    PyObject *before = *places[i];
    *places[i] = Py_NewRef(values[i]);
    Py_XDECREF(before);
  }
  Py_RETURN_NONE;
}

static PyObject *register_node(PyObject *module, PyObject *type) {
  struct state *state = PyModule_GetState(module);
  PyObject *before = state->node_type;
  state->node_type = Py_NewRef(type);
  Py_DECREF(before);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"version", version, METH_NOARGS, "version()\n--\n\nThe library's version."},
    {"remove", remove_store, METH_O, "remove(path)\n--\n\nRemoves a store that nobody has open."},
    {"pack", module_pack, METH_O,
     "pack(tuple)\n--\n\nA tuple as the bytes of a key (ctuple/1); they are ordered as tuples "
     "are."},
    {"unpack", module_unpack, METH_O, "unpack(bytes)\n--\n\nThe tuple that pack() made these of."},
    {"_join", module_join, METH_VARARGS, NULL},
    {"_acid_pack", module_acid_pack, METH_O, NULL},
    {"_acid_unpack", module_acid_unpack, METH_O, NULL},
    {"_register", register_types, METH_VARARGS, NULL},
    {"_register_node", register_node, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module) {
  struct state *state = PyModule_GetState(module);
  state->module = module;
  state->error_type = Py_NewRef(PyExc_RuntimeError);
  state->closed_type = Py_NewRef(PyExc_ValueError);
  PyObject *list = errors();
  int result = list ? PyModule_AddObjectRef(module, "ERRORS", list) : -1;
  Py_XDECREF(list);
  state->by_code = PyDict_New();
  state->empty_tuple = PyTuple_New(0);
  if (result || !state->by_code || !state->empty_tuple)
    return -1;
  if (tuple_init(state) || store_types(state, module) || view_types(state, module) ||
      map_types(state, module) || cursor_types(state, module) || follow_types(state, module) ||
      batch_types(state, module) || lease_types(state, module) || arena_types(state, module) ||
      reservation_types(state, module))
    return -1;
  if (document_types(state, module) || node_types(state, module) || key_types(module) ||
      join_types(state, module))
    return -1;
  return 0;
}

/* All that the state holds references to. */
static const size_t held[] = {
#define HELD(name) offsetof(struct state, name)
    HELD(error_type),    HELD(closed_type),  HELD(by_code),       HELD(store_type),
    HELD(snapshot_type), HELD(txn_type),     HELD(map_type),      HELD(cursor_type),
    HELD(arena_type),    HELD(handle_type),  HELD(value_type),    HELD(batch_type),
    HELD(ticket_type),   HELD(outcome_type), HELD(watch_type),    HELD(reservation_type),
    HELD(document_type), HELD(node_type),    HELD(selector_type), HELD(join_type),
    HELD(empty_tuple),   HELD(uuid_type),    HELD(datetime_type), HELD(epoch),
    HELD(microsecond),
#undef HELD
};

static PyObject **held_place(PyObject *module, size_t i) {
  return (PyObject **)((char *)PyModule_GetState(module) + held[i]);
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
  for (size_t i = 0; i < sizeof held / sizeof *held; i++)
    Py_VISIT(*held_place(module, i));
  return 0;
}

static int clear(PyObject *module) {
  for (size_t i = 0; i < sizeof held / sizeof *held; i++)
    Py_CLEAR(*held_place(module, i));
  return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "copse._copse",
    .m_size = sizeof(struct state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
};

PyMODINIT_FUNC PyInit__copse(void); /* the interpreter calls it by this name */
PyMODINIT_FUNC PyInit__copse(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, store_at_fork);
  return PyModuleDef_Init(&definition);
}
