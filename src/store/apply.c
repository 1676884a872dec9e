/* store/apply.c - does what batches ask for, within one transaction.
 *
 * Plain batches (puts and deletes only) are merged: all their operations are sorted by map and key,
 * those of one key in their order, and only the last of a key is done. The paths of the next
 * sixteen are brought into the cache at once. Any other batch waits for the plain ones before it, and
 * is then done by itself, operation by operation; if one is refused, all of it is undone.
 *
 * A batch's bytes come from memory that any writer can write to: each size is looked at, and the map is
 * what the catalog says, whatever the batch says. */
#include <endian.h>
#include <string.h>

#include "base/grow.h"
#include "store/combine.h"

#define CLIENTS_MAP "copse.clients"
#define WARM TREE_BATCH /* keys whose paths are fetched at once */
#define MAPS_KEPT 1000u

/* --- operations ------------------------------------------------------------------------ */

struct operation {
  struct ring_operation head;
  const uint8_t *key;
  struct copse_bytes value, expected;
};

/* Takes one operation from *at; 0: there is none that makes sense. */
static int operation_next(const uint8_t **at, const uint8_t *end, struct operation *operation) {
  struct ring_operation *head = &operation->head;
  if ((size_t)(end - *at) < sizeof *head)
    return 0;
  memcpy(head, *at, sizeof *head);
  const uint8_t *key = *at + sizeof *head;
  uint64_t value = head->value == RING_NO_BYTES ? 0 : head->value;
  uint64_t expected = head->expected == RING_NO_BYTES ? 0 : head->expected;
  uint64_t size = (head->key + value + expected + 7) & ~UINT64_C(7);
  if (head->kind < RING_PUT || head->kind > RING_APPEND || size > (uint64_t)(end - key))
    return 0;
  operation->key = key;
  operation->value = (struct copse_bytes){key + head->key, value};
  operation->expected = (struct copse_bytes){key + head->key + value, expected};
  *at = key + size;
  return 1;
}

/* Where a batch's operations begin and end; 0: the entry makes no sense. */
static int operations_of(const struct combine *combine, const struct part *part, const uint8_t **at,
                         const uint8_t **end) {
  const struct ring_entry *entry = part_entry(combine, part);
  uint64_t head = sizeof *entry + (((uint64_t)entry->name + 7) & ~UINT64_C(7));
  if (head > entry->bytes)
    return 0;
  *at = (const uint8_t *)entry + head;
  *end = (const uint8_t *)entry + entry->bytes;
  return 1;
}

/* Finds out what map an operation means; NO_MAP. */
static int map_resolve(struct copse_store *store, const struct ring_operation *head,
                       struct txn_map **own, uint32_t *index) {
  struct combine *combine = store->combine;
  uint32_t i = combine->last_map;
  if (i >= combine->map_count || combine->maps[i].id != head->map ||
      combine->maps[i].tag != head->tag)
    for (i = 0; i < combine->map_count; i++)
      if (combine->maps[i].id == head->map && combine->maps[i].tag == head->tag)
        break;
  if (i == combine->map_count) {
    int result = base_grow(&combine->maps, &combine->map_capacity, i + 1, sizeof *combine->maps);
    if (result == 0)
      result = map_by_id(&store->txn.view, head->map, head->tag, &combine->maps[i]);
    if (result)
      return result;
    combine->map_count++;
  }
  combine->last_map = *index = i;
  int result = txn_map_find(&store->txn, &combine->maps[i], own);
  return result == COPSE_NONE ? COPSE_E_NO_MAP : result;
}

/* Whether an error means that the batch does not fit the store, rather than that the store is not able
 * to take it now. */
static int is_refusal(int result) {
  return result == COPSE_E_CONFLICT || result == COPSE_E_NO_MAP || result == COPSE_E_KEY_SIZE ||
         result == COPSE_E_VALUE_SIZE || result == COPSE_E_MAP_KIND || result == COPSE_E_ORDER;
}

static uint64_t key_prefix(const uint8_t *key, uint32_t size) {
  uint64_t prefix = 0;
  memcpy(&prefix, key, size < 8 ? size : 8);
  return be64toh(prefix);
}

/* --- plain batches --------------------------------------------------------------------- */

