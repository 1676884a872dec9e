/* support/paths.c - folders of a test's files. */
#include "test.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS_MAX 64

struct place {
  char folder[512]; /* empty: not made yet */
  char *paths[PATHS_MAX];
  int count;
};

static struct place shm, disk;

static void make_folder(struct place *place, const char *base) {
  int n = snprintf(place->folder, sizeof place->folder, "%s/copse-test-XXXXXX", base);
  if (n >= (int)sizeof place->folder || !mkdtemp(place->folder)) {
    place->folder[0] = 0;
    test_fail(__FILE__, __LINE__, "making a folder in %s: %s", base, strerror(errno));
  }
  chmod(place->folder, 0755); /* some tests become another user */
}

static const char *path_in(struct place *place, const char *base, const char *name) {
  if (!place->folder[0])
    make_folder(place, base);
  char *path = NULL;
  if (place->count == PATHS_MAX || asprintf(&path, "%s/%s", place->folder, name) < 0)
    test_fail(__FILE__, __LINE__, "too many paths, or no memory");
  for (int i = 0; i < place->count; i++) {
    if (!strcmp(place->paths[i], path)) {
      free(path);
      return place->paths[i];
    }
  }
  return place->paths[place->count++] = path;
}

static const char *first_set(const char *a, const char *b, const char *otherwise) {
  const char *value = getenv(a);
  if (!value || !*value)
    value = b ? getenv(b) : NULL;
  return value && *value ? value : otherwise;
}

const char *test_shm_path(const char *name) {
  return path_in(&shm, first_set("COPSE_TEST_SHM", NULL, "/dev/shm"), name);
}

const char *test_disk_path(const char *name) {
  return path_in(&disk, first_set("COPSE_TEST_DISK", "TMPDIR", "/var/tmp"), name);
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk) {
  (void)stat, (void)kind, (void)walk;
  return remove(path);
}

static void remove_place(struct place *place) {
  if (place->folder[0])
    nftw(place->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  place->folder[0] = 0;
  while (place->count > 0)
    free(place->paths[--place->count]);
}

void test_paths_remove(void) {
  remove_place(&shm);
  remove_place(&disk);
}
