/* sync/observe.h - observers: readers that may write to no file, and so can't announce anything.
 *
 * An observer copies each page out and then asks whether its version was still whole when it did.
 * Reclaimer B against observer A, who reads version v:
 *   B1  takes a page that version d freed from those that wait, no version that is announced or in
 *       `observed` holding it
 *   B2  retained = d, if that is more; a release fence     A1  copies the page, each word acquired
 *   B3  writes to the page                                 A2  is v in `observed`, or v >= retained?
 * Whole means: every page that was ever taken was freed by v or earlier (v did not have it), or did
 * not belong to v, since v was in `observed`. If A1 saw what B3 wrote, it acquired what came before
 * the fence, so that A2 sees B2, and v out of `observed`, if it was taken out. A newest version that
 * the log has made durable is whole, too: reclaimers keep it.
 *
 * Versions get into `observed` by a lock of the kernel's on the byte OBSERVE_VERSION + v of the writers'
 * file, for which read permission is enough. B looks at these locks (a *probe*) before it reclaims,
 * if the last probe is OBSERVE_PROBE_NS ago. So an observer that finds no recent probe locks its
 * version's byte and is sure that the next reclaiming begins with a probe. Else versions go by
 * faster than probes come:
 *   J1  A locks OBSERVE_JOIN, and waits for a probe that began later: from then on B keeps all that
 *       is freed, until the next probe
 *   J2  A reads the newest version v, locks OBSERVE_VERSION + v, and asks whether no further probe began
 *       meanwhile (else J2 again); then it unlocks OBSERVE_JOIN
 * That a count of probes read after locking has not changed tells that a later probe sees the lock: who
 * looked at the kernel's locks before we locked had raised the count before. */
#ifndef SYNC_OBSERVE_H
#define SYNC_OBSERVE_H

#include "sync/format.h"

#define OBSERVE_PROBE_NS UINT64_C(4000000)

/* --- the holder of the writer lock --------------------------------------------------------- */

/* What a probe found. */
struct observe_found {
  uint64_t versions[OBSERVED_MAX];
  unsigned count;
  int joins; /* somebody holds OBSERVE_JOIN */
};

/* Whether the last probe is long ago. */
int observe_is_due(const uint8_t *writers);
void observe_begin(uint8_t *writers);
/* Puts the versions that were found and are whole into `observed`, and takes the others out. took_ns:
 * how long looking took. Where somebody holds very many locks, that is long, and not to be done often. */
void observe_end(uint8_t *writers, const struct observe_found *found, uint64_t took_ns);
/* Keeps nothing for one version any more, or (0) for none. */
void observe_drop(uint8_t *writers, uint64_t version);
/* B2, between reclaiming and writing: pages freed by versions up to this one were taken. */
void observe_raise(uint8_t *writers, uint64_t freed);

/* --- observers ----------------------------------------------------------------------------- */

/* A2: 1: what the caller read before is of that version. */
int observe_is_whole(const uint8_t *writers, uint64_t version);
/* How many probes were begun and ended. */
uint64_t observe_probes(const uint8_t *writers);

#endif
