/* copse/follow.h - following a store: wait for commits, diff snapshots, watch keys.
 *
 * A commit makes no system call when nobody waits. */
#ifndef COPSE_FOLLOW_H
#define COPSE_FOLLOW_H

#include "cursor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Waits until the store (map NULL) or the map has a version greater than after. timeout_ns:
 * < 0 without limit, 0 only looks. version (may be NULL) receives the newest version of
 * the store, or the newest that changed the map. Spins for some microseconds before it sleeps.
 * Errors: TIMEOUT, INTERRUPTED, NO_MAP (the map was dropped), FORKED. */
COPSE_CHECKED int copse_wait(struct copse_store *store, struct copse_map *map, uint64_t after,
                             int64_t timeout_ns, uint64_t *version);

/* --- diff ---------------------------------------------------------------------------- */

enum copse_change_kind { COPSE_ADDED = 1, COPSE_REMOVED = 2, COPSE_CHANGED = 3 };

struct copse_change {
  enum copse_change_kind kind;
  struct copse_bytes key;
  struct copse_bytes before; /* data NULL when added */
  struct copse_bytes after;  /* data NULL when removed */
};

struct copse_diff;

/* Compares a map, or an arena (copse_arena_map()), in two views of one store, in time proportional to what changed: subtrees
 * that both share are skipped. before and after may be any two snapshots, in any order of
 * age; a map that is in one only counts as empty in the other. Both must stay open.
 * Errors: NO_MAP (in neither), ARGUMENT, CORRUPT, MEMORY. */
COPSE_CHECKED int copse_diff_open(struct copse_view *before, struct copse_view *after,
                                  struct copse_map *map, const struct copse_range *range,
                                  struct copse_diff **diff);
/* The next changed key in key order; COPSE_NONE at the end. The key is lent until the next
 * call, the values as by the views. */
COPSE_CHECKED int copse_diff_next(struct copse_diff *diff, struct copse_change *change);
COPSE_API void copse_diff_close(struct copse_diff *diff);

/* --- watch --------------------------------------------------------------------------- */

struct copse_watch;

/* Watches a key range of a map (NULL: all keys) for changes after the version that the
 * store has now. It holds a snapshot of the last version it has reported.
 * One thread at a time; copse_watch_cancel() from any. Errors: NO_MAP, ARGUMENT, MEMORY, TOO_MANY. */
COPSE_CHECKED int copse_watch_open(struct copse_store *store, struct copse_map *map,
                                   const struct copse_range *range, struct copse_watch **watch);

struct copse_watch_event {
  uint64_t version; /* the state that is reported */
  uint64_t since;   /* the state before it: the last one reported */
  uint64_t commits; /* how many commits were merged into this event: version - since */
};

/* Waits until a commit changed a key in the range; then copse_watch_change() gives the keys.
 * Errors: TIMEOUT, INTERRUPTED, CANCELLED, NO_MAP (dropped), FORKED, CORRUPT. */
COPSE_CHECKED int copse_watch_next(struct copse_watch *watch, int64_t timeout_ns,
                                   struct copse_watch_event *event);
/* The changed keys of the last event, in key order; COPSE_NONE at the end. Lent until the
 * next copse_watch_next(), the key until the next call. */
COPSE_CHECKED int copse_watch_change(struct copse_watch *watch, struct copse_change *change);
/* The view that the last event reports. Lent until the next copse_watch_next(). */
COPSE_API struct copse_view *copse_watch_view(struct copse_watch *watch);
/* A descriptor that polls readable when a commit came after the last reported version: call
 * copse_watch_next() with timeout 0 then (TIMEOUT: the commit was of other keys). It costs one thread in this process, which ends
 * with copse_watch_close(). The descriptor belongs to the watch. After fork the
 * child's copy stays silent: the child opens a watch of its own. */
COPSE_CHECKED int copse_watch_descriptor(struct copse_watch *watch, int *descriptor);
/* Makes a waiting copse_watch_next() return CANCELLED, and each later one, whatever is committed; from
 * any thread or signal handler. */
COPSE_API void copse_watch_cancel(struct copse_watch *watch);
COPSE_API void copse_watch_close(struct copse_watch *watch);

#ifdef __cplusplus
}
#endif
#endif
