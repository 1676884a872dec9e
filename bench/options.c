/* options.c - the command line. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char HELP[] =
    "copse-bench - compares Copse with other engines: the same work, in one run, interleaved\n"
    "\n"
    "  copse-bench [OPTION]...\n"
    "\n"
    "  --quick           Copse and LMDB, 2 million records, in less than 50 seconds\n"
    "  --engines A,B     only these (default: all that are compiled in)\n"
    "  --workloads A,B   only these (default: all); \"readers\" stands for both of its rows\n"
    "  --records N       records of 16-byte keys and 64-byte values (default: 5000000)\n"
    "  --rounds N        rounds of each workload (default: 7; loads: 3; several writers: 5)\n"
    "  --seconds S       length of each timed part (default: 1)\n"
    "  --budget S        leave out rounds, never all, so that it takes about S seconds\n"
    "                    (default: 3300; 0: none)\n"
    "  --dir DIR         where the stores go (default: /dev/shm); removed at the end\n"
    "  --disk DIR        the same for durable ones (default: /var/tmp)\n"
    "  --memory MIB      what the processes of \"big\" may use (default: 1024)\n"
    "  --json FILE       write the results there (default with --quick: bench-quick.json beside\n"
    "                    the program; else none)\n"
    "  --commit ID       name the library's commit in the results (default: what git says)\n"
    "  --help            this\n"
    "\n"
    "Examples:\n"
    "  copse-bench --json results.json\n"
    "  copse-bench --engines copse,lmdb,sqlite --workloads get,put1 --records 1000000\n"
    "  copse-bench --workloads writers1 --rounds 9 --seconds 0.5\n";

static void print_help(void) {
  fputs(HELP, stdout);
  fputs("\nEngines:\n ", stdout);
  for (size_t e = 0; e < engine_count; e++)
    printf(" %s", engines[e]->name);
  fputs("\n\nWorkloads, in the order they run:\n", stdout);
  for (size_t w = 0; w < workload_count; w++)
    printf("  %-14s  %s\n", workloads[w].name, workloads[w].what);
}

static void choose_engines(struct settings *settings, const char *list) {
  char names[256];
  snprintf(names, sizeof names, "%s", list);
  settings->engine_count = 0;
  for (char *rest = names, *name; (name = strtok_r(rest, ",", &rest)) != NULL;) {
    const struct engine *engine = engine_find(name);
    if (engine == NULL)
      die("there is no engine '%s' in this build; see --help", name);
    for (size_t e = 0; e < settings->engine_count; e++)
      if (settings->engines[e] == engine)
        die("the engine '%s' is named twice", name);
    settings->engines[settings->engine_count++] = engine;
  }
}

static void choose_workloads(struct settings *settings, const char *list) {
  char names[512];
  snprintf(names, sizeof names, "%s", list);
  snprintf(settings->workloads, sizeof settings->workloads, ",%s,", list);
  for (char *rest = names, *name; (name = strtok_r(rest, ",", &rest)) != NULL;) {
    size_t w = 0;
    while (w < workload_count && strcmp(workloads[w].name, name) != 0)
      w++;
    if (w == workload_count)
      die("there is no workload '%s'; see --help", name);
  }
}

static void choose_defaults(struct settings *settings) {
  size_t n = 1;
  settings->workloads[0] = ',';
  for (size_t w = 0; w < workload_count; w++)
    if (!settings->quick || workloads[w].quick)
      n += (size_t)snprintf(settings->workloads + n, sizeof settings->workloads - n, "%s,",
                            workloads[w].name);
  for (size_t e = 0; e < engine_count; e++)
    if (!settings->quick || strcmp(engines[e]->name, "copse") == 0 ||
        strcmp(engines[e]->name, "lmdb") == 0)
      settings->engines[settings->engine_count++] = engines[e];
}

static double number(const char *text, double least, double most, const char *option) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != 0 || !(value >= least && value <= most))
    die("--%s wants a number from %g to %g, not '%s'", option, least, most, text);
  return value;
}

/* Long options in the order of the table in parse_options. */
enum {
  QUICK,
  ENGINES,
  WORKLOADS,
  RECORDS,
  ROUNDS,
  SECONDS,
  BUDGET,
  DIR_,
  DISK,
  MEMORY,
  JSON,
  COMMIT,
  HELP_
};

