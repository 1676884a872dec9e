/* arena/table.c - filling a table of leaves. */
#include "arena/table.h"

#include <stdlib.h>

#define ROOM_LEAST 64u
#define LINE 64u

/* Makes room for a leaf, in new memory: what was known is found again when it is asked for. Without memory
 * the table stays as it is. A thread may fork meanwhile: whatever the child finds in table->memory was not given
 * back, and it looks at nothing else. */
static void table_grow(struct arena_table *table, uint64_t leaf) {
  uint64_t room = ROOM_LEAST;
  while (room <= leaf)
    room *= 2;
  void *memory = calloc(room * sizeof(struct arena_place) + LINE, 1);
  if (!memory)
    return;
  void *old = table->memory;
  table->memory = memory;
  table->places = (void *)(((uintptr_t)memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
  table->room = room;
  free(old);
}

void arena_table_trim(struct arena_table *table, uint64_t leaves) {
  if (table->room <= leaves)
    return;
  void *old = table->memory;
  table->memory = table->places = NULL;
  table->room = table->misses = 0;
  free(old);
}

void arena_table_note(struct arena_table *table, struct page_view *view,
                      const struct arena_shape *shape, const struct arena_spot *spot,
                      uint64_t index, int own) {
  uint64_t leaf = arena_leaf(shape, index);
  const struct arena_leaf *from = &spot->node->leaves[leaf & (ARENA_FANOUT - 1)];
  const struct arena_slots *slots = NULL;
  if (leaf >= ARENA_TABLE_LEAVES || view->copy)
    return;
  if (leaf >= table->room) {
    if (++table->misses < ARENA_TABLE_MISSES)
      return;
    table->misses = 0;
    table_grow(table, leaf);
  }
  const uint8_t *records = arena_data(view, shape, from->data);
  if (leaf >= table->room || !records ||
      (from->slots && arena_slots_open(view, shape, from->slots, &slots)))
    return;
  table->places[leaf] = (struct arena_place){
      .records = (uintptr_t)records - leaf * shape->leaf_bytes,
      .words = slots ? (uintptr_t)slots->words - leaf * shape->slots * sizeof(uint32_t) : 0,
      .stamp = table->stamp,
      .own = own != 0};
}
