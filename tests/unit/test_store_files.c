/* test_store_files.c - files that are not what they should be: foreign, empty, shortened, damaged, of
 * a newer format, without permission; coordination files that went away. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "page/format.h"
#include "region/os.h"
#include "sync/format.h"
#include "test_store_fixture.h"

static char *beside(const char *path, const char *suffix) {
  static char names[4][760];
  static int next;
  char *name = names[next++ % 4];
  snprintf(name, sizeof names[0], "%s%s", path, suffix);
  return name;
}

static void file_write(const char *path, const void *data, size_t size) {
  int fd = CHECK_SYS(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  CHECK_EQ(write(fd, data, size), (ssize_t)size);
  close(fd);
}

static uint64_t file_size(const char *path) {
  struct stat stat_of;
  CHECK_SYS(stat(path, &stat_of));
  return (uint64_t)stat_of.st_size;
}

/* A closed store with some records. */
static void store_make(const char *path) {
  struct copse_store *store = store_new(path, 64 << 20);
  struct copse_map *map = map_new(store, "m");
  struct copse_txn *txn = begin(store);
  for (int i = 0; i < 2000; i++) {
    char key[16];
    sprintf(key, "%05d", i);
    CHECK_OK(put_text(txn, map, key, i % 100 ? key : "a value that is longer than the others are"));
  }
  void *memory;
  CHECK_OK(copse_reserve(txn, map, "large", 5, 20000, 0, &memory));
  memset(memory, 7, 20000);
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

TEST(no_store_there) {
  struct copse_store *store;
  const char *path = test_shm_path("store");
  struct copse_store_options create = {.flags = COPSE_CREATE},
                             exclusive = {.flags = COPSE_CREATE | COPSE_EXCLUSIVE};
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_NO_STORE, path);
  FAILS(copse_store_remove(path), COPSE_E_NO_STORE, path);
  FAILS(copse_store_open(beside(path, "/none/store"), &create, &store), COPSE_E_NO_STORE, "none");
  store_make(path);
  FAILS(copse_store_open(path, &exclusive, &store), COPSE_E_STORE_EXISTS, path);
  CHECK_OK(copse_store_open(path, NULL, &store));
  FAILS(copse_store_remove(path), COPSE_E_STATE, "in use");
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  CHECK_EQ(access(path, F_OK), -1);
  CHECK_EQ(access(beside(path, "-writers"), F_OK), -1);
  CHECK_EQ(access(beside(path, "-readers"), F_OK), -1);
}

TEST(something_else_there) {
  struct copse_store *store;
  const char *folder = test_shm_path("folder"), *empty = test_shm_path("empty"),
             *text = test_shm_path("text"), *fifo = test_shm_path("fifo");
  struct copse_store_options create = {.flags = COPSE_CREATE};
  char bytes[8192];
  memset(bytes, 'x', sizeof bytes);
  CHECK_SYS(mkdir(folder, 0700));
  CHECK_SYS(mkfifo(fifo, 0600));
  file_write(empty, "", 0);
  file_write(text, bytes, sizeof bytes);
  const char *const paths[] = {folder, empty, text, fifo};
  for (int i = 0; i < 4; i++) {
    FAILS(copse_store_open(paths[i], NULL, &store), COPSE_E_NOT_A_STORE, paths[i]);
    FAILS(copse_store_open(paths[i], &create, &store), COPSE_E_NOT_A_STORE, paths[i]);
    FAILS(copse_store_remove(paths[i]), COPSE_E_NOT_A_STORE, paths[i]);
    CHECK_OK(access(paths[i], F_OK));
  }
}

TEST(file_system_not_fit) {
  struct copse_store *store;
  const char *path = test_shm_path("store");
  struct copse_store_options create = {.flags = COPSE_CREATE};
  os_file_system_magic = 0x6969; /* nfs */
  int result = copse_store_open(path, &create, &store);
  os_file_system_magic = 0;
  CHECK_EQ(result, COPSE_E_FILE_SYSTEM);
  CHECK_MSG(strcasestr(copse_error_detail(), "nfs") != NULL, "%s", copse_error_detail());
  CHECK(strstr(copse_error_detail(), "--seal") != NULL);
  CHECK_EQ(access(path, F_OK), -1);
}

/* --- headers ------------------------------------------------------------------------------- */

static void header_patch(const char *path, size_t at, uint32_t value, int seal) {
  struct data_header header;
  int fd = CHECK_SYS(open(path, O_RDWR));
  CHECK_EQ(pread(fd, &header, sizeof header, 0), (ssize_t)sizeof header);
  memcpy((uint8_t *)&header + at, &value, sizeof value);
  if (seal)
    header.crc = data_header_crc(&header);
  CHECK_EQ(pwrite(fd, &header, sizeof header, 0), (ssize_t)sizeof header);
  close(fd);
}

TEST(header_of_a_newer_format) {
  struct copse_store *store;
  const char *path = test_shm_path("store");
  store_make(path);
  header_patch(path, offsetof(struct data_header, version), FORMAT_VERSION + 1, 1);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_VERSION, "format 2");
  header_patch(path, offsetof(struct data_header, version), FORMAT_VERSION, 1);
  header_patch(path, offsetof(struct data_header, incompat), 4, 1);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_VERSION, "features 4");
  header_patch(path, offsetof(struct data_header, incompat), 0, 1);
  header_patch(path, offsetof(struct data_header, read_compat), 4, 1);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_VERSION, "read-only");
  header_patch(path, offsetof(struct data_header, read_compat), 0, 1);
  header_patch(path, offsetof(struct data_header, segment), 77, 0);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_CORRUPT, "header");
  header_patch(path, offsetof(struct data_header, segment), 77, 1);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_CORRUPT, "header");
  header_patch(path, offsetof(struct data_header, segment), FORMAT_SEGMENT, 1);
  CHECK_OK(copse_store_open(path, NULL, &store));
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(shortened_while_closed) {
  struct copse_store *store;
  const char *path = test_shm_path("store");
  static const uint64_t sizes[] = {0, 1, 100, 4096, 4097, 12288, 100000, 262144, 300000};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int lost = 0; lost < 2; lost++) { /* coordination files may be there or not */
      store_make(path);
      CHECK_SYS(truncate(path, (off_t)sizes[i]));
      if (lost) {
        CHECK_SYS(unlink(beside(path, "-writers")));
        CHECK_SYS(unlink(beside(path, "-readers")));
      }
      int result = copse_store_open(path, NULL, &store);
      if (result == 0) { /* noticed by whoever looks */
        struct copse_snapshot *snapshot;
        result = copse_snapshot_open(store, 0, &snapshot);
        if (result == 0)
          copse_snapshot_close(snapshot);
        (void)copse_store_close(store);
      }
      CHECK_MSG(result == COPSE_E_TRUNCATED || result == COPSE_E_NOT_A_STORE ||
                    result == COPSE_E_CORRUPT,
                "%llu bytes, %d: %s", (unsigned long long)sizes[i], lost, copse_error_name(result));
      CHECK(*copse_error_detail() != 0);
      CHECK_SYS(unlink(path));
      unlink(beside(path, "-writers"));
      unlink(beside(path, "-readers"));
    }
}

