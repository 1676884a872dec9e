/* test_store_space.c - how much room a store takes for what is in it, after long use. */
#include <stdio.h>
#include <stdlib.h>

#include "test_store_fixture.h"

#define RECORDS 4000

struct use {
  struct copse_store *store;
  struct copse_map *map;
  uint64_t sizes[RECORDS]; /* of values; 0: none */
};

static void use_begin(struct use *use) {
  *use = (struct use){.store = store_new(NULL, UINT64_C(8) << 30)};
  use->map = map_new(use->store, "m");
}

static void use_end(struct use *use) {
  store_sound(use->store);
  copse_map_close(use->map);
  CHECK_OK(copse_store_close(use->store));
}

static void value_set(struct use *use, struct copse_txn *txn, unsigned number, uint64_t size) {
  uint8_t key[8];
  void *memory;
  copse_key_u64(number, key);
  CHECK_OK(copse_reserve(txn, use->map, key, 8, size, 0, &memory));
  use->sizes[number] = size;
}

static uint64_t live_bytes(const struct use *use) {
  uint64_t live = 0;
  for (unsigned i = 0; i < RECORDS; i++)
    live += use->sizes[i];
  return live;
}

/* Storage ever used for each of so many bytes, beyond what a store has in any case: pages that
 * wait to be looked at, classes of pages with a segment each. */
static double space_for(const struct use *use, uint64_t bytes) {
  struct copse_stat stat;
  CHECK_OK(copse_stat(use->store, &stat));
  return ((double)stat.high_water_bytes - (2 << 20)) / (double)bytes;
}

#define ALTERNATING 500u
#define LARGE 30000u

static void size_change(struct use *use, struct copse_txn *txn, struct test_random *random,
                        unsigned number, bool large) {
  value_set(use, txn, number,
            large ? LARGE + test_random_below(random, 300000)
                  : 1000 + test_random_below(random, 1000));
}

static unsigned pick(const struct use *use, struct test_random *random, bool large) {
  unsigned number;
  do
    number = (unsigned)test_random_below(random, ALTERNATING);
  while ((use->sizes[number] >= LARGE) != large);
  return number;
}

/* Sizes that alternate between small and large in the same records. by_turns: always as many are
 * large; else what is live goes up and down, and the room stays that of the most. */
static void alternate(bool by_turns) {
  struct test_random random = {test_seed()};
  struct use use;
  uint64_t live = 0, most = 0;
  use_begin(&use);
  for (unsigned i = 0; i < 6000; i++) {
    struct copse_txn *txn = begin(use.store);
    if (i < ALTERNATING) {
      size_change(&use, txn, &random, i, i % 2);
    } else if (by_turns) {
      size_change(&use, txn, &random, pick(&use, &random, false), true);
      size_change(&use, txn, &random, pick(&use, &random, true), false);
    } else {
      bool large = test_random_below(&random, 2);
      size_change(&use, txn, &random, pick(&use, &random, !large), large);
    }
    CHECK_OK(copse_txn_commit(txn, NULL));
    live = live_bytes(&use);
    most = live > most ? live : most;
  }
  double ratio = space_for(&use, by_turns ? live : most);
  CHECK_MSG(ratio < 1.5, "%.2f bytes for a byte", ratio);
  use_end(&use);
}

TEST(alternating_sizes) { alternate(true); }
TEST(alternating_sizes_at_random) { alternate(false); }

/* All values of one size, rewritten often. most: what a byte may take; 9000 take three blocks each. */
TEST(sizes_that_do_not_divide_a_segment) {
  static const struct {
    uint64_t size;
    double most;
  } cases[] = {{9000, 1.5},    {50000, 1.25},  {90000, 1.25},  {132000, 1.25},
               {140000, 1.25}, {200000, 1.25}, {263000, 1.25}, {400000, 1.25}};
  for (unsigned s = 0; s < sizeof cases / sizeof *cases; s++) {
    struct test_random random = {test_seed()};
    struct use use;
    use_begin(&use);
    uint64_t records = (UINT64_C(96) << 20) / cases[s].size;
    records = records > RECORDS ? RECORDS : records;
    for (unsigned i = 0; i < 3 * records; i++) {
      struct copse_txn *txn = begin(use.store);
      value_set(&use, txn, i < records ? i : (unsigned)test_random_below(&random, records),
                cases[s].size);
      CHECK_OK(copse_txn_commit(txn, NULL));
    }
    double ratio = space_for(&use, live_bytes(&use));
    CHECK_MSG(ratio < cases[s].most, "values of %llu bytes: %.2f bytes for a byte",
              (unsigned long long)cases[s].size, ratio);
    use_end(&use);
  }
}

