/* store/group.c - durability sync: commits become durable in groups, by a log.
 *
 * A commit publishes as in every store, gives the writer lock back, and then waits. Of those who wait,
 * the one who gets LOG_BYTE leads: it takes the newest version, writes what leads there from the
 * version that was durable last as one record of the log, and makes that version the durable one.
 * All commits up to it return; those that came in the meantime are the next group.
 *
 * Happy path of a leader: announce the newest version in a slot; make the delta; one write that syncs;
 * publish the logged root, which carries the log's place with it; give LOG_BYTE back; wake.
 * A death before the logged root is published leaves a record that the next leader writes over: nobody
 * was told of it. A failed write latches, as a failed sync does.
 *
 * The log has two halves. When one is full the other goes on, with a new salt, if the newest durable root
 * has all that is in it; and somebody then makes a durable root (syncer.c), after which the
 * full half is free. When both are full, or a delta is larger than a half, the leader itself makes
 * a durable root of the newest version. */
#include "store/delta.h"
#include "store/log.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/points.h"

#define LOG_BYTE (UINT64_C(1) << 41) /* of the log file: locked by the leader */
#define WAIT_NS 20000000             /* a leader that died wakes nobody: look again */

struct group {
  struct log log;          /* file.ro NULL: not opened yet (a forked child) */
  pthread_mutex_t leading; /* beside LOG_BYTE, which threads share; protects what follows */
  uint32_t slot; /* announces the version that is being made durable; SLOT_NONE: none yet */
  struct delta_shapes shapes;
  uint8_t *record; /* being made */
  size_t size, capacity;
};

/* --- being there ----------------------------------------------------------------------- */

int group_open(struct copse_store *store) {
  struct group *group = calloc(1, sizeof *group);
  if (!group)
    return error_set(COPSE_E_MEMORY, "no memory for a store handle");
  int result = log_open(store, &group->log);
  if (result) {
    free(group);
    return result == COPSE_NONE ? error_set(COPSE_E_COORDINATION,
                                            "%s is missing or another store's", store->log_path)
                                : result;
  }
  pthread_mutex_init(&group->leading, NULL);
  group->slot = SLOT_NONE;
  store->group = group;
  return 0;
}

void group_close(struct copse_store *store) {
  struct group *group = store->group;
  if (!group)
    return;
  log_close(&group->log);
  delta_shapes_free(&group->shapes);
  free(group->record);
  free(group);
  store->group = NULL;
}

void group_forget(struct copse_store *store) {
  struct group *group = store->group;
  if (!group)
    return;
  group->shapes.count = 0; /* a thread of the parent may have been in the middle of them */
  /* The mapping was not inherited; the descriptor is the parent's description. */
  region_forget(&group->log.file);
  pthread_mutex_init(&group->leading, NULL);
  group->slot = SLOT_NONE;
}

/* --- leading --------------------------------------------------------------------------- */

/* 1: leads now. 0: another does (only with wait 0). */
static int lead_begin(struct copse_store *store, int wait) {
  struct group *group = store->group;
  int fd, held = 1, result = 0;
  if (wait)
    pthread_mutex_lock(&group->leading);
  else if (pthread_mutex_trylock(&group->leading))
    return 0;
  if (!group->log.file.ro) {
    result = log_open(store, &group->log);
    if (result == COPSE_NONE)
      result = error_set(COPSE_E_COORDINATION, "%s is no longer there", store->log_path);
  }
  if (result == 0)
    result = region_descriptor(&group->log.file, &fd);
  if (result == 0)
    result = wait ? os_lock_byte_wait(fd, store->log_path, LOG_BYTE, 1)
                  : os_lock_byte(fd, store->log_path, LOG_BYTE, 1, &held);
  if (result || !held)
    pthread_mutex_unlock(&group->leading);
  return result ? result : held;
}

