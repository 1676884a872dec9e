/* cli/command_inspect.c - maps, stat, readers: what is in a store and who uses it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "inspect.h"
#include "json.h"
#include "session.h"
#include "units.h"

/* --- maps ---------------------------------------------------------------------------- */

static bool maps_names_only;

static const struct option maps_options[] = {
    {"names", 0, NULL, "only the names, one on a line", .flag = &maps_names_only},
    {"raw", 'r', NULL, "with --names: as they are, without escapes",
     .flag = &form_options_given.raw},
    {0},
};

static void map_to_json(struct json_writer *w, const struct open_map *map) {
  struct text layout = {0};

  json_string(w, "name", map->info.name);
  json_string(w, "key", shape_key_name(&map->shape));
  json_u64(w, "value_size", map->info.value_size);
  if (map->shape.layout != NULL) {
    shape_layout_text(&map->shape, &layout);
    json_string(w, "layout", layout.data);
  }
  if (map->arena != NULL)
    json_number_hex(w, "arena", map->shape.arena);
  json_u64(w, "records", map->info.count);
  json_u64(w, "changed", map->info.changed);
  text_free(&layout);
}

static void map_to_line(struct text *out, const struct open_map *map) {
  text_add_escaped(out, map->info.name, strlen(map->info.name));
  text_printf(out, "\t%s\t", shape_key_name(&map->shape));
  if (map->shape.layout != NULL)
    shape_layout_text(&map->shape, out);
  else if (map->info.value_size != 0)
    text_printf(out, "%" PRIu32 " bytes", map->info.value_size);
  else
    text_string(out, "bytes");
  text_printf(out, "\t%" PRIu64 " record%s\n", map->info.count, map->info.count == 1 ? "" : "s");
}

static int print_map(void *context, struct open_map *map) {
  struct text *out = context;

  if (maps_names_only && form_options_given.raw) {
    text_printf(out, "%s\n", map->info.name);
  } else if (maps_names_only) {
    text_add_escaped(out, map->info.name, strlen(map->info.name));
    text_byte(out, '\n');
  } else if (common.json) {
    struct json_writer w = {.out = out};
    json_object(&w, NULL);
    map_to_json(&w, map);
    json_object_end(&w);
    json_line_end(&w);
  } else {
    map_to_line(out, map);
  }
  text_output(out);
  return STATUS_OK;
}

static int run_maps(char **operands, size_t count) {
  struct session s;
  struct text out = {0};
  int status = session_open(&s, operands[0], ACCESS_READ);

  (void)count;
  if (status == STATUS_OK)
    status = session_snapshot(&s);
  if (status == STATUS_OK)
    status = maps_each(&s, NULL, 0, print_map, &out);
  text_free(&out);
  return session_close(&s, status);
}

const struct command command_maps = {
    .name = "maps",
    .operands = "STORE",
    .summary = "List the maps of a store",
    .text = "For each map a line of name, kind of key, layout or size of values, and\n"
            "records, with tabs between. Arenas are among them, of keys of kind slot; --json\n"
            "tells the number that their handles begin with.\n",
    .examples = "  copse maps /dev/shm/market\n"
                "  copse maps --json /dev/shm/market | jq -r .name\n",
    .groups = {maps_options, json_options, common_options},
    .run = run_maps,
};

/* --- stat ---------------------------------------------------------------------------- */

enum unit { UNIT_COUNT, UNIT_BYTES, UNIT_NS };

struct stat_line {
  const char *name;
  enum unit unit;
  uint64_t value;
};

/* Prints named numbers, one a line, or as members of an object. */
static void print_numbers(struct text *out, struct json_writer *w, const struct stat_line *lines,
                          size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (common.json) {
      json_u64(w, lines[i].name, lines[i].value);
      continue;
    }
    text_printf(out, "%-18s %" PRIu64, lines[i].name, lines[i].value);
    if (lines[i].unit == UNIT_BYTES && lines[i].value >= 1024) {
      text_string(out, "  (");
      units_bytes(out, lines[i].value);
      text_byte(out, ')');
    } else if (lines[i].unit == UNIT_NS && lines[i].value >= 1000) {
      text_string(out, "  (");
      units_time(out, lines[i].value);
      text_byte(out, ')');
    }
    text_byte(out, '\n');
  }
}

