/* _inspect.c - what a store knows of itself: statistics, readers, the checker; waiting for commits. */
#include "_copse.h"

#include <stdlib.h>
#include <string.h>

/* Adds an item of a dict; value is taken. */
static int set(PyObject *dict, const char *name, PyObject *value) {
  int result = value ? PyDict_SetItemString(dict, name, value) : -1;
  Py_XDECREF(value);
  return result;
}

static PyObject *done_or_null(PyObject *dict, int bad) {
  if (!bad)
    return dict;
  Py_DECREF(dict);
  return NULL;
}

#define NUMBER(field) set(dict, #field, PyLong_FromUnsignedLongLong(stat.field))

PyObject *store_stats(PyObject *object, PyObject *unused) {
  (void)unused;
  struct store *self = (struct store *)object;
  struct copse_stat stat;
  int result = store_enter(self);
  if (!result) {
    result = copse_stat(self->store, &stat);
    store_leave(self);
  }
  PyObject *dict = result ? raise_result(self->state, result) : PyDict_New();
  if (!dict)
    return NULL;
  int bad = NUMBER(version) | NUMBER(maps) | NUMBER(file_bytes) | NUMBER(files) |
            NUMBER(file_max_bytes) | NUMBER(storage_bytes) | NUMBER(high_water_bytes) |
            NUMBER(used_bytes) | NUMBER(free_bytes) | NUMBER(pending_bytes) | NUMBER(pinned_bytes) |
            NUMBER(max_bytes) | NUMBER(durable_version) | NUMBER(timeline) |
            NUMBER(recovered_version) | NUMBER(durability) | NUMBER(processes) | NUMBER(snapshots) |
            NUMBER(writer_pid) | NUMBER(writer_held_ns) | NUMBER(commits) | NUMBER(aborts) |
            NUMBER(puts) | NUMBER(deletes) | NUMBER(lock_waits) | NUMBER(lock_wait_ns) |
            NUMBER(lock_wait_max_ns) | NUMBER(long_holds) | NUMBER(long_hold_ns) |
            NUMBER(long_hold_pid) | NUMBER(takeovers) | NUMBER(reaped) | NUMBER(batches) |
            NUMBER(batches_refused) | NUMBER(batch_rounds) | NUMBER(wakes) | NUMBER(syncs) |
            NUMBER(log_records) | NUMBER(log_bytes) | NUMBER(refusals) |
            set(dict, "long_hold_command",
                PyUnicode_DecodeLocale(stat.long_hold_command, "surrogateescape"));
  return done_or_null(dict, bad);
}

/* --- readers ------------------------------------------------------------------------- */

struct readers {
  struct copse_reader *list;
  size_t count, room;
};

static int visit(void *context, const struct copse_reader *reader) {
  struct readers *readers = context;
  if (readers->count == readers->room) {
    size_t room = readers->room ? readers->room * 2 : 16;
    struct copse_reader *list = realloc(readers->list, room * sizeof *list);
    if (!list)
      return COPSE_E_MEMORY;
    readers->list = list;
    readers->room = room;
  }
  readers->list[readers->count++] = *reader;
  return 0;
}

static PyObject *reader_dict(struct copse_reader stat) {
  PyObject *dict = PyDict_New();
  if (!dict)
    return NULL;
  stat.command[sizeof stat.command - 1] = 0;
  int bad = NUMBER(pid) | NUMBER(pid_namespace) | NUMBER(snapshots) | NUMBER(version) |
            NUMBER(lag) | NUMBER(age_ns) | NUMBER(held_bytes) |
            set(dict, "writing", PyBool_FromLong(stat.writing)) |
            set(dict, "alive", PyBool_FromLong(stat.alive)) |
            set(dict, "command", PyUnicode_DecodeLocale(stat.command, "surrogateescape"));
  return done_or_null(dict, bad);
}

PyObject *store_readers(PyObject *object, PyObject *unused) {
  (void)unused;
  struct store *self = (struct store *)object;
  struct readers readers = {0};
  int result = store_enter(self);
  if (!result) {
    Py_BEGIN_ALLOW_THREADS
    result = copse_readers(self->store, visit, &readers);
    Py_END_ALLOW_THREADS
    store_leave(self);
  }
  PyObject *list = result ? raise_result(self->state, result) : PyList_New(0);
  for (size_t i = 0; list && i < readers.count; i++) {
    PyObject *dict = reader_dict(readers.list[i]);
    if (!dict || PyList_Append(list, dict))
      Py_CLEAR(list);
    Py_XDECREF(dict);
  }
  free(readers.list);
  return list;
}

