/* sync/lock.c - taking, waiting for, taking over and releasing the writer lock.
 *
 * Sleepers queue in the kernel, in the order in which they fell asleep. A releaser that finds
 * LOCK_WAITERS frees the word, raises lock_wake and wakes the first of them, which competes with
 * whoever comes by: handing each commit over to a process that has to be woken would cost a
 * switch of processes per commit. But once in TURN_NS the word is reserved instead of freed,
 * and passed on to the first sleeper: bargers leave it alone. So who sleeps waits at most as many
 * turns as there are sleepers before it.
 *
 * Within its turn, who commits again and again keeps the lock: going to and fro between two cores, it
 * would take the hot pages and the books along, which costs more than half of the commits. So a
 * releaser that was last seen coming back within RETURN_NS, and finds LOCK_WAITERS, leaves the word
 * *kept* and wakes nobody. It is free for all, but others take it only when it stays the same for
 * a moment. If it does not come back, and nobody is awake to see it, the first sleep to run out
 * ends that: a hint that was wrong costs a sleep, never the lock.
 *
 * A waiter that is dead or stopped is in no queue of the kernel's: it is passed by at no cost.
 * If it is killed or stopped of all things between being woken and claiming the word, the
 * reservation lapses after RESERVED_NS, and who looks then takes it.
 *
 *   waiter:    S1 w = lock_wake   S2 word: free? take it; else set LOCK_WAITERS   S3 futex_wait(w)
 *   releaser:  R1 word -> 0 or reserved, had it LOCK_WAITERS?   R2 lock_wake++   R3 futex_wake
 *              R4 reserved, and nobody was woken: word -> 0, and R2, R3 again
 * If S2 precedes R1 in the word's order, R2 follows S1, so that S3 returns or is woken. If it
 * follows R1, it sees the free or reserved word or a later owner, whom it flags. Who comes between R2
 * and R4 may fall asleep on the reserved word: hence the second wake.
 *
 * Death. A word names a client index, and that index's liveness byte is held by its owner alone,
 * or by whoever proves it dead. An entry that the word names is not given out again (client.c). So with
 * the byte in hand and the word still naming the index, its owner is dead and nobody else
 * can change the word but by setting LOCK_WAITERS. */
#include "sync/lock.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/points.h"
#include "sync/spin.h"

#ifdef COPSE_TESTS
int64_t lock_sleep_ns = 5000000;
int64_t lock_turn_ns = 1000000;
uint64_t lock_return_ns = 2000;
int64_t lock_reserved_ns = 5000000;
#define SLEEP_FIRST_NS lock_sleep_ns
#define TURN_NS lock_turn_ns
#define RETURN_NS lock_return_ns
#define RESERVED_NS lock_reserved_ns
#else
#define SLEEP_FIRST_NS 5000000
#define TURN_NS 1000000
#define RESERVED_NS 5000000 /* how long a reservation holds others off */
#define RETURN_NS 2000      /* who comes back within it comes back at once */
#endif
#define LOOK_EVERY 16u /* returns in a row between two looks at the clock */
#define SLEEP_MOST_NS 100000000
#define PROBE_NS 100000000 /* also without a time-out: a stream of wakes must not hide a death */

#define GENERATION_SHIFT 24
#define GENERATION_MASK ((UINT64_C(1) << 39) - 1)

/* One attempt to take the lock. */
struct attempt {
  struct client *client;
  struct commit_words *commit;
  uint64_t begun_ns;
  uint64_t deadline_ns; /* UINT64_MAX: none */
  uint64_t probed_ns;
  int64_t sleep_ns;
  int is_return; /* the client had it a moment ago */
  int is_own;    /* the word is kept for us */
};

/* --- the word ------------------------------------------------------------------------ */

static uint64_t new_word(const struct attempt *attempt, uint64_t flags) {
  /* relaxed: a stale generation makes two words of one owner alike, which only costs a probe */
  uint64_t last = atomic_load_explicit(&attempt->commit->lock_generation, memory_order_relaxed);
  uint64_t generation = (last + 1) & GENERATION_MASK;
  return flags | generation << GENERATION_SHIFT | (attempt->client->index + 1);
}

