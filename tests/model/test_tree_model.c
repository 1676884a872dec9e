/* test_tree_model.c - random operations on a tree arena against a simple reference: arrays of children.
 *
 * Handles are kept on purpose: those of removed nodes must be errors, whatever lives in their slots.
 * Transactions are committed, aborted or rolled back in part; snapshots that were opened on the way keep
 * the tree that they saw. The arena's count is the reference's: nothing leaks. */
#include <stdlib.h>

#include "copse/copse.h"
#include "test.h"

enum { NODES = 120, OLD = 64, HELD = 3 };

struct item {
  struct copse_handle handle;
  uint64_t value;
  int is_there, parent; /* parent -1: a root */
  int count;
  short children[NODES];
};

struct reference {
  struct item items[NODES];
  int count;
};

static struct state {
  struct copse_store *store;
  struct copse_tree *tree;
  struct test_random random;
  struct reference now, base, saved; /* base: as committed */
  struct copse_handle old[OLD]; /* of nodes that were removed, and whose removal is committed */
  unsigned old_count;
  struct copse_handle ended[NODES * 40]; /* by this transaction */
  unsigned ended_count, ended_saved;
  struct held {
    struct copse_snapshot *snapshot;
    struct reference reference;
  } held[HELD];
  uint64_t next_value;
  uint64_t refused[3]; /* cycles, roots, stale handles */
} * state;

static uint64_t below(uint64_t n) { return test_random_below(&state->random, n); }

/* --- the reference --------------------------------------------------------------------- */

static int place_of(const struct reference *r, int item) {
  const struct item *parent = &r->items[r->items[item].parent];
  for (int i = 0; i < parent->count; i++)
    if (parent->children[i] == item)
      return i;
  CHECK(!"a child that its parent does not know");
  return -1;
}

static void take_out(struct reference *r, int item) {
  if (r->items[item].parent < 0)
    return;
  struct item *parent = &r->items[r->items[item].parent];
  int at = place_of(r, item);
  memmove(parent->children + at, parent->children + at + 1,
          (size_t)(--parent->count - at) * sizeof parent->children[0]);
  r->items[item].parent = -1;
}

static void put_in(struct reference *r, int item, int above, int at) {
  struct item *parent = &r->items[above];
  memmove(parent->children + at + 1, parent->children + at,
          (size_t)(parent->count++ - at) * sizeof parent->children[0]);
  parent->children[at] = (short)item;
  r->items[item].parent = above;
}

static int is_at_or_above(const struct reference *r, int item, int other) {
  for (; other >= 0; other = r->items[other].parent)
    if (other == item)
      return 1;
  return 0;
}

static void end(struct reference *r, int item) {
  CHECK_LT(state->ended_count, NODES * 40);
  state->ended[state->ended_count++] = r->items[item].handle;
  r->items[item].is_there = 0;
  r->count--;
}

static int end_all(struct reference *r, int item) {
  int n = 1;
  for (int i = 0; i < r->items[item].count; i++)
    n += end_all(r, r->items[item].children[i]);
  end(r, item);
  return n;
}

static int any(const struct reference *r) {
  int item;
  if (r->count == 0)
    return -1;
  do
    item = (int)below(NODES);
  while (!r->items[item].is_there);
  return item;
}

/* --- comparing ------------------------------------------------------------------------- */

static void node_is(const struct reference *r, int item, const struct copse_handle *handle,
                    const void *payload) {
  uint64_t value;
  memcpy(&value, payload, 8);
  CHECK_BYTES(handle, sizeof *handle, &r->items[item].handle, sizeof *handle);
  CHECK_EQ(value, r->items[item].value);
}

static void link_is(const struct reference *r, struct copse_view *view, int item,
                    enum copse_tree_link link, int expected) {
  struct copse_handle found;
  const void *payload;
  CHECK_RESULT(copse_tree_step(view, state->tree, &r->items[item].handle, link, &found, &payload),
               expected < 0 ? COPSE_NONE : 0);
  if (expected >= 0)
    node_is(r, expected, &found, payload);
}

