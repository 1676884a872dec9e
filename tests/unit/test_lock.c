/* test_lock.c - the writer lock: exclusion, waiting, death, takeover. */
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "sync_fixture.h"

static struct fixture f;

static struct commit_words *words(void) { return sync_commit(f.writers.rw); }

static int acquire(struct client *client, int64_t timeout_ns) {
  struct lock_result result;
  return lock_acquire(client, f.writers.rw, timeout_ns, &result);
}

/* A process that attaches, takes the lock, says so, and holds it until it is killed. */
static pid_t start_holder(struct gate ready) {
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    fixture_open(&f);
    fixture_attach(&f, &client);
    CHECK_OK(acquire(&client, -1));
    gate_open(ready);
    for (;;)
      pause();
  }
  return pid;
}

/* One that waits for the lock, takes and releases it, and ends. */
static pid_t start_waiter(void) {
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    fixture_open(&f);
    fixture_attach(&f, &client);
    CHECK_OK(acquire(&client, -1));
    lock_release(&client, f.writers.rw);
    client_detach(&client);
    _exit(0);
  }
  return pid;
}

/* Until somebody sleeps for the lock. */
static void await_sleeper(pid_t pid) {
  while (!(atomic_load(&words()->lock) & LOCK_WAITERS))
    sched_yield();
  /* In a futex, where the kernel tells: the flag may be another waiter's, and a child also sleeps
   * for its memory. */
  char path[64];
  long call = -1;
  snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
  while (call != SYS_futex && call != SYS_futex_waitv) {
    child_await_state(pid, 'S');
    FILE *file = fopen(path, "re");
    if (!file)
      return;
    if (fscanf(file, "%ld", &call) != 1) /* "running" */
      call = -1;
    fclose(file);
  }
}

/* --- one at a time ------------------------------------------------------------------- */

TEST(the_lock_is_taken_and_released) {
  fixture_create(&f);
  struct client a, b;
  struct lock_result result = {.taken_over = 7};
  fixture_attach(&f, &a);
  fixture_attach(&f, &b);
  CHECK_EQ(lock_held(&a, f.writers.ro), 0);
  CHECK_OK(lock_acquire(&a, f.writers.rw, 0, &result));
  CHECK_EQ(result.taken_over, 0);
  CHECK_EQ(result.waited_ns, 0);
  CHECK_EQ(lock_held(&a, f.writers.ro), 1);
  CHECK_EQ(lock_held(&b, f.writers.ro), 0);
  uint64_t word = words()->lock;
  CHECK_EQ(LOCK_OWNER(word), a.index + 1);
  CHECK_RESULT(acquire(&b, 0), COPSE_E_TIMEOUT);
  CHECK_EQ(words()->lock, word); /* who only tries leaves no flag */
  lock_release(&a, f.writers.rw);
  CHECK_EQ(words()->lock, LOCK_FREE);
  CHECK_OK(acquire(&b, 0));
  lock_release(&b, f.writers.rw);
  CHECK_OK(acquire(&a, 0));
  CHECK_NE(words()->lock, word); /* another generation */
  lock_release(&a, f.writers.rw);
  client_detach(&a);
  client_detach(&b);
  fixture_close(&f);
}

TEST(the_generation_wraps) {
  fixture_create(&f);
  struct client client;
  fixture_attach(&f, &client);
  atomic_store(&words()->lock_generation, UINT64_MAX);
  CHECK_OK(acquire(&client, 0));
  CHECK_EQ(words()->lock & LOCK_WAITERS, 0);
  lock_release(&client, f.writers.rw);
  atomic_store(&words()->lock_generation, (UINT64_C(1) << 39) - 2);
  for (int i = 0; i < 3; i++) {
    CHECK_OK(acquire(&client, 0));
    CHECK_EQ(words()->lock & LOCK_WAITERS, 0);
    CHECK_EQ(lock_held(&client, f.writers.ro), 1);
    lock_release(&client, f.writers.rw);
  }
  client_detach(&client);
  fixture_close(&f);
}

