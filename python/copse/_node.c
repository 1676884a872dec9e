/* _node.c - Node: one node of a document, named by its handle.
 *
 * A node refers to its document as that is bound: to a snapshot, a transaction, or nothing. It holds
 * nothing in the store. Strings are made while the view is held, which runs no foreign code; lists and tuples,
 * which the collector tracks, afterwards. */
#include "_copse.h"

#include <string.h>

#ifdef COPSE_WITH_HTML
#include <copse/html.h>
#endif

static struct dom_node *as_node(PyObject *object) { return (struct dom_node *)object; }

static struct copse_document *document_of(const struct dom_node *self) {
  return self->document->handle->document;
}

static PyObject *raise(struct dom_node *self, int result) {
  return raise_result(self->document->handle->store->state, result);
}

PyObject *node_new(struct map *document, const struct copse_handle *handle) {
  PyTypeObject *type = (PyTypeObject *)document->handle->store->state->node_type;
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct dom_node *self = (struct dom_node *)alloc(type, 0);
  if (!self)
    return NULL;
  Py_INCREF(OBJECT(document));
  self->document = document;
  self->handle = *handle;
  return (PyObject *)self;
}

PyObject *node_found(struct map *document, int result, const struct copse_handle *handle) {
  if (result == COPSE_NONE)
    return Py_NewRef(Py_None);
  return result ? raise_result(document->handle->store->state, result) : node_new(document, handle);
}

PyObject *node_bind(PyObject *object, struct view *view) {
  struct dom_node *self = as_node(object);
  PyObject *document = container_bind(OBJECT(self->document), view);
  PyObject *node = document ? node_new((struct map *)document, &self->handle) : NULL;
  Py_XDECREF(document);
  return node;
}

static void node_dealloc(PyObject *object) {
  Py_XDECREF(OBJECT(as_node(object)->document));
  free_object(object);
}

/* --- identity ------------------------------------------------------------------------ */

static PyObject *node_compare(PyObject *a, PyObject *b, int operation) {
  PyTypeObject *type = (PyTypeObject *)as_node(a)->document->handle->store->state->node_type;
  if (!PyObject_TypeCheck(b, type) || (operation != Py_EQ && operation != Py_NE))
    return Py_NewRef(Py_NotImplemented);
  const struct copse_handle *x = &as_node(a)->handle, *y = &as_node(b)->handle;
  bool equal = x->arena == y->arena && x->index == y->index && x->generation == y->generation;
  return PyBool_FromLong(equal == (operation == Py_EQ));
}

static Py_hash_t node_hash(PyObject *object) {
  const struct copse_handle *handle = &as_node(object)->handle;
  uint64_t mixed = (handle->index ^ (uint64_t)handle->generation << 40) * 0x9e3779b97f4a7c15u;
  Py_hash_t hash = (Py_hash_t)(mixed ^ mixed >> 32 ^ handle->arena);
  return hash == -1 ? -2 : hash;
}

static PyObject *node_handle(PyObject *object, void *unused) {
  (void)unused;
  const struct dom_node *self = as_node(object);
  return PyObject_CallFunction(self->document->handle->store->state->handle_type, "KKI",
                               (unsigned long long)self->handle.arena,
                               (unsigned long long)self->handle.index,
                               (unsigned)self->handle.generation);
}

static PyObject *node_document(PyObject *object, void *unused) {
  (void)unused;
  return Py_NewRef(OBJECT(as_node(object)->document));
}

/* --- reading ------------------------------------------------------------------------- */

static PyObject *string(struct copse_bytes bytes) {
  return PyUnicode_DecodeUTF8(bytes.data ? bytes.data : "", (Py_ssize_t)bytes.size, "replace");
}

enum { PART_KIND, PART_NAME, PART_SPACE, PART_DATA };

static PyObject *part_of(const struct copse_node *node, intptr_t part) {
  static const char *const kinds[] = {"",     "document", "doctype",     "element",
                                      "text", "comment",  "instruction", "fragment"};
  static const char *const spaces[] = {"", "html", "svg", "math", "xlink", "xml", "xmlns"};
  bool data = node->kind == COPSE_NODE_TEXT || node->kind == COPSE_NODE_COMMENT ||
              node->kind == COPSE_NODE_INSTRUCTION;
  bool named = node->kind == COPSE_NODE_ELEMENT || node->kind == COPSE_NODE_INSTRUCTION ||
               node->kind == COPSE_NODE_DOCTYPE;
  if (part == PART_KIND)
    return PyUnicode_FromString(kinds[node->kind & 7]);
  if (part == PART_SPACE && node->kind == COPSE_NODE_ELEMENT && (unsigned)node->space < 7)
    return PyUnicode_FromString(spaces[node->space]);
  if (part == PART_NAME && named)
    return string(node->name);
  return part == PART_DATA && data ? string(node->text) : Py_NewRef(Py_None);
}

