/* tree/node.c - finding keys in a node, and reading its entries. */
#include "tree/node.h"

/* Order of the searched suffix against entry i, their heads being equal. */
static int suffix_compare(const struct node *node, const uint16_t *slots, int inner, uint32_t i,
                          const uint8_t *suffix, uint32_t size, int *order) {
  struct entry entry;
  if (entry_read(node, slots, inner, i, &entry))
    return node_corrupt(0, "an entry reaches outside of its node");
  if (size <= 4 || entry.size <= 4)
    *order = (size > entry.size) - (size < entry.size);
  else if (size == entry.size && size >= 12 && size <= 20) /* equal, most likely: no call */
    *order = bytes_load64(suffix + 4) == bytes_load64(entry.rest) &&
                     bytes_load64(suffix + size - 8) == bytes_load64(entry.rest + size - 12)
                 ? 0
                 : memcmp(suffix + 4, entry.rest, size - 4);
  else
    *order = bytes_compare(suffix + 4, size - 4, entry.rest, entry.size - 4);
  return 0;
}

/* Order of a key against a prefix that it does not begin with. */
static int prefix_compare(const uint8_t *common, uint32_t prefix, const uint8_t *key,
                          uint32_t size) {
  int order = memcmp(key, common, size < prefix ? size : prefix);
  return order ? order : -1;
}

int node_search(const struct node *node, const uint8_t *key, uint32_t size, uint32_t *index) {
  uint32_t prefix = node->prefix, count = node->count;
  if (prefix && prefix_differs(node_prefix(node), prefix, key, size)) {
    *index = prefix_compare(node_prefix(node), prefix, key, size) > 0 ? count : 0;
    return 0; /* all keys of the node lie on one side of this one */
  }
  key += prefix;
  size -= prefix;
  uint32_t found = heads_search(node_heads(node), count, key_head(key, size));
  uint32_t low = found & 0xffff, high = found >> 16;
  if (low == high) {
    *index = low;
    return 0;
  }
  int inner = node->head.level > 0;
  const uint16_t *slots = node_slots(node);
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    int order, result = suffix_compare(node, slots, inner, middle, key, size, &order);
    if (result)
      return result;
    if (order == 0) {
      *index = middle;
      return 1;
    }
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  *index = low;
  return 0;
}

uint32_t node_choose_short(const struct node *node, const uint8_t *key, uint32_t size) {
  uint32_t prefix = node->prefix, count = node->count;
  if (prefix && prefix_differs(node_prefix(node), prefix, key, size))
    return prefix_compare(node_prefix(node), prefix, key, size) > 0 ? count : 0;
  return heads_rank(node_heads(node), count, key_head(key + prefix, size - prefix));
}

int node_key(const struct node *node, uint32_t i, uint8_t *buffer, uint32_t *size) {
  int inner = node->head.level > 0;
  struct entry entry;
  if (node->head.kind == PAGE_SHORT)
    entry = short_entry(node, i);
  else if (entry_read(node, node_slots(node), inner, i, &entry) ||
           node->prefix + entry.size > TREE_KEY_MAX)
    return node_corrupt(0, "an entry reaches outside of its node");
  uint8_t head[4];
  bytes_store_be32(head, node_heads(node)[i]);
  memcpy(buffer, node_prefix(node), node->prefix);
  memcpy(buffer + node->prefix, head, entry.size < 4 ? entry.size : 4);
  memcpy(buffer + node->prefix + 4, entry.rest, entry_rest(entry.size));
  *size = node->prefix + entry.size;
  return 0;
}

int extent_open(struct page_view *view, const struct extent_place *place,
                struct tree_value *value) {
  uint64_t size;
  const struct extent_head *extent = page_locate(view, place->ref, &size);
  if (!extent || size < sizeof *extent || place->size > size - sizeof *extent)
    return node_missing(view, place->ref, "points to no value");
  if (view->copy) {
    const void *copied;
    int result =
        view->copy(view, extent, sizeof *extent + place->size, TREE_DEPTH_MAX + 1, &copied);
    if (result)
      return result;
    extent = copied;
  }
  if (extent->head.kind != PAGE_EXTENT || extent->value_size != place->size)
    return node_corrupt(place->ref, "leads to a damaged value");
  value->data = (const uint8_t *)(extent + 1);
  value->size = place->size;
  return 0;
}

int entry_value(struct page_view *view, const struct node *node, const struct entry *entry,
                const struct tree_shape *shape, struct tree_value *value) {
  if (shape->value_size) {
    uint32_t back = (entry->info + 1) * shape->stride, size = node_size(node);
    if (back > size || size - back < node->heap_end)
      return node_corrupt(0, "an entry's value lies outside of its node");
    value->data = (const uint8_t *)node + size - back;
    value->size = shape->value_size;
    return 0;
  }
  uint32_t at = entry_value_at(entry), bytes = entry_value_size(entry);
  if (at + bytes > node->heap_end)
    return node_corrupt(0, "an entry's value lies outside of its node");
  value->data = (const uint8_t *)node + at;
  value->size = bytes;
  if (entry->info != ENTRY_EXTENT)
    return 0;
  struct extent_place place;
  memcpy(&place, value->data, sizeof place);
  return extent_open(view, &place, value);
}
