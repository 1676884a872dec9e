/* test_os.c - the seam to the system's files, locks, mappings and futexes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "sync_fixture.h"

static int create(const char *path) {
  int fd;
  CHECK_OK(os_open(path, OS_WRITE | OS_CREATE, 0600, &fd));
  return fd;
}

/* --- opening ------------------------------------------------------------------------- */

TEST(open_creates_and_refuses) {
  const char *path = test_shm_path("file"), *none = test_shm_path("none");
  int fd, other;
  CHECK_RESULT(os_open(path, OS_WRITE, 0, &fd), COPSE_E_NO_STORE);
  CHECK(strstr(copse_error_detail(), path) != NULL);
  CHECK_OK(os_open(path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, 0640, &fd));
  struct stat st;
  CHECK_SYS(fstat(fd, &st));
  CHECK_EQ(st.st_mode & 0777, 0640);
  CHECK_EQ(CHECK_SYS(fcntl(fd, F_GETFD)) & FD_CLOEXEC, FD_CLOEXEC);
  CHECK_RESULT(os_open(path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE, 0640, &other),
               COPSE_E_STORE_EXISTS);
  CHECK_OK(os_open(path, 0, 0, &other));
  CHECK_EQ(write(other, "x", 1), -1);
  os_close(other);
  os_close(fd);
  CHECK_RESULT(os_unlink(none), COPSE_E_NO_STORE);
  CHECK_OK(os_link(path, none));
  CHECK_RESULT(os_link(path, none), COPSE_E_STORE_EXISTS);
  CHECK_OK(os_unlink(none));
  CHECK_OK(os_unlink(path));
}

TEST(open_refuses_what_is_no_regular_file) {
  const char *target = test_shm_path("target"), *link = test_shm_path("link");
  const char *fifo = test_shm_path("fifo"), *folder = test_shm_path("folder");
  int fd;
  os_close(create(target));
  CHECK_SYS(symlink(target, link));
  CHECK_RESULT(os_open(link, OS_WRITE | OS_CREATE, 0600, &fd), COPSE_E_NOT_A_STORE);
  CHECK_RESULT(os_open(link, OS_NOFOLLOW, 0, &fd), COPSE_E_NOT_A_STORE);
  CHECK_OK(os_open(link, OS_WRITE, 0, &fd));
  os_close(fd);
  CHECK_SYS(mkfifo(fifo, 0600));
  CHECK_RESULT(os_open(fifo, 0, 0, &fd), COPSE_E_NOT_A_STORE);
  CHECK_RESULT(os_open(fifo, OS_WRITE, 0, &fd), COPSE_E_NOT_A_STORE);
  CHECK_SYS(mkdir(folder, 0700));
  CHECK_RESULT(os_open(folder, OS_WRITE, 0, &fd), COPSE_E_NOT_A_STORE);
  CHECK_RESULT(os_open(folder, 0, 0, &fd), COPSE_E_NOT_A_STORE);
  CHECK_RESULT(os_open("/dev/null", OS_WRITE, 0, &fd), COPSE_E_NOT_A_STORE);
  CHECK_SYS(rmdir(folder));
}

TEST(descriptors_stay_clear_of_the_standard_streams) {
  const char *path = test_shm_path("file");
  pid_t pid = test_fork();
  if (pid == 0) {
    close(0);
    close(1);
    close(2);
    int fd;
    if (os_open(path, OS_WRITE | OS_CREATE, 0600, &fd) || fd < 3)
      _exit(2);
    if (os_memfd("memory", &fd) || fd < 3)
      _exit(3);
    if (os_reopen(fd, "memory", OS_WRITE, &fd) || fd < 3)
      _exit(4);
    _exit(fcntl(0, F_GETFD) == -1 && fcntl(1, F_GETFD) == -1 ? 0 : 5);
  }
  CHECK_CHILD_OK(pid);
}

TEST(memfd_cannot_shrink) {
  int fd, again;
  CHECK_OK(os_memfd("memory", &fd));
  CHECK_OK(os_allocate(fd, "(anonymous)", 0, 8192));
  CHECK_EQ(ftruncate(fd, 4096), -1);
  CHECK_EQ(errno, EPERM);
  struct os_identity a, b;
  uint64_t size;
  CHECK_OK(os_reopen(fd, "(anonymous)", OS_WRITE, &again));
  CHECK_OK(os_examine(fd, "", &a, &size));
  CHECK_OK(os_examine(again, "", &b, &size));
  CHECK(a.device == b.device && a.inode == b.inode);
  os_close(fd);
  os_close(again);
  CHECK_RESULT(os_examine(again, "gone", &a, &size), COPSE_E_DESCRIPTOR);
}

