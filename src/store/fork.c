/* store/fork.c - going on after fork(), and noticing a raw clone.
 *
 * Before the fork each store attaches a client for the child and duplicates the pins of its
 * open snapshots into slots of that client, each of a greater index than the slot it copies
 * (sync/slots.h says why). The child adopts them; the parent lets go. What another thread has
 * in the midst of a write transaction is copied as it is: the child's next one begins anew with
 * all of it but its arrays, which are not moved meanwhile (base/grow.h). A page that the kernel wipes in
 * children tells a child that was made without these handlers. */
#include "store/store.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/grow.h"

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct copse_store *stores;
static const volatile uint32_t no_canary = 1;
const volatile uint32_t *_Atomic fork_canary = &no_canary;
static volatile uint32_t *canary; /* the same, once a store was opened */

static void snapshots_duplicate(struct copse_store *store) {
  for (struct copse_snapshot *s = store->snapshots; s; s = s->next) {
    s->child_slot = SLOT_NONE;
    uint32_t slot;
    if (store->passage.fd < 0 || !view_is_open(&s->view) ||
        slot_take_above(&store->passage.client, s->slot, &slot))
      continue;
    /* Another thread may be refreshing it: then there is no version to carry over. */
    if (slot_carry_over(readers_slot(&store->readers, s->slot), readers_slot(&store->readers, slot),
                        s->view.root.version) &&
        view_is_open(&s->view))
      s->child_slot = slot;
    else
      slot_give(&store->passage.client, slot);
  }
}

static void before_fork(void) {
  pthread_mutex_lock(&list_mutex);
  for (struct copse_store *store = stores; store; store = store->next)
    pthread_mutex_lock(&store->mutex);
  for (struct copse_store *store = stores; store; store = store->next)
    pthread_mutex_lock(&store->leases.mutex);
  for (struct copse_store *store = stores; store; store = store->next)
    region_fork_lock(&store->data);
  client_fork_lock();
  for (struct copse_store *store = stores; store; store = store->next) {
    client_passage_prepare(&store->readers, store->writers.ro, &store->passage);
    if (store->passage.fd >= 0 && store->flags & COPSE_READ_ONLY)
      client_set_read_only(&store->passage.client);
    snapshots_duplicate(store);
    leases_duplicate(store);
  }
  base_grow_lock();
}

static void after_unlock(void) {
  base_grow_unlock();
  client_fork_unlock();
  for (struct copse_store *store = stores; store; store = store->next) {
    region_fork_unlock(&store->data);
    pthread_mutex_unlock(&store->leases.mutex);
    pthread_mutex_unlock(&store->mutex);
  }
  pthread_mutex_unlock(&list_mutex);
}

static void after_fork_parent(void) {
  for (struct copse_store *store = stores; store; store = store->next)
    client_passage_parent(&store->passage);
  after_unlock();
}

/* The child's snapshots rest on its own slots; cached handles had slots of the parent's. */
static void store_adopt(struct copse_store *store) {
  client_passage_child(&store->passage);
  store->passage.client.long_hold_ns = store->client.long_hold_ns;
  store->client = store->passage.client;
  syncer_forget(store);
  group_forget(store);
  leaver_forget(store);
  /* relaxed: this process has one thread now */
  atomic_store_explicit(&store->told, 0, memory_order_relaxed);
  for (struct copse_snapshot *s = store->cache, *next; s; s = next) {
    next = s->next;
    arena_caches_trim(&s->view, 0);
    oust_free(s);
    free(s);
  }
  store->cache = NULL;
  for (struct copse_snapshot *s = store->snapshots; s; s = s->next) {
    arena_caches_trim(&s->view, 0); /* another thread may have been filling them */
    s->slot = s->child_slot;
    if (s->slot == SLOT_NONE)
      view_open_set(&s->view, 0); /* no slot was to be had: reading it fails with STATE */
  }
  arena_caches_trim(&store->txn.view, 0);
  if (store->txn.active) {
    store->txn.forked = 1;
    view_open_set(&store->txn.view, 0);
  }
  leases_adopt(store);
  pager_adopt(&store->pager);
  pins_forget(store);
  /* relaxed: this process has one thread now */
  atomic_store_explicit(&store->writer_thread, 0, memory_order_relaxed);
}

static void after_fork_child(void) {
  *canary = 1;
  for (struct copse_store *store = stores; store; store = store->next)
    store_adopt(store);
  after_unlock();
}

static int install_failed;

static void handlers_install(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK) ||
      pthread_atfork(before_fork, after_fork_parent, after_fork_child)) {
    install_failed = 1;
    return;
  }
  canary = page;
  *canary = 1;
  /* relaxed: see fork_is_raw_clone() */
  atomic_store_explicit(&fork_canary, canary, memory_order_relaxed);
}

int fork_check(void) {
  if (fork_is_raw_clone())
    return error_set(COPSE_E_FORKED, "this process was cloned without fork(); open the store anew "
                                     "after exec, or use fork()");
  return 0;
}

int fork_register(struct copse_store *store) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, handlers_install);
  if (install_failed)
    return error_set(COPSE_E_MEMORY, "no memory for the handlers that forks need");
  pthread_mutex_lock(&list_mutex);
  store->next = stores;
  stores = store;
  pthread_mutex_unlock(&list_mutex);
  return 0;
}

void fork_unregister(struct copse_store *store) {
  pthread_mutex_lock(&list_mutex);
  struct copse_store **at = &stores;
  while (*at && *at != store)
    at = &(*at)->next;
  if (*at)
    *at = store->next;
  pthread_mutex_unlock(&list_mutex);
}
