/* tree/edit.c - putting and deleting one record: what happens to its leaf.
 *
 * Happy path: descend, change the leaf (in place when it is this transaction's own and has room, else
 * a new node, or two when it outgrows the target), then carry its new reference up: see path.h. */
#include "tree/path.h"

/* The shortest byte string that is greater than the left key and not greater than the right. */
static void separator_make(struct edit *edit, const struct item *left, const struct item *right,
                           struct item *separator) {
  uint8_t key[TREE_KEY_MAX + 8];
  uint32_t left_size = item_key(left, key), right_size = item_key(right, edit->separator);
  uint32_t common = (uint32_t)bytes_common(key, left_size, edit->separator, right_size);
  item_from_key(separator, edit->separator, common + 1 < right_size ? common + 1 : right_size);
}

/* Where to split a leaf so that both sides have about the same bytes. */
static uint32_t split_point(const struct items *items, const struct tree_shape *shape) {
  uint32_t total = 0, half = 0;
  for (uint32_t i = 0; i < items->count; i++)
    total += 10u + items->items[i].size +
             (shape->value_size ? shape->stride : items->items[i].value_size);
  for (uint32_t i = 0; i < items->count - 1; i++) {
    half += 10u + items->items[i].size +
            (shape->value_size ? shape->stride : items->items[i].value_size);
    if (half * 2 >= total)
      return i + 1;
  }
  return items->count - 1;
}

/* A key that does not begin like all others of its leaf stands at one end of them. Where
 * halves would have to spell that beginning out in each key, the stranger is split off alone. */
static uint32_t stranger_split(const struct items *items, uint32_t at, uint32_t middle,
                               const struct tree_shape *shape) {
  uint32_t prefix, most = 2 * TREE_APPEND_TARGET;
  enum page_kind kind;
  if (at == 0 && items_bytes(items, 0, middle, 0, shape, &prefix, &kind) > most)
    return 1;
  if (at == items->count - 1 &&
      items_bytes(items, middle, items->count, 0, shape, &prefix, &kind) > most)
    return at;
  return middle;
}

/* Writes a leaf's changed items as one leaf or two. *holder and *at tell where item `at` went. */
static int leaf_write(struct edit *edit, struct items *items, int append, struct change *change,
                      struct node **holder, uint32_t *at) {
  const struct tree_shape *shape = &edit->tree->shape;
  struct step *step = &edit->path[0];
  uint32_t prefix, n = items->count, target = append ? TREE_APPEND_TARGET : TREE_TARGET;
  enum page_kind kind;
  uint32_t bytes = items_bytes(items, 0, n, 0, shape, &prefix, &kind);
  *change = (struct change){.old_count = 1, .new_count = 1};
  edit->gone[edit->gone_count++] = step->ref;
  if (bytes <= target || n < 2) {
    uint32_t want = append ? target : edit_is_dirty(edit, step->node) ? bytes + bytes / 2 : 0;
    return edit_build(edit, items, 0, n, 0, 0, want > target ? target : want, &change->ref[0],
                      holder);
  }
  struct node *left, *right;
  int at_end = edit->ascending && *at == n - 1;
  uint32_t middle = at_end ? n - 1
                    : edit->ascending
                        ? *at + 1
                        : stranger_split(items, *at, split_point(items, shape), shape);
  separator_make(edit, &items->items[middle - 1], &items->items[middle], &change->separator);
  int result = edit_build(edit, items, 0, middle, 0, 0, 0, &change->ref[0], &left);
  if (result)
    return result;
  if (at_end) {
    uint8_t key[TREE_KEY_MAX + 8];
    uint32_t size = item_key(&items->items[middle], key);
    items->prefix_hint = (uint32_t)bytes_common(key, size, node_prefix(left), left->prefix);
  }
  result = edit_build(edit, items, middle, n, 0, 0, at_end ? target : 0, &change->ref[1], &right);
  change->new_count = 2;
  *holder = *at < middle ? left : right;
  *at -= *at < middle ? 0 : middle;
  return result;
}

/* Turns a value into what stands in a leaf: itself, or an extent that holds it. */
static int value_prepare(struct edit *edit, const struct tree_value *value, struct item *item,
                         struct extent_place *place, uint8_t **extent_data) {
  *extent_data = NULL;
  if (edit->tree->shape.value_size || value->size <= TREE_INLINE_MAX) {
    item->value = value->data;
    item->value_size = (uint16_t)value->size;
    return 0;
  }
  struct extent_head *extent;
  int result = pager_alloc_extent(edit->pager, value->size, &place->ref, &extent);
  if (result)
    return result;
  edit->made[edit->made_count++] = place->ref;
  place->size = value->size;
  *extent_data = (uint8_t *)(extent + 1);
  if (value->data)
    memcpy(*extent_data, value->data, value->size);
  item->value = (const uint8_t *)place;
  item->value_size = sizeof *place;
  item->is_extent = 1;
  return 0;
}

