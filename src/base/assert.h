/* base/assert.h - assertions for our own bugs; they stay on in release builds. What is read
 * from shared memory or a file is never asserted: it yields COPSE_E_CORRUPT. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

_Noreturn void base_assert_failed(const char *condition, const char *file, int line);

#define BASE_ASSERT(condition)                                                                     \
  (__builtin_expect(!!(condition), 1) ? (void)0                                                    \
                                      : base_assert_failed(#condition, __FILE__, __LINE__))

#endif
