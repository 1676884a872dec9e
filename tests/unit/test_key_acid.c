/* test_key_acid.c - keys of Acid: vectors that its own encoders made, in both directions, ends of
 * prefixes, and what a strict reader refuses. */
#include "test_key_fixture.h"

#define MILLI INT64_C(1000)
/* Instants with an offset from UTC, in seconds; i64 of an END is that of the instant before. */
#define TIME(ms, zone)                                                                             \
  INSTANT((ms)*MILLI), { .type = ZONE, .i64 = (zone) }
#define NEXT END
enum { ZONE = 99 };

static const struct vector {
  const char *hex;
  struct copse_element list[8];
} vectors[] = {
    {"", {{0}}},
    {"0f", {NUL}},
    {"1500", {INT(0)}},
    {"1501", {INT(1)}},
    {"15f0", {INT(240)}},
    {"15f101", {INT(241)}},
    {"15f10f", {INT(255)}},
    {"15f110", {INT(256)}},
    {"15f8ff", {INT(2287)}},
    {"15f90000", {INT(2288)}},
    {"15f9ffff", {INT(67823)}},
    {"15fa0108f0", {INT(67824)}},
    {"15faffffff", {INT((1 << 24) - 1)}},
    {"15fb01000000", {INT(1 << 24)}},
    {"15fc0100000000", {INT(INT64_C(1) << 32)}},
    {"15fd010000000000", {INT(INT64_C(1) << 40)}},
    {"15fe01000000000000", {INT(INT64_C(1) << 48)}},
    {"15ff0100000000000000", {INT(INT64_C(1) << 56)}},
    {"15ff7fffffffffffffff", {INT(INT64_MAX)}},
    {"15ffffffffffffffffff", {UINT(UINT64_MAX)}},
    {"14fe", {INT(-1)}},
    {"140f", {INT(-240)}},
    {"140efe", {INT(-241)}},
    {"140eef", {INT(-256)}},
    {"140700", {INT(-2287)}},
    {"1406ffff", {INT(-2288)}},
    {"14060000", {INT(-67823)}},
    {"1405fef70f", {INT(-67824)}},
    {"1404feffffff", {INT(-(1 << 24))}},
    {"14047fffffff", {INT(-(INT64_C(1) << 31))}},
    {"14007fffffffffffffff", {INT(INT64_MIN)}},
    {"14000000000000000000", {BIG(1, "\xff\xff\xff\xff\xff\xff\xff\xff")}},
    {"1e00", {BOOL(0)}},
    {"1e01", {BOOL(1)}},
    {"28", {BYTES("")}},
    {"28b0c0", {BYTES("a")}},
    {"28b298aee6a8", {BYTES("dave")}},
    {"28b298aee6a880", {BYTES("dave\0")}},
    {"288080", {BYTES("\0")}},
    {"28ffc0", {BYTES("\xff")}},
    {"28b0d8ccb6a395cce7", {BYTES("abcdefg")}},
    {"28ffffffffffffffff", {BYTES("\xff\xff\xff\xff\xff\xff\xff")}},
    {"28b0d8ccb6a395cce7b480", {BYTES("abcdefgh")}},
    {"32", {TEXT("")}},
    {"32b499ad86a8", {TEXT("hehe")}},
    {"32e1eaa0", {TEXT("\xc3\xa9")}},
    {"32f1a0d5c0", {TEXT("\xe2\x82\xac")}},
    {"5a12345678123456781234567812345678", {UUID(UUID_1234)}},
    {"5c40", {TIME(0, 0)}},
    {"5cc0", {TIME(1, 0)}},
    {"5cfda07c17e32944", {TIME(INT64_C(1378553415250), 3600)}},
    {"5cfda07cca6a492a", {TIME(INT64_C(1378576815250), -19800)}},
    {"5bbf", {TIME(-1, 0)}},
    {"5b02fc54276a003f", {TIME(INT64_C(-31536000000), 0)}},
    {"150128b0c0", {INT(1), BYTES("a")}},
    {"28b4dbccc6abe0f4c9 150b 28b4dd8cd6e8", {BYTES("index:I"), INT(11), BYTES("item")}},
    {"15f275 15f93222 15fa4e30e4 150d", {INT(613), INT(15122), INT(5124324), INT(13)}},
    {"1501 66 1502", {INT(1), NEXT, INT(2)}},
    {"28b1c0 66 28b180 66 28b0c0", {BYTES("c"), NEXT, BYTES("b"), NEXT, BYTES("a")}},
    {"1501 1502 66 28bc80 0f", {INT(1), INT(2), NEXT, BYTES("x"), NUL}},
};
enum { VECTORS = sizeof vectors / sizeof *vectors };