struct visit {
  int item, edge;
};

static int edges_of(const struct reference *r, int item, struct visit *visits) {
  int n = 0;
  visits[n++] = (struct visit){item, COPSE_TREE_ENTER};
  for (int i = 0; i < r->items[item].count; i++)
    n += edges_of(r, r->items[item].children[i], visits + n);
  visits[n++] = (struct visit){item, COPSE_TREE_LEAVE};
  return n;
}

static void walk_is(const struct reference *r, struct copse_view *view, int item,
                    enum copse_tree_axis axis, const struct visit *visits, int n, int step) {
  struct copse_tree_walk walk;
  const void *payload;
  CHECK_OK(copse_tree_walk_begin(view, state->tree, &r->items[item].handle, axis, &walk));
  for (int i = 0; i < n; i++, visits += step) {
    CHECK_OK(copse_tree_walk_next(&walk, &payload));
    node_is(r, visits->item, &walk.node, payload);
    CHECK_EQ(walk.edge, (unsigned)visits->edge);
  }
  CHECK_RESULT(copse_tree_walk_next(&walk, &payload), COPSE_NONE);
}

static void walks_are(const struct reference *r, struct copse_view *view, int item) {
  struct visit edges[2 * NODES], found[NODES];
  const struct item *it = &r->items[item];
  int n = edges_of(r, item, edges), m = 0;
  walk_is(r, view, item, COPSE_TREE_TRAVERSE, edges, n, 1);
  walk_is(r, view, item, COPSE_TREE_TRAVERSE_REVERSE, edges + n - 1, n, -1);
  for (int i = 1; i < n; i++)
    if (edges[i].edge == COPSE_TREE_ENTER)
      found[m++] = edges[i];
  walk_is(r, view, item, COPSE_TREE_DESCENDANTS, found, m, 1);
  for (m = 0; m < it->count; m++)
    found[m] = (struct visit){it->children[m], 0};
  walk_is(r, view, item, COPSE_TREE_CHILDREN, found, m, 1);
  walk_is(r, view, item, COPSE_TREE_CHILDREN_REVERSE, found + (m ? m - 1 : 0), m, -1);
  m = 0;
  for (int up = it->parent; up >= 0; up = r->items[up].parent)
    found[m++] = (struct visit){up, 0};
  walk_is(r, view, item, COPSE_TREE_ANCESTORS, found, m, 1);
  const struct item *parent = it->parent < 0 ? NULL : &r->items[it->parent];
  int at = parent ? place_of(r, item) : 0, siblings = parent ? parent->count : 1;
  for (m = 0; m < siblings && parent; m++)
    found[m] = (struct visit){parent->children[m], 0};
  walk_is(r, view, item, COPSE_TREE_FOLLOWING, found + at + 1, siblings - at - 1, 1);
  walk_is(r, view, item, COPSE_TREE_PRECEDING, found + (at ? at - 1 : 0), at, -1);
}

static void tree_is(const struct reference *r, struct copse_view *view) {
  uint64_t count;
  const void *payload;
  CHECK_OK(copse_tree_count(view, state->tree, &count));
  CHECK_EQ(count, (uint64_t)r->count);
  for (int i = 0; i < NODES; i++) {
    const struct item *item = &r->items[i];
    if (!item->is_there)
      continue;
    const struct item *parent = item->parent < 0 ? NULL : &r->items[item->parent];
    int at = parent ? place_of(r, i) : 0;
    CHECK_OK(copse_tree_get(view, state->tree, &item->handle, &payload));
    node_is(r, i, &item->handle, payload);
    link_is(r, view, i, COPSE_TREE_PARENT, item->parent);
    link_is(r, view, i, COPSE_TREE_PREVIOUS, at > 0 ? parent->children[at - 1] : -1);
    link_is(r, view, i, COPSE_TREE_NEXT,
            parent && at + 1 < parent->count ? parent->children[at + 1] : -1);
    link_is(r, view, i, COPSE_TREE_FIRST, item->count ? item->children[0] : -1);
    link_is(r, view, i, COPSE_TREE_LAST, item->count ? item->children[item->count - 1] : -1);
  }
  int item = any(r);
  if (item >= 0)
    walks_are(r, view, item);
}

