/* tree/walk.c - whole trees: what hangs on a node, and the checker's walk. */
#include "tree/tree.h"

#include <stdarg.h>
#include <stdio.h>

int tree_children(struct page_view *view, uint64_t ref,
                  int (*visit)(void *context, uint64_t ref, int subtree), void *context) {
  const struct node *node;
  int result = node_open(view, ref, -1, &node);
  if (result)
    return result;
  if (node->head.level > 0) {
    for (uint32_t i = 0; i <= node->count && result == 0; i++)
      result = visit(context, node_child(node, i), 1);
    return result;
  }
  for (uint32_t i = 0; i < node->count && node->vcap == 0 && result == 0; i++) {
    struct entry entry;
    struct extent_place place;
    if (entry_read(node, node_slots(node), 0, i, &entry))
      return node_corrupt(ref, "leads to a damaged entry");
    uint32_t at = entry_value_at(&entry);
    if (entry.info != ENTRY_EXTENT)
      continue;
    if (at + sizeof place > node->heap_end)
      return node_corrupt(ref, "leads to a damaged entry");
    memcpy(&place, (const uint8_t *)node + at, sizeof place);
    result = visit(context, place.ref, 0);
  }
  return result;
}

struct walker {
  struct page_view *view;
  const struct tree_shape *shape;
  struct tree_walk *walk;
  uint8_t last[TREE_KEY_MAX + 8]; /* the last key seen */
  uint32_t last_size;
  int any;
};

static void fault(struct walker *walker, const char *format, ...) COPSE_PRINTF(2, 3);
static void fault(struct walker *walker, const char *format, ...) {
  char sentence[200];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  walker->walk->fault(walker->walk->context, sentence);
}

static int page_note(struct walker *walker, uint64_t ref, int level) {
  uint64_t size;
  if (!page_locate(walker->view, ref, &size)) {
    fault(walker, "reference %llx points nowhere", (unsigned long long)ref);
    return 0;
  }
  return walker->walk->page(walker->walk->context, ref, level, size);
}

static int leaf_walk(struct walker *walker, uint64_t ref, const struct node *node) {
  for (uint32_t i = 0; i < node->count; i++) {
    uint8_t key[TREE_KEY_MAX + 8];
    uint32_t size;
    struct entry entry;
    struct tree_value value = {0};
    if (node_key(node, i, key, &size) || entry_read(node, node_slots(node), 0, i, &entry)) {
      fault(walker, "record %u of leaf %llx is damaged", i, (unsigned long long)ref);
      continue;
    }
    if (walker->any && bytes_compare(walker->last, walker->last_size, key, size) >= 0)
      fault(walker, "record %u of leaf %llx is out of order", i, (unsigned long long)ref);
    memcpy(walker->last, key, size);
    walker->last_size = size;
    walker->any = 1;
    if (entry_value(walker->view, node, &entry, walker->shape, &value))
      fault(walker, "the value of record %u of leaf %llx is damaged", i, (unsigned long long)ref);
    walker->walk->records++;
    walker->walk->key_bytes += size;
    walker->walk->value_bytes += value.size;
    if (!walker->shape->value_size && entry.info == ENTRY_EXTENT) {
      struct extent_place place;
      uint32_t at = entry_value_at(&entry);
      if (at + sizeof place > node->heap_end)
        continue;
      memcpy(&place, (const uint8_t *)node + at, sizeof place);
      int result = page_note(walker, place.ref, -1);
      if (result < 0)
        return result;
    }
  }
  return 0;
}

/* Checks that the keys below child i lie between its separators: the walk's last key before
 * and after tell. */
static int node_walk(struct walker *walker, uint64_t ref, int level) {
  const struct node *node;
  if (node_open(walker->view, ref, level, &node)) {
    fault(walker, "%s", copse_error_detail());
    return 0;
  }
  int result = page_note(walker, ref, node->head.level);
  if (result)
    return result == COPSE_NONE ? 0 : result;
  if (node->head.level == 0)
    return leaf_walk(walker, ref, node);
  for (uint32_t i = 0; i <= node->count; i++) {
    result = node_walk(walker, node_child(node, i), node->head.level - 1);
    if (result)
      return result;
    uint8_t key[TREE_KEY_MAX + 8];
    uint32_t size;
    if (i == node->count)
      break;
    if (node_key(node, i, key, &size)) {
      fault(walker, "separator %u of node %llx is damaged", i, (unsigned long long)ref);
      continue;
    }
    if (walker->any && bytes_compare(walker->last, walker->last_size, key, size) >= 0)
      fault(walker, "keys below child %u of node %llx reach beyond its separator", i,
            (unsigned long long)ref);
    /* What follows must not be less than the separator: step just below it. */
    if (size) {
      memcpy(walker->last, key, size);
      walker->last_size = size;
      if (walker->last[size - 1]-- == 0)
        walker->last_size = size - 1;
      else
        memset(walker->last + size, 0xff, sizeof walker->last - size),
            walker->last_size = TREE_KEY_MAX;
      walker->any = 1;
    }
  }
  return 0;
}

int tree_walk(struct page_view *view, const struct tree *tree, struct tree_walk *walk) {
  struct walker walker = {.view = view, .shape = &tree->shape, .walk = walk};
  walk->records = walk->key_bytes = walk->value_bytes = 0;
  int result = tree->root ? node_walk(&walker, tree->root, -1) : 0;
  if (result == 0 && walk->records != tree->count)
    fault(&walker, "the map counts %llu records and holds %llu", (unsigned long long)tree->count,
          (unsigned long long)walk->records);
  return result;
}
