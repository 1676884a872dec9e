/* cli/command_top.c - top: what a store does, live. */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "commands.h"
#include "inspect.h"
#include "session.h"
#include "units.h"
#include "work.h"

static struct {
  bool once;
  int64_t interval_ns;
  uint64_t count;
} top_given = {.interval_ns = INT64_C(1000000000), .count = UINT64_MAX};

static const struct option top_options[] = {
    {"interval", 'i', "SECONDS", "between two looks (default 1)",
     .wait_ns = &top_given.interval_ns},
    {"count", 'n', "N", "end after so many looks", .number = &top_given.count},
    {"once", '1', NULL, "one look, over one interval", .flag = &top_given.once},
    {0},
};

struct sample {
  double seconds;
  struct copse_stat stat;
  struct reader_list readers;
};

static int take_sample(struct session *s, struct sample *sample) {
  int result = copse_stat(s->store, &sample->stat);

  if (result != COPSE_OK)
    return fail(result, "%s", s->path);
  sample->seconds = work_seconds();
  return readers_read(&sample->readers, s->store, s->path, false);
}

/* Events of one kind for each second between two samples. */
static double rate(const struct sample *before, const struct sample *now, uint64_t was,
                   uint64_t is) {
  double seconds = now->seconds - before->seconds;

  return seconds > 0 && is > was ? (double)(is - was) / seconds : 0;
}

#define RATE(field) rate(before, now, before->stat.field, now->stat.field)

/* --- output -------------------------------------------------------------------------- */

static void show_json(struct text *out, const struct sample *before, const struct sample *now) {
  struct json_writer w = {.out = out};

  json_object(&w, NULL);
  json_double(&w, "seconds", now->seconds - before->seconds);
  json_double(&w, "commits_per_s", RATE(commits));
  json_double(&w, "aborts_per_s", RATE(aborts));
  json_double(&w, "puts_per_s", RATE(puts));
  json_double(&w, "deletes_per_s", RATE(deletes));
  json_double(&w, "batches_per_s", RATE(batches));
  json_double(&w, "lock_waits_per_s", RATE(lock_waits));
  json_double(&w, "wakes_per_s", RATE(wakes));
  json_object(&w, "stat");
  stat_to_text(out, &w, &now->stat);
  json_object_end(&w);
  json_array(&w, "readers");
  for (size_t i = 0; i < now->readers.count; i++)
    reader_to_json(&w, NULL, &now->readers.readers[i]);
  json_array_end(&w);
  json_object_end(&w);
  json_line_end(&w);
}

static void add_rate(struct text *out, const char *name, double per_second) {
  text_printf(out, "%s ", name);
  units_rate(out, per_second);
}

static void add_bytes(struct text *out, const char *name, uint64_t bytes) {
  text_printf(out, "%s ", name);
  units_bytes(out, bytes);
}

static void show_waits(struct text *out, const struct sample *before, const struct sample *now) {
  uint64_t waits = now->stat.lock_waits - before->stat.lock_waits;
  uint64_t waited = now->stat.lock_wait_ns - before->stat.lock_wait_ns;

  add_rate(out, "waits   ", RATE(lock_waits));
  text_string(out, ", mean ");
  units_time(out, waits != 0 ? waited / waits : 0);
  text_string(out, ", longest ever ");
  units_time(out, now->stat.lock_wait_max_ns);
  text_printf(out, "; takeovers %" PRIu64 ", reaped %" PRIu64 ", refusals %" PRIu64,
              now->stat.takeovers, now->stat.reaped, now->stat.refusals);
  if (now->stat.writer_pid != 0) {
    text_printf(out, "; writer %" PRIu32 " for ", now->stat.writer_pid);
    units_time(out, now->stat.writer_held_ns);
  }
  if (now->stat.long_holds != 0) {
    text_printf(out, "; long transactions %" PRIu64 ", the last by %" PRIu32 " (",
                now->stat.long_holds, now->stat.long_hold_pid);
    text_add_escaped(out, now->stat.long_hold_command, strlen(now->stat.long_hold_command));
    text_string(out, ") for ");
    units_time(out, now->stat.long_hold_ns);
  }
  text_byte(out, '\n');
}

