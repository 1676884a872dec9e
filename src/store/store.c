/* store/store.c - opening and closing a store.
 *
 * Locked bytes of the data file (open file description locks), beside those of sync/:
 *   ATTACH_BYTE    held while attaching or leaving; exclusively by those that may write
 *   PRESENCE_BYTE  held shared by every attacher as long as its mapping lives; whoever gets it
 *                  exclusively is alone and may make coordination files or remove the store
 *
 * Happy path: open the data file, check file system and header, take ATTACH_BYTE, look whether
 * alone, open the coordination files (or make them, when alone and they are missing or of an
 * earlier boot), hold PRESENCE_BYTE shared, attach as a client, give ATTACH_BYTE back. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/points.h"

#define LONG_HOLD_NS UINT64_C(1000000000)
#define ATTEMPTS_MAX 100 /* to open what others keep removing */

static const char *name_of(const struct copse_store *store) {
  return store->path ? store->path : "(anonymous)";
}

/* --- the header ------------------------------------------------------------------------ */

int data_header_half(const char *path) {
  return error_set(
      COPSE_E_STATE,
      "changes were being applied to %s, and that was cut short: 'copse apply --finish "
      "%s' completes it",
      path, path);
}

int data_header_check(const struct data_header *header, const char *path) {
  if (header->magic != FORMAT_MAGIC_DATA)
    return error_set(COPSE_E_NOT_A_STORE, "%s does not begin like a Copse store", path);
  if (header->byte_order != FORMAT_BYTE_ORDER)
    return error_set(COPSE_E_NOT_A_STORE, "%s was written by a machine of another byte order",
                     path);
  if (header->version > FORMAT_VERSION || header->incompat & ~(uint64_t)FORMAT_INCOMPAT)
    return error_set(COPSE_E_VERSION,
                     "%s has format %u (features %llx); this library reads up to format %u", path,
                     header->version, (unsigned long long)header->incompat, FORMAT_VERSION);
  if (data_header_is_half(header))
    return data_header_half(path);
  if (header->crc != data_header_crc(header))
    return error_set(COPSE_E_CORRUPT, "%s: the header is damaged; restore a copy", path);
  if (header->nonce == FORMAT_NONCE_REMOVED)
    return error_set(COPSE_E_NO_STORE,
                     "%s: its removal was begun and cut short; 'copse rm' ends it, "
                     "and so does creating a store there",
                     path);
  if (header->unit != FORMAT_UNIT || header->segment != FORMAT_SEGMENT ||
      header->max_bytes < FORMAT_SEGMENT || header->max_bytes % FORMAT_SEGMENT ||
      header->max_bytes >> 47 || header->durability < COPSE_DURABILITY_NONE ||
      header->durability > COPSE_DURABILITY_SYNC || header->file_bytes % FORMAT_SEGMENT ||
      (header->file_bytes && header->max_bytes / header->file_bytes >= FORMAT_FILES_MOST))
    return error_set(COPSE_E_CORRUPT, "%s: the header makes no sense; restore a copy", path);
  return 0;
}

int data_header_read(struct copse_store *store, int fd) {
  uint64_t size;
  const char *path = name_of(store);
  int result = os_size(fd, path, &size);
  if (result == 0 && size < sizeof store->header)
    return error_set(COPSE_E_NOT_A_STORE, "%s is %llu bytes long: not a Copse store", path,
                     (unsigned long long)size);
  if (result == 0)
    result = os_pread(fd, path, &store->header, sizeof store->header, 0);
  if (result == 0)
    result = data_header_check(&store->header, path);
  if (result == 0 && store_is_sealed(store) && !(store->flags & COPSE_READ_ONLY))
    result = error_set(COPSE_E_READ_ONLY,
                       "%s is a sealed copy, which never changes: open it "
                       "read-only, or make a store of it with 'copse copy'",
                       path);
  if (result == 0 && store->header.read_compat & ~(uint64_t)(FORMAT_READ_COMPAT | FORMAT_SEALED) &&
      !(store->flags & COPSE_READ_ONLY))
    result = error_set(COPSE_E_VERSION,
                       "%s has features (%llx) that this library can only read: "
                       "open it read-only",
                       path, (unsigned long long)store->header.read_compat);
  if (result == 0 && size < FORMAT_SEGMENT)
    result = error_set(COPSE_E_TRUNCATED, "%s is %llu bytes long; restore a copy", path,
                       (unsigned long long)size);
  store->segments = store->header.max_bytes / FORMAT_SEGMENT;
  return result;
}

