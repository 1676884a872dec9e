/* test_store_copy.c - sealed copies brought up to date by streams of changes: what arrives, what is
 * refused, and what a call leaves that was cut short. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/points.h"
#include "region/format.h"
#include "region/os.h"
#include "store/format.h"
#include "stream.h"
#include "test_store_fixture.h"

static struct copse_map *map;

/* A store of one map with 3000 records and some large values. */
static struct copse_store *source_new(const char *path) {
  struct copse_store *store = store_new(path, 64 << 20);
  map = map_new(store, "m");
  struct copse_txn *txn = begin(store);
  for (int i = 0; i < 3000; i++) {
    char key[16];
    sprintf(key, "%05d", i);
    CHECK_OK(put_text(txn, map, key, key));
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  return store;
}

static void source_close(struct copse_store *store) {
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

static void large_put(struct copse_store *store, const char *key, size_t size) {
  struct copse_txn *txn = begin(store);
  void *memory;
  CHECK_OK(copse_reserve(txn, map, key, strlen(key), size, 0, &memory));
  memset(memory, key[0], size);
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static struct copse_position position_now(struct copse_store *store) {
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct copse_position position;
  copse_snapshot_position(snapshot, &position);
  copse_snapshot_close(snapshot);
  return position;
}

static void seal(struct copse_store *store, const char *path) {
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_OK(copse_snapshot_seal(snapshot, path, 0));
  copse_snapshot_close(snapshot);
}

static void same_now(struct copse_store *store, const char *copy) {
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_GT(same_content(snapshot, copy), 2000);
  copse_snapshot_close(snapshot);
}

static char *applying(const char *path) {
  static char name[760];
  snprintf(name, sizeof name, "%s-applying", path);
  return name;
}

TEST(brought_up_to_date) {
  const char *path = test_shm_path("store"), *copy = test_disk_path("copy"),
             *whole = test_shm_path("whole");
  struct copse_store *store = source_new(path);
  struct copse_position at, now, got;
  seal(store, copy);
  for (int round = 0; round < 4; round++) {
    CHECK_OK(copse_copy_position(copy, &at));
    if (round == 1)
      large_put(store, "large", 3 << 20); /* a page of many blocks */
    if (round == 2) {
      struct copse_txn *txn = begin(store);
      CHECK_OK(copse_delete_range(txn, map, &(struct copse_range){.prefix = {"000", 3}}, NULL));
      CHECK_OK(copse_txn_commit(txn, NULL));
    }
    for (int i = 0; round != 3 && i < 20; i++) /* what a copy is behind by is merged */
      set_text(store, map, "02500", i % 2 ? "even" : "odd");
    now = position_now(store);
    struct stream stream = stream_make(store, &at);
    CHECK_OK(stream_apply(&stream, copy, &got));
    CHECK_EQ(stream.at, stream.size);
    CHECK(memcmp(&got, &now, sizeof now) == 0);
    if (round == 0)
      CHECK_LT(stream.size, 40000);              /* what changed, not what is there */
    CHECK_OK(stream_apply(&stream, copy, NULL)); /* again: nothing to do */
    same_now(store, copy);
    CHECK_EQ(access(applying(copy), F_OK), -1);
    CHECK_OK(copse_copy_position(copy, &got));
    CHECK(memcmp(&got, &now, sizeof now) == 0);
    stream_free(&stream);
  }
  struct stream all = stream_make(store, NULL);
  CHECK_OK(stream_apply(&all, whole, &got));
  same_now(store, whole);
  set_text(store, map, "later", "than both");
  struct stream more = stream_make(store, &got);
  CHECK_OK(stream_apply(&more, whole, NULL));
  CHECK_OK(stream_apply(&more, copy, NULL));
  same_now(store, whole);
  same_now(store, copy);
  stream_free(&all);
  stream_free(&more);
  CHECK_OK(copse_store_remove(copy));
  source_close(store);
}

/* A copy of a copy goes on like the copy; changes come from a copy, too. */
TEST(copies_of_copies) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy"),
             *second = test_shm_path("second");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store = source_new(path), *sealed;
  struct copse_position before = position_now(store);
  seal(store, copy);
  CHECK_OK(copse_store_open(copy, &read_only, &sealed));
  seal(sealed, second);
  CHECK_OK(copse_store_close(sealed));
  set_text(store, map, "00007", "other");
  struct stream stream = stream_make(store, &before);
  CHECK_OK(stream_apply(&stream, copy, NULL));
  stream_free(&stream);
  CHECK_OK(copse_store_open(copy, &read_only, &sealed));
  stream = stream_make(sealed, &before);
  CHECK_OK(stream_apply(&stream, second, NULL));
  CHECK_OK(copse_store_close(sealed));
  same_now(store, second);
  stream_free(&stream);
  source_close(store);
}

/* --- refusals ---------------------------------------------------------------------------- */

static int write_refuse(void *context, const void *data, size_t size) {
  int *left = context;
  (void)data, (void)size;
  return (*left)-- > 0 ? 0 : 1;
}

static ptrdiff_t read_refuse(void *context, void *data, size_t size) {
  struct stream *stream = context;
  return stream->at > 5000 ? COPSE_E_INTERRUPTED : stream_read(context, data, size);
}

TEST(changes_that_do_not_fit) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy"),
             *other_path = test_shm_path("other");
  struct copse_store *store = source_new(path);
  struct copse_position first, second, third, wrong, none = {{0}, 0, 0};
  struct copse_snapshot *snapshot;
  seal(store, copy);
  first = position_now(store);
  set_text(store, map, "1", "x");
  second = position_now(store);
  set_text(store, map, "2", "x");
  third = position_now(store);

  struct stream gap = stream_make(store, &second), right = stream_make(store, &first),
                all = stream_make(store, NULL);
  FAILS(stream_apply(&gap, copy, NULL), COPSE_E_CHANGES, "holds version");
  FAILS(stream_apply(&all, copy, NULL), COPSE_E_STORE_EXISTS, copy);
  FAILS(stream_apply(&right, test_shm_path("none"), NULL), COPSE_E_NO_STORE, "version");
  FAILS(stream_apply(&right, path, NULL), COPSE_E_STATE, "live store");
  FAILS(copse_copy_position(path, &wrong), COPSE_E_STATE, "live store");
  FAILS(copse_copy_apply(test_shm_path("none"), 0, NULL, NULL, NULL), COPSE_E_NO_STORE, "none");

  snapshot = snapshot_new(store);
  wrong = third;
  wrong.version++;
  struct stream sink = {0};
  FAILS(copse_snapshot_changes(snapshot, &wrong, stream_write, &sink), COPSE_E_CHANGES, "since");
  wrong = first;
  wrong.timeline++;
  FAILS(copse_snapshot_changes(snapshot, &wrong, stream_write, &sink), COPSE_E_CHANGES, "timeline");
  FAILS(copse_snapshot_changes(snapshot, &none, stream_write, &sink), COPSE_E_CHANGES, "stores");
  CHECK_EQ(sink.size, 0);
  for (int n = 0; n < 3; n++) { /* also in the walk, where 1 means something else */
    int left = n;
    CHECK_EQ(copse_snapshot_changes(snapshot, NULL, write_refuse, &left), 1);
  }
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &snapshot));
  FAILS(copse_snapshot_changes(snapshot, NULL, stream_write, &sink), COPSE_E_STATE, "oustable");
  copse_snapshot_close(snapshot);

  right.at = 0;
  CHECK_RESULT(copse_copy_apply(copy, 0, read_refuse, &right, NULL), COPSE_E_INTERRUPTED);
  CHECK_OK(copse_copy_position(copy, &wrong));
  CHECK(memcmp(&wrong, &first, sizeof first) == 0);
  source_close(store);

  store = source_new(other_path); /* of as many versions */
  set_text(store, map, "1", "y");
  struct stream foreign = {0};
  struct copse_position others = first;
  memcpy(others.store_id, position_now(store).store_id, sizeof others.store_id);
  foreign = stream_make(store, &others);
  FAILS(stream_apply(&foreign, copy, NULL), COPSE_E_CHANGES, "stores");
  source_close(store);
  CHECK_OK(stream_apply(&right, copy, NULL));
  stream_free(&gap);
  stream_free(&right);
  stream_free(&all);
  stream_free(&foreign);
}

