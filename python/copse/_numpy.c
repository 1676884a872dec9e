/* _numpy.c - arrays without numpy's headers.
 *
 * numpy is optional: it is looked for when the first array is to be made, and found by the table of
 * functions that it exports for C. The places and forms of the functions used here have been the same in
 * every version since 1.7, those of numpy 2 among them, as have the numbers of types. */
#include "_copse.h"

#include <string.h>

enum {
  ARRAY_TYPE = 2,
  DESCRIPTION_FROM_TYPE = 45,
  UPDATE_FLAGS = 92,
  NEW_FROM_DESCRIPTION = 94,
  SET_BASE_OBJECT = 282,
};
enum { C_CONTIGUOUS = 0x1, ALIGNED = 0x100 };

/* What an array begins with, in all versions. */
struct array {
  PyObject_HEAD
  char *data;
  int dimensions;
  Py_ssize_t *shape, *strides;
  PyObject *base, *type;
  int flags;
};

typedef PyObject *new_array(PyTypeObject *type, PyObject *description, int dimensions,
                            const Py_ssize_t *shape, const Py_ssize_t *strides, void *data,
                            int flags, PyObject *like);
typedef int set_base(PyObject *array, PyObject *base);
typedef PyObject *description_from_type(int type);
typedef void update_flags(PyObject *array, int flags);

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
  new_array *make = (new_array *)functions[NEW_FROM_DESCRIPTION];
  PyObject *array = make((PyTypeObject *)functions[ARRAY_TYPE], Py_NewRef(type), dimensions, shape,
                         NULL, NULL, 0, NULL);
  if (array)
    *data = ((struct array *)array)->data;
  return array;
}

PyTypeObject *numpy_array_type(struct state *state) {
  void **functions = table(state);
  return functions ? (PyTypeObject *)functions[ARRAY_TYPE] : NULL;
}

const void *numpy_data(const struct codec *codec, PyObject *object) {
  const struct array *array = (struct array *)object;
  if (Py_TYPE(object) != codec->array_type || array->type != codec->type ||
      !(array->flags & C_CONTIGUOUS) || array->dimensions != codec->dimensions)
    return NULL;
  for (int i = 0; i < codec->dimensions; i++)
    if (array->shape[i] != codec->shape[i])
      return NULL;
  return array->data;
}

/* numpy's numbers of types, by kind of field. */
static const int types[] = {
    [COPSE_FIELD_u8] = 2,   [COPSE_FIELD_i8] = 1,   [COPSE_FIELD_u16] = 4,  [COPSE_FIELD_i16] = 3,
    [COPSE_FIELD_u32] = 6,  [COPSE_FIELD_i32] = 5,  [COPSE_FIELD_u64] = 8,  [COPSE_FIELD_i64] = 7,
    [COPSE_FIELD_f32] = 11, [COPSE_FIELD_f64] = 12, [COPSE_FIELD_c32] = 14, [COPSE_FIELD_c64] = 15,
};

PyObject *numpy_view(const struct handle *handle, const void *data, Py_ssize_t count,
                     PyObject *base) {
  const struct codec *codec = &handle->codec;
  void **functions = table(handle->store->state);
  if (!functions)
    return NULL;
  Py_ssize_t shape[CODEC_DIMENSIONS + 1] = {count};
  int extra = count >= 0;
  memcpy(shape + extra, codec->shape, (size_t)codec->dimensions * sizeof *shape);
  PyObject *type =
      codec->kind == CODEC_SCALAR
          ? ((description_from_type *)functions[DESCRIPTION_FROM_TYPE])(types[codec->field])
          : Py_NewRef(codec->type);
  if (!type)
    return NULL;
  new_array *make = (new_array *)functions[NEW_FROM_DESCRIPTION];
  PyObject *array = make((PyTypeObject *)functions[ARRAY_TYPE], type, codec->dimensions + extra,
                         shape, NULL, (void *)(uintptr_t)data, C_CONTIGUOUS | ALIGNED, NULL);
  if (!array)
    return NULL;
  ((update_flags *)functions[UPDATE_FLAGS])(array, ALIGNED); /* records may lie at any address */
  if (!((set_base *)functions[SET_BASE_OBJECT])(array, Py_NewRef(base)))
    return array;
  Py_DECREF(array);
  return NULL;
}
