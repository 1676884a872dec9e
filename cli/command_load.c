/* cli/command_load.c - load: text into maps. The formats are in format_*.c. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "format.h"
#include "units.h"
#include "work.h"

/* --- what formats need --------------------------------------------------------------- */

int job_line(struct load_job *job, char **line, size_t *size) {
  ssize_t got;

  *line = NULL;
  if (work_interrupted())
    return fail_with(STATUS_INTERRUPTED, "interrupted");
  got = getline(&job->buffer, &job->buffer_bytes, job->input);
  if (got < 0) {
    if (ferror(job->input) && !work_interrupted())
      return fail_system("%s", job->input_name);
    return work_interrupted() ? fail_with(STATUS_INTERRUPTED, "interrupted") : STATUS_OK;
  }
  job->line++;
  job->bytes += (uint64_t)got;
  if (got > 0 && job->buffer[got - 1] == '\n')
    job->buffer[--got] = 0;
  *line = job->buffer;
  *size = (size_t)got;
  if (!common.quiet && job->input_bytes != 0)
    progress_show("load", "bytes", job->bytes, job->input_bytes);
  else if (!common.quiet)
    progress_show("load", "lines", job->line, 0);
  return STATUS_OK;
}

int job_bad(struct load_job *job, const char *message, ...) {
  char text[512];
  va_list arguments;

  va_start(arguments, message);
  vsnprintf(text, sizeof text, message, arguments);
  va_end(arguments);
  note("%s:%" PRIu64 ": %s", job->input_name, job->line, text);
  job->bad++;
  return job->skip_bad ? STATUS_OK : STATUS_USAGE;
}

int job_map(struct load_job *job, const char *name, size_t name_size, const struct shape *defined,
            struct loader_map **map) {
  *map = NULL;
  if (job->map != NULL)
    return loader_map(&job->loader, job->map, defined, map);
  if (name_size == 0 || name_size > COPSE_MAP_NAME_MAX || memchr(name, 0, name_size) != NULL)
    return job_bad(job, "a map's name has 1 to %d bytes without NUL", COPSE_MAP_NAME_MAX);
  return loader_map(&job->loader, name, defined, map);
}

static int job_stored(const struct load_job *job, int status) {
  if (status != STATUS_OK && status != STATUS_INTERRUPTED)
    note("%s:%" PRIu64 ": the record could not be stored", job->input_name, job->line);
  return status;
}

int job_put(struct load_job *job, struct loader_map *map) {
  return job_stored(job, loader_put(&job->loader, map, bytes_of(&job->key), bytes_of(&job->value)));
}

int job_restore(struct load_job *job, struct loader_map *map, const struct copse_slots *slots) {
  return job_stored(job, loader_restore(&job->loader, map, slots));
}

/* --- load ---------------------------------------------------------------------------- */

static const struct format *const formats[] = {&format_tsv, &format_jsonl, &format_mdb};

static struct {
  int format;
  const char *file;
  bool keep, skip_bad, sync;
} load_given;

static const struct option load_options[] = {
    {"format", 'f', "tsv|jsonl|mdb", "how the input is written (default: tsv)",
     .choice = &load_given.format},
    {"file", 'i', "FILE", "read from a file, not from standard input", .text = &load_given.file},
    {"keep", 0, NULL, "records that are there already stay as they are", .flag = &load_given.keep},
    {"skip-bad", 0, NULL, "report bad lines and go on; exit code 2", .flag = &load_given.skip_bad},
    {"sync", 0, NULL, "make it survive a power cut before ending", .flag = &load_given.sync},
    {0},
};

static int open_input(struct load_job *job) {
  struct stat info;

  job->input = stdin;
  job->input_name = "standard input";
  if (load_given.file != NULL && strcmp(load_given.file, "-") != 0) {
    job->input_name = load_given.file;
    job->input = fopen(load_given.file, "r");
    if (job->input == NULL)
      return fail_system("%s", job->input_name);
  }
  if (fstat(fileno(job->input), &info) == 0 && S_ISREG(info.st_mode))
    job->input_bytes = (uint64_t)info.st_size;
  return STATUS_OK;
}

