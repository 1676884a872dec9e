/* dom/node.h - nodes of tree arenas: their links, and following one of them.
 *
 *   record of a tree arena
 *    0   4   parent          a link: 0 none, else the index of a node and 1
 *    4   4   previous sibling
 *    8   4   next sibling
 *   12   4   first child
 *   16   4   last child
 *   20   4   zero
 *   24       payload
 *
 * Links are untrusted: each is compared with the one that leads back, and walks are bounded by the number of
 * nodes. */
#ifndef DOM_NODE_H
#define DOM_NODE_H

#include "base/error.h"
#include "copse/tree.h"

struct dom_links {
  uint32_t parent, previous, next, first, last, zero;
};
_Static_assert(sizeof(struct dom_links) == COPSE_TREE_LINKS, "the payload follows");

#define DOM_INDEX_END UINT32_MAX

struct copse_tree {
  struct copse_arena *arena;
  uint32_t payload_size;
};

struct dom_node {
  struct copse_handle handle;
  struct dom_links links; /* as they were when it was read */
  const uint8_t *payload; /* lent */
};

static inline uint32_t dom_link(const struct dom_node *node) {
  return (uint32_t)node->handle.index + 1;
}

/* Sets the detail message for a node that `what`; gives CORRUPT. */
#define dom_corrupt(node, what)                                                                    \
  error_set(COPSE_E_CORRUPT, "node %llu %s", (unsigned long long)(node)->handle.index, (what))

int dom_get(struct copse_view *view, const struct copse_tree *tree,
            const struct copse_handle *handle, struct dom_node *node);
/* The node that a link of another one leads to. */
int dom_at(struct copse_view *view, const struct copse_tree *tree, const struct dom_node *from,
           uint32_t link, struct dom_node *node);
/* The same, and that it is linked back. COPSE_NONE: there is no such link. */
int dom_step(struct copse_view *view, const struct copse_tree *tree, const struct dom_node *from,
             enum copse_tree_link which, struct dom_node *to);

#endif
