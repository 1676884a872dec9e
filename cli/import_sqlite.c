/* cli/import_sqlite.c - a table of an SQLite database into a map.
 *
 * The key is the primary key, or the rowid of a table that has none (or an INTEGER PRIMARY
 * KEY, which is the rowid): an integer key makes a new map one of u64 keys. Text and blobs
 * are keys as they are; other numbers as text; a key of several columns is their JSON array,
 * so that no two keys can be mistaken for one another. The value is a JSON object of all
 * columns, or the record of the map's layout, whose fields choose the columns. */
#include <inttypes.h>
#include <string.h>

#include "import.h"
#include "sqlite.h"
#include "work.h"
#include <copse/key.h>

struct table {
  struct sqlite sqlite;
  struct sqlite3 *database;
  struct sqlite3_stmt *rows;
  const char *file, *name, *key_column;
  struct text keys; /* "a","b": quoted names, as the query has them */
  int key_count;
  bool integer_key; /* one column, of which all values are integers */
};

static int sqlite_failed(const struct table *t, const char *what) {
  return fail_with(STATUS_STORE, "%s: %s: %s", t->file, what, t->sqlite.errmsg(t->database));
}

/* quote: " for a name, ' for a string. */
static void add_quoted(struct text *sql, char quote, const char *name, size_t size) {
  text_byte(sql, quote);
  for (size_t i = 0; i < size; i++) {
    if (name[i] == quote)
      text_byte(sql, quote);
    text_byte(sql, name[i]);
  }
  text_byte(sql, quote);
}

static void add_name(struct text *sql, const char *name) {
  add_quoted(sql, '"', name, strlen(name));
}

static int prepare(struct table *t, const char *sql, struct sqlite3_stmt **statement) {
  if (t->sqlite.prepare_v2(t->database, sql, -1, statement, NULL) != SQLITE_OK)
    return sqlite_failed(t, t->name);
  return STATUS_OK;
}

static const char *column_data(struct table *t, struct sqlite3_stmt *s, int column, size_t *size) {
  /* The order matters: asking for the blob may convert the value and so change its size. */
  const char *data = t->sqlite.column_blob(s, column);

  *size = (size_t)t->sqlite.column_bytes(s, column);
  return data != NULL ? data : "";
}

/* --- the key ------------------------------------------------------------------------- */

/* Finds the columns of the primary key, in its order. */
static int find_primary_key(struct table *t) {
  struct text sql = {0};
  struct sqlite3_stmt *columns = NULL;
  bool integer = false;
  int status;

  text_string(&sql, "SELECT name, upper(type) FROM pragma_table_info(");
  add_quoted(&sql, '\'', t->name, strlen(t->name));
  text_string(&sql, ") WHERE pk > 0 ORDER BY pk");
  status = prepare(t, sql.data, &columns);
  while (status == STATUS_OK && t->sqlite.step(columns) == SQLITE_ROW) {
    size_t name_size, type_size;
    const char *name = column_data(t, columns, 0, &name_size);
    const char *type;
    if (t->key_count++ != 0)
      text_byte(&t->keys, ',');
    add_quoted(&t->keys, '"', name, name_size);
    type = column_data(t, columns, 1, &type_size);
    integer = t->key_count == 1 && type_size == 7 && memcmp(type, "INTEGER", 7) == 0;
  }
  if (t->key_count == 0) {
    text_string(&t->keys, "rowid");
    t->key_count = 1;
    integer = true;
  }
  t->integer_key = integer;
  t->sqlite.finalize(columns);
  text_free(&sql);
  return status;
}

static void key_column_to_json(struct table *t, struct json_writer *w, const char *name,
                               int column) {
  size_t size;
  const char *data;

  switch (t->sqlite.column_type(t->rows, column)) {
  case SQLITE_INTEGER: json_i64(w, name, t->sqlite.column_int64(t->rows, column)); break;
  case SQLITE_FLOAT: json_double(w, name, t->sqlite.column_double(t->rows, column)); break;
  case SQLITE_TEXT:
    data = column_data(t, t->rows, column, &size);
    json_bytes(w, name, data, size);
    break;
  case SQLITE_BLOB:
    data = column_data(t, t->rows, column, &size);
    json_object(w, name);
    json_hex(w, "hex", data, size);
    json_object_end(w);
    break;
  default: json_null(w, name);
  }
}

