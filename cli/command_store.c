/* cli/command_store.c - create, sync, rm, check: the store as a whole. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "session.h"
#include "units.h"
#include "work.h"

/* --- create -------------------------------------------------------------------------- */

static bool create_if_missing, create_arena;

static const struct option create_options[] = {
    {"if-missing", 0, NULL, "no error when it is there already", .flag = &create_if_missing},
    {"arena", 0, NULL, "an arena, of records by --value-size or --layout", .flag = &create_arena},
    {0},
};

static int arena_make(struct session *s, const char *name, const struct shape *shape) {
  struct copse_arena_options options = {.record_size = shape->value_size, .layout = shape->layout};
  struct copse_arena *arena;
  int result, status;

  if (create_if_missing) {
    result = copse_arena_ensure(s->store, name, &options, lock_wait_ns, &arena);
    if (result != COPSE_OK)
      return fail(result, "%s: arena %s", s->path, name);
    copse_arena_close(arena);
    return STATUS_OK;
  }
  status = session_begin(s);
  if (status != STATUS_OK)
    return status;
  result = copse_arena_create(s->txn, name, &options, &arena);
  if (result != COPSE_OK)
    return fail(result, "arena %s", name);
  status = session_commit(s, NULL);
  copse_arena_close(arena);
  return status;
}

static int create_map(struct session *s, const char *name, const struct shape *shape) {
  struct copse_map_options options = shape_options_of(shape);
  struct open_map made;
  struct copse_map *map;
  int result, status;

  if (create_if_missing) {
    result = copse_map_ensure(s->store, name, &options, lock_wait_ns, &map);
    if (result != COPSE_OK)
      return fail(result, "%s: map %s", s->path, name);
    copse_map_close(map);
    return STATUS_OK;
  }
  status = session_begin(s);
  if (status == STATUS_OK)
    status = map_create(s, name, shape, &made);
  if (status == STATUS_OK) {
    status = session_commit(s, NULL);
    map_close(&made);
  }
  return status;
}

static int run_create(char **operands, size_t count) {
  struct session s;
  struct shape shape = {0};
  bool shaped;
  int status = shape_from_options(&shape, &shaped);

  if (status == STATUS_OK && create_arena && count == 1)
    status = fail_usage("--arena: name the arena");
  if (status == STATUS_OK && create_arena && shape.key_kind + shape.key_encoding != 0)
    status = fail_usage("an arena has no keys");
  if (status == STATUS_OK && create_arena && shape.value_size == 0 && shape.layout == NULL)
    status = fail_usage("--arena needs the records' size: --value-size or --layout");
  if (status == STATUS_OK && shaped && count == 1)
    status = fail_usage("--key, --value-size and --layout say what a map is: name the MAP");
  if (status == STATUS_OK) {
    bool may_be_there = count == 2 || create_if_missing;
    status = session_open(&s, operands[0], may_be_there ? ACCESS_CREATE : ACCESS_NEW);
    if (status == STATUS_OK && count == 2)
      status =
          create_arena ? arena_make(&s, operands[1], &shape) : create_map(&s, operands[1], &shape);
    status = session_close(&s, status);
  }
  shape_free(&shape);
  return status;
}

const struct command command_create = {
    .name = "create",
    .operands = "STORE [MAP]",
    .summary = "Create a store, or a map in it (and the store when there is none)",
    .text = "The options about the store are fixed when it is created, and are not looked\n"
            "at when it is there. Without --if-missing, what is to be created must not be\n"
            "there.\n"
            "\n"
            "A layout names the fields of a record by rising offset, without gaps; the\n"
            "kinds are u8 i8 u16 i16 u32 i32 u64 i64 f32 f64, text and bytes (with a size:\n"
            "text symbol[8]), c32 and c64 (complex), and pad.\n",
    .examples = "  copse create data.copse points --arena --value-size 24\n"
                "  copse create /dev/shm/market --max-bytes 8G --slow-reader oust \\\n"
                "      --slow-reader-bytes 512M\n"
                "  copse create /dev/shm/market quotes --key u64 \\\n"
                "      --layout 'quote { u64 time_ns; f64 bid; f64 ask; text symbol[8]; }'\n"
                "  copse create data.copse gates --value-size 64 --if-missing\n",
    .groups = {create_options, shape_options, creation_options, lock_options, common_options},
    .run = run_create,
};

/* --- sync ---------------------------------------------------------------------------- */

