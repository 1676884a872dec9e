/* test_blocks.c - several processes put blocks into one arena, and are killed while they do. */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blocks.h"

#define WORKERS 4

static const struct copse_store_options creating = {.flags = COPSE_CREATE,
                                                    .max_bytes = UINT64_C(1) << 30};

/* Shared by all processes. */
struct counts {
  _Atomic uint64_t steps, allowed; /* done, or begun by the dead; how many may be */
  _Atomic int ends;
};

static void work(const char *path, struct counts *counts, uint64_t writer) {
  struct copse_store *store;
  struct blocks blocks;
  CHECK_OK(copse_store_open(path, &creating, &store));
  blocks_open(&blocks, store, writer);
  while (!atomic_load(&counts->ends)) {
    uint64_t steps = atomic_load(&counts->steps);
    if (steps >= atomic_load(&counts->allowed))
      sched_yield();
    else if (atomic_compare_exchange_strong(&counts->steps, &steps, steps + 1))
      blocks_step(&blocks);
  }
  blocks_close(&blocks);
  CHECK_OK(copse_store_close(store));
  exit(0);
}

TEST(killed_in_the_middle_of_bulk) {
  const char *path = test_shm_path("blocks");
  struct counts *counts =
      mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct test_random random = {test_seed()};
  struct copse_store *store;
  uint64_t writer = 0;
  pid_t pids[WORKERS];
  CHECK(counts != MAP_FAILED);
  CHECK_OK(copse_store_open(path, &creating, &store));
  for (int i = 0; i < WORKERS; i++)
    if ((pids[i] = test_fork()) == 0)
      work(path, counts, (uint64_t)i);
  writer = WORKERS;
  for (int round = 0; round < 25 * test_scale(); round++) {
    /* Somewhere in the next few steps: a number of steps and then a number of looks. */
    uint64_t steps = atomic_fetch_add(&counts->allowed, 20) + test_random_below(&random, 19);
    while (atomic_load(&counts->steps) < steps)
      sched_yield();
    for (uint64_t looks = test_random_below(&random, 200); looks; looks--)
      sched_yield();
    unsigned i = (unsigned)test_random_below(&random, WORKERS);
    CHECK_SYS(kill(pids[i], SIGKILL));
    CHECK_CHILD_KILLED(pids[i], SIGKILL);
    if (test_random_one_in(&random, 4))
      blocks_check(store);
    writer++;
    if ((pids[i] = test_fork()) == 0)
      work(path, counts, writer);
  }
  atomic_store(&counts->ends, 1);
  for (int i = 0; i < WORKERS; i++)
    CHECK_CHILD_OK(pids[i]);
  blocks_end(store);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  munmap(counts, sizeof *counts);
}
