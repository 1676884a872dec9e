/* sync/spin.h - looking at a word that another core will change: how often before sleeping, and a
 * pause between two looks. */
#ifndef SYNC_SPIN_H
#define SYNC_SPIN_H

#define SPIN_LOCK_ROUNDS 100
#define SPIN_LOCK_ROUNDS_CROWDED 20
#define SPIN_KEPT_ROUNDS 60   /* 1 to 2 us */
#define SPIN_COMMIT_ROUNDS 64 /* 2 to 5 us */

static inline void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
