/* sync/client.h - who is attached, and whether it lives.
 *
 * A client's life is told by a byte-range lock of an open file description on the readers'
 * file. The description is kept open by a mapping of one page alone (not inherited by
 * forks), so that the lock ends exactly when the address space does, whatever the program
 * does with its descriptors. Whoever cleans up after a dead client first acquires its byte;
 * attaching needs the same byte, so that nobody attaches under an entry being cleaned.
 *
 *   attach:  open, lock byte i, map a page of that description (no fork), close; fill entry i
 *   detach:  free the slots, mark entry i free, unmap the page (the byte becomes free)
 *   reap:    open, lock byte i (fails: alive), clean up, mark entry i free, close
 *
 * Between open and close a fork in another thread would inherit the description and keep
 * the dead parent's byte locked: attach and reap hold a process-wide lock that the at-fork
 * handler takes (client_fork_lock). */
#ifndef SYNC_CLIENT_H
#define SYNC_CLIENT_H

#include "region/region.h"
#include "sync/format.h"

/* One attached client of this process. */
struct client {
  struct region *readers; /* the readers' file, mapped writable */
  uint32_t index;
  uint32_t generation;
  void *live_page;       /* holds the description that holds the byte */
  uint64_t long_hold_ns; /* who holds the writer lock for longer while we wait is noted */
  /* How it used the writer lock: written by its holder. */
  _Atomic uint64_t lock_left;    /* the generation that it left last while somebody waited */
  _Atomic uint64_t lock_left_ns; /* when, as far as it looked at the clock */
  uint64_t lock_returns;         /* how often in a row it came back at once */
};

static inline struct readers_header *readers_head(const struct region *readers) {
  return (struct readers_header *)readers->rw;
}
static inline struct reader_client *readers_client(const struct region *readers, uint32_t index) {
  return (struct reader_client *)(readers->rw + READERS_CLIENTS) + index;
}
static inline struct reader_slot *readers_slot(const struct region *readers, uint32_t index) {
  return (struct reader_slot *)(readers->rw + READERS_SLOTS) + index;
}
static inline uint64_t client_owner_word(const struct client *client) {
  return (uint64_t)client->generation << 32 | (client->index + 1);
}

/* How many entries and slots are in use or were: what the file says, bounded by what it can hold and
 * by what can be touched, since any process may have scribbled on it. */
int readers_client_count(struct region *readers, uint32_t *count);
int readers_slot_count(struct region *readers, uint32_t *count);

/* Attaches: takes a free entry (or reaps dead ones when the table has many) and its byte. An
 * entry that the lock word in the writers' file still names is not given out: its former
 * owner died with the lock, and a living client there would hide that for good. Errors:
 * TOO_MANY, IO, NO_SPACE, MEMORY, DESCRIPTOR. */
int client_attach(struct region *readers, const uint8_t *writers, struct client *client);

/* Frees the client's slots, its entry and its byte. A client that is not attached (all zero) is
 * left alone. */
void client_detach(struct client *client);

/* Says that it never writes. */
void client_set_read_only(struct client *client);

/* 1 when no other client is left that may write. The caller keeps others from attaching; the dead
 * are reaped first. */
int client_is_last_writer(const struct client *client);

/* Writes the PID namespace into the client's entry. Not part of attaching: it takes a new process
 * a third of the time that the rest does. */
void client_tell_namespace(struct client *client);

/* Tries to prove that client index is dead. 1: nobody lives there, *proof is a descriptor that
 * holds its byte until client_proof_release() by the same thread, which holds the fork lock
 * until then; 0: it lives, or is being reaped; negative: error. */
int client_prove_dead(struct region *readers, uint32_t index, int *proof);

/* Cleans the dead client's slots and entry while proof is held; then releases it. What it
 * cannot reach (the program closed the file's descriptor) is left to the next reaper. */
void client_reap(struct region *readers, uint32_t index, int proof);
void client_proof_release(int proof);

/* Probes all used entries and reaps the dead; returns how many. skip is our own index. */
uint32_t client_reap_all(struct region *readers, uint32_t skip);

/* Forking. prepare: attaches a client for the child, to be passed through the fork by
 * inheritance of its page and descriptor; parent: lets go of it (it then belongs to the child
 * alone); child: adopts it (page not inherited further, descriptor closed, pid and command refreshed). */
struct client_passage {
  struct client client;
  int fd; /* -1: could not attach, the child has no client */
};
void client_fork_lock(void); /* all three surround fork(): called by the store's at-fork handlers */
void client_fork_unlock(void); /* in the parent and in the child */
void client_passage_prepare(struct region *readers, const uint8_t *writers,
                            struct client_passage *passage);
void client_passage_parent(struct client_passage *passage);
void client_passage_child(struct client_passage *passage);

#endif
