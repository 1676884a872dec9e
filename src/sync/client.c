/* sync/client.c - attaching, detaching, proving death, cleaning up after the dead.
 *
 * All that is read from the readers' file may have been scribbled on: counts are bounded, and
 * an entry's words only say where to look. What decides is the kernel: who holds an entry's
 * byte owns the entry and all slots that name its index, of whatever generation.
 *
 * Cleaning is idempotent, and the entry is freed last: a reaper killed midway leaves an
 * entry in use whose byte is free, which the next one reaps. */
#include "sync/client.h"

#include <pthread.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/points.h"
#include "sync/leases.h"

#define TABLE_PAGE 4096u
#define CLIENTS_PER_PAGE (TABLE_PAGE / (uint32_t)sizeof(struct reader_client))

/* --- the fork lock ------------------------------------------------------------------- */

/* A plain mutex with a depth of our own: a recursive one could not be unlocked in the child,
 * whose thread has another number. */
static pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local unsigned fork_depth;

void client_fork_lock(void) {
  if (fork_depth++ == 0)
    pthread_mutex_lock(&fork_mutex);
}

void client_fork_unlock(void) {
  BASE_ASSERT(fork_depth > 0);
  if (--fork_depth == 0)
    pthread_mutex_unlock(&fork_mutex);
}

/* --- counts -------------------------------------------------------------------------- */

/* How many of *count entries of a table lie within what can be touched. */
static int bound_count(struct region *readers, uint32_t start, uint32_t size, uint32_t *count) {
  uint64_t reach;
  int code = region_reach(readers, start + (uint64_t)*count * size, &reach);
  if (!code)
    *count = reach > start ? (uint32_t)((reach - start) / size) : 0;
  return code;
}

int readers_client_count(struct region *readers, uint32_t *count) {
  /* pairs: table-grow */
  uint32_t n = atomic_load_explicit(&readers_head(readers)->client_count, memory_order_acquire);
  *count = n < CLIENT_MAX ? n : CLIENT_MAX;
  return bound_count(readers, READERS_CLIENTS, sizeof(struct reader_client), count);
}

int readers_slot_count(struct region *readers, uint32_t *count) {
  /* Sequentially consistent for the reclaimer: see slots_announced().
   * pairs: table-grow, announce */
  uint32_t n = atomic_load_explicit(&readers_head(readers)->slot_count, memory_order_seq_cst);
  *count = n < SLOT_MAX ? n : SLOT_MAX;
  return bound_count(readers, READERS_SLOTS, sizeof(struct reader_slot), count);
}

/* Entries that the mapping can hold. */
static uint32_t client_limit(const struct region *readers) {
  uint64_t room = readers->reserved > READERS_CLIENTS ? readers->reserved - READERS_CLIENTS : 0;
  uint64_t n = room / sizeof(struct reader_client);
  return n < CLIENT_MAX ? (uint32_t)n : CLIENT_MAX;
}

/* --- cleaning ------------------------------------------------------------------------ */

/* Frees all slots of a client index; the caller holds its byte. */
static int free_slots(struct region *readers, uint32_t index) {
  uint32_t count;
  int code = readers_slot_count(readers, &count);
  if (code)
    return code;
  for (uint32_t i = 0; i < count; i++) {
    struct reader_slot *slot = readers_slot(readers, i);
    /* pairs: slot-owner */
    uint64_t owner = atomic_load_explicit(&slot->owner, memory_order_acquire);
    if ((uint32_t)owner != index + 1)
      continue;
    /* pairs: announce */
    atomic_store_explicit(&slot->word, SLOT_IDLE, memory_order_release);
    /* pairs: slot-owner */
    atomic_store_explicit(&slot->owner, 0, memory_order_release);
  }
  return 0;
}

static void free_entry(struct region *readers, uint32_t index) {
  /* pairs: client-entry */
  atomic_store_explicit(&readers_client(readers, index)->state, CLIENT_FREE, memory_order_release);
}

static int entry_used(struct region *readers, uint32_t index) {
  /* pairs: client-entry */
  return atomic_load_explicit(&readers_client(readers, index)->state, memory_order_acquire) !=
         CLIENT_FREE;
}

static int clean(struct region *readers, uint32_t index) {
  POINT(reap_byte_held);
  int code = free_slots(readers, index);
  if (!code)
    code = lease_chunks_free(readers, index);
  if (code)
    return code;
  POINT(reap_slots_cleared);
  free_entry(readers, index);
  return 0;
}

static int lock_entry(struct region *readers, int fd, uint32_t index, int *held) {
  return os_lock_byte(fd, readers->path, CLIENT_BYTE + index, 1, held);
}

