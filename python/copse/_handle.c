/* _handle.c - handles of maps, arenas and documents: opening, binding to a view, entering for a call.
 *
 * A container that is bound to nothing reads in a momentary snapshot, and writes in a transaction of
 * its own per call. */
#include "_copse.h"

#include <string.h>

/* --- life ---------------------------------------------------------------------------- */

void handle_close(struct handle *handle) {
  if (handle->arena)
    copse_arena_close(handle->arena); /* the map is lent by it */
  else if (handle->document)
    copse_document_close(handle->document);
  else
    copse_map_close(handle->map);
  handle->arena = NULL;
  handle->document = NULL;
  handle->map = NULL;
}

void handle_release(struct handle *handle) {
  if (atomic_fetch_sub(&handle->references, 1) > 1)
    return;
  struct store *store = handle->store;
  if (store_enter_last(store, &handle->node)) {
    handle_close(handle);
    store_leave(store);
  }
  codec_clear(&handle->codec);
  Py_XDECREF(handle->about);
  PyMem_Free(handle);
  Py_DECREF(OBJECT(store));
}

void container_dealloc(PyObject *object) {
  struct map *self = (struct map *)object;
  if (self->handle)
    handle_release(self->handle);
  Py_XDECREF(OBJECT(self->view));
  Py_XDECREF(self->name);
  free_object(self);
}

/* --- opening ------------------------------------------------------------------------- */

/* Borrows the map of what was opened. */
static void lend(struct handle *handle) {
  struct copse_arena *arena = handle->arena;
  if (handle->document)
    arena = copse_tree_arena(copse_document_tree(handle->document));
  if (arena)
    handle->map = copse_arena_map(arena);
}

static int open_one(struct handle *handle, struct copse_view *view, const struct opening *o) {
  const char *name = PyUnicode_AsUTF8AndSize(o->name, NULL);
  int result = o->document ? copse_document_open(view, name, &handle->document)
               : o->arena
                   ? copse_arena_open(view, name, o->checked ? &o->records : NULL, &handle->arena)
                   : copse_map_open(view, name, o->checked ? &o->map : NULL, &handle->map);
  if (!result)
    lend(handle);
  return result;
}

static int create_one(struct handle *handle, const struct opening *o) {
  const char *name = PyUnicode_AsUTF8AndSize(o->name, NULL);
  struct copse_store *store = handle->store->store;
  struct waiting wait = waiting_begin(handle->store, o->timeout);
  int result;
  do {
    Py_BEGIN_ALLOW_THREADS
    result = o->document ? copse_document_ensure(store, name, wait.slice, &handle->document)
             : o->arena  ? copse_arena_ensure(store, name, &o->records, wait.slice, &handle->arena)
                         : copse_map_ensure(store, name, o->checked ? &o->map : NULL, wait.slice,
                                            &handle->map);
    Py_END_ALLOW_THREADS
  } while (waiting_again(&wait, &result));
  if (!result)
    lend(handle);
  return result;
}

static int open_or_create(struct handle *handle, const struct opening *o) {
  struct copse_snapshot *snapshot = NULL;
  struct copse_map_info info;
  int result = copse_snapshot_open(handle->store->store, 0, &snapshot);
  if (result)
    return result;
  result = open_one(handle, copse_snapshot_view(snapshot), o);
  if (result == COPSE_E_NO_MAP && o->create) {
    result = create_one(handle, o);
    if (!result && copse_snapshot_refresh(snapshot) < 0)
      result = COPSE_E_STATE;
  }
  if (!result && !o->arena)
    result = copse_map_info(copse_snapshot_view(snapshot), handle->map, &info);
  if (!result && o->arena) {
    struct copse_arena_info records;
    result = copse_arena_info(copse_snapshot_view(snapshot), handle->arena, &records);
    if (!result)
      handle->codec.size = records.record_size;
  }
  copse_snapshot_close(snapshot);
  if (!result)
    handle->keys = o->arena || o->document                 ? KEYS_U64
                   : info.key_encoding == COPSE_KEYS_TUPLE ? KEYS_TUPLE
                   : info.key_kind == COPSE_KEY_U64        ? KEYS_U64
                                                           : KEYS_BYTES;
  return result;
}