/* After a recovery the same versions are other ones. */
TEST(another_timeline) {
  const char *path = test_disk_path("store"), *copy = test_disk_path("copy");
  struct copse_store *store = source_new(path);
  CHECK_OK(copse_store_sync(store, NULL));
  source_close(store);
  struct copse_store_options alone = {.flags =
                                          COPSE_NO_SYNC_THREAD}; /* what is lost is not durable */
  pid_t pid = test_fork();
  if (pid == 0) {
    CHECK_OK(copse_store_open(path, &alone, &store));
    map = map_new(store, "m");
    set_text(store, map, "1", "lost");
    seal(store, copy);
    _exit(0); /* the store is left as it is */
  }
  CHECK_CHILD_OK(pid);
  char name[760];
  snprintf(name, sizeof name, "%s-writers", path);
  CHECK_SYS(unlink(name)); /* as after a power cut */
  CHECK_OK(copse_store_open(path, NULL, &store));
  map = map_new(store, "m");
  set_text(store, map, "1", "another");
  struct copse_position of_copy, here = position_now(store);
  struct copse_snapshot *snapshot = snapshot_new(store);
  struct stream sink = {0};
  CHECK_OK(copse_copy_position(copy, &of_copy));
  CHECK_EQ(of_copy.version, here.version);
  CHECK_NE(of_copy.timeline, here.timeline);
  FAILS(copse_snapshot_changes(snapshot, &of_copy, stream_write, &sink), COPSE_E_CHANGES,
        "timeline");
  here.version = of_copy.version - 1;
  CHECK_OK(copse_snapshot_changes(snapshot, &here, stream_write, &sink));
  FAILS(stream_apply(&sink, copy, NULL), COPSE_E_CHANGES, "timeline");
  copse_snapshot_close(snapshot);
  stream_free(&sink);
  source_close(store);
}

