/* region/os.c - files: opening, identity, storage, reading and writing, locks.
 *
 * A message names the path, the cause and the remedy. What every function shares: EINTR is
 * retried, EBADF becomes DESCRIPTOR (the program closed a descriptor of ours). */
#include "region/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "region/os_hook.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

#define ALLOCATE_PIECE (UINT64_C(64) << 20) /* per system call, so that a signal costs little */
#define ALLOCATE_PIECE_MIN (UINT64_C(256) << 10)
#define WRITE_BACK_PIECE (UINT64_C(8) << 20)

#define SEALED_MAY "; a copy to read from may lie anywhere: copse copy --seal"

#ifdef COPSE_TESTS
int (*_Atomic os_hook)(enum os_call call, const char *path, uint64_t offset, uint64_t size);
void (*_Atomic os_done_hook)(enum os_call call, const char *path, uint64_t offset, uint64_t size);
uint64_t os_file_system_magic;
#endif

static int fail(int errnum, const char *what, const char *path) {
  if (errnum == EBADF)
    return error_errno(COPSE_E_DESCRIPTOR, errnum, "cannot %s %s", what, path);
  return error_errno(error_from_errno(errnum), errnum, "cannot %s %s", what, path);
}

/* --- opening ------------------------------------------------------------------------- */

static int open_failed(int errnum, const char *path) {
  switch (errnum) {
  case ELOOP:
    return error_set(COPSE_E_NOT_A_STORE, "%s is a symbolic link; give the path of the file itself",
                     path);
  case EISDIR:
  case ENXIO:
  case ENODEV: return error_set(COPSE_E_NOT_A_STORE, "%s is not a regular file", path);
  case ENOTDIR: return error_errno(COPSE_E_NO_STORE, errnum, "cannot open %s", path);
  case EMFILE:
    return error_errno(COPSE_E_IO, errnum,
                       "cannot open %s: raise this process's RLIMIT_NOFILE (ulimit -n)", path);
  case ENAMETOOLONG: return error_errno(COPSE_E_ARGUMENT, errnum, "cannot open %s", path);
  default: return fail(errnum, "open", path);
  }
}

/* Moves fd above the standard streams. */
static int move_up(int *fd, const char *path) {
  if (*fd > STDERR_FILENO)
    return 0;
  int moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  int errnum = errno;
  close(*fd);
  if (moved < 0)
    return open_failed(errnum, path);
  *fd = moved;
  return 0;
}

static int open_checked(const char *file, const char *path, int flags, uint32_t mode, int *fd) {
  int errnum = OS_HOOK(OS_CALL_OPEN, path, 0, 0);
  if (errnum)
    return open_failed(errnum, path);
  int new_fd = -1;
  do
    /* Without O_NONBLOCK a fifo would block the open. */
    new_fd = open(file, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, (mode_t)mode);
  while (new_fd < 0 && errno == EINTR);
  if (new_fd < 0)
    return open_failed(errno, path);
  int code = move_up(&new_fd, path);
  if (code)
    return code;
  struct stat st;
  if (fstat(new_fd, &st) < 0)
    code = fail(errno, "examine", path);
  else if (!S_ISREG(st.st_mode))
    code = error_set(COPSE_E_NOT_A_STORE, "%s is not a regular file", path);
  if (code) {
    close(new_fd);
    return code;
  }
  *fd = new_fd;
  return 0;
}

int os_open(const char *path, unsigned flags, uint32_t mode, int *fd) {
  int open_flags = flags & OS_WRITE ? O_RDWR : O_RDONLY;
  if (flags & OS_CREATE)
    open_flags |= O_CREAT | O_NOFOLLOW;
  if (flags & OS_EXCLUSIVE)
    open_flags |= O_EXCL;
  if (flags & OS_NOFOLLOW)
    open_flags |= O_NOFOLLOW;
  return open_checked(path, path, open_flags, mode, fd);
}