/* --- coordination files ---------------------------------------------------------------- */

/* Whether a coordination file is of the boot that runs: 0, or COPSE_NONE. Where /proc is not
 * mounted, or was not for whoever made the file, others that are attached tell: they died with theirs. */
static int boot_check(const struct copse_store *store, int data_fd, const uint8_t boot_id[16]) {
  static const uint8_t unknown[16];
  uint8_t own[16];
  int others = 0;
  if (store->memory)
    return 0;
  os_boot_id(own);
  if (memcmp(own, unknown, sizeof own) != 0 && memcmp(boot_id, unknown, sizeof own) != 0)
    return memcmp(own, boot_id, sizeof own) == 0 ? 0 : COPSE_NONE;
  int result = os_byte_held(data_fd, name_of(store), PRESENCE_BYTE, &others);
  return result ? result : others ? 0 : COPSE_NONE;
}

int coordination_map(struct copse_store *store, int data_fd, const char *path, int write,
                     uint64_t reserve, uint64_t minimum, uint64_t magic, struct region *region) {
  int fd, result = os_open(path, OS_NOFOLLOW | (write ? OS_WRITE : 0), 0, &fd);
  if (result == COPSE_E_NO_STORE)
    return COPSE_NONE;
  if (result)
    return result;
  struct readers_header head;
  result = os_check_planted(fd, path, data_fd);
  if (result == 0)
    result = os_pread(fd, path, &head, sizeof head, 0);
  if (result == COPSE_E_TRUNCATED ||
      (result == 0 && (head.magic != magic || head.nonce != store->header.nonce)))
    result = COPSE_NONE;
  if (result == 0 && (head.version > FORMAT_VERSION || head.incompat & ~(uint64_t)FORMAT_INCOMPAT))
    result = error_set(COPSE_E_VERSION, "%s was made by a newer Copse (format %u, features %llx)",
                       path, head.version, (unsigned long long)head.incompat);
  if (result == 0 && head.read_compat & ~(uint64_t)FORMAT_READ_COMPAT &&
      !(store->flags & COPSE_READ_ONLY))
    result = error_set(COPSE_E_VERSION,
                       "%s has features (%llx) that this library can only read: "
                       "open the store read-only",
                       path, (unsigned long long)head.read_compat);
  if (result == 0)
    result = boot_check(store, data_fd, head.boot_id);
  if (result) {
    os_close(fd);
    return result;
  }
  return region_open(region, fd, path, 0, write ? REGION_RW | REGION_WHOLE : REGION_RO, reserve,
                     minimum);
}

static int coordination_open(struct copse_store *store, int data_fd) {
  int write = !(store->flags & COPSE_READ_ONLY);
  int result =
      coordination_map(store, data_fd, store->readers_path, 1, READERS_BYTES,
                       READERS_SLOTS + FORMAT_BLOCK, FORMAT_MAGIC_READERS, &store->readers);
  if (result)
    return result;
  result = coordination_map(store, data_fd, store->writers_path, write,
                            write ? books_bytes(store->segments) : BOOKS_PIECES, BOOKS_PIECES,
                            FORMAT_MAGIC_WRITERS, &store->writers);
  if (result)
    region_close(&store->readers);
  return result;
}

/* Opens the coordination files, or makes them. alone: nobody else has the store open. */
static int coordinate(struct copse_store *store, int fd, int alone) {
  int result = COPSE_NONE;
  if (store->path && store->header.nonce)
    result = coordination_open(store, fd);
  if (result == 0 && alone && store->header.durability != COPSE_DURABILITY_NONE &&
      durable_failed(store)) { /* what the disk has is known of the durable root only */
    region_close(&store->readers);
    region_close(&store->writers);
    result = COPSE_NONE;
  }
  if (result != COPSE_NONE)
    return result;
  if (store->flags & COPSE_READ_ONLY)
    return error_set(COPSE_E_COORDINATION,
                     "%s or %s is missing or not current; open the store once for writing",
                     store->readers_path, store->writers_path);
  if (!alone)
    return error_set(COPSE_E_COORDINATION,
                     "%s or %s was deleted or replaced while other processes have the store open; "
                     "end them, then open it again",
                     store->readers_path, store->writers_path);
  return coordination_create(store, fd);
}

