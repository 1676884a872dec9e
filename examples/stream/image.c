/* examples/stream/image.c - growable arrays of records, and the one table of the maps. */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM(name, key_form, key_offset, record)                                                   \
  { name, key_form, key_offset, sizeof(struct record), record##_layout }

static const struct stream_map_form forms[STREAM_MAPS] = {
    [STREAM_PROCESS] =
        FORM("process", STREAM_KEY_NUMBER, offsetof(struct stream_process, pid), stream_process),
    [STREAM_PROGRAM] =
        FORM("program", STREAM_KEY_NAME, offsetof(struct stream_program, name), stream_program),
    [STREAM_CPU] = FORM("cpu", STREAM_KEY_NUMBER, offsetof(struct stream_cpu, number), stream_cpu),
    [STREAM_DISK] = FORM("disk", STREAM_KEY_NAME, offsetof(struct stream_flow, name), stream_flow),
    [STREAM_NETWORK] =
        FORM("network", STREAM_KEY_NAME, offsetof(struct stream_flow, name), stream_flow),
    [STREAM_MEMORY] = FORM("memory", STREAM_KEY_FIXED, 0, stream_memory),
    [STREAM_HISTOGRAM] = FORM("histogram", STREAM_KEY_NAME, offsetof(struct stream_histogram, name),
                              stream_histogram),
    [STREAM_TOP_CPU] =
        FORM("top-cpu", STREAM_KEY_NUMBER, offsetof(struct stream_top, rank), stream_top),
    [STREAM_TOP_MEMORY] =
        FORM("top-memory", STREAM_KEY_NUMBER, offsetof(struct stream_top, rank), stream_top),
    [STREAM_TOTALS] = FORM("totals", STREAM_KEY_FIXED, 0, stream_totals),
    [STREAM_STATE] = FORM("state", STREAM_KEY_FIXED, 0, stream_state),
};

const struct stream_map_form *stream_map_form(enum stream_map map) { return &forms[map]; }

struct copse_bytes stream_key(enum stream_map map, const void *record, uint8_t buffer[8]) {
  const struct stream_map_form *form = &forms[map];
  const char *field = (const char *)record + form->key_offset;
  if (form->key_form == STREAM_KEY_NUMBER) {
    uint64_t number;
    memcpy(&number, field, sizeof(number));
    copse_key_u64(number, buffer);
    return (struct copse_bytes){buffer, 8};
  }
  if (form->key_form == STREAM_KEY_NAME)
    return (struct copse_bytes){field, strnlen(field, STREAM_NAME_BYTES)};
  return (struct copse_bytes){form->name, strlen(form->name)};
}

void image_clear(struct stream_image *image) {
  for (int map = 0; map < STREAM_MAPS; map++)
    image->list[map].count = 0;
}

void image_free(struct stream_image *image) {
  for (int map = 0; map < STREAM_MAPS; map++)
    free(image->list[map].records);
  memset(image, 0, sizeof(*image));
}

void *image_add(struct stream_image *image, enum stream_map map) {
  struct stream_list *list = &image->list[map];
  size_t record_bytes = forms[map].record_bytes;
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 16;
    void *records = realloc(list->records, capacity * record_bytes);
    if (!records) {
      fprintf(stderr, "out of memory\n");
      exit(1);
    }
    list->records = records;
    list->capacity = capacity;
  }
  void *record = list->records + list->count++ * record_bytes;
  return memset(record, 0, record_bytes);
}

void *image_at(const struct stream_image *image, enum stream_map map, size_t index) {
  const struct stream_list *list = &image->list[map];
  return index < list->count ? list->records + index * forms[map].record_bytes : NULL;
}

int image_compare(enum stream_map map, const void *a, const void *b) {
  uint8_t a_buffer[8], b_buffer[8];
  struct copse_bytes a_key = stream_key(map, a, a_buffer), b_key = stream_key(map, b, b_buffer);
  size_t shared = a_key.size < b_key.size ? a_key.size : b_key.size;
  int order = memcmp(a_key.data, b_key.data, shared);
  if (order != 0)
    return order;
  return (a_key.size > b_key.size) - (a_key.size < b_key.size);
}

void *image_find(const struct stream_image *image, enum stream_map map, const void *like) {
  size_t low = 0, high = image->list[map].count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    void *record = image_at(image, map, middle);
    int order = image_compare(map, record, like);
    if (order == 0)
      return record;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* qsort() passes no context: one comparison for each kind of key that is ever sorted. */
static int compare_process(const void *a, const void *b) {
  return image_compare(STREAM_PROCESS, a, b);
}
static int compare_program(const void *a, const void *b) {
  return image_compare(STREAM_PROGRAM, a, b);
}
static int compare_cpu(const void *a, const void *b) { return image_compare(STREAM_CPU, a, b); }
static int compare_flow(const void *a, const void *b) { return image_compare(STREAM_DISK, a, b); }
static int compare_histogram(const void *a, const void *b) {
  return image_compare(STREAM_HISTOGRAM, a, b);
}

void image_sort(struct stream_image *image, enum stream_map map) {
  static int (*const compare[STREAM_MAPS])(const void *, const void *) = {
      [STREAM_PROCESS] = compare_process, [STREAM_PROGRAM] = compare_program,
      [STREAM_CPU] = compare_cpu,         [STREAM_DISK] = compare_flow,
      [STREAM_NETWORK] = compare_flow,    [STREAM_HISTOGRAM] = compare_histogram,
  };
  struct stream_list *list = &image->list[map];
  if (compare[map] && list->count > 1)
    qsort(list->records, list->count, forms[map].record_bytes, compare[map]);
}

uint64_t stream_fingerprint(const void *record, size_t record_bytes) {
  /* Records are whole words (record layouts leave no hole), so words are enough. */
  const uint8_t *bytes = record;
  uint64_t hash = record_bytes;
  for (size_t i = 0; i + 8 <= record_bytes; i += 8) {
    uint64_t word;
    memcpy(&word, bytes + i, sizeof(word));
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  return hash;
}

uint64_t image_fingerprint(const struct stream_image *image, enum stream_map map) {
  uint64_t sum = 0;
  for (size_t i = 0; i < image->list[map].count; i++)
    sum += stream_fingerprint(image_at(image, map, i), forms[map].record_bytes);
  return sum;
}

uint64_t stream_seal(const struct stream_state *state, const struct stream_totals *totals) {
  struct stream_state bare = *state;
  bare.fingerprint = 0;
  return stream_fingerprint(&bare, sizeof(bare)) + stream_fingerprint(totals, sizeof(*totals));
}