/* The word is ours: what only its holder writes. */
static void note_taken(struct attempt *attempt, uint64_t word) {
  POINT(lock_taken);
  /* relaxed: both for statistics and for new_word() */
  atomic_store_explicit(&attempt->commit->lock_generation,
                        word >> GENERATION_SHIFT & GENERATION_MASK, memory_order_relaxed);
  atomic_store_explicit(&attempt->commit->lock_since_ns, clock_coarse_ns(),
                        memory_order_relaxed); /* relaxed: likewise */
}

static int is_reserved(uint64_t word) { return LOCK_OWNER(word) == LOCK_RESERVED; }
static int is_kept(uint64_t word) { return LOCK_OWNER(word) == LOCK_KEPT; }
static uint64_t generation_of(uint64_t word) {
  return word & (GENERATION_MASK << GENERATION_SHIFT);
}

/* Whether who the word is reserved for has let it lapse. */
static int has_lapsed(const struct commit_words *commit) {
  /* relaxed: written before the word was reserved, which is seen; else it is only older */
  uint64_t since = atomic_load_explicit(&commit->lock_since_ns, memory_order_relaxed);
  uint64_t now = clock_now_ns();
  return now > since && now - since >= (uint64_t)RESERVED_NS;
}

/* Whether who comes at this time comes back at once. */
static int is_return(const struct client *client, uint64_t now) {
  /* relaxed: a hint; another thread of ours may be the one that left it */
  return now - atomic_load_explicit(&client->lock_left_ns, memory_order_relaxed) < RETURN_NS;
}

/* With the lock: how often in a row the client has come back at once; 0: not even now. */
static uint64_t returns_count(const struct attempt *attempt) {
  uint64_t returns = attempt->client->lock_returns;
  if (!attempt->is_own)
    return attempt->is_return ? LOOK_EVERY : 0;
  int looks = returns % LOOK_EVERY == 0;
  return looks && !is_return(attempt->client, clock_now_ns()) ? 0 : returns + 1;
}

/* Takes the lock if the word is the expected one. */
static int swap_in(struct attempt *attempt, uint64_t expected, uint64_t flags) {
  uint64_t word = new_word(attempt, flags);
  /* pairs: writer-lock */
  if (!atomic_compare_exchange_strong_explicit(&attempt->commit->lock, &expected, word,
                                               memory_order_acquire, memory_order_relaxed))
    return 0;
  note_taken(attempt, word);
  attempt->client->lock_returns = returns_count(attempt);
  return 1;
}

/* Takes the lock if it is free, or kept for us. */
static int take_free(struct attempt *attempt) {
  if (swap_in(attempt, LOCK_FREE, 0))
    return 1;
  /* relaxed: the exchange acquires */
  uint64_t word = atomic_load_explicit(&attempt->commit->lock, memory_order_relaxed);
  /* relaxed: no two holders have one generation */
  uint64_t left = atomic_load_explicit(&attempt->client->lock_left, memory_order_relaxed);
  attempt->is_own = is_kept(word) && generation_of(word) == left;
  int taken = attempt->is_own && swap_in(attempt, word, LOCK_WAITERS);
  attempt->is_own = 0;
  return taken;
}

/* Takes the lock if the one that it is kept for does not come. */
static int take_kept(struct attempt *attempt, uint64_t word) {
  for (int i = 0; i < SPIN_KEPT_ROUNDS; i++) {
    spin_pause();
    /* relaxed: the exchange acquires */
    if (atomic_load_explicit(&attempt->commit->lock, memory_order_relaxed) != word)
      return 0;
  }
  return swap_in(attempt, word, LOCK_WAITERS);
}

static int spin(struct attempt *attempt) {
  int rounds = SPIN_LOCK_ROUNDS;
  for (int i = 0; i < rounds; i++) {
    /* relaxed: the exchange that follows acquires */
    uint64_t word = atomic_load_explicit(&attempt->commit->lock, memory_order_relaxed);
    if (is_kept(word) ? take_kept(attempt, word)
                      : word == LOCK_FREE && swap_in(attempt, LOCK_FREE, 0))
      return 1;
    if (word & LOCK_WAITERS)
      rounds = SPIN_LOCK_ROUNDS_CROWDED;
    spin_pause();
  }
  return 0;
}

/* --- taking over --------------------------------------------------------------------- */

