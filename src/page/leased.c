/* page/leased.c - the set of leased pages. */
#include "page/leased.h"

#include "base/error.h"
#include "page/format.h"

#define UNITS 16u /* in a block */
#define UNITS_MASK UINT64_C(0xffff)
#define ONE_WORD (UNITS_MASK + 1)

static void word_end(struct leased *leased, uint64_t word) {
  uint64_t *block = lookup_find(&leased->blocks, word >> 16);
  leased->ended++;
  if (!block)
    return;
  *block -= ONE_WORD;
  if (*block < ONE_WORD)
    lookup_remove(&leased->blocks, block);
}

/* Words come from other processes: block 0, of the file's header, is no key. */
static int is_word(uint64_t word) { return word >> 16 != 0; }

int leased_change(struct leased *leased, uint64_t before, uint64_t after) {
  if (is_word(after)) { /* first, so that the units of a word that grows stay */
    uint64_t *block = lookup_add(&leased->blocks, after >> 16);
    if (!block)
      return error_set(COPSE_E_MEMORY, "no memory for a set of %zu leased blocks",
                       leased->blocks.count);
    *block = (*block + ONE_WORD) | (after & UNITS_MASK);
  }
  if (is_word(before))
    word_end(leased, before);
  return 0;
}

/* Units [from, to) of a block. */
static int block_has(const struct leased *leased, uint64_t block, uint64_t from, uint64_t to) {
  const uint64_t *word = lookup_find(&leased->blocks, block);
  return word && *word & ((UINT64_C(1) << to) - (UINT64_C(1) << from));
}

/* A page of more blocks than are leased. */
static int any_within(const struct leased *leased, uint64_t first, uint64_t end) {
  for (size_t i = 0; i < leased->blocks.capacity; i++) {
    uint64_t block = leased->blocks.items[i].key, from = block * UNITS, to = from + UNITS;
    if (block && from < end && to > first &&
        block_has(leased, block, first > from ? first - from : 0, end < to ? end - from : UNITS))
      return 1;
  }
  return 0;
}

int leased_has(const struct leased *leased, uint64_t offset, uint64_t units) {
  uint64_t first = offset / FORMAT_UNIT, end = first + units;
  if (leased->all)
    return 1;
  if (leased->blocks.count == 0)
    return 0;
  if (units / UNITS > leased->blocks.capacity)
    return any_within(leased, first, end);
  for (uint64_t at = first; at < end; at = (at / UNITS + 1) * UNITS) {
    uint64_t to = end - at / UNITS * UNITS;
    if (block_has(leased, at / UNITS, at % UNITS, to < UNITS ? to : UNITS))
      return 1;
  }
  return 0;
}

void leased_clear(struct leased *leased) {
  lookup_clear(&leased->blocks);
  leased->ended = 0;
}

void leased_free(struct leased *leased) { lookup_free(&leased->blocks); }
