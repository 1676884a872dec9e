/* _batch.c - Batch: blind changes of any maps, applied whole and once, not kept waiting. */
#include "_copse.h"

#include <string.h>

struct batch {
  PyObject_HEAD
  struct user user;
  struct store *store;
  pthread_mutex_t lock;
  struct copse_batch *batch;
};

static void end_by_store(struct user *user) {
  struct batch *self = CONTAINER(user, struct batch, user);
  copse_batch_close(self->batch);
  self->batch = NULL;
}

static int batch_enter(struct batch *self) {
  int result = store_enter(self->store);
  if (result)
    return result;
  if (pthread_mutex_trylock(&self->lock) == 0)
    return 0;
  store_leave(self->store);
  PyErr_SetString(PyExc_RuntimeError, "another thread is using this batch; make one for each");
  return RAISED;
}

static PyObject *batch_leave(struct batch *self, int result) {
  pthread_mutex_unlock(&self->lock);
  store_leave(self->store);
  return result ? raise_result(self->store->state, result) : Py_NewRef(Py_None);
}

PyObject *store_batch(PyObject *object, PyObject *unused) {
  (void)unused;
  struct store *store = (struct store *)object;
  PyTypeObject *type = (PyTypeObject *)store->state->batch_type;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct batch *self = (struct batch *)alloc(type, 0);
  if (!self)
    return NULL;
  Py_INCREF(object);
  self->store = store;
  pthread_mutex_init(&self->lock, NULL);
  self->user.end = end_by_store;
  list_add(&store->users, &self->user.node);
  int result = store_enter(store);
  if (!result) {
    result = copse_batch_open(store->store, &self->batch);
    store_leave(store);
  }
  if (!result)
    return (PyObject *)self;
  raise_result(store->state, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

static void batch_dealloc(PyObject *object) {
  struct batch *self = (struct batch *)object;
  if (self->store) {
    if (store_enter_last(self->store, &self->user.node)) {
      end_by_store(&self->user);
      store_leave(self->store);
    }
    pthread_mutex_destroy(&self->lock);
    Py_DECREF(OBJECT(self->store));
  }
  free_object(self);
}

/* --- changes ------------------------------------------------------------------------- */

static struct handle *handle_of(struct batch *self, PyObject *container) {
  struct map *map = container_check(self->store, container);
  return map ? map->handle : NULL;
}

static PyObject *batch_put(PyObject *object, PyObject *args) {
  struct batch *self = (struct batch *)object;
  PyObject *map, *key, *value;
  struct argument k, v;
  if (!PyArg_ParseTuple(args, "OOO", &map, &key, &value))
    return NULL;
  struct handle *handle = handle_of(self, map);
  if (!handle || key_encode(handle, key, &k))
    return NULL;
  PyObject *done = NULL;
  if (!codec_encode(&handle->codec, value, &v)) {
    int result = batch_enter(self);
    done = result ? raise_result(self->store->state, result)
                  : batch_leave(self, copse_batch_put(self->batch, handle->map, k.data, k.size,
                                                      v.data, v.size));
    argument_clear(&v);
  }
  argument_clear(&k);
  return done;
}

static PyObject *batch_delete(PyObject *object, PyObject *args) {
  struct batch *self = (struct batch *)object;
  PyObject *map, *key;
  struct argument k;
  if (!PyArg_ParseTuple(args, "OO", &map, &key))
    return NULL;
  struct handle *handle = handle_of(self, map);
  if (!handle || key_encode(handle, key, &k))
    return NULL;
  int result = batch_enter(self);
  PyObject *done =
      result ? raise_result(self->store->state, result)
             : batch_leave(self, copse_batch_delete(self->batch, handle->map, k.data, k.size));
  argument_clear(&k);
  return done;
}

static PyObject *batch_append(PyObject *object, PyObject *args) {
  struct batch *self = (struct batch *)object;
  PyObject *map, *value;
  struct argument v;
  if (!PyArg_ParseTuple(args, "OO", &map, &value))
    return NULL;
  struct handle *handle = handle_of(self, map);
  if (!handle || codec_encode(&handle->codec, value, &v))
    return NULL;
  int result = batch_enter(self);
  PyObject *done =
      result ? raise_result(self->store->state, result)
             : batch_leave(self, copse_batch_append(self->batch, handle->map, v.data, v.size));
  argument_clear(&v);
  return done;
}

static PyObject *batch_compare_and_set(PyObject *object, PyObject *args) {
  struct batch *self = (struct batch *)object;
  PyObject *map, *key, *objects[2], *done = NULL;
  struct argument k, values[2];
  struct copse_bytes bytes[2];
  if (!PyArg_ParseTuple(args, "OOOO", &map, &key, &objects[0], &objects[1]))
    return NULL;
  struct handle *handle = handle_of(self, map);
  if (!handle || key_encode(handle, key, &k))
    return NULL;
  memset(values, 0, sizeof values);
  int result = 0;
  for (int i = 0; i < 2 && !result; i++) {
    if (objects[i] != Py_None)
      result = codec_encode(&handle->codec, objects[i], &values[i]);
    if (result)
      memset(&values[i], 0, sizeof values[i]);
    bytes[i] = (struct copse_bytes){values[i].data, values[i].size};
  }
  if (!result && !(result = batch_enter(self)))
    done = batch_leave(self, copse_batch_compare_and_set(self->batch, handle->map, k.data, k.size,
                                                         objects[0] == Py_None ? NULL : &bytes[0],
                                                         objects[1] == Py_None ? NULL : &bytes[1]));
  else
    raise_result(self->store->state, result);
  for (int i = 0; i < 2; i++)
    argument_clear(&values[i]);
  argument_clear(&k);
  return done;
}

static PyObject *batch_clear(PyObject *object, PyObject *unused) {
  (void)unused;
  struct batch *self = (struct batch *)object;
  int result = batch_enter(self);
  if (result)
    return raise_result(self->store->state, result);
  copse_batch_clear(self->batch);
  return batch_leave(self, 0);
}

static PyObject *batch_token(PyObject *object, PyObject *args) {
  struct batch *self = (struct batch *)object;
  const char *client;
  unsigned long long number;
  if (!PyArg_ParseTuple(args, "sK", &client, &number))
    return NULL;
  int result = batch_enter(self);
  return result ? raise_result(self->store->state, result)
                : batch_leave(self, copse_batch_token(self->batch, client, number));
}

/* --- commit and outcome -------------------------------------------------------------- */

static int commit(struct batch *self, int what, int64_t timeout, struct copse_ticket *ticket) {
  struct waiting wait = waiting_begin(self->store, timeout);
  int result;
  do {
    Py_BEGIN_ALLOW_THREADS
    result = copse_batch_commit(self->batch, (enum copse_batch_wait)what, wait.slice, ticket);
    Py_END_ALLOW_THREADS
  } while (waiting_again(&wait, &result));
  return result;
}

/* _commit(wait, timeout): the ticket, three numbers */
static PyObject *batch_commit(PyObject *object, PyObject *args) {
  struct batch *self = (struct batch *)object;
  int wait;
  PyObject *timeout;
  if (!PyArg_ParseTuple(args, "iO", &wait, &timeout))
    return NULL;
  int64_t ns = timeout_ns(timeout);
  struct copse_ticket ticket = {0};
  int result = ns == -2 ? RAISED : batch_enter(self);
  if (!result) {
    result = commit(self, wait, ns, &ticket);
    PyObject *done = batch_leave(self, result);
    if (!done)
      return NULL;
    Py_DECREF(done);
    return Py_BuildValue("KKK", (unsigned long long)ticket.owner,
                         (unsigned long long)ticket.sequence, (unsigned long long)ticket.position);
  }
  return raise_result(self->store->state, result);
}

/* _outcome(owner, sequence, position, wait, timeout): (failed, first); None: forgotten. A refused
 * batch raises what refused it. */
PyObject *store_outcome(PyObject *object, PyObject *args) {
  struct store *self = (struct store *)object;
  unsigned long long owner, sequence, position;
  int wait;
  PyObject *timeout;
  if (!PyArg_ParseTuple(args, "KKKiO", &owner, &sequence, &position, &wait, &timeout))
    return NULL;
  struct copse_ticket ticket = {owner, sequence, position};
  struct copse_outcome outcome = {0};
  int64_t ns = timeout_ns(timeout);
  int result = ns == -2 ? RAISED : store_enter(self);
  if (result)
    return raise_result(self->state, result);
  struct waiting slices = waiting_begin(self, ns);
  do {
    Py_BEGIN_ALLOW_THREADS
    result = copse_batch_outcome(self->store, &ticket, (enum copse_batch_wait)wait, slices.slice,
                                 &outcome);
    Py_END_ALLOW_THREADS
  } while (waiting_again(&slices, &result));
  store_leave(self);
  if (result == COPSE_NONE)
    Py_RETURN_NONE;
  if (result || outcome.result)
    return raise_result(self->state, result ? result : outcome.result);
  return Py_BuildValue("IK", outcome.failed, (unsigned long long)outcome.first);
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
    {"put", batch_put, METH_VARARGS,
     "put(map, key, value)\n--\n\nAdds: store a value under a key."},
    {"delete", batch_delete, METH_VARARGS,
     "delete(map, key)\n--\n\nAdds: delete a key if it is there."},
    {"append", batch_append, METH_VARARGS,
     "append(map, value)\n--\n\nAdds: store a value under the key after the greatest one in a map "
     "of\n"
     "uint64 keys; the outcome's first tells which key the first one got."},
    {"compare_and_set", batch_compare_and_set, METH_VARARGS,
     "compare_and_set(map, key, expected, value)\n--\n\nAdds: the batch is applied only if the "
     "value\n"
     "is the expected one (None: the key is not there); then sets it (None: deletes it)."},
    {"clear", batch_clear, METH_NOARGS, "clear()\n--\n\nThrows away what was not committed."},
    {"token", batch_token, METH_VARARGS,
     "token(client, number)\n--\n\nMakes the next commit safe to be tried again after a crash of "
     "the\n"
     "machine: a batch whose number is not greater than the client's last one is not applied\n"
     "again."},
    {"_commit", batch_commit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, batch_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    "copse._copse.Batch", sizeof(struct batch), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int batch_types(struct state *state, PyObject *module) {
  (void)state;
  return type_add(module, &spec);
}