static bool tuple_of_columns(struct table *t, struct text *key, struct problem *p) {
  struct copse_key_writer w;
  const char *data;
  size_t size;
  int result;

  copse_key_write(&w, text_room(key, COPSE_KEY_MAX), COPSE_KEY_MAX, 0);
  for (int i = 0; i < t->key_count; i++) {
    int type = t->sqlite.column_type(t->rows, i);
    if (type == SQLITE_INTEGER) {
      copse_key_put_i64(&w, t->sqlite.column_int64(t->rows, i));
    } else if (type == SQLITE_FLOAT) {
      copse_key_put_double(&w, t->sqlite.column_double(t->rows, i));
    } else if (type == SQLITE_NULL) {
      copse_key_put_null(&w);
    } else {
      data = column_data(t, t->rows, i, &size);
      (type == SQLITE_TEXT ? copse_key_put_text : copse_key_put_bytes)(&w, data, size);
    }
  }
  result = copse_key_finish(&w, &key->size);
  return result == COPSE_OK || problem(p, "key: %s", copse_error_detail());
}

/* The key of the present row. */
static bool row_key(struct table *t, const struct shape *shape, struct text *key,
                    struct problem *p) {
  struct json_writer w = {.out = key};
  int type = t->sqlite.column_type(t->rows, 0);
  const char *data;
  size_t size;

  text_clear(key);
  text_room(key, 0);
  if (shape->key_kind == COPSE_KEY_U64) {
    uint8_t bytes[8];
    long long number = t->sqlite.column_int64(t->rows, 0);
    if (t->key_count != 1 || type != SQLITE_INTEGER || number < 0)
      return problem(p, "the map's keys are whole numbers from 0 on, and this key is not "
                        "(--key bytes makes a map that takes it)");
    copse_key_u64((uint64_t)number, bytes);
    text_set(key, bytes, sizeof bytes);
    return true;
  }
  if (shape->key_encoding == COPSE_KEYS_TUPLE)
    return tuple_of_columns(t, key, p);
  if (t->key_count != 1) {
    json_array(&w, NULL);
    for (int i = 0; i < t->key_count; i++)
      key_column_to_json(t, &w, NULL, i);
    json_array_end(&w);
  } else if (type == SQLITE_NULL) {
    return problem(p, "the key is NULL");
  } else if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
    data = column_data(t, t->rows, 0, &size);
    text_set(key, data, size);
  } else {
    key_column_to_json(t, &w, NULL, 0);
  }
  if (key->size > COPSE_KEY_MAX)
    return problem(p, "a key of %zu bytes; the most is %d", key->size, COPSE_KEY_MAX);
  return true;
}

/* --- the value ----------------------------------------------------------------------- */

/* The columns behind the key, as the object that stands for the row. */
static void row_json(struct table *t, struct text *out) {
  struct json_writer w = {.out = out};
  int columns = t->sqlite.column_count(t->rows);

  json_object(&w, NULL);
  for (int i = t->key_count; i < columns; i++)
    key_column_to_json(t, &w, t->sqlite.column_name(t->rows, i), i);
  json_object_end(&w);
}

/* A field of kind bytes takes a blob as it is; all else goes by way of JSON. */
static bool row_record(struct table *t, const struct shape *shape, struct text *value,
                       struct problem *p) {
  static struct json_document document;
  struct text json = {0};
  struct json_writer w = {.out = &json};
  const struct json_value *v;
  bool good;
  int column = t->key_count;

  json_object(&w, NULL);
  for (uint32_t i = 0; i < shape->layout->field_count; i++) {
    const struct copse_field *f = &shape->layout->fields[i];
    if (f->kind == COPSE_FIELD_pad)
      continue;
    if (f->kind == COPSE_FIELD_bytes && t->sqlite.column_type(t->rows, column) == SQLITE_BLOB) {
      size_t size;
      const char *data = column_data(t, t->rows, column, &size);
      json_hex(&w, f->name, data, size);
    } else {
      key_column_to_json(t, &w, f->name, column);
    }
    column++;
  }
  json_object_end(&w);
  good = json_read(&document, json.data, json.size, &v, p) && value_from_json(value, shape, v, p);
  text_free(&json);
  return good;
}

