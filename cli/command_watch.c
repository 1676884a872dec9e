/* cli/command_watch.c - watch: changed keys as they come. */
#include <inttypes.h>

#include "changes.h"
#include "commands.h"
#include "rows.h"
#include "work.h"

static struct {
  uint64_t count;
  int64_t wait_ns;
  bool keys_only, all;
} watch_given = {.count = UINT64_MAX, .wait_ns = -1};

static const struct option watch_options[] = {
    {"count", 'n', "N", "end after so many changes", .number = &watch_given.count},
    {"timeout", 't', "SECONDS", "end when so long nothing changed; exit code 4",
     .wait_ns = &watch_given.wait_ns},
    {"initial", 0, NULL, "first the records that are there, as added", .flag = &watch_given.all},
    {"keys-only", 0, NULL, "no values", .flag = &watch_given.keys_only},
    {0},
};

struct watch_run {
  struct session session;
  struct open_map map;
  struct key_range range;
  struct copse_watch *watch;
  struct change_context context;
  struct text out;
  uint64_t shown;
};

static bool enough(const struct watch_run *run) {
  return run->shown >= watch_given.count || output_failed();
}

static void show(struct watch_run *run, const struct copse_change *change) {
  change_show(&run->out, &run->context, change);
  text_output(&run->out);
  run->shown++;
}

/* The watch reports what comes after the version that the store has when it is opened. A
 * snapshot from just before would miss what lies between: so the records are those of a
 * snapshot taken after, and the first event may repeat some of them. */
static int show_initial(struct watch_run *run) {
  struct copse_change change = {.kind = COPSE_ADDED};
  struct copse_snapshot *snapshot;
  struct rows rows;
  struct row row;
  int status, result = copse_snapshot_open(run->session.store, 0, &snapshot);

  if (result != COPSE_OK)
    return fail(result, "%s", run->session.path);
  run->context.version = copse_snapshot_version(snapshot);
  status = rows_open(&rows, copse_snapshot_view(snapshot), &run->map, &run->range.range);
  while (status == STATUS_OK && !enough(run) && !work_interrupted() &&
         (result = rows_next(&rows, &row)) == COPSE_OK) {
    change.key = row.key;
    change.after = row.value;
    show(run, &change);
  }
  rows_close(&rows);
  copse_snapshot_close(snapshot);
  output_flush();
  return result >= 0 ? status : fail(result, "map %s", run->map.info.name);
}

static int follow(struct watch_run *run) {
  struct copse_watch_event event;
  struct copse_change change;
  int result = COPSE_OK;

  while (result >= 0 && !enough(run) && !work_interrupted()) {
    result = copse_watch_next(run->watch, watch_given.wait_ns, &event);
    if (result == COPSE_E_INTERRUPTED && !work_interrupted())
      result = COPSE_NONE; /* stopped and continued: go on waiting */
    if (result != COPSE_OK)
      continue;
    run->context.version = event.version;
    while (!enough(run) && !work_interrupted() &&
           (result = copse_watch_change(run->watch, &change)) == COPSE_OK)
      show(run, &change);
    output_flush();
  }
  if (result == COPSE_E_TIMEOUT)
    return STATUS_TIMEOUT; /* that is how the caller wanted it to end */
  if (result == COPSE_E_INTERRUPTED || work_interrupted())
    return STATUS_INTERRUPTED;
  return result >= 0 ? STATUS_OK : fail(result, "map %s", run->map.info.name);
}

static int run_watch(char **operands, size_t count) {
  struct watch_run run = {.context = {.keys_only = watch_given.keys_only}};
  int result, status = session_open(&run.session, operands[0], ACCESS_READ);

  (void)count;
  if (status == STATUS_OK)
    status = session_snapshot(&run.session);
  if (status == STATUS_OK)
    status = map_open(&run.session, operands[1], &run.map);
  if (status == STATUS_OK)
    status = key_range_given(&run.range, &run.map.shape);
  if (status == STATUS_OK) {
    run.context.before = run.context.after = &run.map.shape;
    result = copse_watch_open(run.session.store, run.map.map, &run.range.range, &run.watch);
    if (result != COPSE_OK)
      status = fail(result, "map %s", operands[1]);
  }
  if (status == STATUS_OK) {
    work_cancels(run.watch);
    /* The session's snapshot has done its work, and would hold space from now on. */
    copse_snapshot_close(run.session.snapshot);
    run.session.snapshot = NULL;
    /* Who starts a watch and then what it is to see has to know when it has begun. */
    if (!common.quiet)
      note("map %s: changes from now on", operands[1]);
    if (watch_given.all)
      status = show_initial(&run);
    if (status == STATUS_OK)
      status = follow(&run);
  }
  work_cancels(NULL);
  if (run.watch != NULL)
    copse_watch_close(run.watch);
  key_range_free(&run.range);
  map_close(&run.map);
  text_free(&run.out);
  return session_close(&run.session, status);
}

const struct command command_watch = {
    .name = "watch",
    .operands = "STORE MAP",
    .summary = "Print changed keys as commits come",
    .text = "Lines, with tabs between: VERSION + KEY VALUE for a key that was added, - KEY\n"
            "VALUE removed, ~ KEY BEFORE AFTER changed. Several commits may come together\n"
            "as one version. Nobody who writes waits for a watcher. With --initial the\n"
            "first changes may repeat some of the records shown before.\n",
    .examples =
        "  copse watch /dev/shm/market quotes\n"
        "  copse watch --count 1 --timeout 5 /dev/shm/jobs results --prefix job17/\n"
        "  copse watch --json /dev/shm/market quotes | while read -r change; do ...; done\n",
    .groups = {watch_options, range_options, form_options, json_options, quiet_options,
               common_options},
    .run = run_watch,
};
