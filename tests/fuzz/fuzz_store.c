/* fuzz_store.c - hostile store files: a small store whose three files have been written over
 * here and there. Whatever is read of them, there may be errors, but no crash, no endless
 * loop and no step outside of the mapped memory.
 *
 * The input is a byte of options and a list of edits {where, offset, length, bytes}: a file that
 * is mostly sound leads deeper than random bytes would, and inputs stay small. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "copse/copse.h"
#include "fuzz.h"
#include "page/format.h"
#include "region/format.h"
#include "sync/format.h"

enum { FILES = 3 };
static const char *const suffixes[FILES] = {"", "-readers", "-writers"};

/* Stretches of the three files of the sound store that hold something. */
struct stretch {
  uint64_t offset, size;
  uint8_t *bytes;
};
static struct base {
  struct stretch stretches[64];
  unsigned count;
  uint64_t size;
} bases[2][FILES]; /* of maps; of arenas */

enum option {
  OPTION_READ_ONLY = 1,
  OPTION_DATA_ONLY = 2, /* without coordination files: the books are made from the pages */
  OPTION_CHECKSUMS = 4, /* checksums of header and root slots are made good again */
  OPTION_CUT = 8,       /* the data file is cut off at the first edit's offset */
  OPTION_ARENAS = 16,   /* the store is one of arenas */
};

/* --- the sound store --------------------------------------------------------------------- */

static void store_fill(const char *path) {
  static const uint8_t value[30000];
  struct copse_store_options options = {.flags = COPSE_CREATE, .max_bytes = 8 << 20};
  struct copse_map_options fixed = {.key_kind = COPSE_KEY_U64, .value_size = 40};
  struct copse_store *store;
  struct copse_txn *txn;
  struct copse_map *map;
  CHECK_OK(copse_store_open(path, &options, &store));
  for (int round = 0; round < 3; round++) {
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    if (round == 0) {
      CHECK_OK(copse_map_create(txn, "bytes", NULL, &map));
      copse_map_close(map);
      CHECK_OK(copse_map_create(txn, "fixed", &fixed, &map));
      copse_map_close(map);
      CHECK_OK(copse_map_create(txn, "dropped", NULL, &map));
      copse_map_close(map);
    }
    for (int m = 0; m < 3 - (round == 2); m++) {
      static const char *const names[] = {"bytes", "fixed", "dropped"};
      CHECK_OK(copse_map_open(copse_txn_view(txn), names[m], NULL, &map));
      for (uint64_t i = 0; i < 900; i++) {
        uint8_t key[8];
        copse_key_u64(i * 7919 % 1000, key);
        size_t size = m == 1 ? 40 : i % 100 == 5 ? i * 30 : i % 60;
        CHECK_OK(copse_put(txn, map, key, 8, value, size, 0));
      }
      if (round == 1 && m == 2)
        CHECK_OK(copse_map_drop(txn, map));
      copse_map_close(map);
    }
    CHECK_OK(copse_txn_commit(txn, NULL));
  }
  CHECK_OK(copse_store_close(store));
}

/* Arenas with long arrays, holes, generations and slots far away; a tree arena. */
static void arenas_fill(const char *path) {
  static uint8_t records[3000 * 64];
  struct copse_store_options options = {.flags = COPSE_CREATE, .max_bytes = 8 << 20};
  struct copse_arena_options sizes[] = {{.record_size = 64}, {.record_size = 3}};
  struct copse_tree_options payloads = {.payload_size = 8};
  struct copse_handle handle, node, parent = {0};
  struct copse_store *store;
  struct copse_tree *tree;
  struct copse_txn *txn;
  const void *record;
  for (size_t i = 0; i < sizeof records; i++)
    records[i] = (uint8_t)i;
  CHECK_OK(copse_store_open(path, &options, &store));
  for (int i = 0; i < 2; i++) {
    struct copse_arena *arena;
    CHECK_OK(copse_arena_ensure(store, i ? "small" : "records", &sizes[i], -1, &arena));
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    CHECK_OK(copse_arena_append(txn, arena, 3000, records, NULL));
    for (uint64_t k = 0; k < 30; k++) {
      CHECK_OK(copse_arena_at(copse_txn_view(txn), arena, k * k, &handle, &record));
      CHECK_OK(copse_arena_remove(txn, arena, &handle));
      CHECK_OK(copse_arena_insert_at(txn, arena, (k + 1) << (12 + k), records, NULL, NULL));
    }
    CHECK_OK(copse_txn_commit(txn, NULL));
    copse_arena_close(arena);
  }
  CHECK_OK(copse_tree_ensure(store, "tree", &payloads, -1, &tree));
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  for (uint64_t i = 0; i < 200; i++) {
    CHECK_OK(copse_tree_new(txn, tree, &i, &node, NULL));
    if (i)
      CHECK_OK(copse_tree_append(txn, tree, &parent, &node));
    parent = i % 7 ? parent : node;
  }
  CHECK_OK(copse_txn_commit(txn, NULL));
  copse_tree_close(tree);
  CHECK_OK(copse_store_close(store));
}

