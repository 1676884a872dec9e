/* sync/slots.c - taking slots, announcing versions, and what a reclaimer sees of them.
 *
 * An announced word is one line per slot that its owner alone writes, but for an ousting
 * writer. Releasing an announcement (release) against the reclaimer's reading it (acquire, as
 * part of the sequentially consistent load) makes the owner's reads of pages happen before the
 * pages' reuse. */
#include "sync/slots.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/grow.h"
#include "base/points.h"

#define SLOT_PAGE 4096u
#define SLOTS_PER_PAGE (SLOT_PAGE / (uint32_t)sizeof(struct reader_slot))

/* Each failed attempt means that 256 commits, or an ousting, fell into some nanoseconds. */
#define ANNOUNCE_ATTEMPTS 10000

/* --- taking -------------------------------------------------------------------------- */

static int try_slot(struct client *client, uint32_t index) {
  struct reader_slot *slot = readers_slot(client->readers, index);
  uint64_t none = 0;
  /* relaxed: a hint that spares the line; the exchange decides */
  if (atomic_load_explicit(&slot->owner, memory_order_relaxed) != 0)
    return 0;
  /* pairs: slot-owner */
  if (!atomic_compare_exchange_strong_explicit(&slot->owner, &none, client_owner_word(client),
                                               memory_order_acquire, memory_order_relaxed))
    return 0;
  POINT(slot_taken);
  /* A free slot's word is idle unless scribbled on. Released, for what the former owner read: a
   * reclaimer may see this word in the place of his.
   * pairs: announce */
  atomic_store_explicit(&slot->word, SLOT_IDLE, memory_order_release);
  /* relaxed: the announcement publishes it */
  atomic_store_explicit(&slot->oustable, 0, memory_order_relaxed);
  return 1;
}

/* Slots that the mapping can hold. */
static uint32_t slot_limit(const struct region *readers) {
  uint64_t room = readers->reserved > READERS_SLOTS ? readers->reserved - READERS_SLOTS : 0;
  uint64_t n = room / sizeof(struct reader_slot);
  return n < SLOT_MAX ? (uint32_t)n : SLOT_MAX;
}

/* Takes the first slot beyond the table's end that can be had. */
static int take_new(struct client *client, uint32_t from, uint32_t *slot) {
  struct region *readers = client->readers;
  _Atomic uint32_t *count = &readers_head(readers)->slot_count;
  for (uint32_t i = from; i < slot_limit(readers); i++) {
    uint64_t offset = READERS_SLOTS + (uint64_t)(i / SLOTS_PER_PAGE) * SLOT_PAGE;
    int code = region_allocate(readers, offset, SLOT_PAGE);
    if (code)
      return code;
    /* pairs: table-grow */
    uint32_t seen = atomic_load_explicit(count, memory_order_acquire);
    while (seen < i + 1 &&
           /* pairs: table-grow, announce */
           !atomic_compare_exchange_weak_explicit(count, &seen, i + 1, memory_order_seq_cst,
                                                  memory_order_acquire))
      ;
    if (try_slot(client, i)) {
      *slot = i;
      return 0;
    }
  }
  return COPSE_NONE;
}

/* Takes a slot in [lowest, ...), looking from start on. COPSE_NONE: there is none. */
static int take(struct client *client, uint32_t lowest, uint32_t start, uint32_t *slot) {
  uint32_t count;
  int code = readers_slot_count(client->readers, &count);
  if (code)
    return code;
  if (start < lowest || start >= count)
    start = lowest;
  for (uint32_t i = start; i < count; i++)
    if (try_slot(client, i)) {
      *slot = i;
      return 0;
    }
  for (uint32_t i = lowest; i < start && i < count; i++)
    if (try_slot(client, i)) {
      *slot = i;
      return 0;
    }
  return take_new(client, count > lowest ? count : lowest, slot);
}

