/* store/seal.c - sealed copies: one version of a store in one file that never changes.
 *
 * The pages that the version reaches are written where they lie in the store, each with its checksum,
 * and nothing else: the rest is holes. (Within a page, remains of deleted records stay.) The header comes
 * last, so that a file which is not complete is not a store. Nobody coordinates anything with
 * anybody over such a file: it needs neither locks nor shared mappings that are coherent, and may
 * lie on any file system. Who opens it has coordination files of its own, without names. */
#include "copse/copy.h"
#include "store/store.h"

#include <string.h>

#include "base/clock.h"

#define COPIED_WHOLE (UINT64_C(64) << 10) /* pages up to this size are written by one call */

struct seal {
  struct page_view view;
  int fd;
  const char *path;
  uint64_t units; /* written */
};

static int page_copy(void *context, uint64_t ref) {
  struct seal *seal = context;
  uint64_t size, offset = page_ref_offset(ref);
  uint64_t memory[COPIED_WHOLE / 8];
  const struct page_head *head = page_locate(&seal->view, ref, &size);
  if (head)
    seal->units += size / FORMAT_UNIT;
  if (!head || seal->units > seal->view.limit / FORMAT_UNIT)
    return node_corrupt(ref, "lies outside of the store, or is referred to many times");
  size_t whole = size < COPIED_WHOLE ? size : COPIED_WHOLE;
  memcpy(memory, head, whole);
  ((struct page_head *)memory)->epoch = page_checksum(head, size);
  int result = os_pwrite(seal->fd, seal->path, memory, whole, offset);
  if (result == 0 && size > whole)
    result = os_pwrite(seal->fd, seal->path, (const uint8_t *)head + whole, size - whole,
                       offset + whole);
  return result;
}

int sealed_slots_write(int fd, const char *path, const struct root *root) {
  struct root_slot slot = {.magic = FORMAT_MAGIC_DATA, .sequence = 1, .root = *root, .clean = 1};
  slot.crc = base_crc32c(&slot, offsetof(struct root_slot, crc));
  int result = os_pwrite(fd, path, &slot, sizeof slot, FORMAT_BLOCK);
  return result ? result : os_pwrite(fd, path, &slot, sizeof slot, UINT64_C(2) * FORMAT_BLOCK);
}

int sealed_header(const struct copse_store *store, struct data_header *header) {
  *header = store->header;
  if (!store_is_sealed(store))
    memcpy(header->source_id, header->store_id, sizeof header->source_id);
  header->read_compat |= FORMAT_SEALED;
  header->nonce = 0;
  header->durability = COPSE_DURABILITY_LAZY; /* its pages have checksums */
  header->created_ns = clock_wall_ns();
  header->sealed_units = 0;
  header->file_bytes = 0;
  int result = os_random(header->store_id, sizeof header->store_id);
  header->crc = data_header_crc(header);
  return result;
}

static int header_write(const struct seal *seal, const struct copse_store *store) {
  struct data_header header;
  int result = sealed_header(store, &header);
  header.sealed_units = seal->units;
  header.crc = data_header_crc(&header);
  return result ? result : os_pwrite(seal->fd, seal->path, &header, sizeof header, 0);
}

static int contents_write(struct seal *seal, const struct copse_view *view) {
  static const uint8_t end;
  int result =
      os_pwrite(seal->fd, seal->path, &end, 1, view->root.limit - 1); /* holes up to there */
  if (result == 0)
    result = pages_walk(&seal->view, &view->root, page_copy, seal);
  if (result == 0)
    result = sealed_slots_write(seal->fd, seal->path, &view->root);
  if (result == 0)
    result = os_sync(seal->fd, seal->path);
  if (result == 0)
    result = header_write(seal, view->store);
  return result == 0 ? os_sync(seal->fd, seal->path) : result;
}

int copse_snapshot_seal(struct copse_snapshot *snapshot, const char *path, uint32_t mode) {
  const struct copse_view *view = &snapshot->view;
  struct seal seal = {.view = view->pages, .path = path};
  int result = view_check(view);
  if (result == 0 && seal.view.copy)
    result = error_set(COPSE_E_STATE,
                       "sealing needs a snapshot that is not oustable, and no observer's");
  if (result == 0)
    result = os_open(path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, mode ? mode : 0666, &seal.fd);
  if (result)
    return result;
  result = contents_write(&seal, view);
  os_close(seal.fd);
  if (result == 0)
    return os_sync_names(path);
  result = store_fault(view->store, result);
  int left = os_unlink(path); /* if it stays, it is no store: it has no header */
  (void)left;
  return result;
}
