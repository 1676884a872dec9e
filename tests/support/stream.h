/* support/stream.h - a stream of changes in memory, and the calls that fill it and read it. */
#ifndef SUPPORT_STREAM_H
#define SUPPORT_STREAM_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "copse/copse.h"
#include "slots.h"
#include "test.h"

struct stream {
  uint8_t *bytes;
  size_t size, room, at; /* at: read so far */
};

__attribute__((unused)) static int stream_write(void *context, const void *data, size_t size) {
  struct stream *stream = context;
  if (stream->size + size > stream->room) {
    stream->room = 2 * (stream->size + size);
    stream->bytes = realloc(stream->bytes, stream->room);
    CHECK(stream->bytes != NULL);
  }
  memcpy(stream->bytes + stream->size, data, size);
  stream->size += size;
  return 0;
}

__attribute__((unused)) static ptrdiff_t stream_read(void *context, void *data, size_t size) {
  struct stream *stream = context;
  size_t left = stream->size - stream->at;
  size = size < left ? size : left;
  memcpy(data, stream->bytes + stream->at, size);
  stream->at += size;
  return (ptrdiff_t)size;
}

/* What the store's newest version has and `since` has not (NULL: all). */
__attribute__((unused)) static struct stream stream_make(struct copse_store *store,
                                                         const struct copse_position *since) {
  struct copse_snapshot *snapshot;
  struct stream stream = {0};
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_LATEST, &snapshot));
  CHECK_OK(copse_snapshot_changes(snapshot, since, stream_write, &stream));
  copse_snapshot_close(snapshot);
  return stream;
}

__attribute__((unused)) static int stream_apply(struct stream *stream, const char *path,
                                                struct copse_position *position) {
  stream->at = 0;
  return copse_copy_apply(path, 0, stream_read, stream, position);
}

__attribute__((unused)) static void stream_free(struct stream *stream) {
  free(stream->bytes);
  *stream = (struct stream){0};
}

/* To a new file, and from one. */
__attribute__((unused)) static void stream_keep(const struct stream *stream, const char *path) {
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(stream->bytes, 1, stream->size, file) == stream->size);
  CHECK_EQ(fclose(file), 0);
}
__attribute__((unused)) static struct stream stream_kept(const char *path) {
  struct stream stream = {0};
  char part[4096];
  size_t size;
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  while ((size = fread(part, 1, sizeof part, file)) > 0)
    stream_write(&stream, part, size);
  fclose(file);
  return stream;
}

/* The map has the same records in both views. Returns how many. */
__attribute__((unused)) static uint64_t same_records(struct copse_view *views[2],
                                                     const char *name) {
  struct copse_cursor *cursors[2];
  struct copse_map *maps[2];
  struct copse_bytes keys[2], values[2];
  uint64_t count = 0;
  int result;
  for (int i = 0; i < 2; i++) {
    CHECK_OK(copse_map_open(views[i], name, NULL, &maps[i]));
    CHECK_OK(copse_cursor_open(views[i], maps[i], NULL, &cursors[i]));
  }
  do {
    result = copse_cursor_next(cursors[0], &keys[0], &values[0]);
    CHECK_RESULT(copse_cursor_next(cursors[1], &keys[1], &values[1]), result);
    if (result == 0) {
      count++;
      CHECK_BYTES(keys[1].data, keys[1].size, keys[0].data, keys[0].size);
      CHECK_BYTES(values[1].data, values[1].size, values[0].data, values[0].size);
    }
  } while (result == 0);
  CHECK_EQ(result, COPSE_NONE);
  for (int i = 0; i < 2; i++) {
    copse_cursor_close(cursors[i]);
    copse_map_close(maps[i]);
  }
  return count;
}

/* The same for an arena: each slot, with its generation. */
__attribute__((unused)) static uint64_t same_slots(struct copse_view *views[2], const char *name) {
  uint64_t count;
  CHECK_EQ(slots_number(views[1], name), slots_number(views[0], name));
  CHECK_EQ(slots_hash(views[1], name, NULL), slots_hash(views[0], name, &count));
  return count;
}

/* The copy holds what the snapshot shows, map by map and record by record, and is sound. Returns how
 * many records. */
__attribute__((unused)) static uint64_t same_content(struct copse_snapshot *snapshot,
                                                     const char *copy) {
  struct copse_store_options read_only = {.flags = COPSE_READ_ONLY};
  struct copse_map_info infos[2] = {{.name = ""}, {.name = ""}};
  struct copse_snapshot *other;
  struct copse_store *sealed;
  struct copse_check check;
  uint64_t count = 0;
  int result;
  CHECK_OK(copse_store_open(copy, &read_only, &sealed));
  CHECK_OK(copse_check_store(sealed, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  CHECK_OK(copse_snapshot_open(sealed, 0, &other));
  CHECK_EQ(copse_snapshot_version(other), copse_snapshot_version(snapshot));
  struct copse_view *views[2] = {copse_snapshot_view(snapshot), copse_snapshot_view(other)};
  for (int n = 0;; n++) {
    char last[COPSE_MAP_NAME_MAX + 1];
    memcpy(last, infos[0].name, sizeof last);
    result = copse_map_next(views[0], n ? last : NULL, &infos[0]);
    CHECK_RESULT(copse_map_next(views[1], n ? last : NULL, &infos[1]), result);
    if (result)
      break;
    CHECK_STR(infos[1].name, infos[0].name);
    count += infos[0].key_kind == COPSE_KEY_SLOT ? same_slots(views, infos[0].name)
                                                 : same_records(views, infos[0].name);
  }
  CHECK_EQ(result, COPSE_NONE);
  copse_snapshot_close(other);
  CHECK_OK(copse_store_close(sealed));
  return count;
}

#endif
