/* test_points.c - a death at every named point, in every scenario that comes by it.
 *
 * Each scenario first runs through once and counts; then it is run again and again with a
 * child that dies at one of the times that it reached a point. A point that no scenario
 * reaches is a failure: then a scenario is missing here. */
#include "kill.h"

#include <sched.h>
#include <sys/prctl.h>

#include "../multi/batches.h"
#include "../multi/blocks.h"
#include "../multi/pages.h"
#include "counted.h"
#include "store/store.h"
#include "stream.h"

static struct board *board;

struct scenario {
  const char *name;
  bool disk;
  /* In the test's process, before the child: makes what the child needs. May be NULL. */
  void (*before)(const char *path);
  /* In the child; dies in it or not. */
  void (*child)(const char *path);
  /* In the test's process after it: what must be true. */
  void (*after)(const char *path);
};

static const struct copse_store_options creating = {.flags = COPSE_CREATE};

static struct copse_store *open_at(const char *path) {
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &creating, &store));
  return store;
}

static void remove_at(const char *path) {
  int result = copse_store_remove(path);
  CHECK_MSG(result == 0 || result == COPSE_E_NO_STORE, "%s: %s", copse_error_name(result),
            copse_error_detail());
}

/* The store's first heads; by a child, so that this process stays free of handles. */
static void found(const char *path) {
  remove_at(path);
  memset(&board->intended, 0, sizeof board->intended);
  memset(&board->acked, 0, sizeof board->acked);
  pid_t pid = test_fork();
  if (pid == 0) {
    struct ledger ledger;
    struct copse_store *store = open_at(path);
    ledger_open(&ledger, store, test_seed() + 1);
    for (int i = 0; i < 8; i++)
      board_change(board, &ledger);
    ledger_close(&ledger);
    CHECK_OK(copse_store_close(store));
    exit(0);
  }
  CHECK_CHILD_OK(pid);
}

static void survives(const char *path) { store_survives(path, &creating, board); }

/* --- writing ----------------------------------------------------------------------------- */