/* Says what is in the store now. After a failure that goes to standard error. */
static void summarise(const struct load_job *job, int status) {
  const struct loader *l = &job->loader;
  struct text out = {0};

  if (common.json) {
    struct json_writer w = {.out = &out};
    json_object(&w, NULL);
    json_u64(&w, "records", l->committed - l->kept);
    json_u64(&w, "kept", l->kept);
    json_u64(&w, "bad", job->bad);
    json_u64(&w, "lines", job->line);
    json_u64(&w, "maps", l->map_count);
    json_bool(&w, "complete", status == STATUS_OK && job->bad == 0);
    json_object_end(&w);
    json_line_end(&w);
  } else if (status == STATUS_OK && common.quiet) {
    return;
  } else {
    units_counted(&out, l->committed - l->kept, "record");
    text_string(&out, " loaded");
    if (l->kept != 0) {
      text_string(&out, ", ");
      units_count(&out, l->kept);
      text_string(&out, " kept as they were");
    }
    if (job->bad != 0 && job->skip_bad) {
      text_string(&out, ", ");
      units_counted(&out, job->bad, "bad line");
      text_string(&out, " passed over");
    }
    text_byte(&out, '\n');
  }
  if (status == STATUS_OK || common.json)
    text_output(&out);
  else if (l->all_or_nothing_failed)
    note("nothing was loaded: all was to be one transaction");
  else
    note("%.*s before line %" PRIu64 "; they are in the store, the rest is not", (int)out.size - 1,
         out.data, job->line);
  text_free(&out);
}

static int load_all(struct session *s, struct load_job *job) {
  int status = formats[load_given.format != 0 ? load_given.format - 1 : 0]->load(job);

  status = loader_finish(&job->loader, status);
  progress_clear();
  if (status == STATUS_OK && load_given.sync) {
    int result = copse_store_sync(s->store, NULL);
    if (result != COPSE_OK)
      status = fail(result, "%s", s->path);
  }
  summarise(job, status);
  return status == STATUS_OK && job->bad != 0 ? STATUS_USAGE : status;
}

static int run_load(char **operands, size_t count) {
  struct session s = {0};
  struct shape wanted = {0};
  struct load_job job = {
      .loader = {.session = &s, .batch = batch_records, .keep = load_given.keep},
      .map = count == 2 ? operands[1] : NULL,
      .form = form_given(),
      .skip_bad = load_given.skip_bad,
  };
  bool shaped;
  int status = shape_from_options(&wanted, &shaped);

  if (status == STATUS_OK && shaped)
    job.loader.wanted = &wanted;
  text_room(&job.name, 0);
  if (status == STATUS_OK)
    status = open_input(&job);
  if (status == STATUS_OK)
    status = session_open(&s, operands[0], ACCESS_CREATE);
  if (status == STATUS_OK)
    status = load_all(&s, &job);
  loader_free(&job.loader);
  status = session_close(&s, status);
  if (job.input != NULL && job.input != stdin)
    fclose(job.input);
  free(job.buffer);
  json_document_free(&job.document);
  text_free(&job.key);
  text_free(&job.value);
  text_free(&job.name);
  shape_free(&wanted);
  return status;
}

const struct command command_load = {
    .name = "load",
    .operands = "STORE [MAP]",
    .summary = "Load records from text; makes the store and maps that are not there",
    .text = "tsv: lines of key, tab, value, both escaped (see 'copse --help'), values of a\n"
            "map with a layout as JSON. Without MAP a column with the map's name comes\n"
            "first.\n"
            "jsonl: lines {\"map\": ..., \"key\": ..., \"value\": ...}; with MAP \"map\" is not\n"
            "looked at. A line {\"map\": ..., \"define\": {...}} says what a map is: see 'copse\n"
            "dump'.\n"
            "mdb: what mdb_dump writes, with -a each database into a map of its name;\n"
            "without -a the main database goes into MAP. Databases with sorted duplicates\n"
            "are refused. With --skip-bad they are left out.\n"
            "\n"
            "Of an arena each slot comes with its generation, and \"define\" tells its\n"
            "number: handles are valid in the store that it is loaded into. A slot of the\n"
            "arena that had a record is an error, unless --keep.\n"
            "\n"
            "A present value is replaced, unless --keep. The first bad line ends the load,\n"
            "and what stood before it is in the store; with --batch 0 nothing is.\n",
    .examples = "  mdb_dump -a env | copse load data.copse --format mdb\n"
                "  copse load /dev/shm/books titles <titles.tsv\n"
                "  copse load data.copse quotes --format jsonl --file q.jsonl --key u64 \\\n"
                "      --layout 'quote { f64 bid; f64 ask; }'\n",
    .groups = {load_options, batch_options, form_options, shape_options, creation_options,
               lock_options, json_options, quiet_options, common_options},
    .run = run_load,
};
