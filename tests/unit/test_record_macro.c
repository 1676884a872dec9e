/* unit/test_record_macro.c - layouts that COPSE_RECORD makes; what it refuses to compile is
 * shown by tests/scripts/test_record_macro.sh. */
#include <pthread.h>

#include "test_record_random.h"

struct quote {
  uint64_t time_ns;
  double bid, ask;
  int32_t size[2];
  char symbol[8];
};
#define QUOTE_FIELDS(F)                                                                            \
  F(u64, time_ns, 1) F(f64, bid, 1) F(f64, ask, 1) F(i32, size, 2) F(text, symbol, 8)
COPSE_RECORD(quote, QUOTE_FIELDS)

/* Each kind, as scalar, array and matrix, in each C type that fits it. */
struct full {
  uint8_t a;
  int8_t b;
  uint16_t c;
  int16_t d[2];
  uint32_t e;
  int32_t f;
  unsigned long long g;
  long long h[2][2];
  float i;
  char k[2], l;
  uint8_t m;
  double n;
  uint8_t o[3];
  char p[5];
  float q[3][2];
  float _Complex r;
  double s[4];
  double _Complex t[2][2];
};
/* clang-format off */
#define FULL_FIELDS(F)                                                                             \
  F(u8, a, 1) F(i8, b, 1) F(u16, c, 1) F(i16, d, 2) F(u32, e, 1) F(i32, f, 1) F(u64, g, 1)         \
  F(i64, h, 4) F(f32, i, 1) F(text, k, 2) F(text, l, 1) F(u8, m, 1) F(f64, n, 1) F(bytes, o, 3)    \
  F(pad, p, 5) F(c32, q, 3) F(c32, r, 1) F(c64, s, 2) F(c64, t, 4)
/* clang-format on */
COPSE_RECORD(full, FULL_FIELDS)

static void check_text(const struct copse_layout *layout, const char *expected) {
  char text[512];
  copse_layout_format(layout, text, sizeof text);
  CHECK_STR(text, expected);
  struct copse_layout *parsed;
  CHECK_OK(copse_layout_parse(text, &parsed));
  check_identical(parsed, layout);
  copse_layout_free(parsed);
}

TEST(layouts_are_complete_and_valid) {
  CHECK_OK(record_layout_check(quote_layout(), COPSE_E_ARGUMENT));
  CHECK_EQ(quote_layout()->size, sizeof(struct quote));
  CHECK(quote_layout() == quote_layout());
  check_text(quote_layout(),
             "quote { u64 time_ns; f64 bid; f64 ask; i32 size[2]; text symbol[8]; }");
  check_text(full_layout(),
             "full { u8 a; i8 b; u16 c; i16 d[2]; u32 e; i32 f; u64 g; i64 h[4]; f32 i; text k[2]; "
             "text l; u8 m; f64 n; bytes o[3]; pad p[5]; c32 q[3]; c32 r; c64 s[2]; c64 t[4]; }");
}

struct raced {
  uint64_t x;
};
#define RACED_FIELDS(F) F(u64, x, 1)
COPSE_RECORD(raced, RACED_FIELDS)

static void *complete(void *barrier) {
  pthread_barrier_wait(barrier);
  const struct copse_layout *layout = raced_layout();
  /* As the library reads it: the sanitizer takes another thread's failed exchange for a write. */
  return (void *)(uintptr_t)record_layout_known_hash(layout);
}

TEST(threads_complete_a_layout_together) {
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  pthread_barrier_t barrier;
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, THREADS), 0);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, complete, &barrier), 0);
  for (int i = 0; i < THREADS; i++) {
    void *hash;
    CHECK_EQ(pthread_join(threads[i], &hash), 0);
    CHECK_EQ((uintptr_t)hash, (uintptr_t)record_layout_known_hash(raced_layout()));
  }
  pthread_barrier_destroy(&barrier);
}
