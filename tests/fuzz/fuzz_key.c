/* fuzz_key.c - hostile keys: whatever a reader takes, a writer makes the same bytes of again; so there is
 * one encoding of each tuple. The first byte says whether it is read as ctuple/1 or as a key of Acid. */
#include <math.h>
#include <stdlib.h>

#include "copse/acid.h"
#include "fuzz.h"

static void put(struct copse_key_writer *w, const struct copse_element *e) {
  uint8_t *string = malloc(e->size + 1);
  CHECK(string != NULL);
  size_t size = e->data ? copse_element_bytes(e, string) : 0;
  CHECK_LE(size, e->size);
  switch (e->type) {
  case COPSE_ELEMENT_NULL: copse_key_put_null(w); break;
  case COPSE_ELEMENT_BYTES: copse_key_put_bytes(w, string, size); break;
  case COPSE_ELEMENT_TEXT: copse_key_put_text(w, string, size); break;
  case COPSE_ELEMENT_NESTED: copse_key_begin_nested(w); break;
  case COPSE_ELEMENT_END: copse_key_end_nested(w); break;
  case COPSE_ELEMENT_INT: copse_key_put_i64(w, e->i64); break;
  case COPSE_ELEMENT_UINT: copse_key_put_u64(w, e->u64); break;
  case COPSE_ELEMENT_BIGINT: copse_key_put_bigint(w, (int)e->negative, string, size); break;
  case COPSE_ELEMENT_DOUBLE: copse_key_put_double(w, e->f64); break;
  case COPSE_ELEMENT_BOOL: copse_key_put_bool(w, (int)e->i64); break;
  case COPSE_ELEMENT_UUID: copse_key_put_uuid(w, string); break;
  case COPSE_ELEMENT_INSTANT: copse_key_put_instant(w, e->i64); break;
  default: CHECK_MSG(0, "type %u", e->type);
  }
  free(string);
}

static void try_tuple(const uint8_t *key, size_t size) {
  struct copse_key_reader reader = {.data = key, .size = size};
  struct copse_element e;
  struct copse_key_writer w;
  struct copse_range range;
  uint8_t *again = malloc(size + 1);
  CHECK(again != NULL);
  copse_key_write(&w, again, size, COPSE_KEY_NAN);
  int result, floats = 0;
  size_t at = 0;
  while ((result = copse_key_next(&reader, &e)) == 0) {
    CHECK_GT(reader.at, at);
    CHECK_LE(reader.at, size);
    at = reader.at;
    floats |= e.type == COPSE_ELEMENT_FLOAT;
    if (!floats)
      put(&w, &e);
  }
  CHECK_EQ(copse_key_check(key, size), result == COPSE_NONE ? 0 : result);
  if (result == COPSE_NONE && !floats) {
    CHECK_OK(copse_key_finish(&w, &at));
    CHECK_BYTES(again, at, key, size);
  }
  (void)!copse_key_string_range(key, size, &range);
  reader = (struct copse_key_reader){.data = key, .size = size};
  int skipped;
  while ((skipped = copse_key_skip(&reader)) == 0)
    CHECK_EQ(reader.depth, 0);
  CHECK_EQ(skipped, result);
  free(again);
}

static void put_acid(struct copse_key_writer *w, const struct copse_element *e, int32_t zone) {
  uint8_t *string = malloc(e->size + 1);
  CHECK(string != NULL);
  uint64_t magnitude = 0;
  size_t size = 0;
  switch (e->type) {
  case COPSE_ELEMENT_NULL: copse_acid_put_null(w); break;
  case COPSE_ELEMENT_END: copse_acid_next_tuple(w); break;
  case COPSE_ELEMENT_INT:
    copse_acid_put_int(w, e->i64 < 0, e->i64 < 0 ? 0 - (uint64_t)e->i64 : e->u64);
    break;
  case COPSE_ELEMENT_UINT: copse_acid_put_int(w, 0, e->u64); break;
  case COPSE_ELEMENT_BIGINT:
    CHECK_EQ(copse_element_bytes(e, string), 8);
    for (int i = 0; i < 8; i++)
      magnitude = magnitude << 8 | string[i];
    copse_acid_put_int(w, 1, magnitude);
    break;
  case COPSE_ELEMENT_BOOL: copse_acid_put_bool(w, (int)e->i64); break;
  case COPSE_ELEMENT_UUID: copse_acid_put_uuid(w, e->data); break;
  case COPSE_ELEMENT_INSTANT: copse_acid_put_time(w, e->i64, zone); break;
  default:
    if (copse_acid_bytes(e, string, &size))
      w->result = COPSE_E_KEY_FORM; /* text that is none */
    else if (e->type == COPSE_ELEMENT_TEXT)
      copse_acid_put_text(w, string, size);
    else
      copse_acid_put_bytes(w, string, size);
  }
  free(string);
}

static void try_acid(const uint8_t *key, size_t size) {
  struct copse_key_reader reader = {.data = key, .size = size};
  struct copse_element e;
  struct copse_key_writer w;
  int32_t zone = 0;
  int result;
  size_t n;
  uint8_t *again = malloc(2 * size + 1);
  CHECK(again != NULL);
  copse_key_write(&w, again, size, 0);
  while ((result = copse_acid_next(&reader, &e, &zone)) == 0)
    put_acid(&w, &e, zone);
  if (result == COPSE_NONE && w.result == 0) {
    CHECK_OK(copse_key_finish(&w, &n));
    CHECK_BYTES(again, n, key, size);
  }
  copse_key_write(&w, again, 2 * size, 0);
  if (copse_acid_prefix_end(key, size, &w) == 0) {
    CHECK_OK(copse_key_finish(&w, &n));
    CHECK_GT(copse_key_compare(again, n, key, size), 0);
  }
  reader = (struct copse_key_reader){.data = key, .size = size};
  do
    copse_key_write(&w, again, 2 * size, 0);
  while (copse_acid_to_tuple(&reader, &w) == 0);
  free(again);
}

FUZZ(key) {
  if (size > 4096)
    return;
  if (size && data[0] == 'A')
    try_acid(data + 1, size - 1);
  else if (size)
    try_tuple(data + 1, size - 1);
}
