/* _batch.c - Batch: blind changes of any maps, applied whole and once, not kept waiting. */
#include "_copse.h"

#include <string.h>

struct batch {
  REST_HEAD
  struct copse_batch *batch;
};

/* A committed batch, whose outcome can be asked for. */
struct ticket {
  PyObject_HEAD
  struct store *store;
  struct copse_ticket ticket;
};

static void end_by_store(struct user *user) {
  struct batch *self = CONTAINER(user, struct batch, user);
  copse_batch_close(self->batch);
  self->batch = NULL;
}

static int batch_enter(struct batch *self) {
  return rest_enter(self, "another thread is using this batch; make one for each");
}

PyObject *store_batch(PyObject *object, PyObject *unused) {
  (void)unused;
  struct store *store = (struct store *)object;
  struct batch *self = rest_new(store->state->batch_type, store, NULL, end_by_store);
  if (!self)
    return NULL;
  int result = store_enter(store);
  if (!result) {
    result = copse_batch_open(store->store, &self->batch);
    store_leave(store);
  }
  return rest_finish(self, result);
}

/* --- changes ------------------------------------------------------------------------- */

static PyObject *done(struct batch *self, int result) {
  return result ? raise_result(self->store->state, result) : Py_NewRef(Py_None);
}

static bool count_is(Py_ssize_t n, Py_ssize_t wanted, const char *form) {
  if (n != wanted)
    PyErr_SetString(PyExc_TypeError, form);
  return n == wanted;
}

static struct handle *handle_of(struct batch *self, PyObject *container) {
  struct map *map = container_check(self->store, container);
  if (!map || !map->handle->document)
    return map ? map->handle : NULL;
  PyErr_SetString(PyExc_TypeError, "a batch changes maps and arenas, no documents");
  return NULL;
}

/* A change of a key, and perhaps a value; put and append take a value, put and delete a key. */
static PyObject *change(struct batch *self, PyObject *container, PyObject *key, PyObject *value) {
  struct handle *handle = handle_of(self, container);
  struct argument k = {0}, v = {0};
  if (!handle || (key && key_encode(handle, key, &k)))
    return NULL;
  int result = value ? codec_encode(&handle->codec, value, &v) : 0;
  if (result) {
    argument_clear(&k);
    return NULL;
  }
  result = batch_enter(self);
  if (!result) {
    struct copse_batch *batch = self->batch;
    result = !value ? copse_batch_delete(batch, handle->map, k.data, k.size)
             : key  ? copse_batch_put(batch, handle->map, k.data, k.size, v.data, v.size)
                    : copse_batch_append(batch, handle->map, v.data, v.size);
    rest_leave(self);
  }
  argument_clear(&v);
  argument_clear(&k);
  return done(self, result);
}

static PyObject *batch_put(PyObject *self, PyObject *const *args, Py_ssize_t n) {
  if (!count_is(n, 3, "put(map, key, value)"))
    return NULL;
  return change((struct batch *)self, args[0], args[1], args[2]);
}

static PyObject *batch_delete(PyObject *self, PyObject *const *args, Py_ssize_t n) {
  if (!count_is(n, 2, "delete(map, key)"))
    return NULL;
  return change((struct batch *)self, args[0], args[1], NULL);
}

static PyObject *batch_append(PyObject *self, PyObject *const *args, Py_ssize_t n) {
  if (!count_is(n, 2, "append(map, value)"))
    return NULL;
  return change((struct batch *)self, args[0], NULL, args[1]);
}

static PyObject *batch_compare_and_set(PyObject *object, PyObject *const *args, Py_ssize_t n) {
  struct batch *self = (struct batch *)object;
  struct condition c;
  if (!count_is(n, 4, "compare_and_set(map, key, expected, value)"))
    return NULL;
  struct handle *handle = handle_of(self, args[0]);
  if (!handle || condition_init(&c, handle, args + 1))
    return NULL;
  int result = batch_enter(self);
  if (!result) {
    result = copse_batch_compare_and_set(self->batch, handle->map, c.key.data, c.key.size,
                                         c.expected, c.wanted);
    rest_leave(self);
  }
  condition_clear(&c);
  return done(self, result);
}

