/* dom/document.c - documents: making and opening them, and reading what their nodes hold. */
#include "dom/document.h"

#include <stdlib.h>

#include "store/arena.h"
#include "store/store.h"

_Static_assert(sizeof(struct copse_source) == 24, "lies in attribute blocks");

/* --- documents ------------------------------------------------------------------------- */

/* What tells a document from other tree arenas. */
static const struct copse_field data_fields[] = {
    {"dom.kind", COPSE_FIELD_u8, 0, 1},  {"dom.flags", COPSE_FIELD_u8, 1, 1},
    {"dom.zero", COPSE_FIELD_pad, 2, 2}, {"dom.name", COPSE_FIELD_u32, 4, 1},
    {"dom.data", COPSE_FIELD_u32, 8, 1}, {"dom.more", COPSE_FIELD_u32, 12, 1},
};

#define SUFFIX_MAX 6u
struct names {
  char text[COPSE_MAP_NAME_MAX + 1], names[COPSE_MAP_NAME_MAX + 1];
};

static int names_make(const char *name, struct names *names) {
  size_t size = strlen(name);
  if (size + SUFFIX_MAX > COPSE_MAP_NAME_MAX)
    return error_set(COPSE_E_ARGUMENT,
                     "the document's name has %zu bytes; at most %u are allowed, for \".names\" is "
                     "put behind it",
                     size, COPSE_MAP_NAME_MAX - SUFFIX_MAX);
  memcpy(names->text, name, size);
  memcpy(names->text + size, ".text", sizeof ".text");
  memcpy(names->names, name, size);
  memcpy(names->names + size, ".names", sizeof ".names");
  return 0;
}

/* The payload's layout, for the caller to keep while the options are used. */
static int options_make(struct copse_layout *layout, struct copse_tree_options *options) {
  *layout = (struct copse_layout){.name = "dom",
                                  .size = sizeof(struct dom_data),
                                  .field_count = sizeof data_fields / sizeof data_fields[0],
                                  .fields = data_fields};
  *options = (struct copse_tree_options){.layout = layout};
  return copse_layout_init(layout);
}

static const struct copse_arena_options text_options = {.record_size = DOM_UNIT};
static const struct copse_map_options names_options = {.key_kind = COPSE_KEY_BYTES};

void copse_document_close(struct copse_document *document) {
  if (!document)
    return;
  copse_tree_close(document->tree);
  copse_arena_close(document->text);
  if (document->names)
    copse_map_close(document->names);
  free(document);
}

/* An empty handle, whose parts are put in one by one. */
static int handle_make(struct copse_document **out) {
  *out = calloc(1, sizeof **out);
  return *out ? 0 : error_set(COPSE_E_MEMORY, "no memory for a document handle");
}

static int handle_end(struct copse_document *made, int result, struct copse_document **out) {
  if (result)
    copse_document_close(made);
  else
    *out = made;
  return result;
}

static int content_make(struct copse_txn *txn, struct copse_document *document) {
  struct dom_data data = {.kind = COPSE_NODE_DOCUMENT, .data = 1};
  struct copse_handle root;
  uint32_t mark = 0;
  int result = copse_tree_new(txn, document->tree, &data, &root, NULL);
  return result ? result : copse_arena_append(txn, document->text, 1, &mark, NULL);
}

int copse_document_create(struct copse_txn *txn, const char *name,
                          struct copse_document **document) {
  struct copse_document *made;
  struct copse_layout layout;
  struct copse_tree_options options;
  struct names names;
  int result = names_make(name, &names);
  if (result == 0)
    result = options_make(&layout, &options);
  if (result == 0)
    result = txn_check(txn);
  if (result == 0)
    result = handle_make(&made);
  if (result)
    return result;
  result = txn_savepoint(txn);
  if (result)
    return handle_end(made, result, document);
  result = copse_tree_create(txn, name, &options, &made->tree);
  if (result == 0)
    result = copse_arena_create(txn, names.text, &text_options, &made->text);
  if (result == 0)
    result = copse_map_create(txn, names.names, &names_options, &made->names);
  if (result == 0)
    result = content_make(txn, made);
  return handle_end(made, arena_steps_end(txn, result), document);
}

/* A tree arena without the other two is something else. */
static int part_refuse(int result, const char *name) {
  return result == COPSE_E_NO_MAP || result == COPSE_E_LAYOUT || result == COPSE_E_MAP_KIND
             ? error_set(COPSE_E_MAP_KIND, "'%s' is no document", name)
             : result;
}

