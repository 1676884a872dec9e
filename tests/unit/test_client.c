/* test_client.c - who is attached and whether it lives: real processes, real deaths. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "sync_fixture.h"

static struct fixture f;

/* A process of its own: opens the files, attaches, announces a version, says so, and stays
 * until it is killed. */
static pid_t start_attached(struct gate ready) {
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    struct root root;
    uint32_t slot;
    fixture_open(&f);
    fixture_attach(&f, &client);
    CHECK_OK(slot_take(&client, 0, &slot));
    CHECK_OK(slot_announce(readers_slot(&f.readers, slot), f.writers.ro, &root, NULL));
    gate_open(ready);
    for (;;)
      pause();
  }
  return pid;
}

static int is_dead(uint32_t index) {
  int proof;
  int code = client_prove_dead(&f.readers, index, &proof);
  CHECK(code >= 0);
  if (code == 1)
    client_proof_release(proof);
  return code;
}

static uint32_t used_entries(void) {
  uint32_t count, used = 0;
  CHECK_OK(readers_client_count(&f.readers, &count));
  for (uint32_t i = 0; i < count; i++)
    used += fixture_state(&f, i) == CLIENT_USED;
  return used;
}

static enum os_call failing_call;
static int fail_one_call(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path;
  (void)offset;
  (void)size;
  return call == failing_call ? EIO : 0;
}

/* --- attach and detach --------------------------------------------------------------- */

TEST(entries_are_taken_from_the_front) {
  fixture_create(&f);
  struct client a, b, c;
  fixture_attach(&f, &a);
  fixture_attach(&f, &b);
  CHECK_EQ(a.index, 0);
  CHECK_EQ(b.index, 1);
  CHECK_EQ(is_dead(0), 0);
  CHECK_EQ(is_dead(2), 1);
  const struct reader_client *entry = readers_client(&f.readers, 0);
  CHECK_EQ(entry->pid, (uint32_t)getpid());
  CHECK_EQ(entry->pid_namespace, 0);
  client_tell_namespace(&a);
  CHECK_EQ(entry->pid_namespace, os_pid_namespace());
  CHECK_NE(entry->attached_ns, 0);
  CHECK_NE(strlen(entry->command), 0);
  client_detach(&a);
  CHECK_EQ(fixture_state(&f, 0), CLIENT_FREE);
  CHECK_EQ(is_dead(0), 1);
  fixture_attach(&f, &c);
  CHECK_EQ(c.index, 0);
  CHECK_EQ(c.generation, 2);
  client_detach(&b);
  client_detach(&c);
  fixture_close(&f);
}

TEST(detaching_frees_own_slots_only) {
  fixture_create(&f);
  struct client a, b;
  uint32_t x, y;
  struct root root;
  fixture_attach(&f, &a);
  fixture_attach(&f, &b);
  CHECK_OK(slot_take(&a, 0, &x));
  CHECK_OK(slot_take(&b, 0, &y));
  CHECK_OK(slot_announce(readers_slot(&f.readers, x), f.writers.ro, &root, NULL));
  CHECK_OK(slot_announce(readers_slot(&f.readers, y), f.writers.ro, &root, NULL));
  client_detach(&a);
  CHECK_EQ(readers_slot(&f.readers, x)->owner, 0);
  CHECK_EQ(readers_slot(&f.readers, x)->word, SLOT_IDLE);
  CHECK_EQ(readers_slot(&f.readers, y)->owner, client_owner_word(&b));
  CHECK_EQ(SLOT_KIND(readers_slot(&f.readers, y)->word), SLOT_EXACT);
  client_detach(&b);
  fixture_close(&f);
}

/* --- life and death ------------------------------------------------------------------ */