/* --- opening --------------------------------------------------------------------------- */

/* Where most of the store cannot be in memory, what lies behind a page that is read will not be needed. */
static void read_ahead_choose(struct copse_store *store) {
  uint64_t bytes = 0;
  int unknown = region_length(&store->data, &bytes); /* who needs what is wrong there says so */
  if (store->flags & COPSE_NO_READ_AHEAD || (!unknown && bytes > os_memory_bytes() / 2))
    region_no_read_ahead(&store->data);
}

int data_map(struct copse_store *store, int fd, unsigned flags, uint64_t reserve) {
  const struct data_header *header = &store->header;
  int result = region_open(&store->data, fd, name_of(store), !store->path, flags | REGION_WHOLE,
                           reserve ? reserve : header->max_bytes, 0);
  if (result == 0 && header->file_bytes)
    result = region_spread(&store->data, header->file_bytes, header->store_id, store->memory);
  if (result == 0 && !store->memory)
    read_ahead_choose(store);
  return result;
}

/* What files are not as they should be is told now. */
static int files_reach(struct copse_store *store) {
  struct root root;
  if (root_read(store->writers.ro, root_published(store->writers.ro), &root, NULL))
    return 0; /* whoever needs the root says so */
  return store_reach(store, &root);
}

/* Everything between holding ATTACH_BYTE and giving it back. Takes over fd. */
static int attach_locked(struct copse_store *store, int fd, uint64_t reserve) {
  int write = !(store->flags & COPSE_READ_ONLY), alone = 0, result = 0;
  if (write)
    result = os_lock_byte(fd, name_of(store), PRESENCE_BYTE, 1, &alone);
  if (result) {
    os_close(fd);
    return result;
  }
  result = data_map(store, fd, REGION_RO | (write ? REGION_RW : 0), reserve);
  if (result)
    return result;
  result = coordinate(store, fd, alone);
  if (result == 0 && store->header.file_bytes)
    result = files_reach(store);
  if (result == 0)
    result = os_lock_byte_wait(fd, name_of(store), PRESENCE_BYTE, 0);
  if (result == 0 && write && store->header.durability == COPSE_DURABILITY_SYNC)
    result = group_open(store);
  if (result == 0)
    result = client_attach(&store->readers, store->writers.ro, &store->client);
  if (result)
    return result;
  if (!write)
    client_set_read_only(&store->client);
  if (write) {
    pager_init(&store->pager, &store->data, &store->writers, store->segments);
    store->pager.context = store;
    store->pager.reclaim = pins_reclaim_hook;
    store->pager.may_grow = pins_may_grow;
  }
  return os_unlock_byte(fd, name_of(store), ATTACH_BYTE);
}

/* A sealed copy: nothing is locked, and nothing shared with other processes. */
static int attach_sealed(struct copse_store *store, int fd) {
  free(store->readers_path);
  free(store->writers_path);
  store->readers_path = store->writers_path = NULL;
  int result = region_open(&store->data, fd, store->path, 0, REGION_RO | REGION_WHOLE, 0, 0);
  if (result == 0)
    read_ahead_choose(store);
  if (result == 0)
    result = coordination_create_private(store, fd);
  if (result == 0)
    result = client_attach(&store->readers, store->writers.ro, &store->client);
  if (result == 0)
    client_set_read_only(&store->client);
  return result;
}

/* Without printf(), whose code would have to be brought into a new process's memory. */
static char *path_extend(const char *path, const char *end) {
  size_t size = strlen(path);
  char *whole = malloc(size + strlen(end) + 1);
  if (whole) {
    memcpy(whole, path, size);
    memcpy(whole + size, end, strlen(end) + 1);
  }
  return whole;
}

