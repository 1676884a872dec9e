/* support/fuzz.c - replays a corpus and simple mutations of it.
 *
 * The input is written to a file before it is tried, so that it is there after a crash too;
 * the file is removed when all went well. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct input {
  uint8_t *data;
  size_t size;
};

struct corpus {
  struct input *inputs;
  size_t count;
};

static struct input read_input(const char *path) {
  struct input input = {NULL, 0};
  FILE *file = fopen(path, "rb");
  CHECK_MSG(file, "%s: %s", path, strerror(errno));
  CHECK(fseek(file, 0, SEEK_END) == 0);
  long size = ftell(file);
  CHECK(size >= 0);
  rewind(file);
  input.data = malloc((size_t)size + 1);
  CHECK(input.data);
  input.size = fread(input.data, 1, (size_t)size, file);
  CHECK_EQ(input.size, size);
  fclose(file);
  return input;
}

static void add_input(struct corpus *corpus, struct input input) {
  corpus->inputs = realloc(corpus->inputs, (corpus->count + 1) * sizeof *corpus->inputs);
  CHECK(corpus->inputs);
  corpus->inputs[corpus->count++] = input;
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static struct corpus read_corpus(const char *name) {
  struct corpus corpus = {NULL, 0};
  add_input(&corpus, (struct input){calloc(1, 1), 0});
  const char *root = getenv("COPSE_SOURCE_DIR");
  char folder[512];
  snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", root ? root : ".", name);
  struct dirent **entries;
  int n = scandir(folder, &entries, is_visible, alphasort);
  for (int i = 0; i < n; i++) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    add_input(&corpus, read_input(path));
    free(entries[i]);
  }
  if (n >= 0)
    free(entries);
  return corpus;
}

/* One small change. Sizes stay below twice the input's, plus 64. */
static void mutate(struct test_random *random, struct input *input, size_t capacity) {
  uint8_t *data = input->data;
  size_t at = input->size ? test_random_below(random, input->size) : 0;
  size_t run = test_random_below(random, 16) + 1;
  switch (input->size ? test_random_below(random, 6) : 4) {
  case 0: data[at] ^= (uint8_t)(1 << test_random_below(random, 8)); break;
  case 1: data[at] = (uint8_t)test_random_next(random); break;
  case 2: { /* an extreme number, at a natural place of one */
    static const uint64_t extremes[] = {0, 1, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX};
    uint64_t value = extremes[test_random_below(random, 6)];
    at &= ~(size_t)7;
    memcpy(data + at, &value, input->size - at < 8 ? input->size - at : 8);
    break;
  }
  case 3: input->size = at; break;
  case 4: /* something is added */
    if (run > capacity - input->size)
      run = capacity - input->size;
    test_random_fill(random, data + input->size, run);
    input->size += run;
    break;
  case 5: { /* a piece from elsewhere */
    size_t from = test_random_below(random, input->size);
    size_t last = from > at ? from : at;
    memmove(data + at, data + from, run < input->size - last ? run : input->size - last);
    break;
  }
  }
}

static void try_input(const char *kept, const struct input *input,
                      void (*target)(const uint8_t *data, size_t size)) {
  FILE *file = fopen(kept, "wb");
  CHECK_MSG(file, "%s: %s", kept, strerror(errno));
  CHECK_EQ(fwrite(input->data, 1, input->size, file), input->size);
  CHECK(fclose(file) == 0);
  /* A copy of just this size, so that the address sanitizer sees a step beyond it. */
  uint8_t *data = malloc(input->size ? input->size : 1);
  CHECK(data);
  memcpy(data, input->data, input->size);
  target(data, input->size);
  free(data);
}

void fuzz_replay(const char *name, void (*target)(const uint8_t *data, size_t size)) {
  struct corpus corpus = read_corpus(name);
  const char *build = getenv("COPSE_BUILD_DIR");
  char kept[512];
  snprintf(kept, sizeof kept, "%s/fuzz-%s-%d.input", build ? build : "/tmp", name, (int)getpid());
  test_note(__FILE__, __LINE__, "%zu inputs; the one that fails is kept as %s", corpus.count, kept);
  for (size_t i = 0; i < corpus.count; i++)
    try_input(kept, &corpus.inputs[i], target);
  struct test_random random = {test_seed()};
  for (int i = 0; i < 256 * test_scale(); i++) {
    const struct input *base = &corpus.inputs[test_random_below(&random, corpus.count)];
    size_t capacity = 2 * base->size + 64;
    struct input input = {malloc(capacity), base->size};
    CHECK(input.data);
    memcpy(input.data, base->data, base->size);
    for (uint64_t changes = test_random_below(&random, 6) + 1; changes > 0; changes--)
      mutate(&random, &input, capacity);
    try_input(kept, &input, target);
    free(input.data);
  }
  unlink(kept);
  for (size_t i = 0; i < corpus.count; i++)
    free(corpus.inputs[i].data);
  free(corpus.inputs);
}
