/* files.c - see files.h. */
#include "files.h"

#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *walk) {
  (void)st, (void)flag, (void)walk;
  return remove(path);
}

void files_remove_tree(const char *path) {
  if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
    say("copse-bench: cannot remove %s: %s\n", path, strerror(errno));
}

void files_make_directory(const char *path) {
  files_remove_tree(path);
  if (mkdir(path, 0700) != 0)
    die("cannot make the directory %s: %s", path, strerror(errno));
}

uint64_t files_allocated(const char *directory) {
  DIR *dir = opendir(directory);
  if (dir == NULL)
    die("cannot read %s: %s", directory, strerror(errno));
  uint64_t bytes = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    struct stat st;
    if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
      bytes += (uint64_t)st.st_blocks * 512;
  }
  closedir(dir);
  return bytes;
}

void files_populate(int fd, uint64_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    die("cannot map %" PRIu64 " bytes of a file: %s", bytes, strerror(errno));
  if (madvise(memory, bytes, MADV_POPULATE_WRITE) != 0) {
    if (errno != EINVAL)
      die("cannot populate %" PRIu64 " bytes: %s", bytes, strerror(errno));
    for (uint64_t at = 0; at < bytes; at += 4096) { /* before Linux 5.14 */
      volatile char *byte = (volatile char *)memory + at;
      *byte = *byte;
    }
  }
  munmap(memory, bytes);
}

/* One mapping: touches what is in memory of its file already. One read per 64 KiB is enough: a
 * fault on a file's page maps the pages around it that are there too, in a shared mapping of
 * tmpfs also for writing. The file isn't opened to find its holes: closing it would drop the
 * POSIX locks that engines hold on it. */
static void map_pages_of(const char *start, uint64_t bytes, uint64_t allocated) {
  enum { PAGE = 4096, AROUND = 65536 };
  uint64_t end = bytes < 4 * allocated ? bytes : 4 * allocated; /* far out: only holes */
  for (uint64_t at = 0, touched = 0; at < end && touched < allocated; at += AROUND) {
    unsigned char resident = 0;
    if (mincore((void *)(uintptr_t)(start + at), PAGE, &resident) != 0)
      return;
    if (resident & 1) {
      (void)*(const volatile char *)(start + at);
      touched += AROUND;
    }
  }
}

void files_map_pages(const char *directory) {
  char real[4096];
  FILE *maps = fopen("/proc/self/maps", "re");
  if (maps == NULL || realpath(directory, real) == NULL) {
    if (maps != NULL)
      fclose(maps);
    return;
  }
  char line[4352];
  while (fgets(line, sizeof line, maps) != NULL) {
    uint64_t start, end, offset;
    char mode[8];
    int path_at = 0;
    line[strcspn(line, "\n")] = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %n", &start, &end, mode,
               &offset, &path_at) < 4 ||
        path_at == 0 || mode[0] != 'r' || mode[3] != 's')
      continue;
    const char *path = line + path_at;
    size_t length = strlen(real);
    struct stat st;
    if (strncmp(path, real, length) != 0 || path[length] != '/' || stat(path, &st) != 0 ||
        (uint64_t)st.st_size <= offset)
      continue;
    uint64_t bytes = (uint64_t)st.st_size - offset;
    map_pages_of((char *)start, bytes < end - start ? bytes : end - start,
                 (uint64_t)st.st_blocks * 512);
  }
  fclose(maps);
}

uint64_t files_proc_bytes(const char *path, const char *field) {
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return 0;
  char line[256];
  uint64_t kib = 0;
  size_t length = strlen(field);
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, field, length) == 0 && line[length] == ':') {
      kib = strtoull(line + length + 1, NULL, 10);
      break;
    }
  fclose(file);
  return kib * 1024;
}

uint64_t files_room(const char *path) {
  struct statvfs fs;
  if (statvfs(path, &fs) != 0)
    die("cannot look at %s: %s", path, strerror(errno));
  uint64_t space = (uint64_t)fs.f_bavail * fs.f_frsize;
  uint64_t memory = files_proc_bytes("/proc/meminfo", "MemAvailable");
  return memory < space ? memory : space;
}
