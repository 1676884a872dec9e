/* dom/node.c - tree arenas: opening them, reading nodes, following one link. */
#include "dom/place.h"

#include <stdlib.h>
#include <string.h>

/* --- tree arenas ----------------------------------------------------------------------- */

/* The fields before the payload's: what tells a tree arena from others. */
static const struct copse_field link_fields[] = {
    {"node.parent", COPSE_FIELD_u32, 0, 1}, {"node.previous", COPSE_FIELD_u32, 4, 1},
    {"node.next", COPSE_FIELD_u32, 8, 1},   {"node.first", COPSE_FIELD_u32, 12, 1},
    {"node.last", COPSE_FIELD_u32, 16, 1},  {"node.zero", COPSE_FIELD_pad, 20, 4},
};
enum { LINK_FIELDS = sizeof link_fields / sizeof link_fields[0] };

/* The layout of whole records, in memory to be freed. */
static int layout_make(const struct copse_tree_options *options, struct copse_layout **out) {
  if (!options)
    return error_set(COPSE_E_ARGUMENT, "a tree arena needs options: the payload's size");
  const struct copse_layout *payload = options->layout;
  uint32_t size = payload ? payload->size : options->payload_size;
  uint32_t count = payload ? payload->field_count : size != 0;
  if (size > COPSE_TREE_PAYLOAD_MAX)
    return error_set(COPSE_E_ARGUMENT, "payloads of %u bytes; they may have %d", size,
                     COPSE_TREE_PAYLOAD_MAX);
  if (count > COPSE_LAYOUT_FIELDS_MAX - LINK_FIELDS)
    return error_set(COPSE_E_ARGUMENT, "payloads have %u fields; they may have %d", count,
                     COPSE_LAYOUT_FIELDS_MAX - LINK_FIELDS);
  struct copse_layout *layout =
      malloc(sizeof *layout + (LINK_FIELDS + count) * sizeof(struct copse_field));
  if (!layout)
    return error_set(COPSE_E_MEMORY, "no memory for a layout");
  struct copse_field *fields = (struct copse_field *)(layout + 1);
  memcpy(fields, link_fields, sizeof link_fields);
  for (uint32_t i = 0; i < count; i++) {
    struct copse_field whole = {"payload", COPSE_FIELD_bytes, 0, size};
    fields[LINK_FIELDS + i] = payload ? payload->fields[i] : whole;
    fields[LINK_FIELDS + i].offset += COPSE_TREE_LINKS;
  }
  *layout = (struct copse_layout){.name = payload ? payload->name : "node",
                                  .size = COPSE_TREE_LINKS + size,
                                  .field_count = LINK_FIELDS + count,
                                  .fields = fields};
  int result = copse_layout_init(layout);
  if (result)
    free(layout);
  else
    *out = layout;
  return result;
}

static int handle_make(struct copse_arena *arena, uint32_t record_size, struct copse_tree **out) {
  struct copse_tree *tree = malloc(sizeof *tree);
  if (!tree) {
    copse_arena_close(arena);
    return error_set(COPSE_E_MEMORY, "no memory for a tree handle");
  }
  *tree = (struct copse_tree){arena, record_size - COPSE_TREE_LINKS};
  *out = tree;
  return 0;
}

int copse_tree_create(struct copse_txn *txn, const char *name,
                      const struct copse_tree_options *options, struct copse_tree **tree) {
  struct copse_layout *layout;
  struct copse_arena *arena;
  int result = layout_make(options, &layout);
  if (result)
    return result;
  struct copse_arena_options asked = {.record_size = layout->size, .layout = layout};
  result = copse_arena_create(txn, name, &asked, &arena);
  if (result == 0)
    result = handle_make(arena, layout->size, tree);
  free(layout);
  return result;
}

int copse_tree_ensure(struct copse_store *store, const char *name,
                      const struct copse_tree_options *options, int64_t timeout_ns,
                      struct copse_tree **tree) {
  struct copse_layout *layout;
  struct copse_arena *arena;
  int result = layout_make(options, &layout);
  if (result)
    return result;
  struct copse_arena_options asked = {.record_size = layout->size, .layout = layout};
  result = copse_arena_ensure(store, name, &asked, timeout_ns, &arena);
  if (result == 0)
    result = handle_make(arena, layout->size, tree);
  free(layout);
  return result;
}

/* Whether the records of an arena are nodes. */
static int links_check(struct copse_view *view, struct copse_arena *arena,
                       struct copse_arena_info *info) {
  struct copse_layout *layout = NULL;
  int same = 0, result = copse_arena_info(view, arena, info);
  if (result == 0 && info->has_layout)
    result = copse_map_layout(view, copse_arena_map(arena), &layout);
  if (result)
    return result;
  if (layout && layout->size == info->record_size && layout->field_count >= LINK_FIELDS) {
    same = 1;
    for (unsigned i = 0; i < LINK_FIELDS; i++) {
      const struct copse_field *is = &layout->fields[i], *wanted = &link_fields[i];
      same &= strcmp(is->name, wanted->name) == 0 && is->kind == wanted->kind &&
              is->offset == wanted->offset && is->count == wanted->count;
    }
  }
  copse_layout_free(layout);
  return same ? 0
              : error_set(COPSE_E_MAP_KIND,
                          "arena '%s' is no tree arena: its records have no links", info->name);
}

