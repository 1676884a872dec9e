/* base/points.c - the hook behind named points, in test builds only. */
#include "base/points.h"

#ifdef COPSE_POINTS
void (*points_hook)(enum point point);

const char *const points_names[POINT_COUNT] = {
#define POINT_NAME(name) #name,
    POINTS(POINT_NAME)
#undef POINT_NAME
};
#endif
