/* store/observe.c - observers: opening without write permission, keeping a version, and what
 * writers do for them.
 *
 * An observer opens the data and the writers' file without write permission, and takes no lock by
 * which others would wait. What stands in the place of the readers' file is memory of its own. Its
 * snapshots copy pages out (oust.c) and ask whether they were whole (sync/observe.h), and
 * whether the coordination files that tell are still those of the store: the nonce in the
 * header is taken back before new ones come into use.
 *
 * Where there are no current ones, and nobody has the store open, the newest root slot is shown:
 * who then opens the store for writing makes new ones first, and so changes the nonce. */
#include "store/store.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "sync/observe.h"

#define HOLD_NS UINT64_C(50000000) /* to wait for a probe, at most */
#define NAP_NS 300000
#define OPEN_ATTEMPTS 300 /* while the first writer makes coordination files */
#define HOLD_ATTEMPTS 200
#define PAGE 4096u
#define BOUND_LEAST (UINT64_C(16) << 20)

/* --- what writers do ------------------------------------------------------------------------- */

/* All bytes in [from, to) that somebody holds, as versions; the kernel names one at a time, in no order. */
static int versions_find(int fd, const char *path, uint64_t from, uint64_t to,
                         struct observe_found *found) {
  uint64_t start, end;
  if (from >= to || found->count == OBSERVED_MAX)
    return 0;
  int result = os_lock_find(fd, path, from, to, &start, &end);
  if (result)
    return result == COPSE_NONE ? 0 : result;
  if (start >= from)
    found->versions[found->count++] = start - OBSERVE_VERSION;
  result = start > from ? versions_find(fd, path, from, start, found) : 0;
  return result == 0 && end < to ? versions_find(fd, path, end, to, found) : result;
}

static void probe(struct copse_store *store) {
  struct observe_found found = {0};
  uint64_t start, end,
      began = clock_thread_ns(); /* who had to wait for a processor is no dear probe */
  int fd;
  observe_begin(store->writers.rw);
  int result = region_descriptor(&store->writers, &fd);
  if (result == 0)
    result = versions_find(fd, store->writers.path, OBSERVE_VERSION, (uint64_t)INT64_MAX, &found);
  if (result == 0)
    found.joins =
        os_lock_find(fd, store->writers.path, OBSERVE_JOIN, OBSERVE_JOIN + 1, &start, &end) == 0;
  observe_end(store->writers.rw, &found, clock_thread_ns() - began);
}

/* What may be kept for observers: who they are nobody knows. */
static uint64_t bytes_most(const struct copse_store *store) {
  uint64_t used = store->pager.books->words[BOOK_USED_UNITS] * FORMAT_UNIT, bound;
  uint64_t waiting = pager_waiting_bytes(&store->pager), most = BOUND_LEAST;
  if (used > waiting && (used - waiting) / 2 > most)
    most = (used - waiting) / 2;
  bound = store->header.slow_reader_bytes / 2;
  return store->header.slow_reader != COPSE_SLOW_WARN && bound && bound < most ? bound : most;
}

void observers_look(struct copse_store *store) {
  struct commit_words *words = store_words(store);
  uint64_t most = bytes_most(store), held = 0, oldest = 0;
  /* relaxed: under the lock */
  uint64_t joining = atomic_load_explicit(&words->joining, memory_order_relaxed);
  if (observe_is_due(store->writers.rw) ||
      (joining && pager_pending_bytes(&store->pager) > BOUND_LEAST))
    probe(store);
  for (unsigned i = 0; i < OBSERVED_MAX; i++) {
    /* relaxed: under the lock */
    uint64_t version = atomic_load_explicit(&words->observed[i], memory_order_relaxed);
    if (!version)
      continue;
    held += pager_held_bytes(store->pager.books, version);
    oldest = !oldest || version < oldest ? version : oldest;
  }
  if (held > most)
    observe_drop(store->writers.rw, oldest);
}

void observers_drop(struct copse_store *store) { observe_drop(store->writers.rw, 0); }

/* --- opening --------------------------------------------------------------------------------- */

static void nap(void) {
  const struct timespec time = {.tv_nsec = NAP_NS};
  nanosleep(&time, NULL);
}

/* The nonce that the header has now. */
static uint64_t nonce_now(const struct copse_store *store) {
  /* Acquired for what is read of the pages next. pairs: observe-nonce */
  return __atomic_load_n(&((const struct data_header *)store->data.ro)->nonce, __ATOMIC_ACQUIRE);
}

int observe_check(const struct copse_store *store) {
  if (nonce_now(store) == store->header.nonce)
    return 0;
  return error_set(COPSE_E_COORDINATION,
                   "the coordination files of %s were made anew, or it was removed: close it and "
                   "open it again",
                   store->path);
}