/* --- flipped bits -------------------------------------------------------------------------- */

static void everything_read(struct copse_store *store) {
  struct copse_snapshot *snapshot;
  struct copse_map_info info;
  struct copse_map *map;
  if (copse_snapshot_open(store, 0, &snapshot))
    return;
  struct copse_view *view = copse_snapshot_view(snapshot);
  char name[COPSE_MAP_NAME_MAX + 1] = "";
  for (int i = 0; i < 10 && copse_map_next(view, i ? name : NULL, &info) == 0; i++)
    memcpy(name, info.name, sizeof name);
  if (copse_map_open(view, "m", NULL, &map) == 0) {
    struct copse_cursor *cursor;
    struct copse_bytes key, value;
    uint64_t records = 0, sum = 0;
    if (copse_cursor_open(view, map, NULL, &cursor) == 0) {
      while (records < 100000 && copse_cursor_next(cursor, &key, &value) == 0) {
        records++;
        for (size_t i = 0; i < value.size; i += 512)
          sum += ((const uint8_t *)value.data)[i];
      }
      CHECK_LT(records, 100000);
      CHECK(sum != 1);
      copse_cursor_close(cursor);
    }
    copse_map_close(map);
  }
  copse_snapshot_close(snapshot);
}

/* Writes as well: whatever the damage, no crash. */
static void something_written(struct copse_store *store, struct test_random *random) {
  struct copse_txn *txn;
  struct copse_map *map;
  if (copse_txn_begin(store, -1, &txn))
    return;
  if (copse_map_open(copse_txn_view(txn), "m", NULL, &map) == 0) {
    for (int i = 0; i < 50; i++) {
      char key[16];
      sprintf(key, "%05d", (int)test_random_below(random, 2000));
      if (i % 2)
        (void)!put_text(txn, map, key, "new");
      else
        (void)!copse_delete(txn, map, key, 5);
    }
    (void)!copse_delete_range(txn, map, NULL, NULL);
    copse_map_close(map);
  }
  (void)!copse_txn_commit(txn, NULL);
  for (int i = 0; i < 3; i++)
    if (copse_txn_begin(store, -1, &txn) == 0)
      copse_txn_abort(txn);
}

static void bits_flip(const char *path, struct test_random *random, uint64_t from, uint64_t to) {
  int fd = CHECK_SYS(open(path, O_RDWR));
  for (uint64_t n = 1 + test_random_below(random, 4); n; n--) {
    off_t at = (off_t)test_random_range(random, from, to - 1);
    uint8_t byte;
    CHECK_EQ(pread(fd, &byte, 1, at), 1);
    byte = (uint8_t)(byte ^ 1 << test_random_below(random, 8));
    CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
  }
  close(fd);
}

static void fault_keep(void *context, const char *sentence) {
  snprintf(context, 1000, "%s", sentence);
}

TEST(flipped_bits) {
  const char *path = test_shm_path("store");
  struct test_random random = {test_seed()};
  for (int i = 0; i < 150 * test_scale(); i++) {
    struct copse_store *store;
    struct copse_check check;
    store_make(path);
    uint64_t size = file_size(path) < 700000 ? file_size(path) : 700000;
    if (i % 3 == 0)
      bits_flip(path, &random, 0, 3 * 4096);
    else
      bits_flip(path, &random, 4096, size);
    if (i % 2) {
      CHECK_SYS(unlink(beside(path, "-writers")));
      CHECK_SYS(unlink(beside(path, "-readers")));
    }
    int result = copse_store_open(path, NULL, &store);
    if (result == 0) {
      everything_read(store);
      (void)!copse_check_store(store, -1, NULL, NULL, NULL, &check);
      something_written(store, &random);
      (void)copse_store_close(store);
    } else {
      CHECK(*copse_error_detail() != 0);
    }
    unlink(path);
    unlink(beside(path, "-writers"));
    unlink(beside(path, "-readers"));
  }
}

