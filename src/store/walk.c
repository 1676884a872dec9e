/* store/walk.c - all pages that a root reaches: the map table, trees, arenas, and values of their own. */
#include "store/store.h"

int page_children(struct page_view *view, uint64_t ref,
                  int (*visit)(void *context, uint64_t ref, int subtree), void *context) {
  uint64_t size;
  const struct page_head *head = page_locate(view, ref, &size);
  return head && head->kind == PAGE_ARENA ? arena_children(view, ref, visit, context)
                                          : tree_children(view, ref, visit, context);
}

struct walker {
  struct page_view *view;
  int (*visit)(void *context, uint64_t ref);
  void *context;
  unsigned depth; /* of the node in its tree: a damaged file may have chains without end */
};

static int child_walk(void *context, uint64_t ref, int subtree) {
  struct walker *walker = context;
  int result = walker->visit(walker->context, ref);
  if (result || !subtree)
    return result == COPSE_NONE ? 0 : result;
  if (walker->depth == TREE_DEPTH_MAX)
    return node_corrupt(ref, "lies deeper than a tree may be");
  walker->depth++;
  result = page_children(walker->view, ref, child_walk, context);
  walker->depth--;
  return result;
}

static int table_page_walk(void *context, uint64_t ref) {
  struct walker *walker = context;
  return walker->visit(walker->context, ref);
}

static int entry_walk(void *context, uint32_t id, const struct map_entry *entry) {
  (void)id;
  return entry->root ? child_walk(context, entry->root, 1) : 0;
}

int pages_walk(struct page_view *view, const struct root *root,
               int (*visit)(void *context, uint64_t ref), void *context) {
  struct walker walker = {view, visit, context, 0};
  return table_walk(view, root, table_page_walk, entry_walk, &walker);
}
