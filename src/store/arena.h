/* store/arena.h - inside the store: changing arenas, and reservations. */
#ifndef STORE_ARENA_H
#define STORE_ARENA_H

#include "store/store.h"

/* An arena while a call changes it. */
struct arena_change {
  struct copse_txn *txn;
  struct txn_map *own;
  struct arena arena;
};
int arena_change_begin(struct arena_change *change, struct copse_txn *txn,
                       struct copse_arena *arena);
/* Takes over what has become of it, of a call that failed as well. */
int arena_change_end(struct arena_change *change, int result);
/* Of a call that goes in steps, after a savepoint: undoes what it has done, if it fails. */
int arena_steps_end(struct copse_txn *txn, int result);

/* Empties an arena, whose indexes and generations begin anew: for one of whose records nobody has handles. */
int arena_clear(struct copse_txn *txn, struct copse_arena *arena);

#endif
