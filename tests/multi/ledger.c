/* multi/ledger.c - see ledger.h. */
#include "ledger.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "random.h"

#define TRY(call)                                                                                  \
  do {                                                                                             \
    int try_result_ = (call);                                                                      \
    if (try_result_ < 0)                                                                           \
      return try_result_;                                                                          \
  } while (0)

#define VALUE_MAX (200u * 1024)
#define FIXED 48u

/* --- keys, values and their hashes ------------------------------------------------------- */

static uint64_t mix(uint64_t x) {
  struct test_random random = {x};
  return test_random_next(&random);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  return mix(hash ^ size);
}

struct key {
  uint8_t bytes[COPSE_KEY_MAX];
  size_t size;
};

/* Keys of "a" and "c": from 5 to 35 bytes, a few of them long. */
static void key_make(struct key *key, uint64_t number) {
  uint64_t h = mix(number * 3 + 1);
  key->size = 5 + h % 31;
  if (number % 61 == 7)
    key->size = 250 + h % 770;
  int n = snprintf((char *)key->bytes, sizeof key->bytes, "k%04u", (unsigned)number % 10000);
  for (size_t i = (size_t)n; i < key->size; i++)
    key->bytes[i] = (uint8_t)('a' + (h >> i % 56) % 7);
}

static void value_fill(uint8_t *value, size_t size, uint64_t seed) {
  uint64_t word = seed;
  for (size_t i = 0; i < size; i += 8) {
    memcpy(value + i, &word, size - i < 8 ? size - i : 8);
    word = (word ^ i) * UINT64_C(0x9e3779b97f4a7c15) + 1;
  }
}

static int value_sound(const struct copse_bytes *value, uint64_t *seed) {
  const uint8_t *data = value->data;
  uint64_t word;
  if (value->size < 8)
    return 0;
  memcpy(seed, data, 8);
  word = *seed;
  for (size_t i = 0; i < value->size; i += 8) {
    if (memcmp(data + i, &word, value->size - i < 8 ? value->size - i : 8) != 0)
      return 0;
    word = (word ^ i) * UINT64_C(0x9e3779b97f4a7c15) + 1;
  }
  return 1;
}

static uint64_t record_hash(char map, const void *key, size_t key_size, uint64_t seed,
                            size_t size) {
  return hash_bytes(mix(seed ^ mix(size * 131 + (uint8_t)map)), key, key_size);
}

static uint64_t head_hash(const struct ledger_head *head) {
  return hash_bytes(1, head, offsetof(struct ledger_head, check));
}

/* --- changing ---------------------------------------------------------------------------- */

/* One transaction at work. */
struct change {
  struct ledger *ledger;
  struct copse_txn *txn;
  struct ledger_head head;
  struct copse_map *c; /* NULL: there is none now */
};

static size_t size_random(struct ledger *ledger) {
  struct test_random *random = &ledger->random;
  if (ledger->large && test_random_one_in(random, ledger->large))
    return test_random_range(random, 3000, test_random_one_in(random, 8) ? VALUE_MAX : 40000);
  return test_random_range(random, 8, test_random_one_in(random, 5) ? 900 : 120);
}

static struct ledger_sum *sum_of(struct change *change, char which) {
  return which == 'a' ? &change->head.a : which == 'b' ? &change->head.b : &change->head.c;
}

/* Takes the record under key out of the sums, if it is there. */
static int record_forget(struct change *change, struct copse_map *map, char which, const void *key,
                         size_t key_size) {
  struct copse_bytes old;
  uint64_t seed;
  int result = copse_get(copse_txn_view(change->txn), map, key, key_size, &old);
  if (result)
    return result;
  CHECK(value_sound(&old, &seed));
  sum_of(change, which)->sum -= record_hash(which, key, key_size, seed, old.size);
  sum_of(change, which)->count--;
  return 0;
}

static int record_put(struct change *change, struct copse_map *map, char which, const void *key,
                      size_t key_size, size_t size) {
  struct test_random *random = &change->ledger->random;
  struct ledger_head before = change->head;
  uint64_t seed = test_random_next(random);
  int result = record_forget(change, map, which, key, key_size);
  if (result >= 0) {
    void *place;
    result = copse_reserve(change->txn, map, key, key_size, size, 0, &place);
    if (result == 0)
      value_fill(place, size, seed);
  }
  if (result) {
    change->head = before;
    return result;
  }
  sum_of(change, which)->sum += record_hash(which, key, key_size, seed, size);
  sum_of(change, which)->count++;
  return 0;
}

