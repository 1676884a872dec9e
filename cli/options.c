/* cli/options.c - see options.h. */
#include "options.h"

#include <stdio.h>
#include <string.h>

#include "status.h"
#include "units.h"

/* --- groups -------------------------------------------------------------------------- */

struct common_options common;
const struct option common_options[] = {
    {"help", 'h', NULL, "show this help", .flag = &common.help},
    {0},
};
const struct option json_options[] = {
    {"json", 'j', NULL, "JSON output, one object on a line", .flag = &common.json},
    {0},
};
const struct option quiet_options[] = {
    {"quiet", 'q', NULL, "no progress and no summary", .flag = &common.quiet},
    {0},
};

int64_t lock_wait_ns = -1;
const struct option lock_options[] = {
    {"timeout", 't', "SECONDS", "wait at most so long for the write lock",
     .wait_ns = &lock_wait_ns},
    {0},
};

struct form_options form_options_given;
const struct option form_options[] = {
    {"hex", 'x', NULL, "byte keys and values in hexadecimal", .flag = &form_options_given.hex},
    {"raw", 'r', NULL, "byte keys and values as they are, without escapes",
     .flag = &form_options_given.raw},
    {0},
};

struct range_options range_given;
const struct option range_options[] = {
    {"from", 0, "KEY", "only keys from this one on", .text = &range_given.from},
    {"to", 0, "KEY", "only keys before this one", .text = &range_given.to},
    {"to-inclusive", 0, NULL, "the key of --to is inside", .flag = &range_given.to_inclusive},
    {"prefix", 'p', "PREFIX", "only byte keys, or tuples, that begin with it",
     .text = &range_given.prefix},
    {0},
};

struct shape_options shape_given;
const struct option shape_options[] = {
    {"key", 'k', "bytes|u64|tuple", "kind of the new map's keys (default: bytes)",
     .choice = &shape_given.key},
    {"value-size", 0, "BYTES", "each value has exactly this size (1 to 4096)",
     .bytes = &shape_given.value_size},
    {"layout", 'l', "LAYOUT", "values are records: 'name { u64 id; f64 bid; }'",
     .text = &shape_given.layout},
    {0},
};

struct store_creation_options creation_given;
const struct option creation_options[] = {
    {"max-bytes", 0, "BYTES", "the store never grows beyond (64M, 2T; 1T)",
     .bytes = &creation_given.max_bytes},
    {"file-bytes", 0, "BYTES", "data goes on in a further file each so many",
     .bytes = &creation_given.file_bytes},
    {"durability", 0, "none|lazy|sync", "default: none in memory, lazy on a disk",
     .choice = &creation_given.durability},
    {"sync-bytes", 0, "BYTES", "lazy: between syncs (256M); sync: of the log (32M)",
     .bytes = &creation_given.sync_bytes},
    {"sync-interval", 0, "MILLISECONDS", "lazy: time between two syncs (1000)",
     .number = &creation_given.sync_interval_ms},
    {"slow-reader", 0, "warn|refuse|oust", "what writes do when slow readers hold too much",
     .choice = &creation_given.slow_reader},
    {"slow-reader-bytes", 0, "BYTES", "how much is too much (default: no bound)",
     .bytes = &creation_given.slow_reader_bytes},
    {"mode", 0, "OCTAL", "permission bits of the files, less the umask (666)",
     .text = &creation_given.mode},
    {0},
};

uint64_t batch_records = 1000;
const struct option batch_options[] = {
    {"batch", 'b', "RECORDS", "records in a transaction (1000; 0: all in one)",
     .number = &batch_records},
    {0},
};

/* --- parsing ------------------------------------------------------------------------- */

static const struct option *find_option(const struct command *command, const char *name,
                                        size_t size, char letter) {
  for (size_t g = 0; g < GROUPS_MAX && command->groups[g] != NULL; g++) {
    for (const struct option *o = command->groups[g]; o->name != NULL; o++) {
      if (name == NULL ? o->letter == letter
                       : strlen(o->name) == size && memcmp(o->name, name, size) == 0)
        return o;
    }
  }
  return NULL;
}

/* The 1-based place of a word in "a|b|c"; 0 if it is not there. */
static int find_choice(const char *words, const char *word) {
  size_t size = strlen(word);

  for (int place = 1;; place++) {
    size_t length = strcspn(words, "|");
    if (length == size && memcmp(words, word, size) == 0)
      return place;
    if (words[length] == 0)
      return 0;
    words += length + 1;
  }
}

static int set_value(const struct option *o, const char *value) {
  if (o->text != NULL) {
    *o->text = value;
  } else if (o->list != NULL) {
    o->list->values = reallocate(o->list->values, (o->list->count + 1) * sizeof *o->list->values);
    o->list->values[o->list->count++] = value;
  } else if (o->number != NULL) {
    if (!parse_u64(value, strlen(value), o->number))
      return fail_usage("--%s takes a whole number, not '%s'", o->name, value);
  } else if (o->bytes != NULL) {
    if (!units_parse_bytes(value, o->bytes))
      return fail_usage("--%s takes a number of bytes such as 4096, 64M or 2G, not '%s'", o->name,
                        value);
  } else if (o->wait_ns != NULL) {
    if (!units_parse_seconds(value, o->wait_ns))
      return fail_usage("--%s takes seconds such as 5 or 0.25, not '%s'", o->name, value);
  } else {
    *o->choice = find_choice(o->argument, value);
    if (*o->choice == 0)
      return fail_usage("--%s takes %s, not '%s'", o->name, o->argument, value);
  }
  return STATUS_OK;
}