static void put_acid(struct copse_key_writer *w, const struct copse_element *e) {
  uint64_t magnitude = 0;
  switch (e->type) {
  case COPSE_ELEMENT_NULL: copse_acid_put_null(w); break;
  case COPSE_ELEMENT_BYTES: copse_acid_put_bytes(w, e->data, e->size); break;
  case COPSE_ELEMENT_TEXT: copse_acid_put_text(w, e->data, e->size); break;
  case COPSE_ELEMENT_END: copse_acid_next_tuple(w); break;
  case COPSE_ELEMENT_INT:
    copse_acid_put_int(w, e->i64 < 0, e->i64 < 0 ? 0 - (uint64_t)e->i64 : e->u64);
    break;
  case COPSE_ELEMENT_UINT: copse_acid_put_int(w, 0, e->u64); break;
  case COPSE_ELEMENT_BIGINT:
    for (size_t i = 0; i < e->size; i++)
      magnitude = magnitude << 8 | ((const uint8_t *)e->data)[i];
    copse_acid_put_int(w, 1, magnitude);
    break;
  case COPSE_ELEMENT_BOOL: copse_acid_put_bool(w, (int)e->i64); break;
  case COPSE_ELEMENT_UUID: copse_acid_put_uuid(w, e->data); break;
  case COPSE_ELEMENT_INSTANT: copse_acid_put_time(w, e->i64, (int32_t)e[1].i64); break;
  default: CHECK_EQ(e->type, ZONE);
  }
}

static size_t encode_acid(const struct copse_element *list, uint8_t *key, size_t room) {
  struct copse_key_writer w;
  size_t size = SIZE_MAX;
  copse_key_write(&w, key, room, 0);
  for (; list->type; list++)
    put_acid(&w, list);
  CHECK_OK(copse_key_finish(&w, &size));
  return size;
}

static void check_acid_element(const struct copse_element *read,
                               const struct copse_element *meant) {
  CHECK_EQ(read->type, meant->type);
  if (meant->type == COPSE_ELEMENT_BYTES || meant->type == COPSE_ELEMENT_TEXT) {
    uint8_t *string = malloc(read->size + 1);
    size_t size;
    CHECK_OK(copse_acid_bytes(read, string, &size));
    CHECK_BYTES(string, size, meant->data, meant->size);
    free(string);
  } else {
    check_element(read, meant);
  }
}

static void check_acid_decoded(const uint8_t *key, size_t size, const struct copse_element *list) {
  uint8_t *copy = exact(key, size);
  struct copse_key_reader reader = {.data = copy, .size = size};
  struct copse_element element;
  int32_t zone = 1;
  for (; list->type; list++) {
    if (list->type == ZONE) {
      CHECK_EQ(zone, list->i64);
      continue;
    }
    CHECK_OK(copse_acid_next(&reader, &element, &zone));
    check_acid_element(&element, list);
  }
  CHECK_RESULT(copse_acid_next(&reader, &element, NULL), COPSE_NONE);
  free(copy);
}

TEST(vectors_are_written) {
  for (int i = 0; i < VECTORS; i++) {
    uint8_t meant[64], key[64];
    size_t size = unhex(vectors[i].hex, meant);
    CHECK_BYTES(key, encode_acid(vectors[i].list, key, sizeof key), meant, size);
  }
}

