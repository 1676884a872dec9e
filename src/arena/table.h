/* arena/table.h - a table of leaves: where those that were looked at lie, by their numbers.
 *
 * It repeats what the two references of a leaf say, so that a slot is found without the radix. What it
 * says of a leaf is valid while its stamp is the table's. In an arena that is being changed, it is dropped
 * where a reference is changed (edit.c: arena_leaf_moved()); what changes otherwise (another version,
 * a savepoint, what is undone) is for the table's owner to tell, who gives it a new stamp.
 *
 * Only leaves with live slots are in it, and those below a bound. What is not there is looked up in the
 * radix: no answer depends on whether there is a table. It does nothing for views that copy pages out. */
#ifndef ARENA_TABLE_H
#define ARENA_TABLE_H

#include "arena/arena.h"

#define ARENA_TABLE_LEAVES                                                                         \
  (UINT64_C(1) << 20)          /* it has no more; 32 MiB, of which what is used counts */
#define ARENA_TABLE_MISSES 16u /* that are let pass before it is made larger */

struct arena_place {
  /* Where slot 0 of the arena would lie if all leaves lay side by side: addresses, to be added to. */
  uintptr_t records;
  uintptr_t words; /* 0: the slots below the end are live, all of generation 1 */
  uint64_t stamp;
  uint64_t own; /* 1: the transaction's, its records may be changed as they lie */
};

/* The leaf that the last slot was taken from, while the next one will be of it, too. */
struct arena_fill {
  uint8_t *records;          /* NULL: there is none */
  struct arena_slots *slots; /* the lowest free slot is one of these; NULL: it is the arena's end */
  struct arena_node *top;
  uint64_t first;       /* index of the leaf's first slot */
  uint32_t next, below; /* of the slots that may be taken, counted in the leaf */
};

struct arena_table {
  struct arena_place *places;
  void *memory; /* that they lie in */
  uint64_t room;
  uint64_t stamp; /* of its places; those of new memory have 0 */
  uint64_t misses;
  struct arena_fill fill;
};

/* NULL: not known. */
static inline const struct arena_place *arena_place(const struct arena_table *table,
                                                    uint64_t leaf) {
  return leaf < table->room && table->places[leaf].stamp == table->stamp ? table->places + leaf
                                                                         : NULL;
}

/* Notes where the leaf of an index lies that was found live at spot. */
void arena_table_note(struct arena_table *table, struct page_view *view,
                      const struct arena_shape *shape, const struct arena_spot *spot,
                      uint64_t index, int own);
/* Forgets all leaves. */
static inline void arena_table_forget(struct arena_table *table) {
  table->stamp++;
  table->fill.records = NULL;
}
/* Gives the memory of a table back that is larger than so many leaves. */
void arena_table_trim(struct arena_table *table, uint64_t leaves);

/* As arena_insert() with ARENA_ANY, in the leaf that was filled last. COPSE_NONE: that is not possible. */
static inline int arena_insert_quick(struct arena *arena, uint64_t *index, uint32_t *generation,
                                     uint8_t **place) {
  struct arena_fill *fill = &arena->table->fill;
  struct arena_slots *slots = fill->slots;
  if (!fill->records)
    return COPSE_NONE;
  if (slots) { /* one more is to stay free: else nodes change, too */
    while (fill->next < fill->below &&
           (slots->words[fill->next] & 1 || slots->words[fill->next] >= ARENA_RETIRED))
      fill->next++;
    if (slots->free < 2 || fill->next >= fill->below)
      return COPSE_NONE;
    *generation = (slots->words[fill->next]++ + 2) / 2;
    slots->live++;
    slots->free--;
    slots->hint = fill->next + 1;
  } else {
    if (fill->next >= fill->below)
      return COPSE_NONE;
    *generation = 1;
    fill->top->end++;
  }
  *index = fill->first + fill->next;
  *place = fill->records + (size_t)fill->next * arena->shape.size;
  fill->next++;
  arena->count++;
  return 0;
}

#endif
