/* _store.c - Store: opening and closing, what rests on it, forks. */
#include "_copse.h"

#include <time.h>

atomic_uint fork_count;
static pthread_mutex_t lists = PTHREAD_MUTEX_INITIALIZER; /* guards all lists of nodes */
static struct node stores = {&stores, &stores};

/* --- lists --------------------------------------------------------------------------- */

void list_add(struct node *list, struct node *node) {
  pthread_mutex_lock(&lists);
  node->prev = list;
  node->next = list->next;
  list->next->prev = node;
  list->next = node;
  pthread_mutex_unlock(&lists);
}

static void unlink_node(struct node *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  node->prev = node->next = node;
}

void list_remove(struct node *node) {
  pthread_mutex_lock(&lists);
  unlink_node(node);
  pthread_mutex_unlock(&lists);
}

struct node *list_take(struct node *list) {
  pthread_mutex_lock(&lists);
  struct node *node = list->next != list ? list->next : NULL;
  if (node)
    unlink_node(node);
  pthread_mutex_unlock(&lists);
  return node;
}

/* --- forks --------------------------------------------------------------------------- */

static void before_fork(void) { pthread_mutex_lock(&lists); }
static void after_fork_parent(void) { pthread_mutex_unlock(&lists); }

/* The other threads are gone. A store that one of them was closing counts as closed. */
static void after_fork_child(void) {
  atomic_fetch_add(&fork_count, 1);
  for (struct node *node = stores.next; node != &stores; node = node->next) {
    struct store *store = CONTAINER(node, struct store, all);
    atomic_store(&store->inside, 0);
    if (atomic_load(&store->closing))
      atomic_store(&store->closed, true);
  }
  pthread_mutex_unlock(&lists);
}

void store_at_fork(void) { pthread_atfork(before_fork, after_fork_parent, after_fork_child); }

/* --- entering and leaving ------------------------------------------------------------ */

int store_enter(struct store *self) {
  atomic_fetch_add(&self->inside, 1);
  if (!atomic_load(&self->closing))
    return 0;
  atomic_fetch_sub(&self->inside, 1);
  return CLOSED;
}

void store_leave(struct store *self) { atomic_fetch_sub(&self->inside, 1); }

static void pause_a_little(void) {
  struct timespec time = {0, 200000};
  nanosleep(&time, NULL);
}

bool store_enter_last(struct store *self, struct node *node) {
  bool entered = store_enter(self) == 0;
  if (!entered && !atomic_load(&self->closed)) {
    Py_BEGIN_ALLOW_THREADS
    while (!atomic_load(&self->closed))
      pause_a_little();
    Py_END_ALLOW_THREADS
  }
  list_remove(node);
  return entered;
}

/* Without the GIL. The second of two that close waits for the first. */
static int close_store(struct store *self) {
  if (atomic_exchange(&self->closing, true)) {
    while (!atomic_load(&self->closed))
      pause_a_little();
    return 0;
  }
  while (atomic_load(&self->inside))
    pause_a_little();
  for (struct node *node; (node = list_take(&self->users));) {
    struct user *user = CONTAINER(node, struct user, node);
    user->end(user);
  }
  for (struct node *node; (node = list_take(&self->maps));)
    handle_close(CONTAINER(node, struct handle, node));

  list_remove(&self->all);
  int result = self->store ? copse_store_close(self->store) : 0;
  self->store = NULL;
  atomic_store(&self->closed, true);
  return result;
}

/* --- waiting ------------------------------------------------------------------------- */

static int64_t slice_of(int64_t left) {
  const int64_t longest = 500000000;
  return left < 0 || left > longest ? longest : left;
}

struct waiting waiting_begin(struct store *store, int64_t timeout) {
  return (struct waiting){store, timeout, slice_of(timeout)};
}

bool waiting_again(struct waiting *wait, int *result) {
  if (*result != COPSE_E_TIMEOUT && *result != COPSE_E_INTERRUPTED)
    return false;
  if (PyErr_CheckSignals()) {
    *result = RAISED;
    return false;
  }
  if (atomic_load(&wait->store->closing)) {
    *result = CLOSED;
    return false;
  }
  if (*result == COPSE_E_TIMEOUT && wait->left >= 0) {
    wait->left -= wait->slice;
    if (wait->left <= 0)
      return false;
    wait->slice = slice_of(wait->left);
  }
  return true;
}

/* --- the type ------------------------------------------------------------------------ */

/* The module that a class comes from; the class may be one of the package, made of ours. */
PyObject *module_of(PyTypeObject *type) {
  PyObject *module;
  while (!(module = PyType_GetModule(type)) && type) {
    PyErr_Clear();
    type = PyType_GetSlot(type, Py_tp_base);
  }
  return module;
}

