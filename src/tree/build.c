/* tree/build.c - from nodes to items and back, and small changes in place.
 *
 * A built node takes out the common prefix of its keys, fills its page from the end with
 * entries in key order, and turns what its size class leaves over into room for more keys. */
#include "tree/build.h"

void item_from_key(struct item *item, const uint8_t *key, uint32_t size) {
  *item = (struct item){
      .whole = key, .head = key_head(key, size), .rest = key + 4, .size = (uint16_t)size};
}

uint32_t item_key(const struct item *item, uint8_t *buffer) {
  uint8_t head[4];
  bytes_store_be32(head, item->head);
  if (item->pre_size)
    memcpy(buffer, item->pre, item->pre_size);
  buffer += item->pre_size;
  memcpy(buffer, head, item->size < 4 ? item->size : 4);
  memcpy(buffer + 4, item->rest, entry_rest(item->size));
  return (uint32_t)item->pre_size + item->size;
}

int items_from_node(struct items *items, const struct node *node, const struct tree_shape *shape) {
  int inner = node->head.level > 0;
  const uint16_t *slots = node_slots(node);
  const uint32_t *heads = node_heads(node);
  items->count = node->count;
  items->prefix_hint = items->average_hint = 0;
  items->first_child = inner ? node_child(node, 0) : 0;
  for (uint32_t i = 0; i < node->count; i++) {
    struct item *item = &items->items[i];
    struct entry entry;
    if (node->head.kind == PAGE_SHORT)
      entry = short_entry(node, i);
    else if (entry_read(node, slots, inner, i, &entry) || node->prefix + entry.size > TREE_KEY_MAX)
      return node_corrupt(0, "an entry reaches outside of its node");
    item->whole = NULL;
    item->pre = node_prefix(node);
    item->pre_size = node->prefix;
    item->head = heads[i];
    item->rest = entry.rest;
    item->size = (uint16_t)entry.size;
    item->value = NULL;
    item->value_size = 0;
    item->is_extent = 0;
    item->child = 0;
    if (inner) {
      item->child = node_child(node, i + 1);
    } else if (shape->value_size) {
      struct tree_value value;
      int result = entry_value(NULL, node, &entry, shape, &value);
      if (result)
        return result;
      item->value = value.data;
      item->value_size = (uint16_t)value.size;
    } else {
      uint32_t at = entry_value_at(&entry);
      item->value_size = (uint16_t)entry_value_size(&entry);
      item->is_extent = entry.info == ENTRY_EXTENT;
      item->value = (const uint8_t *)node + at;
      if (at + item->value_size > node->heap_end)
        return node_corrupt(0, "an entry's value lies outside of its node");
    }
  }
  return 0;
}

void items_begin(struct items *items, const struct item *item) {
  items->count = 1;
  items->first_child = items->prefix_hint = items->average_hint = 0;
  items->items[0] = *item;
}

void items_insert(struct items *items, uint32_t at, const struct item *item) {
  memmove(&items->items[at + 1], &items->items[at], (items->count - at) * sizeof *item);
  items->items[at] = *item;
  items->count++;
}

void items_remove(struct items *items, uint32_t at) {
  items->count--;
  memmove(&items->items[at], &items->items[at + 1], (items->count - at) * sizeof *items->items);
}

/* Bytes of an entry whose key has `suffix` bytes after the node's prefix. */
static uint32_t entry_bytes(const struct item *item, uint32_t suffix, enum page_kind kind,
                            const struct tree_shape *shape) {
  if (kind == PAGE_SHORT)
    return 0;
  if (kind == PAGE_INNER)
    return (2 + entry_rest(suffix) + 1) & ~1u;
  if (shape->value_size)
    return (4 + entry_rest(suffix) + 1) & ~1u;
  return ((4 + entry_rest(suffix) + 7) & ~7u) + ((item->value_size + 7u) & ~7u);
}

static uint32_t common_prefix(const struct items *items, uint32_t from, uint32_t to) {
  if (to - from < 2)
    return items->prefix_hint;
  uint8_t first[TREE_KEY_MAX + 8], last[TREE_KEY_MAX + 8];
  uint32_t a = item_key(&items->items[from], first), b = item_key(&items->items[to - 1], last);
  return (uint32_t)bytes_common(first, a, last, b);
}

