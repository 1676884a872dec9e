/* cli/command_records.c - get, put, del, scan: single records and ranges of a map. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "rows.h"
#include "units.h"
#include "value.h"
#include "work.h"

/* --- get ----------------------------------------------------------------------------- */

static void row_to_json(struct text *out, const struct open_map *map, const struct row *row,
                        bool values) {
  struct json_writer w = {.out = out};

  json_object(&w, NULL);
  key_to_json(&w, "key", &map->shape, row->key);
  if (map->arena != NULL)
    json_u64(&w, "generation", row->generation);
  if (values)
    value_to_json(&w, "value", &map->shape, row->value);
  json_object_end(&w);
  json_line_end(&w);
}

static void print_value(struct text *out, const struct open_map *map, const struct row *row) {
  if (common.json) {
    row_to_json(out, map, row, true);
    return;
  }
  value_show(out, &map->shape, form_given(), row->value);
  if (form_given() != FORM_RAW)
    text_byte(out, '\n');
}

/* The record in a slot; typed is INDEX, or INDEX:GENERATION, which must be the record's. COPSE_NONE: the
 * slot is empty. */
static int find_slot(struct session *s, struct open_map *map, size_t index_size, const char *typed,
                     struct row *row) {
  struct copse_handle handle = {.index = copse_key_to_u64(row->key.data)};
  const char *digits = typed + index_size + 1;
  uint64_t generation;
  const void *record;
  int result;

  if (typed[index_size] == 0) {
    result = copse_arena_at(session_view(s), map->arena, handle.index, &handle, &record);
  } else if (!parse_u64(digits, strlen(digits), &generation) || generation > UINT32_MAX) {
    return fail_with(STATUS_USAGE, "'%s': INDEX or INDEX:GENERATION was expected", typed);
  } else {
    handle.arena = map->shape.arena;
    handle.generation = (uint32_t)generation;
    result = copse_arena_get(session_view(s), map->arena, &handle, &record);
  }
  if (result == COPSE_NONE)
    return STATUS_NOTHING;
  if (result != COPSE_OK)
    return fail(result, "%s", typed);
  row->generation = handle.generation;
  row->value = (struct copse_bytes){record, map->info.value_size};
  return STATUS_OK;
}

static int get_value(struct session *s, struct open_map *map, const char *typed) {
  size_t size = map->arena != NULL ? strcspn(typed, ":") : strlen(typed);
  struct text key = {0}, out = {0};
  struct row row = {.generation = 0};
  struct problem p;
  int status = STATUS_OK;

  if (!key_parse(&key, &map->shape, form_given(), typed, size, &p)) {
    status = fail_with(STATUS_USAGE, "%s", p.text);
  } else if (row.key = bytes_of(&key), map->arena != NULL) {
    status = find_slot(s, map, size, typed, &row);
  } else {
    int result = copse_get(session_view(s), map->map, key.data, key.size, &row.value);
    if (result == COPSE_NONE)
      status = STATUS_NOTHING; /* no message: a script asks, and reads the exit code */
    else if (result != COPSE_OK)
      status = fail(result, "%s", typed);
  }
  if (status == STATUS_OK)
    print_value(&out, map, &row);
  text_output(&out);
  text_free(&out);
  text_free(&key);
  return status;
}

static int run_get(char **operands, size_t count) {
  struct session s;
  struct open_map map;
  int status = session_open(&s, operands[0], ACCESS_READ);

  (void)count;
  if (status == STATUS_OK)
    status = session_snapshot(&s);
  if (status == STATUS_OK && (status = map_open(&s, operands[1], &map)) == STATUS_OK) {
    status = get_value(&s, &map, operands[2]);
    map_close(&map);
  }
  return session_close(&s, status);
}

const struct command command_get = {
    .name = "get",
    .operands = "STORE MAP KEY",
    .summary = "Print the value of a key",
    .text = "Exit code 1, and no output, when the key is not there. With --raw the value is\n"
            "printed as it is, without a newline behind it.\n"
            "In an arena KEY is a slot's index, or INDEX:GENERATION, as in handles: then it\n"
            "is an error when that record was removed.\n",
    .examples = "  copse get /dev/shm/books titles 0262033844\n"
                "  copse get --raw photos.copse files cat.jpg >cat.jpg\n"
                "  copse get --json /dev/shm/market quotes 1700000000\n",
    .groups = {form_options, json_options, common_options},
    .run = run_get,
};