/* --- the table ----------------------------------------------------------------------- */

/* SELECT key columns, value columns FROM table ORDER BY key columns: rows in the order in
 * which SQLite finds them by the key, which for most keys is the map's order too. */
static int select_rows(struct table *t, const struct shape *shape) {
  struct text sql = {0};
  int status;

  text_printf(&sql, "SELECT %s", t->keys.data);
  if (shape->layout == NULL)
    text_string(&sql, ",*");
  for (uint32_t i = 0; shape->layout != NULL && i < shape->layout->field_count; i++) {
    const struct copse_field *f = &shape->layout->fields[i];
    if (f->kind == COPSE_FIELD_pad)
      continue;
    /* With the table's name, so that a field without a column is an error and not, by an old
     * habit of SQLite's, a string. */
    text_byte(&sql, ',');
    add_name(&sql, t->name);
    text_byte(&sql, '.');
    add_name(&sql, f->name);
  }
  text_string(&sql, " FROM ");
  add_name(&sql, t->name);
  text_printf(&sql, " ORDER BY %s", t->keys.data);
  status = prepare(t, sql.data, &t->rows);
  text_free(&sql);
  return status;
}

static int count_rows(struct table *t, uint64_t *rows) {
  struct text sql = {0};
  struct sqlite3_stmt *statement = NULL;
  int status;

  text_string(&sql, "SELECT count(*) FROM ");
  add_name(&sql, t->name);
  status = prepare(t, sql.data, &statement);
  if (status == STATUS_OK && t->sqlite.step(statement) == SQLITE_ROW)
    *rows = (uint64_t)t->sqlite.column_int64(statement, 0);
  t->sqlite.finalize(statement);
  text_free(&sql);
  return status;
}

static int import_rows(struct import_job *job, struct table *t, struct loader_map *map) {
  struct problem p;
  uint64_t row = 0;
  int result, status = STATUS_OK;

  while (status == STATUS_OK && (result = t->sqlite.step(t->rows)) != SQLITE_DONE) {
    bool good;
    if (result != SQLITE_ROW)
      return sqlite_failed(t, t->name);
    if (work_interrupted())
      return fail_with(STATUS_INTERRUPTED, "interrupted");
    row++;
    text_clear(&job->value);
    good = row_key(t, &map->open.shape, &job->key, &p);
    if (good && map->open.shape.layout != NULL)
      good = row_record(t, &map->open.shape, &job->value, &p);
    else if (good)
      row_json(t, &job->value);
    status = good ? import_put(job, map)
                  : import_bad(job, "%s: row %" PRIu64 ": %s", t->name, row, p.text);
  }
  return status;
}

static int import_table(struct import_job *job, struct table *t) {
  struct loader_map *map;
  struct shape shape = {0};
  int status = STATUS_OK;

  if (t->key_column != NULL) {
    /* With the table's name, for the same reason as the columns of a layout. */
    add_name(&t->keys, t->name);
    text_byte(&t->keys, '.');
    add_name(&t->keys, t->key_column);
    t->key_count = 1;
  } else {
    status = find_primary_key(t);
  }
  if (status == STATUS_OK)
    status = count_rows(t, &job->all);
  shape.key_kind = t->integer_key ? COPSE_KEY_U64 : COPSE_KEY_BYTES;
  if (status == STATUS_OK)
    status = loader_map(&job->loader, job->map, &shape, &map);
  if (status == STATUS_OK)
    status = select_rows(t, &map->open.shape);
  if (status == STATUS_OK)
    status = import_rows(job, t, map);
  return status;
}

int import_sqlite(struct import_job *job, const char *file, const char *name,
                  const char *key_column) {
  struct table t = {.file = file, .name = name, .key_column = key_column};
  int status = sqlite_load(&t.sqlite);

  if (status != STATUS_OK)
    return status;
  if (t.sqlite.open_v2(file, &t.database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
    status = sqlite_failed(&t, "cannot be opened");
  } else {
    t.sqlite.busy_timeout(t.database, 60000);
    status = import_table(job, &t);
  }
  t.sqlite.finalize(t.rows);
  t.sqlite.close(t.database);
  text_free(&t.keys);
  return status;
}