TEST(a_killed_process_is_dead_and_reaped) {
  fixture_create(&f);
  struct gate ready = gate_new();
  struct client own;
  fixture_attach(&f, &own);
  pid_t a = start_attached(ready), b = start_attached(ready);
  gate_wait(ready);
  gate_wait(ready);
  CHECK_EQ(used_entries(), 3);
  CHECK_EQ(client_reap_all(&f.readers, own.index), 0);
  CHECK_SYS(kill(a, SIGSTOP));
  child_await_state(a, 'T');
  CHECK_EQ(client_reap_all(&f.readers, own.index), 0); /* stopped is not dead */
  child_kill(a);
  CHECK_EQ(client_reap_all(&f.readers, own.index), 1);
  CHECK_EQ(used_entries(), 2);
  child_kill(b);
  CHECK_EQ(client_reap_all(&f.readers, own.index), 1);
  CHECK_EQ(client_reap_all(&f.readers, own.index), 0);
  client_detach(&own);
  gate_close(ready);
  fixture_close(&f);
}

/* A zombie, which still has its pid, is dead. */
TEST(a_zombie_is_dead) {
  fixture_create(&f);
  struct gate ready = gate_new();
  pid_t pid = start_attached(ready);
  gate_wait(ready);
  CHECK_SYS(kill(pid, SIGKILL));
  child_await_state(pid, 'Z');
  while (is_dead(0) == 0) /* threads that a sanitizer adds may end after the first one */
    sched_yield();
  child_await_state(pid, 'Z');
  CHECK_CHILD_KILLED(pid, SIGKILL);
  gate_close(ready);
  fixture_close(&f);
}

TEST(closing_all_descriptors_is_not_death) {
  fixture_create(&f);
  struct gate ready = gate_new(), go = gate_new(), done = gate_new();
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    uint32_t slot;
    fixture_open(&f);
    fixture_attach(&f, &client);
    CHECK_SYS(dup2(ready.in, 3));
    CHECK_SYS(dup2(go.out, 4));
    CHECK_SYS(dup2(done.in, 5));
    CHECK_SYS(syscall(SYS_close_range, 6u, ~0u, 0u));
    CHECK_EQ(write(3, "x", 1), 1);
    char c;
    CHECK_EQ(read(4, &c, 1), 1);
    CHECK_OK(slot_take(&client, 0, &slot)); /* opens the file again */
    client_detach(&client);
    CHECK_EQ(write(5, "x", 1), 1);
    pause();
  }
  gate_wait(ready);
  CHECK_EQ(is_dead(0), 0);
  gate_open(go);
  gate_wait(done);
  CHECK_EQ(is_dead(0), 1);
  child_kill(pid);
  fixture_close(&f);
}

/* A child made behind the library's back does not keep its dead parent alive. */
TEST(a_raw_fork_does_not_inherit_life) {
  if (!forks_can_be_kept_out())
    SKIP("mappings cannot be kept out of forked children here");
  fixture_create(&f);
  struct gate ready = gate_new(), end = gate_new();
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    fixture_open(&f);
    fixture_attach(&f, &client);
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
      gate_open(ready);
      char c;
      close(end.in);
      (void)!read(end.out, &c, 1); /* until the test ends */
      _exit(0);
    }
    for (;;)
      pause();
  }
  gate_wait(ready);
  CHECK_EQ(is_dead(0), 0);
  child_kill(pid);
  CHECK_EQ(is_dead(0), 1);
  gate_close(end);
  fixture_close(&f);
}

TEST(exec_ends_a_client) {
  fixture_create(&f);
  struct gate ready = gate_new(), input = gate_new();
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    fixture_open(&f);
    fixture_attach(&f, &client);
    dup2(input.out, 0);
    dup2(ready.in, 1);
    execl("/bin/cat", "cat", (char *)NULL);
    _exit(127);
  }
  CHECK_EQ(write(input.in, "x", 1), 1);
  gate_wait(ready); /* cat runs */
  CHECK_EQ(is_dead(0), 1);
  child_kill(pid);
  fixture_close(&f);
}

