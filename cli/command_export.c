/* cli/command_export.c - export: records of one size as an array in a file, for numpy.load(). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "npy.h"
#include "rows.h"
#include "units.h"
#include "value.h"
#include "work.h"

static struct { const char *range, *output; } export_given;

static const struct option export_options[] = {
    {"range", 0, "RANGE", "FIRST:END, of slots or u64 keys; END is not inside",
     .text = &export_given.range},
    {"output", 'o', "FILE", "the array's file, as .npy (-: standard output)",
     .text = &export_given.output},
    {0},
};

struct export_run {
  struct session session;
  struct open_map map;
  struct key_range range;
  struct text from, to; /* of --range */
  uint64_t count;       /* records in it */
  struct text what;
};

/* FIRST:END, either of which may be left out, as --from and --to. */
static int range_split(struct export_run *run) {
  const char *colon = export_given.range != NULL ? strchr(export_given.range, ':') : NULL;

  if (export_given.range == NULL)
    return STATUS_OK;
  if (range_given.from != NULL || range_given.to != NULL)
    return fail_usage("give either --range, or --from and --to");
  if (colon == NULL || run->map.shape.key_kind == COPSE_KEY_BYTES)
    return fail_usage("--range takes FIRST:END, for slots and u64 keys; other keys are bounded by "
                      "--from, --to and --prefix");
  text_set(&run->from, export_given.range, (size_t)(colon - export_given.range));
  text_set(&run->to, colon + 1, strlen(colon + 1));
  range_given.from = run->from.size != 0 ? run->from.data : NULL;
  range_given.to = run->to.size != 0 ? run->to.data : NULL;
  return STATUS_OK;
}

/* Goes through the records; file NULL: counts them. */
static int each_record(struct export_run *run, FILE *file, uint64_t *count) {
  struct rows rows;
  struct row row;
  int result = COPSE_OK,
      status = rows_open(&rows, session_view(&run->session), &run->map, &run->range.range);

  *count = 0;
  while (status == STATUS_OK && (result = rows_next(&rows, &row)) == COPSE_OK) {
    if (work_interrupted())
      status = fail_with(STATUS_INTERRUPTED, "interrupted; the file is not complete");
    else if (row.value.size != run->map.shape.value_size)
      status = fail_with(STATUS_STORE, "a record of another size; run 'copse check'");
    else if (file != NULL && fwrite(row.value.data, 1, row.value.size, file) != row.value.size)
      status = fail_system("%s", export_given.output);
    *count += 1;
    if (file != NULL && !common.quiet)
      progress_show("export", "records", *count, run->count);
  }
  rows_close(&rows);
  progress_clear();
  return result < 0 ? fail(result, "map %s", run->map.info.name) : status;
}

/* The number of records stands in the head, so they are counted first. */
static int write_array(struct export_run *run, FILE *file) {
  struct text head = {0};
  uint64_t count;
  int status = each_record(run, NULL, &run->count);

  if (status == STATUS_OK) {
    npy_head(&head, &run->map.shape, run->count, &run->what);
    if (fwrite(head.data, 1, head.size, file) != head.size)
      status = fail_system("%s", export_given.output);
  }
  text_free(&head);
  return status == STATUS_OK ? each_record(run, file, &count) : status;
}

static int write_file(struct export_run *run) {
  bool is_stdout = strcmp(export_given.output, "-") == 0;
  FILE *file = is_stdout ? stdout : fopen(export_given.output, "wb");
  int status;

  if (file == NULL)
    return fail_system("%s", export_given.output);
  status = write_array(run, file);
  if (fflush(file) != 0 && status == STATUS_OK)
    status = fail_system("%s", export_given.output);
  if (!is_stdout)
    fclose(file);
  return status;
}

static void summarise(const struct export_run *run) {
  struct text out = {0};
  struct json_writer w = {.out = &out};

  if (common.json) {
    json_object(&w, NULL);
    json_u64(&w, "records", run->count);
    json_string(&w, "array", run->what.data);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet) {
    units_counted(&out, run->count, "record");
    text_printf(&out, " exported: %s\n", run->what.data);
  }
  if (strcmp(export_given.output, "-") != 0)
    text_output(&out);
  text_free(&out);
}

static int export_map(struct export_run *run) {
  int status = range_split(run);

  if (status == STATUS_OK && run->map.shape.value_size == 0)
    status =
        fail_with(STATUS_USAGE,
                  "map %s has values of any size, and an array has elements of one: see 'copse "
                  "dump'",
                  run->map.info.name);
  if (status == STATUS_OK)
    status = key_range_given(&run->range, &run->map.shape);
  if (status == STATUS_OK)
    status = write_file(run);
  if (status == STATUS_OK)
    summarise(run);
  key_range_free(&run->range);
  text_free(&run->from);
  text_free(&run->to);
  text_free(&run->what);
  return status;
}

static int run_export(char **operands, size_t count) {
  struct export_run run = {.count = 0};
  int status;

  (void)count;
  if (export_given.output == NULL)
    return fail_usage("--output FILE is missing");
  status = session_open(&run.session, operands[0], ACCESS_READ);
  if (status == STATUS_OK)
    status = session_snapshot(&run.session);
  if (status == STATUS_OK &&
      (status = map_open(&run.session, operands[1], &run.map)) == STATUS_OK) {
    status = export_map(&run);
    map_close(&run.map);
  }
  return session_close(&run.session, status);
}

const struct command command_export = {
    .name = "export",
    .operands = "STORE MAP",
    .summary = "Write the records of an arena or a map as an array, for numpy.load()",
    .text = "One file in numpy's format .npy, of one snapshot: records of numbers as numbers,\n"
            "arrays (layout 'array_2x2 { c64 value[4]; }') with their dimensions, other\n"
            "layouts as structured elements, plain bytes as V<size>. Records are in the\n"
            "order of slots or keys; free slots are left out. A file that is there is\n"
            "replaced.\n",
    .examples = "  copse export data.copse matrices -o all.npy\n"
                "  copse export data.copse matrices --range 0:100000 -o first.npy\n"
                "  copse export /dev/shm/market quotes --from 1700000000 -o - | ssh host load\n",
    .groups = {export_options, range_options, form_options, json_options, quiet_options,
               common_options},
    .run = run_export,
};
