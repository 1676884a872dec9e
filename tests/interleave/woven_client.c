/* The real sync/client.c, driven by the explorer. Each actor is a process of its own: none has to wait
 * for another's fork lock. */
#include "woven.h"

#include <pthread.h>

#define pthread_mutex_lock(mutex) ((void)(mutex))
#define pthread_mutex_unlock(mutex) ((void)(mutex))
#include "sync/client.c"