PyObject *container_open(PyTypeObject *type, PyObject *object, struct opening *opening,
                         const char *layout) {
  PyObject *module = module_of(type);
  struct state *state = module ? PyModule_GetState(module) : NULL;
  if (!state || PyObject_IsInstance(object, state->store_type) != 1) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_TypeError, "containers are made by store.map(), store.arena() and "
                                       "store.document()");
    return NULL;
  }
  struct store *store = (struct store *)object;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct map *self = (struct map *)alloc(type, 0);
  struct handle *handle = self ? PyMem_Calloc(1, sizeof *handle) : NULL;
  if (!handle) {
    Py_XDECREF(OBJECT(self));
    return self ? PyErr_NoMemory() : NULL;
  }
  self->handle = handle;
  self->name = Py_NewRef(opening->name);
  atomic_init(&handle->references, 1);
  Py_INCREF(OBJECT(store));
  handle->store = store;
  list_add(&store->maps, &handle->node);
  struct copse_layout *parsed = NULL;
  int result = store_enter(store);
  if (!result) {
    result = layout ? copse_layout_parse(layout, &parsed) : 0;
    opening->map.layout = opening->records.layout = parsed;
    if (!result)
      result = open_or_create(handle, opening);
    copse_layout_free(parsed);
    store_leave(store);
  }
  if (!result)
    return (PyObject *)self;
  raise_result(store->state, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

/* --- binding ------------------------------------------------------------------------- */

/* A map, arena or document of this store, or NULL with an exception. */
struct map *container_check(struct store *store, PyObject *object) {
  const struct state *state = store->state;
  bool is_one = PyObject_TypeCheck(object, (PyTypeObject *)state->map_type) ||
                PyObject_TypeCheck(object, (PyTypeObject *)state->arena_type) ||
                PyObject_TypeCheck(object, (PyTypeObject *)state->document_type);
  if (is_one && ((struct map *)object)->handle->store == store)
    return (struct map *)object;
  PyErr_SetString(PyExc_TypeError, is_one ? "the container is of another store (or of another "
                                            "handle of it)"
                                          : "a map, an arena or a document is expected");
  return NULL;
}

PyObject *container_bind(PyObject *object, struct view *view) {
  struct map *map = container_check(view->store, object);
  if (!map)
    return NULL;
  PyTypeObject *type = Py_TYPE(object);
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct map *self = (struct map *)alloc(type, 0);
  if (!self)
    return NULL;
  atomic_fetch_add(&map->handle->references, 1);
  self->handle = map->handle;
  self->name = Py_NewRef(map->name);
  self->view = (struct view *)Py_NewRef(OBJECT(view));
  return (PyObject *)self;
}

/* --- access -------------------------------------------------------------------------- */

int access_read(struct map *map, struct access *access) {
  memset(access, 0, sizeof *access);
  if (map->view) {
    int result = view_enter(map->view);
    if (!result) {
      access->view = map->view;
      access->reads = map->view->view;
    }
    return result;
  }
  int result = store_enter(map->handle->store);
  if (result)
    return result;
  access->store = map->handle->store;
  result = copse_snapshot_open(access->store->store, 0, &access->snapshot);
  if (result)
    store_leave(access->store);
  else
    access->reads = copse_snapshot_view(access->snapshot);
  return result;
}

int access_write(struct map *map, struct access *access) {
  memset(access, 0, sizeof *access);
  if (map->view && !map->view->writes) {
    PyErr_SetString(PyExc_TypeError, "a snapshot is read-only; write in a transaction "
                                     "(store.write()) or to the map itself");
    return RAISED;
  }
  if (map->view) {
    int result = access_read(map, access);
    if (!result)
      access->txn = map->view->txn;
    return result;
  }
  int result = store_enter(map->handle->store);
  if (result)
    return result;
  access->store = map->handle->store;
  result = txn_begin(access->store, -1, &access->txn);
  if (result)
    store_leave(access->store);
  else
    access->reads = copse_txn_view(access->txn);
  return result;
}

int access_end(struct access *access, int result) {
  if (access->view) {
    view_leave(access->view);
    return result;
  }
  if (access->snapshot) {
    copse_snapshot_close(access->snapshot);
  } else if (result == 0) {
    Py_BEGIN_ALLOW_THREADS
    result = copse_txn_commit(access->txn, NULL);
    Py_END_ALLOW_THREADS
  } else {
    copse_txn_abort(access->txn);
  }
  store_leave(access->store);
  return result;
}

/* --- what it is, and its name --------------------------------------------------------- */

/* Once, before the map is given to anybody. about: what the package wants to remember. */
PyObject *container_set_codec(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *spec, *about;
  if (!PyArg_ParseTuple(args, "OO", &spec, &about))
    return NULL;
  if (self->handle->about) {
    PyErr_SetString(PyExc_RuntimeError, "the container knows its records already");
    return NULL;
  }
  if (codec_init(self->handle->store->state, &self->handle->codec, spec))
    return NULL;
  self->handle->about = Py_NewRef(about);
  Py_RETURN_NONE;
}

static PyObject *container_about(PyObject *object, void *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  return Py_NewRef(self->handle->about ? self->handle->about : Py_None);
}

/* (id, key kind, value size, layout as text or None, count, changed) */
PyObject *container_info(PyObject *object, PyObject *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  struct access access;
  struct copse_map_info info;
  struct copse_layout *layout = NULL;
  char *text = NULL;
  int result = access_read(self, &access);
  if (!result) {
    result = copse_map_info(access.reads, self->handle->map, &info);
    if (!result && info.has_layout)
      result = copse_map_layout(access.reads, self->handle->map, &layout);
    result = access_end(&access, result);
  }
  if (result)
    return raise_result(self->handle->store->state, result);
  if (layout) {
    size_t size = copse_layout_format(layout, NULL, 0) + 1;
    text = PyMem_Malloc(size);
    if (text)
      copse_layout_format(layout, text, size);
    copse_layout_free(layout);
    if (!text)
      return PyErr_NoMemory();
  }
  PyObject *tuple =
      Py_BuildValue("IIIzKK", info.id, (unsigned)self->handle->keys, info.value_size, text,
                    (unsigned long long)info.count, (unsigned long long)info.changed);
  PyMem_Free(text);
  return tuple;
}

static PyObject *container_bound_to(PyObject *object, void *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  return Py_NewRef(self->view ? (PyObject *)self->view : Py_None);
}

static PyObject *container_store(PyObject *object, void *unused) {
  (void)unused;
  return Py_NewRef(OBJECT(((struct map *)object)->handle->store));
}

/* _alter(new name or None): renames or drops it */
PyObject *container_alter(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct access access;
  const char *name;
  if (!PyArg_ParseTuple(args, "z", &name))
    return NULL;
  int result = access_write(self, &access);
  if (!result)
    result = access_end(&access, name ? copse_map_rename(access.txn, self->handle->map, name)
                                      : copse_map_drop(access.txn, self->handle->map));
  return result ? raise_result(self->handle->store->state, result) : Py_NewRef(Py_None);
}

PyMemberDef container_members[] = {
    {"name", T_OBJECT, offsetof(struct map, name), READONLY, "The name in the store."},
    {NULL, 0, 0, 0, NULL},
};

PyGetSetDef container_getset[] = {
    {"_about", container_about, NULL, NULL, NULL},
    {"bound_to", container_bound_to, NULL,
     "The snapshot or transaction that it is bound to, or None.", NULL},
    {"store", container_store, NULL, "The store.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