static int lead_end(struct copse_store *store) {
  struct group *group = store->group;
  struct commit_words *words = store_words(store);
  int fd, result = region_descriptor(&group->log.file, &fd);
  if (result == 0)
    result = os_unlock_byte(fd, store->log_path, LOG_BYTE);
  pthread_mutex_unlock(&group->leading);
  /* C2, C3 of what wait.h says. pairs: log-wait */
  if (atomic_load_explicit(&words->log_waiting, memory_order_seq_cst) &&
      atomic_exchange_explicit(&words->log_waiting, 0, memory_order_seq_cst)) {
    /* pairs: log-wait */
    atomic_fetch_add_explicit(&words->log_wake, 1, memory_order_seq_cst);
    os_futex_wake(&words->log_wake, INT32_MAX);
  }
  return result;
}

static int record_append(void *context, const void *data, size_t size) {
  struct group *group = context;
  if (size > group->log.half_bytes - group->size)
    return DELTA_TOO_LARGE;
  if (base_grow(&group->record, &group->capacity, group->size + size, 1))
    return error_set(COPSE_E_MEMORY, "no memory for a record of the log");
  memcpy(group->record + group->size, data, size);
  group->size += size;
  return 0;
}

static int record_make(struct copse_store *store, const struct root *from, const struct root *to) {
  static const uint8_t zeros[8];
  struct group *group = store->group;
  struct log_record head = {.timeline = to->timeline,
                            .from = from->version,
                            .to = to->version,
                            .next_map = to->next_map,
                            .time_ns = to->time_ns};
  group->size = 0;
  int result = record_append(group, &head, sizeof head);
  if (result == 0)
    result = delta_make(store, &group->shapes, from, to, record_append, group);
  if (result == 0)
    result = record_append(group, zeros, -group->size % 8);
  return result;
}

/* Where the record goes: *place is moved into the other half if it must. COPSE_NONE: no room. */
static int place_find(struct copse_store *store, uint64_t *place, int *switched) {
  struct group *group = store->group;
  struct commit_words *words = store_words(store);
  uint64_t half = *place >> 63, offset = *place & ~LOG_PLACE_HALF;
  *switched = 0;
  if (group->log.half_bytes - offset < group->size) {
    /* relaxed: raised by the holder of SYNC_BYTE; a late look finds the half full */
    if (atomic_load_explicit(&words->durable[0], memory_order_relaxed) < words->log_last[!half])
      return COPSE_NONE;
    *place = half ? 0 : LOG_PLACE_HALF;
    half = !half;
    offset = 0;
    *switched = 1;
  }
  return offset == 0 ? os_random(&words->log_salt[half], sizeof words->log_salt[half]) : 0;
}

/* Makes `to` durable by a record. DELTA_TOO_LARGE, COPSE_NONE: there is no room for it. */
static int version_log(struct copse_store *store, const struct root *from, const struct root *to,
                       uint64_t place, int *switched) {
  struct group *group = store->group;
  struct commit_words *words = store_words(store);
  int result = record_make(store, from, to);
  if (result == 0)
    result = place_find(store, &place, switched);
  if (result)
    return result;
  if (*switched)
    POINT(log_switched);
  unsigned half = place >> 63;
  struct log_record *record = (struct log_record *)group->record;
  record->size = group->size;
  record->salt = words->log_salt[half];
  uint64_t begun = clock_now_ns();
  result = log_write(&group->log, half, place & ~LOG_PLACE_HALF, record);
  POINT(log_written);
  if (result)
    return durable_fail(store, result);
  words->log_write_ns = clock_now_ns() - begun;
  words->log_group[1] = words->log_group[0];
  words->log_group[0] = to->version - from->version;
  words->log_last[half] = to->version;
  root_log(store->writers.rw, to, place + group->size);
  POINT(log_root_newest);
  /* relaxed: statistics */
  atomic_fetch_add_explicit(&words->log_records, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&words->log_bytes, group->size,
                            memory_order_relaxed); /* relaxed: too */
  return 0;
}

