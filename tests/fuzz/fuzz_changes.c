/* fuzz_changes.c - hostile streams of changes: what a copy is brought up to date with may be anything.
 * It is refused, or leaves a copy that may hold nonsense, but nothing that crashes or hangs who
 * reads it.
 *
 * The input is a byte of options and a list of edits {where, length, bytes} of a sound stream. With
 * the options' first bit the checksums are made good again, so that what is wrong is met behind them. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "store/format.h"
#include "stream.h"

enum option {
  OPTION_CHECKSUMS = 1, /* those of the head, its header and the blocks are made good again */
  OPTION_WHOLE = 2,     /* a stream of everything, that makes a copy */
  OPTION_CUT = 4,       /* the stream ends at the first edit */
};

static struct stream streams[2], sealed; /* since the copy's version, of everything; the copy */

static void base_make(void) {
  const char *path = test_shm_path("sound"), *copy = test_shm_path("sealed");
  struct copse_store_options options = {.flags = COPSE_CREATE, .max_bytes = 8 << 20};
  struct copse_store *store;
  struct copse_map *map;
  struct copse_position at = {{0}, 0, 0};
  static uint8_t value[300000];
  CHECK_OK(copse_store_open(path, &options, &store));
  CHECK_OK(copse_map_ensure(store, "bytes", NULL, -1, &map));
  for (int round = 0; round < 2; round++) {
    struct copse_txn *txn;
    CHECK_OK(copse_txn_begin(store, -1, &txn));
    for (uint64_t i = 0; i < 600; i += round ? 7 : 1) {
      uint8_t key[8];
      copse_key_u64(i, key);
      value[0] = (uint8_t)(i + (uint64_t)round);
      CHECK_OK(copse_put(txn, map, key, 8, value, i % 100 == 5 ? i * 30 : i % 60, 0));
    }
    CHECK_OK(copse_put(txn, map, "large", 5, value, round ? sizeof value : 20000, 0));
    CHECK_OK(copse_txn_commit(txn, NULL));
    if (round == 0) {
      struct stream stream = stream_make(store, NULL);
      CHECK_OK(stream_apply(&stream, copy, &at));
      stream_free(&stream);
      sealed = stream_kept(copy);
    }
  }
  streams[0] = stream_make(store, &at);
  streams[1] = stream_make(store, NULL);
  copse_map_close(map);
  CHECK_OK(copse_store_close(store));
}

/* --- one hostile stream ------------------------------------------------------------------ */

static uint32_t block_crc(uint32_t chain, uint32_t bytes, const void *payload) {
  uint32_t words[3] = {chain, bytes, base_crc32c(payload, bytes)};
  return base_crc32c(words, sizeof words);
}

static void checksums_mend(struct stream *stream) {
  struct changes_head head;
  struct changes_block block;
  size_t at = sizeof head;
  if (stream->size < at)
    return;
  memcpy(&head, stream->bytes, sizeof head);
  head.header.crc = data_header_crc(&head.header);
  head.crc = base_crc32c(&head.since, sizeof head - offsetof(struct changes_head, since));
  memcpy(stream->bytes, &head, sizeof head);
  for (uint32_t chain = head.crc; stream->size - at >= sizeof block; chain = block.crc) {
    memcpy(&block, stream->bytes + at, sizeof block);
    if (block.bytes > stream->size - at - sizeof block)
      return;
    block.crc = block_crc(chain, block.bytes, stream->bytes + at + sizeof block);
    memcpy(stream->bytes + at, &block, sizeof block);
    at += sizeof block + block.bytes;
  }
}

/* Of the head's three blocks the first bytes say most. */
static size_t place(const struct stream *stream, uint32_t wanted) {
  return wanted & 0x800000 ? (wanted & 0xffff) % 256 : (wanted & 0x7fffff) % stream->size;
}

static void edits_apply(struct stream *stream, const uint8_t *data, size_t size) {
  for (size_t at = 1; at + 5 <= size;) {
    uint32_t where =
        (uint32_t)data[at] | (uint32_t)data[at + 1] << 8 | (uint32_t)data[at + 2] << 16;
    size_t length = data[at + 3] % 16 + 1u, offset = place(stream, where);
    at += 4;
    length = length < size - at ? length : size - at;
    if (data[0] & OPTION_CUT) {
      stream->size = offset;
      return;
    }
    for (size_t i = 0; i < length && offset + i < stream->size; i++)
      stream->bytes[offset + i] = data[at + i];
    at += length;
  }
}

#define STEPS 3000
/* The checker's memory is proportional to the file, which may be sparse and of any length. */
#define CHECKED_BYTES (INT64_C(1) << 30)
static uint64_t sum;

static void copy_use(const char *path) {
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_store *store;
  struct copse_snapshot *snapshot;
  struct copse_cursor *cursor;
  struct copse_map *map;
  struct copse_check check;
  struct copse_bytes key, value;
  struct stream more = {0};
  if (copse_store_open(path, &read_only, &store))
    return;
  struct stat file;
  CHECK_SYS(stat(path, &file));
  if (file.st_size < CHECKED_BYTES)
    (void)!copse_check_store(store, -1, NULL, NULL, NULL, &check);
  if (copse_snapshot_open(store, 0, &snapshot) == 0) {
    if (copse_map_open(copse_snapshot_view(snapshot), "bytes", NULL, &map) == 0) {
      if (copse_cursor_open(copse_snapshot_view(snapshot), map, NULL, &cursor) == 0) {
        for (int i = 0; i < STEPS && copse_cursor_next(cursor, &key, &value) == 0; i++)
          sum += value.size ? *(const uint8_t *)value.data : key.size;
        copse_cursor_close(cursor);
      }
      copse_map_close(map);
    }
    (void)!copse_snapshot_changes(snapshot, NULL, stream_write, &more);
    copse_snapshot_close(snapshot);
  }
  CHECK_OK(copse_store_close(store));
  stream_free(&more);
}

FUZZ(changes) {
  if (!sealed.size)
    base_make();
  if (size < 1)
    return;
  const char *path = test_shm_path("copy");
  struct stream stream = {0};
  const struct stream *base = &streams[(data[0] & OPTION_WHOLE) != 0];
  unlink(path);
  if (!(data[0] & OPTION_WHOLE))
    stream_keep(&sealed, path);
  stream_write(&stream, base->bytes, base->size);
  edits_apply(&stream, data, size);
  if (data[0] & OPTION_CHECKSUMS)
    checksums_mend(&stream);
  alarm(30);
  (void)!stream_apply(&stream, path, NULL);
  copy_use(path);
  alarm(0);
  stream_free(&stream);
}