/* --- operations ------------------------------------------------------------------------ */

static void make(struct copse_txn *txn) {
  struct reference *r = &state->now;
  uint64_t value = ++state->next_value;
  void *memory;
  int item = 0;
  if (r->count == NODES)
    return;
  while (r->items[item].is_there)
    item++;
  struct item *it = &r->items[item];
  *it = (struct item){.value = value, .is_there = 1, .parent = -1};
  if (below(2)) {
    CHECK_OK(copse_tree_new(txn, state->tree, NULL, &it->handle, &memory));
    memcpy(memory, &value, 8);
  } else {
    CHECK_OK(copse_tree_new(txn, state->tree, &value, &it->handle, NULL));
  }
  r->count++;
}

static void place(struct copse_txn *txn, struct copse_tree *tree) {
  struct reference *r = &state->now;
  int item = any(r), other = any(r), how = (int)below(4);
  if (item < 0)
    return;
  const struct copse_handle *a = &r->items[other].handle, *b = &r->items[item].handle;
  int result = how == 0   ? copse_tree_append(txn, tree, a, b)
               : how == 1 ? copse_tree_prepend(txn, tree, a, b)
               : how == 2 ? copse_tree_insert_before(txn, tree, a, b)
                          : copse_tree_insert_after(txn, tree, a, b);
  int above = how < 2 ? other : r->items[other].parent;
  if (item == other || (above >= 0 && is_at_or_above(r, item, above))) {
    CHECK_EQ(result, COPSE_E_CYCLE);
    state->refused[0]++;
  } else if (above < 0) {
    CHECK_EQ(result, COPSE_E_ROOT);
    state->refused[1]++;
  } else {
    CHECK_OK(result);
    take_out(r, item);
    put_in(r, item, above,
           how == 0   ? r->items[other].count
           : how == 1 ? 0
                      : place_of(r, other) + (how == 3));
  }
}

static void remove_one(struct copse_txn *txn) {
  struct reference *r = &state->now;
  int item = any(r);
  if (item < 0)
    return;
  struct item *it = &r->items[item];
  CHECK_OK(copse_tree_remove(txn, state->tree, &it->handle));
  int above = it->parent, at = above < 0 ? 0 : place_of(r, item);
  take_out(r, item);
  while (it->count) {
    int child = it->children[it->count - 1];
    take_out(r, child);
    if (above >= 0)
      put_in(r, child, above, at);
  }
  end(r, item);
}

static void remove_all(struct copse_txn *txn) {
  struct reference *r = &state->now;
  int item = any(r);
  uint64_t removed;
  if (item < 0)
    return;
  CHECK_OK(copse_tree_remove_subtree(txn, state->tree, &r->items[item].handle, &removed));
  take_out(r, item);
  CHECK_EQ(removed, (uint64_t)end_all(r, item));
}

/* A handle of a removed node, in every place. */
static void stale_used(struct copse_txn *txn, const struct copse_handle *stale) {
  struct copse_view *view = copse_txn_view(txn);
  struct copse_tree *tree = state->tree;
  struct copse_tree_walk walk;
  struct copse_handle found;
  const void *payload;
  uint64_t value = 0;
  int item = any(&state->now);
  const struct copse_handle *good = item < 0 ? stale : &state->now.items[item].handle;
  CHECK_RESULT(copse_tree_get(view, tree, stale, &payload), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_step(view, tree, stale, COPSE_TREE_NEXT, &found, NULL), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_walk_begin(view, tree, stale, COPSE_TREE_CHILDREN, &walk), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_update(txn, tree, stale, &value, NULL), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_append(txn, tree, stale, good), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_prepend(txn, tree, good, stale), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_insert_before(txn, tree, stale, good), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_insert_after(txn, tree, good, stale), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_detach(txn, tree, stale), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_remove(txn, tree, stale), COPSE_E_STALE);
  CHECK_RESULT(copse_tree_remove_subtree(txn, tree, stale, NULL), COPSE_E_STALE);
  state->refused[2]++;
}