TEST(liveness_is_right_across_pid_namespaces) {
  fixture_create(&f);
  struct gate ready = gate_new();
  pid_t pid = test_fork();
  if (pid == 0) {
    if (unshare(CLONE_NEWPID) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0) {
      CHECK_EQ(write(ready.in, "d", 1), 1);
      _exit(0);
    }
    pid_t inner = fork(); /* pid 1 of the new namespace */
    if (inner == 0) {
      struct client client;
      fixture_open(&f);
      fixture_attach(&f, &client);
      gate_open(ready);
      for (;;)
        pause();
    }
    int status;
    waitpid(inner, &status, 0);
    _exit(0);
  }
  char answer;
  CHECK_EQ(read(ready.out, &answer, 1), 1);
  if (answer == 'd') {
    CHECK_CHILD_OK(pid);
    SKIP("no right to make a PID namespace");
  }
  CHECK_EQ(used_entries(), 1);
  CHECK_NE(readers_client(&f.readers, 0)->pid, (uint32_t)pid);
  CHECK_EQ(is_dead(0), 0);
  /* The inner one's number out here. */
  char path[64], children[64] = "";
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  FILE *file = fopen(path, "r");
  CHECK(file && fgets(children, sizeof children, file));
  fclose(file);
  CHECK_SYS(kill(atoi(children), SIGKILL));
  CHECK_CHILD_OK(pid);
  CHECK_EQ(is_dead(0), 1);
  CHECK_EQ(client_reap_all(&f.readers, UINT32_MAX), 1);
  fixture_close(&f);
}

/* --- descriptors --------------------------------------------------------------------- */

static int open_descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < 256; fd++)
    n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

TEST(no_descriptor_is_left_behind) {
  fixture_create(&f);
  struct client a, b;
  int before = open_descriptors();
  fixture_attach(&f, &a);
  fixture_attach(&f, &b);
  is_dead(b.index);
  is_dead(b.index + 1);
  client_reap_all(&f.readers, a.index);
  CHECK_EQ(open_descriptors(), before);
  client_detach(&a);
  client_detach(&b);
  fixture_close(&f);
}

/* --- forking ------------------------------------------------------------------------- */

TEST(a_passage_carries_a_client_to_the_child) {
  if (!forks_can_be_kept_out())
    SKIP("mappings cannot be kept out of forked children here");
  fixture_create(&f);
  struct client own;
  struct root root;
  uint32_t slot, pinned;
  fixture_attach(&f, &own);
  CHECK_OK(slot_take(&own, 0, &slot));
  CHECK_OK(slot_announce(readers_slot(&f.readers, slot), f.writers.ro, &root, NULL));
  struct gate adopted = gate_new(), end = gate_new(), grandchild = gate_new();
  struct client_passage passage;
  client_fork_lock();
  client_passage_prepare(&f.readers, f.writers.ro, &passage);
  CHECK(passage.fd >= 0);
  CHECK_OK(slot_take_above(&passage.client, slot, &pinned));
  CHECK_GT(pinned, slot);
  slot_announce_exact(readers_slot(&f.readers, pinned), root.version);
  pid_t pid = test_fork();
  if (pid == 0) {
    client_passage_child(&passage);
    client_fork_unlock();
    CHECK_EQ(passage.fd, -1);
    CHECK_EQ(readers_client(&f.readers, passage.client.index)->pid, (uint32_t)getpid());
    /* What it forks in turn does not keep it alive. */
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
      gate_open(grandchild);
      close(end.in);
      char c;
      (void)!read(end.out, &c, 1);
      _exit(0);
    }
    gate_open(adopted);
    for (;;)
      pause();
  }
  uint32_t index = passage.client.index;
  client_passage_parent(&passage);
  client_fork_unlock();
  gate_wait(adopted);
  gate_wait(grandchild);
  CHECK_EQ(is_dead(index), 0);
  CHECK_EQ(client_reap_all(&f.readers, own.index), 0);
  child_kill(pid);
  CHECK_EQ(is_dead(index), 1);
  CHECK_EQ(client_reap_all(&f.readers, own.index), 1);
  CHECK_EQ(readers_slot(&f.readers, pinned)->owner, 0);
  CHECK_EQ(SLOT_KIND(readers_slot(&f.readers, slot)->word), SLOT_EXACT);
  client_detach(&own);
  gate_close(end);
  fixture_close(&f);
}

