/* store/durable.c - root slots of the data file, and making a version durable.
 *
 * Order: the version's pages are on disk, then its root slot is written over the older of
 * the two, then that is on disk, and only then do older pages lose their protection (the
 * words `durable` in the writers' file count as announced versions). The version is kept by a
 * snapshot meanwhile, so that writers go on. A sync that failed latches: what the kernel still
 * holds of the file is unknown from then on. */
#include "store/store.h"

#include "base/bytes.h"
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
  struct root_slot slot = {.magic = FORMAT_MAGIC_DATA, .sequence = sequence, .root = *root,
                           .clean = (uint64_t)clean, .nonce = store->header.nonce};
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

static int data_sync(struct copse_store *store) {
  int fd, result = region_descriptor(&store->data, &fd);
  if (result == 0)
    result = os_sync(fd, store->data.path);
  if (result) {
    /* pairs: sync-failed */
    atomic_store_explicit(&store_words(store)->sync_failed, 1, memory_order_release);
  }
  return result;
}

static int sync_failed(const struct copse_store *store) {
  /* pairs: sync-failed */
  if (!atomic_load_explicit(&store_words_ro(store)->sync_failed, memory_order_acquire))
    return 0;
  return error_set(COPSE_E_SYNC_FAILED, "a sync of %s failed earlier; close it in every process, "
                   "then open it again", store->data.path);
}

/* Makes a pinned version durable; the caller holds SYNC_BYTE. */
static int root_sync(struct copse_store *store, const struct root *root) {
  struct commit_words *words = store_words(store);
  /* relaxed: written under SYNC_BYTE only */
  uint64_t newest = atomic_load_explicit(&words->durable[0], memory_order_relaxed);
  if (newest >= root->version)
    return 0;
  int result = sync_failed(store);
  if (result == 0)
    result = data_sync(store);
  POINT(durable_data_synced);
  if (result == 0)
    result = durable_write(store, root, 0);
  POINT(durable_root_written);
  if (result == 0)
    result = data_sync(store);
  POINT(durable_root_synced);
  if (result)
    return result;
  /* The version is announced by the caller's snapshot until both words stand. pairs: announce */
  atomic_store_explicit(&words->durable[1], newest, memory_order_release);
  atomic_store_explicit(&words->durable[0], root->version, memory_order_release); /* pairs: announce */
  return 0;
}

int copse_store_sync(struct copse_store *store, uint64_t *version) {
  struct copse_snapshot *snapshot;
  int fd, result = fork_check();
  if (result)
    return result;
  if (store->flags & COPSE_READ_ONLY)
    return error_set(COPSE_E_READ_ONLY, "the store was opened read-only");
  result = copse_snapshot_open(store, 0, &snapshot);
  if (result)
    return result;
  const struct root root = snapshot->view.root;
  if (store->header.durability != COPSE_DURABILITY_NONE) {
    result = region_fresh_descriptor(&store->data, &fd);
    if (result == 0) {
      result = os_lock_byte_wait(fd, store->data.path, SYNC_BYTE, 1);
      if (result == 0)
        result = root_sync(store, &root);
      os_close(fd);
    }
  }
  copse_snapshot_close(snapshot);
  if (result == 0 && version)
    *version = root.version;
  return result;
}

int durable_mark_unclean(struct copse_store *store) {
  struct commit_words *words = store_words(store);
  /* relaxed: written by the holder of the writer lock */
  if (atomic_load_explicit(&words->unclean, memory_order_relaxed))
    return 0;
  struct root root;
  int result = root_read(store->writers.rw, root_published(store->writers.rw), &root);
  if (result == 0)
    result = durable_write(store, &root, 0);
  if (result == 0 && !store->memory) /* before the kernel writes back any page that changes now */
    result = data_sync(store);
  if (result)
    return result < 0 ? result
                      : error_set(COPSE_E_CORRUPT, "the newest root record is not readable");
  /* relaxed: see above */
  atomic_store_explicit(&words->unclean, 1, memory_order_relaxed);
  return 0;
}

int durable_close(struct copse_store *store) {
  struct root root;
  struct commit_words *words = store_words(store);
  /* relaxed: nobody else is attached */
  if (!atomic_load_explicit(&words->unclean, memory_order_relaxed))
    return 0;
  int result = sync_failed(store), lazy = store->header.durability != COPSE_DURABILITY_NONE;
  int sync = lazy || !store->memory; /* a slot marked clean promises the pages, whatever the mode */
  if (result == 0 && root_read(store->writers.rw, root_published(store->writers.rw), &root))
    result = error_set(COPSE_E_CORRUPT, "the newest root record is not readable");
  if (result == 0 && sync)
    result = data_sync(store);
  if (result == 0)
    result = durable_write(store, &root, 1);
  if (result == 0 && sync)
    result = data_sync(store);
  if (result)
    return result;
  if (lazy) {
    /* relaxed: nobody else is attached */
    atomic_store_explicit(&words->durable[1], 0, memory_order_relaxed);
    atomic_store_explicit(&words->durable[0], root.version, memory_order_relaxed); /* relaxed: too */
  }
  /* relaxed: likewise */
  atomic_store_explicit(&words->unclean, 0, memory_order_relaxed);
  return 0;
}