static int step_compare(const struct step *a, const struct step *b) {
  if (a->map != b->map)
    return a->map < b->map ? -1 : 1;
  if (a->prefix != b->prefix)
    return a->prefix < b->prefix ? -1 : 1;
  uint32_t size = a->key_size < b->key_size ? a->key_size : b->key_size;
  int order = size > 8 ? memcmp(a->key + 8, b->key + 8, size - 8) : 0;
  return order ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

/* Sorts from steps to sorted and back, in rounds of merging; equal keys keep their order. The result is
 * where this points to. */
static struct step *steps_sort(struct combine *combine) {
  struct step *from = combine->steps, *to = combine->sorted;
  size_t count = combine->step_count;
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t start = 0; start < count; start += 2 * width) {
      size_t middle = start + width < count ? start + width : count;
      size_t end = start + 2 * width < count ? start + 2 * width : count;
      size_t a = start, b = middle;
      for (size_t i = start; i < end; i++)
        to[i] = b >= end || (a < middle && step_compare(&from[a], &from[b]) <= 0) ? from[a++]
                                                                                  : from[b++];
    }
    struct step *other = from;
    from = to;
    to = other;
  }
  return from;
}

/* Fetches the paths to some keys of one map. */
static int steps_warm(struct copse_store *store, const struct step *steps, size_t count) {
  struct tree_key keys[WARM];
  struct tree_value values[WARM];
  struct txn_map *own;
  int result = txn_map_find(&store->txn, &store->combine->maps[steps->map], &own);
  for (size_t i = 0; i < count; i++)
    keys[i] = (struct tree_key){steps[i].key, steps[i].key_size};
  return result ? result : tree_multiget(&store->txn.view.pages, &own->tree, count, keys, values);
}

static int step_do(struct copse_store *store, const struct step *step) {
  struct copse_map *map = &store->combine->maps[step->map];
  if (step->kind == RING_PUT)
    return copse_put(&store->txn, map, step->key, step->key_size, step->value, step->value_size, 0);
  int result = copse_delete(&store->txn, map, step->key, step->key_size);
  return result == COPSE_NONE ? 0 : result;
}

static int steps_do(struct copse_store *store) {
  struct combine *combine = store->combine;
  size_t count = combine->step_count;
  struct step *steps = steps_sort(combine);
  combine->step_count = 0;
  for (size_t i = 0, next; i < count; i = next) {
    for (next = i + 1; next < count && next < i + WARM && steps[next].map == steps[i].map;)
      next++;
    int result = next - i > 2 ? steps_warm(store, &steps[i], next - i) : 0;
    for (size_t k = i; k < next && result == 0; k++)
      if (k + 1 == count || step_compare(&steps[k], &steps[k + 1]) != 0)
        result = step_do(store, &steps[k]);
    if (result)
      return result;
  }
  return 0;
}

/* Takes a plain batch's operations among the steps; if it is refused, none of them. */
static int plain_take(struct copse_store *store, struct part *part) {
  struct combine *combine = store->combine;
  size_t first = combine->step_count;
  const uint8_t *at, *end;
  struct operation operation;
  struct txn_map *own;
  uint32_t map;
  if (!operations_of(combine, part, &at, &end)) /* as in part_look() */
    return COPSE_E_CORRUPT;
  for (uint32_t n = part_entry(combine, part)->operations; n > 0; n--) {
    int result = operation_next(&at, end, &operation) /* as in part_look() */
                     ? map_resolve(store, &operation.head, &own, &map)
                     : COPSE_E_CORRUPT;
    if (result == 0)
      result = key_check(&combine->maps[map], operation.key, operation.head.key);
    if (result == 0 && operation.head.kind == RING_PUT)
      result = value_size_check(&combine->maps[map], operation.value.size);
    if (result && !is_refusal(result))
      return result;
    if (result) {
      part->result = (struct ring_result){result, part_entry(combine, part)->operations - n, 0};
      combine->step_count = first;
      return 0;
    }
    struct step *step = &combine->steps[combine->step_count++]; /* room: parts_apply() */
    *step = (struct step){.prefix = key_prefix(operation.key, operation.head.key),
                          .key = operation.key,
                          .value = operation.value.data,
                          .key_size = operation.head.key,
                          .value_size = (uint32_t)operation.value.size,
                          .map = map,
                          .kind = operation.head.kind};
  }
  return 0;
}

