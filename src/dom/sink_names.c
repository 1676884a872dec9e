/* dom/sink_names.c - the memory of a sink's strings, its names, and what was added to which element. */
#include <stdlib.h>

#include "dom/sink.h"

#define TEXT_ROOM 16384u /* units at first */

uint32_t sink_text_take(struct sink_text *text, uint64_t size) {
  uint32_t place = text->end;
  uint64_t end = place + (size + DOM_UNIT - 1) / DOM_UNIT;
  if (end > UINT32_MAX)
    return 0;
  if (end > text->room) {
    uint64_t room = text->room ? text->room * UINT64_C(2) : TEXT_ROOM;
    room = room < end ? end : room < UINT32_MAX ? room : UINT32_MAX;
    uint8_t *bytes = realloc(text->bytes, room * DOM_UNIT);
    if (!bytes)
      return 0;
    text->bytes = bytes;
    text->room = (uint32_t)room;
  }
  text->end = (uint32_t)end;
  return place;
}

/* --- names ----------------------------------------------------------------------------- */

static uint32_t hash_of(const struct sink_own *own, const uint8_t *bytes) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ own->space ^ (uint64_t)own->prefix_size << 8;
  for (uint64_t i = 0; i < (uint64_t)own->prefix_size + own->size; i++)
    hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  return (uint32_t)(hash ^ hash >> 32);
}

static const uint8_t *name_bytes(const struct copse_sink *sink, const struct sink_own *own) {
  return sink->name_text.bytes + (size_t)own->place * DOM_UNIT;
}

/* Where a name is in the index, or where it belongs. */
static uint32_t index_find(const struct copse_sink *sink, const struct sink_own *wanted,
                           const uint8_t *bytes) {
  uint32_t mask = sink->index_size - 1, at = hash_of(wanted, bytes) & mask;
  for (; sink->index[at]; at = (at + 1) & mask) {
    const struct sink_own *own = &sink->own[sink->index[at] - 1];
    if (own->space == wanted->space && own->prefix_size == wanted->prefix_size &&
        own->size == wanted->size &&
        memcmp(name_bytes(sink, own), bytes, (size_t)own->prefix_size + own->size) == 0)
      break;
  }
  return at;
}

/* Makes room for one more name: at most half of the index is in use. */
static int own_grow(struct copse_sink *sink) {
  if (sink->own_count < sink->own_room)
    return 0;
  uint32_t room = sink->own_room ? sink->own_room * 2 : 32;
  struct sink_own *own = room <= UINT32_MAX / 4 ? realloc(sink->own, room * sizeof *own) : NULL;
  if (!own)
    return -1;
  sink->own = own;
  uint32_t *index = calloc((size_t)room * 2, sizeof *index);
  if (!index)
    return -1;
  free(sink->index);
  sink->index = index;
  sink->index_size = room * 2;
  sink->own_room = room;
  for (uint32_t i = 0; i < sink->own_count; i++)
    index[index_find(sink, &own[i], name_bytes(sink, &own[i]))] = i + 1;
  return 0;
}

/* A name that is not in the table of names.c. */
static uint32_t own_number(struct copse_sink *sink, struct sink_own *wanted, const uint8_t *bytes) {
  if (own_grow(sink))
    return 0;
  uint32_t at = index_find(sink, wanted, bytes);
  if (sink->index[at])
    return DOM_NAMES_OWN + sink->index[at] - 1;
  uint64_t size = (uint64_t)wanted->prefix_size + wanted->size;
  wanted->place = sink_text_take(&sink->name_text, size);
  if (wanted->place == 0)
    return 0;
  memcpy(sink->name_text.bytes + (size_t)wanted->place * DOM_UNIT, bytes, size);
  sink->own[sink->own_count++] = *wanted;
  sink->index[at] = sink->own_count;
  return DOM_NAMES_OWN + sink->own_count - 1;
}

uint32_t copse_sink_name(struct copse_sink *sink, enum copse_namespace space, const char *prefix,
                         size_t prefix_size, const char *local, size_t local_size) {
  uint8_t small[256], *bytes = small;
  if (!prefix)
    prefix_size = 0;
  if (local_size == 0 || prefix_size > DOM_PREFIX_MAX || local_size > UINT32_MAX - DOM_PREFIX_MAX ||
      (prefix_size && memchr(prefix, 0, prefix_size)) || (unsigned)space > COPSE_NS_XMLNS)
    return 0;
  uint32_t known = dom_known_number(space, prefix, prefix_size, local, local_size);
  if (known)
    return known;
  if (prefix_size + local_size > sizeof small)
    bytes = malloc(prefix_size + local_size);
  if (bytes) {
    struct sink_own wanted = {space, (uint32_t)prefix_size, (uint32_t)local_size, 0};
    if (prefix_size)
      memcpy(bytes, prefix, prefix_size);
    memcpy(bytes + prefix_size, local, local_size);
    known = own_number(sink, &wanted, bytes);
  }
  if (known == 0)
    sink->failed = 1;
  if (bytes != small)
    free(bytes);
  return known;
}

/* --- what was added -------------------------------------------------------------------- */

static uint32_t added_place(const uint64_t *added, uint32_t size, uint64_t wanted) {
  uint32_t mask = size - 1, at = (uint32_t)(wanted * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
  while (added[at] && added[at] != wanted)
    at = (at + 1) & mask;
  return at;
}

int sink_added_note(struct copse_sink *sink, uint32_t node, uint32_t name) {
  uint64_t wanted = (uint64_t)node << 32 | name;
  if (sink->added_count * UINT64_C(2) >= sink->added_size) {
    uint32_t size = sink->added_size ? sink->added_size * 2 : 64;
    uint64_t *added = size ? calloc(size, sizeof *added) : NULL;
    if (!added)
      return -1;
    for (uint32_t i = 0; i < sink->added_size; i++)
      if (sink->added[i])
        added[added_place(added, size, sink->added[i])] = sink->added[i];
    free(sink->added);
    sink->added = added;
    sink->added_size = size;
  }
  uint32_t at = added_place(sink->added, sink->added_size, wanted);
  if (sink->added[at])
    return 0;
  sink->added[at] = wanted;
  sink->added_count++;
  return 1;
}
