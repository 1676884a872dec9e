/* test_wait.c - sleeping for commits: never a lost wake, no call when nobody sleeps. */
#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "sync_fixture.h"

static struct fixture f;

#define FOREVER UINT64_MAX

static void commit(uint64_t version) {
  fixture_publish(&f, version);
  wait_wake(&f.readers, f.writers.rw);
}

static int wait_after(uint64_t after, uint64_t deadline_ns, uint64_t *version) {
  return wait_published(&f.readers, f.writers.ro, after, deadline_ns, NULL, version);
}

/* --- plain cases --------------------------------------------------------------------- */

TEST(what_is_there_is_not_waited_for) {
  fixture_create(&f);
  uint64_t version = 0;
  CHECK_OK(wait_after(0, FOREVER, &version));
  CHECK_EQ(version, 1);
  CHECK_RESULT(wait_after(1, 0, &version), COPSE_E_TIMEOUT);
  CHECK_EQ(readers_head(&f.readers)->waiting, 0); /* who only looks leaves no flag */
  CHECK_RESULT(wait_after(1, clock_now_ns() + 2000000, &version), COPSE_E_TIMEOUT);
  commit(2);
  CHECK_OK(wait_after(1, 0, &version));
  CHECK_EQ(version, 2);
  fixture_close(&f);
}

TEST(a_commit_wakes_only_when_somebody_sleeps) {
  fixture_create(&f);
  struct commit_words *words = sync_commit(f.writers.rw);
  uint32_t raised = words->commit_wake;
  for (uint64_t v = 2; v < 100; v++)
    commit(v);
  CHECK_EQ(words->commit_wake, raised);
  CHECK_EQ(words->wakes, 0);
  /* A waiter that died left the flag: one call, once. */
  atomic_store(&readers_head(&f.readers)->waiting, 1);
  commit(100);
  commit(101);
  CHECK_EQ(words->commit_wake, raised + 1);
  CHECK_EQ(words->wakes, 1);
  fixture_close(&f);
}

/* As a reader has it: the writers' file opened and mapped without write permission. */
static void open_read_only(struct fixture *own) {
  int fd;
  fixture_open(own);
  region_close(&own->writers);
  CHECK_OK(os_open(own->writers_path, 0, 0, &fd));
  CHECK_OK(region_open(&own->writers, fd, own->writers_path, 0, REGION_RO, WRITERS_BOOKS,
                       WRITERS_BOOKS));
}

TEST(a_reader_without_write_permission_is_woken) {
  fixture_create(&f);
  pid_t pid = test_fork();
  if (pid == 0) {
    uint64_t version;
    wait_recheck_ns = INT64_C(1) << 50;
    open_read_only(&f);
    CHECK_OK(wait_after(1, FOREVER, &version));
    CHECK_EQ(version, 2);
    return;
  }
  while (!atomic_load(&readers_head(&f.readers)->waiting))
    sched_yield();
  child_await_state(pid, 'S');
  commit(2);
  CHECK_CHILD_OK(pid);
  fixture_close(&f);
}

/* Between publishing and waking: whoever takes the lock over wakes. */
TEST(a_committer_that_dies_before_waking_is_made_up_for) {
  fixture_create(&f);
  struct gate ready = gate_new();
  pid_t waiter = test_fork();
  if (waiter == 0) {
    uint64_t version;
    wait_recheck_ns = INT64_C(1) << 50;
    fixture_open(&f);
    CHECK_OK(wait_after(1, FOREVER, &version));
    return;
  }
  while (!atomic_load(&readers_head(&f.readers)->waiting))
    sched_yield();
  child_await_state(waiter, 'S');
  pid_t committer = test_fork();
  if (committer == 0) {
    struct client client;
    struct lock_result result;
    fixture_open(&f);
    fixture_attach(&f, &client);
    CHECK_OK(lock_acquire(&client, f.writers.rw, 0, &result));
    fixture_publish(&f, 2);
    atomic_store(&readers_head(&f.readers)->waiting, 0);
    raise(SIGKILL);
  }
  CHECK_CHILD_KILLED(committer, SIGKILL);
  struct client client;
  struct lock_result result;
  fixture_attach(&f, &client);
  CHECK_OK(lock_acquire(&client, f.writers.rw, -1, &result));
  CHECK_EQ(result.taken_over, 1);
  CHECK_CHILD_OK(waiter);
  lock_release(&client, f.writers.rw);
  client_detach(&client);
  gate_close(ready);
  fixture_close(&f);
}

TEST(without_any_successor_the_waiter_looks_again) {
  fixture_create(&f);
  pid_t pid = test_fork();
  if (pid == 0) {
    uint64_t version;
    wait_recheck_ns = 1000000;
    fixture_open(&f);
    CHECK_OK(wait_after(1, FOREVER, &version));
    return;
  }
  while (!atomic_load(&readers_head(&f.readers)->waiting))
    sched_yield();
  fixture_publish(&f, 2);
  CHECK_CHILD_OK(pid);
  fixture_close(&f);
}

