/* cli/import_arrays.c - arrays in files, one in each, become the records of an arena, or of a map whose keys
 * are the files' names. The first file says what all of them are: numbers of one type and shape. */
#include <string.h>

#include "import.h"
#include "npy.h"
#include "work.h"

static bool ends_in(const char *name, const char *end) {
  size_t size = strlen(name), tail = strlen(end);

  return size > tail && strcmp(name + size - tail, end) == 0;
}

/* The container that arrays of this shape go into, and what is wrong about this one. */
static int find_container(struct import_job *job, const char *path, const struct array *array) {
  struct shape shape = {.key_kind = job->names ? COPSE_KEY_BYTES : COPSE_KEY_SLOT};
  struct copse_layout *stored;
  struct text text = {0};
  int result, status = STATUS_OK;

  array_layout(array, &text);
  result = copse_layout_parse(text.data, &shape.layout);
  text_free(&text);
  if (result != COPSE_OK)
    return fail(result, "%s", path);
  shape.value_size = shape.layout->size;
  if (job->into == NULL)
    status = loader_map(&job->loader, job->map, &shape, &job->into);
  stored = job->into != NULL ? job->into->open.shape.layout : NULL;
  if (status == STATUS_OK && job->names &&
      strcmp(shape_key_name(&job->into->open.shape), "bytes") != 0)
    status = fail_usage("'%s' has keys of kind %s; names need bytes", job->map,
                        shape_key_name(&job->into->open.shape));
  else if (status == STATUS_OK && stored == NULL)
    status = fail_usage("'%s' has no layout; the arrays' records have one", job->map);
  else if (status == STATUS_OK && (copse_layout_compare(stored, shape.layout) != COPSE_OK ||
                                   strcmp(stored->name, shape.layout->name) != 0)) {
    shape_layout_text(&shape, &text);
    status = import_bad(job, "%s: its record is %s, which those of '%s' are not", path, text.data,
                        job->map);
    status = status == STATUS_OK ? STATUS_NOTHING : status;
    text_free(&text);
  }
  shape_free(&shape);
  return status;
}

static int import_array(struct import_job *job, const char *path, const char *name) {
  struct text content = {0}, numbers = {0};
  bool is_npy = ends_in(name, ".npy");
  struct array array;
  struct problem p;
  int status;

  if (!is_npy && !ends_in(name, ".txt"))
    return import_bad(job, "%s: neither .npy nor .txt", path);
  status = import_read(path, &content);
  if (status != STATUS_OK) {
    job->left_out++;
    status = job->skip_bad ? STATUS_OK : status;
  } else if (!(is_npy ? array_from_npy : array_from_text)(&array, &content, &numbers, &p)) {
    status = import_bad(job, "%s: %s", path, p.text);
  } else if ((status = find_container(job, path, &array)) == STATUS_OK) {
    text_set(&job->value, array.data, array.size);
    text_set(&job->key, name, strlen(name) - 4);
    status = job->names && job->key.size > COPSE_KEY_MAX
                 ? import_bad(job, "%s: a name of %zu bytes; a key has at most %d", path,
                              job->key.size, COPSE_KEY_MAX)
                 : import_put(job, job->into);
  } else if (status == STATUS_NOTHING) {
    status = STATUS_OK;
  }
  text_free(&content);
  text_free(&numbers);
  return status;
}

int import_arrays(struct import_job *job, const char *directory) {
  return import_walk(job, directory, import_array);
}
