/* region/files.c - storage of a region: in its file, or in several.
 *
 * A region that is spread has its first `bytes` bytes in the file by which it was opened, and as many in each
 * further one, PATH-data-1 and so on, behind a header that names the store and the file's number. All lie
 * in one reserved range of addresses, one behind the other, so that nobody else has to know.
 *
 * Owns: what `size` of the region counts is mapped here and has storage; a further file is made whole
 * (header, permissions, on a disk its content and its name synced) before anything of it is handed out.
 * Until then it may be empty, or torn by a power cut: who makes it next writes its header anew. So
 * the owner of a store may also put an empty file there, or a symbolic link to one on another disk.
 * Files that others made are mapped when what they hold is asked for (region_reach()); that they are the
 * right ones is looked at each time.
 *
 * Threads map and make files under a mutex, which a fork takes too. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/points.h"
#include "region/format.h"
#include "region/region.h"

#define MODE_MADE 0600

struct region_file {
  _Atomic int fd; /* -1: not mapped */
  struct os_identity identity;
};

struct region_files {
  uint64_t bytes; /* in each but the last */
  uint64_t store_id[2];
  int memory;
  pthread_mutex_t mutex;
  uint32_t count;            /* further files that there is room for */
  struct region_file file[]; /* number 1 first */
};

/* What of a range lies in one file. */
struct part {
  char name[PATH_MAX];
  const char *path;
  uint32_t number;
  uint64_t start;        /* of the file's bytes in the region */
  uint64_t offset, size; /* in the file */
};

static int name_make(const char *path, uint32_t number, char name[PATH_MAX]) {
  if (snprintf(name, PATH_MAX, "%s-data-%u", path, number) >= PATH_MAX)
    return error_set(COPSE_E_ARGUMENT, "the path is too long");
  return 0;
}

static int part_find(const struct region *region, uint64_t at, uint64_t end, struct part *part) {
  const struct region_files *files = region->files;
  uint64_t number = files ? at / files->bytes : 0;
  part->path = region->path;
  part->number = (uint32_t)number;
  part->start = files ? number * files->bytes : 0;
  part->offset = at - part->start + (number ? FORMAT_FURTHER_HEAD : 0);
  part->size = end - at;
  if (!files)
    return 0;
  if (number > files->count)
    return error_set(COPSE_E_ADDRESS_SPACE, "byte %llu of %s lies beyond what was reserved here",
                     (unsigned long long)at, region->path);
  if (part->size > part->start + files->bytes - at)
    part->size = part->start + files->bytes - at;
  if (number == 0)
    return 0;
  part->path = part->name;
  return name_make(region->path, part->number, part->name);
}

static struct region_file *file_of(const struct region *region, uint32_t number) {
  return &region->files->file[number - 1];
}

/* Of a file that is mapped. */
static int part_descriptor(struct region *region, const struct part *part, int *fd) {
  if (part->number == 0)
    return region_descriptor(region, fd);
  struct region_file *file = file_of(region, part->number);
  return region_held_descriptor(region, part->path, &file->identity, &file->fd, fd);
}

/* --- headers ---------------------------------------------------------------------------- */

static uint32_t header_crc(const struct further_header *header) {
  return base_crc32c(header, offsetof(struct further_header, crc));
}

/* Of a file that is too short, what there is, then zeros. */
static int header_read(int fd, const char *path, struct further_header *header) {
  uint64_t size;
  int code = os_size(fd, path, &size);
  *header = (struct further_header){0};
  return code ? code : os_pread(fd, path, header, bytes_min(size, sizeof *header), 0);
}

static int is_of_store(const struct further_header *header, const uint64_t store_id[2]) {
  return header->magic == FORMAT_MAGIC_FURTHER && header->store_id[0] == store_id[0] &&
         header->store_id[1] == store_id[1];
}

/* COPSE_NONE: there is none yet, or it was torn before anything of the file was used. */
static int header_check(const struct region_files *files, int fd, const struct part *part) {
  struct further_header header;
  const char *path = part->path;
  int code = header_read(fd, path, &header);
  if (code)
    return code;
  if (header.magic == 0)
    return COPSE_NONE;
  if (!is_of_store(&header, files->store_id))
    return error_set(COPSE_E_FILES, "%s is not a data file of this store; put the right one back",
                     path);
  if (header.number != part->number)
    return error_set(COPSE_E_FILES, "%s is data file %u of the store, not %u; were they exchanged?",
                     path, header.number, part->number);
  if (header.crc != header_crc(&header))
    return COPSE_NONE;
  if (header.version > FORMAT_VERSION)
    return error_set(COPSE_E_VERSION, "%s has format %u; this library reads up to format %u", path,
                     header.version, FORMAT_VERSION);
  if (header.file_bytes != files->bytes)
    return error_set(COPSE_E_FILES, "%s has other bounds than the store's", path);
  return 0;
}

