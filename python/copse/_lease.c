/* _lease.c - Value: memory of the store that stays as it is for as long as somebody refers to it.
 *
 * A Value owns a lease. It is the only thing through which memory of a store is exported: as a buffer, or as
 * the base of an array, which keeps the Value. It refers to no Python object but its type, so
 * the cycle collector has nothing to look at. */
#include "_copse.h"

#include <string.h>

/* Under the view, of which the bytes are lent. */
int value_lease(struct store *store, struct copse_view *view, uint32_t policy,
                struct copse_bytes bytes, PyObject **out) {
  PyTypeObject *type = (PyTypeObject *)store->state->value_type;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct value *self = (struct value *)alloc(type, 0);
  if (!self)
    return RAISED;
  int result = copse_lease_take(view, policy, &bytes, &self->lease);
  if (result) {
    Py_DECREF(OBJECT(self));
    return result;
  }
  self->data = bytes.data;
  self->size = bytes.size;
  *out = (PyObject *)self;
  return 0;
}

PyObject *value_export(const struct handle *handle, PyObject *value, Py_ssize_t count) {
  const struct value *self = (struct value *)value;
  const struct codec *codec = &handle->codec;
  bool one = count < 0;
  if (codec->kind == CODEC_BYTES || (codec->kind == CODEC_STRUCT && !one))
    return value;
  PyObject *result = one && (codec->kind == CODEC_SCALAR || codec->kind == CODEC_STRUCT)
                         ? codec_decode(handle->store->state, codec, self->data, self->size)
                         : numpy_view(handle, self->data, count, value);
  Py_DECREF(value);
  return result;
}

static void value_dealloc(PyObject *object) {
  copse_lease_release(((struct value *)object)->lease);
  free_object(object);
}

static int value_buffer(PyObject *object, Py_buffer *buffer, int flags) {
  struct value *self = (struct value *)object;
  if (copse_lease_check(self->lease)) {
    PyErr_SetString(PyExc_BufferError, copse_error_detail());
    return -1;
  }
  return PyBuffer_FillInfo(buffer, object, (void *)(uintptr_t)self->data, (Py_ssize_t)self->size, 1,
                           flags);
}

static Py_ssize_t value_length(PyObject *self) { return (Py_ssize_t)((struct value *)self)->size; }

static PyObject *value_bytes(PyObject *object, PyObject *unused) {
  (void)unused;
  struct value *self = (struct value *)object;
  return PyBytes_FromStringAndSize(self->data, (Py_ssize_t)self->size);
}

static PyObject *value_item(PyObject *object, PyObject *key) {
  PyObject *view = PyMemoryView_FromObject(object);
  PyObject *item = view ? PyObject_GetItem(view, key) : NULL;
  Py_XDECREF(view);
  return item;
}

static Py_hash_t value_hash(PyObject *object) {
  PyObject *bytes = value_bytes(object, NULL);
  Py_hash_t hash = bytes ? PyObject_Hash(bytes) : -1;
  Py_XDECREF(bytes);
  return hash;
}

static PyObject *value_compare(PyObject *object, PyObject *other, int how) {
  if (!PyObject_CheckBuffer(other))
    return Py_NewRef(Py_NotImplemented);
  struct argument right;
  if (argument_bytes(other, &right, "what is compared"))
    return NULL;
  const struct value *self = (struct value *)object;
  size_t common = self->size < right.size ? self->size : right.size;
  int order = common ? memcmp(self->data, right.data, common) : 0;
  if (!order)
    order = (self->size > right.size) - (self->size < right.size);
  argument_clear(&right);
  bool answer = how == Py_LT   ? order < 0
                : how == Py_LE ? order <= 0
                : how == Py_EQ ? order == 0
                : how == Py_NE ? order != 0
                : how == Py_GT ? order > 0
                               : order >= 0;
  return PyBool_FromLong(answer);
}

