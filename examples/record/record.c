/* examples/record/record.c - typed records, and what happens when two programs disagree.
 *
 * A producer and a reader are built separately. Here both are in one file: the reader's struct
 * is the one of an older version, which has no venue and keeps prices as float. It is refused
 * when it opens the map, with the name of the field; then it asks what is stored and reads the
 * fields that are still the same through a projection. */
#include <copse/copse.h>

#include <stdio.h>
#include <stdlib.h>

/* What the producer writes: every byte is a field. */
struct quote {
  uint64_t time_ns;
  double bid, ask;
  char symbol[8];
  uint16_t venue;
  uint8_t unused[6];
};
/* clang-format off */
#define QUOTE_FIELDS(F)                                                                            \
  F(u64, time_ns, 1) F(f64, bid, 1) F(f64, ask, 1) F(text, symbol, 8)                              \
  F(u16, venue, 1) F(pad, unused, 6)
/* clang-format on */
COPSE_RECORD(quote, QUOTE_FIELDS)

/* What the old reader believes. */
struct old_quote {
  uint64_t time_ns;
  float bid, ask;
  char symbol[8];
};
#define OLD_QUOTE_FIELDS(F) F(u64, time_ns, 1) F(f32, bid, 1) F(f32, ask, 1) F(text, symbol, 8)
COPSE_RECORD(old_quote, OLD_QUOTE_FIELDS)

/* What the old reader can do without the prices. */
struct tick {
  char symbol[8];
  uint64_t time_ns;
};
#define TICK_FIELDS(F) F(text, symbol, 8) F(u64, time_ns, 1)
COPSE_RECORD(tick, TICK_FIELDS)

static void must(int result, const char *what) {
  if (result == 0)
    return;
  fprintf(stderr, "%s: %s: %s\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

static void produce(struct copse_store *store) {
  struct copse_map_options options = {.layout = quote_layout()};
  struct copse_map *map;
  must(copse_map_ensure(store, "quotes", &options, -1, &map), "create the map");
  struct copse_txn *txn;
  must(copse_txn_begin(store, -1, &txn), "begin");
  struct quote quote = {
      .time_ns = 1700000000, .bid = 99.5, .ask = 100.5, .symbol = "ACME", .venue = 7};
  must(copse_put(txn, map, "ACME", 4, &quote, sizeof quote, 0), "put");
  must(copse_txn_commit(txn, NULL), "commit");
  copse_map_close(map);
}

static void open_with_old_layout(struct copse_view *view) {
  struct copse_map_options options = {.layout = old_quote_layout()};
  struct copse_map *map;
  int result = copse_map_open(view, "quotes", &options, &map);
  if (result == 0) {
    fprintf(stderr, "the old layout should have been refused\n");
    exit(1);
  }
  printf("%s\n  %s\n", copse_error_name(result), copse_error_detail());
}

static void read_with_projection(struct copse_view *view) {
  struct copse_map *map;
  struct copse_layout *stored;
  must(copse_map_open(view, "quotes", NULL, &map), "open the map");
  must(copse_map_layout(view, map, &stored), "read the layout");
  char text[512];
  copse_layout_format(stored, text, sizeof text);
  printf("stored: %s\n", text);

  struct copse_projection *projection;
  must(copse_projection_open(stored, tick_layout(), &projection), "open the projection");
  struct copse_bytes value;
  struct tick tick;
  must(copse_get(view, map, "ACME", 4, &value), "get");
  copse_projection_read(projection, value.data, &tick);
  printf("%.8s at %llu ns\n", tick.symbol, (unsigned long long)tick.time_ns);
  copse_projection_close(projection);
  copse_layout_free(stored);
  copse_map_close(map);
}

int main(void) {
  struct copse_store *store;
  struct copse_snapshot *snapshot;
  must(copse_store_open(NULL, NULL, &store), "open the store");
  produce(store);
  must(copse_snapshot_open(store, 0, &snapshot), "open a snapshot");
  open_with_old_layout(copse_snapshot_view(snapshot));
  read_with_projection(copse_snapshot_view(snapshot));
  copse_snapshot_close(snapshot);
  must(copse_store_close(store), "close");
  return 0;
}