const char *durability_name(uint32_t durability) {
  switch (durability) {
  case COPSE_DURABILITY_NONE: return "none";
  case COPSE_DURABILITY_LAZY: return "lazy";
  case COPSE_DURABILITY_SYNC: return "sync";
  default: return "unknown";
  }
}

void stat_to_text(struct text *out, struct json_writer *w, const struct copse_stat *st) {
  const struct stat_line lines[] = {
      {"version", UNIT_COUNT, st->version},
      {"durable_version", UNIT_COUNT, st->durable_version},
      {"recovered_version", UNIT_COUNT, st->recovered_version},
      {"timeline", UNIT_COUNT, st->timeline},
      {"maps", UNIT_COUNT, st->maps},
      {"file_bytes", UNIT_BYTES, st->file_bytes},
      {"files", UNIT_COUNT, st->files},
      {"file_max_bytes", UNIT_BYTES, st->file_max_bytes},
      {"storage_bytes", UNIT_BYTES, st->storage_bytes},
      {"high_water_bytes", UNIT_BYTES, st->high_water_bytes},
      {"used_bytes", UNIT_BYTES, st->used_bytes},
      {"free_bytes", UNIT_BYTES, st->free_bytes},
      {"pending_bytes", UNIT_BYTES, st->pending_bytes},
      {"pinned_bytes", UNIT_BYTES, st->pinned_bytes},
      {"max_bytes", UNIT_BYTES, st->max_bytes},
      {"processes", UNIT_COUNT, st->processes},
      {"snapshots", UNIT_COUNT, st->snapshots},
      {"leases", UNIT_COUNT, st->leases},
      {"lease_bytes", UNIT_BYTES, st->lease_bytes},
      {"lease_age_ns", UNIT_NS, st->lease_age_ns},
      {"lease_held_bytes", UNIT_BYTES, st->lease_held_bytes},
      {"lease_copies", UNIT_COUNT, st->lease_copies},
      {"writer_pid", UNIT_COUNT, st->writer_pid},
      {"writer_held_ns", UNIT_NS, st->writer_held_ns},
      {"commits", UNIT_COUNT, st->commits},
      {"aborts", UNIT_COUNT, st->aborts},
      {"puts", UNIT_COUNT, st->puts},
      {"deletes", UNIT_COUNT, st->deletes},
      {"lock_waits", UNIT_COUNT, st->lock_waits},
      {"lock_wait_ns", UNIT_NS, st->lock_wait_ns},
      {"lock_wait_max_ns", UNIT_NS, st->lock_wait_max_ns},
      {"long_holds", UNIT_COUNT, st->long_holds},
      {"long_hold_ns", UNIT_NS, st->long_hold_ns},
      {"long_hold_pid", UNIT_COUNT, st->long_hold_pid},
      {"batches", UNIT_COUNT, st->batches},
      {"batches_refused", UNIT_COUNT, st->batches_refused},
      {"batch_rounds", UNIT_COUNT, st->batch_rounds},
      {"takeovers", UNIT_COUNT, st->takeovers},
      {"reaped", UNIT_COUNT, st->reaped},
      {"wakes", UNIT_COUNT, st->wakes},
      {"syncs", UNIT_COUNT, st->syncs},
      {"log_records", UNIT_COUNT, st->log_records},
      {"log_bytes", UNIT_BYTES, st->log_bytes},
      {"refusals", UNIT_COUNT, st->refusals},
  };

  if (common.json)
    json_string(w, "durability", durability_name(st->durability));
  else
    text_printf(out, "%-18s %s\n", "durability", durability_name(st->durability));
  print_numbers(out, w, lines, sizeof lines / sizeof lines[0]);
}

/* What only an arena has. */
static int print_arena_stat(struct session *s, const struct open_map *map, struct text *out,
                            struct json_writer *w) {
  struct copse_arena_info info;
  int result = copse_arena_info(session_view(s), map->arena, &info);

  if (result != COPSE_OK)
    return fail(result, "arena %s", map->info.name);
  const struct stat_line lines[] = {
      {"end", UNIT_COUNT, info.end},
      {"leaf_slots", UNIT_COUNT, info.leaf_slots},
  };
  if (!common.json)
    text_printf(out, "%-18s %016" PRIx64 "\n", "arena", info.arena);
  print_numbers(out, w, lines, sizeof lines / sizeof lines[0]);
  return STATUS_OK;
}

