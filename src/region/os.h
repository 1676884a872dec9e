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
 * rejects anything but a regular file (NOT_A_STORE). The descriptor is never 0, 1 or 2: a
 * program that closed those still prints to them. */
int os_open(const char *path, unsigned flags, uint32_t mode, int *fd);
/* An anonymous file, sealed against shrinking. */
int os_memfd(const char *name, int *fd);
/* A new open file description of the same file, through /proc. */
int os_reopen(int fd, const char *path, unsigned flags, int *new_fd);
void os_close(int fd);

int os_examine(int fd, const char *path, struct os_identity *identity, uint64_t *size);
/* 1 when path names the open file, 0 when it names another one or nothing. */
int os_is_at(int fd, const char *path);
int os_size(int fd, const char *path, uint64_t *size);
int os_storage(int fd, const char *path, uint64_t *bytes); /* that the file takes */

/* In a folder where others may put files, but not replace each other's (sticky: /tmp, /dev/shm), a
 * file may have been planted. PERMISSION when the open file at path belongs neither to the caller,
 * nor to root, nor to the folder's owner, nor, unless like is -1, to the owner of the open file
 * `like`; with `like` also when the file has another name too. In other folders all who may put files
 * may replace any: nothing is refused there. */
int os_check_planted(int fd, const char *path, int like);
/* PERMISSION when a file that the caller makes at path would be refused so to others. */
int os_check_maker(const char *path, int like);
/* Gives a file that the caller has made the permission bits of another, and its owner and group as far as
 * the caller may; where the group stays another, it gets what everybody has. */
int os_permit_like(int fd, const char *path, int like);

/* Refuses file systems that are not on the list (tmpfs, ext4, xfs) with FILE_SYSTEM, naming
 * what it is; *memory is 1 on tmpfs and memfd. */
int os_check_file_system(int fd, const char *path, int *memory);

/* Allocates storage for [offset, offset + size) and extends the file to hold it, so that
 * touching it cannot fault. NO_SPACE when the disk, the tmpfs or RLIMIT_FSIZE is exhausted. */
int os_allocate(int fd, const char *path, uint64_t offset, uint64_t size);
/* Gives storage back; the file stays as long as it is, and reads as zeros there. COPSE_NONE: the file system
 * cannot. */
int os_punch(int fd, const char *path, uint64_t offset, uint64_t size);
int os_pread(int fd, const char *path, void *data, size_t size,
             uint64_t offset); /* short: TRUNCATED */
int os_pwrite(int fd, const char *path, const void *data, size_t size, uint64_t offset);
int os_sync(int fd, const char *path); /* fdatasync */
/* Makes the names in the directory of path durable; not where we may not read it. */
int os_sync_names(const char *path);
/* Writes and syncs what was written: in one call, or in two where the kernel (before 4.7) or the file
 * system cannot do both. */
int os_pwrite_sync(int fd, const char *path, const void *data, size_t size, uint64_t offset);
/* Has a range's changed pages written, a bounded part at a time; what is left for os_sync() then is
 * little. An error is one of the disk's, as os_sync() would give it. */
int os_write_back(int fd, const char *path, uint64_t offset, uint64_t size);
int os_unlink(const char *path); /* NO_STORE when it is not there */
/* The same; of a symbolic link also what it leads to. */
int os_unlink_whole(const char *path);
int os_link(const char *from, const char *to); /* STORE_EXISTS when `to` is there */

enum os_map_flag { OS_MAP_WRITE = 1, OS_MAP_NO_DUMP = 2, OS_MAP_NO_FORK = 4 };
/* Maps size bytes of the file, shared; the range may reach beyond the file's end.
 * ADDRESS_SPACE when the process has no room. */
int os_map(int fd, const char *path, uint64_t size, unsigned flags, void **address);
/* The same for `size` bytes from `offset` on, in the place of what is mapped at `address`. */
int os_map_over(int fd, const char *path, uint64_t offset, uint64_t size, unsigned flags,
                void *address);
void os_unmap(void *address, uint64_t size);
/* Keeps a mapping out of forked children from now on. */
int os_map_no_fork(void *address, uint64_t size);
/* Allocates page tables (and storage) for a range ahead of use; best effort. */
void os_populate(void *address, uint64_t size, int write);

/* Says that what is touched of a range lies nowhere near what was; best effort. */
void os_no_read_ahead(void *address, uint64_t size);

/* Open file description locks on one byte. *held: 1 when we have it now, 0 when another has it. */
int os_lock_byte(int fd, const char *path, uint64_t byte, int exclusive, int *held);
/* The same, waiting. */
int os_lock_byte_wait(int fd, const char *path, uint64_t byte, int exclusive);
int os_unlock_byte(int fd, const char *path, uint64_t byte);
/* Finds some locked range of other descriptions in [from, to); *end is UINT64_MAX for one without an
 * end. COPSE_NONE: there is none. */
int os_lock_find(int fd, const char *path, uint64_t from, uint64_t to, uint64_t *start,
                 uint64_t *end);
/* Whether another description holds the byte in any mode. For descriptors without write access too. */
int os_byte_held(int fd, const char *path, uint64_t byte, int *held);

/* Futexes shared between processes. os_futex_wait returns 0 (woken, or the word was not
 * expected, or for no reason), TIMEOUT or INTERRUPTED (by a handler without SA_RESTART;
 * kernels before 5.16: by any handler); timeout_ns < 0 waits without limit. The word may lie
 * in a read-only mapping. */
int os_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns);
/* The same, ended also by a word of this process alone that is not, or no longer, zero. Kernels before
 * 5.16 look at that word every OS_FUTEX_POLL_NS only. */
#define OS_FUTEX_POLL_NS 50000000
int os_futex_wait_either(const void *word, uint32_t expected, const void *own, int64_t timeout_ns);
int os_futex_wake(void *word, int count); /* returns how many were woken, at most count */
void os_futex_wake_own(void *word);       /* of a word of this process; all */

int os_random(void *data, size_t size);
void os_boot_id(uint8_t id[16]); /* zero when it cannot be read */
uint64_t os_memory_bytes(void);  /* that the machine has */
uint64_t os_pid_namespace(void);
void os_command_name(char name[16]);

#ifdef COPSE_TESTS
/* Tests only. The hook sees each call on a store's file before it is made; what it returns,
 * an errno value, makes the call fail with it; 0 lets it pass. */
enum os_call {
  OS_CALL_OPEN,
  OS_CALL_MAP,
  OS_CALL_ALLOCATE,
  OS_CALL_READ,
  OS_CALL_WRITE,
  OS_CALL_WRITE_SYNC,
  OS_CALL_SYNC,
  OS_CALL_WRITE_BACK,
  OS_CALL_UNLINK,
  OS_CALL_LINK,
  OS_CALL_LOCK,
  OS_CALL_PUNCH,
};
extern int (*_Atomic os_hook)(enum os_call call, const char *path, uint64_t offset, uint64_t size);
/* Sees a sync, or a write that syncs, when it has returned well. */
extern void (*_Atomic os_done_hook)(enum os_call call, const char *path, uint64_t offset,
                                    uint64_t size);
extern uint64_t os_file_system_magic; /* taken for the file system's when not 0 */
extern uint64_t os_memory_size;       /* taken for the machine's when not 0 */
extern int os_boot_unknown;           /* as if /proc were not mounted */
#endif

#endif
