/* unit/test_record_encode.c - the form kept in the store: its bytes, round trips, and hostile
 * input. Whatever decodes encodes to the same bytes again: there is one form per layout. */
#include "test_record_random.h"

/* A block of exactly size bytes, so that the address sanitizer sees a read beyond. */
static uint8_t *copy_exact(const void *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  CHECK(copy != NULL);
  memcpy(copy, data, size);
  return copy;
}

static uint8_t *encode(const struct copse_layout *layout, size_t *size) {
  CHECK_OK(record_layout_encode(layout, NULL, 0, size));
  uint8_t *data = malloc(*size);
  CHECK(data != NULL);
  size_t needed;
  CHECK_OK(record_layout_encode(layout, data, *size, &needed));
  CHECK_EQ(needed, *size);
  return data;
}

/* The values were computed apart from this code, from the description in encode.c. */
TEST(form_and_hash_are_fixed) {
  struct copse_layout *layout;
  CHECK_OK(copse_layout_parse(
      "quote { u64 time_ns; f64 bid; f64 ask; i32 size[2]; text symbol[8]; }", &layout));
  static const char bytes[] = "\x01\x05quote(\0\x05\0"
                              "\x07\x01\0\x07time_ns"
                              "\x0a\x01\0\x03"
                              "bid"
                              "\x0a\x01\0\x03"
                              "ask"
                              "\x06\x02\0\x04size"
                              "\x0b\x08\0\x06symbol";
  size_t size;
  uint8_t *data = encode(layout, &size);
  CHECK_BYTES(data, size, bytes, sizeof bytes - 1);
  CHECK_EQ(layout->hash, 0x8cc3b6bd68bdc6a2u);
  free(data);
  copse_layout_free(layout);
}

TEST(random_layouts_round_trip) {
  struct test_random random = {test_seed()};
  for (int round = 0; round < 2000 * test_scale(); round++) {
    struct sketch *sketch = sketch_random(&random, round % 100 ? 12 : COPSE_LAYOUT_FIELDS_MAX);
    size_t size;
    uint8_t *data = encode(&sketch->layout, &size);
    struct copse_layout *layout;
    CHECK_OK(record_layout_decode(data, size, &layout));
    check_identical(&sketch->layout, layout);
    copse_layout_free(layout);
    free(data);
    free(sketch);
  }
}

TEST(a_short_buffer_stays_untouched) {
  struct copse_layout *layout;
  CHECK_OK(copse_layout_parse("r { u64 a; }", &layout));
  char buffer[64];
  memset(buffer, '#', sizeof buffer);
  size_t needed;
  CHECK_OK(record_layout_encode(layout, buffer, 11, &needed));
  CHECK_EQ(needed, 12);
  CHECK_EQ(buffer[0], '#');
  CHECK_OK(record_layout_encode(layout, buffer, 12, &needed));
  CHECK_EQ(buffer[0], 1);
  CHECK_EQ(buffer[12], '#');
  layout->size = 9;
  CHECK_RESULT(record_layout_encode(layout, buffer, sizeof buffer, &needed), COPSE_E_ARGUMENT);
  copse_layout_free(layout);
}

static void check_corrupt(const char *data, size_t size) {
  uint8_t *copy = copy_exact(data, size);
  struct copse_layout *layout = NULL;
  CHECK_RESULT(record_layout_decode(copy, size, &layout), COPSE_E_CORRUPT);
  CHECK(layout == NULL);
  CHECK(copse_error_detail()[0] != 0);
  free(copy);
}
#define CHECK_CORRUPT(literal) check_corrupt(literal, sizeof(literal) - 1)

