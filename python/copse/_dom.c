/* _dom.c - Document and Selector: HTML trees in a store; what is asked of a whole document. */
#include "_copse.h"

#include <stdlib.h>
#include <string.h>

#ifdef COPSE_WITH_HTML
#include <copse/html.h>
#endif
#include <copse/markup.h>
#include <copse/selector.h>

static PyObject *raise(struct map *self, int result) {
  return raise_result(self->handle->store->state, result);
}

/* Document(store, name, create, timeout) */
static PyObject *document_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)kwargs;
  PyObject *store, *timeout;
  int create;
  struct opening opening = {.document = true};
  if (!PyArg_ParseTuple(args, "OUpO", &store, &opening.name, &create, &timeout))
    return NULL;
  if (!PyUnicode_AsUTF8AndSize(opening.name, NULL) || (opening.timeout = timeout_ns(timeout)) == -2)
    return NULL;
  opening.create = create;
  return container_open(type, store, &opening, NULL);
}

int text_utf8(PyObject *text, const char **utf8, size_t *size, bool name) {
  Py_ssize_t n = 0;
  if (!PyUnicode_Check(text)) {
    PyErr_Format(PyExc_TypeError, "text is expected, not %R", Py_TYPE(text));
    return RAISED;
  }
  *utf8 = PyUnicode_AsUTF8AndSize(text, &n);
  if (!*utf8)
    return RAISED;
  *size = (size_t)n;
  if (!name || !memchr(*utf8, 0, *size))
    return 0;
  PyErr_SetString(PyExc_ValueError, "a name has no NUL in it");
  return RAISED;
}

/* --- selectors ----------------------------------------------------------------------- */

struct selector {
  PyObject_HEAD
  struct copse_selector *selector;
};

/* Selector(text) */
static PyObject *selector_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)kwargs;
  PyObject *text, *module = module_of(type);
  const char *utf8;
  size_t size;
  if (!module || !PyArg_ParseTuple(args, "U", &text) || text_utf8(text, &utf8, &size, false))
    return NULL;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct selector *self = (struct selector *)alloc(type, 0);
  if (!self)
    return NULL;
  int result = copse_selector_compile(utf8, size, &self->selector);
  if (!result)
    return (PyObject *)self;
  Py_DECREF(OBJECT(self));
  return raise_result(PyModule_GetState(module), result);
}

static void selector_dealloc(PyObject *object) {
  copse_selector_free(((struct selector *)object)->selector);
  free_object(object);
}

/* --- selecting ----------------------------------------------------------------------- */

struct handles {
  struct copse_handle *items;
  size_t count, room;
};

static int handles_add(struct handles *self, const struct copse_handle *handle) {
  if (self->count == self->room) {
    size_t room = self->room ? self->room * 2 : 16;
    void *items = realloc(self->items, room * sizeof *self->items);
    if (!items)
      return COPSE_E_MEMORY;
    self->items = items;
    self->room = room;
  }
  self->items[self->count++] = *handle;
  return 0;
}

/* The nodes as a list, or the result is raised. Frees the handles. */
static PyObject *handles_finish(struct handles *self, struct map *document, int result) {
  PyObject *list = result ? raise(document, result) : PyList_New((Py_ssize_t)self->count);
  for (size_t i = 0; list && i < self->count; i++) {
    PyObject *node = node_new(document, &self->items[i]);
    if (!node || PyList_SetItem(list, (Py_ssize_t)i, node))
      Py_CLEAR(list);
  }
  free(self->items);
  return list;
}

static int select_all(struct copse_view *view, struct copse_document *document,
                      const struct copse_handle *scope, const struct copse_selector *selector,
                      struct handles *found) {
  struct copse_query *query;
  struct copse_handle handle;
  int result = copse_query_begin(view, document, scope, selector, &query);
  if (result)
    return result;
  while ((result = copse_query_next(query, &handle)) == 0)
    if ((result = handles_add(found, &handle)))
      break;
  copse_query_end(query);
  return result == COPSE_NONE ? 0 : result;
}

enum { SELECT_ALL, SELECT_FIRST, SELECT_MATCHES, SELECT_CLOSEST };

