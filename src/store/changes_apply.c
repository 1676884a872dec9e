/* store/changes_apply.c - changes are received, and applied to a sealed copy.
 *
 * Pages of the new version may lie where only the old one has pages: half-applied, a copy is neither. So
 * the stream is first received whole, and verified, in a file of its own. Then:
 *   1  that file and its name are made durable
 *   2  the copy's header says (in the place of the nonce) that changes are being applied; sync
 *   3  the pages are written to their places, the root slots, and the new header, which still says so; sync
 *   4  the header says so no longer; sync
 *   5  the file goes
 * Whoever is cut short between 2 and 4 leaves a copy that nobody opens, and whoever applies next does 3 to 5
 * (again: it comes to the same). Before 2 and after 4 a file that is there means nothing.
 *
 * A copy that is made from a stream of everything is written under another name, and linked when it is
 * complete. */
#include "store/changes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/points.h"

#define APPLY_BYTE                                                                                 \
  (UINT64_C(1) << 41) /* held by who applies: those of store.c's ATTACH_BYTE and ... */
#define IN_USE_BYTE                                                                                \
  (APPLY_BYTE + 1) /* ... PRESENCE_BYTE, which who has the copy open holds shared */

struct receiver {
  ptrdiff_t (*read)(void *context, void *data, size_t size);
  void *context;
  struct changes_head head;
  uint32_t chain; /* checksum of the block before */
  uint64_t units; /* of all pages */
  uint8_t *block; /* its payload */
  uint32_t bytes; /* of it */
};

/* --- receiving ------------------------------------------------------------------------- */

static int receive(struct receiver *receiver, void *data, size_t size) {
  uint8_t *to = data;
  while (size) {
    ptrdiff_t n = receiver->read(receiver->context, to, size);
    if (n < 0)
      return (int)n;
    if (n == 0 || (size_t)n > size)
      return error_set(COPSE_E_STREAM, "it ends before its end mark");
    to += n;
    size -= (size_t)n;
  }
  return 0;
}

static int head_receive(struct receiver *receiver) {
  struct changes_head *head = &receiver->head;
  int result = receive(receiver, head, sizeof *head);
  if (result)
    return result;
  if (head->magic != FORMAT_MAGIC_CHANGES)
    return error_set(COPSE_E_STREAM, "it does not begin like changes from 'copse copy'");
  if (head->version > FORMAT_VERSION)
    return error_set(COPSE_E_VERSION, "the changes have format %u; this library reads up to %u",
                     head->version, FORMAT_VERSION);
  if (head->crc != changes_head_crc(head))
    return error_set(COPSE_E_STREAM, "its head is damaged");
  result = data_header_check(&head->header, "the changes");
  if (result)
    return result;
  const struct root *root = &head->root;
  if (!(head->header.read_compat & FORMAT_SEALED) || head->since > root->version ||
      root->limit < FORMAT_FIRST_PAGE || root->limit % FORMAT_UNIT || root->limit >> 47)
    return error_set(COPSE_E_STREAM, "its head makes no sense");
  receiver->chain = head->crc;
  return 0;
}

/* One block; bytes 0: the end. */
static int block_receive(struct receiver *receiver) {
  struct changes_block head;
  int result = receive(receiver, &head, sizeof head);
  if (result == 0 && head.bytes > CHANGES_BLOCK_MAX)
    result = error_set(COPSE_E_STREAM, "a block is said to have %u bytes", head.bytes);
  if (result == 0)
    result = receive(receiver, receiver->block, head.bytes);
  if (result)
    return result;
  if (head.crc != changes_block_crc(receiver->chain, head.bytes, receiver->block))
    return error_set(COPSE_E_STREAM, "a block differs from its checksum");
  receiver->chain = head.crc;
  receiver->bytes = head.bytes;
  return 0;
}

/* The entry at *at of the block, which goes on. */
static int entry_next(const struct receiver *receiver, uint32_t *at, struct changes_entry *entry) {
  uint64_t left = receiver->bytes - *at, limit = receiver->head.root.limit;
  if (left < sizeof *entry)
    return error_set(COPSE_E_STREAM, "a block ends within an entry");
  memcpy(entry, receiver->block + *at, sizeof *entry);
  left -= sizeof *entry;
  if (entry->size == 0 || entry->size > left || (entry->size | entry->offset) % FORMAT_UNIT ||
      entry->offset < FORMAT_FIRST_PAGE || entry->offset > limit ||
      entry->size > limit - entry->offset)
    return error_set(COPSE_E_STREAM, "a page lies outside of the copy");
  *at += (uint32_t)(sizeof *entry + entry->size);
  return 0;
}

