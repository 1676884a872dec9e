/* store/create.c - new data files and new coordination files.
 *
 * A data file appears at its path complete, by a link from a temporary name, so that nobody
 * ever opens half of one; on a disk, its content is synced before, and its name after. Coordination files are made by an attacher that holds the attach
 * byte and has found nobody else present: first both files with a new nonce, then the nonce
 * in the data file's header. A death in between leaves files whose nonce the header does not
 * name: the next attacher makes them anew. */
#include "store/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/points.h"
#include "sync/observe.h"

#define MAX_BYTES_NAMED (UINT64_C(1) << 40)
#define MAX_BYTES_ANONYMOUS (UINT64_C(64) << 30)
#define MAX_BYTES_MOST (UINT64_C(1) << 46) /* address space bounds a mapped store */
#define MAX_BYTES_LEAST (UINT64_C(1) << 20)

static int header_fill(const struct copse_store_options *options, int memory, int anonymous,
                       struct data_header *header) {
  uint64_t max = options->max_bytes ? options->max_bytes
                 : anonymous        ? MAX_BYTES_ANONYMOUS
                                    : MAX_BYTES_NAMED;
  if (max < MAX_BYTES_LEAST || max > MAX_BYTES_MOST)
    return error_set(COPSE_E_ARGUMENT, "max_bytes is %llu; it must be from %llu to %llu",
                     (unsigned long long)max, (unsigned long long)MAX_BYTES_LEAST,
                     (unsigned long long)MAX_BYTES_MOST);
  uint64_t file_bytes = options->file_bytes / FORMAT_SEGMENT * FORMAT_SEGMENT;
  if (options->file_bytes && anonymous)
    return error_set(COPSE_E_ARGUMENT, "an anonymous store has no files");
  if (options->file_bytes &&
      (file_bytes < MAX_BYTES_LEAST || max / file_bytes >= FORMAT_FILES_MOST))
    return error_set(COPSE_E_ARGUMENT,
                     "file_bytes is %llu; it must be at least %llu, and more than max_bytes / %u",
                     (unsigned long long)options->file_bytes, (unsigned long long)MAX_BYTES_LEAST,
                     FORMAT_FILES_MOST);
  *header = (struct data_header){
      .magic = FORMAT_MAGIC_DATA,
      .version = FORMAT_VERSION,
      .byte_order = FORMAT_BYTE_ORDER,
      .compat = FORMAT_COMPAT,
      .read_compat = FORMAT_READ_COMPAT,
      .incompat = FORMAT_INCOMPAT,
      .unit = FORMAT_UNIT,
      .segment = FORMAT_SEGMENT,
      .max_bytes = max / FORMAT_SEGMENT * FORMAT_SEGMENT,
      .durability = options->durability,
      .slow_reader = options->slow_reader,
      .slow_reader_bytes = options->slow_reader_bytes,
      .created_ns = clock_wall_ns(),
      .sync_bytes = options->sync_bytes,
      .sync_interval_ms = options->sync_interval_ms,
      .file_bytes = file_bytes < max ? file_bytes : 0,
  };
  if (anonymous && header->durability == COPSE_DURABILITY_SYNC)
    return error_set(COPSE_E_ARGUMENT, "an anonymous store has no disk to be synced to");
  if (header->durability == COPSE_DURABILITY_DEFAULT)
    header->durability = memory ? COPSE_DURABILITY_NONE : COPSE_DURABILITY_LAZY;
  int result = os_random(header->store_id, sizeof header->store_id);
  header->crc = data_header_crc(header);
  return result;
}

/* Writes the header and two equal root slots of an empty store. */
static int contents_write(int fd, const char *path, const struct data_header *header) {
  struct root_slot slot = {.magic = FORMAT_MAGIC_DATA, .sequence = 1, .clean = 1};
  slot.root = (struct root){.version = 1,
                            .next_map = 1,
                            .limit = FORMAT_SEGMENT,
                            .timeline = 1,
                            .time_ns = header->created_ns};
  slot.crc = base_crc32c(&slot, offsetof(struct root_slot, crc));
  int result = os_allocate(fd, path, 0, FORMAT_SEGMENT);
  if (result == 0)
    result = os_pwrite(fd, path, header, sizeof *header, 0);
  for (unsigned i = 1; i <= 2 && result == 0; i++)
    result = os_pwrite(fd, path, &slot, sizeof slot, i * FORMAT_BLOCK);
  return result;
}

int name_temporary(const char *path, char temporary[PATH_MAX]) {
  uint64_t random;
  int result = os_random(&random, sizeof random);
  if (result == 0 &&
      snprintf(temporary, PATH_MAX, "%s-new-%016llx", path, (unsigned long long)random) >= PATH_MAX)
    result = error_set(COPSE_E_ARGUMENT, "the path is too long");
  return result;
}

