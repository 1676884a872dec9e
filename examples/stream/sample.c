/* examples/stream/sample.c - parsing /proc.
 *
 * Nothing here knows of the store: a sample is taken before the transaction begins, because
 * reading hundreds of small files takes milliseconds and a write lock is for microseconds. */
#include "sample.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define FILE_BYTES (64 * 1024) /* what is read of a file in /proc, at most */
#define SECTOR_BYTES 512       /* the unit of /proc/diskstats, whatever the disk */

/* Reads a file whole, with a NUL at the end; 0 when there is nothing to be had. */
static size_t read_file(int directory, const char *path, char *text, size_t size) {
  int file = openat(directory, path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0;
  size_t used = 0;
  while (used + 1 < size) {
    ssize_t part = read(file, text + used, size - 1 - used);
    if (part <= 0)
      break;
    used += (size_t)part;
  }
  close(file);
  text[used] = 0;
  return used;
}

/* Copies a name, printable and never empty: it is a key, and is shown on terminals. */
static void copy_name(char name[STREAM_NAME_BYTES], const char *from, size_t length) {
  if (length > STREAM_NAME_BYTES - 1)
    length = STREAM_NAME_BYTES - 1;
  for (size_t i = 0; i < length; i++)
    name[i] = from[i] > ' ' && from[i] <= '~' ? from[i] : '_';
  if (length == 0)
    name[0] = '?';
}

/* Steps over n numbers or words; returns the place after them. */
static const char *skip_words(const char *text, int n) {
  for (; n > 0; n--) {
    text += strspn(text, " ");
    text += strcspn(text, " \n");
  }
  return text;
}

static uint64_t next_number(const char **text) {
  char *end;
  uint64_t number = strtoull(*text, &end, 10);
  *text = end;
  return number;
}

static const char *next_line(const char *text) {
  const char *end = strchr(text, '\n');
  return end ? end + 1 : text + strlen(text);
}

/* --- processes ----------------------------------------------------------------------- */

/* /proc/PID/stat: "pid (name) state ppid ..."; the name may hold spaces and brackets. */
static int parse_process(const char *text, uint64_t page_kib, struct stream_process *process) {
  const char *open = strchr(text, '('), *close = strrchr(text, ')');
  if (!open || !close || close < open || close[1] != ' ')
    return -1;
  copy_name(process->name, open + 1, (size_t)(close - open - 1));
  process->pid = strtoull(text, NULL, 10);
  const char *at = close + 2;
  process->run_state[0] = *at++;
  process->parent = (uint32_t)next_number(&at);
  at = skip_words(at, 9);
  process->cpu_ticks = next_number(&at);
  process->cpu_ticks += next_number(&at);
  at = skip_words(at, 4);
  process->threads = (uint32_t)next_number(&at);
  at = skip_words(at, 1);
  process->start_ticks = next_number(&at);
  at = skip_words(at, 1);
  process->rss_kib = next_number(&at) * page_kib;
  return 0;
}

static void sample_processes(struct stream_image *image) {
  DIR *directory = opendir("/proc");
  if (!directory)
    return;
  uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
  struct dirent *entry;
  while ((entry = readdir(directory))) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
      continue;
    char path[sizeof(entry->d_name) + 8], text[1024];
    snprintf(path, sizeof(path), "%s/stat", entry->d_name);
    struct stream_process process = {0};
    if (read_file(dirfd(directory), path, text, sizeof(text)) > 0 &&
        parse_process(text, page_kib, &process) == 0)
      memcpy(image_add(image, STREAM_PROCESS), &process, sizeof(process));
  }
  closedir(directory);
  image_sort(image, STREAM_PROCESS);
}

/* --- the machine --------------------------------------------------------------------- */

