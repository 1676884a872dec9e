/* examples/stream/image.h - the whole stream in plain arrays: one version, or one to be.
 *
 * The producer loads the image of the newest version, computes the next one from it and from
 * a sample, and saves the difference; readers load an image and look at it. The arrays are
 * kept from one load to the next, so that after a while nothing is allocated any more.
 * Running out of memory ends the program: an example has no better answer. */
#ifndef EXAMPLES_STREAM_IMAGE_H
#define EXAMPLES_STREAM_IMAGE_H

#include "stream.h"

struct stream_list {
  uint8_t *records; /* of the map's record size, in key order once it is loaded or sorted */
  size_t count;
  size_t capacity;
};

struct stream_image {
  struct stream_list list[STREAM_MAPS];
};

/* What a map is called and how its records are keyed. */
enum stream_key_form { STREAM_KEY_NUMBER, STREAM_KEY_NAME, STREAM_KEY_FIXED };
struct stream_map_form {
  const char *name;
  enum stream_key_form key_form;
  size_t key_offset; /* of the number or the name in the record */
  size_t record_bytes;
  const struct copse_layout *(*layout)(void);
};
const struct stream_map_form *stream_map_form(enum stream_map map);

/* The key of a record, in bytes that last until the record or the buffer changes. */
struct copse_bytes stream_key(enum stream_map map, const void *record, uint8_t buffer[8]);

void image_clear(struct stream_image *image);
void image_free(struct stream_image *image);

/* Adds a record of zeros at the end of a list. Lent until the next add. */
void *image_add(struct stream_image *image, enum stream_map map);
/* The record at an index; the record with the key of another record, or NULL. */
void *image_at(const struct stream_image *image, enum stream_map map, size_t index);
void *image_find(const struct stream_image *image, enum stream_map map, const void *like);
/* Orders two records by their keys, as the map does; sorts a list so. */
int image_compare(enum stream_map map, const void *a, const void *b);
void image_sort(struct stream_image *image, enum stream_map map);

/* The single records; an image that was loaded from a stream has them. */
static inline struct stream_state *image_state(const struct stream_image *image) {
  return (struct stream_state *)image_at(image, STREAM_STATE, 0);
}
static inline struct stream_totals *image_totals(const struct stream_image *image) {
  return (struct stream_totals *)image_at(image, STREAM_TOTALS, 0);
}
static inline struct stream_memory *image_memory(const struct stream_image *image) {
  return (struct stream_memory *)image_at(image, STREAM_MEMORY, 0);
}
static inline struct stream_process *image_process(const struct stream_image *image, size_t i) {
  return (struct stream_process *)image_at(image, STREAM_PROCESS, i);
}
static inline struct stream_program *image_program(const struct stream_image *image, size_t i) {
  return (struct stream_program *)image_at(image, STREAM_PROGRAM, i);
}

/* A number that changes with every bit of a record; those of a map are added up, so that one
 * record's part can be exchanged without a look at the others. */
uint64_t stream_fingerprint(const void *record, size_t record_bytes);
uint64_t image_fingerprint(const struct stream_image *image, enum stream_map map);
/* What state.fingerprint has to be. */
uint64_t stream_seal(const struct stream_state *state, const struct stream_totals *totals);

#endif
