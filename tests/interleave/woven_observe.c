/* The real sync/observe.c, driven by the explorer. Its fence, and the plain stores to pages after it, are
 * releasing stores in the scenario. */
#include "woven.h"

#undef atomic_thread_fence
#define atomic_thread_fence(order) ((void)(order))
#include "sync/observe.c"