/* Nobody sees a copy change: neither a process that has it open, nor this one. */
TEST(not_while_it_is_open) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store = source_new(path), *sealed;
  struct copse_position before = position_now(store);
  seal(store, copy);
  set_text(store, map, "1", "x");
  struct stream stream = stream_make(store, &before);
  CHECK_OK(copse_store_open(copy, &read_only, &sealed));
  FAILS(stream_apply(&stream, copy, NULL), COPSE_E_STATE, "open");
  CHECK_EQ(stream.at, 0); /* said before anything is received */
  FAILS(copse_store_remove(copy), COPSE_E_STATE, "in use");
  CHECK_OK(copse_store_close(sealed));
  CHECK_OK(stream_apply(&stream, copy, NULL));
  same_now(store, copy);
  stream_free(&stream);
  source_close(store);
}

static const char *opened_meanwhile;
static struct copse_store *meanwhile;

static void open_meanwhile(enum point point) {
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  if (point == POINT_apply_received && !meanwhile)
    CHECK_OK(copse_store_open(opened_meanwhile, &read_only, &meanwhile));
}

TEST(opened_while_changes_are_received) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy");
  struct copse_store *store = source_new(path);
  struct copse_position before = position_now(store), now;
  seal(store, copy);
  set_text(store, map, "1", "x");
  struct stream stream = stream_make(store, &before);
  opened_meanwhile = copy;
  points_hook = open_meanwhile;
  int result = stream_apply(&stream, copy, NULL);
  points_hook = NULL;
  CHECK_RESULT(result, COPSE_E_STATE);
  CHECK(meanwhile != NULL);
  CHECK_EQ(copse_store_version(meanwhile), before.version);
  CHECK_OK(copse_store_close(meanwhile));
  CHECK_EQ(access(applying(copy), F_OK), -1);
  CHECK_OK(stream_apply(&stream, copy, &now));
  CHECK_EQ(now.version, before.version + 1);
  stream_free(&stream);
  source_close(store);
}

static int to_opener[2], from_opener[2];
static enum point opener_goes_on; /* at which the opener asks for the lock */