static int record_delete(struct change *change, struct copse_map *map, char which, const void *key,
                         size_t key_size) {
  struct ledger_head before = change->head;
  int result = record_forget(change, map, which, key, key_size);
  if (result)
    return result;
  result = copse_delete(change->txn, map, key, key_size);
  if (result)
    change->head = before;
  CHECK_NE(result, COPSE_NONE);
  return result;
}

static int range_delete(struct change *change, struct copse_map *map, char which,
                        const struct copse_range *range) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  struct ledger_sum gone = {0, 0};
  uint64_t seed, deleted;
  TRY(copse_cursor_open(copse_txn_view(change->txn), map, range, &cursor));
  int result;
  while ((result = copse_cursor_next(cursor, &key, &value)) == 0) {
    CHECK(value_sound(&value, &seed));
    gone.count++;
    gone.sum += record_hash(which, key.data, key.size, seed, value.size);
  }
  copse_cursor_close(cursor);
  TRY(result);
  TRY(copse_delete_range(change->txn, map, range, &deleted));
  CHECK_EQ(deleted, gone.count);
  sum_of(change, which)->count -= gone.count;
  sum_of(change, which)->sum -= gone.sum;
  return 0;
}

/* Creates "c" and fills it, adds to it, or drops it. */
static int transient_change(struct change *change) {
  struct ledger *ledger = change->ledger;
  if (!change->c)
    TRY(copse_map_create(change->txn, "c", NULL, &change->c));
  else if (test_random_one_in(&ledger->random, 3)) {
    TRY(copse_map_drop(change->txn, change->c));
    copse_map_close(change->c);
    change->c = NULL;
    change->head.c = (struct ledger_sum){0, 0};
    return 0;
  }
  struct key key;
  for (uint64_t n = test_random_below(&ledger->random, 300); n > 0; n--) {
    key_make(&key, test_random_below(&ledger->random, 10 * (uint64_t)ledger->keys));
    TRY(record_put(change, change->c, 'c', key.bytes, key.size, size_random(ledger)));
  }
  return 0;
}

static int operation(struct change *change) {
  struct ledger *ledger = change->ledger;
  struct test_random *random = &ledger->random;
  struct key key, other;
  uint8_t number[8];
  copse_key_u64(test_random_below(random, ledger->keys), number);
  key_make(&key, test_random_below(random, ledger->keys));
  switch (test_random_below(random, 40)) {
  case 0: return transient_change(change);
  case 1: {
    key_make(&other, test_random_below(random, ledger->keys));
    int order = memcmp(key.bytes, other.bytes, 5);
    struct copse_range range = {.from = {key.bytes, key.size}, .to = {other.bytes, 5}};
    if (order > 0 || test_random_one_in(random, 4))
      range = (struct copse_range){.prefix = {key.bytes, test_random_one_in(random, 4) ? 3 : 4}};
    return range_delete(change, ledger->a, 'a', &range);
  }
  case 2:
  case 3:
  case 4:
  case 5:
  case 6:
  case 7:
  case 8: return record_delete(change, ledger->a, 'a', key.bytes, key.size);
  case 9:
  case 10:
  case 11:
  case 12:
  case 13:
  case 14: return record_delete(change, ledger->b, 'b', number, 8);
  case 15:
  case 16:
  case 17:
  case 18:
  case 19:
  case 20:
  case 21:
  case 22: return record_put(change, ledger->b, 'b', number, 8, FIXED);
  default: return record_put(change, ledger->a, 'a', key.bytes, key.size, size_random(ledger));
  }
}

/* Some operations between a savepoint and its rollback or release. */
static int nested(struct change *change) {
  struct change before = *change;
  TRY(copse_savepoint(change->txn));
  for (uint64_t n = test_random_below(&change->ledger->random, 6); n > 0; n--) {
    uint64_t kind = test_random_below(&change->ledger->random, 3);
    struct key key;
    key_make(&key, test_random_below(&change->ledger->random, change->ledger->keys));
    if (kind)
      TRY(record_put(change, change->ledger->a, 'a', key.bytes, key.size,
                     size_random(change->ledger)));
    else
      TRY(record_delete(change, change->ledger->a, 'a', key.bytes, key.size));
  }
  if (test_random_one_in(&change->ledger->random, 2)) {
    TRY(copse_savepoint_rollback(change->txn));
    *change = before;
  }
  return copse_savepoint_release(change->txn);
}

