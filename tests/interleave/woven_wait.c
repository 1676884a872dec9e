/* The real sync/wait.c, driven by the explorer. */
#include "woven.h"

#include "sync/wait.c"
