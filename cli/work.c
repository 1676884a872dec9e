/* cli/work.c - see work.h. */
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "units.h"

static volatile sig_atomic_t interrupted;
static struct copse_watch *volatile cancelled;

/* A signal that comes just before a wait begins would not end it: so an alarm follows each
 * second, until the command has seen the flag and ended. */
static void on_signal(int signal_number) {
  if (signal_number != SIGALRM)
    interrupted = 1;
  if (interrupted && cancelled)
    copse_watch_cancel(cancelled);
  alarm(1);
}

void work_cancels(struct copse_watch *watch) { cancelled = watch; }

void work_handle_signals(void) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    struct sigaction before;
    /* What was ignored stays ignored (nohup, a background job of a plain shell). */
    if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction(signals[i], &action, NULL);
  }
  action.sa_flags = 0;
  sigaction(SIGALRM, &action, NULL);
  /* A reader that goes away shows as EPIPE: the store is then closed in order. */
  action = (struct sigaction){.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &action, NULL);
}

bool work_interrupted(void) { return interrupted != 0; }

double work_seconds(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- progress ------------------------------------------------------------------------ */

enum { CALLS_PER_LOOK = 256 }; /* calls between two looks at the clock */
static const double seconds_per_line = 0.1;

static struct {
  int terminal; /* 0: not asked yet, 1: yes, -1: no */
  bool shown;
  unsigned calls;
  const char *what;
  double began, last;
} progress;

static bool progress_due(const char *what) {
  double now;

  if (progress.terminal == 0)
    progress.terminal = isatty(STDERR_FILENO) ? 1 : -1;
  if (progress.terminal < 0)
    return false;
  if (progress.what == what && ++progress.calls % CALLS_PER_LOOK != 0)
    return false;
  now = work_seconds();
  if (progress.what != what) {
    progress.what = what;
    progress.began = progress.last = now;
    progress.calls = 0;
    return false;
  }
  if (now - progress.last < seconds_per_line)
    return false;
  progress.last = now;
  return true;
}

void progress_show(const char *what, const char *unit, uint64_t done, uint64_t all) {
  struct text line = {0};
  double seconds;

  if (!progress_due(what))
    return;
  seconds = progress.last - progress.began;
  text_printf(&line, "\r%s: ", what);
  units_count(&line, done);
  text_printf(&line, " %s", unit);
  if (all != 0) {
    int cells = done >= all ? 20 : (int)(20.0 * (double)done / (double)all);
    text_printf(&line, " [%.*s%*s] %d%%", cells, "####################", 20 - cells, "",
                done >= all ? 100 : (int)(100.0 * (double)done / (double)all));
  }
  if (seconds > 0) {
    text_string(&line, ", ");
    units_rate(&line, (double)done / seconds);
  }
  text_string(&line, "\033[K");
  fputs(line.data, stderr);
  fflush(stderr);
  progress.shown = true;
  text_free(&line);
}

void progress_clear(void) {
  if (!progress.shown)
    return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  progress.shown = false;
}