/* Receives the rest of the stream, and calls `block` for each block and `page` for each entry (NULL: none). */
static int blocks_receive(struct receiver *receiver,
                          int (*block)(struct receiver *receiver, void *context),
                          int (*page)(void *context, const struct changes_entry *entry,
                                      const uint8_t *bytes),
                          void *context) {
  struct changes_entry entry = {0};
  int result;
  do {
    uint32_t at = 0;
    result = block_receive(receiver);
    while (result == 0 && at < receiver->bytes) {
      result = entry_next(receiver, &at, &entry);
      receiver->units += entry.size / FORMAT_UNIT;
      if (result == 0 && page)
        result = page(context, &entry, receiver->block + at - entry.size);
    }
    if (result == 0 && block)
      result = block(receiver, context);
  } while (result == 0 && receiver->bytes);
  return result;
}

/* --- writing a copy -------------------------------------------------------------------- */

struct target {
  const char *path;
  int fd;
};

static int page_write(void *context, const struct changes_entry *entry, const uint8_t *bytes) {
  const struct target *target = context;
  return os_pwrite(target->fd, target->path, bytes, entry->size, entry->offset);
}

/* What follows the head. A header of nonce `nonce` comes last. */
static int contents_apply(struct receiver *receiver, struct target *target, uint64_t nonce) {
  static const uint8_t end;
  const struct root *root = &receiver->head.root;
  uint64_t size;
  int result = os_size(target->fd, target->path, &size);
  if (result == 0 && size < root->limit) /* holes up to there */
    result = os_pwrite(target->fd, target->path, &end, 1, root->limit - 1);
  if (result == 0)
    result = blocks_receive(receiver, NULL, page_write, target);
  POINT(apply_pages);
  if (result == 0)
    result = sealed_slots_write(target->fd, target->path, root);
  if (result)
    return result;
  struct data_header header = receiver->head.header;
  header.sealed_units = receiver->head.since ? 0 : receiver->units;
  header.nonce = nonce;
  header.crc = data_header_crc(&header);
  result = os_pwrite(target->fd, target->path, &header, sizeof header, 0);
  POINT(apply_header);
  return result == 0 ? os_sync(target->fd, target->path) : result;
}

/* A new copy, of everything. */
static int copy_make(struct receiver *receiver, const char *path, uint32_t mode) {
  char temporary[PATH_MAX];
  struct target target = {.path = temporary};
  int result = name_temporary(path, temporary);
  if (result == 0)
    result =
        os_open(temporary, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, mode ? mode : 0666, &target.fd);
  if (result)
    return result;
  result = contents_apply(receiver, &target, 0);
  if (result == 0)
    result = os_link(temporary, path);
  os_close(target.fd);
  int removed = os_unlink(temporary);
  if (result == 0)
    result = removed;
  return result == 0 ? os_sync_names(path) : result;
}

/* --- a copy that is there ---------------------------------------------------------------- */

/* PATH-applying. */
struct journal {
  char path[PATH_MAX];
  int fd;
  uint64_t at; /* read or written so far */
};

static ptrdiff_t journal_read(void *context, void *data, size_t size) {
  struct journal *journal = context;
  int result = os_pread(journal->fd, journal->path, data, size, journal->at);
  journal->at += size;
  return result ? result : (ptrdiff_t)size;
}

static int journal_write(struct journal *journal, const void *data, size_t size) {
  int result = os_pwrite(journal->fd, journal->path, data, size, journal->at);
  journal->at += size;
  return result;
}

static int block_keep(struct receiver *receiver, void *context) {
  struct changes_block head = {.bytes = receiver->bytes, .crc = receiver->chain};
  int result = journal_write(context, &head, sizeof head);
  return result ? result : journal_write(context, receiver->block, receiver->bytes);
}

