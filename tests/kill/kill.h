/* kill/kill.h - what the kill tests share: a board in memory that outlives the dead, children
 * that die at a point, and what must be true of a store after any death. */
#ifndef KILL_KILL_H
#define KILL_KILL_H

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../multi/ledger.h"
#include "base/points.h"

/* Memory shared with all children of the test. */
struct board {
  struct ledger_head intended; /* what the writer is about to commit; version 0: nothing yet */
  struct ledger_head acked;    /* what it was told is committed */
  _Atomic uint64_t reached[POINT_COUNT];
  _Atomic uint64_t inside; /* who is between begin and commit */
  _Atomic uint64_t commits, snapshots, samples;
};

struct board *board_new(void);

/* In a child: count the points reached, or die the nth time that one is reached. */
void points_count(struct board *board);
void points_die(enum point point, uint64_t nth);

/* One change under the eyes of the board. An error of the store ends the test. */
void board_change(struct board *board, struct ledger *ledger);

/* After the death of who wrote: opens the store anew, and checks that the state is the one
 * committed last (by the board, unless NULL), that the books are in order, and that writing
 * goes on. */
void store_survives(const char *path, const struct copse_store_options *options,
                    const struct board *board);

/* Ends a child at once. */
void child_end(pid_t pid);

/* fork() in a new PID namespace. *pid is who to kill, the result who to wait for. 0 in the
 * child; -1 where it is not permitted. */
pid_t fork_in_namespace(pid_t *pid);

#endif
