/* page/books.c - the undo log, and lists made of chunks.
 *
 * Owns: the undo log counts only while undo_version was not published; entries are complete
 * before undo_count names them; a word changes after its entry counts. Undoing writes absolute values from the
 * newest entry to the oldest, so that a death in the middle of it does no harm: the next
 * writer undoes again. */
#include "page/books.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

int books_undo_extend(struct pager *pager, uint64_t entries) {
  struct books *books = pager->books;
  uint64_t need = books->undo_count + entries, limit = pager->reach[AREA_UNDO];
  if (need > UNDO_ENTRIES_MAX || limit == 0)
    return error_set(COPSE_E_LIMIT, "the transaction changes too much at once; commit in parts");
  while (limit < need)
    limit *= 2;
  if (limit > UNDO_ENTRIES_MAX)
    return error_set(COPSE_E_LIMIT, "the transaction changes too much at once; commit in parts");
  int result = area_grow(pager, AREA_UNDO, limit);
  if (result == COPSE_E_NO_SPACE) { /* no more than is needed, in whole blocks */
    limit = (need + 255) / 256 * 256;
    result = area_grow(pager, AREA_UNDO, limit);
  }
  if (result == 0)
    books->undo_limit = limit;
  return result;
}

/* Entries are untrusted: what they name must be a word of the books that may be undone. */
void books_undo_to(struct pager *pager, uint64_t keep) {
  struct books *books = pager->books;
  uint64_t words = BOOKS_AT + offsetof(struct books, words);
  uint64_t pieces = BOOKS_AT + offsetof(struct books, pieces);
  uint64_t count = books->undo_count, end = pager->stored;
  if (count > pager->reach[AREA_UNDO])
    count = pager->reach[AREA_UNDO];
  while (count > keep) {
    const struct undo_entry *entry = books_undo(pager, --count);
    uint64_t at = *(const volatile uint64_t *)&entry->offset;
    if (at >= words && (at < pieces || at >= BOOKS_HOT) && at % 8 == 0 && at < end)
      /* Released, since words of rings are read without the lock. pairs: ring-consume */
      __atomic_store_n((uint64_t *)(pager->writers + at), entry->old, __ATOMIC_RELEASE);
    POINT(rollback_step);
  }
  books_order();
  books->undo_count = keep;
}

static void loose_forget(struct pager *pager) {
  for (uint64_t left = pager->loose_classes; left; left &= left - 1)
    pager->loose[__builtin_ctzll(left)].count = 0;
  pager->loose_classes = 0;
}

/* What the books are now, undoing everything leads to. */
static void undone_note(struct pager *pager) {
  pager->tail = books_word(pager, BOOK_PENDING + QUEUE_TAIL_CHUNK);
  pager->tail_pos = books_word(pager, BOOK_PENDING + QUEUE_TAIL_POS);
  pager->hot_lowered = 0;
}

void pager_begin(struct pager *pager, uint64_t version, uint64_t published) {
  struct books *books = pager->books;
  if (books->undo_count && books->undo_version > published) {
    POINT(rollback_begin);
    books_undo_to(pager, 0);
  }
  books->undo_count = 0;
  books_order();
  books->undo_version = version;
  pager->version = version;
  pager->epoch = 0;
  pager->taken_units = 0;
  pager->failure = 0;
  pager->logged = 0;
  pager->deferred = 0;
  pager->freed.count = 0;
  loose_forget(pager);
  undone_note(pager);
  uint64_t limit = books->segment_limit, reach = pager->reach[AREA_SEGMENTS];
  pager->view.limit = (limit < reach ? limit : reach) * FORMAT_SEGMENT;
}

void pager_rollback(struct pager *pager) {
  POINT(rollback_begin);
  books_undo_to(pager, 0);
  pager->logged = 0;
  pager->deferred = 0;
  pager->leases_looked = 0;
  pager->freed.count = 0;
  loose_forget(pager);
  undone_note(pager);
}

