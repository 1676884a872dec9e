/* sync/ring.h - the memory in which a client leaves batches for whoever holds the writer lock.
 *
 * Producer P, holder of the lock H:
 *   P1 entry into data, P2 tail (seq_cst), P3 staged = 1 if it is not (seq_cst), P4 the lock word
 *      (seq_cst): free? then P takes the lock and applies what there is; else the holder will
 *   H1 staged = 0 (seq_cst), H2 all tails (seq_cst), H3 entries copied, looked at, applied
 *   H4 mark + 1, H5 consumed_version = v, H6 consumed (both through the undo log, released)
 *   H7 publish v   H8 release the lock   H9 staged? (seq_cst) then take the lock again, if it is
 *      to be had at once, and go on at H1
 * Nothing is left behind: if P4 finds the lock held, H8 follows P4, and H9 follows P3. H9 sees 1, or
 * somebody took it back (H1) after P3, whose H2 then sees P2.
 *
 * Whether consumption lasts (ring_settled()). A holder that dies between H5 and H7 is undone: the
 * next holder puts consumed and then consumed_version back, before it publishes. P reads
 *   S1 published, S2 mark, S3 consumed = c, S4 consumed_version = v, S5 consumed, S6 mark
 * all acquire, and takes c as lasting when v <= published, S3 = S5 and S2 = S6. Why: by S6 no holder but
 * the last one that S2 saw, h, has written what S3 to S5 read; or it was undone. If c is of h, S4
 * gives h's version, or what undoing put back. h's version not above S1's: h's own transaction
 * is published, since one of the same version that was undone had been put back before the
 * publishing that S1 acquired, and S3 would not have seen it. What undoing put back: then S5 reads what
 * it put back before that, which is not c.
 * Room is counted by lasting consumption only: what an undone holder had read must be there again.
 *
 * Waiting for room: P: F1 w = wake, F2 waiting = 1, F3 room? F4 futex_wait(w);
 * H after H7: F5 waiting 1 -> 0? F6 wake++, F7 futex_wake: as in wait.h. */
#ifndef SYNC_RING_H
#define SYNC_RING_H

#include "region/region.h"
#include "sync/format.h"

/* 1: consumption up to *position lasts. 0: the newest consumption may yet be undone. */
int ring_settled(const struct ring *ring, const uint8_t *writers, uint64_t *position);

/* P1 to P3: leaves an entry of `bytes` bytes behind `tail`, the owner's own count, of which all up to
 * `settled` is free again. 1: done; 0: no room. */
int ring_stage(struct ring *ring, uint8_t *writers, uint64_t tail, uint64_t settled,
               const void *entry, uint32_t bytes);

/* H1; 1 when something may have been left. */
int ring_look(uint8_t *writers);
/* H9, without taking the flag back. */
int ring_is_staged(const uint8_t *writers);

/* H2: what waits in the ring. 0: the counts make no sense. */
int ring_span(const struct ring *ring, uint64_t *from, uint64_t *to);
/* Something is left, for another round. */
void ring_leave(uint8_t *writers);
/* H3: copies bytes out. */
void ring_copy(const struct ring *ring, uint64_t from, void *to, uint64_t bytes);
/* H4 to H6. log: notes a word in the undo log, or gives an error, which is returned. */
int ring_consume(struct ring *ring, uint64_t to, uint64_t version,
                 int (*log)(void *context, const uint64_t *word), void *context);
/* F5 to F7 */
void ring_make_room_known(struct ring *ring);
/* F1 to F4, at most for sleep_ns. is_room is F3. */
int ring_wait_for_room(struct ring *ring, int (*is_room)(void *context), void *context,
                       int64_t sleep_ns);

/* Outcomes: written by the holder of the lock; read by the owner once the batch is visible. COPSE_NONE:
 * another batch's has taken the place. */
struct ring_result {
  int32_t code;
  uint32_t failed;
  uint64_t first;
};
void ring_outcome_put(struct ring *ring, uint64_t sequence, const struct ring_result *result);
int ring_outcome_get(const struct ring *ring, uint64_t sequence, struct ring_result *result);

#endif
