/* multi/pages.c - a document that is changed at random, with a digest beside it. */
#include "pages.h"

#include <stdlib.h>

enum { NODES_MAX = 150 };

void pages_open(struct pages *pages, struct copse_store *store, uint64_t writer) {
  *pages = (struct pages){.store = store, .random = {test_seed() + writer}};
  CHECK_OK(copse_document_ensure(store, "page", -1, &pages->document));
  CHECK_OK(copse_map_ensure(store, "digests", NULL, -1, &pages->digests));
}

void pages_close(struct pages *pages) {
  copse_document_close(pages->document);
  copse_map_close(pages->digests);
}

/* --- digests --------------------------------------------------------------------------- */

static void add(uint64_t *digest, const void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    *digest = (*digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
  *digest = (*digest ^ size) * UINT64_C(0x100000001b3);
}

static void add_bytes(uint64_t *digest, struct copse_bytes bytes) {
  add(digest, bytes.data, bytes.size);
}

static void add_node(struct pages *pages, struct copse_view *view,
                     const struct copse_handle *handle, uint64_t *digest) {
  struct copse_tree *tree = copse_document_tree(pages->document);
  struct copse_attribute attribute;
  struct copse_handle linked;
  struct copse_node node;
  add(digest, handle, sizeof *handle);
  CHECK_OK(copse_node_get(view, pages->document, handle, &node));
  add(digest, &node.kind, sizeof node.kind);
  add_bytes(digest, node.name);
  add_bytes(digest, node.text);
  for (int link = COPSE_TREE_PARENT; link <= COPSE_TREE_LAST; link++)
    if (copse_tree_step(view, tree, handle, (enum copse_tree_link)link, &linked, NULL) == 0)
      add(digest, &linked, sizeof linked);
  for (uint32_t i = 0; node.kind == COPSE_NODE_ELEMENT &&
                       copse_attribute_at(view, pages->document, handle, i, &attribute) == 0;
       i++) {
    add_bytes(digest, attribute.name);
    add_bytes(digest, attribute.value);
  }
}

/* Of all nodes, detached ones among them. */
static uint64_t digest_of(struct pages *pages, struct copse_view *view) {
  struct copse_tree *tree = copse_document_tree(pages->document);
  struct copse_arena_info info;
  struct copse_handle handle;
  const void *payload;
  uint64_t digest = UINT64_C(0xcbf29ce484222325);
  CHECK_OK(copse_arena_info(view, copse_tree_arena(tree), &info));
  for (uint64_t i = 0; i < info.end; i++)
    if (copse_tree_at(view, tree, i, &handle, &payload) == 0)
      add_node(pages, view, &handle, &digest);
  return digest;
}

void pages_check(struct pages *pages, struct copse_view *view) {
  struct copse_bytes value;
  uint64_t faults, digest;
  int result = copse_get(view, pages->digests, "page", 4, &value);
  if (result == COPSE_NONE) /* nothing was committed yet */
    return;
  CHECK_OK(result);
  CHECK_EQ(value.size, sizeof digest);
  memcpy(&digest, value.data, sizeof digest);
  CHECK_OK(copse_document_check(view, pages->document, NULL, NULL, &faults));
  CHECK_EQ(faults, 0);
  CHECK_EQ(digest_of(pages, view), digest);
}

/* --- changes --------------------------------------------------------------------------- */

static void keep(struct pages *pages, const struct copse_handle *handle) {
  pages->handles[pages->handle_count++ % PAGES_HANDLES] = *handle;
}

/* A node that is there, or one kept from earlier, which others may have removed. */
static struct copse_handle any(struct pages *pages, struct copse_view *view) {
  struct copse_tree *tree = copse_document_tree(pages->document);
  struct copse_arena_info info;
  struct copse_handle handle;
  const void *payload;
  unsigned kept = pages->handle_count < PAGES_HANDLES ? pages->handle_count : PAGES_HANDLES;
  if (kept && test_random_below(&pages->random, 2))
    return pages->handles[test_random_below(&pages->random, kept)];
  CHECK_OK(copse_arena_info(view, copse_tree_arena(tree), &info));
  while (copse_tree_at(view, tree, test_random_below(&pages->random, info.end), &handle, &payload))
    ;
  return handle;
}

static void change(struct pages *pages, struct copse_txn *txn) {
  static char bytes[2000];
  struct copse_document *document = pages->document;
  struct copse_view *view = copse_txn_view(txn);
  struct copse_handle a = any(pages, view), b = any(pages, view), made = {0};
  struct copse_document_info info;
  struct test_random *random = &pages->random;
  size_t size = test_random_one_in(random, 30) ? sizeof bytes : test_random_below(random, 40);
  memset(bytes, (int)('a' + test_random_below(random, 26)), sizeof bytes);
  CHECK_OK(copse_document_info(view, document, &info));
  int result, how = (int)test_random_below(random, 14);
  if (info.nodes > NODES_MAX)
    how = 12;
  switch (how) {
  case 0:
  case 1:
    result = copse_element_new(txn, document, COPSE_NS_HTML,
                               test_random_one_in(random, 6) ? "template" : "my-own", &made);
    break;
  case 2: result = copse_text_new(txn, document, bytes, size, &made); break;
  case 3:
  case 4:
  case 5: result = copse_node_append(txn, document, &a, &b); break;
  case 6: result = copse_node_insert_before(txn, document, &a, &b); break;
  case 7: result = copse_text_append(txn, document, &a, bytes, size); break;
  case 8: result = copse_attribute_set(txn, document, &a, "class", bytes, size); break;
  case 9: result = copse_text_set(txn, document, &a, bytes, size); break;
  case 10: result = copse_node_clone(txn, document, view, document, &a, 1, &made); break;
  case 11: result = copse_node_unwrap(txn, document, &a); break;
  case 12: result = copse_node_remove(txn, document, &a); break;
  default:
    result = test_random_one_in(random, 4) ? copse_document_compact(txn, document)
                                           : copse_node_normalize(txn, document, &a);
  }
  CHECK_MSG(result == 0 || result == COPSE_E_STALE || result == COPSE_E_CYCLE ||
                result == COPSE_E_ROOT || result == COPSE_E_HIERARCHY || result == COPSE_E_ARGUMENT,
            "%s: %s", copse_error_name(result), copse_error_detail());
  pages->stale += result == COPSE_E_STALE;
  if (made.arena)
    keep(pages, &made);
}

void pages_step(struct pages *pages) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(pages->store, -1, &txn));
  struct copse_handle kept[PAGES_HANDLES];
  unsigned kept_count = pages->handle_count;
  memcpy(kept, pages->handles, sizeof kept);
  for (uint64_t i = test_random_below(&pages->random, 12); i; i--)
    change(pages, txn);
  if (test_random_one_in(&pages->random,
                         8)) { /* handles of what was never committed are others' later */
    copse_txn_abort(txn);
    pages->handle_count = kept_count;
    memcpy(pages->handles, kept, sizeof kept);
    return;
  }
  uint64_t digest = digest_of(pages, copse_txn_view(txn));
  CHECK_OK(copse_put(txn, pages->digests, "page", 4, &digest, sizeof digest, 0));
  CHECK_OK(copse_txn_commit(txn, NULL));
}
