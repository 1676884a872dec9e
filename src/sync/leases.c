/* sync/leases.c - chunks of leases: taking and giving them, their words, and what a reclaimer sees.
 *
 * A chunk's count of changes only rises, whoever owns it. So a reclaimer that finds it as it was has
 * nothing to read: leases that stay cost it one look at a line for four chunks. */
#include "sync/leases.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/grow.h"
#include "base/points.h"

#define TABLE_PAGE 4096u
#define HEADS_PER_PAGE (TABLE_PAGE / (uint32_t)sizeof(struct lease_head))

struct lease_chunk_seen {
  uint64_t changes;
  uint64_t words[LEASE_WORDS];
};

static struct lease_head *head_of(const struct region *readers, uint32_t chunk) {
  return (struct lease_head *)(readers->rw + READERS_LEASE_HEADS) + chunk;
}

static uint64_t chunk_offset(uint32_t chunk) {
  return chunk < LEASE_CHUNKS_FIRST
             ? READERS_LEASES + (uint64_t)chunk * LEASE_CHUNK
             : READERS_MORE_LEASES + (uint64_t)(chunk - LEASE_CHUNKS_FIRST) * LEASE_CHUNK;
}

static _Atomic uint64_t *words_of(const struct region *readers, uint32_t chunk) {
  return (_Atomic uint64_t *)(readers->rw + chunk_offset(chunk));
}

/* Chunks that are in use or were, as far as they have storage: what the file says is not trusted.
 * *hidden: there are some beyond what this process has mapped. */
static int chunk_count(struct region *readers, uint32_t *count, int *hidden) {
  uint64_t end, reach, size;
  /* pairs: table-grow */
  uint32_t n = atomic_load_explicit(&readers_head(readers)->lease_count, memory_order_acquire);
  *count = 0;
  *hidden = 0;
  if (n == 0)
    return 0;
  n = n < LEASE_CHUNK_MAX ? n : LEASE_CHUNK_MAX;
  end = chunk_offset(n - 1) + LEASE_CHUNK;
  int code = region_reach(readers, end, &reach);
  if (code)
    return code;
  for (size = reach; n && chunk_offset(n - 1) + LEASE_CHUNK > size; n--)
    *hidden = size == readers->reserved;
  *count = n;
  return 0;
}

/* --- taking -------------------------------------------------------------------------- */

static void changed(const struct region *readers, uint32_t chunk) {
  /* pairs: lease-enter */
  atomic_fetch_add_explicit(&head_of(readers, chunk)->changes, 1, memory_order_release);
}

static int try_chunk(const struct client *client, uint32_t chunk) {
  struct lease_head *head = head_of(client->readers, chunk);
  uint64_t none = 0;
  /* relaxed: a hint that spares the line; the exchange decides */
  if (atomic_load_explicit(&head->owner, memory_order_relaxed) != 0)
    return 0;
  /* pairs: lease-owner */
  if (!atomic_compare_exchange_strong_explicit(&head->owner, &none, client_owner_word(client),
                                               memory_order_acquire, memory_order_relaxed))
    return 0;
  POINT(lease_chunk_taken);
  _Atomic uint64_t *words = words_of(client->readers, chunk);
  /* What stands there may be seen a little longer. Released, for what the former owner read: a
   * reclaimer may see this 0 in the place of his end. */
  for (uint32_t i = 0; i < LEASE_WORDS; i++)
    /* pairs: lease-enter */
    atomic_store_explicit(&words[i], 0, memory_order_release);
  return 1;
}

/* Chunks that the mapping can hold. */
static uint32_t chunk_limit(const struct region *readers) {
  if (readers->reserved < chunk_offset(LEASE_CHUNKS_FIRST) + LEASE_CHUNK)
    return LEASE_CHUNKS_FIRST;
  uint64_t more = (readers->reserved - READERS_MORE_LEASES) / LEASE_CHUNK;
  return more < LEASE_CHUNK_MAX - LEASE_CHUNKS_FIRST ? LEASE_CHUNKS_FIRST + (uint32_t)more
                                                     : LEASE_CHUNK_MAX;
}

/* The first chunk beyond the table's end that can be had. */
static int take_new(struct client *client, uint32_t from, uint32_t *chunk) {
  struct region *readers = client->readers;
  _Atomic uint32_t *count = &readers_head(readers)->lease_count;
  for (uint32_t i = from; i < chunk_limit(readers); i++) {
    uint64_t heads = READERS_LEASE_HEADS + (uint64_t)(i / HEADS_PER_PAGE) * TABLE_PAGE;
    int code = region_allocate(readers, heads, TABLE_PAGE);
    if (!code)
      code = region_allocate(readers, chunk_offset(i), LEASE_CHUNK);
    if (code)
      return code;
    /* relaxed: the exchange below decides */
    uint32_t seen = atomic_load_explicit(count, memory_order_relaxed);
    while (seen < i + 1 &&
           /* pairs: table-grow */
           !atomic_compare_exchange_weak_explicit(count, &seen, i + 1, memory_order_release,
                                                  memory_order_relaxed))
      ;
    if (try_chunk(client, i)) {
      *chunk = i;
      return 0;
    }
  }
  return COPSE_NONE;
}

