/* kill/pages.c - the content of the stores is the one of the stress tests. */
#include "../multi/pages.c"