int os_memfd(const char *name, int *fd) {
  int errnum = OS_HOOK(OS_CALL_OPEN, name, 0, 0);
  int new_fd = -1;
  if (!errnum) {
    /* Kernels before 6.3 do not know the flag; some later ones insist on it. */
    new_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (new_fd < 0 && errno == EINVAL)
      new_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    errnum = errno;
  }
  if (new_fd < 0)
    return fail(errnum, "create anonymous memory", name);
  int code = move_up(&new_fd, name);
  if (code)
    return code;
  if (fcntl(new_fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
    code = fail(errno, "seal", name);
    close(new_fd);
    return code;
  }
  *fd = new_fd;
  return 0;
}

int os_reopen(int fd, const char *path, unsigned flags, int *new_fd) {
  /* thread-self: a thread may have a descriptor table of its own */
  char file[64];
  snprintf(file, sizeof file, "/proc/thread-self/fd/%d", fd);
  return open_checked(file, path, flags & OS_WRITE ? O_RDWR : O_RDONLY, 0, new_fd);
}

void os_close(int fd) {
  int errnum = errno;
  close(fd);
  errno = errnum;
}

/* --- what a file is ------------------------------------------------------------------ */

int os_examine(int fd, const char *path, struct os_identity *identity, uint64_t *size) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return fail(errno, "examine", path);
  *identity = (struct os_identity){.device = st.st_dev, .inode = st.st_ino};
  *size = (uint64_t)st.st_size;
  return 0;
}

int os_is_at(int fd, const char *path) {
  struct stat at, open;
  return fstat(fd, &open) == 0 && stat(path, &at) == 0 && at.st_dev == open.st_dev &&
         at.st_ino == open.st_ino;
}

int os_size(int fd, const char *path, uint64_t *size) {
  struct os_identity identity;
  return os_examine(fd, path, &identity, size);
}

int os_storage(int fd, const char *path, uint64_t *bytes) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return fail(errno, "examine", path);
  *bytes = (uint64_t)st.st_blocks * 512;
  return 0;
}

/* --- whose a file is ------------------------------------------------------------------- */

static int parent_of(const char *path, char folder[PATH_MAX]) {
  const char *slash = strrchr(path, '/');
  size_t size = slash ? (size_t)(slash - path) + 1 : 0; /* with it: it may be the root's */
  if (size >= PATH_MAX)
    return open_failed(ENAMETOOLONG, path);
  memcpy(folder, slash ? path : ".", slash ? size : 1);
  folder[slash ? size : 1] = 0;
  return 0;
}

/* Whether path lies in a folder for everybody, and whether a file of `owner` there is one to be trusted. */
static int look_at_folder(const char *path, uid_t owner, int like, int *shared, int *trusted) {
  char folder[PATH_MAX];
  struct stat parent, other;
  int code = parent_of(path, folder);
  if (code)
    return code;
  if (stat(folder, &parent) < 0 || (like >= 0 && fstat(like, &other) < 0))
    return fail(errno, "examine the folder of", path);
  *shared = parent.st_mode & S_ISVTX && parent.st_mode & (S_IWGRP | S_IWOTH);
  *trusted = owner == 0 || owner == parent.st_uid || (like >= 0 && owner == other.st_uid);
  return 0;
}

int os_check_planted(int fd, const char *path, int like) {
  struct stat st;
  int shared, trusted;
  if (fstat(fd, &st) < 0)
    return fail(errno, "examine", path);
  int code = look_at_folder(path, st.st_uid, like, &shared, &trusted);
  if (code || !shared)
    return code;
  if (!trusted && st.st_uid != geteuid())
    return error_set(
        COPSE_E_PERMISSION,
        "%s belongs to user %u and lies where everybody may put files: it may have been "
        "planted; %s",
        path, (unsigned)st.st_uid,
        like < 0 ? "open it without COPSE_CREATE if you trust that user" : "have it removed");
  if (like >= 0 && st.st_nlink > 1)
    return error_set(COPSE_E_PERMISSION,
                     "%s has another name too and lies where everybody may put files: it may have "
                     "been planted; have it removed",
                     path);
  return 0;
}

int os_check_maker(const char *path, int like) {
  int shared, trusted, code = look_at_folder(path, geteuid(), like, &shared, &trusted);
  if (code == 0 && shared && !trusted)
    return error_set(COPSE_E_PERMISSION,
                     "%s must be made anew, by the owner of the store or by root: it lies where "
                     "everybody may put files, and made by another user it would be refused",
                     path);
  return code;
}

int os_permit_like(int fd, const char *path, int like) {
  struct stat st, own;
  if (fstat(like, &st) < 0 || fstat(fd, &own) < 0)
    return fail(errno, "examine", path);
  mode_t mode = st.st_mode & 0777;
  if ((own.st_uid != st.st_uid || own.st_gid != st.st_gid) &&
      fchown(fd, st.st_uid, st.st_gid) < 0 && own.st_gid != st.st_gid &&
      fchown(fd, (uid_t)-1, st.st_gid) < 0)
    mode = (mode & ~(mode_t)070) | (mode & 07) << 3;
  return fchmod(fd, mode) < 0 ? fail(errno, "set the permissions of", path) : 0;
}