static int take(struct client *client, uint32_t lowest, uint32_t *chunk) {
  uint32_t count;
  int hidden, code = chunk_count(client->readers, &count, &hidden);
  if (code)
    return code;
  for (uint32_t i = lowest; i < count; i++)
    if (try_chunk(client, i)) {
      *chunk = i;
      return 0;
    }
  return take_new(client, count > lowest ? count : lowest, chunk);
}

int lease_chunk_take(struct client *client, uint32_t above, uint32_t *chunk) {
  uint32_t lowest = above == LEASE_CHUNK_NONE ? 0 : above + 1;
  int code = take(client, lowest, chunk);
  if (code == COPSE_NONE && client_reap_all(client->readers, client->index))
    code = take(client, lowest, chunk);
  if (code == COPSE_NONE)
    return error_set(COPSE_E_TOO_MANY, "no room for more leases in %s; release some",
                     client->readers->path);
  return code;
}

void lease_chunk_give(const struct region *readers, uint32_t chunk) {
  /* pairs: lease-owner */
  atomic_store_explicit(&head_of(readers, chunk)->owner, 0, memory_order_release);
  changed(readers, chunk);
}

int lease_chunks_free(struct region *readers, uint32_t index) {
  uint32_t count;
  int hidden, code = chunk_count(readers, &count, &hidden);
  for (uint32_t i = 0; code == 0 && i < count; i++)
    /* pairs: lease-owner */
    if ((uint32_t)atomic_load_explicit(&head_of(readers, i)->owner, memory_order_acquire) ==
        index + 1)
      lease_chunk_give(readers, i);
  return code;
}

/* --- words --------------------------------------------------------------------------- */

void lease_put(const struct region *readers, uint32_t chunk, uint32_t place, uint64_t word) {
  /* Released, for the reads of the page when it is a lease that ends.
   * pairs: lease-enter */
  atomic_store_explicit(&words_of(readers, chunk)[place], word, memory_order_release);
  POINT(lease_put);
  changed(readers, chunk);
}

void lease_chunk_copy(const struct region *readers, uint32_t from, uint32_t to) {
  for (uint32_t i = 0; i < LEASE_WORDS; i++)
    /* relaxed: our own words; the count of changes releases the copies */
    atomic_store_explicit(&words_of(readers, to)[i],
                          /* relaxed: likewise */
                          atomic_load_explicit(&words_of(readers, from)[i], memory_order_relaxed),
                          memory_order_relaxed);
  changed(readers, to);
}

/* --- the reclaimer's view ------------------------------------------------------------ */

static int look(const struct region *readers, uint32_t chunk, struct lease_chunk_seen *seen,
                int (*visit)(void *context, uint64_t before, uint64_t after), void *context) {
  struct lease_head *head = head_of(readers, chunk);
  /* B4. pairs: lease-enter */
  uint64_t changes = atomic_load_explicit(&head->changes, memory_order_acquire);
  if (changes == seen->changes)
    return 0;
  /* pairs: lease-owner */
  uint64_t owner = atomic_load_explicit(&head->owner, memory_order_acquire);
  for (uint32_t i = 0; i < LEASE_WORDS; i++) {
    /* pairs: lease-enter */
    uint64_t word = atomic_load_explicit(&words_of(readers, chunk)[i], memory_order_acquire);
    word = owner ? word : 0;
    if (word == seen->words[i])
      continue;
    int code = visit(context, seen->words[i], word);
    if (code)
      return code;
    seen->words[i] = word;
  }
  seen->changes = changes;
  return 0;
}

int leases_look(struct region *readers, struct lease_seen *seen,
                int (*visit)(void *context, uint64_t before, uint64_t after), void *context) {
  uint32_t count = 0, next = 0;
  int hidden = 0, code;
  /* A second count sees the chunk to which words were carried over that were not seen any more. */
  while (!(code = chunk_count(readers, &count, &hidden)) && next < count) {
    if (base_grow(&seen->chunks, &seen->capacity, count, sizeof *seen->chunks))
      return error_set(COPSE_E_MEMORY, "no memory for what is leased in %u chunks", count);
    for (; seen->count < count; seen->count++)
      seen->chunks[seen->count] = (struct lease_chunk_seen){0};
    for (; next < count && !code; next++)
      code = look(readers, next, &seen->chunks[next], visit, context);
    if (code)
      return code;
  }
  return code ? code : hidden ? COPSE_NONE : 0;
}

void leases_forget(struct lease_seen *seen) { seen->count = 0; }

void leases_free(struct lease_seen *seen) {
  free(seen->chunks);
  *seen = (struct lease_seen){0};
}
