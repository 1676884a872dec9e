/* base/error.h - the thread's detail message behind copse_error_detail(). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "copse/error.h"

/* Sets the calling thread's detail message and returns code. Each layer that finds a fault
 * calls it once, where the cause is known; callers pass the code on unchanged. */
int error_set(int code, const char *format, ...) COPSE_PRINTF(2, 3);

/* The same, with ": " and the text of errno appended. */
int error_errno(int code, int errnum, const char *format, ...) COPSE_PRINTF(3, 4);

/* Maps an errno value of a file operation to the code that names its cause. */
int error_from_errno(int errnum);

#endif