static int header_write(const struct region_files *files, int fd, const struct part *part) {
  struct further_header header = {.magic = FORMAT_MAGIC_FURTHER,
                                  .version = FORMAT_VERSION,
                                  .number = part->number,
                                  .store_id = {files->store_id[0], files->store_id[1]},
                                  .file_bytes = files->bytes};
  header.crc = header_crc(&header);
  int code = os_pwrite(fd, part->path, &header, sizeof header, 0);
  if (code == 0 && !files->memory)
    code = os_sync(fd, part->path);
  return code == 0 && !files->memory ? os_sync_names(part->path) : code;
}

/* --- further files ------------------------------------------------------------------------- */

static int further_map(struct region *region, const struct part *part, int fd) {
  uint64_t size = region->files->bytes;
  if (size > region->reserved - part->start)
    size = region->reserved - part->start;
  int code = 0;
  if (region->ro != region->rw)
    code = os_map_over(fd, part->path, FORMAT_FURTHER_HEAD, size, OS_MAP_NO_DUMP,
                       (void *)(uintptr_t)(region->ro + part->start));
  if (code == 0 && region->rw)
    code = os_map_over(fd, part->path, FORMAT_FURTHER_HEAD, size, OS_MAP_WRITE | OS_MAP_NO_DUMP,
                       region->rw + part->start);
  if (code == 0 && region->no_read_ahead)
    region_no_read_ahead(region);
  return code;
}

/* Whether the file may be one of the store's, by where it lies and whose it is. */
static int further_fits(struct region *region, const struct part *part, int fd) {
  int first, memory, code = region_descriptor(region, &first);
  if (code == 0)
    code = os_check_planted(fd, part->path, first);
  if (code == 0)
    code = os_check_file_system(fd, part->path, &memory);
  if (code == 0 && memory != region->files->memory)
    code = error_set(COPSE_E_FILE_SYSTEM,
                     "%s lies %s, and %s does not: put both on disks, or both "
                     "in memory",
                     part->path, memory ? "in memory" : "on a disk", region->path);
  return code;
}

/* An empty one. */
static int further_create(struct region *region, const struct part *part, int *fd) {
  int first, new_fd, code = region_descriptor(region, &first);
  if (code == 0)
    code = os_open(part->path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, MODE_MADE, &new_fd);
  if (code == COPSE_E_STORE_EXISTS)
    return error_set(COPSE_E_FILES,
                     "%s is a symbolic link that leads nowhere: make an empty file "
                     "there",
                     part->path);
  if (code)
    return code;
  code = os_permit_like(new_fd, part->path, first);
  if (code)
    os_close(new_fd);
  else
    *fd = new_fd;
  return code;
}

/* Opens and maps a further file, making it if `make`. COPSE_NONE: it is not there, or has no header. */
static int further_open(struct region *region, const struct part *part, int make) {
  struct region_files *files = region->files;
  struct region_file *file = file_of(region, part->number);
  uint64_t size;
  /* relaxed: under the mutex */
  if (atomic_load_explicit(&file->fd, memory_order_relaxed) >= 0)
    return 0;
  int fd, code = os_open(part->path, region->open_flags, 0, &fd);
  if (code == COPSE_E_NO_STORE)
    code = make ? further_create(region, part, &fd) : COPSE_NONE;
  if (code)
    return code;
  code = further_fits(region, part, fd);
  if (code == 0)
    code = header_check(files, fd, part);
  if (code == COPSE_NONE && make) {
    POINT(file_made);
    code = header_write(files, fd, part);
    POINT(file_named);
  }
  if (code == 0)
    code = os_examine(fd, part->path, &file->identity, &size);
  if (code == 0)
    code = further_map(region, part, fd);
  if (code)
    os_close(fd);
  else /* relaxed: see above; others come by `size` of the region */
    atomic_store_explicit(&file->fd, fd, memory_order_relaxed);
  return code;
}

static int part_open(struct region *region, const struct part *part, int make) {
  if (part->number == 0)
    return 0;
  pthread_mutex_lock(&region->files->mutex);
  int code = further_open(region, part, make);
  pthread_mutex_unlock(&region->files->mutex);
  return code;
}

