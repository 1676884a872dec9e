/* test_batches.c - many processes, and threads, that leave batches and take turns at applying them. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "batches.h"

static const struct copse_store_options creating = {.flags = COPSE_CREATE};

static struct copse_store *store_at(const char *path) {
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &creating, &store));
  return store;
}

static void check_sound(struct copse_store *store) {
  struct copse_check check;
  CHECK_OK(copse_check_store(store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
}

static void write_steps(const char *path, struct tally *tally, uint64_t id, int steps) {
  struct copse_store *store = store_at(path);
  struct batches batches;
  batches_open(&batches, store, tally, id);
  for (int i = 0; i < steps; i++)
    batches_step(&batches);
  batches_close(&batches);
  CHECK_OK(copse_store_close(store));
}

static void processes_write(const char *path, int processes, int steps) {
  struct tally *tally = tally_new();
  pid_t pids[32];
  struct copse_store *store = store_at(path);
  for (int i = 0; i < processes; i++) {
    pids[i] = test_fork();
    if (pids[i] == 0) {
      write_steps(path, tally, (uint64_t)i, steps);
      _exit(0);
    }
  }
  for (int i = 0; i < 3; i++)
    batches_check(store, tally, false);
  for (int i = 0; i < processes; i++)
    CHECK_CHILD_OK(pids[i]);
  batches_check(store, tally, true);
  for (int i = 0; i < processes; i++)
    CHECK_EQ(tally->accepted[i], steps);
  check_sound(store);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  munmap(tally, sizeof *tally);
}

TEST(processes_leave_batches) { processes_write(test_shm_path("four"), 4, 20000 * test_scale()); }

TEST(thirty_two_processes) { processes_write(test_shm_path("many"), 32, 800 * test_scale()); }

/* --- threads of one process: they share a ring; others have a store handle of their own ----- */

struct thread {
  struct copse_store *store;
  struct tally *tally;
  uint64_t id;
};

static void *thread_write(void *argument) {
  struct thread *thread = argument;
  struct batches batches;
  batches_open(&batches, thread->store, thread->tally, thread->id);
  for (int i = 0; i < 2000 * test_scale(); i++)
    batches_step(&batches);
  batches_close(&batches);
  return NULL;
}

TEST(threads_leave_batches) {
  enum { THREADS = 5 };
  const char *path = test_shm_path("threads");
  struct tally *tally = tally_new();
  struct copse_store *stores[2] = {store_at(path), store_at(path)};
  pthread_t threads[THREADS];
  struct thread arguments[THREADS];
  for (int i = 0; i < THREADS; i++) {
    arguments[i] = (struct thread){stores[i % 2], tally, (uint64_t)i};
    CHECK_EQ(pthread_create(&threads[i], NULL, thread_write, &arguments[i]), 0);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  CHECK_OK(copse_combine(stores[0], -1, UINT64_MAX, NULL));
  batches_check(stores[1], tally, true);
  check_sound(stores[0]);
  for (int i = 0; i < 2; i++)
    CHECK_OK(copse_store_close(stores[i]));
  CHECK_OK(copse_store_remove(path));
}
