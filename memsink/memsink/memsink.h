/* memsink.h - objects that rest on memory of another object are told before that memory goes away.
 *
 * A *source* (a transaction, a mapped file) lends memory, and may have to take it back while Python objects
 * still rest on it. A *sink* (a key, a value) rests on such memory. Neither knows the other's type: the source
 * has the head of a list in its struct, each sink a node, and listening takes no allocation.
 *
 * A source:  a field `PyObject *sink_head` (NULL), ms_init_source(type, offsetof(struct, sink_head)) once,
 *            and ms_notify(self, &self->sink_head) before its memory goes away or changes.
 * A sink:    a field `struct ms_node` (zeroed), ms_init_mover() or ms_init_sink() once, a strong reference
 *            to its source; ms_listen(source, self) when it begins to rest on its memory, ms_cancel(source, self)
 *            before it is freed or rests on something else.
 *
 * Whoever uses this says MemSink_IMPORT; when the module is initialised, before anything else of it. If
 * `memsink` is missing or of another version, a Python exception is set, and each function below that can fails.
 *
 * The names, and the layout of ms_node and of the first six functions, are those of the draft that py-lmdb and
 * Acid have hooks for. What is defined anew is marked (+).
 *
 * Rules that no compiler checks:
 *   - A sink that exports a buffer (PEP 3118) copies the bytes into memory of its own before: a view
 *     into the source's memory cannot be moved.
 *   - invalidate and move leave the sink without a pointer to the source's memory, whatever happens: what
 *     could not be copied is lost, and reading the sink then raises an exception.
 *   - A source does not end a second time while it notifies.
 *   - Sinks are not tracked by the cycle collector; what they refer to must not lead back to them.
 *   - A sink's dealloc cancels before it gives up anything else. */
#ifndef MEMSINK_H
#define MEMSINK_H

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMSINK_VERSION 2

/* In a sink. Its content is memsink's: zero while the sink listens to nothing. */
struct ms_node {
  PyObject *prev, *next;
};

/* (+) Memory for the bytes of all sinks of a source, allocated at once. Each sink that took a part of it gives
 * it back with ms_release(). */
struct ms_block;

struct MemSink_CAPI {
  int (*is_source)(PyObject *object);
  int (*listen)(PyObject *source, PyObject *sink);
  int (*cancel)(PyObject *source, PyObject *sink);
  int (*notify)(PyObject *source, PyObject **head);
  int (*init_sink)(PyTypeObject *type, Py_ssize_t node_offset,
                   int (*invalidate)(PyObject *source, PyObject *sink));
  int (*init_source)(PyTypeObject *type, Py_ssize_t head_offset);
  /* (+) */
  int (*init_mover)(PyTypeObject *type, Py_ssize_t node_offset, size_t (*size)(PyObject *sink),
                    void (*move)(PyObject *source, PyObject *sink, void *memory,
                                 struct ms_block *block));
  int (*init_owner)(PyTypeObject *type,
                    int (*owns)(PyObject *source, const void *data, Py_ssize_t size));
  int (*owns)(PyObject *source, const void *data, Py_ssize_t size);
  void (*release)(struct ms_block *block);
};

#ifndef BUILDING_MEMSINK

static struct MemSink_CAPI *ms_api_;

/* The capsule's context has version and size: nothing of the table is read before both are known to fit. */
static inline struct MemSink_CAPI *ms_import_(void) {
  const char *name = "memsink._memsink.CAPI";
  PyObject *module = PyImport_ImportModule("memsink._memsink");
  PyObject *capsule = module ? PyObject_GetAttrString(module, "CAPI") : NULL;
  struct MemSink_CAPI *api = NULL;
  if (capsule && (api = (struct MemSink_CAPI *)PyCapsule_GetPointer(capsule, name))) {
    size_t context = (size_t)PyCapsule_GetContext(capsule);
    if (context >> 16 != MEMSINK_VERSION || (context & 0xffff) < sizeof *api) {
      PyErr_Format(PyExc_ImportError,
                   "memsink %zu with a table of %zu bytes is installed; this module was built for "
                   "memsink %d with %zu: build it anew",
                   context >> 16, context & 0xffff, MEMSINK_VERSION, sizeof *api);
      api = NULL;
    }
  }
  Py_XDECREF(capsule);
  Py_XDECREF(module);
  return api;
}