/* --- the checker --------------------------------------------------------------------- */

struct check {
  PyThreadState *thread;
  PyObject *faults, *progress;
  bool failed;
};

static void report(void *context, const char *sentence) {
  struct check *check = context;
  PyEval_RestoreThread(check->thread);
  PyObject *text = PyUnicode_DecodeUTF8(sentence, (Py_ssize_t)strlen(sentence), "replace");
  if (check->failed || !text || PyList_Append(check->faults, text))
    check->failed = true;
  Py_XDECREF(text);
  check->thread = PyEval_SaveThread();
}

static int advance(void *context, uint64_t done, uint64_t all) {
  struct check *check = context;
  PyEval_RestoreThread(check->thread);
  if (!check->failed && PyErr_CheckSignals())
    check->failed = true;
  if (!check->failed && check->progress != Py_None) {
    PyObject *answer = PyObject_CallFunction(check->progress, "KK", (unsigned long long)done,
                                             (unsigned long long)all);
    check->failed = !answer;
    Py_XDECREF(answer);
  }
  check->thread = PyEval_SaveThread();
  return check->failed ? RAISED : 0;
}

/* _check(timeout, progress): (numbers, faults) */
PyObject *store_check(PyObject *object, PyObject *args) {
  struct store *self = (struct store *)object;
  PyObject *timeout;
  struct check check = {0};
  struct copse_check stat = {0};
  if (!PyArg_ParseTuple(args, "OO", &timeout, &check.progress))
    return NULL;
  int64_t ns = timeout_ns(timeout);
  if (ns == -2 || !(check.faults = PyList_New(0)))
    return NULL;
  int result = store_enter(self);
  if (!result) {
    check.thread = PyEval_SaveThread();
    result = copse_check_store(self->store, ns, report, advance, &check, &stat);
    PyEval_RestoreThread(check.thread);
    store_leave(self);
  }
  if (check.failed)
    result = RAISED;
  PyObject *dict = result ? raise_result(self->state, result) : PyDict_New();
  PyObject *pair = NULL;
  if (dict && !(NUMBER(maps) | NUMBER(records) | NUMBER(pages) | NUMBER(page_bytes) |
                NUMBER(free_pages) | NUMBER(pending_pages) | NUMBER(errors)))
    pair = PyTuple_Pack(2, dict, check.faults);
  Py_XDECREF(dict);
  Py_DECREF(check.faults);
  return pair;
}

/* --- waiting ------------------------------------------------------------------------- */

/* _wait(map or None, after, timeout, durable): the newest version (of the map) */
PyObject *store_wait(PyObject *object, PyObject *args) {
  struct store *self = (struct store *)object;
  PyObject *map, *timeout;
  unsigned long long after;
  int durable;
  if (!PyArg_ParseTuple(args, "OKOp", &map, &after, &timeout, &durable))
    return NULL;
  struct map *container = map == Py_None ? NULL : container_check(self, map);
  if (!container && map != Py_None)
    return NULL;
  int64_t ns = timeout_ns(timeout);
  uint64_t version = after;
  int result = ns == -2 ? RAISED : store_enter(self);
  if (result)
    return raise_result(self->state, result);
  struct waiting wait = waiting_begin(self, ns);
  do {
    Py_BEGIN_ALLOW_THREADS
    result = durable ? copse_wait_durable(self->store, after, wait.slice)
                     : copse_wait(self->store, container ? container->handle->map : NULL, after,
                                  wait.slice, &version);
    Py_END_ALLOW_THREADS
  } while (waiting_again(&wait, &result));
  store_leave(self);
  return result ? raise_result(self->state, result) : PyLong_FromUnsignedLongLong(version);
}

/* --- names --------------------------------------------------------------------------- */

PyObject *view_maps(PyObject *object, PyObject *unused) {
  (void)unused;
  struct view *self = (struct view *)object;
  struct copse_map_info info;
  PyObject *list = PyList_New(0);
  char after[COPSE_MAP_NAME_MAX + 1];
  const char *start = NULL;
  int result = 0;
  while (list && !result) {
    result = view_enter(self);
    if (!result) {
      result = copse_map_next(self->view, start, &info);
      view_leave(self);
    }
    if (result)
      break;
    start = memcpy(after, info.name, sizeof after);
    PyObject *name = PyUnicode_DecodeUTF8(after, (Py_ssize_t)strlen(after), "surrogateescape");
    if (!name || PyList_Append(list, name))
      Py_CLEAR(list);
    Py_XDECREF(name);
  }
  if (result == COPSE_NONE || !list)
    return list;
  Py_DECREF(list);
  return raise_result(self->store->state, result);
}
