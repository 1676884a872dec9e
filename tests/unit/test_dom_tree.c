/* test_dom_tree.c - tree arenas: what they may hold, what they refuse, walks that meet changes, deep trees,
 * full stores, damaged links. Random operations are in tests/model/test_tree_model.c. */
#include <stdlib.h>

#include "test_store_fixture.h"

static struct copse_tree *tree_new(struct copse_store *store, const char *name) {
  struct copse_tree_options options = {.payload_size = 8};
  struct copse_tree *tree;
  CHECK_OK(copse_tree_ensure(store, name, &options, -1, &tree));
  return tree;
}

static struct copse_handle node_new(struct copse_txn *txn, struct copse_tree *tree,
                                    uint64_t value) {
  struct copse_handle node;
  CHECK_OK(copse_tree_new(txn, tree, &value, &node, NULL));
  return node;
}

static struct copse_handle child_new(struct copse_txn *txn, struct copse_tree *tree,
                                     const struct copse_handle *parent, uint64_t value) {
  struct copse_handle node = node_new(txn, tree, value);
  CHECK_OK(copse_tree_append(txn, tree, parent, &node));
  return node;
}

/* The values that a walk hands out, at most 15 decimal digits: "1 2 3" is 123. */
static uint64_t walk(struct copse_view *view, struct copse_tree *tree,
                     const struct copse_handle *node, enum copse_tree_axis axis) {
  struct copse_tree_walk walk;
  const void *payload;
  uint64_t digits = 0;
  int result;
  CHECK_OK(copse_tree_walk_begin(view, tree, node, axis, &walk));
  while ((result = copse_tree_walk_next(&walk, &payload)) == 0)
    digits = digits * 10 + *(const uint64_t *)payload;
  CHECK_RESULT(result, COPSE_NONE);
  return digits;
}

struct thing {
  double weight;
  uint32_t kind, flags;
};
#define THING_FIELDS(F) F(f64, weight, 1) F(u32, kind, 1) F(u32, flags, 1)
COPSE_RECORD(thing, THING_FIELDS)