int store_paths_make(struct copse_store *store, const char *path) {
  store->path = strdup(path);
  store->readers_path = path_extend(path, "-readers");
  store->writers_path = path_extend(path, "-writers");
  store->log_path = path_extend(path, "-log");
  store->applying_path = path_extend(path, "-applying");
  if (!store->path || !store->readers_path || !store->writers_path || !store->log_path ||
      !store->applying_path)
    return error_set(COPSE_E_MEMORY, "no memory for a store handle");
  return 0;
}

void store_paths_free(struct copse_store *store) {
  free(store->path);
  free(store->readers_path);
  free(store->writers_path);
  free(store->log_path);
  free(store->applying_path);
}

static void store_release(struct copse_store *store) {
  if (store->client.live_page)
    client_detach(&store->client);
  if (store->readers.ro)
    region_close(&store->readers);
  if (store->writers.ro)
    region_close(&store->writers);
  if (store->data.ro)
    region_close(&store->data);
  pager_free(&store->pager);
  group_close(store);
  combine_free(store);
  for (struct copse_snapshot *s = store->cache, *next; s; s = next) {
    next = s->next;
    arena_caches_trim(&s->view, 0);
    oust_free(s);
    free(s);
  }
  leases_end(store);
  leases_free(&store->leases_seen);
  leased_free(&store->leased);
  pthread_mutex_destroy(&store->mutex);
  pthread_mutex_destroy(&store->syncer.mutex);
  pthread_cond_destroy(&store->syncer.wake);
  arena_caches_trim(&store->txn.view, 0);
  free(store->txn.maps);
  free(store->pins);
  free(store->announced);
  store_paths_free(store);
  free(store);
}

/* Opens the data file at path, creating it when asked to. */
static int data_open(struct copse_store *store, const char *path,
                     const struct copse_store_options *options, int *fd) {
  int create = options->flags & COPSE_CREATE;
  unsigned access = (store->flags & COPSE_READ_ONLY ? 0 : OS_WRITE) | (create ? OS_NOFOLLOW : 0);
  for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    int result = os_open(path, access, 0, fd);
    if (result == 0 && create && !(options->flags & COPSE_EXCLUSIVE)) {
      result = os_check_planted(*fd, path, -1);
      if (result)
        os_close(*fd);
    }
    if (result == 0 && options->flags & COPSE_EXCLUSIVE) {
      int gone = data_header_read(store, *fd) == COPSE_E_NO_STORE;
      os_close(*fd);
      if (!gone)
        return error_set(COPSE_E_STORE_EXISTS, "%s is already there", path);
      result = store_remove_at(path, 1);
      if (result && result != COPSE_E_NO_STORE)
        return result;
      continue;
    }
    if (result != COPSE_E_NO_STORE || !create)
      return result;
    result = store_create_file(path, options);
    if (result && (result != COPSE_E_STORE_EXISTS || options->flags & COPSE_EXCLUSIVE))
      return result;
    if (result == 0) {
      result = os_open(path, access, 0, fd);
      if (result != COPSE_E_NO_STORE)
        return result;
    }
  }
  return error_set(COPSE_E_NO_STORE, "%s keeps being removed by somebody", path);
}

/* A sealed copy: nobody is to bring it up to date while it is open, and who does just now is waited for. Where
 * the file system has no locks it is for those who bring it up to date to know. */
static int sealed_hold(struct copse_store *store, int fd) {
  int held = os_lock_byte_wait(fd, store->path, PRESENCE_BYTE, 0);
  (void)held;
  return data_header_read(store, fd); /* again: it may have changed before we held the byte */
}

/* Opens the data file and holds ATTACH_BYTE. While that was waited for, the file may have been
 * removed, and another be at the path: its coordination files are not for this one to make. */
