/* kill/blocks.c - the content of the stores is the one of the stress tests. */
#include "../multi/blocks.c"
