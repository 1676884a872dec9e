/* store/watch.c - watching a key range: wait for a commit, then diff.
 *
 * A watch holds a snapshot of the state that it knows (`seen`). A commit makes it open another
 * (`now`) and compare; `now` then takes the place of `seen`: at once when nothing in the range
 * changed, else when the program asks for the next event. The descriptor form has a thread that waits for
 * commits and writes to an eventfd; it touches nothing else of the watch. */
#include "store/store.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

struct copse_watch {
  struct copse_store *store;
  struct copse_map *map;
  struct copse_range asked; /* its bounds point into memory */
  uint8_t *memory;
  struct copse_snapshot *seen; /* the state that changes are looked for against */
  struct copse_snapshot *now;  /* the state of the last event, until the next call; else NULL */
  uint64_t last;               /* version reported last, or at the beginning */
  struct copse_diff *diff;     /* of the last event */
  struct copse_change first;   /* the first change, found while deciding to wake */
  int has_first;
  _Atomic int cancelled; /* set by anybody; the futex word of waiting threads */
  int descriptor;        /* -1: none */
  pthread_t thread;
  pid_t process; /* that the thread runs in */
  _Atomic int thread_ends;
  _Atomic uint64_t reported; /* newest version reported: the thread waits for later ones */
};

/* Copies the bounds that the caller lends. */
static int range_copy(struct copse_watch *watch, const struct copse_range *range) {
  struct copse_bytes *bounds[3] = {&watch->asked.from, &watch->asked.to, &watch->asked.prefix};
  size_t total = 1;
  if (!range)
    return 0;
  watch->asked = *range;
  for (int i = 0; i < 3; i++)
    total += bounds[i]->data ? bounds[i]->size : 0;
  uint8_t *at = watch->memory = malloc(total);
  if (!at)
    return error_set(COPSE_E_MEMORY, "no memory for the bounds of a watch");
  for (int i = 0; i < 3; i++) {
    if (!bounds[i]->data)
      continue;
    if (bounds[i]->size)
      memcpy(at, bounds[i]->data, bounds[i]->size);
    bounds[i]->data = at;
    at += bounds[i]->size;
  }
  return 0;
}

static void watch_free(struct copse_watch *watch) {
  copse_diff_close(watch->diff);
  copse_snapshot_close(watch->seen);
  copse_snapshot_close(watch->now);
  free(watch->memory);
  free(watch);
}

int copse_watch_open(struct copse_store *store, struct copse_map *map,
                     const struct copse_range *range, struct copse_watch **out) {
  struct range bounds;
  struct tree tree;
  if (map->store != store)
    return error_set(COPSE_E_ARGUMENT, "the map belongs to another store");
  int result = range_make(map, range, &bounds);
  if (result)
    return result;
  range_free(&bounds);
  struct copse_watch *watch = calloc(1, sizeof *watch);
  if (!watch)
    return error_set(COPSE_E_MEMORY, "no memory for a watch");
  watch->store = store;
  watch->map = map;
  watch->descriptor = -1;
  result = range_copy(watch, range);
  if (result == 0)
    result = copse_snapshot_open(store, 0, &watch->seen);
  if (result == 0)
    result = view_container(&watch->seen->view, map, &tree);
  if (result) {
    watch_free(watch);
    return result;
  }
  watch->last = watch->seen->view.root.version;
  /* relaxed: no thread reads it yet */
  atomic_store_explicit(&watch->reported, watch->seen->view.root.version, memory_order_relaxed);
  pthread_mutex_lock(&store->mutex);
  store->watches_open++;
  pthread_mutex_unlock(&store->mutex);
  *out = watch;
  return 0;
}

/* The newer snapshot becomes the state that the next event starts from. */
static void state_advance(struct copse_watch *watch) {
  if (!watch->now)
    return;
  copse_diff_close(watch->diff);
  watch->diff = NULL;
  copse_snapshot_close(watch->seen);
  watch->seen = watch->now;
  watch->now = NULL;
}

/* Looks whether a key of the range changed between the two snapshots. 1: yes. */
static int event_look(struct copse_watch *watch) {
  struct tree tree;
  int result = view_container(&watch->now->view, watch->map, &tree);
  if (result == 0)
    result = copse_diff_open(&watch->seen->view, &watch->now->view, watch->map, &watch->asked,
                             &watch->diff);
  if (result)
    return result;
  result = copse_diff_next(watch->diff, &watch->first);
  if (result == 0) {
    watch->has_first = 1;
    return 1;
  }
  copse_diff_close(watch->diff);
  watch->diff = NULL;
  return result == COPSE_NONE ? 0 : result;
}

