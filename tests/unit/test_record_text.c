/* unit/test_record_text.c - layouts as text and back. */
#include "test_record_random.h"

static void check_format(const struct copse_layout *layout, const char *expected) {
  char text[512];
  CHECK_EQ(copse_layout_format(layout, text, sizeof text), strlen(expected));
  CHECK_STR(text, expected);
}

TEST(blanks_do_not_matter) {
  static const char *const texts[] = {
      "quote { u64 time_ns; i32 size[2]; text pos.x[8]; }",
      "quote{u64 time_ns;i32 size[2];text pos.x[8];}",
      "\n  quote\t{\r\n  u64 time_ns [ 1 ] ;\n  i32 size [02] ;\n  text\n pos.x [ 8 ] ; }\n ",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct copse_layout *layout;
    CHECK_OK(copse_layout_parse(texts[i], &layout));
    CHECK_EQ(layout->size, 24);
    CHECK_EQ(layout->fields[2].offset, 16);
    CHECK_NE(layout->hash, 0);
    check_format(layout, texts[0]);
    copse_layout_free(layout);
  }
}

TEST(random_layouts_round_trip) {
  struct test_random random = {test_seed()};
  char *text = malloc(1 << 17);
  CHECK(text != NULL);
  for (int round = 0; round < 2000 * test_scale(); round++) {
    struct sketch *sketch = sketch_random(&random, round % 100 ? 12 : COPSE_LAYOUT_FIELDS_MAX);
    CHECK_LT(copse_layout_format(&sketch->layout, text, 1 << 17), 1 << 17);
    struct copse_layout *layout;
    CHECK_OK(copse_layout_parse(text, &layout));
    check_identical(&sketch->layout, layout);
    copse_layout_free(layout);
    free(sketch);
  }
  free(text);
}

TEST(format_cuts_to_the_buffer) {
  struct copse_layout *layout;
  CHECK_OK(copse_layout_parse("r { u64 a[3]; }", &layout));
  const char *whole = "r { u64 a[3]; }";
  size_t length = strlen(whole);
  for (size_t size = 0; size <= length + 2; size++) {
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    memset(text, '#', size + 1);
    CHECK_EQ(copse_layout_format(layout, text, size), length);
    if (size > 0) {
      size_t kept = size - 1 < length ? size - 1 : length;
      CHECK_BYTES(text, strlen(text), whole, kept);
    }
    CHECK_EQ(text[size], '#');
    free(text);
  }
  CHECK_EQ(copse_layout_format(layout, NULL, 0), length);
  copse_layout_free(layout);
}

static void check_refused(const char *text, const char *detail) {
  struct copse_layout *layout = NULL;
  CHECK_RESULT(copse_layout_parse(text, &layout), COPSE_E_ARGUMENT);
  CHECK(layout == NULL);
  CHECK_DETAIL(detail);
}

TEST(errors_name_the_place) {
  check_refused("", "line 1, column 1: expected a name");
  check_refused("9r { u8 a; }", "line 1, column 1: expected a name");
  check_refused("r", "line 1, column 2: expected '{'");
  check_refused("r [", "line 1, column 3: expected '{'");
  check_refused("r {", "line 1, column 4: expected '}'");
  check_refused("r { u8 a }", "expected ';' after the field");
  check_refused("r { u8 a; u8 b }", "line 1, column 11: expected ';' after the field");
  check_refused("r {\n  u8 a;\n  u65 b;\n}", "line 3, column 3: expected a kind of field");
  check_refused("r { u8; }", "line 1, column 7: expected a name");
  check_refused("r { u8 a b; }", "line 1, column 10: expected '[' or ';'");
  check_refused("r { u8 a[2] b; }", "line 1, column 13: expected ';'");
  check_refused("r { u8 a[; }", "line 1, column 10: expected a count");
  check_refused("r { u8 a[0]; }", "line 1, column 10: expected a count of 1 or more");
  check_refused("r { u8 a[-1]; }", "line 1, column 10: expected a count");
  check_refused("r { u8 a[65536]; }", "line 1, column 10: expected a count of 1 or more that fits");
  check_refused("r { u8 a[99999999999999999999]; }", "line 1, column 10: expected a count");
  check_refused("r { u8 a[2; }", "line 1, column 11: expected ']'");
  check_refused("r { u8 a; } x", "line 1, column 13: expected nothing after '}'");
  check_refused("r { }", "0 bytes");
  check_refused("r { u8 a; u8 a; }", "two fields 'a'");
  check_refused("r { c64 a[4095]; u8 b[16]; }", "65536 bytes");
  check_refused("r { u8 a\xff; }", "line 1, column 8: expected a name");
}

TEST(too_many_fields_are_refused) {
  char *text = malloc(1 << 16);
  CHECK(text != NULL);
  size_t n = (size_t)sprintf(text, "r {");
  for (int i = 0; i <= COPSE_LAYOUT_FIELDS_MAX; i++)
    n += (size_t)sprintf(text + n, " u8 f%d;", i);
  sprintf(text + n, " }");
  check_refused(text, "expected at most 1024 fields");
  free(text);
}

TEST(mutations_parse_to_what_they_format_to) {
  static const char alphabet[] = "{}[];. \n09azu8\xc3\xa9\x01";
  struct test_random random = {test_seed()};
  int parsed = 0;
  for (int round = 0; round < 20000 * test_scale(); round++) {
    struct sketch *sketch = sketch_random(&random, 4);
    char text[2048], again[2048];
    size_t n = copse_layout_format(&sketch->layout, text, sizeof text);
    CHECK_LT(n, sizeof text);
    for (uint32_t changes = 1 + random_below(&random, 3); changes > 0; changes--)
      text[random_below(&random, (uint32_t)n)] =
          alphabet[random_below(&random, sizeof alphabet)]; /* its NUL too */
    char *exact = strdup(text);
    CHECK(exact != NULL);
    struct copse_layout *layout, *second;
    int result = copse_layout_parse(exact, &layout);
    if (result == 0) {
      parsed++;
      copse_layout_format(layout, again, sizeof again);
      CHECK_OK(copse_layout_parse(again, &second));
      check_identical(layout, second);
      copse_layout_free(second);
      copse_layout_free(layout);
    } else {
      CHECK_EQ(result, COPSE_E_ARGUMENT);
    }
    free(exact);
    free(sketch);
  }
  CHECK_GT(parsed, 100);
}