int copse_document_open(struct copse_view *view, const char *name,
                        struct copse_document **document) {
  struct copse_document *made;
  struct copse_layout layout;
  struct copse_tree_options options;
  struct names names;
  int result = names_make(name, &names);
  if (result == 0)
    result = options_make(&layout, &options);
  if (result == 0)
    result = handle_make(&made);
  if (result)
    return result;
  result = copse_tree_open(view, name, &options, &made->tree);
  if (result == COPSE_E_LAYOUT)
    result = part_refuse(result, name);
  if (result == 0) {
    result = copse_arena_open(view, names.text, &text_options, &made->text);
    if (result == 0)
      result = copse_map_open(view, names.names, &names_options, &made->names);
    result = part_refuse(result, name);
  }
  return handle_end(made, result, document);
}

int copse_document_ensure(struct copse_store *store, const char *name, int64_t timeout_ns,
                          struct copse_document **document) {
  struct copse_snapshot *snapshot;
  struct copse_txn *txn;
  int result = copse_snapshot_open(store, 0, &snapshot);
  if (result)
    return result;
  result = copse_document_open(copse_snapshot_view(snapshot), name, document);
  copse_snapshot_close(snapshot);
  if (result != COPSE_E_NO_MAP || store->flags & COPSE_READ_ONLY)
    return result;
  result = copse_txn_begin(store, timeout_ns, &txn);
  if (result)
    return result;
  struct copse_document *made;
  result = copse_document_open(copse_txn_view(txn), name, &made);
  if (result == COPSE_E_NO_MAP)
    result = copse_document_create(txn, name, &made);
  if (result) {
    copse_txn_abort(txn);
    return result;
  }
  return handle_end(made, copse_txn_commit(txn, NULL), document);
}

struct copse_tree *copse_document_tree(struct copse_document *document) {
  return document->tree;
}

/* --- nodes ----------------------------------------------------------------------------- */

static int item_take(struct dom_item *item) {
  memcpy(&item->data, item->node.payload, sizeof item->data);
  return item->data.kind >= COPSE_NODE_DOCUMENT && item->data.kind <= COPSE_NODE_FRAGMENT
             ? 0
             : dom_corrupt(&item->node, "is of no kind that there is");
}

int dom_item_get(struct copse_view *view, const struct copse_document *document,
                 const struct copse_handle *handle, struct dom_item *item) {
  int result = dom_get(view, document->tree, handle, &item->node);
  return result ? result : item_take(item);
}

int dom_item_step(struct copse_view *view, const struct copse_document *document,
                  const struct dom_item *from, enum copse_tree_link which, struct dom_item *to) {
  int result = dom_step(view, document->tree, &from->node, which, &to->node);
  return result ? result : item_take(to);
}

int dom_item_root(struct copse_view *view, const struct copse_document *document,
                  struct dom_item *item) {
  struct copse_handle root;
  const void *payload;
  int result = copse_tree_at(view, document->tree, 0, &root, &payload);
  if (result == COPSE_NONE)
    return error_set(COPSE_E_CORRUPT, "the document has no document node");
  if (result == 0)
    result = dom_item_get(view, document, &root, item);
  if (result == 0 && item->data.kind != COPSE_NODE_DOCUMENT)
    result = dom_corrupt(&item->node, "is not the document node, but in its place");
  return result;
}

int dom_item_contents(struct copse_view *view, const struct copse_document *document,
                      const struct dom_item *item, struct dom_item *fragment) {
  struct dom_attributes walk;
  struct dom_attribute attribute;
  if (item->data.kind != COPSE_NODE_ELEMENT || !(item->data.flags & DOM_TEMPLATE))
    return COPSE_NONE;
  int result = dom_attributes(view, document, &item->data, &walk);
  if (result)
    return result;
  if (dom_attributes_next(&walk, &attribute) || attribute.name != DOM_NAME_CONTENTS ||
      attribute.size == 0)
    return dom_corrupt(&item->node, "is a template without contents");
  result = dom_at(view, document->tree, &item->node, attribute.size, &fragment->node);
  if (result == 0)
    result = item_take(fragment);
  if (result == 0 &&
      (fragment->data.kind != COPSE_NODE_FRAGMENT || !(fragment->data.flags & DOM_HOST) ||
       fragment->data.data != dom_link(&item->node)))
    result = dom_corrupt(&item->node, "is a template whose contents are not its own");
  return result;
}

int dom_item_host(struct copse_view *view, const struct copse_document *document,
                  const struct dom_item *fragment, struct dom_item *item) {
  struct dom_item contents;
  if (fragment->data.kind != COPSE_NODE_FRAGMENT || !(fragment->data.flags & DOM_HOST))
    return COPSE_NONE;
  if (fragment->data.data == 0)
    return dom_corrupt(&fragment->node, "is the contents of no template");
  int result = dom_at(view, document->tree, &fragment->node, fragment->data.data, &item->node);
  if (result == 0)
    result = item_take(item);
  if (result == 0)
    result = dom_item_contents(view, document, item, &contents);
  return result == COPSE_NONE ||
                 (result == 0 && contents.node.handle.index != fragment->node.handle.index)
             ? dom_corrupt(&fragment->node, "is the contents of a node that does not say so")
             : result;
}

