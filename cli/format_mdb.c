/* cli/format_mdb.c - the portable format of mdb_dump and mdb_load: see format.h.
 *
 *     VERSION=3
 *     format=bytevalue          or print
 *     database=NAME             left out for the main database
 *     type=btree
 *     mapsize=1048576           and further lines name=value
 *     HEADER=END
 *      6b6579                   a space and the key, then the value on a line of its own
 *      76616c7565
 *     DATA=END                  and the next database may follow
 *
 * A map of u64 keys is a database with integerkey=1: there keys are native integers, which
 * are little-endian. What LMDB knows nothing of stands in the header as copse_layout and
 * copse_value_size: mdb_load passes over words that it does not know, with a warning. Databases
 * with sorted duplicates are refused: a map holds one value for a key.
 *
 * In the print form, mdb_dump up to 0.9.24 (at least) writes a backslash as it is, though the
 * form makes it an escape: such a dump cannot be told from another. What is certainly wrong is
 * reported. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

/* mdb_load reads the header with a buffer of 4096 bytes and gives up on a longer line. */
enum { HEADER_LINE_MAX = 4000, LMDB_KEY_MAX = 511 };

/* --- loading: the header ------------------------------------------------------------- */

struct section {
  bool print, integer_keys, named;
  char refused[80]; /* why it cannot be a map; "" if it can */
  struct shape shape;
};

static void refuse(struct section *section, const char *line) {
  if (section->refused[0] == 0)
    snprintf(section->refused, sizeof section->refused, "%.70s", line);
}

/* "name=value" where value says something. */
static bool header_is(const char *line, const char *name, const char **value) {
  size_t size = strlen(name);

  if (strncmp(line, name, size) != 0 || line[size] != '=')
    return false;
  *value = line + size + 1;
  return true;
}

static bool is_on(const char *value) { return strcmp(value, "0") != 0; }

static int header_line(struct load_job *job, struct section *section, const char *line) {
  const char *value;
  uint64_t number;

  if (strchr(line, '=') == NULL)
    return fail_with(STATUS_USAGE, "%s:%" PRIu64 ": expected name=value in the header",
                     job->input_name, job->line);
  if (header_is(line, "VERSION", &value) && strcmp(value, "3") != 0)
    return fail_with(STATUS_USAGE, "%s:%" PRIu64 ": version %s of the format is not known",
                     job->input_name, job->line, value);
  if (header_is(line, "format", &value)) {
    section->print = strcmp(value, "print") == 0;
    if (!section->print && strcmp(value, "bytevalue") != 0)
      return fail_with(STATUS_USAGE, "%s:%" PRIu64 ": format '%s' is not known", job->input_name,
                       job->line, value);
  } else if (header_is(line, "database", &value)) {
    section->named = true;
    text_set(&job->name, value, strlen(value));
  } else if (header_is(line, "type", &value)) {
    if (strcmp(value, "btree") != 0)
      refuse(section, line);
  } else if (header_is(line, "integerkey", &value)) {
    section->integer_keys = is_on(value);
    section->shape.key_kind = section->integer_keys ? COPSE_KEY_U64 : COPSE_KEY_BYTES;
  } else if (header_is(line, "duplicates", &value) || header_is(line, "dupsort", &value) ||
             header_is(line, "dupfixed", &value) || header_is(line, "integerdup", &value) ||
             header_is(line, "reversedup", &value)) {
    if (is_on(value))
      refuse(section, line);
  } else if (header_is(line, "reversekey", &value) && is_on(value)) {
    note("%s:%" PRIu64 ": the database orders keys from their end; the map will order them from "
         "their beginning",
         job->input_name, job->line);
  } else if (header_is(line, "copse_value_size", &value)) {
    if (parse_u64(value, strlen(value), &number) && number <= COPSE_RECORD_MAX)
      section->shape.value_size = (uint32_t)number;
  } else if (header_is(line, "copse_key", &value)) {
    if (!shape_key_set(&section->shape, value, strlen(value)))
      return fail_with(STATUS_USAGE, "%s:%" PRIu64 ": copse_key=%s is not known", job->input_name,
                       job->line, value);
  } else if (header_is(line, "copse_layout", &value) && section->shape.layout == NULL) {
    int result = copse_layout_parse(value, &section->shape.layout);
    if (result != COPSE_OK)
      return fail(result, "%s:%" PRIu64, job->input_name, job->line);
    section->shape.value_size = section->shape.layout->size;
  }
  return STATUS_OK;
}

