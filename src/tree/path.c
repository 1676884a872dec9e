/* tree/path.c - descending to a leaf, and carrying its change up: see path.h. */
#include "tree/path.h"

void edit_finish(struct edit *edit, int failed) {
  const uint64_t *list = failed ? edit->made : edit->gone;
  unsigned count = failed ? edit->made_count : edit->gone_count;
  for (unsigned i = 0; i < count; i++)
    pager_drop(edit->pager, list[i]);
}

int edit_build(struct edit *edit, const struct items *items, uint32_t from, uint32_t to,
               uint64_t first_child, unsigned level, uint32_t want, uint64_t *ref,
               struct node **node) {
  int result = node_build(edit->pager, items, from, to, first_child, level, &edit->tree->shape,
                          want, ref, node);
  if (result == 0)
    edit->made[edit->made_count++] = *ref;
  return result;
}

/* What the change is going to need is asked for on the way: free pages of the sizes that copies of the
 * lower nodes are likely to have. */
int path_descend(struct edit *edit, const uint8_t *key, uint32_t size, int last) {
  struct page_view *view = &edit->pager->view;
  uint64_t ref = edit->tree->root;
  const struct node *node;
  int result = node_open(view, ref, -1, &node);
  if (result)
    return result;
  edit->rightmost = 1;
  edit->depth = node->head.level + 1u;
  for (unsigned level = edit->depth - 1; level > 0; level--) {
    struct step *step = &edit->path[level];
    uint64_t child;
    result = last ? node_open(view, ref, (int)level, &node)
                  : node_step(view, ref, level, key, size, &node, &step->index, &child);
    if (result)
      return result;
    if (last) {
      step->index = node->count;
      child = node_child(node, node->count);
    }
    step->ref = ref;
    step->node = (struct node *)node;
    if (step->index != node->count)
      edit->rightmost = 0;
    ref = child;
    if (level <= 2)
      pager_expect(edit->pager, page_ref_class(ref));
    if (level == 1) {
      page_prefetch_whole(view, ref);
      pager_expect(edit->pager, page_ref_class(ref) + 1);
    }
  }
  result = node_open(view, ref, 0, &node);
  edit->path[0] = (struct step){ref, (struct node *)node, 0};
  return result;
}

int edit_copy(struct edit *edit, const struct step *step, uint64_t *ref, struct node **copy) {
  uint32_t size = node_size(step->node), actual;
  void *page;
  int result = pager_alloc(edit->pager, size, step->node->head.level > 0, ref, &page, &actual);
  if (result)
    return result;
  struct page_head head = *(struct page_head *)page;
  memcpy(page, step->node, size);
  *copy = page;
  (*copy)->head.birth = head.birth;
  (*copy)->head.epoch = head.epoch;
  (*copy)->head.units = head.units;
  uint32_t values = (uint32_t)step->node->vused * edit->tree->shape.stride;
  if (actual > size &&
      values <= size) /* a store that is full gives what it has: values lie at the end */
    memcpy((uint8_t *)page + actual - values, (const uint8_t *)step->node + size - values, values);
  edit->made[edit->made_count++] = *ref;
  edit->gone[edit->gone_count++] = step->ref;
  return 0;
}

static uint64_t *items_child(struct items *items, uint32_t at) {
  return at ? &items->items[at - 1].child : &items->first_child;
}

/* Applies a change of children to an inner node's items; 0, or COPSE_NONE when no child is left. */
static int items_change(struct items *items, const struct change *change) {
  if (change->new_count == 0) {
    if (items->count == 0)
      return COPSE_NONE;
    if (change->at == 0)
      items->first_child = items->items[0].child;
    items_remove(items, change->at ? change->at - 1 : 0);
    return 0;
  }
  *items_child(items, change->at) = change->ref[0];
  if (change->old_count == 2)
    items_remove(items, change->at);
  if (change->new_count == 2) {
    struct item item = change->separator;
    item.child = change->ref[1];
    items_insert(items, change->at, &item);
  }
  return 0;
}

int path_join(struct edit *edit, unsigned level, struct items *items, struct change *change) {
  if (level + 1 >= edit->depth || edit->path[level + 1].node->count == 0)
    return COPSE_NONE;
  const struct step *parent = &edit->path[level + 1];
  uint32_t own = parent->index, left = own < parent->node->count ? own : own - 1;
  uint32_t other = left == own ? own + 1 : left;
  uint64_t other_ref = node_child(parent->node, other);
  const struct node *neighbour;
  int result = node_open(&edit->pager->view, other_ref, (int)level, &neighbour);
  if (result)
    return result;
  struct items both, theirs;
  result = items_from_node(&theirs, neighbour, &edit->tree->shape);
  if (result)
    return result;
  const struct items *first = left == own ? items : &theirs;
  const struct items *second = left == own ? &theirs : items;
  if (first->count + second->count + 1 > TREE_ITEMS_MAX / 2)
    return COPSE_NONE;
  both = *first;
  if (level) {
    struct items above;
    result = items_from_node(&above, parent->node, &edit->tree->shape);
    if (result)
      return result;
    struct item item = above.items[left];
    item.child = second->first_child;
    items_insert(&both, both.count, &item);
  }
  memcpy(&both.items[both.count], second->items, second->count * sizeof *second->items);
  both.count += second->count;
  uint32_t prefix;
  enum page_kind kind;
  uint32_t target = level ? TREE_INNER_TARGET : TREE_TARGET;
  if (items_bytes(&both, 0, both.count, both.first_child, &edit->tree->shape, &prefix, &kind) >
      target * 3 / 4)
    return COPSE_NONE;
  struct node *node;
  *change = (struct change){.at = left, .old_count = 2, .new_count = 1};
  result =
      edit_build(edit, &both, 0, both.count, both.first_child, level, 0, &change->ref[0], &node);
  if (result == 0)
    edit->gone[edit->gone_count++] = other_ref;
  return result;
}

