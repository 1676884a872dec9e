/* store/recover.c - the allocator's books, rebuilt from the pages that a root reaches. */
#include "store/store.h"

struct rebuild {
  struct pager *pager;
  unsigned depth; /* of the node in its tree: a damaged file may have chains without end */
};

static int page_mark(void *context, uint64_t ref) {
  struct rebuild *rebuild = context;
  return pager_books_mark(rebuild->pager, ref);
}

static int child_mark(void *context, uint64_t ref, int subtree) {
  struct rebuild *rebuild = context;
  int result = pager_books_mark(rebuild->pager, ref);
  if (result || !subtree)
    return result;
  if (rebuild->depth == TREE_DEPTH_MAX)
    return node_corrupt(ref, "lies deeper than a tree may be");
  rebuild->depth++;
  result = tree_children(&rebuild->pager->view, ref, child_mark, context);
  rebuild->depth--;
  return result;
}

static int entry_mark(void *context, uint32_t id, const struct map_entry *entry) {
  (void)id;
  return entry->root ? child_mark(context, entry->root, 1) : 0;
}

int books_rebuild(struct copse_store *store, const struct root *root) {
  struct pager pager;
  struct rebuild rebuild = {&pager, 0};
  int fd;
  uint64_t size;
  int result = region_descriptor(&store->data, &fd);
  if (result == 0)
    result = os_size(fd, store->data.path, &size);
  if (result)
    return result;
  uint64_t segments = size / FORMAT_SEGMENT;
  if (segments > store->segments)
    segments = store->segments;
  if (root->limit > segments * FORMAT_SEGMENT || segments == 0)
    return error_set(COPSE_E_TRUNCATED, "%s is %llu bytes long, its root needs %llu",
                     store->data.path, (unsigned long long)size, (unsigned long long)root->limit);
  pager_init(&pager, &store->data, &store->writers, store->segments);
  result = pager_books_create(&pager, segments);
  if (result)
    return result;
  struct page_view view = pager.view;
  view.limit = root->limit;
  result = table_walk(&view, root, page_mark, entry_mark, &rebuild);
  if (result)
    return result;
  pager_books_finish(&pager);
  return 0;
}