/* Reads up to HEADER=END; *more is false at the end of the input. */
static int read_header(struct load_job *job, struct section *section, bool *more) {
  char *line;
  size_t size;
  int status;
  bool begun = false;

  while ((status = job_line(job, &line, &size)) == STATUS_OK && line != NULL) {
    if (strcmp(line, "HEADER=END") == 0) {
      *more = true;
      return STATUS_OK;
    }
    if (*line == 0 && !begun)
      continue;
    begun = true;
    status = header_line(job, section, line);
    if (status != STATUS_OK)
      return status;
  }
  *more = false;
  if (status == STATUS_OK && begun)
    return fail_with(STATUS_USAGE, "%s:%" PRIu64 ": the input ends in a header", job->input_name,
                     job->line);
  return status;
}

/* --- loading: the data --------------------------------------------------------------- */

static bool read_print(struct text *out, const char *at, size_t size, struct problem *p) {
  const char *end = at + size;

  text_clear(out);
  text_room(out, size);
  while (at < end) {
    if (*at != '\\') {
      text_byte(out, *at++);
    } else if (end - at >= 2 && at[1] == '\\') {
      text_byte(out, '\\');
      at += 2;
    } else if (end - at >= 3 && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
      text_byte(out, (char)(hex_digit(at[1]) << 4 | hex_digit(at[2])));
      at += 3;
    } else {
      return problem(p, "a backslash without two hexadecimal digits (some versions of mdb_dump -p "
                        "do not escape backslashes: dump without -p)");
    }
  }
  return true;
}

static bool read_item(const struct section *section, struct text *out, const char *line,
                      size_t size, struct problem *p) {
  if (size == 0 || *line != ' ')
    return problem(p, "expected a line that begins with a space, or DATA=END");
  if (section->print)
    return read_print(out, line + 1, size - 1, p);
  text_clear(out);
  text_room(out, 0);
  return text_unhex(out, line + 1, size - 1, p);
}

/* LMDB's native integers become the big-endian keys of a map. */
static bool turn_integer(struct text *key, struct problem *p) {
  uint64_t number = 0;
  uint8_t bytes[8];

  if (key->size != 4 && key->size != 8)
    return problem(p, "an integer key of %zu bytes; expected 4 or 8", key->size);
  memcpy(&number, key->data, key->size);
  copse_key_u64(number, bytes);
  text_set(key, bytes, sizeof bytes);
  return true;
}

static bool fits(const struct load_job *job, const struct shape *shape, struct problem *p) {
  if (shape->key_kind == COPSE_KEY_U64 && job->key.size != 8)
    return problem(p, "a key of %zu bytes; the map's keys are integers of 8", job->key.size);
  if (job->key.size > COPSE_KEY_MAX)
    return problem(p, "a key of %zu bytes; the most is %d", job->key.size, COPSE_KEY_MAX);
  if (shape->value_size != 0 && job->value.size != shape->value_size)
    return problem(p, "a value of %zu bytes; the map's values have %" PRIu32, job->value.size,
                   shape->value_size);
  return true;
}

/* Reads the records up to DATA=END. map NULL: only passes over them. */
static int read_data(struct load_job *job, const struct section *section, struct loader_map *map) {
  struct problem p;
  char *line;
  size_t size;
  int status;

  while ((status = job_line(job, &line, &size)) == STATUS_OK) {
    bool good;
    if (line != NULL && strcmp(line, "DATA=END") == 0)
      return STATUS_OK;
    good = line != NULL && read_item(section, &job->key, line, size, &p);
    if (line != NULL && (status = job_line(job, &line, &size)) != STATUS_OK)
      return status;
    if (line == NULL)
      return fail_with(STATUS_USAGE, "%s:%" PRIu64 ": the input ends before DATA=END",
                       job->input_name, job->line);
    if (map == NULL)
      continue;
    if (!good || !read_item(section, &job->value, line, size, &p) ||
        (section->integer_keys && !turn_integer(&job->key, &p)) || !fits(job, &map->open.shape, &p))
      status = job_bad(job, "%s", p.text);
    else
      status = job_put(job, map);
    if (status != STATUS_OK)
      return status;
  }
  return status;
}

