/* _reserve.c - Reservation: room in an arena that this process fills with no lock held. */
#include "_copse.h"

#include <string.h>

struct reservation {
  REST_HEAD
  struct copse_reservation *reservation; /* NULL: thrown away */
  uint64_t count;
  bool published; /* by a transaction, which may be aborted yet: then it can be published again */
  unsigned forks; /* fork_count when it was made: a child's writes would go to the parent's room */
};

static void end_by_store(struct user *user) {
  struct reservation *self = CONTAINER(user, struct reservation, user);
  copse_reservation_close(self->reservation);
  self->reservation = NULL;
}

static int enter(struct reservation *self) {
  int result = rest_enter(self, "another thread is using this reservation");
  if (result || (self->reservation && self->forks == atomic_load(&fork_count)))
    return result;
  return rest_refuse(self, self->reservation
                               ? "the reservation belongs to the parent process; make one here"
                               : "the reservation was thrown away; make a new one");
}

/* arena._reserve(count, timeout) */
PyObject *arena_reserve(PyObject *object, PyObject *args) {
  struct map *arena = (struct map *)object;
  struct store *store = arena->handle->store;
  unsigned long long count;
  PyObject *timeout;
  if (!PyArg_ParseTuple(args, "KO", &count, &timeout))
    return NULL;
  int64_t ns = timeout_ns(timeout);
  struct reservation *self =
      ns == -2 ? NULL
               : rest_new(store->state->reservation_type, store, arena->handle, end_by_store);
  if (!self)
    return NULL;
  self->count = count;
  self->forks = atomic_load(&fork_count);
  int result = store_enter(store);
  if (!result) {
    struct waiting wait = waiting_begin(store, ns);
    do {
      Py_BEGIN_ALLOW_THREADS
      result = copse_arena_reserve(arena->handle->arena, count, wait.slice, &self->reservation);
      Py_END_ALLOW_THREADS
    } while (waiting_again(&wait, &result));
    store_leave(store);
  }
  return rest_finish(self, result);
}

/* _write(rows, at): copies records to their places; no lock of the store is held. */
static PyObject *reservation_write(PyObject *object, PyObject *args) {
  struct reservation *self = (struct reservation *)object;
  unsigned long long at;
  PyObject *rows;
  Py_buffer buffer;
  if (!PyArg_ParseTuple(args, "OK", &rows, &at) ||
      PyObject_GetBuffer(rows, &buffer, PyBUF_C_CONTIGUOUS))
    return NULL;
  size_t size = self->handle->codec.size;
  uint64_t count = (uint64_t)buffer.len / size, done = 0;
  int result = RAISED;
  if ((size_t)buffer.len % size || count > self->count || at > self->count - count) {
    PyErr_Format(PyExc_ValueError,
                 "%llu records from number %llu on do not fit into a reservation of "
                 "%llu",
                 (unsigned long long)count, at, (unsigned long long)self->count);
  } else if (self->published) {
    PyErr_SetString(self->store->state->closed_type,
                    "the reservation was published; make a new one");
  } else if (!(result = enter(self))) {
    Py_BEGIN_ALLOW_THREADS
    while (done < count && !result) {
      void *records;
      uint64_t room;
      result = copse_reservation_piece(self->reservation, at + done, &records, &room);
      if (result)
        break;
      room = room < count - done ? room : count - done;
      memcpy(records, (const uint8_t *)buffer.buf + done * size, (size_t)room * size);
      done += room;
    }
    Py_END_ALLOW_THREADS
    rest_leave(self);
  }
  PyBuffer_Release(&buffer);
  return result ? raise_result(self->store->state, result) : Py_NewRef(Py_None);
}

/* _publish(arena bound to the transaction, count): the first index */
static PyObject *reservation_publish(PyObject *object, PyObject *args) {
  struct reservation *self = (struct reservation *)object;
  unsigned long long count;
  PyObject *arena_object;
  uint64_t first = 0;
  struct access access;
  if (!PyArg_ParseTuple(args, "OK", &arena_object, &count))
    return NULL;
  struct map *arena = container_check(self->store, arena_object);
  if (!arena)
    return NULL;
  if (!arena->view || !arena->view->writes) {
    PyErr_SetString(PyExc_TypeError, "publish in a transaction: txn.publish(reservation)");
    return NULL;
  }
  int result = enter(self);
  if (result)
    return raise_result(self->store->state, result);
  if (!(result = access_write(arena, &access))) {
    result = copse_reservation_publish(access.txn, self->reservation, count, &first);
    result = access_end(&access, result);
  }
  self->published = self->published || !result;
  rest_leave(self);
  return result ? raise_result(self->store->state, result) : PyLong_FromUnsignedLongLong(first);
}

/* Throws away what was not published. After a publication it ends with the object: until the
 * transaction's end the library needs it. */
static PyObject *reservation_close(PyObject *object, PyObject *unused) {
  (void)unused;
  struct reservation *self = (struct reservation *)object;
  int result = enter(self);
  if (result == RAISED)
    PyErr_Clear();
  if (!result) {
    if (!self->published)
      end_by_store(&self->user);
    rest_leave(self);
  }
  Py_RETURN_NONE;
}

static Py_ssize_t reservation_length(PyObject *self) {
  return (Py_ssize_t)((struct reservation *)self)->count;
}

static PyObject *reservation_arena(PyObject *object, void *unused) {
  (void)unused;
  return Py_NewRef(((struct reservation *)object)->handle->about);
}

static PyMethodDef methods[] = {
    {"_write", reservation_write, METH_VARARGS, NULL},
    {"_publish", reservation_publish, METH_VARARGS, NULL},
    {"_close", reservation_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"_about", reservation_arena, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_getset, getset},
    {Py_tp_dealloc, rest_dealloc},
    {Py_tp_methods, methods},
    {Py_mp_length, reservation_length},
    {0, NULL},
};

static PyType_Spec spec = {
    "copse._copse.Reservation", sizeof(struct reservation), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int reservation_types(struct state *state, PyObject *module) {
  (void)state;
  return type_add(module, &spec);
}