/* 1: taken over from a dead owner; 0: the owner lives, or the word has changed. */
static int take_over(struct attempt *attempt, uint64_t word) {
  struct client *client = attempt->client;
  struct commit_words *commit = attempt->commit;
  uint32_t owner = LOCK_OWNER(word) - 1; /* 0, no owner, becomes too large */
  if (is_reserved(word) || is_kept(word))
    return 0;
  if (owner >= CLIENT_MAX)
    return error_set(COPSE_E_CORRUPT, "the writer lock holds a word that names no process: 0x%llx",
                     (unsigned long long)word);
  if (owner == client->index)
    return 0; /* another thread of ours */
  int proof;
  int code = client_prove_dead(client->readers, owner, &proof);
  if (code <= 0)
    return code;
  POINT(lock_takeover_proved);
  for (;;) {
    /* relaxed: the exchange acquires */
    uint64_t now = atomic_load_explicit(&commit->lock, memory_order_relaxed);
    if ((now & ~LOCK_WAITERS) != (word & ~LOCK_WAITERS)) {
      client_proof_release(proof);
      return 0;
    }
    if (swap_in(attempt, now, LOCK_WAITERS))
      break;
  }
  POINT(lock_takeover_done);
  client_reap(client->readers, owner, proof);
  /* relaxed: counters */
  atomic_fetch_add_explicit(&commit->takeovers, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&commit->reaped, 1, memory_order_relaxed); /* relaxed: likewise */
  /* It may have died between publishing and waking: see wait.h. pairs: commit-wait */
  atomic_fetch_add_explicit(&commit->commit_wake, 1, memory_order_seq_cst);
  os_futex_wake(&commit->commit_wake, INT32_MAX);
  return 1;
}

/* --- waiting ------------------------------------------------------------------------- */

static void name_printable(const char from[16], char to[16]) {
  int i = 0;
  for (; i < 15 && from[i]; i++)
    to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
  to[i] = 0;
}

static int timed_out(const struct attempt *attempt, uint64_t word) {
  struct region *readers = attempt->client->readers;
  uint32_t owner = LOCK_OWNER(word) - 1, count;
  if (LOCK_OWNER(word) == 0 || readers_client_count(readers, &count) || owner >= count)
    return error_set(COPSE_E_TIMEOUT, "the writer lock was not to be had within the time limit");
  const struct reader_client *entry = readers_client(readers, owner);
  /* relaxed: for people */
  uint64_t since = atomic_load_explicit(&attempt->commit->lock_since_ns, memory_order_relaxed);
  uint64_t now = clock_now_ns();
  double held = now > since ? (double)(now - since) / 1e9 : 0;
  char command[16];
  name_printable(entry->command, command);
  /* relaxed: for people */
  uint64_t space = atomic_load_explicit(&entry->pid_namespace, memory_order_relaxed);
  int elsewhere = space && space != os_pid_namespace();
  return error_set(COPSE_E_TIMEOUT,
                   "process %u%s (%s) has held the writer lock for %.3f s; if it is stopped, let "
                   "it go on or end it",
                   entry->pid, elsewhere ? " of another PID namespace" : "", command, held);
}

/* Notes once that the owner has held the lock for longer than we find usual. */
static void note_long_hold(const struct attempt *attempt, uint64_t word, uint64_t now) {
  struct region *readers = attempt->client->readers;
  struct commit_words *commit = attempt->commit;
  uint32_t owner = LOCK_OWNER(word) - 1, count;
  /* relaxed: for people, all of them */
  uint64_t since = atomic_load_explicit(&commit->lock_since_ns, memory_order_relaxed);
  if (now <= since || now - since < attempt->client->long_hold_ns || LOCK_OWNER(word) == 0 ||
      readers_client_count(readers, &count) || owner >= count)
    return;
  uint64_t former = atomic_exchange_explicit(&commit->long_hold_word, word & ~LOCK_WAITERS,
                                             memory_order_relaxed); /* relaxed: likewise */
  if (former != (word & ~LOCK_WAITERS)) {
    uint64_t command[2];
    const struct reader_client *entry = readers_client(readers, owner);
    memcpy(command, entry->command, sizeof command);
    /* relaxed: likewise */
    atomic_fetch_add_explicit(&commit->long_holds, 1, memory_order_relaxed);
    atomic_store_explicit(&commit->long_hold_pid, entry->pid,
                          memory_order_relaxed); /* relaxed: too */
    for (int i = 0; i < 2; i++)
      atomic_store_explicit(&commit->long_hold_command[i], command[i],
                            memory_order_relaxed); /* relaxed: likewise */
  }
  /* relaxed: likewise */
  atomic_store_explicit(&commit->long_hold_ns, now - since, memory_order_relaxed);
}