static int ask_late(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  char byte = 0;
  (void)offset, (void)size;
  if (call != OS_CALL_LOCK || strcmp(path, opened_meanwhile) != 0)
    return 0;
  os_hook = NULL;
  CHECK_EQ(write(from_opener[1], &byte, 1), 1);
  CHECK_EQ(read(to_opener[0], &byte, 1), 1);
  return 0;
}

static void opener_start(uint64_t version) {
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  char byte;
  CHECK_SYS(pipe(to_opener));
  CHECK_SYS(pipe(from_opener));
  if (test_fork() == 0) {
    struct copse_store *sealed;
    close(from_opener[0]);
    points_hook = NULL;
    os_hook = ask_late;
    CHECK_OK(copse_store_open(opened_meanwhile, &read_only, &sealed));
    CHECK_EQ(copse_store_version(sealed), version);
    store_sound(sealed);
    CHECK_OK(copse_store_close(sealed));
    _exit(0);
  }
  close(from_opener[1]);
  CHECK_EQ(read(from_opener[0], &byte, 1), 1); /* it has read the header, and asks for the lock */
}

static uint64_t opener_version;
static enum point opener_begins;

static void open_late(enum point point) {
  if (point == opener_begins)
    opener_start(opener_version);
  if (point == opener_goes_on)
    CHECK_EQ(write(to_opener[1], "", 1), 1);
}

/* Who opens a copy that is being changed waits for that, and then sees the new version and header. */
TEST(opened_while_changes_are_applied) {
  static const enum point begins[] = {POINT_apply_received, POINT_apply_pages};
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy");
  struct copse_store *store = source_new(path);
  opened_meanwhile = copy;
  for (int i = 0; i < 2; i++) {
    int status;
    struct copse_position before = position_now(store);
    seal(store, copy);
    set_text(store, map, "1", "x");
    struct stream stream = stream_make(store, &before);
    opener_begins = begins[i];
    opener_goes_on = i ? POINT_apply_pages : POINT_apply_marked;
    opener_version = before.version + 1;
    points_hook = open_late;
    CHECK_OK(stream_apply(&stream, copy, NULL));
    points_hook = NULL;
    CHECK_SYS(wait(&status));
    CHECK_EQ(status, 0);
    close(to_opener[0]), close(to_opener[1]), close(from_opener[0]);
    CHECK_OK(copse_store_remove(copy));
    stream_free(&stream);
  }
  source_close(store);
}

/* --- damaged streams ----------------------------------------------------------------------- */

static void refused_and_unchanged(struct stream *stream, const char *copy,
                                  const struct copse_position *before, const char *how, size_t at) {
  struct copse_position now;
  int result = stream_apply(stream, copy, NULL);
  CHECK_MSG(result == COPSE_E_STREAM || result == COPSE_E_CHANGES || result == COPSE_E_VERSION ||
                result == COPSE_E_NOT_A_STORE || result == COPSE_E_CORRUPT,
            "%s at %zu: %s (%s)", how, at, copse_error_name(result), copse_error_detail());
  CHECK_OK(copse_copy_position(copy, &now));
  CHECK(memcmp(&now, before, sizeof now) == 0);
  CHECK_EQ(access(applying(copy), F_OK), -1);
}

TEST(damaged_streams) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy"),
             *fresh = test_shm_path("fresh");
  struct copse_store *store = source_new(path);
  struct copse_position before = position_now(store);
  seal(store, copy);
  large_put(store, "large", 700000);
  struct stream stream = stream_make(store, &before), all = stream_make(store, NULL);
  for (size_t at = 0; at < stream.size; at += at < 4400 ? 61 : 4001) {
    size_t size = stream.size;
    stream.bytes[at] ^= 0x10;
    refused_and_unchanged(&stream, copy, &before, "altered", at);
    stream.bytes[at] ^= 0x10;
    stream.size = at;
    refused_and_unchanged(&stream, copy, &before, "cut off", at);
    stream.size = size;
  }
  /* Blocks of another stream, and out of their order. */
  size_t head = sizeof(struct changes_head), block = sizeof(struct changes_block);
  uint32_t first;
  memcpy(&first, stream.bytes + head, sizeof first);
  struct stream spliced = {0};
  stream_write(&spliced, stream.bytes, head);
  stream_write(&spliced, all.bytes + head, all.size - head);
  refused_and_unchanged(&spliced, copy, &before, "spliced", head);
  spliced.size = head;
  stream_write(&spliced, stream.bytes + head + block + first, stream.size - head - block - first);
  refused_and_unchanged(&spliced, copy, &before, "without its first block", head);
  for (size_t at = 0; at < all.size; at += 30011) {
    all.bytes[at] ^= 1;
    int result = stream_apply(&all, fresh, NULL);
    CHECK_MSG(result < 0 && result != COPSE_E_IO, "%zu: %s", at, copse_error_name(result));
    CHECK_EQ(access(fresh, F_OK), -1);
    all.bytes[at] ^= 1;
  }
  CHECK_OK(stream_apply(&stream, copy, NULL));
  same_now(store, copy);
  stream_free(&stream);
  stream_free(&spliced);
  stream_free(&all);
  source_close(store);
}