int region_spread(struct region *region, uint64_t file_bytes, const uint64_t store_id[2],
                  int memory) {
  uint64_t most = (region->reserved - 1) / file_bytes;
  uint32_t count = most < FORMAT_FILES_MOST ? (uint32_t)most : FORMAT_FILES_MOST;
  struct region_files *files = calloc(1, sizeof *files + count * sizeof files->file[0]);
  if (!files)
    return error_set(COPSE_E_MEMORY, "no memory for a store of %u files", count + 1);
  files->bytes = file_bytes;
  files->store_id[0] = store_id[0];
  files->store_id[1] = store_id[1];
  files->memory = memory;
  files->count = count;
  pthread_mutex_init(&files->mutex, NULL);
  for (uint32_t i = 0; i < count; i++) {
    /* relaxed: nobody else knows the region's files yet */
    atomic_store_explicit(&files->file[i].fd, -1, memory_order_relaxed);
  }
  region->files = files;
  /* relaxed: likewise */
  if (atomic_load_explicit(&region->size, memory_order_relaxed) > file_bytes)
    return error_set(COPSE_E_CORRUPT, "%s is longer than the %llu bytes of a file of the store",
                     region->path, (unsigned long long)file_bytes);
  return 0;
}

void region_files_close(struct region *region) {
  struct region_files *files = region->files;
  for (uint32_t i = 0; files && i < files->count; i++) {
    /* relaxed: closing excludes other use */
    int fd = atomic_load_explicit(&files->file[i].fd, memory_order_relaxed);
    region_held_close(region->path, &files->file[i].identity, fd);
  }
  if (files)
    pthread_mutex_destroy(&files->mutex);
  free(files);
  region->files = NULL;
}

void region_fork_lock(struct region *region) {
  if (region->files)
    pthread_mutex_lock(&region->files->mutex);
}

void region_fork_unlock(struct region *region) {
  if (region->files)
    pthread_mutex_unlock(&region->files->mutex);
}

/* --- storage ------------------------------------------------------------------------- */

static uint64_t known_size(struct region *region) {
  /* What it counts was mapped before. pairs: region-size */
  return atomic_load_explicit(&region->size, memory_order_acquire);
}

/* The region has at least size bytes, all mapped: remember it. */
static void note_size(struct region *region, uint64_t size) {
  uint64_t known = known_size(region);
  while (known < size &&
         /* pairs: region-size. relaxed, when it fails: a lower bound that only ever rises */
         !atomic_compare_exchange_weak_explicit(&region->size, &known, size, memory_order_release,
                                                memory_order_relaxed))
    ;
}

int region_allocate(struct region *region, uint64_t offset, uint64_t size) {
  struct part part = {.path = NULL};
  uint64_t end = offset + size;
  int code = 0;
  for (uint64_t at = offset; at < end && code == 0; at += part.size) {
    int fd;
    code = part_find(region, at, end, &part);
    if (code == 0)
      code = part_open(region, &part, 1);
    if (code == 0)
      code = part_descriptor(region, &part, &fd);
    if (code == 0)
      code = os_allocate(fd, part.path, part.offset, part.size);
  }
  if (code == 0 && known_size(region) >= offset)
    note_size(region, end);
  return code;
}

/* Calls `each` with each file that a range, which is mapped, lies in. */
static int parts_each(struct region *region, uint64_t offset, uint64_t size,
                      int (*each)(int fd, const struct part *part)) {
  struct part part = {.path = NULL};
  int code = 0;
  for (uint64_t at = offset; at < offset + size && code == 0; at += part.size) {
    int fd;
    code = part_find(region, at, offset + size, &part);
    if (code == 0)
      code = part_descriptor(region, &part, &fd);
    if (code == 0)
      code = each(fd, &part);
  }
  return code;
}

static int part_punch(int fd, const struct part *part) {
  return os_punch(fd, part->path, part->offset, part->size);
}

int region_punch(struct region *region, uint64_t offset, uint64_t size) {
  return parts_each(region, offset, size, part_punch);
}

static int part_write_back(int fd, const struct part *part) {
  return os_write_back(fd, part->path, part->offset, part->size);
}

int region_write_back(struct region *region, uint64_t offset, uint64_t size) {
  return parts_each(region, offset, size, part_write_back);
}

int region_read(struct region *region, uint64_t offset, void *data, uint64_t size) {
  struct part part = {.path = NULL};
  int code = 0;
  for (uint64_t at = offset; at < offset + size && code == 0; at += part.size) {
    int fd;
    code = part_find(region, at, offset + size, &part);
    if (code == 0)
      code = part_descriptor(region, &part, &fd);
    if (code == 0)
      code = os_pread(fd, part.path, (uint8_t *)data + (at - offset), part.size, part.offset);
  }
  return code;
}

