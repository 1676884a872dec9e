/* The real sync/slots.c, driven by the explorer. */
#include "woven.h"

#include "sync/slots.c"