static void check_refused(int fd, uint64_t magic, const char *name) {
  int memory;
  os_file_system_magic = magic;
  int code = os_check_file_system(fd, "/some/path", &memory);
  os_file_system_magic = 0;
  CHECK_RESULT(code, COPSE_E_FILE_SYSTEM);
  CHECK_MSG(strstr(copse_error_detail(), name), "detail: %s", copse_error_detail());
  CHECK(strstr(copse_error_detail(), "/some/path") != NULL);
}

TEST(file_systems_are_told_apart) {
  int fd = create(test_shm_path("file")), anonymous, memory = 0;
  CHECK_OK(os_check_file_system(fd, "shm", &memory));
  CHECK_EQ(memory, 1);
  CHECK_OK(os_memfd("memory", &anonymous));
  memory = 0;
  CHECK_OK(os_check_file_system(anonymous, "memory", &memory));
  CHECK_EQ(memory, 1);
  os_file_system_magic = 0xef53;
  CHECK_OK(os_check_file_system(fd, "ext4", &memory));
  CHECK_EQ(memory, 0);
  os_file_system_magic = 0x58465342;
  CHECK_OK(os_check_file_system(fd, "xfs", &memory));
  check_refused(fd, 0x6969, "NFS");
  check_refused(fd, 0xff534d42, "CIFS");
  check_refused(fd, 0x65735546, "FUSE");
  check_refused(fd, 0x794c7630, "overlayfs");
  check_refused(fd, 0x01021997, "9p");
  check_refused(fd, 0x9123683e, "btrfs");
  check_refused(fd, 0x12345678, "0x12345678");
  os_close(fd);
  os_close(anonymous);
  int proc;
  CHECK_OK(os_open("/proc/self/status", 0, 0, &proc));
  CHECK_RESULT(os_check_file_system(proc, "/proc/self/status", &memory), COPSE_E_FILE_SYSTEM);
  os_close(proc);
}

/* --- storage ------------------------------------------------------------------------- */

static int hook_errnum;
static enum os_call hook_call;
static int fail_call(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  (void)path;
  (void)offset;
  (void)size;
  return call == hook_call ? hook_errnum : 0;
}
static void fail_with(enum os_call call, int errnum) {
  hook_call = call;
  hook_errnum = errnum;
  os_hook = errnum ? fail_call : NULL;
}

TEST(storage_reading_and_writing) {
  const char *path = test_shm_path("file");
  int fd = create(path);
  uint64_t size;
  char text[8];
  CHECK_OK(os_allocate(fd, path, 4096, 4096));
  CHECK_OK(os_size(fd, path, &size));
  CHECK_EQ(size, 8192);
  CHECK_OK(os_allocate(fd, path, 0, 100));
  CHECK_OK(os_size(fd, path, &size));
  CHECK_EQ(size, 8192);
  CHECK_OK(os_pwrite(fd, path, "abcdefg", 8, 8188));
  CHECK_OK(os_pread(fd, path, text, 8, 8188));
  CHECK_STR(text, "abcdefg");
  CHECK_RESULT(os_pread(fd, path, text, 8, 8190), COPSE_E_TRUNCATED);
  CHECK_OK(os_sync(fd, path));
  /* Without fallocate: what is there stays, what is beyond is zero. */
  fail_with(OS_CALL_ALLOCATE, EOPNOTSUPP);
  CHECK_OK(os_allocate(fd, path, 4096, 200000));
  fail_with(OS_CALL_ALLOCATE, ENOSPC);
  CHECK_RESULT(os_allocate(fd, path, 4096, 400000), COPSE_E_NO_SPACE);
  fail_with(OS_CALL_SYNC, EIO);
  CHECK_RESULT(os_sync(fd, path), COPSE_E_IO);
  CHECK(strstr(copse_error_detail(), path) != NULL);
  fail_with(OS_CALL_SYNC, 0);
  CHECK_OK(os_size(fd, path, &size));
  CHECK_EQ(size, 204096);
  CHECK_OK(os_pread(fd, path, text, 8, 8188));
  CHECK_STR(text, "abcdefg");
  os_close(fd);
}

TEST(size_limit_is_an_error_not_a_signal) {
  const char *path = test_shm_path("file");
  int fd = create(path);
  CHECK_OK(os_allocate(fd, path, 0, 65536));
  pid_t pid = test_fork();
  if (pid == 0) {
    struct rlimit limit = {.rlim_cur = 32768, .rlim_max = RLIM_INFINITY};
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit));
    CHECK_RESULT(os_allocate(fd, path, 0, 65537), COPSE_E_NO_SPACE);
    CHECK(strstr(copse_error_detail(), "RLIMIT_FSIZE") != NULL);
    CHECK_RESULT(os_pwrite(fd, path, "xx", 2, 65535), COPSE_E_NO_SPACE);
    CHECK_OK(os_allocate(fd, path, 0, 65536));
    return;
  }
  CHECK_CHILD_OK(pid);
  os_close(fd);
}

