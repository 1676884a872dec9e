/* support/test.c - main() of every test program, and what is behind the checks.
 *
 * A failing check leaves the test by longjmp when it is in the program's main thread. A
 * helper thread marks the test as failed and ends itself; a forked child exits with 1. */
#include "test.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct test *first_test, **last_test = &first_test;

static struct {
  const char *program, *filter;
  uint64_t seed;
  int scale;
  double seconds; /* < 0: not given */
  bool list;
} options = {.seconds = -1};

static pid_t main_pid;
static pthread_t main_thread;
static jmp_buf leave;
static atomic_bool failed, skipped;
static int passed_count, failed_count, skipped_count;

void test_register(struct test *test) {
  *last_test = test;
  last_test = &test->next;
}

int test_scale(void) { return options.scale; }

double test_seconds(double check_seconds) {
  return options.seconds >= 0 ? options.seconds : check_seconds * options.scale;
}

uint64_t test_seed(void) { return options.seed; }

void test_watchdog(void) {
  const char *limit = getenv("COPSE_TEST_TIMEOUT");
  alarm(limit ? (unsigned)atoi(limit) : 100u * (unsigned)options.scale);
}

pid_t test_fork(void) {
  fflush(NULL);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
      _exit(1);
  }
  return pid;
}

bool test_is_emulated(void) {
  volatile char *page =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  int status, asked = madvise((void *)(uintptr_t)page, 4096, MADV_WIPEONFORK);
  *page = 1;
  pid_t pid = test_fork();
  if (pid == 0)
    _exit(*page ? 8 : 7);
  CHECK_SYS(waitpid(pid, &status, 0));
  munmap((void *)(uintptr_t)page, 4096);
  return asked < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 7;
}

/* --- how a test ends before its end ---------------------------------------------------- */

COPSE_PRINTF(3, 0)
static void print_place(const char *file, int line, const char *format, va_list args) {
  char text[2048];
  vsnprintf(text, sizeof text, format, args);
  if (getpid() == main_pid)
    printf("     %s:%d: %s\n", file, line, text);
  else
    printf("     %s:%d: in child %d: %s\n", file, line, (int)getpid(), text);
  fflush(stdout);
}

_Noreturn static void end_test(void) {
#ifdef COPSE_FUZZING
  abort(); /* what libFuzzer takes for a finding */
#endif
  if (getpid() != main_pid)
    _exit(1);
  if (pthread_equal(pthread_self(), main_thread))
    longjmp(leave, 1);
  pthread_exit(NULL);
}

void test_note(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  print_place(file, line, format, args);
  va_end(args);
}

_Noreturn void test_fail(const char *file, int line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  print_place(file, line, format, args);
  va_end(args);
  atomic_store(&failed, true);
  end_test();
}

_Noreturn void test_fail_errno(const char *file, int line, const char *call) {
  test_fail(file, line, "%s: %s", call, strerror(errno));
}

_Noreturn void test_skip(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char text[512];
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  printf("     skipped: %s\n", text);
  atomic_store(&skipped, true);
  end_test();
}

/* --- checks ---------------------------------------------------------------------------- */

static const char *format_value(struct test_value value, char *text, size_t size) {
  switch (value.kind) {
  case TEST_SIGNED: snprintf(text, size, "%" PRId64, value.i); break;
  case TEST_UNSIGNED:
    snprintf(text, size, value.u > 4096 ? "%" PRIu64 " (0x%" PRIx64 ")" : "%" PRIu64, value.u,
             value.u);
    break;
  case TEST_DOUBLE: snprintf(text, size, "%.17g", value.d); break;
  case TEST_POINTER: snprintf(text, size, "%p", (const void *)(uintptr_t)value.p); break;
  }
  return text;
}

static double as_double(struct test_value value) {
  switch (value.kind) {
  case TEST_SIGNED: return (double)value.i;
  case TEST_UNSIGNED: return (double)value.u;
  default: return value.d;
  }
}

/* -1, 0, 1, or 2 when they can't be compared (a NaN). */
static int compare(struct test_value a, struct test_value b) {
  if (a.kind == TEST_DOUBLE || b.kind == TEST_DOUBLE) {
    double x = as_double(a), y = as_double(b);
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
  }
  bool a_negative = a.kind == TEST_SIGNED && a.i < 0;
  bool b_negative = b.kind == TEST_SIGNED && b.i < 0;
  if (a_negative != b_negative)
    return a_negative ? -1 : 1;
  uint64_t x = a.kind == TEST_POINTER ? (uintptr_t)a.p : a.u;
  uint64_t y = b.kind == TEST_POINTER ? (uintptr_t)b.p : b.u;
  return x < y ? -1 : x > y; /* two negative numbers are ordered as their bits are */
}

static bool holds(enum test_operator op, int order) {
  switch (op) {
  case TEST_EQ: return order == 0;
  case TEST_NE: return order != 0;
  case TEST_LT: return order == -1;
  case TEST_LE: return order == -1 || order == 0;
  case TEST_GT: return order == 1;
  case TEST_GE: return order == 1 || order == 0;
  }
  return false;
}

void test_check_values(const char *file, int line, enum test_operator op, const char *a_text,
                       struct test_value a, const char *b_text, struct test_value b) {
  static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
  if (holds(op, compare(a, b)))
    return;
  char left[64], right[64];
  test_fail(file, line, "%s %s %s: left is %s, right is %s", a_text, signs[op], b_text,
            format_value(a, left, sizeof left), format_value(b, right, sizeof right));
}