static int take_or_reap(struct client *client, uint32_t lowest, uint32_t start, uint32_t *slot) {
  int code = take(client, lowest, start, slot);
  if (code == COPSE_NONE && client_reap_all(client->readers, client->index))
    code = take(client, lowest, start, slot);
  if (code == COPSE_NONE)
    return error_set(COPSE_E_TOO_MANY, "all reader slots of %s are in use; close snapshots",
                     client->readers->path);
  return code;
}

int slot_take(struct client *client, uint32_t hint, uint32_t *slot) {
  /* Clients that begin with no hint begin apart. */
  return take_or_reap(client, 0, hint ? hint : client->index, slot);
}

int slot_take_above(struct client *client, uint32_t below, uint32_t *slot) {
  if (below >= SLOT_MAX)
    return error_set(COPSE_E_ARGUMENT, "there is no reader slot %u", below);
  return take_or_reap(client, below + 1, below + 1, slot);
}

void slot_give(struct client *client, uint32_t slot) {
  struct reader_slot *given = readers_slot(client->readers, slot);
  slot_withdraw(given);
  /* pairs: slot-owner */
  atomic_store_explicit(&given->owner, 0, memory_order_release);
}

/* --- announcing ---------------------------------------------------------------------- */

static uint64_t oustable_bit(const struct reader_slot *slot) {
  /* relaxed: our own */
  return atomic_load_explicit(&slot->oustable, memory_order_relaxed) ? SLOT_OUSTABLE : 0;
}

static void note_time(struct reader_slot *slot) {
  /* relaxed: for people */
  atomic_store_explicit(&slot->since_ns, clock_coarse_ns(), memory_order_relaxed);
}

/* A2: the root to announce. COPSE_NONE: its record has gone round. */
static int newest_read(const uint8_t *writers, int logged, struct root *root,
                       struct recent_map *recent) {
  if (logged) {
    *recent = (struct recent_map){0};
    return root_logged(writers, root, NULL);
  }
  /* pairs: announce, root-publish */
  uint64_t newest = atomic_load_explicit(&sync_commit_ro(writers)->published, memory_order_seq_cst);
  return root_read(writers, newest, root, recent);
}

/* A1 to A3 once. COPSE_NONE: to be done again. */
static int announce(struct reader_slot *slot, const uint8_t *writers, uint64_t oustable, int logged,
                    struct root *root, struct recent_map *recent) {
  const struct commit_words *commit = sync_commit_ro(writers);
  /* relaxed: any version seen before will do, and the load below cannot be older */
  uint64_t seen = atomic_load_explicit(&commit->published, memory_order_relaxed);
  if (logged)
    seen = root_visible(writers);
  uint64_t pending = SLOT_WORD(seen, SLOT_PENDING) | oustable;
  /* pairs: announce */
  atomic_exchange_explicit(&slot->word, pending, memory_order_seq_cst);
  POINT(slot_pending);
  if (newest_read(writers, logged, root, recent))
    return COPSE_NONE;
  uint64_t exact = SLOT_WORD(root->version, SLOT_EXACT) | oustable;
  if (!oustable)
    /* pairs: announce */
    atomic_store_explicit(&slot->word, exact, memory_order_release);
  /* pairs: announce */
  else if (!atomic_compare_exchange_strong_explicit(&slot->word, &pending, exact,
                                                    memory_order_release, memory_order_relaxed))
    return COPSE_NONE;
  POINT(slot_exact);
  return 0;
}

static int announce_newest(struct reader_slot *slot, const uint8_t *writers, int logged,
                           struct root *root, struct recent_map *recent) {
  uint64_t oustable = oustable_bit(slot);
  note_time(slot);
  struct root found;
  struct recent_map map;
  for (int i = 0; i < ANNOUNCE_ATTEMPTS; i++)
    if (announce(slot, writers, oustable, logged, &found, &map) == 0) {
      *root = found;
      if (recent)
        *recent = map;
      return 0;
    }
  slot_withdraw(slot);
  return error_set(COPSE_E_CORRUPT, "the root record of version %llu makes no sense",
                   (unsigned long long)root_published(writers));
}

int slot_announce(struct reader_slot *slot, const uint8_t *writers, struct root *root,
                  struct recent_map *recent) {
  return announce_newest(slot, writers, 0, root, recent);
}