static PyObject *node_part(PyObject *object, void *part) {
  struct dom_node *self = as_node(object);
  struct access access;
  struct copse_node node;
  PyObject *found = NULL;
  int result = access_read(self->document, &access);
  if (!result) {
    result = copse_node_get(access.reads, document_of(self), &self->handle, &node);
    if (!result)
      found = part_of(&node, (intptr_t)part);
    result = access_end(&access, result);
  }
  return result ? raise(self, result) : found;
}

static PyObject *node_step(PyObject *object, void *link) {
  struct dom_node *self = as_node(object);
  struct access access;
  struct copse_handle found;
  int result = access_read(self->document, &access);
  if (!result) {
    struct copse_document *document = document_of(self);
    result = link ? copse_tree_step(access.reads, copse_document_tree(document), &self->handle,
                                    (enum copse_tree_link)(intptr_t)link, &found, NULL)
                  : copse_template_contents(access.reads, document, &self->handle, &found);
    result = access_end(&access, result);
  }
  return node_found(self->document, result, &found);
}

static PyObject *node_select(PyObject *object, PyObject *args) {
  return dom_select(as_node(object)->document, &as_node(object)->handle, args);
}

static PyObject *node_markup(PyObject *object, PyObject *args) {
  return dom_markup(as_node(object)->document, &as_node(object)->handle, args);
}

/* --- attributes ---------------------------------------------------------------------- */

/* An attribute by its name, with or without a prefix. COPSE_NONE: there is none. */
static int attribute_find(struct copse_view *view, struct dom_node *self, const char *name,
                          struct copse_attribute *found) {
  const char *colon = strchr(name, ':');
  struct copse_document *document = document_of(self);
  memset(found, 0, sizeof *found);
  int result = copse_attribute_get(view, document, &self->handle, name, &found->value);
  if (result != COPSE_NONE || !colon)
    return result;
  size_t prefix = (size_t)(colon - name), local = strlen(colon + 1);
  for (uint32_t i = 0;; i++) {
    result = copse_attribute_at(view, document, &self->handle, i, found);
    if (result || (found->prefix.size == prefix && memcmp(found->prefix.data, name, prefix) == 0 &&
                   found->name.size == local && memcmp(found->name.data, colon + 1, local) == 0))
      return result;
  }
}

/* _attribute(name): the value or None */
static PyObject *node_attribute(PyObject *object, PyObject *given) {
  struct dom_node *self = as_node(object);
  struct access access;
  struct copse_attribute found;
  const char *name;
  size_t size;
  PyObject *value = NULL;
  if (text_utf8(given, &name, &size, true))
    return NULL;
  int result = access_read(self->document, &access);
  if (!result) {
    result = attribute_find(access.reads, self, name, &found);
    if (!result)
      value = string(found.value);
    result = access_end(&access, result);
  }
  if (result == COPSE_NONE)
    return Py_NewRef(Py_None);
  return result ? raise(self, result) : value;
}

struct strings {
  PyObject **items;
  size_t count, room;
};

static int strings_add(struct strings *self, PyObject *item) {
  if (item && self->count == self->room) {
    size_t room = self->room ? self->room * 2 : 16;
    PyObject **items = PyMem_Realloc(self->items, room * sizeof(PyObject *));
    if (!items) {
      Py_DECREF(item);
      PyErr_NoMemory();
      return RAISED;
    }
    self->items = items;
    self->room = room;
  }
  if (!item)
    return RAISED;
  self->items[self->count++] = item;
  return 0;
}

static PyObject *qualified(const struct copse_attribute *attribute) {
  PyObject *name = string(attribute->name);
  PyObject *prefix = name && attribute->prefix.size ? string(attribute->prefix) : NULL;
  if (!name || !attribute->prefix.size)
    return name;
  PyObject *both = prefix ? PyUnicode_FromFormat("%U:%U", prefix, name) : NULL;
  Py_XDECREF(prefix);
  Py_DECREF(name);
  return both;
}

