/* cli/command_diff.c - diff: between two stores, or between two versions of one.
 *
 * Two stores have no page in common, so all their records are compared, side by side in key
 * order. Two versions of one share all that did not change, and copse_diff skips that. */
#include <string.h>

#include "changes.h"
#include "commands.h"
#include "rows.h"
#include "work.h"

static struct {
  bool wait, keys_only, brief;
  int64_t wait_ns;
} diff_given = {.wait_ns = -1};

static const struct option diff_options[] = {
    {"wait", 'w', NULL, "compare STORE with itself after its next commit",
     .flag = &diff_given.wait},
    {"timeout", 't', "SECONDS", "with --wait: at most so long; exit code 4",
     .wait_ns = &diff_given.wait_ns},
    {"keys-only", 0, NULL, "no values", .flag = &diff_given.keys_only},
    {"brief", 0, NULL, "print nothing: the exit code tells", .flag = &diff_given.brief},
    {0},
};

struct diff_run {
  struct session before, after;
  struct text out;
  bool differ;
};

/* STATUS_NOTHING ends the comparison early when the answer is known and that is enough. */
static int tell(struct diff_run *run, const struct change_context *context,
                const struct copse_change *change) {
  run->differ = true;
  if (diff_given.brief)
    return STATUS_NOTHING;
  change_show(&run->out, context, change);
  text_output(&run->out);
  if (work_interrupted())
    return fail_with(STATUS_INTERRUPTED, "interrupted");
  return output_failed() ? STATUS_PIPE : STATUS_OK;
}

/* --- two stores ---------------------------------------------------------------------- */

static int compare_bytes(struct copse_bytes a, struct copse_bytes b) {
  size_t size = a.size < b.size ? a.size : b.size;
  int order = size != 0 ? memcmp(a.data, b.data, size) : 0;

  if (order != 0)
    return order;
  return a.size < b.size ? -1 : a.size > b.size;
}

struct side {
  struct rows rows; /* map NULL: it is not there */
  struct row row;
  bool more;
};

static int step(struct side *side, const char *name) {
  int result;

  side->more = false;
  if (side->rows.map == NULL)
    return STATUS_OK;
  result = rows_next(&side->rows, &side->row);
  if (result < 0)
    return fail(result, "map %s", name);
  side->more = result == COPSE_OK;
  return STATUS_OK;
}

static int compare_sides(struct diff_run *run, const struct change_context *context,
                         struct side *before, struct side *after) {
  int status = step(before, context->map);

  if (status == STATUS_OK)
    status = step(after, context->map);
  while (status == STATUS_OK && (before->more || after->more)) {
    const struct row *old = &before->row, *new = &after->row;
    struct copse_change change = {.before = old->value, .after = new->value};
    int order = !before->more ? 1 : !after->more ? -1 : compare_bytes(old->key, new->key);
    change.key = order <= 0 ? old->key : new->key;
    change.kind = order < 0 ? COPSE_REMOVED : order > 0 ? COPSE_ADDED : COPSE_CHANGED;
    if (order != 0 || old->generation != new->generation ||
        compare_bytes(old->value, new->value) != 0)
      status = tell(run, context, &change);
    if (status == STATUS_OK && order <= 0)
      status = step(before, context->map);
    if (status == STATUS_OK && order >= 0)
      status = step(after, context->map);
  }
  return status;
}

static int open_side(struct session *s, struct open_map *map, struct side *side,
                     const struct shape **shape) {
  struct key_range range;
  int status;

  if (map->map == NULL)
    return STATUS_OK;
  *shape = &map->shape;
  status = key_range_given(&range, &map->shape);
  if (status == STATUS_OK)
    status = rows_open(&side->rows, session_view(s), map, &range.range);
  key_range_free(&range);
  return status;
}

/* A map that is in one store only, or is another kind of map there. */
static int tell_of_map(struct diff_run *run, const char *name, const char *what) {
  run->differ = true;
  if (diff_given.brief)
    return STATUS_NOTHING;
  if (common.json) {
    struct json_writer w = {.out = &run->out};
    json_object(&w, NULL);
    json_string(&w, "change", what);
    json_string(&w, "map", name);
    json_object_end(&w);
    json_line_end(&w);
  } else {
    text_printf(&run->out, "%s\t", what);
    text_add_escaped(&run->out, name, strlen(name));
    text_byte(&run->out, '\n');
  }
  text_output(&run->out);
  return STATUS_OK;
}

static int compare_map(struct diff_run *run, const char *name) {
  struct open_map before, after;
  struct side left = {0}, right = {0};
  struct change_context context = {.map = name, .keys_only = diff_given.keys_only};
  int status = map_find(&run->before, name, &before), other;

  if (status != STATUS_OK && status != STATUS_NOTHING)
    return status;
  other = map_find(&run->after, name, &after);
  if (status == STATUS_NOTHING && other == STATUS_NOTHING)
    other = fail_with(STATUS_STORE, "no map '%s' in either store", name);
  else if (other == STATUS_NOTHING)
    other = tell_of_map(run, name, "map-removed");
  else if (status == STATUS_NOTHING && other == STATUS_OK)
    other = tell_of_map(run, name, "map-added");
  else if (other == STATUS_OK && !shape_equal(&before.shape, &after.shape))
    other = tell_of_map(run, name, "map-changed");
  status = other;
  if (status == STATUS_OK)
    status = open_side(&run->before, &before, &left, &context.before);
  if (status == STATUS_OK)
    status = open_side(&run->after, &after, &right, &context.after);
  if (status == STATUS_OK) {
    context.before = context.before != NULL ? context.before : context.after;
    context.after = context.after != NULL ? context.after : context.before;
    status = compare_sides(run, &context, &left, &right);
  }
  rows_close(&left.rows);
  rows_close(&right.rows);
  map_close(&before);
  map_close(&after);
  return status;
}

