/* cli/status.c - see status.h. */
#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "work.h"
#include <copse/error.h>

const char *status_command;

int status_of(int result) {
  switch (result) {
  case COPSE_OK: return STATUS_OK;
  case COPSE_NONE:
  case COPSE_E_KEY_EXISTS:
  case COPSE_E_CONFLICT: return STATUS_NOTHING;
  case COPSE_E_ARGUMENT:
  case COPSE_E_KEY_SIZE:
  case COPSE_E_VALUE_SIZE: return STATUS_USAGE;
  case COPSE_E_TIMEOUT: return STATUS_TIMEOUT;
  case COPSE_E_INTERRUPTED: return STATUS_INTERRUPTED;
  default: return STATUS_STORE;
  }
}

/* Replaces what could play tricks on a terminal: what a message quotes comes from anywhere. */
static void make_harmless(char *line) {
  size_t left = strlen(line);

  while (left != 0) {
    uint32_t code = 0;
    size_t length = utf8_sequence(line, left, &code);
    if (length == 0 || !utf8_harmless(code)) {
      length = length != 0 ? length : 1;
      memset(line, '?', length);
    }
    line += length;
    left -= length;
  }
}

/* One line on standard error; a progress line gives way to it. No memory is asked for, since
 * that there is none may be the message. */
static void __attribute__((format(printf, 1, 0)))
say(const char *message, va_list arguments, const char *end) {
  char line[2048];
  int length = vsnprintf(line, sizeof line, message, arguments);

  if (length >= 0 && (size_t)length < sizeof line)
    snprintf(line + length, sizeof line - (size_t)length, "%s", end);
  make_harmless(line);
  progress_clear();
  fputs("copse: ", stderr);
  if (status_command != NULL)
    fprintf(stderr, "%s: ", status_command);
  fprintf(stderr, "%s\n", line);
}

int fail(int result, const char *what, ...) {
  char end[1024];
  const char *detail = copse_error_detail();
  va_list arguments;

  if (result == COPSE_E_INTERRUPTED)
    return fail_with(STATUS_INTERRUPTED, "interrupted");
  snprintf(end, sizeof end, ": %s%s%s", copse_strerror(result),
           result < 0 && *detail != 0 ? ": " : "", result < 0 ? detail : "");
  va_start(arguments, what);
  say(what, arguments, end);
  va_end(arguments);
  return status_of(result);
}

int fail_system(const char *what, ...) {
  char end[256];
  va_list arguments;

  snprintf(end, sizeof end, ": %s", strerror(errno));
  va_start(arguments, what);
  say(what, arguments, end);
  va_end(arguments);
  return STATUS_STORE;
}

int fail_with(int status, const char *message, ...) {
  va_list arguments;

  va_start(arguments, message);
  say(message, arguments, "");
  va_end(arguments);
  return status;
}

int fail_usage(const char *message, ...) {
  char end[64] = "; see 'copse --help'";
  va_list arguments;

  if (status_command != NULL)
    snprintf(end, sizeof end, "; see 'copse %s --help'", status_command);
  va_start(arguments, message);
  say(message, arguments, end);
  va_end(arguments);
  return STATUS_USAGE;
}

void note(const char *message, ...) {
  va_list arguments;

  va_start(arguments, message);
  say(message, arguments, "");
  va_end(arguments);
}

_Bool problem(struct problem *p, const char *format, ...) {
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(p->text, sizeof p->text, format, arguments);
  va_end(arguments);
  return 0;
}

/* --- standard output ----------------------------------------------------------------- */

static int output_error; /* errno of the first write that failed, 0 if none did */

void output(const void *data, size_t size) {
  if (output_error == 0 && size != 0 && fwrite(data, 1, size, stdout) != size)
    output_error = errno;
}

_Bool output_failed(void) { return output_error != 0; }

void output_flush(void) {
  if (output_error == 0 && fflush(stdout) != 0)
    output_error = errno;
}

int output_finish(int status) {
  output_flush();
  if (output_error == 0)
    return status;
  if (output_error == EPIPE)
    return STATUS_PIPE;
  errno = output_error;
  return fail_system("standard output");
}
