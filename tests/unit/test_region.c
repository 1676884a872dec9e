/* test_region.c - mapping files, growing them, keeping hold of their descriptors. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "sync_fixture.h"

#define GIB (UINT64_C(1) << 30)

static const char *path;
static struct region region;

static void open_region(unsigned flags, uint64_t reserve) {
  int fd;
  path = test_shm_path("file");
  CHECK_OK(os_open(path, OS_WRITE | OS_CREATE, 0600, &fd));
  CHECK_OK(region_open(&region, fd, path, 0, flags, reserve, 4096));
}

static int our_descriptor(void) {
  int fd;
  CHECK_OK(region_descriptor(&region, &fd));
  struct os_identity found;
  uint64_t size;
  CHECK_OK(os_examine(fd, path, &found, &size));
  CHECK_EQ(found.inode, region.identity.inode);
  return fd;
}

TEST(both_mappings_show_the_file_as_it_grows) {
  open_region(REGION_RO | REGION_RW, 4 * GIB);
  CHECK_EQ(region.reserved, 4 * GIB);
  CHECK_EQ(region.ro == region.rw, TEST_TSAN);
  CHECK_OK(region_allocate(&region, 0, 4096));
  region.rw[100] = 42;
  CHECK_EQ(region.ro[100], 42);
  CHECK_OK(region_allocate(&region, 3 * GIB, 4096));
  region.rw[3 * GIB + 1] = 43;
  CHECK_EQ(region.ro[3 * GIB + 1], 43);
  region_close(&region);
}

TEST(growth_is_seen_by_another_process) {
  open_region(REGION_RW, GIB);
  struct gate grown = gate_new();
  pid_t pid = test_fork();
  if (pid == 0) {
    struct region own;
    int fd;
    CHECK_OK(os_open(path, 0, 0, &fd));
    CHECK_OK(region_open(&own, fd, path, 0, REGION_RO, GIB, 4096));
    CHECK(own.rw == NULL);
    gate_wait(grown);
    CHECK_EQ(own.ro[99 * 4096], 7);
    return;
  }
  CHECK_OK(region_allocate(&region, 99 * 4096, 4096));
  region.rw[99 * 4096] = 7;
  gate_open(grown);
  CHECK_CHILD_OK(pid);
  gate_close(grown);
  region_close(&region);
}

TEST(one_mapping_serves_as_both) {
  open_region(REGION_RW, 1 << 20);
  CHECK_EQ(region.ro, region.rw);
  region_close(&region);
  region_close(&region);
}

TEST(reserve_shrinks_to_what_there_is) {
  if (TEST_TSAN || TEST_ASAN)
    SKIP("a sanitizer needs the address space");
  pid_t pid = test_fork();
  if (pid == 0) {
    struct rlimit limit = {.rlim_cur = GIB, .rlim_max = GIB};
    CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
    _exit(mmap(NULL, 2 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 7 : 8);
  }
  int status;
  CHECK_SYS(waitpid(pid, &status, 0));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
    SKIP("the address space cannot be limited here");
  pid = test_fork();
  if (pid == 0) {
    struct rlimit limit = {.rlim_cur = 4 * GIB, .rlim_max = 4 * GIB};
    CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
    open_region(REGION_RO | REGION_RW, UINT64_C(1) << 40);
    CHECK_EQ(region.reserved, GIB);
    region_close(&region);
    open_region(REGION_RO | REGION_RW, GIB / 2);
    CHECK_EQ(region.reserved, GIB / 2);
    region_close(&region);
    /* Half of what is left is given to something else: halves are tried, and room is left. */
    void *other = mmap(NULL, 3 * GIB - GIB / 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(other != MAP_FAILED);
    open_region(REGION_RO | REGION_RW, UINT64_C(1) << 40);
    CHECK_EQ(region.reserved, GIB / 4);
    void *beside = mmap(NULL, GIB / 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(beside != MAP_FAILED);
    CHECK_SYS(munmap(beside, GIB / 2));
    region_close(&region);
    int file = -1;
    CHECK_OK(os_open(path, OS_WRITE | OS_CREATE, 0600, &file));
    CHECK_OK(region_open(&region, file, path, 0, REGION_RO | REGION_RW, GIB, GIB / 2));
    CHECK_EQ(region.reserved, GIB / 2); /* no less than is needed */
    region_close(&region);
    int fd;
    CHECK_OK(os_open(path, OS_WRITE | OS_CREATE, 0600, &fd));
    CHECK_RESULT(region_open(&region, fd, path, 0, REGION_RO | REGION_RW, 4 * GIB, 2 * GIB),
                 COPSE_E_ADDRESS_SPACE);
    CHECK_EQ(fcntl(fd, F_GETFD), -1);
    return;
  }
  CHECK_CHILD_OK(pid);
}

