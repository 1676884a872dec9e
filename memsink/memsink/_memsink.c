/* _memsink.c - the functions behind memsink.h.
 *
 * What types are sources and sinks is kept in one table of the process; an entry goes when its type does, by the
 * end of a capsule in the type's dictionary. So nothing here belongs to an interpreter, and no Python code
 * runs while lists are walked.
 *
 * A list: source.head -> sink A -> sink B. The first sink's prev is its source, so that a node which is not
 * zero always says that its sink listens, and to whom. The references are borrowed: a sink leaves its list
 * before it is freed.
 *
 * Notifying:
 *   1. The source is noted as one that notifies: nobody can begin to listen to it.
 *   2. All sinks are asked for their size, and one block is allocated for the sum.
 *   3. As long as there is a first sink: a reference to it is taken, it is taken off, then told. Foreign code runs
 *      only then, with the list whole: it may free other sinks, cancel them, or notify again.
 *
 * One mutex guards table and lists; it is held for pointers only, never while foreign code runs. */
#define PY_SSIZE_T_CLEAN
#define BUILDING_MEMSINK
#include "memsink.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030E0000
#define WITHOUT_GIL 1 /* else the interpreter switches its lock on when it imports this */
#endif
#define CAPSULE_NAME "memsink._memsink.CAPI"
#define FIELD(object, offset, type) ((type *)((char *)(object) + (offset)))

/* What is known of a type. One that is a source and a sink has one entry too. */
struct entry {
  struct entry *next;
  PyTypeObject *type;                  /* borrowed: the entry ends with it */
  Py_ssize_t head_offset, node_offset; /* -1: it is none */
  int (*invalidate)(PyObject *source, PyObject *sink);
  size_t (*size)(PyObject *sink);
  void (*move)(PyObject *source, PyObject *sink, void *memory, struct ms_block *block);
  int (*owns)(PyObject *source, const void *data, Py_ssize_t size);
};

struct ms_block {
  atomic_size_t references;
  size_t used, size;
  max_align_t memory[];
};