/* With LOG_BYTE held and `to` announced: makes it durable, if it is not. */
static int lead(struct copse_store *store, const struct root *to, int *switched) {
  struct root from;
  uint64_t place;
  *switched = 0;
  int result = root_logged(store->writers.ro, &from, &place);
  if (result)
    return result < 0 ? result : error_set(COPSE_E_CORRUPT, "the store has no logged root");
  if (from.version >= to->version)
    return 0;
  result = durable_failed(store);
  if (result == 0)
    result = version_log(store, &from, to, place, switched);
  if (result > 0) {
    result = durable_root_sync(store, to, 0);
    if (result == 0)
      root_log(store->writers.rw, to, place);
  }
  if (result == 0)
    (void)wait_wake(&store->readers, store->writers.rw);
  return result;
}

/* Those whose commits were in the last two groups are about to commit again: waits for as many, half as
 * long as the last write took. Else who leads first takes its own commit, and the others, just
 * woken, miss every second write. One writer alone never waits. */
static void group_gather(struct copse_store *store) {
  const struct commit_words *words = store_words_ro(store);
  uint64_t want =
      words->log_group[0] > words->log_group[1] ? words->log_group[0] : words->log_group[1];
  uint64_t durable = root_visible(store->writers.ro);
  uint64_t deadline = want > 1 ? clock_now_ns() + words->log_write_ns / 2 : 0;
  while (want > 1 && root_published(store->writers.ro) - durable < want &&
         clock_now_ns() < deadline)
    sched_yield();
}

static int lead_newest(struct copse_store *store, int *switched) {
  struct group *group = store->group;
  struct root newest;
  int result = 0;
  if (group->slot == SLOT_NONE)
    result = slot_take(&store->client, 0, &group->slot);
  if (result)
    return result;
  group_gather(store);
  struct reader_slot *slot = readers_slot(&store->readers, group->slot);
  result = slot_announce(slot, store->writers.ro, &newest, NULL);
  if (result)
    return result;
  result = lead(store, &newest, switched);
  slot_withdraw(slot);
  return result;
}

int group_lead(struct copse_store *store, uint32_t slot, struct root *root) {
  int switched, result = lead_begin(store, 1);
  if (result < 0)
    return result;
  result = slot_announce(readers_slot(&store->readers, slot), store->writers.ro, root, NULL);
  if (result == 0)
    result = lead(store, root, &switched);
  int ended = lead_end(store);
  return result ? result : ended;
}

/* --- waiting --------------------------------------------------------------------------- */

static int is_durable(const struct copse_store *store, uint64_t version) {
  return root_visible(store->writers.ro) >= version;
}

/* Leads, if nobody else does: 1 when it did. */
static int lead_try(struct copse_store *store) {
  int switched = 0, result = lead_begin(store, 0);
  if (result <= 0)
    return result;
  result = lead_newest(store, &switched);
  int ended = lead_end(store);
  if (result == 0 && ended == 0 && switched)
    syncer_ask(store);
  result = result ? result : ended;
  return result ? result : 1;
}

/* Sleeps until LOG_BYTE is free again, or the version is durable. */
static int leader_wait(struct copse_store *store, uint64_t version, uint64_t deadline_ns) {
  struct commit_words *words = store_words(store);
  uint64_t now = clock_now_ns();
  /* pairs: log-wait */
  uint32_t word = atomic_load_explicit(&words->log_wake, memory_order_seq_cst);
  /* pairs: log-wait */
  atomic_store_explicit(&words->log_waiting, 1, memory_order_seq_cst);
  int led = is_durable(store, version) ? 1 : lead_try(store);
  if (led)
    return led < 0 ? led : 0;
  if (deadline_ns <= now)
    return error_set(COPSE_E_TIMEOUT, "version %llu was not durable within the time limit",
                     (unsigned long long)version);
  uint64_t rest = deadline_ns - now;
  int result = os_futex_wait(&words->log_wake, word, rest < WAIT_NS ? (int64_t)rest : WAIT_NS);
  return result == COPSE_E_TIMEOUT || result == COPSE_E_INTERRUPTED ? 0 : result;
}

int group_wait(struct copse_store *store, uint64_t version, uint64_t deadline_ns) {
  int result = 0;
  while (result == 0 && !is_durable(store, version)) {
    result = lead_try(store);
    if (result == 0)
      result = leader_wait(store, version, deadline_ns);
    else if (result > 0)
      result = 0;
  }
  return result;
}
