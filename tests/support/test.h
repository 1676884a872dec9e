/* support/test.h - what every test program uses.
 *
 * A program is a file of TEST()s; main() comes from test.c. A failing check prints where and
 * what, and ends the test: from any depth of calls, in a helper thread (which then ends), and
 * in a forked child (which then exits with 1; see CHECK_CHILD_OK). The last line printed is
 * "N passed, N failed" or "N passed, N failed, N skipped".
 *
 *   prog [--list] [--filter TEXT] [--seed N] [--scale N] [--seconds N]
 *
 * Randomness comes from test_seed() alone, so that a printed seed replays a run. The amount
 * of work is a multiple of test_scale(). */
#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "copse/error.h"
#include "paths.h"
#include "random.h"

#if defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_TSAN 1
#elif __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif
#ifndef TEST_TSAN
#define TEST_TSAN 0 /* 1: built with the thread sanitizer */
#endif
#ifndef TEST_ASAN
#define TEST_ASAN 0 /* 1: built with the address sanitizer */
#endif

/* Defines a test. Tests run in the order in which the file has them. */
#define TEST(name)                                                                                 \
  static void test_body_##name(void);                                                              \
  __attribute__((constructor)) static void test_enter_##name(void) {                               \
    static struct test test = {#name, __FILE__, __LINE__, test_body_##name, NULL};                 \
    test_register(&test);                                                                          \
  }                                                                                                \
  static void test_body_##name(void)

/* --- checks -------------------------------------------------------------------------- */

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      test_fail(__FILE__, __LINE__, "CHECK(%s)", #condition);                                      \
  } while (0)

/* Like CHECK, with a printf message that tells what else is to be known. */
#define CHECK_MSG(condition, ...)                                                                  \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      test_note(__FILE__, __LINE__, __VA_ARGS__);                                                  \
      test_fail(__FILE__, __LINE__, "CHECK(%s)", #condition);                                      \
    }                                                                                              \
  } while (0)