static void take_option(struct settings *settings, int option, const char *name, const char *text) {
  switch (option) {
  case ENGINES: choose_engines(settings, text); break;
  case WORKLOADS: choose_workloads(settings, text); break;
  case RECORDS: settings->records = (uint64_t)number(text, 1000, 4e9, name); break;
  case ROUNDS:
    settings->rounds = (unsigned)number(text, 1, 1000, name);
    settings->load_rounds = settings->writer_rounds = settings->rounds;
    break;
  case SECONDS: settings->seconds = number(text, 0.01, 3600, name); break;
  case BUDGET: settings->budget_seconds = number(text, 0, 1e6, name); break;
  case DIR_: settings->directory = text; break;
  case DISK: settings->disk = text; break;
  case MEMORY: settings->memory_bytes = (uint64_t)number(text, 32, 1e6, name) << 20; break;
  case JSON: settings->json = text; break;
  case COMMIT: settings->commit = text; break;
  default: break;
  }
}

void parse_options(int argc, char **argv, struct settings *settings) {
  static const struct option OPTIONS[] = {
      {"quick", no_argument, NULL, QUICK},
      {"engines", required_argument, NULL, ENGINES},
      {"workloads", required_argument, NULL, WORKLOADS},
      {"records", required_argument, NULL, RECORDS},
      {"rounds", required_argument, NULL, ROUNDS},
      {"seconds", required_argument, NULL, SECONDS},
      {"budget", required_argument, NULL, BUDGET},
      {"dir", required_argument, NULL, DIR_},
      {"disk", required_argument, NULL, DISK},
      {"memory", required_argument, NULL, MEMORY},
      {"json", required_argument, NULL, JSON},
      {"commit", required_argument, NULL, COMMIT},
      {"help", no_argument, NULL, HELP_},
      {NULL, 0, NULL, 0},
  };
  static const struct settings FULL = {.records = 5000000,
                                       .rounds = 7,
                                       .load_rounds = 3,
                                       .writer_rounds = 5,
                                       .attaches = 200,
                                       .seconds = 1,
                                       .budget_seconds = 3300,
                                       .directory = "/dev/shm",
                                       .disk = "/var/tmp",
                                       .memory_bytes = (uint64_t)1 << 30};
  static const struct settings QUICK_ = {.records = 2000000,
                                         .rounds = 5,
                                         .load_rounds = 2,
                                         .writer_rounds = 3,
                                         .attaches = 80,
                                         .seconds = 0.2,
                                         .budget_seconds = 44,
                                         .directory = "/dev/shm",
                                         .disk = "/var/tmp",
                                         .memory_bytes = (uint64_t)1 << 30,
                                         .quick = true};
  *settings = FULL;
  for (int a = 1; a < argc; a++) /* what --quick sets, other options change */
    if (strcmp(argv[a], "--quick") == 0)
      *settings = QUICK_;
  choose_defaults(settings);
  static char quick_json[4200];
  snprintf(settings->program_folder, sizeof settings->program_folder, "%s", argv[0]);
  char *slash = strrchr(settings->program_folder, '/');
  if (slash != NULL)
    *slash = 0;
  else
    strcpy(settings->program_folder, ".");
  snprintf(quick_json, sizeof quick_json, "%s/bench-quick.json", settings->program_folder);
  if (settings->quick)
    settings->json = quick_json;
  int option, index;
  while ((option = getopt_long(argc, argv, "h", OPTIONS, &index)) != -1) {
    if (option == HELP_ || option == 'h') {
      print_help();
      exit(0);
    }
    if (option == '?')
      die("see --help");
    take_option(settings, option, OPTIONS[index].name, optarg);
  }
  if (optind < argc)
    die("'%s' is no option; see --help", argv[optind]);
  if (settings->engine_count == 0)
    die("no engine is compiled in");
}
