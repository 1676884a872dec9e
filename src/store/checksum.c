/* store/checksum.c - checksums of pages, written when the pages are made durable.
 *
 * The committing process has no time for them. So whoever makes a durable root first walks the pages
 * that were born since the one before: a page's birth is not later than that of the page that refers
 * to it, so that older subtrees are left out by a look at their first page. The checksum goes
 * into the page's head, where the savepoint stood while the page was being made (`epoch`): no
 * reader looks at that, and no writer in pages of versions that are committed.
 *
 * So a page that the newest durable root or an older one wrote has a valid checksum. */
#include "store/store.h"

#include "base/bytes.h"

struct summer {
  struct copse_store *store;
  struct page_view view;
  uint64_t since; /* pages born until then have theirs */
  uint64_t left; /* pages that the store has room for: a damaged one may refer to some many times */
};

uint32_t page_checksum(const struct page_head *head, uint64_t size) {
  const uint8_t *bytes = (const uint8_t *)head;
  uint32_t sum = base_crc32c(bytes, offsetof(struct page_head, epoch)) ^
                 base_crc32c(bytes + offsetof(struct page_head, kind),
                             size - offsetof(struct page_head, kind));
  return sum ? sum : 1;
}

/* A writer that copies the page just now may read the old word or the new one: it puts its own in the
 * copy's place. The thread sanitizer is not told. */
__attribute__((no_sanitize("thread"))) static void sum_set(struct page_head *head, uint32_t sum) {
  *(volatile uint32_t *)&head->epoch = sum;
}

/* COPSE_NONE: the page has its checksum, and all below it. */
static int page_sum(void *context, uint64_t ref) {
  struct summer *summer = context;
  uint64_t size;
  const struct page_head *head = page_locate(&summer->view, ref, &size);
  if (!head || summer->left-- == 0)
    return node_corrupt(ref, "lies outside of the store, or is referred to many times");
  if (head->birth <= summer->since)
    return COPSE_NONE;
  sum_set((struct page_head *)(summer->store->data.rw + page_ref_offset(ref)),
          page_checksum(head, size));
  return 0;
}

int checksums_write(struct copse_store *store, const struct root *root, uint64_t since) {
  int result = store_reach(store, root);
  if (result)
    return result;
  struct summer summer = {.store = store,
                          .view = {.base = store->data.rw, .limit = root->limit},
                          .since = since,
                          .left = root->limit / FORMAT_UNIT};
  return pages_walk(&summer.view, root, page_sum, &summer);
}