/* What the books count is compared with what is there. */
TEST(miscounted_books) {
  static const struct {
    unsigned word;
    const char *says;
  } cases[] = {{BOOK_USED_UNITS, "units in use"},  {BOOK_PENDING_UNITS, "pending queue"},
               {BOOK_PARKED_UNITS, "parked"},      {BOOK_FREE_SEGMENTS, "free segments"},
               {BOOK_FREE_BLOCKS, "free blocks"},  {BOOK_SEGMENT_HINT, "first free one"},
               {BOOK_RUN_HINT, "first free block"}};
  const char *path = test_shm_path("store");
  struct copse_store *store;
  struct copse_check check;
  char said[1000] = "";
  store_make(path);
  CHECK_OK(copse_store_open(path, NULL, &store));
  struct copse_map *map = map_new(store, "large");
  for (int round = 0; round < 2; round++) { /* then segments and blocks are free amid others */
    struct copse_txn *txn = begin(store);
    void *memory;
    for (char key = 0; key < 40; key++)
      if (round == 0)
        CHECK_OK(copse_reserve(txn, map, &key, 1, 300000, 0, &memory));
      else if (key < 20)
        CHECK_OK(copse_delete(txn, map, &key, 1));
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
  for (int i = 0; i < 4; i++)
    set_text(store, map, "a", "1");
  store_sound(store);
  int fd = CHECK_SYS(open(beside(path, "-writers"), O_RDWR));
  uint8_t *books = mmap(NULL, BOOKS_HOT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(books != MAP_FAILED);
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t *word = ((struct books *)(books + BOOKS_AT))->words + cases[i].word, by = 1000;
    *word += by;
    CHECK_OK(copse_check_store(store, -1, fault_keep, NULL, said, &check));
    CHECK_EQ(check.errors, 1);
    CHECK_MSG(strstr(said, cases[i].says) != NULL, "said: %s", said);
    *word -= by;
    store_sound(store);
  }
  munmap(books, BOOKS_HOT);
  close(fd);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* Bytes of a closed store's file, the first that are such. */
static void bytes_patch(const char *path, const char *old, const char *new, size_t size) {
  static char bytes[700000];
  int fd = CHECK_SYS(open(path, O_RDWR));
  ssize_t n = CHECK_SYS(pread(fd, bytes, sizeof bytes, 0));
  char *at = memmem(bytes, (size_t)n, old, size);
  CHECK(at);
  CHECK_EQ(pwrite(fd, new, size, at - bytes), (ssize_t)size);
  close(fd);
}

/* Who lists maps asks for the next name: one with a NUL in it would come again and again. */
TEST(name_that_is_none) {
  const char *path = test_shm_path("store");
  struct copse_map_info info;
  struct copse_store *store = store_new(path, 64 << 20);
  copse_map_close(map_new(store, "abcde"));
  CHECK_OK(copse_store_close(store));
  bytes_patch(path, "dcba", "dc\0a", 4); /* the head, as a little-endian number */
  CHECK_OK(copse_store_open(path, NULL, &store));
  struct copse_snapshot *snapshot = snapshot_new(store);
  FAILS(copse_map_next(copse_snapshot_view(snapshot), NULL, &info), COPSE_E_CORRUPT, "name");
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(store));
}

/* Two names of one map, with values of other sizes: a transaction has one tree for both. */
TEST(map_with_two_shapes) {
  static uint8_t bytes[4 << 20], large[5000];
  static const uint32_t any[4] = {1, 0, 0, 0}, sized[4] = {2, 0, 100, 0};
  const char *path = test_shm_path("store");
  struct copse_map_options options = {.value_size = 100};
  struct copse_store *store = store_new(path, 64 << 20);
  struct copse_map *plain, *fixed;
  copse_map_close(map_new(store, "plain"));
  CHECK_OK(copse_map_ensure(store, "fixed", &options, -1, &fixed));
  copse_map_close(fixed);
  CHECK_OK(copse_store_close(store));
  int fd = CHECK_SYS(open(path, O_RDWR));
  CHECK_SYS(pread(fd, bytes, sizeof bytes, 0));
  for (size_t at = 3 * 4096; at + 40 < sizeof bytes; at += 8) {
    uint8_t *found = memcmp(bytes + at, sized, sizeof sized) == 0 ? bytes + at : NULL;
    for (size_t from = 3 * 4096; found && from + 40 < sizeof bytes; from += 8)
      if (memcmp(bytes + from, any, sizeof any) == 0 && bytes[from + 32] & 1) {
        memcpy(found, any, 4);                    /* id */
        memcpy(found + 32, bytes + from + 32, 8); /* tag */
        CHECK_EQ(pwrite(fd, found, 40, (off_t)at), 40);
        break;
      }
  }
  close(fd);
  CHECK_OK(copse_store_open(path, NULL, &store));
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_map_open(copse_txn_view(txn), "plain", NULL, &plain));
  CHECK_OK(copse_map_open(copse_txn_view(txn), "fixed", &options, &fixed));
  CHECK_OK(copse_put(txn, fixed, "k", 1, large, 100, 0));
  FAILS(copse_put(txn, plain, "l", 1, large, sizeof large, 0), COPSE_E_CORRUPT, "two");
  FAILS(copse_put(txn, plain, "l", 1, large, 3, 0), COPSE_E_CORRUPT, "two");
  copse_txn_abort(txn);
  copse_map_close(plain);
  copse_map_close(fixed);
  CHECK_OK(copse_store_close(store));
}

/* --- permission ------------------------------------------------------------------------------ */