TEST(a_tree_arena_is_known_by_its_links) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree_options typed = {.layout = thing_layout()}, other = {.payload_size = 16};
  struct copse_tree_options large = {.payload_size = COPSE_TREE_PAYLOAD_MAX + 1}, none = {0};
  struct copse_arena_options plain = {.record_size = 40};
  struct copse_tree *tree, *again;
  struct copse_arena_info info;
  struct copse_arena *arena;
  FAILS(copse_tree_ensure(store, "t", &large, -1, &tree), COPSE_E_ARGUMENT, "payloads of");
  FAILS(copse_tree_ensure(store, "t", NULL, -1, &tree), COPSE_E_ARGUMENT, "options");
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_tree_create(txn, "t", &typed, &tree));
  CHECK_OK(copse_arena_create(txn, "plain", &plain, &arena));
  CHECK_EQ(copse_tree_payload_size(tree), sizeof(struct thing));
  struct copse_view *view = copse_txn_view(txn);
  CHECK_OK(copse_arena_info(view, copse_tree_arena(tree), &info));
  CHECK_EQ(info.record_size, 24 + sizeof(struct thing));
  struct copse_layout *layout;
  CHECK_OK(copse_map_layout(view, copse_arena_map(copse_tree_arena(tree)), &layout));
  CHECK_STR(layout->fields[layout->field_count - 1].name, "flags");
  copse_layout_free(layout);
  CHECK_OK(copse_tree_open(view, "t", NULL, &again));
  CHECK_EQ(copse_tree_payload_size(again), sizeof(struct thing));
  copse_tree_close(again);
  CHECK_RESULT(copse_tree_open(view, "t", &other, &again), COPSE_E_LAYOUT);
  FAILS(copse_tree_open(view, "plain", NULL, &again), COPSE_E_MAP_KIND, "no tree arena");
  copse_tree_close(tree);
  CHECK_OK(copse_tree_create(txn, "bare", &none, &tree)); /* links alone */
  struct copse_handle node;
  CHECK_OK(copse_tree_new(txn, tree, NULL, &node, NULL));
  child_new(txn, tree, &node, 0);
  copse_tree_close(tree);
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_arena_close(arena);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(what_would_be_no_tree_is_refused) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree *tree = tree_new(store, "t"), *other = tree_new(store, "u");
  struct copse_txn *txn = begin(store);
  struct copse_handle root = node_new(txn, tree, 1), a = child_new(txn, tree, &root, 2);
  struct copse_handle b = child_new(txn, tree, &a, 3), second = node_new(txn, tree, 4);
  struct copse_handle foreign = node_new(txn, other, 5), found;
  FAILS(copse_tree_append(txn, tree, &root, &root), COPSE_E_CYCLE, "itself");
  FAILS(copse_tree_prepend(txn, tree, &b, &root), COPSE_E_CYCLE, "below it");
  FAILS(copse_tree_insert_before(txn, tree, &b, &a), COPSE_E_CYCLE, "below it");
  FAILS(copse_tree_insert_after(txn, tree, &a, &a), COPSE_E_CYCLE, "itself");
  FAILS(copse_tree_insert_after(txn, tree, &root, &second), COPSE_E_ROOT, "is a root");
  FAILS(copse_tree_append(txn, tree, &foreign, &a), COPSE_E_FOREIGN, "belongs to");
  FAILS(copse_tree_append(txn, tree, &a, &foreign), COPSE_E_FOREIGN, "belongs to");
  FAILS(copse_tree_append(txn, other, &root, &a), COPSE_E_FOREIGN, "belongs to");
  struct copse_handle young = {root.arena, 100, 1, 0};
  FAILS(copse_tree_append(txn, tree, &root, &young), COPSE_E_NOT_YET, "not 1 yet");
  CHECK_RESULT(copse_tree_step(copse_txn_view(txn), tree, &root, 9, &found, NULL),
               COPSE_E_ARGUMENT);
  CHECK_EQ(walk(copse_txn_view(txn), tree, &root, COPSE_TREE_TRAVERSE), 123321);
  CHECK_OK(copse_tree_insert_before(txn, tree, &b, &second));
  CHECK_OK(copse_tree_prepend(txn, tree, &root, &b));
  CHECK_EQ(walk(copse_txn_view(txn), tree, &root, COPSE_TREE_TRAVERSE), 13324421);
  CHECK_OK(copse_tree_append(txn, tree, &root, &b)); /* is the last child from then on */
  CHECK_OK(copse_tree_append(txn, tree, &root, &b)); /* and stays so */
  CHECK_OK(copse_tree_remove(txn, tree, &a));
  CHECK_EQ(walk(copse_txn_view(txn), tree, &root, COPSE_TREE_TRAVERSE_REVERSE), 133441);
  copse_txn_abort(txn);
  copse_tree_close(tree);
  copse_tree_close(other);
  CHECK_OK(copse_store_close(store));
}