/* /proc/stat: "cpu0 user nice system idle iowait irq softirq steal ..." */
static void sample_cpus(struct stream_image *image, char *text) {
  if (read_file(AT_FDCWD, "/proc/stat", text, FILE_BYTES) == 0)
    return;
  for (const char *line = text; strncmp(line, "cpu", 3) == 0; line = next_line(line)) {
    const char *at = line + 3;
    if (*at < '0' || *at > '9')
      continue; /* the sum over all: the totals have their own */
    struct stream_cpu *cpu = image_add(image, STREAM_CPU);
    cpu->number = next_number(&at);
    for (int column = 0; column < 8; column++) {
      uint64_t ticks = next_number(&at);
      if (column == 3 || column == 4)
        cpu->idle_ticks += ticks;
      else
        cpu->busy_ticks += ticks;
    }
  }
  image_sort(image, STREAM_CPU);
}

/* Whole disks only: what a partition moves is counted there already. */
static int is_whole_disk(const char *name) {
  char path[STREAM_NAME_BYTES + 16];
  snprintf(path, sizeof(path), "/sys/block/%s", name);
  return access(path, F_OK) == 0;
}

/* /proc/diskstats: "major minor name reads merged sectors ms writes merged sectors ..." */
static void sample_disks(struct stream_image *image, char *text) {
  if (read_file(AT_FDCWD, "/proc/diskstats", text, FILE_BYTES) == 0)
    return;
  for (const char *line = text; *line; line = next_line(line)) {
    const char *at = skip_words(line, 2);
    at += strspn(at, " ");
    struct stream_flow disk = {0};
    copy_name(disk.name, at, strcspn(at, " \n"));
    at = skip_words(at, 3);
    disk.in_bytes = next_number(&at) * SECTOR_BYTES;
    at = skip_words(at, 3);
    disk.out_bytes = next_number(&at) * SECTOR_BYTES;
    if (disk.in_bytes + disk.out_bytes > 0 && is_whole_disk(disk.name))
      memcpy(image_add(image, STREAM_DISK), &disk, sizeof(disk));
  }
  image_sort(image, STREAM_DISK);
}

/* /proc/net/dev: two lines of headings, then "name: bytes packets ... (8 columns) bytes ..." */
static void sample_networks(struct stream_image *image, char *text) {
  if (read_file(AT_FDCWD, "/proc/net/dev", text, FILE_BYTES) == 0)
    return;
  for (const char *line = next_line(next_line(text)); *line; line = next_line(line)) {
    const char *name = line + strspn(line, " "), *colon = strchr(name, ':');
    if (!colon)
      return;
    struct stream_flow *network = image_add(image, STREAM_NETWORK);
    copy_name(network->name, name, (size_t)(colon - name));
    const char *at = colon + 1;
    network->in_bytes = next_number(&at);
    at = skip_words(at, 7);
    network->out_bytes = next_number(&at);
  }
  image_sort(image, STREAM_NETWORK);
}

static uint64_t meminfo(const char *text, const char *name) {
  const char *at = strstr(text, name);
  return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void sample_memory(struct stream_image *image, char *text) {
  struct stream_memory *memory = image_add(image, STREAM_MEMORY);
  if (read_file(AT_FDCWD, "/proc/meminfo", text, FILE_BYTES) == 0)
    return;
  memory->total_kib = meminfo(text, "MemTotal:");
  memory->available_kib = meminfo(text, "MemAvailable:");
  memory->cached_kib = meminfo(text, "\nCached:");
  memory->swap_total_kib = meminfo(text, "SwapTotal:");
  memory->swap_free_kib = meminfo(text, "SwapFree:");
}

/* /proc/loadavg: "0.02 0.06 0.02 running/threads last-pid" */
static uint64_t sample_running(char *text) {
  if (read_file(AT_FDCWD, "/proc/loadavg", text, FILE_BYTES) == 0)
    return 0;
  return strtoull(skip_words(text, 3), NULL, 10);
}

void sample_take(struct stream_image *image, struct sample_facts *facts) {
  static char text[FILE_BYTES]; /* one sampler per program */
  facts->taken_ns = clock_ns();
  facts->ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);
  image_clear(image);
  sample_processes(image);
  sample_cpus(image, text);
  sample_disks(image, text);
  sample_networks(image, text);
  sample_memory(image, text);
  facts->running = sample_running(text);
  facts->cost_ns = clock_ns() - facts->taken_ns;
}
