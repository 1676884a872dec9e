/* multi/pages.h - what the tests of documents keep in a store, so that a tree that was never committed shows.
 *
 * A document is changed at random, and a digest of all of it is put into a map in the same transaction. */
#ifndef MULTI_PAGES_H
#define MULTI_PAGES_H

#include "copse/copse.h"
#include "test.h"

#define PAGES_HANDLES 64

struct pages {
  struct copse_store *store;
  struct copse_document *document;
  struct copse_map *digests;
  struct test_random random;
  struct copse_handle
      handles[PAGES_HANDLES]; /* kept from step to step: others remove their nodes */
  unsigned handle_count;
  uint64_t stale; /* of them met */
};

void pages_open(struct pages *pages, struct copse_store *store, uint64_t writer);
void pages_close(struct pages *pages);
/* One transaction of some changes. */
void pages_step(struct pages *pages);
/* The document in a view is sound, and the one that its digest was made of. */
void pages_check(struct pages *pages, struct copse_view *view);

#endif
