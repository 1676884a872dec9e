/* cli/format_jsonl.c - JSON Lines: see format.h. */
#include <string.h>

#include "format.h"

/* --- loading ------------------------------------------------------------------------- */

static bool is_named(const struct json_value *member, const char *name) {
  return member->name_size == strlen(name) && memcmp(member->name, name, member->name_size) == 0;
}

/* "arena": the number that handles begin with. */
static bool read_arena(const struct json_value *v, struct shape *shape, struct problem *p) {
  bool good = v->kind == JSON_STRING && v->size == 16;

  shape->arena = 0;
  for (size_t i = 0; good && i < v->size; i++) {
    good = hex_digit(v->text[i]) >= 0;
    shape->arena = shape->arena << 4 | (uint64_t)hex_digit(v->text[i]);
  }
  return good || problem(p, "\"arena\" must be 16 hexadecimal digits");
}

/* {"key": "u64", "value_size": 48, "layout": "...", "arena": "..."}, each optional. */
static bool read_definition(const struct json_value *define, struct shape *shape,
                            struct problem *p) {
  *shape = (struct shape){0};
  if (define->kind != JSON_OBJECT)
    return problem(p, "\"define\" must be an object");
  for (const struct json_value *m = define->first; m != NULL; m = m->next) {
    uint64_t size;
    if (is_named(m, "key")) {
      if (m->kind == JSON_STRING && m->size == 4 && memcmp(m->text, "slot", 4) == 0)
        shape->key_kind = COPSE_KEY_SLOT;
      else if (m->kind != JSON_STRING || !shape_key_set(shape, m->text, m->size))
        return problem(p, "\"key\" must be \"bytes\", \"u64\", \"tuple\" or \"slot\"");
    } else if (is_named(m, "value_size")) {
      if (m->kind != JSON_NUMBER || !parse_u64(m->text, m->size, &size) ||
          size > COPSE_ARENA_RECORD_MAX)
        return problem(p, "\"value_size\" must be a number up to %d", COPSE_ARENA_RECORD_MAX);
      shape->value_size = (uint32_t)size;
    } else if (is_named(m, "arena")) {
      if (!read_arena(m, shape, p))
        return false;
    } else if (is_named(m, "layout")) {
      struct text layout = {0};
      int result = COPSE_E_ARGUMENT;
      text_add(&layout, m->text, m->kind == JSON_STRING ? m->size : 0);
      if (shape->layout == NULL)
        result = copse_layout_parse(layout.data, &shape->layout);
      text_free(&layout);
      if (result != COPSE_OK)
        return problem(p, "\"layout\": %.200s", copse_error_detail());
    } else {
      return problem(p, "\"define\" has no member \"%.*s\"", (int)m->name_size, m->name);
    }
  }
  if (shape->layout != NULL)
    shape->value_size = shape->layout->size;
  if (shape->key_kind != COPSE_KEY_SLOT &&
      (shape->arena != 0 || shape->value_size > COPSE_RECORD_MAX))
    return problem(p, shape->arena != 0 ? "\"arena\" is for arenas: \"key\": \"slot\""
                                        : "\"value_size\" is greater than a map's may be");
  return true;
}

static int load_definition(struct load_job *job, const struct json_value *define) {
  struct loader_map *map;
  struct shape shape;
  struct problem p;
  int status;

  if (read_definition(define, &shape, &p))
    status = job_map(job, job->name.data, job->name.size, &shape, &map);
  else
    status = job_bad(job, "%s", p.text);
  shape_free(&shape);
  return status;
}

/* The slot of an arena that the job's key names. */
static int load_slot(struct load_job *job, struct loader_map *map, const struct json_value *value,
                     const struct json_value *generation) {
  struct copse_slots slots = {.first = copse_key_to_u64(job->key.data), .count = 1};
  uint64_t number = 1;
  struct problem p;

  if (value == NULL && generation == NULL)
    return job_bad(job, "expected \"value\", or \"generation\" for a free slot");
  if (generation != NULL &&
      (generation->kind != JSON_NUMBER || !parse_u64(generation->text, generation->size, &number) ||
       number == 0 || number > INT32_MAX))
    return job_bad(job, "\"generation\" must be a number from 1 to %d", INT32_MAX);
  if (slots.first >= COPSE_ARENA_INDEX_END)
    return job_bad(job, "key: slots are numbered below 2^48");
  if (value != NULL && !value_from_json(&job->value, &map->open.shape, value, &p))
    return job_bad(job, "%s", p.text);
  slots.generation = (uint32_t)number;
  slots.records = value != NULL ? job->value.data : NULL;
  return job_restore(job, map, &slots);
}

