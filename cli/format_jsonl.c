/* cli/format_jsonl.c - JSON Lines: see format.h. */
#include <string.h>

#include "format.h"

/* --- loading ------------------------------------------------------------------------- */

/* {"key": "u64", "value_size": 48, "layout": "..."}, each optional. */
static bool read_definition(const struct json_value *define, struct shape *shape,
                            struct problem *p) {
  *shape = (struct shape){0};
  if (define->kind != JSON_OBJECT)
    return problem(p, "\"define\" must be an object");
  for (const struct json_value *m = define->first; m != NULL; m = m->next) {
    uint64_t size;
    if (m->name_size == 3 && memcmp(m->name, "key", 3) == 0) {
      if (m->kind != JSON_STRING || !shape_key_set(shape, m->text, m->size))
        return problem(p, "\"key\" must be \"bytes\", \"u64\" or \"tuple\"");
    } else if (m->name_size == 10 && memcmp(m->name, "value_size", 10) == 0) {
      if (m->kind != JSON_NUMBER || !parse_u64(m->text, m->size, &size) || size > COPSE_RECORD_MAX)
        return problem(p, "\"value_size\" must be a number up to %d", COPSE_RECORD_MAX);
      shape->value_size = (uint32_t)size;
    } else if (m->name_size == 6 && memcmp(m->name, "layout", 6) == 0) {
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

static int load_object(struct load_job *job, const struct json_value *object) {
  const struct json_value *name = json_member(object, "map"), *key = json_member(object, "key"),
                          *value = json_member(object, "value"),
                          *define = json_member(object, "define");
  struct loader_map *map;
  struct problem p;
  int status;

  for (const struct json_value *m = object->first; m != NULL; m = m->next)
    if (m != name && m != key && m != value && m != define)
      return job_bad(job, "unexpected or repeated member \"%.*s\"", (int)m->name_size, m->name);
  if (job->map == NULL) {
    if (name == NULL)
      return job_bad(job, "no member \"map\"; for lines without it name the MAP to load");
    if (!bytes_from_json(&job->name, name, &p))
      return job_bad(job, "\"map\": %s", p.text);
  }
  if (define != NULL && key == NULL && value == NULL)
    return load_definition(job, define);
  if (key == NULL || value == NULL || define != NULL)
    return job_bad(job, "expected the members \"key\" and \"value\"");
  status = job_map(job, job->name.data, job->name.size, NULL, &map);
  if (status != STATUS_OK || map == NULL)
    return status;
  if (!key_from_json(&job->key, &map->open.shape, key, &p) ||
      !value_from_json(&job->value, &map->open.shape, value, &p))
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
  json_object_end(&w);
  json_object_end(&w);
  json_line_end(&w);
  text_free(&layout);
  return STATUS_OK;
}

static void dump_record(struct dump_job *job, struct open_map *map, struct copse_bytes key,
                        struct copse_bytes value) {
  struct json_writer w = {.out = &job->out};

  json_object(&w, NULL);
  if (job->named)
    json_string(&w, "map", map->info.name);
  key_to_json(&w, "key", &map->shape, key);
  value_to_json(&w, "value", &map->shape, value);
  json_object_end(&w);
  json_line_end(&w);
}

const struct format format_jsonl = {"jsonl", load, dump_begin, dump_record, NULL};