int slot_announce_logged(struct reader_slot *slot, const uint8_t *writers, struct root *root,
                         struct recent_map *recent) {
  return announce_newest(slot, writers, 1, root, recent);
}

void slot_announce_exact(struct reader_slot *slot, uint64_t version) {
  note_time(slot);
  /* Sequentially consistent for slot_carry_over().
   * pairs: announce */
  atomic_store_explicit(&slot->word, SLOT_WORD(version, SLOT_EXACT) | oustable_bit(slot),
                        memory_order_seq_cst);
}

int slot_carry_over(struct reader_slot *from, struct reader_slot *to, uint64_t version) {
  uint64_t oustable = oustable_bit(from);
  /* relaxed: the announcement publishes it */
  atomic_store_explicit(&to->oustable, oustable != 0, memory_order_relaxed);
  slot_announce_exact(to, version);
  /* A read-modify-write that changes nothing. What is stored to `from` after it, by another thread's
   * refresh or an ousting writer, is seen only by a B2 that comes after it in the total order, and then
   * sees `to`, which comes before. A mere load could return the version after it was gone.
   * pairs: announce */
  uint64_t word = atomic_fetch_add_explicit(&from->word, 0, memory_order_seq_cst);
  if (oustable && SLOT_KIND(word) == SLOT_OUSTED)
    /* pairs: announce */
    atomic_store_explicit(&to->word, SLOT_WORD(version, SLOT_OUSTED) | oustable,
                          memory_order_release);
  return SLOT_VERSION(word) == version;
}

void slot_withdraw(struct reader_slot *slot) {
  /* pairs: announce */
  atomic_store_explicit(&slot->word, SLOT_IDLE, memory_order_release);
}

/* --- ousting ------------------------------------------------------------------------- */

int slot_ousted(struct reader_slot *slot) {
  /* A read-modify-write that changes nothing, since a mere load does not keep what the caller
   * read before it. If it comes before the ousting exchange, that exchange reads from it, so
   * that the caller's reads happen before the pages' reuse.
   * pairs: announce */
  uint64_t word = atomic_fetch_add_explicit(&slot->word, 0, memory_order_acq_rel);
  return SLOT_KIND(word) == SLOT_OUSTED;
}

int slot_oust(struct reader_slot *slot, uint64_t seen) {
  if (!(seen & SLOT_OUSTABLE) || SLOT_KIND(seen) == SLOT_IDLE)
    return 0;
  if (SLOT_KIND(seen) == SLOT_OUSTED)
    return 1;
  uint64_t ousted = (seen & ~UINT64_C(3)) | SLOT_OUSTED;
  /* pairs: announce */
  return atomic_compare_exchange_strong_explicit(&slot->word, &seen, ousted, memory_order_acq_rel,
                                                 memory_order_relaxed);
}

/* --- the reclaimer's view ------------------------------------------------------------ */

static int by_version(const void *a, const void *b) {
  const struct announced *x = a, *y = b;
  return (x->version > y->version) - (x->version < y->version);
}

static int make_room(struct announced **list, size_t *capacity, size_t count) {
  if (base_grow(list, capacity, count + 1, sizeof **list))
    return error_set(COPSE_E_MEMORY, "no memory for a list of %zu announced versions", count);
  return 0;
}

/* Sorts; a few entries, mostly in order, are the rule. */
static void sort(struct announced *list, size_t count) {
  if (count > 64) {
    qsort(list, count, sizeof *list, by_version);
    return;
  }
  for (size_t i = 1; i < count; i++) {
    struct announced moving = list[i];
    size_t to = i;
    for (; to > 0 && list[to - 1].version > moving.version; to--)
      list[to] = list[to - 1];
    list[to] = moving;
  }
}