/* Writes the key's bytes from `skip` on to an entry: head to the array, the rest behind it. */
static void suffix_write(const struct item *item, uint32_t skip, uint32_t *head, uint8_t *rest) {
  uint32_t suffix = (uint32_t)item->pre_size + item->size - skip;
  if (item->pre_size == skip) {
    *head = item->head;
    bytes_copy(rest, item->rest, entry_rest(suffix));
    return;
  }
  if (item->whole) {
    *head = key_head(item->whole + skip, suffix);
    bytes_copy(rest, item->whole + skip + 4, entry_rest(suffix));
    return;
  }
  uint8_t key[TREE_KEY_MAX + 8];
  item_key(item, key);
  *head = key_head(key + skip, suffix);
  memcpy(rest, key + skip + 4, entry_rest(suffix));
}

/* 1 when a separator and the child to its right can stand in a node of the short form. */
static int item_is_short(const struct item *item, uint32_t prefix) {
  uint32_t suffix = (uint32_t)item->pre_size + item->size - prefix, head;
  uint8_t rest[4];
  if (suffix > 4 || !ref_is_short(item->child))
    return 0;
  suffix_write(item, prefix, &head, rest);
  return suffix == 0 || (head >> (32 - 8 * suffix) & 0xff) != 0;
}

uint32_t items_bytes(const struct items *items, uint32_t from, uint32_t to, uint64_t first_child,
                     const struct tree_shape *shape, uint32_t *prefix, enum page_kind *kind) {
  uint32_t n = to - from, common = common_prefix(items, from, to), heap = 0;
  *prefix = common;
  *kind = PAGE_LEAF;
  if (first_child) {
    uint32_t i = from;
    while (i < to && item_is_short(&items->items[i], common))
      i++;
    *kind = i == to && ref_is_short(first_child) ? PAGE_SHORT : PAGE_INNER;
  }
  for (uint32_t i = from; i < to; i++) {
    const struct item *item = &items->items[i];
    heap += entry_bytes(item, (uint32_t)item->pre_size + item->size - common, *kind, shape);
  }
  uint32_t values = *kind == PAGE_LEAF ? n * shape->stride : 0;
  return node_arrays_end(*kind, common, n) + heap + 8 + values;
}

/* Gives where the value is. Writes entry `at` of a node at heap offset node->heap - bytes; arrays have their places. */
static uint8_t *entry_write(struct node *node, uint32_t at, const struct item *item,
                            const struct tree_shape *shape) {
  uint32_t suffix = (uint32_t)item->pre_size + item->size - node->prefix;
  node->heap = (uint16_t)(node->heap - entry_bytes(item, suffix, node->head.kind, shape));
  uint8_t *entry = (uint8_t *)node + node->heap;
  uint16_t words[2] = {(uint16_t)suffix, 0};
  suffix_write(item, node->prefix, &node_heads(node)[at],
               entry + (node->head.kind == PAGE_INNER ? 2 : 4));
  if (node->head.kind != PAGE_LEAF)
    node_child_set(node, at + 1, item->child);
  if (node->head.kind == PAGE_SHORT)
    return entry;
  node_slots(node)[at] = node->heap;
  if (node->head.kind == PAGE_INNER) {
    memcpy(entry, words, 2);
    return entry;
  }
  uint8_t *value;
  if (shape->value_size) {
    words[1] = node->vused++;
    value = (uint8_t *)node + node_size(node) - (words[1] + 1u) * shape->stride;
  } else {
    words[1] = item->is_extent ? ENTRY_EXTENT : item->value_size;
    value = entry + ((4 + entry_rest(suffix) + 7) & ~7u);
  }
  memcpy(entry, words, 4);
  if (item->value)
    memcpy(value, item->value, item->value_size);
  return value;
}