/* Writes an inner node's changed items as one node or two. */
static int inner_write(struct edit *edit, unsigned level, struct items *items, int appended,
                       struct change *change) {
  const struct step *step = &edit->path[level];
  uint32_t prefix, n = items->count;
  enum page_kind kind;
  uint32_t bytes = items_bytes(items, 0, n, items->first_child, &edit->tree->shape, &prefix, &kind);
  uint32_t want = edit_is_dirty(edit, step->node) ? bytes + bytes / 2 : 0;
  struct node *node;
  edit->gone[edit->gone_count++] = step->ref;
  if (bytes <= TREE_INNER_TARGET || n < TREE_INNER_MIN) {
    if (n < 6) {
      int result = path_join(edit, level, items, change);
      if (result != COPSE_NONE)
        return result;
    }
    *change = (struct change){.at = 0, .old_count = 1, .new_count = 1};
    want = want > TREE_INNER_TARGET ? TREE_INNER_TARGET : want;
    return edit_build(edit, items, 0, n, items->first_child, level, want, &change->ref[0], &node);
  }
  uint32_t middle = appended ? n - 2 : n / 2;
  *change = (struct change){.at = 0, .old_count = 1, .new_count = 2};
  change->separator = items->items[middle];
  int result =
      edit_build(edit, items, 0, middle, items->first_child, level, 0, &change->ref[0], &node);
  if (result == 0)
    result = edit_build(edit, items, middle + 1, n, items->items[middle].child, level,
                        appended ? TREE_INNER_TARGET : 0, &change->ref[1], &node);
  return result;
}

static int root_write(struct edit *edit, const struct change *change) {
  if (change->new_count < 2) {
    edit->tree->root = change->new_count ? change->ref[0] : 0;
    return 0;
  }
  struct items items;
  struct node *node;
  uint64_t ref;
  items_begin(&items, &change->separator);
  items.first_child = change->ref[0];
  items.items[0].child = change->ref[1];
  int result = edit_build(edit, &items, 0, 1, change->ref[0], edit->depth, 0, &ref, &node);
  if (result == 0)
    edit->tree->root = ref;
  return result;
}

/* 1 when the node can refer to such a child. */
static int child_fits(const struct node *node, uint64_t ref) {
  return node->head.kind != PAGE_SHORT || ref_is_short(ref);
}

int path_ascend(struct edit *edit, struct change *change) {
  for (unsigned level = 1;; level++) {
    if (level == edit->depth)
      return root_write(edit, change);
    struct step *step = &edit->path[level];
    if (change->old_count == 1)
      change->at = step->index;
    int plain =
        change->old_count == 1 && change->new_count == 1 && child_fits(step->node, change->ref[0]);
    if (plain && edit_is_dirty(edit, step->node)) {
      node_child_set(step->node, change->at, change->ref[0]);
      return 0;
    }
    if (plain) {
      struct node *copy;
      uint64_t ref;
      int result = edit_copy(edit, step, &ref, &copy);
      if (result)
        return result;
      node_child_set(copy, change->at, change->ref[0]);
      change->ref[0] = ref;
      continue;
    }
    struct item item = change->separator;
    item.child = change->ref[1];
    if (change->old_count == 1 && change->new_count == 2 && edit_is_dirty(edit, step->node) &&
        child_fits(step->node, change->ref[0]) &&
        node_insert(step->node, change->at, &item, &edit->tree->shape)) {
      node_child_set(step->node, change->at, change->ref[0]);
      return 0;
    }
    if (change->old_count == 1 && change->new_count == 2 &&
        child_fits(step->node, change->ref[0])) {
      struct node *node;
      uint64_t ref;
      uint32_t want = edit_is_dirty(edit, step->node) ? node_size(step->node) * 3 / 2 : 0;
      want = want > TREE_INNER_TARGET ? TREE_INNER_TARGET : want;
      int result = short_build_inserted(edit->pager, step->node, change->at, &item,
                                        TREE_INNER_TARGET, want, &ref, &node);
      if (result == 0) {
        node_child_set(node, change->at, change->ref[0]);
        edit->made[edit->made_count++] = ref;
        edit->gone[edit->gone_count++] = step->ref;
        *change = (struct change){.old_count = 1, .new_count = 1, .ref = {ref}};
        continue;
      }
      if (result != COPSE_NONE)
        return result;
    }
    struct items items;
    int result = items_from_node(&items, step->node, &edit->tree->shape);
    if (result)
      return result;
    int appended = edit->ascending && step->index == step->node->count && change->new_count == 2;
    if (items_change(&items, change) == COPSE_NONE) {
      edit->gone[edit->gone_count++] = step->ref;
      *change = (struct change){.old_count = 1, .new_count = 0};
      continue;
    }
    result = inner_write(edit, level, &items, appended, change);
    if (result)
      return result;
  }
}

void path_collapse(struct edit *edit) {
  const struct node *node;
  while (edit->tree->root && node_open(&edit->pager->view, edit->tree->root, -1, &node) == 0 &&
         node->head.level > 0 && node->count == 0) {
    uint64_t child = node_child(node, 0);
    pager_drop(edit->pager, edit->tree->root);
    edit->tree->root = child;
  }
}
