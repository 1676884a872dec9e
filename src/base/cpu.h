/* base/cpu.h - what this processor can do, as the C library found out when the process began: asking
 * the processor again would cost a virtual machine some fifty microseconds at each start. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#if defined(__x86_64__)
#include <sys/platform/x86.h>

/* As the header's own x86_cpu_active(), which shifts a signed 1 into the sign bit. */
static inline int cpu_active(unsigned feature) {
  const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(feature / 128);
  return (leaf->active_array[feature % 128 / 32] >> feature % 32 & 1) != 0;
}
static inline int cpu_has_crc32(void) { return cpu_active(x86_cpu_SSE4_2); }
static inline int cpu_has_avx2(void) { return cpu_active(x86_cpu_AVX2); }
static inline int cpu_has_avx512(void) {
  return cpu_active(x86_cpu_AVX512F) && cpu_active(x86_cpu_AVX512VL);
}
#endif

#endif
