/* examples/stream/tables.c - the only file of the stream that reads and writes maps.
 *
 * A save writes the difference of two images: an idle process costs nothing, and whoever
 * watches its key sleeps on. Deleting, changing and adding are one walk, because both images
 * are in key order.
 *
 * Nothing here undoes anything: when a step fails the caller aborts the transaction. */
#include "tables.h"

#include <string.h>
#include <unistd.h>

#include "clock.h"

static void map_options(enum stream_map map, struct copse_map_options *options) {
  const struct stream_map_form *form = stream_map_form(map);
  *options = (struct copse_map_options){
      .key_kind = form->key_form == STREAM_KEY_NUMBER ? COPSE_KEY_U64 : COPSE_KEY_BYTES,
      .layout = form->layout(),
  };
}

int tables_open(struct stream_tables *tables, struct copse_view *view) {
  memset(tables, 0, sizeof(*tables));
  for (int map = 0; map < STREAM_MAPS; map++) {
    struct copse_map_options options;
    map_options((enum stream_map)map, &options);
    const char *name = stream_map_form((enum stream_map)map)->name;
    int result = copse_map_open(view, name, &options, &tables->map[map]);
    if (result != 0) {
      tables_close(tables);
      return result;
    }
  }
  return 0;
}

static int create_all(struct stream_tables *tables, struct copse_txn *txn) {
  for (int map = 0; map < STREAM_MAPS; map++) {
    struct copse_map_options options;
    map_options((enum stream_map)map, &options);
    const char *name = stream_map_form((enum stream_map)map)->name;
    int result = copse_map_create(txn, name, &options, &tables->map[map]);
    if (result != 0)
      return result;
  }
  struct stream_memory memory = {0};
  struct stream_totals totals = {.revision = 1,
                                 .other_fingerprint = stream_fingerprint(&memory, sizeof(memory))};
  struct stream_state state = {
      .revision = 1, .commit_ns = clock_ns(), .producer_pid = (uint32_t)getpid()};
  state.fingerprint = stream_seal(&state, &totals);
  int result = tables_put(tables, txn, STREAM_MEMORY, &memory);
  if (result == 0)
    result = tables_put(tables, txn, STREAM_TOTALS, &totals);
  if (result == 0)
    result = tables_put(tables, txn, STREAM_STATE, &state);
  return result;
}

int tables_create(struct stream_tables *tables, struct copse_store *store) {
  /* In a transaction from the start: two producers that begin at once must not both find
   * the maps missing. */
  struct copse_txn *txn;
  int result = copse_txn_begin(store, -1, &txn);
  if (result != 0)
    return result;
  result = tables_open(tables, copse_txn_view(txn));
  if (result != COPSE_E_NO_MAP) {
    copse_txn_abort(txn);
    return result;
  }
  result = create_all(tables, txn);
  if (result == 0)
    result = copse_txn_commit(txn, NULL);
  else
    copse_txn_abort(txn);
  if (result != 0)
    tables_close(tables);
  return result;
}

void tables_close(struct stream_tables *tables) {
  for (int map = 0; map < STREAM_MAPS; map++) {
    if (tables->map[map])
      copse_map_close(tables->map[map]);
    tables->map[map] = NULL;
  }
}

static int load_map(struct copse_map *handle, struct copse_view *view, enum stream_map map,
                    struct stream_image *image) {
  struct copse_cursor *cursor;
  int result = copse_cursor_open(view, handle, NULL, &cursor);
  if (result != 0)
    return result;
  struct copse_bytes value;
  while ((result = copse_cursor_next(cursor, NULL, &value)) == 0)
    memcpy(image_add(image, map), value.data, stream_map_form(map)->record_bytes);
  copse_cursor_close(cursor);
  return result == COPSE_NONE ? 0 : result;
}