static void operate(struct copse_txn *txn) {
  struct reference *r = &state->now;
  uint64_t kind = below(100);
  if (kind < 25) {
    make(txn);
  } else if (kind < 75) {
    place(txn, state->tree);
  } else if (kind < 80) {
    int item = any(r);
    if (item < 0)
      return;
    CHECK_OK(copse_tree_detach(txn, state->tree, &r->items[item].handle));
    take_out(r, item);
  } else if (kind < 88) {
    int item = any(r);
    if (item < 0)
      return;
    r->items[item].value = ++state->next_value;
    CHECK_OK(
        copse_tree_update(txn, state->tree, &r->items[item].handle, &r->items[item].value, NULL));
  } else if (kind < 94) {
    remove_one(txn);
  } else if (kind < 96) {
    remove_all(txn);
  } else if (state->ended_count && kind < 98) {
    stale_used(txn, &state->ended[below(state->ended_count)]);
  } else if (state->old_count) {
    stale_used(txn, &state->old[below(state->old_count)]);
  }
}

static void transaction(void) {
  struct copse_txn *txn;
  CHECK_OK(copse_txn_begin(state->store, -1, &txn));
  state->ended_count = 0;
  uint64_t n = 1 + below(30), save = below(3) ? n : below(n), end = below(2) ? n : n - 1;
  for (uint64_t i = 0; i < n; i++) {
    if (i == save) {
      CHECK_OK(copse_savepoint(txn));
      state->saved = state->now;
      state->ended_saved = state->ended_count;
    }
    operate(txn);
    if (i == end && save < i) {
      CHECK_OK(copse_savepoint_rollback(txn));
      state->now = state->saved;
      state->ended_count = state->ended_saved;
    }
  }
  tree_is(&state->now, copse_txn_view(txn));
  if (test_random_one_in(&state->random, 6)) {
    copse_txn_abort(txn);
    state->now = state->base;
    return;
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  state->base = state->now;
  for (unsigned i = 0; i < state->ended_count; i++) {
    unsigned at = state->old_count < OLD ? state->old_count++ : (unsigned)below(OLD);
    state->old[at] = state->ended[i];
  }
}

static void snapshots_look(void) {
  struct held *held = &state->held[below(HELD)];
  if (!held->snapshot) {
    CHECK_OK(copse_snapshot_open(state->store, 0, &held->snapshot));
    held->reference = state->base;
    return;
  }
  tree_is(&held->reference, copse_snapshot_view(held->snapshot));
  if (below(3) == 0) {
    copse_snapshot_close(held->snapshot);
    held->snapshot = NULL;
  }
}

TEST(random_operations_agree_with_arrays_of_children) {
  struct copse_tree_options options = {.payload_size = 8};
  struct copse_check check;
  state = calloc(1, sizeof *state);
  CHECK(state);
  state->random.state = test_seed();
  CHECK_OK(copse_store_open(NULL, NULL, &state->store));
  CHECK_OK(copse_tree_ensure(state->store, "t", &options, -1, &state->tree));
  for (int i = 0; i < 12000 * test_scale(); i++) {
    transaction();
    snapshots_look();
  }
  for (int i = 0; i < 3; i++)
    CHECK_GT(state->refused[i], 0);
  for (int i = 0; i < HELD; i++)
    copse_snapshot_close(state->held[i].snapshot);
  CHECK_OK(copse_check_store(state->store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  copse_tree_close(state->tree);
  CHECK_OK(copse_store_close(state->store));
  free(state);
}