/* Without current coordination files. */
static int still_open(struct copse_store *store, int fd) {
  struct root_slot slot;
  int others;
  int result = os_byte_held(fd, store->path, PRESENCE_BYTE, &others);
  if (result == 0 && others)
    result = error_set(COPSE_E_COORDINATION,
                       "%s is missing or not current, while others have the store open",
                       store->writers_path);
  if (result == 0)
    result = durable_read(fd, store->path, &slot);
  if (result)
    return result;
  if (!slot.clean && store->header.durability == COPSE_DURABILITY_NONE)
    return error_set(COPSE_E_UNCLEAN, "%s was in use without durability when %s was lost",
                     store->path, store->writers_path);
  if (!slot.clean && store->header.durability == COPSE_DURABILITY_SYNC)
    return error_set(COPSE_E_COORDINATION,
                     "%s was in use when the machine stopped: open it once for writing, which "
                     "recovers what its log has",
                     store->path);
  char *path = store->writers_path;
  store->writers_path = NULL;
  result = coordination_create_private(store, fd);
  store->writers_path = path;
  return result;
}

static int attach(struct copse_store *store, int fd, uint64_t reserve) {
  int result = data_map(store, fd, REGION_RO, reserve);
  if (result)
    return result;
  free(store->readers_path);
  store->readers_path = NULL;
  result = store->header.nonce
               ? coordination_map(store, fd, store->writers_path, 0, BOOKS_PIECES, BOOKS_PIECES,
                                  FORMAT_MAGIC_WRITERS, &store->writers)
               : COPSE_NONE;
  if (result == 0)
    result = coordination_readers_private(store);
  else if (result == COPSE_NONE)
    result = still_open(store, fd);
  if (result == 0)
    result = client_attach(&store->readers, store->writers.ro, &store->client);
  if (result == 0)
    client_set_read_only(&store->client);
  return result == 0 ? observe_check(store) : result;
}

int observe_attach(struct copse_store *store, int fd, uint64_t reserve) {
  int result = attach(store, fd, reserve);
  if (result == 0)
    return 0;
  if (store->client.live_page)
    client_detach(&store->client);
  struct region *const regions[] = {&store->readers, &store->writers, &store->data};
  for (int i = 0; i < 3; i++)
    if (regions[i]->ro)
      region_close(regions[i]);
  return result;
}

int observe_retries(int result, int *attempt) {
  if (result != COPSE_E_COORDINATION || ++*attempt > OPEN_ATTEMPTS)
    return 0;
  nap();
  return 1;
}

/* --- keeping a version ------------------------------------------------------------------------ */

/* Whether the next reclaiming begins with a probe: none was made lately. */
static int is_quiet(const struct copse_store *store) {
  /* relaxed: a time */
  uint64_t last = atomic_load_explicit(&store_words_ro(store)->probed_ns, memory_order_relaxed);
  return (int64_t)(clock_coarse_ns() - last) >= (int64_t)(3 * OBSERVE_PROBE_NS);
}

/* J1. Gives up after a while: the writer may be held up. */
static void probe_wait(const struct copse_store *store) {
  uint64_t probes = observe_probes(store->writers.ro), deadline = clock_now_ns() + HOLD_NS;
  uint64_t wanted = probes + (probes & 1 ? 3 : 2); /* one that began after ours was locked */
  while (observe_probes(store->writers.ro) < wanted && !is_quiet(store) &&
         clock_now_ns() < deadline)
    nap();
}

/* J2, on a description of its own. */
static int version_lock(struct copse_snapshot *snapshot, int fd) {
  struct copse_store *store = snapshot->view.store;
  for (int i = 0; i < HOLD_ATTEMPTS; i++) {
    uint64_t probes = observe_probes(store->writers.ro), version;
    int held, result = snapshot_announce(snapshot);
    version = snapshot->view.root.version;
    if (result == 0)
      result = os_lock_byte(fd, store->writers_path, OBSERVE_VERSION + version, 0, &held);
    if (result)
      return result;
    if (observe_probes(store->writers.ro) == probes && !(probes & 1))
      return 0;
    if (probes & 1)
      nap(); /* a writer is at it, perhaps held up */
    result = os_unlock_byte(fd, store->writers_path, OBSERVE_VERSION + version);
    if (result)
      return result;
  }
  return 0; /* nothing is kept: the snapshot may be passed soon */
}

void observe_release(struct copse_snapshot *snapshot) {
  if (snapshot->kept)
    os_unmap(snapshot->kept, PAGE);
  snapshot->kept = NULL;
}

int observe_announce(struct copse_snapshot *snapshot) {
  struct copse_store *store = snapshot->view.store;
  int fd, held, result = observe_check(store);
  observe_release(snapshot);
  if (result || !(snapshot->flags & COPSE_SNAPSHOT_KEPT) || store->writers.anonymous)
    return result ? result : snapshot_announce(snapshot);
  result = region_fresh_descriptor(&store->writers, &fd);
  if (result)
    return result;
  int joins = !is_quiet(store);
  if (joins) {
    result = os_lock_byte(fd, store->writers_path, OBSERVE_JOIN, 0, &held);
    if (result == 0)
      probe_wait(store);
  }
  if (result == 0)
    result = version_lock(snapshot, fd);
  if (result == 0 && joins)
    result = os_unlock_byte(fd, store->writers_path, OBSERVE_JOIN);
  if (result == 0) /* the mapping keeps the description, and so the lock */
    result = os_map(fd, store->writers_path, PAGE, OS_MAP_NO_DUMP, &snapshot->kept);
  os_close(fd);
  return result;
}