static PyObject *batch_clear(PyObject *object, PyObject *unused) {
  (void)unused;
  struct batch *self = (struct batch *)object;
  int result = batch_enter(self);
  if (!result) {
    copse_batch_clear(self->batch);
    rest_leave(self);
  }
  return done(self, result);
}

static PyObject *batch_token(PyObject *object, PyObject *args) {
  struct batch *self = (struct batch *)object;
  const char *client;
  unsigned long long number;
  if (!PyArg_ParseTuple(args, "sK", &client, &number))
    return NULL;
  int result = batch_enter(self);
  if (!result) {
    result = copse_batch_token(self->batch, client, number);
    rest_leave(self);
  }
  return done(self, result);
}

/* --- commit and outcome -------------------------------------------------------------- */

/* The arguments of commit() and outcome(): what is waited for, and how long. */
static int wait_arguments(PyObject *const *args, Py_ssize_t n, PyObject *names,
                          enum copse_batch_wait *wait, int64_t *timeout) {
  static const char *const known[] = {"wait", "timeout", NULL};
  static const char *const waits[] = {"accepted", "visible", "durable", NULL};
  PyObject *found[2] = {NULL, NULL};
  if (arguments(args, n, names, known, found))
    return RAISED;
  if (found[0]) {
    int which = choice(found[0], known[0], waits);
    if (which < 0)
      return RAISED;
    *wait = (enum copse_batch_wait)which;
  }
  *timeout = timeout_ns(found[1]);
  return *timeout == -2 ? RAISED : 0;
}