static void file_read(const char *path, struct base *base) {
  int fd = CHECK_SYS(open(path, O_RDONLY));
  base->size = (uint64_t)CHECK_SYS(lseek(fd, 0, SEEK_END));
  for (off_t at = 0, end; (at = lseek(fd, at, SEEK_DATA)) >= 0; at = end) {
    end = CHECK_SYS(lseek(fd, at, SEEK_HOLE));
    CHECK_LT(base->count, 64);
    struct stretch *stretch = &base->stretches[base->count++];
    *stretch = (struct stretch){(uint64_t)at, (uint64_t)(end - at), malloc((size_t)(end - at))};
    CHECK(stretch->bytes);
    CHECK_EQ(pread(fd, stretch->bytes, stretch->size, at), stretch->size);
  }
  close(fd);
}

static void base_make(bool arenas) {
  char name[512];
  const char *path = test_shm_path("sound");
  (arenas ? arenas_fill : store_fill)(path);
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    file_read(name, &bases[arenas][i]);
  }
  CHECK_OK(copse_store_remove(path));
}

/* --- one hostile store ------------------------------------------------------------------- */

static void file_write(const char *path, const struct base *base) {
  unlink(path);
  int fd = CHECK_SYS(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  CHECK_SYS(ftruncate(fd, (off_t)base->size));
  for (unsigned i = 0; i < base->count; i++)
    CHECK_EQ(pwrite(fd, base->stretches[i].bytes, base->stretches[i].size,
                    (off_t)base->stretches[i].offset),
             base->stretches[i].size);
  close(fd);
}

/* Makes the checksum of the header, or of a root slot, good. */
static void checksum_mend(int fd, off_t offset) {
  union {
    struct data_header header;
    uint8_t bytes[FORMAT_BLOCK];
  } block;
  if (pread(fd, &block, sizeof block, offset) != sizeof block)
    return;
  uint32_t crc =
      offset ? base_crc32c(block.bytes, FORMAT_BLOCK - 4) : data_header_crc(&block.header);
  CHECK_EQ(pwrite(fd, &crc, 4, offset + FORMAT_BLOCK - 4), 4);
}

/* Where an edit goes: an offset among the stretches that hold something. */
static uint64_t place(const struct base *base, uint64_t wanted) {
  uint64_t total = 0;
  for (unsigned i = 0; i < base->count; i++)
    total += base->stretches[i].size;
  wanted %= total;
  for (unsigned i = 0;; i++) {
    if (wanted < base->stretches[i].size)
      return base->stretches[i].offset + wanted;
    wanted -= base->stretches[i].size;
  }
}

static void edits_apply(const char *path, const struct base *base, const uint8_t *data,
                        size_t size) {
  unsigned options = data[0];
  char name[512];
  for (size_t at = 1; at + 6 <= size;) {
    unsigned file = data[at] % FILES, length = data[at + 4] % 16 + 1u;
    uint64_t offset =
        (uint64_t)data[at + 1] | (uint64_t)data[at + 2] << 8 | (uint64_t)data[at + 3] << 16;
    at += 5;
    if (length > size - at)
      length = (unsigned)(size - at);
    snprintf(name, sizeof name, "%s%s", path, suffixes[file]);
    int fd = open(name, O_RDWR);
    if (fd < 0)
      return;
    offset = place(&base[file], offset);
    if (options & OPTION_CUT && file == 0)
      CHECK_SYS(ftruncate(fd, (off_t)offset));
    else
      CHECK_EQ(pwrite(fd, data + at, length, (off_t)offset), length);
    for (off_t block = 0; options & OPTION_CHECKSUMS && file == 0 && block < 3; block++)
      checksum_mend(fd, block * (off_t)FORMAT_BLOCK);
    close(fd);
    at += length;
  }
}

/* --- using it ---------------------------------------------------------------------------- */

#define STEPS 3000 /* of a scan: pages that refer to each other may make it endless */

static uint64_t sum;

static void touch(const struct copse_bytes *bytes) {
  const uint8_t *data = bytes->data;
  for (size_t i = 0; i < bytes->size; i += 61)
    sum += data[i];
  if (bytes->size)
    sum += data[bytes->size - 1];
}

static void map_scan(struct copse_view *view, struct copse_map *map) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint8_t wanted[8];
  if (copse_cursor_open(view, map, NULL, &cursor))
    return;
  for (int i = 0; i < STEPS && copse_cursor_next(cursor, &key, &value) == 0; i++) {
    touch(&key);
    touch(&value);
  }
  for (int i = 0; i < STEPS && copse_cursor_prev(cursor, &key, &value) == 0; i++)
    touch(&key);
  copse_key_u64(500, wanted);
  if (copse_cursor_seek(cursor, COPSE_SEEK_LE, wanted, 8, &key, &value) == 0)
    touch(&value);
  copse_cursor_close(cursor);
  for (uint64_t i = 0; i < 1000; i += 37) {
    copse_key_u64(i, wanted);
    if (copse_get(view, map, wanted, 8, &value) == 0)
      touch(&value);
  }
  struct copse_map_stat stat;
  struct copse_layout *layout;
  (void)!copse_map_stat(view, map, &stat);
  if (copse_map_layout(view, map, &layout) == 0)
    copse_layout_free(layout);
}