TEST(a_closed_descriptor_is_opened_again) {
  open_region(REGION_RO | REGION_RW, GIB);
  int fd = our_descriptor();
  CHECK_EQ(our_descriptor(), fd);
  close(fd);
  int fd2 = our_descriptor();
  CHECK_OK(region_allocate(&region, 0, 8192));
  CHECK_OK(region_verify_size(&region, 8192));
  CHECK_EQ(our_descriptor(), fd2);
  region_close(&region);
  CHECK_EQ(fcntl(fd2, F_GETFD), -1);
}

/* The number has become another file's: it is neither used nor closed. */
TEST(a_reused_number_is_left_alone) {
  open_region(REGION_RO | REGION_RW, GIB);
  int fd = our_descriptor();
  int other = CHECK_SYS(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  CHECK_SYS(dup3(other, fd, O_CLOEXEC));
  CHECK_NE(our_descriptor(), fd);
  CHECK_OK(region_allocate(&region, 0, 4096));
  CHECK_SYS(dup3(other, our_descriptor(), O_CLOEXEC));
  int number = atomic_load(&region.fd);
  region_close(&region);
  CHECK_SYS(fcntl(fd, F_GETFD));
  CHECK_SYS(fcntl(number, F_GETFD));
  close(fd);
  close(number);
  close(other);
}

TEST(a_lost_file_is_an_error) {
  open_region(REGION_RO | REGION_RW, GIB);
  int fd, other;
  close(our_descriptor());
  CHECK_SYS(rename(path, test_shm_path("moved")));
  CHECK_RESULT(region_descriptor(&region, &fd), COPSE_E_DESCRIPTOR);
  CHECK_OK(os_open(path, OS_WRITE | OS_CREATE, 0600, &other));
  CHECK_RESULT(region_descriptor(&region, &fd), COPSE_E_DESCRIPTOR);
  CHECK_RESULT(region_allocate(&region, 0, 4096), COPSE_E_DESCRIPTOR);
  os_close(other);
  CHECK_SYS(rename(test_shm_path("moved"), path));
  CHECK_OK(region_descriptor(&region, &fd));
  region_close(&region);
  CHECK_OK(os_memfd("memory", &fd));
  CHECK_OK(region_open(&region, fd, "(anonymous)", 1, REGION_RW, GIB, 4096));
  int fresh;
  CHECK_OK(region_fresh_descriptor(&region, &fresh));
  CHECK_NE(fresh, fd);
  os_close(fresh);
  close(fd);
  CHECK_RESULT(region_descriptor(&region, &fd), COPSE_E_DESCRIPTOR);
  CHECK_RESULT(region_fresh_descriptor(&region, &fd), COPSE_E_DESCRIPTOR);
  region_close(&region);
}

TEST(a_fresh_descriptor_has_locks_of_its_own) {
  open_region(REGION_RW, GIB);
  int fresh, held;
  CHECK_OK(region_fresh_descriptor(&region, &fresh));
  CHECK_OK(os_lock_byte(fresh, path, 3, 1, &held));
  CHECK_EQ(held, 1);
  CHECK_OK(os_lock_byte(our_descriptor(), path, 3, 1, &held));
  CHECK_EQ(held, 0);
  os_close(fresh);
  CHECK_OK(os_lock_byte(our_descriptor(), path, 3, 1, &held));
  CHECK_EQ(held, 1);
  region_close(&region);
}

TEST(truncation_is_noticed) {
  open_region(REGION_RW, GIB);
  CHECK_OK(region_allocate(&region, 0, 65536));
  CHECK_OK(region_verify_size(&region, 65536));
  CHECK_SYS(truncate(path, 4096));
  CHECK_RESULT(region_verify_size(&region, 65536), COPSE_E_TRUNCATED);
  CHECK(strstr(copse_error_detail(), path) != NULL);
  CHECK_OK(region_verify_size(&region, 4096));
  region_close(&region);
}

TEST(reach_is_bounded_by_file_and_mapping) {
  open_region(REGION_RW, 1 << 20);
  uint64_t reach;
  CHECK_OK(region_reach(&region, 10000, &reach));
  CHECK_EQ(reach, 0);
  /* Another process grows it. */
  CHECK_SYS(truncate(path, 8192));
  CHECK_OK(region_reach(&region, 10000, &reach));
  CHECK_EQ(reach, 8192);
  CHECK_SYS(truncate(path, 2 << 20));
  CHECK_OK(region_reach(&region, 10000, &reach));
  CHECK_EQ(reach, 10000);
  CHECK_OK(region_reach(&region, UINT64_MAX, &reach));
  CHECK_EQ(reach, 1 << 20);
  region_close(&region);
}
