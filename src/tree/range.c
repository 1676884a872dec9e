/* tree/range.c - deleting a range of keys: subtrees wholly inside are given up at once, the
 * two boundary paths are rewritten. */
#include "tree/build.h"

struct range_edit {
  struct pager *pager;
  const struct tree_shape *shape;
  const struct tree_key *from, *to; /* data NULL: open */
  uint64_t count;                   /* records of the tree */
  uint64_t deleted;
};

/* Counts the records below a node that goes away. */
static int records_count(struct range_edit *edit, uint64_t ref, int level) {
  const struct node *node;
  int result = node_open(&edit->pager->view, ref, level, &node);
  if (result)
    return result;
  if (level == 0) {
    edit->deleted += node->count;
    /* Else nodes that are referred to many times would keep it busy for ever. */
    return edit->deleted <= edit->count
               ? 0
               : node_corrupt(ref, "is one record more than its map counts");
  }
  for (uint32_t i = 0; i <= node->count; i++) {
    if (i < node->count)
      page_prefetch(&edit->pager->view, node_child(node, i + 1));
    result = records_count(edit, node_child(node, i), level - 1);
    if (result)
      return result;
  }
  return 0;
}

/* The places [*low, *high) of a leaf that are inside of the range. */
static int leaf_bounds(const struct range_edit *edit, const struct node *node, uint32_t *low,
                       uint32_t *high) {
  *low = 0;
  *high = node->count;
  int result = 0;
  if (edit->from->data)
    result = node_search(node, edit->from->data, edit->from->size, low);
  if (result >= 0 && edit->to->data)
    result = node_search(node, edit->to->data, edit->to->size, high);
  return result < 0 ? result : 0;
}

static int leaf_cut(struct range_edit *edit, uint64_t ref, const struct node *node,
                    uint64_t *new_ref) {
  uint32_t low, high;
  int result = leaf_bounds(edit, node, &low, &high);
  *new_ref = ref;
  if (result || low >= high)
    return result;
  struct items items;
  result = items_from_node(&items, node, edit->shape);
  for (uint32_t i = low; i < high && result == 0; i++) {
    struct extent_place place;
    if (!items.items[i].is_extent)
      continue;
    memcpy(&place, items.items[i].value, sizeof place);
    pager_drop(edit->pager, place.ref);
  }
  if (result)
    return result;
  memmove(&items.items[low], &items.items[high], (items.count - high) * sizeof *items.items);
  items.count -= high - low;
  struct node *built;
  *new_ref = 0;
  if (items.count)
    result = node_build(edit->pager, &items, 0, items.count, 0, 0, edit->shape, 0, new_ref, &built);
  if (result == 0) {
    edit->deleted += high - low;
    pager_drop(edit->pager, ref);
  }
  return result;
}

/* Cuts the range out of a subtree; *new_ref is 0 when nothing is left of it. */
static int subtree_cut(struct range_edit *edit, uint64_t ref, int level, uint64_t *new_ref) {
  const struct node *node;
  int result = node_open(&edit->pager->view, ref, level, &node);
  if (result)
    return result;
  if (node->head.level == 0)
    return leaf_cut(edit, ref, node, new_ref);
  level = node->head.level;
  uint32_t first = 0, last = node->count;
  if (edit->from->data)
    result = node_choose(node, edit->from->data, edit->from->size, &first);
  if (result == 0 && edit->to->data)
    result = node_choose(node, edit->to->data, edit->to->size, &last);
  struct items old, items;
  items.first_child = 0;
  items.count = items.prefix_hint = items.average_hint = 0;
  if (result == 0)
    result = items_from_node(&old, node, edit->shape);
  if (result)
    return result;
  int any = 0, changed = 0;
  for (uint32_t i = 0; i <= old.count; i++) {
    uint64_t child = i ? old.items[i - 1].child : old.first_child, kept = child;
    /* Boundary children may be cut in part; an open end has no boundary. */
    int inside = (i > first || (i == first && !edit->from->data)) &&
                 (i < last || (i == last && !edit->to->data));
    if (inside) {
      result = records_count(edit, child, level - 1);
      kept = 0;
      if (result == 0)
        pager_drop_subtree(edit->pager, child);
    } else if (i == first || i == last) {
      result = subtree_cut(edit, child, level - 1, &kept);
    }
    if (result)
      return result;
    changed |= kept != child;
    if (kept && !any) {
      items.first_child = kept;
      any = 1;
    } else if (kept) {
      items.items[items.count] = old.items[i - 1];
      items.items[items.count++].child = kept;
    }
  }
  *new_ref = ref;
  if (!changed)
    return 0;
  struct node *built;
  *new_ref = 0;
  if (any)
    result = node_build(edit->pager, &items, 0, items.count, items.first_child, (unsigned)level,
                        edit->shape, 0, new_ref, &built);
  if (result == 0)
    pager_drop(edit->pager, ref);
  return result;
}

int tree_delete_range(struct pager *pager, struct tree *tree, const struct tree_key *from,
                      const struct tree_key *to, uint64_t *deleted) {
  struct range_edit edit = {pager, &tree->shape, from, to, tree->count, 0};
  uint64_t root = tree->root;
  *deleted = 0;
  tree->tail = NULL;
  if (root == 0)
    return 0;
  if (!from->data && !to->data) {
    *deleted = tree->count;
    pager_drop_subtree(pager, root);
    tree->root = tree->count = 0;
    return 0;
  }
  int result = subtree_cut(&edit, root, -1, &root);
  if (result || edit.deleted == 0)
    return result; /* the caller takes a tree without deletions for unchanged */
  /* A root with one child gives way to it. */
  const struct node *node;
  while (root && node_open(&pager->view, root, -1, &node) == 0 && node->head.level > 0 &&
         node->count == 0) {
    uint64_t child = node_child(node, 0);
    pager_drop(pager, root);
    root = child;
  }
  tree->root = root;
  tree->count -= edit.deleted;
  *deleted = edit.deleted;
  return 0;
}
