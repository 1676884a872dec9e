/* base/error.h - the thread's detail message behind copse_error_detail(). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "copse/error.h"

/* error_set(code, format, ...) sets the calling thread's detail message and gives code. Each
 * layer that finds a fault calls it once, where the cause is known; callers pass the code on
 * unchanged. A macro, so that the compiler sees that a constant code is not 0. */
#define error_set(code, ...) (error_detail_set(__VA_ARGS__), (code))
void error_detail_set(const char *format, ...) COPSE_PRINTF(1, 2);

/* error_errno(code, errnum, format, ...): the same, with ": " and the text of errno appended. */
#define error_errno(code, errnum, ...) (error_detail_errno((errnum), __VA_ARGS__), (code))
void error_detail_errno(int errnum, const char *format, ...) COPSE_PRINTF(2, 3);

/* Maps an errno value of a file operation to the code that names its cause. */
int error_from_errno(int errnum);

#endif