static void show_text(struct text *out, const char *path, const struct sample *before,
                      const struct sample *now, size_t readers_max) {
  const struct copse_stat *st = &now->stat;

  text_add_escaped(out, path, strlen(path));
  text_printf(out, ": version %" PRIu64 ", ", st->version);
  units_counted(out, st->maps, "map");
  text_printf(out, ", %" PRIu32 " process%s, ", st->processes, st->processes == 1 ? "" : "es");
  units_counted(out, st->snapshots, "snapshot");
  text_printf(out, ", durability %s", durability_name(st->durability));
  if (st->durability == COPSE_DURABILITY_LAZY || st->durability == COPSE_DURABILITY_SYNC)
    text_printf(out, " (%" PRIu64 " commits behind)", st->version - st->durable_version);
  text_byte(out, '\n');
  add_rate(out, "commits ", RATE(commits));
  add_rate(out, ", puts", RATE(puts));
  add_rate(out, ", deletes", RATE(deletes));
  add_rate(out, ", aborts", RATE(aborts));
  add_rate(out, ", batches", RATE(batches));
  add_rate(out, ", wakes", RATE(wakes));
  text_byte(out, '\n');
  show_waits(out, before, now);
  add_bytes(out, "space   used", st->used_bytes);
  add_bytes(out, ", free", st->free_bytes);
  add_bytes(out, ", pending", st->pending_bytes);
  add_bytes(out, ", pinned", st->pinned_bytes);
  add_bytes(out, "; file", st->file_bytes);
  add_bytes(out, " of at most", st->max_bytes);
  text_string(out, "\n\n");
  readers_header(out);
  for (size_t i = 0; i < now->readers.count && i < readers_max; i++)
    reader_to_line(out, &now->readers.readers[i]);
  if (now->readers.count > readers_max)
    text_printf(out, "  and %zu more\n", now->readers.count - readers_max);
}

/* --- the terminal -------------------------------------------------------------------- */

/* Keys are read one by one while the view is up: q ends it. */
static struct {
  bool changed;
  struct termios before;
} keyboard;

static void keyboard_open(void) {
  struct termios raw;

  if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &keyboard.before) != 0)
    return;
  raw = keyboard.before;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  keyboard.changed = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void keyboard_close(void) {
  if (keyboard.changed)
    tcsetattr(STDIN_FILENO, TCSANOW, &keyboard.before);
}

/* Waits for the next look; false when the user wants to end. */
static bool wait_interval(bool terminal) {
  struct pollfd key = {.fd = keyboard.changed ? STDIN_FILENO : -1, .events = POLLIN};
  double until = work_seconds() + (double)top_given.interval_ns / 1e9;

  if (keyboard.changed && !terminal)
    key.fd = -1;
  while (!work_interrupted()) {
    double left = until - work_seconds();
    char pressed;
    if (left <= 0)
      return true;
    if (poll(&key, 1, (int)(left * 1000) + 1) > 0) {
      if (read(STDIN_FILENO, &pressed, 1) != 1)
        key.fd = -1;
      else if (pressed == 'q')
        return false;
    }
  }
  return false;
}

static size_t rows_for_readers(bool terminal) {
  struct winsize size;

  if (!terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 10)
    return SIZE_MAX;
  return size.ws_row - 8u;
}

/* Draws over the view before: each line ends by clearing what stood behind it. Lines wider
 * than the terminal are cut off there, not continued on the next, while this is written. */
static void draw(const struct text *view) {
  struct text out = {0};
  const char *at = view->data, *end = at + view->size;

  text_string(&out, "\033[?7l\033[H");
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    text_add(&out, at, (size_t)(newline - at));
    text_string(&out, "\033[K\r\n");
    at = newline + 1;
  }
  text_string(&out, "\033[J\033[?7h");
  text_output(&out);
  text_free(&out);
}

static int watch_store(struct session *s, bool terminal) {
  struct sample samples[2] = {0}, *before = &samples[0], *now = &samples[1];
  uint64_t looks = top_given.once ? 1 : top_given.count;
  struct text out = {0};
  int status = take_sample(s, before);

  if (terminal)
    output("\033[2J", 4);
  while (status == STATUS_OK && looks-- != 0 && wait_interval(terminal)) {
    struct sample *spare = before;
    status = take_sample(s, now);
    if (status != STATUS_OK)
      break;
    if (common.json)
      show_json(&out, before, now);
    else
      show_text(&out, s->path, before, now, rows_for_readers(terminal));
    if (terminal)
      draw(&out);
    else if (!common.json && looks != 0 && !top_given.once)
      text_byte(&out, '\n');
    if (!terminal)
      text_output(&out);
    text_clear(&out);
    output_flush();
    if (output_failed())
      break;
    before = now;
    now = spare;
  }
  text_free(&out);
  free(samples[0].readers.readers);
  free(samples[1].readers.readers);
  return status;
}

static int run_top(char **operands, size_t count) {
  bool terminal = !common.json && !top_given.once && isatty(STDOUT_FILENO);
  struct session s;
  int status = session_open(&s, operands[0], ACCESS_READ);

  (void)count;
  if (status == STATUS_OK) {
    if (terminal)
      keyboard_open();
    status = watch_store(&s, terminal);
    keyboard_close();
  }
  return session_close(&s, status);
}

const struct command command_top = {
    .name = "top",
    .operands = "STORE",
    .summary = "Show what a store does, live",
    .text = "Rates, the space, and each process with what it holds; drawn anew each second\n"
            "on a terminal, where q ends it, and printed one below the other elsewhere.\n"
            "Exit code 0 also after an interrupt.\n",
    .examples = "  copse top /dev/shm/market\n"
                "  copse top --json --interval 10 /dev/shm/market >>market.log\n"
                "  copse top --once --json /dev/shm/market | jq .commits_per_s\n",
    .groups = {top_options, json_options, common_options},
    .run = run_top,
};