static void touch_bytes(const void *data, size_t size) { touch(&(struct copse_bytes){data, size}); }

static void arena_scan(struct copse_view *view, const char *name) {
  struct copse_arena_info info;
  struct copse_arena *arena;
  struct copse_chunk chunk = {0};
  struct copse_slots slots = {0};
  struct copse_handle handle;
  struct copse_map_stat stat;
  const void *record;
  if (copse_arena_open(view, name, NULL, &arena))
    return;
  if (copse_arena_info(view, arena, &info) == 0) {
    for (int i = 0;
         i < STEPS / 10 && copse_arena_chunk(view, arena, chunk.first + chunk.count, &chunk) == 0;
         i++)
      touch_bytes(chunk.records, chunk.count * info.record_size);
    for (int i = 0;
         i < STEPS / 10 && copse_arena_slots(view, arena, slots.first + slots.count, &slots) == 0;
         i++)
      touch_bytes(slots.records ? slots.records : "",
                  slots.records ? slots.count * info.record_size : 0);
    for (uint64_t i = 0; i < 3000; i += 37)
      if (copse_arena_at(view, arena, i, &handle, &record) == 0)
        touch_bytes(record, info.record_size);
  }
  (void)!copse_map_stat(view, copse_arena_map(arena), &stat);
  copse_arena_close(arena);
}

static void tree_scan(struct copse_view *view, const char *name) {
  struct copse_tree_walk walk;
  struct copse_handle node;
  struct copse_tree *tree;
  const void *payload;
  if (copse_tree_open(view, name, NULL, &tree))
    return;
  for (int axis = COPSE_TREE_ANCESTORS; axis <= COPSE_TREE_TRAVERSE_REVERSE; axis++) {
    if (copse_tree_at(view, tree, (uint64_t)axis % 4, &node, &payload) ||
        copse_tree_walk_begin(view, tree, &node, (enum copse_tree_axis)axis, &walk))
      continue;
    while (copse_tree_walk_next(&walk, &payload) == 0)
      touch_bytes(payload, copse_tree_payload_size(tree));
  }
  copse_tree_close(tree);
}

static void maps_scan(struct copse_view *view) {
  struct copse_map_info info;
  char name[COPSE_MAP_NAME_MAX + 1] = "";
  for (int i = 0; i < 20 && copse_map_next(view, i ? name : NULL, &info) == 0; i++) {
    struct copse_map *map;
    memcpy(name, info.name, sizeof name);
    arena_scan(view, name);
    tree_scan(view, name);
    if (copse_map_open(view, name, NULL, &map))
      continue;
    map_scan(view, map);
    copse_map_close(map);
  }
}

static void change(struct copse_store *store, int rounds) {
  static const uint8_t value[9000];
  for (int round = 0; round < rounds; round++) {
    struct copse_txn *txn;
    struct copse_map *map;
    if (copse_txn_begin(store, 0, &txn))
      return;
    if (copse_map_open(copse_txn_view(txn), round % 2 ? "fixed" : "bytes", NULL, &map) == 0) {
      for (uint64_t i = 0; i < 60; i++) {
        uint8_t key[8];
        copse_key_u64(i * 17 + (uint64_t)round, key);
        (void)!copse_put(txn, map, key, 8, value, round % 2 ? 40 : i * 150, 0);
        copse_key_u64(i * 13, key);
        (void)!copse_delete(txn, map, key, 8);
      }
      copse_map_close(map);
    }
    if (round % 3 == 2)
      copse_txn_abort(txn);
    else
      (void)!copse_txn_commit(txn, NULL);
  }
}

