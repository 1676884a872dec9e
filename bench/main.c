/* main.c - copse-bench: compares Copse with other engines.
 *
 * The process that is started only supervises: the work is done by a child, in a process group
 * of its own with all the actors that it starts. However the child ends, also by a crash of
 * an engine or an interruption by the user, the supervisor ends the group and removes the
 * run's directory. If the supervisor itself is killed, so are its child and the actors; the
 * directory then goes when the benchmark is run the next time: it is locked while in use. */
#include "bench.h"
#include "files.h"
#include "options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const char PREFIX[] = "copse-bench-";

/* The rows of --quick: others would only be noise in so short a time. */
static const char *const QUICK_ROWS[] = {
    "get ops_s",
    "multiget ops_s",
    "get-snapshot ops_s",
    "put1 ops_s",
    "put1 p50_ns",
    "put1 p99_ns",
    "put1 p999_ns",
    "scan-random records_s",
    "scan-sorted records_s",
    "load-random puts_s",
    "load-random bytes_per_record",
    "load-sorted puts_s",
    "load-sorted bytes_per_record",
    "writers1 puts_s",
    "writers1 p999_ns",
    "writers1 worst_ns",
    "writers1 least_share",
    "writers1-async puts_s",
    "writers1-async least_share",
    "writers100 puts_s",
    "visibility p50_ns",
    "visibility p99_ns",
    "attach p50_ns",
    "attach p99_ns",
    "mixed commits_s",
    "mixed ops_s",
    NULL,
};

/* --- what the report says about the run ---------------------------------------------------- */

/* The first line of a file, or what follows ": " in its first line that begins with name. */
static void line_of(const char *path, const char *name, char *text, size_t size) {
  char line[512];
  FILE *file = fopen(path, "re");
  snprintf(text, size, "unknown");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) != 0)
      continue;
    line[strcspn(line, "\n")] = 0;
    const char *value = *name != 0 ? strstr(line, ": ") : NULL;
    snprintf(text, size, "%.200s", value != NULL ? value + 2 : line);
    break;
  }
  if (file != NULL)
    fclose(file);
}

/* The commit of the tree that the program was built from, if it still lies there. */
static void commit_of(const char *folder, char *text, size_t size) {
  char command[4400];
  snprintf(command, sizeof command,
           "git -C '%s' describe --always --abbrev=12 --exclude='*' --dirty=-modified 2>/dev/null",
           folder);
  FILE *git = popen(command, "re");
  if (git == NULL || fgets(text, (int)size, git) == NULL)
    snprintf(text, size, "unknown");
  if (git != NULL)
    pclose(git);
  text[strcspn(text, "\n")] = 0;
}

