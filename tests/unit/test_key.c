/* test_key.c - ctuple/1: the vectors of its specification in both directions, random tuples against a
 * comparison of the tuples themselves, ranges, and what a strict reader refuses. */
#include "test_key_fixture.h"

#define INSTANT_2013 INT64_C(1378553415250000) /* 2013-09-07T11:30:15.250Z */

static const struct vector {
  const char *hex;
  struct copse_element tuple[8];
} vectors[] = {
    {"", {{0}}},
    {"00", {NUL}},
    {"14", {INT(0)}},
    {"1501", {INT(1)}},
    {"13fe", {INT(-1)}},
    {"15ff", {INT(255)}},
    {"160100", {INT(256)}},
    {"1300", {INT(-255)}},
    {"12feff", {INT(-256)}},
    {"11ab4b93", {INT(-5551212)}},
    {"1c7fffffffffffffff", {INT(INT64_MAX)}},
    {"1c8000000000000000", {UINT(UINT64_C(1) << 63)}},
    {"1cffffffffffffffff", {UINT(UINT64_MAX)}},
    {"0c7fffffffffffffff", {INT(INT64_MIN)}},
    {"0c7ffffffffffffffe", {BIG(1, "\x80\0\0\0\0\0\0\1")}},
    {"0c0000000000000000", {BIG(1, "\xff\xff\xff\xff\xff\xff\xff\xff")}},
    {"1d09010000000000000000", {BIG(0, "\1\0\0\0\0\0\0\0\0")}},
    {"0bf6feffffffffffffffff", {BIG(1, "\1\0\0\0\0\0\0\0\0")}},
    {"21bff8000000000000", {DOUBLE(1.5)}},
    {"214007ffffffffffff", {DOUBLE(-1.5)}},
    {"218000000000000000", {DOUBLE(0.0)}},
    {"217fffffffffffffff", {DOUBLE(-0.0)}},
    {"21fff0000000000000", {DOUBLE(INFINITY)}},
    {"21000fffffffffffff", {DOUBLE(-INFINITY)}},
    {"0100", {BYTES("")}},
    {"016461766500", {BYTES("dave")}},
    {"0164617665 00ff 00", {BYTES("dave\0")}},
    {"01 666f6f 00ff 626172 00", {BYTES("foo\0bar")}},
    {"02 46c3944f 00ff 626172 00", {TEXT("F\xc3\x94O\0bar")}},
    {"05 1501 00ff 0100ff00 00", {NESTED, INT(1), NUL, BYTES("\0"), END}},
    {"05 01 666f6f00ff62617200 00ff 05 00 00", {NESTED, BYTES("foo\0bar"), NUL, NESTED, END, END}},
    {"160265 163b12 174e30e4 150d", {INT(613), INT(15122), INT(5124324), INT(13)}},
    {"26 27", {BOOL(0), BOOL(1)}},
    {"30 12345678123456781234567812345678", {UUID(UUID_1234)}},
    {"408000000000000000", {INSTANT(0)}},
    {"408004e5c97a9eb050", {INSTANT(INSTANT_2013)}},
    {"407fffffffffffffff", {INSTANT(-1)}},
    {"024800 025400 1505", {TEXT("H"), TEXT("T"), INT(5)}},

};
enum { VECTORS = sizeof vectors / sizeof *vectors };

TEST(vectors_are_written) {
  for (int i = 0; i < VECTORS; i++) {
    uint8_t meant[64], key[64];
    size_t size = unhex(vectors[i].hex, meant);
    CHECK_BYTES(key, encode(vectors[i].tuple, key, sizeof key), meant, size);
  }
}

TEST(vectors_are_read) {
  for (int i = 0; i < VECTORS; i++) {
    uint8_t key[64];
    check_decoded(key, unhex(vectors[i].hex, key), vectors[i].tuple);
  }
}

/* A float is read, and never written. */
TEST(floats_are_read) {
  static const struct copse_element tuple[] = {FLOAT(-42.0), FLOAT(1.5), {0}};
  uint8_t key[16];
  check_decoded(key, unhex("203dd7ffff 20bfc00000", key), tuple);
}

/* --- random tuples ------------------------------------------------------------------------- */