void pager_settle(struct pager *pager) {
  books_order();
  pager->books->undo_count = 0;
  books_order();
  pager->logged = 0;
  pager->deferred = 0;
  undone_note(pager);
}

static void list_add(struct pager *pager, struct ref_list *list, uint64_t ref, uint64_t birth) {
  if (base_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items)) {
    pager->failure = error_set(COPSE_E_MEMORY, "no memory for the list of freed pages");
    return;
  }
  list->items[list->count++] = (struct freed_page){ref, birth};
}

void pager_savepoint(struct pager *pager, struct pager_mark *mark) {
  /* Pages that are loose now must not be overwritten after the savepoint: what the undo log
   * restores may not name them, but a rollback has to find them as they are listed. */
  for (uint64_t left = pager->loose_classes; left; left &= left - 1) {
    const struct ref_list *loose = &pager->loose[__builtin_ctzll(left)];
    for (size_t i = 0; i < loose->count; i++)
      list_add(pager, &pager->freed, loose->items[i].ref, pager->version);
  }
  loose_forget(pager);
  mark->undo_count = pager->books->undo_count;
  mark->freed_count = pager->freed.count;
  mark->deferred = pager->deferred;
  pager->epoch++;
  pager->logged = 0;
}

void pager_rollback_to(struct pager *pager, const struct pager_mark *mark) {
  POINT(rollback_begin);
  books_undo_to(pager, mark->undo_count);
  pager->freed.count = mark->freed_count;
  pager->deferred = mark->deferred;
  pager->leases_looked = 0;
  loose_forget(pager);
  pager->epoch++;
  pager->logged = 0;
}

void pager_drop(struct pager *pager, uint64_t ref) {
  uint64_t size;
  const struct page_head *head = page_locate(&pager->view, ref, &size);
  if (!head) {
    pager->failure =
        error_set(COPSE_E_CORRUPT, "reference %llx points nowhere", (unsigned long long)ref);
    return;
  }
  if (!pager_is_dirty(pager, head) || page_ref_class(ref) == PAGE_RUN) {
    list_add(pager, &pager->freed, ref, head->birth);
    return;
  }
  list_add(pager, &pager->loose[page_ref_class(ref)], ref, head->birth);
  pager->loose_classes |= UINT64_C(1) << page_ref_class(ref);
}

void pager_drop_subtree(struct pager *pager, uint64_t ref) {
  list_add(pager, &pager->freed, ref | LISTED_SUBTREE, 0);
}

/* What the books say has storage must lie within the file. */
static int storage_check(struct region *region, uint64_t end) {
  uint64_t reach;
  int result = region_reach(region, end, &reach);
  if (result == 0 && reach < end)
    return error_set(COPSE_E_CORRUPT, "the books speak of %llu bytes of %s, which has %llu",
                     (unsigned long long)end, region->path, (unsigned long long)reach);
  return result;
}

int pager_check(struct pager *pager) {
  const struct books *books = pager->books;
  if (books->segment_limit > pager->data_region->reserved / FORMAT_SEGMENT)
    return error_set(COPSE_E_ADDRESS_SPACE,
                     "the store has grown beyond the address space that this process reserved");
  int result = areas_check(pager);
  if (result)
    return result;
  uint64_t limit = pager->reach[AREA_SEGMENTS];
  if (limit > pager->segments || pager->reach[AREA_UNDO] == 0 ||
      books_word(pager, BOOK_SEGMENT_USED) > limit)
    return error_set(COPSE_E_CORRUPT, "the books in the writers' file make no sense");
  return storage_check(pager->data_region, limit * FORMAT_SEGMENT);
}

int chunk_check(const struct pager *pager, uint64_t index) {
  if (index == 0 || index > pager->books->chunk_limit)
    return error_set(COPSE_E_CORRUPT, "the writers' file names chunk %llu of %llu",
                     (unsigned long long)index, (unsigned long long)pager->books->chunk_limit);
  return 0;
}