/* Compare two numbers (of any integer types, by value: -1 is not UINT64_MAX) or two pointers. */
#define CHECK_EQ(a, b)                                                                             \
  test_check_values(__FILE__, __LINE__, TEST_EQ, #a, TEST_VALUE(a), #b, TEST_VALUE(b))
#define CHECK_NE(a, b)                                                                             \
  test_check_values(__FILE__, __LINE__, TEST_NE, #a, TEST_VALUE(a), #b, TEST_VALUE(b))
#define CHECK_LT(a, b)                                                                             \
  test_check_values(__FILE__, __LINE__, TEST_LT, #a, TEST_VALUE(a), #b, TEST_VALUE(b))
#define CHECK_LE(a, b)                                                                             \
  test_check_values(__FILE__, __LINE__, TEST_LE, #a, TEST_VALUE(a), #b, TEST_VALUE(b))
#define CHECK_GT(a, b)                                                                             \
  test_check_values(__FILE__, __LINE__, TEST_GT, #a, TEST_VALUE(a), #b, TEST_VALUE(b))
#define CHECK_GE(a, b)                                                                             \
  test_check_values(__FILE__, __LINE__, TEST_GE, #a, TEST_VALUE(a), #b, TEST_VALUE(b))

/* Compare two strings; two byte strings (data and size of each). */
#define CHECK_STR(a, b) test_check_strings(__FILE__, __LINE__, #a, (a), #b, (b))
#define CHECK_BYTES(a, a_size, b, b_size)                                                          \
  test_check_bytes(__FILE__, __LINE__, #a, (a), (a_size), #b, (b), (b_size))

/* A call of the library that must return 0; one that must return a certain code. */
#define CHECK_OK(call) test_check_result(__FILE__, __LINE__, #call, (call), 0)
#define CHECK_RESULT(call, code) test_check_result(__FILE__, __LINE__, #call, (call), (code))

/* A system call that must not return -1; its result is the value. */
#define CHECK_SYS(call)                                                                            \
  ({                                                                                               \
    __auto_type test_result_ = (call);                                                             \
    if (test_result_ == -1)                                                                        \
      test_fail_errno(__FILE__, __LINE__, #call);                                                  \
    test_result_;                                                                                  \
  })

/* Waits for a child that must exit with 0; for one that must die of a signal. */
#define CHECK_CHILD_OK(pid) test_check_child(__FILE__, __LINE__, (pid), 0)
#define CHECK_CHILD_KILLED(pid, signal) test_check_child(__FILE__, __LINE__, (pid), (signal))

/* Ends the test, which counts as skipped. Not for use in children. */
#define SKIP(...) test_skip(__VA_ARGS__)

/* --- the run ------------------------------------------------------------------------- */

/* How much to do: 1 for a check of about a minute in all, 8 for a full test, 40 for a long
 * one; under a sanitizer the same. Multiply iterations with it. */
int test_scale(void);

/* How long a test that runs by time should go on: the argument times test_scale(), or what
 * --seconds says. */
double test_seconds(double check_seconds);

/* The seed of the run: --seed, COPSE_TEST_SEED or the time. */
uint64_t test_seed(void);

/* Ends the program by SIGALRM when something hangs, unless alarm(0) comes first: after the time that
 * the runner gives a program (COPSE_TEST_TIMEOUT), so that slowness is no hang. */
void test_watchdog(void);

/* Whether an emulator of a processor runs the test, as told by a page that it does not wipe in children. */
bool test_is_emulated(void);

/* fork() whose child dies with its parent. A child that returns from the test's body exits
 * with 0. */
pid_t test_fork(void);

/* Prints a line below the test's name. */
void test_note(const char *file, int line, const char *format, ...) COPSE_PRINTF(3, 4);

/* --- behind the macros --------------------------------------------------------------- */

struct test {
  const char *name;
  const char *file;
  int line;
  void (*body)(void);
  struct test *next;
};

void test_register(struct test *test);

_Noreturn void test_fail(const char *file, int line, const char *format, ...) COPSE_PRINTF(3, 4);
_Noreturn void test_fail_errno(const char *file, int line, const char *call);
_Noreturn void test_skip(const char *format, ...) COPSE_PRINTF(1, 2);
void test_check_strings(const char *file, int line, const char *a_text, const char *a,
                        const char *b_text, const char *b);
void test_check_bytes(const char *file, int line, const char *a_text, const void *a, size_t a_size,
                      const char *b_text, const void *b, size_t b_size);
void test_check_result(const char *file, int line, const char *call, int result, int expected);
void test_check_child(const char *file, int line, pid_t pid, int signal);

enum test_operator { TEST_EQ, TEST_NE, TEST_LT, TEST_LE, TEST_GT, TEST_GE };
enum test_kind { TEST_SIGNED, TEST_UNSIGNED, TEST_DOUBLE, TEST_POINTER };

struct test_value {
  enum test_kind kind;
  union {
    int64_t i;
    uint64_t u;
    double d;
    const volatile void *p;
  };
};

void test_check_values(const char *file, int line, enum test_operator op, const char *a_text,
                       struct test_value a, const char *b_text, struct test_value b);

static inline struct test_value test_signed(int64_t i) {
  return (struct test_value){.kind = TEST_SIGNED, .i = i};
}
static inline struct test_value test_unsigned(uint64_t u) {
  return (struct test_value){.kind = TEST_UNSIGNED, .u = u};
}
static inline struct test_value test_double(double d) {
  return (struct test_value){.kind = TEST_DOUBLE, .d = d};
}
static inline struct test_value test_pointer(const volatile void *p) {
  return (struct test_value){.kind = TEST_POINTER, .p = p};
}

#define TEST_VALUE(x)                                                                              \
  _Generic((x), _Bool                                                                              \
           : test_unsigned, char                                                                   \
           : test_signed, signed char                                                              \
           : test_signed, short                                                                    \
           : test_signed, int                                                                      \
           : test_signed, long                                                                     \
           : test_signed, long long                                                                \
           : test_signed, unsigned char                                                            \
           : test_unsigned, unsigned short                                                         \
           : test_unsigned, unsigned                                                               \
           : test_unsigned, unsigned long                                                          \
           : test_unsigned, unsigned long long                                                     \
           : test_unsigned, float                                                                  \
           : test_double, double                                                                   \
           : test_double, default                                                                  \
           : test_pointer)(x)

#endif
