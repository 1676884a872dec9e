/* _copse.h - what the files of the extension share: objects, their lifetimes, entering and leaving.
 *
 * Nothing here relies on the GIL. Three rules keep objects of several threads apart:
 *
 *   1. Each call enters the store (store_enter) and leaves it. store.close() keeps new calls out, waits
 *      until those inside have left, then ends all that rests on the store. An object that is freed
 *      meanwhile waits for the end of that.
 *   2. A view (a snapshot or a transaction) has a mutex, held while the library works with it; cursors
 *      share that of their view. No foreign code runs while it is held: arguments are converted
 *      before, results that the collector tracks are made afterwards.
 *   3. An object holds references to what it rests on (cursor, view, map, store); the store knows
 *      them in return by lists without references. One mutex guards all these lists; it is held
 *      for some instructions only, and while the process forks.
 *
 * After a fork only one thread is left: the store forgets the calls of the others, and a view whose
 * mutex one of them held says that it can no longer be used.
 *
 * A function that returns int gives 0, COPSE_NONE, an error of the library (then to be raised with
 * raise_result), or RAISED: a Python exception is set already. */
#ifndef COPSE_PYTHON_COPSE_H
#define COPSE_PYTHON_COPSE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <structmember.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <copse/copse.h>
#include <copse/dom.h>

enum { RAISED = -1000, CLOSED = -1001, LOST = -1002 };

/* --- the module ---------------------------------------------------------------------- */

struct state {
  PyObject *module;               /* borrowed: the module owns this */
  PyObject *error_type, *by_code; /* copse.Error; a dict from codes to exception types */
  PyObject *closed_type;
  PyObject *store_type, *snapshot_type, *txn_type, *map_type, *cursor_type, *arena_type;
  PyObject *value_type, *handle_type;                  /* the package's classes */
  PyObject *document_type, *node_type, *selector_type; /* node_type: the package's */
  PyObject *batch_type, *ticket_type, *outcome_type, *watch_type, *reservation_type;
  PyObject *empty_tuple;
  PyObject *uuid_type, *datetime_type, *epoch, *microsecond; /* 1970 UTC, timedelta: _tuple.c */
  PyObject *join_type;
  bool keys_are_sinks;   /* copse.Key, and Value as a source, are known to memsink */
  _Atomic(void *) numpy; /* numpy's table of functions, once somebody needed it */
};

PyObject *raise_result(struct state *state, int result); /* always NULL */

/* --- stores -------------------------------------------------------------------------- */

struct node {
  struct node *prev, *next;
};

struct store {
  PyObject_HEAD
  struct state *state;
  PyObject *module;
  struct copse_store *store; /* NULL: closed */
  struct node all;           /* in the list of all stores, for forks */
  atomic_int inside;         /* calls, and objects being freed */
  atomic_bool closing, closed;
  atomic_bool leases_full; /* and nobody was warned yet */
  struct node users;       /* struct user: views, watches, batches */
  struct node maps;        /* struct handle */
};

/* What rests on a store or a view, and is ended by its end. */
struct user {
  struct node node;
  void (*end)(struct user *user); /* with nobody inside the store, or under the view's mutex */
};

int store_enter(struct store *self); /* 0 or CLOSED */
void store_leave(struct store *self);
/* Before an object of the store is freed: true when it is still to be ended (then store_leave), false
 * when the store's close has ended it. Takes it off its list. */
bool store_enter_last(struct store *self, struct node *node);
void store_at_fork(void);                /* once */
PyObject *module_of(PyTypeObject *type); /* borrowed; NULL without an exception: none of ours */
int store_types(struct state *state, PyObject *module);
void list_add(struct node *list, struct node *node);
void list_remove(struct node *node);
struct node *list_take(struct node *list); /* the newest one, or NULL */

/* What views, batches, watches and reservations begin with. */
#define REST_HEAD                                                                                  \
  PyObject_HEAD                                                                                    \
  struct user user; /* in the store's list */                                                      \
  struct store *store;                                                                             \
  struct handle *handle; /* may be NULL */                                                         \
  pthread_mutex_t lock;

struct rest {
  REST_HEAD
};

/* A new object with references to the store and the handle. end() is called once, by the store's close or
 * by rest_dealloc(). NULL: an exception. */
void *rest_new(PyObject *type, struct store *store, struct handle *handle,
               void (*end)(struct user *user));