TEST(walks_follow_changes_and_end) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree *tree = tree_new(store, "t");
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  struct copse_handle root = node_new(txn, tree, 1), a = child_new(txn, tree, &root, 2);
  struct copse_handle b = child_new(txn, tree, &root, 3);
  struct copse_tree_walk walk;
  uint64_t value = 4;
  int result, steps = 0;
  /* Payloads may be replaced, and the node that comes next removed. */
  CHECK_OK(copse_tree_walk_begin(view, tree, &root, COPSE_TREE_DESCENDANTS, &walk));
  CHECK_OK(copse_tree_walk_next(&walk, NULL));
  CHECK_EQ(walk.node.index, a.index);
  CHECK_OK(copse_tree_update(txn, tree, &a, &value, NULL));
  CHECK_OK(copse_tree_remove(txn, tree, &b));
  CHECK_RESULT(copse_tree_walk_next(&walk, NULL), COPSE_NONE);
  /* Not the node that it is at. */
  CHECK_OK(copse_tree_walk_begin(view, tree, &root, COPSE_TREE_CHILDREN, &walk));
  CHECK_OK(copse_tree_walk_next(&walk, NULL));
  CHECK_OK(copse_tree_remove(txn, tree, &a));
  CHECK_RESULT(copse_tree_walk_next(&walk, NULL), COPSE_E_STALE);
  /* Nodes that are made on the way are met; their number bounds the walk. */
  child_new(txn, tree, &root, 5);
  CHECK_OK(copse_tree_walk_begin(view, tree, &root, COPSE_TREE_DESCENDANTS, &walk));
  while ((result = copse_tree_walk_next(&walk, NULL)) == 0)
    if (++steps < 100)
      child_new(txn, tree, &walk.node, 6);
  CHECK_RESULT(result, COPSE_NONE);
  CHECK_EQ(steps, 100);
  /* Who puts what was passed behind again and again is stopped. */
  struct copse_handle wide = node_new(txn, tree, 7);
  child_new(txn, tree, &wide, 8);
  child_new(txn, tree, &wide, 9);
  CHECK_OK(copse_tree_walk_begin(view, tree, &wide, COPSE_TREE_CHILDREN, &walk));
  while ((result = copse_tree_walk_next(&walk, NULL)) == 0) {
    struct copse_handle next;
    if (copse_tree_step(view, tree, &walk.node, COPSE_TREE_PREVIOUS, &next, NULL) == 0)
      CHECK_OK(copse_tree_append(txn, tree, &wide, &next));
    CHECK_LT(++steps, 1000);
  }
  FAILS(result, COPSE_E_STATE, "astray");
  /* So is a walk that was led to another tree. */
  CHECK_OK(copse_tree_walk_begin(view, tree, &wide, COPSE_TREE_TRAVERSE, &walk));
  CHECK_OK(copse_tree_walk_next(&walk, NULL));
  CHECK_OK(copse_tree_walk_next(&walk, NULL));
  CHECK_OK(copse_tree_detach(txn, tree, &walk.node));
  CHECK_OK(copse_tree_walk_next(&walk, NULL)); /* leaves it */
  FAILS(copse_tree_walk_next(&walk, NULL), COPSE_E_STATE, "astray");
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_tree_close(tree);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(depth_costs_no_stack) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree *tree = tree_new(store, "t");
  enum { DEPTH = 200000 };
  struct copse_txn *txn = begin(store);
  struct copse_handle root = node_new(txn, tree, 0), last = root, found;
  uint64_t removed, count, edges = 0;
  for (int i = 1; i < DEPTH; i++)
    last = child_new(txn, tree, &last, (uint64_t)i);
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *before = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(before);
  struct copse_tree_walk walk;
  CHECK_OK(copse_tree_walk_begin(view, tree, &root, COPSE_TREE_TRAVERSE, &walk));
  while (copse_tree_walk_next(&walk, NULL) == 0)
    edges++;
  CHECK_EQ(edges, 2 * DEPTH);
  txn = begin(store);
  FAILS(copse_tree_append(txn, tree, &last, &root), COPSE_E_CYCLE, "below it");
  CHECK_OK(copse_tree_step(view, tree, &root, COPSE_TREE_FIRST, &found, NULL));
  CHECK_OK(copse_tree_remove_subtree(txn, tree, &found, &removed));
  CHECK_EQ(removed, DEPTH - 1);
  CHECK_RESULT(copse_tree_detach(txn, tree, &last), COPSE_E_STALE);
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_tree_count(view, tree, &count));
  CHECK_EQ(count, DEPTH);
  copse_snapshot_close(before);
  before = snapshot_new(store);
  CHECK_OK(copse_tree_count(copse_snapshot_view(before), tree, &count));
  CHECK_EQ(count, 1);
  copse_snapshot_close(before);
  copse_tree_close(tree);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* All nodes hang on the root, and the edges around it agree. */