/* --- put ----------------------------------------------------------------------------- */

static struct {
  bool insert, replace;
  const char *expect, *file;
} put_given;

static const struct option put_options[] = {
    {"insert", 'i', NULL, "only if the key is not there; else exit code 1",
     .flag = &put_given.insert},
    {"replace", 'R', NULL, "only if the key is there; else exit code 1",
     .flag = &put_given.replace},
    {"expect", 'e', "VALUE", "only if this is the value; else exit code 1",
     .text = &put_given.expect},
    {"file", 'f', "FILE", "the value is a file's content (-: standard input)",
     .text = &put_given.file},
    {0},
};

static int read_file(const char *path, struct text *out) {
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  size_t got;
  int status = STATUS_OK;

  if (file == NULL)
    return fail_system("%s", path);
  do {
    got = fread(text_room(out, 1 << 16), 1, 1 << 16, file);
    out->size += got;
  } while (got != 0);
  if (ferror(file))
    status = fail_system("%s", path);
  if (file != stdin)
    fclose(file);
  return status;
}

/* The bytes of the operands KEY and VALUE, or of the file. */
static int parse_pair(const struct open_map *map, char **operands, struct text *key,
                      struct text *value) {
  struct problem p;
  int status;

  if (!key_parse(key, &map->shape, form_given(), operands[2], strlen(operands[2]), &p))
    return fail_with(STATUS_USAGE, "%s", p.text);
  if (put_given.file != NULL) {
    text_room(value, 0);
    status = read_file(put_given.file, value);
    /* Records come as JSON from a file too; plain bytes are taken as they are. */
    if (status == STATUS_OK && map->shape.layout != NULL && form_given() == FORM_TEXT) {
      struct text json = *value;
      *value = (struct text){0};
      if (!value_parse(value, &map->shape, FORM_TEXT, json.data, json.size, &p))
        status = fail_with(STATUS_USAGE, "%s", p.text);
      text_free(&json);
    }
    return status;
  }
  if (!value_parse(value, &map->shape, form_given(), operands[3], strlen(operands[3]), &p))
    return fail_with(STATUS_USAGE, "%s", p.text);
  return STATUS_OK;
}

static int put_value(struct session *s, struct open_map *map, char **operands) {
  struct text key = {0}, value = {0}, expected = {0};
  struct copse_bytes after, before;
  struct problem p;
  int result, status = parse_pair(map, operands, &key, &value);

  if (status == STATUS_OK && put_given.expect != NULL) {
    if (!value_parse(&expected, &map->shape, form_given(), put_given.expect,
                     strlen(put_given.expect), &p))
      status = fail_with(STATUS_USAGE, "--expect: %s", p.text);
    after = bytes_of(&value);
    before = bytes_of(&expected);
  }
  if (status == STATUS_OK) {
    if (put_given.expect != NULL)
      result = copse_compare_and_set(s->txn, map->map, key.data, key.size, &before, &after);
    else
      result = copse_put(s->txn, map->map, key.data, key.size, value.data, value.size,
                         (put_given.insert ? (uint32_t)COPSE_INSERT : 0) |
                             (put_given.replace ? (uint32_t)COPSE_REPLACE : 0));
    if (result == COPSE_OK)
      status = session_commit(s, NULL);
    else if (result == COPSE_NONE)
      status = fail_with(STATUS_NOTHING, "%s: the key is not there", operands[2]);
    else
      status = fail(result, "%s", operands[2]);
  }
  text_free(&key);
  text_free(&value);
  text_free(&expected);
  return status;
}

static int run_put(char **operands, size_t count) {
  struct session s;
  struct open_map map;
  int status;

  if ((put_given.file != NULL) == (count == 4))
    return fail_usage("give either a VALUE or --file");
  if (put_given.insert + put_given.replace + (put_given.expect != NULL) > 1)
    return fail_usage("--insert, --replace and --expect exclude each other");
  status = session_open(&s, operands[0], ACCESS_WRITE);
  if (status == STATUS_OK)
    status = session_begin(&s);
  if (status == STATUS_OK && (status = map_open(&s, operands[1], &map)) == STATUS_OK) {
    status = put_value(&s, &map, operands);
    session_abort(&s);
    map_close(&map);
  }
  return session_close(&s, status);
}