/* fork() fails, or the parent's child dies at once: nobody has the entry. */
TEST(a_passage_nobody_takes_is_reaped) {
  fixture_create(&f);
  struct client_passage passage;
  client_fork_lock();
  client_passage_prepare(&f.readers, f.writers.ro, &passage);
  client_passage_parent(&passage);
  client_fork_unlock();
  CHECK_EQ(used_entries(), 1);
  CHECK_EQ(client_reap_all(&f.readers, UINT32_MAX), 1);
  fixture_close(&f);
}

static _Atomic int stop_threads;
static void *probe_and_attach(void *arg) {
  (void)arg;
  while (!atomic_load(&stop_threads)) {
    struct client client;
    int proof;
    CHECK_OK(client_attach(&f.readers, f.writers.ro, &client));
    if (client_prove_dead(&f.readers, 100, &proof) == 1)
      client_proof_release(proof);
    client_detach(&client);
  }
  return NULL;
}

/* Threads attach and probe while another forks under the lock: no child may keep a byte. */
TEST(forks_do_not_inherit_descriptors_of_other_threads) {
  if (TEST_TSAN)
    SKIP("the sanitizer does not allow such forks");
  if (!forks_can_be_kept_out())
    SKIP("mappings cannot be kept out of forked children here");
  fixture_create(&f);
  pthread_t threads[2];
  atomic_store(&stop_threads, 0);
  struct gate end = gate_new();
  for (int i = 0; i < 2; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, probe_and_attach, NULL), 0);
  pid_t children[64];
  for (int i = 0; i < 64; i++) {
    client_fork_lock();
    children[i] = test_fork();
    client_fork_unlock();
    if (children[i] == 0) {
      close(end.in);
      char c;
      (void)!read(end.out, &c, 1);
      _exit(0);
    }
  }
  atomic_store(&stop_threads, 1);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  for (uint32_t i = 0; i <= 100; i++)
    CHECK_EQ(is_dead(i), 1);
  close(end.in);
  for (int i = 0; i < 64; i++)
    CHECK_CHILD_OK(children[i]);
  close(end.out);
  fixture_close(&f);
}

/* --- the table ----------------------------------------------------------------------- */

/* Where the table would grow by a page, the entries of the dead are taken instead. */
TEST(dead_entries_are_given_out_again) {
  fixture_create(&f);
  struct gate ready = gate_new();
  struct client client;
  for (int round = 0; round < 3; round++) {
    pid_t children[32];
    for (int i = 0; i < 32; i++) {
      children[i] = start_attached(ready);
      gate_wait(ready);
    }
    for (int i = 0; i < 32; i++)
      child_kill(children[i]);
  }
  CHECK_EQ(readers_head(&f.readers)->client_count, 32);
  CHECK_EQ(used_entries(), 32);
  fixture_attach(&f, &client);
  CHECK_LE(client.index, 31);
  client_detach(&client);
  fixture_close(&f);
}

TEST(the_table_grows) {
  fixture_create(&f);
  static struct client clients[200];
  for (uint32_t i = 0; i < 200; i++) {
    fixture_attach(&f, &clients[i]);
    CHECK_EQ(clients[i].index, i);
  }
  CHECK_EQ(readers_head(&f.readers)->client_count, 200);
  CHECK_EQ(client_reap_all(&f.readers, 0), 0);
  for (uint32_t i = 0; i < 200; i++)
    client_detach(&clients[i]);
  fixture_close(&f);
}

/* The word names entry 0, whose owner is dead; who attached there would hide that. */
TEST(an_entry_that_the_lock_names_is_not_given_out) {
  fixture_create(&f);
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    struct lock_result result;
    fixture_open(&f);
    fixture_attach(&f, &client);
    CHECK_EQ(client.index, 0);
    CHECK_OK(lock_acquire(&client, f.writers.rw, 0, &result));
    raise(SIGKILL);
  }
  CHECK_CHILD_KILLED(pid, SIGKILL);
  CHECK_EQ(client_reap_all(&f.readers, UINT32_MAX), 1);
  struct client a, b;
  struct lock_result result;
  fixture_attach(&f, &a);
  CHECK_EQ(a.index, 1);
  CHECK_EQ(lock_held(&a, f.writers.ro), 0);
  CHECK_OK(lock_acquire(&a, f.writers.rw, 0, &result));
  CHECK_EQ(result.taken_over, 1);
  fixture_attach(&f, &b);
  CHECK_EQ(b.index, 0);
  lock_release(&a, f.writers.rw);
  client_detach(&a);
  client_detach(&b);
  fixture_close(&f);
}