/* All names that either store has, in order. */
static int compare_stores(struct diff_run *run) {
  struct copse_map_info left, right;
  char last[COPSE_MAP_NAME_MAX + 1] = "";
  const char *after = NULL;
  int status = STATUS_OK;

  while (status == STATUS_OK) {
    int a = copse_map_next(session_view(&run->before), after, &left);
    int b = copse_map_next(session_view(&run->after), after, &right);
    if (a < 0 || b < 0)
      return fail(a < 0 ? a : b, "%s", a < 0 ? run->before.path : run->after.path);
    if (a == COPSE_NONE && b == COPSE_NONE)
      break;
    if (a == COPSE_NONE || (b == COPSE_OK && strcmp(right.name, left.name) < 0))
      memcpy(last, right.name, sizeof last);
    else
      memcpy(last, left.name, sizeof last);
    after = last;
    status = compare_map(run, last);
  }
  return status;
}

static int diff_stores(struct diff_run *run, char **operands, size_t count) {
  int status = session_open(&run->before, operands[0], ACCESS_READ);

  if (status == STATUS_OK)
    status = session_snapshot(&run->before);
  if (status == STATUS_OK)
    status = session_open(&run->after, operands[1], ACCESS_READ);
  if (status == STATUS_OK)
    status = session_snapshot(&run->after);
  if (status == STATUS_OK)
    status = count == 3 ? compare_map(run, operands[2]) : compare_stores(run);
  status = session_close(&run->after, status);
  return session_close(&run->before, status);
}

/* --- two versions -------------------------------------------------------------------- */

static int diff_views(struct diff_run *run, struct open_map *map, struct copse_view *before,
                      struct copse_view *after, uint64_t version) {
  struct change_context context = {.version = version,
                                   .before = &map->shape,
                                   .after = &map->shape,
                                   .keys_only = diff_given.keys_only};
  struct copse_change change;
  struct copse_diff *diff;
  struct key_range range;
  int result, status = key_range_given(&range, &map->shape);

  if (status == STATUS_OK) {
    result = copse_diff_open(before, after, map->map, &range.range, &diff);
    if (result == COPSE_OK) {
      while (status == STATUS_OK && (result = copse_diff_next(diff, &change)) == COPSE_OK)
        status = tell(run, &context, &change);
      copse_diff_close(diff);
    }
    if (result < 0)
      status = fail(result, "map %s", map->info.name);
  }
  key_range_free(&range);
  return status;
}

static int diff_versions(struct diff_run *run, char **operands, size_t count) {
  struct session *s = &run->before;
  struct copse_snapshot *later = NULL;
  struct open_map map = {0};
  int result, status = session_open(s, operands[0], ACCESS_READ);

  if (count != 2 && status == STATUS_OK)
    status = fail_usage("--wait takes STORE and MAP");
  if (status == STATUS_OK)
    status = session_snapshot(s);
  if (status == STATUS_OK)
    status = map_open(s, operands[1], &map);
  if (status == STATUS_OK) {
    result = copse_wait(s->store, map.map, copse_snapshot_version(s->snapshot), diff_given.wait_ns,
                        NULL);
    if (result == COPSE_OK)
      result = copse_snapshot_open(s->store, 0, &later);
    if (result != COPSE_OK)
      status = fail(result, "map %s", operands[1]);
  }
  if (status == STATUS_OK)
    status = diff_views(run, &map, session_view(s), copse_snapshot_view(later),
                        copse_snapshot_version(later));
  if (later != NULL)
    copse_snapshot_close(later);
  map_close(&map);
  return session_close(s, status);
}

static int run_diff(char **operands, size_t count) {
  struct diff_run run = {0};
  int status;

  if (diff_given.wait)
    status = diff_versions(&run, operands, count);
  else
    status = diff_stores(&run, operands, count);
  text_free(&run.out);
  if (status != STATUS_OK && status != STATUS_NOTHING)
    return status;
  return run.differ ? STATUS_NOTHING : STATUS_OK;
}

const struct command command_diff = {
    .name = "diff",
    .operands = "STORE OTHER [MAP]",
    .summary = "Compare two stores, or with --wait a map before and after a commit",
    .text = "Lines, with tabs between: + MAP KEY VALUE is in OTHER only, - MAP KEY VALUE in\n"
            "STORE only, ~ MAP KEY VALUE VALUE in both; map-added, map-removed and\n"
            "map-changed (another kind of map) MAP. With --wait the operands are STORE MAP,\n"
            "and in place of MAP each line begins with the version. Arenas are compared slot\n"
            "by slot: a record of another generation is another one. Exit code 0: no\n"
            "difference; 1: there is one.\n",
    .examples = "  copse diff backup.copse /dev/shm/market quotes\n"
                "  copse diff --brief a.copse b.copse && echo same\n"
                "  copse diff --wait --timeout 10 /dev/shm/market quotes\n",
    .groups = {diff_options, range_options, form_options, json_options, common_options},
    .run = run_diff,
};
