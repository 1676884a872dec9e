/* test_arena_model.c - random operations on an arena beside a sorted list that does the same:
 * inserting at the lowest free slot and anywhere, bulk, updating, removing, savepoints, aborts; handles of
 * all times; snapshots compared record by record, and with one another; the checker now and then. */
#include <stdlib.h>

#include "copse/copse.h"
#include "test.h"

struct slot {
  uint64_t index, value;
  uint32_t generation; /* of the record, or of the last one */
  int live;
};

struct model {
  struct slot *slots; /* that were ever used, in order */
  size_t count, capacity;
  uint64_t live, end;
};

static void model_copy(struct model *to, const struct model *from) {
  free(to->slots);
  *to = *from;
  to->capacity = from->count + 1;
  to->slots = malloc(to->capacity * sizeof *to->slots);
  CHECK(to->slots);
  if (from->count)
    memcpy(to->slots, from->slots, from->count * sizeof *to->slots);
}

static size_t place_of(const struct model *model, uint64_t index) {
  size_t low = 0, high = model->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (model->slots[middle].index < index)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct slot *slot_of(struct model *model, uint64_t index) {
  size_t at = place_of(model, index);
  return at < model->count && model->slots[at].index == index ? &model->slots[at] : NULL;
}

static struct slot *slot_use(struct model *model, uint64_t index, uint64_t value) {
  size_t at = place_of(model, index);
  if (at == model->count || model->slots[at].index != index) {
    if (model->count == model->capacity) {
      model->capacity = 2 * model->capacity + 64;
      model->slots = realloc(model->slots, model->capacity * sizeof *model->slots);
      CHECK(model->slots);
    }
    memmove(&model->slots[at + 1], &model->slots[at], (model->count - at) * sizeof *model->slots);
    model->slots[at] = (struct slot){.index = index};
    model->count++;
  }
  struct slot *slot = &model->slots[at];
  CHECK(!slot->live);
  slot->live = 1;
  slot->generation++;
  slot->value = value;
  model->live++;
  if (index >= model->end)
    model->end = index + 1;
  return slot;
}

static uint64_t lowest_free(const struct model *model) {
  uint64_t index = 0;
  for (size_t i = 0; i < model->count && model->slots[i].index == index && model->slots[i].live;)
    index++, i++;
  return index;
}

#define SNAPSHOTS 4
#define HANDLES 4000

struct run {
  struct test_random random;
  struct copse_store *store;
  struct copse_arena *arena;
  uint32_t size;
  struct model now, base, saved; /* in the transaction, before it, at its savepoint */
  struct copse_snapshot *snapshots[SNAPSHOTS];
  struct model pictures[SNAPSHOTS];
  unsigned oustable;                    /* a bit for each */
  struct copse_handle handles[HANDLES]; /* some of all that there ever were */
  size_t handle_count;
  uint8_t *record;
};

static void record_fill(const struct run *run, uint64_t value, uint8_t *record) {
  for (uint32_t i = 0; i < run->size; i++)
    record[i] = (uint8_t)((value >> 8 * (i % 8)) + i);
}

static void handle_keep(struct run *run, const struct copse_handle *handle) {
  size_t at =
      run->handle_count < HANDLES ? run->handle_count++ : test_random_below(&run->random, HANDLES);
  run->handles[at] = *handle;
}

/* --- operations ------------------------------------------------------------------------ */

static uint64_t index_anywhere(struct run *run) {
  struct test_random *random = &run->random;
  switch (test_random_below(random, 4)) {
  case 0: return test_random_below(random, 20000);
  case 1: return run->now.end + test_random_below(random, 300);
  case 2: return test_random_next(random) >> (16 + test_random_below(random, 40));
  default:
    return run->now.count ? run->now.slots[test_random_below(random, run->now.count)].index : 0;
  }
}

static void do_insert(struct run *run, struct copse_txn *txn, uint64_t index) {
  uint64_t value = test_random_next(&run->random);
  struct copse_handle handle;
  int any = index == UINT64_MAX;
  if (any)
    index = lowest_free(&run->now);
  if (index >= COPSE_ARENA_INDEX_END)
    return;
  struct slot *slot = slot_of(&run->now, index);
  record_fill(run, value, run->record);
  if (slot && slot->live) {
    CHECK_RESULT(copse_arena_insert_at(txn, run->arena, index, run->record, NULL, NULL),
                 COPSE_E_KEY_EXISTS);
    return;
  }
  CHECK_OK(any ? copse_arena_insert(txn, run->arena, run->record, &handle, NULL)
               : copse_arena_insert_at(txn, run->arena, index, run->record, &handle, NULL));
  slot = slot_use(&run->now, index, value);
  CHECK_EQ(handle.index, index);
  CHECK_EQ(handle.generation, slot->generation);
  handle_keep(run, &handle);
}

static void do_append(struct run *run, struct copse_txn *txn) {
  uint64_t n = test_random_below(&run->random, test_random_one_in(&run->random, 4) ? 3000 : 40);
  uint64_t first, value = test_random_next(&run->random);
  if (n * run->size > 1000000)
    n = 1000000 / run->size;
  if (run->now.end + n > COPSE_ARENA_INDEX_END)
    return;
  uint8_t *records = malloc(n * run->size + 1);
  CHECK(records);
  for (uint64_t i = 0; i < n; i++)
    record_fill(run, value + i, records + i * run->size);
  CHECK_OK(copse_arena_append(txn, run->arena, n, records, &first));
  free(records);
  CHECK_EQ(first, run->now.end);
  for (uint64_t i = 0; i < n; i++)
    slot_use(&run->now, first + i, value + i);
}

/* What a handle that was kept names now. */
static int expected(struct model *model, const struct copse_handle *handle, struct slot **slot) {
  *slot = slot_of(model, handle->index);
  if (!*slot || (*slot)->generation < handle->generation)
    return COPSE_E_NOT_YET;
  return (*slot)->live && (*slot)->generation == handle->generation ? 0 : COPSE_E_STALE;
}

static void record_is(struct run *run, const struct slot *slot, const void *record) {
  record_fill(run, slot->value, run->record);
  CHECK_BYTES(record, run->size, run->record, run->size);
}

static void handle_check(struct run *run, struct copse_view *view, struct model *model) {
  const void *record;
  struct slot *slot;
  if (run->handle_count == 0)
    return;
  const struct copse_handle *handle =
      &run->handles[test_random_below(&run->random, run->handle_count)];
  int result = expected(model, handle, &slot);
  CHECK_RESULT(copse_arena_get(view, run->arena, handle, &record), result);
  if (result == 0)
    record_is(run, slot, record);
}

/* Changes or removes the record of some handle, or of some slot. */
static void do_change(struct run *run, struct copse_txn *txn, int removes) {
  struct copse_handle handle;
  const void *record;
  struct slot *slot;
  if (run->now.count == 0)
    return;
  if (run->handle_count && test_random_one_in(&run->random, 2)) {
    handle = run->handles[test_random_below(&run->random, run->handle_count)];
  } else {
    slot = &run->now.slots[test_random_below(&run->random, run->now.count)];
    CHECK_RESULT(copse_arena_at(copse_txn_view(txn), run->arena, slot->index, &handle, &record),
                 slot->live ? 0 : COPSE_NONE);
    if (!slot->live)
      return;
    handle_keep(run, &handle);
  }
  int result = expected(&run->now, &handle, &slot);
  uint64_t value = test_random_next(&run->random);
  record_fill(run, value, run->record);
  if (removes) {
    CHECK_RESULT(copse_arena_remove(txn, run->arena, &handle), result);
    if (result == 0) {
      slot->live = 0;
      run->now.live--;
    }
  } else {
    CHECK_RESULT(copse_arena_update(txn, run->arena, &handle, run->record, NULL), result);
    if (result == 0)
      slot->value = value;
  }
}

/* Removes a whole range: leaves, and nodes, without any live slot. */
static void do_clear(struct run *run, struct copse_txn *txn) {
  uint64_t from = index_anywhere(run), n = test_random_below(&run->random, 3000);
  for (size_t i = place_of(&run->now, from); i < run->now.count && n; i++, n--) {
    struct slot *slot = &run->now.slots[i];
    struct copse_handle handle;
    const void *record;
    if (!slot->live)
      continue;
    CHECK_OK(copse_arena_at(copse_txn_view(txn), run->arena, slot->index, &handle, &record));
    CHECK_OK(copse_arena_remove(txn, run->arena, &handle));
    slot->live = 0;
    run->now.live--;
  }
}

/* --- comparing ------------------------------------------------------------------------- */

static void whole_compare(struct run *run, struct copse_view *view, struct model *model) {
  struct copse_chunk chunk = {0};
  uint64_t used = 0, count;
  int result = 0;
  for (size_t i = 0; i < model->count; i++) {
    const struct slot *slot = &model->slots[i];
    if (!slot->live)
      continue;
    if (used == chunk.count) {
      CHECK_OK(copse_arena_chunk(view, run->arena, chunk.first + chunk.count, &chunk));
      used = 0;
    }
    CHECK_EQ(chunk.first + used, slot->index);
    record_is(run, slot, (const uint8_t *)chunk.records + used * run->size);
    used++;
  }
  CHECK_EQ(used, chunk.count);
  result = copse_arena_chunk(view, run->arena, chunk.first + chunk.count, &chunk);
  CHECK_EQ(result, COPSE_NONE);
  CHECK_OK(copse_arena_count(view, run->arena, &count));
  CHECK_EQ(count, model->live);
  for (int i = 0; i < 100; i++)
    handle_check(run, view, model);
}

/* All differences of two versions, found by going through both models. */
static void differences_compare(struct run *run, struct copse_view *before, struct model *old,
                                struct copse_view *after, struct model *new) {
  struct copse_diff *diff;
  struct copse_change change;
  size_t i = 0, k = 0;
  CHECK_OK(copse_diff_open(before, after, copse_arena_map(run->arena), NULL, &diff));
  while (i < old->count || k < new->count) {
    uint64_t a = i < old->count ? old->slots[i].index : UINT64_MAX;
    uint64_t b = k < new->count ? new->slots[k].index : UINT64_MAX, index = a < b ? a : b;
    const struct slot *x = a == index ? &old->slots[i++] : NULL;
    const struct slot *y = b == index ? &new->slots[k++] : NULL;
    x = x && x->live ? x : NULL;
    y = y && y->live ? y : NULL;
    if ((!x && !y) || (x && y && x->generation == y->generation && x->value == y->value))
      continue;
    int result = copse_diff_next(diff, &change);
    if (x && y && x->generation == y->generation) { /* of small records, perhaps the same bytes */
      record_fill(run, x->value, run->record);
      uint8_t *other = malloc(run->size);
      CHECK(other);
      record_fill(run, y->value, other);
      int same = memcmp(other, run->record, run->size) == 0;
      free(other);
      CHECK(!same || run->size < 8);
      if (same) { /* then this change was another slot's: begin again behind this one */
        copse_diff_close(diff);
        uint8_t key[8];
        copse_key_u64(index, key);
        struct copse_range range = {.from = {key, 8}, .from_exclusive = 1};
        CHECK_OK(copse_diff_open(before, after, copse_arena_map(run->arena), &range, &diff));
        continue;
      }
    }
    CHECK_OK(result);
    CHECK_EQ(copse_key_to_u64(change.key.data), index);
    CHECK_EQ((int)change.kind, x && y ? COPSE_CHANGED : x ? COPSE_REMOVED : COPSE_ADDED);
    if (x)
      record_is(run, x, change.before.data);
    if (y)
      record_is(run, y, change.after.data);
  }
  CHECK_RESULT(copse_diff_next(diff, &change), COPSE_NONE);
  copse_diff_close(diff);
}

static int is_oustable(const struct run *run, unsigned i) { return run->oustable >> i & 1; }

/* Some snapshot with the transaction, or the other way round, or with another snapshot. */
static void some_diff(struct run *run, struct copse_view *now) {
  unsigned i = (unsigned)test_random_below(&run->random, SNAPSHOTS);
  unsigned k = (unsigned)test_random_below(&run->random, SNAPSHOTS);
  if (!run->snapshots[i] || is_oustable(run, i))
    return;
  struct copse_view *view = copse_snapshot_view(run->snapshots[i]);
  if (test_random_one_in(&run->random, 2))
    differences_compare(run, view, &run->pictures[i], now, &run->now);
  else if (run->snapshots[k] && !is_oustable(run, k))
    differences_compare(run, view, &run->pictures[i], copse_snapshot_view(run->snapshots[k]),
                        &run->pictures[k]);
  else
    differences_compare(run, now, &run->now, view, &run->pictures[i]);
}

static void fault_print(void *context, const char *sentence) {
  (void)context;
  test_note(__FILE__, __LINE__, "%s", sentence);
}

static void check(struct run *run) {
  struct copse_check found;
  CHECK_OK(copse_check_store(run->store, -1, fault_print, NULL, NULL, &found));
  CHECK_EQ(found.errors, 0);
}

/* A copy of the version in another store, made of what copse_arena_slots() tells: slot for slot the
 * model's, and an arena that goes on as this one would. */
static void copy_compare(struct run *run, struct copse_view *view, struct model *model) {
  struct copse_arena_info info, copied;
  struct copse_slots slots;
  struct copse_store *store = run->store, *other;
  struct copse_arena *arena = run->arena, *copy;
  struct copse_txn *txn;
  size_t at = 0;
  CHECK_OK(copse_arena_info(view, arena, &info));
  struct copse_arena_options options = {.record_size = run->size, .arena = info.arena};
  CHECK_OK(copse_store_open(NULL, NULL, &other));
  CHECK_OK(copse_arena_ensure(other, "copy", &options, -1, &copy));
  CHECK_OK(copse_txn_begin(other, -1, &txn));
  for (uint64_t i = 0; copse_arena_slots(view, arena, i, &slots) == 0;
       i = slots.first + slots.count) {
    for (uint64_t k = 0; k < slots.count; k++, at++) {
      CHECK_LT(at, model->count);
      CHECK_EQ(slots.first + k, model->slots[at].index);
      CHECK_EQ(slots.generation, model->slots[at].generation);
      CHECK_EQ(slots.records != NULL, model->slots[at].live);
    }
    CHECK_OK(copse_arena_restore(txn, copy, &slots));
  }
  CHECK_EQ(at, model->count);
  if (at)
    CHECK_RESULT(copse_arena_restore(txn, copy, &slots), COPSE_E_KEY_EXISTS);
  CHECK_OK(copse_txn_commit(txn, NULL));
  run->store = other;
  run->arena = copy;
  check(run);
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_snapshot_open(other, 0, &snapshot));
  whole_compare(run, copse_snapshot_view(snapshot), model);
  CHECK_OK(copse_arena_info(copse_snapshot_view(snapshot), copy, &copied));
  CHECK_EQ(copied.end, info.end);
  copse_snapshot_close(snapshot);
  struct model now = run->now;
  run->now = (struct model){0};
  model_copy(&run->now, model);
  CHECK_OK(copse_txn_begin(other, -1, &txn));
  for (int i = 0; i < 20; i++)
    do_insert(run, txn, UINT64_MAX);
  CHECK_OK(copse_txn_commit(txn, NULL));
  check(run);
  free(run->now.slots);
  run->now = now;
  run->store = store;
  run->arena = arena;
  copse_arena_close(copy);
  CHECK_OK(copse_store_close(other));
}