/* --- cancelling and signals ------------------------------------------------------------ */

static _Atomic int cancel;
static void cancel_by_signal(int signal) {
  (void)signal;
  wait_cancel(&cancel);
}

static void *wait_cancellable(void *arg) {
  uint64_t version;
  *(int *)arg = wait_published(&f.readers, f.writers.ro, 1, FOREVER, &cancel, &version);
  return NULL;
}

TEST(another_thread_cancels) {
  fixture_create(&f);
  wait_recheck_ns = INT64_C(1) << 50;
  for (int i = 0; i < 100 * test_scale(); i++) {
    pthread_t thread;
    int code = 0;
    atomic_store(&cancel, 0);
    atomic_store(&readers_head(&f.readers)->waiting, 0);
    CHECK_EQ(pthread_create(&thread, NULL, wait_cancellable, &code), 0);
    if (i % 2)
      while (!atomic_load(&readers_head(&f.readers)->waiting))
        sched_yield();
    wait_cancel(&cancel);
    pthread_join(thread, NULL);
    CHECK_RESULT(code, COPSE_E_CANCELLED);
  }
  wait_recheck_ns = 250000000;
  fixture_close(&f);
}

static void ignore_signal(int signal) { (void)signal; }

/* A child waits; the signal is sent until it ends. */
static void wait_for_signal(void (*handler)(int), int expected) {
  fixture_create(&f);
  atomic_store(&cancel, 0);
  pid_t pid = test_fork();
  if (pid == 0) {
    uint64_t version;
    struct sigaction action = {.sa_handler = handler};
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    fixture_open(&f);
    CHECK_RESULT(wait_published(&f.readers, f.writers.ro, 1, FOREVER, &cancel, &version), expected);
    _exit(0);
  }
  while (!atomic_load(&readers_head(&f.readers)->waiting))
    sched_yield();
  int status;
  while (waitpid(pid, &status, WNOHANG) == 0)
    kill(pid, SIGUSR1);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  fixture_close(&f);
}

TEST(a_handler_interrupts) { wait_for_signal(ignore_signal, COPSE_E_INTERRUPTED); }

TEST(a_handler_cancels) { wait_for_signal(cancel_by_signal, COPSE_E_CANCELLED); }

/* --- no wake is lost ------------------------------------------------------------------- */

/* Sleeps do not end by themselves: a lost wake hangs the test. Each waiter tells which version
 * it has seen; the committer goes on when all have, at times before. */
#define WAITERS 3

struct following {
  _Atomic uint64_t seen[WAITERS];
};

static void follow(struct following *following, int number, uint64_t last) {
  uint64_t version = 1;
  while (version < last) {
    CHECK_OK(wait_after(version, FOREVER, &version));
    atomic_store(&following->seen[number], version);
  }
}

static void lead(struct following *following, uint64_t last) {
  struct test_random random = {test_seed()};
  for (uint64_t v = 2; v <= last; v++) {
    fixture_publish(&f, v);
    if (test_random_one_in(&random, 2))
      sched_yield(); /* who has seen v already goes to sleep for the next */
    wait_wake(&f.readers, f.writers.rw);
    if (v < last && test_random_one_in(&random, 3))
      continue;
    for (int i = 0; i < WAITERS; i++)
      while (atomic_load(&following->seen[i]) < v)
        sched_yield();
  }
}

static uint64_t last_version(void) { return 20000 * (uint64_t)test_scale(); }

TEST(no_wake_is_lost_between_processes) {
  fixture_create(&f);
  struct following *following = shared_memory(sizeof *following);
  wait_recheck_ns = INT64_C(1) << 50;
  pid_t children[WAITERS];
  for (int i = 0; i < WAITERS; i++) {
    children[i] = test_fork();
    if (children[i] == 0) {
      open_read_only(&f);
      follow(following, i, last_version());
      return;
    }
  }
  lead(following, last_version());
  for (int i = 0; i < WAITERS; i++)
    CHECK_CHILD_OK(children[i]);
  CHECK_GT(sync_commit(f.writers.rw)->wakes, 0);
  wait_recheck_ns = 250000000;
  fixture_close(&f);
}

static struct following in_threads;
static void *follow_in_thread(void *arg) {
  follow(&in_threads, (int)(intptr_t)arg, last_version());
  return NULL;
}

TEST(no_wake_is_lost_between_threads) {
  fixture_create(&f);
  wait_recheck_ns = INT64_C(1) << 50;
  pthread_t threads[WAITERS];
  for (int i = 0; i < WAITERS; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, follow_in_thread, (void *)(intptr_t)i), 0);
  lead(&in_threads, last_version());
  for (int i = 0; i < WAITERS; i++)
    pthread_join(threads[i], NULL);
  wait_recheck_ns = 250000000;
  fixture_close(&f);
}
