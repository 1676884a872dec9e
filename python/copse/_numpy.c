/* _numpy.c - arrays without numpy's headers.
 *
 * numpy is optional: it is looked for when the first array is to be made, and found by the table of
 * functions that it exports for C. The places of the functions used here have been the same in
 * every version since 1.0, those of numpy 2 among them. */
#include "_copse.h"

enum { NUMPY_ARRAY_TYPE = 2, NUMPY_NEW_FROM_DESCRIPTION = 94 };

/* What an array begins with, in all versions. */
struct array {
  PyObject_HEAD
  char *data;
};

typedef PyObject *new_array(PyTypeObject *type, PyObject *description, int dimensions,
                            const Py_ssize_t *shape, const Py_ssize_t *strides, void *data,
                            int flags, PyObject *like);

static void **table(struct state *state) {
  void **found = atomic_load(&state->numpy);
  if (found)
    return found;
  PyObject *module = PyImport_ImportModule("numpy.core.multiarray");
  PyObject *capsule = module ? PyObject_GetAttrString(module, "_ARRAY_API") : NULL;
  if (capsule)
    found = PyCapsule_GetPointer(capsule, NULL);
  Py_XDECREF(capsule);
  Py_XDECREF(module);
  if (found)
    atomic_store(&state->numpy, (void *)found);
  return found;
}

PyObject *numpy_array(struct state *state, PyObject *type, int dimensions, const Py_ssize_t *shape,
                      void **data) {
  void **functions = table(state);
  if (!functions)
    return NULL;
  new_array *make = (new_array *)functions[NUMPY_NEW_FROM_DESCRIPTION];
  PyObject *array = make((PyTypeObject *)functions[NUMPY_ARRAY_TYPE], Py_NewRef(type), dimensions,
                         shape, NULL, NULL, 0, NULL);
  if (array)
    *data = ((struct array *)array)->data;
  return array;
}