static void snapshot_renew(struct run *run, unsigned i) {
  if (run->snapshots[i]) {
    whole_compare(run, copse_snapshot_view(run->snapshots[i]), &run->pictures[i]);
    if (test_random_one_in(&run->random, 2))
      copy_compare(run, copse_snapshot_view(run->snapshots[i]), &run->pictures[i]);
    copse_snapshot_close(run->snapshots[i]);
  }
  uint32_t flags = test_random_one_in(&run->random, 4) ? COPSE_SNAPSHOT_OUSTABLE : 0;
  run->oustable &= ~(1u << i);
  run->oustable |= flags ? 1u << i : 0;
  CHECK_OK(copse_snapshot_open(run->store, flags, &run->snapshots[i]));
  model_copy(&run->pictures[i], &run->now);
}

static void transaction(struct run *run) {
  struct test_random *random = &run->random;
  struct copse_txn *txn;
  int saved = 0;
  CHECK_OK(copse_txn_begin(run->store, -1, &txn));
  model_copy(&run->base, &run->now);
  for (uint64_t n = test_random_below(random, 30); n > 0; n--) {
    switch (test_random_below(random, 12)) {
    case 0:
    case 1:
    case 2: do_insert(run, txn, UINT64_MAX); break;
    case 3: do_insert(run, txn, index_anywhere(run)); break;
    case 4: do_append(run, txn); break;
    case 5:
    case 6: do_change(run, txn, 0); break;
    case 7:
    case 8: do_change(run, txn, 1); break;
    case 9:
      if (test_random_one_in(random, 6))
        do_clear(run, txn);
      break;
    case 10: handle_check(run, copse_txn_view(txn), &run->now); break;
    default:
      if (!saved && test_random_one_in(random, 2)) {
        CHECK_OK(copse_savepoint(txn));
        model_copy(&run->saved, &run->now);
        saved = 1;
      } else if (saved && test_random_one_in(random, 2)) {
        CHECK_OK(copse_savepoint_rollback(txn));
        model_copy(&run->now, &run->saved);
      }
    }
  }
  if (test_random_one_in(random, 10))
    whole_compare(run, copse_txn_view(txn), &run->now);
  if (test_random_one_in(random, 4))
    some_diff(run, copse_txn_view(txn));
  if (test_random_one_in(random, 6)) {
    copse_txn_abort(txn);
    model_copy(&run->now, &run->base);
  } else {
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
}

static void arena_run(struct run *run, int transactions) {
  struct copse_arena_options options = {.record_size = run->size};
  CHECK_OK(copse_store_open(NULL, NULL, &run->store));
  CHECK_OK(copse_arena_ensure(run->store, "arena", &options, -1, &run->arena));
  run->record = malloc(run->size);
  CHECK(run->record);
  for (int i = 0; i < transactions; i++) {
    transaction(run);
    if (test_random_one_in(&run->random, 8))
      snapshot_renew(run, (unsigned)test_random_below(&run->random, SNAPSHOTS));
    if (test_random_one_in(&run->random, 20))
      check(run);
  }
  for (unsigned i = 0; i < SNAPSHOTS; i++) {
    snapshot_renew(run, i);
    copse_snapshot_close(run->snapshots[i]);
    free(run->pictures[i].slots);
  }
  check(run);
  copse_arena_close(run->arena);
  CHECK_OK(copse_store_close(run->store));
  free(run->now.slots);
  free(run->base.slots);
  free(run->saved.slots);
  free(run->record);
}

TEST(an_arena_does_what_its_model_does) {
  static const uint32_t sizes[] = {1, 2, 3, 8, 24, 64, 200, 1024, 5000, 65536};
  for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct run *run = calloc(1, sizeof *run);
    CHECK(run);
    run->random.state = test_seed() + i;
    run->size = sizes[i];
    arena_run(run, (sizes[i] > 4096 ? 15 : 70) * (int)test_scale());
    free(run);
  }
}