int node_build(struct pager *pager, const struct items *items, uint32_t from, uint32_t to,
               uint64_t first_child, unsigned level, const struct tree_shape *shape, uint32_t want,
               uint64_t *ref, struct node **out) {
  int inner = level > 0;
  uint32_t n = to - from, prefix, actual;
  enum page_kind kind;
  uint32_t bytes = items_bytes(items, from, to, first_child, shape, &prefix, &kind);
  void *page;
  if (bytes > PAGE_NODE_MAX)
    return node_corrupt(0, "a node outgrows its bounds");
  int result = pager_alloc(pager, bytes > want ? bytes : want, inner, ref, &page, &actual);
  if (result)
    return result;
  struct node *node = page;
  node->head.level = (uint8_t)level;
  node->zero0 = 0;
  node->head.kind = (uint8_t)kind;
  node->zero[0] = node->zero[1] = 0;
  /* What is left over becomes room for keys like those that are there. */
  uint32_t average = n ? (bytes - 8 - node_heads_at(prefix)) / n : actual;
  if (items->average_hint && (inner || shape->stride == 0))
    average = items->average_hint;
  uint32_t cap = n + (actual - bytes) / (average ? average : 1);
  cap = cap > TREE_ITEMS_MAX ? TREE_ITEMS_MAX : cap;
  uint32_t values = inner ? 0 : cap * shape->stride;
  node->count = (uint16_t)n;
  node->cap = (uint16_t)cap;
  node->prefix = (uint16_t)prefix;
  node->garbage = 0;
  node->vcap = (uint16_t)(values ? cap : 0);
  node->vused = 0;
  node->heap_end = node->heap = (uint16_t)((actual - values) & ~7u);
  uint8_t first[TREE_KEY_MAX + 8];
  if (prefix) {
    item_key(&items->items[from], first);
    memcpy(node_prefix(node), first, prefix);
  }
  if (inner)
    node_child_set(node, 0, first_child);
  for (uint32_t i = n; i-- > 0;)
    entry_write(node, i, &items->items[from + i], shape);
  *out = node;
  return 0;
}

/* 1 when the item's key begins with the node's prefix. */
static int prefix_fits(const struct node *node, const struct item *item) {
  uint8_t buffer[TREE_KEY_MAX + 8];
  const uint8_t *key = item->whole;
  uint32_t size = (uint32_t)item->pre_size + item->size;
  if (node->prefix == 0)
    return 1;
  if (!key) {
    item_key(item, buffer);
    key = buffer;
  }
  return !prefix_differs(node_prefix(node), node->prefix, key, size);
}

/* Copies an array of slots with a gap at `at`; `shift` is added to each. */
static void slots_spread(uint16_t *to, const uint16_t *from, uint32_t at, uint32_t count,
                         int32_t shift) {
  for (uint32_t i = 0; i < at; i++)
    to[i] = (uint16_t)(from[i] + shift);
  for (uint32_t i = at; i < count; i++)
    to[i + 1] = (uint16_t)(from[i] + shift);
}

int node_build_inserted(struct pager *pager, const struct node *old, uint32_t at,
                        const struct item *item, const struct tree_shape *shape, uint32_t most,
                        uint32_t want, uint64_t *ref, struct node **out) {
  uint32_t n = old->count + 1u, heap = (uint32_t)old->heap_end - old->heap, actual;
  if (old->garbage || n > TREE_ITEMS_MAX || (shape->value_size && old->vused != old->count) ||
      !prefix_fits(old, item))
    return COPSE_NONE;
  uint32_t suffix = (uint32_t)item->pre_size + item->size - old->prefix;
  uint32_t entry = entry_bytes(item, suffix, PAGE_LEAF, shape), values = old->vused * shape->stride;
  uint32_t bytes =
      node_arrays_end(PAGE_LEAF, old->prefix, n) + heap + entry + 8 + n * shape->stride;
  if (bytes > most || values > node_size(old) - old->heap_end)
    return COPSE_NONE;
  void *page;
  int result = pager_alloc(pager, bytes > want ? bytes : want, 0, ref, &page, &actual);
  if (result)
    return result;
  struct node *node = page;
  struct page_head head = node->head;
  memcpy(node, old, sizeof *node + old->prefix);
  node->head.birth = head.birth;
  node->head.epoch = head.epoch;
  node->head.units = head.units;
  uint32_t cap = n + (actual - bytes) / ((bytes - node_heads_at(old->prefix)) / n);
  cap = cap > TREE_ITEMS_MAX ? TREE_ITEMS_MAX : cap;
  node->cap = (uint16_t)cap;
  node->vcap = (uint16_t)(shape->stride ? cap : 0);
  node->count = (uint16_t)n;
  node->heap_end = (uint16_t)((actual - cap * shape->stride) & ~7u);
  node->heap = (uint16_t)(node->heap_end - heap);
  memcpy((uint8_t *)node + node->heap, (const uint8_t *)old + old->heap, heap);
  memcpy(node_heads(node), node_heads(old), 4 * at);
  memcpy(node_heads(node) + at + 1, node_heads(old) + at, 4 * (old->count - at));
  slots_spread(node_slots(node), node_slots(old), at, old->count,
               (int32_t)node->heap_end - old->heap_end);
  if (values)
    memcpy((uint8_t *)node + actual - values, (const uint8_t *)old + node_size(old) - values,
           values);
  entry_write(node, at, item, shape);
  *out = node;
  return 0;
}

