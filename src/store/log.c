/* store/log.c - the log file: see log.h and format.h.
 *
 * It is made with the coordination files, before the first write to the store: filled with zeros, so
 * that writing to it later changes nothing but its data, then its header, then synced. It is
 * never longer nor shorter, and opened and written by writers only.
 *
 * A damaged or torn record ends what is read of its half. */
#include "store/log.h"

#include <stdlib.h>

#include "base/bytes.h"

#define LOG_BYTES (UINT64_C(32) << 20)
#define HALF_BYTES_LEAST (UINT64_C(64) << 10)
#define HALF_BYTES_MOST (UINT64_C(1) << 34)
#define ZEROS (UINT64_C(1) << 20)

static int header_write(struct copse_store *store, int fd, uint64_t half_bytes) {
  struct log_header header = {.magic = FORMAT_MAGIC_LOG,
                              .version = FORMAT_VERSION,
                              .store_id = {store->header.store_id[0], store->header.store_id[1]},
                              .half_bytes = half_bytes};
  header.crc = base_crc32c(&header, offsetof(struct log_header, crc));
  return os_pwrite(fd, store->log_path, &header, sizeof header, 0);
}

static int zeros_write(struct copse_store *store, int fd, uint64_t size) {
  uint8_t *zeros = calloc(1, ZEROS);
  int result = os_allocate(fd, store->log_path, 0, size);
  if (!zeros)
    result = error_set(COPSE_E_MEMORY, "no memory for making a log");
  for (uint64_t at = 0; at < size && result == 0; at += ZEROS)
    result = os_pwrite(fd, store->log_path, zeros, bytes_min(ZEROS, size - at), at);
  free(zeros);
  return result;
}

int log_create(struct copse_store *store) {
  uint64_t bytes = store->header.sync_bytes ? store->header.sync_bytes : LOG_BYTES;
  uint64_t half = bytes / 2 / FORMAT_BLOCK * FORMAT_BLOCK;
  half = half < HALF_BYTES_LEAST  ? HALF_BYTES_LEAST
         : half > HALF_BYTES_MOST ? HALF_BYTES_MOST
                                  : half;
  int fd, data_fd, result = region_descriptor(&store->data, &data_fd);
  if (result == 0)
    result = store_file_make(store->log_path, data_fd, &fd);
  if (result)
    return result;
  result = zeros_write(store, fd, sizeof(struct log_header) + 2 * half);
  if (result == 0)
    result = header_write(store, fd, half);
  if (result == 0)
    result = os_sync(fd, store->log_path);
  os_close(fd);
  return result == 0 && !store->memory ? os_sync_names(store->log_path) : result;
}

static int header_good(const struct copse_store *store, const struct log_header *header,
                       uint64_t size) {
  return header->magic == FORMAT_MAGIC_LOG && header->version == FORMAT_VERSION &&
         header->crc == base_crc32c(header, offsetof(struct log_header, crc)) &&
         header->store_id[0] == store->header.store_id[0] &&
         header->store_id[1] == store->header.store_id[1] &&
         header->half_bytes >= HALF_BYTES_LEAST && header->half_bytes <= HALF_BYTES_MOST &&
         size >= sizeof *header + 2 * header->half_bytes;
}

int log_open(struct copse_store *store, struct log *log) {
  struct log_header header;
  uint64_t size;
  int fd, result = os_open(store->log_path, OS_WRITE | OS_NOFOLLOW, 0, &fd);
  if (result == COPSE_E_NO_STORE)
    return COPSE_NONE;
  if (result)
    return result;
  int data_fd;
  result = region_descriptor(&store->data, &data_fd);
  if (result == 0)
    result = os_check_planted(fd, store->log_path, data_fd);
  if (result == 0)
    result = os_size(fd, store->log_path, &size);
  if (result == 0 && size < sizeof header)
    result = COPSE_NONE;
  if (result == 0)
    result = os_pread(fd, store->log_path, &header, sizeof header, 0);
  if (result == 0 && !header_good(store, &header, size))
    result = COPSE_NONE;
  if (result) {
    os_close(fd);
    return result;
  }
  log->half_bytes = header.half_bytes;
  size = sizeof header + 2 * header.half_bytes;
  result = region_open(&log->file, fd, store->log_path, 0, REGION_RW, size, size);
  return result ? result : os_map_no_fork(log->file.rw, log->file.reserved);
}

void log_close(struct log *log) {
  if (log->file.ro)
    region_close(&log->file);
}

static uint64_t half_at(const struct log *log, unsigned half) {
  return sizeof(struct log_header) + half * log->half_bytes;
}

static uint32_t record_crc(const struct log_record *record) {
  size_t head = offsetof(struct log_record, size);
  return base_crc32c((const uint8_t *)record + head, record->size - head);
}

int log_write(struct log *log, unsigned half, uint64_t offset, struct log_record *record) {
  int fd, result = region_descriptor(&log->file, &fd);
  record->magic = LOG_RECORD_MAGIC;
  record->crc = record_crc(record);
  if (result == 0)
    result = os_pwrite_sync(fd, log->file.path, record, record->size, half_at(log, half) + offset);
  return result;
}

const struct log_record *log_record_at(const struct log *log, unsigned half, uint64_t offset) {
  uint64_t left = offset < log->half_bytes ? log->half_bytes - offset : 0;
  const struct log_record *record =
      (const struct log_record *)(log->file.ro + half_at(log, half) + offset);
  if (left < sizeof *record || record->magic != LOG_RECORD_MAGIC || record->size < sizeof *record ||
      record->size > left || record->size % 8 || record->crc != record_crc(record))
    return NULL;
  return record;
}