/* _attributes(): names and values in turn, a list */
static PyObject *node_attributes(PyObject *object, PyObject *unused) {
  (void)unused;
  struct dom_node *self = as_node(object);
  struct access access;
  struct copse_attribute attribute;
  struct strings all = {0};
  int result = access_read(self->document, &access);
  if (!result) {
    for (uint32_t i = 0; !result; i++) {
      result = copse_attribute_at(access.reads, document_of(self), &self->handle, i, &attribute);
      if (!result && !(result = strings_add(&all, qualified(&attribute))))
        result = strings_add(&all, string(attribute.value));
    }
    result = access_end(&access, result);
  }
  PyObject *list = result == COPSE_NONE ? PyList_New((Py_ssize_t)all.count) : raise(self, result);
  for (size_t i = 0; i < all.count; i++)
    if (!list || PyList_SetItem(list, (Py_ssize_t)i, Py_NewRef(all.items[i])))
      Py_CLEAR(list);
  for (size_t i = 0; i < all.count; i++)
    Py_DECREF(all.items[i]);
  PyMem_Free(all.items);
  return list;
}

static int attribute_put(struct copse_txn *txn, struct dom_node *self, const char *name,
                         const char *value, size_t size) {
  struct copse_document *document = document_of(self);
  struct copse_attribute found;
  char prefix[64];
  int result =
      strchr(name, ':') ? attribute_find(copse_txn_view(txn), self, name, &found) : COPSE_NONE;
  if (result < 0)
    return result;
  if (result || !found.prefix.size || found.prefix.size >= sizeof prefix)
    return copse_attribute_set(txn, document, &self->handle, name, value, size);
  memcpy(prefix, found.prefix.data, found.prefix.size);
  prefix[found.prefix.size] = 0;
  return copse_attribute_set_ns(txn, document, &self->handle, found.space, prefix,
                                strchr(name, ':') + 1, value, size);
}

/* _set_attribute(name, value or None): False: it was not there */
static PyObject *node_set_attribute(PyObject *object, PyObject *args) {
  struct dom_node *self = as_node(object);
  struct access access;
  PyObject *given, *text;
  const char *name, *value = NULL;
  size_t size;
  if (!PyArg_ParseTuple(args, "OO", &given, &text) || text_utf8(given, &name, &size, true) ||
      (text != Py_None && text_utf8(text, &value, &size, false)))
    return NULL;
  int result = access_write(self->document, &access);
  if (!result)
    result = access_end(&access, value ? attribute_put(access.txn, self, name, value, size)
                                       : copse_attribute_remove(access.txn, document_of(self),
                                                                &self->handle, name));
  return result < 0 ? raise(self, result) : PyBool_FromLong(result == 0);
}

enum { CLASS_HAS, CLASS_ADD, CLASS_REMOVE };

/* _class(word, how): False: no, or nothing was to be done */
static PyObject *node_class(PyObject *object, PyObject *args) {
  struct dom_node *self = as_node(object);
  struct access access;
  PyObject *given;
  const char *word;
  size_t size;
  int how;
  if (!PyArg_ParseTuple(args, "Oi", &given, &how) || text_utf8(given, &word, &size, true))
    return NULL;
  int result = how == CLASS_HAS ? access_read(self->document, &access)
                                : access_write(self->document, &access);
  if (!result) {
    struct copse_document *document = document_of(self);
    result = how == CLASS_HAS   ? copse_class_has(access.reads, document, &self->handle, word)
             : how == CLASS_ADD ? copse_class_add(access.txn, document, &self->handle, word)
                                : copse_class_remove(access.txn, document, &self->handle, word);
    result = access_end(&access, result);
  }
  return result < 0 ? raise(self, result) : PyBool_FromLong(result == 0);
}

/* --- changing ------------------------------------------------------------------------ */

enum { PLACE_APPEND, PLACE_PREPEND, PLACE_BEFORE, PLACE_AFTER, PLACE_INSTEAD };

/* What the package chose is among what there is. */
static int choose(int choice, int last) {
  if (choice >= 0 && choice <= last)
    return 0;
  PyErr_SetString(PyExc_ValueError, "there is no such change");
  return RAISED;
}