static int list_durable(const struct commit_words *commit, struct announced **list,
                        size_t *capacity, size_t *n) {
  for (int i = 0; i < 2; i++) {
    /* What was withdrawn from a slot for their sake was seen to be. And who sees a version in the first
     * word sees the one before it in the second.
     * pairs: announce */
    uint64_t version = atomic_load_explicit(&commit->durable[i], memory_order_acquire);
    if (!version)
      continue;
    int code = make_room(list, capacity, *n);
    if (code)
      return code;
    (*list)[(*n)++] = (struct announced){.version = version, .slot = UINT32_MAX};
  }
  return 0;
}

/* What is kept for observers: by the holder of the writer lock for itself. */
static int list_observed(const struct commit_words *commit, struct announced **list,
                         size_t *capacity, size_t *n) {
  for (unsigned i = 0; i <= OBSERVED_MAX; i++) {
    int joining = i == OBSERVED_MAX;
    /* relaxed: under the lock */
    uint64_t version = atomic_load_explicit(joining ? &commit->joining : &commit->observed[i],
                                            memory_order_relaxed); /* relaxed: likewise */
    if (!version)
      continue;
    int code = make_room(list, capacity, *n);
    if (code)
      return code;
    (*list)[(*n)++] =
        (struct announced){.version = version, .slot = UINT32_MAX, .pending = (uint32_t)joining};
  }
  return 0;
}

/* The version that the log has made durable; before: what it was before the slots were looked at. If
 * another took its place meanwhile, a reader may hold one that came and went in between: then
 * everything from the first on is protected. */
static int list_logged(const uint8_t *writers, uint64_t before, struct announced **list,
                       size_t *capacity, size_t *n) {
  struct root root;
  int code = root_logged(writers, &root, NULL);
  if (code)
    return code == COPSE_NONE ? 0 : code;
  code = make_room(list, capacity, *n);
  if (code)
    return code;
  (*list)[(*n)++] =
      (struct announced){.version = before, .slot = UINT32_MAX, .pending = root.version != before};
  return 0;
}

/* What the slots from index `from` up to `to` announce. */
static int list_slots(const struct region *readers, uint32_t from, uint32_t to,
                      struct announced **list, size_t *capacity, size_t *n) {
  for (uint32_t i = from; i < to; i++) {
    struct reader_slot *slot = readers_slot(readers, i);
    /* B2. pairs: announce */
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_seq_cst);
    if (SLOT_KIND(word) == SLOT_IDLE || SLOT_KIND(word) == SLOT_OUSTED)
      continue;
    /* Whoever announces owns the slot: an announcement without owner is over, or scribble. If it is
     * over, the reads of who gave the slot back happen before the pages' reuse.
     * pairs: slot-owner */
    if (atomic_load_explicit(&slot->owner, memory_order_acquire) == 0)
      continue;
    int code = make_room(list, capacity, *n);
    if (code)
      return code;
    (*list)[(*n)++] = (struct announced){.version = SLOT_VERSION(word),
                                         .slot = i,
                                         .pending = SLOT_KIND(word) == SLOT_PENDING,
                                         .word = word};
  }
  return 0;
}

int slots_announced(struct region *readers, uint8_t *writers, struct announced **list,
                    size_t *capacity, size_t *count) {
  struct commit_words *commit = sync_commit(writers);
  struct root logged = {0};
  size_t n = 0;
  uint32_t seen = 0, slots;
  (void)root_logged(writers, &logged, NULL);
  int code = 0;
  /* B1. pairs: announce, root-publish */
  atomic_fetch_add_explicit(&commit->published, 0, memory_order_seq_cst);
  /* A slot that we count too late announces, in the total order, after our count and so after
   * B1. But a version may have been carried over to it from a slot that we then found idle:
   * having seen that, a second count sees the new slot. */
  while (!code && !(code = readers_slot_count(readers, &slots)) && seen < slots) {
    code = list_slots(readers, seen, slots, list, capacity, &n);
    seen = slots;
  }
  /* Last: a sync carries its version over from a slot to these words. */
  if (!code)
    code = list_logged(writers, logged.version, list, capacity, &n);
  if (!code)
    code = list_durable(commit, list, capacity, &n);
  if (!code)
    code = list_observed(commit, list, capacity, &n);
  if (code)
    return code;
  sort(*list, n);
  *count = n;
  return 0;
}
