/* _rest.c - what views, batches, watches and reservations have in common: they rest on a store, which ends
 * them when it is closed before they are freed, and are used by one thread at a time. */
#include "_copse.h"

void *rest_new(PyObject *type, struct store *store, struct handle *handle,
               void (*end)(struct user *user)) {
  allocfunc alloc = (allocfunc)PyType_GetSlot((PyTypeObject *)type, Py_tp_alloc);
  struct rest *self = (struct rest *)alloc((PyTypeObject *)type, 0);
  if (!self)
    return NULL;
  Py_INCREF(OBJECT(store));
  self->store = store;
  self->handle = handle;
  if (handle)
    atomic_fetch_add(&handle->references, 1);
  pthread_mutex_init(&self->lock, NULL);
  self->user.end = end;
  list_add(&store->users, &self->user.node);
  return self;
}

PyObject *rest_finish(void *object, int result) {
  struct rest *self = object;
  if (!result)
    return object;
  raise_result(self->store->state, result);
  Py_DECREF(OBJECT(self));
  return NULL;
}

void rest_dealloc(PyObject *object) {
  struct rest *self = (struct rest *)object;
  if (store_enter_last(self->store, &self->user.node)) {
    self->user.end(&self->user);
    store_leave(self->store);
  }
  pthread_mutex_destroy(&self->lock);
  if (self->handle)
    handle_release(self->handle);
  Py_DECREF(OBJECT(self->store));
  free_object(self);
}

int rest_enter(void *object, const char *busy) {
  struct rest *self = object;
  int result = store_enter(self->store);
  if (result)
    return result;
  if (pthread_mutex_trylock(&self->lock) == 0)
    return 0;
  store_leave(self->store);
  PyErr_SetString(PyExc_RuntimeError, busy);
  return RAISED;
}

void rest_leave(void *object) {
  struct rest *self = object;
  pthread_mutex_unlock(&self->lock);
  store_leave(self->store);
}

int rest_refuse(void *object, const char *sentence) {
  struct rest *self = object;
  rest_leave(self);
  PyErr_SetString(self->store->state->closed_type, sentence);
  return RAISED;
}