TEST(a_senseless_word_is_damage) {
  fixture_create(&f);
  struct client client;
  fixture_attach(&f, &client);
  atomic_store(&words()->lock, UINT64_C(5) << 24);
  CHECK_RESULT(acquire(&client, 0), COPSE_E_CORRUPT);
  atomic_store(&words()->lock, 0xfffffd);
  CHECK_RESULT(acquire(&client, -1), COPSE_E_CORRUPT);
  client_detach(&client);
  fixture_close(&f);
}

TEST(a_stopped_holder_is_named_and_not_robbed) {
  fixture_create(&f);
  struct gate ready = gate_new();
  struct client client;
  fixture_attach(&f, &client);
  pid_t pid = start_holder(ready);
  gate_wait(ready);
  CHECK_SYS(kill(pid, SIGSTOP));
  child_await_state(pid, 'T');
  static const int64_t limits[] = {0, 1000, 1000000, 20000000};
  for (size_t i = 0; i < 4; i++) {
    CHECK_RESULT(acquire(&client, limits[i]), COPSE_E_TIMEOUT);
    char number[32];
    snprintf(number, sizeof number, "process %d (", (int)pid);
    CHECK_MSG(strstr(copse_error_detail(), number), "detail: %s", copse_error_detail());
    CHECK(strstr(copse_error_detail(), readers_client(&f.readers, 1)->command) != NULL);
  }
  CHECK_EQ(words()->takeovers, 0);
  CHECK_GT(words()->lock_waits, 0);
  child_kill(pid);
  struct lock_result result;
  CHECK_OK(lock_acquire(&client, f.writers.rw, 0, &result));
  CHECK_EQ(result.taken_over, 1);
  CHECK_EQ(words()->takeovers, 1);
  CHECK_EQ(fixture_state(&f, 1), CLIENT_FREE);
  lock_release(&client, f.writers.rw);
  client_detach(&client);
  gate_close(ready);
  fixture_close(&f);
}

/* --- death --------------------------------------------------------------------------- */

TEST(a_sleeping_waiter_takes_over_from_the_dead) {
  fixture_create(&f);
  struct gate ready = gate_new();
  pid_t holder = start_holder(ready);
  gate_wait(ready);
  pid_t waiter = start_waiter();
  await_sleeper(waiter);
  child_kill(holder);
  CHECK_CHILD_OK(waiter);
  CHECK_EQ(words()->takeovers, 1);
  CHECK_EQ(words()->lock, LOCK_FREE);
  gate_close(ready);
  fixture_close(&f);
}

/* Dies at a point while it takes the lock over from a dead holder, or in ordinary use. */
static void lock_and_die(enum point point) {
  struct client client;
  fixture_open(&f);
  fixture_attach(&f, &client);
  die_at(point);
  CHECK_OK(acquire(&client, -1));
  lock_release(&client, f.writers.rw);
}

TEST(death_at_each_point_passes_the_lock_on) {
  static const enum point points[] = {POINT_lock_taken,         POINT_lock_takeover_proved,
                                      POINT_lock_takeover_done, POINT_lock_releasing,
                                      POINT_reap_byte_held,     POINT_reap_slots_cleared};
  fixture_create(&f);
  struct gate ready = gate_new();
  struct client client;
  fixture_attach(&f, &client);
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
    pid_t holder = start_holder(ready);
    gate_wait(ready);
    child_kill(holder);
    pid_t pid = test_fork();
    if (pid == 0) {
      lock_and_die(points[i]);
      CHECK_MSG(0, "point %s was not reached", points_names[points[i]]);
    }
    CHECK_CHILD_KILLED(pid, SIGKILL);
    struct lock_result result;
    CHECK_OK(lock_acquire(&client, f.writers.rw, 0, &result));
    CHECK_EQ(result.taken_over, 1);
    client_reap_all(&f.readers, client.index);
    for (uint32_t e = 1; e < 4; e++)
      CHECK_EQ(fixture_state(&f, e), CLIENT_FREE);
    lock_release(&client, f.writers.rw);
    CHECK_EQ(words()->lock, LOCK_FREE);
  }
  client_detach(&client);
  gate_close(ready);
  fixture_close(&f);
}