static int load_section(struct load_job *job, struct section *section) {
  struct loader_map *map = NULL;
  int status;

  if (section->refused[0] != 0) {
    status = job_bad(job, "database '%s' has %s: a map holds one value for each key%s",
                     section->named ? job->name.data : "(main)", section->refused,
                     job->skip_bad ? "; it is left out" : "");
  } else if (job->map == NULL && !section->named) {
    status = job_bad(job, "this is the main database, which has no name: name the MAP to load");
  } else {
    status = job_map(job, job->name.data, job->name.size, &section->shape, &map);
    /* Records come as bytes here: only the very same layout gives them their meaning. */
    if (status == STATUS_OK && map != NULL && section->shape.layout != NULL &&
        map->open.shape.layout != NULL) {
      int result = copse_layout_compare(map->open.shape.layout, section->shape.layout);
      if (result != COPSE_OK)
        status = fail(result, "map %s", map->name);
    }
  }
  return status == STATUS_OK ? read_data(job, section, map) : status;
}

static int load(struct load_job *job) {
  bool more = true;
  int status = STATUS_OK;

  while (status == STATUS_OK) {
    struct section section = {0};
    status = read_header(job, &section, &more);
    if (status == STATUS_OK && more)
      status = load_section(job, &section);
    shape_free(&section.shape);
    if (!more)
      break;
  }
  return status;
}

/* --- dumping ------------------------------------------------------------------------- */

static int dump_begin(struct dump_job *job, struct open_map *map) {
  const char *name = map->info.name;
  size_t header;

  if (strchr(name, '\n') != NULL && !job->main)
    return fail_with(STATUS_USAGE, "map '%s': the mdb format cannot hold a name with a newline",
                     name);
  text_printf(&job->out, "VERSION=3\nformat=%s\n", job->print ? "print" : "bytevalue");
  if (!job->main)
    text_printf(&job->out, "database=%s\n", name);
  text_printf(&job->out, "type=btree\nmapsize=%" PRIu64 "\nmaxreaders=126\n", job->mapsize);
  if (map->info.key_kind == COPSE_KEY_U64)
    text_string(&job->out, "integerkey=1\n");
  if (map->info.key_encoding == COPSE_KEYS_TUPLE)
    text_string(&job->out, "copse_key=tuple\n");
  if (map->shape.layout != NULL) {
    header = job->out.size;
    text_string(&job->out, "copse_layout=");
    shape_layout_text(&map->shape, &job->out);
    text_byte(&job->out, '\n');
    if (job->out.size - header > HEADER_LINE_MAX) {
      job->out.size = header;
      note("map %s: its layout is too long for the mdb format and is left out; dump as jsonl to "
           "keep it",
           name);
    }
  }
  if (map->info.value_size != 0)
    text_printf(&job->out, "copse_value_size=%" PRIu32 "\n", map->info.value_size);
  text_string(&job->out, "HEADER=END\n");
  return STATUS_OK;
}

static void write_item(struct dump_job *job, struct copse_bytes item) {
  const uint8_t *bytes = item.data;

  text_byte(&job->out, ' ');
  if (!job->print) {
    text_add_hex(&job->out, item.data, item.size);
  } else {
    for (size_t i = 0; i < item.size; i++) {
      if (bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\') {
        text_byte(&job->out, (char)bytes[i]);
      } else {
        text_byte(&job->out, '\\');
        text_add_hex(&job->out, bytes + i, 1);
      }
    }
  }
  text_byte(&job->out, '\n');
}

static void dump_record(struct dump_job *job, struct open_map *map, const struct row *row) {
  struct copse_bytes key = row->key;
  uint64_t number;

  if (map->info.key_kind == COPSE_KEY_U64 && key.size == sizeof number) {
    number = copse_key_to_u64(key.data);
    key.data = &number;
  }
  if (key.size == 0 || key.size > LMDB_KEY_MAX)
    job->unfit++;
  write_item(job, key);
  write_item(job, row->value);
}

static void dump_end(struct dump_job *job, struct open_map *map) {
  (void)map;
  text_string(&job->out, "DATA=END\n");
}

const struct format format_mdb = {"mdb", load, dump_begin, dump_record, dump_end};
