/* sync/spin.h - a pause between two looks at a word that another core will change. */
#ifndef SYNC_SPIN_H
#define SYNC_SPIN_H

static inline void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
