/* dom/compact.c - the heap written anew, with what is in use alone.
 *
 * The new heap is put together in the process's memory while all live nodes are gone through and told their new
 * places; then it takes the old one's place, and own names are interned anew under their new numbers. Names
 * that no node has are gone then, but for long ones. A failure undoes all of it. */
#include <stdlib.h>

#include "dom/change.h"
#include "store/arena.h"
#include "store/store.h"

/* Old and new numbers of names, by the old one's hash. old 0: a free place. */
struct rename {
  uint32_t old, new;
};

struct compact {
  struct copse_txn *txn;
  struct copse_view *view;
  struct copse_document *document;
  uint8_t *heap;
  uint64_t units, room; /* of the new heap; what there is memory for */
  uint32_t used;        /* units in use */
  struct rename *names;
  uint32_t name_count, name_room; /* room: a power of two */
};

/* --- the new heap ---------------------------------------------------------------------- */

static int heap_add(struct compact *compact, const void *bytes, uint32_t size, uint32_t *place) {
  uint32_t units = dom_units(size), slots = compact->document->text->shape.slots;
  uint32_t left = slots - (uint32_t)(compact->units % slots);
  uint64_t first = compact->units + (units > left ? left : 0);
  if (first + units > compact->room) {
    uint64_t room = 2 * (first + units) + slots;
    uint8_t *heap = realloc(compact->heap, room * DOM_UNIT);
    if (!heap)
      return error_set(COPSE_E_MEMORY, "no memory to compact a document's text");
    compact->heap = heap;
    compact->room = room;
  }
  memset(compact->heap + compact->units * DOM_UNIT, 0,
         (size_t)(first + units - compact->units) * DOM_UNIT);
  if (size)
    memcpy(compact->heap + first * DOM_UNIT, bytes, size);
  compact->units = first + units;
  compact->used += units;
  *place = (uint32_t)first;
  return 0;
}

/* --- names ----------------------------------------------------------------------------- */

static struct rename *name_place(const struct compact *compact, uint32_t old) {
  uint32_t at = old * 2654435769u & (compact->name_room - 1);
  while (compact->names[at].old && compact->names[at].old != old)
    at = (at + 1) & (compact->name_room - 1);
  return &compact->names[at];
}

static int names_grow(struct compact *compact) {
  struct rename *old = compact->names;
  uint32_t old_room = compact->name_room;
  compact->name_room = old_room ? 2 * old_room : 64;
  compact->names = calloc(compact->name_room, sizeof *compact->names);
  if (!compact->names) {
    compact->names = old;
    compact->name_room = old_room;
    return error_set(COPSE_E_MEMORY, "no memory for a document's names");
  }
  for (uint32_t i = 0; i < old_room; i++)
    if (old[i].old)
      *name_place(compact, old[i].old) = old[i];
  free(old);
  return 0;
}

/* Moves a name to the new heap, once; *number becomes its new one. */
static int name_move(struct compact *compact, uint32_t *number) {
  struct copse_bytes entry;
  if (*number < DOM_NAMES_OWN)
    return 0;
  if (2 * compact->name_count >= compact->name_room) {
    int result = names_grow(compact);
    if (result)
      return result;
  }
  struct rename *place = name_place(compact, *number);
  if (!place->old) {
    uint32_t to;
    int result = dom_name_entry(compact->view, compact->document, *number, &entry);
    if (result == 0)
      result = heap_add(compact, entry.data, (uint32_t)entry.size, &to);
    if (result)
      return result;
    *place = (struct rename){*number, DOM_NAMES_OWN + to};
    compact->name_count++;
  }
  *number = place->new;
  return 0;
}

static int value_number(const struct copse_bytes *value, uint32_t *number) {
  if (value->size != sizeof *number)
    return error_set(COPSE_E_CORRUPT, "a name's number has %zu bytes", value->size);
  memcpy(number, value->data, sizeof *number);
  return *number >= DOM_NAMES_OWN ? 0
                                  : error_set(COPSE_E_CORRUPT, "a name of the table is interned");
}

/* Long names are kept, with their big strings, whether nodes have them or not. */
static int long_names_move(struct compact *compact) {
  struct copse_range range = {.prefix = {"l", 1}};
  struct copse_bytes key, value;
  struct copse_cursor *cursor;
  uint32_t number;
  int result = copse_cursor_open(compact->view, compact->document->names, &range, &cursor);
  if (result)
    return result;
  while ((result = copse_cursor_next(cursor, &key, &value)) == 0) {
    result = value_number(&value, &number);
    if (result == 0)
      result = name_move(compact, &number);
    if (result)
      break;
  }
  copse_cursor_close(cursor);
  return result == COPSE_NONE ? 0 : result;
}

/* With the new heap in its place. */
static int names_intern(struct compact *compact) {
  struct copse_map *map = compact->document->names;
  struct dom_name_key key;
  struct dom_name name;
  uint32_t found;
  int result = 0;
  for (int i = 0; i < 2 && result == 0; i++) {
    struct copse_range range = {.prefix = {i ? "l" : "n", 1}};
    result = copse_delete_range(compact->txn, map, &range, NULL);
  }
  for (uint32_t i = 0; i < compact->name_room && result == 0; i++) {
    uint32_t number = compact->names[i].new;
    if (!compact->names[i].old)
      continue;
    result = dom_name_get(compact->view, compact->document, number, &name);
    if (result == 0)
      result = dom_name_look(compact->view, compact->document, &name, &key, &found);
    if (result == COPSE_NONE)
      result = copse_put(compact->txn, map, key.bytes, key.size, &number, sizeof number, 0);
    else if (result == 0)
      result = error_set(COPSE_E_CORRUPT, "a name has two numbers");
  }
  return result;
}