/* --- cut short ----------------------------------------------------------------------------- */

static enum point dies_at;
static void die_at_point(enum point point) {
  if (point == dies_at)
    raise(SIGKILL);
}

/* Applies in a child that dies at a point. */
static void apply_and_die(struct stream *stream, const char *copy, enum point point) {
  pid_t pid = test_fork();
  if (pid == 0) {
    dies_at = point;
    points_hook = die_at_point;
    (void)!stream_apply(stream, copy, NULL);
    _exit(1);
  }
  CHECK_CHILD_KILLED(pid, SIGKILL);
}

TEST(half_applied) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy"),
             *away = test_shm_path("away");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store = source_new(path), *sealed;
  static const enum point points[] = {POINT_apply_marked, POINT_apply_pages, POINT_apply_header};
  for (unsigned i = 0; i < 3; i++) {
    struct copse_position before = position_now(store), now;
    seal(store, copy);
    set_text(store, map, "1", i % 2 ? "odd" : "even");
    struct stream stream = stream_make(store, &before);
    apply_and_die(&stream, copy, points[i]);
    FAILS(copse_store_open(copy, &read_only, &sealed), COPSE_E_STATE, "copse apply");
    FAILS(copse_store_open(copy, NULL, &sealed), COPSE_E_STATE, "copse apply");
    FAILS(copse_copy_position(copy, &now), COPSE_E_STATE, "copse apply");
    CHECK_SYS(rename(applying(copy), away));
    FAILS(stream_apply(&stream, copy, NULL), COPSE_E_CORRUPT, "-applying");
    CHECK_SYS(rename(away, applying(copy)));
    if (i == 0)
      CHECK_OK(copse_copy_apply(copy, 0, NULL, NULL, &now)); /* only completes */
    else
      CHECK_OK(stream_apply(&stream, copy, &now)); /* and takes the same changes again */
    CHECK_EQ(now.version, before.version + 1);
    CHECK_EQ(access(applying(copy), F_OK), -1);
    same_now(store, copy);
    CHECK_OK(copse_store_remove(copy));
    stream_free(&stream);
  }
  struct copse_position before = position_now(store);
  seal(store, copy);
  set_text(store, map, "1", "removed");
  struct stream stream = stream_make(store, &before);
  apply_and_die(&stream, copy, POINT_apply_pages);
  CHECK_OK(copse_store_remove(copy));
  CHECK_EQ(access(copy, F_OK), -1);
  CHECK_EQ(access(applying(copy), F_OK), -1);
  stream_free(&stream);
  source_close(store);
}

/* Where there are no locks, copies can be read all the same. */
static int locks_fail(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return call == OS_CALL_LOCK && strstr(path, "copy") ? ENOLCK : 0;
}

TEST(read_where_there_are_no_locks) {
  const char *path = test_shm_path("store"), *copy = test_shm_path("copy");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store = source_new(path), *sealed;
  seal(store, copy);
  os_hook = locks_fail;
  int result = copse_store_open(copy, &read_only, &sealed);
  os_hook = NULL;
  CHECK_OK(result);
  CHECK_EQ(copse_store_version(sealed), copse_store_version(store));
  CHECK_OK(copse_store_close(sealed));
  source_close(store);
}
