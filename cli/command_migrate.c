/* cli/command_migrate.c - migrate: a map's records rewritten to a new layout, in one commit.
 *
 * Under the write lock the records of the present version go, converted, into a new map;
 * then the old map is dropped and the new one takes its name. Readers go on with the old
 * version; whoever opens the map afterwards finds the new layout. Handles and watches of
 * running programs belong to the old map and fail with NO_MAP from then on. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "conversion.h"
#include "session.h"
#include "units.h"
#include "work.h"

static struct {
  const char *layout;
  struct option_list defaults, renames;
  bool dry_run;
} migrate_given;

static const struct option migrate_options[] = {
    {"layout", 'l', "LAYOUT", "the new layout: 'name { u64 id; f64 bid; }'",
     .text = &migrate_given.layout},
    {"default", 'd', "FIELD=VALUE", "of a new field (else zero); may be repeated",
     .list = &migrate_given.defaults},
    {"rename", 'R', "OLD=NEW", "a field's new name; may be repeated",
     .list = &migrate_given.renames},
    {"dry-run", 'n', NULL, "only say what would happen to each field",
     .flag = &migrate_given.dry_run},
    {0},
};

struct migration {
  struct session session;
  struct open_map old, new;
  struct shape shape;
  struct conversion conversion;
  uint64_t records;
};

/* The records are read from a snapshot taken under the lock: what it lends stays valid across
 * the transaction's own writes. */
static int convert_records(struct migration *m, struct copse_cursor *cursor) {
  struct copse_bytes key, value;
  void *record;
  int result;

  while ((result = copse_cursor_next(cursor, &key, &value)) == COPSE_OK) {
    uint32_t size = m->conversion.from != NULL ? m->conversion.from->size : m->shape.layout->size;
    if (work_interrupted())
      return fail_with(STATUS_INTERRUPTED, "interrupted; nothing was changed");
    if (value.size != size)
      return fail_with(STATUS_STORE,
                       "a value of %zu bytes cannot be a record of %" PRIu32
                       "; nothing was changed",
                       value.size, size);
    result = copse_reserve(m->session.txn, m->new.map, key.data, key.size, m->shape.layout->size,
                           COPSE_APPEND, &record);
    if (result != COPSE_OK)
      break;
    conversion_apply(&m->conversion, value.data, record);
    m->records++;
    if (!common.quiet)
      progress_show("migrate", "records", m->records, m->old.info.count);
  }
  return result >= 0 ? STATUS_OK : fail(result, "map %s; nothing was changed", m->old.info.name);
}

static int rewrite(struct migration *m) {
  struct copse_cursor *cursor;
  char temporary[64];
  int result, status = session_snapshot(&m->session);

  if (status != STATUS_OK)
    return status;
  snprintf(temporary, sizeof temporary, "copse-migrate-%" PRIu32, m->old.info.id);
  status = map_create(&m->session, temporary, &m->shape, &m->new);
  if (status != STATUS_OK)
    return status;
  result = copse_cursor_open(copse_snapshot_view(m->session.snapshot), m->old.map, NULL, &cursor);
  if (result != COPSE_OK)
    return fail(result, "map %s", m->old.info.name);
  status = convert_records(m, cursor);
  copse_cursor_close(cursor);
  if (status != STATUS_OK)
    return status;
  result = copse_map_drop(m->session.txn, m->old.map);
  if (result == COPSE_OK)
    result = copse_map_rename(m->session.txn, m->new.map, m->old.info.name);
  if (result != COPSE_OK)
    return fail(result, "map %s", m->old.info.name);
  return session_commit(&m->session, NULL);
}

static void summarise(const struct migration *m, bool changed) {
  struct text out = {0};
  struct json_writer w = {.out = &out};

  if (common.json) {
    json_object(&w, NULL);
    json_string(&w, "map", m->old.info.name);
    json_bool(&w, "changed", changed);
    json_u64(&w, "records", m->records);
    conversion_to_json(&m->conversion, &w);
    json_object_end(&w);
    json_line_end(&w);
  } else if (!common.quiet) {
    units_counted(&out, changed ? m->records : m->old.info.count, "record");
    text_string(&out, changed ? " rewritten\n" : " unchanged\n");
    conversion_describe(&m->conversion, &out);
  }
  text_output(&out);
  text_free(&out);
}

static int migrate(struct migration *m, const char *name) {
  const struct shape *old = &m->old.shape;
  bool same;
  int status = map_open(&m->session, name, &m->old);

  if (status != STATUS_OK)
    return status;
  if (old->layout == NULL && old->value_size != 0 && old->value_size != m->shape.value_size)
    return fail_usage("map %s holds values of %" PRIu32
                      " bytes, a record of the layout has %" PRIu32,
                      name, old->value_size, m->shape.value_size);
  status = conversion_plan(&m->conversion, old->layout, m->shape.layout, &migrate_given.defaults,
                           &migrate_given.renames);
  if (status != STATUS_OK)
    return status;
  m->shape.key_kind = old->key_kind;
  m->shape.key_encoding = old->key_encoding;
  same = shape_equal(old, &m->shape) && migrate_given.renames.count == 0;
  if (!same && !migrate_given.dry_run)
    status = rewrite(m);
  progress_clear();
  if (status == STATUS_OK)
    summarise(m, !same && !migrate_given.dry_run);
  return status;
}

static int run_migrate(char **operands, size_t count) {
  struct migration m = {0};
  int result, status = STATUS_OK;

  (void)count;
  if (migrate_given.layout == NULL)
    return fail_usage("--layout is missing");
  result = copse_layout_parse(migrate_given.layout, &m.shape.layout);
  if (result != COPSE_OK)
    return fail(result, "--layout");
  m.shape.value_size = m.shape.layout->size;
  status = session_open(&m.session, operands[0], ACCESS_WRITE);
  if (status == STATUS_OK)
    status = session_begin(&m.session);
  if (status == STATUS_OK)
    status = migrate(&m, operands[1]);
  session_abort(&m.session);
  conversion_free(&m.conversion);
  map_close(&m.old);
  map_close(&m.new);
  shape_free(&m.shape);
  return session_close(&m.session, status);
}

const struct command command_migrate = {
    .name = "migrate",
    .operands = "STORE MAP",
    .summary = "Rewrite a map's records to a new layout, in one commit",
    .text = "Fields keep their values by name. A field may become wider where no value is\n"
            "lost (i32 to i64 or f64, f32 to f64, text[8] to text[16]); new fields are zero\n"
            "or have their --default; stored fields that the new layout lacks are dropped.\n"
            "A map of plain bytes becomes one of records when each value has just their\n"
            "size. Writers wait meanwhile, readers do not; programs that have the map open\n"
            "must open it anew.\n",
    .examples = "  copse migrate /dev/shm/market quotes --default venue=XETR --layout \\\n"
                "      'quote { u64 time_ns; f64 bid; f64 ask; text symbol[8]; text venue[8]; }'\n",
    .groups = {migrate_options, lock_options, json_options, quiet_options, common_options},
    .run = run_migrate,
};
