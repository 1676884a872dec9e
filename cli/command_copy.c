/* cli/command_copy.c - copy and compact: a snapshot of a store as a new store.
 *
 * Both read one snapshot, beside running writers, and append its records in key order, so that
 * the new store is dense and sorted. compact does not put the new store in the place of the
 * old one: processes that have the old one open would go on writing to a file without a name,
 * and a commit between the snapshot and the exchange would be lost. Only who runs the programs
 * can stop them; the manual page shows the steps.
 *
 * All records come in one transaction: until it commits the new store is empty, so that no
 * death in between leaves one that looks whole. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "loader.h"
#include "stream.h"
#include "units.h"
#include "value.h"
#include "work.h"

struct copy_run {
  struct session source, target;
  struct loader loader;
  uint64_t all; /* records to copy */
  struct copse_stat before, after;
};

static bool copy_sealed;
static const char *copy_since;

static int count_map(void *context, struct open_map *map) {
  struct copy_run *run = context;

  run->all += map->info.count;
  return STATUS_OK;
}

static void copy_progress(const struct copy_run *run) {
  if (!common.quiet)
    progress_show("copy", "records", run->loader.pending, run->all);
}

/* What a walk of a map has come to. */
static int copy_verify(const struct copy_run *run, const struct open_map *map, int status,
                       int result, uint64_t copied) {
  if (result < 0)
    return fail(result, "map %s", map->info.name);
  if (status == STATUS_OK && copied != map->info.count)
    return fail_with(STATUS_STORE,
                     "map %s: %" PRIu64 " records where its count says %" PRIu64
                     "; run 'copse check %s'",
                     map->info.name, copied, map->info.count, run->source.path);
  return status;
}

static int copy_records(struct copy_run *run, struct open_map *map, struct copse_cursor *cursor,
                        struct loader_map *into) {
  struct copse_bytes key, value;
  uint64_t copied = 0;
  int result, status = STATUS_OK;

  while ((result = copse_cursor_next(cursor, &key, &value)) == COPSE_OK && status == STATUS_OK) {
    if (work_interrupted())
      return fail_with(STATUS_INTERRUPTED, "interrupted");
    status = loader_put(&run->loader, into, key, value);
    copied++;
    copy_progress(run);
  }
  return copy_verify(run, map, status, result, copied);
}

/* Free slots too, for their generations. */
static int copy_slots(struct copy_run *run, struct open_map *map, struct loader_map *into) {
  struct copse_slots slots = {0};
  uint64_t copied = 0;
  int result, status = STATUS_OK;

  while ((result = copse_arena_slots(session_view(&run->source), map->arena,
                                     slots.first + slots.count, &slots)) == COPSE_OK &&
         status == STATUS_OK) {
    if (work_interrupted())
      return fail_with(STATUS_INTERRUPTED, "interrupted");
    status = loader_restore(&run->loader, into, &slots);
    copied += slots.records != NULL ? slots.count : 0;
    copy_progress(run);
  }
  return copy_verify(run, map, status, result, copied);
}

static int copy_map(void *context, struct open_map *map) {
  struct copy_run *run = context;
  struct loader_map *into;
  struct copse_cursor *cursor;
  int result, status = loader_map(&run->loader, map->info.name, &map->shape, &into);

  if (status != STATUS_OK)
    return status;
  if (map->arena != NULL)
    return copy_slots(run, map, into);
  result = copse_cursor_open(session_view(&run->source), map->map, NULL, &cursor);
  if (result != COPSE_OK)
    return fail(result, "map %s", map->info.name);
  status = copy_records(run, map, cursor, into);
  copse_cursor_close(cursor);
  return status;
}

static int copy_all(struct copy_run *run) {
  int result, status = maps_each(&run->source, NULL, 0, count_map, run);

  if (status == STATUS_OK)
    status = maps_each(&run->source, NULL, 0, copy_map, run);
  status = loader_finish(&run->loader, status);
  loader_free(&run->loader);
  if (status != STATUS_OK)
    return status;
  result = copse_store_sync(run->target.store, NULL);
  if (result == COPSE_OK)
    result = copse_stat(run->target.store, &run->after);
  return result == COPSE_OK ? STATUS_OK : fail(result, "%s", run->target.path);
}

static void summarise(const struct copy_run *run) {
  struct text out = {0};
  struct json_writer w = {.out = &out};

  if (common.json) {
    json_object(&w, NULL);
    json_u64(&w, "version", copse_snapshot_version(run->source.snapshot));
    json_u64(&w, "maps", run->after.maps);
    json_u64(&w, "records", run->loader.committed);
    json_u64(&w, "source_bytes", run->before.high_water_bytes);
    json_u64(&w, "target_bytes", run->after.high_water_bytes);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet) {
    text_printf(&out, "version %" PRIu64 ": ", copse_snapshot_version(run->source.snapshot));
    units_counted(&out, run->after.maps, "map");
    text_string(&out, ", ");
    units_counted(&out, run->loader.committed, "record");
    text_string(&out, "; ");
    units_bytes(&out, run->before.high_water_bytes);
    text_string(&out, " became ");
    units_bytes(&out, run->after.high_water_bytes);
    text_byte(&out, '\n');
  }
  text_output(&out);
  text_free(&out);
}

