/* cli/command_dump.c - dump: maps as text. The formats are in format_*.c. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "format.h"
#include "work.h"

static const struct format *const formats[] = {&format_tsv, &format_jsonl, &format_mdb};

static struct {
  int format;
  bool print, main;
} dump_given;

static const struct option dump_options[] = {
    {"format", 'f', "tsv|jsonl|mdb", "how to write (default: tsv)", .choice = &dump_given.format},
    {"print", 'p', NULL, "mdb: printable bytes as they are", .flag = &dump_given.print},
    {"main", 0, NULL, "mdb: the one MAP as the nameless main database", .flag = &dump_given.main},
    {0},
};

struct dump_run {
  struct dump_job job;
  const struct format *format;
  uint64_t all; /* records, for the progress bar */
};

static int count_map(void *context, struct open_map *map) {
  struct dump_run *run = context;

  if (map->arena != NULL && run->format != &format_jsonl)
    return fail_with(STATUS_USAGE,
                     "'%s' is an arena, whose slots have generations: dump it with --format jsonl, "
                     "or name the maps to dump",
                     map->info.name);
  run->all += map->info.count;
  return STATUS_OK;
}

static int dump_records(struct dump_run *run, struct open_map *map, struct rows *rows) {
  struct row row;
  int result = COPSE_OK;

  while (!output_failed() && !work_interrupted()) {
    result = rows_next(rows, &row);
    if (result != COPSE_OK)
      break;
    run->format->dump_record(&run->job, map, &row);
    text_output(&run->job.out);
    run->job.records++;
    if (!common.quiet)
      progress_show("dump", "records", run->job.records, run->all);
  }
  if (result < 0)
    return fail(result, "map %s", map->info.name);
  if (work_interrupted())
    return fail_with(STATUS_INTERRUPTED, "interrupted; the output is not complete");
  return output_failed() ? STATUS_PIPE : STATUS_OK;
}

static int dump_map(void *context, struct open_map *map) {
  struct dump_run *run = context;
  struct rows rows;
  int status = STATUS_OK;

  if (run->format->dump_begin != NULL)
    status = run->format->dump_begin(&run->job, map);
  if (status != STATUS_OK)
    return status;
  status = rows_open(&rows, session_view(run->job.session), map, NULL);
  if (status != STATUS_OK)
    return status;
  rows.free = true;
  status = dump_records(run, map, &rows);
  rows_close(&rows);
  if (status == STATUS_OK && run->format->dump_end != NULL)
    run->format->dump_end(&run->job, map);
  if (status == STATUS_OK)
    text_output(&run->job.out);
  return status;
}

/* The room that LMDB is told to reserve: it does not grow by itself. Its pages take up to
 * twice what is in them, and a value's last page is its own. */
static int set_mapsize(struct session *s, struct dump_run *run) {
  struct copse_stat st;
  int result = copse_stat(s->store, &st);

  if (result != COPSE_OK)
    return fail(result, "%s", s->path);
  run->job.mapsize = ((st.used_bytes + 64 * run->all) * 3 + (UINT64_C(16) << 20)) & ~UINT64_C(4095);
  return STATUS_OK;
}

static int run_dump(char **operands, size_t count) {
  struct session s;
  struct dump_run run = {
      .job = {.session = &s,
              .form = form_given(),
              .named = count != 2,
              .print = dump_given.print,
              .main = dump_given.main},
      .format = formats[dump_given.format != 0 ? dump_given.format - 1 : common.json],
  };
  int status;

  if (form_given() == FORM_RAW)
    return fail_usage(
        "a dump is there to be read back, which --raw is not: see 'copse scan --raw'");
  if ((dump_given.print || dump_given.main) && run.format != &format_mdb)
    return fail_usage("--print and --main go with --format mdb");
  if (dump_given.main && count != 2)
    return fail_usage("--main takes one MAP");
  status = session_open(&s, operands[0], ACCESS_READ);
  if (status == STATUS_OK)
    status = session_snapshot(&s);
  if (status == STATUS_OK)
    status = maps_each(&s, operands + 1, count - 1, count_map, &run);
  if (status == STATUS_OK)
    status = set_mapsize(&s, &run);
  if (status == STATUS_OK)
    status = maps_each(&s, operands + 1, count - 1, dump_map, &run);
  progress_clear();
  if (run.job.unfit != 0 && run.format == &format_mdb)
    note("%llu keys are empty or longer than 511 bytes: LMDB will not take them",
         (unsigned long long)run.job.unfit);
  text_free(&run.job.out);
  return session_close(&s, status);
}

const struct command command_dump = {
    .name = "dump",
    .operands = "STORE [MAP...]",
    .summary = "Write maps as text, all of one snapshot",
    .text = "'copse load' reads it back. Of one MAP the lines are key and value, of several\n"
            "or all maps each line names its map. jsonl says before the records what a map\n"
            "is, and so keeps key kinds and layouts, and arenas with the generations of\n"
            "their slots, so that handles stay valid; tsv does not. mdb keeps them for\n"
            "copse: LMDB's mdb_load passes over them with a warning, and loads records as\n"
            "bytes. In mdb a map of u64 keys is a database with integerkey=1.\n",
    .examples = "  copse dump /dev/shm/books >books.tsv\n"
                "  copse dump --format jsonl data.copse | zstd >data.jsonl.zst\n"
                "  copse dump --format mdb data.copse | mdb_load env\n",
    .groups = {dump_options, form_options, json_options, quiet_options, common_options},
    .run = run_dump,
};
