/* arena/walk.c - whole arenas: what hangs on a node, and the checker's walk. */
#include <stdarg.h>
#include <stdio.h>

#include "arena/arena.h"

/* Whether a leaf's extent was met with one before it in the node. */
static int is_met(const struct arena_node *node, unsigned at) {
  uint64_t data = node->leaves[at].data;
  while (data & ARENA_SHARED && at-- > 0)
    if ((node->leaves[at].data ^ data) << (64 - ARENA_PLACE_SHIFT) == 0)
      return 1;
  return 0;
}

int arena_children(struct page_view *view, uint64_t ref,
                   int (*visit)(void *context, uint64_t ref, int subtree), void *context) {
  const struct arena_node *node;
  unsigned places;
  int result = arena_node_open(view, ref, 0, &node, &places);
  for (unsigned i = 0; i < places && result == 0; i++) {
    if (node->head.level > 1) {
      result = node->children[i] ? visit(context, node->children[i], 1) : 0;
      continue;
    }
    const struct arena_leaf *leaf = &node->leaves[i];
    if (leaf->data && !is_met(node, i))
      result = visit(context, leaf->data & ARENA_REF_MASK, 0);
    if (result == 0 && leaf->slots)
      result = visit(context, leaf->slots, 0);
  }
  return result;
}

struct walker {
  struct page_view *view;
  const struct arena_shape *shape;
  struct arena_walk *walk;
  uint64_t end;
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
  if (page_locate(walker->view, ref, &size))
    return walker->walk->page(walker->walk->context, ref, level, size);
  fault(walker, "reference %llx points nowhere", (unsigned long long)ref);
  return 0;
}

/* What is below a child: the same as the two bits that its node has for it. */
struct below {
  int live, free;
};

static int data_walk(struct walker *walker, const struct arena_node *node, unsigned at) {
  const struct arena_shape *shape = walker->shape;
  uint64_t size, data = node->leaves[at].data, ref = data & ARENA_REF_MASK;
  uint64_t place = data >> ARENA_PLACE_SHIFT & (ARENA_FANOUT - 1);
  const struct extent_head *extent = page_locate(walker->view, ref, &size);
  if (!extent || extent->head.kind != PAGE_EXTENT || extent->value_size > size - sizeof *extent ||
      extent->value_size < (place + 1) * shape->leaf_bytes || data >> 61 ||
      (place && !(data & ARENA_SHARED)) || !arena_data(walker->view, shape, data))
    fault(walker, "reference %llx points to no records", (unsigned long long)data);
  return is_met(node, at) ? 0 : page_note(walker, ref, -1);
}

static void words_walk(struct walker *walker, uint64_t ref, const struct arena_slots *slots,
                       uint32_t below, struct below *found) {
  uint32_t live = 0, free = 0, least = walker->shape->slots;
  for (uint32_t i = 0; i < walker->shape->slots; i++) {
    uint32_t word = slots->words[i];
    int is_free = i < below && !(word & 1) && word < ARENA_RETIRED;
    live += word & 1;
    free += is_free;
    if (is_free && i < least)
      least = i;
    if ((i >= below && word) || word > ARENA_RETIRED)
      fault(walker, "slot word %u of page %llx makes no sense", i, (unsigned long long)ref);
  }
  if (live != slots->live || free != slots->free || slots->hint > least)
    fault(walker, "page %llx counts %u live and %u free slots from %u on, and has %u and %u",
          (unsigned long long)ref, slots->live, slots->free, slots->hint, live, free);
  walker->walk->records += live;
  *found = (struct below){live != 0, free != 0};
}

static int leaf_walk(struct walker *walker, const struct arena_node *node, unsigned at,
                     uint64_t number, struct below *found) {
  const struct arena_leaf *leaf = &node->leaves[at];
  const struct arena_slots *slots;
  uint32_t below = arena_below(walker->shape, number, walker->end);
  int result = leaf->data ? data_walk(walker, node, at) : 0;
  if (result < 0)
    return result;
  if (!leaf->slots) {
    walker->walk->records += leaf->data ? below : 0;
    *found = (struct below){leaf->data && below, !leaf->data && below};
  } else {
    result = page_note(walker, leaf->slots, 0);
    if (result)
      return result == COPSE_NONE ? 0 : result;
    if (arena_slots_open(walker->view, walker->shape, leaf->slots, &slots))
      fault(walker, "%s", copse_error_detail());
    else
      words_walk(walker, leaf->slots, slots, below, found);
  }
  if ((leaf->data != 0) != found->live)
    fault(walker, "leaf %llu has records and no live slot, or the other way round",
          (unsigned long long)number);
  return 0;
}

static int node_walk(struct walker *walker, uint64_t ref, unsigned level, uint64_t first_leaf,
                     struct below *found) {
  const struct arena_node *node;
  unsigned places;
  if (arena_node_open(walker->view, ref, level, &node, &places)) {
    fault(walker, "%s", copse_error_detail());
    return 0;
  }
  int result = page_note(walker, ref, (int)level);
  if (result)
    return result == COPSE_NONE ? 0 : result;
  uint64_t reached = arena_reached(walker->shape, level, first_leaf, walker->end), live = 0,
           free = 0;
  for (unsigned i = 0; i < ARENA_FANOUT; i++) {
    struct below below = {0, reached >> i & 1};
    uint64_t number = first_leaf + ((uint64_t)i << ARENA_FANOUT_SHIFT * (level - 1));
    if (i < places && level == 1)
      result = leaf_walk(walker, node, i, number, &below);
    else if (i < places && node->children[i])
      result = node_walk(walker, node->children[i], level - 1, number, &below);
    if (result)
      return result;
    live |= (uint64_t)below.live << i;
    free |= (uint64_t)below.free << i;
  }
  if (live != node->live || free != node->free)
    fault(walker, "node %llx has live %llx and free %llx, its children %llx and %llx",
          (unsigned long long)ref, (unsigned long long)node->live, (unsigned long long)node->free,
          (unsigned long long)live, (unsigned long long)free);
  *found = (struct below){live != 0, free != 0};
  return 0;
}

int arena_walk(struct page_view *view, const struct arena *arena, struct arena_walk *walk) {
  struct walker walker = {.view = view, .shape = &arena->shape, .walk = walk};
  struct below found;
  const struct arena_node *top;
  unsigned places;
  int result = 0;
  walk->records = 0;
  if (arena->root && arena_node_open(view, arena->root, 0, &top, &places)) {
    fault(&walker, "%s", copse_error_detail());
    return 0;
  }
  if (arena->root) {
    walker.end = top->end;
    if (top->end > ARENA_INDEX_END || (top->end && arena_leaf(&arena->shape, top->end - 1) >>
                                                       ARENA_FANOUT_SHIFT * top->head.level))
      fault(&walker, "the arena ends at %llu, beyond its height", (unsigned long long)top->end);
    result = node_walk(&walker, arena->root, top->head.level, 0, &found);
  }
  if (result == 0 && walk->records != arena->count)
    fault(&walker, "the arena counts %llu records and holds %llu", (unsigned long long)arena->count,
          (unsigned long long)walk->records);
  return result;
}
