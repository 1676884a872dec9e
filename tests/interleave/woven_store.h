/* woven_store.h - the readers' and the writers' file of a store for scenarios, with a client per
 * actor, and a writer that reuses pages as src/page does. */
#ifndef INTERLEAVE_WOVEN_STORE_H
#define INTERLEAVE_WOVEN_STORE_H

#include "sync/leases.h"
#include "sync/lock.h"
#include "sync/slots.h"
#include "sync/wait.h"
#include "weave.h"
#include "weave_os.h"

extern struct region readers;
extern uint8_t *writers;
extern struct client clients[WEAVE_ACTORS];

/* For begin(): an empty store at version 1, the first n actors attached. */
void store_begin(int n);

/* The client of the actor that runs must have the lock. */
void lock_must_be_held(void);
/* In begin(): the lock is as an actor leaves it that keeps it while others may sleep. */
void lock_keep(int client);

/* Publishes a version whose root is a page; every word of its record is derived from the version. */
void version_publish(uint64_t version, uint64_t page);
/* Announces in a slot, for scenarios that nothing keeps from it; faulty when the root is torn. */
void snapshot_open(uint32_t slot, struct root *root);

/* Pages: each holds the version that wrote it. Version 1 has page 0. */
#define PAGES 3
extern struct weave_cell pages[PAGES];
/* Commits a version: takes a page that no announced version may need (or the store's growth
 * would begin: 0 is returned), writes it, publishes. How many pages there are is limited by
 * page_limit, which store_begin() sets to 2: one is always the newest version's. */
extern int page_limit;
int version_commit(uint64_t version);
/* Whether it ousts who holds a page that it wants; store_begin() says no. */
extern bool ousting;
/* When it looks at leases, too: last, as it has to be. store_begin() says never. */
extern enum leasing { LEASES_NEVER, LEASES_FIRST, LEASES_LAST } leasing;
/* The word that leases a page. */
uint64_t page_word(uint64_t page);
/* A reader's look at the page of its root: faulty unless it is that version's. */
void page_read(const struct root *root);
/* The same of an oustable snapshot: looks, then asks whether it was ousted. 1: it was not. */
int page_copy(const struct root *root, struct reader_slot *slot);

#endif
