/* cli/format_tsv.c - tab-separated text: see format.h. */
#include <string.h>

#include "format.h"

/* --- loading ------------------------------------------------------------------------- */

/* The bytes before the next tab, and *at behind it; false when there is no tab. */
static bool take_column(char **at, char *end, char **column, size_t *size) {
  char *tab = memchr(*at, '\t', (size_t)(end - *at));

  if (tab == NULL)
    return false;
  *column = *at;
  *size = (size_t)(tab - *at);
  *at = tab + 1;
  return true;
}

static int load_line(struct load_job *job, char *line, size_t size) {
  char *at = line, *end = line + size, *name = line, *key;
  size_t name_size = 0, key_size;
  struct loader_map *map;
  struct problem p;
  int status;

  if ((job->map == NULL && !take_column(&at, end, &name, &name_size)) ||
      !take_column(&at, end, &key, &key_size)) {
    if (job->line == 1 && strncmp(line, "VERSION=", 8) == 0)
      return job_bad(job, "this looks like the output of mdb_dump: try --format mdb");
    return job_bad(job, job->map != NULL
                            ? "expected key, tab, value"
                            : "expected map, tab, key, tab, value (or name the MAP to load)");
  }
  text_clear(&job->name);
  if (!text_unescape(&job->name, name, name_size, &p))
    return job_bad(job, "map name: %s", p.text);
  status = job_map(job, job->name.data, job->name.size, NULL, &map);
  if (status != STATUS_OK || map == NULL)
    return status;
  if (!key_parse(&job->key, &map->open.shape, job->form, key, key_size, &p))
    return job_bad(job, "%s", p.text);
  /* Where the bytes of a value cannot show a tab, one more column is a mistake. */
  if (map->open.shape.layout == NULL && job->form == FORM_TEXT &&
      memchr(at, '\t', (size_t)(end - at)) != NULL)
    return job_bad(job, "more columns than expected (a tab in a value is written \\t)");
  if (!value_parse(&job->value, &map->open.shape, job->form, at, (size_t)(end - at), &p))
    return job_bad(job, "%s", p.text);
  return job_put(job, map);
}

static int load(struct load_job *job) {
  char *line;
  size_t size;
  int status;

  while ((status = job_line(job, &line, &size)) == STATUS_OK && line != NULL) {
    status = load_line(job, line, size);
    if (status != STATUS_OK)
      break;
  }
  return status;
}

/* --- dumping ------------------------------------------------------------------------- */

static void dump_record(struct dump_job *job, struct open_map *map, const struct row *row) {
  if (job->named) {
    text_add_escaped(&job->out, map->info.name, strlen(map->info.name));
    text_byte(&job->out, '\t');
  }
  key_show(&job->out, &map->shape, job->form, row->key);
  text_byte(&job->out, '\t');
  value_show(&job->out, &map->shape, job->form, row->value);
  text_byte(&job->out, '\n');
}

const struct format format_tsv = {"tsv", load, NULL, dump_record, NULL};
