/* report.c - see report.h. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum { META_MAX = 64, COLUMNS_MAX = ENGINES_MAX + 4 };

struct row {
  struct row_key key;
  double *samples; /* sorted */
  size_t count;
};

struct meta {
  char name[48];
  char text[512];
};

struct report {
  struct row *rows;
  size_t count, room;
  const char *const *keep;
  struct meta meta[META_MAX];
  size_t meta_count;
};

static void *checked(void *memory) {
  if (memory == NULL)
    die("out of memory");
  return memory;
}

struct report *report_new(void) {
  return checked(calloc(1, sizeof(struct report)));
}

void report_free(struct report *report) {
  for (size_t i = 0; i < report->count; i++)
    free(report->rows[i].samples);
  free(report->rows);
  free(report);
}

void report_keep_only(struct report *report, const char *const *rows) { report->keep = rows; }

static bool kept(const struct report *report, const struct row_key *key) {
  if (report->keep == NULL)
    return true;
  char name[128];
  snprintf(name, sizeof name, "%s %s", key->workload, key->metric);
  for (const char *const *row = report->keep; *row != NULL; row++)
    if (strcmp(*row, name) == 0)
      return true;
  return false;
}

/* The same line of the table: all but the engine and how its actors run. */
static bool same_line(const struct row_key *a, const struct row_key *b) {
  return strcmp(a->workload, b->workload) == 0 && strcmp(a->metric, b->metric) == 0 &&
         a->processes == b->processes && a->records == b->records;
}

static bool same_row(const struct row_key *a, const struct row_key *b) {
  return same_line(a, b) && strcmp(a->engine, b->engine) == 0;
}

static struct row *row_of(struct report *report, const struct row_key *key) {
  for (size_t i = 0; i < report->count; i++)
    if (same_row(&report->rows[i].key, key))
      return &report->rows[i];
  if (report->count == report->room) {
    report->room = report->room == 0 ? 64 : 2 * report->room;
    report->rows = checked(realloc(report->rows, report->room * sizeof *report->rows));
  }
  struct row *row = &report->rows[report->count++];
  *row = (struct row){.key = *key};
  return row;
}

void report_sample(struct report *report, const struct row_key *key, double value) {
  if (!kept(report, key))
    return;
  struct row *row = row_of(report, key);
  row->samples = checked(realloc(row->samples, (row->count + 1) * sizeof *row->samples));
  size_t at = row->count++;
  for (; at > 0 && row->samples[at - 1] > value; at--)
    row->samples[at] = row->samples[at - 1];
  row->samples[at] = value;
}

static double median(const struct row *row) {
  size_t n = row->count;
  return n % 2 ? row->samples[n / 2] : (row->samples[n / 2 - 1] + row->samples[n / 2]) / 2;
}

void report_meta(struct report *report, const char *name, const char *format, ...) {
  if (report->meta_count == META_MAX)
    die("too many settings for the report");
  struct meta *meta = &report->meta[report->meta_count++];
  snprintf(meta->name, sizeof meta->name, "%s", name);
  va_list args;
  va_start(args, format);
  vsnprintf(meta->text, sizeof meta->text, format, args);
  va_end(args);
}

/* --- JSON --------------------------------------------------------------------------------- */

static void json_string(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text != 0; text++) {
    if (*text == '"' || *text == '\\')
      fputc('\\', out);
    if ((unsigned char)*text >= 0x20)
      fputc(*text, out);
  }
  fputc('"', out);
}

static void json_row(FILE *out, const struct row *row) {
  fprintf(out, "    {\"workload\": \"%s\", \"engine\": \"%s\", \"metric\": \"%s\", ",
          row->key.workload, row->key.engine, row->key.metric);
  fprintf(out, "\"processes\": %u, ", row->key.processes);
  if (row->key.records != 0)
    fprintf(out, "\"records\": %" PRIu64 ", ", row->key.records);
  if (row->key.threads)
    fprintf(out, "\"threads\": true, ");
  fprintf(out, "\"median\": %.10g, \"min\": %.10g, \"max\": %.10g, \"rounds\": %zu}", median(row),
          row->samples[0], row->samples[row->count - 1], row->count);
}

void report_write_json(const struct report *report, const char *path) {
  char temporary[4096];
  snprintf(temporary, sizeof temporary, "%s.new", path);
  FILE *out = fopen(temporary, "we");
  if (out == NULL)
    die("cannot write %s: %s", temporary, strerror(errno));
  fputs("{\n  \"meta\": {", out);
  for (size_t i = 0; i < report->meta_count; i++) {
    fputs(i == 0 ? "\n    " : ",\n    ", out);
    json_string(out, report->meta[i].name);
    fputs(": ", out);
    json_string(out, report->meta[i].text);
  }
  fputs("\n  },\n  \"rows\": [", out);
  for (size_t i = 0; i < report->count; i++) {
    fputs(i == 0 ? "\n" : ",\n", out);
    json_row(out, &report->rows[i]);
  }
  fputs("\n  ]\n}\n", out);
  if (fclose(out) != 0 || rename(temporary, path) != 0)
    die("cannot write %s: %s", path, strerror(errno));
}

