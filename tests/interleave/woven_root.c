/* The real sync/root.c, driven by the explorer. */
#include "woven.h"

#include "sync/root.c"
