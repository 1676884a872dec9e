/* cli/commands.h - the commands, each declared next to its code. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"

extern const struct command command_apply;
extern const struct command command_bench;
extern const struct command command_check;
extern const struct command command_combine;
extern const struct command command_compact;
extern const struct command command_copy;
extern const struct command command_create;
extern const struct command command_del;
extern const struct command command_diff;
extern const struct command command_dump;
extern const struct command command_export;
extern const struct command command_get;
extern const struct command command_html;
extern const struct command command_import;
extern const struct command command_load;
extern const struct command command_maps;
extern const struct command command_migrate;
extern const struct command command_put;
extern const struct command command_readers;
extern const struct command command_rm;
extern const struct command command_scan;
extern const struct command command_shrink;
extern const struct command command_stat;
extern const struct command command_sync;
extern const struct command command_top;
extern const struct command command_watch;

#endif
