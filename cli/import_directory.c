/* cli/import_directory.c - the files below a directory: into a map, where the key is the path from
 * there, the value the content. Symbolic links are not followed; what is no plain file is
 * passed over, with a note. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import.h"
#include "work.h"

static int by_name(const FTSENT **a, const FTSENT **b) {
  return strverscmp((*a)->fts_name, (*b)->fts_name); /* file2 before file10 */
}

int import_read(const char *path, struct text *out) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t got = 0;

  if (descriptor < 0)
    return fail_system("%s", path);
  text_clear(out);
  do {
    struct stat info;
    size_t room = 1 << 16;
    /* One byte more than the file has left, so that the end is seen without growing. */
    if (fstat(descriptor, &info) == 0 && info.st_size > 0 && (size_t)info.st_size >= out->size)
      room = (size_t)info.st_size - out->size + 1;
    got = read(descriptor, text_room(out, room), room);
    if (got > 0)
      out->size += (size_t)got;
  } while (got > 0 || (got < 0 && errno == EINTR && !work_interrupted()));
  close(descriptor);
  return got == 0 ? STATUS_OK : fail_system("%s", path);
}

typedef int each_file(struct import_job *job, const char *path, const char *name);

static int visit_entry(struct import_job *job, const FTSENT *entry, size_t root_size,
                       each_file *each) {
  const char *name = entry->fts_path + root_size;

  switch (entry->fts_info) {
  case FTS_F: return each(job, entry->fts_path, name + strspn(name, "/"));
  case FTS_D:
  case FTS_DP: return STATUS_OK;
  case FTS_DNR:
  case FTS_ERR:
  case FTS_NS: return import_bad(job, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
  default:
    note("%s: not a plain file, left out", entry->fts_path);
    job->left_out++;
    return STATUS_OK;
  }
}

int import_walk(struct import_job *job, const char *directory, each_file *each) {
  char *path = duplicate(directory), *roots[] = {path, NULL};
  struct stat info;
  FTSENT *entry;
  FTS *walk = NULL;
  int status = STATUS_OK;

  if (stat(directory, &info) != 0)
    status = fail_system("%s", directory);
  else if (!S_ISDIR(info.st_mode))
    status = fail_with(STATUS_STORE, "%s: not a directory", directory);
  else if ((walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name)) == NULL)
    status = fail_system("%s", directory);
  while (status == STATUS_OK && (errno = 0, entry = fts_read(walk)) != NULL) {
    if (work_interrupted())
      status = fail_with(STATUS_INTERRUPTED, "interrupted");
    else
      status = visit_entry(job, entry, strlen(directory), each);
  }
  if (status == STATUS_OK && errno != 0)
    status = fail_system("%s", directory);
  if (walk != NULL)
    fts_close(walk);
  free(path);
  return status;
}

static int import_file(struct import_job *job, const char *path, const char *name) {
  uint32_t size = job->into->open.shape.value_size;
  int status;

  if (strlen(name) > COPSE_KEY_MAX)
    return import_bad(job, "%s: a path of %zu bytes; a key has at most %d", path, strlen(name),
                      COPSE_KEY_MAX);
  status = import_read(path, &job->value);
  if (status != STATUS_OK) {
    job->left_out++;
    return job->skip_bad ? STATUS_OK : status;
  }
  if (size != 0 && job->value.size != size)
    return import_bad(job, "%s: %zu bytes; the map's values have %u", path, job->value.size, size);
  text_set(&job->key, name, strlen(name));
  return import_put(job, job->into);
}

int import_directory(struct import_job *job, const char *directory) {
  int status = loader_map(&job->loader, job->map, NULL, &job->into);

  if (status == STATUS_OK && strcmp(shape_key_name(&job->into->open.shape), "bytes") != 0)
    status = fail_usage("map %s has keys of kind %s; paths need bytes", job->map,
                        shape_key_name(&job->into->open.shape));
  return status == STATUS_OK ? import_walk(job, directory, import_file) : status;
}