/* Notes the extent of a record that goes away. */
static int extent_gone(struct edit *edit, const struct node *node, const struct entry *entry) {
  if (edit->tree->shape.value_size || entry->info != ENTRY_EXTENT)
    return 0;
  uint32_t at = entry_value_at(entry);
  if (at + sizeof(struct extent_place) > node->heap_end)
    return node_corrupt(0, "an entry's value lies outside of its node");
  struct extent_place place;
  memcpy(&place, (const uint8_t *)node + at, sizeof place);
  edit->gone[edit->gone_count++] = place.ref;
  return 0;
}

/* Where the value of record `at` lies in a node that may be written. */
static int value_place(struct edit *edit, struct node *node, uint32_t at, uint8_t **place) {
  struct entry entry;
  if (entry_read(node, node_slots(node), 0, at, &entry))
    return node_corrupt(0, "an entry reaches outside of its node");
  if (edit->tree->shape.value_size) {
    struct tree_value value;
    int result = entry_value(NULL, node, &entry, &edit->tree->shape, &value);
    *place = result ? NULL : (uint8_t *)node + (value.data - (uint8_t *)node);
    return result;
  }
  *place = (uint8_t *)node + entry_value_at(&entry);
  return 0;
}

/* Replaces a value by one of the same size: in place, or in a copy of the leaf. COPSE_NONE: sizes differ. */
static int value_replace(struct edit *edit, const struct item *item, struct change *change,
                         uint8_t **place) {
  struct step *step = &edit->path[0];
  struct node *node = step->node;
  struct entry entry;
  if (entry_read(node, node_slots(node), 0, step->index, &entry))
    return node_corrupt(0, "an entry reaches outside of its node");
  if (!edit->tree->shape.value_size &&
      entry.info != (item->is_extent ? ENTRY_EXTENT : item->value_size))
    return COPSE_NONE;
  int result = value_place(edit, node, step->index, place);
  if (result)
    return result;
  *change = (struct change){.old_count = 1, .new_count = 1, .ref = {step->ref}};
  if (!edit->tree->shape.value_size &&
      (size_t)(*place - (uint8_t *)node) + item->value_size > node->heap_end)
    return node_corrupt(0, "an entry's value lies outside of its node");
  if (!edit_is_dirty(edit, node)) {
    result = edit_copy(edit, step, &change->ref[0], &node);
    return result ? result : value_place(edit, node, step->index, place);
  }
  return 0;
}

/* 1 when records seem to come in order: this one comes behind the one that the leaf got before, whose entry
 * is the lowest. So a leaf is filled, instead of halved, also where other keys follow: when several
 * writers have a range of keys each. */
static int is_ascending(const struct edit *edit) {
  const struct node *node = edit->path[0].node;
  uint32_t at = edit->path[0].index;
  return at > 0 &&
         ((edit->rightmost && at == node->count) || node_slots(node)[at - 1] == node->heap);
}

/* 1 when a record behind the last one should begin a new leaf: this one stays as it is. */
static int leaf_is_full(const struct edit *edit, const struct item *item, uint32_t target) {
  const struct node *node = edit->path[0].node;
  uint32_t used =
      node_size(node) - (node->heap - node_arrays_end(PAGE_LEAF, node->prefix, node->count));
  return edit_is_dirty(edit, node)
             ? node_size(node) >= target * 3 / 4 && !node_has_room(node, item, &edit->tree->shape)
             : used >= target * 7 / 8;
}

/* Begins a new leaf behind the last one with one record. */
static int leaf_begin(struct edit *edit, const struct item *item, uint32_t target,
                      struct change *change, uint8_t **place) {
  const struct node *left = edit->path[0].node;
  uint8_t key[TREE_KEY_MAX + 8], first[TREE_KEY_MAX + 8], whole[TREE_KEY_MAX + 8];
  uint32_t size, first_size;
  struct items items;
  struct item last;
  struct node *right;
  if (node_key(left, left->count - 1u, key, &size) || node_key(left, 0, first, &first_size))
    return node_corrupt(edit->path[0].ref, "leads to a damaged leaf");
  item_from_key(&last, key, size);
  items_begin(&items, item);
  *change = (struct change){.old_count = 1, .new_count = 2, .ref = {edit->path[0].ref}};
  separator_make(edit, &last, item, &change->separator);
  /* What the last leaf's keys share, the new one's are likely to. */
  uint32_t shared = (uint32_t)bytes_common(first, first_size, key, size);
  items.prefix_hint = (uint32_t)bytes_common(whole, item_key(item, whole), key, shared);
  /* Sizes vary: room for some more keys than the last leaf's average asks for. */
  items.average_hint = (node_size(left) - left->heap + 6u * left->count) / left->count * 7 / 8;
  int result = edit_build(edit, &items, 0, 1, 0, 0, target, &change->ref[1], &right);
  return result ? result : value_place(edit, right, 0, place);
}

