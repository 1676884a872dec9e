/* store/changes.c - what changed since a version, as a stream.
 *
 * Pages are never changed, and each carries the version that wrote it. So a version that is reached
 * from an earlier one has of it what was born until then, at the same places, and what a copy of
 * the earlier one lacks are the pages that were born later. A page is not older than those
 * that hang on it: subtrees that were there already are left out by a look at their first
 * page. Nothing of the earlier version is needed, so none has to be kept for a copy that is behind.
 *
 * The stream is made of blocks, each with a checksum over the one before: what is altered, lost,
 * or comes from another stream is found by whoever receives it. */
#include "store/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct sender {
  struct page_view view;
  uint64_t since; /* pages born until then are in the copy */
  uint64_t left; /* pages that the store has room for: a damaged one may refer to some many times */
  int (*write)(void *context, const void *data, size_t size);
  void *context;
  uint32_t chain; /* checksum of the block before */
  uint32_t used;  /* bytes of payload in the block */
  uint8_t *block; /* head and payload */
  int stopped;    /* what write returned to end it */
};

uint32_t changes_head_crc(const struct changes_head *head) {
  return base_crc32c(&head->since, sizeof *head - offsetof(struct changes_head, since));
}

uint32_t changes_block_crc(uint32_t chain, uint32_t bytes, const void *payload) {
  uint32_t words[3] = {chain, bytes, base_crc32c(payload, bytes)};
  return base_crc32c(words, sizeof words);
}

static int send_bytes(struct sender *sender, const void *data, size_t size) {
  sender->stopped = sender->write(sender->context, data, size);
  return sender->stopped ? COPSE_E_CANCELLED : 0;
}

/* Of no payload: the end. */
static int block_send(struct sender *sender) {
  struct changes_block head = {.bytes = sender->used};
  head.crc = changes_block_crc(sender->chain, head.bytes, sender->block + sizeof head);
  memcpy(sender->block, &head, sizeof head);
  sender->chain = head.crc;
  sender->used = 0;
  return send_bytes(sender, sender->block, sizeof head + head.bytes);
}

/* Room for `size` bytes behind an entry's head, at least for a unit. */
static int entry_begin(struct sender *sender, uint64_t offset, uint64_t left, uint8_t **to,
                       uint64_t *size) {
  struct changes_entry entry = {.offset = offset};
  int result = 0;
  if (sender->used + sizeof entry + FORMAT_UNIT > CHANGES_BLOCK_MAX)
    result = block_send(sender);
  uint64_t room = (CHANGES_BLOCK_MAX - sender->used - sizeof entry) / FORMAT_UNIT * FORMAT_UNIT;
  entry.size = left < room ? left : room;
  *to = sender->block + sizeof(struct changes_block) + sender->used + sizeof entry;
  *size = entry.size;
  memcpy(*to - sizeof entry, &entry, sizeof entry);
  sender->used += (uint32_t)(sizeof entry + entry.size);
  return result;
}

static int page_send(void *context, uint64_t ref) {
  struct sender *sender = context;
  uint64_t size;
  const struct page_head *head = page_locate(&sender->view, ref, &size);
  if (!head || sender->left-- == 0)
    return node_corrupt(ref, "lies outside of the store, or is referred to many times");
  if (head->birth <= sender->since)
    return COPSE_NONE;
  uint32_t sum = page_checksum(head, size);
  for (uint64_t done = 0, piece = 0; done < size; done += piece) {
    uint8_t *to;
    int result = entry_begin(sender, page_ref_offset(ref) + done, size - done, &to, &piece);
    if (result)
      return result;
    memcpy(to, (const uint8_t *)head + done, piece);
    if (done == 0)
      memcpy(to + offsetof(struct page_head, epoch), &sum, sizeof sum);
  }
  return 0;
}

static int stream_send(struct sender *sender, const struct copse_view *view) {
  struct changes_head head = {.magic = FORMAT_MAGIC_CHANGES,
                              .version = FORMAT_VERSION,
                              .since = sender->since,
                              .root = view->root};
  int result = sealed_header(view->store, &head.header);
  if (result)
    return result;
  head.crc = changes_head_crc(&head);
  sender->chain = head.crc;
  result = send_bytes(sender, &head, sizeof head);
  if (result == 0)
    result = pages_walk(&sender->view, &view->root, page_send, sender);
  if (result == 0 && sender->used)
    result = block_send(sender);
  return result == 0 ? block_send(sender) : result;
}

void position_set(const struct data_header *header, const struct root *root,
                  struct copse_position *position) {
  int sealed = (header->read_compat & FORMAT_SEALED) != 0;
  *position = (struct copse_position){.timeline = root->timeline, .version = root->version};
  memcpy(position->store_id, sealed ? header->source_id : header->store_id,
         sizeof position->store_id);
}

void copse_snapshot_position(const struct copse_snapshot *snapshot,
                             struct copse_position *position) {
  position_set(&snapshot->view.store->header, &snapshot->view.root, position);
}

int position_check(const struct copse_position *has, const struct copse_position *wanted) {
  if (memcmp(has->store_id, wanted->store_id, sizeof has->store_id) != 0)
    return error_set(COPSE_E_CHANGES, "they are of two different stores");
  if (has->timeline != wanted->timeline)
    return error_set(
        COPSE_E_CHANGES,
        "the store was recovered in between: version %llu is of timeline %llx, version "
        "%llu of %llx",
        (unsigned long long)has->version, (unsigned long long)has->timeline,
        (unsigned long long)wanted->version, (unsigned long long)wanted->timeline);
  return 0;
}

int copse_snapshot_changes(struct copse_snapshot *snapshot, const struct copse_position *since,
                           int (*write)(void *context, const void *data, size_t size),
                           void *context) {
  const struct copse_view *view = &snapshot->view;
  struct copse_position position;
  struct sender sender = {.view = view->pages,
                          .since = since ? since->version : 0,
                          .left = view->root.limit / FORMAT_UNIT,
                          .write = write,
                          .context = context};
  int result = view_check(view);
  if (result == 0 && view->pages.copy)
    result = error_set(COPSE_E_STATE, "changes need a snapshot that is not oustable");
  if (result)
    return result;
  copse_snapshot_position(snapshot, &position);
  if (since)
    result = position_check(since, &position);
  if (result == 0 && sender.since > position.version)
    result = error_set(COPSE_E_CHANGES, "changes since version %llu of a store at version %llu",
                       (unsigned long long)sender.since, (unsigned long long)position.version);
  if (result)
    return result;
  sender.block = malloc(sizeof(struct changes_block) + CHANGES_BLOCK_MAX);
  if (!sender.block)
    return error_set(COPSE_E_MEMORY, "no memory for a part of the stream");
  result = stream_send(&sender, view);
  free(sender.block);
  return sender.stopped ? sender.stopped : store_fault(view->store, result);
}