TEST(permission) {
  const char *path = test_shm_path("store");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  store_make(path);
  CHECK_SYS(chmod(path, 0444));
  CHECK_SYS(chmod(beside(path, "-writers"), 0444));
  CHECK_SYS(chmod(beside(path, "-readers"), 0666));
  char folder[700];
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = 0;
  CHECK_SYS(chmod(folder, 0755));
  pid_t child = test_fork();
  if (child == 0) {
    struct copse_store *store;
    struct copse_map *map;
    if (getuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
      _exit(77);
    if (open(path, O_RDONLY | O_CLOEXEC) < 0)
      _exit(77); /* a folder above is closed to others */
    FAILS(copse_store_open(path, NULL, &store), COPSE_E_PERMISSION, path);
    CHECK_OK(copse_store_open(path, &read_only, &store));
    struct copse_snapshot *snapshot = snapshot_new(store);
    CHECK_OK(copse_map_open(copse_snapshot_view(snapshot), "m", NULL, &map));
    text_is(copse_snapshot_view(snapshot), map, "00001", "00001");
    copse_snapshot_close(snapshot);
    copse_map_close(map);
    CHECK_OK(copse_store_close(store));
    _exit(0);
  }
  int status;
  CHECK_SYS(waitpid(child, &status, 0));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    SKIP("this process cannot become another user");
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Runs in a child as a user who is not root; 77 when that cannot be. */
static void become(uid_t user) {
  if (getuid() != 0 || setgroups(0, NULL) || setgid(user) || setuid(user))
    _exit(77);
}

static void child_good(pid_t child) {
  int status;
  CHECK_SYS(waitpid(child, &status, 0));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    SKIP("this process cannot become another user");
  CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %x", (unsigned)status);
}

#define ALICE 65533u
#define MALLORY 65534u

/* A folder like /dev/shm: everybody may put files, nobody remove another's. */
static char *shared_path(void) {
  static char path[700];
  const char *folder = test_shm_path("shared");
  CHECK_SYS(mkdir(folder, 0700));
  CHECK_SYS(chmod(folder, 01777));
  snprintf(path, sizeof path, "%s/store", folder);
  return path;
}

static void mode_is(const char *path, mode_t mode, uid_t owner) {
  struct stat st;
  CHECK_SYS(stat(path, &st));
  CHECK_MSG((st.st_mode & 07777) == mode && st.st_uid == owner, "%s: mode %o of user %u", path,
            (unsigned)st.st_mode & 07777, (unsigned)st.st_uid);
}

TEST(modes) {
  const char *path = test_shm_path("store");
  struct copse_store_options options = {.flags = COPSE_CREATE, .mode = 01666},
                             sync = {.flags = COPSE_CREATE,
                                     .mode = 0664,
                                     .durability = COPSE_DURABILITY_SYNC};
  struct copse_store *store;
  FAILS(copse_store_open(path, &options, &store), COPSE_E_ARGUMENT, "1666");
  mode_t umask_before = umask(027);
  int result = copse_store_open(path, &sync, &store);
  umask(0);
  CHECK_OK(result);
  static const char *const suffixes[] = {"", "-readers", "-writers", "-log"};
  for (int i = 0; i < 4; i++)
    mode_is(beside(path, suffixes[i]), 0640, geteuid());
  CHECK_OK(copse_store_close(store));
  /* Made anew with no umask and no mode: as the data file is, the readers' file as the old one. */
  CHECK_SYS(chmod(path, 0600));
  CHECK_SYS(chmod(beside(path, "-readers"), 0622));
  if (getuid() == 0)
    CHECK_SYS(chown(path, ALICE, ALICE));
  CHECK_SYS(unlink(beside(path, "-writers")));
  CHECK_SYS(unlink(beside(path, "-log")));
  CHECK_OK(copse_store_open(path, NULL, &store));
  CHECK_OK(copse_store_close(store));
  umask(umask_before);
  uid_t owner = getuid() == 0 ? ALICE : getuid();
  mode_is(beside(path, "-readers"), 0622, geteuid());
  mode_is(beside(path, "-writers"), 0600, owner);
  mode_is(beside(path, "-log"), 0600, owner);
}

static void data_copy(const char *from, const char *to) {
  char bytes[8192];
  ssize_t n;
  int in = CHECK_SYS(open(from, O_RDONLY));
  int out = CHECK_SYS(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666));
  while ((n = read(in, bytes, sizeof bytes)) > 0)
    CHECK_EQ(write(out, bytes, (size_t)n), n);
  CHECK_SYS(fchmod(out, 0666));
  close(in);
  close(out);
}

static void alice_makes(const char *path) {
  pid_t child = test_fork();
  if (child == 0) {
    become(ALICE);
    umask(0);
    store_make(path);
    _exit(0);
  }
  child_good(child);
}

/* Mallory puts a file where alice's coordination file was: a copy of it, which names the right nonce. */
TEST(planted_coordination_file) {
  static const char *const suffixes[] = {"-readers", "-writers"};
  const char *path = shared_path(), *other = test_shm_path("other");
  alice_makes(path);
  for (int i = 0; i < 2; i++) {
    const char *file = beside(path, suffixes[i]);
    CHECK_SYS(rename(file, other));
    pid_t child = test_fork();
    if (child == 0) {
      become(MALLORY);
      umask(0);
      data_copy(other, file);
      _exit(0);
    }
    child_good(child);
    for (int reader = 0; reader < 2; reader++) {
      struct copse_store_options options = {.flags = reader ? COPSE_READ_ONLY : 0};
      child = test_fork();
      if (child == 0) {
        struct copse_store *store;
        become(ALICE);
        FAILS(copse_store_open(path, &options, &store), COPSE_E_PERMISSION, "planted");
        _exit(0);
      }
      child_good(child);
    }
    CHECK_SYS(unlink(file));
    CHECK_SYS(symlink(other, file));
    child = test_fork();
    if (child == 0) {
      struct copse_store *store;
      become(ALICE);
      FAILS(copse_store_open(path, NULL, &store), COPSE_E_NOT_A_STORE, "symbolic link");
      _exit(0);
    }
    child_good(child);
    CHECK_SYS(unlink(file));
    CHECK_SYS(rename(other, file));
    CHECK_SYS(link(file, beside(path, "-other")));
    child = test_fork();
    if (child == 0) {
      struct copse_store *store;
      become(ALICE);
      FAILS(copse_store_open(path, NULL, &store), COPSE_E_PERMISSION, "another name");
      CHECK_SYS(unlink(beside(path, "-other")));
      CHECK_OK(copse_store_open(path, NULL, &store));
      CHECK_OK(copse_store_close(store));
      _exit(0);
    }
    child_good(child);
  }
}

/* Another user's writer does not leave alice files that she would refuse. */
TEST(coordination_files_are_the_owners_to_make) {
  const char *path = shared_path();
  alice_makes(path);
  CHECK_SYS(unlink(beside(path, "-readers")));
  CHECK_SYS(unlink(beside(path, "-writers")));
  pid_t child = test_fork();
  if (child == 0) {
    struct copse_store *store;
    become(MALLORY);
    FAILS(copse_store_open(path, NULL, &store), COPSE_E_PERMISSION, "owner of the store");
    _exit(0);
  }
  child_good(child);
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, NULL, &store)); /* root may: it gives them to alice */
  CHECK_OK(copse_store_close(store));
  mode_is(beside(path, "-writers"), 0666, ALICE);
  mode_is(beside(path, "-readers"), 0666, ALICE);
}