static int head_get(struct ledger *ledger, struct copse_view *view, struct ledger_head *head) {
  struct copse_bytes value;
  TRY(copse_get(view, ledger->head, "head", 4, &value));
  CHECK_EQ(value.size, sizeof *head);
  memcpy(head, value.data, sizeof *head);
  CHECK_EQ(head->check, head_hash(head));
  return 0;
}

static int head_put(struct change *change) {
  struct ledger_head *head = &change->head;
  head->chain = mix(head->chain ^ head->check);
  head->version++;
  head->writer = change->ledger->writer;
  head->check = head_hash(head);
  return copse_put(change->txn, change->ledger->head, "head", 4, head, sizeof *head, 0);
}

int ledger_change_in(struct ledger *ledger, struct copse_txn *txn, unsigned operations) {
  struct change change = {.ledger = ledger, .txn = txn};
  int result = head_get(ledger, copse_txn_view(txn), &change.head);
  if (result < 0)
    return result;
  CHECK_EQ(change.head.version, copse_store_version(ledger->store));
  result = copse_map_open(copse_txn_view(txn), "c", NULL, &change.c);
  if (result == COPSE_E_NO_MAP)
    change.c = NULL;
  else if (result)
    return result;
  result = 0;
  for (unsigned i = 0; i < operations && result >= 0; i++)
    result = test_random_one_in(&ledger->random, 20) ? nested(&change) : operation(&change);
  if (result >= 0)
    result = head_put(&change);
  if (change.c)
    copse_map_close(change.c);
  ledger->last = change.head;
  return result < 0 ? result : 0;
}

int ledger_change(struct ledger *ledger, int64_t timeout_ns, uint64_t *version) {
  struct copse_txn *txn;
  TRY(copse_txn_begin(ledger->store, timeout_ns, &txn));
  unsigned operations = (unsigned)test_random_range(&ledger->random, 1, 6);
  if (test_random_one_in(&ledger->random, 40))
    operations = 100;
  int result = ledger_change_in(ledger, txn, operations);
  *version = 0;
  if (result || test_random_one_in(&ledger->random, 10)) {
    copse_txn_abort(txn);
    *(result ? &ledger->refused : &ledger->aborts) += 1;
    return result;
  }
  TRY(copse_txn_commit(txn, version));
  CHECK_EQ(*version, ledger->last.version);
  ledger->commits++;
  return 0;
}

/* --- reading ----------------------------------------------------------------------------- */

static int map_read(struct ledger *ledger, struct copse_view *view, struct copse_map *map,
                    char which, struct ledger_sum *sum) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint64_t seed, count;
  int result, forward = test_random_one_in(&ledger->random, 2);
  *sum = (struct ledger_sum){0, 0};
  TRY(copse_count(view, map, &count));
  TRY(copse_cursor_open(view, map, NULL, &cursor));
  result =
      forward ? copse_cursor_first(cursor, &key, &value) : copse_cursor_last(cursor, &key, &value);
  while (result == 0) {
    CHECK_MSG(value_sound(&value, &seed), "a value of %zu bytes in map %c", value.size, which);
    sum->count++;
    sum->sum += record_hash(which, key.data, key.size, seed, value.size);
    result =
        forward ? copse_cursor_next(cursor, &key, &value) : copse_cursor_prev(cursor, &key, &value);
  }
  copse_cursor_close(cursor);
  if (result == COPSE_NONE)
    CHECK_EQ(sum->count, count);
  return result < 0 ? result : 0;
}

int ledger_read(struct ledger *ledger, struct copse_view *view, struct ledger_head *head) {
  struct ledger_sum sum;
  struct copse_map *c;
  TRY(head_get(ledger, view, head));
  TRY(map_read(ledger, view, ledger->a, 'a', &sum));
  CHECK_EQ(sum.count, head->a.count);
  CHECK_EQ(sum.sum, head->a.sum);
  TRY(map_read(ledger, view, ledger->b, 'b', &sum));
  CHECK_EQ(sum.count, head->b.count);
  CHECK_EQ(sum.sum, head->b.sum);
  int result = copse_map_open(view, "c", NULL, &c);
  sum = (struct ledger_sum){0, 0};
  if (result == 0) {
    result = map_read(ledger, view, c, 'c', &sum);
    copse_map_close(c);
  } else if (result == COPSE_E_NO_MAP) {
    result = 0;
  }
  TRY(result);
  CHECK_EQ(sum.count, head->c.count);
  CHECK_EQ(sum.sum, head->c.sum);
  return 0;
}

