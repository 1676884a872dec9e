/* cli/main.c - copse, the command-line tool: finds the command and runs it. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "text.h"
#include "work.h"
#include <copse/error.h>

static const struct command *const commands[] = {
    &command_create, &command_maps,   &command_stat,    &command_get,     &command_put,
    &command_del,    &command_scan,   &command_load,    &command_dump,    &command_export,
    &command_import, &command_copy,   &command_compact, &command_apply,   &command_check,
    &command_diff,   &command_watch,  &command_readers, &command_top,     &command_migrate,
    &command_sync,   &command_shrink, &command_rm,      &command_combine, &command_html,
    &command_bench,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const char introduction[] =
    "copse: an ordered transactional store that many processes share.\n"
    "\n"
    "usage: copse COMMAND [options] STORE ...\n"
    "       copse COMMAND --help\n"
    "       copse --version\n"
    "\n"
    "STORE is the path of a store's data file, in shared memory (/dev/shm/name) or\n"
    "on a disk.\n"
    "\n"
    "Commands:\n";

static const char conventions[] =
    "\n"
    "How keys and values look: bytes are shown escaped, and can be typed so:\n"
    "printable text is itself, a backslash is \\\\, tab, newline and carriage\n"
    "return are \\t \\n \\r, any other byte is \\xHH. This form is stable and reads\n"
    "back to the same bytes. --hex shows and takes hexadecimal digits, --raw the\n"
    "bytes as they are. Keys of a u64 map are decimal numbers. Values of a map with\n"
    "a layout are JSON objects. With --json, bytes are strings, or {\"hex\":\n"
    "\"00ff\"} where they are not valid UTF-8. An operand that begins with - stands\n"
    "behind --.\n"
    "\n"
    "Exit codes: 0 done; 1 nothing there, a condition not met, a difference, or\n"
    "faults found; 2 wrong arguments or input; 3 an error of the store or the\n"
    "system; 4 the time limit passed; 130 interrupted; 141 whoever read the output\n"
    "went away.\n"
    "\n"
    "Example:\n"
    "  copse create /dev/shm/books && copse create /dev/shm/books titles\n"
    "  copse put /dev/shm/books titles 0262033844 'Introduction to Algorithms'\n"
    "  copse scan /dev/shm/books titles\n";

static void help_all(void) {
  struct text out = {0};

  text_string(&out, introduction);
  for (size_t i = 0; i < COMMANDS; i++)
    text_printf(&out, "  %-8s  %s\n", commands[i]->name, commands[i]->summary);
  text_string(&out, conventions);
  text_output(&out);
  text_free(&out);
}

static const struct command *find_command(const char *name) {
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i]->name, name) == 0)
      return commands[i];
  return NULL;
}

static int run_command(const struct command *command, char **arguments) {
  char *operands[OPERANDS_MAX];
  size_t count;
  int status;

  status_command = command->name;
  status = options_parse(command, arguments, operands, &count);
  if (status != STATUS_OK)
    return status;
  if (common.help) {
    options_help(command);
    return STATUS_OK;
  }
  return command->run(operands, count);
}

static int run(char **arguments) {
  const char *first = arguments[0];
  const struct command *command;

  if (first == NULL) {
    help_all();
    return STATUS_USAGE;
  }
  if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
    printf("copse %s\n", copse_version());
    return STATUS_OK;
  }
  if (strcmp(first, "help") == 0 && arguments[1] != NULL) {
    command = find_command(arguments[1]);
    if (command == NULL)
      return fail_usage("there is no command '%s'", arguments[1]);
    options_help(command);
    return STATUS_OK;
  }
  if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0) {
    help_all();
    return STATUS_OK;
  }
  command = find_command(first);
  if (command == NULL)
    return fail_usage("there is no command '%s'", first);
  return run_command(command, arguments + 1);
}

int main(int argc, char **argv) {
  static char buffer[1 << 16];

  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  work_handle_signals();
  /* argc is 0 when somebody executes the tool with an empty argument vector. */
  return output_finish(run(argv + (argc > 0)));
}
