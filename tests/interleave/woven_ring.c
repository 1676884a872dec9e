/* The real sync/ring.c, driven by the explorer. */
#include "woven.h"

#include "sync/ring.c"