/* "--name", "--name=value" or "--name value", and a second value if there is one: *argument moves on when the
 * value is the next. */
static int parse_long(const struct command *command, char ***argument) {
  const char *name = **argument + 2;
  size_t size = strcspn(name, "=");
  const struct option *o = find_option(command, name, size, 0);
  int status;

  if (o == NULL)
    return fail_usage("there is no option --%.*s", (int)size, name);
  if (o->flag != NULL) {
    if (name[size] == '=')
      return fail_usage("--%s takes no value", o->name);
    *o->flag = true;
    return STATUS_OK;
  }
  if (name[size] == '=')
    status = set_value(o, name + size + 1);
  else if (*++*argument == NULL)
    return fail_usage("--%s needs a value: %s", o->name, o->argument);
  else
    status = set_value(o, **argument);
  if (status != STATUS_OK || strchr(o->argument, ' ') == NULL)
    return status;
  if (*++*argument == NULL)
    return fail_usage("--%s needs two values: %s", o->name, o->argument);
  return set_value(o, **argument);
}

/* "-n 5", "-n5", "-jq": flags may stand together, a value ends the word. */
static int parse_short(const struct command *command, char ***argument) {
  for (const char *letter = **argument + 1; *letter != 0; letter++) {
    const struct option *o = find_option(command, NULL, 0, *letter);
    if (o == NULL)
      return fail_usage("there is no option -%c (write -- before an operand that begins with -)",
                        *letter);
    if (o->flag != NULL) {
      *o->flag = true;
      continue;
    }
    if (letter[1] != 0)
      return set_value(o, letter + 1);
    if (*++*argument == NULL)
      return fail_usage("-%c needs a value: %s", o->letter, o->argument);
    return set_value(o, **argument);
  }
  return STATUS_OK;
}

/* Compares the operands with the command's pattern. */
static int check_operands(const struct command *command, size_t count) {
  const char *at = command->operands;
  size_t place = 0;

  while (*at != 0) {
    size_t length = strcspn(at, " ");
    if (*at != '[' && place >= count)
      return fail_usage("%.*s is missing", (int)length, at);
    if (length > 3 && strstr(at, "...") != NULL && strstr(at, "...") < at + length)
      return STATUS_OK;
    place++;
    at += length;
    at += strspn(at, " ");
  }
  if (count > place)
    return fail_usage("too many operands: expected %s", command->operands);
  return STATUS_OK;
}

int options_parse(const struct command *command, char **arguments, char **operands, size_t *count) {
  bool only_operands = false;

  *count = 0;
  for (; *arguments != NULL; arguments++) {
    char *word = *arguments;
    int status = STATUS_OK;
    if (only_operands || word[0] != '-' || word[1] == 0) {
      if (*count + 1 == OPERANDS_MAX)
        return fail_usage("too many operands");
      operands[(*count)++] = word;
    } else if (strcmp(word, "--") == 0) {
      only_operands = true;
    } else if (word[1] == '-') {
      status = parse_long(command, &arguments);
    } else {
      status = parse_short(command, &arguments);
    }
    if (status != STATUS_OK)
      return status;
  }
  operands[*count] = NULL;
  if (form_options_given.hex && form_options_given.raw)
    return fail_usage("--hex and --raw exclude each other");
  return common.help ? STATUS_OK : check_operands(command, *count);
}

/* --- help ---------------------------------------------------------------------------- */

enum { HELP_COLUMN = 28 };

static void help_options(struct text *out, const struct command *command) {
  text_string(out, "\nOptions:\n");
  for (size_t g = 0; g < GROUPS_MAX && command->groups[g] != NULL; g++) {
    for (const struct option *o = command->groups[g]; o->name != NULL; o++) {
      size_t from = out->size;
      if (o->letter != 0)
        text_printf(out, "  -%c, --%s", o->letter, o->name);
      else
        text_printf(out, "      --%s", o->name);
      if (o->argument != NULL)
        text_printf(out, " %s", o->argument);
      if (out->size - from > HELP_COLUMN - 2) {
        text_byte(out, '\n');
        from = out->size;
      }
      text_printf(out, "%*s%s\n", (int)(HELP_COLUMN - (out->size - from)), "", o->help);
    }
  }
}

void options_help(const struct command *command) {
  struct text out = {0};

  text_printf(&out, "usage: copse %s [options] %s\n\n%s.\n", command->name, command->operands,
              command->summary);
  if (command->text != NULL)
    text_printf(&out, "\n%s", command->text);
  help_options(&out, command);
  if (command->examples != NULL)
    text_printf(&out, "\nExamples:\n%s", command->examples);
  text_output(&out);
  text_free(&out);
}