/* S2's second half. 1 when the word is flagged and still the expected one. */
static int flag_waiting(struct attempt *attempt, uint64_t word) {
  return word & LOCK_WAITERS ||
         /* pairs: writer-lock */
         atomic_compare_exchange_strong_explicit(&attempt->commit->lock, &word, word | LOCK_WAITERS,
                                                 memory_order_acq_rel, memory_order_relaxed);
}

/* Sleeps until woken, or the time limit or the sleep's length is over: TIMEOUT. */
static int sleep_once(const struct attempt *attempt, uint64_t word, uint32_t wake, uint64_t now) {
  uint64_t left = attempt->deadline_ns - now;
  int64_t ns = is_reserved(word) ? RESERVED_NS : attempt->sleep_ns;
  if (left < (uint64_t)ns)
    ns = (int64_t)left;
  return os_futex_wait(&attempt->commit->lock_wake, wake, ns); /* S3 */
}

/* One round of waiting. 1: the lock is ours; 0: not yet. called: a sleep has ended by a wake. */
static int wait_round(struct attempt *attempt, int *called, int *taken_over) {
  struct commit_words *commit = attempt->commit;
  /* S1. pairs: writer-lock */
  uint32_t wake = atomic_load_explicit(&commit->lock_wake, memory_order_acquire);
  /* S2. relaxed: the exchanges acquire */
  uint64_t word = atomic_load_explicit(&commit->lock, memory_order_relaxed);
  if (word == LOCK_FREE)
    return swap_in(attempt, LOCK_FREE, LOCK_WAITERS); /* others may sleep: wake one after us */
  if (is_reserved(word) && (*called || has_lapsed(commit)))
    return swap_in(attempt, word, LOCK_WAITERS);
  if (is_kept(word) && take_kept(attempt, word))
    return 1;
  uint64_t now = clock_now_ns();
  int expired = now >= attempt->deadline_ns;
  int code = COPSE_E_TIMEOUT;
  if (!expired) {
    if (!flag_waiting(attempt, word))
      return 0;
    code = sleep_once(attempt, word, wake, now);
    *called = code == 0;
    now = clock_now_ns();
  }
  if (code && code != COPSE_E_TIMEOUT)
    return code;
  if (!code && now - attempt->probed_ns < PROBE_NS)
    return 0;
  attempt->probed_ns = now;
  if (code && attempt->sleep_ns < SLEEP_MOST_NS)
    attempt->sleep_ns *= 2;
  /* relaxed: the exchange acquires. A word that has changed had a living owner a moment ago. */
  uint64_t later = atomic_load_explicit(&commit->lock, memory_order_relaxed);
  if (((later ^ word) & ~LOCK_WAITERS) == 0) {
    note_long_hold(attempt, word, now);
    code = take_over(attempt, word);
    if (code) {
      *taken_over = code > 0;
      return code;
    }
  }
  return expired ? timed_out(attempt, later) : 0;
}

static void count_wait(struct commit_words *commit, uint64_t ns) {
  /* relaxed: counters */
  atomic_fetch_add_explicit(&commit->lock_waits, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&commit->lock_wait_ns, ns, memory_order_relaxed); /* relaxed: too */
  /* relaxed: likewise */
  uint64_t most = atomic_load_explicit(&commit->lock_wait_max_ns, memory_order_relaxed);
  while (ns > most &&
         /* relaxed: likewise */
         !atomic_compare_exchange_weak_explicit(&commit->lock_wait_max_ns, &most, ns,
                                                memory_order_relaxed, memory_order_relaxed))
    ;
}

/* --- the interface ------------------------------------------------------------------- */

