/* cli/command_apply.c - apply: changes bring a sealed copy up to date. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "session.h"
#include "work.h"

static bool apply_finish;

static const struct option apply_options[] = {
    {"finish", 0, NULL, "only complete what was cut short", .flag = &apply_finish},
    {0},
};

struct input {
  int fd;
  int error; /* errno of the read that failed */
  uint64_t bytes;
};

static ptrdiff_t read_part(void *context, void *data, size_t size) {
  struct input *input = context;
  ssize_t n;

  do
    n = work_interrupted() ? COPSE_E_INTERRUPTED : read(input->fd, data, size);
  while (n == -1 && errno == EINTR);
  if (n == -1) {
    input->error = errno;
    return COPSE_E_IO;
  }
  input->bytes += n > 0 ? (uint64_t)n : 0;
  if (!common.quiet)
    progress_show("apply", "bytes", input->bytes, 0);
  return n;
}

static void summarise(const char *path, const struct copse_position *position) {
  struct text out = {0};
  struct json_writer w = {.out = &out};

  if (common.json) {
    json_object(&w, NULL);
    json_u64(&w, "version", position->version);
    json_u64(&w, "timeline", position->timeline);
    json_hex(&w, "store", position->store_id, sizeof position->store_id);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet) {
    text_printf(&out, "%s holds version %" PRIu64 "\n", path, position->version);
  }
  text_output(&out);
  text_free(&out);
}

static int run_apply(char **operands, size_t count) {
  struct copse_store_options options;
  struct copse_position position;
  struct input input = {.fd = STDIN_FILENO};
  int result, status = session_creation_options(&options);

  if (status == STATUS_OK && apply_finish && count == 2)
    status = fail_usage("--finish takes no changes");
  if (status != STATUS_OK)
    return status;
  if (count == 2 && strcmp(operands[1], "-") != 0 &&
      (input.fd = open(operands[1], O_RDONLY | O_CLOEXEC)) < 0)
    return fail_system("%s", operands[1]);
  result = copse_copy_apply(operands[0], options.mode, apply_finish ? NULL : read_part, &input,
                            &position);
  progress_clear();
  errno = input.error;
  if (input.error != 0)
    status = fail_system("%s", count == 2 ? operands[1] : "standard input");
  else if (result != COPSE_OK)
    status = fail(result, "%s", operands[0]);
  else
    summarise(operands[0], &position);
  if (input.fd != STDIN_FILENO)
    close(input.fd);
  return status;
}

const struct command command_apply = {
    .name = "apply",
    .operands = "COPY [FILE]",
    .summary = "Bring a sealed copy up to date by changes from 'copse copy --since'",
    .text = "Reads the changes from FILE, or from standard input (also as -). They must lead\n"
            "from the version that COPY holds, and are received and verified whole, beside\n"
            "COPY, before it is touched. A stream of everything makes COPY, which must not be\n"
            "there; of the options for new stores --mode applies.\n"
            "Nobody may have COPY open. For those that do, apply the changes to a copy of the\n"
            "file, and rename that. An apply that was cut short leaves a COPY that cannot be\n"
            "opened: the next one, or --finish, completes it first. Changes that COPY has\n"
            "already are read and do nothing.\n",
    .examples = "  copse copy --since 0 /dev/shm/market - | ssh host copse apply market.copy\n"
                "  copse copy --since market.copy /dev/shm/market - | copse apply market.copy\n",
    .groups = {apply_options, creation_options, json_options, quiet_options, common_options},
    .run = run_apply,
};
