/* cli/stream.c - see stream.h. */
#include "stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "units.h"
#include "work.h"

struct stream {
  FILE *file; /* NULL: standard output */
  uint64_t bytes;
  int error; /* errno of the write that failed */
};

static int write_part(void *context, const void *data, size_t size) {
  struct stream *stream = context;

  if (work_interrupted())
    return COPSE_E_INTERRUPTED;
  if (stream->file == NULL)
    output(data, size);
  else if (fwrite(data, 1, size, stream->file) != size)
    stream->error = errno;
  stream->bytes += size;
  if (!common.quiet)
    progress_show("copy", "bytes", stream->bytes, 0);
  return stream->error != 0 || output_failed() ? 1 : 0;
}

/* The position that --since names. */
static int find_position(struct session *s, const char *since, struct copse_position *position) {
  int result;

  copse_snapshot_position(s->snapshot, position);
  if (parse_u64(since, strlen(since), &position->version))
    return STATUS_OK;
  result = copse_copy_position(since, position);
  return result == COPSE_OK ? STATUS_OK : fail(result, "%s", since);
}

static void summarise(struct session *s, uint64_t since, uint64_t bytes, bool to_output) {
  struct text out = {0};
  struct json_writer w = {.out = &out};
  uint64_t version = copse_snapshot_version(s->snapshot);

  if (common.json) {
    json_object(&w, NULL);
    json_u64(&w, "since", since);
    json_u64(&w, "version", version);
    json_u64(&w, "bytes", bytes);
    json_object_end(&w);
  } else {
    text_printf(&out, "version %" PRIu64 " to %" PRIu64 ": ", since, version);
    units_bytes(&out, bytes);
  }
  if (to_output && !common.quiet) {
    note("%s", out.data);
  } else if (common.json || !common.quiet) {
    text_byte(&out, '\n');
    text_output(&out);
  }
  text_free(&out);
}

/* What was written is complete, or goes. */
static int close_file(struct stream *stream, const char *target, int status) {
  if (status == STATUS_OK && (fflush(stream->file) != 0 || fsync(fileno(stream->file)) != 0))
    status = fail_system("%s", target);
  if (fclose(stream->file) != 0 && status == STATUS_OK)
    status = fail_system("%s", target);
  if (status != STATUS_OK)
    unlink(target);
  return status;
}

int stream_send(struct session *s, const char *since, const char *target) {
  struct stream stream = {0};
  struct copse_position position = {.version = 0};
  bool to_output = strcmp(target, "-") == 0;
  int result, status = STATUS_OK;

  if (since != NULL)
    status = find_position(s, since, &position);
  if (status == STATUS_OK && !to_output && (stream.file = fopen(target, "wbx")) == NULL)
    status = fail_system("%s", target);
  if (status != STATUS_OK)
    return status;
  result = copse_snapshot_changes(s->snapshot, position.version != 0 ? &position : NULL, write_part,
                                  &stream);
  progress_clear();
  errno = stream.error;
  if (stream.error != 0)
    status = fail_system("%s", target);
  else if (result < 0)
    status = fail(result, "%s", s->path);
  if (stream.file != NULL)
    status = close_file(&stream, target, status);
  if (status == STATUS_OK && !output_failed())
    summarise(s, position.version, stream.bytes, to_output);
  return status;
}
