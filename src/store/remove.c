/* store/remove.c - removing a store.
 *
 * The header says so first: from then on there is no store, whoever dies. The data file goes last, so that a
 * new store's coordination files are never met, and that it is known which further data files are its own. */
#include "store/store.h"

#include "base/points.h"

/* How many further data files a store may have. */
static uint32_t further_most(const struct data_header *header) {
  uint64_t files = header->file_bytes ? header->max_bytes / header->file_bytes : 0;
  return files < FORMAT_FILES_MOST ? (uint32_t)files : FORMAT_FILES_MOST;
}

/* Ends a removal, or, unless only what was begun is asked for, does one. Holds ATTACH_BYTE, so that
 * nobody opens what is going. */
int store_remove_at(const char *path, int only_begun) {
  struct copse_store files = {0};
  int fd = -1, alone = 0, result = os_open(path, OS_WRITE | OS_NOFOLLOW, 0, &fd);
  if (result)
    return result;
  result = store_paths_make(&files, path);
  if (result == 0)
    result = data_header_read(&files, fd);
  if (result == COPSE_E_VERSION || result == COPSE_E_CORRUPT || result == COPSE_E_TRUNCATED ||
      result == COPSE_E_NO_STORE || result == COPSE_E_READ_ONLY || result == COPSE_E_STATE)
    result = 0; /* ours, if of no use: may go */
  if (result == 0)
    result = os_lock_byte_wait(fd, path, ATTACH_BYTE, 1);
  if (result == 0 && !os_is_at(fd, path))
    result = error_set(COPSE_E_NO_STORE, "%s was removed by somebody else", path);
  int state =
      result == 0 ? data_header_read(&files, fd) : 0; /* what it says now that nobody changes it */
  if (result == 0 && only_begun && state != COPSE_E_NO_STORE)
    goto out;                                     /* somebody ended it, and made a new store */
  if (result == 0 && state == COPSE_E_NO_STORE) { /* only the dying can be attached still */
    result = os_lock_byte_wait(fd, path, PRESENCE_BYTE, 1);
    alone = 1;
  } else if (result == 0) {
    result = os_lock_byte(fd, path, PRESENCE_BYTE, 1, &alone);
  }
  if (result == 0 && !alone)
    result = error_set(COPSE_E_STATE, "%s is in use; see 'copse readers'", path);
  uint64_t nonce = files.header.nonce;
  uint32_t removed = 0; /* of data files */
  if (result == 0 && state == 0)
    result = nonce_write(&files, fd, FORMAT_NONCE_REMOVED);
  POINT(remove_begun);
  const char *const beside[] = {files.readers_path, files.writers_path, files.log_path,
                                files.applying_path};
  for (int i = 0; i < 3 + store_is_sealed(&files) && result == 0; i++) {
    result = os_unlink(beside[i]);
    result = result == COPSE_E_NO_STORE ? 0 : result;
    POINT(remove_file);
  }
  if (result == 0)
    result =
        region_files_remove(path, further_most(&files.header), files.header.store_id, &removed);
  if (result == 0)
    result = os_unlink(path);
  if (result && alone && state == 0 && !removed &&
      nonce_write(&files, fd, nonce)) /* it may not go: all is as before */
    result = error_set(COPSE_E_IO, "%s can neither be removed nor be written", path);
out:
  os_close(fd);
  store_paths_free(&files);
  return result;
}

int copse_store_remove(const char *path) { return store_remove_at(path, 0); }