static PyObject *ticket_new(struct store *store, const struct copse_ticket *numbers) {
  PyTypeObject *type = (PyTypeObject *)store->state->ticket_type;
  struct ticket *self = (struct ticket *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
  if (self) {
    Py_INCREF(OBJECT(store));
    self->store = store;
    self->ticket = *numbers;
  }
  return (PyObject *)self;
}

static void ticket_dealloc(PyObject *object) {
  Py_XDECREF(OBJECT(((struct ticket *)object)->store));
  free_object(object);
}

static PyObject *batch_commit(PyObject *object, PyObject *const *args, Py_ssize_t n,
                              PyObject *names) {
  struct batch *self = (struct batch *)object;
  enum copse_batch_wait how = COPSE_BATCH_ACCEPTED;
  int64_t timeout;
  struct copse_ticket ticket = {0};
  if (wait_arguments(args, n, names, &how, &timeout))
    return NULL;
  int result = batch_enter(self);
  if (!result) {
    struct waiting wait = waiting_begin(self->store, timeout);
    do {
      Py_BEGIN_ALLOW_THREADS
      result = copse_batch_commit(self->batch, how, wait.slice, &ticket);
      Py_END_ALLOW_THREADS
    } while (waiting_again(&wait, &result));
    rest_leave(self);
  }
  return result ? done(self, result) : ticket_new(self->store, &ticket);
}

/* A refused batch raises what refused it. */
static PyObject *ticket_outcome(PyObject *object, PyObject *const *args, Py_ssize_t n,
                                PyObject *names) {
  struct ticket *self = (struct ticket *)object;
  struct store *store = self->store;
  enum copse_batch_wait how = COPSE_BATCH_VISIBLE;
  int64_t timeout;
  struct copse_outcome outcome = {0};
  if (wait_arguments(args, n, names, &how, &timeout))
    return NULL;
  int result = store_enter(store);
  if (result)
    return raise_result(store->state, result);
  struct waiting wait = waiting_begin(store, timeout);
  do {
    Py_BEGIN_ALLOW_THREADS
    result = copse_batch_outcome(store->store, &self->ticket, how, wait.slice, &outcome);
    Py_END_ALLOW_THREADS
  } while (waiting_again(&wait, &result));
  store_leave(store);
  if (result == COPSE_NONE)
    Py_RETURN_NONE;
  if (result || outcome.result)
    return raise_result(store->state, result ? result : outcome.result);
  return PyObject_CallFunction(store->state->outcome_type, "IK", outcome.failed,
                               (unsigned long long)outcome.first);
}

/* _combine(timeout, budget in ns): how many were applied */
PyObject *store_combine(PyObject *object, PyObject *args) {
  struct store *self = (struct store *)object;
  PyObject *timeout;
  unsigned long long budget;
  if (!PyArg_ParseTuple(args, "OK", &timeout, &budget))
    return NULL;
  int64_t ns = timeout_ns(timeout);
  uint64_t applied = 0;
  int result = ns == -2 ? RAISED : store_enter(self);
  if (!result) {
    Py_BEGIN_ALLOW_THREADS
    result = copse_combine(self->store, ns, budget, &applied);
    Py_END_ALLOW_THREADS
    store_leave(self);
  }
  return result ? raise_result(self->state, result) : PyLong_FromUnsignedLongLong(applied);
}

static PyMethodDef methods[] = {
    {"put", (PyCFunction)(void (*)(void))batch_put, METH_FASTCALL,
     "put(map, key, value)\n--\n\nAdds: store a value under a key."},
    {"delete", (PyCFunction)(void (*)(void))batch_delete, METH_FASTCALL,
     "delete(map, key)\n--\n\nAdds: delete a key if it is there."},
    {"append", (PyCFunction)(void (*)(void))batch_append, METH_FASTCALL,
     "append(map, value)\n--\n\nAdds: store a value under the key after the greatest one in a map "
     "of\n"
     "uint64 keys; the outcome's first tells which key the first one got."},
    {"compare_and_set", (PyCFunction)(void (*)(void))batch_compare_and_set, METH_FASTCALL,
     "compare_and_set(map, key, expected, value)\n--\n\nAdds: the batch is applied only if the "
     "value\n"
     "is the expected one (None: the key is not there); then sets it (None: deletes it)."},
    {"clear", batch_clear, METH_NOARGS, "clear()\n--\n\nThrows away what was not committed."},
    {"token", batch_token, METH_VARARGS,
     "token(client, number)\n--\n\nMakes the next commit safe to be tried again after a crash of "
     "the\n"
     "machine: a batch whose number is not greater than the client's last one is not applied\n"
     "again."},
    {"commit", (PyCFunction)(void (*)(void))batch_commit, METH_FASTCALL | METH_KEYWORDS,
     "commit(wait='accepted', timeout=None)\n--\n\nCommits and empties the batch; returns a "
     "Ticket.\n\n"
     "wait: \"accepted\" returns at once; \"visible\" waits until new snapshots show it and "
     "raises\n"
     "what refused it; \"durable\" until it survives power cuts. After Timeout it is as it was."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, rest_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    "copse._copse.Batch", sizeof(struct batch), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

static PyMethodDef ticket_methods[] = {
    {"outcome", (PyCFunction)(void (*)(void))ticket_outcome, METH_FASTCALL | METH_KEYWORDS,
     "outcome(wait='visible', timeout=None)\n--\n\nWaits until the batch is visible (or "
     "\"durable\"); "
     "returns its Outcome.\n\n"
     "Raises what refused it, such as Conflict. None: forgotten, since over 1,000 batches were\n"
     "committed after it."},
    {NULL, NULL, 0, NULL},
};

static char ticket_doc[] =
    "A committed batch, whose outcome can be asked for in the process that committed it.";

static PyType_Slot ticket_slots[] = {
    {Py_tp_doc, ticket_doc},
    {Py_tp_dealloc, ticket_dealloc},
    {Py_tp_methods, ticket_methods},
    {0, NULL},
};

static PyType_Spec ticket_spec = {"copse._copse.Ticket", sizeof(struct ticket), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                  ticket_slots};

int batch_types(struct state *state, PyObject *module) {
  state->ticket_type = PyType_FromModuleAndSpec(module, &ticket_spec, NULL);
  if (!state->ticket_type || PyModule_AddType(module, (PyTypeObject *)state->ticket_type))
    return -1;
  return type_add(module, &spec);
}