static void one_tree(struct copse_view *view, struct copse_tree *tree,
                     const struct copse_handle *root, uint64_t nodes) {
  struct copse_tree_walk walk;
  uint64_t count, edges = 0;
  int result;
  CHECK_OK(copse_tree_count(view, tree, &count));
  CHECK_EQ(count, nodes);
  CHECK_OK(copse_tree_walk_begin(view, tree, root, COPSE_TREE_TRAVERSE, &walk));
  while ((result = copse_tree_walk_next(&walk, NULL)) == 0)
    edges++;
  CHECK_RESULT(result, COPSE_NONE);
  CHECK_EQ(edges, 2 * nodes);
}

TEST(in_a_full_store_a_call_fails_whole) {
  struct copse_store *store = store_new(NULL, 3 << 20);
  struct copse_tree *tree = tree_new(store, "t");
  struct test_random random = {test_seed()};
  enum { NODES = 20000 };
  static struct copse_handle nodes[NODES];
  struct copse_txn *txn = begin(store);
  nodes[0] = node_new(txn, tree, 0);
  for (unsigned i = 1; i < NODES; i++)
    nodes[i] = child_new(txn, tree, &nodes[test_random_below(&random, i)], i);
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view;
  unsigned full[3] = {0};
  for (int round = 0; round < 20;
       round++) { /* what it makes its own does not fit beside the snapshot's */
    txn = begin(store);
    view = copse_txn_view(txn);
    uint64_t left = NODES, removed, i = 0;
    for (unsigned failed = 0; failed < 3 && i < 4 * NODES; i++) {
      struct copse_handle *a = &nodes[test_random_range(&random, 1, NODES - 1)],
                          *b = &nodes[test_random_below(&random, NODES)];
      int kind = (int)test_random_below(&random, 3), result;
      if (kind == 0) {
        result = copse_tree_append(txn, tree, b, a);
      } else if (kind == 1) {
        result = copse_tree_remove(txn, tree, a);
        left -= result == 0;
      } else {
        result = copse_tree_remove_subtree(txn, tree, a, &removed);
        left -= result == 0 ? removed : 0;
      }
      if (result == COPSE_E_LIMIT) {
        full[kind]++;
        failed++;
        one_tree(view, tree, &nodes[0], left);
      } else {
        CHECK_MSG(result == 0 || result == COPSE_E_STALE || result == COPSE_E_CYCLE, "%s: %s",
                  copse_error_name(result), copse_error_detail());
      }
    }
    one_tree(view, tree, &nodes[0], left);
    copse_txn_abort(txn);
    one_tree(copse_snapshot_view(snapshot), tree, &nodes[0], NODES);
  }
  for (int kind = 0; kind < 3; kind++)
    CHECK_GT(full[kind], 0);
  copse_snapshot_close(snapshot);
  copse_tree_close(tree);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* --- damage ---------------------------------------------------------------------------- */

enum { SMALL = 40 };

/* Walks of all kinds from a node end, whatever they meet. 1: some met damage. */
static int walks_end(struct copse_view *view, struct copse_tree *tree,
                     const struct copse_handle *node) {
  struct copse_tree_walk walk;
  int damaged = 0, result;
  for (int axis = COPSE_TREE_ANCESTORS; axis <= COPSE_TREE_TRAVERSE_REVERSE; axis++) {
    unsigned steps = 0;
    CHECK_OK(copse_tree_walk_begin(view, tree, node, (enum copse_tree_axis)axis, &walk));
    while ((result = copse_tree_walk_next(&walk, NULL)) == 0)
      CHECK_LE(++steps, 4 * SMALL + 2);
    CHECK_MSG(result == COPSE_NONE || result == COPSE_E_CORRUPT, "%s", copse_error_name(result));
    damaged |= result == COPSE_E_CORRUPT;
  }
  return damaged;
}

static void operate(struct copse_txn *txn, struct copse_tree *tree, struct test_random *random,
                    const struct copse_handle *a, const struct copse_handle *b) {
  int result;
  switch (test_random_below(random, 7)) {
  case 0: result = copse_tree_append(txn, tree, a, b); break;
  case 1: result = copse_tree_prepend(txn, tree, a, b); break;
  case 2: result = copse_tree_insert_before(txn, tree, a, b); break;
  case 3: result = copse_tree_insert_after(txn, tree, a, b); break;
  case 4: result = copse_tree_detach(txn, tree, a); break;
  case 5: result = copse_tree_remove(txn, tree, a); break;
  default: result = copse_tree_remove_subtree(txn, tree, a, NULL);
  }
  CHECK_MSG(result == 0 || result == COPSE_E_CORRUPT || result == COPSE_E_CYCLE ||
                result == COPSE_E_ROOT || result == COPSE_E_STALE,
            "%s", copse_error_name(result));
}

TEST(damaged_links_end_in_errors) {
  struct copse_store *store = store_new(NULL, 0);
  struct test_random random = {test_seed()};
  struct copse_tree *tree = tree_new(store, "t");
  struct copse_handle nodes[SMALL];
  uint64_t damaged = 0;
  for (int round = 0; round < 3000 * test_scale(); round++) {
    struct copse_txn *txn = begin(store);
    struct copse_view *view = copse_txn_view(txn);
    nodes[0] = node_new(txn, tree, 0);
    for (unsigned i = 1; i < SMALL; i++)
      nodes[i] = child_new(txn, tree, &nodes[test_random_below(&random, i)], i);
    for (uint64_t i = test_random_range(&random, 1, 4); i > 0; i--) {
      const struct copse_handle *node = &nodes[test_random_below(&random, SMALL)];
      uint64_t which = test_random_below(&random, 6);
      uint32_t link = (uint32_t)nodes[test_random_below(&random, SMALL)].index + 1;
      uint32_t links[] = {0, link, link, link, SMALL + 1, UINT32_MAX};
      void *record;
      CHECK_OK(copse_arena_update(txn, copse_tree_arena(tree), node, NULL, &record));
      memcpy((uint8_t *)record + 4 * which, &links[test_random_below(&random, 6)], 4);
    }
    for (int i = 0; i < 10; i++) {
      unsigned at = (unsigned)test_random_below(&random, SMALL);
      const void *payload;
      if (copse_tree_get(view, tree, &nodes[at], &payload) == 0)
        damaged += (uint64_t)walks_end(view, tree, &nodes[at]);
      operate(txn, tree, &random, &nodes[at], &nodes[test_random_below(&random, SMALL)]);
    }
    copse_txn_abort(txn);
  }
  CHECK_GT(damaged, 100);
  copse_tree_close(tree);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* A change looks at each link that leads back to what it changes, and fails before anything is written. */
TEST(a_change_next_to_damage_is_refused) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree *tree = tree_new(store, "t");
  struct copse_txn *txn = begin(store);
  struct copse_handle root = node_new(txn, tree, 1), a = child_new(txn, tree, &root, 2);
  struct copse_handle b = child_new(txn, tree, &root, 3), c = child_new(txn, tree, &root, 4);
  struct copse_handle below = child_new(txn, tree, &b, 5), spare = node_new(txn, tree, 6);
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct {
    const struct copse_handle *node; /* whose link is damaged */
    unsigned link;
  } damages[] = {{&a, 2}, {&c, 1}, {&a, 0}, {&c, 0}, {&root, 3}, {&root, 4}, {&below, 0}};
  for (unsigned i = 0; i < sizeof damages / sizeof damages[0]; i++) {
    uint32_t wrong = (uint32_t)spare.index + 1;
    void *record;
    txn = begin(store);
    CHECK_OK(copse_arena_update(txn, copse_tree_arena(tree), damages[i].node, NULL, &record));
    memcpy((uint8_t *)record + (size_t)4 * damages[i].link, &wrong, 4);
    if (i < 4) { /* seen from the middle child */
      FAILS(copse_tree_detach(txn, tree, &b), COPSE_E_CORRUPT, "not linked back");
      FAILS(copse_tree_remove(txn, tree, &b), COPSE_E_CORRUPT, "not linked back");
      FAILS(copse_tree_remove_subtree(txn, tree, &b, NULL), COPSE_E_CORRUPT, "not linked back");
    } else if (i == 4) { /* from the first, from the last, and from the parent */
      FAILS(copse_tree_detach(txn, tree, &a), COPSE_E_CORRUPT, "not linked back");
      FAILS(copse_tree_prepend(txn, tree, &root, &spare), COPSE_E_CORRUPT, "not linked back");
    } else if (i == 5) {
      FAILS(copse_tree_remove(txn, tree, &c), COPSE_E_CORRUPT, "not linked back");
      FAILS(copse_tree_insert_after(txn, tree, &c, &spare), COPSE_E_CORRUPT, "not linked back");
    } else {
      FAILS(copse_tree_remove(txn, tree, &b), COPSE_E_CORRUPT, "not linked back");
      FAILS(copse_tree_remove_subtree(txn, tree, &root, NULL), COPSE_E_CORRUPT, "not linked back");
    }
    uint64_t count;
    CHECK_OK(copse_tree_count(copse_txn_view(txn), tree, &count));
    CHECK_EQ(count, 6);
    copse_txn_abort(txn);
  }
  copse_tree_close(tree);
  CHECK_OK(copse_store_close(store));
}

/* Links that agree with one another, in a circle. */
TEST(circles_of_agreeing_links_are_found) {
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree *tree = tree_new(store, "t");
  struct copse_txn *txn = begin(store);
  uint32_t links[3][6] = {{0, 0, 0, 2, 3, 0}, {1, 3, 3, 0, 0, 0}, {1, 2, 2, 0, 0, 0}};
  uint32_t up[2][6] = {{5, 0, 0, 5, 5, 0}, {4, 0, 0, 4, 4, 0}};
  struct copse_handle nodes[6];
  struct copse_tree_walk walk;
  void *record;
  int result;
  for (unsigned i = 0; i < 6; i++)
    nodes[i] = node_new(txn, tree, i);
  for (unsigned i = 0; i < 5; i++) {
    CHECK_OK(copse_arena_update(txn, copse_tree_arena(tree), &nodes[i], NULL, &record));
    memcpy(record, i < 3 ? links[i] : up[i - 3], 24);
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct {
    int node;
    enum copse_tree_axis axis;
  } walks[] = {{1, COPSE_TREE_FOLLOWING},   {2, COPSE_TREE_PRECEDING},
               {3, COPSE_TREE_ANCESTORS},   {4, COPSE_TREE_TRAVERSE},
               {3, COPSE_TREE_DESCENDANTS}, {4, COPSE_TREE_TRAVERSE_REVERSE}};
  for (unsigned i = 0; i < sizeof walks / sizeof walks[0]; i++) {
    CHECK_OK(copse_tree_walk_begin(copse_snapshot_view(snapshot), tree, &nodes[walks[i].node],
                                   walks[i].axis, &walk));
    for (int k = 0; (result = copse_tree_walk_next(&walk, NULL)) == 0; k++)
      CHECK_LT(k, 100);
    FAILS(result, COPSE_E_CORRUPT, "circle");
    FAILS(copse_tree_walk_next(&walk, NULL), COPSE_E_CORRUPT, "circle"); /* and does not go on */
  }
  copse_snapshot_close(snapshot);
  txn = begin(store);
  FAILS(copse_tree_append(txn, tree, &nodes[3], &nodes[0]), COPSE_E_CORRUPT, "circle");
  CHECK_RESULT(copse_tree_remove_subtree(txn, tree, &nodes[0], NULL), COPSE_E_CORRUPT);
  CHECK_RESULT(copse_tree_remove(txn, tree, &nodes[0]), COPSE_E_CORRUPT);
  copse_txn_abort(txn);
  copse_tree_close(tree);
  CHECK_OK(copse_store_close(store));
}
