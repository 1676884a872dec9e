/* sync/root.c - the ring of root records and the published version.
 *
 * A record is written under a mark and read under a check of it. Writer W against a reader R
 * that was held up until the ring came round to the same record:
 *   W1 mark = odd   W2 words = new (each released)   W3 mark = even (released)
 *   R1 mark is ours? (acquire)   R2 words (each acquired)   R3 mark unchanged?
 * If R2 gets a new word, it synchronizes with W2, so that R3 sees W1 at least and refuses.
 * Release and acquire on the words themselves make a free-standing fence needless. */
#include "base/error.h"
#include "base/points.h"
#include "copse/error.h"
#include "sync/slots.h"

#define ROOT_WORDS 7
#define LOGGED_ATTEMPTS 1000 /* each failed one means that three syncs fell into some nanoseconds */

static const struct root_record *record_ro(const uint8_t *writers, uint64_t version) {
  return (const struct root_record *)(writers + WRITERS_ROOTS) + version % ROOT_RING;
}

uint64_t root_published(const uint8_t *writers) {
  /* pairs: root-publish */
  return atomic_load_explicit(&sync_commit_ro(writers)->published, memory_order_acquire);
}

int root_read(const uint8_t *writers, uint64_t version, struct root *root,
              struct recent_map *recent) {
  const struct root_record *record = record_ro(writers, version);
  uint64_t words[ROOT_WORDS];
  /* pairs: root-record */
  if (atomic_load_explicit(&record->mark, memory_order_acquire) != 2 * version)
    return COPSE_NONE;
  for (int i = 0; i < ROOT_WORDS; i++)
    /* pairs: root-record */
    words[i] = atomic_load_explicit(&record->words[i], memory_order_acquire);
  /* relaxed: the acquiring loads before it keep it behind them */
  if (atomic_load_explicit(&record->mark, memory_order_relaxed) != 2 * version)
    return COPSE_NONE;
  *root = (struct root){
      .version = version,
      .table = words[0],
      .next_map = (uint32_t)words[1],
      .limit = (words[1] >> 32) * FORMAT_SEGMENT,
      .time_ns = words[2],
      .timeline = words[3],
  };
  if (recent)
    *recent = (struct recent_map){words[4], words[5], words[6]};
  return 0;
}

void root_write(uint8_t *writers, const struct root *root, const struct recent_map *recent) {
  struct root_record *record =
      (struct root_record *)(writers + WRITERS_ROOTS) + root->version % ROOT_RING;
  const uint64_t words[ROOT_WORDS] = {
      root->table,   root->next_map | root->limit / FORMAT_SEGMENT << 32,
      root->time_ns, root->timeline,
      recent->tag,   recent->tree,
      recent->count};
  /* relaxed: the releasing stores after it keep it before them */
  atomic_store_explicit(&record->mark, 2 * root->version - 1, memory_order_relaxed);
  POINT(commit_record_odd);
  for (int i = 0; i < ROOT_WORDS; i++)
    /* pairs: root-record */
    atomic_store_explicit(&record->words[i], words[i], memory_order_release);
  /* pairs: root-record */
  atomic_store_explicit(&record->mark, 2 * root->version, memory_order_release);
  POINT(commit_record_even);
}

/* --- what the log has made durable ------------------------------------------------------- */

int root_logged(const uint8_t *writers, struct root *root, uint64_t *place) {
  const struct commit_words *commit = sync_commit_ro(writers);
  for (int i = 0; i < LOGGED_ATTEMPTS; i++) {
    /* Sequentially consistent as A2 and B3 of slots.h. pairs: logged-root, announce */
    uint64_t count = atomic_load_explicit(&commit->logged_count, memory_order_seq_cst);
    const struct logged_root *record = &commit->logged[count % LOGGED_RING];
    uint64_t words[7];
    if (count == 0)
      return COPSE_NONE;
    for (int j = 0; j < 7; j++)
      /* pairs: logged-root */
      words[j] = atomic_load_explicit(&record->words[j], memory_order_acquire);
    /* relaxed: the acquiring loads before it keep it behind them */
    if (atomic_load_explicit(&record->mark, memory_order_relaxed) != 2 * count)
      continue; /* three syncs of a disk went by meanwhile */
    *root = (struct root){
        .version = words[0],
        .table = words[1],
        .next_map = words[2],
        .limit = words[3],
        .time_ns = words[4],
        .timeline = words[5],
    };
    if (place)
      *place = words[6];
    return 0;
  }
  return error_set(COPSE_E_CORRUPT, "the logged root makes no sense");
}

void root_log(uint8_t *writers, const struct root *root, uint64_t place) {
  struct commit_words *commit = sync_commit(writers);
  /* relaxed: written under LOG_BYTE only */
  uint64_t count = atomic_load_explicit(&commit->logged_count, memory_order_relaxed) + 1;
  struct logged_root *record = &commit->logged[count % LOGGED_RING];
  const uint64_t words[7] = {root->version, root->table,    root->next_map, root->limit,
                             root->time_ns, root->timeline, place};
  /* relaxed: the releasing stores after it keep it before them */
  atomic_store_explicit(&record->mark, 2 * count - 1, memory_order_relaxed);
  for (int i = 0; i < 7; i++)
    /* pairs: logged-root */
    atomic_store_explicit(&record->words[i], words[i], memory_order_release);
  /* pairs: logged-root */
  atomic_store_explicit(&record->mark, 2 * count, memory_order_release);
  POINT(log_root_written);
  /* Sequentially consistent for sleepers too: wait.h, C1. pairs: logged-root, announce, commit-wait */
  atomic_store_explicit(&commit->logged_count, count, memory_order_seq_cst);
}

uint64_t root_visible(const uint8_t *writers) {
  struct root root;
  if (root_logged(writers, &root, NULL) == 0)
    return root.version;
  /* Sequentially consistent as W3 of wait.h. pairs: root-publish, commit-wait */
  return atomic_load_explicit(&sync_commit_ro(writers)->published, memory_order_seq_cst);
}

void root_publish(uint8_t *writers, uint64_t version) {
  /* Sequentially consistent for the sake of sleepers: see wait.h, C1 before C2.
   * pairs: root-publish, commit-wait */
  atomic_store_explicit(&sync_commit(writers)->published, version, memory_order_seq_cst);
}
