/* copse/copy.h - sealed copies of a version, and streams that bring them up to date.
 *
 * A sealed copy is one file that holds one version of a store. It needs no other file beside it, may lie on any
 * file system, those of networks too, be copied like any file, and is opened with COPSE_READ_ONLY
 * (READ_ONLY otherwise).
 *
 * Changes are a stream of what a later version has and an earlier one has not. Applied to a copy of the
 * earlier one it makes a copy of the later one, as large as what changed. The stream goes through any
 * file or pipe, to another machine too. The store keeps nothing for it, however far behind a copy is.
 *
 * A version is one of a store and of its timeline: after a recovery versions are issued again. Changes are
 * refused by copies of another store, timeline or version (CHANGES), and so are those that did not
 * arrive as they were sent (STREAM). */
#ifndef COPSE_COPY_H
#define COPSE_COPY_H

#include "transaction.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which version of which store. */
struct copse_position {
  uint8_t store_id[16];
  uint64_t timeline;
  uint64_t version;
};

/* Of what a snapshot shows. */
COPSE_API void copse_snapshot_position(const struct copse_snapshot *snapshot,
                                       struct copse_position *position);

/* Of what a sealed copy holds. Errors: NO_STORE, NOT_A_STORE, VERSION, CORRUPT, PERMISSION, IO, STATE (not a
 * sealed copy; changes were being applied to it and were cut short). */
COPSE_CHECKED int copse_copy_position(const char *path, struct copse_position *position);

/* Writes what the snapshot shows to a new file, a sealed copy: the pages of the version at the places that
 * they have in the store, and holes. Programs may write meanwhile. mode: permission bits before
 * umask; 0: 0666. Errors: STORE_EXISTS, NO_STORE (no such folder), PERMISSION, READ_ONLY, NO_SPACE,
 * CORRUPT, TRUNCATED, STATE (the snapshot is oustable), IO. */
COPSE_CHECKED int copse_snapshot_seal(struct copse_snapshot *snapshot, const char *path,
                                      uint32_t mode);

/* Writes what the snapshot shows and the version at `since` does not, as a stream; since NULL: all of it. Calls
 * write (context as given) with one part after the other, in order, of some hundred KiB at most; a nonzero
 * result ends it and is returned. Programs may write to the store meanwhile. Errors: CHANGES (another
 * store or timeline, or a later version), STATE (the snapshot is oustable), MEMORY, CORRUPT, TRUNCATED. */
COPSE_CHECKED int copse_snapshot_changes(struct copse_snapshot *snapshot,
                                         const struct copse_position *since,
                                         int (*write)(void *context, const void *data, size_t size),
                                         void *context);

/* Applies changes to the sealed copy at path, or makes it from a stream of all (which needs that there is none;
 * mode as above). Calls read for the next bytes of the stream, at most `size`: it returns how many there are, 0 at
 * the end of the input, or a negative number, which is returned. Nothing behind the stream's end is read.
 *
 * All of the stream is received and verified first, in PATH-applying; then it is applied. A death
 * or a power cut in between leaves a copy that can't be opened (STATE) until the next call, which first
 * completes it; read NULL does only that. Then, too, the same changes may be given again: they are read, and
 * nothing is done.
 *
 * Nobody may have the copy open, as far as locks of the file system tell (STATE). For those that have it open
 * while it changes, apply the changes to a copy of the file and rename that.
 * position (may be NULL) receives what the copy then holds.
 * Errors: CHANGES, STREAM, STATE (it is open, or a live store), STORE_EXISTS, NO_STORE, NOT_A_STORE, VERSION,
 * CORRUPT, PERMISSION, READ_ONLY, NO_SPACE, MEMORY, IO. */
COPSE_CHECKED int copse_copy_apply(const char *path, uint32_t mode,
                                   ptrdiff_t (*read)(void *context, void *data, size_t size),
                                   void *context, struct copse_position *position);

#ifdef __cplusplus
}
#endif
#endif
