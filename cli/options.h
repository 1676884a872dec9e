/* cli/options.h - the command line, declared: one table per command says what it takes, and
 * parsing, usage errors and --help all follow from it.
 *
 * An option's value goes straight to the variable that the table names, and that variable's
 * type says what the value must look like. Options that several commands share are groups of
 * their own, each with one variable that all of the tool reads. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPERANDS_MAX = 64, GROUPS_MAX = 10 };

/* The values of an option that may be given several times. */
struct option_list {
  const char **values;
  size_t count;
};

struct option {
  const char *name;     /* without the dashes; NULL ends a group */
  char letter;          /* of the short form, 0: none */
  const char *argument; /* as --help shows it; for a choice the words, "a|b|c"; "A B": two values,
                           for a list of an option without a letter */
  const char *help;
  /* Where the value goes; exactly one is set. */
  bool *flag;
  const char **text;
  struct option_list *list;
  uint64_t *number;
  uint64_t *bytes;  /* 64M */
  int64_t *wait_ns; /* seconds, with a fraction */
  int *choice;      /* 1 + the index of the word; 0 stays when the option is not given */
};

struct command {
  const char *name;
  const char *operands; /* "STORE MAP [KEY...]": brackets make optional, dots repeat */
  const char *summary;  /* one line, no full stop */
  const char *text;     /* further paragraphs; lines of at most 78 columns */
  const char *examples; /* lines */
  const struct option *groups[GROUPS_MAX];
  int (*run)(char **operands, size_t count);
};

/* Reads the arguments behind the command's name: sets options, and collects operands (the
 * array has OPERANDS_MAX entries and ends with NULL). Returns a status. */
int options_parse(const struct command *command, char **arguments, char **operands, size_t *count);

/* Prints a command's --help. */
void options_help(const struct command *command);

/* --- groups that commands share ------------------------------------------------------ */

struct common_options {
  bool help, json, quiet;
};
extern struct common_options common;
extern const struct option common_options[]; /* of all commands */
extern const struct option json_options[];
extern const struct option quiet_options[];

/* How long to wait for the write lock; < 0: as long as it takes. */
extern int64_t lock_wait_ns;
extern const struct option lock_options[];

/* In which form keys and values are shown and typed. */
struct form_options {
  bool hex, raw;
};
extern struct form_options form_options_given;
extern const struct option form_options[];

struct range_options {
  const char *from, *to, *prefix;
  bool to_inclusive;
};
extern struct range_options range_given;
extern const struct option range_options[];

/* What a map that is created holds. */
struct shape_options {
  int key; /* 0: not said, 1: bytes, 2: u64, 3: tuple */
  uint64_t value_size;
  const char *layout;
};
extern struct shape_options shape_given;
extern const struct option shape_options[];

/* What a store that is created is like. */
struct store_creation_options {
  uint64_t max_bytes, file_bytes, slow_reader_bytes, sync_bytes, sync_interval_ms;
  int durability;  /* 0: not said, 1: none, 2: lazy, 3: sync */
  int slow_reader; /* 0: not said, 1: warn, 2: refuse, 3: oust */
  const char *mode;
};
extern struct store_creation_options creation_given;
extern const struct option creation_options[];

/* Records in one transaction of a load; 0: all. */
extern uint64_t batch_records;
extern const struct option batch_options[];

#endif
