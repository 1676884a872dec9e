/* unit/test_record_projection.c - reading some fields of stored records. */
#include "test_record_random.h"

static struct copse_projection *open_texts(const char *stored_text, const char *wanted_text) {
  struct copse_layout *stored, *wanted;
  CHECK_OK(copse_layout_parse(stored_text, &stored));
  CHECK_OK(copse_layout_parse(wanted_text, &wanted));
  struct copse_projection *projection;
  CHECK_OK(copse_projection_open(stored, wanted, &projection));
  copse_layout_free(stored); /* a projection needs the layouts no more */
  copse_layout_free(wanted);
  return projection;
}

TEST(fields_are_taken_by_name) {
  struct {
    uint64_t time_ns;
    double bid, ask;
    char symbol[8];
  } stored = {7, 1.5, 2.5, "ABC"};
  struct {
    char symbol[8];
    double ask;
    uint64_t time_ns;
  } wanted;
  struct copse_projection *projection =
      open_texts("quote { u64 time_ns; f64 bid; f64 ask; text symbol[8]; }",
                 "mine { text symbol[8]; f64 ask; u64 time_ns; }");
  copse_projection_read(projection, &stored, &wanted);
  copse_projection_close(projection);
  CHECK_STR(wanted.symbol, "ABC");
  CHECK(wanted.ask == 2.5);
  CHECK_EQ(wanted.time_ns, 7);
}

TEST(pads_are_zeroed_and_need_no_source) {
  struct copse_projection *projection =
      open_texts("r { u32 a; pad p[4]; u64 b; }", "r { pad x[2]; u32 a; pad y[2]; pad z; u64 b; }");
  uint8_t stored[16], wanted[17];
  memset(stored, 0x55, sizeof stored);
  memset(wanted, 0xaa, sizeof wanted);
  copse_projection_read(projection, stored, wanted);
  copse_projection_close(projection);
  static const uint8_t expected[17] = {0,    0,    0x55, 0x55, 0x55, 0x55, 0,    0,   0,
                                       0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};
  CHECK_BYTES(wanted, sizeof wanted, expected, sizeof expected);
}

static void check_refused(const char *stored_text, const char *wanted_text, const char *detail) {
  struct copse_layout *stored, *wanted;
  CHECK_OK(copse_layout_parse(stored_text, &stored));
  CHECK_OK(copse_layout_parse(wanted_text, &wanted));
  struct copse_projection *projection = NULL;
  CHECK_RESULT(copse_projection_open(stored, wanted, &projection), COPSE_E_LAYOUT);
  CHECK(projection == NULL);
  CHECK_DETAIL(detail);
  copse_layout_free(stored);
  copse_layout_free(wanted);
}

TEST(what_is_not_stored_is_refused) {
  check_refused("r { u64 a; }", "r { u64 a; u64 b; }", "no field 'b' in the store");
  check_refused("r { u64 a; }", "r { i64 a; }", "'a': it is u64[1] in the store, i64[1]");
  check_refused("r { u8 a[2]; }", "r { u8 a; }", "'a': it is u8[2] in the store, u8[1]");
}

TEST(unchecked_layouts_are_refused) {
  struct copse_layout *stored, *wanted;
  CHECK_OK(copse_layout_parse("r { u64 a; }", &stored));
  CHECK_OK(copse_layout_parse("r { u64 a; }", &wanted));
  struct copse_projection *projection;
  stored->size = 4;
  CHECK_RESULT(copse_projection_open(stored, wanted, &projection), COPSE_E_ARGUMENT);
  stored->size = 8;
  wanted->size = 4;
  CHECK_RESULT(copse_projection_open(stored, wanted, &projection), COPSE_E_ARGUMENT);
  copse_projection_close(NULL);
  copse_layout_free(stored);
  copse_layout_free(wanted);
}

/* Some fields of stored in any order, with pads between them. */
static struct sketch *choose_fields(const struct sketch *stored, struct test_random *random) {
  struct sketch *wanted = sketch_new("wanted");
  uint32_t n = stored->layout.field_count, start = random_below(random, n);
  uint32_t step = random_below(random, 2) ? 1 : n - 1; /* forwards: to be joined; or backwards */
  for (uint32_t i = 0; i < n; i++) {
    uint32_t at = (start + i * step) % n;
    const struct copse_field *field = &stored->fields[at];
    if (field->kind == COPSE_FIELD_pad || random_below(random, 4) == 0)
      continue;
    if (random_below(random, 6) == 0 && wanted->layout.size < COPSE_RECORD_MAX - 8) {
      char name[NAME_ROOM];
      snprintf(name, sizeof name, "pad%u", i);
      sketch_add(wanted, COPSE_FIELD_pad, name, 1 + random_below(random, 8));
    }
    if (wanted->layout.size + field->count * copse_field_kind_size(field->kind) <= COPSE_RECORD_MAX)
      sketch_add(wanted, field->kind, field->name, field->count);
  }
  if (wanted->layout.field_count == 0)
    sketch_add(wanted, COPSE_FIELD_pad, "nothing", 1);
  return wanted;
}

/* The reference: field by field. */
static void project_plainly(const struct sketch *stored, const struct sketch *wanted,
                            const uint8_t *from, uint8_t *to) {
  for (uint32_t i = 0; i < wanted->layout.field_count; i++) {
    const struct copse_field *field = &wanted->fields[i];
    size_t size = field->count * copse_field_kind_size(field->kind);
    memset(to + field->offset, 0, size);
    for (uint32_t j = 0; field->kind != COPSE_FIELD_pad && j < stored->layout.field_count; j++)
      if (strcmp(stored->fields[j].name, field->name) == 0)
        memcpy(to + field->offset, from + stored->fields[j].offset, size);
  }
}

TEST(random_projections_copy_each_field) {
  struct test_random random = {test_seed()};
  for (int round = 0; round < 2000 * test_scale(); round++) {
    struct sketch *stored = sketch_random(&random, 20), *wanted = choose_fields(stored, &random);
    size_t from_size = stored->layout.size, to_size = wanted->layout.size;
    uint8_t *from = malloc(from_size), *to = malloc(to_size), *expected = malloc(to_size);
    CHECK(from != NULL && to != NULL && expected != NULL);
    test_random_fill(&random, from, from_size);
    memset(to, 0xee, to_size);
    project_plainly(stored, wanted, from, expected);
    struct copse_projection *projection;
    CHECK_OK(copse_projection_open(&stored->layout, &wanted->layout, &projection));
    copse_projection_read(projection, from, to);
    CHECK_BYTES(to, to_size, expected, to_size);
    copse_projection_close(projection);
    free(from);
    free(to);
    free(expected);
    free(stored);
    free(wanted);
  }
}
