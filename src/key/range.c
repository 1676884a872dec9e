/* key/range.c - the order of keys, and what ranges tuples and strings begin. */
#include "base/bytes.h"
#include "base/error.h"
#include "key/format.h"

int copse_key_compare(const void *a, size_t a_size, const void *b, size_t b_size) {
  return bytes_compare(a, a_size, b, b_size);
}

/* What follows a whole element is the code of another one, which is never ff. After a string that ends with
 * the tuple, ff would be an escape: so tuples with a longer string are beyond the end of the range. */
void copse_key_range(void *key, size_t size, uint32_t closed, struct copse_range *range) {
  ((uint8_t *)key)[size] = ESCAPE;
  *range = (struct copse_range){
      .from = {key, size}, .to = {key, size + 1}, .from_exclusive = closed ? 0 : 1};
}

int copse_key_string_range(const void *key, size_t size, struct copse_range *range) {
  struct copse_key_reader reader = {.data = key, .size = size};
  struct copse_element element = {0};
  int result;
  while ((result = copse_key_next(&reader, &element)) == 0)
    ;
  if (result != COPSE_NONE)
    return result;
  if (element.type != COPSE_ELEMENT_BYTES && element.type != COPSE_ELEMENT_TEXT)
    return error_set(COPSE_E_ARGUMENT, "the tuple's last element is neither bytes nor text");
  *range = (struct copse_range){.prefix = {key, size - 1}};
  return 0;
}

int copse_key_end(void *key, size_t *size) {
  uint8_t *bytes = key;
  size_t n = *size;
  while (n && bytes[n - 1] == 0xff)
    n--;
  if (n == 0)
    return COPSE_NONE;
  bytes[n - 1]++;
  *size = n;
  return 0;
}