static int place_one(struct copse_txn *txn, struct dom_node *self, int how, PyObject *item) {
  static int (*const places[])(struct copse_txn *, struct copse_document *,
                               const struct copse_handle *, const struct copse_handle *) = {
      copse_node_append, copse_node_prepend, copse_node_insert_before, copse_node_insert_after,
      copse_node_insert_before};
  struct copse_document *document = document_of(self);
  struct copse_handle node;
  int result = 0;
  if (PyUnicode_Check(item)) {
    const char *text;
    size_t size;
    result = text_utf8(item, &text, &size, false);
    if (!result)
      result = copse_text_new(txn, document, text, size, &node);
  } else {
    node = as_node(item)->handle;
  }
  return result ? result : places[how](txn, document, &self->handle, &node);
}

static int place_all(struct copse_txn *txn, struct dom_node *self, int how, PyObject *items) {
  Py_ssize_t count = PyTuple_Size(items);
  bool backwards = how == PLACE_PREPEND || how == PLACE_AFTER;
  int result = copse_savepoint(txn);
  if (result)
    return result;
  for (Py_ssize_t i = 0; !result && i < count; i++)
    result = place_one(txn, self, how, PyTuple_GetItem(items, backwards ? count - 1 - i : i));
  if (!result && how == PLACE_INSTEAD)
    result = copse_node_detach(txn, document_of(self), &self->handle);
  int ended = result ? copse_savepoint_rollback(txn) : copse_savepoint_release(txn);
  return result ? result : ended;
}