int tables_load(const struct stream_tables *tables, struct copse_view *view,
                struct stream_image *image) {
  image_clear(image);
  for (int map = 0; map < STREAM_MAPS; map++) {
    int result = load_map(tables->map[map], view, (enum stream_map)map, image);
    if (result != 0)
      return result;
  }
  return 0;
}

static int delete_record(const struct stream_tables *tables, struct copse_txn *txn,
                         enum stream_map map, const void *record) {
  uint8_t buffer[8];
  struct copse_bytes key = stream_key(map, record, buffer);
  int result = copse_delete(txn, tables->map[map], key.data, key.size);
  return result == COPSE_NONE ? 0 : result;
}

static int save_map(const struct stream_tables *tables, struct copse_txn *txn, enum stream_map map,
                    const struct stream_image *before, const struct stream_image *after) {
  size_t record_bytes = stream_map_form(map)->record_bytes;
  size_t b = 0, a = 0;
  for (;;) {
    const void *old = image_at(before, map, b), *new = image_at(after, map, a);
    if (!old && !new)
      return 0;
    int order = !old ? 1 : !new ? -1 : image_compare(map, old, new);
    int result = 0;
    if (order < 0)
      result = delete_record(tables, txn, map, old);
    else if (order > 0 || memcmp(old, new, record_bytes) != 0)
      result = tables_put(tables, txn, map, new);
    if (result != 0)
      return result;
    b += order <= 0;
    a += order >= 0;
  }
}

int tables_save(const struct stream_tables *tables, struct copse_txn *txn,
                const struct stream_image *before, struct stream_image *after) {
  for (int map = 0; map < STREAM_MAPS; map++) {
    if (map == STREAM_STATE) {
      struct stream_state *state = image_state(after);
      state->commit_ns = clock_ns();
      state->fingerprint = stream_seal(state, image_totals(after));
    }
    int result = save_map(tables, txn, (enum stream_map)map, before, after);
    if (result != 0)
      return result;
  }
  return 0;
}

int tables_get(const struct stream_tables *tables, struct copse_view *view, enum stream_map map,
               void *record) {
  uint8_t buffer[8];
  struct copse_bytes key = stream_key(map, record, buffer), value;
  int result = copse_get(view, tables->map[map], key.data, key.size, &value);
  if (result == 0)
    memcpy(record, value.data, stream_map_form(map)->record_bytes);
  return result;
}

int tables_put(const struct stream_tables *tables, struct copse_txn *txn, enum stream_map map,
               const void *record) {
  uint8_t buffer[8];
  struct copse_bytes key = stream_key(map, record, buffer);
  return copse_put(txn, tables->map[map], key.data, key.size, record,
                   stream_map_form(map)->record_bytes, 0);
}

int tables_count_event(const struct stream_tables *tables, struct copse_txn *txn, uint64_t pid) {
  struct copse_view *view = copse_txn_view(txn);
  struct stream_process process = {.pid = pid};
  struct stream_totals totals = {0};
  struct stream_state state = {0};
  int result = tables_get(tables, view, STREAM_PROCESS, &process);
  if (result == 0)
    result = tables_get(tables, view, STREAM_TOTALS, &totals);
  if (result == 0)
    result = tables_get(tables, view, STREAM_STATE, &state);
  if (result != 0)
    return result;

  totals.process_fingerprint -= stream_fingerprint(&process, sizeof(process));
  process.events++;
  process.event_revision = state.revision + 1;
  totals.process_fingerprint += stream_fingerprint(&process, sizeof(process));
  totals.events++;
  totals.revision++;
  state.revision++;
  state.events++;
  state.event_pid = pid;
  state.producer_pid = (uint32_t)getpid();

  result = tables_put(tables, txn, STREAM_PROCESS, &process);
  if (result == 0)
    result = tables_put(tables, txn, STREAM_TOTALS, &totals);
  state.commit_ns = clock_ns();
  state.fingerprint = stream_seal(&state, &totals);
  if (result == 0)
    result = tables_put(tables, txn, STREAM_STATE, &state);
  return result;
}