static int data_lock(struct copse_store *store, const char *path,
                     const struct copse_store_options *options, int *out) {
  for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    int fd,
        result = path ? data_open(store, path, options, &fd) : store_create_anonymous(options, &fd);
    if (result)
      return result;
    store->memory = 1;
    result = data_header_read(store, fd);
    if (data_header_is_half(&store->header) || (result == 0 && store_is_sealed(store))) {
      store->flags &= ~(uint32_t)COPSE_OBSERVE; /* like any reader of it */
      result = sealed_hold(store, fd);
      *out = fd;
      if (result)
        os_close(fd);
      return result;
    }
    if (path && (result == 0 || result == COPSE_E_NO_STORE)) {
      int fit = os_check_file_system(fd, path, &store->memory);
      result = fit ? fit : result;
    }
    if (result == 0 && store->flags & COPSE_OBSERVE) {
      *out = fd;
      return 0;
    }
    if (result == 0)
      result =
          os_lock_byte_wait(fd, name_of(store), ATTACH_BYTE, !(store->flags & COPSE_READ_ONLY));
    int at = result == 0 && (!path || os_is_at(fd, path));
    if (at)
      result = data_header_read(store,
                                fd); /* again: the nonce may have changed before we held the byte */
    if (at && result == 0) {
      *out = fd;
      return 0;
    }
    os_close(fd);
    if (result == COPSE_E_NO_STORE && options->flags & COPSE_CREATE) {
      result = store_remove_at(path, 1);
      result = result == COPSE_E_NO_STORE ? 0 : result;
    }
    if (result)
      return result;
  }
  return error_set(COPSE_E_NO_STORE, "%s keeps being removed by somebody", path);
}

static int files_attach(struct copse_store *store, const char *path,
                        const struct copse_store_options *options) {
  int fd, attempt = 0, result;
  do {
    result = data_lock(store, path, options, &fd);
    if (result)
      return result;
    if (store_is_sealed(store))
      return attach_sealed(store, fd);
    if (!(store->flags & COPSE_OBSERVE))
      return attach_locked(store, fd, options->reserve_bytes);
    result = observe_attach(store, fd, options->reserve_bytes);
  } while (observe_retries(result, &attempt));
  return result;
}

static int options_check(const struct copse_store_options *options) {
  if (options->durability > COPSE_DURABILITY_SYNC)
    return error_set(COPSE_E_ARGUMENT, "durability %u is not known", options->durability);
  if (options->slow_reader > COPSE_SLOW_OUST)
    return error_set(COPSE_E_ARGUMENT, "slow_reader %u is not known", options->slow_reader);
  if (options->flags & COPSE_CREATE && options->flags & (COPSE_READ_ONLY | COPSE_OBSERVE))
    return error_set(COPSE_E_ARGUMENT, "a store cannot be created read-only");
  if (options->mode & ~0777u)
    return error_set(COPSE_E_ARGUMENT, "mode %o has more than permission bits (777)",
                     options->mode);
  return 0;
}

int copse_store_open(const char *path, const struct copse_store_options *options,
                     struct copse_store **out) {
  static const struct copse_store_options defaults;
  options = options ? options : &defaults;
  int result = fork_check();
  if (result == 0)
    result = options_check(options);
  if (result == 0 && !path && options->flags & COPSE_OBSERVE)
    result = error_set(COPSE_E_ARGUMENT, "an anonymous store has no file that could be observed");
  if (result)
    return result;
  struct copse_store *store = calloc(1, sizeof *store);
  if (!store)
    return error_set(COPSE_E_MEMORY, "no memory for a store handle");
  store->flags = options->flags;
  if (store->flags & COPSE_OBSERVE)
    store->flags |= COPSE_READ_ONLY;
  pthread_mutex_init(&store->mutex, NULL);
  leases_init(store);
  syncer_init(store);
  leaver_init(store);
  if (path)
    result = store_paths_make(store, path);
  if (result == 0)
    result = files_attach(store, path, options);
  if (result)
    goto fail;
  store->pager.prefault_bytes = options->prefault_bytes;
  const char *poison = getenv("COPSE_POISON");
  store->pager.poison = poison && strcmp(poison, "0") != 0;
  store->client.long_hold_ns = options->long_hold_ns ? options->long_hold_ns : LONG_HOLD_NS;
  if (options->flags & COPSE_SIGBUS_GUARD) {
    result = guard_install();
    if (result == 0)
      result = guard_add(store);
  }
  if (result == 0)
    result = fork_register(store);
  if (result) {
    guard_remove(store);
    goto fail;
  }
  *out = store;
  return 0;
fail:
  store_release(store);
  return result;
}

