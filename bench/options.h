/* options.h - the command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench.h"

/* Fills settings in; ends the process after --help, and with a message for what is wrong. */
void parse_options(int argc, char **argv, struct settings *settings);

#endif