/* Inserts or replaces at the leaf that the path has reached. */
static int leaf_put(struct edit *edit, int exact, struct item *item, int append,
                    struct change *change, uint8_t **place) {
  struct step *step = &edit->path[0];
  int result;
  if (exact) {
    result = value_replace(edit, item, change, place);
    if (result == 0 && item->value)
      memcpy(*place, item->value, item->value_size);
    if (result != COPSE_NONE)
      return result;
  } else if (edit_is_dirty(edit, step->node)) {
    *place = node_insert(step->node, step->index, item, &edit->tree->shape);
    *change = (struct change){.old_count = 1, .new_count = 1, .ref = {step->ref}};
    if (*place)
      return 0;
  }
  struct node *holder;
  uint32_t at = step->index;
  uint32_t target = append ? TREE_APPEND_TARGET : TREE_TARGET;
  edit->ascending = !exact && is_ascending(edit);
  if (edit->ascending && at == step->node->count && leaf_is_full(edit, item, target))
    return leaf_begin(edit, item, target, change, place);
  if (!exact && !edit_is_dirty(edit, step->node)) {
    *change = (struct change){.old_count = 1, .new_count = 1};
    result = node_build_inserted(edit->pager, step->node, at, item, &edit->tree->shape, target,
                                 append ? target : 0, &change->ref[0], &holder);
    if (result == 0) {
      edit->made[edit->made_count++] = change->ref[0];
      edit->gone[edit->gone_count++] = step->ref;
      return value_place(edit, holder, at, place);
    }
    if (result != COPSE_NONE)
      return result;
  }
  struct items items;
  result = items_from_node(&items, step->node, &edit->tree->shape);
  if (result)
    return result;
  if (exact) {
    items.items[at].value = item->value;
    items.items[at].value_size = item->value_size;
    items.items[at].is_extent = item->is_extent;
  } else {
    items_insert(&items, at, item);
  }
  result = leaf_write(edit, &items, append, change, &holder, &at);
  return result ? result : value_place(edit, holder, at, place);
}

/* The first record of an empty tree. */
static int tree_plant(struct edit *edit, const struct item *item, int append, uint8_t **place) {
  struct items items;
  struct node *node;
  uint64_t ref;
  items_begin(&items, item);
  int result = edit_build(edit, &items, 0, 1, 0, 0, append ? TREE_APPEND_TARGET : 0, &ref, &node);
  if (result == 0)
    result = value_place(edit, node, 0, place);
  if (result == 0)
    edit->tree->root = ref;
  return result;
}

/* Finds the key's place and applies the flags. 1: the key is there; 0: not; negative: error or
 * COPSE_NONE + 1 (2) for a replacement of nothing. */
static int place_find(struct edit *edit, const uint8_t *key, uint32_t size, unsigned flags) {
  int append = !!(flags & TREE_APPEND);
  int exact = 0;
  if (edit->tree->root) {
    int result = path_descend(edit, key, size, append);
    if (result)
      return result;
    struct step *leaf = &edit->path[0];
    exact = node_search(leaf->node, key, size, &leaf->index);
    if (append && (exact || leaf->index != leaf->node->count))
      return exact < 0 ? exact : error_set(COPSE_E_ORDER, "the appended key is not the greatest");
  }
  if (exact == 1 && flags & TREE_INSERT)
    return error_set(COPSE_E_KEY_EXISTS, "the key of %u bytes is already there", size);
  return exact == 0 && flags & TREE_REPLACE ? 2 : exact;
}

/* The last leaf. */
static struct node *tail_find(struct pager *pager, const struct tree *tree) {
  const struct node *node;
  int result = node_open(&pager->view, tree->root, -1, &node);
  while (result == 0 && node->head.level > 0)
    result = node_open(&pager->view, node_child(node, node->count), node->head.level - 1, &node);
  return result ? NULL : (struct node *)node;
}

