/* _view.c - Snapshot and Txn: what can be read, and what can be written. */
#include "_copse.h"

/* --- entering ------------------------------------------------------------------------ */

static int ended(struct view *self) {
  PyErr_SetString(self->store->state->closed_type,
                  self->writes ? "the transaction has ended; begin a new one"
                               : "the snapshot was closed; open a new one");
  return RAISED;
}

int view_lock(struct view *self) {
  if (store_enter(self->store))
    return CLOSED;
  if (pthread_mutex_trylock(&self->lock)) {
    if (atomic_load(&self->forks) != atomic_load(&fork_count) ||
        atomic_load(&self->holder) == PyThread_get_thread_ident()) {
      store_leave(self->store);
      return LOST;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&self->lock);
    Py_END_ALLOW_THREADS
  }
  atomic_store(&self->forks, atomic_load(&fork_count));
  atomic_store(&self->holder, PyThread_get_thread_ident());
  return 0;
}

int view_enter(struct view *self) {
  int result = view_lock(self);
  if (result == LOST) {
    PyErr_SetString(self->store->state->error_type,
                    "this is in use by a thread that a fork ended, or by what a finalizer of this "
                    "thread interrupted; open a new one");
    return RAISED;
  }
  if (result || self->view)
    return result;
  view_leave(self);
  return ended(self);
}

void view_leave(struct view *self) {
  atomic_store(&self->holder, 0);
  pthread_mutex_unlock(&self->lock);
  store_leave(self->store);
}

int view_end(struct view *self, bool commit, uint64_t *version) {
  for (struct node *node; (node = list_take(&self->cursors));) {
    struct user *user = CONTAINER(node, struct user, node);
    user->end(user);
  }
  int result = 0;
  if (self->snapshot)
    copse_snapshot_close(self->snapshot);
  else if (self->txn && commit)
    result = copse_txn_commit(self->txn, version);
  else
    copse_txn_abort(self->txn);
  self->snapshot = NULL;
  self->txn = NULL;
  self->view = NULL;
  return result;
}

static void end_by_store(struct user *user) {
  (void)view_end(CONTAINER(user, struct view, user), false, NULL);
}

static struct view *view_new(PyObject *type, struct store *store, bool writes) {
  struct view *self = rest_new(type, store, NULL, end_by_store);
  if (!self)
    return NULL;
  self->writes = writes;
  atomic_init(&self->forks, atomic_load(&fork_count));
  self->cursors.prev = self->cursors.next = &self->cursors;
  return self;
}

/* --- snapshots ----------------------------------------------------------------------- */

PyObject *snapshot_new(struct store *store, uint32_t flags) {
  struct view *self = view_new(store->state->snapshot_type, store, false);
  if (!self)
    return NULL;
  int result = store_enter(store);
  if (!result) {
    result = copse_snapshot_open(store->store, flags, &self->snapshot);
    if (!result)
      self->view = copse_snapshot_view(self->snapshot);
    self->oustable = flags & COPSE_SNAPSHOT_OUSTABLE;
    store_leave(store);
  }
  return rest_finish(self, result);
}

static PyObject *snapshot_refresh(PyObject *object, PyObject *unused) {
  (void)unused;
  struct view *self = (struct view *)object;
  int result = view_enter(self);
  if (!result) {
    result = copse_snapshot_refresh(self->snapshot);
    view_leave(self);
  }
  return result < 0 ? raise_result(self->store->state, result) : PyBool_FromLong(result == 0);
}

static PyObject *view_close(PyObject *object, PyObject *unused) {
  (void)unused;
  struct view *self = (struct view *)object;
  int result = view_enter(self);
  if (result == RAISED) { /* ended before */
    PyErr_Clear();
    Py_RETURN_NONE;
  }
  if (!result) {
    (void)view_end(self, false, NULL);
    view_leave(self);
  }
  Py_RETURN_NONE;
}

static PyObject *snapshot_number(PyObject *object, void *which) {
  struct view *self = (struct view *)object;
  int result = view_enter(self);
  if (result)
    return raise_result(self->store->state, result);
  uint64_t number =
      which ? copse_snapshot_time_ns(self->snapshot) : copse_snapshot_version(self->snapshot);
  view_leave(self);
  return PyLong_FromUnsignedLongLong(number);
}

/* --- transactions -------------------------------------------------------------------- */

int txn_begin(struct store *store, int64_t timeout, struct copse_txn **txn) {
  struct waiting wait = waiting_begin(store, timeout);
  int result;
  do {
    Py_BEGIN_ALLOW_THREADS
    result = copse_txn_begin(store->store, wait.slice, txn);
    Py_END_ALLOW_THREADS
  } while (waiting_again(&wait, &result));
  return result;
}

PyObject *txn_new(struct store *store, int64_t timeout) {
  struct view *self = view_new(store->state->txn_type, store, true);
  if (!self)
    return NULL;
  int result = store_enter(store);
  if (!result) {
    result = txn_begin(store, timeout, &self->txn);
    if (!result)
      self->view = copse_txn_view(self->txn);
    store_leave(store);
  }
  return rest_finish(self, result);
}

