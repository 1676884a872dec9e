/* examples/stream/table.c - the machine in a terminal: bars for CPUs and memory, the busiest
 * processes. Redrawn with each commit, but not faster than eyes can follow.
 *
 * A frame shows one snapshot: all its numbers belong together. Away from a terminal it prints
 * plain frames, one a second. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "program.h"

static const char usage[] =
    "usage: stream-table [--store PATH] [--seconds N] [--once]\n"
    "Shows the stream: CPUs, memory, disks, networks and the busiest processes.\n"
    "  --store PATH  the store (" STREAM_DEFAULT_STORE "); waits until it is there\n"
    "  --seconds N   ends after N seconds; otherwise on Ctrl-C\n"
    "  --once        prints one frame and ends\n";

#define FRAME_NS (NS_PER_SECOND / 30)        /* shortest time between two frames on a terminal */
#define PLAIN_FRAME_NS NS_PER_SECOND         /* and elsewhere */
#define SILENCE_NS ((uint64_t)NS_PER_SECOND) /* without a commit: says so */
#define BAR_CELLS 40
#define FRAME_LINES 512 /* enough for any terminal */
#define FLOWS_SHOWN 4   /* disks, and networks */

struct screen {
  int terminal;
  unsigned lines_left; /* of this frame */
  uint64_t frame_ns;   /* when it was drawn */
  uint64_t last_revision, last_revision_ns;
  char rate[40]; /* commits per second, once it is known */
};

/* A frame overwrites the former one line by line, which flickers less than clearing all. */
static void line(struct screen *screen, const char *format, ...) COPSE_PRINTF(2, 3);
static void line(struct screen *screen, const char *format, ...) {
  if (screen->lines_left == 0)
    return;
  screen->lines_left--;
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  fputs(screen->terminal ? "\033[K\n" : "\n", stdout);
}

static void begin_frame(struct screen *screen) {
  struct winsize size;
  screen->lines_left = FRAME_LINES;
  if (!screen->terminal)
    return;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2)
    screen->lines_left = size.ws_row - 1u;
  fputs("\033[H", stdout);
}

static void end_frame(struct screen *screen) {
  if (screen->terminal)
    fputs("\033[J", stdout);
  fflush(stdout);
  screen->frame_ns = clock_ns();
}

static const char *bar(double part) {
  static char cells[BAR_CELLS + 1];
  int full = (int)(part * BAR_CELLS + 0.5);
  for (int i = 0; i < BAR_CELLS; i++)
    cells[i] = i < full ? '#' : '.';
  return cells;
}

static void draw_head(struct screen *screen, const struct stream_image *image, uint64_t version,
                      uint64_t silent_ns) {
  const struct stream_state *state = image_state(image);
  const struct stream_totals *totals = image_totals(image);
  uint64_t now_ns = clock_ns();
  if (now_ns - screen->last_revision_ns >= NS_PER_SECOND / 2) {
    double seconds = (double)(now_ns - screen->last_revision_ns) / NS_PER_SECOND;
    if (screen->last_revision_ns) /* one frame alone has no rate */
      snprintf(screen->rate, sizeof(screen->rate), "  %.0f commits/s",
               (double)(state->revision - screen->last_revision) / seconds);
    screen->last_revision = state->revision;
    screen->last_revision_ns = now_ns;
  }
  line(screen, "version %" PRIu64 "  sample %" PRIu64 "  events %" PRIu64 "  start %" PRIu64 "%s%s",
       version, state->samples, state->events, state->starts, screen->rate,
       silent_ns >= SILENCE_NS ? "  (no producer?)" : "");
  line(screen,
       "%" PRIu64 " processes, %" PRIu64 " threads, %" PRIu64 " programs, %" PRIu64
       " processes ended",
       totals->processes, totals->threads, totals->programs, totals->ended_processes);
}