static void describe_run(struct report *report, const struct settings *settings) {
  char text[256], date[32];
  struct utsname system;
  time_t now = time(NULL);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  uname(&system);
  if (settings->commit == NULL)
    commit_of(settings->program_folder, text, sizeof text);
  report_meta(report, "commit", "%s", settings->commit != NULL ? settings->commit : text);
  line_of("/proc/cpuinfo", "model name", text, sizeof text);
  report_meta(report, "cpu", "%s", text);
  report_meta(report, "cores", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
  report_meta(report, "memory_bytes", "%llu",
              (unsigned long long)files_proc_bytes("/proc/meminfo", "MemTotal"));
  report_meta(report, "kernel", "%s %s", system.sysname, system.release);
  report_meta(report, "date", "%s", date);
  report_meta(report, "durability", "none");
  if (bench_wanted(settings, "big"))
    report_meta(report, "memory of big", "%llu bytes in a cgroup, store on %s",
                (unsigned long long)settings->memory_bytes, settings->disk);
  report_meta(report, "directory", "%s", settings->directory);
  line_of("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "", text, sizeof text);
  report_meta(report, "huge pages on tmpfs", "%s; no engine is given advice", text);
  report_meta(report, "records", "%llu", (unsigned long long)settings->records);
  report_meta(report, "record", "%d bytes of key, random; %d of value", KEY_SIZE, VALUE_SIZE_MAX);
  report_meta(report, "rounds", "%u (loads %u, several writers %u)", settings->rounds,
              settings->load_rounds, settings->writer_rounds);
  report_meta(report, "seconds", "%g", settings->seconds);
  for (size_t e = 0; e < settings->engine_count; e++) {
    char version[64], how[384];
    settings->engines[e]->describe(version, sizeof version, how, sizeof how);
    report_meta(report, settings->engines[e]->name, "%s; %s", version, how);
  }
}

/* Where the run's stores are: directories of its own. */
struct places {
  char memory[192], disk[192];
};

/* --- the work ----------------------------------------------------------------------------- */

static void work(const struct settings *settings, const struct places *places) {
  struct bench bench = {.settings = settings, .began_ns = now_ns()};
  snprintf(bench.directory, sizeof bench.directory, "%s", places->memory);
  snprintf(bench.disk, sizeof bench.disk, "%s", places->disk);
  bench.report = report_new();
  bench.stage = stage_new();
  if (settings->quick)
    report_keep_only(bench.report, QUICK_ROWS);
  describe_run(bench.report, settings);
  double shares = 0, given = 0;
  for (size_t w = 0; w < workload_count; w++)
    shares += bench_wanted(settings, workloads[w].name) ? workloads[w].share : 0;
  for (size_t w = 0; w < workload_count; w++) {
    if (!bench_wanted(settings, workloads[w].name))
      continue;
    uint64_t before = now_ns();
    given += workloads[w].share / shares * settings->budget_seconds;
    if (settings->budget_seconds > 0)
      bench.allowed_ns = bench.began_ns + (uint64_t)(given * 1e9);
    say("%-14s %s ...", workloads[w].name, workloads[w].what);
    workloads[w].run(&bench, workloads[w].name);
    say(" %.1f s\n", (double)(now_ns() - before) / 1e9);
    if (settings->json != NULL) /* after each, so that a later failure doesn't lose all */
      report_write_json(bench.report, settings->json);
  }
  for (int order = 0; order < LOAD_ORDERS; order++)
    bench_drop_stores(&bench, order);
  report_print_table(bench.report, stdout);
  printf("%.1f seconds in all\n", (double)(now_ns() - bench.began_ns) / 1e9);
  report_free(bench.report);
}

/* --- the supervisor ----------------------------------------------------------------------- */

/* Directories of runs that were killed: nobody holds their lock. */
static void remove_leftovers(const char *parent) {
  DIR *dir = opendir(parent);
  if (dir == NULL)
    die("cannot read %s: %s", parent, strerror(errno));
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    char path[1024];
    if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
      continue;
    snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
      say("removing %s, left by a run that was killed\n", path);
      files_remove_tree(path);
    }
    if (fd >= 0)
      close(fd);
  }
  closedir(dir);
}

static volatile pid_t worker;

static void end_worker(int signal_number) {
  (void)signal_number;
  kill(-worker, SIGKILL);
}

static int supervise(const struct settings *settings, const struct places *places) {
  sigset_t ends, old;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGHUP);
  sigprocmask(SIG_BLOCK, &ends, &old); /* until the worker is known */
  pid_t supervisor = getpid();
  worker = fork();
  if (worker < 0)
    die("cannot fork: %s", strerror(errno));
  if (worker == 0) {
    sigprocmask(SIG_SETMASK, &old, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
      _exit(1);
    signal(SIGPIPE, SIG_IGN);
    work(settings, places);
    exit(0);
  }
  setpgid(worker, worker);
  struct sigaction action = {.sa_handler = end_worker};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  sigprocmask(SIG_SETMASK, &old, NULL);
  int status;
  while (waitpid(worker, &status, 0) < 0)
    if (errno != EINTR)
      die("waitpid: %s", strerror(errno));
  kill(-worker, SIGKILL); /* actors that are left */
  if (WIFEXITED(status))
    return WEXITSTATUS(status);
  say("\ncopse-bench: ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return 128 + WTERMSIG(status);
}

/* Makes a directory of this run's own, and locks it as long as the run lives. */
static void place_make(const char *parent, char *path, size_t size) {
  remove_leftovers(parent);
  snprintf(path, size, "%s/%s%d", parent, PREFIX, (int)getpid());
  files_make_directory(path);
  int lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
    die("cannot lock %s: %s", path, strerror(errno));
}

int main(int argc, char **argv) {
  if (argc == 6 && strcmp(argv[1], "--actor") == 0)
    return actor_main(argv + 2);
  struct settings settings;
  parse_options(argc, argv, &settings);
  static struct places places;
  place_make(settings.directory, places.memory, sizeof places.memory);
  if (bench_wanted(&settings, "durable") || bench_wanted(&settings, "big"))
    place_make(settings.disk, places.disk, sizeof places.disk);
  int result = supervise(&settings, &places);
  files_remove_tree(places.memory);
  if (*places.disk)
    files_remove_tree(places.disk);
  return result;
}
