/* cli/command_combine.c - copse combine: a process that only applies the batches that others leave. */
#include <inttypes.h>
#include <time.h>

#include "commands.h"
#include "json.h"
#include "session.h"
#include "text.h"
#include "work.h"

#define BUDGET_NS UINT64_C(100000000) /* in one go: an interruption waits for it */
#define PAUSE_NS 1000000              /* when nothing is left */

static bool once;

static const struct option combine_options[] = {
    {"once", '1', NULL, "apply what is left now, and end", .flag = &once},
    {0},
};

static void print_applied(uint64_t applied) {
  struct text out = {0};
  struct json_writer w = {.out = &out};

  if (common.json) {
    json_object(&w, NULL);
    json_u64(&w, "batches", applied);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet) {
    text_printf(&out, "%" PRIu64 " batches applied\n", applied);
  }
  text_output(&out);
  text_free(&out);
}

static int run_combine(char **operands, size_t count) {
  const struct timespec pause = {0, PAUSE_NS};
  struct session s;
  uint64_t applied = 0, all = 0;
  int result = COPSE_OK, status = session_open(&s, operands[0], ACCESS_WRITE);

  (void)count;
  if (status == STATUS_OK && !once && !common.quiet)
    note("%s: applying batches from now on", s.path);
  while (status == STATUS_OK && !work_interrupted()) {
    result = copse_combine(s.store, lock_wait_ns, once ? UINT64_MAX : BUDGET_NS, &applied);
    if (result == COPSE_E_INTERRUPTED && !work_interrupted())
      continue; /* stopped and continued */
    if (result == COPSE_E_INTERRUPTED)
      break;
    if (result != COPSE_OK)
      status = fail(result, "%s", s.path);
    all += applied;
    if (once)
      break;
    if (applied == 0)
      nanosleep(&pause, NULL);
  }
  if (status == STATUS_OK) {
    print_applied(all);
    status = once || !work_interrupted() ? STATUS_OK : STATUS_INTERRUPTED;
  }
  return session_close(&s, status);
}

const struct command command_combine = {
    .name = "combine",
    .operands = "STORE",
    .summary = "Apply the batches that other processes leave",
    .text = "Goes on until it is interrupted. Programs that write in batches apply those of\n"
            "others when they find some; with this process beside them they seldom have to.\n",
    .examples = "  copse combine /dev/shm/market &\n"
                "  copse combine --once data.copse\n",
    .groups = {combine_options, lock_options, json_options, quiet_options, common_options},
    .run = run_combine,
};
