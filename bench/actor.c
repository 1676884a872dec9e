/* actor.c - starting actors and waiting for them: see actor.h. What they do: actor_roles.c.
 *
 * The happy path: the parent fills in tasks, starts all, reads one byte from each (ready),
 * writes the deadline, writes one byte to each (go), reads one byte from each (done), collects
 * processes or threads. A dead actor's pipe reads as ended: that is fatal. */
#include "actor_roles.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int stage_fd = -1;

struct stage *stage_new(void) {
  stage_fd = memfd_create("copse-bench-stage", MFD_CLOEXEC);
  if (stage_fd < 0 || ftruncate(stage_fd, sizeof(struct stage)) != 0)
    die("cannot make shared memory: %s", strerror(errno));
  void *memory = mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE, MAP_SHARED, stage_fd, 0);
  if (memory == MAP_FAILED)
    die("cannot map shared memory: %s", strerror(errno));
  return memory;
}

struct actor_task *stage_task(struct stage *stage, unsigned i, const struct engine *engine,
                              const char *directory, enum actor_role role) {
  if (i >= ACTORS_MAX)
    die("too many actors");
  struct actor *actor = &stage->actors[i];
  memset(actor, 0, sizeof *actor);
  actor->task.role = role;
  snprintf(actor->task.engine, sizeof actor->task.engine, "%s", engine->name);
  snprintf(actor->task.directory, sizeof actor->task.directory, "%s", directory);
  return &actor->task;
}

/* --- the parent's side -------------------------------------------------------------------- */

struct played { /* an actor as its parent knows it */
  int ready, go;
  pid_t pid;
  pthread_t thread;
  struct actor_call call; /* the thread's argument */
};

static void make_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0)
    die("pipe: %s", strerror(errno));
}

static void start_process(struct played *played, unsigned index, int ready, int go) {
  char name[] = "copse-bench", option[] = "--actor", numbers[4][16];
  int values[4] = {stage_fd, (int)index, ready, go};
  char *argv[] = {name, option, numbers[0], numbers[1], numbers[2], numbers[3], NULL};
  for (int i = 0; i < 4; i++)
    snprintf(numbers[i], sizeof numbers[i], "%d", values[i]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int i = 0; i < 4; i++)
    if (i != 1) /* a dup2 onto itself keeps the descriptor open across the exec */
      posix_spawn_file_actions_adddup2(&actions, values[i], values[i]);
  int result = posix_spawn(&played->pid, "/proc/self/exe", &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (result != 0)
    die("cannot start a process: %s", strerror(result));
  close(ready);
  close(go);
}

static void *thread_main(void *argument) {
  actor_perform(argument);
  return NULL;
}

static void hear(const struct played *played, const struct actor *actor) {
  char byte;
  ssize_t n;
  do
    n = read(played->ready, &byte, 1);
  while (n < 0 && errno == EINTR);
  if (n != 1)
    die("%s: an actor ended before its time", actor->task.engine);
}

static void finish(struct played *played, const struct actor *actor) {
  close(played->ready);
  close(played->go);
  if (played->pid == 0) {
    pthread_join(played->thread, NULL);
    return;
  }
  int status;
  while (waitpid(played->pid, &status, 0) < 0)
    if (errno != EINTR)
      die("waitpid: %s", strerror(errno));
  if (status != 0)
    die("%s: an actor failed (wait status %#x)", actor->task.engine, (unsigned)status);
}

void stage_play(struct stage *stage, unsigned n, double seconds, bool threads, void *db) {
  struct played played[ACTORS_MAX] = {0};
  atomic_store(&stage->seen, 0);
  atomic_store(&stage->over, 0);
  for (unsigned i = 0; i < n; i++) {
    int ready[2], go[2];
    make_pipe(ready);
    make_pipe(go);
    played[i].ready = ready[0];
    played[i].go = go[1];
    if (!threads) {
      start_process(&played[i], i, ready[1], go[0]);
      continue;
    }
    played[i].call = (struct actor_call){stage, &stage->actors[i], db, ready[1], go[0]};
    if (pthread_create(&played[i].thread, NULL, thread_main, &played[i].call) != 0)
      die("cannot start a thread");
  }
  for (unsigned i = 0; i < n; i++)
    hear(&played[i], &stage->actors[i]);
  atomic_store(&stage->deadline_ns, now_ns() + (uint64_t)(seconds * 1e9));
  for (unsigned i = 0; i < n; i++)
    if (write(played[i].go, "g", 1) != 1)
      die("%s: an actor is gone", stage->actors[i].task.engine);
  for (unsigned i = 0; i < n; i++)
    hear(&played[i], &stage->actors[i]);
  for (unsigned i = 0; i < n; i++)
    finish(&played[i], &stage->actors[i]);
}

/* --- the actor's side --------------------------------------------------------------------- */

int actor_main(char **numbers) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int fd = atoi(numbers[0]), index = atoi(numbers[1]);
  struct stage *stage = mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (stage == MAP_FAILED || index < 0 || index >= ACTORS_MAX)
    die("--actor is for the program itself");
  close(fd);
  struct actor_call call = {stage, &stage->actors[index], NULL, atoi(numbers[2]), atoi(numbers[3])};
  actor_perform(&call);
  return 0;
}