/* Receives the rest of a stream, and keeps it. */
static int journal_make(struct receiver *receiver, struct journal *journal, int like) {
  int result = store_file_make(journal->path, like, &journal->fd);
  if (result)
    return result;
  journal->at = 0;
  result = journal_write(journal, &receiver->head, sizeof receiver->head);
  if (result == 0)
    result = blocks_receive(receiver, block_keep, NULL, journal);
  if (result == 0)
    result = os_sync(journal->fd, journal->path);
  if (result == 0)
    result = os_sync_names(journal->path);
  os_close(journal->fd);
  if (result == 0)
    return 0;
  int left = os_unlink(journal->path); /* if it stays, it means nothing */
  (void)left;
  return result;
}

static int mark_write(const struct target *copy, uint64_t nonce) {
  int result =
      os_pwrite(copy->fd, copy->path, &nonce, sizeof nonce, offsetof(struct data_header, nonce));
  return result ? result : os_sync(copy->fd, copy->path);
}

/* Applies what was received. The copy says that it is being applied. */
static int journal_apply(struct target *copy, struct journal *journal, uint8_t *block,
                         struct copse_position *position) {
  struct receiver receiver = {.read = journal_read, .context = journal, .block = block};
  int result = os_open(journal->path, OS_NOFOLLOW, 0, &journal->fd);
  if (result == COPSE_E_NO_STORE)
    return error_set(COPSE_E_CORRUPT,
                     "changes were being applied to %s, and %s is missing: put it "
                     "back, or copy the store anew",
                     copy->path, journal->path);
  if (result)
    return result;
  journal->at = 0;
  result = os_check_planted(journal->fd, journal->path, copy->fd);
  if (result == 0)
    result = head_receive(&receiver);
  if (result == 0)
    result = contents_apply(&receiver, copy, FORMAT_NONCE_APPLYING);
  os_close(journal->fd);
  if (result == 0)
    result = mark_write(copy, 0);
  POINT(apply_done);
  if (result)
    return result == COPSE_E_STREAM || result == COPSE_E_TRUNCATED
               ? error_set(COPSE_E_CORRUPT,
                           "%s, from which %s is to be completed, is damaged; copy "
                           "the store anew",
                           journal->path, copy->path)
               : result;
  position_set(&receiver.head.header, &receiver.head.root, position);
  result = os_unlink(journal->path);
  return result;
}

/* What the copy holds. COPSE_NONE: changes are half-applied. */
static int copy_examine(const struct target *copy, struct copse_position *position) {
  struct data_header header;
  struct root_slot slot;
  int result = os_pread(copy->fd, copy->path, &header, sizeof header, 0);
  if (result == COPSE_E_TRUNCATED)
    return error_set(COPSE_E_NOT_A_STORE, "%s is too short for a sealed copy", copy->path);
  if (result == 0 && data_header_is_half(&header))
    return COPSE_NONE;
  if (result == 0)
    result = data_header_check(&header, copy->path);
  if (result == 0 && !(header.read_compat & FORMAT_SEALED))
    result = error_set(COPSE_E_STATE,
                       "%s is a live store; changes are for copies made by 'copse copy --seal' or "
                       "'copse apply'",
                       copy->path);
  if (result == 0)
    result = durable_read(copy->fd, copy->path, &slot);
  if (result == 0)
    position_set(&header, &slot.root, position);
  return result;
}

int copse_copy_position(const char *path, struct copse_position *position) {
  struct target copy = {.path = path};
  int result = os_open(path, 0, 0, &copy.fd);
  if (result)
    return result;
  result = copy_examine(&copy, position);
  os_close(copy.fd);
  return result == COPSE_NONE ? data_header_half(path) : result;
}

/* Whether the changes lead on from what the copy holds. COPSE_NONE: it has them already. */
static int changes_check(const struct receiver *receiver, const struct copse_position *has,
                         const char *path) {
  struct copse_position to;
  uint64_t since = receiver->head.since;
  position_set(&receiver->head.header, &receiver->head.root, &to);
  int result = position_check(has, &to);
  if (result)
    return result;
  if (to.version == has->version)
    return COPSE_NONE;
  if (since == 0)
    return error_set(COPSE_E_STORE_EXISTS,
                     "%s holds version %llu, and the stream is of everything: give it a path where "
                     "nothing is",
                     path, (unsigned long long)has->version);
  if (since != has->version)
    return error_set(COPSE_E_CHANGES,
                     "%s holds version %llu, and the changes lead from %llu to %llu", path,
                     (unsigned long long)has->version, (unsigned long long)since,
                     (unsigned long long)to.version);
  return 0;
}

