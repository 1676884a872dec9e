/* sync_fixture.h - the coordination files of a store, without the store; processes that
 * attach to them; gates that order what processes do. */
#ifndef SYNC_FIXTURE_H
#define SYNC_FIXTURE_H

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/points.h"
#include "sync/client.h"
#include "sync/lock.h"
#include "sync/slots.h"
#include "sync/wait.h"
#include "test.h"

struct fixture {
  const char *readers_path, *writers_path;
  struct region readers, writers;
};

/* What each process of a store does: its own descriptors and mappings. */
__attribute__((unused)) static void fixture_open(struct fixture *f) {
  int fd;
  CHECK_OK(os_open(f->readers_path, OS_WRITE, 0, &fd));
  CHECK_OK(region_open(&f->readers, fd, f->readers_path, 0, REGION_RW, READERS_BYTES, 8192));
  CHECK_OK(os_open(f->writers_path, OS_WRITE, 0, &fd));
  CHECK_OK(region_open(&f->writers, fd, f->writers_path, 0, REGION_RO | REGION_RW, WRITERS_BOOKS,
                       WRITERS_BOOKS));
}

__attribute__((unused)) static void fixture_close(struct fixture *f) {
  region_close(&f->readers);
  region_close(&f->writers);
}

__attribute__((unused)) static void fixture_publish(struct fixture *f, uint64_t version) {
  struct root root = {.version = version, .table = version * 3, .limit = version * FORMAT_SEGMENT};
  root_write(f->writers.rw, &root, &(struct recent_map){0});
  root_publish(f->writers.rw, version);
}

/* Whether the client has the writer lock. */
__attribute__((unused)) static int lock_held(const struct client *client, const uint8_t *writers) {
  return LOCK_OWNER(sync_commit_ro(writers)->lock) == client->index + 1;
}

/* New files with version 1 published. */
__attribute__((unused)) static void fixture_create(struct fixture *f) {
  int fd;
  *f = (struct fixture){.readers_path = test_shm_path("readers"),
                        .writers_path = test_shm_path("writers")};
  CHECK_OK(os_open(f->readers_path, OS_WRITE | OS_CREATE, 0600, &fd));
  CHECK_OK(os_allocate(fd, f->readers_path, 0, 4096));
  os_close(fd);
  CHECK_OK(os_open(f->writers_path, OS_WRITE | OS_CREATE, 0600, &fd));
  CHECK_OK(os_allocate(fd, f->writers_path, 0, WRITERS_BOOKS));
  os_close(fd);
  fixture_open(f);
  fixture_publish(f, 1);
}

__attribute__((unused)) static void fixture_attach(struct fixture *f, struct client *client) {
  CHECK_OK(client_attach(&f->readers, f->writers.ro, client));
}

__attribute__((unused)) static uint32_t fixture_state(struct fixture *f, uint32_t index) {
  return atomic_load(&readers_client(&f->readers, index)->state);
}

/* --- gates --------------------------------------------------------------------------- */

/* Bytes in a pipe. Waiting fails the test when all who could open the gate are dead. */
struct gate {
  int in, out;
};

__attribute__((unused)) static struct gate gate_new(void) {
  int fds[2];
  CHECK_SYS(pipe(fds));
  return (struct gate){.in = fds[1], .out = fds[0]};
}

__attribute__((unused)) static void gate_open(struct gate gate) {
  CHECK_EQ(write(gate.in, "x", 1), 1);
}

__attribute__((unused)) static void gate_wait(struct gate gate) {
  char c;
  ssize_t n;
  do
    n = read(gate.out, &c, 1);
  while (n < 0 && errno == EINTR);
  CHECK_EQ(n, 1);
}

__attribute__((unused)) static void gate_close(struct gate gate) {
  close(gate.in);
  close(gate.out);
}

/* --- children ------------------------------------------------------------------------ */

/* Ends a child without notice. */
__attribute__((unused)) static void child_kill(pid_t pid) {
  CHECK_SYS(kill(pid, SIGKILL));
  CHECK_CHILD_KILLED(pid, SIGKILL);
}

/* Whether a process sleeps in the kernel (or is stopped): state of /proc/PID/stat. */
__attribute__((unused)) static char child_state(pid_t pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file)
    return 0;
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = 0;
  const char *end = strrchr(text, ')');
  return end ? end[2] : 0;
}

__attribute__((unused)) static void child_await_state(pid_t pid, char state) {
  while (child_state(pid) != state)
    sched_yield();
}

/* --- memory that forked children share ------------------------------------------------- */

__attribute__((unused)) static void *shared_memory(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  return p;
}

/* 1 when a mapping really stays out of forked children: emulators of a processor ignore it. */
__attribute__((unused)) static int forks_can_be_kept_out(void) {
  void *page;
  int fd;
  CHECK_OK(os_memfd("memory", &fd));
  CHECK_OK(os_map(fd, "memory", 4096, OS_MAP_NO_FORK, &page));
  os_close(fd);
  pid_t pid = test_fork();
  if (pid == 0) {
    unsigned char resident[16];
    _exit(mincore(page, 4096, resident) < 0 ? 7 : 8);
  }
  int status;
  CHECK_SYS(waitpid(pid, &status, 0));
  os_unmap(page, 4096);
  return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

/* --- points -------------------------------------------------------------------------- */

/* Kills this process at a named point, the first time it is reached. */
static enum point fatal_point;
__attribute__((unused)) static void die_at_point(enum point point) {
  if (point == fatal_point)
    raise(SIGKILL);
}
__attribute__((unused)) static void die_at(enum point point) {
  fatal_point = point;
  points_hook = die_at_point;
}

#endif
