/* dom/place.h - nodes where they lie, for what goes over many of them.
 *
 * What dom/node.h does with copies is done here in place, within one call: the arena is opened in the view once, each
 * node costs a look at the table of leaves (store/arena.h). Links are checked as there. */
#ifndef DOM_PLACE_H
#define DOM_PLACE_H

#include <string.h>

#include "dom/node.h"
#include "store/arena.h"

/* struct dom_links where it lies, which may be anywhere. */
struct dom_place_links {
  uint32_t parent, previous, next, first, last, zero;
} __attribute__((packed, may_alias));
_Static_assert(sizeof(struct dom_place_links) == sizeof(struct dom_links), "the same");

/* A node; of views that copy pages out, until the next one is looked for. */
struct dom_place {
  const struct dom_place_links *links;
  uint32_t index, generation;
};

static inline uint32_t dom_place_link(const struct dom_place *node) { return node->index + 1; }

static inline struct copse_handle dom_place_handle(const struct copse_tree *tree,
                                                   const struct dom_place *node) {
  return (struct copse_handle){tree->arena->map.tag, node->index, node->generation, 0};
}

/* Sets the detail message for the node of a link that `what`; gives CORRUPT. */
#define dom_link_corrupt(link, what)                                                               \
  error_set(COPSE_E_CORRUPT, "node %llu %s", (unsigned long long)(link)-1, (what))

int dom_beyond(const struct copse_handle *handle, int result);
/* Where the node lies that a handle names. */
static inline __attribute__((always_inline)) struct arena_found dom_resolve(
    struct copse_view *view, struct arena_cache *cache, const struct copse_handle *handle) {
  struct arena_found found = arena_resolve(view, cache, handle);
  if (__builtin_expect(handle->index >= DOM_INDEX_END, 0))
    found.result = dom_beyond(handle, found.result);
  return found;
}

int dom_missing(const struct copse_view *view, uint32_t from, int result);
/* Where the node lies that a link leads to, which is not 0; from: what the link was found in. */
static inline __attribute__((always_inline)) struct arena_found dom_locate(
    struct copse_view *view, struct arena_cache *cache, uint32_t from, uint32_t link) {
  struct arena_found found = arena_find(view, cache, (uint64_t)link - 1);
  if (__builtin_expect(found.result, 0))
    found.result = dom_missing(view, from, found.result);
  return found;
}

static inline void dom_place_take(struct dom_place *node, uint32_t index,
                                  struct arena_found found) {
  node->links = (const struct dom_place_links *)found.record;
  node->index = index;
  node->generation = found.generation;
}

static inline int dom_place_get(struct copse_view *view, struct arena_cache *cache,
                                const struct copse_handle *handle, struct dom_place *node) {
  struct arena_found found = dom_resolve(view, cache, handle);
  if (found.result == 0)
    dom_place_take(node, (uint32_t)handle->index, found);
  return found.result;
}

int dom_stray(uint32_t from);
/* The node that a link of another one leads to, and that it is linked back. COPSE_NONE: there is no such
 * link. */
static inline int dom_place_step(struct copse_view *view, struct arena_cache *cache,
                                 const struct dom_place *from, enum copse_tree_link which,
                                 struct dom_place *to) {
  const struct dom_place_links *links = from->links;
  uint32_t link = which == COPSE_TREE_PARENT     ? links->parent
                  : which == COPSE_TREE_PREVIOUS ? links->previous
                  : which == COPSE_TREE_NEXT     ? links->next
                  : which == COPSE_TREE_FIRST    ? links->first
                                                 : links->last;
  uint32_t me = dom_place_link(from), parent = links->parent;
  if (link == 0)
    return COPSE_NONE;
  struct arena_found found = dom_locate(view, cache, me, link);
  if (found.result)
    return found.result;
  dom_place_take(to, link - 1, found);
  int agrees = 0;
  switch (which) {
  case COPSE_TREE_PARENT: agrees = to->links->first && to->links->last; break;
  case COPSE_TREE_PREVIOUS:
    agrees = to->links->next == me && to->links->parent == parent && parent;
    break;
  case COPSE_TREE_NEXT:
    agrees = to->links->previous == me && to->links->parent == parent && parent;
    break;
  case COPSE_TREE_FIRST: agrees = to->links->parent == me && to->links->previous == 0; break;
  case COPSE_TREE_LAST: agrees = to->links->parent == me && to->links->next == 0; break;
  }
  return __builtin_expect(agrees, 1) ? 0 : dom_stray(me);
}

#endif
