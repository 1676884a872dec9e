/* tree/move.c - records are put again as they are, so that their pages come to lie where the pager puts
 * them now: out of segments that are to be emptied (pager->sparse).
 *
 * Leaf after leaf: one of its records is put again if the leaf lies in such a segment, or a node above it, and
 * so is each record whose value does. Copy-on-write moves the whole path. A part at a time: a tree_move remembers the
 * key up to which all was seen, and goes on behind it in a later transaction. */
#include "tree/tree.h"

#include <string.h>

#define LOOK_MOST 20000u /* records looked at in a part */

struct mover {
  struct pager *pager;
  struct tree *tree;
  struct tree_move *move;
  struct tree_cursor cursor;
};

static uint64_t place_of(const struct mover *mover, const void *what) {
  return (uint64_t)((const uint8_t *)what - mover->pager->view.base);
}

static int is_sparse(const struct mover *mover, const void *what, uint64_t size) {
  uint64_t at = place_of(mover, what);
  return pager_is_sparse(mover->pager, at) || pager_is_sparse(mover->pager, at + size - 1);
}

static int path_is_sparse(const struct mover *mover) {
  for (unsigned i = 0; i < mover->cursor.depth; i++) {
    const struct node *node = mover->cursor.levels[i].node;
    if (is_sparse(mover, node, node_size(node)))
      return 1;
  }
  return 0;
}

static int value_is_inside(const struct mover *mover, const struct tree_value *value) {
  const struct node *leaf = mover->cursor.levels[0].node;
  uint64_t at = place_of(mover, value->data), leaf_at = place_of(mover, leaf);
  return at >= leaf_at && at < leaf_at + node_size(leaf);
}

static int cursor_place(struct mover *mover) {
  const struct tree_move *move = mover->move;
  cursor_init(&mover->cursor, &mover->pager->view, mover->tree);
  return move->begun ? cursor_seek(&mover->cursor, move->key, move->key_size, 1)
                     : cursor_first(&mover->cursor);
}

static void key_note(struct tree_move *move, const struct tree_key *key) {
  memcpy(move->key, key->data, key->size);
  move->key_size = key->size;
  move->begun = 1;
}

/* Puts the record that the cursor stands on again, and stands on the next one. */
static int record_move(struct mover *mover, const struct tree_key *key, struct tree_value value) {
  struct tree_move *move = mover->move;
  uint64_t taken = mover->pager->taken_units;
  uint8_t *place;
  key_note(move, key);
  if (value.size == 0 || value_is_inside(mover, &value)) { /* the leaf may be changed in place */
    if (value.size)
      memcpy(move->value, value.data, value.size);
    value.data = move->value;
  }
  int result = tree_put(mover->pager, mover->tree, move->key, move->key_size, &value, 0, &place);
  if (result)
    return result;
  move->moved_units += mover->pager->taken_units - taken;
  return cursor_place(mover);
}

static int record_look(struct mover *mover) {
  const struct tree_level *at = &mover->cursor.levels[0];
  int last = at->index + 1u == at->node->count;
  struct tree_key key;
  struct tree_value value;
  int result = cursor_record(&mover->cursor, &key, &value);
  if (result)
    return result;
  int moves =
      value.size && !value_is_inside(mover, &value) && is_sparse(mover, value.data, value.size);
  if (moves || (last && path_is_sparse(mover)))
    return record_move(mover, &key, value);
  if (last)
    key_note(mover->move, &key);
  return cursor_next(&mover->cursor);
}

int tree_move(struct pager *pager, struct tree *tree, struct tree_move *move, uint64_t budget) {
  struct mover mover = {.pager = pager, .tree = tree, .move = move};
  uint64_t end = move->moved_units + budget / FORMAT_UNIT;
  tree->tail = NULL;
  int result = cursor_place(&mover);
  for (unsigned looked = 0; result == 0 && move->moved_units < end; looked++) {
    if (looked >= LOOK_MOST && move->begun)
      break;
    result = record_look(&mover);
  }
  return result;
}