static const struct option copy_options[] = {
    {"seal", 0, NULL, "one file that never changes, for any file system", .flag = &copy_sealed},
    {"since", 0, "COPY|VERSION", "only what changed since, for 'copse apply'", .text = &copy_since},
    {0},
};

/* TARGET is complete, and of one piece. */
static int seal_target(struct copy_run *run, const char *path, uint32_t mode) {
  int status = STATUS_OK, result = copse_snapshot_seal(run->source.snapshot, path, mode);

  if (result != COPSE_OK)
    return fail(result, "%s", path);
  status = session_open(&run->target, path, ACCESS_READ);
  if (status == STATUS_OK)
    status = maps_each(&run->source, NULL, 0, count_map, run);
  run->loader.committed = run->all;
  if (status == STATUS_OK && (result = copse_stat(run->target.store, &run->after)) != COPSE_OK)
    status = fail(result, "%s", path);
  return status;
}

static int run_copy(char **operands, size_t count) {
  struct copy_run run = {0};
  struct copse_store_options options;
  struct stat source;
  bool made = false;
  int result, status = session_creation_options(&options);

  (void)count;
  if (status == STATUS_OK && strcmp(operands[1], "-") == 0 && !copy_sealed && copy_since == NULL)
    status =
        fail_usage("a store cannot be written to a pipe: give --seal, which makes a stream for "
                   "'copse apply', or use 'copse dump'");
  if (status != STATUS_OK)
    return status;
  status = session_open(&run.source, operands[0], ACCESS_READ);
  if (status == STATUS_OK)
    status = session_snapshot(&run.source);
  if (status == STATUS_OK && (result = copse_stat(run.source.store, &run.before)) != COPSE_OK)
    status = fail(result, "%s", operands[0]);
  if (status == STATUS_OK) {
    /* Whether the copy survives power cuts follows from where it lies, not from the source. */
    if (options.max_bytes == 0)
      options.max_bytes = run.before.max_bytes;
    if (options.mode == 0 && stat(operands[0], &source) == 0)
      options.mode = (source.st_mode & 0777) | 0600;
  }
  if (status == STATUS_OK && (copy_since != NULL || strcmp(operands[1], "-") == 0)) {
    status = stream_send(&run.source, copy_since, operands[1]);
    return session_close(&run.source, status);
  }
  if (status == STATUS_OK && copy_sealed) {
    status = seal_target(&run, operands[1], options.mode);
  } else if (status == STATUS_OK) {
    status = session_open_with(&run.target, operands[1], ACCESS_NEW, &options);
    made = status == STATUS_OK;
    if (made) {
      run.loader = (struct loader){.session = &run.target};
      status = copy_all(&run);
      progress_clear();
    }
  }
  if (status == STATUS_OK)
    summarise(&run);
  status = session_close(&run.target, status);
  if (status != STATUS_OK && made && copse_store_remove(operands[1]) == COPSE_OK)
    note("%s was removed again; %s is as it was", operands[1], operands[0]);
  return session_close(&run.source, status);
}

const struct command command_copy = {
    .name = "copy",
    .operands = "SOURCE TARGET",
    .summary = "Copy a store, consistently and while programs use it, to a new one",
    .text = "TARGET receives what one version of SOURCE holds, with all maps and layouts,\n"
            "and shows nothing before it is complete. Handles of its arenas are valid in\n"
            "TARGET. It must not be there. It takes over\n"
            "the bound of SOURCE; its durability follows from where it lies. While the copy\n"
            "runs, space that writers free in SOURCE waits for it.\n"
            "With --seal TARGET is one file that never changes: it may lie on any file\n"
            "system, be copied like any file, and is read by the same commands. Of the\n"
            "options for new stores --mode applies. Unused space of SOURCE is left as\n"
            "holes; compact it first for the smallest file.\n"
            "With --since TARGET is a new file, or - for standard output, of the changes that\n"
            "lead from what COPY holds, or from VERSION (0: everything), to now: see 'copse\n"
            "apply'. With --seal and - it is everything.\n",
    .examples = "  copse copy /dev/shm/market backup/market-$(date +%F).copse\n"
                "  copse copy --seal /dev/shm/market /mnt/nfs/market.copse\n"
                "  copse copy --since market.copy /dev/shm/market market.changes\n",
    .groups = {copy_options, creation_options, json_options, quiet_options, common_options},
    .run = run_copy,
};

const struct command command_compact = {
    .name = "compact",
    .operands = "STORE TARGET",
    .summary = "Write a store anew, sorted and densely packed, to a new file",
    .text = "The same as copy. The store itself stays as it is, since programs may have it\n"
            "open. To put the new one in its place, stop the programs first:\n"
            "  copse compact STORE NEW && copse rm STORE && copse copy NEW STORE\n",
    .examples = "  copse compact data.copse dense.copse\n",
    .groups = {creation_options, json_options, quiet_options, common_options},
    .run = run_copy,
};