/* --- where a file lies ------------------------------------------------------------------ */

/* File systems known to be unsuitable, to be refused by name; those not listed are refused by
 * number. Network and layered ones break shared mappings or locks, the copying ones fault on
 * reserved pages when the disk is full. */
static const struct {
  uint32_t magic;
  const char *name;
} refused[] = {
    {0x6969, "NFS"},           {0xff534d42, "CIFS"},     {0xfe534d42, "SMB"},
    {0x517b, "SMB"},           {0x65735546, "FUSE"},     {0x794c7630, "overlayfs"},
    {0x01021997, "9p"},        {0x9123683e, "btrfs"},    {0x2fc12fc1, "ZFS"},
    {0xf2f52010, "F2FS"},      {0x4d44, "FAT"},          {0x2011bab0, "exFAT"},
    {0x5346544e, "NTFS"},      {0x7366746e, "NTFS"},     {0x858458f6, "ramfs"},
    {0x958458f6, "hugetlbfs"}, {0x9fa0, "procfs"},       {0x62656572, "sysfs"},
    {0x00c36400, "CephFS"},    {0x5346414f, "AFS"},      {0x6b414653, "AFS"},
    {0x01161970, "GFS2"},      {0x7461636f, "OCFS2"},    {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},      {0xca451a4e, "bcachefs"}, {0xf15f, "eCryptfs"},
    {0x61756673, "aufs"},      {0x786f4256, "vboxsf"},   {0xbacbacbc, "vmhgfs"},
    {0x73717368, "SquashFS"},  {0x9660, "ISO 9660"},     {0x52654973, "ReiserFS"},
    {0x3153464a, "JFS"},       {0x15013346, "UDF"},      {0x2468, "a read-only image"},
    {0xe0f5e1e2, "EROFS"},     {0x24051905, "UBIFS"},    {0x19830326, "FhGFS (BeeGFS)"},
    {0x137d, "ext"},           {0x73757245, "Coda"},
};

int os_check_file_system(int fd, const char *path, int *memory) {
  struct statfs fs;
  int result;
  do
    result = fstatfs(fd, &fs);
  while (result < 0 && errno == EINTR);
  if (result < 0)
    return fail(errno, "examine the file system of", path);
  uint32_t magic = (uint32_t)fs.f_type;
#ifdef COPSE_TESTS
  if (os_file_system_magic)
    magic = (uint32_t)os_file_system_magic;
#endif
  if (magic == TMPFS_MAGIC || magic == EXT4_SUPER_MAGIC || magic == XFS_SUPER_MAGIC) {
    *memory = magic == TMPFS_MAGIC;
    return 0;
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (refused[i].magic == magic)
      return error_set(COPSE_E_FILE_SYSTEM,
                       "%s lies on %s; put the store on tmpfs (/dev/shm), ext4 or xfs" SEALED_MAY,
                       path, refused[i].name);
  return error_set(COPSE_E_FILE_SYSTEM,
                   "%s lies on a file system of type 0x%x; put the store on tmpfs (/dev/shm), ext4 "
                   "or xfs" SEALED_MAY,
                   path, (unsigned)magic);
}

/* --- storage ------------------------------------------------------------------------- */

/* Writing beyond RLIMIT_FSIZE raises SIGXFSZ, which ends most programs: asked for first. */
static int check_size_limit(int fd, const char *path, uint64_t end) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
      end <= limit.rlim_cur)
    return 0;
  uint64_t size = 0;
  int code = os_size(fd, path, &size);
  if (code)
    return code;
  if (end <= size)
    return 0;
  return error_set(COPSE_E_NO_SPACE,
                   "%s cannot grow to %llu bytes: this process's RLIMIT_FSIZE (ulimit -f) is "
                   "%llu bytes; raise it",
                   path, (unsigned long long)end, (unsigned long long)limit.rlim_cur);
}