int chunk_take(struct pager *pager, uint64_t *index) {
  uint64_t head = books_word(pager, BOOK_CHUNK_FREE);
  if (head) {
    if (chunk_check(pager, head))
      return COPSE_E_CORRUPT;
    books_set_word(pager, BOOK_CHUNK_FREE, books_chunk(pager, head - 1)->next);
    *index = head;
    return 0;
  }
  uint64_t used = books_word(pager, BOOK_CHUNK_USED);
  if (used >= pager->books->chunk_limit) {
    uint64_t step = used < 16 ? 16 : used < 4096 ? used : 4096;
    int result = area_grow(pager, AREA_CHUNKS, used + step);
    if (result == COPSE_E_NO_SPACE) {
      step = 1;
      result = area_grow(pager, AREA_CHUNKS, used + 1);
    }
    if (result)
      return result;
    pager->books->chunk_limit = used + step;
  }
  books_set_word(pager, BOOK_CHUNK_USED, used + 1);
  *index = used + 1;
  return 0;
}

void chunk_give(struct pager *pager, uint64_t index) {
  books_set(pager, &books_chunk(pager, index - 1)->next, books_word(pager, BOOK_CHUNK_FREE));
  books_set_word(pager, BOOK_CHUNK_FREE, index);
}

static void entry_set(struct pager *pager, struct listed *entry, const struct listed *listed) {
  books_set(pager, &entry->ref, listed->ref);
  books_set(pager, &entry->birth, listed->birth);
  books_set(pager, &entry->freed, listed->freed);
  books_set(pager, &entry->units, listed->units);
}

int stack_push(struct pager *pager, uint64_t *top, uint64_t *pos, const struct listed *listed) {
  int result = books_undo_room(pager, 16);
  if (result)
    return result;
  if (*top == 0 || *pos >= CHUNK_ENTRIES) {
    uint64_t index;
    result = chunk_take(pager, &index);
    if (result)
      return result;
    books_set(pager, &books_chunk(pager, index - 1)->next, *top);
    books_set(pager, top, index);
    books_set(pager, pos, 0);
  }
  if (chunk_check(pager, *top))
    return COPSE_E_CORRUPT;
  struct listed *entry = &books_chunk(pager, *top - 1)->entries[*pos];
  /* The place may hold an entry that was popped since the last commit: undoing needs it. */
  entry_set(pager, entry, listed);
  books_set(pager, pos, *pos + 1);
  return 0;
}

int stack_pop(struct pager *pager, uint64_t *top, uint64_t *pos, struct listed *listed) {
  int result = books_undo_room(pager, 8);
  if (result)
    return result;
  if (*top == 0)
    return COPSE_NONE;
  if (chunk_check(pager, *top) || *pos > CHUNK_ENTRIES || *pos == 0)
    return error_set(COPSE_E_CORRUPT, "a list in the writers' file is damaged");
  struct chunk *chunk = books_chunk(pager, *top - 1);
  *listed = chunk->entries[*pos - 1];
  if (*pos > 1) {
    books_set(pager, pos, *pos - 1);
    return 0;
  }
  uint64_t emptied = *top, next = chunk->next;
  books_set(pager, top, next);
  books_set(pager, pos, next ? CHUNK_ENTRIES : 0);
  chunk_give(pager, emptied);
  return 0;
}

uint64_t page_units(const struct pager *pager, uint64_t ref) {
  uint64_t size;
  return page_locate(&pager->view, ref & ~LISTED_SUBTREE, &size) ? size / FORMAT_UNIT : 0;
}

