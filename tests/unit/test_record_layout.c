/* unit/test_record_layout.c - kinds, names, checking and completing layouts. */
#include "test_record_random.h"

TEST(kinds_have_size_and_name) {
  CHECK_EQ(copse_field_kind_size(COPSE_FIELD_u8), 1);
  CHECK_EQ(copse_field_kind_size(COPSE_FIELD_i64), 8);
  CHECK_EQ(copse_field_kind_size(COPSE_FIELD_c32), 8);
  CHECK_EQ(copse_field_kind_size(COPSE_FIELD_c64), 16);
  CHECK_EQ(copse_field_kind_size(0), 0);
  CHECK_EQ(copse_field_kind_size(KINDS_END), 0);
  CHECK_EQ(copse_field_kind_size(UINT32_MAX), 0);
  CHECK_STR(copse_field_kind_name(COPSE_FIELD_text), "text");
  CHECK_STR(copse_field_kind_name(0), "?");
  for (uint32_t kind = 1; kind < KINDS_END; kind++) {
    const char *name = copse_field_kind_name(kind);
    CHECK_EQ(record_kind_find(name, strlen(name)), kind);
    CHECK_EQ(record_kind_find(name, strlen(name) - 1), 0);
  }
}

static bool valid(const char *name, bool dots) {
  return record_name_valid(name, strlen(name), dots);
}

TEST(names_look_like_identifiers) {
  CHECK(valid("a", false) && valid("_", false) && valid("time_ns", false) && valid("x9", false));
  CHECK(valid("größe", false) && valid("温度", false) && valid("🌲", false));
  CHECK(valid("pos.x", true) && valid("a.b.c", true) && !valid("pos.x", false));
  CHECK(!valid("", true) && !valid("9x", true) && !valid("a b", true) && !valid("a-b", true));
  CHECK(!valid(".a", true) && !valid("a.", true) && !valid("a..b", true) && !valid("a.9", true));
  CHECK(!valid("a\n", true) && !valid("a\x1b[0m", true) && !valid("a\x7f", true));
  CHECK(!record_name_valid("a\0b", 3, true));
}

TEST(names_are_well_formed_utf8) {
  CHECK(!valid("\x80", true) && !valid("\xc3", true) && !valid("\xc3(", true));
  CHECK(!valid("\xc1\xa1", true) && !valid("\xe0\x81\xa1", true)); /* overlong */
  CHECK(!valid("\xf0\x80\x81\xa1", true) && !valid("\xed\xa0\x80", true));
  CHECK(!valid("\xf4\x90\x80\x80", true) && !valid("\xf8\x88\x80\x80\x80", true));
  CHECK(!valid("\xe6\xb8", true) && !valid("\xf0\x9f\x8c", true)); /* cut short */
  /* invisible ones: C1 control, no-break space, zero width, direction, byte order mark */
  CHECK(!valid("a\xc2\x85", true) && !valid("a\xc2\xa0", true) && !valid("a\xe2\x80\x8b", true));
  CHECK(!valid("a\xe2\x80\xae", true) && !valid("\xef\xbb\xbf", true));
}

TEST(names_have_at_most_63_bytes) {
  char name[66];
  memset(name, 'a', sizeof name);
  CHECK(record_name_valid(name, COPSE_FIELD_NAME_MAX, false));
  CHECK(!record_name_valid(name, COPSE_FIELD_NAME_MAX + 1, false));
}

static struct sketch *three_fields(void) {
  struct sketch *sketch = sketch_new("three");
  sketch_add(sketch, COPSE_FIELD_u64, "a", 1);
  sketch_add(sketch, COPSE_FIELD_f32, "b", 3);
  sketch_add(sketch, COPSE_FIELD_pad, "end", 4);
  return sketch;
}

/* Sets one thing wrong and expects the detail to tell it. */
#define CHECK_REFUSED(change, detail)                                                              \
  do {                                                                                             \
    struct sketch *s = three_fields();                                                             \
    change;                                                                                        \
    CHECK_RESULT(copse_layout_init(&s->layout), COPSE_E_ARGUMENT);                                 \
    CHECK_EQ(s->layout.hash, 0);                                                                   \
    CHECK_DETAIL(detail);                                                                          \
    CHECK_RESULT(record_layout_check(&s->layout, COPSE_E_CORRUPT), COPSE_E_CORRUPT);               \
    free(s);                                                                                       \
  } while (0)

TEST(init_names_what_is_wrong) {
  struct sketch *good = three_fields();
  CHECK_OK(copse_layout_init(&good->layout));
  CHECK_NE(good->layout.hash, 0);
  uint64_t hash = good->layout.hash;
  CHECK_OK(copse_layout_init(&good->layout));
  CHECK_EQ(good->layout.hash, hash);
  free(good);
  CHECK_RESULT(copse_layout_init(NULL), COPSE_E_ARGUMENT);
  CHECK_REFUSED(s->layout.name = NULL, "NULL");
  CHECK_REFUSED(s->layout.fields = NULL, "NULL");
  CHECK_REFUSED(s->layout.name = "a.b", "record's name");
  CHECK_REFUSED(s->layout.size = 0, "0 bytes");
  CHECK_REFUSED(s->layout.size = COPSE_LAYOUT_SIZE_MAX + 1, "65536 bytes");
  CHECK_REFUSED(s->layout.field_count = 0, "0 fields");
  CHECK_REFUSED(s->layout.field_count = COPSE_LAYOUT_FIELDS_MAX + 1, "1025 fields");
  CHECK_REFUSED(s->fields[1].name = NULL, "field number 2");
  CHECK_REFUSED(s->fields[1].name = "9", "field number 2");
  CHECK_REFUSED(s->fields[1].name = "a", "two fields 'a'");
  CHECK_REFUSED(s->fields[1].kind = 99, "'b': there is no kind 99");
  CHECK_REFUSED(s->fields[1].count = 0, "'b': its count is 0");
  CHECK_REFUSED(s->fields[1].count = UINT32_MAX, "'b': its count is 4294967295");
  CHECK_REFUSED(s->fields[1].offset = 12, "4 bytes that no field describes before field 'b'");
  CHECK_REFUSED(s->fields[1].offset = 4, "'b': it overlaps");
  CHECK_REFUSED(s->fields[2].count = 8, "'end': it goes beyond the record's 24 bytes");
  CHECK_REFUSED(s->layout.size = 32, "8 bytes that no field describes at its end");
}

TEST(limits_are_reached) {
  struct sketch *widest = sketch_new("widest");
  sketch_add(widest, COPSE_FIELD_c64, "matrix", COPSE_LAYOUT_SIZE_MAX / 16);
  CHECK_OK(copse_layout_init(&widest->layout));
  free(widest);
  struct sketch *most = sketch_new("most");
  for (uint32_t i = 0; i < COPSE_LAYOUT_FIELDS_MAX; i++) {
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "field_%u", i);
    sketch_add(most, COPSE_FIELD_f32, name, 1);
  }
  CHECK_OK(copse_layout_init(&most->layout));
  CHECK_EQ(most->layout.size, COPSE_RECORD_MAX);
  free(most);
}

TEST(free_takes_null) { copse_layout_free(NULL); }