static void draw_machine(struct screen *screen, const struct stream_image *image) {
  size_t cpus = image->list[STREAM_CPU].count;
  for (size_t i = 0; i < cpus && i < 16; i++) {
    const struct stream_cpu *cpu = image_at(image, STREAM_CPU, i);
    line(screen, "cpu%-4" PRIu64 " [%s] %5.1f %%", cpu->number, bar(cpu->load), 100 * cpu->load);
  }
  if (cpus > 16)
    line(screen, "  ... and %zu more", cpus - 16);
  const struct stream_memory *memory = image_memory(image);
  line(screen, "memory  [%s] %5.1f %% of %.1f GiB, peak %.1f GiB", bar(memory->used),
       100 * memory->used, (double)memory->total_kib / 1048576,
       (double)memory->peak_used_kib / 1048576);
  static const struct {
    enum stream_map map;
    const char *in, *out;
  } flows[] = {{STREAM_DISK, "read", "written"}, {STREAM_NETWORK, "received", "sent"}};
  for (size_t f = 0; f < 2; f++)
    for (size_t i = 0, shown = 0; i < image->list[flows[f].map].count && shown < FLOWS_SHOWN; i++) {
      const struct stream_flow *flow = image_at(image, flows[f].map, i);
      if (flow->in_bytes + flow->out_bytes == 0)
        continue; /* an interface that nobody uses */
      shown++;
      line(screen, "%-8.*s %10.1f KiB/s %s %10.1f KiB/s %s", STREAM_NAME_BYTES, flow->name,
           flow->in_rate / 1024, flows[f].in, flow->out_rate / 1024, flows[f].out);
    }
}

static void draw_processes(struct screen *screen, const struct stream_image *image) {
  line(screen, "    pid name              cpu %%   memory KiB  threads       events");
  for (size_t i = 0; i < image->list[STREAM_TOP_CPU].count; i++) {
    const struct stream_top *top = image_at(image, STREAM_TOP_CPU, i);
    struct stream_process like = {.pid = top->pid};
    const struct stream_process *process = image_find(image, STREAM_PROCESS, &like);
    if (process)
      line(screen, "%7" PRIu64 " %-16.16s %6.1f %12" PRIu64 " %8" PRIu32 " %12" PRIu64,
           process->pid, process->name, (double)process->load_ppm / 1e4, process->rss_kib,
           process->threads, process->events);
  }
}

static int draw(struct screen *screen, struct reader *reader, struct stream_image *image,
                uint64_t silent_ns) {
  int result = tables_load(&reader->tables, copse_snapshot_view(reader->snapshot), image);
  if (result != 0)
    return result;
  begin_frame(screen);
  draw_head(screen, image, copse_snapshot_version(reader->snapshot), silent_ns);
  draw_machine(screen, image);
  draw_processes(screen, image);
  if (!screen->terminal)
    line(screen, "%s", "");
  end_frame(screen);
  return 0;
}

/* Waits until the next frame may be drawn, then for a commit, if none has come meanwhile. */
static int wait_for_change(const struct screen *screen, struct reader *reader) {
  uint64_t due_ns = screen->frame_ns + (screen->terminal ? FRAME_NS : PLAIN_FRAME_NS);
  uint64_t now_ns = clock_ns();
  if (due_ns > now_ns) {
    struct timespec pause = {.tv_sec = (time_t)((due_ns - now_ns) / NS_PER_SECOND),
                             .tv_nsec = (long)((due_ns - now_ns) % NS_PER_SECOND)};
    nanosleep(&pause, NULL);
  }
  return reader_wait(reader, SILENCE_NS);
}

int main(int argc, char **argv) {
  struct program_options options;
  struct reader reader;
  struct stream_image image = {0};
  struct screen screen = {.terminal = isatty(STDOUT_FILENO)};
  program_begin(argc, argv, "o", usage, &options);
  int result = reader_open(&reader, options.store);
  if (result == COPSE_NONE)
    return 0;
  if (result != 0)
    return program_fail("cannot open the stream", result);
  screen.terminal = screen.terminal && !options.once;
  if (screen.terminal)
    fputs("\033[2J", stdout);
  uint64_t changed_ns = clock_ns();
  result = draw(&screen, &reader, &image, 0);
  while (result == 0 && !options.once && !program_stopped()) {
    result = wait_for_change(&screen, &reader);
    if (result == 0)
      changed_ns = clock_ns();
    if (result == 0 || result == COPSE_NONE)
      result = draw(&screen, &reader, &image, clock_ns() - changed_ns);
  }
  int status = result == 0 ? 0 : program_fail("cannot read the stream", result);
  image_free(&image);
  reader_close(&reader);
  return status;
}
