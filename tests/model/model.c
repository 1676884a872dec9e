/* model.c - see model.h. */
#include "model.h"

#include <stdlib.h>

static void *allocate(size_t size) {
  void *memory = malloc(size ? size : 1);
  CHECK(memory != NULL);
  return memory;
}

/* --- records and maps -------------------------------------------------------------------- */

static void record_free(struct model_record *record) {
  if (--record->references == 0)
    free(record);
}

static void map_free(struct model_map *map) {
  if (--map->references)
    return;
  for (size_t i = 0; i < map->count; i++)
    record_free(map->records[i]);
  if (--map->handle->references == 0) {
    copse_map_close(map->handle->map);
    free(map->handle);
  }
  free(map->records);
  free(map);
}

static struct model_map *map_copy(const struct model_map *map) {
  struct model_map *copy = allocate(sizeof *copy);
  *copy = *map;
  copy->references = 1;
  copy->handle->references++;
  copy->capacity = map->count + 16;
  copy->records = allocate(copy->capacity * sizeof *copy->records);
  if (map->count)
    memcpy(copy->records, map->records, map->count * sizeof *map->records);
  for (size_t i = 0; i < map->count; i++)
    map->records[i]->references++;
  return copy;
}

int key_compare(const void *a, size_t a_size, const void *b, size_t b_size) {
  size_t n = a_size < b_size ? a_size : b_size;
  int order = n ? memcmp(a, b, n) : 0;
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

size_t map_search(const struct model_map *map, const void *key, size_t size, int *exact) {
  size_t low = 0, high = map->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    const struct model_record *record = map->records[middle];
    if (key_compare(record->key, record->key_size, key, size) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *exact = low < map->count &&
           key_compare(map->records[low]->key, map->records[low]->key_size, key, size) == 0;
  return low;
}

void map_put(struct model_map *map, const void *key, size_t key_size, uint64_t value_seed,
             uint64_t value_size) {
  struct model_record *record = allocate(sizeof *record + key_size);
  *record = (struct model_record){1, (uint32_t)key_size, value_size, value_seed};
  if (key_size)
    memcpy(record->key, key, key_size);
  int exact;
  size_t at = map_search(map, key, key_size, &exact);
  if (exact) {
    record_free(map->records[at]);
    map->records[at] = record;
    return;
  }
  if (map->count == map->capacity) {
    map->capacity = map->capacity * 2 + 16;
    map->records = realloc(map->records, map->capacity * sizeof *map->records);
    CHECK(map->records != NULL);
  }
  memmove(map->records + at + 1, map->records + at, (map->count - at) * sizeof *map->records);
  map->records[at] = record;
  map->count++;
}

void map_remove(struct model_map *map, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    record_free(map->records[i]);
  if (to > from)
    memmove(map->records + from, map->records + to, (map->count - to) * sizeof *map->records);
  map->count -= to - from;
}

/* --- states ------------------------------------------------------------------------------ */

void state_copy(struct model_state *to, const struct model_state *from) {
  *to = *from;
  for (unsigned i = 0; i < to->count; i++)
    to->maps[i]->references++;
}

void state_free(struct model_state *state) {
  for (unsigned i = 0; i < state->count; i++)
    map_free(state->maps[i]);
  state->count = 0;
}

struct model_map *state_own(struct model_state *state, unsigned index) {
  struct model_map *map = state->maps[index];
  if (map->references > 1) {
    map->references--;
    map = state->maps[index] = map_copy(map);
  }
  return map;
}

unsigned state_find(const struct model_state *state, const char *name) {
  for (unsigned i = 0; i < state->count; i++)
    if (strcmp(state->maps[i]->name, name) == 0)
      return i;
  return MODEL_MAPS;
}

const struct model_map *state_by_handle(const struct model_state *state,
                                        const struct model_handle *handle) {
  for (unsigned i = 0; i < state->count; i++)
    if (state->maps[i]->handle == handle)
      return state->maps[i];
  return NULL;
}

struct model_map *state_add(struct model_state *state, const char *name) {
  struct model_map *map = allocate(sizeof *map);
  CHECK_LT(state->count, MODEL_MAPS);
  memset(map, 0, sizeof *map);
  map->references = 1;
  map->handle = allocate(sizeof *map->handle);
  *map->handle = (struct model_handle){1, NULL};
  strcpy(map->name, name);
  state->maps[state->count++] = map;
  return map;
}

void state_remove(struct model_state *state, unsigned index) {
  map_free(state->maps[index]);
  memmove(state->maps + index, state->maps + index + 1,
          (--state->count - index) * sizeof *state->maps);
}

/* --- keys and values --------------------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b) {
  struct test_random random = {a * UINT64_C(0x9e3779b97f4a7c15) ^ b};
  return test_random_next(&random);
}

/* Bytes that make trouble: the ends of the order, and a few to have common prefixes. */
static uint8_t troublesome(struct test_random *random) {
  static const uint8_t bytes[] = {0, 0, 1, 'a', 'a', 'b', 0x7f, 0x80, 0xfe, 0xff, 0xff};
  return bytes[test_random_below(random, sizeof bytes)];
}

uint32_t key_make(const struct model_map *map, uint32_t number, uint8_t key[COPSE_KEY_MAX]) {
  struct test_random random = {mix(map->style, number)};
  uint32_t size = 0;
  if (map->key_kind == COPSE_KEY_U64) {
    uint64_t value = map->style % 2 ? number : test_random_next(&random) >> number % 64;
    copse_key_u64(number == 0 ? UINT64_MAX : value, key);
    return 8;
  }
  switch (map->style % 6) {
  case 0: /* decimal, of one length */
    for (uint32_t rest = number; size < 8; rest /= 10)
      key[7 - size++] = (uint8_t)('0' + rest % 10);
    return 8;
  case 1: /* short, one a prefix of the other */
    size = (uint32_t)test_random_below(&random, 9);
    break;
  case 2: /* any length */ size = (uint32_t)test_random_below(&random, COPSE_KEY_MAX + 1); break;
  case 3: { /* long prefixes that several keys have in common, up to the greatest size */
    uint32_t prefix = (uint32_t)mix(map->style, number % 5) % 1020;
    memset(key, 'p' + (int)(number % 5), prefix);
    for (size = prefix; size < COPSE_KEY_MAX && size < prefix + 4; size++)
      key[size] = troublesome(&random);
    return size;
  }
  case 4: /* one letter, as often as the number says */
    size = number % (COPSE_KEY_MAX + 1);
    memset(key, 'x', size);
    return size;
  default: /* a tree of names */
    for (uint32_t rest = number; rest && size < 200; rest /= 7) {
      memcpy(key + size, "/folder-", 8);
      key[size + 8] = (uint8_t)('a' + rest % 7);
      size += 9;
    }
    return size;
  }
  for (uint32_t i = 0; i < size; i++)
    key[i] = troublesome(&random);
  return size;
}

void value_fill(uint64_t seed, void *value, uint64_t size) {
  uint8_t *bytes = value;
  uint64_t word = seed | 1, i = 0;
  for (; i + 8 <= size; i += 8) {
    word = word * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    memcpy(bytes + i, &word, 8);
  }
  for (; i < size; i++)
    bytes[i] = (uint8_t)(seed >> i % 8 * 8);
}

void value_check(uint64_t seed, uint64_t expected_size, const void *value, uint64_t size) {
  const uint8_t *bytes = value;
  uint64_t word = seed | 1, i = 0;
  CHECK_EQ(size, expected_size);
  for (; i + 8 <= size; i += 8) {
    word = word * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    CHECK_MSG(memcmp(bytes + i, &word, 8) == 0, "at byte %llu of %llu", (unsigned long long)i,
              (unsigned long long)size);
  }
  for (; i < size; i++)
    CHECK(bytes[i] == (uint8_t)(seed >> i % 8 * 8));
}

/* --- ranges ------------------------------------------------------------------------------ */

static void bound_random(struct test_random *random, const struct model_map *map, uint8_t *key,
                         struct copse_bytes *bound) {
  bound->data = key;
  bound->size = key_make(map, (uint32_t)test_random_below(random, map->key_count + 1), key);
  if (map->key_kind == COPSE_KEY_BYTES && bound->size && test_random_one_in(random, 4))
    bound->size = test_random_below(random, bound->size + 1);
}

void range_random(struct test_random *random, const struct model_map *map,
                  struct model_range *range) {
  memset(&range->range, 0, sizeof range->range);
  if (!test_random_one_in(random, 3))
    bound_random(random, map, range->from, &range->range.from);
  if (!test_random_one_in(random, 3))
    bound_random(random, map, range->to, &range->range.to);
  if (test_random_one_in(random, 3)) {
    bound_random(random, map, range->prefix, &range->range.prefix);
    range->range.prefix.size = test_random_below(random, range->range.prefix.size + 1);
  }
  range->range.from_exclusive = (uint32_t)test_random_below(random, 2);
  range->range.to_inclusive = (uint32_t)test_random_below(random, 2);
}

static int in_range(const struct model_record *record, const struct copse_range *range) {
  const struct copse_bytes *prefix = &range->prefix;
  if (range->from.data) {
    int order = key_compare(record->key, record->key_size, range->from.data, range->from.size);
    if (order < 0 || (order == 0 && range->from_exclusive))
      return 0;
  }
  if (range->to.data) {
    int order = key_compare(record->key, record->key_size, range->to.data, range->to.size);
    if (order > 0 || (order == 0 && !range->to_inclusive))
      return 0;
  }
  return !prefix->data ||
         (record->key_size >= prefix->size && memcmp(record->key, prefix->data, prefix->size) == 0);
}

void range_find(const struct model_map *map, const struct copse_range *range, size_t *low,
                size_t *high) {
  *low = 0;
  while (*low < map->count && !in_range(map->records[*low], range))
    ++*low;
  for (*high = *low; *high < map->count && in_range(map->records[*high], range);)
    ++*high;
  for (size_t i = *high; i < map->count; i++) /* a range is one piece */
    CHECK(!in_range(map->records[i], range));
}
