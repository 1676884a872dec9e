/* test_arena_table.c - the table of leaves that a view keeps: whatever moves leaves, what is read and
 * written through it is what the arena holds. Arenas are of many leaves, all of which were looked at before. */
#include <stdlib.h>
#include <unistd.h>

#include "test_store_fixture.h"

enum { RECORDS = 2000, SIZE = 64 };

/* An arena, and what its records are to be. A value of 0: it was removed. */
struct book {
  struct copse_arena *arena;
  struct copse_handle handles[RECORDS];
  uint64_t values[RECORDS];
};

static void book_open(struct book *book, struct copse_store *store, const char *name) {
  struct copse_arena_options options = {.record_size = SIZE};
  CHECK_OK(copse_arena_ensure(store, name, &options, -1, &book->arena));
}

static void record_write(uint8_t *record, uint64_t value) {
  for (unsigned i = 0; i < SIZE / 8; i++)
    memcpy(record + 8 * i, &value, 8);
}

static void book_fill(struct book *book, struct copse_txn *txn, uint64_t value) {
  uint8_t record[SIZE];
  for (unsigned i = 0; i < RECORDS; i++) {
    record_write(record, book->values[i] = value + i);
    CHECK_OK(copse_arena_insert(txn, book->arena, record, &book->handles[i], NULL));
  }
}

static void book_update(struct book *book, struct copse_txn *txn, unsigned step, uint64_t value) {
  uint8_t record[SIZE];
  for (unsigned i = 0; i < RECORDS; i += step)
    if (book->values[i]) {
      record_write(record, book->values[i] = value + i);
      CHECK_OK(copse_arena_update(txn, book->arena, &book->handles[i], record, NULL));
    }
}

static void book_is(const struct book *book, struct copse_view *view) {
  uint8_t expected[SIZE];
  const void *record;
  uint64_t live = 0, count;
  for (unsigned i = 0; i < RECORDS; i++) {
    live += book->values[i] != 0;
    record_write(expected, book->values[i]);
    CHECK_RESULT(copse_arena_get(view, book->arena, &book->handles[i], &record),
                 book->values[i] ? 0 : COPSE_E_STALE);
    if (book->values[i])
      CHECK_BYTES(record, SIZE, expected, SIZE);
  }
  CHECK_OK(copse_arena_count(view, book->arena, &count));
  CHECK_EQ(count, live);
}

/* A store with books of one name each, "a" and on. */
static struct copse_store *books_new(struct book *books, unsigned n) {
  struct copse_store *store = store_new(NULL, 0);
  char name[2] = "a";
  for (unsigned i = 0; i < n; i++, name[0]++)
    book_open(&books[i], store, name);
  struct copse_txn *txn = begin(store);
  for (unsigned i = 0; i < n; i++)
    book_fill(&books[i], txn, 1000000 * (i + 1));
  CHECK_OK(copse_txn_commit(txn, NULL));
  return store;
}

static void books_close(struct copse_store *store, struct book *books, unsigned n) {
  store_sound(store);
  for (unsigned i = 0; i < n; i++)
    copse_arena_close(books[i].arena);
  CHECK_OK(copse_store_close(store));
}