int store_create_file(const char *path, const struct copse_store_options *options) {
  char temporary[PATH_MAX];
  int fd, memory, result = name_temporary(path, temporary);
  if (result == 0)
    result = os_open(temporary, OS_WRITE | OS_CREATE | OS_EXCLUSIVE,
                     options->mode ? options->mode : 0666, &fd);
  if (result == COPSE_E_NO_STORE)
    return error_set(COPSE_E_NO_STORE, "cannot create %s: its directory does not exist", path);
  if (result)
    return result;
  struct data_header header;
  result = os_check_file_system(fd, path, &memory);
  if (result == 0)
    result = header_fill(options, memory, 0, &header);
  if (result == 0 && header.file_bytes)
    result = region_files_none(path);
  if (result == 0)
    result = contents_write(fd, temporary, &header);
  if (result == 0 && !memory)
    result = os_sync(fd, temporary);
  POINT(create_header);
  if (result == 0)
    result = os_link(temporary, path);
  os_close(fd);
  int removed = os_unlink(temporary);
  if (result == 0)
    result = removed;
  return result == 0 && !memory ? os_sync_names(path) : result;
}

int store_create_anonymous(const struct copse_store_options *options, int *fd) {
  struct data_header header;
  int new_fd, result = os_memfd("copse", &new_fd);
  if (result)
    return result;
  result = header_fill(options, 1, 1, &header);
  if (result == 0)
    result = contents_write(new_fd, "(anonymous)", &header);
  if (result)
    os_close(new_fd);
  else
    *fd = new_fd;
  return result;
}

int store_file_make(const char *path, int like, int *fd) {
  int new_fd, result = os_unlink(path);
  if (result == 0 || result == COPSE_E_NO_STORE)
    result = os_open(path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, 0600, &new_fd);
  if (result)
    return result;
  result = os_permit_like(new_fd, path, like);
  if (result)
    os_close(new_fd);
  else
    *fd = new_fd;
  return result;
}

/* Makes one coordination file of `size` bytes; *fd is open for writing. */
static int file_make(const char *path, int like, uint64_t size, int *fd) {
  int new_fd, result = path ? store_file_make(path, like, &new_fd) : os_memfd("copse", &new_fd);
  if (result)
    return result;
  result = os_allocate(new_fd, path ? path : "(anonymous)", 0, size);
  if (result)
    os_close(new_fd);
  else
    *fd = new_fd;
  return result;
}

/* The readers' file may have other permissions than the data, which a new one keeps. */
static int readers_make(struct copse_store *store, int data_fd, int *fd) {
  const char *path = store->readers_path;
  int old = -1, found = path && os_open(path, OS_NOFOLLOW, 0, &old) == 0;
  int kept = found && os_check_planted(old, path, data_fd) == 0;
  int result = file_make(path, kept ? old : data_fd, READERS_CLIENTS + FORMAT_BLOCK, fd);
  if (found)
    os_close(old);
  return result;
}

/* Fills the heads of both files. The mappings are fresh: everything else is zero. */
static int heads_fill(struct copse_store *store, uint64_t nonce) {
  struct readers_header *readers = (struct readers_header *)store->readers.rw;
  struct writers_header *writers = (struct writers_header *)store->writers.rw;
  readers->magic = FORMAT_MAGIC_READERS;
  readers->version = FORMAT_VERSION;
  readers->nonce = nonce;
  writers->magic = FORMAT_MAGIC_WRITERS;
  writers->version = FORMAT_VERSION;
  writers->nonce = nonce;
  if (!store->memory) {
    os_boot_id(readers->boot_id);
    memcpy(writers->boot_id, readers->boot_id, sizeof writers->boot_id);
  }
  return 0;
}

/* Puts the durable root where readers and writers look for the newest one. */
static void root_install(struct copse_store *store, const struct root_slot *slot,
                         const struct root *root) {
  struct commit_words *words = store_words(store);
  root_write(store->writers.rw, root, &(struct recent_map){0});
  observe_raise(store->writers.rw, root->version); /* of the versions before nothing is known */
  root_publish(store->writers.rw, root->version);
  /* relaxed: nobody else is attached, and attaching takes a lock of the kernel's */
  atomic_store_explicit(&words->durable_sequence, slot->sequence, memory_order_relaxed);
  atomic_store_explicit(&words->synced_ns, clock_coarse_ns(),
                        memory_order_relaxed); /* relaxed: too */
  if (!slot->clean) {
    /* relaxed: likewise */
    atomic_store_explicit(&words->recovered, root->version, memory_order_relaxed);
  }
  if (store->header.durability != COPSE_DURABILITY_NONE) {
    /* relaxed: likewise */
    atomic_store_explicit(&words->durable[0], root->version, memory_order_relaxed);
  }
}