static int part_sync(int fd, const struct part *part) { return os_sync(fd, part->path); }

int region_sync(struct region *region, uint64_t end) {
  uint64_t reach;
  int code = region_reach(region, end, &reach);
  return code ? code : parts_each(region, 0, end, part_sync);
}

static int short_of(const char *path, uint64_t has, uint64_t needs) {
  return error_set(COPSE_E_TRUNCATED,
                   "%s is %llu bytes long, at least %llu are in use; restore a copy", path,
                   (unsigned long long)has, (unsigned long long)needs);
}

static int part_verify(int fd, const struct part *part) {
  uint64_t found;
  int code = os_size(fd, part->path, &found);
  return code == 0 && found < part->offset + part->size
             ? short_of(part->path, found, part->offset + part->size)
             : code;
}

int region_verify_size(struct region *region, uint64_t size) {
  uint64_t mapped = known_size(region);
  return parts_each(region, 0, !region->files || size < mapped ? size : mapped, part_verify);
}

/* How long the region is by its files, which are mapped on the way, as far as it takes to get to `end`. must: all
 * that is of it before that has to be there. */
static int look(struct region *region, uint64_t end, int must, uint64_t *bytes) {
  uint64_t most = region->files ? region->files->bytes : UINT64_MAX; /* in a file */
  struct part part = {.path = NULL};
  for (uint64_t at = 0;; at += most) {
    uint64_t found, size;
    int fd, code = part_find(region, at, end, &part);
    if (code == 0)
      code = part_open(region, &part, 0);
    if (code == COPSE_NONE && must)
      return error_set(COPSE_E_FILES, "%s is missing; put it back, or restore a copy", part.path);
    if (code == COPSE_NONE) {
      *bytes = at;
      return 0;
    }
    if (code == 0)
      code = part_descriptor(region, &part, &fd);
    if (code == 0)
      code = os_size(fd, part.path, &found);
    if (code)
      return code;
    if (must && region->files && found < part.offset + part.size)
      return short_of(part.path, found, part.offset + part.size);
    size = bytes_min(found > part.offset ? found - part.offset : 0, most);
    *bytes = at + size;
    if (size < most || *bytes >= end)
      return 0;
  }
}

int region_reach(struct region *region, uint64_t end, uint64_t *reach) {
  if (end > region->reserved)
    end = region->reserved;
  uint64_t known = known_size(region);
  if (end > known) {
    int code = look(region, end, 1, &known);
    if (code)
      return code;
    note_size(region, known);
  }
  *reach = end < known ? end : known;
  return 0;
}

int region_length(struct region *region, uint64_t *bytes) {
  return look(region, region->files ? region->reserved : UINT64_MAX, 0, bytes);
}

int region_storage(struct region *region, uint64_t *bytes) {
  struct part part = {.path = NULL};
  uint64_t sum = 0, mapped = known_size(region);
  int code = 0;
  for (uint64_t at = 0; at < mapped && code == 0; at += part.size) {
    uint64_t storage = 0;
    int fd;
    code = part_find(region, at, mapped, &part);
    if (code == 0)
      code = part_descriptor(region, &part, &fd);
    if (code == 0)
      code = os_storage(fd, part.path, &storage);
    sum += storage;
  }
  if (code == 0)
    *bytes = sum;
  return code;
}

/* --- without a region ---------------------------------------------------------------------- */

int region_files_remove(const char *path, uint32_t count, const uint64_t store_id[2],
                        uint32_t *removed) {
  struct further_header header;
  char name[PATH_MAX];
  for (uint32_t number = count; number > 0; number--) {
    int fd, code = name_make(path, number, name);
    if (code == 0)
      code = os_open(name, 0, 0, &fd);
    if (code == COPSE_E_NO_STORE)
      continue;
    if (code)
      return code;
    code = header_read(fd, name, &header);
    os_close(fd);
    if (code == 0 && header.magic && !is_of_store(&header, store_id))
      continue;
    if (code == 0)
      code = os_unlink_whole(name);
    if (code)
      return code;
    ++*removed;
    POINT(remove_file);
  }
  return 0;
}

int region_files_none(const char *path) {
  struct further_header header;
  char name[PATH_MAX];
  int fd, code = name_make(path, 1, name);
  if (code == 0)
    code = os_open(name, 0, 0, &fd);
  if (code)
    return code == COPSE_E_NO_STORE ? 0 : code;
  code = header_read(fd, name, &header);
  os_close(fd);
  if (code == 0 && header.magic) /* else it was put there for the store */
    code = error_set(COPSE_E_FILES, "%s is in the way; remove it", name);
  return code;
}
