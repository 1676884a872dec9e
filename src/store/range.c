/* store/range.c - from the range a caller asks for to bounds [from, to) in memcmp order. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* The smallest key that is greater than key itself: key and a zero byte. */
static void successor(uint8_t *memory, const void *key, size_t size, struct tree_key *bound) {
  if (size)
    memcpy(memory, key, size);
  memory[size] = 0;
  *bound = (struct tree_key){memory, (uint32_t)size + 1};
}

static void bound_copy(uint8_t *memory, const struct copse_bytes *key, struct tree_key *bound) {
  if (key->size)
    memcpy(memory, key->data, key->size);
  *bound = (struct tree_key){memory, (uint32_t)key->size};
}

/* The end of a prefix: drop trailing ff bytes and raise the last one; open if nothing is left. */
static void prefix_end(uint8_t *memory, const struct copse_bytes *prefix, struct tree_key *bound) {
  size_t size = prefix->size;
  const uint8_t *bytes = prefix->data;
  while (size && bytes[size - 1] == 0xff)
    size--;
  if (size == 0)
    return;
  memcpy(memory, bytes, size);
  memory[size - 1]++;
  *bound = (struct tree_key){memory, (uint32_t)size};
}

static int compare(const struct tree_key *a, const struct tree_key *b) {
  return bytes_compare(a->data, a->size, b->data, b->size);
}

int range_make(const struct copse_map *map, const struct copse_range *asked, struct range *range) {
  *range = (struct range){0};
  if (!asked)
    return 0;
  if (asked->from.size > COPSE_KEY_MAX || asked->to.size > COPSE_KEY_MAX ||
      asked->prefix.size > COPSE_KEY_MAX)
    return error_set(COPSE_E_KEY_SIZE, "a bound of the range is longer than a key may be");
  (void)map;
  size_t room = COPSE_KEY_MAX + 8;
  range->memory = malloc(4 * room);
  if (!range->memory)
    return error_set(COPSE_E_MEMORY, "no memory for the bounds of a range");
  if (asked->from.data && asked->from_exclusive)
    successor(range->memory, asked->from.data, asked->from.size, &range->from);
  else if (asked->from.data)
    bound_copy(range->memory, &asked->from, &range->from);
  if (asked->to.data && asked->to_inclusive)
    successor(range->memory + room, asked->to.data, asked->to.size, &range->to);
  else if (asked->to.data)
    bound_copy(range->memory + room, &asked->to, &range->to);
  if (asked->prefix.data && asked->prefix.size) {
    struct tree_key from, to = {0};
    bound_copy(range->memory + 2 * room, &asked->prefix, &from);
    prefix_end(range->memory + 3 * room, &asked->prefix, &to);
    if (!range->from.data || compare(&from, &range->from) > 0)
      range->from = from;
    if (to.data && (!range->to.data || compare(&to, &range->to) < 0))
      range->to = to;
  }
  /* A range whose end is not after its beginning is empty: [from, from). */
  if (range->from.data && range->to.data && compare(&range->to, &range->from) < 0)
    range->to = range->from;
  return 0;
}

void range_free(struct range *range) { free(range->memory); }
