/* store/durable.c - root slots of the data file, and making a version durable.
 *
 * Order: the version's pages are on disk, then its root slot is written over the older of
 * the two, then that is on disk, and only then do older pages lose their protection (the
 * words `durable` in the writers' file count as announced versions). The version is announced in
 * a slot meanwhile, so that writers go on. A sync that failed latches: what the kernel still
 * holds of the file is unknown from then on. Who has the store alone then begins anew at the
 * durable root. */
#include "store/store.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/points.h"

#define SYNC_BYTE ((UINT64_C(1) << 41) + 2) /* locked by the process that writes root slots */

static int slot_valid(const struct root_slot *slot) {
  return slot->magic == FORMAT_MAGIC_DATA &&
         slot->crc == base_crc32c(slot, offsetof(struct root_slot, crc));
}

int durable_read(int fd, const char *path, struct root_slot *slot) {
  struct root_slot slots[2];
  int result = os_pread(fd, path, slots, sizeof slots, FORMAT_BLOCK);
  if (result)
    return result;
  int first = slot_valid(&slots[0]), second = slot_valid(&slots[1]);
  if (!first && !second)
    return error_set(COPSE_E_CORRUPT, "%s: both root slots are damaged; restore a copy", path);
  *slot = !second || (first && slots[0].sequence > slots[1].sequence) ? slots[0] : slots[1];
  return 0;
}

int durable_write(struct copse_store *store, const struct root *root, int clean) {
  struct commit_words *words = store_words(store);
  /* relaxed: one process at a time writes root slots, under SYNC_BYTE or alone */
  uint64_t sequence = atomic_load_explicit(&words->durable_sequence, memory_order_relaxed) + 1;
  struct root_slot slot = {.magic = FORMAT_MAGIC_DATA,
                           .sequence = sequence,
                           .root = *root,
                           .clean = (uint64_t)clean,
                           .nonce = store->header.nonce};
  int fd, result = region_descriptor(&store->data, &fd);
  slot.crc = base_crc32c(&slot, offsetof(struct root_slot, crc));
  if (result == 0)
    result = os_pwrite(fd, store->data.path, &slot, sizeof slot, (1 + sequence % 2) * FORMAT_BLOCK);
  if (result)
    return result;
  /* relaxed: see above */
  atomic_store_explicit(&words->durable_sequence, sequence, memory_order_relaxed);
  return 0;
}

/* Says that a sync failed, for good. What the kernel still holds of the file is unknown from then on. */
int durable_fail(struct copse_store *store, int result) {
  /* pairs: sync-failed */
  atomic_store_explicit(&store_words(store)->sync_failed, 1, memory_order_release);
  return result;
}

/* Makes the data below `end` durable. */
static int data_sync(struct copse_store *store, uint64_t end) {
  int result = region_sync(&store->data, end);
  return result ? durable_fail(store, result) : 0;
}

int durable_failed(const struct copse_store *store) {
  /* pairs: sync-failed */
  if (!atomic_load_explicit(&store_words_ro(store)->sync_failed, memory_order_acquire))
    return 0;
  return error_set(COPSE_E_SYNC_FAILED,
                   "a sync of %s failed earlier; close it in every process, "
                   "then open it again",
                   store->data.path);
}

static int is_sync(const struct copse_store *store) {
  return store->header.durability == COPSE_DURABILITY_SYNC;
}

/* Announces the newest version in a slot of its own: a snapshot would be duplicated by a fork in
 * another thread, and nobody would close the child's. With durability sync the log makes it durable
 * too: what is replayed on a durable root begins where a record ends. */
static int version_pin(struct copse_store *store, uint32_t *slot, struct root *root) {
  int result = slot_take(&store->client, 0, slot);
  if (result)
    return result;
  result = is_sync(store)
               ? group_lead(store, *slot, root)
               : slot_announce(readers_slot(&store->readers, *slot), store->writers.ro, root, NULL);
  if (result)
    slot_give(&store->client, *slot);
  return result;
}

/* SYNC_BYTE, by a description of its own. It is unlocked before it is closed, since a fork in another
 * thread may have copied the descriptor. */
static int sync_lock(struct copse_store *store, int *fd) {
  int result = region_fresh_descriptor(&store->data, fd);
  if (result)
    return result;
  result = os_lock_byte_wait(*fd, store->data.path, SYNC_BYTE, 1);
  if (result)
    os_close(*fd);
  return result;
}

static int sync_unlock(struct copse_store *store, int fd) {
  int result = os_unlock_byte(fd, store->data.path, SYNC_BYTE);
  os_close(fd);
  return result;
}

static int data_write_back(struct copse_store *store, uint64_t limit) {
  int result = store->memory
                   ? 0
                   : region_write_back(&store->data, FORMAT_FIRST_PAGE, limit - FORMAT_FIRST_PAGE);
  return result ? durable_fail(store, result) : 0;
}

/* Makes a pinned version durable; the caller holds SYNC_BYTE. */
static int root_sync(struct copse_store *store, const struct root *root, uint64_t written_units) {
  struct commit_words *words = store_words(store);
  uint64_t now = clock_coarse_ns();
  /* relaxed: written under SYNC_BYTE only */
  uint64_t newest = atomic_load_explicit(&words->durable[0], memory_order_relaxed);
  if (newest >= root->version)
    return 0;
  int result = durable_failed(store);
  if (result == 0)
    result = checksums_write(store, root, newest);
  if (result == 0)
    result = data_write_back(store, root->limit);
  if (result == 0)
    result = data_sync(store, root->limit);
  POINT(durable_data_synced);
  if (result == 0)
    result = durable_write(store, root, 0);
  POINT(durable_root_written);
  if (result == 0)
    result = data_sync(store, FORMAT_FIRST_PAGE);
  POINT(durable_root_synced);
  if (result)
    return result;
  /* The version is announced by the caller's slot until both words stand. pairs: announce */
  atomic_store_explicit(&words->durable[1], newest, memory_order_release);
  atomic_store_explicit(&words->durable[0], root->version,
                        memory_order_release); /* pairs: announce */
  /* relaxed: a committer that sees old ones asks for a sync too early */
  atomic_store_explicit(&words->synced_units, written_units, memory_order_relaxed);
  atomic_store_explicit(&words->synced_ns, now, memory_order_relaxed); /* relaxed: likewise */
  /* relaxed: statistics */
  atomic_fetch_add_explicit(&words->syncs, 1, memory_order_relaxed);
  return 0;
}

