/* page/reserved.c - pages that belong to no version yet, and are being filled by a process.
 *
 * They stand on a stack of the books, with their owner, from the transaction that took them to the
 * one that links them. Whoever holds the lock and knows that an owner is dead makes its pages free; no
 * snapshot has ever shown them, so at once. */
#include "page/books.h"

int pager_reserve(struct pager *pager, uint64_t owner, uint64_t number, uint64_t ref) {
  struct listed listed = {ref, owner, number, page_units(pager, ref)};
  return stack_push(pager, &pager->books->words[BOOK_RESERVED_CHUNK],
                    &pager->books->words[BOOK_RESERVED_POS], &listed);
}

int pager_has_reserved(const struct pager *pager) {
  return books_word(pager, BOOK_RESERVED_CHUNK) != 0;
}

/* Takes an entry off; the one on top, which was looked at before, comes in its place. */
static int entry_take(struct pager *pager, struct listed *entry) {
  struct listed top;
  int result = stack_pop(pager, &pager->books->words[BOOK_RESERVED_CHUNK],
                         &pager->books->words[BOOK_RESERVED_POS], &top);
  if (result == 0)
    result = books_undo_room(pager, 4);
  if (result)
    return result;
  books_set(pager, &entry->ref, top.ref);
  books_set(pager, &entry->birth, top.birth);
  books_set(pager, &entry->freed, top.freed);
  books_set(pager, &entry->units, top.units);
  return 0;
}

int pager_reserved_sift(struct pager *pager,
                        enum pager_sift (*ask)(void *context, uint64_t owner, uint64_t number,
                                               uint64_t ref),
                        void *context) {
  uint64_t at = books_word(pager, BOOK_RESERVED_CHUNK), pos = books_word(pager, BOOK_RESERVED_POS);
  uint64_t bound = pager->books->chunk_limit;
  while (at) {
    if (chunk_check(pager, at) || pos > CHUNK_ENTRIES || bound-- == 0)
      return error_set(COPSE_E_CORRUPT, "the list of reserved pages is damaged");
    struct chunk *chunk = books_chunk(pager, at - 1);
    uint64_t next = chunk->next;
    while (pos-- > 0) {
      struct listed listed = chunk->entries[pos];
      enum pager_sift answer = ask(context, listed.birth, listed.freed, listed.ref);
      int result = answer == PAGER_LEAVE ? 0 : entry_take(pager, &chunk->entries[pos]);
      if (result == 0 && answer == PAGER_RELEASE)
        result = release_page(pager, listed.ref, listed.units);
      if (result)
        return result;
    }
    at = next;
    pos = CHUNK_ENTRIES;
  }
  return 0;
}
