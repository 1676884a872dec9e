/* base/cpu.h - what this processor can do, as the C library found out when the process began: asking
 * the processor again would cost a virtual machine some fifty microseconds at each start. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#if defined(__x86_64__)
#include <sys/platform/x86.h>

static inline int cpu_has_crc32(void) { return CPU_FEATURE_ACTIVE(SSE4_2) != 0; }
static inline int cpu_has_avx2(void) { return CPU_FEATURE_ACTIVE(AVX2) != 0; }
static inline int cpu_has_avx512(void) {
  return CPU_FEATURE_ACTIVE(AVX512F) && CPU_FEATURE_ACTIVE(AVX512VL);
}
#endif

#endif