/* Waiters that die asleep: the flag stays, the next release wakes nobody, all goes on. */
TEST(dead_waiters_cost_nothing) {
  fixture_create(&f);
  struct client client;
  fixture_attach(&f, &client);
  CHECK_OK(acquire(&client, 0));
  for (int i = 0; i < 5; i++) {
    pid_t pid = start_waiter();
    await_sleeper(pid);
    child_kill(pid);
  }
  pid_t last = start_waiter();
  await_sleeper(last);
  lock_release(&client, f.writers.rw);
  CHECK_CHILD_OK(last);
  CHECK_EQ(words()->takeovers, 0);
  CHECK_OK(acquire(&client, 0));
  CHECK_EQ(words()->lock & LOCK_WAITERS, 0);
  lock_release(&client, f.writers.rw);
  client_detach(&client);
  fixture_close(&f);
}

/* --- turns --------------------------------------------------------------------------- */

/* One that waits for the lock, and notes that it had it. */
static pid_t start_noter(_Atomic uint32_t *noted) {
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    fixture_open(&f);
    fixture_attach(&f, &client);
    CHECK_OK(acquire(&client, -1));
    atomic_fetch_add(noted, 1);
    lock_release(&client, f.writers.rw);
    client_detach(&client);
    _exit(0);
  }
  return pid;
}

/* Who comes back at once after a release does not overtake a sleeper whose turn it is. */
TEST(a_sleeper_has_its_turn) {
  fixture_create(&f);
  _Atomic uint32_t *noted = shared_memory(sizeof *noted);
  struct client client;
  fixture_attach(&f, &client);
  lock_turn_ns = 0;
  lock_reserved_ns = INT64_C(1) << 50;
  for (uint32_t i = 1; i <= 30; i++) {
    CHECK_OK(acquire(&client, -1));
    pid_t pid = start_noter(noted);
    await_sleeper(pid);
    lock_release(&client, f.writers.rw);
    CHECK_OK(acquire(&client, -1));
    CHECK_EQ(atomic_load(noted), i);
    lock_release(&client, f.writers.rw);
    CHECK_CHILD_OK(pid);
  }
  lock_turn_ns = 1000000;
  lock_reserved_ns = 5000000;
  CHECK_EQ(words()->lock, LOCK_FREE);
  client_detach(&client);
  fixture_close(&f);
}

/* Who comes back at once keeps the lock although somebody sleeps; others take what it left behind. */
TEST(who_comes_back_keeps_the_lock) {
  fixture_create(&f);
  _Atomic uint32_t *noted = shared_memory(sizeof *noted);
  struct client client, other;
  fixture_attach(&f, &client);
  fixture_attach(&f, &other);
  lock_return_ns = UINT64_MAX;
  lock_turn_ns = INT64_MAX; /* its turn does not end */
  atomic_store(&words()->lock_turn_ns, 1);
  CHECK_OK(acquire(&client, -1));
  pid_t pid = start_noter(noted);
  await_sleeper(pid);
  client.lock_returns = 1;
  for (int i = 0; i < 100; i++) {
    uint64_t word = words()->lock;
    lock_release(&client, f.writers.rw);
    uint64_t left = words()->lock;
    CHECK(lock_is_free(left) && left & LOCK_WAITERS);
    CHECK_EQ(LOCK_OWNER(left), LOCK_KEPT);
    CHECK_OK(acquire(&client, 0));
    CHECK_NE(words()->lock, word);
    CHECK(words()->lock & LOCK_WAITERS);
    CHECK_EQ(atomic_load(noted), 0);
  }
  lock_release(&client, f.writers.rw);
  CHECK_OK(acquire(&other, 0)); /* the one that it was kept for does not come */
  lock_release(&other, f.writers.rw);
  CHECK_CHILD_OK(pid);
  CHECK_EQ(atomic_load(noted), 1);
  lock_return_ns = 2000;
  lock_turn_ns = 1000000;
  client_detach(&client);
  client_detach(&other);
  fixture_close(&f);
}