int lock_acquire(struct client *client, uint8_t *writers, int64_t timeout_ns,
                 struct lock_result *result) {
  struct attempt attempt = {.client = client, .commit = sync_commit(writers)};
  struct lock_result done = {0};
  if (take_free(&attempt)) {
    *result = done;
    return 0;
  }
  uint64_t begun = clock_now_ns();
  attempt.is_return = is_return(client, begun);
  attempt.deadline_ns = timeout_ns < 0 ? UINT64_MAX : begun + (uint64_t)timeout_ns;
  attempt.probed_ns = begun;
  attempt.sleep_ns = SLEEP_FIRST_NS;
  int code = timeout_ns ? spin(&attempt) : 0; /* 1: taken */
  int called = 0;
  while (code == 0)
    code = wait_round(&attempt, &called, &done.taken_over);
  done.waited_ns = clock_now_ns() - begun;
  count_wait(attempt.commit, done.waited_ns);
  if (code < 0)
    return code;
  *result = done;
  return 0;
}

int lock_try(struct client *client, uint8_t *writers) {
  struct attempt attempt = {.client = client, .commit = sync_commit(writers)};
  /* ring.h's P4. pairs: ring-staged */
  uint64_t word = atomic_load_explicit(&attempt.commit->lock, memory_order_seq_cst);
  return lock_is_free(word) && swap_in(&attempt, word, word & LOCK_WAITERS);
}

/* Whether it is the first sleeper's turn. */
static int is_turn(struct commit_words *commit, uint64_t now) {
  /* relaxed: under the lock */
  uint64_t last = atomic_load_explicit(&commit->lock_turn_ns, memory_order_relaxed);
  if (now > last && now - last < (uint64_t)TURN_NS)
    return 0;
  atomic_store_explicit(&commit->lock_turn_ns, now, memory_order_relaxed); /* relaxed: likewise */
  atomic_store_explicit(&commit->lock_since_ns, now,
                        memory_order_relaxed); /* relaxed: has_lapsed() */
  return 1;
}

/* R2 and R3; how many were woken. */
static int wake_first(struct commit_words *commit) {
  /* pairs: writer-lock */
  atomic_fetch_add_explicit(&commit->lock_wake, 1, memory_order_release);
  return os_futex_wake(&commit->lock_wake, 1);
}

/* What a holder leaves that somebody waits for: the word reserved, kept for itself, or free. */
static uint64_t next_word(struct client *client, struct commit_words *commit, uint64_t word) {
  uint64_t generation = generation_of(word);
  /* relaxed: compared with words that are exchanged then */
  atomic_store_explicit(&client->lock_left, generation, memory_order_relaxed);
  if (client->lock_returns % LOOK_EVERY == 0) {
    uint64_t now = clock_now_ns();
    atomic_store_explicit(&client->lock_left_ns, now, memory_order_relaxed); /* relaxed: a hint */
    if (is_turn(commit, now))
      return generation | LOCK_WAITERS | LOCK_RESERVED;
  }
  return client->lock_returns ? generation | LOCK_WAITERS | LOCK_KEPT : LOCK_FREE;
}

void lock_release(struct client *client, uint8_t *writers) {
  struct commit_words *commit = sync_commit(writers);
  POINT(lock_releasing);
  /* relaxed: only to choose what is put in its place */
  uint64_t word = atomic_load_explicit(&commit->lock, memory_order_relaxed);
  uint64_t next = word & LOCK_WAITERS ? next_word(client, commit, word) : LOCK_FREE;
  /* R1, and ring.h's H8. pairs: writer-lock, ring-staged */
  word = atomic_exchange_explicit(&commit->lock, next, memory_order_seq_cst);
  if (!(word & LOCK_WAITERS) || is_kept(next))
    return;
  if (next != LOCK_FREE)
    POINT(lock_reserved);
  if (wake_first(commit) == 0 && next != LOCK_FREE &&
      /* R4. pairs: writer-lock */
      atomic_compare_exchange_strong_explicit(&commit->lock, &next, LOCK_FREE, memory_order_release,
                                              memory_order_relaxed))
    (void)wake_first(commit);
  /* relaxed: a hint. Waking took longer than coming back does. */
  atomic_store_explicit(&client->lock_left_ns, clock_now_ns(), memory_order_relaxed);
}