static PyObject *value_copied(PyObject *object, void *unused) {
  (void)unused;
  return PyBool_FromLong(copse_lease_is_copy(((struct value *)object)->lease));
}

static PyObject *value_reduce(PyObject *object, PyObject *unused) {
  (void)unused;
  PyObject *bytes = value_bytes(object, NULL);
  PyObject *answer = bytes ? Py_BuildValue("O(O)", (PyObject *)&PyBytes_Type, bytes) : NULL;
  Py_XDECREF(bytes);
  return answer;
}

static char documentation[] = "Bytes of a store without a copy: a buffer, which may be read for as "
                              "long as it is referred to,\n"
                              "whatever becomes of the snapshot and the store. Equal to bytes of "
                              "the same content, and pickled\n"
                              "as such. It keeps its page from reuse: see store.leases().";

static PyMethodDef methods[] = {
    {"__bytes__", value_bytes, METH_NOARGS, NULL},
    {"__reduce__", value_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"copied", value_copied, NULL, "Whether the bytes were copied (small ones are).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, documentation},      {Py_tp_dealloc, value_dealloc},
    {Py_tp_methods, methods},        {Py_tp_getset, getset},
    {Py_tp_hash, value_hash},        {Py_tp_richcompare, value_compare},
    {Py_bf_getbuffer, value_buffer}, {Py_mp_length, value_length},
    {Py_mp_subscript, value_item},   {0, NULL},
};

static PyType_Spec spec = {"copse._copse.Value", sizeof(struct value), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int lease_types(struct state *state, PyObject *module) {
  state->value_type = PyType_FromModuleAndSpec(module, &spec, NULL);
  return state->value_type ? PyModule_AddType(module, (PyTypeObject *)state->value_type) : -1;
}

/* --- bounds -------------------------------------------------------------------------- */

/* Called inside of a lease call: only noted, and told when that is over. */
static void warn(void *context, const struct copse_lease_usage *usage) {
  (void)usage;
  atomic_store((atomic_bool *)context, true);
}

int lease_warn(struct store *store) {
  if (!atomic_load(&store->leases_full) || !atomic_exchange(&store->leases_full, false))
    return 0;
  return PyErr_WarnEx(PyExc_ResourceWarning,
                      "leases of this process hold more, or longer, than is allowed: values are "
                      "copied now; see store.leases() and store.lease_bounds()",
                      1);
}

void lease_init(struct store *store) {
  struct copse_lease_bounds bounds = {.warn = warn, .context = &store->leases_full};
  copse_lease_bound(store->store, &bounds);
}

/* _lease_bounds(bytes, age in ns, small bytes) */
PyObject *store_lease_bounds(PyObject *object, PyObject *args) {
  struct store *self = (struct store *)object;
  unsigned long long bytes, age;
  unsigned small;
  if (!PyArg_ParseTuple(args, "KKI", &bytes, &age, &small))
    return NULL;
  int result = store_enter(self);
  if (result)
    return raise_result(self->state, result);
  struct copse_lease_bounds bounds = {.max_bytes = bytes,
                                      .max_age_ns = age,
                                      .small_bytes = small,
                                      .warn = warn,
                                      .context = &self->leases_full};
  copse_lease_bound(self->store, &bounds);
  store_leave(self);
  Py_RETURN_NONE;
}

/* _leases(): (leases, bytes, age in ns, copies) */
PyObject *store_leases(PyObject *object, PyObject *unused) {
  (void)unused;
  struct store *self = (struct store *)object;
  struct copse_lease_usage usage;
  int result = store_enter(self);
  if (result)
    return raise_result(self->state, result);
  copse_lease_usage(self->store, &usage);
  store_leave(self);
  return Py_BuildValue("KKKK", (unsigned long long)usage.leases, (unsigned long long)usage.bytes,
                       (unsigned long long)usage.age_ns, (unsigned long long)usage.copies);
}
