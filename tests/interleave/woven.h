/* woven.h - included before a source that is to be driven by the explorer: C11 atomics with an
 * explicit order, the clock and pauses become calls of weave*.c. Nothing in the source changes. */
#ifndef INTERLEAVE_WOVEN_H
#define INTERLEAVE_WOVEN_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* One access in the source. */
struct weave_site {
  const char *file, *function, *object, *name;
  int line, size;
};

enum weave_rmw { WEAVE_EXCHANGE, WEAVE_ADD, WEAVE_OR, WEAVE_AND };

uint64_t weave_load(const struct weave_site *site, const volatile void *address, int order);
void weave_store(const struct weave_site *site, volatile void *address, uint64_t value, int order);
uint64_t weave_modify(const struct weave_site *site, volatile void *address, enum weave_rmw how,
                      uint64_t operand, int order);
/* *expected receives the value found. */
int weave_compare_exchange(const struct weave_site *site, volatile void *address,
                           uint64_t *expected, uint64_t desired, int success, int failure);

int weave_clock_gettime(clockid_t clock, struct timespec *time);
#define clock_gettime weave_clock_gettime

/* A spinning loop looks once more and is done: other rounds show nothing new. */
#define SYNC_SPIN_H
#define SPIN_LOCK_ROUNDS 1
#define SPIN_LOCK_ROUNDS_CROWDED 1
#define SPIN_KEPT_ROUNDS 1
#define SPIN_COMMIT_ROUNDS 1
static inline void spin_pause(void) {}

#define WEAVE_SITE(object_, name_)                                                                 \
  (&(const struct weave_site){.file = __FILE__,                                                    \
                              .function = __func__,                                                \
                              .object = #object_,                                                  \
                              .name = name_,                                                       \
                              .line = __LINE__,                                                    \
                              .size = (int)sizeof *(object_)})
#define WEAVE_VALUE(object) __typeof__((void)0, *(object))

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit

#define atomic_load_explicit(object, order)                                                        \
  ((WEAVE_VALUE(object))weave_load(WEAVE_SITE(object, "load"), (object), (order)))
#define atomic_store_explicit(object, value, order)                                                \
  weave_store(WEAVE_SITE(object, "store"), (object), (WEAVE_VALUE(object))(value), (order))
#define WEAVE_MODIFY(object, how, name, operand, order)                                            \
  ({                                                                                               \
    uint64_t weave_old_ = weave_modify(WEAVE_SITE(object, name), (object), (how),                  \
                                       (WEAVE_VALUE(object))(operand), (order));                   \
    (WEAVE_VALUE(object)) weave_old_;                                                              \
  })
#define atomic_exchange_explicit(object, value, order)                                             \
  WEAVE_MODIFY(object, WEAVE_EXCHANGE, "exchange", value, order)
#define atomic_fetch_add_explicit(object, value, order)                                            \
  WEAVE_MODIFY(object, WEAVE_ADD, "add", value, order)
#define atomic_fetch_or_explicit(object, value, order)                                             \
  WEAVE_MODIFY(object, WEAVE_OR, "or", value, order)
#define atomic_fetch_and_explicit(object, value, order)                                            \
  WEAVE_MODIFY(object, WEAVE_AND, "and", value, order)
/* A weak exchange fails for no reason on some machines: its loop then only looks again. */
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit
#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure)       \
  ({                                                                                               \
    __auto_type weave_expected_ = (expected);                                                      \
    uint64_t weave_found_ = *weave_expected_;                                                      \
    int weave_done_ =                                                                              \
        weave_compare_exchange(WEAVE_SITE(object, "swap"), (object), &weave_found_,                \
                               (WEAVE_VALUE(object))(desired), (success), (failure));              \
    if (!weave_done_)                                                                              \
      *weave_expected_ = (WEAVE_VALUE(object))weave_found_;                                        \
    weave_done_;                                                                                   \
  })

#endif
