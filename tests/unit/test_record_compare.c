/* unit/test_record_compare.c - each kind of difference is found and named; and comparing
 * agrees with the hash on random layouts and their neighbours. */
#include "test_record_random.h"

static struct copse_layout *parse(const char *text) {
  struct copse_layout *layout;
  CHECK_OK(copse_layout_parse(text, &layout));
  return layout;
}

static void check_difference(const char *stored_text, const char *expected_text,
                             const char *detail) {
  struct copse_layout *stored = parse(stored_text), *expected = parse(expected_text);
  CHECK_NE(stored->hash, expected->hash);
  CHECK_RESULT(copse_layout_compare(stored, expected), COPSE_E_LAYOUT);
  CHECK_DETAIL(detail);
  CHECK_RESULT(copse_layout_compare(expected, stored), COPSE_E_LAYOUT);
  copse_layout_free(stored);
  copse_layout_free(expected);
}

static void check_equal(const char *a_text, const char *b_text) {
  struct copse_layout *a = parse(a_text), *b = parse(b_text);
  CHECK_EQ(a->hash, b->hash);
  CHECK_OK(copse_layout_compare(a, b));
  copse_layout_free(a);
  copse_layout_free(b);
}

TEST(every_difference_is_named) {
  check_difference("r { u64 a; }", "r { u64 a; f64 b; }",
                   "field 'b' (f64[1] at offset 8): the program has it, the stored");
  check_difference("r { u64 a; f64 b; }", "r { u64 a; }",
                   "field 'b' (f64[1] at offset 8): the stored layout has it, the program");
  check_difference("r { u64 a; u64 c; }", "r { u64 a; u64 b; u64 c; }", "'b' (u64[1] at offset 8)");
  check_difference("r { u64 a; u64 b; u64 c; }", "r { u64 a; u64 c; }", "'b' (u64[1] at offset 8)");
  check_difference("r { u64 a; f32 b; }", "r { u64 a; f64 b; }",
                   "'b': its kind is f32 in the store, f64 in the program");
  check_difference("r { u64 a; i32 b[2]; }", "r { u64 a; i32 b[3]; }",
                   "'b': its count is 2 in the store, 3 in the program");
  check_difference("r { u64 a; u32 b; }", "r { u32 b; u64 a; }",
                   "'b': at offset 8 in the store, at offset 0 in the program");
  check_difference("r { u32 a; u32 b; }", "r { u32 a; pad p[4]; u32 b; }",
                   "'b': at offset 4 in the store, at offset 8 in the program");
  check_difference("r { u32 a; pad p[4]; u32 b; }", "r { u32 a; u32 b; }",
                   "'b': at offset 8 in the store, at offset 4 in the program");
  check_difference("r { u32 a; pad p[4]; }", "r { u32 a; pad p[8]; }", "'p': its count is 4");
  check_difference("r { u32 a; pad p[4]; }", "r { u32 a; }", "'p' (pad[4] at offset 4)");
  check_difference("r { u32 a; pad b[4]; }", "r { u32 a; bytes b[4]; }", "'b': its kind is pad");
}

TEST(sizes_and_offsets_of_unchecked_layouts_differ_too) {
  struct copse_layout *stored = parse("r { u64 a; u64 b; }"),
                      *expected = parse("r { u64 a; u64 b; }");
  expected->size = 24;
  CHECK_RESULT(copse_layout_compare(stored, expected), COPSE_E_LAYOUT);
  CHECK_DETAIL("it has 16 bytes in the store, 24 in the program");
  expected->size = 16;
  struct copse_field moved[2] = {expected->fields[0], expected->fields[1]};
  moved[1].offset = 12;
  expected->fields = moved;
  CHECK_RESULT(copse_layout_compare(stored, expected), COPSE_E_LAYOUT);
  CHECK_DETAIL("'b': at offset 8 in the store, at offset 12 in the program");
  copse_layout_free(stored);
  copse_layout_free(expected);
}

TEST(names_of_records_and_pads_do_not_count) {
  check_equal("r { u32 a; pad p[4]; }", "other { u32 a; pad q[4]; }");
  check_equal("r { pad a[4]; u32 b; pad c[4]; }", "r { pad c[4]; u32 b; pad a[4]; }");
}

/* Changes one thing, or nothing that counts. */
static void change(struct sketch *sketch, struct test_random *random) {
  uint32_t n = sketch->layout.field_count, i = random_below(random, n), j = random_below(random, n);
  struct copse_field *field = &sketch->fields[i];
  char name[NAME_ROOM];
  switch (random_below(random, 7)) {
  case 0: field->kind = 1 + random_below(random, KINDS_END - 1); break;
  case 1: field->count = 1 + random_below(random, 4); break;
  case 2: snprintf(sketch->names[i], NAME_ROOM, "renamed"); break;
  case 3: /* swap */
    memcpy(name, sketch->names[i], NAME_ROOM);
    memcpy(sketch->names[i], sketch->names[j], NAME_ROOM);
    memcpy(sketch->names[j], name, NAME_ROOM);
    break;
  case 4: sketch->layout.field_count -= n > 1; break;
  case 5: sketch_add(sketch, COPSE_FIELD_u8, "added", 1); break;
  default: snprintf(sketch->name, NAME_ROOM, "another"); break;
  }
  sketch_place(sketch);
}

TEST(comparing_agrees_with_the_hash) {
  struct test_random random = {test_seed()};
  int equal = 0, different = 0;
  for (int round = 0; round < 4000 * test_scale(); round++) {
    struct sketch *a = sketch_random(&random, 12), *b = sketch_copy(a);
    for (uint32_t changes = random_below(&random, 3); changes > 0; changes--)
      change(b, &random);
    if (copse_layout_init(&b->layout) == 0) {
      bool same = copse_layout_compare(&a->layout, &b->layout) == 0;
      CHECK_EQ(same, a->layout.hash == b->layout.hash);
      CHECK_EQ(same, copse_layout_compare(&b->layout, &a->layout) == 0);
      equal += same;
      different += !same;
    }
    free(a);
    free(b);
  }
  CHECK_GT(equal, 100);
  CHECK_GT(different, 100);
}
