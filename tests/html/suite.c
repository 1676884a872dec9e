/* suite.c - see suite.h. A file's cases are told apart by their first lines, "#data", before which stands an empty
 * line; sections of a case by lines that begin with "#". */
#include "suite.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static char *file_read(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  CHECK_MSG(file != NULL, "%s", path);
  CHECK_SYS(fseek(file, 0, SEEK_END));
  long end = ftell(file);
  rewind(file);
  char *text = malloc((size_t)end + 1);
  CHECK(text != NULL);
  CHECK_EQ(fread(text, 1, (size_t)end, file), (size_t)end);
  text[end] = 0;
  fclose(file);
  *size = (size_t)end;
  return text;
}

static int is_dat(const struct dirent *entry) {
  size_t size = strlen(entry->d_name);
  return size > 4 && strcmp(entry->d_name + size - 4, ".dat") == 0;
}

struct suite_file *suite_files(const char *folder, size_t *count) {
  char path[4096];
  struct dirent **entries;
  const char *data = getenv("COPSE_TEST_DATA");
  *count = 0;
  snprintf(path, sizeof path, "%s/%s", data ? data : "", folder);
  int n = data ? scandir(path, &entries, is_dat, alphasort) : -1;
  if (n <= 0)
    return NULL;
  struct suite_file *files = calloc((size_t)n, sizeof *files);
  CHECK(files != NULL);
  for (int i = 0; i < n; i++) {
    char *name;
    CHECK(asprintf(&name, "%s/%s", path, entries[i]->d_name) > 0);
    files[i].name = name;
    free(entries[i]);
  }
  free(entries);
  *count = (size_t)n;
  return files;
}

/* Where the next case begins: at "#data"; the end: there is none. */
static const char *case_next(const char *at, const char *end) {
  for (const char *found = at; (found = memmem(found, (size_t)(end - found), "\n#data\n", 7));
       found++)
    return found + 1;
  return end;
}

/* The section of a name in a case: from behind its line on. NULL: there is none. */
static const char *section_of(const char *text, size_t size, const char *name,
                              size_t *section_size) {
  const char *end = text + size, *at = text;
  size_t name_size = strlen(name);
  while (at && (size_t)(end - at) >= name_size) {
    if (memcmp(at, name, name_size) == 0) {
      const char *begin = at + name_size, *stop = begin;
      while (stop < end && *stop != '#') {
        const char *line = memchr(stop, '\n', (size_t)(end - stop));
        stop = line ? line + 1 : end;
      }
      *section_size = (size_t)(stop - begin);
      return begin;
    }
    at = memchr(at, '\n', (size_t)(end - at));
    at = at ? at + 1 : NULL;
  }
  return NULL;
}

/* "#data" may hold lines that begin with "#": it ends at "#errors". */
static void case_read(char *text, size_t size, struct suite_case *out) {
  const char *end = text + size, *errors = memmem(text, size, "\n#errors\n", 9), *section;
  CHECK_MSG(errors != NULL, "%.*s", (int)size, text);
  *out = (struct suite_case){.data = text + 6, .scripts = 3};
  out->size = errors > out->data ? (size_t)(errors - out->data) : 0;
  errors++;
  section = memmem(errors, (size_t)(end - errors), "#document\n", 10);
  CHECK_MSG(section != NULL, "%.*s", (int)size, text);
  size_t head = (size_t)(section - errors), context_size;
  out->tree = section + 10;
  out->tree_size = (size_t)(end - out->tree);
  if (memmem(errors, head, "#script-on\n", 11))
    out->scripts = 1;
  else if (memmem(errors, head, "#script-off\n", 12))
    out->scripts = 2;
  section = section_of(errors, head, "#document-fragment\n", &context_size);
  if (section) {
    ((char *)section)[context_size - 1] = 0;
    out->context = section;
  }
  while (out->tree_size && out->tree[out->tree_size - 1] == '\n')
    out->tree_size--;
}

size_t suite_text(struct suite_file *file) {
  size_t size;
  file->text = file_read(file->name, &size);
  return size;
}

void suite_read(struct suite_file *file) {
  size_t size = suite_text(file);
  const char *end = file->text + size;
  size_t room = 0;
  for (const char *at = file->text; at < end;) {
    const char *next = case_next(at, end);
    if (file->count == room) {
      room = room ? 2 * room : 64;
      file->cases = realloc(file->cases, room * sizeof *file->cases);
      CHECK(file->cases != NULL);
    }
    case_read((char *)at, (size_t)(next - at), &file->cases[file->count++]);
    at = next;
  }
}

void suite_free(struct suite_file *files, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free((char *)files[i].name);
    free(files[i].text);
    free(files[i].cases);
  }
  free(files);
}