int short_build_inserted(struct pager *pager, const struct node *old, uint32_t at,
                         const struct item *item, uint32_t most, uint32_t want, uint64_t *ref,
                         struct node **out) {
  uint32_t n = old->count + 1u, prefix = old->prefix, actual;
  uint32_t bytes = node_arrays_end(PAGE_SHORT, prefix, n);
  if (old->head.kind != PAGE_SHORT || n > TREE_ITEMS_MAX || bytes > most ||
      !prefix_fits(old, item) || !item_is_short(item, prefix))
    return COPSE_NONE;
  void *page;
  int result = pager_alloc(pager, bytes > want ? bytes : want, 1, ref, &page, &actual);
  if (result)
    return result;
  struct node *node = page;
  struct page_head head = node->head;
  memcpy(node, old, sizeof *node + prefix);
  node->head.birth = head.birth;
  node->head.epoch = head.epoch;
  node->head.units = head.units;
  uint32_t cap = n + (actual - bytes) / (4 + SHORT_REF_BYTES);
  node->cap = (uint16_t)(cap > TREE_ITEMS_MAX ? TREE_ITEMS_MAX : cap);
  node->count = (uint16_t)n;
  node->heap = node->heap_end = (uint16_t)actual;
  memcpy(node_heads(node), node_heads(old), 4 * at);
  memcpy(node_heads(node) + at + 1, node_heads(old) + at, 4 * (old->count - at));
  memcpy(node_child_at(node, 0), node_child_at(old, 0), SHORT_REF_BYTES * (at + 1));
  memcpy(node_child_at(node, at + 2), node_child_at(old, at + 1),
         SHORT_REF_BYTES * (old->count - at));
  entry_write(node, at, item, NULL);
  *out = node;
  return 0;
}

/* Opens a gap in an array of `count` elements. */
static void gap_open(void *array, size_t element, uint32_t at, uint32_t count) {
  uint8_t *p = (uint8_t *)array + at * element;
  if (at < count)
    memmove(p + element, p, (count - at) * element);
}
static void gap_close(void *array, size_t element, uint32_t at, uint32_t count) {
  uint8_t *p = (uint8_t *)array + at * element;
  memmove(p, p + element, (count - at - 1) * element);
}

int node_has_room(const struct node *node, const struct item *item,
                  const struct tree_shape *shape) {
  uint32_t size = (uint32_t)item->pre_size + item->size;
  if (node->count >= node->cap || size < node->prefix ||
      (node->head.kind == PAGE_LEAF && shape->value_size &&
       (node->vused >= node->vcap ||
        (node->vused + 1u) * shape->stride + node->heap_end > node_size(node))))
    return 0;
  uint32_t bytes = entry_bytes(item, size - node->prefix, node->head.kind, shape);
  return node->heap >= node_arrays_end(node->head.kind, node->prefix, node->cap) + bytes;
}

uint8_t *node_insert(struct node *node, uint32_t at, const struct item *item,
                     const struct tree_shape *shape) {
  if (!node_has_room(node, item, shape) || !prefix_fits(node, item) ||
      (node->head.kind == PAGE_SHORT && !item_is_short(item, node->prefix)))
    return NULL;
  gap_open(node_heads(node), 4, at, node->count);
  if (node->head.kind != PAGE_SHORT)
    gap_open(node_slots(node), 2, at, node->count);
  if (node->head.kind != PAGE_LEAF)
    gap_open(node_child_at(node, 0), node->head.kind == PAGE_SHORT ? SHORT_REF_BYTES : 8, at + 1,
             node->count + 1u);
  node->count++;
  return entry_write(node, at, item, shape);
}

void node_remove(struct node *node, uint32_t at, const struct tree_shape *shape) {
  struct entry entry;
  if (entry_read(node, node_slots(node), 0, at, &entry) == 0)
    node->garbage = (uint16_t)(node->garbage + 4 + entry_rest(entry.size) +
                               (shape->value_size ? shape->stride : entry_value_size(&entry)));
  gap_close(node_heads(node), 4, at, node->count);
  gap_close(node_slots(node), 2, at, node->count);
  node->count--;
}