TEST(savepoints_and_aborts) {
  static struct book book, before;
  struct copse_store *store = books_new(&book, 1);
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  book_is(&book, view);
  book_update(&book, txn, 3, 5000);
  book_is(&book, view);
  for (unsigned round = 0; round < 2; round++) {
    before = book;
    CHECK_OK(copse_savepoint(txn));
    book_is(&book, view);
    book_update(&book, txn, 2, 6000 + round);
    book_is(&book, view);
    CHECK_OK(copse_savepoint_rollback(txn));
    book = before;
    book_is(&book, view);
    book_update(&book, txn, 5, 7000 + round);
    CHECK_OK(copse_savepoint_release(txn));
    book_is(&book, view);
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  before = book;
  txn = begin(store);
  book_update(&book, txn, 1, 8000);
  book_is(&book, copse_txn_view(txn));
  copse_txn_abort(txn);
  txn = begin(store);
  book_is(&before, copse_txn_view(txn));
  copse_txn_abort(txn);
  books_close(store, &book, 1);
}

TEST(snapshots_that_are_refreshed) {
  static struct book book, before;
  struct copse_store *store = books_new(&book, 1);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_view *view = copse_snapshot_view(snapshot);
  for (unsigned round = 0; round < 3; round++) {
    book_is(&book, view);
    before = book;
    struct copse_txn *txn = begin(store);
    book_update(&book, txn, round + 1, 3000 + round);
    CHECK_OK(copse_txn_commit(txn, NULL));
    book_is(&before, view);
    CHECK_OK(copse_snapshot_refresh(snapshot));
  }
  book_is(&book, view);
  copse_snapshot_close(snapshot);
  /* Its handle serves for the next one. */
  struct copse_txn *txn = begin(store);
  book_update(&book, txn, 1, 4000);
  CHECK_OK(copse_txn_commit(txn, NULL));
  snapshot = snapshot_new(store);
  book_is(&book, copse_snapshot_view(snapshot));
  copse_snapshot_close(snapshot);
  books_close(store, &book, 1);
}

/* More arenas than a view keeps tables of, by turns. */
TEST(many_arenas_in_one_view) {
  enum { BOOKS = 11 };
  static struct book books[BOOKS];
  struct copse_store *store = books_new(books, BOOKS);
  struct copse_txn *txn = begin(store);
  struct copse_snapshot *snapshot = snapshot_new(store);
  const void *record;
  uint8_t mine[SIZE];
  for (unsigned i = 0; i < RECORDS; i += 3)
    for (unsigned b = 0; b < BOOKS; b++) {
      struct book *book = &books[i % 2 ? b : b % 2]; /* all of them, and two alternating */
      CHECK_OK(
          copse_arena_get(copse_snapshot_view(snapshot), book->arena, &book->handles[i], &record));
      CHECK_EQ(*(const uint64_t *)record, 1000000 * (uint64_t)(book - books + 1) + i);
      record_write(mine, book->values[i] = 77000000 + 1000 * b + i);
      CHECK_OK(copse_arena_update(txn, book->arena, &book->handles[i], mine, NULL));
    }
  for (unsigned b = 0; b < BOOKS; b++)
    book_is(&books[b], copse_txn_view(txn));
  CHECK_OK(copse_txn_commit(txn, NULL));
  CHECK_OK(copse_snapshot_refresh(snapshot));
  for (unsigned b = 0; b < BOOKS; b++)
    book_is(&books[b], copse_snapshot_view(snapshot));
  /* One arena by two handles. */
  struct copse_arena *first = books[0].arena, *again;
  CHECK_OK(copse_arena_open(copse_snapshot_view(snapshot), "a", NULL, &again));
  for (unsigned i = 0; i < 4; i++) {
    books[0].arena = i % 2 ? again : first;
    book_is(&books[0], copse_snapshot_view(snapshot));
  }
  books[0].arena = first;
  copse_arena_close(again);
  copse_snapshot_close(snapshot);
  books_close(store, books, BOOKS);
}

TEST(dropped_and_made_anew_in_one_transaction) {
  static struct book old, new;
  struct copse_store *store = books_new(&old, 1);
  struct copse_arena_options options = {.record_size = SIZE};
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  const void *record;
  uint64_t count;
  void *memory;
  book_is(&old, view);
  book_update(&old, txn, 1, 2000);
  CHECK_OK(copse_savepoint(txn));
  book_is(&old, view);
  CHECK_OK(copse_map_drop(txn, copse_arena_map(old.arena)));
  FAILS(copse_arena_get(view, old.arena, &old.handles[0], &record), COPSE_E_NO_MAP, "not there");
  FAILS(copse_arena_count(view, old.arena, &count), COPSE_E_NO_MAP, "not there");
  FAILS(copse_arena_insert(txn, old.arena, NULL, NULL, &memory), COPSE_E_NO_MAP, "not there");
  CHECK_OK(copse_arena_create(txn, "a", &options, &new.arena));
  book_fill(&new, txn, 9000);
  book_is(&new, view);
  FAILS(copse_arena_get(view, new.arena, &old.handles[0], &record), COPSE_E_FOREIGN, "belongs");
  FAILS(copse_arena_get(view, old.arena, &old.handles[0], &record), COPSE_E_NO_MAP, "not there");
  CHECK_OK(copse_savepoint_rollback(txn));
  book_is(&old, view);
  FAILS(copse_arena_get(view, new.arena, &new.handles[0], &record), COPSE_E_NO_MAP, "not there");
  CHECK_OK(copse_savepoint_release(txn));
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_arena_close(new.arena);
  books_close(store, &old, 1);
}

TEST(removed_and_put_in_again) {
  static struct book book;
  struct copse_store *store = books_new(&book, 1);
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  uint8_t record[SIZE];
  book_is(&book, view);
  /* Leaves get words, ... */
  for (unsigned i = 0; i < RECORDS; i += 7) {
    CHECK_OK(copse_arena_remove(txn, book.arena, &book.handles[i]));
    book.values[i] = 0;
  }
  book_is(&book, view);
  /* ... lose all records, ... */
  for (unsigned i = 300; i < 900; i++)
    if (book.values[i]) {
      CHECK_OK(copse_arena_remove(txn, book.arena, &book.handles[i]));
      book.values[i] = 0;
    }
  book_is(&book, view);
  /* ... and get others in their places, the lowest ones first. */
  for (unsigned i = 0; i < RECORDS; i++)
    if (!book.values[i]) {
      record_write(record, book.values[i] = 4000000 + i);
      CHECK_OK(copse_arena_insert(txn, book.arena, record, &book.handles[i], NULL));
      CHECK_EQ(book.handles[i].index, i);
      CHECK_EQ(book.handles[i].generation, 2);
    }
  book_is(&book, view);
  CHECK_OK(copse_txn_commit(txn, NULL));
  books_close(store, &book, 1);
}

static uint64_t index_next(struct copse_txn *txn, struct copse_arena *arena) {
  struct copse_handle handle;
  void *memory;
  CHECK_OK(copse_arena_insert(txn, arena, NULL, &handle, &memory));
  memset(memory, 0, SIZE);
  return handle.index;
}

/* Slots are taken one by one from the leaf that the last one was of; what comes between is heeded. */
TEST(slots_are_taken_in_order_whatever_comes_between) {
  static struct book book;
  struct copse_store *store = books_new(&book, 1);
  struct copse_txn *txn = begin(store);
  uint64_t first, next = RECORDS;
  uint8_t records[2 * SIZE] = {0};
  struct copse_handle taken;
  for (unsigned round = 0; round < 40; round++) {
    CHECK_EQ(index_next(txn, book.arena), next++);
    CHECK_EQ(index_next(txn, book.arena), next++);
    CHECK_OK(copse_arena_append(txn, book.arena, 2, records, &first));
    CHECK_EQ(first, next);
    next += 2;
    CHECK_EQ(index_next(txn, book.arena), next++);
    CHECK_OK(copse_savepoint(txn));
    CHECK_EQ(index_next(txn, book.arena), next);
    CHECK_EQ(index_next(txn, book.arena), next + 1);
    CHECK_OK(copse_savepoint_rollback(txn));
    CHECK_EQ(index_next(txn, book.arena), next++);
    CHECK_OK(copse_savepoint_release(txn));
    for (unsigned i = 2; i-- > 0;) /* the lower one last */
      CHECK_OK(copse_arena_remove(txn, book.arena, &book.handles[20 * round + 10 * i]));
    CHECK_EQ(index_next(txn, book.arena), 20 * round);
    CHECK_EQ(index_next(txn, book.arena), 20 * round + 10);
    CHECK_OK(copse_arena_insert_at(txn, book.arena, next, records, &taken, NULL));
    CHECK_EQ(taken.index, next++);
    CHECK_EQ(index_next(txn, book.arena), next++);
  }
  uint64_t count;
  CHECK_OK(copse_arena_count(copse_txn_view(txn), book.arena, &count));
  CHECK_EQ(count, next);
  CHECK_OK(copse_txn_commit(txn, NULL));
  books_close(store, &book, 1);
}

TEST(a_reservation_is_published_between_looks) {
  static struct book book;
  struct copse_store *store = books_new(&book, 1);
  struct copse_reservation *reservation;
  uint64_t first, count, value;
  const void *record;
  void *records;
  CHECK_OK(copse_arena_reserve(book.arena, 500, -1, &reservation));
  for (uint64_t done = 0; copse_reservation_piece(reservation, done, &records, &count) == 0;
       done += count)
    for (uint64_t i = 0; i < count; i++)
      record_write((uint8_t *)records + i * SIZE, done + i);
  struct copse_txn *txn = begin(store);
  struct copse_view *view = copse_txn_view(txn);
  book_is(&book, view);
  CHECK_EQ(index_next(txn, book.arena), RECORDS);
  CHECK_OK(copse_reservation_publish(txn, reservation, 500, &first));
  copse_reservation_close(reservation);
  for (uint64_t i = 0; i < 500; i++) {
    CHECK_OK(copse_arena_at(view, book.arena, first + i, NULL, &record));
    memcpy(&value, record, 8);
    CHECK_EQ(value, i);
  }
  CHECK_EQ(index_next(txn, book.arena), RECORDS + 1); /* before them, where slots were left out */
  CHECK_OK(copse_txn_commit(txn, NULL));
  books_close(store, &book, 1);
}

/* --- trees ----------------------------------------------------------------------------- */

enum { NODES = 3000 };

static uint64_t tree_sum(struct copse_view *view, struct copse_tree *tree,
                         const struct copse_handle *root) {
  struct copse_tree_walk walk;
  const void *payload;
  uint64_t sum = 0;
  int result;
  CHECK_OK(copse_tree_walk_begin(view, tree, root, COPSE_TREE_TRAVERSE, &walk));
  while ((result = copse_tree_walk_next(&walk, &payload)) == 0)
    sum = sum * 31 + *(const uint64_t *)payload * 2 + walk.edge;
  CHECK_RESULT(result, COPSE_NONE);
  return sum;
}

static void shuffle(struct copse_txn *txn, struct copse_tree *tree,
                    const struct copse_handle *nodes, struct test_random *random) {
  for (unsigned i = 0; i < NODES / 3; i++) {
    const struct copse_handle *node = &nodes[1 + test_random_below(random, NODES - 1)];
    const struct copse_handle *to = &nodes[test_random_below(random, NODES)];
    int result = copse_tree_append(txn, tree, to, node);
    CHECK(result == 0 || result == COPSE_E_CYCLE);
  }
}

TEST(trees_are_moved_and_put_back) {
  static struct copse_handle nodes[NODES];
  struct test_random random = {test_seed()};
  struct copse_tree_options options = {.payload_size = 8};
  struct copse_store *store = store_new(NULL, 0);
  struct copse_tree *tree;
  CHECK_OK(copse_tree_ensure(store, "t", &options, -1, &tree));
  struct copse_txn *txn = begin(store);
  for (uint64_t i = 0; i < NODES; i++) {
    CHECK_OK(copse_tree_new(txn, tree, &i, &nodes[i], NULL));
    if (i)
      CHECK_OK(copse_tree_append(txn, tree, &nodes[test_random_below(&random, i)], &nodes[i]));
  }
  struct copse_view *view = copse_txn_view(txn);
  uint64_t sum = tree_sum(view, tree, &nodes[0]);
  for (unsigned round = 0; round < 3; round++) {
    CHECK_OK(copse_savepoint(txn));
    shuffle(txn, tree, nodes, &random);
    CHECK(tree_sum(view, tree, &nodes[0]) != sum);
    CHECK_OK(copse_savepoint_rollback(txn));
    CHECK_EQ(tree_sum(view, tree, &nodes[0]), sum);
    CHECK_OK(copse_savepoint_release(txn));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  struct copse_snapshot *snapshot = snapshot_new(store);
  for (unsigned round = 0; round < 3; round++) {
    CHECK_EQ(tree_sum(copse_snapshot_view(snapshot), tree, &nodes[0]), sum);
    txn = begin(store);
    shuffle(txn, tree, nodes, &random);
    uint64_t moved = tree_sum(copse_txn_view(txn), tree, &nodes[0]);
    CHECK_OK(copse_txn_commit(txn, NULL));
    CHECK_EQ(tree_sum(copse_snapshot_view(snapshot), tree, &nodes[0]), sum);
    CHECK_OK(copse_snapshot_refresh(snapshot));
    sum = moved;
  }
  CHECK_EQ(tree_sum(copse_snapshot_view(snapshot), tree, &nodes[0]), sum);
  copse_snapshot_close(snapshot);
  copse_tree_close(tree);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

/* --- processes ------------------------------------------------------------------------- */

/* The child goes on with a snapshot whose leaves its parent has looked at, and with the parent's
 * handles in transactions of its own. */
TEST(a_forked_child_goes_on) {
  static struct book book;
  struct copse_store *store = books_new(&book, 1);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_txn *txn = begin(store);
  int go[2];
  char byte = 0;
  CHECK(pipe(go) == 0);
  book_is(&book, copse_snapshot_view(snapshot));
  book_is(&book, copse_txn_view(txn));
  pid_t pid = test_fork();
  if (pid == 0) {
    const void *record;
    close(go[1]);
    book_is(&book, copse_snapshot_view(snapshot));
    CHECK_RESULT(copse_arena_get(copse_txn_view(txn), book.arena, &book.handles[0], &record),
                 COPSE_E_FORKED);
    CHECK(read(go[0], &byte, 1) == 0); /* the parent has committed */
    book_is(&book, copse_snapshot_view(snapshot));
    CHECK_OK(copse_snapshot_refresh(snapshot));
    for (unsigned i = 0; i < RECORDS; i += 2)
      book.values[i] = 5000 + i;
    book_is(&book, copse_snapshot_view(snapshot));
    txn = begin(store);
    book_is(&book, copse_txn_view(txn));
    book_update(&book, txn, 3, 6000);
    book_is(&book, copse_txn_view(txn));
    CHECK_OK(copse_txn_commit(txn, NULL));
    copse_snapshot_close(snapshot);
    return;
  }
  close(go[0]);
  book_update(&book, txn, 2, 5000);
  CHECK_OK(copse_txn_commit(txn, NULL));
  close(go[1]);
  CHECK_CHILD_OK(pid);
  for (unsigned i = 0; i < RECORDS; i += 3)
    book.values[i] = 6000 + i;
  CHECK_OK(copse_snapshot_refresh(snapshot));
  book_is(&book, copse_snapshot_view(snapshot));
  copse_snapshot_close(snapshot);
  books_close(store, &book, 1);
}