static int run_sync(char **operands, size_t count) {
  struct session s;
  struct text out = {0};
  uint64_t version = 0;
  int status = session_open(&s, operands[0], ACCESS_WRITE);

  (void)count;
  if (status == STATUS_OK) {
    int result = copse_store_sync(s.store, &version);
    if (result != COPSE_OK)
      status = fail(result, "%s", s.path);
  }
  if (status == STATUS_OK && common.json) {
    struct json_writer w = {.out = &out};
    json_object(&w, NULL);
    json_u64(&w, "durable_version", version);
    json_object_end(&w);
    json_line_end(&w);
  } else if (status == STATUS_OK && !common.quiet) {
    text_printf(&out, "version %llu is durable\n", (unsigned long long)version);
  }
  text_output(&out);
  text_free(&out);
  return session_close(&s, status);
}

const struct command command_sync = {
    .name = "sync",
    .operands = "STORE",
    .summary = "Make everything committed so far survive a power cut",
    .text = "Waits for the disk. A store in memory has nothing to make durable.\n",
    .examples = "  copse sync data.copse\n",
    .groups = {json_options, quiet_options, common_options},
    .run = run_sync,
};

/* --- shrink ---------------------------------------------------------------------------- */

static int run_shrink(char **operands, size_t count) {
  struct session s;
  struct copse_shrunk shrunk = {0};
  struct text out = {0};
  struct json_writer w = {.out = &out};
  int result, status = session_open(&s, operands[0], ACCESS_WRITE);

  (void)count;
  if (status == STATUS_OK && (result = copse_store_shrink(s.store, &shrunk)) != COPSE_OK)
    status = fail(result, "%s", operands[0]);
  status = session_close(&s, status);
  if (status != STATUS_OK)
    return status;
  if (common.json) {
    json_object(&w, NULL);
    json_u64(&w, "before_bytes", shrunk.before_bytes);
    json_u64(&w, "after_bytes", shrunk.after_bytes);
    json_u64(&w, "moved_bytes", shrunk.moved_bytes);
    json_u64(&w, "held_bytes", shrunk.held_bytes);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet) {
    units_bytes(&out, shrunk.before_bytes);
    text_string(&out, " of storage became ");
    units_bytes(&out, shrunk.after_bytes);
    text_string(&out, "; older snapshots and leases hold ");
    units_bytes(&out, shrunk.held_bytes);
    text_byte(&out, '\n');
  }
  text_output(&out);
  text_free(&out);
  return STATUS_OK;
}

const struct command command_shrink = {
    .name = "shrink",
    .operands = "STORE",
    .summary = "Give storage back that a store does not need, while programs use it",
    .text = "The file keeps its length, with holes; they get storage again before they are\n"
            "used. Done in many short transactions: writers wait for some milliseconds at\n"
            "most. What older snapshots and leases hold stays ('copse readers' names them).\n"
            "The smallest file is that of 'copse compact'.\n",
    .examples = "  copse shrink /dev/shm/market\n",
    .groups = {json_options, quiet_options, common_options},
    .run = run_shrink,
};

/* --- rm ------------------------------------------------------------------------------ */

static bool rm_if_there;

static const struct option rm_options[] = {
    {"force", 'f', NULL, "no error when it is not there", .flag = &rm_if_there},
    {0},
};

static int remove_map(const char *path, const char *name) {
  struct session s;
  struct open_map map;
  int status = session_open(&s, path, ACCESS_WRITE);

  if (status == STATUS_OK)
    status = session_begin(&s);
  if (status == STATUS_OK) {
    status = rm_if_there ? map_find(&s, name, &map) : map_open(&s, name, &map);
    if (status == STATUS_OK) {
      int result = copse_map_drop(s.txn, map.map);
      status = result == COPSE_OK ? session_commit(&s, NULL) : fail(result, "map %s", name);
      session_abort(&s);
      map_close(&map);
    } else if (status == STATUS_NOTHING) {
      status = STATUS_OK;
    }
  }
  return session_close(&s, status);
}

static int run_rm(char **operands, size_t count) {
  int result;

  if (count == 2)
    return remove_map(operands[0], operands[1]);
  result = copse_store_remove(operands[0]);
  if (result == COPSE_OK || (result == COPSE_E_NO_STORE && rm_if_there))
    return STATUS_OK;
  return fail(result, "%s", operands[0]);
}

const struct command command_rm = {
    .name = "rm",
    .operands = "STORE [MAP]",
    .summary = "Remove a store that nobody has open, or drop a map",
    .text = "A map can be dropped while programs read it: their snapshots keep it.\n",
    .examples = "  copse rm /dev/shm/books titles\n"
                "  copse rm /dev/shm/books\n",
    .groups = {rm_options, lock_options, common_options},
    .run = run_rm,
};

/* --- check --------------------------------------------------------------------------- */