const struct command command_put = {
    .name = "put",
    .operands = "STORE MAP KEY [VALUE]",
    .summary = "Store a value under a key",
    .text = "A value of a map with a layout is a JSON object with every field. From --file,\n"
            "plain bytes are taken as they are.\n",
    .examples = "  copse put /dev/shm/books titles 0262033844 'Introduction to Algorithms'\n"
                "  copse put --insert /dev/shm/jobs locks nightly \"$HOSTNAME\" || exit\n"
                "  copse put --expect 41 /dev/shm/jobs counters visits 42\n"
                "  copse put /dev/shm/market quotes 7 '{\"bid\": 1.5, \"ask\": 1.6}'\n"
                "  copse put photos.copse files cat.jpg --file cat.jpg\n",
    .groups = {put_options, form_options, lock_options, common_options},
    .run = run_put,
};

/* --- del ----------------------------------------------------------------------------- */

static struct {
  bool all;
  const char *expect;
} del_given;

static const struct option del_options[] = {
    {"all", 0, NULL, "every key of the map", .flag = &del_given.all},
    {"expect", 'e', "VALUE", "only if this is the value; else exit code 1",
     .text = &del_given.expect},
    {0},
};

static int delete_key(struct session *s, struct open_map *map, const char *typed,
                      uint64_t *deleted) {
  struct text key = {0}, expected = {0};
  struct copse_bytes before;
  struct problem p;
  int result, status = STATUS_OK;

  if (!key_parse(&key, &map->shape, form_given(), typed, strlen(typed), &p) ||
      (del_given.expect != NULL && !value_parse(&expected, &map->shape, form_given(),
                                                del_given.expect, strlen(del_given.expect), &p))) {
    status = fail_with(STATUS_USAGE, "%s", p.text);
  } else {
    before = bytes_of(&expected);
    result = del_given.expect != NULL
                 ? copse_compare_and_set(s->txn, map->map, key.data, key.size, &before, NULL)
                 : copse_delete(s->txn, map->map, key.data, key.size);
    if (result == COPSE_OK)
      *deleted += 1;
    else if (result != COPSE_NONE)
      status = fail(result, "%s", typed);
  }
  text_free(&key);
  text_free(&expected);
  return status;
}

static int delete_range(struct session *s, struct open_map *map, uint64_t *deleted) {
  struct key_range range;
  int status = key_range_given(&range, &map->shape);

  if (status == STATUS_OK) {
    int result = copse_delete_range(s->txn, map->map, &range.range, deleted);
    if (result != COPSE_OK)
      status = fail(result, "map %s", map->info.name);
  }
  key_range_free(&range);
  return status;
}

static int delete_from(struct session *s, struct open_map *map, char **keys) {
  struct text out = {0};
  uint64_t deleted = 0;
  int status = STATUS_OK;

  if (*keys == NULL)
    status = delete_range(s, map, &deleted);
  for (; *keys != NULL && status == STATUS_OK; keys++)
    status = delete_key(s, map, *keys, &deleted);
  if (status == STATUS_OK && deleted != 0)
    status = session_commit(s, NULL);
  if (status != STATUS_OK)
    return status;
  if (common.json) {
    struct json_writer w = {.out = &out};
    json_object(&w, NULL);
    json_u64(&w, "deleted", deleted);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet) {
    units_counted(&out, deleted, "record");
    text_string(&out, " deleted\n");
  }
  text_output(&out);
  text_free(&out);
  return deleted != 0 ? STATUS_OK : STATUS_NOTHING;
}