int ledger_sample(struct ledger *ledger, struct copse_view *view, unsigned records) {
  struct key key;
  struct copse_bytes value;
  struct ledger_head head;
  uint64_t seed;
  TRY(head_get(ledger, view, &head));
  for (unsigned i = 0; i < records; i++) {
    key_make(&key, test_random_below(&ledger->random, ledger->keys));
    int result = copse_get(view, ledger->a, key.bytes, key.size, &value);
    TRY(result);
    if (result == 0)
      CHECK(value_sound(&value, &seed));
  }
  return 0;
}

uint64_t ledger_verify(struct ledger *ledger) {
  struct copse_snapshot *snapshot;
  struct ledger_head head;
  CHECK_OK(copse_snapshot_open(ledger->store, 0, &snapshot));
  uint64_t version = copse_snapshot_version(snapshot);
  CHECK_OK(ledger_read(ledger, copse_snapshot_view(snapshot), &head));
  CHECK_EQ(head.version, version);
  copse_snapshot_close(snapshot);
  return version;
}

static void fault_print(void *context, const char *sentence) {
  int *shown = context;
  if ((*shown)++ < 8)
    test_note(__FILE__, __LINE__, "checker: %s", sentence);
}

void ledger_check(struct copse_store *store) {
  struct copse_check check;
  int shown = 0;
  CHECK_OK(copse_check_store(store, -1, fault_print, NULL, &shown, &check));
  CHECK_EQ(check.errors, 0);
}

/* --- opening ----------------------------------------------------------------------------- */

/* Maps and the first head in one transaction. COPSE_NONE: somebody else has made them. */
static int ledger_found(struct ledger *ledger) {
  struct copse_map_options fixed = {.key_kind = COPSE_KEY_U64, .value_size = FIXED};
  struct copse_txn *txn;
  struct ledger_head head = {0};
  CHECK_OK(copse_txn_begin(ledger->store, -1, &txn));
  int result = copse_map_create(txn, "head", NULL, &ledger->head);
  if (result == COPSE_E_MAP_EXISTS) {
    CHECK_OK(
        copse_txn_commit(txn, NULL)); /* waits until it is durable, where snapshots ask for that */
    return COPSE_NONE;
  }
  CHECK_OK(result);
  CHECK_OK(copse_map_create(txn, "a", NULL, &ledger->a));
  CHECK_OK(copse_map_create(txn, "b", &fixed, &ledger->b));
  head.version = copse_store_version(ledger->store) + 1;
  head.check = head_hash(&head);
  CHECK_OK(copse_put(txn, ledger->head, "head", 4, &head, sizeof head, 0));
  CHECK_OK(copse_txn_commit(txn, NULL));
  return 0;
}

/* Opens the maps that are there. */
static int ledger_join(struct ledger *ledger) {
  struct copse_map **maps[] = {&ledger->head, &ledger->a, &ledger->b};
  static const char *const names[] = {"head", "a", "b"};
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_snapshot_open(ledger->store, 0, &snapshot));
  int result = 0;
  for (int i = 0; i < 3 && result == 0; i++)
    result = copse_map_open(copse_snapshot_view(snapshot), names[i], NULL, maps[i]);
  copse_snapshot_close(snapshot);
  for (int i = 0; i < 3 && result; i++) {
    copse_map_close(*maps[i]);
    *maps[i] = NULL;
  }
  return result;
}

void ledger_open(struct ledger *ledger, struct copse_store *store, uint64_t seed) {
  *ledger =
      (struct ledger){.store = store, .random = {seed}, .writer = seed, .keys = 600, .large = 40};
  int result = ledger_join(ledger);
  if (result == COPSE_E_NO_MAP && ledger_found(ledger) == 0)
    return;
  while (result == COPSE_E_NO_MAP || result == COPSE_E_OVERRUN) /* writers pass observers */
    result = ledger_join(ledger);
  CHECK_OK(result);
}

void ledger_close(struct ledger *ledger) {
  copse_map_close(ledger->head);
  copse_map_close(ledger->a);
  copse_map_close(ledger->b);
}