static int select_one(struct copse_view *view, struct copse_document *document,
                      const struct copse_handle *scope, const struct copse_selector *selector,
                      int how, struct copse_handle *found) {
  return how == SELECT_FIRST     ? copse_selector_first(view, document, scope, selector, found)
         : how == SELECT_MATCHES ? copse_selector_matches(view, document, scope, selector)
                                 : copse_selector_closest(view, document, scope, selector, found);
}

/* _select(selector, how): a list; a node or None; True or False */
PyObject *dom_select(struct map *self, const struct copse_handle *node, PyObject *args) {
  PyObject *object;
  int how;
  struct access access;
  struct copse_handle scope, found;
  struct handles all = {0};
  if (!PyArg_ParseTuple(args, "O!i", self->handle->store->state->selector_type, &object, &how))
    return NULL;
  const struct copse_selector *selector = ((struct selector *)object)->selector;
  int result = access_read(self, &access);
  if (!result) {
    struct copse_document *document = self->handle->document;
    Py_BEGIN_ALLOW_THREADS
    if (node)
      scope = *node;
    else
      result = copse_document_root(access.reads, document, &scope);
    if (!result)
      result = how == SELECT_ALL
                   ? select_all(access.reads, document, &scope, selector, &all)
                   : select_one(access.reads, document, &scope, selector, how, &found);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  if (how == SELECT_ALL)
    return handles_finish(&all, self, result);
  if (how != SELECT_MATCHES)
    return node_found(self, result, &found);
  return result < 0 ? raise(self, result) : PyBool_FromLong(result == 0);
}

/* _walk(axis, handle): a list of the nodes on an axis of tree.h */
static PyObject *document_walk(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *node;
  int axis;
  struct access access;
  struct copse_tree_walk walk;
  struct handles all = {0};
  if (!PyArg_ParseTuple(args, "iO!", &axis, self->handle->store->state->node_type, &node))
    return NULL;
  int result = access_read(self, &access);
  if (!result) {
    Py_BEGIN_ALLOW_THREADS
    result = copse_tree_walk_begin(access.reads, copse_document_tree(self->handle->document),
                                   &((struct dom_node *)node)->handle, (enum copse_tree_axis)axis,
                                   &walk);
    while (!result && !(result = copse_tree_walk_next(&walk, NULL)))
      result = handles_add(&all, &walk.node);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  return handles_finish(&all, self, result == COPSE_NONE ? 0 : result);
}

/* --- writing out --------------------------------------------------------------------- */

/* _markup(form): text */
PyObject *dom_markup(struct map *self, const struct copse_handle *node, PyObject *args) {
  unsigned form;
  struct access access;
  struct copse_handle root;
  char *string = NULL;
  size_t size = 0;
  if (!PyArg_ParseTuple(args, "I", &form))
    return NULL;
  int result = access_read(self, &access);
  if (!result) {
    struct copse_document *document = self->handle->document;
    Py_BEGIN_ALLOW_THREADS
    if (!node)
      result = copse_document_root(access.reads, document, &root);
    if (!result)
      result =
          copse_markup_string(access.reads, document, node ? node : &root, form, &string, &size);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  if (result)
    return raise(self, result);
  PyObject *text = PyUnicode_DecodeUTF8(string, (Py_ssize_t)size, "replace");
  copse_markup_free(string);
  return text;
}

/* --- the document -------------------------------------------------------------------- */

/* _element(whether the root is meant): the root, or the document's element or None */
static PyObject *document_element(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct access access;
  struct copse_handle found;
  int root;
  if (!PyArg_ParseTuple(args, "p", &root))
    return NULL;
  int result = access_read(self, &access);
  if (!result)
    result = access_end(
        &access, root ? copse_document_root(access.reads, self->handle->document, &found)
                      : copse_document_element(access.reads, self->handle->document, &found));
  return node_found(self, result, &found);
}

static PyObject *document_node(PyObject *object, PyObject *handle) {
  unsigned long long arena, index;
  unsigned generation;
  if (!PyTuple_Check(handle)) {
    PyErr_Format(PyExc_TypeError, "a handle is expected, not %R", Py_TYPE(handle));
    return NULL;
  }
  if (!PyArg_ParseTuple(handle, "KKI;a handle has three numbers", &arena, &index, &generation))
    return NULL;
  struct copse_handle found = {arena, index, generation, 0};
  return node_new((struct map *)object, &found);
}

static PyObject *document_info(PyObject *object, PyObject *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  struct access access;
  struct copse_document_info info;
  int result = access_read(self, &access);
  if (!result)
    result = access_end(&access, copse_document_info(access.reads, self->handle->document, &info));
  if (result)
    return raise(self, result);
  return Py_BuildValue("{sKsKsKsK}", "nodes", (unsigned long long)info.nodes, "names",
                       (unsigned long long)info.names, "text_bytes",
                       (unsigned long long)info.text_bytes, "heap_bytes",
                       (unsigned long long)info.heap_bytes);
}

struct sentences {
  PyObject *text[32]; /* more are counted only */
  size_t count;
};

static void add_sentence(void *context, const char *sentence) {
  struct sentences *self = context;
  if (self->count < sizeof self->text / sizeof *self->text &&
      (self->text[self->count] =
           PyUnicode_DecodeUTF8(sentence, (Py_ssize_t)strlen(sentence), "replace")))
    self->count++;
}

static PyObject *document_check(PyObject *object, PyObject *unused) {
  (void)unused;
  struct map *self = (struct map *)object;
  struct access access;
  struct sentences sentences = {.count = 0};
  uint64_t faults = 0;
  int result = access_read(self, &access);
  if (!result)
    result = access_end(&access, copse_document_check(access.reads, self->handle->document,
                                                      add_sentence, &sentences, &faults));
  PyObject *list = result || PyErr_Occurred() ? NULL : PyList_New(0);
  for (size_t i = 0; i < sentences.count; i++) {
    if (list && PyList_Append(list, sentences.text[i]))
      Py_CLEAR(list);
    Py_DECREF(sentences.text[i]);
  }
  return result && !PyErr_Occurred() ? raise(self, result) : list;
}

enum { CHANGE_CLEAR, CHANGE_COMPACT, CHANGE_DROP };

/* _change(what) */
static PyObject *document_change(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct access access;
  int what;
  if (!PyArg_ParseTuple(args, "i", &what))
    return NULL;
  int result = access_write(self, &access);
  if (!result) {
    struct copse_document *document = self->handle->document;
    Py_BEGIN_ALLOW_THREADS
    result = what == CHANGE_CLEAR     ? copse_document_clear(access.txn, document)
             : what == CHANGE_COMPACT ? copse_document_compact(access.txn, document)
                                      : copse_document_drop(access.txn, document);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

/* --- new nodes ----------------------------------------------------------------------- */

/* Names and values of attributes in turn. */
static int set_attributes(struct copse_txn *txn, struct copse_document *document,
                          const struct copse_handle *node, PyObject *attributes) {
  int result = 0;
  for (Py_ssize_t i = 0; !result && i + 1 < PyTuple_Size(attributes); i += 2) {
    const char *name, *value;
    size_t size;
    result = text_utf8(PyTuple_GetItem(attributes, i), &name, &size, true);
    if (!result)
      result = text_utf8(PyTuple_GetItem(attributes, i + 1), &value, &size, false);
    if (!result)
      result = copse_attribute_set(txn, document, node, name, value, size);
  }
  return result;
}

/* _new(kind, name or text, namespace, attributes): a node without a parent */
static PyObject *document_create(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  struct access access;
  struct copse_handle node;
  int kind, space;
  PyObject *given, *attributes;
  const char *text;
  size_t size;
  if (!PyArg_ParseTuple(args, "iUiO!", &kind, &given, &space, &PyTuple_Type, &attributes) ||
      text_utf8(given, &text, &size, kind == COPSE_NODE_ELEMENT))
    return NULL;
  for (Py_ssize_t i = 0; i < PyTuple_Size(attributes); i++) {
    const char *utf8; /* which the texts keep: no errors later */
    size_t n;
    if (text_utf8(PyTuple_GetItem(attributes, i), &utf8, &n, i % 2 == 0))
      return NULL;
  }
  int result = access_write(self, &access);
  if (!result) {
    struct copse_document *document = self->handle->document;
    result = copse_savepoint(access.txn);
    if (!result) {
      result =
          kind == COPSE_NODE_ELEMENT
              ? copse_element_new(access.txn, document, (enum copse_namespace)space, text, &node)
          : kind == COPSE_NODE_TEXT ? copse_text_new(access.txn, document, text, size, &node)
                                    : copse_comment_new(access.txn, document, text, size, &node);
      if (!result)
        result = set_attributes(access.txn, document, &node, attributes);
      int ended =
          result ? copse_savepoint_rollback(access.txn) : copse_savepoint_release(access.txn);
      result = result ? result : ended;
    }
    result = access_end(&access, result);
  }
  return result ? raise(self, result) : node_new(self, &node);
}

/* --- HTML in ------------------------------------------------------------------------- */

#ifdef COPSE_WITH_HTML
/* _parse(bytes, encoding or None, scripting, context or None): None, or a fragment */
static PyObject *document_parse(PyObject *object, PyObject *args) {
  struct map *self = (struct map *)object;
  PyObject *given;
  struct argument html;
  struct access access;
  struct copse_html_options options = {0};
  struct copse_sink *sink = NULL;
  struct copse_handle fragment;
  if (!PyArg_ParseTuple(args, "Ozpz", &given, &options.encoding, &options.scripting,
                        &options.context) ||
      argument_bytes(given, &html, "HTML"))
    return NULL;
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = copse_html_parse(html.data, html.size, &options, &sink);
  Py_END_ALLOW_THREADS
  argument_clear(&html);
  if (!result && !(result = access_write(self, &access))) {
    struct copse_document *document = self->handle->document;
    Py_BEGIN_ALLOW_THREADS
    result = options.context ? copse_sink_put_fragment(access.txn, document, sink, 0, &fragment)
                             : copse_sink_put(access.txn, document, sink);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  copse_sink_free(sink);
  if (result)
    return raise(self, result);
  return options.context ? node_new(self, &fragment) : Py_NewRef(Py_None);
}
#endif

/* --- the types ----------------------------------------------------------------------- */

static PyObject *document_select(PyObject *self, PyObject *args) {
  return dom_select((struct map *)self, NULL, args);
}

static PyObject *document_markup(PyObject *self, PyObject *args) {
  return dom_markup((struct map *)self, NULL, args);
}

static PyMethodDef methods[] = {
    {"_element", document_element, METH_VARARGS, NULL},
    {"_node", document_node, METH_O, NULL},
    {"_select", document_select, METH_VARARGS, NULL},
    {"_walk", document_walk, METH_VARARGS, NULL},
    {"_markup", document_markup, METH_VARARGS, NULL},
    {"_document_info", document_info, METH_NOARGS, NULL},
    {"_change", document_change, METH_VARARGS, NULL},
    {"_new", document_create, METH_VARARGS, NULL},
    {"_info", container_info, METH_NOARGS, NULL},
#ifdef COPSE_WITH_HTML
    {"_parse", document_parse, METH_VARARGS, NULL},
#endif
    {"check", document_check, METH_NOARGS,
     "check()\n--\n\nLooks through all of the document; a list of faults (sentences), empty when "
     "all\n"
     "is well."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot document_slots[] = {
    {Py_tp_new, document_new},        {Py_tp_dealloc, container_dealloc},
    {Py_tp_methods, methods},         {Py_tp_members, container_members},
    {Py_tp_getset, container_getset}, {0, NULL},
};

static PyType_Slot selector_slots[] = {
    {Py_tp_new, selector_new},
    {Py_tp_dealloc, selector_dealloc},
    {0, NULL},
};

static PyType_Spec document_spec = {"copse._copse.Document", sizeof(struct map), 0,
                                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, document_slots};
static PyType_Spec selector_spec = {"copse._copse.Selector", sizeof(struct selector), 0,
                                    Py_TPFLAGS_DEFAULT, selector_slots};

int document_types(struct state *state, PyObject *module) {
  state->document_type = PyType_FromModuleAndSpec(module, &document_spec, NULL);
  state->selector_type = PyType_FromModuleAndSpec(module, &selector_spec, NULL);
  if (!state->document_type || !state->selector_type)
    return -1;
#ifdef COPSE_WITH_HTML
  bool html = true;
#else
  bool html = false;
#endif
  if (PyModule_AddObjectRef(module, "HTML", html ? Py_True : Py_False) ||
      PyModule_AddType(module, (PyTypeObject *)state->document_type))
    return -1;
  return PyModule_AddType(module, (PyTypeObject *)state->selector_type);
}