static void ignore_signal(int signal) { (void)signal; }

/* Signals that come faster than a large reservation ends (tmpfs gives up and undoes it). */
TEST(allocation_gets_through_signals) {
  const char *path = test_shm_path("file");
  pid_t pid = test_fork();
  if (pid == 0) {
    int fd = create(path);
    struct sigaction action = {.sa_handler = ignore_signal};
    CHECK_SYS(sigaction(SIGALRM, &action, NULL));
    struct itimerval timer = {.it_interval = {0, 700}, .it_value = {0, 700}};
    CHECK_SYS(setitimer(ITIMER_REAL, &timer, NULL));
    CHECK_OK(os_allocate(fd, path, 0, UINT64_C(96) << 20));
    uint64_t size;
    CHECK_OK(os_size(fd, path, &size));
    CHECK_EQ(size, UINT64_C(96) << 20);
    return;
  }
  CHECK_CHILD_OK(pid);
}

/* --- mappings ------------------------------------------------------------------------ */

TEST(mapping_reaches_beyond_the_end) {
  const char *path = test_shm_path("file");
  int fd = create(path);
  void *map;
  CHECK_OK(os_map(fd, path, UINT64_C(1) << 30, OS_MAP_WRITE | OS_MAP_NO_DUMP, &map));
  CHECK_OK(os_allocate(fd, path, 0, 8192));
  ((char *)map)[8191] = 'z';
  CHECK_OK(os_allocate(fd, path, 1 << 20, 4096));
  os_populate((char *)map + (1 << 20), 4096, 1);
  CHECK_EQ(((char *)map)[(1 << 20) + 5], 0);
  char c;
  CHECK_OK(os_pread(fd, path, &c, 1, 8191));
  CHECK_EQ(c, 'z');
  os_unmap(map, UINT64_C(1) << 30);
  CHECK_RESULT(os_map(fd, path, UINT64_C(1) << 60, 0, &map), COPSE_E_ADDRESS_SPACE);
  os_close(fd);
  CHECK_RESULT(os_map(fd, path, 4096, 0, &map), COPSE_E_DESCRIPTOR);
}

/* --- locks --------------------------------------------------------------------------- */

TEST(locks_belong_to_descriptions) {
  const char *path = test_shm_path("file");
  int a = create(path), b = create(path), held;
  uint64_t byte = UINT64_C(1) << 40;
  CHECK_OK(os_lock_byte(a, path, byte, 1, &held));
  CHECK_EQ(held, 1);
  CHECK_OK(os_lock_byte(b, path, byte, 1, &held));
  CHECK_EQ(held, 0);
  CHECK_OK(os_lock_byte(b, path, byte, 0, &held));
  CHECK_EQ(held, 0);
  CHECK_OK(os_lock_byte(b, path, byte + 1, 1, &held));
  CHECK_EQ(held, 1);
  CHECK_OK(os_unlock_byte(a, path, byte));
  CHECK_OK(os_lock_byte(b, path, byte, 0, &held));
  CHECK_EQ(held, 1);
  CHECK_OK(os_lock_byte_wait(a, path, byte, 0));
  os_close(b);
  CHECK_OK(os_lock_byte_wait(a, path, byte, 1));
  os_close(a);
  CHECK_RESULT(os_lock_byte(a, path, byte, 1, &held), COPSE_E_DESCRIPTOR);
}

TEST(a_mapping_keeps_the_lock) {
  const char *path = test_shm_path("file");
  int a = create(path), b = create(path), held;
  void *page;
  CHECK_OK(os_map(a, path, 4096, OS_MAP_NO_FORK, &page));
  CHECK_OK(os_lock_byte(a, path, 7, 1, &held));
  os_close(a);
  CHECK_OK(os_lock_byte(b, path, 7, 1, &held));
  CHECK_EQ(held, 0);
  os_unmap(page, 4096);
  CHECK_OK(os_lock_byte(b, path, 7, 1, &held));
  CHECK_EQ(held, 1);
  os_close(b);
}

/* --- futexes ------------------------------------------------------------------------- */

TEST(futex_looks_first) {
  uint32_t word = 5;
  _Atomic int own = 1;
  CHECK_OK(os_futex_wait(&word, 4, -1));
  CHECK_OK(os_futex_wait_either(&word, 5, &own, -1));
  CHECK_RESULT(os_futex_wait(&word, 5, 1000), COPSE_E_TIMEOUT);
  CHECK_RESULT(os_futex_wait(&word, 5, 0), COPSE_E_TIMEOUT);
  own = 0;
  CHECK_RESULT(os_futex_wait_either(&word, 5, &own, 1000), COPSE_E_TIMEOUT);
  CHECK_EQ(os_futex_wake(&word, 1), 0);
}