/* Who creates a store gets one of their own, or an error. */
TEST(planted_store) {
  const char *path = shared_path(), *target = test_shm_path("target");
  alice_makes(path);
  pid_t child = test_fork();
  if (child == 0) {
    struct copse_store *store;
    struct copse_store_options create = {.flags = COPSE_CREATE},
                               exclusive = {.flags = COPSE_CREATE | COPSE_EXCLUSIVE};
    become(MALLORY);
    FAILS(copse_store_open(path, &create, &store), COPSE_E_PERMISSION, "planted");
    FAILS(copse_store_open(path, &exclusive, &store), COPSE_E_STORE_EXISTS, path);
    CHECK_OK(copse_store_open(path, NULL, &store)); /* alice's, on purpose */
    CHECK_OK(copse_store_close(store));
    _exit(0);
  }
  child_good(child);
  struct copse_store *store;
  struct copse_store_options create = {.flags = COPSE_CREATE};
  const char *links = beside(path, "2");
  CHECK_SYS(symlink(target, links));
  FAILS(copse_store_open(links, &create, &store), COPSE_E_NOT_A_STORE, "symbolic link");
  CHECK_EQ(access(target, F_OK), -1);
  store_make(target);
  FAILS(copse_store_open(links, &create, &store), COPSE_E_NOT_A_STORE, "symbolic link");
  FAILS(copse_store_remove(links), COPSE_E_NOT_A_STORE, "symbolic link");
}

/* --- a newer build beside this one ------------------------------------------------------------ */

#define FEATURE 4u /* that this library does not know */

static void features_patch(const char *path, const char *suffix, size_t at) {
  const char *name = beside(path, suffix);
  if (!*suffix) {
    header_patch(path, at, FEATURE, 1);
    return;
  }
  uint64_t feature = FEATURE;
  int fd = CHECK_SYS(open(name, O_RDWR));
  CHECK_EQ(pwrite(fd, &feature, sizeof feature, (off_t)at), (ssize_t)sizeof feature);
  close(fd);
}

enum features { FEATURE_COMPAT, FEATURE_READ, FEATURE_INCOMPAT };

/* The newer build is one that is attached already: it wrote its features, and goes on writing. */
static void newer_build_beside(const char *suffix, size_t first, enum features kind) {
  const char *path = test_shm_path("store");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *newer = store_new(path, 64 << 20), *older;
  struct copse_map *map = map_new(newer, "m"), *seen;
  features_patch(path, suffix, first + 8 * kind);
  set_text(newer, map, "k", "newer");
  if (kind == FEATURE_COMPAT) {
    CHECK_OK(copse_store_open(path, NULL, &older));
    CHECK_OK(copse_map_ensure(older, "m", NULL, -1, &seen));
    set_text(older, seen, "l", "older");
    copse_map_close(seen);
    CHECK_OK(copse_store_close(older));
  } else {
    FAILS(copse_store_open(path, NULL, &older), COPSE_E_VERSION, "features");
  }
  if (kind == FEATURE_INCOMPAT) {
    FAILS(copse_store_open(path, &read_only, &older), COPSE_E_VERSION, "features");
  } else {
    CHECK_OK(copse_store_open(path, &read_only, &older));
    CHECK_OK(copse_map_ensure(older, "m", NULL, -1, &seen));
    struct copse_snapshot *snapshot = snapshot_new(older);
    text_is(copse_snapshot_view(snapshot), seen, "k", "newer");
    set_text(newer, map, "k", "newest");
    CHECK_OK(copse_snapshot_refresh(snapshot));
    text_is(copse_snapshot_view(snapshot), seen, "k", "newest");
    copse_snapshot_close(snapshot);
    copse_map_close(seen);
    CHECK_OK(copse_store_close(older));
  }
  struct copse_snapshot *snapshot = snapshot_new(newer);
  text_is(copse_snapshot_view(snapshot), map, "l", kind == FEATURE_COMPAT ? "older" : NULL);
  copse_snapshot_close(snapshot);
  store_sound(newer);
  copse_map_close(map);
  CHECK_OK(copse_store_close(newer));
  CHECK_OK(copse_store_remove(path));
}

TEST(newer_build_with_unknown_features) {
  for (int kind = FEATURE_COMPAT; kind <= FEATURE_INCOMPAT; kind++) {
    newer_build_beside("", offsetof(struct data_header, compat), (enum features)kind);
    newer_build_beside("-readers", offsetof(struct readers_header, compat), (enum features)kind);
    newer_build_beside("-writers", offsetof(struct writers_header, compat), (enum features)kind);
  }
}

TEST(header_of_another_machine) {
  const char *path = test_shm_path("store");
  struct copse_store *store;
  store_make(path);
  header_patch(path, offsetof(struct data_header, byte_order), 0x04030201, 1);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_NOT_A_STORE, "byte order");
  header_patch(path, offsetof(struct data_header, byte_order), FORMAT_BYTE_ORDER, 1);
  header_patch(path, offsetof(struct data_header, unit), 256, 1);
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_CORRUPT, "header");
  header_patch(path, offsetof(struct data_header, unit), FORMAT_UNIT, 1);
  CHECK_OK(copse_store_open(path, NULL, &store));
  CHECK_OK(copse_store_close(store));
}

/* --- sealed copies --------------------------------------------------------------------------- */

