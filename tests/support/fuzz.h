/* support/fuzz.h - a fuzz target that the normal tests replay.
 *
 *   #include "fuzz.h"
 *   FUZZ(store_file) { ... uses data and size, CHECK()s ... }
 *
 * in tests/fuzz/fuzz_store_file.c. Inputs worth keeping lie in tests/fuzz/corpus/store_file/.
 * A normal build replays them and some mutations of them, as a test program. `make fuzz`
 * builds the same file with libFuzzer and looks for new ones. */
#ifndef SUPPORT_FUZZ_H
#define SUPPORT_FUZZ_H

#include "test.h"

#ifdef COPSE_FUZZING
#define FUZZ_ENTRY(name)                                                                           \
  int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                    \
  int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {                                   \
    fuzz_##name(data, size);                                                                       \
    test_paths_remove();                                                                           \
    return 0;                                                                                      \
  }
#else
#define FUZZ_ENTRY(name)                                                                           \
  TEST(name) { fuzz_replay(#name, fuzz_##name); }
#endif

#define FUZZ(name)                                                                                 \
  static void fuzz_##name(const uint8_t *data, size_t size);                                       \
  FUZZ_ENTRY(name)                                                                                 \
  static void fuzz_##name(const uint8_t *data, size_t size)

/* Runs target on the empty input, on each file of the corpus, and on mutations of them: 256
 * times test_scale(). When one fails, the input is kept in the build folder and named. */
void fuzz_replay(const char *name, void (*target)(const uint8_t *data, size_t size));

#endif