/* A child waits on a word that it has mapped read-only, from a file of its own description. */
TEST(futex_wakes_read_only_mappings_of_other_processes) {
  const char *path = test_shm_path("file");
  int fd = create(path);
  CHECK_OK(os_allocate(fd, path, 0, 4096));
  _Atomic uint32_t *word;
  void *map;
  CHECK_OK(os_map(fd, path, 4096, OS_MAP_WRITE, &map));
  word = map;
  pid_t pid = test_fork();
  if (pid == 0) {
    int own;
    void *ro;
    CHECK_OK(os_open(path, 0, 0, &own));
    CHECK_OK(os_map(own, path, 4096, 0, &ro));
    CHECK_OK(os_futex_wait(ro, 0, -1));
    CHECK_EQ(atomic_load((const _Atomic uint32_t *)ro), 1);
    return;
  }
  child_await_state(pid, 'S');
  atomic_store(word, 1);
  while (child_state(pid) == 'S')
    os_futex_wake(word, 1);
  CHECK_CHILD_OK(pid);
  os_close(fd);
  os_unmap(map, 4096);
}

static _Atomic int handled;
static void count_signal(int signal) {
  (void)signal;
  atomic_fetch_add(&handled, 1);
}

struct sleeper {
  _Atomic uint32_t word;
  _Atomic int own, done, code;
  int64_t timeout_ns;
};

static void *sleep_on(void *arg) {
  struct sleeper *s = arg;
  int code;
  do
    code = os_futex_wait_either(&s->word, 0, &s->own, s->timeout_ns);
  while (!code && !atomic_load(&s->word) && !atomic_load(&s->own));
  atomic_store(&s->code, code);
  atomic_store(&s->done, 1);
  return NULL;
}

static void install(int flags) {
  struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};
  CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
}

TEST(futex_is_interrupted_by_handlers_without_restart) {
  static const int64_t limits[] = {-1, INT64_C(1000000000000)};
  install(0);
  for (size_t i = 0; i < 2; i++) {
    static struct sleeper s;
    s = (struct sleeper){.timeout_ns = limits[i]};
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, sleep_on, &s), 0);
    while (!atomic_load(&s.done)) {
      pthread_kill(thread, SIGUSR1);
      sched_yield();
    }
    pthread_join(thread, NULL);
    CHECK_RESULT(s.code, COPSE_E_INTERRUPTED);
  }
}

TEST(futex_goes_on_after_handlers_with_restart) {
  if (TEST_TSAN)
    SKIP("the sanitizer puts handlers off");
  static const int64_t limits[] = {-1, INT64_C(1000000000000)};
  uint32_t probe = 1;
  errno = 0;
  if (os_futex_wait(&probe, 0, 0) || syscall(449, NULL, 0, 0, NULL, 0) == -1)
    if (errno == ENOSYS)
      SKIP("this kernel has no futex_waitv");
  install(SA_RESTART);
  for (size_t i = 0; i < 2; i++) {
    static struct sleeper s;
    s = (struct sleeper){.timeout_ns = limits[i]};
    atomic_store(&handled, 0);
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, sleep_on, &s), 0);
    while (atomic_load(&handled) < 200 && !atomic_load(&s.done)) {
      pthread_kill(thread, SIGUSR1);
      sched_yield();
    }
    CHECK_EQ(s.done, 0);
    atomic_store(&s.word, 1);
    while (!atomic_load(&s.done))
      os_futex_wake(&s.word, 1);
    pthread_join(thread, NULL);
    CHECK_OK(s.code);
  }
}

TEST(futex_is_ended_by_the_word_of_its_own) {
  static struct sleeper s;
  s = (struct sleeper){.timeout_ns = -1};
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, sleep_on, &s), 0);
  sched_yield();
  atomic_store(&s.own, 1);
  os_futex_wake_own(&s.own);
  pthread_join(thread, NULL);
  CHECK_OK(s.code);
}

/* --- this process -------------------------------------------------------------------- */

TEST(process_and_machine) {
  uint8_t a[16], b[16];
  os_boot_id(a);
  os_boot_id(b);
  CHECK_BYTES(a, 16, b, 16);
  uint64_t x = 0, y = 0;
  CHECK_OK(os_random(&x, sizeof x));
  CHECK_OK(os_random(&y, sizeof y));
  CHECK_NE(x, y);
  CHECK_NE(os_pid_namespace(), 0);
  char name[16];
  os_command_name(name);
  CHECK_NE(strlen(name), 0);
}
