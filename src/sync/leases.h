/* sync/leases.h - leased pages: what keeps a page from reuse when no version does.
 *
 * Chunks of words in the readers' file, each chunk with an owner, who alone writes its words. A word
 * names units of a block of the data file; a page that has one of them is not reused.
 *
 *   L1  reader A, whose slot announces a version that has the page, puts a word that names a unit of it in a
 *       chunk of its own, then raises the chunk's count of changes (release)
 *   L2  A withdraws the slot (release)
 *   B2  reclaimer B reads all slots (sync/slots.h)
 *   B4  then all chunks' counts, and the words of those that changed (acquire)
 * If B2 sees A's slot withdrawn, then B4 sees the word; if B2 sees the version, that keeps the
 * page; and if B2 misses both (A1), then the page belongs to what was published at B1.
 * Ending a lease is the same with 0 for the word: A's reads happen before B reuses the page.
 *
 * B4 goes from the lowest chunk to the highest. A word may be carried over from one chunk to
 * another only upwards, for the reason that slots have. */
#ifndef SYNC_LEASES_H
#define SYNC_LEASES_H

#include "sync/client.h"

/* Takes a free chunk, of a greater index than `above` (LEASE_CHUNK_NONE: any), whose words are all 0; the table's storage
 * grows as needed. Errors: TOO_MANY, NO_SPACE, DESCRIPTOR. */
#define LEASE_CHUNK_NONE UINT32_MAX
int lease_chunk_take(struct client *client, uint32_t above, uint32_t *chunk);
/* Gives it back, with all that it names. */
void lease_chunk_give(const struct region *readers, uint32_t chunk);
/* L1: puts a word. One thread at a time. */
void lease_put(const struct region *readers, uint32_t chunk, uint32_t place, uint64_t word);
/* Copies the words of one's own chunk to another of one's own, of a greater index. */
void lease_chunk_copy(const struct region *readers, uint32_t from, uint32_t to);
/* Frees all chunks of a client index; the caller holds its byte. */
int lease_chunks_free(struct region *readers, uint32_t index);

/* What a reclaimer has seen of the chunks. */
struct lease_seen {
  struct lease_chunk_seen *chunks;
  size_t count, capacity;
};
/* B4: calls visit for each word that is not as it was seen before. COPSE_NONE: this process cannot see all
 * chunks, and has to take every page for leased. Errors: those of visit, MEMORY. */
int leases_look(struct region *readers, struct lease_seen *seen,
                int (*visit)(void *context, uint64_t before, uint64_t after), void *context);
/* Has seen nothing yet. */
void leases_forget(struct lease_seen *seen);
void leases_free(struct lease_seen *seen);

#endif