/* The sleeper is alone with a kept lock. */
TEST(a_kept_lock_is_not_kept_for_ever) {
  fixture_create(&f);
  _Atomic uint32_t *noted = shared_memory(sizeof *noted);
  struct client client;
  fixture_attach(&f, &client);
  CHECK_OK(acquire(&client, -1));
  pid_t pid = start_noter(noted);
  await_sleeper(pid);
  client.lock_returns = 1;
  lock_turn_ns = INT64_MAX;
  atomic_store(&words()->lock_turn_ns, 1);
  lock_release(&client, f.writers.rw);
  lock_turn_ns = 1000000;
  CHECK_CHILD_OK(pid);
  CHECK_EQ(atomic_load(noted), 1);
  CHECK_EQ(words()->takeovers, 0);
  client_detach(&client);
  fixture_close(&f);
}

TEST(a_stopped_sleeper_is_passed_by) {
  fixture_create(&f);
  struct client client;
  fixture_attach(&f, &client);
  lock_turn_ns = 0;
  CHECK_OK(acquire(&client, -1));
  pid_t pid = start_waiter();
  await_sleeper(pid);
  CHECK_SYS(kill(pid, SIGSTOP));
  child_await_state(pid, 'T');
  lock_release(&client, f.writers.rw);
  CHECK_EQ(words()->lock, LOCK_FREE);
  CHECK_OK(acquire(&client, 0));
  lock_release(&client, f.writers.rw);
  lock_turn_ns = 1000000;
  CHECK_SYS(kill(pid, SIGCONT));
  CHECK_CHILD_OK(pid);
  client_detach(&client);
  fixture_close(&f);
}

/* The releaser died before it woke the one whose turn it was. */
TEST(a_reservation_lapses) {
  fixture_create(&f);
  struct client client;
  fixture_attach(&f, &client);
  atomic_store(&words()->lock_since_ns, clock_now_ns() + UINT64_C(1000000000000));
  atomic_store(&words()->lock, LOCK_WAITERS | UINT64_C(5) << 24 | LOCK_RESERVED);
  CHECK_RESULT(acquire(&client, 0), COPSE_E_TIMEOUT);
  CHECK_RESULT(acquire(&client, 1000), COPSE_E_TIMEOUT);
  atomic_store(&words()->lock_since_ns, clock_now_ns());
  CHECK_OK(acquire(&client, -1));
  lock_release(&client, f.writers.rw);
  CHECK_EQ(words()->lock, LOCK_FREE);
  atomic_store(&words()->lock_since_ns, 0);
  atomic_store(&words()->lock, LOCK_WAITERS | UINT64_C(5) << 24 | LOCK_RESERVED);
  CHECK_OK(acquire(&client, 0));
  CHECK_EQ(words()->takeovers, 0);
  lock_release(&client, f.writers.rw);
  client_detach(&client);
  fixture_close(&f);
}

TEST(who_holds_the_lock_for_long_is_noted_once) {
  fixture_create(&f);
  struct gate ready = gate_new();
  struct client client;
  fixture_attach(&f, &client);
  pid_t pid = start_holder(ready);
  gate_wait(ready);
  client.long_hold_ns = UINT64_MAX;
  CHECK_RESULT(acquire(&client, 1000), COPSE_E_TIMEOUT);
  CHECK_EQ(words()->long_holds, 0);
  client.long_hold_ns = 1;
  while (words()->long_holds == 0)
    CHECK_RESULT(acquire(&client, 100000), COPSE_E_TIMEOUT);
  CHECK_RESULT(acquire(&client, 1000), COPSE_E_TIMEOUT);
  CHECK_EQ(words()->long_holds, 1);
  CHECK_EQ(words()->long_hold_pid, pid);
  CHECK_GT(words()->long_hold_ns, 0);
  CHECK_EQ(
      memcmp((const void *)words()->long_hold_command, readers_client(&f.readers, 1)->command, 16),
      0);
  child_kill(pid);
  client_detach(&client);
  gate_close(ready);
  fixture_close(&f);
}

