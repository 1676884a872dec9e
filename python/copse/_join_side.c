/* _join_side.c - a side of a join: a map in a view, by its cursor, or a list of (bytes, value). */
#include "_join.h"

#include <string.h>

static void end_by_view(struct user *user) {
  struct side *side = CONTAINER(user, struct side, user);
  copse_cursor_close(side->cursor);
  side->cursor = NULL;
}

void side_clear(struct side *side) {
  Py_CLEAR(side->rows);
  if (!side->view)
    return;
  int result = view_lock(side->view);
  if (result == 0) {
    if (side->cursor) {
      list_remove(&side->user.node);
      end_by_view(&side->user);
    }
    view_leave(side->view);
  } else if (result == CLOSED) {
    (void)store_enter_last(side->view->store, &side->user.node);
  } else {
    list_remove(&side->user.node);
  }
  handle_release(side->handle);
  Py_CLEAR(side->view);
}

static int column_init(struct side *side, PyObject *column) {
  Py_ssize_t from, to;
  if (column == Py_None)
    return 0;
  if (!PyArg_ParseTuple(column, "nn", &from, &to))
    return RAISED;
  side->by_value = true;
  side->from = (size_t)from;
  side->to = (size_t)to;
  return 0;
}

int side_init(struct state *state, struct side *side, PyObject *object, PyObject *column,
              const struct side *other) {
  side->user.node.prev = side->user.node.next = &side->user.node;
  side->user.end = end_by_view;
  if (column_init(side, column))
    return RAISED;
  int is_map = PyObject_IsInstance(object, state->map_type);
  if (is_map < 0)
    return RAISED;
  if (!is_map && side->by_value) {
    PyErr_SetString(PyExc_ValueError, "only a map is joined by a column");
    return RAISED;
  }
  if (!is_map) {
    side->rows = PySequence_List(object);
    return side->rows ? 0 : RAISED;
  }
  struct map *map = (struct map *)object;
  struct view *view = map->view;
  side->owned = !view;
  if (!view && other && other->owned && other->view->store == map->handle->store)
    view = other->view;
  side->view = view ? (struct view *)Py_NewRef(OBJECT(view))
                    : (struct view *)snapshot_new(map->handle->store, 0);
  if (!side->view)
    return RAISED;
  if (side->view->oustable) {
    Py_CLEAR(side->view);
    PyErr_SetString(PyExc_ValueError, "an oustable snapshot lends nothing for longer than a call; "
                                      "join maps of another one");
    return RAISED;
  }
  side->handle = map->handle;
  atomic_fetch_add(&side->handle->references, 1);
  int result = view_enter(side->view);
  if (result)
    return result;
  result = copse_cursor_open(side->view->view, side->handle->map, NULL, &side->cursor);
  if (result == 0) {
    list_add(&side->view->cursors, &side->user.node);
    side->version = side->view->snapshot ? copse_snapshot_version(side->view->snapshot) : 0;
  }
  view_leave(side->view);
  return result;
}

int side_next(struct side *side) {
  if (!side->rows)
    return copse_cursor_next(side->cursor, &side->key, &side->value);
  if (side->row >= PyList_Size(side->rows))
    return COPSE_NONE;
  PyObject *row = PyList_GetItem(side->rows, side->row);
  PyObject *key =
      row && PyTuple_Check(row) && PyTuple_Size(row) == 2 ? PyTuple_GetItem(row, 0) : NULL;
  if (!key || !PyBytes_Check(key)) {
    PyErr_Format(PyExc_TypeError, "item %zd is not a tuple (bytes, value)", side->row);
    return RAISED;
  }
  side->key = (struct copse_bytes){PyBytes_AsString(key), (size_t)PyBytes_Size(key)};
  side->row++;
  return 0;
}

struct copse_bytes column_of(const struct side *side, const void *value, uint8_t *scratch) {
  const uint8_t *data = (const uint8_t *)value + side->from;
  size_t size = side->to - side->from;
  if (!side->turned)
    return (struct copse_bytes){data, size};
  for (int i = 0; i < 8; i++)
    scratch[i] = data[7 - i];
  return (struct copse_bytes){scratch, 8};
}

bool side_bytes(const struct side *side, struct copse_bytes *bytes, uint8_t *scratch) {
  *bytes = side->key;
  if (!side->by_value)
    return true;
  if (side->to > side->value.size)
    return false;
  *bytes = column_of(side, side->value.data, scratch);
  return true;
}

PyObject *row_of(const struct side *side, size_t index, int which) {
  PyObject *row = PyList_GetItem(side->rows, (Py_ssize_t)index);
  return row ? Py_NewRef(PyTuple_GetItem(row, which)) : NULL;
}

int side_enter(struct side *side) {
  int result = view_enter(side->view);
  if (result)
    return result;
  if (side->cursor &&
      (!side->view->snapshot || copse_snapshot_version(side->view->snapshot) == side->version))
    return 0;
  view_leave(side->view);
  PyErr_SetString(side->handle->store->state->error_type,
                  "the snapshot that is joined was refreshed or closed; begin a new join");
  return RAISED;
}