static double random_double(struct test_random *random) {
  static const double some[] = {0.0, -0.0, 1.5, -1.5, INFINITY, -INFINITY, 1e30, 5e-324};
  uint64_t bits = test_random_next(random);
  double value;
  memcpy(&value, &bits, sizeof value);
  return isnan(value) || test_random_one_in(random, 2) ? some[test_random_below(random, 8)] : value;
}

/* Lengths and bytes of which some are equal, and NULs not rare. */
static void random_string(struct test_random *random, struct copse_element *e, uint8_t *memory) {
  static const char *const letters[] = {"", "a", "b", "\xc3\xa9", "\xf0\x9f\x8c\xb3", "z"};
  e->type = test_random_one_in(random, 2) ? COPSE_ELEMENT_BYTES : COPSE_ELEMENT_TEXT;
  e->data = memory;
  for (uint64_t n = test_random_below(random, 9); n > 0; n--) {
    const char *letter = letters[test_random_below(random, 6)];
    size_t size = *letter ? strlen(letter) : 1;
    memcpy(memory + e->size, letter, size);
    e->size += size;
  }
  if (e->type == COPSE_ELEMENT_BYTES && test_random_one_in(random, 2))
    test_random_fill(random, memory, e->size);
}

static void random_integer(struct test_random *random, struct copse_element *e, uint8_t *memory) {
  uint64_t bits = test_random_below(random, 66);
  if (bits == 65) {
    e->type = COPSE_ELEMENT_BIGINT;
    e->negative = (uint32_t)test_random_below(random, 2);
    e->size = 9 + (test_random_one_in(random, 10) ? test_random_below(random, 247) : 0);
    e->data = memory;
    test_random_fill(random, memory, e->size);
    memory[0] |= 1;
    return;
  }
  uint64_t n = bits ? test_random_next(random) >> (64 - bits) : 0;
  e->type = n > INT64_MAX ? COPSE_ELEMENT_UINT : COPSE_ELEMENT_INT;
  e->u64 = n;
  if (n <= INT64_MAX && test_random_one_in(random, 2))
    e->i64 = -e->i64;
}

/* *memory moves on behind what the element needs. */
static struct copse_element random_element(struct test_random *random, uint8_t **memory) {
  struct copse_element e = {0};
  switch (test_random_below(random, 9)) {
  case 0: e.type = COPSE_ELEMENT_NULL; break;
  case 1:
    e.type = COPSE_ELEMENT_BOOL;
    e.i64 = (int64_t)test_random_below(random, 2);
    break;
  case 2:
    e.type = COPSE_ELEMENT_DOUBLE;
    e.f64 = random_double(random);
    break;
  case 3:
    e.type = COPSE_ELEMENT_UUID;
    e.data = *memory;
    e.size = 16;
    test_random_fill(random, *memory, 16);
    break;
  case 4:
    e.type = COPSE_ELEMENT_INSTANT;
    e.i64 = (int64_t)test_random_next(random) >> test_random_below(random, 64);
    break;
  case 5:
  case 6: random_integer(random, &e, *memory); break;
  default: random_string(random, &e, *memory);
  }
  *memory += e.size;
  return e;
}

struct random_tuple {
  struct copse_element elements[24];
  uint8_t memory[24 * 256], key[24 * 260];
  size_t key_size;
};

/* From `from` on; the elements before are another tuple's. */
static void random_tuple(struct test_random *random, struct random_tuple *t, size_t from,
                         uint8_t *memory) {
  size_t depth = 0, n = 0;
  for (size_t i = 0; i < from; i++) {
    n++;
    depth += t->elements[i].type == COPSE_ELEMENT_NESTED;
    depth -= t->elements[i].type == COPSE_ELEMENT_END;
  }
  size_t more = n + test_random_below(random, 6);
  while (n < more && n + depth + 2 < 22) {
    uint64_t what = test_random_below(random, 8);
    if (what == 0)
      t->elements[n++] = (struct copse_element)NESTED, depth++;
    else if (what == 1 && depth)
      t->elements[n++] = (struct copse_element)END, depth--;
    else
      t->elements[n++] = random_element(random, &memory);
  }
  for (; depth > 0; depth--)
    t->elements[n++] = (struct copse_element)END;
  t->elements[n] = (struct copse_element){0};
  t->key_size = encode(t->elements, t->key, sizeof t->key);
}

