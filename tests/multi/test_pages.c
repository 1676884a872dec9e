/* test_pages.c - several processes change one document while others read it, and are killed while they do: each snapshot
 * shows a sound tree that was committed. Who was killed between two commits leaves the last one. */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pages.h"

enum { WRITERS = 2, READERS = 2, WORKERS = WRITERS + READERS };

static const struct copse_store_options creating = {.flags = COPSE_CREATE,
                                                    .max_bytes = UINT64_C(1) << 30};

/* Shared by all processes. */
struct counts {
  _Atomic uint64_t steps, looks, stale;
  _Atomic int ends;
};

static void work(const char *path, struct counts *counts, uint64_t worker, int writes) {
  struct copse_snapshot *snapshot;
  struct copse_store *store;
  struct pages pages;
  CHECK_OK(copse_store_open(path, &creating, &store));
  pages_open(&pages, store, worker);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  while (!atomic_load(&counts->ends)) {
    if (writes) {
      pages_step(&pages);
      atomic_fetch_add(&counts->steps, 1);
      atomic_fetch_add(&counts->stale, pages.stale);
      pages.stale = 0;
      continue;
    }
    int result = copse_snapshot_refresh(snapshot);
    CHECK(result == 0 || result == COPSE_NONE);
    pages_check(&pages, copse_snapshot_view(snapshot));
    pages_check(&pages, copse_snapshot_view(snapshot)); /* and it stays so */
    atomic_fetch_add(&counts->looks, 1);
  }
  copse_snapshot_close(snapshot);
  pages_close(&pages);
  CHECK_OK(copse_store_close(store));
  exit(0);
}

static void wait_for(_Atomic uint64_t *count, uint64_t more) {
  uint64_t until = atomic_load(count) + more;
  while (atomic_load(count) < until)
    sched_yield();
}

TEST(readers_see_documents_that_were_committed) {
  const char *path = test_shm_path("pages");
  struct counts *counts =
      mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct test_random random = {test_seed()};
  struct copse_store *store;
  uint64_t worker = 0;
  pid_t pids[WORKERS];
  CHECK(counts != MAP_FAILED);
  CHECK_OK(copse_store_open(path, &creating, &store));
  for (; worker < WORKERS; worker++)
    if ((pids[worker] = test_fork()) == 0)
      work(path, counts, worker, worker < WRITERS);
  for (int round = 0; round < 6 * test_scale(); round++) {
    wait_for(&counts->steps, 10);
    wait_for(&counts->looks, 2);
    for (uint64_t looks = test_random_below(&random, 200); looks; looks--)
      sched_yield();
    unsigned i = (unsigned)test_random_below(&random, WORKERS);
    CHECK_SYS(kill(pids[i], SIGKILL));
    CHECK_CHILD_KILLED(pids[i], SIGKILL);
    if ((pids[i] = test_fork()) == 0)
      work(path, counts, worker, i < WRITERS);
    worker++;
  }
  atomic_store(&counts->ends, 1);
  for (int i = 0; i < WORKERS; i++)
    CHECK_CHILD_OK(pids[i]);
  CHECK_GT(atomic_load(&counts->stale), 0);
  struct copse_snapshot *snapshot;
  struct copse_check check;
  struct pages pages;
  pages_open(&pages, store, worker);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  pages_check(&pages, copse_snapshot_view(snapshot));
  copse_snapshot_close(snapshot);
  pages_close(&pages);
  CHECK_OK(copse_check_store(store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  munmap(counts, sizeof *counts);
}