/* A store whose newest version has less than the file has bytes of. */
static struct copse_store *store_to_seal(const char *path) {
  store_make(path);
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, NULL, &store));
  struct copse_map *map = map_new(store, "m");
  for (int i = 0; i < 50; i++) {
    char key[16];
    sprintf(key, "gone%d", i);
    set_text(store, map, key, "what was deleted before the copy was made");
  }
  struct copse_txn *txn = begin(store);
  CHECK_OK(copse_delete_range(txn, map, &(struct copse_range){.prefix = {"gone", 4}}, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_map_close(map);
  return store;
}

static void seal_from(struct copse_store *store, const char *target) {
  struct copse_snapshot *snapshot = snapshot_new(store);
  CHECK_OK(copse_snapshot_seal(snapshot, target, 0640));
  copse_snapshot_close(snapshot);
}

TEST(sealed_copy) {
  const char *path = test_shm_path("store"), *target = test_disk_path("sealed"),
             *again = test_disk_path("again");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY, .reserve_bytes = 1 << 30},
                             create = {.flags = COPSE_CREATE};
  struct copse_store *store = store_to_seal(path), *sealed;
  mode_t umask_before = umask(0);
  seal_from(store, target);
  umask(umask_before);
  mode_is(target, 0640, geteuid());
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot = snapshot_new(store);
  uint64_t version = copse_store_version(store);
  set_text(store, map, "later", "than the copy");
  FAILS(copse_snapshot_seal(snapshot, target, 0), COPSE_E_STORE_EXISTS, target);
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));

  FAILS(copse_store_open(target, NULL, &sealed), COPSE_E_READ_ONLY, "sealed");
  FAILS(copse_store_open(target, &create, &sealed), COPSE_E_READ_ONLY, "sealed");
  for (int i = 0; i < 2; i++) { /* a copy of the copy is like it */
    struct copse_txn *txn;
    os_file_system_magic = i ? 0 : 0x6969; /* nfs */
    int result = copse_store_open(i ? again : target, &read_only, &sealed);
    os_file_system_magic = 0;
    CHECK_OK(result);
    CHECK_EQ(access(beside(target, "-readers"), F_OK), -1);
    CHECK_EQ(access(beside(target, "-writers"), F_OK), -1);
    CHECK_EQ(copse_store_version(sealed), version);
    CHECK_RESULT(copse_txn_begin(sealed, -1, &txn), COPSE_E_READ_ONLY);
    CHECK_RESULT(copse_store_sync(sealed, NULL), COPSE_E_READ_ONLY);
    store_sound(sealed);
    struct copse_stat stat;
    CHECK_OK(copse_stat(sealed, &stat));
    CHECK_EQ(stat.maps, 1);
    CHECK_EQ(stat.file_bytes, file_size(target));
    CHECK(stat.used_bytes > 20000 && stat.used_bytes < stat.file_bytes);
    snapshot = snapshot_new(sealed);
    CHECK_OK(copse_map_open(copse_snapshot_view(snapshot), "m", NULL, &map));
    for (int child = 0; child < 2; child++) {
      pid_t forked = child ? test_fork() : 0; /* also in a child that inherits it */
      if (forked == 0) {
        uint64_t count;
        text_is(copse_snapshot_view(snapshot), map, "01999", "01999");
        text_is(copse_snapshot_view(snapshot), map, "later", NULL);
        CHECK_OK(copse_count(copse_snapshot_view(snapshot), map, &count));
        CHECK_EQ(count, 2001);
        if (child)
          _exit(0);
      } else {
        CHECK_CHILD_OK(forked);
      }
    }
    copse_snapshot_close(snapshot);
    copse_map_close(map);
    if (i == 0)
      seal_from(sealed, again);
    CHECK_OK(copse_store_close(sealed));
  }
  CHECK_OK(copse_store_remove(target));
  CHECK_EQ(access(target, F_OK), -1);
}

/* Any byte of a page that changed is found, and any length refused or found. */
TEST(sealed_copy_damaged) {
  const char *path = test_shm_path("store"), *target = test_shm_path("sealed");
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store = store_to_seal(path), *sealed;
  struct copse_check check;
  seal_from(store, target);
  CHECK_OK(copse_store_close(store));
  uint64_t size = file_size(target);
  int fd = CHECK_SYS(open(target, O_RDWR));
  uint8_t bytes[64], changed[64];
  for (uint64_t at = 12288; at < size; at += 12800) {
    static const uint8_t zeros[64];
    CHECK_EQ(pread(fd, bytes, sizeof bytes, (off_t)at), 64);
    if (memcmp(bytes, zeros, sizeof zeros) == 0)
      continue; /* a hole */
    memcpy(changed, bytes, sizeof bytes);
    changed[32] ^= 1;
    CHECK_EQ(pwrite(fd, changed, sizeof changed, (off_t)at), 64);
    CHECK_OK(copse_store_open(target, &read_only, &sealed));
    CHECK_OK(copse_check_store(sealed, -1, NULL, NULL, NULL, &check));
    CHECK_MSG(check.errors > 0, "a change at %llu was not found", (unsigned long long)at);
    CHECK_OK(copse_store_close(sealed));
    CHECK_EQ(pwrite(fd, bytes, sizeof bytes, (off_t)at), 64);
  }
  close(fd);
  CHECK_SYS(truncate(target, (off_t)(size - 1)));
  FAILS(copse_store_open(target, &read_only, &sealed), COPSE_E_TRUNCATED, target);
}

static int writes_until;
static int write_fails(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return (call == OS_CALL_WRITE || call == OS_CALL_SYNC) && writes_until-- == 0 ? ENOSPC : 0;
}

TEST(sealing_fails) {
  const char *path = test_shm_path("store"), *target = test_shm_path("sealed");
  struct copse_store *store = store_to_seal(path);
  struct copse_snapshot *snapshot = snapshot_new(store);
  for (int n = 0, result = 1; result; n++) {
    writes_until = n;
    os_hook = write_fails;
    result = copse_snapshot_seal(snapshot, target, 0);
    os_hook = NULL;
    if (writes_until >= 0) {
      CHECK_OK(result);
    } else if (access(target, F_OK) == 0) {
      CHECK_EQ(result, COPSE_E_NO_SPACE); /* its name could not be synced: it is complete */
      struct copse_store *sealed;
      CHECK_OK(copse_store_open(target, &(struct copse_store_options){.flags = COPSE_READ_ONLY},
                                &sealed));
      CHECK_OK(copse_store_close(sealed));
      CHECK_SYS(unlink(target));
    } else {
      CHECK_EQ(result, COPSE_E_NO_SPACE);
    }
  }
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &snapshot));
  FAILS(copse_snapshot_seal(snapshot, test_shm_path("other"), 0), COPSE_E_STATE, "oustable");
  copse_snapshot_close(snapshot);
  CHECK_OK(copse_store_close(store));
}