TEST(scribbled_counts_lead_nowhere) {
  fixture_create(&f);
  struct client client;
  uint32_t count, slot;
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &slot));
  struct readers_header *head = readers_head(&f.readers);
  atomic_store(&head->client_count, UINT32_MAX);
  atomic_store(&head->slot_count, UINT32_MAX);
  CHECK_OK(readers_client_count(&f.readers, &count));
  CHECK_LE(count, CLIENT_MAX);
  CHECK_OK(readers_slot_count(&f.readers, &count));
  CHECK_LE(count, 64);
  CHECK_EQ(client_reap_all(&f.readers, client.index), 0);
  struct client other;
  fixture_attach(&f, &other);
  client_detach(&other);
  client_detach(&client);
  atomic_store(&head->client_count, 0);
  atomic_store(&head->slot_count, 0);
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 7, &slot));
  client_detach(&client);
  fixture_close(&f);
}

TEST(failures_of_the_system_leave_nothing_behind) {
  fixture_create(&f);
  struct client client;
  int before = open_descriptors();
  static const enum os_call calls[] = {OS_CALL_OPEN, OS_CALL_MAP, OS_CALL_LOCK, OS_CALL_ALLOCATE};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    failing_call = calls[i];
    os_hook = fail_one_call;
    int code = client_attach(&f.readers, f.writers.ro, &client);
    os_hook = NULL;
    CHECK_LT(code, 0);
    CHECK_EQ(open_descriptors(), before);
    CHECK_EQ(used_entries(), 0);
    CHECK_EQ(is_dead(0), 1);
  }
  fixture_close(&f);
}

/* --- death at each point --------------------------------------------------------------- */

/* Takes a slot, announces, reaps, detaches: passes all points of clients and slots. */
static void live_and_die(enum point point) {
  struct client client;
  struct root root;
  uint32_t slot;
  fixture_open(&f);
  die_at(point);
  fixture_attach(&f, &client);
  client_reap_all(&f.readers, client.index);
  CHECK_OK(slot_take(&client, 0, &slot));
  CHECK_OK(slot_announce(readers_slot(&f.readers, slot), f.writers.ro, &root, NULL));
  client_detach(&client);
}

TEST(death_at_each_point_leaves_what_a_reaper_can_clean) {
  static const enum point points[] = {POINT_client_byte_locked, POINT_client_entered,
                                      POINT_client_leaving,     POINT_slot_taken,
                                      POINT_slot_pending,       POINT_slot_exact,
                                      POINT_reap_byte_held,     POINT_reap_slots_cleared};
  fixture_create(&f);
  struct gate ready = gate_new();
  struct client own;
  fixture_attach(&f, &own);
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
    pid_t victim = start_attached(ready); /* for the reaper to find */
    gate_wait(ready);
    child_kill(victim);
    pid_t pid = test_fork();
    if (pid == 0) {
      live_and_die(points[i]);
      CHECK_MSG(0, "point %s was not reached", points_names[points[i]]);
    }
    CHECK_CHILD_KILLED(pid, SIGKILL);
    client_reap_all(&f.readers, own.index);
    CHECK_EQ(used_entries(), 1);
    uint32_t slots;
    CHECK_OK(readers_slot_count(&f.readers, &slots));
    for (uint32_t s = 0; s < slots; s++) {
      CHECK_EQ(readers_slot(&f.readers, s)->owner, 0);
      CHECK_EQ(readers_slot(&f.readers, s)->word, SLOT_IDLE);
    }
  }
  client_detach(&own);
  gate_close(ready);
  fixture_close(&f);
}
