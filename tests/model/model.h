/* model.h - what a store should hold: maps as sorted arrays of immutable records, shared
 * between the states that remember them. A state is copied by counting references; a map
 * is copied when a state that shares it writes to it.
 *
 * Keys and values are not kept where they can be made again: a key comes from the map's style
 * and a number, a value from a seed and a size. */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "copse/copse.h"
#include "test.h"

struct model_record {
  uint32_t references;
  uint32_t key_size;
  uint64_t value_size, value_seed;
  uint8_t key[];
};

/* The library's handle of a map: closed when no state mentions the map any more. */
struct model_handle {
  uint32_t references;
  struct copse_map *map;
};

struct model_map {
  uint32_t references;
  struct model_handle *handle;
  char name[COPSE_MAP_NAME_MAX + 1];
  uint32_t key_kind, value_size, typed;
  uint32_t style;     /* of its keys */
  uint32_t key_count; /* numbers of its keys are below */
  uint64_t value_max; /* bytes, of maps with values of any size */
  size_t count, capacity;
  struct model_record **records;
};

#define MODEL_MAPS 24
struct model_state {
  uint64_t version;
  unsigned count;
  struct model_map *maps[MODEL_MAPS];
};

void state_copy(struct model_state *to, const struct model_state *from);
void state_free(struct model_state *state);
/* A map of this state alone, for writing. */
struct model_map *state_own(struct model_state *state, unsigned index);
unsigned state_find(const struct model_state *state, const char *name); /* MODEL_MAPS: none */
const struct model_map *state_by_handle(const struct model_state *state,
                                        const struct model_handle *handle);
struct model_map *state_add(struct model_state *state, const char *name);
void state_remove(struct model_state *state, unsigned index);

/* The place of the first record that is not less; *exact: it is the key. */
size_t map_search(const struct model_map *map, const void *key, size_t size, int *exact);
void map_put(struct model_map *map, const void *key, size_t key_size, uint64_t value_seed,
             uint64_t value_size);
void map_remove(struct model_map *map, size_t from, size_t to);

int key_compare(const void *a, size_t a_size, const void *b, size_t b_size);
/* Writes the key of a number; its size. */
uint32_t key_make(const struct model_map *map, uint32_t number, uint8_t key[COPSE_KEY_MAX]);
void value_fill(uint64_t seed, void *value, uint64_t size);
/* Fails the test if the value is not the one of the seed. */
void value_check(uint64_t seed, uint64_t expected_size, const void *value, uint64_t size);

/* A range as the library takes it, with room for its keys. */
struct model_range {
  struct copse_range range;
  uint8_t from[COPSE_KEY_MAX], to[COPSE_KEY_MAX], prefix[COPSE_KEY_MAX];
};
void range_random(struct test_random *random, const struct model_map *map,
                  struct model_range *range);
/* The records in it: [*low, *high). */
void range_find(const struct model_map *map, const struct copse_range *range, size_t *low,
                size_t *high);

/* compare.c: a view against the state it should show. */
void compare_map(struct test_random *random, struct copse_view *view, const struct model_map *map);
void compare_scan(struct copse_view *view, const struct model_map *map);
void compare_cursor(struct test_random *random, struct copse_view *view,
                    const struct model_map *map);
void compare_catalog(struct copse_view *view, const struct model_state *state);
void compare_diff(struct test_random *random, struct copse_view *before,
                  const struct model_map *old, struct copse_view *after,
                  const struct model_map *new);
/* The checker finds nothing. */
void check_sound(struct copse_store *store, const struct model_state *state);

#endif
