/* sync/root.c - the ring of root records and the published version.
 *
 * A record is written under a mark and read under a check of it. Writer W against a reader R
 * that was held up until the ring came round to the same record:
 *   W1 mark = odd   W2 words = new (each released)   W3 mark = even (released)
 *   R1 mark is ours? (acquire)   R2 words (each acquired)   R3 mark unchanged?
 * If R2 gets a new word, it synchronizes with W2, so that R3 sees W1 at least and refuses.
 * Release and acquire on the words themselves make a free-standing fence needless. */
#include "base/points.h"
#include "copse/error.h"
#include "sync/slots.h"

#define ROOT_WORDS 7

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
      root->table,    root->next_map | root->limit / FORMAT_SEGMENT << 32,
      root->time_ns,  root->timeline,
      recent->tag,    recent->tree,
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

void root_publish(uint8_t *writers, uint64_t version) {
  /* Sequentially consistent for the sake of sleepers: see wait.h, C1 before C2.
   * pairs: root-publish, commit-wait */
  atomic_store_explicit(&sync_commit(writers)->published, version, memory_order_seq_cst);
}
