/* cli/command_import.c - import: tables and files into maps and arenas. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "import.h"
#include "units.h"
#include "work.h"

static struct {
  const char *sqlite, *directory, *arrays, *key_column;
  bool names, keep, skip_bad, sync;
} import_given;

static const struct option import_options[] = {
    {"sqlite", 's', "FILE", "from a table of this SQLite database", .text = &import_given.sqlite},
    {"key-column", 0, "COLUMN", "the column of the keys (default: primary key)",
     .text = &import_given.key_column},
    {"directory", 'd', "DIRECTORY", "from the files below this directory",
     .text = &import_given.directory},
    {"arrays", 'a', "DIRECTORY", "from .npy and numpy.savetxt files, an array in each",
     .text = &import_given.arrays},
    {"names", 0, NULL, "arrays: into a map, with the files' names as keys",
     .flag = &import_given.names},
    {"keep", 0, NULL, "records that are there already stay as they are",
     .flag = &import_given.keep},
    {"skip-bad", 0, NULL, "report what does not fit, go on; exit code 2",
     .flag = &import_given.skip_bad},
    {"sync", 0, NULL, "make it survive a power cut before ending", .flag = &import_given.sync},
    {0},
};

int import_bad(struct import_job *job, const char *message, ...) {
  char text[512];
  va_list arguments;

  va_start(arguments, message);
  vsnprintf(text, sizeof text, message, arguments);
  va_end(arguments);
  note("%s", text);
  job->left_out++;
  return job->skip_bad ? STATUS_OK : STATUS_USAGE;
}

int import_put(struct import_job *job, struct loader_map *map) {
  if (!common.quiet)
    progress_show("import", "records", job->loader.committed + job->loader.pending, job->all);
  if (map->open.arena != NULL && import_given.arrays != NULL)
    return loader_append(&job->loader, map, job->value.data);
  return loader_put(&job->loader, map, bytes_of(&job->key), bytes_of(&job->value));
}

static void summarise(const struct import_job *job, int status) {
  const struct loader *l = &job->loader;
  struct text out = {0};

  if (common.json) {
    struct json_writer w = {.out = &out};
    json_object(&w, NULL);
    json_u64(&w, "records", l->committed - l->kept);
    json_u64(&w, "kept", l->kept);
    json_u64(&w, "left_out", job->left_out);
    json_bool(&w, "complete", status == STATUS_OK && job->left_out == 0);
    json_object_end(&w);
    json_line_end(&w);
  } else {
    units_counted(&out, l->committed - l->kept, "record");
    text_string(&out, " imported");
    if (l->kept != 0) {
      text_string(&out, ", ");
      units_count(&out, l->kept);
      text_string(&out, " kept as they were");
    }
    text_byte(&out, '\n');
  }
  if (common.json || (status == STATUS_OK && !common.quiet))
    text_output(&out);
  else if (l->all_or_nothing_failed)
    note("nothing was imported: all was to be one transaction");
  else if (status != STATUS_OK)
    note("%.*s; they are in the store, the rest is not", (int)out.size - 1, out.data);
  text_free(&out);
}

static int import_all(struct session *s, struct import_job *job, char **operands) {
  int status;

  if (import_given.sqlite != NULL)
    status = import_sqlite(job, import_given.sqlite, operands[2], import_given.key_column);
  else if (import_given.arrays != NULL)
    status = import_arrays(job, import_given.arrays);
  else
    status = import_directory(job, import_given.directory);
  status = loader_finish(&job->loader, status);
  progress_clear();
  if (status == STATUS_OK && import_given.sync) {
    int result = copse_store_sync(s->store, NULL);
    if (result != COPSE_OK)
      status = fail(result, "%s", s->path);
  }
  summarise(job, status);
  return status == STATUS_OK && job->left_out != 0 && import_given.skip_bad ? STATUS_USAGE : status;
}

static int run_import(char **operands, size_t count) {
  struct session s = {0};
  struct shape wanted = {0};
  struct import_job job = {
      .loader = {.session = &s, .batch = batch_records, .keep = import_given.keep},
      .map = operands[1],
      .skip_bad = import_given.skip_bad,
      .names = import_given.names,
  };
  bool shaped;
  int status;

  if ((import_given.sqlite != NULL) + (import_given.directory != NULL) +
          (import_given.arrays != NULL) !=
      1)
    return fail_usage("give one of --sqlite FILE and a TABLE, --directory and --arrays");
  if ((import_given.sqlite != NULL) != (count == 3))
    return fail_usage("a TABLE goes with --sqlite, and only with it");
  if (import_given.names && import_given.arrays == NULL)
    return fail_usage("--names goes with --arrays");
  status = shape_from_options(&wanted, &shaped);
  if (status == STATUS_OK && shaped && import_given.arrays != NULL)
    status = fail_usage("--arrays: what the records are is told by the files");
  if (status == STATUS_OK && shaped)
    job.loader.wanted = &wanted;
  if (status == STATUS_OK)
    status = session_open(&s, operands[0], ACCESS_CREATE);
  if (status == STATUS_OK)
    status = import_all(&s, &job, operands);
  loader_free(&job.loader);
  status = session_close(&s, status);
  text_free(&job.key);
  text_free(&job.value);
  shape_free(&wanted);
  return status;
}

const struct command command_import = {
    .name = "import",
    .operands = "STORE MAP [TABLE]",
    .summary = "Import a table of an SQLite database, files, or arrays in files",
    .text = "SQLite: the key is the primary key, or the rowid; an integer one makes a map\n"
            "of u64 keys, one of several columns is their JSON array. The value is a JSON\n"
            "object of all columns, or a record when the map has a layout: its fields\n"
            "choose the columns. libsqlite3 (Debian: libsqlite3-0) is loaded when it is\n"
            "needed.\n"
            "Directory: the key is the path from there, the value the file's content. The\n"
            "store and the map are created when they are not there.\n"
            "Arrays: each .npy or .txt file below the directory holds one array, all of one\n"
            "type and shape; they are appended to an arena as its records, in the order of\n"
            "the files' names (m2 before m10), or with --names put into a map under their\n"
            "paths from there, without the ending.\n",
    .examples = "  copse import data.copse users --sqlite app.db users\n"
                "  copse import data.copse quotes --sqlite ticks.db quotes --key u64 \\\n"
                "      --layout 'quote { u64 time_ns; f64 bid; f64 ask; }'\n"
                "  copse import assets.copse files --directory public/\n"
                "  copse import data.copse matrices --arrays results/\n",
    .groups = {import_options, batch_options, shape_options, creation_options, lock_options,
               json_options, quiet_options, common_options},
    .run = run_import,
};
