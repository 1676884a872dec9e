/* limit.c - see limit.h. */
#include "limit.h"

#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char PREFIX[] = "copse-bench-";

static const struct {
  const char *root, *limit;
} versions[] = {
    {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
    {"/sys/fs/cgroup", "memory.max"},
};

static char group[256];
static const char *root;

static bool write_number(const char *folder, const char *name, uint64_t number) {
  char path[320], text[32];
  int length = snprintf(text, sizeof text, "%" PRIu64, number);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, text, (size_t)length) == length;
  if (fd >= 0)
    close(fd);
  return done;
}

/* Groups of runs that were killed: nobody is in them. */
static void leftovers_remove(const char *folder) {
  DIR *dir = opendir(folder);
  if (dir == NULL)
    return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
      (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
  closedir(dir);
}

bool limit_begin(uint64_t bytes) {
  for (size_t v = 0; v < sizeof versions / sizeof versions[0]; v++) {
    root = versions[v].root;
    leftovers_remove(root);
    snprintf(group, sizeof group, "%s/%s%d", root, PREFIX, (int)getpid());
    if (mkdir(group, 0755) != 0)
      continue;
    if (write_number(group, versions[v].limit, bytes) &&
        write_number(group, "cgroup.procs", (uint64_t)getpid()))
      return true;
    rmdir(group);
  }
  say(" no memory cgroup is to be had (%s): left out", strerror(errno));
  return false;
}

void limit_end(void) {
  if (!write_number(root, "cgroup.procs", (uint64_t)getpid()))
    die("cannot leave %s: %s", group, strerror(errno));
  (void)write_number(group, "memory.force_empty", 0); /* version 1 */
  for (int tries = 0; rmdir(group) != 0 && errno == EBUSY && tries < 100; tries++)
    usleep(10000);
}