/* The same bytes in many small values, then in few large ones, and so on. */
TEST(phases_of_sizes) {
  enum { BYTES = 20 << 20, PHASES = 8 };
  struct test_random random = {test_seed()};
  struct use use;
  use_begin(&use);
  for (int phase = 0; phase < PHASES; phase++) {
    struct copse_txn *txn = begin(use.store);
    uint64_t live = 0;
    CHECK_OK(copse_delete_range(txn, use.map, NULL, NULL));
    CHECK_OK(copse_txn_commit(txn, NULL));
    memset(use.sizes, 0, sizeof use.sizes);
    for (unsigned i = 0; i < RECORDS && live < BYTES; i++) {
      uint64_t most = phase % 2 ? 200000 : 8000;
      txn = begin(use.store);
      value_set(&use, txn, i, most / 4 + test_random_below(&random, most));
      CHECK_OK(copse_txn_commit(txn, NULL));
      live += use.sizes[i];
    }
  }
  double ratio = space_for(&use, live_bytes(&use));
  CHECK_MSG(ratio < 1.5, "%.2f bytes for a byte", ratio);
  use_end(&use);
}

/* Everything deleted: what is in use goes back to next to nothing, whatever was there. */
static void emptied(struct use *use, int how) {
  struct copse_stat stat;
  struct copse_txn *txn = begin(use->store);
  if (how == 0) {
    CHECK_OK(copse_delete_range(txn, use->map, NULL, NULL));
  } else if (how == 1) {
    CHECK_OK(copse_map_drop(txn, use->map));
    copse_map_close(use->map);
    CHECK_OK(copse_map_create(txn, "m", NULL, &use->map));
  }
  for (unsigned i = 0; i < 300 && how == 2; i++) {
    uint8_t key[8];
    copse_key_u64(i, key);
    CHECK_OK(copse_delete(txn, use->map, key, 8));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  memset(use->sizes, 0, sizeof use->sizes);
  for (int i = 0; i < 100; i++) {
    txn = begin(use->store);
    value_set(use, txn, 0, 1);
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
  CHECK_OK(copse_stat(use->store, &stat));
  CHECK_LT(stat.used_bytes, 256 << 10);
}

TEST(all_deleted) {
  struct use use;
  uint64_t high = 0;
  use_begin(&use);
  for (int round = 0; round < 30; round++) {
    struct copse_stat stat;
    for (unsigned i = 0; i < 300; i++) {
      struct copse_txn *txn = begin(use.store);
      value_set(&use, txn, i, 1 + i * i);
      CHECK_OK(copse_txn_commit(txn, NULL));
    }
    emptied(&use, round % 3);
    CHECK_OK(copse_stat(use.store, &stat));
    if (round == 5)
      high = stat.high_water_bytes;
    CHECK(round < 6 || stat.high_water_bytes <= high + high / 10);
  }
  use_end(&use);
}

/* Maps for passing use leave nothing behind. */
TEST(many_maps_come_and_go) {
  struct use use;
  struct copse_stat stat;
  use_begin(&use);
  for (int i = 0; i < 20000; i++) {
    struct copse_txn *txn = begin(use.store);
    struct copse_map *map;
    CHECK_OK(copse_map_create(txn, "for a while", NULL, &map));
    CHECK_OK(put_text(txn, map, "a", "b"));
    CHECK_OK(copse_txn_commit(txn, NULL));
    txn = begin(use.store);
    CHECK_OK(copse_map_drop(txn, map));
    CHECK_OK(copse_txn_commit(txn, NULL));
    copse_map_close(map);
  }
  CHECK_OK(copse_stat(use.store, &stat));
  CHECK_EQ(stat.maps, 1);
  CHECK_LT(stat.used_bytes, 256 << 10);
  use_end(&use);
}