/* A forked child shares the descriptor, and leaves it to its parent. */
static void descriptor_drain(struct copse_watch *watch) {
  uint64_t drained;
  if (watch->descriptor >= 0 && watch->process == getpid() &&
      read(watch->descriptor, &drained, sizeof drained) < 0)
    return; /* nothing was there */
}

int copse_watch_next(struct copse_watch *watch, int64_t timeout_ns,
                     struct copse_watch_event *event) {
  uint64_t deadline = deadline_from(timeout_ns), version;
  int result = fork_check();
  if (watch->diff)
    watch->last = watch->now->view.root.version;
  state_advance(watch);
  while (result == 0) {
    result = wait_published(&watch->store->readers, watch->store->writers.ro,
                            watch->seen->view.root.version, deadline, &watch->cancelled, &version);
    if (result)
      return result;
    descriptor_drain(watch); /* before looking: what comes after must make it readable again */
    result = copse_snapshot_open(watch->store, 0, &watch->now);
    if (result)
      return result;
    result = event_look(watch);
    /* relaxed: tells the thread what it need not wake for; a late value wakes once too often */
    atomic_store_explicit(&watch->reported, watch->now->view.root.version, memory_order_relaxed);
    if (result == 0) {
      state_advance(watch); /* nothing in the range changed: older pages need not be kept for it */
      result = deadline_check(deadline);
    }
  }
  if (result != 1) {
    copse_snapshot_close(watch->now);
    watch->now = NULL;
    return result;
  }
  event->version = watch->now->view.root.version;
  event->since = watch->last;
  event->commits = event->version - event->since;
  return 0;
}

int copse_watch_change(struct copse_watch *watch, struct copse_change *change) {
  if (!watch->diff)
    return COPSE_NONE;
  if (watch->has_first) {
    *change = watch->first;
    watch->has_first = 0;
    return 0;
  }
  return copse_diff_next(watch->diff, change);
}

struct copse_view *copse_watch_view(struct copse_watch *watch) {
  return watch->diff ? &watch->now->view : &watch->seen->view;
}

/* --- the descriptor -------------------------------------------------------------------- */

static void *commits_follow(void *context) {
  struct copse_watch *watch = context;
  /* relaxed: see copse_watch_next() */
  uint64_t after = atomic_load_explicit(&watch->reported, memory_order_relaxed);
  while (wait_published(&watch->store->readers, watch->store->writers.ro, after, UINT64_MAX,
                        &watch->thread_ends, &after) == 0) {
    uint64_t one = 1;
    /* relaxed: likewise */
    if (atomic_load_explicit(&watch->reported, memory_order_relaxed) < after &&
        write(watch->descriptor, &one, sizeof one) < 0)
      continue; /* the counter is at its end: readable all the same */
  }
  return NULL;
}

int copse_watch_descriptor(struct copse_watch *watch, int *descriptor) {
  if (watch->descriptor < 0) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
      return error_set(COPSE_E_IO, "no descriptor for a watch: too many are open");
    sigset_t all, old;
    sigfillset(&all);
    watch->descriptor = fd;
    watch->process = getpid();
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the program's threads' business */
    int failed = pthread_create(&watch->thread, NULL, commits_follow, watch);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
      close(fd);
      watch->descriptor = -1;
      return error_set(COPSE_E_MEMORY, "no thread for a watch's descriptor");
    }
  }
  *descriptor = watch->descriptor;
  return 0;
}

void copse_watch_cancel(struct copse_watch *watch) { wait_cancel(&watch->cancelled); }

void copse_watch_close(struct copse_watch *watch) {
  if (!watch)
    return;
  if (watch->descriptor >= 0) {
    wait_cancel(&watch->thread_ends);
    if (watch->process == getpid()) /* a forked child has no such thread */
      pthread_join(watch->thread, NULL);
    close(watch->descriptor);
  }
  pthread_mutex_lock(&watch->store->mutex);
  watch->store->watches_open--;
  pthread_mutex_unlock(&watch->store->mutex);
  watch_free(watch);
}