PyObject *rest_finish(void *self, int result); /* self, or NULL, and the result is raised */
void rest_dealloc(PyObject *object);
/* Enters the store and takes the mutex: 0, CLOSED; RAISED when another thread has it, which busy says. */
int rest_enter(void *self, const char *busy);
void rest_leave(void *self);
int rest_refuse(void *self, const char *sentence); /* leaves: RAISED, Closed */

/* Waits of the library are made in slices: a signal that comes between a look and a sleep, and the
 * store's close, are noticed at the latest after one.
 *
 *     struct waiting wait = waiting_begin(store, timeout);
 *     do {
 *       Py_BEGIN_ALLOW_THREADS
 *       result = copse_...(wait.slice);
 *       Py_END_ALLOW_THREADS
 *     } while (waiting_again(&wait, &result));   may make it RAISED or CLOSED */
struct waiting {
  struct store *store;
  int64_t left, slice;
};

struct waiting waiting_begin(struct store *store, int64_t timeout);
bool waiting_again(struct waiting *wait, int *result);

/* --- views --------------------------------------------------------------------------- */

struct view {
  REST_HEAD
  atomic_uint forks;       /* fork_count when the mutex was last taken */
  atomic_ulong holder;     /* thread that has the mutex: a finalizer may come back in it */
  struct copse_view *view; /* NULL: ended */
  struct copse_snapshot *snapshot;
  struct copse_txn *txn;
  struct node cursors; /* struct user: cursors and diffs */
  bool writes;         /* a transaction, also when it has ended */
  bool oustable;       /* what it lends is valid until the next call only */
};

/* Enters the store and takes the view's mutex. 0, CLOSED; LOST: a thread that a fork
 * ended has it, or this one. */
int view_lock(struct view *self);
int view_enter(struct view *self); /* the same for a view that has not ended: 0, CLOSED, RAISED */
void view_leave(struct view *self);
/* Under the mutex, or alone: ends the view and its cursors. *version may be NULL. */
int view_end(struct view *self, bool commit, uint64_t *version);
/* Waits for the write lock. */
int txn_begin(struct store *store, int64_t timeout_ns, struct copse_txn **txn);
int view_types(struct state *state, PyObject *module);
PyObject *snapshot_new(struct store *store, uint32_t flags);
PyObject *txn_new(struct store *store, int64_t timeout_ns);

/* --- tuples as keys ------------------------------------------------------------------ */

int tuple_init(struct state *state);
PyObject *tuple_pack(struct state *state, PyObject *tuple, size_t extra, size_t *size);
PyObject *tuple_unpack(struct state *state, const void *data, size_t size);
int key_types(PyObject *module);
PyObject *module_acid_pack(PyObject *module, PyObject *list);
PyObject *module_acid_unpack(PyObject *module, PyObject *bytes);
PyObject *module_pack(PyObject *module, PyObject *tuple);
PyObject *module_unpack(PyObject *module, PyObject *bytes);

/* --- codecs -------------------------------------------------------------------------- */

enum codec_kind { CODEC_BYTES, CODEC_SCALAR, CODEC_ARRAY, CODEC_RECORD, CODEC_STRUCT };

#define CODEC_DIMENSIONS 8

struct handle;

struct codec {
  enum codec_kind kind;
  uint32_t size;            /* bytes of a value; 0: any */
  uint32_t field;           /* SCALAR: of enum copse_field_kind */
  PyObject *type;           /* ARRAY, RECORD: the dtype of an element */
  PyTypeObject *array_type; /* ARRAY: numpy's own, borrowed */
  PyObject *format;         /* ARRAY: bytes, the buffer format that needs no conversion */
  PyObject *encode;         /* callable: value -> an object whose buffer is the record */
  PyObject *decode;         /* STRUCT: callable: bytes -> value */
  int dimensions;
  Py_ssize_t shape[CODEC_DIMENSIONS];
};

/* An argument as bytes: lent by the object, or small and here. Must not be moved. */
struct argument {
  const void *data;
  size_t size;
  Py_buffer buffer;
  PyObject *owner;
  union {
    uint64_t u64;
    double f64[2];
    uint8_t bytes[16];
  } small;
};