TEST(random_tuples_come_back_and_keep_their_order) {
  struct test_random random = {test_seed()};
  static struct random_tuple tuples[2];
  size_t equal = 0;
  random_tuple(&random, &tuples[0], 0, tuples[0].memory);
  for (int round = 0; round < 20000 * test_scale(); round++) {
    const struct random_tuple *old = &tuples[round % 2];
    struct random_tuple *new = &tuples[1 - round % 2];
    size_t n = 0;
    while (old->elements[n].type)
      n++;
    /* Some begin like the one before: what they share keeps its strings. */
    size_t shared = test_random_one_in(&random, 2) && n < 12 && round % 16
                        ? test_random_below(&random, n + 1)
                        : 0;
    memcpy(new->elements, old->elements, shared * sizeof *new->elements);
    memcpy(new->memory, old->memory, sizeof new->memory);
    uint8_t *memory = new->memory;
    for (size_t i = 0; i < shared; i++)
      if (new->elements[i].data) {
        memcpy(memory, new->elements[i].data, new->elements[i].size);
        new->elements[i].data = memory;
        memory += new->elements[i].size;
      }
    random_tuple(&random, new, shared, memory);
    check_decoded(new->key, new->key_size, new->elements);
    int meant = tuple_compare(old->elements, new->elements);
    int order = copse_key_compare(old->key, old->key_size, new->key, new->key_size);
    CHECK_EQ((order > 0) - (order < 0), meant);
    equal += meant == 0;
  }
  CHECK_GT(equal, 0);
}

TEST(a_count_without_memory) {
  struct copse_key_writer w;
  uint8_t key[64];
  size_t size = 77;
  for (int i = 0; i < VECTORS; i++) {
    size_t meant = encode(vectors[i].tuple, key, sizeof key);
    for (size_t room = 0; room < meant; room++) {
      uint8_t *memory = exact(key, room);
      copse_key_write(&w, memory, room, 0);
      for (const struct copse_element *e = vectors[i].tuple; e->type; e++)
        put(&w, e);
      CHECK_RESULT(copse_key_finish(&w, &size), COPSE_E_KEY_SIZE);
      CHECK_EQ(w.size, meant);
      free(memory);
    }
  }
  CHECK_EQ(size, 77);
}

TEST(skipping) {
  uint8_t key[128];
  size_t size = unhex("1501 05 026100 05 1502 00ff 00 00 27", key);
  struct copse_key_reader reader = {.data = key, .size = size};
  struct copse_element element;
  CHECK_OK(copse_key_skip(&reader));
  CHECK_EQ(reader.at, 2);
  CHECK_OK(copse_key_skip(&reader));
  CHECK_OK(copse_key_next(&reader, &element));
  CHECK_EQ(element.type, COPSE_ELEMENT_BOOL);
  CHECK_EQ(element.at, size - 1);
  CHECK_RESULT(copse_key_skip(&reader), COPSE_NONE);
  reader = (struct copse_key_reader){.data = key, .size = size - 2}; /* cut before the end of 05 */
  CHECK_OK(copse_key_skip(&reader));
  CHECK_RESULT(copse_key_skip(&reader), COPSE_E_KEY_FORM);
}

/* --- what is refused ----------------------------------------------------------------------- */

static void put_depth(struct copse_key_writer *w, int depth) {
  for (int i = 0; i < depth; i++)
    copse_key_begin_nested(w);
  for (int i = 0; i < depth; i++)
    copse_key_end_nested(w);
}

/* The result of a writer and a word of its message. */
#define WRITER_FAILS(word, ...)                                                                    \
  do {                                                                                             \
    copse_key_write(&w, key, sizeof key, 0);                                                       \
    __VA_ARGS__;                                                                                   \
    copse_key_put_i64(&w, 1);                                                                      \
    CHECK_RESULT(copse_key_finish(&w, &size), COPSE_E_ARGUMENT);                                   \
    CHECK_MSG(strstr(copse_error_detail(), word), "%s", copse_error_detail());                     \
    CHECK_EQ(size, 77);                                                                            \
  } while (0)