/* --- other batches --------------------------------------------------------------------- */

static int slot_append(struct copse_store *store, const struct copse_map *map,
                       const struct copse_bytes *value, struct ring_result *outcome, int first) {
  struct copse_arena arena = {*map, arena_shape_make(map->value_size), 0};
  uint64_t index;
  int result = value_size_check(map, value->size);
  if (result == 0)
    result = copse_arena_append(&store->txn, &arena, 1, value->data, &index);
  if (result == 0 && first)
    outcome->first = index;
  return result;
}

static int append_do(struct copse_store *store, struct copse_map *map, struct txn_map *own,
                     const struct copse_bytes *value, struct ring_result *outcome, int first) {
  struct tree_cursor cursor;
  struct tree_key last;
  struct tree_value found;
  uint8_t bytes[8];
  uint64_t key = 0;
  if (map->key_kind == COPSE_KEY_SLOT)
    return slot_append(store, map, value, outcome, first);
  if (map->key_kind != COPSE_KEY_U64)
    return error_set(COPSE_E_MAP_KIND, "records are appended to maps of uint64 keys only");
  cursor_init(&cursor, &store->txn.view.pages, &own->tree);
  int result = cursor_last(&cursor);
  if (result == 0)
    result = cursor_record(&cursor, &last, &found);
  if (result == 0)
    key = copse_key_to_u64(last.data) + 1;
  if (result < 0)
    return result;
  if (result == 0 && key == 0)
    return error_set(COPSE_E_ORDER, "the map has a record under the greatest key there is");
  if (first)
    outcome->first = key;
  copse_key_u64(key, bytes);
  return copse_put(&store->txn, map, bytes, 8, value->data, value->size, COPSE_APPEND);
}

static int operation_do(struct copse_store *store, const struct operation *operation,
                        struct ring_result *outcome, int *appended) {
  const struct ring_operation *head = &operation->head;
  struct txn_map *own;
  uint32_t index;
  int result = map_resolve(store, head, &own, &index);
  if (result)
    return result;
  struct copse_map *map = &store->combine->maps[index];
  switch (head->kind) {
  case RING_PUT:
    return copse_put(&store->txn, map, operation->key, head->key, operation->value.data,
                     operation->value.size, 0);
  case RING_DELETE:
    result = copse_delete(&store->txn, map, operation->key, head->key);
    return result == COPSE_NONE ? 0 : result;
  case RING_APPEND: return append_do(store, map, own, &operation->value, outcome, !(*appended)++);
  default:
    return copse_compare_and_set(&store->txn, map, operation->key, head->key,
                                 head->expected == RING_NO_BYTES ? NULL : &operation->expected,
                                 head->value == RING_NO_BYTES ? NULL : &operation->value);
  }
}

static int operations_do(struct copse_store *store, struct part *part, const uint8_t *at,
                         const uint8_t *end) {
  uint32_t count = part_entry(store->combine, part)->operations;
  struct operation operation;
  int appended = 0;
  for (uint32_t i = 0; i < count; i++) {
    int makes_sense = operation_next(&at, end, &operation);
    int result =
        makes_sense ? operation_do(store, &operation, &part->result, &appended) : COPSE_E_CORRUPT;
    if (makes_sense && result && !is_refusal(result))
      return result;
    if (result) {
      part->result = (struct ring_result){result, i, 0};
      return 0;
    }
  }
  return 0;
}

/* What the map of clients keeps for a name. */
struct client_record {
  uint64_t number;
  int32_t code;
  uint32_t failed;
  uint64_t first;
};

/* Opens the map of clients in the transaction. */
static int clients_open(struct copse_txn *txn, struct copse_map **map) {
  static const struct copse_map_options options = {.value_size = sizeof(struct client_record)};
  int result = copse_map_open(&txn->view, CLIENTS_MAP, &options, map);
  return result == COPSE_E_NO_MAP ? copse_map_create(txn, CLIENTS_MAP, &options, map) : result;
}