static inline int ms_ready_(void) {
  if (!ms_api_ && !PyErr_Occurred())
    PyErr_SetString(PyExc_ImportError, "memsink was not imported: MemSink_IMPORT");
  return ms_api_ != NULL;
}

#define MemSink_IMPORT ms_api_ = ms_import_()

/* 1: the object's type, or one that it derives from, is a source. No error. */
static inline int ms_is_source(PyObject *object) {
  return ms_api_ ? ms_api_->is_source(object) : 0;
}

/* From now on the sink is told when the source's memory goes away. The source is in the middle of telling so:
 * BufferError; the sink listens already: RuntimeError; not a source or not a sink: TypeError. */
static inline int ms_listen(PyObject *source, PyObject *sink) {
  return ms_ready_() ? ms_api_->listen(source, sink) : -1;
}

/* The sink is not told any more. Does nothing if it has been told already. */
static inline int ms_cancel(PyObject *source, PyObject *sink) {
  return ms_api_ ? ms_api_->cancel(source, sink) : 0;
}

/* Tells all sinks; afterwards none rests on the source's memory. Each one is taken off the list before it is told,
 * and kept alive meanwhile. -1: some have lost their bytes, for want of memory. No exception is set then,
 * since sources end whatever is returned: sys.unraisablehook is told. */
static inline int ms_notify(PyObject *source, PyObject **head) {
  return ms_api_ ? ms_api_->notify(source, head) : 0;
}

/* The type's objects are sinks that copy their bytes themselves, in invalidate(); its result other than 0: they
 * could not, and are lost. */
static inline int ms_init_sink(PyTypeObject *type, Py_ssize_t node_offset,
                               int (*invalidate)(PyObject *source, PyObject *sink)) {
  return ms_ready_() ? ms_api_->init_sink(type, node_offset, invalidate) : -1;
}

/* The type's objects are sources. */
static inline int ms_init_source(PyTypeObject *type, Py_ssize_t head_offset) {
  return ms_ready_() ? ms_api_->init_source(type, head_offset) : -1;
}

/* (+) The type's objects are sinks that are moved: first size() is asked of all, which does nothing else (0: the
 * sink has room of its own); the sum is allocated at once; then move() copies the bytes to memory. block is what
 * memory belongs to, for ms_release(). memory NULL with a size: there is none, the bytes are lost. */
static inline int ms_init_mover(PyTypeObject *type, Py_ssize_t node_offset,
                                size_t (*size)(PyObject *sink),
                                void (*move)(PyObject *source, PyObject *sink, void *memory,
                                             struct ms_block *block)) {
  return ms_ready_() ? ms_api_->init_mover(type, node_offset, size, move) : -1;
}

/* (+) A type that is a source can tell which memory is lent by it now: owns() returns 1 or 0. */
static inline int ms_init_owner(PyTypeObject *type,
                                int (*owns)(PyObject *source, const void *data, Py_ssize_t size)) {
  return ms_ready_() ? ms_api_->init_owner(type, owns) : -1;
}

/* (+) 0: the source says that the memory is not lent by it, or not any more. 1 otherwise, also if it cannot say. */
static inline int ms_owns(PyObject *source, const void *data, Py_ssize_t size) {
  return ms_api_ ? ms_api_->owns(source, data, size) : 0;
}

/* (+) Gives back a sink's part of a block. NULL is allowed. */
static inline void ms_release(struct ms_block *block) {
  if (block)
    ms_api_->release(block);
}

#endif /* BUILDING_MEMSINK */

#ifdef __cplusplus
}
#endif
#endif