int nonce_write(struct copse_store *store, int data_fd, uint64_t nonce) {
  store->header.nonce = nonce;
  return os_pwrite(data_fd, store->path ? store->path : "(anonymous)", &nonce, sizeof nonce,
                   offsetof(struct data_header, nonce));
}

/* A nonce of its own for new coordination files. */
static int nonce_make(uint64_t *nonce) {
  int result;
  do
    result = os_random(nonce, sizeof *nonce);
  while (result == 0 && (*nonce == 0 || *nonce >= FORMAT_NONCE_APPLYING));
  return result;
}

/* Durability sync: the log is there, and what it has on top of a store that was not closed is applied. */
static int log_install(struct copse_store *store, const struct root_slot *slot, struct root *root) {
  struct log log;
  if (!slot->clean)
    return log_replay(store, slot->root.timeline, root);
  durable_set(store, root);
  int result = log_open(store, &log);
  if (result == 0)
    log_close(&log);
  return result == COPSE_NONE ? log_create(store) : result;
}

static int readers_map(struct copse_store *store, int data_fd) {
  int fd, anonymous = !store->readers_path, result = readers_make(store, data_fd, &fd);
  if (result)
    return result;
  return region_open(&store->readers, fd, anonymous ? "(anonymous)" : store->readers_path,
                     anonymous, REGION_RW, READERS_BYTES, READERS_SLOTS + FORMAT_BLOCK);
}

int coordination_readers_private(struct copse_store *store) { return readers_map(store, -1); }

/* Makes and maps both files. size: of the data file. */
static int coordination_make(struct copse_store *store, int data_fd, uint64_t size) {
  int fd, anonymous = !store->writers_path, result = readers_map(store, data_fd);
  if (result == 0)
    result = file_make(store->writers_path, data_fd, BOOKS_HOT + PAGE_CLASSES * HOT_DEPTH * 8, &fd);
  if (result == 0)
    result = region_open(&store->writers, fd, anonymous ? "(anonymous)" : store->writers_path,
                         anonymous, REGION_RW, books_bytes(store->segments),
                         books_bytes_least(size / FORMAT_SEGMENT));
  return result;
}

int coordination_create(struct copse_store *store, int data_fd) {
  struct root_slot slot;
  uint64_t nonce, size = 0;
  int result = durable_read(data_fd, store->data.path, &slot);
  if (result == 0)
    result = region_length(&store->data, &size);
  if (result)
    return result;
  if (!slot.clean && store->header.durability == COPSE_DURABILITY_NONE)
    return error_set(store->memory ? COPSE_E_COORDINATION : COPSE_E_UNCLEAN,
                     "%s was in use without durability when %s was lost; restore that file, or "
                     "remove the store and create it anew",
                     store->data.path, store->memory ? "its file -writers" : "the machine stopped");
  if (store->path)
    result = os_check_maker(store->writers_path, data_fd);
  if (result == 0 && store->header.nonce) /* observers that go by the former files notice */
    result = nonce_write(store, data_fd, 0);
  if (result == 0)
    result = nonce_make(&nonce);
  if (result == 0)
    result = coordination_make(store, data_fd, size);
  if (result == 0)
    result = heads_fill(store, nonce);
  struct root root = slot.root;
  if (result == 0 && !slot.clean) /* versions after this one are issued again with other content */
    result = os_random(&root.timeline, sizeof root.timeline);
  if (result == 0)
    result = books_rebuild(store, &root);
  if (result)
    return result;
  root_install(store, &slot, &root);
  if (store->header.durability == COPSE_DURABILITY_SYNC)
    result = log_install(store, &slot, &root);
  if (result)
    return result;
  POINT(create_coordination);
  return nonce_write(store, data_fd, nonce);
}

int coordination_create_private(struct copse_store *store, int data_fd) {
  struct root_slot slot;
  uint64_t size, storage;
  int result = durable_read(data_fd, store->path, &slot);
  if (result == 0)
    result = region_reach(&store->data, slot.root.limit, &size);
  if (result == 0)
    result = region_storage(&store->data, &storage);
  if (result == 0 && slot.root.limit > size)
    result = error_set(COPSE_E_TRUNCATED, "%s is %llu bytes long, its root needs %llu", store->path,
                       (unsigned long long)size, (unsigned long long)slot.root.limit);
  if (result == 0)
    result = coordination_make(store, data_fd, FORMAT_SEGMENT);
  if (result)
    return result;
  struct books *books = (struct books *)(store->writers.rw + BOOKS_AT); /* for statistics only */
  books->segment_limit = books->words[BOOK_SEGMENT_USED] = slot.root.limit / FORMAT_SEGMENT;
  books->words[BOOK_USED_UNITS] =
      store->header.sealed_units ? store->header.sealed_units : storage / FORMAT_UNIT;
  root_install(store, &slot, &slot.root);
  return heads_fill(store, 0);
}
