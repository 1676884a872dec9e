/* store/syncer.c - durable roots that nobody asked for.
 *
 * Lazy stores have two bounds: sync_bytes of pages written and sync_interval_ms since the last durable root. A
 * process that writes has one thread for them, made at its first commit; it wakes at each
 * interval's end, or when a committer asks because of the bytes, and also covers the
 * commits of others, dead ones too. A committer that finds twice the bytes waits until they
 * are durable: the disk is slower than the program. Without a thread (COPSE_NO_SYNC_THREAD, or
 * none was to be had) committers look at both bounds themselves.
 *
 * In a store with durability sync the log makes commits durable. There a durable root is made when half of
 * the log is full: by the thread, or without one by the committer whose record filled it.
 *
 * The thread blocks all signals and touches no handle of the program's. It ends with
 * copse_store_close(); the end of the process takes it along at any instant, as a kill would. A
 * forked child has none before its own first commit. */
#include "store/store.h"

#include <signal.h>

#include "base/clock.h"

#define THREAD_STACK (256u * 1024)
#define SYNC_BYTES (UINT64_C(256) << 20)
#define SYNC_INTERVAL_MS 1000u

void syncer_init(struct copse_store *store) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&store->syncer.mutex, NULL);
  pthread_cond_init(&store->syncer.wake, &attributes);
  pthread_condattr_destroy(&attributes);
}

void syncer_forget(struct copse_store *store) {
  /* Another thread of the parent may have held the mutex: both are made anew. */
  syncer_init(store);
  /* relaxed: this process has one thread now */
  atomic_store_explicit(&store->syncer.running, 0, memory_order_relaxed);
  atomic_store_explicit(&store->syncer.asked, 0, memory_order_relaxed); /* relaxed: likewise */
  store->syncer.ends = 0;
}

static uint64_t interval_ns(const struct copse_store *store) {
  uint64_t ms = store->header.sync_interval_ms;
  return (ms ? ms : SYNC_INTERVAL_MS) * 1000000u;
}

static uint64_t bytes_waiting(const struct copse_store *store) {
  const struct commit_words *words = store_words_ro(store);
  /* relaxed: counters; a late look at one of them asks a little early or late */
  uint64_t synced = atomic_load_explicit(&words->synced_units, memory_order_relaxed);
  uint64_t written =
      atomic_load_explicit(&words->written_units, memory_order_relaxed); /* relaxed */
  return written > synced ? (written - synced) * FORMAT_UNIT : 0;
}

/* When the interval since the last durable root ends. */
static uint64_t interval_end(const struct copse_store *store) {
  /* relaxed: a time; a late look syncs once too often */
  return atomic_load_explicit(&store_words_ro(store)->synced_ns, memory_order_relaxed) +
         interval_ns(store);
}

/* A failure is told by the next transaction's begin: a sync that failed latches. */
static void checkpoint(struct copse_store *store) {
  uint64_t version;
  if (durable_checkpoint(store, &version))
    return;
}

static int is_durable(const struct copse_store *store) {
  /* relaxed: a version that only rises */
  return atomic_load_explicit(&store_words_ro(store)->durable[0], memory_order_relaxed) >=
         root_published(store->writers.ro);
}

/* With the mutex held: waits until there is work or the end. Returns 0 at the end. */
static int work_wait(struct copse_store *store) {
  struct syncer *syncer = &store->syncer;
  uint64_t rest = clock_now_ns() + interval_ns(store); /* after a failure, too */
  for (;;) {
    uint64_t due = interval_end(store), now = clock_now_ns();
    /* relaxed: the mutex orders it against the signal */
    if (syncer->ends)
      return 0;
    if (atomic_exchange_explicit(&syncer->asked, 0, memory_order_relaxed)) /* relaxed: as above */
      return 1;
    if (store->group) {
      pthread_cond_wait(&syncer->wake, &syncer->mutex);
      continue;
    }
    if (due <= now) {
      if (!is_durable(store) && rest <= now)
        return 1;
      due = rest <= now ? now + interval_ns(store) : rest;
    }
    struct timespec until = {.tv_sec = (time_t)(due / 1000000000u),
                             .tv_nsec = (long)(due % 1000000000u)};
    pthread_cond_timedwait(&syncer->wake, &syncer->mutex, &until);
  }
}

static void *bounds_keep(void *context) {
  struct copse_store *store = context;
  struct syncer *syncer = &store->syncer;
  pthread_mutex_lock(&syncer->mutex);
  while (work_wait(store)) {
    pthread_mutex_unlock(&syncer->mutex);
    checkpoint(store);
    pthread_mutex_lock(&syncer->mutex);
  }
  pthread_mutex_unlock(&syncer->mutex);
  return NULL;
}

/* Only one thread of the program's can be between two commits of one handle, but several after one. */
static void thread_start(struct copse_store *store) {
  struct syncer *syncer = &store->syncer;
  sigset_t all, old;
  pthread_attr_t attributes;
  pthread_mutex_lock(&syncer->mutex);
  /* relaxed: the mutex orders it */
  if (atomic_load_explicit(&syncer->running, memory_order_relaxed) == 0) {
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the program's threads' business */
    int failed = pthread_create(&syncer->thread, &attributes, bounds_keep, store);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    /* relaxed: likewise */
    atomic_store_explicit(&syncer->running, failed ? -1 : 1, memory_order_relaxed);
  }
  pthread_mutex_unlock(&syncer->mutex);
}

void syncer_stop(struct copse_store *store) {
  struct syncer *syncer = &store->syncer;
  pthread_mutex_lock(&syncer->mutex);
  syncer->ends = 1;
  pthread_cond_signal(&syncer->wake);
  pthread_mutex_unlock(&syncer->mutex);
  /* relaxed: nobody commits any more */
  if (atomic_load_explicit(&syncer->running, memory_order_relaxed) == 1)
    pthread_join(syncer->thread, NULL);
}

static void thread_wake(struct syncer *syncer) {
  /* relaxed: the mutex orders it against the thread's look */
  if (atomic_exchange_explicit(&syncer->asked, 1, memory_order_relaxed))
    return;
  pthread_mutex_lock(&syncer->mutex);
  pthread_cond_signal(&syncer->wake);
  pthread_mutex_unlock(&syncer->mutex);
}

void syncer_committed(struct copse_store *store) {
  struct syncer *syncer = &store->syncer;
  uint64_t bound = store->header.sync_bytes, waiting = bytes_waiting(store);
  bound = bound ? bound : SYNC_BYTES;
  /* relaxed: who sees it late meets the mutex */
  int running = atomic_load_explicit(&syncer->running, memory_order_relaxed);
  if (running == 0 && !(store->flags & COPSE_NO_SYNC_THREAD))
    thread_start(store);
  else if (running <= 0 && (waiting > bound || interval_end(store) <= clock_coarse_ns()))
    checkpoint(store);
  if (waiting > 2 * bound)
    checkpoint(store);
  else if (waiting > bound && running > 0)
    thread_wake(syncer);
}

void syncer_ask(struct copse_store *store) {
  struct syncer *syncer = &store->syncer;
  if (!(store->flags & COPSE_NO_SYNC_THREAD))
    thread_start(store);
  /* relaxed: set by this thread, or known not to be */
  if (atomic_load_explicit(&syncer->running, memory_order_relaxed) > 0)
    thread_wake(syncer);
  else
    checkpoint(store);
}