static void unlock_entry(struct region *readers, int fd, uint32_t index) {
  /* It fails only when the descriptor is gone, and its lock with it. */
  (void)os_unlock_byte(fd, readers->path, CLIENT_BYTE + index);
}

/* --- attaching ----------------------------------------------------------------------- */

/* 1 when the entry is ours now: its byte is held on fd, and it may be given out. */
static int try_entry(struct region *readers, const uint8_t *writers, int fd, uint32_t index,
                     int *taken) {
  int held;
  int code = lock_entry(readers, fd, index, &held);
  *taken = 0;
  if (code || !held)
    return code;
  if (entry_used(readers, index))
    code = clean(readers, index);
  /* Who would write this index into the lock word needs the byte that we hold.
   * pairs: writer-lock */
  uint64_t lock = atomic_load_explicit(&sync_commit_ro(writers)->lock, memory_order_acquire);
  if (code || LOCK_OWNER(lock) == index + 1)
    unlock_entry(readers, fd, index);
  else
    *taken = 1;
  return code;
}

/* Raises client_count to at least count; the storage exists. */
static void raise_count(struct region *readers, uint32_t count) {
  _Atomic uint32_t *word = &readers_head(readers)->client_count;
  /* relaxed: the exchange below decides */
  uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);
  while (seen < count &&
         /* pairs: table-grow */
         !atomic_compare_exchange_weak_explicit(word, &seen, count, memory_order_release,
                                                memory_order_relaxed))
    ;
}

/* Takes an entry and its byte. Free ones first; where the table would grow by a page, those of
 * the dead; then a new one. */
static int claim_entry(struct region *readers, const uint8_t *writers, int fd, uint32_t *index) {
  uint32_t count, limit = client_limit(readers);
  int code = readers_client_count(readers, &count);
  if (code)
    return code;
  for (int reap = 0; reap <= (count % CLIENTS_PER_PAGE == 0 || count >= limit); reap++)
    for (uint32_t i = 0; i < count; i++) {
      if (entry_used(readers, i) != reap)
        continue;
      int taken;
      code = try_entry(readers, writers, fd, i, &taken);
      if (code || taken) {
        *index = i;
        return code;
      }
    }
  for (uint32_t i = count; i < limit; i++) {
    uint64_t offset = READERS_CLIENTS + (uint64_t)(i / CLIENTS_PER_PAGE) * TABLE_PAGE;
    int taken;
    code = region_allocate(readers, offset, TABLE_PAGE);
    if (!code)
      code = try_entry(readers, writers, fd, i, &taken);
    if (code)
      return code;
    raise_count(readers, i + 1);
    if (taken) {
      *index = i;
      return 0;
    }
  }
  return error_set(COPSE_E_TOO_MANY, "%u processes are attached to %s; close some of them", limit,
                   readers->path);
}

/* What people see. */
static void describe_entry(struct reader_client *entry) {
  entry->pid = (uint32_t)getpid();
  /* relaxed: for people; told later, see client_tell_namespace() */
  atomic_store_explicit(&entry->pid_namespace, 0, memory_order_relaxed);
  entry->attached_ns = clock_now_ns();
  os_command_name(entry->command);
}

static void fill_entry(struct region *readers, struct client *client) {
  struct reader_client *entry = readers_client(readers, client->index);
  /* relaxed: under the byte */
  client->generation = atomic_load_explicit(&entry->generation, memory_order_relaxed) + 1;
  atomic_store_explicit(&entry->generation, client->generation,
                        memory_order_relaxed); /* relaxed: likewise */
  describe_entry(entry);
  /* relaxed: for people */
  atomic_store_explicit(&entry->lease_count, 0, memory_order_relaxed);
  atomic_store_explicit(&entry->lease_bytes, 0, memory_order_relaxed);    /* relaxed: likewise */
  atomic_store_explicit(&entry->lease_since_ns, 0, memory_order_relaxed); /* relaxed: likewise */
  atomic_store_explicit(&entry->lease_copies, 0, memory_order_relaxed);   /* relaxed: likewise */
  /* relaxed: who counts writers keeps others from attaching meanwhile */
  atomic_store_explicit(&entry->read_only, 0, memory_order_relaxed);
  /* pairs: client-entry */
  atomic_store_explicit(&entry->state, CLIENT_USED, memory_order_release);
  POINT(client_entered);
}