void test_check_strings(const char *file, int line, const char *a_text, const char *a,
                        const char *b_text, const char *b) {
  if (a == b || (a && b && strcmp(a, b) == 0))
    return;
  test_fail(file, line, "%s equals %s: left is \"%s\", right is \"%s\"", a_text, b_text,
            a ? a : "(null)", b ? b : "(null)");
}

static const char *format_bytes(const void *data, size_t size, char *text, size_t text_size) {
  const unsigned char *bytes = data;
  size_t used = (size_t)snprintf(text, text_size, "%zu bytes", size);
  for (size_t i = 0; i < size && used + 8 < text_size; i++)
    used += (size_t)snprintf(text + used, text_size - used, "%s%02x", i ? " " : ": ", bytes[i]);
  return text;
}

void test_check_bytes(const char *file, int line, const char *a_text, const void *a, size_t a_size,
                      const char *b_text, const void *b, size_t b_size) {
  if (a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0))
    return;
  size_t same = 0;
  while (same < a_size && same < b_size &&
         ((const unsigned char *)a)[same] == ((const unsigned char *)b)[same])
    same++;
  char left[400], right[400];
  test_fail(file, line, "%s equals %s: they differ at byte %zu; left is %s, right is %s", a_text,
            b_text, same, format_bytes(a, a_size, left, sizeof left),
            format_bytes(b, b_size, right, sizeof right));
}

static const char *code_name(int code) {
  return code == 0 ? "0" : code == COPSE_NONE ? "COPSE_NONE" : copse_error_name(code);
}

void test_check_result(const char *file, int line, const char *call, int result, int expected) {
  if (result == expected)
    return;
  test_fail(file, line, "%s: returned %s (%d), not %s; detail: \"%s\"", call, code_name(result),
            result, code_name(expected), copse_error_detail());
}

void test_check_child(const char *file, int line, pid_t pid, int signal) {
  int status;
  pid_t waited;
  if (pid < 0)
    test_fail(file, line, "there is no child: fork failed");
  do
    waited = waitpid(pid, &status, 0);
  while (waited < 0 && errno == EINTR);
  if (waited != pid)
    test_fail(file, line, "waiting for child %d: %s", (int)pid, strerror(errno));
  if (WIFSIGNALED(status) && WTERMSIG(status) != signal)
    test_fail(file, line, "child %d died of signal %d (%s)", (int)pid, WTERMSIG(status),
              strsignal(WTERMSIG(status)));
  if (WIFEXITED(status) && (signal || WEXITSTATUS(status)))
    test_fail(file, line, "child %d exited with %d", (int)pid, WEXITSTATUS(status));
}

#ifndef COPSE_FUZZING /* there main() is libFuzzer's */
/* --- the run --------------------------------------------------------------------------- */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run_test(const struct test *test) {
  double start = now();
  atomic_store(&failed, false);
  atomic_store(&skipped, false);
  printf("---- %s\n", test->name);
  if (!setjmp(leave))
    test->body();
  if (getpid() != main_pid)
    _exit(atomic_load(&failed) ? 1 : 0);
  test_paths_remove();
  double seconds = now() - start;
  if (atomic_load(&failed)) {
    failed_count++;
    printf("FAIL %s (%.3f s; replay: %s --seed %" PRIu64 " --scale %d --filter %s)\n", test->name,
           seconds, options.program, options.seed, options.scale, test->name);
  } else if (atomic_load(&skipped)) {
    skipped_count++;
    printf("skip %s\n", test->name);
  } else {
    passed_count++;
    printf("ok   %s (%.3f s)\n", test->name, seconds);
  }
}

_Noreturn static void usage(FILE *out, int status) {
  fprintf(out, "usage: %s [--list] [--filter TEXT] [--seed N] [--scale N] [--seconds N]\n",
          options.program);
  exit(status);
}

static double number(const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || value < 0)
    usage(stderr, 2);
  return value;
}

static void read_environment(void) {
  const char *tier = getenv("COPSE_TEST_TIER");
  options.scale = !tier || !strcmp(tier, "check") ? 1 : !strcmp(tier, "test") ? 8 : 40;
  const char *seed = getenv("COPSE_TEST_SEED");
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  options.seed = seed && *seed ? strtoull(seed, NULL, 0)
                               : (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void read_arguments(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *option = argv[i];
    if (!strcmp(option, "--list")) {
      options.list = true;
      continue;
    }
    if (!strcmp(option, "--help"))
      usage(stdout, 0);
    const char *value = i + 1 < argc ? argv[++i] : NULL;
    if (!value)
      usage(stderr, 2);
    if (!strcmp(option, "--filter"))
      options.filter = value;
    else if (!strcmp(option, "--seed"))
      options.seed = strtoull(value, NULL, 0);
    else if (!strcmp(option, "--scale"))
      options.scale = (int)number(value);
    else if (!strcmp(option, "--seconds"))
      options.seconds = number(value);
    else
      usage(stderr, 2);
  }
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  options.program = argv[0];
  main_pid = getpid();
  main_thread = pthread_self();
  read_environment();
  read_arguments(argc, argv);
  if (!options.list)
    printf("seed %" PRIu64 ", scale %d\n", options.seed, options.scale);
  for (const struct test *test = first_test; test; test = test->next) {
    if (options.filter && !strstr(test->name, options.filter))
      continue;
    if (options.list)
      printf("%s\n", test->name);
    else
      run_test(test);
  }
  if (options.list)
    return 0;
  printf("%d passed, %d failed", passed_count, failed_count);
  printf(skipped_count ? ", %d skipped\n" : "\n", skipped_count);
  return failed_count ? 1 : 0;
}
#endif