static int load_object(struct load_job *job, const struct json_value *object) {
  const struct json_value *name = json_member(object, "map"), *key = json_member(object, "key"),
                          *value = json_member(object, "value"),
                          *define = json_member(object, "define"),
                          *generation = json_member(object, "generation");
  struct loader_map *map;
  struct problem p;
  int status;

  for (const struct json_value *m = object->first; m != NULL; m = m->next)
    if (m != name && m != key && m != value && m != define && m != generation)
      return job_bad(job, "unexpected or repeated member \"%.*s\"", (int)m->name_size, m->name);
  if (job->map == NULL) {
    if (name == NULL)
      return job_bad(job, "no member \"map\"; for lines without it name the MAP to load");
    if (!bytes_from_json(&job->name, name, &p))
      return job_bad(job, "\"map\": %s", p.text);
  }
  if (define != NULL && key == NULL && value == NULL)
    return load_definition(job, define);
  if (key == NULL || (value == NULL && generation == NULL) || define != NULL)
    return job_bad(job, "expected the members \"key\" and \"value\"");
  status = job_map(job, job->name.data, job->name.size, NULL, &map);
  if (status != STATUS_OK || map == NULL)
    return status;
  if (!key_from_json(&job->key, &map->open.shape, key, &p))
    return job_bad(job, "%s", p.text);
  if (map->open.arena != NULL)
    return load_slot(job, map, value, generation);
  if (value == NULL || generation != NULL)
    return job_bad(job, "\"generation\" is for arenas, and '%s' is a map", map->name);
  if (!value_from_json(&job->value, &map->open.shape, value, &p))
    return job_bad(job, "%s", p.text);
  return job_put(job, map);
}

static int load(struct load_job *job) {
  const struct json_value *object;
  struct problem p;
  char *line;
  size_t size;
  int status;

  while ((status = job_line(job, &line, &size)) == STATUS_OK && line != NULL) {
    if (!json_read(&job->document, line, size, &object, &p))
      status = job_bad(job, "%s", p.text);
    else if (object->kind != JSON_OBJECT)
      status = job_bad(job, "an object was expected, not %s", json_kind_name(object->kind));
    else
      status = load_object(job, object);
    if (status != STATUS_OK)
      break;
  }
  return status;
}

/* --- dumping ------------------------------------------------------------------------- */

static int dump_begin(struct dump_job *job, struct open_map *map) {
  struct json_writer w = {.out = &job->out};
  struct text layout = {0};

  json_object(&w, NULL);
  if (job->named)
    json_string(&w, "map", map->info.name);
  json_object(&w, "define");
  json_string(&w, "key", shape_key_name(&map->shape));
  if (map->info.value_size != 0)
    json_u64(&w, "value_size", map->info.value_size);
  if (map->shape.layout != NULL) {
    shape_layout_text(&map->shape, &layout);
    json_string(&w, "layout", layout.data);
  }
  if (map->arena != NULL)
    json_number_hex(&w, "arena", map->shape.arena);
  json_object_end(&w);
  json_object_end(&w);
  json_line_end(&w);
  text_free(&layout);
  return STATUS_OK;
}

static void dump_record(struct dump_job *job, struct open_map *map, const struct row *row) {
  struct json_writer w = {.out = &job->out};
  bool free = map->arena != NULL && row->value.data == NULL;

  json_object(&w, NULL);
  if (job->named)
    json_string(&w, "map", map->info.name);
  key_to_json(&w, "key", &map->shape, row->key);
  if (row->generation > 1 || free)
    json_u64(&w, "generation", row->generation);
  if (!free)
    value_to_json(&w, "value", &map->shape, row->value);
  json_object_end(&w);
  json_line_end(&w);
}

const struct format format_jsonl = {"jsonl", load, dump_begin, dump_record, NULL};