/* Finds the place for an entry more; *fresh: nothing was there when the transaction began. */
static inline int queue_extend(struct pager *pager, unsigned queue, struct listed **entry,
                               int *fresh) {
  uint64_t tail = books_word(pager, queue + QUEUE_TAIL_CHUNK);
  uint64_t pos = books_word(pager, queue + QUEUE_TAIL_POS);
  if (tail == 0 || pos >= CHUNK_ENTRIES) {
    uint64_t index;
    int result = chunk_take(pager, &index);
    if (result)
      return result;
    books_set(pager, &books_chunk(pager, index - 1)->next, 0);
    if (tail) {
      books_set(pager, &books_chunk(pager, tail - 1)->next, index);
    } else {
      books_set_word(pager, queue + QUEUE_HEAD_CHUNK, index);
      books_set_word(pager, queue + QUEUE_HEAD_POS, 0);
    }
    books_set_word(pager, queue + QUEUE_TAIL_CHUNK, index);
    books_set_word(pager, queue + QUEUE_TAIL_POS, 0);
    tail = index;
    pos = 0;
  }
  if (chunk_check(pager, tail))
    return COPSE_E_CORRUPT;
  *entry = &books_chunk(pager, tail - 1)->entries[pos];
  *fresh = queue == BOOK_PENDING && tail == pager->tail && pos >= pager->tail_pos;
  return 0;
}

/* Fills the place. The chunk may have been emptied by this very transaction: undoing needs its old
 * entries, unless it is fresh. */
static inline void queue_fill(struct pager *pager, unsigned queue, struct listed *entry, int fresh,
                              struct listed listed) {
  if (fresh) {
    entry->ref = listed.ref;
    entry->birth = listed.birth;
    entry->freed = listed.freed;
    entry->units = listed.units;
  } else {
    entry_set(pager, entry, &listed);
  }
  books_add_word(pager, queue + QUEUE_TAIL_POS, 1);
}

int queue_append(struct pager *pager, unsigned queue, const struct listed *listed) {
  struct listed *entry;
  int fresh, result = queue_extend(pager, queue, &entry, &fresh);
  if (result == 0)
    queue_fill(pager, queue, entry, fresh, *listed);
  return result;
}

/* Appends a list of pages to the queue, and subtrees to what is to be taken apart; *count and
 * *units receive how many went to the queue, and their sizes added up. */
static int queue_list(struct pager *pager, const struct ref_list *list, uint64_t *count,
                      uint64_t *units) {
  for (size_t i = 0; i < list->count; i++) {
    uint64_t ref = list->items[i].ref;
    struct listed listed = {ref, list->items[i].birth, pager->version, page_units(pager, ref)};
    int result = books_undo_room(pager, 24);
    if (result == 0 && ref & LISTED_SUBTREE) {
      result = stack_push(pager, &pager->books->words[BOOK_CONDEMNED_CHUNK],
                          &pager->books->words[BOOK_CONDEMNED_POS], &listed);
    } else if (result == 0) {
      struct listed *entry;
      int fresh;
      result = queue_extend(pager, BOOK_PENDING, &entry, &fresh);
      if (result == 0)
        queue_fill(pager, BOOK_PENDING, entry, fresh, listed);
      ++*count;
      *units += listed.units;
    }
    if (result)
      return result;
  }
  return 0;
}

int pager_queue(struct pager *pager) {
  if (pager->failure)
    return pager->failure;
  uint64_t count = 0, units = 0;
  int result = queue_list(pager, &pager->freed, &count, &units);
  for (uint64_t left = pager->loose_classes; left && result == 0; left &= left - 1)
    result = queue_list(pager, &pager->loose[__builtin_ctzll(left)], &count, &units);
  if (result == 0)
    result = books_undo_room(pager, 4);
  if (result)
    return result;
  books_add_word(pager, BOOK_PENDING_COUNT, count);
  books_add_word(pager, BOOK_PENDING_UNITS, units);
  POINT(commit_freed);
  return 0;
}

void pager_free(struct pager *pager) {
  free(pager->freed.items);
  for (unsigned class = 0; class < PAGE_CLASSES; class ++)
    free(pager->loose[class].items);
}