/* 1: the batch was applied before, and its outcome is that of then. */
static int is_known(struct copse_txn *txn, struct copse_map *map, const struct ring_entry *entry,
                    struct ring_result *outcome, int *known) {
  struct copse_bytes value;
  struct client_record last;
  int result = copse_get(&txn->view, map, entry + 1, entry->name, &value);
  *known = 0;
  if (result)
    return result == COPSE_NONE ? 0 : result;
  memcpy(&last, value.data, sizeof last);
  if (entry->number > last.number)
    return 0;
  *known = 1;
  *outcome = entry->number == last.number ? (struct ring_result){last.code, last.failed, last.first}
                                          : (struct ring_result){COPSE_E_CONFLICT, 0, 0};
  return 0;
}

static int with_token(struct copse_store *store, struct part *part, const uint8_t *at,
                      const uint8_t *end) {
  const struct ring_entry *entry = part_entry(store->combine, part);
  struct copse_map *map;
  int known, result = clients_open(&store->txn, &map);
  if (result)
    return result;
  result = is_known(&store->txn, map, entry, &part->result, &known);
  if (result == 0 && !known) {
    result = txn_savepoint(&store->txn);
    if (result == 0)
      result = operations_do(store, part, at, end);
    if (result == 0 && part->result.code)
      result = copse_savepoint_rollback(&store->txn);
    if (result == 0)
      result = copse_savepoint_release(&store->txn);
    struct client_record record = {entry->number, part->result.code, part->result.failed,
                                   part->result.first};
    if (result == 0)
      result = copse_put(&store->txn, map, entry + 1, entry->name, &record, sizeof record, 0);
  }
  copse_map_close(map);
  return result;
}

static int apply_alone(struct copse_store *store, struct part *part) {
  const uint8_t *at, *end;
  if (part->at == NO_ENTRY || !operations_of(store->combine, part, &at, &end)) {
    part->result = (struct ring_result){COPSE_E_CORRUPT, 0, 0};
    return 0;
  }
  const struct ring_entry *entry = part_entry(store->combine, part);
  if (entry->name)
    return with_token(store, part, at, end);
  if (entry->operations == 1)
    return operations_do(store, part, at, end);
  int result = txn_savepoint(&store->txn);
  if (result == 0)
    result = operations_do(store, part, at, end);
  if (result == 0 && part->result.code)
    result = copse_savepoint_rollback(&store->txn);
  int released = copse_savepoint_release(&store->txn);
  return result ? result : released;
}

/* --- all of them ----------------------------------------------------------------------- */

/* Says whether a batch is plain, and counts its operations. */
static void part_look(const struct combine *combine, struct part *part, size_t *operations) {
  const uint8_t *at, *end;
  struct operation operation;
  part->plain = 0;
  if (part->at == NO_ENTRY)
    return;
  const struct ring_entry *entry = part_entry(combine, part);
  if (entry->name || !operations_of(combine, part, &at, &end))
    return;
  for (uint32_t n = 0; n < entry->operations; n++)
    if (!operation_next(&at, end, &operation) || operation.head.kind > RING_DELETE)
      return;
  part->plain = 1;
  *operations += entry->operations;
}

int parts_apply(struct copse_store *store, struct part *parts, size_t count) {
  struct combine *combine = store->combine;
  size_t operations = 0;
  combine->step_count = 0;
  if (combine->map_count > MAPS_KEPT)
    combine->map_count = 0;
  for (size_t i = 0; i < count; i++) {
    parts[i].result = (struct ring_result){0, 0, 0};
    part_look(combine, &parts[i], &operations);
  }
  if (base_grow(&combine->steps, &combine->step_capacity, operations, sizeof *combine->steps) ||
      base_grow(&combine->sorted, &combine->sorted_capacity, operations, sizeof *combine->sorted))
    return error_set(COPSE_E_MEMORY, "no memory to apply %zu operations", operations);
  for (size_t i = 0; i < count; i++) {
    int result;
    if (parts[i].plain) {
      result = plain_take(store, &parts[i]);
    } else {
      result = steps_do(store);
      if (result == 0)
        result = apply_alone(store, &parts[i]);
    }
    if (result)
      return result;
  }
  return steps_do(store);
}