int durable_root_sync(struct copse_store *store, const struct root *root, uint64_t written_units) {
  int fd, result = sync_lock(store, &fd);
  if (result)
    return result;
  result = root_sync(store, root, written_units);
  int unlocked = sync_unlock(store, fd);
  return result ? result : unlocked;
}

int durable_checkpoint(struct copse_store *store, uint64_t *version) {
  struct root root;
  uint32_t slot;
  /* relaxed: before the version is chosen, which then has at least these pages */
  uint64_t written = atomic_load_explicit(&store_words(store)->written_units, memory_order_relaxed);
  int result = version_pin(store, &slot, &root);
  if (result)
    return result;
  result = durable_root_sync(store, &root, written);
  slot_give(&store->client, slot);
  if (result == 0)
    *version = root.version;
  return result;
}

int durable_wait(struct copse_store *store, uint64_t version, uint64_t deadline_ns) {
  const struct commit_words *words = store_words_ro(store);
  if (is_sync(store))
    return group_wait(store, version, deadline_ns);
  /* relaxed: a version that only rises */
  if (store->header.durability == COPSE_DURABILITY_NONE ||
      atomic_load_explicit(&words->durable[0], memory_order_relaxed) >= version)
    return 0;
  if (deadline_ns == 0)
    return error_set(COPSE_E_TIMEOUT, "version %llu is not durable yet",
                     (unsigned long long)version);
  return durable_checkpoint(store, &version);
}

int copse_wait_durable(struct copse_store *store, uint64_t version, int64_t timeout_ns) {
  int result = write_permitted(store);
  if (result == 0 && version > root_published(store->writers.ro))
    result = error_set(COPSE_E_ARGUMENT, "version %llu is not committed yet",
                       (unsigned long long)version);
  return result ? result : durable_wait(store, version, deadline_from(timeout_ns));
}

int copse_store_sync(struct copse_store *store, uint64_t *version) {
  int result = write_permitted(store);
  if (result)
    return result;
  uint64_t durable = root_published(store->writers.ro);
  if (store->header.durability == COPSE_DURABILITY_LAZY)
    result = durable_checkpoint(store, &durable);
  else
    result = durable_wait(store, durable, UINT64_MAX);
  if (result == 0 && version)
    *version = durable;
  return result;
}

int durable_mark_unclean(struct copse_store *store) {
  struct commit_words *words = store_words(store);
  /* relaxed: written by the holder of the writer lock */
  if (atomic_load_explicit(&words->unclean, memory_order_relaxed))
    return 0;
  struct root root;
  int result = root_read(store->writers.rw, root_published(store->writers.rw), &root, NULL);
  if (result == 0)
    result = durable_write(store, &root, 0);
  if (result == 0 && !store->memory) /* before the kernel writes back any page that changes now */
    result = data_sync(store, FORMAT_FIRST_PAGE);
  if (result)
    return result < 0 ? result
                      : error_set(COPSE_E_CORRUPT, "the newest root record is not readable");
  /* relaxed: see above */
  atomic_store_explicit(&words->unclean, 1, memory_order_relaxed);
  return 0;
}

void durable_set(struct copse_store *store, const struct root *root) {
  struct commit_words *words = store_words(store);
  struct root logged;
  uint64_t place = 0;
  /* relaxed: no other writer is attached */
  atomic_store_explicit(&words->durable[1], 0, memory_order_relaxed);
  atomic_store_explicit(&words->durable[0], root->version, memory_order_relaxed); /* relaxed: too */
  if (!is_sync(store))
    return;
  (void)root_logged(store->writers.ro, &logged, &place);
  root_log(store->writers.rw, root, place);
}

int durable_root(struct copse_store *store, const struct root *root, int clean) {
  /* A slot marked clean promises the pages, whatever the mode. */
  int durable = store->header.durability != COPSE_DURABILITY_NONE, sync = durable || !store->memory;
  /* relaxed: no other writer is attached */
  uint64_t since = atomic_load_explicit(&store_words(store)->durable[0], memory_order_relaxed);
  int result = durable ? checksums_write(store, root, since) : 0;
  if (result == 0 && sync)
    result = data_sync(store, root->limit);
  if (result == 0)
    result = durable_write(store, root, clean);
  if (result == 0 && sync)
    result = data_sync(store, FORMAT_FIRST_PAGE);
  if (result)
    return result;
  if (durable)
    durable_set(store, root);
  /* relaxed: no other writer is attached */
  atomic_store_explicit(&store_words(store)->unclean, !clean, memory_order_relaxed);
  return 0;
}

int durable_close(struct copse_store *store) {
  struct root root;
  /* relaxed: no other writer is attached */
  if (!atomic_load_explicit(&store_words(store)->unclean, memory_order_relaxed))
    return 0;
  int result = durable_failed(store);
  if (result == 0 && root_read(store->writers.rw, root_published(store->writers.rw), &root, NULL))
    result = error_set(COPSE_E_CORRUPT, "the newest root record is not readable");
  return result ? result : durable_root(store, &root, 1);
}