/* --- signals ------------------------------------------------------------------------- */

static _Atomic int handled;
static void handle(int signal) {
  (void)signal;
  atomic_fetch_add(&handled, 1);
}

TEST(a_handler_without_restart_ends_the_wait) {
  fixture_create(&f);
  struct client client;
  fixture_attach(&f, &client);
  CHECK_OK(acquire(&client, 0));
  pid_t pid = test_fork();
  if (pid == 0) {
    struct sigaction action = {.sa_handler = handle};
    struct client own;
    CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
    fixture_open(&f);
    fixture_attach(&f, &own);
    CHECK_RESULT(acquire(&own, -1), COPSE_E_INTERRUPTED);
    client_detach(&own);
    return;
  }
  await_sleeper(pid);
  int status;
  while (waitpid(pid, &status, WNOHANG) == 0)
    kill(pid, SIGUSR1);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  lock_release(&client, f.writers.rw);
  client_detach(&client);
  fixture_close(&f);
}

/* --- exclusion under stress -------------------------------------------------------------- */

/* What the lock protects. before and after are equal but within a holder's change. */
struct protected {
  _Atomic uint32_t inside; /* process (or thread) that holds the lock */
  uint64_t before, after;
  _Atomic uint64_t rounds, second_writers, torn;
};

/* One change under the lock. taken_over: the former holder died within its own. */
static void change(struct protected *p, uint32_t who, int taken_over) {
  uint32_t other = atomic_exchange(&p->inside, who);
  if (other && !taken_over)
    atomic_fetch_add(&p->second_writers, 1);
  if (p->before != p->after && !taken_over)
    atomic_fetch_add(&p->torn, 1);
  p->before = p->after + 1;
  for (volatile int i = 0; i < 20; i++)
    ;
  p->after = p->before;
  atomic_fetch_add(&p->rounds, 1);
  if (atomic_exchange(&p->inside, 0) != who)
    atomic_fetch_add(&p->second_writers, 1);
}

static void change_for_ever(struct protected *p, uint64_t seed) {
  struct test_random random = {seed};
  struct client client;
  struct root root;
  uint32_t slot;
  fixture_open(&f);
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &slot));
  for (;;) {
    struct lock_result result;
    int code =
        lock_acquire(&client, f.writers.rw, test_random_one_in(&random, 16) ? 2000 : -1, &result);
    if (code == COPSE_E_TIMEOUT)
      continue;
    CHECK_OK(code);
    change(p, (uint32_t)getpid(), result.taken_over);
    lock_release(&client, f.writers.rw);
    if (test_random_one_in(&random, 4))
      CHECK_OK(slot_announce(readers_slot(&f.readers, slot), f.writers.ro, &root, NULL));
  }
}

#define WORKERS 4
#define KILLS 250