/* --- the table ---------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* Short, with the unit that the metric's name ends in: 1.23 M/s, 850 ns, 4.1 us, 131 B. */
static const char *human(char *text, size_t size, const char *metric, double value) {
  const char *unit = "";
  if (ends_with(metric, "_ns")) {
    unit = value < 1e3 ? " ns" : value < 1e6 ? " us" : value < 1e9 ? " ms" : " s";
    value /= value < 1e3 ? 1 : value < 1e6 ? 1e3 : value < 1e9 ? 1e6 : 1e9;
  } else if (ends_with(metric, "_s")) {
    unit = value < 1e3 ? " /s" : value < 1e6 ? " k/s" : " M/s";
    value /= value < 1e3 ? 1 : value < 1e6 ? 1e3 : 1e6;
  } else if (strstr(metric, "bytes") != NULL) {
    unit = value < 1e4 ? " B" : value < 1e7 ? " KiB" : " MiB";
    value /= value < 1e4 ? 1 : value < 1e7 ? 1024 : 1 << 20;
  }
  snprintf(text, size, value < 10 ? "%.2f%s" : value < 100 ? "%.1f%s" : "%.0f%s", value, unit);
  return text;
}

static const struct row *find(const struct report *report, const struct row_key *line,
                              const char *engine) {
  struct row_key key = *line;
  key.engine = engine;
  for (size_t i = 0; i < report->count; i++)
    if (same_row(&report->rows[i].key, &key))
      return &report->rows[i];
  return NULL;
}

static void print_line(const struct report *report, const struct row_key *line,
                       const char *const *columns, size_t column_count, FILE *out) {
  char what[96], cell[32];
  int n = snprintf(what, sizeof what, "%s %s", line->workload, line->metric);
  if (line->records != 0)
    snprintf(what + n, sizeof what - (size_t)n, " @%.0e", (double)line->records);
  fprintf(out, "%-32s %2u", what, line->processes);
  for (size_t c = 0; c < column_count; c++) {
    const struct row *row = find(report, line, columns[c]);
    snprintf(cell, sizeof cell, "-");
    if (row != NULL) {
      human(cell, sizeof cell - 1, line->metric, median(row));
      strcat(cell, row->key.threads ? "*" : "");
    }
    fprintf(out, " %11s", cell);
  }
  const struct row *copse = find(report, line, "copse"), *lmdb = find(report, line, "lmdb");
  if (copse != NULL && lmdb != NULL && median(lmdb) > 0) {
    bool low = !ends_with(line->metric, "_s") && !ends_with(line->metric, "share");
    fprintf(out, " %8.2f x%s", median(copse) / median(lmdb), low ? "  (lower is better)" : "");
  }
  fputc('\n', out);
}

/* The engines that have rows, in their order; then peers of single workloads. */
static size_t columns_find(const struct report *report, const char **columns) {
  size_t count = 0;
  for (size_t e = 0; e < engine_count; e++)
    for (size_t i = 0; i < report->count; i++)
      if (strcmp(report->rows[i].key.engine, engines[e]->name) == 0) {
        columns[count++] = engines[e]->name;
        break;
      }
  for (size_t i = 0; i < report->count && count < COLUMNS_MAX; i++) {
    const char *name = report->rows[i].key.engine;
    size_t c = 0;
    while (c < count && strcmp(columns[c], name) != 0)
      c++;
    if (c == count)
      columns[count++] = name;
  }
  return count;
}

void report_print_table(const struct report *report, FILE *out) {
  const char *columns[COLUMNS_MAX];
  size_t column_count = columns_find(report, columns);
  bool threads = false;
  fprintf(out, "\n%-32s %2s", "median", "n");
  for (size_t c = 0; c < column_count; c++)
    fprintf(out, " %11s", columns[c]);
  fprintf(out, " copse/lmdb\n");
  for (size_t i = 0; i < report->count; i++) {
    bool first = true;
    for (size_t j = 0; j < i && first; j++)
      first = !same_line(&report->rows[j].key, &report->rows[i].key);
    if (first)
      print_line(report, &report->rows[i].key, columns, column_count, out);
    threads |= report->rows[i].key.threads;
  }
  if (threads)
    fprintf(out, "* threads of one process\n");
}