static void arenas_change(struct copse_store *store) {
  static const uint8_t records[200 * 64];
  struct copse_handle handle, root;
  struct copse_arena *arena;
  struct copse_tree *tree;
  struct copse_txn *txn;
  const void *record;
  if (copse_txn_begin(store, 0, &txn))
    return;
  struct copse_view *view = copse_txn_view(txn);
  struct copse_arena_options options = {.record_size = 64};
  if (copse_arena_open(view, "records", &options, &arena) == 0) {
    for (uint64_t i = 0; i < 40; i++) {
      struct copse_slots slots = {i % 2 ? records : NULL, i * 977, 1 + i, 3, 0};
      (void)!copse_arena_insert(txn, arena, records, &handle, NULL);
      (void)!copse_arena_restore(txn, arena, &slots);
      if (copse_arena_at(view, arena, i * 17, &handle, &record) == 0) {
        (void)!copse_arena_update(txn, arena, &handle, records, NULL);
        (void)!copse_arena_remove(txn, arena, &handle);
      }
    }
    (void)!copse_arena_append(txn, arena, 200, records, NULL);
    copse_arena_close(arena);
  }
  if (copse_tree_open(view, "tree", NULL, &tree) == 0) {
    if (copse_tree_payload_size(tree) == 8 && copse_tree_at(view, tree, 0, &root, &record) == 0)
      for (uint64_t i = 1; i < 20; i++)
        if (copse_tree_at(view, tree, i * 7, &handle, &record) == 0) {
          (void)!copse_tree_prepend(txn, tree, &root, &handle);
          (void)!copse_tree_remove(txn, tree, &handle);
        }
    (void)!copse_tree_remove_subtree(txn, tree, &root, NULL);
    copse_tree_close(tree);
  }
  (void)!copse_txn_commit(txn, NULL);
}

static void diff_walk(struct copse_snapshot *before, struct copse_snapshot *after) {
  struct copse_view *view = copse_snapshot_view(after);
  struct copse_arena *arena = NULL;
  struct copse_map *map;
  struct copse_diff *diff;
  struct copse_change found;
  if (copse_arena_open(view, "records", NULL, &arena) == 0)
    map = copse_arena_map(arena);
  else if (copse_map_open(view, "bytes", NULL, &map))
    return;
  if (copse_diff_open(copse_snapshot_view(before), view, map, NULL, &diff) == 0) {
    for (int i = 0; i < STEPS && copse_diff_next(diff, &found) == 0; i++)
      touch(&found.key);
    copse_diff_close(diff);
  }
  if (arena)
    copse_arena_close(arena);
  else
    copse_map_close(map);
}

static void store_use(struct copse_store *store, bool write) {
  struct copse_snapshot *before = NULL, *after = NULL;
  struct copse_check check;
  struct copse_stat stat;
  if (copse_snapshot_open(store, 0, &before) == 0)
    maps_scan(copse_snapshot_view(before));
  (void)!copse_stat(store, &stat);
  if (write) {
    (void)!copse_check_store(store, 0, NULL, NULL, NULL, &check);
    change(store, 6);
    arenas_change(store);
    (void)!copse_check_store(store, 0, NULL, NULL, NULL, &check);
  }
  if (before && copse_snapshot_open(store, 0, &after) == 0) {
    maps_scan(copse_snapshot_view(after));
    diff_walk(before, after);
  }
  copse_snapshot_close(before);
  copse_snapshot_close(after);
}

FUZZ(store) {
  char name[512];
  if (!bases[0][0].count) {
    base_make(false);
    base_make(true);
  }
  if (size < 1)
    return;
  const struct base *base = bases[(data[0] & OPTION_ARENAS) != 0];
  const char *path = test_shm_path("hostile");
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    if (i && data[0] & OPTION_DATA_ONLY)
      unlink(name);
    else
      file_write(name, &base[i]);
  }
  edits_apply(path, base, data, size);
  struct copse_store_options options = {.flags = data[0] & OPTION_READ_ONLY ? COPSE_READ_ONLY : 0};
  struct copse_store *store;
  alarm(30);
  if (copse_store_open(path, &options, &store) == 0) {
    store_use(store, !(data[0] & OPTION_READ_ONLY));
    (void)!copse_store_close(store);
  }
  alarm(0);
}
