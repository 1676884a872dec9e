/* base/points.h - the one list of named points: places at which a death or a preemption
 * matters. Kill tests, interleaving tests and fault injection iterate over the list, so
 * that a new point is covered by itself. POINT(name) compiles to nothing in release builds.
 *
 * A test installs a hook (points_hook); the hook may kill the process, or switch threads. */
#ifndef BASE_POINTS_H
#define BASE_POINTS_H

/* X(name): where it is. */
#define POINTS(X)                                                                                  \
  X(client_byte_locked)   /* attach: the liveness byte is held, the entry not yet filled */        \
  X(client_entered)       /* attach: the entry is filled */                                        \
  X(client_leaving)       /* detach: slots are free, the entry is not */                           \
  X(slot_taken)           /* snapshot: the slot has an owner, announces nothing */                 \
  X(slot_pending)         /* snapshot: announced "from v on", exact version not yet known */       \
  X(slot_exact)           /* snapshot: announced */                                                \
  X(lease_chunk_taken)    /* lease: the chunk has an owner, its words are the former one's */      \
  X(lease_put)            /* lease: the word is there, or gone, the chunk does not say so */       \
  X(lock_taken)           /* writer: the lock word is ours, nothing else done */                   \
  X(lock_takeover_proved) /* writer: the owner's byte is held, the lock word still his */          \
  X(lock_takeover_done)   /* writer: the word is ours, the dead owner not yet cleaned up */        \
  X(lock_releasing)       /* writer: about to release */                                           \
  X(lock_reserved)        /* writer: released for a sleeper that is not yet woken */               \
  X(reap_byte_held)       /* reaper: the dead client's byte is held */                             \
  X(reap_slots_cleared)   /* reaper: its slots are free, its entry is not */                       \
  X(rollback_begin)       /* writer: undoing what a dead or aborted transaction left */            \
  X(rollback_step)        /* writer: after one undone word */                                      \
  X(undo_logged)          /* writer: the old value is logged, the word not yet changed */          \
  X(alloc_popped)         /* writer: a page was taken */                                           \
  X(alloc_segment)        /* writer: a segment was given to a class */                             \
  X(grow_begin)           /* writer: before the file grows */                                      \
  X(file_made)            /* writer: a further data file is there, and has no header */            \
  X(file_named)           /* writer: it has one, nothing of it is used */                          \
  X(area_placed)          /* writer: a piece of the books has a place, and is not in use yet */    \
  X(grow_done)            /* writer: the file has grown, the limit is not yet raised */            \
  X(array_moved)          /* an array of this process was moved, where to is not yet noted */      \
  X(observe_probing)      /* writer: looking for observers' locks */                               \
  X(observe_raised)       /* writer: pages are about to be taken, observers are told */            \
  X(hole_said)            /* writer: free segments say that they have no storage, and have it */   \
  X(hole_stored)          /* writer: a segment has storage, and says that it has none */           \
  X(reclaim_entry)        /* writer: a pending page was moved */                                   \
  X(reclaim_chunk)        /* writer: a chunk of the pending queue was emptied */                   \
  X(commit_begin)         /* writer: before the roots are written */                               \
  X(commit_freed)         /* writer: freed pages are queued */                                     \
  X(commit_record_odd)    /* writer: the root record is being written */                           \
  X(commit_record_even)   /* writer: the root record is complete, not yet published */             \
  X(commit_published)     /* writer: published; lock still held */                                 \
  X(commit_woken)         /* writer: waiters are woken */                                          \
  X(log_written)          /* group: the record is on disk, nobody knows */                         \
  X(log_root_written)     /* group: the logged root is written, not yet the newest */              \
  X(log_root_newest)      /* group: it is, the lock still held */                                  \
  X(log_switched)         /* group: the log goes on in its other half, which has a new salt */     \
  X(durable_data_synced)  /* sync: data is on disk, the root slot is not */                        \
  X(durable_root_written) /* sync: the root slot is written, not synced */                         \
  X(durable_root_synced)  /* sync: the root slot is on disk */                                     \
  X(apply_received)       /* apply: the changes are received, the copy is as it was */             \
  X(apply_marked)         /* apply: the copy says that changes are being applied */                \
  X(apply_pages)          /* apply: the pages are written, the root slots are not */               \
  X(apply_header)         /* apply: all is written, the copy still says so */                      \
  X(apply_done)           /* apply: it does no longer, the changes are still there */              \
  X(remove_begun)         /* remove: the header says so, all files are there */                    \
  X(remove_file)          /* remove: a coordination file is gone, the data file is not */          \
  X(ring_claimed)         /* batch: a ring is ours, nothing is in it */                            \
  X(ring_entry_written)   /* batch: part of an entry is in the ring, which does not count it */    \
  X(ring_tail_raised)     /* batch: the ring counts the entry, nobody was told */                  \
  X(ring_staged)          /* batch: an entry was left for whoever holds the lock */                \
  X(ring_marked)          /* combiner: about to note what it applied */                            \
  X(ring_version_set)     /* combiner: the version is noted, the position is not */                \
  X(ring_consumed)        /* combiner: both are noted, the version is not published */             \
  X(combine_collected)    /* combiner: entries are copied, none is applied */                      \
  X(combine_applied)      /* combiner: all are applied, nothing is noted in the rings */           \
  X(combine_outcomes)     /* combiner: outcomes are written, the version is not published */       \
  X(combine_published)    /* combiner: published, those who wait for room were not woken */        \
  X(reserve_booked)       /* arena: pages are booked for us, which is not published */             \
  X(reserve_made)         /* arena: it is, the lock still held; nothing is written in them */      \
  X(reserve_linked)       /* arena: they are linked into a version that is not published */        \
  X(create_header)        /* create: the data file has a header, no coordination files yet */      \
  X(create_coordination)  /* create: coordination files written, not yet named by the header */

enum point {
#define POINT_ENUM(name) POINT_##name,
  POINTS(POINT_ENUM)
#undef POINT_ENUM
      POINT_COUNT
};

#ifdef COPSE_POINTS
extern void (*points_hook)(enum point point);
extern const char *const points_names[POINT_COUNT];
#define POINT(name)                                                                                \
  do {                                                                                             \
    if (points_hook)                                                                               \
      points_hook(POINT_##name);                                                                   \
  } while (0)
#else
#define POINT(name) ((void)0)
#endif

#endif