static int use_end(const struct target *copy) {
  int alone;
  int result = os_lock_byte(copy->fd, copy->path, IN_USE_BYTE, 1, &alone);
  if (result == 0 && !alone)
    result = error_set(COPSE_E_STATE,
                       "%s is open in some process; end it, or apply the changes to a copy of the "
                       "file and rename that",
                       copy->path);
  return result;
}

/* Receives changes and applies them. The copy is complete, and holds what `position` says. */
static int changes_apply(struct target *copy, struct receiver *receiver, struct journal *journal,
                         struct copse_position *position) {
  int result = head_receive(receiver);
  if (result == 0)
    result = changes_check(receiver, position, copy->path);
  if (result == COPSE_NONE)
    return blocks_receive(receiver, NULL, NULL, NULL);
  if (result == 0)
    result = journal_make(receiver, journal, copy->fd);
  if (result)
    return result;
  POINT(apply_received);
  result = use_end(copy);
  if (result) {
    int left = os_unlink(journal->path); /* if it stays, it means nothing */
    (void)left;
    return result;
  }
  result = mark_write(copy, FORMAT_NONCE_APPLYING);
  POINT(apply_marked);
  return result ? result : journal_apply(copy, journal, receiver->block, position);
}

/* With the copy's file open: locks it against others who apply, and completes what was begun. */
static int copy_apply(struct target *copy, struct receiver *receiver,
                      struct copse_position *position) {
  struct journal journal;
  int alone;
  if (snprintf(journal.path, sizeof journal.path, "%s-applying", copy->path) >=
      (int)sizeof journal.path)
    return error_set(COPSE_E_ARGUMENT, "the path is too long");
  int result = os_lock_byte(copy->fd, copy->path, APPLY_BYTE, 1, &alone);
  if (result == 0 && !alone)
    result =
        error_set(COPSE_E_STATE, "changes are being applied to %s by another process", copy->path);
  if (result == 0)
    result = copy_examine(copy, position);
  int half = result == COPSE_NONE;
  if (result == 0 || half)
    result = use_end(copy);
  if (result == 0 && half)
    result = journal_apply(copy, &journal, receiver->block, position);
  if (result || !receiver->read)
    return result;
  result = os_unlock_byte(copy->fd, copy->path, IN_USE_BYTE); /* receiving may take long */
  return result ? result : changes_apply(copy, receiver, &journal, position);
}

/* Unlocks first: a fork in another thread may have copied the descriptor. */
static void copy_close(const struct target *copy) {
  int unlocked = os_unlock_byte(copy->fd, copy->path, IN_USE_BYTE) |
                 os_unlock_byte(copy->fd, copy->path, APPLY_BYTE);
  (void)unlocked; /* else closing does it */
  os_close(copy->fd);
}

/* There is nothing at the path. */
static int copy_new(struct receiver *receiver, const char *path, uint32_t mode,
                    struct copse_position *position) {
  int result = receiver->read ? head_receive(receiver)
                              : error_set(COPSE_E_NO_STORE, "there is no copy at %s", path);
  if (result == 0 && receiver->head.since)
    result = error_set(COPSE_E_NO_STORE,
                       "there is no copy at %s, and the changes need one of version %llu", path,
                       (unsigned long long)receiver->head.since);
  if (result == 0)
    result = copy_make(receiver, path, mode);
  if (result == 0)
    position_set(&receiver->head.header, &receiver->head.root, position);
  return result;
}

int copse_copy_apply(const char *path, uint32_t mode,
                     ptrdiff_t (*read)(void *context, void *data, size_t size), void *context,
                     struct copse_position *out) {
  struct receiver receiver = {.read = read, .context = context, .block = malloc(CHANGES_BLOCK_MAX)};
  struct target copy = {.path = path};
  struct copse_position position;
  if (!receiver.block)
    return error_set(COPSE_E_MEMORY, "no memory for a part of the stream");
  int result = os_open(path, OS_WRITE | OS_NOFOLLOW, 0, &copy.fd);
  if (result == 0) {
    result = copy_apply(&copy, &receiver, &position);
    copy_close(&copy);
  } else if (result == COPSE_E_NO_STORE) {
    result = copy_new(&receiver, path, mode, &position);
  }
  free(receiver.block);
  if (result == 0 && out)
    *out = position;
  return result;
}
