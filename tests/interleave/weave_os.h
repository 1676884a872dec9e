/* weave_os.h - the model of the system, for scenarios. */
#ifndef INTERLEAVE_WEAVE_OS_H
#define INTERLEAVE_WEAVE_OS_H

#include <stdbool.h>
#include <stdint.h>

/* In begin(): what is opened from here on belongs to that actor, and goes with it. */
void os_model_owner(int actor);
/* The kernel's part of a death: the actor's descriptions are closed, their locks given back. */
void os_model_died(int actor);
/* Whether somebody holds a client's byte. */
bool os_model_lives(uint32_t client);

#endif