TEST(damage_is_told) {
  struct copse_layout *layout;
  CHECK_OK(record_layout_decode("\1\1r\1\0\1\0\1\1\0\1a", 12, &layout)); /* one u8 a */
  copse_layout_free(layout);
  CHECK_CORRUPT("");
  CHECK_RESULT(record_layout_decode(NULL, 0, &layout), COPSE_E_CORRUPT);
  CHECK_CORRUPT("\2\1r\1\0\1\0\1\1\0\1a");          /* a newer form */
  CHECK_CORRUPT("\1\1r\2\0\1\0\1\1\0\1a");          /* a byte not described */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\2\0\1a");          /* a field beyond the record */
  CHECK_CORRUPT("\1\1r\0\0\0\0");                   /* nothing at all */
  CHECK_CORRUPT("\1\1r\1\0\0\0");                   /* no fields */
  CHECK_CORRUPT("\1\1r\1\0\2\0\1\1\0\1a");          /* fewer fields than told */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\1\0\1a!");         /* more than told */
  CHECK_CORRUPT("\1\1r\1\0\xff\xff\1\1\0\1a");      /* too many fields */
  CHECK_CORRUPT("\1\1r\1\0\1\0\0\1\0\1a");          /* kind 0 */
  CHECK_CORRUPT("\1\1r\1\0\1\0\x63\1\0\1a");        /* kind 99 */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\0\0\1a");          /* count 0 */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\1\0\0a");          /* empty name, and a byte left */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\1\0\0");           /* empty name */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\1\0\2a");          /* name beyond the end */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\1\0\1 ");          /* not a name */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\1\0\3a\0b");       /* NUL in a name */
  CHECK_CORRUPT("\1\1r\1\0\1\0\1\1\0\1\xff");       /* not UTF-8 */
  CHECK_CORRUPT("\1\0\1\0\1\0\1\1\0\1a");           /* no record name */
  CHECK_CORRUPT("\1\xffr\1\0\1\0\1\1\0\1a");        /* record name beyond the end */
  CHECK_CORRUPT("\1\1r\2\0\2\0\1\1\0\1a\1\1\0\1a"); /* one name twice */
}

TEST(every_cut_is_corrupt) {
  struct test_random random = {test_seed()};
  for (int round = 0; round < 20 * test_scale(); round++) {
    struct sketch *sketch = sketch_random(&random, 12);
    size_t size;
    uint8_t *data = encode(&sketch->layout, &size);
    for (size_t cut = 0; cut < size; cut++)
      check_corrupt((const char *)data, cut);
    free(data);
    free(sketch);
  }
}

static size_t mutate(uint8_t *data, size_t size, size_t room, struct test_random *random) {
  size_t at = random_below(random, (uint32_t)size), length;
  switch (random_below(random, 5)) {
  case 0: data[at] ^= (uint8_t)(1 << random_below(random, 8)); break;
  case 1: data[at] = (uint8_t)test_random_next(random); break;
  case 2: data[at] = random_below(random, 2) ? 0xff : 0; break;
  case 3: /* take some bytes out */
    length = 1 + random_below(random, 8);
    if (at + length < size) {
      memmove(data + at, data + at + length, size - at - length);
      size -= length;
    }
    break;
  default: /* double some bytes */
    length = 1 + random_below(random, 16);
    if (at + length <= size && size + length <= room) {
      memmove(data + at + length, data + at, size - at);
      size += length;
    }
    break;
  }
  return size;
}

TEST(mutations_decode_to_themselves_or_not_at_all) {
  struct test_random random = {test_seed()};
  int decoded = 0, refused = 0;
  for (int round = 0; round < 20000 * test_scale(); round++) {
    struct sketch *sketch = sketch_random(&random, 6);
    size_t size;
    uint8_t *data = encode(&sketch->layout, &size), buffer[1024];
    CHECK_LT(size, 900);
    memcpy(buffer, data, size);
    for (uint32_t changes = 1 + random_below(&random, 3); changes > 0; changes--)
      size = mutate(buffer, size, sizeof buffer, &random);
    uint8_t *exact = copy_exact(buffer, size);
    struct copse_layout *layout;
    int result = record_layout_decode(exact, size, &layout);
    if (result == 0) {
      size_t again_size;
      uint8_t *again = encode(layout, &again_size);
      CHECK_BYTES(again, again_size, exact, size);
      free(again);
      copse_layout_free(layout);
      decoded++;
    } else {
      CHECK_EQ(result, COPSE_E_CORRUPT);
      refused++;
    }
    free(exact);
    free(data);
    free(sketch);
  }
  CHECK_GT(decoded, 100);
  CHECK_GT(refused, 100);
}
