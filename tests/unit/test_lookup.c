/* The hash table of base/lookup.c, against an array. */
#include "base/lookup.h"
#include "test.h"

#define KEYS 600

TEST(keys_come_and_go) {
  struct test_random random = {test_seed()};
  struct lookup lookup = {0};
  uint64_t words[KEYS] = {0}, count = 0;
  bool there[KEYS] = {false};
  CHECK(!lookup_find(&lookup, 1));
  for (int i = 0; i < 200000; i++) {
    uint64_t n = test_random_below(&random, KEYS), key = (n + 1) << (n % 3 * 20);
    if (test_random_below(&random, KEYS) > count) {
      uint64_t *word = lookup_add(&lookup, key);
      CHECK(word != NULL);
      CHECK_EQ(*word, there[n] ? words[n] : 0);
      count += !there[n];
      there[n] = true;
      *word = words[n] = test_random_next(&random);
    } else if (there[n]) {
      lookup_remove(&lookup, lookup_find(&lookup, key));
      there[n] = false;
      count--;
    }
    CHECK_EQ(lookup.count, count);
    uint64_t other = test_random_below(&random, KEYS);
    uint64_t *word = lookup_find(&lookup, (other + 1) << (other % 3 * 20));
    CHECK_EQ(word != NULL, there[other]);
    if (word)
      CHECK_EQ(*word, words[other]);
  }
  lookup_clear(&lookup);
  for (uint64_t n = 0; n < KEYS; n++)
    CHECK(!lookup_find(&lookup, (n + 1) << (n % 3 * 20)));
  CHECK(lookup_add(&lookup, 7) != NULL);
  CHECK_EQ(lookup.count, 1);
  lookup_free(&lookup);
}
