/* multi/blocks.c - see blocks.h. */
#include "blocks.h"

#include <sched.h>

struct record {
  uint64_t writer, number, place, size, sum;
  uint64_t filling[3];
};

static uint64_t sum_of(const struct record *record) {
  return record->writer * 31 + record->number * 1009 + record->place * 100003 + record->size;
}

void blocks_open(struct blocks *blocks, struct copse_store *store, uint64_t writer) {
  static const struct copse_arena_options options = {.record_size = sizeof(struct record)};
  *blocks = (struct blocks){.store = store, .writer = writer};
  blocks->random.state = test_seed() + writer;
  CHECK_OK(copse_arena_ensure(store, "blocks", &options, -1, &blocks->arena));
}

void blocks_close(struct blocks *blocks) { copse_arena_close(blocks->arena); }

static void fill(struct blocks *blocks, struct copse_reservation *reservation, uint64_t size) {
  void *records;
  uint64_t done = 0, count;
  while (copse_reservation_piece(reservation, done, &records, &count) == 0) {
    for (uint64_t i = 0; i < count; i++) {
      struct record record = {blocks->writer, blocks->number, done + i, size, 0, {1, 2, 3}};
      record.sum = sum_of(&record);
      memcpy((struct record *)records + i, &record, sizeof record);
    }
    done += count;
  }
}

void blocks_step(struct blocks *blocks) {
  struct copse_reservation *reservation;
  struct copse_txn *txn;
  uint64_t most = test_random_one_in(&blocks->random, 4) ? BLOCK_MAX : 200;
  uint64_t room = test_random_range(&blocks->random, 1, most);
  uint64_t size =
      test_random_one_in(&blocks->random, 3) ? test_random_range(&blocks->random, 1, room) : room;
  blocks->number++;
  CHECK_OK(copse_arena_reserve(blocks->arena, room, -1, &reservation));
  fill(blocks, reservation, size);
  if (!test_random_one_in(&blocks->random, 8)) {
    CHECK_OK(copse_txn_begin(blocks->store, -1, &txn));
    CHECK_OK(copse_reservation_publish(txn, reservation, size, NULL));
    if (test_random_one_in(&blocks->random, 8)) {
      copse_txn_abort(txn);
      CHECK_OK(copse_txn_begin(blocks->store, -1, &txn));
      CHECK_OK(copse_reservation_publish(txn, reservation, size, NULL));
    }
    if (test_random_one_in(&blocks->random, 8))
      copse_txn_abort(txn);
    else
      CHECK_OK(copse_txn_commit(txn, NULL));
  }
  copse_reservation_close(reservation);
}

void blocks_check(struct copse_store *store) {
  struct copse_snapshot *snapshot;
  struct copse_arena *arena;
  struct copse_chunk chunk;
  struct record last = {0};
  uint64_t from = 0, next = 0;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  struct copse_view *view = copse_snapshot_view(snapshot);
  int result = copse_arena_open(view, "blocks", NULL, &arena);
  if (result == COPSE_E_NO_MAP) {
    copse_snapshot_close(snapshot);
    return;
  }
  CHECK_OK(result);
  while ((result = copse_arena_chunk(view, arena, from, &chunk)) == 0) {
    for (uint64_t i = 0; i < chunk.count; i++) {
      struct record record;
      memcpy(&record, (const struct record *)chunk.records + i, sizeof record);
      CHECK_EQ(record.sum, sum_of(&record));
      if (last.place + 1 < last.size) { /* a block goes on */
        CHECK_EQ(chunk.first + i, next);
        CHECK_EQ(record.writer, last.writer);
        CHECK_EQ(record.number, last.number);
        CHECK_EQ(record.place, last.place + 1);
      } else {
        CHECK_EQ(record.place, 0);
      }
      last = record;
      next = chunk.first + i + 1;
    }
    from = chunk.first + chunk.count;
  }
  CHECK_EQ(result, COPSE_NONE);
  CHECK_GE(last.place + 1, last.size);
  copse_arena_close(arena);
  copse_snapshot_close(snapshot);
}

void blocks_end(struct copse_store *store) {
  struct copse_check check;
  blocks_check(store);
  do {
    sched_yield();
    CHECK_OK(copse_check_store(store, -1, NULL, NULL, NULL, &check));
    CHECK_EQ(check.errors, 0);
  } while (check.reserved_pages);
}