/* Appends to the last leaf if the one before appended too and there is room. 1: done. */
static int tail_append(struct pager *pager, struct tree *tree, const uint8_t *key, uint32_t size,
                       const struct tree_value *value, uint8_t **place) {
  struct node *tail = tree->tail;
  struct item item;
  if (!tail || !pager_is_dirty(pager, &tail->head) || tail->count == 0 || size < tail->prefix ||
      (!tree->shape.value_size && value->size > TREE_INLINE_MAX))
    return 0;
  /* A greater head is a greater key, if the prefix is the node's; anything else is looked at properly. */
  if (node_heads(tail)[tail->count - 1] >= key_head(key + tail->prefix, size - tail->prefix))
    return 0;
  item_from_key(&item, key, size);
  item.value = value->data;
  item.value_size = (uint16_t)value->size;
  uint8_t *at = node_insert(tail, tail->count, &item, &tree->shape);
  if (!at)
    return 0;
  tree->count++;
  *place = at;
  return 1;
}

int tree_put(struct pager *pager, struct tree *tree, const uint8_t *key, uint32_t size,
             const struct tree_value *value, unsigned flags, uint8_t **place) {
  if (flags == TREE_APPEND && tail_append(pager, tree, key, size, value, place))
    return 0;
  struct edit edit;
  edit.pager = pager;
  edit.tree = tree;
  edit.depth = 0;
  edit.ascending = 0;
  edit.made_count = edit.gone_count = 0;
  int append = !!(flags & TREE_APPEND), exact = place_find(&edit, key, size, flags);
  if (exact < 0 || exact == 2)
    return exact == 2 ? COPSE_NONE : exact;
  struct item item;
  struct extent_place extent;
  uint8_t *extent_data, *at = NULL;
  struct change change;
  uint64_t root = tree->root;
  item_from_key(&item, key, size);
  int result = value_prepare(&edit, value, &item, &extent, &extent_data);
  if (result == 0 && exact) {
    struct entry entry;
    const struct step *leaf = &edit.path[0];
    result = entry_read(leaf->node, node_slots(leaf->node), 0, leaf->index, &entry);
    if (result == 0)
      result = extent_gone(&edit, leaf->node, &entry);
  }
  if (result == 0 && tree->root == 0)
    result = tree_plant(&edit, &item, append, &at);
  else if (result == 0) {
    result = leaf_put(&edit, exact, &item, append, &change, &at);
    if (result == 0 && (change.new_count == 2 || change.ref[0] != edit.path[0].ref))
      result = path_ascend(&edit, &change);
  }
  edit_finish(&edit, result != 0);
  if (result) {
    tree->root = root;
    return result;
  }
  tree->count += !exact;
  if (tree->root != root)
    path_collapse(&edit); /* an inner node that split may have joined its neighbour */
  *place = extent_data ? extent_data : at;
  tree->tail = append ? tail_find(pager, tree) : NULL;
  return 0;
}

int tree_delete(struct pager *pager, struct tree *tree, const uint8_t *key, uint32_t size) {
  tree->tail = NULL;
  struct edit edit;
  edit.pager = pager;
  edit.tree = tree;
  edit.ascending = 0;
  edit.made_count = edit.gone_count = 0;
  int exact = place_find(&edit, key, size, 0);
  if (exact <= 0)
    return exact < 0 ? exact : COPSE_NONE;
  struct step *step = &edit.path[0];
  struct entry entry;
  struct change change = {.old_count = 1, .new_count = 1, .ref = {step->ref}};
  uint64_t root = tree->root;
  int result = entry_read(step->node, node_slots(step->node), 0, step->index, &entry);
  if (result == 0)
    result = extent_gone(&edit, step->node, &entry);
  if (result == 0 && edit_is_dirty(&edit, step->node) && step->node->count > 4) {
    node_remove(step->node, step->index, &tree->shape);
  } else if (result == 0) {
    struct items items;
    struct node *node;
    uint32_t prefix;
    enum page_kind kind;
    result = items_from_node(&items, step->node, &tree->shape);
    if (result == 0) {
      items_remove(&items, step->index);
      edit.gone[edit.gone_count++] = step->ref;
      change.new_count = items.count ? 1 : 0;
      int merged = COPSE_NONE;
      if (items.count &&
          items_bytes(&items, 0, items.count, 0, &tree->shape, &prefix, &kind) < TREE_TARGET / 4)
        merged = path_join(&edit, 0, &items, &change);
      if (merged == COPSE_NONE && items.count)
        merged = edit_build(&edit, &items, 0, items.count, 0, 0, 0, &change.ref[0], &node);
      result = merged < 0 ? merged : path_ascend(&edit, &change);
    }
  }
  edit_finish(&edit, result != 0);
  if (result) {
    tree->root = root;
    return result;
  }
  tree->count--;
  path_collapse(&edit);
  return 0;
}