TEST(writers_refuse) {
  static const uint8_t huge[256] = {1};
  struct copse_key_writer w;
  uint8_t key[600];
  size_t size = 77;
  WRITER_FAILS("NaN", copse_key_put_double(&w, NAN));
  WRITER_FAILS("byte 2", copse_key_put_text(&w, "ab\xff", 3));
  WRITER_FAILS("UTF-8", copse_key_put_text(&w, "\xed\xa0\x80", 3)); /* a surrogate */
  WRITER_FAILS("256 bytes", copse_key_put_bigint(&w, 0, huge, 256));
  WRITER_FAILS("32 deep", put_depth(&w, 33));
  WRITER_FAILS("was not begun", copse_key_end_nested(&w));
  WRITER_FAILS("not ended", copse_key_begin_nested(&w));
  copse_key_write(&w, key, sizeof key, 0);
  put_depth(&w, 32);
  copse_key_put_bigint(&w, 1, huge, 255);
  CHECK_OK(copse_key_finish(&w, &size));
  CHECK_OK(copse_key_check(key, size));
}

TEST(flags) {
  struct copse_key_writer w;
  uint8_t key[16], meant[16];
  size_t size;
  copse_key_write(&w, key, sizeof key, COPSE_KEY_ONE_ZERO);
  copse_key_put_double(&w, -0.0);
  CHECK_OK(copse_key_finish(&w, &size));
  CHECK_BYTES(key, size, meant, unhex("218000000000000000", meant));
  copse_key_write(&w, key, sizeof key, COPSE_KEY_NAN);
  copse_key_put_double(&w, NAN);
  CHECK_OK(copse_key_finish(&w, &size));
  CHECK_BYTES(key, size, meant, unhex("21fff8000000000000", meant));
}

TEST(bigints_that_are_small_are_written_so) {
  struct copse_key_writer w;
  uint8_t key[16], meant[16];
  size_t size;
  copse_key_write(&w, key, sizeof key, 0);
  copse_key_put_bigint(&w, 1, "\0\0\0\0\0\0\0\0\0\1", 10);
  copse_key_put_bigint(&w, 1, NULL, 0);
  CHECK_OK(copse_key_finish(&w, &size));
  CHECK_BYTES(key, size, meant, unhex("13fe14", meant));
}

static const struct {
  const char *hex, *message;
} defects[] = {
    {"03", "byte 0: 03 is not the code of an element"},
    {"1501ff", "byte 2: ff is not the code of an element"},
    {"00ff", "byte 1: ff is not the code of an element"},
    {"32000000000000000000000000", "byte 0: 32 is not the code of an element"},
    {"01", "byte 0: a string that does not end"},
    {"016100ff", "byte 0: a string that does not end"},
    {"1500", "byte 0: an integer that begins with a zero byte"},
    {"1600ff", "byte 0: an integer that begins with a zero byte"},
    {"13ff", "byte 0: an integer that begins with a zero byte"},
    {"12ff00", "byte 0: an integer that begins with a zero byte"},
    {"1601", "byte 0: the key ends inside of an integer"},
    {"1d", "byte 0: the key ends inside of an integer"},
    {"1d0901", "byte 0: the key ends inside of an integer"},
    {"1d080102030405060708", "byte 0: an integer of 8 bytes, written as one of more than 8"},
    {"1d09000000000000000000", "byte 0: an integer that begins with a zero byte"},
    {"0bf6ffffffffffffffffff", "byte 0: an integer that begins with a zero byte"},
    {"0bff", "byte 0: an integer of 0 bytes, written as one of more than 8"},
    {"20000000", "byte 0: the key ends inside of a float"},
    {"142100000000000000", "byte 1: the key ends inside of a double"},
    {"30123456", "byte 0: the key ends inside of a UUID"},
    {"40800000", "byte 0: the key ends inside of an instant"},
    {"05", "byte 1: the key ends inside of a nested tuple"},
    {"0500ff", "byte 3: the key ends inside of a nested tuple"},
    {"02ff00", "byte 1: text that is not UTF-8"},
    {"0261eda08000", "byte 2: text that is not UTF-8"}, /* a surrogate */
    {"026100ffc3a900ffc000", "byte 8: text that is not UTF-8"},
    {"02c0af00", "byte 1: text that is not UTF-8"},     /* longer than needed */
    {"02f490808000", "byte 1: text that is not UTF-8"}, /* beyond U+10FFFF */
};

TEST(each_defect_has_its_sentence) {
  for (size_t i = 0; i < sizeof defects / sizeof *defects; i++) {
    uint8_t bytes[64];
    size_t size = unhex(defects[i].hex, bytes);
    uint8_t *key = exact(bytes, size);
    CHECK_RESULT(copse_key_check(key, size), COPSE_E_KEY_FORM);
    CHECK_STR(copse_error_detail(), defects[i].message);
    free(key);
  }
  uint8_t deep[33];
  memset(deep, 5, sizeof deep);
  CHECK_RESULT(copse_key_check(deep, sizeof deep), COPSE_E_KEY_FORM);
  CHECK_STR(copse_error_detail(), "byte 32: tuples in tuples, more than 32 deep");
}

