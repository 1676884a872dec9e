/* _join_table.c - the table of a hash join's right side.
 *
 * One array of entries {where the key lies, the value's place in the snapshot}, one piece of memory with all
 * keys (the library lends a key only until its cursor moves), and one open-addressing array of places {index
 * of an entry, hash}, made when all entries are there. So there is no allocation per record. Records of one
 * key hang on one another, in the order of the side. */
#include "_join.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define AHEAD 16
#define PAGE ((uintptr_t)4096)
#define LARGE ((size_t)4 << 20)

static uint64_t folded(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes at a time, multiplied and folded as wyhash does (Wang Yi: public domain); seeded, so that
 * nobody can choose keys that collide. */
uint32_t table_hash(const struct table *table, struct copse_bytes bytes) {
  const uint8_t *p = bytes.data;
  uint64_t h = table->seed ^ bytes.size;
  for (size_t n = bytes.size; n > 0;) {
    uint64_t word = 0;
    size_t some = n < 8 ? n : 8;
    memcpy(&word, p, some);
    h = folded(h ^ word, UINT64_C(0x9e3779b97f4a7c15));
    p += some;
    n -= some;
  }
  return (uint32_t)folded(h ^ table->seed, UINT64_C(0xd6e8feb86659fd93));
}

void table_init(struct table *table) {
  if (getrandom(&table->seed, sizeof table->seed, 0) != sizeof table->seed)
    table->seed = (uintptr_t)table;
}

void table_clear(struct table *table) {
  free(table->entries);
  free(table->keys);
  free(table->places);
}

/* --- looking ----------------------------------------------------------------------------- */

static struct copse_bytes entry_bytes(const struct table *table, const struct side *side,
                                      const struct entry *entry, uint8_t *scratch) {
  if (side->by_value)
    return column_of(side, entry->value, scratch);
  return (struct copse_bytes){table->keys + entry->key_at, entry->key_size};
}

/* The place of the first entry of these bytes, or the free one where it belongs. */
static struct place *find(const struct table *table, const struct side *side, uint32_t hash,
                          struct copse_bytes bytes) {
  uint8_t scratch[8];
  for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
    struct place *place = &table->places[at];
    if (place->index == NOBODY)
      return place;
    if (place->hash != hash)
      continue;
    struct copse_bytes other = entry_bytes(table, side, &table->entries[place->index], scratch);
    if (other.size == bytes.size &&
        (!bytes.size || memcmp(other.data, bytes.data, bytes.size) == 0))
      return place;
  }
}

uint32_t table_find(const struct table *table, const struct side *side, uint32_t hash,
                    struct copse_bytes bytes) {
  return find(table, side, hash, bytes)->index;
}

void table_expect_place(const struct table *table, uint32_t hash) {
  __builtin_prefetch(&table->places[hash & table->mask]);
}

void table_expect_entry(const struct table *table, uint32_t hash) {
  const struct place *place = &table->places[hash & table->mask];
  if (place->index != NOBODY && place->hash == hash)
    __builtin_prefetch(&table->entries[place->index]);
}

void table_expect_record(const struct table *table, uint32_t hash) {
  const struct place *place = &table->places[hash & table->mask];
  if (place->index == NOBODY || place->hash != hash)
    return;
  const struct entry *entry = &table->entries[place->index];
  __builtin_prefetch(table->keys + entry->key_at);
  if (entry->value)
    __builtin_prefetch(entry->value);
}

/* --- building ---------------------------------------------------------------------------- */

/* Much memory that is looked at all over: in large pages, where the system has them. */
static void spread(void *memory, size_t size) {
  uintptr_t begin = ((uintptr_t)memory + PAGE - 1) & ~(PAGE - 1);
  uintptr_t end = ((uintptr_t)memory + size) & ~(PAGE - 1);
  if (end > begin)
    (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

static int room_for(void *items, size_t *room, size_t count, size_t size) {
  void **memory = items;
  if (count <= *room)
    return 0;
  size_t wanted = *room * 2 > count ? *room * 2 : count;
  void *larger = wanted > SIZE_MAX / size ? NULL : realloc(*memory, wanted * size);
  if (!larger)
    return COPSE_E_MEMORY;
  if (wanted * size >= LARGE)
    spread(larger, wanted * size);
  *memory = larger;
  *room = wanted;
  return 0;
}

/* Adds the side's present record; it has no place yet. */
static int add(struct table *table, const struct side *side) {
  struct copse_bytes bytes;
  uint8_t scratch[8];
  if (!side_bytes(side, &bytes, scratch))
    return 0;
  if (table->count >= NOBODY / 2)
    return COPSE_E_TOO_MANY;
  if (room_for(&table->entries, &table->room, table->count + 1, sizeof *table->entries) ||
      room_for(&table->keys, &table->keys_room, table->keys_size + side->key.size, 1))
    return COPSE_E_MEMORY;
  uint32_t index = (uint32_t)table->count;
  table->entries[index] =
      (struct entry){.next = NOBODY,
                     .last = index,
                     .hash = table_hash(table, bytes),
                     .key_size = (uint32_t)side->key.size,
                     .key_at = table->keys_size,
                     .value = side->rows ? NULL : side->value.data,
                     .value_size = side->rows ? (size_t)side->row - 1 : side->value.size};
  if (side->key.size)
    memcpy(table->keys + table->keys_size, side->key.data, side->key.size);
  table->keys_size += side->key.size;
  table->count++;
  return 0;
}

/* At most half of the places are taken. */
static int places_make(struct table *table) {
  size_t count = 16;
  while (count < 2 * table->count)
    count *= 2;
  table->places = malloc(count * sizeof *table->places);
  if (!table->places)
    return COPSE_E_MEMORY;
  if (count * sizeof *table->places >= LARGE)
    spread(table->places, count * sizeof *table->places);
  memset(table->places, 0xff, count * sizeof *table->places);
  table->mask = count - 1;
  return 0;
}

static int place_some(struct table *table, const struct side *side, int steps) {
  uint8_t scratch[8];
  for (; steps > 0 && table->placed < table->count; steps--) {
    uint32_t index = (uint32_t)table->placed++;
    struct entry *entry = &table->entries[index];
    if (table->placed + AHEAD < table->count)
      table_expect_place(table, table->entries[table->placed + AHEAD].hash);
    struct place *place = find(table, side, entry->hash, entry_bytes(table, side, entry, scratch));
    if (place->index == NOBODY) {
      *place = (struct place){index, entry->hash};
    } else {
      struct entry *first = &table->entries[place->index];
      table->entries[first->last].next = index;
      first->last = index;
    }
  }
  return table->placed < table->count ? 0 : COPSE_NONE;
}

int table_build(struct table *table, struct side *side, int steps) {
  int result = 0;
  if (table->places)
    return place_some(table, side, steps);
  for (; steps > 0 && result == 0; steps--) {
    result = side_next(side);
    if (result == 0)
      result = add(table, side);
  }
  return result == COPSE_NONE ? places_make(table) : result;
}