struct check_run {
  struct text faults; /* for JSON: the array's elements */
  struct json_writer writer;
};

static void on_fault(void *context, const char *sentence) {
  struct check_run *run = context;
  struct text line = {0};

  progress_clear();
  if (common.json) {
    json_string(&run->writer, NULL, sentence);
    return;
  }
  text_string(&line, "fault: ");
  text_add_escaped(&line, sentence, strlen(sentence));
  text_byte(&line, '\n');
  text_output(&line);
  text_free(&line);
}

static int on_progress(void *context, uint64_t done, uint64_t all) {
  (void)context;
  if (!common.quiet)
    progress_show("check", "bytes", done, all);
  return work_interrupted() ? COPSE_E_INTERRUPTED : 0;
}

static void print_check(struct check_run *run, const struct copse_check *check) {
  struct text out = {0};
  struct json_writer w = {.out = &out};

  if (common.json) {
    json_object(&w, NULL);
    json_bool(&w, "sound", check->errors == 0);
    json_u64(&w, "errors", check->errors);
    json_array(&w, "faults");
    text_add(&out, run->faults.data, run->faults.size);
    json_array_end(&w);
    json_u64(&w, "maps", check->maps);
    json_u64(&w, "records", check->records);
    json_u64(&w, "pages", check->pages);
    json_u64(&w, "page_bytes", check->page_bytes);
    json_u64(&w, "free_pages", check->free_pages);
    json_u64(&w, "pending_pages", check->pending_pages);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet || check->errors != 0) {
    text_printf(&out, "%s: ", check->errors == 0 ? "sound" : "DAMAGED");
    if (check->errors != 0) {
      units_counted(&out, check->errors, "fault");
      text_string(&out, "; ");
    }
    units_counted(&out, check->maps, "map");
    text_string(&out, ", ");
    units_counted(&out, check->records, "record");
    text_string(&out, ", ");
    units_counted(&out, check->pages, "page");
    text_string(&out, ", ");
    units_bytes(&out, check->page_bytes);
    text_byte(&out, '\n');
  }
  text_output(&out);
  text_free(&out);
}

/* Documents are three containers that belong together, of which the store knows nothing: they are checked on top. */
static int documents_check(struct session *s, struct check_run *run, uint64_t *faults) {
  char after[COPSE_MAP_NAME_MAX + 1] = "";
  struct copse_document *document;
  struct copse_map_info info;
  struct copse_view *view;
  uint64_t found;
  int result = session_snapshot(s);

  if (result != STATUS_OK)
    return result;
  view = session_view(s);
  while ((result = copse_map_next(view, *after != 0 ? after : NULL, &info)) == COPSE_OK) {
    memcpy(after, info.name, sizeof after);
    if (info.key_kind != COPSE_KEY_SLOT ||
        copse_document_open(view, info.name, &document) != COPSE_OK)
      continue;
    found = 0;
    result = copse_document_check(view, document, on_fault, run, &found);
    copse_document_close(document);
    if (result != COPSE_OK)
      break;
    *faults += found;
  }
  return result == COPSE_NONE ? STATUS_OK : fail(result, "%s", s->path);
}

static int run_check(char **operands, size_t count) {
  struct session s = {0};
  struct copse_check check = {0};
  struct check_run run = {0};
  int result, status;

  (void)count;
  run.writer.out = &run.faults;
  status = session_open(&s, operands[0], ACCESS_CHECK);
  if (status == STATUS_OK) {
    result = copse_check_store(s.store, lock_wait_ns, on_fault, on_progress, &run, &check);
    progress_clear();
    if (result == COPSE_E_CORRUPT) {
      fail(result, "%s", s.path);
      status = STATUS_NOTHING;
    } else if (result != COPSE_OK) {
      status = fail(result, "%s", s.path);
    } else {
      if (check.errors == 0)
        status = documents_check(&s, &run, &check.errors);
      if (status == STATUS_OK) {
        print_check(&run, &check);
        status = check.errors != 0 ? STATUS_NOTHING : STATUS_OK;
      }
    }
  }
  text_free(&run.faults);
  return session_close(&s, status);
}

const struct command command_check = {
    .name = "check",
    .operands = "STORE",
    .summary = "Check a store's integrity: every page, key, count and free list",
    .text = "Exit code 0 when the store is sound, 1 when faults were found; each is a line.\n"
            "Programs may go on; writers wait while the books of the free space are\n"
            "compared. Documents are looked through node by node.\n",
    .examples = "  copse check /dev/shm/market && echo sound\n"
                "  copse check --json data.copse | jq .faults\n",
    .groups = {lock_options, json_options, quiet_options, common_options},
    .run = run_check,
};
