/* region/os.h - the one seam to the operating system's files and mappings. Every system
 * call on a store's files goes through it, so that tests can record calls and make them fail.
 *
 * All functions return 0 (or what they say) or a negative COPSE_E_ code with the detail set,
 * naming the path given for messages. EINTR is retried. */
#ifndef REGION_OS_H
#define REGION_OS_H

#include <stddef.h>
#include <stdint.h>

/* Identity of an open file, to notice descriptors that the program closed or reused. */
struct os_identity {
  uint64_t device, inode;
};

enum os_open_flag { OS_WRITE = 1, OS_CREATE = 2, OS_EXCLUSIVE = 4, OS_NOFOLLOW = 8 };

/* Opens path close-on-exec, never following a symbolic link in the last component when creating;
 * rejects anything but a regular file (NOT_A_STORE). */
int os_open(const char *path, unsigned flags, uint32_t mode, int *fd);
/* A sealable anonymous file. */
int os_memfd(const char *name, int *fd);
/* A new open file description of the same file, through /proc/self/fd. */
int os_reopen(int fd, const char *path, unsigned flags, int *new_fd);
void os_close(int fd);

int os_identity(int fd, const char *path, struct os_identity *identity);
int os_size(int fd, const char *path, uint64_t *size);
/* Refuses file systems that are not on the list (tmpfs, ext4, xfs) with FILE_SYSTEM, naming
 * what it is; *memory is 1 on tmpfs and memfd. */
int os_check_file_system(int fd, const char *path, int *memory);

/* Allocates storage for [offset, offset + size) and extends the file to hold it, so that
 * touching it cannot fault. NO_SPACE when the disk, the tmpfs or RLIMIT_FSIZE is exhausted. */
int os_allocate(int fd, const char *path, uint64_t offset, uint64_t size);
int os_pread(int fd, const char *path, void *data, size_t size, uint64_t offset); /* short: TRUNCATED */
int os_pwrite(int fd, const char *path, const void *data, size_t size, uint64_t offset);
int os_sync(int fd, const char *path); /* fdatasync */
int os_unlink(const char *path);       /* NO_STORE when it is not there */
int os_rename(const char *from, const char *to);

enum os_map_flag { OS_MAP_WRITE = 1, OS_MAP_NO_DUMP = 2, OS_MAP_NO_FORK = 4 };
/* Maps size bytes of the file, shared; the range may reach beyond the file's end.
 * ADDRESS_SPACE when the process has no room. */
int os_map(int fd, const char *path, uint64_t size, unsigned flags, void **address);
void os_unmap(void *address, uint64_t size);
/* Allocates page tables (and storage) for a range ahead of use; best effort. */
void os_populate(void *address, uint64_t size, int write);

/* Open file description locks on one byte. *held: 1 when we have it now, 0 when another has it. */
int os_lock_byte(int fd, const char *path, uint64_t byte, int exclusive, int *held);
/* The same, waiting. */
int os_lock_byte_wait(int fd, const char *path, uint64_t byte, int exclusive);
int os_unlock_byte(int fd, const char *path, uint64_t byte);

/* Futexes shared between processes. os_futex_wait returns 0 (woken, or the word was not expected), TIMEOUT or
 * INTERRUPTED; timeout_ns < 0 waits without limit. */
int os_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns);
int os_futex_wake(void *word); /* all; returns how many */

int os_random(void *data, size_t size);
void os_boot_id(uint8_t id[16]); /* zero when it cannot be read */
uint64_t os_pid_namespace(void);
void os_command_name(char name[16]);

#endif
