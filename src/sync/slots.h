/* sync/slots.h - reader slots: what versions are in use.
 *
 * Begin, as numbered steps of reader A against reclaimer B:
 *   A1  word = {v, PENDING}  (sequentially consistent exchange; v: any version seen before)
 *   A2  c = published        (sequentially consistent)
 *   A3  copy root record c; word = {c, EXACT} (release)
 *   B1  read-modify-write of `published` (sequentially consistent; value unchanged)
 *   B2  read all words       (sequentially consistent)
 * If B2 misses A1, then B1 precedes A2 in the single total order, so that c is at least what
 * B published: nothing that B then reuses is reachable from c. Never a retry because of B.
 * An oustable slot takes step A3 by compare-and-swap, and begins anew when it was ousted.
 *
 * A snapshot of what the log has made durable (stores with durability sync) reads that root in A2
 * instead, which may be older than `published` at B1. So B looks at it before B1 and, B3, after B2:
 *   both the same: if B2 misses A1, then A2 reads that version, which B lists; or one that took its
 *     place after B3, which its leader has announced in a slot until then: B2 saw it there, or
 *     the leader announced it after B2 and so has a version that B1 published, or a later one
 *   not the same: what came and went in between might be read in A2: B lists all from the first on
 *
 * B2 goes from the lowest index to the highest. A version that one slot announces may be
 * carried over to another only upwards: from X to a greater Y, first announced at Y, then
 * withdrawn from X. Downwards B could pass Y before and reach X after, and miss both.
 * A slot belongs to a snapshot handle, not to a thread or a process's life. */
#ifndef SYNC_SLOTS_H
#define SYNC_SLOTS_H

#include "sync/client.h"

#define SLOT_NONE UINT32_MAX /* no slot: none was to be had for a forked child */

/* Takes a free slot for the client; the table's storage grows as needed. hint: where to begin to look (0 or the last one
 * used). Errors: TOO_MANY, NO_SPACE, DESCRIPTOR. */
int slot_take(struct client *client, uint32_t hint, uint32_t *slot);
/* The same, a slot of a greater index than `below`: to carry its version over to. */
int slot_take_above(struct client *client, uint32_t below, uint32_t *slot);
/* Gives it back; announces nothing any more. */
void slot_give(struct client *client, uint32_t slot);

/* A1 to A3. words: the writers' file. Writes the root of the newest version, and to recent (or NULL) the
 * map that it changed. COPSE_E_CORRUPT when the records make no sense. */
int slot_announce(struct reader_slot *slot, const uint8_t *writers, struct root *root,
                  struct recent_map *recent);
/* The same for the newest version that the log has made durable, in stores that have a log. */
int slot_announce_logged(struct reader_slot *slot, const uint8_t *writers, struct root *root,
                         struct recent_map *recent);
/* Carries a version over: announces at `to` what `from`, a slot of our own and of a lower
 * index, announces; for fork and for cloned snapshots. `to` becomes oustable if `from` is, and
 * ousted if `from` was before it was safe. 1; 0 when `from` announced another version by then (another
 * thread is refreshing the snapshot): what `to` announces protects nothing. */
int slot_carry_over(struct reader_slot *from, struct reader_slot *to, uint64_t version);
/* The last half of it, where `from` is surely announced and not oustable. */
void slot_announce_exact(struct reader_slot *slot, uint64_t version);
/* Ends the announcement; the slot stays ours. */
void slot_withdraw(struct reader_slot *slot);
/* 1 when a writer has ousted the announcement; 0: what the caller read before this call was
 * protected while it read it. */
int slot_ousted(struct reader_slot *slot);
/* Ousts: 1 when slot now protects nothing; 0 when it changed meanwhile or is not oustable. */
int slot_oust(struct reader_slot *slot, uint64_t seen);

/* One announced version, for the reclaimer. */
struct announced {
  uint64_t version;
  uint32_t slot;    /* UINT32_MAX: a durable root or an observer's version, not a slot */
  uint32_t pending; /* 1: everything from version on; 0: exactly version */
  uint64_t word;    /* of the slot, as it was found; 0: not of a slot */
};
/* B1 and B2: all announced versions, sorted by version, duplicates kept. *list is (re)allocated: free() it; *capacity is its room.
 * Errors: MEMORY. */
int slots_announced(struct region *readers, uint8_t *writers, struct announced **list,
                    size_t *capacity, size_t *count);

/* Reading the published root without announcing (for the writer, who holds the lock, and statistics). */
uint64_t root_published(const uint8_t *writers);
/* recent may be NULL. 0; COPSE_NONE: gone round. */
int root_read(const uint8_t *writers, uint64_t version, struct root *root,
              struct recent_map *recent);
/* Publishing: fills the record of root->version, then makes it the newest (tag root-publish). */
void root_write(uint8_t *writers, const struct root *root, const struct recent_map *recent);
void root_publish(uint8_t *writers, uint64_t version);

/* The newest root that the log has made durable, and where the log goes on (may be NULL). COPSE_NONE:
 * the store has no log. */
int root_logged(const uint8_t *writers, struct root *root, uint64_t *place);
/* Makes a root that one, for the holder of LOG_BYTE. */
void root_log(uint8_t *writers, const struct root *root, uint64_t place);
/* The newest version that snapshots show. */
uint64_t root_visible(const uint8_t *writers);

#endif
