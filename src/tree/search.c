/* tree/search.c - searching the heads of a node: all at once with vector compares, chosen when the
 * library is loaded. Each way can be forced, by tests or by COPSE_SEARCH. */
#include "base/cpu.h"
#include "tree/node.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

static uint32_t search_scalar(const uint32_t *heads, uint32_t n, uint32_t head) {
  uint32_t low = 0, length = n;
  while (length > 0) {
    uint32_t half = length / 2;
    int less = heads[low + half] < head;
    low = less ? low + half + 1 : low;
    length = less ? length - half - 1 : half;
  }
  uint32_t high = low;
  while (high < n && heads[high] == head)
    high++;
  return low | high << 16;
}

static uint32_t rank_scalar(const uint32_t *heads, uint32_t n, uint32_t head) {
  uint32_t low = 0, length = n;
  while (length > 0) {
    uint32_t half = length / 2;
    int not_more = heads[low + half] <= head;
    low = not_more ? low + half + 1 : low;
    length = not_more ? length - half - 1 : half;
  }
  return low;
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vl,popcnt"))) static uint32_t search_avx512(
    const uint32_t *heads, uint32_t n, uint32_t head) {
  __m512i wanted = _mm512_set1_epi32((int)head);
  uint32_t low = 0, high = 0;
  for (uint32_t i = 0; i < n; i += 16) {
    __mmask16 lanes = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    __m512i block = _mm512_maskz_loadu_epi32(lanes, heads + i);
    __mmask16 less = _mm512_mask_cmplt_epu32_mask(lanes, block, wanted);
    __mmask16 not_more = _mm512_mask_cmple_epu32_mask(lanes, block, wanted);
    low += (uint32_t)__builtin_popcount(less);
    high += (uint32_t)__builtin_popcount(not_more);
  } /* to the end: leaving early costs a mispredicted branch */
  return low | high << 16;
}

__attribute__((target("avx512f,avx512vl,popcnt"))) static uint32_t rank_avx512(
    const uint32_t *heads, uint32_t n, uint32_t head) {
  __m512i wanted = _mm512_set1_epi32((int)head);
  uint32_t rank = 0, i = 0;
  for (; i + 16 <= n; i += 16)
    rank += (uint32_t)__builtin_popcount(
        _mm512_cmple_epu32_mask(_mm512_loadu_si512(heads + i), wanted));
  __mmask16 lanes = (__mmask16)((1u << (n - i)) - 1);
  return rank + (uint32_t)__builtin_popcount(_mm512_mask_cmple_epu32_mask(
                    lanes, _mm512_maskz_loadu_epi32(lanes, heads + i), wanted));
}

__attribute__((target("avx2,popcnt"))) static uint32_t search_avx2(const uint32_t *heads,
                                                                   uint32_t n, uint32_t head) {
  const __m256i flip = _mm256_set1_epi32((int)0x80000000u); /* unsigned order by signed compare */
  __m256i wanted = _mm256_xor_si256(_mm256_set1_epi32((int)head), flip);
  uint32_t low = 0, high = 0, i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i block = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(heads + i)), flip);
    unsigned less =
        (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(wanted, block)));
    unsigned more =
        (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(block, wanted)));
    low += (uint32_t)__builtin_popcount(less);
    high += 8 - (uint32_t)__builtin_popcount(more);
    if (more)
      return low | high << 16;
  }
  for (; i < n && heads[i] <= head; i++) {
    low += heads[i] < head;
    high++;
  }
  return low | high << 16;
}

__attribute__((target("avx2,popcnt"))) static uint32_t rank_avx2(const uint32_t *heads, uint32_t n,
                                                                 uint32_t head) {
  const __m256i flip = _mm256_set1_epi32((int)0x80000000u);
  __m256i wanted = _mm256_xor_si256(_mm256_set1_epi32((int)head), flip);
  uint32_t more = 0, i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i block = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(heads + i)), flip);
    more += (uint32_t)__builtin_popcount(
        (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(block, wanted))));
  }
  uint32_t rank = i - more;
  for (; i < n; i++)
    rank += heads[i] <= head;
  return rank;
}
#elif defined(__aarch64__)
static uint32_t search_neon(const uint32_t *heads, uint32_t n, uint32_t head) {
  uint32x4_t wanted = vdupq_n_u32(head);
  uint32_t low = 0, high = 0, i = 0;
  for (; i + 4 <= n; i += 4) {
    uint32x4_t block = vld1q_u32(heads + i);
    low += vaddvq_u32(vshrq_n_u32(vcltq_u32(block, wanted), 31));
    uint32_t not_more = vaddvq_u32(vshrq_n_u32(vcleq_u32(block, wanted), 31));
    high += not_more;
    if (not_more < 4)
      return low | high << 16;
  }
  for (; i < n && heads[i] <= head; i++) {
    low += heads[i] < head;
    high++;
  }
  return low | high << 16;
}

static uint32_t rank_neon(const uint32_t *heads, uint32_t n, uint32_t head) {
  uint32x4_t wanted = vdupq_n_u32(head), not_more = vdupq_n_u32(0);
  uint32_t i = 0;
  for (; i + 4 <= n; i += 4)
    not_more = vsubq_u32(not_more, vcleq_u32(vld1q_u32(heads + i), wanted));
  uint32_t rank = vaddvq_u32(not_more);
  for (; i < n; i++)
    rank += heads[i] <= head;
  return rank;
}
#endif

heads_function *heads_search = search_scalar, *heads_rank = rank_scalar;

static const struct {
  const char *name;
  heads_function *search, *rank;
} searches[] = {
#if defined(__x86_64__)
    {"avx512", search_avx512, rank_avx512},
    {"avx2", search_avx2, rank_avx2},
#elif defined(__aarch64__)
    {"neon", search_neon, rank_neon},
#endif
    {"scalar", search_scalar, rank_scalar},
};

static int search_usable(const char *name) {
#if defined(__x86_64__)
  if (strcmp(name, "avx512") == 0)
    return cpu_has_avx512();
  if (strcmp(name, "avx2") == 0)
    return cpu_has_avx2();
#endif
  (void)name;
  return 1;
}

int heads_search_force(const char *name) {
  for (size_t i = 0; i < sizeof searches / sizeof *searches; i++)
    if ((!name || strcmp(name, searches[i].name) == 0) && search_usable(searches[i].name)) {
      heads_search = searches[i].search;
      heads_rank = searches[i].rank;
      return 0;
    }
  return COPSE_NONE;
}

__attribute__((constructor)) static void search_choose(void) {
  const char *name = getenv("COPSE_SEARCH");
  if (!name || heads_search_force(name) != 0)
    (void)heads_search_force(NULL);
}
