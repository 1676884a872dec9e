/* sync/observe.c - see observe.h. */
#include "sync/observe.h"

#include "base/clock.h"
#include "base/points.h"
#include "sync/slots.h"

#if defined(__SANITIZE_THREAD__)
#define SANITIZE_THREAD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZE_THREAD 1
#endif
#endif
#ifndef SANITIZE_THREAD
#define SANITIZE_THREAD 0
#endif

#define PROBE_SHARE 64u /* of the time, at most, goes into probes */

/* --- the holder of the writer lock --------------------------------------------------------- */

int observe_is_due(const uint8_t *writers) {
  /* relaxed: a time, under the lock */
  uint64_t last = atomic_load_explicit(&sync_commit_ro(writers)->probed_ns, memory_order_relaxed);
  return (int64_t)(clock_coarse_ns() - last) >= (int64_t)OBSERVE_PROBE_NS;
}

void observe_begin(uint8_t *writers) {
  _Atomic uint64_t *probes = &sync_commit(writers)->probes;
  /* relaxed: under the lock. Odd, also after one that was cut short. */
  uint64_t count = atomic_load_explicit(probes, memory_order_relaxed);
  /* pairs: observe-probe */
  atomic_store_explicit(probes, (count + 1) | 1, memory_order_release);
  POINT(observe_probing);
}

static int is_found(const struct observe_found *found, uint64_t version) {
  for (unsigned i = 0; i < found->count; i++)
    if (found->versions[i] == version)
      return 1;
  return 0;
}

static int is_observed(const struct commit_words *commit, uint64_t version) {
  for (unsigned i = 0; i < OBSERVED_MAX; i++)
    /* pairs: observe */
    if (atomic_load_explicit(&commit->observed[i], memory_order_acquire) == version)
      return 1;
  return 0;
}

/* Puts a version into a free place, if there is one. */
static void observed_add(struct commit_words *commit, uint64_t version) {
  for (unsigned i = 0; i < OBSERVED_MAX; i++)
    /* relaxed: under the lock */
    if (atomic_load_explicit(&commit->observed[i], memory_order_relaxed) == 0) {
      /* pairs: observe */
      atomic_store_explicit(&commit->observed[i], version, memory_order_release);
      return;
    }
}

void observe_end(uint8_t *writers, const struct observe_found *found, uint64_t took_ns) {
  struct commit_words *commit = sync_commit(writers);
  uint64_t newest = root_published(writers);
  for (unsigned i = 0; i < OBSERVED_MAX; i++) {
    /* relaxed: under the lock */
    uint64_t version = atomic_load_explicit(&commit->observed[i], memory_order_relaxed);
    if (version && !is_found(found, version))
      /* relaxed: the fence of observe_raise() comes before any page is written */
      atomic_store_explicit(&commit->observed[i], 0, memory_order_relaxed);
  }
  for (unsigned i = 0; i < found->count; i++) {
    uint64_t version = found->versions[i];
    if (version && version <= newest && !is_observed(commit, version) &&
        observe_is_whole(writers, version))
      observed_add(commit, version);
  }
  /* relaxed: under the lock, all three */
  atomic_store_explicit(&commit->joining, found->joins ? root_visible(writers) : 0,
                        memory_order_relaxed); /* relaxed: likewise */
  atomic_store_explicit(&commit->probed_ns, clock_coarse_ns() + PROBE_SHARE * took_ns,
                        memory_order_relaxed); /* relaxed: likewise */
  uint64_t count = atomic_load_explicit(&commit->probes, memory_order_relaxed);
  /* pairs: observe-probe */
  atomic_store_explicit(&commit->probes, count + 1, memory_order_release);
}

void observe_drop(uint8_t *writers, uint64_t version) {
  struct commit_words *commit = sync_commit(writers);
  for (unsigned i = 0; i < OBSERVED_MAX; i++)
    /* relaxed: under the lock; and see observe_end() */
    if (!version || atomic_load_explicit(&commit->observed[i], memory_order_relaxed) == version)
      atomic_store_explicit(&commit->observed[i], 0, memory_order_relaxed); /* relaxed: likewise */
  if (!version)
    atomic_store_explicit(&commit->joining, 0, memory_order_relaxed); /* relaxed: under the lock */
}

void observe_raise(uint8_t *writers, uint64_t freed) {
  _Atomic uint64_t *retained = &sync_commit(writers)->retained;
  /* relaxed: under the lock */
  if (atomic_load_explicit(retained, memory_order_relaxed) < freed)
    /* Released for who then looks for its version in `observed`. pairs: observe */
    atomic_store_explicit(retained, freed, memory_order_release);
#if !SANITIZE_THREAD /* which does not see fences, and runs where none is needed */
  /* Pages are written plainly, so that only a fence can say it. pairs: observe */
  atomic_thread_fence(memory_order_release);
#endif
  POINT(observe_raised);
}

/* --- observers ----------------------------------------------------------------------------- */

int observe_is_whole(const uint8_t *writers, uint64_t version) {
  const struct commit_words *commit = sync_commit_ro(writers);
  struct root logged;
  /* pairs: observe */
  return atomic_load_explicit(&commit->retained, memory_order_acquire) <= version ||
         is_observed(commit, version) ||
         (root_logged(writers, &logged, NULL) == 0 && logged.version == version);
}

uint64_t observe_probes(const uint8_t *writers) {
  /* pairs: observe-probe */
  return atomic_load_explicit(&sync_commit_ro(writers)->probes, memory_order_acquire);
}