static PyObject *store_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static const char *const names[] = {
      "path",           "flags",      "durability",       "max_bytes",
      "reserve_bytes",  "mode",       "slow_reader",      "slow_reader_bytes",
      "prefault_bytes", "sync_bytes", "sync_interval_ms", "long_hold_ns",
      "file_bytes",     NULL};
  PyObject *path;
  struct copse_store_options o = {0};
  unsigned long long max = 0, reserve = 0, slow = 0, prefault = 0, sync = 0, hold = 0, file = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|IIKKIIKKKIKK", NAMES(names), &path, &o.flags,
                                   &o.durability, &max, &reserve, &o.mode, &o.slow_reader, &slow,
                                   &prefault, &sync, &o.sync_interval_ms, &hold, &file))
    return NULL;
  o.max_bytes = max, o.reserve_bytes = reserve, o.slow_reader_bytes = slow;
  o.prefault_bytes = prefault, o.sync_bytes = sync, o.long_hold_ns = hold;
  o.file_bytes = file;
  PyObject *bytes = NULL;
  if (path != Py_None && !PyUnicode_FSConverter(path, &bytes))
    return NULL;
  PyObject *module = module_of(type);
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct store *self = module ? (struct store *)alloc(type, 0) : NULL;
  if (!self) {
    Py_XDECREF(bytes);
    return NULL;
  }
  self->module = Py_NewRef(module);
  self->state = PyModule_GetState(module);
  self->users.prev = self->users.next = &self->users;
  self->maps.prev = self->maps.next = &self->maps;
  const char *text = bytes ? PyBytes_AsString(bytes) : NULL;
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = copse_store_open(text, &o, &self->store);
  Py_END_ALLOW_THREADS
  list_add(&stores, &self->all);
  Py_XDECREF(bytes);
  if (!result)
    return (PyObject *)self;
  raise_result(self->state, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

static void store_dealloc(PyObject *object) {
  struct store *self = (struct store *)object;
  if (self->module) {
    Py_BEGIN_ALLOW_THREADS(void)
    close_store(self);
    Py_END_ALLOW_THREADS
  }
  Py_XDECREF(self->module);
  free_object(self);
}

static PyObject *store_close(PyObject *object, PyObject *unused) {
  (void)unused;
  struct store *self = (struct store *)object;
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = close_store(self);
  Py_END_ALLOW_THREADS
  if (result)
    return raise_result(self->state, result);
  Py_RETURN_NONE;
}

static PyObject *store_snapshot(PyObject *self, PyObject *args) {
  unsigned flags = 0;
  if (!PyArg_ParseTuple(args, "|I", &flags))
    return NULL;
  return snapshot_new((struct store *)self, flags);
}

static PyObject *store_write(PyObject *self, PyObject *args, PyObject *kwargs) {
  static const char *const names[] = {"timeout", NULL};
  PyObject *timeout = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O", NAMES(names), &timeout))
    return NULL;
  int64_t ns = timeout_ns(timeout);
  return ns == -2 ? NULL : txn_new((struct store *)self, ns);
}

static PyObject *store_sync(PyObject *object, PyObject *unused) {
  (void)unused;
  struct store *self = (struct store *)object;
  uint64_t version = 0;
  int result = store_enter(self);
  if (!result) {
    Py_BEGIN_ALLOW_THREADS
    result = copse_store_sync(self->store, &version);
    Py_END_ALLOW_THREADS
    store_leave(self);
  }
  return result ? raise_result(self->state, result) : PyLong_FromUnsignedLongLong(version);
}

static PyObject *store_version(PyObject *object, void *unused) {
  (void)unused;
  struct store *self = (struct store *)object;
  int result = store_enter(self);
  if (result)
    return raise_result(self->state, result);
  uint64_t version = copse_store_version(self->store);
  store_leave(self);
  return PyLong_FromUnsignedLongLong(version);
}

static PyObject *store_closed(PyObject *self, void *unused) {
  (void)unused;
  return PyBool_FromLong(atomic_load(&((struct store *)self)->closing));
}

static PyMethodDef methods[] = {
    {"close", store_close, METH_NOARGS,
     "close()\n--\n\nEnds this process's use of the store, and with it every snapshot,\n"
     "transaction, cursor and watch of this handle: using them raises copse.Closed.\n"
     "Waits for calls of other threads. Closing twice is allowed."},
    {"_snapshot", store_snapshot, METH_VARARGS, NULL},
    {"write", (PyCFunction)(void (*)(void))store_write, METH_VARARGS | METH_KEYWORDS,
     "write(timeout=None)\n--\n\nBegins the store's one write transaction and returns it (Txn).\n"
     "Waits for other writers, fairly queued, for at most timeout seconds (None: as long as\n"
     "it takes): copse.Timeout. As a context manager it commits at the end of the block, and\n"
     "aborts when an exception leaves it."},
    {"sync", store_sync, METH_NOARGS,
     "sync()\n--\n\nMakes everything committed so far durable; returns the version that is."},
    {"_lease_bounds", store_lease_bounds, METH_VARARGS, NULL},
    {"_leases", store_leases, METH_NOARGS, NULL},
    {"_batch", store_batch, METH_NOARGS, NULL},
    {"_combine", store_combine, METH_VARARGS, NULL},
    {"_wait", store_wait, METH_VARARGS, NULL},
    {"_stats", store_stats, METH_NOARGS, NULL},
    {"_readers", store_readers, METH_NOARGS, NULL},
    {"_check", store_check, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"version", store_version, NULL, "The newest committed version.", NULL},
    {"closed", store_closed, NULL, "Whether close() was called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, store_new},
    {Py_tp_dealloc, store_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "copse._copse.Store",
    .basicsize = sizeof(struct store),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

int store_types(struct state *state, PyObject *module) {
  state->store_type = PyType_FromModuleAndSpec(module, &spec, NULL);
  return state->store_type ? PyModule_AddType(module, (PyTypeObject *)state->store_type) : -1;
}