/* What is cut off is not a tuple, or one that the rest makes longer. */
TEST(every_cut_ends_well) {
  for (int i = 0; i < VECTORS; i++) {
    uint8_t bytes[64];
    size_t size = unhex(vectors[i].hex, bytes);
    for (size_t cut = 0; cut < size; cut++) {
      uint8_t *key = exact(bytes, cut);
      int result = copse_key_check(key, cut);
      CHECK(result == 0 || result == COPSE_E_KEY_FORM);
      free(key);
    }
  }
}

/* --- ranges -------------------------------------------------------------------------------- */

static int in_range(const struct copse_range *range, const uint8_t *key, size_t size) {
  if (range->prefix.data)
    return size >= range->prefix.size && memcmp(key, range->prefix.data, range->prefix.size) == 0;
  int from = copse_key_compare(range->from.data, range->from.size, key, size);
  return (from < 0 || (from == 0 && !range->from_exclusive)) &&
         copse_key_compare(key, size, range->to.data, range->to.size) < 0;
}

static const struct {
  const char *key, *other;
  int extends; /* 1: other has more elements; 2: it is the same; 0: neither */
} families[] = {
    {"026100", "026100 14", 1},
    {"026100", "026100", 2},
    {"026100", "026100ff6200", 0},
    {"026100", "026200", 0},
    {"026100", "026100 00", 1},
    {"026100", "026100 4080000000000000ff", 1},
    {"", "14", 1},
    {"", "", 2},
    {"05 00", "05 00ff 00", 0},
    {"05 1501 00", "05150100 27", 1},
    {"1501", "1502", 0},
    {"1501", "1501 05 00", 1},
    {"05 026100 00", "05 026100 00ff 00", 0},
};

TEST(ranges_of_tuples) {
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    uint8_t key[64], other[64];
    size_t size = unhex(families[i].key, key), other_size = unhex(families[i].other, other);
    struct copse_range range;
    copse_key_range(key, size, 0, &range);
    CHECK_EQ(in_range(&range, other, other_size), families[i].extends == 1);
    copse_key_range(key, size, 1, &range);
    CHECK_EQ(in_range(&range, other, other_size), families[i].extends > 0);
  }
}

static const struct {
  const char *key, *other;
  int inside;
} strings[] = {
    {"02 646176 00", "02 646176 00", 1},     {"02 646176 00", "02 64617665 00 1501", 1},
    {"02 646176 00", "02 646177 00", 0},     {"02 646176 00", "01 646176 00", 0},
    {"1501 01 ff 00", "1501 01 ffff 00", 1}, {"1501 01 ff 00", "1501 02 00", 0},
    {"01 6100ff 00", "01 6100ff62 00", 1},   {"01 6100ff 00", "01 6100", 0},
};

TEST(ranges_of_strings) {
  for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
    uint8_t key[64], other[64];
    size_t size = unhex(strings[i].key, key), other_size = unhex(strings[i].other, other);
    struct copse_range range;
    CHECK_OK(copse_key_string_range(key, size, &range));
    CHECK_EQ(in_range(&range, other, other_size), strings[i].inside);
  }
  struct copse_range range;
  CHECK_RESULT(copse_key_string_range("\x14", 1, &range), COPSE_E_ARGUMENT);
  CHECK_RESULT(copse_key_string_range("\x05\x01\x00\x00", 4, &range), COPSE_E_ARGUMENT);
  CHECK_RESULT(copse_key_string_range("", 0, &range), COPSE_E_ARGUMENT);
  CHECK_RESULT(copse_key_string_range("\x01", 1, &range), COPSE_E_KEY_FORM);
}

TEST(ends_of_byte_strings) {
  uint8_t key[] = {1, 0xff, 0xff};
  size_t size = 3;
  CHECK_OK(copse_key_end(key, &size));
  CHECK_BYTES(key, size, "\2", 1);
  key[0] = 0xff;
  CHECK_RESULT(copse_key_end(key, &size), COPSE_NONE);
  size = 0;
  CHECK_RESULT(copse_key_end(key, &size), COPSE_NONE);
}