/* _place(how, *items): nodes of the document, or texts */
static PyObject *node_place(PyObject *object, PyObject *args) {
  struct dom_node *self = as_node(object);
  struct access access;
  PyTypeObject *type = (PyTypeObject *)self->document->handle->store->state->node_type;
  int how;
  PyObject *items;
  if (!PyArg_ParseTuple(args, "iO!", &how, &PyTuple_Type, &items) || choose(how, PLACE_INSTEAD))
    return NULL;
  for (Py_ssize_t i = 0; i < PyTuple_Size(items); i++) {
    PyObject *item = PyTuple_GetItem(items, i);
    bool node = PyObject_TypeCheck(item, type);
    const char *text;
    size_t size;
    if (PyUnicode_Check(item) && text_utf8(item, &text, &size, false))
      return NULL; /* here, and then no more: texts keep their UTF-8 */
    if (PyUnicode_Check(item) ||
        (node && as_node(item)->document->handle->document == document_of(self)))
      continue;
    return PyErr_Format(PyExc_TypeError,
                        node ? "the node is of another document (or of another handle of it)"
                             : "nodes and text are placed here, not %R",
                        Py_TYPE(item));
  }
  int result = access_write(self->document, &access);
  if (!result)
    result = access_end(&access, place_all(access.txn, self, how, items));
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

enum { CHANGE_DETACH, CHANGE_REMOVE, CHANGE_UNWRAP, CHANGE_CLEAR, CHANGE_NORMALIZE };

/* _change(what) */
static PyObject *node_change(PyObject *object, PyObject *args) {
  static int (*const changes[])(struct copse_txn *, struct copse_document *,
                                const struct copse_handle *) = {
      copse_node_detach, copse_node_remove, copse_node_unwrap, copse_node_clear,
      copse_node_normalize};
  struct dom_node *self = as_node(object);
  struct access access;
  int what;
  if (!PyArg_ParseTuple(args, "i", &what) || choose(what, CHANGE_NORMALIZE))
    return NULL;
  int result = access_write(self->document, &access);
  if (!result)
    result = access_end(&access, changes[what](access.txn, document_of(self), &self->handle));
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

/* In place of all that is below an element; of a text, comment or instruction: its own. */
static int text_put(struct copse_txn *txn, struct dom_node *self, const char *text, size_t size) {
  struct copse_document *document = document_of(self);
  struct copse_node node;
  int result = copse_node_get(copse_txn_view(txn), document, &self->handle, &node);
  if (result)
    return result;
  if (node.kind != COPSE_NODE_ELEMENT && node.kind != COPSE_NODE_FRAGMENT)
    return copse_text_set(txn, document, &self->handle, text, size);
  result = copse_savepoint(txn);
  if (result)
    return result;
  result = copse_node_clear(txn, document, &self->handle);
  if (!result && size)
    result = copse_text_append(txn, document, &self->handle, text, size);
  int ended = result ? copse_savepoint_rollback(txn) : copse_savepoint_release(txn);
  return result ? result : ended;
}

static PyObject *node_set_text(PyObject *object, PyObject *given) {
  struct dom_node *self = as_node(object);
  struct access access;
  const char *text;
  size_t size;
  if (text_utf8(given, &text, &size, false))
    return NULL;
  int result = access_write(self->document, &access);
  if (!result)
    result = access_end(&access, text_put(access.txn, self, text, size));
  return result ? raise(self, result) : Py_NewRef(Py_None);
}

static PyObject *node_clone(PyObject *object, PyObject *args) {
  struct dom_node *self = as_node(object);
  struct access access;
  struct copse_handle copy;
  int deep;
  if (!PyArg_ParseTuple(args, "p", &deep))
    return NULL;
  int result = access_write(self->document, &access);
  if (!result) {
    struct copse_document *document = document_of(self);
    result = access_end(&access, copse_node_clone(access.txn, document, copse_txn_view(access.txn),
                                                  document, &self->handle, deep, &copy));
  }
  return result ? raise(self, result) : node_new(self->document, &copy);
}

#ifdef COPSE_WITH_HTML
/* _set_html(bytes, outer) */
static PyObject *node_set_html(PyObject *object, PyObject *args) {
  struct dom_node *self = as_node(object);
  struct access access;
  struct argument html;
  PyObject *given;
  int outer;
  if (!PyArg_ParseTuple(args, "Op", &given, &outer) || argument_bytes(given, &html, "HTML"))
    return NULL;
  int result = access_write(self->document, &access);
  if (!result) {
    Py_BEGIN_ALLOW_THREADS
    result = (outer ? copse_html_set_outer : copse_html_set_inner)(
        access.txn, document_of(self), &self->handle, html.data, html.size);
    Py_END_ALLOW_THREADS
    result = access_end(&access, result);
  }
  argument_clear(&html);
  return result ? raise(self, result) : Py_NewRef(Py_None);
}
#endif

/* --- the type ------------------------------------------------------------------------ */

static PyMethodDef methods[] = {
    {"_select", node_select, METH_VARARGS, NULL},
    {"_markup", node_markup, METH_VARARGS, NULL},
    {"_attribute", node_attribute, METH_O, NULL},
    {"_attributes", node_attributes, METH_NOARGS, NULL},
    {"_set_attribute", node_set_attribute, METH_VARARGS, NULL},
    {"_class", node_class, METH_VARARGS, NULL},
    {"_place", node_place, METH_VARARGS, NULL},
    {"_change", node_change, METH_VARARGS, NULL},
    {"_set_text", node_set_text, METH_O, NULL},
    {"_clone", node_clone, METH_VARARGS, NULL},
#ifdef COPSE_WITH_HTML
    {"_set_html", node_set_html, METH_VARARGS, NULL},
#endif
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"handle", node_handle, NULL, "Its Handle, by which document.node() finds it.", NULL},
    {"document", node_document, NULL, "The document, bound as the node is.", NULL},
    {"kind", node_part, NULL,
     "\"document\", \"doctype\", \"element\", \"text\", \"comment\", \"instruction\" or "
     "\"fragment\".",
     (void *)PART_KIND},
    {"name", node_part, NULL,
     "An element's local name (\"a\"), a doctype's or an instruction's; else None.",
     (void *)PART_NAME},
    {"namespace", node_part, NULL, "An element's: \"html\", \"svg\", \"math\", ...; else None.",
     (void *)PART_SPACE},
    {"data", node_part, NULL, "What a text, comment or instruction says; else None.",
     (void *)PART_DATA},
    {"parent", node_step, NULL, "The node above, or None.", (void *)COPSE_TREE_PARENT},
    {"previous", node_step, NULL, "The sibling before, or None.", (void *)COPSE_TREE_PREVIOUS},
    {"next", node_step, NULL, "The sibling behind, or None.", (void *)COPSE_TREE_NEXT},
    {"first", node_step, NULL, "The first child, or None.", (void *)COPSE_TREE_FIRST},
    {"last", node_step, NULL, "The last child, or None.", (void *)COPSE_TREE_LAST},
    {"contents", node_step, NULL,
     "A template's contents, a fragment, which is not among its children; else None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, node_dealloc},     {Py_tp_methods, methods}, {Py_tp_getset, getset},
    {Py_tp_richcompare, node_compare}, {Py_tp_hash, node_hash},  {0, NULL},
};

static PyType_Spec spec = {
    "copse._copse.Node", sizeof(struct dom_node), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int node_types(struct state *state, PyObject *module) {
  state->node_type = PyType_FromModuleAndSpec(module, &spec, NULL);
  return state->node_type ? PyModule_AddType(module, (PyTypeObject *)state->node_type) : -1;
}
