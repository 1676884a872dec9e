/* base/lookup.c - a hash table from keys to words. */
#include "base/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

#define LEAST 64u

static size_t place_of(const struct lookup *lookup, uint64_t key) {
  return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (lookup->capacity - 1);
}

/* Where the key is, or the free place where it would be. */
static struct lookup_item *item_find(const struct lookup *lookup, uint64_t key) {
  size_t i = place_of(lookup, key);
  while (lookup->items[i].key && lookup->items[i].key != key)
    i = (i + 1) & (lookup->capacity - 1);
  return &lookup->items[i];
}

uint64_t *lookup_find(const struct lookup *lookup, uint64_t key) {
  if (lookup->count == 0)
    return NULL;
  struct lookup_item *item = item_find(lookup, key);
  return item->key ? &item->word : NULL;
}

static int grow(struct lookup *lookup) {
  struct lookup larger = {.capacity = lookup->capacity ? lookup->capacity * 2 : LEAST,
                          .count = lookup->count};
  base_grow_lock();
  larger.items = calloc(larger.capacity, sizeof *larger.items);
  if (larger.items) {
    for (size_t i = 0; i < lookup->capacity; i++)
      if (lookup->items[i].key)
        *item_find(&larger, lookup->items[i].key) = lookup->items[i];
    free(lookup->items);
    *lookup = larger;
  }
  base_grow_unlock();
  return larger.items != NULL;
}

uint64_t *lookup_add(struct lookup *lookup, uint64_t key) {
  uint64_t *word = lookup_find(lookup, key);
  if (word)
    return word;
  if (lookup->count >= lookup->capacity / 2 && !grow(lookup))
    return NULL;
  struct lookup_item *item = item_find(lookup, key);
  *item = (struct lookup_item){.key = key};
  lookup->count++;
  return &item->word;
}

void lookup_remove(struct lookup *lookup, uint64_t *word) {
  struct lookup_item *item =
      (struct lookup_item *)((uint8_t *)word - offsetof(struct lookup_item, word));
  size_t hole = (size_t)(item - lookup->items), mask = lookup->capacity - 1;
  lookup->count--;
  /* What follows moves up, unless it would come before the place where it is looked for first. */
  for (size_t i = (hole + 1) & mask; lookup->items[i].key; i = (i + 1) & mask)
    if (((i - place_of(lookup, lookup->items[i].key)) & mask) >= ((i - hole) & mask)) {
      lookup->items[hole] = lookup->items[i];
      hole = i;
    }
  lookup->items[hole].key = 0;
}

void lookup_clear(struct lookup *lookup) {
  if (lookup->items)
    memset(lookup->items, 0, lookup->capacity * sizeof *lookup->items);
  lookup->count = 0;
}

void lookup_free(struct lookup *lookup) {
  free(lookup->items);
  *lookup = (struct lookup){0};
}