/* --- nodes ----------------------------------------------------------------------------- */

/* Writes a block with its names' new numbers into memory of its size. *filter: what follows from them. */
static int block_move(struct compact *compact, struct dom_attributes *walk, uint8_t *block,
                      uint32_t *filter) {
  struct dom_attribute attribute;
  int result;
  *filter = 0;
  while ((result = dom_attributes_next(walk, &attribute)) == 0) {
    result = name_move(compact, &attribute.name);
    if (result)
      return result;
    memcpy(block + DOM_BLOCK_HEAD + (size_t)(walk->next - 1) * DOM_BLOCK_ENTRY, &attribute.name, 4);
    *filter |= dom_filter(&attribute);
  }
  return result < 0 ? dom_attributes_damaged() : 0;
}

static int element_move(struct compact *compact, struct dom_data *data) {
  struct dom_attributes walk;
  struct dom_buffer buffer;
  uint32_t size;
  int result = name_move(compact, &data->name);
  if (result == 0)
    result = dom_string_size(compact->view, compact->document, data, &size);
  if (result == 0)
    result = dom_attributes(compact->view, compact->document, data, &walk);
  if (result || size == 0)
    return result;
  result = dom_buffer_make(&buffer, size);
  if (result)
    return result;
  memcpy(buffer.bytes, walk.block, size);
  result = block_move(compact, &walk, buffer.bytes, &data->more);
  if (result == 0)
    result = data->flags & DOM_BIG
                 ? dom_big_put(compact->txn, compact->document, data->data, buffer.bytes, size)
                 : heap_add(compact, buffer.bytes, size, &data->data);
  dom_buffer_free(&buffer);
  return result;
}

static int string_move(struct compact *compact, struct dom_data *data) {
  const uint8_t *bytes;
  uint32_t size, room;
  int result = dom_string_size(compact->view, compact->document, data, &size);
  if (result || size == 0 || data->flags & DOM_BIG)
    return result;
  result = dom_heap(compact->view, compact->document, data->data, &bytes, &room);
  if (result == 0 && size > room)
    result = error_set(COPSE_E_CORRUPT, "a string of %u bytes is not in the document", size);
  return result ? result : heap_add(compact, bytes, size, &data->data);
}

static int node_move(struct compact *compact, uint64_t index) {
  struct copse_document *document = compact->document;
  struct copse_handle handle;
  struct dom_item item;
  const void *payload;
  int result = copse_tree_at(compact->view, document->tree, index, &handle, &payload);
  if (result == 0)
    result = dom_item_get(compact->view, document, &handle, &item);
  if (result)
    return result;
  struct dom_data data = item.data, *place;
  switch (data.kind) {
  case COPSE_NODE_DOCUMENT:
  case COPSE_NODE_FRAGMENT: return 0;
  case COPSE_NODE_ELEMENT: result = element_move(compact, &data); break;
  case COPSE_NODE_INSTRUCTION:
    result = name_move(compact, &data.name);
    if (result == 0)
      result = string_move(compact, &data);
    break;
  default: result = string_move(compact, &data);
  }
  if (result == 0 && memcmp(&data, &item.data, sizeof data) != 0) {
    result = dom_data_own(compact->txn, document, &handle, &place);
    if (result == 0)
      *place = data;
  }
  return result;
}

static int nodes_move(struct compact *compact) {
  struct copse_chunk chunk;
  uint64_t from = 0;
  int result;
  while ((result = copse_arena_chunk(compact->view, compact->document->tree->arena, from,
                                     &chunk)) == 0) {
    from = chunk.first + chunk.count;
    for (uint64_t i = chunk.first; i < from; i++) {
      result = node_move(compact, i);
      if (result)
        return result == COPSE_NONE ? error_set(COPSE_E_CORRUPT, "slots are live and are not")
                                    : result;
    }
  }
  return result == COPSE_NONE ? 0 : result;
}

static int compact_all(struct compact *compact) {
  struct copse_handle root;
  struct dom_data *data;
  uint32_t mark = 0, place;
  int result = copse_document_root(compact->view, compact->document, &root);
  if (result == 0)
    result = heap_add(compact, &mark, sizeof mark, &place);
  compact->used = 0;
  if (result == 0)
    result = long_names_move(compact);
  if (result == 0)
    result = nodes_move(compact);
  if (result == 0)
    result = arena_clear(compact->txn, compact->document->text);
  if (result == 0)
    result = copse_arena_append(compact->txn, compact->document->text, compact->units,
                                compact->heap, NULL);
  if (result == 0)
    result = names_intern(compact);
  if (result == 0)
    result = dom_data_own(compact->txn, compact->document, &root, &data);
  if (result == 0)
    data->more = compact->used;
  return result;
}

int copse_document_compact(struct copse_txn *txn, struct copse_document *document) {
  struct compact compact = {.txn = txn, .view = copse_txn_view(txn), .document = document};
  int result = txn_check(txn);
  if (result == 0)
    result = txn_savepoint(txn);
  if (result)
    return result;
  result = compact_all(&compact);
  free(compact.heap);
  free(compact.names);
  return arena_steps_end(txn, result);
}
