/* fuzz_coordination.c - coordination files that somebody writes over while they are in use: a reader,
 * a writer and one more that attaches go on between the edits. Errors are as good as answers; there may be
 * no crash, no endless loop and no step outside of the mapped memory.
 *
 * The input is a list of {file and action, offset, value}: an edit of a word, then something done. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "copse/copse.h"
#include "fuzz.h"
#include "page/format.h"
#include "sync/format.h"

#define EDIT_BYTES 12
#define EDITS_MAX 64

/* Where an edit goes: places that hold something are more likely than others. */
static const struct {
  const char *suffix;
  uint64_t offset, size;
} targets[] = {
    {"-writers", WRITERS_COMMIT, 512},
    {"-writers", WRITERS_ROOTS, 64 * 32},
    {"-writers", BOOKS_AT, sizeof(struct books)},
    {"-writers", BOOKS_HOT, 40 * 2048},
    {"-writers", BOOKS_PIECES, 1 << 20},
    {"-readers", 0, FORMAT_BLOCK},
    {"-readers", READERS_CLIENTS, FORMAT_BLOCK},
    {"-readers", READERS_SLOTS, FORMAT_BLOCK},
};
enum { TARGETS = sizeof targets / sizeof *targets };

struct party {
  const char *path;
  struct copse_store *reader, *writer;
  struct copse_snapshot *held;
  struct copse_map *map; /* of the writer */
};

static void word_write(const struct party *party, unsigned target, uint64_t offset,
                       uint64_t value) {
  char name[512];
  uint64_t at = targets[target].offset + offset % targets[target].size / 8 * 8;
  snprintf(name, sizeof name, "%s%s", party->path, targets[target].suffix);
  int fd = CHECK_SYS(open(name, O_RDWR));
  if (at + 8 <= (uint64_t)CHECK_SYS(lseek(fd, 0, SEEK_END)))
    CHECK_EQ(pwrite(fd, &value, sizeof value, (off_t)at), 8);
  close(fd);
}

static void view_read(struct copse_view *view) {
  struct copse_cursor *cursor;
  struct copse_map *map;
  struct copse_bytes key, value;
  if (copse_map_open(view, "m", NULL, &map))
    return;
  if (copse_cursor_open(view, map, NULL, &cursor) == 0) {
    while (copse_cursor_next(cursor, &key, &value) == 0)
      ;
    copse_cursor_close(cursor);
  }
  (void)!copse_get(view, map, "key 17", 6, &value);
  copse_map_close(map);
}

static void snapshot_read(struct copse_store *store) {
  struct copse_snapshot *snapshot;
  if (copse_snapshot_open(store, 0, &snapshot))
    return;
  view_read(copse_snapshot_view(snapshot));
  copse_snapshot_close(snapshot);
}

static void change(struct party *party, unsigned rounds, int abort) {
  static const uint8_t value[9000];
  struct copse_txn *txn;
  if (copse_txn_begin(party->writer, 0, &txn))
    return;
  for (unsigned i = 0; i < rounds; i++) {
    char key[16];
    size_t size = (size_t)snprintf(key, sizeof key, "key %u", i * 7 % 50);
    if (i % 3)
      (void)!copse_put(txn, party->map, key, size, value, i * 331 % sizeof value, 0);
    else
      (void)!copse_delete(txn, party->map, key, size);
  }
  if (abort)
    copse_txn_abort(txn);
  else
    (void)!copse_txn_commit(txn, NULL);
}

static int reader_see(void *context, const struct copse_reader *reader) {
  *(uint64_t *)context += reader->pid;
  return 0;
}

static void act(struct party *party, unsigned action) {
  struct copse_store *other;
  struct copse_stat stat;
  struct copse_check check;
  uint64_t sum = 0;
  switch (action % 8) {
  case 0: snapshot_read(party->reader); break;
  case 1: (void)!copse_snapshot_refresh(party->held); break;
  case 2: change(party, 40, 0); break;
  case 3: change(party, 9, 1); break;
  case 4:
    (void)!copse_stat(party->reader, &stat);
    (void)!copse_readers(party->reader, reader_see, &sum);
    break;
  case 5: (void)!copse_check_store(party->writer, 0, NULL, NULL, NULL, &check); break;
  case 6:
    if (copse_store_open(party->path, NULL, &other) == 0) {
      snapshot_read(other);
      (void)copse_store_close(other);
    }
    break;
  case 7:
    (void)!copse_wait(party->reader, NULL, copse_store_version(party->reader), 0, NULL);
    break;
  }
  view_read(copse_snapshot_view(party->held));
}

static void party_begin(struct party *party) {
  struct copse_store_options create = {.flags = COPSE_CREATE, .max_bytes = 8 << 20},
                             read_only = {.flags = COPSE_READ_ONLY};
  CHECK_OK(copse_store_open(party->path, &create, &party->writer));
  CHECK_OK(copse_map_ensure(party->writer, "m", NULL, -1, &party->map));
  for (int i = 0; i < 4; i++)
    change(party, 50, 0);
  CHECK_OK(copse_store_open(party->path, &read_only, &party->reader));
  CHECK_OK(copse_snapshot_open(party->reader, 0, &party->held));
}

static void party_end(struct party *party) {
  char name[512];
  copse_snapshot_close(party->held);
  copse_map_close(party->map);
  (void)copse_store_close(party->reader);
  (void)copse_store_close(party->writer);
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "%s%s", party->path,
             i == 0   ? ""
             : i == 1 ? "-readers"
                      : "-writers");
    unlink(name);
  }
}

FUZZ(coordination) {
  struct party party = {.path = test_shm_path("scribbled")};
  alarm(30);
  party_begin(&party);
  for (unsigned i = 0; i < EDITS_MAX && size >= EDIT_BYTES; i++) {
    uint64_t value = 0;
    memcpy(&value, data + 4, 8);
    word_write(&party, data[0] % TARGETS,
               (uint64_t)data[2] << 8 | data[1] | (uint64_t)(data[3] & 15) << 16, value);
    act(&party, data[3] >> 4);
    data += EDIT_BYTES;
    size -= EDIT_BYTES;
  }
  party_end(&party);
  alarm(0);
}