static int write_all(int fd, const char *path, const uint8_t *data, size_t size, uint64_t offset) {
  while (size) {
    ssize_t n = pwrite(fd, data, size, (off_t)offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(errno, "write to", path);
    data += n;
    size -= (size_t)n;
    offset += (uint64_t)n;
  }
  return 0;
}

/* For file systems without fallocate: zeros beyond the current end only, since what is below
 * may hold data by now. */
static int write_zeros(int fd, const char *path, uint64_t offset, uint64_t size) {
  static const uint8_t zeros[64 * 1024];
  uint64_t end = offset + size;
  int code = os_size(fd, path, &offset);
  while (!code && offset < end) {
    size_t n = bytes_min(sizeof zeros, end - offset);
    code = write_all(fd, path, zeros, n, offset);
    offset += n;
  }
  return code;
}

int os_allocate(int fd, const char *path, uint64_t offset, uint64_t size) {
  int code = check_size_limit(fd, path, offset + size);
  if (code)
    return code;
  int errnum = OS_HOOK(OS_CALL_ALLOCATE, path, offset, size);
  uint64_t piece = ALLOCATE_PIECE;
  while (size && !errnum) {
    uint64_t n = size < piece ? size : piece;
    if (fallocate(fd, 0, (off_t)offset, (off_t)n) == 0) {
      offset += n;
      size -= n;
    } else if (errno != EINTR) {
      errnum = errno;
    } else if (piece > ALLOCATE_PIECE_MIN) {
      /* tmpfs undoes what a signal interrupts: smaller steps get through. */
      piece /= 2;
    }
  }
  if (errnum == EOPNOTSUPP)
    return write_zeros(fd, path, offset, size);
  if (errnum)
    return fail(errnum, "reserve space for", path);
  return 0;
}

int os_punch(int fd, const char *path, uint64_t offset, uint64_t size) {
  int result, errnum = OS_HOOK(OS_CALL_PUNCH, path, offset, size);
  if (errnum)
    return fail(errnum, "give storage back of", path);
  do
    result = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
  while (result < 0 && errno == EINTR);
  if (result == 0)
    return 0;
  return errno == EOPNOTSUPP ? COPSE_NONE : fail(errno, "give storage back of", path);
}

int os_pread(int fd, const char *path, void *data, size_t size, uint64_t offset) {
  int errnum = OS_HOOK(OS_CALL_READ, path, offset, size);
  if (errnum)
    return fail(errnum, "read", path);
  uint8_t *to = data;
  while (size) {
    ssize_t n = pread(fd, to, size, (off_t)offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(errno, "read", path);
    if (n == 0)
      return error_set(COPSE_E_TRUNCATED, "%s ends at %llu, %zu bytes short of what was asked for",
                       path, (unsigned long long)offset, size);
    to += n;
    size -= (size_t)n;
    offset += (uint64_t)n;
  }
  return 0;
}

int os_pwrite(int fd, const char *path, const void *data, size_t size, uint64_t offset) {
  int code = check_size_limit(fd, path, offset + size);
  if (code)
    return code;
  int errnum = OS_HOOK(OS_CALL_WRITE, path, offset, size);
  if (errnum)
    return fail(errnum, "write to", path);
  return write_all(fd, path, data, size, offset);
}

int os_sync(int fd, const char *path) {
  int errnum = OS_HOOK(OS_CALL_SYNC, path, 0, 0);
  if (errnum)
    return fail(errnum, "sync", path);
  int result;
  do
    result = fdatasync(fd);
  while (result < 0 && errno == EINTR);
  if (result < 0)
    return fail(errno, "sync", path);
  OS_DONE(OS_CALL_SYNC, path, 0, 0);
  return 0;
}

int os_sync_names(const char *path) {
  char folder[PATH_MAX];
  int fd, result, code = parent_of(path, folder);
  if (code)
    return code;
  int errnum = OS_HOOK(OS_CALL_SYNC, folder, 0, 0);
  if (errnum)
    return fail(errnum, "sync", folder);
  do
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return errno == EACCES ? 0 : open_failed(errno, folder);
  do
    result = fsync(fd);
  while (result < 0 && errno == EINTR);
  code = result < 0 ? fail(errno, "sync", folder) : 0;
  close(fd);
  return code;
}

int os_pwrite_sync(int fd, const char *path, const void *data, size_t size, uint64_t offset) {
  int errnum = OS_HOOK(OS_CALL_WRITE_SYNC, path, offset, size);
  for (size_t done = 0; done < size && !errnum;) {
    struct iovec piece = {(uint8_t *)(uintptr_t)data + done, size - done};
    ssize_t n = pwritev2(fd, &piece, 1, (off_t)(offset + done), RWF_DSYNC);
    if (n < 0 && errno != EINTR)
      errnum = errno;
    done += n > 0 ? (size_t)n : 0;
  }
  if (errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == EINVAL) { /* no such flag, or call */
    int code = os_pwrite(fd, path, data, size, offset);
    return code ? code : os_sync(fd, path);
  }
  if (errnum)
    return fail(errnum, "write to", path);
  OS_DONE(OS_CALL_WRITE_SYNC, path, offset, size);
  return 0;
}

int os_write_back(int fd, const char *path, uint64_t offset, uint64_t size) {
  int errnum = OS_HOOK(OS_CALL_WRITE_BACK, path, offset, size);
  for (uint64_t at = 0; at < size + WRITE_BACK_PIECE && !errnum; at += WRITE_BACK_PIECE) {
    /* One piece is being written while the next is begun. */
    if (at < size &&
        sync_file_range(fd, (off_t)(offset + at), (off_t)bytes_min(WRITE_BACK_PIECE, size - at),
                        SYNC_FILE_RANGE_WRITE) < 0)
      errnum = errno;
    if (at && !errnum &&
        sync_file_range(fd, (off_t)(offset + at - WRITE_BACK_PIECE), (off_t)WRITE_BACK_PIECE,
                        SYNC_FILE_RANGE_WAIT_BEFORE) < 0)
      errnum = errno;
  }
  if (errnum && errnum != ENOSYS && errnum != ESPIPE && errnum != EINVAL)
    return fail(errnum, "write back", path);
  return 0;
}

int os_unlink(const char *path) {
  int errnum = OS_HOOK(OS_CALL_UNLINK, path, 0, 0);
  if (!errnum && unlink(path) < 0)
    errnum = errno;
  return errnum ? fail(errnum, "remove", path) : 0;
}

int os_unlink_whole(const char *path) {
  char *real = realpath(path, NULL); /* NULL: the link leads nowhere */
  int code = real ? os_unlink(real) : 0;
  free(real);
  int own = code ? code : os_unlink(path);
  return own == COPSE_E_NO_STORE && real ? 0 : own;
}

int os_link(const char *from, const char *to) {
  int errnum = OS_HOOK(OS_CALL_LINK, from, 0, 0);
  if (!errnum && link(from, to) < 0)
    errnum = errno;
  if (errnum)
    return error_errno(error_from_errno(errnum), errnum, "cannot create %s", to);
  return 0;
}

/* --- locks --------------------------------------------------------------------------- */

static int lock_call(int fd, const char *path, uint64_t byte, int command, short type) {
  int errnum = OS_HOOK(OS_CALL_LOCK, path, byte, 1);
  if (errnum)
    return errnum;
  struct flock lock = {
      .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1, .l_pid = 0};
  int result;
  do
    result = fcntl(fd, command, &lock);
  while (result < 0 && errno == EINTR);
  return result < 0 ? errno : 0;
}

int os_lock_byte(int fd, const char *path, uint64_t byte, int exclusive, int *held) {
  int errnum = lock_call(fd, path, byte, F_OFD_SETLK, exclusive ? F_WRLCK : F_RDLCK);
  if (errnum && errnum != EAGAIN && errnum != EACCES)
    return fail(errnum, "lock a byte of", path);
  *held = !errnum;
  return 0;
}

int os_lock_byte_wait(int fd, const char *path, uint64_t byte, int exclusive) {
  int errnum = lock_call(fd, path, byte, F_OFD_SETLKW, exclusive ? F_WRLCK : F_RDLCK);
  return errnum ? fail(errnum, "lock a byte of", path) : 0;
}

int os_unlock_byte(int fd, const char *path, uint64_t byte) {
  int errnum = lock_call(fd, path, byte, F_OFD_SETLK, F_UNLCK);
  return errnum ? fail(errnum, "unlock a byte of", path) : 0;
}

int os_lock_find(int fd, const char *path, uint64_t from, uint64_t to, uint64_t *start,
                 uint64_t *end) {
  int errnum = OS_HOOK(OS_CALL_LOCK, path, from, to - from);
  struct flock lock = {
      .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)from, .l_len = (off_t)(to - from)};
  if (!errnum && fcntl(fd, F_OFD_GETLK, &lock) < 0)
    errnum = errno;
  if (errnum)
    return fail(errnum, "look at a lock of", path);
  if (lock.l_type == F_UNLCK)
    return COPSE_NONE;
  *start = (uint64_t)lock.l_start;
  *end = lock.l_len ? (uint64_t)lock.l_start + (uint64_t)lock.l_len : UINT64_MAX;
  return 0;
}

int os_byte_held(int fd, const char *path, uint64_t byte, int *held) {
  uint64_t start, end;
  int result = os_lock_find(fd, path, byte, byte + 1, &start, &end);
  if (result < 0)
    return result;
  *held = result == 0;
  return 0;
}
