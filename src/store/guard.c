/* store/guard.c - faults on a file that an outsider truncated.
 *
 * The handler puts zero pages where the file has no bytes any more and marks the store:
 * the read that faulted goes on, meets a page of zeros, which no check lets pass, and the
 * caller gets COPSE_E_TRUNCATED. Faults elsewhere go to the handler that was there before.
 * What was lent before the truncation reads as zeros. */
#include "store/store.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARDED_MAX 64u

static _Atomic(struct copse_store *) guarded[GUARDED_MAX];
static struct sigaction before;
static size_t page_size; /* of the kernel; set before the handler is installed */

static int inside(const struct region *region, const uint8_t *at, const uint8_t *base) {
  return base && at >= base && at < base + region->reserved;
}

/* Maps zeros over the page; its protection is that of the mapping it stands in for. */
static int patch(const struct region *region, const uint8_t *at) {
  uintptr_t page = (uintptr_t)at & ~(uintptr_t)(page_size - 1);
  int writable = inside(region, at, region->rw);
  if (!writable && !inside(region, at, region->ro))
    return 0;
  return mmap((void *)page, page_size, PROT_READ | (writable ? PROT_WRITE : 0),
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void on_fault(int number, siginfo_t *info, void *context) {
  const uint8_t *at = info->si_addr;
  for (unsigned i = 0; i < GUARDED_MAX; i++) {
    /* pairs: guard-list */
    struct copse_store *store = atomic_load_explicit(&guarded[i], memory_order_acquire);
    if (store &&
        (patch(&store->data, at) || patch(&store->readers, at) || patch(&store->writers, at))) {
      /* relaxed: read by this thread, which is inside the handler, or later by chance */
      atomic_store_explicit(&store->truncated, 1, memory_order_relaxed);
      return;
    }
  }
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  } else {
    signal(number, SIG_DFL); /* back at the faulting instruction, the default ends the process */
  }
}

static int install_result;

static void install(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  install_result = sigaction(SIGBUS, &action, &before);
}

int guard_install(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  return install_result ? error_set(COPSE_E_IO, "the SIGBUS guard could not be installed") : 0;
}

int guard_add(struct copse_store *store) {
  for (unsigned i = 0; i < GUARDED_MAX; i++) {
    struct copse_store *none = NULL;
    /* pairs: guard-list */
    if (atomic_compare_exchange_strong_explicit(&guarded[i], &none, store, memory_order_release,
                                                memory_order_relaxed))
      return 0;
  }
  return error_set(COPSE_E_TOO_MANY, "%u stores are open with the SIGBUS guard", GUARDED_MAX);
}

void guard_remove(struct copse_store *store) {
  for (unsigned i = 0; i < GUARDED_MAX; i++) {
    struct copse_store *found = store;
    /* pairs: guard-list */
    atomic_compare_exchange_strong_explicit(&guarded[i], &found, NULL, memory_order_release,
                                            memory_order_relaxed);
  }
}
