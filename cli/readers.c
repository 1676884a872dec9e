/* cli/readers.c - the processes attached to a store: see inspect.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect.h"
#include "status.h"
#include "units.h"

static int add_reader(void *context, const struct copse_reader *r) {
  struct reader_list *list = context;

  if (!list->with_self && r->pid == (uint32_t)getpid() && r->pid_namespace == list->own_namespace)
    return 0;
  if (list->count == list->capacity) {
    list->capacity = list->capacity != 0 ? 2 * list->capacity : 16;
    list->readers = reallocate(list->readers, list->capacity * sizeof *list->readers);
  }
  list->readers[list->count++] = *r;
  return 0;
}

static int by_weight(const void *left, const void *right) {
  const struct copse_reader *a = left, *b = right;

  if (a->held_bytes != b->held_bytes)
    return a->held_bytes > b->held_bytes ? -1 : 1;
  if (a->lease_bytes != b->lease_bytes)
    return a->lease_bytes > b->lease_bytes ? -1 : 1;
  if (a->lag != b->lag)
    return a->lag > b->lag ? -1 : 1;
  return a->pid < b->pid ? -1 : a->pid > b->pid;
}

int readers_read(struct reader_list *list, struct copse_store *store, const char *path,
                 bool with_self) {
  struct stat namespace;
  int result;

  list->own_namespace = stat("/proc/self/ns/pid", &namespace) == 0 ? namespace.st_ino : 0;
  list->with_self = with_self;
  list->count = 0;
  result = copse_readers(store, add_reader, list);
  if (result != COPSE_OK)
    return fail(result, "%s", path);
  if (list->count != 0)
    qsort(list->readers, list->count, sizeof *list->readers, by_weight);
  return STATUS_OK;
}

void readers_header(struct text *out) {
  text_printf(out, "%10s  %-15s %6s %12s %10s %12s %12s  %s\n", "PID", "COMMAND", "SNAPS",
              "VERSION", "LAG", "AGE", "HELD", "STATE");
}

static const char *state_of(const struct copse_reader *r) {
  if (!r->alive)
    return "dead";
  return r->writing ? "writing" : "";
}

/* "12 leases on 3.1 MiB for 4.5 s" */
static void leases_to_text(struct text *out, const struct copse_reader *r) {
  text_printf(out, "  %" PRIu64 " lease%s on ", r->leases, r->leases == 1 ? "" : "s");
  units_bytes(out, r->lease_bytes);
  text_string(out, " for ");
  units_time(out, r->lease_age_ns);
}

void reader_to_line(struct text *out, const struct copse_reader *r) {
  struct text command = {0}, age = {0}, held = {0};

  text_add_escaped(&command, r->command, strnlen(r->command, sizeof r->command));
  text_room(&command, 0);
  if (r->version != 0)
    units_time(&age, r->age_ns);
  else
    text_byte(&age, '-');
  units_bytes(&held, r->held_bytes);
  text_printf(out, "%10" PRIu32 "  %-15s %6" PRIu32 " ", r->pid, command.data, r->snapshots);
  if (r->version != 0)
    text_printf(out, "%12" PRIu64 " %10" PRIu64, r->version, r->lag);
  else
    text_printf(out, "%12s %10s", "-", "-");
  text_printf(out, " %12s %12s", age.data, held.data);
  if (*state_of(r) != 0)
    text_printf(out, "  %s", state_of(r));
  if (r->leases != 0)
    leases_to_text(out, r);
  text_byte(out, '\n');
  text_free(&command);
  text_free(&age);
  text_free(&held);
}

void reader_to_json(struct json_writer *w, const char *name, const struct copse_reader *r) {
  json_object(w, name);
  json_u64(w, "pid", r->pid);
  json_u64(w, "pid_namespace", r->pid_namespace);
  json_bytes(w, "command", r->command, strnlen(r->command, sizeof r->command));
  json_u64(w, "snapshots", r->snapshots);
  json_u64(w, "version", r->version);
  json_u64(w, "lag", r->lag);
  json_u64(w, "age_ns", r->age_ns);
  json_u64(w, "held_bytes", r->held_bytes);
  json_u64(w, "leases", r->leases);
  json_u64(w, "lease_bytes", r->lease_bytes);
  json_u64(w, "lease_age_ns", r->lease_age_ns);
  json_bool(w, "writing", r->writing != 0);
  json_bool(w, "alive", r->alive != 0);
  json_object_end(w);
}