static void write_child(const char *path) {
  struct ledger ledger;
  struct copse_snapshot *snapshot;
  struct copse_store *store = open_at(path);
  ledger_open(&ledger, store, test_seed() + 2);
  ledger.large = 10;
  for (int i = 0; i < 25; i++) {
    CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
    board_change(board, &ledger);
    copse_snapshot_close(snapshot);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- writing beside a slow snapshot of another process ----------------------------------- */

static pid_t holder;
static int holder_in, holder_out;

static void holder_start(const char *path) {
  int to[2], from[2];
  char c = 0;
  found(path);
  CHECK_SYS(pipe(to));
  CHECK_SYS(pipe(from));
  holder = test_fork();
  if (holder == 0) {
    struct ledger ledger;
    struct ledger_head head;
    struct copse_snapshot *snapshot;
    struct copse_store *store = open_at(path);
    ledger_open(&ledger, store, test_seed() + 3);
    CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
    close(to[1]);
    CHECK_EQ(write(from[1], &c, 1), 1);
    CHECK_EQ(read(to[0], &c, 1), 1);
    CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
    CHECK_EQ(head.version, copse_snapshot_version(snapshot));
    exit(0); /* without closing anything: one more that has to be cleaned up after */
  }
  close(to[0]);
  close(from[1]);
  CHECK_EQ(read(from[0], &c, 1), 1);
  holder_in = to[1];
  holder_out = from[0];
}

static void holder_after(const char *path) {
  char c = 0;
  store_survives(path, &creating, board);
  CHECK_EQ(write(holder_in, &c, 1), 1);
  CHECK_CHILD_OK(holder);
  close(holder_in);
  close(holder_out);
  memset(&board->acked, 0, sizeof board->acked);
  store_survives(path, &creating, board);
}

/* Enough freed pages for the queue to lose its patience. */
static void pending_child(const char *path) {
  struct ledger ledger;
  struct copse_store *store = open_at(path);
  ledger_open(&ledger, store, test_seed() + 4);
  ledger.keys = 3000;
  for (int i = 0; i < 40; i++) {
    struct copse_txn *txn;
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    CHECK_OK(ledger_change_in(&ledger, txn, 150));
    board->intended = ledger.last;
    CHECK_OK(copse_txn_commit(txn, NULL));
    board->acked = ledger.last;
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- taking over from the dead ----------------------------------------------------------- */

/* Two die first: one with a snapshot, one with the lock and half a transaction. */
static void dead_before(const char *path) {
  found(path);
  for (int i = 0; i < 2; i++) {
    pid_t pid = test_fork();
    if (pid == 0) {
      struct ledger ledger;
      struct copse_txn *txn;
      struct copse_snapshot *snapshot;
      struct copse_store *store = open_at(path);
      ledger_open(&ledger, store, test_seed() + 5);
      CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
      if (i) {
        CHECK_OK(copse_txn_begin(store, -1, &txn));
        CHECK_OK(ledger_change_in(&ledger, txn, 50));
      }
      raise(SIGKILL);
    }
    CHECK_CHILD_KILLED(pid, SIGKILL);
  }
}

/* --- releasing the lock to a sleeper ------------------------------------------------------- */

static pid_t contender;

static void contender_start(const char *path) {
  found(path);
  contender = test_fork();
  if (contender == 0) {
    struct copse_store *store = open_at(path);
    for (;;) {
      struct copse_txn *txn;
      CHECK_OK(copse_txn_begin(store, -1, &txn));
      copse_txn_abort(txn);
    }
  }
}

static void turn_child(const char *path) {
  struct ledger ledger;
  struct copse_store *store = open_at(path);
  ledger_open(&ledger, store, test_seed() + 9);
  lock_turn_ns = 0;
  for (int i = 0; i < 10; i++) {
    struct copse_txn *txn;
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    while (!(atomic_load(&store_words(store)->lock) & LOCK_WAITERS))
      sched_yield();
    CHECK_OK(ledger_change_in(&ledger, txn, 3));
    board->intended = ledger.last;
    CHECK_OK(copse_txn_commit(txn, NULL));
    board->acked = ledger.last;
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

static void contender_after(const char *path) {
  child_end(contender);
  survives(path);
}

/* --- leaving batches and applying them ------------------------------------------------------ */

/* The child leaves batches while it has the lock itself, and applies them when it gives it back. */
static struct tally *tally;
static uint64_t batch_writers;

static void batches_before(const char *path) {
  remove_at(path);
  struct copse_store *store = open_at(path);
  struct batches batches;
  batches_open(&batches, store, tally, 0);
  batches_close(&batches);
  CHECK_OK(copse_store_close(store));
}

static void batches_child(const char *path) {
  struct copse_store *store = open_at(path);
  struct batches batches;
  batches_open(&batches, store, tally, batch_writers);
  for (int i = 0; i < 20; i++) {
    struct copse_txn *txn;
    batches_step(&batches);
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    for (int n = 0; n < 5; n++)
      batches_leave(&batches);
    copse_txn_abort(txn);
  }
  batches_close(&batches);
  CHECK_OK(copse_store_close(store));
}

static void batches_after(const char *path) {
  struct copse_store *store = open_at(path);
  CHECK_OK(copse_store_close(store)); /* applies what the dead left */
  store = open_at(path);
  batches_check(store, tally, true);
  ledger_check(store);
  CHECK_OK(copse_store_close(store));
  memset(tally, 0, sizeof *tally);
  batch_writers = (batch_writers + 1) % BATCH_WRITERS_MAX;
}

/* --- creating ---------------------------------------------------------------------------- */

static void create_before(const char *path) {
  remove_at(path);
  memset(&board->acked, 0, sizeof board->acked);
}

static void create_child(const char *path) {
  struct ledger ledger;
  struct copse_store *store = open_at(path);
  ledger_open(&ledger, store, test_seed() + 6);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- several files ----------------------------------------------------------------------- */

/* Grows into further files. */
static void files_child(const char *path) {
  struct copse_store_options options = {
      .flags = COPSE_CREATE, .max_bytes = 64 << 20, .file_bytes = 1 << 20};
  struct copse_store *store;
  struct copse_stat stat;
  struct ledger ledger;
  CHECK_OK(copse_store_open(path, &options, &store));
  ledger_open(&ledger, store, test_seed() + 12);
  ledger.large = 2;
  for (int i = 0; i < 40; i++)
    board_change(board, &ledger);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_GE(stat.files, 3);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

static void files_found(const char *path) {
  create_before(path);
  pid_t pid = test_fork();
  if (pid == 0) {
    files_child(path);
    exit(0);
  }
  CHECK_CHILD_OK(pid);
}

static void files_remove_child(const char *path) { CHECK_OK(copse_store_remove(path)); }

/* All is as it was, or the removal can be ended, which leaves nothing. */
static void files_remove_after(const char *path) {
  char name[600];
  struct copse_store *store;
  int result = copse_store_open(path, NULL, &store);
  if (result == 0) {
    CHECK_OK(copse_store_close(store));
    survives(path);
  }
  remove_at(path);
  for (int i = 1; i < 64; i++) {
    snprintf(name, sizeof name, "%s-data-%d", path, i);
    CHECK(access(name, F_OK) != 0);
  }
}

/* --- making durable ---------------------------------------------------------------------- */

static void sync_child(const char *path) {
  struct ledger ledger;
  struct copse_store *store = open_at(path);
  ledger_open(&ledger, store, test_seed() + 7);
  for (int i = 0; i < 4; i++) {
    board_change(board, &ledger);
    CHECK_OK(copse_store_sync(store, NULL));
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- durability sync --------------------------------------------------------------------- */

static void log_child(const char *path) {
  struct copse_store_options options = {.flags = COPSE_CREATE | COPSE_NO_SYNC_THREAD,
                                        .durability = COPSE_DURABILITY_SYNC,
                                        .sync_bytes = 128 << 10};
  struct copse_store *store;
  struct ledger ledger;
  CHECK_OK(copse_store_open(path, &options, &store));
  ledger_open(&ledger, store, test_seed() + 9);
  ledger.large = 10;
  for (int i = 0; i < 120; i++) {
    board_change(board, &ledger);
    if (i % 10 == 9) /* the other half of the log is free then, whatever sizes the changes had */
      CHECK_OK(copse_store_sync(store, NULL));
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- forking ----------------------------------------------------------------------------- */

static void fork_child(const char *path) {
  struct ledger ledger;
  struct copse_snapshot *snapshot;
  struct copse_store *store = open_at(path);
  ledger_open(&ledger, store, test_seed() + 8);
  for (int i = 0; i < 5; i++) {
    CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
    pid_t pid = test_fork();
    CHECK_SYS(pid);
    if (pid == 0) {
      struct ledger_head head;
      CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
      CHECK_EQ(head.version, copse_snapshot_version(snapshot));
      copse_snapshot_close(snapshot);
      _exit(0);
    }
    board_change(board, &ledger);
    copse_snapshot_close(snapshot);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* The dead one's children die with it, but not at once. */
static void fork_after(const char *path) {
  survives(path);
  while (waitpid(-1, NULL, 0) > 0)
    ;
}

/* --- leasing ----------------------------------------------------------------------------- */

#define LEASES 60

struct leased_values {
  struct copse_bytes values[LEASES];
  uint8_t begin[LEASES][64]; /* what they began with when they were leased */
  struct copse_lease *leases[LEASES];
  struct copse_lease_group *group;
};

static void leases_take(struct ledger *ledger, struct leased_values *leased) {
  struct copse_snapshot *snapshot;
  struct copse_cursor *cursor;
  CHECK_OK(copse_snapshot_open(ledger->store, 0, &snapshot));
  CHECK_OK(copse_cursor_open(copse_snapshot_view(snapshot), ledger->a, NULL, &cursor));
  CHECK_OK(copse_lease_group_open(ledger->store, &leased->group));
  for (int i = 0; i < LEASES; i++) {
    struct copse_bytes *value = &leased->values[i];
    struct copse_view *view = copse_snapshot_view(snapshot);
    leased->leases[i] = NULL;
    if (copse_cursor_next(cursor, NULL, value) != 0) {
      value->size = 0;
    } else if (i % 2) {
      CHECK_OK(copse_lease_group_take(leased->group, view, COPSE_LEASE_ERROR, value));
    } else {
      CHECK_OK(copse_lease_take(view, COPSE_LEASE_ERROR, value, &leased->leases[i]));
    }
    if (value->size)
      memcpy(leased->begin[i], value->data, value->size < 64 ? value->size : 64);
  }
  copse_cursor_close(cursor);
  copse_snapshot_close(snapshot);
}

static void leases_check(const struct leased_values *leased) {
  for (int i = 0; i < LEASES; i++) {
    const struct copse_bytes *value = &leased->values[i];
    size_t size = value->size < 64 ? value->size : 64;
    CHECK(size == 0 || memcmp(value->data, leased->begin[i], size) == 0);
  }
}

static void leases_release(struct leased_values *leased) {
  for (int i = 0; i < LEASES; i++)
    copse_lease_release(leased->leases[i]);
  copse_lease_group_close(leased->group);
}

static void lease_child(const char *path) {
  static struct leased_values leased[2];
  struct ledger ledger;
  CHECK_SYS(setenv("COPSE_POISON", "1", 1));
  struct copse_store *store = open_at(path);
  ledger_open(&ledger, store, test_seed() + 10);
  for (int i = 0; i < 30; i++)
    board_change(board, &ledger);
  leases_take(&ledger, &leased[0]);
  for (int i = 0; i < 4; i++) {
    leases_take(&ledger, &leased[1]);
    for (int n = 0; n < 20; n++)
      board_change(board, &ledger);
    pid_t pid = i == 2 ? test_fork() : -1;
    leases_check(&leased[0]);
    leases_check(&leased[1]);
    leases_release(&leased[1]);
    if (pid == 0)
      _exit(0);
    if (pid > 0)
      CHECK_EQ(waitpid(pid, NULL, 0), pid);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  leases_check(&leased[0]);
  leases_release(&leased[0]);
}

/* A process that has leases of its own sees the other die, and keeps what it has. */
static struct leased_values witness_leased;
static struct ledger witness;

static void lease_before(const char *path) {
  found(path);
  CHECK_SYS(setenv("COPSE_POISON", "1", 1));
  ledger_open(&witness, open_at(path), test_seed() + 11);
  leases_take(&witness, &witness_leased);
}

static void lease_after(const char *path) {
  struct copse_stat stat;
  fork_after(path);
  leases_check(&witness_leased);
  leases_release(&witness_leased);
  struct copse_store *store = witness.store;
  ledger_close(&witness);
  CHECK_OK(copse_store_close(store));
  store = open_at(path);
  CHECK_OK(copse_stat(store, &stat));
  CHECK_EQ(stat.processes, 1);
  CHECK_EQ(stat.leases, 0);
  CHECK_OK(copse_store_close(store));
  store_survives(path, &creating, NULL);
}

/* --- filling what was reserved ----------------------------------------------------------- */

static void blocks_child(const char *path) {
  struct copse_store *store = open_at(path);
  struct blocks blocks;
  blocks_open(&blocks, store, 1);
  for (int i = 0; i < 20; i++)
    blocks_step(&blocks);
  blocks_close(&blocks);
  CHECK_OK(copse_store_close(store));
}

static void blocks_after(const char *path) {
  struct copse_store *store = open_at(path);
  blocks_end(store);
  CHECK_OK(copse_store_close(store));
}

/* --- changing a document ----------------------------------------------------------------- */

static void pages_child(const char *path) {
  struct copse_store *store = open_at(path);
  struct pages pages;
  pages_open(&pages, store, 1);
  for (int i = 0; i < 20; i++)
    pages_step(&pages);
  pages_close(&pages);
  CHECK_OK(copse_store_close(store));
}

/* The document is one that was committed, and goes on being changed. */
static void pages_after(const char *path) {
  struct copse_store *store = open_at(path);
  struct copse_snapshot *snapshot;
  struct pages pages;
  pages_open(&pages, store, 2);
  for (int i = 0; i < 2; i++) {
    CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
    pages_check(&pages, copse_snapshot_view(snapshot));
    copse_snapshot_close(snapshot);
    pages_step(&pages);
  }
  pages_close(&pages);
  CHECK_OK(copse_store_close(store));
}

/* --- removing ---------------------------------------------------------------------------- */

static struct test_random remove_random;

static void remove_child(const char *path) { CHECK_OK(copse_store_remove(path)); }

/* The store is as it was, or there is none: to be removed once more, or created anew. */
static void remove_after(const char *path) {
  struct copse_store *store;
  int result = copse_store_open(path, NULL, &store);
  if (result == 0) {
    CHECK_OK(copse_store_close(store));
    store_survives(path, NULL, board);
    return;
  }
  CHECK_RESULT(result, COPSE_E_NO_STORE);
  if (test_random_one_in(&remove_random, 2))
    remove_at(path);
  CHECK_OK(copse_store_open(path, &creating, &store));
  CHECK_EQ(copse_store_version(store), 1);
  CHECK_OK(copse_store_close(store));
  memset(&board->acked, 0, sizeof board->acked);
  store_survives(path, &creating, board);
}

/* --- shrinking ----------------------------------------------------------------------------- */

static void shrink_before(const char *path) {
  remove_at(path);
  memset(&board->intended, 0, sizeof board->intended);
  memset(&board->acked, 0, sizeof board->acked);
}

static void shrink_child(const char *path) {
  struct copse_store *store = open_at(path);
  for (uint64_t n = 1; n <= 300; n++) {
    board->intended.version = n;
    CHECK_OK(counted_change(store, n));
    board->acked.version = n;
    if (n % 60 == 0)
      CHECK_OK(copse_store_shrink(store, NULL));
  }
  CHECK_OK(copse_store_close(store));
}

static void shrink_after(const char *path) {
  struct copse_store *store = open_at(path);
  ledger_check(store);
  uint64_t n = counted_check(store);
  CHECK(n >= board->acked.version && n <= board->intended.version);
  CHECK_OK(copse_store_shrink(store, NULL));
  CHECK_OK(counted_change(store, n + 1));
  CHECK_EQ(counted_check(store), n + 1);
  ledger_check(store);
  CHECK_OK(copse_store_close(store));
}

/* --- bringing a copy up to date ------------------------------------------------------------ */

#define COPY_STREAMS 2
static struct copy_board {
  struct ledger_head heads[COPY_STREAMS + 1]; /* of the versions that the copy may hold */
} * copies;

static const char *copy_name(const char *path, const char *what) {
  static char names[4][600];
  static int next;
  char *name = names[next++ % 4];
  snprintf(name, sizeof names[0], "%s-%s", path, what);
  return name;
}
static const char *stream_name(const char *path, int i) { return copy_name(path, i ? "1" : "0"); }

/* A copy of the store, and streams that lead on from it one after the other. */
static void apply_before(const char *path) {
  found(path);
  int result = copse_store_remove(copy_name(path, "copy"));
  CHECK(result == 0 || result == COPSE_E_NO_STORE);
  pid_t pid = test_fork();
  if (pid == 0) {
    struct ledger ledger;
    struct copse_position at;
    struct copse_store *store = open_at(path);
    struct stream stream = stream_make(store, NULL);
    ledger_open(&ledger, store, test_seed() + 9);
    for (int i = 0; i <= COPY_STREAMS; i++) {
      CHECK_OK(stream_apply(&stream, copy_name(path, i ? "scratch" : "copy"), &at));
      if (i == 0)
        CHECK_OK(stream_apply(&stream, copy_name(path, "scratch"), &at));
      stream_free(&stream);
      struct copse_snapshot *snapshot;
      CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
      CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &copies->heads[i]));
      copse_snapshot_close(snapshot);
      for (int n = 0; i < COPY_STREAMS && n < 5; n++)
        board_change(board, &ledger);
      stream = stream_make(store, &at);
      if (i < COPY_STREAMS)
        stream_keep(&stream, stream_name(path, i));
    }
    CHECK_OK(copse_store_remove(copy_name(path, "scratch")));
    ledger_close(&ledger);
    CHECK_OK(copse_store_close(store));
    exit(0);
  }
  CHECK_CHILD_OK(pid);
}

static void apply_child(const char *path) {
  for (int i = 0; i < COPY_STREAMS; i++) {
    struct stream stream = stream_kept(stream_name(path, i));
    CHECK_OK(stream_apply(&stream, copy_name(path, "copy"), NULL));
    stream_free(&stream);
  }
}

/* Which of the versions the copy holds, wholly. */
static int copy_state(const char *path) {
  static const struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store;
  struct ledger ledger;
  struct copse_snapshot *snapshot;
  struct ledger_head head;
  CHECK_OK(copse_store_open(copy_name(path, "copy"), &read_only, &store));
  ledger_check(store);
  ledger_open(&ledger, store, 1);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
  copse_snapshot_close(snapshot);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  for (int i = 0; i <= COPY_STREAMS; i++)
    if (memcmp(&head, &copies->heads[i], sizeof head) == 0)
      return i;
  CHECK_MSG(0, "the copy holds version %llu", (unsigned long long)head.version);
  return -1;
}

static void apply_after(const char *path) {
  CHECK_OK(copse_copy_apply(copy_name(path, "copy"), 0, NULL, NULL, NULL));
  for (int i = copy_state(path); i < COPY_STREAMS; i++) {
    struct stream stream = stream_kept(stream_name(path, i));
    CHECK_OK(stream_apply(&stream, copy_name(path, "copy"), NULL));
    stream_free(&stream);
    CHECK_EQ(copy_state(path), i + 1);
  }
  survives(path);
}

/* --- the list ---------------------------------------------------------------------------- */

static const struct scenario scenarios[] = {
    {"write", false, found, write_child, survives},
    {"pending", false, holder_start, pending_child, holder_after},
    {"takeover", false, dead_before, write_child, survives},
    {"turn", false, contender_start, turn_child, contender_after},
    {"batches", false, batches_before, batches_child, batches_after},
    {"create", false, create_before, create_child, survives},
    {"create_disk", true, create_before, create_child, survives},
    {"sync", true, found, sync_child, survives},
    {"fork", false, found, fork_child, fork_after},
    /* the dead left a store that needs its coordination files */
    {"remove", false, dead_before, remove_child, remove_after},
    {"log", false, create_before, log_child, survives},
    {"apply", false, apply_before, apply_child, apply_after},
    {"lease", false, lease_before, lease_child, lease_after},
    {"blocks", false, create_before, blocks_child, blocks_after},
    {"shrink", false, shrink_before, shrink_child, shrink_after},
    {"files", false, create_before, files_child, survives},
    {"files_remove", false, files_found, files_remove_child, files_remove_after},
    {"pages", false, create_before, pages_child, pages_after},
};
#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

/* Points that no scenario reaches, with the reason. */
static bool is_excused(enum point point) {
  (void)point;
  return false; /* none so far */
}

static void run(const struct scenario *scenario, const char *path, int point, uint64_t nth) {
  if (scenario->before)
    scenario->before(path);
  pid_t pid = test_fork();
  CHECK_SYS(pid);
  if (pid == 0) {
    if (point < 0)
      points_count(board);
    else
      points_die((enum point)point, nth);
    scenario->child(path);
    points_hook = NULL;
    exit(0);
  }
  int status;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_MSG((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                (point >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
            "scenario %s, point %s, time %llu: the child ended with status %x", scenario->name,
            point < 0 ? "none" : points_names[point], (unsigned long long)nth, (unsigned)status);
  scenario->after(path);
}

static uint64_t ever_reached[POINT_COUNT];

static void scenario_run(const struct scenario *scenario) {
  uint64_t count[POINT_COUNT], kills = 0;
  struct test_random random = {test_seed()};
  remove_random.state = test_seed();
  test_watchdog();
  board = board_new();
  const char *path =
      scenario->disk ? test_disk_path(scenario->name) : test_shm_path(scenario->name);
  run(scenario, path, -1, 0);
  for (int point = 0; point < POINT_COUNT; point++) {
    count[point] = board->reached[point];
    ever_reached[point] += count[point];
  }
  for (int point = 0; point < POINT_COUNT; point++)
    for (int trial = 0; trial < 1 + test_scale() && count[point]; trial++) {
      uint64_t nth = trial ? test_random_range(&random, 1, count[point]) : 1;
      run(scenario, path, point, nth);
      kills++;
      if (count[point] == 1)
        break;
    }
  remove_at(path);
  munmap(board, sizeof *board);
  alarm(0);
  test_note(__FILE__, __LINE__, "%llu deaths", (unsigned long long)kills);
}

TEST(write) { scenario_run(&scenarios[0]); }
TEST(pending) { scenario_run(&scenarios[1]); }
TEST(takeover) { scenario_run(&scenarios[2]); }
TEST(turn) { scenario_run(&scenarios[3]); }
TEST(batches) {
  tally = tally_new();
  scenario_run(&scenarios[4]);
}
TEST(create) { scenario_run(&scenarios[5]); }
TEST(create_disk) { scenario_run(&scenarios[6]); }
TEST(sync) { scenario_run(&scenarios[7]); }
static int left_out; /* a scenario: what it alone reaches is not reached */

/* See fork_after(). */
static void orphans_claim(void) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1)) {
    left_out = 1;
    SKIP("the emulator has no subreapers");
  }
}

TEST(forks) {
  orphans_claim();
  scenario_run(&scenarios[8]);
}
TEST(removing) { scenario_run(&scenarios[9]); }
TEST(durable_commits) { scenario_run(&scenarios[10]); }
TEST(applying) {
  copies = mmap(NULL, sizeof *copies, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(copies != MAP_FAILED);
  scenario_run(&scenarios[11]);
}
TEST(leasing) {
  orphans_claim();
  scenario_run(&scenarios[12]);
}

TEST(reserving) { scenario_run(&scenarios[13]); }
TEST(shrinking) { scenario_run(&scenarios[14]); }
TEST(growing_into_further_files) { scenario_run(&scenarios[15]); }
TEST(removing_several_files) { scenario_run(&scenarios[16]); }
TEST(changing_documents) { scenario_run(&scenarios[17]); }

/* After all of the above. */
TEST(every_point_was_reached) {
  unsigned missing = 0, any = 0;
  for (int point = 0; point < POINT_COUNT; point++)
    any += ever_reached[point] > 0;
  if (any == 0 || left_out)
    SKIP("not all scenarios were run");
  for (int point = 0; point < POINT_COUNT; point++)
    if (!ever_reached[point] && !is_excused((enum point)point)) {
      test_note(__FILE__, __LINE__, "no scenario reaches %s", points_names[point]);
      missing++;
    }
  CHECK_EQ(missing, 0);
  CHECK_EQ(SCENARIOS, 18);
}