/* Attaches, leaving the description open in *fd too. The fork lock is held. */
static int attach_open(struct region *readers, const uint8_t *writers, struct client *client,
                       unsigned map_flags, int *fd) {
  int new_fd = -1;
  void *page;
  uint32_t index = 0;
  int code = region_fresh_descriptor(readers, &new_fd);
  if (code)
    return code;
  code = os_map(new_fd, readers->path, TABLE_PAGE, OS_MAP_NO_DUMP | map_flags, &page);
  if (code)
    goto close_fd;
  code = claim_entry(readers, writers, new_fd, &index);
  if (code)
    goto unmap;
  POINT(client_byte_locked);
  *client = (struct client){.readers = readers, .index = index, .live_page = page};
  fill_entry(readers, client);
  *fd = new_fd;
  return 0;
unmap:
  os_unmap(page, TABLE_PAGE);
close_fd:
  os_close(new_fd);
  return code;
}

int client_attach(struct region *readers, const uint8_t *writers, struct client *client) {
  int fd;
  client_fork_lock();
  int code = attach_open(readers, writers, client, OS_MAP_NO_FORK, &fd);
  if (!code)
    os_close(fd);
  client_fork_unlock();
  return code;
}

void client_detach(struct client *client) {
  if (!client->live_page)
    return;
  if (free_slots(client->readers, client->index) == 0 &&
      lease_chunks_free(client->readers, client->index) == 0) {
    POINT(client_leaving);
    free_entry(client->readers, client->index);
  }
  os_unmap(client->live_page, TABLE_PAGE);
  *client = (struct client){0};
}

void client_set_read_only(struct client *client) {
  /* relaxed: see fill_entry() */
  atomic_store_explicit(&readers_client(client->readers, client->index)->read_only, 1,
                        memory_order_relaxed);
}

int client_is_last_writer(const struct client *client) {
  uint32_t count;
  (void)client_reap_all(client->readers, client->index);
  if (readers_client_count(client->readers, &count))
    return 0;
  for (uint32_t i = 0; i < count; i++)
    if (i != client->index && entry_used(client->readers, i) &&
        /* relaxed: see fill_entry() */
        !atomic_load_explicit(&readers_client(client->readers, i)->read_only, memory_order_relaxed))
      return 0;
  return 1;
}

void client_tell_namespace(struct client *client) {
  if (!client->live_page)
    return; /* a forked child that could not attach */
  struct reader_client *entry = readers_client(client->readers, client->index);
  /* relaxed: for people */
  atomic_store_explicit(&entry->pid_namespace, os_pid_namespace(), memory_order_relaxed);
}

/* --- death --------------------------------------------------------------------------- */

int client_prove_dead(struct region *readers, uint32_t index, int *proof) {
  int fd, held;
  client_fork_lock();
  int code = region_fresh_descriptor(readers, &fd);
  if (code)
    goto unlock;
  code = lock_entry(readers, fd, index, &held);
  if (!code && held) {
    *proof = fd;
    return 1;
  }
  os_close(fd);
unlock:
  client_fork_unlock();
  return code;
}

void client_proof_release(int proof) {
  os_close(proof);
  client_fork_unlock();
}

void client_reap(struct region *readers, uint32_t index, int proof) {
  uint32_t count;
  if (readers_client_count(readers, &count) == 0 && index < count)
    (void)clean(readers, index);
  client_proof_release(proof);
}

uint32_t client_reap_all(struct region *readers, uint32_t skip) {
  int fd, held;
  uint32_t reaped = 0, count;
  client_fork_lock();
  if (readers_client_count(readers, &count) == 0 && region_fresh_descriptor(readers, &fd) == 0) {
    for (uint32_t i = 0; i < count; i++) {
      if (i == skip || !entry_used(readers, i) || lock_entry(readers, fd, i, &held) || !held)
        continue;
      if (entry_used(readers, i) && clean(readers, i) == 0)
        reaped++;
      unlock_entry(readers, fd, i);
    }
    os_close(fd);
  }
  client_fork_unlock();
  return reaped;
}

/* --- forking ------------------------------------------------------------------------- */

/* The page is inherited by the child, and with it the description, which the child then has
 * alone; the descriptor only serves the parent until then. */
void client_passage_prepare(struct region *readers, const uint8_t *writers,
                            struct client_passage *passage) {
  *passage = (struct client_passage){.fd = -1};
  int fd;
  if (attach_open(readers, writers, &passage->client, 0, &fd) == 0)
    passage->fd = fd;
}

void client_passage_parent(struct client_passage *passage) {
  if (passage->fd < 0)
    return;
  os_unmap(passage->client.live_page, TABLE_PAGE);
  os_close(passage->fd);
  *passage = (struct client_passage){.fd = -1};
}

void client_passage_child(struct client_passage *passage) {
  if (passage->fd < 0)
    return;
  /* It cannot fail on a mapping of ours; if it did, grandchildren would only keep us alive. */
  (void)os_map_no_fork(passage->client.live_page, TABLE_PAGE);
  os_close(passage->fd);
  passage->fd = -1;
  describe_entry(readers_client(passage->client.readers, passage->client.index));
}