int copse_tree_open(struct copse_view *view, const char *name,
                    const struct copse_tree_options *options, struct copse_tree **tree) {
  struct copse_layout *layout = NULL;
  struct copse_arena_info info;
  struct copse_arena *arena;
  int result = options ? layout_make(options, &layout) : 0;
  if (result)
    return result;
  struct copse_arena_options asked = {.record_size = layout ? layout->size : 0, .layout = layout};
  result = copse_arena_open(view, name, layout ? &asked : NULL, &arena);
  free(layout);
  if (result)
    return result;
  result = links_check(view, arena, &info);
  if (result) {
    copse_arena_close(arena);
    return result;
  }
  return handle_make(arena, info.record_size, tree);
}

void copse_tree_close(struct copse_tree *tree) {
  if (!tree)
    return;
  copse_arena_close(tree->arena);
  free(tree);
}

struct copse_arena *copse_tree_arena(struct copse_tree *tree) {
  return tree->arena;
}

uint32_t copse_tree_payload_size(const struct copse_tree *tree) { return tree->payload_size; }

/* --- nodes ----------------------------------------------------------------------------- */

int dom_beyond(const struct copse_handle *handle, int result) {
  return result ? result
                : dom_link_corrupt(handle->index + 1, "is beyond what a tree arena may have");
}

int dom_missing(const struct copse_view *view, uint32_t from, int result) {
  if (result == COPSE_NONE)
    result = dom_link_corrupt(from, "is linked to a node that is not there");
  return store_fault(view->store, result);
}

int dom_stray(uint32_t from) {
  return dom_link_corrupt(from, "is linked to a node that is not linked back");
}

static void node_take(struct dom_node *node, const struct copse_view *view,
                      const struct copse_tree *tree, const struct dom_place *place) {
  node->handle = dom_place_handle(tree, place);
  memcpy(&node->links, place->links, sizeof node->links);
  node->payload = view_lend(view, (const uint8_t *)(place->links + 1));
}

/* Opens the arena in a view. */
static int open_in(struct copse_view *view, const struct copse_tree *tree,
                   struct arena_cache **cache) {
  int result = view_check(view);
  return result ? result : store_fault(view->store, arena_open(view, tree->arena, cache));
}

int dom_get(struct copse_view *view, const struct copse_tree *tree,
            const struct copse_handle *handle, struct dom_node *node) {
  struct arena_cache *cache;
  struct dom_place place;
  int result = open_in(view, tree, &cache);
  if (result == 0)
    result = dom_place_get(view, cache, handle, &place);
  if (result == 0)
    node_take(node, view, tree, &place);
  return result;
}

int dom_at(struct copse_view *view, const struct copse_tree *tree, const struct dom_node *from,
           uint32_t link, struct dom_node *node) {
  struct arena_cache *cache;
  struct dom_place place;
  int result = open_in(view, tree, &cache);
  if (result)
    return result;
  if (link == 0)
    return dom_missing(view, dom_link(from), COPSE_NONE);
  struct arena_found found = dom_locate(view, cache, dom_link(from), link);
  if (found.result)
    return found.result;
  dom_place_take(&place, link - 1, found);
  node_take(node, view, tree, &place);
  return 0;
}

int dom_step(struct copse_view *view, const struct copse_tree *tree, const struct dom_node *from,
             enum copse_tree_link which, struct dom_node *to) {
  struct arena_cache *cache;
  struct dom_place place,
      here = {(const struct dom_place_links *)&from->links, (uint32_t)from->handle.index, 0};
  int result = open_in(view, tree, &cache);
  if (result == 0)
    result = dom_place_step(view, cache, &here, which, &place);
  if (result == 0)
    node_take(to, view, tree, &place);
  return result;
}

/* --- reading --------------------------------------------------------------------------- */

int copse_tree_get(struct copse_view *view, struct copse_tree *tree,
                   const struct copse_handle *handle, const void **payload) {
  const void *record;
  int result = copse_arena_get(view, tree->arena, handle, &record);
  if (result == 0)
    *payload = (const uint8_t *)record + COPSE_TREE_LINKS;
  return result;
}

int copse_tree_at(struct copse_view *view, struct copse_tree *tree, uint64_t index,
                  struct copse_handle *handle, const void **payload) {
  const void *record;
  int result = copse_arena_at(view, tree->arena, index, handle, &record);
  if (result == 0)
    *payload = (const uint8_t *)record + COPSE_TREE_LINKS;
  return result;
}

int copse_tree_count(struct copse_view *view, struct copse_tree *tree, uint64_t *count) {
  return copse_arena_count(view, tree->arena, count);
}

int copse_tree_step(struct copse_view *view, struct copse_tree *tree,
                    const struct copse_handle *handle, enum copse_tree_link link,
                    struct copse_handle *found, const void **payload) {
  struct arena_cache *cache;
  struct dom_place node, to;
  if (link < COPSE_TREE_PARENT || link > COPSE_TREE_LAST)
    return error_set(COPSE_E_ARGUMENT, "there is no link %d", (int)link);
  int result = open_in(view, tree, &cache);
  if (result == 0)
    result = dom_place_get(view, cache, handle, &node);
  if (result == 0)
    result = dom_place_step(view, cache, &node, link, &to);
  if (result)
    return result;
  *found = dom_place_handle(tree, &to);
  if (payload)
    *payload = view_lend(view, (const uint8_t *)(to.links + 1));
  return 0;
}