static int print_map_stat(struct session *s, const char *name, struct text *out,
                          struct json_writer *w) {
  struct copse_map_stat st;
  struct open_map map;
  int result, status = map_open(s, name, &map);

  if (status != STATUS_OK)
    return status;
  result = copse_map_stat(session_view(s), map.map, &st);
  if (result == COPSE_OK) {
    const struct stat_line lines[] = {
        {"depth", UNIT_COUNT, st.depth},
        {"leaf_pages", UNIT_COUNT, st.leaf_pages},
        {"inner_pages", UNIT_COUNT, st.inner_pages},
        {"value_extents", UNIT_COUNT, st.value_extents},
        {"leaf_bytes", UNIT_BYTES, st.leaf_bytes},
        {"inner_bytes", UNIT_BYTES, st.inner_bytes},
        {"extent_bytes", UNIT_BYTES, st.extent_bytes},
        {"key_bytes", UNIT_BYTES, st.key_bytes},
        {"value_bytes", UNIT_BYTES, st.value_bytes},
    };
    if (common.json)
      map_to_json(w, &map);
    else
      map_to_line(out, &map);
    print_numbers(out, w, lines, sizeof lines / sizeof lines[0]);
    if (map.arena != NULL)
      status = print_arena_stat(s, &map, out, w);
  } else {
    status = fail(result, "map %s", name);
  }
  map_close(&map);
  return status;
}

static int run_stat(char **operands, size_t count) {
  struct session s;
  struct copse_stat st;
  struct text out = {0};
  struct json_writer w = {.out = &out};
  int status = session_open(&s, operands[0], ACCESS_READ);

  if (status == STATUS_OK && common.json)
    json_object(&w, NULL);
  if (status == STATUS_OK && count == 2) {
    status = session_snapshot(&s);
    if (status == STATUS_OK)
      status = print_map_stat(&s, operands[1], &out, &w);
  } else if (status == STATUS_OK) {
    int result = copse_stat(s.store, &st);
    if (result == COPSE_OK)
      stat_to_text(&out, &w, &st);
    else
      status = fail(result, "%s", s.path);
  }
  if (status == STATUS_OK && common.json) {
    json_object_end(&w);
    json_line_end(&w);
  }
  if (status == STATUS_OK)
    text_output(&out);
  text_free(&out);
  return session_close(&s, status);
}

const struct command command_stat = {
    .name = "stat",
    .operands = "STORE [MAP]",
    .summary = "Show a store's numbers, or a map's (which walks the map)",
    .text = "The counters begin anew whenever the store's coordination files are made anew.\n"
            "The process that asks is one of 'processes'.\n",
    .examples = "  copse stat /dev/shm/market\n"
                "  copse stat --json /dev/shm/market | jq .pinned_bytes\n"
                "  copse stat /dev/shm/market quotes\n",
    .groups = {json_options, common_options},
    .run = run_stat,
};

/* --- readers ------------------------------------------------------------------------- */

static bool readers_all;

static const struct option readers_options[] = {
    {"all", 'a', NULL, "this process too", .flag = &readers_all},
    {0},
};

static int run_readers(char **operands, size_t count) {
  struct session s;
  struct reader_list list = {0};
  struct text out = {0};
  int status = session_open(&s, operands[0], ACCESS_READ);

  (void)count;
  if (status == STATUS_OK)
    status = readers_read(&list, s.store, s.path, readers_all);
  if (status == STATUS_OK && !common.json)
    readers_header(&out);
  for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
    if (common.json) {
      struct json_writer w = {.out = &out};
      reader_to_json(&w, NULL, &list.readers[i]);
      json_line_end(&w);
    } else {
      reader_to_line(&out, &list.readers[i]);
    }
  }
  text_output(&out);
  text_free(&out);
  free(list.readers);
  return session_close(&s, status);
}

const struct command command_readers = {
    .name = "readers",
    .operands = "STORE",
    .summary = "List the processes that have the store open, and what they hold",
    .text = "PID is in the process's own PID namespace. VERSION is its oldest snapshot, LAG\n"
            "the commits since, AGE how long it is open, HELD the freed space that waits\n"
            "for it. A process that died is shown until somebody cleans up after it.\n",
    .examples = "  copse readers /dev/shm/market\n"
                "  copse readers --json /dev/shm/market | jq 'select(.lag > 1000) | .pid'\n",
    .groups = {readers_options, json_options, common_options},
    .run = run_readers,
};
