/* actor_roles.h - between actor.c, which starts actors, and actor_roles.c, which are they. */
#ifndef BENCH_ACTOR_ROLES_H
#define BENCH_ACTOR_ROLES_H

#include "actor.h"

struct actor_call {
  struct stage *stage;
  struct actor *actor;
  void *db;            /* of the thread's process; NULL: open the store */
  int ready_fd, go_fd; /* the actor closes them when it is done */
};

void actor_perform(const struct actor_call *call);

#endif