int codec_init(struct state *state, struct codec *self, PyObject *spec);
void codec_clear(struct codec *self);
int codec_encode(const struct codec *self, PyObject *value, struct argument *argument);
/* data may be lent: it is copied. */
PyObject *codec_decode(struct state *state, const struct codec *self, const void *data,
                       size_t size);
int key_encode(const struct handle *handle, PyObject *key, struct argument *argument);
/* A key is copied while a view is held, and made into what programs see afterwards. */
PyObject *key_copy(const struct handle *handle, struct copse_bytes key);
PyObject *key_finish(const struct handle *handle, PyObject *copy); /* takes the reference */
int argument_bytes(PyObject *object, struct argument *argument, const char *what);
void argument_clear(struct argument *argument);

/* What compare_and_set() takes: (key, expected, value). */
struct condition {
  struct argument key, values[2];
  struct copse_bytes bytes[2];
  struct copse_bytes *expected, *wanted; /* NULL: None */
};

int condition_init(struct condition *self, const struct handle *handle, PyObject *const objects[3]);
void condition_clear(struct condition *self);

/* --- maps, arenas, documents --------------------------------------------------------------- */

/* A handle, shared by a container and its bound forms. */
struct handle {
  atomic_int references;
  struct node node; /* in the store's maps */
  struct store *store;
  struct copse_map *map;     /* NULL: the store was closed */
  struct copse_arena *arena; /* which lends the map; NULL: this is one of a map or a document */
  struct copse_document *document; /* the same: lends the map of its tree */
  enum { KEYS_BYTES, KEYS_U64, KEYS_TUPLE } keys;
  struct codec codec;
  PyObject *about; /* what the package keeps: (key, Spec) */
};

/* A map, an arena or a document. */
struct map {
  PyObject_HEAD
  struct handle *handle;
  struct view *view; /* NULL: each call has a snapshot or transaction of its own */
  PyObject *name;
};

/* What a call on a map reads or writes. */
struct access {
  struct store *store;
  struct view *view;
  struct copse_snapshot *snapshot;
  struct copse_txn *txn;
  struct copse_view *reads;
};

/* What is to be opened. */
struct opening {
  PyObject *name;
  bool arena, document, checked,
      create; /* checked: against the options, else what is there is taken */
  int64_t timeout;
  struct copse_map_options map;
  struct copse_arena_options records;
};

PyObject *container_open(PyTypeObject *type, PyObject *store, struct opening *opening,
                         const char *layout);
void container_dealloc(PyObject *object);
struct map *container_check(struct store *store, PyObject *object);
PyObject *container_bind(PyObject *object, struct view *view);
void handle_close(struct handle *handle);
/* Methods and attributes of both types. */
extern PyMemberDef container_members[];
extern PyGetSetDef container_getset[];
PyObject *container_set_codec(PyObject *object, PyObject *args);
PyObject *container_info(PyObject *object, PyObject *unused);
PyObject *container_alter(PyObject *object, PyObject *args);

int access_read(struct map *map, struct access *access);
int access_write(struct map *map, struct access *access);
/* Ends it; a transaction of its own is committed when result is 0, else aborted. Returns result, or
 * the commit's. */
int access_end(struct access *access, int result);
void handle_release(struct handle *handle);
int map_types(struct state *state, PyObject *module);

/* --- documents ----------------------------------------------------------------------- */

/* A node: its handle, and the document that it is seen in. */
struct dom_node {
  PyObject_HEAD
  struct map *document;
  struct copse_handle handle;
};

PyObject *node_new(struct map *document, const struct copse_handle *handle);
PyObject *node_bind(PyObject *object, struct view *view);
/* node, None (COPSE_NONE), or the result is raised. */
PyObject *node_found(struct map *document, int result, const struct copse_handle *handle);
/* For node NULL the document's own is meant. */
PyObject *dom_select(struct map *document, const struct copse_handle *node, PyObject *args);
PyObject *dom_markup(struct map *document, const struct copse_handle *node, PyObject *args);
/* UTF-8 of a text, which lends it. RAISED: it is none, or (name: a C string is wanted) has NULs. */
int text_utf8(PyObject *text, const char **utf8, size_t *size, bool name);
int document_types(struct state *state, PyObject *module);
int node_types(struct state *state, PyObject *module);

/* --- cursors, diffs, watches, batches ------------------------------------------------ */

