/* cli/work.h - long work: being interrupted, and showing how far it is.
 *
 * The first SIGINT, SIGTERM or SIGHUP only sets a flag and ends a wait inside the library;
 * the command then stops at a place where it can say what has been done. A second one kills
 * the process, which a store survives as it survives any death. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include <copse/follow.h>

void work_handle_signals(void);
bool work_interrupted(void);
/* A watch that such a signal cancels, until it is NULL: in a busy store it may never sleep, and
 * then there is no wait for the signal to end. */
void work_cancels(struct copse_watch *watch);

/* Seconds on a clock that never goes back. */
double work_seconds(void);

/* Shows "what: done of all unit", on a terminal only and some times a second; all 0: not
 * known. Cheap enough to be called for each record. */
void progress_show(const char *what, const char *unit, uint64_t done, uint64_t all);
/* Takes the line away; any message does so itself. */
void progress_clear(void);

#endif
