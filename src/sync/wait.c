/* sync/wait.c - sleeping until a commit; the protocol is in wait.h.
 *
 * The futex word lies in the writers' file, which a waiter may have mapped read-only: the
 * kernel allows waiting on it, but the waiter cannot raise it. So cancelling has a word of its
 * own in the waiter's memory, watched by the same system call. */
#include "sync/wait.h"

#include "base/clock.h"
#include "base/error.h"
#include "sync/slots.h"
#include "sync/spin.h"

#ifdef COPSE_TESTS
int64_t wait_recheck_ns = 250000000;
#endif

static struct readers_header *head(const struct region *readers) {
  return (struct readers_header *)readers->rw;
}

int wait_wake(const struct region *readers, uint8_t *writers) {
  struct commit_words *commit = sync_commit(writers);
  /* C2, without taking the line when nobody waits. pairs: commit-wait */
  if (!atomic_load_explicit(&head(readers)->waiting, memory_order_seq_cst) ||
      !atomic_exchange_explicit(&head(readers)->waiting, 0, memory_order_seq_cst))
    return 0;
  /* C3. pairs: commit-wait */
  atomic_fetch_add_explicit(&commit->commit_wake, 1, memory_order_seq_cst);
  /* relaxed: a counter */
  atomic_fetch_add_explicit(&commit->wakes, 1, memory_order_relaxed);
  return os_futex_wake(&commit->commit_wake, INT32_MAX) > 0;
}

/* How long to sleep; 0 when the time limit has passed. */
static int64_t sleep_ns(uint64_t deadline_ns) {
  if (deadline_ns == UINT64_MAX)
    return WAIT_RECHECK_NS;
  uint64_t now = clock_now_ns();
  if (now >= deadline_ns)
    return 0;
  return deadline_ns - now < (uint64_t)WAIT_RECHECK_NS ? (int64_t)(deadline_ns - now)
                                                       : WAIT_RECHECK_NS;
}

static int cancelled(const _Atomic int *cancel) {
  /* pairs: wait-cancel */
  return cancel && atomic_load_explicit(cancel, memory_order_acquire);
}

static int say_cancelled(uint64_t after) {
  return error_set(COPSE_E_CANCELLED, "the wait for version %llu was cancelled",
                   (unsigned long long)after + 1);
}

int wait_published(const struct region *readers, const uint8_t *writers, uint64_t after,
                   uint64_t deadline_ns, const _Atomic int *cancel, uint64_t *version) {
  const struct commit_words *commit = sync_commit_ro(writers);
  uint64_t newest = root_visible(writers);
  if (cancelled(cancel)) /* first of all: in a busy store there is always something newer */
    return say_cancelled(after);
  if (deadline_ns)
    for (int i = 0; newest <= after && i < SPIN_COMMIT_ROUNDS && !cancelled(cancel); i++) {
      spin_pause();
      newest = root_visible(writers);
    }
  int code = 0;
  while (newest <= after) {
    /* W1. pairs: commit-wait */
    uint32_t word = atomic_load_explicit(&commit->commit_wake, memory_order_seq_cst);
    if (cancelled(cancel))
      return say_cancelled(after);
    if (code == COPSE_E_INTERRUPTED)
      return code;
    int64_t ns = deadline_ns ? sleep_ns(deadline_ns) : 0;
    if (ns) {
      /* W2. pairs: commit-wait */
      atomic_store_explicit(&head(readers)->waiting, 1, memory_order_seq_cst);
    }
    newest = root_visible(writers); /* W3 */
    if (newest > after)
      break;
    if (!ns)
      return error_set(COPSE_E_TIMEOUT, "version %llu was not committed within the time limit",
                       (unsigned long long)after + 1);
    code = os_futex_wait_either(&commit->commit_wake, word, cancel, ns);
    if (code && code != COPSE_E_TIMEOUT && code != COPSE_E_INTERRUPTED)
      return code;
    newest = root_visible(writers);
  }
  *version = newest;
  return 0;
}

void wait_cancel(_Atomic int *cancel) {
  /* pairs: wait-cancel */
  atomic_store_explicit(cancel, 1, memory_order_release);
  os_futex_wake_own(cancel);
}
