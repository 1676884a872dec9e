/* tree/get.c - lookup of one key, and of many at once. */
#include "tree/tree.h"

int tree_get(struct page_view *view, const struct tree *tree, const uint8_t *key, uint32_t size,
             struct tree_value *value) {
  uint64_t ref = tree->root;
  if (ref == 0)
    return COPSE_NONE;
  const struct node *node;
  uint32_t index;
  unsigned level;
  page_prefetch(view, ref); /* all its lines at once: a writer has just written them elsewhere */
  int result = node_height(view, ref, &level);
  for (; result == 0 && level > 0; level--)
    result = node_step(view, ref, level, key, size, &node, &index, &ref);
  if (result == 0)
    result = node_open(view, ref, 0, &node);
  if (result)
    return result;
  int exact = node_search(node, key, size, &index);
  if (exact <= 0)
    return exact < 0 ? exact : COPSE_NONE;
  struct entry entry;
  if (entry_read(node, node_slots(node), 0, index, &entry))
    return node_corrupt(ref, "leads to a damaged entry");
  return entry_value(view, node, &entry, &tree->shape, value);
}

/* The last step of a lookup: the value in a leaf. data NULL when the key is not there. */
static int leaf_lookup(struct page_view *view, const struct tree *tree, const struct node *node,
                       const struct tree_key *key, struct tree_value *value) {
  uint32_t index;
  struct entry entry;
  int exact = node_search(node, key->data, key->size, &index);
  *value = (struct tree_value){0};
  if (exact <= 0)
    return exact;
  if (entry_read(node, node_slots(node), 0, index, &entry))
    return node_corrupt(0, "an entry reaches outside of its node");
  return entry_value(view, node, &entry, &tree->shape, value);
}

int tree_multiget(struct page_view *view, const struct tree *tree, size_t n,
                  const struct tree_key *keys, struct tree_value *values) {
  const struct node *root, *nodes[TREE_BATCH];
  uint64_t refs[TREE_BATCH];
  if (tree->root == 0) {
    for (size_t i = 0; i < n; i++)
      values[i] = (struct tree_value){0};
    return 0;
  }
  int result = node_open(view, tree->root, -1, &root);
  if (result)
    return result;
  for (size_t i = 0; i < n; i++)
    nodes[i] = root;
  for (int level = root->head.level; level > 0; level--) {
    for (size_t i = 0; i < n; i++) {
      uint32_t child;
      result = node_step(view, level < root->head.level ? refs[i] : tree->root, (unsigned)level,
                         keys[i].data, keys[i].size, &nodes[i], &child, &refs[i]);
      if (result)
        return result;
    }
  }
  for (size_t i = 0; i < n; i++) {
    if (root->head.level > 0)
      result = node_open(view, refs[i], 0, &nodes[i]);
    if (result == 0)
      result = leaf_lookup(view, tree, nodes[i], &keys[i], &values[i]);
    if (result)
      return result;
  }
  return 0;
}