/* --- closing and removing -------------------------------------------------------------- */

/* Detaches, holding ATTACH_BYTE by a description of its own: the store's may be a child's too. With
 * leases it stays attached, as one that only reads. */
static int leave(struct copse_store *store, int stays) {
  int fd, result = region_fresh_descriptor(&store->data, &fd);
  if (result == 0) {
    result = os_lock_byte_wait(fd, name_of(store), ATTACH_BYTE, 1);
    /* Readers that stay do not matter: nothing of the file changes any more. */
    if (result == 0 && client_is_last_writer(&store->client)) {
      result = leaver_last(store);
      if (result == 0)
        result = durable_close(store);
    }
    if (stays)
      client_set_read_only(&store->client);
    else
      client_detach(&store->client);
    os_close(fd);
  }
  return result;
}

int copse_store_close(struct copse_store *store) {
  int result = fork_check();
  if (!store || result)
    return result;
  pthread_mutex_lock(&store->mutex);
  const char *left = store->snapshots                          ? "a snapshot"
                     : store->cursors_open                     ? "a cursor or diff"
                     : store->watches_open                     ? "a watch"
                     : store->reservations                     ? "a reservation"
                     : store->maps_open                        ? "a map"
                     : store->txn.active && !store->txn.forked ? "the write transaction"
                                                               : NULL;
  pthread_mutex_unlock(&store->mutex);
  if (left)
    return error_set(COPSE_E_STATE, "close %s of the store first", left);
  if (!(store->flags & COPSE_READ_ONLY) && store->client.live_page)
    result = leaver_close(store);
  syncer_stop(store);
  int stays = leases_leave(store);
  if (!stays)
    fork_unregister(store);
  if (store->path && !(store->flags & COPSE_READ_ONLY) && store->client.live_page) {
    int left_files = leave(store, stays);
    result = left_files ? left_files : result;
  }
  store->flags |= COPSE_READ_ONLY;
  if (stays && leases_stay(store))
    return result;
  if (stays)
    fork_unregister(store);
  guard_remove(store);
  store_release(store);
  return result;
}

void store_end(struct copse_store *store) {
  fork_unregister(store);
  guard_remove(store);
  store_release(store);
}

/* --- small things ---------------------------------------------------------------------- */

const char *copse_store_path(const struct copse_store *store) { return store->path; }

uint64_t copse_store_version(const struct copse_store *store) {
  return root_published(store->writers.ro);
}

void store_tell(struct copse_store *store) {
  /* relaxed: twice does no harm */
  if (__builtin_expect(atomic_load_explicit(&store->told, memory_order_relaxed), 1))
    return;
  /* relaxed: likewise */
  atomic_store_explicit(&store->told, 1, memory_order_relaxed);
  client_tell_namespace(&store->client);
}

/* How often the file's size is looked at. */
#define SIZE_CHECK_NS 10000000u

int store_size_check(struct copse_store *store, const struct root *root) {
  /* relaxed: a flag that only rises; a reader that misses it once meets a damaged page */
  if (atomic_load_explicit(&store->truncated, memory_order_relaxed))
    return error_set(COPSE_E_TRUNCATED, "somebody shortened %s; close it and restore a copy",
                     name_of(store));
  uint64_t now = clock_coarse_ns();
  /* relaxed: a time, for not looking too often */
  uint64_t last = atomic_load_explicit(&store->size_checked_ns, memory_order_relaxed);
  if (now - last < SIZE_CHECK_NS)
    return 0;
  /* relaxed: likewise */
  atomic_store_explicit(&store->size_checked_ns, now, memory_order_relaxed);
  int result = region_verify_size(&store->data, root->limit);
  if (result == COPSE_E_TRUNCATED) {
    /* relaxed: see above. Not to be forgotten until the next look. */
    atomic_store_explicit(&store->truncated, 1, memory_order_relaxed);
  }
  return result == COPSE_E_DESCRIPTOR ? 0 : result; /* reading needs no descriptor */
}
