/* cli/status.h - how a command ends, and how it says why.
 *
 * A function of the tool that can fail returns an exit status: STATUS_OK, or another one
 * after it has said on standard error what was wrong. So each failure is reported once, at
 * the place that knows most about it, and callers only pass the status on. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stddef.h>

enum status {
  STATUS_OK = 0,
  STATUS_NOTHING = 1,       /* nothing there, a condition not met, a difference, faults */
  STATUS_USAGE = 2,         /* the arguments or the input are not valid */
  STATUS_STORE = 3,         /* the store or the system reported an error */
  STATUS_TIMEOUT = 4,       /* the time limit passed */
  STATUS_INTERRUPTED = 130, /* as shells say it: 128 + SIGINT */
  STATUS_PIPE = 141,        /* 128 + SIGPIPE: whoever read the output went away */
};

/* The name of the running command, the first word of every message. */
extern const char *status_command;

/* The status that belongs to a result code of the library. */
int status_of(int result);

/* "copse: COMMAND: WHAT: sentence: detail" for a result code of the library. */
int fail(int result, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* "copse: COMMAND: WHAT: reason" for errno. */
int fail_system(const char *what, ...) __attribute__((format(printf, 1, 2)));
/* "copse: COMMAND: message", with the status as told. */
int fail_with(int status, const char *message, ...) __attribute__((format(printf, 2, 3)));
/* The same for STATUS_USAGE, and points to --help. */
int fail_usage(const char *message, ...) __attribute__((format(printf, 1, 2)));
/* A message that is no failure. */
void note(const char *message, ...) __attribute__((format(printf, 1, 2)));

/* What is wrong with a piece of input. Parsers fill it in, and who called them says where
 * the piece stands. */
struct problem {
  char text[256];
};
/* Always false, so that a parser can end with "return problem(p, ...)". */
_Bool problem(struct problem *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes to standard output; what went wrong is kept for output_finish(). */
void output(const void *data, size_t size);
/* True when standard output cannot be written to any more: time to stop. */
_Bool output_failed(void);
/* Hands on what the process still holds back, so that a pipe's reader sees it now. */
void output_flush(void);
/* Flushes at the end. Returns status, or why the output is not complete; a reader that went
 * away is no error to talk about. */
int output_finish(int status);

#endif
