/* The real sync/lock.c, driven by the explorer. */
#include "woven.h"

#include "sync/lock.c"