/* --- strings --------------------------------------------------------------------------- */

int dom_heap(struct copse_view *view, const struct copse_document *document, uint32_t place,
             const uint8_t **bytes, uint32_t *room) {
  const struct arena_shape *shape = &document->text->shape;
  const void *record;
  int result = copse_arena_at(view, document->text, place, NULL, &record);
  if (result == COPSE_NONE || (result == 0 && place == 0))
    return error_set(COPSE_E_CORRUPT, "place %u is not in the document's text", place);
  if (result)
    return result;
  uint32_t in_leaf = (uint32_t)(place - arena_leaf(shape, place) * shape->slots);
  *bytes = record;
  *room = (shape->slots - in_leaf) * DOM_UNIT;
  return 0;
}

static int string_corrupt(const struct dom_data *data) {
  return error_set(COPSE_E_CORRUPT, "the string at %u of %u bytes is not in the document",
                   data->data, data->more);
}

int dom_text(struct copse_view *view, const struct copse_document *document,
             const struct dom_data *data, struct copse_bytes *text) {
  const uint8_t *bytes = (const uint8_t *)"";
  uint32_t room = 0;
  int result = 0;
  if (data->flags & DOM_BIG) {
    struct copse_bytes big;
    result = dom_big(view, document, data->data, &big);
    if (result == 0 && big.size != data->more)
      return string_corrupt(data);
    if (result == 0)
      *text = big;
    return result;
  }
  if (data->more)
    result = dom_heap(view, document, data->data, &bytes, &room);
  if (result == 0 && data->more > room)
    return string_corrupt(data);
  if (result == 0)
    *text = (struct copse_bytes){bytes, data->more};
  return result;
}

/* A string that tells its size itself. room 0: it is empty. */
static int block_of(struct copse_view *view, const struct copse_document *document,
                    const struct dom_data *data, const uint8_t **bytes, uint32_t *room) {
  *bytes = (const uint8_t *)"";
  *room = 0;
  if (data->flags & DOM_BIG) {
    struct copse_bytes big;
    int result = dom_big(view, document, data->data, &big);
    if (result == 0 && big.size > UINT32_MAX)
      return string_corrupt(data);
    if (result == 0) {
      *bytes = big.data;
      *room = (uint32_t)big.size;
    }
    return result;
  }
  return data->data ? dom_heap(view, document, data->data, bytes, room) : 0;
}

int dom_attributes_damaged(void) {
  return error_set(COPSE_E_CORRUPT, "an element's attributes are damaged");
}

int dom_attributes(struct copse_view *view, const struct copse_document *document,
                   const struct dom_data *data, struct dom_attributes *walk) {
  const uint8_t *block = NULL;
  uint32_t room = 0;
  int result = data->kind == COPSE_NODE_ELEMENT ? block_of(view, document, data, &block, &room) : 0;
  if (result == 0 && dom_attributes_begin(walk, block, room))
    result = dom_attributes_damaged();
  return result;
}

int dom_attributes_shown(struct copse_view *view, const struct copse_document *document,
                         const struct dom_data *data, struct dom_attributes *walk) {
  struct dom_attribute attribute;
  int result = dom_attributes(view, document, data, walk);
  while (result == 0) {
    struct dom_attributes before = *walk;
    int next = dom_attributes_next(walk, &attribute);
    if (next < 0)
      return dom_attributes_damaged();
    if (next || attribute.name > DOM_NAME_FIRST) {
      *walk = before;
      break;
    }
  }
  return result;
}

int dom_attribute_find(struct copse_view *view, const struct copse_document *document,
                       const struct dom_data *data, uint32_t name,
                       struct dom_attribute *attribute) {
  struct dom_attributes walk;
  int result = dom_attributes(view, document, data, &walk);
  if (result)
    return result;
  while ((result = dom_attributes_next(&walk, attribute)) == 0)
    if (attribute->name == name)
      return 0;
  return result < 0 ? dom_attributes_damaged() : COPSE_NONE;
}

int dom_doctype(struct copse_view *view, const struct copse_document *document,
                const struct dom_data *data, struct copse_bytes strings[3]) {
  const uint8_t *bytes;
  uint32_t room;
  int result = block_of(view, document, data, &bytes, &room);
  if (result)
    return result;
  uint32_t at = DOM_DOCTYPE_HEAD;
  for (unsigned i = 0; i < 3; i++) {
    uint32_t size = room >= DOM_DOCTYPE_HEAD ? dom_u32(bytes + 4 * i) : 0;
    if (room < at || size > room - at)
      return error_set(COPSE_E_CORRUPT, "a doctype is damaged");
    strings[i] = (struct copse_bytes){bytes + at, size};
    at += size;
  }
  return 0;
}