/* --- removing ------------------------------------------------------------------------------ */

/* Who may write the files but not their folder: what cannot be removed stays whole, even if its
 * content is only to be had together with its coordination files. */
TEST(removal_not_permitted) {
  struct copse_store_options none = {.flags = COPSE_CREATE, .durability = COPSE_DURABILITY_NONE};
  const char *folder = test_shm_path("folder");
  char path[700];
  CHECK_SYS(mkdir(folder, 0755));
  snprintf(path, sizeof path, "%s/store", folder);
  pid_t dies = test_fork();
  if (dies == 0) {
    struct copse_store *store;
    CHECK_OK(copse_store_open(path, &none, &store));
    struct copse_map *map = map_new(store, "m");
    set_text(store, map, "k", "v");
    raise(SIGKILL);
  }
  CHECK_CHILD_KILLED(dies, SIGKILL);
  CHECK_SYS(chmod(path, 0666));
  pid_t child = test_fork();
  if (child == 0) {
    if (getuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
      _exit(77);
    if (access(path, W_OK) != 0 || access(folder, W_OK) == 0)
      _exit(77); /* a folder above is closed to others, or this one is open */
    FAILS(copse_store_remove(path), COPSE_E_PERMISSION, "store");
    _exit(0);
  }
  int status;
  CHECK_SYS(waitpid(child, &status, 0));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    SKIP("this process cannot become another user");
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, NULL, &store));
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot = snapshot_new(store);
  text_is(copse_snapshot_view(snapshot), map, "k", "v");
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
}

TEST(removal_cut_short) {
  const char *path = test_shm_path("store");
  static const uint32_t creating[] = {COPSE_CREATE, COPSE_CREATE | COPSE_EXCLUSIVE};
  for (int i = 0; i < 3; i++) {
    struct copse_store *store;
    struct copse_store_options options = {.flags = i < 2 ? creating[i] : 0};
    struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
    store_make(path);
    header_patch(path, offsetof(struct data_header, nonce), UINT32_MAX, 0);
    header_patch(path, offsetof(struct data_header, nonce) + 4, UINT32_MAX, 1);
    FAILS(copse_store_open(path, NULL, &store), COPSE_E_NO_STORE, "cut short");
    FAILS(copse_store_open(path, &read_only, &store), COPSE_E_NO_STORE, "cut short");
    if (i < 2) {
      CHECK_OK(copse_store_open(path, &options, &store));
      CHECK_EQ(copse_store_version(store), 1);
      CHECK_OK(copse_store_close(store));
    }
    CHECK_OK(copse_store_remove(path));
    CHECK_EQ(access(path, F_OK), -1);
    CHECK_EQ(access(beside(path, "-writers"), F_OK), -1);
    CHECK_EQ(access(beside(path, "-readers"), F_OK), -1);
  }
}

/* --- coordination files ---------------------------------------------------------------------- */

static void coordination_lost(const char *suffix, int replaced) {
  const char *path = test_shm_path("store");
  struct copse_store *store, *second;
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  store_make(path);
  CHECK_SYS(unlink(beside(path, suffix)));
  if (replaced)
    file_write(beside(path, suffix), "not a coordination file", 23);
  FAILS(copse_store_open(path, &read_only, &store), COPSE_E_COORDINATION, suffix);
  CHECK_OK(copse_store_open(path, NULL, &store)); /* it was closed cleanly: they are made anew */
  store_sound(store);
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot = snapshot_new(store);
  text_is(copse_snapshot_view(snapshot), map, "01999", "01999");
  CHECK_SYS(unlink(beside(path, suffix)));
  if (replaced)
    file_write(beside(path, suffix), "not a coordination file", 23);
  FAILS(copse_store_open(path, NULL, &second), COPSE_E_COORDINATION, suffix);
  set_text(store, map, "new", "record"); /* who has it open goes on */
  copse_snapshot_close(snapshot);
  store_sound(store);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_open(path, NULL, &store));
  map = map_new(store, "m");
  snapshot = snapshot_new(store);
  text_is(copse_snapshot_view(snapshot), map, "new", "record");
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  store_sound(store);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
}

TEST(coordination_files_lost) {
  coordination_lost("-writers", 0);
  coordination_lost("-readers", 0);
}

TEST(coordination_files_replaced) {
  coordination_lost("-writers", 1);
  coordination_lost("-readers", 1);
}

static void header_read(const char *path, uint8_t header[4096]) {
  int fd = CHECK_SYS(open(path, O_RDONLY));
  CHECK_EQ(pread(fd, header, 4096, 0), 4096);
  close(fd);
}