static PyObject *txn_commit(PyObject *object, PyObject *unused) {
  (void)unused;
  struct view *self = (struct view *)object;
  uint64_t version = 0;
  int result = view_enter(self);
  if (!result) {
    Py_BEGIN_ALLOW_THREADS
    result = view_end(self, true, &version);
    Py_END_ALLOW_THREADS
    view_leave(self);
  }
  return result ? raise_result(self->store->state, result) : PyLong_FromUnsignedLongLong(version);
}

static PyObject *txn_exit(PyObject *self, PyObject *args) {
  PyObject *type = PyTuple_GetItem(args, 0);
  if (!type)
    return NULL;
  if (type != Py_None || !((struct view *)self)->view)
    return view_close(self, NULL);
  PyObject *version = txn_commit(self, NULL);
  if (!version)
    return NULL;
  Py_DECREF(version);
  Py_RETURN_NONE;
}

static PyObject *txn_savepoint(PyObject *object, PyObject *args) {
  struct view *self = (struct view *)object;
  int what, result;
  if (!PyArg_ParseTuple(args, "i", &what))
    return NULL;
  if ((result = view_enter(self)))
    return raise_result(self->store->state, result);
  result = what == 0   ? copse_savepoint(self->txn)
           : what == 1 ? copse_savepoint_rollback(self->txn)
                       : copse_savepoint_release(self->txn);
  view_leave(self);
  if (result)
    return raise_result(self->store->state, result);
  Py_RETURN_NONE;
}

/* --- both ---------------------------------------------------------------------------- */

static PyObject *view_bind(PyObject *object, PyObject *key) {
  struct view *self = (struct view *)object;
  if (PyObject_TypeCheck(key, (PyTypeObject *)self->store->state->node_type))
    return node_bind(key, self);
  return container_bind(key, self);
}

static PyObject *enter(PyObject *self, PyObject *unused) {
  (void)unused;
  return Py_NewRef(self);
}

static PyObject *view_store(PyObject *self, void *unused) {
  (void)unused;
  return Py_NewRef(OBJECT(((struct view *)self)->store));
}

static PyObject *view_closed(PyObject *self, void *unused) {
  (void)unused;
  struct view *view = (struct view *)self;
  return PyBool_FromLong(!view->view || atomic_load(&view->store->closing));
}

static PyMethodDef snapshot_methods[] = {
    {"refresh", snapshot_refresh, METH_NOARGS,
     "refresh()\n--\n\nMoves to the newest version; False when there is none newer. Iterations\n"
     "that are under way end with an error."},
    {"close", view_close, METH_NOARGS, "close()\n--\n\nEnds the snapshot. Twice is allowed."},
    {"_bind", view_bind, METH_O, NULL},
    {"maps", view_maps, METH_NOARGS, "maps()\n--\n\nThe names of all maps, in order."},
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)view_close, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef snapshot_getset[] = {
    {"version", snapshot_number, NULL, "The version that it shows.", NULL},
    {"time_ns", snapshot_number, NULL, "When that was committed, in ns since 1970.", (void *)1},
    {"store", view_store, NULL, "The store.", NULL},
    {"closed", view_closed, NULL, "Whether it has ended.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef txn_methods[] = {
    {"commit", txn_commit, METH_NOARGS,
     "commit()\n--\n\nMakes every change visible at once; returns the new version. Ends the\n"
     "transaction, also when it raises (then nothing is changed)."},
    {"abort", view_close, METH_NOARGS,
     "abort()\n--\n\nEnds the transaction without a trace. Nothing to do when it has ended."},
    {"_savepoint", txn_savepoint, METH_VARARGS, NULL},
    {"_bind", view_bind, METH_O, NULL},
    {"maps", view_maps, METH_NOARGS, "maps()\n--\n\nThe names of all maps, in order."},
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", txn_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef txn_getset[] = {
    {"store", view_store, NULL, "The store.", NULL},
    {"closed", view_closed, NULL, "Whether it has ended.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot snapshot_slots[] = {
    {Py_tp_dealloc, rest_dealloc},
    {Py_tp_methods, snapshot_methods},
    {Py_tp_getset, snapshot_getset},
    {0, NULL},
};

static PyType_Slot txn_slots[] = {
    {Py_tp_dealloc, rest_dealloc},
    {Py_tp_methods, txn_methods},
    {Py_tp_getset, txn_getset},
    {0, NULL},
};

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec specs[] = {
    {"copse._copse.Snapshot", sizeof(struct view), 0, FLAGS, snapshot_slots},
    {"copse._copse.Txn", sizeof(struct view), 0, FLAGS, txn_slots},
};

int view_types(struct state *state, PyObject *module) {
  (void)state;
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
    if (type_add(module, &specs[i]))
      return -1;
  return 0;
}
