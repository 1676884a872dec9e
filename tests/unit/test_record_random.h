/* unit/test_record_random.h - random record layouts for the tests of src/record. */
#ifndef TEST_RECORD_RANDOM_H
#define TEST_RECORD_RANDOM_H

#include <stdio.h>
#include <stdlib.h>

#include "copse/record.h"
#include "record/layout.h"
#include "test.h"

enum { KINDS_END = COPSE_FIELD_c64 + 1, NAME_ROOM = COPSE_FIELD_NAME_MAX + 1 };

static inline uint32_t random_below(struct test_random *random, uint32_t bound) {
  return (uint32_t)test_random_below(random, bound);
}

/* A layout that a test may change freely. */
struct sketch {
  struct copse_layout layout;
  char name[NAME_ROOM];
  struct copse_field fields[COPSE_LAYOUT_FIELDS_MAX];
  char names[COPSE_LAYOUT_FIELDS_MAX][NAME_ROOM];
};

/* Sets offsets and the size from kinds and counts; the hash to 0. */
static inline void sketch_place(struct sketch *sketch) {
  uint32_t offset = 0;
  for (uint32_t i = 0; i < sketch->layout.field_count; i++) {
    struct copse_field *field = &sketch->fields[i];
    field->name = sketch->names[i];
    field->offset = offset;
    offset += field->count * copse_field_kind_size(field->kind);
  }
  sketch->layout.name = sketch->name;
  sketch->layout.fields = sketch->fields;
  sketch->layout.size = offset;
  sketch->layout.hash = 0;
}

static inline struct sketch *sketch_new(const char *name) {
  struct sketch *sketch = calloc(1, sizeof *sketch);
  CHECK(sketch != NULL);
  snprintf(sketch->name, sizeof sketch->name, "%s", name);
  sketch_place(sketch);
  return sketch;
}

static inline void sketch_add(struct sketch *sketch, uint32_t kind, const char *name,
                              uint32_t count) {
  uint32_t i = sketch->layout.field_count++;
  CHECK(i < COPSE_LAYOUT_FIELDS_MAX);
  snprintf(sketch->names[i], NAME_ROOM, "%s", name);
  sketch->fields[i].kind = kind;
  sketch->fields[i].count = count;
  sketch_place(sketch);
}

static inline struct sketch *sketch_copy(const struct sketch *from) {
  struct sketch *sketch = malloc(sizeof *sketch);
  CHECK(sketch != NULL);
  memcpy(sketch, from, sizeof *sketch);
  sketch_place(sketch);
  return sketch;
}

/* The number keeps names apart; the rest makes them long, short, UTF-8, dotted. */
static inline void random_name(struct test_random *random, uint32_t number, char name[NAME_ROOM]) {
  static const char *const parts[] = {"a", "_", "x9", "größe", "温度", "pos.x", "B.c.d", "🌲"};
  size_t n = (size_t)snprintf(name, NAME_ROOM, "f%u", number);
  for (uint32_t more = random_below(random, 12); more > 0; more--) {
    const char *part = parts[random_below(random, sizeof parts / sizeof parts[0])];
    if (n + strlen(part) < NAME_ROOM)
      n += (size_t)snprintf(name + n, NAME_ROOM - n, "%s", part);
  }
}

/* A valid, completed layout of 1 to most fields. */
static inline struct sketch *sketch_random(struct test_random *random, uint32_t most) {
  struct sketch *sketch = sketch_new("größe_1");
  uint32_t wanted = 1 + random_below(random, most);
  while (sketch->layout.field_count < wanted) {
    uint32_t kind = 1 + random_below(random, KINDS_END - 1);
    uint32_t room = (COPSE_RECORD_MAX - sketch->layout.size) / copse_field_kind_size(kind);
    if (room == 0)
      break;
    uint32_t count = random_below(random, 3) ? 1 : 1 + random_below(random, room < 9 ? room : 9);
    if (random_below(random, 64) == 0)
      count = room;
    char name[NAME_ROOM];
    random_name(random, sketch->layout.field_count, name);
    sketch_add(sketch, kind, name, count);
  }
  CHECK_OK(copse_layout_init(&sketch->layout));
  return sketch;
}

/* Equal in everything, names of records and pads too. */
static inline void check_identical(const struct copse_layout *a, const struct copse_layout *b) {
  CHECK_STR(a->name, b->name);
  CHECK_EQ(a->size, b->size);
  CHECK_EQ(a->hash, b->hash);
  CHECK_EQ(a->field_count, b->field_count);
  for (uint32_t i = 0; i < a->field_count; i++) {
    CHECK_STR(a->fields[i].name, b->fields[i].name);
    CHECK_EQ(a->fields[i].kind, b->fields[i].kind);
    CHECK_EQ(a->fields[i].offset, b->fields[i].offset);
    CHECK_EQ(a->fields[i].count, b->fields[i].count);
  }
}

/* That the last error's detail contains a text. */
#define CHECK_DETAIL(text)                                                                         \
  CHECK_MSG(strstr(copse_error_detail(), (text)) != NULL, "the detail is '%s', without '%s'",      \
            copse_error_detail(), (text))

#endif