TEST(vectors_are_read) {
  for (int i = 0; i < VECTORS; i++) {
    uint8_t key[64];
    check_acid_decoded(key, unhex(vectors[i].hex, key), vectors[i].list);
  }
}

/* Each tuple of a list becomes one of ctuple/1 with the same elements, but for offsets from UTC. */
TEST(vectors_are_converted) {
  for (int i = 0; i < VECTORS; i++) {
    uint8_t key[64];
    struct copse_key_reader reader = {.data = key, .size = unhex(vectors[i].hex, key)};
    struct copse_element tuple[8];
    const struct copse_element *e = vectors[i].list;
    do {
      size_t n = 0;
      for (; e->type && e->type != COPSE_ELEMENT_END; e++)
        if (e->type != ZONE)
          tuple[n++] = *e;
      tuple[n] = (struct copse_element){0};
      uint8_t meant[64], made[64];
      size_t size, meant_size = encode(tuple, meant, sizeof meant);
      struct copse_key_writer w;
      copse_key_write(&w, made, sizeof made, 0);
      CHECK_OK(copse_acid_to_tuple(&reader, &w));
      CHECK_OK(copse_key_finish(&w, &size));
      CHECK_BYTES(made, size, meant, meant_size);
    } while (e++->type);
    struct copse_key_writer w;
    copse_key_write(&w, NULL, 0, 0);
    CHECK_RESULT(copse_acid_to_tuple(&reader, &w), COPSE_NONE);
  }
}

/* What Acid's own tests try: every byte value at every length up to 63. */
TEST(strings_of_every_length) {
  for (int byte = 0; byte < 256; byte++)
    for (size_t n = 0; n < 64; n++) {
      uint8_t string[64], key[80];
      memset(string, byte, n);
      struct copse_element list[2] = {{.type = COPSE_ELEMENT_BYTES, .data = string, .size = n}};
      size_t size = encode_acid(list, key, sizeof key);
      CHECK_EQ(size, 1 + (8 * n + 6) / 7);
      check_acid_decoded(key, size, list);
    }
}

TEST(integers_keep_their_order) {
  static const uint64_t edges[] = {0,
                                   1,
                                   239,
                                   240,
                                   241,
                                   2286,
                                   2287,
                                   2288,
                                   67823,
                                   67824,
                                   0xffffff,
                                   1u << 24,
                                   UINT32_MAX,
                                   UINT64_C(1) << 32,
                                   UINT64_C(1) << 40,
                                   UINT64_C(1) << 48,
                                   UINT64_C(1) << 56,
                                   INT64_MAX,
                                   UINT64_MAX};
  enum { EDGES = sizeof edges / sizeof *edges };
  uint8_t last[10] = {0};
  size_t last_size = 0;
  for (int i = -EDGES + 1; i < EDGES; i++) {
    struct copse_key_writer w;
    uint8_t key[10];
    size_t size;
    copse_key_write(&w, key, sizeof key, 0);
    copse_acid_put_int(&w, i < 0, edges[abs(i)]);
    CHECK_OK(copse_key_finish(&w, &size));
    CHECK_LT(copse_key_compare(last, last_size, key, size), 0);
    memcpy(last, key, last_size = size);
  }
}

static const struct {
  const char *key, *end; /* NULL: there is none */
} ends[] = {
    {"150115021503", "150115021504"},
    {"1501 1502 28b298aee6a8", "1501 1502 28b298aee6b0"},
    {"1501 15f0", "1501 15f1"},
    {"5affffffffffffffffffffffffffffffff", "5b"},
    {"28b0c0", "28b180"},
    {"0f", "10"},
    {"1501 28ffc0", "1502"},
    {"28ffc0", NULL},
    {"", NULL},
    {"32f6e7f7f0", "32f7a09080"},  /* U+D7FF: the next one is U+E000 */
    {"32bfc0", "32e1a080"},        /* U+007F: the next one takes two bytes */
    {"1501 32faa3f7fbf8", "1502"}, /* U+10FFFF */
    {"1501 28", "1502"},           /* nothing is left of an empty string */
};