/* Kills at random instants, most often of the holder: never two writers, never a lock lost. */
TEST(random_kills_never_make_a_second_writer) {
  fixture_create(&f);
  struct test_random random = {test_seed()};
  struct protected *p = shared_memory(sizeof *p);
  pid_t workers[WORKERS] = {0};
  int kills = KILLS * test_scale(), holders = 0;
  for (int i = 0; i < kills + WORKERS; i++) {
    int w = (int)test_random_below(&random, WORKERS);
    if (i < WORKERS)
      w = i;
    if (workers[w]) {
      uint64_t rounds = atomic_load(&p->rounds);
      uint64_t some = test_random_below(&random, 50);
      while (atomic_load(&p->rounds) < rounds + some)
        sched_yield(); /* somebody gets on, or the test hangs */
      for (int spin = (int)test_random_below(&random, 2000); spin > 0; spin--)
        for (int v = 0; v < WORKERS; v++)
          if ((uint32_t)workers[v] == atomic_load(&p->inside))
            w = v;
      holders += (uint32_t)workers[w] == atomic_load(&p->inside);
      child_kill(workers[w]);
    }
    workers[w] = test_fork();
    if (workers[w] == 0)
      change_for_ever(p, test_seed() + (uint64_t)i);
  }
  for (int w = 0; w < WORKERS; w++)
    child_kill(workers[w]);
  CHECK_EQ(p->second_writers, 0);
  CHECK_EQ(p->torn, 0);
  struct client client;
  fixture_attach(&f, &client);
  CHECK_OK(acquire(&client, -1)); /* the last one may have died with a reservation made */
  lock_release(&client, f.writers.rw);
  client_reap_all(&f.readers, client.index);
  uint32_t count, slots;
  CHECK_OK(readers_client_count(&f.readers, &count));
  CHECK_LE(count, 64);
  for (uint32_t i = 0; i < count; i++)
    CHECK_EQ(fixture_state(&f, i) == CLIENT_USED, i == client.index);
  CHECK_OK(readers_slot_count(&f.readers, &slots));
  for (uint32_t i = 0; i < slots; i++)
    CHECK_EQ(readers_slot(&f.readers, i)->owner, 0);
  CHECK_GT(words()->takeovers, 0);
  CHECK_MSG(holders > 0, "no holder was hit in %d kills", kills);
  client_detach(&client);
  fixture_close(&f);
}

/* No kills, and sleeps that do not end by themselves: a lost wake hangs the test. */
TEST(no_wake_is_lost_between_processes) {
  fixture_create(&f);
  struct protected *p = shared_memory(sizeof *p);
  uint64_t rounds = (TEST_TSAN ? 20000 : 200000) * (uint64_t)test_scale();
  lock_sleep_ns = INT64_C(1) << 50;
  lock_return_ns = 0; /* who keeps the lock and does not come back is noticed by a sleep's end */
  pid_t workers[WORKERS];
  for (int w = 0; w < WORKERS; w++) {
    workers[w] = test_fork();
    if (workers[w] == 0) {
      struct client client;
      fixture_open(&f);
      fixture_attach(&f, &client);
      while (atomic_load(&p->rounds) < rounds) {
        CHECK_OK(acquire(&client, -1));
        change(p, (uint32_t)getpid(), 0);
        if (p->after % 8 == 0)
          sched_yield(); /* so that the others fall asleep */
        lock_release(&client, f.writers.rw);
      }
      client_detach(&client);
      return;
    }
  }
  lock_sleep_ns = 5000000;
  lock_return_ns = 2000;
  for (int w = 0; w < WORKERS; w++)
    CHECK_CHILD_OK(workers[w]);
  CHECK_EQ(p->second_writers, 0);
  CHECK_EQ(p->torn, 0);
  CHECK_EQ(words()->lock, LOCK_FREE);
  CHECK_EQ(words()->takeovers, 0);
  CHECK_GT(words()->lock_wake, 0);
  fixture_close(&f);
}

/* --- threads ------------------------------------------------------------------------- */

static struct client shared_client;
static struct protected in_threads;

static void *change_in_thread(void *arg) {
  struct client own, *client = arg;
  if (!client) {
    client = &own;
    fixture_attach(&f, client);
  }
  for (int i = 0; i < 3000 * test_scale(); i++) {
    CHECK_OK(acquire(client, -1));
    change(&in_threads, (uint32_t)(uintptr_t)pthread_self() | 1, 0);
    lock_release(client, f.writers.rw);
  }
  if (client == &own)
    client_detach(&own);
  return NULL;
}

/* Threads that share a client, and threads that have one each. */
TEST(threads_exclude_each_other) {
  fixture_create(&f);
  fixture_attach(&f, &shared_client);
  pthread_t threads[5];
  for (int i = 0; i < 5; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, change_in_thread, i < 3 ? &shared_client : NULL), 0);
  for (int i = 0; i < 5; i++)
    pthread_join(threads[i], NULL);
  CHECK_EQ(in_threads.second_writers, 0);
  CHECK_EQ(in_threads.torn, 0);
  CHECK_EQ(in_threads.before, 15000 * (uint64_t)test_scale());
  client_detach(&shared_client);
  fixture_close(&f);
}
