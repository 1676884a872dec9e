/* The real sync/leases.c, driven by the explorer: with two words in a chunk, which show all that more
 * would. */
#include "woven.h"

#include "sync/format.h"

#undef LEASE_WORDS
#define LEASE_WORDS 2u
#include "sync/leases.c"