static int run_del(char **operands, size_t count) {
  bool range = range_given.from != NULL || range_given.to != NULL || range_given.prefix != NULL;
  struct session s;
  struct open_map map;
  int status;

  if ((count > 2) + range + del_given.all != 1)
    return fail_usage("give either keys, or a range by --from, --to and --prefix, or --all");
  if (del_given.expect != NULL && count != 3)
    return fail_usage("--expect goes with one key");
  status = session_open(&s, operands[0], ACCESS_WRITE);
  if (status == STATUS_OK)
    status = session_begin(&s);
  if (status == STATUS_OK && (status = map_open(&s, operands[1], &map)) == STATUS_OK) {
    status = delete_from(&s, &map, operands + 2);
    session_abort(&s);
    map_close(&map);
  }
  return session_close(&s, status);
}

const struct command command_del = {
    .name = "del",
    .operands = "STORE MAP [KEY...]",
    .summary = "Delete keys, or a range of keys",
    .text = "All of it happens in one transaction. Exit code 1 when nothing was there.\n",
    .examples = "  copse del /dev/shm/books titles 0262033844\n"
                "  copse del /dev/shm/market quotes --to 1700000000\n"
                "  copse del /dev/shm/cache pages --prefix https://example.org/\n",
    .groups = {del_options, range_options, form_options, lock_options, json_options, quiet_options,
               common_options},
    .run = run_del,
};

/* --- scan ---------------------------------------------------------------------------- */

static struct {
  bool reverse, keys_only;
  uint64_t limit;
} scan_given = {.limit = UINT64_MAX};

static const struct option scan_options[] = {
    {"reverse", 'R', NULL, "from the last key to the first", .flag = &scan_given.reverse},
    {"limit", 'n', "N", "at most so many records", .number = &scan_given.limit},
    {"keys-only", 0, NULL, "no values", .flag = &scan_given.keys_only},
    {0},
};

static void print_record(struct text *out, const struct open_map *map, const struct row *row) {
  if (common.json) {
    row_to_json(out, map, row, !scan_given.keys_only);
    return;
  }
  key_show(out, &map->shape, form_given(), row->key);
  if (!scan_given.keys_only) {
    text_byte(out, '\t');
    value_show(out, &map->shape, form_given(), row->value);
  }
  text_byte(out, '\n');
}

static int scan_rows(struct rows *rows, struct open_map *map) {
  struct text out = {0};
  struct row row;
  int status = STATUS_OK, result = COPSE_OK;

  for (uint64_t n = 0; n < scan_given.limit && !output_failed(); n++) {
    if (work_interrupted()) {
      status = STATUS_INTERRUPTED;
      break;
    }
    result = scan_given.reverse ? rows_back(rows, &row) : rows_next(rows, &row);
    if (result != COPSE_OK)
      break;
    print_record(&out, map, &row);
    text_output(&out);
  }
  if (result < 0)
    status = fail(result, "map %s", map->info.name);
  text_free(&out);
  return status;
}

static int run_scan(char **operands, size_t count) {
  struct session s;
  struct open_map map;
  struct key_range range;
  struct rows rows;
  int status = session_open(&s, operands[0], ACCESS_READ);

  (void)count;
  if (status == STATUS_OK)
    status = session_snapshot(&s);
  if (status == STATUS_OK && (status = map_open(&s, operands[1], &map)) == STATUS_OK) {
    status = key_range_given(&range, &map.shape);
    if (status == STATUS_OK)
      status = rows_open(&rows, session_view(&s), &map, &range.range);
    if (status == STATUS_OK) {
      status = scan_rows(&rows, &map);
      rows_close(&rows);
    }
    key_range_free(&range);
    map_close(&map);
  }
  return session_close(&s, status);
}

const struct command command_scan = {
    .name = "scan",
    .operands = "STORE MAP",
    .summary = "Print the records of a map in key order",
    .text = "A line for each record: the key, a tab, the value. All of it is one snapshot.\n"
            "The lines can be read back by 'copse load', except with --raw.\n"
            "Of an arena the key is the slot's index; --json adds the generation.\n",
    .examples = "  copse scan /dev/shm/books titles --prefix 02620\n"
                "  copse scan /dev/shm/market quotes --from 1700000000 --limit 10 --json\n"
                "  copse scan /dev/shm/market quotes --reverse --limit 1\n",
    .groups = {scan_options, range_options, form_options, json_options, common_options},
    .run = run_scan,
};