/* A source that notifies, on the stack of whoever does it. */
struct notifying {
  struct notifying *next;
  PyObject *source;
  pthread_t thread;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries;
static struct notifying *all_notifying;

static void fork_prepare(void) { pthread_mutex_lock(&mutex); }
static void fork_parent(void) { pthread_mutex_unlock(&mutex); }

/* Of the threads that notified, the child has one. */
static void fork_child(void) {
  for (struct notifying **link = &all_notifying; *link;)
    if (pthread_equal((*link)->thread, pthread_self()))
      link = &(*link)->next;
    else
      *link = (*link)->next;
  pthread_mutex_unlock(&mutex);
}

static void at_fork(void) { pthread_atfork(fork_prepare, fork_parent, fork_child); }

/* --- types: with the mutex ------------------------------------------------------------- */

static struct entry *entry_of(PyTypeObject *type) {
  for (struct entry *e = entries; e; e = e->next)
    if (e->type == type)
      return e;
  return NULL;
}

static struct entry *source_of(PyObject *object) {
  for (PyTypeObject *type = Py_TYPE(object); type; type = type->tp_base) {
    struct entry *e = entry_of(type);
    if (e && e->head_offset >= 0)
      return e;
  }
  return NULL;
}

static struct entry *sink_of(PyObject *object) {
  for (PyTypeObject *type = Py_TYPE(object); type; type = type->tp_base) {
    struct entry *e = entry_of(type);
    if (e && e->node_offset >= 0)
      return e;
  }
  return NULL;
}

static struct ms_node *node_of(PyObject *sink) {
  return FIELD(sink, sink_of(sink)->node_offset, struct ms_node);
}

static PyObject **head_of(PyObject *source) {
  return FIELD(source, source_of(source)->head_offset, PyObject *);
}

static int is_notifying(PyObject *source) {
  for (struct notifying *n = all_notifying; n; n = n->next)
    if (n->source == source)
      return 1;
  return 0;
}

/* --- types: making entries ------------------------------------------------------------- */

static void entry_end(PyObject *capsule) {
  struct entry *gone = PyCapsule_GetPointer(capsule, NULL);
  pthread_mutex_lock(&mutex);
  for (struct entry **link = &entries; *link; link = &(*link)->next)
    if (*link == gone) {
      *link = gone->next;
      break;
    }
  pthread_mutex_unlock(&mutex);
  free(gone);
}

/* The type's entry, made if there is none; NULL with an exception. */
static struct entry *entry_make(PyTypeObject *type) {
  pthread_mutex_lock(&mutex);
  struct entry *e = entry_of(type);
  pthread_mutex_unlock(&mutex);
  if (e)
    return e;
  if (!type->tp_dict) {
    PyErr_SetString(PyExc_RuntimeError, "the type is not ready: PyType_Ready()");
    return NULL;
  }
  e = calloc(1, sizeof *e);
  PyObject *capsule = e ? PyCapsule_New(e, NULL, entry_end) : NULL;
  if (!capsule) {
    free(e);
    if (!e)
      PyErr_NoMemory();
    return NULL;
  }
  e->type = type;
  e->head_offset = e->node_offset = -1;
  pthread_mutex_lock(&mutex);
  e->next = entries;
  entries = e;
  pthread_mutex_unlock(&mutex);
  int result = PyDict_SetItemString(type->tp_dict, "__memsink__", capsule);
  PyType_Modified(type);
  Py_DECREF(capsule); /* on an error it ends, and the entry with it */
  return result ? NULL : e;
}

static int offset_check(PyTypeObject *type, Py_ssize_t offset, size_t size) {
  if (offset >= (Py_ssize_t)sizeof(PyObject) && offset % (Py_ssize_t)sizeof(void *) == 0 &&
      (type->tp_itemsize || offset + (Py_ssize_t)size <= type->tp_basicsize))
    return 0;
  PyErr_Format(PyExc_ValueError, "offset %zd is not inside of objects of type %s", offset,
               type->tp_name);
  return -1;
}

static int init_source(PyTypeObject *type, Py_ssize_t head_offset) {
  struct entry *e = offset_check(type, head_offset, sizeof(PyObject *)) ? NULL : entry_make(type);
  if (!e)
    return -1;
  pthread_mutex_lock(&mutex);
  e->head_offset = head_offset;
  pthread_mutex_unlock(&mutex);
  return 0;
}

static int init_owner(PyTypeObject *type,
                      int (*owns)(PyObject *source, const void *data, Py_ssize_t size)) {
  struct entry *e = entry_make(type);
  if (!e)
    return -1;
  pthread_mutex_lock(&mutex);
  e->owns = owns;
  pthread_mutex_unlock(&mutex);
  return 0;
}

static int sink_make(PyTypeObject *type, const struct entry *meant) {
  /* Nodes may lie behind the basic size: Acid puts them into the items of objects that have any. */
  struct entry *e =
      offset_check(type, meant->node_offset, sizeof(struct ms_node)) ? NULL : entry_make(type);
  if (!e)
    return -1;
  pthread_mutex_lock(&mutex);
  e->node_offset = meant->node_offset;
  e->invalidate = meant->invalidate;
  e->size = meant->size;
  e->move = meant->move;
  pthread_mutex_unlock(&mutex);
  return 0;
}

static int init_sink(PyTypeObject *type, Py_ssize_t node_offset,
                     int (*invalidate)(PyObject *source, PyObject *sink)) {
  return sink_make(type, &(struct entry){.node_offset = node_offset, .invalidate = invalidate});
}

static int init_mover(PyTypeObject *type, Py_ssize_t node_offset, size_t (*size)(PyObject *sink),
                      void (*move)(PyObject *source, PyObject *sink, void *memory,
                                   struct ms_block *block)) {
  return sink_make(type, &(struct entry){.node_offset = node_offset, .size = size, .move = move});
}

static int is_source(PyObject *object) {
  pthread_mutex_lock(&mutex);
  int result = source_of(object) != NULL;
  pthread_mutex_unlock(&mutex);
  return result;
}

static int owns(PyObject *source, const void *data, Py_ssize_t size) {
  int (*ask)(PyObject *, const void *, Py_ssize_t) = NULL;
  pthread_mutex_lock(&mutex);
  for (PyTypeObject *type = Py_TYPE(source); type && !ask; type = type->tp_base) {
    struct entry *e = entry_of(type);
    ask = e ? e->owns : NULL;
  }
  pthread_mutex_unlock(&mutex);
  return ask ? ask(source, data, size) : 1;
}

/* --- lists ----------------------------------------------------------------------------- */

static int listen(PyObject *source, PyObject *sink) {
  PyObject *error = NULL;
  const char *why = NULL;
  pthread_mutex_lock(&mutex);
  struct entry *s = source_of(source), *k = sink_of(sink);
  struct ms_node *node = k ? FIELD(sink, k->node_offset, struct ms_node) : NULL;
  if (!s || !k)
    error = PyExc_TypeError, why = s ? "is not a sink" : "is not a source";
  else if (is_notifying(source))
    error = PyExc_BufferError, why = "is about to take its memory back";
  else if (k->move && node->prev) /* the others do not promise that their node is zero */
    error = PyExc_RuntimeError, why = "listens already";
  if (!error) {
    PyObject **head = head_of(source);
    *node = (struct ms_node){source, *head};
    if (*head)
      node_of(*head)->prev = sink;
    *head = sink;
#ifdef WITHOUT_GIL
    PyUnstable_EnableTryIncRef(sink);
#endif
  }
  pthread_mutex_unlock(&mutex);
  if (error)
    PyErr_Format(error, "%s object %s",
                 Py_TYPE(s && error != PyExc_BufferError ? sink : source)->tp_name, why);
  return error ? -1 : 0;
}

/* With the mutex. The sink listens to the source. */
static void unlink_sink(PyObject *source, struct ms_node *node) {
  if (node->next)
    node_of(node->next)->prev = node->prev;
  if (node->prev == source)
    *head_of(source) = node->next;
  else
    node_of(node->prev)->next = node->next;
  *node = (struct ms_node){NULL, NULL};
}

static int cancel(PyObject *source, PyObject *sink) {
  pthread_mutex_lock(&mutex);
  struct entry *k = sink_of(sink);
  struct ms_node *node = k ? FIELD(sink, k->node_offset, struct ms_node) : NULL;
  if (node && node->prev && source_of(source))
    unlink_sink(source, node);
  pthread_mutex_unlock(&mutex);
  return 0;
}

/* --- notifying ------------------------------------------------------------------------- */

static void release(struct ms_block *block) {
  if (atomic_fetch_sub(&block->references, 1) == 1)
    PyMem_RawFree(block);
}

static size_t rounded(size_t size) { return (size + 7) & ~(size_t)7; }

/* Of all sinks; with the mutex, since nothing but C functions that only look is called. */
static size_t sum_of_sizes(PyObject *first) {
  size_t sum = 0;
  for (PyObject *sink = first; sink; sink = node_of(sink)->next) {
    struct entry *k = sink_of(sink);
    sum += k->size ? rounded(k->size(sink)) : 0;
  }
  return sum;
}

static struct ms_block *block_new(size_t size) {
  struct ms_block *block = size ? PyMem_RawMalloc(sizeof *block + size) : NULL;
  if (block) {
    atomic_init(&block->references, 1);
    block->used = 0;
    block->size = size;
  }
  return block;
}

/* Tells a sink that has been taken off. -1: its bytes are lost. */
static int tell(PyObject *source, PyObject *sink, const struct entry *k, struct ms_block *block) {
  if (!k->move) {
    int result = k->invalidate(source, sink);
    PyErr_Clear();
    return result ? -1 : 0;
  }
  size_t size = k->size(sink);
  if (size == 0) {
    k->move(source, sink, NULL, NULL);
    return 0;
  }
  if (!block || rounded(size) > block->size - block->used) {
    k->move(source, sink, NULL, NULL);
    return -1;
  }
  void *memory = (char *)block->memory + block->used;
  block->used += rounded(size);
  atomic_fetch_add(&block->references, 1);
  k->move(source, sink, memory, block);
  return 0;
}

/* Keeps a sink that is in a list alive; 0: it is being freed by another thread, which waits for the mutex. */
static int keep_alive(PyObject *sink) {
#ifdef WITHOUT_GIL
  return PyUnstable_TryIncRef(sink);
#else
  Py_INCREF(sink);
  return 1;
#endif
}

static int notify(PyObject *source, PyObject **head) {
  struct notifying self = {NULL, source, pthread_self()};
  PyObject *type, *value, *traceback;
  int lost = 0;
  PyErr_Fetch(&type, &value, &traceback);
  pthread_mutex_lock(&mutex);
  self.next = all_notifying;
  all_notifying = &self;
  struct ms_block *block = block_new(sum_of_sizes(*head));
  while (*head) {
    PyObject *sink = *head;
    struct entry k = *sink_of(sink);
    unlink_sink(source, FIELD(sink, k.node_offset, struct ms_node));
    if (!keep_alive(sink))
      continue;
    pthread_mutex_unlock(&mutex);
    lost += tell(source, sink, &k, block) != 0;
    Py_DECREF(sink);
    pthread_mutex_lock(&mutex);
  }
  for (struct notifying **link = &all_notifying; *link; link = &(*link)->next)
    if (*link == &self) {
      *link = self.next;
      break;
    }
  pthread_mutex_unlock(&mutex);
  if (block)
    release(block);
  if (lost) {
    PyErr_Format(PyExc_MemoryError, "%d objects lost the bytes that they had of a %s", lost,
                 Py_TYPE(source)->tp_name);
    PyErr_WriteUnraisable(NULL);
  }
  PyErr_Restore(type, value, traceback);
  return lost ? -1 : 0;
}

/* --- the module ------------------------------------------------------------------------ */

static struct MemSink_CAPI api = {
    is_source,   listen,     cancel,     notify, init_sink,
    init_source, init_mover, init_owner, owns,   release,
};

static int execute(PyObject *module) {
  PyObject *capsule = PyCapsule_New(&api, CAPSULE_NAME, NULL);
  int result = capsule ? 0 : -1;
  if (!result)
    result = PyCapsule_SetContext(capsule, (void *)((size_t)MEMSINK_VERSION << 16 | sizeof api));
  if (!result)
    result = PyModule_AddObjectRef(module, "CAPI", capsule);
  Py_XDECREF(capsule);
  return result;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef WITHOUT_GIL
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "memsink._memsink",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__memsink(void);
PyMODINIT_FUNC PyInit__memsink(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, at_fork);
  return PyModuleDef_Init(&definition);
}