TEST(ends_of_prefixes) {
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    struct copse_key_writer w;
    uint8_t key[64], made[64], meant[64];
    size_t size = unhex(ends[i].key, key), made_size;
    copse_key_write(&w, made, sizeof made, 0);
    int result = copse_acid_prefix_end(key, size, &w);
    CHECK_EQ(result, ends[i].end ? 0 : COPSE_NONE);
    if (result == 0) {
      CHECK_OK(copse_key_finish(&w, &made_size));
      CHECK_BYTES(made, made_size, meant, unhex(ends[i].end, meant));
    }
  }
  struct copse_key_writer w;
  copse_key_write(&w, NULL, 0, 0);
  CHECK_RESULT(copse_acid_prefix_end("\x15", 1, &w), COPSE_E_KEY_FORM);
}

static const struct {
  const char *hex, *message;
} defects[] = {
    {"80", "byte 0: 80 is not the code of an element"},
    {"1501 10", "byte 2: 10 is not the code of an element"},
    {"15", "byte 0: the key ends inside of a number"},
    {"15f1", "byte 0: the key ends inside of a number"},
    {"15ff00", "byte 0: the key ends inside of a number"},
    {"15f100", "byte 0: a number that is longer than needed"},
    {"15fa0108ef", "byte 0: a number that is longer than needed"},
    {"15fb00ffffff", "byte 0: a number that is longer than needed"},
    {"14ff", "byte 0: 0 with a sign"},
    {"5bff", "byte 0: 0 with a sign"},
    {"5cffffffffffffffffff", "byte 0: a time beyond what an instant can be"},
    {"1e02", "byte 0: a bool that is neither 0 nor 1"},
    {"5a1234", "byte 0: the key ends inside of a UUID"},
    {"28b0", "byte 0: a string with a byte more than needed"},
    {"28b0c1", "byte 2: a string that does not end with zero bits"},
    {"28ffffffffffffffff80", "byte 0: a string with a byte more than needed"},
};

TEST(each_defect_has_its_sentence) {
  for (size_t i = 0; i < sizeof defects / sizeof *defects; i++) {
    uint8_t bytes[64];
    size_t size = unhex(defects[i].hex, bytes);
    uint8_t *key = exact(bytes, size);
    struct copse_key_reader reader = {.data = key, .size = size};
    struct copse_element element;
    int result;
    while ((result = copse_acid_next(&reader, &element, NULL)) == 0)
      ;
    CHECK_EQ(result, COPSE_E_KEY_FORM);
    CHECK_STR(copse_error_detail(), defects[i].message);
    free(key);
  }
  struct copse_key_writer w;
  struct copse_key_reader reader = {.data = "\x32\xff\xc0", .size = 3};
  copse_key_write(&w, NULL, 0, 0);
  CHECK_RESULT(copse_acid_to_tuple(&reader, &w), COPSE_E_KEY_FORM);
  CHECK_STR(copse_error_detail(), "byte 0: text that is not UTF-8, at its byte 0");
}

TEST(writers_refuse) {
  struct copse_key_writer w;
  size_t size;
  copse_key_write(&w, NULL, 0, 0);
  copse_acid_put_time(&w, 0, 899);
  CHECK_RESULT(copse_key_finish(&w, &size), COPSE_E_ARGUMENT);
  copse_key_write(&w, NULL, 0, 0);
  copse_acid_put_text(&w, "\xff", 1);
  CHECK_RESULT(copse_key_finish(&w, &size), COPSE_E_ARGUMENT);
}

TEST(times_are_rounded_down_to_milliseconds) {
  struct copse_key_writer w;
  uint8_t key[32], meant[32];
  size_t size;
  copse_key_write(&w, key, sizeof key, 0);
  copse_acid_put_time(&w, 999, 0);
  copse_acid_put_time(&w, -1, 0);
  copse_acid_put_time(&w, INT64_C(1378576815250999), -19800);
  CHECK_OK(copse_key_finish(&w, &size));
  CHECK_BYTES(key, size, meant, unhex("5c40 5bbf 5cfda07cca6a492a", meant));
}