int cursor_types(struct state *state, PyObject *module);
PyObject *map_cursor(PyObject *self, PyObject *args);
PyObject *map_iterate(PyObject *self);
int follow_types(struct state *state, PyObject *module);
PyObject *map_diff(PyObject *self, PyObject *args);
PyObject *map_watch(PyObject *self, PyObject *args);
int batch_types(struct state *state, PyObject *module);
PyObject *store_batch(PyObject *self, PyObject *unused);
PyObject *store_combine(PyObject *self, PyObject *args);

/* A range from the arguments (start, stop, prefix, start open, stop closed). */
struct bounds {
  struct copse_range range;
  struct argument arguments[3];
};

int bounds_init(struct bounds *bounds, const struct map *map, PyObject *start, PyObject *stop,
                PyObject *prefix, int start_open, int stop_closed);
void bounds_clear(struct bounds *bounds);

/* A value of which the bytes are to be copied while a view is held: done at once where that runs no
 * foreign code, else as bytes, and decoded by value_finish() afterwards. */
PyObject *value_copy(const struct handle *handle, struct copse_bytes value);
PyObject *value_finish(const struct handle *handle, PyObject *copy); /* takes the reference */

/* --- joins ----------------------------------------------------------------------------- */

int join_types(struct state *state, PyObject *module);
PyObject *module_join(PyObject *module, PyObject *args);

/* --- many at once, whole stores ------------------------------------------------------ */

PyObject *map_put_many(PyObject *self, PyObject *args);
PyObject *map_multiget(PyObject *self, PyObject *args);
PyObject *map_gather(PyObject *self, PyObject *args);
PyObject *store_stats(PyObject *self, PyObject *unused);
PyObject *store_readers(PyObject *self, PyObject *unused);
PyObject *store_check(PyObject *self, PyObject *args);
PyObject *store_wait(PyObject *self, PyObject *args);
PyObject *view_maps(PyObject *self, PyObject *unused);

/* --- numpy --------------------------------------------------------------------------- */

PyObject *numpy_array(struct state *state, PyObject *type, int dimensions, const Py_ssize_t *shape,
                      void **data);
PyTypeObject *numpy_array_type(struct state *state); /* borrowed */
/* Where the bytes of an array lie that is just what the codec stores; NULL: it is not. */
const void *numpy_data(const struct codec *codec, PyObject *object);
/* A read-only array over memory that base keeps: one record (count < 0), or an array of them. */
PyObject *numpy_view(const struct handle *handle, const void *data, Py_ssize_t count,
                     PyObject *base);

/* --- leases -------------------------------------------------------------------------- */

struct value {
  PyObject_HEAD
  struct copse_lease *lease;
  const void *data;
  size_t size;
  PyObject *sink_head; /* memsink's: a Value is a source, which keys may rest on */
};

int lease_types(struct state *state, PyObject *module);
void lease_init(struct store *store);
/* Warns when leases went beyond the bounds meanwhile; -1: the warning was made an exception. */
int lease_warn(struct store *store);
int value_lease(struct store *store, struct copse_view *view, uint32_t policy,
                struct copse_bytes bytes, PyObject **out);
/* What programs see of a Value, whose reference it takes: itself, a number, or an array on it. */
PyObject *value_export(const struct handle *handle, PyObject *value, Py_ssize_t count);
PyObject *store_lease_bounds(PyObject *self, PyObject *args);
PyObject *store_leases(PyObject *self, PyObject *unused);
int arena_types(struct state *state, PyObject *module);
PyObject *arena_reserve(PyObject *self, PyObject *args);
int reservation_types(struct state *state, PyObject *module);

/* --- helpers ------------------------------------------------------------------------- */

/* Arguments of METH_FASTCALL | METH_KEYWORDS, all of which may be left out: found[i] stays as it is then. */
int arguments(PyObject *const *args, Py_ssize_t n, PyObject *names, const char *const *known,
              PyObject **found);
int choice(PyObject *text, const char *what, const char *const *choices); /* its number; RAISED */
int64_t timeout_ns(PyObject *seconds);                                    /* None: -1; -2: RAISED */

#define OBJECT(pointer) ((PyObject *)(pointer))
#define NAMES(names) ((char **)(uintptr_t)(names)) /* Python's interface lacks a const */
#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

extern atomic_uint fork_count; /* changes in a forked child */
void free_object(void *self);  /* the end of each dealloc */
int type_add(PyObject *module, PyType_Spec *spec);

#endif