static void header_is_enough(const char *path, const uint8_t header[4096]) {
  struct copse_store *store;
  int fd = CHECK_SYS(open(path, O_WRONLY));
  CHECK_EQ(pwrite(fd, header, 4096, 0), 4096);
  close(fd);
  CHECK_OK(copse_store_open(path, NULL, &store));
  struct copse_map *map = map_new(store, "m");
  struct copse_snapshot *snapshot = snapshot_new(store);
  text_is(copse_snapshot_view(snapshot), map, "01999", "01999");
  copse_snapshot_close(snapshot);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* New coordination files are named by the header; a power cut stops that in the middle. */
TEST(header_torn_while_its_nonce_was_written) {
  const char *path = test_disk_path("store");
  uint8_t before[4096], after[4096], torn[4096];
  struct copse_store *store;
  store_make(path);
  header_read(path, before);
  CHECK_SYS(unlink(beside(path, "-writers")));
  CHECK_OK(copse_store_open(path, NULL, &store));
  CHECK_OK(copse_store_close(store));
  header_read(path, after);
  CHECK(memcmp(before, after, sizeof before) != 0);
  for (int sectors = 0; sectors < 256; sectors++) {
    for (int i = 0; i < 8; i++)
      memcpy(torn + i * 512, (sectors >> i & 1 ? after : before) + i * 512, 512);
    header_is_enough(path, torn);
  }
  for (unsigned bytes = 1; bytes < 8; bytes++) { /* a sector that holds half of each */
    memcpy(torn, before, sizeof torn);
    memcpy(torn, after, offsetof(struct data_header, nonce) + bytes);
    header_is_enough(path, torn);
  }
  CHECK_OK(copse_store_open(path, NULL, &store));
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}

TEST(coordination_lost_in_use) {
  const char *path = test_shm_path("store");
  struct copse_store *store;
  store_make(path);
  pid_t child = test_fork();
  if (child == 0) {
    CHECK_OK(copse_store_open(path, NULL, &store));
    struct copse_map *map = map_new(store, "m");
    set_text(store, map, "new", "record");
    _exit(0); /* not closed: the newest version stands in the writers' file alone */
  }
  CHECK_CHILD_OK(child);
  CHECK_SYS(unlink(beside(path, "-writers")));
  FAILS(copse_store_open(path, NULL, &store), COPSE_E_COORDINATION, "-writers");
}

static uint64_t nonce_of(const char *path) {
  uint8_t header[4096];
  uint64_t nonce;
  header_read(path, header);
  memcpy(&nonce, header + offsetof(struct data_header, nonce), sizeof nonce);
  return nonce;
}

/* Without /proc: one boot is like another, unless somebody is attached. */
TEST(boot_that_is_not_known) {
  const char *path = test_disk_path("store");
  struct copse_store_options options = {.flags = COPSE_CREATE, .sync_interval_ms = UINT32_MAX},
                             read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store, *other;
  for (int known = 0; known < 2;
       known++) { /* to whoever made the files, or to whoever meets them */
    pid_t child = test_fork();
    os_boot_unknown = !known;
    if (child == 0) {
      CHECK_OK(copse_store_open(path, &options, &store));
      set_text(store, map_new(store, "m"), "a", "1");
      CHECK_OK(copse_store_sync(store, NULL));
      set_text(store, map_new(store, "m"), "a", "2");
      _exit(0); /* not closed: as if the machine had stopped here */
    }
    CHECK_CHILD_OK(child);
    uint64_t nonce = nonce_of(path);
    os_boot_unknown = known;
    FAILS(copse_store_open(path, &read_only, &store), COPSE_E_COORDINATION, "not current");
    CHECK_OK(copse_store_open(path, NULL, &store));
    CHECK(nonce_of(path) != nonce);
    struct copse_snapshot *snapshot = snapshot_new(store);
    struct copse_map *map = map_new(store, "m");
    text_is(copse_snapshot_view(snapshot), map, "a", "1"); /* what the disk had */
    nonce = nonce_of(path);
    for (int i = 0; i < 4; i++) {
      os_boot_unknown = i / 2;
      CHECK_OK(copse_store_open(path, i % 2 ? &read_only : NULL, &other));
      CHECK_OK(copse_store_close(other));
    }
    CHECK_EQ(nonce_of(path), nonce);
    copse_snapshot_close(snapshot);
    copse_map_close(map);
    CHECK_OK(copse_store_close(store));
    CHECK_OK(copse_store_remove(path));
  }
  os_boot_unknown = 0;
}

/* --- system calls that fail ------------------------------------------------------------------ */

static enum os_call failing;
static int failure_errno;
static int call_fails(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path, (void)offset, (void)size;
  return call == failing ? failure_errno : 0;
}

static int linked, names_synced;
static char folder_of_store[700];
static int creation_watch(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)offset, (void)size;
  linked |= call == OS_CALL_LINK;
  if (call != OS_CALL_SYNC || strcmp(path, folder_of_store) != 0)
    return 0;
  names_synced += linked;
  return failure_errno;
}

TEST(name_of_a_new_store_is_synced) {
  struct copse_store_options options = {.flags = COPSE_CREATE};
  for (int disk = 0; disk < 2; disk++) {
    const char *path = disk ? test_disk_path("store") : test_shm_path("store");
    struct copse_store *store;
    snprintf(folder_of_store, sizeof folder_of_store, "%s", path);
    strrchr(folder_of_store, '/')[1] = 0;
    linked = names_synced = 0;
    for (failure_errno = EIO * disk; failure_errno >= 0; failure_errno -= EIO) {
      os_hook = creation_watch;
      int result = copse_store_open(path, &options, &store);
      os_hook = NULL;
      CHECK_EQ(result, failure_errno ? COPSE_E_IO : 0);
      if (result == 0)
        CHECK_OK(copse_store_close(store));
      CHECK_OK(copse_store_remove(path));
    }
    CHECK_EQ(names_synced, 2 * disk);
  }
}

TEST(system_calls_fail) {
  static const struct {
    enum os_call call;
    int errnum, code;
  } cases[] = {
      {OS_CALL_OPEN, EIO, COPSE_E_IO},
      {OS_CALL_OPEN, EACCES, COPSE_E_PERMISSION},
      {OS_CALL_READ, EIO, COPSE_E_IO},
      {OS_CALL_OPEN, EROFS, COPSE_E_READ_ONLY},
      {OS_CALL_MAP, ENOMEM, COPSE_E_ADDRESS_SPACE},
      {OS_CALL_LOCK, EIO, COPSE_E_IO},
  };
  const char *path = test_shm_path("store");
  struct copse_store *store;
  store_make(path);
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    failing = cases[i].call;
    failure_errno = cases[i].errnum;
    os_hook = call_fails;
    int result = copse_store_open(path, NULL, &store);
    os_hook = NULL;
    CHECK_MSG(result == cases[i].code, "case %u: %s: %s", i, copse_error_name(result),
              copse_error_detail());
    CHECK(*copse_error_detail() != 0);
  }
  CHECK_OK(copse_store_open(path, NULL, &store));
  store_sound(store);
  CHECK_OK(copse_store_close(store));
}
