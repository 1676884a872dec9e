/* store/oust.c - snapshots that a writer may end, or pass: every page is copied out, and only then is
 * looked whether it was still protected, so that what is read from the copy is sound. A
 * page being reused meanwhile is copied as whatever it is, and never looked at. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "sync/observe.h"

struct oust_memory {
  struct {
    uint8_t *bytes;
    uint64_t capacity;
  } levels[VIEW_COPY_LEVELS];
};

/* Copies word by word: a writer may be writing the same words. What comes is looked at only when
 * oust_check() says that nobody wrote. */
__attribute__((noinline)) static void words_copy(uint64_t *to, const uint64_t *from, uint64_t n) {
  for (uint64_t i = 0; i < n; i++)
    /* Acquired for observers, which ask after what came before it was written.
     * pairs: observe */
    to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
}

/* In memory, what an observer touches may be a hole by then, which would take storage, or be a fault if there is
 * none left: so it is read by the system, which gives zeros. */
static int content_copy(struct copse_store *store, void *to, const uint8_t *from, uint64_t size) {
  uint64_t offset = (uint64_t)((uintptr_t)from - (uintptr_t)store->data.ro);
  if (!(store->flags & COPSE_OBSERVE) || !store->memory || offset >= store->data.reserved) {
    words_copy(to, (const uint64_t *)(const void *)from, (size + 7) / 8);
    return 0;
  }
  int result = region_read(&store->data, offset, to, size);
  /* As above; what is ordered are the kernel's loads. pairs: observe */
  atomic_thread_fence(memory_order_acquire);
  return result;
}

int oust_check(struct copse_snapshot *snapshot) {
  struct copse_store *store = snapshot->view.store;
  uint64_t version = snapshot->view.root.version;
  if (!(store->flags & COPSE_OBSERVE)) {
    if (!slot_ousted(readers_slot(&store->readers, snapshot->slot)))
      return 0;
    return error_set(COPSE_E_OUSTED, "version %llu held too much of the store; open a new snapshot",
                     (unsigned long long)version);
  }
  int result = observe_check(store);
  if (result == 0 && !observe_is_whole(store->writers.ro, version))
    result =
        error_set(COPSE_E_OVERRUN, "pages of version %llu are in use again; refresh the snapshot",
                  (unsigned long long)version);
  return result;
}

static int oust_copy(struct page_view *view, const void *page, uint64_t size, unsigned level,
                     const void **copied) {
  struct copse_snapshot *snapshot =
      (struct copse_snapshot *)((uint8_t *)view - offsetof(struct copse_snapshot, view.pages));
  struct oust_memory *memory = snapshot->oust;
  if (level == PAGE_COPY_HEAD)
    level = VIEW_COPY_LEVELS - 1;
  if (level >= VIEW_COPY_LEVELS)
    return node_corrupt(0, "has more levels than there can be");
  if (size && memory->levels[level].capacity < size) {
    uint64_t capacity = (size + 4095) & ~UINT64_C(4095);
    base_grow_lock();
    free(memory->levels[level].bytes);
    memory->levels[level].bytes = aligned_alloc(64, capacity);
    memory->levels[level].capacity = memory->levels[level].bytes ? capacity : 0;
    base_grow_unlock();
    if (!memory->levels[level].bytes)
      return error_set(COPSE_E_MEMORY, "no memory to copy a page");
  }
  int result =
      size ? content_copy(snapshot->view.store, memory->levels[level].bytes, page, size) : 0;
  if (result == 0)
    result = oust_check(snapshot);
  if (result == 0)
    *copied = size ? memory->levels[level].bytes : page;
  return result;
}

int oust_attach(struct copse_snapshot *snapshot) {
  if (!snapshot->oust)
    snapshot->oust = calloc(1, sizeof *snapshot->oust);
  if (!snapshot->oust)
    return error_set(COPSE_E_MEMORY, "no memory for a snapshot whose pages are copied");
  snapshot->view.pages.copy = oust_copy;
  return 0;
}

void oust_free(struct copse_snapshot *snapshot) {
  for (unsigned i = 0; snapshot->oust && i < VIEW_COPY_LEVELS; i++)
    free(snapshot->oust->levels[i].bytes);
  free(snapshot->oust);
}
